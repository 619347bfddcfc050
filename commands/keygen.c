/* clickveil keygen: makes key files. Never prints a key. */
#include "commands/argument.h"
#include "commands/argument_value.h"
#include "commands/command.h"
#include "common/clock.h"
#include "common/config.h"
#include "common/key_files.h"
#include "common/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <yyjson.h>

struct wish {
    const char *config;
    const char *now;
    int64_t now_ms;
    const char *purpose;
    const char *output;
    struct argument_list overrides;
    bool json;
};

struct report {
    yyjson_mut_doc *json; /* NULL: text */
    bool secret_half_made;
};

static const char *state_name(enum key_file_state state)
{
    switch (state) {
    case KEY_FILE_MADE:
        return "made";
    case KEY_FILE_FOUND:
        return "found";
    case KEY_FILE_ELSEWHERE:
        return "elsewhere";
    case KEY_FILE_UNKNOWN:
    case KEY_FILE_MISSING:
    case KEY_FILE_WRONG:
        break;
    }
    return "unknown";
}

static void visit_key_file(void *context, const struct key_file *file)
{
    struct report *report = context;
    if (file->purpose == SECRET_DEAD_LETTER_SECRET && file->state == KEY_FILE_MADE)
        report->secret_half_made = true;
    if (!report->json) {
        printf("%-9s  %-18s  %-16s  %s\n", state_name(file->state), secret_purpose_name(file->purpose),
               file->id, file->path);
        return;
    }
    yyjson_mut_doc *json = report->json;
    yyjson_mut_val *entry = yyjson_mut_arr_add_obj(json, yyjson_mut_doc_get_root(json));
    yyjson_mut_obj_add_str(json, entry, "state", state_name(file->state));
    yyjson_mut_obj_add_str(json, entry, "purpose", secret_purpose_name(file->purpose));
    if (file->id[0])
        yyjson_mut_obj_add_strcpy(json, entry, "id", file->id);
    yyjson_mut_obj_add_strcpy(json, entry, "path", file->path);
}

static bool make_single(const struct wish *wish, struct report *report, struct error *error)
{
    enum secret_purpose purpose = strcmp(wish->purpose, "pseudonym") == 0     ? SECRET_PSEUDONYM
                                  : strcmp(wish->purpose, "suppression") == 0 ? SECRET_SUPPRESSION
                                  : strcmp(wish->purpose, "fields") == 0      ? SECRET_FIELDS
                                  : strcmp(wish->purpose, "dead-letter") == 0 ? SECRET_DEAD_LETTER_PUBLIC
                                                                              : SECRET_UNKNOWN;
    if (strcmp(wish->purpose, "publish") == 0)
        return error_fail(error, EXIT_STATUS_USAGE, NULL, "use --config FILE, which makes what is missing",
                          "a publish key goes by the epochs of a configuration");
    if (purpose == SECRET_UNKNOWN)
        return error_fail(error, EXIT_STATUS_USAGE, NULL,
                          "write pseudonym, suppression, fields or dead-letter",
                          "there are no keys for '%.64s'", wish->purpose);
    if (secret_source_is_key(view_of_string(wish->output)))
        return secret_refuse_key("--output", error);
    /* As the name of a key these are no files, so one of that name could never be read. */
    if (secret_source_is_scheme(view_of_string(wish->output)) || strcmp(wish->output, "-") == 0)
        return error_fail(error, EXIT_STATUS_USAGE, "--output",
                          "name a file, ./ before it if that is its name",
                          "a key is written to a file, not to a credential, a descriptor or standard output");
    return key_file_make(purpose, wish->output, visit_key_file, report, error);
}

static bool make_configured(const struct wish *wish, struct report *report, struct error *error)
{
    struct config *config = argument_config(wish->config, NULL, &wish->overrides, error);
    if (!config)
        return false;
    bool made = key_files_make(config, wish->now_ms, visit_key_file, report, error);
    config_free(config);
    return made;
}

static int finish(const struct report *report, bool made, const struct error *error)
{
    bool printed = true;
    if (report->json) {
        printed = yyjson_mut_write_fp(stdout, report->json, YYJSON_WRITE_PRETTY, NULL, NULL);
        putchar('\n');
    }
    int status = argument_printed("keygen", printed);
    if (report->secret_half_made)
        fputs("Keep the dead-letter-secret file away from the machines that run the pipeline: it opens them "
              "all.\n",
              stderr);
    if (!made)
        return argument_failure("keygen", error);
    return status;
}

static int keygen(const struct wish *wish)
{
    struct error error = {0};
    struct report report = {0};
    if (wish->json) {
        report.json = yyjson_mut_doc_new(NULL);
        ensure(report.json != NULL);
        yyjson_mut_doc_set_root(report.json, yyjson_mut_arr(report.json));
    }
    bool made = process_harden(&error) &&
                (wish->purpose ? make_single(wish, &report, &error) : make_configured(wish, &report, &error));
    int status = finish(&report, made, &error);
    yyjson_mut_doc_free(report.json);
    return status;
}

int command_keygen(int argc, char **argv)
{
    struct wish wish = {0};
    const struct argument options[] = {
        {.name = "config",
         .letter = 'c',
         .value = "FILE",
         .help =
             "make the keys that this configuration names and that are missing; those that exist are checked",
         .text = &wish.config},
        {.name = "set",
         .letter = 's',
         .value = "PATH=VALUE",
         .help = "override an option of the configuration",
         .list = &wish.overrides},
        {.name = "now",
         .value = "TIME",
         .help = "fix the clock, as of `run`: the publish key begins with the epoch before this one. RFC "
                 "3339 with zone, "
                 "or epoch milliseconds",
         .text = &wish.now},
        {.name = "purpose",
         .letter = 'p',
         .value = "PURPOSE",
         .help = "make a single key: pseudonym, suppression, fields or dead-letter",
         .text = &wish.purpose},
        {.name = "output",
         .letter = 'o',
         .value = "FILE",
         .help =
             "where it goes; for dead-letter the public half, and the secret half goes beside it, with the "
             "ending .secret",
         .text = &wish.output},
        {.name = "json", .help = "print what was made as JSON", .flag = &wish.json},
        {0},
    };
    const struct argument_table table = {
        .command = "keygen",
        .usage = "--config FILE [--set PATH=VALUE]... [--now TIME]\n--purpose PURPOSE --output FILE",
        .about = "Makes key files that only their owner can read. A file that exists is never overwritten.",
        .arguments = options,
        .notes =
            "The secret half for dead letters is what opens them. Keep it away from the machines that run "
            "the pipeline, which need the public half only.",
    };
    int operand = 0;
    enum argument_result result = argument_parse(&table, argc, argv, &operand);
    if (result != ARGUMENT_GO)
        return result == ARGUMENT_HELP ? EXIT_STATUS_DONE : EXIT_STATUS_USAGE;
    if (!wish.config == !wish.purpose)
        return argument_wrong(&table, "give either --config or --purpose");
    if (!wish.purpose != !wish.output)
        return argument_wrong(&table, "--purpose and --output belong together");
    if (wish.overrides.count && !wish.config)
        return argument_wrong(&table, "--set overrides what --config names");
    if (wish.now && !wish.config)
        return argument_wrong(&table, "--now goes with --config");
    wish.now_ms = clock_unix_ms();
    if (wish.now && !argument_time(wish.now, &wish.now_ms))
        return argument_wrong(&table, "--now wants a time such as 2026-11-24T00:00:00Z");
    return keygen(&wish);
}
