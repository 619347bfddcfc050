/*
 * clickveil advertiser: what an advertiser runs on its own side. `check` reads a feed whole and holds it against the
 * contract; it needs the topic and a way to the broker, and nothing of the operator's.
 */
#include "commands/argument.h"
#include "commands/argument_value.h"
#include "commands/command.h"
#include "commands/feed_report.h"
#include "common/clock.h"
#include "common/config.h"
#include "common/json_writer.h"
#include "common/kafka_scan.h"
#include "common/log.h"
#include "stages/registry.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <unistd.h>
#include <yyjson.h>

enum {
    TIMEOUT_MS = 15000,
    PROPERTIES_MAX = ARGUMENT_LIST_MAX + 1,
    NAME_SIZE = 512,
    JSON_SIZE = 256 * 1024, /* bytes of an answer: bounded by the arrays of a struct feed_report */
    VIEWS_MAX = 2,
};

struct check_wish {
    const char *config, *feed, *topic, *bootstrap, *input, *now;
    struct argument_list overrides, properties;
    bool uncommitted, json;
    int64_t now_ms;
};

struct check {
    const struct check_wish *wish;
    char topic[NAME_SIZE];
    struct config *loaded; /* by --config */
    struct config plain;   /* by --bootstrap and --property */
    struct option_pair pairs[PROPERTIES_MAX];
    struct feed_report *reports; /* VIEWS_MAX */
    unsigned report_count;
};

/* ---- which feed ---- */

static bool matches(const struct stage_feed *feed, const char *name)
{
    char both[NAME_SIZE];
    snprintf(both, sizeof both, "%s/%s", feed->advertiser.data, feed->programme.data);
    return view_equal_string(feed->topic, name) || view_equal_string(feed->advertiser, name) ||
           strcmp(both, name) == 0;
}

static bool find_feed(struct check *check, struct error *error)
{
    const struct config *config = check->loaded;
    const char *name = check->wish->feed;
    unsigned found = 0;
    for (unsigned i = 0; config->stages[i]; i++) {
        struct stage_feed feed;
        const struct stage *stage = config->stages[i];
        for (unsigned j = 0; stage->feed && stage->feed(config->stage_options[i], j, &feed); j++) {
            if (!matches(&feed, name))
                continue;
            found++;
            snprintf(check->topic, sizeof check->topic, "%s", feed.topic.data);
        }
    }
    if (found == 1)
        return true;
    return error_fail(error, EXIT_STATUS_USAGE, NULL,
                      "name it as advertiser, advertiser/programme or by its topic",
                      "%u feeds of the configuration are called '%.64s'", found, name);
}

static bool load_config(struct check *check, struct error *error)
{
    struct config_override overrides[ARGUMENT_LIST_MAX];
    const struct argument_list *list = &check->wish->overrides;
    for (unsigned i = 0; i < list->count; i++)
        overrides[i].text = list->texts[i];
    check->loaded = config_load(check->wish->config, registry, overrides, list->count, stderr, error);
    return check->loaded && (check->wish->topic || find_feed(check, error));
}

/* An advertiser has no configuration: the way to the broker is given as properties of the library. */
static bool make_plain(struct check *check, struct error *error)
{
    const struct argument_list *list = &check->wish->properties;
    unsigned count = 0;
    check->pairs[count++] = (struct option_pair){.key = VIEW("bootstrap.servers"),
                                                 .value = view_of_string(check->wish->bootstrap)};
    for (unsigned i = 0; i < list->count; i++) {
        const char *equals = strchr(list->texts[i], '=');
        char *name = equals ? strndup(list->texts[i], (size_t)(equals - list->texts[i])) : NULL;
        if (!name)
            return error_fail(error, EXIT_STATUS_USAGE, "--property", "write it as NAME=VALUE",
                              "this is no property of the library");
        check->pairs[count++] =
            (struct option_pair){.key = view_of_string(name), .value = view_of_string(equals + 1)};
    }
    check->plain.kafka = (struct option_list){.items = check->pairs, .count = count, .set = true};
    return true;
}

static void release(struct check *check)
{
    for (unsigned i = 1; i < check->plain.kafka.count; i++)
        free((char *)check->pairs[i].key.data);
    for (unsigned i = 0; i < check->report_count; i++)
        feed_report_release(&check->reports[i]);
    free(check->reports);
    config_free(check->loaded);
}

/* ---- from Kafka ---- */

static bool take_scanned(void *context, const struct kafka_scan_record *record, struct error *error)
{
    struct feed_contract_record judged = {
        .key = record->key,
        .value = record->value,
        .partition = record->partition,
        .partitions = record->partitions,
        .timestamp_ms = record->timestamp_ms,
        .headers = record->headers,
    };
    return feed_report_take(context, &judged, record->offset, error);
}

static void show_progress(void *context, double ratio)
{
    const struct feed_report *report = context;
    fprintf(stderr, "\r%s: %3.0f %%, %" PRIu64 " records ", report->view, ratio * 100, report->records);
}

static bool check_topic(struct check *check, bool uncommitted, struct error *error)
{
    struct feed_report *report = &check->reports[check->report_count];
    bool watched = isatty(STDERR_FILENO);
    if (!feed_report_init(report, uncommitted ? "uncommitted" : "committed", error))
        return false;
    check->report_count++;
    struct kafka_scan scan = {
        .config = check->loaded ? check->loaded : &check->plain,
        .topic = check->topic,
        .uncommitted = uncommitted,
        .timeout_ms = TIMEOUT_MS,
        .visit = take_scanned,
        .context = report,
        .progress = watched ? show_progress : NULL,
    };
    bool fine = kafka_scan(&scan, error);
    if (watched)
        fputs("\r\033[K", stderr);
    if (fine)
        feed_report_finish(report, check->wish->now_ms);
    return fine;
}

/* ---- from a file ---- */

/* A line of file mode's output; of other topics nothing is looked at. */
static bool take_line(struct check *check, const char *line, size_t size, int64_t number, struct error *error)
{
    struct feed_report *report = &check->reports[0];
    yyjson_doc *doc = yyjson_read(line, size, 0);
    yyjson_val *root = yyjson_doc_get_root(doc);
    yyjson_val *topic = yyjson_obj_get(root, "topic"), *key = yyjson_obj_get(root, "key");
    yyjson_val *value = yyjson_obj_get(root, "value");
    char *text = NULL;
    size_t text_size = 0;
    bool fine = true;
    if (!yyjson_is_str(topic) || !value) {
        char where[64];
        snprintf(where, sizeof where, "line %" PRId64, number);
        fine = error_fail(error, EXIT_STATUS_DATA, where, "give what `clickveil run --output` wrote",
                          "this is not a record of file mode's output");
    } else if (yyjson_equals_str(topic, check->topic)) {
        if (!yyjson_is_null(value))
            text = yyjson_val_write(value, 0, &text_size);
        struct feed_contract_record record = {
            .key = yyjson_is_str(key) ? (struct view){yyjson_get_str(key), yyjson_get_len(key)} : VIEW_ABSENT,
            .value = {text, text_size},
            .partition = -1,
        };
        fine = feed_report_take(report, &record, number, error);
    }
    free(text);
    yyjson_doc_free(doc);
    return fine;
}

static bool check_lines(struct check *check, FILE *file, struct error *error)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;
    int64_t number = 0;
    bool fine = true;
    while (fine && (size = getline(&line, &capacity, file)) >= 0) {
        number++;
        if (size > 1)
            fine = take_line(check, line, (size_t)size, number, error);
    }
    free(line);
    if (fine && ferror(file))
        fine = error_fail(error, EXIT_STATUS_IO, check->wish->input, NULL, "can't be read");
    return fine;
}

static bool check_file(struct check *check, struct error *error)
{
    bool standard = strcmp(check->wish->input, "-") == 0;
    if (!feed_report_init(&check->reports[0], "file", error))
        return false;
    check->report_count = 1;
    FILE *file = standard ? stdin : fopen(check->wish->input, "re");
    if (!file)
        return error_fail(error, EXIT_STATUS_IO, check->wish->input, NULL, "can't be opened: %s",
                          strerror(errno));
    bool fine = check_lines(check, file, error);
    if (!standard)
        fclose(file);
    if (fine)
        feed_report_finish(&check->reports[0], check->wish->now_ms);
    return fine;
}

/* ---- the answer ---- */

static bool is_valid(const struct check *check)
{
    for (unsigned i = 0; i < check->report_count; i++) {
        if (check->reports[i].invalid)
            return false;
    }
    return true;
}

static void print_json(const struct check *check)
{
    struct json_writer writer;
    char *buffer = malloc(JSON_SIZE);
    ensure(buffer != NULL);
    json_writer_init(&writer, buffer, JSON_SIZE);
    json_writer_open_object(&writer);
    json_writer_member_string(&writer, "topic", view_of_string(check->topic));
    json_writer_member_bool(&writer, "valid", is_valid(check));
    json_writer_name(&writer, "views");
    json_writer_open_array(&writer);
    for (unsigned i = 0; i < check->report_count; i++)
        feed_report_json(&check->reports[i], &writer);
    json_writer_close_array(&writer);
    json_writer_close_object(&writer);
    ensure(!writer.overflow);
    printf("%.*s\n", (int)writer.size, buffer);
    free(buffer);
}

static bool read_feed(struct check *check, struct error *error)
{
    const struct check_wish *wish = check->wish;
    if (wish->topic)
        snprintf(check->topic, sizeof check->topic, "%s", wish->topic);
    if (wish->config && !load_config(check, error))
        return false;
    log_init(LOG_FORMAT_TEXT, LOG_LEVEL_NONE); /* what fails is said once, by us */
    check->reports = calloc(VIEWS_MAX, sizeof *check->reports);
    if (!check->reports)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for a feed");
    if (wish->input)
        return check_file(check, error);
    if (!wish->config && !make_plain(check, error))
        return false;
    return check_topic(check, false, error) && (!wish->uncommitted || check_topic(check, true, error));
}

static int run_check(const struct check_wish *wish)
{
    struct error error = {0};
    struct check check = {.wish = wish};
    bool fine = sodium_init() >= 0 && read_feed(&check, &error);
    int status = fine ? EXIT_STATUS_DONE : argument_failure("advertiser", &error);
    if (fine && wish->json) {
        print_json(&check);
    } else if (fine) {
        for (unsigned i = 0; i < check.report_count; i++)
            feed_report_print(&check.reports[i], check.topic, stdout);
    }
    if (fflush(stdout) != 0)
        status = EXIT_STATUS_IO;
    if (status == EXIT_STATUS_DONE && !is_valid(&check))
        status = EXIT_STATUS_DATA;
    release(&check);
    return status;
}

/* ---- the command line ---- */

/* What goes with what; NULL: fine. */
static const char *contradiction(const struct check_wish *wish)
{
    if (!wish->feed == !wish->topic)
        return "give either --feed or --topic";
    if (wish->feed && !wish->config)
        return "--feed is a feed of a configuration: give --config too";
    if (wish->input && (wish->bootstrap || wish->uncommitted))
        return "--input reads a file: --bootstrap and --uncommitted are of a broker";
    if (!wish->input && !wish->config == !wish->bootstrap)
        return "give either --config or --bootstrap";
    if (wish->properties.count && !wish->bootstrap)
        return "--property goes with --bootstrap; a configuration has its own";
    if (wish->overrides.count && !wish->config)
        return "--set goes with --config";
    return NULL;
}

int command_advertiser(int argc, char **argv)
{
    struct check_wish wish = {.now_ms = clock_unix_ms()};
    const struct argument options[] = {
        {.name = "topic", .letter = 't', .value = "TOPIC", .help = "the feed's topic", .text = &wish.topic},
        {.name = "bootstrap",
         .letter = 'b',
         .value = "HOST:PORT",
         .help = "a broker, or several with commas between",
         .text = &wish.bootstrap},
        {.name = "property",
         .letter = 'X',
         .value = "NAME=VALUE",
         .help = "a property of librdkafka, such as security.protocol=SASL_SSL",
         .list = &wish.properties},
        {.name = "config",
         .letter = 'c',
         .value = "FILE",
         .help = "on the operator's side: the configuration, with --feed",
         .text = &wish.config},
        {.name = "feed",
         .letter = 'f',
         .value = "NAME",
         .help = "a feed of the configuration, as advertiser, advertiser/programme or by its topic",
         .text = &wish.feed},
        {.name = "set",
         .letter = 's',
         .value = "PATH=VALUE",
         .help = "override an option of the configuration",
         .list = &wish.overrides},
        {.name = "input",
         .letter = 'i',
         .value = "FILE",
         .help = "read what `clickveil run --output` wrote instead of a topic; - is standard input",
         .text = &wish.input},
        {.name = "uncommitted",
         .letter = 'u',
         .help = "read the topic a second time with what open and aborted transactions hold",
         .flag = &wish.uncommitted},
        {.name = "now",
         .value = "TIME",
         .help = "moment by which records have expired, RFC 3339 with zone or epoch milliseconds",
         .text = &wish.now},
        {.name = "json", .help = "print the answer as JSON", .flag = &wish.json},
        {0},
    };
    const struct argument_table table = {
        .command = "advertiser",
        .usage = "check --topic TOPIC --bootstrap HOST:PORT [--property NAME=VALUE]...\n"
                 "check --config FILE --feed NAME\n"
                 "check --topic TOPIC --input FILE",
        .about =
            "Reads a feed to its end as an advertiser does, holds every record against the contract, applies "
            "tombstones, and prints what is live. Prints no ID.",
        .arguments = options,
        .operands_min = 1,
        .operands_max = 1,
        .notes = "Exit status: 0 every record keeps the contract, 64 wrong usage, 65 at least one does not, "
                 "69 the "
                 "broker or the topic is not there, 74 an I/O error, 78 bad configuration.",
    };
    int operand;
    switch (argument_parse(&table, argc, argv, &operand)) {
    case ARGUMENT_WRONG:
        return EXIT_STATUS_USAGE;
    case ARGUMENT_HELP:
        return EXIT_STATUS_DONE;
    case ARGUMENT_GO:
        break;
    }
    if (strcmp(argv[operand], "check") != 0)
        return argument_wrong(&table, "write check, not '%.64s'", argv[operand]);
    const char *wrong = contradiction(&wish);
    if (wrong)
        return argument_wrong(&table, "%s", wrong);
    if (wish.now && !argument_time(wish.now, &wish.now_ms))
        return argument_wrong(&table, "--now is a moment, RFC 3339 with zone or epoch milliseconds");
    return run_check(&wish);
}
