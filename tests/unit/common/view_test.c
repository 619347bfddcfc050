#include "common/view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void views_have_the_order_of_their_bytes(void **state)
{
    static const struct {
        struct view a, b;
        int order;
        const char *why;
    } cases[] = {
        {{"abc", 3}, {"abc", 3}, 0, "the same bytes"},
        {{"abc", 3}, {"abd", 3}, -1, "the last byte decides"},
        {{"b", 1}, {"abc", 3}, 1, "the first byte decides, not the length"},
        {{"ab", 2}, {"abc", 3}, -1, "a beginning comes before what it begins"},
        {{"a\xff", 2}, {"a\x7f", 2}, 1, "bytes have no sign"},
        {{"a\0c", 3}, {"a\0b", 3}, 1, "a zero ends nothing"},
        {{"a", 1}, {"a\0", 2}, -1, "nor does it count for nothing"},
        {{"", 0}, {"\0", 1}, -1, "an empty one comes first"},
        {{NULL, 0}, {"", 0}, 0, "an absent one is in its place"},
        {{NULL, 0}, {"a", 1}, -1, "and before all others"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int order = view_compare(cases[i].a, cases[i].b), back = view_compare(cases[i].b, cases[i].a);
        if ((order > 0) - (order < 0) != cases[i].order || (back > 0) - (back < 0) != -cases[i].order)
            fail_msg("%s", cases[i].why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(views_have_the_order_of_their_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
