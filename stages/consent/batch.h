/*
 * The subjects of an open transaction, and whether it stands: no subject in it had a change since it began that takes
 * something away (spec 3, rule 3).
 *
 * Adding is an append; the comparison is only made when anything changed at all. Memory is taken at the start and
 * bounded; a batch that did not fit stands only when nothing changed for anybody.
 *
 * One worker's own.
 */
#ifndef CLICKVEIL_STAGES_CONSENT_BATCH_H
#define CLICKVEIL_STAGES_CONSENT_BATCH_H

#include "common/recent.h"

struct batch {
    uint64_t *tags; /* of the subjects, repeated as they come */
    size_t count, count_max;
    uint64_t *set; /* open addressing, made when it is needed; 0: empty */
    size_t set_mask;
    uint64_t position; /* in the ring when the batch began */
    bool open;
    bool overflowed;
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
