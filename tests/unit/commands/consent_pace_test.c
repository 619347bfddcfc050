/* How fast an import writes: batches, and what has to pass between them. */
#include "commands/consent_pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void consent_pace_reads_numbers_and_nothing_else(void **state)
{
    static const struct {
        const char *text;
        bool is_read;
        uint64_t per_second;
        const char *why;
    } rows[] = {
        {NULL, true, CONSENT_PACE_DEFAULT, "not given"},
        {"0", true, 0, "no limit"},
        {"1", true, 1, "the slowest"},
        {"10000000", true, CONSENT_PACE_MAX, "the fastest"},
        {"20k", true, 20000, "thousands, as other counts have them"},
        {"10000001", false, 0, "one past the fastest"},
        {"", false, 0, "nothing"},
        {"-1", false, 0, "less than none"},
        {"fast", false, 0, "a word"},
        {"100/s", false, 0, "a unit"},
        {"18446744073709551616", false, 0, "no number of 64 bits"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct consent_pace pace = {.per_second = 77};
        bool is_read = consent_pace_read(rows[i].text, &pace);
        if (is_read != rows[i].is_read || pace.per_second != (is_read ? rows[i].per_second : 77) ||
            pace.is_given != (is_read && rows[i].text))
            fail_msg("%s: %d, %llu", rows[i].why, is_read, (unsigned long long)pace.per_second);
    }
}

static void consent_pace_batches_have_their_bounds(void **state)
{
    static const struct {
        uint64_t per_second;
        unsigned batch;
        const char *why;
    } rows[] = {
        {0, KAFKA_CONSENT_RECORDS_MAX, "no limit: as many as a transaction takes"},
        {1, 1, "one a second"},
        {99, 99, "a second's worth where that is little"},
        {100, 100, "at least so many, or markers outnumber records"},
        {400, 100, "a quarter of a second's worth"},
        {404, 101, "and from there on as many as that is"},
        {20000, 5000, "a quarter of a second's worth"},
        {40000, KAFKA_CONSENT_RECORDS_MAX, "what a transaction takes"},
        {40004, KAFKA_CONSENT_RECORDS_MAX, "and no more"},
        {CONSENT_PACE_MAX, KAFKA_CONSENT_RECORDS_MAX, "and no more"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct consent_pace pace = {.per_second = rows[i].per_second};
        if (consent_pace_batch(&pace) != rows[i].batch)
            fail_msg("%s: %u", rows[i].why, consent_pace_batch(&pace));
    }
}

/* Write batches of a size from a moment on, each as early as it may be; how long until the last one was begun. */
static int64_t last_begins_after(uint64_t per_second, unsigned records, unsigned batches, int64_t takes_ms)
{
    struct consent_pace pace = {.per_second = per_second};
    int64_t began_ms = 5000000, now_ms = began_ms, last_ms = 0;
    for (unsigned i = 0; i < batches; i++) {
        now_ms += consent_pace_wait_ms(&pace, now_ms);
        assert_int_equal(consent_pace_wait_ms(&pace, now_ms), 0);
        consent_pace_note(&pace, records, now_ms);
        last_ms = now_ms;
        now_ms += takes_ms;
    }
    return last_ms - began_ms;
}

static void consent_pace_is_kept(void **state)
{
    (void)state;
    assert_int_equal(last_begins_after(20000, 5000, 1, 40), 0);
    assert_int_equal(last_begins_after(20000, 5000, 5, 40), 1000);
    assert_int_equal(last_begins_after(20000, 5000, 201, 40), 50000);
    assert_int_equal(last_begins_after(3, 1, 4, 0), 3 * 334); /* never faster for rounding */
    assert_int_equal(last_begins_after(CONSENT_PACE_MAX, 10000, 11, 0), 10);
}

static void consent_pace_without_a_limit_waits_for_nothing(void **state)
{
    (void)state;
    assert_int_equal(last_begins_after(0, 10000, 101, 100), 10000);
}

static void consent_pace_is_slower_where_writing_is(void **state)
{
    (void)state;
    assert_int_equal(last_begins_after(20000, 5000, 5, 600), 2400);
}

static void consent_pace_makes_up_for_nothing(void **state)
{
    (void)state;
    struct consent_pace pace = {.per_second = 1000};
    consent_pace_note(&pace, 250, 1000);
    assert_int_equal(consent_pace_wait_ms(&pace, 1100), 150);
    /* the broker was away for a minute: one batch at once, the next one in its time */
    assert_int_equal(consent_pace_wait_ms(&pace, 61000), 0);
    consent_pace_note(&pace, 250, 61000);
    assert_int_equal(consent_pace_wait_ms(&pace, 61000), 250);
    /* asked too early: the times of both are owed */
    consent_pace_note(&pace, 250, 61000);
    assert_int_equal(consent_pace_wait_ms(&pace, 61000), 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(consent_pace_reads_numbers_and_nothing_else),
        cmocka_unit_test(consent_pace_batches_have_their_bounds),
        cmocka_unit_test(consent_pace_is_kept),
        cmocka_unit_test(consent_pace_without_a_limit_waits_for_nothing),
        cmocka_unit_test(consent_pace_is_slower_where_writing_is),
        cmocka_unit_test(consent_pace_makes_up_for_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
