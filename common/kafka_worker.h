/*
 * A worker: one thread with its own consumer, transactional producer, chain and arena (architecture 3 and 4).
 *
 * It polls records, runs them through the chain and commits inputs, outputs and positions in one Kafka transaction.
 * After an abort every partition that is still assigned is rewound to its committed offset; after anything whose
 * result is unknown the producer is recreated and positions and state are taken from the broker. Event partitions are
 * paused while a followed topic is not fresh; the worker stays in its group.
 *
 * The worker of a side input (struct side_input) is the same on another topic, in a group of its own: no barrier, since
 * nothing that it writes is about a subject that may say no meanwhile, and no state of partitions.
 */
#ifndef CLICKVEIL_COMMON_KAFKA_WORKER_H
#define CLICKVEIL_COMMON_KAFKA_WORKER_H

#include "common/chain.h"
#include "common/config.h"
#include "common/error.h"
#include "common/kafka_follow.h"
#include "common/metrics.h"

#include <stdatomic.h>

enum kafka_worker_phase {
    KAFKA_WORKER_CONNECTING = 0, /* producer not open yet */
    KAFKA_WORKER_WAITING,        /* until the followed topics are read whole and fresh */
    KAFKA_WORKER_JOINING,        /* the group has not assigned partitions yet (it may have none for us) */
    KAFKA_WORKER_RESTORING,
    KAFKA_WORKER_RUNNING,
    KAFKA_WORKER_PAUSED,     /* a followed topic is not fresh, or holds */
    KAFKA_WORKER_RECOVERING, /* recreating the producer */
    KAFKA_WORKER_DRAINING,
    KAFKA_WORKER_STOPPED,
    KAFKA_WORKER_FAILED,
    KAFKA_WORKER_PHASES,
};

extern const char *const kafka_worker_phase_names[KAFKA_WORKER_PHASES];

/* Numbers of one worker; written by its thread, read by any. */
struct kafka_worker_stats {
    _Atomic int phase;
    _Atomic uint64_t records;  /* committed inputs */
    _Atomic uint64_t replayed; /* below our position, so read again: dropped */
    _Atomic uint64_t transactions_committed, transactions_aborted;
    _Atomic uint64_t aborted_by_barrier; /* a choice touched the batch */
    _Atomic uint64_t producers_recreated;
    _Atomic uint64_t outputs, feed_records; /* committed */
    _Atomic uint64_t rebalances;
    _Atomic uint64_t arena_bytes;            /* of the worker's arena */
    _Atomic int assigned;                    /* partitions */
    struct metrics_histogram transaction_ms; /* begin to committed */
    struct metrics_histogram latency_ms;     /* event's Kafka timestamp to committed */
};

/* Position of one assigned partition, for lag. */
struct kafka_worker_position {
    int32_t partition;
    int64_t next_offset;       /* committed */
    int64_t last_timestamp_ms; /* Kafka timestamp of the newest committed record; 0: none yet */
};

struct kafka_worker;

struct kafka_worker_spec {
    const struct config *config;
    struct chain_shared *chain_shared;
    struct kafka_follower *const *followers;
    unsigned follower_count;
    bool is_side;        /* of a side input */
    unsigned index;      /* of the worker; of the side input, as chain_side_stage counts them */
    atomic_bool *stop;   /* drain: finish the open transaction, leave the group */
    atomic_bool *failed; /* some worker failed: stop without committing */
};

/* Make and start it. */
struct kafka_worker *kafka_worker_new(const struct kafka_worker_spec *spec, struct error *error);

/* Wait for its end. True: drained; false: failed, *out_error says why. */
bool kafka_worker_join(struct kafka_worker *worker, struct error *out_error);
void kafka_worker_free(struct kafka_worker *worker); /* joined */

const struct kafka_worker_stats *kafka_worker_stats(const struct kafka_worker *worker);

/* Copy committed positions of assigned partitions, at most so many (0: none, and the array may be NULL); returns how many
 * there are. Any thread. */
unsigned kafka_worker_positions(struct kafka_worker *worker, struct kafka_worker_position *out_positions,
                                unsigned positions_max);

/* The worker's chain, for counters (any thread) and, once joined, for summaries. */
const struct chain *kafka_worker_chain(const struct kafka_worker *worker);

/* What the worker wants to say about itself (restore progress, why it waits). Any thread. */
double kafka_worker_restore_ratio(const struct kafka_worker *worker);

/* Who it is, for people: "worker 0", "side input of consent". */
const char *kafka_worker_name(const struct kafka_worker *worker);

/* Name of the topic that it reads. */
const char *kafka_worker_topic(const struct kafka_worker *worker);

/* The stage whose side input it works for; NULL: it works on the chain's input. */
const struct stage *kafka_worker_side_stage(const struct kafka_worker *worker);

/* transactional.id and group.id of the workers on the chain's input, by the same rule everywhere. */
void kafka_worker_identity(const struct config *config, unsigned index, char *text, size_t text_size);
void kafka_worker_group(const struct config *config, char *text, size_t text_size);

/* Of a stage's side input. They name that stage, wherever the chain is cut, and end as no name of the others does. */
void kafka_worker_side_identity(const struct config *config, const struct stage *stage, char *text,
                                size_t text_size);
void kafka_worker_side_group(const struct config *config, const struct stage *stage, char *text,
                             size_t text_size);

#endif
