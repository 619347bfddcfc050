/*
 * Design. A state keeps for every name what is in force, not the history. Three things make that enough:
 *
 * - `in`s belong to the newest record alone, since a newer record replaces the older one; so one time of effect and
 *   one two_step flag serve them all.
 * - `out`s are kept until an `in` answers them by name. An `in` after an `out` counts only as the subscriber's own
 *   confirmed act (two_step, rule 10); one that does not count leaves the `out` in force.
 * - An `in` bit is set only when it counts, so at a decision it stands above the `*` and the predecessors' `out`s
 *   that are left: those were there before it (and it is two_step), or in the same record, where the own name wins.
 *
 * An `in` that answers a question (asked) needs 12 months after the last `out`, so the time of that is kept too.
 *
 * A subject that took the place of another (moved_from) has that one's `out`s besides its own. Which of the two changed
 * last the topic does not say, since they stand in different partitions; so copying only ever adds, and what it must not
 * touch (names that the subject confirmed itself since the move) is told to it.
 *
 * `*` mentions no name: `*: in` leaves an `out` of a named programme in force. That is the stricter reading of "an
 * `out` which it does not mention stays".
 */
#include "stages/consent/choice.h"

_Static_assert(sizeof(struct choice_state) == 64, "choice_state_equal compares every field");

bool choice_state_equal(const struct choice_state *a, const struct choice_state *b)
{
    return a->out == b->out && a->in == b->in && a->before == b->before && a->withdrawn == b->withdrawn &&
           a->pending == b->pending && a->ordered == b->ordered && a->two_step == b->two_step &&
           a->signalled == b->signalled && a->signalled_ms == b->signalled_ms && a->asked == b->asked &&
           a->recorded == b->recorded && a->effective_ms == b->effective_ms && a->seq == b->seq &&
           a->before_until_ms == b->before_until_ms && a->last_out_ms == b->last_out_ms &&
           a->pending_count == b->pending_count;
}

/* The names for which the state says `out` to an event of any time, `*` being the names that nobody mentioned. */
static choice_set names_out(const struct choice_state *state, const struct choice_names *names)
{
    choice_set out = state->out;
    if (out & CHOICE_STAR)
        out |= (choice_set)~state->in;
    choice_set gone = state->out | state->withdrawn;
    if (state->withdrawn & CHOICE_STAR) /* an `in` of `*` was the predecessors' too */
        gone = (choice_set)~0;
    return out | (choice_names_successors(names, gone) & (choice_set)~state->in);
}

/* The names that a record itself turns to `out`: those it names, with `*` all that it does not name `in`, and the
 * successors of those it names (an `out` goes on to the successor). */
static choice_set names_turned_out(const struct choice_record *record, const struct choice_names *names)
{
    choice_set out = record->out;
    if (out & CHOICE_STAR)
        out |= (choice_set)~record->in;
    return out | choice_names_successors(names, record->out);
}

static void withdraw(struct choice_state *state, choice_set kept)
{
    state->withdrawn |= state->in & (choice_set)~kept;
    state->in &= kept;
}

/* Erased, or not to be understood: `out` of everything, whatever was newer (rules 5 and 6). After an erasure there is
 * no older record left to be newer than. */
static void apply_unreadable(struct choice_state *state, const struct choice_record *record)
{
    withdraw(state, 0);
    state->out |= CHOICE_STAR;
    state->two_step = false;
    state->last_out_ms = CHOICE_LAST_OUT_UNTIMED;
    if (record->tombstone)
        state->ordered = false;
}

/* An `in` of this record may end an `out` that was there before it (rule 10). */
static bool answers_out(const struct choice_state *state, const struct choice_record *record)
{
    if (!record->two_step || !record->asked)
        return record->two_step;
    if (!record->had_out && state->last_out_ms == 0)
        return !(state->out | state->withdrawn); /* an `in` taken back has no time */
    int64_t last_out_ms = state->last_out_ms;
    if (record->had_out && record->last_out_ms > last_out_ms)
        last_out_ms = record->last_out_ms;
    return record->effective_ms >= choice_ask_again_ms(last_out_ms);
}

/* An `in` counts unless an `out` came before it that it may not answer. */
static choice_set ins_that_count(const struct choice_state *state, const struct choice_record *record,
                                 const struct choice_names *names)
{
    if (record->in_is_void || record->closed || record->moved)
        return 0;
    bool answers = answers_out(state, record);
    if (record->had_out && !answers)
        return 0;
    choice_set in = record->in;
    if (!answers)
        in &= (choice_set)~names_out(state, names);
    return in & (choice_set)~choice_names_successors(names, record->out);
}

/* The stage saw an `out`, or is told of one. */
static void note_out(struct choice_state *state, const struct choice_record *record)
{
    int64_t last_out_ms = record->out ? record->effective_ms : 0;
    if (record->had_out && record->last_out_ms > last_out_ms)
        last_out_ms = record->last_out_ms;
    if ((record->out || record->had_out) && last_out_ms == 0)
        last_out_ms = 1; /* at or before 1970; 0 is none */
    if (last_out_ms > state->last_out_ms)
        state->last_out_ms = last_out_ms;
}

/* A reset forgets interests; the choices that it does not name stay (rule 10). */
static bool leaves_choices(const struct choice_record *record)
{
    return record->reset && !record->closed && !record->moved && !record->in_is_void;
}

static void apply_newer(struct choice_state *state, const struct choice_record *record,
                        const struct choice_names *names)
{
    bool answers = answers_out(state, record);
    choice_set given = ins_that_count(state, record, names), in = given;
    choice_set replaced = state->out & in;

    if (leaves_choices(record))
        in |= state->in & (choice_set) ~(names_turned_out(record, names) | record->in);
    choice_set taken_back = state->in & (choice_set)~in;
    if (record->closed || record->moved || record->in_is_void)
        taken_back |= record->in;
    if (answers) /* else the `in` counts, but successors stay without what was taken back */
        state->withdrawn &= (choice_set)~given;
    state->withdrawn |= taken_back;
    if (replaced) {
        state->before |= replaced;
        if (record->effective_ms > state->before_until_ms)
            state->before_until_ms = record->effective_ms;
    }
    state->out = (state->out & (choice_set)~in) | record->out;
    if (record->had_out) /* the `out` itself may be gone by compaction; its trace still forbids the `in` */
        state->out |= record->in & (choice_set)~in;
    state->in = in & (choice_set)~state->out;
    if (state->last_out_ms == CHOICE_LAST_OUT_UNTIMED && !state->out && record->effective_ms > 0)
        state->last_out_ms = record->effective_ms; /* answered: it was before this */
    note_out(state, record);
    state->two_step = record->two_step;
    state->asked = record->asked;
    state->ordered = true;
    state->effective_ms = record->effective_ms;
    state->seq = record->seq;
}

/* The same order: nobody can say which came first, so what one of them denies is denied. */
static void apply_equal(struct choice_state *state, const struct choice_record *record,
                        const struct choice_names *names)
{
    choice_set in = record->closed || record->moved || record->in_is_void ? 0 : record->in;
    state->out |= record->out;
    note_out(state, record);
    if (leaves_choices(record))
        in |= state->in & (choice_set)~record->in;
    withdraw(state, in & (choice_set)~names_turned_out(record, names));
    state->two_step &= record->two_step;
    state->asked |= record->asked;
}

/* Older at a higher offset: its `in`s are history. Its `out`s count unless the newer record is two_step and answers
 * them (rule 5). */
static void apply_older(struct choice_state *state, const struct choice_record *record,
                        const struct choice_names *names)
{
    choice_set out = record->out;
    note_out(state, record);
    if (state->two_step) {
        out &= (choice_set)~state->in;
    } else {
        withdraw(state, (choice_set)~names_turned_out(record, names));
        if (record->closed || record->moved)
            withdraw(state, 0);
    }
    state->out |= out;
    state->withdrawn |= record->in & (choice_set)~state->in;
}

static bool is_newer(const struct choice_state *state, const struct choice_record *record)
{
    return !state->ordered || record->effective_ms > state->effective_ms ||
           (record->effective_ms == state->effective_ms && record->seq > state->seq);
}

/* Who wrote what all records come to (rule 6) had seen every record before this one but those of the last moment: an
 * `out` that it neither holds nor names as answered is one of those, and stays. */
static void apply_merged_newer(struct choice_state *state, const struct choice_record *record,
                               const struct choice_names *names)
{
    const struct choice_merged *merged = &record->merged;
    choice_set unseen = state->out & (choice_set) ~(record->out | merged->before);
    choice_set turned = unseen | choice_names_successors(names, unseen);
    if (unseen & CHOICE_STAR)
        turned = (choice_set)~0;
    state->out = record->out | unseen;
    state->in = record->in & (choice_set) ~(state->out | turned);
    state->withdrawn = merged->withdrawn | (record->in & (choice_set)~state->in);
    state->before = merged->before;
    state->before_until_ms = merged->until_ms;
    if (!unseen || merged->last_out_ms > state->last_out_ms)
        state->last_out_ms = merged->last_out_ms;
    state->two_step = record->two_step && !unseen;
    state->asked = record->asked;
    state->ordered = true;
    state->effective_ms = record->effective_ms;
    state->seq = record->seq;
}

/* Again, or beside a record of the same order: what one of them denies is denied. */
static void apply_merged_again(struct choice_state *state, const struct choice_record *record)
{
    const struct choice_merged *merged = &record->merged;
    state->out |= record->out;
    withdraw(state, record->in & (choice_set)~state->out);
    state->withdrawn |= merged->withdrawn;
    state->before |= merged->before;
    if (merged->until_ms > state->before_until_ms)
        state->before_until_ms = merged->until_ms;
    if (merged->last_out_ms > state->last_out_ms)
        state->last_out_ms = merged->last_out_ms;
    state->two_step &= record->two_step;
    state->asked |= record->asked;
}

/* False: it is older than what is there, and an older record like any other. */
static bool apply_merged(struct choice_state *state, const struct choice_record *record,
                         const struct choice_names *names)
{
    if (is_newer(state, record))
        apply_merged_newer(state, record, names);
    else if (record->effective_ms == state->effective_ms && record->seq == state->seq)
        apply_merged_again(state, record);
    else
        return false;
    return true;
}

void choice_apply(struct choice_state *state, const struct choice_record *record,
                  const struct choice_names *names)
{
    state->recorded = true;
    if (!record->readable) {
        apply_unreadable(state, record);
        return;
    }
    if (record->merged.present && !record->in_is_void && apply_merged(state, record, names))
        return;
    if (is_newer(state, record))
        apply_newer(state, record, names);
    else if (record->effective_ms == state->effective_ms && record->seq == state->seq)
        apply_equal(state, record, names);
    else
        apply_older(state, record, names);
}

void choice_signal(struct choice_state *state, int64_t signal_ms)
{
    if (state->signalled && !state->signalled_ms)
        return; /* one that never yields is there already */
    bool first = !state->signalled;
    state->signalled = true;
    if (signal_ms <= 0)
        state->signalled_ms = 0;
    else if (first || signal_ms > state->signalled_ms)
        state->signalled_ms = signal_ms;
}

/* A stored signal yields only to an `in` that is newer and the subscriber's own confirmed act (rule 7); to the answer to a
 * question not at all, since a signal is an `out` too. */
static bool may_yield(const struct choice_state *state)
{
    return state->signalled_ms > 0 && state->ordered && state->two_step && !state->asked &&
           state->effective_ms > state->signalled_ms;
}

choice_set choice_confirmed(const struct choice_state *before, const struct choice_record *record,
                            const struct choice_names *names)
{
    if (!record->readable || !record->two_step || record->asked || !is_newer(before, record))
        return 0;
    return ins_that_count(before, record, names);
}

/* What it is out of, and what it was out of at the move: an `in` that came later is that subject's next holder's. */
static choice_set outs_at_move(const struct choice_state *from, const struct choice_move *move)
{
    choice_set outs = from->out;
    if (from->before_until_ms > move->effective_ms)
        outs |= from->before;
    return from->signalled ? outs | CHOICE_STAR : outs;
}

bool choice_inherit(struct choice_state *state, const struct choice_state *from,
                    const struct choice_move *move, const struct choice_names *names)
{
    struct choice_state before = *state;
    choice_set open = (choice_set)~move->confirmed;
    choice_set outs = outs_at_move(from, move), turned = outs | choice_names_successors(names, outs);
    if (outs & CHOICE_STAR)
        turned = (choice_set)~0;
    state->withdrawn |= from->withdrawn & open;
    withdraw(state, (choice_set) ~(turned & open));
    state->out |= outs & open;
    /* The `in` may have come before or after the `out` that it answers, as the topic is read: the stricter of both. */
    choice_set answered = outs & move->confirmed;
    if (answered) {
        state->before |= answered;
        if (move->confirmed_ms > state->before_until_ms)
            state->before_until_ms = move->confirmed_ms;
    }
    if (outs && from->last_out_ms > state->last_out_ms)
        state->last_out_ms = from->last_out_ms;
    return state->out != before.out || state->in != before.in || state->withdrawn != before.withdrawn ||
           state->before != before.before || state->before_until_ms != before.before_until_ms ||
           state->last_out_ms != before.last_out_ms;
}

bool choice_is_stricter(const struct choice_state *before, const struct choice_state *after)
{
    choice_set more =
        (after->out & (choice_set)~before->out) | (after->pending & (choice_set)~before->pending) |
        (after->withdrawn & (choice_set)~before->withdrawn) | (before->in & (choice_set)~after->in) |
        (after->before & (choice_set) ~(before->before | before->out));
    bool signal = after->signalled && !may_yield(after) && (!before->signalled || may_yield(before));
    return more || signal || (after->signalled && !before->signalled) ||
           (before->in && after->effective_ms > before->effective_ms) ||
           (before->before && after->before_until_ms > before->before_until_ms);
}

enum choice_answer choice_answer(const struct choice_state *state, choice_set programme,
                                 choice_set predecessors, int64_t time_ms)
{
    if (state->signalled &&
        !(may_yield(state) && (state->in & (programme | CHOICE_STAR)) && time_ms >= state->effective_ms))
        return CHOICE_OUT_BY_SIGNAL;
    choice_set out = state->out | state->pending;
    if (time_ms < state->before_until_ms)
        out |= state->before;
    if (out & programme)
        return CHOICE_OUT;

    bool in_holds = time_ms >= state->effective_ms;
    choice_set above = CHOICE_STAR | predecessors; /* what an `in` by name stands above, once committed */
    if ((state->in & programme) && in_holds && !(state->pending & above))
        return CHOICE_IN;
    if (out & CHOICE_STAR)
        return CHOICE_OUT;
    choice_set gone = out | state->withdrawn;
    if ((gone & predecessors) || (predecessors && (state->withdrawn & CHOICE_STAR)))
        return CHOICE_OUT_OF_PREDECESSOR;
    if (state->in & (programme | CHOICE_STAR))
        return in_holds ? CHOICE_IN : CHOICE_IN_LATER;
    return CHOICE_NONE;
}
