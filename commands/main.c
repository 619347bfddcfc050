/* clickveil: the table of subcommands. */
#include "commands/command.h"
#include "common/error.h"
#include "common/lint.h"
#include "common/version.h"

#include <stdio.h>
#include <string.h>

static const struct command commands[] = {
    {"run", "runs the configured stages, on Kafka or over files", command_run},
    {"check", "lints a configuration, prints the reference of options", command_check},
    {"demo", "the whole chain on an embedded broker with sample data, in seconds", command_demo},
    {"explain", "one event in, each stage's decision and its reason out", command_explain},
    {"generate", "sample events, consents and rules, seeded, of any size", command_generate},
    {"gpp", "decodes a consent string and says which decision follows and why", command_gpp},
    {"keygen", "makes the key files that a configuration names and that are missing", command_keygen},
    {"keys", "show, advance: the chain of keys of publish", command_keys},
    {"rules", "compile, import, lookup, report, diff: lists of hosts and apps", command_rules},
    {"topics", "plan and create: every topic that a configuration needs", command_topics},
    {"consent", "get, set, import, export, status, confirm: the consent topic", command_consent},
    {"dead-letters", "list, show, replay: inputs that could not be processed", command_dead_letters},
    {"advertiser", "check: reads a feed as an advertiser does", command_advertiser},
    {NULL, NULL, NULL},
};

static void print_help(FILE *out)
{
    fputs("usage: clickveil COMMAND [OPTION]...\n\n"
          "A subscriber clickstream in, an advertiser feed out: consent -> pseudonymize -> classify -> "
          "publish.\n\n"
          "commands:\n",
          out);
    for (const struct command *command = commands; command->name; command++)
        fprintf(out, "  %-14s %s\n", command->name, command->summary);
    fputs("\n`clickveil COMMAND --help` explains one of them.\n", out);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return EXIT_STATUS_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return EXIT_STATUS_DONE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("clickveil " CLICKVEIL_VERSION);
        return EXIT_STATUS_DONE;
    }
    for (const struct command *command = commands; command->name; command++) {
        if (strcmp(argv[1], command->name) == 0)
            return command->run(argc - 1, argv + 1);
    }
    char suggested[LINT_QUOTE_SIZE + 20];
    struct lint_suggestion suggestion = lint_suggest(view_of_string(argv[1]));
    for (const struct command *command = commands; command->name; command++)
        lint_suggest_candidate(&suggestion, view_of_string(command->name));
    fprintf(stderr, "clickveil: there is no command '%.64s'%s\nclickveil --help lists them\n", argv[1],
            lint_suggestion_text(&suggestion, suggested));
    return EXIT_STATUS_USAGE;
}
