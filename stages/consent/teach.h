/*
 * What a signal teaches about a subject, as a record of the consent topic (spec 3, rule 7): `out` of everything, under
 * a key of its own, so that it never takes an operator's record's place. Pure.
 */
#ifndef CLICKVEIL_STAGES_CONSENT_TEACH_H
#define CLICKVEIL_STAGES_CONSENT_TEACH_H

#include "common/arena.h"
#include "common/record.h"

/* Key (`signal:line:<id>`, `signal:device:<kind>:<id>`) and value for a subject with a canonical identifier. signal_ms:
 * of the signal, Unix epoch, at least 0. Both live in the arena. False: it is full. */
CLICKVEIL_MUST_CHECK bool teach_write(enum subject_kind kind, const struct subject *subject,
                                      int64_t signal_ms, struct arena *arena, struct view *out_key,
                                      struct view *out_value);

/* Its value alone. signal_ms 0: of one that never yields to an `in`, for which it has no time. */
CLICKVEIL_MUST_CHECK bool teach_write_value(int64_t signal_ms, struct arena *arena, struct view *out_value);

#endif
