/*
 * The tables of the sections that belong to no stage, and how a configuration comes together.
 *
 * config_load makes one table of the process's own options and one section per stage of the registry, and one piece of
 * memory behind it: struct config first, each stage's options struct after it. So parsing, overrides, lint and the
 * reference treat stages like any other section, and this file knows none of them by name.
 */
#include "common/config.h"

#include "common/config_kafka.h"
#include "common/document.h"
#include "common/lint.h"
#include "common/stage.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    STAGES_MAX = 16,
    ARENA_BLOCK_SIZE = 64 * 1024,
    ARENA_SIZE_MAX = 256 * 1024 * 1024,
};

/* What config_load allocates; stages' structs stand behind it. */
struct root {
    struct config config; /* first: the options' offsets count from here */
    struct arena arena;
    void *stage_options[STAGES_MAX];
};

/* ---- tables ---- */

static bool judge_name(struct view text, char *why, size_t why_size)
{
    bool good = text.size > 0 && text.size <= 128;
    for (size_t i = 0; good && i < text.size; i++) {
        char c = text.data[i];
        good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
               c == '_' || c == '-';
    }
    if (!good)
        snprintf(why, why_size, "a name here has 1 to 128 letters, digits, . _ and -");
    return good;
}

static bool judge_address(struct view text, char *why, size_t why_size)
{
    unsigned char address[16];
    char quoted[LINT_QUOTE_SIZE];
    if (inet_pton(AF_INET, text.data, address) == 1 || inet_pton(AF_INET6, text.data, address) == 1)
        return true;
    snprintf(why, why_size, "%s is not an IP address; write one as in 127.0.0.1 or ::1",
             lint_quote(text, quoted));
    return false;
}

/* In the order of enum identifier_kind; imei and maid are kinds of devices. */
static const char *const subscriber_kinds[] = {"", "e164", "imsi", "opaque", NULL};
static const char *const partitioners[] = {"", "murmur2", "crc32", "trusted", NULL};
static const char *const key_spellings[] = {"", "plus", "digits", NULL};
static const char *const log_formats[] = {"", "auto", "text", "json", NULL};
static const char *const log_levels[] = {"", "error", "warning", "info", "debug", NULL};

/* Our names of an event's fields (spec 2). */
static const char *const field_names[] = {
    "",          "type",         "time",   "subscriber", "account",    "device",     "device.kind",
    "device.id", "brand",        "region", "plan",       "birth_year", "url",        "host",
    "app",       "preinstalled", "gpc",    "gpp",        "gpp_sid",    "us_privacy", NULL};

#define TOPIC(field, default_name, words)                                                       \
    {                                                                                           \
        .name = #field, .type = OPTION_STRING, .offset = offsetof(struct config_topics, field), \
        .default_text = default_name, .judge = option_judge_topic, .help = words                \
    }

static const struct option topics_options[] = {
    TOPIC(events, "clickstream.events", "Input: one JSON object a record, keyed by the line."),
    TOPIC(consent, "subscriber.consent", "Stored choices; compacted."),
    TOPIC(dead_letters, "clickveil.dead-letters", "Inputs that could not be processed, sealed."),
    TOPIC(retractions, "clickveil.retractions",
          "Choices that turned to out, on their way to what was published."),
    TOPIC(consent_out, "clickveil.consented",
          "Between consent and the next stage, where the chain is cut there."),
    TOPIC(pseudonymize_out, "clickveil.pseudonymized", "Between pseudonymize and the next stage."),
    TOPIC(classify_out, "clickveil.classified", "Between classify and the next stage."),
    TOPIC(state, "clickveil.state", "Changelog of what publish must remember; compacted."),
    {0},
};

static const struct option_table topics_table = {
    .name = "topics",
    .summary = "Names of topics by role. Feeds have their own in `publish.feeds`.",
    .size = sizeof(struct config_topics),
    .options = topics_options,
};

static const struct option subscriber_options[] = {
    {.name = "kind",
     .type = OPTION_ENUM,
     .offset = offsetof(struct config_subscriber, kind),
     .required = true,
     .choices = subscriber_kinds,
     .help =
         "What identifies a line, in events and consent keys alike: a phone number, an IMSI, or any text."},
    {0},
};

static const struct option_table subscriber_table = {
    .name = "subscriber",
    .summary = "How a line is identified.",
    .size = sizeof(struct config_subscriber),
    .options = subscriber_options,
};

static const struct option input_options[] = {
    {.name = "fields",
     .type = OPTION_MAP,
     .offset = offsetof(struct config_input, fields),
     .choices = field_names,
     .help = "The operator's names of fields: ours to the dotted path in the event's JSON."},
    {.name = "events_partitioner",
     .type = OPTION_ENUM,
     .offset = offsetof(struct config_input, events_partitioner),
     .choices = partitioners,
     .default_text = "murmur2",
     .help = "How the events' producer chose partitions, by which wrong ones are found: `murmur2` (Java), "
             "`crc32` "
             "(librdkafka), `trusted` (not checked)."},
    {.name = "events_key",
     .type = OPTION_ENUM,
     .offset = offsetof(struct config_input, events_key),
     .choices = key_spellings,
     .default_text = "plus",
     .help =
         "How the key of an event writes a phone number: `plus` (+12025550123) or `digits` (12025550123). "
         "Any other spelling is a dead letter `wrong_partition`, for it could put one person in two "
         "partitions. An IMSI or opaque line is its own only spelling."},
    {.name = "record_max",
     .type = OPTION_SIZE,
     .offset = offsetof(struct config_input, record_bytes_max),
     .default_text = "64KiB",
     .minimum = "1KiB",
     .maximum = "1MiB",
     .help = "Longer events are dead letters."},
    {.name = "future_max",
     .type = OPTION_DURATION,
     .offset = offsetof(struct config_input, future_max_ms),
     .default_text = "1d",
     .minimum = "0",
     .maximum = "30d",
     .help = "An event whose time is further ahead of its Kafka timestamp is a dead letter."},
    {.name = "late_max",
     .type = OPTION_DURATION,
     .offset = offsetof(struct config_input, late_max_ms),
     .default_text = "2d",
     .minimum = "1m",
     .maximum = "30d",
     .help = "An event whose time is further behind its Kafka timestamp is dropped as `too_late`; epochs "
             "live on that "
             "long."},
    {0},
};

static const struct option_table input_table = {
    .name = "input",
    .summary = "How events are read.",
    .size = sizeof(struct config_input),
    .options = input_options,
};

static const struct option dead_letters_options[] = {
    {.name = "public_key",
     .type = OPTION_PATH,
     .offset = offsetof(struct config_dead_letters, public_key),
     .judge = option_judge_key_source,
     .help = "File of the operator's public key (`clickveil keygen`), to which dead letters are sealed. "
             "Without it only "
             "their reason and origin are kept."},
    {0},
};

static const struct option_table dead_letters_table = {
    .name = "dead_letters",
    .summary = "What is kept of inputs that could not be processed.",
    .size = sizeof(struct config_dead_letters),
    .options = dead_letters_options,
};

static const struct option named_fields_options[] = {
    {.name = "key",
     .type = OPTION_PATH,
     .offset = offsetof(struct config_named_fields, key),
     .judge = option_judge_key_source,
     .help =
         "Key under which the fields that programmes name travel from pseudonymize to publish: a file made "
         "by "
         "`clickveil keygen`, `credential:NAME` or `fd:N`; the same key for both. Needed where a programme "
         "names fields."},
    {0},
};

static const struct option_table named_fields_table = {
    .name = "named_fields",
    .summary = "How the fields that programmes name travel to publish.",
    .size = sizeof(struct config_named_fields),
    .options = named_fields_options,
};

static const struct option runtime_options[] = {
    {.name = "commit_interval",
     .type = OPTION_DURATION,
     .offset = offsetof(struct config_runtime, commit_interval_ms),
     .default_text = "100ms",
     .minimum = "1ms",
     .maximum = "10s",
     .help = "How long a transaction stays open: longer ones cost less, shorter ones show results earlier."},
    {.name = "batch_records_max",
     .type = OPTION_INTEGER,
     .offset = offsetof(struct config_runtime, batch_records_max),
     .default_text = "100000",
     .minimum = "1",
     .maximum = "1000000",
     .help = "Records in one transaction at most."},
    {.name = "memory_max",
     .type = OPTION_SIZE,
     .offset = offsetof(struct config_runtime, memory_bytes_max),
     .default_text = "64MiB",
     .minimum = "4MiB",
     .maximum = "16GiB",
     .help = "Memory of a worker for one transaction's records; a fuller transaction is committed early."},
    {.name = "queue_max",
     .type = OPTION_SIZE,
     .offset = offsetof(struct config_runtime, queue_bytes_max),
     .default_text = "32MiB",
     .minimum = "1MiB",
     .maximum = "2GiB",
     .help = "Records that a worker's consumer fetches ahead."},
    {.name = "transaction_timeout",
     .type = OPTION_DURATION,
     .offset = offsetof(struct config_runtime, transaction_timeout_ms),
     .default_text = "15s",
     .minimum = "10s",
     .maximum = "60s",
     .help = "When the broker aborts the transaction of a worker that went silent; until then readers of its "
             "partitions "
             "wait."},
    {.name = "shutdown_timeout",
     .type = OPTION_DURATION,
     .offset = offsetof(struct config_runtime, shutdown_timeout_ms),
     .default_text = "30s",
     .minimum = "1s",
     .maximum = "10m",
     .help = "How long a drain may take after the first SIGTERM."},
    {.name = "static",
     .type = OPTION_BOOL,
     .offset = offsetof(struct config_runtime, static_membership),
     .default_text = "false",
     .help = "Static group membership: a restart within the session keeps its partitions, but who leaves for "
             "good is "
             "missed only when the session lapses."},
    {0},
};

static void check_runtime(const void *value, struct lint *lint)
{
    const struct config_runtime *runtime = value;
    if (runtime->commit_interval_ms * 2 > runtime->transaction_timeout_ms)
        lint_report(lint, LINT_ERROR, lint_place(lint, &runtime->commit_interval_ms),
                    "commit_interval must be at most half of transaction_timeout, or transactions time out");
}

static const struct option_table runtime_table = {
    .name = "runtime",
    .summary = "Transactions, memory and membership of a worker.",
    .size = sizeof(struct config_runtime),
    .options = runtime_options,
    .check = check_runtime,
};

static const struct option http_options[] = {
    {.name = "enabled",
     .type = OPTION_BOOL,
     .offset = offsetof(struct config_http, enabled),
     .default_text = "true",
     .help = "Serve `/metrics`, `/livez`, `/readyz` and `/statusz`."},
    {.name = "address",
     .type = OPTION_STRING,
     .offset = offsetof(struct config_http, address),
     .default_text = "127.0.0.1",
     .judge = judge_address,
     .help = "IP address to listen on; anything but loopback shows counters to the network."},
    {.name = "port",
     .type = OPTION_INTEGER,
     .offset = offsetof(struct config_http, port),
     .default_text = "9464",
     .minimum = "0",
     .maximum = "65535",
     .help = "TCP port; 0 takes a free one and logs it."},
    {0},
};

static const struct option_table http_table = {
    .name = "http",
    .summary = "Metrics and health.",
    .size = sizeof(struct config_http),
    .options = http_options,
};

static const struct option log_options[] = {
    {.name = "format",
     .type = OPTION_ENUM,
     .offset = offsetof(struct config_log, format),
     .choices = log_formats,
     .default_text = "auto",
     .help = "`auto` is text on a terminal and JSON lines otherwise."},
    {.name = "level",
     .type = OPTION_ENUM,
     .offset = offsetof(struct config_log, level),
     .choices = log_levels,
     .default_text = "info",
     .help = "The least important lines that are written."},
    {0},
};

static const struct option_table log_table = {
    .name = "log",
    .summary = "Log lines on standard error.",
    .size = sizeof(struct config_log),
    .options = log_options,
};

#define STRING_OF(number)  STRING_OF_(number)
#define STRING_OF_(number) #number
#define PROGRAMMES_MAX     15
_Static_assert(PROGRAMMES_MAX == RECORD_PROGRAMMES_MAX, "the bound stands in a table as text");

static const struct option main_options[] = {
    {.name = "kafka",
     .type = OPTION_MAP,
     .offset = offsetof(struct config, kafka),
     .judge = config_kafka_judge_name,
     .help = "Any librdkafka property, such as `bootstrap.servers`; those that would break a guarantee are "
             "refused with "
             "the reason."},
    {.name = "stages",
     .type = OPTION_STRING_LIST,
     .offset = offsetof(struct config, stage_names),
     .default_help = "all of them",
     .minimum = "1",
     .help = "The stages that this process runs: a contiguous part of the chain, in its order."},
    {.name = "workers",
     .type = OPTION_INTEGER,
     .offset = offsetof(struct config, workers),
     .default_text = "1",
     .minimum = "1",
     .maximum = "256",
     .help = "Threads, each with its own consumer, producer and share of the partitions."},
    {.name = "pipeline",
     .type = OPTION_STRING,
     .offset = offsetof(struct config, pipeline),
     .judge = judge_name,
     .default_text = "clickveil",
     .help = "First part of the consumer group's and the transactional producers' names, the same for every "
             "process of "
             "one pipeline. Two pipelines on one cluster need two names."},
    {.name = "instance",
     .type = OPTION_STRING,
     .offset = offsetof(struct config, instance),
     .judge = judge_name,
     .default_help = "the host name",
     .help = "Names `transactional.id`: stable over restarts, different for each process that runs the same "
             "stages."},
    {.name = "topics",
     .type = OPTION_GROUP,
     .offset = offsetof(struct config, topics),
     .table = &topics_table,
     .help = "Names of topics by role."},
    {.name = "programmes",
     .type = OPTION_FILE_LIST,
     .offset = offsetof(struct config, programmes),
     .table = &programme_option_table,
     .required = true,
     .minimum = "1",
     .maximum = STRING_OF(PROGRAMMES_MAX),
     .unique = "programme",
     .help = "Files of the programmes that events can pass for."},
    {.name = "subscriber",
     .type = OPTION_GROUP,
     .offset = offsetof(struct config, subscriber),
     .table = &subscriber_table,
     .required = true,
     .help = "How a line is identified."},
    {.name = "input",
     .type = OPTION_GROUP,
     .offset = offsetof(struct config, input),
     .table = &input_table,
     .required = true,
     .help = "How events are read."},
    {.name = "dead_letters",
     .type = OPTION_GROUP,
     .offset = offsetof(struct config, dead_letters),
     .table = &dead_letters_table,
     .required = true,
     .help = "What is kept of inputs that could not be processed."},
    {.name = "named_fields",
     .type = OPTION_GROUP,
     .offset = offsetof(struct config, named_fields),
     .table = &named_fields_table,
     .required = true,
     .help = "How the fields that programmes name travel to publish."},
    {.name = "runtime",
     .type = OPTION_GROUP,
     .offset = offsetof(struct config, runtime),
     .table = &runtime_table,
     .required = true,
     .help = "Transactions, memory and membership of a worker."},
    {.name = "http",
     .type = OPTION_GROUP,
     .offset = offsetof(struct config, http),
     .table = &http_table,
     .required = true,
     .help = "Metrics and health."},
    {.name = "log",
     .type = OPTION_GROUP,
     .offset = offsetof(struct config, log),
     .table = &log_table,
     .required = true,
     .help = "Log lines on standard error."},
    {0},
};

enum { MAIN_OPTIONS = sizeof main_options / sizeof main_options[0] - 1 };

/* The whole table: the process's own options and one section per stage. */
struct whole {
    struct option options[MAIN_OPTIONS + STAGES_MAX + 1];
    struct option_table table;
};

static size_t aligned(size_t size)
{
    return (size + _Alignof(max_align_t) - 1) / _Alignof(max_align_t) * _Alignof(max_align_t);
}

static void whole_init(struct whole *whole, const struct stage *const *stages)
{
    *whole = (struct whole){.table = {.name = "the configuration", .size = aligned(sizeof(struct root))}};
    memcpy(whole->options, main_options, sizeof main_options);
    struct option *next = whole->options + MAIN_OPTIONS;
    for (unsigned i = 0; stages[i]; i++) {
        ensure(i < STAGES_MAX);
        if (!stages[i]->options)
            continue;
        *next++ = (struct option){.name = stages[i]->name,
                                  .type = OPTION_GROUP,
                                  .offset = whole->table.size,
                                  .table = stages[i]->options,
                                  .help = stages[i]->summary};
        whole->table.size = aligned(whole->table.size + stages[i]->options->size);
    }
    whole->table.options = whole->options;
}

static struct option *whole_section(struct whole *whole, const char *stage_name)
{
    for (struct option *option = whole->options + MAIN_OPTIONS; option->name; option++) {
        if (strcmp(option->name, stage_name) == 0)
            return option;
    }
    return NULL;
}

/* ---- stages ---- */

static int stage_index(const struct stage *const *stages, struct view name)
{
    for (int i = 0; stages[i]; i++) {
        if (view_equal_string(name, stages[i]->name))
            return i;
    }
    return -1;
}

/* A stage that this process runs needs its section's required options; the others' sections may be absent. Where the
 * section of one that runs is absent, an empty one stands in for it at the place where the stage is named, so that what
 * it lacks is reported there. False: memory is short. */
static bool require_sections(struct whole *whole, const struct stage *const *stages,
                             struct document_node *file, struct lint *lint)
{
    const struct document_node *list = document_child(file, VIEW("stages"));
    for (unsigned i = 0; stages[i]; i++) {
        struct view name = view_of_string(stages[i]->name);
        struct option *section = whole_section(whole, stages[i]->name);
        const struct document_node *named = list && list->kind == DOCUMENT_LIST ? list->first : NULL;
        while (named && !view_equal(named->text, name))
            named = named->next;
        if (!section)
            continue;
        section->required = named || !list || list->kind != DOCUMENT_LIST;
        if (!section->required || file->kind != DOCUMENT_MAP || document_child(file, name))
            continue;
        struct document_node *empty =
            document_node_new(lint, DOCUMENT_NULL, named ? &named->place : &file->place);
        if (!empty)
            return false;
        empty->key = name;
        empty->key_place = empty->place;
        document_append(file, empty);
    }
    return true;
}

static void report_stage(const struct stage *const *stages, const struct view *name, struct lint *lint)
{
    char quoted[LINT_QUOTE_SIZE], suggested[LINT_QUOTE_SIZE + 20], chain[256] = "";
    struct lint_suggestion suggestion = lint_suggest(*name);
    size_t used = 0;
    for (unsigned i = 0; stages[i]; i++) {
        lint_suggest_candidate(&suggestion, view_of_string(stages[i]->name));
        int size = snprintf(chain + used, sizeof chain - used, "%s%s", i ? ", " : "", stages[i]->name);
        if (size > 0 && used + (size_t)size < sizeof chain)
            used += (size_t)size;
    }
    lint_report(lint, LINT_ERROR, lint_place(lint, name), "stages: %s is not a stage%s (the chain is %s)",
                lint_quote(*name, quoted), lint_suggestion_text(&suggestion, suggested), chain);
}

/* Which part of the registry runs. The order is fixed; the cut is configuration (spec 7). */
static void find_stages(struct config *config, struct lint *lint)
{
    const struct stage *const *stages = config->stages;
    const struct view *names = config->stage_names.items;
    int last = -1;
    bool first = true;
    for (unsigned i = 0; i < config->stage_names.count; i++) {
        int index = stage_index(stages, names[i]);
        if (index < 0) {
            report_stage(stages, &names[i], lint);
            continue;
        }
        if (first)
            config->first_stage = (unsigned)index;
        else if (index < last)
            lint_report(lint, LINT_ERROR, lint_place(lint, &names[i]),
                        "stages: '%s' comes before '%s' in the chain, whose order is fixed",
                        stages[index]->name, stages[last]->name);
        else if (index > last + 1)
            lint_report(lint, LINT_ERROR, lint_place(lint, &names[i]),
                        "stages: '%s' does not follow '%s'; '%s' is between them, and a process runs a "
                        "contiguous part "
                        "of the chain",
                        stages[index]->name, stages[last]->name, stages[last + 1]->name);
        config->last_stage = (unsigned)index;
        last = index;
        first = false;
    }
}

static bool default_stages(struct config *config, struct lint *lint)
{
    if (config->stage_names.set)
        return true;
    unsigned count = 0;
    while (config->stages[count])
        count++;
    struct view *names = arena_take(lint->arena, (count ? count : 1) * sizeof *names);
    if (!names)
        return false;
    for (unsigned i = 0; i < count; i++)
        names[i] = view_of_string(config->stages[i]->name);
    config->stage_names = (struct option_list){.items = names, .count = count};
    return true;
}

/* ---- the rest ---- */

static bool default_instance(struct config *config, struct lint *lint)
{
    if (!view_is_absent(config->instance))
        return true;
    char name[256] = "", why[LINT_TEXT_SIZE];
    if (gethostname(name, sizeof name - 1) != 0 || !judge_name(view_of_string(name), why, sizeof why))
        snprintf(name, sizeof name, "clickveil");
    char *copy = arena_take(lint->arena, strlen(name) + 1);
    if (!copy)
        return false;
    memcpy(copy, name, strlen(name) + 1);
    config->instance = view_of_string(copy);
    return true;
}

/* Two roles on one topic would read each other's records. */
struct topic_walk {
    struct lint *lint;
    struct {
        const struct option *option;
        const struct view *topic;
    } seen[128];
    unsigned count;
};

static void visit_topic(const struct option *option, const void *member, void *context)
{
    struct topic_walk *walk = context;
    if (option->type != OPTION_STRING || option->judge != option_judge_topic)
        return;
    const struct view *topic = member;
    if (view_is_absent(*topic))
        return;
    for (unsigned i = 0; i < walk->count; i++) {
        if (!view_equal(*walk->seen[i].topic, *topic))
            continue;
        char quoted[LINT_QUOTE_SIZE];
        const struct option_place *other = lint_place(walk->lint, walk->seen[i].topic);
        lint_report(walk->lint, LINT_ERROR, lint_place(walk->lint, topic),
                    "topic %s is used twice, as '%s' (line %u) and as '%s'; each needs its own",
                    lint_quote(*topic, quoted), walk->seen[i].option->name, other ? other->line : 0,
                    option->name);
        return;
    }
    if (walk->count < sizeof walk->seen / sizeof walk->seen[0]) {
        walk->seen[walk->count].option = option;
        walk->seen[walk->count++].topic = topic;
    }
}

/* Who seals or opens named fields needs the key. */
static void check_named_fields(const struct config *config, struct lint *lint)
{
    bool runs = false;
    for (unsigned i = config->first_stage; i <= config->last_stage && config->stages[i]; i++)
        runs = runs || config->stages[i]->named_fields;
    for (unsigned i = 0; runs && view_is_absent(config->named_fields.key) && i < config->programmes.count;
         i++) {
        const struct programme *programme = config_programme(config, i);
        char quoted[LINT_QUOTE_SIZE];
        if (programme->fields.count > 0)
            lint_report(lint, LINT_ERROR, lint_place(lint, &programme->fields),
                        "programme %s names fields, which travel sealed: name their key in named_fields.key",
                        lint_quote(programme->name, quoted));
    }
}

static void lint_whole(struct config *config, const struct whole *whole, const struct document_node *file,
                       struct lint *lint)
{
    find_stages(config, lint);
    config_kafka_check(config, lint);
    check_named_fields(config, lint);
    struct topic_walk walk = {.lint = lint};
    option_walk(&whole->table, config, visit_topic, &walk);
    option_check_all(lint);
    for (unsigned i = 0; config->stages[i]; i++) {
        const struct stage *stage = config->stages[i];
        bool runs = i >= config->first_stage && i <= config->last_stage;
        if (!stage->lint || !(runs || document_child(file, view_of_string(stage->name))))
            continue;
        if (stage->options)
            lint_at_group(lint, config->stage_options[i]);
        stage->lint(config, config->stage_options[i], lint);
        lint_at_group(lint, NULL);
    }
}

static bool apply_overrides(const struct whole *whole, struct document_node *file,
                            const struct config_override *overrides, unsigned count, struct lint *lint)
{
    for (unsigned i = 0; i < count; i++) {
        if (!option_override(&whole->table, file, overrides[i].text, i + 1, lint))
            return false;
    }
    return true;
}

/* Everything from the file on. False: memory is short. Mistakes are in lint. */
static bool load(struct root *root, struct whole *whole, const char *file_name,
                 const struct config_override *overrides, unsigned override_count, struct lint *lint)
{
    struct config *config = &root->config;
    struct document_node *file = document_read(file_name, NULL, lint);
    if (!file)
        return !lint->memory_short;
    if (file->kind == DOCUMENT_NULL) {
        struct option_place place = {.file = file_name};
        lint_report(lint, LINT_ERROR, &place, "the file is empty; config/pipeline.yaml is an example");
        return true;
    }
    if (!apply_overrides(whole, file, overrides, override_count, lint) ||
        !require_sections(whole, config->stages, file, lint))
        return false;
    unsigned before = lint->error_count;
    if (!option_fill(&whole->table, file, config, file_name, lint) || !default_stages(config, lint) ||
        !default_instance(config, lint))
        return false;
    /* What is no mapping at all has been said; its defaults are nobody's mistake. */
    if (file->kind == DOCUMENT_MAP || lint->error_count == before)
        lint_whole(config, whole, file, lint);
    return !lint->memory_short;
}

static struct root *root_new(const struct whole *whole, const struct stage *const *stages,
                             struct error *error)
{
    struct root *root = calloc(1, whole->table.size);
    if (!root) {
        (void)error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory",
                         "no memory for the configuration");
        return NULL;
    }
    if (!arena_init(&root->arena, ARENA_BLOCK_SIZE, ARENA_SIZE_MAX, error)) {
        free(root);
        return NULL;
    }
    root->config.stages = stages;
    root->config.stage_options = root->stage_options;
    const struct option *section = whole->options + MAIN_OPTIONS;
    for (unsigned i = 0; stages[i]; i++) {
        if (stages[i]->options)
            root->stage_options[i] = (char *)root + section++->offset;
    }
    return root;
}

struct config *config_load(const char *file, const struct stage *const *stages,
                           const struct config_override *overrides, unsigned override_count, FILE *report,
                           struct error *error)
{
    struct whole whole;
    struct lint lint;
    whole_init(&whole, stages);
    struct root *root = root_new(&whole, stages, error);
    if (!root)
        return NULL;
    lint_init(&lint, &root->arena);
    struct view name = VIEW_ABSENT;
    char *copy = arena_take(&root->arena, strlen(file) + 1);
    bool loaded = false;
    if (copy) {
        memcpy(copy, file, strlen(file) + 1);
        name = view_of_string(copy);
        root->config.file = copy;
        loaded = load(root, &whole, name.data, overrides, override_count, &lint);
    }
    lint_write(&lint, report);
    if (loaded && lint.error_count == 0)
        return &root->config;
    if (!loaded)
        (void)error_fail(error, EXIT_STATUS_UNAVAILABLE, file, "free memory",
                         "no memory for the configuration");
    else
        (void)error_fail(error, EXIT_STATUS_CONFIGURATION, file, NULL, "%u mistake%s in the configuration",
                         lint.error_count, lint.error_count == 1 ? "" : "s");
    config_free(&root->config);
    return NULL;
}

void config_free(struct config *config)
{
    if (!config)
        return;
    struct root *root = (struct root *)config;
    arena_release(&root->arena);
    free(root);
}

int config_programme_index(const struct config *config, struct view name)
{
    for (unsigned i = 0; i < config->programmes.count; i++) {
        if (view_equal(config_programme(config, i)->name, name))
            return (int)i;
    }
    return -1;
}

void config_reference_write(const struct stage *const *stages, FILE *out)
{
    struct whole whole;
    whole_init(&whole, stages);
    fputs("# Configuration\n\n"
          "All options, made from the tables that also parse and check them (`clickveil check --reference`). "
          "`clickveil check --config FILE` finds every mistake in one run.\n\n"
          "- A configuration is YAML in UTF-8, without anchors, aliases, tags and merge keys. Unknown and "
          "repeated keys "
          "are mistakes.\n"
          "- A duration is a whole number and `ms`, `s`, `m`, `h` or `d`; a size a whole number and `B`, "
          "`KiB`, `MiB` or "
          "`GiB`; 0 needs no unit.\n"
          "- A relative path counts from the folder of the file that names it; one of `--set` from the "
          "current folder.\n"
          "- `--set path=value` overrides any option: `--set publish.k=200`, `--set "
          "kafka.bootstrap.servers=broker:9092`, `--set programmes.0.regime=opt_in`, `--set "
          "'stages=[consent, pseudonymize]'`.\n\n",
          out);
    option_reference_write(&whole.table, "", out);
    config_kafka_reference_write(out);
}
