/*
 * The key files that a configuration names: looking at them, and making those that are missing.
 *
 * Which they are: pseudonymize.key (the stage with a subject_key_path), publish.key (the one with a key_chain),
 * `suppression_key` (consent), named_fields.key, and the pair whose public half is dead_letters.public_key. Used by
 * `clickveil keygen`, `clickveil check` and by the demo.
 */
#ifndef CLICKVEIL_COMMON_KEY_FILES_H
#define CLICKVEIL_COMMON_KEY_FILES_H

#include "common/config.h"
#include "common/secret.h"

enum { KEY_FILE_PATH_SIZE = 4096 };

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

/* Look at each key file that the configuration names, as the stages will, and make none. */
void key_files_look(const struct config *config, key_file_visitor *visit, void *context);

#endif
