/*
 * What a flush writes: records of due IDs, and the changelog of whom the transaction touched.
 *
 * A round serves slots one after another (those that were missed are made up in order, one period back at most), or
 * everyone at once (a sweep), or only those who were touched. With `retract: now` those who were retracted get their
 * tombstones beside the slots. In a hold (struct emitter) it writes tombstones alone, in their slots; what else those slots
 * had is made up when the hold ends. It writes a bounded number of records and says when there
 * is more; the next transaction goes on where this one stopped, and an abort goes back to where it began.
 *
 * One thread at a time: its worker's.
 */
#ifndef CLICKVEIL_STAGES_PUBLISH_ROUND_H
#define CLICKVEIL_STAGES_PUBLISH_ROUND_H

#include "common/stage.h"
#include "stages/publish/due.h"
#include "stages/publish/partition.h"
#include "stages/publish/retractions.h"

/* How far a sweep over all buckets came. */
struct sweep {
    bool active;
    bool of_retracted; /* looks at retracted people only: `retract: now` */
    unsigned bucket;   /* the next one */
};

/* What rounds of one worker go by, and remember. */
struct round {
    struct partition_rules *rules;
    const struct publish_options *options;
    struct update update;
    bool files;
    bool holding; /* the last flush was in a hold: it wrote only what takes back */
    bool held;    /* there was one since everybody's records were written */
    int64_t
        slot_held; /* in a hold: the last slot whose tombstones were written, of all partitions; 0: none */
    struct retractions *retractions;
    struct due_list due;
    struct sweep sweep, sweep_committed;

    /* of one flush */
    struct emitter *emitter;
    struct partition **partitions;
    unsigned partition_count;
    unsigned records, ends, visits;
    bool of_retracted; /* nobody else is considered */
    size_t room_min;   /* of the arena: when less is left, the rest waits for the next transaction */
};

/* Serve what is due. *out_more: it was too much for one transaction. False: error is set. */
CLICKVEIL_MUST_CHECK bool round_flush(struct round *round, struct partition **partitions,
                                      unsigned partition_count, struct emitter *emitter, bool *out_more);

void round_commit(struct round *round);
void round_abort(struct round *round);

/* When the next work is due; see struct stage. */
int64_t round_next_due_ms(const struct round *round, struct partition *const *partitions,
                          unsigned partition_count);

#endif
