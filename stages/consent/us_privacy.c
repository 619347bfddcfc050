#include "stages/consent/us_privacy.h"

enum {
    POSITION_VERSION,
    POSITION_NOTICE,
    POSITION_OPT_OUT,
    POSITION_LSPA,
    US_PRIVACY_SIZE,
};

static bool has_white_space(struct view text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == ' ' || (text.data[i] >= '\t' && text.data[i] <= '\r'))
            return true;
    }
    return false;
}

/* Is the text one of four answers? Other characters get a reason by what they look like. */
static enum consent_reason judge_form(struct view text)
{
    if (text.size == 0)
        return CONSENT_US_PRIVACY_EMPTY;
    if (has_white_space(text))
        return CONSENT_US_PRIVACY_WHITE_SPACE;
    if (text.size != US_PRIVACY_SIZE)
        return CONSENT_US_PRIVACY_LENGTH;
    if (text.data[POSITION_VERSION] != '1')
        return CONSENT_US_PRIVACY_VERSION;
    enum consent_reason reason = CONSENT_NO_REASON;
    for (unsigned i = POSITION_NOTICE; i < US_PRIVACY_SIZE; i++) {
        char answer = text.data[i];
        if (answer == 'y' || answer == 'n')
            reason = CONSENT_US_PRIVACY_LOWER_CASE;
        else if (answer != 'Y' && answer != 'N' && answer != '-')
            return CONSENT_US_PRIVACY_MALFORMED;
    }
    return reason;
}

enum consent_reason us_privacy_judge(struct view text)
{
    enum consent_reason reason = judge_form(text);
    if (reason != CONSENT_NO_REASON)
        return reason;
    char notice = text.data[POSITION_NOTICE], opt_out = text.data[POSITION_OPT_OUT];
    if (opt_out == 'Y')
        return CONSENT_US_PRIVACY_OPT_OUT;
    if (notice == 'N')
        return CONSENT_US_PRIVACY_NO_NOTICE;
    if (notice == '-' && opt_out == 'N')
        return CONSENT_US_PRIVACY_CONTRADICTION;
    /* spec 3: `1--Y` denies like an opt-out, though the fourth position is not judged otherwise */
    if (notice == '-' && opt_out == '-' && text.data[POSITION_LSPA] == 'Y')
        return CONSENT_US_PRIVACY_OPT_OUT;
    return CONSENT_NO_REASON;
}
