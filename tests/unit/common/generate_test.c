#include "common/generate.h"

#include "common/event.h"
#include "common/partitioner.h"
#include "common/subject.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define START_MS INT64_C(1795478400000) /* 2026-11-24T00:00:00Z */

static struct generate_names *names_of(const char *list)
{
    char path[] = "/tmp/clickveil-names-XXXXXX";
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, list, strlen(list)), (ssize_t)strlen(list));
    close(descriptor);
    struct error error = {0};
    struct generate_names *names = generate_names_load(path, &error);
    unlink(path);
    return names;
}

struct fixture {
    struct generate_names *hosts, *apps;
    struct generate_options options;
};

static struct fixture fixture_new(void)
{
    struct fixture fixture = {
        .hosts = names_of(
            "# source: here\na.example\t522\nb.example\t607\tnote\nc.example\tnone\nd.example\tdeny\n"),
        .apps = names_of("com.example.a\t522\ncom.example.b.*\t607\n"),
        .options = generate_defaults(),
    };
    assert_non_null(fixture.hosts);
    assert_non_null(fixture.apps);
    fixture.options.hosts = fixture.hosts;
    fixture.options.apps = fixture.apps;
    fixture.options.start_ms = START_MS;
    fixture.options.events = 20000;
    fixture.options.subscribers = 4000;
    fixture.options.brands[0] = VIEW("tmobile");
    fixture.options.brands[1] = VIEW("metro");
    fixture.options.brand_count = 2;
    return fixture;
}

static void fixture_free(struct fixture *fixture)
{
    generate_names_free(fixture->hosts);
    generate_names_free(fixture->apps);
}

static struct generator *open_generator(const struct fixture *fixture)
{
    struct error error = {0};
    struct generator *generator = generator_new(&fixture->options, &error);
    if (!generator)
        fail_msg("%s", error.what);
    return generator;
}

static void generate_gives_the_same_bytes_for_the_same_seed_in_any_order(void **state)
{
    (void)state;
    struct fixture fixture = fixture_new();
    struct generator *first = open_generator(&fixture), *second = open_generator(&fixture);
    struct generated a, b;
    for (uint64_t i = 0; i < 500; i++) {
        generator_event(second, 499 - i, &b);
        generator_event(second, i, &b);
        generator_event(first, i, &a);
        assert_true(view_equal(a.key, b.key) && view_equal(a.value, b.value));
        assert_int_equal(a.timestamp_ms, b.timestamp_ms);
    }
    while (generator_next_consent(first, &a)) {
        assert_true(generator_next_consent(second, &b));
        assert_true(view_equal(a.key, b.key) && view_equal(a.value, b.value));
    }
    assert_false(generator_next_consent(second, &b));
    generator_free(second);

    fixture.options.seed++;
    second = open_generator(&fixture);
    generator_event(first, 7, &a);
    generator_event(second, 7, &b);
    assert_false(view_equal(a.value, b.value));
    generator_free(first);
    generator_free(second);
    fixture_free(&fixture);
}

/* ---- events are what the reader takes ---- */

struct reading {
    struct config config;
    struct arena startup, arena;
    struct event_reader *reader;
};

static void open_reader(struct reading *reading, enum identifier_kind kind)
{
    struct error error = {0};
    *reading = (struct reading){.config = {.subscriber = {.kind = kind},
                                           .input = {.events_partitioner = EVENTS_PARTITIONER_MURMUR2,
                                                     .events_key = EVENTS_KEY_PLUS,
                                                     .record_bytes_max = 64 * 1024}}};
    assert_true(arena_init(&reading->startup, 64 * 1024, 4 * 1024 * 1024, &error));
    assert_true(arena_init(&reading->arena, 64 * 1024, 1024 * 1024, &error));
    assert_true(event_reader_new(&reading->config, &reading->startup, &reading->reader, &error));
}

static void close_reader(struct reading *reading)
{
    event_reader_free(reading->reader);
    arena_release(&reading->arena);
    arena_release(&reading->startup);
}

static struct verdict read_event(struct reading *reading, const struct generated *event,
                                 struct record *out_record)
{
    struct chain_input input = {
        .partition = partitioner_partition(EVENTS_PARTITIONER_MURMUR2, event->key, 4),
        .partition_count = 4,
        .timestamp_ms = event->timestamp_ms,
        .key = event->key,
        .value = event->value,
    };
    arena_reset(&reading->arena);
    return event_read(reading->reader, &input, &reading->arena, out_record);
}

static void generate_makes_events_that_are_read_for_each_kind_of_subscriber(void **state)
{
    (void)state;
    static const enum identifier_kind kinds[] = {IDENTIFIER_E164, IDENTIFIER_IMSI, IDENTIFIER_OPAQUE};
    struct fixture fixture = fixture_new();
    fixture.options.bad_share = 0;
    for (unsigned kind = 0; kind < 3; kind++) {
        struct reading reading;
        open_reader(&reading, kinds[kind]);
        fixture.options.subscriber_kind = kinds[kind];
        struct generator *generator = open_generator(&fixture);
        unsigned types[EVENT_TYPES] = {0}, gpc = 0, us_privacy = 0;
        size_t bytes = 0;
        for (uint64_t i = 0; i < 5000; i++) {
            struct generated event;
            struct record record;
            generator_event(generator, i, &event);
            struct verdict verdict = read_event(&reading, &event, &record);
            if (verdict.kind != VERDICT_PASS)
                fail_msg("%s: %.*s", event_reasons[verdict.reason].name, (int)event.value.size,
                         event.value.data);
            assert_true(record.time_ms <= event.timestamp_ms);
            assert_true(record.time_ms > event.timestamp_ms - INT64_C(86401000));
            types[record.type]++;
            gpc += record.signals.gpc == GPC_TRUE;
            us_privacy += record.signals.us_privacy_presence == PRESENCE_PRESENT;
            bytes += event.value.size;
        }
        assert_in_range(types[EVENT_BROWSE], 3300, 3700);
        assert_in_range(types[EVENT_APP_USE], 950, 1250);
        assert_in_range(types[EVENT_APP_INSTALL], 180, 320);
        assert_in_range(types[EVENT_APP_REMOVE], 100, 200);
        assert_in_range(gpc, 50, 300);
        assert_in_range(us_privacy, 250, 700);
        assert_in_range(bytes / 5000, 440, 560); /* about 500 bytes */
        generator_free(generator);
        close_reader(&reading);
    }
    fixture_free(&fixture);
}

static void generate_makes_each_kind_of_bad_event_bad(void **state)
{
    (void)state;
    static const struct {
        enum generate_bad bad;
        const char *reason; /* NULL: the reader takes it, and a stage judges its time */
    } cases[] = {
        {GENERATE_BAD_TRUNCATED, "truncated"},
        {GENERATE_BAD_NOT_JSON, "not_json"},
        {GENERATE_BAD_MISSING_FIELD, "missing_field"},
        {GENERATE_BAD_UNKNOWN_TYPE, "unknown_type"},
        {GENERATE_BAD_FIELD_TYPE, "field_type"},
        {GENERATE_BAD_DUPLICATE_KEY, "duplicate_key"},
        {GENERATE_BAD_INVALID_UTF8, "invalid_utf8"},
        {GENERATE_BAD_SUBSCRIBER, "subscriber_malformed"},
        {GENERATE_BAD_FUTURE, NULL},
        {GENERATE_BAD_LATE, NULL},
    };
    struct fixture fixture = fixture_new();
    struct reading reading;
    open_reader(&reading, IDENTIFIER_E164);
    fixture.options.bad_share = 1;
    struct generator *generator = open_generator(&fixture);
    unsigned seen[GENERATE_BAD_KINDS] = {0};
    for (uint64_t i = 0; i < 1000; i++) {
        struct generated event;
        struct record record;
        generator_event(generator, i, &event);
        struct verdict verdict = read_event(&reading, &event, &record);
        seen[event.bad]++;
        for (unsigned c = 0; c < sizeof cases / sizeof cases[0]; c++) {
            if (cases[c].bad != event.bad)
                continue;
            assert_int_equal(verdict.kind, cases[c].reason ? VERDICT_REJECT : VERDICT_PASS);
            if (cases[c].reason)
                assert_string_equal(event_reasons[verdict.reason].name, cases[c].reason);
            if (event.bad == GENERATE_BAD_FUTURE)
                assert_true(record.time_ms > event.timestamp_ms + INT64_C(86400000));
            if (event.bad == GENERATE_BAD_LATE)
                assert_true(record.time_ms < event.timestamp_ms - 2 * INT64_C(86400000));
        }
    }
    assert_int_equal(seen[GENERATE_GOOD], 0);
    for (unsigned bad = 1; bad < GENERATE_BAD_KINDS; bad++)
        assert_in_range(seen[bad], 50, 150);
    generator_free(generator);
    close_reader(&reading);
    fixture_free(&fixture);
}

static void generate_spreads_events_evenly_over_the_time(void **state)
{
    (void)state;
    struct fixture fixture = fixture_new();
    fixture.options.events = 1000;
    fixture.options.duration_ms = 1000000;
    struct generator *generator = open_generator(&fixture);
    struct generated event;
    for (uint64_t i = 0; i < 1000; i++) {
        generator_event(generator, i, &event);
        assert_int_equal(event.timestamp_ms, START_MS + (int64_t)i * 1000);
    }
    generator_free(generator);
    fixture_free(&fixture);
}

/* ---- identifiers ---- */

static int compare_numbers(const void *a, const void *b)
{
    return memcmp(a, b, 14);
}

static void generate_gives_every_line_a_number_of_its_own_in_nobodys_range(void **state)
{
    (void)state;
    struct fixture fixture = fixture_new();
    fixture.options.opt_out_share = 1; /* so that every line is named */
    struct generator *generator = open_generator(&fixture);
    char(*numbers)[14] = calloc(4000, sizeof *numbers);
    unsigned count = 0;
    struct generated consent;
    while (generator_next_consent(generator, &consent)) {
        assert_memory_equal(consent.key.data, "line:+999", 9);
        assert_int_equal(consent.key.size, 19);
        bool earlier_in = strstr(consent.value.data, "\"in\"") != NULL;
        if (earlier_in)
            continue;
        memcpy(numbers[count++], consent.key.data + 5, 14);
    }
    assert_int_equal(count, 4000);
    qsort(numbers, count, sizeof *numbers, compare_numbers);
    for (unsigned i = 1; i < count; i++)
        assert_memory_not_equal(numbers[i - 1], numbers[i], 14);
    free(numbers);
    generator_free(generator);
    fixture_free(&fixture);
}

static void generate_opts_out_the_share_of_lines_that_was_asked_for(void **state)
{
    (void)state;
    static const double shares[] = {0, 0.05, 0.2, 0.5, 0.9, 1};
    struct fixture fixture = fixture_new();
    fixture.options.subscribers = 20000;
    for (unsigned s = 0; s < sizeof shares / sizeof shares[0]; s++) {
        fixture.options.opt_out_share = shares[s];
        struct generator *generator = open_generator(&fixture);
        struct generated consent;
        unsigned lines = 0, accounts = 0;
        while (generator_next_consent(generator, &consent)) {
            if (!strstr(consent.value.data, "\"out\""))
                continue;
            bool line = memcmp(consent.key.data, "line:", 5) == 0;
            lines += line;
            accounts += !line;
        }
        /* Three quarters by the line; by accounts the rest, about 1.8 lines each. */
        double own = shares[s] == 1 ? 1 : 0.75 * shares[s];
        assert_in_range(lines, (unsigned)(20000 * own * 0.93), (unsigned)(20000 * own * 1.07) + 1);
        if (shares[s] == 0 || shares[s] == 1)
            assert_int_equal(accounts, 0);
        else
            assert_in_range(accounts, 50, 20000);
        generator_free(generator);
    }
    fixture_free(&fixture);
}

/* ---- lists and bounds ---- */

static void generate_takes_names_by_what_their_rule_says(void **state)
{
    (void)state;
    struct generate_names *names = names_of(
        "# source: x\n\na.example\t1\nb\"ad\t1\nc.example\tnone\tnote\nd.example\tdeny\nlast.example\t2,3");
    assert_non_null(names);
    assert_int_equal(names->lists[GENERATE_NAME_INTEREST].count, 2);
    assert_int_equal(names->lists[GENERATE_NAME_NONE].count, 1);
    assert_int_equal(names->lists[GENERATE_NAME_DENY].count, 1);
    assert_true(view_equal_string(names->lists[GENERATE_NAME_INTEREST].items[1], "last.example"));
    generate_names_free(names);
    assert_null(names_of(""));
    assert_null(names_of("c.example\tnone\n"));
    generate_names_free(NULL);
}

static void generate_adds_the_names_of_further_lists(void **state)
{
    (void)state;
    char path[] = "/tmp/clickveil-names-XXXXXX";
    int descriptor = mkstemp(path);
    struct error error = {0};
    struct generate_names *names = names_of("a.example\t1\n");
    assert_non_null(names);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, "d.example\tdeny\nb.example\t2\n", 27), 27);
    close(descriptor);
    assert_true(generate_names_add(names, path, &error));
    assert_int_equal(names->lists[GENERATE_NAME_INTEREST].count, 2);
    assert_int_equal(names->lists[GENERATE_NAME_DENY].count, 1);
    assert_true(view_equal_string(names->lists[GENERATE_NAME_DENY].items[0], "d.example"));
    unlink(path);
    assert_false(generate_names_add(names, path, &error));
    assert_int_equal(names->lists[GENERATE_NAME_INTEREST].count, 2);
    generate_names_free(names);
}

static void generate_refuses_options_out_of_their_bounds(void **state)
{
    (void)state;
    struct fixture fixture = fixture_new();
    const struct generate_options good = fixture.options;
    struct {
        struct generate_options options;
        const char *why;
    } cases[14];
    unsigned count = 0;
#define CASE(change, reason)                    \
    do {                                        \
        struct generate_options options = good; \
        change;                                 \
        cases[count].options = options;         \
        cases[count++].why = reason;            \
    } while (0)
    CASE(options.subscribers = 0, "nobody");
    CASE(options.subscribers = (uint64_t)GENERATE_SUBSCRIBERS_MAX + 1, "one too many");
    CASE(options.opt_out_share = 1.01, "more than all");
    CASE(options.opt_in_share = -0.01, "less than none");
    CASE(options.bad_share = 0.0 / 0.0, "no number");
    CASE(options.duration_ms = 0, "no time");
    CASE(options.start_ms = 0, "choices would be made before 1970");
    CASE(options.subscriber_kind = IDENTIFIER_MAID, "a line has no such kind");
    CASE(options.brand_count = 0, "no brand");
    CASE(options.brand_count = GENERATE_BRANDS_MAX + 1, "a brand too many");
    CASE(options.brands[0] = VIEW(""), "an empty brand");
    CASE(options.brands[0] = VIEW("a\"b"), "needs escapes");
    CASE(options.programme = VIEW("12345678901234567890123456789012"), "32 bytes");
    CASE(options.hosts = NULL, "no list");
    for (unsigned i = 0; i < count; i++) {
        struct error error = {0};
        if (generator_new(&cases[i].options, &error))
            fail_msg("taken: %s", cases[i].why);
        assert_int_equal(error.exit_status, EXIT_STATUS_USAGE);
    }
    fixture.options.subscribers = GENERATE_SUBSCRIBERS_MAX;
    fixture.options.programme = VIEW("1234567890123456789012345678901");
    struct generator *generator = open_generator(&fixture);
    struct generated event;
    generator_event(generator, UINT64_MAX / 2, &event);
    generator_free(generator);
    fixture_free(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generate_gives_the_same_bytes_for_the_same_seed_in_any_order),
        cmocka_unit_test(generate_makes_events_that_are_read_for_each_kind_of_subscriber),
        cmocka_unit_test(generate_makes_each_kind_of_bad_event_bad),
        cmocka_unit_test(generate_spreads_events_evenly_over_the_time),
        cmocka_unit_test(generate_gives_every_line_a_number_of_its_own_in_nobodys_range),
        cmocka_unit_test(generate_opts_out_the_share_of_lines_that_was_asked_for),
        cmocka_unit_test(generate_takes_names_by_what_their_rule_says),
        cmocka_unit_test(generate_adds_the_names_of_further_lists),
        cmocka_unit_test(generate_refuses_options_out_of_their_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
