#include "common/kafka_consent.h"

#include "common/clock.h"
#include "common/kafka_client.h"
#include "common/kafka_worker.h"

#include <stdlib.h>

enum {
    IDENTITY_SIZE = 320,
    STEP_MS = 5000, /* of one request that may be tried again */
    PAUSE_MS = 100,
    FENCED_TRIES = 8,
};

static const char author[] = "consent-command";

struct kafka_consent {
    const struct config *config;
    int timeout_ms;
    char identity[IDENTITY_SIZE];
    const char *topic;
    rd_kafka_t *client;
    int32_t partitions;
    rd_kafka_resp_err_t delivery_failure;
};

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    struct kafka_consent *writer = opaque;
    struct kafka_consent_record *record = message->_private;
    (void)client;
    if (message->err && !writer->delivery_failure)
        writer->delivery_failure = message->err;
    if (!message->err && record)
        record->offset = message->offset;
}

static bool open_client(struct kafka_consent *writer, struct error *error)
{
    struct kafka_client_spec spec = {
        .role = KAFKA_ROLE_PRODUCER,
        .identity = writer->identity,
        .opaque = writer,
        .delivery = on_delivery,
        .receipts = true,
    };
    int64_t until_ms = clock_monotonic_ms() + writer->timeout_ms;
    writer->client = kafka_client_new(writer->config, &spec, error);
    if (!writer->client)
        return false;
    while (!kafka_topic_partitions(writer->client, writer->topic, writer->timeout_ms, &writer->partitions,
                                   error)) {
        if (!kafka_may_try_again(until_ms, error))
            return false;
    }
    for (;;) {
        rd_kafka_error_t *failure = rd_kafka_init_transactions(writer->client, STEP_MS);
        if (!failure)
            return true;
        bool again = rd_kafka_error_is_retriable(failure) && clock_monotonic_ms() < until_ms;
        (void)kafka_fail(error, failure, "opening the producer of the consent topic");
        if (!again)
            return false;
        clock_sleep_ms(PAUSE_MS);
    }
}

static void close_client(struct kafka_consent *writer)
{
    if (!writer->client)
        return;
    rd_kafka_purge(writer->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_flush(writer->client, STEP_MS);
    rd_kafka_destroy(writer->client);
    writer->client = NULL;
}

struct kafka_consent *kafka_consent_new(const struct config *config, int timeout_ms, struct error *error)
{
    struct kafka_consent *writer = calloc(1, sizeof *writer);
    if (!writer) {
        (void)error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for a producer");
        return NULL;
    }
    writer->config = config;
    writer->timeout_ms = timeout_ms;
    writer->topic = config_topic(config, TOPIC_CONSENT, 0).data;
    snprintf(writer->identity, sizeof writer->identity, "%s.consent-command.%s", config->pipeline.data,
             config->instance.data);
    if (!open_client(writer, error)) {
        kafka_consent_free(writer);
        return NULL;
    }
    return writer;
}

void kafka_consent_free(struct kafka_consent *writer)
{
    if (!writer)
        return;
    close_client(writer);
    free(writer);
}

int32_t kafka_consent_partitions(const struct kafka_consent *writer)
{
    return writer->partitions;
}

static bool is_known_to_be_empty(const rd_kafka_event_t *event)
{
    const rd_kafka_DescribeConsumerGroups_result_t *result =
        event ? rd_kafka_event_DescribeConsumerGroups_result((rd_kafka_event_t *)event) : NULL;
    size_t count = 0;
    const rd_kafka_ConsumerGroupDescription_t **groups =
        result ? rd_kafka_DescribeConsumerGroups_result_groups(result, &count) : NULL;
    if (count != 1 || rd_kafka_ConsumerGroupDescription_error(groups[0]))
        return false;
    rd_kafka_consumer_group_state_t state = rd_kafka_ConsumerGroupDescription_state(groups[0]);
    return state == RD_KAFKA_CONSUMER_GROUP_STATE_EMPTY || state == RD_KAFKA_CONSUMER_GROUP_STATE_DEAD;
}

bool kafka_consent_pipeline_runs(struct kafka_consent *writer)
{
    char group[IDENTITY_SIZE];
    kafka_worker_group(writer->config, group, sizeof group);
    const char *names[] = {group};
    rd_kafka_queue_t *queue = rd_kafka_queue_new(writer->client);
    rd_kafka_DescribeConsumerGroups(writer->client, names, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, writer->timeout_ms);
    bool is_empty = is_known_to_be_empty(event);
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    return !is_empty;
}

/* ---- one transaction ---- */

static bool produce(struct kafka_consent *writer, struct kafka_consent_record *record, struct error *error)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(1);
    if (!record->is_foreign)
        rd_kafka_header_add(headers, "clickveil-author", -1, author, sizeof author - 1);
    for (;;) {
        rd_kafka_vu_t arguments[] = {
            {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = writer->topic},
            {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = record->partition},
            {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)record->key.data, record->key.size}},
            {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)record->value.data, record->value.size}},
            {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = record->timestamp_ms},
            {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = record},
            {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
        };
        rd_kafka_error_t *failure =
            rd_kafka_produceva(writer->client, arguments, sizeof arguments / sizeof arguments[0]);
        if (!failure)
            return true;
        bool is_full = rd_kafka_error_code(failure) == RD_KAFKA_RESP_ERR__QUEUE_FULL;
        if (is_full && !writer->delivery_failure) {
            rd_kafka_error_destroy(failure);
            rd_kafka_poll(writer->client, PAUSE_MS);
            continue;
        }
        rd_kafka_headers_destroy(headers);
        return kafka_fail(error, failure, "writing to the consent topic");
    }
}

static bool is_fenced(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
           code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

/* Abort, or readers of what is committed wait for the transaction until it times out. */
static void give_up(struct kafka_consent *writer)
{
    rd_kafka_error_t *failure = rd_kafka_abort_transaction(writer->client, STEP_MS);
    if (failure)
        rd_kafka_error_destroy(failure);
}

static bool commit(struct kafka_consent *writer, bool *out_fenced, struct error *error)
{
    int64_t until_ms = clock_monotonic_ms() + writer->timeout_ms;
    rd_kafka_error_t *failure;
    while ((failure = rd_kafka_commit_transaction(writer->client, STEP_MS))) {
        bool again = rd_kafka_error_is_retriable(failure) && clock_monotonic_ms() < until_ms;
        bool is_undone = rd_kafka_error_txn_requires_abort(failure);
        *out_fenced = is_fenced(rd_kafka_error_code(failure));
        (void)kafka_fail(error, failure, "committing to the consent topic");
        if (again)
            continue;
        if (is_undone)
            give_up(writer);
        if (is_undone || *out_fenced)
            error_advise(error, "nothing was written; try again");
        else
            error_advise(error, "nobody knows whether it was written; `clickveil consent get` shows it");
        return false;
    }
    return true;
}

static bool try_to_write(struct kafka_consent *writer, struct kafka_consent_record *records, unsigned count,
                         bool *out_fenced, struct error *error)
{
    rd_kafka_error_t *failure = rd_kafka_begin_transaction(writer->client);
    *out_fenced = failure && is_fenced(rd_kafka_error_code(failure));
    if (failure)
        return kafka_fail(error, failure, "beginning to write to the consent topic");
    writer->delivery_failure = RD_KAFKA_RESP_ERR_NO_ERROR;
    bool fine = true;
    for (unsigned i = 0; fine && i < count; i++)
        fine = produce(writer, &records[i], error);
    if (fine && rd_kafka_flush(writer->client, writer->timeout_ms) && !writer->delivery_failure)
        fine = error_fail(error, EXIT_STATUS_UNAVAILABLE, writer->topic, "nothing was written; try again",
                          "the broker did not take the records in time");
    if (fine && writer->delivery_failure)
        fine = kafka_fail_code(error, writer->delivery_failure, "writing to the consent topic");
    if (fine)
        return commit(writer, out_fenced, error);
    *out_fenced =
        is_fenced(writer->delivery_failure) || is_fenced(rd_kafka_fatal_error(writer->client, NULL, 0));
    give_up(writer);
    return false;
}

bool kafka_consent_write(struct kafka_consent *writer, struct kafka_consent_record *records, unsigned count,
                         struct error *error)
{
    ensure(count >= 1 && count <= KAFKA_CONSENT_RECORDS_MAX);
    for (unsigned i = 0; i < FENCED_TRIES; i++) {
        bool fenced = false;
        if (try_to_write(writer, records, count, &fenced, error))
            return true;
        if (!fenced)
            return false;
        close_client(writer);
        clock_sleep_ms(PAUSE_MS * (i + 1));
        if (!open_client(writer, error))
            return false;
    }
    return false;
}
