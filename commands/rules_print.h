/*
 * How `clickveil rules` writes its answers: text for a terminal, and JSON piece by piece, since lists of ten million rules
 * are ordinary.
 *
 * All goes to standard output. One thread.
 */
#ifndef CLICKVEIL_COMMANDS_RULES_PRINT_H
#define CLICKVEIL_COMMANDS_RULES_PRINT_H

#include "common/error.h"
#include "common/json_writer.h"
#include "stages/classify/rules.h"

enum { RULES_PIECE_SIZE = 256 * 1024 }; /* bytes of one piece of JSON */

/* One piece that is being written. */
struct rules_piece {
    struct json_writer writer;
    bool comma; /* one goes before the next piece */
    char buffer[RULES_PIECE_SIZE];
};

/* "interests", "none", "deny", "unsupported", or "unknown" where no rule is. */
const char *rules_kind_name(enum rule_kind kind);

/* Text that came from outside, for a terminal: `?` for what is not printable ASCII. */
void rules_print_name(struct view name);

/* How a key is written in a list: a prefix of apps gets its star back. */
void rules_print_key(struct view key);

/* Interests with their names, or what else a rule says. */
void rules_print_answer(const struct taxonomy *taxonomy, enum rule_kind kind, const uint16_t *interests,
                        unsigned count);

/* Members of an object that is being written. Of an absent key: null. */
void rules_json_key(struct json_writer *writer, const char *name, struct view key);
void rules_json_interests(struct json_writer *writer, const char *name, const uint16_t *interests,
                          unsigned count);
/* {"kind": ..., "interests": [...]}; interests are empty unless that is what the rule says. */
void rules_json_answer(struct json_writer *writer, const char *name, const struct rule_answer *answer);

/* A list or an object whose pieces are written one after the other: text (`"new":[`, `]`) goes out as it is; what
 * follows an opening one needs no comma, what follows anything else does. */
void rules_piece_open(struct rules_piece *piece, const char *text);
void rules_piece_close(struct rules_piece *piece, const char *text);

/* Begin an element or some members: the writer is ready. Then write it out. A piece that does not fit is our own bug. */
struct json_writer *rules_piece_begin(struct rules_piece *piece);
void rules_piece_end(struct rules_piece *piece);

/* Members without the object around them. */
struct json_writer *rules_piece_begin_members(struct rules_piece *piece);
void rules_piece_end_members(struct rules_piece *piece);

/* Write out what waits in standard output. False: it can't be written. */
CLICKVEIL_MUST_CHECK bool rules_flush(struct error *error);

#endif
