/*
 * clickveil topics: which topics a configuration needs, and making them.
 *
 * `plan` asks no broker. `create` makes what is missing, in one request, and never changes what is there: it says
 * what differs, since partitions and cleanup of a topic with data are not ours to turn. A consent topic that somebody else
 * made gets the birth records that it lacks.
 */
#include "commands/argument.h"
#include "commands/argument_value.h"
#include "commands/command.h"
#include "commands/consent.h"
#include "common/clock.h"
#include "common/config.h"
#include "common/kafka_birth.h"
#include "common/kafka_topics.h"
#include "common/log.h"
#include "common/topic_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

enum { TIMEOUT_MS = 10000 };

struct topics_wish {
    const char *config, *partitions, *replication;
    struct argument_list overrides;
    bool json;
    struct topic_plan_wish plan;
};

/* What the broker said and did; NULL for `plan`. */
struct outcome {
    struct kafka_topic_found *found;
    struct kafka_topic_result *results;
    int32_t *births; /* partitions of a topic that was there to which birth records were added */
};

/* ---- text ---- */

/* Milliseconds as days and hours, "15d"; other values as they are. */
static void print_duration(const char *text)
{
    enum { HOUR_MS = 3600 * 1000 };
    char *end;
    long long value_ms = strtoll(text, &end, 10);
    if (*end || value_ms <= 0 || value_ms % HOUR_MS)
        printf("%s", text);
    else if (value_ms % (24 * HOUR_MS))
        printf("%lldh", value_ms / HOUR_MS);
    else
        printf("%lldd", value_ms / (24 * HOUR_MS));
}

static void print_settings(const struct topic_plan_entry *entry)
{
    for (unsigned i = 0; i < entry->setting_count; i++) {
        const struct topic_plan_setting *setting = &entry->settings[i];
        size_t size = strlen(setting->name);
        printf("%s%s=", i ? " " : "", setting->name);
        if (size > 3 && strcmp(setting->name + size - 3, ".ms") == 0)
            print_duration(setting->value);
        else
            printf("%s", setting->value);
    }
    putchar('\n');
}

static void print_plan(const struct topic_plan *plan, const struct topics_wish *wish)
{
    int width = (int)strlen("TOPIC");
    for (unsigned i = 0; i < plan->count; i++)
        width = (int)plan->entries[i].topic.size > width ? (int)plan->entries[i].topic.size : width;
    printf("%-*s  %-16s  %10s  %11s  %s\n", width, "TOPIC", "ROLE", "PARTITIONS", "REPLICATION", "SETTINGS");
    for (unsigned i = 0; i < plan->count; i++) {
        const struct topic_plan_entry *entry = &plan->entries[i];
        char replication[16] = "broker's";
        if (entry->replication != TOPIC_PLAN_REPLICATION_BROKER)
            snprintf(replication, sizeof replication, "%d", entry->replication);
        printf("%-*s  %-16s  %10d  %11s  ", width, entry->topic.data, topic_plan_role_name(entry->role),
               entry->partitions, replication);
        print_settings(entry);
    }
    for (unsigned i = 0; i < plan->count; i++) {
        if (plan->entries[i].partitions_fixed && !wish->plan.input_partitions)
            printf("\n%s must have as many partitions as the input; `topics create` takes the number from "
                   "there when "
                   "it exists.\n",
                   plan->entries[i].topic.data);
    }
}

/* ---- what differs ---- */

typedef void difference_visitor(void *context, const char *what, const char *found, const char *wanted);

static void visit_differences(const struct topic_plan_entry *entry, const struct kafka_topic_found *found,
                              difference_visitor *visit, void *context)
{
    char there[16], wanted[16];
    if (entry->partitions_fixed && found->partitions != entry->partitions) {
        snprintf(there, sizeof there, "%d", found->partitions);
        snprintf(wanted, sizeof wanted, "%d", entry->partitions);
        visit(context, "partitions", there, wanted);
    }
    for (unsigned i = 0; i < entry->setting_count; i++) {
        const struct topic_plan_setting *setting = &entry->settings[i];
        if (topic_plan_judge(entry, found->values, i) != TOPIC_PLAN_ANY)
            visit(context, setting->name, found->values[i], setting->value);
    }
}

static void print_difference(void *context, const char *what, const char *found, const char *wanted)
{
    fprintf(stderr, "clickveil topics: warning: %s: %s is %s, and should be %s\n", (const char *)context,
            what, found, wanted);
}

static const char *state_name(const struct outcome *outcome, unsigned index)
{
    if (outcome->found[index].refused)
        return "refused";
    if (outcome->found[index].exists)
        return "exists";
    switch (outcome->results[index].made) {
    case KAFKA_TOPIC_MADE:
        return "created";
    case KAFKA_TOPIC_THERE:
        return "exists";
    case KAFKA_TOPIC_NOT_MADE:
        break;
    }
    return "failed";
}

static bool is_failure(const struct outcome *outcome, unsigned index)
{
    const char *state = state_name(outcome, index);
    return strcmp(state, "failed") == 0 || strcmp(state, "refused") == 0;
}

static void print_outcome(const struct topic_plan *plan, const struct outcome *outcome)
{
    for (unsigned i = 0; i < plan->count; i++) {
        const struct topic_plan_entry *entry = &plan->entries[i];
        const struct kafka_topic_found *found = &outcome->found[i];
        printf("%-8s  %s (%s), %d partition%s\n", state_name(outcome, i), entry->topic.data,
               topic_plan_role_name(entry->role), found->exists ? found->partitions : entry->partitions,
               (found->exists ? found->partitions : entry->partitions) == 1 ? "" : "s");
        if (outcome->births[i] > 0)
            printf("          birth records added to %d of them\n", outcome->births[i]);
    }
    fflush(stdout);
    for (unsigned i = 0; i < plan->count; i++) {
        const char *topic = plan->entries[i].topic.data;
        if (outcome->found[i].exists)
            visit_differences(&plan->entries[i], &outcome->found[i], print_difference, (void *)topic);
        else if (outcome->found[i].refused)
            fprintf(stderr,
                    "clickveil topics: %s: the broker does not let this user see it; grant Describe\n",
                    topic);
        else if (is_failure(outcome, i))
            fprintf(stderr, "clickveil topics: %s was not created: %s\n", topic, outcome->results[i].why);
    }
}

/* ---- JSON ---- */

struct json_list {
    yyjson_mut_doc *doc;
    yyjson_mut_val *list;
};

static void add_difference(void *context, const char *what, const char *found, const char *wanted)
{
    struct json_list *json = context;
    yyjson_mut_val *item = yyjson_mut_arr_add_obj(json->doc, json->list);
    yyjson_mut_obj_add_strcpy(json->doc, item, "what", what);
    yyjson_mut_obj_add_strcpy(json->doc, item, "is", found);
    yyjson_mut_obj_add_strcpy(json->doc, item, "should_be", wanted);
}

static void json_entry(yyjson_mut_doc *doc, yyjson_mut_val *list, const struct topic_plan *plan,
                       unsigned index, const struct outcome *outcome)
{
    const struct topic_plan_entry *entry = &plan->entries[index];
    yyjson_mut_val *item = yyjson_mut_arr_add_obj(doc, list);
    yyjson_mut_obj_add_strn(doc, item, "topic", entry->topic.data, entry->topic.size);
    yyjson_mut_obj_add_str(doc, item, "role", topic_plan_role_name(entry->role));
    yyjson_mut_obj_add_bool(doc, item, "reads", entry->reads);
    yyjson_mut_obj_add_bool(doc, item, "writes", entry->writes);
    bool there = outcome && outcome->found[index].exists;
    yyjson_mut_obj_add_int(doc, item, "partitions",
                           there ? outcome->found[index].partitions : entry->partitions);
    if (entry->replication == TOPIC_PLAN_REPLICATION_BROKER)
        yyjson_mut_obj_add_null(doc, item, "replication");
    else
        yyjson_mut_obj_add_int(doc, item, "replication", entry->replication);
    yyjson_mut_val *settings = yyjson_mut_obj_add_obj(doc, item, "settings");
    for (unsigned i = 0; i < entry->setting_count; i++)
        yyjson_mut_obj_add_str(doc, settings, entry->settings[i].name, entry->settings[i].value);
    if (!outcome)
        return;
    yyjson_mut_obj_add_str(doc, item, "state", state_name(outcome, index));
    if (is_failure(outcome, index) && !outcome->found[index].refused)
        yyjson_mut_obj_add_str(doc, item, "why", outcome->results[index].why);
    yyjson_mut_obj_add_int(doc, item, "births_added", outcome->births[index]);
    struct json_list differences = {doc, yyjson_mut_obj_add_arr(doc, item, "differs")};
    if (outcome->found[index].exists)
        visit_differences(entry, &outcome->found[index], add_difference, &differences);
}

static void print_json(const struct topic_plan *plan, const struct outcome *outcome)
{
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    ensure(doc != NULL);
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    yyjson_mut_doc_set_root(doc, root);
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(doc, root, "topics");
    for (unsigned i = 0; i < plan->count; i++)
        json_entry(doc, list, plan, i, outcome);
    (void)yyjson_mut_write_fp(stdout, doc, YYJSON_WRITE_PRETTY, NULL, NULL);
    putchar('\n');
    yyjson_mut_doc_free(doc);
}

/* ---- the two commands ---- */

static int finish(const struct error *error, bool fine)
{
    if (fflush(stdout) != 0)
        return EXIT_STATUS_IO;
    return fine ? EXIT_STATUS_DONE : argument_failure("topics", error);
}

static int show_plan(const struct config *config, const struct topics_wish *wish)
{
    struct topic_plan plan;
    struct error error = {0};
    if (!topic_plan_init(&plan, config, &wish->plan, &error))
        return argument_failure("topics", &error);
    if (wish->json)
        print_json(&plan, NULL);
    else
        print_plan(&plan, wish);
    topic_plan_release(&plan);
    return finish(&error, true);
}

/* Of one that is there, what is missing is no reason to fail: without birth records only its snapshot is of no use. */
static void complete_births(const struct config *config, const struct topic_plan_entry *entry,
                            const struct kafka_topic_found *found, int32_t *out_written)
{
    struct error error = {0};
    bool fine = kafka_births_complete(config, entry->topic.data, found->partitions, TIMEOUT_MS,
                                      consent_progress(), out_written, &error);
    consent_progress_end();
    if (!fine)
        fprintf(
            stderr,
            "clickveil topics: warning: %s: birth records could not be looked for and added (%s); without "
            "them no snapshot of consent is reused: grant Read and Write on it, then run this again\n",
            entry->topic.data, error.what);
}

/* The consent topic is recognised by its birth records (spec 3, rule 11). */
static bool write_births(const struct config *config, const struct topic_plan *plan,
                         const struct outcome *outcome, struct error *error)
{
    for (unsigned i = 0; i < plan->count; i++) {
        const struct topic_plan_entry *entry = &plan->entries[i];
        if (entry->role != TOPIC_CONSENT || outcome->found[i].refused)
            continue;
        if (outcome->found[i].exists) {
            complete_births(config, entry, &outcome->found[i], &outcome->births[i]);
            continue;
        }
        if (outcome->results[i].made == KAFKA_TOPIC_MADE &&
            !kafka_births_write(config, entry->topic.data, entry->partitions, TIMEOUT_MS, error)) {
            error_at(error, "%s", entry->topic.data);
            error_advise(error, "without birth records no snapshot of consent is reused: grant Write on the "
                                "topic, and run this again");
            return false;
        }
    }
    return true;
}

static bool is_unseen(const struct outcome *outcome, unsigned index)
{
    return !outcome->found[index].exists && outcome->results[index].made == KAFKA_TOPIC_THERE;
}

/* A topic that somebody made a moment ago exists for the controller before every broker has heard of it: it was not
 * found, and could not be made either. Look until it is seen, so that it is compared like any other. */
static bool see_the_unseen(struct kafka_topics *topics, const struct topic_plan *plan,
                           struct outcome *outcome, struct error *error)
{
    enum { PAUSE_MS = 50 };
    struct kafka_topic_found *again = calloc(plan->count, sizeof *again);
    if (!again)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for the topics");
    unsigned unseen = 0;
    for (unsigned i = 0; i < plan->count; i++)
        unseen += is_unseen(outcome, i);
    bool fine = true;
    int64_t deadline_ms = clock_monotonic_ms() + TIMEOUT_MS;
    while (unseen && clock_monotonic_ms() < deadline_ms) {
        clock_sleep_ms(PAUSE_MS);
        memset(again, 0, plan->count * sizeof *again);
        *error = (struct error){0};
        fine = kafka_topics_find(topics, plan, again, error); /* fails, too, while a leader is being chosen */
        for (unsigned i = 0; fine && i < plan->count; i++) {
            if (!is_unseen(outcome, i) || !again[i].exists)
                continue;
            outcome->found[i] = again[i];
            unseen--;
        }
    }
    free(again);
    return fine &&
           (unseen == 0 || error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "run this again",
                                      "a topic that exists is not seen by the broker that was asked"));
}

static bool make_topics(const struct config *config, struct kafka_topics *topics,
                        const struct topic_plan *plan, bool json, struct error *error)
{
    struct outcome outcome = {
        .found = calloc(plan->count, sizeof *outcome.found),
        .results = calloc(plan->count, sizeof *outcome.results),
        .births = calloc(plan->count, sizeof *outcome.births),
    };
    bool fine = outcome.found && outcome.results && outcome.births;
    if (!fine)
        (void)error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for the topics");
    fine = fine && kafka_topics_find(topics, plan, outcome.found, error) &&
           kafka_topics_make(topics, plan, outcome.found, outcome.results, error) &&
           see_the_unseen(topics, plan, &outcome, error) && write_births(config, plan, &outcome, error);
    if (fine && json)
        print_json(plan, &outcome);
    else if (fine)
        print_outcome(plan, &outcome);
    for (unsigned i = 0; fine && i < plan->count; i++) {
        if (is_failure(&outcome, i))
            fine = error_fail(error, EXIT_STATUS_UNAVAILABLE, plan->entries[i].topic.data,
                              "see what the broker says about it, then run this again: what is there stays",
                              "not every topic is there");
    }
    free(outcome.found);
    free(outcome.results);
    free(outcome.births);
    return fine;
}

static int create(const struct config *config, struct topics_wish *wish)
{
    struct error error = {0};
    struct topic_plan plan = {0};
    struct kafka_topic_found input;
    struct kafka_topics *topics = kafka_topics_new(config, TIMEOUT_MS, &error);
    const char *input_topic = config_topic(config, config_input_topic(config), 0).data;
    bool fine = topics && kafka_topics_look(topics, input_topic, &input, &error);
    if (fine) {
        wish->plan.input_partitions = input.exists ? input.partitions : 0;
        fine = topic_plan_init(&plan, config, &wish->plan, &error) &&
               make_topics(config, topics, &plan, wish->json, &error);
    }
    topic_plan_release(&plan);
    kafka_topics_free(topics);
    return finish(&error, fine);
}

static bool parse_number(const char *text, int maximum, int *out_number)
{
    uint64_t number;
    if (!text)
        return true;
    if (!argument_count(text, &number) || number < 1 || number > (uint64_t)maximum)
        return false;
    *out_number = (int)number;
    return true;
}

static int run_topics(const char *verb, struct topics_wish *wish)
{
    struct error error = {0};
    struct config *config = argument_config(wish->config, NULL, &wish->overrides, &error);
    if (!config)
        return argument_failure("topics", &error);
    log_init(LOG_FORMAT_TEXT, LOG_LEVEL_NONE); /* what fails is said once, by us */
    int status = strcmp(verb, "plan") == 0 ? show_plan(config, wish) : create(config, wish);
    config_free(config);
    return status;
}

int command_topics(int argc, char **argv)
{
    struct topics_wish wish = {0};
    const struct argument options[] = {
        {.name = "config",
         .letter = 'c',
         .value = "FILE",
         .help = "the configuration whose topics are meant; of a cut, those that its stages read or write",
         .text = &wish.config},
        {.name = "set",
         .letter = 's',
         .value = "PATH=VALUE",
         .help = "override an option of the configuration",
         .list = &wish.overrides},
        {.name = "partitions",
         .letter = 'p',
         .value = "N",
         .help = "partitions of topics that are missing (by default as many as the input has, else 4); dead "
                 "letters have one, and the state always as many as the input",
         .text = &wish.partitions},
        {.name = "replication",
         .letter = 'r',
         .value = "N",
         .help = "replicas of each partition (by default the broker's default.replication.factor)",
         .text = &wish.replication},
        {.name = "json", .help = "print the answer as JSON", .flag = &wish.json},
        {0},
    };
    const struct argument_table table = {
        .command = "topics",
        .usage = "plan --config FILE [--partitions N] [--replication N] [--json]\n"
                 "create --config FILE [--partitions N] [--replication N] [--json]",
        .about = "plan prints every topic that the configuration needs, with partitions, retention and "
                 "compaction, without asking a broker. create makes those that are missing; of those that "
                 "exist it says what differs, and changes nothing.",
        .arguments = options,
        .operands_min = 1,
        .operands_max = 1,
    };
    int operand;
    enum argument_result result = argument_parse(&table, argc, argv, &operand);
    if (result != ARGUMENT_GO)
        return result == ARGUMENT_HELP ? EXIT_STATUS_DONE : EXIT_STATUS_USAGE;
    if (strcmp(argv[operand], "plan") != 0 && strcmp(argv[operand], "create") != 0)
        return argument_wrong(&table, "write plan or create, not '%.64s'", argv[operand]);
    if (!wish.config)
        return argument_wrong(&table, "--config is missing");
    int partitions = 0;
    if (!parse_number(wish.partitions, TOPIC_PLAN_PARTITIONS_MAX, &partitions))
        return argument_wrong(&table, "--partitions is a number from 1 to %d", TOPIC_PLAN_PARTITIONS_MAX);
    if (!parse_number(wish.replication, TOPIC_PLAN_REPLICATION_MAX, &wish.plan.replication))
        return argument_wrong(&table, "--replication is a number from 1 to %d", TOPIC_PLAN_REPLICATION_MAX);
    wish.plan.partitions = partitions;
    return run_topics(argv[operand], &wish);
}
