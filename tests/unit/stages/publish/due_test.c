#include "stages/publish/due.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* What is due is tested with the stage (publish_slot_test.c); here is the list. */

static void offer(struct due_list *list, uint32_t number)
{
    struct due due = {.reference = number};
    for (unsigned i = 0; i < 4; i++)
        due.id[i] = (uint8_t)(number >> (24 - 8 * i));
    due_list_offer(list, &due);
}

static void due_list_keeps_the_first_in_order(void **state)
{
    (void)state;
    static const struct {
        unsigned offered, max;
        const char *why;
    } cases[] = {
        {0, 10, "nothing"},        {9, 10, "one less than it holds"},
        {10, 10, "exactly"},       {11, 10, "one more"},
        {5000, 1, "only one"},     {20000, 137, "many more"},
        {DUE_MAX, DUE_MAX, "all"}, {DUE_MAX + 1, DUE_MAX, "one more than all"},
    };
    struct due_list list;
    assert_true(due_list_init(&list, NULL));
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        due_list_reset(&list, cases[i].max);
        /* 0 to offered - 1, in an order that visits each once: 48271 is prime and divides none of them */
        for (uint32_t j = 0, number = 0; j < cases[i].offered;
             j++, number = (number + 48271) % cases[i].offered)
            offer(&list, number);
        due_list_sort(&list);
        unsigned expected = cases[i].offered < cases[i].max ? cases[i].offered : cases[i].max;
        if (list.count != expected || list.left_out != (cases[i].offered > cases[i].max))
            fail_msg("%s: %u of %u", cases[i].why, list.count, expected);
        for (unsigned j = 0; j < list.count; j++) {
            if (list.items[j].reference != j)
                fail_msg("%s: at %u stands %u", cases[i].why, j, list.items[j].reference);
        }
    }
    due_list_release(&list);
    due_list_release(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(due_list_keeps_the_first_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
