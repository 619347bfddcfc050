/*
 * The categories of a foreign list, and what a mapping makes of them.
 *
 * A mapping file is TSV (common/tsv.h): `category<TAB>interests|none|deny[<TAB>note]`, with `# source`, `# date` and
 * `# licence` at its head. It is exact: no case folding, no trimming, no default. Of a taxonomy it says
 * `publishable`, `none` or `deny`, and the category is a row's identifier or its path, `Interest | Sports`.
 *
 * Without a mapping the categories must be what a rule file has there: interests, none or deny.
 *
 * One thread.
 */
#ifndef CLICKVEIL_COMMANDS_IMPORT_CATEGORIES_H
#define CLICKVEIL_COMMANDS_IMPORT_CATEGORIES_H

#include "commands/import_report.h"
#include "common/mistakes.h"
#include "common/record.h"

enum {
    IMPORT_CATEGORIES_MAX = 65535,      /* different ones in a list */
    IMPORT_MAPPING_SIZE_MAX = 16 << 20, /* bytes of a mapping file */
    IMPORT_INTERESTS_MAX = RECORD_INTERESTS_MAX,
};

/* Rising in what wins at one key (spec 9), from INTERESTS on. */
enum import_verdict {
    IMPORT_VERDICT_UNKNOWN = 0, /* the mapping lacks it, or it is no list of interests */
    IMPORT_VERDICT_INTERESTS,
    IMPORT_VERDICT_NONE,
    IMPORT_VERDICT_DENY,
};

struct import_outcome {
    enum import_verdict verdict;
    unsigned interest_count;
    uint16_t interests[IMPORT_INTERESTS_MAX]; /* as written, each once */
};

enum import_mapping_kind {
    IMPORT_MAPPING_UNKNOWN = 0,
    IMPORT_MAPPING_RULES,
    IMPORT_MAPPING_TAXONOMY, /* INTERESTS without any of them: publishable */
};

struct import_mapping;

/* Read a mapping from the bytes of its file, which live as long as the mapping. NULL: *mistakes says what is wrong with
 * it, or *error when memory is short. */
struct import_mapping *import_mapping_new(enum import_mapping_kind kind, const char *name, struct view bytes,
                                          struct mistakes *mistakes, struct error *error);
void import_mapping_free(struct import_mapping *mapping); /* NULL is fine */

/* What becomes of that category; NULL: the mapping lacks it. Notes that it was asked for. */
const struct import_outcome *import_mapping_find(struct import_mapping *mapping, struct view category);

/* Does the mapping have it? Notes nothing. */
bool import_mapping_has(const struct import_mapping *mapping, struct view category);

/* Rows of the mapping by number, in the order of the file; out_used: somebody asked for it. False: there are no more. */
bool import_mapping_at(const struct import_mapping *mapping, unsigned number, struct view *out_category,
                       bool *out_used);

struct import_category {
    struct view text; /* of the foreign list; lives as long as the categories */
    struct import_outcome outcome;
    unsigned missing; /* of an unknown one: the number of the category that the mapping lacks (itself, or the
                                  first such of a list of several) */
    uint64_t rows;    /* rows that were left out for the want of it */
    struct import_place first; /* the first of them */
};

struct import_categories;

/* mapping: NULL, or borrowed. lists: a row may have several categories with commas between. NULL: no memory. */
struct import_categories *import_categories_new(struct import_mapping *mapping, bool lists,
                                                struct error *error);
void import_categories_free(struct import_categories *categories); /* NULL is fine */

/* The number of the category that a row names; an empty text among `lists` is `none`. Fails (exit status 65) when there
 * are more than IMPORT_CATEGORIES_MAX. */
CLICKVEIL_MUST_CHECK bool import_categories_take(struct import_categories *categories, struct view text,
                                                 unsigned *out_number, struct error *error);

/* Is there a mapping? */
bool import_categories_mapped(const struct import_categories *categories);

unsigned import_categories_count(const struct import_categories *categories);
struct import_category *import_categories_at(struct import_categories *categories, unsigned number);

#endif
