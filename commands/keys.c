/*
 * clickveil keys: where the chain of keys of publish stands, and an advance by the clock, for hosts on which nothing runs.
 * Never prints a key.
 */
#include "commands/argument.h"
#include "commands/argument_value.h"
#include "commands/command.h"
#include "commands/subcommand.h"
#include "common/clock.h"
#include "common/json_writer.h"
#include "common/log.h"
#include "common/ratchet.h"
#include "common/rfc3339.h"
#include "common/stage.h"

#include <stdio.h>
#include <string.h>

enum { JSON_SIZE = 8192, DAY_MS = 86400000, TEXT_SIZE = RFC3339_TEXT_SIZE + 1 };

static struct texts {
    const char *config, *now;
    struct argument_list set;
    bool json, dry_run, force;
} texts;

#define CONFIG_ARGUMENTS                                                                                    \
    {.name = "config", .letter = 'c', .value = "FILE", .text = &texts.config, .help = "the configuration"}, \
        {.name = "set",                                                                                     \
         .letter = 's',                                                                                     \
         .value = "PATH=VALUE",                                                                             \
         .list = &texts.set,                                                                                \
         .help = "override an option of the configuration; may come again"},                                \
        {.name = "now",                                                                                     \
         .value = "TIME",                                                                                   \
         .text = &texts.now,                                                                                \
         .help = "fix the clock, RFC 3339 with zone or epoch milliseconds"},                                \
    {                                                                                                       \
        .name = "json", .flag = &texts.json, .help = "print one object of JSON"                             \
    }

/* What a subcommand works on. */
struct chain {
    struct config *config;
    const char *path;
    struct ratchet_times times;
    int64_t now_ms;
};

static bool find_chain(struct chain *chain, struct error *error)
{
    for (unsigned i = 0; chain->config->stages[i]; i++) {
        const struct stage *stage = chain->config->stages[i];
        const void *options = chain->config->stage_options[i];
        if (!stage->key_chain || !options)
            continue;
        struct view path = stage->key_chain(chain->config, options, &chain->times);
        chain->path = path.data;
        if (chain->path)
            return true;
    }
    return error_fail(error, EXIT_STATUS_CONFIGURATION, texts.config, "name it as publish.key",
                      "the configuration names no key that moves on with the epochs");
}

/* Usage, hardening, configuration. Zero: go on. */
static int open_chain(const struct argument_table *table, int argc, char **argv, struct chain *chain,
                      struct error *error)
{
    int operand;
    texts = (struct texts){.config = NULL};
    enum argument_result parsed = argument_parse(table, argc, argv, &operand);
    *chain = (struct chain){.now_ms = clock_unix_ms()};
    if (parsed != ARGUMENT_GO)
        return parsed == ARGUMENT_HELP ? -1 : EXIT_STATUS_USAGE;
    if (!texts.config)
        return argument_wrong(table, "--config is missing");
    if (texts.now && !argument_time(texts.now, &chain->now_ms))
        return argument_wrong(table, "--now wants a time such as 2026-11-24T00:00:00Z");
    log_init(LOG_FORMAT_TEXT, LOG_LEVEL_NONE); /* what fails is said once, by us */
    if (process_harden(error))
        chain->config = argument_config_quiet(texts.config, &texts.set, error);
    if (chain->config && find_chain(chain, error))
        return EXIT_STATUS_DONE;
    int status = argument_failure("keys", error);
    config_free(chain->config);
    chain->config = NULL;
    return status;
}

static void start_text(const struct chain *chain, int32_t epoch, char text[TEXT_SIZE])
{
    rfc3339_write(ratchet_epoch_start_ms(&chain->times, epoch), text);
    text[RFC3339_TEXT_SIZE] = '\0';
}

static void member_epoch(struct json_writer *writer, const struct chain *chain, const char *name,
                         const char *start_name, int32_t epoch)
{
    char text[TEXT_SIZE];
    start_text(chain, epoch, text);
    json_writer_member_integer(writer, name, epoch);
    json_writer_member_string(writer, start_name, view_of_string(text));
}

static int print(const char *command, const struct json_writer *writer)
{
    ensure(!writer->overflow);
    if (texts.json)
        printf("%.*s\n", (int)writer->size, writer->data);
    return argument_printed(command, true);
}

/* A mistake that nobody can undo here, and that a publish on Kafka refuses to start with. */
static void tell_ahead(const struct chain *chain, int32_t epoch)
{
    if (ratchet_is_ahead(&chain->times, epoch, chain->now_ms))
        printf(
            "ahead    of the clock, by which it is epoch %d now: a publish on Kafka refuses this key. "
            "Either the clock is wrong, or a wrong one advanced the key: then take another host's copy, or "
            "begin a new chain\n",
            (int)ratchet_epoch(&chain->times, chain->now_ms));
}

/* ---- show ---- */

static int show(const struct chain *chain, struct error *error)
{
    char buffer[JSON_SIZE], first_text[TEXT_SIZE], needed_text[TEXT_SIZE];
    struct json_writer writer;
    struct secret *link = ratchet_load(chain->path, &chain->times, error);
    if (!link)
        return argument_failure("keys show", error);
    const struct secret_place *place = secret_place(link);
    int32_t needed = ratchet_needed(&chain->times, chain->now_ms);
    start_text(chain, place->epoch, first_text);
    start_text(chain, needed, needed_text);
    json_writer_init(&writer, buffer, sizeof buffer);
    json_writer_open_object(&writer);
    json_writer_member_string(&writer, "chain", view_of_string(place->chain));
    json_writer_member_string(&writer, "path", view_of_string(chain->path));
    json_writer_member_integer(&writer, "epoch_ms", place->epoch_ms);
    json_writer_member_integer(&writer, "origin_ms", place->origin_ms);
    member_epoch(&writer, chain, "epoch", "epoch_start", place->epoch);
    member_epoch(&writer, chain, "needed", "needed_start", needed);
    member_epoch(&writer, chain, "current", "current_start", ratchet_epoch(&chain->times, chain->now_ms));
    json_writer_member_bool(&writer, "overdue", needed > place->epoch);
    json_writer_member_bool(&writer, "ahead", ratchet_is_ahead(&chain->times, place->epoch, chain->now_ms));
    json_writer_close_object(&writer);
    if (!texts.json) {
        printf("chain    %s  %s\n", place->chain, chain->path);
        printf("makes    IDs of epoch %d and later ones, from %s on; of none before\n", (int)place->epoch,
               first_text);
        printf("needed   epoch %d and later ones, from %s on\n", (int)needed, needed_text);
        if (needed > place->epoch)
            printf("overdue  keys of %d epoch%s more than needed: a running publish destroys them when "
                   "nobody holds an "
                   "ID of them, `clickveil keys advance` at once\n",
                   (int)(needed - place->epoch), needed - place->epoch == 1 ? "" : "s");
        tell_ahead(chain, place->epoch);
    }
    secret_free(link);
    return print("keys show", &writer);
}

static int keys_show(int argc, char **argv)
{
    const struct argument options[] = {CONFIG_ARGUMENTS, {0}};
    const struct argument_table table = {
        .command = "keys show",
        .usage = "--config FILE [--set PATH=VALUE]... [--now TIME] [--json]",
        .about = "Says where the chain of keys of publish stands: its label, and the epochs whose IDs can "
                 "still be made.",
        .arguments = options,
    };
    struct chain chain;
    struct error error = {0};
    int status = open_chain(&table, argc, argv, &chain, &error);
    if (!chain.config)
        return status < 0 ? EXIT_STATUS_DONE : status;
    status = show(&chain, &error);
    config_free(chain.config);
    return status;
}

/* ---- advance ---- */

static void tell(const struct chain *chain, const struct ratchet_advance *advance)
{
    char text[TEXT_SIZE];
    start_text(chain, advance->to, text);
    if (advance->to == advance->from)
        printf("chain %s stands at epoch %d (from %s): nothing is to be destroyed\n", advance->chain,
               (int)advance->to, text);
    else
        printf("chain %s %s from epoch %d to %d (from %s): IDs of epochs before that %s\n", advance->chain,
               texts.dry_run ? "would move" : "moved", (int)advance->from, (int)advance->to, text,
               texts.dry_run ? "could not be made any more" : "can't be made any more");
    tell_ahead(chain, advance->to);
}

static int advance(const struct chain *chain, struct error *error)
{
    char buffer[JSON_SIZE];
    struct json_writer writer;
    struct ratchet_advance advance;
    int64_t ahead_ms = chain->now_ms - clock_unix_ms();
    if (!texts.dry_run && !texts.force && ahead_ms > chain->times.epoch_ms) {
        (void)error_fail(error, EXIT_STATUS_USAGE, "--now",
                         "--dry-run says what would go; --force does it all the same",
                         "this lies more than an epoch ahead of the clock: keys that live IDs need would be "
                         "destroyed for good");
        return argument_failure("keys advance", error);
    }
    if (ahead_ms > DAY_MS)
        fputs("clickveil keys advance: warning: --now lies ahead of the clock; keys that live IDs need may "
              "go\n",
              stderr);
    if (!ratchet_advance(chain->path, &chain->times, ratchet_needed(&chain->times, chain->now_ms),
                         texts.dry_run, &advance, error))
        return argument_failure("keys advance", error);
    json_writer_init(&writer, buffer, sizeof buffer);
    json_writer_open_object(&writer);
    json_writer_member_string(&writer, "chain", view_of_string(advance.chain));
    json_writer_member_string(&writer, "path", view_of_string(chain->path));
    member_epoch(&writer, chain, "from", "from_start", advance.from);
    member_epoch(&writer, chain, "to", "to_start", advance.to);
    json_writer_member_bool(&writer, "advanced", !texts.dry_run && advance.to > advance.from);
    json_writer_member_bool(&writer, "dry_run", texts.dry_run);
    json_writer_close_object(&writer);
    if (!texts.json)
        tell(chain, &advance);
    return print("keys advance", &writer);
}

static int keys_advance(int argc, char **argv)
{
    const struct argument options[] = {
        CONFIG_ARGUMENTS,
        {.name = "dry-run", .letter = 'n', .flag = &texts.dry_run, .help = "only say what would be done"},
        {.name = "force",
         .flag = &texts.force,
         .help = "also where --now lies more than an epoch ahead of the clock; what live IDs need goes then"},
        {0},
    };
    const struct argument_table table = {
        .command = "keys advance",
        .usage = "--config FILE [--set PATH=VALUE]... [--now TIME] [--dry-run] [--force] [--json]",
        .about = "Destroys the keys of epochs that are over, on this host: the file of publish.key moves on "
                 "to the first "
                 "epoch that anything can still be written about.",
        .arguments = options,
        .notes =
            "A running publish does this by itself. By hand it is for hosts on which none runs, as the user "
            "that owns the key. It goes by the clock alone: what publish.key_grace leaves time for should "
            "be written by then. What is destroyed can't be had back, but from a backup.",
    };
    struct chain chain;
    struct error error = {0};
    int status = open_chain(&table, argc, argv, &chain, &error);
    if (!chain.config)
        return status < 0 ? EXIT_STATUS_DONE : status;
    status = advance(&chain, &error);
    config_free(chain.config);
    return status;
}

/* ---- which one ---- */

static const struct command subcommands[] = {
    {"show", "where the chain of keys of publish stands", keys_show},
    {"advance", "destroys the keys of epochs that are over", keys_advance},
    {NULL, NULL, NULL},
};

int command_keys(int argc, char **argv)
{
    return subcommand_run("keys", subcommands, argc, argv);
}
