#include "common/rfc3339.h"

#include "common/error.h"

enum { DATE_TIME_SIZE = 19 /* 2021-04-26T00:00:00 */, SECOND_MS = 1000, MINUTE_S = 60, DAY_S = 86400 };

/* Reads `count` digits; -1 when there are fewer. The caller knows that so many bytes are there. */
static int digits(const char *text, unsigned count)
{
    int value = 0;
    for (unsigned i = 0; i < count; i++) {
        unsigned digit = (unsigned)(unsigned char)text[i] - '0';
        if (digit > 9)
            return -1;
        value = value * 10 + (int)digit;
    }
    return value;
}

static bool leap_year(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_of_month(int year, int month)
{
    static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && leap_year(year));
}

/* Days from 1970-01-01 in the proleptic Gregorian calendar, years counted from March so that the leap day comes last. */
static int64_t days_from_epoch(int year, int month, int day)
{
    int64_t y = year - (month <= 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

struct date {
    int64_t year;
    int month, day;
};

/* Civil date of a second (inverse of days_from_epoch). */
static struct date date_of(int64_t second)
{
    int64_t z = second / DAY_S - (second % DAY_S < 0) + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t day_of_era = z - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153; /* from March */
    return (struct date){.year = year_of_era + era * 400 + (month >= 10),
                         .month = (int)(month < 10 ? month + 3 : month - 9),
                         .day = (int)(day_of_year - (153 * month + 2) / 5 + 1)};
}

/* The day that begins at this second is the first of a month: what ended is a month. */
static bool month_begins(int64_t second)
{
    return date_of(second).day == 1;
}

/* `Z`, `z` or `+hh:mm`; must be all that is left. */
static bool read_zone(const char *text, size_t size, int *out_offset_s)
{
    if (size == 1 && (*text == 'Z' || *text == 'z')) {
        *out_offset_s = 0;
        return true;
    }
    if (size != 6 || (*text != '+' && *text != '-') || text[3] != ':')
        return false;
    int hours = digits(text + 1, 2), minutes = digits(text + 4, 2);
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
        return false;
    int offset_s = (hours * 60 + minutes) * MINUTE_S;
    *out_offset_s = *text == '-' ? -offset_s : offset_s;
    return true;
}

bool rfc3339_read(struct view text, int64_t *out_time_ms)
{
    const char *at = text.data;
    if (view_is_absent(text) || text.size < DATE_TIME_SIZE + 1)
        return false;
    if (at[4] != '-' || at[7] != '-' || (at[10] | 0x20) != 't' || at[13] != ':' || at[16] != ':')
        return false;
    int year = digits(at, 4), month = digits(at + 5, 2), day = digits(at + 8, 2);
    int hour = digits(at + 11, 2), minute = digits(at + 14, 2), second = digits(at + 17, 2);
    if (year < 0 || month < 1 || month > 12 || day < 1 || day > days_of_month(year, month))
        return false;
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60)
        return false;

    size_t rest = DATE_TIME_SIZE;
    int millisecond = 0;
    if (at[rest] == '.') {
        size_t first = ++rest;
        for (int unit = 100; rest < text.size && at[rest] >= '0' && at[rest] <= '9'; rest++, unit /= 10)
            millisecond += (at[rest] - '0') * unit;
        if (rest == first)
            return false;
    }
    int offset_s = 0;
    if (!read_zone(at + rest, text.size - rest, &offset_s))
        return false;

    int64_t time_s =
        days_from_epoch(year, month, day) * DAY_S + hour * 3600 + minute * MINUTE_S + second - offset_s;
    if (second == 60) {
        if (time_s % DAY_S != 0 || !month_begins(time_s))
            return false;
        *out_time_ms = time_s * SECOND_MS - 1;
        return true;
    }
    *out_time_ms = time_s * SECOND_MS + millisecond;
    return true;
}

static char *write_digits(char *out, int64_t value, unsigned count)
{
    for (unsigned i = count; i-- > 0; value /= 10)
        out[i] = (char)('0' + value % 10);
    return out + count;
}

void rfc3339_write(int64_t time_ms, char out_text[RFC3339_TEXT_SIZE])
{
    int64_t time_s = time_ms / SECOND_MS - (time_ms % SECOND_MS < 0);
    struct date date = date_of(time_s);
    ensure(date.year >= 0 && date.year <= 9999);
    int64_t second = time_s - days_from_epoch((int)date.year, date.month, date.day) * DAY_S;
    char *out = write_digits(out_text, date.year, 4);
    *out++ = '-';
    out = write_digits(out, date.month, 2);
    *out++ = '-';
    out = write_digits(out, date.day, 2);
    *out++ = 'T';
    out = write_digits(out, second / 3600, 2);
    *out++ = ':';
    out = write_digits(out, second / MINUTE_S % 60, 2);
    *out++ = ':';
    out = write_digits(out, second % 60, 2);
    *out = 'Z';
}
