#include "stages/consent/signals.h"

#include "common/error.h"
#include "common/us_privacy.h"

static enum signal_reason judge_gpc(enum gpc_signal gpc)
{
    switch (gpc) {
    case GPC_ABSENT:
    case GPC_FALSE:
        return SIGNAL_NO_REASON;
    case GPC_TRUE: /* Global Privacy Control specification, section 3: an opt-out of sale and sharing */
        return SIGNAL_GPC;
    case GPC_UNREADABLE:
        break;
    }
    return SIGNAL_GPC_UNREADABLE;
}

static enum signal_reason judge_us_privacy(const struct signals *signals)
{
    switch (signals->us_privacy_presence) {
    case PRESENCE_ABSENT:
        return SIGNAL_NO_REASON;
    case PRESENCE_PRESENT:
        return us_privacy_judge(signals->us_privacy);
    case PRESENCE_UNREADABLE:
        break;
    }
    return SIGNAL_US_PRIVACY_UNREADABLE;
}

void signals_read(const struct signals *signals, struct signals_reading *out_reading)
{
    struct signals_reading reading = {.read = true, .any = judge_gpc(signals->gpc)};
    if (reading.any == SIGNAL_NO_REASON)
        reading.any = judge_us_privacy(signals);
    if (reading.any == SIGNAL_NO_REASON)
        gpp_judge(signals->gpp_presence, signals->gpp, signals->gpp_sid_presence, signals->gpp_sid, NULL,
                  &reading.gpp);
    *out_reading = reading;
}

enum consent_reason signals_judge(const struct signals_reading *reading, int64_t under_age, gpp_set asked)
{
    ensure(reading->read);
    if (reading->any != SIGNAL_NO_REASON)
        return consent_reason_of_signal(reading->any);
    return consent_reason_of_signal(gpp_verdict_reason(&reading->gpp, under_age, asked));
}

/* ---- counting by kind ---- */

const char *const signals_gauges[SIGNALS_KINDS] = {
    [SIGNALS_GPC] = "consent_signals_gpc",
    [SIGNALS_GPC_ON] = "consent_signals_gpc_on",
    [SIGNALS_US_PRIVACY] = "consent_signals_us_privacy",
    [SIGNALS_GPP] = "consent_signals_gpp",
    [SIGNALS_GPP_SID] = "consent_signals_gpp_sid",
    [SIGNALS_GPP_DECIDED] = "consent_signals_gpp_sections_decided",
    [SIGNALS_GPP_IGNORED] = "consent_signals_gpp_sections_ignored",
};

void signals_count(const struct signals *signals, unsigned sections_decided, unsigned sections_ignored,
                   uint64_t counts[SIGNALS_KINDS])
{
    counts[SIGNALS_GPC] += signals->gpc != GPC_ABSENT;
    counts[SIGNALS_GPC_ON] += signals->gpc == GPC_TRUE;
    counts[SIGNALS_US_PRIVACY] += signals->us_privacy_presence != PRESENCE_ABSENT;
    counts[SIGNALS_GPP] += signals->gpp_presence != PRESENCE_ABSENT;
    counts[SIGNALS_GPP_SID] += signals->gpp_sid_presence != PRESENCE_ABSENT;
    counts[SIGNALS_GPP_DECIDED] += sections_decided;
    counts[SIGNALS_GPP_IGNORED] += sections_ignored;
}
