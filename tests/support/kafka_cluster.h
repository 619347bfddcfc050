/*
 * The broker inside librdkafka, with its faults at hand: for tests of the life cycle and of what is done about errors.
 *
 * It has no isolation and keeps no offsets sent in a transaction (rdkafka_mock.h, architecture 4 rule 14), so no test on
 * it says anything about replay or exactly once; those run on a real Kafka (tests/integration).
 */
#ifndef CLICKVEIL_TESTS_SUPPORT_KAFKA_CLUSTER_H
#define CLICKVEIL_TESTS_SUPPORT_KAFKA_CLUSTER_H

#include "common/option.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

/* Kafka's numbers of requests, as the faults want them. */
enum kafka_request {
    KAFKA_REQUEST_PRODUCE = 0,
    KAFKA_REQUEST_FETCH = 1,
    KAFKA_REQUEST_LIST_OFFSETS = 2,
    KAFKA_REQUEST_METADATA = 3,
    KAFKA_REQUEST_OFFSET_FETCH = 9,
    KAFKA_REQUEST_FIND_COORDINATOR = 10,
    KAFKA_REQUEST_INIT_PRODUCER_ID = 22,
    KAFKA_REQUEST_ADD_PARTITIONS_TO_TXN = 24,
    KAFKA_REQUEST_ADD_OFFSETS_TO_TXN = 25,
    KAFKA_REQUEST_END_TXN = 26,
    KAFKA_REQUEST_TXN_OFFSET_COMMIT = 28,
};

struct kafka_cluster {
    rd_kafka_t *owner;
    rd_kafka_mock_cluster_t *mock;
    struct option_pair bootstrap; /* as it stands in a configuration */
};

/* Start with so many brokers. Every failure here fails the test. */
void kafka_cluster_start(struct kafka_cluster *cluster, int brokers);
void kafka_cluster_stop(struct kafka_cluster *cluster); /* all clients of it must be gone */

void kafka_cluster_topic(struct kafka_cluster *cluster, const char *topic, int partitions);

/* The next request of that kind gets this error; RD_KAFKA_RESP_ERR__TRANSPORT: its connection is lost after it was taken
 * in. May be called several times. */
void kafka_cluster_fault(struct kafka_cluster *cluster, enum kafka_request request,
                         rd_kafka_resp_err_t error);
/* The same, `times` in a row. */
void kafka_cluster_faults(struct kafka_cluster *cluster, enum kafka_request request,
                          rd_kafka_resp_err_t error, unsigned times);
void kafka_cluster_heal(struct kafka_cluster *cluster, enum kafka_request request);

/* Store records in a partition, each with that text as its value and no key, and wait until they are stored. */
void kafka_cluster_produce(struct kafka_cluster *cluster, const char *topic, int32_t partition,
                           const char *value, unsigned times);

/* End offset of a partition. */
int64_t kafka_cluster_end(struct kafka_cluster *cluster, const char *topic, int32_t partition);

#endif
