/*
 * The sections of `clickveil rules report`. Each is a member of the answer in JSON, or a paragraph of text.
 *
 * One thread.
 */
#ifndef CLICKVEIL_COMMANDS_RULES_REPORT_H
#define CLICKVEIL_COMMANDS_RULES_REPORT_H

#include "commands/rules.h"
#include "commands/rules_people.h"
#include "commands/rules_print.h"
#include "commands/rules_rows.h"
#include "commands/rules_tally.h"
#include "commands/rules_traffic.h"

struct report {
    struct rules_opened opened;
    struct rules_rows *rows[2]; /* of hosts, of apps */
    bool json, app, blocked;
    uint64_t examples;                            /* of each kind, as text */
    double share;                                 /* of an interest's people that one site may bring */
    const char *names, *traffic, *labels, *leaks; /* paths, or NULL */
    const char *output;                           /* where the deny list goes, or NULL */
    struct rules_tally *tally;                    /* what was visited; NULL: nothing was given */
    struct rules_people *people;                  /* who visited it; NULL: no events were given */
    struct rules_traffic_counts counts;
    uint64_t unnamed[4]; /* visits without a name, by report_reasons */
    struct rules_piece piece;
};

extern const char *const report_reasons[4];

static inline enum rule_file_kind report_kind(bool app)
{
    return app ? RULE_FILE_APPS : RULE_FILE_HOSTS;
}

static inline struct rule_answer report_answer(const struct report *report, bool app, struct view name)
{
    return app ? rules_app(report->opened.rules, name) : rules_host(report->opened.rules, name);
}

static inline double report_share(uint64_t part, uint64_t whole)
{
    return whole == 0 ? 0 : (double)part / (double)whole;
}

/* rules_report_lists.c: what the lists are. */
CLICKVEIL_MUST_CHECK bool report_totals(struct report *report, struct error *error);
CLICKVEIL_MUST_CHECK bool report_interests(struct report *report, struct error *error);
CLICKVEIL_MUST_CHECK bool report_sensitive(struct report *report, struct error *error);
CLICKVEIL_MUST_CHECK bool report_conflicts(struct report *report, struct error *error);

/* rules_report_names.c: what they do to given names. */
CLICKVEIL_MUST_CHECK bool report_read_traffic(struct report *report, struct error *error);
CLICKVEIL_MUST_CHECK bool report_coverage(struct report *report, struct error *error);
CLICKVEIL_MUST_CHECK bool report_labels(struct report *report, struct error *error);
CLICKVEIL_MUST_CHECK bool report_leaks(struct report *report, struct error *error);

/* rules_report_people.c: whom an interest gives away. */
CLICKVEIL_MUST_CHECK bool report_people(struct report *report, struct error *error);

#endif
