/*
 * Design. Records are copied into the library's queue, so the caller's memory is free at once; how many stand there is bounded
 * by how large a transaction the caller makes. When anything goes wrong the client is of no further use: a fatal error, a
 * doubt about a request and a refused record end alike, by opening a new one, which is rare and costs a second.
 */
#include "common/kafka_replay.h"

#include "common/clock.h"
#include "common/dead_letter.h"
#include "common/kafka_client.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    IDENTITY_SIZE = 320,
    STEP_MS = 5000, /* of one request that may be tried again */
    PAUSE_MS = 100,
    NUMBER_SIZE = 16,
};

struct kafka_replay {
    const struct config *config;
    int timeout_ms;
    char identity[IDENTITY_SIZE];
    const char *events, *letters; /* topics */
    rd_kafka_t *client;
    int32_t partitions; /* of `events` */
    unsigned open_count;
    int64_t began_ms;
    bool open;
    bool
        broken; /* a letter's event may be in the open transaction without its marker: it must not be committed */
    rd_kafka_resp_err_t delivery_failure; /* first one */
    const char *delivery_topic;           /* of that */
    struct kafka_listener listener;
    atomic_bool doubtful;
};

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    struct kafka_replay *replay = opaque;
    (void)client;
    if (!message->err || replay->delivery_failure)
        return;
    replay->delivery_failure = message->err;
    replay->delivery_topic =
        strcmp(rd_kafka_topic_name(message->rkt), replay->events) == 0 ? replay->events : replay->letters;
}

/* The library's threads. */
static void on_unanswered(int16_t request, void *opaque)
{
    enum { ADD_PARTITIONS_TO_TXN = 24, END_TXN = 26 };
    struct kafka_replay *replay = opaque;
    if (request == ADD_PARTITIONS_TO_TXN || request == END_TXN)
        atomic_store_explicit(&replay->doubtful, true, memory_order_relaxed);
}

/* ---- what an error means ---- */

static bool is_fenced(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
           code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

/* What stays wrong however often it is tried, and what to do about it; NULL: trying again may help. */
static const char *remedy_of(rd_kafka_resp_err_t code)
{
    if (is_fenced(code))
        return "another replay of this pipeline has begun and goes on where this one ended";
    switch (code) {
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
        return "grant it to the user of this command; docs/dead-letters.md lists what is needed";
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
        return "`clickveil topics plan` shows what is needed, `clickveil topics create` makes it";
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
        return "raise the topic's max.message.bytes, and message.max.bytes under `kafka:`";
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
        return "the topic's message.timestamp.before.max.ms refuses events as old as these: raise it";
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
        return "the topic's settings refuse the record: a compacted one takes no null key, for example";
    default:
        return NULL;
    }
}

static bool judge(rd_kafka_resp_err_t code, struct error *error)
{
    const char *remedy = remedy_of(code);
    error->exit_status = EXIT_STATUS_UNAVAILABLE;
    error->retriable = !remedy;
    if (remedy)
        error_advise(error, "%s", remedy);
    return false;
}

static bool delivery_failed(const struct kafka_replay *replay, struct error *error)
{
    rd_kafka_resp_err_t code = replay->delivery_failure;
    if (!kafka_purged_because(replay->client, code, &code, error)) {
        (void)kafka_fail_code(error, code, "writing");
        error_at(error, "%s", replay->delivery_topic);
    }
    return judge(code, error);
}

static bool failed(struct kafka_replay *replay, rd_kafka_error_t *failure, const char *doing,
                   struct error *error)
{
    rd_kafka_resp_err_t code = rd_kafka_error_code(failure);
    bool fatal = rd_kafka_error_is_fatal(failure);
    (void)kafka_fail(error, failure, doing);
    /* That a record failed is known to the library before its report has reached us. */
    if (!is_fenced(code))
        rd_kafka_flush(replay->client, PAUSE_MS);
    if (replay->delivery_failure && remedy_of(replay->delivery_failure))
        return delivery_failed(replay, error);
    rd_kafka_resp_err_t first = fatal ? rd_kafka_fatal_error(replay->client, NULL, 0) : code;
    return judge(is_fenced(first) ? first : code, error);
}

/* ---- life ---- */

static bool open_client(struct kafka_replay *replay, struct error *error)
{
    struct kafka_client_spec spec = {.role = KAFKA_ROLE_PRODUCER,
                                     .identity = replay->identity,
                                     .opaque = replay,
                                     .delivery = on_delivery,
                                     .listener = &replay->listener};
    int64_t until_ms = clock_monotonic_ms() + replay->timeout_ms;
    int32_t letters;
    replay->client = kafka_client_new(replay->config, &spec, error);
    if (!replay->client)
        return false;
    while (!kafka_topic_partitions(replay->client, replay->events, replay->timeout_ms, &replay->partitions,
                                   error) ||
           !kafka_topic_partitions(replay->client, replay->letters, replay->timeout_ms, &letters, error)) {
        if (!kafka_may_try_again(until_ms, error))
            return false;
    }
    for (;;) {
        rd_kafka_error_t *failure = rd_kafka_init_transactions(replay->client, STEP_MS);
        if (!failure)
            return true;
        bool again = rd_kafka_error_is_retriable(failure) && clock_monotonic_ms() < until_ms;
        rd_kafka_resp_err_t code = rd_kafka_error_code(failure);
        (void)kafka_fail(error, failure, "opening the producer");
        if (!again)
            return judge(code, error);
        clock_sleep_ms(PAUSE_MS);
    }
}

struct kafka_replay *kafka_replay_new(const struct config *config, int timeout_ms, struct error *error)
{
    struct kafka_replay *replay = calloc(1, sizeof *replay);
    if (!replay) {
        (void)error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for a producer");
        return NULL;
    }
    replay->config = config;
    replay->timeout_ms = timeout_ms;
    replay->events = config_topic(config, TOPIC_EVENTS, 0).data;
    replay->letters = config_topic(config, TOPIC_DEAD_LETTERS, 0).data;
    replay->listener = (struct kafka_listener){on_unanswered, replay};
    atomic_init(&replay->doubtful, false);
    snprintf(replay->identity, sizeof replay->identity, "%s.dead-letters-replay", config->pipeline.data);
    if (!open_client(replay, error)) {
        kafka_replay_free(replay);
        return NULL;
    }
    return replay;
}

void kafka_replay_free(struct kafka_replay *replay)
{
    if (!replay)
        return;
    if (replay->client) {
        /* Abort, or readers of what is committed wait for the transaction until it times out. */
        rd_kafka_error_t *failure = replay->open ? rd_kafka_abort_transaction(replay->client, STEP_MS) : NULL;
        if (failure)
            rd_kafka_error_destroy(failure);
        rd_kafka_purge(replay->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_flush(replay->client, STEP_MS);
        rd_kafka_destroy(replay->client);
    }
    free(replay);
}

int32_t kafka_replay_partitions(const struct kafka_replay *replay)
{
    return replay->partitions;
}

unsigned kafka_replay_open_count(const struct kafka_replay *replay)
{
    return replay->open_count;
}

int64_t kafka_replay_began_ms(const struct kafka_replay *replay)
{
    return replay->began_ms;
}

/* ---- one transaction ---- */

struct piece {
    const char *topic;
    int32_t partition;
    struct view key, value;
    int64_t timestamp_ms;
    rd_kafka_headers_t *headers;
};

/* Takes the headers. */
static bool produce(struct kafka_replay *replay, const struct piece *piece, struct error *error)
{
    for (;;) {
        rd_kafka_vu_t arguments[] = {
            {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = piece->topic},
            {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = piece->partition},
            {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
            {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)piece->key.data, piece->key.size}},
            {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)piece->value.data, piece->value.size}},
            {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = piece->timestamp_ms},
            {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = piece->headers},
        };
        rd_kafka_error_t *failure =
            rd_kafka_produceva(replay->client, arguments, sizeof arguments / sizeof arguments[0]);
        if (!failure)
            return true;
        if (rd_kafka_error_code(failure) == RD_KAFKA_RESP_ERR__QUEUE_FULL && !replay->delivery_failure) {
            rd_kafka_error_destroy(failure);
            rd_kafka_poll(replay->client, PAUSE_MS);
            continue;
        }
        rd_kafka_headers_destroy(piece->headers);
        (void)failed(replay, failure, "writing", error);
        error_at(error, "%s", piece->topic);
        return false;
    }
}

static bool begin(struct kafka_replay *replay, struct error *error)
{
    rd_kafka_error_t *failure = rd_kafka_begin_transaction(replay->client);
    if (failure)
        return failed(replay, failure, "beginning a transaction", error);
    replay->open = true;
    replay->began_ms = clock_monotonic_ms();
    return true;
}

bool kafka_replay_send(struct kafka_replay *replay, const struct kafka_replay_event *event,
                       struct error *error)
{
    char attempts[NUMBER_SIZE], place[DEAD_LETTER_PLACE_TEXT_SIZE];
    ensure(!replay->broken);
    if (!replay->open && !begin(replay, error))
        return false;
    replay->broken = true;
    rd_kafka_headers_t *headers = rd_kafka_headers_new(2);
    snprintf(attempts, sizeof attempts, "%u", event->attempts);
    rd_kafka_header_add(headers, DEAD_LETTER_HEADER_ATTEMPT, -1, attempts, -1);
    if (event->late)
        rd_kafka_header_add(headers, DEAD_LETTER_HEADER_LATE, -1, DEAD_LETTER_LATE.data,
                            (ssize_t)DEAD_LETTER_LATE.size);
    struct piece original = {replay->events, event->partition,    event->key,
                             event->value,   event->timestamp_ms, headers};
    if (!produce(replay, &original, error))
        return false;
    headers = rd_kafka_headers_new(1);
    size_t size = dead_letter_place_write(event->letter, place);
    rd_kafka_header_add(headers, DEAD_LETTER_HEADER_REPLAYED, -1, place, (ssize_t)size);
    struct piece marker = {replay->letters, event->letter.partition, VIEW_ABSENT,
                           VIEW_ABSENT,     event->marker_ms,        headers};
    if (!produce(replay, &marker, error))
        return false;
    replay->broken = false;
    replay->open_count++;
    rd_kafka_poll(replay->client, 0);
    return !replay->delivery_failure || delivery_failed(replay, error);
}

static bool flush(struct kafka_replay *replay, struct error *error)
{
    int64_t until_ms = clock_monotonic_ms() + replay->timeout_ms;
    rd_kafka_resp_err_t code;
    do {
        code = rd_kafka_flush(replay->client, PAUSE_MS);
    } while (code && !replay->delivery_failure && clock_monotonic_ms() < until_ms);
    if (replay->delivery_failure)
        return delivery_failed(replay, error);
    if (!code)
        return true;
    (void)kafka_fail_code(error, code, "writing");
    return judge(code, error);
}

bool kafka_replay_commit(struct kafka_replay *replay, bool *out_doubtful, struct error *error)
{
    int64_t until_ms = clock_monotonic_ms() + replay->timeout_ms;
    rd_kafka_error_t *failure;
    ensure(replay->open && !replay->broken);
    if (!flush(replay, error))
        return false;
    while ((failure = rd_kafka_commit_transaction(replay->client, STEP_MS))) {
        if (rd_kafka_error_is_retriable(failure) && clock_monotonic_ms() < until_ms) {
            rd_kafka_error_destroy(failure);
            continue;
        }
        bool is_undone = rd_kafka_error_txn_requires_abort(failure);
        replay->open = is_undone; /* what nobody knows the end of is not ours to abort */
        (void)failed(replay, failure, "committing", error);
        if (!is_undone && error->retriable)
            error_advise(error, "run it again: what was committed is known then, and left out");
        return false;
    }
    replay->open = false;
    replay->open_count = 0;
    *out_doubtful = atomic_load_explicit(&replay->doubtful, memory_order_relaxed);
    return true;
}
