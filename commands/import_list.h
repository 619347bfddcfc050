/*
 * Lists of keys and categories, line by line: TSV, CSV, override lists, and the files of SquidGuard folders.
 *
 * Every row ends as one row of `rows` (with the number of its category) or as a count of the report; the caller merges
 * what is in `rows`. Keys are brought into the form of rule files: a host by common/host.h, also out of a URL without a
 * path; a dot in front is dropped, as squidGuard reads it. A path is no host and is not made one.
 *
 * One thread.
 */
#ifndef CLICKVEIL_COMMANDS_IMPORT_LIST_H
#define CLICKVEIL_COMMANDS_IMPORT_LIST_H

#include "commands/import_categories.h"
#include "commands/import_csv.h"
#include "commands/import_report.h"
#include "commands/import_rows.h"
#include "common/line_reader.h"

enum import_format {
    IMPORT_FORMAT_UNKNOWN = 0,
    IMPORT_FORMAT_TSV,
    IMPORT_FORMAT_CSV,
    IMPORT_FORMAT_OVERRIDE,
    IMPORT_FORMAT_UT1,
    IMPORT_FORMAT_TAXONOMY,
};

enum {
    IMPORT_LINE_SIZE_MAX = 4096, /* bytes */
    IMPORT_HEAD_SIZE = 256,      /* bytes of a text of the head, with its NUL */
    IMPORT_CSV_LINES_MAX = 16,   /* that a record in quotes may go over */
};

/* What is imported: the caller's, common to all its files. */
struct import {
    enum import_format format;
    unsigned key_column, category_column; /* from 0 */
    bool any_columns;                     /* others may stand beside the two */
    bool has_header;                      /* the first row names the columns */
    struct import_report report;
    struct import_categories *categories;
    struct import_rows *rows;
    struct import_rows *hosts; /* of an override list: sorted, in folded order; else NULL */
    char source[IMPORT_HEAD_SIZE], date[IMPORT_HEAD_SIZE],
        licence[IMPORT_HEAD_SIZE]; /* of comments at the top */
};

/* One file of it. */
struct import_list {
    struct import *import;
    unsigned source;
    bool rows_came; /* so comments are no head any more */
    bool header_came;
    const char *category; /* of every row, where the file's place says it; else NULL */
    struct import_csv csv;
    char open[IMPORT_CSV_SIZE_MAX]; /* lines of a record whose quotes are open, each with its newline */
    size_t open_sizes[IMPORT_CSV_LINES_MAX];
    unsigned open_count;
    uint64_t open_line; /* of the first of them, from 1 */
};

/* category: borrowed, or NULL when each row has its own. name: what messages call the file. */
void import_list_init(struct import_list *list, struct import *import, const char *name,
                      const char *category);

/* Take a line as line_reader gives it. Fails for what makes the whole file useless (UTF-16, too many categories). */
CLICKVEIL_MUST_CHECK bool import_list_take(struct import_list *list, const struct line *line,
                                           struct error *error);

/* The file is at its end. */
CLICKVEIL_MUST_CHECK bool import_list_end(struct import_list *list, struct error *error);

/* All of a file ("-": standard input): init, take and end. */
CLICKVEIL_MUST_CHECK bool import_list_read(struct import *import, const char *path, const char *name,
                                           const char *category, struct error *error);

/* Read a list of hosts, one in each line (what follows a tab or a comma is not looked at), for folded keys. Sorts
 * them. out_bad: lines that name no host. */
CLICKVEIL_MUST_CHECK bool import_hosts_read(struct import_rows *hosts, const char *path, uint64_t *out_good,
                                            uint64_t *out_bad, struct error *error);

#endif
