/*
 * What a ledger is set up with, as the configuration says it: for the stage, and for tools that ask as the stage
 * decides (judge.c).
 */
#ifndef CLICKVEIL_STAGES_CONSENT_CONSENT_SETUP_H
#define CLICKVEIL_STAGES_CONSENT_CONSENT_SETUP_H

#include "common/subject.h"
#include "stages/consent/consent_options.h"

/* The places that consent.ignore names, options->ignore.count of them, for free(). */
CLICKVEIL_MUST_CHECK bool consent_setup_ignored(const struct consent_options *options,
                                                struct ledger_place **out_places, struct error *error);

/* The key that erased subjects are remembered by: of consent.suppression_key; else made from `lasting`, a key of
 * pseudonyms that stays, NULL: from the one that the configuration names for a stage that runs elsewhere. *out_key
 * is NULL where there is none that lasts. */
CLICKVEIL_MUST_CHECK bool consent_setup_suppression_key(const struct consent_options *options,
                                                        const struct config *config,
                                                        const struct subject_key *lasting,
                                                        struct subject_key **out_key, struct error *error);

/* What the options say of a ledger; names, keys, places, author and readers are the caller's to fill in. */
struct ledger_setup consent_setup_ledger(const struct consent_options *options, const struct config *config);

#endif
