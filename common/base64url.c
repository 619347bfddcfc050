/*
 * Four characters at a time by tables: which class a character is of is a coin toss to a processor, and reading
 * pseudonyms by comparisons was a tenth of what a stage of its own costs.
 */
#include "common/base64url.h"

#include "common/error.h"

enum { SIZE_MAX_READ = 64 };

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* A character's place in the alphabet, from 1; 0: in none. */
static const uint8_t numbers[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['-'] = 63, ['_'] = 64,
};

void base64url_write(const uint8_t *bytes, size_t size, char *out_text)
{
    for (; size >= 3; size -= 3, bytes += 3) {
        uint32_t word = (uint32_t)bytes[0] << 16 | (uint32_t)bytes[1] << 8 | bytes[2];
        *out_text++ = alphabet[word >> 18];
        *out_text++ = alphabet[word >> 12 & 63];
        *out_text++ = alphabet[word >> 6 & 63];
        *out_text++ = alphabet[word & 63];
    }
    if (size == 0)
        return;
    uint32_t word = (uint32_t)bytes[0] << 16 | (size == 2 ? (uint32_t)bytes[1] << 8 : 0);
    *out_text++ = alphabet[word >> 18];
    *out_text++ = alphabet[word >> 12 & 63];
    if (size == 2)
        *out_text = alphabet[word >> 6 & 63];
}

/* 0 to 63, or more for what is no character of the alphabet. */
static uint32_t value_of(char character)
{
    return numbers[(unsigned char)character] - UINT32_C(1);
}

bool base64url_read(struct view text, uint8_t *out_bytes, size_t size)
{
    uint8_t bytes[SIZE_MAX_READ + 3];
    uint8_t *out = bytes;
    uint32_t all = 0; /* values ored: above 63 when one was none */
    ensure(size <= SIZE_MAX_READ);
    if (view_is_absent(text) || text.size != BASE64URL_SIZE(size))
        return false;
    const char *in = text.data;
    for (size_t left = size; left >= 3; left -= 3, in += 4) {
        uint32_t a = value_of(in[0]), b = value_of(in[1]), c = value_of(in[2]), d = value_of(in[3]);
        all |= a | b | c | d;
        *out++ = (uint8_t)(a << 2 | b >> 4);
        *out++ = (uint8_t)(b << 4 | c >> 2);
        *out++ = (uint8_t)(c << 6 | d);
    }
    if (size % 3 > 0) { /* two or three characters, whose last bits say nothing */
        uint32_t a = value_of(in[0]), b = value_of(in[1]), c = size % 3 == 2 ? value_of(in[2]) : 0;
        all |= a | b | c;
        *out++ = (uint8_t)(a << 2 | b >> 4);
        *out++ = (uint8_t)(b << 4 | c >> 2);
        if (size % 3 == 1 ? b & 15 : c & 3)
            return false;
    }
    if (all > 63)
        return false;
    memcpy(out_bytes, bytes, size);
    return true;
}
