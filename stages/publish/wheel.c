#include "stages/publish/wheel.h"

#include <assert.h>
#include <stdlib.h>

static_assert(sizeof(struct live_id) == SLAB_UNIT_SIZE, "a live ID is a unit of the slab");
static_assert((int)WHEEL_BUCKETS_MAX <= 1 << 12, "a live ID names its bucket in 12 bits");

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
    fresh.ended = calloc(bucket_count, sizeof *fresh.ended);
    *wheel = fresh;
    if (fresh.buckets && fresh.ended)
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
}

void wheel_mark_ended(struct wheel *wheel, unsigned bucket)
{
    wheel->ended[bucket] = wheel->any_ended = true;
}

void wheel_sweep(struct wheel *wheel, const struct slab *slab,
                 void (*gone)(void *context, uint32_t reference), void *context)
{
    if (!wheel->any_ended)
        return;
    for (unsigned bucket = 0; bucket < wheel->bucket_count; bucket++) {
        if (!wheel->ended[bucket])
            continue;
        wheel->ended[bucket] = false;
        for (uint32_t *link = &wheel->buckets[bucket]; *link;) {
            uint32_t reference = *link;
            struct live_id *id = slab_at(slab, reference);
            if (!id->ended) {
                link = &id->bucket_next;
                continue;
            }
            *link = id->bucket_next;
            gone(context, reference);
        }
    }
    wheel->any_ended = false;
}

void wheel_release(struct wheel *wheel)
{
    free(wheel->buckets);
    free(wheel->ended);
    *wheel = (struct wheel){0};
}
