/*
 * Kafka records as lines of JSON: how file mode writes topics, and reads the consent topic and topics between stages
 * (docs/formats.md, "Files").
 *
 * One object a line: `topic`, `key`, `value`, and where they matter `headers`, `timestamp`, `partition`, `offset`. A
 * value that is JSON stands there as it is, one that is not as base64.
 *
 * One thread per reader or writer.
 */
#ifndef CLICKVEIL_COMMON_FILE_RECORD_H
#define CLICKVEIL_COMMON_FILE_RECORD_H

#include "common/config.h"
#include "common/error.h"
#include "common/output.h"
#include "common/view.h"

#include <stdint.h>
#include <stdio.h>

enum { FILE_RECORD_LINE_SIZE_MAX = 1024 * 1024 }; /* bytes of a line that is read */

/* ---- reading ---- */

struct file_record {
    struct view key;      /* absent: null */
    struct view value;    /* absent: null. An object's JSON text, or what a string holds */
    struct view origin;   /* header clickveil-origin, or absent */
    struct view author;   /* header clickveil-author, or absent */
    int64_t timestamp_ms; /* Unix epoch; -1: not given */
    int64_t partition;    /* -1: not given */
    int64_t offset;       /* -1: not given */
};

struct file_record_reader;

/* NULL: no memory. */
struct file_record_reader *file_record_reader_new(struct error *error);
void file_record_reader_free(struct file_record_reader *reader); /* NULL is fine */

/* Read one line. False (exit status 65; error says what is wrong, never a value): no JSON object, `key` or `value` missing
 * or there twice, or a field of a wrong type. Views live until the next call. */
CLICKVEIL_MUST_CHECK bool file_record_read(struct file_record_reader *reader, struct view line,
                                           struct file_record *out_record, struct error *error);

/* ---- writing ---- */

/* A zeroed struct may be released. */
struct file_record_writer {
    const struct config *config;
    char *buffer;
    size_t capacity;
};

/* Append one output to `out` as a line. False: no memory (69); whether writing worked, ferror(out) says. */
CLICKVEIL_MUST_CHECK bool file_record_write(struct file_record_writer *writer, const struct output *output,
                                            FILE *out, struct error *error);
void file_record_writer_release(struct file_record_writer *writer);

/* May that topic stand in a feed's file (feeds and dead letters), or is it internal? */
bool file_record_is_public(enum topic_role topic);

#endif
