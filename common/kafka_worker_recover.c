/*
 * The ways back, when a transaction was not done (architecture 4, rules 3 to 5).
 *
 * Abort and rewind, where the broker said so. Where nobody knows what happened, the producer is given up at once and
 * without waiting for anything: the partitions are paused, and the worker's loop goes on polling, so that rebalances are
 * answered and SIGTERM is heard. Meanwhile kafka_worker_mend goes in steps: a new producer, whose epoch refuses whatever
 * is still under way of the old one (rule 5); then the group's committed offsets. They tell what became of a transaction
 * whose commit was asked for: a partition that it advanced stands either where it began or where it ended. The chain is
 * told the same and keeps its state; only where no partition can tell (a transaction that wrote nothing but slots), or
 * the group stands somewhere else, the state is taken from the changelog.
 */
#include "common/kafka_worker_internal.h"

#include "common/clock.h"
#include "common/log.h"

#include <stdlib.h>

enum { OPEN_STEP_MS = 1000 };

/* ---- what the open transaction gathered ---- */

void kafka_worker_forget_batch(struct kafka_worker *worker)
{
    worker->batch_records = worker->batch_outputs = worker->batch_feed_records = 0;
    worker->deferred_count = 0;
    worker->latency_count = 0;
    worker->more_due = false;
    worker->ended_ms = clock_monotonic_ms();
    arena_reset(&worker->arena);
}

void kafka_worker_give_up_batch(struct kafka_worker *worker)
{
    metrics_add(&worker->stats.transactions_aborted, 1);
    chain_abort(worker->chain);
    kafka_worker_forget_batch(worker);
}

bool kafka_worker_rewind(struct kafka_worker *worker, struct error *error)
{
    worker->moves++;
    worker->missed = false;
    worker->rewound = true;
    return kafka_assignment_rewind(&worker->assignment, worker->consumer, error);
}

/* ---- state ---- */

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

/* ---- abort ---- */

bool kafka_worker_abort(struct kafka_worker *worker, bool may_be_done, struct error *error)
{
    struct error why = {0};
    enum kafka_outcome outcome = KAFKA_OUTCOME_DONE;
    if (kafka_transaction_is_open(worker->transaction))
        outcome = kafka_transaction_abort(worker->transaction, &why);
    if (outcome == KAFKA_OUTCOME_STOP) {
        *error = why;
        return false;
    }
    if (outcome != KAFKA_OUTCOME_DONE)
        return kafka_worker_lose_producer(worker, true, may_be_done, &why, error);
    kafka_worker_give_up_batch(worker);
    return kafka_worker_rewind(worker, error) && kafka_worker_mind_doubt(worker, error);
}

bool kafka_worker_go_back(struct kafka_worker *worker, enum kafka_outcome outcome, bool may_be_done,
                          const struct error *why, struct error *error)
{
    if (outcome == KAFKA_OUTCOME_STOP) {
        *error = *why;
        return false;
    }
    if (outcome == KAFKA_OUTCOME_ABORT) {
        log_failure(LOG_LEVEL_WARNING, "transaction_aborted", why);
        return kafka_worker_abort(worker, may_be_done, error);
    }
    bool is_open = kafka_transaction_is_open(worker->transaction);
    return kafka_worker_lose_producer(worker, is_open, may_be_done, why, error);
}

/* ---- a new producer ---- */

static struct moved first_moved(const struct kafka_assignment *assignment)
{
    for (unsigned i = 0; i < assignment->count; i++) {
        const struct kafka_assigned *item = &assignment->items[i];
        if (item->next_offset != item->committed)
            return (struct moved){item->partition, item->committed, item->next_offset};
    }
    return (struct moved){.partition = -1};
}

void kafka_worker_drop_producer(struct kafka_worker *worker, const struct error *why)
{
    log_failure(LOG_LEVEL_WARNING, "producer_recreated", why);
    metrics_add(&worker->stats.producers_recreated, 1);
    kafka_worker_enter(worker, KAFKA_WORKER_RECOVERING);
    kafka_transaction_free(worker->transaction);
    worker->transaction = NULL;
    worker->ready = false;
    worker->mend_ms = 0;
    worker->backoff_ms = KAFKA_WORKER_BACKOFF_FIRST_MS;
}

bool kafka_worker_lose_producer(struct kafka_worker *worker, bool was_open, bool may_be_done,
                                const struct error *why, struct error *error)
{
    kafka_worker_drop_producer(worker, why);
    worker->moves++;
    if (!kafka_assignment_pause(&worker->assignment, worker->consumer, true, error))
        return false;
    worker->unsettled = was_open && may_be_done && worker->assignment.count > 0;
    if (worker->unsettled) {
        worker->moved = first_moved(&worker->assignment);
        return true;
    }
    /* Nobody asked for its commit: whatever the broker does about it, it ends aborted. */
    if (was_open)
        kafka_worker_give_up_batch(worker);
    return kafka_worker_rewind(worker, error);
}

bool kafka_worker_is_doubtful(const struct kafka_worker *worker, struct error *out_why)
{
    if (!worker->transaction || !kafka_transaction_is_doubtful(worker->transaction))
        return false;
    error_fail(
        out_why, EXIT_STATUS_UNAVAILABLE, NULL, NULL,
        "a request of the last transaction was lost and sent again; should it still arrive, a new epoch "
        "refuses it");
    return true;
}

bool kafka_worker_mind_doubt(struct kafka_worker *worker, struct error *error)
{
    struct error why = {0};
    return !kafka_worker_is_doubtful(worker, &why) ||
           kafka_worker_lose_producer(worker, false, false, &why, error);
}

bool kafka_worker_is_mended(const struct kafka_worker *worker)
{
    return worker->ready && !worker->unsettled;
}

static void back_off(struct kafka_worker *worker)
{
    worker->mend_ms = clock_monotonic_ms() + worker->backoff_ms;
    worker->backoff_ms = worker->backoff_ms * 2 > KAFKA_WORKER_BACKOFF_MAX_MS ? KAFKA_WORKER_BACKOFF_MAX_MS
                                                                              : worker->backoff_ms * 2;
}

static bool open_producer(struct kafka_worker *worker, struct error *error)
{
    if (!worker->transaction)
        worker->transaction = kafka_transaction_new(worker->config, worker->identity, error);
    if (!worker->transaction)
        return false;
    if (kafka_transaction_open(worker->transaction, OPEN_STEP_MS, error)) {
        worker->ready = true;
        worker->backoff_ms = KAFKA_WORKER_BACKOFF_FIRST_MS;
        return true;
    }
    if (error->fatal) {
        kafka_transaction_free(worker->transaction);
        worker->transaction = NULL;
    } else if (!error->retriable) {
        return false;
    }
    log_failure(LOG_LEVEL_WARNING, "producer_not_open", error);
    *error = (struct error){0};
    back_off(worker);
    return true;
}

/* What became of the transaction whose commit was asked for? */
static bool settle(struct kafka_worker *worker, struct error *error)
{
    if (!kafka_assignment_ask_committed(&worker->assignment, worker->consumer, error)) {
        if (!error->retriable)
            return false;
        log_failure(LOG_LEVEL_WARNING, "commit_unsettled", error);
        *error = (struct error){0};
        back_off(worker);
        return true;
    }
    const struct kafka_assigned *item = kafka_assignment_find(&worker->assignment, worker->moved.partition);
    bool is_done = item && item->committed == worker->moved.to;
    bool is_undone = item && item->committed == worker->moved.from;
    worker->unsettled = false;
    if (is_done)
        kafka_worker_count_commit(worker);
    else
        kafka_worker_give_up_batch(worker);
    log_line(LOG_LEVEL_INFO, "commit_settled", "%s: the transaction was %s", worker->name,
             is_done     ? "committed"
             : is_undone ? "not committed"
                         : "one that positions do not tell");
    if (!kafka_worker_rewind(worker, error))
        return false;
    if (is_done || is_undone || !worker->restore)
        return true;
    kafka_worker_forget_state(worker);
    return kafka_worker_begin_restore(worker, error);
}

bool kafka_worker_mend(struct kafka_worker *worker, struct error *error)
{
    if (clock_monotonic_ms() < worker->mend_ms)
        return true;
    if (!worker->ready)
        return open_producer(worker, error);
    return !worker->unsettled || settle(worker, error);
}

void kafka_worker_leave_unsettled(struct kafka_worker *worker)
{
    if (worker->unsettled)
        kafka_worker_give_up_batch(worker);
    worker->unsettled = false;
}
