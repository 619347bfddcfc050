#include "common/retraction.h"

#include "common/base64url.h"
#include "common/json_writer.h"

#include <yyjson.h>

enum {
    PSEUDONYM_TEXT_SIZE = BASE64URL_SIZE(PSEUDONYM_SIZE),
    PROGRAMME_SIZE_MAX = 32, /* common/programme.h */
};

enum field { FIELD_VERSION, FIELD_SUBJECT, FIELD_PROGRAMME, FIELD_TIME, FIELD_CHOSEN, FIELDS };

static const char *const field_names[FIELDS] = {"v", "subject", "programme", "time", "chosen"};
static const char *const subject_names[SUBJECT_KINDS] = {"line", "account", "device"};

bool retraction_write(const struct retraction *retraction, struct arena *arena, struct output *out_output)
{
    ensure((unsigned)retraction->kind < SUBJECT_KINDS && retraction->chosen_ms >= 0 &&
           retraction->chosen_ms <= retraction->time_ms && retraction->time_ms <= RETRACTION_TIME_MAX &&
           retraction->programme.size > 0 && retraction->programme.size <= PROGRAMME_SIZE_MAX);
    size_t key_size = PSEUDONYM_TEXT_SIZE + 1 + retraction->programme.size;
    char *key = arena_take(arena, key_size);
    struct json_writer writer;
    if (!key || !json_writer_take(&writer, arena, RETRACTION_VALUE_SIZE_MAX))
        return false;
    base64url_write(retraction->subject.bytes, PSEUDONYM_SIZE, key);
    key[PSEUDONYM_TEXT_SIZE] = ':';
    memcpy(key + PSEUDONYM_TEXT_SIZE + 1, retraction->programme.data, retraction->programme.size);
    json_writer_open_object(&writer);
    json_writer_member_integer(&writer, field_names[FIELD_VERSION], RETRACTION_VERSION);
    json_writer_member_string(&writer, field_names[FIELD_SUBJECT],
                              view_of_string(subject_names[retraction->kind]));
    json_writer_member_string(&writer, field_names[FIELD_PROGRAMME], retraction->programme);
    json_writer_member_integer(&writer, field_names[FIELD_TIME], retraction->time_ms);
    json_writer_member_integer(&writer, field_names[FIELD_CHOSEN], retraction->chosen_ms);
    json_writer_close_object(&writer);
    ensure(!writer.overflow);
    struct output output = {
        .topic = TOPIC_RETRACTIONS, .key = {key, key_size}, .partition = OUTPUT_PARTITION_BY_KEY};
    if (!json_writer_finish(&writer, arena, &output.value))
        return false;
    *out_output = output;
    return true;
}

bool retraction_reader_init(struct retraction_reader *reader, struct arena *arena, struct error *error)
{
    struct json_field fields[FIELDS];
    for (unsigned i = 0; i < FIELDS; i++)
        fields[i] = (struct json_field){view_of_string(field_names[i]), i};
    return json_shape_new(fields, FIELDS, true, arena, &reader->shape, error) &&
           json_reader_init(&reader->json, RETRACTION_VALUE_SIZE_MAX, arena, error);
}

/* ---- reading ---- */

static bool wrong(const char **out_what, const char *what)
{
    *out_what = what;
    return false;
}

static bool read_key(struct view key, struct retraction *retraction, const char **out_what)
{
    if (view_is_absent(key))
        return wrong(out_what, "the key is null");
    if (key.size < PSEUDONYM_TEXT_SIZE + 2 || key.data[PSEUDONYM_TEXT_SIZE] != ':' ||
        !base64url_read((struct view){key.data, PSEUDONYM_TEXT_SIZE}, retraction->subject.bytes,
                        PSEUDONYM_SIZE))
        return wrong(out_what, "the key is no pseudonym with a programme");
    retraction->programme =
        (struct view){key.data + PSEUDONYM_TEXT_SIZE + 1, key.size - PSEUDONYM_TEXT_SIZE - 1};
    return retraction->programme.size <= PROGRAMME_SIZE_MAX ||
           wrong(out_what, "the programme in the key is too long");
}

static bool is_integer(const yyjson_val *value, uint64_t max, uint64_t *out_number)
{
    yyjson_val *number = (yyjson_val *)value;
    if (!number || !unsafe_yyjson_is_uint(number) || unsafe_yyjson_get_uint(number) > max)
        return false;
    *out_number = unsafe_yyjson_get_uint(number);
    return true;
}

static bool is_text(const yyjson_val *value, struct view *out_text)
{
    yyjson_val *text = (yyjson_val *)value;
    if (!text || !unsafe_yyjson_is_str(text))
        return false;
    *out_text = (struct view){unsafe_yyjson_get_str(text), unsafe_yyjson_get_len(text)};
    return true;
}

bool retraction_read(struct retraction_reader *reader, struct view key, struct view value,
                     struct retraction *out_retraction, const char **out_what)
{
    struct retraction read = {.kind = SUBJECT_KINDS};
    if (!read_key(key, &read, out_what))
        return false;
    if (view_is_absent(value) || json_reader_read(&reader->json, reader->shape, value) != JSON_READ)
        return wrong(out_what, "the value is no JSON object with the fields of a retraction");
    const struct yyjson_val *const *values = reader->json.values;
    uint64_t number;
    if (!is_integer(values[FIELD_VERSION], UINT64_MAX, &number) || number != RETRACTION_VERSION)
        return wrong(out_what, "`v` is not the version that this program reads");
    struct view text;
    if (!is_text(values[FIELD_SUBJECT], &text))
        return wrong(out_what, "`subject` is missing or no text");
    for (unsigned i = 0; i < SUBJECT_KINDS; i++) {
        if (view_equal_string(text, subject_names[i]))
            read.kind = (enum subject_kind)i;
    }
    if (read.kind == SUBJECT_KINDS)
        return wrong(out_what, "`subject` is no kind of subject");
    if (!is_text(values[FIELD_PROGRAMME], &text) || !view_equal(text, read.programme))
        return wrong(out_what, "`programme` is not the one in the key");
    if (!is_integer(values[FIELD_TIME], RETRACTION_TIME_MAX, &number))
        return wrong(out_what, "`time` is no number of milliseconds");
    read.time_ms = (int64_t)number;
    if (!is_integer(values[FIELD_CHOSEN], (uint64_t)read.time_ms, &number))
        return wrong(out_what, "`chosen` is no number of milliseconds up to `time`");
    read.chosen_ms = (int64_t)number;
    *out_retraction = read;
    return true;
}
