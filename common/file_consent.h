/*
 * The consent topic as a file, for file mode: every record is given to the stages that follow the topic, as committed,
 * before the first event (spec 3, rule 1). Lines: docs/formats.md, "Files".
 */
#ifndef CLICKVEIL_COMMON_FILE_CONSENT_H
#define CLICKVEIL_COMMON_FILE_CONSENT_H

#include "common/chain.h"
#include "common/error.h"

#include <stdint.h>

/* Does a stage of this process follow the consent topic? */
bool file_consent_is_wanted(struct chain_shared *shared);

/* Where the records come from. Standard input is kept in memory, so that it can be read twice: never on a disk, since it
 * names people. */
struct file_consent {
    const char *path;    /* NULL: there is none; "-": standard input */
    int64_t now_ms;      /* timestamp of lines without one, Unix epoch */
    int wake_descriptor; /* readable: stop reading; -1: never */
    bool keep;           /* file_consent_visit will be called too */
    char *kept;          /* the module's own; zero at first */
    size_t kept_size, kept_capacity;
};
void file_consent_release(struct file_consent *consent);

/* Give each record to `apply`, then call `committed_to` for each partition and `complete` of every followed topic.
 * False: a line can't be read (65, names the line), or a stage refuses. */
CLICKVEIL_MUST_CHECK bool file_consent_load(struct file_consent *consent, struct chain_shared *shared,
                                            uint64_t *out_records, struct error *error);

/* Give each record to `visit` once more, after loading. Its views end with the call. */
CLICKVEIL_MUST_CHECK bool file_consent_visit(struct file_consent *consent,
                                             bool (*visit)(void *context,
                                                           const struct followed_record *record,
                                                           struct error *error),
                                             void *context, struct error *error);

/* As if nobody had chosen: one `out` of a subject that nobody can be (country code 999, the private MCC 999) stands for the
 * whole topic, since a stage refuses an empty one. For `explain` without a consent file. */
CLICKVEIL_MUST_CHECK bool file_consent_load_nobody(struct chain_shared *shared, const struct config *config,
                                                   struct error *error);

#endif
