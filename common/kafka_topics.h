/*
 * Topics on the broker against the plan (common/topic_plan.h): which are there, how they are set, and making those
 * that are missing, by the library's admin API.
 *
 * One thread at a time. Calls block up to the time-out that was given at the start.
 */
#ifndef CLICKVEIL_COMMON_KAFKA_TOPICS_H
#define CLICKVEIL_COMMON_KAFKA_TOPICS_H

#include "common/config.h"
#include "common/error.h"
#include "common/topic_plan.h"

struct kafka_topics;

/* Connect and see that a broker answers. NULL: none did (exit status 69), or a property is wrong (78). */
struct kafka_topics *kafka_topics_new(const struct config *config, int timeout_ms, struct error *error);
void kafka_topics_free(struct kafka_topics *topics); /* NULL is fine */

/* What the broker says about a planned topic. */
struct kafka_topic_found {
    bool exists;
    bool refused; /* the broker does not let us see it */
    int32_t partitions;
    int replication; /* of its first partition */
    /* Its settings in the order of the plan's; "" when the broker did not say. */
    char values[TOPIC_PLAN_SETTINGS_MAX][TOPIC_PLAN_VALUE_SIZE];
};

/* Ask about one topic's partitions alone. */
CLICKVEIL_MUST_CHECK bool kafka_topics_look(struct kafka_topics *topics, const char *topic,
                                            struct kafka_topic_found *out_found, struct error *error);

/* Ask about all topics of a plan, settings included: plan->count of them. */
CLICKVEIL_MUST_CHECK bool kafka_topics_find(struct kafka_topics *topics, const struct topic_plan *plan,
                                            struct kafka_topic_found *out_found, struct error *error);

enum kafka_topic_made {
    KAFKA_TOPIC_NOT_MADE = 0, /* failed: `why` */
    KAFKA_TOPIC_MADE,
    KAFKA_TOPIC_THERE, /* somebody was faster */
};

struct kafka_topic_result {
    enum kafka_topic_made made;
    char why[ERROR_TEXT_SIZE]; /* of a topic that was not made: the broker's words */
};

/* Make the topics of the plan whose `found` does not exist; results of the others are left alone. False: the request
 * as a whole did not work. */
CLICKVEIL_MUST_CHECK bool kafka_topics_make(struct kafka_topics *topics, const struct topic_plan *plan,
                                            const struct kafka_topic_found *found,
                                            struct kafka_topic_result *out_results, struct error *error);

/* A setting of a topic. False: it can't be asked. */
CLICKVEIL_MUST_CHECK bool kafka_topics_setting(struct kafka_topics *topics, const char *topic,
                                               const char *name, char *out_value, size_t value_size,
                                               struct error *error);

/* A setting of a broker, such as transaction.max.timeout.ms. False: it can't be asked. */
CLICKVEIL_MUST_CHECK bool kafka_topics_broker_setting(struct kafka_topics *topics, const char *name,
                                                      char *out_value, size_t value_size,
                                                      struct error *error);

#endif
