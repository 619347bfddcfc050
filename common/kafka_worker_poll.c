/*
 * A worker's poll: what the consumer says, and records on their way into the chain.
 *
 * A rebalance during a poll makes everything that this poll returned suspect: it is thrown away and the partitions
 * that we hold now are rewound, so that no record of an older assignment can be mistaken for a newer one's. The same goes
 * for what is left of a poll when an abort moved the positions (`moves`). A record that can't be taken although it is ours
 * is not lost either: the library's position is behind it, ours is not, and before more is taken the library goes back to
 * ours (`missed`).
 */
#include "common/kafka_worker_internal.h"

#include "common/clock.h"
#include "common/dead_letter.h"
#include "common/kafka_client.h"
#include "common/log.h"

enum {
    SERVE_EVERY_MS = 500,
    NUDGE_EVERY_MS = 20,
    NUDGE_BELOW = 4000,   /* messages in the queue */
    NUDGE_TIMEOUT_MS = 1, /* the answer does not matter, the request does */
    NUDGE_SLOW_MS = 100,
    TABLE_PATIENCE_MS = 500,
    TABLE_STEP_MS = 2,
};

static void note_latency(struct kafka_worker *worker, int64_t timestamp_ms)
{
    if (worker->latency_count && (worker->latencies[worker->latency_count - 1].timestamp_ms == timestamp_ms ||
                                  worker->latency_count == KAFKA_WORKER_LATENCIES_MAX)) {
        worker->latencies[worker->latency_count - 1].count++;
        return;
    }
    worker->latencies[worker->latency_count++] = (struct latency){timestamp_ms, 1};
}

static struct view header_of(const rd_kafka_message_t *message, const char *name)
{
    rd_kafka_headers_t *headers;
    const void *value;
    size_t size;
    if (rd_kafka_message_headers(message, &headers) || rd_kafka_header_get_last(headers, name, &value, &size))
        return VIEW_ABSENT;
    return (struct view){value, size};
}

/* An event that `clickveil dead-letters replay` has put back. Others have no headers, as a rule. */
static void take_replayed(const rd_kafka_message_t *message, struct chain_input *input)
{
    rd_kafka_headers_t *headers;
    if (rd_kafka_message_headers(message, &headers))
        return;
    input->attempts = dead_letter_attempts_read(header_of(message, DEAD_LETTER_HEADER_ATTEMPT));
    input->late = view_equal(header_of(message, DEAD_LETTER_HEADER_LATE), DEAD_LETTER_LATE);
}

static bool process(struct kafka_worker *worker, struct kafka_assigned *item,
                    const rd_kafka_message_t *message, struct error *error)
{
    struct chain_input input = {
        .partition = message->partition,
        .offset = message->offset,
        .timestamp_ms = kafka_timestamp_ms(message),
        .key = {message->key, message->key_len},
        .value = {message->payload, message->len},
        .partition_count = worker->assignment.topic_partitions,
    };
    if (worker->side_stage)
        input.author = header_of(message, "clickveil-author");
    else if (worker->config->first_stage > 0)
        input.origin = header_of(message, "clickveil-origin");
    else
        take_replayed(message, &input);
    if (chain_process(worker->chain, &input, error) == CHAIN_STOP) {
        struct error why = *error;
        *error = (struct error){0};
        if (!why.where[0])
            error_at(&why, "%s[%d]@%lld", worker->assignment.topic, message->partition,
                     (long long)message->offset);
        /* Records before this one can make room for it; alone it has all the room there is. */
        return kafka_worker_failed_to_fill(worker, worker->batch_records > 0 ? worker->batch_records + 1 : 0,
                                           &why, error);
    }
    item->next_offset = message->offset + 1;
    item->last_timestamp_ms = input.timestamp_ms;
    item->at_end = false;
    worker->batch_records++;
    note_latency(worker, input.timestamp_ms);
    return true;
}

static bool take_end(struct kafka_worker *worker, const rd_kafka_message_t *message)
{
    struct kafka_assigned *item = kafka_assignment_find(&worker->assignment, message->partition);
    /* Behind every transaction stands a marker, which has no message: only the end tells its place (rule 2). */
    if (item && !worker->assignment.paused && !worker->missed && message->offset >= item->next_offset) {
        item->next_offset = message->offset;
        item->at_end = true;
    }
    return true;
}

static bool take_error(struct kafka_worker *worker, const rd_kafka_message_t *message, struct error *error)
{
    char why[ERROR_TEXT_SIZE] = "";
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        return take_end(worker, message);
    if (kafka_skips_records(message->err)) {
        (void)kafka_fail_code(error, message->err, "consuming");
        error_at(error, "%s[%d]@%lld", worker->assignment.topic, message->partition,
                 (long long)message->offset);
        error_advise(error, "the client can't read what stands there: see how it was written");
        return false;
    }
    switch (message->err) {
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
        return kafka_assignment_fail_gap(&worker->assignment, worker->offsets, message->partition,
                                         worker->group, worker->spec.is_side, error);
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
        (void)kafka_fail_code(error, message->err, "consuming");
        error_advise(error, "grant it to the user of this process; docs/operations.md lists what is needed");
        return false;
    case RD_KAFKA_RESP_ERR__FATAL:
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
        rd_kafka_fatal_error(worker->consumer, why, sizeof why);
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, worker->assignment.topic,
                          "with `runtime.static` another instance under this name takes its place: give each "
                          "one of its own (`instance:`)",
                          "the consumer can't go on: %s", why[0] ? why : rd_kafka_err2str(message->err));
    default:
        break;
    }
    log_line(LOG_LEVEL_WARNING, "consumer_error", "%s", rd_kafka_err2str(message->err));
    return !kafka_is_topic_unknown(message->err) || kafka_worker_check_topic(worker, error);
}

/* Is the transaction as large as it may become? Half of the arena is left for what the flush writes. */
static bool is_full(const struct kafka_worker *worker)
{
    return worker->batch_records >= worker->batch_max ||
           worker->arena.used > (size_t)worker->config->runtime.memory_bytes_max / 2;
}

/* A side input may ask for records that the process's table has already taken in. The follower reads by itself and is
 * hardly ever behind; where it is, the record comes again. */
static bool table_has(struct kafka_worker *worker, const rd_kafka_message_t *message)
{
    int64_t until_ms = clock_monotonic_ms() + TABLE_PATIENCE_MS;
    while (worker->table && !kafka_follower_has(worker->table, message->partition, message->offset)) {
        if (kafka_worker_is_stopping(worker) || clock_monotonic_ms() >= until_ms)
            return false;
        clock_sleep_ms(TABLE_STEP_MS);
    }
    return true;
}

static bool take_message(struct kafka_worker *worker, const rd_kafka_message_t *message, struct error *error)
{
    if (message->err)
        return take_error(worker, message, error);
    struct kafka_assigned *item = kafka_assignment_find(&worker->assignment, message->partition);
    if (!item)
        return true;
    if (message->offset < item->next_offset) {
        metrics_add(&worker->stats.replayed, 1);
        return true;
    }
    if (worker->missed || worker->assignment.paused || worker->restoring || !table_has(worker, message)) {
        worker->missed = true; /* the library's position is behind it now, ours is not */
        return true;
    }
    unsigned moves = worker->moves;
    if (!kafka_worker_begin_transaction(worker, error))
        return false;
    /* Moved: the way back was taken, and this record will come again. */
    return worker->moves != moves || process(worker, item, message, error);
}

/* Take what one poll returned. After anything that moved positions (an abort, a rebalance) the rest is thrown away: it will
 * be fetched again. */
static bool take_messages(struct kafka_worker *worker, unsigned count, struct error *error)
{
    bool fine = true;
    unsigned moves = worker->moves;
    for (unsigned i = 0; fine && i < count && worker->moves == moves; i++) {
        fine = take_message(worker, worker->messages[i], error);
        if (fine && worker->moves == moves && kafka_transaction_is_open(worker->transaction) &&
            is_full(worker))
            fine = kafka_worker_end_transaction(worker, false, error);
    }
    for (unsigned i = 0; i < count; i++)
        rd_kafka_message_destroy(worker->messages[i]);
    return fine;
}

/* The library's consumer can rest for up to a second after its queue was full (issue 2879); any request to the leader
 * wakes it. Not once everything is fetched: the request would wait behind the long poll (rule 13). */
static void nudge(struct kafka_worker *worker, unsigned polled)
{
    int64_t now_ms = clock_monotonic_ms();
    /* Full polls: we are catching up. Nothing since a rewind: it rests where that found it. Otherwise the consumer waits
     * for new records, and does so rightly. */
    bool catches_up = polled >= KAFKA_WORKER_POLL_BATCH || (polled == 0 && worker->rewound);
    if (polled > 0)
        worker->rewound = false;
    if (!catches_up || now_ms - worker->nudged_ms < NUDGE_EVERY_MS || worker->assignment.paused ||
        rd_kafka_queue_length(worker->queue) > NUDGE_BELOW)
        return;
    for (unsigned i = 0; i < worker->assignment.count; i++) {
        worker->nudged = (worker->nudged + 1) % worker->assignment.count; /* each leader in turn */
        const struct kafka_assigned *item = &worker->assignment.items[worker->nudged];
        int64_t low, high;
        if (item->at_end)
            continue;
        worker->nudged_ms = now_ms;
        rd_kafka_query_watermark_offsets(worker->consumer, worker->assignment.topic, item->partition, &low,
                                         &high, NUDGE_TIMEOUT_MS);
        /* To a broker that is away a request takes as long as it may, whatever was said. */
        if (clock_monotonic_ms() - now_ms > NUDGE_SLOW_MS)
            worker->rewound = false;
        return;
    }
}

/* What nobody polls must be heard all the same, or its log lines and errors pile up while a broker is away. */
void kafka_worker_serve(struct kafka_worker *worker)
{
    int64_t now_ms = clock_monotonic_ms();
    if (now_ms - worker->served_ms < SERVE_EVERY_MS)
        return;
    worker->served_ms = now_ms;
    kafka_serve(worker->offsets);
    if (worker->transaction)
        kafka_transaction_serve(worker->transaction);
    if (worker->restore && !worker->restoring)
        kafka_restore_serve(worker->restore);
}

/* Poll once. A rebalance inside makes all that was polled suspect. */
bool kafka_worker_poll(struct kafka_worker *worker, int timeout_ms, struct error *error)
{
    unsigned moves = worker->moves;
    unsigned count = 0;
    kafka_worker_serve(worker);
    rd_kafka_message_t *first = rd_kafka_consumer_poll(worker->consumer, timeout_ms);
    if (first) {
        worker->messages[count++] = first;
        ssize_t more =
            rd_kafka_consume_batch_queue(worker->queue, 0, worker->messages + 1, KAFKA_WORKER_POLL_BATCH - 1);
        count += more > 0 ? (unsigned)more : 0;
    }
    nudge(worker, count);
    if (moves == worker->moves)
        return take_messages(worker, count, error);
    for (unsigned i = 0; i < count; i++)
        rd_kafka_message_destroy(worker->messages[i]);
    if (worker->assign_failed)
        return kafka_worker_join_again(worker, error);
    return count == 0 || kafka_worker_rewind(worker, error);
}
