#include "common/utf8.h"

size_t utf8_character_size(const char *text, size_t size)
{
    const unsigned char *byte = (const unsigned char *)text;
    if (size == 0)
        return 0;
    if (byte[0] < 0x80)
        return 1;
    /* RFC 3629, section 4: the first byte bounds the second one. */
    size_t wanted = byte[0] >= 0xC2 && byte[0] <= 0xDF   ? 2
                    : byte[0] >= 0xE0 && byte[0] <= 0xEF ? 3
                    : byte[0] >= 0xF0 && byte[0] <= 0xF4 ? 4
                                                         : 0;
    if (wanted == 0 || size < wanted)
        return 0;
    unsigned char low = byte[0] == 0xE0 ? 0xA0 : byte[0] == 0xF0 ? 0x90 : 0x80;
    unsigned char high = byte[0] == 0xED ? 0x9F : byte[0] == 0xF4 ? 0x8F : 0xBF;
    if (byte[1] < low || byte[1] > high)
        return 0;
    for (size_t i = 2; i < wanted; i++)
        if ((byte[i] & 0xC0) != 0x80)
            return 0;
    return wanted;
}

bool utf8_valid(struct view text)
{
    if (view_is_absent(text))
        return false;
    for (size_t at = 0; at < text.size;) {
        size_t step = utf8_character_size(text.data + at, text.size - at);
        if (step == 0)
            return false;
        at += step;
    }
    return true;
}
