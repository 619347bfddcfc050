/*
 * The command line of a subcommand, by a table: parsing by the GNU conventions and the text of --help come from it.
 *
 * Only argument.c includes getopt.h, whose struct option is not ours (common/option.h).
 */
#ifndef CLICKVEIL_COMMANDS_ARGUMENT_H
#define CLICKVEIL_COMMANDS_ARGUMENT_H

#include <stdbool.h>

enum {
    ARGUMENTS_MAX = 32,     /* entries of a table */
    ARGUMENT_LIST_MAX = 64, /* how often a repeatable one may be given */
};

struct argument_list {
    const char *texts[ARGUMENT_LIST_MAX]; /* in the order given; borrow argv */
    unsigned count;
};

/* One option. Exactly one of flag, text and list is set; what they point to keeps its value unless the option is given. */
struct argument {
    const char *name;  /* long form, without dashes */
    char letter;       /* short form, or 0 */
    const char *value; /* name of its value in the help, "FILE"; NULL for a flag */
    const char *help;  /* what it does; longer texts are wrapped */
    bool *flag;
    const char **text; /* the last one given counts */
    struct argument_list *list;
};

struct argument_table {
    const char *command; /* "keygen" */
    const char *usage;   /* what stands behind `clickveil COMMAND`; several lines for several forms */
    const char *about;   /* paragraph under the usage */
    const struct argument *arguments;    /* ends with a zeroed entry; --help is added */
    unsigned operands_min, operands_max; /* what is no option */
    const char *notes;                   /* paragraph under the options, or NULL */
};

enum argument_result {
    ARGUMENT_WRONG = 0, /* said on standard error; end with EXIT_STATUS_USAGE */
    ARGUMENT_HELP,      /* printed on standard output; end with EXIT_STATUS_DONE */
    ARGUMENT_GO,        /* operands are argv[*out_first_operand] and following */
};

/* Parse argv (argv[0] is the command's name). Options may stand behind operands; `--` ends them. */
enum argument_result argument_parse(const struct argument_table *table, int argc, char **argv,
                                    int *out_first_operand);

/* Say on standard error what is wrong with the command line, and where help is. Returns EXIT_STATUS_USAGE. */
int argument_wrong(const struct argument_table *table, const char *what, ...)
    __attribute__((format(printf, 2, 3)));

#endif
