/*
 * One GET of a path from a process of our own on this host or network, for tools: HTTP/1.0, a bounded body, a time-out.
 *
 * Blocks. Any thread.
 */
#ifndef CLICKVEIL_COMMON_HTTP_GET_H
#define CLICKVEIL_COMMON_HTTP_GET_H

#include "common/error.h"

#include <stdint.h>

/* Ask `address` (a numeric IPv4 or IPv6 address; one that means "all" is taken for loopback) for `path`. *out_body: the body
 * of a 200 answer, NUL behind it, freed by the caller. False: nobody answers there (exit status 69), or it is no such answer. */
CLICKVEIL_MUST_CHECK bool http_get(const char *address, uint16_t port, const char *path, int timeout_ms,
                                   char **out_body, struct error *error);

#endif
