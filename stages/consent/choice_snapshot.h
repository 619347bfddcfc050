/*
 * The table of choices in a snapshot (spec 3, rule 11), written by its writer in slices while it goes on changing.
 *
 * What is written is the table as it was at the freeze, without what was not committed: entries that change before their
 * slice is written are noted. No identifier stands in it, only pseudonyms' bits.
 */
#ifndef CLICKVEIL_STAGES_CONSENT_CHOICE_SNAPSHOT_H
#define CLICKVEIL_STAGES_CONSENT_CHOICE_SNAPSHOT_H

#include "common/snapshot_file.h"
#include "stages/consent/choice_table.h"

/* Freeze. Until choice_table_thaw. False: memory is short. */
CLICKVEIL_MUST_CHECK bool choice_table_freeze(struct choice_table *table, struct error *error);

/* Put one more slice, of at most SNAPSHOT_PUT_MAX bytes but for the rare states. False: it can't be finished (memory, or
 * more changes meanwhile than are kept). */
CLICKVEIL_MUST_CHECK bool choice_table_save(struct choice_table *table, struct snapshot_writer *writer,
                                            bool *out_more, struct error *error);
void choice_table_thaw(struct choice_table *table); /* nothing is frozen: fine */

/* Fill a table that is empty, while nobody looks anything up. False: what is in it now is of no use. */
CLICKVEIL_MUST_CHECK bool choice_table_restore(struct choice_table *table, struct snapshot_reader *reader);

/* Make it empty again, while nobody looks anything up. False: memory is short. */
CLICKVEIL_MUST_CHECK bool choice_table_clear(struct choice_table *table);

#endif
