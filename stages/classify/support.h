/*
 * The support guard: an interest backed by too few sites and apps would give the site away (spec 5).
 *
 * Backers of an interest are the distinct registrable domains and apps whose rules lead to it. An interest with fewer
 * than `least` is rolled up to its parent, where that may be published, and the parent is judged with all that came to
 * it; else it is dropped.
 *
 * Thread: one at a time while rules are loaded.
 */
#ifndef CLICKVEIL_STAGES_CLASSIFY_SUPPORT_H
#define CLICKVEIL_STAGES_CLASSIFY_SUPPORT_H

#include "stages/classify/taxonomy.h"

enum { SUPPORT_LEAST_MAX = 1000 };

struct support;

/* least: 1 to SUPPORT_LEAST_MAX. NULL: memory is short. */
struct support *support_new(unsigned least);
void support_free(struct support *support); /* NULL is fine */

/* Count a backer, named by a hash of its name, for an interest that is in the taxonomy. False: memory is short. */
CLICKVEIL_MUST_CHECK bool support_add(struct support *support, unsigned interest, uint64_t backer);

/* Has it as many backers as it needs, so that more would change nothing? */
bool support_is_enough(const struct support *support, unsigned interest);

/* All were added: decide for every interest. False: memory is short. */
CLICKVEIL_MUST_CHECK bool support_decide(struct support *support, const struct taxonomy *taxonomy);

/* After the decision: what an interest is published as (itself, or a row above it); 0: dropped. */
unsigned support_result(const struct support *support, unsigned interest);

/* Its backers, with those of interests that were rolled up to it; exact below `least`, else `least`. */
unsigned support_backers(const struct support *support, unsigned interest);

#endif
