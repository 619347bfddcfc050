/*
 * From the hash of a device or an account to the people who were seen with it.
 *
 * One that very many share (a made-up advertising ID, say) would make every walk long: from SUBJECT_PEOPLE_MAX on it is
 * noted as crowded and names no more of them, and who has it is found by looking at everybody. The caller compares
 * what it finds, as with ref_index.
 *
 * One thread at a time.
 */
#ifndef CLICKVEIL_STAGES_PUBLISH_SUBJECT_INDEX_H
#define CLICKVEIL_STAGES_PUBLISH_SUBJECT_INDEX_H

#include "stages/publish/ref_index.h"

enum { SUBJECT_PEOPLE_MAX = 64 };

/* A zeroed struct is empty and may be released. */
struct subject_index {
    struct ref_index index;
    uint32_t *crowded; /* hashes; they stay so */
    unsigned crowded_count;
};

bool subject_index_is_crowded(const struct subject_index *index, uint32_t hash);

/* A person has the subject. False: no memory, nothing changed. */
CLICKVEIL_MUST_CHECK bool subject_index_add(struct subject_index *index, uint32_t hash, uint32_t reference);

/* A person doesn't have it any more. Of two subjects of one person with one hash either entry goes: they are equal. */
void subject_index_remove(struct subject_index *index, uint32_t hash, uint32_t reference);

void subject_index_release(struct subject_index *index);

#endif
