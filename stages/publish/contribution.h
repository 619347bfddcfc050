/*
 * What a person contributed in an epoch, and which interests are chosen from it.
 *
 * A list of {interest, device, app, events}, sorted by (interest, device, app), so that the events of an interest stand
 * together. Bounded. The app is a token (common/subject.h); an app that is removed takes its entries with it.
 *
 * Pure functions on arrays; any thread.
 */
#ifndef CLICKVEIL_STAGES_PUBLISH_CONTRIBUTION_H
#define CLICKVEIL_STAGES_PUBLISH_CONTRIBUTION_H

#include <stdbool.h>
#include <stdint.h>

enum {
    CONTRIBUTIONS_MAX = 255,       /* of a person */
    CONTRIBUTION_NO_DEVICE = 0x7f, /* the event named no device */
    INTERESTS_MAX = 8,             /* most that `interests_max` can be */
};

struct contribution {
    uint64_t app_token; /* 0: a browse event */
    uint32_t events;    /* sum of weights, stays at its maximum */
    uint16_t interest;  /* taxonomy ID */
    uint8_t device;     /* index in the person's devices, or CONTRIBUTION_NO_DEVICE */
    uint8_t unused;
};

/* Up to INTERESTS_MAX taxonomy IDs. */
struct interest_set {
    uint16_t ids[INTERESTS_MAX];
    uint8_t count;
};

/* Index of the set's member of that ID, or -1. */
static inline int interest_set_index(const struct interest_set *set, uint16_t interest)
{
    for (int i = 0; i < set->count; i++) {
        if (set->ids[i] == interest)
            return i;
    }
    return -1;
}

/* Where the entry is, or where it would stand. True: it is there. */
bool contribution_find(const struct contribution *entries, unsigned count, uint16_t interest, uint8_t device,
                       uint64_t app_token, unsigned *out_index);

/* Take out every entry of that app (never 0). Returns how many remain. */
unsigned contribution_remove_app(struct contribution *entries, unsigned count, uint64_t app_token);

/* Does a device stand behind an interest? */
bool contribution_of_device(const struct contribution *entries, unsigned count, uint16_t interest,
                            uint8_t device);

/* The capped set (spec 6): every kept interest that still has entries, and in the places that kept ones leave of
 * `interests_max`, those with the most events, ties by the lower taxonomy ID. A kept interest without entries holds its
 * place, but isn't in the set. Ordered by rank, kept ones first in their order. */
struct interest_set contribution_cap(const struct contribution *entries, unsigned count,
                                     const struct interest_set *kept, unsigned interests_max);

#endif
