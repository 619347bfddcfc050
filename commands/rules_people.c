/*
 * Design: sites get numbers (rules_tally.h). A person becomes 64 bits of SipHash under a random key; (interest, person)
 * and (interest, site, person) are hashed likewise and go into a set each. What is new in the first counts for the
 * interest, what is new in the second for the pair of interest and site, a table of its own with a number as its key.
 */
#include "commands/rules_people.h"

#include "commands/rules_set.h"
#include "commands/rules_tally.h"
#include "common/public_suffix.h"

#include <sodium.h>
#include <stdlib.h>

enum { INTERESTS = UINT16_MAX + 1, PAIRS_FIRST = 1024, PAIRS_MAX = 1 << 28 };

/* interest 0: empty. */
struct pair {
    uint32_t site;
    uint16_t interest;
    uint64_t people;
};

struct rules_people {
    unsigned char key[crypto_shorthash_KEYBYTES];
    struct rules_set persons, of_interest, of_site;
    struct rules_tally *sites;
    uint64_t people[INTERESTS]; /* by interest */
    struct pair *pairs;
    uint64_t pair_capacity, pair_count;
};

struct rules_people *rules_people_new(struct error *error)
{
    struct rules_people *people = calloc(1, sizeof *people);
    if (people == NULL) {
        (void)error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, NULL, "no memory to count people");
        return NULL;
    }
    randombytes_buf(people->key, sizeof people->key);
    people->sites = rules_tally_new(error);
    if (people->sites != NULL)
        return people;
    rules_people_free(people);
    return NULL;
}

void rules_people_free(struct rules_people *people)
{
    if (people == NULL)
        return;
    sodium_memzero(people->key, sizeof people->key);
    rules_set_release(&people->persons);
    rules_set_release(&people->of_interest);
    rules_set_release(&people->of_site);
    rules_tally_free(people->sites);
    free(people->pairs);
    free(people);
}

static uint64_t hash(const struct rules_people *people, const void *data, size_t size)
{
    unsigned char bytes[crypto_shorthash_BYTES];
    uint64_t number;
    crypto_shorthash(bytes, data, size, people->key);
    memcpy(&number, bytes, sizeof number);
    return number;
}

/* ---- pairs of interest and site ---- */

static struct pair *find_pair(struct pair *pairs, uint64_t capacity, uint16_t interest, uint32_t site)
{
    uint64_t number =
        ((uint64_t)interest << 32 | site) * 0x9e3779b97f4a7c15u; /* the golden ratio's fraction */
    uint64_t at = (number ^ number >> 32) & (capacity - 1);
    while (pairs[at].interest != 0 && (pairs[at].interest != interest || pairs[at].site != site))
        at = (at + 1) & (capacity - 1);
    return &pairs[at];
}

static bool grow_pairs(struct rules_people *people, struct error *error)
{
    uint64_t capacity = people->pair_capacity == 0 ? PAIRS_FIRST : people->pair_capacity * 2;
    struct pair *pairs = capacity > PAIRS_MAX ? NULL : calloc(capacity, sizeof *pairs);
    if (pairs == NULL)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "take a smaller sample",
                          "no memory for the sites behind the interests");
    for (uint64_t i = 0; i < people->pair_capacity; i++) {
        const struct pair *pair = &people->pairs[i];
        if (pair->interest != 0)
            *find_pair(pairs, capacity, pair->interest, pair->site) = *pair;
    }
    free(people->pairs);
    people->pairs = pairs;
    people->pair_capacity = capacity;
    return true;
}

static bool count_pair(struct rules_people *people, uint16_t interest, uint32_t site, struct error *error)
{
    if (people->pair_count + 1 > people->pair_capacity / 4 * 3 && !grow_pairs(people, error))
        return false;
    struct pair *pair = find_pair(people->pairs, people->pair_capacity, interest, site);
    people->pair_count += pair->interest == 0;
    pair->interest = interest;
    pair->site = site;
    pair->people++;
    return true;
}

/* ---- a visit ---- */

static bool add_interest(struct rules_people *people, uint16_t interest, uint32_t site, uint64_t person,
                         struct error *error)
{
    struct {
        uint64_t person;
        uint32_t interest, site;
    } of_interest = {person, interest, UINT32_MAX}, of_site = {person, interest, site};
    bool is_new;
    ensure(interest != 0 && site != UINT32_MAX);
    if (!rules_set_add(&people->of_interest, hash(people, &of_interest, sizeof of_interest), &is_new, error))
        return false;
    people->people[interest] += is_new;
    if (!rules_set_add(&people->of_site, hash(people, &of_site, sizeof of_site), &is_new, error))
        return false;
    return !is_new || count_pair(people, interest, site, error);
}

bool rules_people_add(struct rules_people *people, bool app, struct view name, struct view person,
                      const uint16_t *interests, unsigned count, struct error *error)
{
    struct view site = app ? name : public_suffix_registrable(name);
    uint64_t person_hash = hash(people, person.data, person.size);
    uint32_t number;
    bool is_new;
    if (view_is_absent(site)) /* a public suffix: nobody's site */
        site = name;
    if (!rules_set_add(&people->persons, person_hash, &is_new, error) ||
        !rules_tally_add(people->sites, app, site, 1, &number, error))
        return false;
    for (unsigned i = 0; i < count; i++) {
        if (!add_interest(people, interests[i], number, person_hash, error))
            return false;
    }
    return true;
}

uint64_t rules_people_count(const struct rules_people *people)
{
    return people->persons.count;
}

/* ---- what it comes to ---- */

static void take_pair(const struct rules_people *people, const struct pair *pair,
                      struct rules_people_share *share)
{
    struct rules_tally_name site = rules_tally_at(people->sites, pair->site);
    share->sites++;
    if (pair->people < share->top_people ||
        (pair->people == share->top_people && view_compare(site.name, share->top) >= 0))
        return;
    share->top = site.name;
    share->top_is_app = site.app;
    share->top_people = pair->people;
}

struct rules_people_share *rules_people_shares(const struct rules_people *people, unsigned *out_count,
                                               struct error *error)
{
    unsigned count = 0;
    struct rules_people_share *shares = calloc(INTERESTS, sizeof *shares);
    if (shares == NULL) {
        (void)error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, NULL, "no memory for what was counted");
        return NULL;
    }
    for (uint64_t i = 0; i < people->pair_capacity; i++) {
        if (people->pairs[i].interest != 0)
            take_pair(people, &people->pairs[i], &shares[people->pairs[i].interest]);
    }
    for (unsigned interest = 1; interest < INTERESTS; interest++) {
        if (people->people[interest] == 0)
            continue;
        struct rules_people_share share = shares[interest];
        share.interest = (uint16_t)interest;
        share.people = people->people[interest];
        shares[count++] = share; /* never behind what is still to be read */
    }
    *out_count = count;
    return shares;
}

bool rules_people_is_over(const struct rules_people_share *people_share, double share)
{
    return (double)people_share->top_people > share * (double)people_share->people;
}
