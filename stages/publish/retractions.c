/*
 * A change is first in the table and then in the ring. Whoever takes the ring's position first and the hold afterwards
 * has every change before that position in what it holds: `seen` and `slots` are always taken so.
 *
 * A partition that was just restored has met none of the table: it walks the whole table once (`scan`). From then on the
 * ring says what is new. A worker that fell behind by more than the ring holds walks the table again. Applying is
 * idempotent, so nothing is lost where both say the same, and a restart comes to the same state.
 */
#include "stages/publish/retractions.h"

#include <stdlib.h>

enum {
    VISITS_MAX = 200000, /* look-ups by subject in one transaction: some tens of milliseconds */
    APPLY_EVERY_MS =
        100, /* while nothing else happens: an import of choices must not become a storm of commits */
};

bool retractions_init(struct retractions *retractions, struct retraction_table *table,
                      struct retraction_times *times, const struct calendar *calendar, unsigned reader,
                      struct error *error)
{
    *retractions = (struct retractions){.table = table,
                                        .times = times,
                                        .calendar = calendar,
                                        .reader = reader,
                                        .in_force = {.max = RETRACTIONS_MAX},
                                        .tombstones = {.max = RETRACTIONS_MAX}};
    retractions->in_force.ms = malloc(RETRACTIONS_MAX * sizeof(int64_t));
    retractions->tombstones.ms = malloc(RETRACTIONS_MAX * sizeof(int64_t));
    return (retractions->in_force.ms && retractions->tombstones.ms) ||
           error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for retractions");
}

static void yield(struct retractions *retractions)
{
    if (retractions->slots)
        retraction_table_yield(retractions->table, retractions->reader);
    retractions->slots = NULL;
}

void retractions_release(struct retractions *retractions)
{
    yield(retractions);
    free(retractions->in_force.ms);
    free(retractions->tombstones.ms);
    *retractions = (struct retractions){0};
}

/* ---- looking ---- */

static void take_hold(struct retractions *retractions)
{
    retractions->seen = recent_position(retraction_table_recent(retractions->table));
    retractions->slots = retraction_table_hold(retractions->table, retractions->reader);
#ifdef CLICKVEIL_TEST_BARRIER_OFF
    retractions->any =
        false; /* a test build, to see the barrier's test fail: retractions would come in between */
#else
    retractions->any = retraction_table_entries(retractions->table) > 0;
#endif
}

void retractions_open(struct retractions *retractions)
{
    if (!retractions->slots)
        take_hold(retractions);
}

/* Does a choice of that moment hold for all of an epoch? */
static bool lasts(const struct retractions *retractions, int64_t time_ms, int32_t epoch)
{
    return time_ms != RETRACTION_NEVER && epoch <= calendar_epoch(retractions->calendar, time_ms);
}

/* Does it hold for what came at that time? */
static bool covers(const struct retractions *retractions, int64_t time_ms, int32_t epoch, int64_t came_ms)
{
    return lasts(retractions, time_ms, epoch) ||
           (time_ms != RETRACTION_NEVER && came_ms <= time_ms + RETRACTION_MOMENT_MS);
}

programme_set retractions_of_event(const struct retractions *retractions, const struct record *record,
                                   int32_t epoch)
{
    programme_set retracted = 0;
    if (!retractions->any)
        return retracted;
    for (unsigned kind = 0; kind < SUBJECT_KINDS; kind++) {
        if (record->subjects[kind].has_pseudonym)
            retraction_slots_prefetch(retractions->slots, &record->subjects[kind].pseudonym);
    }
    for (unsigned kind = 0; kind < SUBJECT_KINDS; kind++) {
        const struct subject *subject = &record->subjects[kind];
        if (!subject->has_pseudonym)
            continue;
        programme_set found =
            record->programmes & retraction_slots_programmes(retractions->slots, &subject->pseudonym);
        for (unsigned programme = 0; found >> programme; programme++) {
            if (found >> programme & 1 &&
                covers(retractions, retraction_slots_find(retractions->slots, &subject->pseudonym, programme),
                       epoch, record->timestamp_ms))
                retracted |= (programme_set)(1u << programme);
        }
    }
    return retracted;
}

enum retraction_reach retractions_of_person(const struct retractions *retractions,
                                            const struct partition *partition, const struct person *person,
                                            int64_t *out_chosen_ms)
{
    if (!retractions->any)
        return RETRACTION_NONE;
    const struct people *people = partition_people(partition, person);
    const struct pseudonym *subjects = person_subjects(&partition->slab, person);
    int64_t came_ms = (int64_t)person->first_s * 1000;
    int64_t earliest_ms = INT64_MAX;
    bool of_line = false, of_others = false; /* for all of the epoch */
    for (unsigned i = 0; i <= person_subject_count(person); i++) {
        const struct pseudonym *subject = i == 0 ? &person->line : &subjects[i - 1];
        int64_t time_ms = retraction_slots_find(retractions->slots, subject, people->programme);
        if (!covers(retractions, time_ms, people->epoch, came_ms))
            continue;
        int64_t chosen_ms = retraction_slots_chosen(retractions->slots, subject, people->programme);
        earliest_ms = chosen_ms < earliest_ms ? chosen_ms : earliest_ms;
        of_line = of_line || (i == 0 && lasts(retractions, time_ms, people->epoch));
        of_others = of_others || (i > 0 && lasts(retractions, time_ms, people->epoch));
    }
    if (earliest_ms == INT64_MAX)
        return RETRACTION_NONE;
    *out_chosen_ms = earliest_ms;
    return of_others && !of_line ? RETRACTION_MARKED : RETRACTION_PLAIN;
}

/* ---- taking in ---- */

struct application {
    struct retractions *retractions;
    struct partition *partition;
    struct partition **partitions;
    unsigned partition_count;
    struct emitter *emitter;
    size_t room_min; /* of the arena: a part of it is for retractions, the rest for the flush */
    unsigned people, visits;
    uint64_t position;
    bool full;   /* no more in this transaction */
    bool failed; /* error is set */
};

static void note(struct retraction_notes *notes, int64_t ms)
{
    if (notes->count < notes->max)
        notes->ms[notes->count++] = ms > 0 ? ms : 0;
}

static bool retract(void *context, uint32_t reference)
{
    struct application *apply = context;
    struct person *person = partition_person(apply->partition, reference);
    int64_t chosen_ms;
    if (person->standing != PERSON_STANDS && (person->waiting || !partition_shows(apply->partition, person)))
        return true;
    enum retraction_reach reach =
        retractions_of_person(apply->retractions, apply->partition, person, &chosen_ms);
    if (reach == RETRACTION_NONE)
        return true;
    if (person->standing != PERSON_STANDS) { /* the changelog doesn't tell since when */
        partition_wait(apply->partition, person, chosen_ms, apply->emitter->now_ms);
        return true;
    }
    if (apply->people >= RETRACTIONS_MAX || arena_room(apply->emitter->arena) < apply->room_min) {
        apply->full = true;
        return false;
    }
    apply->people++;
    note(&apply->retractions->in_force, apply->emitter->now_ms - chosen_ms);
    bool lasting = reach == RETRACTION_MARKED;
    apply->failed = !partition_retract(apply->partition, reference, lasting, apply->emitter->arena,
                                       apply->emitter->error);
    if (!apply->failed && partition_shows(apply->partition, person))
        partition_wait(apply->partition, person, chosen_ms, apply->emitter->now_ms);
    return !apply->failed;
}

static bool apply_subject(struct application *apply, struct partition *partition,
                          const struct pseudonym *subject)
{
    apply->partition = partition;
    if (++apply->visits > VISITS_MAX)
        apply->full = true;
    return !apply->full && partition_visit_subject(partition, subject, retract, apply);
}

/* One change. True ends the walk, as recent_any has it. */
static bool apply_change(void *context, uint64_t tag)
{
    struct application *apply = context;
    struct pseudonym subject;
    if (apply->position == apply->retractions->seen)
        return true; /* what came later need not be in what is held */
    if (retraction_slots_tagged(apply->retractions->slots, tag, &subject)) {
        for (unsigned i = 0; i < apply->partition_count; i++) {
            if (!apply_subject(apply, apply->partitions[i], &subject))
                return true;
        }
    }
    apply->position++;
    return false;
}

static void scan_again(struct application *apply)
{
    for (unsigned i = 0; i < apply->partition_count; i++)
        apply->partitions[i]->scan = (struct partition_scan){.done = false};
    apply->position = apply->retractions->seen;
}

static void apply_changes(struct application *apply)
{
    struct retractions *retractions = apply->retractions;
    const struct recent *recent = retraction_table_recent(retractions->table);
    apply->position = retractions->applied;
    recent_any(recent, retractions->applied, apply_change, apply);
    if (recent_has_lost(recent, retractions->applied)) /* before the walk, or while it went on */
        scan_again(apply);
    retractions->applied = apply->position;
}

static void apply_table(struct application *apply, struct partition *partition)
{
    const struct retraction_slots *slots = apply->retractions->slots;
    if (partition->scan.table != retraction_slots_number(slots))
        partition->scan = (struct partition_scan){.table = retraction_slots_number(slots)};
    uint64_t cursor = partition->scan.cursor;
    struct pseudonym subject;
    while (retraction_slots_next(slots, &cursor, &subject)) {
        if (!apply_subject(apply, partition, &subject))
            return;
        partition->scan.cursor = cursor;
    }
    partition->scan.done = true;
}

bool retractions_apply(struct retractions *retractions, struct partition **partitions,
                       unsigned partition_count, struct emitter *emitter, bool *out_more)
{
    size_t room = arena_room(emitter->arena);
    struct application apply = {.retractions = retractions,
                                .partitions = partitions,
                                .partition_count = partition_count,
                                .emitter = emitter,
                                .room_min = room - room / 4};
    take_hold(retractions);
    retractions->flushed_ms = emitter->now_ms;
    apply_changes(&apply);
    for (unsigned i = 0; i < partition_count && !apply.full && !apply.failed; i++) {
        if (!partitions[i]->scan.done)
            apply_table(&apply, partitions[i]);
    }
    if (apply.full)
        *out_more = true;
    return !apply.failed;
}

/* ---- the end of a transaction ---- */

void retractions_note_tombstone(struct retractions *retractions, const struct partition *partition,
                                const struct person *person, int64_t now_ms)
{
    int64_t chosen_ms;
    if (retractions_of_person(retractions, partition, person, &chosen_ms) != RETRACTION_NONE)
        note(&retractions->tombstones, now_ms - chosen_ms);
}

static bool touches(void *context, uint32_t reference)
{
    const struct application *look = context;
    const struct person *person = partition_person(look->partition, reference);
    int64_t chosen_ms;
    return person->touched != look->partition->transaction || person->standing != PERSON_STANDS ||
           retractions_of_person(look->retractions, look->partition, person, &chosen_ms) == RETRACTION_NONE;
}

static bool change_touches(void *context, uint64_t tag)
{
    struct application *look = context;
    struct pseudonym subject;
    if (!retraction_slots_tagged(look->retractions->slots, tag, &subject))
        return false;
    for (unsigned i = 0; i < look->partition_count; i++) {
        look->partition = look->partitions[i];
        if (!partition_visit_subject(look->partition, &subject, touches, look))
            return true;
    }
    return false;
}

bool retractions_stand(struct retractions *retractions, struct partition **partitions,
                       unsigned partition_count)
{
    const struct recent *recent = retraction_table_recent(retractions->table);
    if (!retractions->slots || recent_position(recent) == retractions->seen)
        return true;
    uint64_t since = retractions->seen;
    struct application look = {
        .retractions = retractions, .partitions = partitions, .partition_count = partition_count};
    take_hold(retractions);
    return !recent_any(recent, since, change_touches, &look);
}

static void observe(struct metrics_histogram *histogram, struct retraction_notes *notes)
{
    for (unsigned i = 0; i < notes->count; i++)
        metrics_observe(histogram, notes->ms[i], 1);
}

static void end(struct retractions *retractions)
{
    yield(retractions);
    retractions->in_force.count = retractions->tombstones.count = 0;
}

void retractions_commit(struct retractions *retractions)
{
    observe(&retractions->times->in_force, &retractions->in_force);
    observe(&retractions->times->tombstone, &retractions->tombstones);
    retractions->applied_committed = retractions->applied;
    end(retractions);
}

void retractions_abort(struct retractions *retractions)
{
    retractions->applied = retractions->applied_committed;
    end(retractions);
}

int64_t retractions_due_ms(const struct retractions *retractions, struct partition *const *partitions,
                           unsigned partition_count)
{
    if (retractions->slots)
        return INT64_MAX; /* the open transaction takes it in when it ends */
    if (recent_position(retraction_table_recent(retractions->table)) != retractions->applied)
        return partition_count ? retractions->flushed_ms + APPLY_EVERY_MS : INT64_MAX;
    if (retraction_table_entries(retractions->table) == 0)
        return INT64_MAX;
    for (unsigned i = 0; i < partition_count; i++) {
        if (!partitions[i]->scan.done)
            return 0;
    }
    return INT64_MAX;
}
