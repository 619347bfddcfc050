/*
 * Design. The library retries requests to the transaction coordinator by itself and tells nobody when one of them was lost
 * on the way. No released version implements KIP-890 part 2, so a request that was lost but not gone can arrive when the
 * next transaction is open under the same epoch, and end it (rule 5; librdkafka issue 5423). An interceptor sees every
 * request that ends without an answer; after one of those the producer is doubtful.
 */
#include "common/kafka_transaction.h"

#include "common/clock.h"
#include "common/kafka_client.h"
#include "common/log.h"
#include "common/stage.h"
#include "common/topic_plan.h"

#include <stdatomic.h>
#include <stdlib.h>

enum {
    FEEDS_MAX = 4096,
    RETRY_PAUSE_MS = 50,
    QUEUE_FULL_POLL_MS = 20,
    FLUSH_STEP_MS = 500,
    METADATA_TIMEOUT_MS = 5000,
    REPORT_TIMEOUT_MS = 100,
    ENDING_MS_MIN = 2000, /* for commit and abort, however old the transaction is */
};

struct kafka_transaction {
    const struct config *config;
    rd_kafka_t *client;
    rd_kafka_topic_t *topics[TOPIC_ROLES];
    rd_kafka_topic_t **feeds;
    unsigned feed_count;
    bool open;
    int64_t began_ms;                     /* monotonic */
    rd_kafka_resp_err_t delivery_failure; /* first one of the open transaction */
    const char *delivery_topic;           /* of that; lives as long as the topics above */
    struct kafka_listener listener;
    atomic_bool doubtful;
};

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    (void)client;
    struct kafka_transaction *transaction = opaque;
    if (!message->err || transaction->delivery_failure)
        return;
    transaction->delivery_failure = message->err;
    transaction->delivery_topic = rd_kafka_topic_name(message->rkt);
}

/* The library's threads. */
static void on_unanswered(int16_t request, void *opaque)
{
    enum { ADD_PARTITIONS_TO_TXN = 24, ADD_OFFSETS_TO_TXN = 25, END_TXN = 26, TXN_OFFSET_COMMIT = 28 };
    struct kafka_transaction *transaction = opaque;
    if (request == ADD_PARTITIONS_TO_TXN || request == ADD_OFFSETS_TO_TXN || request == END_TXN ||
        request == TXN_OFFSET_COMMIT)
        atomic_store_explicit(&transaction->doubtful, true, memory_order_relaxed);
}

/* ---- what an error means ---- */

/* What stays wrong however often it is tried, and what to do about it; NULL: that helps. */
static const char *remedy_of(rd_kafka_resp_err_t code)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
        return "raise the topic's max.message.bytes, and message.max.bytes under `kafka:`";
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
        return "grant it to the user of this process; docs/operations.md lists what is needed";
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
        return "`clickveil topics plan` shows what is needed, `clickveil topics create` makes it";
    case RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT:
        return "lower runtime.transaction_timeout, or raise the broker's transaction.max.timeout.ms";
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
        return "`clickveil check --broker` shows which setting of the topic differs";
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE:
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
        return "the broker is too old for this";
    default:
        return NULL;
    }
}

/* Fill in the error of a record that was not delivered. Outcome: abort or stop. */
static enum kafka_outcome delivery_failed(const struct kafka_transaction *transaction, struct error *error)
{
    rd_kafka_resp_err_t code = transaction->delivery_failure;
    bool purged = kafka_purged_because(transaction->client, code, &code, error);
    if (!purged) {
        (void)kafka_fail_code(error, code, "delivering a record");
        error_at(error, "%s", transaction->delivery_topic);
    }
    /* Of a topic that a coordinator does not know (yet), see outcome_of. */
    bool may_pass = purged && code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    const char *remedy = may_pass ? NULL : remedy_of(code);
    if (remedy)
        error_advise(error, "%s", remedy);
    if (error)
        error->abort_transaction = !remedy;
    return remedy ? KAFKA_OUTCOME_STOP : KAFKA_OUTCOME_ABORT;
}

/* Fenced: by another instance, unless the broker ended our transaction because it took longer than its time-out. */
static enum kafka_outcome fenced(const struct kafka_transaction *transaction, struct error *error)
{
    int64_t open_ms = transaction->open ? clock_monotonic_ms() - transaction->began_ms : 0;
    if (open_ms >= transaction->config->runtime.transaction_timeout_ms * 9 / 10)
        return KAFKA_OUTCOME_RECREATE;
    error_advise(error, "another instance runs under this name: give each one of its own (`instance:`)");
    return KAFKA_OUTCOME_STOP;
}

static enum kafka_outcome outcome_of(const struct kafka_transaction *transaction, rd_kafka_error_t *failure,
                                     const char *doing, struct error *error)
{
    rd_kafka_resp_err_t code = rd_kafka_error_code(failure);
    bool is_abort = rd_kafka_error_txn_requires_abort(failure);
    const char *remedy = remedy_of(code);
    (void)kafka_fail(error, failure, doing);
    if (code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED)
        return fenced(transaction, error);
    /* That a record failed is known to the library before its report has reached us. */
    if (is_abort && !transaction->delivery_failure)
        rd_kafka_flush(transaction->client, REPORT_TIMEOUT_MS);
    if (transaction->delivery_failure && remedy_of(transaction->delivery_failure))
        return delivery_failed(transaction, error);
    /* A coordinator that has just started may not know a partition yet; whether a topic is gone, delivery tells. */
    if (remedy && code != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
        error_advise(error, "%s", remedy);
        return KAFKA_OUTCOME_STOP;
    }
    return is_abort ? KAFKA_OUTCOME_ABORT : KAFKA_OUTCOME_RECREATE;
}

/* ---- life ---- */

static bool open_topics(struct kafka_transaction *transaction, struct error *error)
{
    const struct config *config = transaction->config;
    for (enum topic_role role = TOPIC_EVENTS; role < TOPIC_FEED; role++) {
        struct view name = config_topic(config, role, 0);
        if (view_is_absent(name) || !topic_plan_writes(config, role))
            continue;
        transaction->topics[role] = rd_kafka_topic_new(transaction->client, name.data, NULL);
        if (!transaction->topics[role])
            return kafka_fail_code(error, rd_kafka_last_error(), name.data);
    }
    unsigned count = 0;
    while (count < FEEDS_MAX && !view_is_absent(config_topic(config, TOPIC_FEED, count)))
        count++;
    if (!topic_plan_writes(config, TOPIC_FEED))
        count = 0;
    transaction->feeds = calloc(count ? count : 1, sizeof(rd_kafka_topic_t *));
    if (!transaction->feeds)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for topics");
    for (transaction->feed_count = 0; transaction->feed_count < count; transaction->feed_count++) {
        struct view name = config_topic(config, TOPIC_FEED, transaction->feed_count);
        rd_kafka_topic_t *topic = rd_kafka_topic_new(transaction->client, name.data, NULL);
        if (!topic)
            return kafka_fail_code(error, rd_kafka_last_error(), name.data);
        transaction->feeds[transaction->feed_count] = topic;
    }
    return true;
}

struct kafka_transaction *kafka_transaction_new(const struct config *config, const char *transactional_id,
                                                struct error *error)
{
    struct kafka_transaction *transaction = calloc(1, sizeof *transaction);
    if (!transaction) {
        (void)error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for a producer");
        return NULL;
    }
    transaction->config = config;
    transaction->listener = (struct kafka_listener){on_unanswered, transaction};
    struct kafka_client_spec spec = {
        .role = KAFKA_ROLE_PRODUCER,
        .identity = transactional_id,
        .opaque = transaction,
        .delivery = on_delivery,
        .listener = &transaction->listener,
    };
    atomic_init(&transaction->doubtful, false);
    transaction->client = kafka_client_new(config, &spec, error);
    if (!transaction->client || !open_topics(transaction, error)) {
        kafka_transaction_free(transaction);
        return NULL;
    }
    return transaction;
}

void kafka_transaction_free(struct kafka_transaction *transaction)
{
    if (!transaction)
        return;
    for (unsigned i = 0; i < transaction->feed_count; i++)
        rd_kafka_topic_destroy(transaction->feeds[i]);
    free(transaction->feeds);
    for (enum topic_role role = TOPIC_NONE; role < TOPIC_ROLES; role++) {
        if (transaction->topics[role])
            rd_kafka_topic_destroy(transaction->topics[role]);
    }
    if (transaction->client) {
        rd_kafka_purge(transaction->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_flush(transaction->client, METADATA_TIMEOUT_MS);
        rd_kafka_destroy(transaction->client);
    }
    free(transaction);
}

/* The first produce to a topic may wait a second for its metadata (architecture 4, rule 13). One request for all topics
 * that this producer knows; without an answer the first transaction asks by itself. */
static void ask_for_metadata(struct kafka_transaction *transaction)
{
    const struct rd_kafka_metadata *metadata;
    if (!rd_kafka_metadata(transaction->client, 0, NULL, &metadata, METADATA_TIMEOUT_MS))
        rd_kafka_metadata_destroy(metadata);
}

bool kafka_transaction_open(struct kafka_transaction *transaction, int timeout_ms, struct error *error)
{
    rd_kafka_error_t *failure = rd_kafka_init_transactions(transaction->client, timeout_ms);
    kafka_serve(transaction->client);
    if (!failure) {
        ask_for_metadata(transaction);
        return true;
    }
    rd_kafka_resp_err_t code = rd_kafka_error_code(failure);
    const char *remedy = remedy_of(code);
    (void)kafka_fail(error, failure, "opening the transactional producer");
    if (remedy)
        error_advise(error, "%s", remedy);
    if (error) {
        error->retriable = !remedy && (error->retriable || kafka_is_unreachable(code));
        error->fatal = !remedy && error->fatal;
    }
    return false;
}

/* After its time-out the broker ends the transaction by itself: waiting longer than that is of no use (rule 6). */
static int64_t deadline_of(const struct kafka_transaction *transaction)
{
    int64_t until_ms = transaction->began_ms + transaction->config->runtime.transaction_timeout_ms;
    int64_t least_ms = clock_monotonic_ms() + ENDING_MS_MIN;
    return until_ms > least_ms ? until_ms : least_ms;
}

static int left_of(int64_t until_ms)
{
    int64_t left_ms = until_ms - clock_monotonic_ms();
    return left_ms > 1 ? (int)left_ms : 1;
}

enum kafka_outcome kafka_transaction_begin(struct kafka_transaction *transaction, struct error *error)
{
    rd_kafka_error_t *failure = rd_kafka_begin_transaction(transaction->client);
    if (failure)
        return outcome_of(transaction, failure, "beginning a transaction", error);
    transaction->open = true;
    transaction->began_ms = clock_monotonic_ms();
    transaction->delivery_failure = RD_KAFKA_RESP_ERR_NO_ERROR;
    transaction->delivery_topic = NULL;
    return KAFKA_OUTCOME_DONE;
}

bool kafka_transaction_is_doubtful(const struct kafka_transaction *transaction)
{
    return atomic_load_explicit(&transaction->doubtful, memory_order_relaxed);
}

void kafka_transaction_serve(struct kafka_transaction *transaction)
{
    kafka_serve(transaction->client);
}

/* ---- records ---- */

bool kafka_transaction_is_open(const struct kafka_transaction *transaction)
{
    return transaction && transaction->open;
}

static rd_kafka_headers_t *headers_of(const struct output *output)
{
    if (!output->header_count)
        return NULL;
    rd_kafka_headers_t *headers = rd_kafka_headers_new(output->header_count);
    for (unsigned i = 0; i < output->header_count; i++)
        rd_kafka_header_add(headers, output->headers[i].name, -1, output->headers[i].value.data,
                            (ssize_t)output->headers[i].value.size);
    return headers;
}

bool kafka_transaction_send(struct kafka_transaction *transaction, const struct output *output,
                            struct error *error)
{
    rd_kafka_topic_t *topic = output->topic == TOPIC_FEED && output->feed < transaction->feed_count
                                  ? transaction->feeds[output->feed]
                              : output->topic < TOPIC_FEED ? transaction->topics[output->topic]
                                                           : NULL;
    ensure(topic != NULL && transaction->open);
    rd_kafka_headers_t *headers = headers_of(output);
    for (;;) {
        rd_kafka_vu_t arguments[] = {
            {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = topic},
            {.vtype = RD_KAFKA_VTYPE_PARTITION,
             .u.i32 =
                 output->partition == OUTPUT_PARTITION_BY_KEY ? RD_KAFKA_PARTITION_UA : output->partition},
            {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)output->value.data, output->value.size}},
            {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)output->key.data, output->key.size}},
            {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = output->timestamp_ms},
            {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
        };
        size_t count = sizeof arguments / sizeof arguments[0] - (headers ? 0 : 1);
        rd_kafka_error_t *failure = rd_kafka_produceva(transaction->client, arguments, count);
        if (!failure)
            return true;
        if (rd_kafka_error_code(failure) == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            rd_kafka_error_destroy(failure);
            rd_kafka_poll(transaction->client, QUEUE_FULL_POLL_MS);
            if (!transaction->delivery_failure)
                continue;
            if (headers)
                rd_kafka_headers_destroy(headers);
            (void)delivery_failed(transaction, error);
            return false;
        }
        if (headers)
            rd_kafka_headers_destroy(headers);
        const char *remedy = remedy_of(rd_kafka_error_code(failure));
        (void)kafka_fail(error, failure, "sending a record");
        error_at(error, "%s", rd_kafka_topic_name(topic));
        if (remedy)
            error_advise(error, "%s", remedy);
        /* Whatever it was, the transaction must not commit without this record. */
        error->fatal = error->fatal && !remedy;
        error->abort_transaction = !error->fatal && !remedy;
        return false;
    }
}

enum kafka_outcome kafka_transaction_outcome_of_send(const struct error *error)
{
    return error->fatal               ? KAFKA_OUTCOME_RECREATE
           : error->abort_transaction ? KAFKA_OUTCOME_ABORT
                                      : KAFKA_OUTCOME_STOP;
}

/* ---- the end ---- */

enum kafka_outcome kafka_transaction_flush(struct kafka_transaction *transaction, struct error *error)
{
    int64_t until_ms = deadline_of(transaction);
    rd_kafka_resp_err_t code;
    do {
        code = rd_kafka_flush(transaction->client, FLUSH_STEP_MS);
    } while (code == RD_KAFKA_RESP_ERR__TIMED_OUT && !transaction->delivery_failure &&
             clock_monotonic_ms() < until_ms);
    if (transaction->delivery_failure)
        return delivery_failed(transaction, error);
    if (!code)
        return KAFKA_OUTCOME_DONE;
    (void)kafka_fail_code(error, code, "delivering the records of a transaction");
    return KAFKA_OUTCOME_ABORT;
}

/* Both calls may be repeated as they are while the error says that it is retriable (rule 4). */
enum kafka_outcome kafka_transaction_commit(struct kafka_transaction *transaction,
                                            const rd_kafka_topic_partition_list_t *positions,
                                            const rd_kafka_consumer_group_metadata_t *group,
                                            struct error *error)
{
    int64_t until_ms = deadline_of(transaction);
    rd_kafka_error_t *failure;
    /* With an empty list this would succeed without asking the broker (rule 2). */
    ensure(positions->cnt > 0);
    while ((failure = rd_kafka_send_offsets_to_transaction(transaction->client, positions, group,
                                                           left_of(until_ms)))) {
        if (!rd_kafka_error_is_retriable(failure) || clock_monotonic_ms() >= until_ms)
            return outcome_of(transaction, failure, "sending positions to the transaction", error);
        rd_kafka_error_destroy(failure);
        clock_sleep_ms(RETRY_PAUSE_MS);
    }
    until_ms = deadline_of(transaction);
    while ((failure = rd_kafka_commit_transaction(transaction->client, left_of(until_ms)))) {
        if (!rd_kafka_error_is_retriable(failure) || clock_monotonic_ms() >= until_ms)
            return outcome_of(transaction, failure, "committing a transaction", error);
        rd_kafka_error_destroy(failure);
        clock_sleep_ms(RETRY_PAUSE_MS);
    }
    transaction->open = false;
    return KAFKA_OUTCOME_DONE;
}

enum kafka_outcome kafka_transaction_abort(struct kafka_transaction *transaction, struct error *error)
{
    int64_t until_ms = deadline_of(transaction);
    rd_kafka_error_t *failure;
    while ((failure = rd_kafka_abort_transaction(transaction->client, left_of(until_ms)))) {
        if (!rd_kafka_error_is_retriable(failure) || clock_monotonic_ms() >= until_ms) {
            enum kafka_outcome outcome = outcome_of(transaction, failure, "aborting a transaction", error);
            rd_kafka_purge(transaction->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
            rd_kafka_flush(transaction->client, METADATA_TIMEOUT_MS);
            transaction->open = false;
            return outcome == KAFKA_OUTCOME_STOP ? outcome : KAFKA_OUTCOME_RECREATE;
        }
        rd_kafka_error_destroy(failure);
        clock_sleep_ms(RETRY_PAUSE_MS);
    }
    transaction->open = false;
    return KAFKA_OUTCOME_DONE;
}
