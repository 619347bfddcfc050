/*
 * The programmes, compiled for deciding: is an event kept for a programme, and if not, why (spec 3)?
 *
 * Tests in this order: brand and dates (the event's time, at midnight in the programme's time zone), and the programme's
 * `data` with them; regime by region; exclusions by plan and age; signals; stored choices.
 *
 * Regions. The regime of a region that the programme does not list is that of its country when that is listed
 * (`US` for `US-CA`), else the programme's own. A country alone (`US`) is the strictest of its regions. A country whose
 * code is also that of a listed subdivision (`ME`, where `US-ME` is listed) may be meant as either: the stricter. No
 * region: that of
 * region_default, or the strictest regime that the programme has anywhere; so is what is no region at all (wrong case,
 * a US subdivision that does not exist). Strictness: off, opt_in, opt_out. Where the strictest denies only because the
 * region is not known, the reason is region_unknown.
 *
 * Compiled once, immutable afterwards: judging may be done by any thread.
 */
#ifndef CLICKVEIL_STAGES_CONSENT_POLICY_H
#define CLICKVEIL_STAGES_CONSENT_POLICY_H

#include "common/config.h"
#include "common/error.h"
#include "common/record.h"
#include "stages/consent/choice.h"
#include "stages/consent/reason.h"

struct policy;

/* Compile the programmes of a configuration, which outlives the policy. Fails with EXIT_STATUS_CONFIGURATION: a time
 * zone that is not there, too many names of predecessors, a name twice. */
CLICKVEIL_MUST_CHECK bool policy_new(const struct config *config, struct policy **out_policy,
                                     struct error *error);
void policy_free(struct policy *policy); /* NULL is fine */

/* The names that choices can be given for. */
const struct choice_names *policy_names(const struct policy *policy);

/* The choices of an event's subjects; NULL: none stored, or no such subject. */
struct policy_choices {
    const struct choice_state *subjects[SUBJECT_KINDS];
};

/* Programmes that name this brand; 0: known to none, a dead letter. */
programme_set policy_brand(const struct policy *policy, struct view brand);

/* What is left of an event's programmes before its stored choices are looked at. */
struct policy_screening {
    programme_set open;         /* programmes that only the choices can still deny */
    programme_set needs_in;     /* of those: under opt_in */
    programme_set region_vague; /* of those: would be under a looser regime, were the region known */
    unsigned test;              /* how far the furthest of the denied got */
    enum consent_reason reason; /* why that one was denied */
    uint8_t reasons
        [RECORD_PROGRAMMES_MAX]; /* enum consent_reason, by programme; CONSENT_NO_REASON: open, or kept */
    unsigned sections_decided, sections_ignored; /* of the GPP string, where the signals were read */
};

/* All tests but the last, for all programmes. When none is open, out_screening->reason is that of the programme that
 * got furthest in the order of the tests, the first in the configuration of several that got equally far. No
 * allocation; any thread. */
void policy_screen(const struct policy *policy, const struct record *record,
                   struct policy_screening *out_screening);

/* The last test: stored choices. Returns the programmes that the event is kept for; when that is none, *out_reason says
 * why, by the same rule. Completes screening->reasons. */
programme_set policy_choose(const struct policy *policy, const struct record *record,
                            struct policy_screening *screening, const struct policy_choices *choices,
                            enum consent_reason *out_reason);

/* The same for one programme alone: CONSENT_NO_REASON when the event is kept for it (tests ask so). */
enum consent_reason policy_explain(const struct policy *policy, const struct record *record,
                                   unsigned programme, const struct policy_choices *choices);

#endif
