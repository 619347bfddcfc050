/*
 * How many people of a partition have an interest: one exact count per (programme, epoch, interest).
 *
 * A person counts for an interest while it is in the person's capped set. An interest is published only where at least
 * k people have it (spec 6); this is the partition's own count, never more than the whole, so safe.
 *
 * One thread at a time.
 */
#ifndef CLICKVEIL_STAGES_PUBLISH_PEOPLE_H
#define CLICKVEIL_STAGES_PUBLISH_PEOPLE_H

#include "stages/publish/contribution.h"

#include <stddef.h>

/* The people of one programme in one epoch. */
struct people {
    uint8_t programme;
    uint8_t phase_seen; /* the owner's: enum calendar_phase when it last looked */
    bool used;
    int32_t epoch;
    uint32_t persons;   /* state entries */
    uint32_t *interest; /* count by taxonomy ID */
    uint32_t interest_capacity;
};

/* All of one partition. A zeroed struct is empty and may be released. An index stays as long as it has persons. */
struct people_list {
    struct people *items;
    unsigned count, capacity;
    uint64_t crossings; /* how often a count came to k or fell below it */
    uint32_t k;
};

/* Index of (programme, epoch), or -1. */
int people_find(const struct people_list *list, uint8_t programme, int32_t epoch);

/* The same, made when it isn't there. -1: no memory. */
int people_add(struct people_list *list, uint8_t programme, int32_t epoch);

/* A person more, or one less; the last one takes the entry with it. */
void people_enter(struct people_list *list, unsigned index);
void people_leave(struct people_list *list, unsigned index);

/* Make sure that the interest can be counted; false: no memory. */
bool people_reserve(struct people_list *list, unsigned index, uint16_t interest);

/* A person's capped set changed. Every interest of `after` was reserved. */
void people_change(struct people_list *list, unsigned index, const struct interest_set *before,
                   const struct interest_set *after);

/* People that have the interest. */
uint32_t people_count(const struct people_list *list, unsigned index, uint16_t interest);

void people_release(struct people_list *list);

#endif
