/*
 * A followed topic: complete, fresh, or stop (spec 3, rules 1 and 2), on the broker inside librdkafka. Open transactions it
 * does not know; those are met on a real one.
 */
#include "common/clock.h"
#include "common/kafka_follow.h"
#include "common/kafka_follow_internal.h"
#include "common/log.h"
#include "tests/support/kafka_cluster.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <cmocka.h>

enum { PARTITIONS = 3, WAIT_MS = 60000, LEASE_MS = 1500, EVERY_MS = 200 };

/* ---- a stage that follows ---- */

struct shared {
    atomic_uint taken[PARTITIONS]; /* records taken in, by partition, once each */
    atomic_uint at_complete;       /* in all, when the first read was complete */
    atomic_bool refuses_record, refuses_start;
};

static unsigned sum_of(struct shared *shared)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < PARTITIONS; i++)
        sum += atomic_load(&shared->taken[i]);
    return sum;
}

/* Both views give a record; what counts is how far a partition was taken in. */
static bool apply(void *memory, const struct followed_record *record, struct error *error)
{
    struct shared *shared = memory;
    if (atomic_load(&shared->refuses_record))
        return error_fail(error, EXIT_STATUS_DATA, NULL, NULL, "a key can't be read");
    atomic_uint *taken = &shared->taken[record->partition];
    if (record->offset + 1 > (int64_t)atomic_load(taken))
        atomic_store(taken, (unsigned)record->offset + 1);
    return true;
}

static bool complete(void *memory, struct error *error)
{
    struct shared *shared = memory;
    atomic_store(&shared->at_complete, sum_of(shared));
    return !atomic_load(&shared->refuses_start) ||
           error_fail(error, EXIT_STATUS_CONFIGURATION, NULL, NULL, "fewer entries than the floor");
}

static const struct followed followed = {.topic = TOPIC_CONSENT, .apply = apply, .complete = complete};

static atomic_llong useful_ms;

static int64_t useful_for_a_time(const struct config *config, const void *options)
{
    (void)config;
    (void)options;
    return atomic_load(&useful_ms);
}

static const struct followed ageing = {
    .topic = TOPIC_CONSENT, .apply = apply, .complete = complete, .useful_ms = useful_for_a_time};
static const struct stage ageing_stage = {.name = "ageing", .followed = &ageing};
static const struct stage *const ageing_stages[] = {&ageing_stage, NULL};

/* ---- a rig for each test ---- */

struct rig {
    struct kafka_cluster cluster;
    struct option_pair pairs[3];
    struct config config;
    struct followed_options options;
    struct shared shared;
    struct kafka_follower *follower;
};

static struct rig rig;

static struct option_pair pair(const char *name, const char *value)
{
    return (struct option_pair){.key = view_of_string(name), .value = view_of_string(value)};
}

static int set_up(void **state)
{
    (void)state;
    log_init(LOG_FORMAT_TEXT, LOG_LEVEL_NONE);
    rig = (struct rig){0};
    kafka_cluster_start(&rig.cluster, 1);
    kafka_cluster_topic(&rig.cluster, "choices", PARTITIONS);
    rig.pairs[0] = rig.cluster.bootstrap;
    rig.pairs[1] = pair("reconnect.backoff.max.ms", "100");
    rig.pairs[2] = pair("socket.timeout.ms", "2000");
    rig.config = (struct config){.pipeline = VIEW("test"),
                                 .kafka = {.items = rig.pairs, .count = 3},
                                 .topics = {.consent = VIEW("choices")}};
    rig.options = (struct followed_options){.lease_ms = LEASE_MS, .barrier_every_ms = EVERY_MS};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    kafka_follower_free(rig.follower);
    kafka_cluster_stop(&rig.cluster);
    return 0;
}

static void produce(unsigned times)
{
    for (int32_t i = 0; i < PARTITIONS; i++)
        kafka_cluster_produce(&rig.cluster, "choices", i, "choice", times);
}

static void start_as(const struct followed *as)
{
    struct error error = {0};
    rig.follower = kafka_follower_new(&rig.config, as, &rig.shared, &rig.options, &error);
    assert_non_null(rig.follower);
}

static void start(void)
{
    start_as(&followed);
}

static enum kafka_follow_phase phase(void)
{
    struct kafka_follow_status status;
    kafka_follower_status(rig.follower, &status);
    return status.phase;
}

#define WAIT_FOR(condition)                                                             \
    do {                                                                                \
        int64_t until_ms = clock_monotonic_ms() + WAIT_MS;                              \
        while (!(condition) && clock_monotonic_ms() < until_ms)                         \
            clock_sleep_ms(2);                                                          \
        if (!(condition))                                                               \
            fail_msg("not true in time: %s; phase %d, %u records", #condition, phase(), \
                     sum_of(&rig.shared));                                              \
    } while (0)

static bool barrier(int64_t timeout_ms)
{
    return kafka_follower_await(rig.follower, kafka_follower_ask(rig.follower), timeout_ms);
}

static struct error failure(void)
{
    struct error error = {0};
    WAIT_FOR(phase() == KAFKA_FOLLOW_FAILED);
    assert_true(kafka_follower_failure(rig.follower, &error));
    assert_false(kafka_follower_is_fresh(rig.follower));
    assert_false(barrier(1000));
    return error;
}

/* ---- tests ---- */

static void it_is_complete_only_when_all_that_stood_there_was_taken_in(void **state)
{
    (void)state;
    produce(500);
    start();
    WAIT_FOR(phase() == KAFKA_FOLLOW_FOLLOWING);
    assert_int_equal(rig.shared.at_complete, PARTITIONS * 500);
    struct kafka_follow_status status;
    struct error error = {0};
    WAIT_FOR(kafka_follower_is_fresh(rig.follower)); /* a slow first read may be older than the lease */
    kafka_follower_status(rig.follower, &status);
    assert_true(status.bootstrap_ratio == 1);
    assert_true(status.age_ms >= 0);
    assert_string_equal(status.topic, "choices");
    assert_false(kafka_follower_failure(rig.follower, &error));
}

static void an_empty_topic_is_complete_for_the_stage_to_judge(void **state)
{
    (void)state;
    atomic_store(&rig.shared.refuses_start, true); /* the floor is not reached */
    start();
    struct error error = failure();
    assert_int_equal(error.exit_status, EXIT_STATUS_CONFIGURATION);
    assert_int_equal(rig.shared.at_complete, 0);
}

static void a_record_that_the_stage_refuses_stops_it(void **state)
{
    (void)state;
    produce(1);
    start();
    WAIT_FOR(phase() == KAFKA_FOLLOW_FOLLOWING);
    atomic_store(&rig.shared.refuses_record, true);
    produce(1);
    assert_string_equal(failure().what, "a key can't be read");
}

static void a_topic_that_is_not_there_stops_it_and_says_how_to_make_it(void **state)
{
    (void)state;
    rd_kafka_mock_topic_set_error(rig.cluster.mock, "choices", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    start();
    struct error error = failure();
    assert_int_equal(error.exit_status, EXIT_STATUS_CONFIGURATION);
    assert_non_null(strstr(error.what, "choices"));
    assert_non_null(strstr(error.action, "clickveil topics create"));
}

static void a_topic_that_may_not_be_read_stops_it(void **state)
{
    (void)state;
    rd_kafka_mock_topic_set_error(rig.cluster.mock, "choices", RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    start();
    assert_non_null(strstr(failure().what, "TOPIC_AUTHORIZATION_FAILED"));
}

static void a_barrier_has_taken_in_what_stood_there_when_it_was_asked_for(void **state)
{
    (void)state;
    produce(1);
    start();
    WAIT_FOR(phase() == KAFKA_FOLLOW_FOLLOWING);
    for (unsigned i = 2; i < 12; i++) {
        produce(1);
        assert_true(barrier(WAIT_MS));
        assert_true(sum_of(&rig.shared) >= PARTITIONS * i);
    }
}

static atomic_bool stream_ends;

static void *write_all_the_time(void *context)
{
    (void)context;
    while (!atomic_load(&stream_ends))
        rd_kafka_producev(rig.cluster.owner, RD_KAFKA_V_TOPIC("choices"), RD_KAFKA_V_PARTITION(0),
                          RD_KAFKA_V_VALUE("choice", 6), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                          RD_KAFKA_V_END),
            rd_kafka_poll(rig.cluster.owner, 5);
    return NULL;
}

/* Records that come while the watermarks are asked for move positions beyond them; that is no topic made anew. */
static void barriers_pass_while_choices_keep_coming(void **state)
{
    pthread_t writer;
    (void)state;
    produce(1);
    start();
    WAIT_FOR(phase() == KAFKA_FOLLOW_FOLLOWING);
    for (unsigned i = 0; i < 10; i++) /* these answers take their time, so that records come in between */
        rd_kafka_mock_broker_push_request_error_rtts(rig.cluster.mock, 1, KAFKA_REQUEST_LIST_OFFSETS, 1,
                                                     RD_KAFKA_RESP_ERR_NO_ERROR, 60);
    atomic_store(&stream_ends, false);
    assert_int_equal(pthread_create(&writer, NULL, write_all_the_time, NULL), 0);
    unsigned passed = 0;
    while (passed < 8 && barrier(WAIT_MS))
        passed++;
    atomic_store(&stream_ends, true);
    pthread_join(writer, NULL);
    if (phase() == KAFKA_FOLLOW_FAILED)
        fail_msg("%s", failure().what);
    assert_int_equal(passed, 8);
}

/* As when the library has lost its way there. */
static void no_longer_fetch(const struct view_state *view, int32_t partition)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(PARTITIONS);
    for (int32_t i = 0; i < PARTITIONS; i++) {
        if (i != partition)
            rd_kafka_topic_partition_list_add(list, "choices", i)->offset = atomic_load(&view->positions[i]);
    }
    assert_int_equal(rd_kafka_assign(view->client, list), 0);
    rd_kafka_topic_partition_list_destroy(list);
}

static void a_partition_that_stands_beside_one_that_flows_is_asked_for_anew(void **state)
{
    pthread_t writer;
    (void)state;
    produce(1);
    start();
    WAIT_FOR(kafka_follower_is_fresh(rig.follower));
    atomic_store(&stream_ends, false);
    assert_int_equal(pthread_create(&writer, NULL, write_all_the_time, NULL), 0);
    no_longer_fetch(&rig.follower->committed, 1);
    no_longer_fetch(&rig.follower->uncommitted, 1);
    kafka_cluster_produce(&rig.cluster, "choices", 1, "choice", 1);
    int64_t until_ms = clock_monotonic_ms() + WAIT_MS;
    while (atomic_load(&rig.shared.taken[1]) < 2 && clock_monotonic_ms() < until_ms)
        clock_sleep_ms(2);
    unsigned taken = atomic_load(&rig.shared.taken[1]), flown = atomic_load(&rig.shared.taken[0]);
    atomic_store(&stream_ends, true);
    pthread_join(writer, NULL);
    assert_int_equal(taken, 2);
    assert_true(flown > 2);
    assert_true(barrier(WAIT_MS));
}

/* While a follower's fetches fail, the broker deletes what it has not read: this one keeps 5 MiB of a partition. */
static void delete_what_was_not_read(void)
{
    char value[4097];
    memset(value, 'x', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    produce(2);
    WAIT_FOR(phase() == KAFKA_FOLLOW_FOLLOWING);
    kafka_cluster_faults(&rig.cluster, KAFKA_REQUEST_FETCH, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, 1000);
    for (int32_t i = 0; i < PARTITIONS; i++)
        kafka_cluster_produce(&rig.cluster, "choices", i, value, 1500);
    kafka_cluster_heal(&rig.cluster, KAFKA_REQUEST_FETCH);
}

static void start_ageing(int64_t useful_for_ms)
{
    static void *options[1];
    rig.config.stages = ageing_stages;
    rig.config.stage_options = options;
    atomic_store(&useful_ms, useful_for_ms);
    start_as(&ageing);
}

static void what_was_deleted_as_old_is_passed_over(void **state)
{
    (void)state;
    start_ageing(1); /* it was last complete longer ago than that */
    delete_what_was_not_read();
    WAIT_FOR(sum_of(&rig.shared) == PARTITIONS * 1502); /* the newest of each partition */
    assert_true(barrier(WAIT_MS));
    assert_true(kafka_follower_is_fresh(rig.follower));
}

static void what_was_deleted_while_it_was_of_use_stops_it(void **state)
{
    (void)state;
    start_ageing(86400000);
    delete_what_was_not_read();
    assert_non_null(strstr(failure().what, "deleted, cut or made anew"));
}

static void what_may_not_be_deleted_stops_it_when_it_was(void **state)
{
    (void)state;
    start();
    delete_what_was_not_read();
    assert_non_null(strstr(failure().what, "deleted, cut or made anew"));
}

static void without_a_broker_it_is_stale_after_the_lease_and_fresh_again_afterwards(void **state)
{
    (void)state;
    produce(1);
    start();
    WAIT_FOR(kafka_follower_is_fresh(rig.follower));
    rd_kafka_mock_broker_set_down(rig.cluster.mock, -1);
    assert_false(barrier(100)); /* nothing commits meanwhile */
    WAIT_FOR(!kafka_follower_is_fresh(rig.follower));
    struct kafka_follow_status status;
    kafka_follower_status(rig.follower, &status);
    assert_int_equal(status.phase, KAFKA_FOLLOW_FOLLOWING); /* it has not failed: it waits */
    assert_false(status.fresh);
    rd_kafka_mock_broker_set_up(rig.cluster.mock, -1);
    WAIT_FOR(kafka_follower_is_fresh(rig.follower));
    produce(1);
    assert_true(barrier(WAIT_MS));
    assert_true(sum_of(&rig.shared) >= 2 * PARTITIONS);
}

static void a_broker_that_is_not_there_at_the_start_is_waited_for(void **state)
{
    (void)state;
    produce(5);
    rd_kafka_mock_broker_set_down(rig.cluster.mock, -1);
    start();
    assert_int_equal(phase(), KAFKA_FOLLOW_CONNECTING);
    assert_false(kafka_follower_is_fresh(rig.follower));
    assert_false(barrier(50));
    rd_kafka_mock_broker_set_up(rig.cluster.mock, -1);
    WAIT_FOR(kafka_follower_is_fresh(rig.follower));
    assert_int_equal(rig.shared.at_complete, 5 * PARTITIONS);
}

static void it_can_be_ended_while_it_waits(void **state)
{
    (void)state;
    rd_kafka_mock_broker_set_down(rig.cluster.mock, -1);
    start();
    int64_t began_ms = clock_monotonic_ms();
    kafka_follower_free(rig.follower);
    rig.follower = NULL;
    assert_true(clock_monotonic_ms() - began_ms < WAIT_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_is_complete_only_when_all_that_stood_there_was_taken_in, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_empty_topic_is_complete_for_the_stage_to_judge, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_record_that_the_stage_refuses_stops_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_topic_that_is_not_there_stops_it_and_says_how_to_make_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_topic_that_may_not_be_read_stops_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_barrier_has_taken_in_what_stood_there_when_it_was_asked_for, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(barriers_pass_while_choices_keep_coming, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_partition_that_stands_beside_one_that_flows_is_asked_for_anew,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_deleted_as_old_is_passed_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_deleted_while_it_was_of_use_stops_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_may_not_be_deleted_stops_it_when_it_was, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            without_a_broker_it_is_stale_after_the_lease_and_fresh_again_afterwards, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_broker_that_is_not_there_at_the_start_is_waited_for, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(it_can_be_ended_while_it_waits, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
