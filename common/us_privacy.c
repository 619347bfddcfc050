#include "common/us_privacy.h"

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
static enum signal_reason judge_form(struct view text)
{
    if (text.size == 0)
        return SIGNAL_US_PRIVACY_EMPTY;
    if (has_white_space(text))
        return SIGNAL_US_PRIVACY_WHITE_SPACE;
    if (text.size != US_PRIVACY_SIZE)
        return SIGNAL_US_PRIVACY_LENGTH;
    if (text.data[POSITION_VERSION] != '1')
        return SIGNAL_US_PRIVACY_VERSION;
    enum signal_reason reason = SIGNAL_NO_REASON;
    for (unsigned i = POSITION_NOTICE; i < US_PRIVACY_SIZE; i++) {
        char answer = text.data[i];
        if (answer == 'y' || answer == 'n')
            reason = SIGNAL_US_PRIVACY_LOWER_CASE;
        else if (answer != 'Y' && answer != 'N' && answer != '-')
            return SIGNAL_US_PRIVACY_MALFORMED;
    }
    return reason;
}

/* As the two bits of GPP's fields have it: yes 1, no 2, not applicable 0. */
static unsigned answer_of(char letter)
{
    return letter == 'Y' ? 1 : letter == 'N' ? 2 : 0;
}

enum signal_reason us_privacy_read(struct view text, struct national *out_said)
{
    enum signal_reason reason = judge_form(text);
    if (reason != SIGNAL_NO_REASON)
        return reason;
    unsigned notice = answer_of(text.data[POSITION_NOTICE]), opt_out = answer_of(text.data[POSITION_OPT_OUT]);
    /* spec 3: `1--Y` denies like an opt-out, though the fourth position is not judged otherwise */
    if (notice == 0 && opt_out == 0 && text.data[POSITION_LSPA] == 'Y')
        opt_out = 1;
    struct national said = {0};
    said.answers[notice] |= NATIONAL_SET(NATIONAL_SALE_NOTICE);
    said.answers[opt_out] |= NATIONAL_SET(NATIONAL_SALE);
    *out_said = said;
    return SIGNAL_NO_REASON;
}

enum signal_reason us_privacy_judge(struct view text)
{
    struct national said;
    enum signal_reason reason = us_privacy_read(text, &said);
    if (reason != SIGNAL_NO_REASON)
        return reason;
    reason = national_judge(&said, 0);
    switch (reason) { /* under the field's own names */
    case SIGNAL_GPP_SALE_OPT_OUT:
        return SIGNAL_US_PRIVACY_OPT_OUT;
    case SIGNAL_GPP_NO_SALE_NOTICE:
        return SIGNAL_US_PRIVACY_NO_NOTICE;
    case SIGNAL_GPP_SALE_CONTRADICTION:
        return SIGNAL_US_PRIVACY_CONTRADICTION;
    default:
        return reason;
    }
}
