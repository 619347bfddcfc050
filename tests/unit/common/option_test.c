/* From text to the members of a struct: every type at its bounds and one past, and what is said when it is wrong. */
#include "common/option.h"

#include "common/document.h"
#include "common/lint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const colours[] = {"", "red", "green", "blue", NULL};
static const char *const words[] = {"", "drain", "never", NULL};
static const char *const keys[] = {"", "type", "time", NULL};

/* ---- scalars ---- */

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

static void what_is_wrong_is_said_with_what_was_probably_meant(void **state)
{
    (void)state;
    static const struct {
        const struct option *option;
        const char *text, *why;
    } cases[] = {
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
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        union any value = {.integer = 4711}, kept = value;
        char why[LINT_TEXT_SIZE] = "";
        if (option_parse_scalar(cases[i].option, view_of_string(cases[i].text), &value, why, sizeof why))
            fail_msg("'%s' was taken (wanted: %s)", cases[i].text, cases[i].why);
        if (!strstr(why, cases[i].why))
            fail_msg("'%s': '%s' lacks '%s'", cases[i].text, why, cases[i].why);
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

/* ---- structs ---- */

struct inner {
    struct view name;
    int64_t number;
    int colour;
};

struct outer {
    struct view first; /* at the same address as the whole */
    int64_t count;
    struct view path;
    double share;
    bool flag;
    int64_t day;
    struct option_list colours, names, map, colour_map, paths, items;
    struct inner inner;
    struct option_place count_place;
};

static unsigned checks;

static void check_inner(const void *value, struct lint *lint)
{
    const struct inner *inner = value;
    checks++;
    if (inner->number == 14)
        lint_report(lint, LINT_ERROR, NULL, "fourteen"); /* at the group */
    if (inner->number == 13)
        lint_report(lint, LINT_ERROR, lint_place(lint, &inner->number), "thirteen");
}

static const struct option inner_options[] = {
    {.name = "name",
     .type = OPTION_STRING,
     .offset = offsetof(struct inner, name),
     .required = true,
     .help = "A name."},
    {.name = "number",
     .type = OPTION_INTEGER,
     .offset = offsetof(struct inner, number),
     .default_text = "13",
     .maximum = "99"},
    {.name = "colour", .type = OPTION_ENUM, .offset = offsetof(struct inner, colour), .choices = colours},
    {0},
};
static const struct option_table inner_table = {.name = "inner",
                                                .summary = "Inside.",
                                                .size = sizeof(struct inner),
                                                .options = inner_options,
                                                .check = check_inner};

static const struct option outer_options[] = {
    {.name = "first",
     .type = OPTION_STRING,
     .offset = offsetof(struct outer, first),
     .help = "First | with a bar."},
    {.name = "count",
     .type = OPTION_INTEGER,
     .offset = offsetof(struct outer, count),
     .default_text = "3",
     .minimum = "1",
     .maximum = "9",
     .place_offset = offsetof(struct outer, count_place),
     .help = "How many."},
    {.name = "path",
     .type = OPTION_PATH,
     .offset = offsetof(struct outer, path),
     .default_text = "rules/x.tsv"},
    {.name = "share", .type = OPTION_RATIO, .offset = offsetof(struct outer, share), .default_text = "10%"},
    {.name = "flag", .type = OPTION_BOOL, .offset = offsetof(struct outer, flag), .default_text = "true"},
    {.name = "day", .type = OPTION_DATE, .offset = offsetof(struct outer, day)},
    {.name = "colours",
     .type = OPTION_ENUM_LIST,
     .offset = offsetof(struct outer, colours),
     .choices = colours,
     .default_text = "[green, blue]",
     .minimum = "1",
     .maximum = "2"},
    {.name = "names",
     .type = OPTION_STRING_LIST,
     .offset = offsetof(struct outer, names),
     .judge = option_judge_name},
    {.name = "map", .type = OPTION_MAP, .offset = offsetof(struct outer, map), .choices = keys},
    {.name = "colour_map",
     .type = OPTION_ENUM_MAP,
     .offset = offsetof(struct outer, colour_map),
     .choices = colours,
     .judge = option_judge_region},
    {.name = "paths", .type = OPTION_PATH_LIST, .offset = offsetof(struct outer, paths)},
    {.name = "items",
     .type = OPTION_GROUP_LIST,
     .offset = offsetof(struct outer, items),
     .table = &inner_table,
     .unique = "name+colour,number"},
    {.name = "inner", .type = OPTION_GROUP, .offset = offsetof(struct outer, inner), .table = &inner_table},
    {0},
};
static const struct option_table outer_table = {
    .name = "outer", .summary = "Outside.", .size = sizeof(struct outer), .options = outer_options};

struct fixture {
    struct arena arena;
    struct lint lint;
    struct outer value;
    char *report;
};

static int setup(void **state)
{
    static struct fixture fixture;
    struct error error;
    fixture = (struct fixture){0};
    assert_true(arena_init(&fixture.arena, 64 * 1024, 1024 * 1024, &error));
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    free(fixture->report);
    arena_release(&fixture->arena);
    return 0;
}

static const char *report(struct fixture *fixture)
{
    size_t bytes = 0;
    free(fixture->report);
    fixture->report = NULL;
    FILE *out = open_memstream(&fixture->report, &bytes);
    lint_write(&fixture->lint, out);
    fclose(out);
    return fixture->report;
}

static const char *fill_set(struct fixture *fixture, const char *yaml, const char *const *overrides)
{
    arena_reset(&fixture->arena);
    lint_init(&fixture->lint, &fixture->arena);
    fixture->value = (struct outer){0};
    checks = 0;
    struct document_node *root =
        document_parse(view_of_string(yaml), (struct option_place){"d/f", 1, 1}, &fixture->lint);
    assert_non_null(root);
    for (unsigned i = 0; overrides && overrides[i]; i++)
        assert_true(option_override(&outer_table, root, overrides[i], i + 1, &fixture->lint));
    assert_true(option_fill(&outer_table, root, &fixture->value, "d/f", &fixture->lint));
    option_check_all(&fixture->lint);
    return report(fixture);
}

static const char *fill(struct fixture *fixture, const char *yaml)
{
    return fill_set(fixture, yaml, NULL);
}

static void defaults_fill_what_nobody_wrote(void **state)
{
    struct fixture *fixture = *state;
    const struct outer *value = &fixture->value;
    assert_string_equal(fill(fixture, "first: x\n"), "");
    assert_true(view_equal_string(value->first, "x"));
    assert_int_equal(value->count, 3);
    assert_true(view_equal_string(value->path, "d/rules/x.tsv"));
    assert_true(value->share > 0.0999 && value->share < 0.1001);
    assert_true(value->flag);
    assert_true(value->day == OPTION_DATE_UNSET);
    assert_int_equal(value->colours.count, 2);
    assert_int_equal(((const int *)value->colours.items)[0], 2);
    assert_false(value->colours.set);
    assert_int_equal(value->names.count, 0);
    assert_null(value->names.items);
    assert_int_equal(value->inner.number, 13);
    assert_true(view_is_absent(value->inner.name));
    assert_int_equal(checks, 0); /* nobody wrote the group, so nothing in it is missed or checked */
    assert_null(value->count_place.file);
}

static void every_type_of_list_is_filled_in_its_order(void **state)
{
    struct fixture *fixture = *state;
    const struct outer *value = &fixture->value;
    assert_string_equal(fill(fixture, "colours: [red]\n"
                                      "names: [a, b]\n"
                                      "map: {time: t.s, type: ''}\n"
                                      "colour_map: {US-ME: red, DE: blue}\n"
                                      "paths: [a, ./b, ../c, /d, credential:e, fd:3]\n"
                                      "items: [{name: x, number: 1}, {name: y, number: 2, colour: blue}]\n"
                                      "inner: {name: z, number: 3}\n"
                                      "count: 5\n"),
                        "");
    assert_true(value->colours.set);
    assert_int_equal(((const int *)value->colours.items)[0], 1);
    assert_true(view_equal_string(((const struct view *)value->names.items)[1], "b"));
    const struct option_pair *map = value->map.items;
    assert_true(view_equal_string(map[0].key, "time") && view_equal_string(map[0].value, "t.s"));
    assert_int_equal(map[1].value.size, 0);
    assert_int_equal(map[0].place.line, 3);
    assert_int_equal(map[0].place.column, 13);
    const struct option_enum_pair *pairs = value->colour_map.items;
    assert_true(view_equal_string(pairs[1].key, "DE"));
    assert_int_equal(pairs[1].value, 3);
    const struct view *paths = value->paths.items;
    static const char *const joined[] = {"d/a", "d/./b", "d/../c", "/d", "credential:e", "fd:3"};
    for (size_t i = 0; i < 6; i++)
        assert_true(view_equal_string(paths[i], joined[i]));
    const struct inner *items = value->items.items;
    assert_int_equal(value->items.count, 2);
    assert_int_equal(items[1].number, 2);
    assert_int_equal(items[1].colour, 3);
    assert_int_equal(value->inner.number, 3);
    assert_int_equal(checks, 3);
    assert_int_equal(value->count_place.line, 8);
    assert_int_equal(value->count_place.column, 8);
}

static void a_single_path_may_stand_without_brackets(void **state)
{
    struct fixture *fixture = *state;
    assert_string_equal(fill(fixture, "paths: rules/hosts.tsv\n"), "");
    assert_int_equal(fixture->value.paths.count, 1);
    assert_true(view_equal_string(((const struct view *)fixture->value.paths.items)[0], "d/rules/hosts.tsv"));
    assert_string_equal(fill(fixture, "paths: ''\n"),
                        "d/f:1:8: error: paths: the text is empty; give a value or leave the line out\n");
}

static void texts_end_with_a_nul(void **state)
{
    struct fixture *fixture = *state;
    assert_string_equal(fill(fixture, "first: abc\nmap: {time: x}\n"), "");
    assert_int_equal(fixture->value.first.data[3], '\0');
    const struct option_pair *map = fixture->value.map.items;
    assert_int_equal(map[0].key.data[4], '\0');
    assert_int_equal(map[0].value.data[1], '\0');
}

static void mistakes_are_told_with_their_place(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *yaml, *report;
    } cases[] = {
        {"cuont: 3\n", "d/f:1:1: error: unknown option 'cuont'; did you mean 'count'?\n"},
        {"number: 3\n", "d/f:1:1: error: unknown option 'number'; it belongs into 'inner'\n"},
        {"x y: 3\n", "d/f:1:1: error: unknown option 'this key'\n"},
        {"inner: {name: a, number: 1, nmae: b}\n",
         "d/f:1:29: error: unknown option 'nmae' in inner; did you mean 'name'?\n"},
        {"count:\n", "d/f:1:7: error: 'count' has no value; write one, or leave the line out\n"},
        {"count: [1]\n", "d/f:1:8: error: 'count' must be a single value, not a list; write count: VALUE\n"},
        {"count: {a: 1}\n",
         "d/f:1:8: error: 'count' must be a single value, not a mapping; write count: VALUE\n"},
        {"colours: red\n",
         "d/f:1:10: error: 'colours' must be a list, not a single value; write colours: [ONE, TWO]\n"},
        {"colours: [red, gren]\n",
         "d/f:1:16: error: colours: 'gren' is not one of red, green, blue; did you mean 'green'?\n"},
        {"colours: [red, red]\n", "d/f:1:16: error: colours: 'red' is in the list twice\n"},
        {"colours: []\n", "d/f:1:10: error: 'colours' needs at least 1, has 0\n"},
        {"colours:\n", "d/f:1:9: error: 'colours' needs at least 1, has 0\n"},
        {"colours: [red, green, blue]\n", "d/f:1:10: error: 'colours' can have at most 2, has 3\n"},
        {"names: [a, [b]]\n",
         "d/f:1:12: error: 'names' must be a single value, not a list; write names: VALUE\n"},
        {"names: [A]\n",
         "d/f:1:9: error: names: 'A' is not a name; those have lower-case letters, digits, _ and -\n"},
        {"map: {tiem: x}\n", "d/f:1:7: error: map: unknown key 'tiem'; did you mean 'time'?\n"},
        {"map: {time: [x]}\n",
         "d/f:1:13: error: 'time' must be a single value, not a list; write time: VALUE\n"},
        {"map: {time: }\n", "d/f:1:13: error: 'time' has no value; write one, or leave the line out\n"},
        {"map: [a]\n", "d/f:1:6: error: 'map' must be a mapping, not a list; write map: {KEY: VALUE}\n"},
        {"colour_map: {US-XX: red}\n",
         "d/f:1:14: error: colour_map: 'US-XX' is not a region by ISO 3166-2, as in US-CA\n"},
        {"colour_map: {US-ME: rot}\n", "d/f:1:21: error: colour_map: 'rot' is not one of red, green, blue\n"},
        {"items: {name: x}\n",
         "d/f:1:8: error: 'items' must be a list, not a mapping; write items: [{KEY: VALUE}]\n"},
        {"items: [x]\n",
         "d/f:1:9: error: 'items' must be a mapping, not a single value; write items: [{KEY: VALUE}]\n"},
        {"items: [{number: 1}]\n", "d/f:1:9: error: 'items.0.name' is missing; it is required: A name.\n"},
        {"items: [{name: a, number: 1}, {name: b, number: 1}]\n",
         "d/f:1:49: error: 'items' has two entries with the same number (the other: d/f, line 1)\n"},
        {"items: [{name: a, colour: red, number: 1},\n {name: a, colour: red, number: 2}]\n",
         "d/f:2:9: error: 'items' has two entries with the same name+colour (the other: d/f, line 1)\n"},
        {"inner: x\n",
         "d/f:1:8: error: 'inner' must be a mapping, not a single value; write inner: {KEY: VALUE}\n"},
        {"inner: {number: 1}\n", "d/f:1:8: error: 'inner.name' is missing; it is required: A name.\n"},
        {"inner: {name: x, number: 13}\n", "d/f:1:26: error: thirteen\n"},
        {"inner: {name: x}\n", "d/f:1:8: error: thirteen\n"}, /* by default: at the group */
        {"inner: {name: x, number: 14}\n", "d/f:1:8: error: fourteen\n"},
        {"inner: {name: x, number: 100}\n",
         "d/f:1:26: error: number: '100' is more than the most, 99\n"}, /* once */
        {"[a]\n", "d/f:1:1: error: 'outer' must be a mapping, not a list; write KEY: VALUE\n"},
        {"just text\n", "d/f:1:1: error: 'outer' must be a mapping, not a single value; write KEY: VALUE\n"},
        {"count: 0\nshare: 2\nflag: no\nday: today\n",
         "d/f:1:8: error: count: '0' is less than the least, 1\n"
         "d/f:2:8: error: share: '2' is above 1; did you mean '2%'?\n"
         "d/f:3:7: error: flag: 'no' is not true or false; did you mean 'false'?\n"
         "d/f:4:6: error: day: 'today' is not a date; write it as in 2021-04-26 (year-month-day)\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(fill(fixture, cases[i].yaml), cases[i].report);
}

static void a_member_with_a_mistake_has_its_default(void **state)
{
    struct fixture *fixture = *state;
    fill(fixture, "count: many\nshare: 7\nday: x\n");
    assert_int_equal(fixture->value.count, 3);
    assert_true(fixture->value.share > 0.0999 && fixture->value.share < 0.1001);
    assert_true(fixture->value.day == OPTION_DATE_UNSET);
}

static void overrides_edit_what_the_file_says(void **state)
{
    struct fixture *fixture = *state;
    const struct outer *value = &fixture->value;
    static const char *const overrides[] = {"count=7",
                                            "first=a: b # c",
                                            "map.time=x=y",
                                            "colours=[blue]",
                                            "names.0=z",
                                            "names.2=appended",
                                            "items.0.number=8",
                                            "items.1={name: new, number: 9}",
                                            "items.2.name=newer",
                                            "inner={name: i, number: 1}",
                                            "inner.number=2",
                                            "colour_map.US-CA=green",
                                            "path=own/path",
                                            "count='9'",
                                            NULL};
    assert_string_equal(
        fill_set(fixture,
                 "count: 5\nnames: [a, b]\nmap: {time: t}\nitems: [{name: old, number: 1}]\n"
                 "colour_map: {US-ME: red}\n",
                 overrides),
        "--set:9:14: error: thirteen\n"); /* the element that has only a name, with the default */
    assert_int_equal(value->count, 9);
    assert_true(view_equal_string(value->first, "a: b # c"));
    const struct option_pair *map = value->map.items;
    assert_int_equal(value->map.count, 1);
    assert_true(view_equal_string(map[0].value, "x=y"));
    assert_int_equal(((const int *)value->colours.items)[0], 3);
    const struct view *names = value->names.items;
    assert_int_equal(value->names.count, 3);
    assert_true(view_equal_string(names[0], "z") && view_equal_string(names[1], "b"));
    assert_true(view_equal_string(names[2], "appended"));
    const struct inner *items = value->items.items;
    assert_int_equal(value->items.count, 3);
    assert_int_equal(items[0].number, 8);
    assert_true(view_equal_string(items[0].name, "old"));
    assert_int_equal(items[1].number, 9);
    assert_true(view_equal_string(items[2].name, "newer"));
    assert_int_equal(value->inner.number, 2);
    assert_int_equal(value->colour_map.count, 2);
    assert_true(view_equal_string(value->path, "own/path")); /* not relative to the file */
}

static void wrong_overrides_are_told_with_their_number_and_column(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *override, *report;
    } cases[] = {
        {"count", "--set:1:1: error: --set needs PATH=VALUE, as in --set publish.k=200\n"},
        {"=5", "--set:1:1: error: --set needs PATH=VALUE, as in --set publish.k=200\n"},
        {"", "--set:1:1: error: --set needs PATH=VALUE, as in --set publish.k=200\n"},
        {"cuont=5", "--set:1:1: error: --set: unknown option 'cuont'; did you mean 'count'?\n"},
        {"inner.nmae=5", "--set:1:1: error: --set: unknown option 'nmae'; did you mean 'name'?\n"},
        {".count=5", "--set:1:1: error: --set: unknown option ''\n"},
        {"count=many", "--set:1:7: error: count: 'many' is not a whole number\n"},
        {"count=", "--set:1:7: error: count: '' is not a whole number\n"},
        {"count.x=5", "--set:1:1: error: --set: there is nothing in 'count', it is a single value\n"},
        {"names.x=5", "--set:1:1: error: --set: lists go by number from 0, and the list ends before 'x'\n"},
        {"names.1=a", "--set:1:1: error: --set: lists go by number from 0, and the list ends before '1'\n"},
        {"names.-1=a", "--set:1:1: error: --set: lists go by number from 0, and the list ends before '-1'\n"},
        {"names.0.x=a", "--set:1:1: error: --set: there is nothing in an element of 'names'\n"},
        {"names=[a", "--set:1:7: error: did not find expected ',' or ']' (while parsing a flow sequence)\n"},
        {"names=a",
         "--set:1:7: error: 'names' must be a list, not a single value; write names: [ONE, TWO]\n"},
        {"map.tmie=a", "--set:1:1: error: map: unknown key 'tmie'; did you mean 'time'?\n"},
        {"first=\xff", "--set:1:7: error: first: the text is not UTF-8\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *const overrides[] = {cases[i].override, NULL};
        const char *got = fill_set(fixture, "count: 1\n", overrides);
        if (strcmp(got, cases[i].report) != 0)
            fail_msg("%s: %s", cases[i].override, got);
    }
}

static void memory_that_is_short_is_noticed_wherever_it_ends(void **state)
{
    struct fixture *fixture = *state;
    static const char yaml[] =
        "count: 5\nnames: [a, b]\nmap: {time: t}\nitems: [{name: x, number: 1}, {nmae: y}]\n"
        "colour_map: {US-ME: red}\npaths: [a]\ninner: {name: z, number: 13}\n";
    unsigned short_runs = 0;
    for (size_t left = 16;; left += 16) {
        struct arena arena = {0};
        struct lint run;
        struct outer value = {0};
        struct error error;
        assert_true(arena_init(&arena, 16384, 16384, &error));
        assert_non_null(arena_take(&arena, 16384 - 64 - left));
        lint_init(&run, &arena);
        struct document_node *root = document_parse(VIEW(yaml), (struct option_place){"d/f", 1, 1}, &run);
        bool whole = root && option_override(&outer_table, root, "items.2={name: q, number: 2}", 1, &run) &&
                     option_fill(&outer_table, root, &value, "d/f", &run);
        option_check_all(&run);
        assert_true(whole || run.memory_short); /* nothing is half filled without saying so */
        bool done = whole && !run.memory_short;
        if (done)
            assert_int_equal(run.error_count, 4); /* nmae, its name, and thirteen twice */
        short_runs += !done;
        arena_release(&arena);
        if (done)
            break;
    }
    assert_true(short_runs > 50);
    assert_string_equal(fill(fixture, "count: 5\n"), "");
}

static void messages_are_sorted_by_file_and_place(void **state)
{
    struct fixture *fixture = *state;
    lint_init(&fixture->lint, &fixture->arena);
    lint_report(&fixture->lint, LINT_ERROR, &(struct option_place){"a", 3, 1}, "third");
    lint_report(&fixture->lint, LINT_ERROR, &(struct option_place){"b", 1, 1}, "fourth");
    lint_report(&fixture->lint, LINT_WARNING, &(struct option_place){"a", 2, 9}, "second");
    lint_report(&fixture->lint, LINT_ERROR, &(struct option_place){"a", 2, 3}, "first");
    lint_report(&fixture->lint, LINT_ERROR, NULL, "last");
    assert_string_equal(report(fixture), "a:2:3: error: first\na:2:9: warning: second\na:3:1: error: third\n"
                                         "b:1:1: error: fourth\nerror: last\n");
    assert_int_equal(fixture->lint.error_count, 4);
    assert_int_equal(fixture->lint.warning_count, 1);
}

static void a_flood_of_messages_has_a_bound(void **state)
{
    struct fixture *fixture = *state;
    lint_init(&fixture->lint, &fixture->arena);
    for (unsigned i = 0; i < LINT_MESSAGES_MAX + 5; i++)
        lint_report(&fixture->lint, LINT_ERROR, &(struct option_place){"a", i + 1, 1}, "x");
    const char *got = report(fixture);
    assert_int_equal(fixture->lint.error_count, LINT_MESSAGES_MAX + 5);
    assert_non_null(strstr(got, "a:1000:1: error: x\n... and 5 more\n"));
    assert_null(strstr(got, "a:1001:"));
}

static void count_visits(const struct option *option, const void *member, void *context)
{
    unsigned *counts = context;
    if (strcmp(option->name, "number") == 0)
        counts[0] += (unsigned)*(const int64_t *)member;
    counts[1]++;
}

static void a_walk_visits_every_member(void **state)
{
    struct fixture *fixture = *state;
    unsigned counts[2] = {0, 0};
    fill(fixture, "items: [{name: a, number: 1}, {name: b, number: 20}]\ninner: {name: c, number: 3}\n");
    option_walk(&outer_table, &fixture->value, count_visits, counts);
    assert_int_equal(counts[0], 24);
    assert_int_equal(counts[1], 13 + 3 * 3);
}

static void the_reference_has_a_row_per_option(void **state)
{
    struct fixture *fixture = *state;
    size_t bytes = 0;
    FILE *out = open_memstream(&fixture->report, &bytes);
    option_reference_write(&outer_table, "outer", out);
    fclose(out);
    static const char *const rows[] = {
        "## `outer`\n\nOutside.\n",
        "| `first` | text |  |  |  | First \\| with a bar. |\n",
        "| `count` | whole number | `3` |  | 1 to 9 | How many. |\n",
        "| `share` | ratio | `10%` | 0 to 1, or % |",
        "| `colours` | list of `red`, `green`, `blue` | `[green, blue]` |  | 1 to 2 entries |",
        "| `map` | mapping to text; keys: `type`, `time` |",
        "## `outer.items[]`\n\nInside.\n",
        "## `outer.inner`\n",
        "| `name` | text | **required** |  |  | A name. |\n",
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!strstr(fixture->report, rows[i]))
            fail_msg("lacks %s:\n%s", rows[i], fixture->report);
    }
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
        cmocka_unit_test_setup_teardown(defaults_fill_what_nobody_wrote, setup, teardown),
        cmocka_unit_test_setup_teardown(every_type_of_list_is_filled_in_its_order, setup, teardown),
        cmocka_unit_test_setup_teardown(a_single_path_may_stand_without_brackets, setup, teardown),
        cmocka_unit_test_setup_teardown(texts_end_with_a_nul, setup, teardown),
        cmocka_unit_test_setup_teardown(mistakes_are_told_with_their_place, setup, teardown),
        cmocka_unit_test_setup_teardown(a_member_with_a_mistake_has_its_default, setup, teardown),
        cmocka_unit_test_setup_teardown(overrides_edit_what_the_file_says, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_overrides_are_told_with_their_number_and_column, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(memory_that_is_short_is_noticed_wherever_it_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(messages_are_sorted_by_file_and_place, setup, teardown),
        cmocka_unit_test_setup_teardown(a_flood_of_messages_has_a_bound, setup, teardown),
        cmocka_unit_test_setup_teardown(a_walk_visits_every_member, setup, teardown),
        cmocka_unit_test_setup_teardown(the_reference_has_a_row_per_option, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
