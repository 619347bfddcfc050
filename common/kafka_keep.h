/*
 * The snapshot of a followed topic: reused at the start where it may be, and written again every so often (spec 3,
 * rule 11). Used by kafka_follow.c; the follower's reader thread, but for kafka_keep_free.
 */
#ifndef CLICKVEIL_COMMON_KAFKA_KEEP_H
#define CLICKVEIL_COMMON_KAFKA_KEEP_H

#include "common/config.h"
#include "common/followed_options.h"
#include "common/kafka_birth.h"
#include "common/stage.h"

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>

struct kafka_keep;

/* NULL with true: no snapshot is wanted, or the stage makes none. All arguments live longer. */
CLICKVEIL_MUST_CHECK bool kafka_keep_new(const struct config *config, const struct followed *followed,
                                         void *stage_shared, const struct followed_options *options,
                                         const char *topic, struct kafka_keep **out_keep,
                                         struct error *error);
void kafka_keep_free(struct kafka_keep *keep); /* the reader thread has ended; NULL is fine */

/* Restore the state from the file if it may be reused: then the offsets from which on to read, by partition. Says in the
 * log which, or why not; `positions` are left then. first, ends: what the topic has. False: can't go on. */
CLICKVEIL_MUST_CHECK bool kafka_keep_restore(struct kafka_keep *keep, rd_kafka_t *client,
                                             struct kafka_births *births, int32_t partitions,
                                             const int64_t *first, const int64_t *ends,
                                             _Atomic int64_t *positions, struct error *error);

/* Begin or go on with a snapshot when it is time. known_ms: Unix time of which everything is in the state. */
void kafka_keep_step(struct kafka_keep *keep, struct kafka_births *births, int32_t partitions,
                     const _Atomic int64_t *positions, int64_t known_ms);

/* Is one being written, so that kafka_keep_step should be called soon? */
bool kafka_keep_is_writing(const struct kafka_keep *keep);

#endif
