/*
 * Rule files: `key<TAB>interests[<TAB>note]` (spec 9), row by row from bytes in memory.
 *
 * What a row may say is checked here as far as the file alone can tell: keys are brought into the canonical form of
 * rule_index.h; a key that covers what belongs to different people (a public suffix, an app prefix of one segment or on
 * a public suffix read backwards) is a mistake. A row of the taxonomy may stand as a key too, but only to be denied:
 * `607<TAB>deny`, in a list of either kind, for all hosts and apps. Whether an identifier exists and may be published is
 * the taxonomy's matter.
 *
 * Thread: one at a time.
 */
#ifndef CLICKVEIL_STAGES_CLASSIFY_RULE_FILE_H
#define CLICKVEIL_STAGES_CLASSIFY_RULE_FILE_H

#include "common/tsv.h"
#include "stages/classify/rule_index.h"

enum rule_file_kind {
    RULE_FILE_UNKNOWN = 0, /* reads nothing */
    RULE_FILE_HOSTS,
    RULE_FILE_APPS,
};

struct rule_file {
    struct tsv tsv;
    enum rule_file_kind kind;
};

struct rule_row {
    unsigned line;               /* from 1 */
    char key[RULE_KEY_SIZE_MAX]; /* canonical */
    unsigned key_size;
    enum rule_kind kind; /* INTERESTS, NONE or DENY */
    unsigned category;   /* the key is this row of the taxonomy, and denied; 0: it is a host or an app */
    unsigned interest_count;
    uint16_t interests[RECORD_INTERESTS_MAX];        /* as written, each once */
    unsigned interest_columns[RECORD_INTERESTS_MAX]; /* where each stands, from 1 */
    struct view note;                                /* into the file's bytes; empty: there is none */
};

/* Start reading. bytes live until the last rule_file_next, name as long as the mistakes. */
void rule_file_init(struct rule_file *file, enum rule_file_kind kind, const char *name, struct view bytes,
                    struct mistakes *mistakes);

/* The next good row; bad ones are reported and skipped. False at the end. */
CLICKVEIL_MUST_CHECK bool rule_file_next(struct rule_file *file, struct rule_row *out_row);

#endif
