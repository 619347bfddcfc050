/* Scalars of a configuration: text to the C member of an option, with what was probably meant when it isn't one. */
#include "common/date.h"
#include "common/lint.h"
#include "common/option.h"
#include "common/utf8.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit duration_units[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"h", 3600 * 1000}, {"d", 24 * 3600 * 1000}, {NULL, 0}};

static const struct unit size_units[] = {
    {"B", 1}, {"KiB", 1024}, {"MiB", 1024 * 1024}, {"GiB", 1024 * 1024 * 1024}, {NULL, 0}};

/* What people write for them, in lower case. */
static const struct {
    const char *written, *meant;
} foreign_durations[] = {{"msec", "ms"}, {"millis", "ms"}, {"milliseconds", "ms"}, {"sec", "s"},
                         {"secs", "s"},  {"second", "s"},  {"seconds", "s"},       {"min", "m"},
                         {"mins", "m"},  {"minute", "m"},  {"minutes", "m"},       {"hr", "h"},
                         {"hrs", "h"},   {"hour", "h"},    {"hours", "h"},         {"day", "d"},
                         {"days", "d"},  {NULL, NULL}},
  foreign_sizes[] = {{"bytes", "B"}, {"byte", "B"}, {"k", "KiB"},  {"kb", "KiB"}, {"m", "MiB"},
                     {"mb", "MiB"},  {"g", "GiB"},  {"gb", "GiB"}, {NULL, NULL}};

static bool fail(char *why, size_t why_size, const char *format, ...) __attribute__((format(printf, 3, 4)));

static bool fail(char *why, size_t why_size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, why_size, format, arguments);
    va_end(arguments);
    return false;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits with an optional sign at the front of text. Returns how many bytes were a number, 0: none or too large. */
static size_t take_integer(struct view text, int64_t *out_number)
{
    bool negative = text.size > 0 && text.data[0] == '-';
    size_t i = text.size > 0 && (negative || text.data[0] == '+');
    size_t first = i;
    int64_t number = 0;
    for (; i < text.size && is_digit(text.data[i]); i++) {
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, negative ? '0' - text.data[i] : text.data[i] - '0', &number))
            return 0;
    }
    if (i == first)
        return 0;
    *out_number = number;
    return i;
}

static bool all_digits(struct view text)
{
    size_t i = text.size > 0 && (text.data[0] == '-' || text.data[0] == '+');
    if (i == text.size)
        return false;
    for (; i < text.size; i++) {
        if (!is_digit(text.data[i]))
            return false;
    }
    return true;
}

static bool parse_integer(struct view text, int64_t *out_number, char *why, size_t why_size)
{
    char quoted[LINT_QUOTE_SIZE];
    int64_t number = 0;
    if (take_integer(text, &number) == text.size && text.size > 0) {
        *out_number = number;
        return true;
    }
    lint_quote(text, quoted);
    if (all_digits(text))
        return fail(why, why_size, "%s is too large", quoted);
    return fail(why, why_size, "%s is not a whole number", quoted);
}

static const struct unit *find_unit(const struct unit *units, struct view name)
{
    for (const struct unit *unit = units; unit->name; unit++) {
        if (view_equal_string(name, unit->name))
            return unit;
    }
    return NULL;
}

static bool same_letters(struct view text, const char *word)
{
    size_t size = strlen(word);
    if (text.size != size)
        return false;
    for (size_t i = 0; i < size; i++) {
        char c = text.data[i];
        if ((c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c) !=
            (word[i] >= 'A' && word[i] <= 'Z' ? (char)(word[i] - 'A' + 'a') : word[i]))
            return false;
    }
    return true;
}

static const char *meant_unit(bool duration, struct view name)
{
    for (const struct unit *unit = duration ? duration_units : size_units; unit->name; unit++) {
        if (same_letters(name, unit->name))
            return unit->name;
    }
    for (size_t i = 0; duration && foreign_durations[i].written; i++) {
        if (same_letters(name, foreign_durations[i].written))
            return foreign_durations[i].meant;
    }
    for (size_t i = 0; !duration && foreign_sizes[i].written; i++) {
        if (same_letters(name, foreign_sizes[i].written))
            return foreign_sizes[i].meant;
    }
    return NULL;
}

static bool parse_with_unit(struct view text, bool duration, int64_t *out_number, char *why, size_t why_size)
{
    const char *noun = duration ? "a duration" : "a size";
    const char *units = duration ? "ms, s, m, h or d" : "B, KiB, MiB or GiB";
    char quoted[LINT_QUOTE_SIZE];
    lint_quote(text, quoted);
    int64_t number = 0;
    size_t digits = take_integer(text, &number);
    if (digits == 0 && text.size > 0 && is_digit(text.data[0]))
        return fail(why, why_size, "%s is too large", quoted);
    if (digits == 0)
        return fail(why, why_size, "%s is not %s; write a whole number with %s, as in %s", quoted, noun,
                    units, duration ? "60s" : "64KiB");
    if (digits == text.size && number == 0) {
        *out_number = 0;
        return true;
    }
    if (digits == text.size)
        return fail(why, why_size, "%s has no unit; write %lld%s if you mean that (%s)", quoted,
                    (long long)number, duration ? "s" : "B", units);
    struct view rest = {text.data + digits, text.size - digits};
    if (rest.data[0] == '.' || rest.data[0] == ',')
        return fail(why, why_size, "%s is not a whole number; use a smaller unit (%s)", quoted, units);
    const struct unit *unit = find_unit(duration ? duration_units : size_units, rest);
    while (rest.data[0] == ' ' && rest.size > 1)
        rest = (struct view){rest.data + 1, rest.size - 1};
    if (!unit) {
        const char *meant = meant_unit(duration, rest);
        return meant ? fail(why, why_size, "%s has an unknown unit; did you mean '%lld%s'?", quoted,
                            (long long)number, meant)
                     : fail(why, why_size, "%s has an unknown unit; known are %s", quoted, units);
    }
    int64_t product = 0;
    if (__builtin_mul_overflow(number, unit->factor, &product))
        return fail(why, why_size, "%s is too large", quoted);
    *out_number = product;
    return true;
}

static bool parse_bool(struct view text, bool *out_value, char *why, size_t why_size)
{
    char quoted[LINT_QUOTE_SIZE];
    if (view_equal_string(text, "true") || view_equal_string(text, "false")) {
        *out_value = view_equal_string(text, "true");
        return true;
    }
    static const char *const yes[] = {"yes", "on", "true", "1", "y"};
    static const char *const no[] = {"no", "off", "false", "0", "n"};
    lint_quote(text, quoted);
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        if (same_letters(text, yes[i]))
            return fail(why, why_size, "%s is not true or false; did you mean 'true'?", quoted);
        if (same_letters(text, no[i]))
            return fail(why, why_size, "%s is not true or false; did you mean 'false'?", quoted);
    }
    return fail(why, why_size, "%s is not true or false", quoted);
}

static bool parse_ratio(struct view text, double *out_value, char *why, size_t why_size)
{
    char quoted[LINT_QUOTE_SIZE], copy[32];
    lint_quote(text, quoted);
    bool percent = text.size > 0 && text.data[text.size - 1] == '%';
    size_t size = text.size - percent;
    bool plain = size > 0 && size < sizeof copy && (is_digit(text.data[0]) || text.data[0] == '-');
    for (size_t i = 1; plain && i < size; i++)
        plain = is_digit(text.data[i]) || text.data[i] == '.';
    char *end = NULL;
    double number = 0;
    if (plain) {
        memcpy(copy, text.data, size);
        copy[size] = '\0';
        number = strtod(copy, &end); /* the process stays in the C locale */
    }
    if (!plain || end != copy + size)
        return fail(why, why_size,
                    "%s is not a ratio; write a decimal number from 0 to 1 or a percentage, as in 1%%",
                    quoted);
    if (!percent && number > 1)
        return fail(why, why_size, "%s is above 1; did you mean '%.*s%%'?", quoted, (int)size, copy);
    number = percent ? number / 100 : number;
    if (number < 0 || number > 1)
        return fail(why, why_size, "%s is not between 0 and 1 (100%%)", quoted);
    *out_value = number;
    return true;
}

static bool parse_date(struct view text, int64_t *out_day, char *why, size_t why_size)
{
    char quoted[LINT_QUOTE_SIZE];
    lint_quote(text, quoted);
    bool shaped = text.size == 10 && text.data[4] == '-' && text.data[7] == '-';
    int parts[3] = {0, 0, 0};
    for (size_t i = 0, part = 0; shaped && i < 10; i++) {
        if (i == 4 || i == 7) {
            part++;
            continue;
        }
        shaped = is_digit(text.data[i]);
        parts[part] = parts[part] * 10 + (text.data[i] - '0');
    }
    if (!shaped)
        return fail(why, why_size, "%s is not a date; write it as in 2021-04-26 (year-month-day)", quoted);
    int year = parts[0], month = parts[1], day = parts[2];
    if (month < 1 || month > 12)
        return fail(why, why_size, "%s has no month %d%s", quoted, month,
                    month <= 31 && day >= 1 && day <= 12 ? "; a date is year-month-day" : "");
    int last = date_month_days(year, month);
    if (day < 1 || day > last)
        return fail(why, why_size, "%s has no day %d; that month ends with %d", quoted, day, last);
    *out_day = date_days(year, month, day);
    return true;
}

static bool parse_enum(const char *const *choices, struct view text, int *out_choice, char *why,
                       size_t why_size)
{
    char quoted[LINT_QUOTE_SIZE], suggested[LINT_QUOTE_SIZE + 20], all[256] = "";
    struct lint_suggestion suggestion = lint_suggest(text);
    size_t used = 0;
    for (int i = 1; choices[i]; i++) {
        if (view_equal_string(text, choices[i])) {
            *out_choice = i;
            return true;
        }
        lint_suggest_candidate(&suggestion, view_of_string(choices[i]));
        int size = snprintf(all + used, sizeof all - used, "%s%s", i == 1 ? "" : ", ", choices[i]);
        if (size > 0 && used + (size_t)size < sizeof all)
            used += (size_t)size;
    }
    return fail(why, why_size, "%s is not one of %s%s", lint_quote(text, quoted), all,
                lint_suggestion_text(&suggestion, suggested));
}

static bool parse_text(const struct option *option, struct view text, struct view *out_text, char *why,
                       size_t why_size)
{
    enum { TEXT_SIZE_MAX = 4096 };
    if (text.size == 0)
        return fail(why, why_size, "the text is empty; give a value or leave the line out");
    if (text.size > TEXT_SIZE_MAX)
        return fail(why, why_size, "the text has %zu bytes; at most %d are allowed", text.size,
                    TEXT_SIZE_MAX);
    if (!utf8_valid(text)) /* from the command line; files are looked at whole */
        return fail(why, why_size, "the text is not UTF-8");
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c < 0x20 || c == 0x7f)
            return fail(why, why_size, "the text holds a control character or a line break");
    }
    if (option->judge && !option->judge(text, why, why_size))
        return false;
    *out_text = text;
    return true;
}

/* A word in place of a duration, as in `update_every: drain`. */
static bool parse_duration(const struct option *option, struct view text, int64_t *out_value, char *why,
                           size_t why_size)
{
    for (int i = 1; option->choices && option->choices[i]; i++) {
        if (view_equal_string(text, option->choices[i])) {
            *out_value = -i;
            return true;
        }
    }
    if (!parse_with_unit(text, true, out_value, why, why_size)) {
        size_t used = strlen(why);
        if (option->choices && option->choices[1] && !(text.size > 0 && is_digit(text.data[0])))
            snprintf(why + used, why_size - used, ", or '%s'", option->choices[1]);
        return false;
    }
    if (*out_value < 0)
        return fail(why, why_size, "a duration can't be negative");
    return true;
}

static bool parse_unbounded(const struct option *option, struct view text, void *out, char *why,
                            size_t why_size)
{
    switch (option->type) {
    case OPTION_BOOL:
        return parse_bool(text, out, why, why_size);
    case OPTION_INTEGER:
        return parse_integer(text, out, why, why_size);
    case OPTION_DURATION:
        return parse_duration(option, text, out, why, why_size);
    case OPTION_SIZE:
        if (!parse_with_unit(text, false, out, why, why_size))
            return false;
        return *(int64_t *)out >= 0 || fail(why, why_size, "a size can't be negative");
    case OPTION_RATIO:
        return parse_ratio(text, out, why, why_size);
    case OPTION_DATE:
        return parse_date(text, out, why, why_size);
    case OPTION_STRING:
    case OPTION_PATH:
    case OPTION_STRING_LIST:
    case OPTION_PATH_LIST:
        return parse_text(option, text, out, why, why_size);
    case OPTION_ENUM:
    case OPTION_ENUM_LIST:
    case OPTION_ENUM_MAP:
        return parse_enum(option->choices, text, out, why, why_size);
    case OPTION_NONE:
    case OPTION_MAP:
    case OPTION_GROUP:
    case OPTION_GROUP_LIST:
    case OPTION_FILE_LIST:
        break;
    }
    ensure(!"a type without scalars");
    return false;
}

union scalar {
    int64_t integer;
    double ratio;
    bool flag;
    int choice;
    struct view text;
};

static bool is_bounded(enum option_type type)
{
    return type == OPTION_INTEGER || type == OPTION_DURATION || type == OPTION_SIZE || type == OPTION_RATIO ||
           type == OPTION_DATE || type == OPTION_STRING || type == OPTION_PATH;
}

/* -1, 0, 1: value against a bound that is written as the option's values are; of texts their size. */
static int compare_bound(const struct option *option, const union scalar *value, const char *bound)
{
    union scalar limit = {0};
    char why[LINT_TEXT_SIZE];
    if (option->type == OPTION_STRING || option->type == OPTION_PATH) {
        ensure(parse_integer(view_of_string(bound), &limit.integer, why, sizeof why));
        int64_t size = (int64_t)value->text.size;
        return size < limit.integer ? -1 : size > limit.integer;
    }
    ensure(parse_unbounded(option, view_of_string(bound), &limit, why, sizeof why));
    if (option->type == OPTION_RATIO)
        return value->ratio < limit.ratio ? -1 : value->ratio > limit.ratio;
    return value->integer < limit.integer ? -1 : value->integer > limit.integer;
}

static bool is_word(const struct option *option, const union scalar *value)
{
    return option->type == OPTION_DURATION && value->integer < 0;
}

bool option_parse_scalar(const struct option *option, struct view text, void *out_value, char *why,
                         size_t why_size)
{
    union scalar value = {0};
    if (!parse_unbounded(option, text, &value, why, why_size))
        return false;
    bool text_type = option->type == OPTION_STRING || option->type == OPTION_PATH;
    char quoted[LINT_QUOTE_SIZE];
    lint_quote(text, quoted);
    if (is_bounded(option->type) && !is_word(option, &value)) {
        const char *noun = text_type ? " bytes" : "";
        if (option->minimum && compare_bound(option, &value, option->minimum) < 0)
            return fail(why, why_size, "%s is %s than the least, %s%s", quoted,
                        text_type ? "shorter" : "less", option->minimum, noun);
        if (option->maximum && compare_bound(option, &value, option->maximum) > 0)
            return fail(why, why_size, "%s is %s than the most, %s%s", quoted, text_type ? "longer" : "more",
                        option->maximum, noun);
    }
    memcpy(out_value, &value,
           option_element_size(option) ? option_element_size(option) : option_member_size(option));
    return true;
}
