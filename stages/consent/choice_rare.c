#include "stages/consent/choice_rare.h"

#include <stdlib.h>

struct choice_rare_slot {
    struct choice_state state;
    uint64_t dropped_at;
    uint32_t next; /* free or dropped: number of the next, 0: none */
};

bool choice_rare_init(struct choice_rare *rare, struct choice_holds *holds)
{
    *rare = (struct choice_rare){.chunks = calloc(CHOICE_RARE_CHUNKS, sizeof *rare->chunks), .holds = holds};
    return rare->chunks;
}

void choice_rare_release(struct choice_rare *rare)
{
    for (uint32_t i = 0; rare->chunks && i < rare->made / CHOICE_RARE_CHUNK; i++)
        free(rare->chunks[i]);
    free(rare->chunks);
    *rare = (struct choice_rare){0};
}

/* ---- the writer ---- */

static struct choice_rare_slot *slot_of(const struct choice_rare *rare, uint32_t number)
{
    return &rare->chunks[(number - 1) / CHOICE_RARE_CHUNK][(number - 1) % CHOICE_RARE_CHUNK];
}

static bool make_chunk(struct choice_rare *rare)
{
    uint32_t chunk = rare->made / CHOICE_RARE_CHUNK;
    if (chunk == CHOICE_RARE_CHUNKS - 1)
        return false;
    rare->chunks[chunk] = calloc(CHOICE_RARE_CHUNK, sizeof *rare->chunks[chunk]);
    if (!rare->chunks[chunk])
        return false;
    rare->made += CHOICE_RARE_CHUNK;
    for (uint32_t number = rare->made; number > rare->made - CHOICE_RARE_CHUNK; number--) {
        slot_of(rare, number)->next = rare->free_first;
        rare->free_first = number;
    }
    return true;
}

bool choice_rare_put(struct choice_rare *rare, const struct choice_state *state, uint32_t *out_number)
{
    if (!rare->free_first)
        choice_rare_reclaim(rare);
    if (!rare->free_first && !make_chunk(rare))
        return false;
    uint32_t number = rare->free_first;
    struct choice_rare_slot *slot = slot_of(rare, number);
    rare->free_first = slot->next;
    slot->state = *state;
    rare->used++;
    *out_number = number;
    return true;
}

void choice_rare_drop(struct choice_rare *rare, uint32_t number)
{
    struct choice_rare_slot *slot = slot_of(rare, number);
    slot->next = 0;
    slot->dropped_at = choice_holds_drop(rare->holds);
    if (rare->dropped_last)
        slot_of(rare, rare->dropped_last)->next = number;
    else
        rare->dropped_first = number;
    rare->dropped_last = number;
    rare->used--;
}

void choice_rare_reclaim(struct choice_rare *rare)
{
    if (!rare->dropped_first || rare->keeps_dropped)
        return;
    uint64_t earliest = choice_holds_earliest(rare->holds);
    while (rare->dropped_first) {
        uint32_t number = rare->dropped_first;
        struct choice_rare_slot *slot = slot_of(rare, number);
        if (slot->dropped_at >= earliest)
            return;
        rare->dropped_first = slot->next;
        slot->next = rare->free_first;
        rare->free_first = number;
    }
    rare->dropped_last = 0;
}

uint64_t choice_rare_bytes(const struct choice_rare *rare)
{
    return rare->made * sizeof(struct choice_rare_slot);
}

/* ---- readers ---- */

const struct choice_state *choice_rare_at(const struct choice_rare *rare, uint32_t number)
{
    return &slot_of(rare, number)->state;
}
