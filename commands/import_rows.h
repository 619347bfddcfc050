/*
 * Millions of short keys with a number each: gathered, sorted, walked in order.
 *
 * 24 bytes and the key's own for each row, and as much again as the 24 while sorting, so that 10 million lines of a
 * public list need well under 1 GiB.
 *
 * One thread.
 */
#ifndef CLICKVEIL_COMMANDS_IMPORT_ROWS_H
#define CLICKVEIL_COMMANDS_IMPORT_ROWS_H

#include "common/error.h"
#include "common/view.h"

#include <stdint.h>

enum { IMPORT_KEY_SIZE_MAX = 255 }; /* bytes */

enum import_order {
    IMPORT_ORDER_BYTES = 0, /* as rule files are sorted */
    IMPORT_ORDER_FOLDED, /* as if `-`, `_`, `.` and `+` were spaces; those that are the same then, by bytes */
};

struct import_row {
    struct view key;
    unsigned number; /* what the caller gave: 0 to 65535 */
    unsigned source;
    uint64_t line;
};

struct import_rows;

struct import_rows *import_rows_new(enum import_order order, struct error *error); /* NULL: no memory */
void import_rows_free(struct import_rows *rows);                                   /* NULL is fine */

/* key: up to IMPORT_KEY_SIZE_MAX bytes, copied. Fails when memory is short or there are more than 2^32 rows. */
CLICKVEIL_MUST_CHECK bool import_rows_add(struct import_rows *rows, const struct import_row *row,
                                          struct error *error);

/* Sort by key; equal ones stay as they came. Nothing may be added afterwards. */
void import_rows_sort(struct import_rows *rows);

uint64_t import_rows_count(const struct import_rows *rows);

/* By position; the key lives as long as the rows, and until the next import_rows_add. */
struct import_row import_rows_at(const struct import_rows *rows, uint64_t position);

/* Of sorted rows: the first one whose key is not below this one in the rows' order. The number of rows: there is none. */
uint64_t import_rows_find(const struct import_rows *rows, struct view key);

/* Do two keys stand at the same place in the rows' order? */
bool import_rows_same(const struct import_rows *rows, struct view a, struct view b);

#endif
