#include "common/json_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <yyjson.h>

struct fixture {
    struct arena arena;
    struct json_reader reader;
    struct json_shape *shape;
};

static void open_reader(struct fixture *fixture, const struct json_field *fields, unsigned count, bool closed,
                        size_t text_size_max)
{
    struct error error = {0};
    *fixture = (struct fixture){0};
    assert_true(arena_init(&fixture->arena, 64 * 1024, 1024 * 1024, &error));
    assert_true(json_reader_init(&fixture->reader, text_size_max, &fixture->arena, &error));
    if (!json_shape_new(fields, count, closed, &fixture->arena, &fixture->shape, &error))
        fail_msg("%s", error.what);
}

static void close_reader(struct fixture *fixture)
{
    arena_release(&fixture->arena);
}

static enum json_result read_text(struct fixture *fixture, const char *text)
{
    return json_reader_read(&fixture->reader, fixture->shape, view_of_string(text));
}

static int64_t integer_at(const struct fixture *fixture, unsigned slot)
{
    yyjson_val *value = (yyjson_val *)fixture->reader.values[slot];
    assert_true(yyjson_is_int(value));
    return yyjson_get_sint(value);
}

static void values_go_to_their_slots(void **state)
{
    (void)state;
    static const struct json_field fields[] = {{{"a", 1}, 0},   {{"b.c", 3}, 5},     {{"b.d.e", 5}, 2},
                                               {{"bb", 2}, 47}, {{"missing", 7}, 1}, {{"null", 4}, 3}};
    struct fixture fixture;
    open_reader(&fixture, fields, 6, false, 1024);
    assert_int_equal(
        read_text(&fixture, "{\"bb\":4,\"x\":[{}],\"b\":{\"d\":{\"e\":3,\"y\":0},\"c\":2},\"a\":1,\"null\":"
                            "null}"),
        JSON_READ);
    assert_int_equal(integer_at(&fixture, 0), 1);
    assert_int_equal(integer_at(&fixture, 5), 2);
    assert_int_equal(integer_at(&fixture, 2), 3);
    assert_int_equal(integer_at(&fixture, 47), 4);
    assert_null(fixture.reader.values[1]);
    assert_null(fixture.reader.values[3]);
    /* the next text starts from nothing, also when it is none */
    assert_int_equal(read_text(&fixture, "{}"), JSON_READ);
    assert_null(fixture.reader.values[0]);
    assert_int_equal(read_text(&fixture, "{\"a\":1}"), JSON_READ);
    assert_int_equal(read_text(&fixture, "{"), JSON_TRUNCATED);
    assert_null(fixture.reader.values[0]);
    close_reader(&fixture);
}

/* Names of one length that begin and end alike share a hash word; only a comparison in full tells them apart. */
static void names_that_look_alike_are_told_apart(void **state)
{
    (void)state;
    static const struct json_field fields[] = {
        {{"abcdefgh-1-ABCDEFGH", 19}, 0},
        {{"abcdefgh-2-ABCDEFGH", 19}, 1},
        {{"abcdefgh", 8}, 2},
        {{"abcdefg", 7}, 3},
        {{"abcdefghi", 9}, 4},
        {{"abcdefghabcdefgh", 16}, 5},
        {{"a", 1}, 6},
        {{"aa", 2}, 7},
    };
    struct fixture fixture;
    open_reader(&fixture, fields, 8, false, 1024);
    assert_int_equal(
        read_text(&fixture, "{\"abcdefgh-3-ABCDEFGH\":9,\"abcdefgh-2-ABCDEFGH\":1,\"aa\":7,\"abcdefghi\":4,"
                            "\"abcdefgh-1-ABCDEFGH\":0,\"abcdefgh\":2,\"abcdefg\":3,\"a\":6,"
                            "\"abcdefghabcdefgh\":5,\"aaa\":9,\"\":9,\"abcdefgx\":9}"),
        JSON_READ);
    for (unsigned slot = 0; slot < 8; slot++)
        assert_int_equal(integer_at(&fixture, slot), slot);
    close_reader(&fixture);
}

static void a_full_shape_finds_every_field(void **state)
{
    (void)state;
    static char paths[JSON_SLOTS_MAX][16];
    struct json_field fields[JSON_SLOTS_MAX];
    char text[2048] = "{";
    for (unsigned i = 0; i < JSON_SLOTS_MAX; i++) {
        snprintf(paths[i], sizeof paths[i], "field%u", i);
        fields[i] = (struct json_field){view_of_string(paths[i]), i};
        size_t at = strlen(text);
        snprintf(text + at, sizeof text - at, "%s\"field%u\":%u", i ? "," : "", i, i);
    }
    size_t at = strlen(text);
    snprintf(text + at, sizeof text - at, "}");
    struct fixture fixture;
    open_reader(&fixture, fields, JSON_SLOTS_MAX, true, sizeof text);
    assert_int_equal(read_text(&fixture, text), JSON_READ);
    for (unsigned i = 0; i < JSON_SLOTS_MAX; i++)
        assert_int_equal(integer_at(&fixture, i), i);
    close_reader(&fixture);
}

static void closed_shapes_refuse_what_they_do_not_know(void **state)
{
    (void)state;
    static const struct json_field fields[] = {{{"v", 1}, 0}, {{"b.c", 3}, 1}};
    static const struct {
        const char *text;
        enum json_result open, closed;
        const char *why;
    } cases[] = {
        {"{\"v\":1,\"b\":{\"c\":2}}", JSON_READ, JSON_READ, "all is known"},
        {"{\"v\":1,\"x\":2}", JSON_READ, JSON_UNKNOWN_KEY, "a key"},
        {"{\"v\":1,\"x\":null}", JSON_READ, JSON_UNKNOWN_KEY, "a null is a key too"},
        {"{\"v\":1,\"b\":{\"x\":2}}", JSON_READ, JSON_UNKNOWN_KEY, "inside an object"},
        {"{\"v\":1,\"b\":2}", JSON_PATH_TYPE, JSON_PATH_TYPE, "no object on the way"},
        {"{\"v\":1,\"b\":[2]}", JSON_PATH_TYPE, JSON_PATH_TYPE, "a list on the way"},
        {"{\"v\":1,\"b\":null}", JSON_READ, JSON_READ, "null on the way is absent"},
        {"{\"v\":1,\"b\":{\"c\":1},\"b\":{}}", JSON_DUPLICATE_KEY, JSON_DUPLICATE_KEY, "object twice"},
        {"{\"v\":1,\"v\":1}", JSON_DUPLICATE_KEY, JSON_DUPLICATE_KEY, "field twice"},
        {"{\"v\":{\"v\":1}}", JSON_READ, JSON_READ, "an object is a value like any other"},
    };
    struct fixture open, closed;
    open_reader(&open, fields, 2, false, 1024);
    open_reader(&closed, fields, 2, true, 1024);
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (read_text(&open, cases[i].text) != cases[i].open)
            fail_msg("open, %s", cases[i].why);
        if (read_text(&closed, cases[i].text) != cases[i].closed)
            fail_msg("closed, %s", cases[i].why);
    }
    /* what was met before the fault can be looked at: a version, say */
    assert_int_equal(read_text(&closed, "{\"v\":7,\"x\":2}"), JSON_UNKNOWN_KEY);
    assert_int_equal(integer_at(&closed, 0), 7);
    close_reader(&open);
    close_reader(&closed);
}

static void texts_are_bounded(void **state)
{
    (void)state;
    static const struct json_field fields[] = {{{"a", 1}, 0}};
    struct fixture fixture;
    open_reader(&fixture, fields, 1, false, 7);
    assert_int_equal(read_text(&fixture, "{\"a\":1}"), JSON_READ);
    assert_int_equal(read_text(&fixture, "{\"a\":1} "), JSON_TOO_LARGE);
    assert_int_equal(json_reader_read(&fixture.reader, fixture.shape, VIEW_ABSENT), JSON_EMPTY);
    close_reader(&fixture);
}

/* The most values that a text of a size can hold: yyjson's memory is reckoned for it. */
static void densest_texts_find_their_memory(void **state)
{
    (void)state;
    enum { SIZE = 64 * 1024 };
    static const struct json_field fields[] = {{{"a", 1}, 0}};
    static char text[SIZE];
    struct fixture fixture;
    open_reader(&fixture, fields, 1, false, SIZE);
    memcpy(text, "{\"a\":[", 6);
    for (unsigned i = 6; i + 2 < SIZE; i += 2)
        memcpy(text + i, "1,", 2);
    memcpy(text + SIZE - 4, ",1]}", 4);
    text[SIZE - 5] = '1';
    assert_int_equal(json_reader_read(&fixture.reader, fixture.shape, (struct view){text, SIZE}), JSON_READ);
    for (unsigned i = 0; i < SIZE; i += 2)
        memcpy(text + i, "[ ", 2);
    assert_int_equal(json_reader_read(&fixture.reader, fixture.shape, (struct view){text, SIZE}),
                     JSON_NESTING);
    close_reader(&fixture);
}

static void no_memory_is_said(void **state)
{
    (void)state;
    static const struct json_field fields[] = {{{"a.b.c", 5}, 0}, {{"d", 1}, 1}};
    struct error error;
    unsigned refused = 0, made = 0;
    for (size_t taken = 0; taken < 64 * 1024; taken += 256) {
        struct arena arena;
        struct json_shape *shape = NULL;
        error = (struct error){0};
        assert_true(arena_init(&arena, 64 * 1024, 64 * 1024, &error));
        assert_non_null(arena_take(&arena, taken));
        if (json_shape_new(fields, 2, false, &arena, &shape, &error)) {
            made++;
            assert_non_null(shape);
        } else {
            refused++;
            assert_null(shape);
            assert_int_equal(error.exit_status, EXIT_STATUS_UNAVAILABLE);
        }
        arena_release(&arena);
    }
    assert_true(made > 0 && refused > 0);
    struct arena arena;
    struct json_reader reader = {0};
    assert_true(arena_init(&arena, 4096, 8192, &error));
    assert_false(json_reader_init(&reader, 4096, &arena, &error));
    assert_null(reader.text);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_go_to_their_slots),
        cmocka_unit_test(names_that_look_alike_are_told_apart),
        cmocka_unit_test(a_full_shape_finds_every_field),
        cmocka_unit_test(closed_shapes_refuse_what_they_do_not_know),
        cmocka_unit_test(texts_are_bounded),
        cmocka_unit_test(densest_texts_find_their_memory),
        cmocka_unit_test(no_memory_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
