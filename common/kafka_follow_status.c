#include "common/kafka_follow.h"

#include "common/clock.h"
#include "common/kafka_follow_internal.h"
#include "common/kafka_source.h"
#include "common/metrics.h"

enum topic_role kafka_follower_role(const struct kafka_follower *follower)
{
    return follower->followed->topic;
}

bool kafka_follower_has(const struct kafka_follower *follower, int32_t partition, int64_t offset)
{
    return follower->phase == KAFKA_FOLLOW_FOLLOWING && partition < follower->partitions &&
           atomic_load_explicit(&follower->committed.positions[partition], memory_order_acquire) > offset;
}

bool kafka_follower_has_source(const struct kafka_follower *follower)
{
    return follower->source != NULL;
}

bool kafka_follower_is_fresh(const struct kafka_follower *follower)
{
    int64_t since_ms = atomic_load(&follower->fresh_since_ms);
    return follower->phase == KAFKA_FOLLOW_FOLLOWING && since_ms != INT64_MIN &&
           clock_monotonic_ms() - since_ms <= follower->options.lease_ms;
}

bool kafka_follower_holds(const struct kafka_follower *follower, struct followed_hold *out_hold)
{
    return follower->followed->holds && follower->followed->holds(follower->stage_shared, out_hold);
}

bool kafka_follower_failure(struct kafka_follower *follower, struct error *out_error)
{
    if (follower->phase != KAFKA_FOLLOW_FAILED)
        return false;
    pthread_mutex_lock(&follower->lock);
    *out_error = follower->failure;
    pthread_mutex_unlock(&follower->lock);
    return true;
}

void kafka_follower_status(struct kafka_follower *follower, struct kafka_follow_status *out_status)
{
    int64_t now_ms = clock_monotonic_ms(), since_ms = atomic_load(&follower->fresh_since_ms);
    uint64_t done = follower->done_offsets, total = follower->total_offsets;
    enum kafka_follow_phase phase = follower->phase;
    bool reading = phase == KAFKA_FOLLOW_READING;
    double seconds = reading ? (double)(now_ms - follower->read_began_ms + 1) / 1000 : 0;
    double rate = reading ? (double)metrics_read(&follower->records) / seconds : 0;
    struct followed_hold hold = {0};
    enum kafka_source_state source =
        follower->source ? kafka_source_state(follower->source) : KAFKA_SOURCE_ANSWERED;
    double offset_rate = reading ? (double)done / seconds : 0;
    *out_status = (struct kafka_follow_status){
        .phase = phase,
        .topic = follower->topic,
        .bootstrap_ratio = phase == KAFKA_FOLLOW_FOLLOWING ? 1
                           : reading && total              ? (double)done / (double)total
                                                           : 0,
        .age_ms = since_ms == INT64_MIN ? -1 : now_ms - since_ms,
        .fresh = kafka_follower_is_fresh(follower),
        .waits_for = source != KAFKA_SOURCE_ANSWERED ? kafka_source_name(follower->source) : NULL,
        .hidden_in = source == KAFKA_SOURCE_HIDDEN ? kafka_source_topic(follower->source) : NULL,
        .holds = kafka_follower_holds(follower, &hold),
        .lease_ms = follower->options.lease_ms,
        .records = metrics_read(&follower->records),
        .records_per_second = rate,
        .hold = hold,
        .eta_ms = offset_rate > 0 ? (int64_t)((double)(total - done) / offset_rate * 1000) : -1,
    };
}
