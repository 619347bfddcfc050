/*
 * The barrier thread of a follower: tickets in, watermarks, positions that reach them, tickets out (the design stands in
 * kafka_follow.c). While the first read goes on it wakes the reader's consumer.
 */
#include "common/kafka_follow.h"

#include "common/clock.h"
#include "common/kafka_client.h"
#include "common/kafka_follow_internal.h"
#include "common/log.h"

enum {
    REQUEST_TIMEOUT_MS = 5000,
    BACKOFF_FIRST_MS = 200,
    IDLE_WAKE_MS = 500,
    STALE_EVERY_MS = 500, /* work rests until a barrier passes: then they are not left waiting */
    PARTITION_COUNT_EVERY_MS = 30000,
    NUDGE_EVERY_MS = 10,
    NUDGE_BELOW = 50000,  /* messages in the queue */
    NUDGE_TIMEOUT_MS = 1, /* the answer does not matter, the request does */
    BARRIER_MS_MAX =
        10000, /* then the watermarks are taken anew: those of a leader that is gone may never be reached */
};

static void note_positions(struct kafka_follower *follower)
{
    const struct view_state *view = kafka_follow_newest(follower);
    for (int32_t i = 0; i < follower->partitions; i++)
        follower->before[i] = atomic_load_explicit(&view->positions[i], memory_order_acquire);
}

static bool check_watermarks(struct kafka_follower *follower, struct error *error)
{
    for (int32_t i = 0; i < follower->partitions; i++) {
        if (follower->watermarks[i] < follower->before[i])
            return error_fail(
                error, EXIT_STATUS_UNAVAILABLE, follower->topic,
                "what it says can't be trusted to be complete any more: see what happened to it and put its "
                "records back "
                "(choices by `clickveil consent import`, or what fills it), then start again",
                "partition %d ends at offset %lld, below what was already read: the topic was made "
                "anew or cut",
                i, (long long)follower->watermarks[i]);
    }
    return true;
}

/* New partitions would take keys away from those that are followed. */
static bool check_partition_count(struct kafka_follower *follower, int64_t *next_check_ms,
                                  struct error *error)
{
    if (clock_monotonic_ms() < *next_check_ms && !atomic_exchange(&follower->is_doubted, false))
        return true;
    int32_t partitions;
    if (!kafka_topic_partitions(follower->offsets, follower->topic, REQUEST_TIMEOUT_MS, &partitions, error))
        return false;
    *next_check_ms = clock_monotonic_ms() + PARTITION_COUNT_EVERY_MS;
    if (partitions != follower->partitions)
        return error_fail(error, EXIT_STATUS_CONFIGURATION, follower->topic, "start again",
                          "the number of partitions changed from %d to %d", follower->partitions, partitions);
    return true;
}

/* A topic that was made anew may by now be longer than the old one was. */
static bool check_births(struct kafka_follower *follower, int64_t *next_check_ms, struct error *error)
{
    if (clock_monotonic_ms() < *next_check_ms)
        return true;
    if (!kafka_births_check(follower->births, REQUEST_TIMEOUT_MS, error))
        return false;
    *next_check_ms = clock_monotonic_ms() + follower->options.barrier_every_ms;
    return true;
}

static void pass_barrier(struct kafka_follower *follower, uint64_t ticket, int64_t began_ms)
{
    bool passed = false;
    int64_t until_ms = clock_monotonic_ms() + BARRIER_MS_MAX;
    for (int32_t i = 0; i < follower->partitions; i++)
        atomic_store_explicit(&follower->known[i], follower->watermarks[i], memory_order_relaxed);
    pthread_mutex_lock(&follower->lock);
    while (
        !kafka_follow_is_stopping(follower) &&
        !(passed = kafka_follow_has_reached(follower, kafka_follow_newest(follower), follower->watermarks)) &&
        clock_monotonic_ms() < until_ms)
        kafka_follow_wait(follower, IDLE_WAKE_MS);
    if (passed) {
        atomic_store(&follower->fresh_since_ms, began_ms);
        follower->ticket_done = ticket;
    }
    pthread_cond_broadcast(&follower->changed);
    pthread_mutex_unlock(&follower->lock);
}

/* The library's consumer rests up to a second when its queue was full; a request to a leader wakes it. In the first read
 * the queue is full often, and each rest would be felt. The answer waits behind the fetch that is under way, so it is
 * not the reader that asks. */
static void nudge(struct kafka_follower *follower)
{
    const struct view_state *view = &follower->committed;
    int64_t low, high;
    if (follower->phase != KAFKA_FOLLOW_READING || rd_kafka_queue_length(view->queue) > NUDGE_BELOW)
        return;
    for (int32_t i = 0; i < follower->partitions; i++) { /* each leader in turn */
        follower->nudged = (follower->nudged + 1) % follower->partitions;
        if (view->positions[follower->nudged] >= follower->targets[follower->nudged])
            continue;
        rd_kafka_query_watermark_offsets(view->client, follower->topic, follower->nudged, &low, &high,
                                         NUDGE_TIMEOUT_MS);
        return;
    }
}

static void nudge_while_reading(struct kafka_follower *follower)
{
    while (!kafka_follow_is_stopping(follower) && follower->phase != KAFKA_FOLLOW_FOLLOWING) {
        pthread_mutex_lock(&follower->lock);
        if (!kafka_follow_is_stopping(follower))
            kafka_follow_wait(follower,
                              follower->phase == KAFKA_FOLLOW_READING ? NUDGE_EVERY_MS : IDLE_WAKE_MS);
        pthread_mutex_unlock(&follower->lock);
        nudge(follower);
    }
}

static uint64_t wait_for_ticket(struct kafka_follower *follower)
{
    int64_t every_ms = follower->options.barrier_every_ms;
    if (every_ms > STALE_EVERY_MS && !kafka_follower_is_fresh(follower))
        every_ms = STALE_EVERY_MS;
    int64_t until_ms = clock_monotonic_ms() + every_ms;
    pthread_mutex_lock(&follower->lock);
    while (!kafka_follow_is_stopping(follower) &&
           (follower->phase != KAFKA_FOLLOW_FOLLOWING ||
            (follower->ticket_asked == follower->ticket_done && clock_monotonic_ms() < until_ms &&
             !follower->is_doubted)))
        kafka_follow_wait(follower, follower->phase == KAFKA_FOLLOW_FOLLOWING
                                        ? until_ms - clock_monotonic_ms() + 1
                                        : IDLE_WAKE_MS);
    uint64_t ticket = follower->ticket_asked;
    pthread_mutex_unlock(&follower->lock);
    return ticket;
}

void *kafka_follow_run_barrier(void *context)
{
    struct kafka_follower *follower = context;
    int64_t next_count_ms = 0, next_births_ms = 0;
    nudge_while_reading(follower);
    while (!kafka_follow_is_stopping(follower)) {
        uint64_t ticket = wait_for_ticket(follower);
        if (kafka_follow_is_stopping(follower))
            break;
        struct error error = {0};
        int64_t began_ms = clock_monotonic_ms();
        kafka_serve(follower->offsets);
        if (!kafka_follow_await_source(follower, &began_ms, &error)) {
            kafka_follow_fail(follower, &error);
            break;
        }
        if (kafka_follow_is_stopping(follower))
            break;
        note_positions(follower);
        if (!check_partition_count(follower, &next_count_ms, &error) ||
            !check_births(follower, &next_births_ms, &error) ||
            !kafka_end_offsets(follower->offsets, follower->topic, follower->partitions, REQUEST_TIMEOUT_MS,
                               follower->watermarks, &error)) {
            if (!error.retriable) {
                kafka_follow_fail(follower, &error);
                break;
            }
            next_count_ms = 0; /* is the topic still there? */
            error_at(&error, "%s", follower->topic);
            log_failure(LOG_LEVEL_WARNING, "barrier_delayed", &error);
            clock_sleep_ms(BACKOFF_FIRST_MS);
            continue;
        }
        if (!check_watermarks(follower, &error)) {
            kafka_follow_fail(follower, &error);
            break;
        }
        pass_barrier(follower, ticket, began_ms);
    }
    return NULL;
}

uint64_t kafka_follower_ask(struct kafka_follower *follower)
{
    pthread_mutex_lock(&follower->lock);
    uint64_t ticket = ++follower->ticket_asked;
    pthread_cond_broadcast(&follower->changed);
    pthread_mutex_unlock(&follower->lock);
    return ticket;
}

bool kafka_follower_await(struct kafka_follower *follower, uint64_t ticket, int64_t timeout_ms)
{
    int64_t until_ms = clock_monotonic_ms() + timeout_ms;
    pthread_mutex_lock(&follower->lock);
    while (!kafka_follow_is_stopping(follower) && follower->ticket_done < ticket &&
           clock_monotonic_ms() < until_ms)
        kafka_follow_wait(follower, until_ms - clock_monotonic_ms() + 1);
    bool passed = !kafka_follow_is_stopping(follower) && follower->ticket_done >= ticket;
    pthread_mutex_unlock(&follower->lock);
    return passed;
}
