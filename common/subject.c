/*
 * Canonical forms are made by one pass over the text for each kind, into the caller's storage; nothing is allocated
 * and nothing is guessed. Where a spelling could stand for two numbers it is refused, because a choice stored under
 * one reading would not be found under the other (spec 3: nothing ambiguous lets data through).
 *
 * A pseudonym is one keyed BLAKE2b over a short message that starts with length-prefixed tags, so that no two meanings
 * share a message (docs/pseudonyms.md gives every byte). It was a quarter of what an event costs, so all subjects of a
 * record are hashed side by side (common/keyed_hash.h: 250 ns for three, against 910 by libsodium's one-shot call);
 * messages that don't fit into one block, which only very long identifiers make, go to libsodium.
 */
#include "common/subject.h"

#include "common/base64url.h"
#include "common/keyed_hash.h"
#include "common/secret.h"
#include "common/utf8.h"

#include <assert.h>
#include <sodium.h>

enum {
    E164_DIGITS_MIN = 7,
    E164_DIGITS_MAX = 15,   /* ITU-T E.164, 6.1 */
    IMSI_DIGITS = 15,       /* ITU-T E.212: 15 in use by every operator with two- and three-digit MNC */
    IMEI_DIGITS = 14,       /* 3GPP TS 23.003, 6.2.1: TAC and serial number */
    MAID_SIZE = 36,         /* RFC 9562, 4: text form of a UUID */
    SPELLED_SIZE_MAX = 128, /* of a text with separators: far beyond any that a person or a program writes */
};

static bool is_digit(char character)
{
    return character >= '0' && character <= '9';
}

static bool is_separator(char character)
{
    return character == ' ' || character == '-' || character == '.';
}

/* An IMSI has 15 digits and begins with the country code of ITU-T E.212: 2 to 7 by the part of the world, 901 for
 * networks of no country, 999 inside private ones. A number of 15 digits that begins so is not in use by any line:
 * where E.164 leaves room for it (Germany, Austria), it is an extension behind a switchboard. */
static bool could_be_imsi(const char digits[E164_DIGITS_MAX], size_t count)
{
    return count == IMSI_DIGITS &&
           ((digits[0] >= '2' && digits[0] <= '7') || !memcmp(digits, "901", 3) || !memcmp(digits, "999", 3));
}

/* Digits with an optional plus before them and separators and pairs of parentheses between them. What could be a
 * national form is refused: a leading 0 (trunk prefix, or the 00 and 011 of international dialling, whose length
 * depends on the country one dials from) and "(0)", the trunk prefix in a form that mixes both. So is what could be an
 * IMSI: choices by number and events by IMSI, or the other way round, would never meet, and each `out` would be
 * missed. */
static enum subject_canonical canonicalise_e164(struct view text, char *out_text, size_t *out_size)
{
    char digits[E164_DIGITS_MAX];
    size_t count = 0, opened_at = 0;
    bool open = false;
    size_t i = text.size > 0 && text.data[0] == '+' ? 1 : 0;

    if (i >= text.size || !is_digit(text.data[i]) || !is_digit(text.data[text.size - 1]))
        return SUBJECT_MALFORMED;
    for (; i < text.size; i++) {
        char character = text.data[i];
        if (is_digit(character)) {
            if (count == E164_DIGITS_MAX)
                return SUBJECT_MALFORMED;
            digits[count++] = character;
        } else if (character == '(' && !open) {
            open = true;
            opened_at = count;
        } else if (character == ')' && open) {
            if (count == opened_at || (count == opened_at + 1 && digits[opened_at] == '0'))
                return SUBJECT_MALFORMED;
            open = false;
        } else if (!is_separator(character)) {
            return SUBJECT_MALFORMED;
        }
    }
    if (open || count < E164_DIGITS_MIN || digits[0] == '0' || could_be_imsi(digits, count))
        return SUBJECT_MALFORMED;
    memcpy(out_text, digits, count);
    *out_size = count;
    return SUBJECT_CANONICAL;
}

static bool all_zeros(const char *digits, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (digits[i] != '0')
            return false;
    return true;
}

static enum subject_canonical canonicalise_imsi(struct view text, char *out_text, size_t *out_size)
{
    if (text.size != IMSI_DIGITS || all_zeros(text.data, text.size))
        return SUBJECT_MALFORMED;
    for (size_t i = 0; i < text.size; i++)
        if (!is_digit(text.data[i]))
            return SUBJECT_MALFORMED;
    memcpy(out_text, text.data, text.size);
    *out_size = text.size;
    return SUBJECT_CANONICAL;
}

/* 3GPP TS 23.003, annex B.2: double every second digit from the right, sum the digits, fill up to a ten. */
static char luhn_check_digit(const char digits[IMEI_DIGITS])
{
    unsigned sum = 0;
    for (unsigned i = 0; i < IMEI_DIGITS; i++) {
        unsigned digit = (unsigned)(digits[i] - '0');
        if (i % 2 == 1)
            digit = digit * 2 > 9 ? digit * 2 - 9 : digit * 2;
        sum += digit;
    }
    return (char)('0' + (10 - sum % 10) % 10);
}

/* 14 digits; or 15, the last being the right check digit; or 16, the last two being the software version. All zeros
 * is what many modems say when they have none: one "device" for many people is no device. */
static enum subject_canonical canonicalise_imei(struct view text, char *out_text, size_t *out_size)
{
    char digits[IMEI_DIGITS + 2];
    size_t count = 0;

    if (text.size == 0 || !is_digit(text.data[0]) || !is_digit(text.data[text.size - 1]))
        return SUBJECT_MALFORMED;
    for (size_t i = 0; i < text.size; i++) {
        char character = text.data[i];
        if (character == '-' || character == ' ')
            continue;
        if (!is_digit(character) || count == sizeof digits)
            return SUBJECT_MALFORMED;
        digits[count++] = character;
    }
    if (count < IMEI_DIGITS || all_zeros(digits, IMEI_DIGITS))
        return SUBJECT_MALFORMED;
    if (count == IMEI_DIGITS + 1 && digits[IMEI_DIGITS] != luhn_check_digit(digits))
        return SUBJECT_MALFORMED;
    memcpy(out_text, digits, IMEI_DIGITS);
    *out_size = IMEI_DIGITS;
    return SUBJECT_CANONICAL;
}

/* Hex digits in lower case, zero for what is none. A table, since no processor foresees whether the next one is a
 * figure or a letter. */
static const char lower_hex[256] = {
    ['0'] = '0', ['1'] = '1', ['2'] = '2', ['3'] = '3', ['4'] = '4', ['5'] = '5', ['6'] = '6', ['7'] = '7',
    ['8'] = '8', ['9'] = '9', ['a'] = 'a', ['b'] = 'b', ['c'] = 'c', ['d'] = 'd', ['e'] = 'e', ['f'] = 'f',
    ['A'] = 'a', ['B'] = 'b', ['C'] = 'c', ['D'] = 'd', ['E'] = 'e', ['F'] = 'f',
};

/* A UUID in any case, in braces or not, with the four hyphens or without any. */
static enum subject_canonical canonicalise_maid(struct view text, char *out_text, size_t *out_size)
{
    char canonical[MAID_SIZE];
    const char *from = text.data;
    size_t size = text.size;

    if (size >= 2 && from[0] == '{' && from[size - 1] == '}') {
        from++;
        size -= 2;
    }
    bool hyphens = size == MAID_SIZE;
    if (!hyphens && size != MAID_SIZE - 4)
        return SUBJECT_MALFORMED;
    static const uint8_t groups[] = {8, 4, 4, 4, 12}; /* digits between hyphens */
    bool bad = false;
    char any = 0; /* a bit that some digit has and '0' has not */
    char *to = canonical;
    for (unsigned i = 0; i < sizeof groups; i++) {
        if (i > 0) {
            *to++ = '-';
            bad |= hyphens && *from++ != '-';
        }
        for (unsigned left = groups[i]; left > 0; left--) {
            char digit = lower_hex[(unsigned char)*from++];
            *to++ = digit;
            bad |= digit == 0;
            any |= digit ^ '0';
        }
    }
    if (bad)
        return SUBJECT_MALFORMED;
    if (!any)
        return SUBJECT_LIMITED; /* spec 2 */
    memcpy(out_text, canonical, MAID_SIZE);
    *out_size = MAID_SIZE;
    return SUBJECT_CANONICAL;
}

/* A control character (Unicode's category Cc: C0, DEL, C1) starts there. */
static bool is_control(const char *text, size_t size)
{
    unsigned char first = (unsigned char)text[0];
    return first < 0x20 || first == 0x7f || (first == 0xc2 && size == 2 && (unsigned char)text[1] < 0xa0);
}

static enum subject_canonical canonicalise_opaque(struct view text, char *out_text, size_t *out_size)
{
    if (text.size == 0 || text.size > SUBJECT_IDENTIFIER_SIZE_MAX)
        return SUBJECT_MALFORMED;
    size_t at = 0;
    while (at < text.size && text.data[at] >= 0x20 && text.data[at] < 0x7f)
        at++; /* ASCII, nearly always all of it */
    while (at < text.size) {
        size_t size = utf8_character_size(text.data + at, text.size - at);
        if (size == 0 || is_control(text.data + at, size))
            return SUBJECT_MALFORMED;
        at += size;
    }
    memcpy(out_text, text.data, text.size);
    *out_size = text.size;
    return SUBJECT_CANONICAL;
}

enum subject_canonical subject_canonicalise(enum identifier_kind kind, struct view text,
                                            char out_text[SUBJECT_IDENTIFIER_SIZE_MAX], size_t *out_size)
{
    if (view_is_absent(text) || text.size > SPELLED_SIZE_MAX)
        return SUBJECT_MALFORMED;
    switch (kind) {
    case IDENTIFIER_E164:
        return canonicalise_e164(text, out_text, out_size);
    case IDENTIFIER_IMSI:
        return canonicalise_imsi(text, out_text, out_size);
    case IDENTIFIER_OPAQUE:
        return canonicalise_opaque(text, out_text, out_size);
    case IDENTIFIER_IMEI:
        return canonicalise_imei(text, out_text, out_size);
    case IDENTIFIER_MAID:
        return canonicalise_maid(text, out_text, out_size);
    case IDENTIFIER_UNKNOWN:
        break;
    }
    return SUBJECT_MALFORMED;
}

const char *subject_identifier_kind_name(enum identifier_kind kind)
{
    switch (kind) {
    case IDENTIFIER_E164:
        return "e164";
    case IDENTIFIER_IMSI:
        return "imsi";
    case IDENTIFIER_OPAQUE:
        return "opaque";
    case IDENTIFIER_IMEI:
        return "imei";
    case IDENTIFIER_MAID:
        return "maid";
    case IDENTIFIER_UNKNOWN:
        break;
    }
    return "unknown";
}

/* ---- the keyed hash (docs/pseudonyms.md) ---- */

struct subject_key {
    struct secret *secret;
    const uint8_t *bytes;        /* of the secret, SUBJECT_KEY_SIZE */
    struct keyed_hash *prepared; /* in locked memory */
};

static_assert((int)SUBJECT_KEY_SIZE == (int)KEYED_HASH_KEY_SIZE, "the key fits");
static_assert((int)PSEUDONYM_SIZE == (int)KEYED_HASH_SIZE, "so does what is made with it");
static_assert((int)SUBJECT_KINDS <= (int)KEYED_HASH_LANES, "the subjects of a record are hashed at once");

enum { TAGS_SIZE_MAX = 40 };

/* Each tag is preceded by its length in one byte; octal, so that no letter behind joins the escape. */
#define TAG_PURPOSE "\014pseudonym/v1"

static const struct view subject_tags[SUBJECT_KINDS] = {
    [SUBJECT_LINE] = VIEW(TAG_PURPOSE "\004line"),
    [SUBJECT_ACCOUNT] = VIEW(TAG_PURPOSE "\007account"),
    [SUBJECT_DEVICE] = VIEW(TAG_PURPOSE "\006device"),
};

static const struct view identifier_tags[] = {
    [IDENTIFIER_E164] = VIEW("\004e164"),     [IDENTIFIER_IMSI] = VIEW("\004imsi"),
    [IDENTIFIER_OPAQUE] = VIEW("\006opaque"), [IDENTIFIER_IMEI] = VIEW("\004imei"),
    [IDENTIFIER_MAID] = VIEW("\004maid"),
};

static struct view identifier_tag(enum identifier_kind kind)
{
    ensure(kind > IDENTIFIER_UNKNOWN && kind <= IDENTIFIER_MAID);
    return identifier_tags[kind];
}

/* Writes the message of a pseudonym and returns its size. */
static size_t put_message(enum subject_kind kind, enum identifier_kind identifier_kind,
                          struct view identifier, uint8_t *message)
{
    struct view first = subject_tags[kind], second = identifier_tag(identifier_kind);
    uint8_t *end = message;
    memcpy(end, first.data, first.size);
    end += first.size;
    memcpy(end, second.data, second.size);
    end += second.size;
    memcpy(end, identifier.data, identifier.size);
    return first.size + second.size + identifier.size;
}

/* The message fits into one block. */
static bool is_short(enum subject_kind kind, enum identifier_kind identifier_kind, struct view identifier)
{
    return subject_tags[kind].size + identifier_tag(identifier_kind).size + identifier.size <=
           KEYED_HASH_MESSAGE_MAX;
}

static void hash_long(const struct subject_key *key, enum subject_kind kind,
                      enum identifier_kind identifier_kind, struct view identifier,
                      struct pseudonym *out_pseudonym)
{
    uint8_t message[TAGS_SIZE_MAX + SUBJECT_IDENTIFIER_SIZE_MAX];
    size_t size = put_message(kind, identifier_kind, identifier, message);
    int failed =
        crypto_generichash(out_pseudonym->bytes, PSEUDONYM_SIZE, message, size, key->bytes, SUBJECT_KEY_SIZE);
    ensure(failed == 0);
}

void subject_pseudonym(const struct subject_key *key, enum subject_kind kind,
                       enum identifier_kind identifier_kind, struct view identifier,
                       struct pseudonym *out_pseudonym)
{
    ensure((unsigned)kind < SUBJECT_KINDS);
    ensure(identifier.data && identifier.size > 0 && identifier.size <= SUBJECT_IDENTIFIER_SIZE_MAX);
    if (!is_short(kind, identifier_kind, identifier)) {
        hash_long(key, kind, identifier_kind, identifier, out_pseudonym);
        return;
    }
    struct keyed_hash_message message = {.size = 0};
    struct keyed_hash_output output;
    message.size = put_message(kind, identifier_kind, identifier, message.bytes);
    keyed_hash_run(key->prepared, &message, 1, &output);
    memcpy(out_pseudonym->bytes, output.bytes, PSEUDONYM_SIZE);
}

static_assert((int)SUBJECTS_AT_ONCE == (int)KEYED_HASH_LANES, "as many as there are lanes");

void subject_pseudonyms(const struct subject_key *key, const struct subject_name *names, unsigned count,
                        struct pseudonym *out_pseudonyms)
{
    struct keyed_hash_message messages[SUBJECTS_AT_ONCE];
    struct keyed_hash_output outputs[SUBJECTS_AT_ONCE];
    unsigned owners[SUBJECTS_AT_ONCE], lanes = 0;
    ensure(count <= SUBJECTS_AT_ONCE);
    for (unsigned i = 0; i < count; i++) {
        const struct subject_name *name = &names[i];
        ensure((unsigned)name->kind < SUBJECT_KINDS && name->identifier.size > 0 &&
               name->identifier.size <= SUBJECT_IDENTIFIER_SIZE_MAX);
        if (!is_short(name->kind, name->identifier_kind, name->identifier)) {
            hash_long(key, name->kind, name->identifier_kind, name->identifier, &out_pseudonyms[i]);
            continue;
        }
        struct keyed_hash_message *message = &messages[lanes];
        memset(message->bytes, 0, sizeof message->bytes);
        message->size = put_message(name->kind, name->identifier_kind, name->identifier, message->bytes);
        owners[lanes++] = i;
    }
    if (lanes == 0)
        return;
    keyed_hash_run(key->prepared, messages, lanes, outputs);
    for (unsigned i = 0; i < lanes; i++)
        memcpy(out_pseudonyms[owners[i]].bytes, outputs[i].bytes, PSEUDONYM_SIZE);
}

void subject_hash_record(const struct subject_key *key, struct record *record)
{
    struct keyed_hash_message messages[SUBJECT_KINDS];
    struct keyed_hash_output outputs[SUBJECT_KINDS];
    struct subject *owners[SUBJECT_KINDS];
    unsigned count = 0;
    for (unsigned kind = 0; kind < SUBJECT_KINDS; kind++) {
        struct subject *subject = &record->subjects[kind];
        if (!subject->present || subject->has_pseudonym || view_is_absent(subject->identifier))
            continue;
        subject->has_pseudonym = true;
        if (!is_short(kind, subject->identifier_kind, subject->identifier)) {
            subject_pseudonym(key, kind, subject->identifier_kind, subject->identifier, &subject->pseudonym);
            continue;
        }
        ensure(subject->identifier.size > 0);
        struct keyed_hash_message *message = &messages[count];
        memset(message->bytes, 0, sizeof message->bytes);
        message->size = put_message(kind, subject->identifier_kind, subject->identifier, message->bytes);
        owners[count++] = subject;
    }
    if (count == 0)
        return;
    keyed_hash_run(key->prepared, messages, count, outputs);
    for (unsigned i = 0; i < count; i++)
        memcpy(owners[i]->pseudonym.bytes, outputs[i].bytes, PSEUDONYM_SIZE);
}

static unsigned char lower_case(char character)
{
    return (unsigned char)(character >= 'A' && character <= 'Z' ? character - 'A' + 'a' : character);
}

static const char token_tag[] = "\014app-token/v1";
enum { TOKEN_APP_AT = sizeof token_tag - 1 + PSEUDONYM_SIZE };

static void lower(struct view text, uint8_t *out)
{
    for (size_t i = 0; i < text.size; i++)
        out[i] = lower_case(text.data[i]);
}

static void hash_long_token(const struct subject_key *key, const struct pseudonym *line, struct view app,
                            struct keyed_hash_output *out_digest)
{
    crypto_generichash_state state;
    uint8_t piece[64];
    int failed = crypto_generichash_init(&state, key->bytes, SUBJECT_KEY_SIZE, sizeof out_digest->bytes);
    failed |= crypto_generichash_update(&state, (const uint8_t *)token_tag, sizeof token_tag - 1);
    failed |= crypto_generichash_update(&state, line->bytes, PSEUDONYM_SIZE);
    for (size_t at = 0; at < app.size; at += sizeof piece) {
        size_t size = app.size - at < sizeof piece ? app.size - at : sizeof piece;
        lower((struct view){app.data + at, size}, piece);
        failed |= crypto_generichash_update(&state, piece, size);
    }
    failed |= crypto_generichash_final(&state, out_digest->bytes, sizeof out_digest->bytes);
    ensure(failed == 0);
}

/* Without regard to case, as classify compares app IDs: else app_remove in another spelling would end nothing. */
uint64_t subject_app_token(const struct subject_key *key, const struct pseudonym *line, struct view app)
{
    struct keyed_hash_message message = {.size = TOKEN_APP_AT + app.size};
    struct keyed_hash_output digest;
    if (message.size > sizeof message.bytes) {
        hash_long_token(key, line, app, &digest);
    } else {
        memcpy(message.bytes, token_tag, sizeof token_tag - 1);
        memcpy(message.bytes + sizeof token_tag - 1, line->bytes, PSEUDONYM_SIZE);
        lower(app, message.bytes + TOKEN_APP_AT);
        keyed_hash_run(key->prepared, &message, 1, &digest);
    }
    uint64_t token = 0;
    for (unsigned i = 0; i < sizeof token; i++)
        token = token << 8 | digest.bytes[i];
    return token ? token : 1; /* 0 says "no app" */
}

/* ---- life of the key ---- */

static struct subject_key *key_of(struct secret *secret, struct error *error)
{
    struct subject_key *key = secret ? calloc(1, sizeof *key) : NULL;
    if (secret && !key)
        (void)error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for a key");
    struct keyed_hash *prepared = key ? secret_memory_new(sizeof *prepared, error) : NULL;
    if (!prepared) {
        free(key);
        secret_free(secret);
        return NULL;
    }
    *key = (struct subject_key){secret, secret_bytes(secret), prepared};
    keyed_hash_init(prepared, key->bytes);
    return key;
}

struct subject_key *subject_key_load(const char *path, struct error *error)
{
    return key_of(secret_load(path, SECRET_PSEUDONYM, error), error);
}

struct subject_key *subject_key_random(struct error *error)
{
    return key_of(secret_random(SECRET_PSEUDONYM, error), error);
}

struct subject_key *subject_key_of_bytes(const uint8_t bytes[SUBJECT_KEY_SIZE], struct error *error)
{
    return key_of(secret_of_bytes(SECRET_PSEUDONYM, bytes, error), error);
}

struct subject_key *subject_key_load_suppression(const char *path, struct error *error)
{
    return key_of(secret_load(path, SECRET_SUPPRESSION, error), error);
}

static struct subject_key *derive(const struct subject_key *key, struct view tag, enum secret_purpose purpose,
                                  struct error *error)
{
    uint8_t *bytes = secret_memory_new(SECRET_SIZE, error);
    if (!bytes)
        return NULL;
    int failed = crypto_generichash(bytes, SECRET_SIZE, (const uint8_t *)tag.data, tag.size, key->bytes,
                                    SUBJECT_KEY_SIZE);
    ensure(failed == 0);
    struct subject_key *derived = key_of(secret_of_bytes(purpose, bytes, error), error);
    secret_memory_free(bytes);
    return derived;
}

struct subject_key *subject_key_derive_suppression(const struct subject_key *key, struct error *error)
{
    return derive(key, VIEW("\016suppression/v1"), SECRET_SUPPRESSION, error);
}

struct subject_key *subject_key_derive_table(const struct subject_key *suppression, struct error *error)
{
    return derive(suppression, VIEW("\020consent-table/v1"), SECRET_PSEUDONYM, error);
}

/* A device of the kind `opaque` can't be, so this is no subject's hash. */
void subject_key_check(const struct subject_key *key, char out_text[SUBJECT_KEY_CHECK_SIZE])
{
    struct pseudonym digest;
    subject_pseudonym(key, SUBJECT_DEVICE, IDENTIFIER_OPAQUE, VIEW("key-check/v1"), &digest);
    base64url_write(digest.bytes, 8, out_text);
    out_text[SUBJECT_KEY_CHECK_SIZE - 1] = '\0';
}

/* ---- sealed texts ---- */

enum { NONCE_SIZE = crypto_secretbox_NONCEBYTES };

static_assert((int)SUBJECT_SEALED_EXTRA == (int)(NONCE_SIZE + crypto_secretbox_MACBYTES),
              "what sealing adds");
static_assert(SUBJECT_SEALED_TEXT_MAX + SUBJECT_SEALED_EXTRA <= UINT8_MAX, "a size is a byte");

/* On the stack of the caller, who wipes it. */
static void seal_key_of(const struct subject_key *suppression, uint8_t out_key[crypto_secretbox_KEYBYTES])
{
    static const char tag[] = "\017consent-link/v1";
    int failed = crypto_generichash(out_key, crypto_secretbox_KEYBYTES, (const uint8_t *)tag, sizeof tag - 1,
                                    suppression->bytes, SUBJECT_KEY_SIZE);
    ensure(failed == 0);
}

/* The nonce is a keyed hash of the text: no nonce serves two texts, and one text is always the same bytes. */
void subject_key_seal(const struct subject_key *suppression, struct view text,
                      struct subject_sealed *out_sealed)
{
    uint8_t key[crypto_secretbox_KEYBYTES];
    ensure(text.size > 0 && text.size <= SUBJECT_SEALED_TEXT_MAX);
    seal_key_of(suppression, key);
    int failed = crypto_generichash(out_sealed->bytes, NONCE_SIZE, (const uint8_t *)text.data, text.size, key,
                                    sizeof key);
    failed |= crypto_secretbox_easy(out_sealed->bytes + NONCE_SIZE, (const uint8_t *)text.data, text.size,
                                    out_sealed->bytes, key);
    sodium_memzero(key, sizeof key);
    ensure(failed == 0);
    out_sealed->size = (uint8_t)(text.size + SUBJECT_SEALED_EXTRA);
}

bool subject_key_unseal(const struct subject_key *suppression, const struct subject_sealed *sealed,
                        char out_text[SUBJECT_SEALED_TEXT_MAX], size_t *out_size)
{
    uint8_t key[crypto_secretbox_KEYBYTES];
    if (sealed->size <= SUBJECT_SEALED_EXTRA || sealed->size > sizeof sealed->bytes)
        return false;
    seal_key_of(suppression, key);
    bool opened = crypto_secretbox_open_easy((uint8_t *)out_text, sealed->bytes + NONCE_SIZE,
                                             sealed->size - (size_t)NONCE_SIZE, sealed->bytes, key) == 0;
    sodium_memzero(key, sizeof key);
    if (opened)
        *out_size = sealed->size - (size_t)SUBJECT_SEALED_EXTRA;
    return opened;
}

void subject_key_free(struct subject_key *key)
{
    if (!key)
        return;
    secret_memory_free(key->prepared);
    secret_free(key->secret);
    free(key);
}
