/* A configuration as a whole: what parses, and that one run tells every mistake with its place. */
#include "common/config.h"
#include "common/stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- a chain of its own: the tests of config depend on no stage ---- */

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
static void publish_lint(const struct config *config, const void *options, struct lint *lint)
{
    const struct fake_publish *publish = options;
    const struct fake_feed *feeds = publish->feeds.items;
    for (unsigned i = 0; i < publish->feeds.count; i++) {
        if (!view_is_absent(feeds[i].programme) && config_programme_index(config, feeds[i].programme) < 0)
            lint_report(lint, LINT_ERROR, lint_place(lint, &feeds[i].programme), "feeds: no such programme");
    }
}

static const struct stage fake_consent = {.name = "consent", .summary = "c", .options = &consent_table};
static const struct stage fake_pseudonymize = {.name = "pseudonymize", .summary = "p", .options = &key_table};
static const struct stage fake_classify = {.name = "classify", .summary = "k", .options = &rules_table};
static const struct stage fake_publish = {
    .name = "publish", .summary = "f", .options = &publish_table, .lint = publish_lint};
static const struct stage *const chain[] = {&fake_consent, &fake_pseudonymize, &fake_classify, &fake_publish,
                                            NULL};

/* ---- files ---- */

struct fixture {
    char folder[64];
    char path[96];
    char *report;
    struct error error;
};

static void write_file(const struct fixture *fixture, const char *name, const char *text, size_t size)
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

static int setup(void **state)
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

static int teardown(void **state)
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
static struct config *load_set(struct fixture *fixture, const char *text,
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

static struct config *load(struct fixture *fixture, const char *text)
{
    return load_set(fixture, text, NULL, 0);
}

static void assert_reported(const struct fixture *fixture, const char *words)
{
    if (!strstr(fixture->report, words))
        fail_msg("not reported: %s\nreport:\n%s", words, fixture->report);
}

static void assert_not_reported(const struct fixture *fixture, const char *words)
{
    if (strstr(fixture->report, words))
        fail_msg("reported: %s\nreport:\n%s", words, fixture->report);
}

static unsigned line_count(const char *text)
{
    unsigned lines = 0;
    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

/* The example of spec 9, word for word. */
static const char example[] =
    "kafka:\n"
    "  bootstrap.servers: localhost:9092        # any librdkafka property\n"
    "stages: [consent, pseudonymize, classify, publish]    # or a contiguous part\n"
    "workers: 2\n"
    "instance: stage-0                          # names transactional.id; the host name by default\n"
    "topics: {events: clickstream.events, consent: subscriber.consent, dead_letters: clickveil.dead-letters, "
    "retractions: clickveil.retractions,\n"
    "         consent_out: clickveil.consented, pseudonymize_out: clickveil.pseudonymized, classify_out: "
    "clickveil.classified, state: clickveil.state}\n"
    "programmes: [programmes/tmobile.yaml]\n"
    "subscriber: {kind: e164}\n"
    "consent: {subjects: [line, account], lease: 60s, floor: 1}\n"
    "pseudonymize: {key: secrets/pseudonym.key}\n"
    "classify: {hosts: rules/hosts.tsv, apps: rules/apps.tsv}\n"
    "publish:\n"
    "  key: secrets/publish.key\n"
    "  provider: ads.example          # the operator's domain\n"
    "  k: 100\n"
    "  epoch: 7d\n"
    "  interests_max: 3\n"
    "  update_every: 24h\n"
    "  feeds:\n"
    "    - {advertiser: acme, programme: tmobile, kind: interests, id: user, topic: feed.acme.tmobile}\n";

static void the_example_of_the_specification_parses_word_for_word(void **state)
{
    struct fixture *fixture = *state;
    struct config *config = load(fixture, example);
    assert_string_equal(fixture->report, "");
    assert_non_null(config);
    assert_int_equal(config->kafka.count, 1);
    const struct option_pair *kafka = config->kafka.items;
    assert_true(view_equal_string(kafka->key, "bootstrap.servers"));
    assert_true(view_equal_string(kafka->value, "localhost:9092"));
    assert_int_equal(config->first_stage, 0);
    assert_int_equal(config->last_stage, 3);
    assert_int_equal(config->workers, 2);
    assert_true(view_equal_string(config->instance, "stage-0"));
    assert_true(view_equal_string(config->topics.classify_out, "clickveil.classified"));
    assert_int_equal(config->subscriber.kind, IDENTIFIER_E164);
    assert_int_equal(config->programmes.count, 1);
    const struct programme *programme = config_programme(config, 0);
    assert_true(view_equal_string(programme->name, "tmobile"));
    assert_int_equal(programme->regime, REGIME_OPT_OUT);
    assert_int_equal(programme->from_day, 18743); /* 2021-04-26 */
    assert_true(programme->until_day == OPTION_DATE_UNSET);
    assert_int_equal(programme->exclude.under_age, 18);
    assert_int_equal(programme->brands.count, 3);
    assert_int_equal(config_programme_index(config, VIEW("tmobile")), 0);
    assert_int_equal(config_programme_index(config, VIEW("other")), -1);
    const struct fake_consent *consent = config_stage_options(config, "consent");
    assert_int_equal(consent->lease_ms, 60000);
    assert_int_equal(consent->subjects.count, 2);
    const struct fake_publish *publish = config_stage_options(config, "publish");
    assert_int_equal(publish->k, 100);
    assert_int_equal(publish->epoch_ms, 7LL * 24 * 3600 * 1000);
    assert_int_equal(publish->feeds.count, 1);
    const struct fake_feed *feed = publish->feeds.items;
    assert_true(view_equal_string(feed->topic, "feed.acme.tmobile"));
    assert_int_equal(feed->id, 1);
    assert_null(config_stage_options(config, "nobody"));
    config_free(config);
}

static void paths_start_at_the_file_and_other_sources_of_keys_stay(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *written, *expected; /* NULL: in the folder of the configuration */
    } rows[] = {
        {"secrets/pseudonym.key", NULL},
        {"/etc/clickveil/key", "/etc/clickveil/key"},
        {"credential:pseudonym", "credential:pseudonym"},
        {"fd:3", "fd:3"},
        {"./fd:3", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[512], expected[128];
        snprintf(text, sizeof text,
                 "programmes: [programmes/tmobile.yaml]\nsubscriber: {kind: opaque}\nstages: [pseudonymize]\n"
                 "pseudonymize: {key: '%s'}\n",
                 rows[i].written);
        snprintf(expected, sizeof expected, "%s/%s", fixture->folder, rows[i].written);
        struct config *config = load(fixture, text);
        assert_string_equal(fixture->report, "");
        assert_non_null(config);
        const struct fake_key *options = config_stage_options(config, "pseudonymize");
        assert_string_equal(options->key.data, rows[i].expected ? rows[i].expected : expected);
        config_free(config);
    }
}

static const char minimal[] = "programmes: [programmes/tmobile.yaml]\n"
                              "subscriber: {kind: opaque}\n"
                              "stages: [consent]\n";

static void what_is_not_written_has_its_default(void **state)
{
    struct fixture *fixture = *state;
    struct config *config = load(fixture, minimal);
    assert_string_equal(fixture->report, "");
    assert_non_null(config);
    assert_int_equal(config->subscriber.kind, IDENTIFIER_OPAQUE);
    assert_int_equal(config->workers, 1);
    assert_true(config->instance.size > 0);
    assert_true(view_equal_string(config->topics.events, "clickstream.events"));
    assert_int_equal(config->input.events_partitioner, EVENTS_PARTITIONER_MURMUR2);
    assert_int_equal(config->input.events_key, EVENTS_KEY_PLUS);
    assert_int_equal(config->input.record_bytes_max, 65536);
    assert_int_equal(config->input.future_max_ms, 86400000);
    assert_int_equal(config->input.late_max_ms, 2 * 86400000);
    assert_true(view_is_absent(config->dead_letters.public_key));
    assert_int_equal(config->runtime.commit_interval_ms, 100);
    assert_in_range(config->runtime.transaction_timeout_ms, 10000, 15000);
    assert_false(config->runtime.static_membership);
    assert_true(config->http.enabled);
    assert_true(view_equal_string(config->http.address, "127.0.0.1"));
    assert_int_equal(config->log.format, 1);
    assert_int_equal(config->log.level, 3);
    const struct fake_consent *consent = config_stage_options(config, "consent");
    assert_int_equal(consent->lease_ms, 60000);
    assert_int_equal(consent->subjects.count, 2);
    assert_false(consent->subjects.set);
    config_free(config);
}

static void ten_mistakes_are_all_reported_with_their_places(void **state)
{
    struct fixture *fixture = *state;
    static const char text[] = "kafka:\n"
                               "  enable.auto.commit: true\n"                        /* 2:23 */
                               "stages: [consent, classify]\n"                       /* 3:19 */
                               "worker: 2\n"                                         /* 4:1 */
                               "programmes: [programmes/tmobil.yaml]\n"              /* 5:14 */
                               "subscriber: {kind: e146}\n"                          /* 6:20 */
                               "consent: {subjects: line, lease: 60, floor: many}\n" /* 7:21, 7:34, 7:45 */
                               "classify: {hosts: rules/hosts.tsv}\n"                /* 8:11: no apps */
                               "input: {late_max: 60d}\n"                            /* 9:19 */
                               "log: {level: info, level: debug}\n"                  /* 10:20 */
                               "topics: {events: a b}\n";                            /* 11:18 */
    struct config *config = load(fixture, text);
    assert_null(config);
    assert_int_equal(fixture->error.exit_status, EXIT_STATUS_CONFIGURATION);
    assert_reported(fixture, "pipeline.yaml:2:23: error: enable.auto.commit can't be set");
    assert_reported(fixture, "pipeline.yaml:3:19: error: stages: 'classify' does not follow 'consent'");
    assert_reported(fixture, "pipeline.yaml:4:1: error: unknown option 'worker'; did you mean 'workers'?");
    assert_reported(fixture, "pipeline.yaml:5:14: error: can't read ");
    assert_reported(fixture, "did you mean 'tmobile.yaml'?");
    assert_reported(
        fixture,
        "pipeline.yaml:6:20: error: kind: 'e146' is not one of e164, imsi, opaque; did you mean 'e164'?");
    assert_reported(fixture, "pipeline.yaml:7:21: error: 'subjects' must be a list, not a single value");
    assert_reported(fixture,
                    "pipeline.yaml:7:34: error: lease: '60' has no unit; write 60s if you mean that");
    assert_reported(fixture, "pipeline.yaml:7:45: error: floor: 'many' is not a whole number");
    assert_reported(fixture, "pipeline.yaml:8:11: error: 'classify.apps' is missing");
    assert_reported(fixture, "pipeline.yaml:9:19: error: late_max: '60d' is more than the most, 30d");
    assert_reported(fixture, "pipeline.yaml:10:20: error: 'level' is written twice (first in line 10)");
    assert_reported(fixture, "pipeline.yaml:11:18: error: events: 'a b' is not a topic name");
    assert_int_equal(line_count(fixture->report), 12);
    assert_string_equal(fixture->error.what, "12 mistakes in the configuration");
}

static void a_secret_of_the_kafka_section_is_never_in_a_message(void **state)
{
    struct fixture *fixture = *state;
    static const char *const texts[] = {
        "kafka: {sasl.password: hunter2}\n",
        "kafka: {sasl.password: [hunter2]}\n",
        "kafka: {sasl.password: {hunter2: 1}}\n",
        "kafka: {sasl.password=hunter2: 1}\n",
        "kafka: {sasl.password=hunter2: 1, sasl.password=hunter2: 2}\n",
        "kafka: {\"hunter2 \": 1}\n",
        "kafka: hunter2 hunter2\n",
        "kafka: [hunter2]\n",
        "kafka: {sasl.password: &hunter2 x}\n",
        "kafka: {sasl.password: *hunter2 }\n",
        "kafka: {sasl.password: !hunter2 x}\n",
        "kafka: {sasl.password: @hunter2}\n",
        "kafka: {sasl.password: \"hunter2}\n",
        "kafka:\n  sasl.password: a: hunter2\n",
        "kafka: {enable.auto.commit: hunter2, group.id: hunter2, socket.timeout.ms: hunter2}\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_null(load(fixture, texts[i]));
        assert_not_reported(fixture, "hunter2");
        assert_null(strstr(fixture->error.what, "hunter2"));
    }
}

/* A configuration that is good but for the lines that are added. */
static const char *report_with(struct fixture *fixture, const char *lines)
{
    char text[4096];
    snprintf(text, sizeof text, "%s%s", minimal, lines); /* three lines */
    struct config *config = load(fixture, text);
    config_free(config);
    return fixture->report;
}

static void properties_that_would_break_a_guarantee_are_refused_with_the_reason(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *line, *why;
    } cases[] = {
        {"enable.auto.commit: true", "offsets are committed inside the transaction"},
        {"auto.commit.enable: 'true'", "offsets are committed inside the transaction"},
        {"enable.auto.offset.store: true", "would skip records after an abort"},
        {"offset.store.method: file", "never to a file"},
        {"isolation.level: read_uncommitted", "turns off stable offsets"},
        {"transactional.id: mine", "set 'instance'"},
        {"transaction.timeout.ms: 12000", "set 'runtime.transaction_timeout'"},
        {"enable.idempotence: false", "a retry can double records"},
        {"acks: 1", "can be lost"},
        {"request.required.acks: 0", "can be lost"},
        {"max.in.flight: 6", "can change the order"},
        {"max.in.flight.requests.per.connection: 1000000", "can change the order"},
        {"queuing.strategy: lifo", "order is kept per key"},
        {"group.id: mine", "would process every event twice"},
        {"group.instance.id: mine", "runtime.static"},
        {"partition.assignment.strategy: cooperative-sticky", "issues 4059, 4800, 4636, 4528"},
        {"partition.assignment.strategy: 'range,cooperative-sticky'", "eager assignment"},
        {"group.protocol: consumer", "eager assignment"},
        {"auto.offset.reset: latest", "'latest' loses records silently"},
        {"auto.offset.reset: earliest", "'earliest' doubles them"},
        {"enable.partition.eof: true", "would hide opt-outs"},
        {"allow.auto.create.topics: true", "would come into being, empty"},
        {"partitioner: consistent_random", "one person is in one partition"},
        {"queued.max.messages.kbytes: 65536", "runtime.queue_max"},
        {"queue.buffering.max.kbytes: 65536", "runtime.memory_max"},
        {"plugin.library.paths: libx", "before consent was asked"},
        {"test.mock.num.brokers: 3", "has no isolation"},
        {"retries: 0", "without retries"},
        {"message.send.max.retries: 0", "without retries"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char lines[128], place[64];
        snprintf(lines, sizeof lines, "kafka:\n  %s\n", cases[i].line);
        report_with(fixture, lines);
        snprintf(place, sizeof place, "pipeline.yaml:5:%zu: error: %.*s ", strcspn(cases[i].line, ":") + 5,
                 (int)strcspn(cases[i].line, ":"), cases[i].line);
        if (strncmp(fixture->report, place, strlen(place)) != 0 || !strstr(fixture->report, cases[i].why))
            fail_msg("%s: %s", cases[i].line, fixture->report);
        assert_int_equal(line_count(fixture->report), 1);
    }
}

static void properties_that_say_what_is_set_anyway_are_accepted(void **state)
{
    struct fixture *fixture = *state;
    assert_string_equal(report_with(fixture, "kafka:\n"
                                             "  bootstrap.servers: a:9092,b:9092\n"
                                             "  security.protocol: SASL_SSL\n"
                                             "  enable.auto.commit: false\n"
                                             "  enable.auto.offset.store: False\n"
                                             "  isolation.level: read_committed\n"
                                             "  enable.idempotence: true\n"
                                             "  acks: all\n"
                                             "  max.in.flight: 5\n"
                                             "  partition.assignment.strategy: range\n"
                                             "  auto.offset.reset: error\n"
                                             "  partitioner: murmur2_random\n"
                                             "  ssl.endpoint.identification.algorithm: https\n"),
                        "");
}

static void properties_that_the_library_refuses_are_mistakes_like_any_other(void **state)
{
    struct fixture *fixture = *state;
    report_with(fixture, "kafka:\n"
                         "  sasl.pasword: hunter2\n"
                         "  linger.ms: hunter2\n"
                         "  acks: 1\n"
                         "  plugin.library.paths: /nowhere/hunter2.so\n");
    assert_reported(fixture, "has no property 'sasl.pasword'; did you mean 'sasl.password'?");
    assert_reported(fixture, "pipeline.yaml:5:17: error: librdkafka");
    assert_reported(fixture, "pipeline.yaml:6:14: error: librdkafka does not take the value of 'linger.ms'");
    assert_reported(fixture, "pipeline.yaml:7:9: error: acks can't be set to this value");
    assert_reported(fixture, "pipeline.yaml:8:25: error: plugin.library.paths can't be set");
    assert_not_reported(fixture, "hunter2");
    assert_int_equal(line_count(fixture->report), 4);
}

static void two_names_of_one_property_are_a_mistake(void **state)
{
    struct fixture *fixture = *state;
    report_with(fixture, "kafka:\n  metadata.broker.list: a\n  bootstrap.servers: b\n");
    assert_string_equal(
        fixture->report,
        "pipeline.yaml:6:3: error: 'bootstrap.servers' and 'metadata.broker.list' are two names of one "
        "property; keep one\n");
    report_with(fixture, "kafka:\n  compression.type: lz4\n  Compression.Codec: lz4\n");
    assert_string_equal(fixture->report,
                        "pipeline.yaml:6:3: error: kafka: this key is not the name of a librdkafka "
                        "property; those are lower-case words with dots\n");
}

static void weakened_transport_security_is_a_warning(void **state)
{
    struct fixture *fixture = *state;
    report_with(fixture, "kafka:\n  enable.ssl.certificate.verification: false\n"
                         "  ssl.endpoint.identification.algorithm: none\n");
    assert_reported(fixture, "pipeline.yaml:5:40: warning: without certificate verification");
    assert_reported(fixture, "pipeline.yaml:6:42: warning: without host name verification");
    assert_not_reported(fixture, "error");
}

static void timeouts_must_nest(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *lines, *report, *why;
    } cases[] = {
        {"kafka: {socket.timeout.ms: 9999, message.timeout.ms: 10000}\nruntime: {transaction_timeout: 10s}\n",
         "", "socket < message <= transaction, at the bounds"},
        {"kafka: {max.poll.interval.ms: 45000}\nruntime: {transaction_timeout: 44999ms}\n", "",
         "transaction < poll and session <= poll, at the bounds"},
        {"kafka: {socket.timeout.ms: 10000, message.timeout.ms: 10000}\n",
         "pipeline.yaml:4:28: error: socket.timeout.ms (10000) must be less than message.timeout.ms (10000)",
         "one past: a request that outlives its message"},
        {"kafka: {socket.timeout.ms: 15000}\n",
         "pipeline.yaml:4:28: error: socket.timeout.ms (15000) must be less than message.timeout.ms (15000)",
         "against the default"},
        {"kafka: {delivery.timeout.ms: 8000}\n",
         "pipeline.yaml:4:30: error: socket.timeout.ms (8000) must be less than message.timeout.ms (8000)",
         "by its other name, against the default"},
        {"kafka: {message.timeout.ms: 15001}\n",
         "pipeline.yaml:4:29: error: message.timeout.ms (15001) must be at most runtime.transaction_timeout "
         "(15000 ms)",
         "one past: a message that outlives its transaction"},
        {"kafka: {max.poll.interval.ms: 60000}\nruntime: {transaction_timeout: 60s}\n",
         "pipeline.yaml:4:31: error: max.poll.interval.ms (60000) must be more than "
         "runtime.transaction_timeout (60000",
         "one past: a worker put out while it commits"},
        {"kafka: {session.timeout.ms: 300001}\n",
         "pipeline.yaml:4:29: error: max.poll.interval.ms (300000) must be at least session.timeout.ms "
         "(300001)",
         "one past: a session longer than a poll"},
        {"runtime: {transaction_timeout: 9999ms}\n",
         "pipeline.yaml:4:32: error: transaction_timeout: '9999ms' is less than the least, 10s",
         "shorter than 10 s"},
        {"runtime: {commit_interval: 5001ms, transaction_timeout: 10s}\n",
         "pipeline.yaml:4:28: error: commit_interval must be at most half of transaction_timeout",
         "a transaction that is open too long"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        report_with(fixture, cases[i].lines);
        if (strncmp(fixture->report, cases[i].report, strlen(cases[i].report)) != 0 ||
            line_count(fixture->report) != (cases[i].report[0] ? 1 : 0))
            fail_msg("%s: %s", cases[i].why, fixture->report);
    }
}

static void stages_are_a_contiguous_part_of_the_chain_in_its_order(void **state)
{
    struct fixture *fixture = *state;
    static const char sections[] = "programmes: [programmes/tmobile.yaml]\nsubscriber: {kind: e164}\n"
                                   "pseudonymize: {key: k}\nclassify: {hosts: h, apps: a}\n"
                                   "publish: {key: k, provider: a.example, feeds: []}\n";
    static const struct {
        const char *list, *report;
        unsigned first, last;
    } cases[] = {
        {"[consent]", "", 0, 0},
        {"[publish]", "", 3, 3},
        {"[pseudonymize, classify]", "", 1, 2},
        {"[consent, pseudonymize, classify, publish]", "", 0, 3},
        {"[consent, publish]",
         "6:19: error: stages: 'publish' does not follow 'consent'; 'pseudonymize' is between", 0, 0},
        {"[classify, pseudonymize]",
         "6:20: error: stages: 'pseudonymize' comes before 'classify' in the chain", 0, 0},
        {"[publish, consent]", "6:19: error: stages: 'consent' comes before 'publish'", 0, 0},
        {"[consent, pseudonymise]",
         "6:19: error: stages: 'pseudonymise' is not a stage; did you mean 'pseudonymize'?", 0, 0},
        {"[filter]",
         "6:10: error: stages: 'filter' is not a stage (the chain is consent, pseudonymize, classify, "
         "publish)",
         0, 0},
        {"[consent, consent]", "6:19: error: stages: 'consent' is in the list twice", 0, 0},
        {"[]", "6:9: error: 'stages' needs at least 1, has 0", 0, 0},
        {"consent", "6:9: error: 'stages' must be a list, not a single value", 0, 0},
        {"[[consent]]", "6:10: error: 'stages' must be a single value, not a list", 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[1024], place[256];
        snprintf(text, sizeof text, "%sstages: %s\n", sections, cases[i].list);
        struct config *config = load(fixture, text);
        snprintf(place, sizeof place, "pipeline.yaml:%s", cases[i].report);
        if (cases[i].report[0]) {
            assert_null(config);
            if (strncmp(fixture->report, place, strlen(place)) != 0)
                fail_msg("%s: %s", cases[i].list, fixture->report);
            continue;
        }
        if (!config)
            fail_msg("%s: %s", cases[i].list, fixture->report);
        assert_int_equal(config->first_stage, cases[i].first);
        assert_int_equal(config->last_stage, cases[i].last);
        config_free(config);
    }
}

static void without_a_list_all_stages_run_and_need_their_sections(void **state)
{
    struct fixture *fixture = *state;
    assert_null(load(fixture, "programmes: [programmes/tmobile.yaml]\nsubscriber: {kind: e164}\n"));
    assert_reported(fixture,
                    "pipeline.yaml:1:1: error: 'pseudonymize.key' is missing; it is required: A key.");
    assert_reported(fixture, "error: 'classify.hosts' is missing");
    assert_reported(fixture, "error: 'publish.feeds' is missing");
    assert_int_equal(line_count(fixture->report), 6);
}

static void a_section_that_a_stage_lacks_is_missed_where_the_stage_is_named(void **state)
{
    struct fixture *fixture = *state;
    assert_null(load(fixture, "programmes: [programmes/tmobile.yaml]\nsubscriber: {kind: e164}\n"
                              "stages: [consent, pseudonymize]\n"));
    assert_string_equal(fixture->report,
                        "pipeline.yaml:3:19: error: 'pseudonymize.key' is missing; it is required: A key.\n");
}

static void a_section_of_a_stage_that_does_not_run_is_linted_all_the_same(void **state)
{
    struct fixture *fixture = *state;
    report_with(fixture, "publish: {key: k, provider: ads.example, k: many, feeds: []}\n");
    assert_string_equal(fixture->report, "pipeline.yaml:4:45: error: k: 'many' is not a whole number\n");
    report_with(fixture,
                "publish: {key: k, provider: ads.example, feeds: [{advertiser: a, programme: b, kind: "
                "interests, topic: t}]}\n");
    assert_string_equal(fixture->report, "pipeline.yaml:4:77: error: feeds: no such programme\n");
    report_with(fixture, "classify: {}\n");
    assert_int_equal(line_count(fixture->report), 2);
}

static void what_is_alike_is_told_with_both_places(void **state)
{
    struct fixture *fixture = *state;
    report_with(fixture,
                "publish:\n  key: k\n  provider: ads.example\n  feeds:\n"
                "    - {advertiser: a, programme: tmobile, kind: interests, topic: t1}\n"
                "    - {advertiser: a, programme: tmobile, kind: groups, topic: t2}\n"
                "    - {advertiser: b, programme: tmobile, kind: groups, topic: t2}\n"
                "    - {advertiser: c, programme: tmobile, kind: groups, topic: subscriber.consent}\n");
    assert_string_equal(
        fixture->report,
        "pipeline.yaml:9:20: error: 'feeds' has two entries with the same advertiser+programme (the other: "
        "pipeline.yaml, line 8)\n"
        "pipeline.yaml:10:64: error: topic 't2' is used twice, as 'topic' (line 9) and as 'topic'; each "
        "needs its own\n"
        "pipeline.yaml:11:64: error: topic 'subscriber.consent' is used twice, as 'consent' (line 1) and as "
        "'topic'; "
        "each needs its own\n");
    write_file(fixture, "programmes/other.yaml", tmobile, strlen(tmobile));
    assert_null(load(fixture, "programmes: [programmes/tmobile.yaml, programmes/other.yaml]\n"
                              "subscriber: {kind: e164}\nstages: [consent]\n"));
    assert_string_equal(fixture->report,
                        "programmes/other.yaml:1:12: error: 'programmes' has two entries with the same "
                        "programme (the other: programmes/tmobile.yaml, line 1)\n");
    assert_null(load(fixture, "programmes: [programmes/tmobile.yaml, programmes/tmobile.yaml]\n"
                              "subscriber: {kind: e164}\nstages: [consent]\n"));
    assert_reported(
        fixture, "programmes/tmobile.yaml:1:12: error: 'programmes' has two entries with the same programme");
    report_with(fixture, "topics: {events: x, consent: x}\n");
    assert_string_equal(
        fixture->report,
        "pipeline.yaml:4:30: error: topic 'x' is used twice, as 'events' (line 4) and as 'consent'; "
        "each needs its own\n");
}

static void mistakes_in_a_file_that_is_named_are_told_with_its_name(void **state)
{
    struct fixture *fixture = *state;
    static const char other[] = "programme: other\nregime: optout\nbrands: [x]\nform: 2021-04-26\n";
    write_file(fixture, "programmes/other.yaml", other, strlen(other));
    assert_null(load(fixture, "programmes: [programmes/tmobile.yaml, programmes/other.yaml]\n"
                              "subscriber: {kind: e164}\nstages: [consent]\nworkers: 0\n"));
    assert_string_equal(
        fixture->report,
        "pipeline.yaml:4:10: error: workers: '0' is less than the least, 1\n"
        "programmes/other.yaml:2:9: error: regime: 'optout' is not one of off, opt_in, opt_out; did you "
        "mean 'opt_out'?\n"
        "programmes/other.yaml:4:1: error: unknown option 'form' in programmes.1; did you mean 'from'?\n");
}

static void overrides_reach_into_files_and_sections(void **state)
{
    struct fixture *fixture = *state;
    static const struct config_override overrides[] = {
        {"workers=8"},
        {"kafka.bootstrap.servers=broker:9092"},
        {"kafka.sasl.password=a: #b"},
        {"programmes.0.regime=opt_in"},
        {"programmes.0.exclude.under_age=21"},
        {"consent.lease=90s"},
        {"stages=[consent, pseudonymize]"},
        {"pseudonymize.key=own.key"},
        {"topics.events=other"},
    };
    struct config *config = load_set(fixture, minimal, overrides, sizeof overrides / sizeof overrides[0]);
    assert_string_equal(fixture->report, "");
    assert_non_null(config);
    assert_int_equal(config->workers, 8);
    const struct option_pair *kafka = config->kafka.items;
    assert_int_equal(config->kafka.count, 2);
    assert_true(view_equal_string(kafka[0].key, "bootstrap.servers"));
    assert_true(view_equal_string(kafka[1].value, "a: #b"));
    assert_int_equal(config_programme(config, 0)->regime, REGIME_OPT_IN);
    assert_int_equal(config_programme(config, 0)->exclude.under_age, 21);
    assert_int_equal(config_programme(config, 0)->exclude.plans.count, 2);
    assert_int_equal(config->last_stage, 1);
    assert_true(view_equal_string(
        ((const struct fake_key *)config_stage_options(config, "pseudonymize"))->key, "own.key"));
    assert_int_equal(((const struct fake_consent *)config_stage_options(config, "consent"))->lease_ms, 90000);
    assert_true(view_equal_string(config->topics.events, "other"));
    config_free(config);
}

static void wrong_overrides_are_linted_like_the_file(void **state)
{
    struct fixture *fixture = *state;
    static const struct config_override overrides[] = {{"worker=8"},
                                                       {"kafka.enable.auto.commit=true"},
                                                       {"kafka.sasl.password"},
                                                       {"programmes.0.regime=hunter"},
                                                       {"programmes.3.regime=off"}};
    assert_null(load_set(fixture, minimal, overrides, sizeof overrides / sizeof overrides[0]));
    assert_string_equal(
        fixture->report,
        "--set:1:1: error: --set: unknown option 'worker'; did you mean 'workers'?\n"
        "--set:2:26: error: enable.auto.commit can't be set to this value: offsets are committed inside the "
        "transaction; committing them beside it loses or doubles records\n"
        "--set:3:1: error: --set needs PATH=VALUE, as in --set publish.k=200\n"
        "--set:4:21: error: regime: 'hunter' is not one of off, opt_in, opt_out\n"
        "--set:5:1: error: --set: lists go by number from 0, and the list ends before '3'\n");
}

static void files_that_are_no_configuration_are_told_apart(void **state)
{
    struct fixture *fixture = *state;
    assert_null(load(fixture, NULL));
    assert_string_equal(fixture->report,
                        "pipeline.yaml: error: can't read the file: No such file or directory\n");
    assert_null(load(fixture, ""));
    assert_string_equal(fixture->report,
                        "pipeline.yaml: error: the file is empty; config/pipeline.yaml is an example\n");
    assert_null(load(fixture, "# nothing\n"));
    assert_reported(fixture, "the file is empty");
    assert_null(load(fixture, "- a\n- b\n"));
    assert_string_equal(
        fixture->report,
        "pipeline.yaml:1:1: error: 'the configuration' must be a mapping, not a list; write KEY: VALUE\n");
    write_file(fixture, "pipeline.yaml", "workers: 2\0\n", 12);
    assert_null(load(fixture, NULL));
    assert_string_equal(fixture->report,
                        "pipeline.yaml:1:11: error: a NUL byte; is this a text file? (byte 0x00)\n");
    assert_null(load(fixture, "programmes: [programmes]\nsubscriber: {kind: e164}\nstages: [consent]\n"));
    assert_reported(fixture, "pipeline.yaml:1:14: error: can't read programmes: Is a directory");
    assert_null(load(fixture, "programmes: [pipeline.yaml]\nsubscriber: {kind: e164}\nstages: [consent]\n"));
    assert_reported(fixture, "error: 'programmes.0.programme' is missing"); /* not read as one for ever */
}

static void sixteen_programmes_are_one_too_many(void **state)
{
    struct fixture *fixture = *state;
    char text[1024] = "subscriber: {kind: e164}\nstages: [consent]\nprogrammes: [p0";
    for (unsigned i = 1; i < 16; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), ", p%u", i);
    snprintf(text + strlen(text), sizeof text - strlen(text), "]\n");
    assert_null(load(fixture, text));
    assert_string_equal(fixture->report,
                        "pipeline.yaml:3:13: error: 'programmes' can have at most 15, has 16\n");
}

static void the_reference_names_every_section(void **state)
{
    struct fixture *fixture = *state;
    size_t size = 0;
    FILE *out = open_memstream(&fixture->report, &size);
    config_reference_write(chain, out);
    fclose(out);
    static const char *const rows[] = {
        "# Configuration\n",
        "| `workers` | whole number | `1` |  | 1 to 256 |",
        "| `group.id` |  | it is made of",
        "| `acks` | `all`, `-1` | ",
        "| `enable.idempotence` | `true` | ",
        "## `topics`\n",
        "## `programmes[]`\n",
        "## `programmes[].exclude`",
        "## `runtime`\n",
        "## `publish.feeds[]`\n",
        "| `instance` | text | the host name |",
        "## `consent`\n",
        "| `programmes` | list of files | **required** |  | 1 to 15 entries |",
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_reported(fixture, rows[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_example_of_the_specification_parses_word_for_word, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(paths_start_at_the_file_and_other_sources_of_keys_stay, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_is_not_written_has_its_default, setup, teardown),
        cmocka_unit_test_setup_teardown(ten_mistakes_are_all_reported_with_their_places, setup, teardown),
        cmocka_unit_test_setup_teardown(a_secret_of_the_kafka_section_is_never_in_a_message, setup, teardown),
        cmocka_unit_test_setup_teardown(properties_that_would_break_a_guarantee_are_refused_with_the_reason,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(properties_that_say_what_is_set_anyway_are_accepted, setup, teardown),
        cmocka_unit_test_setup_teardown(properties_that_the_library_refuses_are_mistakes_like_any_other,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(two_names_of_one_property_are_a_mistake, setup, teardown),
        cmocka_unit_test_setup_teardown(weakened_transport_security_is_a_warning, setup, teardown),
        cmocka_unit_test_setup_teardown(timeouts_must_nest, setup, teardown),
        cmocka_unit_test_setup_teardown(stages_are_a_contiguous_part_of_the_chain_in_its_order, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(without_a_list_all_stages_run_and_need_their_sections, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_section_that_a_stage_lacks_is_missed_where_the_stage_is_named,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_section_of_a_stage_that_does_not_run_is_linted_all_the_same, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_is_alike_is_told_with_both_places, setup, teardown),
        cmocka_unit_test_setup_teardown(mistakes_in_a_file_that_is_named_are_told_with_its_name, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(overrides_reach_into_files_and_sections, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_overrides_are_linted_like_the_file, setup, teardown),
        cmocka_unit_test_setup_teardown(files_that_are_no_configuration_are_told_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(sixteen_programmes_are_one_too_many, setup, teardown),
        cmocka_unit_test_setup_teardown(the_reference_names_every_section, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
