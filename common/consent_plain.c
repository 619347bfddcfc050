/*
 * Where the form leaves a doubt (a name twice, a number at its bound, a sign, a byte beyond ASCII), the value is not
 * plain: the other reader decides. So nothing is decided twice, and a mistake here can only be one of the grammar below.
 */
#include "common/consent_plain.h"

#include "common/rfc3339.h"

enum {
    DIGITS_MAX = 18, /* any number of so many digits fits */
    TIME_SIZE_MAX = 40,
};

struct text {
    const char *at, *end;
};

#define TAKE(text, literal) take(text, literal, sizeof(literal) - 1)

static inline bool take(struct text *text, const char *literal, size_t size)
{
    if ((size_t)(text->end - text->at) < size || memcmp(text->at, literal, size) != 0)
        return false;
    text->at += size;
    return true;
}

/* A whole number, not negative, as JSON writes it: without zeros in front. */
static inline bool take_number(struct text *text, int64_t *out_number)
{
    const char *at = text->at;
    uint64_t number = 0;
    unsigned digit;
    for (; at < text->end && (digit = (unsigned)(unsigned char)*at - '0') <= 9; at++) {
        if (at - text->at == DIGITS_MAX)
            return false;
        number = number * 10 + digit;
    }
    if (at == text->at || (*text->at == '0' && at - text->at > 1))
        return false;
    text->at = at;
    *out_number = (int64_t)number;
    return true;
}

/* Up to the quote, of what stands for itself in JSON. */
static inline bool take_string(struct text *text, struct view *out_string)
{
    const char *at = text->at;
    while (at < text->end && *at != '"') {
        if (*at < 0x20 || *at >= 0x7f || *at == '\\')
            return false;
        at++;
    }
    if (at == text->end)
        return false;
    *out_string = (struct view){text->at, (size_t)(at - text->at)};
    text->at = at + 1;
    return true;
}

static inline bool take_time(struct text *text, int64_t *out_time_ms)
{
    struct view written;
    int64_t time_ms;
    if (TAKE(text, "\"")) {
        if (!take_string(text, &written) || written.size > TIME_SIZE_MAX || !rfc3339_read(written, &time_ms))
            return false;
    } else if (!take_number(text, &time_ms)) {
        return false;
    }
    *out_time_ms = time_ms;
    return time_ms >= 0 && time_ms <= CHOICE_EFFECTIVE_MS_MAX;
}

static inline bool take_choice(struct text *text, const struct choice_names *names,
                               struct choice_record *record, unsigned *unknown_names)
{
    struct view name;
    if (!TAKE(text, "\"") || !take_string(text, &name))
        return false;
    choice_set bit = choice_names_bit(names, name);
    if ((record->in | record->out) & bit)
        return false;
    if (TAKE(text, ":\"out\""))
        record->out |= bit;
    else if (TAKE(text, ":\"in\""))
        record->in |= bit;
    else
        return false;
    *unknown_names += !bit;
    return true;
}

static inline bool take_choices(struct text *text, const struct choice_names *names,
                                struct choice_record *record, unsigned *unknown_names)
{
    if (!TAKE(text, "{\"choices\":{"))
        return false;
    if (TAKE(text, "}"))
        return true;
    do {
        if (!take_choice(text, names, record, unknown_names))
            return false;
    } while (TAKE(text, ","));
    return TAKE(text, "}");
}

/* Members that most records do not have. */
static bool take_rest(struct text *text, struct choice_record *record)
{
    record->two_step = TAKE(text, ",\"two_step\":true");
    record->asked = TAKE(text, ",\"asked\":true");
    record->had_out = TAKE(text, ",\"last_out\":");
    if (record->had_out && !take_time(text, &record->last_out_ms))
        return false;
    record->closed = TAKE(text, ",\"closed\":true");
    record->reset = TAKE(text, ",\"reset\":true");
    return TAKE(text, "}");
}

bool consent_plain_read(struct view value, const struct choice_names *names, struct choice_record *out_record,
                        unsigned *out_unknown_names)
{
    struct choice_record record = {.readable = true};
    unsigned unknown_names = 0;
    if (view_is_absent(value) || value.size > CONSENT_PLAIN_BYTES_MAX)
        return false;
    struct text text = {value.data, value.data + value.size};
    if (!take_choices(&text, names, &record, &unknown_names) || !TAKE(&text, ",\"effective\":") ||
        !take_time(&text, &record.effective_ms) || !TAKE(&text, ",\"seq\":") ||
        !take_number(&text, &record.seq) || (!TAKE(&text, "}") && !take_rest(&text, &record)) ||
        text.at != text.end)
        return false;
    *out_record = record;
    *out_unknown_names = unknown_names;
    return true;
}
