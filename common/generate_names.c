/*
 * The lists that sample events draw their hosts and apps from: the keys of a rule list, sorted by what the rule says.
 */
#include "common/generate_names.h"

#include "common/file.h"

#include <stdlib.h>

enum { LIST_BYTES_MAX = 64 * 1024 * 1024 };

static enum generate_name_group group_of(struct view interests)
{
    if (view_equal_string(interests, "none"))
        return GENERATE_NAME_NONE;
    if (view_equal_string(interests, "deny"))
        return GENERATE_NAME_DENY;
    return GENERATE_NAME_INTEREST;
}

static bool add_name(struct generate_names *names, enum generate_name_group group, struct view name)
{
    struct generate_name_list *list = &names->lists[group];
    if (list->count == list->room) {
        size_t room = list->room ? (size_t)list->room * 2 : 256;
        struct view *items = realloc(list->items, room * sizeof *items);
        if (!items)
            return false;
        list->items = items;
        list->room = (unsigned)room;
    }
    list->items[list->count++] = name;
    return true;
}

/* A key goes into JSON as it is, so one that would need escapes is left out. */
static bool plain(struct view key)
{
    for (size_t i = 0; i < key.size; i++) {
        unsigned char byte = (unsigned char)key.data[i];
        if (byte < 0x21 || byte == '"' || byte == '\\' || byte == 0x7f)
            return false;
    }
    return key.size > 0 && key.size <= GENERATE_NAME_SIZE_MAX;
}

static bool take_lines(struct generate_names *names, struct view text)
{
    const char *end = text.data + text.size;
    for (const char *line = text.data; line < end;) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        const char *line_end = newline ? newline : end;
        const char *tab = memchr(line, '\t', (size_t)(line_end - line));
        if (*line != '#' && tab) {
            const char *field = tab + 1;
            const char *field_end = memchr(field, '\t', (size_t)(line_end - field));
            struct view key = {line, (size_t)(tab - line)};
            struct view interests = {field, (size_t)((field_end ? field_end : line_end) - field)};
            if (plain(key) && !add_name(names, group_of(interests), key))
                return false;
        }
        line = line_end + 1;
    }
    return true;
}

bool generate_names_add(struct generate_names *names, const char *path, struct error *error)
{
    struct view text;
    unsigned counts[GENERATE_NAME_GROUPS];
    ensure(names->text_count < GENERATE_NAME_FILES_MAX);
    if (!file_read(path, LIST_BYTES_MAX, &text, error))
        return false;
    for (unsigned i = 0; i < GENERATE_NAME_GROUPS; i++)
        counts[i] = names->lists[i].count;
    if (!take_lines(names, text)) {
        for (unsigned i = 0; i < GENERATE_NAME_GROUPS; i++)
            names->lists[i].count = counts[i];
        file_free(text);
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, path, NULL, "no memory for its names");
    }
    names->texts[names->text_count++] = text;
    return true;
}

struct generate_names *generate_names_load(const char *path, struct error *error)
{
    struct generate_names *names = calloc(1, sizeof *names);
    if (!names) {
        (void)error_fail(error, EXIT_STATUS_UNAVAILABLE, path, NULL, "no memory for its names");
        return NULL;
    }
    bool read = generate_names_add(names, path, error);
    if (read && names->lists[GENERATE_NAME_INTEREST].count > 0)
        return names;
    if (read)
        (void)error_fail(error, EXIT_STATUS_DATA, path, "give a rule list: key<TAB>interests",
                         "has no key with an interest");
    generate_names_free(names);
    return NULL;
}

void generate_names_free(struct generate_names *names)
{
    if (!names)
        return;
    for (unsigned i = 0; i < GENERATE_NAME_GROUPS; i++)
        free(names->lists[i].items);
    for (unsigned i = 0; i < names->text_count; i++)
        file_free(names->texts[i]);
    free(names);
}
