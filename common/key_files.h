/*
 * The key files that a configuration names: looking at them, and making those that are missing.
 *
 * Which they are: pseudonymize.key (the stage with a subject_key_path), publish.key (the one with a key_chain),
 * `suppression_key` (consent), named_fields.key, and the pair whose public half is dead_letters.public_key. Used by
 * `clickveil keygen`, `clickveil check` and by the demo; and by a process that runs, to see whether they are still what they
 * were.
 */
#ifndef CLICKVEIL_COMMON_KEY_FILES_H
#define CLICKVEIL_COMMON_KEY_FILES_H

#include "common/config.h"
#include "common/secret.h"

enum {
    KEY_FILE_PATH_SIZE = 4096,
    KEY_NOTES_MAX = 40, /* two a stage, and those of no stage */
};

enum key_file_state {
    KEY_FILE_UNKNOWN = 0,
    KEY_FILE_MADE,
    KEY_FILE_FOUND,     /* was there, and is good for its purpose */
    KEY_FILE_ELSEWHERE, /* comes from a credential or a descriptor: nothing to make */
    KEY_FILE_MISSING,   /* only key_files_look */
    KEY_FILE_WRONG,     /* no stage takes it; only key_files_look */
};

struct key_file {
    enum secret_purpose purpose;
    enum key_file_state state;
    const char *path;
    const char *id;            /* of the key; "" when there is none to tell of */
    const struct error *error; /* WRONG: why */
};

/* Told of each key file, as soon as it is there. The views end with the call. */
typedef void key_file_visitor(void *context, const struct key_file *file);

/* Path of the secret half of a pair, beside the public one: the ending `.pub` or `.public`, if there is one, becomes
 * `.secret`. False: too long. */
CLICKVEIL_MUST_CHECK bool key_file_secret_path(const char *public_path, char out_path[KEY_FILE_PATH_SIZE],
                                               struct error *error);

/* Make one key file, or for SECRET_DEAD_LETTER_PUBLIC both files of a pair; the path is the public half's. Not for
 * SECRET_PUBLISH, which goes by the epochs of a configuration. Refuses to overwrite: a file that exists is an error. */
CLICKVEIL_MUST_CHECK bool key_file_make(enum secret_purpose purpose, const char *path,
                                        key_file_visitor *visit, void *context, struct error *error);

/* Make the key files that the configuration names and that are missing. Those that exist are read, so that a wrong one
 * is told now; where only the secret half of the pair exists, the public one is made from it. Stops at the first error;
 * what was made until then stays. now_ms: a chain begins with the epoch before that moment's (ratchet_begin). */
CLICKVEIL_MUST_CHECK bool key_files_make(const struct config *config, int64_t now_ms, key_file_visitor *visit,
                                         void *context, struct error *error);

/* Look at each key file that the configuration names, as the stages of a `run` on Kafka will at that moment, and make
 * none. */
void key_files_look(const struct config *config, int64_t now_ms, key_file_visitor *visit, void *context);

/* Which keys a process works with, by their IDs: no part of it is secret. Those from descriptors, which serve once, are not
 * among them. */
struct key_notes {
    struct key_note {
        struct secret_place place; /* SECRET_PUBLISH */
        char id[SECRET_ID_TEXT_SIZE];
    } keys[KEY_NOTES_MAX];
    unsigned count;
};

/* Read each key file of the process's own stages, as their start does, and note whose key it is. False: error says why (78). */
CLICKVEIL_MUST_CHECK bool key_files_note(const struct config *config, struct key_notes *out_notes,
                                         struct error *error);

/* Read them again. False: one is missing or wrong now, or holds another key (78); error says which. A publish key may have
 * moved forward within its chain, and is noted where it is then. */
CLICKVEIL_MUST_CHECK bool key_files_stay(const struct config *config, struct key_notes *notes,
                                         struct error *error);

#endif
