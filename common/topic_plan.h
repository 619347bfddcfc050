/*
 * Which topics a configuration needs, and how each must be set: the one source of `clickveil topics plan` and
 * `create`, of `check --broker` and of docs.
 *
 * Pure: no broker is asked. Texts borrow the configuration.
 */
#ifndef CLICKVEIL_COMMON_TOPIC_PLAN_H
#define CLICKVEIL_COMMON_TOPIC_PLAN_H

#include "common/config.h"
#include "common/error.h"
#include "common/output.h"

enum {
    TOPIC_PLAN_SETTINGS_MAX = 8,
    TOPIC_PLAN_VALUE_SIZE = 32,
    TOPIC_PLAN_PARTITIONS_DEFAULT = 4,
    TOPIC_PLAN_PARTITIONS_MAX = 10000,
    TOPIC_PLAN_REPLICATION_MAX = 100,
    TOPIC_PLAN_REPLICATION_BROKER = 0, /* the broker's default.replication.factor */
};

/* How much it matters that an existing topic is set like this. */
enum topic_plan_weight {
    TOPIC_PLAN_ANY = 0, /* only a proposal for a new topic: the operator decides */
    TOPIC_PLAN_SHOULD,  /* another value is worth a warning */
    TOPIC_PLAN_MUST,    /* another value breaks a promise */
};

/* A setting of a topic, by Kafka's name. */
struct topic_plan_setting {
    const char *name;
    char value[TOPIC_PLAN_VALUE_SIZE];
    enum topic_plan_weight weight;
    bool at_least;    /* more is as good; -1 is without bound */
    bool of_deletion; /* of no effect where cleanup.policy, which comes before it, has no `delete` */
    const char *why;  /* what goes wrong otherwise, for people; NULL: it goes without saying */
};

struct topic_plan_entry {
    enum topic_role role;
    unsigned feed; /* of TOPIC_FEED */
    struct view topic;
    int32_t partitions;
    bool partitions_fixed; /* must be as many as those of the input */
    int replication;       /* or TOPIC_PLAN_REPLICATION_BROKER */
    struct topic_plan_setting settings[TOPIC_PLAN_SETTINGS_MAX];
    unsigned setting_count;
    bool reads, writes; /* what the stages of this configuration do with it */
};

struct topic_plan_wish {
    int32_t partitions;       /* 0: TOPIC_PLAN_PARTITIONS_DEFAULT */
    int32_t input_partitions; /* of the input as it exists; 0: it does not, or is not known */
    int replication;          /* 0: the broker's default */
};

struct topic_plan {
    struct topic_plan_entry *entries; /* in the order of the chain, feeds last */
    unsigned count;
};

/* Plan for the stages that the configuration runs. False only when memory is short. */
CLICKVEIL_MUST_CHECK bool topic_plan_init(struct topic_plan *plan, const struct config *config,
                                          const struct topic_plan_wish *wish, struct error *error);
void topic_plan_release(struct topic_plan *plan);

/* Does a process with this configuration read or write the topics of that role? */
bool topic_plan_reads(const struct config *config, enum topic_role role);
bool topic_plan_writes(const struct config *config, enum topic_role role);

/* "events", "consent", ... as in the configuration's `topics`; "feed". */
const char *topic_plan_role_name(enum topic_role role);

/* A policy of deletion and compaction is a list without order. */
bool topic_plan_fits(const struct topic_plan_setting *setting, const char *value);

/* How much it matters that a topic has not the planned value of setting number `index`; values: of all the entry's settings,
 * as the broker gives them, "" where it doesn't. TOPIC_PLAN_ANY: not at all, or it fits. */
enum topic_plan_weight topic_plan_judge(const struct topic_plan_entry *entry,
                                        const char values[][TOPIC_PLAN_VALUE_SIZE], unsigned index);

#endif
