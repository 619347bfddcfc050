#include "stages/publish/subject_index.h"

#include <stdlib.h>

bool subject_index_is_crowded(const struct subject_index *index, uint32_t hash)
{
    for (unsigned i = 0; i < index->crowded_count; i++) {
        if (index->crowded[i] == hash)
            return true;
    }
    return false;
}

static bool note_crowded(struct subject_index *index, uint32_t hash)
{
    if (subject_index_is_crowded(index, hash))
        return true;
    uint32_t *grown = realloc(index->crowded, (index->crowded_count + 1) * sizeof *grown);
    if (!grown)
        return false;
    index->crowded = grown;
    index->crowded[index->crowded_count++] = hash;
    return true;
}

bool subject_index_add(struct subject_index *index, uint32_t hash, uint32_t reference)
{
    unsigned count = 0;
    for (uint32_t cursor = UINT32_MAX; ref_index_next(&index->index, hash, &cursor);)
        count++;
    return count < SUBJECT_PEOPLE_MAX ? ref_index_add(&index->index, hash, reference)
                                      : note_crowded(index, hash);
}

void subject_index_remove(struct subject_index *index, uint32_t hash, uint32_t reference)
{
    uint32_t cursor = UINT32_MAX;
    uint32_t found;
    while ((found = ref_index_next(&index->index, hash, &cursor))) {
        if (found != reference)
            continue;
        ref_index_remove(&index->index, hash, reference);
        return;
    }
}

void subject_index_release(struct subject_index *index)
{
    ref_index_release(&index->index);
    free(index->crowded);
    *index = (struct subject_index){0};
}
