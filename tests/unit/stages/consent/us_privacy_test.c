#include "stages/consent/us_privacy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct us_privacy_case {
    const char *text;
    enum consent_reason reason;
    const char *why;
};

static const struct us_privacy_case cases[] = {
    /* no objection */
    {"1YNN", CONSENT_NO_REASON, "notice given, not opted out"},
    {"1YNY", CONSENT_NO_REASON, "the fourth position is not judged"},
    {"1YN-", CONSENT_NO_REASON, "the fourth position is not judged"},
    {"1---", CONSENT_NO_REASON, "the law does not apply"},
    {"1Y--", CONSENT_NO_REASON, "`-` in a position is no objection"},
    {"1Y-Y", CONSENT_NO_REASON, "`-` in a position is no objection; notice was given"},
    {"1Y-N", CONSENT_NO_REASON, "`-` in a position is no objection"},
    {"1--N", CONSENT_NO_REASON, "only Y in the fourth position objects, where all else is `-`"},
    /* denied by what it says */
    {"1NNN", CONSENT_US_PRIVACY_NO_NOTICE, "notice N"},
    {"1NN-", CONSENT_US_PRIVACY_NO_NOTICE, "notice N"},
    {"1NNY", CONSENT_US_PRIVACY_NO_NOTICE, "notice N"},
    {"1N--", CONSENT_US_PRIVACY_NO_NOTICE, "notice N"},
    {"1N-Y", CONSENT_US_PRIVACY_NO_NOTICE, "notice N"},
    {"1YYN", CONSENT_US_PRIVACY_OPT_OUT, "opt-out Y"},
    {"1YYY", CONSENT_US_PRIVACY_OPT_OUT, "opt-out Y"},
    {"1YY-", CONSENT_US_PRIVACY_OPT_OUT, "opt-out Y"},
    {"1NYN", CONSENT_US_PRIVACY_OPT_OUT, "opt-out Y is the stronger of two objections"},
    {"1-Y-", CONSENT_US_PRIVACY_OPT_OUT, "opt-out Y counts though notice does not apply"},
    {"1-YY", CONSENT_US_PRIVACY_OPT_OUT, "opt-out Y"},
    {"1--Y", CONSENT_US_PRIVACY_OPT_OUT, "the table of spec 3 names it"},
    {"1-N-", CONSENT_US_PRIVACY_CONTRADICTION, "not opted out of what does not apply"},
    {"1-NN", CONSENT_US_PRIVACY_CONTRADICTION, "not opted out of what does not apply"},
    {"1-NY", CONSENT_US_PRIVACY_CONTRADICTION, "not opted out of what does not apply"},
    /* denied by its form */
    {"", CONSENT_US_PRIVACY_EMPTY, "present but empty is not absent"},
    {" ", CONSENT_US_PRIVACY_WHITE_SPACE, "white space denies"},
    {" 1YNN", CONSENT_US_PRIVACY_WHITE_SPACE, "nothing is trimmed"},
    {"1YNN ", CONSENT_US_PRIVACY_WHITE_SPACE, "nothing is trimmed"},
    {"1YNN\n", CONSENT_US_PRIVACY_WHITE_SPACE, "a line end is white space"},
    {"1YN\t", CONSENT_US_PRIVACY_WHITE_SPACE, "a tab in a position"},
    {"1 NN", CONSENT_US_PRIVACY_WHITE_SPACE, "a blank in a position"},
    {"1YN", CONSENT_US_PRIVACY_LENGTH, "truncated: three characters"},
    {"1", CONSENT_US_PRIVACY_LENGTH, "truncated: the version alone"},
    {"1YNNN", CONSENT_US_PRIVACY_LENGTH, "over-long: five characters"},
    {"1YNNYNNYNN", CONSENT_US_PRIVACY_LENGTH, "over-long"},
    {"2YNN", CONSENT_US_PRIVACY_VERSION, "version 2 is not known"},
    {"0YNN", CONSENT_US_PRIVACY_VERSION, "version 0 never was"},
    {"YNNN", CONSENT_US_PRIVACY_VERSION, "no version"},
    {"----", CONSENT_US_PRIVACY_VERSION, "no version"},
    {"1ynn", CONSENT_US_PRIVACY_LOWER_CASE, "the specification writes capitals"},
    {"1YnN", CONSENT_US_PRIVACY_LOWER_CASE, "one lower-case letter is enough"},
    {"1YNy", CONSENT_US_PRIVACY_LOWER_CASE, "in the fourth position too: its form is judged"},
    {"1XNN", CONSENT_US_PRIVACY_MALFORMED, "X is no answer"},
    {"1YN0", CONSENT_US_PRIVACY_MALFORMED, "nor is a digit, in the fourth position too"},
    {"1Y\xe2\x80", CONSENT_US_PRIVACY_MALFORMED, "nor are bytes above ASCII"},
    {"1yX-", CONSENT_US_PRIVACY_MALFORMED, "malformed is worse than lower case"},
};

static void us_privacy_follows_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum consent_reason reason = us_privacy_judge(view_of_string(cases[i].text));
        if (reason != cases[i].reason)
            fail_msg("'%s': %s instead of %s: %s", cases[i].text, consent_reasons[reason].name,
                     consent_reasons[cases[i].reason].name, cases[i].why);
    }
}

static void us_privacy_denies_a_string_with_nul_in_it(void **state)
{
    (void)state;
    assert_int_equal(us_privacy_judge((struct view){"1YN\0", 4}), CONSENT_US_PRIVACY_MALFORMED);
    assert_int_equal(us_privacy_judge((struct view){"1YNN\0", 5}), CONSENT_US_PRIVACY_LENGTH);
}

/* Of all strings of four bytes, only those that the table lists as no objection pass. */
static void us_privacy_allows_eight_strings_and_no_other(void **state)
{
    (void)state;
    unsigned allowed = 0;
    for (uint32_t bits = 0; bits < 1u << 24; bits++) { /* the version besides: any three bytes behind '1' */
        char text[4] = {'1', (char)(bits >> 16), (char)(bits >> 8), (char)bits};
        if (us_privacy_judge((struct view){text, 4}) != CONSENT_NO_REASON)
            continue;
        allowed++;
        bool listed = false;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
            listed |= cases[i].reason == CONSENT_NO_REASON && memcmp(cases[i].text, text, 4) == 0;
        assert_true(listed);
    }
    assert_int_equal(allowed, 8);
    for (unsigned version = 0; version < 256; version++) {
        char text[4] = {(char)version, 'Y', 'N', 'N'};
        assert_int_equal(us_privacy_judge((struct view){text, 4}) == CONSENT_NO_REASON, version == '1');
    }
}

static void consent_reasons_have_stable_names(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CONSENT_REASONS; i++) {
        assert_non_null(consent_reasons[i].name);
        assert_non_null(consent_reasons[i].help);
        for (const char *at = consent_reasons[i].name; *at; at++)
            assert_true((*at >= 'a' && *at <= 'z') || *at == '_');
        for (unsigned j = 0; j < i; j++)
            assert_string_not_equal(consent_reasons[i].name, consent_reasons[j].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(us_privacy_follows_the_table),
        cmocka_unit_test(us_privacy_denies_a_string_with_nul_in_it),
        cmocka_unit_test(us_privacy_allows_eight_strings_and_no_other),
        cmocka_unit_test(consent_reasons_have_stable_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
