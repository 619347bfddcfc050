/* What is refused, each for its own reason, and where sizes and depths end. */
#include "tests/unit/common/event_rig.h"

/* Pieces of a good event */
#define APP  "{\"type\":\"app_use\",\"time\":1,\"subscriber\":\"s\",\"brand\":\"b\""
#define BASE "\"subscriber\":\"s\",\"brand\":\"b\",\"host\":\"h\"}"

static const struct {
    struct view value;
    const char *wanted;
    const char *why;
} refusal_cases[] = {
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
    {VIEW(HEAD ",\"host\":\"h\",\"birth_year\":\"2010\"}"), "field_type", "birth year: could hide a child"},
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
    {VIEW(HEAD ",\"host\":\"shop.example\\u0000.evil.example\"}"), "control_character", "NUL in the host"},
    {VIEW(HEAD ",\"url\":\"https://shop.example/\\r\\n\"}"), "control_character", "line break in the url"},
    {VIEW(HEAD ",\"host\":\"1234567\\u001f\"}"), "control_character", "0x1F, at the end of a word"},
    {VIEW(HEAD ",\"host\":\"\\u001f1234567\"}"), "control_character", "0x1F, at the start of a word"},
    {VIEW(HEAD ",\"host\":\"12345678\\t\"}"), "control_character", "behind the last word"},
    {VIEW(HEAD ",\"host\":\"1234567\x7F\"}"), "control_character", "DEL in a word"},
    {VIEW(HEAD ",\"host\":\"\x7F\"}"), "control_character", "DEL behind the last word"},
    {VIEW(HEAD ",\"host\":\"\xC3\xA4\xC3\xB6\xC3\xBC\xC3\x9F ~.example\"}"), "pass", "UTF-8, space, 0x7E"},
    {VIEW(APP ",\"app\":\"com.\\u0008x\"}"), "control_character", "app"},
    {VIEW(HEAD ",\"host\":\"h\",\"region\":\"US-\\u0000\"}"), "control_character", "region"},

    {VIEW("{\"type\":\"Browse\",\"time\":1," BASE), "unknown_type", "types are exact"},
    {VIEW("{\"type\":\"app\",\"time\":1," BASE), "unknown_type", "no such type"},
    {VIEW("{\"type\":\"browse \",\"time\":1," BASE), "unknown_type", "with a space"},

    {VIEW("{\"type\":\"browse\",\"time\":\"2021-04-26T12:00:00\"," BASE), "time_malformed", "no zone"},
    {VIEW("{\"type\":\"browse\",\"time\":\"1619438400000\"," BASE), "time_malformed", "a number in quotes"},
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

static void event_is_refused_for_its_own_reason(void **state)
{
    (void)state;
    struct fixture fixture;
    open_reader(&fixture, config_of(IDENTIFIER_OPAQUE, EVENTS_PARTITIONER_MURMUR2));
    for (unsigned i = 0; i < sizeof refusal_cases / sizeof *refusal_cases; i++)
        expect(&fixture, input_of(refusal_cases[i].value), refusal_cases[i].wanted, refusal_cases[i].why);
    close_reader(&fixture);
}

static void rejected_field_is_named_by_its_path(void **state)
{
    (void)state;
    static const struct {
        struct view value;
        const char *field; /* NULL: the whole record */
    } cases[] = {
        {VIEW("{\"type\":\"Browse\",\"time\":1," BASE), "type"},
        {VIEW("{\"type\":\"browse\",\"time\":\"now\"," BASE), "time"},
        {VIEW("{\"type\":\"browse\"," BASE), "time"},
        {VIEW("{\"type\":\"browse\",\"time\":1,\"subscriber\":\"\",\"brand\":\"b\",\"host\":\"h\"}"),
         "subscriber"},
        {VIEW(HEAD ",\"host\":\"h\",\"account\":1}"), "account"},
        {VIEW(HEAD ",\"host\":\"h\",\"device\":{\"id\":\"x\"}}"), "device.kind"},
        {VIEW(HEAD ",\"host\":\"h\",\"device\":{\"kind\":\"idfa\",\"id\":\"x\"}}"), "device.kind"},
        {VIEW(HEAD ",\"host\":\"h\",\"device\":{\"kind\":\"maid\",\"id\":\"x\"}}"), "device.id"},
        {VIEW(HEAD ",\"host\":\"h\",\"region\":5}"), "region"},
        {VIEW(HEAD ",\"host\":\"h\",\"birth_year\":\"2010\"}"), "birth_year"},
        {VIEW(HEAD ",\"host\":\"h\",\"url\":0}"), "url"},
        {VIEW(HEAD "}"), "host"},
        {VIEW(APP "}"), "app"},
        {VIEW(APP ",\"app\":\"a\",\"preinstalled\":1}"), "preinstalled"},
        {VIEW("{"), NULL},
        {VIEW(HEAD ",\"host\":\"h\",\"host\":\"h\"}"), NULL},
    };
    struct fixture fixture;
    open_reader(&fixture, config_of(IDENTIFIER_OPAQUE, EVENTS_PARTITIONER_MURMUR2));
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct record record;
        struct chain_input input = input_of(cases[i].value);
        assert_int_equal(event_read(fixture.reader, &input, &fixture.arena, &record).kind, VERDICT_REJECT);
        struct view field = event_rejected_field(fixture.reader);
        if (cases[i].field ? !view_equal_string(field, cases[i].field) : !view_is_absent(field))
            fail_msg("%s: %.*s instead of %s", cases[i].value.data, (int)field.size, field.data,
                     cases[i].field);
    }
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
        {IDENTIFIER_E164, "310150123456789", "subscriber_malformed"},
        {IDENTIFIER_E164, "31612345678", "pass"},
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(event_is_refused_for_its_own_reason),
        cmocka_unit_test(rejected_field_is_named_by_its_path),
        cmocka_unit_test(subscriber_must_be_of_the_declared_kind),
        cmocka_unit_test(account_is_opaque_and_bounded),
        cmocka_unit_test(size_is_bounded_before_anything_is_read),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(every_prefix_of_an_event_is_refused),
        cmocka_unit_test(full_arena_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
