/*
 * From a hash to references: open addressing, linear probing, no tombstones.
 *
 * The caller compares what it finds, for several may have one hash. Grows by doubling; shrinks never, since a revoked
 * partition frees it whole.
 *
 * One thread at a time.
 */
#ifndef CLICKVEIL_STAGES_PUBLISH_REF_INDEX_H
#define CLICKVEIL_STAGES_PUBLISH_REF_INDEX_H

#include "common/view.h"

#include <stdint.h>

struct ref_index_slot {
    uint32_t hash;
    uint32_t reference; /* 0: empty */
};

/* A zeroed struct is empty and may be released. */
struct ref_index {
    struct ref_index_slot *slots;
    uint32_t capacity; /* a power of two, or 0 */
    uint32_t count;
};

/* Walk all references of a hash: start with *cursor = UINT32_MAX; 0: no more. */
uint32_t ref_index_next(const struct ref_index *index, uint32_t hash, uint32_t *cursor);

/* Walk all references, likewise, in no order. */
uint32_t ref_index_next_any(const struct ref_index *index, uint32_t *cursor);

/* Add a reference (not 0). False: no memory, nothing changed. */
CLICKVEIL_MUST_CHECK bool ref_index_add(struct ref_index *index, uint32_t hash, uint32_t reference);

/* Take a reference out, which must be there. */
void ref_index_remove(struct ref_index *index, uint32_t hash, uint32_t reference);

/* Bytes that it takes. */
size_t ref_index_bytes(const struct ref_index *index);

void ref_index_release(struct ref_index *index);

#endif
