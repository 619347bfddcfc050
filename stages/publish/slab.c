#include "stages/publish/slab.h"

#include "common/pages.h"

#include <stdlib.h>

enum {
    CHUNK_SIZE = SLAB_CHUNK_UNITS * SLAB_UNIT_SIZE,
    BLOCK_SIZE = 2 * 1024 * 1024, /* a huge page */
    BLOCK_CHUNKS = BLOCK_SIZE / CHUNK_SIZE,
};

/* ---- the pool ---- */

static bool add_block(struct slab_budget *budget)
{
    if (budget->block_count == budget->block_capacity) {
        uint32_t capacity = budget->block_capacity ? budget->block_capacity * 2 : 16;
        char **blocks = realloc(budget->blocks, capacity * sizeof *blocks);
        if (!blocks)
            return false;
        budget->blocks = blocks;
        budget->block_capacity = capacity;
    }
    char *block = pages_new(BLOCK_SIZE);
    if (!block)
        return false;
    budget->blocks[budget->block_count++] = block;
    budget->next_chunk = 0;
    return true;
}

static void *take_chunk(struct slab_budget *budget)
{
    if (budget->max - budget->used < CHUNK_SIZE)
        return NULL;
    void *chunk = budget->free_chunks;
    if (chunk) {
        memcpy(&budget->free_chunks, chunk, sizeof chunk);
    } else {
        if ((budget->block_count == 0 || budget->next_chunk == BLOCK_CHUNKS) && !add_block(budget))
            return NULL;
        chunk = budget->blocks[budget->block_count - 1] + (size_t)budget->next_chunk++ * CHUNK_SIZE;
    }
    budget->used += CHUNK_SIZE;
    return chunk;
}

static void give_chunk(struct slab_budget *budget, void *chunk)
{
    memcpy(chunk, &budget->free_chunks, sizeof chunk);
    budget->free_chunks = chunk;
    budget->used -= CHUNK_SIZE;
}

void slab_budget_release(struct slab_budget *budget)
{
    ensure(budget->used == 0);
    for (uint32_t i = 0; i < budget->block_count; i++)
        pages_free(budget->blocks[i], BLOCK_SIZE);
    free(budget->blocks);
    *budget = (struct slab_budget){.max = budget->max};
}

/* ---- a slab ---- */

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
    if (slab->chunk_count == SLAB_CHUNKS_MAX)
        return false;
    if (slab->chunk_count == slab->chunk_capacity) {
        uint32_t capacity = slab->chunk_capacity ? slab->chunk_capacity * 2 : 16;
        char **chunks = realloc(slab->chunks, capacity * sizeof *chunks);
        if (!chunks)
            return false;
        slab->chunks = chunks;
        slab->chunk_capacity = capacity;
    }
    char *chunk = take_chunk(slab->budget);
    if (!chunk)
        return false;
    if (slab->chunk_count > 0) {
        uint32_t first = (slab->chunk_count - 1) * SLAB_CHUNK_UNITS;
        for (uint32_t unit = slab->next_unit; unit < SLAB_CHUNK_UNITS; unit++)
            slab_give(slab, first + unit, 0);
    }
    slab->chunks[slab->chunk_count++] = chunk;
    slab->next_unit = slab->chunk_count == 1; /* reference 0 stands for none */
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
        give_chunk(slab->budget, slab->chunks[i]);
    free(slab->chunks);
    *slab = (struct slab){0};
}
