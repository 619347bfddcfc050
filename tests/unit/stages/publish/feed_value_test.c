#include "stages/publish/feed_value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <yyjson.h>

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    return arena_init(&arena, 1 << 16, 1 << 20, NULL) ? 0 : 1;
}

static int teardown(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static struct feed_value example(void)
{
    return (struct feed_value){.id = VIEW("qQzarZ-YHcnaetyYFVb_yQ"),
                               .subject = FEED_SUBJECT_USER,
                               .provider = VIEW("ads.example"),
                               .interests = {.ids = {243, 65535, 1}, .count = 3},
                               .epoch = 2677,
                               .expires_ms = INT64_C(1619827200000)};
}

static void feed_value_is_the_object_of_spec_6(void **state)
{
    (void)state;
    struct feed_value value = example();
    struct view text;
    assert_true(feed_value_write(&value, &arena, &text));
    static const char expected[] =
        "{\"v\":1,\"user\":{\"eids\":[{\"source\":\"ads.example\",\"inserter\":\"ads.example\",\"uids\":[{"
        "\"id\":"
        "\"qQzarZ-YHcnaetyYFVb_yQ\",\"atype\":3}]}],\"data\":[{\"name\":\"ads.example\",\"segment\":[{\"id\":"
        "\"1\"},"
        "{\"id\":\"243\"},{\"id\":\"65535\"}],\"ext\":{\"segtax\":4}}]},\"ext\":{\"epoch\":2677,\"expires\":"
        "\"2021-05-01T00:00:00Z\"}}";
    assert_int_equal(text.size, sizeof expected - 1);
    assert_memory_equal(text.data, expected, text.size);
}

static void feed_value_says_what_is_special(void **state)
{
    (void)state;
    struct view text;
    struct feed_value value = example();
    value.subject = FEED_SUBJECT_DEVICE;
    value.trial = true;
    value.epoch = -1;
    assert_true(feed_value_write(&value, &arena, &text));
    assert_non_null(memmem(text.data, text.size, "\"atype\":1}", 10));
    assert_non_null(memmem(text.data, text.size, ",\"trial\":true}}", 15));
    assert_non_null(memmem(text.data, text.size, "\"epoch\":-1,", 11));
}

static void feed_value_holds_the_longest_there_is(void **state)
{
    (void)state;
    char provider[253];
    memset(provider, 'a', sizeof provider);
    for (unsigned i = 60; i < sizeof provider; i += 61)
        provider[i] = '.';
    struct feed_value value = example();
    value.provider = (struct view){provider, sizeof provider};
    value.trial = true;
    value.epoch = INT32_MIN;
    value.interests.count = INTERESTS_MAX;
    for (unsigned i = 0; i < INTERESTS_MAX; i++)
        value.interests.ids[i] = (uint16_t)(65535 - i);
    struct view text;
    assert_true(feed_value_write(&value, &arena, &text));
    yyjson_doc *document = yyjson_read(text.data, text.size, 0);
    assert_non_null(document);
    yyjson_doc_free(document);
}

static void feed_value_says_when_the_arena_is_full(void **state)
{
    (void)state;
    struct arena small;
    assert_true(arena_init(&small, 4096, 4096, NULL));
    struct feed_value value = example();
    struct view text;
    unsigned written = 0;
    while (feed_value_write(&value, &small, &text))
        assert_true(++written < 100);
    assert_true(written > 1);
    arena_release(&small);
}

/* The shipped documents are what the code says. */
static void assert_document_is(const char *path, void (*write)(struct json_writer *writer))
{
    static char buffer[65536];
    struct json_writer writer;
    json_writer_init(&writer, buffer, sizeof buffer);
    write(&writer);
    assert_false(writer.overflow);
    yyjson_doc *ours = yyjson_read(buffer, writer.size, 0);
    yyjson_doc *shipped = yyjson_read_file(path, 0, NULL, NULL);
    if (!shipped)
        fail_msg("%s cannot be read; the tests run in the root of the repository", path);
    assert_non_null(ours);
    if (!yyjson_equals(yyjson_doc_get_root(ours), yyjson_doc_get_root(shipped)))
        fail_msg("%s is stale; it should hold, in any layout:\n%.*s", path, (int)writer.size, buffer);
    yyjson_doc_free(ours);
    yyjson_doc_free(shipped);
}

static void feed_value_schema_is_the_shipped_one(void **state)
{
    (void)state;
    assert_document_is("docs/feed.schema.json", feed_value_schema_write);
    assert_document_is("docs/feed.asyncapi.json", feed_value_asyncapi_write);
}

/* Every member of a value is in the schema, and every required member of the schema is in the value. */
static void assert_covered(yyjson_val *value, yyjson_val *schema)
{
    if (yyjson_is_arr(value)) {
        size_t index, count;
        yyjson_val *element;
        yyjson_val *most = yyjson_obj_get(schema, "maxItems");
        assert_true(yyjson_arr_size(value) >= 1 && yyjson_arr_size(value) <= yyjson_get_uint(most));
        yyjson_arr_foreach(value, index, count, element)
            assert_covered(element, yyjson_obj_get(schema, "items"));
        return;
    }
    if (!yyjson_is_obj(value)) {
        assert_true(yyjson_is_obj(schema));
        return;
    }
    yyjson_val *properties = yyjson_obj_get(schema, "properties");
    size_t index, count;
    yyjson_val *name, *member;
    yyjson_obj_foreach(value, index, count, name, member)
    {
        yyjson_val *described = yyjson_obj_get(properties, yyjson_get_str(name));
        if (!described)
            fail_msg("%s is not in the schema", yyjson_get_str(name));
        assert_covered(member, described);
    }
    yyjson_arr_foreach(yyjson_obj_get(schema, "required"), index, count, name)
        assert_non_null(yyjson_obj_get(value, yyjson_get_str(name)));
    assert_false(yyjson_get_bool(yyjson_obj_get(schema, "additionalProperties")));
}

static void feed_value_has_exactly_what_the_schema_allows(void **state)
{
    (void)state;
    yyjson_doc *schema = yyjson_read_file("docs/feed.schema.json", 0, NULL, NULL);
    assert_non_null(schema);
    for (unsigned trial = 0; trial < 2; trial++) {
        struct feed_value value = example();
        value.trial = trial;
        struct view text;
        assert_true(feed_value_write(&value, &arena, &text));
        yyjson_doc *document = yyjson_read(text.data, text.size, 0);
        assert_covered(yyjson_doc_get_root(document), yyjson_doc_get_root(schema));
        yyjson_doc_free(document);
    }
    yyjson_doc_free(schema);
}

/* Which rows there are is tests/unit/common/hop_test.c's to say. */
static void feed_value_has_a_row_for_each_member_in_the_table_of_hops(void **state)
{
    (void)state;
    assert_true(feed_value_is_allowed());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(feed_value_is_the_object_of_spec_6),
        cmocka_unit_test(feed_value_says_what_is_special),
        cmocka_unit_test(feed_value_holds_the_longest_there_is),
        cmocka_unit_test(feed_value_says_when_the_arena_is_full),
        cmocka_unit_test(feed_value_schema_is_the_shipped_one),
        cmocka_unit_test(feed_value_has_exactly_what_the_schema_allows),
        cmocka_unit_test(feed_value_has_a_row_for_each_member_in_the_table_of_hops),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
