/*
 * The record `meta:confirm` of the consent topic: somebody has looked, and it is meant (spec 3, rule 8).
 *
 * Written by `clickveil consent confirm` and `consent import --expect-in`, read by the brake of every process. Value:
 * {"entries": N, "at": MS} and, of an announcement, "expect_in": M, "until": MS. No identifier, no name of a person.
 */
#ifndef CLICKVEIL_COMMON_CONSENT_CONFIRMATION_H
#define CLICKVEIL_COMMON_CONSENT_CONFIRMATION_H

#include "common/view.h"

#include <stdint.h>

#define CONSENT_CONFIRMATION_KEY VIEW("meta:confirm")

enum { CONSENT_CONFIRMATION_SIZE_MAX = 256 }; /* bytes of a value */

struct consent_confirmation {
    uint64_t entries;   /* subjects with a stored choice, as its author saw them */
    uint64_t expect_in; /* new `in`s that will come; 0: none are announced */
    int64_t at_ms;      /* Unix epoch */
    int64_t until_ms;   /* of an announcement: later `in`s are not covered */
};

/* Read a value. False: it is none, and counts for nothing. */
CLICKVEIL_MUST_CHECK bool consent_confirmation_read(struct view value,
                                                    struct consent_confirmation *out_confirmation);

/* Write one; returns its bytes. */
size_t consent_confirmation_write(const struct consent_confirmation *confirmation,
                                  char out_text[CONSENT_CONFIRMATION_SIZE_MAX]);

#endif
