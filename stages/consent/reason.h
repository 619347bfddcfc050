/*
 * Why an event is not kept: one stable code for each (counted in metrics and summaries, shown by explain).
 *
 * The table of names and help stands in reason.c. Codes are an interface: a later version adds, and does not rename.
 */
#ifndef CLICKVEIL_STAGES_CONSENT_REASON_H
#define CLICKVEIL_STAGES_CONSENT_REASON_H

#include "common/signal_reason.h"
#include "common/stage.h"

enum consent_reason {
    CONSENT_NO_REASON = 0, /* of what passes, and of a programme that is not judged yet */

    /* Of the event as a whole: rejects, then drops. */
    CONSENT_BRAND_UNKNOWN,
    CONSENT_TIME_FUTURE,
    CONSENT_TOO_LATE,
    CONSENT_SUBJECT_MISSING,
    CONSENT_LIMIT_AD_TRACKING,

    /* Of a programme. */
    CONSENT_BRAND_OF_OTHER_PROGRAMME,
    CONSENT_BEFORE_START,
    CONSENT_AFTER_END,
    CONSENT_DATA_NOT_NAMED,
    CONSENT_REGIME_OFF,
    CONSENT_REGION_UNKNOWN,
    CONSENT_PLAN_EXCLUDED,
    CONSENT_UNDER_AGE,
    CONSENT_AGE_UNKNOWN,
    CONSENT_AGE_UNREADABLE,
#define CONSENT_REASON_ID(id, name, help) CONSENT_##id,
    SIGNAL_REASON_LIST(CONSENT_REASON_ID) /* of signals; see consent_reason_of_signal */
#undef CONSENT_REASON_ID
    CONSENT_OPTED_OUT_LINE,
    CONSENT_OPTED_OUT_ACCOUNT,
    CONSENT_OPTED_OUT_DEVICE,
    CONSENT_OPTED_OUT_SIGNAL,
    CONSENT_OPTED_OUT_PREDECESSOR,
    CONSENT_NOT_OPTED_IN,
    CONSENT_OPTED_IN_LATER,

    CONSENT_REASONS,
};

extern const struct reason consent_reasons[CONSENT_REASONS];

/* The stage's own reason for a signal's. */
static inline enum consent_reason consent_reason_of_signal(enum signal_reason reason)
{
    if (reason == SIGNAL_NO_REASON)
        return CONSENT_NO_REASON;
    return (enum consent_reason)(CONSENT_GPC + (reason - SIGNAL_GPC)); /* made from one list */
}

#endif
