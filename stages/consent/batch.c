#include "stages/consent/batch.h"

#include <stdlib.h>

/* A power of two, at most half full. */
static size_t set_size_of(size_t subjects)
{
    size_t size = 16;
    while (size < subjects * 2)
        size *= 2;
    return size;
}

bool batch_init(struct batch *batch, size_t subjects_max)
{
    *batch = (struct batch){.count_max = subjects_max};
    batch->tags = calloc(subjects_max, sizeof *batch->tags);
    batch->set = calloc(set_size_of(subjects_max), sizeof *batch->set);
    return batch->tags && batch->set;
}

void batch_release(struct batch *batch)
{
    free(batch->tags);
    free(batch->set);
    *batch = (struct batch){0};
}

void batch_open(struct batch *batch, const struct recent *recent)
{
    batch->open = true;
    batch->overflowed = false;
    batch->count = 0;
    batch->position = recent_position(recent);
}

void batch_add(struct batch *batch, uint64_t tag)
{
    if (batch->count == batch->count_max)
        batch->overflowed = true;
    else
        batch->tags[batch->count++] = batch_change(tag, 0);
}

/* Word of a tag in the set: tags are even bits of a keyed hash; 0 means empty, so 0 becomes 1. */
static uint64_t *find_word(struct batch *batch, uint64_t tag)
{
    size_t place = (size_t)tag & batch->set_mask;
    while (batch->set[place] && batch->set[place] != tag)
        place = (place + 1) & batch->set_mask;
    return &batch->set[place];
}

static void build_set(struct batch *batch)
{
    size_t size = set_size_of(batch->count);
    batch->set_mask = size - 1;
    memset(batch->set, 0, size * sizeof *batch->set);
    for (size_t i = 0; i < batch->count; i++) {
        uint64_t tag = batch->tags[i] ? batch->tags[i] : 1;
        *find_word(batch, tag) = tag;
    }
}

static bool is_in_batch(void *context, uint64_t change)
{
    struct batch *batch = context;
    uint64_t tag = batch_change(change, 0);
    unsigned author = (unsigned)(change & BATCH_AUTHOR_BITS);
    return !(author && author == batch->author) && *find_word(batch, tag ? tag : 1) != 0;
}

bool batch_stands(struct batch *batch, const struct recent *recent)
{
    if (!batch->open || recent_position(recent) == batch->position)
        return true;
    if (batch->overflowed)
        return false; /* its own changes are no exception: a smaller batch is tried */
    if (batch->count == 0)
        return true;
    build_set(batch);
    return !recent_any(recent, batch->position, is_in_batch, batch);
}

void batch_close(struct batch *batch)
{
    batch->open = false;
    batch->count = 0;
}
