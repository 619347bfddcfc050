#include "commands/subcommand.h"

#include "common/error.h"

#include <stdio.h>
#include <string.h>

static void print_help(FILE *out, const char *command, const struct command *subcommands)
{
    fprintf(out, "usage: clickveil %s SUBCOMMAND [OPTION]...\n\n", command);
    for (const struct command *each = subcommands; each->name; each++)
        fprintf(out, "  %-10s %s\n", each->name, each->summary);
    fprintf(out, "\n`clickveil %s SUBCOMMAND --help` explains one of them.\n", command);
}

/* What was typed is not repeated: it may be a subject in the wrong place. */
static void print_wrong(const char *command, const struct command *subcommands)
{
    fprintf(stderr, "clickveil %s: write ", command);
    for (const struct command *each = subcommands; each->name; each++)
        fprintf(stderr, "%s%s", each == subcommands ? "" : each[1].name ? ", " : " or ", each->name);
    fprintf(stderr, "; see clickveil %s --help\n", command);
}

int subcommand_run(const char *command, const struct command *subcommands, int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        print_help(stdout, command, subcommands);
        return EXIT_STATUS_DONE;
    }
    for (const struct command *each = subcommands; each->name; each++) {
        if (strcmp(name, each->name) == 0)
            return each->run(argc - 1, argv + 1);
    }
    if (*name)
        print_wrong(command, subcommands);
    else
        print_help(stderr, command, subcommands);
    return EXIT_STATUS_USAGE;
}
