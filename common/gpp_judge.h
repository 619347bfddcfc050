/*
 * The decision about `gpp` and `gpp_sid` together (spec 3, "Absent is not unknown", and what follows on GPP).
 *
 * Every US section of the string is decided, whatever gpp_sid says, and one that denies denies. gpp_sid can only
 * deny: a section that it names must be there. Sections 1, 2, 4, 5 and those above 27 decide nothing and are counted;
 * TCF (2, 5) denies where the region asks for it, since it is not decoded; a section above 27 denies where gpp_sid
 * names it, and where no US section stands beside it.
 *
 * Pure; any thread; no allocation.
 */
#ifndef CLICKVEIL_COMMON_GPP_JUDGE_H
#define CLICKVEIL_COMMON_GPP_JUDGE_H

#include "common/gpp.h"
#include "common/record.h"

typedef uint32_t gpp_set; /* bit i: section i, up to 27 */
#define GPP_SET(id) ((gpp_set)1 << (id))

struct gpp_verdict {
    /* The first objection, for programmes whose exclude.under_age is 18 or more, and for others. */
    enum signal_reason adult, minor;
    gpp_set tcf;      /* TCF sections that are there */
    unsigned decided; /* sections that were judged */
    unsigned ignored; /* sections that decide nothing */
};

/* For tools that show how a decision came about: called for every section and every objection, in order. */
struct gpp_watch {
    void *context;
    void (*section)(void *context, const struct gpp_section *section);
    /* section: NULL when it is about the string or gpp_sid. rule: NULL when something could not be read or is
     * missing. */
    void (*objection)(void *context, enum signal_reason reason, const struct gpp_section *section,
                      const struct national_rule *rule);
};

/* Judge. The texts count only where the presence says so. watch: NULL is fine; then it ends with the first
 * objection. */
void gpp_judge(enum presence gpp_presence, struct view gpp, enum presence sid_presence, struct view sid,
               const struct gpp_watch *watch, struct gpp_verdict *out_verdict);

/* The reason for one programme; `asked`: the TCF sections that the region asks for. */
enum signal_reason gpp_verdict_reason(const struct gpp_verdict *verdict, int64_t under_age, gpp_set asked);

/* TCF sections that a region, ISO 3166-2, asks for: section 2 in the EEA, the United Kingdom and Switzerland, 5 in
 * Canada. Absent or unknown: none. */
gpp_set gpp_asked_in(struct view region);

#endif
