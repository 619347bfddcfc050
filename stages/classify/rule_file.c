#include "stages/classify/rule_file.h"

#include "common/host.h"
#include "common/public_suffix.h"

#include <stdlib.h>

void rule_file_init(struct rule_file *file, enum rule_file_kind kind, const char *name, struct view bytes,
                    struct mistakes *mistakes)
{
    ensure(kind == RULE_FILE_HOSTS || kind == RULE_FILE_APPS);
    file->kind = kind;
    tsv_init(&file->tsv, name, bytes, mistakes);
}

/* Report what is wrong with a field of the current line; always false. `text` has one %s for the field. */
static bool wrong(const struct rule_file *file, const struct tsv_line *line, unsigned field, const char *text)
{
    char shown[MISTAKE_SHOWN_MAX + 4];
    mistakes_add(file->tsv.mistakes, file->tsv.name, line->number, line->columns[field], "'%s' %s",
                 mistakes_show(line->fields[field], shown), text);
    return false;
}

static bool read_host(const struct rule_file *file, const struct tsv_line *line, struct rule_row *out_row)
{
    char host[HOST_SIZE_MAX];
    size_t size;
    struct view key = line->fields[0];
    if (key.size > 2 && key.data[0] == '*' && key.data[1] == '.')
        return wrong(file, line, 0, "needs no star: write the host, it covers what is below it");
    if (memchr(key.data, '/', key.size) != NULL)
        return wrong(file, line, 0, "is a URL or a path: write the host alone");
    if (memchr(key.data, ':', key.size) != NULL || memchr(key.data, '%', key.size) != NULL)
        return wrong(file, line, 0, "is no plain host: write it without port and percent-encoding");
    switch (host_normalise(key, host, &size)) {
    case HOST_NAME:
        break;
    case HOST_IP_LITERAL:
        return wrong(file, line, 0, "is an address; rules are for names");
    case HOST_MALFORMED:
        if (memchr(key.data, '.', key.size) == NULL)
            return wrong(file, line, 0, "is no host name of two labels or more");
        return wrong(file, line, 0, "is no host name");
    }
    /* spec 5: never beyond the registrable domain */
    if (public_suffix_judge((struct view){host, size}) != PUBLIC_SUFFIX_NO)
        return wrong(file, line, 0, "is a public suffix: what is below it belongs to different owners");
    memcpy(out_row->key, host, size);
    out_row->key_size = (unsigned)size;
    return true;
}

/* Is `com.example.` what `example.com` says, and that no public suffix? */
static bool is_one_owners(struct view prefix)
{
    char host[RULE_KEY_SIZE_MAX];
    size_t size = 0;
    size_t end = prefix.size - 1; /* without the dot at the end */
    while (end > 0) {
        size_t start = end;
        while (start > 0 && prefix.data[start - 1] != '.')
            start--;
        memcpy(host + size, prefix.data + start, end - start);
        size += end - start;
        if (start == 0)
            break;
        host[size++] = '.';
        end = start - 1;
    }
    return public_suffix_judge((struct view){host, size}) == PUBLIC_SUFFIX_NO;
}

static bool read_app(const struct rule_file *file, const struct tsv_line *line, struct rule_row *out_row)
{
    struct view key = line->fields[0];
    bool is_prefix = key.size >= 2 && memcmp(key.data + key.size - 2, ".*", 2) == 0;
    if (is_prefix)
        key.size--; /* the dot stays */
    if (key.size == 0 || key.size > RULE_KEY_SIZE_MAX)
        return wrong(file, line, 0, "is no app ID of 1 to 255 bytes");
    for (size_t i = 0; i < key.size; i++) {
        char byte = key.data[i];
        bool letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
        if (byte == '.' && (i == 0 || key.data[i - 1] == '.'))
            return wrong(file, line, 0, "has an empty segment");
        if (byte == '*')
            return wrong(file, line, 0, "has a star inside: a prefix is written com.example.*");
        if (!letter && !(byte >= '0' && byte <= '9') && byte != '.' && byte != '_' && byte != '-')
            return wrong(file, line, 0, "has a character that no app ID has");
        out_row->key[i] = (char)(letter ? byte | 0x20 : byte);
    }
    if (!is_prefix && key.data[key.size - 1] == '.')
        return wrong(file, line, 0, "ends with a dot: a prefix is written com.example.*");
    if (is_prefix && !is_one_owners((struct view){out_row->key, key.size}))
        return wrong(file, line, 0, "covers the apps of different owners: name two segments or more");
    out_row->key_size = (unsigned)key.size;
    return true;
}

/* Case is no excuse for letting something through as another thing, so it gets its own words. */
static const char *misspelt_word(struct view text)
{
    static const char *const words[] = {"none", "deny"};
    for (unsigned i = 0; i < 2; i++) {
        size_t same = 0;
        while (same < text.size && same < 4 && (text.data[same] | 0x20) == words[i][same])
            same++;
        if (same == 4 && text.size == 4)
            return i == 0 ? "is no list of interests: did you mean none?"
                          : "is no list of interests: did you mean deny?";
    }
    return "is no list of interests: write identifiers with commas between, none, or deny";
}

static bool add_interest(const struct rule_file *file, const struct tsv_line *line, struct view part,
                         unsigned column, struct rule_row *out_row)
{
    char shown[MISTAKE_SHOWN_MAX + 4];
    struct mistakes *mistakes = file->tsv.mistakes;
    const char *name = file->tsv.name;
    unsigned id;
    if (!tsv_identifier(part, &id)) {
        mistakes_add(mistakes, name, line->number, column,
                     "'%s' is no identifier of the taxonomy (none and deny stand alone; no blanks)",
                     mistakes_show(part, shown));
        return false;
    }
    for (unsigned i = 0; i < out_row->interest_count; i++) {
        if (out_row->interests[i] == id) {
            mistakes_add(mistakes, name, line->number, column, "interest %u stands here twice", id);
            return false;
        }
    }
    if (out_row->interest_count == RECORD_INTERESTS_MAX) {
        mistakes_add(mistakes, name, line->number, column, "more than %d interests",
                     (int)RECORD_INTERESTS_MAX);
        return false;
    }
    out_row->interests[out_row->interest_count] = (uint16_t)id;
    out_row->interest_columns[out_row->interest_count] = column;
    out_row->interest_count++;
    return true;
}

static bool read_interests(const struct rule_file *file, const struct tsv_line *line,
                           struct rule_row *out_row)
{
    struct view text = line->fields[1];
    out_row->interest_count = 0;
    if (view_equal_string(text, "none") || view_equal_string(text, "deny")) {
        out_row->kind = text.data[0] == 'n' ? RULE_NONE : RULE_DENY;
        return true;
    }
    if (text.size == 0 || !(text.data[0] >= '0' && text.data[0] <= '9'))
        return wrong(file, line, 1, misspelt_word(text));
    size_t start = 0;
    for (size_t i = 0; i <= text.size; i++) {
        if (i < text.size && text.data[i] != ',')
            continue;
        if (!add_interest(file, line, (struct view){text.data + start, i - start},
                          line->columns[1] + (unsigned)start, out_row))
            return false;
        start = i + 1;
    }
    out_row->kind = RULE_INTERESTS;
    return true;
}

/* No host has one label, and no app is named by five digits or fewer. */
static bool read_category(const struct tsv_line *line, struct rule_row *out_row)
{
    struct view key = line->fields[0];
    if (line->count < 2 || line->count > 3 || !view_equal_string(line->fields[1], "deny") ||
        !tsv_identifier(key, &out_row->category))
        return false;
    memcpy(out_row->key, key.data, key.size);
    out_row->key_size = (unsigned)key.size;
    out_row->kind = RULE_DENY;
    out_row->interest_count = 0;
    return true;
}

static bool read_row(const struct rule_file *file, const struct tsv_line *line, struct rule_row *out_row)
{
    if (line->count < 2)
        return wrong(file, line, 0, "has no tab behind it: write key<TAB>interests");
    if (line->count > 3) {
        mistakes_add(file->tsv.mistakes, file->tsv.name, line->number, line->columns[3],
                     "more than three fields: a note has no tabs");
        return false;
    }
    out_row->line = line->number;
    out_row->note = line->count > 2 ? line->fields[2] : VIEW("");
    out_row->category = 0;
    if (read_category(line, out_row))
        return true;
    /* both, so that one run shows both */
    bool key = file->kind == RULE_FILE_HOSTS ? read_host(file, line, out_row) : read_app(file, line, out_row);
    bool interests = read_interests(file, line, out_row);
    return key && interests;
}

bool rule_file_next(struct rule_file *file, struct rule_row *out_row)
{
    struct tsv_line line;
    while (tsv_next(&file->tsv, &line)) {
        if (read_row(file, &line, out_row))
            return true;
    }
    return false;
}
