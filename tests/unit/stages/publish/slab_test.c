#include "stages/publish/slab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { CHUNK = SLAB_CHUNK_UNITS * SLAB_UNIT_SIZE };

static void slab_class_is_the_smallest_that_fits(void **state)
{
    (void)state;
    static const unsigned counts[][2] = {{1, 0}, {2, 1}, {3, 2},   {4, 2},  {5, 3},
                                         {8, 3}, {9, 4}, {255, 8}, {256, 8}};
    for (unsigned i = 0; i < sizeof counts / sizeof *counts; i++)
        assert_int_equal(slab_class(counts[i][0]), counts[i][1]);
}

static void slab_blocks_do_not_touch_each_other(void **state)
{
    (void)state;
    struct slab_budget budget = {.max = 64 * CHUNK};
    struct slab slab;
    slab_init(&slab, 96, &budget);
    static struct {
        uint32_t reference;
        unsigned size_class;
    } blocks[4000];
    unsigned count = 0;
    uint32_t random = 1;
    for (unsigned step = 0; step < 20000; step++) {
        random = random * 1664525 + 1013904223;
        unsigned i = (random >> 8) % (count + 1);
        if (i < count && (random >> 4 & 1)) { /* whole blocks hold what was written into them */
            const uint8_t *bytes = slab_at(&slab, blocks[i].reference);
            size_t size = blocks[i].size_class == SLAB_CLASS_OWN ? 96 : 16u << blocks[i].size_class;
            for (size_t j = 0; j < size; j++)
                assert_int_equal(bytes[j], (uint8_t)blocks[i].reference);
            slab_give(&slab, blocks[i].reference, blocks[i].size_class);
            blocks[i] = blocks[--count];
        } else if (count < 4000) {
            blocks[count].size_class = (random >> 16) % SLAB_CLASSES;
            if (blocks[count].size_class > 5 && blocks[count].size_class < SLAB_CLASS_OWN && step % 8)
                blocks[count].size_class = 0;
            blocks[count].reference = slab_take(&slab, blocks[count].size_class);
            assert_true(blocks[count].reference != 0);
            size_t size = blocks[count].size_class == SLAB_CLASS_OWN ? 96 : 16u << blocks[count].size_class;
            memset(slab_at(&slab, blocks[count].reference), (uint8_t)blocks[count].reference, size);
            count++;
        }
    }
    assert_true(count > 100 && slab.chunk_count > 1);
    slab_release(&slab);
    assert_true(budget.used == 0);
    slab_budget_release(&budget);
}

static void slab_gives_the_same_size_again(void **state)
{
    (void)state;
    struct slab_budget budget = {.max = CHUNK};
    struct slab slab;
    slab_init(&slab, 96, &budget);
    uint32_t references[15];
    for (unsigned i = 0; i < 15; i++)
        assert_true((references[i] = slab_take(&slab, 8)) != 0);
    assert_int_equal(slab_take(&slab, 8), 0); /* the sixteenth would need unit 0 */
    for (unsigned i = 0; i < 15; i++)
        slab_give(&slab, references[i], 8);
    for (unsigned i = 0; i < 15; i++)
        assert_true(slab_take(&slab, 8) != 0);
    assert_int_equal(slab_take(&slab, 8), 0);
    assert_true(slab_take(&slab, 0) != 0); /* what is left of the chunk still serves smaller ones */
    slab_release(&slab);
    slab_budget_release(&budget);
}

static void slab_keeps_to_its_budget(void **state)
{
    (void)state;
    struct slab_budget budget = {.max = 2 * CHUNK};
    struct slab one, other;
    slab_init(&one, 96, &budget);
    slab_init(&other, 96, &budget);
    assert_true(slab_take(&one, 0) && slab_take(&other, 0));
    unsigned count = 1;
    while (slab_take(&one, 0))
        count++;
    assert_int_equal(count, SLAB_CHUNK_UNITS - 1);
    slab_release(&other);
    assert_true(slab_take(&one, 0) != 0); /* what one partition gave back serves another */
    slab_release(&one);
    assert_true(budget.used == 0);
    slab_budget_release(&budget);
}

/* More than a block of chunks, given back and taken again by another slab: the same memory, nobody else's. */
static void chunks_of_a_slab_that_ended_serve_the_next(void **state)
{
    (void)state;
    enum { CHUNKS = 70 };
    struct slab_budget budget = {.max = CHUNKS * CHUNK};
    struct slab kept;
    slab_init(&kept, 96, &budget);
    uint32_t mark = slab_take(&kept, 0);
    memset(slab_at(&kept, mark), 0x5a, SLAB_UNIT_SIZE);
    for (unsigned round = 0; round < 3; round++) {
        struct slab slab;
        slab_init(&slab, 96, &budget);
        unsigned count = 0;
        for (uint32_t reference; (reference = slab_take(&slab, 8)) != 0; count++)
            memset(slab_at(&slab, reference), 0xff, (size_t)SLAB_UNITS_MAX * SLAB_UNIT_SIZE);
        assert_int_equal(count, 15 + (CHUNKS - 2) * 16);
        assert_true(budget.used == budget.max);
        slab_release(&slab);
    }
    for (unsigned i = 0; i < SLAB_UNIT_SIZE; i++)
        assert_int_equal(((uint8_t *)slab_at(&kept, mark))[i], 0x5a);
    assert_true(budget.used == CHUNK && budget.block_count == 3);
    slab_release(&kept);
    slab_budget_release(&budget);
    assert_true(budget.used == 0 && budget.block_count == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slab_class_is_the_smallest_that_fits),
        cmocka_unit_test(slab_blocks_do_not_touch_each_other),
        cmocka_unit_test(slab_gives_the_same_size_again),
        cmocka_unit_test(slab_keeps_to_its_budget),
        cmocka_unit_test(chunks_of_a_slab_that_ended_serve_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
