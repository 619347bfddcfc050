/*
 * The section `consent` of the configuration.
 */
#ifndef CLICKVEIL_STAGES_CONSENT_CONSENT_OPTIONS_H
#define CLICKVEIL_STAGES_CONSENT_CONSENT_OPTIONS_H

#include "common/config.h"
#include "common/followed_options.h"
#include "common/option.h"
#include "stages/consent/ledger.h"

/* Signals that can be stored. */
enum consent_stored_signal {
    CONSENT_STORED_NONE = 0,
    CONSENT_STORED_GPC,
};

/* What becomes of signals beyond the event that carries them (rule 7). */
struct consent_signals_options {
    struct option_list store; /* ints: enum consent_stored_signal */
    bool yield;
};

struct consent_options {
    struct followed_options followed; /* first: the runtime reads it */
    struct option_list subjects;      /* ints: enum subject_kind + 1 */
    int64_t floor;                    /* entries */
    int64_t entries_max;
    struct view suppression_key; /* source; absent: made from the key of pseudonyms */
    struct option_list ignore;   /* views: partition:offset */
    int64_t brake_ins, brake_window_ms;
    double brake_share;
    struct consent_signals_options signals;
};

extern const struct option_table consent_option_table;

/* Read one entry of `ignore`. False: it is no place. */
CLICKVEIL_MUST_CHECK bool consent_options_place(struct view text, struct ledger_place *out_place);

/* What needs the rest of the configuration; of struct stage. */
void consent_options_lint(const struct config *config, const void *options, struct lint *lint);

#endif
