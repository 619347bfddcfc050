/*
 * One record of a CSV file (RFC 4180): fields with commas between, in quotes where they hold commas, line ends or quotes.
 * Pure; any thread.
 */
#ifndef CLICKVEIL_COMMANDS_IMPORT_CSV_H
#define CLICKVEIL_COMMANDS_IMPORT_CSV_H

#include "common/view.h"

enum {
    IMPORT_CSV_FIELDS_MAX = 64,
    IMPORT_CSV_SIZE_MAX = 16384, /* bytes of a record */
};

enum import_csv_result {
    IMPORT_CSV_WRONG = 0, /* a quote where none may stand, or too many fields */
    IMPORT_CSV_OPEN,      /* a quote is not closed yet: the record goes on in the next line */
    IMPORT_CSV_WHOLE,
};

struct import_csv {
    struct view fields[IMPORT_CSV_FIELDS_MAX]; /* into the record, or into room */
    unsigned count;
    char room[IMPORT_CSV_SIZE_MAX]; /* fields that had doubled quotes */
};

/* record: without the line end behind it, up to IMPORT_CSV_SIZE_MAX bytes. */
enum import_csv_result import_csv_split(struct import_csv *csv, struct view record);

#endif
