/*
 * Names of hosts or apps for sample events (common/generate.h), out of a rule list.
 *
 * Immutable once loaded; any thread.
 */
#ifndef CLICKVEIL_COMMON_GENERATE_NAMES_H
#define CLICKVEIL_COMMON_GENERATE_NAMES_H

#include "common/error.h"
#include "common/view.h"

enum { GENERATE_NAME_SIZE_MAX = 200 }; /* bytes; longer keys are left out */

/* What the rule of a name says. */
enum generate_name_group {
    GENERATE_NAME_INTEREST = 0,
    GENERATE_NAME_NONE,
    GENERATE_NAME_DENY,
    GENERATE_NAME_GROUPS,
};

struct generate_name_list {
    struct view *items;
    unsigned count, room;
};

struct generate_names {
    struct view text; /* the file; items point in here */
    struct generate_name_list lists[GENERATE_NAME_GROUPS];
};

/* Read the keys of a rule list (TSV: key, interests or `none` or `deny`, note; `#` starts a comment). Fails when the
 * file can't be read (78, 74), or names no interest (65). */
struct generate_names *generate_names_load(const char *path, struct error *error);
void generate_names_free(struct generate_names *names); /* NULL is fine */

#endif
