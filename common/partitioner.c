#include "common/partitioner.h"

int32_t partitioner_murmur2(struct view key)
{
    const uint32_t multiplier = 0x5bd1e995;
    const unsigned char *byte = (const unsigned char *)key.data;
    size_t left = key.size;
    uint32_t hash = 0x9747b28c ^ (uint32_t)key.size;
    for (; left >= 4; byte += 4, left -= 4) {
        uint32_t word = byte[0] | (uint32_t)byte[1] << 8 | (uint32_t)byte[2] << 16 | (uint32_t)byte[3] << 24;
        word *= multiplier;
        word ^= word >> 24;
        word *= multiplier;
        hash = hash * multiplier ^ word;
    }
    if (left > 0) {
        uint32_t tail = byte[0];
        if (left > 1)
            tail |= (uint32_t)byte[1] << 8;
        if (left > 2)
            tail |= (uint32_t)byte[2] << 16;
        hash = (hash ^ tail) * multiplier;
    }
    hash ^= hash >> 13;
    hash *= multiplier;
    hash ^= hash >> 15;
    return (int32_t)hash;
}

uint32_t partitioner_crc32(struct view key)
{
    /* CRC of each half byte: a key has some 15 bytes, a table of 64 bytes stays in the cache. */
    static const uint32_t halves[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
        0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    };
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < key.size; i++) {
        crc ^= (unsigned char)key.data[i];
        crc = halves[crc & 15] ^ crc >> 4;
        crc = halves[crc & 15] ^ crc >> 4;
    }
    return ~crc;
}

int32_t partitioner_partition(enum events_partitioner partitioner, struct view key, int32_t partitions)
{
    if (view_is_absent(key) || partitions < 1)
        return -1;
    switch (partitioner) {
    case EVENTS_PARTITIONER_MURMUR2:
        return (partitioner_murmur2(key) & INT32_MAX) % partitions;
    case EVENTS_PARTITIONER_CRC32:
        return (int32_t)(partitioner_crc32(key) % (uint32_t)partitions);
    case EVENTS_PARTITIONER_TRUSTED:
    case EVENTS_PARTITIONER_UNKNOWN:
        break;
    }
    return -1;
}
