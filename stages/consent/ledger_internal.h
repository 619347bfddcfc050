/*
 * The inside of a ledger, shared by ledger.c, ledger_moves.c and ledger_snapshot.c. Nobody else includes this.
 */
#ifndef CLICKVEIL_STAGES_CONSENT_LEDGER_INTERNAL_H
#define CLICKVEIL_STAGES_CONSENT_LEDGER_INTERNAL_H

#include "common/consent_record.h"
#include "stages/consent/ledger.h"
#include "stages/consent/moves.h"

#include <stdatomic.h>

enum {
    LEDGER_PREPARED = 8,                /* records that are prepared at once; CHOICE_APPROACH_MAX at most */
    LEDGER_AHEAD = 2 * LEDGER_PREPARED, /* those that are applied, and those after them */
};

/* A record that comes soon. */
struct ahead {
    int64_t offset;
    int32_t partition;
    bool hashed;
    struct pseudonym pseudonym; /* only where hashed */
    struct consent_key key;
};

struct pending_record {
    int64_t offset;
    struct pseudonym pseudonym; /* entries move when the table grows */
};

struct partition {
    int64_t committed_next;         /* first offset that the committed view has not taken in */
    int64_t uncommitted_next;       /* the same of the uncommitted view */
    struct pending_record *pending; /* ring of pending_size, a power of two */
    size_t pending_first, pending_count, pending_size;
};

enum counter {
    COUNTER_RECORDS,
    COUNTER_RECORDED, /* entries that a record made, committed */
    COUNTER_PENDING,
    COUNTER_UNREADABLE,
    COUNTER_TOMBSTONES,
    COUNTER_IGNORED,
    COUNTER_UNKNOWN_NAMES,
    COUNTER_IN_VOID,
    COUNTER_SIGNALS,
    COUNTER_HASHES,
    COUNTER_LINKS,
    COUNTER_META,
    COUNTER_LIMITED,
    COUNTERS,
};

struct ledger {
    struct ledger_setup setup;
    struct consent_reader *reader;
    struct choice_table *table, *erased;
    struct loose loose;
    struct learnt learnt;
    bool erased_is_next; /* of a snapshot: the table is written */
    struct recent recent;
    struct brake brake;
    struct moves moves;
    struct partition *partitions;
    size_t partition_count;
    uint64_t pending_records;
    const struct followed_record *shown; /* what comes next */
    size_t shown_count, prepared, taken; /* the next of them to be prepared, and to be applied */
    struct ahead ahead[LEDGER_AHEAD];    /* ring */
    uint64_t to_come, entries_before;    /* records of the first read; entries at its begin */
    uint64_t come;
    _Atomic uint64_t counters[COUNTERS];
    atomic_bool complete;
};

/* ---- ledger.c ---- */

void ledger_count(struct ledger *ledger, enum counter counter, uint64_t more);

/* The entry of a subject that has one. */
struct choice_handle ledger_entry_of(struct ledger *ledger, const struct pseudonym *pseudonym,
                                     struct choice_state *out_state);

/* Store what is new, and tell the barrier. */
void ledger_store(struct ledger *ledger, struct choice_handle entry, const struct pseudonym *pseudonym,
                  const struct choice_state *before, const struct choice_state *after, unsigned author);

/* Stop because of a record, unless the operator has acknowledged it. */
bool ledger_refuse(struct ledger *ledger, const struct followed_record *record, enum exit_status exit_status,
                   const char *what, const char *action, struct error *error);

/* What the tombstone said still holds: the table may not have seen it, nor that it took every `in` back. */
void ledger_add_erasure(struct choice_state *state);

/* What the tag stands for is as it should be in the topic; or the keeper is to look at that record. */
CLICKVEIL_MUST_CHECK bool ledger_settle_or_note(struct ledger *ledger, const struct followed_record *record,
                                                uint64_t tag, bool stands, struct error *error);

/* ---- ledger_moves.c ---- */

/* Copy along the moves that are queued. with_pending: of somebody whose move has just become known the uncommitted `out`s
 * count too; later ones come by themselves. Should they be aborted, it errs on the side of `out`. */
void ledger_inherit(struct ledger *ledger, bool with_pending);

/* The record says `moved_from`. before: what `to`, whose pseudonym and key these are, was before it. */
CLICKVEIL_MUST_CHECK bool ledger_add_move(struct ledger *ledger, const struct followed_record *record,
                                          const struct consent_key *key, const struct consent_value *value,
                                          const struct choice_state *before, const struct pseudonym *to,
                                          struct error *error);

CLICKVEIL_MUST_CHECK bool ledger_apply_link(struct ledger *ledger, const struct followed_record *record,
                                            const struct consent_key *key, struct error *error);

static inline uint64_t ledger_counter(const struct ledger *ledger, enum counter counter)
{
    return atomic_load_explicit(&ledger->counters[counter], memory_order_relaxed);
}

#endif
