#include "common/hop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *const hop_names[HOPS] = {
    [HOP_UNKNOWN] = "unknown",           [HOP_EVENTS] = "events",
    [HOP_CONSENT_OUT] = "consent_out",   [HOP_PSEUDONYMIZE_OUT] = "pseudonymize_out",
    [HOP_CLASSIFY_OUT] = "classify_out", [HOP_FEED] = "feed",
};

static void each_hop_carries_what_the_next_stage_needs_and_nothing_else(void **state)
{
    (void)state;
    /* One letter a hop: Events, Consent, Pseudonymize, cLassify, Feed; written from the specification, not the code. */
    static const struct {
        const char *field;
        const char *hops;
        const char *why;
    } cases[] = {
        {"v", "CPLF", "every format of ours has a version"},
        {"kind", "CPL", "a later version may have more than one"},
        {"type", "ECPL", "app_remove is told from app_use up to publish"},
        {"time", "ECPL", "decides the epoch"},
        {"timestamp", "CPL", "lateness and metrics"},
        {"subscriber", "EC", "identifiers end at pseudonymize (spec 4)"},
        {"account", "EC", "the same"},
        {"device.kind", "EC", "goes with the device ID"},
        {"device.id", "EC", "the same"},
        {"brand", "E", "only consent asks"},
        {"region", "EC", "consent asks, and pseudonymize seals it where a programme names it"},
        {"plan", "E", "only consent asks"},
        {"birth_year", "EC", "the same, as an age band"},
        {"url", "EC", "path and query end at pseudonymize (spec 4)"},
        {"host", "ECP", "classify is the last to see it (spec 5)"},
        {"app", "ECP", "the same"},
        {"preinstalled", "EC", "pseudonymize drops those (spec 2)"},
        {"gpc", "E", "signals are decided by consent"},
        {"gpp", "E", "the same"},
        {"gpp_sid", "E", "the same"},
        {"us_privacy", "E", "the same"},
        {"programmes", "CPL", "the chain carries which (spec 9)"},
        {"epoch", "", "a retraction names one, in a topic of its own"},
        {"pseudonyms.line", "PL", "made by pseudonymize, used by publish; no feed has it"},
        {"pseudonyms.account", "PL", "the same"},
        {"pseudonyms.device", "PL", "the same"},
        {"app_token", "PL", "lets app_remove end what the app brought"},
        {"sealed", "PL",
         "named fields, encrypted for publish (spec 4); opened there, in no feed as they are"},
        {"interests", "L", "made by classify"},
        {"rules_digest", "L", "travels between stages, in no feed (spec 6)"},
        {"user.eids", "F", "the encoded ID"},
        {"user.data", "F", "the interests"},
        {"ext.epoch", "F", "spec 6"},
        {"ext.expires", "F", "spec 6"},
        {"ext.trial", "F", "spec 6"},
        {"ip", "", "nobody named it"},
        {"user_agent", "", "indirect identifiers go nowhere (spec 4)"},
        {"referrer", "", "the same"},
        {"user.id", "", "spec 6: no user.id"},
        {"user.buyeruid", "", "spec 6: no buyeruid"},
        {"device", "", "an object is no field, what stands in it is"},
        {"", "", "no name"},
    };
    static const char letters[HOPS + 1] = "?ECPLF";
    unsigned listed = 0, known = 0;
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        listed += cases[i].hops[0] != '\0';
        for (unsigned hop = HOP_EVENTS; hop < HOPS; hop++)
            if (hop_carries((enum hop)hop, cases[i].field) != (strchr(cases[i].hops, letters[hop]) != NULL))
                fail_msg("%s at %s: %s", cases[i].field, hop_names[hop], cases[i].why);
    }
    while (hop_fields[known].name)
        known++;
    assert_int_equal(listed, known); /* every field of the table stands above */
}

static void unknown_hop_carries_nothing(void **state)
{
    (void)state;
    for (const struct hop_field *field = hop_fields; field->name; field++) {
        assert_false(hop_carries(HOP_UNKNOWN, field->name));
        assert_false(hop_carries(HOPS, field->name));
        assert_int_equal(field->hops & 1u << HOP_UNKNOWN, 0);
        assert_int_equal(field->hops >> HOPS, 0);
        assert_true(field->help && field->help[0]);
    }
}

static void raw_identifiers_end_at_pseudonymize(void **state)
{
    (void)state;
    static const char *const raw[] = {"subscriber", "account", "device.id", "url"};
    const unsigned behind = 1u << HOP_PSEUDONYMIZE_OUT | 1u << HOP_CLASSIFY_OUT | 1u << HOP_FEED;
    unsigned count = 0;
    for (const struct hop_field *field = hop_fields; field->name; field++) {
        if (!field->raw)
            continue;
        count++;
        assert_int_equal(field->hops & behind, 0);
    }
    assert_int_equal(count, sizeof raw / sizeof *raw);
    for (unsigned i = 0; i < sizeof raw / sizeof *raw; i++) {
        const struct hop_field *field = hop_fields;
        while (field->name && strcmp(field->name, raw[i]) != 0)
            field++;
        assert_true(field->name && field->raw);
    }
}

static void topics_are_hops_only_where_records_travel(void **state)
{
    (void)state;
    static const enum hop wanted[TOPIC_ROLES] = {
        [TOPIC_EVENTS] = HOP_EVENTS,
        [TOPIC_CONSENT_OUT] = HOP_CONSENT_OUT,
        [TOPIC_PSEUDONYMIZE_OUT] = HOP_PSEUDONYMIZE_OUT,
        [TOPIC_CLASSIFY_OUT] = HOP_CLASSIFY_OUT,
        [TOPIC_FEED] = HOP_FEED,
    };
    for (unsigned topic = 0; topic < TOPIC_ROLES; topic++)
        assert_int_equal(hop_of_topic((enum topic_role)topic), wanted[topic]);
    assert_int_equal(hop_of_topic(TOPIC_ROLES), HOP_UNKNOWN);
}

/* docs/formats.md has one line a field: | `name` | x | x | | | | help | */
static void documentation_has_the_same_table(void **state)
{
    (void)state;
    FILE *file = fopen("docs/formats.md", "r");
    assert_non_null(file);
    static char text[128 * 1024];
    size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    assert_true(size > 0 && size < sizeof text - 1);
    text[size] = '\0';
    for (const struct hop_field *field = hop_fields; field->name; field++) {
        char line[512];
        size_t at = (size_t)snprintf(line, sizeof line, "\n| `%s` |", field->name);
        for (unsigned hop = HOP_EVENTS; hop < HOPS; hop++)
            at += (size_t)snprintf(line + at, sizeof line - at, " %s |", field->hops >> hop & 1 ? "x" : " ");
        snprintf(line + at, sizeof line - at, " %s | %s |\n", field->raw ? "raw" : "   ", field->help);
        if (!strstr(text, line))
            fail_msg("docs/formats.md lacks the line:%s", line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_hop_carries_what_the_next_stage_needs_and_nothing_else),
        cmocka_unit_test(unknown_hop_carries_nothing),
        cmocka_unit_test(raw_identifiers_end_at_pseudonymize),
        cmocka_unit_test(topics_are_hops_only_where_records_travel),
        cmocka_unit_test(documentation_has_the_same_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
