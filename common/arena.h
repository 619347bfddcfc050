/*
 * Memory that disappears all at once.
 *
 * A worker's records and outputs live in one arena until their transaction commits; then one reset frees them. The
 * arena has an edge (`size_max`) and says so by returning NULL: nothing in it grows without bound. Blocks are kept
 * over a reset, so a warm arena allocates nothing. Under AddressSanitizer free bytes are poisoned and every piece has
 * a red zone behind it, so overruns are still caught.
 *
 * One thread at a time.
 */
#ifndef CLICKVEIL_COMMON_ARENA_H
#define CLICKVEIL_COMMON_ARENA_H

#include "common/error.h"
#include "common/view.h"

#include <stdint.h>

struct arena_block;

/* A zeroed struct may be released. */
struct arena {
    struct arena_block *first;
    struct arena_block *current;
    size_t block_size; /* bytes of an ordinary block */
    size_t size_max;   /* bytes in all blocks together */
    size_t size;       /* bytes of the blocks that exist */
    size_t used;       /* bytes taken since the last reset, alignment included */
    bool refused;      /* a piece was not to be had since the last reset */
};

/* Prepare an arena of blocks of block_size bytes (4 KiB to size_max) that never holds more than size_max bytes.
 * Allocates the first block. Fails when memory is short. */
CLICKVEIL_MUST_CHECK bool arena_init(struct arena *arena, size_t block_size, size_t size_max,
                                     struct error *error);

/* Take size bytes, aligned to 16, not cleared. NULL when the arena is full or memory is short. Lives until
 * arena_reset or arena_release. size 0 gives a valid pointer. */
void *arena_take(struct arena *arena, size_t size);

/* The same, cleared. */
void *arena_take_zeroed(struct arena *arena, size_t size);

/* Copy bytes into the arena. An absent view stays absent. On a full arena returns false and leaves *out_copy. */
CLICKVEIL_MUST_CHECK bool arena_copy(struct arena *arena, struct view bytes, struct view *out_copy);

/* Give back the tail of the newest piece: it was taken with taken bytes and keeps kept bytes. */
void arena_shrink(struct arena *arena, void *newest, size_t taken, size_t kept);

/* At least so many bytes can still be taken, in pieces of at most block_size bytes. */
size_t arena_room(const struct arena *arena);

/* Forget everything taken; keep the blocks. */
void arena_reset(struct arena *arena);

/* Free all. The struct is zero afterwards. */
void arena_release(struct arena *arena);

#endif
