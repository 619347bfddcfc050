/*
 * pseudonymize: where identifiers end (spec 4).
 *
 * In come records with number, IMSI, IMEI or advertising ID, URL and everything else that consent had to see. Out go
 * pseudonyms, a host or an app, a time and the set of programmes, nothing else: the outgoing record is built new from
 * these fields, so a field that somebody adds to struct record is not carried on by being forgotten here. What `detailed`
 * programmes name besides goes on sealed (sealing.h), for publish alone.
 *
 * Only what a programme names goes on: an event of a type that is not in its `data` leaves the programme's set. A URL
 * becomes its host; what has none, or an IP address, says nothing about interests. Choices that turned to
 * `out` get their pseudonyms beside the chain (retract.h).
 */
#ifndef CLICKVEIL_STAGES_PSEUDONYMIZE_PSEUDONYMIZE_H
#define CLICKVEIL_STAGES_PSEUDONYMIZE_PSEUDONYMIZE_H

#include "common/stage.h"

/* The section `pseudonymize` of the configuration. */
struct pseudonymize_options {
    struct view key; /* source of the pseudonym key: path, credential:NAME or fd:N (common/secret.h) */
};

/* Index of pseudonymize_reasons. */
enum pseudonymize_reason {
    PSEUDONYMIZE_PREINSTALLED = 0,   /* DROP */
    PSEUDONYMIZE_DATA_NOT_NAMED,     /* DROP */
    PSEUDONYMIZE_IP_LITERAL,         /* DROP */
    PSEUDONYMIZE_URL_MALFORMED,      /* REJECT */
    PSEUDONYMIZE_HOST_MALFORMED,     /* REJECT */
    PSEUDONYMIZE_HOST_MISSING,       /* REJECT */
    PSEUDONYMIZE_APP_MISSING,        /* REJECT */
    PSEUDONYMIZE_SUBSCRIBER_MISSING, /* REJECT */
    PSEUDONYMIZE_REASONS,
};

extern const struct stage stage_pseudonymize;

#endif
