/*
 * Small pieces of memory in a few sizes, by reference.
 *
 * What a person contributed is a short list that grows and shrinks; a partition holds millions of them and lets go of
 * all at once when it is revoked. A slab hands out blocks of 1, 2, 4 ... 256 units of 16 bytes, and of one more size
 * that its owner chooses, keeps a list of free blocks for each size, and never gives a block another size: after an
 * abort there is always a block of the size that was there before. References are 31 bits, which is 32 GiB a slab, and
 * survive growth.
 *
 * Chunks come from a pool that the slabs of a worker share. It takes huge pages (common/pages.h), since people are met
 * at random: 5 % more events a second with 200,000 people. A partition alone would waste most of one.
 *
 * One thread at a time.
 */
#ifndef CLICKVEIL_STAGES_PUBLISH_SLAB_H
#define CLICKVEIL_STAGES_PUBLISH_SLAB_H

#include "common/error.h"

#include <stdint.h>

enum {
    SLAB_UNIT_SIZE = 16, /* bytes */
    SLAB_UNITS_MAX = 256,
    SLAB_CLASS_OWN = 9, /* the size that the owner chose; classes 0 to 8 are 1 << class units */
    SLAB_CLASSES = 10,
    SLAB_CHUNK_UNITS = 4096, /* units that are taken from the pool at once: 64 KiB */
    SLAB_CHUNKS_MAX = 1 << 19,
};

/* What several slabs take from together. Set max, the rest is zero at first; release it after the slabs. */
struct slab_budget {
    size_t used, max; /* bytes of chunks that slabs have */
    char **blocks;    /* of huge pages */
    uint32_t block_count, block_capacity;
    uint32_t next_chunk; /* of the newest block, that was never handed out */
    void *free_chunks;   /* linked by their first bytes */
};

/* A zeroed struct may be released. */
struct slab {
    char **chunks;
    uint32_t chunk_count, chunk_capacity;
    uint32_t next_unit; /* first unit of the newest chunk that was never handed out */
    uint32_t own_units; /* units of SLAB_CLASS_OWN */
    uint32_t free[SLAB_CLASSES];
    struct slab_budget *budget;
};

/* Give everything back to the system; no slab has a chunk any more. */
void slab_budget_release(struct slab_budget *budget);

/* Prepare; takes no memory yet. own_size: bytes of the owner's size, at most 4096. The budget is borrowed. */
void slab_init(struct slab *slab, size_t own_size, struct slab_budget *budget);

/* Smallest class whose blocks hold `count` units, 1 to 256. */
unsigned slab_class(unsigned count);

/* Take a block, not cleared. 0: the budget or the heap has no more. */
uint32_t slab_take(struct slab *slab, unsigned size_class);

/* Give a block back; 0 is fine. */
void slab_give(struct slab *slab, uint32_t reference, unsigned size_class);

/* Address of a block; stays as long as the block. */
static inline void *slab_at(const struct slab *slab, uint32_t reference)
{
    return slab->chunks[reference / SLAB_CHUNK_UNITS] +
           (size_t)(reference % SLAB_CHUNK_UNITS) * SLAB_UNIT_SIZE;
}

/* Free all. The struct is zero afterwards. */
void slab_release(struct slab *slab);

#endif
