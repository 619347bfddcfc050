/*
 * Canonical forms are made by one pass over the text for each kind, into the caller's storage; nothing is allocated
 * and nothing is guessed. Where a spelling could stand for two numbers it is refused, because a choice stored under
 * one reading would not be found under the other (spec 3: nothing ambiguous lets data through).
 *
 * A pseudonym is one call of keyed BLAKE2b over a short message that starts with length-prefixed tags, so that no
 * two meanings share a message (docs/pseudonyms.md gives every byte). Copying a prepared hash state instead of the
 * one-shot call was measured: at most a tenth faster, since the key's block is compressed either way, and not worth a
 * copy of the key on the stack.
 */
#include "common/subject.h"

#include "common/secret.h"
#include "common/utf8.h"

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

/* Digits with an optional plus before them and separators and pairs of parentheses between them. What could be a
 * national form is refused: a leading 0 (trunk prefix, or the 00 and 011 of international dialling, whose length
 * depends on the country one dials from) and "(0)", the trunk prefix in a form that mixes both. */
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
    if (open || count < E164_DIGITS_MIN || digits[0] == '0')
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

static char lower_hex(char character)
{
    if (is_digit(character) || (character >= 'a' && character <= 'f'))
        return character;
    if (character >= 'A' && character <= 'F')
        return (char)(character - 'A' + 'a');
    return '\0';
}

static bool is_hyphen_place(size_t place)
{
    return place == 8 || place == 13 || place == 18 || place == 23;
}

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
    bool zeros = true;
    for (size_t i = 0; i < MAID_SIZE; i++) {
        if (is_hyphen_place(i)) {
            canonical[i] = '-';
            if (hyphens && *from++ != '-')
                return SUBJECT_MALFORMED;
            continue;
        }
        canonical[i] = lower_hex(*from++);
        if (!canonical[i])
            return SUBJECT_MALFORMED;
        zeros = zeros && canonical[i] == '0';
    }
    if (zeros)
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
    for (size_t at = 0; at < text.size;) {
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
    const uint8_t *bytes; /* of the secret, SUBJECT_KEY_SIZE */
};

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

void subject_pseudonym(const struct subject_key *key, enum subject_kind kind,
                       enum identifier_kind identifier_kind, struct view identifier,
                       struct pseudonym *out_pseudonym)
{
    unsigned char message[TAGS_SIZE_MAX + SUBJECT_IDENTIFIER_SIZE_MAX];

    ensure((unsigned)kind < SUBJECT_KINDS);
    ensure(identifier_kind > IDENTIFIER_UNKNOWN && identifier_kind <= IDENTIFIER_MAID);
    ensure(identifier.data && identifier.size > 0 && identifier.size <= SUBJECT_IDENTIFIER_SIZE_MAX);
    struct view first = subject_tags[kind], second = identifier_tags[identifier_kind];
    unsigned char *end = message;
    memcpy(end, first.data, first.size);
    end += first.size;
    memcpy(end, second.data, second.size);
    end += second.size;
    memcpy(end, identifier.data, identifier.size);
    end += identifier.size;
    int failed = crypto_generichash(out_pseudonym->bytes, PSEUDONYM_SIZE, message, (size_t)(end - message),
                                    key->bytes, SUBJECT_KEY_SIZE);
    ensure(failed == 0);
}

void subject_hash_record(const struct subject_key *key, struct record *record)
{
    for (unsigned kind = 0; kind < SUBJECT_KINDS; kind++) {
        struct subject *subject = &record->subjects[kind];
        if (!subject->present || subject->has_pseudonym || view_is_absent(subject->identifier))
            continue;
        subject_pseudonym(key, (enum subject_kind)kind, subject->identifier_kind, subject->identifier,
                          &subject->pseudonym);
        subject->has_pseudonym = true;
    }
}

static unsigned char lower_case(char character)
{
    return (unsigned char)(character >= 'A' && character <= 'Z' ? character - 'A' + 'a' : character);
}

/* Without regard to case, as classify compares app IDs: else app_remove in another spelling would end nothing. */
uint64_t subject_app_token(const struct subject_key *key, const struct pseudonym *line, struct view app)
{
    static const unsigned char tag[] = "\014app-token/v1";
    crypto_generichash_state state;
    unsigned char lower[64], digest[crypto_generichash_BYTES_MIN];

    int failed = crypto_generichash_init(&state, key->bytes, SUBJECT_KEY_SIZE, sizeof digest);
    failed |= crypto_generichash_update(&state, tag, sizeof tag - 1);
    failed |= crypto_generichash_update(&state, line->bytes, PSEUDONYM_SIZE);
    for (size_t at = 0; at < app.size; at += sizeof lower) {
        size_t size = app.size - at < sizeof lower ? app.size - at : sizeof lower;
        for (size_t i = 0; i < size; i++)
            lower[i] = lower_case(app.data[at + i]);
        failed |= crypto_generichash_update(&state, lower, size);
    }
    failed |= crypto_generichash_final(&state, digest, sizeof digest);
    ensure(failed == 0);
    uint64_t token = 0;
    for (unsigned i = 0; i < sizeof token; i++)
        token = token << 8 | digest[i];
    return token ? token : 1; /* 0 says "no app" */
}

/* ---- life of the key ---- */

static struct subject_key *key_of(struct secret *secret, struct error *error)
{
    struct subject_key *key = secret ? malloc(sizeof *key) : NULL;
    if (secret && !key)
        (void)error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for a key");
    if (!key) {
        secret_free(secret);
        return NULL;
    }
    *key = (struct subject_key){secret, secret_bytes(secret)};
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

void subject_key_free(struct subject_key *key)
{
    if (!key)
        return;
    secret_free(key->secret);
    free(key);
}
