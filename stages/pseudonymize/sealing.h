/*
 * What the record's programmes name beside interests, taken out of the event and sealed for publish (spec 4).
 *
 * Belongs to a worker.
 */
#ifndef CLICKVEIL_STAGES_PSEUDONYMIZE_SEALING_H
#define CLICKVEIL_STAGES_PSEUDONYMIZE_SEALING_H

#include "common/named_fields.h"
#include "common/stage.h"

struct zone;

struct sealing {
    const struct named_fields_key *key;
    programme_set programmes;                  /* that name fields */
    struct zone *zones[RECORD_PROGRAMMES_MAX]; /* in which its ages are reckoned; NULL is UTC */
};

/* False: there are such programmes, but no key; or a time zone cannot be loaded. */
CLICKVEIL_MUST_CHECK bool sealing_init(struct sealing *sealing, const struct stage_context *context,
                                       struct error *error);
void sealing_release(struct sealing *sealing); /* accepts zeroed memory */

/* Give `outgoing`, whose programmes and line are decided, a box for each of its programmes that names fields, out of what
 * the event says. Memory from the arena; false: it is full. */
CLICKVEIL_MUST_CHECK bool sealing_apply(const struct sealing *sealing, const struct record *record,
                                        struct arena *arena, struct record *outgoing);

#endif
