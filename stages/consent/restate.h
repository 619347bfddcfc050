/*
 * The winner again (spec 3, rule 6): compaction keeps the record with the highest offset, whatever it says, so a record
 * that alone would decide otherwise than all records of its subject together is followed by one that decides as they do.
 *
 * Pure: no topic, no table. Format of what is written: docs/consent.md, "Records that clickveil writes".
 */
#ifndef CLICKVEIL_STAGES_CONSENT_RESTATE_H
#define CLICKVEIL_STAGES_CONSENT_RESTATE_H

#include "common/arena.h"
#include "common/consent_record.h"
#include "stages/consent/choice.h"

/* Would the record, as the only one of its subject, come to the same as all of them? merged: committed, without what is
 * uncommitted or learnt from signals. A tombstone never does, since it vanishes itself. */
bool restate_stands_alone(const struct choice_record *record, const struct choice_state *merged,
                          const struct choice_names *names);

/* A value that alone comes to `merged`. From `value`, the record that it answers, it takes over what the names can't
 * hold: choices of programmes of other pipelines (an `in` of them only when that record is the newest). Whose place the
 * subject took stands under a key of its own (common/consent_link.h). False: the arena is full. A value of more than CONSENT_MERGED_BYTES_MAX, or with more than
 * CONSENT_MERGED_CHOICES_MAX names, could not be read again: *out_value is absent then. */
CLICKVEIL_MUST_CHECK bool restate_write(struct consent_reader *reader, struct view value,
                                        const struct choice_record *record, const struct choice_state *merged,
                                        const struct choice_names *names, struct arena *arena,
                                        struct view *out_value);

#endif
