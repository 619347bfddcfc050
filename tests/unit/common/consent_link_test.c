/*
 * Links, as bytes and back (docs/consent.md, docs/pseudonyms.md).
 */
#include "common/consent_link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct choice_names names = {.names = {{"basic", 5}}, .count = 1};

struct fixture {
    struct subject_key *key, *suppression;
    struct consent_reader *reader;
    struct arena arena;
    struct error error;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    uint8_t bytes[SUBJECT_KEY_SIZE];
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    fixture->key = subject_key_of_bytes(bytes, &fixture->error);
    fixture->suppression = subject_key_derive_suppression(fixture->key, &fixture->error);
    fixture->reader = consent_reader_new(&names, IDENTIFIER_E164);
    assert_non_null(fixture->suppression);
    assert_non_null(fixture->reader);
    assert_true(arena_init(&fixture->arena, 4096, 1 << 20, &fixture->error));
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    consent_reader_free(fixture->reader);
    subject_key_free(fixture->suppression);
    subject_key_free(fixture->key);
    arena_release(&fixture->arena);
    free(fixture);
    return 0;
}

static struct consent_key key_of(struct view text)
{
    struct consent_key key;
    consent_key_read(text, IDENTIFIER_E164, &key);
    return key;
}

/* The documented example. */
#define FROM_KEY "moved:0gm2WFUFshVg8mafdzZYMQ:line:14155550102"
#define SEALED   "nr5Giifik-iUlH-Y0noHBC0YlmAtQYHNOEuY0fgBJPmu4fY2jX7Guv_L4he2fkhtgMkSVPXHIfU"

static void links_are_as_documented(void **state)
{
    struct fixture *fixture = *state;
    struct consent_key from = key_of(VIEW("line:+14155550101")), to = key_of(VIEW("line:+14155550102"));
    struct consent_link link;
    struct view key, value;
    consent_link_make(fixture->suppression, &from, &to, 1700000000000, &link);
    assert_true(consent_link_write(&link, fixture->suppression, &fixture->arena, &key, &value));
    assert_true(view_equal_string(key, FROM_KEY));
    assert_true(view_equal_string(value, "{\"moved_from\":\"" SEALED "\",\"effective\":1700000000000,"
                                         "\"seq\":0,\"key_check\":\"cRv6tPR6trc\"}"));
    link.take_back = true;
    assert_true(consent_link_write(&link, fixture->suppression, &fixture->arena, &key, &value));
    assert_true(view_equal_string(value, "{\"moved_from\":\"" SEALED "\",\"effective\":1700000000000,"
                                         "\"seq\":0,\"key_check\":\"cRv6tPR6trc\",\"take_back\":true}"));
}

static void links_of_every_kind_come_back(void **state)
{
    struct fixture *fixture = *state;
    char longest[9 + SUBJECT_IDENTIFIER_SIZE_MAX];
    snprintf(longest, sizeof longest, "account:%s", "");
    memset(longest + 8, 'x', SUBJECT_IDENTIFIER_SIZE_MAX);
    longest[sizeof longest - 1] = '\0';
    const char *const subjects[] = {"line:14155550101", longest, "account:a:b",
                                    "device:maid:38400000-8cf0-11bd-b23e-10b96e40000d",
                                    "device:imei:49015420323751"};
    enum { COUNT = sizeof subjects / sizeof *subjects };
    for (unsigned i = 0; i < COUNT * COUNT; i++) {
        struct consent_key from = key_of(view_of_string(subjects[i / COUNT])),
                           to = key_of(view_of_string(subjects[i % COUNT])), again, who, end;
        struct consent_link link, read;
        struct view key, value;
        char text[SUBJECT_SEALED_TEXT_MAX];
        consent_link_make(fixture->suppression, &from, &to, (int64_t)i, &link);
        link.take_back = i % 2;
        assert_true(consent_link_write(&link, fixture->suppression, &fixture->arena, &key, &value));
        again = key_of(key);
        assert_int_equal(again.kind, CONSENT_KEY_LINK);
        assert_int_equal(consent_link_read(fixture->reader, &again, value, fixture->suppression, &read, &who),
                         CONSENT_LINK_READ);
        assert_true(
            view_equal_string((struct view){text, consent_link_name(&who, text)}, subjects[i / COUNT]));
        assert_true(consent_link_to(&read, fixture->suppression, IDENTIFIER_E164, &end));
        assert_true(
            view_equal_string((struct view){text, consent_link_name(&end, text)}, subjects[i % COUNT]));
        assert_int_equal(read.effective_ms, i);
        assert_int_equal(read.take_back, i % 2);
        assert_int_equal(read.from.size, link.from.size);
        assert_memory_equal(read.from.bytes, link.from.bytes, link.from.size);
        arena_reset(&fixture->arena);
    }
}

static void links_that_say_something_else_are_not_read(void **state)
{
    struct fixture *fixture = *state;
#define VALUE(seal, effective, check) \
    "{\"moved_from\":" seal ",\"effective\":" effective ",\"seq\":0,\"key_check\":\"" check "\"}"
    static const struct {
        const char *value;
        enum consent_link_reading reading;
        const char *why;
    } cases[] = {
        {VALUE("\"" SEALED "\"", "1", "cRv6tPR6trc"), CONSENT_LINK_READ, "as it is"},
        {VALUE("\"" SEALED "\"", "1", "cRv6tPR6trd"), CONSENT_LINK_OF_OTHER_KEY, "another key"},
        {"", CONSENT_LINK_UNREADABLE, "nothing"},
        {"[]", CONSENT_LINK_UNREADABLE, "no object"},
        {"{}", CONSENT_LINK_UNREADABLE, "no check of the key"},
        {"{\"key_check\":\"cRv6tPR6trc\"}", CONSENT_LINK_UNREADABLE, "nothing besides"},
        {VALUE("\"" SEALED "A\"", "1", "cRv6tPR6trc"), CONSENT_LINK_UNREADABLE, "longer"},
        {VALUE("\"\"", "1", "cRv6tPR6trc"), CONSENT_LINK_UNREADABLE, "empty"},
        {VALUE("\"line:14155550101\"", "1", "cRv6tPR6trc"), CONSENT_LINK_UNREADABLE, "not sealed"},
        {VALUE("null", "1", "cRv6tPR6trc"), CONSENT_LINK_UNREADABLE, "no text"},
        {VALUE("\"" SEALED "\"", "\"soon\"", "cRv6tPR6trc"), CONSENT_LINK_UNREADABLE, "no time"},
        {VALUE("\"8DHiDA3fNxSRr3TdRr8Hjv6fDT5DGFm9P0YxNgbwA-XFP72vSVLndvNDB1f-UnOGIQEHeFOyqrxUj3C5xmhmSHID\"",
               "1", "cRv6tPR6trc"),
         CONSENT_LINK_UNREADABLE, "the seal of another subject than the key's"},
    };
    struct consent_key key = key_of(VIEW(FROM_KEY)), from;
    struct consent_link link;
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (consent_link_read(fixture->reader, &key, view_of_string(cases[i].value), fixture->suppression,
                              &link, &from) != cases[i].reading)
            fail_msg("%s", cases[i].why);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(links_are_as_documented),
        CASE(links_of_every_kind_come_back),
        CASE(links_that_say_something_else_are_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
