/* Business days since an opt-out (11 CCR 7026(f)). */
#include "common/business_days.h"

#include "common/rfc3339.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int64_t moment(const char *text)
{
    int64_t time_ms;
    assert_true(rfc3339_read(view_of_string(text), &time_ms));
    return time_ms;
}

static void days_are_counted_from_the_day_behind_the_request(void **state)
{
    static const struct {
        const char *from, *to;
        int64_t days;
        const char *why;
    } cases[] = {
        {"2026-11-23T09:00:00Z", "2026-11-23T23:59:59Z", 0, "the same Monday"},
        {"2026-11-23T23:59:59Z", "2026-11-24T00:00:00Z", 1, "the next day has begun"},
        {"2026-11-20T12:00:00Z", "2026-11-21T12:00:00Z", 0, "Friday to Saturday"},
        {"2026-11-20T12:00:00Z", "2026-11-22T23:59:59Z", 0, "Friday to Sunday"},
        {"2026-11-20T12:00:00Z", "2026-11-23T00:00:00Z", 1, "Friday to Monday"},
        {"2026-11-21T12:00:00Z", "2026-11-23T00:00:00Z", 1, "Saturday to Monday"},
        {"2026-11-23T12:00:00Z", "2026-11-30T12:00:00Z", 5, "a week"},
        {"2026-11-02T12:00:00Z", "2026-11-23T12:00:00Z", 15, "three weeks: the last day in time"},
        {"2026-11-02T12:00:00Z", "2026-11-24T00:00:00Z", 16, "a day late"},
        {"2026-11-24T12:00:00Z", "2026-11-23T12:00:00Z", 0, "a request from the future"},
        {"1970-01-01T00:00:00Z", "1970-01-02T00:00:00Z", 1, "Thursday to Friday, at the beginning of time"},
        {"1970-01-01T00:00:00Z", "1970-01-05T00:00:00Z", 2, "over the first weekend"},
        {"2023-12-29T12:00:00Z", "2024-12-29T12:00:00Z", 260,
         "from a Friday on 52 weeks and a Sunday: 52 times five"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t days = business_days_between(moment(cases[i].from), moment(cases[i].to));
        if (days != cases[i].days)
            fail_msg("%s: %lld, not %lld", cases[i].why, (long long)days, (long long)cases[i].days);
    }
}

static void each_day_adds_one_or_nothing(void **state)
{
    (void)state;
    const int64_t day_ms = INT64_C(86400000), from_ms = moment("2024-02-10T00:00:00Z"); /* a Saturday */
    for (int day = 1; day < 1000; day++) {
        int64_t added = business_days_between(from_ms, from_ms + day * day_ms) -
                        business_days_between(from_ms, from_ms + (day - 1) * day_ms);
        assert_int_equal(added, day % 7 == 0 || day % 7 == 1 ? 0 : 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days_are_counted_from_the_day_behind_the_request),
        cmocka_unit_test(each_day_adds_one_or_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
