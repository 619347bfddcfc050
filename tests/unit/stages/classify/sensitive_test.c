/*
 * What is sensitive stays so over a reload: for every class that config/rules/sensitive.tsv names, lists that change
 * under a running stage try to get an interest out of its hosts and apps. The other ways are
 * tests/chain/sensitive_test.sh.
 */
#include "stages/classify/classify.h"
#include "stages/classify/rule_load.h"

#include "common/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    CLASSES_MAX = 32,
    TARGET_SIZE = 256,
    PATH_SIZE = 96,
    OTHERS = 8, /* hosts that nobody denies, so that the interest has support of its own */
};

/* The files of the stage. The sensitive ones are copies, which a test may spoil. */
enum file { ENEMY_HOSTS, SENSITIVE_HOSTS, ENEMY_APPS, SENSITIVE_APPS, FILES };

static const char *const shipped[FILES] = {
    [SENSITIVE_HOSTS] = "config/rules/sensitive.tsv",
    [SENSITIVE_APPS] = "config/rules/sensitive-apps.tsv",
};

/* A class with one of its hosts or apps. */
struct target {
    char class[TARGET_SIZE], name[TARGET_SIZE];
};

static char folder[] = "/tmp/clickveil-sensitive-test-XXXXXX";
static char paths[FILES][PATH_SIZE];
static struct view items[FILES];
static struct view lists[FILES]; /* the shipped bytes */
static struct target hosts[CLASSES_MAX], apps[CLASSES_MAX];
static unsigned host_count, app_count;
static struct classify_options options;
static struct stage_context context;
static struct error error;
static void *shared;
static void *state;

static void write_bytes(enum file which, struct view bytes)
{
    FILE *file = fopen(paths[which], "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.data, 1, bytes.size, file), bytes.size);
    assert_int_equal(fclose(file), 0);
}

/* The first key of each class; prefixes of apps are left to the chain test. */
static unsigned read_targets(struct view list, struct target *targets)
{
    unsigned count = 0;
    char *text = strndup(list.data, list.size);
    char *rest = NULL;
    assert_non_null(text);
    for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        char *deny = strstr(line, "\tdeny\t");
        unsigned known = 0;
        if (line[0] == '#' || deny == NULL)
            continue;
        *deny = '\0';
        const char *class = deny + strlen("\tdeny\t");
        while (known < count && strcmp(targets[known].class, class) != 0)
            known++;
        if (known < count || strchr(line, '*') != NULL)
            continue;
        assert_true(count < CLASSES_MAX && strlen(line) < TARGET_SIZE && strlen(class) < TARGET_SIZE);
        memcpy(targets[count].name, line, strlen(line) + 1);
        memcpy(targets[count].class, class, strlen(class) + 1);
        count++;
    }
    free(text);
    return count;
}

/* What the enemy says of every target, by `format` with one %s for its name. Others give the interest support. */
static void write_enemy(enum file which, const char *format)
{
    const struct target *targets = which == ENEMY_HOSTS ? hosts : apps;
    unsigned count = which == ENEMY_HOSTS ? host_count : app_count;
    FILE *file = fopen(paths[which], "w");
    assert_non_null(file);
    for (unsigned i = 0; i < OTHERS; i++)
        fprintf(file, which == ENEMY_HOSTS ? "other%u.example\t607\n" : "example.other%u\t607\n", i);
    for (unsigned i = 0; i < count && format != NULL; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        fprintf(file, format, targets[i].name);
#pragma GCC diagnostic pop
        fputs("\t607\n", file);
    }
    assert_int_equal(fclose(file), 0);
}

static int start(void **unused)
{
    static const char *const names[FILES] = {"enemy.tsv", "sensitive.tsv", "enemy-apps.tsv",
                                             "sensitive-apps.tsv"};
    (void)unused;
    if (mkdtemp(folder) == NULL)
        return -1;
    for (unsigned i = 0; i < FILES; i++) {
        char path[FILE_PATH_SIZE];
        snprintf(paths[i], sizeof(paths[i]), "%s/%s", folder, names[i]);
        items[i] = view_of_string(paths[i]);
        if (shipped[i] == NULL)
            continue;
        assert_true(file_find_data(shipped[i], path, &error));
        assert_true(file_read(path, 1 << 24, &lists[i], &error));
        write_bytes((enum file)i, lists[i]);
    }
    host_count = read_targets(lists[SENSITIVE_HOSTS], hosts);
    app_count = read_targets(lists[SENSITIVE_APPS], apps);
    write_enemy(ENEMY_HOSTS, NULL);
    write_enemy(ENEMY_APPS, NULL);
    options = (struct classify_options){
        .hosts = {&items[ENEMY_HOSTS], 2, true},
        .apps = {&items[ENEMY_APPS], 2, true},
        .support = 5,
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
    for (unsigned i = 0; i < FILES; i++) {
        unlink(paths[i]);
        if (shipped[i] != NULL)
            file_free(lists[i]);
    }
    int result = rmdir(folder);
    memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
    return result;
}

static bool reload(void)
{
    memset(&error, 0, sizeof(error));
    bool done = stage_classify.reload(shared, &context, &error);
    stage_classify.commit(state); /* the next event opens a transaction with what is current */
    return done;
}

static struct verdict visit(const char *prefix, const struct target *target, bool is_app)
{
    char name[2 * TARGET_SIZE];
    struct emitter emitter = {.error = &error};
    struct record record = {.kind = RECORD_EVENT, .type = is_app ? EVENT_APP_USE : EVENT_BROWSE};
    snprintf(name, sizeof(name), "%s%s", prefix, target->name);
    if (is_app)
        record.app = view_of_string(name);
    else
        record.host = view_of_string(name);
    return stage_classify.process(state, &record, &emitter);
}

static void expect_all_denied(const char *when)
{
    for (unsigned i = 0; i < host_count + app_count; i++) {
        bool is_app = i >= host_count;
        const struct target *target = is_app ? &apps[i - host_count] : &hosts[i];
        static const char *const prefixes[] = {"", "www.", "a.b.c."};
        for (unsigned j = 0; j < (is_app ? 1 : 3); j++) {
            struct verdict verdict = visit(prefixes[j], target, is_app);
            if (verdict.kind != VERDICT_DROP || verdict.reason != CLASSIFY_INTEREST_DENIED)
                fail_msg("%s: %s%s (%s) is not denied: verdict %d, reason %u", when, prefixes[j],
                         target->name, target->class, (int)verdict.kind, (unsigned)verdict.reason);
        }
    }
}

static void expect_others_pass(void)
{
    static const struct target other_host = {.name = "other1.example"};
    static const struct target other_app = {.name = "example.other1"};
    assert_int_equal(visit("", &other_host, false).kind, VERDICT_PASS);
    assert_int_equal(visit("", &other_app, true).kind, VERDICT_PASS);
}

static void sensitive_lists_name_every_class(void **unused)
{
    (void)unused;
    static const char *const classes[] = {
        "health",   "religion",         "sexuality", "politics",   "ethnicity",
        "children", "union membership", "addiction", "gambling",   "immigration",
        "adult",    "dating",           "weapons",   "biometrics", "financial hardship"};
    for (unsigned i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        unsigned at = 0;
        while (at < host_count && strcmp(hosts[at].class, classes[i]) != 0)
            at++;
        if (at == host_count)
            fail_msg("no host of %s", classes[i]);
    }
    assert_true(app_count >= 10);
    expect_all_denied("at the start");
    expect_others_pass();
}

static void sensitive_stays_denied_when_a_reload_brings_rules_for_it(void **unused)
{
    (void)unused;
    static const struct {
        const char *hosts, *apps;
    } attacks[] = {{"%s", "%s"}, {"www.%s", "%s.*"}, {"b.c.%s", "%s"}, {"a.b.c.%s", "%s"}};
    for (unsigned i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
        write_enemy(ENEMY_HOSTS, attacks[i].hosts);
        write_enemy(ENEMY_APPS, attacks[i].apps);
        if (!reload())
            fail_msg("%s %s", error.where, error.what);
        expect_all_denied(attacks[i].hosts);
        expect_others_pass();
    }
}

/* The lists that deny are spoilt, as by a full disk or an editor, while an enemy's list waits for that. */
static void sensitive_stays_denied_when_a_reload_finds_its_lists_spoilt(void **unused)
{
    (void)unused;
    static const struct {
        const char *bytes; /* NULL: the file is gone */
        const char *why;
    } spoilt[] = {
        {NULL, "gone"},
        {"", "emptied"},
        {"# source: us\n", "comments only"},
        {"pornhub.com\tden", "cut off"},
        {"pornhub.com\tdenied\n", "misspelt"},
        {"com\tdeny\n", "a public suffix"},
        {"\377\376p\0", "another encoding"},
    };
    write_enemy(ENEMY_HOSTS, "%s");
    write_enemy(ENEMY_APPS, "%s");
    for (unsigned i = 0; i < sizeof(spoilt) / sizeof(spoilt[0]); i++) {
        for (unsigned which = SENSITIVE_HOSTS; which <= SENSITIVE_APPS; which += 2) {
            if (spoilt[i].bytes == NULL)
                unlink(paths[which]);
            else
                write_bytes((enum file)which, view_of_string(spoilt[i].bytes));
            if (which == SENSITIVE_APPS && i == 5)
                write_bytes(SENSITIVE_APPS, VIEW("com.*\tdeny\n"));
            if (reload())
                fail_msg("%s: taken", spoilt[i].why);
            expect_all_denied(spoilt[i].why);
            write_bytes((enum file)which, lists[which]);
        }
    }
    assert_true(reload());
    expect_all_denied("mended");
}

/* The attack is a real one: without the deny it brings an interest. */
static void sensitive_lists_are_what_denies(void **unused)
{
    (void)unused;
    write_enemy(ENEMY_HOSTS, "%s");
    write_enemy(ENEMY_APPS, "%s");
    write_bytes(SENSITIVE_HOSTS, VIEW("denied.example\tdeny\n"));
    write_bytes(SENSITIVE_APPS, VIEW("example.denied\tdeny\n"));
    assert_true(reload());
    for (unsigned i = 0; i < host_count; i++)
        assert_int_equal(visit("", &hosts[i], false).kind, VERDICT_PASS);
    for (unsigned i = 0; i < app_count; i++)
        assert_int_equal(visit("", &apps[i], true).kind, VERDICT_PASS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sensitive_lists_name_every_class, start, end),
        cmocka_unit_test_setup_teardown(sensitive_stays_denied_when_a_reload_brings_rules_for_it, start, end),
        cmocka_unit_test_setup_teardown(sensitive_stays_denied_when_a_reload_finds_its_lists_spoilt, start,
                                        end),
        cmocka_unit_test_setup_teardown(sensitive_lists_are_what_denies, start, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
