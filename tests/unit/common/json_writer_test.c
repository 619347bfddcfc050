#include "common/json_writer.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <yyjson.h>

static void assert_written(const struct json_writer *writer, const char *wanted)
{
    assert_false(writer->overflow);
    assert_int_equal(writer->size, strlen(wanted));
    assert_memory_equal(writer->data, wanted, writer->size);
}

static void writer_sets_commas_where_they_belong(void **state)
{
    (void)state;
    char buffer[512];
    struct json_writer writer;
    json_writer_init(&writer, buffer, sizeof buffer);
    json_writer_open_object(&writer);
    json_writer_member_integer(&writer, "a", 1);
    json_writer_name(&writer, "b");
    json_writer_open_array(&writer);
    json_writer_open_array(&writer);
    json_writer_close_array(&writer);
    json_writer_open_object(&writer);
    json_writer_close_object(&writer);
    json_writer_bool(&writer, true);
    json_writer_null(&writer);
    json_writer_unsigned(&writer, 7);
    json_writer_close_array(&writer);
    json_writer_member_bool(&writer, "c", false);
    json_writer_member_string(&writer, "d", (struct view)VIEW("x"));
    json_writer_member_string(&writer, "e", VIEW_ABSENT);
    json_writer_name(&writer, "f");
    json_writer_raw(&writer, (struct view)VIEW("{\"g\":[1,2]}"));
    json_writer_close_object(&writer);
    assert_written(&writer, "{\"a\":1,\"b\":[[],{},true,null,7],\"c\":false,\"d\":\"x\",\"e\":null,"
                            "\"f\":{\"g\":[1,2]}}");
}

static void strings_are_escaped_and_always_utf8(void **state)
{
    (void)state;
    static const struct {
        struct view text;
        const char *wanted;
        const char *why;
    } cases[] = {
        {VIEW(""), "\"\"", "empty"},
        {VIEW("plain ~"), "\"plain ~\"", "nothing to do"},
        {VIEW("\"\\/"), "\"\\\"\\\\/\"", "quote and backslash, no slash (RFC 8259, 7)"},
        {VIEW("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\"", "short escapes"},
        {VIEW("\0\x01\x1F\x7F"), "\"\\u0000\\u0001\\u001f\x7F\"", "other controls; DEL needs none"},
        {VIEW("\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80"), "\"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\"", "UTF-8"},
        {VIEW("a\xFFz"), "\"a\xEF\xBF\xBDz\"", "no such byte"},
        {VIEW("a\xC3"), "\"a\xEF\xBF\xBD\"", "cut off at the end"},
        {VIEW("\xC0\xAF"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"", "over-long form"},
        {VIEW("\xED\xA0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"", "surrogate"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        char buffer[64];
        struct json_writer writer;
        json_writer_init(&writer, buffer, sizeof buffer);
        json_writer_string(&writer, cases[i].text);
        if (writer.overflow || !view_equal_string((struct view){buffer, writer.size}, cases[i].wanted))
            fail_msg("%s: %.*s", cases[i].why, (int)writer.size, buffer);
    }
}

static void every_byte_comes_back_through_a_parser(void **state)
{
    (void)state;
    char text[128], buffer[1024];
    for (int i = 0; i < 128; i++)
        text[i] = (char)i;
    struct json_writer writer;
    json_writer_init(&writer, buffer, sizeof buffer);
    json_writer_string(&writer, (struct view){text, sizeof text});
    yyjson_doc *document = yyjson_read(buffer, writer.size, 0);
    assert_non_null(document);
    yyjson_val *root = yyjson_doc_get_root(document);
    assert_int_equal(yyjson_get_len(root), sizeof text);
    assert_memory_equal(yyjson_get_str(root), text, sizeof text);
    yyjson_doc_free(document);
}

static void numbers_are_written_to_their_bounds(void **state)
{
    (void)state;
    char buffer[256];
    struct json_writer writer;
    json_writer_init(&writer, buffer, sizeof buffer);
    json_writer_open_array(&writer);
    json_writer_integer(&writer, 0);
    json_writer_integer(&writer, -1);
    json_writer_integer(&writer, INT64_MAX);
    json_writer_integer(&writer, INT64_MIN);
    json_writer_unsigned(&writer, UINT64_MAX);
    json_writer_real(&writer, 0.5);
    json_writer_real(&writer, 0.1);
    json_writer_real(&writer, 1.0 / 3);
    json_writer_real(&writer, 1e300);
    json_writer_real(&writer, (double)NAN);
    json_writer_real(&writer, -(double)INFINITY);
    json_writer_close_array(&writer);
    assert_written(&writer, "[0,-1,9223372036854775807,-9223372036854775808,18446744073709551615,0.5,0.1,"
                            "0.3333333333333333,1e+300,null,null]");
}

static void write_sample(struct json_writer *writer)
{
    json_writer_open_object(writer);
    json_writer_member_string(writer, "text", (struct view)VIEW("a\n\x01\xFF\xC3\xA4"));
    json_writer_name(writer, "list");
    json_writer_open_array(writer);
    json_writer_integer(writer, -12);
    json_writer_bool(writer, false);
    json_writer_null(writer);
    json_writer_real(writer, 2.5);
    json_writer_close_array(writer);
    json_writer_close_object(writer);
}

/* At every capacity the writer stays inside (sanitizers watch) and says so; at the exact size it fits. */
static void overflow_is_remembered_at_every_size(void **state)
{
    (void)state;
    char whole[256];
    struct json_writer writer;
    json_writer_init(&writer, whole, sizeof whole);
    write_sample(&writer);
    size_t size = writer.size;
    assert_false(writer.overflow);
    for (size_t capacity = 0; capacity <= size; capacity++) {
        char *buffer = test_malloc(capacity + 1);
        buffer[capacity] = '#';
        json_writer_init(&writer, buffer, capacity);
        write_sample(&writer);
        assert_int_equal(writer.overflow, capacity < size);
        assert_int_equal(buffer[capacity], '#');
        if (!writer.overflow)
            assert_memory_equal(buffer, whole, size);
        test_free(buffer);
    }
}

static void overflow_stays_although_the_rest_would_fit(void **state)
{
    (void)state;
    char buffer[8];
    struct json_writer writer;
    json_writer_init(&writer, buffer, sizeof buffer);
    json_writer_open_array(&writer);
    json_writer_string(&writer, (struct view)VIEW("much too long"));
    json_writer_close_array(&writer);
    assert_true(writer.overflow);
}

static void arena_gets_back_what_was_not_needed(void **state)
{
    (void)state;
    struct error error = {0};
    struct arena arena;
    struct json_writer writer;
    struct view text = VIEW_ABSENT;
    assert_true(arena_init(&arena, 4096, 8192, &error));
    assert_true(json_writer_take(&writer, &arena, 4000));
    write_sample(&writer);
    assert_true(json_writer_finish(&writer, &arena, &text));
    assert_int_equal(text.data[text.size - 1], '}');
    assert_true(arena.used < 256);

    assert_true(json_writer_take(&writer, &arena, 10));
    write_sample(&writer);
    struct view before = text;
    assert_false(json_writer_finish(&writer, &arena, &text));
    assert_true(view_equal(before, text));
    assert_true(arena.used < 256);

    assert_false(json_writer_take(&writer, &arena, 16384));
    arena_release(&arena);
}

/* Runs the body in a child; our own bugs end the process with status 70. */
static void assert_ends_as_bug(void (*body)(struct json_writer *writer))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        char buffer[256];
        struct json_writer writer;
        (void)!freopen("/dev/null", "w", stderr);
        json_writer_init(&writer, buffer, sizeof buffer);
        body(&writer);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), EXIT_STATUS_BUG);
}

static void value_without_name(struct json_writer *writer)
{
    json_writer_open_object(writer);
    json_writer_integer(writer, 1);
}

static void name_in_array(struct json_writer *writer)
{
    json_writer_open_array(writer);
    json_writer_name(writer, "a");
}

static void wrong_bracket(struct json_writer *writer)
{
    json_writer_open_array(writer);
    json_writer_close_object(writer);
}

static void close_without_open(struct json_writer *writer)
{
    json_writer_close_array(writer);
}

static void name_without_value(struct json_writer *writer)
{
    json_writer_open_object(writer);
    json_writer_name(writer, "a");
    json_writer_close_object(writer);
}

static void one_level_too_many(struct json_writer *writer)
{
    for (int i = 0; i <= JSON_WRITER_DEPTH_MAX; i++)
        json_writer_open_array(writer);
}

static void wrong_order_is_our_own_bug(void **state)
{
    (void)state;
    void (*const bodies[])(struct json_writer *) = {value_without_name, name_in_array,
                                                    wrong_bracket,      close_without_open,
                                                    name_without_value, one_level_too_many};
    for (unsigned i = 0; i < sizeof bodies / sizeof *bodies; i++)
        assert_ends_as_bug(bodies[i]);
}

static void deepest_nesting_fits(void **state)
{
    (void)state;
    char buffer[256];
    struct json_writer writer;
    json_writer_init(&writer, buffer, sizeof buffer);
    for (int i = 0; i < JSON_WRITER_DEPTH_MAX; i++)
        json_writer_open_array(&writer);
    for (int i = 0; i < JSON_WRITER_DEPTH_MAX; i++)
        json_writer_close_array(&writer);
    assert_int_equal(writer.size, 2 * JSON_WRITER_DEPTH_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writer_sets_commas_where_they_belong),
        cmocka_unit_test(strings_are_escaped_and_always_utf8),
        cmocka_unit_test(every_byte_comes_back_through_a_parser),
        cmocka_unit_test(numbers_are_written_to_their_bounds),
        cmocka_unit_test(overflow_is_remembered_at_every_size),
        cmocka_unit_test(overflow_stays_although_the_rest_would_fit),
        cmocka_unit_test(arena_gets_back_what_was_not_needed),
        cmocka_unit_test(wrong_order_is_our_own_bug),
        cmocka_unit_test(deepest_nesting_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
