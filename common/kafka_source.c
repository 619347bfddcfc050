#include "common/kafka_source.h"

#include "common/clock.h"
#include "common/kafka_client.h"
#include "common/kafka_worker.h"
#include "common/log.h"

#include <stdatomic.h>
#include <stdlib.h>

enum {
    REQUEST_TIMEOUT_MS = 5000,
    STEP_MS = 5,
    ROUND_MS = 10000, /* then it is said, and looked whether the end is still there */
    BACKOFF_MS = 200,
    PARTITIONS_EVERY_MS = 5000,
    MARKS_EVERY_MS = 500,
    HIDDEN_SAY_MS = 10000,
    NAME_SIZE = 320,
};

struct kafka_source {
    rd_kafka_t *client;     /* of the side input's group, which it never joins */
    rd_kafka_t *watermarks; /* somebody else's */
    const char *topic, *made;
    int32_t partitions; /* 0: not known yet */
    int64_t count_ms;   /* when their number is asked for again; monotonic */
    int64_t *ends;
    int64_t *answered; /* ends up to which all was answered: when nothing came since, nobody need be asked */
    bool has_answered; /* for `answered` to mean anything */
    int64_t *waited;   /* ends that were not answered yet when they were waited for last */
    bool waits;        /* for `waited` to mean anything */
    int64_t asked_ms;  /* when the ends that are waited for were taken; monotonic */
    int64_t *marks;    /* high watermarks, */
    int64_t marked_ms; /* as of then (monotonic); INT64_MIN: none were taken */
    bool is_marked;    /* the ends have not reached them yet */
    int64_t ended_ms;  /* all that stood there then has ended; monotonic; INT64_MIN: not known yet */
    int64_t said_ms;   /* that it has not: when that was last said */
    _Atomic int state; /* enum kafka_source_state */
    char name[NAME_SIZE];
};

const struct stage *kafka_source_stage(const struct config *config, enum topic_role topic)
{
    for (unsigned i = 0; config->stages && config->stages[i]; i++) {
        const struct stage *stage = config->stages[i];
        if (stage->side && stage->writes == topic && stage->side->topic != topic)
            return stage;
    }
    return NULL;
}

struct kafka_source *kafka_source_new(const struct config *config, const struct stage *stage,
                                      const char *made, rd_kafka_t *watermarks, struct error *error)
{
    struct kafka_source *source = calloc(1, sizeof *source);
    if (!source) {
        (void)error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for a source");
        return NULL;
    }
    char group[NAME_SIZE / 2];
    kafka_worker_side_group(config, stage, group, sizeof group);
    snprintf(source->name, sizeof source->name, "%s's side input (group %s)", stage->name, group);
    source->made = made;
    source->watermarks = watermarks;
    source->marked_ms = source->ended_ms = INT64_MIN;
    source->topic = config_topic(config, stage->side->topic, 0).data;
    struct kafka_client_spec spec = {.role = KAFKA_ROLE_SIDE_INPUT, .identity = group};
    source->client = kafka_client_new(config, &spec, error);
    if (!source->client) {
        kafka_source_free(source);
        return NULL;
    }
    return source;
}

void kafka_source_free(struct kafka_source *source)
{
    if (!source)
        return;
    if (source->client) {
        rd_kafka_consumer_close(source->client);
        rd_kafka_destroy(source->client);
    }
    free(source->ends);
    free(source->answered);
    free(source->waited);
    free(source->marks);
    free(source);
}

/* What the client says of its connections must be heard; it consumes nothing. */
static void hear(struct kafka_source *source)
{
    rd_kafka_message_t *message = rd_kafka_consumer_poll(source->client, 0);
    if (message)
        rd_kafka_message_destroy(message);
}

/* The source may get more of them while we run: what waits in those must be answered too. */
static bool take_partitions(struct kafka_source *source, struct error *error)
{
    int32_t partitions;
    if (source->partitions && clock_monotonic_ms() < source->count_ms)
        return true;
    if (!kafka_topic_partitions(source->client, source->topic, REQUEST_TIMEOUT_MS, &partitions, error))
        return false;
    source->count_ms = clock_monotonic_ms() + PARTITIONS_EVERY_MS;
    if (partitions == source->partitions)
        return true;
    source->partitions = 0;
    source->has_answered = source->waits = source->is_marked = false;
    free(source->ends);
    free(source->answered);
    free(source->waited);
    free(source->marks);
    source->ends = calloc((size_t)partitions, sizeof *source->ends);
    source->answered = calloc((size_t)partitions, sizeof *source->answered);
    source->waited = calloc((size_t)partitions, sizeof *source->waited);
    source->marks = calloc((size_t)partitions, sizeof *source->marks);
    if (!source->ends || !source->answered || !source->waited || !source->marks)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for a source");
    source->partitions = partitions;
    return true;
}

/* What stands in the source by now, committed or not. Before the ends are asked for: with nothing open they reach it. */
static bool mark(struct kafka_source *source, struct error *error)
{
    int64_t now_ms = clock_monotonic_ms();
    if (source->is_marked || (source->ended_ms != INT64_MIN && now_ms - source->marked_ms < MARKS_EVERY_MS))
        return true;
    if (!kafka_end_offsets(source->watermarks, source->topic, source->partitions, REQUEST_TIMEOUT_MS,
                           source->marks, error))
        return false;
    source->marked_ms = source->said_ms = now_ms;
    source->is_marked = true;
    return true;
}

/* Have the ends reached it? Those that are waited for, whatever has ended since. */
static void look_at_marks(struct kafka_source *source)
{
    int32_t hides = -1;
    for (int32_t i = 0; source->is_marked && i < source->partitions; i++) {
        if (source->ends[i] < source->marks[i])
            hides = i;
    }
    if (!source->is_marked)
        return;
    if (hides < 0) {
        source->ended_ms = source->marked_ms;
        source->is_marked = false;
    } else if (clock_monotonic_ms() - source->said_ms >= HIDDEN_SAY_MS) {
        source->said_ms = clock_monotonic_ms();
        log_line(LOG_LEVEL_WARNING, "source_hidden",
                 "%s: in %s[%d] a transaction is open for %lld s or longer, from offset %lld on; what stands "
                 "behind "
                 "that is hidden from %s until it ends",
                 source->made, source->topic, (int)hides,
                 (long long)(clock_monotonic_ms() - source->marked_ms) / 1000, (long long)source->ends[hides],
                 source->name);
    }
}

/* While a side input does not keep up, it is asked for what stood there first: a newer end each time would never be
 * reached. Unless the end is lower now: then a leader was lost, and the older one may never be reached. */
static bool take_end(struct kafka_source *source, struct error *error)
{
    hear(source);
    if (!take_partitions(source, error) || !mark(source, error) ||
        !kafka_end_offsets(source->client, source->topic, source->partitions, REQUEST_TIMEOUT_MS,
                           source->ends, error))
        return false;
    for (int32_t i = 0; source->waits && i < source->partitions; i++) {
        if (source->waited[i] < source->ends[i])
            source->ends[i] = source->waited[i];
    }
    look_at_marks(source);
    return true;
}

/* A partition that never had a record, or none any more, has nothing to answer; the group may have no position there. */
static bool is_empty(struct kafka_source *source, int32_t partition, bool *out_empty, struct error *error)
{
    int64_t *first = calloc((size_t)source->partitions, sizeof *first);
    if (!first)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for a source");
    bool fine = kafka_first_offsets(source->client, source->topic, source->partitions, REQUEST_TIMEOUT_MS,
                                    first, error);
    *out_empty = fine && first[partition] >= source->ends[partition];
    free(first);
    return fine;
}

/* That nothing stands in the source is no answer: a wrong name looks just like that (spec 3, rule 5). The side input must
 * have a position in at least one partition that had records. */
static bool judge(struct kafka_source *source, const rd_kafka_topic_partition_list_t *list,
                  bool *out_answered, struct error *error)
{
    bool answered = true, any = false;
    for (int i = 0; answered && i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *item = &list->elems[i];
        int64_t end = source->ends[item->partition];
        if (item->err)
            return kafka_fail_code(error, item->err, "asking how far a side input is");
        any = any || (end > 0 && item->offset >= end);
        answered = item->offset >= end || end == 0;
        if (item->offset < 0 && end > 0 && !is_empty(source, item->partition, &answered, error))
            return false;
    }
    *out_answered = answered && any;
    return true;
}

static bool ask(struct kafka_source *source, bool *out_answered, struct error *error)
{
    hear(source);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(source->partitions);
    for (int32_t i = 0; i < source->partitions; i++)
        rd_kafka_topic_partition_list_add(list, source->topic, i);
    rd_kafka_resp_err_t code = rd_kafka_committed(source->client, list, REQUEST_TIMEOUT_MS);
    bool fine = code ? kafka_fail_code(error, code, "asking how far a side input is")
                     : judge(source, list, out_answered, error);
    rd_kafka_topic_partition_list_destroy(list);
    return fine;
}

static void tell_state(struct kafka_source *source, bool answered)
{
    atomic_store(&source->state, !answered           ? KAFKA_SOURCE_BEHIND
                                 : source->is_marked ? KAFKA_SOURCE_HIDDEN
                                                     : KAFKA_SOURCE_ANSWERED);
}

/* Once: true with *out_answered false is a time-out, or the caller is stopping. */
static bool await_end(struct kafka_source *source, bool (*is_stopping)(const void *context),
                      const void *context, bool *out_answered, struct error *error)
{
    int64_t until_ms = clock_monotonic_ms() + ROUND_MS;
    if (!take_end(source, error))
        return false;
    size_t ends_size = (size_t)source->partitions * sizeof *source->ends;
    bool answered = source->has_answered && memcmp(source->ends, source->answered, ends_size) == 0;
    if (!answered && !ask(source, &answered, error))
        return false;
    tell_state(source, answered);
    while (!answered && !is_stopping(context) && clock_monotonic_ms() < until_ms) {
        clock_sleep_ms(STEP_MS);
        if (!ask(source, &answered, error))
            return false;
    }
    tell_state(source, answered);
    source->waits = !answered;
    memcpy(source->waited, source->ends, ends_size);
    if (answered) {
        memcpy(source->answered, source->ends, ends_size);
        source->has_answered = true;
    }
    *out_answered = answered;
    return true;
}

bool kafka_source_await(struct kafka_source *source, bool (*is_stopping)(const void *context),
                        const void *context, int64_t *out_asked_ms, struct error *error)
{
    while (!is_stopping(context)) {
        struct error why = {0};
        bool answered = false;
        if (!source->waits)
            source->asked_ms = clock_monotonic_ms();
        bool asked = await_end(source, is_stopping, context, &answered, &why);
        *out_asked_ms = source->asked_ms < source->ended_ms ? source->asked_ms : source->ended_ms;
        if (answered || is_stopping(context))
            return true;
        if (asked)
            error_fail(&why, EXIT_STATUS_UNAVAILABLE, NULL,
                       "see whether it runs, whether it keeps up, and whether it reads the same topic",
                       "%s has not answered all of %s, or that topic is empty", source->name, source->topic);
        else if (!why.retriable) {
            *error = why;
            return false;
        }
        error_at(&why, "%s", source->made);
        log_failure(LOG_LEVEL_WARNING, "barrier_delayed", &why);
        clock_sleep_ms(BACKOFF_MS);
    }
    return true;
}

enum kafka_source_state kafka_source_state(const struct kafka_source *source)
{
    return (enum kafka_source_state)atomic_load(&source->state);
}

const char *kafka_source_topic(const struct kafka_source *source)
{
    return source->topic;
}

const char *kafka_source_name(const struct kafka_source *source)
{
    return source->name;
}
