/* The options of publish as an operator writes them: through config_load, so that every word of a message counts. */
#include "stages/publish/publish_options.h"

#include "stages/publish/calendar.h"
#include "stages/publish/publish.h"
#include "tests/support/stage_options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static const struct stage *const chain[] = {&stage_publish, NULL};

/* Never called: nothing runs here, but the stage refers to it. */
bool emitter_output(struct emitter *emitter, const struct output *output)
{
    (void)emitter;
    (void)output;
    fail();
    return false;
}

static char folder[64];

static void write_file(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/clickveil-options-XXXXXX");
    if (!mkdtemp(folder))
        return 1;
    write_file(
        "tmobile.yaml",
        "programme: tmobile\nregime: opt_out\nregions: {US-ME: opt_in}\nbrands: [tmobile]\ndata: [browse]\n"
        "kinds: [interests]\n");
    write_file("att.yaml", "programme: att\nregime: opt_out\nregions: {US-ME: opt_in}\nbrands: [att]\ndata: "
                           "[browse]\nkinds: [groups]\n");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    static const char *const names[] = {"tmobile.yaml", "att.yaml", "pipeline.yaml"};
    for (unsigned i = 0; i < 3; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    return rmdir(folder);
}

/* Load a pipeline with that publish section; *out_report is freed by the caller. */
static struct config *load(const char *publish, char **out_report)
{
    char text[4096], path[128];
    snprintf(
        text, sizeof text,
        "stages: [publish]\nprogrammes: [tmobile.yaml, att.yaml]\nsubscriber: {kind: e164}\npublish:\n%s",
        publish);
    write_file("pipeline.yaml", text);
    snprintf(path, sizeof path, "%s/pipeline.yaml", folder);
    size_t size = 0;
    FILE *report = open_memstream(out_report, &size);
    struct error error;
    struct config *config = config_load(path, chain, NULL, 0, report, &error);
    fclose(report);
    return config;
}

#define BASE  "  key: secrets/publish.key\n  provider: ads.example\n"
#define FEED  "    - {advertiser: acme, programme: tmobile, kind: interests, topic: feed.acme}\n"
#define FEEDS "  feeds:\n" FEED

static void publish_options_have_the_defaults_of_the_specification(void **state)
{
    (void)state;
    char *report = NULL;
    struct config *config = load(BASE FEEDS, &report);
    if (!config)
        fail_msg("%s", report);
    assert_string_equal(report, "");
    const struct publish_options *options = stage_options(config, "publish");
    assert_non_null(options);
    assert_true(options->k == 100 && options->epoch_ms == 7 * CALENDAR_DAY_MS && options->interests_max == 3);
    assert_true(options->origin_day == 0 && !options->trial && options->people_max == 5000000);
    assert_true(view_equal_string(options->provider, "ads.example"));
    struct update update;
    assert_true(publish_options_update(options->update_every, &update));
    assert_true(update.kind == UPDATE_SLOTS && update.period_ms == CALENDAR_DAY_MS);
    assert_int_equal(options->feeds.count, 1);
    const struct feed_options *feed = publish_options_feed(options, 0);
    assert_true(feed->kind == FEED_KIND_INTERESTS && feed->id == FEED_SUBJECT_USER);
    assert_true(view_equal_string(publish_options_feed_topic(options, 0), "feed.acme"));
    assert_true(view_is_absent(publish_options_feed_topic(options, 1)));
    config_free(config);
    free(report);
}

static void publish_options_refuse_what_would_harm(void **state)
{
    (void)state;
    static const struct {
        const char *publish;
        const char *words; /* of the report; line and column where they matter */
        const char *why;
    } cases[] = {
        {"  provider: ads.example\n" FEEDS, "key", "no key"},
        {"  key: k\n" FEEDS, "provider", "no provider"},
        {"  key: k\n  provider: Ads.example\n" FEEDS, "6:13: error: provider: 'Ads.example' is not a domain",
         "a domain in capitals"},
        {BASE "  k: 49\n" FEEDS, "7:6: error: k is below 50", "k one below the bound"},
        {BASE "  k: 0\n  trial: true\n" FEEDS, "error: k", "k below 1, even in a trial"},
        {BASE "  epoch: 23h\n" FEEDS, "error: epoch", "shorter than a day"},
        {BASE "  epoch: 31d\n" FEEDS, "error: epoch", "longer than 30 days"},
        {BASE "  interests_max: 9\n" FEEDS, "error: interests_max", "nine interests"},
        {BASE "  interests_max: 0\n" FEEDS, "error: interests_max", "none"},
        {BASE "  update_every: 20m\n" FEEDS, "error: update_every: must be a multiple of 15m",
         "no multiple of a slot"},
        {BASE "  update_every: never\n" FEEDS, "error: update_every", "an unknown word"},
        {BASE "  epoch: 2d\n  update_every: 3d\n" FEEDS, "error: update_every is longer than the epoch",
         "some IDs would have no slot"},
        {BASE "  people_max: 999\n" FEEDS, "error: people_max", "too few people"},
        {BASE "  origin: 2021-02-30\n" FEEDS, "error: origin", "no day"},
        {BASE "  feeds:\n    - {advertiser: Acme, programme: tmobile, kind: interests, topic: t}\n",
         "error: advertiser: 'Acme' is not a name", "capitals in a name that IDs are made from"},
        {BASE "  feeds:\n    - {advertiser: acme, programme: tmobil, kind: interests, topic: t}\n",
         "8:37: error: there is no programme 'tmobil' among `programmes`; did you mean 'tmobile'?",
         "a typing error"},
        {BASE "  feeds:\n    - {advertiser: acme, programme: att, kind: interests, topic: t}\n",
         "8:48: error: programme 'att' does not allow feeds of kind `interests`",
         "a kind that the programme forbids"},
        {BASE "  feeds:\n    - {advertiser: acme, programme: att, kind: groups, topic: t}\n",
         "8:48: error: feeds of kind `groups` are not in this version", "a kind of later"},
        {BASE "  feeds:\n    - {advertiser: acme, programme: tmobile, kind: detailed, topic: t}\n",
         "error: feeds of kind `detailed` are not in this version", "another"},
        {BASE
         "  feeds:\n    - {advertiser: acme, programme: tmobile, kind: interests, id: phone, topic: t}\n",
         "error: id", "an unknown kind of ID"},
        {BASE FEEDS FEED, "error", "the same feed twice"},
        {BASE FEEDS "    - {advertiser: best, programme: tmobile, kind: interests, topic: feed.acme}\n",
         "is used twice", "two feeds on one topic"},
        {BASE FEEDS "    - {advertiser: best, programme: tmobile, kind: interests, topic: clickveil.state}\n",
         "is used twice", "a feed on the changelog"},
        {BASE "  feeds:\n    - {advertiser: acme, programme: tmobile, kind: interests, topic: 'a b'}\n",
         "error: topic: 'a b' is not a topic name", "no name of a topic"},
        {BASE "  retention: 5d\n" FEEDS, "retention", "an unknown option"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *report = NULL;
        struct config *config = load(cases[i].publish, &report);
        if (config || !strstr(report, cases[i].words))
            fail_msg("%s: %s\n%s", cases[i].why, config ? "taken" : "refused without the words", report);
        free(report);
    }
}

static void publish_options_warn_of_what_lowers_protection(void **state)
{
    (void)state;
    static const struct {
        const char *publish;
        const char *words; /* NULL: nothing at all */
        const char *why;
    } cases[] = {
        {BASE "  k: 50\n" FEEDS, NULL, "k at its bound"},
        {BASE "  update_every: 15m\n" FEEDS, NULL, "one slot"},
        {BASE "  epoch: 3d\n" FEEDS, NULL, "as long as late_max and update_every together"},
        {BASE "  k: 1\n  trial: true\n" FEEDS, "warning: a trial", "a trial"},
        {BASE "  interests_max: 4\n" FEEDS, "warning: more than 3 interests", "one more than the default"},
        {BASE "  update_every: 0\n" FEEDS, "7:17: warning: update_every 0 writes with every transaction",
         "at once"},
        {BASE "  epoch: 71h\n" FEEDS, "warning: the epoch is too short for late_max and update_every",
         "an hour less"},
        {BASE "  feeds: []\n", "warning: publish has no feeds", "nobody reads"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *report = NULL;
        struct config *config = load(cases[i].publish, &report);
        if (!config || (cases[i].words ? !strstr(report, cases[i].words) : *report))
            fail_msg("%s: %s", cases[i].why, report);
        config_free(config);
        free(report);
    }
}

static void publish_options_read_update_every(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum update_kind kind; /* UPDATE_UNKNOWN: refused */
        int64_t period_ms;
    } cases[] = {
        {"24h", UPDATE_SLOTS, CALENDAR_DAY_MS},
        {"1d", UPDATE_SLOTS, CALENDAR_DAY_MS},
        {"30d", UPDATE_SLOTS, 30 * CALENDAR_DAY_MS},
        {"15m", UPDATE_SLOTS, CALENDAR_SLOT_MS},
        {"900s", UPDATE_SLOTS, CALENDAR_SLOT_MS},
        {"900000ms", UPDATE_SLOTS, CALENDAR_SLOT_MS},
        {"0", UPDATE_AT_ONCE, 0},
        {"drain", UPDATE_DRAIN, 0},
        {"31d", UPDATE_UNKNOWN, 0},
        {"721h", UPDATE_UNKNOWN, 0},
        {"14m", UPDATE_UNKNOWN, 0},
        {"16m", UPDATE_UNKNOWN, 0},
        {"0h", UPDATE_UNKNOWN, 0},
        {"00", UPDATE_UNKNOWN, 0},
        {"24", UPDATE_UNKNOWN, 0},
        {"h", UPDATE_UNKNOWN, 0},
        {"-1d", UPDATE_UNKNOWN, 0},
        {"1.5h", UPDATE_UNKNOWN, 0},
        {"24 h", UPDATE_UNKNOWN, 0},
        {"9999999999d", UPDATE_UNKNOWN, 0},
        {"99999999999999999999h", UPDATE_UNKNOWN, 0},
        {"Drain", UPDATE_UNKNOWN, 0},
        {"", UPDATE_UNKNOWN, 0},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct update update = {.kind = UPDATE_UNKNOWN};
        bool read = publish_options_update(view_of_string(cases[i].text), &update);
        if (read != (cases[i].kind != UPDATE_UNKNOWN) || update.kind != cases[i].kind ||
            update.period_ms != cases[i].period_ms)
            fail_msg("'%s'", cases[i].text);
    }
}

static void publish_options_cut_a_life_that_would_give_a_third_id(void **state)
{
    (void)state;
    static const struct {
        int days;
        const char *update_every;
        bool files;
        int64_t life_ms;
        const char *why;
    } cases[] = {
        {7, "24h", false, 2 * CALENDAR_DAY_MS, "late_max"},
        {3, "24h", false, 2 * CALENDAR_DAY_MS, "just long enough"},
        {2, "24h", false, CALENDAR_DAY_MS, "less one update period"},
        {1, "24h", false, 0, "nothing is left"},
        {1, "drain", false, CALENDAR_DAY_MS, "no slots: the length of an epoch"},
        {1, "24h", true, CALENDAR_DAY_MS, "file mode has no slots either"},
        {1, "6h", false, 18 * INT64_C(3600000), "a shorter period leaves more"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct publish_options options = {.epoch_ms = cases[i].days * CALENDAR_DAY_MS,
                                          .update_every = view_of_string(cases[i].update_every)};
        if (publish_options_life_ms(&options, 2 * CALENDAR_DAY_MS, cases[i].files) != cases[i].life_ms)
            fail_msg("%s", cases[i].why);
    }
}

static void publish_options_keep_a_retraction_for_all_that_it_may_be_about(void **state)
{
    (void)state;
    static const struct {
        int epoch_days, late_days, future_days, useful_days;
        const char *update_every, *why;
    } cases[] = {
        {7, 2, 1, 12, "24h", "the defaults: the epoch, its life, twice the future, a day"},
        {30, 30, 1, 62, "24h", "the longest epoch, which lives on for less than its length"},
        {1, 2, 1, 4, "24h", "an epoch that does not live on"},
        {7, 2, 0, 10, "drain", "nothing may be ahead of its time"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct publish_options options = {.epoch_ms = cases[i].epoch_days * CALENDAR_DAY_MS,
                                          .update_every = view_of_string(cases[i].update_every)};
        struct config config = {.input = {.late_max_ms = cases[i].late_days * CALENDAR_DAY_MS,
                                          .future_max_ms = cases[i].future_days * CALENDAR_DAY_MS}};
        int64_t useful_ms = publish_options_useful_ms(&config, &options);
        if (useful_ms != cases[i].useful_days * CALENDAR_DAY_MS)
            fail_msg("%s: %lld", cases[i].why, (long long)useful_ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(publish_options_have_the_defaults_of_the_specification),
        cmocka_unit_test(publish_options_refuse_what_would_harm),
        cmocka_unit_test(publish_options_warn_of_what_lowers_protection),
        cmocka_unit_test(publish_options_read_update_every),
        cmocka_unit_test(publish_options_cut_a_life_that_would_give_a_third_id),
        cmocka_unit_test(publish_options_keep_a_retraction_for_all_that_it_may_be_about),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
