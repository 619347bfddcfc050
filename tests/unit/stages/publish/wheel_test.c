#include "stages/publish/wheel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void wheel_has_enough_buckets_and_a_whole_number_per_slot(void **state)
{
    (void)state;
    for (unsigned slots = 1; slots <= 2880; slots++) {
        unsigned buckets = wheel_bucket_count(slots);
        if (buckets % slots || buckets < WHEEL_BUCKETS_MIN || buckets > WHEEL_BUCKETS_MAX)
            fail_msg("%u slots: %u buckets", slots, buckets);
    }
    assert_int_equal(wheel_bucket_count(1), 96);
    assert_int_equal(wheel_bucket_count(96), 96);
    assert_int_equal(wheel_bucket_count(97), 97);
    assert_int_equal(wheel_bucket_count(2880), 2880);
}

static struct slab_budget budget = {.max = 1 << 24};
static struct slab slab;
static struct wheel wheel;

static int setup(void **state)
{
    (void)state;
    slab_init(&slab, 96, &budget);
    return wheel_init(&wheel, 96, NULL) ? 0 : 1;
}

static int teardown(void **state)
{
    (void)state;
    wheel_release(&wheel);
    slab_release(&slab);
    slab_budget_release(&budget);
    return 0;
}

static uint32_t add(unsigned bucket)
{
    uint32_t reference = slab_take(&slab, 0);
    struct live_id *id = slab_at(&slab, reference);
    *id = (struct live_id){.person = 1, .bucket = (uint16_t)bucket & 0xfffu};
    wheel_link(&wheel, &slab, reference);
    return reference;
}

static unsigned length(unsigned bucket)
{
    unsigned count = 0;
    for (uint32_t reference = wheel.buckets[bucket]; reference; count++)
        reference = ((struct live_id *)slab_at(&slab, reference))->bucket_next;
    return count;
}

static void wheel_unlinks_one_and_leaves_the_others(void **state)
{
    (void)state;
    uint32_t first = add(5), second = add(5), third = add(5);
    (void)add(6);
    wheel_unlink(&wheel, &slab, second);
    assert_int_equal(length(5), 2);
    wheel_unlink(&wheel, &slab, third);
    wheel_unlink(&wheel, &slab, first);
    assert_int_equal(length(5), 0);
    assert_int_equal(length(6), 1);
}

static void gone(void *context, uint32_t reference)
{
    (void)reference;
    ++*(unsigned *)context;
}

static unsigned swept(void)
{
    unsigned count = 0;
    wheel_sweep(&wheel, &slab, gone, &count);
    return count;
}

static void give_up(uint32_t reference)
{
    wheel_give_up(&wheel, slab_at(&slab, reference));
}

static void wheel_sweeps_out_what_is_over(void **state)
{
    (void)state;
    uint32_t ids[20];
    for (unsigned i = 0; i < 20; i++)
        ids[i] = add(i % 2 ? 95 : 0);
    for (unsigned i = 0; i < 20; i += 3)
        give_up(ids[i]);
    assert_int_equal(swept(), 7);
    assert_int_equal(length(0) + length(95), 13);
    assert_int_equal(wheel.lengths[0] + wheel.lengths[95], 13);
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(((struct live_id *)slab_at(&slab, ids[i]))->person != 0, i % 3 != 0);
    assert_int_equal(swept(), 0);
}

static void wheel_walks_a_bucket_only_when_a_quarter_of_it_is_over(void **state)
{
    enum { LENGTH = 1000, QUARTER = LENGTH / 4 };
    (void)state;
    uint32_t ids[LENGTH];
    for (unsigned i = 0; i < LENGTH; i++)
        ids[i] = add(7);
    for (unsigned i = 0; i < QUARTER - 1; i++) {
        give_up(ids[i * 3]);
        assert_int_equal(swept(), 0);
    }
    assert_int_equal(length(7), LENGTH);
    give_up(ids[LENGTH - 1]);
    assert_int_equal(swept(), QUARTER);
    assert_int_equal(length(7), LENGTH - QUARTER);
    assert_int_equal(wheel.over[7], 0);
}

static void wheel_keeps_nobody_in_a_bucket_where_all_are_over(void **state)
{
    (void)state;
    uint32_t ids[3] = {add(1), add(1), add(1)};
    for (unsigned i = 0; i < 3; i++)
        give_up(ids[i]);
    assert_int_equal(swept(), 3);
    assert_int_equal(wheel.buckets[1], 0);
    assert_int_equal(wheel.lengths[1], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wheel_has_enough_buckets_and_a_whole_number_per_slot),
        cmocka_unit_test_setup_teardown(wheel_unlinks_one_and_leaves_the_others, setup, teardown),
        cmocka_unit_test_setup_teardown(wheel_sweeps_out_what_is_over, setup, teardown),
        cmocka_unit_test_setup_teardown(wheel_walks_a_bucket_only_when_a_quarter_of_it_is_over, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(wheel_keeps_nobody_in_a_bucket_where_all_are_over, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
