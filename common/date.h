/*
 * Days of the proleptic Gregorian calendar, counted from 1970-01-01.
 *
 * Source: Howard Hinnant, "chrono-compatible low-level date algorithms". Pure; any thread.
 */
#ifndef CLICKVEIL_COMMON_DATE_H
#define CLICKVEIL_COMMON_DATE_H

#include <stdbool.h>
#include <stdint.h>

bool date_is_leap_year(int64_t year);

/* Days of a month (1 to 12) of a year: 28 to 31. */
int date_month_days(int64_t year, int month);

/* Days from 1970-01-01 to a date that exists; negative before it. */
int64_t date_days(int64_t year, int month, int day);

struct date {
    int64_t year;
    int month, day; /* from 1 */
};

/* The date of a day; inverse of date_days. */
struct date date_of_days(int64_t days);

/* Quotient rounded down, where C rounds towards zero. b > 0. */
int64_t date_floor_divide(int64_t a, int64_t b);

#endif
