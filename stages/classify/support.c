/*
 * Design: per interest a set of at most `least` hashes is enough to know whether there are that many, so nothing grows
 * with the number of rules. Two backers of one hash would count once: too few, never too many.
 */
#include "stages/classify/support.h"

#include <stdlib.h>

struct backers {
    uint64_t *hashes; /* `least` of them; NULL: none was added */
    unsigned count;
    uint16_t result;
};

struct support {
    unsigned least;
    struct backers interests[TAXONOMY_ID_MAX + 1];
};

struct support *support_new(unsigned least)
{
    ensure(least >= 1 && least <= SUPPORT_LEAST_MAX);
    struct support *support = calloc(1, sizeof(*support));
    if (support != NULL)
        support->least = least;
    return support;
}

void support_free(struct support *support)
{
    if (support == NULL)
        return;
    for (unsigned i = 0; i <= TAXONOMY_ID_MAX; i++)
        free(support->interests[i].hashes);
    free(support);
}

bool support_add(struct support *support, unsigned interest, uint64_t backer)
{
    ensure(interest >= 1 && interest <= TAXONOMY_ID_MAX);
    struct backers *backers = &support->interests[interest];
    if (backers->hashes == NULL) {
        backers->hashes = calloc(support->least, sizeof(*backers->hashes));
        if (backers->hashes == NULL)
            return false;
    }
    if (backers->count == support->least)
        return true;
    for (unsigned i = 0; i < backers->count; i++) {
        if (backers->hashes[i] == backer)
            return true;
    }
    backers->hashes[backers->count++] = backer;
    return true;
}

bool support_is_enough(const struct support *support, unsigned interest)
{
    return support->interests[interest].count == support->least;
}

static bool decide_one(struct support *support, const struct taxonomy *taxonomy, unsigned interest)
{
    struct backers *backers = &support->interests[interest];
    if (backers->count == 0)
        return true;
    if (backers->count == support->least) {
        backers->result = (uint16_t)interest;
        return true;
    }
    unsigned parent = taxonomy_publishable_parent(taxonomy, interest);
    backers->result = (uint16_t)parent;
    for (unsigned i = 0; parent != 0 && i < backers->count; i++) {
        if (!support_add(support, parent, backers->hashes[i]))
            return false;
    }
    return true;
}

bool support_decide(struct support *support, const struct taxonomy *taxonomy)
{
    /* from the deepest tier up, so that a parent is judged with all that was rolled up to it */
    for (unsigned tier = TAXONOMY_TIER_MAX; tier >= 1; tier--) {
        for (unsigned interest = 1; interest <= TAXONOMY_ID_MAX; interest++) {
            if (taxonomy_tier(taxonomy, interest) == tier && !decide_one(support, taxonomy, interest))
                return false;
        }
    }
    return true;
}

unsigned support_result(const struct support *support, unsigned interest)
{
    while (interest != 0 && support->interests[interest].result != interest)
        interest = support->interests[interest].result;
    return interest;
}

unsigned support_backers(const struct support *support, unsigned interest)
{
    return support->interests[interest].count;
}
