/*
 * Business days, as the law counts them for an opt-out: California, 11 CCR 7026(f)(1), a business stops selling and sharing "as soon
 * as feasibly possible, but no later than 15 business days from the date the business receives the request".
 *
 * Monday to Friday, UTC. Holidays count as business days: so more of them seem to have gone by than have, never fewer.
 * Pure; any thread.
 */
#ifndef CLICKVEIL_COMMON_BUSINESS_DAYS_H
#define CLICKVEIL_COMMON_BUSINESS_DAYS_H

#include <stdint.h>

enum { BUSINESS_DAYS_OPT_OUT_MAX = 15 };

/* Business days that have begun since the day of `from_ms`, that day not counted, up to the day of `to_ms`; both Unix epoch ms,
 * not negative. 0 when `to_ms` is no later. */
int64_t business_days_between(int64_t from_ms, int64_t to_ms);

#endif
