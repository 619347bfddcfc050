/*
 * Where dead letters stand, and which of them were replayed.
 *
 * Whoever puts a letter's input back writes a marker in the same transaction: a record behind the letter, in the same
 * partition of the same topic, with a null key, no value and one header (DEAD_LETTER_HEADER_REPLAYED) that says which
 * letter it is about. So a letter is replayed once, by whom and after whichever crash, and its marker lives as long as the
 * letter does. A marker anywhere else is none.
 *
 * One thread per set.
 */
#ifndef CLICKVEIL_COMMON_DEAD_LETTER_MARKS_H
#define CLICKVEIL_COMMON_DEAD_LETTER_MARKS_H

#include "common/error.h"
#include "common/view.h"

#include <stdint.h>

enum { DEAD_LETTER_PLACE_TEXT_SIZE = 32 }; /* bytes of a place as text, with NUL */

#define DEAD_LETTER_HEADER_REPLAYED "clickveil-replayed" /* PARTITION:OFFSET of the letter */

/* A record of the dead-letter topic. */
struct dead_letter_place {
    int32_t partition; /* >= 0 */
    int64_t offset;    /* >= 0 */
};

/* Read PARTITION:OFFSET, decimal, without blanks, signs and leading zeros. */
CLICKVEIL_MUST_CHECK bool dead_letter_place_read(struct view text, struct dead_letter_place *out_place);

/* Write the same; gives its size without NUL. */
size_t dead_letter_place_write(struct dead_letter_place place, char out_text[DEAD_LETTER_PLACE_TEXT_SIZE]);

/* The letters that were replayed. A zeroed struct is an empty set. */
struct dead_letter_marks {
    struct dead_letter_place *places;
    size_t count, room;
    bool sorted;
};

/* Take a marker that stands at `at`; header: its DEAD_LETTER_HEADER_REPLAYED. What is about no earlier record of its own
 * partition is left out. False: no memory. */
CLICKVEIL_MUST_CHECK bool dead_letter_marks_add(struct dead_letter_marks *marks, struct dead_letter_place at,
                                                struct view header, struct error *error);

/* Was that letter replayed? Quick once all are in. */
bool dead_letter_marks_has(struct dead_letter_marks *marks, struct dead_letter_place place);

/* Forget all; frees the memory. */
void dead_letter_marks_release(struct dead_letter_marks *marks);

#endif
