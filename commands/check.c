/* clickveil check: every mistake of a configuration in one run, and on request of the broker's topics; and the references
 * of all options and metrics. */
#include "commands/argument.h"
#include "commands/argument_value.h"
#include "commands/command.h"
#include "common/clock.h"
#include "common/config.h"
#include "common/kafka_check.h"
#include "common/kafka_client.h"
#include "common/key_files.h"
#include "common/log.h"
#include "common/metrics_table.h"
#include "common/secret.h"
#include "common/stage.h"
#include "stages/registry.h"

#include <stdio.h>

static const char default_file[] = "config/pipeline.yaml";

enum { BROKER_TIMEOUT_MS = 10000 };

static int print_reference(bool of_metrics)
{
    if (of_metrics)
        metrics_reference_write(registry, stdout);
    else
        config_reference_write(registry, stdout);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_STATUS_DONE;
    fputs("clickveil check: can't write the reference\n", stderr);
    return EXIT_STATUS_IO;
}

static void print_result(const char *file, const struct config *config, unsigned keys_missing)
{
    const char *first = config->stages[config->first_stage]->name;
    const char *last = config->stages[config->last_stage]->name;
    printf("%s: good (%s%s%s, workers: %lld, programmes: %u)\n", file, first, first == last ? "" : " to ",
           first == last ? "" : last, (long long)config->workers, config->programmes.count);
    if (keys_missing)
        printf("%s: %u key file%s not there yet; `clickveil keygen --config %s` makes what is missing\n",
               file, keys_missing, keys_missing == 1 ? " is" : "s are", file);
}

struct keys_seen {
    unsigned missing, wrong;
};

static void judge_key(void *context, const struct key_file *key)
{
    struct keys_seen *seen = context;
    seen->missing += key->state == KEY_FILE_MISSING;
    if (key->state != KEY_FILE_WRONG)
        return;
    seen->wrong++;
    fprintf(stderr, "%s: error: %s%s%s\n", key->path, key->error->what, key->error->action[0] ? "; " : "",
            key->error->action);
}

/* A missing key is no mistake: a machine that checks configurations may have none. */
static bool check_keys(const char *file, const struct config *config, unsigned *out_missing,
                       struct error *error)
{
    struct keys_seen seen = {0};
    key_files_look(config, clock_unix_ms(), judge_key, &seen);
    *out_missing = seen.missing;
    return !seen.wrong ||
           error_fail(error, EXIT_STATUS_CONFIGURATION, file, NULL, "%u key file%s that no stage will take",
                      seen.wrong, seen.wrong == 1 ? "" : "s");
}

/* False: there are problems, or the broker can't be asked. */
static bool ask_broker(const char *file, const struct config *config, struct error *error)
{
    struct kafka_check_result result = {0};
    log_init(LOG_FORMAT_TEXT, LOG_LEVEL_NONE); /* what is wrong is said once, by us */
    if (!kafka_check(config, BROKER_TIMEOUT_MS, stderr, &result, error))
        return false;
    if (result.errors)
        return error_fail(error, EXIT_STATUS_CONFIGURATION, file, NULL, "%u mistake%s on the broker",
                          result.errors, result.errors == 1 ? "" : "s");
    printf("broker: good (topics: %u)\n", result.topics);
    return true;
}

static int check(const char *file, const struct argument_list *list, bool broker)
{
    struct error error = {0};
    struct config *config = process_harden(&error) ? argument_config(file, NULL, list, &error) : NULL;
    if (!config)
        return argument_failure("check", &error);
    unsigned keys_missing;
    bool taken = check_keys(file, config, &keys_missing, &error) && kafka_check_properties(config, &error);
    if (taken)
        print_result(file, config, keys_missing);
    taken = taken && (!broker || ask_broker(file, config, &error));
    config_free(config);
    return taken ? EXIT_STATUS_DONE : argument_failure("check", &error);
}

int command_check(int argc, char **argv)
{
    const char *file = NULL;
    struct argument_list overrides = {0};
    bool broker = false, reference = false, metrics_reference = false;
    const struct argument options[] = {
        {.name = "config",
         .letter = 'c',
         .value = "FILE",
         .help = "the configuration; config/pipeline.yaml unless given",
         .text = &file},
        {.name = "set",
         .letter = 's',
         .value = "PATH=VALUE",
         .help = "override an option, as in --set publish.k=200; checked like the file",
         .list = &overrides},
        {.name = "broker",
         .help =
             "ask the broker too: reachable, topics, partitions, compaction, retention, transaction limits",
         .flag = &broker},
        {.name = "reference",
         .help = "print the reference of all options as Markdown instead",
         .flag = &reference},
        {.name = "metrics-reference",
         .help = "print the reference of all metrics as Markdown instead",
         .flag = &metrics_reference},
        {0},
    };
    const struct argument_table table = {
        .command = "check",
        .usage = "[--config FILE] [--set PATH=VALUE]... [--broker]\n--reference | --metrics-reference",
        .about =
            "Finds every mistake of a configuration in one run, without a broker unless --broker is given, "
            "and says for each its file, line and column, what is wrong and what was probably meant.",
        .arguments = options,
        .notes =
            "Exit status: 0 nothing is wrong (there may be warnings), 64 wrong usage, 69 the broker does "
            "not answer, 78 there are mistakes.",
    };
    int operand = 0;
    enum argument_result result = argument_parse(&table, argc, argv, &operand);
    if (result != ARGUMENT_GO)
        return result == ARGUMENT_HELP ? EXIT_STATUS_DONE : EXIT_STATUS_USAGE;
    if (reference || metrics_reference) {
        if (file || overrides.count || broker || (reference && metrics_reference))
            return argument_wrong(&table, "--reference and --metrics-reference stand alone");
        return print_reference(metrics_reference);
    }
    return check(file ? file : default_file, &overrides, broker);
}
