/*
 * What the subcommands of `clickveil consent` share.
 */
#ifndef CLICKVEIL_COMMANDS_CONSENT_H
#define CLICKVEIL_COMMANDS_CONSENT_H

#include "commands/argument.h"
#include "commands/argument_value.h"
#include "commands/consent_subjects.h"
#include "common/config.h"

enum { CONSENT_TIMEOUT_MS = 30000, CONSENT_SUBJECT_TEXT_SIZE = 256 };

/* --config and --set, for the tables of the subcommands. */
struct consent_texts {
    const char *config;
    struct argument_list set;
};

#define CONSENT_ARGUMENTS(texts)                                                   \
    {.name = "config",                                                             \
     .letter = 'c',                                                                \
     .value = "FILE",                                                              \
     .text = &(texts).config,                                                      \
     .help = "the configuration"},                                                 \
    {                                                                              \
        .name = "set", .letter = 's', .value = "PATH=VALUE", .list = &(texts).set, \
        .help = "override an option of the configuration; may come again"          \
    }

#define CONSENT_STATUS_NOTE                                                                                  \
    "Exit status: 0 done, 64 wrong usage, 65 bad input, 69 the broker or the topic is not there, 74 an I/O " \
    "error, "                                                                                                \
    "78 bad configuration. No identifier is printed, logged or part of a message."

/* Load the configuration, without a word where it can be used; nothing is logged from then on but by the command. NULL:
 * error says why. */
struct config *consent_open(const struct consent_texts *texts, struct error *error);

/* How subjects are written where lines are of that kind, static. */
const char *consent_subject_form(enum identifier_kind line_kind);

/* "" of one, else "s". */
static inline const char *consent_plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

/* Read a subject as a key of the topic (line:ID, account:ID, device:imei:ID, device:maid:ID); "-" is a line of standard
 * input. Says what is wrong by itself, and never the subject. */
CLICKVEIL_MUST_CHECK bool consent_subject_read(const char *text, const struct config *config,
                                               struct consent_key *out_key, struct error *error);

/* May subjects of that kind have stored choices (consent.subjects)? A record of another one stops the pipeline. */
bool consent_takes(const struct config *config, const struct consent_key *key);

/* Progress of reading the topic, for a terminal; NULL where standard error is none. Ends with consent_progress_end. */
void (*consent_progress(void))(void *context, double ratio);
void consent_progress_end(void);

/* Number of a programme's name in the configuration, or `*`. */
bool consent_knows(const struct config *config, struct view name);

/* Print an answer in JSON and a line break. */
struct json_writer;
int consent_print_json(const struct json_writer *writer);

/* Which `in`s of a change will not count, and what would make them: as text, and as members of an object. */
void consent_print_ins(const struct consent_ins *ins);
void consent_json_ins(struct json_writer *writer, const struct consent_ins *ins);

const char *consent_kind_name(const struct consent_key *key); /* "line", "device:imei", ... */

int consent_get(int argc, char **argv);
int consent_set(int argc, char **argv);
int consent_import(int argc, char **argv);
int consent_export(int argc, char **argv);
int consent_status(int argc, char **argv);
int consent_confirm(int argc, char **argv);

#endif
