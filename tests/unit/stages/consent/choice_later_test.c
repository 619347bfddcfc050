/* Who may be asked again and who moved (spec 3, rule 10), and signals that are stored (rule 7). */
#include "tests/unit/stages/consent/choice_rig.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(choice_may_be_asked_again_after_twelve_months),
        cmocka_unit_test(choice_asked_counts_twelve_months_after_the_last_out),
        cmocka_unit_test(choice_moved_from_copies_outs_in_whatever_order),
        cmocka_unit_test(choice_signals_yield_to_a_newer_confirmed_in_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
