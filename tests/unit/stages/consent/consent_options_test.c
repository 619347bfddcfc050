/* What consent counts, and what its options may be. */
#include "tests/unit/stages/consent/consent_rig.h"

struct gauges {
    const char *wanted;
    double value;
    bool found;
};

static void take_gauge(void *context, const char *name, double value)
{
    struct gauges *gauges = context;
    if (strcmp(name, gauges->wanted) == 0) {
        gauges->value = value;
        gauges->found = true;
    }
}

static void expect_gauge(struct fixture *fixture, const char *name, double value)
{
    struct gauges gauges = {.wanted = name};
    stage_consent.gauges(fixture->shared, take_gauge, &gauges);
    if (!gauges.found || gauges.value != value)
        fail_msg("%s: %f", name, gauges.value);
}

static void consent_counts_what_an_operator_must_see(void **state)
{
    static const struct view places[] = {{"3:7", 3}};
    struct fixture *fixture = *state;
    fixture->options.ignore = LIST(places);
    start(fixture);
    complete(fixture);
    apply(fixture, "line:" LINE, "broken");
    apply(fixture, "line:" LINE, NULL);
    apply(fixture, "account:" ACCOUNT, choices(fixture, "\"other\":\"out\""));
    apply(fixture, "account:" ACCOUNT, "{\"choices\":{},\"effective\":1,\"seq\":1,\"x\":1}");
    apply(fixture, "meta:birth:0", "{}");
    apply(fixture, "signal:line:" LINE, "{}");
    apply(fixture, "device:maid:00000000-0000-0000-0000-000000000000", "{}");
    assert_true(apply_at(fixture, 3, 7, true, "bad", NULL));
    assert_true(apply_at(fixture, 3, 8, false, "line:14155550105", NULL));
    expect(fixture, LINE, ACCOUNT, NULL, 0, CONSENT_OPTED_OUT_SIGNAL);
    expect(fixture, "14155550106", "A-7", NULL, BASIC, CONSENT_NO_REASON);
    struct record aborted = event_of(LINE, ACCOUNT, NULL);
    process(fixture, &aborted);
    stage_consent.abort(fixture->states[0]); /* counts nothing */

    expect_gauge(fixture, "consent_records", 9);
    expect_gauge(fixture, "consent_entries", 3);
    expect_gauge(fixture, "consent_table_entries", 4);
    expect_gauge(fixture, "consent_records_uncommitted", 1);
    expect_gauge(fixture, "consent_records_unreadable", 1);
    expect_gauge(fixture, "consent_records_tombstones", 1);
    expect_gauge(fixture, "consent_records_ignored", 1);
    expect_gauge(fixture, "consent_choices_of_unknown_programmes", 1);
    expect_gauge(fixture, "consent_records_with_unknown_members", 1);
    expect_gauge(fixture, "consent_records_of_erased", 0);
    expect_gauge(fixture, "consent_records_meta", 1);
    expect_gauge(fixture, "consent_records_of_signals", 1);
    expect_gauge(fixture, "consent_records_of_no_device", 1);
    expect_gauge(fixture, "consent_events_looked_up", 2);
    expect_gauge(fixture, "consent_events_matched", 1);
    expect_gauge(fixture, "consent_match_ratio", 0.5);
}

static void consent_counts_signals_by_kind_once_they_are_committed(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    complete(fixture);
    struct record record = event_of(LINE, ACCOUNT, NULL);
    record.signals.gpp_presence = record.signals.us_privacy_presence = PRESENCE_PRESENT;
    record.signals.gpp = VIEW("DBACNY~CPXxRfA~1YNN"); /* sections 2 and 6 */
    record.signals.us_privacy = VIEW("1YNN");
    struct record again = record;
    assert_int_equal(process(fixture, &again).kind, VERDICT_PASS);
    stage_consent.abort(fixture->states[0]);
    expect_gauge(fixture, "consent_signals_gpp", 0);
    assert_int_equal(judge(fixture, &record).kind, VERDICT_PASS);
    record = event_of(LINE, ACCOUNT, NULL);
    record.signals.gpc = GPC_TRUE;
    assert_int_equal(judge(fixture, &record).kind, VERDICT_DROP); /* counted though nothing was looked up */

    expect_gauge(fixture, "consent_signals_gpc", 1);
    expect_gauge(fixture, "consent_signals_gpc_on", 1);
    expect_gauge(fixture, "consent_signals_us_privacy", 1);
    expect_gauge(fixture, "consent_signals_gpp", 1);
    expect_gauge(fixture, "consent_signals_gpp_sid", 0);
    expect_gauge(fixture, "consent_signals_gpp_sections_decided", 1);
    expect_gauge(fixture, "consent_signals_gpp_sections_ignored", 1);
}

/* Options from a text; returns the number of mistakes. */
static unsigned read_options(struct arena *arena, const char *text, struct consent_options *out_options)
{
    struct lint lint;
    lint_init(&lint, arena);
    struct document_node *root =
        text ? document_parse(view_of_string(text), (struct option_place){"test.yaml", 1, 1}, &lint) : NULL;
    memset(out_options, 0, sizeof *out_options);
    assert_true(option_fill(stage_consent.options, root, out_options, "test.yaml", &lint));
    option_check_all(&lint);
    return lint.error_count;
}

static void consent_options_have_bounds_and_defaults(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned mistakes;
        const char *why;
    } rows[] = {
        {"{subjects: [line, account, device], lease: 30s, barrier_every: 1s, floor: 100, ignore: ['0:0', "
         "'12:4711']}",
         0, "all of them"},
        {"{subjects: []}", 1, "no subject: every event would pass without a look-up"},
        {"{subjects: [person]}", 1, "no such subject"},
        {"{floor: 0}", 1, "an empty topic must not start"},
        {"{lease: 5s}", 1, "a lease as short as barrier_every would lapse between two"},
        {"{lease: 5001ms}", 0, "a millisecond more"},
        {"{lease: 500ms, barrier_every: 100ms}", 1, "a lease below its bound"},
        {"{ignore: ['0']}", 1, "no offset"},
        {"{ignore: ['0:']}", 1, "no offset"},
        {"{ignore: [':1']}", 1, "no partition"},
        {"{ignore: ['0:1x']}", 1, "more than a place"},
        {"{ignore: ['-1:1']}", 1, "no such partition"},
        {"{ignore: ['2147483648:1']}", 1, "one partition too far"},
        {"{ignore: ['2147483647:9223372036854775807']}", 0, "the last place"},
        {"{ignore: ['0:9223372036854775808']}", 1, "one offset too far"},
        {"{ignore: ['a:b', '1:2', 'c:d']}", 2, "each mistake is told"},
    };
    struct arena arena = {0};
    struct error error = {0};
    assert_true(arena_init(&arena, 65536, 1 << 20, &error));
    struct consent_options options;
    assert_int_equal(read_options(&arena, NULL, &options), 0);
    assert_int_equal(options.followed.lease_ms, 60000);
    assert_int_equal(options.followed.barrier_every_ms, 5000);
    assert_int_equal(options.floor, 1);
    assert_int_equal(options.subjects.count, 2);
    assert_int_equal(((const int *)options.subjects.items)[0], SUBJECT_LINE + 1);
    assert_int_equal(((const int *)options.subjects.items)[1], SUBJECT_ACCOUNT + 1);
    assert_int_equal(options.ignore.count, 0);
    assert_int_equal(offsetof(struct consent_options, followed), 0); /* the runtime reads it there */
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (read_options(&arena, rows[i].text, &options) != rows[i].mistakes)
            fail_msg("%s: %s", rows[i].text, rows[i].why);
    }
    arena_release(&arena);
}

static void expect_lint(struct fixture *fixture, unsigned errors, unsigned warnings, const char *why)
{
    struct arena arena = {0};
    struct lint lint;
    assert_true(arena_init(&arena, 65536, 1 << 20, &fixture->error));
    lint_init(&lint, &arena);
    stage_consent.lint(&fixture->config, &fixture->options, &lint);
    if (lint.error_count != errors || lint.warning_count != warnings)
        fail_msg("%s: %u errors, %u warnings", why, lint.error_count, lint.warning_count);
    arena_release(&arena);
}

static struct view key_path(const void *options)
{
    return *(const struct view *)options;
}

static void consent_lint_warns_where_no_key_lasts_to_remember_erasures_by(void **state)
{
    static const struct stage pseudonymize = {.name = "pseudonymize", .subject_key_path = key_path};
    static const struct stage *const stages[] = {&stage_consent, &pseudonymize, NULL};
    struct fixture *fixture = *state;
    struct view path = VIEW("secrets/pseudonym.key");
    void *options[] = {&fixture->options, NULL};
    expect_lint(fixture, 0, 1, "no key at all");
    fixture->options.suppression_key = VIEW("secrets/suppression.key");
    expect_lint(fixture, 0, 0, "one of its own");
    fixture->options.suppression_key = (struct view){0};
    fixture->config.stages = stages;
    fixture->config.stage_options = options;
    expect_lint(fixture, 0, 1, "pseudonymize runs elsewhere, and nothing is said of it");
    options[1] = &path;
    expect_lint(fixture, 0, 0, "made from the key of pseudonyms");
    path = (struct view){0};
    expect_lint(fixture, 0, 1, "which has no name");
}

static void consent_lint_sees_what_needs_the_whole_configuration(void **state)
{
    static const int line_only[] = {1}, account_only[] = {2}, device_only[] = {3};
    static const struct option_enum_pair maine[] = {{{"US-ME", 5}, REGIME_OPT_IN, {0}}};
    static const struct view many[] = {{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1},     {"e", 1},
                                       {"f", 1}, {"g", 1}, {"h", 1}, {"i", 1},     {"j", 1},
                                       {"k", 1}, {"l", 1}, {"m", 1}, {"basic", 5}, {"n", 1}};
    struct fixture *fixture = *state;
    fixture->options.suppression_key = VIEW("secrets/suppression.key");
    expect_lint(fixture, 0, 0, "as it should be");
    fixture->options.subjects = LIST(all_subjects);
    expect_lint(fixture, 0, 1, "device is listed: handsets that limit ad tracking are dropped");
    fixture->options.subjects = LIST(line_only);
    programmes[1].in_by = LIST(account_only);
    expect_lint(fixture, 1, 0, "`in` by account, of whom no choice may be stored");
    programmes[1].regime = REGIME_OPT_OUT;
    expect_lint(fixture, 0, 0, "nobody needs an `in`");
    programmes[1].regions = LIST(maine);
    expect_lint(fixture, 1, 0, "in Maine one does");
    programmes[1].in_by = LIST(both);
    expect_lint(fixture, 0, 0, "`in` by line as well");
    fixture->options.subjects = LIST(device_only);
    expect_lint(fixture, 1, 1, "by neither");
    fixture->options.subjects = LIST(line_account);
    programmes[0].predecessors = LIST(many);
    programmes[0].predecessors.count--;
    expect_lint(fixture, 0, 0, "fifteen names: one of them is a programme");
    programmes[0].predecessors.count++;
    expect_lint(fixture, 1, 0, "sixteen");
}

static void consent_releases_what_never_began(void **state)
{
    (void)state;
    void *shared = calloc(1, stage_consent.shared_size), *worker = calloc(1, stage_consent.state_size);
    stage_consent.release(worker);
    stage_consent.shared_release(shared);
    free(shared);
    free(worker);
}

static void consent_does_not_start_without_a_key_or_with_a_bad_programme(void **state)
{
    struct fixture *fixture = *state;
    void *shared = calloc(1, stage_consent.shared_size);
    fixture->context.subject_key = NULL;
    assert_false(stage_consent.shared_init(shared, &fixture->context, &fixture->error));
    stage_consent.shared_release(shared);
    fixture->context.subject_key = fixture->key;
    programmes[0].timezone = VIEW("Nowhere/Land");
    assert_false(stage_consent.shared_init(shared, &fixture->context, &fixture->error));
    assert_int_equal(fixture->error.exit_status, EXIT_STATUS_CONFIGURATION);
    stage_consent.shared_release(shared);
    free(shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(consent_counts_what_an_operator_must_see),
        CASE(consent_counts_signals_by_kind_once_they_are_committed),
        CASE(consent_options_have_bounds_and_defaults),
        CASE(consent_lint_warns_where_no_key_lasts_to_remember_erasures_by),
        CASE(consent_lint_sees_what_needs_the_whole_configuration),
        CASE(consent_releases_what_never_began),
        CASE(consent_does_not_start_without_a_key_or_with_a_bad_programme),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
