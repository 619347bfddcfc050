/*
 * Live IDs, and the wheel on which each waits for its slot.
 *
 * A live ID is one record that may stand in a feed: a person (or one of the person's devices) in one feed and epoch.
 * It sits in the bucket of its phase from the first event to the tombstone. Buckets are finer than slots where a
 * period has few slots, so that the work on one bucket stays small: bucket b is served in the slots of phase
 * b % slots.
 *
 * An ID that is over stays in its bucket, nobody's, until a quarter of that is over: a bucket is as long as its share of
 * all people, and each opt-out would have to walk through it for a list that is linked one way. So one that is over costs
 * four steps in all, whatever the number of people.
 *
 * One thread at a time.
 */
#ifndef CLICKVEIL_STAGES_PUBLISH_WHEEL_H
#define CLICKVEIL_STAGES_PUBLISH_WHEEL_H

#include "stages/publish/slab.h"

enum {
    WHEEL_BUCKETS_MIN = 96,
    WHEEL_BUCKETS_MAX = 4096,
    LIVE_ID_STATE_ONLY =
        63, /* device of an entry that has no ID: it only sees to the end of the person's state */
};

struct live_id {
    uint32_t bucket_next; /* slab: next in its bucket */
    uint32_t person_next; /* slab: next of the same person */
    uint32_t person : 31; /* slab; 0: over, and nobody's any more */
    uint32_t ended : 1;   /* tombstone written in the open transaction; is over when that commits */
    uint32_t bucket : 12;
    uint32_t device : 6; /* index in the person's devices; of a feed with the device's ID */
    uint32_t feed : 6;   /* of an ID */
    uint32_t
        published : 8; /* what its record shows: bit i stands for kept interest i; 0: there is no record */
};

static inline bool live_id_is_state_only(const struct live_id *id)
{
    return id->device == LIVE_ID_STATE_ONLY;
}

/* A zeroed struct may be released. */
struct wheel {
    unsigned bucket_count; /* a multiple of the slots in a period */
    uint32_t *buckets;     /* slab: first live ID */
    uint32_t *lengths;     /* by bucket: how many it holds */
    uint32_t *over;        /* by bucket: how many of those are over */
    bool any_over;         /* more of them than when it was swept last */
};

/* Number of buckets for that many slots (1 to 2,880). */
unsigned wheel_bucket_count(unsigned slots);

CLICKVEIL_MUST_CHECK bool wheel_init(struct wheel *wheel, unsigned bucket_count, struct error *error);

/* Put a live ID into its bucket; take it out again. Newest first, so taking out a new one is quick. */
void wheel_link(struct wheel *wheel, const struct slab *slab, uint32_t reference);
void wheel_unlink(struct wheel *wheel, const struct slab *slab, uint32_t reference);

/* An ID is over: its person is 0 from now on. wheel_sweep takes those out of the buckets that have many of them, and calls
 * gone(context, reference). */
void wheel_give_up(struct wheel *wheel, struct live_id *id);
void wheel_sweep(struct wheel *wheel, const struct slab *slab,
                 void (*gone)(void *context, uint32_t reference), void *context);

void wheel_release(struct wheel *wheel);

#endif
