/*
 * Which field each hop may carry: one table, by which codecs write, dead letters are sealed and the documentation is
 * made (spec 3 and 4: the output is built from an allow-list, never by deleting).
 */
#ifndef CLICKVEIL_COMMON_HOP_H
#define CLICKVEIL_COMMON_HOP_H

#include "common/output.h"

#include <stdint.h>

enum hop {
    HOP_UNKNOWN = 0, /* carries nothing */
    HOP_EVENTS,      /* the operator's input */
    HOP_CONSENT_OUT,
    HOP_PSEUDONYMIZE_OUT,
    HOP_CLASSIFY_OUT,
    HOP_FEED,
    HOPS,
};

struct hop_field {
    const char *name; /* as in the JSON of the hop */
    unsigned hops;    /* bit (1u << hop): may be carried there */
    bool raw;         /* a raw identifier: only before pseudonymize */
    const char *help;
};

extern const struct hop_field hop_fields[]; /* ends with a zeroed entry */

/* May the field of that name be carried on that hop? Unknown names and hops: no. */
bool hop_carries(enum hop hop, const char *field);

enum hop hop_of_topic(enum topic_role topic);

#endif
