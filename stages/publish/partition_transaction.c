/*
 * What a partition notes of the open transaction, and how that ends.
 *
 * The first time a transaction touches a person, partition_touch copies the person and its lists into the
 * transaction's arena. An abort gives all present lists back first and takes blocks for the old ones then: the slab
 * never turns a block into another size, so there are enough of each. Devices and accounts are only ever added, so an
 * abort takes away those beyond the old counts, with their IDs. IDs end by a mark and leave when the transaction
 * commits.
 */
#include "stages/publish/partition_internal.h"

static bool no_arena(struct error *error)
{
    error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "raise runtime.memory_max",
               "the memory of one transaction is used up");
    if (error)
        error->abort_transaction = true; /* a smaller batch may fit */
    return false;
}

/* ---- notes ---- */

static struct partition_undo *note(uint32_t reference, struct arena *arena)
{
    struct partition_undo *undo = arena_take(arena, sizeof *undo);
    if (!undo)
        return NULL;
    *undo = (struct partition_undo){.person = reference};
    return undo;
}

static void link_note(struct partition *partition, struct partition_undo *undo)
{
    struct partition_undo **latest = &partition->latest[partition->latest_at++ % PARTITION_FAR];
    undo->next = partition->undo;
    undo->far = *latest;
    partition->undo = *latest = undo;
}

static bool copy_lists(const struct partition *partition, struct partition_undo *undo, struct arena *arena)
{
    const struct person *person = &undo->before;
    size_t contributions_size = person->contribution_count * sizeof *undo->contributions;
    size_t subjects_size = person_subject_count(person) * sizeof *undo->subjects;
    char *copy = arena_take(arena, contributions_size + subjects_size);
    if (!copy)
        return false;
    undo->contributions = (struct contribution *)copy;
    undo->subjects = (struct pseudonym *)(copy + contributions_size);
    if (contributions_size)
        memcpy(copy, person_contributions(&partition->slab, person), contributions_size);
    if (subjects_size)
        memcpy(copy + contributions_size, person_subjects(&partition->slab, person), subjects_size);
    return true;
}

bool partition_touch(struct partition *partition, uint32_t reference, struct arena *arena,
                     struct error *error)
{
    struct person *person = partition_person(partition, reference);
    if (person->touched == partition->transaction)
        return true;
    struct partition_undo *undo = note(reference, arena);
    if (!undo)
        return no_arena(error);
    undo->before = *person;
    if (!copy_lists(partition, undo, arena))
        return no_arena(error);
    person->touched = partition->transaction;
    link_note(partition, undo);
    return true;
}

bool partition_note_new(struct partition *partition, uint32_t reference, struct arena *arena,
                        struct error *error)
{
    struct partition_undo *undo = note(reference, arena);
    if (!undo)
        return no_arena(error);
    undo->is_new = true;
    partition_person(partition, reference)->touched = partition->transaction;
    link_note(partition, undo);
    return true;
}

bool partition_touch_id(struct partition *partition, uint32_t id, struct arena *arena, struct error *error)
{
    struct partition_id_undo *undo = arena_take(arena, sizeof *undo);
    if (!undo)
        return no_arena(error);
    *undo = (struct partition_id_undo){partition->id_undo, id,
                                       *(const struct live_id *)slab_at(&partition->slab, id)};
    partition->id_undo = undo;
    return true;
}

/* ---- the end of a transaction ---- */

static void next_transaction(struct partition *partition)
{
    partition->undo = NULL;
    memset(partition->latest, 0, sizeof partition->latest);
    partition->id_undo = NULL;
    partition->crossings_seen = partition->people.crossings;
    if (++partition->transaction == 0) /* zero is that of restored persons */
        partition->transaction = 1;
}

/* Away from its person, and left to the wheel. */
static void id_over(struct partition *partition, uint32_t reference)
{
    struct live_id *id = slab_at(&partition->slab, reference);
    uint32_t *link = &partition_person(partition, id->person)->ids;
    while (*link != reference) {
        ensure(*link);
        link = &((struct live_id *)slab_at(&partition->slab, *link))->person_next;
    }
    *link = id->person_next;
    partition->live_ids--;
    wheel_give_up(&partition->wheel, id);
}

static void id_gone(void *context, uint32_t reference)
{
    slab_give(&((struct partition *)context)->slab, reference, 0);
}

void partition_commit(struct partition *partition)
{
    bool any_ended = false; /* else nobody goes, and nobody need be looked at again */
    for (const struct partition_id_undo *undo = partition->id_undo; undo; undo = undo->next) {
        const struct live_id *id = slab_at(&partition->slab, undo->id);
        if (!id->ended || !id->person) /* it goes on; or it was there twice */
            continue;
        id_over(partition, undo->id);
        any_ended = true;
    }
    wheel_sweep(&partition->wheel, &partition->slab, id_gone, partition);
    for (const struct partition_undo *undo = any_ended ? partition->undo : NULL; undo; undo = undo->next) {
        if (partition_person(partition, undo->person)->live == 0)
            partition_forget(partition, undo->person);
    }
    partition->slot_done_committed = partition->slot_done;
    partition->slot_written_committed = partition->slot_written;
    partition->chain_written_committed = partition->chain_written;
    partition->scan_committed = partition->scan;
    next_transaction(partition);
}

/* First half: away with what the transaction added, and with the lists as they are. */
static void undo_additions(struct partition *partition, const struct partition_undo *undo)
{
    if (undo->is_new) {
        partition_forget(partition, undo->person);
        return;
    }
    struct person *person = partition_person(partition, undo->person);
    unsigned programme = partition_people(partition, person)->programme;
    bool of_new_mark = undo->before.standing == PERSON_STANDS && person->standing == PERSON_MARKED &&
                       partition->rules->feeds.users[programme].count > 0; /* else it had one before */
    for (uint32_t *link = &person->ids; *link;) {
        const struct live_id *id = slab_at(&partition->slab, *link);
        bool is_new = live_id_is_state_only(id)
                          ? of_new_mark
                          : partition->rules->feeds.items[id->feed].subject == FEED_SUBJECT_DEVICE &&
                                id->device >= undo->before.device_count;
        if (is_new)
            partition_drop_id(partition, person, link);
        else
            link = &((struct live_id *)slab_at(&partition->slab, *link))->person_next;
    }
    partition_unlink_subjects(partition, undo->person, undo->before.device_count, undo->before.account_count);
    partition->contributions -= person->contribution_count;
    partition_set_capped(partition, person, &undo->before.capped);
    person_clear(&partition->slab, person);
}

/* Second half: the old lists again. */
static void undo_changes(struct partition *partition, const struct partition_undo *undo)
{
    if (undo->is_new)
        return;
    struct person *person = partition_person(partition, undo->person);
    ensure(person_replace(&partition->slab, person, undo->contributions, undo->before.contribution_count,
                          undo->subjects, undo->before.device_count, undo->before.account_count));
    partition->contributions += person->contribution_count;
    person->first_s = undo->before.first_s;
    person->standing = undo->before.standing;
    person->shared_devices = undo->before.shared_devices;
    person->kept = undo->before.kept;
    partition_set_waiting(partition, person, undo->before.waiting);
    person->touched = 0;
}

void partition_abort(struct partition *partition)
{
    for (const struct partition_id_undo *undo = partition->id_undo; undo; undo = undo->next) {
        struct live_id *id = slab_at(&partition->slab, undo->id);
        partition_person(partition, id->person)->live += id->ended && !undo->before.ended;
        id->ended = undo->before.ended;
        id->published = undo->before.published;
    }
    for (const struct partition_undo *undo = partition->undo; undo; undo = undo->next)
        undo_additions(partition, undo);
    for (const struct partition_undo *undo = partition->undo; undo; undo = undo->next)
        undo_changes(partition, undo);
    partition->slot_done = partition->slot_done_committed;
    partition->slot_written = partition->slot_written_committed;
    partition->chain_written = partition->chain_written_committed;
    partition->scan = partition->scan_committed;
    next_transaction(partition);
}
