/*
 * A programme: a named purpose with its regime by region, brands, dates, exclusions and kinds of feed (spec 1, 9).
 *
 * The struct is filled by its option table from one file of config/programmes/ each. Consent decides by it,
 * pseudonymize takes the named fields from it, publish the kinds of feed.
 */
#ifndef CLICKVEIL_COMMON_PROGRAMME_H
#define CLICKVEIL_COMMON_PROGRAMME_H

#include "common/option.h"

enum regime {
    REGIME_UNKNOWN = 0, /* denies */
    REGIME_OFF,         /* nobody, whatever they chose */
    REGIME_OPT_IN,      /* only with an `in` */
    REGIME_OPT_OUT,     /* enrolled, may opt out */
};

enum feed_kind {
    FEED_KIND_UNKNOWN = 0,
    FEED_KIND_INTERESTS,
    FEED_KIND_GROUPS,
    FEED_KIND_DETAILED,
};

enum programme_data {
    PROGRAMME_DATA_UNKNOWN = 0,
    PROGRAMME_DATA_BROWSE,
    PROGRAMME_DATA_APP_USE,
    PROGRAMME_DATA_APP_INSTALL, /* app_remove goes with app_use and app_install */
};

/* What detailed feeds can show beside interests. */
enum named_field {
    NAMED_FIELD_UNKNOWN = 0,
    NAMED_FIELD_ADVERTISING_ID, /* MAID of the device */
    NAMED_FIELD_REGION,         /* billing state, ISO 3166-2 */
    NAMED_FIELD_AGE_BAND,       /* by the year of birth */
    NAMED_FIELDS,
};

enum unknown_age {
    UNKNOWN_AGE_UNSET = 0,
    UNKNOWN_AGE_ALLOW, /* missing birth year: not under age, unless the plan is `child` */
    UNKNOWN_AGE_DENY,
};

struct programme_exclude {
    struct option_list plans; /* views: business, child, ... */
    int64_t under_age;        /* years; 0: nobody by age */
};

struct programme {
    struct view name;            /* `programme:`; [a-z0-9_-]{1,32} */
    int regime;                  /* enum regime */
    struct option_list regions;  /* option_enum_pair: ISO 3166-2 -> enum regime */
    struct view region_default;  /* region taken when the event has none; absent: the strictest regime */
    struct option_list brands;   /* views */
    int64_t from_day, until_day; /* days since 1970-01-01 or OPTION_DATE_UNSET; until is exclusive */
    struct view timezone;        /* IANA name; midnight of from and until, and the event's year */
    struct option_list data;     /* ints: enum programme_data */
    struct programme_exclude exclude;
    int unknown_age;                 /* enum unknown_age */
    struct option_list kinds;        /* ints: enum feed_kind */
    struct option_list predecessors; /* views: names of programmes, known here or not */
    struct option_list in_by;        /* ints: 1 line, 2 account: subjects whose `in` counts */
    struct option_list fields;       /* ints: enum named_field, of `detailed` feeds */
    struct option_place place;       /* of `programme:` */
};

/* Types of events that its `data` names: bit 1u << enum event_type. app_remove goes with app_use and app_install
 * (spec 9). Any thread. */
unsigned programme_event_types(const struct programme *programme);

/* Fields that it names: bit 1u << enum named_field. Any thread. */
unsigned programme_named_fields(const struct programme *programme);

extern const struct option_table programme_option_table;

#endif
