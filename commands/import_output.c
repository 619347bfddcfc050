#include "commands/import_output.h"

#include "common/mistakes.h"
#include "common/utf8.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <yyjson.h>

enum {
    CATEGORIES_SHOWN = 30, /* in text; JSON has all */
    BUFFER_SIZE = 1 << 20,
};

/* ---- the file ---- */

bool import_output_open(struct import_output *output, const char *path, struct error *error)
{
    *output = (struct import_output){0};
    if (!file_replace_begin(&output->file, path, 0666, error))
        return false;
    output->buffer = malloc(BUFFER_SIZE);
    ensure(output->buffer != NULL);
    return true;
}

static void flush(struct import_output *output)
{
    if (!output->failed && output->filled > 0)
        output->failed = !file_replace_write(&output->file, output->buffer, output->filled, &output->error);
    output->filled = 0;
}

static void put(struct import_output *output, struct view text)
{
    ensure(text.size <= BUFFER_SIZE);
    if (output->filled + text.size > BUFFER_SIZE)
        flush(output);
    memcpy(output->buffer + output->filled, text.data, text.size);
    output->filled += text.size;
}

static void put_format(struct import_output *output, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void put_format(struct import_output *output, const char *format, ...)
{
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    ensure(size >= 0 && (size_t)size < sizeof text);
    put(output, (struct view){text, (size_t)size});
}

bool import_output_keep(struct import_output *output, struct error *error)
{
    flush(output);
    if (!output->failed)
        return file_replace_end(&output->file, error);
    *error = output->error;
    return false;
}

void import_output_abandon(struct import_output *output)
{
    file_replace_give_up(&output->file);
    free(output->buffer);
    output->buffer = NULL;
}

static void write_head(struct import_output *output, const struct import_head *head)
{
    put_format(output, "# source: %s\n# date: %s\n# licence: %s\n# imported: %s", head->source, head->date,
               head->licence, head->format);
    if (head->mapping)
        put_format(output, ", mapping %s", head->mapping);
    put(output, VIEW("\n"));
}

/* ---- rules ---- */

struct merged {
    enum import_verdict verdict;
    unsigned interest_count;
    uint16_t interests[IMPORT_INTERESTS_MAX];
};

/* False: there is no room for all of them; none is taken then. */
static bool join(struct merged *merged, const struct import_outcome *outcome)
{
    unsigned count = merged->interest_count;
    for (unsigned i = 0; i < outcome->interest_count; i++) {
        unsigned at = 0;
        while (at < count && merged->interests[at] != outcome->interests[i])
            at++;
        if (at < count)
            continue;
        if (count == IMPORT_INTERESTS_MAX)
            return false;
        merged->interests[count++] = outcome->interests[i];
    }
    merged->interest_count = count;
    return true;
}

/* The rows [begin, end) have one key. */
static void merge(struct import *import, uint64_t begin, uint64_t end, struct merged *merged)
{
    struct import_report *report = &import->report;
    *merged = (struct merged){0};
    for (uint64_t i = begin; i < end; i++) {
        unsigned number = import_rows_at(import->rows, i).number;
        enum import_verdict verdict = import_categories_at(import->categories, number)->outcome.verdict;
        merged->verdict = verdict > merged->verdict ? verdict : merged->verdict;
    }
    bool first = true;
    for (uint64_t i = begin; i < end; i++) {
        struct import_row row = import_rows_at(import->rows, i);
        const struct import_outcome *outcome = &import_categories_at(import->categories, row.number)->outcome;
        if (merged->verdict == IMPORT_VERDICT_INTERESTS && !join(merged, outcome)) {
            import_report_malformed(report, (struct import_place){row.source, row.line},
                                    IMPORT_FAULT_INTERESTS,
                                    "with what other rows say of this key these are more than %d interests",
                                    (int)IMPORT_INTERESTS_MAX);
            continue;
        }
        if (!first || outcome->verdict != merged->verdict) {
            report->fates[IMPORT_MERGED]++;
            report->overruled += outcome->verdict != merged->verdict;
            continue;
        }
        first = false; /* the row that is written: the first of the strongest */
        report->fates[merged->verdict == IMPORT_VERDICT_DENY   ? IMPORT_DENY
                      : merged->verdict == IMPORT_VERDICT_NONE ? IMPORT_NONE
                                                               : IMPORT_INTERESTS]++;
    }
}

static void write_rule(struct import_output *output, struct view key, const struct merged *merged)
{
    put(output, key);
    if (merged->verdict != IMPORT_VERDICT_INTERESTS) {
        put(output, merged->verdict == IMPORT_VERDICT_NONE ? VIEW("\tnone\n") : VIEW("\tdeny\n"));
        return;
    }
    for (unsigned i = 0; i < merged->interest_count; i++)
        put_format(output, "%c%u", i ? ',' : '\t', merged->interests[i]);
    put(output, VIEW("\n"));
}

void import_output_rules(struct import_output *output, struct import *import, const struct import_head *head)
{
    uint64_t count = import_rows_count(import->rows), end;
    import_rows_sort(import->rows);
    write_head(output, head);
    for (uint64_t begin = 0; begin < count; begin = end) {
        struct merged merged;
        struct view key = import_rows_at(import->rows, begin).key;
        end = begin + 1;
        while (end < count && import_rows_same(import->rows, key, import_rows_at(import->rows, end).key))
            end++;
        merge(import, begin, end, &merged);
        write_rule(output, key, &merged);
    }
}

/* ---- a taxonomy ---- */

void import_output_taxonomy(struct import_output *output, const struct import_taxonomy *taxonomy,
                            const struct import_head *head)
{
    struct import_taxonomy_row row;
    write_head(output, head);
    put(output,
        VIEW("#\n# id<TAB>parent<TAB>tier<TAB>publishable|refused|sensitive<TAB>name; parent 0: none\n"));
    for (unsigned i = 0; import_taxonomy_at(taxonomy, i, &row); i++) {
        const char *status = row.fate == IMPORT_INTERESTS ? "publishable"
                             : row.fate == IMPORT_DENY    ? "sensitive"
                                                          : "refused";
        put_format(output, "%u\t%u\t%u\t%s\t%.*s\n", row.id, row.parent, row.tier, status, (int)row.name.size,
                   row.name.data);
    }
}

/* ---- what is said ---- */

static void place_text(const struct import_report *report, struct import_place place,
                       char text[IMPORT_TEXT_SIZE])
{
    char shown[MISTAKE_SHOWN_MAX + 4];
    snprintf(text, IMPORT_TEXT_SIZE, "%s:%" PRIu64,
             mistakes_show(view_of_string(report->sources[place.source]), shown), place.line);
}

void import_output_shown(struct import *import)
{
    const struct import_report *report = &import->report;
    char place[IMPORT_TEXT_SIZE];
    for (unsigned i = 0; i < report->shown_count; i++) {
        const struct import_shown *shown = &report->shown[i];
        place_text(report, shown->place, place);
        fprintf(stderr, "%s: %s: %s\n", place, import_fate_name(shown->fate), shown->text);
    }
    for (unsigned i = 0; i < IMPORT_FATES + IMPORT_FAULTS; i++) {
        bool is_fault = i >= IMPORT_FATES;
        uint64_t all = i == IMPORT_MALFORMED ? 0
                       : is_fault            ? report->faults[i - IMPORT_FATES]
                                             : report->fates[i];
        if (i == IMPORT_FATES || (i >= IMPORT_MERGED && !is_fault) || all <= report->shown_of[i])
            continue;
        fprintf(stderr, "and %" PRIu64 " more %s%s\n", all - report->shown_of[i],
                is_fault ? "malformed: " : "",
                is_fault ? import_fault_name((enum import_fault)(i - IMPORT_FATES))
                         : import_fate_name((enum import_fate)i));
    }
    for (unsigned i = 0; i < report->note_count; i++)
        fprintf(stderr, "%s\n", report->notes[i]);
    if (report->notes_all > report->note_count)
        fprintf(stderr, "and %" PRIu64 " more such notes\n", report->notes_all - report->note_count);
}

/* ---- categories that the mapping lacks, by how many rows that costs ---- */

static int compare_lacks(const void *left, const void *right)
{
    const struct import_category *a = *(struct import_category *const *)left;
    const struct import_category *b = *(struct import_category *const *)right;
    if (a->rows != b->rows)
        return a->rows > b->rows ? -1 : 1;
    return a->first.source != b->first.source
               ? (a->first.source < b->first.source ? -1 : 1)
               : (a->first.line > b->first.line) - (a->first.line < b->first.line);
}

/* The caller frees it. */
static struct import_category **find_lacks(struct import *import, unsigned *out_count)
{
    unsigned count = import->categories ? import_categories_count(import->categories) : 0;
    struct import_category **lacks = calloc((size_t)count + 1, sizeof(struct import_category *));
    ensure(lacks != NULL);
    *out_count = 0;
    for (unsigned i = 0; i < count && import_categories_mapped(import->categories); i++) {
        struct import_category *category = import_categories_at(import->categories, i);
        if (category->rows > 0)
            lacks[(*out_count)++] = category;
    }
    qsort(lacks, *out_count, sizeof(struct import_category *), compare_lacks);
    return lacks;
}

/* ---- the summary ---- */

/* Fates that a format can have, in the order in which they are said. */
static const enum import_fate fates[] = {
    IMPORT_INTERESTS, IMPORT_NONE,      IMPORT_DENY, IMPORT_MERGED,     IMPORT_UNMAPPED,
    IMPORT_UNMATCHED, IMPORT_AMBIGUOUS, IMPORT_PATH, IMPORT_UNNUMBERED, IMPORT_MALFORMED,
};

enum { FATES_SAID = sizeof fates / sizeof *fates };

/* Of a taxonomy, what its table says. */
static const char *fate_name(const struct import *import, enum import_fate fate)
{
    if (import->format == IMPORT_FORMAT_TAXONOMY) {
        switch (fate) {
        case IMPORT_INTERESTS:
            return "publishable";
        case IMPORT_NONE:
            return "refused";
        case IMPORT_DENY:
            return "sensitive";
        default:
            break;
        }
    }
    return import_fate_name(fate);
}

static bool may_have(const struct import *import, enum import_fate fate)
{
    bool taxonomy = import->format == IMPORT_FORMAT_TAXONOMY;
    bool folded = import->format == IMPORT_FORMAT_OVERRIDE;
    switch (fate) {
    case IMPORT_UNMATCHED:
    case IMPORT_AMBIGUOUS:
        return folded;
    case IMPORT_PATH:
        return !folded && !taxonomy;
    case IMPORT_MERGED:
        return !taxonomy;
    case IMPORT_UNNUMBERED:
        return taxonomy;
    default:
        return true;
    }
}

/* Rows of the output. */
static uint64_t written(const struct import *import)
{
    const uint64_t *counts = import->report.fates;
    uint64_t kept = counts[IMPORT_INTERESTS] + counts[IMPORT_NONE] + counts[IMPORT_DENY];
    return import->format == IMPORT_FORMAT_TAXONOMY ? kept + counts[IMPORT_UNMAPPED] : kept;
}

/* Text of a file as JSON can hold it. */
static yyjson_mut_val *json_text(yyjson_mut_doc *json, struct view text)
{
    char shown[MISTAKE_SHOWN_MAX + 4];
    if (utf8_valid(text))
        return yyjson_mut_strncpy(json, text.data, text.size);
    return yyjson_mut_strcpy(json, mistakes_show(text, shown));
}

static void json_place(yyjson_mut_doc *json, yyjson_mut_val *entry, const struct import_report *report,
                       struct import_place place)
{
    yyjson_mut_obj_add_val(json, entry, "file",
                           json_text(json, view_of_string(report->sources[place.source])));
    yyjson_mut_obj_add_uint(json, entry, "line", place.line);
}

static void json_categories(yyjson_mut_doc *json, yyjson_mut_val *root, struct import *import,
                            const struct import_mapping *mapping)
{
    unsigned count;
    struct view category;
    bool used;
    struct import_category **lacks = find_lacks(import, &count);
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(json, root, "unmapped_categories");
    for (unsigned i = 0; i < count; i++) {
        yyjson_mut_val *entry = yyjson_mut_arr_add_obj(json, list);
        yyjson_mut_obj_add_val(json, entry, "category", json_text(json, lacks[i]->text));
        yyjson_mut_obj_add_uint(json, entry, "rows", lacks[i]->rows);
        json_place(json, entry, &import->report, lacks[i]->first);
    }
    free(lacks);
    list = yyjson_mut_obj_add_arr(json, root, "unused_categories");
    for (unsigned i = 0; mapping && import_mapping_at(mapping, i, &category, &used); i++) {
        if (!used)
            yyjson_mut_arr_append(list, json_text(json, category));
    }
}

static void json_shown(yyjson_mut_doc *json, yyjson_mut_val *root, const struct import_report *report)
{
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(json, root, "shown");
    for (unsigned i = 0; i < report->shown_count; i++) {
        const struct import_shown *shown = &report->shown[i];
        yyjson_mut_val *entry = yyjson_mut_arr_add_obj(json, list);
        json_place(json, entry, report, shown->place);
        yyjson_mut_obj_add_str(json, entry, "what", import_fate_name(shown->fate));
        if (shown->fate == IMPORT_MALFORMED)
            yyjson_mut_obj_add_str(json, entry, "kind", import_fault_name(shown->fault));
        yyjson_mut_obj_add_val(json, entry, "why", json_text(json, view_of_string(shown->text)));
    }
    list = yyjson_mut_obj_add_arr(json, root, "not_read");
    for (unsigned i = 0; i < report->note_count; i++)
        yyjson_mut_arr_append(list, json_text(json, view_of_string(report->notes[i])));
}

static bool print_json(struct import *import, const struct import_mapping *mapping, const char *format,
                       const char *written_path)
{
    const struct import_report *report = &import->report;
    yyjson_mut_doc *json = yyjson_mut_doc_new(NULL);
    ensure(json != NULL);
    yyjson_mut_val *root = yyjson_mut_obj(json);
    yyjson_mut_doc_set_root(json, root);
    yyjson_mut_obj_add_str(json, root, "format", format);
    if (written_path)
        yyjson_mut_obj_add_val(json, root, "output", json_text(json, view_of_string(written_path)));
    else
        yyjson_mut_obj_add_null(json, root, "output");
    yyjson_mut_obj_add_uint(json, root, "lines", report->lines);
    yyjson_mut_obj_add_uint(json, root, "read", report->read);
    yyjson_mut_obj_add_uint(json, root, "emitted", written(import));
    for (unsigned i = 0; i < FATES_SAID; i++) {
        if (may_have(import, fates[i]))
            yyjson_mut_obj_add_uint(json, root, fate_name(import, fates[i]), report->fates[fates[i]]);
    }
    if (may_have(import, IMPORT_MERGED))
        yyjson_mut_obj_add_uint(json, root, "overruled", report->overruled);
    if (may_have(import, IMPORT_AMBIGUOUS))
        yyjson_mut_obj_add_uint(json, root, "candidates", report->candidates);
    yyjson_mut_val *kinds = yyjson_mut_obj_add_obj(json, root, "malformed_by_kind");
    for (unsigned i = IMPORT_FAULT_NONE + 1; i < IMPORT_FAULTS; i++) {
        if (report->faults[i] > 0)
            yyjson_mut_obj_add_uint(json, kinds, import_fault_name((enum import_fault)i), report->faults[i]);
    }
    json_categories(json, root, import, mapping);
    json_shown(json, root, report);
    bool printed = yyjson_mut_write_fp(stdout, json, YYJSON_WRITE_PRETTY, NULL, NULL);
    yyjson_mut_doc_free(json);
    putchar('\n');
    return fflush(stdout) == 0 && printed;
}

static void print_categories(struct import *import, const struct import_mapping *mapping)
{
    char shown[MISTAKE_SHOWN_MAX + 4], place[IMPORT_TEXT_SIZE];
    unsigned count, unused = 0;
    struct view category;
    bool used;
    struct import_category **lacks = find_lacks(import, &count);
    for (unsigned i = 0; i < count && i < CATEGORIES_SHOWN; i++) {
        place_text(&import->report, lacks[i]->first, place);
        printf("the mapping lacks '%s': %" PRIu64 " rows, the first %s\n",
               mistakes_show(lacks[i]->text, shown), lacks[i]->rows, place);
    }
    if (count > CATEGORIES_SHOWN)
        printf("the mapping lacks %u more\n", count - CATEGORIES_SHOWN);
    free(lacks);
    for (unsigned i = 0; mapping && import_mapping_at(mapping, i, &category, &used); i++) {
        if (!used && unused++ < CATEGORIES_SHOWN)
            printf("the list lacks '%s' of the mapping\n", mistakes_show(category, shown));
    }
    if (unused > CATEGORIES_SHOWN)
        printf("the list lacks %u more of the mapping\n", unused - CATEGORIES_SHOWN);
}

bool import_output_summary(struct import *import, const struct import_mapping *mapping, bool as_json,
                           const char *format, const char *written_path)
{
    const struct import_report *report = &import->report;
    ensure(import_report_adds_up(report));
    if (as_json)
        return print_json(import, mapping, format, written_path);
    print_categories(import, mapping);
    printf("%" PRIu64 " lines, %" PRIu64 " rows =", report->lines, report->read);
    bool first = true;
    for (unsigned i = 0; i < FATES_SAID; i++) {
        if (!may_have(import, fates[i]) || report->fates[fates[i]] == 0)
            continue;
        printf("%s %" PRIu64 " %s", first ? "" : " +", report->fates[fates[i]], fate_name(import, fates[i]));
        first = false;
    }
    puts(first ? " 0" : "");
    if (report->overruled)
        printf("%" PRIu64 " of the merged rows lost to a none or a deny\n", report->overruled);
    if (written_path)
        printf("%s: %" PRIu64 " rows\n", written_path, written(import));
    else
        puts("nothing is written");
    return fflush(stdout) == 0;
}
