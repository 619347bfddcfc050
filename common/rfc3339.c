#include "common/rfc3339.h"

#include "common/date.h"
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

/* The day that begins at this second is the first of a month: what ended is a month. */
static bool month_begins(int64_t second)
{
    return date_of_days(date_floor_divide(second, DAY_S)).day == 1;
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
    if (year < 0 || month < 1 || month > 12 || day < 1 || day > date_month_days(year, month))
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
        date_days(year, month, day) * DAY_S + hour * 3600 + minute * MINUTE_S + second - offset_s;
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
    int64_t time_s = date_floor_divide(time_ms, SECOND_MS), day = date_floor_divide(time_s, DAY_S);
    struct date date = date_of_days(day);
    ensure(date.year >= 0 && date.year <= 9999);
    int64_t second = time_s - day * DAY_S;
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
