/*
 * The taxonomy in which interests are named: which identifiers exist, what they lie below, and which of them may
 * stand in a feed.
 *
 * File: `id<TAB>parent<TAB>tier<TAB>publishable|refused|sensitive<TAB>name`, parent 0 for none. `refused` is what is no
 * interest (the roots, Demographic, Purchase Intent), `sensitive` what says or suggests something about health,
 * religion, sexuality, politics, ethnicity and the like (spec 5). A publishable row stands on a lower tier than its
 * parent; one without a parent on any (its parent may be a row that has no number, as in IAB's content taxonomy).
 *
 * Immutable once loaded: any thread.
 */
#ifndef CLICKVEIL_STAGES_CLASSIFY_TAXONOMY_H
#define CLICKVEIL_STAGES_CLASSIFY_TAXONOMY_H

#include "common/mistakes.h"
#include "common/view.h"

#include <stdint.h>

enum {
    TAXONOMY_ID_MAX = UINT16_MAX,
    TAXONOMY_TIER_MAX = 10,
    TAXONOMY_NAME_SIZE_MAX = 120, /* bytes */
};

enum taxonomy_status {
    TAXONOMY_UNKNOWN = 0, /* no such row */
    TAXONOMY_REFUSED,
    TAXONOMY_SENSITIVE,
    TAXONOMY_PUBLISHABLE,
};

struct taxonomy;

/* Read a taxonomy from the bytes of its file, which are not needed afterwards. NULL: *mistakes says what is wrong (or
 * *error, when memory is short). */
struct taxonomy *taxonomy_new(const char *name, struct view bytes, struct mistakes *mistakes,
                              struct error *error);
void taxonomy_free(struct taxonomy *taxonomy); /* NULL is fine */

/* What an interest of that identifier becomes when nothing below tier `depth` may be published: itself, or the row
 * above it at that tier. *out_id is written for PUBLISHABLE. A row is only as good as every row on the way there: one
 * that is sensitive or refused makes it so. */
CLICKVEIL_MUST_CHECK enum taxonomy_status taxonomy_resolve(const struct taxonomy *taxonomy, unsigned id,
                                                           unsigned depth, unsigned *out_id);

/* Its parent, when that may be published; else 0. */
unsigned taxonomy_publishable_parent(const struct taxonomy *taxonomy, unsigned id);

/* Tier from 1; 0: no such row. */
unsigned taxonomy_tier(const struct taxonomy *taxonomy, unsigned id);

/* Its name, until taxonomy_free; absent: no such row. */
struct view taxonomy_name(const struct taxonomy *taxonomy, unsigned id);

#endif
