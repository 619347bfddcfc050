/*
 * The side input of pseudonymize: consent records become retractions (spec 3, rule 9).
 *
 * Every committed record of the consent topic that takes something away becomes one record of topics.retractions for each
 * programme that it takes it away from, with the pseudonym of its subject (common/retraction.h). It is the record alone
 * that decides (common/choice_record.h), not the table of choices, which may be ahead of it. Here and not in the chain:
 * the events that wait between stages must not delay it.
 *
 * Over files nothing was published before, so only what is `out` in the end is written, when the file has been read.
 */
#ifndef CLICKVEIL_STAGES_PSEUDONYMIZE_RETRACT_H
#define CLICKVEIL_STAGES_PSEUDONYMIZE_RETRACT_H

#include "common/stage.h"

extern const struct side_input pseudonymize_retract;

#endif
