/* The brake on the dangerous direction (spec 3, rule 8). */
#include "stages/consent/brake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { MINUTE_MS = 60000, WINDOW_MS = 10 * MINUTE_MS };

#define NOW_MS INT64_C(1800000000000)

static const struct brake_limits limits = {.ins_min = 1000, .share = 0.01, .window_ms = WINDOW_MS};

/* A brake behind its first full read. */
static void begin(struct brake *brake, uint64_t entries)
{
    brake_init(brake, &limits);
    brake_complete(brake, entries);
}

static void note(struct brake *brake, uint64_t ins, int64_t now_ms, uint64_t entries)
{
    for (uint64_t i = 0; i < ins; i++)
        brake_note_in(brake, now_ms, now_ms, entries);
}

static void confirm(struct brake *brake, uint64_t entries, int64_t now_ms, uint64_t of_table)
{
    struct consent_confirmation confirmation = {.entries = entries, .at_ms = now_ms};
    brake_confirm(brake, &confirmation, now_ms, now_ms, of_table);
}

static void announce(struct brake *brake, uint64_t expect_in, int64_t until_ms, int64_t now_ms,
                     uint64_t of_table)
{
    struct consent_confirmation confirmation = {
        .entries = of_table, .expect_in = expect_in, .at_ms = now_ms, .until_ms = until_ms};
    brake_confirm(brake, &confirmation, now_ms, now_ms, of_table);
}

static void the_limit_is_a_number_or_a_share(void **state)
{
    static const struct {
        uint64_t entries, limit;
        const char *why;
    } cases[] = {
        {0, 1000, "an empty table has the number"},
        {99999, 1000, "one below where the share begins to be more"},
        {100000, 1000, "1 % of it is the number"},
        {100100, 1001, "1 % is more than the number"},
        {20000000, 200000, "of a large table the share"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (brake_limit(&limits, cases[i].entries) != cases[i].limit)
            fail_msg("%s", cases[i].why);
    }
}

/* Two lots of `in`s, so long after each other. */
static void new_ins_within_the_window_hold_beyond_the_limit(void **state)
{
    static const struct {
        uint64_t entries, first, then;
        int64_t later_ms;
        enum brake_hold hold;
        const char *why;
    } cases[] = {
        {50000, 1000, 0, 0, BRAKE_RELEASED, "as many as are always let through"},
        {50000, 1001, 0, 0, BRAKE_HOLDS_INS, "one more"},
        {200000, 2000, 0, 0, BRAKE_RELEASED, "1 % of the entries"},
        {200000, 2001, 0, 0, BRAKE_HOLDS_INS, "one more than 1 %"},
        {50000, 600, 401, 9 * MINUTE_MS, BRAKE_HOLDS_INS, "both lots within 10 minutes"},
        {50000, 600, 401, 11 * MINUTE_MS, BRAKE_RELEASED, "the first lot has left the window"},
        {50000, 600, 401, 400 * MINUTE_MS, BRAKE_RELEASED, "long ago"},
        {50000, 1001, 1, 60 * MINUTE_MS, BRAKE_HOLDS_INS, "time alone never releases"},
        {50000, 600, 401, -60 * MINUTE_MS, BRAKE_HOLDS_INS, "a clock that goes back makes nothing older"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct brake brake;
        begin(&brake, cases[i].entries);
        note(&brake, cases[i].first, NOW_MS, cases[i].entries);
        note(&brake, cases[i].then, NOW_MS + cases[i].later_ms, cases[i].entries);
        if (brake_hold(&brake) != cases[i].hold)
            fail_msg("%s", cases[i].why);
    }
}

static void records_that_are_backdated_count_when_they_are_read(void **state)
{
    (void)state;
    struct brake brake;
    begin(&brake, 0);
    for (int i = 0; i < 1001; i++)
        brake_note_in(&brake, NOW_MS - i * INT64_C(86400000), NOW_MS, 50000);
    assert_int_equal(brake_hold(&brake), BRAKE_HOLDS_INS);
}

static void the_first_bootstrap_is_exempt(void **state)
{
    (void)state;
    struct brake brake;
    brake_init(&brake, &limits);
    note(&brake, 5000, NOW_MS, 5000);
    brake_complete(&brake, 5000);
    assert_int_equal(brake_hold(&brake), BRAKE_RELEASED);
    note(&brake, 1000, NOW_MS, 6000);
    assert_int_equal(brake_hold(&brake), BRAKE_RELEASED);
    note(&brake, 1, NOW_MS, 6001);
    assert_int_equal(brake_hold(&brake), BRAKE_HOLDS_INS);
}

/* Two lots of `in`s by their own time, in minutes since the snapshot, all of them read at once. */
static void a_bootstrap_behind_a_snapshot_is_not_exempt(void **state)
{
    static const struct {
        unsigned first, then;
        int64_t first_min, then_min;
        int64_t confirmed_min; /* 0: not at all */
        uint64_t confirmed, announced;
        enum brake_hold hold;
        const char *why;
    } cases[] = {
        {1000, 0, 5, 0, 0, 0, 0, BRAKE_RELEASED, "as many as are let through"},
        {1001, 0, 5, 0, 0, 0, 0, BRAKE_HOLDS_INS, "one more, since the snapshot"},
        {1001, 0, 300, 0, 0, 0, 0, BRAKE_HOLDS_INS, "hours ago, as it would hold a running process"},
        {1001, 0, 5000, 0, 0, 0, 0, BRAKE_HOLDS_INS, "longer ago than slices reach"},
        {5000, 0, 0, 0, 0, 0, 0, BRAKE_RELEASED, "before the snapshot: read again, and not new"},
        {5000, 0, -9000, 0, 0, 0, 0, BRAKE_RELEASED, "long before"},
        {600, 401, 5, 13, 0, 0, 0, BRAKE_HOLDS_INS, "within one window"},
        {600, 401, 13, 5, 0, 0, 0, BRAKE_HOLDS_INS, "the later partition is read first"},
        {600, 401, 5, 16, 0, 0, 0, BRAKE_RELEASED, "in two windows"},
        {1001, 0, 5, 0, 7, 50000, 0, BRAKE_RELEASED, "confirmed afterwards"},
        {1001, 0, 5, 0, 3, 50000, 0, BRAKE_HOLDS_INS, "confirmed before"},
        {1001, 0, 5, 0, 7, 10000, 0, BRAKE_HOLDS_INS, "another table was confirmed"},
        {2000, 0, 5, 0, 0, 0, 1000, BRAKE_RELEASED, "half of it was announced"},
        {2001, 0, 5, 0, 0, 0, 1000, BRAKE_HOLDS_INS, "more than was announced and is let through"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct brake brake;
        const int64_t read_ms = NOW_MS + 10000 * MINUTE_MS;
        brake_init(&brake, &limits);
        brake_expect(&brake, 50000, NOW_MS);
        if (cases[i].announced) {
            struct consent_confirmation announcement = {
                .expect_in = cases[i].announced, .at_ms = NOW_MS, .until_ms = read_ms + MINUTE_MS};
            brake_confirm(&brake, &announcement, NOW_MS, read_ms, 50000);
        }
        for (unsigned n = 0; n < cases[i].first; n++)
            brake_note_in(&brake, NOW_MS + cases[i].first_min * MINUTE_MS, read_ms, 50000);
        for (unsigned n = 0; n < cases[i].then; n++)
            brake_note_in(&brake, NOW_MS + cases[i].then_min * MINUTE_MS, read_ms, 50000);
        if (cases[i].confirmed_min) {
            struct consent_confirmation confirmation = {.entries = cases[i].confirmed, .at_ms = NOW_MS};
            brake_confirm(&brake, &confirmation, NOW_MS + cases[i].confirmed_min * MINUTE_MS, read_ms, 50000);
        }
        brake_complete(&brake, 50000);
        if (brake_hold(&brake) != cases[i].hold)
            fail_msg("%s", cases[i].why);
    }
}

static void a_table_that_has_shrunk_holds(void **state)
{
    static const struct {
        uint64_t last, now;
        enum brake_hold hold;
        const char *why;
    } cases[] = {
        {0, 0, BRAKE_RELEASED, "no last size is known"},
        {0, 10, BRAKE_RELEASED, "the first bootstrap"},
        {1000, 1000, BRAKE_RELEASED, "the same"},
        {1000, 5000, BRAKE_RELEASED, "larger: the brake is for fewer choices"},
        {1000, 990, BRAKE_RELEASED, "1 % below"},
        {1000, 989, BRAKE_HOLDS_SHRUNK, "more than 1 % below"},
        {1000, 0, BRAKE_HOLDS_SHRUNK, "nothing is left"},
        {10, 9, BRAKE_HOLDS_SHRUNK, "of a small table, too"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct brake brake;
        brake_init(&brake, &limits);
        if (cases[i].last)
            brake_expect(&brake, cases[i].last, NOW_MS);
        brake_complete(&brake, cases[i].now);
        if (brake_hold(&brake) != cases[i].hold)
            fail_msg("%s", cases[i].why);
    }
}

/* A confirmation of so many entries, read by a holder with a table of that size. */
static void a_confirmation_releases_the_holders_that_it_covers(void **state)
{
    static const struct {
        enum brake_hold held;
        uint64_t confirmed, table;
        enum brake_hold hold;
        const char *why;
    } cases[] = {
        {BRAKE_HOLDS_INS, 50000, 50000, BRAKE_RELEASED, "the same size"},
        {BRAKE_HOLDS_INS, 50000, 51000, BRAKE_RELEASED, "a little more came since"},
        {BRAKE_HOLDS_INS, 50000, 51001, BRAKE_HOLDS_INS, "more came than would be let through"},
        {BRAKE_HOLDS_INS, 0, 50000, BRAKE_HOLDS_INS, "who confirms nothing releases nobody"},
        {BRAKE_HOLDS_INS, 50000, 40000, BRAKE_RELEASED, "a holder that has not read that far is covered"},
        {BRAKE_HOLDS_SHRUNK, 40000, 40000, BRAKE_RELEASED, "the same size"},
        {BRAKE_HOLDS_SHRUNK, 40000, 39600, BRAKE_RELEASED, "1 % below what was looked at"},
        {BRAKE_HOLDS_SHRUNK, 40000, 39599, BRAKE_HOLDS_SHRUNK, "less than was looked at"},
        {BRAKE_HOLDS_SHRUNK, 40000, 41001, BRAKE_HOLDS_SHRUNK, "not the table that was looked at"},
        {BRAKE_HOLDS_SHRUNK, 100000, 40000, BRAKE_HOLDS_SHRUNK, "confirmed when it was whole"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct brake brake;
        brake_init(&brake, &limits);
        if (cases[i].held == BRAKE_HOLDS_SHRUNK)
            brake_expect(&brake, 1000000, NOW_MS);
        brake_complete(&brake, cases[i].table);
        if (cases[i].held == BRAKE_HOLDS_INS)
            note(&brake, 1001, NOW_MS, cases[i].table);
        assert_int_equal(brake_hold(&brake), cases[i].held);
        confirm(&brake, cases[i].confirmed, NOW_MS + 1, cases[i].table);
        if (brake_hold(&brake) != cases[i].hold)
            fail_msg("%s", cases[i].why);
    }
}

static void after_a_confirmation_the_count_begins_again(void **state)
{
    (void)state;
    struct brake brake;
    begin(&brake, 50000);
    note(&brake, 1001, NOW_MS, 50000);
    confirm(&brake, 50000, NOW_MS + 1, 50000);
    note(&brake, 1000, NOW_MS + 2, 50000);
    assert_int_equal(brake_hold(&brake), BRAKE_RELEASED);
    note(&brake, 1, NOW_MS + 2, 50000);
    assert_int_equal(brake_hold(&brake), BRAKE_HOLDS_INS);
}

static void a_confirmation_covers_what_was_written_before_it_and_is_read_behind_it(void **state)
{
    (void)state;
    struct brake brake;
    begin(&brake, 50000);
    confirm(&brake, 50000, NOW_MS, 49000);
    for (int i = 0; i < 5000; i++)
        brake_note_in(&brake, NOW_MS - 1, NOW_MS + MINUTE_MS, 50000);
    assert_int_equal(brake_hold(&brake), BRAKE_RELEASED);
    for (int i = 0; i < 1001; i++) /* says that it is older, and comes too late for that to be true */
        brake_note_in(&brake, NOW_MS - 1, NOW_MS + 11 * MINUTE_MS, 50000);
    assert_int_equal(brake_hold(&brake), BRAKE_HOLDS_INS);
}

static void a_confirmation_from_the_future_covers_nothing_for_longer(void **state)
{
    (void)state;
    struct brake brake;
    struct consent_confirmation confirmation = {.entries = 50000, .at_ms = NOW_MS};
    begin(&brake, 50000);
    brake_confirm(&brake, &confirmation, NOW_MS + INT64_C(365) * 86400000, NOW_MS, 50000);
    for (int i = 0; i < 1001; i++)
        brake_note_in(&brake, NOW_MS + MINUTE_MS, NOW_MS + MINUTE_MS, 50000);
    assert_int_equal(brake_hold(&brake), BRAKE_HOLDS_INS);
}

/* So many `in`s before and after an announcement of 5000. */
static void an_announcement_lets_that_many_through(void **state)
{
    static const struct {
        uint64_t before, after;
        int64_t later_ms;
        enum brake_hold hold;
        const char *why;
    } cases[] = {
        {0, 5000, 1, BRAKE_RELEASED, "as many as were announced"},
        {0, 6000, 1, BRAKE_RELEASED, "and what is let through anyway"},
        {0, 6001, 1, BRAKE_HOLDS_INS, "one more"},
        {0, 5000, 61 * MINUTE_MS, BRAKE_HOLDS_INS, "when the announcement is over"},
        {5000, 0, 1, BRAKE_RELEASED, "it comes after the `in`s, and releases"},
        {6000, 0, 1, BRAKE_RELEASED, "with what is let through anyway"},
        {6001, 0, 1, BRAKE_HOLDS_INS, "it holds because of more"},
        {6001, 0, 30 * MINUTE_MS, BRAKE_HOLDS_INS, "also when those have left the window"},
        {3000, 3000, 1, BRAKE_RELEASED, "some before, some after"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct brake brake;
        begin(&brake, 50000);
        note(&brake, cases[i].before, NOW_MS, 50000);
        announce(&brake, 5000, NOW_MS + 60 * MINUTE_MS, cases[i].before ? NOW_MS + cases[i].later_ms : NOW_MS,
                 50000);
        note(&brake, cases[i].after, NOW_MS + cases[i].later_ms, 50000);
        if (brake_hold(&brake) != cases[i].hold)
            fail_msg("%s", cases[i].why);
    }
}

static void an_announcement_does_not_release_a_table_that_has_shrunk(void **state)
{
    (void)state;
    struct brake brake;
    brake_init(&brake, &limits);
    brake_expect(&brake, 5000, NOW_MS);
    brake_complete(&brake, 100);
    announce(&brake, 5000, NOW_MS + MINUTE_MS, NOW_MS, 100);
    assert_int_equal(brake_hold(&brake), BRAKE_HOLDS_SHRUNK);
}

static void numbers_are_those_that_it_holds_by(void **state)
{
    (void)state;
    struct brake brake;
    struct brake_numbers numbers;
    begin(&brake, 200000);
    note(&brake, 2005, NOW_MS, 200000);
    brake_numbers(&brake, &numbers);
    assert_int_equal(numbers.hold, BRAKE_HOLDS_INS);
    assert_int_equal(numbers.ins, 2005);
    assert_int_equal(numbers.limit, 2000);
    brake_init(&brake, &limits);
    brake_expect(&brake, 5000, NOW_MS);
    brake_complete(&brake, 100);
    brake_numbers(&brake, &numbers);
    assert_int_equal(numbers.hold, BRAKE_HOLDS_SHRUNK);
    assert_int_equal(numbers.last_size, 5000);
    assert_int_equal(numbers.size, 100);
}

/* ---- the record ---- */

static void what_is_no_confirmation_counts_for_nothing(void **state)
{
    static const struct {
        struct view value;
        bool good;
        const char *why;
    } cases[] = {
        {VIEW("{\"entries\":5,\"at\":1}"), true, "a confirmation"},
        {VIEW("{\"entries\":5,\"at\":1,\"by\":\"x\"}"), true, "of a later version, with more"},
        {VIEW("{\"entries\":5,\"at\":1,\"expect_in\":7,\"until\":9}"), true, "an announcement"},
        {VIEW_ABSENT, false, "a tombstone"},
        {VIEW(""), false, "nothing"},
        {VIEW("{}"), false, "no size"},
        {VIEW("{\"entries\":5}"), false, "no moment"},
        {VIEW("{\"entries\":\"5\",\"at\":1}"), false, "a text"},
        {VIEW("{\"entries\":-5,\"at\":1}"), false, "below zero"},
        {VIEW("{\"entries\":5.5,\"at\":1}"), false, "no whole number"},
        {VIEW("{\"entries\":5,\"at\":1,\"expect_in\":7}"), false, "an announcement without an end"},
        {VIEW("[5,1]"), false, "no object"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct consent_confirmation read;
        if (consent_confirmation_read(cases[i].value, &read) != cases[i].good)
            fail_msg("%s", cases[i].why);
    }
}

static void a_confirmation_is_read_as_it_was_written(void **state)
{
    static const struct consent_confirmation written[] = {
        {.entries = 0, .at_ms = NOW_MS},
        {.entries = INT64_MAX, .at_ms = INT64_MAX, .expect_in = INT64_MAX, .until_ms = INT64_MAX},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(written); i++) {
        char text[CONSENT_CONFIRMATION_SIZE_MAX];
        struct consent_confirmation read;
        size_t size = consent_confirmation_write(&written[i], text);
        assert_true(consent_confirmation_read((struct view){text, size}, &read));
        assert_memory_equal(&read, &written[i], sizeof read);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_limit_is_a_number_or_a_share),
        cmocka_unit_test(new_ins_within_the_window_hold_beyond_the_limit),
        cmocka_unit_test(records_that_are_backdated_count_when_they_are_read),
        cmocka_unit_test(the_first_bootstrap_is_exempt),
        cmocka_unit_test(a_bootstrap_behind_a_snapshot_is_not_exempt),
        cmocka_unit_test(a_table_that_has_shrunk_holds),
        cmocka_unit_test(a_confirmation_releases_the_holders_that_it_covers),
        cmocka_unit_test(after_a_confirmation_the_count_begins_again),
        cmocka_unit_test(a_confirmation_covers_what_was_written_before_it_and_is_read_behind_it),
        cmocka_unit_test(a_confirmation_from_the_future_covers_nothing_for_longer),
        cmocka_unit_test(an_announcement_lets_that_many_through),
        cmocka_unit_test(an_announcement_does_not_release_a_table_that_has_shrunk),
        cmocka_unit_test(numbers_are_those_that_it_holds_by),
        cmocka_unit_test(what_is_no_confirmation_counts_for_nothing),
        cmocka_unit_test(a_confirmation_is_read_as_it_was_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
