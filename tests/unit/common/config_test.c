/* A configuration as a whole: what parses, and that one run tells every mistake with its place. */
#include "tests/support/stage_options.h"
#include "tests/unit/common/config_rig.h"

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
    const struct fake_consent *consent = stage_options(config, "consent");
    assert_int_equal(consent->lease_ms, 60000);
    assert_int_equal(consent->subjects.count, 2);
    const struct fake_publish *publish = stage_options(config, "publish");
    assert_int_equal(publish->k, 100);
    assert_int_equal(publish->epoch_ms, 7LL * 24 * 3600 * 1000);
    assert_int_equal(publish->feeds.count, 1);
    const struct fake_feed *feed = publish->feeds.items;
    assert_true(view_equal_string(feed->topic, "feed.acme.tmobile"));
    assert_int_equal(feed->id, 1);
    assert_null(stage_options(config, "nobody"));
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
        const struct fake_key *options = stage_options(config, "pseudonymize");
        assert_string_equal(options->key.data, rows[i].expected ? rows[i].expected : expected);
        config_free(config);
    }
}

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
    const struct fake_consent *consent = stage_options(config, "consent");
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
    assert_true(
        view_equal_string(((const struct fake_key *)stage_options(config, "pseudonymize"))->key, "own.key"));
    assert_int_equal(((const struct fake_consent *)stage_options(config, "consent"))->lease_ms, 90000);
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
