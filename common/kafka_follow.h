/*
 * Follow a topic whole: complete before work starts, fresh or stop (spec 3, rules 1, 2, 4; architecture 2).
 *
 * The topic is read twice. The committed view (read committed) feeds the stage's shared state; the uncommitted view
 * starts where the committed one stands and shows what open transactions hold, which may only take away. One reader
 * thread calls the stage's hooks; one barrier thread takes high watermarks and waits until the uncommitted view has
 * reached them, every few seconds and whenever a worker asks. What a side input makes of another topic has a committed view
 * alone (kafka_follow.c says why).
 *
 * All functions may be called from any thread unless they say otherwise.
 */
#ifndef CLICKVEIL_COMMON_KAFKA_FOLLOW_H
#define CLICKVEIL_COMMON_KAFKA_FOLLOW_H

#include "common/config.h"
#include "common/error.h"
#include "common/followed_options.h"
#include "common/stage.h"

struct kafka_follower;

enum { KAFKA_FOLLOWERS_MAX = 8 }; /* of a process */

enum kafka_follow_phase {
    KAFKA_FOLLOW_CONNECTING = 0, /* broker not reached yet */
    KAFKA_FOLLOW_READING,        /* first full read */
    KAFKA_FOLLOW_FOLLOWING,      /* complete */
    KAFKA_FOLLOW_FAILED,         /* stops the process; kafka_follower_failure says why */
};

struct kafka_follow_status {
    enum kafka_follow_phase phase;
    const char *topic;
    double bootstrap_ratio; /* 0 to 1 */
    int64_t age_ms;         /* since the watermark of the last barrier that succeeded; -1: none yet */
    bool fresh;             /* complete, and age within the lease */
    const char *waits_for;  /* whose answers the topic's records are, and are not all there; NULL: nobody's */
    const char
        *hidden_in; /* an open transaction there may hide what is to be answered; NULL: nothing is hidden */
    bool holds;     /* fresh or not: work rests until somebody confirms */
    struct followed_hold hold;
    int64_t lease_ms;
    uint64_t records;          /* read so far, both views */
    double records_per_second; /* of the first read */
    int64_t eta_ms;            /* of the first read; -1: unknown */
};

/* Make the handles and start the threads. `options` are the first member of the stage's. They and `stage_shared` live longer
 * than the follower. */
struct kafka_follower *kafka_follower_new(const struct config *config, const struct followed *followed,
                                          void *stage_shared, const struct followed_options *options,
                                          struct error *error);

/* Stop the threads and free. */
void kafka_follower_free(struct kafka_follower *follower);

void kafka_follower_status(struct kafka_follower *follower, struct kafka_follow_status *out_status);

/* Which of the pipeline's topics it follows. */
enum topic_role kafka_follower_role(const struct kafka_follower *follower);

/* Has the committed view taken in what stands at that offset (or passed it)? Once the first full read is done. */
bool kafka_follower_has(const struct kafka_follower *follower, int32_t partition, int64_t offset);

/* Are the topic's records what a side input makes of another topic (common/kafka_source.h)? */
bool kafka_follower_has_source(const struct kafka_follower *follower);

/* Complete, and the last barrier is no older than the lease. */
bool kafka_follower_is_fresh(const struct kafka_follower *follower);

/* Must work rest until somebody confirms what was read (spec 3, rule 8)? */
bool kafka_follower_holds(const struct kafka_follower *follower, struct followed_hold *out_hold);

/* A barrier: ask for one, and wait until everything that stood in the topic when it was asked for has been taken in.
 * Several followers are asked first and waited for then. False: it did not happen within timeout_ms, or the follower
 * failed; what waits for it must not commit. */
uint64_t kafka_follower_ask(struct kafka_follower *follower);
CLICKVEIL_MUST_CHECK bool kafka_follower_await(struct kafka_follower *follower, uint64_t ticket,
                                               int64_t timeout_ms);

/* True and the reason when the follower can't go on; the process must stop. */
bool kafka_follower_failure(struct kafka_follower *follower, struct error *out_error);

#endif
