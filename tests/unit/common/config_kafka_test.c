/* The section `kafka`: which properties of the library may be set, and that time-outs nest. */
#include "tests/unit/common/config_rig.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_secret_of_the_kafka_section_is_never_in_a_message, setup, teardown),
        cmocka_unit_test_setup_teardown(properties_that_would_break_a_guarantee_are_refused_with_the_reason,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(properties_that_say_what_is_set_anyway_are_accepted, setup, teardown),
        cmocka_unit_test_setup_teardown(properties_that_the_library_refuses_are_mistakes_like_any_other,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(two_names_of_one_property_are_a_mistake, setup, teardown),
        cmocka_unit_test_setup_teardown(weakened_transport_security_is_a_warning, setup, teardown),
        cmocka_unit_test_setup_teardown(timeouts_must_nest, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
