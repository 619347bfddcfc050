/*
 * One JSON object in one pass: the values of the fields that one asks for, by slot.
 *
 * A shape says which fields (dotted paths) are wanted and which slot each goes to; a reader parses with yyjson in its
 * own memory, walks the root's keys once and looks each up in the shape's table. Fields that nobody asked for are
 * skipped, or are a fault where the shape is closed. Made for the hot path: no allocation, one copy of the text.
 *
 * Bounded: text size, nesting of 16 (yyjson keeps no stack, so hostile nesting costs nothing), slots.
 * Shapes are immutable once made and may be shared; a reader belongs to one thread.
 */
#ifndef CLICKVEIL_COMMON_JSON_READER_H
#define CLICKVEIL_COMMON_JSON_READER_H

#include "common/arena.h"
#include "common/view.h"

#include <stdint.h>

struct yyjson_val;
struct json_shape;

enum {
    JSON_NESTING_MAX = 16,   /* levels of objects and arrays; the root object is the first */
    JSON_SLOTS_MAX = 48,     /* fields of one shape */
    JSON_PATH_PARTS_MAX = 8, /* names in a dotted path */
    JSON_PATH_SIZE_MAX = 256 /* bytes of a dotted path */
};

/* What came of a text. Zero is a fault. */
enum json_result {
    JSON_NOT_JSON = 0,
    JSON_EMPTY,        /* nothing, or white space only */
    JSON_TOO_LARGE,    /* more bytes than the reader's bound */
    JSON_TRUNCATED,    /* ends inside the object */
    JSON_TRAILING,     /* something follows the object */
    JSON_INVALID_UTF8, /* anywhere in the text */
    JSON_NESTING,      /* deeper than JSON_NESTING_MAX */
    JSON_NOT_OBJECT,
    JSON_DUPLICATE_KEY, /* of a wanted field, or of an object on the way to one */
    JSON_UNKNOWN_KEY,   /* closed shapes only */
    JSON_PATH_TYPE,     /* on the way to a wanted field stands something that is neither an object nor null */
    JSON_READ,
};

struct json_field {
    struct view path; /* "type", or "device.id"; 1 to JSON_PATH_SIZE_MAX bytes */
    unsigned slot;    /* below JSON_SLOTS_MAX; one field each */
};

/* Build the table of a set of fields; memory from the start-up arena, the paths are copied. `closed`: a key that is
 * no field is a fault. False (error names the path, without a place): an empty name in a path, too long a path, two
 * fields on one path or one below the other, or no memory. */
CLICKVEIL_MUST_CHECK bool json_shape_new(const struct json_field *fields, unsigned count, bool closed,
                                         struct arena *arena, struct json_shape **out_shape,
                                         struct error *error);

/* Parser memory and the values of the last text. A zeroed struct is fine until init. */
struct json_reader {
    char *text; /* copy of the text, parsed in place; strings of values point in here */
    size_t text_size_max;
    void *memory; /* yyjson's values */
    size_t memory_size;
    const struct yyjson_val *values[JSON_SLOTS_MAX]; /* by slot; NULL: no such field, or JSON null */
};

/* Prepare for texts of up to text_size_max bytes; about 13 times that much address space from the start-up arena,
 * touched as far as texts need it. */
CLICKVEIL_MUST_CHECK bool json_reader_init(struct json_reader *reader, size_t text_size_max,
                                           struct arena *arena, struct error *error);

/* Read one text. JSON_READ: reader->values are valid, with everything in them, until the next call. Any other result:
 * so are those that were met before the fault. Behind each string at least 8 more bytes may be read. */
enum json_result json_reader_read(struct json_reader *reader, const struct json_shape *shape,
                                  struct view text);

#endif
