#include "stages/consent/consent.h"

#include "common/config.h"
#include "common/subject.h"
#include "common/text.h"
#include "stages/consent/batch.h"
#include "stages/consent/consent_options.h"
#include "stages/consent/consent_setup.h"
#include "stages/consent/judge.h"
#include "stages/consent/keeper.h"
#include "stages/consent/ledger.h"
#include "stages/consent/policy.h"
#include "stages/consent/reason.h"
#include "stages/consent/signals.h"
#include "stages/consent/tally.h"
#include "stages/consent/teach.h"

#include <stdlib.h>

/* ---- what the workers of a process share ---- */

struct consent_shared {
    struct policy *policy;
    struct ledger *ledger;
    struct ledger_place *ignored;
    struct subject_key *suppression_key; /* NULL: none that lasts */
    struct subject_key *own_key;         /* of the table, where no key of pseudonyms is at hand; else NULL */
    const struct subject_key *subject_key;
    char author[LEDGER_AUTHOR_SIZE]; /* of what this process writes, without the worker */
    bool subjects[SUBJECT_KINDS];
    bool stores_gpc, signals_yield;
    _Atomic uint64_t events_looked_up, events_matched; /* committed */
    _Atomic uint64_t signals[SIGNALS_KINDS];           /* likewise */
    unsigned programmes;
    struct tally_shared tally;
};

/* The workers, and the keeper behind them. */
static unsigned readers_of(const struct stage_context *context)
{
    return (context->workers > 0 ? context->workers : 1) + 1;
}

/* The table is looked up by the pseudonyms of the process. One that has none to give has a random key, and the next
 * start could not read its snapshot (rule 11): then the key is made from one that stays. */
static bool choose_subject_key(struct consent_shared *shared, const struct stage_context *context,
                               struct error *error)
{
    shared->subject_key = context->subject_key;
    if (context->subject_key_lasts || !shared->suppression_key)
        return true;
    shared->subject_key = shared->own_key = subject_key_derive_table(shared->suppression_key, error);
    return shared->own_key != NULL;
}

static void name_author(struct consent_shared *shared, const struct stage_context *context)
{
    const struct config *config = context->config;
    struct text text = {shared->author, shared->author + sizeof shared->author - 1};
    if (context->files) { /* what stands in a file does not tell the host */
        text_put(&text, "clickveil.files");
    } else {
        text_put_string(&text, config->pipeline.data ? config->pipeline.data : "clickveil");
        text_put(&text, ".");
        text_put_string(&text, config->instance.data ? config->instance.data : "");
    }
    *text.at = '\0';
}

static bool consent_shared_init(void *memory, const struct stage_context *context, struct error *error)
{
    struct consent_shared *shared = memory;
    const struct consent_options *options = context->options;
    const struct config *config = context->config;
    if (!context->subject_key)
        return error_fail(error, EXIT_STATUS_CONFIGURATION, NULL, NULL, "consent needs a key for its table");
    struct ledger_setup setup = consent_setup_ledger(options, config);
    memcpy(shared->subjects, setup.subjects, sizeof shared->subjects);
    shared->programmes = config->programmes.count;
    shared->signals_yield = options->signals.yield;
    shared->stores_gpc = option_list_has(&options->signals.store, CONSENT_STORED_GPC);
    name_author(shared, context);
    if (!consent_setup_ignored(options, &shared->ignored, error) ||
        !consent_setup_suppression_key(options, config,
                                       context->subject_key_lasts ? context->subject_key : NULL,
                                       &shared->suppression_key, error) ||
        !choose_subject_key(shared, context, error) || !policy_new(config, &shared->policy, error))
        return false;
    setup.names = policy_names(shared->policy);
    setup.subject_key = shared->subject_key;
    setup.readers = readers_of(context);
    setup.suppression_key = shared->suppression_key;
    setup.author = shared->author;
    setup.ignored = shared->ignored;
    shared->ledger = ledger_new(&setup, error);
    return shared->ledger != NULL;
}

static void consent_shared_release(void *memory)
{
    struct consent_shared *shared = memory;
    ledger_free(shared->ledger);
    policy_free(shared->policy);
    subject_key_free(shared->suppression_key);
    subject_key_free(shared->own_key);
    free(shared->ignored);
    memset(shared, 0, sizeof *shared);
}

/* ---- following the consent topic ---- */

static bool consent_apply(void *memory, const struct followed_record *record, struct error *error)
{
    struct consent_shared *shared = memory;
    return ledger_apply(shared->ledger, record, error);
}

static void consent_begin(void *memory, uint64_t records)
{
    struct consent_shared *shared = memory;
    ledger_begin(shared->ledger, records);
}

static void consent_ahead(void *memory, const struct followed_record *records, size_t count)
{
    struct consent_shared *shared = memory;
    ledger_ahead(shared->ledger, records, count);
}

static void consent_committed_to(void *memory, int32_t partition, int64_t offset)
{
    struct consent_shared *shared = memory;
    ledger_committed_to(shared->ledger, partition, offset);
}

static bool consent_complete(void *memory, struct error *error)
{
    struct consent_shared *shared = memory;
    return ledger_complete(shared->ledger, error);
}

static uint64_t consent_acknowledged(void *memory)
{
    struct consent_shared *shared = memory;
    return ledger_ignored(shared->ledger);
}

/* Spec 3, rule 8. */
static bool consent_holds(const void *memory, struct followed_hold *out_hold)
{
    const struct consent_shared *shared = memory;
    struct brake_numbers brake;
    brake_numbers(ledger_brake(shared->ledger), &brake);
    switch (brake.hold) {
    case BRAKE_RELEASED:
        return false;
    case BRAKE_HOLDS_SHRUNK:
        *out_hold = (struct followed_hold){"the brake: fewer subjects with a stored choice than before; see "
                                           "what happened to the topic, then "
                                           "`clickveil consent confirm`",
                                           brake.size, brake.last_size};
        return true;
    case BRAKE_HOLDS_INS:
    case BRAKE_HOLDS:
        break;
    }
    *out_hold = (struct followed_hold){"the brake: more new `in`s at once than it lets through; when they "
                                       "are meant, `clickveil consent confirm`",
                                       brake.ins, brake.limit};
    return true;
}

/* ---- the snapshot ---- */

static void consent_identify(const void *memory, struct snapshot_head *out_head)
{
    const struct consent_shared *shared = memory;
    ledger_identify(shared->ledger, out_head);
}

static void consent_expect(void *memory, uint64_t entries, int64_t made_ms)
{
    struct consent_shared *shared = memory;
    ledger_expect(shared->ledger, entries, made_ms);
}

static bool consent_freeze(void *memory, struct snapshot_writer *writer, struct error *error)
{
    struct consent_shared *shared = memory;
    return ledger_freeze(shared->ledger, writer, error);
}

static bool consent_save(void *memory, struct snapshot_writer *writer, bool *out_more, struct error *error)
{
    struct consent_shared *shared = memory;
    return ledger_save(shared->ledger, writer, out_more, error);
}

static void consent_thaw(void *memory)
{
    struct consent_shared *shared = memory;
    ledger_thaw(shared->ledger);
}

static bool consent_restore(void *memory, struct snapshot_reader *reader)
{
    struct consent_shared *shared = memory;
    return ledger_restore(shared->ledger, reader);
}

static bool consent_forget(void *memory, struct error *error)
{
    struct consent_shared *shared = memory;
    return ledger_forget(shared->ledger, error);
}

static const struct followed_snapshot consent_snapshot = {
    .identify = consent_identify,
    .expect = consent_expect,
    .freeze = consent_freeze,
    .save = consent_save,
    .thaw = consent_thaw,
    .restore = consent_restore,
    .forget = consent_forget,
};

static const struct followed consent_followed = {
    .topic = TOPIC_CONSENT,
    .apply = consent_apply,
    .begin = consent_begin,
    .ahead = consent_ahead,
    .committed_to = consent_committed_to,
    .complete = consent_complete,
    .acknowledged = consent_acknowledged,
    .snapshot = &consent_snapshot,
    .holds = consent_holds,
    .asks_settings = true,
};

/* ---- the side input ---- */

static bool side_init(void *memory, const struct stage_context *context, struct error *error)
{
    struct consent_shared *shared = context->shared;
    const struct config *config = context->config;
    size_t size = strlen(shared->author) + sizeof ".keeper";
    char *author = arena_take(context->arena, size);
    if (!author)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for a name");
    struct text text = {author, author + size};
    text_put_string(&text, shared->author);
    text_put(&text, ".keeper");
    struct choice_programmes *programmes = arena_take(context->arena, sizeof *programmes);
    if (!programmes)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for programmes");
    if (!choice_programmes_compile(config, programmes, error))
        return false;
    const struct keeper_setup setup = {
        .ledger = shared->ledger,
        .names = policy_names(shared->policy),
        .programmes = programmes,
        .subject_key = shared->subject_key,
        .suppression_key = shared->suppression_key,
        .line_kind = (enum identifier_kind)config->subscriber.kind,
        .author = {author, size - 1},
        .topic = config->topics.consent.data ? config->topics.consent.data : "consent",
        .reader = readers_of(context) - 1,
        .files = context->files,
    };
    return keeper_init(memory, &setup, error);
}

static void side_release(void *memory)
{
    keeper_release(memory);
}

static bool side_process(void *memory, const struct followed_record *record, struct emitter *emitter)
{
    return keeper_process(memory, record, emitter);
}

static void side_commit(void *memory)
{
    keeper_end(memory, true);
}

static void side_abort(void *memory)
{
    keeper_end(memory, false);
}

static const struct side_input consent_side = {
    .topic = TOPIC_CONSENT,
    .behind_followed = true,
    .state_size = sizeof(struct keeper),
    .init = side_init,
    .release = side_release,
    .process = side_process,
    .commit = side_commit,
    .abort = side_abort,
};

/* ---- a worker ---- */

struct lesson { /* a signal that the open transaction stores */
    uint32_t slot;
    struct pseudonym pseudonym;
    int64_t signal_ms;
};

struct consent_state {
    struct consent_shared *shared;
    const struct subject_key *subject_key;
    bool open; /* a transaction is, and holds the table */
    bool files;
    struct batch batch;
    struct lesson *lessons;
    size_t lesson_count, lessons_max;
    char author[LEDGER_AUTHOR_SIZE + 16];
    int64_t future_max_ms, late_max_ms;
    unsigned worker;
    uint64_t looked_up, matched;     /* in the open transaction */
    uint64_t signals[SIGNALS_KINDS]; /* likewise */
    struct tally tally;              /* likewise */
};

static bool consent_init(void *memory, const struct stage_context *context, struct error *error)
{
    struct consent_state *state = memory;
    const struct config *config = context->config;
    state->shared = context->shared;
    state->subject_key = state->shared->subject_key;
    state->worker = context->worker;
    state->future_max_ms = config->input.future_max_ms;
    state->late_max_ms = config->input.late_max_ms;
    state->files = context->files;
    ensure(config->runtime.batch_records_max > 0 && context->worker < BATCH_AUTHORS_MAX);
    state->lessons_max = (size_t)config->runtime.batch_records_max * 2;
    state->lessons = malloc(state->lessons_max * sizeof *state->lessons);
    struct text text = {state->author, state->author + sizeof state->author - 1};
    text_put_string(&text, state->shared->author);
    text_put(&text, ".");
    text_put_number(&text, context->worker, 1);
    *text.at = '\0';
    bool has_room = batch_init(&state->batch, (size_t)config->runtime.batch_records_max * SUBJECT_KINDS);
    state->batch.author = context->worker + 1;
    if (!has_room || !state->lessons)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "lower runtime.batch_records_max",
                          "no memory for the subjects of a batch");
    return true;
}

/* Over files nobody follows the topic, so the table learns it here. */
static void end_lessons(struct consent_state *state, bool committed)
{
    struct ledger *ledger = state->shared->ledger;
    for (size_t i = 0; i < state->lesson_count; i++) {
        const struct lesson *lesson = &state->lessons[i];
        struct error ignored = {0}; /* without room in the table it goes on standing in memory */
        learnt_close(ledger_learnt(ledger), lesson->slot, committed);
        if (committed && state->files)
            (void)!ledger_take_signal(ledger, &lesson->pseudonym, lesson->signal_ms, &ignored);
    }
    state->lesson_count = 0;
}

static void end_transaction(struct consent_state *state, bool committed)
{
    if (!state->open)
        return;
    batch_close(&state->batch);
    choice_table_yield(ledger_erased(state->shared->ledger), state->worker);
    choice_table_yield(ledger_table(state->shared->ledger), state->worker);
    state->open = false;
    end_lessons(state, committed);
    state->looked_up = state->matched = 0;
}

static void consent_release(void *memory)
{
    struct consent_state *state = memory;
    end_transaction(state, false);
    batch_release(&state->batch);
    free(state->lessons);
}

/* The position in the ring comes before the hold, and that before any look-up: a change is then either seen by the
 * look-up or found behind the position. */
static void begin_transaction(struct consent_state *state)
{
    batch_open(&state->batch, ledger_recent(state->shared->ledger));
    choice_table_hold(ledger_table(state->shared->ledger), state->worker);
    choice_table_hold(ledger_erased(state->shared->ledger), state->worker);
    state->open = true;
}

static void consent_commit(void *memory)
{
    struct consent_state *state = memory;
    atomic_fetch_add_explicit(&state->shared->events_looked_up, state->looked_up, memory_order_relaxed);
    atomic_fetch_add_explicit(&state->shared->events_matched, state->matched, memory_order_relaxed);
    for (unsigned i = 0; i < SIGNALS_KINDS; i++)
        atomic_fetch_add_explicit(&state->shared->signals[i], state->signals[i], memory_order_relaxed);
    memset(state->signals, 0, sizeof state->signals);
    tally_commit(&state->tally, state->shared->programmes, &state->shared->tally);
    end_transaction(state, true);
}

static void consent_abort(void *memory)
{
    struct consent_state *state = memory;
    memset(state->signals, 0, sizeof state->signals);
    memset(&state->tally, 0, sizeof state->tally);
    end_transaction(state, false);
}

static bool consent_stands(void *memory)
{
#ifdef CLICKVEIL_TEST_BARRIER_OFF
    (void)memory; /* a test build, to see the barrier's test fail */
    return true;
#else
    struct consent_state *state = memory;
    return batch_stands(&state->batch, ledger_recent(state->shared->ledger));
#endif
}

/* ---- one event ---- */

/* A choice that cannot be looked up would be ignored (spec 2). */
static enum consent_reason judge_subjects(const struct consent_shared *shared, const struct record *record)
{
    for (unsigned i = 0; i < SUBJECT_KINDS; i++) {
        if (!shared->subjects[i] || record->subjects[i].present)
            continue;
        return record->subjects[i].limit_ad_tracking ? CONSENT_LIMIT_AD_TRACKING : CONSENT_SUBJECT_MISSING;
    }
    return CONSENT_NO_REASON;
}

/* Judged against the record's own timestamp, so that an outage drops nothing (spec 2). Without one (-1) an event may lie
 * any length ahead. */
static struct verdict judge_event(const struct consent_state *state, const struct record *record)
{
    if (record->timestamp_ms < 0 || record->time_ms - record->timestamp_ms > state->future_max_ms)
        return verdict_reject(CONSENT_TIME_FUTURE);
    if (!policy_brand(state->shared->policy, record->brand))
        return verdict_reject(CONSENT_BRAND_UNKNOWN);
    if (record->timestamp_ms - record->time_ms > state->late_max_ms && !record->late)
        return verdict_drop(CONSENT_TOO_LATE);
    enum consent_reason reason = judge_subjects(state->shared, record);
    return reason == CONSENT_NO_REASON ? verdict_pass() : verdict_drop(reason);
}

/* False: a subject has no pseudonym, so its choice cannot be looked up. */
static bool hash_subjects(const struct consent_state *state, struct record *record)
{
    for (unsigned i = 0; i < SUBJECT_KINDS; i++) {
        const struct subject *subject = &record->subjects[i];
        if (subject->present && !subject->has_pseudonym && view_is_absent(subject->identifier))
            return false;
    }
    subject_hash_record(state->subject_key, record);
    return true;
}

static bool add_signal(struct choice_state *state)
{
    state->signalled = true;
    state->signalled_ms = 0; /* just seen: newer than any `in` */
    return true;
}

/* What the table does not show: learnt from a signal a moment ago, or erased so long ago that the tombstone is gone. */
static bool look_beside(struct consent_state *state, const struct subject *subject, enum subject_kind kind,
                        bool learnt, struct choice_state *choices)
{
    struct ledger *ledger = state->shared->ledger;
    bool found = learnt && add_signal(choices);
    if (choice_table_entries(ledger_erased(ledger)) == 0 || view_is_absent(subject->identifier))
        return found;
    struct pseudonym suppression;
    struct choice_state erased;
    subject_pseudonym(state->shared->suppression_key, kind, subject->identifier_kind, subject->identifier,
                      &suppression);
    if (!choice_table_find(ledger_erased(ledger), &suppression, &erased) || !erased.out)
        return found;
    choices->out = CHOICE_STAR;
    choices->in = 0;
    return true;
}

/* Find the stored choices of all subjects that the event names, listed or not. */
static void look_up(struct consent_state *state, const struct record *record,
                    struct choice_state states[SUBJECT_KINDS], struct policy_choices *out_choices)
{
    const struct choice_table *table = ledger_table(state->shared->ledger);
    for (unsigned i = 0; i < SUBJECT_KINDS; i++) { /* they wait for memory together */
        if (record->subjects[i].present)
            choice_table_prefetch(table, &record->subjects[i].pseudonym);
    }
    bool matched = false;
    for (unsigned i = 0; i < SUBJECT_KINDS; i++) {
        const struct subject *subject = &record->subjects[i];
        out_choices->subjects[i] = NULL;
        if (!subject->present)
            continue;
        /* before the table: what is no longer learnt is in the table by then */
        bool learnt = learnt_has(ledger_learnt(state->shared->ledger), choice_table_tag(&subject->pseudonym));
        bool found = choice_table_find(table, &subject->pseudonym, &states[i]);
        if (!found)
            states[i] = (struct choice_state){0};
        found |= look_beside(state, subject, (enum subject_kind)i, learnt, &states[i]);
        out_choices->subjects[i] = found ? &states[i] : NULL;
        matched |= found;
    }
    state->looked_up++;
    state->matched += matched;
}

/* For the books, and for explain. */
static void note_reasons(struct consent_state *state, struct record *record,
                         const struct policy_screening *screening)
{
    tally_count(&state->tally, state->shared->programmes, screening);
    record->by_programme = true;
    memcpy(record->programme_reasons, screening->reasons, sizeof record->programme_reasons);
}

static struct verdict stop(struct emitter *emitter, const char *what)
{
    error_fail(emitter->error, EXIT_STATUS_BUG, NULL, NULL, "%s", what);
    return (struct verdict){VERDICT_STOP, 0};
}

/* ---- learning (rule 7) ---- */

/* Where signals yield the newest signal counts, and each event brings a newer one. A record is written for all of a minute:
 * its time lies so much behind the event's, and what comes until then is not written. An `in` that lies within does not
 * count, since a signal after it would leave no trace. */
enum { SIGNAL_COVERS_MS = 60000 };

/* Does the table hold this signal, or one that is as good? */
static bool is_stored(const struct consent_state *state, const struct pseudonym *pseudonym, int64_t signal_ms)
{
    struct choice_state choices;
    return choice_table_find(ledger_table(state->shared->ledger), pseudonym, &choices) && choices.signalled &&
           (choices.signalled_ms == 0 || signal_ms <= choices.signalled_ms);
}

static bool no_room(struct emitter *emitter)
{
    error_fail(emitter->error, EXIT_STATUS_UNAVAILABLE, NULL, "raise runtime.memory_max",
               "there is no room for more signals in one transaction");
    if (emitter->error)
        emitter->error->abort_transaction = true; /* a smaller batch may fit */
    return false;
}

static bool learn_subject(struct consent_state *state, enum subject_kind kind, const struct subject *subject,
                          int64_t signal_ms, struct emitter *emitter)
{
    struct lesson lesson = {.pseudonym = subject->pseudonym};
    bool yields = state->shared->signals_yield;
    int64_t newest_ms = yields ? signal_ms : 0; /* else none is better */
    if (is_stored(state, &subject->pseudonym, signal_ms))
        return true;
    if (state->lesson_count == state->lessons_max)
        return no_room(emitter);
    switch (learnt_add(ledger_learnt(state->shared->ledger), choice_table_tag(&subject->pseudonym),
                       SIGNAL_COVERS_MS, &newest_ms, &lesson.slot)) {
    case LEARNT_FULL:
        return no_room(emitter);
    case LEARNT_KNOWN:
        return true;
    case LEARNT_WRITE:
        break;
    }
    lesson.signal_ms = yields ? newest_ms + SIGNAL_COVERS_MS : signal_ms;
    state->lessons[state->lesson_count++] = lesson;
    struct output output = {.topic = TOPIC_CONSENT,
                            .partition = OUTPUT_PARTITION_BY_KEY,
                            .headers = {{"clickveil-author", view_of_string(state->author)}},
                            .header_count = 1};
    if (!teach_write(kind, subject, lesson.signal_ms, emitter->arena, &output.key, &output.value))
        return no_room(emitter);
    return emitter_output(emitter, &output);
}

/* GPC is the line's and the device's own wish, whatever becomes of this event (spec 3, rule 7). */
static bool learn(struct consent_state *state, struct record *record, struct emitter *emitter)
{
    static const enum subject_kind kinds[] = {SUBJECT_LINE, SUBJECT_DEVICE};
    if (record->signals.gpc != GPC_TRUE || !state->shared->stores_gpc || !hash_subjects(state, record))
        return true;
    if (!state->open)
        begin_transaction(state);
    int64_t signal_ms = record->time_ms < record->timestamp_ms ? record->time_ms : record->timestamp_ms;
    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const struct subject *subject = &record->subjects[kinds[i]];
        if (subject->present && !view_is_absent(subject->identifier) &&
            !learn_subject(state, kinds[i], subject, signal_ms > 0 ? signal_ms : 0, emitter))
            return false;
    }
    return true;
}

static struct verdict consent_process(void *memory, struct record *record, struct emitter *emitter)
{
    struct consent_state *state = memory;
    if (record->kind != RECORD_EVENT)
        return stop(emitter, "consent got a record of an unknown kind");
    if (!ledger_is_complete(state->shared->ledger)) /* spec 3, rule 1 */
        return stop(emitter, "consent got an event before the consent topic was read whole");

    record->programmes = 0;
    struct verdict verdict = judge_event(state, record);
    if (verdict.kind != VERDICT_REJECT && !learn(state, record, emitter))
        return (struct verdict){VERDICT_STOP, 0};
    if (verdict.kind != VERDICT_PASS)
        return verdict;
    struct policy_screening screening;
    policy_screen(state->shared->policy, record, &screening);
    signals_count(&record->signals, screening.sections_decided, screening.sections_ignored, state->signals);
    if (!screening.open) {
        note_reasons(state, record, &screening);
        return verdict_drop(screening.reason);
    }

    if (!state->open)
        begin_transaction(state);
    struct choice_state states[SUBJECT_KINDS];
    struct policy_choices choices;
    if (!hash_subjects(state, record))
        return verdict_drop(CONSENT_SUBJECT_MISSING);
    look_up(state, record, states, &choices);
    enum consent_reason reason = CONSENT_NO_REASON;
    record->programmes = policy_choose(state->shared->policy, record, &screening, &choices, &reason);
    note_reasons(state, record, &screening);
    if (!record->programmes)
        return verdict_drop(reason);
    for (unsigned i = 0; i < SUBJECT_KINDS; i++) {
        if (record->subjects[i].present)
            batch_add(&state->batch, choice_table_tag(&record->subjects[i].pseudonym));
    }
    return verdict_pass();
}

static void consent_programmes(const void *memory,
                               void (*visit)(void *context, unsigned programme, const char *reason,
                                             uint64_t count),
                               void *context)
{
    const struct consent_shared *shared = memory;
    tally_visit(&shared->tally, shared->programmes, visit, context);
}

static void consent_gauges(const void *memory, void (*add)(void *context, const char *name, double value),
                           void *context)
{
    const struct consent_shared *shared = memory;
    ledger_gauges(shared->ledger, add, context);
    double looked_up = (double)atomic_load_explicit(&shared->events_looked_up, memory_order_relaxed);
    double matched = (double)atomic_load_explicit(&shared->events_matched, memory_order_relaxed);
    add(context, "consent_events_looked_up", looked_up);
    add(context, "consent_events_matched", matched);
    for (unsigned i = 0; i < SIGNALS_KINDS; i++)
        add(context, signals_gauges[i],
            (double)atomic_load_explicit(&shared->signals[i], memory_order_relaxed));
    if (looked_up > 0)
        add(context, "consent_match_ratio", matched / looked_up);
}

const struct stage stage_consent = {
    .name = "consent",
    .summary = "keeps events of people who may be in a programme and did not say no",
    .options = &consent_option_table,
    .lint = consent_options_lint,
    .reasons = consent_reasons,
    .reason_count = CONSENT_REASONS,
    .output = TOPIC_CONSENT_OUT,
    .writes = TOPIC_CONSENT,
    .shared_size = sizeof(struct consent_shared),
    .shared_init = consent_shared_init,
    .shared_release = consent_shared_release,
    .state_size = sizeof(struct consent_state),
    .init = consent_init,
    .release = consent_release,
    .process = consent_process,
    .stands = consent_stands,
    .commit = consent_commit,
    .abort = consent_abort,
    .judge = &consent_judge,
    .followed = &consent_followed,
    .side = &consent_side,
    .programmes = consent_programmes,
    .gauges = consent_gauges,
};
