/*
 * The inside of a worker, shared by its two halves: kafka_worker.c (life, loop, rebalancing) and
 * kafka_worker_commit.c (how a transaction begins, ends and is undone). Nobody else includes this.
 */
#ifndef CLICKVEIL_COMMON_KAFKA_WORKER_INTERNAL_H
#define CLICKVEIL_COMMON_KAFKA_WORKER_INTERNAL_H

#include "common/arena.h"
#include "common/kafka_assignment.h"
#include "common/kafka_restore.h"
#include "common/kafka_transaction.h"
#include "common/kafka_worker.h"

#include <pthread.h>

enum {
    KAFKA_WORKER_POLL_BATCH = 512,
    KAFKA_WORKER_WAIT_STEP_MS = 50,
    KAFKA_WORKER_BACKOFF_FIRST_MS = 200,
    KAFKA_WORKER_BACKOFF_MAX_MS = 10000,
    KAFKA_WORKER_LATENCIES_MAX = 4096,
    KAFKA_WORKER_IDENTITY_SIZE = 320, /* two names of 128 bytes, a stage, a number */
};

struct latency { /* records of one Kafka timestamp in the open transaction */
    int64_t timestamp_ms;
    uint32_t count;
};

struct kafka_worker {
    struct kafka_worker_spec spec;
    const struct config *config;
    char identity[KAFKA_WORKER_IDENTITY_SIZE], group[KAFKA_WORKER_IDENTITY_SIZE],
        member[KAFKA_WORKER_IDENTITY_SIZE];
    pthread_t thread;
    bool runs;
    struct error failure;

    struct arena arena;
    struct chain *chain;
    rd_kafka_t *consumer, *offsets;
    rd_kafka_queue_t *queue;
    rd_kafka_consumer_group_metadata_t
        *metadata; /* taken at the assignment, kept until revocation (rule 2) */
    struct kafka_transaction *transaction;
    struct kafka_assignment assignment;
    struct kafka_restore *restore; /* NULL: no state */
    bool restoring, assign_failed;
    unsigned assignment_epoch; /* grows with every rebalance */
    rd_kafka_message_t *messages[KAFKA_WORKER_POLL_BATCH];

    /* The open transaction. */
    int64_t began_ms; /* monotonic */
    uint64_t batch_records, batch_outputs, batch_feed_records;
    struct output *deferred; /* feed records: sent behind the barrier */
    size_t deferred_count, deferred_capacity;
    struct latency latencies[KAFKA_WORKER_LATENCIES_MAX];
    unsigned latency_count;
    bool more_due;

    uint64_t batch_max; /* smaller for a while after choices touched a batch */
    int64_t backoff_ms, nudged_ms;
    int64_t drain_until_ms; /* monotonic; 0: nobody said stop yet */
    struct kafka_worker_stats stats;
    pthread_mutex_t positions_lock;
    struct kafka_worker_position positions[KAFKA_WORKER_LAG_MAX];
    unsigned position_count;
};

bool kafka_worker_is_stopping(const struct kafka_worker *worker);
void kafka_worker_enter(struct kafka_worker *worker, enum kafka_worker_phase phase);

/* Is it time to leave, also with work undone? A worker that holds partitions goes on trying for shutdown_timeout, so that
 * what it began is not left for later. */
bool kafka_worker_gives_up(struct kafka_worker *worker);

/* Every followed topic complete and within its lease. */
bool kafka_worker_is_fresh(const struct kafka_worker *worker);

/* Forget what the open transaction gathered (outputs, memory), committed or not. */
void kafka_worker_forget_batch(struct kafka_worker *worker);

/* Assign the state of all partitions that we hold and begin to read their changelog. */
CLICKVEIL_MUST_CHECK bool kafka_worker_begin_restore(struct kafka_worker *worker, struct error *error);
void kafka_worker_forget_state(struct kafka_worker *worker);

/* Make and open the producer, with back-off, until it is open or the worker stops. */
CLICKVEIL_MUST_CHECK bool kafka_worker_open_producer(struct kafka_worker *worker, struct error *error);

/* Begin when none is open. True also when the way back was taken: look at the transaction. */
CLICKVEIL_MUST_CHECK bool kafka_worker_begin_transaction(struct kafka_worker *worker, struct error *error);

/* End the open transaction, or take the way back. False: the worker can't go on. */
CLICKVEIL_MUST_CHECK bool kafka_worker_end_transaction(struct kafka_worker *worker, bool draining,
                                                       struct error *error);

/* Undo the open transaction everywhere: broker, chain, positions. */
CLICKVEIL_MUST_CHECK bool kafka_worker_abort(struct kafka_worker *worker, struct error *error);

/* Go on after a step of the transaction that was not done. True: the way back was taken and work goes on. */
CLICKVEIL_MUST_CHECK bool kafka_worker_go_back(struct kafka_worker *worker, enum kafka_outcome outcome,
                                               bool was_committing, struct error *why, struct error *error);

void kafka_worker_publish_positions(struct kafka_worker *worker);
void kafka_worker_drop_metadata(struct kafka_worker *worker);

#endif
