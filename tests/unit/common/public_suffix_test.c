#include "common/public_suffix.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void public_suffixes_are_told_from_names(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum public_suffix expected;
        const char *why;
    } cases[] = {
        {"com", PUBLIC_SUFFIX_YES, "top level"},
        {"co.uk", PUBLIC_SUFFIX_YES, "two labels"},
        {"github.io", PUBLIC_SUFFIX_YES, "private section"},
        {"xn--p1ai", PUBLIC_SUFFIX_YES, "A-label"},
        {"www.ck", PUBLIC_SUFFIX_NO, "an exception of *.ck"},
        {"other.ck", PUBLIC_SUFFIX_YES, "below a star"},
        {"nosuchtld", PUBLIC_SUFFIX_YES, "unknown: the last label is one"},
        {"example.nosuchtld", PUBLIC_SUFFIX_NO, "unknown: below the last label"},
        {"example.com", PUBLIC_SUFFIX_NO, "registrable"},
        {"someone.github.io", PUBLIC_SUFFIX_NO, "below the private section"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (public_suffix_judge(view_of_string(cases[i].name)) != cases[i].expected)
            fail_msg("%s: %s", cases[i].name, cases[i].why);
    }
    assert_int_equal(public_suffix_judge(VIEW_ABSENT), PUBLIC_SUFFIX_YES);
}

static void registrable_domain_is_one_label_below_the_suffix(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"a.b.example.co.uk", "example.co.uk"},
        {"example.com", "example.com"},
        {"a.someone.github.io", "someone.github.io"},
        {"a.example.nosuchtld", "example.nosuchtld"},
        {"github.io", NULL},
        {"com", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct view domain = public_suffix_registrable(view_of_string(cases[i][0]));
        if (!view_equal_string(domain, cases[i][1]))
            fail_msg("%s: '%.*s'", cases[i][0], (int)domain.size, domain.data ? domain.data : "");
    }
    assert_true(view_is_absent(public_suffix_registrable(VIEW_ABSENT)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(public_suffixes_are_told_from_names),
        cmocka_unit_test(registrable_domain_is_one_label_below_the_suffix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
