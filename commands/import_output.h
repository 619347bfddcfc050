/*
 * What an import writes: a rule file or a taxonomy, whole or not at all; and the summary.
 * One thread.
 */
#ifndef CLICKVEIL_COMMANDS_IMPORT_OUTPUT_H
#define CLICKVEIL_COMMANDS_IMPORT_OUTPUT_H

#include "commands/import_list.h"
#include "commands/import_taxonomy.h"
#include "common/file_replace.h"

struct import_head {
    const char *source, *date, *licence;
    const char *format;
    const char *mapping; /* its name, or NULL */
};

/* A zeroed struct may be abandoned. */
struct import_output {
    struct file_replace file;
    char *buffer; /* what is not written yet */
    size_t filled;
    bool failed; /* nothing more is written; import_output_keep says it */
    struct error error;
};

/* Open it for writing. Fails with exit status 74, also when something that is no regular file stands at its place. */
CLICKVEIL_MUST_CHECK bool import_output_open(struct import_output *output, const char *path,
                                             struct error *error);

/* All is written: put it in its place. Fails with exit status 74. */
CLICKVEIL_MUST_CHECK bool import_output_keep(struct import_output *output, struct error *error);

/* Leave nothing behind. */
void import_output_abandon(struct import_output *output);

/* Merge what was gathered, count what became of each row, and write the rules by rising key (spec 9: at one key deny wins
 * over none, none over interests, which are joined). Sorts the rows. */
void import_output_rules(struct import_output *output, struct import *import, const struct import_head *head);

void import_output_taxonomy(struct import_output *output, const struct import_taxonomy *taxonomy,
                            const struct import_head *head);

/* Of the rows that were left out, the first of each kind, and what was not read: on standard error. */
void import_output_shown(struct import *import);

/* Counts and, when there is a mapping, the categories that it lacks and those of it that the list lacks; on standard
 * output. False: that failed. */
bool import_output_summary(struct import *import, const struct import_mapping *mapping, bool as_json,
                           const char *format, const char *written_path);

#endif
