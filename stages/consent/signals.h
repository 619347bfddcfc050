/*
 * Signals: choices that travel with the event (spec 3, "Absent is not unknown").
 *
 * No signal field, or null, is no objection. One that is there must be readable and must not object. The GPP string is
 * not decoded by this version: one that is there denies (gpp_undecoded), with whatever sections.
 */
#ifndef CLICKVEIL_STAGES_CONSENT_SIGNALS_H
#define CLICKVEIL_STAGES_CONSENT_SIGNALS_H

#include "common/record.h"
#include "stages/consent/reason.h"

/* CONSENT_NO_REASON: no objection; else why the first objecting one of GPC, US Privacy and GPP denies. Any thread. */
enum consent_reason signals_judge(const struct signals *signals);

#endif
