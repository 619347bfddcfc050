/*
 * Collects everything that is wrong with a configuration, so that one run tells all of it.
 *
 * Readers of files, option tables and checks report here in any order; lint_write sorts by file, line and column and
 * prints each as `file:line:column: error: what is wrong, what was probably meant`. It also remembers where each filled
 * value was written (lint_place), so that a check that needs two values can point at one.
 *
 * Values of the `kafka:` section never come here: they may be secrets. Text of others is quoted by lint_quote, which
 * cuts it and makes control characters visible.
 *
 * One thread. Everything lives in the arena that lint_init is given.
 */
#ifndef CLICKVEIL_COMMON_LINT_H
#define CLICKVEIL_COMMON_LINT_H

#include "common/arena.h"
#include "common/option.h"

#include <stdio.h>

enum {
    LINT_TEXT_SIZE = 512,      /* bytes of one message with its NUL; longer ones are cut */
    LINT_MESSAGES_MAX = 1000,  /* more are counted and not kept */
    LINT_QUOTE_SIZE = 64,      /* bytes of a quoted text with its NUL */
    LINT_SUGGEST_SIZE_MAX = 64 /* longer words get no suggestion */
};

struct lint_message;
struct lint_known_place;
struct lint_check;

struct lint {
    struct arena *arena;
    const struct option_place *around; /* where a check reports that gives no place; NULL: nowhere */
    struct lint_message *first;        /* newest first */
    struct lint_known_place *places;   /* newest first */
    struct lint_check *checks, *last_check;
    unsigned message_count; /* kept */
    unsigned error_count, warning_count;
    bool memory_short;
};

/* Prepare an empty lint. `arena` outlives it. */
void lint_init(struct lint *lint, struct arena *arena);

/* Note that a value stands at `place`. size: bytes of the member; group: it is a struct that has members of its own;
 * spoilt: a mistake in it is already reported, later ones at this place are left out. */
void lint_note_place(struct lint *lint, const void *member, size_t size, bool group, bool spoilt,
                     const struct option_place *place);

/* Call table->check on value later, by option_check_all. */
void lint_note_check(struct lint *lint, const struct option_table *table, const void *value);
void lint_run_checks(struct lint *lint);

/* What is reported without a place stands at that of the group `value` from here on; NULL: has none again. */
void lint_at_group(struct lint *lint, const void *value);

/* Print all messages in the order of files and places, one a line. */
void lint_write(const struct lint *lint, FILE *out);

/* Quote text for a message: at most LINT_QUOTE_SIZE - 1 bytes, in single quotes, cut with "...", bytes that are no
 * printable ASCII as '?'. Returns out. */
const char *lint_quote(struct view text, char out[LINT_QUOTE_SIZE]);

/* Keeps the nearest candidate to a word by edit distance (swap, insert, delete, change; case counts little). */
struct lint_suggestion {
    struct view word;
    struct view best; /* absent: nothing near enough */
    unsigned distance;
};

struct lint_suggestion lint_suggest(struct view word);
void lint_suggest_candidate(struct lint_suggestion *suggestion, struct view candidate);

/* "; did you mean 'x'?" or "" into out; returns out. */
const char *lint_suggestion_text(const struct lint_suggestion *suggestion, char out[LINT_QUOTE_SIZE + 20]);

#endif
