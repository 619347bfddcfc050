/*
 * Time zones by their IANA name, without the C library's TZ and localtime, which are one per process.
 *
 * Programmes begin and end at midnight in their time zone, and the year of an event is judged there (spec 2, 3). A zone
 * is loaded once from the system's zoneinfo database (TZif, RFC 8536; Debian package tzdata) and is immutable
 * afterwards: every function but load and free may be called from any thread. "UTC" needs no database.
 */
#ifndef CLICKVEIL_COMMON_ZONE_H
#define CLICKVEIL_COMMON_ZONE_H

#include "common/error.h"
#include "common/view.h"

#include <stdint.h>

#define ZONE_DIRECTORY "/usr/share/zoneinfo"

struct zone;

/* Load by name, such as "America/New_York". Names with "..", a leading "/" or other characters than letters, digits,
 * `_`, `-`, `+` and `/` are refused, and so are the `posix` and `right` trees. NULL: error says why and what was
 * probably meant; EXIT_STATUS_CONFIGURATION. */
struct zone *zone_load(struct view name, struct error *error);

/* The same from another directory (tests). */
struct zone *zone_load_from(const char *directory, struct view name, struct error *error);

/* NULL is fine. */
void zone_free(struct zone *zone);

/* Seconds east of UTC at an instant (Unix epoch, ms). NULL is UTC. */
int32_t zone_offset_s(const struct zone *zone, int64_t instant_ms);

/* First instant (Unix epoch, ms) at which the local date is `day` (days since 1970-01-01) or later: local midnight, or
 * the end of the gap where a clock change skips it; the first of the two where a change repeats it. NULL is UTC. */
int64_t zone_midnight_ms(const struct zone *zone, int64_t day);

/* Local calendar year and local date (days since 1970-01-01) of an instant. NULL is UTC. */
int64_t zone_day(const struct zone *zone, int64_t instant_ms);
int32_t zone_year(const struct zone *zone, int64_t instant_ms);

#endif
