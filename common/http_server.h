/*
 * A small HTTP server for answers that are made from memory: GET and HEAD, one thread, bounded connections.
 *
 * By libmicrohttpd. Everything but GET and HEAD is 405, what the handler does not know 404; every answer closes its
 * connection, so that idle ones cannot use up the bound.
 */
#ifndef CLICKVEIL_COMMON_HTTP_SERVER_H
#define CLICKVEIL_COMMON_HTTP_SERVER_H

#include "common/error.h"

#include <stdint.h>
#include <stdio.h>

enum {
    HTTP_SERVER_CONNECTIONS_MAX = 32,
    HTTP_SERVER_TIMEOUT_S = 10,                   /* a connection that is silent for that long is closed */
    HTTP_SERVER_CONNECTION_BYTES_MAX = 16 * 1024, /* of a request with its headers */
};

struct http_server;

/* Answer one path ("/metrics", without the query): write the body, set the content type (static; plain text when left
 * alone) and return the HTTP status, 404 for a path that is not known. What was written is thrown away unless the
 * status is 200 or 503. Called by the server's thread. */
typedef unsigned http_handler(void *context, const char *path, FILE *body, const char **content_type);

/* Listen on an IPv4 or IPv6 address; port 0 takes a free one. NULL: the port is taken (exit status 69), or the address
 * is not one of this machine or may not be used (78). */
struct http_server *http_server_new(const char *address, uint16_t port, http_handler *handler, void *context,
                                    struct error *error);
void http_server_free(
    struct http_server *server); /* waits for the answer that is being given; NULL is fine */

uint16_t http_server_port(const struct http_server *server);

#endif
