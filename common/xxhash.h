/*
 * XXH64, a checksum of large files at the speed of memory: against damage, not against forgers (for those there is
 * libsodium). Source: the xxHash specification, version 0.1.1. Pure; one thread per state.
 */
#ifndef CLICKVEIL_COMMON_XXHASH_H
#define CLICKVEIL_COMMON_XXHASH_H

#include <stddef.h>
#include <stdint.h>

struct xxhash {
    uint64_t lanes[4], total;
    uint8_t rest[32];
    size_t rest_size;
};

void xxhash_init(struct xxhash *hash);
void xxhash_add(struct xxhash *hash, const void *data, size_t size_bytes);
uint64_t xxhash_end(const struct xxhash *hash);

#endif
