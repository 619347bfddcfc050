/*
 * Names and how often each was counted. A name gets a number, from 0, in the order of its first time.
 *
 * Memory grows with the different names (some 60 bytes and the name each), up to RULES_TALLY_NAMES_MAX of them. One thread.
 */
#ifndef CLICKVEIL_COMMANDS_RULES_TALLY_H
#define CLICKVEIL_COMMANDS_RULES_TALLY_H

#include "common/error.h"
#include "common/view.h"

#include <stdint.h>

enum { RULES_TALLY_NAMES_MAX = 30000000 };

struct rules_tally;

struct rules_tally_name {
    struct view name; /* until the next rules_tally_add */
    bool app;         /* an app and a host of one name are two */
    uint64_t count;
};

struct rules_tally *rules_tally_new(struct error *error);
void rules_tally_free(struct rules_tally *tally); /* NULL is fine */

/* Count a name of up to 255 bytes. False: too many names, or memory is short. */
CLICKVEIL_MUST_CHECK bool rules_tally_add(struct rules_tally *tally, bool app, struct view name,
                                          uint64_t count, uint32_t *out_number, struct error *error);

/* Its number. False: it was never counted. */
CLICKVEIL_MUST_CHECK bool rules_tally_find(const struct rules_tally *tally, bool app, struct view name,
                                           uint32_t *out_number);

uint32_t rules_tally_names(const struct rules_tally *tally);
struct rules_tally_name rules_tally_at(const struct rules_tally *tally, uint32_t number);

/* The numbers of all hosts, or of all apps, the most counted first; of equals the one that came first. The caller's to
 * free. NULL: memory is short. */
uint32_t *rules_tally_ranked(const struct rules_tally *tally, bool app, uint32_t *out_count,
                             struct error *error);

#endif
