/*
 * classify: from a host or an app ID to interests. From here on no host and no app ID exists (spec 5).
 *
 * Rules and taxonomy are read once per process, shared by all its workers, and swapped whole by `reload`; a transaction
 * is classified by one set of rules from its first event to its end. The digest of the rules travels in the record.
 * An event without an interest is dropped.
 */
#ifndef CLICKVEIL_STAGES_CLASSIFY_CLASSIFY_H
#define CLICKVEIL_STAGES_CLASSIFY_CLASSIFY_H

#include "common/stage.h"

/* Index into stage_classify.reasons. */
enum classify_reason {
    CLASSIFY_NO_INTEREST = 0,
    CLASSIFY_INTEREST_DENIED,
    CLASSIFY_INTEREST_UNSUPPORTED,
    CLASSIFY_TARGET_MISSING, /* rejects */
    CLASSIFY_REASONS,
};

extern const struct stage stage_classify;

#endif
