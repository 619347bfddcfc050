/*
 * Sample events and choices: seeded, of any size, about nobody.
 *
 * Everything is a pure function of the options and an index, so the same seed gives the same bytes on every machine,
 * any part of a sample can be made alone, and a million subscribers take no memory. Identifiers come from ranges that
 * nobody can own (docs/sample-data.md): numbers from country code 999, IMSI from the private MCC 999, IMEI from the
 * test range 00, IP addresses from RFC 5737 and RFC 3849, unknown hosts below .example.
 *
 * What people do is shaped like life: hosts and apps by Zipf's law out of rule lists, a person's favourites come back,
 * family plans share an account, some lines are a child's or a business's, some browsers send GPC or a US Privacy
 * string. An event is about 500 bytes, with fields that clickveil ignores (user agent, IP address, referrer, path).
 *
 * One thread per generator.
 */
#ifndef CLICKVEIL_COMMON_GENERATE_H
#define CLICKVEIL_COMMON_GENERATE_H

#include "common/error.h"
#include "common/generate_names.h"
#include "common/record.h"
#include "common/view.h"

#include <stdint.h>
#include <stdio.h>

enum {
    GENERATE_BRANDS_MAX = 16,
    GENERATE_BRAND_SIZE_MAX = 32, /* bytes of a brand's or programme's name */
    GENERATE_SUBSCRIBERS_MAX = 1 << 30,
    GENERATE_VALUE_SIZE_MAX = 2048, /* bytes of any value made here */
};

/* Kinds of bad events; bad_kind of a generated event. */
enum generate_bad {
    GENERATE_GOOD = 0,
    GENERATE_BAD_TRUNCATED,
    GENERATE_BAD_NOT_JSON,
    GENERATE_BAD_MISSING_FIELD,
    GENERATE_BAD_UNKNOWN_TYPE,
    GENERATE_BAD_FIELD_TYPE,
    GENERATE_BAD_DUPLICATE_KEY,
    GENERATE_BAD_INVALID_UTF8,
    GENERATE_BAD_SUBSCRIBER,
    GENERATE_BAD_FUTURE, /* two days ahead of its timestamp */
    GENERATE_BAD_LATE,   /* ten days behind: no dead letter, dropped as too late */
    GENERATE_BAD_KINDS,
};

struct generate_options {
    uint64_t seed;
    uint64_t events;      /* how many there are; decides how they spread over duration_ms */
    uint64_t subscribers; /* lines, 1 to GENERATE_SUBSCRIBERS_MAX */
    double opt_out_share; /* of lines with an `out` of their own or of their account, 0 to 1 */
    double opt_in_share;  /* of the others with an `in` of their own */
    double bad_share;     /* of events that are bad in one way or another */
    int64_t start_ms;     /* Unix epoch: timestamp of the first event; choices were made before it */
    int64_t
        duration_ms; /* timestamps run evenly from start_ms up to, not including, start_ms + duration_ms */
    enum identifier_kind subscriber_kind;    /* E164, IMSI or OPAQUE */
    struct view brands[GENERATE_BRANDS_MAX]; /* borrowed; the first has half of the accounts */
    unsigned brand_count;                    /* 1 to GENERATE_BRANDS_MAX */
    struct view programme;                   /* borrowed; whom choices are for: a programme's name, or `*` */
    const struct generate_names *hosts, *apps; /* borrowed */
};

/* One record. Views live until the next call with the same generator. */
struct generated {
    struct view key;
    struct view value;
    int64_t timestamp_ms;  /* Unix epoch */
    enum generate_bad bad; /* events only */
};

/* Options with nothing wrong in them but lists, start, counts, brands: shares 20 %, 10 %, 0.1 %; one day; E.164. */
struct generate_options generate_defaults(void);

struct generator;

/* NULL: an option is out of its bounds (64), or memory is short; error says which. */
struct generator *generator_new(const struct generate_options *options, struct error *error);
void generator_free(struct generator *generator); /* NULL is fine */

/* Event number `index` (from 0, may go past options.events). Key: the subscriber, as in the event. */
void generator_event(struct generator *generator, uint64_t index, struct generated *out_event);

/* The next choice, each about one line or account, in no order of subscribers that means anything; false: that was
 * the last one. A key may come twice, the later one holds. */
CLICKVEIL_MUST_CHECK bool generator_next_consent(struct generator *generator, struct generated *out_consent);

/* A rule list of `rules` hosts below .example with interests of the IAB Audience Taxonomy 1.1, tier 2, seeded. False:
 * writing failed (74). */
CLICKVEIL_MUST_CHECK bool generate_rules(uint64_t seed, uint64_t rules, FILE *out, struct error *error);

#endif
