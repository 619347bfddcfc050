#include "stages/classify/classify.h"

#include "common/config.h"
#include "stages/classify/rule_load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/clickveil-classify-test-XXXXXX";
static char hosts_path[64], apps_path[64], taxonomy_path[64];
static struct view hosts_item, apps_item;
static struct classify_options options;
static struct stage_context context;
static struct error error;
static void *shared;
static void *state;

/* What the stage reported to lint; this one stands in for common/lint.c, so that places can be looked at. */
struct reported {
    enum lint_severity severity;
    bool placed;
    struct option_place place;
    char text[512];
};

static struct reported reports[64];
static unsigned report_count;

void lint_report(struct lint *lint, enum lint_severity severity, const struct option_place *place,
                 const char *text, ...)
{
    (void)lint;
    assert_true(report_count < sizeof(reports) / sizeof(reports[0]));
    struct reported *report = &reports[report_count++];
    va_list arguments;
    report->severity = severity;
    report->placed = place != NULL;
    report->place = place != NULL ? *place : (struct option_place){0};
    va_start(arguments, text);
    vsnprintf(report->text, sizeof(report->text), text, arguments);
    va_end(arguments);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* A stage over two small lists, started as the chain starts it. */
static int start(void **unused)
{
    (void)unused;
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(hosts_path, sizeof(hosts_path), "%s/hosts.tsv", folder);
    snprintf(apps_path, sizeof(apps_path), "%s/apps.tsv", folder);
    snprintf(taxonomy_path, sizeof(taxonomy_path), "%s/taxonomy.tsv", folder);
    write_file(hosts_path,
               "example.com\t207,243\nbad.com\tdeny\ncdn.com\tnone\nlonely.com\t257\nother.com\t207,243\n");
    write_file(apps_path, "com.example.*\t207\ncom.bad.*\tdeny\ncom.other\t243\n");
    write_file(taxonomy_path, "206\t0\t1\trefused\tInterest\n207\t206\t2\tpublishable\tAcademic Interests\n"
                              "243\t206\t2\tpublishable\tAutomotive\n257\t206\t2\tpublishable\tBooks\n");
    hosts_item = view_of_string(hosts_path);
    apps_item = view_of_string(apps_path);
    options = (struct classify_options){
        .hosts = {&hosts_item, 1, true},
        .apps = {&apps_item, 1, true},
        .taxonomy = view_of_string(taxonomy_path),
        .support = 2,
        .depth = 2,
    };
    memset(&error, 0, sizeof(error));
    context = (struct stage_context){.options = &options, .workers = 1};
    shared = calloc(1, stage_classify.shared_size);
    state = calloc(1, stage_classify.state_size);
    if (!stage_classify.shared_init(shared, &context, &error))
        fail_msg("%s %s", error.where, error.what);
    context.shared = shared;
    return stage_classify.init(state, &context, &error) ? 0 : -1;
}

static int end(void **unused)
{
    (void)unused;
    stage_classify.release(state);
    stage_classify.shared_release(shared);
    free(state);
    free(shared);
    unlink(hosts_path);
    unlink(apps_path);
    unlink(taxonomy_path);
    int result = rmdir(folder);
    memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
    return result;
}

static struct verdict process(struct record *record)
{
    struct emitter emitter = {.error = &error};
    memset(&error, 0, sizeof(error));
    return stage_classify.process(state, record, &emitter);
}

static struct record event(enum event_type type, const char *target)
{
    struct record record = {.kind = RECORD_EVENT, .type = type, .url = VIEW("https://example.com/path")};
    if (type == EVENT_BROWSE)
        record.host = view_of_string(target);
    else
        record.app = view_of_string(target);
    return record;
}

static void expect(struct record record, enum verdict_kind kind, const char *reason)
{
    struct verdict verdict = process(&record);
    assert_int_equal(verdict.kind, kind);
    assert_true(verdict.reason < stage_classify.reason_count);
    assert_string_equal(stage_classify.reasons[verdict.reason].name, reason);
}

static void classify_gives_interests_of_weight_one_and_the_digest(void **unused)
{
    (void)unused;
    struct record record = event(EVENT_BROWSE, "www.example.com");
    assert_int_equal(process(&record).kind, VERDICT_PASS);
    assert_int_equal(record.interest_count, 2);
    assert_int_equal(record.interests[0].taxonomy_id, 207);
    assert_int_equal(record.interests[0].weight, 1);
    assert_int_equal(record.interests[1].taxonomy_id, 243);
    assert_int_equal(record.interests[1].weight, 1);
    assert_true(record.rules_digest != 0);
}

static void classify_leaves_neither_host_nor_app_nor_url_behind(void **unused)
{
    (void)unused;
    static const struct {
        enum event_type type;
        const char *target;
    } cases[] = {
        {EVENT_BROWSE, "example.com"}, {EVENT_BROWSE, "bad.com"},
        {EVENT_BROWSE, "unknown.com"}, {EVENT_BROWSE, "cdn.com"},
        {EVENT_BROWSE, "lonely.com"},  {EVENT_APP_USE, "com.example.app"},
        {EVENT_APP_USE, "com.bad.x"},  {EVENT_APP_REMOVE, "com.example.app"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct record record = event(cases[i].type, cases[i].target);
        process(&record);
        assert_true(view_is_absent(record.host));
        assert_true(view_is_absent(record.app));
        assert_true(view_is_absent(record.url));
    }
}

static void classify_passes_all_kinds_of_app_events_with_their_interests(void **unused)
{
    (void)unused;
    static const enum event_type types[] = {EVENT_APP_USE, EVENT_APP_INSTALL, EVENT_APP_REMOVE};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        struct record record = event(types[i], "com.Example.App");
        record.app_token = 4711;
        assert_int_equal(process(&record).kind, VERDICT_PASS);
        assert_int_equal(record.interest_count, 1);
        assert_int_equal(record.interests[0].taxonomy_id, 207);
        assert_int_equal(record.type, types[i]);
        assert_true(record.app_token == 4711); /* app_remove ends by it what the app brought */
    }
}

static void classify_drops_events_without_an_interest_by_reason(void **unused)
{
    (void)unused;
    expect(event(EVENT_BROWSE, "unknown.com"), VERDICT_DROP, "no_interest");
    expect(event(EVENT_BROWSE, "cdn.com"), VERDICT_DROP, "no_interest");
    expect(event(EVENT_BROWSE, "www.bad.com"), VERDICT_DROP, "interest_denied");
    expect(event(EVENT_BROWSE, "lonely.com"), VERDICT_DROP, "interest_unsupported");
    expect(event(EVENT_APP_USE, "com.unknown"), VERDICT_DROP, "no_interest");
    expect(event(EVENT_APP_INSTALL, "com.bad.app"), VERDICT_DROP, "interest_denied");
    expect(event(EVENT_APP_REMOVE, "com.unknown"), VERDICT_DROP, "no_interest");
    struct record preinstalled = event(EVENT_APP_USE, "com.example.app");
    preinstalled.preinstalled = true;
    expect(preinstalled, VERDICT_DROP, "no_interest");
}

static void classify_looks_up_hosts_and_apps_apart(void **unused)
{
    (void)unused;
    expect(event(EVENT_BROWSE, "com.other"), VERDICT_DROP, "no_interest");
    expect(event(EVENT_APP_USE, "example.com"), VERDICT_DROP, "no_interest");
}

static void classify_rejects_events_without_host_or_app(void **unused)
{
    (void)unused;
    struct record browse = {.kind = RECORD_EVENT, .type = EVENT_BROWSE, .app = VIEW("com.example.app")};
    struct record use = {.kind = RECORD_EVENT, .type = EVENT_APP_USE, .host = VIEW("example.com")};
    expect(browse, VERDICT_REJECT, "target_missing");
    expect(use, VERDICT_REJECT, "target_missing");
}

static void classify_stops_at_what_it_does_not_know(void **unused)
{
    (void)unused;
    struct record zeroed = {0};
    assert_int_equal(process(&zeroed).kind, VERDICT_STOP);
    assert_int_equal(error.exit_status, EXIT_STATUS_BUG);
    struct record untyped = event(EVENT_BROWSE, "example.com");
    untyped.type = EVENT_UNKNOWN;
    assert_int_equal(process(&untyped).kind, VERDICT_STOP);
    assert_int_equal(error.exit_status, EXIT_STATUS_BUG);
}

static void classify_passes_retractions_as_they_are(void **unused)
{
    (void)unused;
    struct record before, after;
    memset(&before, 0, sizeof(before)); /* padding too: the bytes are compared */
    before.kind = RECORD_RETRACTION;
    before.host = VIEW("kept.example");
    memcpy(&after, &before, sizeof(after));
    assert_int_equal(process(&after).kind, VERDICT_PASS);
    assert_memory_equal(&before, &after, sizeof(before));
}

static unsigned interests_of(const char *host)
{
    struct record record = event(EVENT_BROWSE, host);
    return process(&record).kind == VERDICT_PASS ? record.interest_count : 0;
}

static void classify_reload_counts_from_the_next_transaction(void **unused)
{
    (void)unused;
    struct record record = event(EVENT_BROWSE, "example.com");
    process(&record);
    uint64_t digest = record.rules_digest;
    write_file(hosts_path, "example.com\t207\nother.com\t207\n");
    assert_true(stage_classify.reload(shared, &context, &error));
    assert_int_equal(interests_of("example.com"), 2); /* the transaction is still open */
    stage_classify.commit(state);
    assert_int_equal(interests_of("example.com"), 1);
    stage_classify.abort(state);
    record = event(EVENT_BROWSE, "example.com");
    process(&record);
    assert_true(record.rules_digest != digest);
}

static void classify_reload_keeps_the_old_rules_on_any_mistake(void **unused)
{
    (void)unused;
    write_file(hosts_path, "example.com\t207\nother.com\t207\ncom\tnone\n");
    assert_false(stage_classify.reload(shared, &context, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_CONFIGURATION);
    assert_non_null(strstr(error.where, "hosts.tsv:3:1"));
    assert_int_equal(interests_of("example.com"), 2);
    stage_classify.commit(state);
    unlink(apps_path);
    assert_false(stage_classify.reload(shared, &context, &error));
    assert_int_equal(interests_of("example.com"), 2);
    write_file(apps_path, "");
}

static void classify_does_not_start_without_its_files(void **unused)
{
    (void)unused;
    void *other = calloc(1, stage_classify.shared_size);
    struct view missing = VIEW("/nonexistent/hosts.tsv");
    struct classify_options broken = options;
    struct stage_context start_context = {.options = &broken, .workers = 1};
    broken.hosts.items = &missing;
    assert_false(stage_classify.shared_init(other, &start_context, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_CONFIGURATION);
    assert_string_equal(error.where, missing.data);
    broken = options;
    broken.taxonomy = missing;
    assert_false(stage_classify.shared_init(other, &start_context, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_CONFIGURATION);
    stage_classify.shared_release(other); /* of zeroed memory */
    free(other);
}

static void classify_finds_the_taxonomy_that_the_product_ships(void **unused)
{
    (void)unused;
    void *other = calloc(1, stage_classify.shared_size);
    struct classify_options plain = options;
    struct stage_context start_context = {.options = &plain, .workers = 1};
    plain.taxonomy = VIEW_ABSENT;
    if (!stage_classify.shared_init(other, &start_context, &error))
        fail_msg("%s %s", error.where, error.what);
    stage_classify.shared_release(other);
    free(other);
}

static void note_gauge(void *values, const char *name, double value)
{
    static const char *const names[] = {"rules", "hosts", "apps", "interests", "interests_unsupported",
                                        "digest"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], name) == 0)
            ((double *)values)[i] = value;
    }
}

static void classify_gauges_tell_what_is_loaded(void **unused)
{
    (void)unused;
    double values[6] = {-1, -1, -1, -1, -1, -1};
    struct record record = event(EVENT_BROWSE, "example.com");
    process(&record);
    stage_classify.gauges(shared, note_gauge, values);
    assert_true(values[0] == 8 && values[1] == 5 && values[2] == 3);
    assert_true(values[3] == 2 && values[4] == 1);
    assert_true(values[5] == (double)(record.rules_digest >> 16));
}

static void run_lint(unsigned first_stage)
{
    static const struct stage other = {.name = "consent"};
    static const struct stage *const stages[] = {&other, &stage_classify, NULL};
    struct config config = {.stages = stages, .first_stage = first_stage, .last_stage = first_stage};
    report_count = 0;
    stage_classify.lint(&config, &options, NULL);
}

static void classify_lint_names_the_place_of_each_mistake_in_all_files(void **unused)
{
    (void)unused;
    write_file(hosts_path, "example.com\t207\nco.uk\tdeny\nx.com\t999\n");
    write_file(apps_path, "com.*\tdeny\n");
    run_lint(1);
    assert_int_equal(report_count, 3);
    assert_int_equal(reports[0].severity, LINT_ERROR);
    assert_string_equal(reports[0].place.file, hosts_path);
    assert_int_equal(reports[0].place.line, 2);
    assert_int_equal(reports[1].place.line, 3);
    assert_int_equal(reports[1].place.column, 7);
    assert_non_null(strstr(reports[1].text, "no row 999"));
    assert_string_equal(reports[2].place.file, apps_path);
}

static void classify_lint_names_the_option_of_a_file_that_is_not_there(void **unused)
{
    (void)unused;
    unlink(hosts_path);
    options.hosts_place = (struct option_place){"pipeline.yaml", 7, 19};
    run_lint(1);
    assert_int_equal(report_count, 1);
    assert_string_equal(reports[0].place.file, "pipeline.yaml");
    assert_int_equal(reports[0].place.line, 7);
    assert_non_null(strstr(reports[0].text, hosts_path));
    write_file(hosts_path, "");
}

static void classify_lint_says_how_many_mistakes_it_left_out(void **unused)
{
    (void)unused;
    char text[1024] = "";
    for (unsigned i = 0; i < MISTAKES_MAX + 3; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "com\tnone\n");
    write_file(hosts_path, text);
    run_lint(1);
    assert_int_equal(report_count, MISTAKES_MAX + 1);
    assert_non_null(strstr(reports[MISTAKES_MAX].text, "3 more"));
}

static void classify_lint_warns_of_interests_without_support(void **unused)
{
    (void)unused;
    run_lint(1);
    assert_int_equal(report_count, 1);
    assert_int_equal(reports[0].severity, LINT_WARNING);
    assert_non_null(strstr(reports[0].text, "257 (Books) has 1"));
}

static void classify_lint_leaves_the_files_alone_where_another_stage_runs(void **unused)
{
    (void)unused;
    unlink(hosts_path);
    run_lint(0);
    assert_int_equal(report_count, 0);
    write_file(hosts_path, "");
}

static void classify_options_are_checked_together(void **unused)
{
    (void)unused;
    static const struct {
        unsigned hosts, apps;
        int64_t support, depth;
        enum lint_severity severity;
        const char *word; /* NULL: nothing is reported */
    } cases[] = {
        {1, 0, 5, 2, LINT_ERROR, NULL},
        {0, 1, 5, 2, LINT_ERROR, NULL},
        {0, 0, 5, 2, LINT_ERROR, "no rules"},
        {32, 32, 5, 2, LINT_ERROR, NULL},
        {32, 33, 5, 2, LINT_ERROR, "65 rule files"},
        {1, 1, 4, 2, LINT_WARNING, "support below 5"},
        {1, 1, 5, 3, LINT_WARNING, "depth above 2"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct classify_options some = {.hosts.count = cases[i].hosts,
                                        .apps.count = cases[i].apps,
                                        .support = cases[i].support,
                                        .depth = cases[i].depth};
        report_count = 0;
        stage_classify.options->check(&some, NULL);
        assert_int_equal(report_count, cases[i].word != NULL);
        if (cases[i].word != NULL) {
            assert_int_equal(reports[0].severity, cases[i].severity);
            assert_non_null(strstr(reports[0].text, cases[i].word));
        }
    }
}

#define STARTED(test) cmocka_unit_test_setup_teardown(test, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STARTED(classify_gives_interests_of_weight_one_and_the_digest),
        STARTED(classify_leaves_neither_host_nor_app_nor_url_behind),
        STARTED(classify_passes_all_kinds_of_app_events_with_their_interests),
        STARTED(classify_drops_events_without_an_interest_by_reason),
        STARTED(classify_looks_up_hosts_and_apps_apart),
        STARTED(classify_rejects_events_without_host_or_app),
        STARTED(classify_stops_at_what_it_does_not_know),
        STARTED(classify_passes_retractions_as_they_are),
        STARTED(classify_reload_counts_from_the_next_transaction),
        STARTED(classify_reload_keeps_the_old_rules_on_any_mistake),
        STARTED(classify_does_not_start_without_its_files),
        STARTED(classify_finds_the_taxonomy_that_the_product_ships),
        STARTED(classify_gauges_tell_what_is_loaded),
        STARTED(classify_lint_names_the_place_of_each_mistake_in_all_files),
        STARTED(classify_lint_names_the_option_of_a_file_that_is_not_there),
        STARTED(classify_lint_says_how_many_mistakes_it_left_out),
        STARTED(classify_lint_warns_of_interests_without_support),
        STARTED(classify_lint_leaves_the_files_alone_where_another_stage_runs),
        STARTED(classify_options_are_checked_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
