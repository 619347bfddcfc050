#include "stages/consent/reason.h"

const struct reason consent_reasons[CONSENT_REASONS] = {
    [CONSENT_NO_REASON] = {"none", "nothing was found against it"},

    [CONSENT_BRAND_UNKNOWN] = {"brand_unknown", "no programme of this configuration names the event's brand"},
    [CONSENT_TIME_FUTURE] = {"time_future",
                             "the event lies further ahead of its Kafka timestamp than input.future_max"},
    [CONSENT_TOO_LATE] = {"too_late",
                          "the event lies further behind its Kafka timestamp than input.late_max"},
    [CONSENT_SUBJECT_MISSING] =
        {"subject_missing", "a subject of consent.subjects is not there, so its choice cannot be looked up"},
    [CONSENT_LIMIT_AD_TRACKING] = {"limit_ad_tracking",
                                   "consent.subjects has `device`, and the advertising ID is all zeros"},

    [CONSENT_BRAND_OF_OTHER_PROGRAMME] = {"brand_of_other_programme",
                                          "the brand belongs to other programmes only"},
    [CONSENT_BEFORE_START] = {"before_start", "the event lies before the programme's `from`"},
    [CONSENT_AFTER_END] = {"after_end", "the event lies at or after the programme's `until`"},
    [CONSENT_DATA_NOT_NAMED] = {"data_not_named", "the programme's `data` does not name this type of event"},
    [CONSENT_REGIME_OFF] = {"regime_off", "the programme is off in the event's region"},
    [CONSENT_REGION_UNKNOWN] = {"region_unknown",
                                "the region is missing or no region, and the strictest regime that it "
                                "may have denies: off, or opt_in without an `in`"},
    [CONSENT_PLAN_EXCLUDED] = {"plan_excluded", "the programme excludes the plan"},
    [CONSENT_UNDER_AGE] = {"under_age", "by year of birth, or on a child's plan without one"},
    [CONSENT_AGE_UNKNOWN] = {"age_unknown", "no year of birth, and the programme says unknown_age: deny"},
    [CONSENT_AGE_UNREADABLE] = {"age_unreadable", "the year of birth is nobody's"},
#define REASON(id, name, help) [CONSENT_##id] = {name, help},
    SIGNAL_REASON_LIST(REASON)
#undef REASON
        [CONSENT_OPTED_OUT_LINE] = {"opted_out_line", "a stored `out` of the line"},
    [CONSENT_OPTED_OUT_ACCOUNT] = {"opted_out_account", "a stored `out` of the account"},
    [CONSENT_OPTED_OUT_DEVICE] = {"opted_out_device", "a stored `out` of the device"},
    [CONSENT_OPTED_OUT_SIGNAL] = {"opted_out_signal", "a stored signal of one of the subjects"},
    [CONSENT_OPTED_OUT_PREDECESSOR] =
        {"opted_out_predecessor", "an `out`, or an `in` taken back, of a programme that this one succeeds"},
    [CONSENT_NOT_OPTED_IN] = {"not_opted_in", "the regime is opt_in, and nobody who may said `in`"},
    [CONSENT_OPTED_IN_LATER] = {"opted_in_later",
                                "the regime is opt_in, and the `in` took effect after the event"},
};
