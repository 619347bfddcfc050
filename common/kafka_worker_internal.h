/*
 * The inside of a worker, shared by its parts: kafka_worker.c, kafka_worker_poll.c, kafka_worker_group.c,
 * kafka_worker_commit.c and kafka_worker_recover.c. Nobody else includes this. All of it is the worker's thread's, but what says otherwise.
 */
#ifndef CLICKVEIL_COMMON_KAFKA_WORKER_INTERNAL_H
#define CLICKVEIL_COMMON_KAFKA_WORKER_INTERNAL_H

#include "common/arena.h"
#include "common/kafka_assignment.h"
#include "common/kafka_restore.h"
#include "common/kafka_transaction.h"
#include "common/kafka_worker.h"

#include <pthread.h>

enum {
    KAFKA_WORKER_POLL_BATCH = 512,
    KAFKA_WORKER_WAIT_STEP_MS = 50,
    KAFKA_WORKER_BACKOFF_FIRST_MS = 200,
    KAFKA_WORKER_BACKOFF_MAX_MS = 10000,
    KAFKA_WORKER_LATENCIES_MAX = 4096,
    KAFKA_WORKER_IDENTITY_SIZE = 320, /* two names of 128 bytes, a stage, a number */
    KAFKA_WORKER_NAME_SIZE = 64,
};

/* A partition that a transaction has advanced: by that can be told afterwards whether it was committed. */
struct moved {
    int32_t partition; /* -1: none */
    int64_t from, to;
};

struct latency { /* records of one Kafka timestamp in the open transaction */
    int64_t timestamp_ms;
    uint32_t count;
};

struct kafka_worker {
    struct kafka_worker_spec spec;
    const struct config *config;
    char identity[KAFKA_WORKER_IDENTITY_SIZE], group[KAFKA_WORKER_IDENTITY_SIZE],
        member[KAFKA_WORKER_IDENTITY_SIZE];
    char name[KAFKA_WORKER_NAME_SIZE];
    const struct stage *side_stage; /* NULL: works on the chain's input */
    enum topic_role input;
    struct kafka_follower *table; /* what has to take a record in before it is ours; NULL: nothing */
    pthread_t thread;
    bool runs;
    struct error failure;

    struct arena arena;
    struct chain *chain;
    rd_kafka_t *consumer, *offsets;
    rd_kafka_queue_t *queue;
    rd_kafka_consumer_group_metadata_t
        *metadata; /* taken at the assignment, kept until revocation (rule 2) */
    struct kafka_transaction *transaction;
    struct kafka_assignment assignment;
    struct kafka_restore *restore; /* NULL: no state */
    bool restoring, assign_failed;
    bool rejoining;     /* partitions were taken back, and what comes instead is not known yet */
    unsigned moves;     /* grows whenever positions moved: by a rebalance, a rewind */
    bool missed;        /* a record was not taken though it was ours: back to our positions before going on */
    int64_t checked_ms; /* when the input topic was last asked after */
    rd_kafka_message_t *messages[KAFKA_WORKER_POLL_BATCH];

    /* The open transaction. */
    int64_t began_ms; /* monotonic */
    uint64_t batch_records, batch_outputs, batch_feed_records;
    struct output *deferred; /* feed records: sent behind the barrier */
    size_t deferred_count, deferred_capacity;
    struct latency latencies[KAFKA_WORKER_LATENCIES_MAX];
    unsigned latency_count;
    bool more_due;
    bool
        holding; /* a followed topic holds: events rest, and transactions only take back (spec 3, rules 8 and 9) */

    uint64_t batch_max;       /* records: smaller for a while after choices touched a batch */
    unsigned touched_lately;  /* batches that choices touched, since there were many in a row that none did */
    bool storm;               /* choices come so fast that they touch most batches (kafka_worker_commit.c) */
    unsigned calm;            /* batches in a row that no choice touched */
    bool barrier_first;       /* the open transaction began behind a barrier */
    int64_t begin_ms, end_ms; /* how long the last transaction took to begin, and to end */
    uint64_t batch_ceiling;   /* records: as many as memory was enough for lately */
    int64_t ended_ms;         /* when a transaction last ended; monotonic */

    /* The way back when nobody knows what became of the open transaction. */
    bool ready;     /* the producer is open */
    bool unsettled; /* a transaction's result is unknown: its records are neither counted nor given up yet */
    struct moved moved;          /* of that: what tells afterwards whether it was committed */
    int64_t mend_ms, backoff_ms; /* when to try again, and how long to wait then; monotonic */

    bool rewound;    /* and no record came since */
    unsigned nudged; /* which partition's leader was asked last, to wake the consumer */
    int64_t nudged_ms, served_ms;
    int64_t drain_until_ms; /* monotonic; 0: nobody said stop yet */
    struct kafka_worker_stats stats;
    pthread_mutex_t positions_lock;          /* what follows */
    struct kafka_worker_position *positions; /* of as many as the topic has partitions */
    unsigned position_count;
};

/* ---- kafka_worker.c: life and loop ---- */

bool kafka_worker_is_stopping(const struct kafka_worker *worker);
void kafka_worker_enter(struct kafka_worker *worker, enum kafka_worker_phase phase);

/* Is it time to leave, also with work undone? A worker that holds partitions goes on trying for shutdown_timeout, so that
 * what it began is not left for later. */
bool kafka_worker_gives_up(struct kafka_worker *worker);

/* ---- kafka_worker_poll.c: what the consumer says ---- */

/* Poll once, for at most so long, and process what comes; a batch that is full is committed. False: the worker ends. */
CLICKVEIL_MUST_CHECK bool kafka_worker_poll(struct kafka_worker *worker, int timeout_ms, struct error *error);

/* Let the handles that nobody polls say what they have to say, now and then. */
void kafka_worker_serve(struct kafka_worker *worker);

/* ---- kafka_worker_group.c: partitions that come and go ---- */

CLICKVEIL_MUST_CHECK bool kafka_worker_subscribe(struct kafka_worker *worker, struct error *error);

/* A rebalance could not be answered. When only the broker was away, ask for partitions anew; false: it can't go on. */
CLICKVEIL_MUST_CHECK bool kafka_worker_join_again(struct kafka_worker *worker, struct error *error);

/* The consumer says that its topic is not there. False: so it is. Asks at most every few seconds. */
CLICKVEIL_MUST_CHECK bool kafka_worker_check_topic(struct kafka_worker *worker, struct error *error);

/* The library's callback, inside a poll or the consumer's close. */
void kafka_worker_on_rebalance(rd_kafka_t *consumer, rd_kafka_resp_err_t code,
                               rd_kafka_topic_partition_list_t *given, void *opaque);

void kafka_worker_drop_metadata(struct kafka_worker *worker);

/* ---- kafka_worker_commit.c: a transaction begins and ends ---- */

/* Every followed topic complete and within its lease. */
bool kafka_worker_is_fresh(const struct kafka_worker *worker);

/* Does one of them hold? Then events rest; what was published goes on being taken back. */
bool kafka_worker_holds(const struct kafka_worker *worker);

/* How long the open transaction may take in records. */
int64_t kafka_worker_transaction_ms(const struct kafka_worker *worker);

/* Begin when none is open; the producer is mended. True also when the way back was taken: then `moves` has grown. */
CLICKVEIL_MUST_CHECK bool kafka_worker_begin_transaction(struct kafka_worker *worker, struct error *error);

/* End the open transaction, or take the way back (`moves` has grown). False: the worker can't go on. */
CLICKVEIL_MUST_CHECK bool kafka_worker_end_transaction(struct kafka_worker *worker, bool draining,
                                                       struct error *error);

/* A step that adds to the open transaction failed, after so many records had gone in: abort, in smaller pieces where
 * memory was short; or stop, where that can't help. */
CLICKVEIL_MUST_CHECK bool kafka_worker_failed_to_fill(struct kafka_worker *worker, uint64_t records,
                                                      const struct error *why, struct error *error);

/* The open transaction is committed: count it. */
void kafka_worker_count_commit(struct kafka_worker *worker);

/* Show committed positions to whoever asks. */
void kafka_worker_publish_positions(struct kafka_worker *worker);

/* ---- kafka_worker_recover.c: the ways back ---- */

/* Forget what the open transaction gathered (outputs, memory), committed or not. */
void kafka_worker_forget_batch(struct kafka_worker *worker);

/* The open transaction is aborted: in the chain too, and what it gathered is forgotten. */
void kafka_worker_give_up_batch(struct kafka_worker *worker);

/* Assign the state of all partitions that we hold and begin to read their changelog. */
CLICKVEIL_MUST_CHECK bool kafka_worker_begin_restore(struct kafka_worker *worker, struct error *error);
void kafka_worker_forget_state(struct kafka_worker *worker);

/* Back to the committed positions. */
CLICKVEIL_MUST_CHECK bool kafka_worker_rewind(struct kafka_worker *worker, struct error *error);

/* Undo the open transaction everywhere: broker, chain, positions. may_be_done: its commit was asked for. */
CLICKVEIL_MUST_CHECK bool kafka_worker_abort(struct kafka_worker *worker, bool may_be_done,
                                             struct error *error);

/* Go on after a step of the transaction that was not done. True: the way back was taken and work goes on. */
CLICKVEIL_MUST_CHECK bool kafka_worker_go_back(struct kafka_worker *worker, enum kafka_outcome outcome,
                                               bool may_be_done, const struct error *why,
                                               struct error *error);

/* Drop the producer for a new one, which kafka_worker_mend opens. Nothing else: partitions and chain are the caller's. */
void kafka_worker_drop_producer(struct kafka_worker *worker, const struct error *why);

/* The same, with all that hangs on it: partitions are paused, and rewound, or kept until it is settled what became of the
 * transaction. was_open: there was one; may_be_done: its commit was asked for. Waits for nothing. */
CLICKVEIL_MUST_CHECK bool kafka_worker_lose_producer(struct kafka_worker *worker, bool was_open,
                                                     bool may_be_done, const struct error *why,
                                                     struct error *error);

/* Is the producer open and everything before it settled? */
bool kafka_worker_is_mended(const struct kafka_worker *worker);

/* One step towards that, at most some seconds long, nothing while it backs off; the caller polls in between. False: it
 * can't be mended. */
CLICKVEIL_MUST_CHECK bool kafka_worker_mend(struct kafka_worker *worker, struct error *error);

/* Partitions are going while a result is unknown: give its records up, whoever gets them asks for himself. */
void kafka_worker_leave_unsettled(struct kafka_worker *worker);

/* A transaction has ended: may one of its requests still be under way, so that the producer is of no more use? */
bool kafka_worker_is_doubtful(const struct kafka_worker *worker, struct error *out_why);

/* Then lose it. */
CLICKVEIL_MUST_CHECK bool kafka_worker_mind_doubt(struct kafka_worker *worker, struct error *error);

#endif
