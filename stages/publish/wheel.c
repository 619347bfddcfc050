#include "stages/publish/wheel.h"

#include <assert.h>
#include <stdlib.h>

static_assert(sizeof(struct live_id) == SLAB_UNIT_SIZE, "a live ID is a unit of the slab");
static_assert((int)WHEEL_BUCKETS_MAX <= 1 << 12, "a live ID names its bucket in 12 bits");

enum { OVER_SHARE = 4 }; /* a bucket is swept when one of so many is over */

unsigned wheel_bucket_count(unsigned slots)
{
    unsigned count = (WHEEL_BUCKETS_MIN + slots - 1) / slots * slots;
    ensure(slots >= 1 && count <= WHEEL_BUCKETS_MAX);
    return count;
}

bool wheel_init(struct wheel *wheel, unsigned bucket_count, struct error *error)
{
    ensure(bucket_count >= 1 && bucket_count <= WHEEL_BUCKETS_MAX);
    struct wheel fresh = {.bucket_count = bucket_count};
    fresh.buckets = calloc(bucket_count, sizeof *fresh.buckets);
    fresh.lengths = calloc(bucket_count, sizeof *fresh.lengths);
    fresh.over = calloc(bucket_count, sizeof *fresh.over);
    *wheel = fresh;
    if (fresh.buckets && fresh.lengths && fresh.over)
        return true;
    wheel_release(wheel);
    return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for a wheel of slots");
}

void wheel_link(struct wheel *wheel, const struct slab *slab, uint32_t reference)
{
    struct live_id *id = slab_at(slab, reference);
    ensure(id->bucket < wheel->bucket_count);
    id->bucket_next = wheel->buckets[id->bucket];
    wheel->buckets[id->bucket] = reference;
    wheel->lengths[id->bucket]++;
}

void wheel_unlink(struct wheel *wheel, const struct slab *slab, uint32_t reference)
{
    struct live_id *id = slab_at(slab, reference);
    uint32_t *link = &wheel->buckets[id->bucket];
    while (*link != reference) {
        ensure(*link);
        link = &((struct live_id *)slab_at(slab, *link))->bucket_next;
    }
    *link = id->bucket_next;
    wheel->lengths[id->bucket]--;
}

void wheel_give_up(struct wheel *wheel, struct live_id *id)
{
    ensure(id->person != 0);
    id->person = 0;
    wheel->over[id->bucket]++;
    wheel->any_over = true;
}

static void sweep_bucket(struct wheel *wheel, unsigned bucket, const struct slab *slab,
                         void (*gone)(void *context, uint32_t reference), void *context)
{
    for (uint32_t *link = &wheel->buckets[bucket]; *link;) {
        uint32_t reference = *link;
        struct live_id *id = slab_at(slab, reference);
        if (id->person) {
            link = &id->bucket_next;
            continue;
        }
        *link = id->bucket_next;
        wheel->lengths[bucket]--;
        gone(context, reference);
    }
    wheel->over[bucket] = 0;
}

void wheel_sweep(struct wheel *wheel, const struct slab *slab,
                 void (*gone)(void *context, uint32_t reference), void *context)
{
    for (unsigned bucket = 0; wheel->any_over && bucket < wheel->bucket_count; bucket++) {
        if (wheel->over[bucket] > 0 && wheel->over[bucket] >= wheel->lengths[bucket] / OVER_SHARE)
            sweep_bucket(wheel, bucket, slab, gone, context);
    }
    wheel->any_over = false;
}

void wheel_release(struct wheel *wheel)
{
    free(wheel->buckets);
    free(wheel->lengths);
    free(wheel->over);
    *wheel = (struct wheel){0};
}
