/*
 * What a flush writes is bounded by number and by memory: a third of the arena's room for records and undo notes, the rest
 * for the changelog of those who were touched, which takes about as much as their notes. So a transaction with due
 * records alone always fits, however small the arena.
 *
 * Nothing is kept between flushes of one slot or bucket: a record that shows what it should is not due any more, so
 * the next flush looks at the bucket again and finds the rest. That makes a crash or an abort in the middle harmless.
 */
#include "stages/publish/round.h"

#include "stages/publish/changelog.h"
#include "stages/publish/feed_value.h"

enum {
    VISITS_MAX = 500000, /* IDs that a sweep looks at in one flush, due or not: some tens of milliseconds */
    PREFETCH_FAR = 4,    /* people ahead; fewer come too late, many more push each other out again */
};

static bool no_arena(struct round *round)
{
    error_fail(round->emitter->error, EXIT_STATUS_UNAVAILABLE, NULL, "raise runtime.memory_max",
               "the memory of one transaction is used up");
    if (round->emitter->error)
        round->emitter->error->abort_transaction = true; /* a smaller batch may fit */
    return false;
}

static bool has_room(const struct round *round)
{
    return arena_room(round->emitter->arena) >= round->room_min;
}

/* ---- one record ---- */

static bool write_value(struct round *round, const struct due *due, const struct live_id *id,
                        const struct interest_set *set, struct view text, struct view *out_value)
{
    const struct partition *partition = due->partition;
    int32_t epoch = partition_people(partition, partition_person(partition, id->person))->epoch;
    struct feed_value value = {
        .id = text,
        .subject = round->rules->feeds.items[id->feed].subject,
        .provider = round->options->provider,
        .interests = *set,
        .epoch = epoch,
        .expires_ms = calendar_epoch_over_ms(&round->rules->calendar, epoch),
        .trial = round->options->trial,
    };
    return feed_value_write(&value, round->emitter->arena, out_value) || no_arena(round);
}

static bool write_due(struct round *round, const struct due *due, int64_t timestamp_ms)
{
    struct live_id *id = slab_at(&due->partition->slab, due->reference);
    struct interest_set set = {.count = 0};
    enum due_action action = due_look(due->partition, id, round->emitter->now_ms, &set);
    if (action == DUE_NOTHING || (action == DUE_RECORD && round->holding))
        return true;
    struct person *person = partition_person(due->partition, id->person);
    int64_t retracted_ms;
    if (action == DUE_RECORD &&
        retractions_of_person(round->retractions, due->partition, person, &retracted_ms) != RETRACTION_NONE) {
        /* Spec 3, rule 9: the state follows in the next transaction, which is due at once and serves this slot again, so
         * that the tombstone does not come a period later. */
        round->due.left_out = true;
        return true;
    }
    char *text = arena_take(round->emitter->arena, FEED_ID_TEXT_SIZE);
    if (!text)
        return no_arena(round);
    feed_id_text(due->id, text);
    struct output output = {.topic = TOPIC_FEED,
                            .feed = id->feed,
                            .key = {text, FEED_ID_TEXT_SIZE},
                            .value = VIEW_ABSENT,
                            .partition = OUTPUT_PARTITION_BY_KEY,
                            .timestamp_ms = timestamp_ms};
    if (action == DUE_RECORD && !write_value(round, due, id, &set, output.key, &output.value))
        return false;
    if (!emitter_output(round->emitter, &output))
        return false;
    round->records++;
    struct arena *arena = round->emitter->arena;
    struct error *error = round->emitter->error;
    if (action == DUE_END_TOMBSTONE) {
        if (!partition_end(due->partition, due->reference, arena, error))
            return false;
        if (person->standing != PERSON_STANDS && !partition_shows(due->partition, person)) {
            retractions_note_tombstone(round->retractions, due->partition, person, round->emitter->now_ms);
            partition_wait_over(due->partition, person);
        }
        return true;
    }
    return partition_publish(due->partition, due->reference, &set, arena, error);
}

/* ---- who is due ---- */

static bool consider(struct round *round, struct partition *partition, uint32_t reference, bool *out_room)
{
    struct live_id *id = slab_at(&partition->slab, reference);
    struct interest_set set;
    round->visits++;
    if (!id->person) /* over, and not swept yet */
        return true;
    if (round->of_retracted && partition_person(partition, id->person)->standing == PERSON_STANDS)
        return true;
    switch (due_look(partition, id, round->emitter->now_ms, &set)) {
    case DUE_NOTHING:
        return true;
    case DUE_END:
        if (round->ends >= DUE_MAX || !has_room(round)) {
            *out_room = false;
            return true;
        }
        round->ends++;
        return partition_end(partition, reference, round->emitter->arena, round->emitter->error);
    case DUE_RECORD:
        if (round->holding)
            return true;
        break;
    case DUE_TOMBSTONE:
    case DUE_END_TOMBSTONE:
        break;
    }
    struct due due = {.partition = partition, .reference = reference};
    partition_feed_id(partition, id, due.id);
    due_list_offer(&round->due, &due);
    return true;
}

/* Room for more records? A list of nobody yet; false: this transaction has as many as it may. */
static bool begin_list(struct round *round)
{
    if (round->records >= DUE_MAX || !has_room(round))
        return false;
    due_list_reset(&round->due, DUE_MAX - round->records);
    return true;
}

static bool write_list(struct round *round, int64_t timestamp_ms)
{
    due_list_sort(&round->due);
    for (unsigned i = 0; i < round->due.count; i++) {
        if (!has_room(round)) {
            round->due.left_out = true;
            break;
        }
        if (!write_due(round, &round->due.items[i], timestamp_ms))
            return false;
    }
    return true;
}

/* Serve one bucket of all partitions that have served `slot_done` last (any, in a sweep). *out_done: nothing is left. */
static bool serve_bucket(struct round *round, unsigned bucket, int64_t slot_done, bool sweep,
                         int64_t timestamp_ms, bool *out_done)
{
    bool room = begin_list(round);
    if (!room) {
        *out_done = false;
        return true;
    }
    for (unsigned i = 0; i < round->partition_count; i++) {
        struct partition *partition = round->partitions[i];
        if (!sweep && partition->slot_done != slot_done)
            continue;
        for (uint32_t reference = partition->wheel.buckets[bucket]; reference;) {
            if (!consider(round, partition, reference, &room))
                return false;
            reference = ((struct live_id *)slab_at(&partition->slab, reference))->bucket_next;
        }
    }
    if (!write_list(round, timestamp_ms))
        return false;
    *out_done = room && !round->due.left_out;
    return true;
}

/* ---- slots ---- */

static void catch_up(struct partition *partition, int64_t slot_now, unsigned slots)
{
    if (partition->slot_done == PARTITION_NO_SLOT || partition->slot_done > slot_now + slots)
        partition->slot_done = slot_now - 1; /* the first slot of all, or a clock that was far ahead */
    if (partition->slot_done < slot_now - (int64_t)slots)
        partition->slot_done = slot_now - (int64_t)slots; /* one period has everybody's slot in it */
}

static int64_t least_slot_done(const struct round *round)
{
    int64_t least = INT64_MAX;
    for (unsigned i = 0; i < round->partition_count; i++) {
        if (round->partitions[i]->slot_done < least)
            least = round->partitions[i]->slot_done;
    }
    return least;
}

/* of_all: whatever the partitions have served last. */
static bool serve_buckets(struct round *round, int64_t slot, bool of_all, bool *out_done)
{
    const struct calendar *calendar = &round->rules->calendar;
    unsigned buckets = wheel_bucket_count(calendar->slots);
    *out_done = true;
    for (unsigned bucket = calendar_slot_phase(calendar, slot); *out_done && bucket < buckets;
         bucket += calendar->slots) {
        if (!serve_bucket(round, bucket, slot - 1, of_all, calendar_slot_start_ms(slot), out_done))
            return false;
    }
    return true;
}

static bool serve_slot(struct round *round, int64_t slot, bool *out_done)
{
    if (!serve_buckets(round, slot, false, out_done))
        return false;
    if (!*out_done)
        return true;
    for (unsigned i = 0; i < round->partition_count; i++) {
        if (round->partitions[i]->slot_done == slot - 1)
            round->partitions[i]->slot_done = slot;
    }
    return true;
}

static bool serve_slots(struct round *round, bool *out_more)
{
    int64_t slot_now = calendar_slot(round->emitter->now_ms);
    for (unsigned i = 0; i < round->partition_count; i++)
        catch_up(round->partitions[i], slot_now, round->rules->calendar.slots);
    while (round->partition_count > 0 && least_slot_done(round) < slot_now) {
        bool done = true;
        if (!serve_slot(round, least_slot_done(round) + 1, &done))
            return false;
        if (!done) {
            *out_more = true;
            break;
        }
    }
    return true;
}

/* In a hold the partitions go on waiting for their slots, which have tombstones taken out. */
static bool serve_slots_held(struct round *round, bool *out_more)
{
    int64_t slot_now = calendar_slot(round->emitter->now_ms);
    for (unsigned i = 0; i < round->partition_count; i++)
        catch_up(round->partitions[i], slot_now, round->rules->calendar.slots);
    int64_t slot = round->partition_count > 0 ? least_slot_done(round) : slot_now;
    if (slot < round->slot_held)
        slot = round->slot_held;
    for (bool done = true; slot < slot_now; round->slot_held = ++slot) {
        if (!serve_buckets(round, slot + 1, true, &done))
            return false;
        if (!done) {
            *out_more = true;
            break;
        }
    }
    return true;
}

/* ---- everyone, or those who were touched ---- */

static bool serve_sweep(struct round *round, bool *out_more)
{
    unsigned buckets = wheel_bucket_count(round->rules->calendar.slots);
    round->of_retracted = round->sweep.of_retracted;
    while (round->sweep.bucket < buckets) {
        bool done = round->visits < VISITS_MAX;
        if (done && !serve_bucket(round, round->sweep.bucket, 0, true, round->emitter->now_ms, &done))
            return false;
        if (!done) {
            *out_more = true;
            return true;
        }
        round->sweep.bucket++;
    }
    round->sweep = (struct sweep){.active = false};
    return true;
}

/* Something changed for people whom nobody touched: a count came to k or fell below it, an epoch began or ended. */
static bool others_changed(struct round *round)
{
    bool changed = false;
    for (unsigned i = 0; i < round->partition_count; i++) {
        struct partition *partition = round->partitions[i];
        changed = changed || partition->people.crossings != partition->crossings_seen;
        for (unsigned j = 0; j < partition->people.count; j++) {
            struct people *people = &partition->people.items[j];
            if (!people->used)
                continue;
            enum calendar_phase phase =
                calendar_phase(&round->rules->calendar, people->epoch, round->emitter->now_ms);
            changed = changed || phase != people->phase_seen || phase == CALENDAR_OVER;
            people->phase_seen = (uint8_t)phase;
        }
    }
    return changed;
}

static bool serve_touched(struct round *round, bool of_retracted)
{
    bool room = begin_list(round);
    round->of_retracted = of_retracted;
    for (unsigned i = 0; i < round->partition_count && room; i++) {
        struct partition *partition = round->partitions[i];
        for (const struct partition_undo *undo = partition->undo; undo; undo = undo->next) {
            for (uint32_t reference = partition_person(partition, undo->person)->ids; reference;) {
                if (!consider(round, partition, reference, &room))
                    return false;
                reference = ((struct live_id *)slab_at(&partition->slab, reference))->person_next;
            }
        }
    }
    if (!write_list(round, round->emitter->now_ms))
        return false;
    if (!room || round->due.left_out)
        round->sweep = (struct sweep){.active = true, .of_retracted = of_retracted};
    return true;
}

/* Slots are made up, since they do not count as served. Without them anybody may have waited. */
static void end_hold(struct round *round)
{
    round->slot_held = 0;
    if (round->update.kind == UPDATE_AT_ONCE)
        round->sweep = (struct sweep){.active = true};
}

static bool serve(struct round *round, bool *out_more)
{
    bool slots = round->update.kind == UPDATE_SLOTS && !round->files;
    if (slots && !(round->holding ? serve_slots_held(round, out_more) : serve_slots(round, out_more)))
        return false;
    bool everyone = round->emitter->draining && (round->files || round->update.kind != UPDATE_SLOTS);
    if (round->update.kind == UPDATE_AT_ONCE)
        everyone = others_changed(round) || everyone;
    if (everyone && (!round->sweep.active || round->sweep.of_retracted))
        round->sweep = (struct sweep){.active = true};
    if (round->held && !round->holding)
        end_hold(round);
    round->held = round->holding;
    bool at_once = round->update.kind == UPDATE_AT_ONCE;
    bool retracted_now = round->options->retract == RETRACT_NOW;
    if ((at_once || retracted_now) && !round->sweep.active && !serve_touched(round, !at_once))
        return false;
    return !round->sweep.active || serve_sweep(round, out_more);
}

/* ---- the changelog ---- */

static bool write_state(struct round *round, const struct partition *partition, struct view key,
                        struct view value)
{
    struct output output = {.topic = TOPIC_STATE, .key = key, .value = value, .partition = partition->number};
    return emitter_output(round->emitter, &output);
}

static bool write_person(struct round *round, const struct partition *partition, const struct person *person)
{
    struct arena *arena = round->emitter->arena;
    struct view key, value = VIEW_ABSENT;
    bool is_mark = partition_is_mark(partition, person);
    if (!changelog_person_key(partition, person, arena, &key))
        return no_arena(round);
    /* The state goes with its last ID, in the transaction that writes the last tombstone (spec 6). */
    if (person->live > 0 && !is_mark && !changelog_person_value(partition, person, arena, &value))
        return no_arena(round);
    if (!write_state(round, partition, key, value))
        return false;
    if (!is_mark && (person->live > 0 || person->standing != PERSON_MARKED))
        return true;
    /* The mark comes behind the state's tombstone, so that a restore that meets both in their order ends with it. */
    if (!changelog_mark_key(partition, person, arena, &key))
        return no_arena(round);
    return write_state(round, partition, key, is_mark ? changelog_mark_value() : VIEW_ABSENT);
}

/* In the transaction with its first people, the changelog says whose keys their IDs are made with. */
static bool write_chain(struct round *round, struct partition *partition)
{
    struct view value;
    if (partition->chain_written || partition->persons_here == 0)
        return true;
    if (!changelog_chain_value(partition->rules->chain, round->emitter->arena, &value))
        return no_arena(round);
    partition->chain_written = true;
    return write_state(round, partition, changelog_chain_key(), value);
}

static bool write_meta(struct round *round, struct partition *partition)
{
    if (partition->slot_done == partition->slot_written || partition->persons_here == 0)
        return true; /* with nobody there, a slot that is served again does nothing */
    partition->slot_written = partition->slot_done;
    struct view value;
    if (!changelog_meta_value(&(struct changelog_meta){.slot_done = partition->slot_done},
                              round->emitter->arena, &value))
        return no_arena(round);
    return write_state(round, partition, changelog_meta_key(), value);
}

/* A transaction touches more people than a cache holds: ask for the note of one far ahead, and for what a nearer one's
 * note, which came meanwhile, says will be needed. */
static void prefetch_note(const struct partition_undo *undo)
{
    if (!undo->far)
        return;
    __builtin_prefetch(undo->far);
    __builtin_prefetch((const char *)undo->far + 64);
}

static void prefetch(const struct partition *partition, const struct partition_undo *undo)
{
    const char *person = slab_at(&partition->slab, undo->person);
    __builtin_prefetch(person);
    __builtin_prefetch(person + 64);
    if (undo->is_new)
        return;
    __builtin_prefetch(slab_at(&partition->slab, undo->before.contributions));
    __builtin_prefetch(slab_at(&partition->slab, undo->before.subjects));
    __builtin_prefetch(slab_at(&partition->slab, undo->before.ids));
}

static bool write_changelog(struct round *round)
{
    for (unsigned i = 0; i < round->partition_count; i++) {
        struct partition *partition = round->partitions[i];
        const struct partition_undo *ahead = partition->undo;
        for (unsigned far = 0; ahead && far < PREFETCH_FAR; far++)
            ahead = ahead->next;
        for (const struct partition_undo *undo = partition->undo; undo; undo = undo->next) {
            prefetch_note(undo);
            if (ahead) {
                prefetch(partition, ahead);
                ahead = ahead->next;
            }
            if (!write_person(round, partition, partition_person(partition, undo->person)))
                return false;
        }
        if (!write_chain(round, partition) || !write_meta(round, partition))
            return false;
    }
    return true;
}

/* ---- the round ---- */

bool round_flush(struct round *round, struct partition **partitions, unsigned partition_count,
                 struct emitter *emitter, bool *out_more)
{
    round->emitter = emitter;
    round->partitions = partitions;
    round->partition_count = partition_count;
    round->records = round->ends = round->visits = 0;
    round->of_retracted = false;
    round->holding = emitter->holding;
    size_t room = arena_room(emitter->arena);
    round->room_min = room - room / 3;
    bool more = false;
    if (!serve(round, &more) || !write_changelog(round))
        return false;
    *out_more = more;
    return true;
}

void round_commit(struct round *round)
{
    round->sweep_committed = round->sweep;
}

void round_abort(struct round *round)
{
    round->sweep = round->sweep_committed;
    round->slot_held = 0; /* a tombstone that is there is not written again */
    /* what others_changed saw is forgotten, so look at everyone */
    if (round->update.kind == UPDATE_AT_ONCE)
        round->sweep = (struct sweep){.active = true};
}

static int64_t next_phase_ms(const struct round *round, struct partition *const *partitions,
                             unsigned partition_count)
{
    int64_t next_ms = INT64_MAX;
    for (unsigned i = 0; i < partition_count; i++) {
        for (unsigned j = 0; j < partitions[i]->people.count; j++) {
            const struct people *people = &partitions[i]->people.items[j];
            if (!people->used)
                continue;
            int64_t change_ms = people->phase_seen == CALENDAR_AHEAD
                                    ? calendar_epoch_start_ms(&round->rules->calendar, people->epoch)
                                    : calendar_epoch_over_ms(&round->rules->calendar, people->epoch);
            next_ms = change_ms < next_ms ? change_ms : next_ms;
        }
    }
    return next_ms;
}

int64_t round_next_due_ms(const struct round *round, struct partition *const *partitions,
                          unsigned partition_count)
{
    if (round->files || partition_count == 0)
        return INT64_MAX;
    if (round->sweep.active && (round->sweep.of_retracted || round->update.kind == UPDATE_AT_ONCE))
        return 0;
    if (round->update.kind == UPDATE_DRAIN)
        return INT64_MAX;
    if (round->update.kind == UPDATE_AT_ONCE)
        return next_phase_ms(round, partitions, partition_count);
    int64_t least = INT64_MAX;
    for (unsigned i = 0; i < partition_count; i++)
        least = partitions[i]->slot_done < least ? partitions[i]->slot_done : least;
    if (round->holding && least < round->slot_held)
        least = round->slot_held;
    return least == PARTITION_NO_SLOT ? 0 : calendar_slot_start_ms(least + 1);
}
