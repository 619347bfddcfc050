/*
 * What a subject chose, and how one more consent record changes it (spec 3, "Choices" and rules 4, 5 and 10).
 *
 * Pure: no storage, no thread, no clock. choice_table keeps a struct choice_state per subject, consent_record makes a
 * struct choice_record from what stands in the topic, policy asks choice_answer.
 *
 * Choices are given by name. A name is a bit: the programmes of the configuration in their order, then the names of
 * predecessors that the configuration does not know itself, and at the end `*`, which is every name that a record
 * does not mention.
 *
 * Where the order of records does not decide alone, the answer is the one that lets less through.
 */
#ifndef CLICKVEIL_STAGES_CONSENT_CHOICE_H
#define CLICKVEIL_STAGES_CONSENT_CHOICE_H

#include "common/record.h"
#include "common/view.h"

#include <stdint.h>

/* Bits 0 to 14: names; CHOICE_STAR: `*`. The low bits are the same as in programme_set. */
typedef uint16_t choice_set;

#define CHOICE_STAR ((choice_set)0x8000)

enum {
    CHOICE_NAMES_MAX = 15,
};

#define CHOICE_EFFECTIVE_MS_MAX ((INT64_C(1) << 43) - 1) /* in the year 2248; kept in 44 bits */

/* The names that choices can be given for. */
struct choice_names {
    struct view names[CHOICE_NAMES_MAX];
    choice_set predecessors[CHOICE_NAMES_MAX]; /* of the name, and theirs, all the way; never itself */
    unsigned count;
};

/* The bit of a name, CHOICE_STAR for `*`, 0 for a name that nobody knows. */
choice_set choice_names_bit(const struct choice_names *names, struct view name);

/* One consent record's value as read. All zero is a record that cannot be read: `out` of everything. */
struct choice_record {
    bool readable;
    bool tombstone; /* no value: erasure, counts as `out` (rule 6) */
    bool two_step;  /* the subscriber's own confirmed act */
    bool asked;  /* an answer to a new question: needs 12 months after last_out, which later versions judge */
    bool closed; /* voids every `in`, keeps every `out` */
    bool moved;  /* names another subject, whose `out`s are not known here: `out` */
    bool had_out;    /* `last_out` says that there was one */
    bool in_is_void; /* a member that this version does not know could mean anything: `in` does not count */
    choice_set in, out;   /* disjoint */
    int64_t effective_ms; /* Unix epoch, 0 to CHOICE_EFFECTIVE_MS_MAX */
    int64_t seq;
};

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
    bool recorded;        /* a committed record of the operator made this entry */
    int64_t effective_ms, seq;
    int64_t before_until_ms;
    uint32_t pending_count; /* records behind `pending` */
};

/* Take in one committed record, at a higher offset than all before it. */
void choice_apply(struct choice_state *state, const struct choice_record *record,
                  const struct choice_names *names);

/* What a record takes away, whatever stood before: the `out`s that count as soon as they are read (rule 4). */
choice_set choice_outs(const struct choice_record *record);

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
