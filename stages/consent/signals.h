/*
 * Signals: choices that travel with the event (spec 3, "Absent is not unknown").
 *
 * No signal field, or null, is no objection. One that is there must be readable and must not object. All are brought into
 * one normal form (common/national.h) and decided by one table of rules. They are read once for an event and then
 * judged for each programme, since two things depend on it: its exclude.under_age decides about answers on known children,
 * and its region whether a TCF section is asked for.
 */
#ifndef CLICKVEIL_STAGES_CONSENT_SIGNALS_H
#define CLICKVEIL_STAGES_CONSENT_SIGNALS_H

#include "common/gpp_judge.h"
#include "common/record.h"
#include "stages/consent/reason.h"

/* What an event's signals say. */
struct signals_reading {
    bool read;              /* zeroed memory is no reading */
    enum signal_reason any; /* an objection whatever the programme: of GPC or US Privacy */
    struct gpp_verdict gpp;
};

/* Read all signals of an event. Any thread; no allocation. */
void signals_read(const struct signals *signals, struct signals_reading *out_reading);

/* CONSENT_NO_REASON: no objection; else why the first objecting one of GPC, US Privacy and GPP denies, for a programme
 * with this exclude.under_age (0: none), where the region asks for the TCF sections `asked`. Any thread. */
enum consent_reason signals_judge(const struct signals_reading *reading, int64_t under_age, gpp_set asked);

/* ---- counting by kind ---- */

enum signals_kind {
    SIGNALS_GPC,         /* `gpc` is there, on or off */
    SIGNALS_GPC_ON,      /* and on */
    SIGNALS_US_PRIVACY,  /* `us_privacy` is there */
    SIGNALS_GPP,         /* `gpp` is there */
    SIGNALS_GPP_SID,     /* `gpp_sid` is there */
    SIGNALS_GPP_DECIDED, /* GPP sections that were decided: the sum, not the events */
    SIGNALS_GPP_IGNORED, /* GPP sections that decide nothing: TCF, and those above 27 */
    SIGNALS_KINDS,
};

/* Names of the gauges, by kind. */
extern const char *const signals_gauges[SIGNALS_KINDS];

/* Add an event's to the counts, its GPP sections as they were read (up to the first objection). Any thread. */
void signals_count(const struct signals *signals, unsigned sections_decided, unsigned sections_ignored,
                   uint64_t counts[SIGNALS_KINDS]);

#endif
