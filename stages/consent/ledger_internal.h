/*
 * The inside of a ledger, shared by ledger.c and ledger_snapshot.c. Nobody else includes this.
 */
#ifndef CLICKVEIL_STAGES_CONSENT_LEDGER_INTERNAL_H
#define CLICKVEIL_STAGES_CONSENT_LEDGER_INTERNAL_H

#include "common/consent_record.h"
#include "stages/consent/ledger.h"
#include "stages/consent/moves.h"

#include <stdatomic.h>

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
    struct ahead *ahead; /* AHEAD_MAX */
    size_t ahead_count, ahead_next;
    uint64_t to_come, entries_before; /* records of the first read; entries at its begin */
    uint64_t come;
    _Atomic uint64_t counters[COUNTERS];
    atomic_bool complete;
};

static inline uint64_t ledger_counter(const struct ledger *ledger, enum counter counter)
{
    return atomic_load_explicit(&ledger->counters[counter], memory_order_relaxed);
}

#endif
