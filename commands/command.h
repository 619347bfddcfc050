/*
 * A subcommand of the one binary. main.c is a table of them; each lives in a file of its own.
 */
#ifndef CLICKVEIL_COMMANDS_COMMAND_H
#define CLICKVEIL_COMMANDS_COMMAND_H

struct command {
    const char *name;
    const char *summary; /* one line for `clickveil --help` */
    int (*run)(int argc,
               char **argv); /* argv[0] is the command's name; gives the exit status (enum exit_status) */
};

int command_run(int argc, char **argv);
int command_check(int argc, char **argv);
int command_keygen(int argc, char **argv);
int command_keys(int argc, char **argv);
int command_gpp(int argc, char **argv);
int command_generate(int argc, char **argv);
int command_explain(int argc, char **argv);
int command_topics(int argc, char **argv);
int command_demo(int argc, char **argv);
int command_advertiser(int argc, char **argv);
int command_consent(int argc, char **argv);
int command_rules(int argc, char **argv);
int command_dead_letters(int argc, char **argv);

#endif
