#include "stages/publish/due.h"

#include <stdlib.h>

/* What the feed may show of a person now: chosen, shared by at least k people, and in a device's feed brought by that
 * device. Nothing moves up into the place of an interest below k (spec 6). */
static struct interest_set publishable(const struct partition *partition, const struct person *person,
                                       const struct live_id *id)
{
    struct interest_set set = {.count = 0};
    bool of_device = partition->rules->feeds.items[id->feed].subject == FEED_SUBJECT_DEVICE;
    if (of_device && person->shared_devices >> id->device & 1)
        return set; /* seen under two lines: published under neither */
    const struct contribution *entries = person_contributions(&partition->slab, person);
    for (unsigned i = 0; i < person->capped.count; i++) {
        uint16_t interest = person->capped.ids[i];
        if (people_count(&partition->people, person->people, interest) < partition->rules->k)
            continue;
        if (of_device &&
            !contribution_of_device(entries, person->contribution_count, interest, (uint8_t)id->device))
            continue;
        set.ids[set.count++] = interest;
    }
    return set;
}

static bool shows(const struct person *person, uint8_t published, const struct interest_set *set)
{
    unsigned mask = 0;
    for (unsigned i = 0; i < set->count; i++) {
        int place = interest_set_index(&person->kept, set->ids[i]);
        if (place < 0)
            return false;
        mask |= 1u << place;
    }
    return mask == published;
}

enum due_action due_look(const struct partition *partition, const struct live_id *id, int64_t now_ms,
                         struct interest_set *out_set)
{
    if (id->ended)
        return DUE_NOTHING;
    const struct person *person = partition_person(partition, id->person);
    int32_t epoch = partition_people(partition, person)->epoch;
    /* Spec 3, rule 9: tombstones, and nothing else; a mark stays until the epoch is over. */
    bool lasts = person->standing == PERSON_MARKED && live_id_is_state_only(id);
    if (person->standing != PERSON_STANDS && !lasts)
        return id->published ? DUE_END_TOMBSTONE : DUE_END;
    if (!feed_list_has(&partition->rules->feeds, epoch)) /* its keys are gone, whatever the clock says */
        return DUE_END;
    switch (calendar_phase(&partition->rules->calendar, epoch, now_ms)) {
    case CALENDAR_OVER:
        return id->published ? DUE_END_TOMBSTONE : DUE_END;
    case CALENDAR_AHEAD:
        return DUE_NOTHING; /* else three IDs of a person could live */
    case CALENDAR_LIVE:
        break;
    }
    if (live_id_is_state_only(id))
        return DUE_NOTHING;
    struct interest_set set = publishable(partition, person, id);
    if (shows(person, id->published, &set))
        return DUE_NOTHING;
    if (!set.count)
        return DUE_TOMBSTONE;
    *out_set = set;
    return DUE_RECORD;
}

bool due_list_init(struct due_list *list, struct error *error)
{
    *list = (struct due_list){.items = malloc(DUE_MAX * sizeof *list->items), .max = DUE_MAX};
    return list->items ||
           error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for due records");
}

void due_list_reset(struct due_list *list, unsigned max)
{
    ensure(max >= 1 && max <= DUE_MAX);
    list->count = 0;
    list->max = max;
    list->left_out = false;
}

static int compare(const void *a, const void *b)
{
    const struct due *first = a, *second = b;
    int order = memcmp(first->id, second->id, FEED_ID_SIZE);
    if (order)
        return order;
    return (first->reference > second->reference) - (first->reference < second->reference);
}

static void swap(struct due *a, struct due *b)
{
    struct due kept = *a;
    *a = *b;
    *b = kept;
}

static void sift_up(struct due *items, unsigned at)
{
    while (at > 0 && compare(&items[(at - 1) / 2], &items[at]) < 0) {
        swap(&items[(at - 1) / 2], &items[at]);
        at = (at - 1) / 2;
    }
}

static void sift_down(struct due *items, unsigned count)
{
    for (unsigned at = 0; 2 * at + 1 < count;) {
        unsigned child = 2 * at + 1;
        if (child + 1 < count && compare(&items[child], &items[child + 1]) < 0)
            child++;
        if (compare(&items[at], &items[child]) >= 0)
            return;
        swap(&items[at], &items[child]);
        at = child;
    }
}

void due_list_offer(struct due_list *list, const struct due *due)
{
    if (list->count < list->max) {
        list->items[list->count] = *due;
        sift_up(list->items, list->count++);
        return;
    }
    list->left_out = true;
    if (compare(due, &list->items[0]) < 0) {
        list->items[0] = *due;
        sift_down(list->items, list->count);
    }
}

void due_list_sort(struct due_list *list)
{
    qsort(list->items, list->count, sizeof *list->items, compare);
}

void due_list_release(struct due_list *list)
{
    free(list->items);
    *list = (struct due_list){0};
}
