/* clickveil explain: one event in, what each stage decides and why out. Prints no value out of the event. */
#include "common/explain.h"
#include "commands/argument.h"
#include "commands/argument_value.h"
#include "commands/command.h"
#include "commands/dead_letters.h"
#include "common/clock.h"
#include "common/config.h"
#include "common/file_consent.h"
#include "common/hop.h"
#include "common/kafka_topics.h"
#include "common/log.h"
#include "common/secret.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <yyjson.h>

struct texts {
    const char *config, *consent, *event, *now, *dead_letter, *secret;
    struct argument_list set;
    bool json, fields;
};

static struct texts texts;

static const struct argument arguments[] = {
    {.name = "config", .letter = 'c', .value = "FILE", .text = &texts.config, .help = "the configuration"},
    {.name = "set",
     .letter = 's',
     .value = "PATH=VALUE",
     .list = &texts.set,
     .help = "override an option of the configuration; may come again"},
    {.name = "event",
     .letter = 'e',
     .value = "FILE",
     .text = &texts.event,
     .help = "the event, one JSON object; - is standard input (the default)"},
    {.name = "dead-letter",
     .value = "PARTITION:OFFSET",
     .text = &texts.dead_letter,
     .help = "the input of this dead letter instead, with its key, partition and Kafka timestamp"},
    {.name = "secret-key",
     .letter = 'k',
     .value = "FILE",
     .text = &texts.secret,
     .help = DEAD_LETTERS_SECRET_HELP},
    {.name = "consent",
     .value = "FILE",
     .text = &texts.consent,
     .help = "choices, as for `clickveil run`; without it nobody has chosen"},
    {.name = "now",
     .value = "TIME",
     .text = &texts.now,
     .help = "fix the clock, RFC 3339 with zone or epoch milliseconds; the event is judged against it"},
    {.name = "json", .flag = &texts.json, .help = "answer in JSON: a list with one object a stage"},
    {.name = "fields", .flag = &texts.fields, .help = "print which field may travel how far, and end"},
    {0},
};

static const struct argument_table table = {
    .command = "explain",
    .usage = "--config FILE [--event FILE] [--consent FILE] [OPTION]...\n"
             "--config FILE --dead-letter PARTITION:OFFSET --secret-key FILE [OPTION]...\n--fields [--json]",
    .about = "Runs one event through the chain and says what each stage decides and why. Nothing is written, "
             "and no value "
             "out of the event is printed, only which fields it has.",
    .arguments = arguments,
};

/* ---- the table of fields ---- */

static const enum hop hops[] = {HOP_EVENTS, HOP_CONSENT_OUT, HOP_PSEUDONYMIZE_OUT, HOP_CLASSIFY_OUT,
                                HOP_FEED};
static const char *const hop_names[] = {"events", "consent_out", "pseudonymize_out", "classify_out", "feed"};

enum { HOPS_SHOWN = sizeof hops / sizeof hops[0] };

static void print_fields(void)
{
    printf("%-20s", "field");
    for (unsigned h = 0; h < HOPS_SHOWN; h++)
        printf(" %-*s", (int)strlen(hop_names[h]), hop_names[h]);
    puts("");
    for (const struct hop_field *field = hop_fields; field->name; field++) {
        printf("%-20s", field->name);
        for (unsigned h = 0; h < HOPS_SHOWN; h++)
            printf(" %-*s", (int)strlen(hop_names[h]), hop_carries(hops[h], field->name) ? "x" : "");
        printf(" %s%s\n", field->raw ? "(raw identifier) " : "", field->help);
    }
}

static bool print_json(yyjson_mut_doc *json, yyjson_mut_val *root)
{
    yyjson_mut_doc_set_root(json, root);
    return root && yyjson_mut_write_fp(stdout, json, YYJSON_WRITE_PRETTY, NULL, NULL) && putchar('\n') != EOF;
}

static bool print_fields_json(void)
{
    yyjson_mut_doc *json = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = json ? yyjson_mut_arr(json) : NULL;
    for (const struct hop_field *field = hop_fields; field->name && root; field++) {
        yyjson_mut_val *entry = yyjson_mut_arr_add_obj(json, root);
        yyjson_mut_obj_add_str(json, entry, "field", field->name);
        yyjson_mut_obj_add_bool(json, entry, "raw", field->raw);
        yyjson_mut_val *where = yyjson_mut_obj_add_arr(json, entry, "hops");
        for (unsigned h = 0; h < HOPS_SHOWN; h++)
            if (hop_carries(hops[h], field->name))
                yyjson_mut_arr_add_str(json, where, hop_names[h]);
        yyjson_mut_obj_add_str(json, entry, "help", field->help);
    }
    bool printed = root && print_json(json, root);
    yyjson_mut_doc_free(json);
    return printed;
}

/* ---- one event ---- */

/* As much of the input as an event may have, and one byte more, so that the chain sees when it is too much. */
static bool read_event(size_t size_max, char **out_event, size_t *out_size, struct error *error)
{
    bool standard_input = !texts.event || strcmp(texts.event, "-") == 0;
    const char *name = standard_input ? "standard input" : texts.event;
    FILE *file = standard_input ? stdin : fopen(texts.event, "rbe");
    char *event = malloc(size_max + 1);
    bool good = file && event;
    if (good) {
        *out_size = fread(event, 1, size_max + 1, file);
        good = !ferror(file);
    }
    if (!good)
        error_fail(error, EXIT_STATUS_IO, name, NULL, "can't be read: %s", strerror(errno));
    if (file && !standard_input)
        (void)fclose(file);
    if (good)
        *out_event = event;
    else
        free(event);
    return good;
}

static bool load_choices(const struct config *config, struct chain_shared *shared, int64_t now_ms,
                         struct error *error)
{
    uint64_t records;
    struct file_consent consent = {.path = texts.consent, .now_ms = now_ms, .wake_descriptor = -1};
    if (texts.consent)
        return file_consent_load(&consent, shared, &records, error);
    return file_consent_load_nobody(shared, config, error);
}

/* ---- of a dead letter ---- */

/* How many partitions the topic of events has: the check of a record's place needs it, and goes without where nobody says. */
static int32_t partitions_of_events(const struct config *config)
{
    struct error ignored = {0};
    struct kafka_topic_found found = {0};
    struct kafka_topics *topics = kafka_topics_new(config, DEAD_LETTERS_TIMEOUT_MS, &ignored);
    bool known =
        topics && kafka_topics_look(topics, config_topic(config, TOPIC_EVENTS, 0).data, &found, &ignored);
    kafka_topics_free(topics);
    return known && found.exists ? found.partitions : 0;
}

static bool input_of_letter(const struct config *config, const struct secret *secret, struct arena *arena,
                            struct chain_input *out_input, struct error *error)
{
    struct dead_letter letter;
    struct dead_letter_place place;
    if (!dead_letter_place_read(view_of_string(texts.dead_letter), &place))
        return error_fail(error, EXIT_STATUS_USAGE, "--dead-letter", NULL,
                          "write the place as PARTITION:OFFSET, such as 0:1234");
    if (!dead_letters_fetch(config, secret, place, arena, &letter, error))
        return false;
    if (!view_equal(letter.topic, config_topic(config, TOPIC_EVENTS, 0)))
        return error_fail(error, EXIT_STATUS_DATA, "--dead-letter", NULL,
                          "its input came from a topic between stages, not from that of events");
    if (letter.partition < 0 || letter.partition >= TOPIC_PLAN_PARTITIONS_MAX)
        return error_fail(error, EXIT_STATUS_DATA, "--dead-letter", NULL,
                          "its input came from no partition that could be");
    if (letter.key.cut || letter.value.cut)
        return error_fail(
            error, EXIT_STATUS_DATA, texts.dead_letter,
            "`clickveil dead-letters show` says where the input stands and how long it is",
            "the input of this dead letter was too long to be kept whole, so no stage can judge it");
    *out_input = (struct chain_input){
        .partition = letter.partition,
        .offset = letter.offset,
        .timestamp_ms = letter.timestamp_ms,
        .key = letter.key.bytes,
        .value = letter.value.bytes,
        .partition_count = partitions_of_events(config),
    };
    return true;
}

static bool read_letter(const struct config *config, struct arena *arena, struct chain_input *out_input,
                        struct error *error)
{
    log_init(LOG_FORMAT_TEXT, LOG_LEVEL_NONE); /* what fails is said once, by us */
    struct secret *secret = secret_load(texts.secret, SECRET_DEAD_LETTER_SECRET, error);
    bool fine = secret && input_of_letter(config, secret, arena, out_input, error);
    secret_free(secret);
    return fine;
}

/* ---- */

static bool read_input(const struct config *config, int64_t now_ms, struct arena *arena, char **out_event,
                       struct chain_input *out_input, struct error *error)
{
    size_t size = 0;
    if (texts.dead_letter)
        return arena_init(arena, 1 << 20, DEAD_LETTERS_ARENA_SIZE_MAX, error) &&
               read_letter(config, arena, out_input, error);
    if (!read_event((size_t)config->input.record_bytes_max, out_event, &size, error))
        return false;
    *out_input = (struct chain_input){.timestamp_ms = now_ms, .value = {*out_event, size}};
    return true;
}

static bool explain(const struct config *config, int64_t now_ms, struct error *error)
{
    char *event = NULL;
    struct arena arena = {0};
    struct chain_input input;
    struct chain_shared *shared = NULL;
    struct explanation explanation;
    bool explained = read_input(config, now_ms, &arena, &event, &input, error);
    if (explained)
        shared = chain_shared_new(config, true, error);
    explained = shared && load_choices(config, shared, now_ms, error) &&
                explain_input(config, shared, &input, now_ms, &explanation, error);
    chain_shared_free(shared);
    arena_release(&arena);
    free(event);
    if (!explained)
        return false;
    bool printed = true;
    if (texts.json) {
        yyjson_mut_doc *json = yyjson_mut_doc_new(NULL);
        printed = json && print_json(json, explanation_json(&explanation, json));
        yyjson_mut_doc_free(json);
    } else {
        explanation_write_text(&explanation, stdout);
    }
    return (printed && fflush(stdout) == 0) ||
           error_fail(error, EXIT_STATUS_IO, "standard output", NULL, "can't be written");
}

int command_explain(int argc, char **argv)
{
    int operand;
    enum argument_result parsed = argument_parse(&table, argc, argv, &operand);
    if (parsed != ARGUMENT_GO)
        return parsed == ARGUMENT_HELP ? EXIT_STATUS_DONE : EXIT_STATUS_USAGE;
    if (texts.fields) {
        bool printed = true;
        if (texts.json)
            printed = print_fields_json();
        else
            print_fields();
        return argument_printed(table.command, printed);
    }
    int64_t now_ms = clock_unix_ms();
    if (!texts.config)
        return argument_wrong(&table, "--config is missing");
    if (texts.now && !argument_time(texts.now, &now_ms))
        return argument_wrong(&table, "--now wants a time such as 2026-11-24T00:00:00Z");
    if (texts.dead_letter && texts.event)
        return argument_wrong(&table, "--event and --dead-letter are two inputs: give one");
    if (!texts.dead_letter != !texts.secret)
        return argument_wrong(&table, "--dead-letter and --secret-key go together");

    struct error error = {0};
    if (!process_harden(&error))
        return argument_failure("explain", &error);
    /* One event is no start: how many choices there must be is not asked. */
    struct config *config = argument_config(texts.config, "consent.floor=1", &texts.set, &error);
    if (!config)
        return argument_failure("explain", &error);
    bool explained = explain(config, now_ms, &error);
    config_free(config);
    return explained ? EXIT_STATUS_DONE : argument_failure("explain", &error);
}
