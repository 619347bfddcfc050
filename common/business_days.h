/*
 * Business days, for the clock of opt-outs. California, 11 CCR 7026(f): a business stops selling and sharing as soon
 * as feasibly possible, and no later than 15 business days after it received the request; it also tells those that it
 * sold or shared the data to after the request and before it complied.
 *
 * That it runs until the last tombstone stands is the product's own, stricter reading: selling ends with the barrier,
 * and the tombstone is how those who read the feed are told. So is what a business day is: Monday to Friday, UTC,
 * holidays counted like any other, so that more of them seem to have gone by than have, never fewer. Pure; any
 * thread.
 */
#ifndef CLICKVEIL_COMMON_BUSINESS_DAYS_H
#define CLICKVEIL_COMMON_BUSINESS_DAYS_H

#include <stdint.h>

enum { BUSINESS_DAYS_OPT_OUT_MAX = 15 };

/* Business days that have begun since the day of `from_ms`, that day not counted, up to the day of `to_ms`; both Unix
 * epoch ms, not negative. 0 when `to_ms` is no later. */
int64_t business_days_between(int64_t from_ms, int64_t to_ms);

#endif
