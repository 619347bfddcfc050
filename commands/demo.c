/*
 * clickveil demo: the whole chain on the broker that librdkafka embeds, with sample data, in seconds.
 *
 * Four processes' worth of pipeline run in this one: each stage is a Kafka consumer of its own with topics between
 * them, as in a split deployment. The data directory's rules and T-Mobile preset are used as they are; what the demo
 * lowers (k, slots) it says on screen.
 */
#include "commands/argument.h"
#include "commands/argument_value.h"
#include "commands/command.h"
#include "common/clock.h"
#include "common/demo_view.h"
#include "common/explain.h"
#include "common/file.h"
#include "common/file_consent.h"
#include "common/generate.h"
#include "common/kafka_mock.h"
#include "common/kafka_pipeline.h"
#include "common/key_files.h"
#include "common/log.h"
#include "common/secret.h"
#include "common/stage.h"
#include "stages/registry.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    PARTITIONS = 4,
    STAGES_MAX = 8,
    PATH_SIZE = 512,
    WAIT_MS = 60000,
    LOOK_EVERY_MS = 100,
    SUBSCRIBERS_PER_EVENT_INVERSE = 8, /* events per line on average */
    EXAMPLES_MAX = 64,                 /* events among which one is looked for that comes through */
};

#define DAY_MS ((int64_t)24 * 3600 * 1000)

static const char *const topics[] = {
    "clickstream.events",
    "subscriber.consent",
    "clickveil.consented",
    "clickveil.pseudonymized",
    "clickveil.classified",
    "clickveil.state",
    "clickveil.dead-letters",
    "clickveil.retractions",
    "feed.acme.tmobile",
    "feed.globex.tmobile",
    NULL,
};

struct demo {
    char directory[PATH_SIZE]; /* temporary: configuration and keys */
    const char *data;          /* directory with rules/ and programmes/ */
    uint64_t events;
    struct kafka_mock *mock;
    struct config *configs[STAGES_MAX];
    struct kafka_pipeline *pipelines[STAGES_MAX];
    unsigned stage_count;
    char *examples[EXAMPLES_MAX]; /* the first events */
};

/* ---- configuration ---- */

static bool write_file(const struct demo *demo, const char *name, const char *text, struct error *error)
{
    char path[PATH_SIZE * 2];
    snprintf(path, sizeof path, "%s/%s", demo->directory, name);
    FILE *file = fopen(path, "we");
    if (!file || fputs(text, file) < 0 || fclose(file) != 0)
        return error_fail(error, EXIT_STATUS_IO, path, NULL, "the demo's configuration can't be written");
    return true;
}

static bool write_configuration(const struct demo *demo, struct error *error)
{
    char text[8192];
    int size = snprintf(
        text, sizeof text,
        "kafka: {bootstrap.servers: \"%s\"}\n"
        "workers: 1\n"
        "instance: demo\n"
        "programmes: [\"%s/programmes/tmobile.yaml\"]\n"
        "subscriber: {kind: e164}\n"
        "consent: {subjects: [line, account]}\n"
        "pseudonymize: {key: keys/pseudonym.key}\n"
        "classify:\n"
        "  hosts: [\"%s/rules/hosts.tsv\", \"%s/rules/sensitive.tsv\", \"%s/rules/infrastructure.tsv\"]\n"
        "  apps: [\"%s/rules/apps.tsv\", \"%s/rules/sensitive-apps.tsv\", \"%s/rules/preinstalled.tsv\"]\n"
        "  taxonomy: \"%s/rules/audience-taxonomy-1.1.tsv\"\n"
        "dead_letters: {public_key: keys/dead-letters.pub}\n"
        "runtime: {memory_max: 64MiB, queue_max: 16MiB}\n"
        "http: {enabled: false}\n"
        "publish:\n"
        "  key: keys/publish.key\n"
        "  provider: ads.example\n"
        "  k: 10\n"
        "  trial: true\n"
        "  update_every: drain\n"
        "  unanswered_consent: true\n" /* the mock keeps no positions of transactions */
        "  feeds:\n"
        "    - {advertiser: acme, programme: tmobile, kind: interests, id: user, topic: feed.acme.tmobile}\n"
        "    - {advertiser: globex, programme: tmobile, kind: interests, id: device, topic: "
        "feed.globex.tmobile}\n",
        kafka_mock_bootstrap(demo->mock), demo->data, demo->data, demo->data, demo->data, demo->data,
        demo->data, demo->data, demo->data);
    ensure(size > 0 && (size_t)size < sizeof text);
    return write_file(demo, "pipeline.yaml", text, error);
}

static bool load_configurations(struct demo *demo, struct error *error)
{
    char path[PATH_SIZE * 2];
    snprintf(path, sizeof path, "%s/pipeline.yaml", demo->directory);
    for (unsigned i = 0; registry[i]; i++) {
        ensure(i < STAGES_MAX);
        char only[64];
        snprintf(only, sizeof only, "stages=[%s]", registry[i]->name);
        struct config_override override = {only};
        char *report = NULL;
        size_t report_size = 0;
        FILE *out = open_memstream(&report, &report_size);
        if (!out)
            return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory");
        demo->configs[i] = config_load(path, registry, &override, 1, out, error);
        fclose(out);
        if (!demo->configs[i])
            fputs(report, stderr);
        free(report);
        if (!demo->configs[i])
            return false;
        demo->stage_count = i + 1;
    }
    return true;
}

static void ignore_key_file(void *context, const struct key_file *file)
{
    (void)context;
    (void)file;
}

static bool make_keys(const struct demo *demo, struct error *error)
{
    for (unsigned i = 0; i < demo->stage_count; i++) {
        if (!key_files_make(demo->configs[i], clock_unix_ms(), ignore_key_file, NULL, error))
            return false;
    }
    return true;
}

/* ---- sample data ---- */

static bool produce_sample(struct demo *demo, struct generator *generator, struct error *error)
{
    struct generated record;
    while (generator_next_consent(generator, &record)) {
        if (!kafka_mock_produce(demo->mock, "subscriber.consent", record.key, record.value,
                                record.timestamp_ms, error))
            return false;
    }
    for (uint64_t i = 0; i < demo->events; i++) {
        generator_event(generator, i, &record);
        if (i < EXAMPLES_MAX)
            demo->examples[i] = strndup(record.value.data, record.value.size);
        if (!kafka_mock_produce(demo->mock, "clickstream.events", record.key, record.value,
                                record.timestamp_ms, error))
            return false;
    }
    return kafka_mock_flush(demo->mock, error);
}

static struct generate_names *load_names(const struct demo *demo, const char *list, const char *sensitive,
                                         struct error *error)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/rules/%s", demo->data, list);
    struct generate_names *names = generate_names_load(path, error);
    snprintf(path, sizeof path, "%s/rules/%s", demo->data, sensitive);
    if (names && generate_names_add(names, path, error))
        return names;
    generate_names_free(names);
    return NULL;
}

static bool make_sample(struct demo *demo, struct error *error)
{
    struct generate_names *hosts = load_names(demo, "hosts.tsv", "sensitive.tsv", error);
    struct generate_names *apps = hosts ? load_names(demo, "apps.tsv", "sensitive-apps.tsv", error) : NULL;
    struct generate_options options = generate_defaults();
    options.events = demo->events;
    options.subscribers = demo->events / SUBSCRIBERS_PER_EVENT_INVERSE;
    options.start_ms = clock_unix_ms() - DAY_MS;
    options.duration_ms = DAY_MS;
    options.brands[0] = VIEW("tmobile");
    options.brands[1] = VIEW("metro");
    options.brands[2] = VIEW("sprint");
    options.brand_count = 3;
    options.programme = VIEW("tmobile");
    options.hosts = hosts;
    options.apps = apps;
    struct generator *generator = apps ? generator_new(&options, error) : NULL;
    bool fine = generator && produce_sample(demo, generator, error);
    generator_free(generator);
    generate_names_free(apps);
    generate_names_free(hosts);
    return fine;
}

/* ---- running ---- */

static uint64_t records_of(const struct demo *demo, unsigned stage)
{
    uint64_t records = 0;
    for (unsigned i = 0; i < kafka_pipeline_worker_count(demo->pipelines[stage]); i++)
        records +=
            metrics_read(&kafka_worker_stats(kafka_pipeline_worker(demo->pipelines[stage], i))->records);
    return records;
}

struct pass_count {
    const char *stage;
    uint64_t count;
};

static void count_pass(void *context, const char *stage, enum verdict_kind verdict, const char *reason,
                       uint64_t count)
{
    struct pass_count *pass = context;
    (void)reason;
    if (verdict == VERDICT_PASS && strcmp(stage, pass->stage) == 0)
        pass->count += count;
}

static uint64_t passed_by(const struct demo *demo, unsigned stage)
{
    struct pass_count pass = {registry[stage]->name, 0};
    kafka_pipeline_counters(demo->pipelines[stage], count_pass, &pass);
    return pass.count;
}

/* Every stage has taken what the one before it passed on. */
static bool is_through(const struct demo *demo)
{
    uint64_t expected = demo->events;
    for (unsigned i = 0; i < demo->stage_count; i++) {
        if (records_of(demo, i) < expected)
            return false;
        expected = passed_by(demo, i);
    }
    return true;
}

static void show_progress(const struct demo *demo, bool terminal)
{
    if (!terminal)
        return;
    fputs("\r ", stderr);
    for (unsigned i = 0; i < demo->stage_count; i++)
        fprintf(stderr, "  %s %llu", registry[i]->name, (unsigned long long)records_of(demo, i));
    fputs("   ", stderr);
}

static bool run_through(struct demo *demo, struct error *error)
{
    bool terminal = isatty(STDERR_FILENO);
    int64_t until_ms = clock_monotonic_ms() + WAIT_MS;
    for (unsigned i = 0; i < demo->stage_count; i++) {
        demo->pipelines[i] = kafka_pipeline_new(demo->configs[i], error);
        if (!demo->pipelines[i])
            return false;
    }
    while (!is_through(demo)) {
        for (unsigned i = 0; i < demo->stage_count; i++) {
            if (!kafka_pipeline_tick(demo->pipelines[i]))
                return kafka_pipeline_stop(demo->pipelines[i], error);
        }
        if (clock_monotonic_ms() > until_ms)
            return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL,
                              "try again on a machine that is less busy",
                              "the demo did not come through in a minute");
        show_progress(demo, terminal);
        clock_sleep_ms(LOOK_EVERY_MS);
    }
    show_progress(demo, terminal);
    if (terminal)
        fputc('\n', stderr);
    for (unsigned i = 0; i < demo->stage_count; i++)
        kafka_pipeline_drain(demo->pipelines[i]);
    for (unsigned i = 0; i < demo->stage_count; i++) {
        if (!kafka_pipeline_stop(demo->pipelines[i], error))
            return false;
    }
    return true;
}

/* ---- what a newcomer wants to see ---- */

/* The first of the examples that comes through all stages, in words. */
static bool explain_one(struct demo *demo, struct error *error)
{
    char path[PATH_SIZE * 2];
    snprintf(path, sizeof path, "%s/pipeline.yaml", demo->directory);
    struct config_override override = {"log.level=error"};
    FILE *nowhere = fopen("/dev/null", "we"); /* the same warnings were weighed before */
    struct config *config = nowhere ? config_load(path, registry, &override, 1, nowhere, error) : NULL;
    struct chain_shared *shared = config ? chain_shared_new(config, true, error) : NULL;
    bool fine = shared && file_consent_load_nobody(shared, config, error);
    bool found = false;
    for (unsigned i = 0; fine && !found && i < EXAMPLES_MAX && demo->examples[i]; i++) {
        struct explanation explanation;
        fine = explain_event(config, shared, view_of_string(demo->examples[i]), clock_unix_ms(), &explanation,
                             error);
        const struct explain_step *last = fine ? &explanation.steps[explanation.step_count - 1] : NULL;
        found = fine && last->reached && last->verdict == VERDICT_PASS;
        if (found) {
            puts("\n  one event, explained stage by stage (as if nobody had made a choice yet):\n");
            explanation_write_text(&explanation, stdout);
        }
    }
    chain_shared_free(shared);
    config_free(config);
    if (nowhere)
        fclose(nowhere);
    return fine;
}

static bool show(struct demo *demo, struct error *error)
{
    struct demo_view *view = demo_view_new(error);
    if (!view)
        return false;
    for (unsigned i = 0; i < demo->stage_count; i++)
        kafka_pipeline_counters(demo->pipelines[i], demo_view_count, view);
    demo_view_print_stages(view, registry, demo->events);
    static const char *const feeds[][3] = {
        {"feed.acme.tmobile", "acme", "encoded user IDs"},
        {"feed.globex.tmobile", "globex", "encoded device IDs"},
    };
    bool fine = true;
    for (unsigned i = 0; fine && i < sizeof feeds / sizeof feeds[0]; i++) {
        demo_view_feed_begin(view);
        fine = kafka_mock_read(demo->mock, feeds[i][0], demo_view_feed_record, view, error);
        if (fine)
            demo_view_print_feed(view, feeds[i][0], feeds[i][1], feeds[i][2]);
    }
    fine = fine && explain_one(demo, error);
    if (fine)
        fine = demo_view_print_sum(view, demo->events, error);
    demo_view_free(view);
    return fine;
}

static bool run_demo(struct demo *demo, struct error *error)
{
    int64_t began_ms = clock_monotonic_ms();
    demo->mock = kafka_mock_new(error);
    if (!demo->mock)
        return false;
    for (unsigned i = 0; topics[i]; i++) {
        if (!kafka_mock_create_topic(demo->mock, topics[i], PARTITIONS, error))
            return false;
    }
    if (!write_configuration(demo, error) || !load_configurations(demo, error) || !make_keys(demo, error) ||
        !make_sample(demo, error))
        return false;
    printf(
        "clickveil demo: %llu events of %llu subscribers through four stages, each a consumer of its own,\n"
        "on the broker that librdkafka embeds (%s). Programme: T-Mobile US from 26 April 2021.\n\n"
        "The demo lowers two privacy settings, so that a small sample shows something: k is 10 (never below "
        "50\n"
        "outside a trial; every record says so as ext.trial), and IDs are written when the stages drain "
        "instead\n"
        "of each in its own quarter of an hour a day.\n\n",
        (unsigned long long)demo->events, (unsigned long long)(demo->events / SUBSCRIBERS_PER_EVENT_INVERSE),
        kafka_mock_bootstrap(demo->mock));
    fflush(stdout);
    if (!run_through(demo, error) || !show(demo, error))
        return false;
    printf(
        "\n%.1f seconds. Next: `make test` proves it on a real Kafka; README.md shows a first deployment.\n",
        (double)(clock_monotonic_ms() - began_ms) / 1000);
    return true;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

static void clean_up(struct demo *demo)
{
    for (unsigned i = 0; i < demo->stage_count; i++)
        kafka_pipeline_free(demo->pipelines[i]);
    for (unsigned i = 0; i < STAGES_MAX; i++)
        config_free(demo->configs[i]);
    kafka_mock_free(demo->mock);
    for (unsigned i = 0; i < EXAMPLES_MAX; i++)
        free(demo->examples[i]);
    if (demo->directory[0])
        nftw(demo->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

/* The folder with rules/ and programmes/, absolute: as named, or the one that the product ships. The caller frees. */
static char *data_folder(const char *named, struct error *error)
{
    static const char shipped[] = "config/programmes/tmobile.yaml";
    char found[FILE_PATH_SIZE];
    if (!named) {
        if (!file_find_data(shipped, found, error))
            return NULL;
        found[strlen(found) - strlen("/programmes/tmobile.yaml")] = '\0';
        named = found;
    }
    char *absolute = realpath(named, NULL);
    if (!absolute)
        error_fail(error, EXIT_STATUS_CONFIGURATION, named, "say where it is by --data",
                   "no folder with rules and programmes: %s", strerror(errno));
    return absolute;
}

int command_demo(int argc, char **argv)
{
    const char *events_text = "24000", *data = NULL;
    const struct argument arguments[] = {
        {.name = "events",
         .letter = 'n',
         .value = "N",
         .text = &events_text,
         .help = "how many events (24000)"},
        {.name = "data",
         .value = "DIR",
         .text = &data,
         .help = "folder with rules/ and programmes/ (the shipped one)"},
        {0},
    };
    const struct argument_table table = {
        .command = "demo",
        .usage = "[OPTION]...",
        .about =
            "The whole chain on librdkafka's embedded broker with sample data, in seconds: what each stage "
            "did, and what two advertisers got.",
        .arguments = arguments,
    };
    int operand;
    enum argument_result result = argument_parse(&table, argc, argv, &operand);
    if (result != ARGUMENT_GO)
        return result == ARGUMENT_HELP ? EXIT_STATUS_DONE : EXIT_STATUS_USAGE;
    struct demo demo = {0};
    if (!argument_count(events_text, &demo.events) || demo.events < 1000 || demo.events > 100000)
        return argument_wrong(&table, "--events takes 1000 to 100000");
    struct error error = {0};
    bool hardened = process_harden(&error);
    log_init(LOG_FORMAT_AUTO, LOG_LEVEL_ERROR);
    snprintf(demo.directory, sizeof demo.directory, "%s/clickveil-demo.XXXXXX",
             getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    char *absolute = data_folder(data, &error);
    demo.data = absolute;
    bool fine = hardened && demo.data;
    if (fine && !mkdtemp(demo.directory)) {
        demo.directory[0] = '\0';
        fine =
            error_fail(&error, EXIT_STATUS_IO, "TMPDIR", NULL, "no temporary directory: %s", strerror(errno));
    }
    fine = fine && run_demo(&demo, &error);
    if (!fine)
        log_failure(LOG_LEVEL_ERROR, "demo_failed", &error);
    clean_up(&demo);
    free(absolute);
    return fine ? EXIT_STATUS_DONE : (int)error.exit_status;
}
