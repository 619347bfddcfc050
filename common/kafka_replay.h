/*
 * Putting the inputs of dead letters back on the topic of events: the event and the marker that says which letter it was
 * (common/dead_letter_marks.h) in one transaction, several letters to each.
 *
 * The transactional.id is PIPELINE.dead-letters-replay, one for the pipeline: to open it fences a replay that runs elsewhere,
 * and ends its open transaction. Whoever then reads the dead-letter topic up to its high watermarks has seen every marker
 * that there will ever be but its own, so nothing is put back twice.
 *
 * One thread.
 */
#ifndef CLICKVEIL_COMMON_KAFKA_REPLAY_H
#define CLICKVEIL_COMMON_KAFKA_REPLAY_H

#include "common/config.h"
#include "common/dead_letter_marks.h"
#include "common/error.h"

struct kafka_replay;

struct kafka_replay_event {
    struct dead_letter_place letter; /* whose input it is */
    int32_t partition;               /* of the topic of events */
    struct view key, value;          /* absent: null; copied */
    int64_t timestamp_ms;            /* Kafka's, of the original */
    unsigned attempts;               /* how often it has failed, from 1 */
    bool late;                       /* input.late_max is not to go for it */
    int64_t marker_ms;               /* Kafka timestamp of the marker */
};

/* Of every function that fails here: nothing of the open transaction is committed, or, where error says so, nobody knows, and
 * whoever opens the next one finds out. error->retriable: opening and reading anew may help. */

/* Connect, fence, end what an earlier replay left open. NULL: no broker within timeout_ms, no right, or no topic. */
struct kafka_replay *kafka_replay_new(const struct config *config, int timeout_ms, struct error *error);

/* Aborts what is open. NULL is fine. */
void kafka_replay_free(struct kafka_replay *replay);

/* Partitions of the topic of events. */
int32_t kafka_replay_partitions(const struct kafka_replay *replay);

/* Put one back, in the open transaction or a new one. */
CLICKVEIL_MUST_CHECK bool kafka_replay_send(struct kafka_replay *replay,
                                            const struct kafka_replay_event *event, struct error *error);

/* Letters in the open transaction; 0: none is open. */
unsigned kafka_replay_open_count(const struct kafka_replay *replay);

/* When the open transaction began, on the monotonic clock. */
int64_t kafka_replay_began_ms(const struct kafka_replay *replay);

/* Commit; *out_doubtful: it is committed, but a request got no answer on the way and may still end the next transaction, so
 * open a new one (architecture 4, rule 5). */
CLICKVEIL_MUST_CHECK bool kafka_replay_commit(struct kafka_replay *replay, bool *out_doubtful,
                                              struct error *error);

#endif
