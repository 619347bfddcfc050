/*
 * UTF-8 by RFC 3629: no over-long forms, no surrogates, nothing above U+10FFFF.
 *
 * Pure; any thread.
 */
#ifndef CLICKVEIL_COMMON_UTF8_H
#define CLICKVEIL_COMMON_UTF8_H

#include "common/view.h"

/* Bytes of the character that starts at text (size bytes follow): 1 to 4, or 0 when they are not UTF-8. */
size_t utf8_character_size(const char *text, size_t size);

/* All bytes are UTF-8. An empty view is; an absent one is not. */
bool utf8_valid(struct view text);

#endif
