#include "common/kafka_topics.h"

#include "common/kafka_client.h"

#include <stdio.h>
#include <stdlib.h>

struct kafka_topics {
    rd_kafka_t *client;
    rd_kafka_queue_t *queue; /* of admin answers */
    int timeout_ms;
    int32_t broker; /* one that answered */
};

/* ---- life ---- */

static bool connect_client(struct kafka_topics *topics, struct error *error)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t code = rd_kafka_metadata(topics->client, 0, NULL, &metadata, topics->timeout_ms);
    if (code) {
        kafka_serve(topics->client); /* what the library says of connections */
        (void)kafka_fail_code(error, code, "asking the broker for its topics");
        error_advise(error,
                     "see that the broker runs and that kafka.bootstrap.servers and its security settings "
                     "are right");
        return false;
    }
    topics->broker = metadata->broker_cnt > 0 ? metadata->brokers[0].id : -1;
    rd_kafka_metadata_destroy(metadata);
    return true;
}

struct kafka_topics *kafka_topics_new(const struct config *config, int timeout_ms, struct error *error)
{
    struct kafka_client_spec spec = {.role = KAFKA_ROLE_OFFSETS};
    struct kafka_topics *topics = calloc(1, sizeof *topics);
    if (!topics) {
        (void)error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for a client");
        return NULL;
    }
    topics->timeout_ms = timeout_ms;
    topics->client = kafka_client_new(config, &spec, error);
    if (topics->client)
        topics->queue = rd_kafka_queue_new(topics->client);
    if (!topics->client || !connect_client(topics, error)) {
        kafka_topics_free(topics);
        return NULL;
    }
    return topics;
}

void kafka_topics_free(struct kafka_topics *topics)
{
    if (!topics)
        return;
    if (topics->queue)
        rd_kafka_queue_destroy(topics->queue);
    if (topics->client)
        rd_kafka_destroy(topics->client);
    free(topics);
}

/* ---- looking ---- */

static bool take_topic(const struct rd_kafka_metadata *metadata, const char *topic,
                       struct kafka_topic_found *out_found, struct error *error)
{
    if (metadata->topic_cnt != 1) /* neither there nor not there */
        return kafka_fail_code(error, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, topic);
    const struct rd_kafka_metadata_topic *answer = &metadata->topics[0];
    switch (answer->err) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        if (answer->partition_cnt == 0) /* just being made */
            return kafka_fail_code(error, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, topic);
        out_found->exists = true;
        out_found->partitions = answer->partition_cnt;
        out_found->replication = answer->partitions[0].replica_cnt;
        return true;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
        return true;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        out_found->refused = true;
        return true;
    default:
        return kafka_fail_code(error, answer->err, topic);
    }
}

bool kafka_topics_look(struct kafka_topics *topics, const char *topic, struct kafka_topic_found *out_found,
                       struct error *error)
{
    const struct rd_kafka_metadata *metadata = NULL;
    struct kafka_topic_found found = {0};
    rd_kafka_topic_t *handle = rd_kafka_topic_new(topics->client, topic, NULL);
    if (!handle)
        return kafka_fail_code(error, rd_kafka_last_error(), topic);
    rd_kafka_resp_err_t code = rd_kafka_metadata(topics->client, 0, handle, &metadata, topics->timeout_ms);
    rd_kafka_topic_destroy(handle);
    if (code)
        return kafka_fail_code(error, code, "asking the broker for a topic");
    bool fine = take_topic(metadata, topic, &found, error);
    rd_kafka_metadata_destroy(metadata);
    if (fine)
        *out_found = found;
    return fine;
}

/* Wait for the answer to an admin request. NULL: error says why. The caller destroys the event. */
static rd_kafka_event_t *admin_answer(struct kafka_topics *topics, const char *doing, struct error *error)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(topics->queue, topics->timeout_ms * 2);
    if (!event) {
        (void)kafka_fail_code(error, RD_KAFKA_RESP_ERR__TIMED_OUT, doing);
        return NULL;
    }
    if (rd_kafka_event_error(event)) {
        (void)error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, NULL, "%s: %s", doing,
                         rd_kafka_event_error_string(event));
        rd_kafka_event_destroy(event);
        return NULL;
    }
    return event;
}

static rd_kafka_AdminOptions_t *admin_options(struct kafka_topics *topics, rd_kafka_admin_op_t operation)
{
    char why[ERROR_TEXT_SIZE];
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(topics->client, operation);
    (void)rd_kafka_AdminOptions_set_request_timeout(options, topics->timeout_ms, why, sizeof why);
    return options;
}

/* Describe the settings of some resources; the caller destroys the event. */
static rd_kafka_event_t *describe(struct kafka_topics *topics, rd_kafka_ConfigResource_t **resources,
                                  size_t count, const char *doing, struct error *error)
{
    rd_kafka_AdminOptions_t *options = admin_options(topics, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_DescribeConfigs(topics->client, resources, count, options, topics->queue);
    rd_kafka_AdminOptions_destroy(options);
    return admin_answer(topics, doing, error);
}

static const char *value_in(const rd_kafka_ConfigResource_t *resource, const char *name)
{
    size_t count;
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), name) == 0)
            return rd_kafka_ConfigEntry_value(entries[i]);
    }
    return NULL;
}

static void take_settings(const struct topic_plan *plan, const rd_kafka_ConfigResource_t *resource,
                          struct kafka_topic_found *found)
{
    const char *name = rd_kafka_ConfigResource_name(resource);
    if (rd_kafka_ConfigResource_error(resource))
        return; /* not allowed to see them: they stay unknown */
    for (unsigned i = 0; i < plan->count; i++) {
        if (!view_equal_string(plan->entries[i].topic, name))
            continue;
        for (unsigned j = 0; j < plan->entries[i].setting_count; j++) {
            const char *value = value_in(resource, plan->entries[i].settings[j].name);
            snprintf(found[i].values[j], sizeof found[i].values[j], "%s", value ? value : "");
        }
    }
}

static bool find_settings(struct kafka_topics *topics, const struct topic_plan *plan,
                          struct kafka_topic_found *found, struct error *error)
{
    rd_kafka_ConfigResource_t **resources = calloc(plan->count + 1, sizeof(void *));
    if (!resources)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for a request");
    size_t count = 0;
    for (unsigned i = 0; i < plan->count; i++) {
        if (found[i].exists)
            resources[count++] =
                rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, plan->entries[i].topic.data);
    }
    rd_kafka_event_t *event =
        count ? describe(topics, resources, count, "asking for the settings of topics", error) : NULL;
    if (event) {
        size_t answers;
        const rd_kafka_ConfigResource_t **described =
            rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event), &answers);
        for (size_t i = 0; i < answers; i++)
            take_settings(plan, described[i], found);
        rd_kafka_event_destroy(event);
    }
    for (size_t i = 0; i < count; i++)
        rd_kafka_ConfigResource_destroy(resources[i]);
    free(resources);
    return count == 0 || event != NULL;
}

bool kafka_topics_find(struct kafka_topics *topics, const struct topic_plan *plan,
                       struct kafka_topic_found *out_found, struct error *error)
{
    for (unsigned i = 0; i < plan->count; i++) {
        if (!kafka_topics_look(topics, plan->entries[i].topic.data, &out_found[i], error))
            return false;
    }
    return find_settings(topics, plan, out_found, error);
}

static bool ask_setting(struct kafka_topics *topics, rd_kafka_ResourceType_t type, const char *of,
                        const char *name, char *out_value, size_t value_size, struct error *error)
{
    rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(type, of);
    rd_kafka_event_t *event = describe(topics, &resource, 1, "asking for a setting", error);
    rd_kafka_ConfigResource_destroy(resource);
    if (!event)
        return false;
    size_t answers;
    const rd_kafka_ConfigResource_t **described =
        rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event), &answers);
    const char *value =
        answers == 1 && !rd_kafka_ConfigResource_error(described[0]) ? value_in(described[0], name) : NULL;
    if (value)
        snprintf(out_value, value_size, "%s", value);
    rd_kafka_event_destroy(event);
    return value || error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, NULL,
                               "the broker does not say what %s is set to", name);
}

bool kafka_topics_setting(struct kafka_topics *topics, const char *topic, const char *name, char *out_value,
                          size_t value_size, struct error *error)
{
    return ask_setting(topics, RD_KAFKA_RESOURCE_TOPIC, topic, name, out_value, value_size, error);
}

bool kafka_topics_broker_setting(struct kafka_topics *topics, const char *name, char *out_value,
                                 size_t value_size, struct error *error)
{
    char broker[16];
    snprintf(broker, sizeof broker, "%d", topics->broker);
    return ask_setting(topics, RD_KAFKA_RESOURCE_BROKER, broker, name, out_value, value_size, error);
}

/* ---- making ---- */

static rd_kafka_NewTopic_t *new_topic(const struct topic_plan_entry *entry, char *why, size_t why_size)
{
    int replication = entry->replication == TOPIC_PLAN_REPLICATION_BROKER ? -1 : entry->replication;
    rd_kafka_NewTopic_t *topic =
        rd_kafka_NewTopic_new(entry->topic.data, entry->partitions, replication, why, why_size);
    for (unsigned i = 0; topic && i < entry->setting_count; i++)
        (void)rd_kafka_NewTopic_set_config(topic, entry->settings[i].name, entry->settings[i].value);
    return topic;
}

static void take_results(const struct topic_plan *plan, rd_kafka_event_t *event,
                         struct kafka_topic_result *out_results)
{
    size_t count;
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    for (size_t i = 0; i < count; i++) {
        for (unsigned j = 0; j < plan->count; j++) {
            if (!view_equal_string(plan->entries[j].topic, rd_kafka_topic_result_name(results[i])))
                continue;
            rd_kafka_resp_err_t code = rd_kafka_topic_result_error(results[i]);
            const char *words = rd_kafka_topic_result_error_string(results[i]);
            out_results[j].made = code == RD_KAFKA_RESP_ERR_NO_ERROR               ? KAFKA_TOPIC_MADE
                                  : code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS ? KAFKA_TOPIC_THERE
                                                                                   : KAFKA_TOPIC_NOT_MADE;
            snprintf(out_results[j].why, sizeof out_results[j].why, "%s",
                     words ? words : rd_kafka_err2str(code));
        }
    }
}

bool kafka_topics_make(struct kafka_topics *topics, const struct topic_plan *plan,
                       const struct kafka_topic_found *found, struct kafka_topic_result *out_results,
                       struct error *error)
{
    char why[ERROR_TEXT_SIZE] = "";
    rd_kafka_NewTopic_t **wanted = calloc(plan->count + 1, sizeof(void *));
    if (!wanted)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for a request");
    size_t count = 0;
    bool fine = true;
    for (unsigned i = 0; fine && i < plan->count; i++) {
        if (found[i].exists || found[i].refused)
            continue;
        out_results[i] = (struct kafka_topic_result){.why = "the broker did not answer"};
        wanted[count] = new_topic(&plan->entries[i], why, sizeof why);
        if (wanted[count])
            count++;
        else
            fine = error_fail(error, EXIT_STATUS_CONFIGURATION, plan->entries[i].topic.data, NULL, "%s", why);
    }
    if (fine && count) {
        rd_kafka_AdminOptions_t *options = admin_options(topics, RD_KAFKA_ADMIN_OP_CREATETOPICS);
        (void)rd_kafka_AdminOptions_set_operation_timeout(options, topics->timeout_ms, why, sizeof why);
        rd_kafka_CreateTopics(topics->client, wanted, count, options, topics->queue);
        rd_kafka_AdminOptions_destroy(options);
        rd_kafka_event_t *event = admin_answer(topics, "making topics", error);
        fine = event != NULL;
        if (event) {
            take_results(plan, event, out_results);
            rd_kafka_event_destroy(event);
        }
    }
    rd_kafka_NewTopic_destroy_array(wanted, count);
    free(wanted);
    return fine;
}
