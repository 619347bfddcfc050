#include "common/file_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* ---- reading ---- */

static struct file_record_reader *open_reader(void)
{
    struct error error = {0};
    struct file_record_reader *reader = file_record_reader_new(&error);
    assert_non_null(reader);
    return reader;
}

static void file_record_reads_key_value_and_place(void **state)
{
    (void)state;
    static const struct {
        const char *line, *key, *value; /* NULL: null */
        int64_t timestamp_ms, partition, offset;
        const char *why;
    } cases[] = {
        {"{\"key\":\"line:1\",\"value\":{\"a\":1}}", "line:1", "{\"a\":1}", -1, -1, -1, "no more than that"},
        {"{\"value\":null,\"key\":\"line:1\"}", "line:1", NULL, -1, -1, -1, "a tombstone, in another order"},
        {"{\"key\":null,\"value\":{}}", NULL, "{}", -1, -1, -1, "a null key is for the stage to judge"},
        {"{\"key\":\"\",\"value\":\"\"}", "", "", -1, -1, -1, "empty is not absent"},
        {"{\"key\":\"k\",\"value\":\"{\\\"a\"}", "k", "{\"a", -1, -1, -1,
         "a string is bytes, also unreadable ones"},
        {"{\"key\":\"k\",\"value\":[1]}", "k", "[1]", -1, -1, -1, "other JSON is its text"},
        {"{\"key\":\"k\",\"value\":{\"a\":1,\"a\":2}}", "k", "{\"a\":1,\"a\":2}", -1, -1, -1,
         "what stands twice inside is handed on"},
        {"{\"key\":\"k\",\"value\":{\"n\":1.50,\"m\":123456789012345678901}}", "k",
         "{\"n\":1.50,\"m\":123456789012345678901}", -1, -1, -1, "numbers stay as they are written"},
        {" {\"key\" : \"k\", \"value\" : { } } \r", "k", "{}", -1, -1, -1, "white space"},
        {"{\"key\":\"k\",\"value\":null,\"timestamp\":0,\"partition\":0,\"offset\":0}", "k", NULL, 0, 0, 0,
         "zeros"},
        {"{\"key\":\"k\",\"value\":null,\"timestamp\":\"1970-01-01T00:00:01Z\",\"partition\":7,\"offset\":"
         "42}",
         "k", NULL, 1000, 7, 42, "a time in words"},
        {"{\"key\":\"k\",\"value\":null,\"partition\":2147483647,\"offset\":999999999999999999}", "k", NULL,
         -1, 2147483647, 999999999999999999, "the largest"},
        {"{\"topic\":7,\"key\":\"k\",\"other\":[{}],\"value\":null}", "k", NULL, -1, -1, -1,
         "others are ignored"},
    };
    struct file_record_reader *reader = open_reader();
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error error = {0};
        struct file_record record;
        if (!file_record_read(reader, view_of_string(cases[i].line), &record, &error))
            fail_msg("%s: refused: %s", cases[i].why, error.what);
        if (!view_equal_string(record.key, cases[i].key) ||
            !view_equal_string(record.value, cases[i].value) ||
            record.timestamp_ms != cases[i].timestamp_ms || record.partition != cases[i].partition ||
            record.offset != cases[i].offset)
            fail_msg("%s: read otherwise: %.*s", cases[i].why, (int)record.value.size, record.value.data);
    }
    file_record_reader_free(reader);
}

static void file_record_reads_the_headers_that_mean_something(void **state)
{
    (void)state;
    struct file_record_reader *reader = open_reader();
    struct file_record record;
    struct error error = {0};
    assert_true(
        file_record_read(reader,
                         VIEW("{\"key\":\"k\",\"value\":{},\"headers\":{\"clickveil-origin\":\"3:42\","
                              "\"clickveil-author\":\"me\",\"x\":1}}"),
                         &record, &error));
    assert_true(view_equal_string(record.origin, "3:42"));
    assert_true(view_equal_string(record.author, "me"));
    file_record_reader_free(reader);
}

static void file_record_refuses_what_may_be_anybodys_choice(void **state)
{
    (void)state;
    static const struct {
        struct view line;
        const char *why;
    } cases[] = {
        {VIEW(""), "nothing"},
        {VIEW("x"), "no JSON"},
        {VIEW("[]"), "no object"},
        {VIEW("{}"), "neither key nor value"},
        {VIEW("{\"key\":\"k\"}"), "no value: a tombstone must be written"},
        {VIEW("{\"value\":null}"), "no key"},
        {VIEW("{\"key\":\"k\",\"value\":null"), "truncated"},
        {VIEW("{\"key\":\"k\",\"value\":null}{"), "more behind it"},
        {VIEW("{\"key\":\"k\",\"key\":\"k\",\"value\":null}"), "key twice"},
        {VIEW("{\"key\":\"k\",\"value\":null,\"value\":{}}"), "value twice"},
        {VIEW("{\"key\":1,\"value\":null}"), "a key that is no text"},
        {VIEW("{\"key\":\"\xff\",\"value\":null}"), "no UTF-8"},
        {VIEW("{\"key\":\"k\0\",\"value\":null}"), "NUL inside"},
        {VIEW("{\"key\":\"k\",\"value\":null,\"timestamp\":-1}"), "before 1970"},
        {VIEW("{\"key\":\"k\",\"value\":null,\"timestamp\":1.5}"), "no integer"},
        {VIEW("{\"key\":\"k\",\"value\":null,\"timestamp\":\"now\"}"), "no time"},
        {VIEW("{\"key\":\"k\",\"value\":null,\"partition\":2147483648}"), "one above the largest"},
        {VIEW("{\"key\":\"k\",\"value\":null,\"offset\":1000000000000000000}"), "one above the largest"},
        {VIEW("{\"key\":\"k\",\"value\":null,\"offset\":\"1\"}"), "a text"},
        {VIEW("{\"key\":\"k\",\"value\":null,\"headers\":[]}"), "headers that are no object"},
        {VIEW("{\"key\":\"k\",\"value\":null,\"headers\":{\"clickveil-origin\":3}}"),
         "an origin that is no text"},
        {VIEW("{\"key\":\"k\",\"value\":null,\"headers\":{\"clickveil-origin\":\"1:1\",\"clickveil-origin\":"
              "\"2:2\"}}"),
         "two origins"},
    };
    struct file_record_reader *reader = open_reader();
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error error = {0};
        struct file_record record = {.offset = 77};
        if (file_record_read(reader, cases[i].line, &record, &error))
            fail_msg("taken: %s", cases[i].why);
        assert_int_equal(error.exit_status, EXIT_STATUS_DATA);
        assert_true(error.what[0] != '\0');
        assert_int_equal(record.offset, 77);
    }
    file_record_reader_free(reader);
    file_record_reader_free(NULL);
}

static void file_record_reads_a_line_of_the_greatest_size(void **state)
{
    (void)state;
    struct file_record_reader *reader = open_reader();
    struct error error = {0};
    struct file_record record;
    static const char *const fills[] = {"a", "[", "1,", "{\"a\":", "\"\\u0000"};
    char *line = malloc(FILE_RECORD_LINE_SIZE_MAX);
    assert_non_null(line);
    for (unsigned f = 0; f < sizeof fills / sizeof fills[0];
         f++) { /* hostile: whatever comes of it, it ends */
        for (size_t i = 0; i < FILE_RECORD_LINE_SIZE_MAX; i++)
            line[i] = fills[f][i % strlen(fills[f])];
        assert_false(
            file_record_read(reader, (struct view){line, FILE_RECORD_LINE_SIZE_MAX}, &record, &error));
    }
    struct view head = VIEW("{\"key\":\"k\",\"value\":["), tail = VIEW("0]}");
    memcpy(line, head.data, head.size);
    size_t size = head.size;
    while (size + 2 + tail.size <= FILE_RECORD_LINE_SIZE_MAX) {
        memcpy(line + size, "1,", 2);
        size += 2;
    }
    memcpy(line + size, tail.data, tail.size);
    if (!file_record_read(reader, (struct view){line, size + tail.size}, &record, &error))
        fail_msg("%s", error.what);
    assert_int_equal(record.value.size, size + tail.size - head.size);
    free(line);
    file_record_reader_free(reader);
}

/* ---- writing ---- */

static void write_and_expect(const struct output *output, const char *wanted)
{
    struct config config = {.topics = {.dead_letters = VIEW("dead"),
                                       .consent_out = VIEW("consented"),
                                       .state = VIEW("state"),
                                       .consent = VIEW("consent")}};
    struct file_record_writer writer = {.config = &config};
    struct error error = {0};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    assert_true(file_record_write(&writer, output, out, &error));
    fclose(out);
    assert_string_equal(text, wanted);
    free(text);
    file_record_writer_release(&writer);
}

static void file_record_writes_json_as_json_and_bytes_as_base64(void **state)
{
    (void)state;
    write_and_expect(&(struct output){.topic = TOPIC_CONSENT_OUT,
                                      .key = VIEW("k\"1"),
                                      .value = VIEW("{\"v\":1}"),
                                      .headers = {{"clickveil-origin", VIEW("0:7")}},
                                      .header_count = 1},
                     "{\"topic\":\"consented\",\"key\":\"k\\\"1\",\"value\":{\"v\":1},"
                     "\"headers\":{\"clickveil-origin\":\"0:7\"}}\n");
    write_and_expect(&(struct output){.topic = TOPIC_CONSENT, .key = VIEW("k")},
                     "{\"topic\":\"consent\",\"key\":\"k\",\"value\":null}\n");
    write_and_expect(&(struct output){.topic = TOPIC_DEAD_LETTERS, .value = VIEW("\0\xff\x10")},
                     "{\"topic\":\"dead\",\"key\":null,\"value\":\"AP8Q\"}\n");
    write_and_expect(&(struct output){.topic = TOPIC_STATE, .key = VIEW("a"), .value = VIEW("ab")},
                     "{\"topic\":\"state\",\"key\":\"YQ==\",\"value\":\"YWI=\"}\n");
    write_and_expect(&(struct output){.topic = TOPIC_STATE, .key = VIEW("abc")},
                     "{\"topic\":\"state\",\"key\":\"YWJj\",\"value\":null}\n");
    write_and_expect(&(struct output){.topic = TOPIC_STATE, .key = VIEW(""), .value = VIEW("")},
                     "{\"topic\":\"state\",\"key\":\"\",\"value\":\"\"}\n");
}

static void file_record_shows_an_advertiser_feeds_and_nothing_internal(void **state)
{
    (void)state;
    for (int topic = TOPIC_NONE; topic < TOPIC_ROLES; topic++)
        assert_int_equal(file_record_is_public((enum topic_role)topic),
                         topic == TOPIC_FEED || topic == TOPIC_DEAD_LETTERS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_record_reads_key_value_and_place),
        cmocka_unit_test(file_record_reads_the_headers_that_mean_something),
        cmocka_unit_test(file_record_refuses_what_may_be_anybodys_choice),
        cmocka_unit_test(file_record_reads_a_line_of_the_greatest_size),
        cmocka_unit_test(file_record_writes_json_as_json_and_bytes_as_base64),
        cmocka_unit_test(file_record_shows_an_advertiser_feeds_and_nothing_internal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
