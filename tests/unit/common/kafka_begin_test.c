/* Where a side input without a position begins, on the broker inside librdkafka. */
#include "common/clock.h"
#include "common/followed_options.h"
#include "common/kafka_begin.h"
#include "common/kafka_client.h"
#include "common/log.h"
#include "tests/support/kafka_cluster.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { PARTITIONS = 2, TIMEOUT_MS = 5000, NONE = -1 };

#define GROUP "test.pseudonymize.side"

static const struct side_input takes_back = {.topic = TOPIC_CONSENT, .takes_back = true};
static const struct side_input keeps = {.topic = TOPIC_CONSENT};
static const struct followed follows = {.topic = TOPIC_RETRACTIONS};
static const struct stage consent = {.name = "consent", .output = TOPIC_CONSENT_OUT, .side = &keeps};
static const struct stage pseudonymize = {.name = "pseudonymize",
                                          .output = TOPIC_PSEUDONYMIZE_OUT,
                                          .side = &takes_back,
                                          .writes = TOPIC_RETRACTIONS};
static const struct stage publish = {.name = "publish", .followed = &follows};
static const struct stage *const chain[] = {&consent, &pseudonymize, &publish, NULL};

enum { CONSENT, PSEUDONYMIZE, PUBLISH };

struct rig {
    struct kafka_cluster cluster;
    struct option_pair pairs[1];
    struct followed_options publish_options;
    void *options[3];
    struct config config;
};

static struct rig rig;

static int set_up(void **state)
{
    (void)state;
    log_init(LOG_FORMAT_TEXT, LOG_LEVEL_NONE);
    rig = (struct rig){0};
    kafka_cluster_start(&rig.cluster, 1);
    rig.pairs[0] = rig.cluster.bootstrap;
    rig.options[PUBLISH] = &rig.publish_options;
    rig.config = (struct config){.pipeline = VIEW("test"),
                                 .kafka = {.items = rig.pairs, .count = 1},
                                 .runtime = {.commit_interval_ms = 20,
                                             .batch_records_max = 10000,
                                             .memory_bytes_max = 8 << 20,
                                             .queue_bytes_max = 4 << 20,
                                             .transaction_timeout_ms = 10000},
                                 .stages = chain,
                                 .stage_options = rig.options,
                                 .topics = {.events = VIEW("events"),
                                            .consent = VIEW("choices"),
                                            .retractions = VIEW("retractions"),
                                            .consent_out = VIEW("consented"),
                                            .pseudonymize_out = VIEW("pseudonymized"),
                                            .classify_out = VIEW("classified"),
                                            .state = VIEW("state")}};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    kafka_cluster_stop(&rig.cluster);
    return 0;
}

/* The group's positions: asks for them, or (commit) sets the first one. */
static void positions(int64_t out_positions[PARTITIONS], const int64_t *commit)
{
    struct error error = {0};
    struct kafka_client_spec spec = {.role = KAFKA_ROLE_WORKER, .identity = GROUP};
    rd_kafka_t *client = kafka_client_new(&rig.config, &spec, &error);
    assert_non_null(client);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(PARTITIONS);
    for (int32_t i = 0; i < (commit ? 1 : PARTITIONS); i++)
        rd_kafka_topic_partition_list_add(list, "choices", i)->offset = commit ? *commit : 0;
    assert_int_equal(commit ? rd_kafka_commit(client, list, 0) : rd_kafka_committed(client, list, TIMEOUT_MS),
                     0);
    for (int i = 0; !commit && i < list->cnt; i++)
        out_positions[i] = list->elems[i].offset < 0 ? NONE : list->elems[i].offset;
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_consumer_close(client);
    rd_kafka_destroy(client);
}

static void begin(void)
{
    struct error error = {0};
    if (!kafka_begin_side(&rig.config, &pseudonymize, TIMEOUT_MS, &error))
        fail_msg("%s", error.what);
}

static void it_begins_at_the_end_only_where_nothing_was_put_out(void **state)
{
    (void)state;
    static const struct {
        unsigned first, last;
        const char *record_in; /* a topic that has a record; NULL: none has */
        const char *missing;   /* a topic that is not there; NULL: all are */
        int64_t position;      /* of the group in the first partition, or NONE */
        bool unanswered, at_end;
        const char *why;
    } cases[] = {
        {CONSENT, PUBLISH, NULL, NULL, NONE, false, true, "fused, the very first start"},
        {CONSENT, PUBLISH, NULL, "classified", NONE, false, true, "what is not there has no record"},
        {CONSENT, PUBLISH, "events", NULL, NONE, false, true,
         "events that wait are judged by what stands there"},
        {CONSENT, PUBLISH, "retractions", NULL, NONE, false, false,
         "the group was lost: choices were answered"},
        {CONSENT, PUBLISH, "state", NULL, NONE, false, false, "the group was lost: people are known"},
        {CONSENT, PUBLISH, "pseudonymized", NULL, NONE, false, false, "another cut put something out"},
        {CONSENT, PUBLISH, "classified", NULL, NONE, false, false, "another cut put something out"},
        {CONSENT, PUBLISH, NULL, NULL, 1, false, false, "it has a position, if only in one partition"},
        {CONSENT, PUBLISH, NULL, NULL, NONE, true, false, "publish does not wait for answers"},
        {CONSENT, PSEUDONYMIZE, NULL, NULL, NONE, false, false, "nobody keeps events back meanwhile"},
        {PSEUDONYMIZE, PSEUDONYMIZE, NULL, NULL, NONE, false, true,
         "split, before consent let anything through"},
        {PSEUDONYMIZE, PUBLISH, NULL, NULL, NONE, false, true, "cut behind consent"},
        {PSEUDONYMIZE, PSEUDONYMIZE, "consented", NULL, NONE, false, false,
         "events passed consent before somebody said no"},
        {PSEUDONYMIZE, PSEUDONYMIZE, "pseudonymized", NULL, NONE, false, false, "the group was lost"},
    };
    static const char *const topics[] = {"events",        "retractions", "consented",
                                         "pseudonymized", "classified",  "state"};
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        (void)set_up(NULL);
        kafka_cluster_topic(&rig.cluster, "choices", PARTITIONS);
        kafka_cluster_produce(&rig.cluster, "choices", 0, "choice", 3);
        kafka_cluster_produce(&rig.cluster, "choices", 1, "choice", 5);
        for (unsigned j = 0; j < sizeof topics / sizeof *topics; j++) {
            if (!cases[i].missing || strcmp(cases[i].missing, topics[j]) != 0)
                kafka_cluster_topic(&rig.cluster, topics[j], PARTITIONS);
        }
        if (cases[i].record_in)
            kafka_cluster_produce(&rig.cluster, cases[i].record_in, 1, "x", 1);
        if (cases[i].position != NONE)
            positions(NULL, &cases[i].position);
        rig.publish_options.ignores_source = cases[i].unanswered;
        rig.config.first_stage = cases[i].first;
        rig.config.last_stage = cases[i].last;
        begin();
        int64_t found[PARTITIONS];
        positions(found, NULL);
        int64_t first = cases[i].at_end ? 3 : cases[i].position, second = cases[i].at_end ? 5 : NONE;
        if (found[0] != first || found[1] != second)
            fail_msg("%s: %lld and %lld", cases[i].why, (long long)found[0], (long long)found[1]);
        (void)tear_down(NULL);
    }
}

static void make_needed(void)
{
    kafka_cluster_topic(&rig.cluster, "retractions", PARTITIONS);
    kafka_cluster_topic(&rig.cluster, "state", PARTITIONS);
}

static void an_empty_topic_has_its_end_at_its_beginning(void **state)
{
    (void)state;
    kafka_cluster_topic(&rig.cluster, "choices", PARTITIONS);
    make_needed();
    rig.config.last_stage = PUBLISH;
    begin();
    int64_t found[PARTITIONS];
    positions(found, NULL);
    assert_int_equal(found[0], 0);
    assert_int_equal(found[1], 0);
}

static void a_side_input_that_keeps_something_begins_at_the_beginning(void **state)
{
    (void)state;
    struct error error = {0};
    kafka_cluster_topic(&rig.cluster, "choices", PARTITIONS);
    rig.config.last_stage = PUBLISH;
    assert_true(kafka_begin_side(&rig.config, &consent, TIMEOUT_MS, &error));
    int64_t found[PARTITIONS];
    positions(found, NULL);
    assert_int_equal(found[0], NONE);
}

static void what_passes_is_tried_again(void **state)
{
    (void)state;
    struct error error = {0};
    kafka_cluster_topic(&rig.cluster, "choices", PARTITIONS);
    make_needed();
    rig.config.last_stage = PUBLISH;
    rd_kafka_mock_broker_set_down(rig.cluster.mock, -1);
    assert_false(kafka_begin_side(&rig.config, &pseudonymize, 500, &error));
    assert_true(error.retriable);
    rd_kafka_mock_broker_set_up(rig.cluster.mock, -1);
    begin();
    int64_t found[PARTITIONS];
    positions(found, NULL);
    assert_int_equal(found[0], 0);
}

static void make_all(const char *record_in)
{
    static const char *const topics[] = {"events", "retractions", "pseudonymized", "classified", "state"};
    kafka_cluster_topic(&rig.cluster, "choices", PARTITIONS);
    kafka_cluster_produce(&rig.cluster, "choices", 0, "choice", 3);
    for (unsigned i = 0; i < sizeof topics / sizeof *topics; i++)
        kafka_cluster_topic(&rig.cluster, topics[i], PARTITIONS);
    kafka_cluster_produce(&rig.cluster, record_in, 1, "x", 1);
    rig.config.last_stage = PUBLISH;
}

static void a_topic_that_it_needs_and_the_broker_does_not_know_yet_is_asked_for_again(void **state)
{
    (void)state;
    struct error error = {0};
    int64_t found[PARTITIONS];
    make_all("retractions");
    rd_kafka_mock_topic_set_error(rig.cluster.mock, "retractions", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    assert_false(kafka_begin_side(&rig.config, &pseudonymize, TIMEOUT_MS, &error));
    assert_true(error.retriable);
    positions(found, NULL);
    assert_int_equal(found[0], NONE);
    rd_kafka_mock_topic_set_error(rig.cluster.mock, "retractions", RD_KAFKA_RESP_ERR_NO_ERROR);
    begin();
    positions(found, NULL);
    assert_int_equal(found[0], NONE); /* it has a record */
}

static void *know_it_a_little_later(void *context)
{
    clock_sleep_ms(500); /* the broker's time, not ours: it is asked again after that */
    rd_kafka_mock_topic_set_error(rig.cluster.mock, context, RD_KAFKA_RESP_ERR_NO_ERROR);
    return NULL;
}

static void a_topic_of_another_cut_is_missing_only_when_it_is_so_twice(void **state)
{
    (void)state;
    static char topic[] = "classified";
    pthread_t broker;
    int64_t found[PARTITIONS];
    make_all(topic);
    rd_kafka_mock_topic_set_error(rig.cluster.mock, topic, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    assert_int_equal(pthread_create(&broker, NULL, know_it_a_little_later, topic), 0);
    begin();
    pthread_join(broker, NULL);
    positions(found, NULL);
    assert_int_equal(found[0], NONE);
}

static void a_topic_that_may_not_be_seen_may_have_records(void **state)
{
    (void)state;
    int64_t found[PARTITIONS];
    make_all("classified");
    rd_kafka_mock_topic_set_error(rig.cluster.mock, "classified",
                                  RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    begin();
    positions(found, NULL);
    assert_int_equal(found[0], NONE);
}

static void without_an_answer_it_is_left_alone(void **state)
{
    (void)state;
    kafka_cluster_topic(&rig.cluster, "choices", PARTITIONS);
    kafka_cluster_produce(&rig.cluster, "choices", 0, "choice", 1);
    kafka_cluster_topic(&rig.cluster, "state", PARTITIONS);
    rig.config.last_stage = PUBLISH;
    kafka_cluster_faults(&rig.cluster, KAFKA_REQUEST_OFFSET_FETCH,
                         RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, 10);
    begin();
    kafka_cluster_heal(&rig.cluster, KAFKA_REQUEST_OFFSET_FETCH);
    int64_t found[PARTITIONS];
    positions(found, NULL);
    assert_int_equal(found[0], NONE);
    assert_int_equal(found[1], NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_begins_at_the_end_only_where_nothing_was_put_out),
        cmocka_unit_test_setup_teardown(an_empty_topic_has_its_end_at_its_beginning, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_side_input_that_keeps_something_begins_at_the_beginning, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_passes_is_tried_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_topic_that_it_needs_and_the_broker_does_not_know_yet_is_asked_for_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_topic_of_another_cut_is_missing_only_when_it_is_so_twice, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_topic_that_may_not_be_seen_may_have_records, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_an_answer_it_is_left_alone, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
