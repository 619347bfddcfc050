/* Design: open addressing, linear probing, at most three quarters full; doubles. A hash is spread once more, so that
 * whoever adds numbers that are near each other loses nothing. */
#include "commands/rules_set.h"

#include <stdlib.h>

enum { CAPACITY_FIRST = 1024 };

static uint64_t spread(uint64_t hash)
{
    hash ^= hash >> 33;
    hash *= 0xff51afd7ed558ccdu; /* MurmurHash3's last steps, Austin Appleby, public domain */
    return hash ^ hash >> 33;
}

/* Its slot, or the empty one where it belongs. */
static uint64_t *find(uint64_t *slots, uint64_t capacity, uint64_t hash)
{
    uint64_t at = spread(hash) & (capacity - 1);
    while (slots[at] != 0 && slots[at] != hash)
        at = (at + 1) & (capacity - 1);
    return &slots[at];
}

static bool grow(struct rules_set *set, struct error *error)
{
    uint64_t capacity = set->capacity == 0 ? CAPACITY_FIRST : set->capacity * 2;
    uint64_t *slots = calloc(capacity, sizeof *slots);
    if (slots == NULL)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "take a smaller sample, or fewer rules",
                          "no memory to count what differs");
    for (uint64_t i = 0; i < set->capacity; i++) {
        if (set->slots[i] != 0)
            *find(slots, capacity, set->slots[i]) = set->slots[i];
    }
    free(set->slots);
    set->slots = slots;
    set->capacity = capacity;
    return true;
}

bool rules_set_add(struct rules_set *set, uint64_t hash, bool *out_is_new, struct error *error)
{
    if (hash == 0) {
        *out_is_new = !set->has_zero;
        set->count += !set->has_zero;
        set->has_zero = true;
        return true;
    }
    if (set->count + 1 > set->capacity / 4 * 3) {
        if (set->count >= RULES_SET_COUNT_MAX)
            return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "take a smaller sample, or fewer rules",
                              "more than %d different ones", (int)RULES_SET_COUNT_MAX);
        if (!grow(set, error))
            return false;
    }
    uint64_t *slot = find(set->slots, set->capacity, hash);
    *out_is_new = *slot == 0;
    set->count += *slot == 0;
    *slot = hash;
    return true;
}

void rules_set_release(struct rules_set *set)
{
    free(set->slots);
    *set = (struct rules_set){0};
}
