/*
 * Writes JSON into a buffer that has an end.
 *
 * Commas are set by the writer; opening, closing and naming in the right order is the caller's, and checked. When the
 * buffer is full the writer remembers it (`overflow`) and writes no more: look once, at the end.
 *
 *     struct json_writer writer;
 *     json_writer_init(&writer, buffer, sizeof buffer);
 *     json_writer_open_object(&writer);
 *     json_writer_member_integer(&writer, "v", 1);
 *     json_writer_close_object(&writer);
 *
 * One thread at a time.
 */
#ifndef CLICKVEIL_COMMON_JSON_WRITER_H
#define CLICKVEIL_COMMON_JSON_WRITER_H

#include "common/arena.h"
#include "common/view.h"

#include <stdint.h>

enum { JSON_WRITER_DEPTH_MAX = 32 }; /* objects and arrays that are open at once */

struct json_writer {
    char *data;
    size_t size; /* bytes written */
    size_t capacity;
    bool overflow;      /* something did not fit; what was written is of no use */
    bool comma;         /* a comma goes before the next member or element */
    bool named;         /* a name was written and waits for its value */
    uint32_t is_object; /* bit i: level i is an object */
    unsigned depth;
};

/* Write into a buffer of the caller's. */
void json_writer_init(struct json_writer *writer, char *buffer, size_t capacity);

/* Write into a piece of the arena, of capacity bytes for the moment. False: the arena is full. Nothing else may be
 * taken from the arena until json_writer_finish. */
CLICKVEIL_MUST_CHECK bool json_writer_take(struct json_writer *writer, struct arena *arena, size_t capacity);

/* Give back what the piece has too much. False: it did not fit. *out_text lives as long as the arena's piece. */
CLICKVEIL_MUST_CHECK bool json_writer_finish(struct json_writer *writer, struct arena *arena,
                                             struct view *out_text);

void json_writer_open_object(struct json_writer *writer);
void json_writer_close_object(struct json_writer *writer);
void json_writer_open_array(struct json_writer *writer);
void json_writer_close_array(struct json_writer *writer);

/* Name of the next member: printable ASCII without quote and backslash, as names of ours are. */
void json_writer_name(struct json_writer *writer, const char *name);

/* The same of any text, which becomes UTF-8 as a string does. */
void json_writer_name_text(struct json_writer *writer, struct view name);

/* Values: elements of an array, or what json_writer_name named. An absent view is `null`. Bytes that are not UTF-8
 * become U+FFFD, so that what comes out is always JSON. A real that is no number (JSON has none) is `null`. */
void json_writer_string(struct json_writer *writer, struct view text);
void json_writer_integer(struct json_writer *writer, int64_t number);
void json_writer_unsigned(struct json_writer *writer, uint64_t number);
void json_writer_real(struct json_writer *writer,
                      double number); /* 17 digits at most, as short as it stays equal */
void json_writer_bool(struct json_writer *writer, bool truth);
void json_writer_null(struct json_writer *writer);
void json_writer_raw(struct json_writer *writer, struct view json); /* a whole JSON value, unchecked */

/* A named value in one go. */
void json_writer_member_string(struct json_writer *writer, const char *name, struct view text);
void json_writer_member_integer(struct json_writer *writer, const char *name, int64_t number);
void json_writer_member_unsigned(struct json_writer *writer, const char *name, uint64_t number);
void json_writer_member_real(struct json_writer *writer, const char *name, double number);
void json_writer_member_bool(struct json_writer *writer, const char *name, bool truth);

#endif
