/*
 * The stage: judging events, and passing the life of a transaction and of partitions on to those who know.
 *
 * calendar      epochs, slots             feed, feed_id   the feeds and their IDs
 * partition     the state and its undo    round, due      what a flush writes
 * changelog     the state as records      feed_value      the value of a feed record
 * retraction_table, retractions           who said no, and what that means for the state
 */
#include "stages/publish/publish.h"

#include "common/log.h"
#include "common/named_fields.h"
#include "common/ratchet.h"
#include "common/retraction.h"
#include "stages/publish/changelog.h"
#include "stages/publish/feed_value.h"
#include "stages/publish/round.h"

#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>

static const struct reason reasons[PUBLISH_REASONS] = {
    [PUBLISH_NO_FEED] = {"no_feed", "No feed is configured for any programme that the event was kept for."},
    [PUBLISH_EPOCH_OVER] =
        {"epoch_over", "The event's epoch no longer lives, its IDs have their tombstones; or its keys are "
                       "destroyed."},
    [PUBLISH_EPOCH_AHEAD] = {"epoch_ahead",
                             "The event lies in an epoch that begins too far ahead of the clock."},
    [PUBLISH_PERSON_FULL] = {"person_full",
                             "The person has 255 contributions, 48 devices or 16 accounts in this "
                             "epoch, as many as are kept."},
    [PUBLISH_NOTHING_TO_REMOVE] = {"nothing_to_remove",
                                   "The removed app had contributed nothing in this epoch."},
    [PUBLISH_NO_INTEREST] = {"no_interest", "The event came without an interest."},
    [PUBLISH_RETRACTED] = {"retracted",
                           "The person said no after the event was let through, or in this epoch."},
    [PUBLISH_FIELDS_MISSING] = {"fields_missing",
                                "A programme names fields, and the event came without their box: it was "
                                "made before the programme named any."},
    [PUBLISH_FIELDS_UNREADABLE] = {"fields_unreadable",
                                   "The box of the fields that a programme names does not open: "
                                   "named_fields.key is another one here than in pseudonymize, or the box "
                                   "is not this event's."},
};

enum { BYTES_OF_PERSON = 512, BYTES_SPARE = 64 << 20 }; /* bounds of the slabs by publish.people_max */

/* ---- what all workers share ---- */

enum gauge {
    GAUGE_PEOPLE,
    GAUGE_CONTRIBUTIONS,
    GAUGE_IDS_LIVE,
    GAUGE_STATE_BYTES,
    GAUGE_IDS_WITHOUT_KEY,
    GAUGE_PEOPLE_MAX,
    GAUGES,
};

/* How far a worker is with choices, for whoever asks. */
struct publish_worker_choices {
    _Atomic int64_t
        waits_since_ms; /* the choice that has waited longest for its last tombstone; INT64_MAX: none does */
    _Atomic int64_t flushed_ms; /* every choice that was read before is taken in; 0: not working yet */
    _Atomic uint64_t applied;   /* in the ring of the table */
};

struct publish_shared {
    struct ratchet *ratchet;
    const struct config *config;
    struct calendar calendar;
    struct ratchet_times times_of_keys;
    int64_t future_max_ms;
    struct retraction_table *retractions;
    struct retraction_reader reader; /* the follower's */
    int64_t newest_ms;               /* of all retractions read; the follower's */
    struct retraction_times times;
    struct publish_worker_choices *choices; /* of each worker */
    unsigned workers;
    _Atomic int64_t gauges[GAUGES]; /* sums over workers, relaxed */
    _Atomic int64_t tended_ms;      /* wall clock */
};

static struct calendar calendar_of(const struct stage_context *context)
{
    const struct publish_options *options = context->options;
    struct update update;
    ensure(publish_options_update(options->update_every, &update)); /* lint saw to it */
    return (struct calendar){
        .origin_ms = options->origin_day == OPTION_DATE_UNSET ? 0 : options->origin_day * CALENDAR_DAY_MS,
        .epoch_ms = options->epoch_ms,
        .life_ms = publish_options_life_ms(options, context->config->input.late_max_ms, context->files),
        .slots = update.kind == UPDATE_SLOTS ? (unsigned)(update.period_ms / CALENDAR_SLOT_MS) : 1,
    };
}

static bool publish_shared_init(void *shared, const struct stage_context *context, struct error *error)
{
    struct publish_shared *publish = shared;
    const struct publish_options *options = context->options;
    ensure(feed_value_is_allowed());
    publish->config = context->config;
    publish->calendar = calendar_of(context);
    publish->future_max_ms = context->config->input.future_max_ms;
    publish->retractions =
        retraction_table_new((uint64_t)options->retractions_max, context->workers > 0 ? context->workers : 1);
    publish->workers = context->workers > 0 ? context->workers : 1;
    publish->choices = calloc(publish->workers, sizeof *publish->choices);
    if (!publish->retractions || !publish->choices)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory",
                          "no memory for the table of retractions");
    for (unsigned i = 0; i < publish->workers; i++)
        atomic_init(&publish->choices[i].waits_since_ms, INT64_MAX);
    if (!retraction_reader_init(&publish->reader, context->arena, error))
        return false;
    struct view path = publish_options_key_chain(context->config, options, &publish->times_of_keys);
    publish->ratchet =
        ratchet_open(path.data, &publish->times_of_keys, publish->workers, !context->files, error);
    return publish->ratchet != NULL;
}

static void publish_shared_release(void *shared)
{
    struct publish_shared *publish = shared;
    retraction_table_free(publish->retractions);
    publish->retractions = NULL;
    free(publish->choices);
    publish->choices = NULL;
    ratchet_free(publish->ratchet);
    publish->ratchet = NULL;
}

/* Over files nothing advances: a run to try something must not destroy keys. */
static bool publish_tend(void *shared, int64_t now_ms, struct error *error)
{
    struct publish_shared *publish = shared;
    atomic_store_explicit(&publish->tended_ms, now_ms, memory_order_relaxed);
    return ratchet_tend(publish->ratchet, now_ms, error);
}

/* ---- following the retractions ---- */

/* Choices before that moment are about nothing that can still live: an event of theirs lies in the epoch of the choice or
 * before, or a little ahead of its time (input.future_max). */
static int64_t over_ms(const struct publish_shared *publish)
{
    const struct calendar *calendar = &publish->calendar;
    int64_t ended_ms = publish->newest_ms - calendar->life_ms;
    return calendar_epoch_start_ms(calendar, calendar_epoch(calendar, ended_ms)) - publish->future_max_ms -
           RETRACTION_MOMENT_MS;
}

/* Where there are two views (a reader that waits for no source), both alike: a retraction follows from a choice that was committed, and is written again when its transaction is
 * aborted. */
static bool publish_apply(void *shared, const struct followed_record *record, struct error *error)
{
    struct publish_shared *publish = shared;
    struct retraction retraction;
    const char *what;
    if (view_is_absent(record->value) && !view_is_absent(record->key))
        return true; /* nothing takes a retraction back before its epoch ends */
    if (!retraction_read(&publish->reader, record->key, record->value, &retraction, &what)) {
        error_fail(error, EXIT_STATUS_DATA, NULL,
                   "nothing is published while a retraction can't be read: see what wrote it", "%s", what);
        error_at(error, "topics.retractions[%d]@%lld", (int)record->partition, (long long)record->offset);
        return false;
    }
    /* One from a clock that is far ahead must not make all others look over. */
    int64_t at_ms =
        record->now_ms > 0 && retraction.time_ms > record->now_ms ? record->now_ms : retraction.time_ms;
    if (at_ms > publish->newest_ms)
        publish->newest_ms = at_ms;
    int programme = config_programme_index(publish->config, retraction.programme);
    return programme < 0 ||
           retraction_table_put(publish->retractions, &retraction.subject, (unsigned)programme,
                                retraction.time_ms, retraction.chosen_ms, over_ms(publish), error);
}

static bool publish_complete(void *shared, struct error *error)
{
    (void)shared;
    (void)error;
    return true; /* nobody need have said no yet */
}

static const struct followed publish_followed = {
    .topic = TOPIC_RETRACTIONS,
    .apply = publish_apply,
    .complete = publish_complete,
    .useful_ms = publish_options_useful_ms,
    .asks_settings = true,
};

static void publish_gauges(const void *shared, void (*add)(void *context, const char *name, double value),
                           void *context)
{
    const struct publish_shared *publish = shared;
    static const char *const names[] = {"people", "contributions", "ids_live", "state_bytes",
                                        "ids_without_key"};
    int64_t values[GAUGES];
    for (unsigned i = 0; i < GAUGES; i++)
        values[i] = atomic_load_explicit(&publish->gauges[i], memory_order_relaxed);
    for (unsigned i = 0; i < GAUGE_PEOPLE_MAX; i++)
        add(context, names[i], (double)values[i]);
    if (values[GAUGE_PEOPLE_MAX] > 0)
        add(context, "people_max_ratio", (double)values[GAUGE_PEOPLE] / (double)values[GAUGE_PEOPLE_MAX]);
    add(context, "key_epoch", (double)ratchet_first(publish->ratchet));
    int64_t tended_ms = atomic_load_explicit(&publish->tended_ms, memory_order_relaxed);
    add(context, "key_overdue_seconds",
        tended_ms ? (double)ratchet_overdue_ms(publish->ratchet, tended_ms) / 1000 : 0);
    add(context, "retractions", (double)retraction_table_entries(publish->retractions));
    add(context, "retractions_bytes", (double)retraction_table_bytes(publish->retractions));
}

static void publish_delays(const void *shared,
                           void (*add)(void *context, const char *name,
                                       const struct metrics_histogram *histogram),
                           void *context)
{
    const struct publish_shared *publish = shared;
    add(context, "choice_to_last_event", &publish->times.in_force);
    add(context, "choice_to_last_tombstone", &publish->times.tombstone);
}

/* Choices that a worker has not taken in yet were read after it last did; of those it has, what counts is the last tombstone. */
static int64_t publish_oldest_choice_ms(const void *shared)
{
    const struct publish_shared *publish = shared;
    int64_t oldest_ms = INT64_MAX;
    uint64_t position = recent_position(retraction_table_recent(publish->retractions));
    for (unsigned i = 0; i < publish->workers; i++) {
        struct publish_worker_choices *choices = &publish->choices[i];
        int64_t waits_ms = atomic_load_explicit(&choices->waits_since_ms, memory_order_relaxed);
        int64_t flushed_ms = atomic_load_explicit(&choices->flushed_ms, memory_order_relaxed);
        if (flushed_ms > 0 && atomic_load_explicit(&choices->applied, memory_order_relaxed) != position)
            waits_ms = flushed_ms < waits_ms ? flushed_ms : waits_ms;
        oldest_ms = waits_ms < oldest_ms ? waits_ms : oldest_ms;
    }
    return oldest_ms;
}

/* ---- a worker's state ---- */

struct publish_state {
    struct publish_shared *shared;
    const struct config *config;
    int64_t future_max_ms;
    const struct named_fields_key *named_fields_key;
    programme_set naming; /* programmes that name fields and have a feed */
    struct partition_rules rules;
    struct retractions retractions;
    struct round round;
    struct partition **partitions; /* those that are assigned */
    unsigned partition_count;
    struct partition *last_used; /* of the record before; NULL or one of those */
    int64_t flushed_ms;          /* wall clock of the last flush */
    int64_t reported[GAUGES];    /* this worker's part of the gauges */
};

static bool init_fields(struct publish_state *publish, struct error *error)
{
    publish->naming = named_fields_programmes(publish->config) & publish->rules.feeds.programmes;
    return !publish->naming || publish->named_fields_key ||
           error_fail(error, EXIT_STATUS_CONFIGURATION, NULL,
                      "name the key file of pseudonymize's named_fields.key in named_fields.key",
                      "there is no key for the fields that programmes name");
}

static bool publish_init(void *state, const struct stage_context *context, struct error *error)
{
    struct publish_state *publish = state;
    const struct publish_options *options = context->options;
    struct update update;
    ensure(publish_options_update(options->update_every, &update)); /* lint saw to it */
    publish->shared = context->shared;
    publish->config = context->config;
    publish->future_max_ms = context->config->input.future_max_ms;
    publish->named_fields_key = context->named_fields_key;
    publish->rules.calendar = calendar_of(context);
    publish->rules.interests_max = (unsigned)options->interests_max;
    publish->rules.k = (uint32_t)options->k;
    publish->rules.persons_max = (uint64_t)options->people_max;
    int failed = sodium_hex2bin(publish->rules.chain, sizeof publish->rules.chain,
                                ratchet_chain(publish->shared->ratchet), 2 * sizeof publish->rules.chain,
                                NULL, NULL, NULL);
    ensure(failed == 0);
    publish->rules.memory.max = (size_t)options->people_max * BYTES_OF_PERSON + BYTES_SPARE;
    publish->round.rules = &publish->rules;
    publish->round.options = options;
    publish->round.update = update;
    publish->round.files = context->files;
    publish->round.retractions = &publish->retractions;
    return feed_list_init(&publish->rules.feeds, context->config, options, publish->shared->ratchet,
                          context->worker, error) &&
           init_fields(publish, error) && due_list_init(&publish->round.due, error) &&
           retractions_init(&publish->retractions, publish->shared->retractions, &publish->shared->times,
                            &publish->rules.calendar, context->worker, error);
}

static void report_choices(struct publish_state *publish)
{
    struct publish_worker_choices *choices = &publish->shared->choices[publish->retractions.reader];
    int64_t flushed_ms = publish->partition_count ? publish->retractions.flushed_ms : 0, since_ms = INT64_MAX;
    for (unsigned i = 0; i < publish->partition_count; i++) {
        int64_t waits_ms = partition_waits_since_ms(publish->partitions[i], flushed_ms);
        since_ms = waits_ms < since_ms ? waits_ms : since_ms;
    }
    atomic_store_explicit(&choices->waits_since_ms, since_ms, memory_order_relaxed);
    atomic_store_explicit(&choices->applied, publish->retractions.applied_committed, memory_order_relaxed);
    atomic_store_explicit(&choices->flushed_ms, flushed_ms, memory_order_relaxed);
}

static void report_gauges(struct publish_state *publish)
{
    int64_t values[GAUGES] = {0};
    for (unsigned i = 0; i < publish->partition_count; i++) {
        const struct partition *partition = publish->partitions[i];
        values[GAUGE_PEOPLE] += (int64_t)partition->persons_here;
        values[GAUGE_CONTRIBUTIONS] += (int64_t)partition->contributions;
        values[GAUGE_IDS_LIVE] += (int64_t)partition->live_ids;
        values[GAUGE_STATE_BYTES] += (int64_t)partition_bytes(partition);
        values[GAUGE_IDS_WITHOUT_KEY] += (int64_t)partition->ids_without_key;
    }
    values[GAUGE_PEOPLE_MAX] = (int64_t)publish->rules.persons_max;
    for (unsigned i = 0; i < GAUGES; i++) {
        atomic_fetch_add_explicit(&publish->shared->gauges[i], values[i] - publish->reported[i],
                                  memory_order_relaxed);
        publish->reported[i] = values[i];
    }
    report_choices(publish);
}

static void publish_release(void *state)
{
    struct publish_state *publish = state;
    for (unsigned i = 0; i < publish->partition_count; i++)
        partition_free(publish->partitions[i]);
    publish->partition_count = 0;
    if (publish->shared) {
        publish->rules.persons_max = 0;
        report_gauges(publish);
    }
    free(publish->partitions);
    due_list_release(&publish->round.due);
    retractions_release(&publish->retractions);
    feed_list_release(&publish->rules.feeds);
    slab_budget_release(&publish->rules.memory);
    *publish = (struct publish_state){0};
}

static struct partition *partition_at(const struct publish_state *publish, int32_t number)
{
    for (unsigned i = 0; i < publish->partition_count; i++) {
        if (publish->partitions[i]->number == number)
            return publish->partitions[i];
    }
    return NULL;
}

/* ---- events ---- */

static struct verdict stop(const struct emitter *emitter, const char *what)
{
    error_fail(emitter->error, EXIT_STATUS_BUG, NULL, "nothing was committed; report this", "%s", what);
    return (struct verdict){VERDICT_STOP, 0};
}

/* Why the programmes of an event could not take it; the one that says most wins. */
static unsigned worse(unsigned reason, enum partition_result result)
{
    if (result == PARTITION_RETRACTED || reason == PUBLISH_RETRACTED)
        return PUBLISH_RETRACTED;
    if (result == PARTITION_FULL)
        return PUBLISH_PERSON_FULL;
    return result == PARTITION_NOTHING && reason != PUBLISH_PERSON_FULL ? PUBLISH_NOTHING_TO_REMOVE : reason;
}

/* Open the boxes of those programmes that name fields; `fields` by the programmes' index. Who has no box, or one that does
 * not open, is published for none of them: what stands beside it cannot be trusted either. */
static struct verdict open_fields(const struct publish_state *publish, const struct record *record,
                                  programme_set programmes, struct named_fields fields[RECORD_PROGRAMMES_MAX])
{
    for (unsigned i = 0; programmes >> i; i++) {
        if (!(programmes >> i & 1))
            continue;
        const uint8_t *box = named_fields_box(record, i);
        if (!box)
            return verdict_reject(PUBLISH_FIELDS_MISSING);
        if (!named_fields_open(publish->named_fields_key, i, &record->subjects[SUBJECT_LINE].pseudonym,
                               &record->origin, box, &fields[i]))
            return verdict_reject(PUBLISH_FIELDS_UNREADABLE);
    }
    return verdict_pass();
}

static struct verdict check_fields(const struct publish_state *publish, const struct record *record,
                                   programme_set programmes)
{
    struct named_fields fields[RECORD_PROGRAMMES_MAX];
    struct verdict verdict = open_fields(publish, record, programmes, fields);
    sodium_memzero(fields, sizeof fields);
    return verdict;
}

static struct verdict judge(struct publish_state *publish, struct partition *partition,
                            const struct record *record, struct emitter *emitter)
{
    programme_set programmes = record->programmes & publish->rules.feeds.programmes;
    if (!programmes)
        return verdict_drop(PUBLISH_NO_FEED);
    if (record->type != EVENT_APP_REMOVE && record->interest_count == 0)
        return verdict_drop(PUBLISH_NO_INTEREST);
    const struct calendar *calendar = &publish->rules.calendar;
    if (record->time_ms < CALENDAR_TIME_MIN || record->time_ms > CALENDAR_TIME_MAX)
        return verdict_drop(record->time_ms < 0 ? PUBLISH_EPOCH_OVER : PUBLISH_EPOCH_AHEAD);
    int32_t epoch = calendar_epoch(calendar, record->time_ms);
    if (calendar_phase(calendar, epoch, emitter->now_ms) == CALENDAR_OVER ||
        !feed_list_has(&publish->rules.feeds, epoch))
        return verdict_drop(PUBLISH_EPOCH_OVER);
    if (calendar_epoch_start_ms(calendar, epoch) > emitter->now_ms + publish->future_max_ms)
        return verdict_drop(PUBLISH_EPOCH_AHEAD);
    if (programmes & publish->naming) {
        struct verdict fields = check_fields(publish, record, programmes & publish->naming);
        if (fields.kind != VERDICT_PASS)
            return fields;
    }

    bool changed = false;
    unsigned reason = PUBLISH_NO_FEED;
    retractions_open(&publish->retractions);
    programme_set retracted = retractions_of_event(&publish->retractions, record, epoch);
    for (uint8_t programme = 0; programmes >> programme; programme++) {
        if (!(programmes >> programme & 1))
            continue;
        enum partition_result result =
            retracted >> programme & 1 ? PARTITION_RETRACTED
            : record->type == EVENT_APP_REMOVE
                ? partition_remove_app(partition, programme, epoch, record, emitter->arena, emitter->error)
                : partition_add(partition, programme, epoch, record, emitter->arena, emitter->error);
        if (result == PARTITION_STOP)
            return (struct verdict){VERDICT_STOP, 0};
        changed = changed || result == PARTITION_CHANGED;
        reason = worse(reason, result);
    }
    return changed ? verdict_pass() : verdict_drop(reason);
}

static struct verdict publish_process(void *state, struct record *record, struct emitter *emitter)
{
    struct publish_state *publish = state;
    if (record->kind != RECORD_EVENT)
        return stop(emitter, "a record of unknown kind came to publish");
    if (!record->subjects[SUBJECT_LINE].has_pseudonym)
        return stop(emitter, "an event without the line's pseudonym came to publish");
    bool of_app = record->type == EVENT_APP_USE || record->type == EVENT_APP_INSTALL ||
                  record->type == EVENT_APP_REMOVE;
    if (of_app != (record->app_token != 0) || (!of_app && record->type != EVENT_BROWSE))
        return stop(emitter, "an event whose app and type do not agree came to publish");
    if (record->interest_count > RECORD_INTERESTS_MAX)
        return stop(emitter, "an event with too many interests came to publish");
    if (!publish->last_used || publish->last_used->number != emitter->partition)
        publish->last_used = partition_at(publish, emitter->partition);
    if (!publish->last_used || publish->last_used->restoring)
        return stop(emitter, "an event came from a partition whose state is not there");
    return judge(publish, publish->last_used, record, emitter);
}

/* ---- transactions ---- */

static bool publish_flush(void *state, struct emitter *emitter, bool *out_more)
{
    struct publish_state *publish = state;
    bool more = false, more_due = false;
    publish->flushed_ms = emitter->now_ms;
    if (!retractions_apply(&publish->retractions, publish->partitions, publish->partition_count, emitter,
                           &more) ||
        !round_flush(&publish->round, publish->partitions, publish->partition_count, emitter, &more_due))
        return false;
    *out_more = more || more_due;
    return true;
}

/* Behind the barrier: whom a retraction touched meanwhile must not stand in the feed records that are to be sent. */
static bool publish_stands(void *state)
{
    struct publish_state *publish = state;
    return publish->round.records == 0 ||
           retractions_stand(&publish->retractions, publish->partitions, publish->partition_count);
}

/* Keys are needed from the first epoch on that the clock says, or that anybody here still has an ID of. */
static void let_keys_go(struct publish_state *publish)
{
    int32_t needed = ratchet_needed(&publish->shared->times_of_keys, publish->flushed_ms);
    for (unsigned i = 0; i < publish->partition_count; i++) {
        const struct people_list *people = &publish->partitions[i]->people;
        if (publish->partitions[i]->restoring)
            return;
        for (unsigned j = 0; j < people->count; j++)
            needed =
                people->items[j].used && people->items[j].epoch < needed ? people->items[j].epoch : needed;
    }
    if (needed > publish->rules.feeds.first_epoch)
        feed_list_hold(&publish->rules.feeds, needed);
}

static void publish_commit(void *state)
{
    struct publish_state *publish = state;
    retractions_commit(&publish->retractions);
    for (unsigned i = 0; i < publish->partition_count; i++)
        partition_commit(publish->partitions[i]);
    round_commit(&publish->round);
    if (!publish->round.files)
        let_keys_go(publish);
    report_gauges(publish);
}

static void publish_abort(void *state)
{
    struct publish_state *publish = state;
    retractions_abort(&publish->retractions);
    for (unsigned i = 0; i < publish->partition_count; i++)
        partition_abort(publish->partitions[i]);
    round_abort(&publish->round);
}

static int64_t publish_next_due_ms(const void *state)
{
    const struct publish_state *publish = state;
    int64_t slot_ms = round_next_due_ms(&publish->round, publish->partitions, publish->partition_count);
    int64_t retraction_ms =
        retractions_due_ms(&publish->retractions, publish->partitions, publish->partition_count);
    return retraction_ms < slot_ms ? retraction_ms : slot_ms;
}

static bool publish_waits_for_drain(const void *state)
{
    const struct publish_state *publish = state;
    return publish->round.update.kind == UPDATE_DRAIN;
}

/* ---- partitions ---- */

static bool publish_assign(void *state, int32_t number, int32_t partitions, struct error *error)
{
    (void)partitions;
    struct publish_state *publish = state;
    ensure(!partition_at(publish, number));
    size_t count = publish->partition_count + 1u;
    publish->round.slot_held = 0; /* it has slots to make up for */
    struct partition **grown = realloc(publish->partitions, count * sizeof *publish->partitions);
    if (!grown)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory",
                          "no memory for a partition's state");
    publish->partitions = grown;
    struct partition *partition = partition_new(number, &publish->rules, error);
    if (!partition)
        return false;
    publish->partitions[publish->partition_count++] = partition;
    feed_list_hold(&publish->rules.feeds, INT32_MIN); /* whatever is still there: its state may need it */
    report_gauges(publish);
    return true;
}

static bool unreadable(int32_t number, const char *what, struct error *error)
{
    error_fail(error, EXIT_STATUS_DATA, NULL,
               "run the version that wrote it, or begin with fresh state (docs/operations.md, Fresh state)",
               "the changelog has a %s that this version cannot read", what);
    error_at(error, "topics.state[%d]", (int)number);
    return false;
}

static bool restore_person(struct publish_state *publish, struct partition *partition,
                           const struct changelog_key *key, struct view value, struct error *error)
{
    int programme = config_programme_index(publish->config, key->programme);
    if (programme < 0 || !(publish->rules.feeds.programmes >> programme & 1))
        return true; /* nobody reads of that programme any more */
    if (view_is_absent(value)) {
        partition_restore_gone(partition, (uint8_t)programme, key->epoch, &key->line);
        return true;
    }
    if (key->kind == CHANGELOG_MARK)
        return changelog_read_mark(value)
                   ? partition_restore_mark(partition, (uint8_t)programme, key->epoch, &key->line, error)
                   : unreadable(partition->number, "mark", error);
    struct person_state person; /* 18 KiB, nearly all of them unused: not cleared for each of millions */
    person.programme = (uint8_t)programme;
    person.epoch = key->epoch;
    person.line = key->line;
    if (!changelog_read_person(value, &publish->rules.feeds, &person))
        return unreadable(partition->number, "person", error);
    return partition_restore(partition, &person, error);
}

static bool publish_restore(void *state, int32_t number, struct view key, struct view value,
                            struct error *error)
{
    struct publish_state *publish = state;
    struct partition *partition = partition_at(publish, number);
    ensure(partition);
    struct changelog_key read;
    if (!changelog_read_key(key, &read))
        return unreadable(number, "key", error);
    if (read.kind == CHANGELOG_PERSON || read.kind == CHANGELOG_MARK)
        return restore_person(publish, partition, &read, value, error);
    if (read.kind == CHANGELOG_CHAIN) {
        uint8_t chain[PARTITION_CHAIN_SIZE] = {0}; /* deleted: of nobody's keys */
        if (!view_is_absent(value) && !changelog_read_chain(value, chain))
            return unreadable(number, "record of the chain", error);
        partition_set_chain(partition, chain);
        return true;
    }
    struct changelog_meta meta = {.slot_done = PARTITION_NO_SLOT};
    if (!view_is_absent(value) && !changelog_read_meta(value, &meta))
        return unreadable(number, "meta record", error);
    partition_set_slot(partition, meta.slot_done);
    return true;
}

/* With the keys of another chain no tombstone of what was published could be written. */
static bool is_of_other_chain(const struct publish_state *publish, const struct partition *partition,
                              struct error *error)
{
    if (partition->persons_here == 0 || partition->chain_written)
        return false;
    error_fail(error, EXIT_STATUS_CONFIGURATION, NULL,
               "put the key file of the other chain back; or start with fresh state, as for a new key "
               "(docs/keys.md)",
               "the state was made with keys of another chain than that of publish.key, which is %s",
               ratchet_chain(publish->shared->ratchet));
    error_at(error, "topics.state[%d]", (int)partition->number);
    return true;
}

static bool publish_restored(void *state, int32_t number, struct error *error)
{
    struct publish_state *publish = state;
    struct partition *partition = partition_at(publish, number);
    ensure(partition);
    if (is_of_other_chain(publish, partition, error))
        return false;
    partition_restored(partition);
    if (partition->ids_without_key)
        log_line(LOG_LEVEL_WARNING, "ids_without_key",
                 "partition %d: %llu IDs of epochs whose keys are destroyed get no tombstone; the retention "
                 "of their "
                 "feed topics removes them",
                 (int)number, (unsigned long long)partition->ids_without_key);
    if (publish->round.update.kind ==
        UPDATE_AT_ONCE) /* the process may have ended in the middle of a sweep */
        publish->round.sweep = publish->round.sweep_committed = (struct sweep){.active = true};
    else if (publish->round.options->retract == RETRACT_NOW && !publish->round.sweep.active)
        publish->round.sweep = publish->round.sweep_committed =
            (struct sweep){.active = true, .of_retracted = true};
    report_gauges(publish);
    return true;
}

static void publish_revoke(void *state, int32_t number)
{
    struct publish_state *publish = state;
    for (unsigned i = 0; i < publish->partition_count; i++) {
        if (publish->partitions[i]->number != number)
            continue;
        partition_free(publish->partitions[i]);
        publish->partitions[i] = publish->partitions[--publish->partition_count];
        break;
    }
    publish->last_used = NULL;
    if (publish->partition_count == 0)
        feed_list_hold(&publish->rules.feeds, RATCHET_NONE);
    report_gauges(publish);
}

static const struct partitioned partitioned = {
    .assign = publish_assign,
    .restore = publish_restore,
    .restored = publish_restored,
    .revoke = publish_revoke,
};

const struct stage stage_publish = {
    .name = "publish",
    .summary = "keeps what people are interested in, and writes the feeds of advertisers",
    .options = &publish_options_table,
    .reasons = reasons,
    .reason_count = PUBLISH_REASONS,
    .output = TOPIC_NONE,
    .key_chain = publish_options_key_chain,
    .named_fields = true,
    .feed_topic = publish_options_feed_topic,
    .feed = publish_options_describe_feed,
    .lint = publish_options_lint,
    .shared_size = sizeof(struct publish_shared),
    .shared_init = publish_shared_init,
    .shared_release = publish_shared_release,
    .state_size = sizeof(struct publish_state),
    .init = publish_init,
    .release = publish_release,
    .process = publish_process,
    .flush = publish_flush,
    .stands = publish_stands,
    .commit = publish_commit,
    .abort = publish_abort,
    .next_due_ms = publish_next_due_ms,
    .waits_for_drain = publish_waits_for_drain,
    .tend = publish_tend,
    .followed = &publish_followed,
    .partitioned = &partitioned,
    .gauges = publish_gauges,
    .delays = publish_delays,
    .oldest_choice_ms = publish_oldest_choice_ms,
};
