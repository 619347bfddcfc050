/*
 * The state of one input partition: who is known, what they contributed, which of their IDs live.
 *
 * Everything that a transaction changes is noted when it is first touched, so that an abort puts back exactly what was
 * there, and a flush knows whom to write to the changelog. Restoring puts persons in without a transaction; the IDs go
 * on the wheel when all of them are there.
 *
 * All memory is the partition's own and goes with it. Nothing is taken from the heap for an event, except when a
 * table doubles or a slab takes its next chunk. One thread at a time: its worker's.
 */
#ifndef CLICKVEIL_STAGES_PUBLISH_PARTITION_H
#define CLICKVEIL_STAGES_PUBLISH_PARTITION_H

#include "common/arena.h"
#include "stages/publish/calendar.h"
#include "stages/publish/feed.h"
#include "stages/publish/people.h"
#include "stages/publish/person.h"
#include "stages/publish/ref_index.h"
#include "stages/publish/subject_index.h"
#include "stages/publish/wheel.h"

enum {
    PARTITION_CHAIN_SIZE = 8
}; /* bytes of the label of a chain of keys (struct secret_place has it in hex) */

/* What all partitions of a worker go by and share. */
struct partition_rules {
    struct calendar calendar;
    struct feed_list feeds;
    uint8_t chain[PARTITION_CHAIN_SIZE]; /* label of the chain of the feeds' keys */
    unsigned interests_max;              /* 1 to INTERESTS_MAX */
    uint32_t k;
    struct slab_budget memory;
    uint64_t persons, persons_max; /* of all partitions of the worker */
};

enum {
    PARTITION_FAR = 16,
    PARTITION_WAITING_DAYS = 256,    /* nobody waits so long: two epochs and their lives are at most 120 */
    PARTITION_WAITING_DAYS_MAX = 90, /* a choice that is older when it is taken in counts as so old */
};

/* A person as it was before the open transaction. */
struct partition_undo {
    struct partition_undo *next;
    struct partition_undo *far; /* PARTITION_FAR steps along `next`, or NULL: whom to ask memory for */
    uint32_t person;
    bool is_new; /* wasn't there */
    struct person before;
    struct contribution *contributions; /* before.contribution_count */
    struct pseudonym *subjects;         /* before.device_count + before.account_count */
};

/* A live ID as it was. */
struct partition_id_undo {
    struct partition_id_undo *next;
    uint32_t id;
    struct live_id before;
};

/* How far a walk over the table of retractions came; the partition's own, kept for those who walk. */
struct partition_scan {
    bool done;
    uint64_t cursor;
    uint64_t table; /* retraction_slots_number of what is walked; 0: nothing yet */
};

struct partition {
    int32_t number;
    struct partition_rules *rules;
    struct slab slab;
    struct ref_index persons;
    struct subject_index subjects; /* persons by each of their devices and accounts */
    struct people_list people;
    struct wheel wheel;
    bool restoring;
    uint32_t transaction;
    struct partition_undo
        *undo; /* whom the open transaction touched, last first; in the transaction's arena */
    struct partition_undo *latest[PARTITION_FAR]; /* the newest of them, as a ring */
    unsigned latest_at;
    struct partition_id_undo *id_undo;
    uint64_t contributions, live_ids, persons_here;
    uint64_t
        ids_without_key; /* in records, and nobody can make them any more: the feed's retention takes those */
    struct partition_scan scan, scan_committed;
    uint32_t
        waiting[PARTITION_WAITING_DAYS]; /* people whose tombstones are to come, by the day of their choice */
    uint64_t crossings_seen;             /* people.crossings at the end of the last transaction */
    int64_t slot_done, slot_done_committed; /* the last slot that was served; PARTITION_NO_SLOT: none yet */
    int64_t slot_written, slot_written_committed; /* the one that the changelog knows of */
    bool chain_written, chain_written_committed;  /* the changelog says that its IDs are of rules->chain */
};

#define PARTITION_NO_SLOT INT64_MIN

/* Zero is stop. */
enum partition_result {
    PARTITION_STOP = 0, /* error says why */
    PARTITION_CHANGED,
    PARTITION_FULL,      /* the person has as many contributions, devices or accounts as one may have */
    PARTITION_NOTHING,   /* nothing to remove */
    PARTITION_RETRACTED, /* the person said no: nothing more in this epoch (spec 3, rule 9) */
};

/* A person as the changelog tells of it. */
struct person_state {
    uint8_t programme;
    int32_t epoch;
    enum person_standing standing;
    uint32_t first_s;
    struct pseudonym line;
    uint8_t account_count, device_count;
    uint64_t shared_devices; /* bit i: device i */
    struct pseudonym accounts[PERSON_ACCOUNTS_MAX];
    struct pseudonym devices[PERSON_DEVICES_MAX];
    struct interest_set kept;
    unsigned published_count; /* entries of feeds that are not configured any more are left out */
    struct {
        uint8_t feed, device, mask;
    } published[FEEDS_MAX * PERSON_DEVICES_MAX];
    unsigned contribution_count;
    struct contribution contributions[CONTRIBUTIONS_MAX];
};

/* A new, empty partition. The rules are borrowed. NULL: error says why. */
struct partition *partition_new(int32_t number, struct partition_rules *rules, struct error *error);
void partition_free(struct partition *partition); /* NULL is fine */

static inline struct person *partition_person(const struct partition *partition, uint32_t reference)
{
    return slab_at(&partition->slab, reference);
}

/* Programme and epoch of a person. */
static inline const struct people *partition_people(const struct partition *partition,
                                                    const struct person *person)
{
    return &partition->people.items[person->people];
}

/* The person, or 0. */
uint32_t partition_find(const struct partition *partition, uint8_t programme, int32_t epoch,
                        const struct pseudonym *line);

/* The ID that a live ID stands for; not of LIVE_ID_STATE_ONLY. */
void partition_feed_id(const struct partition *partition, const struct live_id *id,
                       uint8_t out_id[FEED_ID_SIZE]);

/* Add what an event brings to its person under one programme. The record names a line by pseudonym and has an
 * interest. */
enum partition_result partition_add(struct partition *partition, uint8_t programme, int32_t epoch,
                                    const struct record *record, struct arena *arena, struct error *error);

/* End what an app contributed in the epoch. */
enum partition_result partition_remove_app(struct partition *partition, uint8_t programme, int32_t epoch,
                                           const struct record *record, struct arena *arena,
                                           struct error *error);

/* Call visit(context, reference) for every person that has that subject, whatever its programme and epoch, until it
 * answers false. It may change the person, but make none and take none out. False: it did. */
bool partition_visit_subject(const struct partition *partition, const struct pseudonym *subject,
                             bool (*visit)(void *context, uint32_t reference), void *context);

/* A person said no, who PERSON_STANDS: what is pending is forgotten, IDs without a record end at once, those with one
 * end with their tombstone (partition_end). lasting: the person's mark stays until the epoch is over. */
CLICKVEIL_MUST_CHECK bool partition_retract(struct partition *partition, uint32_t person, bool lasting,
                                            struct arena *arena, struct error *error);

/* Does a record of the person stand in any feed? */
bool partition_shows(const struct partition *partition, const struct person *person);

/* A retracted person whose choice was made then waits for tombstones, or has got the last one. The moment of the
 * choice that has waited longest, cut off to its day; INT64_MAX: nobody waits. Unix epoch ms. */
void partition_wait(struct partition *partition, struct person *person, int64_t chosen_ms, int64_t now_ms);
void partition_wait_over(struct partition *partition, struct person *person);
int64_t partition_waits_since_ms(const struct partition *partition, int64_t now_ms);

/* Is nothing left of a retracted person but its mark? */
bool partition_is_mark(const struct partition *partition, const struct person *person);

/* The feed's record of a live ID now shows that set (empty: a tombstone stands there). What is shown for the first
 * time is kept. */
CLICKVEIL_MUST_CHECK bool partition_publish(struct partition *partition, uint32_t id,
                                            const struct interest_set *set, struct arena *arena,
                                            struct error *error);

/* A live ID came to its end, its tombstone is in the open transaction if there was a record. */
CLICKVEIL_MUST_CHECK bool partition_end(struct partition *partition, uint32_t id, struct arena *arena,
                                        struct error *error);

/* End of the transaction. */
void partition_commit(struct partition *partition);
void partition_abort(struct partition *partition);

/* Restoring: a person is as `state` says (in the place of an older one), or is gone; then all are there. */
CLICKVEIL_MUST_CHECK bool partition_restore(struct partition *partition, const struct person_state *state,
                                            struct error *error);
void partition_restore_gone(struct partition *partition, uint8_t programme, int32_t epoch,
                            const struct pseudonym *line);
/* The same: of a person there is the mark. */
CLICKVEIL_MUST_CHECK bool partition_restore_mark(struct partition *partition, uint8_t programme,
                                                 int32_t epoch, const struct pseudonym *line,
                                                 struct error *error);
void partition_restored(struct partition *partition);

/* The changelog says that this was the last slot that was served. Outside of transactions. */
void partition_set_slot(struct partition *partition, int64_t slot);

/* The changelog says whose keys its IDs were made with. Outside of transactions. */
void partition_set_chain(struct partition *partition, const uint8_t chain[PARTITION_CHAIN_SIZE]);

/* Bytes that it takes. */
size_t partition_bytes(const struct partition *partition);

#endif
