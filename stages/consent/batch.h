/*
 * The subjects of an open transaction, and whether it stands: no subject in it had a change since it began that takes
 * something away (spec 3, rule 3).
 *
 * Adding is an append; the comparison is only made when anything changed at all. Memory is taken at the start and
 * bounded; a batch that did not fit stands only when nothing changed for anybody.
 *
 * What a worker wrote itself (rule 7) does not touch its own batch: it would be aborted for ever. Hence the low bits of a
 * change's tag say whose it is; a subject is told by the other bits.
 *
 * One worker's own.
 */
#ifndef CLICKVEIL_STAGES_CONSENT_BATCH_H
#define CLICKVEIL_STAGES_CONSENT_BATCH_H

#include "common/recent.h"

enum {
    BATCH_AUTHOR_BITS = 0x1ff, /* 1 + the worker's number; 0: not of this process */
    BATCH_AUTHORS_MAX = BATCH_AUTHOR_BITS,
};

/* A change as it stands in the ring. */
static inline uint64_t batch_change(uint64_t tag, unsigned author)
{
    return (tag & ~(uint64_t)BATCH_AUTHOR_BITS) | author;
}

struct batch {
    uint64_t *tags; /* of the subjects, repeated as they come */
    size_t count, count_max;
    uint64_t *set; /* open addressing, made when it is needed; 0: empty */
    size_t set_mask;
    uint64_t position; /* in the ring when the batch began */
    bool open;
    bool overflowed;
    unsigned author; /* whose batch this is; 0: nobody's */
};

/* Room for so many subjects. False: memory is short. */
CLICKVEIL_MUST_CHECK bool batch_init(struct batch *batch, size_t subjects_max);
void batch_release(struct batch *batch); /* accepts zeroed memory */

/* Begin, before the first look-up of a transaction. */
void batch_open(struct batch *batch, const struct recent *recent);
void batch_add(struct batch *batch, uint64_t tag);

/* Has nothing been taken from any subject since batch_open? A batch that is not open stands. */
bool batch_stands(struct batch *batch, const struct recent *recent);

/* Forget the subjects. */
void batch_close(struct batch *batch);

#endif
