/* Records between stages: what is written for each hop, and is read back. */
#include "tests/unit/common/codec_rig.h"

/* ---- golden records ---- */

static void records_are_written_by_the_table_of_hops(void **state)
{
    (void)state;
    struct fixture fixture;
    open_codec(&fixture, 3);
    for (unsigned i = 0; i < GOLDEN; i++) {
        struct record record = sample_of(golden[i].sample);
        struct output output = write_record(&fixture, golden[i].hop, &record);
        if (!view_equal_string(output.value, golden[i].value))
            fail_msg("wrote %.*s\ninstead of %s", (int)output.value.size, output.value.data, golden[i].value);
        assert_int_equal(output.topic, golden[i].topic);
        assert_int_equal(output.partition, OUTPUT_PARTITION_BY_KEY);
        assert_int_equal(output.timestamp_ms, 0);
        assert_true(view_equal_string(output.key, golden[i].key));
        assert_int_equal(output.header_count, 1);
        assert_true(view_equal_string(output.headers[0].value, golden[i].origin));
    }
    close_codec(&fixture);
}

static void documentation_shows_what_is_written(void **state)
{
    (void)state;
    FILE *file = fopen("docs/formats.md", "r");
    assert_non_null(file);
    static char text[128 * 1024];
    size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    assert_true(size > 0 && size < sizeof text - 1);
    text[size] = '\0';
    for (unsigned i = 0; i < GOLDEN; i++)
        if (!strstr(text, golden[i].value))
            fail_msg("docs/formats.md lacks the example %s", golden[i].value);
    for (unsigned i = 0; i < event_reason_count; i++) {
        char line[512];
        snprintf(line, sizeof line, "\n| `%s` | %s |\n", event_reasons[i].name, event_reasons[i].help);
        if (!strstr(text, line))
            fail_msg("docs/formats.md lacks the line:%s", line);
    }
}

static void assert_subject(const struct subject *read, const struct subject *written, enum hop hop)
{
    assert_int_equal(read->present, written->present);
    if (!written->present)
        return;
    if (hop == HOP_CONSENT_OUT) {
        assert_true(view_equal(read->identifier, written->identifier));
        assert_int_equal(read->identifier_kind, written->identifier_kind);
        assert_false(read->has_pseudonym);
    } else {
        assert_true(view_is_absent(read->identifier));
        assert_true(read->has_pseudonym);
        assert_memory_equal(read->pseudonym.bytes, written->pseudonym.bytes, PSEUDONYM_SIZE);
    }
}

static void what_was_written_is_read_back(void **state)
{
    (void)state;
    struct fixture fixture;
    open_codec(&fixture, 3);
    for (unsigned i = 0; i < GOLDEN; i++) {
        struct record written = sample_of(golden[i].sample), read = {0};
        enum hop hop = golden[i].hop;
        struct output output = write_record(&fixture, hop, &written);
        struct chain_input input = input_of(&output);
        struct verdict verdict = codec_read(fixture.codec, hop, &input, &fixture.arena, &read);
        if (verdict.kind != VERDICT_PASS)
            fail_msg("refused as %s: %s", event_reasons[verdict.reason].name, golden[i].value);
        assert_int_equal(read.kind, written.kind);
        assert_int_equal(read.origin.partition, written.origin.partition);
        assert_int_equal(read.origin.offset, written.origin.offset);
        assert_int_equal(read.timestamp_ms, written.timestamp_ms); /* the input's, not that of this topic */
        assert_int_equal(read.time_ms, written.time_ms);
        assert_int_equal(read.programmes, written.programmes);
        for (unsigned kind = 0; kind < SUBJECT_KINDS; kind++)
            assert_subject(&read.subjects[kind], &written.subjects[kind], hop);
        /* what no hop carries is absent, not unreadable */
        assert_true(view_is_absent(read.brand) && view_is_absent(read.region) && view_is_absent(read.plan));
        assert_int_equal(read.birth_year, 0);
        assert_int_equal(read.signals.gpc, GPC_ABSENT);
        assert_int_equal(read.signals.gpp_presence, PRESENCE_ABSENT);
        assert_int_equal(read.signals.gpp_sid_presence, PRESENCE_ABSENT);
        assert_int_equal(read.signals.us_privacy_presence, PRESENCE_ABSENT);
        bool page = written.type == EVENT_BROWSE;
        assert_int_equal(read.type, written.type);
        assert_int_equal(!view_is_absent(read.url), page && hop == HOP_CONSENT_OUT);
        assert_int_equal(!view_is_absent(read.host), page && hop != HOP_CLASSIFY_OUT);
        assert_int_equal(!view_is_absent(read.app), !page && hop != HOP_CLASSIFY_OUT);
        assert_int_equal(read.preinstalled, !page && hop == HOP_CONSENT_OUT);
        assert_int_equal(read.app_token, !page && hop != HOP_CONSENT_OUT ? written.app_token : 0);
        assert_int_equal(read.interest_count, hop == HOP_CLASSIFY_OUT ? 2 : 0);
        assert_int_equal(read.rules_digest, hop == HOP_CLASSIFY_OUT ? written.rules_digest : 0);
        for (unsigned j = 0; j < read.interest_count; j++) {
            assert_int_equal(read.interests[j].taxonomy_id, written.interests[j].taxonomy_id);
            assert_int_equal(read.interests[j].weight, written.interests[j].weight);
        }
    }
    close_codec(&fixture);
}

/* Plant canaries in everything that must not travel, write at every hop, and look for them in every byte. */
static void nothing_that_a_hop_must_not_carry_is_written(void **state)
{
    (void)state;
    static const struct {
        const char *canary;
        enum hop last; /* the last hop that may carry it */
    } canaries[] = {
        {"12025550123", HOP_CONSENT_OUT},
        {"acc-1", HOP_CONSENT_OUT},
        {"abcdef01-2345", HOP_CONSENT_OUT},
        {"cart", HOP_CONSENT_OUT},
        {"shop.example", HOP_PSEUDONYMIZE_OUT},
        {"com.example.shop", HOP_PSEUDONYMIZE_OUT},
        {"metro", HOP_EVENTS},
        {"US-CA", HOP_EVENTS},
        {"consumer", HOP_EVENTS},
        {"1980", HOP_EVENTS},
        {"DBAA", HOP_EVENTS},
        {"1YNN", HOP_EVENTS},
    };
    struct fixture fixture;
    open_codec(&fixture, 3);
    for (unsigned sample = PAGE; sample <= APP; sample++)
        for (enum hop hop = HOP_CONSENT_OUT; hop <= HOP_CLASSIFY_OUT; hop++) {
            struct record record = sample_of((enum sample)sample);
            struct output output = write_record(&fixture, hop, &record);
            for (unsigned i = 0; i < sizeof canaries / sizeof *canaries; i++) {
                bool found =
                    memmem(output.value.data, output.value.size, canaries[i].canary,
                           strlen(canaries[i].canary)) ||
                    memmem(output.key.data, output.key.size, canaries[i].canary, strlen(canaries[i].canary));
                if (found && hop > canaries[i].last)
                    fail_msg("%s is in hop %d", canaries[i].canary, (int)hop);
            }
        }
    close_codec(&fixture);
}

static void optional_parts_are_left_out(void **state)
{
    (void)state;
    struct fixture fixture;
    open_codec(&fixture, 3);
    struct record record = full_event(EVENT_APP_REMOVE);
    record.subjects[SUBJECT_ACCOUNT] = (struct subject){0};
    record.subjects[SUBJECT_DEVICE].present = false; /* limit-ad-tracking */
    record.preinstalled = false;
    record.interest_count = 0;
    struct output output = write_record(&fixture, HOP_CONSENT_OUT, &record);
    assert_true(view_equal_string(output.value,
                                  EVENT_HEAD("app_remove") "\"subscriber\":\"12025550123\"," PROGRAMMES
                                                           "\"app\":\"com.example.shop\"}"));
    output = write_record(&fixture, HOP_CLASSIFY_OUT, &record);
    assert_true(view_equal_string(
        output.value,
        EVENT_HEAD("app_remove") "\"pseudonyms\":{\"line\":\"AAECAwQFBgcICQoLDA0ODw\"}," PROGRAMMES
                                 "\"app_token\":\"0123456789abcdef\",\"interests\":[],"
                                 "\"rules_digest\":\"fedcba9876543210\"}"));
    struct chain_input input = input_of(&output);
    assert_int_equal(codec_read(fixture.codec, HOP_CLASSIFY_OUT, &input, &fixture.arena, &record).kind,
                     VERDICT_PASS);
    close_codec(&fixture);
}

static void awkward_texts_survive(void **state)
{
    (void)state;
    struct fixture fixture;
    open_codec(&fixture, 3);
    static char url[60 * 1024];
    memset(url, '"', sizeof url);
    struct record record = full_event(EVENT_BROWSE), read = {0};
    record.subjects[SUBJECT_ACCOUNT].identifier = (struct view)VIEW("K\xC3\xB6nig \"7\" \\ 8");
    record.url = (struct view){url, 32 * 1024}; /* escaped it is twice as long, just within the bound */
    record.host = VIEW_ABSENT;
    struct output output = write_record(&fixture, HOP_CONSENT_OUT, &record);
    struct chain_input input = input_of(&output);
    assert_int_equal(codec_read(fixture.codec, HOP_CONSENT_OUT, &input, &fixture.arena, &read).kind,
                     VERDICT_PASS);
    assert_true(view_equal(read.url, record.url));
    assert_true(view_is_absent(read.host));
    assert_true(
        view_equal(read.subjects[SUBJECT_ACCOUNT].identifier, record.subjects[SUBJECT_ACCOUNT].identifier));
    record.url.size = sizeof url;
    output = write_record(&fixture, HOP_CONSENT_OUT, &record);
    input = input_of(&output);
    struct verdict verdict = codec_read(fixture.codec, HOP_CONSENT_OUT, &input, &fixture.arena, &read);
    assert_int_equal(verdict.kind, VERDICT_REJECT);
    assert_int_equal(verdict.reason, EVENT_TOO_LARGE);
    close_codec(&fixture);
}

/* ---- memory ---- */

static void full_arena_is_said_not_guessed(void **state)
{
    (void)state;
    struct fixture fixture;
    open_codec(&fixture, 3);
    struct arena small;
    struct error error = {0};
    struct record record = full_event(EVENT_BROWSE);
    unsigned refused = 0, written = 0;
    /* take more and more away beforehand, so that each of the pieces is the one that does not fit */
    for (size_t taken = 0; taken < 4096; taken += 16) {
        struct output output = {.feed = 77};
        assert_true(arena_init(&small, 4096, 4096, &error));
        assert_non_null(arena_take(&small, taken));
        if (codec_write(fixture.codec, HOP_CONSENT_OUT, &record, &small, &output)) {
            written++;
            assert_int_equal(output.topic, TOPIC_CONSENT_OUT);
        } else {
            refused++;
            assert_int_equal(output.feed, 77);
        }
        arena_release(&small);
    }
    assert_true(refused > 0 && written > 0);

    while (arena_take(&fixture.arena, 4096))
        ;
    while (arena_take(&fixture.arena, 1))
        ;
    struct chain_input input = {.value = view_of_string(golden[0].value), .origin = VIEW("3:42")};
    assert_int_equal(codec_read(fixture.codec, golden[0].hop, &input, &fixture.arena, &record).kind,
                     VERDICT_STOP);
    close_codec(&fixture);
}

/* ---- our own bugs end the process, and nothing is written ---- */

static void assert_bug(void (*spoil)(struct record *record), enum hop hop)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct fixture fixture;
        struct record record = full_event(EVENT_BROWSE);
        struct output output;
        (void)!freopen("/dev/null", "w", stderr);
        open_codec(&fixture, 3);
        spoil(&record);
        _exit(codec_write(fixture.codec, hop, &record, &fixture.arena, &output) ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), EXIT_STATUS_BUG);
}

static void of_no_kind(struct record *record)
{
    record->kind = RECORD_UNKNOWN;
}

static void of_no_type(struct record *record)
{
    record->type = EVENT_UNKNOWN;
}

static void for_no_programme(struct record *record)
{
    record->programmes = 0;
}

static void without_line(struct record *record)
{
    record->subjects[SUBJECT_LINE].present = false;
}

static void without_pseudonym(struct record *record)
{
    record->subjects[SUBJECT_LINE].has_pseudonym = false;
}

static void without_pseudonym_of_account(struct record *record)
{
    record->subjects[SUBJECT_ACCOUNT].has_pseudonym = false;
}

static void nothing(struct record *record)
{
    (void)record;
}

static void unfit_records_are_never_written(void **state)
{
    (void)state;
    assert_bug(of_no_kind, HOP_CONSENT_OUT);
    assert_bug(of_no_type, HOP_CONSENT_OUT);
    assert_bug(for_no_programme, HOP_CONSENT_OUT);
    assert_bug(without_line, HOP_CONSENT_OUT);
    assert_bug(without_pseudonym, HOP_PSEUDONYMIZE_OUT);
    assert_bug(without_pseudonym_of_account, HOP_CLASSIFY_OUT);
    assert_bug(nothing, HOP_UNKNOWN);
    assert_bug(nothing, HOP_EVENTS);
    assert_bug(nothing, HOP_FEED);
    assert_bug(nothing, HOPS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_written_by_the_table_of_hops),
        cmocka_unit_test(documentation_shows_what_is_written),
        cmocka_unit_test(what_was_written_is_read_back),
        cmocka_unit_test(nothing_that_a_hop_must_not_carry_is_written),
        cmocka_unit_test(optional_parts_are_left_out),
        cmocka_unit_test(awkward_texts_survive),
        cmocka_unit_test(full_arena_is_said_not_guessed),
        cmocka_unit_test(unfit_records_are_never_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
