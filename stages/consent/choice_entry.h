/*
 * One subject's choices in five words that one thread writes while others read, without locks (choice_table.h).
 *
 * A decision needs three of the words, so a reader can come between two stores. The writer's order and the reader's
 * order are chosen so that what such a reader puts together allows nothing that neither the old nor the new choices
 * allow: the writer first stores what can only take away (a later time of effect, the end of earlier `out`s, bits of
 * uncommitted ones), then the sets, then takes away the bits that the sets now have; the reader takes the uncommitted
 * bits first, then the sets, then the times. Both are written as numbered steps, so that a test can put every reading
 * between every two of them.
 *
 * What two changes within one reading would show is left to the barrier: the second came after the reading began.
 */
#ifndef CLICKVEIL_STAGES_CONSENT_CHOICE_ENTRY_H
#define CLICKVEIL_STAGES_CONSENT_CHOICE_ENTRY_H

#include "stages/consent/choice.h"

#include <stdatomic.h>

struct choice_entry {
    _Atomic uint64_t sets;    /* out, in, before, withdrawn: 16 bits each */
    _Atomic uint64_t time;    /* effective_ms: 44 bits; flags: 4; pending: 16 */
    _Atomic uint64_t until;   /* before_until_ms: 44 bits; pending_count: 20 */
    int64_t seq, last_out_ms; /* the writer's own */
    uint64_t tag;             /* choice_table's; written before readers can find the entry */
};

enum {
    CHOICE_ENTRY_PENDING_MAX = (1 << 20) - 1, /* largest pending_count */
    CHOICE_ENTRY_STORE_STEPS = 4,
    CHOICE_ENTRY_READ_STEPS = 4,
};

/* ---- the writer ---- */

void choice_entry_load(const struct choice_entry *entry, struct choice_state *out_state);
void choice_entry_store(struct choice_entry *entry, const struct choice_state *state);

/* One of the stores of choice_entry_store, from step 0 on. */
void choice_entry_store_step(struct choice_entry *entry, const struct choice_state *state, unsigned step);

/* ---- readers ---- */

struct choice_words {
    uint64_t time_first, sets, time_last, until;
};

/* One of the loads of a reading, from step 0 on. */
static inline void choice_entry_read_step(const struct choice_entry *entry, unsigned step,
                                          struct choice_words *words)
{
    switch (step) {
    case 0:
        words->time_first = atomic_load_explicit(&entry->time, memory_order_acquire);
        break;
    case 1:
        words->sets = atomic_load_explicit(&entry->sets, memory_order_acquire);
        break;
    case 2:
        words->time_last = atomic_load_explicit(&entry->time, memory_order_relaxed);
        break;
    default:
        words->until = atomic_load_explicit(&entry->until, memory_order_relaxed);
        break;
    }
}

/* What was read. seq, ordered, two_step and pending_count, which only the writer needs, are zero. */
void choice_words_unpack(const struct choice_words *words, struct choice_state *out_state);

static inline void choice_entry_read(const struct choice_entry *entry, struct choice_state *out_state)
{
    struct choice_words words;
    for (unsigned step = 0; step < CHOICE_ENTRY_READ_STEPS; step++)
        choice_entry_read_step(entry, step, &words);
    choice_words_unpack(&words, out_state);
}

#endif
