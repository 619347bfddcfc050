/*
 * What a subject chose, and how one more consent record changes it (spec 3, "Choices" and rules 4, 5 and 10).
 *
 * Pure: no storage, no thread, no clock. choice_table keeps a struct choice_state per subject, common/consent_record
 * makes a struct choice_record from what stands in the topic, policy asks choice_answer.
 *
 * Where the order of records does not decide alone, the answer is the one that lets less through.
 */
#ifndef CLICKVEIL_STAGES_CONSENT_CHOICE_H
#define CLICKVEIL_STAGES_CONSENT_CHOICE_H

#include "common/choice_record.h"

/* There was an `out` of an unknown time: of a record that cannot be read, or of an erasure. */
#define CHOICE_LAST_OUT_UNTIMED CHOICE_EFFECTIVE_MS_MAX

/* What all records of a subject so far come to. All zero: nothing chosen. */
struct choice_state {
    choice_set out;       /* in force for every event, whatever its time */
    choice_set in;        /* of the newest record; for events from effective_ms on; disjoint from out */
    choice_set before;    /* `out`s that an `in` replaced: in force for events before before_until_ms */
    choice_set withdrawn; /* `in`s that a newer record took back; matter to successors only */
    choice_set pending;   /* `out`s of records that are not committed yet */
    bool ordered;         /* effective_ms and seq are those of a record; else any record is newer */
    bool two_step;        /* the newest record is */
    bool signalled;       /* a stored signal says `out` of everything (rule 7) */
    bool asked;           /* the newest record answers a question that was put again (rule 10) */
    bool recorded;        /* a committed record of the operator made this entry */
    int64_t effective_ms, seq;
    int64_t before_until_ms;
    int64_t signalled_ms;   /* of the newest stored signal, where it may yield to an `in`; 0: it never does */
    int64_t last_out_ms;    /* the writer's own: of the newest `out`; 0: none; CHOICE_LAST_OUT_UNTIMED */
    uint32_t pending_count; /* records behind `pending` */
};

/* Every field is the same. The table relies on it (choice_entry.c): a field that is added is compared here, and subjects
 * that have it are kept in the table's larger form. */
bool choice_state_equal(const struct choice_state *a, const struct choice_state *b);

/* Take in one committed record, at a higher offset than all before it. */
void choice_apply(struct choice_state *state, const struct choice_record *record,
                  const struct choice_names *names);

/* Take in a stored signal. signal_ms: its time, where signals may yield (signals.yield) and it says so; else 0. Signals have
 * keys of their own, so they come in any order, before or after the records. */
void choice_signal(struct choice_state *state, int64_t signal_ms);

/* The names for which this record's `in`s are the subscriber's confirmed act and count, asked after a move (struct
 * choice_move): an `out` of the other subject does not touch them. before: the state that the record came to. */
choice_set choice_confirmed(const struct choice_state *before, const struct choice_record *record,
                            const struct choice_names *names);

/* A subject took the place of another (moved_from). */
struct choice_move {
    int64_t effective_ms;
    choice_set
        confirmed; /* names that the subject itself confirmed since: choice_confirmed of its later records */
    int64_t
        confirmed_ms; /* when the newest of those takes effect; until then an `out` of the other subject holds */
};

/* Copy what another subject is out of, and what it was out of at the move, and never an `in` (rule 10). Monotone: done
 * again, in whatever order, it comes to the same; so it may be done whenever the other subject changes. Returns whether
 * anything changed. */
CLICKVEIL_MUST_CHECK bool choice_inherit(struct choice_state *state, const struct choice_state *from,
                                         const struct choice_move *move, const struct choice_names *names);

/* Could a decision that `before` allowed be denied under `after`? Errs to true. */
bool choice_is_stricter(const struct choice_state *before, const struct choice_state *after);

enum choice_answer {
    CHOICE_UNKNOWN = 0, /* denies */
    CHOICE_OUT,
    CHOICE_OUT_BY_SIGNAL,
    CHOICE_OUT_OF_PREDECESSOR,
    CHOICE_NONE,
    CHOICE_IN_LATER, /* `in`, but the event was before it */
    CHOICE_IN,
};

/* What a subject says to one programme about an event of time_ms. programme: its one bit; predecessors: of it. */
enum choice_answer choice_answer(const struct choice_state *state, choice_set programme,
                                 choice_set predecessors, int64_t time_ms);

#endif
