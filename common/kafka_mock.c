#include "common/kafka_mock.h"

#include "common/kafka_client.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <stdlib.h>

enum { TIMEOUT_MS = 10000, QUEUE_FULL_POLL_MS = 10 };

struct kafka_mock {
    rd_kafka_t *owner; /* the cluster hangs on a handle; it is the producer too */
    rd_kafka_mock_cluster_t *cluster;
};

/* The cluster goes away before its owner does; whoever waits for an answer reports what is wrong. */
static void ignore_error(rd_kafka_t *client, int code, const char *reason, void *opaque)
{
    (void)client;
    (void)code;
    (void)reason;
    (void)opaque;
}

static rd_kafka_t *client_of(rd_kafka_type_t type, const char *const *properties, struct error *error)
{
    char why[ERROR_TEXT_SIZE];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    for (; properties[0]; properties += 2) {
        if (rd_kafka_conf_set(conf, properties[0], properties[1], why, sizeof why) != RD_KAFKA_CONF_OK)
            ensure(!"a property of ours is known");
    }
    rd_kafka_conf_set_error_cb(conf, ignore_error);
    rd_kafka_conf_set_log_cb(conf, NULL);
    rd_kafka_t *client = rd_kafka_new(type, conf, why, sizeof why);
    if (client)
        return client;
    rd_kafka_conf_destroy(conf);
    (void)error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, NULL, "the embedded broker does not start: %s",
                     why);
    return NULL;
}

struct kafka_mock *kafka_mock_new(struct error *error)
{
    static const char *const properties[] = {
        "partitioner", "murmur2_random", "compression.codec", "lz4", "linger.ms", "5", "log_level", "3",
        NULL};
    struct kafka_mock *mock = calloc(1, sizeof *mock);
    if (!mock) {
        (void)error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for a broker");
        return NULL;
    }
    /* A handle of its own keeps the cluster; clients, the producer below included, reach it by its address. */
    mock->owner = client_of(RD_KAFKA_PRODUCER, properties, error);
    mock->cluster = mock->owner ? rd_kafka_mock_cluster_new(mock->owner, 1) : NULL;
    if (!mock->cluster) {
        kafka_mock_free(mock);
        (void)error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, NULL, "the embedded broker does not start");
        return NULL;
    }
    rd_kafka_brokers_add(mock->owner, rd_kafka_mock_cluster_bootstraps(mock->cluster));
    return mock;
}

void kafka_mock_free(struct kafka_mock *mock)
{
    if (!mock)
        return;
    if (mock->cluster)
        rd_kafka_mock_cluster_destroy(mock->cluster);
    if (mock->owner)
        rd_kafka_destroy(mock->owner);
    free(mock);
}

const char *kafka_mock_bootstrap(const struct kafka_mock *mock)
{
    return rd_kafka_mock_cluster_bootstraps(mock->cluster);
}

bool kafka_mock_create_topic(struct kafka_mock *mock, const char *topic, int32_t partitions,
                             struct error *error)
{
    rd_kafka_resp_err_t code = rd_kafka_mock_topic_create(mock->cluster, topic, partitions, 1);
    /* Asked for now, so that the first record does not wait a second for it. */
    return code ? kafka_fail_code(error, code, topic)
                : kafka_topic_partitions(mock->owner, topic, TIMEOUT_MS, &partitions, error);
}

bool kafka_mock_produce(struct kafka_mock *mock, const char *topic, struct view key, struct view value,
                        int64_t timestamp_ms, struct error *error)
{
    for (;;) {
        rd_kafka_resp_err_t code = rd_kafka_producev(
            mock->owner, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_KEY(key.data, key.size),
            RD_KAFKA_V_VALUE((void *)value.data, value.size), RD_KAFKA_V_TIMESTAMP(timestamp_ms),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
        if (!code)
            return true;
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            return kafka_fail_code(error, code, "producing");
        rd_kafka_poll(mock->owner, QUEUE_FULL_POLL_MS);
    }
}

bool kafka_mock_flush(struct kafka_mock *mock, struct error *error)
{
    rd_kafka_resp_err_t code = rd_kafka_flush(mock->owner, TIMEOUT_MS);
    return code ? kafka_fail_code(error, code, "producing") : true;
}

static bool read_partitions(rd_kafka_t *consumer, int32_t partitions,
                            void (*visit)(void *context, struct view key, struct view value), void *context,
                            struct error *error)
{
    for (int32_t at_end = 0; at_end < partitions;) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, TIMEOUT_MS);
        if (!message)
            return kafka_fail_code(error, RD_KAFKA_RESP_ERR__TIMED_OUT, "reading a topic");
        rd_kafka_resp_err_t code = message->err;
        if (!code)
            visit(context, (struct view){message->key, message->key_len},
                  (struct view){message->payload, message->len});
        rd_kafka_message_destroy(message);
        at_end += code == RD_KAFKA_RESP_ERR__PARTITION_EOF;
        if (code && code != RD_KAFKA_RESP_ERR__PARTITION_EOF)
            return kafka_fail_code(error, code, "reading a topic");
    }
    return true;
}

bool kafka_mock_read(struct kafka_mock *mock, const char *topic,
                     void (*visit)(void *context, struct view key, struct view value), void *context,
                     struct error *error)
{
    const char *const properties[] = {"bootstrap.servers",
                                      kafka_mock_bootstrap(mock),
                                      "group.id",
                                      "demo-reader",
                                      "enable.auto.commit",
                                      "false",
                                      "enable.partition.eof",
                                      "true",
                                      NULL};
    int32_t partitions;
    rd_kafka_t *consumer = client_of(RD_KAFKA_CONSUMER, properties, error);
    if (!consumer)
        return false;
    rd_kafka_poll_set_consumer(consumer);
    bool fine = kafka_topic_partitions(consumer, topic, TIMEOUT_MS, &partitions, error);
    if (fine) {
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
        for (int32_t i = 0; i < partitions; i++)
            rd_kafka_topic_partition_list_add(list, topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
        rd_kafka_assign(consumer, list);
        rd_kafka_topic_partition_list_destroy(list);
        fine = read_partitions(consumer, partitions, visit, context, error);
    }
    rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
    return fine;
}
