#include "stages/consent/signals.h"

#include "stages/consent/us_privacy.h"

static enum consent_reason judge_gpc(enum gpc_signal gpc)
{
    switch (gpc) {
    case GPC_ABSENT:
    case GPC_FALSE:
        return CONSENT_NO_REASON;
    case GPC_TRUE: /* Global Privacy Control specification, section 3: an opt-out of sale and sharing */
        return CONSENT_GPC;
    case GPC_UNREADABLE:
        break;
    }
    return CONSENT_GPC_UNREADABLE;
}

static enum consent_reason judge_us_privacy(const struct signals *signals)
{
    switch (signals->us_privacy_presence) {
    case PRESENCE_ABSENT:
        return CONSENT_NO_REASON;
    case PRESENCE_PRESENT:
        return us_privacy_judge(signals->us_privacy);
    case PRESENCE_UNREADABLE:
        break;
    }
    return CONSENT_US_PRIVACY_UNREADABLE;
}

enum consent_reason signals_judge(const struct signals *signals)
{
    enum consent_reason reason = judge_gpc(signals->gpc);
    if (reason == CONSENT_NO_REASON)
        reason = judge_us_privacy(signals);
    if (reason == CONSENT_NO_REASON &&
        (signals->gpp_presence != PRESENCE_ABSENT || signals->gpp_sid_presence != PRESENCE_ABSENT))
        reason = CONSENT_GPP_UNDECODED;
    return reason;
}
