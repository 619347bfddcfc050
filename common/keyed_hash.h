/*
 * Keyed BLAKE2b (RFC 7693) of up to four short messages at once.
 *
 * The same function as libsodium's crypto_generichash with a key of 32 and an output of 16 bytes, for the one place
 * where that is most of what an event costs: its subjects' pseudonyms. libsodium compresses the key's block again for
 * every message and one message after the other; here the block is compressed once per key, and the four messages run
 * side by side in the lanes of vector registers. Everything else uses libsodium.
 *
 * Prepared state is as secret as the key: it belongs into locked memory (common/secret.h). Pure; any thread.
 */
#ifndef CLICKVEIL_COMMON_KEYED_HASH_H
#define CLICKVEIL_COMMON_KEYED_HASH_H

#include <stddef.h>
#include <stdint.h>

enum {
    KEYED_HASH_KEY_SIZE = 32,     /* bytes */
    KEYED_HASH_SIZE = 16,         /* of an output */
    KEYED_HASH_MESSAGE_MAX = 128, /* bytes: one block */
    KEYED_HASH_LANES = 4,
};

/* A key, prepared. */
struct keyed_hash {
    uint64_t state[8]; /* behind the block that holds the key */
};

/* One message, padded with zeros to the block's end. */
struct keyed_hash_message {
    uint8_t bytes[KEYED_HASH_MESSAGE_MAX];
    size_t size; /* 1 to KEYED_HASH_MESSAGE_MAX */
};

struct keyed_hash_output {
    uint8_t bytes[KEYED_HASH_SIZE];
};

void keyed_hash_init(struct keyed_hash *hash, const uint8_t key[KEYED_HASH_KEY_SIZE]);

/* Hash `count` messages, 1 to KEYED_HASH_LANES. Four take as long as one. */
void keyed_hash_run(const struct keyed_hash *hash, const struct keyed_hash_message *messages, unsigned count,
                    struct keyed_hash_output *out_outputs);

#endif
