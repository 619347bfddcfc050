/* Reading a topic whole from a tool, on the broker inside librdkafka: what passes is waited for, what does not is told. */
#include "common/clock.h"
#include "common/kafka_consent.h"
#include "common/kafka_scan.h"
#include "common/log.h"
#include "tests/support/kafka_cluster.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { PARTITIONS = 2, TIMEOUT_MS = 20000, SOON_MS = 600, RECORDS = 7 };

struct rig {
    struct kafka_cluster cluster;
    struct option_pair pairs[1];
    struct config config;
    unsigned seen;
};

static struct rig rig;

static int set_up(void **state)
{
    (void)state;
    log_init(LOG_FORMAT_TEXT, LOG_LEVEL_NONE);
    rig = (struct rig){0};
    kafka_cluster_start(&rig.cluster, 1);
    rig.pairs[0] = rig.cluster.bootstrap;
    rig.config = (struct config){.pipeline = VIEW("test"),
                                 .instance = VIEW("one"),
                                 .kafka = {.items = rig.pairs, .count = 1},
                                 .runtime = {.batch_records_max = 10000,
                                             .memory_bytes_max = 8 << 20,
                                             .queue_bytes_max = 4 << 20,
                                             .transaction_timeout_ms = 10000},
                                 .topics = {.consent = VIEW("choices")}};
    kafka_cluster_topic(&rig.cluster, "choices", PARTITIONS);
    kafka_cluster_produce(&rig.cluster, "choices", 1, "choice", RECORDS);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    kafka_cluster_stop(&rig.cluster);
    return 0;
}

static bool see(void *context, const struct kafka_scan_record *record, struct error *error)
{
    (void)context;
    (void)record;
    (void)error;
    rig.seen++;
    return true;
}

static bool scan(int timeout_ms, struct error *error)
{
    const struct kafka_scan wish = {
        .config = &rig.config, .topic = "choices", .timeout_ms = timeout_ms, .visit = see};
    return kafka_scan(&wish, error);
}

static const struct {
    rd_kafka_resp_err_t code;
    const char *why;
} passing[] = {
    {RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, "its leader has not heard yet that it is one"},
    {RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, "it was made just now"},
    {RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR, "a disk is taken out"},
};

static void what_passes_while_offsets_are_asked_for_is_tried_again(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof passing / sizeof *passing; i++) {
        struct error error = {0};
        (void)set_up(NULL);
        kafka_cluster_faults(&rig.cluster, KAFKA_REQUEST_LIST_OFFSETS, passing[i].code, 5);
        if (!scan(TIMEOUT_MS, &error))
            fail_msg("%s: %s", passing[i].why, error.what);
        assert_int_equal(rig.seen, RECORDS);
        (void)tear_down(NULL);
    }
}

static void *get_a_leader(void *context)
{
    (void)context;
    clock_sleep_ms(SOON_MS); /* the broker's time */
    rd_kafka_mock_topic_set_error(rig.cluster.mock, "choices", RD_KAFKA_RESP_ERR_NO_ERROR);
    return NULL;
}

static void a_topic_whose_leaders_are_not_chosen_yet_is_waited_for(void **state)
{
    (void)state;
    pthread_t broker;
    struct error error = {0};
    rd_kafka_mock_topic_set_error(rig.cluster.mock, "choices", RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE);
    assert_int_equal(pthread_create(&broker, NULL, get_a_leader, NULL), 0);
    bool fine = scan(TIMEOUT_MS, &error);
    pthread_join(broker, NULL);
    if (!fine)
        fail_msg("%s", error.what);
    assert_int_equal(rig.seen, RECORDS);
}

static void a_writer_waits_for_them_too(void **state)
{
    (void)state;
    pthread_t broker;
    struct error error = {0};
    rd_kafka_mock_topic_set_error(rig.cluster.mock, "choices", RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE);
    assert_int_equal(pthread_create(&broker, NULL, get_a_leader, NULL), 0);
    struct kafka_consent *writer = kafka_consent_new(&rig.config, TIMEOUT_MS, &error);
    pthread_join(broker, NULL);
    if (!writer)
        fail_msg("%s", error.what);
    assert_int_equal(kafka_consent_partitions(writer), PARTITIONS);
    kafka_consent_free(writer);
}

static void what_does_not_pass_ends_it_in_time(void **state)
{
    (void)state;
    struct error error = {0};
    rd_kafka_mock_topic_set_error(rig.cluster.mock, "choices", RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE);
    assert_false(scan(SOON_MS, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_UNAVAILABLE);
    assert_non_null(strstr(error.what, "LEADER_NOT_AVAILABLE"));
    error = (struct error){0};
    assert_null(kafka_consent_new(&rig.config, SOON_MS, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_UNAVAILABLE);
}

static void what_trying_again_does_not_help_is_told_at_once(void **state)
{
    (void)state;
    static const struct {
        rd_kafka_resp_err_t code;
        const char *said;
    } cases[] = {
        {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, "TOPIC_AUTHORIZATION_FAILED"},
        {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, "does not exist"},
        {RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, "TOPIC_EXCEPTION"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error error = {0};
        int64_t began_ms = clock_monotonic_ms();
        rd_kafka_mock_topic_set_error(rig.cluster.mock, "choices", cases[i].code);
        assert_false(scan(10 * TIMEOUT_MS, &error));
        assert_non_null(strstr(error.what, cases[i].said));
        assert_true(clock_monotonic_ms() - began_ms < 5 * TIMEOUT_MS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_passes_while_offsets_are_asked_for_is_tried_again),
        cmocka_unit_test_setup_teardown(a_topic_whose_leaders_are_not_chosen_yet_is_waited_for, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_writer_waits_for_them_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_does_not_pass_ends_it_in_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_trying_again_does_not_help_is_told_at_once, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
