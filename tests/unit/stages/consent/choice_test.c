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
        else if (view_equal(word, VIEW("had_out")))
            record.had_out = true;
        else if (view_equal(word, VIEW("void")))
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
     "12 months are not judged yet: out"},
    {{"10.1 basic+ asked"}, BASIC, 100, CHOICE_IN, "an answer to a question, nothing before it"},
    {{"10.1 basic+ had_out"}, BASIC, 100, CHOICE_OUT, "last_out tells of an `out` that compaction took"},
    {{"10.1 basic+ had_out two_step"}, BASIC, 100, CHOICE_IN, "which two_step answers"},
    {{"10.1 basic+ had_out two_step asked"}, BASIC, 100, CHOICE_OUT, "12 months are not judged yet: out"},

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
    {{"10.1 basic+ two_step moved"}, BASIC, 100, CHOICE_OUT, "the other subject's `out`s are not known"},
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
        {"10.1 moved", CHOICE_STAR, "moved: another's `out`s"},
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

/* ---- random histories ---- */

static uint64_t seed;

static unsigned random_below(unsigned bound)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)((seed >> 20) % bound);
}

static struct choice_record random_record(void)
{
    if (random_below(30) == 0)
        return (struct choice_record){.tombstone = random_below(2)};
    struct choice_record record = {
        .readable = true,
        .two_step = random_below(3) == 0,
        .asked = random_below(15) == 0,
        .closed = random_below(15) == 0,
        .moved = random_below(40) == 0,
        .had_out = random_below(15) == 0,
        .in_is_void = random_below(20) == 0,
        .effective_ms = random_below(6) * 10,
        .seq = random_below(3),
    };
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
};

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

static void model_newer(struct model *model, const struct choice_record *record)
{
    struct model before = *model;
    bool in_counts_at_all = !record->closed && !record->moved && !record->in_is_void;
    bool answers_out = record->two_step && !record->asked;
    for (int name = 0; name < MODEL_NAMES; name++) {
        bool mentions_in = says(record->in, name);
        bool counts = mentions_in && in_counts_at_all && (answers_out || !record->had_out) &&
                      (answers_out || !model_is_out(&before, name)) &&
                      !record_turns_successor_out(record, name);
        model->in[name] = counts;
        if (counts && before.out[name]) {
            model->was_out[name] = true;
            if (record->effective_ms > model->was_out_until)
                model->was_out_until = record->effective_ms;
        }
        model->out[name] = says(record->out, name) || (before.out[name] && !counts) ||
                           (record->had_out && mentions_in && !counts) || (record->moved && name == STAR);
        if (counts && answers_out)
            model->gave_up[name] = false;
        else if (counts)
            continue;
        else if (before.in[name] || (mentions_in && !in_counts_at_all))
            model->gave_up[name] = true;
    }
    model->ordered = true;
    model->two_step = record->two_step;
    model->effective = record->effective_ms;
    model->seq = record->seq;
}

static void model_equal(struct model *model, const struct choice_record *record)
{
    for (int name = 0; name < MODEL_NAMES; name++) {
        if (!says(record->in, name) || record_turns_out(record, name) || record->closed || record->moved ||
            record->in_is_void)
            model_drop_in(model, name);
        model->out[name] |= says(record->out, name) || (record->moved && name == STAR);
    }
    model->two_step = model->two_step && record->two_step;
}

static void model_older(struct model *model, const struct choice_record *record)
{
    for (int name = 0; name < MODEL_NAMES; name++) {
        bool out = says(record->out, name) || (record->moved && name == STAR);
        bool answered = model->two_step && model->in[name];
        if (!model->two_step && (record_turns_out(record, name) || record->closed || record->moved))
            model_drop_in(model, name);
        model->out[name] |= out && !answered;
        model->gave_up[name] |= says(record->in, name) && !model->in[name];
    }
}

static void model_apply(struct model *model, const struct choice_record *record)
{
    if (!record->readable) {
        for (int name = 0; name < MODEL_NAMES; name++)
            model_drop_in(model, name);
        model->out[STAR] = true;
        model->two_step = false;
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
        for (int64_t time = -5; time <= 65; time += 5) {
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
                    assert_true(record->in & (bit | CHOICE_STAR));
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
        struct model model = {0};
        unsigned steps = 1 + random_below(7);
        for (unsigned step = 0; step < steps; step++) {
            struct choice_record record = random_record();
            struct choice_state before = choices;
            choice_apply(&choices, &record, &names);
            model_apply(&model, &record);
            check_step(&before, &record, &choices);
            for (int programme = 0; programme < NAMES; programme++) {
                for (int64_t time = -5; time <= 65; time += 5) {
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
        cmocka_unit_test(choice_random_histories_agree_with_the_slow_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
