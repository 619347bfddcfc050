/*
 * Open addressing by the first eight bytes of the pseudonym, which is a keyed hash; linear probing. The programmes of a
 * subject are entries of their own and stand near each other, so one walk finds them all.
 *
 * An entry is three words: the pseudonym's halves, and together the time, how long before it the choice was made (rounded:
 * it is only measured by) and the programme. The writer sets the first word last
 * (release), and no entry ever goes or moves within an array: a reader that sees the first word sees the entry. A newer
 * choice is one store to the third.
 *
 * Growth copies what is not over into a new array, swaps the pointer and retires the old one, which is freed when no
 * reader holds it: a reader publishes what it uses and looks again whether that is still the current one, both
 * sequentially consistent, so either the reader sees the swap or the writer sees the hold.
 */
#include "stages/publish/retraction_table.h"

#include "common/pages.h"
#include "common/retraction.h"

#include <stdlib.h>
#include <string.h>

enum {
    SLOTS_FIRST = 1 << 10,
    CACHE_LINE = 64,
    PROGRAMME_BITS = 4,
    AGE_BITS =
        12, /* of those a third and more for the power of two, the rest for what follows its first bit */
    AGE_FRACTION_BITS = 6,
    TIME_SHIFT = AGE_BITS + PROGRAMME_BITS,
};

_Static_assert(RECORD_PROGRAMMES_MAX <= 1 << PROGRAMME_BITS, "a programme fits beside the time");
_Static_assert(RETRACTION_TIME_MAX < INT64_C(1) << (64 - TIME_SHIFT), "and so does the time");

struct slot {
    _Atomic uint64_t first; /* of the pseudonym; 0: empty */
    _Atomic uint64_t second;
    _Atomic uint64_t choice; /* time_ms << TIME_SHIFT | age << PROGRAMME_BITS | programme */
};

struct retraction_slots {
    uint64_t capacity; /* a power of two */
    uint64_t number;
    struct retraction_slots *retired_next;
    uint64_t entries; /* the writer's */
    struct slot items[];
};

struct reader {
    _Alignas(CACHE_LINE) _Atomic(const struct retraction_slots *) held;
};

struct retraction_table {
    _Atomic(struct retraction_slots *) current;
    struct retraction_slots *retired; /* the writer's */
    uint64_t entries_max;
    uint64_t numbers;                    /* arrays made so far; the writer's */
    _Atomic uint64_t bytes, entry_count; /* for gauges */
    struct recent recent;
    struct reader *readers;
    unsigned reader_count;
};

static uint64_t slots_size(uint64_t capacity)
{
    return sizeof(struct retraction_slots) + capacity * sizeof(struct slot);
}

static struct retraction_slots *slots_new(struct retraction_table *table, uint64_t capacity)
{
    struct retraction_slots *slots = pages_new(slots_size(capacity));
    if (!slots)
        return NULL;
    slots->capacity = capacity;
    slots->number = ++table->numbers;
    atomic_fetch_add_explicit(&table->bytes, slots_size(capacity), memory_order_relaxed);
    return slots;
}

static void slots_free(struct retraction_table *table, struct retraction_slots *slots)
{
    if (!slots)
        return;
    atomic_fetch_sub_explicit(&table->bytes, slots_size(slots->capacity), memory_order_relaxed);
    pages_free(slots, slots_size(slots->capacity));
}

struct retraction_table *retraction_table_new(uint64_t entries_max, unsigned readers)
{
    ensure(entries_max > 0 && readers > 0);
    struct retraction_table *table = calloc(1, sizeof *table);
    if (!table)
        return NULL;
    table->entries_max = entries_max;
    table->reader_count = readers;
    table->readers = aligned_alloc(CACHE_LINE, readers * sizeof *table->readers);
    struct retraction_slots *slots = slots_new(table, SLOTS_FIRST);
    atomic_init(&table->current, slots);
    if (!table->readers || !slots || !recent_init(&table->recent, RECENT_CHANGES)) {
        retraction_table_free(table);
        return NULL;
    }
    for (unsigned i = 0; i < readers; i++)
        atomic_init(&table->readers[i].held, NULL);
    return table;
}

void retraction_table_free(struct retraction_table *table)
{
    if (!table)
        return;
    while (table->retired) {
        struct retraction_slots *next = table->retired->retired_next;
        slots_free(table, table->retired);
        table->retired = next;
    }
    slots_free(table, atomic_load(&table->current));
    recent_release(&table->recent);
    free(table->readers);
    free(table);
}

/* ---- the third word ---- */

static unsigned programme_of(uint64_t choice)
{
    return choice & ((1u << PROGRAMME_BITS) - 1);
}

static int64_t time_of(uint64_t choice)
{
    return (int64_t)(choice >> TIME_SHIFT);
}

/* A floating-point number without a sign, cut off: below 1 << AGE_FRACTION_BITS as it is, then the power and what follows
 * the first bit. */
static uint64_t age_written(uint64_t age_ms)
{
    unsigned power = 0;
    while (age_ms >> power >= 2u << AGE_FRACTION_BITS)
        power++;
    return age_ms < 1u << AGE_FRACTION_BITS
               ? age_ms
               : ((uint64_t)(power + 1) << AGE_FRACTION_BITS) + (age_ms >> power) - (1u << AGE_FRACTION_BITS);
}

static int64_t age_of(uint64_t choice)
{
    uint64_t age = choice >> PROGRAMME_BITS & ((1u << AGE_BITS) - 1);
    uint64_t fraction = age & ((1u << AGE_FRACTION_BITS) - 1);
    unsigned power = (unsigned)(age >> AGE_FRACTION_BITS);
    return (int64_t)(power == 0 ? fraction : ((1u << AGE_FRACTION_BITS) + fraction) << (power - 1));
}

/* ---- places ---- */

static void halves(const struct pseudonym *subject, uint64_t out_halves[2])
{
    memcpy(out_halves, subject->bytes, PSEUDONYM_SIZE);
    if (!out_halves[0]) /* means empty; one pseudonym in 2^64 shares its place with another */
        out_halves[0] = 1;
}

uint64_t retraction_tag(const struct pseudonym *subject)
{
    uint64_t words[2];
    halves(subject, words);
    return words[0];
}

static uint64_t word(const _Atomic uint64_t *at)
{
    return atomic_load_explicit(at, memory_order_acquire);
}

/* Place of the entry, or the empty one where it would stand. */
static uint64_t place_of(const struct retraction_slots *slots, const uint64_t words[2], unsigned programme)
{
    uint64_t place = words[0] & (slots->capacity - 1);
    for (uint64_t first; (first = word(&slots->items[place].first));
         place = (place + 1) & (slots->capacity - 1)) {
        const struct slot *slot = &slots->items[place];
        if (first == words[0] && word(&slot->second) == words[1] &&
            programme_of(word(&slot->choice)) == programme)
            break;
    }
    return place;
}

/* ---- the writer ---- */

static void store(struct retraction_slots *slots, uint64_t place, const uint64_t words[2], uint64_t choice)
{
    struct slot *slot = &slots->items[place];
    atomic_store_explicit(&slot->second, words[1], memory_order_relaxed);
    atomic_store_explicit(&slot->choice, choice, memory_order_relaxed);
    atomic_store_explicit(&slot->first, words[0], memory_order_release);
    slots->entries++;
}

static bool is_held(const struct retraction_table *table, const struct retraction_slots *slots)
{
    for (unsigned i = 0; i < table->reader_count; i++) {
        if (atomic_load(&table->readers[i].held) == slots)
            return true;
    }
    return false;
}

static void reclaim(struct retraction_table *table)
{
    struct retraction_slots **link = &table->retired;
    while (*link) {
        struct retraction_slots *slots = *link;
        if (is_held(table, slots)) {
            link = &slots->retired_next;
            continue;
        }
        *link = slots->retired_next;
        slots_free(table, slots);
    }
}

static bool is_over(const struct slot *slot, int64_t over_ms)
{
    return time_of(word(&slot->choice)) < over_ms;
}

/* At most half full: a walk for who is not there is short. */
static bool has_room(const struct retraction_slots *slots)
{
    return slots->entries < slots->capacity / 2;
}

static bool copy(struct retraction_table *table, int64_t over_ms, struct error *error)
{
    struct retraction_slots *old = atomic_load_explicit(&table->current, memory_order_relaxed);
    uint64_t live = 0;
    for (uint64_t i = 0; i < old->capacity; i++)
        live += word(&old->items[i].first) && !is_over(&old->items[i], over_ms);
    if (live >= table->entries_max)
        return error_fail(error, EXIT_STATUS_CONFIGURATION, NULL, "raise publish.retractions_max",
                          "more retractions than publish.retractions_max (%llu) allows",
                          (unsigned long long)table->entries_max);
    uint64_t capacity = SLOTS_FIRST;
    while (capacity / 4 <= live) /* at most a quarter full, so that the next copy is far away */
        capacity *= 2;
    struct retraction_slots *slots = slots_new(table, capacity);
    if (!slots)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "give the process more memory",
                          "no memory for more retractions");
    for (uint64_t i = 0; i < old->capacity; i++) {
        const struct slot *slot = &old->items[i];
        uint64_t words[2] = {word(&slot->first), word(&slot->second)};
        if (!words[0] || is_over(slot, over_ms))
            continue;
        uint64_t choice = word(&slot->choice);
        store(slots, place_of(slots, words, programme_of(choice)), words, choice);
    }
    atomic_store(&table->current, slots);
    old->retired_next = table->retired;
    table->retired = old;
    reclaim(table);
    return true;
}

bool retraction_table_put(struct retraction_table *table, const struct pseudonym *subject, unsigned programme,
                          int64_t time_ms, int64_t chosen_ms, int64_t over_ms, struct error *error)
{
    ensure(programme < RECORD_PROGRAMMES_MAX && chosen_ms >= 0 && chosen_ms <= time_ms &&
           time_ms <= RETRACTION_TIME_MAX);
    reclaim(table);
    if (time_ms < over_ms)
        return true;
    uint64_t words[2];
    halves(subject, words);
    struct retraction_slots *slots = atomic_load_explicit(&table->current, memory_order_relaxed);
    uint64_t place = place_of(slots, words, programme);
    uint64_t age = age_written((uint64_t)(time_ms - chosen_ms));
    uint64_t choice = (uint64_t)time_ms << TIME_SHIFT | age << PROGRAMME_BITS | programme;
    if (word(&slots->items[place].first)) {
        if (word(&slots->items[place].choice) >= choice)
            return true;
        atomic_store_explicit(&slots->items[place].choice, choice, memory_order_release);
    } else {
        if (!has_room(slots) || slots->entries >= table->entries_max) {
            if (!copy(table, over_ms, error))
                return false;
            slots = atomic_load_explicit(&table->current, memory_order_relaxed);
            place = place_of(slots, words, programme);
        }
        store(slots, place, words, choice);
        atomic_store_explicit(&table->entry_count, slots->entries, memory_order_relaxed);
    }
    recent_append(&table->recent, words[0]);
    return true;
}

/* ---- readers ---- */

const struct retraction_slots *retraction_table_hold(struct retraction_table *table, unsigned reader)
{
    ensure(reader < table->reader_count);
    const struct retraction_slots *slots;
    do {
        slots = atomic_load(&table->current);
        atomic_store(&table->readers[reader].held, slots);
    } while (slots != atomic_load(&table->current));
    return slots;
}

void retraction_table_yield(struct retraction_table *table, unsigned reader)
{
    ensure(reader < table->reader_count);
    atomic_store(&table->readers[reader].held, NULL);
}

void retraction_slots_prefetch(const struct retraction_slots *slots, const struct pseudonym *subject)
{
    uint64_t words[2];
    halves(subject, words);
    __builtin_prefetch(&slots->items[words[0] & (slots->capacity - 1)]);
}

programme_set retraction_slots_programmes(const struct retraction_slots *slots,
                                          const struct pseudonym *subject)
{
    uint64_t words[2];
    halves(subject, words);
    programme_set programmes = 0;
    uint64_t place = words[0] & (slots->capacity - 1);
    for (uint64_t first; (first = word(&slots->items[place].first));
         place = (place + 1) & (slots->capacity - 1)) {
        if (first == words[0] && word(&slots->items[place].second) == words[1])
            programmes |= (programme_set)(1u << programme_of(word(&slots->items[place].choice)));
    }
    return programmes;
}

int64_t retraction_slots_find(const struct retraction_slots *slots, const struct pseudonym *subject,
                              unsigned programme)
{
    uint64_t words[2];
    halves(subject, words);
    const struct slot *slot = &slots->items[place_of(slots, words, programme)];
    return word(&slot->first) ? time_of(word(&slot->choice)) : RETRACTION_NEVER;
}

int64_t retraction_slots_chosen(const struct retraction_slots *slots, const struct pseudonym *subject,
                                unsigned programme)
{
    uint64_t words[2];
    halves(subject, words);
    const struct slot *slot = &slots->items[place_of(slots, words, programme)];
    ensure(word(&slot->first));
    uint64_t choice = word(&slot->choice); /* once: a newer one may come */
    return time_of(choice) - age_of(choice);
}

bool retraction_slots_tagged(const struct retraction_slots *slots, uint64_t tag,
                             struct pseudonym *out_subject)
{
    uint64_t place = tag & (slots->capacity - 1);
    for (uint64_t first; (first = word(&slots->items[place].first));
         place = (place + 1) & (slots->capacity - 1)) {
        if (first != tag)
            continue;
        uint64_t words[2] = {first, word(&slots->items[place].second)};
        memcpy(out_subject->bytes, words, PSEUDONYM_SIZE);
        return true;
    }
    return false;
}

uint64_t retraction_slots_number(const struct retraction_slots *slots)
{
    return slots->number;
}

bool retraction_slots_next(const struct retraction_slots *slots, uint64_t *cursor,
                           struct pseudonym *out_subject)
{
    while (*cursor < slots->capacity) {
        const struct slot *slot = &slots->items[(*cursor)++];
        uint64_t words[2] = {word(&slot->first)};
        if (!words[0])
            continue;
        words[1] = word(&slot->second);
        memcpy(out_subject->bytes, words, PSEUDONYM_SIZE);
        return true;
    }
    return false;
}

const struct recent *retraction_table_recent(const struct retraction_table *table)
{
    return &table->recent;
}

uint64_t retraction_table_entries(const struct retraction_table *table)
{
    return atomic_load_explicit(&table->entry_count, memory_order_relaxed);
}

uint64_t retraction_table_bytes(const struct retraction_table *table)
{
    return atomic_load_explicit(&table->bytes, memory_order_relaxed);
}
