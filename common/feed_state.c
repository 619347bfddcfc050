/*
 * Design: an open table of 2^n entries with linear probing, at most half full. An ID stays in it when it ends: its
 * epoch is remembered, so that one which comes back under another epoch is seen. IDs are pseudo-random, so their own
 * bytes are the hash.
 */
#include "common/feed_state.h"

#include <stdlib.h>

enum { CAPACITY_FIRST = 1024 };

struct entry {
    struct feed_contract_value value;
    bool used;
    bool live;  /* its value is the present one */
    bool known; /* epoch, life and atype were seen */
};

struct feed_state {
    struct entry *entries;
    size_t capacity, used;
};

static struct entry *find(struct entry *entries, size_t capacity, const uint8_t id[FEED_CONTRACT_ID_SIZE])
{
    uint64_t hash;
    memcpy(&hash, id, sizeof hash);
    size_t index = (size_t)hash & (capacity - 1);
    while (entries[index].used && memcmp(entries[index].value.id, id, FEED_CONTRACT_ID_SIZE) != 0)
        index = (index + 1) & (capacity - 1);
    return &entries[index];
}

static bool grow(struct feed_state *state, struct error *error)
{
    size_t capacity = state->capacity ? state->capacity * 2 : CAPACITY_FIRST;
    struct entry *entries = calloc(capacity, sizeof *entries);
    if (!entries)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory",
                          "no memory for the IDs of the feed");
    for (size_t i = 0; i < state->capacity; i++) {
        if (state->entries[i].used)
            *find(entries, capacity, state->entries[i].value.id) = state->entries[i];
    }
    free(state->entries);
    state->entries = entries;
    state->capacity = capacity;
    return true;
}

struct feed_state *feed_state_new(struct error *error)
{
    struct feed_state *state = calloc(1, sizeof *state);
    if (!state) {
        (void)error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for a feed");
        return NULL;
    }
    if (!grow(state, error)) {
        free(state);
        return NULL;
    }
    return state;
}

void feed_state_free(struct feed_state *state)
{
    if (!state)
        return;
    free(state->entries);
    free(state);
}

/* An ID stays the same in one epoch only, and an epoch has one end (spec 6, "IDs"). */
static bool goes_with(const struct entry *entry, const struct feed_contract_value *value)
{
    return !entry->known ||
           (entry->value.epoch == value->epoch && entry->value.expires_ms == value->expires_ms &&
            entry->value.atype == value->atype);
}

enum feed_state_result feed_state_take(struct feed_state *state, const struct feed_contract_value *value,
                                       enum feed_contract_reason *out_reason, struct error *error)
{
    if (state->used * 2 >= state->capacity && !grow(state, error))
        return FEED_STATE_FAILED;
    struct entry *entry = find(state->entries, state->capacity, value->id);
    if (!entry->used) {
        *entry = (struct entry){.used = true};
        memcpy(entry->value.id, value->id, FEED_CONTRACT_ID_SIZE);
        state->used++;
    }
    if (value->tombstone) {
        entry->live = false;
        return FEED_STATE_TAKEN;
    }
    if (!goes_with(entry, value)) {
        entry->live = false;
        *out_reason = FEED_CONTRACT_ID_CHANGED;
        return FEED_STATE_INVALID;
    }
    entry->value = *value;
    entry->live = entry->known = true;
    return FEED_STATE_TAKEN;
}

void feed_state_drop(struct feed_state *state, const uint8_t id[FEED_CONTRACT_ID_SIZE])
{
    struct entry *entry = find(state->entries, state->capacity, id);
    if (entry->used)
        entry->live = false;
}

void feed_state_visit(const struct feed_state *state,
                      void (*visit)(void *context, const struct feed_contract_value *value), void *context)
{
    for (size_t i = 0; i < state->capacity; i++) {
        if (state->entries[i].live)
            visit(context, &state->entries[i].value);
    }
}
