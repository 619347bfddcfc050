#include "common/topic_plan.h"

#include "common/stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* ---- a chain of the same shape as the product's ---- */

enum { WEEK_MS = 7 * 24 * 3600 * 1000 };

static const struct stage_feed feeds[] = {
    {{"feed.acme", 9}, {"acme", 4}, {"tmobile", 7}, WEEK_MS},
    {{"feed.globex", 11}, {"globex", 6}, {"tmobile", 7}, 24 * 3600 * 1000},
};

static bool a_feed(const void *options, unsigned feed, struct stage_feed *out_feed)
{
    (void)options;
    if (feed >= sizeof feeds / sizeof feeds[0])
        return false;
    *out_feed = feeds[feed];
    return true;
}

static struct view a_feed_topic(const void *options, unsigned feed)
{
    struct stage_feed found;
    return a_feed(options, feed, &found) ? found.topic : VIEW_ABSENT;
}

static const struct followed follows_consent = {.topic = TOPIC_CONSENT};

static int64_t useful_twelve_days(const struct config *config, const void *options)
{
    (void)config;
    (void)options;
    return 12 * INT64_C(86400000);
}

static const struct followed follows_retractions = {.topic = TOPIC_RETRACTIONS,
                                                    .useful_ms = useful_twelve_days};
static const struct partitioned keeps_state;
static const struct stage consent = {
    .name = "consent", .output = TOPIC_CONSENT_OUT, .followed = &follows_consent};
static const struct stage pseudonymize = {
    .name = "pseudonymize", .output = TOPIC_PSEUDONYMIZE_OUT, .writes = TOPIC_RETRACTIONS};
static const struct stage classify = {.name = "classify", .output = TOPIC_CLASSIFY_OUT};
static const struct stage publish = {.name = "publish",
                                     .partitioned = &keeps_state,
                                     .followed = &follows_retractions,
                                     .feed = a_feed,
                                     .feed_topic = a_feed_topic};
static const struct stage *const chain[] = {&consent, &pseudonymize, &classify, &publish, NULL};

static struct config config_of(unsigned first, unsigned last)
{
    static void *options[4];
    return (struct config){
        .stages = chain,
        .stage_options = options,
        .first_stage = first,
        .last_stage = last,
        .topics = {.events = VIEW("events"),
                   .consent = VIEW("choices"),
                   .dead_letters = VIEW("dead"),
                   .retractions = VIEW("retracted"),
                   .consent_out = VIEW("after.consent"),
                   .pseudonymize_out = VIEW("after.pseudonymize"),
                   .classify_out = VIEW("after.classify"),
                   .state = VIEW("state")},
    };
}

static struct topic_plan plan_of(const struct config *config, struct topic_plan_wish wish)
{
    struct topic_plan plan;
    struct error error = {0};
    assert_true(topic_plan_init(&plan, config, &wish, &error));
    return plan;
}

static const struct topic_plan_entry *entry_of(const struct topic_plan *plan, const char *topic)
{
    for (unsigned i = 0; i < plan->count; i++) {
        if (view_equal_string(plan->entries[i].topic, topic))
            return &plan->entries[i];
    }
    fail_msg("%s is not planned", topic);
    return NULL;
}

static const struct topic_plan_setting *setting_of(const struct topic_plan_entry *entry, const char *name)
{
    for (unsigned i = 0; i < entry->setting_count; i++) {
        if (strcmp(entry->settings[i].name, name) == 0)
            return &entry->settings[i];
    }
    return NULL;
}

/* ---- which topics ---- */

static void each_cut_needs_its_topics(void **state)
{
    static const struct {
        unsigned first, last;
        const char *topics; /* in order; r reads, w writes */
        const char *why;
    } rows[] = {
        {0, 3, "events:r choices:r retracted:rw state:rw dead:w feed.acme:w feed.globex:w ",
         "all in one process"},
        {0, 0, "events:r choices:r after.consent:w dead:w ", "consent alone"},
        {1, 1, "after.consent:r after.pseudonymize:w retracted:w dead:w ",
         "pseudonymize alone looks nothing up"},
        {2, 2, "after.pseudonymize:r after.classify:w dead:w ", "classify alone"},
        {3, 3, "after.classify:r retracted:r state:rw dead:w feed.acme:w feed.globex:w ",
         "publish alone has the state"},
        {0, 2, "events:r choices:r after.classify:w retracted:w dead:w ",
         "cut before publish: no feed, no state"},
        {1, 3, "after.consent:r retracted:rw state:rw dead:w feed.acme:w feed.globex:w ",
         "cut behind consent"},
        {1, 2, "after.consent:r after.classify:w retracted:w dead:w ", "the middle"},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct config config = config_of(rows[i].first, rows[i].last);
        struct topic_plan plan = plan_of(&config, (struct topic_plan_wish){0});
        char text[512] = "";
        for (unsigned j = 0; j < plan.count; j++) {
            size_t used = strlen(text);
            snprintf(text + used, sizeof text - used, "%s:%s%s ", plan.entries[j].topic.data,
                     plan.entries[j].reads ? "r" : "", plan.entries[j].writes ? "w" : "");
        }
        if (strcmp(text, rows[i].topics) != 0)
            fail_msg("%s: %s", rows[i].why, text);
        topic_plan_release(&plan);
    }
}

static void a_topic_that_no_stage_uses_is_not_planned(void **state)
{
    (void)state;
    struct config config = config_of(0, 3);
    assert_false(topic_plan_reads(&config, TOPIC_CONSENT_OUT));
    assert_false(topic_plan_writes(&config, TOPIC_CONSENT_OUT));
    assert_false(topic_plan_writes(&config, TOPIC_EVENTS));
    assert_false(topic_plan_reads(&config, TOPIC_NONE));
    assert_false(topic_plan_writes(&config, TOPIC_NONE)); /* the output of the last stage */
    config = config_of(0, 0);
    assert_false(topic_plan_reads(&config, TOPIC_RETRACTIONS));
    assert_false(topic_plan_writes(&config, TOPIC_RETRACTIONS));
}

/* ---- how they are set ---- */

static void each_role_has_its_settings(void **state)
{
    static const struct {
        const char *topic, *setting, *value; /* value NULL: the broker's own */
        enum topic_plan_weight weight;
        const char *why;
    } rows[] = {
        {"events", "cleanup.policy", "delete", TOPIC_PLAN_MUST, "compaction would lose events of a line"},
        {"events", "retention.ms", "604800000", TOPIC_PLAN_ANY, "how long is the operator's business"},
        {"choices", "cleanup.policy", "compact", TOPIC_PLAN_MUST, "a choice must not age out"},
        {"choices", "message.timestamp.type", "LogAppendTime", TOPIC_PLAN_SHOULD, "a clock that all share"},
        {"choices", "retention.ms", NULL, TOPIC_PLAN_ANY, "a choice must not age out"},
        {"state", "cleanup.policy", "compact", TOPIC_PLAN_MUST, "what a person has must survive"},
        {"state", "retention.ms", NULL, TOPIC_PLAN_ANY, "what a person has must survive"},
        {"retracted", "cleanup.policy", "compact,delete", TOPIC_PLAN_SHOULD, "it grows with all who said no"},
        {"retracted", "retention.ms", "1036800000", TOPIC_PLAN_MUST, "as long as publish says"},
        {"retracted", "retention.bytes", "-1", TOPIC_PLAN_MUST,
         "a storm of choices must not push out others"},
        {"retracted", "message.timestamp.type", "LogAppendTime", TOPIC_PLAN_SHOULD, "retention by one clock"},
        {"dead", "cleanup.policy", "delete", TOPIC_PLAN_MUST, "their key is null"},
        {"dead", "retention.ms", "604800000", TOPIC_PLAN_SHOULD, "7 days, spec 7"},
        {"feed.acme", "cleanup.policy", "compact,delete", TOPIC_PLAN_MUST, "spec 6"},
        {"feed.acme", "retention.ms", "1296000000", TOPIC_PLAN_MUST, "two epochs of 7 days and a day"},
        {"feed.acme", "segment.ms", "86400000", TOPIC_PLAN_MUST, "24 h"},
        {"feed.acme", "max.compaction.lag.ms", "86400000", TOPIC_PLAN_MUST, "24 h"},
        {"feed.acme", "delete.retention.ms", "1209600000", TOPIC_PLAN_MUST, "two epochs"},
        {"feed.acme", "message.timestamp.type", "CreateTime", TOPIC_PLAN_MUST, "the slot's time"},
        {"feed.globex", "retention.ms", "259200000", TOPIC_PLAN_MUST, "epochs of a day: three days"},
        {"feed.globex", "delete.retention.ms", "172800000", TOPIC_PLAN_MUST, "epochs of a day: two days"},
    };
    (void)state;
    struct config config = config_of(0, 3);
    struct topic_plan plan = plan_of(&config, (struct topic_plan_wish){0});
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct topic_plan_setting *setting =
            setting_of(entry_of(&plan, rows[i].topic), rows[i].setting);
        bool right = rows[i].value ? setting && strcmp(setting->value, rows[i].value) == 0 &&
                                         setting->weight == rows[i].weight
                                   : !setting;
        if (!right)
            fail_msg("%s %s (%s) is %s", rows[i].topic, rows[i].setting, rows[i].why,
                     setting ? setting->value : "not set");
    }
    topic_plan_release(&plan);
}

static void topics_between_stages_are_not_compacted(void **state)
{
    (void)state;
    struct config config = config_of(1, 2);
    struct topic_plan plan = plan_of(&config, (struct topic_plan_wish){0});
    assert_string_equal(setting_of(entry_of(&plan, "after.consent"), "cleanup.policy")->value, "delete");
    assert_string_equal(setting_of(entry_of(&plan, "after.classify"), "cleanup.policy")->value, "delete");
    topic_plan_release(&plan);
}

static void partitions_follow_the_input(void **state)
{
    static const struct {
        struct topic_plan_wish wish;
        int32_t events, choices, state, dead, feed;
        const char *why;
    } rows[] = {
        {{0}, 4, 4, 4, 1, 4, "nothing said, nothing there"},
        {{.partitions = 12}, 12, 12, 12, 1, 12, "as said"},
        {{.input_partitions = 6}, 6, 6, 6, 1, 6, "as many as the input has"},
        {{.partitions = 12, .input_partitions = 6}, 6, 12, 6, 1, 12, "state belongs to an input partition"},
    };
    (void)state;
    struct config config = config_of(0, 3);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct topic_plan plan = plan_of(&config, rows[i].wish);
        if (entry_of(&plan, "events")->partitions != rows[i].events ||
            entry_of(&plan, "choices")->partitions != rows[i].choices ||
            entry_of(&plan, "state")->partitions != rows[i].state ||
            entry_of(&plan, "dead")->partitions != rows[i].dead ||
            entry_of(&plan, "feed.acme")->partitions != rows[i].feed)
            fail_msg("%s", rows[i].why);
        topic_plan_release(&plan);
    }
}

static void only_the_state_is_bound_to_its_number_of_partitions(void **state)
{
    (void)state;
    struct config config = config_of(3, 3);
    struct topic_plan plan = plan_of(&config, (struct topic_plan_wish){.input_partitions = 9});
    for (unsigned i = 0; i < plan.count; i++)
        assert_int_equal(plan.entries[i].partitions_fixed, plan.entries[i].role == TOPIC_STATE);
    assert_int_equal(entry_of(&plan, "after.classify")->partitions, 9);
    assert_int_equal(entry_of(&plan, "state")->partitions, 9);
    topic_plan_release(&plan);
}

static void replication_is_the_brokers_unless_said(void **state)
{
    (void)state;
    struct config config = config_of(0, 3);
    struct topic_plan plan = plan_of(&config, (struct topic_plan_wish){0});
    assert_int_equal(plan.entries[0].replication, TOPIC_PLAN_REPLICATION_BROKER);
    topic_plan_release(&plan);
    plan = plan_of(&config, (struct topic_plan_wish){.replication = 3});
    for (unsigned i = 0; i < plan.count; i++)
        assert_int_equal(plan.entries[i].replication, 3);
    topic_plan_release(&plan);
}

static void a_policy_is_a_list_without_order(void **state)
{
    static const struct {
        const char *planned, *found;
        bool equal;
        const char *why;
    } rows[] = {
        {"compact,delete", "compact,delete", true, "the same"},
        {"compact,delete", "delete,compact", true, "another order"},
        {"delete", "delete", true, "a single one"},
        {"compact,delete", "compact", false, "one is missing"},
        {"compact", "compact,delete", false, "one too many"},
        {"delete", "compact", false, "another"},
        {"86400000", "8640000", false, "the beginning of a number is not the number"},
        {"8640000", "86400000", false, "nor is more than it"},
        {"delete", "", false, "nothing"},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct topic_plan_setting setting = {.name = "x"};
        snprintf(setting.value, sizeof setting.value, "%s", rows[i].planned);
        if (topic_plan_fits(&setting, rows[i].found) != rows[i].equal)
            fail_msg("%s: %s and %s", rows[i].why, rows[i].planned, rows[i].found);
    }
}

static void a_bound_from_below_takes_more(void **state)
{
    static const struct {
        const char *planned, *found;
        bool fits;
        const char *why;
    } rows[] = {
        {"1000", "1000", true, "at the bound"},
        {"1000", "999", false, "one below it"},
        {"1000", "1001", true, "one more"},
        {"1000", "-1", true, "without bound"},
        {"-1", "-1", true, "without bound"},
        {"-1", "9223372036854775807", false, "as much as can be said"},
        {"1000", "", false, "nothing"},
        {"1000", "10000x", false, "no number"},
        {"1000", "-2", false, "no bound at all"},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct topic_plan_setting setting = {.name = "x", .at_least = true};
        snprintf(setting.value, sizeof setting.value, "%s", rows[i].planned);
        if (topic_plan_fits(&setting, rows[i].found) != rows[i].fits)
            fail_msg("%s: %s and %s", rows[i].why, rows[i].planned, rows[i].found);
    }
}

/* What the broker says about the retractions, and what that is worth. */
static void retractions_may_be_forgotten_only_when_they_are_of_no_use(void **state)
{
    static const struct {
        const char *policy, *retention_ms, *retention_bytes;
        enum topic_plan_weight worst;
        const char *why;
    } rows[] = {
        {"compact,delete", "1036800000", "-1", TOPIC_PLAN_ANY, "as planned"},
        {"delete,compact", "-1", "-1", TOPIC_PLAN_ANY, "for ever"},
        {"compact,delete", "1036799999", "-1", TOPIC_PLAN_MUST, "a millisecond too short"},
        {"compact,delete", "1036800000", "1073741824", TOPIC_PLAN_MUST, "by size"},
        {"delete", "604800000", "-1", TOPIC_PLAN_MUST, "a broker's own default"},
        {"compact", "604800000", "1000", TOPIC_PLAN_SHOULD, "nothing is deleted: it only grows"},
        {"delete", "1036800000", "-1", TOPIC_PLAN_SHOULD, "nothing is compacted: it is only large"},
        {"", "604800000", "-1", TOPIC_PLAN_MUST, "the policy is not said"},
        {"", "", "", TOPIC_PLAN_ANY, "nothing is said"},
    };
    (void)state;
    struct config config = config_of(3, 3);
    struct topic_plan plan = plan_of(&config, (struct topic_plan_wish){0});
    const struct topic_plan_entry *entry = entry_of(&plan, "retracted");
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char values[TOPIC_PLAN_SETTINGS_MAX][TOPIC_PLAN_VALUE_SIZE] = {0};
        enum topic_plan_weight worst = TOPIC_PLAN_ANY;
        for (unsigned j = 0; j < entry->setting_count; j++) {
            const char *name = entry->settings[j].name;
            snprintf(values[j], sizeof values[j], "%s",
                     strcmp(name, "cleanup.policy") == 0    ? rows[i].policy
                     : strcmp(name, "retention.ms") == 0    ? rows[i].retention_ms
                     : strcmp(name, "retention.bytes") == 0 ? rows[i].retention_bytes
                                                            : "");
        }
        for (unsigned j = 0; j < entry->setting_count; j++) {
            enum topic_plan_weight weight = topic_plan_judge(entry, values, j);
            worst = weight > worst ? weight : worst;
        }
        if (worst != rows[i].worst)
            fail_msg("%s: %d", rows[i].why, (int)worst);
    }
    topic_plan_release(&plan);
    config = config_of(1, 1); /* pseudonymize knows no epoch: ample, and the judge is publish */
    plan = plan_of(&config, (struct topic_plan_wish){0});
    const struct topic_plan_setting *setting = setting_of(entry_of(&plan, "retracted"), "retention.ms");
    assert_string_equal(setting->value, "5270400000"); /* 61 days, and twice a future_max of 0 here */
    assert_int_equal(setting->weight, TOPIC_PLAN_ANY);
    topic_plan_release(&plan);
}

static void every_role_has_its_name(void **state)
{
    (void)state;
    for (enum topic_role role = TOPIC_NONE; role < TOPIC_ROLES; role++)
        assert_non_null(topic_plan_role_name(role));
    assert_string_equal(topic_plan_role_name(TOPIC_DEAD_LETTERS), "dead_letters");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_cut_needs_its_topics),
        cmocka_unit_test(a_topic_that_no_stage_uses_is_not_planned),
        cmocka_unit_test(each_role_has_its_settings),
        cmocka_unit_test(topics_between_stages_are_not_compacted),
        cmocka_unit_test(partitions_follow_the_input),
        cmocka_unit_test(only_the_state_is_bound_to_its_number_of_partitions),
        cmocka_unit_test(replication_is_the_brokers_unless_said),
        cmocka_unit_test(a_policy_is_a_list_without_order),
        cmocka_unit_test(a_bound_from_below_takes_more),
        cmocka_unit_test(retractions_may_be_forgotten_only_when_they_are_of_no_use),
        cmocka_unit_test(every_role_has_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
