#include "common/kafka_begin.h"

#include "common/clock.h"
#include "common/followed_options.h"
#include "common/kafka_client.h"
#include "common/kafka_topics.h"
#include "common/kafka_worker.h"
#include "common/log.h"
#include "common/topic_plan.h"

#include <stdlib.h>

enum {
    GROUP_SIZE = 256,
    CONFIRM_MS = 1000, /* until a broker has heard of a topic that was there for others */
};

struct begin {
    const struct config *config;
    const struct stage *stage;
    const char *source;
    int timeout_ms;
    rd_kafka_t *member,
        *offsets; /* of the side input's group, which it never joins; asks for high watermarks */
    int32_t partitions;
    int64_t *ends;
    bool any_missing; /* of the topics that were looked at last */
};

/* ---- what was put out ---- */

/* Does no event of this process go on before the side input has answered? */
static bool is_awaited(const struct begin *begin)
{
    const struct config *config = begin->config;
    for (unsigned i = config->first_stage; i <= config->last_stage; i++) {
        const struct followed *followed = config->stages[i]->followed;
        if (followed && followed->topic == begin->stage->writes)
            return !((const struct followed_options *)config->stage_options[i])->ignores_source;
    }
    return false;
}

/* The steps: false with an error, or *out_is. What was refused is none of it. */

/* A topic that this process needs is there, or it can't start: the broker has not heard of it yet. */
static bool take_missing(struct begin *begin, const char *topic, enum topic_role role, struct error *error)
{
    begin->any_missing = true;
    if (!topic_plan_reads(begin->config, role) && !topic_plan_writes(begin->config, role))
        return true;
    (void)error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "see whether it is there",
                     "the broker does not know the topic %s, or not yet", topic);
    error->retriable = true;
    return false;
}

static bool never_had_a_record(struct begin *begin, struct kafka_topics *topics, enum topic_role role,
                               bool *out_is, struct error *error)
{
    const char *topic = config_topic(begin->config, role, 0).data;
    struct kafka_topic_found found = {0};
    if (!kafka_topics_look(topics, topic, &found, error))
        return false;
    if (found.refused || !found.exists) {
        *out_is = !found.refused;
        return found.refused || take_missing(begin, topic, role, error);
    }
    int64_t *ends = calloc((size_t)found.partitions, sizeof *ends);
    if (!ends)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for offsets");
    bool fine = kafka_end_offsets(begin->offsets, topic, found.partitions, begin->timeout_ms, ends, error);
    *out_is = fine;
    for (int32_t i = 0; fine && i < found.partitions; i++)
        *out_is = *out_is && ends[i] == 0; /* an end never goes back, whatever is deleted */
    free(ends);
    return fine;
}

static bool look_at_signs(struct begin *begin, struct kafka_topics *topics, bool *out_is, struct error *error)
{
    enum topic_role input = config_input_topic(begin->config);
    const enum topic_role signs[] = {begin->stage->writes, TOPIC_PSEUDONYMIZE_OUT, TOPIC_CLASSIFY_OUT,
                                     TOPIC_STATE, input};
    unsigned count = sizeof signs / sizeof *signs - (input == TOPIC_EVENTS);
    bool fine = true;
    *out_is = true;
    begin->any_missing = false;
    for (unsigned i = 0; fine && *out_is && i < count; i++)
        fine = never_had_a_record(begin, topics, signs[i], out_is, error);
    return fine;
}

/* A broker that has just started may not have heard of a topic yet: one is missing when it is so twice. */
static bool nothing_was_put_out(struct begin *begin, bool *out_is, struct error *error)
{
    *out_is = config_input_topic(begin->config) != TOPIC_EVENTS || is_awaited(begin);
    if (!*out_is)
        return true;
    struct kafka_topics *topics = kafka_topics_new(begin->config, begin->timeout_ms, error);
    bool fine = topics && look_at_signs(begin, topics, out_is, error);
    if (fine && *out_is && begin->any_missing) {
        clock_sleep_ms(CONFIRM_MS);
        fine = look_at_signs(begin, topics, out_is, error);
    }
    kafka_topics_free(topics);
    return fine;
}

/* ---- positions ---- */

static rd_kafka_topic_partition_list_t *list_of(const struct begin *begin)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(begin->partitions);
    for (int32_t i = 0; i < begin->partitions; i++)
        rd_kafka_topic_partition_list_add(list, begin->source, i)->offset =
            begin->ends ? begin->ends[i] : RD_KAFKA_OFFSET_INVALID;
    return list;
}

static rd_kafka_resp_err_t first_error(rd_kafka_resp_err_t code, const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt && !code; i++)
        code = list->elems[i].err;
    return code;
}

static bool has_no_position(const struct begin *begin, bool *out_is, struct error *error)
{
    rd_kafka_topic_partition_list_t *list = list_of(begin);
    rd_kafka_resp_err_t code = first_error(rd_kafka_committed(begin->member, list, begin->timeout_ms), list);
    *out_is = !code;
    for (int i = 0; i < list->cnt; i++)
        *out_is = *out_is && list->elems[i].offset == RD_KAFKA_OFFSET_INVALID;
    rd_kafka_topic_partition_list_destroy(list);
    return code ? kafka_fail_code(error, code, "asking where a side input is") : true;
}

/* A group that has members by now refuses it, and needs no help. */
static bool commit_ends(const struct begin *begin, struct error *error)
{
    rd_kafka_topic_partition_list_t *list = list_of(begin);
    rd_kafka_resp_err_t code = first_error(rd_kafka_commit(begin->member, list, 0), list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code)
        return kafka_fail_code(error, code, "saying where a side input begins");
    log_line(LOG_LEVEL_INFO, "side_input_begins",
             "side input of %s: nothing was ever put out that choices in %s could take back, so it begins at "
             "the end",
             begin->stage->name, begin->source);
    return true;
}

/* ---- all of it ---- */

static bool connect_clients(struct begin *begin, struct error *error)
{
    char group[GROUP_SIZE];
    kafka_worker_side_group(begin->config, begin->stage, group, sizeof group);
    struct kafka_client_spec member = {.role = KAFKA_ROLE_WORKER, .identity = group};
    struct kafka_client_spec offsets = {.role = KAFKA_ROLE_OFFSETS};
    begin->member = kafka_client_new(begin->config, &member, error);
    begin->offsets = begin->member ? kafka_client_new(begin->config, &offsets, error) : NULL;
    return begin->offsets && kafka_topic_partitions(begin->offsets, begin->source, begin->timeout_ms,
                                                    &begin->partitions, error);
}

static bool take_ends(struct begin *begin, struct error *error)
{
    begin->ends = calloc((size_t)begin->partitions, sizeof *begin->ends);
    if (!begin->ends)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for offsets");
    return kafka_end_offsets(begin->offsets, begin->source, begin->partitions, begin->timeout_ms, begin->ends,
                             error);
}

static bool go(struct begin *begin, struct error *error)
{
    bool is;
    if (!connect_clients(begin, error) || !has_no_position(begin, &is, error))
        return false;
    if (!is)
        return true;
    if (!take_ends(begin, error) || !nothing_was_put_out(begin, &is, error))
        return false;
    return !is || commit_ends(begin, error);
}

bool kafka_begin_side(const struct config *config, const struct stage *stage, int timeout_ms,
                      struct error *error)
{
    if (!stage->side->takes_back)
        return true;
    struct begin begin = {.config = config,
                          .stage = stage,
                          .source = config_topic(config, stage->side->topic, 0).data,
                          .timeout_ms = timeout_ms};
    struct error why = {0};
    bool done = go(&begin, &why) || !why.retriable; /* else the worker meets what is wrong, and says so */
    if (!done)
        *error = why;
    if (begin.member) {
        rd_kafka_consumer_close(begin.member);
        rd_kafka_destroy(begin.member);
    }
    if (begin.offsets)
        rd_kafka_destroy(begin.offsets);
    free(begin.ends);
    return done;
}
