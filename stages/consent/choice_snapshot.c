/*
 * The body: a `struct counts`; for each segment its numbers and its slices; the shapes. A slice is SLICE_PAGES pages as they
 * stand in memory, then the rare states of its entries, each with its place.
 *
 * A segment that grows before it is written stays in memory until then, as it was: later changes are made in the larger
 * one. In one that did not grow, what an entry held is noted before it changes, in a list per slice, and put back in the
 * copy that is written; the oldest note of an entry is the last in the list and so holds. Changes of slices that are
 * written are nobody's business.
 */
#include "stages/consent/choice_snapshot.h"

#include "stages/consent/choice_table_internal.h"

#include <stdlib.h>

enum {
    SLICE_MARGINS = 97,
    SLICE = SLICE_MARGINS * CHOICE_MARGIN_BUCKETS,
    NOTES_FIRST = 1 << 12,
    NOTES_MAX = 1 << 22, /* 200 MB */
};

struct note {
    uint64_t bucket;
    uint64_t choices, order;
    uint32_t next; /* number + 1 of the slice's next older one */
    uint8_t index;
    bool made; /* there was no entry */
};

struct choice_freeze {
    struct choice_segment *images[CHOICE_SEGMENTS];
    uint32_t *slices[CHOICE_SEGMENTS]; /* by slice: number + 1 of its newest note */
    uint64_t entries;
    uint32_t segment; /* to be written next */
    uint64_t slice;
    struct note *notes;
    uint32_t note_count, note_size;
    bool is_lost;                  /* a note could not be kept */
    struct choice_bucket *buckets; /* the slice that is written, as it was */
    struct choice_margin *margins;
};

struct counts {
    uint64_t entries;
    uint32_t segments, tail, margin_buckets, unused;
};

struct segment_counts {
    uint64_t buckets, entries;
};

struct rare_place {
    uint32_t bucket, index; /* in the slice */
    struct choice_state state;
};

_Static_assert(SLICE * sizeof(struct choice_bucket) + SLICE_MARGINS * sizeof(struct choice_margin) <=
                   SNAPSHOT_PUT_MAX,
               "a slice fits");

static uint64_t slices_of(const struct choice_segment *segment)
{
    return (choice_segment_all(segment) + SLICE - 1) / SLICE;
}

static uint64_t slice_buckets(const struct choice_segment *segment, uint64_t slice)
{
    uint64_t left = choice_segment_all(segment) - slice * SLICE;
    return left < SLICE ? left : SLICE;
}

/* ---- freezing ---- */

bool choice_table_freeze(struct choice_table *table, struct error *error)
{
    ensure(!table->freeze);
    struct choice_freeze *freeze = calloc(1, sizeof *freeze);
    bool fine = freeze;
    if (fine) {
        table->freeze = freeze;
        table->rare.keeps_dropped = true;
        freeze->entries = choice_table_entries(table);
        freeze->buckets = aligned_alloc(_Alignof(struct choice_bucket), SLICE * sizeof *freeze->buckets);
        freeze->margins = aligned_alloc(CHOICE_MARGIN_BYTES, SLICE_MARGINS * sizeof *freeze->margins);
        freeze->notes = malloc(NOTES_FIRST * sizeof *freeze->notes);
        freeze->note_size = NOTES_FIRST;
        fine = freeze->buckets && freeze->margins && freeze->notes;
    }
    for (uint32_t i = 0; fine && i < CHOICE_SEGMENTS; i++) {
        freeze->images[i] = choice_segment_of(table, i);
        freeze->slices[i] = calloc(slices_of(freeze->images[i]), sizeof *freeze->slices[i]);
        fine = freeze->slices[i];
    }
    if (fine)
        return true;
    choice_table_thaw(table);
    return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, NULL, "no memory to make a snapshot");
}

void choice_table_thaw(struct choice_table *table)
{
    struct choice_freeze *freeze = table->freeze;
    if (!freeze)
        return;
    for (uint32_t i = 0; i < CHOICE_SEGMENTS; i++)
        free(freeze->slices[i]);
    free(freeze->buckets);
    free(freeze->margins);
    free(freeze->notes);
    free(freeze);
    table->freeze = NULL;
    table->rare.keeps_dropped = false;
    choice_table_reclaim(table);
}

bool choice_freeze_needs(const struct choice_table *table, const struct choice_segment *segment)
{
    const struct choice_freeze *freeze = table->freeze;
    for (uint32_t i = freeze ? freeze->segment : CHOICE_SEGMENTS; i < CHOICE_SEGMENTS; i++) {
        if (freeze->images[i] == segment)
            return true;
    }
    return false;
}

static bool make_note_room(struct choice_freeze *freeze)
{
    if (freeze->note_count < freeze->note_size)
        return true;
    if (freeze->note_size == NOTES_MAX)
        return false;
    struct note *notes = realloc(freeze->notes, freeze->note_size * 2 * sizeof *notes);
    if (!notes)
        return false;
    freeze->notes = notes;
    freeze->note_size *= 2;
    return true;
}

void choice_freeze_note(struct choice_table *table, struct choice_segment *segment,
                        struct choice_handle entry)
{
    struct choice_freeze *freeze = table->freeze;
    uint64_t slice = entry.bucket / SLICE;
    if (freeze->images[entry.segment] != segment || entry.segment < freeze->segment ||
        (entry.segment == freeze->segment && slice < freeze->slice))
        return;
    if (freeze->is_lost || !make_note_room(freeze)) {
        freeze->is_lost = true;
        return;
    }
    const struct choice_bucket *bucket = choice_bucket_at(segment, entry.bucket);
    uint32_t *newest = &freeze->slices[entry.segment][slice];
    freeze->notes[freeze->note_count] = (struct note){
        .bucket = entry.bucket,
        .index = (uint8_t)entry.index,
        .choices = atomic_load_explicit(&bucket->choices[entry.index], memory_order_relaxed),
        .order =
            atomic_load_explicit(&choice_order_at(segment, entry.bucket)[entry.index], memory_order_relaxed),
        .made = !atomic_load_explicit(&bucket->tags[entry.index], memory_order_relaxed),
        .next = *newest,
    };
    *newest = ++freeze->note_count;
}

/* ---- writing ---- */

static void put_notes_back(const struct choice_freeze *freeze, uint64_t slice)
{
    uint32_t number = freeze->slices[freeze->segment][slice];
    while (number) {
        const struct note *note = &freeze->notes[number - 1];
        uint64_t place = note->bucket - slice * SLICE;
        struct choice_bucket *bucket = &freeze->buckets[place];
        struct choice_margin *margin = &freeze->margins[place / CHOICE_MARGIN_BUCKETS];
        place %= CHOICE_MARGIN_BUCKETS;
        bucket->choices[note->index] = note->choices;
        margin->order[place][note->index] = note->order;
        if (note->made) {
            bucket->tags[note->index] = 0;
            margin->bits[place][note->index] = 0;
        }
        number = note->next;
    }
}

/* Take the uncommitted out of the copy; *out_rare: how many rare states it has. */
static void keep_committed(const struct choice_freeze *freeze, uint64_t count, uint32_t *out_rare)
{
    *out_rare = 0;
    for (uint64_t i = 0; i < count; i++) {
        _Atomic uint64_t *orders =
            freeze->margins[i / CHOICE_MARGIN_BUCKETS].order[i % CHOICE_MARGIN_BUCKETS];
        for (unsigned j = 0; j < CHOICE_BUCKET_ENTRIES; j++) {
            uint64_t order = atomic_load_explicit(&orders[j], memory_order_relaxed);
            uint64_t choices = atomic_load_explicit(&freeze->buckets[i].choices[j], memory_order_relaxed);
            atomic_store_explicit(&orders[j], choice_entry_order_committed(order), memory_order_relaxed);
            *out_rare += choice_entry_is_rare(choices);
        }
    }
}

static void put_rare(const struct choice_table *table, uint64_t count, struct snapshot_writer *writer)
{
    const struct choice_freeze *freeze = table->freeze;
    for (uint32_t i = 0; i < count; i++) {
        for (unsigned j = 0; j < CHOICE_BUCKET_ENTRIES; j++) {
            uint64_t choices = atomic_load_explicit(&freeze->buckets[i].choices[j], memory_order_relaxed);
            if (!choice_entry_is_rare(choices))
                continue;
            struct rare_place rare;
            memset(&rare, 0, sizeof rare); /* what lies between fields is written too */
            rare.bucket = i;
            rare.index = j;
            rare.state = *choice_rare_at(&table->rare, choice_entry_rare_number(choices));
            rare.state.pending = 0;
            rare.state.pending_count = 0;
            snapshot_put(writer, &rare, sizeof rare);
        }
    }
}

static void save_slice(const struct choice_table *table, struct snapshot_writer *writer)
{
    struct choice_freeze *freeze = table->freeze;
    const struct choice_segment *image = freeze->images[freeze->segment];
    uint64_t count = slice_buckets(image, freeze->slice), margins = choice_margins_for(count);
    uint32_t rare;
    memcpy((void *)freeze->buckets, (const void *)(image->buckets_at + freeze->slice * SLICE),
           count * sizeof *freeze->buckets);
    memcpy((void *)freeze->margins, (const void *)(image->margins + freeze->slice * SLICE_MARGINS),
           margins * sizeof *freeze->margins);
    put_notes_back(freeze, freeze->slice);
    keep_committed(freeze, count, &rare);
    snapshot_put(writer, freeze->buckets, count * sizeof *freeze->buckets);
    snapshot_put(writer, freeze->margins, margins * sizeof *freeze->margins);
    snapshot_put(writer, &rare, sizeof rare);
    put_rare(table, count, writer);
}

static void save_shapes(const struct choice_table *table, struct snapshot_writer *writer)
{
    snapshot_put(writer, &table->shapes.count, sizeof table->shapes.count);
    for (uint32_t i = 0; i < table->shapes.count; i++) {
        struct choice_shape shape = choice_shape_committed(table->shapes.list[i]);
        snapshot_put(writer, &shape, sizeof shape);
    }
}

bool choice_table_save(struct choice_table *table, struct snapshot_writer *writer, bool *out_more,
                       struct error *error)
{
    struct choice_freeze *freeze = table->freeze;
    if (freeze->is_lost)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, NULL,
                          "too many choices changed while the snapshot was written");
    const struct choice_segment *image = freeze->images[freeze->segment];
    if (freeze->segment == 0 && freeze->slice == 0) {
        struct counts counts = {freeze->entries, CHOICE_SEGMENTS, CHOICE_BUCKETS_TAIL, CHOICE_MARGIN_BUCKETS,
                                0};
        snapshot_put(writer, &counts, sizeof counts);
    }
    if (freeze->slice == 0) {
        struct segment_counts counts = {image->buckets, 0};
        snapshot_put(writer, &counts, sizeof counts);
    }
    save_slice(table, writer);
    if (++freeze->slice == slices_of(image)) {
        freeze->slice = 0;
        freeze->segment++;
        choice_table_reclaim(table);
    }
    *out_more = freeze->segment < CHOICE_SEGMENTS;
    if (!*out_more)
        save_shapes(table, writer);
    return true;
}

/* ---- reading ---- */

static uint64_t count_entries(const struct choice_bucket *buckets, uint64_t count)
{
    uint64_t entries = 0;
    for (uint64_t i = 0; i < count; i++) {
        for (unsigned j = 0; j < CHOICE_BUCKET_ENTRIES; j++)
            entries += atomic_load_explicit(&buckets[i].tags[j], memory_order_relaxed) != 0;
    }
    return entries;
}

static bool restore_rare(struct choice_table *table, struct choice_bucket *buckets, uint64_t count,
                         struct snapshot_reader *reader)
{
    uint32_t left, number;
    struct rare_place rare;
    if (!snapshot_get(reader, &left, sizeof left))
        return false;
    for (; left > 0; left--) {
        if (!snapshot_get(reader, &rare, sizeof rare) || rare.bucket >= count ||
            rare.index >= CHOICE_BUCKET_ENTRIES || !choice_rare_put(&table->rare, &rare.state, &number))
            return false;
        _Atomic uint64_t *choices = &buckets[rare.bucket].choices[rare.index];
        uint64_t old = atomic_load_explicit(choices, memory_order_relaxed);
        atomic_store_explicit(choices, choice_entry_rare_renumbered(old, number), memory_order_relaxed);
    }
    return true;
}

static bool restore_segment(struct choice_table *table, uint32_t number, struct snapshot_reader *reader)
{
    struct segment_counts counts;
    if (!snapshot_get(reader, &counts, sizeof counts) || counts.buckets == 0 || counts.buckets > UINT32_MAX)
        return false;
    struct choice_segment *segment = choice_segment_new(table, counts.buckets);
    if (!segment)
        return false;
    choice_segment_free(table, choice_segment_of(table, number));
    atomic_store_explicit(&table->segments[number], segment, memory_order_release);
    for (uint64_t i = 0; i < slices_of(segment); i++) {
        struct choice_bucket *buckets = segment->buckets_at + i * SLICE;
        uint64_t count = slice_buckets(segment, i);
        if (!snapshot_get(reader, buckets, count * sizeof *buckets) ||
            !snapshot_get(reader, segment->margins + i * SLICE_MARGINS,
                          choice_margins_for(count) * sizeof *segment->margins) ||
            !restore_rare(table, buckets, count, reader))
            return false;
        segment->entries += count_entries(buckets, count);
    }
    return true;
}

static bool restore_shapes(struct choice_table *table, struct snapshot_reader *reader)
{
    uint32_t count;
    if (!snapshot_get(reader, &count, sizeof count) || count == 0 || count > CHOICE_SHAPES_MAX)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        struct choice_shape shape;
        if (!snapshot_get(reader, &shape, sizeof shape) ||
            (i > 0 && !choice_shapes_restore(&table->shapes, shape))) /* the first is all zero, and there */
            return false;
    }
    return true;
}

bool choice_table_clear(struct choice_table *table)
{
    choice_table_thaw(table);
    choice_shapes_release(&table->shapes);
    choice_rare_release(&table->rare);
    bool fine = choice_shapes_init(&table->shapes) && choice_rare_init(&table->rare, &table->holds);
    for (uint32_t i = 0; i < CHOICE_SEGMENTS; i++) {
        choice_segment_free(table, choice_segment_of(table, i));
        struct choice_segment *segment = choice_segment_new(table, CHOICE_BUCKETS_FIRST);
        atomic_store_explicit(&table->segments[i], segment, memory_order_release);
        fine &= segment != NULL;
    }
    atomic_store_explicit(&table->entries, 0, memory_order_relaxed);
    return fine;
}

bool choice_table_restore(struct choice_table *table, struct snapshot_reader *reader)
{
    struct counts counts;
    uint64_t entries = 0;
    ensure(choice_table_entries(table) == 0);
    if (!snapshot_get(reader, &counts, sizeof counts) || counts.segments != CHOICE_SEGMENTS ||
        counts.tail != CHOICE_BUCKETS_TAIL || counts.margin_buckets != CHOICE_MARGIN_BUCKETS ||
        counts.entries > table->entries_max)
        return false;
    for (uint32_t i = 0; i < CHOICE_SEGMENTS; i++) {
        if (!restore_segment(table, i, reader))
            return false;
        entries += choice_segment_of(table, i)->entries;
    }
    atomic_store_explicit(&table->entries, entries, memory_order_relaxed);
    atomic_fetch_add_explicit(&table->bytes, choice_rare_bytes(&table->rare), memory_order_relaxed);
    return entries == counts.entries && restore_shapes(table, reader);
}
