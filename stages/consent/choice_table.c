/*
 * Design. Two layers. `slots` is an open-addressing array of 8-byte words, (32 bits of the pseudonym, number of the
 * entry): small, so a subject without an entry, the common case, costs one cache line, and growing copies little.
 * The entries (choice_entry.h) stand in chunks that never move, so a reader with an old slots array still sees every
 * change of an entry that was there when it took hold.
 *
 * Words are in the order of their bits, and a word's place is bits * capacity / 2^32 or the next ones: a walk ends at the
 * first word that is not smaller, after 3 words on average at 80 % load, found or not (an unordered array takes 13 for
 * who is not in it). A new word moves those behind it up by one, from the last on, so that a reader, who walks upwards,
 * meets every word at its old place or at its new one. Places go on for a tail behind the capacity, so nothing wraps
 * around, and growth walks both arrays forwards.
 *
 * A subject is recognised by 96 bits: 32 in the slot and 64 in the entry. The pseudonym is a keyed hash, so nobody can
 * choose collisions; with 20 million entries and a billion subjects looked up, a chance match has a probability of 3 *
 * 10^-13.
 *
 * Growth: the writer fills a new slots array, swaps the pointer and retires the old one. A reader publishes the
 * pointer that it uses in `held` (a hazard pointer) and looks again whether it is still the current one; the writer
 * frees a retired array when it is in no reader's `held`. Both use sequentially consistent operations, so either the
 * reader sees the swap or the writer sees the hold.
 */
#include "stages/consent/choice_table.h"

#include "common/pages.h"
#include "stages/consent/choice_entry.h"

#include <stdatomic.h>
#include <stdlib.h>

enum {
    CHUNK_ENTRIES = 1 << 18, /* 10 MiB: five huge pages */
    SLOTS_FIRST = 1 << 12,
    SLOTS_SLOWLY = 1 << 20, /* from here growth is by a quarter instead of a half: memory, not speed */
    SLOTS_TAIL = 512,       /* far beyond any cluster of words; the last one stays empty */
    CACHE_LINE = 64,
};

struct chunk {
    struct choice_entry entries[CHUNK_ENTRIES];
};

struct choice_slots {
    uint64_t capacity;
    struct choice_slots *retired_next;
    _Atomic uint64_t words[]; /* 0: empty; else 32 bits of the pseudonym above the entry's number + 1 */
};

struct reader {
    _Alignas(CACHE_LINE) _Atomic(const struct choice_slots *) held;
};

struct choice_table {
    _Atomic(struct choice_slots *) current;
    struct chunk **chunks; /* chunk_max of them, made as needed */
    uint64_t entries_max;
    _Atomic uint64_t entries;
    _Atomic uint64_t bytes;
    struct choice_slots *retired; /* the writer's own */
    struct reader *readers;
    unsigned reader_count;
};

static uint32_t place_bits(const struct pseudonym *pseudonym)
{
    uint32_t bits;
    memcpy(&bits, pseudonym->bytes, sizeof bits);
    return bits;
}

static uint64_t place_of(const struct choice_slots *slots, uint32_t bits)
{
    return (uint64_t)bits * slots->capacity >> 32;
}

static struct choice_entry *entry_at(const struct choice_table *table, uint32_t entry)
{
    return &table->chunks[entry / CHUNK_ENTRIES]->entries[entry % CHUNK_ENTRIES];
}

static void add_bytes(struct choice_table *table, uint64_t bytes)
{
    atomic_fetch_add_explicit(&table->bytes, bytes, memory_order_relaxed);
}

static uint64_t slots_bytes(uint64_t capacity)
{
    return sizeof(struct choice_slots) + (capacity + SLOTS_TAIL) * sizeof(uint64_t);
}

static struct choice_slots *slots_new(uint64_t capacity)
{
    struct choice_slots *slots = pages_new(slots_bytes(capacity));
    if (slots)
        slots->capacity = capacity;
    return slots;
}

static void slots_free(struct choice_slots *slots)
{
    if (slots)
        pages_free(slots, slots_bytes(slots->capacity));
}

struct choice_table *choice_table_new(uint64_t entries_max, unsigned readers)
{
    ensure(entries_max > 0 && entries_max < UINT32_MAX && readers > 0);
    struct choice_table *table = calloc(1, sizeof *table);
    if (!table)
        return NULL;
    uint64_t chunk_max = (entries_max + CHUNK_ENTRIES - 1) / CHUNK_ENTRIES;
    struct choice_slots *slots = slots_new(SLOTS_FIRST);
    table->chunks = calloc(chunk_max, sizeof *table->chunks);
    table->readers = aligned_alloc(CACHE_LINE, readers * sizeof *table->readers);
    table->entries_max = entries_max;
    table->reader_count = readers;
    atomic_init(&table->current, slots);
    if (!slots || !table->chunks || !table->readers) {
        choice_table_free(table);
        return NULL;
    }
    for (unsigned i = 0; i < readers; i++)
        atomic_init(&table->readers[i].held, NULL);
    add_bytes(table, slots_bytes(SLOTS_FIRST) + chunk_max * sizeof *table->chunks);
    return table;
}

void choice_table_free(struct choice_table *table)
{
    if (!table)
        return;
    while (table->retired) {
        struct choice_slots *next = table->retired->retired_next;
        slots_free(table->retired);
        table->retired = next;
    }
    uint64_t chunk_max = (table->entries_max + CHUNK_ENTRIES - 1) / CHUNK_ENTRIES;
    for (uint64_t i = 0; table->chunks && i < chunk_max && table->chunks[i]; i++)
        pages_free(table->chunks[i], sizeof *table->chunks[i]);
    slots_free(atomic_load(&table->current));
    free(table->chunks);
    free(table->readers);
    free(table);
}

/* ---- the writer ---- */

static uint64_t word_at(const struct choice_slots *slots, uint64_t place)
{
    return atomic_load_explicit(&slots->words[place], memory_order_acquire);
}

static void set_word(struct choice_slots *slots, uint64_t place, uint64_t word)
{
    atomic_store_explicit(&slots->words[place], word, memory_order_release);
}

/* First place from the bits' own on whose word is empty or has bits that are not smaller. */
static uint64_t first_place(const struct choice_slots *slots, uint32_t bits)
{
    uint64_t place = place_of(slots, bits);
    uint64_t word;
    while ((word = word_at(slots, place)) && word >> 32 < bits)
        place++;
    return place;
}

/* False: the tail is full. */
static bool put_word(struct choice_slots *slots, uint64_t word)
{
    uint64_t place = first_place(slots, (uint32_t)(word >> 32));
    uint64_t end = place;
    while (word_at(slots, end))
        end++;
    if (end + 1 == slots->capacity + SLOTS_TAIL)
        return false;
    for (; end > place; end--)
        set_word(slots, end, word_at(slots, end - 1));
    set_word(slots, place, word);
    return true;
}

static bool is_held(const struct choice_table *table, const struct choice_slots *slots)
{
    for (unsigned i = 0; i < table->reader_count; i++) {
        if (atomic_load(&table->readers[i].held) == slots)
            return true;
    }
    return false;
}

void choice_table_reclaim(struct choice_table *table)
{
    struct choice_slots **link = &table->retired;
    while (*link) {
        struct choice_slots *slots = *link;
        if (is_held(table, slots)) {
            link = &slots->retired_next;
            continue;
        }
        *link = slots->retired_next;
        add_bytes(table, -slots_bytes(slots->capacity));
        slots_free(slots);
    }
}

static bool has_room(const struct choice_slots *slots, uint64_t entries)
{
    return entries < slots->capacity - slots->capacity / 5;
}

static bool grow(struct choice_table *table, struct error *error)
{
    struct choice_slots *old = atomic_load_explicit(&table->current, memory_order_relaxed);
    uint64_t step = old->capacity < SLOTS_SLOWLY ? old->capacity / 2 : old->capacity / 4;
    struct choice_slots *slots = slots_new(old->capacity + step);
    if (!slots)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "give the process more memory",
                          "no memory for the consent table to grow");
    add_bytes(table, slots_bytes(slots->capacity));
    uint64_t next = 0; /* words come in their order, so each stands behind the one before */
    for (uint64_t i = 0; i < old->capacity + SLOTS_TAIL; i++) {
        uint64_t word = word_at(old, i);
        if (!word)
            continue;
        uint64_t place = place_of(slots, (uint32_t)(word >> 32));
        next = place > next ? place : next;
        ensure(next + 1 < slots->capacity + SLOTS_TAIL);
        set_word(slots, next++, word);
    }
    atomic_store(&table->current, slots);
    old->retired_next = table->retired;
    table->retired = old;
    choice_table_reclaim(table);
    return true;
}

/* Number + 1 of the subject's entry, 0 when there is none. */
static uint32_t find_entry(const struct choice_table *table, const struct choice_slots *slots,
                           const struct pseudonym *pseudonym)
{
    uint32_t bits = place_bits(pseudonym);
    uint64_t tag = choice_table_tag(pseudonym);
    for (uint64_t place = place_of(slots, bits);; place++) { /* each word is looked at once: it may move on */
        uint64_t word = word_at(slots, place);
        if (!word || word >> 32 > bits)
            return 0;
        if (word >> 32 == bits && entry_at(table, (uint32_t)word - 1)->tag == tag)
            return (uint32_t)word;
    }
}

static bool make_chunk(struct choice_table *table, uint64_t entry, struct error *error)
{
    struct chunk **chunk = &table->chunks[entry / CHUNK_ENTRIES];
    if (*chunk)
        return true;
    *chunk = pages_new(sizeof **chunk);
    if (!*chunk)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "give the process more memory",
                          "no memory for more consent entries");
    add_bytes(table, sizeof **chunk);
    return true;
}

bool choice_table_entry(struct choice_table *table, const struct pseudonym *pseudonym, uint32_t *out_entry,
                        struct error *error)
{
    struct choice_slots *slots = atomic_load_explicit(&table->current, memory_order_relaxed);
    uint32_t found = find_entry(table, slots, pseudonym);
    if (found) {
        *out_entry = found - 1;
        return true;
    }
    uint64_t entries = atomic_load_explicit(&table->entries, memory_order_relaxed);
    if (entries == table->entries_max)
        return error_fail(error, EXIT_STATUS_CONFIGURATION, NULL, "raise consent.entries_max",
                          "more consent entries than consent.entries_max (%llu) allows",
                          (unsigned long long)table->entries_max);
    if (!has_room(slots, entries) && !grow(table, error))
        return false;
    if (!make_chunk(table, entries, error))
        return false;
    entry_at(table, (uint32_t)entries)->tag = choice_table_tag(pseudonym);
    uint64_t word = (uint64_t)place_bits(pseudonym) << 32 | (entries + 1);
    while (!put_word(atomic_load_explicit(&table->current, memory_order_relaxed), word)) {
        if (!grow(table, error))
            return false;
    }
    atomic_store_explicit(&table->entries, entries + 1, memory_order_relaxed);
    *out_entry = (uint32_t)entries;
    return true;
}

void choice_table_load(const struct choice_table *table, uint32_t entry, struct choice_state *out_state)
{
    choice_entry_load(entry_at(table, entry), out_state);
}

void choice_table_store(struct choice_table *table, uint32_t entry, const struct choice_state *state)
{
    choice_entry_store(entry_at(table, entry), state);
}

/* ---- readers ---- */

const struct choice_slots *choice_table_hold(struct choice_table *table, unsigned reader)
{
    ensure(reader < table->reader_count);
    const struct choice_slots *slots;
    do {
        slots = atomic_load(&table->current);
        atomic_store(&table->readers[reader].held, slots);
    } while (slots != atomic_load(&table->current));
    return slots;
}

void choice_table_yield(struct choice_table *table, unsigned reader)
{
    ensure(reader < table->reader_count);
    atomic_store(&table->readers[reader].held, NULL);
}

void choice_table_prefetch_place(const struct choice_slots *slots, const struct pseudonym *pseudonym)
{
    __builtin_prefetch((const void *)&slots->words[place_of(slots, place_bits(pseudonym))]);
}

void choice_table_prefetch_entry(const struct choice_table *table, const struct choice_slots *slots,
                                 const struct pseudonym *pseudonym)
{
    uint32_t bits = place_bits(pseudonym);
    uint64_t word = word_at(slots, first_place(slots, bits));
    if (word && word >> 32 == bits)
        __builtin_prefetch(entry_at(table, (uint32_t)word - 1));
}

bool choice_table_find(const struct choice_table *table, const struct choice_slots *slots,
                       const struct pseudonym *pseudonym, struct choice_state *out_state)
{
    uint32_t found = find_entry(table, slots, pseudonym);
    if (!found)
        return false;
    choice_entry_read(entry_at(table, found - 1), out_state);
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
