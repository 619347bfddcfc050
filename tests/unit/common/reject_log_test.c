/* Where rejected records stand is said once for each reason, then at most once a minute. */
#include "common/reject_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct reason not_json = {"not_json", "the value is not JSON"};
static const struct reason missing = {"missing_field", "a required field is missing or null"};

static struct reject reject_of(const struct reason *reason, int64_t offset)
{
    return (struct reject){.topic = "clickstream.events",
                           .partition = 3,
                           .offset = offset,
                           .stage = "input",
                           .reason = reason,
                           .field = VIEW_ABSENT};
}

static void expect(struct reject_log *log, int64_t now_ms, const struct reject *reject, const char *expected)
{
    char text[REJECT_LOG_TEXT_SIZE] = "";
    bool said = reject_log_take(log, now_ms, reject, text);
    assert_string_equal(said ? text : "", expected ? expected : "");
}

static void reject_log_says_the_first_of_each_reason(void **state)
{
    (void)state;
    struct reject_log log = {0};
    struct reject first = reject_of(&not_json, 41), other = reject_of(&missing, 42);
    other.field = VIEW("user.msisdn");
    expect(&log, 1000, &first, "clickstream.events[3]@41 is a dead letter of input: not_json");
    expect(&log, 1000, &other,
           "clickstream.events[3]@42 is a dead letter of input: missing_field, field `user.msisdn`");
    expect(&log, 1000, &first, NULL);
    expect(&log, 1001, &other, NULL);
}

static void reject_log_says_one_a_minute_and_how_many_more(void **state)
{
    (void)state;
    struct reject_log log = {0};
    struct reject reject = reject_of(&not_json, 0), other = reject_of(&missing, 1);
    char text[REJECT_LOG_TEXT_SIZE];
    assert_true(reject_log_take(&log, 5, &reject, text));
    for (int i = 0; i < 1000; i++)
        assert_false(reject_log_take(&log, 5 + i % REJECT_LOG_EVERY_MS, &reject, text));
    expect(&log, 4 + REJECT_LOG_EVERY_MS, &reject, NULL);
    expect(&log, 4 + REJECT_LOG_EVERY_MS, &other,
           "clickstream.events[3]@1 is a dead letter of input: missing_field");
    expect(&log, 5 + REJECT_LOG_EVERY_MS, &reject,
           "clickstream.events[3]@0 is a dead letter of input: not_json; 1001 more since the last one named");
    expect(&log, 6 + REJECT_LOG_EVERY_MS, &reject, NULL);
    expect(&log, 0, &reject, NULL); /* a clock that went back */
    expect(&log, 5 + 2 * REJECT_LOG_EVERY_MS, &reject,
           "clickstream.events[3]@0 is a dead letter of input: not_json; 2 more since the last one named");
    expect(&log, 5 + 3 * REJECT_LOG_EVERY_MS, &reject,
           "clickstream.events[3]@0 is a dead letter of input: not_json");
}

static void reject_log_names_the_line_of_a_file(void **state)
{
    (void)state;
    struct reject_log log = {0};
    struct reject reject = reject_of(&not_json, 0);
    reject.is_line = true;
    expect(&log, 0, &reject, "line 1 of the input is a dead letter of input: not_json");
}

static void reject_log_bears_more_reasons_than_it_tells_apart(void **state)
{
    (void)state;
    static struct reason reasons[REJECT_LOG_REASONS_MAX + 20];
    struct reject_log log = {0};
    char text[REJECT_LOG_TEXT_SIZE];
    unsigned said = 0;
    for (unsigned i = 0; i < REJECT_LOG_REASONS_MAX + 20; i++) {
        reasons[i].name = "r";
        struct reject reject = reject_of(&reasons[i], i);
        said += reject_log_take(&log, 0, &reject, text);
    }
    assert_int_equal(said, REJECT_LOG_REASONS_MAX);
}

static void reject_log_cuts_what_is_too_long(void **state)
{
    (void)state;
    struct reject_log log = {0};
    char topic[250], path[1000], text[REJECT_LOG_TEXT_SIZE];
    memset(topic, 't', sizeof topic);
    memset(path, 'p', sizeof path);
    topic[249] = '\0';
    struct reject reject = reject_of(&missing, INT64_MAX);
    reject.topic = topic;
    reject.partition = INT32_MAX;
    reject.field = (struct view){path, sizeof path};
    assert_true(reject_log_take(&log, 0, &reject, text));
    assert_true(strlen(text) < sizeof text);
    assert_non_null(strstr(text, "]@9223372036854775807 is a dead letter"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reject_log_says_the_first_of_each_reason),
        cmocka_unit_test(reject_log_says_one_a_minute_and_how_many_more),
        cmocka_unit_test(reject_log_names_the_line_of_a_file),
        cmocka_unit_test(reject_log_bears_more_reasons_than_it_tells_apart),
        cmocka_unit_test(reject_log_cuts_what_is_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
