/*
 * What a followed topic is made of: where the records of a topic are what some stage's side input makes of another topic
 * (retractions of consent records, spec 3, rule 9), reading the topic to its end is not enough. What stands in the other
 * one must have been answered before, or a backlog of the side input would hide it.
 *
 * The side input's group says how far it is: its positions are committed in the transactions that hold its answers. So a
 * source is asked for its end (last stable offsets: the side input answers committed records only), then the group until
 * it has reached that end.
 *
 * A transaction that is open hides what stands behind its beginning, choices of others too, until it ends. Nobody waits for
 * each one, or whoever writes all the time would be waited for all the time; but what is known is only as new as the last
 * high watermarks that the last stable offsets have reached. A writer that hangs is older than the lease after the lease; how
 * long one has been open when a process starts is not known, so nothing is known before it has ended.
 *
 * One thread at a time, unless a function says otherwise.
 */
#ifndef CLICKVEIL_COMMON_KAFKA_SOURCE_H
#define CLICKVEIL_COMMON_KAFKA_SOURCE_H

#include "common/config.h"
#include "common/stage.h"

#include <librdkafka/rdkafka.h>

struct kafka_source;

/* The stage of the whole chain, run by this process or another, whose side input writes that topic out of another one;
 * NULL: there is none. */
const struct stage *kafka_source_stage(const struct config *config, enum topic_role topic);

/* Connects in the background. made: name of the topic that is made of it, for the log; watermarks: a client of
 * KAFKA_ROLE_OFFSETS, used by whoever calls kafka_source_await. They live longer. NULL: error says why. */
struct kafka_source *kafka_source_new(const struct config *config, const struct stage *stage,
                                      const char *made, rd_kafka_t *watermarks, struct error *error);
void kafka_source_free(struct kafka_source *source); /* NULL is fine */

/* Wait until the side input has answered all that was committed in the source when it was asked. *out_asked_ms: all that stood
 * there then, committed or not, was ended and answered (monotonic; INT64_MIN: there was no such moment yet). Goes on, and
 * says so in the log, until is_stopping(context) is true (then true too); false: the broker refuses (error says why). */
CLICKVEIL_MUST_CHECK bool kafka_source_await(struct kafka_source *source,
                                             bool (*is_stopping)(const void *context), const void *context,
                                             int64_t *out_asked_ms, struct error *error);

enum kafka_source_state {
    KAFKA_SOURCE_ANSWERED = 0,
    KAFKA_SOURCE_BEHIND, /* the last answer was that something is not answered yet */
    KAFKA_SOURCE_HIDDEN, /* or was, but an open transaction may hide more */
};

/* Any thread. */
enum kafka_source_state kafka_source_state(const struct kafka_source *source);

/* The topic that is asked; lives as long as the configuration. Any thread. */
const char *kafka_source_topic(const struct kafka_source *source);

/* "<stage>'s side input (group <group>)"; lives as long as the source. Any thread. */
const char *kafka_source_name(const struct kafka_source *source);

#endif
