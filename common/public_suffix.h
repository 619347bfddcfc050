/*
 * Public suffixes: the names below which anybody may register one (`co.uk`, `github.io`).
 *
 * The Public Suffix List as libpsl carries it, private section included: what lies below `github.io` belongs to
 * different people, so a rule on it would speak of all of them (spec 5). Names that the list does not know count as
 * the list's own default says: their last label is a public suffix. Slow (about 0.5 microseconds): for loading and
 * reports, not for events.
 *
 * Thread: any; the list is constant. Source: publicsuffix.org.
 */
#ifndef CLICKVEIL_COMMON_PUBLIC_SUFFIX_H
#define CLICKVEIL_COMMON_PUBLIC_SUFFIX_H

#include "common/view.h"

enum public_suffix {
    PUBLIC_SUFFIX_YES = 0, /* a suffix, or no list is there to ask: no rule may stand on it */
    PUBLIC_SUFFIX_NO,
};

/* Is this name itself a public suffix? name: normalised (common/host.h), or a single label. */
enum public_suffix public_suffix_judge(struct view name);

/* The registrable domain of a normalised name: the public suffix and one label more; a view into `name`. Absent when the
 * name is itself a public suffix. */
struct view public_suffix_registrable(struct view name);

#endif
