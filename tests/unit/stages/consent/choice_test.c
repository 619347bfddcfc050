/* What consent records come to: a table of histories with the answer that spec 3 asks for. */
#include "tests/unit/stages/consent/choice_rig.h"

static const struct history histories[] = {
    {{NULL}, BASIC, 100, CHOICE_NONE, "nothing stored"},

    /* within one record */
    {{"10.1 *-"}, BASIC, 100, CHOICE_OUT, "`*` is every programme"},
    {{"10.1 *+"}, BASIC, 100, CHOICE_IN, "`*` is every programme"},
    {{"10.1 enhanced-"}, BASIC, 100, CHOICE_NONE, "another programme's choice"},
    {{"10.1 enhanced-"}, ENHANCED, 100, CHOICE_OUT, "its own choice"},
    {{"10.1 *- enhanced+"}, ENHANCED, 100, CHOICE_IN, "the programme's own name wins over `*`"},
    {{"10.1 *- enhanced+"}, BASIC, 100, CHOICE_OUT, "`*` stays for the others"},
    {{"10.1 *+ enhanced-"}, ENHANCED, 100, CHOICE_OUT, "the programme's own name wins over `*`"},
    {{"10.1 *+ enhanced-"}, BASIC, 100, CHOICE_IN, "`*` stays for the others"},

    /* newer replaces older, except that an out which it does not mention stays */
    {{"10.1 basic+", "20.1 enhanced+"},
     BASIC,
     100,
     CHOICE_NONE,
     "an `in` that the newer record lacks is gone"},
    {{"10.1 basic+", "20.1 enhanced+"}, ENHANCED, 100, CHOICE_IN, "the newer record"},
    {{"10.1 basic-", "20.1 enhanced+"}, BASIC, 100, CHOICE_OUT, "an `out` that it does not mention stays"},
    {{"10.1 *-", "20.1 enhanced+ two_step"},
     BASIC,
     100,
     CHOICE_OUT,
     "an `out` of `*` that it does not mention stays"},
    {{"10.1 *-", "20.1 enhanced+ two_step"},
     ENHANCED,
     100,
     CHOICE_IN,
     "the newer `in` by name stands above it"},
    {{"10.1 enhanced-", "20.1 *+ two_step"}, ENHANCED, 100, CHOICE_OUT, "`*` does not mention a name"},
    {{"10.1 enhanced-", "20.1 *+ two_step"}, BASIC, 100, CHOICE_IN, "`*` covers who was never out"},
    {{"10.1 *-", "20.1"}, BASIC, 100, CHOICE_OUT, "an empty record mentions nothing"},
    {{"10.1 *+", "20.1"}, BASIC, 100, CHOICE_NONE, "an empty record replaces an `in`"},
    {{"10.1 basic+", "20.1 basic-"}, BASIC, 100, CHOICE_OUT, "withdrawn"},
    {{"10.1 *+", "20.1 *-"}, BASIC, 100, CHOICE_OUT, "withdrawn"},
    {{"10.1 enhanced+", "20.1 *-"},
     ENHANCED,
     100,
     CHOICE_OUT,
     "`*` withdraws a named `in` of an older record"},

    /* an in after an out is the subscriber's own act */
    {{"10.1 basic-", "20.1 basic+"}, BASIC, 100, CHOICE_OUT, "`in` after `out` without two_step"},
    {{"10.1 basic-", "20.1 basic+ two_step"}, BASIC, 100, CHOICE_IN, "`in` after `out` with two_step"},
    {{"10.1 *-", "20.1 *+"}, BASIC, 100, CHOICE_OUT, "the same of `*`"},
    {{"10.1 *-", "20.1 *+ two_step"}, BASIC, 100, CHOICE_IN, "the same of `*`"},
    {{"10.1 *-", "20.1 enhanced+"}, ENHANCED, 100, CHOICE_OUT, "by name after `*`"},
    {{"10.1 *- enhanced+", "20.1 *- enhanced+"},
     ENHANCED,
     100,
     CHOICE_IN,
     "it was `in` before: not after an `out`"},
    {{"10.1 basic-", "20.1 basic+ two_step", "30.1 basic+"}, BASIC, 100, CHOICE_IN, "`in` after `in`"},
    {{"10.1 basic-", "20.1 basic+", "30.1 basic+ two_step"}, BASIC, 100, CHOICE_IN, "confirmed later"},
    {{"10.1 basic-", "20.1 basic+ two_step asked"},
     BASIC,
     100,
     CHOICE_OUT,
     "asked 10 milliseconds after the `out`"},
    {{"10.1 basic+ asked"}, BASIC, 100, CHOICE_IN, "an answer to a question, nothing before it"},
    {{"10.1 basic+ had_out"}, BASIC, 100, CHOICE_OUT, "last_out tells of an `out` that compaction took"},
    {{"10.1 basic+ had_out two_step"}, BASIC, 100, CHOICE_IN, "which two_step answers"},
    {{"10.1 basic+ had_out two_step asked"}, BASIC, 100, CHOICE_OUT, "10 milliseconds after it"},

    /* in from its effective on, and until then an out before it holds */
    {{"50.1 basic+"}, BASIC, 49, CHOICE_IN_LATER, "one millisecond before"},
    {{"50.1 basic+"}, BASIC, 50, CHOICE_IN, "at its moment"},
    {{"50.1 *+"}, BASIC, 49, CHOICE_IN_LATER, "`*` likewise"},
    {{"50.1 basic-"}, BASIC, 1, CHOICE_OUT, "`out` counts for every event whatever its time"},
    {{"10.1 basic-", "50.1 basic+ two_step"}, BASIC, 49, CHOICE_OUT, "the `out` before it holds"},
    {{"10.1 basic-", "50.1 basic+ two_step"}, BASIC, 5, CHOICE_OUT, "also for events before the `out`"},
    {{"10.1 basic-", "50.1 basic+ two_step"}, BASIC, 50, CHOICE_IN, "from then on not"},
    {{"10.1 *-", "50.1 *+ two_step"}, BASIC, 49, CHOICE_OUT, "the same of `*`"},
    {{"10.1 *-", "50.1 basic+ two_step"}, BASIC, 49, CHOICE_OUT, "`*` before an `in` by name"},
    {{"50.1 *- basic+"}, BASIC, 49, CHOICE_OUT, "of one record: the `out` counts at once, the `in` does not"},
    {{"10.1 basic-", "50.1 basic+ two_step", "60.1"},
     BASIC,
     49,
     CHOICE_OUT,
     "the record after it changes no past"},
    {{"10.1 basic-", "50.1 basic+ two_step", "60.1"},
     BASIC,
     55,
     CHOICE_NONE,
     "replaced without a new choice"},

    /* order: older never overwrites newer */
    {{"20.1 basic+", "10.1"}, BASIC, 100, CHOICE_IN, "older by effective"},
    {{"20.2 basic+", "20.1"}, BASIC, 100, CHOICE_IN, "older by seq"},
    {{"20.1 basic-", "10.1 basic+"}, BASIC, 100, CHOICE_OUT, "an older `in` is history"},
    {{"20.1 basic-", "10.1 basic+ two_step"}, BASIC, 100, CHOICE_OUT, "also a confirmed one"},
    {{"20.-5 basic+", "20.-6 enhanced+"}, ENHANCED, 100, CHOICE_NONE, "seq may be negative"},
    {{"20.1 basic+", "10.1 basic-"},
     BASIC,
     100,
     CHOICE_OUT,
     "an `out` of lower order at a higher offset counts"},
    {{"20.1 basic+ two_step", "10.1 basic-"}, BASIC, 100, CHOICE_IN, "unless the newer `in` is two_step"},
    {{"20.1 basic+ two_step", "10.1 enhanced-"},
     ENHANCED,
     100,
     CHOICE_OUT,
     "the two_step `in` does not mention it"},
    {{"20.1 basic+", "10.1 *-"}, BASIC, 100, CHOICE_OUT, "`*` of lower order"},
    {{"20.1 basic+ two_step", "10.1 *-"}, BASIC, 100, CHOICE_IN, "two_step by name stands above it"},
    {{"20.1 basic+ two_step", "10.1 *-"}, ENHANCED, 100, CHOICE_OUT, "for the others it counts"},
    {{"20.1 basic+", "10.1 *- basic+"}, BASIC, 100, CHOICE_IN, "the older `*` does not cover basic"},
    {{"20.1 *+", "10.1 basic-"}, ENHANCED, 100, CHOICE_IN, "an older `out` of one programme"},
    {{"20.1 *+ two_step", "10.1 *-"}, BASIC, 100, CHOICE_IN, "two_step `*`"},

    /* equal order: out wins */
    {{"20.1 basic+", "20.1 basic-"}, BASIC, 100, CHOICE_OUT, "`out` second"},
    {{"20.1 basic+ two_step", "20.1 basic-"}, BASIC, 100, CHOICE_OUT, "also against two_step"},
    {{"20.1 basic-", "20.1 basic+ two_step"}, BASIC, 100, CHOICE_OUT, "`out` first"},
    {{"20.1 basic+", "20.1 *-"}, BASIC, 100, CHOICE_OUT, "`*` against a name"},
    {{"20.1 basic+", "20.1 enhanced+"},
     BASIC,
     100,
     CHOICE_NONE,
     "which of the two holds, nobody knows: neither"},
    {{"20.1 basic+", "20.1 enhanced+"}, ENHANCED, 100, CHOICE_NONE, "neither"},
    {{"20.1 basic+", "20.1 basic+"}, BASIC, 100, CHOICE_IN, "the same record twice"},
    {{"20.1 *- basic+", "20.1 *- basic+"}, BASIC, 100, CHOICE_IN, "the same record twice"},

    /* what cannot be read, and erasure */
    {{"unreadable"}, BASIC, 100, CHOICE_OUT, "a value that cannot be read is `out`"},
    {{"10.1 basic+ two_step", "unreadable"}, BASIC, 100, CHOICE_OUT, "of everything, whatever was there"},
    {{"unreadable", "10.1 basic+"}, BASIC, 100, CHOICE_OUT, "it is an `out` like any other"},
    {{"unreadable", "10.1 basic+ two_step"}, BASIC, 100, CHOICE_IN, "which two_step answers"},
    {{"tombstone"}, BASIC, 100, CHOICE_OUT, "erasure counts as `out`"},
    {{"50.1 basic+ two_step", "tombstone"}, BASIC, 100, CHOICE_OUT, "also behind an `in`"},
    {{"50.1 basic+", "tombstone", "60.1 basic+"}, BASIC, 100, CHOICE_OUT, "until a two_step `in`"},
    {{"50.1 basic+", "tombstone", "60.1 basic+ two_step"}, BASIC, 100, CHOICE_IN, "which ends it"},
    {{"50.1 basic+", "tombstone", "10.1 basic+ two_step"},
     BASIC,
     100,
     CHOICE_IN,
     "at a higher offset, of any order"},
    {{"50.1 *+", "tombstone", "60.1 basic+ two_step"}, ENHANCED, 100, CHOICE_OUT, "for what it names"},

    /* predecessors */
    {{"10.1 sprint-"}, TMOBILE, 100, CHOICE_OUT_OF_PREDECESSOR, "an explicit `out` goes on"},
    {{"10.1 sprint-"}, UNITE, 100, CHOICE_OUT_OF_PREDECESSOR, "through every renaming"},
    {{"10.1 sprint-"}, SPRINT, 100, CHOICE_OUT, "and stays where it was"},
    {{"10.1 tmobile-"}, SPRINT, 100, CHOICE_NONE, "never backwards"},
    {{"10.1 sprint+"}, TMOBILE, 100, CHOICE_NONE, "an `in` does not go on: the new regime decides"},
    {{"10.1 sprint+", "20.1 sprint-"}, TMOBILE, 100, CHOICE_OUT_OF_PREDECESSOR, "withdrawn by `out`"},
    {{"10.1 sprint+", "20.1"}, TMOBILE, 100, CHOICE_OUT_OF_PREDECESSOR, "withdrawn without a word"},
    {{"10.1 sprint+", "20.1", "30.1 sprint+"},
     TMOBILE,
     100,
     CHOICE_OUT_OF_PREDECESSOR,
     "given again, not confirmed"},
    {{"10.1 sprint+", "20.1", "30.1 sprint+"},
     SPRINT,
     100,
     CHOICE_IN,
     "for itself it counts: there was no `out`"},
    {{"10.1 sprint+", "20.1", "30.1 sprint+ two_step"}, TMOBILE, 100, CHOICE_NONE, "given again, confirmed"},
    {{"10.1 sprint+", "20.1 tmobile+"}, TMOBILE, 100, CHOICE_IN, "moved to the successor by name"},
    {{"20.1", "10.1 sprint+"},
     TMOBILE,
     100,
     CHOICE_OUT_OF_PREDECESSOR,
     "the older `in` shows that it was withdrawn"},
    {{"10.1 *+", "20.1"}, TMOBILE, 100, CHOICE_OUT_OF_PREDECESSOR, "`*` was the predecessor's `in` too"},
    {{"10.1 *+", "20.1"}, BASIC, 100, CHOICE_NONE, "a programme without predecessors never mind"},
    {{"10.1 sprint-", "20.1 tmobile+"},
     TMOBILE,
     100,
     CHOICE_OUT_OF_PREDECESSOR,
     "after an `out`, without two_step"},
    {{"10.1 sprint-", "20.1 tmobile+ two_step"}, TMOBILE, 100, CHOICE_IN, "after an `out`, with two_step"},
    {{"10.1 sprint-", "20.1 tmobile+ two_step"},
     TMOBILE,
     19,
     CHOICE_OUT_OF_PREDECESSOR,
     "not before its effective"},
    {{"10.1 sprint-", "20.1 *+ two_step"},
     TMOBILE,
     100,
     CHOICE_OUT_OF_PREDECESSOR,
     "`*` does not mention it"},
    {{"10.1 sprint- tmobile+ two_step"},
     TMOBILE,
     100,
     CHOICE_OUT_OF_PREDECESSOR,
     "both in one record: denied"},
    {{"20.1 tmobile+", "10.1 sprint-"},
     TMOBILE,
     100,
     CHOICE_OUT_OF_PREDECESSOR,
     "lower order, higher offset"},
    {{"20.1 tmobile+ two_step", "10.1 sprint-"}, TMOBILE, 100, CHOICE_IN, "unless two_step"},
    {{"10.1 sprint-", "20.1 sprint+ two_step"}, TMOBILE, 100, CHOICE_NONE, "taken back at the predecessor"},

    /* closed, moved, members that nobody knows */
    {{"10.1 basic+", "20.1 basic+ two_step closed"}, BASIC, 100, CHOICE_NONE, "closed voids every `in`"},
    {{"10.1 basic-", "20.1 closed"}, BASIC, 100, CHOICE_OUT, "and keeps `out`"},
    {{"10.1 closed", "20.1 basic+"}, BASIC, 100, CHOICE_IN, "a newer `in` is the next subscriber's"},
    {{"20.1 basic+", "10.1 closed"}, BASIC, 100, CHOICE_NONE, "older at a higher offset, like an `out`"},
    {{"20.1 basic+ two_step", "10.1 closed"}, BASIC, 100, CHOICE_IN, "unless two_step"},
    {{"20.1 basic+", "20.1 basic+ closed"}, BASIC, 100, CHOICE_NONE, "at equal order"},
    {{"10.1 basic+ two_step moved"}, BASIC, 100, CHOICE_NONE, "never an `in`"},
    {{"10.1 basic+", "20.1 moved"}, BASIC, 100, CHOICE_NONE, "a newer record replaces the older one"},
    {{"10.1 basic-", "20.1 moved"}, BASIC, 100, CHOICE_OUT, "its own `out`s stay"},
    {{"10.1 basic- moved"}, BASIC, 100, CHOICE_OUT, "its own `out` in the same record"},
    {{"20.1 basic+", "10.1 moved"}, BASIC, 100, CHOICE_NONE, "older at a higher offset, like `closed`"},

    /* reset: interests are forgotten, choices are not */
    {{"10.1 reset"}, BASIC, 100, CHOICE_NONE, "no `out`"},
    {{"10.1 basic+", "20.1 reset"}, BASIC, 100, CHOICE_IN, "an `in` that it does not name stays"},
    {{"10.1 basic+", "20.1 reset"},
     BASIC,
     19,
     CHOICE_IN_LATER,
     "for events after it: older ones are forgotten"},
    {{"10.1 basic-", "20.1 reset"}, BASIC, 100, CHOICE_OUT, "an `out` too"},
    {{"10.1 basic+", "20.1 basic- reset"}, BASIC, 100, CHOICE_OUT, "what it names counts as ever"},
    {{"10.1 basic+", "20.1 *- reset"}, BASIC, 100, CHOICE_OUT, "`*` names all"},
    {{"10.1 sprint+", "20.1 reset"}, TMOBILE, 100, CHOICE_NONE, "nothing was withdrawn"},
    {{"10.1 basic+", "20.1 reset closed"}, BASIC, 100, CHOICE_NONE, "closed voids every `in`"},
    {{"10.1 basic+", "20.1 reset void"}, BASIC, 100, CHOICE_NONE, "a member that nobody knows"},
    {{"20.1 basic+", "10.1 reset"}, BASIC, 5, CHOICE_IN_LATER, "older: nothing changes"},
    {{"20.1 basic+", "20.1 reset"}, BASIC, 100, CHOICE_IN, "at equal order: nothing changes"},
    {{"10.1 basic+", "20.1 basic+ two_step void"}, BASIC, 100, CHOICE_NONE, "the `in`s do not count"},
    {{"10.1 basic- void"}, BASIC, 100, CHOICE_OUT, "the `out`s do"},
};

static void choice_histories_come_to_what_the_specification_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof histories / sizeof *histories; i++) {
        const struct history *history = &histories[i];
        struct choice_state choices = {0};
        for (unsigned j = 0; j < 5 && history->records[j]; j++) {
            struct choice_record record = record_of(history->records[j]);
            choice_apply(&choices, &record, &names);
        }
        enum choice_answer answer = ask(&choices, history->programme, history->time_ms);
        if (answer != history->answer)
            fail_msg("row %zu ('%s', '%s'), event at %lld: %s instead of %s: %s", i,
                     history->records[0] ? history->records[0] : "",
                     history->records[1] ? history->records[1] : "", (long long)history->time_ms,
                     answers[answer], answers[history->answer], history->why);
    }
}

static void choice_pending_outs_hold_until_they_are_decided(void **state)
{
    (void)state;
    struct choice_state choices = {0};
    struct choice_record in = record_of("10.1 basic+ *+ tmobile+ two_step");
    choice_apply(&choices, &in, &names);
    choices.pending = 1 << BASIC;
    assert_int_equal(ask(&choices, BASIC, 100), CHOICE_OUT);
    assert_int_equal(ask(&choices, ENHANCED, 100), CHOICE_IN);
    choices.pending = 1 << SPRINT;
    assert_int_equal(ask(&choices, TMOBILE, 100), CHOICE_OUT_OF_PREDECESSOR);
    choices.pending = CHOICE_STAR;
    assert_int_equal(ask(&choices, BASIC, 100), CHOICE_OUT);
    choices.pending = 0;
    assert_int_equal(ask(&choices, BASIC, 100), CHOICE_IN);
    choices.signalled = true;
    assert_int_equal(ask(&choices, BASIC, 100), CHOICE_OUT_BY_SIGNAL);
}

static void choice_outs_are_what_counts_before_it_is_committed(void **state)
{
    (void)state;
    static const struct {
        const char *record;
        choice_set outs;
        const char *why;
    } cases[] = {
        {"10.1 basic+ two_step", 0, "an `in` waits for the committed view"},
        {"10.1 basic- enhanced+", 1 << BASIC, "of a mixed record the `out`s"},
        {"10.1 *-", CHOICE_STAR, "of everything"},
        {"10.1 basic- void", 1 << BASIC, "with a member that nobody knows too"},
        {"10.1 moved", CHOICE_STAR, "moved: another's `out`s, until they are looked up"},
        {"unreadable", CHOICE_STAR, "not to be understood"},
        {"tombstone", CHOICE_STAR, "erasure"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct choice_record record = record_of(cases[i].record);
        if (choice_record_outs(&record) != cases[i].outs)
            fail_msg("'%s': %s", cases[i].record, cases[i].why);
    }
}

static void choice_names_are_found_as_written(void **state)
{
    (void)state;
    assert_int_equal(choice_names_bit(&names, VIEW("*")), CHOICE_STAR);
    assert_int_equal(choice_names_bit(&names, VIEW("sprint")), 1 << SPRINT);
    assert_int_equal(choice_names_bit(&names, VIEW("Sprint")), 0);
    assert_int_equal(choice_names_bit(&names, VIEW("sprin")), 0);
    assert_int_equal(choice_names_bit(&names, VIEW("")), 0);
    assert_int_equal(choice_names_bit(&names, VIEW_ABSENT), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(choice_histories_come_to_what_the_specification_says),
        cmocka_unit_test(choice_pending_outs_hold_until_they_are_decided),
        cmocka_unit_test(choice_outs_are_what_counts_before_it_is_committed),
        cmocka_unit_test(choice_names_are_found_as_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
