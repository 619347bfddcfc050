/* What is read of an event, and what is kept of it. */
#include "tests/unit/common/event_rig.h"

static void event_reads_every_field_of_a_page_visit(void **state)
{
    (void)state;
    struct fixture fixture;
    open_reader(&fixture, config_of(IDENTIFIER_E164, EVENTS_PARTITIONER_MURMUR2));
    struct record record = read_good(
        &fixture,
        "{\"type\":\"browse\",\"time\":\"2021-04-26T14:00:00.250+02:00\",\"subscriber\":\"+12025550123\","
        "\"account\":\"acc-1\",\"device\":{\"kind\":\"maid\",\"id\":\"ABCDEF01-2345-6789-ABCD-EF0123456789\"}"
        ","
        "\"brand\":\"metro\",\"region\":\"US-CA\",\"plan\":\"consumer\",\"birth_year\":1980,"
        "\"url\":\"https://shop.example/cart?x=1\",\"host\":\"shop.example\",\"gpc\":false,\"gpp\":\"DBAA\","
        "\"gpp_sid\":[7,8],\"us_privacy\":\"1YNN\",\"app\":\"com.example.browser\",\"preinstalled\":true,"
        "\"cell\":{\"lac\":[1,2,{\"x\":null}]},\"user_agent\":\"Mozilla\"}");
    assert_int_equal(record.kind, RECORD_EVENT);
    assert_int_equal(record.origin.partition, 3);
    assert_int_equal(record.origin.offset, 42);
    assert_int_equal(record.timestamp_ms, NOON_MS);
    assert_int_equal(record.type, EVENT_BROWSE);
    assert_int_equal(record.time_ms, NOON_MS + 250);
    assert_true(record.subjects[SUBJECT_LINE].present);
    assert_int_equal(record.subjects[SUBJECT_LINE].identifier_kind, IDENTIFIER_E164);
    assert_string_equal(text_of(record.subjects[SUBJECT_LINE].identifier), "12025550123");
    assert_true(record.subjects[SUBJECT_ACCOUNT].present);
    assert_string_equal(text_of(record.subjects[SUBJECT_ACCOUNT].identifier), "acc-1");
    assert_true(record.subjects[SUBJECT_DEVICE].present);
    assert_int_equal(record.subjects[SUBJECT_DEVICE].identifier_kind, IDENTIFIER_MAID);
    assert_string_equal(text_of(record.subjects[SUBJECT_DEVICE].identifier),
                        "abcdef01-2345-6789-abcd-ef0123456789");
    assert_string_equal(text_of(record.brand), "metro");
    assert_string_equal(text_of(record.region), "US-CA");
    assert_string_equal(text_of(record.plan), "consumer");
    assert_int_equal(record.birth_year, 1980);
    assert_string_equal(text_of(record.url), "https://shop.example/cart?x=1");
    assert_string_equal(text_of(record.host), "shop.example");
    assert_string_equal(text_of(record.app), "(absent)"); /* a page visit is about no app */
    assert_false(record.preinstalled);
    assert_int_equal(record.signals.gpc, GPC_FALSE);
    assert_int_equal(record.signals.gpp_presence, PRESENCE_PRESENT);
    assert_string_equal(text_of(record.signals.gpp), "DBAA");
    assert_string_equal(text_of(record.signals.gpp_sid), "7,8");
    assert_string_equal(text_of(record.signals.us_privacy), "1YNN");
    assert_int_equal(record.programmes, 0);
    assert_false(record.subjects[SUBJECT_LINE].has_pseudonym);
    close_reader(&fixture);
}

static void event_of_an_app_keeps_neither_url_nor_host(void **state)
{
    (void)state;
    struct fixture fixture;
    open_reader(&fixture, config_of(IDENTIFIER_OPAQUE, EVENTS_PARTITIONER_MURMUR2));
    struct record record = read_good(
        &fixture,
        "{\"type\":\"app_use\",\"time\":1619438400000,\"subscriber\":\"s\",\"brand\":\"b\","
        "\"app\":\"com.example\",\"preinstalled\":true,\"url\":\"https://x.example/\",\"host\":\"x\"}");
    assert_int_equal(record.type, EVENT_APP_USE);
    assert_int_equal(record.time_ms, NOON_MS);
    assert_string_equal(text_of(record.app), "com.example");
    assert_true(record.preinstalled);
    assert_true(view_is_absent(record.url));
    assert_true(view_is_absent(record.host));
    close_reader(&fixture);
}

static void event_without_optional_fields_has_them_absent(void **state)
{
    (void)state;
    struct fixture fixture;
    open_reader(&fixture, config_of(IDENTIFIER_OPAQUE, EVENTS_PARTITIONER_MURMUR2));
    static const char *const values[] = {
        "{\"type\":\"browse\",\"time\":0,\"subscriber\":\"s\",\"brand\":\"b\",\"host\":\"h.example\"}",
        /* null is absent */
        ("{\"type\":\"browse\",\"time\":0,\"subscriber\":\"s\",\"brand\":\"b\",\"host\":\"h.example\","
         "\"url\":null,\"account\":null,\"device\":null,\"region\":null,\"plan\":null,\"birth_year\":null,"
         "\"app\":null,\"preinstalled\":null,\"gpc\":null,\"gpp\":null,\"gpp_sid\":null,"
         "\"us_privacy\":null}"),
        ("{\"type\":\"browse\",\"time\":0,\"subscriber\":\"s\",\"brand\":\"b\",\"host\":\"h.example\","
         "\"device\":{\"kind\":null,\"id\":null,\"model\":\"x\"}}"),
    };
    for (unsigned i = 0; i < sizeof values / sizeof *values; i++) {
        struct record record = read_good(&fixture, values[i]);
        assert_int_equal(record.time_ms, 0);
        assert_false(record.subjects[SUBJECT_ACCOUNT].present);
        assert_true(view_is_absent(record.subjects[SUBJECT_ACCOUNT].identifier));
        assert_false(record.subjects[SUBJECT_DEVICE].present);
        assert_false(record.subjects[SUBJECT_DEVICE].limit_ad_tracking);
        assert_true(view_is_absent(record.region));
        assert_true(view_is_absent(record.plan));
        assert_int_equal(record.birth_year, 0);
        assert_true(view_is_absent(record.url));
        assert_int_equal(record.signals.gpc, GPC_ABSENT);
        assert_int_equal(record.signals.gpp_presence, PRESENCE_ABSENT);
        assert_int_equal(record.signals.gpp_sid_presence, PRESENCE_ABSENT);
        assert_int_equal(record.signals.us_privacy_presence, PRESENCE_ABSENT);
    }
    close_reader(&fixture);
}

static void event_texts_outlive_the_next_read(void **state)
{
    (void)state;
    struct fixture fixture;
    open_reader(&fixture, config_of(IDENTIFIER_OPAQUE, EVENTS_PARTITIONER_MURMUR2));
    struct record first =
        read_good(&fixture, "{\"type\":\"browse\",\"time\":1,\"subscriber\":\"one\",\"brand\":"
                            "\"b1\",\"host\":\"one.example\",\"gpp_sid\":\"7\"}");
    struct record second =
        read_good(&fixture, "{\"type\":\"browse\",\"time\":2,\"subscriber\":\"two\",\"brand\":"
                            "\"b2\",\"host\":\"two.example\",\"gpp_sid\":\"8\"}");
    assert_string_equal(text_of(first.subjects[SUBJECT_LINE].identifier), "one");
    assert_string_equal(text_of(first.host), "one.example");
    assert_string_equal(text_of(first.signals.gpp_sid), "7");
    assert_string_equal(text_of(second.subjects[SUBJECT_LINE].identifier), "two");
    close_reader(&fixture);
}

static void maid_of_all_zeros_is_no_device(void **state)
{
    (void)state;
    struct fixture fixture;
    open_reader(&fixture, config_of(IDENTIFIER_OPAQUE, EVENTS_PARTITIONER_MURMUR2));
    struct record record =
        read_good(&fixture, "{\"type\":\"browse\",\"time\":1,\"subscriber\":\"s\",\"brand\":\"b\",\"host\":"
                            "\"h\",\"device\":{\"kind\":\"maid\",\"id\":"
                            "\"00000000-0000-0000-0000-000000000000\"}}");
    assert_false(record.subjects[SUBJECT_DEVICE].present);
    assert_true(record.subjects[SUBJECT_DEVICE].limit_ad_tracking);
    assert_true(view_is_absent(record.subjects[SUBJECT_DEVICE].identifier));
    close_reader(&fixture);
}

static void signals_are_noted_as_they_are(void **state)
{
    (void)state;
    static const struct {
        const char *member;
        enum gpc_signal gpc;
        enum presence gpp, gpp_sid, us_privacy;
        const char *text; /* of whatever signal is present */
        const char *why;
    } cases[] = {
        {"\"gpc\":true", GPC_TRUE, PRESENCE_ABSENT, PRESENCE_ABSENT, PRESENCE_ABSENT, NULL, "boolean"},
        {"\"gpc\":1", GPC_TRUE, PRESENCE_ABSENT, PRESENCE_ABSENT, PRESENCE_ABSENT, NULL, "as in the header"},
        {"\"gpc\":0", GPC_FALSE, PRESENCE_ABSENT, PRESENCE_ABSENT, PRESENCE_ABSENT, NULL, "as in the header"},
        {"\"gpc\":2", GPC_UNREADABLE, PRESENCE_ABSENT, PRESENCE_ABSENT, PRESENCE_ABSENT, NULL,
         "no such value"},
        {"\"gpc\":-1", GPC_UNREADABLE, PRESENCE_ABSENT, PRESENCE_ABSENT, PRESENCE_ABSENT, NULL,
         "no such value"},
        {"\"gpc\":\"1\"", GPC_UNREADABLE, PRESENCE_ABSENT, PRESENCE_ABSENT, PRESENCE_ABSENT, NULL, "a text"},
        {"\"gpc\":0.0", GPC_UNREADABLE, PRESENCE_ABSENT, PRESENCE_ABSENT, PRESENCE_ABSENT, NULL,
         "a fraction"},
        {"\"gpp\":\"\"", GPC_ABSENT, PRESENCE_PRESENT, PRESENCE_ABSENT, PRESENCE_ABSENT, "",
         "empty is present"},
        {"\"gpp\":\"D~B\"", GPC_ABSENT, PRESENCE_PRESENT, PRESENCE_ABSENT, PRESENCE_ABSENT, "D~B", "text"},
        {"\"gpp\":7", GPC_ABSENT, PRESENCE_UNREADABLE, PRESENCE_ABSENT, PRESENCE_ABSENT, NULL, "no text"},
        {"\"gpp\":[]", GPC_ABSENT, PRESENCE_UNREADABLE, PRESENCE_ABSENT, PRESENCE_ABSENT, NULL, "no text"},
        {"\"gpp_sid\":\"7,8\"", GPC_ABSENT, PRESENCE_ABSENT, PRESENCE_PRESENT, PRESENCE_ABSENT, "7,8",
         "text"},
        {"\"gpp_sid\":7", GPC_ABSENT, PRESENCE_ABSENT, PRESENCE_PRESENT, PRESENCE_ABSENT, "7", "one number"},
        {"\"gpp_sid\":-1", GPC_ABSENT, PRESENCE_ABSENT, PRESENCE_PRESENT, PRESENCE_ABSENT, "-1",
         "names none"},
        {"\"gpp_sid\":[ 7 , 18446744073709551615]", GPC_ABSENT, PRESENCE_ABSENT, PRESENCE_PRESENT,
         PRESENCE_ABSENT, "7,18446744073709551615", "list, to the largest number"},
        {"\"gpp_sid\":[]", GPC_ABSENT, PRESENCE_ABSENT, PRESENCE_PRESENT, PRESENCE_ABSENT, "",
         "present, empty"},
        {"\"gpp_sid\":[7,\"8\"]", GPC_ABSENT, PRESENCE_ABSENT, PRESENCE_UNREADABLE, PRESENCE_ABSENT, NULL,
         "mixed"},
        {"\"gpp_sid\":[7,[8]]", GPC_ABSENT, PRESENCE_ABSENT, PRESENCE_UNREADABLE, PRESENCE_ABSENT, NULL,
         "nested"},
        {"\"gpp_sid\":[7.5]", GPC_ABSENT, PRESENCE_ABSENT, PRESENCE_UNREADABLE, PRESENCE_ABSENT, NULL,
         "fraction"},
        {"\"gpp_sid\":{}", GPC_ABSENT, PRESENCE_ABSENT, PRESENCE_UNREADABLE, PRESENCE_ABSENT, NULL, "object"},
        {"\"gpp_sid\":true", GPC_ABSENT, PRESENCE_ABSENT, PRESENCE_UNREADABLE, PRESENCE_ABSENT, NULL,
         "boolean"},
        {"\"us_privacy\":\"1--Y\"", GPC_ABSENT, PRESENCE_ABSENT, PRESENCE_ABSENT, PRESENCE_PRESENT, "1--Y",
         "text"},
        {"\"us_privacy\":false", GPC_ABSENT, PRESENCE_ABSENT, PRESENCE_ABSENT, PRESENCE_UNREADABLE, NULL,
         "boolean"},
    };
    struct fixture fixture;
    open_reader(&fixture, config_of(IDENTIFIER_OPAQUE, EVENTS_PARTITIONER_MURMUR2));
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        char value[256];
        snprintf(value, sizeof value,
                 "{\"type\":\"browse\",\"time\":1,\"subscriber\":\"s\",\"brand\":\"b\",\"host\":\"h\",%s}",
                 cases[i].member);
        struct signals signals = read_good(&fixture, value).signals;
        if (signals.gpc != cases[i].gpc || signals.gpp_presence != cases[i].gpp ||
            signals.gpp_sid_presence != cases[i].gpp_sid ||
            signals.us_privacy_presence != cases[i].us_privacy)
            fail_msg("%s (%s): wrong presence", cases[i].member, cases[i].why);
        if (!cases[i].text)
            continue;
        struct view text = signals.gpp_presence == PRESENCE_PRESENT       ? signals.gpp
                           : signals.gpp_sid_presence == PRESENCE_PRESENT ? signals.gpp_sid
                                                                          : signals.us_privacy;
        if (!view_equal_string(text, cases[i].text))
            fail_msg("%s (%s): text is %s", cases[i].member, cases[i].why, text_of(text));
    }
    close_reader(&fixture);
}

static void birth_year_out_of_reach_is_unreadable(void **state)
{
    (void)state;
    static const struct {
        const char *year;
        int wanted;
    } cases[] = {{"1850", 1850},
                 {"1849", -1},
                 {"0", -1},
                 {"9999", 9999},
                 {"10000", -1},
                 {"-1", -1},
                 {"18446744073709551615", -1},
                 {"2021", 2021}};
    struct fixture fixture;
    open_reader(&fixture, config_of(IDENTIFIER_OPAQUE, EVENTS_PARTITIONER_MURMUR2));
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        char value[256];
        snprintf(value, sizeof value,
                 "{\"type\":\"browse\",\"time\":1,\"subscriber\":\"s\",\"brand\":\"b\",\"host\":\"h\","
                 "\"birth_year\":%s}",
                 cases[i].year);
        assert_int_equal(read_good(&fixture, value).birth_year, cases[i].wanted);
    }
    close_reader(&fixture);
}

static void reasons_have_names_and_help(void **state)
{
    (void)state;
    assert_int_equal(event_reason_count, EVENT_REASONS);
    for (unsigned i = 0; i < event_reason_count; i++) {
        assert_non_null(event_reasons[i].name);
        assert_non_null(event_reasons[i].help);
        assert_int_equal(strspn(event_reasons[i].name, "abcdefghijklmnopqrstuvwxyz_0123456789"),
                         strlen(event_reasons[i].name));
        for (unsigned j = 0; j < i; j++)
            assert_string_not_equal(event_reasons[i].name, event_reasons[j].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(event_reads_every_field_of_a_page_visit),
        cmocka_unit_test(event_of_an_app_keeps_neither_url_nor_host),
        cmocka_unit_test(event_without_optional_fields_has_them_absent),
        cmocka_unit_test(event_texts_outlive_the_next_read),
        cmocka_unit_test(maid_of_all_zeros_is_no_device),
        cmocka_unit_test(signals_are_noted_as_they_are),
        cmocka_unit_test(birth_year_out_of_reach_is_unreadable),
        cmocka_unit_test(reasons_have_names_and_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
