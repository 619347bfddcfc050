/*
 * What became of every row of an import: counted, and the first of each kind shown with its line.
 *
 * A row has one fate. So the fates add up to what was read, and nothing is lost without a word (docs/rules-import.md).
 * Texts of lists are public data, not records about people, and are shown cut and in printable ASCII.
 *
 * One thread.
 */
#ifndef CLICKVEIL_COMMANDS_IMPORT_REPORT_H
#define CLICKVEIL_COMMANDS_IMPORT_REPORT_H

#include "common/error.h"
#include "common/view.h"

#include <stdint.h>

enum {
    IMPORT_SHOWN_MAX = 1000, /* of each kind */
    IMPORT_SHOWN_DEFAULT = 5,
    IMPORT_TEXT_SIZE = 256, /* bytes of a shown text with its NUL; longer text is cut */
};

/* Zero: malformed, so what was forgotten is never among what was taken over. */
enum import_fate {
    IMPORT_MALFORMED = 0,
    IMPORT_UNMAPPED,   /* the mapping lacks its category; left out (of a taxonomy: kept, and refused) */
    IMPORT_UNMATCHED,  /* a folded key that no host of the list has */
    IMPORT_AMBIGUOUS,  /* a folded key that several hosts of the list have */
    IMPORT_PATH,       /* a rule on a path, not on a host */
    IMPORT_UNNUMBERED, /* a row of a taxonomy whose identifier is no number that we have */
    IMPORT_MERGED,     /* its key is written already */
    IMPORT_INTERESTS,  /* written, with interests (of a taxonomy: publishable) */
    IMPORT_NONE,       /* written, as `none` (refused) */
    IMPORT_DENY,       /* written, as `deny` (sensitive) */
    IMPORT_FATES,
};

/* Why a row is malformed. */
enum import_fault {
    IMPORT_FAULT_NONE = 0, /* it is not */
    IMPORT_FAULT_ENCODING,
    IMPORT_FAULT_CONTROL,
    IMPORT_FAULT_SIZE,
    IMPORT_FAULT_COLUMNS,
    IMPORT_FAULT_QUOTES,
    IMPORT_FAULT_HOST,
    IMPORT_FAULT_ADDRESS,
    IMPORT_FAULT_SUFFIX,
    IMPORT_FAULT_CATEGORY,
    IMPORT_FAULT_INTERESTS,
    IMPORT_FAULT_IDENTIFIER,
    IMPORT_FAULT_DUPLICATE,
    IMPORT_FAULT_PARENT,
    IMPORT_FAULT_TIER,
    IMPORT_FAULTS,
};

/* Where a row stands. */
struct import_place {
    unsigned source; /* import_report_source */
    uint64_t line;   /* from 1 */
};

struct import_shown {
    enum import_fate fate;
    enum import_fault fault;
    struct import_place place;
    char text[IMPORT_TEXT_SIZE];
};

/* A zeroed struct may be released, and counts already. */
struct import_report {
    uint64_t lines; /* of all files, also those that hold no row */
    uint64_t read;  /* rows */
    uint64_t fates[IMPORT_FATES];
    uint64_t faults[IMPORT_FAULTS];
    uint64_t overruled;  /* of the merged rows: those whose interests lost to a none or a deny */
    uint64_t candidates; /* hosts that the ambiguous keys could stand for */
    unsigned shown_max;  /* of each kind */
    struct import_shown *shown;
    unsigned shown_count;
    unsigned shown_of[IMPORT_FATES + IMPORT_FAULTS];
    char **sources;
    unsigned source_count;
    char **notes; /* what was not read at all, and why */
    unsigned note_count;
    uint64_t notes_all; /* also those for which there was no room */
};

void import_report_release(struct import_report *report);

/* A file that rows stand in, by the name that messages give it. */
unsigned import_report_source(struct import_report *report, const char *name);

/* Count a row whose fate leaves it out, and show it when it is among the first of its kind. */
void import_report_malformed(struct import_report *report, struct import_place place, enum import_fault fault,
                             const char *text, ...) __attribute__((format(printf, 4, 5)));
void import_report_left_out(struct import_report *report, struct import_place place, enum import_fate fate,
                            const char *text, ...) __attribute__((format(printf, 4, 5)));

/* Say that a file or a folder was not read. */
void import_report_note(struct import_report *report, const char *text, ...)
    __attribute__((format(printf, 2, 3)));

/* Names as JSON has them: lower case, with underscores. */
const char *import_fate_name(enum import_fate fate);
const char *import_fault_name(enum import_fault fault);

/* All fates together are what was read. */
bool import_report_adds_up(const struct import_report *report);

#endif
