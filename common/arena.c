#include "common/arena.h"

#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_POISON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_POISON 1
#endif
#endif
#ifdef ARENA_POISON
#include <sanitizer/asan_interface.h>
enum { RED_ZONE = 16 };
#else
#define ASAN_POISON_MEMORY_REGION(address, size)   ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
enum { RED_ZONE = 0 };
#endif

enum { ALIGNMENT = 16, BLOCK_SIZE_MIN = 4096 };

struct arena_block {
    struct arena_block *next;
    size_t size; /* usable bytes */
    size_t used;
    size_t padding; /* keeps `bytes` aligned to 16 */
    char bytes[];
};

static size_t rounded(size_t size)
{
    return (size + RED_ZONE + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static struct arena_block *block_new(struct arena *arena, size_t size)
{
    if (size > arena->size_max - arena->size)
        return NULL;
    struct arena_block *block = aligned_alloc(ALIGNMENT, sizeof *block + size);
    if (!block)
        return NULL;
    *block = (struct arena_block){.size = size};
    arena->size += size;
    ASAN_POISON_MEMORY_REGION(block->bytes, size);
    return block;
}

bool arena_init(struct arena *arena, size_t block_size, size_t size_max, struct error *error)
{
    ensure(block_size >= BLOCK_SIZE_MIN && block_size <= size_max && block_size % ALIGNMENT == 0);
    struct arena fresh = {.block_size = block_size, .size_max = size_max};
    fresh.first = fresh.current = block_new(&fresh, block_size);
    if (!fresh.first)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory or lower the limits",
                          "no memory for an arena of %zu bytes", block_size);
    *arena = fresh;
    return true;
}

static void *refuse(struct arena *arena)
{
    arena->refused = true;
    return NULL;
}

void *arena_take(struct arena *arena, size_t size)
{
    if (size > arena->size_max)
        return refuse(arena);
    size_t step = rounded(size ? size : 1);
    struct arena_block *block = arena->current;
    while (block->size - block->used < step) {
        if (!block->next) {
            block->next = block_new(arena, step > arena->block_size ? step : arena->block_size);
            if (!block->next)
                return refuse(arena);
        }
        block = block->next;
    }
    arena->current = block;
    void *piece = block->bytes + block->used;
    block->used += step;
    arena->used += step;
    ASAN_UNPOISON_MEMORY_REGION(piece, size);
    return piece;
}

void *arena_take_zeroed(struct arena *arena, size_t size)
{
    void *piece = arena_take(arena, size);
    if (piece)
        memset(piece, 0, size);
    return piece;
}

bool arena_copy(struct arena *arena, struct view bytes, struct view *out_copy)
{
    if (view_is_absent(bytes)) {
        *out_copy = bytes;
        return true;
    }
    char *copy = arena_take(arena, bytes.size);
    if (!copy)
        return false;
    memcpy(copy, bytes.data, bytes.size);
    *out_copy = (struct view){copy, bytes.size};
    return true;
}

void arena_shrink(struct arena *arena, void *newest, size_t taken, size_t kept)
{
    struct arena_block *block = arena->current;
    size_t step = rounded(taken ? taken : 1);
    size_t kept_step = rounded(kept ? kept : 1);
    ensure(kept <= taken && (char *)newest + step == block->bytes + block->used);
    block->used -= step - kept_step;
    arena->used -= step - kept_step;
    ASAN_POISON_MEMORY_REGION((char *)newest + kept, step - kept);
}

size_t arena_room(const struct arena *arena)
{
    size_t room = arena->size_max - arena->size;
    for (const struct arena_block *block = arena->current; block; block = block->next)
        room += block->size - block->used;
    return room;
}

void arena_reset(struct arena *arena)
{
    for (struct arena_block *block = arena->first; block; block = block->next) {
        block->used = 0;
        ASAN_POISON_MEMORY_REGION(block->bytes, block->size);
    }
    arena->current = arena->first;
    arena->used = 0;
    arena->refused = false;
}

void arena_release(struct arena *arena)
{
    struct arena_block *block = arena->first;
    while (block) {
        struct arena_block *next = block->next;
        ASAN_UNPOISON_MEMORY_REGION(block->bytes, block->size);
        free(block);
        block = next;
    }
    *arena = (struct arena){0};
}
