/*
 * What publish remembers of one person, in one epoch, under one programme.
 *
 * The person is the pseudonym of a line. Lists of its own length stand in the partition's slab and are named by
 * reference; their block size follows from their count.
 */
#ifndef CLICKVEIL_STAGES_PUBLISH_PERSON_H
#define CLICKVEIL_STAGES_PUBLISH_PERSON_H

#include "common/record.h"
#include "stages/publish/contribution.h"
#include "stages/publish/slab.h"

#include <assert.h>

enum {
    PERSON_DEVICES_MAX = 8, /* further ones count for the person, but have no ID */
};

struct person {
    struct pseudonym line;
    struct pseudonym account; /* the last one seen; zero without has_account */
    uint32_t contributions;   /* slab: struct contribution[contribution_count] */
    uint32_t devices;         /* slab: struct pseudonym[device_count], in the order in which they were seen */
    uint32_t ids;             /* slab: first struct live_id, linked by person_next */
    uint32_t touched;         /* the transaction that changed it last */
    uint32_t hash;            /* in the index */
    uint16_t people;          /* index in the partition's people_list: programme and epoch */
    uint16_t live;            /* live IDs that haven't ended; the state goes with the last */
    uint8_t contribution_count;
    uint8_t device_count;
    uint8_t shared_devices; /* bit i: device i was seen under another line too (spec 6) */
    bool has_account;
    struct interest_set kept;   /* published once in this epoch: their places are taken until it ends */
    struct interest_set capped; /* what contribution_cap says */
};

static_assert(sizeof(struct person) <= 96, "there are millions of persons");

static inline struct contribution *person_contributions(const struct slab *slab, const struct person *person)
{
    return person->contribution_count ? slab_at(slab, person->contributions) : NULL;
}

static inline struct pseudonym *person_devices(const struct slab *slab, const struct person *person)
{
    return person->device_count ? slab_at(slab, person->devices) : NULL;
}

/* Index of a device, or CONTRIBUTION_NO_DEVICE. */
unsigned person_device(const struct slab *slab, const struct person *person, const struct pseudonym *device);

/* Add a device that isn't there, with fewer than PERSON_DEVICES_MAX there. False: no memory, nothing changed. */
CLICKVEIL_MUST_CHECK bool person_add_device(struct slab *slab, struct person *person,
                                            const struct pseudonym *device);

/* Insert an entry at its place, with fewer than CONTRIBUTIONS_MAX there. False: no memory, nothing changed. */
CLICKVEIL_MUST_CHECK bool person_insert(struct slab *slab, struct person *person, unsigned index,
                                        const struct contribution *entry);

/* Take out what an app brought. Block sizes follow from counts, so that a shorter list may need another block: false
 * when there is no memory for it, and nothing changed. */
CLICKVEIL_MUST_CHECK bool person_remove_app(struct slab *slab, struct person *person, uint64_t app_token);

/* Put other lists in the place of the person's own (bytes are copied). False: no memory, both are empty. */
CLICKVEIL_MUST_CHECK bool person_replace(struct slab *slab, struct person *person,
                                         const struct contribution *contributions,
                                         unsigned contribution_count, const struct pseudonym *devices,
                                         unsigned device_count);

/* Give back both lists. */
void person_clear(struct slab *slab, struct person *person);

#endif
