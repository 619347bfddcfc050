#include "commands/import_taxonomy.h"

#include "commands/import_key.h"
#include "common/tsv.h"

#include <stdlib.h>

enum {
    FIELDS_MAX = 32,
    HEAD_LINES_MAX = 8,
    NAME_SIZE_MAX = 120, /* bytes, as the table allows */
    PATH_SIZE_MAX = 1024,
};

struct row {
    struct view id, parent_id, name;
    struct view tiers[IMPORT_TAXONOMY_TIER_MAX];
    unsigned line;
    unsigned number; /* 0: its identifier is none that we can name */
    unsigned tier;
    struct row *parent;
    enum import_fate fate;
    bool marked;   /* by the file, as sensitive */
    bool resolved; /* fate is settled */
};

struct columns {
    unsigned id, parent, extension;
    unsigned tiers[IMPORT_TAXONOMY_TIER_MAX];
    unsigned tier_count, all;
    bool has_extension;
};

struct import_taxonomy {
    struct row *rows;
    unsigned count, capacity;
    struct row **by_id; /* without duplicates */
    unsigned by_id_count;
    struct row **written; /* by number */
    unsigned written_count;
    struct import_report *report;
    unsigned source;
};

/* ---- lines and fields ---- */

/* Lines end with LF, CR LF or CR alone. */
static struct view take_line(struct view *rest)
{
    size_t size = 0;
    while (size < rest->size && rest->data[size] != '\n' && rest->data[size] != '\r')
        size++;
    struct view line = {rest->data, size};
    size_t taken = size;
    if (taken < rest->size)
        taken += rest->data[size] == '\r' && size + 1 < rest->size && rest->data[size + 1] == '\n' ? 2 : 1;
    *rest = (struct view){rest->data + taken, rest->size - taken};
    return line;
}

/* Spreadsheets put fields with commas into quotes. Doubled quotes inside stay doubled: no name has any. */
static struct view unquote(struct view field)
{
    field = import_text_trim(field);
    if (field.size >= 2 && field.data[0] == '"' && field.data[field.size - 1] == '"')
        field = import_text_trim((struct view){field.data + 1, field.size - 2});
    return field;
}

/* FIELDS_MAX + 1: there are more. */
static unsigned split(struct view line, struct view fields[FIELDS_MAX])
{
    unsigned count = 0;
    for (size_t i = 0, start = 0; i <= line.size; i++) {
        if (i < line.size && line.data[i] != '\t')
            continue;
        if (count == FIELDS_MAX)
            return FIELDS_MAX + 1;
        fields[count++] = unquote((struct view){line.data + start, i - start});
        start = i + 1;
    }
    return count;
}

static bool has_word(struct view text, const char *word)
{
    return memmem(text.data, text.size, word, strlen(word)) != NULL;
}

/* ---- the header ---- */

/* Is this the line that names the columns? The extension may have been named in a line above. */
static bool read_header(const struct view *fields, unsigned count, struct columns *columns)
{
    bool id = false, parent = false;
    unsigned tier_count = 0;
    for (unsigned i = 0; i < count; i++) {
        if (view_equal_string(fields[i], "Unique ID")) {
            columns->id = i;
            id = true;
        } else if (view_equal_string(fields[i], "Parent") || view_equal_string(fields[i], "Parent ID")) {
            columns->parent = i;
            parent = true;
        } else if (has_word(fields[i], "Extension")) {
            columns->extension = i;
            columns->has_extension = true;
        } else if (fields[i].size == 6 && memcmp(fields[i].data, "Tier ", 5) == 0 &&
                   fields[i].data[5] >= '1' && fields[i].data[5] <= '9' &&
                   (unsigned)(fields[i].data[5] - '1') == tier_count) {
            columns->tiers[tier_count++] = i;
        }
    }
    columns->tier_count = tier_count;
    columns->all = columns->has_extension && columns->extension >= count ? columns->extension + 1 : count;
    return id && parent && tier_count > 0;
}

static bool find_header(const char *name, struct view *rest, unsigned *line, struct columns *columns,
                        struct error *error)
{
    struct view fields[FIELDS_MAX];
    *columns = (struct columns){0};
    if (rest->size >= 2 && (memcmp(rest->data, "\xff\xfe", 2) == 0 || memcmp(rest->data, "\xfe\xff", 2) == 0))
        return error_fail(error, EXIT_STATUS_DATA, name, "convert it: iconv -f UTF-16 -t UTF-8",
                          "the file is written in UTF-16");
    if (rest->size >= 3 && memcmp(rest->data, "\xef\xbb\xbf", 3) == 0)
        *rest = (struct view){rest->data + 3, rest->size - 3};
    while (rest->size > 0 && *line < HEAD_LINES_MAX) {
        ++*line;
        unsigned count = split(take_line(rest), fields);
        if (count <= FIELDS_MAX && read_header(fields, count, columns))
            return true;
    }
    return error_fail(error, EXIT_STATUS_DATA, name, "give the TSV as IAB Tech Lab publishes it",
                      "no line at the top names the columns Unique ID, Parent and Tier 1");
}

const char *import_taxonomy_mapping(struct view bytes)
{
    struct view rest = bytes;
    for (unsigned i = 0; i < 2 && rest.size > 0; i++) {
        struct view line = take_line(&rest);
        if (has_word(line, "Content Taxonomy v3"))
            return "config/rules/mappings/iab-content-taxonomy-3.1.tsv";
        if (has_word(line, "Condensed Name") && has_word(line, "Tier 6"))
            return "config/rules/mappings/iab-audience-taxonomy-1.1.tsv";
    }
    return NULL;
}

/* ---- rows ---- */

static void malformed(struct import_taxonomy *taxonomy, unsigned line, enum import_fault fault,
                      const char *why)
{
    import_report_malformed(taxonomy->report, (struct import_place){taxonomy->source, line}, fault, "%s",
                            why);
}

static bool add_row(struct import_taxonomy *taxonomy, const struct row *row, struct error *error)
{
    if (taxonomy->count == taxonomy->capacity) {
        unsigned capacity = taxonomy->capacity ? taxonomy->capacity * 2 : 1024;
        struct row *grown = reallocarray(taxonomy->rows, capacity, sizeof *grown);
        if (grown == NULL)
            return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, NULL, "no memory for the taxonomy");
        taxonomy->rows = grown;
        taxonomy->capacity = capacity;
    }
    taxonomy->rows[taxonomy->count++] = *row;
    return true;
}

static bool read_fields(struct import_taxonomy *taxonomy, const struct columns *columns, struct view *fields,
                        unsigned count, struct row *row)
{
    for (; count < columns->all; count++) /* empty ones at the end may be missing */
        fields[count] = VIEW("");
    row->id = fields[columns->id];
    row->parent_id = fields[columns->parent];
    row->marked = columns->has_extension && view_equal_string(fields[columns->extension], "SCD");
    for (unsigned i = 0; i < columns->tier_count; i++) {
        row->tiers[i] = fields[columns->tiers[i]];
        if (row->tiers[i].size == 0)
            continue;
        row->tier = i + 1;
        row->name = row->tiers[i];
    }
    if (!tsv_identifier(row->id, &row->number))
        row->number = 0;
    if (row->id.size == 0 || row->id.size > 32)
        malformed(taxonomy, row->line, IMPORT_FAULT_IDENTIFIER, "no identifier of 1 to 32 bytes");
    else if (row->tier == 0)
        malformed(taxonomy, row->line, IMPORT_FAULT_TIER, "no name in any tier");
    else if (row->name.size > NAME_SIZE_MAX)
        malformed(taxonomy, row->line, IMPORT_FAULT_SIZE, "the name has more than 120 bytes");
    else
        return true;
    return false;
}

static bool read_rows(struct import_taxonomy *taxonomy, struct view rest, unsigned line,
                      const struct columns *columns, struct error *error)
{
    struct view fields[FIELDS_MAX];
    taxonomy->report->lines = line;
    while (rest.size > 0) {
        enum import_fault fault;
        const char *why;
        struct view text = take_line(&rest);
        struct row row = {.line = ++line};
        taxonomy->report->lines++;
        if (text.size == 0)
            continue;
        taxonomy->report->read++;
        if (!import_text_clean(text, &fault, &why)) {
            malformed(taxonomy, line, fault, why);
            continue;
        }
        unsigned count = split(text, fields);
        if (count > columns->all)
            malformed(taxonomy, line, IMPORT_FAULT_COLUMNS, "more columns than the header names");
        else if (read_fields(taxonomy, columns, fields, count, &row) && !add_row(taxonomy, &row, error))
            return false;
    }
    return true;
}

/* ---- parents ---- */

static int compare_ids(const void *left, const void *right)
{
    const struct row *a = *(struct row *const *)left, *b = *(struct row *const *)right;
    int order = view_compare(a->id, b->id);
    return order != 0 ? order : (a->line > b->line) - (a->line < b->line);
}

static struct row *find_row(const struct import_taxonomy *taxonomy, struct view id)
{
    unsigned begin = 0, end = taxonomy->by_id_count;
    while (begin < end) {
        unsigned middle = begin + (end - begin) / 2;
        int order = view_compare(taxonomy->by_id[middle]->id, id);
        if (order == 0)
            return taxonomy->by_id[middle];
        if (order < 0)
            begin = middle + 1;
        else
            end = middle;
    }
    return NULL;
}

static void index_rows(struct import_taxonomy *taxonomy)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < taxonomy->count; i++)
        taxonomy->by_id[i] = &taxonomy->rows[i];
    qsort(taxonomy->by_id, taxonomy->count, sizeof *taxonomy->by_id, compare_ids);
    for (unsigned i = 0; i < taxonomy->count; i++) {
        struct row *row = taxonomy->by_id[i];
        if (kept > 0 && view_equal(taxonomy->by_id[kept - 1]->id, row->id)) {
            malformed(taxonomy, row->line, IMPORT_FAULT_DUPLICATE, "its identifier stands above already");
        } else {
            taxonomy->by_id[kept++] = row;
        }
    }
    taxonomy->by_id_count = kept;
}

/* ---- what may be published ---- */

/* The mapping's own word on a row, by its identifier or its path. NULL: it has none. */
static const struct import_outcome *find_decision(struct import_mapping *mapping, const struct row *row)
{
    char path[PATH_SIZE_MAX];
    size_t size = 0;
    const struct import_outcome *outcome = import_mapping_find(mapping, row->id);
    for (unsigned i = 0; i < row->tier; i++) {
        struct view tier = row->tiers[i];
        if (tier.size == 0)
            continue;
        if (size + 3 + tier.size > sizeof path)
            return outcome;
        memcpy(path + size, " | ", size ? 3 : 0);
        size += size ? 3 : 0;
        memcpy(path + size, tier.data, tier.size);
        size += tier.size;
    }
    const struct import_outcome *other = import_mapping_find(mapping, (struct view){path, size});
    return outcome == NULL || (other && other->verdict > outcome->verdict) ? other : outcome;
}

static void decide(struct import_taxonomy *taxonomy, struct import_mapping *mapping, struct row *row)
{
    const struct import_outcome *decision = mapping ? find_decision(mapping, row) : NULL;
    enum import_fate above = row->parent ? row->parent->fate : IMPORT_UNMAPPED;
    row->resolved = true;
    if (above == IMPORT_MALFORMED) {
        malformed(taxonomy, row->line, IMPORT_FAULT_PARENT, "its parent is malformed");
        row->fate = IMPORT_MALFORMED;
    } else if (row->marked || above == IMPORT_DENY ||
               (decision && decision->verdict == IMPORT_VERDICT_DENY)) {
        row->fate = IMPORT_DENY;
    } else if (decision) {
        row->fate = decision->verdict == IMPORT_VERDICT_INTERESTS ? IMPORT_INTERESTS : IMPORT_NONE;
    } else {
        row->fate = above;
    }
    if (row->fate == IMPORT_INTERESTS && row->parent && row->tier <= row->parent->tier) {
        import_report_note(taxonomy->report, "line %u: refused: its parent is not of a higher tier",
                           row->line);
        row->fate = IMPORT_NONE;
    }
}

/* Settle a row and what is above it, from the top. */
static void resolve(struct import_taxonomy *taxonomy, struct import_mapping *mapping, struct row *row)
{
    struct row *chain[IMPORT_TAXONOMY_LEVELS_MAX];
    unsigned count = 0;
    const char *wrong = NULL;
    for (struct row *each = row; each && !each->resolved; each = each->parent) {
        if (count == IMPORT_TAXONOMY_LEVELS_MAX) {
            wrong = "no end of parents above it";
            break;
        }
        chain[count++] = each;
        if (each->parent_id.size == 0 || view_equal_string(each->parent_id, "0"))
            continue;
        each->parent = find_row(taxonomy, each->parent_id);
        if (each->parent == NULL) {
            wrong = "its parent, or one above, is not there";
            break;
        }
    }
    while (count-- > 0) {
        if (!wrong) {
            decide(taxonomy, mapping, chain[count]);
            continue;
        }
        if (chain[count]->resolved) /* a circle: it stands in the chain more than once */
            continue;
        chain[count]->resolved = true;
        chain[count]->fate = IMPORT_MALFORMED;
        malformed(taxonomy, chain[count]->line, IMPORT_FAULT_PARENT, wrong);
    }
}

static int compare_numbers(const void *left, const void *right)
{
    const struct row *a = *(struct row *const *)left, *b = *(struct row *const *)right;
    return (a->number > b->number) - (a->number < b->number);
}

static void settle(struct import_taxonomy *taxonomy, struct import_mapping *mapping)
{
    struct import_report *report = taxonomy->report;
    for (unsigned i = 0; i < taxonomy->count; i++) {
        struct row *row = &taxonomy->rows[i];
        struct import_place place = {taxonomy->source, row->line};
        if (find_row(taxonomy, row->id) != row)
            continue; /* a duplicate, counted already */
        resolve(taxonomy, mapping, row);
        if (row->fate == IMPORT_MALFORMED)
            continue; /* counted where that was seen */
        if (row->number == 0) {
            import_report_left_out(report, place, IMPORT_UNNUMBERED,
                                   "'%.*s' (%.*s) is no number from 1 to 65535", (int)row->id.size,
                                   row->id.data, (int)row->name.size, row->name.data);
            continue;
        }
        if (row->fate == IMPORT_UNMAPPED)
            import_report_left_out(report, place, IMPORT_UNMAPPED,
                                   "nothing decides on row %u (%.*s): refused", row->number,
                                   (int)row->name.size, row->name.data);
        else
            report->fates[row->fate]++;
        taxonomy->written[taxonomy->written_count++] = row;
    }
    qsort(taxonomy->written, taxonomy->written_count, sizeof *taxonomy->written, compare_numbers);
}

struct import_taxonomy *import_taxonomy_new(const char *name, struct view bytes,
                                            struct import_mapping *mapping, struct import_report *report,
                                            struct error *error)
{
    struct columns columns;
    unsigned line = 0;
    struct import_taxonomy *taxonomy = calloc(1, sizeof *taxonomy);
    if (taxonomy == NULL) {
        error_fail(error, EXIT_STATUS_UNAVAILABLE, name, NULL, "no memory for the taxonomy");
        return NULL;
    }
    taxonomy->report = report;
    taxonomy->source = import_report_source(report, name);
    bool fine = find_header(name, &bytes, &line, &columns, error) &&
                read_rows(taxonomy, bytes, line, &columns, error);
    if (fine) {
        taxonomy->by_id = calloc((size_t)taxonomy->count + 1, sizeof(struct row *));
        taxonomy->written = calloc((size_t)taxonomy->count + 1, sizeof(struct row *));
        if (taxonomy->by_id == NULL || taxonomy->written == NULL)
            fine = error_fail(error, EXIT_STATUS_UNAVAILABLE, name, NULL, "no memory for the taxonomy");
    }
    if (!fine) {
        import_taxonomy_free(taxonomy);
        return NULL;
    }
    index_rows(taxonomy);
    settle(taxonomy, mapping);
    return taxonomy;
}

void import_taxonomy_free(struct import_taxonomy *taxonomy)
{
    if (taxonomy == NULL)
        return;
    free(taxonomy->rows);
    free(taxonomy->by_id);
    free(taxonomy->written);
    free(taxonomy);
}

bool import_taxonomy_at(const struct import_taxonomy *taxonomy, unsigned position,
                        struct import_taxonomy_row *out_row)
{
    if (position >= taxonomy->written_count)
        return false;
    const struct row *row = taxonomy->written[position];
    *out_row = (struct import_taxonomy_row){
        .id = row->number,
        .parent = row->parent ? row->parent->number : 0,
        .tier = row->tier,
        .fate = row->fate,
        .name = row->name,
    };
    return true;
}
