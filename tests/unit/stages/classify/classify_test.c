#include "stages/classify/classify.h"

#include "common/config.h"
#include "common/lint.h"
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

static void classify_passes_removals_whatever_the_rules_say_of_the_app(void **unused)
{
    (void)unused;
    static const char *const apps[] = {"com.example.app", "com.unknown", "com.bad.app"};
    for (size_t i = 0; i < sizeof(apps) / sizeof(apps[0]); i++) {
        struct record record = event(EVENT_APP_REMOVE, apps[i]);
        record.app_token = 4711; /* publish ends by it what the app brought, perhaps under other rules */
        assert_int_equal(process(&record).kind, VERDICT_PASS);
        assert_int_equal(record.interest_count, 0);
        assert_true(view_is_absent(record.app));
        assert_true(record.app_token == 4711);
    }
    expect(event(EVENT_APP_REMOVE, NULL), VERDICT_REJECT, "target_missing");
}

static void classify_passes_app_events_with_their_interests(void **unused)
{
    (void)unused;
    static const enum event_type types[] = {EVENT_APP_USE, EVENT_APP_INSTALL};
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

static void classify_reload_keeps_the_old_rules_when_a_file_is_not_whole(void **unused)
{
    static const struct {
        const char *text, *where, *why;
    } rows[] = {
        {"", "hosts.tsv", "emptied, and not yet written again"},
        {"# source: us\n\n  \n#\tnone\n", "hosts.tsv", "comments only"},
        {"\xef\xbb\xbf# source: us\r\n", "hosts.tsv", "comments only, as an editor of Windows writes them"},
        {"example.com\t207\nother.com\t24", "hosts.tsv:2", "cut off inside of a number"},
        {"example.com\t207", "hosts.tsv:1", "cut off at the end of a rule, which nobody can tell"},
    };
    (void)unused;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        memset(&error, 0, sizeof error);
        write_file(hosts_path, rows[i].text);
        if (stage_classify.reload(shared, &context, &error) || !strstr(error.where, rows[i].where))
            fail_msg("%s: %s %s", rows[i].why, error.where, error.what);
        struct record record = event(EVENT_BROWSE, "other.com");
        assert_int_equal(process(&record).kind, VERDICT_PASS);
    }
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

/* What lint prints, one message a line, in the order of places. Free it. */
static char *lint_text(void (*report)(const void *context, struct lint *lint), const void *report_context)
{
    struct arena arena = {0};
    struct lint lint;
    char *text = NULL;
    size_t size = 0;
    assert_true(arena_init(&arena, 65536, 1 << 20, &error));
    lint_init(&lint, &arena);
    report(report_context, &lint);
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    lint_write(&lint, out);
    assert_int_equal(fclose(out), 0);
    arena_release(&arena);
    return text;
}

static void report_files(const void *first_stage, struct lint *lint)
{
    static const struct stage other = {.name = "consent"};
    static const struct stage *const stages[] = {&other, &stage_classify, NULL};
    unsigned index = *(const unsigned *)first_stage;
    struct config config = {.stages = stages, .first_stage = index, .last_stage = index};
    stage_classify.lint(&config, &options, lint);
}

static char *lint_files(unsigned first_stage)
{
    return lint_text(report_files, &first_stage);
}

static unsigned lines_of(const char *text)
{
    unsigned count = 0;
    for (; *text != '\0'; text++)
        count += *text == '\n';
    return count;
}

/* `text` has a message that starts with file:place and goes on with `words` somewhere in that line. */
static void assert_message(const char *text, const char *file, const char *place, const char *words)
{
    char start[256];
    snprintf(start, sizeof(start), "%s:%s: ", file, place);
    const char *message = strstr(text, start);
    const char *found = message == NULL ? NULL : strstr(message, words);
    if (found == NULL || memchr(message, '\n', (size_t)(found - message)) != NULL)
        fail_msg("no '%s ... %s' in: %s", start, words, text);
}

static void classify_lint_names_the_place_of_each_mistake_in_all_files(void **unused)
{
    (void)unused;
    write_file(hosts_path, "example.com\t207\nco.uk\tdeny\nx.com\t999\n");
    write_file(apps_path, "com.*\tdeny\n");
    char *text = lint_files(1);
    assert_int_equal(lines_of(text), 3);
    assert_message(text, hosts_path, "2:1", "error: 'co.uk' is a public suffix");
    assert_message(text, hosts_path, "3:7", "error: the taxonomy has no row 999");
    assert_message(text, apps_path, "1:1", "error: 'com.*' covers");
    free(text);
}

static void classify_lint_names_the_option_of_a_file_that_is_not_there(void **unused)
{
    (void)unused;
    unlink(hosts_path);
    options.hosts_place = (struct option_place){"pipeline.yaml", 7, 19};
    char *text = lint_files(1);
    assert_int_equal(lines_of(text), 1);
    assert_message(text, "pipeline.yaml", "7:19", hosts_path);
    assert_null(strstr(text, "tsv:0"));
    free(text);
    write_file(hosts_path, "");
}

static void classify_lint_reads_on_when_a_file_is_not_there(void **unused)
{
    (void)unused;
    unlink(hosts_path);
    write_file(apps_path, "com.*\tdeny\ncom.app\t999\n");
    char *text = lint_files(1);
    assert_int_equal(lines_of(text), 3);
    assert_message(text, apps_path, "1:1", "'com.*' covers");
    assert_message(text, apps_path, "2:9", "no row 999");
    free(text);
    unlink(taxonomy_path);
    text = lint_files(1);
    assert_int_equal(lines_of(text), 3); /* both files, and the key; rows of no taxonomy can't be judged */
    assert_message(text, apps_path, "1:1", "'com.*' covers");
    free(text);
    write_file(hosts_path, "");
    write_file(taxonomy_path, "");
}

static void classify_lint_names_the_line_in_a_broken_taxonomy(void **unused)
{
    (void)unused;
    write_file(taxonomy_path, "206\t0\t1\trefused\tInterest\n207\t9\t2\tpublishable\tA\n");
    options.taxonomy_place = (struct option_place){"pipeline.yaml", 8, 13};
    char *text = lint_files(1);
    assert_int_equal(lines_of(text), 1);
    assert_message(text, "pipeline.yaml", "8:13", "taxonomy.tsv:2: row 207 lies below 9");
    free(text);
}

static void classify_lint_says_how_many_mistakes_it_left_out(void **unused)
{
    (void)unused;
    char list[1024] = "";
    for (unsigned i = 0; i < MISTAKES_MAX + 3; i++)
        snprintf(list + strlen(list), sizeof(list) - strlen(list), "com\tnone\n");
    write_file(hosts_path, list);
    char *text = lint_files(1);
    assert_int_equal(lines_of(text), MISTAKES_MAX + 1);
    assert_message(text, hosts_path, "20:1", "'com'");
    assert_non_null(strstr(text, "error: the rule files have 3 more mistakes"));
    free(text);
}

static void classify_lint_warns_of_interests_without_support(void **unused)
{
    (void)unused;
    options.support_place = (struct option_place){"pipeline.yaml", 9, 5};
    char *text = lint_files(1);
    assert_int_equal(lines_of(text), 1);
    assert_message(text, "pipeline.yaml", "9:5", "warning: interest 257 (Books) has 1 sites and apps");
    free(text);
}

static void classify_lint_leaves_the_files_alone_where_another_stage_runs(void **unused)
{
    (void)unused;
    unlink(hosts_path);
    char *text = lint_files(0);
    assert_string_equal(text, "");
    free(text);
    write_file(hosts_path, "");
}

static void report_options(const void *some, struct lint *lint)
{
    stage_classify.options->check(some, lint);
}

static void classify_options_are_checked_together(void **unused)
{
    (void)unused;
    static const struct {
        unsigned hosts, apps;
        int64_t support, depth;
        const char *words; /* "": nothing is reported */
    } cases[] = {
        {1, 0, 5, 2, ""},
        {0, 1, 5, 2, ""},
        {0, 0, 5, 2, "error: classify has no rules"},
        {32, 32, 5, 2, ""},
        {32, 33, 5, 2, "error: classify has 65 rule files"},
        {1, 1, 4, 2, "warning: support below 5"},
        {1, 1, 5, 3, "warning: depth above 2"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct classify_options some = {.hosts.count = cases[i].hosts,
                                        .apps.count = cases[i].apps,
                                        .support = cases[i].support,
                                        .depth = cases[i].depth};
        char *text = lint_text(report_options, &some);
        assert_int_equal(lines_of(text), cases[i].words[0] != '\0');
        if (strstr(text, cases[i].words) == NULL)
            fail_msg("no '%s' in: %s", cases[i].words, text);
        free(text);
    }
}

#define STARTED(test) cmocka_unit_test_setup_teardown(test, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STARTED(classify_gives_interests_of_weight_one_and_the_digest),
        STARTED(classify_leaves_neither_host_nor_app_nor_url_behind),
        STARTED(classify_passes_removals_whatever_the_rules_say_of_the_app),
        STARTED(classify_passes_app_events_with_their_interests),
        STARTED(classify_drops_events_without_an_interest_by_reason),
        STARTED(classify_looks_up_hosts_and_apps_apart),
        STARTED(classify_rejects_events_without_host_or_app),
        STARTED(classify_stops_at_what_it_does_not_know),
        STARTED(classify_reload_counts_from_the_next_transaction),
        STARTED(classify_reload_keeps_the_old_rules_on_any_mistake),
        STARTED(classify_reload_keeps_the_old_rules_when_a_file_is_not_whole),
        STARTED(classify_does_not_start_without_its_files),
        STARTED(classify_finds_the_taxonomy_that_the_product_ships),
        STARTED(classify_gauges_tell_what_is_loaded),
        STARTED(classify_lint_names_the_place_of_each_mistake_in_all_files),
        STARTED(classify_lint_names_the_option_of_a_file_that_is_not_there),
        STARTED(classify_lint_reads_on_when_a_file_is_not_there),
        STARTED(classify_lint_names_the_line_in_a_broken_taxonomy),
        STARTED(classify_lint_says_how_many_mistakes_it_left_out),
        STARTED(classify_lint_warns_of_interests_without_support),
        STARTED(classify_lint_leaves_the_files_alone_where_another_stage_runs),
        STARTED(classify_options_are_checked_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
