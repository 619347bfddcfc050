/*
 * One consent record's value, read: what a subject chose, by name, and what the record takes away (spec 3).
 *
 * consent_record makes it from what stands in the topic. The consent stage puts the records of a subject together
 * (stages/consent/choice.h); pseudonymize asks of each record alone what it takes back (spec 3, rule 9).
 *
 * Choices are given by name. A name is a bit: the programmes of the configuration in their order, then the names of
 * predecessors that the configuration does not know itself, and at the end `*`, which is every name that a record
 * does not mention.
 */
#ifndef CLICKVEIL_COMMON_CHOICE_RECORD_H
#define CLICKVEIL_COMMON_CHOICE_RECORD_H

#include "common/config.h"
#include "common/error.h"
#include "common/record.h"
#include "common/view.h"

/* Bits 0 to 14: names; CHOICE_STAR: `*`. The low bits are the same as in programme_set. */
typedef uint16_t choice_set;

#define CHOICE_STAR ((choice_set)0x8000)

enum {
    CHOICE_NAMES_MAX = 15,
};

#define CHOICE_EFFECTIVE_MS_MAX ((INT64_C(1) << 43) - 1) /* in the year 2248; kept in 44 bits */

/* ---- names ---- */

/* The names that choices can be given for. */
struct choice_names {
    struct view names[CHOICE_NAMES_MAX];
    choice_set predecessors[CHOICE_NAMES_MAX]; /* of the name, and theirs, all the way; never itself */
    unsigned count;
};

/* The names of a configuration's programmes and their predecessors; they borrow the configuration's memory. Fails with
 * EXIT_STATUS_CONFIGURATION: a name twice, or more than CHOICE_NAMES_MAX together. */
CLICKVEIL_MUST_CHECK bool choice_names_compile(const struct config *config, struct choice_names *out_names,
                                               struct error *error);

/* The bit of a name, CHOICE_STAR for `*`, 0 for a name that nobody knows. */
choice_set choice_names_bit(const struct choice_names *names, struct view name);

/* The names, `*` among them never, that have one of `gone` among their predecessors. */
choice_set choice_names_successors(const struct choice_names *names, choice_set gone);

/* ---- records ---- */

/* Of a record in which clickveil wrote again what all records of a subject come to (rule 6): what the choices, the
 * order and the confirmation of one record can't say. */
struct choice_merged {
    bool present;
    choice_set before;    /* `out`s that an `in` replaced, in force for events before until_ms */
    choice_set withdrawn; /* `in`s that were taken back */
    int64_t until_ms;     /* Unix epoch, 0 to CHOICE_EFFECTIVE_MS_MAX */
    int64_t last_out_ms;  /* of the newest `out`; 0: none */
};

/* One consent record's value as read. All zero is a record that cannot be read: `out` of everything. */
struct choice_record {
    bool readable;
    bool tombstone; /* no value: erasure, counts as `out` (rule 6) */
    bool two_step;  /* the subscriber's own confirmed act */
    bool asked;     /* an answer to a new question: its `in` needs 12 months after the last `out` (rule 10) */
    bool closed;    /* voids every `in`, keeps every `out` */
    bool moved;     /* names another subject, whose `out`s are this one's too */
    bool reset;     /* forgets interests; no choice */
    bool had_out;   /* `last_out` says that there was one, at last_out_ms */
    bool in_is_void; /* a member that this version does not know could mean anything: `in` does not count */
    choice_set in, out;   /* disjoint */
    int64_t effective_ms; /* Unix epoch, 0 to CHOICE_EFFECTIVE_MS_MAX */
    int64_t seq;
    int64_t last_out_ms; /* Unix epoch, 0 to CHOICE_EFFECTIVE_MS_MAX; 0 without had_out */
    struct choice_merged merged;
};

/* The moment from which somebody may be asked again whose last `out` was at last_out_ms: 12 months later (spec 3,
 * rule 10; Cal. Civ. Code 1798.135(c)(4)). The same day and time of the next year, UTC; of 29 February 1 March. */
int64_t choice_ask_again_ms(int64_t last_out_ms);

/* What a record takes away whatever stood before, as names: the `out`s that count as soon as they are read (rule 4). Of
 * a record that names another subject everything, until somebody has looked that subject up. */
choice_set choice_record_outs(const struct choice_record *record);

/* ---- what one record alone does to what was published (rule 9) ---- */

/* What of the programmes is needed for that. */
struct choice_programmes {
    struct choice_names names;
    unsigned count;                     /* of the configuration: bits 0 to count - 1 */
    programme_set opt_in;               /* those whose own regime is opt_in */
    programme_set opt_in_somewhere;     /* those, and those that have a region under opt_in */
    programme_set in_by[SUBJECT_KINDS]; /* those that take an `in` from this kind of subject */
};

/* Borrows the configuration's memory; fails as choice_names_compile does. */
CLICKVEIL_MUST_CHECK bool choice_programmes_compile(const struct config *config,
                                                    struct choice_programmes *out_programmes,
                                                    struct error *error);

/* By programme. The sets may overlap. */
struct choice_effect {
    programme_set
        out; /* the record says `out`: by name, by `*`, by being unreadable, or because a predecessor's `out`, or
                * `in` that was taken back, goes on */
    programme_set lapsed; /* an `in` that may have stood before does not any more */
    programme_set moved;  /* `out` if the other subject is, whom only the table knows */
    programme_set reset;  /* interests are to be forgotten, and it is no `out` */
};

/* What a record does, asking no table (which may be ahead of it). A stored signal (signal:...) is a record of all
 * zeros. What was published for out, lapsed, moved and reset is to be taken back; over files, where nothing was
 * published before, only a subject's last record's `out` matters.
 *
 * `lapsed` holds the programmes under opt_in of their own for whom the record, of a subject that may say `in`, gives
 * none that can count. A programme that is opt_out, with opt_in in some regions, is in it only where the record speaks
 * of it (an `in` for it that cannot count, `closed`, or `merged.withdrawn`): records have no region, so a record about
 * another programme would take back what everybody else is enrolled in. Of somebody who had said `in`, the record that
 * clickveil writes again behind it names what was taken back (rule 6), and so do the successors of a programme whose
 * `in` was. The caller sets in_is_void where `merged` is not clickveil's. Pure; any thread. */
void choice_record_effect(const struct choice_record *record, enum subject_kind subject,
                          const struct choice_programmes *programmes, struct choice_effect *out_effect);

/* Everything that a record takes back. */
static inline programme_set choice_effect_all(const struct choice_effect *effect)
{
    return effect->out | effect->lapsed | effect->moved | effect->reset;
}

#endif
