/*
 * Of an interest's people, how many one site or app brought: the support guard's second half (spec 5).
 *
 * People are different persons, not visits: somebody who went to a site a hundred times is one. Hosts count by their
 * registrable domain, since a site with many hosts is one site; apps by their ID. Who they are is kept as a keyed hash
 * under a key of this run alone, which is never written and dies with it; what comes out are counts.
 *
 * One thread. Memory grows with the different (person, interest) and (person, interest, site), up to the edges of
 * rules_set.h and rules_tally.h.
 */
#ifndef CLICKVEIL_COMMANDS_RULES_PEOPLE_H
#define CLICKVEIL_COMMANDS_RULES_PEOPLE_H

#include "common/error.h"
#include "common/view.h"

#include <stdint.h>

struct rules_people;

/* An interest, and who brought the most of its people. */
struct rules_people_share {
    uint16_t interest;
    uint64_t people; /* different ones, 1 at least */
    uint64_t sites;  /* sites and apps that brought any */
    struct view top; /* the one that brought the most, of equals the first by name; borrows from the people */
    bool top_is_app;
    uint64_t top_people; /* different ones that it brought */
};

struct rules_people *rules_people_new(struct error *error);
void rules_people_free(struct rules_people *people); /* NULL is fine */

/* A visit brought a person to some interests (1 to 65535). name: a host or an app in its one spelling. person: the bytes
 * of an identifier, the same for the same person. */
CLICKVEIL_MUST_CHECK bool rules_people_add(struct rules_people *people, bool app, struct view name,
                                           struct view person, const uint16_t *interests, unsigned count,
                                           struct error *error);

/* How many different people there were, whatever they were interested in. */
uint64_t rules_people_count(const struct rules_people *people);

/* All interests that had any, by rising identifier; the caller's to free. NULL: memory is short. */
struct rules_people_share *rules_people_shares(const struct rules_people *people, unsigned *out_count,
                                               struct error *error);

/* Did the site bring more than `share` (0 to 1) of the interest's people? Exactly so many is not more. */
bool rules_people_is_over(const struct rules_people_share *people_share, double share);

#endif
