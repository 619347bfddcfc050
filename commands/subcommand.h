/*
 * A command that has subcommands: `clickveil COMMAND SUBCOMMAND ...`.
 */
#ifndef CLICKVEIL_COMMANDS_SUBCOMMAND_H
#define CLICKVEIL_COMMANDS_SUBCOMMAND_H

#include "commands/command.h"

/* Run the subcommand that argv[1] names, with argv + 1; its exit status. `--help` and `-h` print what there is. Without a
 * name, or with one that is not in the table: EXIT_STATUS_USAGE, and standard error says what may be written. subcommands
 * ends with a NULL name; its `summary`s are a line of that help each. */
int subcommand_run(const char *command, const struct command *subcommands, int argc, char **argv);

#endif
