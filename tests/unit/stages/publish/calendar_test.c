#include "stages/publish/calendar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define DAY INT64_C(86400000)

static void calendar_cuts_time_at_the_same_boundaries_for_everybody(void **state)
{
    (void)state;
    static const struct {
        int64_t origin_ms, epoch_ms, time_ms;
        int32_t epoch;
        const char *why;
    } cases[] = {
        {0, 7 * DAY, 0, 0, "the origin"},
        {0, 7 * DAY, 7 * DAY - 1, 0, "the last millisecond"},
        {0, 7 * DAY, 7 * DAY, 1, "the boundary"},
        {0, 7 * DAY, -1, -1, "before the origin: floor, not towards zero"},
        {0, 7 * DAY, -7 * DAY, -1, "the first millisecond of the one before"},
        {0, 7 * DAY, -7 * DAY - 1, -2, "two before"},
        {4 * DAY, 7 * DAY, 0, -1, "an origin of one's own: Mondays"},
        {4 * DAY, 7 * DAY, 4 * DAY, 0, "its boundary"},
        {0, DAY, INT64_C(253402300799999), 2932896, "the last millisecond of 9999, days"},
        {0, DAY, INT64_C(-62167219200000), -719528, "the year 0"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct calendar calendar = {
            .origin_ms = cases[i].origin_ms, .epoch_ms = cases[i].epoch_ms, .slots = 96};
        int32_t epoch = calendar_epoch(&calendar, cases[i].time_ms);
        if (epoch != cases[i].epoch)
            fail_msg("%s: %d", cases[i].why, (int)epoch);
        assert_true(calendar_epoch_start_ms(&calendar, epoch) <= cases[i].time_ms);
        assert_true(calendar_epoch_start_ms(&calendar, epoch + 1) > cases[i].time_ms);
    }
}

static void calendar_lets_an_epoch_live_to_its_end_and_a_little_longer(void **state)
{
    (void)state;
    struct calendar calendar = {.epoch_ms = 7 * DAY, .life_ms = 2 * DAY, .slots = 96};
    assert_int_equal(calendar_phase(&calendar, 1, 7 * DAY - 1), CALENDAR_AHEAD);
    assert_int_equal(calendar_phase(&calendar, 1, 7 * DAY), CALENDAR_LIVE);
    assert_int_equal(calendar_phase(&calendar, 1, 16 * DAY - 1), CALENDAR_LIVE);
    assert_int_equal(calendar_phase(&calendar, 1, 16 * DAY), CALENDAR_OVER);
}

static void calendar_counts_slots_from_the_unix_epoch(void **state)
{
    (void)state;
    struct calendar calendar = {.epoch_ms = 7 * DAY, .slots = 96};
    assert_true(calendar_slot(0) == 0 && calendar_slot(CALENDAR_SLOT_MS - 1) == 0);
    assert_true(calendar_slot(CALENDAR_SLOT_MS) == 1 && calendar_slot(-1) == -1);
    assert_true(calendar_slot_start_ms(calendar_slot(DAY + 1)) == DAY);
    assert_int_equal(calendar_slot_phase(&calendar, 95), 95);
    assert_int_equal(calendar_slot_phase(&calendar, 96), 0);
    assert_int_equal(calendar_slot_phase(&calendar, -1), 95);
    calendar.slots = 1;
    assert_int_equal(calendar_slot_phase(&calendar, 12345), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calendar_cuts_time_at_the_same_boundaries_for_everybody),
        cmocka_unit_test(calendar_lets_an_epoch_live_to_its_end_and_a_little_longer),
        cmocka_unit_test(calendar_counts_slots_from_the_unix_epoch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
