#include "common/file_record.h"

#include "common/json_writer.h"
#include "common/rfc3339.h"
#include "common/text.h"

#include <stdlib.h>
#include <yyjson.h>

/* yyjson's own estimate of what a text of n bytes needs, for one that is parsed in a copy, and again for the value as
 * text. */
enum { POOL_BYTES_PER_BYTE = 24, POOL_BYTES_MORE = 64 * 1024 };

/* ---- reading ---- */

struct file_record_reader {
    yyjson_alc alc;
    void *pool;
    size_t pool_size;
};

struct file_record_reader *file_record_reader_new(struct error *error)
{
    struct file_record_reader *reader = calloc(1, sizeof *reader);
    if (reader) {
        reader->pool_size = (size_t)POOL_BYTES_PER_BYTE * FILE_RECORD_LINE_SIZE_MAX + POOL_BYTES_MORE;
        reader->pool = malloc(reader->pool_size); /* touched only as far as lines need it */
    }
    if (!reader || !reader->pool) {
        free(reader);
        (void)error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory to read records");
        return NULL;
    }
    return reader;
}

void file_record_reader_free(struct file_record_reader *reader)
{
    if (!reader)
        return;
    free(reader->pool);
    free(reader);
}

static bool refuse(struct error *error, const char *what)
{
    return error_fail(error, EXIT_STATUS_DATA, NULL,
                      "a line is an object with `key` and `value` (docs/formats.md, Files)", "%s", what);
}

static struct view text_of(yyjson_val *value)
{
    return (struct view){yyjson_get_str(value), yyjson_get_len(value)};
}

/* Numbers were left as they are written (raw), so that values keep theirs. Plain digits only. */
static bool read_number(yyjson_val *value, int64_t *out_number)
{
    if (!yyjson_is_raw(value) || yyjson_get_len(value) > 18)
        return false;
    const char *digits = yyjson_get_raw(value);
    int64_t number = 0;
    for (size_t i = 0; i < yyjson_get_len(value); i++) {
        if (digits[i] < '0' || digits[i] > '9')
            return false;
        number = number * 10 + (digits[i] - '0');
    }
    *out_number = number;
    return true;
}

static bool read_timestamp(yyjson_val *value, int64_t *out_time_ms)
{
    if (yyjson_is_str(value))
        return rfc3339_read(text_of(value), out_time_ms) && *out_time_ms >= 0;
    return read_number(value, out_time_ms);
}

static bool read_text(yyjson_val *value, struct view *out_text)
{
    if (yyjson_is_str(value))
        *out_text = text_of(value);
    return yyjson_is_str(value) || yyjson_is_null(value);
}

static bool read_headers(yyjson_val *headers, struct file_record *record)
{
    if (!yyjson_is_obj(headers))
        return false;
    size_t index, count;
    yyjson_val *name, *value;
    yyjson_obj_foreach(headers, index, count, name, value)
    {
        struct view *target = view_equal_string(text_of(name), "clickveil-origin")   ? &record->origin
                              : view_equal_string(text_of(name), "clickveil-author") ? &record->author
                                                                                     : NULL;
        if (target && (target->data || !read_text(value, target)))
            return false;
    }
    return true;
}

/* A string stands for its bytes, whatever they are; anything else for its JSON text. */
static bool read_value(struct file_record_reader *reader, yyjson_val *value, struct view *out_value)
{
    if (yyjson_is_str(value) || yyjson_is_null(value))
        return read_text(value, out_value);
    size_t size = 0;
    char *text = yyjson_val_write_opts(value, YYJSON_WRITE_NOFLAG, &reader->alc, &size, NULL);
    *out_value = (struct view){text, size};
    return text != NULL;
}

enum member { KEY, VALUE, HEADERS, TIMESTAMP, PARTITION, OFFSET, MEMBERS };

static const char *const member_names[MEMBERS] = {"key",       "value",     "headers",
                                                  "timestamp", "partition", "offset"};

static bool read_member(struct file_record_reader *reader, enum member member, yyjson_val *value,
                        struct file_record *record)
{
    switch (member) {
    case KEY:
        return read_text(value, &record->key);
    case VALUE:
        return read_value(reader, value, &record->value);
    case HEADERS:
        return read_headers(value, record);
    case TIMESTAMP:
        return read_timestamp(value, &record->timestamp_ms);
    case PARTITION:
        return read_number(value, &record->partition) && record->partition <= INT32_MAX;
    case OFFSET:
        return read_number(value, &record->offset);
    case MEMBERS:
        break;
    }
    return false;
}

bool file_record_read(struct file_record_reader *reader, struct view line, struct file_record *out_record,
                      struct error *error)
{
    ensure(line.size <= FILE_RECORD_LINE_SIZE_MAX);
    ensure(yyjson_alc_pool_init(&reader->alc, reader->pool, reader->pool_size));
    yyjson_doc *document = yyjson_read_opts((char *)(uintptr_t)line.data, line.size,
                                            YYJSON_READ_NUMBER_AS_RAW, &reader->alc, NULL);
    yyjson_val *root = document ? yyjson_doc_get_root(document) : NULL;
    if (!yyjson_is_obj(root))
        return refuse(error, "is no JSON object");
    struct file_record record = {.timestamp_ms = -1, .partition = -1, .offset = -1};
    bool seen[MEMBERS] = {0};
    size_t index, count;
    yyjson_val *name, *value;
    yyjson_obj_foreach(root, index, count, name, value)
    {
        unsigned member = 0;
        while (member < MEMBERS && !view_equal_string(text_of(name), member_names[member]))
            member++;
        if (member == MEMBERS)
            continue;
        if (seen[member] || !read_member(reader, member, value, &record))
            return error_fail(error, EXIT_STATUS_DATA, NULL, "see docs/formats.md, Files", "`%s` %s",
                              member_names[member], seen[member] ? "stands there twice" : "can't be read");
        seen[member] = true;
    }
    if (!seen[KEY] || !seen[VALUE]) /* a missing value is not a tombstone: that must be written */
        return refuse(error, seen[KEY] ? "has no `value`; a tombstone is written as null" : "has no `key`");
    *out_record = record;
    return true;
}

/* ---- writing ---- */

bool file_record_is_public(enum topic_role topic)
{
    return topic == TOPIC_FEED || topic == TOPIC_DEAD_LETTERS;
}

/* Topics whose keys or values are bytes, not text. */
static bool is_binary(enum topic_role topic)
{
    return topic == TOPIC_DEAD_LETTERS || topic == TOPIC_STATE;
}

static bool reserve(struct file_record_writer *writer, size_t size, struct error *error)
{
    if (size <= writer->capacity)
        return true;
    char *buffer = realloc(writer->buffer, size);
    if (!buffer)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory to write a record");
    writer->buffer = buffer;
    writer->capacity = size;
    return true;
}

static void write_bytes(struct json_writer *json, char *scratch, struct view bytes)
{
    struct text text = {scratch, scratch + (bytes.size + 2) / 3 * 4};
    if (bytes.data)
        text_put_base64(&text, bytes);
    json_writer_string(json, bytes.data ? (struct view){scratch, (size_t)(text.at - scratch)} : VIEW_ABSENT);
}

static void write_headers(struct json_writer *json, const struct output *output)
{
    json_writer_name(json, "headers");
    json_writer_open_object(json);
    for (unsigned i = 0; i < output->header_count; i++)
        json_writer_member_string(json, output->headers[i].name, output->headers[i].value);
    json_writer_close_object(json);
}

bool file_record_write(struct file_record_writer *writer, const struct output *output, FILE *out,
                       struct error *error)
{
    /* Escapes take up to six bytes for one; base64 stands in a scratch behind the line first. */
    struct view topic = config_topic(writer->config, output->topic, output->feed);
    size_t line_size = 1024 + 6 * (topic.size + output->key.size) + 2 * output->value.size;
    for (unsigned i = 0; i < output->header_count; i++)
        line_size += 64 + 6 * output->headers[i].value.size;
    size_t scratch_size = 2 * (output->key.size + output->value.size) + 8;
    if (!reserve(writer, line_size + scratch_size, error))
        return false;

    struct json_writer json;
    json_writer_init(&json, writer->buffer, line_size);
    json_writer_open_object(&json);
    json_writer_member_string(&json, "topic", topic);
    json_writer_name(&json, "key");
    if (is_binary(output->topic))
        write_bytes(&json, writer->buffer + line_size, output->key);
    else
        json_writer_string(&json, output->key);
    json_writer_name(&json, "value");
    if (view_is_absent(output->value))
        json_writer_null(&json);
    else if (is_binary(output->topic))
        write_bytes(&json, writer->buffer + line_size, output->value);
    else
        json_writer_raw(&json, output->value);
    if (output->header_count)
        write_headers(&json, output);
    json_writer_close_object(&json);
    ensure(!json.overflow);
    (void)fwrite(json.data, 1, json.size, out);
    putc('\n', out);
    return true;
}

void file_record_writer_release(struct file_record_writer *writer)
{
    free(writer->buffer);
    writer->buffer = NULL;
    writer->capacity = 0;
}
