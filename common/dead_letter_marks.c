#include "common/dead_letter_marks.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROOM_FIRST = 1024 };

/* A number without sign and leading zeros, up to max; what follows it is left in *text. */
static bool take_number(struct view *text, uint64_t max, uint64_t *out_number)
{
    uint64_t number = 0;
    size_t size = 0;
    for (; size < text->size && text->data[size] >= '0' && text->data[size] <= '9'; size++) {
        uint64_t digit = (uint64_t)(text->data[size] - '0');
        if (number > (max - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    if (size == 0 || (size > 1 && text->data[0] == '0'))
        return false;
    *text = (struct view){text->data + size, text->size - size};
    *out_number = number;
    return true;
}

bool dead_letter_place_read(struct view text, struct dead_letter_place *out_place)
{
    uint64_t partition, offset;
    if (view_is_absent(text) || !take_number(&text, INT32_MAX, &partition) || text.size == 0 ||
        text.data[0] != ':')
        return false;
    text = (struct view){text.data + 1, text.size - 1};
    if (!take_number(&text, INT64_MAX, &offset) || text.size > 0)
        return false;
    *out_place = (struct dead_letter_place){(int32_t)partition, (int64_t)offset};
    return true;
}

size_t dead_letter_place_write(struct dead_letter_place place, char out_text[DEAD_LETTER_PLACE_TEXT_SIZE])
{
    int size = snprintf(out_text, DEAD_LETTER_PLACE_TEXT_SIZE, "%" PRId32 ":%" PRId64, place.partition,
                        place.offset);
    ensure(size > 0 && size < DEAD_LETTER_PLACE_TEXT_SIZE);
    return (size_t)size;
}

bool dead_letter_marks_add(struct dead_letter_marks *marks, struct dead_letter_place at, struct view header,
                           struct error *error)
{
    struct dead_letter_place place;
    if (!dead_letter_place_read(header, &place) || place.partition != at.partition ||
        place.offset >= at.offset)
        return true;
    if (marks->count == marks->room) {
        size_t room = marks->room ? marks->room * 2 : ROOM_FIRST;
        struct dead_letter_place *places = realloc(marks->places, room * sizeof *places);
        if (!places)
            return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory",
                              "no memory for the places of replayed letters");
        marks->places = places;
        marks->room = room;
    }
    marks->places[marks->count++] = place;
    marks->sorted = false;
    return true;
}

static int compare(const void *left, const void *right)
{
    const struct dead_letter_place *a = left, *b = right;
    if (a->partition != b->partition)
        return a->partition < b->partition ? -1 : 1;
    return (a->offset > b->offset) - (a->offset < b->offset);
}

bool dead_letter_marks_has(struct dead_letter_marks *marks, struct dead_letter_place place)
{
    if (marks->count == 0)
        return false;
    if (!marks->sorted)
        qsort(marks->places, marks->count, sizeof *marks->places, compare);
    marks->sorted = true;
    return bsearch(&place, marks->places, marks->count, sizeof place, compare) != NULL;
}

void dead_letter_marks_release(struct dead_letter_marks *marks)
{
    free(marks->places);
    *marks = (struct dead_letter_marks){0};
}
