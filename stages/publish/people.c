#include "stages/publish/people.h"

#include "common/error.h"

#include <stdlib.h>
#include <string.h>

enum { INDEX_MAX = UINT16_MAX }; /* a person holds the index in two bytes */

int people_find(const struct people_list *list, uint8_t programme, int32_t epoch)
{
    for (unsigned i = list->count; i-- > 0;) {
        const struct people *people = &list->items[i];
        if (people->used && people->epoch == epoch && people->programme == programme)
            return (int)i;
    }
    return -1;
}

static int free_index(struct people_list *list)
{
    for (unsigned i = 0; i < list->count; i++) {
        if (!list->items[i].used)
            return (int)i;
    }
    if (list->count == list->capacity) {
        unsigned capacity = list->capacity ? list->capacity * 2 : 8;
        struct people *items =
            list->count < INDEX_MAX ? realloc(list->items, capacity * sizeof *items) : NULL;
        if (!items)
            return -1;
        list->items = items;
        list->capacity = capacity;
    }
    return (int)list->count++;
}

int people_add(struct people_list *list, uint8_t programme, int32_t epoch)
{
    int index = people_find(list, programme, epoch);
    if (index >= 0)
        return index;
    index = free_index(list);
    if (index >= 0)
        list->items[index] = (struct people){.programme = programme, .epoch = epoch, .used = true};
    return index;
}

void people_enter(struct people_list *list, unsigned index)
{
    list->items[index].persons++;
}

void people_leave(struct people_list *list, unsigned index)
{
    struct people *people = &list->items[index];
    ensure(people->persons > 0);
    if (--people->persons > 0)
        return;
    free(people->interest);
    *people = (struct people){.used = false};
}

bool people_reserve(struct people_list *list, unsigned index, uint16_t interest)
{
    struct people *people = &list->items[index];
    if (interest < people->interest_capacity)
        return true;
    uint32_t capacity = 256;
    while (capacity <= interest)
        capacity *= 2;
    uint32_t *counts = realloc(people->interest, capacity * sizeof *counts);
    if (!counts)
        return false;
    memset(&counts[people->interest_capacity], 0, (capacity - people->interest_capacity) * sizeof *counts);
    people->interest = counts;
    people->interest_capacity = capacity;
    return true;
}

void people_change(struct people_list *list, unsigned index, const struct interest_set *before,
                   const struct interest_set *after)
{
    struct people *people = &list->items[index];
    for (unsigned i = 0; i < before->count; i++) {
        if (interest_set_index(after, before->ids[i]) >= 0)
            continue;
        uint32_t *count = &people->interest[before->ids[i]];
        ensure(*count > 0);
        list->crossings += (*count)-- == list->k;
    }
    for (unsigned i = 0; i < after->count; i++) {
        if (interest_set_index(before, after->ids[i]) >= 0)
            continue;
        ensure(after->ids[i] < people->interest_capacity);
        list->crossings += ++people->interest[after->ids[i]] == list->k;
    }
}

uint32_t people_count(const struct people_list *list, unsigned index, uint16_t interest)
{
    const struct people *people = &list->items[index];
    return interest < people->interest_capacity ? people->interest[interest] : 0;
}

void people_release(struct people_list *list)
{
    for (unsigned i = 0; i < list->count; i++)
        free(list->items[i].interest);
    free(list->items);
    *list = (struct people_list){0};
}
