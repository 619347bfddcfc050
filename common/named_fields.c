/*
 * Design. From the key file follow two keys for each programme by keyed BLAKE2b over length-prefixed tags: one that
 * seals and one that makes nonces. Sealing is XChaCha20-Poly1305; its nonce is a keyed hash of everything that goes in,
 * content and associated data, so that no source of randomness is needed and the same always gives the same bytes. What
 * two boxes with one nonce could show is only that they are the same box.
 *
 * The text is a struct of fixed places, not a list: with a list the size, or the size of its padding, would have to be
 * kept from telling what is in it.
 */
#include "common/named_fields.h"

#include "common/secret.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>

enum {
    KEY_SIZE = crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
    NONCE_SIZE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    NAME_SIZE_MAX = 32, /* option_judge_name */
    HEAD_SIZE_MAX = 1 + 15 + 1 + NAME_SIZE_MAX,
    PLACE_SIZE = PSEUDONYM_SIZE + 4 + 8,
    ADULT_AGE = 18,
    /* places in the text */
    AT_THERE = 0,
    AT_ADVERTISING_ID = 1,
    AT_REGION = AT_ADVERTISING_ID + NAMED_FIELDS_ADVERTISING_ID_SIZE,
    AT_AGE_BAND = AT_REGION + REGION_SIZE_MAX,
};

static_assert((int)AT_AGE_BAND + 1 == (int)NAMED_FIELDS_TEXT_SIZE, "the places fill the text");
static_assert((int)NAMED_FIELDS_BOX_SIZE ==
                  (int)(NONCE_SIZE + NAMED_FIELDS_TEXT_SIZE + crypto_aead_xchacha20poly1305_ietf_ABYTES),
              "nonce, text, authenticator");
static_assert((int)NAMED_FIELDS_KEY_SIZE == (int)SECRET_SIZE, "a key file fits");
static_assert(NAMED_FIELDS <= 8, "a byte says which are there");

/* Its length before it, as before every tag (docs/named-fields.md); octal, so that no letter joins the escape. */
#define TAG_VERSION "\017named-fields/v1"

struct programme_keys {
    uint8_t seal[KEY_SIZE];
    uint8_t nonce[crypto_generichash_KEYBYTES];
    uint8_t head[HEAD_SIZE_MAX]; /* version and programme: how associated data begins */
    size_t head_size;
    unsigned named; /* fields: bits 1u << enum named_field */
};

struct named_fields_key {
    struct programme_keys programmes[RECORD_PROGRAMMES_MAX];
};

/* Everything that a box is bound to, and room for the text behind it. */
struct message {
    uint8_t bytes[HEAD_SIZE_MAX + PLACE_SIZE + NAMED_FIELDS_TEXT_SIZE];
    size_t size; /* of the associated data */
};

/* ---- keys ---- */

static size_t put_head(struct view name, uint8_t head[HEAD_SIZE_MAX])
{
    size_t size = sizeof TAG_VERSION - 1;
    ensure(name.size > 0 && name.size <= NAME_SIZE_MAX);
    memcpy(head, TAG_VERSION, size);
    head[size++] = (uint8_t)name.size;
    memcpy(head + size, name.data, name.size);
    return size + name.size;
}

static void derive(const uint8_t *bytes, const struct programme *programme, struct programme_keys *keys)
{
    crypto_generichash_state hash; /* in one call it would stay on the stack, with the key in it */
    uint8_t both[KEY_SIZE + crypto_generichash_KEYBYTES];
    static_assert(sizeof both <= crypto_generichash_BYTES_MAX, "both keys at once");
    keys->named = programme_named_fields(programme);
    keys->head_size = put_head(programme->name, keys->head);
    int failed = crypto_generichash_init(&hash, bytes, NAMED_FIELDS_KEY_SIZE, sizeof both);
    failed |= crypto_generichash_update(&hash, keys->head, keys->head_size);
    failed |= crypto_generichash_final(&hash, both, sizeof both);
    ensure(failed == 0);
    memcpy(keys->seal, both, sizeof keys->seal);
    memcpy(keys->nonce, both + sizeof keys->seal, sizeof keys->nonce);
    sodium_memzero(both, sizeof both);
    sodium_memzero(&hash, sizeof hash);
}

struct named_fields_key *named_fields_key_of_bytes(const uint8_t bytes[NAMED_FIELDS_KEY_SIZE],
                                                   const struct config *config, struct error *error)
{
    struct named_fields_key *key = secret_memory_new(sizeof *key, error);
    programme_set programmes = named_fields_programmes(config);
    if (!key)
        return NULL;
    for (unsigned i = 0; programmes >> i; i++)
        if (programmes >> i & 1)
            derive(bytes, config_programme(config, i), &key->programmes[i]);
    return key;
}

struct named_fields_key *named_fields_key_load(const char *source, const struct config *config,
                                               struct error *error)
{
    struct secret *secret = secret_load(source, SECRET_FIELDS, error);
    if (!secret)
        return NULL;
    struct named_fields_key *key = named_fields_key_of_bytes(secret_bytes(secret), config, error);
    secret_free(secret);
    return key;
}

void named_fields_key_free(struct named_fields_key *key)
{
    secret_memory_free(key);
}

programme_set named_fields_programmes(const struct config *config)
{
    programme_set programmes = 0;
    ensure(config->programmes.count <= RECORD_PROGRAMMES_MAX);
    for (unsigned i = 0; i < config->programmes.count; i++)
        if (programme_named_fields(config_programme(config, i)))
            programmes |= (programme_set)(1u << i);
    return programmes;
}

unsigned named_fields_of(const struct config *config, programme_set programmes)
{
    unsigned fields = 0;
    for (unsigned i = 0; i < config->programmes.count; i++)
        if (programmes >> i & 1)
            fields |= programme_named_fields(config_programme(config, i));
    return fields;
}

/* ---- what is sealed ---- */

enum age_band named_fields_age_band(int64_t age)
{
    static const uint8_t firsts[AGE_BANDS] = {
        [AGE_BAND_18_24] = ADULT_AGE, [AGE_BAND_25_34] = 25, [AGE_BAND_35_44] = 35,
        [AGE_BAND_45_54] = 45,        [AGE_BAND_55_64] = 55, [AGE_BAND_65_UP] = 65,
    };
    if (age < ADULT_AGE || age > RECORD_AGE_MAX)
        return AGE_BAND_UNKNOWN;
    unsigned band = AGE_BANDS - 1;
    while (age < firsts[band])
        band--;
    return (enum age_band)band;
}

static void put_text(const struct named_fields *fields, unsigned named, uint8_t text[NAMED_FIELDS_TEXT_SIZE])
{
    unsigned there = fields->there & named;
    memset(text, 0, NAMED_FIELDS_TEXT_SIZE);
    text[AT_THERE] = (uint8_t)there;
    if (there & 1u << NAMED_FIELD_ADVERTISING_ID)
        memcpy(text + AT_ADVERTISING_ID, fields->advertising_id, sizeof fields->advertising_id);
    if (there & 1u << NAMED_FIELD_REGION) {
        ensure(fields->region_size > 0 && fields->region_size <= REGION_SIZE_MAX);
        memcpy(text + AT_REGION, fields->region, fields->region_size);
    }
    if (there & 1u << NAMED_FIELD_AGE_BAND)
        text[AT_AGE_BAND] = (uint8_t)fields->age_band;
}

/* The text is authentic; what does not read well is of a version that binds other things, or a bug at the other end. */
static bool take_text(const uint8_t text[NAMED_FIELDS_TEXT_SIZE], unsigned named,
                      struct named_fields *out_fields)
{
    struct named_fields fields = {.there = text[AT_THERE], .age_band = (enum age_band)text[AT_AGE_BAND]};
    const uint8_t *end = memchr(text + AT_REGION, 0, REGION_SIZE_MAX);
    memcpy(fields.advertising_id, text + AT_ADVERTISING_ID, sizeof fields.advertising_id);
    memcpy(fields.region, text + AT_REGION, REGION_SIZE_MAX);
    fields.region_size = (uint8_t)(end ? end - (text + AT_REGION) : REGION_SIZE_MAX);
    bool good = !(fields.there & 1u << NAMED_FIELD_UNKNOWN) && !(fields.there >> NAMED_FIELDS) &&
                (!(fields.there & 1u << NAMED_FIELD_REGION) ||
                 region_is_valid((struct view){fields.region, fields.region_size})) &&
                (!(fields.there & 1u << NAMED_FIELD_AGE_BAND) ||
                 (fields.age_band > AGE_BAND_UNKNOWN && fields.age_band < AGE_BANDS));
    fields.there &= named;
    if (good)
        *out_fields = fields;
    sodium_memzero(&fields, sizeof fields);
    return good;
}

/* ---- sealing ---- */

static void put_number(uint64_t number, unsigned size, uint8_t *out_bytes)
{
    for (unsigned i = size; i-- > 0; number >>= 8)
        out_bytes[i] = (uint8_t)number;
}

/* Version, programme, person, input record. */
static void begin(const struct programme_keys *keys, const struct pseudonym *line,
                  const struct origin *origin, struct message *message)
{
    uint8_t *at = message->bytes + keys->head_size;
    ensure(keys->head_size > 0);
    memcpy(message->bytes, keys->head, keys->head_size);
    memcpy(at, line->bytes, PSEUDONYM_SIZE);
    put_number((uint32_t)origin->partition, 4, at + PSEUDONYM_SIZE);
    put_number((uint64_t)origin->offset, 8, at + PSEUDONYM_SIZE + 4);
    message->size = keys->head_size + PLACE_SIZE;
}

static void make_nonce(const struct programme_keys *keys, const struct message *message, uint8_t *out_nonce)
{
    crypto_generichash_state hash;
    int failed = crypto_generichash_init(&hash, keys->nonce, sizeof keys->nonce, NONCE_SIZE);
    failed |= crypto_generichash_update(&hash, message->bytes, message->size + NAMED_FIELDS_TEXT_SIZE);
    failed |= crypto_generichash_final(&hash, out_nonce, NONCE_SIZE);
    ensure(failed == 0);
    sodium_memzero(&hash, sizeof hash);
}

void named_fields_seal(const struct named_fields_key *key, unsigned programme, const struct pseudonym *line,
                       const struct origin *origin, const struct named_fields *fields,
                       uint8_t out_box[NAMED_FIELDS_BOX_SIZE])
{
    struct message message;
    ensure(programme < RECORD_PROGRAMMES_MAX);
    const struct programme_keys *keys = &key->programmes[programme];
    begin(keys, line, origin, &message);
    uint8_t *text = message.bytes + message.size;
    put_text(fields, keys->named, text);
    make_nonce(keys, &message, out_box);
    int failed =
        crypto_aead_xchacha20poly1305_ietf_encrypt(out_box + NONCE_SIZE, NULL, text, NAMED_FIELDS_TEXT_SIZE,
                                                   message.bytes, message.size, NULL, out_box, keys->seal);
    ensure(failed == 0);
    sodium_memzero(text, NAMED_FIELDS_TEXT_SIZE);
}

bool named_fields_open(const struct named_fields_key *key, unsigned programme, const struct pseudonym *line,
                       const struct origin *origin, const uint8_t box[NAMED_FIELDS_BOX_SIZE],
                       struct named_fields *out_fields)
{
    struct message message;
    uint8_t text[NAMED_FIELDS_TEXT_SIZE];
    ensure(programme < RECORD_PROGRAMMES_MAX);
    const struct programme_keys *keys = &key->programmes[programme];
    begin(keys, line, origin, &message);
    bool opened = crypto_aead_xchacha20poly1305_ietf_decrypt(
                      text, NULL, NULL, box + NONCE_SIZE, NAMED_FIELDS_BOX_SIZE - NONCE_SIZE, message.bytes,
                      message.size, box, keys->seal) == 0 &&
                  take_text(text, keys->named, out_fields);
    sodium_memzero(text, sizeof text);
    return opened;
}
