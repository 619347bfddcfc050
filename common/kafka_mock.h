/*
 * A broker inside the process (rdkafka_mock.h), for the demo only.
 *
 * It speaks Kafka's protocol to real consumers and transactional producers, but has no isolation, does not store
 * offsets sent in a transaction, and keeps 5 MiB or 100,000 records a partition. No test of exactly once runs on it.
 */
#ifndef CLICKVEIL_COMMON_KAFKA_MOCK_H
#define CLICKVEIL_COMMON_KAFKA_MOCK_H

#include "common/error.h"
#include "common/view.h"

#include <stdint.h>

struct kafka_mock;

struct kafka_mock *kafka_mock_new(struct error *error);
void kafka_mock_free(struct kafka_mock *mock); /* NULL is fine; all clients of it must be gone */

/* host:port on loopback; lives as long as the mock. */
const char *kafka_mock_bootstrap(const struct kafka_mock *mock);

CLICKVEIL_MUST_CHECK bool kafka_mock_create_topic(struct kafka_mock *mock, const char *topic,
                                                  int32_t partitions, struct error *error);

/* Enqueue one record (partition by murmur2 of the key, as Java clients do); copies key and value. */
CLICKVEIL_MUST_CHECK bool kafka_mock_produce(struct kafka_mock *mock, const char *topic, struct view key,
                                             struct view value, int64_t timestamp_ms, struct error *error);

/* Wait until all that was produced is stored. */
CLICKVEIL_MUST_CHECK bool kafka_mock_flush(struct kafka_mock *mock, struct error *error);

/* Read a topic from its beginning to its end: calls visit(context, key, value) for every record, in order by
 * partition. */
CLICKVEIL_MUST_CHECK bool kafka_mock_read(struct kafka_mock *mock, const char *topic,
                                          void (*visit)(void *context, struct view key, struct view value),
                                          void *context, struct error *error);

#endif
