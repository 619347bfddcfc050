/*
 * How a worker's transaction begins and ends.
 *
 * It ends in this order: the chain's flush; all outputs but feeds acknowledged; the barrier, after which the chain says
 * whether the batch stands; feed records; positions of all assigned partitions; commit. What goes wrong takes one of the
 * ways back (kafka_worker_recover.c).
 *
 * Mass opt-outs. A batch that late choices touch is processed again, and the next one is a quarter as large, down to a
 * single record. That this comes to an end, however many opt-outs come: only a subject whose event had passed can touch a
 * batch (stages/consent/batch.h), and once it is out its event is dropped when the batch is processed again. A batch of a
 * single record is therefore aborted at most once for each choice that its own subjects make, whatever everybody else
 * does. Somebody whose choice turns in and out faster than a transaction lasts is dropped by any attempt that sees the
 * `out`.
 *
 * That is progress, but at a few per cent of the speed: an import of a million opt-outs touches every batch of more than
 * some hundred records, and smaller ones get through in between. After STORM_TOUCHED of them, in a row or soon after each
 * other, the barrier is passed when a transaction begins instead of when it ends, and the transaction is short: its
 * events are judged by all choices that stood in the topic when it began. Short means a few times what it takes to begin
 * and to end one, which is longer than usual then; shorter ones would do little but begin and end.
 * Feed records are never sent on that: a transaction that has any passes the barrier at its end as well, and is aborted
 * when a choice touched it. What an event of somebody who opted out in those few milliseconds left in the state is taken
 * back by the retraction, before anything about it is written (spec 3, rule 9). The storm is over when STORM_CALM
 * batches in a row were touched by nobody.
 *
 * Memory. A batch that did not fit in the arena is processed again in halves, and the ceiling rises only slowly from
 * there. What does not fit as a single record ends the worker and says so.
 */
#include "common/kafka_worker_internal.h"

#include "common/clock.h"
#include "common/log.h"

enum {
    STORM_TOUCHED = 3, /* batches that choices touched, with fewer than STORM_CALM between them: a storm */
    STORM_CALM = 20,   /* batches in a row that they did not touch: it is over */
    STORM_TRANSACTION_MS = 100,     /* how long a transaction then takes in records, */
    STORM_WORK_SHARE = 3,           /* or so many times as long as the last one took to begin and to end, */
    STORM_TRANSACTION_MS_MAX = 300, /* but no longer than this */
};

/* ---- how large a batch may be ---- */

static void take_batch_max(struct kafka_worker *worker, uint64_t records)
{
    worker->batch_max = records > 0 ? records : 1;
    if (worker->batch_max > worker->batch_ceiling)
        worker->batch_max = worker->batch_ceiling;
}

static void grow_batch(struct kafka_worker *worker)
{
    uint64_t most = (uint64_t)worker->config->runtime.batch_records_max;
    worker->batch_ceiling += worker->batch_ceiling / 64 + 1;
    if (worker->batch_ceiling > most)
        worker->batch_ceiling = most;
    take_batch_max(worker, worker->batch_max * 2);
}

/* Memory was not enough for that many records. False: there is nothing smaller. */
static bool shrink_batch(struct kafka_worker *worker, uint64_t records)
{
    if (records <= 1)
        return false;
    worker->batch_ceiling = records / 2;
    take_batch_max(worker, worker->batch_ceiling);
    return true;
}

/* Choices that arrived meanwhile touch the batch. */
static bool touched(struct kafka_worker *worker, struct error *error)
{
    metrics_add(&worker->stats.aborted_by_barrier, 1);
    worker->calm = 0;
    take_batch_max(worker, worker->batch_records / 4);
    if (!worker->storm && ++worker->touched_lately >= STORM_TOUCHED) {
        worker->storm = true;
        take_batch_max(worker, worker->batch_ceiling);
        log_line(LOG_LEVEL_INFO, "choices_storm",
                 "worker %u: choices touched %u batches one soon after the other; transactions are short and "
                 "begin behind a barrier until fewer choices come",
                 worker->spec.index, worker->touched_lately);
    }
    return kafka_worker_abort(worker, false, error);
}

/* How did the batch do that is to be committed? In a storm it was not asked to stand. */
static void watch_storm(struct kafka_worker *worker)
{
    if (worker->batch_records == 0)
        return;
    worker->calm = !worker->storm || chain_stands(worker->chain) ? worker->calm + 1 : 0;
    if (worker->calm < STORM_CALM)
        return;
    worker->calm = worker->touched_lately = 0;
    if (!worker->storm)
        return;
    worker->storm = false;
    log_line(LOG_LEVEL_INFO, "choices_calm", "worker %u: transactions are as usual again",
             worker->spec.index);
}

int64_t kafka_worker_transaction_ms(const struct kafka_worker *worker)
{
    int64_t usual_ms = worker->config->runtime.commit_interval_ms;
    if (!worker->storm)
        return usual_ms;
    int64_t least_ms = usual_ms < STORM_TRANSACTION_MS ? usual_ms : STORM_TRANSACTION_MS;
    int64_t storm_ms = STORM_WORK_SHARE * (worker->begin_ms + worker->end_ms);
    int64_t most_ms = worker->config->runtime.transaction_timeout_ms / 8;
    most_ms = most_ms > STORM_TRANSACTION_MS_MAX ? STORM_TRANSACTION_MS_MAX : most_ms;
    storm_ms = storm_ms > most_ms ? most_ms : storm_ms;
    return storm_ms > least_ms ? storm_ms : least_ms;
}

/* ---- committed ---- */

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
    for (unsigned i = 0; i < worker->assignment.count; i++) {
        const struct kafka_assigned *item = &worker->assignment.items[i];
        worker->positions[i] = (struct kafka_worker_position){
            .partition = item->partition,
            .next_offset = item->committed,
            .last_timestamp_ms = item->committed_timestamp_ms,
        };
    }
    worker->position_count = worker->assignment.count;
    pthread_mutex_unlock(&worker->positions_lock);
}

void kafka_worker_count_commit(struct kafka_worker *worker)
{
    chain_commit(worker->chain);
    kafka_assignment_committed(&worker->assignment);
    observe_commit(worker);
    kafka_worker_publish_positions(worker);
    bool more_due = worker->more_due;
    kafka_worker_forget_batch(worker);
    worker->more_due = more_due;
    grow_batch(worker);
}

/* ---- ending a transaction ---- */

bool kafka_worker_is_fresh(const struct kafka_worker *worker)
{
    for (unsigned i = 0; i < worker->spec.follower_count; i++) {
        const struct kafka_follower *follower = worker->spec.followers[i];
        /* A side input can't wait for what waits for its answers. */
        if (worker->side_stage && kafka_follower_has_source(follower))
            continue;
        if (!kafka_follower_is_fresh(follower))
            return false;
    }
    return true;
}

/* An opt-out is never delayed (spec 3, rule 8): side inputs go on. */
bool kafka_worker_holds(const struct kafka_worker *worker)
{
    struct followed_hold hold;
    for (unsigned i = 0; i < worker->spec.follower_count && !worker->side_stage; i++) {
        if (kafka_follower_holds(worker->spec.followers[i], &hold))
            return true;
    }
    return false;
}

/* What was just read may hold. A transaction that was begun in a hold has no events, and was flushed as such. */
static bool may_commit(const struct kafka_worker *worker)
{
    return kafka_worker_is_fresh(worker) && (worker->holding || !kafka_worker_holds(worker));
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
                                    worker->assignment.topic_partitions, &worker->arena, &output))
            return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "raise runtime.memory_max",
                              "the memory of one transaction is used up");
        if (!kafka_transaction_send(worker->transaction, &output, error))
            return false;
    }
    return true;
}

/* Read what is followed to its end. What a side input makes of another topic is read only before feed records are sent:
 * its barrier takes as long as the side input does, and a retraction that comes after the batch finds the state that the
 * batch left, before anything about it is written (spec 3, rule 9). */
static bool pass_barriers(struct kafka_worker *worker, bool before_feeds)
{
#ifdef CLICKVEIL_TEST_BARRIER_OFF
    return true; /* a test build, to see the barrier's test fail and to see what the barrier costs */
#endif
    struct kafka_follower *asked[KAFKA_FOLLOWERS_MAX];
    uint64_t tickets[KAFKA_FOLLOWERS_MAX];
    unsigned count = 0;
    ensure(worker->spec.follower_count <= KAFKA_FOLLOWERS_MAX);
    for (unsigned i = 0; i < worker->spec.follower_count && !worker->side_stage; i++) {
        struct kafka_follower *follower = worker->spec.followers[i];
        if (kafka_follower_has_source(follower) && !before_feeds)
            continue;
        asked[count] = follower;
        tickets[count++] = kafka_follower_ask(follower);
    }
    for (unsigned i = 0; i < count; i++) {
        if (!kafka_follower_await(asked[i], tickets[i], worker->config->runtime.transaction_timeout_ms / 3))
            return false;
    }
    return may_commit(worker);
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
    kafka_worker_count_commit(worker);
    return kafka_worker_mind_doubt(worker, error);
}

bool kafka_worker_failed_to_fill(struct kafka_worker *worker, uint64_t records, const struct error *why,
                                 struct error *error)
{
    enum kafka_outcome outcome = kafka_transaction_outcome_of_send(why);
    if (worker->arena.refused)
        outcome = shrink_batch(worker, records) ? KAFKA_OUTCOME_ABORT : KAFKA_OUTCOME_STOP;
    return kafka_worker_go_back(worker, outcome, false, why, error);
}

static bool barrier_failed(struct kafka_worker *worker, struct error *error)
{
    struct error why = {0};
    error_fail(&why, EXIT_STATUS_UNAVAILABLE, NULL, "nothing is committed until it is read again",
               "the followed topics could not be read to their end, or what stands there holds");
    return kafka_worker_go_back(worker, KAFKA_OUTCOME_ABORT, false, &why, error);
}

static bool end_transaction(struct kafka_worker *worker, bool draining, struct error *error)
{
    struct error why = {0};
    chain_clock(worker->chain, clock_unix_ms());
    if (!chain_flush(worker->chain, draining, worker->holding, &worker->more_due, &why) ||
        !send_position_records(worker, &why))
        return kafka_worker_failed_to_fill(worker, worker->batch_records, &why, error);
    enum kafka_outcome outcome = kafka_transaction_flush(worker->transaction, &why);
    if (outcome != KAFKA_OUTCOME_DONE)
        return kafka_worker_go_back(worker, outcome, false, &why, error);
    /* During a storm the barrier was at the beginning; feed records have one of their own in any case. */
    bool before_feeds = worker->deferred_count > 0;
    bool judged = worker->barrier_first && !before_feeds && may_commit(worker);
    if (!judged && !pass_barriers(worker, before_feeds))
        return barrier_failed(worker, error);
    if (!judged && !chain_stands(worker->chain))
        return touched(worker, error);
    watch_storm(worker);
    if (!send_feed_records(worker, &why))
        return kafka_worker_go_back(worker, kafka_transaction_outcome_of_send(&why), false, &why, error);
    return commit_positions(worker, error);
}

bool kafka_worker_end_transaction(struct kafka_worker *worker, bool draining, struct error *error)
{
    int64_t from_ms = clock_monotonic_ms();
    bool fine = end_transaction(worker, draining, error);
    worker->end_ms = clock_monotonic_ms() - from_ms;
    return fine;
}

bool kafka_worker_begin_transaction(struct kafka_worker *worker, struct error *error)
{
    if (kafka_transaction_is_open(worker->transaction))
        return true;
    ensure(kafka_worker_is_mended(worker));
    int64_t from_ms = clock_monotonic_ms();
    struct error why = {0};
    enum kafka_outcome outcome = kafka_transaction_begin(worker->transaction, &why);
    if (outcome != KAFKA_OUTCOME_DONE)
        return kafka_worker_go_back(worker, outcome, false, &why, error);
    worker->barrier_first = worker->storm;
    if (worker->barrier_first && !pass_barriers(worker, false))
        return barrier_failed(worker, error);
    worker->began_ms = clock_monotonic_ms();
    worker->begin_ms = worker->began_ms - from_ms;
    chain_clock(worker->chain, clock_unix_ms());
    return true;
}
