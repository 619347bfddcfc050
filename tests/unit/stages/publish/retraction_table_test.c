/* The table of those who said no: one writer, readers that hold. */
#include "common/retraction.h"
#include "stages/publish/retraction_table.h"
#include "tests/unit/stages/publish/rig.h"

#include <pthread.h>

static struct error error;

static void put(struct retraction_table *table, unsigned subject, unsigned programme, int64_t time_ms,
                int64_t over_ms)
{
    struct pseudonym pseudonym = rig_pseudonym(1, subject);
    if (!retraction_table_put(table, &pseudonym, programme, time_ms, time_ms, over_ms, &error))
        fail_msg("%s", error.what);
}

static int64_t find(struct retraction_table *table, unsigned subject, unsigned programme)
{
    struct pseudonym pseudonym = rig_pseudonym(1, subject);
    const struct retraction_slots *slots = retraction_table_hold(table, 0);
    return retraction_slots_find(slots, &pseudonym, programme);
}

static void table_keeps_the_newest_choice_of_each_pair(void **state)
{
    (void)state;
    struct retraction_table *table = retraction_table_new(1000, 1);
    put(table, 1, 0, 500, 0);
    put(table, 1, 14, 700, 0);
    put(table, 2, 0, 0, 0);
    assert_true(find(table, 1, 0) == 500 && find(table, 1, 14) == 700 && find(table, 2, 0) == 0);
    assert_true(find(table, 1, 1) == RETRACTION_NEVER && find(table, 3, 0) == RETRACTION_NEVER);
    uint64_t position = recent_position(retraction_table_recent(table));
    put(table, 1, 0, 499, 0);
    put(table, 1, 0, 500, 0);
    assert_true(find(table, 1, 0) == 500);
    assert_true(recent_position(retraction_table_recent(table)) == position); /* no news */
    put(table, 1, 0, 501, 0);
    assert_true(find(table, 1, 0) == 501);
    assert_true(recent_position(retraction_table_recent(table)) == position + 1);
    put(table, 9, 0, 10, 11); /* over before it came */
    assert_true(find(table, 9, 0) == RETRACTION_NEVER);
    assert_true(retraction_table_entries(table) == 3);
    const struct retraction_slots *slots = retraction_table_hold(table, 0);
    struct pseudonym pseudonym = rig_pseudonym(1, 1), tagged;
    assert_int_equal(retraction_slots_programmes(slots, &pseudonym), 1 | 1 << 14);
    assert_true(retraction_slots_tagged(slots, retraction_tag(&pseudonym), &tagged));
    assert_memory_equal(&tagged, &pseudonym, sizeof tagged);
    pseudonym = rig_pseudonym(1, 3);
    assert_int_equal(retraction_slots_programmes(slots, &pseudonym), 0);
    assert_false(retraction_slots_tagged(slots, retraction_tag(&pseudonym), &tagged));
    retraction_table_yield(table, 0);
    retraction_table_free(table);
}

static void table_leaves_behind_what_is_over_and_is_bounded(void **state)
{
    (void)state;
    struct retraction_table *table = retraction_table_new(2000, 1);
    for (unsigned i = 0; i < 10000; i++) /* a thousand are of use at any time */
        put(table, i, i % 3, i, i < 1000 ? 0 : i - 1000);
    uint64_t number = retraction_slots_number(retraction_table_hold(table, 0));
    assert_true(number > 2); /* it grew, and gave the same memory sizes again */
    for (unsigned i = 0; i < 10000; i++) {
        int64_t found = find(table, i, i % 3);
        assert_true(i < 9000 ? found == RETRACTION_NEVER || found == i : found == i);
    }
    uint64_t cursor = 0;
    unsigned subjects = 0;
    struct pseudonym subject;
    const struct retraction_slots *slots = retraction_table_hold(table, 0);
    while (retraction_slots_next(slots, &cursor, &subject))
        subjects++;
    assert_true(subjects == retraction_table_entries(table) && subjects >= 1000 && subjects <= 2000);
    retraction_table_yield(table, 0);
    struct pseudonym pseudonym;
    unsigned taken = 0;
    for (unsigned i = 0; i < 2001; i++) {
        pseudonym = rig_pseudonym(2, i);
        if (!retraction_table_put(table, &pseudonym, 0, 20000, 20000, 15000, &error))
            break;
        taken++;
    }
    assert_int_equal(taken, 2000);
    assert_non_null(strstr(error.what, "publish.retractions_max"));
    retraction_table_free(table);
}

static void table_tells_when_a_choice_was_made_as_measuring_needs_it(void **state)
{
    (void)state;
    static const int64_t ages[] = {0,
                                   1,
                                   63,
                                   64,
                                   65,
                                   127,
                                   128,
                                   129,
                                   8191,
                                   8192,
                                   1000000,
                                   86400000,
                                   INT64_C(1) << 40,
                                   RETRACTION_TIME_MAX};
    for (unsigned i = 0; i < sizeof ages / sizeof *ages; i++) {
        struct retraction_table *table = retraction_table_new(1000, 1);
        struct pseudonym subject = rig_pseudonym(1, 1);
        assert_true(retraction_table_put(table, &subject, 14, RETRACTION_TIME_MAX,
                                         RETRACTION_TIME_MAX - ages[i], 0, &error));
        const struct retraction_slots *slots = retraction_table_hold(table, 0);
        int64_t age_ms = RETRACTION_TIME_MAX - retraction_slots_chosen(slots, &subject, 14);
        if (age_ms > ages[i] || age_ms < ages[i] - ages[i] / 64 || (ages[i] < 128 && age_ms != ages[i]))
            fail_msg("%lld for %lld", (long long)age_ms, (long long)ages[i]);
        assert_true(retraction_slots_find(slots, &subject, 14) == RETRACTION_TIME_MAX);
        retraction_table_yield(table, 0);
        retraction_table_free(table);
    }
}

struct reading {
    struct retraction_table *table;
    atomic_bool stop;
};

/* Whoever takes the position first finds what stands before it. */
static void *read_on(void *context)
{
    struct reading *reading = context;
    uintptr_t wrong = 0;
    while (!atomic_load(&reading->stop)) {
        uint64_t position = recent_position(retraction_table_recent(reading->table));
        const struct retraction_slots *slots = retraction_table_hold(reading->table, 1);
        for (uint64_t i = position > 50 ? position - 50 : 0; i < position; i++) {
            struct pseudonym pseudonym = rig_pseudonym(1, (unsigned)i);
            wrong += retraction_slots_find(slots, &pseudonym, (unsigned)(i % 15)) != (int64_t)i;
        }
        retraction_table_yield(reading->table, 1);
    }
    return (void *)wrong;
}

static void table_shows_readers_every_change_before_their_position(void **state)
{
    (void)state;
    struct reading reading = {.table = retraction_table_new(1000000, 2)};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, read_on, &reading), 0);
    for (unsigned i = 0; i < 200000; i++)
        put(reading.table, i, i % 15, i, 0);
    atomic_store(&reading.stop, true);
    void *wrong;
    assert_int_equal(pthread_join(thread, &wrong), 0);
    assert_null(wrong);
    retraction_table_free(reading.table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_keeps_the_newest_choice_of_each_pair),
        cmocka_unit_test(table_leaves_behind_what_is_over_and_is_bounded),
        cmocka_unit_test(table_tells_when_a_choice_was_made_as_measuring_needs_it),
        cmocka_unit_test(table_shows_readers_every_change_before_their_position),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
