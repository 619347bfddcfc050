/*
 * Text written piece by piece into memory of the caller that is known to be large enough.
 *
 * For values whose greatest size is known, on paths where formatting by printf would cost too much. Running over the
 * end is our own bug: ensure(). Nothing is terminated by NUL.
 *
 * Pure; any thread.
 */
#ifndef CLICKVEIL_COMMON_TEXT_H
#define CLICKVEIL_COMMON_TEXT_H

#include "common/error.h"
#include "common/view.h"

#include <stdint.h>

struct text {
    char *at;  /* where the next byte goes */
    char *end; /* one past the last byte that may be written */
};

static inline void text_put_bytes(struct text *text, const char *bytes, size_t size)
{
    ensure((size_t)(text->end - text->at) >= size);
    memcpy(text->at, bytes, size);
    text->at += size;
}

/* A string literal, without its NUL. */
#define text_put(text, literal) text_put_bytes((text), (literal), sizeof(literal) - 1)

static inline void text_put_view(struct text *text, struct view view)
{
    text_put_bytes(text, view.data, view.size);
}

static inline void text_put_string(struct text *text, const char *string)
{
    text_put_bytes(text, string, strlen(string));
}

/* Decimal, with zeros in front up to `width` digits (at most 20). */
void text_put_number(struct text *text, uint64_t number, unsigned width);

/* The lowest `digits` hex digits, lower case. */
void text_put_hex(struct text *text, uint64_t number, unsigned digits);

/* Base64 with padding (RFC 4648, 4), without quotes: 4 bytes for 3 of `bytes`, begun ones too. */
void text_put_base64(struct text *text, struct view bytes);

#endif
