/*
 * Lines and fields of a TSV file in memory: what rule files, taxonomies and the mappings of imports have in common.
 *
 * Comment lines start with `#`, empty lines are skipped, a byte order mark at the start and a carriage return at the
 * end of a line are dropped. A line that is no UTF-8, has a control character or is longer than TSV_LINE_SIZE_MAX is a
 * mistake; it is reported and skipped.
 *
 * Thread: one at a time.
 */
#ifndef CLICKVEIL_COMMON_TSV_H
#define CLICKVEIL_COMMON_TSV_H

#include "common/mistakes.h"
#include "common/view.h"

enum {
    TSV_FIELDS_MAX = 8,
    TSV_LINE_SIZE_MAX = 4096, /* bytes without the line end */
};

struct tsv {
    const char *name;          /* of the file, for mistakes */
    struct view rest;          /* borrowed: what is still to be read */
    unsigned line;             /* of the line given last, from 1 */
    struct mistakes *mistakes; /* where what is wrong goes */
};

struct tsv_line {
    unsigned number;                    /* from 1 */
    struct view fields[TSV_FIELDS_MAX]; /* into the file's bytes; never absent */
    unsigned columns[TSV_FIELDS_MAX];   /* of each field's first byte, from 1 */
    unsigned count;                     /* of the fields; TSV_FIELDS_MAX + 1 when there are more */
};

/* Start reading bytes, which live until the last tsv_next. */
void tsv_init(struct tsv *tsv, const char *name, struct view bytes, struct mistakes *mistakes);

/* The next line that has data. False at the end. */
CLICKVEIL_MUST_CHECK bool tsv_next(struct tsv *tsv, struct tsv_line *out_line);

/* A decimal number of 1 to 65535 without sign, blanks or zeros in front. */
CLICKVEIL_MUST_CHECK bool tsv_identifier(struct view text, unsigned *out_identifier);

#endif
