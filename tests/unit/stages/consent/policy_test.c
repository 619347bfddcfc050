/*
 * Which programmes an event is kept for: a row for every sentence of spec 3, on programmes like the presets.
 */
#include "stages/consent/policy.h"

#include "common/rfc3339.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define LIST(array) ((struct option_list){(void *)(array), sizeof(array) / sizeof *(array), true})

enum {
    TMOBILE,  /* opt_out from 26 April 2021 in New York, Maine opt_in, after sprint */
    SPRINT,   /* opt_in until that day */
    STRICT,   /* opt_in by the account alone, off in one state, unknown age denied, browsing only */
    DEFAULTS, /* opt_out with a default region and a listed country */
    PROGRAMMES
};

static struct programme programmes[PROGRAMMES];
static struct config config;

static const int all_data[] = {PROGRAMME_DATA_BROWSE, PROGRAMME_DATA_APP_USE, PROGRAMME_DATA_APP_INSTALL};
static const int browse_only[] = {PROGRAMME_DATA_BROWSE};
static const int both[] = {1, 2}, account_only[] = {2};
static const struct view plans[] = {{"business", 8}, {"child", 5}};
static const struct view business_only[] = {{"business", 8}};
static const struct view tmobile_brands[] = {{"tmobile", 7}, {"metro", 5}, {"sprint", 6}};
static const struct view sprint_brands[] = {{"sprint", 6}};
static const struct view strict_brands[] = {{"strict", 6}};
static const struct view default_brands[] = {{"default", 7}};
static const struct view predecessors[] = {{"sprint", 6}};
static const struct option_enum_pair maine[] = {{{"US-ME", 5}, REGIME_OPT_IN, {0}}};
static const struct option_enum_pair strict_regions[] = {{{"US-TX", 5}, REGIME_OFF, {0}},
                                                         {{"US-CA", 5}, REGIME_OPT_OUT, {0}}};
static const struct option_enum_pair default_regions[] = {{{"US-ME", 5}, REGIME_OPT_IN, {0}},
                                                          {{"CA", 2}, REGIME_OPT_IN, {0}},
                                                          {{"CA-ON", 5}, REGIME_OPT_OUT, {0}},
                                                          {{"DE-BE", 5}, REGIME_OFF, {0}}};

enum { DAY_2021_04_26 = 18743 };

static void set_up(void)
{
    programmes[TMOBILE] = (struct programme){
        .name = VIEW("tmobile"),
        .regime = REGIME_OPT_OUT,
        .regions = LIST(maine),
        .brands = LIST(tmobile_brands),
        .from_day = DAY_2021_04_26,
        .until_day = OPTION_DATE_UNSET,
        .timezone = VIEW("America/New_York"),
        .data = LIST(all_data),
        .exclude = {LIST(plans), 18},
        .unknown_age = UNKNOWN_AGE_ALLOW,
        .predecessors = LIST(predecessors),
        .in_by = LIST(both),
    };
    programmes[SPRINT] = (struct programme){
        .name = VIEW("sprint"),
        .regime = REGIME_OPT_IN,
        .brands = LIST(sprint_brands),
        .from_day = OPTION_DATE_UNSET,
        .until_day = DAY_2021_04_26,
        .timezone = VIEW("America/New_York"),
        .data = LIST(all_data),
        .exclude = {LIST(plans), 18},
        .unknown_age = UNKNOWN_AGE_ALLOW,
        .in_by = LIST(both),
    };
    programmes[STRICT] = (struct programme){
        .name = VIEW("strict"),
        .regime = REGIME_OPT_IN,
        .regions = LIST(strict_regions),
        .brands = LIST(strict_brands),
        .from_day = OPTION_DATE_UNSET,
        .until_day = OPTION_DATE_UNSET,
        .data = LIST(browse_only),
        .exclude = {LIST(business_only), 12},
        .unknown_age = UNKNOWN_AGE_DENY,
        .in_by = LIST(account_only),
    };
    programmes[DEFAULTS] = (struct programme){
        .name = VIEW("defaults"),
        .regime = REGIME_OPT_OUT,
        .regions = LIST(default_regions),
        .region_default = VIEW("US-CA"),
        .brands = LIST(default_brands),
        .from_day = OPTION_DATE_UNSET,
        .until_day = OPTION_DATE_UNSET,
        .data = LIST(all_data),
        .exclude = {{0}, 0},
        .unknown_age = UNKNOWN_AGE_ALLOW,
        .in_by = LIST(both),
    };
    config = (struct config){.programmes = LIST(programmes)};
}

static struct policy *compile(void)
{
    set_up();
    struct policy *policy = NULL;
    struct error error = {0};
    if (!policy_new(&config, &policy, &error))
        fail_msg("%s", error.what);
    return policy;
}

/* Choices of one subject, in short: `-` out of everything, `+` in of everything, NULL none. Of sprint: `s-`, `s+`. */
struct event {
    const char *brand, *time, *region, *plan, *line, *account, *device;
    int birth_year;
    enum event_type type; /* 0: browse */
};

#define EVENT(event_brand, event_time, event_region, ...)                             \
    {                                                                                 \
        .brand = event_brand, .time = event_time, .region = event_region, __VA_ARGS__ \
    }

struct policy_case {
    unsigned programme;
    struct event event;
    enum consent_reason reason;
    const char *why;
};

#define NOON         "2021-06-01T12:00:00-04:00"
#define BEFORE_START "2021-04-25T23:59:59.999-04:00"
#define START        "2021-04-26T00:00:00-04:00"

static const struct policy_case cases[] = {
    /* brand and dates */
    {TMOBILE, EVENT("tmobile", NOON, "US-CA"), CONSENT_NO_REASON, "enrolled"},
    {TMOBILE, EVENT("metro", NOON, "US-CA"), CONSENT_NO_REASON, "a brand of it"},
    {TMOBILE, EVENT("sprint", NOON, "US-CA"), CONSENT_NO_REASON, "a brand of it, enrolled from 26 April"},
    {TMOBILE, EVENT("strict", NOON, "US-CA"), CONSENT_BRAND_OF_OTHER_PROGRAMME, "another's brand"},
    {TMOBILE, EVENT("Sprint", NOON, "US-CA"), CONSENT_BRAND_OF_OTHER_PROGRAMME, "brands are case-sensitive"},
    {TMOBILE, EVENT("tmobile", BEFORE_START, "US-CA"), CONSENT_BEFORE_START,
     "the last millisecond before, in New York"},
    {TMOBILE, EVENT("tmobile", START, "US-CA"), CONSENT_NO_REASON, "midnight in New York"},
    {TMOBILE, EVENT("tmobile", "2021-04-26T00:00:00Z", "US-CA"), CONSENT_BEFORE_START,
     "midnight in London is not"},
    {SPRINT, EVENT("sprint", BEFORE_START, "US-CA", .line = "+"), CONSENT_NO_REASON,
     "the last millisecond of it"},
    {SPRINT, EVENT("sprint", START, "US-CA", .line = "+"), CONSENT_AFTER_END, "until is exclusive"},
    {STRICT, EVENT("strict", NOON, "US-NY", .account = "+", .birth_year = 1980), CONSENT_NO_REASON,
     "no dates: always"},
    {STRICT, EVENT("strict", "1971-01-01T00:00:00Z", "US-NY", .account = "+", .birth_year = 1950),
     CONSENT_NO_REASON, "always"},

    /* data */
    {TMOBILE, EVENT("tmobile", NOON, "US-CA", .type = EVENT_APP_USE), CONSENT_NO_REASON, "named"},
    {TMOBILE, EVENT("tmobile", NOON, "US-CA", .type = EVENT_APP_INSTALL), CONSENT_NO_REASON, "named"},
    {TMOBILE, EVENT("tmobile", NOON, "US-CA", .type = EVENT_APP_REMOVE), CONSENT_NO_REASON,
     "goes with these"},
    {STRICT, EVENT("strict", NOON, "US-CA", .birth_year = 1980, .type = EVENT_APP_USE),
     CONSENT_DATA_NOT_NAMED, "not named"},
    {STRICT, EVENT("strict", NOON, "US-CA", .birth_year = 1980, .type = EVENT_APP_REMOVE),
     CONSENT_DATA_NOT_NAMED, "goes with what is not named"},

    /* regime by region */
    {TMOBILE, EVENT("tmobile", NOON, "US-ME"), CONSENT_NOT_OPTED_IN, "Maine is opt_in"},
    {TMOBILE, EVENT("tmobile", NOON, "US-ME", .line = "+"), CONSENT_NO_REASON, "and here is an `in`"},
    {TMOBILE, EVENT("tmobile", NOON, "DE-BE"), CONSENT_NO_REASON,
     "a region that is not listed: the programme's regime"},
    {TMOBILE, EVENT("tmobile", NOON, NULL), CONSENT_REGION_UNKNOWN, "missing: it might be Maine"},
    {TMOBILE, EVENT("tmobile", NOON, NULL, .line = "+"), CONSENT_NO_REASON,
     "missing, and `in` would do in Maine"},
    {TMOBILE, EVENT("tmobile", NOON, NULL, .line = "-"), CONSENT_OPTED_OUT_LINE,
     "missing, but `out` denies anywhere"},
    {TMOBILE, EVENT("tmobile", NOON, "US"), CONSENT_REGION_UNKNOWN, "US: the strictest of its regions"},
    {TMOBILE, EVENT("tmobile", NOON, "US", .line = "+"), CONSENT_NO_REASON, "US with an `in`"},
    {TMOBILE, EVENT("tmobile", NOON, "DE"), CONSENT_NO_REASON, "a country without listed regions"},
    {TMOBILE, EVENT("tmobile", NOON, "ME"), CONSENT_REGION_UNKNOWN,
     "Montenegro, or Maine without its country"},
    {TMOBILE, EVENT("tmobile", NOON, "ME", .line = "+"), CONSENT_NO_REASON,
     "and either would do with an `in`"},
    {TMOBILE, EVENT("tmobile", NOON, "ME-01"), CONSENT_NO_REASON, "Montenegro without doubt"},
    {TMOBILE, EVENT("tmobile", NOON, "us-ca"), CONSENT_REGION_UNKNOWN, "lower case is no region"},
    {TMOBILE, EVENT("tmobile", NOON, "US-ca"), CONSENT_REGION_UNKNOWN, "lower case is no region"},
    {TMOBILE, EVENT("tmobile", NOON, "US-XX"), CONSENT_REGION_UNKNOWN, "no state of that name"},
    {TMOBILE, EVENT("tmobile", NOON, "US-CAL"), CONSENT_REGION_UNKNOWN, "no state of that name"},
    {TMOBILE, EVENT("tmobile", NOON, "US-"), CONSENT_REGION_UNKNOWN, "truncated"},
    {TMOBILE, EVENT("tmobile", NOON, "CA "), CONSENT_REGION_UNKNOWN, "white space"},
    {TMOBILE, EVENT("tmobile", NOON, "U"), CONSENT_REGION_UNKNOWN, "truncated"},
    {TMOBILE, EVENT("tmobile", NOON, ""), CONSENT_REGION_UNKNOWN, "empty"},
    {TMOBILE, EVENT("tmobile", NOON, "California"), CONSENT_REGION_UNKNOWN, "a name is no code"},
    {TMOBILE, EVENT("tmobile", NOON, "US-PR"), CONSENT_NO_REASON, "an outlying area"},
    {SPRINT, EVENT("sprint", BEFORE_START, NULL), CONSENT_NOT_OPTED_IN,
     "opt_in everywhere: the region does not matter"},
    {STRICT, EVENT("strict", NOON, "US-TX", .line = "+", .account = "+", .birth_year = 1980),
     CONSENT_REGIME_OFF, "off, whatever they chose"},
    {STRICT, EVENT("strict", NOON, NULL, .line = "+", .account = "+", .birth_year = 1980),
     CONSENT_REGION_UNKNOWN, "it might be Texas"},
    {STRICT, EVENT("strict", NOON, "US", .line = "+", .account = "+", .birth_year = 1980),
     CONSENT_REGION_UNKNOWN, "it might be Texas"},
    {STRICT, EVENT("strict", NOON, "US-CA", .birth_year = 1980), CONSENT_NO_REASON, "a region may be looser"},
    {DEFAULTS, EVENT("default", NOON, NULL), CONSENT_NO_REASON, "missing: region_default, which is opt_out"},
    {DEFAULTS, EVENT("default", NOON, "??"), CONSENT_REGION_UNKNOWN, "a wrong one is not a missing one"},
    {DEFAULTS, EVENT("default", NOON, "CA-QC"), CONSENT_NOT_OPTED_IN, "its country is listed"},
    {DEFAULTS, EVENT("default", NOON, "CA-ON"), CONSENT_NO_REASON, "it is listed itself"},
    {DEFAULTS, EVENT("default", NOON, "CA"), CONSENT_REGION_UNKNOWN,
     "the strictest of its regions, which differ"},
    {DEFAULTS, EVENT("default", NOON, "DE-BE"), CONSENT_REGIME_OFF, "off there"},
    {DEFAULTS, EVENT("default", NOON, "DE-BY"), CONSENT_NO_REASON, "not listed, nor its country"},

    /* plan and age */
    {TMOBILE, EVENT("tmobile", NOON, "US-CA", .plan = "business", .line = "+"), CONSENT_PLAN_EXCLUDED,
     "business"},
    {TMOBILE, EVENT("tmobile", NOON, "US-CA", .plan = " business\t", .line = "+"), CONSENT_PLAN_EXCLUDED,
     "a source's padding"},
    {TMOBILE, EVENT("tmobile", NOON, "US-CA", .plan = "busi ness", .line = "+"), CONSENT_NO_REASON,
     "another word"},
    {TMOBILE, EVENT("tmobile", NOON, "US-CA", .plan = " ", .line = "+"), CONSENT_NO_REASON, "no plan"},
    {TMOBILE, EVENT("tmobile", NOON, "US-CA", .plan = "Business"), CONSENT_PLAN_EXCLUDED,
     "an exclusion is not escaped by case"},
    {TMOBILE, EVENT("tmobile", NOON, "US-CA", .plan = "child"), CONSENT_PLAN_EXCLUDED, "child"},
    {TMOBILE, EVENT("tmobile", NOON, "US-CA", .plan = "family"), CONSENT_NO_REASON, "another plan"},
    {TMOBILE, EVENT("tmobile", NOON, "US-CA", .plan = ""), CONSENT_NO_REASON, "no plan of a name"},
    {TMOBILE, EVENT("tmobile", NOON, "US-CA", .birth_year = 2003), CONSENT_UNDER_AGE,
     "18 this year: birthday may be ahead"},
    {TMOBILE, EVENT("tmobile", NOON, "US-CA", .birth_year = 2002), CONSENT_NO_REASON, "19 this year"},
    {TMOBILE, EVENT("tmobile", NOON, "US-CA", .birth_year = 2021), CONSENT_UNDER_AGE, "born this year"},
    {TMOBILE, EVENT("tmobile", NOON, "US-CA", .birth_year = 2022), CONSENT_UNDER_AGE, "not born yet"},
    {TMOBILE, EVENT("tmobile", NOON, "US-CA", .birth_year = 1891), CONSENT_NO_REASON,
     "130: the oldest that is believed"},
    {TMOBILE, EVENT("tmobile", NOON, "US-CA", .birth_year = 1890), CONSENT_AGE_UNREADABLE,
     "131: a placeholder"},
    {TMOBILE, EVENT("tmobile", NOON, "US-CA", .birth_year = -1), CONSENT_AGE_UNREADABLE,
     "there, but unreadable"},
    {TMOBILE, EVENT("tmobile", "2022-01-01T03:00:00Z", "US-CA", .birth_year = 2003), CONSENT_UNDER_AGE,
     "still 2021 in New York"},
    {TMOBILE, EVENT("tmobile", "2022-01-01T05:00:00Z", "US-CA", .birth_year = 2003), CONSENT_NO_REASON,
     "2022 in New York from here on"},
    {TMOBILE, EVENT("tmobile", NOON, "US-CA"), CONSENT_NO_REASON, "missing birth year: not under age"},
    {STRICT, EVENT("strict", NOON, "US-CA", .plan = "child"), CONSENT_UNDER_AGE,
     "missing, and the plan is a child's"},
    {STRICT, EVENT("strict", NOON, "US-CA", .plan = "CHILD"), CONSENT_UNDER_AGE, "in any case"},
    {STRICT, EVENT("strict", NOON, "US-CA", .plan = "child", .birth_year = 1980), CONSENT_NO_REASON,
     "not missing, not excluded"},
    {STRICT, EVENT("strict", NOON, "US-CA"), CONSENT_AGE_UNKNOWN, "missing, unknown_age: deny"},
    {STRICT, EVENT("strict", NOON, "US-CA", .birth_year = 2009), CONSENT_UNDER_AGE, "12 this year, limit 12"},
    {STRICT, EVENT("strict", NOON, "US-CA", .birth_year = 2008), CONSENT_NO_REASON, "13 this year, limit 12"},
    {DEFAULTS, EVENT("default", NOON, "US-CA", .plan = "child", .birth_year = -1), CONSENT_NO_REASON,
     "limit 0: nobody by age"},

    /* stored choices */
    {TMOBILE, EVENT("tmobile", NOON, "US-CA", .line = "-"), CONSENT_OPTED_OUT_LINE, "line"},
    {TMOBILE, EVENT("tmobile", NOON, "US-CA", .account = "-"), CONSENT_OPTED_OUT_ACCOUNT, "account"},
    {TMOBILE, EVENT("tmobile", NOON, "US-CA", .device = "-"), CONSENT_OPTED_OUT_DEVICE, "device"},
    {TMOBILE, EVENT("tmobile", NOON, "US-CA", .line = "+", .account = "-"), CONSENT_OPTED_OUT_ACCOUNT,
     "the strictest wins"},
    {TMOBILE, EVENT("tmobile", NOON, "US-CA", .line = "+", .account = "+", .device = "-"),
     CONSENT_OPTED_OUT_DEVICE, "the strictest wins"},
    {TMOBILE, EVENT("tmobile", NOON, "US-CA", .line = "-", .account = "+", .device = "+"),
     CONSENT_OPTED_OUT_LINE, "the strictest wins"},
    {TMOBILE, EVENT("tmobile", NOON, "US-CA", .line = "?"), CONSENT_OPTED_OUT_SIGNAL, "a stored signal"},
    {TMOBILE, EVENT("sprint", NOON, "US-CA", .line = "s-"), CONSENT_OPTED_OUT_PREDECESSOR,
     "said no to sprint"},
    {TMOBILE, EVENT("sprint", NOON, "US-CA", .line = "s+"), CONSENT_NO_REASON, "said yes to sprint"},
    {TMOBILE, EVENT("sprint", NOON, "US-CA", .line = "sw"), CONSENT_OPTED_OUT_PREDECESSOR,
     "withdrew sprint's `in`"},
    {TMOBILE, EVENT("tmobile", NOON, "US-ME", .account = "+"), CONSENT_NO_REASON, "opt_in by account"},
    {TMOBILE, EVENT("tmobile", NOON, "US-ME", .device = "+"), CONSENT_NOT_OPTED_IN,
     "a device never gives `in`"},
    {TMOBILE, EVENT("tmobile", NOON, "US-ME", .line = "l"), CONSENT_OPTED_IN_LATER,
     "the `in` came after the event"},
    {TMOBILE, EVENT("tmobile", NOON, "US-ME", .line = "l", .account = "+"), CONSENT_NO_REASON,
     "one `in` in force is enough"},
    {TMOBILE, EVENT("tmobile", NOON, "US-ME", .device = "l"), CONSENT_NOT_OPTED_IN,
     "not even a device's later one"},
    {TMOBILE, EVENT("tmobile", NOON, "US-CA", .line = "l"), CONSENT_NO_REASON,
     "under opt_out a later `in` changes nothing"},
    {SPRINT, EVENT("sprint", BEFORE_START, "US-CA"), CONSENT_NOT_OPTED_IN,
     "a line without a choice before 26 April"},
    {SPRINT, EVENT("sprint", BEFORE_START, "US-CA", .line = "s+"), CONSENT_NO_REASON, "sprint's `in`"},
    {SPRINT, EVENT("sprint", BEFORE_START, "US-CA", .line = "s-"), CONSENT_OPTED_OUT_LINE, "sprint's `out`"},
    {STRICT, EVENT("strict", NOON, "US-NY", .line = "+", .birth_year = 1980), CONSENT_NOT_OPTED_IN,
     "in_by account: no line's"},
    {STRICT, EVENT("strict", NOON, "US-NY", .account = "+", .birth_year = 1980), CONSENT_NO_REASON,
     "in_by account"},
};

enum { MINE = 1 << TMOBILE | 1 << SPRINT | 1 << STRICT | 1 << DEFAULTS };

static const struct choice_state *choices_of(const char *text, struct choice_state *state)
{
    *state = (struct choice_state){.recorded = true};
    if (!text)
        return NULL;
    if (strcmp(text, "-") == 0)
        state->out = CHOICE_STAR;
    else if (strcmp(text, "+") == 0)
        state->in = CHOICE_STAR;
    else if (strcmp(text, "l") == 0)
        *state = (struct choice_state){
            .in = CHOICE_STAR, .ordered = true, .effective_ms = CHOICE_EFFECTIVE_MS_MAX};
    else if (strcmp(text, "s-") == 0)
        state->out = 1 << SPRINT;
    else if (strcmp(text, "s+") == 0)
        state->in = 1 << SPRINT;
    else if (strcmp(text, "sw") == 0)
        state->withdrawn = 1 << SPRINT;
    else if (strcmp(text, "?") == 0)
        state->signalled = true;
    else
        fail_msg("'%s' is not in this test's notation", text);
    return state;
}

static struct record record_of(const struct event *event)
{
    struct record record = {
        .kind = RECORD_EVENT,
        .type = event->type ? event->type : EVENT_BROWSE,
        .brand = view_of_string(event->brand),
        .region = view_of_string(event->region),
        .plan = view_of_string(event->plan),
        .birth_year = event->birth_year,
        .signals = {GPC_ABSENT, PRESENCE_ABSENT, PRESENCE_ABSENT, PRESENCE_ABSENT, {0}, {0}, {0}},
    };
    assert_true(rfc3339_read(view_of_string(event->time), &record.time_ms));
    return record;
}

static void policy_judges_each_programme_by_the_specification(void **state)
{
    (void)state;
    struct policy *policy = compile();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct event *event = &cases[i].event;
        struct record record = record_of(event);
        struct choice_state states[SUBJECT_KINDS];
        struct policy_choices choices = {{
            [SUBJECT_LINE] = choices_of(event->line, &states[0]),
            [SUBJECT_ACCOUNT] = choices_of(event->account, &states[1]),
            [SUBJECT_DEVICE] = choices_of(event->device, &states[2]),
        }};
        enum consent_reason reason = policy_explain(policy, &record, cases[i].programme, &choices);
        if (reason != cases[i].reason)
            fail_msg("row %zu (%s, %s): %s instead of %s: %s", i, event->brand,
                     event->region ? event->region : "null", consent_reasons[reason].name,
                     consent_reasons[cases[i].reason].name, cases[i].why);
    }
    policy_free(policy);
}

/* ---- signals ---- */

static const struct {
    enum gpc_signal gpc;
    enum presence us_privacy;
    const char *us_privacy_text;
    enum presence gpp, gpp_sid;
    enum consent_reason reason;
    const char *why;
} signal_cases[] = {
    {GPC_ABSENT, PRESENCE_ABSENT, NULL, PRESENCE_ABSENT, PRESENCE_ABSENT, CONSENT_NO_REASON,
     "the normal event"},
    {GPC_FALSE, PRESENCE_ABSENT, NULL, PRESENCE_ABSENT, PRESENCE_ABSENT, CONSENT_NO_REASON, "GPC off"},
    {GPC_FALSE, PRESENCE_PRESENT, "1YNN", PRESENCE_ABSENT, PRESENCE_ABSENT, CONSENT_NO_REASON,
     "US Privacy allows"},
    {GPC_TRUE, PRESENCE_ABSENT, NULL, PRESENCE_ABSENT, PRESENCE_ABSENT, CONSENT_GPC, "GPC on"},
    {GPC_TRUE, PRESENCE_PRESENT, "1YNN", PRESENCE_ABSENT, PRESENCE_ABSENT, CONSENT_GPC,
     "one objection is enough"},
    {GPC_UNREADABLE, PRESENCE_ABSENT, NULL, PRESENCE_ABSENT, PRESENCE_ABSENT, CONSENT_GPC_UNREADABLE,
     "no boolean"},
    {GPC_ABSENT, PRESENCE_PRESENT, "1YYN", PRESENCE_ABSENT, PRESENCE_ABSENT, CONSENT_US_PRIVACY_OPT_OUT,
     "opt-out"},
    {GPC_ABSENT, PRESENCE_PRESENT, "", PRESENCE_ABSENT, PRESENCE_ABSENT, CONSENT_US_PRIVACY_EMPTY,
     "empty denies"},
    {GPC_ABSENT, PRESENCE_UNREADABLE, NULL, PRESENCE_ABSENT, PRESENCE_ABSENT, CONSENT_US_PRIVACY_UNREADABLE,
     "of a wrong type"},
    {GPC_ABSENT, PRESENCE_ABSENT, NULL, PRESENCE_PRESENT, PRESENCE_ABSENT, CONSENT_GPP_EMPTY,
     "an empty GPP string"},
    {GPC_ABSENT, PRESENCE_ABSENT, NULL, PRESENCE_ABSENT, PRESENCE_PRESENT, CONSENT_GPP_SID_EMPTY,
     "an empty list of sections"},
    {GPC_ABSENT, PRESENCE_PRESENT, "1YNN", PRESENCE_UNREADABLE, PRESENCE_ABSENT, CONSENT_GPP_UNREADABLE,
     "wrong type"},
    {GPC_ABSENT, PRESENCE_ABSENT, NULL, PRESENCE_ABSENT, PRESENCE_UNREADABLE, CONSENT_GPP_SID_UNREADABLE,
     "wrong type"},
    {(enum gpc_signal)9, PRESENCE_ABSENT, NULL, PRESENCE_ABSENT, PRESENCE_ABSENT, CONSENT_GPC_UNREADABLE,
     "a value that does not exist"},
};

static void policy_denies_what_a_signal_objects_to(void **state)
{
    (void)state;
    struct policy *policy = compile();
    for (size_t i = 0; i < sizeof signal_cases / sizeof *signal_cases; i++) {
        static const struct event event = EVENT("tmobile", NOON, "US-CA");
        struct record record = record_of(&event);
        record.signals.gpc = signal_cases[i].gpc;
        record.signals.us_privacy_presence = signal_cases[i].us_privacy;
        record.signals.us_privacy = view_of_string(signal_cases[i].us_privacy_text);
        record.signals.gpp_presence = signal_cases[i].gpp;
        record.signals.gpp_sid_presence = signal_cases[i].gpp_sid;
        struct policy_choices choices = {{NULL}};
        enum consent_reason reason = policy_explain(policy, &record, TMOBILE, &choices);
        if (reason != signal_cases[i].reason)
            fail_msg("row %zu: %s: %s", i, consent_reasons[reason].name, signal_cases[i].why);
    }
    struct record zeroed = record_of(&(struct event)EVENT("tmobile", NOON, "US-CA"));
    memset(&zeroed.signals, 0, sizeof zeroed.signals);
    struct policy_choices choices = {{NULL}};
    assert_int_equal(policy_explain(policy, &zeroed, TMOBILE, &choices), CONSENT_GPC_UNREADABLE);
    zeroed = record_of(&(struct event)EVENT("tmobile", NOON, "US-CA"));
    zeroed.type = EVENT_UNKNOWN;
    assert_int_equal(policy_explain(policy, &zeroed, TMOBILE, &choices), CONSENT_DATA_NOT_NAMED);
    policy_free(policy);
}

/* usnat version 2: notices given, not opted out, consent of somebody of 13 to 16; and section 2 alone */
#define GPP_TEEN "DBABL~CVVqAAAAAIBY"
#define GPP_TCF  "DBABM~CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA"

static const struct {
    unsigned programme;
    struct event event;
    const char *gpp;
    enum consent_reason reason;
    const char *why;
} gpp_cases[] = {
    {TMOBILE, EVENT("tmobile", NOON, "US-CA"), GPP_TEEN, CONSENT_GPP_KNOWN_CHILD, "its limit is 18"},
    {STRICT, EVENT("strict", NOON, "US-CA", .birth_year = 2000), GPP_TEEN, CONSENT_NO_REASON,
     "its limit is 12"},
    {TMOBILE, EVENT("tmobile", NOON, "US-CA"), GPP_TCF, CONSENT_NO_REASON, "no US region asks for TCF"},
    {TMOBILE, EVENT("tmobile", NOON, "FR"), GPP_TCF, CONSENT_GPP_TCF_UNREADABLE, "France does"},
    {TMOBILE, EVENT("tmobile", NOON, "CA"), GPP_TCF, CONSENT_NO_REASON, "Canada asks for its own"},
};

static void policy_judges_a_gpp_string_by_the_programmes_limit_and_region(void **state)
{
    (void)state;
    struct policy *policy = compile();
    for (size_t i = 0; i < sizeof gpp_cases / sizeof *gpp_cases; i++) {
        struct record record = record_of(&gpp_cases[i].event);
        record.signals.gpp_presence = PRESENCE_PRESENT;
        record.signals.gpp = view_of_string(gpp_cases[i].gpp);
        struct policy_choices choices = {{NULL}};
        enum consent_reason reason = policy_explain(policy, &record, gpp_cases[i].programme, &choices);
        if (reason != gpp_cases[i].reason)
            fail_msg("row %zu: %s: %s", i, consent_reasons[reason].name, gpp_cases[i].why);
    }
    policy_free(policy);
}

/* ---- several programmes ---- */

static void policy_keeps_an_event_for_every_programme_that_may_have_it(void **state)
{
    (void)state;
    struct policy *policy = compile();
    programmes[SPRINT].until_day = OPTION_DATE_UNSET; /* both at once */
    struct policy *overlapping = NULL;
    struct error error = {0};
    assert_true(policy_new(&config, &overlapping, &error));

    struct choice_state line = {.in = 1 << SPRINT};
    struct policy_choices choices = {{&line, NULL, NULL}};
    struct record record = record_of(&(struct event)EVENT("sprint", NOON, "US-CA"));
    struct policy_screening screening;
    enum consent_reason reason = CONSENT_NO_REASON;
    policy_screen(overlapping, &record, &screening);
    assert_int_equal(policy_choose(overlapping, &record, &screening, &choices, &reason),
                     1 << TMOBILE | 1 << SPRINT);

    policy_screen(policy, &record, &screening);
    assert_int_equal(policy_choose(policy, &record, &screening, &choices, &reason), 1 << TMOBILE);
    assert_int_equal(policy_brand(policy, VIEW("sprint")), 1 << TMOBILE | 1 << SPRINT);
    assert_int_equal(policy_brand(policy, VIEW("nobody")), 0);
    assert_int_equal(policy_brand(policy, VIEW("")), 0);
    policy_free(policy);
    policy_free(overlapping);
}

static void policy_names_the_reason_of_the_programme_that_got_furthest(void **state)
{
    (void)state;
    struct policy *policy = compile();
    static const struct {
        struct event event;
        enum consent_reason reason;
        const char *why;
    } rows[] = {
        {EVENT("sprint", BEFORE_START, "US-CA"), CONSENT_NOT_OPTED_IN,
         "tmobile stopped at its dates, sprint at the choices"},
        {EVENT("sprint", BEFORE_START, "US-CA", .plan = "business"), CONSENT_PLAN_EXCLUDED,
         "sprint at the exclusions"},
        {EVENT("sprint", NOON, "US-CA", .line = "-"), CONSENT_OPTED_OUT_LINE, "sprint stopped at its dates"},
        {EVENT("sprint", NOON, "US-ME", .plan = "child"), CONSENT_PLAN_EXCLUDED,
         "sprint stopped at its dates"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct record record = record_of(&rows[i].event);
        struct choice_state line;
        struct policy_choices choices = {{choices_of(rows[i].event.line, &line), NULL, NULL}};
        struct policy_screening screening;
        enum consent_reason reason = CONSENT_NO_REASON;
        policy_screen(policy, &record, &screening);
        if (policy_choose(policy, &record, &screening, &choices, &reason) || reason != rows[i].reason)
            fail_msg("row %zu: %s: %s", i, consent_reasons[reason].name, rows[i].why);
    }
    policy_free(policy);
}

/* ---- names and bad configurations ---- */

static void policy_gives_every_name_a_bit(void **state)
{
    (void)state;
    static const struct view old_names[] = {{"nextel", 6}, {"clearwire", 9}};
    set_up();
    programmes[SPRINT].predecessors = LIST(old_names);
    struct policy *policy = NULL;
    struct error error = {0};
    assert_true(policy_new(&config, &policy, &error));
    const struct choice_names *names = policy_names(policy);
    choice_set nextel = choice_names_bit(names, VIEW("nextel")),
               clearwire = choice_names_bit(names, VIEW("clearwire"));
    assert_int_equal(names->count, PROGRAMMES + 2);
    assert_int_equal(choice_names_bit(names, VIEW("tmobile")), 1 << TMOBILE);
    assert_true(nextel && clearwire && nextel != clearwire && !((nextel | clearwire) & MINE));
    assert_int_equal(names->predecessors[SPRINT], nextel | clearwire);
    assert_int_equal(names->predecessors[TMOBILE], 1 << SPRINT | nextel | clearwire); /* all the way */
    assert_int_equal(names->predecessors[STRICT], 0);
    policy_free(policy);
}

static void policy_lets_predecessors_go_in_a_circle(void **state)
{
    (void)state;
    static const struct view back[] = {{"tmobile", 7}, {"sprint", 6}};
    set_up();
    programmes[SPRINT].predecessors = LIST(back);
    struct policy *policy = NULL;
    struct error error = {0};
    assert_true(policy_new(&config, &policy, &error));
    assert_int_equal(policy_names(policy)->predecessors[TMOBILE], 1 << SPRINT);
    assert_int_equal(policy_names(policy)->predecessors[SPRINT], 1 << TMOBILE);
    policy_free(policy);
}

static void expect_refused(const char *why)
{
    struct policy *policy = NULL;
    struct error error = {0};
    if (policy_new(&config, &policy, &error) || error.exit_status != EXIT_STATUS_CONFIGURATION || policy)
        fail_msg("not refused: %s", why);
}

static void policy_refuses_what_it_cannot_decide_by(void **state)
{
    (void)state;
    static const struct option_enum_pair no_region[] = {{{"US-XX", 5}, REGIME_OPT_IN, {0}}};
    static const struct view many[] = {{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}, {"e", 1}, {"f", 1},
                                       {"g", 1}, {"h", 1}, {"i", 1}, {"j", 1}, {"k", 1}, {"l", 1}};
    set_up();
    programmes[TMOBILE].timezone = VIEW("America/Nowhere");
    expect_refused("a time zone that does not exist");
    set_up();
    programmes[TMOBILE].regions = LIST(no_region);
    expect_refused("a region that does not exist: its regime would apply to nobody");
    set_up();
    programmes[STRICT].name = VIEW("sprint");
    expect_refused("a name twice");
    set_up();
    programmes[STRICT].name = VIEW("*");
    expect_refused("a programme of the name `*`");
    set_up();
    programmes[STRICT].predecessors = LIST(many);
    programmes[STRICT].predecessors.count = CHOICE_NAMES_MAX - PROGRAMMES;
    struct policy *policy = NULL;
    struct error error = {0};
    assert_true(policy_new(&config, &policy, &error)); /* as many as fit */
    policy_free(policy);
    programmes[STRICT].predecessors.count++;
    expect_refused("one name more than there are bits");
}

static void policy_zeroed_programme_keeps_nothing(void **state)
{
    (void)state;
    set_up();
    programmes[TMOBILE] = (struct programme){.name = VIEW("tmobile"), .brands = LIST(tmobile_brands)};
    struct policy *policy = NULL;
    struct error error = {0};
    assert_true(policy_new(&config, &policy, &error));
    struct record record = record_of(&(struct event)EVENT("tmobile", NOON, "US-CA"));
    struct choice_state line = {.in = CHOICE_STAR};
    struct policy_choices choices = {{&line, &line, NULL}};
    assert_int_not_equal(policy_explain(policy, &record, TMOBILE, &choices), CONSENT_NO_REASON);
    programmes[TMOBILE].from_day = programmes[TMOBILE].until_day = OPTION_DATE_UNSET;
    programmes[TMOBILE].data = LIST(all_data);
    policy_free(policy);
    assert_true(policy_new(&config, &policy, &error));
    assert_int_equal(policy_explain(policy, &record, TMOBILE, &choices),
                     CONSENT_REGIME_OFF); /* unknown denies */
    policy_free(policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(policy_judges_each_programme_by_the_specification),
        cmocka_unit_test(policy_denies_what_a_signal_objects_to),
        cmocka_unit_test(policy_judges_a_gpp_string_by_the_programmes_limit_and_region),
        cmocka_unit_test(policy_keeps_an_event_for_every_programme_that_may_have_it),
        cmocka_unit_test(policy_names_the_reason_of_the_programme_that_got_furthest),
        cmocka_unit_test(policy_gives_every_name_a_bit),
        cmocka_unit_test(policy_lets_predecessors_go_in_a_circle),
        cmocka_unit_test(policy_refuses_what_it_cannot_decide_by),
        cmocka_unit_test(policy_zeroed_programme_keeps_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
