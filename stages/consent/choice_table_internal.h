/*
 * Inside of the table of choices, for choice_table.c and choice_snapshot.c.
 */
#ifndef CLICKVEIL_STAGES_CONSENT_CHOICE_TABLE_INTERNAL_H
#define CLICKVEIL_STAGES_CONSENT_CHOICE_TABLE_INTERNAL_H

#include "stages/consent/choice_entry.h"
#include "stages/consent/choice_rare.h"
#include "stages/consent/choice_table.h"

enum {
    CHOICE_SEGMENTS = 16, /* a power of two */
    CHOICE_BUCKETS_FIRST = 64,
    CHOICE_BUCKETS_TAIL = 64, /* far beyond any run of full buckets; the last one is never filled up */
};

/* Buckets in the order of their subjects' place bits. */
struct choice_segment {
    uint64_t buckets; /* without the tail */
    uint64_t entries; /* the writer's */
    uint64_t dropped_at;
    struct choice_segment *dropped_next;
    struct choice_bucket *buckets_at; /* buckets + CHOICE_BUCKETS_TAIL */
    struct choice_margin *margins;    /* of them; in the same memory, on pages of their own */
};

struct choice_freeze;

struct choice_table {
    _Atomic(struct choice_segment *) segments[CHOICE_SEGMENTS];
    struct choice_shapes shapes;
    struct choice_rare rare;
    struct choice_holds holds;
    uint64_t entries_max;
    uint64_t expected; /* 0: nobody knows; the writer's */
    _Atomic uint64_t entries;
    _Atomic uint64_t bytes;
    struct choice_segment *dropped; /* the writer's own, as below */
    struct choice_freeze *freeze;   /* a snapshot is being written; NULL: none */
};

static inline struct choice_segment *choice_segment_of(const struct choice_table *table, uint32_t segment)
{
    return atomic_load_explicit(&table->segments[segment], memory_order_acquire);
}

static inline uint64_t choice_segment_all(const struct choice_segment *segment)
{
    return segment->buckets + CHOICE_BUCKETS_TAIL;
}

/* Margins of so many buckets. */
static inline uint64_t choice_margins_for(uint64_t buckets)
{
    return (buckets + CHOICE_MARGIN_BUCKETS - 1) / CHOICE_MARGIN_BUCKETS;
}

/* Never filled up, so a walk ends there. */
static inline uint64_t choice_last_bucket(const struct choice_segment *segment)
{
    return choice_segment_all(segment) - 1;
}

static inline struct choice_bucket *choice_bucket_at(const struct choice_segment *segment, uint64_t bucket)
{
    return &segment->buckets_at[bucket];
}

static inline _Atomic uint64_t *choice_order_at(const struct choice_segment *segment, uint64_t bucket)
{
    return segment->margins[bucket / CHOICE_MARGIN_BUCKETS].order[bucket % CHOICE_MARGIN_BUCKETS];
}

static inline uint32_t *choice_bits_at(const struct choice_segment *segment, uint64_t bucket)
{
    return segment->margins[bucket / CHOICE_MARGIN_BUCKETS].bits[bucket % CHOICE_MARGIN_BUCKETS];
}

/* Before an entry changes (or is made) while a snapshot is being written: what the snapshot has of it. Cheap otherwise.
 * choice_snapshot.c. */
void choice_freeze_note(struct choice_table *table, struct choice_segment *segment,
                        struct choice_handle entry);

/* Does the snapshot that is being written still need that segment? */
bool choice_freeze_needs(const struct choice_table *table, const struct choice_segment *segment);

/* NULL: memory is short. */
struct choice_segment *choice_segment_new(struct choice_table *table, uint64_t buckets);
void choice_segment_free(struct choice_table *table, struct choice_segment *segment); /* NULL is fine */

#endif
