#include "commands/consent_rows.h"

#include "commands/consent.h"
#include "common/rfc3339.h"

#include <stdlib.h>
#include <yyjson.h>

enum { LINE_MAX_BYTES = CONSENT_VALUE_BYTES_MAX * 2, COLUMNS_MAX = 32 };

enum column {
    COLUMN_SUBJECT = 0,
    COLUMN_PROGRAMME,
    COLUMN_CHOICE,
    COLUMN_EFFECTIVE,
    COLUMN_SEQ,
    COLUMN_TWO_STEP,
    COLUMN_ASKED,
    COLUMN_LAST_OUT,
    COLUMN_CLOSED,
    COLUMN_RESET,
    COLUMNS,
};

static const char *const column_names[COLUMNS] = {
    [COLUMN_SUBJECT] = "subject", [COLUMN_PROGRAMME] = "programme",
    [COLUMN_CHOICE] = "choice",   [COLUMN_EFFECTIVE] = "effective",
    [COLUMN_SEQ] = "seq",         [COLUMN_TWO_STEP] = "two_step",
    [COLUMN_ASKED] = "asked",     [COLUMN_LAST_OUT] = "last_out",
    [COLUMN_CLOSED] = "closed",   [COLUMN_RESET] = "reset",
};

struct consent_rows {
    enum identifier_kind line_kind;
    enum consent_format format;
    enum column columns[COLUMNS_MAX];
    unsigned column_count;
    yyjson_doc *document; /* of the last JSON line */
    char text[LINE_MAX_BYTES];
};

struct consent_rows *consent_rows_new(enum identifier_kind line_kind, enum consent_format format,
                                      struct error *error)
{
    struct consent_rows *rows = calloc(1, sizeof *rows);
    if (!rows) {
        (void)error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for lines");
        return NULL;
    }
    rows->line_kind = line_kind;
    rows->format = format;
    return rows;
}

void consent_rows_free(struct consent_rows *rows)
{
    if (!rows)
        return;
    yyjson_doc_free(rows->document);
    free(rows);
}

static bool ends_with(const char *text, const char *ending)
{
    size_t size = strlen(text), ending_size = strlen(ending);
    return size >= ending_size && strcmp(text + size - ending_size, ending) == 0;
}

enum consent_format consent_format_of(const char *path)
{
    if (ends_with(path, ".csv"))
        return CONSENT_FORMAT_CSV;
    if (ends_with(path, ".jsonl") || ends_with(path, ".ndjson") || ends_with(path, ".json"))
        return CONSENT_FORMAT_JSONL;
    return CONSENT_FORMAT_UNKNOWN;
}

static bool wrong(const char **out_why, const char *why)
{
    *out_why = why;
    return false;
}

/* ---- values ---- */

static bool read_key(struct consent_rows *rows, struct view text, struct consent_row *row,
                     const char **out_why)
{
    consent_key_read(text, rows->line_kind, &row->key);
    switch (row->key.kind) {
    case CONSENT_KEY_CHOICE:
        return true;
    case CONSENT_KEY_SIGNAL:
    case CONSENT_KEY_HASH:
    case CONSENT_KEY_LINK:
    case CONSENT_KEY_META:
        row->skipped = true;
        return true;
    case CONSENT_KEY_WRONG_KIND:
        return wrong(out_why, "the subject is of another kind than subscriber.kind says");
    case CONSENT_KEY_LIMITED:
        return wrong(out_why, "an advertising ID of all zeros names no device");
    case CONSENT_KEY_UNREADABLE:
        break;
    }
    return wrong(out_why, consent_subject_form(rows->line_kind));
}

static bool read_integer(struct view text, int64_t *out_number)
{
    char digits[24], *end;
    if (text.size == 0 || text.size >= sizeof digits)
        return false;
    memcpy(digits, text.data, text.size);
    digits[text.size] = '\0';
    if (strspn(digits, "-0123456789") != text.size)
        return false;
    long long number = strtoll(digits, &end, 10);
    *out_number = number;
    return *end == '\0' && text.size <= 19;
}

static bool read_time(struct view text, int64_t *out_ms)
{
    return (rfc3339_read(text, out_ms) || read_integer(text, out_ms)) && *out_ms >= 0 &&
           *out_ms <= CHOICE_EFFECTIVE_MS_MAX;
}

static bool read_flag(struct view text, bool *out_flag)
{
    *out_flag = view_equal(text, VIEW("true")) || view_equal(text, VIEW("1"));
    return *out_flag || text.size == 0 || view_equal(text, VIEW("false")) || view_equal(text, VIEW("0"));
}

static bool is_name(struct view text)
{
    bool plain = text.size > 0 && text.size <= 128;
    for (size_t i = 0; plain && i < text.size; i++)
        plain = text.data[i] > 0x20 && text.data[i] < 0x7f && text.data[i] != '"' && text.data[i] != '\\';
    return plain;
}

static bool add_choice(struct consent_change *change, struct view name, struct view choice,
                       const char **out_why)
{
    bool in = view_equal(choice, VIEW("in"));
    if (!is_name(name))
        return wrong(out_why,
                     "the programme's name is empty, longer than 128 bytes, or has blanks or quotes");
    if (!in && !view_equal(choice, VIEW("out")))
        return wrong(out_why, "the choice is neither in nor out");
    if (change->count == CONSENT_CHANGE_CHOICES_MAX)
        return wrong(out_why, "more than 64 programmes");
    for (unsigned i = 0; i < change->count; i++) {
        if (view_equal(change->choices[i].name, name))
            return wrong(out_why, "a programme stands there twice");
    }
    change->choices[change->count++] = (struct consent_choice){name, in};
    return true;
}

/* ---- CSV: RFC 4180, but a record is a line ---- */

/* Take the next field off `rest`; its text is unquoted in place. */
static bool take_field(char **rest, char *end, struct view *out_field, bool *out_last, const char **out_why)
{
    char *from = *rest, *to = from, *at = from;
    bool quoted = at < end && *at == '"';
    if (quoted) {
        for (at++; at < end; at++) {
            if (*at == '"' && at + 1 < end && at[1] == '"')
                at++;
            else if (*at == '"')
                break;
            *to++ = *at;
        }
        if (at == end)
            return wrong(out_why, "a quote is not closed in the line");
        at++;
        if (at < end && *at != ',')
            return wrong(out_why, "something follows a closing quote");
    } else {
        while (at < end && *at != ',')
            at++;
        if (memchr(from, '"', (size_t)(at - from)))
            return wrong(out_why, "a quote stands inside a field");
        to = at;
    }
    *out_field = (struct view){from, (size_t)(to - from)};
    *out_last = at == end;
    *rest = at == end ? end : at + 1;
    return true;
}

static bool read_header(struct consent_rows *rows, char *text, char *end, const char **out_why)
{
    bool last = false, seen[COLUMNS] = {false};
    while (!last) {
        struct view field;
        if (!take_field(&text, end, &field, &last, out_why))
            return false;
        enum column column = COLUMN_SUBJECT;
        while (column < COLUMNS && !view_equal_string(field, column_names[column]))
            column++;
        if (column == COLUMNS || seen[column] || rows->column_count == COLUMNS_MAX)
            return wrong(
                out_why,
                "the first line must name the columns: subject, programme, choice, and of effective, seq, "
                "two_step, asked, last_out, closed, reset those that there are, each once");
        seen[column] = true;
        rows->columns[rows->column_count++] = column;
    }
    if (!seen[COLUMN_SUBJECT] || !seen[COLUMN_PROGRAMME] || !seen[COLUMN_CHOICE])
        return wrong(out_why, "the first line must name the columns subject, programme and choice");
    return true;
}

static bool read_column(struct consent_rows *rows, enum column column, struct view field, struct view *name,
                        struct view *choice, struct consent_row *row, const char **out_why)
{
    struct consent_change *change = &row->change;
    switch (column) {
    case COLUMN_SUBJECT:
        return read_key(rows, field, row, out_why);
    case COLUMN_PROGRAMME:
        *name = field;
        return true;
    case COLUMN_CHOICE:
        *choice = field;
        return true;
    case COLUMN_EFFECTIVE:
        change->has_effective = field.size > 0;
        return field.size == 0 || read_time(field, &change->effective_ms) ||
               wrong(out_why, "effective is no time: RFC 3339 with zone, or epoch milliseconds");
    case COLUMN_SEQ:
        change->has_seq = field.size > 0;
        return field.size == 0 || read_integer(field, &change->seq) ||
               wrong(out_why, "seq is no whole number");
    case COLUMN_LAST_OUT:
        change->has_last_out = field.size > 0;
        return field.size == 0 || read_time(field, &change->last_out_ms) ||
               wrong(out_why, "last_out is no time");
    case COLUMN_TWO_STEP:
        return read_flag(field, &change->two_step) || wrong(out_why, "two_step is neither true nor false");
    case COLUMN_ASKED:
        return read_flag(field, &change->asked) || wrong(out_why, "asked is neither true nor false");
    case COLUMN_CLOSED:
        return read_flag(field, &change->closed) || wrong(out_why, "closed is neither true nor false");
    case COLUMN_RESET:
        return read_flag(field, &change->reset) || wrong(out_why, "reset is neither true nor false");
    case COLUMNS:
        break;
    }
    return wrong(out_why, "unknown column");
}

static bool read_csv(struct consent_rows *rows, char *text, char *end, struct consent_row *row,
                     const char **out_why)
{
    struct view name = VIEW(""), choice = VIEW("");
    bool last = false;
    for (unsigned i = 0; i < rows->column_count; i++) {
        struct view field;
        if (last)
            return wrong(out_why, "fewer fields than columns");
        if (!take_field(&text, end, &field, &last, out_why) ||
            !read_column(rows, rows->columns[i], field, &name, &choice, row, out_why))
            return false;
    }
    if (!last)
        return wrong(out_why, "more fields than columns");
    if (row->skipped)
        return true;
    return add_choice(&row->change, name, choice, out_why);
}

/* ---- JSON lines: records as file mode has them ---- */

static struct view text_of(yyjson_val *value)
{
    return (struct view){yyjson_get_str(value), yyjson_get_len(value)};
}

static bool json_time(yyjson_val *value, bool *out_has, int64_t *out_ms)
{
    *out_has = !yyjson_is_null(value);
    if (!*out_has)
        return true;
    if (yyjson_is_str(value))
        return read_time(text_of(value), out_ms);
    if (!yyjson_is_uint(value) || yyjson_get_uint(value) > (uint64_t)CHOICE_EFFECTIVE_MS_MAX)
        return false;
    *out_ms = (int64_t)yyjson_get_uint(value);
    return true;
}

static bool json_flag(yyjson_val *value, bool *out_flag)
{
    *out_flag = yyjson_is_true(value);
    return yyjson_is_bool(value) || yyjson_is_null(value);
}

static bool json_choices(yyjson_val *choices, struct consent_change *change, const char **out_why)
{
    size_t index, count;
    yyjson_val *name, *choice;
    if (!yyjson_is_obj(choices))
        return wrong(out_why, "choices is no object");
    yyjson_obj_foreach(choices, index, count, name, choice)
    {
        struct view text = yyjson_is_str(choice) ? text_of(choice) : VIEW("");
        if (!add_choice(change, text_of(name), text, out_why))
            return false;
    }
    return true;
}

static bool json_member(struct view name, yyjson_val *value, struct consent_change *change,
                        const char **out_why)
{
    if (view_equal(name, VIEW("choices")))
        return json_choices(value, change, out_why);
    if (view_equal(name, VIEW("effective")))
        return json_time(value, &change->has_effective, &change->effective_ms) ||
               wrong(out_why, "effective is no time: RFC 3339 with zone, or epoch milliseconds");
    if (view_equal(name, VIEW("last_out")))
        return json_time(value, &change->has_last_out, &change->last_out_ms) ||
               wrong(out_why, "last_out is no time");
    if (view_equal(name, VIEW("seq"))) {
        bool is_int = yyjson_is_int(value) && !(yyjson_is_uint(value) && yyjson_get_uint(value) > INT64_MAX);
        change->has_seq = is_int;
        change->seq = yyjson_get_sint(value);
        return is_int || yyjson_is_null(value) || wrong(out_why, "seq is no whole number");
    }
    if (view_equal(name, VIEW("two_step")))
        return json_flag(value, &change->two_step) || wrong(out_why, "two_step is neither true nor false");
    if (view_equal(name, VIEW("asked")))
        return json_flag(value, &change->asked) || wrong(out_why, "asked is neither true nor false");
    if (view_equal(name, VIEW("closed")))
        return json_flag(value, &change->closed) || wrong(out_why, "closed is neither true nor false");
    if (view_equal(name, VIEW("reset")))
        return json_flag(value, &change->reset) || wrong(out_why, "reset is neither true nor false");
    if (view_equal(name, VIEW("moved_from")))
        return yyjson_is_null(value) ||
               wrong(out_why, "moved_from is not imported: it names another subject");
    return wrong(out_why, "the value has a member that nobody knows");
}

/* A member twice is a contradiction. */
static bool has_twins(yyjson_val *object)
{
    size_t index, count, other_index, other_count;
    yyjson_val *name, *value, *other, *other_value;
    yyjson_obj_foreach(object, index, count, name, value)
    {
        yyjson_obj_foreach(object, other_index, other_count, other, other_value)
        {
            if (other_index < index && view_equal(text_of(name), text_of(other)))
                return true;
        }
    }
    return false;
}

static bool read_json(struct consent_rows *rows, char *text, size_t size, struct consent_row *row,
                      const char **out_why)
{
    yyjson_doc_free(rows->document);
    rows->document = yyjson_read(text, size, YYJSON_READ_NOFLAG);
    yyjson_val *root = yyjson_doc_get_root(rows->document), *key = yyjson_obj_get(root, "key");
    yyjson_val *value = yyjson_obj_get(root, "value");
    size_t index, count;
    yyjson_val *name, *member;
    if (!yyjson_is_obj(root))
        return wrong(out_why, "this is no JSON object");
    if (has_twins(root) || !yyjson_is_str(key) || !value)
        return wrong(out_why, "a line has the members key and value, each once");
    if (!read_key(rows, text_of(key), row, out_why))
        return false;
    if (row->skipped)
        return true;
    if (yyjson_is_null(value))
        return wrong(out_why, "a tombstone erases, and is not imported");
    if (!yyjson_is_obj(value) || yyjson_obj_size(value) > COLUMNS_MAX || has_twins(value))
        return wrong(out_why, "value is no object, or has a member twice");
    yyjson_obj_foreach(value, index, count, name, member)
    {
        if (!json_member(text_of(name), member, &row->change, out_why))
            return false;
    }
    return row->change.count > 0 || row->change.closed || row->change.reset ||
           wrong(out_why, "it has no choices");
}

/* ---- lines ---- */

static size_t strip(const char **text, size_t size, bool first)
{
    if (first && size >= 3 && memcmp(*text, "\xef\xbb\xbf", 3) == 0) { /* a byte order mark */
        *text += 3;
        size -= 3;
    }
    return size > 0 && (*text)[size - 1] == '\r' ? size - 1 : size;
}

bool consent_rows_read(struct consent_rows *rows, const struct line *line, struct consent_row *out_row,
                       const char **out_why, bool *out_fatal)
{
    *out_row = (struct consent_row){0};
    *out_fatal = false;
    const char *from = line->text.data;
    size_t size = strip(&from, line->text.size, line->number == 0);
    if (line->cut || size > LINE_MAX_BYTES)
        return wrong(out_why, "the line is too long");
    if (size == 0) {
        out_row->skipped = true;
        return true;
    }
    memcpy(rows->text, from, size);
    if (rows->format == CONSENT_FORMAT_UNKNOWN)
        rows->format = rows->text[0] == '{' ? CONSENT_FORMAT_JSONL : CONSENT_FORMAT_CSV;
    if (rows->format == CONSENT_FORMAT_JSONL)
        return read_json(rows, rows->text, size, out_row, out_why);
    if (rows->column_count > 0)
        return read_csv(rows, rows->text, rows->text + size, out_row, out_why);
    out_row->skipped = true;
    *out_fatal = !read_header(rows, rows->text, rows->text + size, out_why);
    return !*out_fatal;
}
