#include "tests/support/kafka_cluster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { TIMEOUT_MS = 10000 };

/* The owner's connections fail with every fault too; the client under test reports what matters. */
static void ignore_error(rd_kafka_t *client, int code, const char *reason, void *opaque)
{
    (void)client;
    (void)code;
    (void)reason;
    (void)opaque;
}

void kafka_cluster_start(struct kafka_cluster *cluster, int brokers)
{
    char why[512] = "";
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_error_cb(conf, ignore_error);
    rd_kafka_conf_set_log_cb(conf, NULL);
    assert_int_equal(rd_kafka_conf_set(conf, "linger.ms", "0", why, sizeof why), RD_KAFKA_CONF_OK);
    *cluster = (struct kafka_cluster){0};
    cluster->owner = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    assert_non_null(cluster->owner);
    cluster->mock = rd_kafka_mock_cluster_new(cluster->owner, brokers);
    assert_non_null(cluster->mock);
    const char *address = rd_kafka_mock_cluster_bootstraps(cluster->mock);
    rd_kafka_brokers_add(cluster->owner, address);
    cluster->bootstrap.key = view_of_string("bootstrap.servers");
    cluster->bootstrap.value = view_of_string(address);
}

void kafka_cluster_stop(struct kafka_cluster *cluster)
{
    rd_kafka_mock_cluster_destroy(cluster->mock);
    rd_kafka_destroy(cluster->owner);
}

void kafka_cluster_topic(struct kafka_cluster *cluster, const char *topic, int partitions)
{
    assert_int_equal(rd_kafka_mock_topic_create(cluster->mock, topic, partitions, 1),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
}

void kafka_cluster_fault(struct kafka_cluster *cluster, enum kafka_request request, rd_kafka_resp_err_t error)
{
    rd_kafka_mock_push_request_errors_array(cluster->mock, (int16_t)request, 1, &error);
}

void kafka_cluster_faults(struct kafka_cluster *cluster, enum kafka_request request,
                          rd_kafka_resp_err_t error, unsigned times)
{
    while (times-- > 0)
        kafka_cluster_fault(cluster, request, error);
}

void kafka_cluster_heal(struct kafka_cluster *cluster, enum kafka_request request)
{
    rd_kafka_mock_clear_request_errors(cluster->mock, (int16_t)request);
}

void kafka_cluster_produce(struct kafka_cluster *cluster, const char *topic, int32_t partition,
                           const char *value, unsigned times)
{
    for (; times > 0; times--)
        assert_int_equal(rd_kafka_producev(cluster->owner, RD_KAFKA_V_TOPIC(topic),
                                           RD_KAFKA_V_PARTITION(partition),
                                           RD_KAFKA_V_VALUE((void *)value, strlen(value)),
                                           RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
                         RD_KAFKA_RESP_ERR_NO_ERROR);
    assert_int_equal(rd_kafka_flush(cluster->owner, TIMEOUT_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
}

int64_t kafka_cluster_end(struct kafka_cluster *cluster, const char *topic, int32_t partition)
{
    int64_t low, high;
    assert_int_equal(
        rd_kafka_query_watermark_offsets(cluster->owner, topic, partition, &low, &high, TIMEOUT_MS),
        RD_KAFKA_RESP_ERR_NO_ERROR);
    return high;
}
