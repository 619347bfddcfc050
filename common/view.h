/*
 * Borrowed bytes: a pointer and a length.
 *
 * A view owns nothing. It is valid as long as the memory that it points into, which the function that hands it out
 * names. Bytes are not terminated by NUL and may contain NUL. `data == NULL` means "absent" (a null key, a
 * tombstone, a field that was not there) and is different from an empty view, whose data is not NULL.
 */
#ifndef CLICKVEIL_COMMON_VIEW_H
#define CLICKVEIL_COMMON_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* The caller must look at the result: ignoring it would let something unknown go on. */
#define CLICKVEIL_MUST_CHECK __attribute__((warn_unused_result))

struct view {
    const char *data; /* NULL: absent */
    size_t size;      /* bytes */
};

/* A view of a string literal, without its NUL. */
#define VIEW(literal) ((struct view){(literal), sizeof(literal) - 1})

/* The absent view. */
#define VIEW_ABSENT ((struct view){NULL, 0})

/* Borrow a NUL-terminated string; NULL gives the absent view. */
static inline struct view view_of_string(const char *string)
{
    return string ? (struct view){string, strlen(string)} : VIEW_ABSENT;
}

static inline bool view_is_absent(struct view view)
{
    return view.data == NULL;
}

/* Same length and bytes. An absent view equals only an absent one. */
static inline bool view_equal(struct view a, struct view b)
{
    if (a.size != b.size || (a.data == NULL) != (b.data == NULL))
        return false;
    return a.size == 0 || memcmp(a.data, b.data, a.size) == 0;
}

/* Below, at or above 0 as `a` comes before, with or behind `b` in the order of their bytes; a beginning comes before what it
 * begins, and an absent view is in the place of an empty one. */
static inline int view_compare(struct view a, struct view b)
{
    size_t shared = a.size < b.size ? a.size : b.size;
    int order = shared == 0 ? 0 : memcmp(a.data, b.data, shared);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static inline bool view_equal_string(struct view view, const char *string)
{
    return view_equal(view, view_of_string(string));
}

#endif
