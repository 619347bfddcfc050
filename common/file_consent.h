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

/* Read the file (NULL: there is none), give each record to `apply`, then call `committed_to` for each partition and
 * `complete` of every followed topic. now_ms is the timestamp of lines without one. False: a line can't be read (65,
 * names the line), or a stage refuses. */
CLICKVEIL_MUST_CHECK bool file_consent_load(struct chain_shared *shared, const char *path, int64_t now_ms,
                                            int wake_descriptor, uint64_t *out_records, struct error *error);

/* As if nobody had chosen: one `out` of a subject that nobody can be (country code 999, the private MCC 999) stands for the
 * whole topic, since a stage refuses an empty one. For `explain` without a consent file. */
CLICKVEIL_MUST_CHECK bool file_consent_load_nobody(struct chain_shared *shared, const struct config *config,
                                                   struct error *error);

#endif
