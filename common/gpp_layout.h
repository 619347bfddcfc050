/*
 * What a section of a GPP string looks like: its fields in their order, by their published names, and what each means.
 *
 * A core sub-section is a version of six bits and then nothing but answers of two bits, so three answers fit each
 * character exactly. A layout is the list of these answers, its slots. Tables in gpp_layout.c, with their sources.
 *
 * Immutable; any thread.
 */
#ifndef CLICKVEIL_COMMON_GPP_LAYOUT_H
#define CLICKVEIL_COMMON_GPP_LAYOUT_H

#include "common/national.h"

enum {
    GPP_SECTION_TCF_EU = 2,
    GPP_SECTION_HEADER = 3,
    GPP_SECTION_TCF_CA = 5,
    GPP_SECTION_US_PRIVACY = 6,
    GPP_SECTION_NATIONAL = 7,
    GPP_SECTION_MSPA_FIRST = 24, /* from here on MspaVersion comes first */
    GPP_SECTION_LAST = 27,       /* the last one that this version decides */
    GPP_SECTION_ID_MAX = 65535,  /* what no section will ever have; a higher one is no section's */
    GPP_SLOTS_MAX = 40,          /* answers of a section, its sub-section's included */
};

/* One answer of two bits. */
struct gpp_slot {
    const char *field; /* published name */
    const char *
        label; /* of a slot in a list, shortened from the published text; NULL: the field is this answer alone */
    national_set national; /* what it means; several where one slot is about several things */
};

enum gpp_sub_section {
    GPP_SUB_NONE = 0,  /* the section has none */
    GPP_SUB_GPC,       /* SubsectionType (2 bits, 1) and Gpc (1 bit) */
    GPP_SUB_SENSITIVE, /* untyped: sensitive data, in `sub_slots` */
};

struct gpp_layout {
    unsigned id;
    unsigned version;   /* that the first six bits must have */
    const char *name;   /* client side API prefix */
    const char *place;  /* in English */
    const char *opener; /* name of the first six bits */
    const struct gpp_slot *slots;
    unsigned slot_count;
    enum gpp_sub_section sub;
    const struct gpp_slot *sub_slots;
    unsigned sub_slot_count;
};

/* The layout of a section 7 to 27 in this version; NULL: not published, or no such section. */
const struct gpp_layout *gpp_layout_find(unsigned id, unsigned version);

/* All layouts, for tools: NULL behind the last one. */
const struct gpp_layout *gpp_layout_at(unsigned index);

#endif
