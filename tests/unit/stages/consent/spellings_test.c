/*
 * One canonicaliser for events and consent keys (spec 4): a choice stored under any spelling of an identifier is found by an
 * event that writes it in any other, and by no event of somebody else; what one refuses, the other refuses too.
 */
#include "tests/unit/stages/consent/consent_rig.h"

#include "common/event.h"
#include "tests/unit/common/spellings.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

enum { JSON_SIZE = 2048 };

struct kind {
    enum subject_kind subject;
    enum identifier_kind identifier;
    const char *key;    /* how a consent key begins */
    const char *reason; /* of an event whose subject said no */
};

static const struct kind line_e164 = {SUBJECT_LINE, IDENTIFIER_E164, "line:", "opted_out_line"};
static const struct kind line_imsi = {SUBJECT_LINE, IDENTIFIER_IMSI, "line:", "opted_out_line"};
static const struct kind line_opaque = {SUBJECT_LINE, IDENTIFIER_OPAQUE, "line:", "opted_out_line"};
static const struct kind account = {SUBJECT_ACCOUNT, IDENTIFIER_OPAQUE, "account:", "opted_out_account"};
static const struct kind device_imei = {SUBJECT_DEVICE, IDENTIFIER_IMEI, "device:imei:", "opted_out_device"};
static const struct kind device_maid = {SUBJECT_DEVICE, IDENTIFIER_MAID, "device:maid:", "opted_out_device"};

/* The text as a JSON string, whatever bytes it has. */
static const char *quoted(const char *text, char out[JSON_SIZE])
{
    size_t size = 0;
    for (; *text; text++) {
        bool escaped = (unsigned char)*text < 0x20 || *text == '"' || *text == '\\';
        ensure(size + 8 < JSON_SIZE - 2);
        size += (size_t)snprintf(out + 1 + size, JSON_SIZE - 1 - size, escaped ? "\\u%04x" : "%c",
                                 (unsigned char)*text);
    }
    out[0] = out[1 + size] = '"';
    out[2 + size] = '\0';
    return out;
}

/* An event with that spelling, and something good for the two other subjects. */
static void write_event(const struct kind *kind, const char *spelled, char out[2 * JSON_SIZE])
{
    char text[JSON_SIZE];
    enum identifier_kind line = kind->subject == SUBJECT_LINE ? kind->identifier : IDENTIFIER_E164;
    const char *identifiers[SUBJECT_KINDS] = {line == IDENTIFIER_IMSI ? "\"310260999999999\""
                                                                      : "\"14159999999\"",
                                              "\"nobody's\"", "\"35209900176148\""};
    identifiers[kind->subject] = quoted(spelled, text);
    snprintf(out, (size_t)2 * JSON_SIZE,
             "{\"type\":\"browse\",\"time\":%lld,\"subscriber\":%s,\"account\":%s,"
             "\"device\":{\"kind\":\"%s\",\"id\":%s},\"brand\":\"brand\",\"region\":\"US-CA\",\"host\":\"h."
             "example\"}",
             (long long)NOW_MS, identifiers[SUBJECT_LINE], identifiers[SUBJECT_ACCOUNT],
             kind->identifier == IDENTIFIER_MAID ? "maid" : "imei", identifiers[SUBJECT_DEVICE]);
}

struct bench {
    struct fixture *fixture;
    struct arena start_up, arena;
    struct event_reader *reader;
};

static void open_bench(struct bench *bench, struct fixture *fixture, const struct kind *kind)
{
    *bench = (struct bench){.fixture = fixture};
    if (kind->subject == SUBJECT_LINE)
        fixture->config.subscriber.kind = (int)kind->identifier;
    fixture->config.input.events_partitioner = EVENTS_PARTITIONER_TRUSTED;
    fixture->config.input.record_bytes_max = 64 * 1024;
    fixture->options.subjects = LIST(all_subjects);
    assert_true(arena_init(&bench->start_up, 64 * 1024, 8 * 1024 * 1024, &fixture->error));
    assert_true(arena_init(&bench->arena, 64 * 1024, 1024 * 1024, &fixture->error));
    assert_true(event_reader_new(&fixture->config, &bench->start_up, &bench->reader, &fixture->error));
}

static void close_bench(struct bench *bench)
{
    stop_stage(bench->fixture);
    event_reader_free(bench->reader);
    arena_release(&bench->start_up);
    arena_release(&bench->arena);
}

/* A table with that choice alone. False: its key is refused. */
static bool choose_out(struct fixture *fixture, const struct kind *kind, const char *spelled)
{
    char key[JSON_SIZE];
    stop_stage(fixture);
    start(fixture);
    snprintf(key, sizeof key, "%s%s", kind->key, spelled);
    bool taken = apply_at(fixture, 0, 0, false, key, choices(fixture, "\"*\":\"out\"")) &&
                 apply_at(fixture, 0, 0, true, key, choices(fixture, "\"*\":\"out\""));
    if (taken) {
        stage_consent.followed->committed_to(fixture->shared, 0, 1);
        assert_true(stage_consent.followed->complete(fixture->shared, &fixture->error));
    }
    return taken;
}

/* Why the event is not kept; "kept" when it is. Reasons of the reader are those of dead letters. */
static const char *fate_of(struct bench *bench, const struct kind *kind, const char *spelled)
{
    char text[2 * JSON_SIZE];
    struct record record;
    write_event(kind, spelled, text);
    struct chain_input input = {.timestamp_ms = NOW_MS, .value = view_of_string(text)};
    arena_reset(&bench->arena);
    struct verdict verdict = event_read(bench->reader, &input, &bench->arena, &record);
    if (verdict.kind != VERDICT_PASS)
        return event_reasons[verdict.reason].name;
    verdict = judge(bench->fixture, &record);
    assert_true(verdict.kind == VERDICT_PASS || verdict.kind == VERDICT_DROP);
    return verdict.kind == VERDICT_PASS ? "kept" : consent_reasons[verdict.reason].name;
}

static void every_spelling_finds_every_other(struct bench *bench, const struct kind *kind,
                                             const struct spelling *rows, size_t count)
{
    unsigned found = 0;
    for (size_t i = 0; i < count; i++) {
        if (!rows[i].canonical)
            continue;
        if (!choose_out(bench->fixture, kind, rows[i].text))
            fail_msg("key %s%s is refused: %s", kind->key, rows[i].text, bench->fixture->error.what);
        for (size_t j = 0; j < count; j++) {
            if (!rows[j].canonical)
                continue;
            bool same = strcmp(rows[i].canonical, rows[j].canonical) == 0;
            const char *fate = fate_of(bench, kind, rows[j].text);
            if (strcmp(fate, same ? kind->reason : "kept") != 0)
                fail_msg("choice of \"%s\", event of \"%s\": %s", rows[i].text, rows[j].text, fate);
            found += same;
        }
    }
    assert_true(found > 0);
}

/* As keys they stop the stage, since nobody knows whose `out` it is; as events they are dead letters. An opaque key has
 * nothing that could be told from what belongs to the key. */
static void both_refuse(struct bench *bench, const struct kind *kind, const struct spelling *rows,
                        size_t count)
{
    unsigned refused = 0;
    for (size_t i = 0; i < count; i++) {
        if (rows[i].canonical)
            continue;
        if (choose_out(bench->fixture, kind, rows[i].text))
            fail_msg("key %s%s is taken, though: %s", kind->key, rows[i].text, rows[i].why);
        assert_true(bench->fixture->error.exit_status == EXIT_STATUS_DATA ||
                    bench->fixture->error.exit_status == EXIT_STATUS_CONFIGURATION);
        const char *fate = fate_of(bench, kind, rows[i].text);
        static const char *const reasons[] = {"subscriber_malformed", "account_malformed",
                                              "device_malformed",     "field_empty",
                                              "invalid_utf8",         "control_character"};
        unsigned r = 0;
        while (r < COUNT(reasons) && strcmp(fate, reasons[r]) != 0)
            r++;
        if (r == COUNT(reasons))
            fail_msg("event of \"%s\": %s, though: %s", rows[i].text, fate, rows[i].why);
        refused++;
    }
    assert_true(refused > 0);
}

#define SPELLINGS(test, kind, rows)                                           \
    static void test(void **state)                                            \
    {                                                                         \
        struct bench bench;                                                   \
        open_bench(&bench, *state, &(kind));                                  \
        every_spelling_finds_every_other(&bench, &(kind), rows, COUNT(rows)); \
        close_bench(&bench);                                                  \
    }

#define REFUSALS(test, kind, rows)                       \
    static void test(void **state)                       \
    {                                                    \
        struct bench bench;                              \
        open_bench(&bench, *state, &(kind));             \
        both_refuse(&bench, &(kind), rows, COUNT(rows)); \
        close_bench(&bench);                             \
    }

SPELLINGS(a_choice_by_number_is_found_in_every_spelling, line_e164, e164_spellings)
SPELLINGS(a_choice_by_imsi_is_found, line_imsi, imsi_spellings)
SPELLINGS(a_choice_of_an_opaque_line_is_found_as_it_is_written, line_opaque, opaque_spellings)
SPELLINGS(a_choice_of_an_account_is_found_as_it_is_written, account, opaque_spellings)
SPELLINGS(a_choice_by_imei_is_found_with_and_without_check_digit_and_version, device_imei, imei_spellings)
SPELLINGS(a_choice_by_advertising_id_is_found_in_every_spelling, device_maid, maid_spellings)
REFUSALS(numbers_that_could_be_two_are_refused_on_both_sides, line_e164, e164_refusals)
REFUSALS(what_is_no_imsi_is_refused_on_both_sides, line_imsi, imsi_spellings)
REFUSALS(what_is_no_opaque_text_is_refused_on_both_sides, line_opaque, opaque_spellings)
REFUSALS(what_is_no_account_is_refused_on_both_sides, account, opaque_spellings)
REFUSALS(what_is_no_imei_is_refused_on_both_sides, device_imei, imei_refusals)
REFUSALS(what_is_no_advertising_id_is_refused_on_both_sides, device_maid, maid_spellings)

/* Spec 2: limit-ad-tracking. No device, so neither side has anything to be found by. */
static void an_advertising_id_of_zeros_is_nobodys_on_both_sides(void **state)
{
    struct bench bench;
    open_bench(&bench, *state, &device_maid);
    for (size_t i = 0; i < COUNT(maid_zeros); i++) {
        char key[JSON_SIZE];
        stop_stage(bench.fixture);
        start(bench.fixture);
        snprintf(key, sizeof key, "device:maid:%s", maid_zeros[i]);
        apply(bench.fixture, key, choices(bench.fixture, "\"*\":\"out\""));
        complete(bench.fixture);
        for (size_t j = 0; j < COUNT(maid_zeros); j++)
            assert_string_equal(fate_of(&bench, &device_maid, maid_zeros[j]), "limit_ad_tracking");
        assert_string_equal(fate_of(&bench, &device_maid, SPELLED_MAID), "kept");
    }
    close_bench(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_choice_by_number_is_found_in_every_spelling),
        CASE(a_choice_by_imsi_is_found),
        CASE(a_choice_of_an_opaque_line_is_found_as_it_is_written),
        CASE(a_choice_of_an_account_is_found_as_it_is_written),
        CASE(a_choice_by_imei_is_found_with_and_without_check_digit_and_version),
        CASE(a_choice_by_advertising_id_is_found_in_every_spelling),
        CASE(numbers_that_could_be_two_are_refused_on_both_sides),
        CASE(what_is_no_imsi_is_refused_on_both_sides),
        CASE(what_is_no_opaque_text_is_refused_on_both_sides),
        CASE(what_is_no_account_is_refused_on_both_sides),
        CASE(what_is_no_imei_is_refused_on_both_sides),
        CASE(what_is_no_advertising_id_is_refused_on_both_sides),
        CASE(an_advertising_id_of_zeros_is_nobodys_on_both_sides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
