/*
 * Design: one buffer that holds at least one whole line and one read. What is left of it moves to the front when a
 * line crosses the end, so each byte moves at most once per read. Waiting is done by poll, so that a signal's wake-up
 * through a pipe cannot fall between a look at a flag and a read that blocks.
 */
#include "common/line_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_BYTES = 256 * 1024 };

static bool failed(const struct line_reader *reader, struct error *error)
{
    return error_fail(error, EXIT_STATUS_IO, reader->path, NULL, "can't be read: %s", strerror(errno));
}

bool line_reader_open(struct line_reader *reader, const char *path, size_t line_size_max, int wake_descriptor,
                      struct error *error)
{
    bool standard_input = strcmp(path, "-") == 0;
    *reader = (struct line_reader){
        .path = standard_input ? "standard input" : path,
        .descriptor = STDIN_FILENO,
        .wake_descriptor = wake_descriptor,
        .line_size_max = line_size_max,
        .capacity = line_size_max + 1 + READ_BYTES,
        .owned = !standard_input,
    };
    if (!standard_input)
        reader->descriptor = open(path, O_RDONLY | O_CLOEXEC);
    struct stat stat;
    if (reader->descriptor < 0 || fstat(reader->descriptor, &stat) != 0) {
        failed(reader, error);
        line_reader_close(reader);
        return false;
    }
    if (S_ISREG(stat.st_mode))
        reader->bytes_all = (uint64_t)stat.st_size;
    reader->buffer = malloc(reader->capacity);
    if (!reader->buffer) {
        line_reader_close(reader);
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, reader->path, "free memory",
                          "no memory to read lines");
    }
    return true;
}

void line_reader_close(struct line_reader *reader)
{
    if (reader->owned && reader->descriptor >= 0)
        (void)close(reader->descriptor);
    free(reader->buffer);
    reader->buffer = NULL;
    reader->owned = false;
}

/* LINE_READ: more bytes are in the buffer, or the end was seen. */
static enum line_result fill(struct line_reader *reader, struct error *error)
{
    if (reader->begin > 0) {
        memmove(reader->buffer, reader->buffer + reader->begin, reader->end - reader->begin);
        reader->end -= reader->begin;
        reader->searched -= reader->begin;
        reader->begin = 0;
    }
    for (;;) {
        struct pollfd descriptors[2] = {
            {.fd = reader->descriptor, .events = POLLIN},
            {.fd = reader->wake_descriptor, .events = POLLIN},
        };
        int ready = poll(descriptors, 2, -1);
        if (ready < 0 && errno != EINTR)
            return failed(reader, error), LINE_FAILED;
        if (ready <= 0)
            continue;
        if (descriptors[1].revents)
            return LINE_WOKEN;
        size_t room = reader->capacity - reader->end;
        ssize_t got =
            read(reader->descriptor, reader->buffer + reader->end, room < READ_BYTES ? room : READ_BYTES);
        if (got < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (got < 0)
            return failed(reader, error), LINE_FAILED;
        reader->at_end = got == 0;
        reader->end += (size_t)got;
        reader->bytes += (size_t)got;
        return LINE_READ;
    }
}

/* Hand out the bytes up to `end`, and go on behind `behind`. */
static enum line_result hand_out(struct line_reader *reader, size_t end, size_t behind, struct line *out_line)
{
    size_t size = end - reader->begin;
    bool cut = size > reader->line_size_max;
    *out_line = (struct line){
        .text = {reader->buffer + reader->begin, cut ? reader->line_size_max : size},
        .number = reader->lines++,
        .cut = cut,
    };
    reader->begin = reader->searched = behind;
    return LINE_READ;
}

enum line_result line_reader_next(struct line_reader *reader, struct line *out_line, struct error *error)
{
    for (;;) {
        const char *newline = memchr(reader->buffer + reader->searched, '\n', reader->end - reader->searched);
        if (newline) {
            size_t end = (size_t)(newline - reader->buffer);
            if (!reader->skipping)
                return hand_out(reader, end, end + 1, out_line);
            reader->begin = reader->searched = end + 1; /* the end of a line that was handed out cut */
            reader->skipping = false;
            continue;
        }
        reader->searched = reader->end;
        if (reader->skipping)
            reader->begin = reader->end;
        if (reader->end - reader->begin > reader->line_size_max) {
            reader->skipping = true;
            return hand_out(reader, reader->end, reader->end, out_line);
        }
        if (reader->at_end) /* a last line without a newline is a line */
            return reader->end > reader->begin ? hand_out(reader, reader->end, reader->end, out_line)
                                               : LINE_END;
        enum line_result result = fill(reader, error);
        if (result != LINE_READ)
            return result;
    }
}
