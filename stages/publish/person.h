/*
 * What publish remembers of one person, in one epoch, under one programme.
 *
 * The person is the pseudonym of a line. Lists of its own length stand in the partition's slab and are named by
 * reference; their block size follows from their count. The accounts and devices that the person was seen with are one
 * list: a choice of any of them retracts the person (spec 3, rule 9), so none may be forgotten.
 *
 * That list grows with what is there, to PERSON_SUBJECTS_MAX: 1 KiB of pseudonyms. Who has one of each, as nearly
 * everybody, takes 32 bytes. Nothing makes room for one too many: to forget one that brought something would mean
 * that its owner can't be found when saying no. So what comes with it is not taken in at all, and shows in no record.
 */
#ifndef CLICKVEIL_STAGES_PUBLISH_PERSON_H
#define CLICKVEIL_STAGES_PUBLISH_PERSON_H

#include "common/record.h"
#include "stages/publish/contribution.h"
#include "stages/publish/slab.h"

#include <assert.h>

enum {
    PERSON_DEVICES_MAX = 48,
    PERSON_ACCOUNTS_MAX = 16,
    PERSON_SUBJECTS_MAX = PERSON_DEVICES_MAX + PERSON_ACCOUNTS_MAX,
};

/* What a retraction made of a person. */
enum person_standing {
    PERSON_RETRACTED =
        0,         /* leaves with the last tombstone: the line itself is known as retracted elsewhere */
    PERSON_MARKED, /* the same, but a mark stays until the epoch is over: nothing else knows the line */
    PERSON_STANDS,
};

struct person {
    struct pseudonym line;
    uint32_t contributions; /* slab: struct contribution[contribution_count] */
    uint32_t
        subjects; /* slab: struct pseudonym[device_count + account_count], devices first, in their order */
    uint32_t ids; /* slab: first struct live_id, linked by person_next */
    uint32_t touched; /* the transaction that changed it last */
    uint32_t hash;    /* in the index */
    uint32_t first_s; /* Kafka timestamp of the earliest event that counts, Unix epoch in seconds, cut off */
    uint64_t shared_devices; /* bit i: device i was seen under another line too (spec 6) */
    uint16_t people;         /* index in the partition's people_list: programme and epoch */
    uint16_t live;           /* live IDs that haven't ended; the state goes with the last */
    uint8_t contribution_count;
    uint8_t device_count, account_count;
    uint8_t standing;           /* enum person_standing */
    struct interest_set kept;   /* published once in this epoch: their places are taken until it ends */
    struct interest_set capped; /* what contribution_cap says */
    uint16_t
        waiting; /* said no, and tombstones are to come: the day of the choice (partition_wait); 0: not, or not known */
};

static_assert(sizeof(struct person) <= 96, "there are millions of persons");
static_assert((int)PERSON_DEVICES_MAX <= 64, "a bit of shared_devices for each");

static inline struct contribution *person_contributions(const struct slab *slab, const struct person *person)
{
    return person->contribution_count ? slab_at(slab, person->contributions) : NULL;
}

static inline unsigned person_subject_count(const struct person *person)
{
    return (unsigned)person->device_count + person->account_count;
}

/* Devices, then accounts; NULL: there are none. */
static inline struct pseudonym *person_subjects(const struct slab *slab, const struct person *person)
{
    return person_subject_count(person) ? slab_at(slab, person->subjects) : NULL;
}

static inline struct pseudonym *person_devices(const struct slab *slab, const struct person *person)
{
    return person->device_count ? slab_at(slab, person->subjects) : NULL;
}

static inline struct pseudonym *person_accounts(const struct slab *slab, const struct person *person)
{
    return person->account_count ? person_subjects(slab, person) + person->device_count : NULL;
}

/* Index of a device, or CONTRIBUTION_NO_DEVICE. */
unsigned person_device(const struct slab *slab, const struct person *person, const struct pseudonym *device);

bool person_has_account(const struct slab *slab, const struct person *person,
                        const struct pseudonym *account);

/* Add a device or an account that isn't there, with fewer than the most there. False: no memory, nothing changed. */
CLICKVEIL_MUST_CHECK bool person_add_device(struct slab *slab, struct person *person,
                                            const struct pseudonym *device);
CLICKVEIL_MUST_CHECK bool person_add_account(struct slab *slab, struct person *person,
                                             const struct pseudonym *account);

/* Insert an entry at its place, with fewer than CONTRIBUTIONS_MAX there. False: no memory, nothing changed. */
CLICKVEIL_MUST_CHECK bool person_insert(struct slab *slab, struct person *person, unsigned index,
                                        const struct contribution *entry);

/* Take out what an app brought. Block sizes follow from counts, so that a shorter list may need another block: false
 * when there is no memory for it, and nothing changed. */
CLICKVEIL_MUST_CHECK bool person_remove_app(struct slab *slab, struct person *person, uint64_t app_token);

/* Put other lists in the place of the person's own (bytes are copied). False: no memory, both are empty. */
CLICKVEIL_MUST_CHECK bool person_replace(struct slab *slab, struct person *person,
                                         const struct contribution *contributions,
                                         unsigned contribution_count, const struct pseudonym *subjects,
                                         unsigned device_count, unsigned account_count);

/* Give back the contributions; both lists. */
void person_clear_contributions(struct slab *slab, struct person *person);
void person_clear(struct slab *slab, struct person *person);

#endif
