#include "stages/publish/slab.h"

#include <stdlib.h>

enum { CHUNK_SIZE = SLAB_CHUNK_UNITS * SLAB_UNIT_SIZE };

void slab_init(struct slab *slab, size_t own_size, struct slab_budget *budget)
{
    uint32_t own_units = (uint32_t)((own_size + SLAB_UNIT_SIZE - 1) / SLAB_UNIT_SIZE);
    ensure(own_units >= 1 && own_units <= SLAB_UNITS_MAX);
    *slab = (struct slab){.own_units = own_units, .next_unit = SLAB_CHUNK_UNITS, .budget = budget};
}

unsigned slab_class(unsigned count)
{
    ensure(count >= 1 && count <= SLAB_UNITS_MAX);
    unsigned size_class = 0;
    while (1u << size_class < count)
        size_class++;
    return size_class;
}

static uint32_t units_of(const struct slab *slab, unsigned size_class)
{
    ensure(size_class < SLAB_CLASSES);
    return size_class == SLAB_CLASS_OWN ? slab->own_units : 1u << size_class;
}

/* A chunk more. The rest of the one before becomes free single units, so that nothing is lost. */
static bool grow(struct slab *slab)
{
    if (slab->budget->max - slab->budget->used < CHUNK_SIZE ||
        slab->chunk_count == UINT32_MAX / SLAB_CHUNK_UNITS)
        return false;
    if (slab->chunk_count == slab->chunk_capacity) {
        uint32_t capacity = slab->chunk_capacity ? slab->chunk_capacity * 2 : 16;
        char **chunks = realloc(slab->chunks, capacity * sizeof *chunks);
        if (!chunks)
            return false;
        slab->chunks = chunks;
        slab->chunk_capacity = capacity;
    }
    char *chunk = malloc(CHUNK_SIZE);
    if (!chunk)
        return false;
    if (slab->chunk_count > 0) {
        uint32_t first = (slab->chunk_count - 1) * SLAB_CHUNK_UNITS;
        for (uint32_t unit = slab->next_unit; unit < SLAB_CHUNK_UNITS; unit++)
            slab_give(slab, first + unit, 0);
    }
    slab->chunks[slab->chunk_count++] = chunk;
    slab->next_unit = slab->chunk_count == 1; /* reference 0 stands for none */
    slab->budget->used += CHUNK_SIZE;
    return true;
}

uint32_t slab_take(struct slab *slab, unsigned size_class)
{
    uint32_t units = units_of(slab, size_class);
    uint32_t reference = slab->free[size_class];
    if (reference) {
        memcpy(&slab->free[size_class], slab_at(slab, reference), sizeof slab->free[size_class]);
        return reference;
    }
    if (SLAB_CHUNK_UNITS - slab->next_unit < units && !grow(slab))
        return 0;
    reference = (slab->chunk_count - 1) * SLAB_CHUNK_UNITS + slab->next_unit;
    slab->next_unit += units;
    return reference;
}

void slab_give(struct slab *slab, uint32_t reference, unsigned size_class)
{
    if (!reference)
        return;
    ensure(size_class < SLAB_CLASSES);
    memcpy(slab_at(slab, reference), &slab->free[size_class], sizeof slab->free[size_class]);
    slab->free[size_class] = reference;
}

void slab_release(struct slab *slab)
{
    for (uint32_t i = 0; i < slab->chunk_count; i++)
        free(slab->chunks[i]);
    free(slab->chunks);
    if (slab->budget)
        slab->budget->used -= (size_t)slab->chunk_count * CHUNK_SIZE;
    *slab = (struct slab){0};
}
