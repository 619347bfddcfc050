#include "commands/consent_records.h"

#include "common/json_writer.h"
#include "common/utf8.h"

#include <stdlib.h>
#include <yyjson.h>

enum { BUFFER_SIZE = 6 * CONSENT_VALUE_BYTES_MAX + 16384 };

static const char head_key[] = "meta:export";

void consent_records_writer_release(struct consent_records_writer *writer)
{
    free(writer->buffer);
    *writer = (struct consent_records_writer){0};
}

/* ---- lines ---- */

static bool begin_line(struct consent_records_writer *writer, struct json_writer *json, struct error *error)
{
    if (!writer->buffer)
        writer->buffer = malloc(BUFFER_SIZE);
    if (!writer->buffer)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for a line");
    json_writer_init(json, writer->buffer, BUFFER_SIZE);
    json_writer_open_object(json);
    json_writer_member_string(json, "topic", writer->topic);
    return true;
}

static void end_line(struct consent_records_writer *writer, struct json_writer *json)
{
    json_writer_close_object(json);
    ensure(!json->overflow);
    fwrite(json->data, 1, json->size, writer->out);
    putc('\n', writer->out);
}

static bool write_head(struct consent_records_writer *writer, struct error *error)
{
    struct json_writer json;
    if (!begin_line(writer, &json, error))
        return false;
    json_writer_member_string(&json, "key", view_of_string(head_key));
    json_writer_name(&json, "value");
    json_writer_open_object(&json);
    json_writer_member_integer(&json, "format", 1);
    json_writer_member_integer(&json, "partitions", writer->partitions);
    json_writer_close_object(&json);
    json_writer_member_integer(&json, "partition", writer->partitions);
    end_line(writer, &json);
    return true;
}

bool consent_records_end(struct consent_records_writer *writer, int32_t partitions, struct error *error)
{
    struct json_writer json;
    if (!writer->partitions) {
        writer->partitions = partitions;
        if (!write_head(writer, error))
            return false;
    }
    if (!begin_line(writer, &json, error))
        return false;
    json_writer_member_string(&json, "key", VIEW("meta:export-end"));
    json_writer_name(&json, "value");
    json_writer_open_object(&json);
    json_writer_name(&json, "records");
    json_writer_unsigned(&json, writer->records);
    json_writer_close_object(&json);
    json_writer_member_integer(&json, "partition", writer->partitions);
    end_line(writer, &json);
    return true;
}

/* ---- one record ---- */

/* An object stands there as it is, but on one line: between its texts white space means nothing. */
static void write_object(struct json_writer *json, struct view value)
{
    char *text = malloc(value.size);
    ensure(text != NULL);
    for (size_t i = 0; i < value.size; i++)
        text[i] = value.data[i] == '\n' || value.data[i] == '\r' ? ' ' : value.data[i];
    json_writer_raw(json, (struct view){text, value.size});
    free(text);
}

static bool is_object(struct view value)
{
    yyjson_doc *document = view_is_absent(value) || value.size > CONSENT_MERGED_BYTES_MAX
                               ? NULL
                               : yyjson_read(value.data, value.size, YYJSON_READ_NOFLAG);
    bool is = yyjson_is_obj(yyjson_doc_get_root(document));
    yyjson_doc_free(document);
    return is;
}

bool consent_records_empties(struct view value)
{
    return value.size > CONSENT_VALUE_BYTES_MAX || !utf8_valid(value) || is_object(value);
}

/* What can't be read is a text, exactly, or an empty one. */
static void write_value(struct consent_records_writer *writer, struct json_writer *json, struct view value,
                        bool is_readable)
{
    json_writer_name(json, "value");
    if (view_is_absent(value)) {
        json_writer_null(json);
    } else if (is_readable) {
        write_object(json, value);
    } else {
        bool empties = consent_records_empties(value);
        json_writer_string(json, empties ? VIEW("") : value);
        writer->emptied += empties;
    }
}

static bool belongs(const struct kafka_scan_record *record, const struct consent_key *key)
{
    bool names_somebody = key->kind == CONSENT_KEY_CHOICE || key->kind == CONSENT_KEY_SIGNAL ||
                          key->kind == CONSENT_KEY_HASH || key->kind == CONSENT_KEY_LINK;
    return names_somebody && utf8_valid(record->key);
}

bool consent_records_write(struct consent_records_writer *writer, const struct kafka_scan_record *record,
                           const struct consent_key *key, const struct consent_value *value,
                           struct error *error)
{
    struct json_writer json;
    if (!writer->partitions) {
        writer->partitions = record->partitions;
        if (!write_head(writer, error))
            return false;
    }
    if (!belongs(record, key)) {
        writer->left_out += key->kind != CONSENT_KEY_META && key->kind != CONSENT_KEY_LIMITED;
        return true;
    }
    if (!begin_line(writer, &json, error))
        return false;
    json_writer_member_integer(&json, "partition", record->partition);
    json_writer_member_integer(&json, "offset", record->offset);
    if (record->timestamp_ms >= 0)
        json_writer_member_integer(&json, "timestamp", record->timestamp_ms);
    json_writer_member_string(&json, "key", record->key);
    write_value(writer, &json, record->value,
                key->kind == CONSENT_KEY_CHOICE ? value->record.readable : is_object(record->value));
    if (!view_is_absent(record->author)) {
        json_writer_name(&json, "headers");
        json_writer_open_object(&json);
        json_writer_member_string(&json, "clickveil-author", record->author);
        json_writer_close_object(&json);
    }
    end_line(writer, &json);
    writer->records++;
    return true;
}
