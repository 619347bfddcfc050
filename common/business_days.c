#include "common/business_days.h"

#define DAY_MS INT64_C(86400000)

/* Business days from the Unix epoch to the end of a day; the epoch's first day was a Thursday. */
static int64_t until_end_of(int64_t day)
{
    int64_t since_monday = day + 3; /* 1969-12-29 */
    int64_t weekday = since_monday % 7;
    return since_monday / 7 * 5 + (weekday < 5 ? weekday + 1 : 5);
}

int64_t business_days_between(int64_t from_ms, int64_t to_ms)
{
    if (to_ms <= from_ms || from_ms < 0)
        return 0;
    return until_end_of(to_ms / DAY_MS) - until_end_of(from_ms / DAY_MS);
}
