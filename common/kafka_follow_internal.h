/*
 * Inside of a follower, for kafka_follow.c, kafka_follow_barrier.c and kafka_follow_status.c.
 */
#ifndef CLICKVEIL_COMMON_KAFKA_FOLLOW_INTERNAL_H
#define CLICKVEIL_COMMON_KAFKA_FOLLOW_INTERNAL_H

#include "common/kafka_birth.h"
#include "common/kafka_follow.h"
#include "common/kafka_keep.h"

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>

struct view_state { /* one of the two reads */
    rd_kafka_t *client;
    rd_kafka_queue_t *queue;
    bool committed;
    bool assigned;
    _Atomic int64_t *positions; /* by partition: next offset to be taken in */
};

struct standing {               /* of a partition */
    int64_t position, since_ms; /* monotonic */
};

struct kafka_follower {
    const struct config *config;
    const struct followed *followed;
    void *stage_shared;
    struct followed_options options;
    const char *topic;

    int32_t partitions;
    struct view_state committed, uncommitted;
    struct kafka_source
        *source;         /* what its records are made of; NULL: nothing. The reader's, then the barrier's */
    rd_kafka_t *offsets; /* of the barrier thread, and of the reader before that one starts */
    int64_t *first, *targets, *watermarks;
    _Atomic int64_t *known;          /* watermarks of the last barrier, for the reader */
    struct standing *stood;          /* what the reader last saw of each partition */
    int64_t watched_ms, patience_ms; /* of that: when, monotonic, and how long one may stand; the reader's */
    int64_t useful_ms;               /* a record, at most; 0: for ever */
    int64_t *before;             /* positions before the watermarks were asked for; the barrier thread's */
    struct kafka_births *births; /* made before the barrier thread looks */
    struct kafka_keep *keep;     /* NULL: no snapshot; the reader's */
    rd_kafka_message_t **messages;
    struct followed_record *record_list, **record_of; /* of the messages */
    int32_t nudged; /* partition whose leader was asked last; the barrier thread's */
    int wake;       /* eventfd */
    int64_t now_ms; /* wall clock of the batch that is taken in; the reader's */
    bool is_held;   /* as last logged; the reader's */

    pthread_t reader, barrier;
    bool reader_runs, barrier_runs;
    atomic_bool stop;
    _Atomic int phase;
    _Atomic int64_t fresh_since_ms; /* monotonic; INT64_MIN: never */
    atomic_bool is_doubted;         /* a consumer said that the topic is not there: the barrier thread asks */
    _Atomic uint64_t records;
    _Atomic int64_t read_began_ms;
    _Atomic uint64_t done_offsets, total_offsets; /* of the first read */

    pthread_mutex_t lock; /* what follows */
    pthread_cond_t changed;
    uint64_t ticket_asked, ticket_done;
    struct error failure;
};

/* ---- kafka_follow.c ---- */

/* context: a follower, so that a source may ask too. Any thread. */
bool kafka_follow_is_stopping(const void *context);

/* It can't be followed any more: said in the log, and to all who wait. Either thread. */
void kafka_follow_fail(struct kafka_follower *follower, const struct error *error);

/* Until something changed, at most so long; the lock is held. */
void kafka_follow_wait(struct kafka_follower *follower, int64_t timeout_ms);

/* Has a view taken in all below these offsets, one a partition? Any thread. */
bool kafka_follow_has_reached(const struct kafka_follower *follower, const struct view_state *view,
                              const int64_t *targets);

/* Until what the topic is made of was answered, as of *out_asked_ms (untouched where there is no source). One thread at a
 * time. */
CLICKVEIL_MUST_CHECK bool kafka_follow_await_source(struct kafka_follower *follower, int64_t *out_asked_ms,
                                                    struct error *error);

/* The view that a barrier waits for: the uncommitted one. Where the topic is made of another one, the committed one, and
 * there is no other: what the source has answered is committed. */
const struct view_state *kafka_follow_newest(const struct kafka_follower *follower);

/* ---- kafka_follow_barrier.c ---- */

/* The barrier thread; context: the follower. */
void *kafka_follow_run_barrier(void *context);

#endif
