#include "common/json_writer.h"

#include "common/error.h"
#include "common/utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void append(struct json_writer *writer, const char *bytes, size_t size)
{
    if (writer->overflow || size > writer->capacity - writer->size) {
        writer->overflow = true;
        return;
    }
    memcpy(writer->data + writer->size, bytes, size);
    writer->size += size;
}

static void append_byte(struct json_writer *writer, char byte)
{
    if (writer->overflow || writer->size == writer->capacity) {
        writer->overflow = true;
        return;
    }
    writer->data[writer->size++] = byte;
}

void json_writer_init(struct json_writer *writer, char *buffer, size_t capacity)
{
    *writer = (struct json_writer){.data = buffer, .capacity = capacity};
}

bool json_writer_take(struct json_writer *writer, struct arena *arena, size_t capacity)
{
    char *buffer = arena_take(arena, capacity);
    if (!buffer)
        return false;
    json_writer_init(writer, buffer, capacity);
    return true;
}

bool json_writer_finish(struct json_writer *writer, struct arena *arena, struct view *out_text)
{
    ensure(writer->depth == 0 && !writer->named);
    size_t kept = writer->overflow ? 0 : writer->size;
    arena_shrink(arena, writer->data, writer->capacity, kept);
    if (writer->overflow)
        return false;
    *out_text = (struct view){writer->data, kept};
    return true;
}

/* ---- structure ---- */

static bool in_object(const struct json_writer *writer)
{
    return writer->depth > 0 && (writer->is_object >> (writer->depth - 1) & 1);
}

static void before_value(struct json_writer *writer)
{
    ensure(writer->named == in_object(writer));
    if (!writer->named && writer->comma)
        append_byte(writer, ',');
    writer->named = false;
    writer->comma = true;
}

static void open_level(struct json_writer *writer, bool object)
{
    before_value(writer);
    ensure(writer->depth < JSON_WRITER_DEPTH_MAX);
    uint32_t bit = UINT32_C(1) << writer->depth++;
    writer->is_object = object ? writer->is_object | bit : writer->is_object & ~bit;
    writer->comma = false;
    append_byte(writer, object ? '{' : '[');
}

static void close_level(struct json_writer *writer, bool object)
{
    ensure(writer->depth > 0 && in_object(writer) == object && !writer->named);
    writer->depth--;
    writer->comma = true;
    append_byte(writer, object ? '}' : ']');
}

void json_writer_open_object(struct json_writer *writer)
{
    open_level(writer, true);
}

void json_writer_close_object(struct json_writer *writer)
{
    close_level(writer, true);
}

void json_writer_open_array(struct json_writer *writer)
{
    open_level(writer, false);
}

void json_writer_close_array(struct json_writer *writer)
{
    close_level(writer, false);
}

/* ---- strings ---- */

/* Bytes that stand for themselves: printable ASCII but for the quote and the backslash. */
static bool is_plain(unsigned char byte)
{
    return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

/* How many bytes from the beginning stand for themselves; eight at a time as long as all of them do. The top bit of a
 * byte of `odd` is set where the byte is above 0x7F, borrows below 0x20, or is zero after XOR with what must be
 * escaped; a false alarm only ends the fast part. */
static size_t plain_size(struct view text)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    size_t at = 0;
    for (; at + 8 <= text.size; at += 8) {
        uint64_t word;
        memcpy(&word, text.data + at, sizeof word);
        uint64_t quote = word ^ (ones * '"'), backslash = word ^ (ones * '\\');
        uint64_t odd = word | (word - ones * 0x20) | (quote - ones) | (backslash - ones);
        if (odd & tops)
            break;
    }
    while (at < text.size && is_plain((unsigned char)text.data[at]))
        at++;
    return at;
}

static void append_escaped(struct json_writer *writer, unsigned char byte)
{
    static const char letters[0x20] = {['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    static const char digits[] = "0123456789abcdef";
    char letter = byte < 0x20 ? letters[byte] : (char)byte;
    if (letter)
        append(writer, (char[]){'\\', letter}, 2);
    else
        append(writer, (char[]){'\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 15]}, 6);
}

static void append_string(struct json_writer *writer, struct view text)
{
    append_byte(writer, '"');
    for (size_t at = 0; at < text.size;) {
        size_t plain = plain_size((struct view){text.data + at, text.size - at});
        append(writer, text.data + at, plain);
        at += plain;
        if (at == text.size)
            break;
        unsigned char byte = (unsigned char)text.data[at];
        if (byte < 0x80) {
            append_escaped(writer, byte);
            at++;
            continue;
        }
        size_t size = utf8_character_size(text.data + at, text.size - at);
        if (size > 0)
            append(writer, text.data + at, size);
        else
            append(writer, "\xEF\xBF\xBD", 3); /* U+FFFD */
        at += size > 0 ? size : 1;
    }
    append_byte(writer, '"');
}

void json_writer_name(struct json_writer *writer, const char *name)
{
    ensure(in_object(writer) && !writer->named);
    if (writer->comma)
        append_byte(writer, ',');
    append_byte(writer, '"');
    append(writer, name, strlen(name));
    append(writer, "\":", 2);
    writer->named = true;
}

void json_writer_name_text(struct json_writer *writer, struct view name)
{
    ensure(in_object(writer) && !writer->named && !view_is_absent(name));
    if (writer->comma)
        append_byte(writer, ',');
    append_string(writer, name);
    append_byte(writer, ':');
    writer->named = true;
}

void json_writer_string(struct json_writer *writer, struct view text)
{
    if (view_is_absent(text)) {
        json_writer_null(writer);
        return;
    }
    before_value(writer);
    append_string(writer, text);
}

/* ---- other values ---- */

static void append_digits(struct json_writer *writer, uint64_t number, bool negative)
{
    char text[21];
    size_t at = sizeof text;
    do
        text[--at] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    if (negative)
        text[--at] = '-';
    append(writer, text + at, sizeof text - at);
}

void json_writer_integer(struct json_writer *writer, int64_t number)
{
    before_value(writer);
    append_digits(writer, number < 0 ? 0 - (uint64_t)number : (uint64_t)number, number < 0);
}

void json_writer_unsigned(struct json_writer *writer, uint64_t number)
{
    before_value(writer);
    append_digits(writer, number, false);
}

void json_writer_real(struct json_writer *writer, double number)
{
    if (!isfinite(number)) {
        json_writer_null(writer);
        return;
    }
    char text[32];
    int size = 0;
    for (int digits = 6; digits <= 17; digits++) {
        size = snprintf(text, sizeof text, "%.*g", digits, number);
        if (strtod(text, NULL) == number)
            break;
    }
    before_value(writer);
    append(writer, text, (size_t)size);
}

void json_writer_bool(struct json_writer *writer, bool truth)
{
    before_value(writer);
    append(writer, truth ? "true" : "false", truth ? 4 : 5);
}

void json_writer_null(struct json_writer *writer)
{
    before_value(writer);
    append(writer, "null", 4);
}

void json_writer_raw(struct json_writer *writer, struct view json)
{
    before_value(writer);
    append(writer, json.data, json.size);
}

void json_writer_member_string(struct json_writer *writer, const char *name, struct view text)
{
    json_writer_name(writer, name);
    json_writer_string(writer, text);
}

void json_writer_member_integer(struct json_writer *writer, const char *name, int64_t number)
{
    json_writer_name(writer, name);
    json_writer_integer(writer, number);
}

void json_writer_member_unsigned(struct json_writer *writer, const char *name, uint64_t number)
{
    json_writer_name(writer, name);
    json_writer_unsigned(writer, number);
}

void json_writer_member_real(struct json_writer *writer, const char *name, double number)
{
    json_writer_name(writer, name);
    json_writer_real(writer, number);
}

void json_writer_member_bool(struct json_writer *writer, const char *name, bool truth)
{
    json_writer_name(writer, name);
    json_writer_bool(writer, truth);
}
