/* clickveil rules: what an operator does with rule lists. Each subcommand has a file of its own. */
#include "commands/rules.h"

#include "commands/argument_value.h"
#include "commands/command.h"
#include "commands/subcommand.h"
#include "common/log.h"
#include "common/secret.h"
#include "stages/classify/classify.h"
#include "stages/classify/rule_image.h"
#include "stages/classify/rule_load.h"
#include "stages/classify/support.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

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

bool rules_numbers_good(const struct rules_texts *texts, const struct argument_table *table)
{
    if (!number_good(texts->depth, RULE_LOAD_DEPTH_LEAST, RULE_LOAD_DEPTH_MOST))
        (void)argument_wrong(table, "--depth is a tier from 2 to 6");
    else if (!number_good(texts->support, 1, SUPPORT_LEAST_MAX))
        (void)argument_wrong(table, "--support is a number from 1 to 1000");
    else
        return true;
    return false;
}

bool rules_texts_good(const struct rules_texts *texts, const struct argument_table *table)
{
    const char *wrong = NULL;
    if (by_hand(texts) && texts->config != NULL)
        wrong = "lists given by hand and --config are two sets of rules: give one";
    else if (!by_hand(texts) && (texts->taxonomy != NULL || texts->depth != NULL || texts->support != NULL))
        wrong = "--taxonomy, --depth and --support are for lists given by hand: a configuration has its own, "
                "override them with --set classify.depth=3";
    else if (by_hand(texts) && texts->set.count > 0)
        wrong = "--set overrides a configuration: it goes with --config";
    if (wrong != NULL)
        (void)argument_wrong(table, "%s", wrong);
    return wrong == NULL && rules_numbers_good(texts, table);
}

/* ---- opening ---- */

/* The same file, by whatever path? One that is not there yet is no list either. */
static bool is_same_file(const char *a, const char *b)
{
    struct stat of_a, of_b;
    return stat(a, &of_a) == 0 && stat(b, &of_b) == 0 && of_a.st_dev == of_b.st_dev &&
           of_a.st_ino == of_b.st_ino;
}

/* Leave a list out; the list of paths becomes our own. */
static void leave_out(struct option_list *list, const char *without, struct view *paths)
{
    const struct view *items = list->items;
    unsigned count = 0;
    for (unsigned i = 0; i < list->count && i < RULE_LOAD_FILES_MAX; i++) {
        if (!is_same_file(items[i].data, without))
            paths[count++] = items[i];
    }
    list->items = paths;
    list->count = count;
}

/* What can't be read is no compiled file: whoever reads it as a list says why. */
static bool is_compiled(const char *path)
{
    char start[64];
    FILE *file = fopen(path, "rbe");
    size_t size = file != NULL ? fread(start, 1, sizeof start, file) : 0;
    if (file != NULL)
        (void)fclose(file);
    return rule_image_is((struct view){start, size});
}

/* Lists into `list`, compiled files into opened->options.rules. */
static void take_paths(const struct argument_list *texts, struct rules_opened *opened,
                       struct option_list *list, struct view *paths)
{
    struct option_list *compiled = &opened->options.rules;
    compiled->items = opened->compiled;
    list->items = paths;
    for (unsigned i = 0; i < texts->count; i++) {
        struct view path = view_of_string(texts->texts[i]);
        if (is_compiled(texts->texts[i]))
            opened->compiled[compiled->count++] = path;
        else
            paths[list->count++] = path;
    }
}

static void options_by_hand(const struct rules_texts *texts, struct rules_opened *opened)
{
    _Static_assert((int)ARGUMENT_LIST_MAX <= (int)RULE_LOAD_FILES_MAX, "paths has room");
    struct classify_options *options = &opened->options;
    take_paths(&texts->hosts, opened, &options->hosts, opened->paths);
    take_paths(&texts->apps, opened, &options->apps, opened->paths + RULE_LOAD_FILES_MAX);
    options->taxonomy = view_of_string(texts->taxonomy);
    options->support = number_of(texts->support, texts->support_default > 0 ? texts->support_default
                                                                            : RULE_LOAD_SUPPORT_DEFAULT);
    options->depth = number_of(texts->depth, RULE_LOAD_DEPTH_DEFAULT);
    if (options->rules.count > 0 && texts->depth == NULL && texts->support == NULL)
        options->depth = 0; /* both as they were compiled */
}

/* The configuration that is named, or the one that is shipped. */
static struct config *open_config(const struct rules_texts *texts, struct error *error)
{
    char shipped[FILE_PATH_SIZE];
    if (texts->config != NULL)
        return argument_config_quiet(texts->config, &texts->set, error);
    if (!file_find_data("config/pipeline.yaml", shipped, error))
        return NULL;
    return argument_config_quiet(shipped, &texts->set, error);
}

bool rules_input_open(const struct rules_texts *texts, struct rules_input *input, struct error *error)
{
    input->config = open_config(texts, error);
    return input->config != NULL;
}

void rules_input_close(struct rules_input *input)
{
    config_free(input->config);
    input->config = NULL;
}

static bool options_of_config(const struct rules_texts *texts, struct rules_opened *opened,
                              struct error *error)
{
    opened->config = open_config(texts, error);
    if (opened->config == NULL)
        return false;
    for (unsigned i = 0; opened->config->stages[i] != NULL; i++) {
        if (opened->config->stages[i] != &stage_classify || opened->config->stage_options[i] == NULL)
            continue;
        opened->options = *(const struct classify_options *)opened->config->stage_options[i];
        return true;
    }
    return error_fail(error, EXIT_STATUS_CONFIGURATION, texts->config, "name rules in its section classify",
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
    if (opened->options.hosts.count + opened->options.apps.count > RULE_LOAD_FILES_MAX ||
        opened->options.rules.count > RULE_LOAD_FILES_MAX)
        return error_fail(error, EXIT_STATUS_USAGE, NULL, NULL, "more than %d lists",
                          (int)RULE_LOAD_FILES_MAX);
    if (texts->without != NULL) {
        leave_out(&opened->options.hosts, texts->without, opened->paths);
        leave_out(&opened->options.apps, texts->without, opened->paths + RULE_LOAD_FILES_MAX);
    }
    opened->rules = rule_load(&opened->options, &opened->load, &opened->taxonomy, error);
    if (opened->rules == NULL &&
        opened->load.mistakes.count > 1) /* the error says the first, and how many more */
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

/* ---- which one ---- */

static const struct command subcommands[] = {
    {"compile", "makes of lists the one file that `classify.rules` maps", rules_compile},
    {"import", "turns a list of others, or a published taxonomy, into a file of ours", rules_import},
    {"lookup", "which rule decides for a host, a URL or an app, and which ones lost", rules_lookup},
    {"report", "coverage, contradictions, quality, what is blocked, and whom an interest gives away",
     rules_report},
    {"diff", "what changes when one list takes the place of another", rules_diff},
    {NULL, NULL, NULL},
};

int command_rules(int argc, char **argv)
{
    return subcommand_run("rules", subcommands, argc, argv);
}
