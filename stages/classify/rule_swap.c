/*
 * Design: a lease counts its holders; being current counts as one. Between reading `current` and counting itself in, a
 * worker announces in `taking` what it is about to touch, and looks again whether that is still current (a hazard
 * pointer, Michael 2004). Replacing first takes the old lease out of `current` and then waits until no worker is in
 * those few instructions with it: after that the count tells the truth, and the last holder frees. All with sequential
 * consistency: the announcement must be seen before the second look.
 */
#include "stages/classify/rule_swap.h"

#include <stdlib.h>

struct rule_lease {
    struct rules *rules;
    atomic_uint holders;
};

static struct rule_lease *lease_new(struct rules *rules, struct error *error)
{
    struct rule_lease *lease = malloc(sizeof(*lease));
    if (lease == NULL) {
        rules_free(rules);
        error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, NULL, "no memory for the rules");
        return NULL;
    }
    lease->rules = rules;
    atomic_init(&lease->holders, 1);
    return lease;
}

void rule_swap_give(struct rule_lease *lease)
{
    if (atomic_fetch_sub(&lease->holders, 1) > 1)
        return;
    rules_free(lease->rules);
    free(lease);
}

static void note_totals(struct rule_swap *swap, const struct rules *rules)
{
    const struct rules_totals *totals = rules_totals(rules);
    atomic_store(&swap->totals.hosts, totals->hosts);
    atomic_store(&swap->totals.apps, totals->apps);
    atomic_store(&swap->totals.interests, totals->interests);
    atomic_store(&swap->totals.unsupported, totals->unsupported);
    atomic_store(&swap->totals.digest, totals->digest);
}

bool rule_swap_init(struct rule_swap *swap, unsigned workers, struct rules *rules, struct error *error)
{
    struct rule_lease *lease = lease_new(rules, error);
    if (lease == NULL)
        return false;
    memset(swap, 0, sizeof(*swap));
    swap->taking = calloc(workers, sizeof(*swap->taking));
    if (swap->taking == NULL) {
        rule_swap_give(lease);
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, NULL, "no memory for the rules");
    }
    swap->workers = workers;
    note_totals(swap, rules);
    atomic_store(&swap->current, lease);
    return true;
}

bool rule_swap_replace(struct rule_swap *swap, struct rules *rules, struct error *error)
{
    struct rule_lease *lease = lease_new(rules, error);
    if (lease == NULL)
        return false;
    note_totals(swap, rules); /* first: once it is current it can be replaced and freed */
    struct rule_lease *old = atomic_exchange(&swap->current, lease);
    for (unsigned worker = 0; worker < swap->workers; worker++) {
        while (atomic_load(&swap->taking[worker]) == old)
            ; /* a few instructions of that worker */
    }
    rule_swap_give(old);
    return true;
}

struct rule_lease *rule_swap_take(struct rule_swap *swap, unsigned worker)
{
    ensure(worker < swap->workers);
    struct rule_lease *lease = atomic_load(&swap->current);
    for (;;) {
        atomic_store(&swap->taking[worker], lease);
        struct rule_lease *again = atomic_load(&swap->current);
        if (again == lease)
            break;
        lease = again;
    }
    atomic_fetch_add(&lease->holders, 1);
    atomic_store(&swap->taking[worker], NULL);
    return lease;
}

const struct rules *rule_lease_rules(const struct rule_lease *lease)
{
    return lease->rules;
}

struct rules_totals rule_swap_totals(const struct rule_swap *swap)
{
    return (struct rules_totals){
        .hosts = atomic_load(&swap->totals.hosts),
        .apps = atomic_load(&swap->totals.apps),
        .interests = atomic_load(&swap->totals.interests),
        .unsupported = atomic_load(&swap->totals.unsupported),
        .digest = atomic_load(&swap->totals.digest),
    };
}

void rule_swap_release(struct rule_swap *swap)
{
    struct rule_lease *lease = atomic_exchange(&swap->current, NULL);
    if (lease != NULL)
        rule_swap_give(lease);
    free(swap->taking);
    swap->taking = NULL;
    swap->workers = 0;
}
