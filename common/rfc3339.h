/*
 * Moments as RFC 3339 writes them, always with a zone.
 *
 * Pure; any thread.
 */
#ifndef CLICKVEIL_COMMON_RFC3339_H
#define CLICKVEIL_COMMON_RFC3339_H

#include "common/view.h"

#include <stdint.h>

enum { RFC3339_TEXT_SIZE = 20 }; /* 2021-04-26T00:00:00Z, without a NUL */

#define RFC3339_YEAR_10000_MS INT64_C(253402300800000) /* first moment that RFC 3339 can't write */

/* Read `2021-04-26T00:00:00.123+02:00` (lower case t and z too, any number of digits in the fraction, cut to
 * milliseconds; offsets to 23:59; years 0000 to 9999) into milliseconds since the Unix epoch, negative before it. A
 * leap second (RFC 3339, 5.7: second 60, at 23:59 UTC at the end of a month) becomes the last millisecond of its day,
 * so that it stays in the day and the epoch that it belongs to. False: not RFC 3339, or a day that no month has. */
CLICKVEIL_MUST_CHECK bool rfc3339_read(struct view text, int64_t *out_time_ms);

/* Write a moment of the years 0000 to 9999 in UTC, cut to the second. No NUL. */
void rfc3339_write(int64_t time_ms, char out_text[RFC3339_TEXT_SIZE]);

#endif
