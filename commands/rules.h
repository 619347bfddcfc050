/*
 * What the subcommands of `clickveil rules` have in common: which lists are meant, and how they are opened.
 *
 * Names and rules are the operator's own words here, so answers repeat them; error texts repeat no name that was asked
 * for.
 *
 * One thread.
 */
#ifndef CLICKVEIL_COMMANDS_RULES_H
#define CLICKVEIL_COMMANDS_RULES_H

#include "commands/argument.h"
#include "common/config.h"
#include "common/error.h"
#include "stages/classify/rule_load.h"

/* What a command line says about which rules are meant. */
struct rules_texts {
    const char *config, *taxonomy, *depth, *support;
    struct argument_list set;
    struct argument_list hosts; /* host lists, or compiled files */
    struct argument_list apps;  /* app lists, or compiled files */
    unsigned support_default;   /* of lists given by hand, when the command line says nothing; 0: 5 */
    const char *without;        /* path of a list that is left out, or NULL */
};

/* The options that every subcommand has which works on the rules of a pipeline; `texts` is a static struct rules_texts. */
#define RULES_ARGUMENTS(texts)                                                                        \
    {.name = "config",                                                                                \
     .letter = 'c',                                                                                   \
     .value = "FILE",                                                                                 \
     .text = &(texts).config,                                                                         \
     .help = "the configuration whose section classify names the rules; the one that is shipped, if " \
             "nothing else says it"},                                                                 \
        {.name = "set",                                                                               \
         .letter = 's',                                                                               \
         .value = "PATH=VALUE",                                                                       \
         .list = &(texts).set,                                                                        \
         .help = "override an option of the configuration; may come again"},                          \
        {.name = "taxonomy",                                                                          \
         .value = "FILE",                                                                             \
         .text = &(texts).taxonomy,                                                                   \
         .help = "for lists given by hand: the taxonomy; the one that is shipped by default"},        \
        {.name = "depth",                                                                             \
         .value = "N",                                                                                \
         .text = &(texts).depth,                                                                      \
         .help = "for lists given by hand: deepest tier that is published, 2 to 6 (2)"},              \
    {                                                                                                 \
        .name = "support", .value = "M", .text = &(texts).support,                                    \
        .help = "for lists given by hand: fewest sites and apps behind an interest, 1 to 1000 (5)"    \
    }

/* Rules that are open. A zeroed struct may be closed. */
struct rules_opened {
    struct config *config; /* NULL: the lists were given by hand */
    struct classify_options options;
    struct view paths[2 * RULE_LOAD_FILES_MAX];    /* of the lists that options has */
    struct view compiled[2 * RULE_LOAD_FILES_MAX]; /* of the compiled files */
    struct rule_load load;
    struct taxonomy *taxonomy;
    struct rules *rules;
};

/* How events are to be read. A zeroed struct may be closed. */
struct rules_input {
    struct config *config;
};

/* The numbers alone. Said on standard error if not. */
CLICKVEIL_MUST_CHECK bool rules_numbers_good(const struct rules_texts *texts,
                                             const struct argument_table *table);

/* Is what the command line says about rules well-formed? If not, it is said on standard error. */
CLICKVEIL_MUST_CHECK bool rules_texts_good(const struct rules_texts *texts,
                                           const struct argument_table *table);

/* Open what the texts mean: lists given by hand, else a configuration, else the one that is shipped. *opened is zeroed
 * before; rules_close gives it back, also after a failure. Every mistake in a list goes to standard error. */
CLICKVEIL_MUST_CHECK bool rules_open(const struct rules_texts *texts, struct rules_opened *opened,
                                     struct error *error);
void rules_close(struct rules_opened *opened);

/* The configuration that the texts name, or the one that is shipped, for its section input. */
CLICKVEIL_MUST_CHECK bool rules_input_open(const struct rules_texts *texts, struct rules_input *input,
                                           struct error *error);
void rules_input_close(struct rules_input *input);

/* What is wrong with lists, to standard error, a line each. */
void rules_print_mistakes(const struct mistakes *mistakes);

int rules_diff(int argc, char **argv);
int rules_report(int argc, char **argv);
int rules_import(int argc, char **argv);
int rules_lookup(int argc, char **argv);
int rules_compile(int argc, char **argv);

#endif
