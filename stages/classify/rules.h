/*
 * The rules of one load: host rules and app rules, merged over all lists, with the taxonomy's depth, the support guard
 * and every deny settled, and their digest.
 *
 * At the same key deny wins over none, none over interests, and interests of several lists are joined. What lies
 * below a denied key is denied, whatever a list says about it there. An explicit `none` ends inheritance. A row of the
 * taxonomy that is denied in any list comes out of none, nor does a row below it; a rule that is left without an interest
 * by that is denied itself.
 *
 * Immutable once made, so all workers share them: any thread, until rules_free.
 */
#ifndef CLICKVEIL_STAGES_CLASSIFY_RULES_H
#define CLICKVEIL_STAGES_CLASSIFY_RULES_H

#include "stages/classify/rule_file.h"
#include "stages/classify/taxonomy.h"

struct rule_source {
    enum rule_file_kind kind;
    const char *name;  /* of the file; lives as long as the mistakes */
    struct view bytes; /* needed during rules_new only */
};

struct rules_settings {
    unsigned depth;   /* deepest tier that is published, from 1; deeper rows become their row at that tier */
    unsigned support; /* fewest sites and apps behind an interest, 1 to SUPPORT_LEAST_MAX */
};

/* An interest that the support guard did not let through. */
struct rules_unsupported {
    uint16_t interest;
    uint16_t result; /* the row above that stands for it; 0: dropped */
    unsigned backers;
};

struct rules_totals {
    uint64_t hosts;       /* rules on hosts, after merging */
    uint64_t apps;        /* rules on apps and prefixes */
    uint64_t interests;   /* distinct ones that can come out */
    uint64_t unsupported; /* interests that were rolled up or dropped for want of backers */
    uint64_t
        digest; /* first 8 bytes, big endian, of BLAKE2b over the rules as they decide, wherever they came from */
};

struct rules;

/* What a look-up found. Borrows from the rules. */
struct rule_answer {
    enum rule_kind kind;
    unsigned interest_count;
    const uint16_t *interests; /* rising; for RULE_INTERESTS */
    struct view key;           /* of the rule that decided; absent: none did */
};

/* Make rules from lists. NULL: *mistakes says what is wrong with them, or *error when memory is short or no mistake was
 * made but nothing is there to be loaded. */
struct rules *rules_new(const struct taxonomy *taxonomy, const struct rule_source *sources,
                        unsigned source_count, const struct rules_settings *settings,
                        struct mistakes *mistakes, struct error *error);
void rules_free(struct rules *rules); /* NULL is fine */

/* No allocation, no I/O. host: normalised (common/host.h). */
struct rule_answer rules_host(const struct rules *rules, struct view host);
struct rule_answer rules_app(const struct rules *rules, struct view app);

const struct rules_totals *rules_totals(const struct rules *rules);

/* Go through the rules of a kind, in byte order of their keys. *position: 0 at first. False: that was all. */
CLICKVEIL_MUST_CHECK bool rules_next(const struct rules *rules, enum rule_file_kind kind, size_t *position,
                                     struct rule_answer *out_rule);

/* The lists that the rules were made from: a line each of kind (`hosts`, `apps`), name without folder, number of its good
 * rows, source, date and licence as its head says them (empty: it does not), with tabs between, in byte order. Borrows. */
struct view rules_lists(const struct rules *rules);

/* Are the rules still what was loaded? False: their file was changed under them and no copy could be kept
 * in time (common/mapped_file.h); what they decided since the last time this was asked must not be committed. Any thread. */
bool rules_are_whole(const struct rules *rules);

/* Interests that the support guard did not let through, by rising identifier; *out_count of them. */
const struct rules_unsupported *rules_unsupported(const struct rules *rules, unsigned *out_count);

#endif
