#include "commands/rules_print.h"

#include <errno.h>
#include <stdio.h>

const char *rules_kind_name(enum rule_kind kind)
{
    switch (kind) {
    case RULE_INTERESTS:
        return "interests";
    case RULE_NONE:
        return "none";
    case RULE_DENY:
        return "deny";
    case RULE_UNSUPPORTED:
        return "unsupported";
    case RULE_UNKNOWN:
        break;
    }
    return "unknown";
}

void rules_print_name(struct view name)
{
    for (size_t i = 0; i < name.size; i++)
        putchar(name.data[i] >= ' ' && name.data[i] <= '~' ? name.data[i] : '?');
}

void rules_print_key(struct view key)
{
    rules_print_name(key);
    if (key.size > 0 && key.data[key.size - 1] == '.')
        putchar('*');
}

void rules_print_answer(const struct taxonomy *taxonomy, enum rule_kind kind, const uint16_t *interests,
                        unsigned count)
{
    if (kind != RULE_INTERESTS)
        fputs(rules_kind_name(kind), stdout);
    for (unsigned i = 0; kind == RULE_INTERESTS && i < count; i++) {
        struct view name = taxonomy_name(taxonomy, interests[i]);
        printf("%s%u", i > 0 ? ", " : "", (unsigned)interests[i]);
        if (!view_is_absent(name))
            printf(" %.*s", (int)name.size, name.data);
    }
}

bool rules_flush(struct error *error)
{
    return (fflush(stdout) == 0 && !ferror(stdout)) ||
           error_fail(error, EXIT_STATUS_IO, "standard output", NULL, "can't be written: %s",
                      strerror(errno));
}

/* ---- JSON ---- */

void rules_json_key(struct json_writer *writer, const char *name, struct view key)
{
    char text[RULE_KEY_SIZE_MAX + 1];
    size_t size = key.size;
    if (!view_is_absent(key)) {
        memcpy(text, key.data, size);
        if (size > 0 && text[size - 1] == '.')
            text[size++] = '*';
        key = (struct view){text, size};
    }
    json_writer_member_string(writer, name, key);
}

void rules_json_interests(struct json_writer *writer, const char *name, const uint16_t *interests,
                          unsigned count)
{
    json_writer_name(writer, name);
    json_writer_open_array(writer);
    for (unsigned i = 0; i < count; i++)
        json_writer_unsigned(writer, interests[i]);
    json_writer_close_array(writer);
}

void rules_json_answer(struct json_writer *writer, const char *name, const struct rule_answer *answer)
{
    unsigned count = answer->kind == RULE_INTERESTS ? answer->interest_count : 0;
    json_writer_name(writer, name);
    json_writer_open_object(writer);
    json_writer_member_string(writer, "kind", view_of_string(rules_kind_name(answer->kind)));
    rules_json_interests(writer, "interests", answer->interests, count);
    json_writer_close_object(writer);
}

/* ---- pieces ---- */

void rules_piece_open(struct rules_piece *piece, const char *text)
{
    if (piece->comma)
        putchar(',');
    fputs(text, stdout);
    piece->comma = false;
}

void rules_piece_close(struct rules_piece *piece, const char *text)
{
    fputs(text, stdout);
    piece->comma = true;
}

struct json_writer *rules_piece_begin(struct rules_piece *piece)
{
    json_writer_init(&piece->writer, piece->buffer, sizeof piece->buffer);
    return &piece->writer;
}

void rules_piece_end(struct rules_piece *piece)
{
    ensure(!piece->writer.overflow);
    if (piece->comma)
        putchar(',');
    fwrite(piece->writer.data, 1, piece->writer.size, stdout);
    piece->comma = true;
}

struct json_writer *rules_piece_begin_members(struct rules_piece *piece)
{
    struct json_writer *writer = rules_piece_begin(piece);
    json_writer_open_object(writer);
    return writer;
}

void rules_piece_end_members(struct rules_piece *piece)
{
    json_writer_close_object(&piece->writer);
    ensure(!piece->writer.overflow && piece->writer.size > 2);
    piece->writer.data++; /* without the braces */
    piece->writer.size -= 2;
    rules_piece_end(piece);
}
