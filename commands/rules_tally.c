#include "commands/rules_tally.h"

#include <sodium.h>
#include <stdlib.h>

enum { NAME_SIZE_MAX = 255, SLOTS_FIRST = 4096 };

struct entry {
    uint64_t count;
    uint64_t place; /* of the name's bytes */
    uint64_t hash;
    uint8_t size;
    bool app;
};

struct rules_tally {
    struct entry *entries;
    uint32_t *slots; /* number + 1; 0: empty */
    char *names;
    size_t names_size, names_capacity;
    uint32_t entry_count, entry_capacity, slot_count;
    unsigned char key[crypto_shorthash_KEYBYTES]; /* names come from outside: nobody shall plant collisions */
};

static bool no_memory(struct error *error)
{
    return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "take a smaller sample",
                      "no memory for the names");
}

struct rules_tally *rules_tally_new(struct error *error)
{
    struct rules_tally *tally = calloc(1, sizeof *tally);
    if (tally == NULL)
        (void)no_memory(error);
    else
        randombytes_buf(tally->key, sizeof tally->key);
    return tally;
}

void rules_tally_free(struct rules_tally *tally)
{
    if (tally == NULL)
        return;
    free(tally->entries);
    free(tally->slots);
    free(tally->names);
    free(tally);
}

static uint64_t hash_of(const struct rules_tally *tally, struct view name)
{
    unsigned char bytes[crypto_shorthash_BYTES];
    uint64_t hash;
    crypto_shorthash(bytes, (const unsigned char *)name.data, name.size, tally->key);
    memcpy(&hash, bytes, sizeof hash);
    return hash;
}

static struct view name_of(const struct rules_tally *tally, const struct entry *entry)
{
    return (struct view){tally->names + entry->place, entry->size};
}

/* Its slot, or the empty one where it belongs. There are slots. */
static uint32_t *find(const struct rules_tally *tally, bool app, struct view name, uint64_t hash)
{
    for (uint64_t at = hash & (tally->slot_count - 1);; at = (at + 1) & (tally->slot_count - 1)) {
        uint32_t *slot = &tally->slots[at];
        if (*slot == 0)
            return slot;
        const struct entry *entry = &tally->entries[*slot - 1];
        if (entry->hash == hash && entry->app == app && view_equal(name_of(tally, entry), name))
            return slot;
    }
}

static bool grow_slots(struct rules_tally *tally, struct error *error)
{
    uint32_t count = tally->slot_count == 0 ? SLOTS_FIRST : tally->slot_count * 2;
    uint32_t *slots = calloc(count, sizeof *slots);
    if (slots == NULL)
        return no_memory(error);
    for (uint32_t i = 0; i < tally->entry_count; i++) {
        uint64_t at = tally->entries[i].hash & (count - 1);
        while (slots[at] != 0)
            at = (at + 1) & (count - 1);
        slots[at] = i + 1;
    }
    free(tally->slots);
    tally->slots = slots;
    tally->slot_count = count;
    return true;
}

static bool make_room(struct rules_tally *tally, size_t name_size, struct error *error)
{
    if (tally->entry_count >= RULES_TALLY_NAMES_MAX)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "take a smaller sample",
                          "more than %d different names", (int)RULES_TALLY_NAMES_MAX);
    if (tally->entry_count + 1 > tally->slot_count / 4 * 3 && !grow_slots(tally, error))
        return false;
    if (tally->entry_count == tally->entry_capacity) {
        uint32_t capacity = tally->entry_capacity == 0 ? SLOTS_FIRST : tally->entry_capacity * 2;
        struct entry *entries = realloc(tally->entries, capacity * sizeof *entries);
        if (entries == NULL)
            return no_memory(error);
        tally->entries = entries;
        tally->entry_capacity = capacity;
    }
    if (name_size > tally->names_capacity - tally->names_size) {
        size_t capacity = tally->names_capacity == 0 ? 65536 : tally->names_capacity * 2;
        char *names = realloc(tally->names, capacity);
        if (names == NULL)
            return no_memory(error);
        tally->names = names;
        tally->names_capacity = capacity;
    }
    return true;
}

bool rules_tally_add(struct rules_tally *tally, bool app, struct view name, uint64_t count,
                     uint32_t *out_number, struct error *error)
{
    uint64_t hash = hash_of(tally, name);
    ensure(name.size > 0 && name.size <= NAME_SIZE_MAX);
    uint32_t *slot = tally->slot_count == 0 ? NULL : find(tally, app, name, hash);
    if (slot == NULL || *slot == 0) {
        if (!make_room(tally, name.size, error))
            return false;
        slot = find(tally, app, name, hash); /* the slots may be others now */
        tally->entries[tally->entry_count] =
            (struct entry){.place = tally->names_size, .hash = hash, .size = (uint8_t)name.size, .app = app};
        memcpy(tally->names + tally->names_size, name.data, name.size);
        tally->names_size += name.size;
        *slot = ++tally->entry_count;
    }
    tally->entries[*slot - 1].count += count;
    *out_number = *slot - 1;
    return true;
}

bool rules_tally_find(const struct rules_tally *tally, bool app, struct view name, uint32_t *out_number)
{
    const uint32_t *slot = tally->slot_count == 0 ? NULL : find(tally, app, name, hash_of(tally, name));
    if (slot == NULL || *slot == 0)
        return false;
    *out_number = *slot - 1;
    return true;
}

uint32_t rules_tally_names(const struct rules_tally *tally)
{
    return tally->entry_count;
}

struct rules_tally_name rules_tally_at(const struct rules_tally *tally, uint32_t number)
{
    const struct entry *entry = &tally->entries[number];
    return (struct rules_tally_name){name_of(tally, entry), entry->app, entry->count};
}

static int compare_ranks(const void *left, const void *right, void *context)
{
    const struct rules_tally *tally = context;
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    uint64_t count_a = tally->entries[a].count, count_b = tally->entries[b].count;
    return count_a != count_b ? (count_a < count_b) - (count_a > count_b) : (a > b) - (a < b);
}

uint32_t *rules_tally_ranked(const struct rules_tally *tally, bool app, uint32_t *out_count,
                             struct error *error)
{
    uint32_t count = 0;
    uint32_t *numbers = malloc(((size_t)tally->entry_count + 1) * sizeof *numbers);
    if (numbers == NULL) {
        (void)no_memory(error);
        return NULL;
    }
    for (uint32_t i = 0; i < tally->entry_count; i++) {
        if (tally->entries[i].app == app)
            numbers[count++] = i;
    }
    qsort_r(numbers, count, sizeof *numbers, compare_ranks, (void *)(uintptr_t)tally);
    *out_count = count;
    return numbers;
}
