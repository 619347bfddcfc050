/*
 * The key of a row of a foreign list, in the form that rule files want. Pure; any thread.
 */
#ifndef CLICKVEIL_COMMANDS_IMPORT_KEY_H
#define CLICKVEIL_COMMANDS_IMPORT_KEY_H

#include "commands/import_report.h"
#include "common/host.h"
#include "common/view.h"

enum import_key_result {
    IMPORT_KEY_WRONG = 0, /* *out_fault and *out_why say what */
    IMPORT_KEY_PATH,      /* names a part of a site only */
    IMPORT_KEY_HOST,      /* out_host has it, on which a rule may stand */
};

/* A text is fit to be read at all: UTF-8, no control characters but tabs. */
CLICKVEIL_MUST_CHECK bool import_text_clean(struct view text, enum import_fault *out_fault,
                                            const char **out_why);

/* Without the spaces around it. */
struct view import_text_trim(struct view text);

/* text: a host in any spelling, a URL, `host/path`, or `.host`. */
enum import_key_result import_key_read(struct view text, char out_host[HOST_SIZE_MAX], size_t *out_size,
                                       enum import_fault *out_fault, const char **out_why);

/* Of a host that is normalised already: may a rule stand on it? */
CLICKVEIL_MUST_CHECK bool import_key_judge(struct view host, enum import_fault *out_fault,
                                           const char **out_why);

#endif
