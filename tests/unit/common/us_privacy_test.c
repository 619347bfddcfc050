#include "common/us_privacy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct us_privacy_case {
    const char *text;
    enum signal_reason reason;
    const char *why;
};

static const struct us_privacy_case cases[] = {
    /* no objection */
    {"1YNN", SIGNAL_NO_REASON, "notice given, not opted out"},
    {"1YNY", SIGNAL_NO_REASON, "the fourth position is not judged"},
    {"1YN-", SIGNAL_NO_REASON, "the fourth position is not judged"},
    {"1---", SIGNAL_NO_REASON, "the law does not apply"},
    {"1Y--", SIGNAL_NO_REASON, "`-` in a position is no objection"},
    {"1Y-Y", SIGNAL_NO_REASON, "`-` in a position is no objection; notice was given"},
    {"1Y-N", SIGNAL_NO_REASON, "`-` in a position is no objection"},
    {"1--N", SIGNAL_NO_REASON, "only Y in the fourth position objects, where all else is `-`"},
    /* denied by what it says */
    {"1NNN", SIGNAL_US_PRIVACY_NO_NOTICE, "notice N"},
    {"1NN-", SIGNAL_US_PRIVACY_NO_NOTICE, "notice N"},
    {"1NNY", SIGNAL_US_PRIVACY_NO_NOTICE, "notice N"},
    {"1N--", SIGNAL_US_PRIVACY_NO_NOTICE, "notice N"},
    {"1N-Y", SIGNAL_US_PRIVACY_NO_NOTICE, "notice N"},
    {"1YYN", SIGNAL_US_PRIVACY_OPT_OUT, "opt-out Y"},
    {"1YYY", SIGNAL_US_PRIVACY_OPT_OUT, "opt-out Y"},
    {"1YY-", SIGNAL_US_PRIVACY_OPT_OUT, "opt-out Y"},
    {"1NYN", SIGNAL_US_PRIVACY_OPT_OUT, "opt-out Y is the stronger of two objections"},
    {"1-Y-", SIGNAL_US_PRIVACY_OPT_OUT, "opt-out Y counts though notice does not apply"},
    {"1-YY", SIGNAL_US_PRIVACY_OPT_OUT, "opt-out Y"},
    {"1--Y", SIGNAL_US_PRIVACY_OPT_OUT, "the table of spec 3 names it"},
    {"1-N-", SIGNAL_US_PRIVACY_CONTRADICTION, "not opted out of what does not apply"},
    {"1-NN", SIGNAL_US_PRIVACY_CONTRADICTION, "not opted out of what does not apply"},
    {"1-NY", SIGNAL_US_PRIVACY_CONTRADICTION, "not opted out of what does not apply"},
    /* denied by its form */
    {"", SIGNAL_US_PRIVACY_EMPTY, "present but empty is not absent"},
    {" ", SIGNAL_US_PRIVACY_WHITE_SPACE, "white space denies"},
    {" 1YNN", SIGNAL_US_PRIVACY_WHITE_SPACE, "nothing is trimmed"},
    {"1YNN ", SIGNAL_US_PRIVACY_WHITE_SPACE, "nothing is trimmed"},
    {"1YNN\n", SIGNAL_US_PRIVACY_WHITE_SPACE, "a line end is white space"},
    {"1YN\t", SIGNAL_US_PRIVACY_WHITE_SPACE, "a tab in a position"},
    {"1 NN", SIGNAL_US_PRIVACY_WHITE_SPACE, "a blank in a position"},
    {"1YN", SIGNAL_US_PRIVACY_LENGTH, "truncated: three characters"},
    {"1", SIGNAL_US_PRIVACY_LENGTH, "truncated: the version alone"},
    {"1YNNN", SIGNAL_US_PRIVACY_LENGTH, "over-long: five characters"},
    {"1YNNYNNYNN", SIGNAL_US_PRIVACY_LENGTH, "over-long"},
    {"2YNN", SIGNAL_US_PRIVACY_VERSION, "version 2 is not known"},
    {"0YNN", SIGNAL_US_PRIVACY_VERSION, "version 0 never was"},
    {"YNNN", SIGNAL_US_PRIVACY_VERSION, "no version"},
    {"----", SIGNAL_US_PRIVACY_VERSION, "no version"},
    {"1ynn", SIGNAL_US_PRIVACY_LOWER_CASE, "the specification writes capitals"},
    {"1YnN", SIGNAL_US_PRIVACY_LOWER_CASE, "one lower-case letter is enough"},
    {"1YNy", SIGNAL_US_PRIVACY_LOWER_CASE, "in the fourth position too: its form is judged"},
    {"1XNN", SIGNAL_US_PRIVACY_MALFORMED, "X is no answer"},
    {"1YN0", SIGNAL_US_PRIVACY_MALFORMED, "nor is a digit, in the fourth position too"},
    {"1Y\xe2\x80", SIGNAL_US_PRIVACY_MALFORMED, "nor are bytes above ASCII"},
    {"1yX-", SIGNAL_US_PRIVACY_MALFORMED, "malformed is worse than lower case"},
};

static void us_privacy_follows_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum signal_reason reason = us_privacy_judge(view_of_string(cases[i].text));
        if (reason != cases[i].reason)
            fail_msg("'%s': %s instead of %s: %s", cases[i].text, signal_reasons[reason].name,
                     signal_reasons[cases[i].reason].name, cases[i].why);
    }
}

static void us_privacy_denies_a_string_with_nul_in_it(void **state)
{
    (void)state;
    assert_int_equal(us_privacy_judge((struct view){"1YN\0", 4}), SIGNAL_US_PRIVACY_MALFORMED);
    assert_int_equal(us_privacy_judge((struct view){"1YNN\0", 5}), SIGNAL_US_PRIVACY_LENGTH);
}

/* Of all strings of four bytes, only those that the table lists as no objection pass. */
static void us_privacy_allows_eight_strings_and_no_other(void **state)
{
    (void)state;
    unsigned allowed = 0;
    for (uint32_t bits = 0; bits < 1u << 24; bits++) { /* the version besides: any three bytes behind '1' */
        char text[4] = {'1', (char)(bits >> 16), (char)(bits >> 8), (char)bits};
        if (us_privacy_judge((struct view){text, 4}) != SIGNAL_NO_REASON)
            continue;
        allowed++;
        bool listed = false;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
            listed |= cases[i].reason == SIGNAL_NO_REASON && memcmp(cases[i].text, text, 4) == 0;
        assert_true(listed);
    }
    assert_int_equal(allowed, 8);
    for (unsigned version = 0; version < 256; version++) {
        char text[4] = {(char)version, 'Y', 'N', 'N'};
        assert_int_equal(us_privacy_judge((struct view){text, 4}) == SIGNAL_NO_REASON, version == '1');
    }
}

static void signal_reasons_have_stable_names(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SIGNAL_REASONS; i++) {
        assert_non_null(signal_reasons[i].name);
        assert_non_null(signal_reasons[i].help);
        for (const char *at = signal_reasons[i].name; *at; at++)
            assert_true((*at >= 'a' && *at <= 'z') || *at == '_');
        for (unsigned j = 0; j < i; j++)
            assert_string_not_equal(signal_reasons[i].name, signal_reasons[j].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(us_privacy_follows_the_table),
        cmocka_unit_test(us_privacy_denies_a_string_with_nul_in_it),
        cmocka_unit_test(us_privacy_allows_eight_strings_and_no_other),
        cmocka_unit_test(signal_reasons_have_stable_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
