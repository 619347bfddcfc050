#include "common/text.h"

void text_put_number(struct text *text, uint64_t number, unsigned width)
{
    char digits[20];
    unsigned count = 0;
    ensure(width <= sizeof digits);
    do {
        digits[sizeof digits - ++count] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    while (count < width)
        digits[sizeof digits - ++count] = '0';
    text_put_bytes(text, digits + sizeof digits - count, count);
}

void text_put_hex(struct text *text, uint64_t number, unsigned digits)
{
    ensure(digits <= 16 && (size_t)(text->end - text->at) >= digits);
    for (unsigned i = digits; i-- > 0;)
        *text->at++ = "0123456789abcdef"[number >> (4 * i) & 15];
}

void text_put_base64(struct text *text, struct view bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    ensure((size_t)(text->end - text->at) >= (bytes.size + 2) / 3 * 4);
    const unsigned char *data = (const unsigned char *)bytes.data;
    for (size_t i = 0; i < bytes.size; i += 3) {
        size_t left = bytes.size - i;
        uint32_t triple = (uint32_t)data[i] << 16 | (left > 1 ? (uint32_t)data[i + 1] << 8 : 0) |
                          (left > 2 ? data[i + 2] : 0);
        text->at[0] = digits[triple >> 18];
        text->at[1] = digits[triple >> 12 & 63];
        text->at[2] = left > 1 ? digits[triple >> 6 & 63] : '=';
        text->at[3] = left > 2 ? digits[triple & 63] : '=';
        text->at += 4;
    }
}
