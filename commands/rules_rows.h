/*
 * The rows of rule lists as they were written, with list and line: what merging throws away, and what an explanation or
 * a search for contradictions needs. Sorted by key; rows with one key by strength: deny, none, interests.
 *
 * Immutable once made: any thread. A row takes some 50 bytes.
 */
#ifndef CLICKVEIL_COMMANDS_RULES_ROWS_H
#define CLICKVEIL_COMMANDS_RULES_ROWS_H

#include "common/error.h"
#include "common/option.h"
#include "stages/classify/rule_file.h"

enum { RULES_ROWS_NOTE_SIZE_MAX = 120 };

struct rules_rows;

/* Borrows from the rows. */
struct rules_row {
    struct view key; /* canonical (rule_index.h) */
    enum rule_kind kind;
    unsigned interest_count;
    const uint16_t *interests; /* as written: neither their depth nor the support guard was applied */
    const char *list;          /* path; lives as long as what rules_rows_new was given */
    unsigned line;             /* from 1 */
    struct view note;          /* of a deny, cut after RULES_ROWS_NOTE_SIZE_MAX bytes; empty: there is none */
};

/* Read the lists at `paths` (struct view, each ended by NUL), which outlive the rows. Rows that are wrong are left out,
 * and reported where mistakes is not NULL. NULL: a file can't be read, or memory is short. */
struct rules_rows *rules_rows_new(enum rule_file_kind kind, const struct option_list *paths,
                                  struct mistakes *mistakes, struct error *error);
void rules_rows_free(struct rules_rows *rows); /* NULL is fine */

uint64_t rules_rows_count(const struct rules_rows *rows);
struct rules_row rules_rows_at(const struct rules_rows *rows, uint64_t at);

/* The first row with that key, in order; the number of rows: there is none. */
uint64_t rules_rows_find(const struct rules_rows *rows, struct view key);

#endif
