/*
 * Design: a line is looked at as text first (encoding, control characters, length), then split by the format's rule, then
 * its key and its category are judged, each apart. A CSV record whose quotes are open at the end of a line waits with
 * the lines that follow, up to a bound. Where the quotes are never closed the first line alone is malformed, and the
 * others are read again as lines of their own: one stray quote loses one line, not the rest of the file.
 */
#include "commands/import_list.h"

#include "commands/import_key.h"
#include "common/mistakes.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    CANDIDATES_SHOWN = 3,
    COLUMNS_MAX = IMPORT_CSV_FIELDS_MAX,
};

static struct import_place place_of(const struct import_list *list, uint64_t line)
{
    return (struct import_place){list->source, line};
}

/* ---- the head: comments before the first row ---- */

static bool takes_comment(struct view text, const char *name, char out_text[IMPORT_HEAD_SIZE])
{
    size_t size = strlen(name);
    if (text.size <= size || memcmp(text.data, name, size) != 0)
        return false;
    struct view value = import_text_trim((struct view){text.data + size, text.size - size});
    if (out_text[0] == '\0' && value.size < IMPORT_HEAD_SIZE && !memchr(value.data, '\t', value.size)) {
        memcpy(out_text, value.data, value.size);
        out_text[value.size] = '\0';
    }
    return true;
}

static void read_comment(struct import_list *list, struct view text)
{
    struct import *import = list->import;
    if (list->rows_came || list->category)
        return;
    text = import_text_trim((struct view){text.data + 1, text.size - 1});
    (void)(takes_comment(text, "source:", import->source) || takes_comment(text, "date:", import->date) ||
           takes_comment(text, "licence:", import->licence) ||
           takes_comment(text, "license:", import->licence));
}

/* ---- one row ---- */

/* Which host a folded key stands for: the only one of the list that folds to it. */
static bool unfold(struct import_list *list, uint64_t line, struct view key, struct view *out_host)
{
    struct import_report *report = &list->import->report;
    const struct import_rows *hosts = list->import->hosts;
    char shown[MISTAKE_SHOWN_MAX + 4], names[IMPORT_TEXT_SIZE] = "";
    uint64_t count = import_rows_count(hosts), different = 0;
    size_t names_size = 0;
    struct view last = VIEW_ABSENT;
    for (uint64_t at = import_rows_find(hosts, key); at < count; at++) {
        struct view host = import_rows_at(hosts, at).key;
        if (!import_rows_same(hosts, host, key))
            break;
        if (view_equal(host, last)) /* the same host twice in the list; equal ones stand side by side */
            continue;
        last = host;
        if (different++ < CANDIDATES_SHOWN)
            names_size += (size_t)snprintf(names + names_size, sizeof names - names_size, "%s%.60s",
                                           names_size ? ", " : "", mistakes_show(host, shown));
    }
    mistakes_show(key, shown);
    if (different == 1) {
        *out_host = last;
        return true;
    }
    if (different == 0) {
        import_report_left_out(report, place_of(list, line), IMPORT_UNMATCHED,
                               "'%s' is none of the hosts of the list", shown);
        return false;
    }
    report->candidates += different;
    import_report_left_out(report, place_of(list, line), IMPORT_AMBIGUOUS, "'%s' may be each of %s%s", shown,
                           names, different > CANDIDATES_SHOWN ? " ..." : "");
    return false;
}

static bool read_folded(struct import_list *list, uint64_t line, struct view text,
                        char out_host[HOST_SIZE_MAX], size_t *out_size)
{
    char key[HOST_SIZE_MAX], shown[MISTAKE_SHOWN_MAX + 4];
    enum import_fault fault;
    const char *why;
    struct view host;
    bool fine = text.size > 0 && text.size <= sizeof key && memchr(text.data, '/', text.size) == NULL;
    for (size_t i = 0; fine && i < text.size; i++)
        key[i] = text.data[i] >= 'A' && text.data[i] <= 'Z' ? (char)(text.data[i] | 0x20) : text.data[i];
    if (!fine) {
        import_report_malformed(&list->import->report, place_of(list, line), IMPORT_FAULT_HOST,
                                "'%s' is no folded host of 1 to 253 bytes", mistakes_show(text, shown));
        return false;
    }
    if (!unfold(list, line, (struct view){key, text.size}, &host))
        return false;
    if (!import_key_judge(host, &fault, &why)) {
        import_report_malformed(&list->import->report, place_of(list, line), fault, "'%s': %s",
                                mistakes_show(host, shown), why);
        return false;
    }
    memcpy(out_host, host.data, host.size);
    *out_size = host.size;
    return true;
}

static bool read_key(struct import_list *list, uint64_t line, struct view text, char out_host[HOST_SIZE_MAX],
                     size_t *out_size)
{
    char shown[MISTAKE_SHOWN_MAX + 4];
    enum import_fault fault;
    const char *why = "";
    text = import_text_trim(text);
    if (list->import->format == IMPORT_FORMAT_OVERRIDE)
        return read_folded(list, line, text, out_host, out_size);
    switch (import_key_read(text, out_host, out_size, &fault, &why)) {
    case IMPORT_KEY_HOST:
        return true;
    case IMPORT_KEY_PATH:
        import_report_left_out(&list->import->report, place_of(list, line), IMPORT_PATH,
                               "'%s' is a path, and a rule on its host would say it of the whole site",
                               mistakes_show(text, shown));
        return false;
    case IMPORT_KEY_WRONG:
        break;
    }
    import_report_malformed(&list->import->report, place_of(list, line), fault, "'%s': %s",
                            mistakes_show(text, shown), why);
    return false;
}

static bool take_row(struct import_list *list, uint64_t line, struct view key, struct view category,
                     struct error *error)
{
    struct import *import = list->import;
    char shown[MISTAKE_SHOWN_MAX + 4], host[HOST_SIZE_MAX];
    size_t size;
    unsigned number;
    if (category.size == 0 && import->format != IMPORT_FORMAT_OVERRIDE) {
        import_report_malformed(&import->report, place_of(list, line), IMPORT_FAULT_CATEGORY,
                                "the category is empty");
        return true;
    }
    if (!read_key(list, line, key, host, &size))
        return true;
    if (!import_categories_take(import->categories, category, &number, error))
        return false;
    struct import_category *taken = import_categories_at(import->categories, number);
    if (taken->outcome.verdict != IMPORT_VERDICT_UNKNOWN)
        return import_rows_add(import->rows, &(struct import_row){{host, size}, number, list->source, line},
                               error);
    taken = import_categories_at(import->categories, taken->missing);
    if (taken->rows++ == 0)
        taken->first = place_of(list, line);
    mistakes_show(category, shown);
    if (import_categories_mapped(import->categories))
        import_report_left_out(&import->report, place_of(list, line), IMPORT_UNMAPPED,
                               "the mapping lacks the category '%s'", shown);
    else
        import_report_malformed(&import->report, place_of(list, line), IMPORT_FAULT_CATEGORY,
                                "without --mapping, '%s' must be interests, none or deny", shown);
    return true;
}

/* A record with its fields. */
static bool take_fields(struct import_list *list, uint64_t line, const struct view *fields, unsigned count,
                        struct error *error)
{
    struct import *import = list->import;
    unsigned wanted =
        (import->key_column > import->category_column ? import->key_column : import->category_column) + 1;
    bool header = import->has_header && !list->header_came && !list->category;
    list->rows_came = true;
    list->header_came = true;
    if (header)
        return true;
    import->report.read++;
    if (list->category)
        return take_row(list, line, fields[0], view_of_string(list->category), error);
    /* an empty entry of an override list may have lost its tab to an editor */
    if (count == 1 && import->format == IMPORT_FORMAT_OVERRIDE)
        return take_row(list, line, fields[0], VIEW(""), error);
    if (count >= wanted && (import->any_columns || count == wanted))
        return take_row(list, line, fields[import->key_column], fields[import->category_column], error);
    import_report_malformed(&import->report, place_of(list, line), IMPORT_FAULT_COLUMNS,
                            count < wanted
                                ? "%u column%s, and %u are wanted"
                                : "%u column%s, and %u are wanted (--columns names the two that count)",
                            count, count == 1 ? "" : "s", wanted);
    return true;
}

/* ---- TSV ---- */

static bool take_tabs(struct import_list *list, uint64_t line, struct view text, struct error *error)
{
    struct view fields[COLUMNS_MAX];
    unsigned count = 0;
    if (list->category) /* the whole line is the key */
        return take_fields(list, line, &text, 1, error);
    for (size_t i = 0, start = 0; i <= text.size; i++) {
        if (i < text.size && text.data[i] != '\t')
            continue;
        if (count < COLUMNS_MAX)
            fields[count] = (struct view){text.data + start, i - start};
        count++;
        start = i + 1;
    }
    if (count <= COLUMNS_MAX)
        return take_fields(list, line, fields, count, error);
    list->import->report.read++;
    import_report_malformed(&list->import->report, place_of(list, line), IMPORT_FAULT_COLUMNS,
                            "%u columns; %d are the most", count, (int)COLUMNS_MAX);
    return true;
}

/* ---- CSV ---- */

static void malformed_record(struct import_list *list, uint64_t line, const char *why)
{
    list->rows_came = true;
    list->import->report.read++;
    import_report_malformed(&list->import->report, place_of(list, line), IMPORT_FAULT_QUOTES, "%s", why);
}

/* Fields in quotes may hold line ends; a key and a category may not. */
static bool take_record(struct import_list *list, uint64_t line, struct error *error)
{
    const struct import *import = list->import;
    const struct import_csv *csv = &list->csv;
    for (unsigned i = 0; i < csv->count; i++) {
        if ((i == import->key_column || i == import->category_column) && csv->fields[i].size > 0 &&
            (memchr(csv->fields[i].data, '\n', csv->fields[i].size) ||
             memchr(csv->fields[i].data, '\t', csv->fields[i].size))) {
            malformed_record(list, line, "a line end or a tab inside the key or the category");
            return true;
        }
    }
    return take_fields(list, line, csv->fields, csv->count, error);
}

static void drop_open(struct import_list *list, unsigned lines)
{
    size_t size = 0, all = 0;
    for (unsigned i = 0; i < list->open_count; i++) {
        size += i < lines ? list->open_sizes[i] : 0;
        all += list->open_sizes[i];
    }
    memmove(list->open, list->open + size, all - size);
    memmove(list->open_sizes, list->open_sizes + lines,
            (list->open_count - lines) * sizeof list->open_sizes[0]);
    list->open_count -= lines;
    list->open_line += lines;
}

/* Take records from the lines that wait. `final`: no more lines will come to them. */
static bool take_open(struct import_list *list, bool final, struct error *error)
{
    while (list->open_count > 0) {
        enum import_csv_result result = IMPORT_CSV_OPEN;
        size_t size = 0;
        unsigned lines = 0;
        while (lines < list->open_count && result == IMPORT_CSV_OPEN) {
            size += list->open_sizes[lines++];
            result = import_csv_split(&list->csv, (struct view){list->open, size - 1});
        }
        if (result == IMPORT_CSV_OPEN && !final)
            return true;
        if (result == IMPORT_CSV_WHOLE && !take_record(list, list->open_line, error))
            return false;
        if (result == IMPORT_CSV_OPEN)
            malformed_record(list, list->open_line,
                             "a quote is opened and not closed in this line or soon after");
        else if (result == IMPORT_CSV_WRONG)
            malformed_record(list, list->open_line, "a quote stands where none may, or too many columns");
        drop_open(list, result == IMPORT_CSV_WHOLE ? lines : 1);
    }
    return true;
}

static bool take_commas(struct import_list *list, uint64_t line, struct view text, struct error *error)
{
    size_t size = 0;
    for (unsigned i = 0; i < list->open_count; i++)
        size += list->open_sizes[i];
    if (list->open_count == IMPORT_CSV_LINES_MAX || text.size + 1 > sizeof list->open - size) {
        if (!take_open(list, true, error))
            return false;
        size = 0;
    }
    if (list->open_count == 0)
        list->open_line = line;
    memcpy(list->open + size, text.data, text.size);
    list->open[size + text.size] = '\n';
    list->open_sizes[list->open_count++] = text.size + 1;
    return take_open(list, false, error);
}

/* ---- lines ---- */

void import_list_init(struct import_list *list, struct import *import, const char *name, const char *category)
{
    list->import = import;
    list->source = import_report_source(&import->report, name);
    list->rows_came = false;
    list->header_came = false;
    list->category = category;
    list->open_count = 0;
    list->open_line = 0;
}

static bool is_utf16(struct view text)
{
    return text.size >= 2 && (memcmp(text.data, "\xff\xfe", 2) == 0 || memcmp(text.data, "\xfe\xff", 2) == 0);
}

bool import_list_take(struct import_list *list, const struct line *line, struct error *error)
{
    struct import_report *report = &list->import->report;
    uint64_t number = line->number + 1;
    struct view text = line->text;
    enum import_fault fault;
    const char *why;
    bool csv = list->import->format == IMPORT_FORMAT_CSV;
    report->lines++;
    if (number == 1 && is_utf16(text))
        return error_fail(error, EXIT_STATUS_DATA, report->sources[list->source],
                          "convert it: iconv -f UTF-16 -t UTF-8", "the file is written in UTF-16");
    if (number == 1 && text.size >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0)
        text = (struct view){text.data + 3, text.size - 3};
    if (!line->cut && text.size > 0 && text.data[text.size - 1] == '\r')
        text.size--;
    if (line->cut || !import_text_clean(text, &fault, &why)) {
        if (!take_open(list, true, error)) /* a record cannot go on over such a line */
            return false;
        list->rows_came = true;
        report->read++;
        if (line->cut)
            import_report_malformed(report, place_of(list, number), IMPORT_FAULT_SIZE,
                                    "the line has more than %d bytes", (int)IMPORT_LINE_SIZE_MAX);
        else
            import_report_malformed(report, place_of(list, number), fault, "%s", why);
        return true;
    }
    if (list->open_count > 0)
        return take_commas(list, number, text, error);
    if (text.size == 0)
        return true;
    if (text.data[0] == '#') {
        read_comment(list, text);
        return true;
    }
    return csv ? take_commas(list, number, text, error) : take_tabs(list, number, text, error);
}

bool import_list_end(struct import_list *list, struct error *error)
{
    return take_open(list, true, error);
}

bool import_list_read(struct import *import, const char *path, const char *name, const char *category,
                      struct error *error)
{
    struct line_reader reader;
    struct line line;
    enum line_result result = LINE_FAILED;
    struct import_list *list = malloc(sizeof *list);
    if (list == NULL)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, name, NULL, "no memory to read a list");
    bool fine = line_reader_open(&reader, path, IMPORT_LINE_SIZE_MAX, -1, error);
    if (fine) {
        import_list_init(list, import, name, category);
        while (fine && (result = line_reader_next(&reader, &line, error)) == LINE_READ)
            fine = import_list_take(list, &line, error);
        fine = fine && result == LINE_END && import_list_end(list, error);
        line_reader_close(&reader);
    }
    free(list);
    return fine;
}

/* ---- the list of hosts ---- */

static bool add_host(struct import_rows *hosts, struct view host, struct error *error)
{
    static const char www[] = "www.";
    size_t size = sizeof www - 1;
    if (!import_rows_add(hosts, &(struct import_row){.key = host}, error))
        return false;
    /* Whoever folds hosts drops `www.` first, as Chromium does (components/optimization_guide). */
    if (host.size <= size || memcmp(host.data, www, size) != 0)
        return true;
    struct view rest = {host.data + size, host.size - size};
    if (memchr(rest.data, '.', rest.size) == NULL)
        return true;
    return import_rows_add(hosts, &(struct import_row){.key = rest}, error);
}

bool import_hosts_read(struct import_rows *hosts, const char *path, uint64_t *out_good, uint64_t *out_bad,
                       struct error *error)
{
    struct line_reader reader;
    struct line line;
    enum line_result result = LINE_FAILED;
    uint64_t good = 0, bad = 0;
    if (!line_reader_open(&reader, path, IMPORT_LINE_SIZE_MAX, -1, error))
        return false;
    bool fine = true;
    while (fine && (result = line_reader_next(&reader, &line, error)) == LINE_READ) {
        char host[HOST_SIZE_MAX];
        size_t size = 0;
        struct view text = line.text;
        if (line.number == 0 && text.size >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0)
            text = (struct view){text.data + 3, text.size - 3};
        while (size < text.size && text.data[size] != '\t' && text.data[size] != ',' &&
               text.data[size] != '\r')
            size++;
        text = import_text_trim((struct view){text.data, size});
        if (text.size == 0 || text.data[0] == '#')
            continue;
        if (line.cut || host_normalise(text, host, &size) != HOST_NAME) {
            bad++;
            continue;
        }
        good++;
        fine = add_host(hosts, (struct view){host, size}, error);
    }
    line_reader_close(&reader);
    if (!fine || result != LINE_END)
        return false;
    import_rows_sort(hosts);
    *out_good = good;
    *out_bad = bad;
    return true;
}
