/*
 * /metrics, /livez, /readyz and /statusz of a running pipeline, by libmicrohttpd; on loopback unless configured.
 *
 *   /metrics   Prometheus text 0.0.4: docs/metrics.md
 *   /livez     200 while every thread of the process lives, else 503: restart it
 *   /readyz    200 when followed topics are complete and fresh and every worker is in its group, else 503 with the
 *              reasons, one a line: wait, or see what is wrong
 *   /statusz   the same and more as one JSON object, for people and programs; always 200
 *
 * GET and HEAD only, bounded connections and time-outs (common/http_server.h). Nothing it says holds an identifier.
 */
#ifndef CLICKVEIL_COMMON_HEALTH_H
#define CLICKVEIL_COMMON_HEALTH_H

#include "common/error.h"

struct health;
struct kafka_pipeline;

/* Start the server on config.http's address and port. NULL: the address is taken or wrong (exit status 69 or 78). */
struct health *health_new(struct kafka_pipeline *pipeline, struct error *error);
void health_free(struct health *health); /* before the pipeline; NULL is fine */

#endif
