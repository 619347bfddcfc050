#include "common/gpp_judge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct gpp_verdict judge(const char *gpp, const char *sid)
{
    struct gpp_verdict verdict;
    gpp_judge(gpp ? PRESENCE_PRESENT : PRESENCE_ABSENT, view_of_string(gpp),
              sid ? PRESENCE_PRESENT : PRESENCE_ABSENT, view_of_string(sid), NULL, &verdict);
    return verdict;
}

/* ---- strings, whole ---- */

static const struct {
    const char *gpp, *sid;
    enum signal_reason reason;
    const char *why;
} cases[] = {
    /* no objection */
    {NULL, NULL, SIGNAL_NO_REASON, "the normal event"},
    {"DBABTA~1YNN", NULL, SIGNAL_NO_REASON, "section 6"},
    {"DBABT~1YNN", NULL, SIGNAL_NO_REASON, "a header padded to six bits"},
    {"DBABLA~CAAAAAAAAABA.QA", NULL, SIGNAL_NO_REASON, "an encoder's own example: nothing applies"},
    {"DBABLA~BVQqAAAAAgA.QA", NULL, SIGNAL_NO_REASON,
     "an encoder's own example: version 1 padded to eight bits"},
    {"DBAA", NULL, SIGNAL_NO_REASON, "no section at all is ignored"},
    {"DBABM~CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA", NULL, SIGNAL_NO_REASON, "TCF alone is ignored"},
    {"DBABM~CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA", "2", SIGNAL_NO_REASON, "it is there"},
    {"DBABTA~1YNN", "6", SIGNAL_NO_REASON, "it is there"},
    {"DBABTA~1YNN", "-1", SIGNAL_NO_REASON, "-1 names nothing"},
    {"DBABTA~1YNN", "0", SIGNAL_NO_REASON, "0 names nothing"},
    {NULL, "-1", SIGNAL_NO_REASON, "-1 names nothing"},
    {NULL, "0", SIGNAL_NO_REASON, "0 names nothing"},
    /* the string */
    {"", NULL, SIGNAL_GPP_EMPTY, "present but empty"},
    {" ", NULL, SIGNAL_GPP_WHITE_SPACE, "white space"},
    {"DBABTA~1YNN\n", NULL, SIGNAL_GPP_WHITE_SPACE, "a line end"},
    {"DBABTA~1YN+", NULL, SIGNAL_GPP_CHARACTER, "not URL-safe"},
    {"DBABTA==~1YNN", NULL, SIGNAL_GPP_CHARACTER, "padding characters"},
    {"DBABTA~1YNN\xC3\xA9", NULL, SIGNAL_GPP_CHARACTER, "not ASCII"},
    {"1YNN", NULL, SIGNAL_GPP_TYPE, "a US Privacy string is none"},
    {"CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA", NULL, SIGNAL_GPP_TYPE, "a TC string is none"},
    {"~1YNN", NULL, SIGNAL_GPP_HEADER, "no header"},
    {"DBABTA.QA~1YNN", NULL, SIGNAL_GPP_HEADER, "a header has no parts"},
    {"D", NULL, SIGNAL_GPP_HEADER, "cut in the header"},
    {"DBA", NULL, SIGNAL_GPP_HEADER, "cut in the header"},
    {"DCABTA~1YNN", NULL, SIGNAL_GPP_VERSION, "header of version 2"},
    {"DBAB~1YNN", NULL, SIGNAL_GPP_HEADER, "a range of one item, and no item"},
    {"DBABA~1YNN", NULL, SIGNAL_GPP_HEADER, "an item that never ends"},
    {"DBABTAA~1YNN", NULL, SIGNAL_GPP_HEADER, "padded to 42 bits"},
    {"DBABTB~1YNN", NULL, SIGNAL_GPP_PADDING, "a one in the header's padding"},
    {"DBABTA", NULL, SIGNAL_GPP_SECTION_COUNT, "the section is not there"},
    {"DBABTA~1YNN~1YNN", NULL, SIGNAL_GPP_SECTION_COUNT, "one more than named"},
    {"DBABTA~", NULL, SIGNAL_GPP_SECTION_EMPTY, "named and empty"},
    {"DBAA~", NULL, SIGNAL_GPP_SECTION_COUNT, "none named"},
    {"DBABGA~QA", NULL, SIGNAL_GPP_SECTION_RESERVED, "the header's own ID"},
    {"DBACTCqVg~1YNN~A", NULL, SIGNAL_NO_REASON, "section 4095 beside a US section is ignored"},
    {"DBACTJUUFg~1YNN~A", NULL, SIGNAL_NO_REASON, "section 65535 too"},
    {"DBACTJUUFg~1YYN~A", NULL, SIGNAL_GPP_SALE_OPT_OUT, "and hides nothing"},
    {"DBACTFUUFg~1YNN~A", NULL, SIGNAL_GPP_HEADER, "65536 is no section's ID"},
    {"DBABECUFg~A", NULL, SIGNAL_GPP_SECTION_UNKNOWN, "section 65535 alone"},
    {"DBABzSooL~1YNN", NULL, SIGNAL_GPP_SECTION_COUNT, "a range of 6 to 65535, and one section"},
    {"DBABzKooL~1YNN", NULL, SIGNAL_GPP_HEADER, "a range of 6 to 65536"},
    {"DBACECUFs~A~A", NULL, SIGNAL_GPP_HEADER, "65536 as a sum"},
    /* gpp_sid */
    {NULL, "7", SIGNAL_GPP_SID_MISSING, "named, and no string"},
    {"DBABTA~1YNN", "7", SIGNAL_GPP_SID_MISSING, "another one is named"},
    {"DBABTA~1YNN", "6,7", SIGNAL_GPP_SID_MISSING, "one of two is not there"},
    {"DBABTA~1YNN", "28", SIGNAL_GPP_SID_MISSING, "above 27, and not there"},
    {"DBABM~CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA", "7", SIGNAL_GPP_SID_MISSING,
     "a US section is named"},
    {"DBABTA~1YNN", "", SIGNAL_GPP_SID_EMPTY, "present but empty"},
    {"DBABTA~1YNN", " 6", SIGNAL_GPP_SID_MALFORMED, "white space"},
    {"DBABTA~1YNN", "6,", SIGNAL_GPP_SID_MALFORMED, "nothing behind the comma"},
    {"DBABTA~1YNN", "6,6", SIGNAL_GPP_SID_TWICE, "named twice"},
    {"DBABTA~1YNN", "-1,0,-1,0", SIGNAL_NO_REASON, "nothing, four times"},
    {"DBABTA~1YNN", "06", SIGNAL_GPP_SID_MALFORMED, "a leading zero"},
    {"DBABTA~1YNN", "-2", SIGNAL_GPP_SID_MALFORMED, "below -1"},
    {"DBABTA~1YNN", "6;7", SIGNAL_GPP_SID_MALFORMED, "another separator"},
    {"DBABTA~1YNN", "65536", SIGNAL_GPP_SID_MALFORMED, "no section ID"},
    {"DBABTA~1YNN", "99999999999999999999", SIGNAL_GPP_SID_MALFORMED, "no section ID, and no wrap to one"},
    /* what the sections say */
    {"DBABTA~1YYN", NULL, SIGNAL_GPP_SALE_OPT_OUT, "US Privacy: opted out"},
    {"DBABTA~1NNN", NULL, SIGNAL_GPP_NO_SALE_NOTICE, "US Privacy: no notice"},
    {"DBABTA~1-NN", NULL, SIGNAL_GPP_SALE_CONTRADICTION, "US Privacy: a contradiction"},
    {"DBABTA~1---", NULL, SIGNAL_NO_REASON, "US Privacy: does not apply"},
    {"DBABTA~1--Y", NULL, SIGNAL_GPP_SALE_OPT_OUT, "US Privacy: the table names it"},
    {"DBABTA~1ynn", NULL, SIGNAL_US_PRIVACY_LOWER_CASE, "US Privacy: as the field"},
    {"DBABTA~1YNN.QA", NULL, SIGNAL_US_PRIVACY_LENGTH, "section 6 has no sub-sections"},
    {"DBABLA~BAAAAAAAAABA.QA", NULL, SIGNAL_GPP_NATIONAL_VERSION,
     "an encoder's default: version 1 in 72 bits"},
    {"DBACOeA~~1YNN", NULL, SIGNAL_GPP_SECTION_EMPTY, "an empty section in front"},
};

static void gpp_is_judged_as_a_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum signal_reason reason = judge(cases[i].gpp, cases[i].sid).adult;
        if (reason != cases[i].reason)
            fail_msg("%s, %s: %s instead of %s: %s", cases[i].gpp, cases[i].sid, signal_reasons[reason].name,
                     signal_reasons[cases[i].reason].name, cases[i].why);
    }
}

/* ---- tables ---- */

static void layouts_are_whole(void **state)
{
    (void)state;
    unsigned count = 0;
    for (const struct gpp_layout *layout; (layout = gpp_layout_at(count)); count++) {
        assert_ptr_equal(gpp_layout_find(layout->id, layout->version), layout);
        assert_true(layout->slot_count + layout->sub_slot_count <= GPP_SLOTS_MAX);
        assert_int_equal(layout->sub == GPP_SUB_SENSITIVE, layout->sub_slot_count > 0);
        bool covered = false, sale = false;
        for (unsigned i = 0; i < layout->slot_count; i++) {
            assert_non_null(layout->slots[i].field);
            assert_true(layout->slots[i].national != 0 && !(layout->slots[i].national >> NATIONAL_FIELDS));
            covered |= layout->slots[i].national == NATIONAL_SET(NATIONAL_COVERED);
            sale |= layout->slots[i].national == NATIONAL_SET(NATIONAL_SALE);
        }
        assert_true(covered && sale);
    }
    assert_int_equal(count, 22); /* sections 7 to 27, and 7 twice */
    assert_null(gpp_layout_at(count + 1));
    for (unsigned id = 0; id < 40; id++) {
        for (unsigned version = 0; version < 64; version++) {
            bool known = id >= 7 && id <= 27 && (version == 1 || (id == 7 && version == 2));
            assert_int_equal(gpp_layout_find(id, version) != NULL, known);
        }
    }
}

/* A rule that nothing can trigger, or a field that nobody looks at, would be a mistake in a table. */
static void every_field_but_location_and_opt_out_mode_can_deny(void **state)
{
    (void)state;
    for (unsigned field = 0; field < NATIONAL_FIELDS; field++) {
        bool denies = false;
        for (unsigned answer = 0; answer < 3; answer++) {
            struct national said = {{0}};
            said.answers[answer] = NATIONAL_SET(field);
            denies |= national_judge(&said, NATIONAL_ADULT) != SIGNAL_NO_REASON;
        }
        bool silent = field == NATIONAL_LOCATION || field == NATIONAL_OPT_OUT_MODE;
        assert_int_equal(denies, !silent);
    }
    for (const struct national_rule *rule = national_rules; rule->reason != SIGNAL_NO_REASON; rule++) {
        struct national said = {{rule->notices}};
        for (unsigned answer = 0; answer < NATIONAL_ANSWERS; answer++)
            said.answers[answer] |= rule->answers & 1u << answer ? rule->fields : 0;
        assert_true(
            national_rule_objects(rule, &said, rule->when == NATIONAL_WHILE_MINOR ? 0 : NATIONAL_ADULT));
    }
}

/* What one limit or the other allows: 18 and above deny all that lower ones do. */
static void the_limit_counts_at_its_bound(void **state)
{
    (void)state;
    struct national teen = {{0, 0, NATIONAL_SET(NATIONAL_CHILD_13)}};
    assert_int_equal(national_judge(&teen, 17), SIGNAL_NO_REASON);
    assert_int_equal(national_judge(&teen, 18), SIGNAL_GPP_KNOWN_CHILD);
    assert_int_equal(national_judge(&teen, 19), SIGNAL_GPP_KNOWN_CHILD);
    assert_int_equal(national_judge(&teen, 0), SIGNAL_NO_REASON);
}

/* Sections are read in place: whatever stands behind the string is not theirs. */
static void every_prefix_of_a_string_that_allows_denies(void **state)
{
    (void)state;
    static const char string[] = "DBACLG~CVVqAAAAAABY.QA~BAAAAEA.QA";
    struct gpp_verdict verdict;
    gpp_judge(PRESENCE_PRESENT, VIEW(string), PRESENCE_ABSENT, VIEW_ABSENT, NULL, &verdict);
    assert_int_equal(verdict.adult, SIGNAL_NO_REASON);
    assert_int_equal(verdict.decided, 2);
    for (size_t size = 0; size < sizeof string - 1; size++) {
        gpp_judge(PRESENCE_PRESENT, (struct view){string, size}, PRESENCE_ABSENT, VIEW_ABSENT, NULL,
                  &verdict);
        /* but where the last sub-section, or the padding behind it, is all that is missing */
        bool whole = size == sizeof string - 2 || size == sizeof string - 4;
        if ((verdict.adult == SIGNAL_NO_REASON) != whole)
            fail_msg("the first %zu characters: %s", size, signal_reasons[verdict.adult].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gpp_is_judged_as_a_whole),
        cmocka_unit_test(layouts_are_whole),
        cmocka_unit_test(every_field_but_location_and_opt_out_mode_can_deny),
        cmocka_unit_test(the_limit_counts_at_its_bound),
        cmocka_unit_test(every_prefix_of_a_string_that_allows_denies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
