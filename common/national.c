#include "common/national.h"

#define SET(field) NATIONAL_SET(NATIONAL_##field)

enum {
    ZERO = 1u << 0,
    ONE = 1u << 1,
    TWO = 1u << 2,
    THREE = 1u << 3,
};

/* Sensitive data that consent may allow. Precise location is in no rule: no location is processed (spec 3). */
#define OTHER_SENSITIVE                                                                           \
    (SET(ORIGIN) | SET(RELIGION) | SET(HEALTH) | SET(SEXUALITY) | SET(CITIZENSHIP) | SET(UNION) | \
     SET(HEALTH_DATA) | SET(NATION))

#define CHILDREN         (SET(CHILD_13) | SET(CHILD_0) | SET(CHILD_16))
#define SENSITIVE_NOTICE (SET(SENSITIVE_NOTICE) | SET(LIMIT_USE_NOTICE))

#define SPEC   "docs/signals.md"
#define PREBID "docs/signals.md; Prebid's rules for section 7"

const struct national_rule national_rules[] = {
    {SIGNAL_GPP_VALUE_RESERVED, THREE, ~(national_set)0, 0, NATIONAL_ALWAYS, SPEC},

    {SIGNAL_GPP_GPC, ONE, SET(GPC), 0, NATIONAL_ALWAYS, PREBID},
    {SIGNAL_GPP_SALE_OPT_OUT, ONE, SET(SALE), 0, NATIONAL_ALWAYS, PREBID},
    {SIGNAL_GPP_SHARING_OPT_OUT, ONE, SET(SHARING), 0, NATIONAL_ALWAYS, PREBID},
    {SIGNAL_GPP_TARGETED_OPT_OUT, ONE, SET(TARGETED), 0, NATIONAL_ALWAYS, PREBID},

    {SIGNAL_GPP_NO_PROCESSING_NOTICE, TWO, SET(PROCESSING_NOTICE), 0, NATIONAL_ALWAYS, SPEC},
    {SIGNAL_GPP_NO_SHARING_NOTICE, TWO, SET(SHARING_NOTICE), 0, NATIONAL_ALWAYS, PREBID},
    {SIGNAL_GPP_NO_SALE_NOTICE, TWO, SET(SALE_NOTICE), 0, NATIONAL_ALWAYS, PREBID},
    {SIGNAL_GPP_NO_SHARING_OPT_OUT_NOTICE, TWO, SET(SHARING_OPT_OUT_NOTICE), 0, NATIONAL_ALWAYS, PREBID},
    {SIGNAL_GPP_NO_TARGETED_NOTICE, TWO, SET(TARGETED_NOTICE), 0, NATIONAL_ALWAYS, PREBID},
    {SIGNAL_GPP_NO_SENSITIVE_NOTICE, TWO, SET(SENSITIVE_NOTICE), 0, NATIONAL_ALWAYS, PREBID},
    {SIGNAL_GPP_NO_LIMIT_USE_NOTICE, TWO, SET(LIMIT_USE_NOTICE), 0, NATIONAL_ALWAYS, PREBID},

    /* nobody can have stayed in what was never applicable */
    {SIGNAL_GPP_SALE_CONTRADICTION, TWO, SET(SALE), SET(SALE_NOTICE), NATIONAL_ALWAYS, PREBID},
    {SIGNAL_GPP_SHARING_CONTRADICTION, TWO, SET(SHARING), SET(SHARING_OPT_OUT_NOTICE), NATIONAL_ALWAYS,
     PREBID},
    {SIGNAL_GPP_SHARING_CONTRADICTION, TWO, SET(SHARING), SET(SHARING_NOTICE), NATIONAL_ALWAYS, PREBID},
    {SIGNAL_GPP_TARGETED_CONTRADICTION, TWO, SET(TARGETED), SET(TARGETED_NOTICE), NATIONAL_ALWAYS, PREBID},

    {SIGNAL_GPP_GENETIC, ONE | TWO, SET(GENETIC), 0, NATIONAL_ALWAYS, PREBID},
    {SIGNAL_GPP_BIOMETRIC, ONE | TWO, SET(BIOMETRIC), 0, NATIONAL_ALWAYS, PREBID},
    {SIGNAL_GPP_GOVERNMENT_ID, ONE | TWO, SET(IDENTITY), 0, NATIONAL_ALWAYS, PREBID},
    {SIGNAL_GPP_ACCOUNT_LOGIN, ONE | TWO, SET(ACCOUNT), 0, NATIONAL_ALWAYS, PREBID},
    {SIGNAL_GPP_MESSAGE_CONTENT, ONE | TWO, SET(MESSAGES), 0, NATIONAL_ALWAYS, PREBID},
    {SIGNAL_GPP_VICTIM_OF_CRIME, ONE | TWO, SET(VICTIM), 0, NATIONAL_ALWAYS, PREBID},
    {SIGNAL_GPP_TRANSGENDER, ONE | TWO, SET(TRANSGENDER), 0, NATIONAL_ALWAYS, PREBID},
    {SIGNAL_GPP_SENSITIVE_REFUSED, ONE, OTHER_SENSITIVE, 0, NATIONAL_ALWAYS, PREBID},
    {SIGNAL_GPP_SENSITIVE_CONTRADICTION, TWO, OTHER_SENSITIVE, SENSITIVE_NOTICE, NATIONAL_ALWAYS, PREBID},

    {SIGNAL_GPP_KNOWN_CHILD, ONE | TWO, CHILDREN, 0, NATIONAL_WHILE_ADULT, SPEC},
    {SIGNAL_GPP_KNOWN_CHILD, ONE, CHILDREN, 0, NATIONAL_WHILE_MINOR, PREBID},
    {SIGNAL_GPP_KNOWN_CHILD, TWO, SET(CHILD_0), 0, NATIONAL_WHILE_MINOR, PREBID},

    /* Prebid denies 2, consent, instead; the published tables and the spec say that 1 is the refusal */
    {SIGNAL_GPP_PERSONAL_DATA_REFUSED, ONE, SET(PERSONAL), 0, NATIONAL_ALWAYS, SPEC},
    {SIGNAL_GPP_MSPA_COVERED_UNDEFINED, ZERO, SET(COVERED), 0, NATIONAL_ALWAYS, PREBID},
    {SIGNAL_GPP_SERVICE_PROVIDER_MODE, ONE, SET(SERVICE_PROVIDER_MODE), 0, NATIONAL_ALWAYS, PREBID},
    {SIGNAL_GPP_SERVICE_PROVIDER_MODE, TWO, SET(MODE), 0, NATIONAL_ALWAYS, SPEC},

    {SIGNAL_NO_REASON, 0, 0, 0, NATIONAL_ALWAYS, NULL},
};

static inline bool objects(const struct national_rule *rule, const struct national *said, bool adult)
{
    const national_set *answers = said->answers;
    national_set given = 0; /* fields with one of the rule's answers */
    given |= rule->answers & ZERO ? answers[0] : 0;
    given |= rule->answers & ONE ? answers[1] : 0;
    given |= rule->answers & TWO ? answers[2] : 0;
    given |= rule->answers & THREE ? answers[3] : 0;
    if (!(given & rule->fields) || (rule->notices && !(rule->notices & answers[0])))
        return false;
    return rule->when == NATIONAL_ALWAYS || (rule->when == NATIONAL_WHILE_ADULT) == adult;
}

bool national_rule_objects(const struct national_rule *rule, const struct national *said, int64_t under_age)
{
    return objects(rule, said, under_age >= NATIONAL_ADULT);
}

enum signal_reason national_judge(const struct national *said, int64_t under_age)
{
    bool adult = under_age >= NATIONAL_ADULT;
    const struct national_rule *rule = national_rules;
    while (rule->reason != SIGNAL_NO_REASON && !objects(rule, said, adult))
        rule++;
    return rule->reason;
}
