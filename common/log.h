/*
 * Logs: text on a terminal, JSON lines otherwise; one line an event with a stable code.
 *
 * The layer that decides is the one that logs, once. A code ("consent_stale") is what operators match on; the text
 * is for people. Lines of one code beyond LOG_BURST within LOG_WINDOW_MS are counted instead of written; the next
 * line of that code behind the window says how many. No line ever holds an identifier or a value out of a record.
 */
#ifndef CLICKVEIL_COMMON_LOG_H
#define CLICKVEIL_COMMON_LOG_H

#include "common/error.h"

enum log_level {
    LOG_LEVEL_NONE = 0,
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG,
};

enum log_format {
    LOG_FORMAT_AUTO = 1, /* text when standard error is a terminal, else JSON */
    LOG_FORMAT_TEXT,
    LOG_FORMAT_JSON,
};

enum {
    LOG_BURST = 20,
    LOG_WINDOW_MS = 10000,
    LOG_LINE_SIZE = 2048, /* bytes of one line; longer text is cut */
};

/* Set format and level; before threads start. Without it: automatic format, level info. */
void log_init(enum log_format format, enum log_level level);

/* Write one line to standard error. `code` is static, lower case with underscores. Any thread; one write() a line. */
void log_line(enum log_level level, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Log an error with its place and advice. */
void log_failure(enum log_level level, const char *code, const struct error *error);

#endif
