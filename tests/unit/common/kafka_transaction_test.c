/* What a transaction's steps answer when the broker answers badly, or not at all. */
#include "common/kafka_transaction.h"
#include "common/log.h"
#include "common/stage.h"
#include "tests/support/kafka_cluster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { OPEN_TIMEOUT_MS = 5000, TRANSACTION_TIMEOUT_MS = 4000 };

static struct view a_feed(const void *options, unsigned feed)
{
    (void)options;
    return feed == 0 ? VIEW("feed") : VIEW_ABSENT;
}

static bool feed_of(const void *options, unsigned feed, struct stage_feed *out_feed)
{
    (void)options;
    (void)out_feed;
    return feed == 0;
}

static const struct partitioned keeps_state;
static const struct stage probe = {
    .name = "probe", .partitioned = &keeps_state, .feed_topic = a_feed, .feed = feed_of};
static const struct stage *const chain[] = {&probe, NULL};

struct rig {
    struct kafka_cluster cluster;
    struct option_pair pairs[4];
    struct config config;
    rd_kafka_topic_partition_list_t *positions;
    rd_kafka_consumer_group_metadata_t *group;
    unsigned names;
};

static struct option_pair pair(const char *name, const char *value)
{
    return (struct option_pair){.key = view_of_string(name), .value = view_of_string(value)};
}

static int set_up(void **state)
{
    static void *options[2];
    static struct rig rig;
    rig = (struct rig){0};
    log_init(LOG_FORMAT_JSON, LOG_LEVEL_NONE); /* what goes wrong here is meant to */
    kafka_cluster_start(&rig.cluster, 1);
    kafka_cluster_topic(&rig.cluster, "state", 2);
    kafka_cluster_topic(&rig.cluster, "dead", 2);
    kafka_cluster_topic(&rig.cluster, "feed", 2);
    rig.pairs[0] = rig.cluster.bootstrap;
    rig.pairs[1] = pair("message.max.bytes", "100000");
    rig.pairs[2] = pair("socket.timeout.ms", "2000");
    rig.pairs[3] = pair("reconnect.backoff.max.ms", "200");
    rig.config = (struct config){
        .pipeline = VIEW("test"),
        .kafka = {.items = rig.pairs, .count = 4},
        .topics = {.events = VIEW("events"), .dead_letters = VIEW("dead"), .state = VIEW("state")},
        .runtime = {.batch_records_max = 1000,
                    .memory_bytes_max = 8 << 20,
                    .queue_bytes_max = 4 << 20,
                    .transaction_timeout_ms = TRANSACTION_TIMEOUT_MS},
        .stages = chain,
        .stage_options = options,
    };
    rig.positions = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(rig.positions, "events", 0)->offset = 7;
    rig.group = rd_kafka_consumer_group_metadata_new("group");
    *state = &rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    rd_kafka_topic_partition_list_destroy(rig->positions);
    rd_kafka_consumer_group_metadata_destroy(rig->group);
    kafka_cluster_stop(&rig->cluster);
    return 0;
}

static struct kafka_transaction *producer_of(struct rig *rig, const char *name)
{
    struct error error = {0};
    struct kafka_transaction *transaction = kafka_transaction_new(&rig->config, name, &error);
    assert_non_null(transaction);
    return transaction;
}

/* Each test's producer has a name of its own, so that none fences another's. */
static struct kafka_transaction *open_producer(struct rig *rig)
{
    char name[32];
    struct error error = {0};
    snprintf(name, sizeof name, "producer-%u", rig->names++);
    struct kafka_transaction *transaction = producer_of(rig, name);
    if (!kafka_transaction_open(transaction, OPEN_TIMEOUT_MS, &error))
        fail_msg("%s", error.what);
    return transaction;
}

static const struct output a_state_record = {
    .topic = TOPIC_STATE, .key = {"k", 1}, .value = {"v", 1}, .partition = 1};
static const struct output a_feed_record = {
    .topic = TOPIC_FEED, .key = {"k", 1}, .value = {"v", 1}, .partition = OUTPUT_PARTITION_BY_KEY};

static void begin_with(struct kafka_transaction *transaction, const struct output *output)
{
    struct error error = {0};
    assert_int_equal(kafka_transaction_begin(transaction, &error), KAFKA_OUTCOME_DONE);
    assert_true(kafka_transaction_is_open(transaction));
    if (!kafka_transaction_send(transaction, output, &error))
        fail_msg("%s", error.what);
}

static enum kafka_outcome end(struct rig *rig, struct kafka_transaction *transaction, struct error *error)
{
    enum kafka_outcome outcome = kafka_transaction_flush(transaction, error);
    return outcome == KAFKA_OUTCOME_DONE
               ? kafka_transaction_commit(transaction, rig->positions, rig->group, error)
               : outcome;
}

/* ---- what goes well ---- */

static void a_transaction_is_open_from_its_begin_to_its_end(void **state)
{
    struct rig *rig = *state;
    struct error error = {0};
    struct kafka_transaction *transaction = open_producer(rig);
    assert_false(kafka_transaction_is_open(NULL));
    assert_false(kafka_transaction_is_open(transaction));
    int64_t state_end = kafka_cluster_end(&rig->cluster, "state", 1);
    begin_with(transaction, &a_state_record);
    assert_int_equal(end(rig, transaction, &error), KAFKA_OUTCOME_DONE);
    assert_false(kafka_transaction_is_open(transaction));
    assert_true(kafka_cluster_end(&rig->cluster, "state", 1) > state_end);
    begin_with(transaction, &a_feed_record);
    assert_int_equal(kafka_transaction_abort(transaction, &error), KAFKA_OUTCOME_DONE);
    assert_false(kafka_transaction_is_open(transaction));
    assert_false(kafka_transaction_is_doubtful(transaction));
    kafka_transaction_free(transaction);
}

static void a_request_that_was_lost_and_retried_leaves_the_producer_doubtful(void **state)
{
    static const struct {
        enum kafka_request request;
        const char *why;
    } rows[] = {
        {KAFKA_REQUEST_END_TXN, "would end the next transaction when it arrives late (rule 5)"},
        {KAFKA_REQUEST_TXN_OFFSET_COMMIT, "would set older positions"},
        {KAFKA_REQUEST_ADD_OFFSETS_TO_TXN, "would open a transaction that nobody ends"},
        {KAFKA_REQUEST_ADD_PARTITIONS_TO_TXN, "the same"},
    };
    struct rig *rig = *state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error error = {0};
        struct kafka_transaction *transaction = open_producer(rig);
        kafka_cluster_fault(&rig->cluster, rows[i].request, RD_KAFKA_RESP_ERR__TRANSPORT);
        begin_with(transaction, &a_state_record);
        if (end(rig, transaction, &error) != KAFKA_OUTCOME_DONE)
            fail_msg("%u: %s", rows[i].request, error.what);
        if (!kafka_transaction_is_doubtful(transaction))
            fail_msg("%u: %s", rows[i].request, rows[i].why);
        kafka_transaction_free(transaction);
    }
}

static void an_error_that_was_answered_leaves_no_doubt(void **state)
{
    static const struct {
        enum kafka_request request;
        rd_kafka_resp_err_t code;
    } rows[] = {
        {KAFKA_REQUEST_END_TXN, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS},
        {KAFKA_REQUEST_END_TXN, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS},
        {KAFKA_REQUEST_TXN_OFFSET_COMMIT, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS},
        {KAFKA_REQUEST_ADD_OFFSETS_TO_TXN, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS},
        {KAFKA_REQUEST_ADD_PARTITIONS_TO_TXN, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS},
        {KAFKA_REQUEST_PRODUCE, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION},
    };
    struct rig *rig = *state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error error = {0};
        struct kafka_transaction *transaction = open_producer(rig);
        kafka_cluster_fault(&rig->cluster, rows[i].request, rows[i].code);
        begin_with(transaction, &a_state_record);
        if (end(rig, transaction, &error) != KAFKA_OUTCOME_DONE)
            fail_msg("%u %s: %s", rows[i].request, rd_kafka_err2name(rows[i].code), error.what);
        assert_false(kafka_transaction_is_doubtful(transaction));
        kafka_transaction_free(transaction);
    }
}

/* ---- what does not ---- */

/* After an abort the same producer goes on. The library purges in the background what had failed, and can hit the first
 * records of the next transaction too: that one is then aborted as well. */
static void assert_goes_on(struct rig *rig, struct kafka_transaction *transaction)
{
    struct error error = {0};
    enum kafka_outcome outcome = KAFKA_OUTCOME_ABORT;
    for (unsigned try = 0; try < 5 && outcome == KAFKA_OUTCOME_ABORT; try++) {
        assert_int_equal(kafka_transaction_abort(transaction, &error), KAFKA_OUTCOME_DONE);
        begin_with(transaction, &a_state_record);
        outcome = end(rig, transaction, &error);
    }
    if (outcome != KAFKA_OUTCOME_DONE)
        fail_msg("%s", error.what);
}

static void each_error_has_its_way_back(void **state)
{
    static const struct {
        enum kafka_request request;
        rd_kafka_resp_err_t code;
        enum kafka_outcome outcome;
        const char *why;
    } rows[] = {
        {KAFKA_REQUEST_END_TXN, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, KAFKA_OUTCOME_STOP, "fenced"},
        {KAFKA_REQUEST_END_TXN, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, KAFKA_OUTCOME_STOP,
         "fenced, older broker"},
        {KAFKA_REQUEST_END_TXN, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE, KAFKA_OUTCOME_RECREATE,
         "nobody knows where the transaction is"},
        {KAFKA_REQUEST_END_TXN, RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, KAFKA_OUTCOME_STOP,
         "stays wrong"},
        {KAFKA_REQUEST_TXN_OFFSET_COMMIT, RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, KAFKA_OUTCOME_ABORT,
         "a zombie: the group went on without us (rule 2)"},
        {KAFKA_REQUEST_TXN_OFFSET_COMMIT, RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, KAFKA_OUTCOME_ABORT,
         "the same"},
        {KAFKA_REQUEST_TXN_OFFSET_COMMIT, RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, KAFKA_OUTCOME_ABORT,
         "the same; the consumer hears it as fatal"},
        {KAFKA_REQUEST_TXN_OFFSET_COMMIT, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, KAFKA_OUTCOME_STOP,
         "stays wrong"},
        {KAFKA_REQUEST_ADD_OFFSETS_TO_TXN, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, KAFKA_OUTCOME_STOP,
         "fenced"},
        {KAFKA_REQUEST_ADD_OFFSETS_TO_TXN, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE, KAFKA_OUTCOME_RECREATE,
         "nobody knows"},
        {KAFKA_REQUEST_PRODUCE, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, KAFKA_OUTCOME_STOP,
         "would not fit the next time either"},
        {KAFKA_REQUEST_PRODUCE, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, KAFKA_OUTCOME_STOP,
         "stays wrong"},
        {KAFKA_REQUEST_PRODUCE, RD_KAFKA_RESP_ERR_INVALID_RECORD, KAFKA_OUTCOME_STOP, "stays wrong"},
        {KAFKA_REQUEST_PRODUCE, RD_KAFKA_RESP_ERR_INVALID_MSG, KAFKA_OUTCOME_ABORT, "may have been the way"},
    };
    struct rig *rig = *state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error error = {0};
        struct kafka_transaction *transaction = open_producer(rig);
        kafka_cluster_fault(&rig->cluster, rows[i].request, rows[i].code);
        begin_with(transaction, &a_state_record);
        enum kafka_outcome outcome = end(rig, transaction, &error);
        if (outcome != rows[i].outcome)
            fail_msg("%u %s: %d: %s (%s)", rows[i].request, rd_kafka_err2name(rows[i].code), outcome,
                     error.what, rows[i].why);
        assert_true(error.what[0]);
        if (outcome == KAFKA_OUTCOME_STOP)
            assert_true(error.action[0]);
        if (rows[i].request == KAFKA_REQUEST_PRODUCE)
            assert_string_equal(error.where, "state");
        if (outcome == KAFKA_OUTCOME_ABORT)
            assert_goes_on(rig, transaction);
        kafka_cluster_heal(&rig->cluster, rows[i].request);
        kafka_transaction_free(transaction);
    }
}

static void a_failed_feed_record_stops_the_commit_although_nobody_flushed_it(void **state)
{
    struct rig *rig = *state;
    struct error error = {0};
    struct kafka_transaction *transaction = open_producer(rig);
    kafka_cluster_fault(&rig->cluster, KAFKA_REQUEST_PRODUCE, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    begin_with(transaction, &a_feed_record);
    assert_int_equal(kafka_transaction_commit(transaction, rig->positions, rig->group, &error),
                     KAFKA_OUTCOME_STOP);
    assert_string_equal(error.where, "feed");
    kafka_transaction_free(transaction);
}

static void a_record_larger_than_the_client_takes_stops_at_once(void **state)
{
    static char large[200000];
    struct rig *rig = *state;
    struct error error = {0};
    struct kafka_transaction *transaction = open_producer(rig);
    struct output output = a_state_record;
    output.value = (struct view){large, sizeof large};
    assert_int_equal(kafka_transaction_begin(transaction, &error), KAFKA_OUTCOME_DONE);
    assert_false(kafka_transaction_send(transaction, &output, &error));
    assert_int_equal(kafka_transaction_outcome_of_send(&error), KAFKA_OUTCOME_STOP);
    assert_string_equal(error.where, "state");
    assert_non_null(strstr(error.action, "max.message.bytes"));
    kafka_transaction_free(transaction);
}

static void fenced_after_its_own_time_out_is_no_other_instance(void **state)
{
    struct rig *rig = *state;
    struct error error = {0};
    struct config config = rig->config;
    struct option_pair pairs[] = {rig->cluster.bootstrap, pair("socket.timeout.ms", "1400")};
    config.kafka = (struct option_list){.items = pairs, .count = 2};
    config.runtime.transaction_timeout_ms = 1500;
    struct kafka_transaction *transaction = kafka_transaction_new(&config, "slow", &error);
    assert_non_null(transaction);
    assert_true(kafka_transaction_open(transaction, OPEN_TIMEOUT_MS, &error));
    /* the answer comes when the time is up, and says that the broker has ended the transaction */
    assert_int_equal(rd_kafka_mock_broker_push_request_error_rtts(rig->cluster.mock, 1, KAFKA_REQUEST_END_TXN,
                                                                  1, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, 1370),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    begin_with(transaction, &a_state_record);
    assert_int_equal(end(rig, transaction, &error), KAFKA_OUTCOME_RECREATE);
    kafka_transaction_free(transaction);
}

static void without_a_broker_a_transaction_ends_within_its_time_out(void **state)
{
    struct rig *rig = *state;
    struct error error = {0};
    struct kafka_transaction *transaction = open_producer(rig);
    begin_with(transaction, &a_state_record);
    assert_int_equal(kafka_transaction_flush(transaction, &error), KAFKA_OUTCOME_DONE);
    rd_kafka_mock_broker_set_down(rig->cluster.mock, -1);
    assert_int_equal(kafka_transaction_commit(transaction, rig->positions, rig->group, &error),
                     KAFKA_OUTCOME_RECREATE);
    assert_true(kafka_transaction_is_open(transaction)); /* until it is freed: nobody knows */
    kafka_transaction_free(transaction);
    rd_kafka_mock_broker_set_up(rig->cluster.mock, -1);
    transaction = open_producer(rig);
    begin_with(transaction, &a_state_record);
    assert_int_equal(end(rig, transaction, &error), KAFKA_OUTCOME_DONE);
    kafka_transaction_free(transaction);
}

/* ---- opening ---- */

static void opening_tells_waiting_from_what_stays_wrong(void **state)
{
    static const struct {
        rd_kafka_resp_err_t code;
        const char *action;
    } rows[] = {
        {RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT, "runtime.transaction_timeout"},
        {RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, "grant"},
        {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, "grant"},
    };
    struct rig *rig = *state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error error = {0};
        struct kafka_transaction *transaction = producer_of(rig, "refused");
        kafka_cluster_fault(&rig->cluster, KAFKA_REQUEST_INIT_PRODUCER_ID, rows[i].code);
        assert_false(kafka_transaction_open(transaction, OPEN_TIMEOUT_MS, &error));
        if (error.retriable || error.fatal || !strstr(error.action, rows[i].action))
            fail_msg("%s: %s; %s", rd_kafka_err2name(rows[i].code), error.what, error.action);
        kafka_transaction_free(transaction);
    }
    struct error error = {0};
    struct kafka_transaction *transaction = producer_of(rig, "waits");
    rd_kafka_mock_broker_set_down(rig->cluster.mock, -1);
    assert_false(kafka_transaction_open(transaction, 100, &error));
    assert_true(error.retriable);
    rd_kafka_mock_broker_set_up(rig->cluster.mock, -1);
    if (!kafka_transaction_open(transaction, OPEN_TIMEOUT_MS, &error)) /* the same call again */
        fail_msg("%s", error.what);
    kafka_transaction_free(transaction);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_transaction_is_open_from_its_begin_to_its_end),
        cmocka_unit_test(a_request_that_was_lost_and_retried_leaves_the_producer_doubtful),
        cmocka_unit_test(an_error_that_was_answered_leaves_no_doubt),
        cmocka_unit_test(each_error_has_its_way_back),
        cmocka_unit_test(a_failed_feed_record_stops_the_commit_although_nobody_flushed_it),
        cmocka_unit_test(a_record_larger_than_the_client_takes_stops_at_once),
        cmocka_unit_test(fenced_after_its_own_time_out_is_no_other_instance),
        cmocka_unit_test(without_a_broker_a_transaction_ends_within_its_time_out),
        cmocka_unit_test(opening_tells_waiting_from_what_stays_wrong),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
