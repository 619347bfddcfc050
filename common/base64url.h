/*
 * Unpadded base64url (RFC 4648, section 5), for short public codes on the hot path.
 *
 * libsodium's functions, made for secrets, take constant time and with it most of the time of a record between stages
 * (100 ns for 16 bytes, four to seven times a record); what is written here is no secret. Pure; any thread.
 */
#ifndef CLICKVEIL_COMMON_BASE64URL_H
#define CLICKVEIL_COMMON_BASE64URL_H

#include "common/view.h"

#include <stdint.h>

/* Characters for so many bytes. */
#define BASE64URL_SIZE(bytes) (((bytes)*8 + 5) / 6)

/* Write BASE64URL_SIZE(size) characters, no NUL. */
void base64url_write(const uint8_t *bytes, size_t size, char *out_text);

/* Read exactly `size` bytes. Strict: no other length, alphabet or padding, and the bits left over must be zero, so that
 * each value has one spelling. False: out_bytes is untouched where size is at most 64, which it must be. */
CLICKVEIL_MUST_CHECK bool base64url_read(struct view text, uint8_t *out_bytes, size_t size);

#endif
