/*
 * What the retractions that this process has read mean for the people whose state a worker holds (spec 3, rule 9).
 *
 * A choice that was read at a moment T is about everything of its subject in the epochs up to the one that T lies in, and about
 * events that came before T, wherever they lie: an event may be a little ahead of its time. And about those that came a
 * moment after T: in a storm of choices a transaction commits by those that stood in the topic when it began
 * (common/kafka_worker_commit.c), and producers' clocks differ. A person is found by line, account or device.
 *
 * A worker holds the table from the first event of a transaction to its end. Changes are taken into the state at the
 * beginning of a flush, as many as a transaction bears; events and due records ask the table itself, so nothing of those
 * whose turn has not come is published meanwhile.
 *
 * One worker's own.
 */
#ifndef CLICKVEIL_STAGES_PUBLISH_RETRACTIONS_H
#define CLICKVEIL_STAGES_PUBLISH_RETRACTIONS_H

#include "common/metrics.h"
#include "common/stage.h"
#include "stages/publish/partition.h"
#include "stages/publish/retraction_table.h"

enum {
    RETRACTIONS_MAX = 10000,          /* people in one transaction */
    RETRACTION_MOMENT_MS = 60 * 1000, /* a choice is about what came so long after it, too */
};

/* What all workers of a process measure. Zeroed memory is fine. */
struct retraction_times {
    struct metrics_histogram in_force;  /* from a choice until no event of the person can be kept any more */
    struct metrics_histogram tombstone; /* from a choice to the last tombstone of the person */
};

/* Milliseconds that count when the transaction commits. */
struct retraction_notes {
    int64_t *ms;
    unsigned count, max;
};

/* A zeroed struct may be released. */
struct retractions {
    struct retraction_table *table; /* borrowed */
    struct retraction_times *times; /* borrowed */
    const struct calendar *calendar;
    unsigned reader;
    const struct retraction_slots *slots; /* held; NULL: not in a transaction */
    bool any;                             /* the table had entries when it was taken hold of */
    uint64_t seen;                        /* every change before this position is in `slots` */
    uint64_t applied, applied_committed;  /* every change before this position is in the partitions' state */
    int64_t flushed_ms;                   /* clock of the last flush */
    struct retraction_notes in_force, tombstones;
};

/* Prepare. Everything is borrowed. */
CLICKVEIL_MUST_CHECK bool retractions_init(struct retractions *retractions, struct retraction_table *table,
                                           struct retraction_times *times, const struct calendar *calendar,
                                           unsigned reader, struct error *error);
void retractions_release(struct retractions *retractions);

/* A transaction has its first event; nothing to do when it had one before. */
void retractions_open(struct retractions *retractions);

/* Programmes that a subject of the event is retracted for, so that the event counts for none of them. */
programme_set retractions_of_event(const struct retractions *retractions, const struct record *record,
                                   int32_t epoch);

/* How far a retraction of the person goes. */
enum retraction_reach {
    RETRACTION_MARKED =
        0, /* an account or a device took the line along: the table won't know it at its next event */
    RETRACTION_PLAIN, /* the table knows the line for this epoch, or only what came before the choice goes */
    RETRACTION_NONE,
};

/* Is the person retracted by what `slots` says? *out_chosen_ms: when the (first) choice was made, for measuring. */
enum retraction_reach retractions_of_person(const struct retractions *retractions,
                                            const struct partition *partition, const struct person *person,
                                            int64_t *out_chosen_ms);

/* Take what has changed into the state. *out_more: it was too much for one transaction. */
CLICKVEIL_MUST_CHECK bool retractions_apply(struct retractions *retractions, struct partition **partitions,
                                            unsigned partition_count, struct emitter *emitter,
                                            bool *out_more);

/* The last record of a retracted person got its tombstone in the open transaction. */
void retractions_note_tombstone(struct retractions *retractions, const struct partition *partition,
                                const struct person *person, int64_t now_ms);

/* Behind the barrier: did no change since retractions_apply touch a person in the open transaction? */
bool retractions_stand(struct retractions *retractions, struct partition **partitions,
                       unsigned partition_count);

void retractions_commit(struct retractions *retractions);
void retractions_abort(struct retractions *retractions);

/* When a transaction should take in what has changed, Unix epoch ms; INT64_MAX: nothing has. */
int64_t retractions_due_ms(const struct retractions *retractions, struct partition *const *partitions,
                           unsigned partition_count);

#endif
