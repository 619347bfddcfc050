/*
 * Which partition a key belongs to, as other Kafka clients reckon it.
 *
 * Pure; any thread.
 */
#ifndef CLICKVEIL_COMMON_PARTITIONER_H
#define CLICKVEIL_COMMON_PARTITIONER_H

#include "common/config.h"
#include "common/view.h"

#include <stdint.h>

/* MurmurHash2, 32 bit, with the seed of Kafka's Java client (org.apache.kafka.common.utils.Utils.murmur2), as that
 * returns it: signed. */
int32_t partitioner_murmur2(struct view key);

/* CRC-32 of IEEE 802.3 (polynomial 0xEDB88320, reflected), as in librdkafka's `consistent` partitioner. */
uint32_t partitioner_crc32(struct view key);

/* Partition of a key among `partitions` (1 or more): murmur2 as the Java client ((hash & 0x7fffffff) % n), crc32 as
 * librdkafka's `consistent` (hash % n). -1 for TRUSTED, UNKNOWN, an absent key or partitions < 1: nobody knows. */
int32_t partitioner_partition(enum events_partitioner partitioner, struct view key, int32_t partitions);

#endif
