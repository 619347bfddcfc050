#include "stages/publish/feed_id.h"

#include "common/base64url.h"
#include "common/error.h"

#include <assert.h>
#include <sodium.h>

/* What a derived value is for; the first field of every derivation, so that none is ever another's (domain
 * separation). */
#define FOR_EPOCH_KEY VIEW("clickveil feed epoch key 2")
#define FOR_SLOT_KEY  VIEW("clickveil feed slot key 2")
#define FOR_TAG       VIEW("clickveil feed tag 1")

static_assert(FEED_ID_TEXT_SIZE == BASE64URL_SIZE(FEED_ID_SIZE), "a key is an ID in base64url");
static_assert(FEED_ID_SLOT_KEY_SIZE == crypto_shorthash_KEYBYTES, "SipHash-2-4 takes 16 bytes of key");

static void add_field(crypto_generichash_state *hash, struct view field)
{
    ensure(field.size <= UINT16_MAX);
    uint8_t size[2] = {(uint8_t)(field.size >> 8), (uint8_t)field.size};
    crypto_generichash_update(hash, size, sizeof size);
    crypto_generichash_update(hash, (const uint8_t *)field.data, field.size);
}

/* link NULL: without a key. epoch NULL: of all epochs. */
static void derive(const uint8_t *link, struct view purpose, const struct feed_name *name,
                   const int32_t *epoch, uint8_t *out, size_t out_size)
{
    crypto_generichash_state hash;
    crypto_generichash_init(&hash, link, link ? FEED_ID_KEY_SIZE : 0, out_size);
    add_field(&hash, purpose);
    add_field(&hash, name->advertiser);
    add_field(&hash, name->programme);
    add_field(&hash, name->kind);
    add_field(&hash, name->id);
    if (epoch) {
        uint64_t number = (uint64_t)(int64_t)*epoch;
        char bytes[8];
        for (unsigned i = 0; i < sizeof bytes; i++)
            bytes[i] = (char)(number >> (56 - 8 * i));
        add_field(&hash, (struct view){bytes, sizeof bytes});
    }
    crypto_generichash_final(&hash, out, out_size);
    sodium_memzero(&hash, sizeof hash);
}

void feed_id_epoch_key(const uint8_t link[FEED_ID_KEY_SIZE], const struct feed_name *name, int32_t epoch,
                       uint8_t out_key[FEED_ID_KEY_SIZE])
{
    derive(link, FOR_EPOCH_KEY, name, &epoch, out_key, FEED_ID_KEY_SIZE);
}

void feed_id_slot_key(const uint8_t link[FEED_ID_KEY_SIZE], const struct feed_name *name, int32_t epoch,
                      uint8_t out_key[FEED_ID_SLOT_KEY_SIZE])
{
    derive(link, FOR_SLOT_KEY, name, &epoch, out_key, FEED_ID_SLOT_KEY_SIZE);
}

void feed_id(const uint8_t epoch_key[FEED_ID_KEY_SIZE], const struct pseudonym *pseudonym,
             uint8_t out_id[FEED_ID_SIZE])
{
    crypto_generichash_state hash; /* in one call it would stay on the stack, with the key in it */
    crypto_generichash_init(&hash, epoch_key, FEED_ID_KEY_SIZE, FEED_ID_SIZE);
    crypto_generichash_update(&hash, pseudonym->bytes, PSEUDONYM_SIZE);
    crypto_generichash_final(&hash, out_id, FEED_ID_SIZE);
    sodium_memzero(&hash, sizeof hash);
}

uint64_t feed_id_slot_hash(const uint8_t slot_key[FEED_ID_SLOT_KEY_SIZE], const uint8_t id[FEED_ID_SIZE])
{
    uint8_t bytes[crypto_shorthash_BYTES];
    crypto_shorthash(bytes, id, FEED_ID_SIZE, slot_key);
    uint64_t hash = 0;
    for (unsigned i = 0; i < sizeof bytes; i++)
        hash |= (uint64_t)bytes[i] << (8 * i);
    return hash;
}

void feed_id_text(const uint8_t id[FEED_ID_SIZE], char out_text[FEED_ID_TEXT_SIZE])
{
    base64url_write(id, FEED_ID_SIZE, out_text);
}

void feed_id_tag(const struct feed_name *name, uint8_t out_tag[FEED_ID_TAG_SIZE])
{
    uint8_t digest[crypto_generichash_BYTES_MIN];
    derive(NULL, FOR_TAG, name, NULL, digest, sizeof digest);
    memcpy(out_tag, digest, FEED_ID_TAG_SIZE);
}
