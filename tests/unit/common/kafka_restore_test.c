/*
 * State comes back from its changelog, and only when that and the group's offset agree (architecture 2). What an open
 * transaction hides is tried on a real broker; the one inside librdkafka knows none.
 */
#include "common/clock.h"
#include "common/kafka_client.h"
#include "common/kafka_restore.h"
#include "common/log.h"
#include "common/stage.h"
#include "tests/support/kafka_cluster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { PARTITIONS = 3, WAIT_MS = 60000, TRANSACTION_TIMEOUT_MS = 10000 };

/* ---- a stage that keeps state ---- */

struct probe {
    unsigned assigned[PARTITIONS], records[PARTITIONS], deleted[PARTITIONS], restored[PARTITIONS];
};

static bool probe_assign(void *state, int32_t partition, int32_t partitions, struct error *error)
{
    (void)error;
    assert_int_equal(partitions, PARTITIONS);
    ((struct probe *)state)->assigned[partition]++;
    return true;
}

static bool probe_restore(void *state, int32_t partition, struct view key, struct view value,
                          struct error *error)
{
    struct probe *probe = state;
    if (view_equal_string(key, "unreadable"))
        return error_fail(error, EXIT_STATUS_DATA, NULL, NULL, "a person can't be read");
    if (view_is_absent(value))
        probe->deleted[partition]++;
    else
        probe->records[partition]++;
    return true;
}

static bool probe_restored(void *state, int32_t partition, struct error *error)
{
    (void)error;
    ((struct probe *)state)->restored[partition]++;
    return true;
}

static struct probe *last_state; /* of the chain that was made last */

static bool probe_init(void *state, const struct stage_context *context, struct error *error)
{
    (void)context;
    (void)error;
    last_state = state;
    return true;
}

static void probe_revoke(void *state, int32_t partition)
{
    (void)state;
    (void)partition;
}

static struct verdict probe_process(void *state, struct record *record, struct emitter *emitter)
{
    (void)state;
    (void)record;
    (void)emitter;
    return verdict_pass();
}

static const struct partitioned keeps_state = {
    .assign = probe_assign, .restore = probe_restore, .restored = probe_restored, .revoke = probe_revoke};
static const struct stage probe_stage = {.name = "probe",
                                         .state_size = sizeof(struct probe),
                                         .init = probe_init,
                                         .process = probe_process,
                                         .partitioned = &keeps_state};
static const struct stage *const stages[] = {&probe_stage, NULL};

/* ---- a rig for each test ---- */

struct rig {
    struct kafka_cluster cluster;
    struct option_pair pairs[2];
    void *stage_options[2];
    struct config config;
    struct arena arena;
    struct chain_shared *shared;
    struct chain *chain;
    rd_kafka_t *consumer;
    struct kafka_restore *restore;
};

static struct rig rig;

static bool send_nowhere(void *context, const struct output *output, struct error *error)
{
    (void)context;
    (void)output;
    (void)error;
    return true;
}

static int set_up(void **state)
{
    struct error error = {0};
    (void)state;
    log_init(LOG_FORMAT_TEXT, LOG_LEVEL_NONE);
    rig = (struct rig){0};
    kafka_cluster_start(&rig.cluster, 1);
    kafka_cluster_topic(&rig.cluster, "events", PARTITIONS);
    kafka_cluster_topic(&rig.cluster, "state", PARTITIONS);
    rig.pairs[0] = rig.cluster.bootstrap;
    rig.pairs[1] = (struct option_pair){.key = VIEW("reconnect.backoff.max.ms"), .value = VIEW("100")};
    rig.config = (struct config){
        .pipeline = VIEW("test"),
        .instance = VIEW("here"),
        .workers = 1,
        .kafka = {.items = rig.pairs, .count = 2},
        .topics = {.events = VIEW("events"), .state = VIEW("state"), .dead_letters = VIEW("dead")},
        .subscriber = {.kind = IDENTIFIER_OPAQUE},
        .input = {.events_partitioner = EVENTS_PARTITIONER_TRUSTED, .record_bytes_max = 65536},
        .runtime = {.batch_records_max = 1000,
                    .memory_bytes_max = 4 << 20,
                    .queue_bytes_max = 1 << 20,
                    .transaction_timeout_ms = TRANSACTION_TIMEOUT_MS},
        .stages = stages,
        .stage_options = rig.stage_options,
    };
    assert_true(arena_init(&rig.arena, 1 << 16, 1 << 20, &error));
    rig.shared = chain_shared_new(&rig.config, false, &error);
    assert_non_null(rig.shared);
    rig.chain = chain_new(rig.shared, 0, &rig.arena, (struct sink){NULL, send_nowhere}, &error);
    assert_non_null(rig.chain);
    struct kafka_client_spec spec = {.role = KAFKA_ROLE_WORKER, .identity = "test.probe"};
    rig.consumer = kafka_client_new(&rig.config, &spec, &error);
    assert_non_null(rig.consumer);
    rig.restore = kafka_restore_new(&rig.config, rig.chain, &error);
    assert_non_null(rig.restore);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    kafka_restore_free(rig.restore);
    rd_kafka_destroy(rig.consumer);
    chain_free(rig.chain);
    chain_shared_free(rig.shared);
    arena_release(&rig.arena);
    kafka_cluster_stop(&rig.cluster);
    return 0;
}

static void put(int32_t partition, const char *key, const char *value)
{
    assert_int_equal(rd_kafka_producev(rig.cluster.owner, RD_KAFKA_V_TOPIC("state"),
                                       RD_KAFKA_V_PARTITION(partition), RD_KAFKA_V_KEY(key, strlen(key)),
                                       RD_KAFKA_V_VALUE((void *)value, value ? strlen(value) : 0),
                                       RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    assert_int_equal(rd_kafka_flush(rig.cluster.owner, WAIT_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
}

/* As the worker writes it. */
static void put_position(int32_t partition, int64_t next_offset)
{
    struct output output;
    assert_true(kafka_restore_position(&rig.config, partition, next_offset, PARTITIONS, &rig.arena, &output));
    assert_int_equal(output.topic, TOPIC_STATE);
    assert_int_equal(output.partition, partition);
    char value[1024];
    assert_true(output.value.size < sizeof value);
    memcpy(value, output.value.data, output.value.size);
    value[output.value.size] = '\0';
    put(partition, "position", value);
}

/* What the group has committed, as the library stores it for consumers without transactions. */
static void commit(int32_t partition, int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, "events", partition)->offset = offset;
    assert_int_equal(rd_kafka_commit(rig.consumer, list, 0), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_topic_partition_list_destroy(list);
}

static void begin(const struct kafka_restore_partition *partitions, unsigned count)
{
    struct error error = {0};
    for (unsigned i = 0; i < count; i++)
        assert_true(chain_assign(rig.chain, partitions[i].partition, PARTITIONS, &error));
    assert_true(kafka_restore_begin(rig.restore, partitions, count, PARTITIONS, &error));
}

static enum kafka_restore_result run(int64_t wait_ms, struct error *error)
{
    int64_t until_ms = clock_monotonic_ms() + wait_ms;
    enum kafka_restore_result result = KAFKA_RESTORE_GOING;
    while (result == KAFKA_RESTORE_GOING && clock_monotonic_ms() < until_ms)
        result = kafka_restore_step(rig.restore, rig.consumer, 20, error);
    return result;
}

static void assert_done(void)
{
    struct error error = {0};
    enum kafka_restore_result result = run(WAIT_MS, &error);
    if (result != KAFKA_RESTORE_DONE)
        fail_msg("%d: %s", result, error.what);
    assert_true(kafka_restore_ratio(rig.restore) == 1);
}

/* ---- tests ---- */

static void nothing_of_nothing_is_restored_at_once(void **state)
{
    unsigned count;
    (void)state;
    begin(NULL, 0);
    assert_done();
    (void)kafka_restore_partitions(rig.restore, &count);
    assert_int_equal(count, 0);
}

static void a_new_group_begins_without_state(void **state)
{
    (void)state;
    begin((struct kafka_restore_partition[]){{0, -1}, {2, -1}}, 2);
    assert_done();
    assert_int_equal(last_state->restored[0], 1);
    assert_int_equal(last_state->restored[1], 0);
    assert_int_equal(last_state->restored[2], 1);
}

static void each_partition_gets_its_records_and_no_position(void **state)
{
    (void)state;
    put(0, "a", "1");
    put(0, "b", "1");
    put(0, "a", NULL);
    put_position(0, 11);
    put(1, "c", "1");
    put_position(1, 0);
    put_position(1, 22);
    begin((struct kafka_restore_partition[]){{1, 22}, {0, 11}}, 2);
    assert_done();
    assert_int_equal(last_state->records[0], 2);
    assert_int_equal(last_state->deleted[0], 1);
    assert_int_equal(last_state->records[1], 1);
    unsigned count;
    const struct kafka_restore_partition *partitions = kafka_restore_partitions(rig.restore, &count);
    assert_int_equal(count, 2);
    assert_int_equal(partitions[0].partition, 1);
    assert_int_equal(partitions[0].committed, 22);
    assert_int_equal(partitions[1].committed, 11);
}

static void a_changelog_that_is_behind_is_waited_for(void **state)
{
    struct error error = {0};
    (void)state;
    commit(0, 11);
    put(0, "a", "1");
    put_position(0, 10);
    begin((struct kafka_restore_partition[]){{0, 11}}, 1);
    assert_int_equal(run(700, &error), KAFKA_RESTORE_GOING);
    put(0, "b", "1");
    put_position(0, 11);
    assert_done();
    assert_int_equal(last_state->records[0], 2);
}

static void a_committed_offset_that_is_behind_is_asked_for_again(void **state)
{
    struct error error = {0};
    unsigned count;
    (void)state;
    put(0, "a", "1");
    put_position(0, 11);
    commit(0, 10);
    begin((struct kafka_restore_partition[]){{0, 10}}, 1);
    assert_int_equal(run(700, &error), KAFKA_RESTORE_GOING);
    commit(0, 11);
    assert_done();
    assert_int_equal(kafka_restore_partitions(rig.restore, &count)[0].committed, 11);
}

static void a_changelog_of_another_cut_is_refused_and_says_what_helps(void **state)
{
    static const struct {
        const char *position, *what, *why;
    } rows[] = {
        {"{\"v\":1,\"partition\":0,\"next_offset\":5,\"partitions\":3,\"input\":\"other\",\"stage\":"
         "\"probe\","
         "\"format\":1}",
         "input topic (other; this configuration: events)", "another input"},
        {"{\"v\":1,\"partition\":1,\"next_offset\":5,\"partitions\":3,\"input\":\"events\",\"stage\":"
         "\"consent\","
         "\"format\":1}",
         "cut of the chain, from stage (consent; this configuration: probe)", "another cut"},
        {"{\"v\":1,\"partition\":2,\"next_offset\":5,\"partitions\":4,\"input\":\"events\",\"stage\":"
         "\"probe\","
         "\"format\":1}",
         "number of input partitions (4; this configuration: 3)", "keys are somewhere else"},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error error = {0};
        put((int32_t)i, "position", rows[i].position);
        begin((struct kafka_restore_partition[]){{(int32_t)i, 5}}, 1);
        if (run(WAIT_MS, &error) != KAFKA_RESTORE_FAILED || !strstr(error.what, rows[i].what))
            fail_msg("%s: %s", rows[i].why, error.what);
        assert_int_equal(error.exit_status, EXIT_STATUS_CONFIGURATION);
        assert_non_null(strstr(error.action, "Fresh state"));
        kafka_restore_cancel(rig.restore);
    }
}

static void a_position_that_cannot_be_read_stops(void **state)
{
    static const char *const rows[] = {
        "", "{", "{}",
        "{\"v\":2,\"next_offset\":5,\"partitions\":3,\"input\":\"events\",\"stage\":\"probe\"}",
        "{\"v\":1,\"next_offset\":\"5\",\"partitions\":3,\"input\":\"events\",\"stage\":\"probe\"}"};
    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error error = {0};
        int32_t partition = (int32_t)i % PARTITIONS;
        put(partition, "position", rows[i]);
        begin((struct kafka_restore_partition[]){{partition, 5}}, 1);
        assert_int_equal(run(WAIT_MS, &error), KAFKA_RESTORE_FAILED);
        assert_int_equal(error.exit_status, EXIT_STATUS_DATA);
        assert_non_null(strstr(error.where, "state["));
        kafka_restore_cancel(rig.restore);
    }
}

static void what_the_stage_cannot_read_stops(void **state)
{
    struct error error = {0};
    (void)state;
    put(0, "unreadable", "1");
    put_position(0, 5);
    begin((struct kafka_restore_partition[]){{0, 5}}, 1);
    assert_int_equal(run(WAIT_MS, &error), KAFKA_RESTORE_FAILED);
    assert_string_equal(error.what, "a person can't be read");
}

static void partitions_that_go_in_the_middle_are_forgotten(void **state)
{
    struct error error = {0};
    (void)state;
    for (unsigned i = 0; i < 50; i++)
        put(0, "a", "1");
    put_position(0, 5);
    put(1, "b", "1");
    put_position(1, 6);
    begin((struct kafka_restore_partition[]){{0, 5}}, 1);
    assert_int_equal(kafka_restore_step(rig.restore, rig.consumer, 0, &error), KAFKA_RESTORE_GOING);
    kafka_restore_cancel(rig.restore); /* revoked; and others come */
    begin((struct kafka_restore_partition[]){{1, 6}}, 1);
    assert_done();
    assert_int_equal(last_state->records[1], 1);
    assert_int_equal(last_state->restored[0], 0);
    assert_int_equal(last_state->restored[1], 1);
}

static void a_broker_that_is_away_is_waited_for(void **state)
{
    struct error error = {0};
    (void)state;
    put(0, "a", "1");
    put_position(0, 5);
    rd_kafka_mock_broker_set_down(rig.cluster.mock, -1);
    begin((struct kafka_restore_partition[]){{0, 5}}, 1);
    assert_int_equal(kafka_restore_step(rig.restore, rig.consumer, 0, &error), KAFKA_RESTORE_GOING);
    assert_false(error.what[0]);
    rd_kafka_mock_broker_set_up(rig.cluster.mock, -1);
    assert_done();
    assert_int_equal(last_state->records[0], 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_of_nothing_is_restored_at_once),
        TEST(a_new_group_begins_without_state),
        TEST(each_partition_gets_its_records_and_no_position),
        TEST(a_changelog_that_is_behind_is_waited_for),
        TEST(a_committed_offset_that_is_behind_is_asked_for_again),
        TEST(a_changelog_of_another_cut_is_refused_and_says_what_helps),
        TEST(a_position_that_cannot_be_read_stops),
        TEST(what_the_stage_cannot_read_stops),
        TEST(partitions_that_go_in_the_middle_are_forgotten),
        TEST(a_broker_that_is_away_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
