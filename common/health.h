/*
 * /metrics, /livez, /readyz and /statusz of a running pipeline, by libmicrohttpd; on loopback unless configured.
 *
 * GET and HEAD only, bounded connections and time-outs. Nothing it says holds an identifier.
 */
#ifndef CLICKVEIL_COMMON_HEALTH_H
#define CLICKVEIL_COMMON_HEALTH_H

#include "common/error.h"

#include <stdio.h>

struct health;
struct kafka_pipeline;

/* Start the server on config.http's address and port. NULL: the address is taken or wrong (exit status 69 or 78). */
struct health *health_new(struct kafka_pipeline *pipeline, struct error *error);
void health_free(struct health *health); /* NULL is fine */

#endif
