/*
 * A consent record's value in the plain form, read in one pass.
 *
 * Nearly every value of a topic is in the form that clickveil's own commands write: no white space, no escapes, the
 * members of common/consent_change.c in their order and nothing else. When a topic of millions is read at a start, that
 * is where much of the time goes; so this form has a reader of its own, and whatever is not in it, in the least, is
 * common/consent_record.c's, by way of JSON. Both say the same of what both can read. Pure; any thread.
 */
#ifndef CLICKVEIL_COMMON_CONSENT_PLAIN_H
#define CLICKVEIL_COMMON_CONSENT_PLAIN_H

#include "common/choice_record.h"

enum { CONSENT_PLAIN_BYTES_MAX = 512 }; /* a longer value is not plain */

/* Read a value. False: it is not in the plain form, which says nothing about it; outputs are left. */
CLICKVEIL_MUST_CHECK bool consent_plain_read(struct view value, const struct choice_names *names,
                                             struct choice_record *out_record, unsigned *out_unknown_names);

#endif
