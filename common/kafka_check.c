#include "common/kafka_check.h"

#include "common/kafka_topics.h"
#include "common/log.h"
#include "common/topic_plan.h"

#include <stdarg.h>
#include <stdlib.h>

struct check {
    const struct config *config;
    struct kafka_topics *topics;
    struct topic_plan plan;
    struct kafka_topic_found input, *found; /* `found` is of each planned topic */
    FILE *report;
    struct kafka_check_result result;
};

__attribute__((format(printf, 3, 4))) static void problem(struct check *check, bool is_error,
                                                          const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(check->report, "broker: %s: ", is_error ? "error" : "warning");
    vfprintf(check->report, format, arguments);
    fputc('\n', check->report);
    va_end(arguments);
    if (is_error)
        check->result.errors++;
    else
        check->result.warnings++;
}

/* ---- topics ---- */

static const char *rights(const struct topic_plan_entry *entry)
{
    return entry->reads && entry->writes ? "Describe, Read and Write"
           : entry->reads                ? "Describe and Read"
                                         : "Describe and Write";
}

static void check_settings(struct check *check, const struct topic_plan_entry *entry,
                           const struct kafka_topic_found *found)
{
    unsigned unknown = 0;
    for (unsigned i = 0; i < entry->setting_count; i++) {
        const struct topic_plan_setting *setting = &entry->settings[i];
        const char *value = found->values[i];
        enum topic_plan_weight weight = topic_plan_judge(entry, found->values, i);
        bool list = strchr(setting->value, ',') != NULL;
        unknown += !value[0];
        if (weight == TOPIC_PLAN_ANY)
            continue;
        problem(
            check, weight == TOPIC_PLAN_MUST,
            "%s: %s is %s, and %s be %s%s%s%s; kafka-configs --alter --entity-type topics --entity-name %s "
            "--add-config %s=%s%s%s",
            entry->topic.data, setting->name, value, weight == TOPIC_PLAN_MUST ? "must" : "should",
            setting->at_least ? "at least " : "", setting->value, setting->why ? ", else " : "",
            setting->why ? setting->why : "", entry->topic.data, setting->name, list ? "[" : "",
            setting->value, list ? "]" : "");
    }
    if (unknown)
        problem(check, false,
                "%s: the broker does not say how it is set; grant DescribeConfigs to have it checked",
                entry->topic.data);
}

static void check_topic(struct check *check, const struct topic_plan_entry *entry,
                        const struct kafka_topic_found *found)
{
    if (found->refused) {
        problem(check, true, "%s: the broker does not let this user see it; grant %s", entry->topic.data,
                rights(entry));
        return;
    }
    if (!found->exists) {
        problem(
            check, true,
            "%s: the topic does not exist (topics role: %s); `clickveil topics create --config %s` makes it",
            entry->topic.data, topic_plan_role_name(entry->role), check->config->file);
        return;
    }
    /* Of an input that is not there nobody knows the number. */
    if (entry->partitions_fixed && check->input.exists && found->partitions != entry->partitions)
        problem(check, true,
                "%s: has %d partitions, and must have %d like the input %s, since state belongs to an input "
                "partition; name another topic as topics.%s, or delete this one, and make it by `clickveil "
                "topics create`",
                entry->topic.data, found->partitions, entry->partitions,
                config_topic(check->config, config_input_topic(check->config), 0).data,
                topic_plan_role_name(entry->role));
    check_settings(check, entry, found);
}

static void check_workers(struct check *check)
{
    const struct kafka_topic_found *input = &check->input;
    if (input->exists && check->config->workers > input->partitions)
        problem(check, false,
                "%s: has %d partitions, so %lld of the %lld workers have nothing to do; set workers to %d",
                config_topic(check->config, config_input_topic(check->config), 0).data, input->partitions,
                (long long)check->config->workers - input->partitions, (long long)check->config->workers,
                input->partitions);
}

/* ---- the broker ---- */

static void check_transactions(struct check *check)
{
    char value[32];
    struct error why = {0};
    int64_t wanted_ms = check->config->runtime.transaction_timeout_ms;
    if (!kafka_topics_broker_setting(check->topics, "transaction.max.timeout.ms", value, sizeof value,
                                     &why)) {
        problem(check, false,
                "transaction.max.timeout.ms can't be asked; grant DescribeConfigs on the cluster to have it "
                "checked");
        return;
    }
    int64_t most_ms = strtoll(value, NULL, 10);
    if (most_ms < wanted_ms)
        problem(check, true,
                "transaction.max.timeout.ms is %lld, below runtime.transaction_timeout (%lld ms); lower "
                "runtime.transaction_timeout, or raise the broker's limit",
                (long long)most_ms, (long long)wanted_ms);
}

/* ---- all of it ---- */

static bool look(struct check *check, struct error *error)
{
    const char *input_topic = config_topic(check->config, config_input_topic(check->config), 0).data;
    if (!kafka_topics_look(check->topics, input_topic, &check->input, error))
        return false;
    struct topic_plan_wish wish = {.input_partitions = check->input.exists ? check->input.partitions : 0};
    if (!topic_plan_init(&check->plan, check->config, &wish, error))
        return false;
    check->found = calloc(check->plan.count, sizeof *check->found);
    if (!check->found)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for the topics");
    if (!kafka_topics_find(check->topics, &check->plan, check->found, error))
        return false;
    for (unsigned i = 0; i < check->plan.count; i++)
        check_topic(check, &check->plan.entries[i], &check->found[i]);
    check->result.topics = check->plan.count;
    check_workers(check);
    check_transactions(check);
    return true;
}

bool kafka_check(const struct config *config, int timeout_ms, FILE *report,
                 struct kafka_check_result *out_result, struct error *error)
{
    struct check check = {.config = config, .report = report};
    check.topics = kafka_topics_new(config, timeout_ms, error);
    bool fine = check.topics && look(&check, error);
    if (fine)
        *out_result = check.result;
    topic_plan_release(&check.plan);
    free(check.found);
    kafka_topics_free(check.topics);
    return fine;
}

/* ---- at the start ---- */

static bool judge_followed(const struct topic_plan_entry *entry, const struct kafka_topic_found *found,
                           struct error *error)
{
    bool all_said = found->exists && !found->refused;
    for (unsigned i = 0; i < entry->setting_count; i++) {
        const struct topic_plan_setting *setting = &entry->settings[i];
        all_said = all_said && (found->values[i][0] || setting->weight != TOPIC_PLAN_MUST);
        if (topic_plan_judge(entry, found->values, i) != TOPIC_PLAN_MUST)
            continue;
        return error_fail(error, EXIT_STATUS_CONFIGURATION, entry->topic.data,
                          "`clickveil check --broker` says how to set it", "%s is %s, and must be %s%s%s%s",
                          setting->name, found->values[i], setting->at_least ? "at least " : "",
                          setting->value, setting->why ? ", else " : "", setting->why ? setting->why : "");
    }
    if (!all_said)
        log_line(
            LOG_LEVEL_WARNING, "topic_settings_unknown",
            "%s: the broker does not say how it is set; grant DescribeConfigs, or see to it that `clickveil "
            "check --broker`, run by somebody who may ask, finds it good",
            entry->topic.data);
    return true;
}

enum { ASK_TRIES = 3 };

bool kafka_check_followed(const struct config *config, enum topic_role role, int timeout_ms,
                          struct error *error)
{
    struct topic_plan plan;
    if (!topic_plan_init(&plan, config, &(struct topic_plan_wish){0}, error))
        return false;
    bool fine = true;
    for (unsigned i = 0; fine && i < plan.count; i++) {
        if (plan.entries[i].role != role)
            continue;
        struct topic_plan one = {.entries = &plan.entries[i], .count = 1};
        struct kafka_topic_found found = {0};
        struct error why = {0};
        bool asked = false;
        for (unsigned tries = 0; !asked && tries < ASK_TRIES && (tries == 0 || why.retriable); tries++) {
            why = (struct error){0};
            struct kafka_topics *topics = kafka_topics_new(config, timeout_ms, &why);
            asked = topics && kafka_topics_find(topics, &one, &found, &why);
            kafka_topics_free(topics);
        }
        if (!asked && why.retriable) { /* that nobody answers is not that the broker does not say */
            *error = why;
            fine = false;
        } else {
            fine = judge_followed(one.entries, &found, error);
        }
    }
    topic_plan_release(&plan);
    return fine;
}
