#include "stages/consent/consent_setup.h"

#include "common/secret.h"
#include "common/stage.h"

#include <stdlib.h>

bool consent_setup_ignored(const struct consent_options *options, struct ledger_place **out_places,
                           struct error *error)
{
    const struct view *places = options->ignore.items;
    struct ledger_place *ignored = calloc(options->ignore.count + 1, sizeof *ignored);
    if (!ignored)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, NULL, "no memory for consent.ignore");
    for (unsigned i = 0; i < options->ignore.count; i++) {
        if (!consent_options_place(places[i], &ignored[i])) {
            free(ignored);
            return error_fail(error, EXIT_STATUS_CONFIGURATION, NULL, "write partition:offset",
                              "consent.ignore[%u] is no place of a record", i);
        }
    }
    *out_places = ignored;
    return true;
}

/* The key of pseudonyms, of a stage that runs elsewhere, where the configuration names a file that is there. */
static struct subject_key *key_of_other_stage(const struct config *config)
{
    for (unsigned i = 0; config->stages && config->stages[i]; i++) {
        const struct stage *stage = config->stages[i];
        struct view path = stage->subject_key_path && config->stage_options[i]
                               ? stage->subject_key_path(config->stage_options[i])
                               : VIEW_ABSENT;
        struct error ignored = {0}; /* it need not be there: only an erasure needs a key */
        if (!view_is_absent(path) && !secret_source_is_scheme(path))
            return subject_key_load(path.data, &ignored);
    }
    return NULL;
}

bool consent_setup_suppression_key(const struct consent_options *options, const struct config *config,
                                   const struct subject_key *lasting, struct subject_key **out_key,
                                   struct error *error)
{
    if (!view_is_absent(options->suppression_key)) {
        struct subject_key *loaded = subject_key_load_suppression(options->suppression_key.data, error);
        if (loaded)
            *out_key = loaded;
        return loaded;
    }
    struct subject_key *other = lasting ? NULL : key_of_other_stage(config);
    const struct subject_key *key = lasting ? lasting : other;
    struct subject_key *derived = key ? subject_key_derive_suppression(key, error) : NULL;
    bool fine = !key || derived;
    subject_key_free(other);
    if (fine)
        *out_key = derived;
    return fine;
}

struct ledger_setup consent_setup_ledger(const struct consent_options *options, const struct config *config)
{
    struct ledger_setup setup = {
        .topic = config->topics.consent.data ? config->topics.consent.data : "consent",
        .line_kind = (enum identifier_kind)config->subscriber.kind,
        .entries_max = (uint64_t)options->entries_max,
        .floor = options->floor < 1 ? 1 : (uint64_t)options->floor,
        .ignored_count = options->ignore.count,
        .signals_yield = options->signals.yield,
        .brake = {.ins_min = (uint64_t)options->brake_ins,
                  .share = options->brake_share,
                  .window_ms = options->brake_window_ms},
    };
    const int *subjects = options->subjects.items;
    for (unsigned i = 0; i < options->subjects.count; i++) {
        ensure(subjects[i] >= 1 && subjects[i] <= SUBJECT_KINDS);
        setup.subjects[subjects[i] - 1] = true;
    }
    return setup;
}
