#include "common/topic_plan.h"

#include "common/retraction.h"
#include "common/stage.h"

#include <stdio.h>
#include <stdlib.h>

enum { DAY_MS = 24 * 60 * 60 * 1000 };

/* Kafka's own default; long enough for a long weekend of an outage. */
#define RETENTION_MS (INT64_C(7) * DAY_MS)

/* ---- which topics ---- */

static bool runs(const struct config *config, bool (*test)(const struct stage *stage))
{
    for (unsigned i = config->first_stage; i <= config->last_stage; i++) {
        if (test(config->stages[i]))
            return true;
    }
    return false;
}

static bool follows(const struct config *config, enum topic_role role)
{
    for (unsigned i = config->first_stage; i <= config->last_stage; i++) {
        const struct followed *followed = config->stages[i]->followed;
        if (followed && followed->topic == role)
            return true;
    }
    return false;
}

/* Of a side input, or beside the chain's output. */
static bool reads_aside(const struct config *config, enum topic_role role)
{
    for (unsigned i = config->first_stage; i <= config->last_stage; i++) {
        const struct side_input *side = config->stages[i]->side;
        if (side && side->topic == role)
            return true;
    }
    return false;
}

static bool writes_aside(const struct config *config, enum topic_role role)
{
    for (unsigned i = config->first_stage; i <= config->last_stage; i++) {
        if (config->stages[i]->writes == role)
            return true;
    }
    return false;
}

static bool keeps_state(const struct stage *stage)
{
    return stage->partitioned != NULL;
}

static bool has_feeds(const struct stage *stage)
{
    return stage->feed != NULL;
}

bool topic_plan_reads(const struct config *config, enum topic_role role)
{
    if (role == TOPIC_NONE)
        return false;
    if (role == TOPIC_STATE)
        return runs(config, keeps_state);
    return role == config_input_topic(config) || follows(config, role) || reads_aside(config, role);
}

bool topic_plan_writes(const struct config *config, enum topic_role role)
{
    switch (role) {
    case TOPIC_NONE:
        return false;
    case TOPIC_STATE:
        return runs(config, keeps_state);
    case TOPIC_FEED:
        return runs(config, has_feeds);
    case TOPIC_DEAD_LETTERS: /* every part of the chain may meet a record that it can't read */
        return true;
    default:
        return role == config_output_topic(config) || writes_aside(config, role);
    }
}

const char *topic_plan_role_name(enum topic_role role)
{
    static const char *const names[TOPIC_ROLES] = {
        [TOPIC_NONE] = "none",
        [TOPIC_EVENTS] = "events",
        [TOPIC_CONSENT] = "consent",
        [TOPIC_CONSENT_OUT] = "consent_out",
        [TOPIC_PSEUDONYMIZE_OUT] = "pseudonymize_out",
        [TOPIC_CLASSIFY_OUT] = "classify_out",
        [TOPIC_STATE] = "state",
        [TOPIC_RETRACTIONS] = "retractions",
        [TOPIC_DEAD_LETTERS] = "dead_letters",
        [TOPIC_FEED] = "feed",
    };
    ensure(role < TOPIC_ROLES);
    return names[role];
}

/* ---- how they are set ---- */

static struct topic_plan_setting *set_text(struct topic_plan_entry *entry, enum topic_plan_weight weight,
                                           const char *name, const char *value)
{
    ensure(entry->setting_count < TOPIC_PLAN_SETTINGS_MAX);
    struct topic_plan_setting *setting = &entry->settings[entry->setting_count++];
    setting->name = name;
    setting->weight = weight;
    snprintf(setting->value, sizeof setting->value, "%s", value);
    return setting;
}

static struct topic_plan_setting *set_ms(struct topic_plan_entry *entry, enum topic_plan_weight weight,
                                         const char *name, int64_t value_ms)
{
    char text[TOPIC_PLAN_VALUE_SIZE];
    snprintf(text, sizeof text, "%lld", (long long)value_ms);
    return set_text(entry, weight, name, text);
}

/* A feed topic is the current state, and nothing outlives two epochs and a day (spec 6, "Traces"). */
static void set_feed(struct topic_plan_entry *entry, int64_t epoch_ms)
{
    set_text(entry, TOPIC_PLAN_MUST, "cleanup.policy", "compact,delete");
    set_ms(entry, TOPIC_PLAN_MUST, "retention.ms", 2 * epoch_ms + DAY_MS);
    set_ms(entry, TOPIC_PLAN_MUST, "segment.ms", DAY_MS);
    set_ms(entry, TOPIC_PLAN_MUST, "max.compaction.lag.ms", DAY_MS);
    set_ms(entry, TOPIC_PLAN_MUST, "delete.retention.ms", 2 * epoch_ms);
    set_text(entry, TOPIC_PLAN_MUST, "message.timestamp.type", "CreateTime");
}

/* How long a retraction may be of use. False: only publish knows, and this part of the chain hasn't got it. */
static bool retraction_useful_ms(const struct config *config, int64_t *out_useful_ms)
{
    for (unsigned i = config->first_stage; i <= config->last_stage; i++) {
        const struct followed *followed = config->stages[i]->followed;
        if (!followed || followed->topic != TOPIC_RETRACTIONS || !followed->useful_ms)
            continue;
        *out_useful_ms = followed->useful_ms(config, config->stage_options[i]);
        return true;
    }
    *out_useful_ms = 2 * RETRACTION_EPOCH_MS_MAX + 2 * config->input.future_max_ms + DAY_MS;
    return false;
}

/* A retraction ends with its epoch (spec 3, rule 9), and then the topic may forget it. Earlier would be to publish about
 * somebody who said no. */
static void set_retractions(struct topic_plan_entry *entry, const struct config *config)
{
    int64_t useful_ms;
    bool known = retraction_useful_ms(config, &useful_ms);
    enum topic_plan_weight weight = known ? TOPIC_PLAN_MUST : TOPIC_PLAN_ANY;
    static const char too_short[] = "choices are forgotten before they were acted upon";
    set_text(entry, TOPIC_PLAN_SHOULD, "cleanup.policy", "compact,delete")->why =
        "it grows with everybody who ever said no";
    struct topic_plan_setting *retention = set_ms(entry, weight, "retention.ms", useful_ms);
    struct topic_plan_setting *bytes = set_text(entry, TOPIC_PLAN_MUST, "retention.bytes", "-1");
    retention->at_least = retention->of_deletion = bytes->at_least = bytes->of_deletion = true;
    retention->why = bytes->why = too_short;
    set_ms(entry, TOPIC_PLAN_ANY, "segment.ms", DAY_MS); /* only whole segments are deleted */
    set_text(entry, TOPIC_PLAN_SHOULD, "message.timestamp.type", "LogAppendTime")->why =
        "retention goes by the clocks of those that write";
}

static void set_by_role(struct topic_plan_entry *entry, const struct config *config)
{
    switch (entry->role) {
    case TOPIC_CONSENT: /* spec 3: compaction keeps the last choice of each subject; nothing may age out */
        set_text(entry, TOPIC_PLAN_MUST, "cleanup.policy", "compact")->why =
            "an `out` would be forgotten with time";
        set_text(entry, TOPIC_PLAN_SHOULD, "message.timestamp.type", "LogAppendTime")->why =
            "a producer's wrong clock makes good choices unreadable, hence `out`, and delays are measured by "
            "it";
        break;
    case TOPIC_STATE: /* spec 6: state that must survive */
        set_text(entry, TOPIC_PLAN_MUST, "cleanup.policy", "compact");
        break;
    case TOPIC_RETRACTIONS:
        set_retractions(entry, config);
        break;
    case TOPIC_DEAD_LETTERS: /* spec 7; their key is null, which a compacted topic refuses */
        set_text(entry, TOPIC_PLAN_MUST, "cleanup.policy", "delete");
        set_ms(entry, TOPIC_PLAN_SHOULD, "retention.ms", RETENTION_MS);
        break;
    case TOPIC_EVENTS: /* compaction would lose events of a line; how long they stay is the operator's */
    case TOPIC_CONSENT_OUT:
    case TOPIC_PSEUDONYMIZE_OUT:
    case TOPIC_CLASSIFY_OUT:
        set_text(entry, TOPIC_PLAN_MUST, "cleanup.policy", "delete");
        set_ms(entry, TOPIC_PLAN_ANY, "retention.ms", RETENTION_MS);
        break;
    case TOPIC_FEED:
    case TOPIC_NONE:
    case TOPIC_ROLES:
        break;
    }
}

/* ---- the plan ---- */

static int32_t partitions_of(enum topic_role role, const struct config *config,
                             const struct topic_plan_wish *wish)
{
    int32_t wanted = wish->partitions         ? wish->partitions
                     : wish->input_partitions ? wish->input_partitions
                                              : TOPIC_PLAN_PARTITIONS_DEFAULT;
    bool as_input = role == TOPIC_STATE || role == config_input_topic(config);
    if (as_input && wish->input_partitions)
        return wish->input_partitions;
    return role == TOPIC_DEAD_LETTERS ? 1 : wanted;
}

static struct topic_plan_entry *add(struct topic_plan *plan, const struct config *config,
                                    const struct topic_plan_wish *wish, enum topic_role role,
                                    struct view topic)
{
    struct topic_plan_entry *entry = &plan->entries[plan->count++];
    *entry = (struct topic_plan_entry){
        .role = role,
        .topic = topic,
        .partitions = partitions_of(role, config, wish),
        .partitions_fixed = role == TOPIC_STATE, /* state belongs to an input partition (spec 7) */
        .replication = wish->replication,
        .reads = topic_plan_reads(config, role),
        .writes = topic_plan_writes(config, role),
    };
    set_by_role(entry, config);
    return entry;
}

static const struct stage *stage_with_feeds(const struct config *config, const void **out_options)
{
    for (unsigned i = config->first_stage; i <= config->last_stage; i++) {
        *out_options = config->stage_options[i];
        if (config->stages[i]->feed)
            return config->stages[i];
    }
    return NULL;
}

static void add_feeds(struct topic_plan *plan, const struct config *config,
                      const struct topic_plan_wish *wish)
{
    const void *options;
    const struct stage *stage = stage_with_feeds(config, &options);
    struct stage_feed feed;
    for (unsigned i = 0; stage && stage->feed(options, i, &feed); i++) {
        struct topic_plan_entry *entry = add(plan, config, wish, TOPIC_FEED, feed.topic);
        entry->feed = i;
        set_feed(entry, feed.epoch_ms);
    }
}

static unsigned feed_count(const struct config *config)
{
    const void *options;
    const struct stage *stage = stage_with_feeds(config, &options);
    struct stage_feed feed;
    unsigned count = 0;
    while (stage && stage->feed(options, count, &feed))
        count++;
    return count;
}

bool topic_plan_init(struct topic_plan *plan, const struct config *config, const struct topic_plan_wish *wish,
                     struct error *error)
{
    /* Along the chain, then what stands beside it. */
    static const enum topic_role order[] = {
        TOPIC_EVENTS,       TOPIC_CONSENT,     TOPIC_CONSENT_OUT, TOPIC_PSEUDONYMIZE_OUT,
        TOPIC_CLASSIFY_OUT, TOPIC_RETRACTIONS, TOPIC_STATE,       TOPIC_DEAD_LETTERS,
    };
    *plan = (struct topic_plan){
        .entries = calloc(sizeof order / sizeof order[0] + feed_count(config), sizeof *plan->entries)};
    if (!plan->entries)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for the topics");
    for (unsigned i = 0; i < sizeof order / sizeof order[0]; i++) {
        if (topic_plan_reads(config, order[i]) || topic_plan_writes(config, order[i]))
            (void)add(plan, config, wish, order[i], config_topic(config, order[i], 0));
    }
    add_feeds(plan, config, wish);
    return true;
}

void topic_plan_release(struct topic_plan *plan)
{
    free(plan->entries);
    *plan = (struct topic_plan){0};
}

/* Is every item of one list in the other? */
static bool list_within(const char *list, const char *other)
{
    while (*list) {
        size_t size = strcspn(list, ",");
        bool found = false;
        for (const char *item = other; !found && *item;) {
            size_t item_size = strcspn(item, ",");
            found = item_size == size && memcmp(item, list, size) == 0;
            item += item_size + (item[item_size] == ',');
        }
        if (!found)
            return false;
        list += size + (list[size] == ',');
    }
    return true;
}

bool topic_plan_fits(const struct topic_plan_setting *setting, const char *value)
{
    if (setting->at_least) {
        char *end;
        long long found = strtoll(value, &end, 10), wanted = strtoll(setting->value, NULL, 10);
        return end != value && !*end && (found == -1 || (wanted != -1 && found >= wanted));
    }
    return list_within(setting->value, value) && list_within(value, setting->value);
}

static bool deletes(const struct topic_plan_entry *entry, const char values[][TOPIC_PLAN_VALUE_SIZE])
{
    for (unsigned i = 0; i < entry->setting_count; i++) {
        if (strcmp(entry->settings[i].name, "cleanup.policy") == 0 && values[i][0])
            return list_within("delete", values[i]);
    }
    return true; /* the broker doesn't say */
}

enum topic_plan_weight topic_plan_judge(const struct topic_plan_entry *entry,
                                        const char values[][TOPIC_PLAN_VALUE_SIZE], unsigned index)
{
    const struct topic_plan_setting *setting = &entry->settings[index];
    bool counts = values[index][0] && (!setting->of_deletion || deletes(entry, values));
    return !counts || topic_plan_fits(setting, values[index]) ? TOPIC_PLAN_ANY : setting->weight;
}
