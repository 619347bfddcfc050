/*
 * A partition's state as the changelog tells of it: people are put in without a transaction, in any order and more than
 * once; their IDs go on the wheel when all of them are there.
 */
#include "stages/publish/partition_internal.h"

static bool restore_lists(struct partition *partition, uint32_t reference, const struct person_state *state,
                          struct error *error)
{
    struct person *person = partition_person(partition, reference);
    for (unsigned i = 0; i < state->device_count; i++) {
        if (!partition_add_device(partition, reference, &state->devices[i], NULL, error))
            return false;
    }
    for (unsigned i = 0; i < state->account_count; i++) {
        if (!partition_add_account(partition, reference, &state->accounts[i], error))
            return false;
    }
    person->shared_devices |= state->shared_devices;
    for (unsigned i = 0; i < state->contribution_count; i++) {
        if (!person_insert(&partition->slab, person, i, &state->contributions[i]))
            return partition_no_memory(error);
    }
    partition->contributions += state->contribution_count;
    return true;
}

static void restore_published(struct partition *partition, const struct person *person,
                              const struct person_state *state)
{
    for (uint32_t reference = person->ids; reference;) {
        struct live_id *id = slab_at(&partition->slab, reference);
        for (unsigned i = 0; i < state->published_count; i++) {
            if (state->published[i].feed == id->feed && state->published[i].device == id->device)
                id->published = state->published[i].mask;
        }
        reference = id->person_next;
    }
}

/* A retracted person has only the IDs that a record shows, and whoever lasts or would have none the one without a
 * feed. */
static bool keep_published(struct partition *partition, uint32_t reference, struct error *error)
{
    struct person *person = partition_person(partition, reference);
    for (uint32_t *link = &person->ids; *link;) {
        const struct live_id *id = slab_at(&partition->slab, *link);
        if (!id->published)
            partition_drop_id(partition, person, link);
        else
            link = &((struct live_id *)slab_at(&partition->slab, *link))->person_next;
    }
    return (person->ids && person->standing == PERSON_RETRACTED) ||
           partition_make_id(partition, reference, 0, LIVE_ID_STATE_ONLY) || partition_no_memory(error);
}

bool partition_restore(struct partition *partition, const struct person_state *state, struct error *error)
{
    partition->restoring = true;
    partition_restore_gone(partition, state->programme, state->epoch, &state->line);
    uint32_t reference =
        partition_make_person(partition, state->programme, state->epoch, &state->line, error);
    if (!reference)
        return false;
    struct person *person = partition_person(partition, reference);
    person->first_s = state->first_s;
    person->standing = (uint8_t)state->standing;
    person->kept = state->kept;
    if (!restore_lists(partition, reference, state, error) || !partition_recap(partition, person, error))
        return false;
    restore_published(partition, person, state);
    return person->standing == PERSON_STANDS || keep_published(partition, reference, error);
}

bool partition_restore_mark(struct partition *partition, uint8_t programme, int32_t epoch,
                            const struct pseudonym *line, struct error *error)
{
    partition->restoring = true;
    partition_restore_gone(partition, programme, epoch, line);
    uint32_t reference = partition_make_person(partition, programme, epoch, line, error);
    if (!reference)
        return false;
    partition_person(partition, reference)->standing = PERSON_MARKED;
    return keep_published(partition, reference, error);
}

void partition_restore_gone(struct partition *partition, uint8_t programme, int32_t epoch,
                            const struct pseudonym *line)
{
    partition->restoring = true;
    uint32_t reference = partition_find(partition, programme, epoch, line);
    if (reference)
        partition_forget(partition, reference);
}

void partition_restored(struct partition *partition)
{
    if (!partition->restoring)
        return;
    partition->restoring = false;
    for (uint32_t i = 0; i < partition->persons.capacity; i++) {
        uint32_t reference = partition->persons.slots[i].reference;
        if (!reference)
            continue;
        const struct person *person = partition_person(partition, reference);
        bool has_keys = feed_list_has(&partition->rules->feeds, partition_people(partition, person)->epoch);
        for (uint32_t at = person->ids; at;) {
            struct live_id *id = slab_at(&partition->slab, at);
            if (id->published && !has_keys) {
                id->published = 0; /* nobody can write its tombstone: it ends without (due_look) */
                partition->ids_without_key++;
            }
            partition_link_id(partition, at);
            at = id->person_next;
        }
    }
}

void partition_set_slot(struct partition *partition, int64_t slot)
{
    partition->slot_done = partition->slot_done_committed = slot;
    partition->slot_written = partition->slot_written_committed = slot;
}

void partition_set_chain(struct partition *partition, const uint8_t chain[PARTITION_CHAIN_SIZE])
{
    bool same = !memcmp(chain, partition->rules->chain, PARTITION_CHAIN_SIZE);
    partition->chain_written = partition->chain_written_committed = same;
}
