/*
 * Names of hosts or apps for sample events (common/generate.h), out of a rule list.
 *
 * Immutable once loaded; any thread.
 */
#ifndef CLICKVEIL_COMMON_GENERATE_NAMES_H
#define CLICKVEIL_COMMON_GENERATE_NAMES_H

#include "common/error.h"
#include "common/view.h"

enum {
    GENERATE_NAME_SIZE_MAX = 200, /* bytes; longer keys are left out */
    GENERATE_NAME_FILES_MAX = 8,
};

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
    struct view texts[GENERATE_NAME_FILES_MAX]; /* the files; items point in here */
    unsigned text_count;
    struct generate_name_list lists[GENERATE_NAME_GROUPS];
};

/* Read the keys of a rule list (TSV: key, interests or `none` or `deny`, note; `#` starts a comment). Fails when the
 * file can't be read (78, 74), or names no interest (65). */
struct generate_names *generate_names_load(const char *path, struct error *error);

/* Add the keys of another rule list, such as one that has denies alone; GENERATE_NAME_FILES_MAX lists in all. False: it
 * can't be read (78, 74), or memory is short; the names stay as they were. */
CLICKVEIL_MUST_CHECK bool generate_names_add(struct generate_names *names, const char *path,
                                             struct error *error);
void generate_names_free(struct generate_names *names); /* NULL is fine */

#endif
