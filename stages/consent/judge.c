#include "stages/consent/judge.h"

#include "stages/consent/choice.h"
#include "stages/consent/consent_options.h"

/* The other subject of a move is not at hand: as if it were out of everything. */
static void apply(void *memory, const struct choice_record *record, const struct choice_names *names)
{
    struct choice_state *state = memory;
    choice_apply(state, record, names);
    if (record->readable && record->moved)
        state->out |= CHOICE_STAR;
}

static void signal_out(void *memory)
{
    struct choice_state *state = memory;
    state->signalled = true;
}

static enum consent_stand stand(const void *state, choice_set name, choice_set predecessors, int64_t time_ms,
                                const char **out_why)
{
    switch (choice_answer(state, name, predecessors, time_ms)) {
    case CHOICE_UNKNOWN:
        break;
    case CHOICE_OUT:
        *out_why = "opted out";
        return CONSENT_STAND_OUT;
    case CHOICE_OUT_BY_SIGNAL:
        *out_why = "opted out by a stored signal";
        return CONSENT_STAND_OUT;
    case CHOICE_OUT_OF_PREDECESSOR:
        *out_why = "opted out of a predecessor, or took an `in` for it back";
        return CONSENT_STAND_OUT;
    case CHOICE_NONE:
        *out_why = "nothing chosen: the regime decides";
        return CONSENT_STAND_NONE;
    case CHOICE_IN_LATER:
        *out_why = "opted in, and the time is before it takes effect";
        return CONSENT_STAND_LATER;
    case CHOICE_IN:
        *out_why = "opted in";
        return CONSENT_STAND_IN;
    }
    *out_why = "unknown";
    return CONSENT_STAND_OUT;
}

static void sets(const void *memory, choice_set *out_in, choice_set *out_out)
{
    const struct choice_state *state = memory;
    *out_in = state->in;
    *out_out = state->out;
}

static bool takes(const void *memory, enum subject_kind subject)
{
    const struct consent_options *options = memory;
    if (!options)
        return subject == SUBJECT_LINE || subject == SUBJECT_ACCOUNT;
    const int *subjects = options->subjects.items;
    for (unsigned i = 0; i < options->subjects.count; i++) {
        if (subjects[i] == (int)subject + 1)
            return true;
    }
    return false;
}

const struct consent_judge consent_judge = {
    .takes = takes,
    .state_size = sizeof(struct choice_state),
    .apply = apply,
    .signal = signal_out,
    .stand = stand,
    .sets = sets,
};
