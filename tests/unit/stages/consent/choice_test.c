/*
 * What consent records come to: a table of histories with the answer that spec 3 asks for, and random histories against
 * the sentences of the specification and a slow model.
 *
 * Histories are written in short: words with blanks between, the first the order (effective.seq), then choices such as
 * `*-` (out of everything) or `enhanced+` (in), then flags. Names: `basic`, `enhanced`, `tmobile`, its predecessor
 * `sprint`, and `unite`, whose predecessor is tmobile.
 */
#include "stages/consent/choice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { BASIC, ENHANCED, TMOBILE, SPRINT, UNITE, NAMES };

static const struct choice_names names = {
    .names = {{"basic", 5}, {"enhanced", 8}, {"tmobile", 7}, {"sprint", 6}, {"unite", 5}},
    .predecessors = {[TMOBILE] = 1 << SPRINT, [UNITE] = 1 << TMOBILE | 1 << SPRINT},
    .count = NAMES,
};

static bool take_word(const char **text, struct view *out_word)
{
    *text += strspn(*text, " ");
    out_word->data = *text;
    out_word->size = strcspn(*text, " ");
    *text += out_word->size;
    return out_word->size > 0;
}

/* A mistake in the test's own notation fails the test. */
static struct choice_record record_of(const char *text)
{
    struct choice_record record = {.readable = true};
    struct view word;
    assert_true(take_word(&text, &word));
    if (view_equal(word, VIEW("tombstone")))
        return (struct choice_record){.tombstone = true};
    if (view_equal(word, VIEW("unreadable")))
        return (struct choice_record){0};
    char *rest;
    record.effective_ms = strtoll(word.data, &rest, 10);
    assert_true(*rest == '.');
    record.seq = strtoll(rest + 1, &rest, 10);
    assert_ptr_equal(rest, word.data + word.size);
    while (take_word(&text, &word)) {
        char last = word.data[word.size - 1];
        choice_set bit = choice_names_bit(&names, (struct view){word.data, word.size - 1});
        if (last == '+' && bit)
            record.in |= bit;
        else if (last == '-' && bit)
            record.out |= bit;
        else if (view_equal(word, VIEW("two_step")))
            record.two_step = true;
        else if (view_equal(word, VIEW("asked")))
            record.asked = true;
        else if (view_equal(word, VIEW("closed")))
            record.closed = true;
        else if (view_equal(word, VIEW("moved")))
            record.moved = true;
        else if (view_equal(word, VIEW("reset")))
            record.reset = true;
        else if (view_equal(word, VIEW("had_out")))
            record.had_out = true;
        else if (word.size > 8 && memcmp(word.data, "had_out=", 8) == 0) {
            record.had_out = true;
            record.last_out_ms = strtoll(word.data + 8, NULL, 10);
        } else if (view_equal(word, VIEW("void")))
            record.in_is_void = true;
        else
            fail_msg("'%.*s' is not in this test's notation", (int)word.size, word.data);
    }
    return record;
}

static enum choice_answer ask(const struct choice_state *state, unsigned programme, int64_t time_ms)
{
    return choice_answer(state, (choice_set)(1u << programme), names.predecessors[programme], time_ms);
}

struct history {
    const char *records[5]; /* in the order of their offsets */
    unsigned programme;
    int64_t time_ms; /* of the event */
    enum choice_answer answer;
    const char *why;
};

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

static const char *const answers[] = {"unknown",  "out", "out_by_signal", "out_of_predecessor", "none",
                                      "in_later", "in"};

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

/* ---- asked (rule 10) ---- */

#define TIME_2020_02_29 INT64_C(1582934400000)
#define TIME_2020_06_01 INT64_C(1590969600000)
#define DAY_MS          INT64_C(86400000)

static void choice_may_be_asked_again_after_twelve_months(void **state)
{
    (void)state;
    static const struct {
        int64_t last_out_ms, again_ms;
        const char *why;
    } cases[] = {
        {TIME_2020_06_01, TIME_2020_06_01 + 365 * DAY_MS, "the same day of the next year"},
        {TIME_2020_06_01 + 1, TIME_2020_06_01 + 365 * DAY_MS + 1, "to the millisecond"},
        {TIME_2020_02_29, TIME_2020_02_29 + 366 * DAY_MS, "of 29 February it is 1 March"},
        {TIME_2020_02_29 - DAY_MS, TIME_2020_02_29 + 365 * DAY_MS, "of 28 February 28 February"},
        {0, 365 * DAY_MS, "1970"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (choice_ask_again_ms(cases[i].last_out_ms) != cases[i].again_ms)
            fail_msg("%lld: %s", (long long)cases[i].last_out_ms, cases[i].why);
    }
}

static void choice_asked_counts_twelve_months_after_the_last_out(void **state)
{
    (void)state;
    static const struct {
        const char *records[4];
        enum choice_answer answer;
        const char *why;
    } cases[] = {
        {{"1000.1 basic-", "31536000999.1 basic+ two_step asked"}, CHOICE_OUT, "a millisecond too soon"},
        {{"1000.1 basic-", "31536001000.1 basic+ two_step asked"}, CHOICE_IN, "12 months later"},
        {{"1000.1 basic-", "31536001000.1 basic+ asked"}, CHOICE_OUT, "and only with two_step"},
        {{"1000.1 basic-", "2000.1 basic-", "31536001000.1 basic+ two_step asked"},
         CHOICE_OUT,
         "the last `out` is what counts"},
        {{"2000.1 basic-", "1000.1 basic-", "31536001000.1 basic+ two_step asked"},
         CHOICE_OUT,
         "whatever came last in the topic"},
        {{"1000.1 basic-", "2000.1", "31536001000.1 basic+ two_step asked"},
         CHOICE_IN,
         "a record without an `out` is none"},
        {{"1000.1 basic-", "31536001000.1 basic+ two_step asked had_out=2000"},
         CHOICE_OUT,
         "last_out knows of a later one"},
        {{"2000.1 basic-", "31536001000.1 basic+ two_step asked had_out=1000"},
         CHOICE_OUT,
         "what the stage saw itself counts against a last_out that knows less"},
        {{"31536001000.1 basic+ two_step asked had_out=1000"}, CHOICE_IN, "last_out alone, 12 months ago"},
        {{"31536000999.1 basic+ two_step asked had_out=1000"}, CHOICE_OUT, "last_out alone, too soon"},
        {{"31536001000.1 basic- had_out=9000", "31536002000.1", "63072001000.1 basic+ two_step asked"},
         CHOICE_IN,
         "12 months after the record's own `out`"},
        {{"1000.1 enhanced-", "2000.1 basic+ two_step asked"},
         CHOICE_IN,
         "of another programme: this `in` is after no `out`"},
        {{"tombstone", "31536001000.1 basic+ two_step asked"}, CHOICE_OUT, "nobody knows when the `out` was"},
        {{"unreadable", "63072001000.1 basic+ two_step asked"},
         CHOICE_OUT,
         "nobody knows when the `out` was"},
        {{"unreadable", "2000.1 *+ two_step", "3000.1 *-", "31536002999.1 basic+ two_step asked"},
         CHOICE_OUT,
         "answered, and `out` again: 12 months after that"},
        {{"unreadable", "2000.1 *+ two_step", "3000.1 *-", "31536003000.1 basic+ two_step asked"},
         CHOICE_IN,
         "and then it counts"},
        {{"10.1 sprint+", "20.1", "31536000999.1 basic+ two_step asked"},
         CHOICE_IN,
         "an `in` taken back matters to successors only"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct choice_state choices = {0};
        for (unsigned j = 0; j < 4 && cases[i].records[j]; j++) {
            struct choice_record record = record_of(cases[i].records[j]);
            choice_apply(&choices, &record, &names);
        }
        enum choice_answer answer = ask(&choices, BASIC, INT64_C(100000000000));
        if (answer != cases[i].answer)
            fail_msg("row %zu: %s instead of %s: %s", i, answers[answer], answers[cases[i].answer],
                     cases[i].why);
    }
}

/* ---- moved_from (rule 10) ---- */

struct move_case {
    const char *old[3], *moved[3]; /* records of the other subject, and of the one that moved at 50.1 */
    unsigned programme;
    enum choice_answer answer;
    const char *why;
};

static const struct move_case move_cases[] = {
    {{NULL}, {"50.1 moved"}, BASIC, CHOICE_NONE, "from somebody without choices"},
    {{"10.1 basic-"}, {"50.1 moved"}, BASIC, CHOICE_OUT, "every `out` is copied"},
    {{"10.1 basic-"}, {"50.1 moved"}, ENHANCED, CHOICE_NONE, "and nothing else"},
    {{"10.1 *-"}, {"50.1 moved"}, ENHANCED, CHOICE_OUT, "of everything"},
    {{"10.1 basic+"}, {"50.1 moved"}, BASIC, CHOICE_NONE, "never an `in`"},
    {{"10.1 *- basic+"}, {"50.1 moved"}, BASIC, CHOICE_OUT, "`*` without the `in` that stood above it"},
    {{"10.1 sprint-"}, {"50.1 moved"}, TMOBILE, CHOICE_OUT_OF_PREDECESSOR, "a predecessor's goes on"},
    {{"10.1 sprint+", "20.1"},
     {"50.1 moved"},
     TMOBILE,
     CHOICE_OUT_OF_PREDECESSOR,
     "so does an `in` taken back"},
    {{"tombstone"}, {"50.1 moved"}, BASIC, CHOICE_OUT, "erasure counts as `out`"},
    {{"unreadable"}, {"50.1 moved"}, BASIC, CHOICE_OUT, "what cannot be read is `out`"},
    {{"60.1 basic-"},
     {"50.1 moved"},
     BASIC,
     CHOICE_OUT,
     "also an `out` that came later: nobody knows whose it is"},
    {{"10.1 basic-", "20.1 basic+ two_step"}, {"50.1 moved"}, BASIC, CHOICE_NONE, "answered before the move"},
    {{"10.1 basic-", "60.1 basic+ two_step"},
     {"50.1 moved"},
     BASIC,
     CHOICE_OUT,
     "answered after the move: by the next holder"},
    {{"10.1 basic-"}, {"50.1 moved", "60.1 basic+"}, BASIC, CHOICE_OUT, "an `in` after it, not confirmed"},
    {{"10.1 basic-"}, {"50.1 moved", "60.1 basic+ two_step"}, BASIC, CHOICE_IN, "confirmed"},
    {{"10.1 basic-"}, {"50.1 moved", "60.1 basic+ two_step"}, ENHANCED, CHOICE_NONE, "for what it names"},
    {{"10.1 *-"}, {"50.1 moved", "60.1 basic+ two_step"}, BASIC, CHOICE_IN, "confirmed by name against `*`"},
    {{"10.1 *-"}, {"50.1 moved", "60.1 basic+ two_step"}, ENHANCED, CHOICE_OUT, "which stays for the others"},
    {{"10.1 basic-"},
     {"50.1 moved", "60.1 basic+ two_step asked"},
     BASIC,
     CHOICE_OUT,
     "asked within 12 months"},
    {{"10.1 basic-"},
     {"50.1 moved", "60.1 basic+ two_step", "70.1"},
     BASIC,
     CHOICE_NONE,
     "confirmed and replaced: the copied `out` does not come back"},
    {{"10.1 basic-"}, {"40.1 basic+ two_step", "50.1 moved"}, BASIC, CHOICE_OUT, "confirmed before the move"},
};

/* The other subject's partition may be read before, after, or between; and copying is done again at every change. */
static void choice_moved_from_copies_outs_in_whatever_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof move_cases / sizeof *move_cases; i++) {
        const struct move_case *row = &move_cases[i];
        for (unsigned old_first = 0; old_first <= 3; old_first++) {
            struct choice_state old = {0}, choices = {0};
            struct choice_move move = {.effective_ms = 50};
            unsigned old_at = 0;
            bool moved = false;
            for (unsigned j = 0; j < 3; j++) {
                for (; row->moved[j] && old_at < 3 && row->old[old_at] && (j > 0 || old_at < old_first);
                     old_at++) {
                    struct choice_record record = record_of(row->old[old_at]);
                    choice_apply(&old, &record, &names);
                }
                if (!row->moved[j])
                    break;
                struct choice_record record = record_of(row->moved[j]);
                if (moved)
                    move.confirmed |= choice_confirmed(&choices, &record, &names);
                moved |= record.moved;
                choice_apply(&choices, &record, &names);
            }
            for (; old_at < 3 && row->old[old_at]; old_at++) {
                struct choice_record record = record_of(row->old[old_at]);
                choice_apply(&old, &record, &names);
            }
            struct choice_state before = choices;
            bool changed = choice_inherit(&choices, &old, &move, &names);
            if (ask(&choices, row->programme, 100) != row->answer)
                fail_msg("row %zu, %u of the other's first: %s instead of %s: %s", i, old_first,
                         answers[ask(&choices, row->programme, 100)], answers[row->answer], row->why);
            assert_false(choice_inherit(&choices, &old, &move, &names)); /* it comes to the same */
            if (ask(&before, row->programme, 100) != ask(&choices, row->programme, 100)) {
                assert_true(changed);
                assert_true(choice_is_stricter(&before, &choices)); /* the barrier hears of it */
            }
        }
    }
}

/* ---- stored signals (rule 7) ---- */

/* Signals have keys of their own, so nobody knows whether a record or a signal is read first: the same. */
static void choice_signals_yield_to_a_newer_confirmed_in_alone(void **state)
{
    (void)state;
    static const struct {
        int64_t signals[2]; /* their times; 0: none, -1: one that never yields */
        const char *record;
        unsigned programme;
        int64_t time_ms;
        enum choice_answer answer;
        const char *why;
    } cases[] = {
        {{20}, NULL, BASIC, 100, CHOICE_OUT_BY_SIGNAL, "a signal is `out` of everything"},
        {{20}, "30.1 basic+ two_step", BASIC, 100, CHOICE_IN, "newer and confirmed"},
        {{20}, "30.1 *+ two_step", BASIC, 100, CHOICE_IN, "also for all"},
        {{20}, "30.1 basic+ two_step", ENHANCED, 100, CHOICE_OUT_BY_SIGNAL, "for what it names"},
        {{20}, "30.1 basic+ two_step", BASIC, 30, CHOICE_IN, "from its effective on"},
        {{20}, "30.1 basic+ two_step", BASIC, 29, CHOICE_OUT_BY_SIGNAL, "and not before"},
        {{20}, "30.1 basic+", BASIC, 100, CHOICE_OUT_BY_SIGNAL, "not confirmed"},
        {{20}, "30.1 basic+ two_step asked", BASIC, 100, CHOICE_OUT_BY_SIGNAL, "an answer to a question"},
        {{20}, "30.1 basic+ two_step void", BASIC, 100, CHOICE_OUT_BY_SIGNAL, "an `in` that does not count"},
        {{20}, "30.1 basic- two_step", BASIC, 100, CHOICE_OUT_BY_SIGNAL, "no `in`"},
        {{20}, "20.1 basic+ two_step", BASIC, 100, CHOICE_OUT_BY_SIGNAL, "at the same moment"},
        {{20}, "10.1 basic+ two_step", BASIC, 100, CHOICE_OUT_BY_SIGNAL, "older"},
        {{20, 40}, "30.1 basic+ two_step", BASIC, 100, CHOICE_OUT_BY_SIGNAL, "a newer signal after it"},
        {{40, 20}, "50.1 basic+ two_step", BASIC, 100, CHOICE_IN, "newer than all signals"},
        {{-1},
         "30.1 basic+ two_step",
         BASIC,
         100,
         CHOICE_OUT_BY_SIGNAL,
         "signals.yield is off, or it has no time"},
        {{-1, 20}, "30.1 basic+ two_step", BASIC, 100, CHOICE_OUT_BY_SIGNAL, "one of two that never yields"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (unsigned first = 0; first < 3; first++) { /* the record comes before, between or after */
            struct choice_state choices = {0}, before;
            for (unsigned j = 0; j < 3; j++) {
                before = choices;
                if (j == first && cases[i].record) {
                    struct choice_record record = record_of(cases[i].record);
                    choice_apply(&choices, &record, &names);
                }
                int64_t was = ask(&before, cases[i].programme, cases[i].time_ms) >= CHOICE_NONE;
                int64_t is = ask(&choices, cases[i].programme, cases[i].time_ms) >= CHOICE_NONE;
                assert_true(!was || is || choice_is_stricter(&before, &choices));
                before = choices;
                if (j < 2 && cases[i].signals[j])
                    choice_signal(&choices, cases[i].signals[j] < 0 ? 0 : cases[i].signals[j]);
                is = ask(&choices, cases[i].programme, cases[i].time_ms) >= CHOICE_NONE;
                was = ask(&before, cases[i].programme, cases[i].time_ms) >= CHOICE_NONE;
                assert_true(!was || is || choice_is_stricter(&before, &choices));
            }
            enum choice_answer answer = ask(&choices, cases[i].programme, cases[i].time_ms);
            if (answer != cases[i].answer)
                fail_msg("row %zu, record at %u: %s instead of %s: %s", i, first, answers[answer],
                         answers[cases[i].answer], cases[i].why);
        }
    }
    struct choice_state choices = {0}, before;
    struct choice_record confirmed = record_of("30.1 basic+ two_step"), again = record_of("40.1 basic+");
    choice_signal(&choices, 20);
    choice_apply(&choices, &confirmed, &names);
    before = choices;
    choice_apply(&choices, &again, &names); /* replaced by an `in` that is not confirmed */
    assert_int_equal(ask(&choices, BASIC, 100), CHOICE_OUT_BY_SIGNAL);
    assert_true(choice_is_stricter(&before, &choices));
}

/* ---- random histories ---- */

static uint64_t seed;

static unsigned random_below(unsigned bound)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)((seed >> 20) % bound);
}

#define YEAR_MS INT64_C(31536000000) /* 1970 and 1971 have 365 days each */

static struct choice_record random_record(void)
{
    if (random_below(30) == 0)
        return (struct choice_record){.tombstone = random_below(2)};
    struct choice_record record = {
        .readable = true,
        .two_step = random_below(3) == 0,
        .asked = random_below(4) == 0,
        .closed = random_below(15) == 0,
        .moved = random_below(40) == 0,
        .reset = random_below(15) == 0,
        .had_out = random_below(15) == 0,
        .in_is_void = random_below(20) == 0,
        .effective_ms = random_below(6) * 10 + (random_below(3) == 0 ? YEAR_MS : 0),
        .seq = random_below(3),
    };
    if (record.had_out)
        record.last_out_ms = random_below(6) * 10;
    static const unsigned bits[] = {BASIC, ENHANCED, TMOBILE, SPRINT, UNITE, 15};
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++) {
        unsigned choice = random_below(6);
        if (choice < 2)
            record.in |= (choice_set)(1u << bits[i]);
        else if (choice == 2)
            record.out |= (choice_set)(1u << bits[i]);
    }
    return record;
}

/* The slow model: one plain variable for each (name, question), every rule as one sentence about one name. */
enum { STAR = NAMES, MODEL_NAMES };

struct model {
    bool out[MODEL_NAMES], in[MODEL_NAMES], was_out[MODEL_NAMES], gave_up[MODEL_NAMES];
    bool ordered, two_step;
    int64_t effective, seq, was_out_until;
    int64_t last_out; /* -1: none; NEVER: of no known time */
};

#define NEVER INT64_MAX

static bool says(choice_set set, int name)
{
    return set & (name == STAR ? CHOICE_STAR : 1u << name);
}

static bool is_predecessor(int of, int name)
{
    return (of == TMOBILE && name == SPRINT) || (of == UNITE && (name == SPRINT || name == TMOBILE));
}

static bool model_is_out(const struct model *model, int name)
{
    if (model->out[name])
        return true;
    if (model->in[name])
        return false;
    for (int i = 0; i < NAMES; i++) {
        if (is_predecessor(name, i) && (model->out[i] || model->gave_up[i] || model->gave_up[STAR]))
            return true;
    }
    return model->out[STAR];
}

static bool record_turns_out(const struct choice_record *record, int name)
{
    if (says(record->out, name))
        return true;
    for (int i = 0; i < NAMES; i++) {
        if (is_predecessor(name, i) && says(record->out, i))
            return true;
    }
    return says(record->out, STAR) && !says(record->in, name);
}

static bool record_turns_successor_out(const struct choice_record *record, int name)
{
    for (int i = 0; i < NAMES; i++) {
        if (is_predecessor(name, i) && says(record->out, i))
            return true;
    }
    return false;
}

static void model_drop_in(struct model *model, int name)
{
    model->gave_up[name] |= model->in[name];
    model->in[name] = false;
}

static void model_saw_out(struct model *model, const struct choice_record *record)
{
    if (record->out && record->effective_ms > model->last_out)
        model->last_out = record->effective_ms;
    if (record->had_out && record->last_out_ms > model->last_out)
        model->last_out = record->last_out_ms;
}

/* May the record's `in`s answer an `out` (rule 10)? */
static bool model_answers(const struct model *model, const struct choice_record *record)
{
    if (!record->two_step)
        return false;
    if (!record->asked)
        return true;
    int64_t last_out =
        record->had_out && record->last_out_ms > model->last_out ? record->last_out_ms : model->last_out;
    if (last_out == NEVER)
        return false;
    if (last_out >= 0)
        return record->effective_ms >= last_out + YEAR_MS;
    for (int name = 0; name < MODEL_NAMES; name++) { /* gave up an `in`, and nobody knows when */
        if (model->gave_up[name])
            return false;
    }
    return true;
}

static void model_newer(struct model *model, const struct choice_record *record)
{
    struct model before = *model;
    bool in_counts_at_all = !record->closed && !record->moved && !record->in_is_void;
    bool answers_out = model_answers(model, record);
    bool any_out = false;
    for (int name = 0; name < MODEL_NAMES; name++) {
        bool mentions_in = says(record->in, name);
        bool counts = mentions_in && in_counts_at_all && (answers_out || !record->had_out) &&
                      (answers_out || !model_is_out(&before, name)) &&
                      !record_turns_successor_out(record, name);
        bool left = record->reset && in_counts_at_all && before.in[name] && !mentions_in &&
                    !record_turns_out(record, name); /* rule 10: reset is no choice */
        model->in[name] = counts || left;
        if (counts && before.out[name]) {
            model->was_out[name] = true;
            if (record->effective_ms > model->was_out_until)
                model->was_out_until = record->effective_ms;
        }
        model->out[name] = says(record->out, name) || (before.out[name] && !counts) ||
                           (record->had_out && mentions_in && !counts);
        any_out |= model->out[name];
        if (left)
            continue;
        else if (counts && answers_out)
            model->gave_up[name] = false;
        else if (counts)
            continue;
        else if (before.in[name] || (mentions_in && !in_counts_at_all))
            model->gave_up[name] = true;
    }
    if (model->last_out == NEVER && !any_out && record->effective_ms > 0)
        model->last_out = record->effective_ms;
    model_saw_out(model, record);
    model->ordered = true;
    model->two_step = record->two_step;
    model->effective = record->effective_ms;
    model->seq = record->seq;
}

static void model_equal(struct model *model, const struct choice_record *record)
{
    for (int name = 0; name < MODEL_NAMES; name++) {
        bool void_in = record->closed || record->moved || record->in_is_void;
        bool left = record->reset && !void_in;
        if ((!says(record->in, name) && !left) || record_turns_out(record, name) || void_in)
            model_drop_in(model, name);
        model->out[name] |= says(record->out, name);
    }
    model_saw_out(model, record);
    model->two_step = model->two_step && record->two_step;
}

static void model_older(struct model *model, const struct choice_record *record)
{
    for (int name = 0; name < MODEL_NAMES; name++) {
        bool out = says(record->out, name);
        bool answered = model->two_step && model->in[name];
        if (!model->two_step && (record_turns_out(record, name) || record->closed || record->moved))
            model_drop_in(model, name);
        model->out[name] |= out && !answered;
        model->gave_up[name] |= says(record->in, name) && !model->in[name];
    }
    model_saw_out(model, record);
}

static void model_apply(struct model *model, const struct choice_record *record)
{
    if (!record->readable) {
        for (int name = 0; name < MODEL_NAMES; name++)
            model_drop_in(model, name);
        model->out[STAR] = true;
        model->two_step = false;
        model->last_out = NEVER;
        model->ordered = model->ordered && !record->tombstone;
        return;
    }
    int64_t order = record->effective_ms != model->effective ? record->effective_ms - model->effective
                                                             : record->seq - model->seq;
    if (!model->ordered || order > 0)
        model_newer(model, record);
    else if (order == 0)
        model_equal(model, record);
    else
        model_older(model, record);
}

static enum choice_answer model_ask(const struct model *model, int programme, int64_t time)
{
    bool early = time < model->effective, past = time < model->was_out_until;
    bool star_out = model->out[STAR] || (past && model->was_out[STAR]);
    if (model->out[programme] || (past && model->was_out[programme]))
        return CHOICE_OUT;
    if (model->in[programme] && !early)
        return CHOICE_IN;
    if (star_out)
        return CHOICE_OUT;
    for (int i = 0; i < NAMES; i++) {
        if (is_predecessor(programme, i) &&
            (model->out[i] || (past && model->was_out[i]) || model->gave_up[i] || model->gave_up[STAR]))
            return CHOICE_OUT_OF_PREDECESSOR;
    }
    if (model->in[programme] || model->in[STAR])
        return early ? CHOICE_IN_LATER : CHOICE_IN;
    return CHOICE_NONE;
}

/* Moments around those of the records, and around a year later. */
enum { TIMES = 30 };

static int64_t time_of(unsigned at)
{
    return (int64_t)(at % 15) * 5 - 5 + (at < 15 ? 0 : YEAR_MS);
}

static bool is_denied(enum choice_answer answer, bool opt_in)
{
    return opt_in ? answer != CHOICE_IN : answer < CHOICE_NONE;
}

/* Sentences of spec 3 that must hold after every step, whatever the history. */
static void check_step(const struct choice_state *before, const struct choice_record *record,
                       const struct choice_state *after)
{
    bool stricter = false;
    for (unsigned programme = 0; programme < NAMES; programme++) {
        choice_set bit = (choice_set)(1u << programme);
        for (unsigned at = 0; at < TIMES; at++) {
            int64_t time = time_of(at);
            enum choice_answer was = ask(before, programme, time), is = ask(after, programme, time);
            for (int opt_in = 0; opt_in < 2; opt_in++) {
                bool was_denied = is_denied(was, opt_in), denied = is_denied(is, opt_in);
                stricter |= denied && !was_denied;
                if (!record->readable) /* rules 5 and 6 */
                    assert_true(denied);
                if (record->readable && record->in == 0) /* nothing but an `in` lets more through */
                    assert_false(was_denied && !denied);
                if (record->closed && opt_in && !before->two_step) /* rule 10 */
                    assert_true(denied);
                if (record->in_is_void || record->closed || record->moved)
                    assert_false(was_denied && !denied);
                if (is == CHOICE_IN && was != CHOICE_IN) {
                    /* or answered a predecessor's `out`, which stood before an `in` that a reset left */
                    choice_set answered = record->reset ? names.predecessors[programme] : 0;
                    assert_true(record->in & (bit | CHOICE_STAR | answered));
                    assert_true(time >= record->effective_ms);
                }
                if (was <= CHOICE_OUT_OF_PREDECESSOR && is > CHOICE_OUT_OF_PREDECESSOR)
                    assert_true(record->two_step); /* rule 10: nothing else ends an `out` */
            }
            bool older = before->ordered &&
                         (record->effective_ms < before->effective_ms ||
                          (record->effective_ms == before->effective_ms && record->seq < before->seq));
            if ((record->out & bit) && !(older && before->two_step)) /* rule 5, for events of every time */
                assert_int_equal(is, CHOICE_OUT);
        }
    }
    if (stricter) /* the barrier hears of everything that takes away */
        assert_true(choice_is_stricter(before, after));
    assert_int_equal(after->in & after->out, 0);
}

static void choice_random_histories_agree_with_the_slow_model(void **state)
{
    (void)state;
    seed = 0x9e3779b97f4a7c15u;
    unsigned ins = 0, outs = 0, later = 0;
    for (unsigned history = 0; history < 20000; history++) {
        struct choice_state choices = {0};
        struct model model = {.last_out = -1};
        unsigned steps = 1 + random_below(7);
        for (unsigned step = 0; step < steps; step++) {
            struct choice_record record = random_record();
            struct choice_state before = choices;
            choice_apply(&choices, &record, &names);
            model_apply(&model, &record);
            check_step(&before, &record, &choices);
            for (int programme = 0; programme < NAMES; programme++) {
                for (unsigned at = 0; at < TIMES; at++) {
                    int64_t time = time_of(at);
                    enum choice_answer answer = ask(&choices, (unsigned)programme, time);
                    enum choice_answer expected = model_ask(&model, programme, time);
                    if (answer != expected)
                        fail_msg("history %u, step %u, programme %d at %lld: %s instead of %s", history, step,
                                 programme, (long long)time, answers[answer], answers[expected]);
                    ins += answer == CHOICE_IN;
                    outs += answer == CHOICE_OUT;
                    later += answer == CHOICE_IN_LATER;
                }
            }
        }
    }
    assert_true(ins > 10000 && outs > 10000 && later > 10000); /* the histories are not all alike */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(choice_histories_come_to_what_the_specification_says),
        cmocka_unit_test(choice_pending_outs_hold_until_they_are_decided),
        cmocka_unit_test(choice_outs_are_what_counts_before_it_is_committed),
        cmocka_unit_test(choice_names_are_found_as_written),
        cmocka_unit_test(choice_may_be_asked_again_after_twelve_months),
        cmocka_unit_test(choice_asked_counts_twelve_months_after_the_last_out),
        cmocka_unit_test(choice_moved_from_copies_outs_in_whatever_order),
        cmocka_unit_test(choice_signals_yield_to_a_newer_confirmed_in_alone),
        cmocka_unit_test(choice_random_histories_agree_with_the_slow_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
