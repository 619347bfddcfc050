/*
 * What the subcommands of `clickveil dead-letters` share, and `clickveil explain --dead-letter` with them.
 */
#ifndef CLICKVEIL_COMMANDS_DEAD_LETTERS_H
#define CLICKVEIL_COMMANDS_DEAD_LETTERS_H

#include "commands/argument.h"
#include "commands/argument_value.h"
#include "common/arena.h"
#include "common/config.h"
#include "common/dead_letter.h"
#include "common/dead_letter_marks.h"

enum {
    DEAD_LETTERS_TIMEOUT_MS = 30000,
    DEAD_LETTERS_ARENA_SIZE_MAX = 4 << 20, /* bytes; room for one letter */
};

/* --config and --set, for the tables of the subcommands. */
struct dead_letters_texts {
    const char *config;
    struct argument_list set;
};

#define DEAD_LETTERS_ARGUMENTS(texts)                                              \
    {.name = "config",                                                             \
     .letter = 'c',                                                                \
     .value = "FILE",                                                              \
     .text = &(texts).config,                                                      \
     .help = "the configuration"},                                                 \
    {                                                                              \
        .name = "set", .letter = 's', .value = "PATH=VALUE", .list = &(texts).set, \
        .help = "override an option of the configuration; may come again"          \
    }

#define DEAD_LETTERS_SECRET_HELP                                                       \
    "the secret half of the key pair, a key file or credential:NAME or fd:N, as keys " \
    "in a configuration are named"

/* Which letters are meant. */
struct dead_letters_filter {
    struct argument_list reasons; /* none: all */
    const char *since, *until;    /* as given; NULL: no bound */
    int64_t since_ms, until_ms;   /* Unix epoch, until exclusive */
};

#define DEAD_LETTERS_FILTER_ARGUMENTS(filter)                                                            \
    {.name = "reason",                                                                                   \
     .letter = 'r',                                                                                      \
     .value = "REASON",                                                                                  \
     .list = &(filter).reasons,                                                                          \
     .help = "only those with this reason; may come again"},                                             \
        {.name = "since",                                                                                \
         .value = "TIME",                                                                                \
         .text = &(filter).since,                                                                        \
         .help = "only those that failed at or after this time: a date, which is its beginning in "      \
                 "UTC, RFC 3339 with zone, or epoch milliseconds"},                                      \
    {                                                                                                    \
        .name = "until", .value = "TIME", .text = &(filter).until, .help = "only those before this time" \
    }

/* Read the filter's times and look whether its reasons are any. False: said on standard error; end with EXIT_STATUS_USAGE. */
CLICKVEIL_MUST_CHECK bool dead_letters_filter_read(struct dead_letters_filter *filter,
                                                   const struct argument_table *table);

/* Is that reason among those that are wanted? */
bool dead_letters_filter_takes(const struct dead_letters_filter *filter, struct view reason);

/* Load the configuration, without a word where it can be used; nothing is logged from then on but by the command. NULL:
 * error says why. */
struct config *dead_letters_open(const struct dead_letters_texts *texts, struct error *error);

/* Read one committed letter and open it; it lives in the arena. False: nothing committed stands there, it is no letter, or it
 * can't be opened (exit status 65); or the topic can't be read. */
CLICKVEIL_MUST_CHECK bool dead_letters_fetch(const struct config *config, const struct secret *secret,
                                             struct dead_letter_place place, struct arena *arena,
                                             struct dead_letter *out_letter, struct error *error);

/* Progress of reading the topic, for a terminal; NULL where standard error is none. Ends with dead_letters_progress_end. */
void (*dead_letters_progress(void))(void *context, double ratio);
void dead_letters_progress_end(void);

/* "" of one, else "s". */
static inline const char *dead_letters_plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

int dead_letters_list(int argc, char **argv);
int dead_letters_show(int argc, char **argv);
int dead_letters_replay(int argc, char **argv);

#endif
