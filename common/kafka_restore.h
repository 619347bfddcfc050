/*
 * Bring a worker's state back from its changelog (architecture 2).
 *
 * For every partition that was assigned: read the changelog's partition of the same number up to the high watermark
 * that a read-uncommitted handle gives, committed records only, and give them to the chain. Then the last `position`
 * record must equal the committed offset: transaction markers are written per partition, so a stable offset alone
 * does not mean that the changelog is complete. When it does not, wait; in the end stop and name both numbers.
 *
 * A position record: key "position", value JSON {"v":1,"partition":P,"next_offset":N,"partitions":C,"input":TOPIC,
 * "stage":FIRST STAGE OF THE CUT,"format":1}. One thread: its worker's, which polls its paused consumer between steps.
 */
#ifndef CLICKVEIL_COMMON_KAFKA_RESTORE_H
#define CLICKVEIL_COMMON_KAFKA_RESTORE_H

#include "common/chain.h"
#include "common/config.h"
#include "common/error.h"

#include <librdkafka/rdkafka.h>

enum { KAFKA_RESTORE_POSITION_VERSION = 1 };

struct kafka_restore;

enum kafka_restore_result {
    KAFKA_RESTORE_FAILED = 0,
    KAFKA_RESTORE_GOING,
    KAFKA_RESTORE_DONE,
};

struct kafka_restore_partition {
    int32_t partition;
    int64_t committed; /* offset committed for the input; -1: none. Renewed while waiting; final when DONE */
};

struct kafka_restore *kafka_restore_new(const struct config *config, struct chain *chain,
                                        struct error *error);
void kafka_restore_free(struct kafka_restore *restore);

/* Begin for these partitions; `input_partitions` is their topic's number of them. Copies the array. Asks nobody yet:
 * kafka_restore_step does. */
CLICKVEIL_MUST_CHECK bool kafka_restore_begin(struct kafka_restore *restore,
                                              const struct kafka_restore_partition *partitions,
                                              unsigned count, int32_t input_partitions, struct error *error);

/* One step of at most timeout_ms. `consumer` is asked again for committed offsets while a position is behind. */
enum kafka_restore_result kafka_restore_step(struct kafka_restore *restore, rd_kafka_t *consumer,
                                             int timeout_ms, struct error *error);

/* The partitions with their final committed offsets; valid until the next begin. */
const struct kafka_restore_partition *kafka_restore_partitions(const struct kafka_restore *restore,
                                                               unsigned *out_count);

/* While nothing is restored: let the handles say what they have to say, now and then. */
void kafka_restore_serve(struct kafka_restore *restore);

/* Give up what is under way (the partitions were revoked). */
void kafka_restore_cancel(struct kafka_restore *restore);

/* Share of the changelog that has been read, 0 to 1. Any thread. */
double kafka_restore_ratio(const struct kafka_restore *restore);

/* Make a position record for the changelog; memory from the arena. False: the arena is full. */
CLICKVEIL_MUST_CHECK bool kafka_restore_position(const struct config *config, int32_t partition,
                                                 int64_t next_offset, int32_t input_partitions,
                                                 struct arena *arena, struct output *out_output);

#endif
