/*
 * How a worker's transaction begins, ends and is undone.
 *
 * It ends in this order: the chain's flush; all outputs but feeds acknowledged; the barrier, after which the chain
 * says whether the batch stands; feed records; positions of all assigned partitions; commit. What goes wrong takes
 * one of two ways back: abort and rewind, or recover, which recreates the producer and takes positions and state from
 * the broker.
 */
#include "common/kafka_worker_internal.h"

#include "common/clock.h"
#include "common/log.h"

#include <stdlib.h>

enum {
    OPEN_TIMEOUT_MS = 10000,
    BATCH_AFTER_ABORT_MIN = 64,
};

/* ---- the ways back ---- */

void kafka_worker_forget_batch(struct kafka_worker *worker)
{
    worker->batch_records = worker->batch_outputs = worker->batch_feed_records = 0;
    worker->deferred_count = 0;
    worker->latency_count = 0;
    worker->more_due = false;
    arena_reset(&worker->arena);
}

bool kafka_worker_is_fresh(const struct kafka_worker *worker)
{
    for (unsigned i = 0; i < worker->spec.follower_count; i++) {
        if (!kafka_follower_is_fresh(worker->spec.followers[i]))
            return false;
    }
    return true;
}

bool kafka_worker_begin_restore(struct kafka_worker *worker, struct error *error)
{
    struct kafka_assignment *assignment = &worker->assignment;
    struct kafka_restore_partition *partitions = calloc(assignment->count + 1, sizeof *partitions);
    if (!partitions)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory to restore state");
    bool fine = true;
    for (unsigned i = 0; fine && i < assignment->count; i++) {
        const struct kafka_assigned *item = &assignment->items[i];
        partitions[i] =
            (struct kafka_restore_partition){item->partition, item->has_commit ? item->committed : -1};
        fine = chain_assign(worker->chain, item->partition, assignment->topic_partitions, error);
    }
    fine = fine && kafka_restore_begin(worker->restore, partitions, assignment->count,
                                       assignment->topic_partitions, error);
    free(partitions);
    worker->restoring = true;
    return fine;
}

void kafka_worker_forget_state(struct kafka_worker *worker)
{
    if (worker->restoring)
        kafka_restore_cancel(worker->restore);
    worker->restoring = false;
    if (!worker->restore)
        return;
    for (unsigned i = 0; i < worker->assignment.count; i++)
        chain_revoke(worker->chain, worker->assignment.items[i].partition);
}

bool kafka_worker_gives_up(struct kafka_worker *worker)
{
    if (atomic_load(worker->spec.failed))
        return true;
    if (!atomic_load(worker->spec.stop))
        return false;
    if (!worker->drain_until_ms)
        worker->drain_until_ms = clock_monotonic_ms() + worker->config->runtime.shutdown_timeout_ms;
    return worker->assignment.count == 0 || clock_monotonic_ms() >= worker->drain_until_ms;
}

/* Nothing is polled meanwhile: a group that loses patience takes the partitions back, and the next poll says so. */
bool kafka_worker_open_producer(struct kafka_worker *worker, struct error *error)
{
    worker->backoff_ms = KAFKA_WORKER_BACKOFF_FIRST_MS;
    while (!kafka_worker_gives_up(worker)) {
        if (!worker->transaction)
            worker->transaction = kafka_transaction_new(worker->config, worker->identity, error);
        if (!worker->transaction)
            return false;
        if (kafka_transaction_open(worker->transaction, OPEN_TIMEOUT_MS, error)) {
            *error = (struct error){0};
            return true;
        }
        if (error->fatal) {
            kafka_transaction_free(worker->transaction);
            worker->transaction = NULL;
        }
        log_failure(LOG_LEVEL_WARNING, "producer_not_open", error);
        if (!error->retriable && !error->fatal)
            return false;
        for (int64_t waited = 0; waited < worker->backoff_ms && !kafka_worker_gives_up(worker);
             waited += KAFKA_WORKER_WAIT_STEP_MS)
            clock_sleep_ms(KAFKA_WORKER_WAIT_STEP_MS);
        worker->backoff_ms = worker->backoff_ms * 2 > KAFKA_WORKER_BACKOFF_MAX_MS
                                 ? KAFKA_WORKER_BACKOFF_MAX_MS
                                 : worker->backoff_ms * 2;
    }
    return true;
}

/* A partition that a transaction has advanced, by which can be told afterwards whether it was committed; the counters
 * follow. One that advanced none has counted nothing. */
struct moved {
    int32_t partition; /* -1: none */
    int64_t to;
};

static struct moved first_moved(const struct kafka_assignment *assignment)
{
    for (unsigned i = 0; i < assignment->count; i++) {
        const struct kafka_assigned *item = &assignment->items[i];
        if (item->next_offset != item->committed)
            return (struct moved){item->partition, item->next_offset};
    }
    return (struct moved){-1, 0};
}

static bool did_commit(struct kafka_worker *worker, struct moved moved)
{
    const struct kafka_assigned *item = kafka_assignment_find(&worker->assignment, moved.partition);
    return item && item->committed == moved.to;
}

static void drop_producer(struct kafka_worker *worker, const struct error *why)
{
    log_failure(LOG_LEVEL_WARNING, "producer_recreated", why);
    metrics_add(&worker->stats.producers_recreated, 1);
    kafka_transaction_free(worker->transaction);
    worker->transaction = NULL;
}

/* Nobody knows what became of the transaction. A new producer epoch fences whatever of it is still under way; then
 * the broker says where we stand, and state comes from the changelog. */
static bool recover(struct kafka_worker *worker, bool was_committing, const struct error *why,
                    struct error *error)
{
    kafka_worker_enter(worker, KAFKA_WORKER_RECOVERING);
    drop_producer(worker, why);
    if (!kafka_assignment_pause(&worker->assignment, worker->consumer, true, error) ||
        !kafka_worker_open_producer(worker, error))
        return false;
    if (kafka_worker_gives_up(worker)) {
        chain_abort(worker->chain);
        kafka_worker_forget_batch(worker);
        return true;
    }
    struct moved moved = first_moved(&worker->assignment);
    if (!kafka_assignment_ask_committed(&worker->assignment, worker->consumer, error))
        return false;
    if (was_committing && did_commit(worker, moved))
        chain_commit(worker->chain);
    else
        chain_abort(worker->chain);
    kafka_worker_forget_batch(worker);
    if (!kafka_assignment_rewind(&worker->assignment, worker->consumer, error))
        return false;
    if (!worker->restore || worker->assignment.count == 0)
        return true;
    kafka_worker_forget_state(worker);
    return kafka_worker_begin_restore(worker, error);
}

/* Undo the open transaction everywhere: broker, chain, positions. */
bool kafka_worker_abort(struct kafka_worker *worker, struct error *error)
{
    metrics_add(&worker->stats.transactions_aborted, 1);
    struct error why = {0};
    enum kafka_outcome outcome = KAFKA_OUTCOME_DONE;
    if (kafka_transaction_is_open(worker->transaction))
        outcome = kafka_transaction_abort(worker->transaction, &why);
    if (outcome == KAFKA_OUTCOME_STOP) {
        *error = why;
        return false;
    }
    if (outcome != KAFKA_OUTCOME_DONE)
        return recover(worker, false, &why, error);
    chain_abort(worker->chain);
    kafka_worker_forget_batch(worker);
    return kafka_assignment_rewind(&worker->assignment, worker->consumer, error);
}

/* Go on after a step of the transaction that was not done. True: the way back was taken and work goes on. */
bool kafka_worker_go_back(struct kafka_worker *worker, enum kafka_outcome outcome, bool was_committing,
                          struct error *why, struct error *error)
{
    if (outcome == KAFKA_OUTCOME_STOP) {
        *error = *why;
        return false;
    }
    if (outcome == KAFKA_OUTCOME_ABORT) {
        log_failure(LOG_LEVEL_WARNING, "transaction_aborted", why);
        return kafka_worker_abort(worker, error);
    }
    return recover(worker, was_committing, why, error);
}

/* ---- ending a transaction ---- */

static void observe_commit(struct kafka_worker *worker)
{
    int64_t now_ms = clock_unix_ms();
    for (unsigned i = 0; i < worker->latency_count; i++) {
        int64_t latency_ms = now_ms - worker->latencies[i].timestamp_ms;
        metrics_observe(&worker->stats.latency_ms, latency_ms > 0 ? latency_ms : 0,
                        worker->latencies[i].count);
    }
    metrics_observe(&worker->stats.transaction_ms, clock_monotonic_ms() - worker->began_ms, 1);
    metrics_add(&worker->stats.transactions_committed, 1);
    metrics_add(&worker->stats.records, worker->batch_records);
    metrics_add(&worker->stats.outputs, worker->batch_outputs);
    metrics_add(&worker->stats.feed_records, worker->batch_feed_records);
    atomic_store_explicit(&worker->stats.arena_bytes, worker->arena.size, memory_order_relaxed);
}

void kafka_worker_publish_positions(struct kafka_worker *worker)
{
    pthread_mutex_lock(&worker->positions_lock);
    unsigned count = 0;
    for (unsigned i = 0; i < worker->assignment.count && count < KAFKA_WORKER_LAG_MAX; i++) {
        const struct kafka_assigned *item = &worker->assignment.items[i];
        worker->positions[count++] = (struct kafka_worker_position){
            .partition = item->partition,
            .next_offset = item->committed,
            .last_timestamp_ms = item->committed_timestamp_ms,
        };
    }
    worker->position_count = count;
    pthread_mutex_unlock(&worker->positions_lock);
}

/* Every changelog partition that this transaction wrote to or whose input it advances learns how far (arch. 2). */
static bool send_position_records(struct kafka_worker *worker, struct error *error)
{
    for (unsigned i = 0; worker->restore && i < worker->assignment.count; i++) {
        struct kafka_assigned *item = &worker->assignment.items[i];
        struct output output;
        if (item->has_commit && item->next_offset == item->committed && !item->state_touched)
            continue;
        if (!kafka_restore_position(worker->config, item->partition, item->next_offset,
                                    worker->assignment.topic_partitions, &worker->arena, &output)) {
            error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "raise runtime.memory_bytes_max",
                       "the memory of one transaction is used up");
            error->abort_transaction = true;
            return false;
        }
        if (!kafka_transaction_send(worker->transaction, &output, error))
            return false;
    }
    return true;
}

static bool pass_barriers(struct kafka_worker *worker)
{
    for (unsigned i = 0; i < worker->spec.follower_count; i++) {
        if (!kafka_follower_barrier(worker->spec.followers[i],
                                    worker->config->runtime.transaction_timeout_ms / 3))
            return false;
    }
    return true;
}

static bool send_feed_records(struct kafka_worker *worker, struct error *error)
{
    for (size_t i = 0; i < worker->deferred_count; i++) {
        if (!kafka_transaction_send(worker->transaction, &worker->deferred[i], error))
            return false;
    }
    worker->batch_feed_records = worker->deferred_count;
    return true;
}

/* Choices that arrived meanwhile touch the batch: process it again, in smaller pieces, since during a mass opt-out a
 * large one would be touched every time. */
static bool touched(struct kafka_worker *worker, struct error *error)
{
    metrics_add(&worker->stats.aborted_by_barrier, 1);
    uint64_t smaller = worker->batch_records / 4;
    worker->batch_max = smaller > BATCH_AFTER_ABORT_MIN ? smaller : BATCH_AFTER_ABORT_MIN;
    return kafka_worker_abort(worker, error);
}

static bool commit_positions(struct kafka_worker *worker, struct error *error)
{
    struct error why = {0};
    if (!worker->metadata) {
        error_fail(&why, EXIT_STATUS_UNAVAILABLE, NULL, NULL, "the group has taken the partitions back");
        return kafka_worker_go_back(worker, KAFKA_OUTCOME_ABORT, false, &why, error);
    }
    rd_kafka_topic_partition_list_t *positions = kafka_assignment_positions(&worker->assignment);
    enum kafka_outcome outcome =
        kafka_transaction_commit(worker->transaction, positions, worker->metadata, &why);
    rd_kafka_topic_partition_list_destroy(positions);
    if (outcome != KAFKA_OUTCOME_DONE)
        return kafka_worker_go_back(worker, outcome, true, &why, error);
    chain_commit(worker->chain);
    kafka_assignment_committed(&worker->assignment);
    observe_commit(worker);
    kafka_worker_publish_positions(worker);
    bool more_due = worker->more_due;
    kafka_worker_forget_batch(worker);
    worker->more_due = more_due;
    if (worker->batch_max < (uint64_t)worker->config->runtime.batch_records_max)
        worker->batch_max *= 2;
    return true;
}

/* End the open transaction. False: the worker can't go on. */
bool kafka_worker_end_transaction(struct kafka_worker *worker, bool draining, struct error *error)
{
    struct error why = {0};
    chain_clock(worker->chain, clock_unix_ms());
    if (!chain_flush(worker->chain, draining, &worker->more_due, &why)) {
        if (why.abort_transaction)
            return kafka_worker_go_back(worker, KAFKA_OUTCOME_ABORT, false, &why, error);
        *error = why;
        return false;
    }
    if (!send_position_records(worker, &why))
        return kafka_worker_go_back(worker, kafka_transaction_outcome_of_send(&why), false, &why, error);
    enum kafka_outcome outcome = kafka_transaction_flush(worker->transaction, &why);
    if (outcome != KAFKA_OUTCOME_DONE)
        return kafka_worker_go_back(worker, outcome, false, &why, error);
    if (!pass_barriers(worker)) {
        error_fail(&why, EXIT_STATUS_UNAVAILABLE, NULL, "nothing is committed until it is read again",
                   "the followed topics could not be read to their end");
        return kafka_worker_go_back(worker, KAFKA_OUTCOME_ABORT, false, &why, error);
    }
    if (!chain_stands(worker->chain))
        return touched(worker, error);
    if (!send_feed_records(worker, &why))
        return kafka_worker_go_back(worker, kafka_transaction_outcome_of_send(&why), false, &why, error);
    return commit_positions(worker, error);
}

bool kafka_worker_begin_transaction(struct kafka_worker *worker, struct error *error)
{
    if (kafka_transaction_is_open(worker->transaction))
        return true;
    if (!worker->transaction && !kafka_worker_open_producer(worker, error))
        return false;
    if (!worker->transaction)
        return true; /* it gave up */
    struct error why = {0};
    enum kafka_outcome outcome = kafka_transaction_begin(worker->transaction, &why);
    if (outcome != KAFKA_OUTCOME_DONE)
        return kafka_worker_go_back(worker, outcome, false, &why, error);
    worker->began_ms = clock_monotonic_ms();
    chain_clock(worker->chain, clock_unix_ms());
    return true;
}
