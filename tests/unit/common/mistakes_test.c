#include "common/mistakes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void mistakes_keep_the_first_twenty_and_count_the_others(void **state)
{
    (void)state;
    static struct mistakes mistakes;
    for (unsigned i = 1; i <= MISTAKES_MAX + 1; i++)
        mistakes_add(&mistakes, "hosts.tsv", i, 1, "mistake %u", i);
    assert_int_equal(mistakes.count, MISTAKES_MAX + 1);
    assert_string_equal(mistakes.items[0].text, "mistake 1");
    assert_string_equal(mistakes.items[MISTAKES_MAX - 1].text, "mistake 20");
}

static void mistakes_fail_names_the_first_and_the_number_of_the_others(void **state)
{
    (void)state;
    static struct mistakes mistakes;
    struct error error = {0};
    mistakes_add(&mistakes, "hosts.tsv", 7, 3, "is wrong");
    assert_false(mistakes_fail(&mistakes, &error));
    assert_string_equal(error.where, "hosts.tsv:7:3");
    assert_string_equal(error.what, "is wrong");
    assert_string_equal(error.action, "");
    assert_int_equal(error.exit_status, EXIT_STATUS_CONFIGURATION);
    mistakes_add(&mistakes, "apps.tsv", 0, 0, "is missing");
    mistakes_add(&mistakes, "apps.tsv", 2, 0, "is wrong too");
    assert_false(mistakes_fail(&mistakes, &error));
    assert_non_null(strstr(error.action, "2 more"));
}

static void mistakes_name_a_file_or_a_line_when_there_is_no_more_to_name(void **state)
{
    (void)state;
    static struct mistakes whole, line;
    struct error error = {0};
    struct error missing = {.what = "cannot open", .action = "check the path"};
    mistakes_add_error(&whole, "hosts.tsv", &missing);
    assert_false(mistakes_fail(&whole, &error));
    assert_string_equal(error.where, "hosts.tsv");
    assert_string_equal(error.what, "cannot open; check the path");
    mistakes_add(&line, "hosts.tsv", 4, 0, "too long");
    assert_false(mistakes_fail(&line, &error));
    assert_string_equal(error.where, "hosts.tsv:4");
}

static void mistakes_show_text_that_can_be_printed_and_no_more(void **state)
{
    (void)state;
    char shown[MISTAKE_SHOWN_MAX + 4];
    char text[MISTAKE_SHOWN_MAX + 1];
    assert_string_equal(mistakes_show(VIEW("a\tb\x1b\xc3\xa4"), shown), "a?b???");
    assert_string_equal(mistakes_show(VIEW(""), shown), "");
    memset(text, 'x', sizeof(text));
    mistakes_show((struct view){text, MISTAKE_SHOWN_MAX}, shown);
    assert_int_equal(strlen(shown), MISTAKE_SHOWN_MAX);
    mistakes_show((struct view){text, MISTAKE_SHOWN_MAX + 1}, shown);
    assert_int_equal(strlen(shown), MISTAKE_SHOWN_MAX + 3);
    assert_string_equal(shown + MISTAKE_SHOWN_MAX, "...");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mistakes_keep_the_first_twenty_and_count_the_others),
        cmocka_unit_test(mistakes_fail_names_the_first_and_the_number_of_the_others),
        cmocka_unit_test(mistakes_name_a_file_or_a_line_when_there_is_no_more_to_name),
        cmocka_unit_test(mistakes_show_text_that_can_be_printed_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
