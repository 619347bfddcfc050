#include "stages/consent/signals.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* NULL: the field is absent; WRONG: of a wrong type */
#define WRONG "\n"

struct fields {
    enum gpc_signal gpc;
    const char *us_privacy, *gpp, *gpp_sid;
};

static enum presence read_field(const char *text, struct view *out_text)
{
    if (text && strcmp(text, WRONG) == 0)
        return PRESENCE_UNREADABLE;
    *out_text = view_of_string(text);
    return text ? PRESENCE_PRESENT : PRESENCE_ABSENT;
}

static struct signals signals_of(const struct fields *fields)
{
    struct signals signals = {.gpc = fields->gpc};
    signals.us_privacy_presence = read_field(fields->us_privacy, &signals.us_privacy);
    signals.gpp_presence = read_field(fields->gpp, &signals.gpp);
    signals.gpp_sid_presence = read_field(fields->gpp_sid, &signals.gpp_sid);
    return signals;
}

/* Sections, by tests/gpp/reference.py: usnat version 2 with all notices given; the same with consent of 13 to 16; TCF. */
#define CALM  "DBABL~CVVqAAAAAABY"
#define TEEN  "DBABL~CVVqAAAAAIBY"
#define CHILD "DBABL~CVVqAAAAACBY"
#define TCF   "DBABM~CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA"
#define BOTH  "DBACMM~CPXxRfA~CVVqAAAAAABY"

#define EU GPP_SET(GPP_SECTION_TCF_EU)
#define CA GPP_SET(GPP_SECTION_TCF_CA)

static const struct {
    struct fields fields;
    int64_t under_age;
    gpp_set asked;
    enum consent_reason reason;
    const char *why;
} cases[] = {
    {{GPC_ABSENT, NULL, NULL, NULL}, 18, 0, CONSENT_NO_REASON, "the normal event"},
    {{GPC_FALSE, NULL, NULL, NULL}, 18, 0, CONSENT_NO_REASON, "GPC off"},
    {{GPC_FALSE, "1YNN", CALM, "7"}, 18, 0, CONSENT_NO_REASON, "all four, and none objects"},
    {{GPC_ABSENT, NULL, TEEN, NULL},
     17,
     0,
     CONSENT_NO_REASON,
     "consent of 13 to 16, where the limit is lower"},
    {{GPC_ABSENT, NULL, TEEN, NULL}, 0, 0, CONSENT_NO_REASON, "consent of 13 to 16, and no limit"},
    {{GPC_ABSENT, NULL, TCF, NULL}, 18, 0, CONSENT_NO_REASON, "TCF that nobody asks for"},
    {{GPC_ABSENT, NULL, TCF, NULL}, 18, CA, CONSENT_NO_REASON, "TCF of the EU, and Canada's is asked for"},
    {{GPC_ABSENT, NULL, CALM, NULL}, 18, EU | CA, CONSENT_NO_REASON, "TCF is asked for, and not there"},
    {{GPC_TRUE, NULL, CALM, NULL}, 18, 0, CONSENT_GPC, "GPC denies, whatever GPP says"},
    {{GPC_UNREADABLE, NULL, NULL, NULL}, 18, 0, CONSENT_GPC_UNREADABLE, "of a wrong type"},
    {{(enum gpc_signal)9, NULL, NULL, NULL}, 18, 0, CONSENT_GPC_UNREADABLE, "a value that does not exist"},
    {{GPC_ABSENT, "1YYN", CALM, NULL},
     18,
     0,
     CONSENT_US_PRIVACY_OPT_OUT,
     "US Privacy denies, whatever GPP says"},
    {{GPC_ABSENT, "1NNN", NULL, NULL}, 18, 0, CONSENT_US_PRIVACY_NO_NOTICE, "under the field's own name"},
    {{GPC_ABSENT, "1-NN", NULL, NULL}, 18, 0, CONSENT_US_PRIVACY_CONTRADICTION, "under the field's own name"},
    {{GPC_ABSENT, WRONG, NULL, NULL}, 18, 0, CONSENT_US_PRIVACY_UNREADABLE, "of a wrong type"},
    {{GPC_ABSENT, "1YNN", "DBABTA~1YYN", NULL},
     18,
     0,
     CONSENT_GPP_SALE_OPT_OUT,
     "section 6 is judged beside the field"},
    {{GPC_ABSENT, NULL, "", NULL}, 18, 0, CONSENT_GPP_EMPTY, "present but empty"},
    {{GPC_ABSENT, NULL, NULL, "7"}, 18, 0, CONSENT_GPP_SID_MISSING, "a section named, and no string"},
    {{GPC_ABSENT, NULL, CALM, "8"}, 18, 0, CONSENT_GPP_SID_MISSING, "another one named"},
    {{GPC_ABSENT, NULL, WRONG, NULL}, 18, 0, CONSENT_GPP_UNREADABLE, "of a wrong type"},
    {{GPC_ABSENT, NULL, NULL, WRONG}, 18, 0, CONSENT_GPP_SID_UNREADABLE, "of a wrong type"},
    {{GPC_ABSENT, NULL, TEEN, NULL},
     18,
     0,
     CONSENT_GPP_KNOWN_CHILD,
     "consent of 13 to 16, where the limit is 18"},
    {{GPC_ABSENT, NULL, TEEN, NULL}, 130, 0, CONSENT_GPP_KNOWN_CHILD, "a limit above 18"},
    {{GPC_ABSENT, NULL, CHILD, NULL},
     17,
     0,
     CONSENT_GPP_KNOWN_CHILD,
     "consent of a child younger than 13 is none"},
    {{GPC_ABSENT, NULL, CHILD, NULL}, 0, 0, CONSENT_GPP_KNOWN_CHILD, "likewise without a limit"},
    {{GPC_ABSENT, NULL, TCF, NULL}, 18, EU, CONSENT_GPP_TCF_UNREADABLE, "TCF that the region asks for"},
    {{GPC_ABSENT, NULL, BOTH, NULL},
     18,
     EU,
     CONSENT_GPP_TCF_UNREADABLE,
     "a US section beside it does not answer"},
};

static void signals_are_judged_together(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct signals_reading reading;
        struct signals signals = signals_of(&cases[i].fields);
        signals_read(&signals, &reading);
        enum consent_reason reason = signals_judge(&reading, cases[i].under_age, cases[i].asked);
        if (reason != cases[i].reason)
            fail_msg("row %zu: %s instead of %s: %s", i, consent_reasons[reason].name,
                     consent_reasons[cases[i].reason].name, cases[i].why);
    }
    static const struct signals zeroed;
    struct signals_reading reading;
    signals_read(&zeroed, &reading);
    assert_int_equal(signals_judge(&reading, 0, 0), CONSENT_GPC_UNREADABLE);
}

static void signals_are_counted_by_kind(void **state)
{
    (void)state;
    uint64_t counts[SIGNALS_KINDS] = {0};
    struct signals none = signals_of(&(struct fields){GPC_ABSENT, NULL, NULL, NULL});
    struct signals off = signals_of(&(struct fields){GPC_FALSE, NULL, CALM, NULL});
    struct signals on = signals_of(&(struct fields){GPC_TRUE, "1YNN", NULL, "-1"});
    signals_count(&none, 0, 0, counts);
    for (unsigned i = 0; i < SIGNALS_KINDS; i++)
        assert_int_equal(counts[i], 0);
    signals_count(&off, 1, 2, counts);
    signals_count(&on, 0, 0, counts);
    static const uint64_t wanted[SIGNALS_KINDS] = {
        [SIGNALS_GPC] = 2,     [SIGNALS_GPC_ON] = 1,      [SIGNALS_US_PRIVACY] = 1,  [SIGNALS_GPP] = 1,
        [SIGNALS_GPP_SID] = 1, [SIGNALS_GPP_DECIDED] = 1, [SIGNALS_GPP_IGNORED] = 2,
    };
    assert_memory_equal(counts, wanted, sizeof counts);
    for (unsigned i = 0; i < SIGNALS_KINDS; i++)
        assert_non_null(signals_gauges[i]);
}

static void regions_ask_for_the_tcf_of_their_law(void **state)
{
    (void)state;
    static const struct {
        const char *region;
        gpp_set asked;
    } regions[] = {
        {"DE", EU}, {"FR-IDF", EU}, {"IS", EU}, {"GB", EU},   {"CH", EU},   {"AT", EU}, {"SK", EU},
        {"CA", CA}, {"CA-QC", CA},  {"US", 0},  {"US-CA", 0}, {"US-DE", 0}, {"JP", 0},  {"AA", 0},
        {"", 0},    {"de", 0},      {"E", 0},   {"T B", 0},   {NULL, 0},
    };
    for (size_t i = 0; i < sizeof regions / sizeof *regions; i++)
        assert_int_equal(gpp_asked_in(view_of_string(regions[i].region)), regions[i].asked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signals_are_judged_together),
        cmocka_unit_test(signals_are_counted_by_kind),
        cmocka_unit_test(regions_ask_for_the_tcf_of_their_law),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
