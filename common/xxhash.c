#include "common/xxhash.h"

#include <string.h>

#define PRIME_1 UINT64_C(0x9e3779b185ebca87)
#define PRIME_2 UINT64_C(0xc2b2ae3d27d4eb4f)
#define PRIME_3 UINT64_C(0x165667b19e3779f9)
#define PRIME_4 UINT64_C(0x85ebca77c2b2ae63)
#define PRIME_5 UINT64_C(0x27d4eb2f165667c5)

enum { STRIPE = 32 };

static uint64_t rotate(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

static uint64_t read_64(const uint8_t *data)
{
    uint64_t value;
    memcpy(&value, data, sizeof value);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

static uint64_t read_32(const uint8_t *data)
{
    uint32_t value;
    memcpy(&value, data, sizeof value);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap32(value);
#endif
    return value;
}

static uint64_t round_of(uint64_t lane, uint64_t input)
{
    return rotate(lane + input * PRIME_2, 31) * PRIME_1;
}

static uint64_t merge(uint64_t value, uint64_t lane)
{
    return (value ^ round_of(0, lane)) * PRIME_1 + PRIME_4;
}

void xxhash_init(struct xxhash *hash)
{
    *hash = (struct xxhash){.lanes = {PRIME_1 + PRIME_2, PRIME_2, 0, -PRIME_1}};
}

static void add_stripes(struct xxhash *hash, const uint8_t *data, size_t count)
{
    uint64_t a = hash->lanes[0], b = hash->lanes[1], c = hash->lanes[2], d = hash->lanes[3];
    for (; count > 0; count--, data += STRIPE) {
        a = round_of(a, read_64(data));
        b = round_of(b, read_64(data + 8));
        c = round_of(c, read_64(data + 16));
        d = round_of(d, read_64(data + 24));
    }
    memcpy(hash->lanes, (uint64_t[]){a, b, c, d}, sizeof hash->lanes);
}

void xxhash_add(struct xxhash *hash, const void *data, size_t size_bytes)
{
    const uint8_t *bytes = data;
    hash->total += size_bytes;
    if (hash->rest_size > 0) {
        size_t more = STRIPE - hash->rest_size < size_bytes ? STRIPE - hash->rest_size : size_bytes;
        memcpy(hash->rest + hash->rest_size, bytes, more);
        hash->rest_size += more;
        bytes += more;
        size_bytes -= more;
        if (hash->rest_size < STRIPE)
            return;
        add_stripes(hash, hash->rest, 1);
        hash->rest_size = 0;
    }
    add_stripes(hash, bytes, size_bytes / STRIPE);
    hash->rest_size = size_bytes % STRIPE;
    if (hash->rest_size > 0)
        memcpy(hash->rest, bytes + size_bytes - hash->rest_size, hash->rest_size);
}

uint64_t xxhash_end(const struct xxhash *hash)
{
    const uint64_t *lanes = hash->lanes;
    uint64_t value = PRIME_5;
    if (hash->total >= STRIPE) {
        value = rotate(lanes[0], 1) + rotate(lanes[1], 7) + rotate(lanes[2], 12) + rotate(lanes[3], 18);
        for (unsigned i = 0; i < 4; i++)
            value = merge(value, lanes[i]);
    }
    value += hash->total;
    const uint8_t *rest = hash->rest;
    size_t left = hash->rest_size;
    for (; left >= 8; left -= 8, rest += 8)
        value = rotate(value ^ round_of(0, read_64(rest)), 27) * PRIME_1 + PRIME_4;
    if (left >= 4) {
        value = rotate(value ^ read_32(rest) * PRIME_1, 23) * PRIME_2 + PRIME_3;
        left -= 4;
        rest += 4;
    }
    for (; left > 0; left--, rest++)
        value = rotate(value ^ *rest * PRIME_5, 11) * PRIME_1;
    value = (value ^ value >> 33) * PRIME_2;
    value = (value ^ value >> 29) * PRIME_3;
    return value ^ value >> 32;
}
