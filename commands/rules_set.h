/*
 * How many different ones there are: a set of hashes of 64 bits, with an edge.
 *
 * Two of a million have the same hash with a probability of 3 in 10^8, of fifty million 7 in 10^5. Then one counts too
 * few.
 *
 * One thread at a time.
 */
#ifndef CLICKVEIL_COMMANDS_RULES_SET_H
#define CLICKVEIL_COMMANDS_RULES_SET_H

#include "common/error.h"

#include <stdint.h>

enum { RULES_SET_COUNT_MAX = 50000000 }; /* in half a GiB; while it grows into that, three quarters */

/* A zeroed struct is an empty set, and may be released. */
struct rules_set {
    uint64_t *slots; /* 0: empty */
    uint64_t capacity, count;
    bool has_zero;
};

/* Add one. False: it is full, or memory is short. */
CLICKVEIL_MUST_CHECK bool rules_set_add(struct rules_set *set, uint64_t hash, bool *out_is_new,
                                        struct error *error);
void rules_set_release(struct rules_set *set);

#endif
