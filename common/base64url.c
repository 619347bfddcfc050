#include "common/base64url.h"

#include "common/error.h"

enum { SIZE_MAX_READ = 64, INVALID = 0xFF };

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void base64url_write(const uint8_t *bytes, size_t size, char *out_text)
{
    uint32_t word = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < size; i++) {
        word = word << 8 | bytes[i];
        for (bits += 8; bits >= 6; bits -= 6)
            *out_text++ = alphabet[word >> (bits - 6) & 63];
    }
    if (bits > 0)
        *out_text = alphabet[word << (6 - bits) & 63];
}

static unsigned value_of(char character)
{
    if (character >= 'A' && character <= 'Z')
        return (unsigned)(character - 'A');
    if (character >= 'a' && character <= 'z')
        return (unsigned)(character - 'a') + 26;
    if (character >= '0' && character <= '9')
        return (unsigned)(character - '0') + 52;
    return character == '-' ? 62 : character == '_' ? 63 : INVALID;
}

bool base64url_read(struct view text, uint8_t *out_bytes, size_t size)
{
    uint8_t bytes[SIZE_MAX_READ];
    uint32_t word = 0;
    unsigned bits = 0;
    size_t count = 0;
    ensure(size <= SIZE_MAX_READ);
    if (view_is_absent(text) || text.size != BASE64URL_SIZE(size))
        return false;
    for (size_t i = 0; i < text.size; i++) {
        unsigned value = value_of(text.data[i]);
        if (value == INVALID)
            return false;
        word = word << 6 | value;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            bytes[count++] = (uint8_t)(word >> bits);
        }
    }
    if (word & ((1u << bits) - 1))
        return false;
    memcpy(out_bytes, bytes, size);
    return true;
}
