/*
 * Writing: the letter is laid out in the writer's scratch memory, padded with zeros to its class, encrypted in place
 * and written into the arena as base64url inside a small JSON object. Sealing the data key costs a hundred times more
 * than encrypting a letter, so its text is made once per transaction, at the first letter, and copied into each.
 *
 * Nonces are random, 24 bytes: with XChaCha20 that needs no counter that could be lost.
 */
#include "common/dead_letter.h"

#include "common/date.h"

#include <sodium.h>
#include <stdio.h>
#include <yyjson.h>

enum {
    TOPIC_SIZE_MAX = 249, /* Kafka's limit for the name of a topic */
    REASON_SIZE_MAX = 64,
    DATA_KEY_SIZE = crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
    NONCE_SIZE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    TAG_SIZE = crypto_aead_xchacha20poly1305_ietf_ABYTES,
    SEALED_SIZE = crypto_box_SEALBYTES + DATA_KEY_SIZE,
    CLASS_SIZE_MAX = 264 * 1024,
    BASE64 = sodium_base64_VARIANT_URLSAFE_NO_PADDING,
    DAY_TEXT_SIZE = 11,     /* YYYY-MM-DD and NUL */
    ATTEMPT_TEXT_SIZE = 11, /* 32 bits and NUL */
    FIELD_ABSENT = 0,
    FIELD_WHOLE = 1,
    FIELD_CUT = 2,
};

#define BASE64_SIZE(bytes) (((bytes)*4 + 2) / 3)

/* Bytes that are encrypted, padding included: one of these, so that the size tells little. */
static const uint32_t class_sizes[DEAD_LETTER_CLASSES] = {1024, 4 * 1024, 16 * 1024, 64 * 1024,
                                                          CLASS_SIZE_MAX};

/* The largest letter fits the largest class: both payloads' bytes, the origin header, the two texts, the numbers. */
_Static_assert(DEAD_LETTER_PAYLOAD_SIZE_MAX + DEAD_LETTER_ORIGIN_SIZE_MAX + TOPIC_SIZE_MAX + REASON_SIZE_MAX +
                       4 + 4 + 8 + 8 + 8 + 4 + 2 * 2 + 3 * (1 + 4 + 8 + DEAD_LETTER_DIGEST_SIZE) <=
                   CLASS_SIZE_MAX,
               "a letter could be larger than its class");

static const char associated_tag[] = "\016dead-letter/v1"; /* a length-prefixed tag (docs/pseudonyms.md) */

struct dead_letter_writer {
    struct secret *public_key; /* NULL: payloads are not kept */
    uint8_t *data_key;         /* DATA_KEY_SIZE, locked memory */
    bool has_data_key;         /* made and sealed for the open transaction */
    unsigned char associated[sizeof associated_tag - 1 + SECRET_ID_TEXT_SIZE - 1];
    char sealed_text[BASE64_SIZE(SEALED_SIZE) + 1];
    unsigned char *scratch; /* CLASS_SIZE_MAX + TAG_SIZE */
    int64_t day;            /* of day_text, days since 1970-01-01 */
    char day_text[DAY_TEXT_SIZE];
};

static void fill_associated(const char *id, unsigned char *out_associated)
{
    memcpy(out_associated, associated_tag, sizeof associated_tag - 1);
    memcpy(out_associated + sizeof associated_tag - 1, id, SECRET_ID_TEXT_SIZE - 1);
}

static void fill_day(struct dead_letter_writer *writer, int64_t day)
{
    if (writer->day == day && writer->day_text[0])
        return;
    struct date date = date_of_days(day);
    char text[48];
    int size = snprintf(text, sizeof text, "%04lld-%02d-%02d", (long long)date.year, date.month, date.day);
    ensure(size == DAY_TEXT_SIZE - 1);
    memcpy(writer->day_text, text, DAY_TEXT_SIZE);
    writer->day = day;
}

bool dead_letter_writer_new(const struct config *config, struct arena *start_up,
                            struct dead_letter_writer **out_writer, struct error *error)
{
    struct dead_letter_writer *writer = arena_take_zeroed(start_up, sizeof *writer);
    if (!writer)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for dead letters");
    struct view path = config->dead_letters.public_key;
    if (!view_is_absent(path)) {
        writer->scratch = arena_take(start_up, CLASS_SIZE_MAX + TAG_SIZE);
        if (!writer->scratch)
            return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory",
                              "no memory for dead letters");
        writer->public_key = secret_load(path.data, SECRET_DEAD_LETTER_PUBLIC, error);
        if (!writer->public_key)
            return false;
        writer->data_key = secret_memory_new(DATA_KEY_SIZE, error);
        if (!writer->data_key) {
            secret_free(writer->public_key);
            return false;
        }
        fill_associated(secret_id(writer->public_key), writer->associated);
    }
    *out_writer = writer;
    return true;
}

void dead_letter_writer_free(struct dead_letter_writer *writer)
{
    if (!writer)
        return;
    secret_free(writer->public_key);
    secret_memory_free(writer->data_key);
    writer->public_key = NULL;
    writer->data_key = NULL;
    writer->has_data_key = false;
}

void dead_letter_transaction_ended(struct dead_letter_writer *writer)
{
    if (!writer->has_data_key)
        return;
    sodium_memzero(writer->data_key, DATA_KEY_SIZE);
    writer->has_data_key = false;
}

static void make_data_key(struct dead_letter_writer *writer)
{
    unsigned char sealed[SEALED_SIZE];
    if (writer->has_data_key)
        return;
    randombytes_buf(writer->data_key, DATA_KEY_SIZE);
    int failed = crypto_box_seal(sealed, writer->data_key, DATA_KEY_SIZE, secret_bytes(writer->public_key));
    ensure(failed == 0);
    sodium_bin2base64(writer->sealed_text, sizeof writer->sealed_text, sealed, sizeof sealed, BASE64);
    writer->has_data_key = true;
}

/* ---- layout ---- */

static unsigned char *put_number(unsigned char *end, uint64_t number, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        end[i] = (unsigned char)(number >> (8 * (size - 1 - i)));
    return end + size;
}

static unsigned char *put_text(unsigned char *end, const char *text, size_t size_max)
{
    size_t size = strlen(text);
    ensure(size <= size_max);
    end = put_number(end, size, 2);
    memcpy(end, text, size);
    return end + size;
}

/* At most size_max bytes of the field; when it is cut, its size and digest. */
static unsigned char *put_field(unsigned char *end, struct view field, size_t size_max)
{
    bool cut = field.size > size_max;
    size_t kept = cut ? size_max : field.size;
    *end++ = view_is_absent(field) ? FIELD_ABSENT : cut ? FIELD_CUT : FIELD_WHOLE;
    end = put_number(end, kept, 4);
    if (kept)
        memcpy(end, field.data, kept);
    end += kept;
    if (!cut)
        return end;
    end = put_number(end, field.size, 8);
    int failed = crypto_generichash(end, DEAD_LETTER_DIGEST_SIZE, (const unsigned char *)field.data,
                                    field.size, NULL, 0);
    ensure(failed == 0);
    return end + DEAD_LETTER_DIGEST_SIZE;
}

/* Lay the letter out in scratch and pad it. Returns its class. */
static uint32_t lay_out(struct dead_letter_writer *writer, const struct chain_input *input,
                        const char *origin_topic, const char *reason, unsigned attempt, int64_t now_ms)
{
    size_t key_size_max = DEAD_LETTER_PAYLOAD_SIZE_MAX;
    size_t key_kept = input->key.size < key_size_max ? input->key.size : key_size_max;
    unsigned char *end = writer->scratch + 4;

    end = put_number(end, (uint32_t)input->partition, 4);
    end = put_number(end, (uint64_t)input->offset, 8);
    end = put_number(end, (uint64_t)input->timestamp_ms, 8);
    end = put_number(end, (uint64_t)now_ms, 8);
    end = put_number(end, attempt, 4);
    end = put_text(end, origin_topic, TOPIC_SIZE_MAX);
    end = put_text(end, reason, REASON_SIZE_MAX);
    end = put_field(end, input->origin, DEAD_LETTER_ORIGIN_SIZE_MAX);
    end = put_field(end, input->key, key_size_max);
    end = put_field(end, input->value, DEAD_LETTER_PAYLOAD_SIZE_MAX - key_kept);
    size_t size = (size_t)(end - writer->scratch);
    put_number(writer->scratch, size - 4, 4);
    const uint32_t *class_size = class_sizes;
    while (*class_size < size)
        class_size++;
    memset(end, 0, *class_size - size);
    return *class_size;
}

/* Make the envelope's text. False: the arena is full. */
static bool seal(struct dead_letter_writer *writer, uint32_t class_size, struct arena *arena,
                 struct view *out_value)
{
    unsigned char nonce[NONCE_SIZE];
    char nonce_text[BASE64_SIZE(NONCE_SIZE) + 1];
    char head[256];
    unsigned long long box_size = 0;

    make_data_key(writer);
    randombytes_buf(nonce, sizeof nonce);
    int failed = crypto_aead_xchacha20poly1305_ietf_encrypt(
        writer->scratch, &box_size, writer->scratch, class_size, writer->associated,
        sizeof writer->associated, NULL, nonce, writer->data_key);
    ensure(failed == 0 && box_size == (unsigned long long)class_size + TAG_SIZE);
    sodium_bin2base64(nonce_text, sizeof nonce_text, nonce, sizeof nonce, BASE64);
    int head_size =
        snprintf(head, sizeof head, "{\"v\":%d,\"key\":\"%s\",\"seal\":\"%s\",\"nonce\":\"%s\",\"box\":\"",
                 DEAD_LETTER_VERSION, secret_id(writer->public_key), writer->sealed_text, nonce_text);
    ensure(head_size > 0 && (size_t)head_size < sizeof head);
    size_t box_text_size = BASE64_SIZE((size_t)box_size);
    size_t size = (size_t)head_size + box_text_size + 2;
    char *text = arena_take(arena, size + 1);
    if (!text)
        return false;
    memcpy(text, head, (size_t)head_size);
    sodium_bin2base64(text + head_size, box_text_size + 1, writer->scratch, (size_t)box_size, BASE64);
    memcpy(text + size - 2, "\"}", 3);
    *out_value = (struct view){text, size};
    return true;
}

bool dead_letter_write(struct dead_letter_writer *writer, const struct chain_input *input,
                       const char *origin_topic, const char *reason, unsigned attempt, int64_t now_ms,
                       struct arena *arena, struct output *out_output)
{
    struct view value = VIEW("{\"v\":1}");
    struct view day, attempt_view;
    char attempt_text[ATTEMPT_TEXT_SIZE];

    if (writer->public_key) {
        uint32_t class_size = lay_out(writer, input, origin_topic, reason, attempt, now_ms);
        if (!seal(writer, class_size, arena, &value))
            return false;
    }
    int64_t day_number = now_ms >= 0 ? now_ms / 86400000 : 0;
    fill_day(writer, day_number);
    int attempt_size = snprintf(attempt_text, sizeof attempt_text, "%u", attempt);
    if (!arena_copy(arena, (struct view){writer->day_text, DAY_TEXT_SIZE - 1}, &day) ||
        !arena_copy(arena, (struct view){attempt_text, (size_t)attempt_size}, &attempt_view))
        return false;
    *out_output = (struct output){
        .topic = TOPIC_DEAD_LETTERS,
        .key = VIEW_ABSENT,
        .value = value,
        .partition = OUTPUT_PARTITION_BY_KEY,
        .timestamp_ms = day_number * 86400000,
        .headers = {{DEAD_LETTER_HEADER_TOPIC, view_of_string(origin_topic)},
                    {DEAD_LETTER_HEADER_REASON, view_of_string(reason)},
                    {DEAD_LETTER_HEADER_ATTEMPT, attempt_view},
                    {DEAD_LETTER_HEADER_DAY, day}},
        .header_count = 4,
    };
    return true;
}

unsigned dead_letter_attempts_read(struct view header)
{
    unsigned attempts = 0;
    if (view_is_absent(header))
        return 0;
    if (header.size == 0 || header.size > 6 || header.data[0] == '0')
        return DEAD_LETTER_ATTEMPTS_MAX;
    for (size_t i = 0; i < header.size; i++) {
        if (header.data[i] < '0' || header.data[i] > '9')
            return DEAD_LETTER_ATTEMPTS_MAX;
        attempts = attempts * 10 + (unsigned)(header.data[i] - '0');
    }
    return attempts;
}

/* ---- opening ---- */

static enum dead_letter_state unreadable(struct error *error, enum dead_letter_state state, const char *how)
{
    (void)error_fail(error, EXIT_STATUS_DATA, NULL, NULL, "the dead letter can't be opened: %s", how);
    return state;
}

static enum dead_letter_state damaged(struct error *error, const char *how)
{
    return unreadable(error, DEAD_LETTER_DAMAGED, how);
}

/* Text member `name` of the envelope, decoded into exactly `size` bytes. */
static bool take_bytes(yyjson_val *envelope, const char *name, unsigned char *out_bytes, size_t size)
{
    yyjson_val *value = yyjson_obj_get(envelope, name);
    size_t decoded = 0;
    const char *text_end = NULL;
    return yyjson_is_str(value) &&
           sodium_base642bin(out_bytes, size, yyjson_get_str(value), yyjson_get_len(value), NULL, &decoded,
                             &text_end, BASE64) == 0 &&
           decoded == size && text_end == yyjson_get_str(value) + yyjson_get_len(value);
}

/* Bytes that are left to read. Running out makes `bad` true and gives zeros. */
struct cursor {
    const unsigned char *at, *end;
    bool bad;
};

static const unsigned char *take(struct cursor *cursor, size_t size)
{
    if (cursor->bad || (size_t)(cursor->end - cursor->at) < size) {
        cursor->bad = true;
        return NULL;
    }
    cursor->at += size;
    return cursor->at - size;
}

static uint64_t take_number(struct cursor *cursor, unsigned size)
{
    const unsigned char *bytes = take(cursor, size);
    uint64_t number = 0;
    for (unsigned i = 0; bytes && i < size; i++)
        number = number << 8 | bytes[i];
    return number;
}

static struct view take_view(struct cursor *cursor, size_t size)
{
    return (struct view){(const char *)take(cursor, size), cursor->bad ? 0 : size};
}

static void take_field(struct cursor *cursor, struct dead_letter_field *out_field)
{
    uint64_t state = take_number(cursor, 1);
    size_t kept = (size_t)take_number(cursor, 4);
    out_field->bytes = take_view(cursor, kept);
    out_field->size = kept;
    if (state == FIELD_ABSENT && kept == 0) {
        out_field->bytes = VIEW_ABSENT;
    } else if (state == FIELD_CUT) {
        out_field->cut = true;
        out_field->size = take_number(cursor, 8);
        const unsigned char *digest = take(cursor, DEAD_LETTER_DIGEST_SIZE);
        if (digest)
            memcpy(out_field->digest, digest, DEAD_LETTER_DIGEST_SIZE);
    } else if (state != FIELD_WHOLE) {
        cursor->bad = true;
    }
}

static bool read_layout(const unsigned char *bytes, size_t size, struct dead_letter *out_letter)
{
    struct cursor cursor = {bytes, bytes + size, false};
    struct dead_letter letter = {0};
    size_t content_size = (size_t)take_number(&cursor, 4);
    if (cursor.bad || content_size > (size_t)(cursor.end - cursor.at))
        return false;
    cursor.end = cursor.at + content_size;
    letter.partition = (int32_t)take_number(&cursor, 4);
    letter.offset = (int64_t)take_number(&cursor, 8);
    letter.timestamp_ms = (int64_t)take_number(&cursor, 8);
    letter.failed_ms = (int64_t)take_number(&cursor, 8);
    letter.attempt = (uint32_t)take_number(&cursor, 4);
    letter.topic = take_view(&cursor, (size_t)take_number(&cursor, 2));
    letter.reason = take_view(&cursor, (size_t)take_number(&cursor, 2));
    take_field(&cursor, &letter.origin);
    take_field(&cursor, &letter.key);
    take_field(&cursor, &letter.value);
    if (cursor.bad || cursor.at != cursor.end)
        return false;
    *out_letter = letter;
    return true;
}

static bool is_class_size(size_t size)
{
    for (unsigned i = 0; i < DEAD_LETTER_CLASSES; i++)
        if (class_sizes[i] == size)
            return true;
    return false;
}

/* Open the data key with the pair's secret half, and the box with the data key, into `box`. */
static enum dead_letter_state open_box(const struct secret *secret, yyjson_val *envelope, unsigned char *box,
                                       size_t box_size, struct error *error)
{
    unsigned char sealed[SEALED_SIZE], nonce[NONCE_SIZE];
    unsigned char associated[sizeof associated_tag - 1 + SECRET_ID_TEXT_SIZE - 1];
    if (!take_bytes(envelope, "seal", sealed, sizeof sealed) ||
        !take_bytes(envelope, "nonce", nonce, sizeof nonce) || !take_bytes(envelope, "box", box, box_size))
        return damaged(error, "its envelope is damaged");
    struct secret *public_half = secret_public_half(secret, error);
    uint8_t *data_key = public_half ? secret_memory_new(DATA_KEY_SIZE, error) : NULL;
    enum dead_letter_state state = data_key ? DEAD_LETTER_OPENED : DEAD_LETTER_FAILED;
    if (data_key && crypto_box_seal_open(data_key, sealed, sizeof sealed, secret_bytes(public_half),
                                         secret_bytes(secret)) != 0)
        state = damaged(error, "its data key doesn't open with this secret key");
    fill_associated(secret_id(secret), associated);
    if (state == DEAD_LETTER_OPENED &&
        crypto_aead_xchacha20poly1305_ietf_decrypt(box, NULL, NULL, box, box_size, associated,
                                                   sizeof associated, nonce, data_key) != 0)
        state = damaged(error, "its box was changed or damaged");
    secret_memory_free(data_key);
    secret_free(public_half);
    return state;
}

static enum dead_letter_state open_envelope(const struct secret *secret, yyjson_val *envelope,
                                            struct arena *arena, struct dead_letter *out_letter,
                                            struct error *error)
{
    if (!yyjson_is_obj(envelope) || !yyjson_is_uint(yyjson_obj_get(envelope, "v")))
        return damaged(error, "it's no envelope of clickveil");
    if (yyjson_get_uint(yyjson_obj_get(envelope, "v")) != DEAD_LETTER_VERSION)
        return damaged(error, "its version is unknown to this program");
    yyjson_val *id = yyjson_obj_get(envelope, "key"), *box_text = yyjson_obj_get(envelope, "box");
    if (!id && !box_text)
        return unreadable(error, DEAD_LETTER_NO_PAYLOAD,
                          "no payload was kept, because no public key was configured");
    if (!yyjson_is_str(id) || !yyjson_is_str(box_text))
        return damaged(error, "its envelope is damaged");
    if (!yyjson_equals_str(id, secret_id(secret)))
        return unreadable(error, DEAD_LETTER_OTHER_KEY, "it's sealed to another key than this one");
    size_t box_size = yyjson_get_len(box_text) / 4 * 3 + yyjson_get_len(box_text) % 4 * 3 / 4;
    if (box_size < TAG_SIZE || !is_class_size(box_size - TAG_SIZE))
        return damaged(error, "its size belongs to no class");
    unsigned char *box = arena_take(arena, box_size);
    if (!box) {
        (void)error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for a dead letter");
        return DEAD_LETTER_FAILED;
    }
    enum dead_letter_state state = open_box(secret, envelope, box, box_size, error);
    if (state == DEAD_LETTER_OPENED && !read_layout(box, box_size - TAG_SIZE, out_letter))
        return damaged(error, "its content has another layout");
    return state;
}

enum dead_letter_state dead_letter_try(const struct secret *secret, struct view value, struct arena *arena,
                                       struct dead_letter *out_letter, struct error *error)
{
    ensure(secret_purpose(secret) == SECRET_DEAD_LETTER_SECRET);
    if (view_is_absent(value))
        return damaged(error, "it's empty");
    yyjson_doc *document = yyjson_read(value.data, value.size, 0);
    if (!document)
        return damaged(error, "it's no envelope of clickveil");
    enum dead_letter_state state =
        open_envelope(secret, yyjson_doc_get_root(document), arena, out_letter, error);
    yyjson_doc_free(document);
    return state;
}

bool dead_letter_open(const struct secret *secret, struct view value, struct arena *arena,
                      struct dead_letter *out_letter, struct error *error)
{
    return dead_letter_try(secret, value, arena, out_letter, error) == DEAD_LETTER_OPENED;
}
