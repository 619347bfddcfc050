#include "stages/publish/contribution.h"

#include <string.h>

static int compare(const struct contribution *entry, uint16_t interest, uint8_t device, uint64_t app_token)
{
    if (entry->interest != interest)
        return entry->interest < interest ? -1 : 1;
    if (entry->device != device)
        return entry->device < device ? -1 : 1;
    if (entry->app_token != app_token)
        return entry->app_token < app_token ? -1 : 1;
    return 0;
}

bool contribution_find(const struct contribution *entries, unsigned count, uint16_t interest, uint8_t device,
                       uint64_t app_token, unsigned *out_index)
{
    unsigned low = 0, high = count;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        int order = compare(&entries[middle], interest, device, app_token);
        if (order == 0) {
            *out_index = middle;
            return true;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *out_index = low;
    return false;
}

unsigned contribution_remove_app(struct contribution *entries, unsigned count, uint64_t app_token)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < count; i++) {
        if (entries[i].app_token != app_token)
            entries[kept++] = entries[i];
    }
    return kept;
}

bool contribution_of_device(const struct contribution *entries, unsigned count, uint16_t interest,
                            uint8_t device)
{
    unsigned index;
    if (contribution_find(entries, count, interest, device, 0, &index))
        return true;
    return index < count && entries[index].interest == interest && entries[index].device == device;
}

struct ranked {
    uint64_t events;
    uint16_t interest;
};

/* Put a candidate into the best so far, at most `places`. They come in the order of their IDs, so that an equal one
 * already there has the lower ID and stays in front. */
static unsigned rank(struct ranked *best, unsigned count, unsigned places, struct ranked candidate)
{
    unsigned at = count;
    while (at > 0 && best[at - 1].events < candidate.events)
        at--;
    if (at >= places)
        return count;
    unsigned moved = (count < places ? count : places - 1) - at;
    memmove(&best[at + 1], &best[at], moved * sizeof *best);
    best[at] = candidate;
    return count < places ? count + 1 : count;
}

struct interest_set contribution_cap(const struct contribution *entries, unsigned count,
                                     const struct interest_set *kept, unsigned interests_max)
{
    unsigned places = interests_max > kept->count ? interests_max - kept->count : 0;
    bool kept_there[INTERESTS_MAX] = {false};
    struct ranked best[INTERESTS_MAX];
    unsigned best_count = 0;
    for (unsigned i = 0; i < count;) {
        struct ranked candidate = {.interest = entries[i].interest};
        for (; i < count && entries[i].interest == candidate.interest; i++)
            candidate.events += entries[i].events;
        int place = interest_set_index(kept, candidate.interest);
        if (place >= 0)
            kept_there[place] = true;
        else
            best_count = rank(best, best_count, places, candidate);
    }
    struct interest_set set = {.count = 0};
    for (unsigned i = 0; i < kept->count; i++) {
        if (kept_there[i])
            set.ids[set.count++] = kept->ids[i];
    }
    for (unsigned i = 0; i < best_count; i++)
        set.ids[set.count++] = best[i].interest;
    return set;
}
