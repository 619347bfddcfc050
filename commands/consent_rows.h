/*
 * Lines of an import: CSV or JSON lines (docs/consent.md, "Import and export").
 *
 * What is wrong with a line is said by a static text, never with a value of it. One thread.
 */
#ifndef CLICKVEIL_COMMANDS_CONSENT_ROWS_H
#define CLICKVEIL_COMMANDS_CONSENT_ROWS_H

#include "common/consent_change.h"
#include "common/line_reader.h"

enum consent_format {
    CONSENT_FORMAT_UNKNOWN = 0,
    CONSENT_FORMAT_CSV,
    CONSENT_FORMAT_JSONL,
};

struct consent_row {
    struct consent_key key;       /* of kind CHOICE */
    struct consent_change change; /* names borrow the reader, until the next row */
    bool skipped; /* a record about nobody (signal:, hash:, meta:) or an empty line: nothing to do */
};

struct consent_rows;

/* NULL: memory is short. */
struct consent_rows *consent_rows_new(enum identifier_kind line_kind, enum consent_format format,
                                      struct error *error);
void consent_rows_free(struct consent_rows *rows); /* NULL is fine */

/* Read the line. The first one that is given tells the format, where that is unknown, and of CSV the columns.
 * *out_fatal: no line can be read after this (a header that is none). False: *out_why says what is wrong. */
CLICKVEIL_MUST_CHECK bool consent_rows_read(struct consent_rows *rows, const struct line *line,
                                            struct consent_row *out_row, const char **out_why,
                                            bool *out_fatal);

/* By the ending of a file's name; UNKNOWN: the content tells. */
enum consent_format consent_format_of(const char *path);

#endif
