#include "stages/consent/loose.h"

#include <stdlib.h>

enum { SIZE_FIRST = 64 };

static void lock(struct loose *loose)
{
    while (atomic_flag_test_and_set_explicit(&loose->lock, memory_order_acquire))
        ;
}

static void unlock(struct loose *loose)
{
    atomic_flag_clear_explicit(&loose->lock, memory_order_release);
}

bool loose_init(struct loose *loose)
{
    loose->size = SIZE_FIRST;
    loose->count = 0;
    loose->items = calloc(SIZE_FIRST, sizeof(struct loose_item));
    atomic_flag_clear(&loose->lock);
    return loose->items;
}

void loose_release(struct loose *loose)
{
    free(loose->items);
    loose->items = NULL;
    loose->size = loose->count = 0;
}

/* The subject's place, or the empty one where it would stand. */
static size_t place_of(const struct loose_item *items, size_t size, uint64_t tag)
{
    size_t place = (size_t)tag & (size - 1);
    while (items[place].tag && items[place].tag != tag)
        place = (place + 1) & (size - 1);
    return place;
}

static bool grow(struct loose *loose)
{
    size_t size = loose->size * 2;
    struct loose_item *items = calloc(size, sizeof *items);
    if (!items)
        return false;
    for (size_t i = 0; i < loose->size; i++) {
        if (loose->items[i].tag)
            items[place_of(items, size, loose->items[i].tag)] = loose->items[i];
    }
    free(loose->items);
    loose->items = items;
    loose->size = size;
    return true;
}

bool loose_note(struct loose *loose, uint64_t tag, int32_t partition, int64_t offset)
{
    tag += !tag;
    lock(loose);
    bool fine = (loose->count + 1) * 4 <= loose->size * 3 || grow(loose);
    if (fine) {
        struct loose_item *item = &loose->items[place_of(loose->items, loose->size, tag)];
        loose->count += !item->tag;
        *item = (struct loose_item){tag, offset, partition};
    }
    unlock(loose);
    return fine;
}

/* Take one out of its cluster: those behind it that may move up do. */
static void take_out(struct loose *loose, size_t place)
{
    size_t mask = loose->size - 1, hole = place;
    for (size_t next = (hole + 1) & mask; loose->items[next].tag; next = (next + 1) & mask) {
        size_t home = (size_t)loose->items[next].tag & mask;
        if (((next - home) & mask) >= ((next - hole) & mask)) {
            loose->items[hole] = loose->items[next];
            hole = next;
        }
    }
    loose->items[hole] = (struct loose_item){0};
    loose->count--;
}

void loose_settle(struct loose *loose, uint64_t tag)
{
    tag += !tag;
    if (loose->count == 0) /* nobody else changes it */
        return;
    lock(loose);
    size_t place = place_of(loose->items, loose->size, tag);
    if (loose->items[place].tag)
        take_out(loose, place);
    unlock(loose);
}

bool loose_is_at(struct loose *loose, uint64_t tag, int32_t partition, int64_t offset)
{
    tag += !tag;
    lock(loose);
    const struct loose_item *item = &loose->items[place_of(loose->items, loose->size, tag)];
    bool is_at = item->tag && item->partition == partition && item->offset == offset;
    unlock(loose);
    return is_at;
}

size_t loose_count(struct loose *loose)
{
    lock(loose);
    size_t count = loose->count;
    unlock(loose);
    return count;
}

void loose_clear(struct loose *loose)
{
    lock(loose);
    memset(loose->items, 0, loose->size * sizeof *loose->items);
    loose->count = 0;
    unlock(loose);
}

void loose_save(struct loose *loose, struct snapshot_writer *writer)
{
    uint64_t count = loose->count;
    snapshot_put(writer, &count, sizeof count);
    for (size_t i = 0; i < loose->size; i++) {
        if (!loose->items[i].tag)
            continue;
        int64_t words[3] = {(int64_t)loose->items[i].tag, loose->items[i].offset, loose->items[i].partition};
        snapshot_put(writer, words, sizeof words);
    }
}

bool loose_restore(struct loose *loose, struct snapshot_reader *reader)
{
    uint64_t count;
    if (!snapshot_get(reader, &count, sizeof count))
        return false;
    for (uint64_t i = 0; i < count; i++) {
        int64_t words[3];
        if (!snapshot_get(reader, words, sizeof words) || words[2] < 0 || words[2] > INT32_MAX ||
            !loose_note(loose, (uint64_t)words[0], (int32_t)words[2], words[1]))
            return false;
    }
    return true;
}
