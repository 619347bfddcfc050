/* Time zones without TZ and localtime. Instants were taken from the IANA database's own tables (tzdata 2025b). */
#include "common/zone.h"

#include "common/date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { MS = 1000, HOUR_S = 3600 };

static struct zone *load(const char *name)
{
    struct error error = {0};
    struct zone *zone = zone_load(view_of_string(name), &error);
    if (!zone)
        fail_msg("%s: %s %s", name, error.what, error.action);
    return zone;
}

static void need_tzdata(void)
{
    if (access(ZONE_DIRECTORY "/zone.tab", R_OK) != 0)
        skip();
}

static int64_t instant_s(int year, int month, int day, int hour, int minute)
{
    return date_days(year, month, day) * 86400 + hour * HOUR_S + minute * 60;
}

static void dates_count_days_and_years(void **state)
{
    (void)state;
    static const struct {
        int year, month, day;
        int64_t days;
    } cases[] = {
        {1970, 1, 1, 0},     {1969, 12, 31, -1},   {1972, 2, 29, 789},      {2000, 2, 29, 11016},
        {2000, 3, 1, 11017}, {2021, 4, 26, 18743}, {1900, 3, 1, -25508},    {2100, 2, 28, 47540},
        {2100, 3, 1, 47541}, {0, 3, 1, -719468},   {9999, 12, 31, 2932896},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(date_days(cases[i].year, cases[i].month, cases[i].day), cases[i].days);
        struct date date = date_of_days(cases[i].days);
        assert_true(date.year == cases[i].year && date.month == cases[i].month && date.day == cases[i].day);
    }
    assert_true(date_is_leap_year(2000) && date_is_leap_year(2024));
    assert_false(date_is_leap_year(1900) || date_is_leap_year(2023));
    assert_int_equal(date_month_days(2023, 2), 28);
    assert_int_equal(date_month_days(2024, 2), 29);
}

static void utc_needs_no_database(void **state)
{
    (void)state;
    struct error error = {0};
    struct zone *zone = zone_load_from("/nowhere", VIEW("UTC"), &error);
    assert_non_null(zone);
    assert_int_equal(zone_offset_s(zone, 0), 0);
    assert_int_equal(zone_midnight_ms(zone, 18743), 18743LL * 86400 * MS);
    assert_int_equal(zone_midnight_ms(NULL, 18743), 18743LL * 86400 * MS);
    assert_int_equal(zone_day(NULL, -1), -1);
    assert_int_equal(zone_year(NULL, -1), 1969);
    assert_int_equal(zone_year(NULL, 0), 1970);
    zone_free(zone);
    zone_free(NULL);
}

static void midnight_is_where_the_zone_has_it(void **state)
{
    (void)state;
    need_tzdata();
    static const struct {
        const char *zone;
        int year, month, day;      /* local date */
        int utc_day, hour, minute; /* of the same month: its first instant in UTC */
        const char *why;
    } cases[] = {
        {"America/New_York", 2021, 4, 26, 26, 4, 0, "daylight time, four hours behind"},
        {"America/New_York", 2021, 1, 15, 15, 5, 0, "standard time, five hours behind"},
        {"America/New_York", 2050, 7, 1, 1, 4, 0, "behind the last transition of the file: by the rule"},
        {"America/New_York", 2050, 1, 2, 2, 5, 0, "by the rule, standard time"},
        {"America/Los_Angeles", 2021, 4, 26, 26, 7, 0, "seven hours behind"},
        {"Pacific/Honolulu", 2021, 4, 26, 26, 10, 0, "no daylight time"},
        {"Asia/Kolkata", 2021, 4, 26, 25, 18, 30, "half an hour"},
        {"Asia/Kathmandu", 2021, 4, 26, 25, 18, 15, "a quarter of an hour"},
        {"Australia/Sydney", 2050, 1, 2, 1, 13, 0, "southern summer over the turn of the year, by the rule"},
        {"Australia/Sydney", 2050, 7, 2, 1, 14, 0, "southern winter, by the rule"},
        {"Europe/Dublin", 2050, 7, 2, 1, 23, 0, "negative daylight time: summer is the standard"},
        {"Europe/Dublin", 2050, 1, 2, 2, 0, 0, "negative daylight time: winter"},
        {"America/Nuuk", 2050, 7, 2, 2, 1, 0, "a rule with angle brackets and negative hours"},
        {"America/Sao_Paulo", 2018, 11, 4, 4, 3, 0, "midnight is skipped: the day begins at one o'clock"},
        {"America/St_Johns", 2010, 11, 7, 7, 2, 30, "midnight comes twice: the first counts"},
        {"Pacific/Apia", 2011, 12, 31, 30, 10, 0, "the day before is skipped whole"},
        {"Pacific/Apia", 2011, 12, 30, 30, 10, 0, "the skipped day begins where it is over"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct zone *zone = load(cases[i].zone);
        int64_t day = date_days(cases[i].year, cases[i].month, cases[i].day);
        int64_t want =
            instant_s(cases[i].year, cases[i].month, cases[i].utc_day, cases[i].hour, cases[i].minute) * MS;
        if (zone_midnight_ms(zone, day) != want)
            fail_msg("%s: off by %lld s (%s)", cases[i].zone,
                     (long long)(zone_midnight_ms(zone, day) - want) / MS, cases[i].why);
        assert_true(zone_day(zone, want) >= day);
        assert_true(zone_day(zone, want - 1) < day);
        zone_free(zone);
    }
}

static void the_year_of_an_event_is_the_local_one(void **state)
{
    (void)state;
    need_tzdata();
    struct zone *zone = load("America/New_York");
    int64_t turn = instant_s(2022, 1, 1, 5, 0) * MS;
    assert_int_equal(zone_year(zone, turn - 1), 2021);
    assert_int_equal(zone_year(zone, turn), 2022);
    assert_int_equal(zone_year(NULL, turn - 1), 2022);
    zone_free(zone);
}

/* The C library as a second opinion, over every zone that has a place in the database. */
static void offsets_agree_with_the_c_library(void **state)
{
    (void)state;
    need_tzdata();
    FILE *table = fopen(ZONE_DIRECTORY "/zone.tab", "r");
    char line[512];
    unsigned zones = 0;
    assert_non_null(table);
    while (fgets(line, sizeof line, table)) {
        char *first = line[0] == '#' ? NULL : strchr(line, '\t'),
             *name = first ? strchr(first + 1, '\t') : NULL;
        if (!name)
            continue;
        name[1 + strcspn(name + 1, "\t\n")] = '\0';
        struct zone *zone = load(name + 1);
        name[0] = ':';
        assert_int_equal(setenv("TZ", name, 1), 0);
        tzset();
        zones++;
        for (time_t t = -1000000000; t < 4200000000; t += 86400 * 23 + 1801) {
            struct tm local;
            assert_non_null(localtime_r(&t, &local));
            if (zone_offset_s(zone, (int64_t)t * MS) != local.tm_gmtoff)
                fail_msg("%s at %lld: %d, the library has %ld", name + 1, (long long)t,
                         zone_offset_s(zone, (int64_t)t * MS), local.tm_gmtoff);
        }
        zone_free(zone);
    }
    fclose(table);
    assert_int_equal(unsetenv("TZ"), 0);
    tzset();
    assert_true(zones > 300);
}

static void assert_refused(const char *directory, const char *name, const char *words)
{
    struct error error = {0};
    char text[1200];
    assert_null(zone_load_from(directory, view_of_string(name), &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_CONFIGURATION);
    error_text(&error, text, sizeof text);
    if (!strstr(text, words))
        fail_msg("%s: '%s' lacks '%s'", name, text, words);
}

static void names_that_are_no_zones_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *words, *why;
    } cases[] = {
        {"../../etc/passwd", "is not the name of a time zone", "climbs out"},
        {"America/../UTC", "is not the name of a time zone", "climbs inside"},
        {"/etc/localtime", "is not the name of a time zone", "absolute"},
        {"America//New_York", "is not the name of a time zone", "an empty part"},
        {"America/", "is not the name of a time zone", "ends with a slash"},
        {"", "is not the name of a time zone", "empty"},
        {"zone.tab", "is not the name of a time zone", "a file beside the zones"},
        {"posix/UTC", "is not the name of a time zone", "another tree"},
        {"right/UTC", "is not the name of a time zone", "with leap seconds, which timestamps do not count"},
        {"EST5EDT,M3.2.0,M11.1.0", "is not the name of a time zone", "a POSIX rule"},
        {"America/New York", "is not the name of a time zone", "a blank"},
        {"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
         "is not the name of a time zone", "65 characters"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_refused(ZONE_DIRECTORY, cases[i].name, cases[i].words);
    need_tzdata();
    assert_refused(ZONE_DIRECTORY, "America/New_york", "did you mean 'America/New_York'?");
    assert_refused(ZONE_DIRECTORY, "Europe/Berln", "did you mean 'Europe/Berlin'?");
    assert_refused(ZONE_DIRECTORY, "America", "is not a time zone");
    assert_refused(ZONE_DIRECTORY, "Mars/Olympus_Mons", "is not a time zone of the IANA database");
}

static void without_the_database_the_error_says_what_to_install(void **state)
{
    (void)state;
    assert_refused("/nowhere", "America/New_York", "install the package tzdata, or use UTC");
}

/* ---- files ---- */

struct copy {
    char folder[64], path[96];
    unsigned char bytes[8192];
    size_t size;
};

static void write_copy(const struct copy *copy, size_t size)
{
    FILE *file = fopen(copy->path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(copy->bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void copy_init(struct copy *copy)
{
    *copy = (struct copy){.folder = "/tmp/clickveil-zone-XXXXXX"};
    assert_non_null(mkdtemp(copy->folder));
    snprintf(copy->path, sizeof copy->path, "%s/Zone", copy->folder);
    FILE *file = fopen(ZONE_DIRECTORY "/America/New_York", "rb");
    assert_non_null(file);
    copy->size = fread(copy->bytes, 1, sizeof copy->bytes, file);
    fclose(file);
    assert_in_range(copy->size, 200, sizeof copy->bytes - 1);
    write_copy(copy, copy->size);
}

static void copy_release(const struct copy *copy)
{
    assert_int_equal(unlink(copy->path), 0);
    assert_int_equal(rmdir(copy->folder), 0);
}

static void a_file_that_is_cut_off_is_refused_at_every_length(void **state)
{
    (void)state;
    need_tzdata();
    struct copy copy;
    struct error error = {0};
    copy_init(&copy);
    struct zone *whole = zone_load_from(copy.folder, VIEW("Zone"), &error);
    assert_non_null(whole);
    zone_free(whole);
    for (size_t size = 0; size < copy.size; size++) {
        write_copy(&copy, size);
        assert_null(zone_load_from(copy.folder, VIEW("Zone"), &error));
    }
    copy_release(&copy);
}

static void a_file_that_was_tampered_with_never_breaks_the_reader(void **state)
{
    (void)state;
    need_tzdata();
    struct copy copy;
    copy_init(&copy);
    for (size_t i = 0; i < copy.size; i += 3) {
        unsigned char kept = copy.bytes[i];
        copy.bytes[i] = (unsigned char)(kept ^ 0xff);
        write_copy(&copy, copy.size);
        struct error error = {0};
        struct zone *zone = zone_load_from(copy.folder, VIEW("Zone"), &error);
        if (zone) /* a changed instant is one, but it stays within a day of what a zone can be */
            assert_in_range(zone_midnight_ms(zone, 18743) / MS + 26 * HOUR_S - 18743LL * 86400, 0,
                            52 * HOUR_S);
        else
            assert_true(error.what[0] != '\0');
        zone_free(zone);
        copy.bytes[i] = kept;
    }
    copy_release(&copy);
}

static void a_file_of_version_one_is_refused(void **state)
{
    (void)state;
    need_tzdata();
    struct copy copy;
    struct error error = {0};
    copy_init(&copy);
    copy.bytes[4] = 0; /* version 1 has no 64-bit block */
    write_copy(&copy, copy.size);
    assert_null(zone_load_from(copy.folder, VIEW("Zone"), &error));
    assert_non_null(strstr(error.action, "reinstall"));
    copy_release(&copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_count_days_and_years),
        cmocka_unit_test(utc_needs_no_database),
        cmocka_unit_test(midnight_is_where_the_zone_has_it),
        cmocka_unit_test(the_year_of_an_event_is_the_local_one),
        cmocka_unit_test(offsets_agree_with_the_c_library),
        cmocka_unit_test(names_that_are_no_zones_are_refused),
        cmocka_unit_test(without_the_database_the_error_says_what_to_install),
        cmocka_unit_test(a_file_that_is_cut_off_is_refused_at_every_length),
        cmocka_unit_test(a_file_that_was_tampered_with_never_breaks_the_reader),
        cmocka_unit_test(a_file_of_version_one_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
