/*
 * Lines of a file, a pipe or a terminal, one after another, in bounded memory.
 *
 * A line ends with a newline or with the input; what stands between is handed on as it is, NUL and a carriage return
 * too. A line that does not fit is handed on cut and marked; the rest of it is skipped.
 *
 * One thread.
 */
#ifndef CLICKVEIL_COMMON_LINE_READER_H
#define CLICKVEIL_COMMON_LINE_READER_H

#include "common/error.h"
#include "common/view.h"

#include <stdint.h>

enum line_result {
    LINE_FAILED = 0, /* reading failed */
    LINE_READ,
    LINE_END,   /* no more lines */
    LINE_WOKEN, /* somebody wrote to wake_descriptor; what was read stays */
};

struct line {
    struct view text; /* without its newline, never absent; until the next call */
    uint64_t number;  /* from 0 */
    bool cut;         /* it is longer than line_size_max; text is its beginning */
};

/* A zeroed struct may be released. */
struct line_reader {
    const char *path;
    int descriptor, wake_descriptor;
    char *buffer;
    size_t line_size_max, capacity, begin, end, searched;
    bool at_end, skipping;
    bool owned;
    uint64_t lines;
    uint64_t bytes;     /* read so far */
    uint64_t bytes_all; /* of a regular file; 0: unknown */
};

/* Open `path` ("-": standard input) for lines of up to line_size_max bytes. wake_descriptor: reading stops as soon as
 * something can be read there; -1: never. `path` is borrowed, for messages. Fails with exit status 74. */
CLICKVEIL_MUST_CHECK bool line_reader_open(struct line_reader *reader, const char *path, size_t line_size_max,
                                           int wake_descriptor, struct error *error);

/* The next line. */
enum line_result line_reader_next(struct line_reader *reader, struct line *out_line, struct error *error);

void line_reader_close(struct line_reader *reader);

#endif
