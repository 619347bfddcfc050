/*
 * Writing to the consent topic from a tool: one transaction a call, all or nothing, acknowledged by all in-sync replicas.
 *
 * The records carry the header `clickveil-author`, unless they are somebody else's. The transactional.id is
 * PIPELINE.consent-command.INSTANCE: two commands of one instance fence each other; whoever was fenced has written nothing
 * and tries again.
 *
 * One thread.
 */
#ifndef CLICKVEIL_COMMON_KAFKA_CONSENT_H
#define CLICKVEIL_COMMON_KAFKA_CONSENT_H

#include "common/config.h"
#include "common/error.h"
#include "common/view.h"

#include <stdint.h>

struct kafka_consent;

enum { KAFKA_CONSENT_RECORDS_MAX = 10000 }; /* in one transaction */

struct kafka_consent_record {
    int32_t partition;
    struct view key;
    struct view value;    /* absent: tombstone */
    int64_t timestamp_ms; /* 0: now */
    bool is_foreign;      /* written as somebody else wrote it: without the header */
    int64_t offset;       /* set by kafka_consent_write */
};

/* Connect, fence and end what an earlier command of this instance left open. NULL: no broker within timeout_ms, no right, or
 * no topic. */
struct kafka_consent *kafka_consent_new(const struct config *config, int timeout_ms, struct error *error);
void kafka_consent_free(struct kafka_consent *writer); /* NULL is fine */

/* Partitions of the topic. */
int32_t kafka_consent_partitions(const struct kafka_consent *writer);

/* Has the group that reads the pipeline's events a member at this moment? True also where the broker does not say: who asks is
 * careful with a pipeline that runs. */
bool kafka_consent_pipeline_runs(struct kafka_consent *writer);

/* Write 1 to KAFKA_CONSENT_RECORDS_MAX records and wait for the commit. False: nothing is committed, or, where error says so,
 * nobody knows. */
CLICKVEIL_MUST_CHECK bool kafka_consent_write(struct kafka_consent *writer,
                                              struct kafka_consent_record *records, unsigned count,
                                              struct error *error);

#endif
