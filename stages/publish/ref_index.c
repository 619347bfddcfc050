#include "stages/publish/ref_index.h"

#include "common/error.h"
#include "common/pages.h"

#include <stdlib.h>

enum { CAPACITY_MIN = 256, LARGE_BYTES = 2 * 1024 * 1024 };

static void place(struct ref_index *index, struct ref_index_slot slot)
{
    uint32_t at = slot.hash & (index->capacity - 1);
    while (index->slots[at].reference)
        at = (at + 1) & (index->capacity - 1);
    index->slots[at] = slot;
}

/* A large index stands on huge pages: it is looked up at random. */
static bool is_large(uint32_t capacity)
{
    return capacity * sizeof(struct ref_index_slot) >= LARGE_BYTES;
}

static struct ref_index_slot *slots_new(uint32_t capacity)
{
    return is_large(capacity) ? pages_new(capacity * sizeof(struct ref_index_slot))
                              : calloc(capacity, sizeof(struct ref_index_slot));
}

static void slots_free(struct ref_index_slot *slots, uint32_t capacity)
{
    if (is_large(capacity))
        pages_free(slots, capacity * sizeof *slots);
    else
        free(slots);
}

static bool grow(struct ref_index *index)
{
    struct ref_index fresh = {.capacity = index->capacity ? index->capacity * 2 : CAPACITY_MIN,
                              .count = index->count};
    fresh.slots = fresh.capacity ? slots_new(fresh.capacity) : NULL;
    if (!fresh.slots)
        return false;
    for (uint32_t i = 0; i < index->capacity; i++) {
        if (index->slots[i].reference)
            place(&fresh, index->slots[i]);
    }
    slots_free(index->slots, index->capacity);
    *index = fresh;
    return true;
}

uint32_t ref_index_next(const struct ref_index *index, uint32_t hash, uint32_t *cursor)
{
    if (!index->capacity)
        return 0;
    uint32_t at = *cursor == UINT32_MAX ? hash : *cursor + 1;
    for (;; at++) {
        at &= index->capacity - 1;
        const struct ref_index_slot *slot = &index->slots[at];
        if (!slot->reference)
            return 0;
        if (slot->hash == hash) {
            *cursor = at;
            return slot->reference;
        }
    }
}

uint32_t ref_index_next_any(const struct ref_index *index, uint32_t *cursor)
{
    uint32_t reference = 0;
    for (uint32_t at = *cursor + 1; at < index->capacity && !reference; at++) {
        reference = index->slots[at].reference;
        *cursor = at;
    }
    return reference;
}

bool ref_index_add(struct ref_index *index, uint32_t hash, uint32_t reference)
{
    /* at most three quarters full, so that an empty slot ends every walk soon */
    if (index->count >= index->capacity / 4 * 3 && !grow(index))
        return false;
    place(index, (struct ref_index_slot){hash, reference});
    index->count++;
    return true;
}

void ref_index_remove(struct ref_index *index, uint32_t hash, uint32_t reference)
{
    uint32_t mask = index->capacity - 1;
    uint32_t hole = hash & mask;
    while (index->slots[hole].reference != reference || index->slots[hole].hash != hash) {
        ensure(index->slots[hole].reference);
        hole = (hole + 1) & mask;
    }
    /* close the gap: whoever stands behind it and would be searched from before it moves up */
    for (uint32_t at = (hole + 1) & mask; index->slots[at].reference; at = (at + 1) & mask) {
        uint32_t home = index->slots[at].hash & mask;
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            index->slots[hole] = index->slots[at];
            hole = at;
        }
    }
    index->slots[hole] = (struct ref_index_slot){0};
    index->count--;
}

size_t ref_index_bytes(const struct ref_index *index)
{
    return index->capacity * sizeof *index->slots;
}

void ref_index_release(struct ref_index *index)
{
    slots_free(index->slots, index->capacity);
    *index = (struct ref_index){0};
}
