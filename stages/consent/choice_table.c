/*
 * Design. Open addressing in buckets of eight entries. A bucket is two cache lines: eight tags, and eight words that say
 * everything that a decision needs (choice_entry.h); what only the writer reads stands apart. Where a bucket stands
 * follows from the pseudonym alone, so its lines are fetched at once: a look-up waits for memory once, found or not, and
 * several look-ups wait together.
 *
 * An entry goes to the first empty place of its bucket or of those behind it, and stays there until its segment grows.
 * A walk goes on behind its first bucket only where that says that somebody had to go on (MOVED), and ends at a bucket with
 * an empty place. The bucket's number is place bits * buckets / 2^32, so entries stand in the
 * order of their bits but for the overflow, and growth walks old and new memory forwards. A tail of buckets behind the
 * last spares wrapping around.
 *
 * A subject is recognised by 63 bits in the entry and by its bucket. The pseudonym is a keyed hash, so nobody can choose
 * collisions; with 20 million entries and a billion subjects looked up, a chance match has a probability of 10^-9.
 *
 * Growth: sixteen segments, by the first bits, each with a pointer. The writer fills a larger segment, swaps the pointer
 * and drops the old one when no reader holds the table as it was (choice_holds.h). A reader that looks at the old one
 * meanwhile misses changes that came after its hold, which the barrier catches.
 */
#include "stages/consent/choice_table.h"

#include "common/pages.h"
#include "stages/consent/choice_snapshot.h"
#include "stages/consent/choice_table_internal.h"

#include <stdlib.h>

/* In the first tag of a bucket: entries that belong there stand elsewhere. */
#define MOVED (UINT64_C(1) << 63)

enum {
    BUCKETS_SLOWLY = 1 << 13, /* from here growth is by a seventh instead of a half: memory, not speed */
    FULL_PERCENT = 84,
    GROWTH_MAX = 8,
};

/* ---- segments ---- */

static uint64_t margins_from(uint64_t buckets)
{
    uint64_t bytes = (buckets + CHOICE_BUCKETS_TAIL) * sizeof(struct choice_bucket);
    return (bytes + CHOICE_MARGIN_BYTES - 1) / CHOICE_MARGIN_BYTES * CHOICE_MARGIN_BYTES;
}

static uint64_t segment_bytes(uint64_t buckets)
{
    return margins_from(buckets) +
           choice_margins_for(buckets + CHOICE_BUCKETS_TAIL) * sizeof(struct choice_margin);
}

static void add_bytes(struct choice_table *table, uint64_t bytes)
{
    atomic_fetch_add_explicit(&table->bytes, bytes, memory_order_relaxed);
}

struct choice_segment *choice_segment_new(struct choice_table *table, uint64_t buckets)
{
    struct choice_segment *segment = calloc(1, sizeof *segment);
    if (!segment)
        return NULL;
    segment->buckets = buckets;
    char *memory = pages_new(segment_bytes(buckets));
    if (!memory) {
        free(segment);
        return NULL;
    }
    segment->buckets_at = (struct choice_bucket *)memory;
    segment->margins = (struct choice_margin *)(memory + margins_from(buckets));
    add_bytes(table, segment_bytes(buckets));
    return segment;
}

void choice_segment_free(struct choice_table *table, struct choice_segment *segment)
{
    if (!segment)
        return;
    add_bytes(table, -segment_bytes(segment->buckets));
    pages_free(segment->buckets_at, segment_bytes(segment->buckets));
    free(segment);
}

struct choice_table *choice_table_new(uint64_t entries_max, unsigned readers)
{
    ensure(entries_max > 0 && entries_max < UINT32_MAX && readers > 0);
    struct choice_table *table = calloc(1, sizeof *table);
    if (!table)
        return NULL;
    table->entries_max = entries_max;
    bool fine = choice_holds_init(&table->holds, readers) && choice_shapes_init(&table->shapes) &&
                choice_rare_init(&table->rare, &table->holds);
    for (unsigned i = 0; fine && i < CHOICE_SEGMENTS; i++) {
        struct choice_segment *segment = choice_segment_new(table, CHOICE_BUCKETS_FIRST);
        atomic_init(&table->segments[i], segment);
        fine = segment;
    }
    if (fine)
        return table;
    choice_table_free(table);
    return NULL;
}

void choice_table_free(struct choice_table *table)
{
    if (!table)
        return;
    choice_table_thaw(table);
    while (table->dropped) {
        struct choice_segment *next = table->dropped->dropped_next;
        choice_segment_free(table, table->dropped);
        table->dropped = next;
    }
    for (unsigned i = 0; i < CHOICE_SEGMENTS; i++)
        choice_segment_free(table, choice_segment_of(table, i));
    choice_shapes_release(&table->shapes);
    choice_rare_release(&table->rare);
    choice_holds_release(&table->holds);
    free(table);
}

/* ---- places ---- */

struct place {
    uint32_t segment, bits;
    uint64_t tag;
};

static inline struct place place_of(const struct pseudonym *pseudonym)
{
    uint32_t bits;
    uint64_t tag = choice_table_tag(pseudonym);
    memcpy(&bits, pseudonym->bytes, sizeof bits);
    return (struct place){
        .segment = bits / (UINT32_MAX / CHOICE_SEGMENTS + 1),
        .bits = bits * CHOICE_SEGMENTS | pseudonym->bytes[sizeof bits] % CHOICE_SEGMENTS,
        .tag = tag & ~MOVED ? tag & ~MOVED : 1,
    };
}

static inline uint64_t bucket_of(const struct choice_segment *segment, uint32_t bits)
{
    return (uint64_t)bits * segment->buckets >> 32;
}

/* What a bucket says about a subject. */
struct found {
    unsigned index; /* the subject's place; CHOICE_BUCKET_ENTRIES: it is not there */
    unsigned empty; /* the first empty place; CHOICE_BUCKET_ENTRIES: it is full */
    bool moved;     /* somebody had to go on */
};

static inline struct found find_in(const struct choice_bucket *bucket, uint64_t tag)
{
    unsigned same = 1u << CHOICE_BUCKET_ENTRIES, empty = 1u << CHOICE_BUCKET_ENTRIES;
    uint64_t first = atomic_load_explicit(&bucket->tags[0], memory_order_acquire);
    same |= (first & ~MOVED) == tag;
    empty |= first == 0;
#pragma GCC unroll 8
    for (unsigned i = 1; i < CHOICE_BUCKET_ENTRIES; i++) {
        uint64_t other = atomic_load_explicit(&bucket->tags[i], memory_order_acquire);
        same |= (unsigned)(other == tag) << i;
        empty |= (unsigned)(other == 0) << i;
    }
    return (struct found){(unsigned)__builtin_ctz(same), (unsigned)__builtin_ctz(empty), first & MOVED};
}

/* Where the subject stands, or (false) the bucket where that is known, and its first empty place. */
static inline bool walk(const struct choice_segment *segment, struct place place, uint64_t *out_bucket,
                        unsigned *out_index)
{
    uint64_t number = bucket_of(segment, place.bits);
    struct found found = find_in(choice_bucket_at(segment, number), place.tag);
    bool goes_on = found.moved;
    while (goes_on && found.index == CHOICE_BUCKET_ENTRIES && found.empty == CHOICE_BUCKET_ENTRIES)
        found = find_in(choice_bucket_at(segment, ++number), place.tag);
    bool is_there = found.index < CHOICE_BUCKET_ENTRIES;
    *out_bucket = number;
    *out_index = is_there ? found.index : found.empty;
    return is_there;
}

/* ---- the writer ---- */

void choice_table_reclaim(struct choice_table *table)
{
    choice_rare_reclaim(&table->rare);
    if (!table->dropped)
        return;
    uint64_t earliest = choice_holds_earliest(&table->holds);
    struct choice_segment **link = &table->dropped;
    while (*link) {
        struct choice_segment *segment = *link;
        if (segment->dropped_at >= earliest || choice_freeze_needs(table, segment)) {
            link = &segment->dropped_next;
            continue;
        }
        *link = segment->dropped_next;
        choice_segment_free(table, segment);
    }
}

/* The first empty place from that bucket on. False: the tail is full. */
static bool find_empty(const struct choice_segment *segment, uint64_t from, uint64_t *out_bucket,
                       unsigned *out_index)
{
    enum { LAST = CHOICE_BUCKET_ENTRIES - 1 };
    const struct choice_bucket *bucket = choice_bucket_at(segment, from);
    while (atomic_load_explicit(&bucket->tags[LAST], memory_order_relaxed))
        bucket = choice_bucket_at(segment, ++from);
    unsigned index = LAST;
    while (index > 0 && !atomic_load_explicit(&bucket->tags[index - 1], memory_order_relaxed))
        index--;
    *out_bucket = from;
    *out_index = index;
    return from < choice_last_bucket(segment);
}

struct words {
    uint64_t tag, choices, order;
    uint32_t bits;
};

static void put_words(struct choice_segment *segment, uint64_t number, unsigned index,
                      const struct words *words)
{
    struct choice_bucket *bucket = choice_bucket_at(segment, number);
    atomic_store_explicit(&bucket->choices[index], words->choices, memory_order_relaxed);
    atomic_store_explicit(&choice_order_at(segment, number)[index], words->order, memory_order_relaxed);
    choice_bits_at(segment, number)[index] = words->bits;
    uint64_t home = bucket_of(segment, words->bits);
    if (home != number) {
        _Atomic uint64_t *first = &choice_bucket_at(segment, home)->tags[0];
        atomic_store_explicit(first, atomic_load_explicit(first, memory_order_relaxed) | MOVED,
                              memory_order_release);
    }
    atomic_store_explicit(&bucket->tags[index], words->tag, memory_order_release);
    segment->entries++;
}

/* False: a run of full buckets reached the end. */
static bool copy_bucket(const struct choice_segment *from, uint64_t number, struct choice_segment *to)
{
    const struct choice_bucket *bucket = choice_bucket_at(from, number);
    for (unsigned i = 0; i < CHOICE_BUCKET_ENTRIES; i++) {
        struct words words = {
            .tag = atomic_load_explicit(&bucket->tags[i], memory_order_relaxed),
            .choices = atomic_load_explicit(&bucket->choices[i], memory_order_relaxed),
            .order = atomic_load_explicit(&choice_order_at(from, number)[i], memory_order_relaxed),
            .bits = choice_bits_at(from, number)[i],
        };
        uint64_t place;
        unsigned index;
        if (!words.tag)
            break;
        words.tag &= ~MOVED;
        if (!find_empty(to, bucket_of(to, words.bits), &place, &index))
            return false;
        put_words(to, place, index, &words);
    }
    return true;
}

void choice_table_expect(struct choice_table *table, uint64_t entries)
{
    table->expected = entries;
}

static uint64_t buckets_for(uint64_t entries)
{
    return entries * 100 / (CHOICE_BUCKET_ENTRIES * FULL_PERCENT);
}

/* Of the next larger segment. At most GROWTH_MAX times as many, whatever is expected: so much can be wrong with it. */
static uint64_t more_buckets(const struct choice_table *table, uint64_t buckets)
{
    uint64_t next = buckets + (buckets < BUCKETS_SLOWLY ? buckets / 2 : buckets / 7);
    uint64_t expected = buckets_for(table->expected / CHOICE_SEGMENTS);
    expected += expected / 64; /* segments are not quite alike */
    expected = expected < GROWTH_MAX * buckets ? expected : GROWTH_MAX * buckets;
    return expected > next ? expected : next;
}

/* A segment of so many buckets in the place of another. False: memory is short (*out_short), or it is too small. */
static bool resize(struct choice_table *table, uint32_t number, uint64_t buckets, bool *out_short)
{
    struct choice_segment *old = choice_segment_of(table, number);
    struct choice_segment *segment = choice_segment_new(table, buckets);
    bool fine = segment;
    *out_short = !segment;
    for (uint64_t i = 0; fine && i <= choice_last_bucket(old); i++)
        fine = copy_bucket(old, i, segment);
    if (!fine) {
        choice_segment_free(table, segment);
        return false;
    }
    atomic_store(&table->segments[number], segment);
    old->dropped_at = choice_holds_drop(&table->holds);
    old->dropped_next = table->dropped;
    table->dropped = old;
    choice_table_reclaim(table);
    return true;
}

static bool grow(struct choice_table *table, uint32_t number, struct error *error)
{
    uint64_t buckets = choice_segment_of(table, number)->buckets;
    bool is_short;
    do {
        buckets = more_buckets(table, buckets);
    } while (!resize(table, number, buckets, &is_short) && !is_short);
    return !is_short || error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "give the process more memory",
                                   "no memory for the consent table to grow");
}

void choice_table_fit(struct choice_table *table)
{
    table->expected = 0;
    for (uint32_t i = 0; i < CHOICE_SEGMENTS; i++) {
        const struct choice_segment *segment = choice_segment_of(table, i);
        uint64_t enough = buckets_for(segment->entries);
        bool is_short;
        if (segment->buckets > CHOICE_BUCKETS_FIRST && segment->buckets > enough + enough / 7)
            (void)!resize(table, i, enough + enough / 16 + 1, &is_short); /* else it stays as it is */
    }
}

static bool is_full(const struct choice_segment *segment)
{
    return segment->entries * 100 >= segment->buckets * CHOICE_BUCKET_ENTRIES * FULL_PERCENT;
}

/* An empty place for the subject, which is not there: at (bucket, index), unless that is no place or the table must grow. */
static bool make_place(struct choice_table *table, struct place place, uint64_t *bucket, unsigned *index,
                       struct error *error)
{
    struct choice_segment *segment = choice_segment_of(table, place.segment);
    bool fine = !is_full(segment) &&
                (*index < CHOICE_BUCKET_ENTRIES || find_empty(segment, *bucket + 1, bucket, index)) &&
                *bucket < choice_last_bucket(segment);
    while (!fine) {
        if (!grow(table, place.segment, error))
            return false;
        segment = choice_segment_of(table, place.segment);
        fine = find_empty(segment, bucket_of(segment, place.bits), bucket, index);
    }
    return true;
}

bool choice_table_entry(struct choice_table *table, const struct pseudonym *pseudonym,
                        struct choice_handle *out_entry, struct error *error)
{
    struct place place = place_of(pseudonym);
    struct choice_segment *segment = choice_segment_of(table, place.segment);
    uint64_t bucket;
    unsigned index;
    bool is_there = walk(segment, place, &bucket, &index);
    if (!is_there) {
        uint64_t entries = atomic_load_explicit(&table->entries, memory_order_relaxed);
        if (entries == table->entries_max)
            return error_fail(error, EXIT_STATUS_CONFIGURATION, NULL, "raise consent.entries_max",
                              "more consent entries than consent.entries_max (%llu) allows",
                              (unsigned long long)table->entries_max);
        if (!make_place(table, place, &bucket, &index, error))
            return false;
        segment = choice_segment_of(table, place.segment);
        if (table->freeze)
            choice_freeze_note(table, segment, (struct choice_handle){place.segment, index, bucket});
        put_words(segment, bucket, index, &(struct words){.tag = place.tag, .bits = place.bits});
        atomic_store_explicit(&table->entries, entries + 1, memory_order_relaxed);
    }
    out_entry->segment = place.segment;
    out_entry->index = index;
    out_entry->bucket = bucket;
    return true;
}

static void unpack(const struct choice_table *table, uint64_t choices, uint64_t order,
                   struct choice_state *out_state)
{
    if (choice_entry_is_empty(choices, order))
        *out_state = (struct choice_state){0}; /* of a new entry, mostly */
    else if (choice_entry_is_rare(choices))
        *out_state = *choice_rare_at(&table->rare, choice_entry_rare_number(choices));
    else
        choice_entry_unpack(&table->shapes, choices, order, out_state);
}

bool choice_table_load(const struct choice_table *table, struct choice_handle entry,
                       struct choice_state *out_state)
{
    const struct choice_segment *segment = choice_segment_of(table, entry.segment);
    uint64_t choices = atomic_load_explicit(&choice_bucket_at(segment, entry.bucket)->choices[entry.index],
                                            memory_order_relaxed);
    uint64_t order =
        atomic_load_explicit(&choice_order_at(segment, entry.bucket)[entry.index], memory_order_relaxed);
    unpack(table, choices, order, out_state);
    return !choice_entry_is_empty(choices, order);
}

void choice_table_store(struct choice_table *table, struct choice_handle entry,
                        const struct choice_state *state)
{
    ensure(state->effective_ms >= 0 && state->effective_ms <= CHOICE_EFFECTIVE_MS_MAX);
    ensure(state->before_until_ms >= 0 && state->before_until_ms <= CHOICE_EFFECTIVE_MS_MAX);
    ensure(state->pending_count <= CHOICE_ENTRY_PENDING_MAX && !(state->in & state->out));
    struct choice_segment *segment = choice_segment_of(table, entry.segment);
    _Atomic uint64_t *choices_at = &choice_bucket_at(segment, entry.bucket)->choices[entry.index];
    _Atomic uint64_t *order_at = &choice_order_at(segment, entry.bucket)[entry.index];
    uint64_t before = atomic_load_explicit(choices_at, memory_order_relaxed), choices, order = 0;
    if (table->freeze)
        choice_freeze_note(table, segment, entry);
    if (!choice_entry_pack(&table->shapes, state, &choices, &order)) {
        uint32_t rare;
        uint64_t bytes = choice_rare_bytes(&table->rare);
        ensure(choice_rare_put(&table->rare, state, &rare)); /* no memory: nothing can be decided any more */
        add_bytes(table, choice_rare_bytes(&table->rare) - bytes);
        choices = choice_entry_rare(rare);
    }
    choice_entry_store(choices_at, order_at, choices, order);
    if (choice_entry_is_rare(before))
        choice_rare_drop(&table->rare, choice_entry_rare_number(before));
}

/* What takes longest can be the translation of an address, and an instruction that fetches waits for it in its place; side
 * by side they wait together. So one line of each page comes first, with nothing in between, and the others later: a
 * processor has only so many lines on their way, and what is more it forgets. */
void choice_table_approach(const struct choice_table *table, const struct pseudonym *const *pseudonyms,
                           unsigned count)
{
    const struct choice_bucket *buckets[CHOICE_APPROACH_MAX];
    const _Atomic uint64_t *orders[CHOICE_APPROACH_MAX];
    ensure(count <= CHOICE_APPROACH_MAX);
    for (unsigned i = 0; i < count; i++) {
        struct place place = place_of(pseudonyms[i]);
        const struct choice_segment *segment = choice_segment_of(table, place.segment);
        uint64_t number = bucket_of(segment, place.bits);
        buckets[i] = choice_bucket_at(segment, number);
        orders[i] = choice_order_at(segment, number);
    }
    for (unsigned i = 0; i < count; i++) {
        __builtin_prefetch((const void *)buckets[i]->tags, 1);
        __builtin_prefetch((const void *)orders[i], 1);
    }
}

void choice_table_prefetch_entry(const struct choice_table *table, const struct pseudonym *pseudonym)
{
    struct place place = place_of(pseudonym);
    const struct choice_segment *segment = choice_segment_of(table, place.segment);
    uint64_t number = bucket_of(segment, place.bits);
    __builtin_prefetch((const void *)choice_bucket_at(segment, number)->choices, 1);
    __builtin_prefetch((const void *)choice_bits_at(segment, number), 1);
}

/* ---- readers ---- */

void choice_table_hold(struct choice_table *table, unsigned reader)
{
    choice_holds_enter(&table->holds, reader);
}

void choice_table_yield(struct choice_table *table, unsigned reader)
{
    choice_holds_leave(&table->holds, reader);
}

void choice_table_prefetch(const struct choice_table *table, const struct pseudonym *pseudonym)
{
    struct place place = place_of(pseudonym);
    const struct choice_segment *segment = choice_segment_of(table, place.segment);
    uint64_t number = bucket_of(segment, place.bits);
    const struct choice_bucket *bucket = choice_bucket_at(segment, number);
    __builtin_prefetch((const void *)bucket->tags);
    __builtin_prefetch((const void *)bucket->choices);
    __builtin_prefetch(
        (const void *)choice_bucket_at(segment, number + 1)->tags); /* where a full one goes on */
}

bool choice_table_find(const struct choice_table *table, const struct pseudonym *pseudonym,
                       struct choice_state *out_state)
{
    struct place place = place_of(pseudonym);
    const struct choice_segment *segment = choice_segment_of(table, place.segment);
    uint64_t bucket;
    unsigned index;
    if (!walk(segment, place, &bucket, &index))
        return false;
    unpack(table,
           atomic_load_explicit(&choice_bucket_at(segment, bucket)->choices[index], memory_order_acquire), 0,
           out_state);
    return true;
}

bool choice_table_find_whole(const struct choice_table *table, const struct pseudonym *pseudonym,
                             struct choice_state *out_state)
{
    struct place place = place_of(pseudonym);
    const struct choice_segment *segment = choice_segment_of(table, place.segment);
    uint64_t bucket, choices, order;
    unsigned index;
    if (!walk(segment, place, &bucket, &index))
        return false;
    choice_entry_load(&choice_bucket_at(segment, bucket)->choices[index],
                      &choice_order_at(segment, bucket)[index], &choices, &order);
    unpack(table, choices, order, out_state);
    return true;
}

/* ---- anybody ---- */

uint64_t choice_table_entries(const struct choice_table *table)
{
    return atomic_load_explicit(&table->entries, memory_order_relaxed);
}

uint64_t choice_table_bytes(const struct choice_table *table)
{
    return atomic_load_explicit(&table->bytes, memory_order_relaxed);
}
