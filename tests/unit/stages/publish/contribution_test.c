#include "stages/publish/contribution.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Insert as the state does. */
static unsigned put(struct contribution *entries, unsigned count, uint16_t interest, uint8_t device,
                    uint64_t app, uint32_t events)
{
    unsigned index;
    if (contribution_find(entries, count, interest, device, app, &index)) {
        entries[index].events += events;
        return count;
    }
    memmove(&entries[index + 1], &entries[index], (count - index) * sizeof *entries);
    entries[index] = (struct contribution){app, events, interest, device, 0};
    return count + 1;
}

static void contribution_is_found_by_all_three_of_its_names(void **state)
{
    (void)state;
    struct contribution entries[32];
    unsigned count = 0, index;
    for (uint16_t interest = 5; interest > 2; interest--)
        for (uint8_t device = 0; device < 3; device++)
            for (uint64_t app = 0; app < 3; app++)
                count = put(entries, count, interest, device, app, 1);
    assert_int_equal(count, 27);
    for (unsigned i = 0; i < count; i++) {
        assert_true(contribution_find(entries, count, entries[i].interest, entries[i].device,
                                      entries[i].app_token, &index));
        assert_int_equal(index, i);
    }
    static const struct {
        uint16_t interest;
        uint8_t device;
        uint64_t app;
        unsigned place;
        const char *why;
    } cases[] = {
        {2, 0, 0, 0, "before all"},     {6, 0, 0, 27, "behind all"},
        {3, 3, 0, 9, "another device"}, {3, 0, 3, 3, "another app"},
        {3, 0x7f, 0, 9, "no device"},   {4, 1, UINT64_MAX, 15, "the largest token"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool found =
            contribution_find(entries, count, cases[i].interest, cases[i].device, cases[i].app, &index);
        if (found || index != cases[i].place)
            fail_msg("%s: %u", cases[i].why, index);
    }
    assert_false(contribution_find(entries, 0, 1, 0, 0, &index));
    assert_int_equal(index, 0);
}

static void contribution_remove_app_takes_that_app_and_nothing_else(void **state)
{
    (void)state;
    struct contribution entries[8];
    unsigned count = 0, index;
    count = put(entries, count, 10, 0, 0, 1);
    count = put(entries, count, 10, 0, 7, 1);
    count = put(entries, count, 20, 1, 7, 1);
    count = put(entries, count, 20, 1, 8, 1);
    count = contribution_remove_app(entries, count, 9);
    assert_int_equal(count, 4);
    count = contribution_remove_app(entries, count, 7);
    assert_int_equal(count, 2);
    assert_true(contribution_find(entries, count, 10, 0, 0, &index));
    assert_true(contribution_find(entries, count, 20, 1, 8, &index));
    assert_int_equal(contribution_remove_app(entries, count, 8), 1);
    assert_int_equal(contribution_remove_app(entries, 0, 8), 0);
}

static void contribution_knows_which_device_stands_behind_an_interest(void **state)
{
    (void)state;
    struct contribution entries[8];
    unsigned count = 0;
    count = put(entries, count, 10, 1, 5, 1);
    count = put(entries, count, 10, CONTRIBUTION_NO_DEVICE, 0, 1);
    count = put(entries, count, 20, 0, 0, 1);
    assert_true(contribution_of_device(entries, count, 10, 1)); /* by an app only */
    assert_true(contribution_of_device(entries, count, 20, 0));
    assert_false(contribution_of_device(entries, count, 10, 0));
    assert_false(contribution_of_device(entries, count, 20, 1));
    assert_false(contribution_of_device(entries, count, 30, 0));
    assert_false(contribution_of_device(entries, 0, 10, 1));
}

static void contribution_cap_chooses_by_events_then_by_id(void **state)
{
    (void)state;
    static const struct {
        struct {
            uint16_t interest;
            uint32_t events;
        } given[8]; /* ends with events 0 */
        struct interest_set kept;
        unsigned interests_max;
        struct interest_set expected;
        const char *why;
    } cases[] = {
        {{{0, 0}}, {{0}, 0}, 3, {{0}, 0}, "nothing there"},
        {{{5, 1}}, {{0}, 0}, 3, {{5}, 1}, "fewer than there are places"},
        {{{5, 1}, {6, 2}, {7, 3}, {8, 4}}, {{0}, 0}, 3, {{8, 7, 6}, 3}, "the most events"},
        {{{8, 1}, {7, 1}, {6, 1}, {5, 1}}, {{0}, 0}, 3, {{5, 6, 7}, 3}, "ties by the lower ID"},
        {{{5, 2}, {6, 1}, {7, 2}}, {{0}, 0}, 1, {{5}, 1}, "one place"},
        {{{5, 9}, {6, 8}, {7, 1}}, {{7}, 1}, 2, {{7, 5}, 2}, "kept before more events"},
        {{{5, 9}, {6, 8}},
         {{7}, 1},
         2,
         {{5}, 1},
         "a kept one without entries holds its place, and isn't in the set"},
        {{{5, 9}, {6, 8}}, {{7, 8}, 2}, 2, {{0}, 0}, "all places held by what is gone"},
        {{{5, 9}, {7, 1}, {8, 1}}, {{8, 7}, 2}, 1, {{8, 7}, 2}, "kept when more were allowed"},
        {{{1, UINT32_MAX}, {1, UINT32_MAX}, {2, UINT32_MAX}}, {{0}, 0}, 1, {{1}, 1}, "sums beyond 32 bits"},
        {{{1, 1}, {2, 2}, {3, 3}, {4, 4}, {5, 5}, {6, 6}, {7, 7}, {8, 8}},
         {{0}, 0},
         8,
         {{8, 7, 6, 5, 4, 3, 2, 1}, 8},
         "as many as there can be"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct contribution entries[8];
        unsigned count = 0;
        for (unsigned j = 0; j < 8 && cases[i].given[j].events; j++) /* each from another app */
            count = put(entries, count, cases[i].given[j].interest, 0, j + 1, cases[i].given[j].events);
        struct interest_set set = contribution_cap(entries, count, &cases[i].kept, cases[i].interests_max);
        if (set.count != cases[i].expected.count ||
            memcmp(set.ids, cases[i].expected.ids, set.count * sizeof *set.ids) != 0)
            fail_msg("%s: %u interests, first %u", cases[i].why, set.count, set.ids[0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contribution_is_found_by_all_three_of_its_names),
        cmocka_unit_test(contribution_remove_app_takes_that_app_and_nothing_else),
        cmocka_unit_test(contribution_knows_which_device_stands_behind_an_interest),
        cmocka_unit_test(contribution_cap_chooses_by_events_then_by_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
