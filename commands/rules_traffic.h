/*
 * What people visited: events in the input format, or a list of names.
 *
 * One thread; reads a line at a time, in memory that does not grow.
 */
#ifndef CLICKVEIL_COMMANDS_RULES_TRAFFIC_H
#define CLICKVEIL_COMMANDS_RULES_TRAFFIC_H

#include "common/config.h"
#include "common/error.h"
#include "common/view.h"

#include <stdint.h>

/* One line. Views live until the visitor returns. */
struct rules_visit {
    bool app;
    struct view name; /* in its one spelling (rules_name.h); absent: there is none */
    const char
        *reason; /* why there is none: host_malformed, ip_literal, app_malformed, preinstalled; else NULL */
    struct view person; /* the line's canonical identifier; absent: a list of names has no people */
    uint64_t count;     /* visits: 1 of an event; of a list what it says, else 1 */
};

typedef bool rules_visitor(void *context, const struct rules_visit *visit, struct error *error);

struct rules_traffic_counts {
    uint64_t lines;
    uint64_t visits;     /* that the visitor got */
    uint64_t unreadable; /* lines that are no event, or no name */
    uint64_t removals;   /* of apps: bring nobody to anything */
};

/* Read events, one JSON object a line, as config.input says. "-": standard input. An event that can't be read is counted,
 * not visited. False: reading failed, or the visitor did. */
CLICKVEIL_MUST_CHECK bool rules_traffic_events(const struct config *config, const char *path,
                                               rules_visitor *visitor, void *context,
                                               struct rules_traffic_counts *out_counts, struct error *error);

/* Read names, the most visited first, a line each: NAME, NAME<TAB>VISITS, or RANK,NAME as the public rankings have it.
 * Empty lines and comments (#) are none. */
CLICKVEIL_MUST_CHECK bool rules_traffic_names(const char *path, bool app, rules_visitor *visitor,
                                              void *context, struct rules_traffic_counts *out_counts,
                                              struct error *error);

#endif
