/*
 * Records that compaction would leave alone, and that alone would decide otherwise than all of their subject together
 * (spec 3, rule 6): where the newest such record of a subject stands. The follower notes them, the keeper answers them; a
 * newer record that stands alone takes the subject out again. Hence it is small, but for a moment.
 *
 * Two threads: the follower's writes, the keeper's asks. They take turns by a flag; neither is on the way of an event.
 */
#ifndef CLICKVEIL_STAGES_CONSENT_LOOSE_H
#define CLICKVEIL_STAGES_CONSENT_LOOSE_H

#include "common/snapshot_file.h"
#include "common/view.h"

#include <stdatomic.h>
#include <stdint.h>

struct loose_item {
    uint64_t tag; /* of the subject; 0: empty */
    int64_t offset;
    int32_t partition;
};

struct loose {
    atomic_flag lock;         /* what follows; held for a few instructions, and while it grows */
    struct loose_item *items; /* open addressing, at most three quarters full */
    size_t size, count;
};

CLICKVEIL_MUST_CHECK bool loose_init(struct loose *loose); /* false: memory is short */
void loose_release(struct loose *loose);                   /* accepts zeroed memory */

/* The newest record of that subject stands there, and does not stand alone. False: memory is short. */
CLICKVEIL_MUST_CHECK bool loose_note(struct loose *loose, uint64_t tag, int32_t partition, int64_t offset);
/* The newest record stands alone. */
void loose_settle(struct loose *loose, uint64_t tag);

/* Is it the record at that place? Any thread. */
bool loose_is_at(struct loose *loose, uint64_t tag, int32_t partition, int64_t offset);
/* ---- its part of the snapshot (rule 11); the follower ---- */

void loose_clear(struct loose *loose);
void loose_save(struct loose *loose, struct snapshot_writer *writer);
CLICKVEIL_MUST_CHECK bool loose_restore(struct loose *loose, struct snapshot_reader *reader);

size_t loose_count(struct loose *loose);

#endif
