/*
 * An export's lines: what is readable stands in them whole, however long, and what is not is as unreadable there.
 */
#include "commands/consent_records.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ROOM = 2 * CONSENT_MERGED_BYTES_MAX };

#define NOW_MS INT64_C(1800000000000)
#define MERGED ",\"merged\":{\"before\":[],\"withdrawn\":[],\"until\":0,\"last_out\":0}"

/* An object of exactly that size. */
static struct view value_of(char *room, const char *effective, const char *more, size_t size)
{
    int used =
        snprintf(room, ROOM, "{\"choices\":{\"*\":\"out\"},\"effective\":%s,\"seq\":1%s", effective, more);
    assert_true(used > 0 && (size_t)used < size && size < ROOM);
    memset(room + used, ' ', size - (size_t)used);
    room[size - 1] = '}';
    return (struct view){room, size};
}

/* Does the line that it comes to hold the value, or an empty text? */
static bool stands_whole(struct consent_reader *reader, const char *key_text, struct view value,
                         uint64_t *out_emptied)
{
    char *text = NULL;
    size_t size = 0;
    struct consent_records_writer writer = {.out = open_memstream(&text, &size), .topic = VIEW("consent")};
    struct kafka_scan_record record = {.partitions = 1,
                                       .timestamp_ms = NOW_MS,
                                       .key = view_of_string(key_text),
                                       .value = value,
                                       .author = VIEW("clickveil.one.0")};
    struct consent_key key;
    struct consent_value read = {.record = {.readable = true}};
    struct error error = {0};
    consent_key_read(record.key, IDENTIFIER_OPAQUE, &key);
    if (key.kind == CONSENT_KEY_CHOICE)
        consent_value_read(reader, &key, value, NOW_MS, &read);
    assert_true(consent_records_write(&writer, &record, &key, &read, &error));
    fclose(writer.out);
    *out_emptied = writer.emptied;
    bool whole = memmem(text, size, value.data, value.size) != NULL;
    assert_true(whole != (strstr(text, "\"value\":\"\"") != NULL));
    free(text);
    consent_records_writer_release(&writer);
    return whole;
}

static void a_value_stands_whole_where_it_can_be_read(void **state)
{
    static const struct {
        const char *key, *effective, *more;
        size_t size;
        bool whole;
        const char *why;
    } rows[] = {
        {"line:1", "5", "", CONSENT_VALUE_BYTES_MAX, true, "as long as anybody's may be"},
        {"line:1", "5", "", CONSENT_VALUE_BYTES_MAX + 1, false, "and one past it"},
        {"line:1", "5", MERGED, CONSENT_VALUE_BYTES_MAX + 1, true,
         "what clickveil wrote again may be longer"},
        {"line:1", "5", MERGED, CONSENT_MERGED_BYTES_MAX, true, "twice as long"},
        {"line:1", "5", MERGED, CONSENT_MERGED_BYTES_MAX + 1, false, "and one past it"},
        {"line:1", "1900000000000", MERGED, CONSENT_VALUE_BYTES_MAX + 1, false, "far ahead of its time"},
        {"signal:line:1", "5", "", CONSENT_VALUE_BYTES_MAX, true, "a signal"},
        {"signal:line:1", "5", MERGED, CONSENT_VALUE_BYTES_MAX + 1, true,
         "its time can be read, to which it may yield"},
        {"signal:line:1", "5", MERGED, CONSENT_MERGED_BYTES_MAX + 1, false, "which nobody would read"},
    };
    static const struct choice_names names = {.names = {{"basic", 5}}, .count = 1};
    struct consent_reader *reader = consent_reader_new(&names, IDENTIFIER_OPAQUE);
    char *room = malloc(ROOM);
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t emptied;
        struct view value = value_of(room, rows[i].effective, rows[i].more, rows[i].size);
        if (stands_whole(reader, rows[i].key, value, &emptied) != rows[i].whole || emptied != !rows[i].whole)
            fail_msg("row %zu: %s", i, rows[i].why);
    }
    free(room);
    consent_reader_free(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_stands_whole_where_it_can_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
