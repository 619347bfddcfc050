/*
 * Design: both a mapping and the categories of a list are a table of texts by an open hash; numbers are given in the order
 * of arrival. What a row with several categories comes to is decided once for each such text: a deny in it wins, then
 * what the mapping lacks leaves the row out, then none wins over interests, which else are joined.
 */
#include "commands/import_categories.h"

#include "common/arena.h"
#include "common/tsv.h"
#include "common/xxhash.h"

#include <stdlib.h>

enum {
    TABLE_SIZE = 1 << 17, /* slots: at most half of them are in use */
    BLOCK_SIZE = 1 << 16,
};

/* ---- texts by number ---- */

struct table {
    uint32_t slots[TABLE_SIZE]; /* number + 1; 0: empty */
};

struct row {
    struct view text;
    struct import_outcome outcome;
    unsigned line;
    bool used;
};

struct import_mapping {
    struct table table;
    struct row *rows;
    unsigned count, capacity;
};

struct import_categories {
    struct table table;
    struct import_category *items;
    unsigned count, capacity;
    struct import_mapping *mapping;
    bool lists;
    struct arena arena; /* the texts */
};

static uint64_t hash_text(struct view text)
{
    struct xxhash hash;
    xxhash_init(&hash);
    xxhash_add(&hash, text.data, text.size);
    return xxhash_end(&hash);
}

/* The slot of that text, or the empty one where it would go. `items` are structs of `stride` bytes that begin with it. */
static uint32_t *find_slot(const struct table *table, const void *items, size_t stride, struct view text)
{
    uint64_t at = hash_text(text) % TABLE_SIZE;
    for (;; at = (at + 1) % TABLE_SIZE) {
        uint32_t number = table->slots[at];
        if (number == 0 ||
            view_equal(*(const struct view *)(const void *)((const char *)items + (number - 1) * stride),
                       text))
            return (uint32_t *)&table->slots[at];
    }
}

/* ---- interests ---- */

static bool add_interest(struct import_outcome *outcome, unsigned id)
{
    for (unsigned i = 0; i < outcome->interest_count; i++) {
        if (outcome->interests[i] == id)
            return true;
    }
    if (outcome->interest_count == IMPORT_INTERESTS_MAX)
        return false;
    outcome->interests[outcome->interest_count++] = (uint16_t)id;
    return true;
}

/* As a rule file has it. NULL: *out_outcome is written; else what is wrong, and how far into the text. */
static const char *read_outcome(struct view text, struct import_outcome *out_outcome, size_t *out_at)
{
    struct import_outcome outcome = {.verdict = IMPORT_VERDICT_INTERESTS};
    *out_at = 0;
    if (view_equal_string(text, "none") || view_equal_string(text, "deny")) {
        *out_outcome = (struct import_outcome){.verdict = text.data[0] == 'n' ? IMPORT_VERDICT_NONE
                                                                              : IMPORT_VERDICT_DENY};
        return NULL;
    }
    for (size_t i = 0, start = 0; i <= text.size; i++) {
        unsigned id;
        if (i < text.size && text.data[i] != ',')
            continue;
        *out_at = start;
        unsigned before = outcome.interest_count;
        if (!tsv_identifier((struct view){text.data + start, i - start}, &id))
            return "is neither identifiers of the taxonomy with commas between, nor none, nor deny";
        if (!add_interest(&outcome, id))
            return "has more interests than an event can yield (16)";
        if (outcome.interest_count == before)
            return "has an interest twice";
        start = i + 1;
    }
    *out_outcome = outcome;
    return NULL;
}

static const char *read_status(struct view text, struct import_outcome *out_outcome)
{
    enum import_verdict verdict = view_equal_string(text, "publishable") ? IMPORT_VERDICT_INTERESTS
                                  : view_equal_string(text, "none")      ? IMPORT_VERDICT_NONE
                                  : view_equal_string(text, "deny")      ? IMPORT_VERDICT_DENY
                                                                         : IMPORT_VERDICT_UNKNOWN;
    if (verdict == IMPORT_VERDICT_UNKNOWN)
        return "is none of publishable, none, deny, which is what a mapping says of a taxonomy";
    *out_outcome = (struct import_outcome){.verdict = verdict};
    return NULL;
}

/* ---- the mapping ---- */

static void read_row(struct import_mapping *mapping, enum import_mapping_kind kind, const struct tsv *tsv,
                     const struct tsv_line *line)
{
    char shown[MISTAKE_SHOWN_MAX + 4];
    struct row row = {.text = line->fields[0], .line = line->number};
    size_t at = 0;
    if (line->count < 2 || line->count > 3 || row.text.size == 0) {
        mistakes_add(tsv->mistakes, tsv->name, line->number, 1,
                     "two fields with a tab between are wanted, category and %s, and perhaps a note",
                     kind == IMPORT_MAPPING_RULES ? "interests" : "publishable, none or deny");
        return;
    }
    const char *wrong = kind == IMPORT_MAPPING_RULES ? read_outcome(line->fields[1], &row.outcome, &at)
                                                     : read_status(line->fields[1], &row.outcome);
    uint32_t *slot = find_slot(&mapping->table, mapping->rows, sizeof row, row.text);
    if (wrong) {
        mistakes_add(tsv->mistakes, tsv->name, line->number, line->columns[1] + (unsigned)at, "'%s' %s",
                     mistakes_show(line->fields[1], shown), wrong);
    } else if (*slot) {
        mistakes_add(tsv->mistakes, tsv->name, line->number, 1, "'%s' stands in line %u already",
                     mistakes_show(row.text, shown), mapping->rows[*slot - 1].line);
    } else if (mapping->count == IMPORT_CATEGORIES_MAX) {
        mistakes_add(tsv->mistakes, tsv->name, line->number, 0, "more than %d categories",
                     (int)IMPORT_CATEGORIES_MAX);
    } else {
        if (mapping->count == mapping->capacity) {
            mapping->capacity = mapping->capacity ? mapping->capacity * 2 : 64;
            mapping->rows = reallocarray(mapping->rows, mapping->capacity, sizeof row);
            ensure(mapping->rows != NULL);
        }
        mapping->rows[mapping->count++] = row;
        *slot = mapping->count;
    }
}

struct import_mapping *import_mapping_new(enum import_mapping_kind kind, const char *name, struct view bytes,
                                          struct mistakes *mistakes, struct error *error)
{
    struct tsv tsv;
    struct tsv_line line;
    unsigned before = mistakes->count;
    struct import_mapping *mapping = calloc(1, sizeof *mapping);
    if (mapping == NULL) {
        error_fail(error, EXIT_STATUS_UNAVAILABLE, name, NULL, "no memory for the mapping");
        return NULL;
    }
    tsv_init(&tsv, name, bytes, mistakes);
    while (tsv_next(&tsv, &line))
        read_row(mapping, kind, &tsv, &line);
    if (mistakes->count == before)
        return mapping;
    import_mapping_free(mapping);
    return NULL;
}

void import_mapping_free(struct import_mapping *mapping)
{
    if (mapping)
        free(mapping->rows);
    free(mapping);
}

const struct import_outcome *import_mapping_find(struct import_mapping *mapping, struct view category)
{
    uint32_t number = *find_slot(&mapping->table, mapping->rows, sizeof *mapping->rows, category);
    if (number == 0)
        return NULL;
    mapping->rows[number - 1].used = true;
    return &mapping->rows[number - 1].outcome;
}

bool import_mapping_has(const struct import_mapping *mapping, struct view category)
{
    return *find_slot(&mapping->table, mapping->rows, sizeof *mapping->rows, category) != 0;
}

bool import_mapping_at(const struct import_mapping *mapping, unsigned number, struct view *out_category,
                       bool *out_used)
{
    if (number >= mapping->count)
        return false;
    *out_category = mapping->rows[number].text;
    *out_used = mapping->rows[number].used;
    return true;
}

/* ---- the categories of a list ---- */

struct import_categories *import_categories_new(struct import_mapping *mapping, bool lists,
                                                struct error *error)
{
    struct import_categories *categories = calloc(1, sizeof *categories);
    if (categories == NULL || !arena_init(&categories->arena, BLOCK_SIZE, SIZE_MAX / 2, error)) {
        free(categories);
        error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, NULL, "no memory for the categories");
        return NULL;
    }
    categories->mapping = mapping;
    categories->lists = lists;
    return categories;
}

void import_categories_free(struct import_categories *categories)
{
    if (categories == NULL)
        return;
    free(categories->items);
    arena_release(&categories->arena);
    free(categories);
}

/* Add one that is not there yet; its outcome is the caller's. */
static bool add(struct import_categories *categories, uint32_t *slot, struct view text, unsigned *out_number,
                struct error *error)
{
    struct import_category category = {0};
    if (categories->count == IMPORT_CATEGORIES_MAX)
        return error_fail(error, EXIT_STATUS_DATA, NULL, "see whether the columns are the right way round",
                          "the list names more than %d different categories", (int)IMPORT_CATEGORIES_MAX);
    if (categories->count == categories->capacity) {
        unsigned capacity = categories->capacity ? categories->capacity * 2 : 64;
        struct import_category *grown = reallocarray(categories->items, capacity, sizeof category);
        if (grown == NULL)
            return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, NULL, "no memory for the categories");
        categories->items = grown;
        categories->capacity = capacity;
    }
    if (!arena_copy(&categories->arena, text, &category.text))
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, NULL, "no memory for the categories");
    category.missing = categories->count;
    *out_number = categories->count;
    categories->items[categories->count++] = category;
    *slot = categories->count;
    return true;
}

/* Several with commas between. Each is a category of its own, so that those which the mapping lacks are listed. */
static bool join(struct import_categories *categories, unsigned number, struct error *error)
{
    struct view text = categories->items[number].text;
    struct import_outcome joined = {.verdict = IMPORT_VERDICT_INTERESTS};
    unsigned missing = number;
    bool lacks = false, denied = false;
    for (size_t i = 0, start = 0; i <= text.size; i++) {
        unsigned part;
        if (i < text.size && text.data[i] != ',')
            continue;
        struct view one = {text.data + start, i - start};
        start = i + 1;
        if (one.size == 0) { /* two commas: no category, and so no list of them */
            lacks = true;
            continue;
        }
        if (!import_categories_take(categories, one, &part, error))
            return false;
        const struct import_outcome *outcome = &categories->items[part].outcome;
        if (outcome->verdict == IMPORT_VERDICT_UNKNOWN && !lacks)
            missing = part;
        lacks |= outcome->verdict == IMPORT_VERDICT_UNKNOWN;
        denied |= outcome->verdict == IMPORT_VERDICT_DENY;
        if (outcome->verdict > joined.verdict)
            joined.verdict = outcome->verdict;
        for (unsigned j = 0; j < outcome->interest_count; j++)
            lacks |= !add_interest(&joined, outcome->interests[j]);
    }
    if (joined.verdict != IMPORT_VERDICT_INTERESTS)
        joined.interest_count = 0;
    categories->items[number].missing = missing;
    if (denied || !lacks)
        categories->items[number].outcome = joined;
    return true;
}

bool import_categories_take(struct import_categories *categories, struct view text, unsigned *out_number,
                            struct error *error)
{
    unsigned number = 0;
    size_t at;
    uint32_t *slot = find_slot(&categories->table, categories->items, sizeof *categories->items, text);
    if (*slot) {
        *out_number = *slot - 1;
        return true;
    }
    if (!add(categories, slot, text, &number, error))
        return false;
    struct import_category *category = &categories->items[number];
    const struct import_outcome *mapped =
        categories->mapping ? import_mapping_find(categories->mapping, text) : NULL;
    bool fine = true;
    if (mapped)
        category->outcome = *mapped;
    else if (text.size == 0 && categories->lists)
        category->outcome.verdict = IMPORT_VERDICT_NONE; /* deliberately nothing */
    else if (!categories->mapping)
        (void)read_outcome(category->text, &category->outcome, &at);
    else if (categories->lists && memchr(text.data, ',', text.size))
        fine = join(categories, number, error);
    *out_number = number;
    return fine;
}

bool import_categories_mapped(const struct import_categories *categories)
{
    return categories->mapping != NULL;
}

unsigned import_categories_count(const struct import_categories *categories)
{
    return categories->count;
}

struct import_category *import_categories_at(struct import_categories *categories, unsigned number)
{
    ensure(number < categories->count);
    return &categories->items[number];
}
