/*
 * What a rule list says about itself: comment lines `# source: ...`, `# date: ...`, `# licence: ...` at its top (spec 9).
 *
 * Thread: any.
 */
#ifndef CLICKVEIL_STAGES_CLASSIFY_LIST_HEAD_H
#define CLICKVEIL_STAGES_CLASSIFY_LIST_HEAD_H

#include "stages/classify/rules.h"

/* Each absent where the list does not say it; of two lines that say the same the first counts. */
struct list_head {
    struct view source, date, licence;
};

/* Read the head of a list: all comment lines before the first line that is none. Borrows. */
struct list_head list_head_read(struct view bytes);

/* The table of rules_lists, NUL behind it, the caller's to free. rows: good rows of each list. NULL: memory is short. */
char *list_head_table(const struct rule_source *lists, const uint64_t *rows, unsigned count);

#endif
