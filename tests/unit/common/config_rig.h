/* Configurations in a folder of their own, on a chain that depends on no stage, and what is said about them. */
#ifndef CLICKVEIL_TESTS_UNIT_COMMON_CONFIG_RIG_H
#define CLICKVEIL_TESTS_UNIT_COMMON_CONFIG_RIG_H

#include "common/config.h"
#include "common/stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- a chain of its own ---- */

struct fake_consent {
    struct option_list subjects;
    int64_t lease_ms;
    int64_t floor;
};

struct fake_key {
    struct view key;
};

struct fake_rules {
    struct view hosts, apps;
};

struct fake_feed {
    struct view advertiser, programme, topic;
    int kind, id;
};

struct fake_publish {
    struct view key, provider;
    int64_t k, epoch_ms, interests_max, update_every_ms;
    struct option_list feeds;
};

static const char *const subjects[] = {"", "line", "account", "device", NULL};
static const char *const kinds[] = {"", "interests", "groups", "detailed", NULL};
static const char *const ids[] = {"", "user", "device", NULL};
static const char *const update_words[] = {"", "drain", NULL};

static const struct option consent_options[] = {
    {.name = "subjects",
     .type = OPTION_ENUM_LIST,
     .offset = offsetof(struct fake_consent, subjects),
     .choices = subjects,
     .default_text = "[line, account]"},
    {.name = "lease",
     .type = OPTION_DURATION,
     .offset = offsetof(struct fake_consent, lease_ms),
     .default_text = "60s",
     .minimum = "1s",
     .maximum = "1h"},
    {.name = "floor",
     .type = OPTION_INTEGER,
     .offset = offsetof(struct fake_consent, floor),
     .default_text = "1",
     .minimum = "0"},
    {0},
};
static const struct option_table consent_table = {
    .name = "consent", .size = sizeof(struct fake_consent), .options = consent_options};

static const struct option key_options[] = {
    {.name = "key",
     .type = OPTION_PATH,
     .offset = offsetof(struct fake_key, key),
     .required = true,
     .help = "A key."},
    {0},
};
static const struct option_table key_table = {
    .name = "pseudonymize", .size = sizeof(struct fake_key), .options = key_options};

static const struct option rules_options[] = {
    {.name = "hosts",
     .type = OPTION_PATH,
     .offset = offsetof(struct fake_rules, hosts),
     .required = true,
     .help = "Hosts."},
    {.name = "apps",
     .type = OPTION_PATH,
     .offset = offsetof(struct fake_rules, apps),
     .required = true,
     .help = "Apps."},
    {0},
};
static const struct option_table rules_table = {
    .name = "classify", .size = sizeof(struct fake_rules), .options = rules_options};

static const struct option feed_options[] = {
    {.name = "advertiser",
     .type = OPTION_STRING,
     .offset = offsetof(struct fake_feed, advertiser),
     .required = true,
     .judge = option_judge_name,
     .help = "Who gets it."},
    {.name = "programme",
     .type = OPTION_STRING,
     .offset = offsetof(struct fake_feed, programme),
     .required = true,
     .help = "Under which."},
    {.name = "kind",
     .type = OPTION_ENUM,
     .offset = offsetof(struct fake_feed, kind),
     .choices = kinds,
     .required = true,
     .help = "Kind."},
    {.name = "id",
     .type = OPTION_ENUM,
     .offset = offsetof(struct fake_feed, id),
     .choices = ids,
     .default_text = "user"},
    {.name = "topic",
     .type = OPTION_STRING,
     .offset = offsetof(struct fake_feed, topic),
     .required = true,
     .judge = option_judge_topic,
     .help = "Topic."},
    {0},
};
static const struct option_table feed_table = {
    .name = "feeds", .size = sizeof(struct fake_feed), .options = feed_options};

static const struct option publish_options[] = {
    {.name = "key",
     .type = OPTION_PATH,
     .offset = offsetof(struct fake_publish, key),
     .required = true,
     .help = "A key."},
    {.name = "provider",
     .type = OPTION_STRING,
     .offset = offsetof(struct fake_publish, provider),
     .required = true,
     .judge = option_judge_domain,
     .help = "Domain."},
    {.name = "k",
     .type = OPTION_INTEGER,
     .offset = offsetof(struct fake_publish, k),
     .default_text = "100",
     .minimum = "1",
     .maximum = "1000000"},
    {.name = "epoch",
     .type = OPTION_DURATION,
     .offset = offsetof(struct fake_publish, epoch_ms),
     .default_text = "7d",
     .minimum = "1d",
     .maximum = "30d"},
    {.name = "interests_max",
     .type = OPTION_INTEGER,
     .offset = offsetof(struct fake_publish, interests_max),
     .default_text = "3",
     .minimum = "1",
     .maximum = "10"},
    {.name = "update_every",
     .type = OPTION_DURATION,
     .offset = offsetof(struct fake_publish, update_every_ms),
     .default_text = "24h",
     .choices = update_words,
     .maximum = "30d"},
    {.name = "feeds",
     .type = OPTION_GROUP_LIST,
     .offset = offsetof(struct fake_publish, feeds),
     .table = &feed_table,
     .unique = "advertiser+programme",
     .required = true,
     .help = "Feeds."},
    {0},
};
static const struct option_table publish_table = {
    .name = "publish", .size = sizeof(struct fake_publish), .options = publish_options};

/* As publish does it: a feed's programme must be one of the configuration's. */
static inline void publish_lint(const struct config *config, const void *options, struct lint *lint)
{
    const struct fake_publish *publish = options;
    const struct fake_feed *feeds = publish->feeds.items;
    for (unsigned i = 0; i < publish->feeds.count; i++) {
        if (!view_is_absent(feeds[i].programme) && config_programme_index(config, feeds[i].programme) < 0)
            lint_report(lint, LINT_ERROR, lint_place(lint, &feeds[i].programme), "feeds: no such programme");
    }
}

static const struct stage fake_consent = {.name = "consent", .summary = "c", .options = &consent_table};
static const struct stage fake_pseudonymize = {
    .name = "pseudonymize", .summary = "p", .options = &key_table, .named_fields = true};
static const struct stage fake_classify = {.name = "classify", .summary = "k", .options = &rules_table};
static const struct stage fake_publish = {
    .name = "publish", .summary = "f", .options = &publish_table, .named_fields = true, .lint = publish_lint};
static const struct stage *const chain[] = {&fake_consent, &fake_pseudonymize, &fake_classify, &fake_publish,
                                            NULL};

/* ---- files ---- */

struct fixture {
    char folder[64];
    char path[96];
    char *report;
    struct error error;
};

static inline void write_file(const struct fixture *fixture, const char *name, const char *text, size_t size)
{
    char path[192];
    snprintf(path, sizeof path, "%s/%s", fixture->folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static const char tmobile[] = "programme: tmobile\n"
                              "regime: opt_out\n"
                              "regions: {US-ME: opt_in}\n"
                              "brands: [tmobile, metro, sprint]\n"
                              "from: 2021-04-26\n"
                              "data: [browse, app_use, app_install]    # app_remove goes with these\n"
                              "exclude: {plans: [business, child], under_age: 18}\n"
                              "kinds: [interests]\n";

static inline int setup(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){0};
    snprintf(fixture.folder, sizeof fixture.folder, "/tmp/clickveil-config-XXXXXX");
    assert_non_null(mkdtemp(fixture.folder));
    snprintf(fixture.path, sizeof fixture.path, "%s/pipeline.yaml", fixture.folder);
    char programmes[96];
    snprintf(programmes, sizeof programmes, "%s/programmes", fixture.folder);
    assert_int_equal(mkdir(programmes, 0700), 0);
    write_file(&fixture, "programmes/tmobile.yaml", tmobile, strlen(tmobile));
    *state = &fixture;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *fixture = *state;
    static const char *const names[] = {"programmes/tmobile.yaml", "programmes/other.yaml", "programmes",
                                        "pipeline.yaml"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[192];
        snprintf(path, sizeof path, "%s/%s", fixture->folder, names[i]);
        (void)remove(path);
    }
    free(fixture->report);
    return rmdir(fixture->folder);
}

/* Load; the report ends up in fixture->report with the folder cut off. */
static inline struct config *load_set(struct fixture *fixture, const char *text,
                                      const struct config_override *overrides, unsigned count)
{
    if (text)
        write_file(fixture, "pipeline.yaml", text, strlen(text));
    free(fixture->report);
    fixture->report = NULL;
    size_t size = 0;
    FILE *report = open_memstream(&fixture->report, &size);
    struct config *config = config_load(fixture->path, chain, overrides, count, report, &fixture->error);
    fclose(report);
    size_t prefix = strlen(fixture->folder) + 1;
    for (char *hit = strstr(fixture->report, fixture->folder); hit; hit = strstr(hit, fixture->folder))
        memmove(hit, hit + prefix, strlen(hit + prefix) + 1);
    return config;
}

static inline struct config *load(struct fixture *fixture, const char *text)
{
    return load_set(fixture, text, NULL, 0);
}

static inline void assert_reported(const struct fixture *fixture, const char *words)
{
    if (!strstr(fixture->report, words))
        fail_msg("not reported: %s\nreport:\n%s", words, fixture->report);
}

static inline void assert_not_reported(const struct fixture *fixture, const char *words)
{
    if (strstr(fixture->report, words))
        fail_msg("reported: %s\nreport:\n%s", words, fixture->report);
}

static inline unsigned line_count(const char *text)
{
    unsigned lines = 0;
    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

static const char minimal[] = "programmes: [programmes/tmobile.yaml]\n"
                              "subscriber: {kind: opaque}\n"
                              "stages: [consent]\n";

/* A configuration that is good but for the lines that are added. */
static inline const char *report_with(struct fixture *fixture, const char *lines)
{
    char text[4096];
    snprintf(text, sizeof text, "%s%s", minimal, lines); /* three lines */
    struct config *config = load(fixture, text);
    config_free(config);
    return fixture->report;
}

#endif
