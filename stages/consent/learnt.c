/*
 * A slot's tag is put there by compare and swap, so two workers that learn of one subject at once may take two slots
 * of its set: both are in force, both are removed, and the record is written twice with the same key, which is one
 * record after compaction.
 */
#include "stages/consent/learnt.h"

#include <stdlib.h>

enum state {
    UNWRITTEN = 0, /* in force; its record is not in any transaction */
    WRITTEN,       /* in an open or a committed one */
};

bool learnt_init(struct learnt *learnt)
{
    *learnt = (struct learnt){.tags = calloc((size_t)LEARNT_SETS * LEARNT_WAYS, sizeof *learnt->tags),
                              .states = calloc((size_t)LEARNT_SETS * LEARNT_WAYS, sizeof *learnt->states)};
    return learnt->tags && learnt->states;
}

void learnt_release(struct learnt *learnt)
{
    free((void *)learnt->tags);
    free((void *)learnt->states);
    *learnt = (struct learnt){0};
}

static uint32_t first_of(uint64_t tag)
{
    return (uint32_t)(tag >> 32) % LEARNT_SETS * LEARNT_WAYS;
}

/* Of a subject that is there: does the caller write it? */
static enum learnt_answer claim(struct learnt *learnt, uint32_t slot, uint32_t *out_slot)
{
    uint8_t unwritten = UNWRITTEN;
    if (!atomic_compare_exchange_strong(&learnt->states[slot], &unwritten, WRITTEN))
        return LEARNT_KNOWN;
    *out_slot = slot;
    return LEARNT_WRITE;
}

enum learnt_answer learnt_add(struct learnt *learnt, uint64_t tag, uint32_t *out_slot)
{
    tag += !tag;
    uint32_t first = first_of(tag);
    for (uint32_t slot = first; slot < first + LEARNT_WAYS; slot++) {
        if (atomic_load(&learnt->tags[slot]) == tag)
            return claim(learnt, slot, out_slot);
    }
    for (uint32_t slot = first; slot < first + LEARNT_WAYS; slot++) {
        uint64_t free_tag = 0;
        if (!atomic_compare_exchange_strong(&learnt->tags[slot], &free_tag, tag))
            continue;
        atomic_fetch_add(&learnt->count, 1);
        return claim(learnt, slot, out_slot);
    }
    return LEARNT_FULL;
}

void learnt_close(struct learnt *learnt, uint32_t slot, bool committed)
{
    if (!committed)
        atomic_store(&learnt->states[slot], UNWRITTEN);
}

void learnt_remove(struct learnt *learnt, uint64_t tag)
{
    tag += !tag;
    if (atomic_load(&learnt->count) == 0)
        return;
    uint32_t first = first_of(tag);
    for (uint32_t slot = first; slot < first + LEARNT_WAYS; slot++) {
        if (atomic_load(&learnt->tags[slot]) != tag)
            continue;
        atomic_store(&learnt->states[slot], UNWRITTEN);
        atomic_fetch_sub(&learnt->count, 1);
        atomic_store(&learnt->tags[slot], 0);
    }
}

bool learnt_find(const struct learnt *learnt, uint64_t tag)
{
    tag += !tag;
    uint32_t first = first_of(tag);
    for (uint32_t slot = first; slot < first + LEARNT_WAYS; slot++) {
        if (atomic_load_explicit(&learnt->tags[slot], memory_order_acquire) == tag)
            return true;
    }
    return false;
}
