/* Where an event must lie, and where its fields stand: the key, its partition, and the operator's own names. */
#include "common/partitioner.h"
#include "tests/unit/common/event_rig.h"

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
} place_cases[] = {
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
    {E164, "+12025550123", MURMUR2, PLUS, VIEW("++12025550123"), 0, 4, "wrong_partition", "two plus signs"},
    {E164, "+12025550123", MURMUR2, PLUS, VIEW("+12025550123 "), 0, 4, "wrong_partition", "a blank behind"},
    {E164, "+12025550123", MURMUR2, PLUS, VIEW("+"), 0, 4, "wrong_partition", "a plus sign alone"},
    {E164, "+12025550123", MURMUR2, EVENTS_KEY_UNKNOWN, VIEW("+12025550123"), 0, 4, "wrong_partition",
     "no spelling declared: none is right"},
    {E164, "+12025550123", MURMUR2, PLUS, VIEW("+12025550123"), 1, 4, "wrong_partition", "the one beside it"},
    {E164, "+12025550123", CRC32, DIGITS, VIEW("12025550123"), 1, 4, "wrong_partition", "the one beside it"},
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
    {E164, "+12025550123", EVENTS_PARTITIONER_TRUSTED, PLUS, VIEW_ABSENT, 0, 4, "pass", "nothing is checked"},
    {E164, "+12025550123", EVENTS_PARTITIONER_UNKNOWN, PLUS, VIEW("+12025550123"), 0, 4, "wrong_partition",
     "no partitioner, no trust"},
};

static void record_must_lie_where_its_key_says(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof place_cases / sizeof *place_cases; i++) {
        struct fixture fixture;
        struct config config = config_of(place_cases[i].kind, place_cases[i].partitioner);
        config.input.events_key = place_cases[i].spelling;
        open_reader(&fixture, config);
        char value[200];
        int size =
            snprintf(value, sizeof value,
                     "{\"type\":\"browse\",\"time\":1,\"subscriber\":\"%s\",\"brand\":\"b\",\"host\":\"h\"}",
                     place_cases[i].subscriber);
        struct chain_input input = input_of((struct view){value, (size_t)size});
        input.key = place_cases[i].key;
        input.partition_count = place_cases[i].partitions;
        int32_t right = partitioner_partition(
            place_cases[i].partitioner == CRC32 ? EVENTS_PARTITIONER_CRC32 : EVENTS_PARTITIONER_MURMUR2,
            place_cases[i].key, 4);
        input.partition = (right < 0 ? 0 : right + place_cases[i].beside) % 4;
        expect(&fixture, input, place_cases[i].wanted, place_cases[i].why);
        close_reader(&fixture);
    }
}

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(record_must_lie_where_its_key_says),
        cmocka_unit_test(operators_own_names_are_read),
        cmocka_unit_test(flat_device_fields_can_be_mapped),
        cmocka_unit_test(bad_field_maps_do_not_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
