/*
 * Is a topic still the one that it was (spec 3, rule 11)? The client library has no topic IDs, so `clickveil topics create`
 * writes a birth record to each partition that has none: key `meta:birth:<uuid>`, header clickveil-author. Compaction keeps it at its
 * offset; a topic that was deleted and made anew has another, or none.
 *
 * kafka_births_note and kafka_births_check: any thread.
 */
#ifndef CLICKVEIL_COMMON_KAFKA_BIRTH_H
#define CLICKVEIL_COMMON_KAFKA_BIRTH_H

#include "common/config.h"
#include "common/error.h"
#include "common/snapshot_file.h"

struct kafka_births;

/* NULL: memory is short. `config` and `topic` live longer. */
struct kafka_births *kafka_births_new(const struct config *config, const char *topic, int32_t partitions);
void kafka_births_free(struct kafka_births *births); /* NULL is fine */

/* A record of the topic. False: it is a birth record other than the one that was there (error says so). */
CLICKVEIL_MUST_CHECK bool kafka_births_note(struct kafka_births *births, int32_t partition, int64_t offset,
                                            struct view key, struct view author, struct error *error);

/* Read the birth records that are known again, where they stood. False: one is not there any more (error says so), or the
 * broker did not answer (error->retriable). */
CLICKVEIL_MUST_CHECK bool kafka_births_check(struct kafka_births *births, int timeout_ms,
                                             struct error *error);

/* Does each partition have one? Then they are filled in. */
bool kafka_births_get(struct kafka_births *births, struct snapshot_partition *partitions);

/* Know those of a snapshot. False: one is missing there. */
CLICKVEIL_MUST_CHECK bool kafka_births_set(struct kafka_births *births,
                                           const struct snapshot_partition *partitions);
void kafka_births_forget(struct kafka_births *births); /* know none */

/* Write birth records to all partitions of a new topic. */
CLICKVEIL_MUST_CHECK bool kafka_births_write(const struct config *config, const char *topic,
                                             int32_t partitions, int timeout_ms, struct error *error);

/* Write them to those partitions of a topic that have none: one that was made otherwise, or has grown. It is read until
 * each partition's is found, hence whole where one is missing. progress: as in struct kafka_scan, with its context NULL.
 * *out_written: to how many. */
CLICKVEIL_MUST_CHECK bool kafka_births_complete(const struct config *config, const char *topic,
                                                int32_t partitions, int timeout_ms,
                                                void (*progress)(void *context, double ratio),
                                                int32_t *out_written, struct error *error);

#endif
