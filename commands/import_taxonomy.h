/*
 * IAB Tech Lab's taxonomies as published, turned into the table that rules are compiled with (stages/classify/taxonomy.h).
 *
 * What is read: TSV with one or two lines of headers; columns `Unique ID`, `Parent` or `Parent ID`, `Tier 1` to
 * `Tier N`, and perhaps an extension column, in which `SCD` marks sensitive data. Lines end with LF, CR LF or CR. A name
 * may stand more than once.
 *
 * Whether a row may be published is said by a mapping, by its identifier or by its path `Interest | Sports`; what it
 * says of a row holds for the rows below, up to one that it names too. Deny wins: over `publishable` of the same row
 * where the file marks it, and over all rows below. A row that no decision reaches is refused, and counted.
 *
 * Rows whose identifier is no number from 1 to 65535 can't be named by rules: they are left out and counted, and what
 * lies below them stays on its tier, without a parent.
 *
 * Pure but for memory; one thread.
 */
#ifndef CLICKVEIL_COMMANDS_IMPORT_TAXONOMY_H
#define CLICKVEIL_COMMANDS_IMPORT_TAXONOMY_H

#include "commands/import_categories.h"

enum {
    IMPORT_TAXONOMY_SIZE_MAX = 16 << 20, /* bytes of a file */
    IMPORT_TAXONOMY_LEVELS_MAX = 32,     /* from a row up to its root */
    IMPORT_TAXONOMY_TIER_MAX = 10,
};

struct import_taxonomy;

/* One row to be written. */
struct import_taxonomy_row {
    unsigned id, parent, tier; /* parent 0: none */
    enum import_fate fate;     /* INTERESTS: publishable; DENY: sensitive; NONE, UNMAPPED: refused */
    struct view name;
};

/* Which of the taxonomies that the product knows a file seems to be: the mapping that the product ships for it, by its
 * name below the data directory. NULL: neither. */
const char *import_taxonomy_mapping(struct view bytes);

/* Read all rows; bytes live as long as the taxonomy. mapping: NULL decides nothing. NULL: *error says why the file is
 * no such taxonomy (exit status 65), or that memory is short. */
struct import_taxonomy *import_taxonomy_new(const char *name, struct view bytes,
                                            struct import_mapping *mapping, struct import_report *report,
                                            struct error *error);
void import_taxonomy_free(struct import_taxonomy *taxonomy); /* NULL is fine */

/* Rows by rising identifier. False: there are no more. */
bool import_taxonomy_at(const struct import_taxonomy *taxonomy, unsigned position,
                        struct import_taxonomy_row *out_row);

#endif
