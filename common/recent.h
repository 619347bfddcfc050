/*
 * The ring of recent changes of a table: which keys had a change that takes something away, newest last (spec 3,
 * rule 3).
 *
 * A barrier compares it with the keys of an open batch. One writer, the thread that follows the table's topic; any
 * number of readers. A change is in the table before it is in the ring, so whoever takes a position first and looks
 * up afterwards either saw the change or finds it behind the position.
 */
#ifndef CLICKVEIL_COMMON_RECENT_H
#define CLICKVEIL_COMMON_RECENT_H

#include "common/view.h"

#include <stdatomic.h>
#include <stdint.h>

enum {
    RECENT_CHANGES = 1 << 18, /* kept; more than that during one transaction aborts it */
};

struct recent {
    _Atomic uint64_t head; /* changes so far */
    _Atomic uint64_t *tags;
    uint64_t size; /* a power of two */
};

/* size: changes kept, a power of two. False: memory is short. */
CLICKVEIL_MUST_CHECK bool recent_init(struct recent *recent, uint64_t size);
void recent_release(struct recent *recent); /* accepts zeroed memory */

/* Note a change of that key. The writer only. */
void recent_append(struct recent *recent, uint64_t tag);

/* Where the next change will stand. */
static inline uint64_t recent_position(const struct recent *recent)
{
    return atomic_load_explicit(&recent->head, memory_order_acquire);
}

/* Has a change from `position` on been overwritten? Whoever ends a visit early asks behind it: what was visited may have
 * been newer changes in the places of those that were meant. */
static inline bool recent_has_lost(const struct recent *recent, uint64_t position)
{
    return recent_position(recent) - position >= recent->size;
}

/* Visit the changes from `position` on until visit answers true. True when it did, or when changes from `position` on
 * are no longer there: nobody can say then. */
bool recent_any(const struct recent *recent, uint64_t position, bool (*visit)(void *context, uint64_t tag),
                void *context);

#endif
