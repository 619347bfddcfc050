/*
 * What a followed topic is made of: where the records of a topic are what some stage's side input makes of another topic
 * (retractions of consent records, spec 3, rule 9), reading the topic to its end is not enough. What stands in the other
 * one must have been answered before, or a backlog of the side input would hide it.
 *
 * The side input's group says how far it is: its positions are committed in the transactions that hold its answers. So a
 * source is asked for its end (last stable offsets: the side input answers committed records only), then the group until
 * it has reached that end.
 *
 * One thread at a time.
 */
#ifndef CLICKVEIL_COMMON_KAFKA_SOURCE_H
#define CLICKVEIL_COMMON_KAFKA_SOURCE_H

#include "common/config.h"
#include "common/stage.h"

struct kafka_source;

/* The stage of the whole chain, run by this process or another, whose side input writes that topic out of another one;
 * NULL: there is none. */
const struct stage *kafka_source_stage(const struct config *config, enum topic_role topic);

/* Connects in the background. NULL: error says why. */
struct kafka_source *kafka_source_new(const struct config *config, const struct stage *stage,
                                      struct error *error);
void kafka_source_free(struct kafka_source *source); /* NULL is fine */

/* Take the source's end as it is now. Blocks for a request. False: error, retriable or not. */
CLICKVEIL_MUST_CHECK bool kafka_source_take_end(struct kafka_source *source, struct error *error);

/* Has the side input answered everything before that end? Blocks for a request. */
CLICKVEIL_MUST_CHECK bool kafka_source_ask(struct kafka_source *source, bool *out_answered,
                                           struct error *error);

/* "<stage>'s side input, group <group>"; lives as long as the source. */
const char *kafka_source_name(const struct kafka_source *source);

#endif
