#include "common/kafka_assignment.h"

#include "common/kafka_client.h"

#include <stdlib.h>

enum {
    REQUEST_TIMEOUT_MS = 5000,
    SEEK_TIMEOUT_MS = 10000,
};

bool kafka_assignment_init(struct kafka_assignment *assignment, const char *topic, int32_t topic_partitions,
                           struct error *error)
{
    size_t count = (size_t)topic_partitions;
    *assignment =
        (struct kafka_assignment){.topic = topic, .topic_partitions = topic_partitions, .paused = true};
    assignment->items = calloc(count, sizeof *assignment->items);
    assignment->index = malloc(count * sizeof *assignment->index);
    if (!assignment->items || !assignment->index)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for an assignment");
    memset(assignment->index, 0xff, count * sizeof *assignment->index);
    return true;
}

void kafka_assignment_release(struct kafka_assignment *assignment)
{
    free(assignment->items);
    free(assignment->index);
    *assignment = (struct kafka_assignment){0};
}

struct kafka_assigned *kafka_assignment_find(struct kafka_assignment *assignment, int32_t partition)
{
    if (partition < 0 || partition >= assignment->topic_partitions || assignment->index[partition] < 0)
        return NULL;
    return &assignment->items[assignment->index[partition]];
}

static rd_kafka_topic_partition_list_t *list_of(const struct kafka_assignment *assignment, bool committed)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)assignment->count);
    for (unsigned i = 0; i < assignment->count; i++) {
        const struct kafka_assigned *item = &assignment->items[i];
        rd_kafka_topic_partition_list_add(list, assignment->topic, item->partition)->offset =
            committed ? item->committed : item->next_offset;
    }
    return list;
}

rd_kafka_topic_partition_list_t *kafka_assignment_positions(const struct kafka_assignment *assignment)
{
    return list_of(assignment, false);
}

/* The first error of a call, or of a partition in it: some calls only tell the latter. */
static rd_kafka_resp_err_t first_error(rd_kafka_resp_err_t code, const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt && !code; i++)
        code = list->elems[i].err;
    return code;
}

static void take_committed(struct kafka_assignment *assignment, const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++) {
        struct kafka_assigned *item = kafka_assignment_find(assignment, list->elems[i].partition);
        ensure(item != NULL);
        item->has_commit = list->elems[i].offset >= 0;
        if (item->has_commit)
            item->committed = item->next_offset = list->elems[i].offset;
    }
}

bool kafka_assignment_ask_committed(struct kafka_assignment *assignment, rd_kafka_t *consumer,
                                    struct error *error)
{
    rd_kafka_topic_partition_list_t *list = list_of(assignment, true);
    rd_kafka_resp_err_t code = first_error(rd_kafka_committed(consumer, list, REQUEST_TIMEOUT_MS), list);
    if (!code)
        take_committed(assignment, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code ? kafka_fail_code(error, code, "asking for committed offsets") : true;
}

/* A group that has never committed begins at the first record, once; the library's default would begin at the end and
 * lose what stands there. */
static bool take_first_offsets(struct kafka_assignment *assignment, rd_kafka_t *offsets, struct error *error)
{
    bool needed = false;
    for (unsigned i = 0; i < assignment->count; i++)
        needed = needed || !assignment->items[i].has_commit;
    if (!needed)
        return true;
    int64_t *first = calloc((size_t)assignment->topic_partitions, sizeof *first);
    if (!first)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for an assignment");
    bool fine = kafka_first_offsets(offsets, assignment->topic, assignment->topic_partitions,
                                    REQUEST_TIMEOUT_MS, first, error);
    for (unsigned i = 0; fine && i < assignment->count; i++) {
        struct kafka_assigned *item = &assignment->items[i];
        if (!item->has_commit)
            item->committed = item->next_offset = first[item->partition];
    }
    free(first);
    return fine;
}

bool kafka_assignment_assign(struct kafka_assignment *assignment, rd_kafka_t *consumer, struct error *error)
{
    rd_kafka_topic_partition_list_t *list = list_of(assignment, true);
    rd_kafka_resp_err_t code = rd_kafka_assign(consumer, list);
    /* A new assignment may forget pauses: set ours again before anything is fetched. */
    if (!code && assignment->paused && assignment->count > 0)
        code = first_error(rd_kafka_pause_partitions(consumer, list), list);
    rd_kafka_topic_partition_list_destroy(list);
    return code ? kafka_fail_code(error, code, "taking an assignment") : true;
}

bool kafka_assignment_note(struct kafka_assignment *assignment, const rd_kafka_topic_partition_list_t *given,
                           struct error *error)
{
    ensure(assignment->count == 0); /* eager: what was held was dropped before */
    assignment->paused = true;
    for (int i = 0; i < given->cnt; i++) {
        int32_t partition = given->elems[i].partition;
        if (partition >= assignment->topic_partitions)
            return error_fail(error, EXIT_STATUS_CONFIGURATION, assignment->topic, "start again",
                              "the number of partitions changed while running");
        assignment->index[partition] = (int32_t)assignment->count;
        assignment->items[assignment->count++] =
            (struct kafka_assigned){.partition = partition, .committed = -1};
    }
    return true;
}

bool kafka_assignment_ask(struct kafka_assignment *assignment, rd_kafka_t *consumer, rd_kafka_t *offsets,
                          struct error *error)
{
    return assignment->count == 0 || (kafka_assignment_ask_committed(assignment, consumer, error) &&
                                      take_first_offsets(assignment, offsets, error));
}

void kafka_assignment_drop(struct kafka_assignment *assignment, rd_kafka_t *consumer)
{
    for (unsigned i = 0; i < assignment->count; i++)
        assignment->index[assignment->items[i].partition] = -1;
    assignment->count = 0;
    assignment->paused = true;
    rd_kafka_assign(consumer, NULL);
}

bool kafka_assignment_pause(struct kafka_assignment *assignment, rd_kafka_t *consumer, bool paused,
                            struct error *error)
{
    if (assignment->paused == paused || assignment->count == 0)
        return true;
    rd_kafka_topic_partition_list_t *list = list_of(assignment, false);
    rd_kafka_resp_err_t code =
        paused ? rd_kafka_pause_partitions(consumer, list) : rd_kafka_resume_partitions(consumer, list);
    code = first_error(code, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code)
        return kafka_fail_code(error, code, paused ? "pausing partitions" : "resuming partitions");
    assignment->paused = paused;
    return true;
}

static rd_kafka_resp_err_t seek(struct kafka_assignment *assignment, rd_kafka_t *consumer)
{
    rd_kafka_topic_partition_list_t *list = list_of(assignment, true);
    rd_kafka_error_t *failure = rd_kafka_seek_partitions(consumer, list, SEEK_TIMEOUT_MS);
    rd_kafka_resp_err_t code =
        first_error(failure ? rd_kafka_error_code(failure) : RD_KAFKA_RESP_ERR_NO_ERROR, list);
    if (failure)
        rd_kafka_error_destroy(failure);
    rd_kafka_topic_partition_list_destroy(list);
    return code;
}

bool kafka_assignment_rewind(struct kafka_assignment *assignment, rd_kafka_t *consumer, struct error *error)
{
    if (assignment->count == 0)
        return true;
    for (unsigned i = 0; i < assignment->count; i++) {
        struct kafka_assigned *item = &assignment->items[i];
        item->next_offset = item->committed;
        item->last_timestamp_ms = item->committed_timestamp_ms;
        item->at_end = item->state_touched = false;
    }
    /* A partition that is not being fetched yet refuses a seek; assigning it anew begins at the same place. */
    return !seek(assignment, consumer) || kafka_assignment_assign(assignment, consumer, error);
}

void kafka_assignment_advance(struct kafka_assignment *assignment, rd_kafka_t *consumer)
{
    if (assignment->count == 0 || assignment->paused)
        return;
    rd_kafka_topic_partition_list_t *list = list_of(assignment, false);
    if (!rd_kafka_position(consumer, list)) {
        for (int i = 0; i < list->cnt; i++) {
            struct kafka_assigned *item = kafka_assignment_find(assignment, list->elems[i].partition);
            /* Negative: nothing was consumed since the last assignment or seek. */
            if (item && !list->elems[i].err && list->elems[i].offset > item->next_offset)
                item->next_offset = list->elems[i].offset;
        }
    }
    rd_kafka_topic_partition_list_destroy(list);
}

void kafka_assignment_committed(struct kafka_assignment *assignment)
{
    for (unsigned i = 0; i < assignment->count; i++) {
        struct kafka_assigned *item = &assignment->items[i];
        item->committed = item->next_offset;
        item->committed_timestamp_ms = item->last_timestamp_ms;
        item->has_commit = true;
        item->state_touched = false;
    }
}

bool kafka_assignment_has_moved(const struct kafka_assignment *assignment)
{
    for (unsigned i = 0; i < assignment->count; i++) {
        if (assignment->items[i].next_offset > assignment->items[i].committed)
            return true;
    }
    return false;
}

bool kafka_assignment_at_end(const struct kafka_assignment *assignment)
{
    for (unsigned i = 0; i < assignment->count; i++) {
        if (!assignment->items[i].at_end)
            return false;
    }
    return true;
}

/* ---- where nothing stands any more ---- */

static void say_gap(const struct kafka_gap *gap, struct error *error)
{
    long long next = (long long)gap->next;
    if (gap->end >= 0 && gap->next > gap->end)
        error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, NULL,
                   "the group was to go on at offset %lld and the topic ends at %lld: it was deleted and "
                   "made anew, or cut",
                   next, (long long)gap->end);
    else if (gap->first > gap->next)
        error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, NULL,
                   "the group was to go on at offset %lld and the first record that is left is %lld: those "
                   "before it were "
                   "deleted before they were processed",
                   next, (long long)gap->first);
    else
        error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, NULL,
                   "offset %lld, where the group was to go on, is not there any more", next);
}

bool kafka_gap_fail(const struct kafka_gap *gap, struct error *error)
{
    say_gap(gap, error);
    error_at(error, "%s[%d]", gap->topic, (int)gap->partition);
    if (gap->is_choices) /* from its beginning: who said no must not be passed over */
        error_advise(error,
                     "put the choices back into the topic (`clickveil consent import`, or what fills it) and "
                     "stop all processes; "
                     "then `kafka-consumer-groups.sh --delete-offsets --group %s --topic %s` lets it be read "
                     "from its beginning",
                     gap->group, gap->topic);
    else if (gap->first > gap->next)
        error_advise(error,
                     "raise the topic's retention and stop all processes; then `kafka-consumer-groups.sh "
                     "--reset-offsets "
                     "--to-offset %lld --execute --group %s --topic %s:%d` goes on behind the loss; where "
                     "publish keeps state, begin with fresh state instead (docs/operations.md, Fresh state)",
                     (long long)gap->first, gap->group, gap->topic, (int)gap->partition);
    else
        error_advise(
            error,
            "stop all processes; then `kafka-consumer-groups.sh --delete-offsets --group %s --topic %s` lets "
            "them begin "
            "with the first record that there is; where publish keeps state, begin with fresh state "
            "(docs/operations.md, "
            "Fresh state)",
            gap->group, gap->topic);
    return false;
}

bool kafka_assignment_fail_gap(struct kafka_assignment *assignment, rd_kafka_t *offsets, int32_t partition,
                               const char *group, bool is_choices, struct error *error)
{
    const struct kafka_assigned *item = kafka_assignment_find(assignment, partition);
    struct kafka_gap gap = {
        .topic = assignment->topic,
        .group = group,
        .partition = partition,
        .next = item ? item->next_offset : -1,
        .first = -1,
        .end = -1,
        .is_choices = is_choices,
    };
    int64_t first, end;
    if (!rd_kafka_query_watermark_offsets(offsets, assignment->topic, partition, &first, &end,
                                          REQUEST_TIMEOUT_MS)) {
        gap.first = first;
        gap.end = end;
    }
    return kafka_gap_fail(&gap, error);
}
