/* Single values from text: every type at its bounds and one past, and what is said when it is wrong. */
#include "common/lint.h"
#include "common/option.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const colours[] = {"", "red", "green", "blue", NULL};
static const char *const words[] = {"", "drain", "never", NULL};

union any {
    bool flag;
    int64_t integer;
    double ratio;
    int choice;
    struct view text;
};

static const struct option boolean = {.name = "o", .type = OPTION_BOOL};
static const struct option integer = {.name = "o", .type = OPTION_INTEGER};
static const struct option bounded = {.name = "o", .type = OPTION_INTEGER, .minimum = "-5", .maximum = "10"};
static const struct option duration = {.name = "o", .type = OPTION_DURATION};
static const struct option bounded_duration = {
    .name = "o", .type = OPTION_DURATION, .minimum = "1s", .maximum = "1h"};
static const struct option word_duration = {
    .name = "o", .type = OPTION_DURATION, .choices = words, .minimum = "1s"};
static const struct option size = {.name = "o", .type = OPTION_SIZE};
static const struct option bounded_size = {
    .name = "o", .type = OPTION_SIZE, .minimum = "1KiB", .maximum = "1MiB"};
static const struct option ratio = {.name = "o", .type = OPTION_RATIO};
static const struct option bounded_ratio = {
    .name = "o", .type = OPTION_RATIO, .minimum = "1%", .maximum = "0.5"};
static const struct option date = {.name = "o", .type = OPTION_DATE};
static const struct option colour = {.name = "o", .type = OPTION_ENUM, .choices = colours};
static const struct option text = {.name = "o", .type = OPTION_STRING};
static const struct option short_text = {.name = "o", .type = OPTION_STRING, .minimum = "2", .maximum = "3"};
static const struct option topic = {.name = "o", .type = OPTION_STRING, .judge = option_judge_topic};

static void whole_numbers_and_what_is_counted_in_them(void **state)
{
    (void)state;
    static const struct {
        const struct option *option;
        const char *text;
        int64_t value;
    } cases[] = {
        {&integer, "0", 0},
        {&integer, "+7", 7},
        {&integer, "-7", -7},
        {&integer, "007", 7},
        {&integer, "9223372036854775807", INT64_MAX},
        {&integer, "-9223372036854775808", INT64_MIN},
        {&bounded, "-5", -5},
        {&bounded, "10", 10},
        {&duration, "0", 0},
        {&duration, "0s", 0},
        {&duration, "1ms", 1},
        {&duration, "60s", 60000},
        {&duration, "2m", 120000},
        {&duration, "24h", 86400000},
        {&duration, "7d", 604800000},
        {&bounded_duration, "1s", 1000},
        {&bounded_duration, "1000ms", 1000},
        {&bounded_duration, "1h", 3600000},
        {&word_duration, "drain", -1},
        {&word_duration, "never", -2},
        {&word_duration, "1s", 1000},
        {&size, "0", 0},
        {&size, "10B", 10},
        {&size, "64KiB", 65536},
        {&size, "2MiB", 2097152},
        {&size, "3GiB", 3221225472},
        {&bounded_size, "1024B", 1024},
        {&bounded_size, "1MiB", 1048576},
        {&date, "1970-01-01", 0},
        {&date, "1969-12-31", -1},
        {&date, "2021-04-26", 18743},
        {&date, "2024-02-29", 19782},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t value = 4711;
        char why[LINT_TEXT_SIZE] = "";
        if (!option_parse_scalar(cases[i].option, view_of_string(cases[i].text), &value, why, sizeof why))
            fail_msg("%s: %s", cases[i].text, why);
        assert_int_equal(value, cases[i].value);
    }
}

static void other_scalars(void **state)
{
    (void)state;
    union any value = {0};
    char why[LINT_TEXT_SIZE];
    assert_true(option_parse_scalar(&boolean, VIEW("true"), &value, why, sizeof why) && value.flag);
    assert_true(option_parse_scalar(&boolean, VIEW("false"), &value, why, sizeof why) && !value.flag);
    assert_true(option_parse_scalar(&ratio, VIEW("0"), &value, why, sizeof why) && value.ratio == 0);
    assert_true(option_parse_scalar(&ratio, VIEW("1"), &value, why, sizeof why) && value.ratio == 1);
    assert_true(option_parse_scalar(&ratio, VIEW("0.25"), &value, why, sizeof why) && value.ratio == 0.25);
    assert_true(option_parse_scalar(&ratio, VIEW("50%"), &value, why, sizeof why) && value.ratio == 0.5);
    assert_true(option_parse_scalar(&ratio, VIEW("100%"), &value, why, sizeof why) && value.ratio == 1);
    assert_true(option_parse_scalar(&bounded_ratio, VIEW("1%"), &value, why, sizeof why));
    assert_true(option_parse_scalar(&bounded_ratio, VIEW("50%"), &value, why, sizeof why));
    assert_true(option_parse_scalar(&colour, VIEW("red"), &value, why, sizeof why) && value.choice == 1);
    assert_true(option_parse_scalar(&colour, VIEW("blue"), &value, why, sizeof why) && value.choice == 3);
    assert_true(option_parse_scalar(&text, VIEW("42"), &value, why, sizeof why));
    assert_true(view_equal_string(value.text, "42"));
    assert_true(option_parse_scalar(&short_text, VIEW("ab"), &value, why, sizeof why));
    assert_true(option_parse_scalar(&short_text, VIEW("abc"), &value, why, sizeof why));
    char longest[4096];
    memset(longest, 'x', sizeof longest);
    assert_true(option_parse_scalar(&text, (struct view){longest, sizeof longest}, &value, why, sizeof why));
}

static const struct {
    const struct option *option;
    const char *text, *why;
} wrong_cases[] = {
    {&boolean, "yes", "'yes' is not true or false; did you mean 'true'?"},
    {&boolean, "True", "did you mean 'true'?"},
    {&boolean, "off", "did you mean 'false'?"},
    {&boolean, "0", "did you mean 'false'?"},
    {&boolean, "maybe", "'maybe' is not true or false"},
    {&integer, "", "is not a whole number"},
    {&integer, "-", "is not a whole number"},
    {&integer, "1.5", "'1.5' is not a whole number"},
    {&integer, "1e6", "is not a whole number"},
    {&integer, "0x10", "is not a whole number"},
    {&integer, "1 000", "is not a whole number"},
    {&integer, "9223372036854775808", "is too large"},
    {&integer, "-9223372036854775809", "is too large"},
    {&bounded, "-6", "'-6' is less than the least, -5"},
    {&bounded, "11", "'11' is more than the most, 10"},
    {&duration, "60", "'60' has no unit; write 60s if you mean that"},
    {&duration, "60 s", "did you mean '60s'?"},
    {&duration, "60S", "did you mean '60s'?"},
    {&duration, "60sec", "did you mean '60s'?"},
    {&duration, "5Minutes", "did you mean '5m'?"},
    {&duration, "2 days", "did you mean '2d'?"},
    {&duration, "2w", "has an unknown unit; known are ms, s, m, h or d"},
    {&duration, "64KiB", "has an unknown unit"},
    {&duration, "1.5h", "is not a whole number; use a smaller unit"},
    {&duration, "soon", "'soon' is not a duration"},
    {&duration, "", "is not a duration"},
    {&duration, "-1s", "can't be negative"},
    {&duration, "9223372036854775807s", "is too large"},
    {&duration, "99999999999999999999s", "is too large"},
    {&bounded_duration, "999ms", "'999ms' is less than the least, 1s"},
    {&bounded_duration, "3600001ms", "is more than the most, 1h"},
    {&bounded_duration, "0", "is less than the least, 1s"},
    {&word_duration, "drian", "or 'drain'"},
    {&word_duration, "", "or 'drain'"},
    {&size, "64", "'64' has no unit; write 64B if you mean that"},
    {&size, "64K", "did you mean '64KiB'?"},
    {&size, "64kb", "did you mean '64KiB'?"},
    {&size, "64kib", "did you mean '64KiB'?"},
    {&size, "1m", "did you mean '1MiB'?"},
    {&size, "1TB", "has an unknown unit; known are B, KiB, MiB or GiB"},
    {&size, "-1B", "can't be negative"},
    {&size, "9223372036854775807GiB", "is too large"},
    {&bounded_size, "1023B", "is less than the least, 1KiB"},
    {&bounded_size, "1048577B", "is more than the most, 1MiB"},
    {&ratio, "1.01", "'1.01' is above 1; did you mean '1.01%'?"},
    {&ratio, "50", "did you mean '50%'?"},
    {&ratio, "101%", "is not between 0 and 1"},
    {&ratio, "-0.1", "is not between 0 and 1"},
    {&ratio, "-1%", "is not between 0 and 1"},
    {&ratio, "half", "is not a ratio"},
    {&ratio, "%", "is not a ratio"},
    {&ratio, "", "is not a ratio"},
    {&ratio, "1.2.3", "is not a ratio"},
    {&ratio, "nan", "is not a ratio"},
    {&ratio, "1e-3", "is not a ratio"},
    {&ratio, "0,5", "is not a ratio"},
    {&bounded_ratio, "0.9%", "is less than the least, 1%"},
    {&bounded_ratio, "51%", "is more than the most, 0.5"},
    {&date, "26.04.2021", "write it as in 2021-04-26"},
    {&date, "2021-4-26", "write it as in 2021-04-26"},
    {&date, "2021-04-26T00:00:00Z", "write it as in 2021-04-26"},
    {&date, "", "is not a date"},
    {&date, "2021-26-04", "has no month 26; a date is year-month-day"},
    {&date, "2021-13-41", "has no month 13"},
    {&date, "2021-00-10", "has no month 0"},
    {&date, "2021-02-29", "has no day 29; that month ends with 28"},
    {&date, "2100-02-29", "has no day 29"},
    {&date, "2021-04-31", "has no day 31; that month ends with 30"},
    {&date, "2021-04-00", "has no day 0"},
    {&colour, "rde", "'rde' is not one of red, green, blue; did you mean 'red'?"},
    {&colour, "RED", "did you mean 'red'?"},
    {&colour, "purple", "'purple' is not one of red, green, blue"},
    {&colour, "", "is not one of red, green, blue"},
    {&text, "", "the text is empty"},
    {&text, "a\nb", "a control character or a line break"},
    {&text, "a\x7f", "a control character"},
    {&short_text, "a", "'a' is shorter than the least, 2 bytes"},
    {&short_text, "abcd", "'abcd' is longer than the most, 3 bytes"},
    {&topic, "a/b", "'a/b' is not a topic name"},
    {&topic, "..", "is not a topic name"},
};

static void what_is_wrong_is_said_with_what_was_probably_meant(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong_cases / sizeof wrong_cases[0]; i++) {
        union any value = {.integer = 4711}, kept = value;
        char why[LINT_TEXT_SIZE] = "";
        if (option_parse_scalar(wrong_cases[i].option, view_of_string(wrong_cases[i].text), &value, why,
                                sizeof why))
            fail_msg("'%s' was taken (wanted: %s)", wrong_cases[i].text, wrong_cases[i].why);
        if (!strstr(why, wrong_cases[i].why))
            fail_msg("'%s': '%s' lacks '%s'", wrong_cases[i].text, why, wrong_cases[i].why);
        assert_memory_equal(&value, &kept, sizeof value); /* outputs are untouched on failure */
    }
    char too_long[4097], why[LINT_TEXT_SIZE];
    union any value;
    memset(too_long, 'x', sizeof too_long);
    assert_false(
        option_parse_scalar(&text, (struct view){too_long, sizeof too_long}, &value, why, sizeof why));
    assert_non_null(strstr(why, "has 4097 bytes"));
}

static void judges_of_texts(void **state)
{
    (void)state;
    static const struct {
        option_judge *judge;
        const char *text;
        bool right;
        const char *why;
    } cases[] = {
        {option_judge_topic, "clickveil.dead-letters_1", true, ""},
        {option_judge_topic, "a b", false, "letters, digits, . _ and -"},
        {option_judge_name, "t-mobile_2", true, ""},
        {option_judge_name, "abcdefghijklmnopqrstuvwxyz012345", true, ""},
        {option_judge_name, "abcdefghijklmnopqrstuvwxyz0123456", false, "1 to 32"},
        {option_judge_name, "", false, "1 to 32"},
        {option_judge_name, "TMobile", false, "lower-case"},
        {option_judge_name, "a.b", false, "lower-case"},
        {option_judge_region, "US-CA", true, ""},
        {option_judge_region, "US-WY", true, ""},
        {option_judge_region, "US-PR", true, ""},
        {option_judge_region, "US", true, ""},
        {option_judge_region, "DE", true, ""},
        {option_judge_region, "DE-BY", true, ""},
        {option_judge_region, "GB-ENG", true, ""},
        {option_judge_region, "FR-75", true, ""},
        {option_judge_region, "US-XX", false, "is not a region by ISO 3166-2"},
        {option_judge_region, "US-C", false, "is not a region"},
        {option_judge_region, "US-CAL", false, "is not a region"},
        {option_judge_region, "us-ca", false, "did you mean 'US-CA'?"},
        {option_judge_region, "US_CA", false, "did you mean 'US-CA'?"},
        {option_judge_region, "ca", false, "did you mean 'US-CA'?"},
        {option_judge_region, "de", false, "did you mean 'US-DE'?"},
        {option_judge_region, "fr", false, "did you mean 'FR'?"},
        {option_judge_region, "Maine", false, "is not a region"},
        {option_judge_region, "", false, "is not a region"},
        {option_judge_region, "US-", false, "is not a region"},
        {option_judge_region, "DE-ABCD", false, "is not a region"},
        {option_judge_timezone, "UTC", true, ""},
        {option_judge_timezone, "../UTC", false, "is not the name of a time zone"},
        {option_judge_domain, "ads.example", true, ""},
        {option_judge_domain, "a-1.b2.example", true, ""},
        {option_judge_domain, "example", false, "is not a domain name"},
        {option_judge_domain, "Ads.example", false, "is not a domain name"},
        {option_judge_domain, "https://ads.example", false, "is not a domain name"},
        {option_judge_domain, ".example", false, "is not a domain name"},
        {option_judge_domain, "a..example", false, "is not a domain name"},
        {option_judge_domain, "ads.example.", false, "is not a domain name"},
        {option_judge_domain, "-a.example", false, "is not a domain name"},
        {option_judge_domain, "a-.example", false, "is not a domain name"},
        {option_judge_key_source, "secrets/publish.key", true, ""},
        {option_judge_key_source, "/etc/clickveil/secrets/pseudonym-of-the-second-cluster", true, ""},
        {option_judge_key_source, "credential:publish", true, ""},
        {option_judge_key_source, "fd:3", true, ""},
        {option_judge_key_source, "0123456789abcdef0123456789abcde", true, ""},
        {option_judge_key_source, "clickveil-key: 1\npurpose: pseudonym\n", false, "looks like a key itself"},
        {option_judge_key_source, "/etc/000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
         false, "looks like a key itself"},
        {option_judge_key_source, "0123456789abcdef0123456789ABCDEF", false, "looks like a key itself"},
        {option_judge_key_source, "VGhpcyBpcyBhIHNlY3JldCBrZXkgb2YgMzIgYnl0ZXMhIQ==", false,
         "looks like a key itself"},
        {option_judge_key_source, "VGhpcyBpcyBhIHNl/3JldCBrZXkgb2YgMzIgYnl0ZXMhIQ==", false,
         "looks like a key itself"},
        {option_judge_key_source, "VGhpcyBpcyBhIHNlY3JldCBrZXkgb2YgMzIgYnl", true, ""},
        {option_judge_domain, "a.example-", false, "is not a domain name"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char why[LINT_TEXT_SIZE] = "";
        if (cases[i].judge(view_of_string(cases[i].text), why, sizeof why) != cases[i].right ||
            !strstr(why, cases[i].why))
            fail_msg("'%s': '%s' (wanted '%s')", cases[i].text, why, cases[i].why);
    }
    char longest[250], why[LINT_TEXT_SIZE];
    memset(longest, 'a', sizeof longest);
    assert_true(option_judge_topic((struct view){longest, 249}, why, sizeof why));
    assert_false(option_judge_topic((struct view){longest, 250}, why, sizeof why));
    memset(longest, 'a', 64);
    memcpy(longest + 63, ".ab", 4);
    assert_true(option_judge_domain(view_of_string(longest), why, sizeof why));
    memcpy(longest + 63, "a.ab", 5);
    assert_false(option_judge_domain(view_of_string(longest), why, sizeof why));
}

static void suggestions_stay_near(void **state)
{
    (void)state;
    static const struct {
        const char *word, *candidates[4], *best, *why;
    } cases[] = {
        {"workres", {"workers", "worker"}, "workers", "a swap is one step"},
        {"WORKERS", {"workers"}, "workers", "case does not count"},
        {"under-age", {"under_age"}, "under_age", "one letter"},
        {"k", {"key", "id"}, NULL, "one letter alone could be anything"},
        {"xyz", {"workers", "topics"}, NULL, "nothing is near"},
        {"topic", {"topics", "top"}, "topics", "the nearest wins"},
        {"", {"topics"}, NULL, "nothing was written"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct lint_suggestion suggestion = lint_suggest(view_of_string(cases[i].word));
        for (size_t j = 0; j < 4 && cases[i].candidates[j]; j++)
            lint_suggest_candidate(&suggestion, view_of_string(cases[i].candidates[j]));
        if (!view_equal_string(suggestion.best, cases[i].best))
            fail_msg("%s: %s", cases[i].word, cases[i].why);
    }
}

static void quotes_are_cut_and_show_no_control_characters(void **state)
{
    (void)state;
    char quoted[LINT_QUOTE_SIZE];
    assert_string_equal(lint_quote(VIEW("a\x1b[1m\n\xc3\xa9"), quoted), "'a?[1m?\?\?'");
    char many[100];
    memset(many, 'x', sizeof many);
    assert_string_equal(lint_quote((struct view){many, 58}, quoted),
                        "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'");
    lint_quote((struct view){many, 59}, quoted);
    assert_int_equal(strlen(quoted), LINT_QUOTE_SIZE - 1);
    assert_string_equal(quoted + 58, "x...'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_numbers_and_what_is_counted_in_them),
        cmocka_unit_test(other_scalars),
        cmocka_unit_test(what_is_wrong_is_said_with_what_was_probably_meant),
        cmocka_unit_test(judges_of_texts),
        cmocka_unit_test(suggestions_stay_near),
        cmocka_unit_test(quotes_are_cut_and_show_no_control_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
