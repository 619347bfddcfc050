/*
 * Rules that can be replaced while workers read them.
 *
 * A worker takes the current rules at its transaction's first event and gives them back at its end, so one
 * transaction is classified by one set of rules. Replacing lets new transactions see the new rules at once; the old
 * ones are freed by whoever holds them last. No locks.
 *
 * Thread: rule_swap_take and rule_swap_give by each worker for its own number; rule_swap_replace by one thread at a
 * time, also while workers take and give; rule_swap_totals by any thread; init and release while nobody else is there.
 */
#ifndef CLICKVEIL_STAGES_CLASSIFY_RULE_SWAP_H
#define CLICKVEIL_STAGES_CLASSIFY_RULE_SWAP_H

#include "common/error.h"
#include "stages/classify/rules.h"

#include <stdatomic.h>

/* Rules with the number of those who hold them. */
struct rule_lease;

/* A zeroed struct may be released. */
struct rule_swap {
    _Atomic(struct rule_lease *) current;
    _Atomic(struct rule_lease *) *taking; /* by worker: what it is about to take, while it does */
    unsigned workers;
    struct {
        _Atomic uint64_t hosts, apps, interests, unsupported, digest;
    } totals;
};

/* Takes the rules, also when it fails (memory is short). */
CLICKVEIL_MUST_CHECK bool rule_swap_init(struct rule_swap *swap, unsigned workers, struct rules *rules,
                                         struct error *error);

/* Put new rules in the place of the current ones. Takes the rules, also when it fails; then the old ones stay. */
CLICKVEIL_MUST_CHECK bool rule_swap_replace(struct rule_swap *swap, struct rules *rules, struct error *error);

/* Take the current rules; every take wants one give. Never NULL. */
struct rule_lease *rule_swap_take(struct rule_swap *swap, unsigned worker);
void rule_swap_give(struct rule_lease *lease);

/* The rules of a lease, until it is given back. */
const struct rules *rule_lease_rules(const struct rule_lease *lease);

/* Totals of the current rules. */
struct rules_totals rule_swap_totals(const struct rule_swap *swap);

void rule_swap_release(struct rule_swap *swap);

#endif
