/* What a client of each role is set to, asked of the library itself. No broker is needed. */
#include "common/kafka_client.h"
#include "common/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static struct config config_of(struct option_pair *pairs, unsigned count)
{
    return (struct config){
        .pipeline = VIEW("adverts"),
        .kafka = {.items = pairs, .count = count},
        .runtime = {.batch_records_max = 1000,
                    .memory_bytes_max = 8 << 20,
                    .queue_bytes_max = 4 << 20,
                    .transaction_timeout_ms = 12000},
    };
}

static rd_kafka_t *client_of(const struct config *config, enum kafka_role role)
{
    struct error error = {0};
    struct kafka_client_spec spec = {.role = role, .identity = "an-identity", .offline = true};
    rd_kafka_t *client = kafka_client_new(config, &spec, &error);
    if (!client)
        fail_msg("%s", error.what);
    return client;
}

static void assert_property(rd_kafka_t *client, const char *name, const char *expected)
{
    char value[512] = "";
    size_t size = sizeof value;
    /* what is not set has no value at all */
    if (rd_kafka_conf_get(rd_kafka_conf(client), name, value, &size) != RD_KAFKA_CONF_OK)
        value[0] = '\0';
    if (strcmp(value, expected) != 0)
        fail_msg("%s is %s, not %s", name, value, expected);
}

static void each_role_is_set_to_what_the_guarantees_need(void **state)
{
    static const struct {
        enum kafka_role role;
        const char *name, *value, *why;
    } rows[] = {
        {KAFKA_ROLE_WORKER, "isolation.level", "read_committed", "aborted input is never processed (rule 7)"},
        {KAFKA_ROLE_WORKER, "enable.auto.commit", "false", "offsets go with the transaction (rule 7)"},
        {KAFKA_ROLE_WORKER, "enable.auto.offset.store", "false", "we keep positions (rule 2)"},
        {KAFKA_ROLE_WORKER, "auto.offset.reset", "error", "latest loses silently (rule 2)"},
        {KAFKA_ROLE_WORKER, "partition.assignment.strategy", "range", "eager (rule 8)"},
        {KAFKA_ROLE_WORKER, "enable.partition.eof", "true", "markers have no message (rule 2)"},
        {KAFKA_ROLE_WORKER, "group.id", "an-identity", "the group"},
        {KAFKA_ROLE_WORKER, "group.instance.id", "", "only with static: true (rule 1)"},
        {KAFKA_ROLE_WORKER, "queued.max.messages.kbytes", "4096", "from runtime.queue_max (rule 11)"},
        {KAFKA_ROLE_WORKER, "socket.nagle.disable", "true", "rule 11"},
        {KAFKA_ROLE_WORKER, "log.queue", "true", "rule 11"},
        {KAFKA_ROLE_SIDE_INPUT, "isolation.level", "read_committed", "only what is committed is answered"},
        {KAFKA_ROLE_SIDE_INPUT, "group.id", "an-identity", "the group that a source is asked for"},
        {KAFKA_ROLE_SIDE_INPUT, "fetch.wait.max.ms", "20", "others wait for its position"},
        {KAFKA_ROLE_SIDE_INPUT, "queued.min.messages", "10000", "small records, and many of them"},
        {KAFKA_ROLE_COMMITTED, "isolation.level", "read_committed", "the committed view"},
        {KAFKA_ROLE_UNCOMMITTED, "isolation.level", "read_uncommitted", "what open transactions hold"},
        {KAFKA_ROLE_COMMITTED, "group.id", "adverts.none", "covered by an access rule for the prefix"},
        {KAFKA_ROLE_OFFSETS, "isolation.level", "read_uncommitted", "end offsets are high watermarks"},
        {KAFKA_ROLE_PRODUCER, "enable.idempotence", "true", "rule 7"},
        {KAFKA_ROLE_PRODUCER, "partitioner", "murmur2_random", "as Java clients do (rule 9)"},
        {KAFKA_ROLE_PRODUCER, "transactional.id", "an-identity", "rule 1"},
        {KAFKA_ROLE_PRODUCER, "transaction.timeout.ms", "12000", "rule 6"},
        {KAFKA_ROLE_PRODUCER, "message.timeout.ms", "12000", "at most the transaction's (rule 6)"},
        {KAFKA_ROLE_PRODUCER, "socket.timeout.ms", "8000", "less than the message's (rule 6)"},
        {KAFKA_ROLE_PRODUCER, "queue.buffering.max.kbytes", "8193", "from runtime.memory_max (rule 11)"},
        {KAFKA_ROLE_PRODUCER, "queue.buffering.max.messages", "67536", "from runtime.batch_records_max"},
        {KAFKA_ROLE_PRODUCER, "socket.nagle.disable", "true", "rule 11"},
        {KAFKA_ROLE_PRODUCER, "log.queue", "true", "rule 11"},
    };
    (void)state;
    struct config config = config_of(NULL, 0);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        rd_kafka_t *client = client_of(&config, rows[i].role);
        assert_property(client, rows[i].name, rows[i].value);
        rd_kafka_destroy(client);
    }
}

static struct option_pair pair(const char *name, const char *value)
{
    return (struct option_pair){.key = view_of_string(name), .value = view_of_string(value)};
}

static void what_an_operator_may_change_he_changes(void **state)
{
    static const struct {
        enum kafka_role role;
        const char *set, *value, *read, *expected;
    } rows[] = {
        {KAFKA_ROLE_PRODUCER, "message.timeout.ms", "9500", "message.timeout.ms", "9500"},
        {KAFKA_ROLE_PRODUCER, "delivery.timeout.ms", "9500", "message.timeout.ms", "9500"},
        {KAFKA_ROLE_PRODUCER, "linger.ms", "50", "linger.ms", "50"},
        {KAFKA_ROLE_PRODUCER, "queue.buffering.max.ms", "50", "linger.ms", "50"},
        {KAFKA_ROLE_PRODUCER, "compression.type", "gzip", "compression.codec", "gzip"},
        {KAFKA_ROLE_PRODUCER, "socket.timeout.ms", "5000", "socket.timeout.ms", "5000"},
        {KAFKA_ROLE_WORKER, "socket.timeout.ms", "5000", "socket.timeout.ms", "5000"},
        {KAFKA_ROLE_WORKER, "fetch.wait.max.ms", "7", "fetch.wait.max.ms", "7"},
        {KAFKA_ROLE_WORKER, "topic.metadata.refresh.interval.ms", "9000",
         "topic.metadata.refresh.interval.ms", "9000"},
        {KAFKA_ROLE_WORKER, "session.timeout.ms", "6000", "session.timeout.ms", "6000"},
        {KAFKA_ROLE_WORKER, "socket.nagle.disable", "false", "socket.nagle.disable", "false"},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct option_pair pairs[] = {pair(rows[i].set, rows[i].value)};
        struct config config = config_of(pairs, 1);
        rd_kafka_t *client = client_of(&config, rows[i].role);
        assert_property(client, rows[i].read, rows[i].expected);
        rd_kafka_destroy(client);
    }
}

static void a_property_of_the_other_role_is_left_to_it(void **state)
{
    (void)state;
    struct option_pair pairs[] = {pair("linger.ms", "50"), pair("fetch.wait.max.ms", "7")};
    struct config config = config_of(pairs, 2);
    rd_kafka_t *client = client_of(&config, KAFKA_ROLE_WORKER);
    assert_property(client, "fetch.wait.max.ms", "7");
    rd_kafka_destroy(client);
    client = client_of(&config, KAFKA_ROLE_PRODUCER);
    assert_property(client, "linger.ms", "50");
    rd_kafka_destroy(client);
}

static void the_largest_prefetch_is_within_the_bounds_of_the_library(void **state)
{
    (void)state;
    struct config config = config_of(NULL, 0);
    config.runtime.queue_bytes_max = (int64_t)2 << 30; /* the option's maximum */
    rd_kafka_t *client = client_of(&config, KAFKA_ROLE_WORKER);
    assert_property(client, "queued.max.messages.kbytes", "2097151");
    rd_kafka_destroy(client);
}

static void a_wrong_property_says_where_it_stands_and_not_its_value(void **state)
{
    static const struct {
        const char *name, *value, *what;
    } rows[] = {
        {"lingre.ms", "5", "has no property 'lingre.ms'"},
        {"session.timeout.ms", "no-number", "does not take the value of 'session.timeout.ms'"},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct option_pair pairs[] = {pair(rows[i].name, rows[i].value)};
        pairs[0].place = (struct option_place){.file = "a.yaml", .line = 3, .column = 5};
        struct config config = config_of(pairs, 1);
        struct error error = {0};
        struct kafka_client_spec spec = {.role = KAFKA_ROLE_WORKER, .identity = "i", .offline = true};
        assert_null(kafka_client_new(&config, &spec, &error));
        assert_int_equal(error.exit_status, EXIT_STATUS_CONFIGURATION);
        assert_non_null(strstr(error.what, rows[i].what));
        assert_null(strstr(error.what, "no-number"));
        assert_string_equal(error.where, "a.yaml:3:5");
    }
}

static void what_passes_by_itself_is_told_from_what_does_not(void **state)
{
    static const struct {
        rd_kafka_resp_err_t code;
        bool retriable, unreachable;
        const char *why;
    } rows[] = {
        {RD_KAFKA_RESP_ERR__TRANSPORT, true, true, "the broker is away"},
        {RD_KAFKA_RESP_ERR__TIMED_OUT, true, true, "or does not answer"},
        {RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, true, true, "all of them"},
        {RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, true, true, "a coordinator moves"},
        {RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT, true, false, "a transaction is still being ended"},
        {RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE, true, false, "a new leader does not know its end yet"},
        {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, false, false, "asking again does not help"},
        {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, false, false, "asking again does not help"},
        {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, false, false, "it is not there"},
        {RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION, false, false, "another broker is needed"},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error error = {0};
        assert_false(kafka_fail_code(&error, rows[i].code, "trying"));
        if (error.retriable != rows[i].retriable || kafka_is_unreachable(rows[i].code) != rows[i].unreachable)
            fail_msg("%s: %s", rd_kafka_err2name(rows[i].code), rows[i].why);
        assert_int_equal(error.exit_status, EXIT_STATUS_UNAVAILABLE);
    }
}

/* Of lines that the clients of a process all say, one is written. */
static void a_broker_that_is_away_is_said_once_and_not_by_every_client(void **state)
{
    enum { CLIENTS = 3 };
    (void)state;
    struct option_pair pairs[] = {pair("bootstrap.servers", "127.0.0.1:1")};
    struct config config = config_of(pairs, 1);
    struct error error = {0};
    char text[65536] = "";
    FILE *file = tmpfile();
    assert_non_null(file);
    int before = dup(STDERR_FILENO);
    assert_true(dup2(fileno(file), STDERR_FILENO) >= 0);
    log_init(LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct kafka_client_spec spec = {.role = KAFKA_ROLE_OFFSETS};
        rd_kafka_t *client = kafka_client_new(&config, &spec, &error);
        assert_non_null(client);
        int32_t partitions;
        for (unsigned try = 0; try < 5; try++) { /* the library tries again and again meanwhile */
            assert_false(kafka_topic_partitions(client, "topic", 200, &partitions, &error));
            assert_true(error.retriable);
            kafka_serve(client);
        }
        rd_kafka_destroy(client);
    }
    log_init(LOG_FORMAT_TEXT, LOG_LEVEL_NONE);
    assert_true(dup2(before, STDERR_FILENO) >= 0);
    close(before);
    rewind(file);
    size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[size] = '\0';
    unsigned refused = 0;
    for (const char *at = text; (at = strstr(at, "Connection refused")); at++)
        refused++;
    if (refused != 1)
        fail_msg("%s", text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_role_is_set_to_what_the_guarantees_need),
        cmocka_unit_test(what_an_operator_may_change_he_changes),
        cmocka_unit_test(a_property_of_the_other_role_is_left_to_it),
        cmocka_unit_test(the_largest_prefetch_is_within_the_bounds_of_the_library),
        cmocka_unit_test(a_wrong_property_says_where_it_stands_and_not_its_value),
        cmocka_unit_test(what_passes_by_itself_is_told_from_what_does_not),
        cmocka_unit_test(a_broker_that_is_away_is_said_once_and_not_by_every_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
