/*
 * The first stage: an event goes on for a programme only when every test passes (spec 3). Followed topic: the
 * consent topic. Nothing is decided before it was read whole.
 */
#ifndef CLICKVEIL_STAGES_CONSENT_CONSENT_H
#define CLICKVEIL_STAGES_CONSENT_CONSENT_H

#include "common/followed_options.h"
#include "common/option.h"
#include "common/stage.h"

struct consent_options {
    struct followed_options followed; /* first: the runtime reads it */
    struct option_list subjects;      /* ints: enum subject_kind + 1 */
    int64_t floor;                    /* entries */
    int64_t entries_max;
    struct option_list ignore; /* views: partition:offset */
};

extern const struct stage stage_consent;

#endif
