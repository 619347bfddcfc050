#include "common/event.h"

#include "common/partitioner.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h> /* before cmocka.h */

#include <cmocka.h>

/* 2021-04-26T12:00:00Z, the day on which the T-Mobile programme began */
#define NOON_MS INT64_C(1619438400000)

struct fixture {
    struct config config;
    struct arena startup, arena;
    struct event_reader *reader;
};

static struct config config_of(int kind, int partitioner)
{
    return (struct config){
        .subscriber = {.kind = kind},
        .input = {.events_partitioner = partitioner,
                  .events_key = EVENTS_KEY_PLUS,
                  .record_bytes_max = 64 * 1024},
    };
}

static void open_reader(struct fixture *fixture, struct config config)
{
    struct error error = {0};
    *fixture = (struct fixture){.config = config};
    assert_true(arena_init(&fixture->startup, 64 * 1024, 4 * 1024 * 1024, &error));
    assert_true(arena_init(&fixture->arena, 64 * 1024, 1024 * 1024, &error));
    if (!event_reader_new(&fixture->config, &fixture->startup, &fixture->reader, &error))
        fail_msg("%s", error.what);
}

static void close_reader(struct fixture *fixture)
{
    event_reader_free(fixture->reader);
    arena_release(&fixture->arena);
    arena_release(&fixture->startup);
}

static struct chain_input input_of(struct view value)
{
    return (struct chain_input){.partition = 3, .offset = 42, .timestamp_ms = NOON_MS, .value = value};
}

static const char *reason_name(struct verdict verdict)
{
    return verdict.kind == VERDICT_PASS   ? "pass"
           : verdict.kind == VERDICT_STOP ? "stop"
                                          : event_reasons[verdict.reason].name;
}

static void expect(struct fixture *fixture, struct chain_input input, const char *wanted, const char *why)
{
    struct record record = {.birth_year = 1234};
    struct verdict verdict = event_read(fixture->reader, &input, &fixture->arena, &record);
    if (strcmp(reason_name(verdict), wanted) != 0)
        fail_msg("%s: expected %s, got %s", why, wanted, reason_name(verdict));
    if (verdict.kind != VERDICT_PASS && (record.birth_year != 1234 || record.kind != RECORD_UNKNOWN))
        fail_msg("%s: the record was touched although it was refused", why);
    arena_reset(&fixture->arena);
}

static struct record read_good(struct fixture *fixture, const char *value)
{
    struct record record;
    struct chain_input input = input_of(view_of_string(value));
    struct verdict verdict = event_read(fixture->reader, &input, &fixture->arena, &record);
    if (verdict.kind != VERDICT_PASS)
        fail_msg("refused as %s: %s", reason_name(verdict), value);
    return record;
}

/* A view as a string that tells absent from empty. */
static const char *text_of(struct view view)
{
    static char text[256];
    if (view_is_absent(view))
        return "(absent)";
    snprintf(text, sizeof text, "%.*s", (int)view.size, view.data);
    return text;
}

/* ---- what is read ---- */

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

/* ---- what is refused ---- */

static void event_is_refused_for_its_own_reason(void **state)
{
    (void)state;
/* A good event, and pieces of one */
#define HEAD "{\"type\":\"browse\",\"time\":1,\"subscriber\":\"s\",\"brand\":\"b\""
#define GOOD HEAD ",\"host\":\"h\"}"
#define APP  "{\"type\":\"app_use\",\"time\":1,\"subscriber\":\"s\",\"brand\":\"b\""
#define BASE "\"subscriber\":\"s\",\"brand\":\"b\",\"host\":\"h\"}"
    static const struct {
        struct view value;
        const char *wanted;
        const char *why;
    } cases[] = {
        {VIEW(GOOD), "pass", "the event that the others differ from"},
        {VIEW(" \n\t" GOOD "\r\n"), "pass", "white space around it"},
        {VIEW_ABSENT, "empty", "tombstone"},
        {VIEW(""), "empty", "no bytes"},
        {VIEW("  \n"), "empty", "white space only"},
        {VIEW("hello"), "not_json", "not JSON"},
        {VIEW("{type:1}"), "not_json", "key without quotes"},
        {VIEW("{\"type\":\"browse\",}"), "not_json", "comma before the end"},
        {VIEW("{'type':'browse'}"), "not_json", "single quotes"},
        {VIEW(HEAD ",\"host\":\"h\\x\"}"), "not_json", "unknown escape"},
        {VIEW(HEAD ",\"host\":\"\\ud800\"}"), "not_json", "half a surrogate pair"},
        {VIEW(HEAD ",\"x\":NaN}"), "not_json", "no number of JSON"},
        {VIEW(HEAD ",\"x\":01}"), "not_json", "leading zero"},
        {VIEW("\xEF\xBB\xBF" GOOD), "not_json", "byte order mark"},
        {VIEW("// comment\n" GOOD), "not_json", "comment"},
        {VIEW(HEAD ",\"host\":\"h\0\"}"), "not_json", "raw NUL in a text"},
        {VIEW(HEAD ",\"host\":\"h\n\"}"), "not_json", "raw line feed in a text"},
        {VIEW("{"), "truncated", "nothing but the beginning"},
        {VIEW(HEAD), "truncated", "the closing brace is missing"},
        {VIEW(HEAD ",\"host\":\"h"), "truncated", "inside a text"},
        {VIEW(HEAD ",\"host\":"), "truncated", "behind a colon"},
        {VIEW(GOOD "x"), "trailing_content", "garbage behind it"},
        {VIEW(GOOD GOOD), "trailing_content", "two events in one record"},
        {VIEW(GOOD "\0"), "trailing_content", "NUL behind it"},
        {VIEW(HEAD ",\"host\":\"h\xFF\"}"), "invalid_utf8", "no such byte in UTF-8"},
        {VIEW(HEAD ",\"host\":\"\xC0\xAF\"}"), "invalid_utf8", "over-long slash"},
        {VIEW(HEAD ",\"host\":\"\xED\xA0\x80\"}"), "invalid_utf8", "surrogate"},
        {VIEW(HEAD ",\"host\":\"h\",\"x\":\"\xC3\"}"), "invalid_utf8", "in a field that nobody reads"},
        {VIEW("[]"), "not_object", "a list"},
        {VIEW("[" GOOD "]"), "not_object", "an event in a list"},
        {VIEW("null"), "not_object", "null"},
        {VIEW("\"browse\""), "not_object", "a text"},
        {VIEW("17"), "not_object", "a number"},

        {VIEW(HEAD ",\"host\":\"h\",\"type\":\"browse\"}"), "duplicate_key", "equal values"},
        {VIEW(HEAD ",\"host\":\"h\",\"t\\u0079pe\":\"browse\"}"), "duplicate_key", "in disguise"},
        {VIEW(HEAD ",\"host\":\"h\",\"gpc\":null,\"gpc\":false}"), "duplicate_key", "null first"},
        {VIEW(HEAD ",\"host\":\"h\",\"gpc\":true,\"gpc\":null}"), "duplicate_key", "null last"},
        {VIEW(HEAD ",\"host\":\"h\",\"device\":null,\"device\":null}"), "duplicate_key", "an object"},
        {VIEW(HEAD ",\"host\":\"h\",\"device\":{\"kind\":\"maid\",\"kind\":\"imei\"}}"), "duplicate_key",
         "inside device"},
        {VIEW(HEAD ",\"host\":\"h\",\"x\":1,\"x\":2}"), "pass", "a field that nobody reads"},

        {VIEW("{\"time\":1," BASE), "missing_field", "no type"},
        {VIEW("{\"type\":null,\"time\":1," BASE), "missing_field", "type null"},
        {VIEW("{\"type\":\"browse\"," BASE), "missing_field", "no time"},
        {VIEW("{\"type\":\"browse\",\"time\":1,\"brand\":\"b\",\"host\":\"h\"}"), "missing_field",
         "no subscriber"},
        {VIEW("{\"type\":\"browse\",\"time\":1,\"subscriber\":\"s\",\"host\":\"h\"}"), "missing_field",
         "no brand"},
        {VIEW(HEAD "}"), "missing_field", "page visit without url and host"},
        {VIEW(HEAD ",\"app\":\"a\"}"), "missing_field", "page visit with an app instead"},
        {VIEW(APP "}"), "missing_field", "app event without app"},
        {VIEW(APP ",\"host\":\"h\"}"), "missing_field", "app event with a host instead"},
        {VIEW(HEAD ",\"host\":\"h\",\"device\":{\"kind\":\"maid\"}}"), "missing_field", "kind without ID"},
        {VIEW(HEAD ",\"host\":\"h\",\"device\":{\"id\":\"x\"}}"), "missing_field", "ID without kind"},
        {VIEW("{\"Type\":\"browse\",\"time\":1," BASE), "missing_field", "names are exact"},

        {VIEW("{\"type\":1,\"time\":1," BASE), "field_type", "type"},
        {VIEW("{\"type\":\"browse\",\"time\":true," BASE), "field_type", "time"},
        {VIEW("{\"type\":\"browse\",\"time\":[1]," BASE), "field_type", "time"},
        {VIEW("{\"type\":\"browse\",\"time\":1,\"subscriber\":12025550123,\"brand\":\"b\",\"host\":\"h\"}"),
         "field_type", "a number is not a phone number"},
        {VIEW("{\"type\":\"browse\",\"time\":1,\"subscriber\":\"s\",\"brand\":[\"b\"],\"host\":\"h\"}"),
         "field_type", "brand"},
        {VIEW(HEAD ",\"host\":\"h\",\"account\":1}"), "field_type", "account"},
        {VIEW(HEAD ",\"host\":\"h\",\"device\":\"maid\"}"), "field_type", "device is no object"},
        {VIEW(HEAD ",\"host\":\"h\",\"device\":[]}"), "field_type", "device is a list"},
        {VIEW(HEAD ",\"host\":\"h\",\"device\":{\"kind\":1,\"id\":\"x\"}}"), "field_type", "device.kind"},
        {VIEW(HEAD ",\"host\":\"h\",\"device\":{\"kind\":\"imei\",\"id\":490154203237518}}"), "field_type",
         "device.id"},
        {VIEW(HEAD ",\"host\":\"h\",\"region\":5}"), "field_type", "region: could hide the strictest one"},
        {VIEW(HEAD ",\"host\":\"h\",\"plan\":false}"), "field_type", "plan: could hide a child"},
        {VIEW(HEAD ",\"host\":\"h\",\"birth_year\":\"2010\"}"), "field_type",
         "birth year: could hide a child"},
        {VIEW(HEAD ",\"host\":\"h\",\"birth_year\":1980.0}"), "field_type", "birth year is an integer"},
        {VIEW(HEAD ",\"host\":{}}"), "field_type", "host"},
        {VIEW(HEAD ",\"host\":\"h\",\"url\":0}"), "field_type", "url, although there is a host"},
        {VIEW(APP ",\"app\":7}"), "field_type", "app"},
        {VIEW(APP ",\"app\":\"a\",\"preinstalled\":\"true\"}"), "field_type", "preinstalled"},
        {VIEW(APP ",\"app\":\"a\",\"preinstalled\":1}"), "field_type", "preinstalled"},

        {VIEW("{\"type\":\"\",\"time\":1," BASE), "field_empty", "type"},
        {VIEW("{\"type\":\"browse\",\"time\":1,\"subscriber\":\"\",\"brand\":\"b\",\"host\":\"h\"}"),
         "field_empty", "subscriber"},
        {VIEW(HEAD ",\"host\":\"h\",\"account\":\"\"}"), "field_empty", "account"},
        {VIEW(HEAD ",\"host\":\"h\",\"region\":\"\"}"), "field_empty", "would pass for a missing region"},
        {VIEW(HEAD ",\"host\":\"h\",\"plan\":\"\"}"), "field_empty", "would pass for a missing plan"},
        {VIEW(HEAD ",\"host\":\"\"}"), "field_empty", "host"},
        {VIEW(HEAD ",\"host\":\"h\",\"url\":\"\"}"), "field_empty", "url"},
        {VIEW(APP ",\"app\":\"\"}"), "field_empty", "app"},

        {VIEW("{\"type\":\"browse\",\"time\":1,\"subscriber\":\"a\\u0000b\",\"brand\":\"b\",\"host\":\"h\"}"),
         "control_character", "NUL in the subscriber"},
        {VIEW(HEAD ",\"host\":\"h\",\"account\":\"a\\u0000\"}"), "control_character", "NUL in the account"},
        {VIEW(HEAD ",\"host\":\"h\",\"device\":{\"kind\":\"imei\",\"id\":\"49015420323751\\u0000\"}}"),
         "control_character", "NUL in the device"},
        {VIEW(HEAD ",\"host\":\"shop.example\\u0000.evil.example\"}"), "control_character",
         "NUL in the host"},
        {VIEW(HEAD ",\"url\":\"https://shop.example/\\r\\n\"}"), "control_character",
         "line break in the url"},
        {VIEW(HEAD ",\"host\":\"1234567\\u001f\"}"), "control_character", "0x1F, at the end of a word"},
        {VIEW(HEAD ",\"host\":\"\\u001f1234567\"}"), "control_character", "0x1F, at the start of a word"},
        {VIEW(HEAD ",\"host\":\"12345678\\t\"}"), "control_character", "behind the last word"},
        {VIEW(HEAD ",\"host\":\"1234567\x7F\"}"), "control_character", "DEL in a word"},
        {VIEW(HEAD ",\"host\":\"\x7F\"}"), "control_character", "DEL behind the last word"},
        {VIEW(HEAD ",\"host\":\"\xC3\xA4\xC3\xB6\xC3\xBC\xC3\x9F ~.example\"}"), "pass",
         "UTF-8, space, 0x7E"},
        {VIEW(APP ",\"app\":\"com.\\u0008x\"}"), "control_character", "app"},
        {VIEW(HEAD ",\"host\":\"h\",\"region\":\"US-\\u0000\"}"), "control_character", "region"},

        {VIEW("{\"type\":\"Browse\",\"time\":1," BASE), "unknown_type", "types are exact"},
        {VIEW("{\"type\":\"app\",\"time\":1," BASE), "unknown_type", "no such type"},
        {VIEW("{\"type\":\"browse \",\"time\":1," BASE), "unknown_type", "with a space"},

        {VIEW("{\"type\":\"browse\",\"time\":\"2021-04-26T12:00:00\"," BASE), "time_malformed", "no zone"},
        {VIEW("{\"type\":\"browse\",\"time\":\"1619438400000\"," BASE), "time_malformed",
         "a number in quotes"},
        {VIEW("{\"type\":\"browse\",\"time\":\"\"," BASE), "time_malformed", "empty"},
        {VIEW("{\"type\":\"browse\",\"time\":1619438400.5," BASE), "time_malformed", "a fraction"},
        {VIEW("{\"type\":\"browse\",\"time\":1e12," BASE), "time_malformed", "no integer by its form"},
        {VIEW("{\"type\":\"browse\",\"time\":-1," BASE), "time_range", "before 1970"},
        {VIEW("{\"type\":\"browse\",\"time\":\"1969-12-31T23:59:59Z\"," BASE), "time_range", "before 1970"},
        {VIEW("{\"type\":\"browse\",\"time\":253402300799999," BASE), "pass", "the last millisecond of 9999"},
        {VIEW("{\"type\":\"browse\",\"time\":253402300800000," BASE), "time_range", "the year 10000"},
        {VIEW("{\"type\":\"browse\",\"time\":\"9999-12-31T23:59:59-00:01\"," BASE), "time_range",
         "the year 10000 by its zone"},
        {VIEW("{\"type\":\"browse\",\"time\":18446744073709551615," BASE), "time_range", "largest integer"},
        {VIEW("{\"type\":\"browse\",\"time\":-9223372036854775808," BASE), "time_range", "smallest integer"},
        {VIEW("{\"type\":\"browse\",\"time\":99999999999999999999," BASE), "time_malformed",
         "more than an integer holds"},

        {VIEW(HEAD ",\"host\":\"h\",\"device\":{\"kind\":\"idfa\",\"id\":\"x\"}}"), "device_kind", "unknown"},
        {VIEW(HEAD ",\"host\":\"h\",\"device\":{\"kind\":\"MAID\",\"id\":\"x\"}}"), "device_kind", "exact"},
        {VIEW(HEAD ",\"host\":\"h\",\"device\":{\"kind\":\"opaque\",\"id\":\"x\"}}"), "device_kind",
         "a kind of lines"},
        {VIEW(HEAD ",\"host\":\"h\",\"device\":{\"kind\":\"maid\",\"id\":\"x\"}}"), "device_malformed",
         "no MAID"},
        {VIEW(HEAD ",\"host\":\"h\",\"device\":{\"kind\":\"imei\",\"id\":\"x\"}}"), "device_malformed",
         "no IMEI"},
    };
    struct fixture fixture;
    open_reader(&fixture, config_of(IDENTIFIER_OPAQUE, EVENTS_PARTITIONER_MURMUR2));
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++)
        expect(&fixture, input_of(cases[i].value), cases[i].wanted, cases[i].why);
    close_reader(&fixture);
}

static void subscriber_must_be_of_the_declared_kind(void **state)
{
    (void)state;
    static const struct {
        int kind;
        const char *subscriber;
        const char *wanted;
    } cases[] = {
        {IDENTIFIER_E164, "+12025550123", "pass"},
        {IDENTIFIER_E164, "310150123456789x", "subscriber_malformed"},
        {IDENTIFIER_IMSI, "310150123456789", "pass"},
        {IDENTIFIER_IMSI, "31015012345678", "subscriber_malformed"},
        {IDENTIFIER_IMSI, "+12025550123", "subscriber_malformed"},
        {IDENTIFIER_UNKNOWN, "s", "subscriber_malformed"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture fixture;
        char value[256];
        open_reader(&fixture, config_of(cases[i].kind, EVENTS_PARTITIONER_MURMUR2));
        snprintf(value, sizeof value,
                 "{\"type\":\"browse\",\"time\":1,\"subscriber\":\"%s\",\"brand\":\"b\",\"host\":\"h\"}",
                 cases[i].subscriber);
        expect(&fixture, input_of(view_of_string(value)), cases[i].wanted, cases[i].subscriber);
        close_reader(&fixture);
    }
}

static void account_is_opaque_and_bounded(void **state)
{
    (void)state;
    struct fixture fixture;
    open_reader(&fixture, config_of(IDENTIFIER_OPAQUE, EVENTS_PARTITIONER_MURMUR2));
    for (int size = 128; size <= 129; size++) {
        char value[512];
        snprintf(value, sizeof value, HEAD ",\"host\":\"h\",\"account\":\"%0*d\"}", size, 7);
        expect(&fixture, input_of(view_of_string(value)), size <= 128 ? "pass" : "account_malformed",
               "128 bytes are the most");
    }
    close_reader(&fixture);
}

static void size_is_bounded_before_anything_is_read(void **state)
{
    (void)state;
    enum { BOUND = 64 * 1024, HUGE = 10 * 1024 * 1024 };
    struct fixture fixture;
    open_reader(&fixture, config_of(IDENTIFIER_OPAQUE, EVENTS_PARTITIONER_MURMUR2));
    char *value = malloc(HUGE);
    assert_non_null(value);
    memset(value, ' ', HUGE);
    memcpy(value, GOOD, sizeof GOOD - 1);
    expect(&fixture, input_of((struct view){value, BOUND}), "pass", "64 KiB");
    expect(&fixture, input_of((struct view){value, BOUND + 1}), "too_large", "one byte more");
    expect(&fixture, input_of((struct view){value, HUGE}), "too_large", "10 MiB");
    free(value);
    close_reader(&fixture);
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    enum { SIZE = 64 * 1024 };
    struct fixture fixture;
    open_reader(&fixture, config_of(IDENTIFIER_OPAQUE, EVENTS_PARTITIONER_MURMUR2));
    char value[512];
    for (int depth = 15; depth <= 16; depth++) { /* below the object, which is the first level */
        char open[32] = {0}, close[32] = {0};
        memset(open, '[', (size_t)depth);
        memset(close, ']', (size_t)depth);
        snprintf(value, sizeof value, HEAD ",\"host\":\"h\",\"x\":%s%s}", open, close);
        expect(&fixture, input_of(view_of_string(value)), depth == 15 ? "pass" : "nesting", "lists");
        snprintf(value, sizeof value, HEAD ",\"host\":\"h\",\"x\":%s1,[2],3%s,\"y\":[[]]}", open, close);
        expect(&fixture, input_of(view_of_string(value)), "nesting", "a sibling on the last level");
    }
    snprintf(value, sizeof value,
             HEAD ",\"host\":\"h\",\"x\":[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]]}");
    expect(&fixture, input_of(view_of_string(value)), "pass", "many side by side");

    char *flood = malloc(SIZE);
    assert_non_null(flood);
    memset(flood, '[', SIZE);
    expect(&fixture, input_of((struct view){flood, SIZE}), "nesting", "64 KiB of brackets that never close");
    memset(flood + SIZE / 2, ']', SIZE / 2);
    expect(&fixture, input_of((struct view){flood, SIZE}), "nesting", "32 Ki of them, closed");
    for (int i = 0; i + 5 <= SIZE; i += 5)
        memcpy(flood + i, "{\"a\":", 5);
    expect(&fixture, input_of((struct view){flood, SIZE / 5 * 5}), "nesting", "objects that never close");
    free(flood);
    close_reader(&fixture);
}

/* Every prefix of a good event is refused, and none of them is read past its end (sanitizers watch). */
static void every_prefix_of_an_event_is_refused(void **state)
{
    (void)state;
    struct fixture fixture;
    open_reader(&fixture, config_of(IDENTIFIER_OPAQUE, EVENTS_PARTITIONER_MURMUR2));
    static const char value[] =
        "{\"type\":\"app_use\",\"time\":\"2021-04-26T12:00:00Z\",\"subscriber\":\"s\","
        "\"device\":{\"kind\":\"imei\",\"id\":\"490154203237518\"},\"brand\":\"b\","
        "\"app\":\"com.example\",\"gpp_sid\":[7,8]}";
    for (size_t size = 1; size < sizeof value - 1; size++) {
        char *prefix = malloc(size);
        assert_non_null(prefix);
        memcpy(prefix, value, size);
        expect(&fixture, input_of((struct view){prefix, size}), "truncated", "a prefix");
        free(prefix);
    }
    expect(&fixture, input_of((struct view){value, sizeof value - 1}), "pass", "the whole");
    close_reader(&fixture);
}

static void full_arena_stops(void **state)
{
    (void)state;
    struct fixture fixture;
    open_reader(&fixture, config_of(IDENTIFIER_OPAQUE, EVENTS_PARTITIONER_MURMUR2));
    while (arena_take(&fixture.arena, 4096))
        ;
    while (arena_take(&fixture.arena, 1))
        ;
    struct chain_input input = input_of(VIEW(GOOD));
    struct record record = {0};
    assert_int_equal(event_read(fixture.reader, &input, &fixture.arena, &record).kind, VERDICT_STOP);
    input.value = (struct view)VIEW(HEAD ",\"host\":\"h\",\"gpp_sid\":[7]}");
    assert_int_equal(event_read(fixture.reader, &input, &fixture.arena, &record).kind, VERDICT_STOP);
    assert_int_equal(record.kind, RECORD_UNKNOWN);
    close_reader(&fixture);
}

/* ---- key and partition ---- */

static void record_must_lie_where_its_key_says(void **state)
{
    (void)state;
    enum { MURMUR2 = EVENTS_PARTITIONER_MURMUR2, CRC32 = EVENTS_PARTITIONER_CRC32 };
    enum { PLUS = EVENTS_KEY_PLUS, DIGITS = EVENTS_KEY_DIGITS };
    enum { E164 = IDENTIFIER_E164, IMSI = IDENTIFIER_IMSI, OPAQUE = IDENTIFIER_OPAQUE };
    /* The partition that the key itself gives among 4, plus `beside`. */
    static const struct {
        int kind;
        const char *subscriber;
        int partitioner, spelling;
        struct view key;
        int beside;
        int32_t partitions;
        const char *wanted;
        const char *why;
    } cases[] = {
        {E164, "+12025550123", MURMUR2, PLUS, VIEW("+12025550123"), 0, 4, "pass", "with plus, as declared"},
        {E164, "12025550123", MURMUR2, PLUS, VIEW("+12025550123"), 0, 4, "pass", "the value may differ"},
        {E164, "+12025550123", MURMUR2, DIGITS, VIEW("12025550123"), 0, 4, "pass", "digits, as declared"},
        {E164, "+1 202-555-0123", CRC32, PLUS, VIEW("+12025550123"), 0, 4, "pass", "librdkafka's partition"},
        {E164, "12025550123", MURMUR2, PLUS, VIEW("12025550123"), 0, 4, "wrong_partition",
         "a second spelling has a second partition: one person would be two"},
        {E164, "+12025550123", MURMUR2, DIGITS, VIEW("+12025550123"), 0, 4, "wrong_partition",
         "and so the other way round"},
        {E164, "+1 202-555-0123", MURMUR2, PLUS, VIEW("+1 202-555-0123"), 0, 4, "wrong_partition",
         "spaces and hyphens: as in the value, but another key"},
        {E164, "+12025550123", MURMUR2, PLUS, VIEW("++12025550123"), 0, 4, "wrong_partition",
         "two plus signs"},
        {E164, "+12025550123", MURMUR2, PLUS, VIEW("+12025550123 "), 0, 4, "wrong_partition",
         "a blank behind"},
        {E164, "+12025550123", MURMUR2, PLUS, VIEW("+"), 0, 4, "wrong_partition", "a plus sign alone"},
        {E164, "+12025550123", MURMUR2, EVENTS_KEY_UNKNOWN, VIEW("+12025550123"), 0, 4, "wrong_partition",
         "no spelling declared: none is right"},
        {E164, "+12025550123", MURMUR2, PLUS, VIEW("+12025550123"), 1, 4, "wrong_partition",
         "the one beside it"},
        {E164, "+12025550123", CRC32, DIGITS, VIEW("12025550123"), 1, 4, "wrong_partition",
         "the one beside it"},
        {E164, "+12025550123", MURMUR2, PLUS, VIEW("+12025550124"), 0, 4, "wrong_partition",
         "another line's key"},
        {E164, "+12025550123", MURMUR2, PLUS, VIEW(""), 0, 4, "wrong_partition", "empty key"},
        {E164, "+12025550123", MURMUR2, PLUS, VIEW("line:+12025550123"), 0, 4, "wrong_partition",
         "a consent key"},
        {E164, "+12025550123", MURMUR2, PLUS, VIEW_ABSENT, 0, 4, "wrong_partition", "null key on Kafka"},
        {IMSI, "310150123456789", MURMUR2, PLUS, VIEW("310150123456789"), 0, 4, "pass",
         "an IMSI has one spelling, whatever is declared for numbers"},
        {IMSI, "310150123456789", MURMUR2, PLUS, VIEW("+310150123456789"), 0, 4, "wrong_partition",
         "which has no plus"},
        {IMSI, "310150123456789", MURMUR2, PLUS, VIEW("310150123456788"), 0, 4, "wrong_partition",
         "another IMSI"},
        {OPAQUE, "Line 7", MURMUR2, DIGITS, VIEW("Line 7"), 0, 4, "pass", "opaque: the bytes themselves"},
        {OPAQUE, "Line 7", MURMUR2, DIGITS, VIEW("line 7"), 0, 4, "wrong_partition", "and no others"},
        {E164, "+12025550123", MURMUR2, PLUS, VIEW_ABSENT, 0, 0, "pass", "no key in file mode"},
        {E164, "+12025550123", MURMUR2, PLUS, VIEW("1 202 555 0123"), 1, 0, "pass",
         "file mode has no partitions: any spelling"},
        {E164, "+12025550123", MURMUR2, PLUS, VIEW("+12025550124"), 0, 0, "wrong_partition",
         "another's key in file mode"},
        {E164, "+12025550123", EVENTS_PARTITIONER_TRUSTED, PLUS, VIEW("12025550124"), 1, 4, "pass",
         "nothing is checked"},
        {E164, "+12025550123", EVENTS_PARTITIONER_TRUSTED, PLUS, VIEW_ABSENT, 0, 4, "pass",
         "nothing is checked"},
        {E164, "+12025550123", EVENTS_PARTITIONER_UNKNOWN, PLUS, VIEW("+12025550123"), 0, 4,
         "wrong_partition", "no partitioner, no trust"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture fixture;
        struct config config = config_of(cases[i].kind, cases[i].partitioner);
        config.input.events_key = cases[i].spelling;
        open_reader(&fixture, config);
        char value[200];
        int size =
            snprintf(value, sizeof value,
                     "{\"type\":\"browse\",\"time\":1,\"subscriber\":\"%s\",\"brand\":\"b\",\"host\":\"h\"}",
                     cases[i].subscriber);
        struct chain_input input = input_of((struct view){value, (size_t)size});
        input.key = cases[i].key;
        input.partition_count = cases[i].partitions;
        int32_t right = partitioner_partition(cases[i].partitioner == CRC32 ? EVENTS_PARTITIONER_CRC32
                                                                            : EVENTS_PARTITIONER_MURMUR2,
                                              cases[i].key, 4);
        input.partition = (right < 0 ? 0 : right + cases[i].beside) % 4;
        expect(&fixture, input, cases[i].wanted, cases[i].why);
        close_reader(&fixture);
    }
}

/* ---- the operator's own names ---- */

static struct config mapped(struct option_pair *pairs, unsigned count)
{
    struct config config = config_of(IDENTIFIER_OPAQUE, EVENTS_PARTITIONER_MURMUR2);
    config.input.fields = (struct option_list){.items = pairs, .count = count, .set = true};
    return config;
}

static void operators_own_names_are_read(void **state)
{
    (void)state;
    struct option_pair pairs[] = {
        {VIEW("type"), VIEW("event.kind"), {0}},
        {VIEW("subscriber"), VIEW("event.who.msisdn"), {0}},
        {VIEW("account"), VIEW("event.who.billing_account_number"), {0}},
        {VIEW("host"), VIEW("billing_account_nummer"), {0}}, /* same first and last bytes as one beside it */
        {VIEW("device"), VIEW("event.handset"), {0}},
        {VIEW("time"), VIEW("ts"), {0}},
    };
    struct fixture fixture;
    open_reader(&fixture, mapped(pairs, sizeof pairs / sizeof *pairs));
    struct record record = read_good(
        &fixture,
        "{\"event\":{\"kind\":\"browse\",\"who\":{\"msisdn\":\"s1\",\"billing_account_number\":\"a1\"},"
        "\"handset\":{\"kind\":\"imei\",\"id\":\"490154203237518\"}},\"ts\":5,\"brand\":\"b\","
        "\"billing_account_nummer\":\"h.example\",\"type\":\"app_use\",\"subscriber\":7,\"host\":[]}");
    assert_int_equal(record.type, EVENT_BROWSE);
    assert_int_equal(record.time_ms, 5);
    assert_string_equal(text_of(record.subjects[SUBJECT_LINE].identifier), "s1");
    assert_string_equal(text_of(record.subjects[SUBJECT_ACCOUNT].identifier), "a1");
    assert_string_equal(text_of(record.host), "h.example");
    assert_true(record.subjects[SUBJECT_DEVICE].present);

    static const struct {
        const char *value;
        const char *wanted;
        const char *why;
    } cases[] = {
        {"{\"event\":{\"kind\":\"browse\",\"kind\":\"browse\"}}", "duplicate_key", "in the object"},
        {"{\"event\":{},\"event\":{}}", "duplicate_key", "the object"},
        {"{\"event\":\"browse\"}", "field_type", "no object on the way"},
        {"{\"event\":[{\"kind\":\"browse\"}]}", "field_type", "lists are no objects"},
        {"{\"event\":null}", "missing_field", "null on the way"},
        {"{\"event.kind\":\"browse\"}", "missing_field", "a dot in a name is no path"},
        {"{\"type\":\"browse\",\"ts\":1,\"brand\":\"b\"}", "missing_field", "the old name is not read"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++)
        expect(&fixture, input_of(view_of_string(cases[i].value)), cases[i].wanted, cases[i].why);
    close_reader(&fixture);
}

static void flat_device_fields_can_be_mapped(void **state)
{
    (void)state;
    struct option_pair pairs[] = {{VIEW("device.kind"), VIEW("id_type"), {0}},
                                  {VIEW("device.id"), VIEW("ifa"), {0}}};
    struct fixture fixture;
    open_reader(&fixture, mapped(pairs, 2));
    struct record record =
        read_good(&fixture, HEAD
                  ",\"host\":\"h\",\"id_type\":\"imei\",\"ifa\":\"490154203237518\",\"device\":\"a phone\"}");
    assert_true(record.subjects[SUBJECT_DEVICE].present);
    assert_int_equal(record.subjects[SUBJECT_DEVICE].identifier_kind, IDENTIFIER_IMEI);
    close_reader(&fixture);
}

static void bad_field_maps_do_not_start(void **state)
{
    (void)state;
    static char long_path[258];
    memset(long_path, 'x', sizeof long_path - 1);
    struct {
        struct option_pair pairs[2];
        bool good;
        const char *why;
    } cases[] = {
        {{{VIEW("subscriber"), VIEW("msisdn"), {0}}, {VIEW("host"), VIEW("sni"), {0}}}, true, "the good one"},
        {{{VIEW("msisdn"), VIEW("subscriber"), {0}}, {VIEW("host"), VIEW("sni"), {0}}},
         false,
         "wrong way round"},
        {{{VIEW("subscriber"), VIEW("a"), {0}}, {VIEW("subscriber"), VIEW("b"), {0}}}, false, "mapped twice"},
        {{{VIEW("subscriber"), VIEW("a"), {0}}, {VIEW("account"), VIEW("a"), {0}}},
         false,
         "one path for two"},
        {{{VIEW("url"), VIEW("a"), {0}}, {VIEW("host"), VIEW("a.host"), {0}}}, false, "one below the other"},
        {{{VIEW("url"), VIEW("a.url"), {0}}, {VIEW("host"), VIEW("a"), {0}}}, false, "one above the other"},
        {{{VIEW("url"), VIEW("host"), {0}}, {VIEW("app"), VIEW("b"), {0}}}, false, "another's unmapped name"},
        {{{VIEW("device"), VIEW("d"), {0}}, {VIEW("device.id"), VIEW("b"), {0}}},
         false,
         "device and a part of it"},
        {{{VIEW("url"), VIEW(""), {0}}, {VIEW("app"), VIEW("b"), {0}}}, false, "empty path"},
        {{{VIEW("url"), VIEW("a..b"), {0}}, {VIEW("app"), VIEW("b"), {0}}}, false, "empty name"},
        {{{VIEW("url"), VIEW("a."), {0}}, {VIEW("app"), VIEW("b"), {0}}}, false, "empty name at the end"},
        {{{VIEW("url"), VIEW("a.b.c.d.e.f.g.h"), {0}}, {VIEW("app"), VIEW("b"), {0}}}, true, "eight names"},
        {{{VIEW("url"), VIEW("a.b.c.d.e.f.g.h.i"), {0}}, {VIEW("app"), VIEW("b"), {0}}}, false, "nine names"},
        {{{VIEW("url"), {long_path, 256}, {0}}, {VIEW("app"), VIEW("b"), {0}}}, true, "256 bytes"},
        {{{VIEW("url"), {long_path, 257}, {0}}, {VIEW("app"), VIEW("b"), {0}}}, false, "257 bytes"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        cases[i].pairs[0].place = cases[i].pairs[1].place = (struct option_place){"pipeline.yaml", 12, 5};
        struct config config = mapped(cases[i].pairs, 2);
        struct arena startup;
        struct error error = {0};
        struct event_reader *reader = NULL;
        assert_true(arena_init(&startup, 64 * 1024, 4 * 1024 * 1024, &error));
        if (event_reader_new(&config, &startup, &reader, &error) != cases[i].good)
            fail_msg("%s: %s", cases[i].why, cases[i].good ? error.what : "accepted");
        if (!cases[i].good) {
            assert_null(reader);
            assert_int_equal(error.exit_status, EXIT_STATUS_CONFIGURATION);
            assert_string_equal(error.where, "pipeline.yaml:12:5");
        }
        arena_release(&startup);
    }
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
        cmocka_unit_test(event_is_refused_for_its_own_reason),
        cmocka_unit_test(subscriber_must_be_of_the_declared_kind),
        cmocka_unit_test(account_is_opaque_and_bounded),
        cmocka_unit_test(size_is_bounded_before_anything_is_read),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(every_prefix_of_an_event_is_refused),
        cmocka_unit_test(full_arena_stops),
        cmocka_unit_test(record_must_lie_where_its_key_says),
        cmocka_unit_test(operators_own_names_are_read),
        cmocka_unit_test(flat_device_fields_can_be_mapped),
        cmocka_unit_test(bad_field_maps_do_not_start),
        cmocka_unit_test(reasons_have_names_and_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
