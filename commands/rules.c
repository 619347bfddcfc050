/* clickveil rules: what an operator does with rule lists. Each subcommand has a file of its own. */
#include "commands/rules.h"

#include "commands/argument_value.h"
#include "commands/command.h"
#include "commands/subcommand.h"
#include "common/log.h"
#include "common/secret.h"
#include "stages/classify/classify.h"
#include "stages/classify/support.h"

#include <errno.h>
#include <string.h>

enum { DEPTH_LEAST = 2, DEPTH_DEFAULT = 2, DEPTH_MOST = 6, SUPPORT_DEFAULT = 5 };

/* ---- the command line ---- */

static bool by_hand(const struct rules_texts *texts)
{
    return texts->hosts.count + texts->apps.count > 0;
}

static bool number_good(const char *text, uint64_t least, uint64_t most)
{
    uint64_t number;
    return text == NULL || (argument_count(text, &number) && number >= least && number <= most);
}

static int64_t number_of(const char *text, int64_t otherwise)
{
    uint64_t number;
    return text != NULL && argument_count(text, &number) ? (int64_t)number : otherwise;
}

bool rules_texts_good(const struct rules_texts *texts, const struct argument_table *table)
{
    const char *wrong = NULL;
    if (by_hand(texts) && texts->config != NULL)
        wrong = "lists given by hand and --config are two sets of rules: give one";
    else if (!by_hand(texts) && (texts->taxonomy != NULL || texts->depth != NULL || texts->support != NULL))
        wrong = "--taxonomy, --depth and --support are for lists given by hand: a configuration has its own, "
                "override "
                "them with --set classify.depth=3";
    else if (by_hand(texts) && texts->set.count > 0)
        wrong = "--set overrides a configuration: it goes with --config";
    else if (!number_good(texts->depth, DEPTH_LEAST, DEPTH_MOST))
        wrong = "--depth is a tier from 2 to 6";
    else if (!number_good(texts->support, 1, SUPPORT_LEAST_MAX))
        wrong = "--support is a number from 1 to 1000";
    if (wrong != NULL)
        (void)argument_wrong(table, "%s", wrong);
    return wrong == NULL;
}

/* ---- opening ---- */

static struct option_list list_of(const struct argument_list *texts, struct view *paths)
{
    for (unsigned i = 0; i < texts->count; i++)
        paths[i] = view_of_string(texts->texts[i]);
    return (struct option_list){.items = paths, .count = texts->count};
}

static void options_by_hand(const struct rules_texts *texts, struct rules_opened *opened)
{
    opened->options = (struct classify_options){
        .hosts = list_of(&texts->hosts, opened->paths),
        .apps = list_of(&texts->apps, opened->paths + ARGUMENT_LIST_MAX),
        .taxonomy = view_of_string(texts->taxonomy),
        .support = number_of(texts->support, SUPPORT_DEFAULT),
        .depth = number_of(texts->depth, DEPTH_DEFAULT),
    };
}

static bool options_of_config(const struct rules_texts *texts, struct rules_opened *opened,
                              struct error *error)
{
    char shipped[FILE_PATH_SIZE];
    const char *path = texts->config;
    if (path == NULL) {
        if (!file_find_data("config/pipeline.yaml", shipped, error))
            return false;
        path = shipped;
    }
    opened->config = argument_config_quiet(path, &texts->set, error);
    if (opened->config == NULL)
        return false;
    for (unsigned i = 0; opened->config->stages[i] != NULL; i++) {
        if (opened->config->stages[i] != &stage_classify || opened->config->stage_options[i] == NULL)
            continue;
        opened->options = *(const struct classify_options *)opened->config->stage_options[i];
        return true;
    }
    return error_fail(error, EXIT_STATUS_CONFIGURATION, path, "name rules in its section classify",
                      "the configuration has no rules");
}

void rules_print_mistakes(const struct mistakes *mistakes)
{
    for (unsigned i = 0; i < mistakes->count && i < MISTAKES_MAX; i++) {
        const struct mistake *mistake = &mistakes->items[i];
        fputs(mistake->file, stderr);
        if (mistake->line > 0)
            fprintf(stderr, ":%u", mistake->line);
        if (mistake->column > 0)
            fprintf(stderr, ":%u", mistake->column);
        fprintf(stderr, ": %s\n", mistake->text);
    }
}

bool rules_open(const struct rules_texts *texts, struct rules_opened *opened, struct error *error)
{
    memset(opened, 0, sizeof(*opened));
    log_init(LOG_FORMAT_TEXT, LOG_LEVEL_NONE); /* what fails is said once, by us */
    if (!process_harden(error))
        return false;
    if (by_hand(texts))
        options_by_hand(texts, opened);
    else if (!options_of_config(texts, opened, error))
        return false;
    if (opened->options.hosts.count + opened->options.apps.count > RULE_LOAD_FILES_MAX)
        return error_fail(error, EXIT_STATUS_USAGE, NULL, NULL, "more than %d lists",
                          (int)RULE_LOAD_FILES_MAX);
    opened->rules = rule_load(&opened->options, &opened->load, &opened->taxonomy, error);
    if (opened->rules == NULL)
        rules_print_mistakes(&opened->load.mistakes);
    return opened->rules != NULL;
}

void rules_close(struct rules_opened *opened)
{
    rules_free(opened->rules);
    taxonomy_free(opened->taxonomy);
    config_free(opened->config);
    memset(opened, 0, sizeof(*opened));
}

/* ---- printing ---- */

void rules_print_name(FILE *out, struct view name)
{
    for (size_t i = 0; i < name.size; i++)
        putc(name.data[i] >= ' ' && name.data[i] <= '~' ? name.data[i] : '?', out);
}

void rules_print_key(FILE *out, struct view key)
{
    rules_print_name(out, key);
    if (key.size > 0 && key.data[key.size - 1] == '.')
        putc('*', out);
}

bool rules_flush(struct error *error)
{
    return (fflush(stdout) == 0 && !ferror(stdout)) ||
           error_fail(error, EXIT_STATUS_IO, "standard output", NULL, "can't be written: %s",
                      strerror(errno));
}

/* ---- which one ---- */

static const struct command subcommands[] = {
    {"compile", "makes of lists the one file that `classify.rules` maps", rules_compile},
    {"lookup", "which rule decides for a host, a URL or an app, and which ones lost", rules_lookup},
    {NULL, NULL, NULL},
};

int command_rules(int argc, char **argv)
{
    return subcommand_run("rules", subcommands, argc, argv);
}
