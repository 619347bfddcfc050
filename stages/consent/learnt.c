/*
 * A slot's tag is put there by compare and swap, so two workers that learn of one subject at once may take two slots
 * of its set: both are in force, both are removed, and the record is written twice with the same key, which is one
 * record after compaction.
 *
 * Beside the tag stands a note: the time of the newest signal, and whether its record is in a transaction. The follower
 * takes the note away before the tag, in one exchange, so a worker that brings a newer signal at that moment either
 * changed the note first, and then the slot stays, or finds none, and takes a slot of its own. A tag without a note is in
 * force too, for that moment.
 */
#include "stages/consent/learnt.h"

#include <stdlib.h>

/* A note: time << 2, and these. 0: none. */
enum {
    NOTED = 1,
    WRITTEN = 2, /* its record is in an open or a committed transaction */
};

static uint64_t note_of(int64_t signal_ms, unsigned flags)
{
    return (uint64_t)signal_ms << 2 | flags;
}

static int64_t time_of(uint64_t note)
{
    return (int64_t)(note >> 2);
}

bool learnt_init(struct learnt *learnt)
{
    *learnt = (struct learnt){.tags = calloc((size_t)LEARNT_SETS * LEARNT_WAYS, sizeof *learnt->tags),
                              .notes = calloc((size_t)LEARNT_SETS * LEARNT_WAYS, sizeof *learnt->notes)};
    return learnt->tags && learnt->notes;
}

void learnt_release(struct learnt *learnt)
{
    free((void *)learnt->tags);
    free((void *)learnt->notes);
    *learnt = (struct learnt){0};
}

static uint32_t first_of(uint64_t tag)
{
    return (uint32_t)(tag >> 32) % LEARNT_SETS * LEARNT_WAYS;
}

/* Of a subject that is there: does the caller write it? False: it is being taken out. */
static bool claim(struct learnt *learnt, uint32_t slot, int64_t slack_ms, int64_t *signal_ms,
                  enum learnt_answer *out_answer)
{
    uint64_t note = atomic_load(&learnt->notes[slot]);
    while (note) {
        int64_t newest_ms = time_of(note);
        if ((note & WRITTEN) && *signal_ms - newest_ms <= slack_ms) {
            *out_answer = LEARNT_KNOWN;
            return true;
        }
        if (*signal_ms > newest_ms)
            newest_ms = *signal_ms;
        if (!atomic_compare_exchange_weak(&learnt->notes[slot], &note, note_of(newest_ms, NOTED | WRITTEN)))
            continue;
        *signal_ms = newest_ms;
        *out_answer = LEARNT_WRITE;
        return true;
    }
    return false;
}

enum learnt_answer learnt_add(struct learnt *learnt, uint64_t tag, int64_t slack_ms, int64_t *signal_ms,
                              uint32_t *out_slot)
{
    tag += !tag;
    uint32_t first = first_of(tag);
    for (uint32_t slot = first; slot < first + LEARNT_WAYS; slot++) {
        enum learnt_answer answer;
        *out_slot = slot;
        if (atomic_load(&learnt->tags[slot]) == tag && claim(learnt, slot, slack_ms, signal_ms, &answer))
            return answer;
    }
    for (uint32_t slot = first; slot < first + LEARNT_WAYS; slot++) {
        uint64_t free_tag = 0;
        if (!atomic_compare_exchange_strong(&learnt->tags[slot], &free_tag, tag))
            continue;
        atomic_store(&learnt->notes[slot], note_of(*signal_ms, NOTED | WRITTEN));
        atomic_fetch_add(&learnt->count, 1);
        *out_slot = slot;
        return LEARNT_WRITE;
    }
    return LEARNT_FULL;
}

void learnt_close(struct learnt *learnt, uint32_t slot, bool committed)
{
    if (!committed)
        atomic_fetch_and(&learnt->notes[slot], ~(uint64_t)WRITTEN);
}

void learnt_remove(struct learnt *learnt, uint64_t tag, int64_t shown_ms)
{
    tag += !tag;
    if (atomic_load(&learnt->count) == 0)
        return;
    uint32_t first = first_of(tag);
    for (uint32_t slot = first; slot < first + LEARNT_WAYS; slot++) {
        if (atomic_load(&learnt->tags[slot]) != tag)
            continue;
        uint64_t note = atomic_load(&learnt->notes[slot]);
        while (note && (shown_ms == 0 || time_of(note) <= shown_ms)) {
            if (!atomic_compare_exchange_weak(&learnt->notes[slot], &note, 0))
                continue;
            atomic_store(&learnt->tags[slot], 0);
            atomic_fetch_sub(&learnt->count, 1);
            break;
        }
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
