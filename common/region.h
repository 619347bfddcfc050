/*
 * Regions by ISO 3166-2, as events and programmes write them: a country (`US`) or a subdivision (`US-CA`).
 *
 * Pure; any thread.
 */
#ifndef CLICKVEIL_COMMON_REGION_H
#define CLICKVEIL_COMMON_REGION_H

#include "common/view.h"

enum { REGION_COUNTRY_SIZE = 2, REGION_SIZE_MAX = 6 };

/* Two capital letters, and perhaps a hyphen and one to three capital letters or digits. Of the United States the
 * subdivision must exist; those of other countries are not looked up. An absent view is none. */
bool region_is_valid(struct view text);

/* Do two letters name a subdivision of the United States? */
bool region_is_us_subdivision(const char code[2]);

/* The country of a valid region; borrows. */
static inline struct view region_country(struct view region)
{
    return (struct view){region.data, REGION_COUNTRY_SIZE};
}

#endif
