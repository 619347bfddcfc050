/*
 * A TZif file holds transitions (instants at which the offset changes) and, since version 2, a POSIX rule for all time
 * behind the last one. The file is read into two arrays, offsets and the instants from which they hold; the rule is
 * parsed into numbers. What asks for an offset searches the array, or computes the rule's two changes of that year.
 *
 * Only the 64-bit block of version 2 and later is read (every zoneinfo since 2007 has it); leap seconds are refused, as
 * Kafka timestamps and RFC 3339 do not count them.
 */
#include "common/zone.h"

#include "common/date.h"
#include "common/lint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    ZONE_FILE_SIZE_MAX = 256 * 1024, /* the largest of 2025b has 4 KiB */
    ZONE_NAME_SIZE_MAX = 64,
    TZIF_HEADER_SIZE = 44,
    SECONDS_PER_DAY = 86400,
    OFFSET_MAX_S = 25 * 3600, /* the widest there ever was has under 16 hours */
};

/* A day of a POSIX rule. */
struct zone_rule {
    enum { RULE_MONTH_WEEK_DAY, RULE_JULIAN, RULE_DAY_OF_YEAR } kind;
    int month, week, day; /* M: month 1-12, week 1-5 (5: last), day 0-6; else day alone */
    int32_t time_s;       /* local time of the change, -167 to 167 hours */
};

struct zone {
    unsigned count;
    int64_t *from_s;   /* count instants, ascending; from_s[0] is INT64_MIN */
    int32_t *offset_s; /* that holds from there */
    bool has_rule;     /* behind the last transition */
    int32_t standard_s, daylight_s;
    bool has_daylight;
    struct zone_rule start, end; /* of daylight time */
};

/* ---- the POSIX rule ---- */

static bool take_number(const char **text, int least, int most, int *out_number)
{
    int number = 0;
    const char *c = *text;
    while (*c >= '0' && *c <= '9' && number <= 10000)
        number = number * 10 + (*c++ - '0');
    if (c == *text || number < least || number > most)
        return false;
    *text = c;
    *out_number = number;
    return true;
}

/* [+-]hh[:mm[:ss]] in seconds; up to 167 hours (RFC 8536, 3.3.1). */
static bool take_time(const char **text, int32_t *out_seconds)
{
    int sign = **text == '-' ? -1 : 1, hours = 0, minutes = 0, seconds = 0;
    if (**text == '-' || **text == '+')
        (*text)++;
    if (!take_number(text, 0, 167, &hours))
        return false;
    if (**text == ':' && ((*text)++, !take_number(text, 0, 59, &minutes)))
        return false;
    if (**text == ':' && ((*text)++, !take_number(text, 0, 59, &seconds)))
        return false;
    *out_seconds = sign * (hours * 3600 + minutes * 60 + seconds);
    return true;
}

/* EST, <+03> */
static bool take_name(const char **text)
{
    const char *c = *text;
    if (*c == '<') {
        while (*c && *c != '>')
            c++;
        if (*c != '>')
            return false;
        *text = c + 1;
        return true;
    }
    while ((*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z'))
        c++;
    bool found = c - *text >= 3;
    *text = c;
    return found;
}

static bool take_rule(const char **text, struct zone_rule *out_rule)
{
    struct zone_rule rule = {.kind = RULE_DAY_OF_YEAR, .time_s = 2 * 3600};
    if (**text != ',')
        return false;
    (*text)++;
    if (**text == 'M') {
        rule.kind = RULE_MONTH_WEEK_DAY;
        (*text)++;
        if (!take_number(text, 1, 12, &rule.month) || *(*text)++ != '.' ||
            !take_number(text, 1, 5, &rule.week) || *(*text)++ != '.' || !take_number(text, 0, 6, &rule.day))
            return false;
    } else {
        bool julian = **text == 'J';
        rule.kind = julian ? RULE_JULIAN : RULE_DAY_OF_YEAR;
        *text += julian;
        if (!take_number(text, julian ? 1 : 0, 365, &rule.day))
            return false;
    }
    if (**text == '/' && ((*text)++, !take_time(text, &rule.time_s)))
        return false;
    *out_rule = rule;
    return true;
}

/* An offset of a rule; they are west of UTC there. At most a day, unlike the times of changes (POSIX.1, 8.3). */
static bool take_offset(const char **text, int32_t *out_offset_s)
{
    int32_t west = 0;
    if (!take_time(text, &west) || west > OFFSET_MAX_S || west < -OFFSET_MAX_S)
        return false;
    *out_offset_s = -west;
    return true;
}

/* "EST5EDT,M3.2.0,M11.1.0" */
static bool parse_rule(const char *text, struct zone *zone)
{
    if (*text == '\0')
        return true; /* no rule: the last offset stays */
    if (!take_name(&text) || !take_offset(&text, &zone->standard_s))
        return false;
    zone->has_rule = true;
    if (*text == '\0')
        return true;
    if (!take_name(&text))
        return false;
    zone->daylight_s = zone->standard_s + 3600;
    if (*text != ',' && !take_offset(&text, &zone->daylight_s))
        return false;
    zone->has_daylight = true;
    return take_rule(&text, &zone->start) && take_rule(&text, &zone->end) && *text == '\0';
}

/* Local seconds since the epoch of a rule's change in a year. */
static int64_t rule_local_s(const struct zone_rule *rule, int64_t year)
{
    int64_t day = date_days(year, 1, 1);
    if (rule->kind == RULE_JULIAN) { /* 29 February is never counted */
        day += rule->day - 1 + (date_is_leap_year(year) && rule->day >= 60);
    } else if (rule->kind == RULE_DAY_OF_YEAR) {
        day += rule->day;
    } else {
        int64_t first = date_days(year, rule->month, 1);
        int64_t weekday = ((first + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
        day = first + (rule->day - weekday + 7) % 7 + 7 * (int64_t)(rule->week - 1);
        while (day >= first + date_month_days(year, rule->month))
            day -= 7;
    }
    return day * SECONDS_PER_DAY + rule->time_s;
}

static int32_t rule_offset_s(const struct zone *zone, int64_t instant_s)
{
    if (!zone->has_daylight)
        return zone->standard_s;
    int64_t year = date_of_days(date_floor_divide(instant_s + zone->standard_s, SECONDS_PER_DAY)).year;
    int64_t start = rule_local_s(&zone->start, year) - zone->standard_s;
    int64_t end = rule_local_s(&zone->end, year) - zone->daylight_s;
    bool in_daylight =
        start < end ? instant_s >= start && instant_s < end : instant_s >= start || instant_s < end;
    return in_daylight ? zone->daylight_s : zone->standard_s;
}

/* ---- the file ---- */

static uint32_t big_endian_32(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static int64_t big_endian_64(const unsigned char *bytes)
{
    return (int64_t)((uint64_t)big_endian_32(bytes) << 32 | big_endian_32(bytes + 4));
}

struct tzif_header {
    uint32_t ut_count, standard_count, leap_count, time_count, type_count, char_count;
};

static bool read_header(const unsigned char *bytes, size_t size, struct tzif_header *out_header)
{
    if (size < TZIF_HEADER_SIZE || memcmp(bytes, "TZif", 4) != 0 || bytes[4] < '2')
        return false;
    *out_header = (struct tzif_header){
        big_endian_32(bytes + 20), big_endian_32(bytes + 24), big_endian_32(bytes + 28),
        big_endian_32(bytes + 32), big_endian_32(bytes + 36), big_endian_32(bytes + 40),
    };
    const struct tzif_header *h = out_header;
    return h->ut_count <= 256 && h->standard_count <= 256 && h->leap_count <= 1000 &&
           h->time_count <= 10000 && h->type_count >= 1 && h->type_count <= 256 && h->char_count <= 4096;
}

static size_t block_size(const struct tzif_header *header, size_t time_size)
{
    return header->time_count * (time_size + 1) + header->type_count * 6 + header->char_count +
           header->leap_count * (time_size + 4) + header->standard_count + header->ut_count;
}

/* Offset of local time type number `type`; false when there is none. */
static bool type_offset(const unsigned char *types, const struct tzif_header *header, unsigned type,
                        int32_t *out)
{
    if (type >= header->type_count)
        return false;
    *out = (int32_t)big_endian_32(types + type * 6);
    return *out >= -OFFSET_MAX_S && *out <= OFFSET_MAX_S;
}

static bool read_transitions(const unsigned char *bytes, const struct tzif_header *header, struct zone *zone)
{
    const unsigned char *numbers = bytes + header->time_count * 8, *types = numbers + header->time_count;
    zone->count = header->time_count + 1;
    zone->from_s = calloc(zone->count, sizeof *zone->from_s);
    zone->offset_s = calloc(zone->count, sizeof *zone->offset_s);
    if (!zone->from_s || !zone->offset_s)
        return false;
    zone->from_s[0] = INT64_MIN;
    if (!type_offset(types, header, 0, &zone->offset_s[0]))
        return false;
    for (unsigned i = 0; i < header->time_count; i++) {
        zone->from_s[i + 1] = big_endian_64(bytes + i * 8);
        if (zone->from_s[i + 1] <= zone->from_s[i] && i > 0)
            return false;
        if (!type_offset(types, header, numbers[i], &zone->offset_s[i + 1]))
            return false;
    }
    return true;
}

static bool parse_file(const unsigned char *bytes, size_t size, struct zone *zone)
{
    struct tzif_header header;
    if (!read_header(bytes, size, &header) || size - TZIF_HEADER_SIZE < block_size(&header, 4))
        return false;
    size_t skipped = TZIF_HEADER_SIZE + block_size(&header, 4);
    bytes += skipped;
    size -= skipped;
    if (!read_header(bytes, size, &header) || size - TZIF_HEADER_SIZE < block_size(&header, 8) ||
        header.leap_count > 0)
        return false;
    bytes += TZIF_HEADER_SIZE;
    size -= TZIF_HEADER_SIZE;
    if (!read_transitions(bytes, &header, zone))
        return false;
    bytes += block_size(&header, 8);
    size -= block_size(&header, 8);
    char rule[128];
    const unsigned char *end = size > 1 && bytes[0] == '\n' ? memchr(bytes + 1, '\n', size - 1) : NULL;
    if (!end || (size_t)(end - bytes) > sizeof rule)
        return false;
    size_t rule_size = (size_t)(end - bytes) - 1;
    memcpy(rule, bytes + 1, rule_size);
    rule[rule_size] = '\0';
    return parse_rule(rule, zone);
}

/* ---- names ---- */

static bool name_is_safe(struct view name)
{
    if (name.size == 0 || name.size > ZONE_NAME_SIZE_MAX || name.data[0] == '/' ||
        name.data[name.size - 1] == '/')
        return false;
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                     c == '-' || c == '+' || (c == '/' && name.data[i - 1] != '/');
        if (!plain) /* so no dot, and no ".." */
            return false;
    }
    static const char *const trees[] = {"posix/", "right/"};
    for (size_t i = 0; i < 2; i++) {
        if (name.size >= 6 && memcmp(name.data, trees[i], 6) == 0)
            return false;
    }
    return true;
}

static size_t read_file(const char *path, char *buffer, size_t size_max)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    size_t size = 0;
    if (descriptor < 0)
        return 0;
    while (size < size_max) {
        ssize_t got = read(descriptor, buffer + size, size_max - size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        size += (size_t)got;
    }
    close(descriptor);
    return size;
}

/* The list of canonical names: third column of tzdata's zone.tab. */
static void suggest_zone(const char *directory, struct view name, char out[LINT_QUOTE_SIZE + 20])
{
    char path[512];
    char *buffer = malloc(ZONE_FILE_SIZE_MAX);
    out[0] = '\0';
    if (!buffer)
        return;
    snprintf(path, sizeof path, "%s/zone.tab", directory);
    size_t size = read_file(path, buffer, ZONE_FILE_SIZE_MAX);
    struct lint_suggestion suggestion = lint_suggest(name);
    lint_suggest_candidate(&suggestion, VIEW("UTC"));
    for (char *line = buffer, *end = buffer + size; line < end;) {
        char *stop = memchr(line, '\n', (size_t)(end - line));
        stop = stop ? stop : end;
        char *first = line[0] == '#' ? NULL : memchr(line, '\t', (size_t)(stop - line));
        char *second = first ? memchr(first + 1, '\t', (size_t)(stop - first - 1)) : NULL;
        if (second) {
            size_t rest = (size_t)(stop - second - 1);
            char *tab = memchr(second + 1, '\t', rest);
            lint_suggest_candidate(&suggestion,
                                   (struct view){second + 1, tab ? (size_t)(tab - second - 1) : rest});
        }
        line = stop + 1;
    }
    lint_suggestion_text(&suggestion, out);
    free(buffer);
}

static struct zone *fail_unknown(const char *directory, struct view name, struct error *error)
{
    char quoted[LINT_QUOTE_SIZE], suggested[LINT_QUOTE_SIZE + 20], path[512];
    lint_quote(name, quoted);
    snprintf(path, sizeof path, "%s/tzdata.zi", directory);
    bool installed = access(path, R_OK) == 0;
    snprintf(path, sizeof path, "%s/zone.tab", directory);
    installed = installed || access(path, R_OK) == 0;
    if (!installed) {
        (void)error_fail(error, EXIT_STATUS_CONFIGURATION, NULL, "install the package tzdata, or use UTC",
                         "time zone %s can't be looked up: the zoneinfo database is not installed", quoted);
        return NULL;
    }
    suggest_zone(directory, name, suggested);
    (void)error_fail(error, EXIT_STATUS_CONFIGURATION, NULL, NULL,
                     "%s is not a time zone of the IANA database%s", quoted, suggested);
    return NULL;
}

struct zone *zone_load_from(const char *directory, struct view name, struct error *error)
{
    char quoted[LINT_QUOTE_SIZE], path[512];
    lint_quote(name, quoted);
    if (!name_is_safe(name)) {
        (void)error_fail(error, EXIT_STATUS_CONFIGURATION, NULL, NULL,
                         "%s is not the name of a time zone; write one as in America/New_York", quoted);
        return NULL;
    }
    struct zone *zone = calloc(1, sizeof *zone);
    unsigned char *buffer = malloc(ZONE_FILE_SIZE_MAX);
    size_t size = 0;
    bool loaded = false;
    if (zone && buffer && view_equal_string(name, "UTC")) {
        zone->has_rule = loaded = true;
    } else if (zone && buffer) {
        snprintf(path, sizeof path, "%s/%.*s", directory, (int)name.size, name.data);
        size = read_file(path, (char *)buffer, ZONE_FILE_SIZE_MAX);
        loaded = size > 0 && parse_file(buffer, size, zone);
    } else {
        (void)error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for a time zone");
    }
    if (zone && buffer && !loaded) {
        if (size > 4 && memcmp(buffer, "TZif", 4) == 0)
            (void)error_fail(error, EXIT_STATUS_CONFIGURATION, path, "reinstall the package tzdata",
                             "the file of time zone %s can't be understood", quoted);
        else
            (void)fail_unknown(directory, name, error);
    }
    free(buffer);
    if (loaded)
        return zone;
    zone_free(zone);
    return NULL;
}

struct zone *zone_load(struct view name, struct error *error)
{
    return zone_load_from(ZONE_DIRECTORY, name, error);
}

void zone_free(struct zone *zone)
{
    if (!zone)
        return;
    free(zone->from_s);
    free(zone->offset_s);
    free(zone);
}

/* ---- asking ---- */

static int32_t offset_at(const struct zone *zone, int64_t instant_s)
{
    if (!zone)
        return 0;
    if (zone->has_rule && (zone->count <= 1 || instant_s >= zone->from_s[zone->count - 1]))
        return rule_offset_s(zone, instant_s);
    unsigned low = 0, high = zone->count; /* from_s[low] <= instant < from_s[high] */
    while (high - low > 1) {
        unsigned middle = low + (high - low) / 2;
        if (zone->from_s[middle] <= instant_s)
            low = middle;
        else
            high = middle;
    }
    return zone->offset_s[low];
}

int32_t zone_offset_s(const struct zone *zone, int64_t instant_ms)
{
    return offset_at(zone, date_floor_divide(instant_ms, 1000));
}

int64_t zone_midnight_ms(const struct zone *zone, int64_t day)
{
    /* The first instant whose local time is at or behind midnight lies within 26 hours of UTC's. Offsets change at most
     * a few times in between: step from quarter hour to quarter hour, as all changes since 1972 happen on one, then
     * second by second where an old offset is no multiple. */
    enum { WINDOW_S = OFFSET_MAX_S + 3600, STEP_S = 900 };
    int64_t local = day * SECONDS_PER_DAY;
    int64_t instant = local - WINDOW_S;
    while (instant + offset_at(zone, instant) < local)
        instant += STEP_S;
    int64_t low = instant - STEP_S; /* before midnight; instant is not */
    while (instant - low > 1) {
        int64_t middle = low + (instant - low) / 2;
        if (middle + offset_at(zone, middle) < local)
            low = middle;
        else
            instant = middle;
    }
    return instant * 1000;
}

int64_t zone_day(const struct zone *zone, int64_t instant_ms)
{
    int64_t instant_s = date_floor_divide(instant_ms, 1000);
    return date_floor_divide(instant_s + offset_at(zone, instant_s), SECONDS_PER_DAY);
}

int32_t zone_year(const struct zone *zone, int64_t instant_ms)
{
    return (int32_t)date_of_days(zone_day(zone, instant_ms)).year;
}
