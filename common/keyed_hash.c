/*
 * Design. A lane holds one message's words; all arithmetic is on vectors of four lanes, written in the compiler's
 * vector extension, so that the same text serves every processor. On x86-64 it is compiled again for AVX2, where a
 * vector is one register, and for AVX-512, which has twice as many registers, so that no word waits in memory, and
 * rotates in one instruction; which of them runs is decided by the processor.
 *
 * KEYED_HASH_BEST (0: none of these, 1: not AVX-512) is for the test of what other processors run.
 *
 * Unused lanes hash zeros. No branch and no index depends on a message or the key.
 */
#include "common/keyed_hash.h"

#include "common/error.h"

#include <endian.h>
#include <string.h>

#ifndef KEYED_HASH_BEST
#define KEYED_HASH_BEST 2
#endif

enum { WORDS = 16, ROUNDS = 12, BLOCK_SIZE = 128 };

static const uint64_t iv[8] = {
    UINT64_C(0x6a09e667f3bcc908), UINT64_C(0xbb67ae8584caa73b), UINT64_C(0x3c6ef372fe94f82b),
    UINT64_C(0xa54ff53a5f1d36f1), UINT64_C(0x510e527fade682d1), UINT64_C(0x9b05688c2b3e6c1f),
    UINT64_C(0x1f83d9abfb41bd6b), UINT64_C(0x5be0cd19137e2179),
};

typedef uint64_t lanes __attribute__((vector_size(8 * KEYED_HASH_LANES)));

/* The block of one message per lane, word by word. */
struct block {
    lanes words[WORDS];
    lanes counter; /* bytes so far, key's block included */
    lanes last;    /* all ones in the last block */
};

#define ROTATE(x, n) ((x) >> (n) | (x) << (64 - (n)))

/* RFC 7693, 3.1 */
#define MIX(a, b, c, d, x, y)  \
    do {                       \
        a += b + (x);          \
        d = ROTATE(d ^ a, 32); \
        c += d;                \
        b = ROTATE(b ^ c, 24); \
        a += b + (y);          \
        d = ROTATE(d ^ a, 16); \
        c += d;                \
        b = ROTATE(b ^ c, 63); \
    } while (0)

/* One round with the message words in the order s0 to s15 (RFC 7693, 2.7). */
#define ROUND(s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15) \
    do {                                                                            \
        MIX(v0, v4, v8, v12, m[s0], m[s1]);                                         \
        MIX(v1, v5, v9, v13, m[s2], m[s3]);                                         \
        MIX(v2, v6, v10, v14, m[s4], m[s5]);                                        \
        MIX(v3, v7, v11, v15, m[s6], m[s7]);                                        \
        MIX(v0, v5, v10, v15, m[s8], m[s9]);                                        \
        MIX(v1, v6, v11, v12, m[s10], m[s11]);                                      \
        MIX(v2, v7, v8, v13, m[s12], m[s13]);                                       \
        MIX(v3, v4, v9, v14, m[s14], m[s15]);                                       \
    } while (0)

/* RFC 7693, 3.2 */
static inline __attribute__((always_inline)) void compress(lanes state[8], const struct block *block)
{
    const lanes *m = block->words;
    lanes zero = {0};
    lanes v0 = state[0], v1 = state[1], v2 = state[2], v3 = state[3];
    lanes v4 = state[4], v5 = state[5], v6 = state[6], v7 = state[7];
    lanes v8 = zero + iv[0], v9 = zero + iv[1], v10 = zero + iv[2], v11 = zero + iv[3];
    lanes v12 = block->counter ^ iv[4], v13 = zero + iv[5], v14 = block->last ^ iv[6], v15 = zero + iv[7];
    ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    ROUND(14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3);
    ROUND(11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4);
    ROUND(7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8);
    ROUND(9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13);
    ROUND(2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9);
    ROUND(12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11);
    ROUND(13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10);
    ROUND(6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5);
    ROUND(10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0);
    ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    ROUND(14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3);
    state[0] ^= v0 ^ v8;
    state[1] ^= v1 ^ v9;
    state[2] ^= v2 ^ v10;
    state[3] ^= v3 ^ v11;
    state[4] ^= v4 ^ v12;
    state[5] ^= v5 ^ v13;
    state[6] ^= v6 ^ v14;
    state[7] ^= v7 ^ v15;
}

static void compress_anywhere(lanes state[8], const struct block *block)
{
    compress(state, block);
}

#ifdef __x86_64__
__attribute__((target("avx2"))) static void compress_by_avx2(lanes state[8], const struct block *block)
{
    compress(state, block);
}

__attribute__((target("avx2,avx512f,avx512vl"))) static void compress_by_avx512(lanes state[8],
                                                                                const struct block *block)
{
    compress(state, block);
}
#endif

static void compress_here(lanes state[8], const struct block *block)
{
#ifdef __x86_64__
    if (KEYED_HASH_BEST > 1 && __builtin_cpu_supports("avx512vl")) {
        compress_by_avx512(state, block);
        return;
    }
    if (KEYED_HASH_BEST > 0 && __builtin_cpu_supports("avx2")) {
        compress_by_avx2(state, block);
        return;
    }
#endif
    compress_anywhere(state, block);
}

static uint64_t word_of(const uint8_t *bytes, unsigned index)
{
    uint64_t word;
    memcpy(&word, bytes + 8 * index, sizeof word);
    return le64toh(word);
}

void keyed_hash_init(struct keyed_hash *hash, const uint8_t key[KEYED_HASH_KEY_SIZE])
{
    lanes zero = {0};
    struct block block = {.counter = zero + BLOCK_SIZE};
    lanes state[8];
    for (unsigned i = 0; i < KEYED_HASH_KEY_SIZE / 8; i++)
        block.words[i] = zero + word_of(key, i);
    for (unsigned i = 0; i < 8; i++)
        state[i] = zero + iv[i];
    /* RFC 7693, 2.5: length of the output, of the key, fanout 1, depth 1 */
    state[0] ^= UINT64_C(0x01010000) ^ KEYED_HASH_KEY_SIZE << 8 ^ KEYED_HASH_SIZE;
    compress_here(state, &block);
    for (unsigned i = 0; i < 8; i++)
        hash->state[i] = state[i][0];
    explicit_bzero(&block, sizeof block);
    explicit_bzero(state, sizeof state);
}

void keyed_hash_run(const struct keyed_hash *hash, const struct keyed_hash_message *messages, unsigned count,
                    struct keyed_hash_output *out_outputs)
{
    static const struct keyed_hash_message none = {.size = 1};
    const struct keyed_hash_message *lane[KEYED_HASH_LANES];
    lanes zero = {0};
    struct block block = {.last = zero - 1};
    lanes state[8];
    ensure(count >= 1 && count <= KEYED_HASH_LANES);
    for (unsigned i = 0; i < KEYED_HASH_LANES; i++) {
        lane[i] = i < count ? &messages[i] : &none;
        ensure(lane[i]->size >= 1 && lane[i]->size <= KEYED_HASH_MESSAGE_MAX);
        block.counter[i] = BLOCK_SIZE + lane[i]->size;
    }
    for (unsigned i = 0; i < WORDS; i++)
        block.words[i] = (lanes){word_of(lane[0]->bytes, i), word_of(lane[1]->bytes, i),
                                 word_of(lane[2]->bytes, i), word_of(lane[3]->bytes, i)};
    for (unsigned i = 0; i < 8; i++)
        state[i] = zero + hash->state[i];
    compress_here(state, &block);
    for (unsigned i = 0; i < count; i++) {
        uint64_t words[KEYED_HASH_SIZE / 8] = {htole64(state[0][i]), htole64(state[1][i])};
        memcpy(out_outputs[i].bytes, words, sizeof words);
    }
}
