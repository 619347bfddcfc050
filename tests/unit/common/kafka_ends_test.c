/* A topic whose ends go back is another one: two brokers inside librdkafka stand for it before and after. */
#include "common/kafka_client.h"
#include "common/kafka_ends.h"
#include "common/log.h"
#include "tests/support/kafka_cluster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { TIMEOUT_MS = 5000 };

struct side { /* before, after */
    struct kafka_cluster cluster;
    struct option_pair pair;
    struct config config;
    rd_kafka_t *client;
};

static void begin(struct side *side, int partitions, unsigned first, unsigned second)
{
    struct error error = {0};
    struct kafka_client_spec spec = {.role = KAFKA_ROLE_OFFSETS};
    kafka_cluster_start(&side->cluster, 1);
    side->pair = side->cluster.bootstrap;
    side->config = (struct config){.pipeline = VIEW("test"), .kafka = {.items = &side->pair, .count = 1}};
    kafka_cluster_topic(&side->cluster, "state", partitions);
    if (first)
        kafka_cluster_produce(&side->cluster, "state", 0, "x", first);
    if (second)
        kafka_cluster_produce(&side->cluster, "state", 1, "x", second);
    side->client = kafka_client_new(&side->config, &spec, &error);
    assert_non_null(side->client);
}

static void end(struct side *side)
{
    rd_kafka_destroy(side->client);
    kafka_cluster_stop(&side->cluster);
}

static void ends_may_stand_or_grow_and_never_go_back(void **state)
{
    (void)state;
    static const struct {
        int partitions;
        unsigned first, second;
        const char *said; /* NULL: it is the same topic */
        const char *why;
    } cases[] = {
        {2, 5, 3, NULL, "nothing came"},
        {2, 6, 9, NULL, "records came"},
        {2, 4, 9, "partition 0 ends at offset 4, and ended at 5", "one below, in one partition"},
        {2, 6, 2, "partition 1 ends at offset 2, and ended at 3", "in the last one"},
        {2, 0, 0, "made anew or cut", "it is empty"},
        {3, 5, 3, "from 2 to 3", "it has more partitions"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error error = {0};
        struct kafka_ends ends;
        struct side before, after;
        begin(&before, 2, 5, 3);
        begin(&after, cases[i].partitions, cases[i].first, cases[i].second);
        kafka_ends_init(&ends, "state");
        assert_true(kafka_ends_check(&ends, before.client, TIMEOUT_MS, &error));
        assert_true(kafka_ends_check(&ends, before.client, TIMEOUT_MS, &error));
        bool same = kafka_ends_check(&ends, after.client, TIMEOUT_MS, &error);
        if (same != !cases[i].said || (cases[i].said && !strstr(error.what, cases[i].said)))
            fail_msg("%s: %s", cases[i].why, error.what);
        kafka_ends_release(&ends);
        end(&before);
        end(&after);
    }
}

static void a_topic_that_is_gone_is_so_when_the_broker_says_so_three_times(void **state)
{
    (void)state;
    struct error error = {0};
    struct kafka_ends ends;
    struct side side;
    begin(&side, 2, 5, 3);
    kafka_ends_init(&ends, "state");
    rd_kafka_mock_topic_set_error(side.cluster.mock, "state", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    for (unsigned i = 0; i < 5; i++) /* never seen: that it is missing is for the start to say */
        assert_true(kafka_ends_check(&ends, side.client, TIMEOUT_MS, &error));
    for (unsigned round = 0; round < 2; round++) {
        rd_kafka_mock_topic_set_error(side.cluster.mock, "state", RD_KAFKA_RESP_ERR_NO_ERROR);
        assert_true(kafka_ends_check(&ends, side.client, TIMEOUT_MS, &error));
        rd_kafka_mock_topic_set_error(side.cluster.mock, "state", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
        assert_true(kafka_ends_check(&ends, side.client, TIMEOUT_MS, &error));
        assert_true(kafka_ends_check(&ends, side.client, TIMEOUT_MS, &error));
    }
    assert_false(kafka_ends_check(&ends, side.client, TIMEOUT_MS, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_CONFIGURATION);
    assert_non_null(strstr(error.what, "does not exist"));
    kafka_ends_release(&ends);
    end(&side);
}

static void no_answer_is_no_verdict(void **state)
{
    (void)state;
    struct error error = {0};
    struct kafka_ends ends;
    struct side side;
    begin(&side, 2, 5, 3);
    kafka_ends_init(&ends, "state");
    assert_true(kafka_ends_check(&ends, side.client, TIMEOUT_MS, &error));
    rd_kafka_mock_topic_set_error(side.cluster.mock, "state", RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE);
    for (unsigned i = 0; i < 5; i++)
        assert_true(kafka_ends_check(&ends, side.client, TIMEOUT_MS, &error));
    rd_kafka_mock_topic_set_error(side.cluster.mock, "state", RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_mock_broker_set_down(side.cluster.mock, -1);
    for (unsigned i = 0; i < 4; i++)
        assert_true(kafka_ends_check(&ends, side.client, 100, &error));
    kafka_ends_release(&ends);
    end(&side);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_may_stand_or_grow_and_never_go_back),
        cmocka_unit_test(a_topic_that_is_gone_is_so_when_the_broker_says_so_three_times),
        cmocka_unit_test(no_answer_is_no_verdict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
