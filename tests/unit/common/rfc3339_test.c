#include "common/rfc3339.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void rfc3339_reads_what_the_standard_allows(void **state)
{
    (void)state;
    /* Seconds by `date -u -d TEXT +%s`. */
    static const struct {
        const char *text;
        int64_t time_ms;
        const char *why;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0, "the epoch"},
        {"2021-04-26T12:00:00Z", INT64_C(1619438400000), "UTC"},
        {"2021-04-26t12:00:00z", INT64_C(1619438400000), "lower case (RFC 3339, 5.6)"},
        {"2021-04-26T14:00:00+02:00", INT64_C(1619438400000), "east of it"},
        {"2021-04-26T05:00:00-07:00", INT64_C(1619438400000), "west of it"},
        {"2021-04-26T12:00:00-00:00", INT64_C(1619438400000), "zone unknown, UTC known (RFC 3339, 4.3)"},
        {"2021-04-27T11:59:00+23:59", INT64_C(1619438400000), "the largest offset"},
        {"2021-04-26T12:00:00.1Z", INT64_C(1619438400100), "one digit"},
        {"2021-04-26T12:00:00.120Z", INT64_C(1619438400120), "three digits"},
        {"2021-04-26T12:00:00.123999999999Z", INT64_C(1619438400123), "cut, not rounded"},
        {"2020-02-29T00:00:00Z", INT64_C(1582934400000), "leap day"},
        {"2000-02-29T23:59:59Z", INT64_C(951868799000), "leap day of a century divisible by 400"},
        {"2021-12-31T23:59:59Z", INT64_C(1640995199000), "the last second of a year"},
        {"2022-03-01T00:00:00Z", INT64_C(1646092800000), "behind February"},
        {"2016-12-31T23:59:60Z", INT64_C(1483228799999), "leap second: the last millisecond of its day"},
        {"2016-12-31T23:59:60.5Z", INT64_C(1483228799999), "inside a leap second"},
        {"2016-12-31T15:59:60-08:00", INT64_C(1483228799999), "leap second elsewhere (RFC 3339, 5.8)"},
        {"1969-12-31T23:59:59Z", INT64_C(-1000), "before the epoch"},
        {"0000-01-01T00:00:00Z", INT64_C(-62167219200000), "the first second"},
        {"9999-12-31T23:59:59.999Z", RFC3339_YEAR_10000_MS - 1, "the last millisecond"},
        {"9999-12-31T23:59:59-00:01", RFC3339_YEAR_10000_MS + 59000, "its zone leads beyond"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t time_ms = -1;
        if (!rfc3339_read(view_of_string(cases[i].text), &time_ms))
            fail_msg("%s (%s): refused", cases[i].text, cases[i].why);
        if (time_ms != cases[i].time_ms)
            fail_msg("%s (%s): %lld", cases[i].text, cases[i].why, (long long)time_ms);
    }
}

static void rfc3339_writes_what_it_reads(void **state)
{
    (void)state;
    /* Texts by `date -u -d @SECONDS +%FT%TZ`. */
    static const struct {
        int64_t time_ms;
        const char *text;
        const char *why;
    } cases[] = {
        {0, "1970-01-01T00:00:00Z", "the epoch"},
        {-1, "1969-12-31T23:59:59Z", "cut downwards before it"},
        {INT64_C(1619438400999), "2021-04-26T12:00:00Z", "milliseconds are cut"},
        {INT64_C(1582934400000), "2020-02-29T00:00:00Z", "leap day"},
        {INT64_C(1583020799000), "2020-02-29T23:59:59Z", "its last second"},
        {INT64_C(1583020800000), "2020-03-01T00:00:00Z", "the day behind it"},
        {INT64_C(1640995199000), "2021-12-31T23:59:59Z", "the last second of a year"},
        {INT64_C(1640995200000), "2022-01-01T00:00:00Z", "the first second of a year"},
        {INT64_C(-62167219200000), "0000-01-01T00:00:00Z", "the first moment"},
        {RFC3339_YEAR_10000_MS - 1, "9999-12-31T23:59:59Z", "the last"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[RFC3339_TEXT_SIZE + 1] = {0};
        rfc3339_write(cases[i].time_ms, text);
        if (!view_equal_string(view_of_string(cases[i].text), text))
            fail_msg("%s: %s instead of %s", cases[i].why, text, cases[i].text);
        int64_t read_ms;
        assert_true(rfc3339_read(view_of_string(text), &read_ms));
        assert_true(cases[i].time_ms - read_ms >= 0 && cases[i].time_ms - read_ms < 1000);
    }
}

static void rfc3339_refuses_all_else(void **state)
{
    (void)state;
    static const struct {
        struct view text;
        const char *why;
    } cases[] = {
        {VIEW_ABSENT, "absent"},
        {VIEW(""), "empty"},
        {VIEW("2021-04-26"), "a day"},
        {VIEW("2021-04-26T12:00:00"), "no zone"},
        {VIEW("2021-04-26T12:00Z"), "no seconds"},
        {VIEW("2021-04-26 12:00:00Z"), "a space instead of T"},
        {VIEW("2021-04-26T12:00:00Z "), "a space behind"},
        {VIEW(" 2021-04-26T12:00:00Z"), "a space before"},
        {VIEW("2021-04-26T12:00:00Z\0"), "NUL behind"},
        {VIEW("20210426T120000Z"), "basic form of ISO 8601"},
        {VIEW("2021-116T12:00:00Z00"), "day of the year"},
        {VIEW("+2021-04-26T12:00:00Z"), "signed year"},
        {VIEW("12021-04-26T12:00:00Z"), "five digits of year"},
        {VIEW("2021-00-26T12:00:00Z"), "month 0"},
        {VIEW("2021-13-26T12:00:00Z"), "month 13"},
        {VIEW("2021-04-00T12:00:00Z"), "day 0"},
        {VIEW("2021-04-31T12:00:00Z"), "31 April"},
        {VIEW("2021-02-29T12:00:00Z"), "no leap year"},
        {VIEW("1900-02-29T12:00:00Z"), "a century is none"},
        {VIEW("2021-04-26T24:00:00Z"), "hour 24"},
        {VIEW("2021-04-26T12:60:00Z"), "minute 60"},
        {VIEW("2021-04-26T12:00:61Z"), "second 61"},
        {VIEW("2021-04-26T12:00:60Z"), "leap second at noon"},
        {VIEW("2021-04-26T23:59:60Z"), "leap second inside a month"},
        {VIEW("2016-12-31T23:59:60-08:00"), "not midnight in UTC"},
        {VIEW("2016-12-31T22:59:60Z"), "leap second an hour early"},
        {VIEW("2021-04-26T12:00:00.Z"), "no digit behind the point"},
        {VIEW("2021-04-26T12:00:00,5Z"), "a comma"},
        {VIEW("2021-04-26T12:00:00+2:00"), "one digit of offset"},
        {VIEW("2021-04-26T12:00:00+0200"), "offset without colon"},
        {VIEW("2021-04-26T12:00:00+02"), "offset of hours only"},
        {VIEW("2021-04-26T12:00:00+24:00"), "offset of 24 hours"},
        {VIEW("2021-04-26T12:00:00+02:60"), "offset of 60 minutes"},
        {VIEW("2021-04-26T12:00:00 02:00"), "offset without sign"},
        {VIEW("2021-04-26T12:00:00Zulu"), "a word"},
        {VIEW("2021-04-26T12:0x:00Z"), "a letter"},
        {VIEW("2021-04-2\xD9\xA6T12:00:00Z"), "a digit of another script"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t time_ms = 77;
        if (rfc3339_read(cases[i].text, &time_ms))
            fail_msg("%s: accepted", cases[i].why);
        assert_int_equal(time_ms, 77);
    }
}

static void rfc3339_days_follow_each_other(void **state)
{
    (void)state;
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t expected_ms = INT64_C(-2208988800000); /* 1900-01-01, `date -u -d 1900-01-01 +%s` */
    for (int year = 1900; year < 2110; year++)
        for (int month = 1; month <= 12; month++) {
            bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
            for (int day = 1; day <= days[month - 1] + (month == 2 && leap); day++) {
                char text[32];
                int64_t time_ms = 0;
                snprintf(text, sizeof text, "%04d-%02d-%02dT00:00:00Z", year, month, day);
                assert_true(rfc3339_read(view_of_string(text), &time_ms));
                assert_int_equal(time_ms, expected_ms);
                expected_ms += 86400000;
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc3339_reads_what_the_standard_allows),
        cmocka_unit_test(rfc3339_writes_what_it_reads),
        cmocka_unit_test(rfc3339_refuses_all_else),
        cmocka_unit_test(rfc3339_days_follow_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
