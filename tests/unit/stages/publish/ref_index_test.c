#include "stages/publish/ref_index.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static bool holds(const struct ref_index *index, uint32_t hash, uint32_t reference)
{
    uint32_t cursor = UINT32_MAX, found;
    while ((found = ref_index_next(index, hash, &cursor))) {
        if (found == reference)
            return true;
    }
    return false;
}

static void ref_index_finds_all_of_one_hash(void **state)
{
    (void)state;
    struct ref_index index = {0};
    assert_false(holds(&index, 7, 1));
    for (uint32_t reference = 1; reference <= 5; reference++)
        assert_true(ref_index_add(&index, 7, reference));
    assert_true(ref_index_add(&index, 8, 99));
    uint32_t cursor = UINT32_MAX, seen = 0, reference;
    while ((reference = ref_index_next(&index, 7, &cursor)))
        seen |= 1u << reference;
    assert_int_equal(seen, 0x3e);
    ref_index_release(&index);
    ref_index_release(&index);
}

static void ref_index_stays_right_when_entries_go(void **state)
{
    (void)state;
    struct ref_index index = {0};
    static bool there[4000];
    memset(there, 0, sizeof there);
    uint32_t random = 7, count = 0;
    for (unsigned step = 0; step < 60000; step++) {
        random = random * 1664525 + 1013904223;
        uint32_t reference = 1 + (random >> 8) % 3999;
        uint32_t hash = reference % 3 ? reference * 2654435761u
                                      : 250 + reference % 9; /* a third of them crowd together */
        if (there[reference]) {
            ref_index_remove(&index, hash, reference);
            count--;
        } else {
            assert_true(ref_index_add(&index, hash, reference));
            count++;
        }
        there[reference] = !there[reference];
        assert_int_equal(index.count, count);
        if (step % 5000 == 0) {
            for (uint32_t i = 1; i < 4000; i++)
                assert_int_equal(holds(&index, i % 3 ? i * 2654435761u : 250 + i % 9, i), there[i]);
        }
    }
    assert_true(ref_index_bytes(&index) >= count * sizeof(struct ref_index_slot));
    ref_index_release(&index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ref_index_finds_all_of_one_hash),
        cmocka_unit_test(ref_index_stays_right_when_entries_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
