/*
 * Names that a command is asked about, in the spelling that rules are looked up by.
 *
 * Pure; any thread.
 */
#ifndef CLICKVEIL_COMMANDS_RULES_NAME_H
#define CLICKVEIL_COMMANDS_RULES_NAME_H

#include "common/host.h"
#include "common/view.h"
#include "stages/classify/rule_index.h"

enum {
    RULES_NAME_SIZE_MAX = RULE_KEY_SIZE_MAX, /* bytes of a name in its one spelling */
    RULES_LINE_SIZE_MAX = 16384, /* of a line that names one; longer than any URL that a browser keeps */
};

/* A host as it is, or that of a URL (what has `://` is one). Written into space. Absent: it has none, and *out_reason is
 * host_malformed or ip_literal. */
struct view rules_name_host(struct view text, char space[RULES_NAME_SIZE_MAX], const char **out_reason);

/* An app ID, in lower case. Absent: *out_reason is app_malformed. */
struct view rules_name_app(struct view text, char space[RULES_NAME_SIZE_MAX], const char **out_reason);

/* Either. */
struct view rules_name(bool app, struct view text, char space[RULES_NAME_SIZE_MAX], const char **out_reason);

#endif
