/*
 * Who counts: a record under the key of a subject, or of what a signal taught about one (which is an `out` of
 * everything). A link (`moved:`) that is marked take_back is one of the subject that took another's place: the other one said
 * `out` since (rule 10). `hash:` names nobody whom a pseudonym stands for, `meta:` nobody at all. A key that cannot be read stops
 * the consent stage until an operator has looked at it (spec 3, rule 5); here it is nobody's, and stopping as well would
 * only keep back everybody else's retractions.
 *
 * When: the moment of reading. A record that stands before us has not been answered yet, however old it says it is: a
 * mirror or a replay keeps stamps, a producer's clock is wrong, a group lost its position. Everything that was published up
 * to now is what it takes back, and what comes later consent does not let through. A stamp that is later than our clock,
 * which may be slow, counts instead, by no more than input.future_max. It never shortens anything, so no stamp can make a
 * record of no effect.
 */
#include "stages/pseudonymize/retract.h"

#include "common/config.h"
#include "common/consent_record.h"
#include "common/retraction.h"
#include "common/subject.h"

#include <stdlib.h>

/* One record of a file that says something about `out`. */
struct mention {
    struct pseudonym subject;
    enum subject_kind kind;
    programme_set out, in;
    int64_t time_ms, chosen_ms;
    uint64_t order;
    bool of_signal; /* stands apart from what was chosen, whose `in` doesn't touch it */
};

struct retract {
    const struct config *config;
    const struct subject_key *key;
    struct choice_programmes programmes;
    struct consent_reader *reader;
    bool files;
    struct mention *mentions; /* of files */
    size_t mention_count, mention_capacity, written;
};

static bool retract_init(void *memory, const struct stage_context *context, struct error *error)
{
    struct retract *state = memory;
    state->config = context->config;
    state->key = context->subject_key;
    state->files = context->files;
    if (!state->key)
        return error_fail(
            error, EXIT_STATUS_CONFIGURATION, NULL,
            "name a key file in pseudonymize.key and make it with `clickveil keygen --config FILE`",
            "stage pseudonymize has no key");
    if (!choice_programmes_compile(context->config, &state->programmes, error))
        return false;
    state->reader =
        consent_reader_new(&state->programmes.names, (enum identifier_kind)context->config->subscriber.kind);
    return state->reader ||
           error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for consent records");
}

static void retract_release(void *memory)
{
    struct retract *state = memory;
    consent_reader_free(state->reader);
    free(state->mentions);
    *state = (struct retract){0};
}

/* ---- one record ---- */

static bool arena_is_full(struct emitter *emitter)
{
    (void)error_fail(emitter->error, EXIT_STATUS_UNAVAILABLE, "pseudonymize", "raise runtime.memory_max",
                     "the memory of a transaction is full");
    if (emitter->error)
        emitter->error->abort_transaction = true; /* a smaller batch may fit */
    return false;
}

static bool emit(const struct retract *state, const struct mention *mention, struct emitter *emitter)
{
    for (unsigned i = 0; mention->out >> i; i++) {
        if (!(mention->out >> i & 1))
            continue;
        struct retraction retraction = {.kind = mention->kind,
                                        .subject = mention->subject,
                                        .programme = config_programme(state->config, i)->name,
                                        .time_ms = mention->time_ms,
                                        .chosen_ms = mention->chosen_ms};
        struct output output;
        if (!retraction_write(&retraction, emitter->arena, &output))
            return arena_is_full(emitter);
        if (!emitter_output(emitter, &output))
            return false;
    }
    return true;
}

static int64_t bounded(int64_t time_ms)
{
    return time_ms < 0 ? 0 : time_ms > RETRACTION_TIME_MAX ? RETRACTION_TIME_MAX : time_ms;
}

static void read_moments(const struct retract *state, const struct followed_record *record,
                         const struct emitter *emitter, struct mention *mention)
{
    int64_t latest_ms = emitter->now_ms + state->config->input.future_max_ms;
    int64_t stamp_ms = record->timestamp_ms > latest_ms ? latest_ms : record->timestamp_ms; /* -1: none */
    mention->time_ms = bounded(stamp_ms > emitter->now_ms ? stamp_ms : emitter->now_ms);
    mention->chosen_ms = stamp_ms < 0 || stamp_ms > mention->time_ms ? mention->time_ms : stamp_ms;
}

/* Programmes that the record gives an `in` for, by name or by `*`. */
static programme_set ins_of(const struct retract *state, const struct choice_record *record)
{
    choice_set in = record->in & CHOICE_STAR ? (choice_set)~record->out : record->in;
    return (programme_set)(in & ((1u << state->programmes.count) - 1));
}

/* The consent stage asks for everything to be taken back, or for what cannot be read. */
static bool takes_back(const struct retract *state, const struct followed_record *record)
{
    char text[512];
    struct view from;
    int64_t effective_ms;
    bool take_back;
    if (state->files || view_is_absent(record->value))
        return false;
    return !consent_value_link(state->reader, record->value, text, sizeof text, &from, &effective_ms,
                               &take_back) ||
           take_back;
}

static void read_effect(const struct retract *state, const struct consent_key *key,
                        const struct followed_record *record, struct mention *mention)
{
    struct consent_value value = {
        .record = {.readable = false}}; /* what a signal taught, and a link: `out` */
    if (key->kind == CONSENT_KEY_CHOICE)
        consent_value_read(state->reader, key, record->value, record->timestamp_ms, &value);
    if (value.record.merged.present && view_is_absent(record->author))
        value.record.in_is_void = true; /* as the consent stage reads it: only clickveil writes that */
    struct choice_effect effect;
    choice_record_effect(&value.record, key->subject, &state->programmes, &effect);
    mention->out = state->files ? effect.out : choice_effect_all(&effect);
    mention->in = ins_of(state, &value.record);
}

static bool keep(struct retract *state, const struct mention *mention, struct emitter *emitter)
{
    if (state->mention_count == state->mention_capacity) {
        size_t capacity = state->mention_capacity ? state->mention_capacity * 2 : 1024;
        struct mention *grown = realloc(state->mentions, capacity * sizeof *grown);
        if (!grown)
            return error_fail(emitter->error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory",
                              "no memory for the choices of a file");
        state->mentions = grown;
        state->mention_capacity = capacity;
    }
    state->mentions[state->mention_count] = *mention;
    state->mentions[state->mention_count].order = state->mention_count;
    state->mention_count++;
    return true;
}

static bool retract_process(void *memory, const struct followed_record *record, struct emitter *emitter)
{
    struct retract *state = memory;
    struct consent_key key;
    consent_key_read(record->key, (enum identifier_kind)state->config->subscriber.kind, &key);
    if (key.kind != CONSENT_KEY_CHOICE && key.kind != CONSENT_KEY_SIGNAL &&
        !(key.kind == CONSENT_KEY_LINK && takes_back(state, record)))
        return true;
    struct mention mention = {.kind = key.subject, .of_signal = key.kind == CONSENT_KEY_SIGNAL};
    read_moments(state, record, emitter, &mention);
    read_effect(state, &key, record, &mention);
    if (!mention.out && !(state->files && mention.in))
        return true;
    subject_pseudonym(state->key, key.subject, key.identifier_kind, (struct view){key.identifier, key.size},
                      &mention.subject);
    return state->files ? keep(state, &mention, emitter) : emit(state, &mention, emitter);
}

/* ---- the end of a file ---- */

static int by_key(const struct mention *one, const struct mention *other)
{
    int order = memcmp(one->subject.bytes, other->subject.bytes, PSEUDONYM_SIZE);
    return order ? order : one->of_signal - other->of_signal;
}

static int by_key_and_order(const void *a, const void *b)
{
    const struct mention *one = a, *other = b;
    int order = by_key(one, other);
    return order ? order : (one->order > other->order) - (one->order < other->order);
}

/* One mention a key of the consent topic: an `out` holds until an `in` takes its place. */
static void fold(struct retract *state)
{
    qsort(state->mentions, state->mention_count, sizeof *state->mentions, by_key_and_order);
    size_t count = 0;
    for (size_t i = 0; i < state->mention_count; i++) {
        const struct mention *mention = &state->mentions[i];
        struct mention *last = count ? &state->mentions[count - 1] : NULL;
        if (!last || by_key(last, mention) != 0) {
            state->mentions[count++] = *mention;
            continue;
        }
        last->out = (programme_set)((last->out & ~mention->in) | mention->out);
        last->time_ms = mention->time_ms;
        last->chosen_ms = mention->chosen_ms;
    }
    state->mention_count = count;
}

static bool retract_flush(void *memory, struct emitter *emitter, bool *out_more)
{
    struct retract *state = memory;
    if (!state->files || !emitter->draining || state->mention_count == 0)
        return true;
    if (state->written == 0)
        fold(state);
    size_t room_min = arena_room(emitter->arena) / 2;
    while (state->written < state->mention_count && arena_room(emitter->arena) > room_min) {
        if (!emit(state, &state->mentions[state->written], emitter))
            return false;
        state->written++;
    }
    *out_more = state->written < state->mention_count;
    return true;
}

const struct side_input pseudonymize_retract = {
    .topic = TOPIC_CONSENT,
    .takes_back = true,
    .state_size = sizeof(struct retract),
    .init = retract_init,
    .release = retract_release,
    .process = retract_process,
    .flush = retract_flush,
};
