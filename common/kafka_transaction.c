#include "common/kafka_transaction.h"

#include "common/clock.h"
#include "common/kafka_client.h"
#include "common/log.h"
#include "common/stage.h"

#include <stdatomic.h>
#include <stdlib.h>

enum {
    FEEDS_MAX = 4096,
    RETRY_PAUSE_MS = 50,
    QUEUE_FULL_POLL_MS = 20,
    METADATA_TIMEOUT_MS = 5000,
};

struct kafka_transaction {
    const struct config *config;
    rd_kafka_t *client;
    rd_kafka_topic_t *topics[TOPIC_ROLES];
    rd_kafka_topic_t **feeds;
    unsigned feed_count;
    bool open;
    int64_t began_ms;                     /* monotonic */
    rd_kafka_resp_err_t delivery_failure; /* of the open transaction */
};

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    (void)client;
    struct kafka_transaction *transaction = opaque;
    if (message->err && !transaction->delivery_failure)
        transaction->delivery_failure = message->err;
}

static bool open_topics(struct kafka_transaction *transaction, struct error *error)
{
    for (enum topic_role role = TOPIC_EVENTS; role < TOPIC_FEED; role++) {
        struct view name = config_topic(transaction->config, role, 0);
        if (view_is_absent(name))
            continue;
        transaction->topics[role] = rd_kafka_topic_new(transaction->client, name.data, NULL);
        if (!transaction->topics[role])
            return kafka_fail_code(error, rd_kafka_last_error(), name.data);
    }
    unsigned count = 0;
    while (count < FEEDS_MAX && !view_is_absent(config_topic(transaction->config, TOPIC_FEED, count)))
        count++;
    transaction->feeds = calloc(count ? count : 1, sizeof(rd_kafka_topic_t *));
    if (!transaction->feeds)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for topics");
    for (transaction->feed_count = 0; transaction->feed_count < count; transaction->feed_count++) {
        struct view name = config_topic(transaction->config, TOPIC_FEED, transaction->feed_count);
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
    struct kafka_client_spec spec = {
        .role = KAFKA_ROLE_PRODUCER,
        .identity = transactional_id,
        .opaque = transaction,
        .delivery = on_delivery,
    };
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

/* The first produce to a topic may wait a second for its metadata (architecture 4, rule 13). */
static void ask_for_metadata(struct kafka_transaction *transaction)
{
    for (enum topic_role role = TOPIC_EVENTS; role < TOPIC_ROLES; role++) {
        const struct rd_kafka_metadata *metadata;
        if (transaction->topics[role] && role != TOPIC_EVENTS && role != TOPIC_CONSENT &&
            !rd_kafka_metadata(transaction->client, 0, transaction->topics[role], &metadata,
                               METADATA_TIMEOUT_MS))
            rd_kafka_metadata_destroy(metadata);
    }
    for (unsigned i = 0; i < transaction->feed_count; i++) {
        const struct rd_kafka_metadata *metadata;
        if (!rd_kafka_metadata(transaction->client, 0, transaction->feeds[i], &metadata, METADATA_TIMEOUT_MS))
            rd_kafka_metadata_destroy(metadata);
    }
}

bool kafka_transaction_open(struct kafka_transaction *transaction, int timeout_ms, struct error *error)
{
    rd_kafka_error_t *failure = rd_kafka_init_transactions(transaction->client, timeout_ms);
    if (failure) {
        bool unreachable = kafka_is_unreachable(rd_kafka_error_code(failure));
        (void)kafka_fail(error, failure, "opening the transactional producer");
        if (error)
            error->retriable = error->retriable || unreachable;
        return false;
    }
    ask_for_metadata(transaction);
    return true;
}

/* Fenced: by another instance, unless the broker ended our transaction because it took longer than its time-out. */
static enum kafka_outcome fenced(struct kafka_transaction *transaction, struct error *error)
{
    int64_t open_ms = transaction->open ? clock_monotonic_ms() - transaction->began_ms : 0;
    if (open_ms >= transaction->config->runtime.transaction_timeout_ms * 9 / 10)
        return KAFKA_OUTCOME_RECREATE;
    error_advise(error, "give every instance a name of its own (`instance:`)");
    return KAFKA_OUTCOME_FENCED;
}

static enum kafka_outcome outcome_of(struct kafka_transaction *transaction, rd_kafka_error_t *failure,
                                     const char *doing, struct error *error)
{
    rd_kafka_resp_err_t code = rd_kafka_error_code(failure);
    bool is_abort = rd_kafka_error_txn_requires_abort(failure);
    (void)kafka_fail(error, failure, doing);
    if (code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED)
        return fenced(transaction, error);
    return is_abort ? KAFKA_OUTCOME_ABORT : KAFKA_OUTCOME_RECREATE;
}

static int64_t deadline_of(const struct kafka_transaction *transaction)
{
    return clock_monotonic_ms() + transaction->config->runtime.transaction_timeout_ms;
}

enum kafka_outcome kafka_transaction_begin(struct kafka_transaction *transaction, struct error *error)
{
    rd_kafka_error_t *failure = rd_kafka_begin_transaction(transaction->client);
    if (failure)
        return outcome_of(transaction, failure, "beginning a transaction", error);
    transaction->open = true;
    transaction->began_ms = clock_monotonic_ms();
    transaction->delivery_failure = RD_KAFKA_RESP_ERR_NO_ERROR;
    return KAFKA_OUTCOME_DONE;
}

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
            (void)kafka_fail_code(error, transaction->delivery_failure, "delivering a record");
            error->abort_transaction = true;
            return false;
        }
        if (headers)
            rd_kafka_headers_destroy(headers);
        (void)kafka_fail(error, failure, "sending a record");
        /* Whatever it was, the transaction must not commit without this record. */
        error->abort_transaction = !error->fatal;
        return false;
    }
}

enum kafka_outcome kafka_transaction_flush(struct kafka_transaction *transaction, struct error *error)
{
    int64_t until_ms = deadline_of(transaction);
    rd_kafka_resp_err_t code;
    do {
        code = rd_kafka_flush(transaction->client, (int)transaction->config->runtime.transaction_timeout_ms);
    } while (code == RD_KAFKA_RESP_ERR__TIMED_OUT && clock_monotonic_ms() < until_ms);
    if (!code)
        code = transaction->delivery_failure;
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
    int timeout_ms = (int)transaction->config->runtime.transaction_timeout_ms;
    rd_kafka_error_t *failure;
    /* With an empty list this would succeed without asking the broker (rule 2). */
    ensure(positions->cnt > 0);
    while (
        (failure = rd_kafka_send_offsets_to_transaction(transaction->client, positions, group, timeout_ms))) {
        if (!rd_kafka_error_is_retriable(failure) || clock_monotonic_ms() >= until_ms)
            return outcome_of(transaction, failure, "sending positions to the transaction", error);
        rd_kafka_error_destroy(failure);
        clock_sleep_ms(RETRY_PAUSE_MS);
    }
    while ((failure = rd_kafka_commit_transaction(transaction->client, timeout_ms))) {
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
    int timeout_ms = (int)transaction->config->runtime.transaction_timeout_ms;
    rd_kafka_error_t *failure;
    while ((failure = rd_kafka_abort_transaction(transaction->client, timeout_ms))) {
        if (!rd_kafka_error_is_retriable(failure) || clock_monotonic_ms() >= until_ms) {
            enum kafka_outcome outcome = outcome_of(transaction, failure, "aborting a transaction", error);
            rd_kafka_purge(transaction->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
            rd_kafka_flush(transaction->client, METADATA_TIMEOUT_MS);
            transaction->open = false;
            return outcome == KAFKA_OUTCOME_FENCED ? outcome : KAFKA_OUTCOME_RECREATE;
        }
        rd_kafka_error_destroy(failure);
        clock_sleep_ms(RETRY_PAUSE_MS);
    }
    transaction->open = false;
    return KAFKA_OUTCOME_DONE;
}
