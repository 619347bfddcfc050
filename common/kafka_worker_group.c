/*
 * A worker in its group: what is done when partitions come and go (architecture 4, rules 1 to 3).
 *
 * The library's example program ignores a failed commit inside the callback that takes partitions back, and does not
 * rewind those that it keeps. Here nothing is committed in it: what is open is aborted, state and positions are forgotten,
 * and whoever gets the partitions begins at the committed offsets. Eager rebalancing (rule 8), so all of them go.
 */
#include "common/kafka_worker_internal.h"

#include "common/clock.h"
#include "common/kafka_client.h"
#include "common/log.h"

enum {
    REQUEST_TIMEOUT_MS = 5000,
    ASSIGN_PATIENCE_MS = 60000, /* less than max.poll.interval.ms, after which the group goes on without us */
    TOPIC_CHECK_EVERY_MS = 5000,
};

/* Inside a poll: nothing here waits for more than an abort, and positions are left alone, since the partitions go. */
static bool abort_for_rebalance(struct kafka_worker *worker, struct error *error)
{
    struct error why = {0};
    kafka_worker_leave_unsettled(worker);
    if (!kafka_transaction_is_open(worker->transaction))
        return true;
    enum kafka_outcome outcome = kafka_transaction_abort(worker->transaction, &why);
    kafka_worker_give_up_batch(worker);
    if (outcome == KAFKA_OUTCOME_STOP) {
        *error = why;
        return false;
    }
    if (outcome != KAFKA_OUTCOME_DONE || kafka_worker_is_doubtful(worker, &why))
        kafka_worker_drop_producer(worker, &why);
    return true;
}

void kafka_worker_drop_metadata(struct kafka_worker *worker)
{
    if (worker->metadata)
        rd_kafka_consumer_group_metadata_destroy(worker->metadata);
    worker->metadata = NULL;
}

/* Without a member ID the broker would take our positions from anybody: none, so that nothing commits (rule 2). */
static void take_metadata(struct kafka_worker *worker)
{
    kafka_worker_drop_metadata(worker);
    char *member = rd_kafka_memberid(worker->consumer);
    if (member && member[0])
        worker->metadata = rd_kafka_consumer_group_metadata(worker->consumer);
    if (member)
        rd_kafka_mem_free(worker->consumer, member);
}

/* More partitions put keys where the old ones are not; the start judges whether that can be gone on with. */
static bool check_partitions(struct kafka_worker *worker, struct error *error)
{
    int32_t partitions;
    if (!kafka_topic_partitions(worker->offsets, worker->assignment.topic, REQUEST_TIMEOUT_MS, &partitions,
                                error))
        return false;
    return partitions == worker->assignment.topic_partitions ||
           error_fail(error, EXIT_STATUS_CONFIGURATION, worker->assignment.topic, "start again",
                      "the number of partitions changed from %d to %d", worker->assignment.topic_partitions,
                      partitions);
}

/* A coordinator that moves, or a transaction of the instance before us that is still being ended, passes in seconds. */
static bool ask_positions(struct kafka_worker *worker, struct error *error)
{
    int64_t until_ms = clock_monotonic_ms() + ASSIGN_PATIENCE_MS;
    while (!check_partitions(worker, error) ||
           !kafka_assignment_ask(&worker->assignment, worker->consumer, worker->offsets, error)) {
        kafka_serve(worker->offsets);
        if (!error->retriable || clock_monotonic_ms() >= until_ms || kafka_worker_is_stopping(worker))
            return false;
        clock_sleep_ms(KAFKA_WORKER_WAIT_STEP_MS);
    }
    *error = (struct error){0};
    return true;
}

static bool on_assigned(struct kafka_worker *worker, const rd_kafka_topic_partition_list_t *given,
                        struct error *error)
{
    metrics_add(&worker->stats.rebalances, 1);
    take_metadata(worker);
    if (!kafka_assignment_note(&worker->assignment, given, error) || !ask_positions(worker, error) ||
        !kafka_assignment_assign(&worker->assignment, worker->consumer, error))
        return false;
    log_line(LOG_LEVEL_INFO, "partitions_assigned", "%s: %u of %d partitions of %s", worker->name,
             worker->assignment.count, worker->assignment.topic_partitions, worker->assignment.topic);
    worker->stats.assigned = (int)worker->assignment.count;
    worker->rejoining = false;
    kafka_worker_publish_positions(worker);
    return !worker->restore || worker->assignment.count == 0 || kafka_worker_begin_restore(worker, error);
}

static void forget_assignment(struct kafka_worker *worker)
{
    kafka_worker_forget_state(worker);
    kafka_assignment_drop(&worker->assignment, worker->consumer);
    kafka_worker_drop_metadata(worker);
    worker->missed = false;
    worker->stats.assigned = 0;
    kafka_worker_publish_positions(worker);
    if (kafka_worker_is_mended(worker) && !kafka_worker_is_stopping(worker))
        kafka_worker_enter(worker, KAFKA_WORKER_JOINING);
}

static bool on_revoked(struct kafka_worker *worker, struct error *error)
{
    bool fine = abort_for_rebalance(worker, error);
    forget_assignment(worker);
    worker->rejoining = true;
    return fine;
}

void kafka_worker_on_rebalance(rd_kafka_t *consumer, rd_kafka_resp_err_t code,
                               rd_kafka_topic_partition_list_t *given, void *opaque)
{
    (void)consumer;
    struct kafka_worker *worker = opaque;
    struct error error = {0};
    worker->moves++;
    bool is_assigning = code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
    if (is_assigning ? on_assigned(worker, given, &error) : on_revoked(worker, &error))
        return;
    if (is_assigning)
        forget_assignment(worker);
    worker->assign_failed = true;
    if (!worker->failure.what[0])
        worker->failure = error;
}

bool kafka_worker_subscribe(struct kafka_worker *worker, struct error *error)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, worker->assignment.topic, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(worker->consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    kafka_worker_enter(worker, KAFKA_WORKER_JOINING);
    return code ? kafka_fail_code(error, code, "joining the group") : true;
}

bool kafka_worker_join_again(struct kafka_worker *worker, struct error *error)
{
    worker->assign_failed = false;
    *error = worker->failure;
    if (!error->retriable)
        return false;
    log_failure(LOG_LEVEL_WARNING, "assignment_delayed", error);
    *error = worker->failure = (struct error){0};
    return kafka_worker_subscribe(worker, error);
}

bool kafka_worker_check_topic(struct kafka_worker *worker, struct error *error)
{
    int32_t partitions;
    if (clock_monotonic_ms() - worker->checked_ms < TOPIC_CHECK_EVERY_MS)
        return true;
    worker->checked_ms = clock_monotonic_ms();
    if (kafka_topic_partitions(worker->offsets, worker->assignment.topic, REQUEST_TIMEOUT_MS, &partitions,
                               error) ||
        error->retriable) {
        *error = (struct error){0};
        return true;
    }
    return false;
}
