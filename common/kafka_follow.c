/*
 * Design. Positions of the uncommitted view are atomics that only the reader writes. A barrier is: take the high
 * watermarks, then wait until every position has reached its watermark; because positions only grow, one barrier
 * serves every worker that asked before its watermarks were taken (tickets). The reader wakes on an eventfd that
 * both consumer queues write to, so neither view waits for the other's poll.
 *
 * Where the topic's records are what a side input makes of another topic (common/kafka_source.h), a barrier first waits
 * until all that stands there was answered, and takes the watermarks then. An answer counts when it is committed, so there
 * is no uncommitted view; but it is the committed one that has to reach the high watermarks, and not only the last stable
 * offsets: the markers of one commit reach the partitions one by one, that of the side input's position may be the first.
 *
 * A watermark below a position means that the topic was cut or made anew. The positions are those from before the
 * watermarks were asked for: while the answer is under way the reader goes on, beyond them.
 *
 * Positions count what has no message of its own (transaction markers) by the end-of-partition events of the library:
 * their offset is the next one to be fetched. Those come with an empty fetch answer, so the followers' fetch.wait is
 * short.
 */
#include "common/kafka_follow.h"

#include "common/clock.h"
#include "common/kafka_check.h"
#include "common/kafka_client.h"
#include "common/kafka_follow_internal.h"
#include "common/kafka_source.h"
#include "common/log.h"
#include "common/metrics.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum {
    PARTITIONS_MAX = 10000,
    READ_BATCH = 1000, /* messages taken from a queue at once */
    REQUEST_TIMEOUT_MS = 5000,
    BACKOFF_FIRST_MS = 200,
    BACKOFF_MAX_MS = 5000,
    IDLE_WAKE_MS = 500,    /* the reader looks at `stop` at least this often */
    WRITING_WAKE_MS = 1,   /* while a snapshot is being written */
    CALM_MS = 300,         /* several times fetch.wait.max.ms */
    STANDS_MS = 5000,      /* a partition without a message, though more is known to be there */
    STANDS_MS_MAX = 60000, /* when asking anew has not helped: an open transaction, a leader that is away */
};

bool kafka_follow_is_stopping(const void *context)
{
    const struct kafka_follower *follower = context;
    return atomic_load_explicit(&follower->stop, memory_order_relaxed) ||
           follower->phase == KAFKA_FOLLOW_FAILED;
}

void kafka_follow_fail(struct kafka_follower *follower, const struct error *error)
{
    log_failure(LOG_LEVEL_ERROR, "followed_topic_failed", error);
    pthread_mutex_lock(&follower->lock);
    if (follower->phase != KAFKA_FOLLOW_FAILED) {
        follower->failure = *error;
        follower->phase = KAFKA_FOLLOW_FAILED;
    }
    pthread_cond_broadcast(&follower->changed);
    pthread_mutex_unlock(&follower->lock);
}

const struct view_state *kafka_follow_newest(const struct kafka_follower *follower)
{
    return follower->source ? &follower->committed : &follower->uncommitted;
}

void kafka_follow_wait(struct kafka_follower *follower, int64_t timeout_ms)
{
    struct timespec until;
    if (timeout_ms < 1)
        timeout_ms = 1;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += timeout_ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_cond_timedwait(&follower->changed, &follower->lock, &until);
}

/* ---- reading ---- */

static bool is_known(const struct kafka_follower *follower, const struct view_state *view,
                     const rd_kafka_message_t *message)
{
    int32_t partition = message->partition;
    /* a replay after a reconnect; or the committed view has decided it already */
    return message->offset < atomic_load_explicit(&view->positions[partition], memory_order_relaxed) ||
           (!view->committed && message->offset < follower->committed.positions[partition]);
}

static struct followed_record record_of(const struct kafka_follower *follower, const struct view_state *view,
                                        const rd_kafka_message_t *message)
{
    struct followed_record record = {
        .partition = message->partition,
        .offset = message->offset,
        .timestamp_ms = kafka_timestamp_ms(message),
        .now_ms = follower->now_ms,
        .key = {message->key, message->key_len},
        .value = {message->payload, message->len},
        .committed = view->committed,
    };
    rd_kafka_headers_t *headers;
    const void *author;
    size_t author_size;
    if (!rd_kafka_message_headers(message, &headers) &&
        !rd_kafka_header_get_last(headers, "clickveil-author", &author, &author_size))
        record.author = (struct view){author, author_size};
    return record;
}

static bool take_record(struct kafka_follower *follower, const struct followed_record *record,
                        struct error *error)
{
    if (!kafka_births_note(follower->births, record->partition, record->offset, record->key, record->author,
                           error) ||
        !follower->followed->apply(follower->stage_shared, record, error))
        return false;
    metrics_add(&follower->records, 1);
    return true;
}

/* Turn messages into records, as many as are new, and show them to the stage. A message's number among the records, or
 * none. */
static void look_ahead(struct kafka_follower *follower, const struct view_state *view, size_t count)
{
    size_t records = 0;
    for (size_t i = 0; i < count; i++) {
        const rd_kafka_message_t *message = follower->messages[i];
        follower->record_of[i] = NULL;
        if (message->err || message->partition >= follower->partitions || is_known(follower, view, message))
            continue;
        follower->record_of[i] = &follower->record_list[records];
        follower->record_list[records++] = record_of(follower, view, message);
    }
    if (follower->followed->ahead && records > 0)
        follower->followed->ahead(follower->stage_shared, follower->record_list, records);
}

/* What one drain of a view found. */
struct drained {
    bool any;        /* something came */
    bool begun_anew; /* the view: the rest of the batch is of what was assigned before */
    bool more;       /* and there may be more: the queue wakes nobody for what it held already */
};

static bool fail_cut(const struct kafka_follower *follower, rd_kafka_resp_err_t code, struct error *error)
{
    (void)error_fail(error, EXIT_STATUS_UNAVAILABLE, follower->topic,
                     "what it says can't be trusted to be complete any more: see what happened to it and "
                     "put its records back "
                     "(choices by `clickveil consent import`, or what fills it), then start again",
                     "the topic was deleted, cut or made anew while it was followed (%s)",
                     rd_kafka_err2name(code));
    if (follower->source) /* whoever has no position answers everything anew (docs/retractions.md) */
        error_advise(error,
                     "answers that nobody has read are lost: see what happened to it, stop %s, delete the "
                     "offsets of that group (`kafka-consumer-groups.sh --delete`), so that everything is "
                     "answered anew, then start again",
                     kafka_source_name(follower->source));
    return false;
}

static bool assign_view(struct kafka_follower *follower, struct view_state *view, const _Atomic int64_t *from,
                        struct error *error)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(follower->partitions);
    for (int32_t i = 0; i < follower->partitions; i++) {
        rd_kafka_topic_partition_list_add(list, follower->topic, i)->offset = from[i];
        view->positions[i] = from[i];
    }
    rd_kafka_resp_err_t code = rd_kafka_assign(view->client, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code)
        return kafka_fail_code(error, code, "following a topic");
    view->assigned = true;
    return true;
}

/* May what stood at our position have been deleted as old? What we had not read was written since the last complete reading.
 * While that is less long ago than a record may be of use, it was no retention that took it. The first read has nothing to go
 * by: what is of no more use may vanish in front of it, and it says nothing about what vanished before it began. */
static bool may_be_old(const struct kafka_follower *follower)
{
    int64_t since_ms = atomic_load(&follower->fresh_since_ms);
    return follower->phase != KAFKA_FOLLOW_FOLLOWING ||
           (since_ms != INT64_MIN && clock_monotonic_ms() - since_ms >= follower->useful_ms);
}

/* Go on behind what was deleted, when our position was among it. False: the topic ends below our position, so it is another
 * one, or what is gone was not old. */
static bool pass_partition(struct kafka_follower *follower, struct view_state *view, int32_t partition,
                           int64_t first, int64_t end, bool *moved)
{
    int64_t position = view->positions[partition];
    if (position > end)
        return false;
    if (first <= position)
        return true;
    if (!may_be_old(follower))
        return false;
    log_line(LOG_LEVEL_INFO, "followed_records_gone",
             "%s[%d]: records %lld to %lld were deleted as old before they were read", follower->topic,
             (int)partition, (long long)position, (long long)first - 1);
    atomic_store_explicit(&view->positions[partition], first, memory_order_release);
    *moved = true;
    return true;
}

/* What stood at our position is deleted. Where the topic may delete what is of no more use, the first record that is left
 * is the next one. Where nothing is missing at any position, the error is of an assignment before this one; should nothing
 * come after it, it is asked anew in some seconds (assigning again at once, the library trips over itself). */
static bool pass_what_has_gone(struct kafka_follower *follower, struct view_state *view,
                               rd_kafka_resp_err_t code, struct error *error)
{
    int64_t *offsets = calloc((size_t)follower->partitions * 2, sizeof *offsets);
    int64_t *first = offsets, *end = offsets + follower->partitions;
    struct error why = {0};
    if (!offsets)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory to follow a topic");
    bool asked = kafka_first_offsets(follower->offsets, follower->topic, follower->partitions,
                                     REQUEST_TIMEOUT_MS, first, &why) &&
                 kafka_end_offsets(follower->offsets, follower->topic, follower->partitions,
                                   REQUEST_TIMEOUT_MS, end, &why);
    bool same = true, moved = false;
    for (int32_t i = 0; asked && same && i < follower->partitions; i++)
        same = pass_partition(follower, view, i, first[i], end[i], &moved);
    free(offsets);
    if (!asked && !why.retriable) {
        *error = why;
        return false;
    }
    if (!same)
        return fail_cut(follower, code, error);
    return !moved || assign_view(follower, view, view->positions, error);
}

static bool take_error(struct kafka_follower *follower, struct view_state *view,
                       const rd_kafka_message_t *message, struct drained *drained, struct error *error)
{
    rd_kafka_resp_err_t code = message->err;
    if (kafka_is_unreachable(code))
        return true;                 /* the library goes on trying; the lease runs meanwhile */
    if (kafka_skips_records(code)) { /* a choice that is not read would be ignored */
        (void)kafka_fail_code(error, code, "following a topic");
        error_at(error, "%s[%d]@%lld", follower->topic, message->partition, (long long)message->offset);
        error_advise(error, "the client can't read what stands there: see how it was written");
        return false;
    }
    if (kafka_is_topic_unknown(code))
        atomic_store(&follower->is_doubted, true);
    if (code == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE || code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET)
        return drained->begun_anew   ? true /* of what was assigned before */
               : follower->useful_ms ? (drained->begun_anew = pass_what_has_gone(follower, view, code, error))
                                     : fail_cut(follower, code, error);
    log_line(LOG_LEVEL_WARNING, "followed_topic_error", "%s: %s", follower->topic, rd_kafka_err2name(code));
    return true;
}

/* Take in one batch of what a view's queue holds. One only: in a flood the other view has its turn, or no barrier would
 * be passed before the flood is over. False: failed. */
static bool drain_view(struct kafka_follower *follower, struct view_state *view, struct drained *drained,
                       struct error *error)
{
    if (!view->assigned)
        return true;
    bool fine = true;
    drained->begun_anew = false;
    ssize_t count = rd_kafka_consume_batch_queue(view->queue, 0, follower->messages, READ_BATCH);
    if (count <= 0)
        return true;
    drained->any = true;
    drained->more = drained->more || count == READ_BATCH;
    follower->now_ms = clock_unix_ms();
    look_ahead(follower, view, (size_t)count);
    for (ssize_t i = 0; i < count; i++) {
        rd_kafka_message_t *message = follower->messages[i];
        bool end = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
        if (fine && follower->record_of[i])
            fine = take_record(follower, follower->record_of[i], error);
        else if (fine && message->err && !end)
            fine = take_error(follower, view, message, drained, error);
        int64_t next = end ? message->offset : message->offset + 1;
        if (fine && (end || !message->err) && message->partition < follower->partitions &&
            next > atomic_load_explicit(&view->positions[message->partition], memory_order_relaxed))
            atomic_store_explicit(&view->positions[message->partition], next, memory_order_release);
    }
    /* All at once: the library's thread makes messages out of the memory that is given back here, and each time that the two
     * meet costs far more than a message. */
    for (ssize_t i = 0; i < count; i++)
        rd_kafka_message_destroy(follower->messages[i]);
    return fine;
}

static void tell_committed(struct kafka_follower *follower)
{
    if (!follower->followed->committed_to)
        return;
    for (int32_t i = 0; i < follower->partitions; i++)
        follower->followed->committed_to(follower->stage_shared, i, follower->committed.positions[i]);
}

/* A hold is said when it begins and when it ends; /readyz says it all the time. */
static void tell_hold(struct kafka_follower *follower)
{
    struct followed_hold hold;
    bool holds = kafka_follower_holds(follower, &hold);
    if (holds == follower->is_held)
        return;
    follower->is_held = holds;
    if (holds)
        log_line(LOG_LEVEL_ERROR, "followed_topic_holds", "%s: %s (%llu, the limit is %llu)", follower->topic,
                 hold.what, (unsigned long long)hold.found, (unsigned long long)hold.limit);
    else
        log_line(LOG_LEVEL_WARNING, "followed_topic_released", "%s: what held is confirmed, work goes on",
                 follower->topic);
}

bool kafka_follow_has_reached(const struct kafka_follower *follower, const struct view_state *view,
                              const int64_t *targets)
{
    for (int32_t i = 0; i < follower->partitions; i++) {
        if (atomic_load_explicit(&view->positions[i], memory_order_acquire) < targets[i])
            return false;
    }
    return true;
}

static void show_progress(struct kafka_follower *follower)
{
    uint64_t done = 0;
    for (int32_t i = 0; i < follower->partitions; i++) {
        int64_t committed = follower->committed.positions[i],
                uncommitted = follower->uncommitted.positions[i];
        int64_t position = committed > uncommitted ? committed : uncommitted;
        if (position > follower->targets[i])
            position = follower->targets[i];
        if (position > follower->first[i])
            done += (uint64_t)(position - follower->first[i]);
    }
    follower->done_offsets = done;
}

/* A snapshot is not made while work rests: what holds it up would be forgotten with a restart. */
static void keep(struct kafka_follower *follower)
{
    if (!follower->keep || follower->phase != KAFKA_FOLLOW_FOLLOWING ||
        (!kafka_keep_is_writing(follower->keep) && (!kafka_follower_is_fresh(follower) || follower->is_held)))
        return;
    int64_t known_ms = clock_unix_ms() - (clock_monotonic_ms() - atomic_load(&follower->fresh_since_ms));
    kafka_keep_step(follower->keep, follower->births, follower->partitions, follower->committed.positions,
                    known_ms);
}

/* The library can lose its way where what it was to fetch is gone (an error of one assignment is dropped by the next one):
 * nothing comes any more, though more is known to be there. Whoever waits for it would wait for ever, so it is told again
 * where to begin. Each partition counts for itself: others may go on meanwhile. */
static bool begin_again_where_it_stands(struct kafka_follower *follower, int32_t partition,
                                        struct error *error)
{
    log_line(LOG_LEVEL_WARNING, "followed_topic_stands",
             "%s[%d]: nothing came for %lld s, though there is more: it is asked for anew", follower->topic,
             (int)partition, (long long)follower->patience_ms / 1000);
    follower->patience_ms =
        follower->patience_ms * 2 > STANDS_MS_MAX ? STANDS_MS_MAX : follower->patience_ms * 2;
    return assign_view(follower, &follower->committed, follower->committed.positions, error) &&
           (!follower->uncommitted.assigned ||
            assign_view(follower, &follower->uncommitted, follower->uncommitted.positions, error));
}

static void begin_watching(struct kafka_follower *follower)
{
    follower->watched_ms = clock_monotonic_ms();
    follower->patience_ms = STANDS_MS;
    for (int32_t i = 0; i < follower->partitions; i++)
        follower->stood[i] = (struct standing){-1, follower->watched_ms};
}

/* Does a partition stand, though `view` has not reached what is known to be there (targets; NULL: what the last barrier
 * found)? */
static bool watch(struct kafka_follower *follower, const struct view_state *view, const int64_t *targets,
                  struct error *error)
{
    int64_t now_ms = clock_monotonic_ms();
    int32_t stands = -1;
    bool waits = false;
    if (now_ms - follower->watched_ms < IDLE_WAKE_MS)
        return true;
    follower->watched_ms = now_ms;
    for (int32_t i = 0; i < follower->partitions; i++) {
        struct standing *stood = &follower->stood[i];
        int64_t position = view->positions[i];
        int64_t target =
            targets ? targets[i] : atomic_load_explicit(&follower->known[i], memory_order_relaxed);
        if (position >= target || position != stood->position)
            *stood = (struct standing){position, now_ms};
        else if (now_ms - stood->since_ms >= follower->patience_ms)
            stands = i;
        waits = waits || position < target;
    }
    if (!waits)
        follower->patience_ms = STANDS_MS;
    if (stands < 0)
        return true;
    for (int32_t i = 0; i < follower->partitions; i++)
        follower->stood[i].since_ms = now_ms;
    return begin_again_where_it_stands(follower, stands, error);
}

/* Read until `view` has reached `targets` (NULL: until told to stop). */
static bool read_until(struct kafka_follower *follower, const struct view_state *view, const int64_t *targets,
                       struct error *error)
{
    struct drained drained = {0};
    begin_watching(follower);
    while (!kafka_follow_is_stopping(follower) &&
           !(targets && kafka_follow_has_reached(follower, view, targets))) {
        struct pollfd wake = {.fd = follower->wake, .events = POLLIN};
        uint64_t count;
        int wait_ms = drained.more                            ? 0
                      : kafka_keep_is_writing(follower->keep) ? WRITING_WAKE_MS
                                                              : IDLE_WAKE_MS;
        if (poll(&wake, 1, wait_ms) > 0 && read(follower->wake, &count, sizeof count) < 0 && errno != EAGAIN)
            return error_fail(error, EXIT_STATUS_IO, NULL, NULL, "the reader's wake-up can't be read");
        drained = (struct drained){0};
        if (!drain_view(follower, &follower->committed, &drained, error) ||
            !drain_view(follower, &follower->uncommitted, &drained, error))
            return false;
        keep(follower);
        if (!watch(follower, view, targets, error))
            return false;
        if (!drained.any)
            continue;
        if (follower->uncommitted.assigned || follower->source)
            tell_committed(follower);
        tell_hold(follower);
        if (targets)
            show_progress(follower);
        pthread_mutex_lock(&follower->lock);
        pthread_cond_broadcast(&follower->changed);
        pthread_mutex_unlock(&follower->lock);
    }
    return true;
}

static bool open_view(struct kafka_follower *follower, struct view_state *view, enum kafka_role role,
                      struct error *error)
{
    struct kafka_client_spec spec = {.role = role, .opaque = follower};
    view->committed = role == KAFKA_ROLE_COMMITTED;
    view->client = kafka_client_new(follower->config, &spec, error);
    if (!view->client)
        return false;
    view->queue = rd_kafka_queue_get_consumer(view->client);
    static const uint64_t one = 1;
    rd_kafka_queue_io_event_enable(view->queue, follower->wake, &one, sizeof one);
    return true;
}

/* A client that is destroyed while an error of a partition is on its way to its queue can wait for itself for ever (seen with
 * librdkafka 2.0.2). After a failure there are such errors: ask for nothing more, and let them come. */
static void calm(struct kafka_follower *follower)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(follower->partitions);
    for (int32_t i = 0; i < follower->partitions; i++)
        rd_kafka_topic_partition_list_add(list, follower->topic, i);
    if (follower->committed.assigned)
        rd_kafka_pause_partitions(follower->committed.client, list);
    if (follower->uncommitted.assigned)
        rd_kafka_pause_partitions(follower->uncommitted.client, list);
    rd_kafka_topic_partition_list_destroy(list);
    clock_sleep_ms(CALM_MS);
}

static void close_view(struct view_state *view)
{
    if (view->queue) {
        rd_kafka_queue_io_event_enable(view->queue, -1, NULL, 0);
        rd_kafka_queue_destroy(view->queue);
    }
    if (view->client) {
        rd_kafka_consumer_close(view->client);
        rd_kafka_destroy(view->client);
    }
    free(view->positions);
}

/* ---- the first read ---- */

static bool take_partitions(struct kafka_follower *follower, struct error *error)
{
    int32_t partitions;
    if (!kafka_topic_partitions(follower->offsets, follower->topic, REQUEST_TIMEOUT_MS, &partitions, error))
        return false;
    if (partitions > PARTITIONS_MAX)
        return error_fail(error, EXIT_STATUS_CONFIGURATION, follower->topic, NULL, "more than %d partitions",
                          PARTITIONS_MAX);
    size_t count = (size_t)partitions;
    if (!follower->first) {
        follower->first = calloc(count, sizeof *follower->first);
        follower->targets = calloc(count, sizeof *follower->targets);
        follower->watermarks = calloc(count, sizeof *follower->watermarks);
        follower->before = calloc(count, sizeof *follower->before);
        follower->known = calloc(count, sizeof *follower->known);
        follower->stood = calloc(count, sizeof *follower->stood);
        follower->committed.positions = calloc(count, sizeof *follower->committed.positions);
        follower->uncommitted.positions = calloc(count, sizeof *follower->uncommitted.positions);
        if (!follower->first || !follower->targets || !follower->watermarks || !follower->before ||
            !follower->known || !follower->stood || !follower->committed.positions ||
            !follower->uncommitted.positions)
            return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory",
                              "no memory to follow a topic");
        follower->births = kafka_births_new(follower->config, follower->topic, partitions);
        if (!follower->births)
            return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory",
                              "no memory to follow a topic");
    } else if (follower->partitions != partitions) {
        return error_fail(error, EXIT_STATUS_CONFIGURATION, follower->topic, "start again",
                          "the number of partitions changed during the start");
    }
    follower->partitions = partitions;
    return true;
}

/* Targets are high watermarks, taken before the first record is read: not last stable offsets, since an open
 * transaction would hide opt-outs (rule 1). */
static bool take_targets(struct kafka_follower *follower, struct error *error)
{
    if (!take_partitions(follower, error) ||
        !kafka_first_offsets(follower->offsets, follower->topic, follower->partitions, REQUEST_TIMEOUT_MS,
                             follower->first, error) ||
        !kafka_end_offsets(follower->offsets, follower->topic, follower->partitions, REQUEST_TIMEOUT_MS,
                           follower->targets, error) ||
        !kafka_end_offsets(follower->committed.client, follower->topic, follower->partitions,
                           REQUEST_TIMEOUT_MS, follower->watermarks, error))
        return false;
    uint64_t total = 0;
    for (int32_t i = 0; i < follower->partitions; i++)
        total += (uint64_t)(follower->targets[i] - follower->first[i]);
    follower->total_offsets = total;
    return true;
}

/* Before it is assigned nobody consumes from a view, but what it says of its connections must be heard. */
static void hear(struct kafka_follower *follower)
{
    kafka_serve(follower->offsets);
    rd_kafka_message_t *message = rd_kafka_consumer_poll(follower->committed.client, 0);
    if (message)
        rd_kafka_message_destroy(message);
    message = follower->uncommitted.client ? rd_kafka_consumer_poll(follower->uncommitted.client, 0) : NULL;
    if (message)
        rd_kafka_message_destroy(message);
}

static bool wait_for_targets(struct kafka_follower *follower, int64_t *out_asked_ms, struct error *error)
{
    int64_t backoff_ms = BACKOFF_FIRST_MS;
    while (!kafka_follow_is_stopping(follower)) {
        *out_asked_ms = clock_monotonic_ms();
        if (take_targets(follower, error))
            return true;
        hear(follower);
        if (!error->retriable)
            return false;
        error_at(error, "%s", follower->topic);
        error_advise(error, "waiting for the broker");
        log_failure(LOG_LEVEL_WARNING, "broker_unreachable", error);
        pthread_mutex_lock(&follower->lock);
        if (!kafka_follow_is_stopping(follower))
            kafka_follow_wait(follower, backoff_ms);
        pthread_mutex_unlock(&follower->lock);
        backoff_ms = backoff_ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : backoff_ms * 2;
    }
    return true;
}

bool kafka_follow_await_source(struct kafka_follower *follower, int64_t *out_asked_ms, struct error *error)
{
    return !follower->source ||
           kafka_source_await(follower->source, kafka_follow_is_stopping, follower, out_asked_ms, error);
}

static bool read_whole(struct kafka_follower *follower, struct error *error)
{
    int64_t asked_ms, targets_ms; /* before the targets were taken: so old is what the first read knows */
    if (!kafka_follow_await_source(follower, &asked_ms, error) ||
        !wait_for_targets(follower, follower->source ? &targets_ms : &asked_ms, error) ||
        kafka_follow_is_stopping(follower))
        return kafka_follow_is_stopping(follower);
    if (follower->followed->asks_settings &&
        !kafka_check_followed(follower->config, follower->followed->topic, REQUEST_TIMEOUT_MS, error))
        return false;
    int64_t began_ms = clock_monotonic_ms();
    follower->read_began_ms = began_ms;
    follower->phase = KAFKA_FOLLOW_READING;
    for (int32_t i = 0; i < follower->partitions; i++)
        follower->committed.positions[i] = follower->first[i];
    if (follower->keep &&
        !kafka_keep_restore(follower->keep, follower->offsets, follower->births, follower->partitions,
                            follower->first, follower->targets, follower->committed.positions, error))
        return false;
    uint64_t records = 0;
    for (int32_t i = 0; i < follower->partitions; i++)
        records += (uint64_t)(follower->targets[i] - follower->committed.positions[i]);
    if (follower->followed->begin)
        follower->followed->begin(follower->stage_shared, records);
    if (!assign_view(follower, &follower->committed, follower->committed.positions, error) ||
        !read_until(follower, &follower->committed,
                    follower->source ? follower->targets : follower->watermarks, error))
        return false;
    if (!follower->source &&
        (!assign_view(follower, &follower->uncommitted, follower->committed.positions, error) ||
         !read_until(follower, &follower->uncommitted, follower->targets, error)))
        return false;
    if (kafka_follow_is_stopping(follower))
        return true;
    tell_committed(follower);
    if (!follower->followed->complete(follower->stage_shared, error))
        return false;
    atomic_store(&follower->fresh_since_ms, asked_ms);
    follower->phase = KAFKA_FOLLOW_FOLLOWING;
    tell_hold(follower);
    log_line(LOG_LEVEL_INFO, "followed_topic_complete", "%s: %llu records of %d partitions in %.1f s",
             follower->topic, (unsigned long long)metrics_read(&follower->records), follower->partitions,
             (double)(clock_monotonic_ms() - began_ms) / 1000);
    uint64_t acknowledged =
        follower->followed->acknowledged ? follower->followed->acknowledged(follower->stage_shared) : 0;
    if (acknowledged)
        log_line(LOG_LEVEL_WARNING, "followed_records_acknowledged",
                 "%s: %llu unreadable records count for nothing, since the configuration acknowledges them",
                 follower->topic, (unsigned long long)acknowledged);
    return true;
}

static void *run_reader(void *context)
{
    struct kafka_follower *follower = context;
    struct error error = {0};
    if (!read_whole(follower, &error) || !read_until(follower, kafka_follow_newest(follower), NULL, &error))
        kafka_follow_fail(follower, &error);
    return NULL;
}

/* ---- life and status ---- */

static bool start(struct kafka_follower *follower, struct error *error)
{
    struct kafka_client_spec spec = {.role = KAFKA_ROLE_OFFSETS};
    follower->messages = calloc(READ_BATCH, sizeof(rd_kafka_message_t *));
    follower->record_list = calloc(READ_BATCH, sizeof *follower->record_list);
    follower->record_of = calloc(READ_BATCH, sizeof *follower->record_of);
    follower->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (!follower->messages || !follower->record_list || !follower->record_of || follower->wake < 0)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory or descriptors",
                          "no memory to follow a topic");
    follower->offsets = kafka_client_new(follower->config, &spec, error);
    if (!follower->offsets)
        return false;
    const struct stage *source = kafka_source_stage(follower->config, follower->followed->topic);
    if (source && !follower->options.ignores_source) {
        follower->source =
            kafka_source_new(follower->config, source, follower->topic, follower->offsets, error);
        if (!follower->source)
            return false;
    }
    if (!open_view(follower, &follower->committed, KAFKA_ROLE_COMMITTED, error) ||
        (!follower->source && !open_view(follower, &follower->uncommitted, KAFKA_ROLE_UNCOMMITTED, error)))
        return false;
    if (!kafka_keep_new(follower->config, follower->followed, follower->stage_shared, &follower->options,
                        follower->topic, &follower->keep, error))
        return false;
    follower->reader_runs = pthread_create(&follower->reader, NULL, run_reader, follower) == 0;
    follower->barrier_runs =
        pthread_create(&follower->barrier, NULL, kafka_follow_run_barrier, follower) == 0;
    if (!follower->reader_runs || !follower->barrier_runs)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "raise the limit of threads", "no thread");
    pthread_setname_np(follower->reader, "follower"); /* for those who look at the process */
    pthread_setname_np(follower->barrier, "barrier");
    return true;
}

struct kafka_follower *kafka_follower_new(const struct config *config, const struct followed *followed,
                                          void *stage_shared, const struct followed_options *options,
                                          struct error *error)
{
    struct kafka_follower *follower = calloc(1, sizeof *follower);
    if (!follower) {
        (void)error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory to follow a topic");
        return NULL;
    }
    follower->config = config;
    follower->followed = followed;
    follower->stage_shared = stage_shared;
    follower->options = *options;
    follower->useful_ms = followed->useful_ms ? followed->useful_ms(config, options) : 0;
    follower->topic = config_topic(config, followed->topic, 0).data;
    follower->wake = -1;
    follower->fresh_since_ms = INT64_MIN;
    pthread_mutex_init(&follower->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&follower->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (!start(follower, error)) {
        kafka_follower_free(follower);
        return NULL;
    }
    return follower;
}

void kafka_follower_free(struct kafka_follower *follower)
{
    if (!follower)
        return;
    atomic_store(&follower->stop, true);
    pthread_mutex_lock(&follower->lock);
    pthread_cond_broadcast(&follower->changed);
    pthread_mutex_unlock(&follower->lock);
    if (follower->reader_runs)
        pthread_join(follower->reader, NULL);
    if (follower->barrier_runs)
        pthread_join(follower->barrier, NULL);
    if (follower->phase == KAFKA_FOLLOW_FAILED && follower->committed.assigned)
        calm(follower);
    close_view(&follower->committed);
    close_view(&follower->uncommitted);
    kafka_keep_free(follower->keep);
    kafka_births_free(follower->births);
    kafka_source_free(follower->source);
    if (follower->offsets)
        rd_kafka_destroy(follower->offsets);
    if (follower->wake >= 0)
        close(follower->wake);
    pthread_cond_destroy(&follower->changed);
    pthread_mutex_destroy(&follower->lock);
    free(follower->first);
    free(follower->targets);
    free(follower->watermarks);
    free(follower->before);
    free(follower->known);
    free(follower->stood);
    free(follower->messages);
    free(follower->record_list);
    free(follower->record_of);
    free(follower);
}
