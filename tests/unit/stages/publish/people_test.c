#include "stages/publish/people.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct interest_set none = {.count = 0};
static const struct interest_set low = {.ids = {1, 2}, .count = 2};
static const struct interest_set high = {.ids = {2, 65535}, .count = 2};

static void people_are_counted_by_interest(void **state)
{
    (void)state;
    struct people_list list = {.k = 2};
    int index = people_add(&list, 3, -5);
    assert_true(index >= 0);
    assert_int_equal(people_add(&list, 3, -5), index);
    assert_int_equal(people_count(&list, (unsigned)index, 1), 0);
    assert_true(people_reserve(&list, (unsigned)index, 2));
    people_enter(&list, (unsigned)index);
    people_change(&list, (unsigned)index, &none, &low);
    assert_int_equal(people_count(&list, (unsigned)index, 2), 1);
    assert_true(people_reserve(&list, (unsigned)index, 65535)); /* grows, and keeps what was counted */
    people_enter(&list, (unsigned)index);
    people_change(&list, (unsigned)index, &none, &high);
    assert_int_equal(people_count(&list, (unsigned)index, 1), 1);
    assert_int_equal(people_count(&list, (unsigned)index, 2), 2);
    assert_int_equal(people_count(&list, (unsigned)index, 65535), 1);
    assert_int_equal(people_count(&list, (unsigned)index, 65534), 0);
    people_change(&list, (unsigned)index, &low, &high);
    assert_int_equal(people_count(&list, (unsigned)index, 1), 0);
    assert_int_equal(people_count(&list, (unsigned)index, 65535), 2);
    people_change(&list, (unsigned)index, &high, &none);
    assert_int_equal(people_count(&list, (unsigned)index, 2), 1);
    people_release(&list);
}

static void people_notice_when_a_count_passes_k(void **state)
{
    (void)state;
    struct people_list list = {.k = 2};
    unsigned index = (unsigned)people_add(&list, 0, 0);
    assert_true(people_reserve(&list, index, 2));
    static const struct {
        const struct interest_set *before, *after;
        unsigned crossings;
        const char *why;
    } steps[] = {
        {&none, &low, 0, "one"},
        {&none, &low, 2, "two: both interests come to k"},
        {&none, &low, 0, "three"},
        {&low, &low, 0, "no change"},
        {&low, &none, 0, "two again: k is enough"},
        {&low, &none, 2, "one: both fall below"},
        {&low, &none, 0, "nobody"},
    };
    for (unsigned i = 0; i < sizeof steps / sizeof *steps; i++) {
        uint64_t before = list.crossings;
        people_change(&list, index, steps[i].before, steps[i].after);
        if (list.crossings - before != steps[i].crossings)
            fail_msg("%s: %u", steps[i].why, (unsigned)(list.crossings - before));
    }
    people_release(&list);
}

static void people_of_an_epoch_go_with_the_last_person(void **state)
{
    (void)state;
    struct people_list list = {.k = 1};
    int first = people_add(&list, 0, 1), second = people_add(&list, 1, 1), third = people_add(&list, 0, 2);
    assert_true(first != second && second != third && first != third);
    people_enter(&list, (unsigned)first);
    people_enter(&list, (unsigned)first);
    people_enter(&list, (unsigned)second);
    people_leave(&list, (unsigned)first);
    assert_int_equal(people_find(&list, 0, 1), first);
    people_leave(&list, (unsigned)first);
    assert_int_equal(people_find(&list, 0, 1), -1);
    assert_int_equal(people_find(&list, 1, 1), second); /* indices of others stay */
    assert_int_equal(people_find(&list, 0, 2), third);
    assert_int_equal(people_add(&list, 7, 9), first); /* and the place is used again, counting from zero */
    assert_int_equal(people_count(&list, (unsigned)first, 2), 0);
    people_release(&list);
    people_release(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(people_are_counted_by_interest),
        cmocka_unit_test(people_notice_when_a_count_passes_k),
        cmocka_unit_test(people_of_an_epoch_go_with_the_last_person),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
