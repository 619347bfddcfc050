/*
 * The US Privacy string (IAB Tech Lab, U.S. Privacy String, version 1): `1`, notice given, opted out of sale, LSPA.
 *
 * Decided by the table of spec 3: notice N or opt-out Y denies, `1--Y` as well; `-` is "does not apply" and no
 * objection, but opt-out N while the notice does not apply is a contradiction. Case matters; anything but four
 * characters denies. It comes as the field `us_privacy` and as section 6 of a GPP string.
 */
#ifndef CLICKVEIL_COMMON_US_PRIVACY_H
#define CLICKVEIL_COMMON_US_PRIVACY_H

#include "common/national.h"
#include "common/view.h"

/* Bring it into normal form: the notice and opt-out of sale, Y, N and - as answers 1, 2 and 0. SIGNAL_NO_REASON: it can
 * be read; else why not, and *out_said is untouched. text is not absent. Any thread. */
enum signal_reason us_privacy_read(struct view text, struct national *out_said);

/* The decision about the field: SIGNAL_NO_REASON: no objection; else why it denies. text is not absent. Any thread. */
enum signal_reason us_privacy_judge(struct view text);

#endif
