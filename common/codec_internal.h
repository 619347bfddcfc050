/*
 * What the writing and the reading half of the codec share with each other, and with nobody else.
 */
#ifndef CLICKVEIL_COMMON_CODEC_INTERNAL_H
#define CLICKVEIL_COMMON_CODEC_INTERNAL_H

#include "common/base64url.h"
#include "common/codec.h"
#include "common/json_reader.h"
#include "common/named_fields.h"

enum {
    PSEUDONYM_TEXT_SIZE = BASE64URL_SIZE(PSEUDONYM_SIZE),
    HASH_TEXT_SIZE = 16, /* 64 bits in hexadecimal */
    WEIGHT_MAX = 1000,   /* struct record_interest */
};

enum field {
    FIELD_VERSION = 0,
    FIELD_KIND,
    FIELD_TYPE,
    FIELD_TIME,
    FIELD_TIMESTAMP,
    FIELD_LINE,
    FIELD_ACCOUNT,
    FIELD_DEVICE_KIND,
    FIELD_DEVICE_ID,
    FIELD_REGION,
    FIELD_BIRTH_YEAR,
    FIELD_URL,
    FIELD_HOST,
    FIELD_APP,
    FIELD_PREINSTALLED,
    FIELD_PROGRAMMES,
    FIELD_LINE_PSEUDONYM,
    FIELD_ACCOUNT_PSEUDONYM,
    FIELD_DEVICE_PSEUDONYM,
    FIELD_APP_TOKEN,
    FIELD_SEALED,
    FIELD_INTERESTS,
    FIELD_RULES_DIGEST,
    FIELDS,
};

enum { TYPES = EVENT_APP_REMOVE + 1 };

extern const char *const codec_type_names[TYPES]; /* by enum event_type; NULL: unknown */

struct codec {
    const struct config *config;
    struct json_shape *shapes[HOPS]; /* NULL: not a topic between stages */
    uint32_t fields[HOPS];           /* bit i: enum field i may be carried */
    struct json_reader json;
};

static inline bool codec_carries(const struct codec *codec, enum hop hop, enum field field)
{
    return codec->fields[hop] >> field & 1;
}

/* There subjects still have their identifiers; behind it only pseudonyms. */
static inline bool codec_is_before_pseudonymize(enum hop hop)
{
    return hop == HOP_CONSENT_OUT;
}

static inline struct view codec_pseudonym_text(const struct pseudonym *pseudonym,
                                               char out_text[PSEUDONYM_TEXT_SIZE])
{
    base64url_write(pseudonym->bytes, PSEUDONYM_SIZE, out_text);
    return (struct view){out_text, PSEUDONYM_TEXT_SIZE};
}

#endif
