/*
 * What failed, where, and what to do about it.
 *
 * Three kinds of wrong exist in clickveil (CONTRIBUTING.md): bad data is a verdict, something that failed is a
 * `false` with a struct error, and our own bug is ensure(). This is the second and the third.
 *
 * No text in an error ever holds a raw identifier or a value out of a record: it names partition, offset and field.
 */
#ifndef CLICKVEIL_COMMON_ERROR_H
#define CLICKVEIL_COMMON_ERROR_H

#include "common/view.h"

#include <stdarg.h>
#include <stdbool.h>

/* Exit status of the process (sysexits numbers; spec 7). */
enum exit_status {
    EXIT_STATUS_DONE = 0,
    EXIT_STATUS_USAGE = 64,         /* wrong command line */
    EXIT_STATUS_DATA = 65,          /* bad input that no dead-letter topic can take; unreadable consent key */
    EXIT_STATUS_UNAVAILABLE = 69,   /* a service that is needed is not there */
    EXIT_STATUS_BUG = 70,           /* our own bug */
    EXIT_STATUS_IO = 74,            /* reading or writing failed */
    EXIT_STATUS_CONFIGURATION = 78, /* bad configuration; consent floor not reached */
};

enum {
    ERROR_TEXT_SIZE = 512, /* bytes of each text with its NUL; longer text is cut */
};

/* Plain storage of the caller: no release needed, `struct error error = {0}` is "nothing failed". */
struct error {
    char what[ERROR_TEXT_SIZE];   /* what failed, in words */
    char where[ERROR_TEXT_SIZE];  /* file:line:column, topic[partition]@offset, or empty */
    char action[ERROR_TEXT_SIZE]; /* what to do, or empty */
    enum exit_status exit_status; /* how the process ends when nobody handles it */
    bool retriable;               /* the same call may succeed later */
    bool abort_transaction;       /* abort the open transaction and rewind */
    bool fatal;                   /* the Kafka client that gave it is of no further use */
};

/* Fill `error` and return false, so that `return error_fail(...)` reads well. Flags become false; `where` and
 * `action` are copied and may be NULL. `what` is a printf format. error may be NULL. Any thread. */
bool error_fail(struct error *error, enum exit_status exit_status, const char *where, const char *action,
                const char *what, ...) __attribute__((format(printf, 5, 6)));

/* Put a printf-formatted place into error->where. */
void error_at(struct error *error, const char *where, ...) __attribute__((format(printf, 2, 3)));

/* Put a printf-formatted advice into error->action. */
void error_advise(struct error *error, const char *action, ...) __attribute__((format(printf, 2, 3)));

/* Write "where: what; action" into text (always terminated) and return it. */
const char *error_text(const struct error *error, char *text, size_t text_size);

/* Stop the process at once with exit status 70 when our own bug shows. On in release builds too: going on with
 * broken invariants could let a record out. Prints file, line and the condition, never data. */
#define ensure(condition) ((condition) ? (void)0 : ensure_failed(__FILE__, __LINE__, #condition))

__attribute__((noreturn)) void ensure_failed(const char *file, int line, const char *condition);

#endif
