/*
 * `--set path=value` as an edit of the tree, before it is filled: so an override is linted like anything else, with
 * "--set" as its file, its number as the line and the value's first character as the column.
 *
 * The path follows the option tables, since keys of maps hold dots (kafka.bootstrap.servers). Elements of lists go by
 * number from 0; the number behind the last appends. A single value is taken as it is; lists and mappings are YAML
 * (`--set stages=[consent,pseudonymize]`), and so is a value in quotes.
 */
#include "common/document.h"
#include "common/lint.h"
#include "common/option.h"

struct override {
    struct lint *lint;
    struct view path; /* what is still to walk */
    struct view value;
    struct option_place path_place, value_place;
};

static struct view take_segment(struct override *override)
{
    struct view path = override->path;
    const char *dot = memchr(path.data, '.', path.size);
    size_t size = dot ? (size_t)(dot - path.data) : path.size;
    size_t step = dot ? size + 1 : size;
    override->path = (struct view){path.data + step, path.size - step};
    return (struct view){path.data, size};
}

static void report(struct override *override, const char *text, struct view word, const char *rest)
{
    char quoted[LINT_QUOTE_SIZE];
    lint_report(override->lint, LINT_ERROR, &override->path_place, "%s %s%s", text, lint_quote(word, quoted),
                rest);
}

/* Take back a child that was made for an override that then failed: what it lacks is nobody's mistake. */
static void remove_last(struct document_node *parent)
{
    struct document_node *before = NULL;
    for (struct document_node *child = parent->first; child != parent->last; child = child->next)
        before = child;
    parent->last = before;
    parent->count--;
    if (before)
        before->next = NULL;
    else
        parent->first = NULL;
}

/* The child of that key; made where it does not exist. NULL: memory is short. */
static struct document_node *child_of(struct override *override, struct document_node *map, struct view key)
{
    struct document_node *child = document_child(map, key);
    if (child)
        return child;
    child = document_node_new(override->lint, DOCUMENT_NULL, &override->value_place);
    if (!child)
        return NULL;
    char *copy = arena_take(override->lint->arena, key.size + 1);
    if (!copy) {
        override->lint->memory_short = true;
        return NULL;
    }
    memcpy(copy, key.data, key.size);
    copy[key.size] = '\0';
    child->key = (struct view){copy, key.size};
    child->key_place = override->path_place;
    map->kind = DOCUMENT_MAP;
    document_append(map, child);
    return child;
}

/* The element of that number, which may be one behind the last. NULL: reported, or memory is short. */
static struct document_node *element_of(struct override *override, struct document_node *list,
                                        struct view number)
{
    struct option integer = {.name = "number", .type = OPTION_INTEGER, .minimum = "0", .maximum = "99999"};
    char why[LINT_TEXT_SIZE];
    int64_t index = 0;
    if (!option_parse_scalar(&integer, number, &index, why, sizeof why) || index > list->count) {
        report(override, "--set: lists go by number from 0, and the list ends before", number, "");
        return NULL;
    }
    struct document_node *child = list->first;
    for (int64_t i = 0; i < index; i++)
        child = child->next;
    if (!child) {
        child = document_node_new(override->lint, DOCUMENT_NULL, &override->value_place);
        if (!child)
            return NULL;
        list->kind = DOCUMENT_LIST;
        document_append(list, child);
    }
    return child;
}

/* Put the value in the place of a node, which keeps its key and its neighbours. */
static bool replace(struct override *override, struct document_node *node, bool plain)
{
    bool quoted =
        override->value.size > 0 && (override->value.data[0] == '"' || override->value.data[0] == '\'');
    struct document_node fresh = {
        .kind = DOCUMENT_SCALAR, .place = override->value_place, .text = override->value};
    if (!plain || quoted) {
        const struct document_node *parsed =
            document_parse(override->value, override->value_place, override->lint);
        if (!parsed)
            return !override->lint->memory_short;
        fresh = *parsed;
    }
    fresh.next = node->next;
    fresh.key = node->key;
    fresh.key_place = override->path_place;
    *node = fresh;
    return true;
}

static bool is_plain(enum option_type type)
{
    return type != OPTION_STRING_LIST && type != OPTION_PATH_LIST && type != OPTION_ENUM_LIST &&
           type != OPTION_MAP && type != OPTION_ENUM_MAP && type != OPTION_GROUP &&
           type != OPTION_GROUP_LIST && type != OPTION_FILE_LIST;
}

static void report_unknown(struct override *override, const struct option_table *table, struct view name)
{
    char suggested[LINT_QUOTE_SIZE + 20];
    struct lint_suggestion suggestion = lint_suggest(name);
    for (const struct option *option = table->options; option->name; option++)
        lint_suggest_candidate(&suggestion, view_of_string(option->name));
    report(override, "--set: unknown option", name, lint_suggestion_text(&suggestion, suggested));
}

static bool apply(struct override *override, const struct option_table *table, struct document_node *map);

/* Into the file that an element of a file list names, which is read now if it was not yet. */
static bool apply_file(struct override *override, const struct option *option, struct document_node *element)
{
    if (!element->file_read && element->kind == DOCUMENT_SCALAR) {
        element->file_read = true;
        const char *path = document_path(element->text, element->place.file, override->lint);
        element->file = path ? document_read(path, &element->place, override->lint) : NULL;
    }
    return element->file ? apply(override, option->table, element->file) : !override->lint->memory_short;
}

/* Behind a number in a list: further down in a group, or the element itself. */
static bool apply_element(struct override *override, const struct option *option, struct document_node *list)
{
    unsigned count = list->count, errors = override->lint->error_count;
    struct document_node *element = element_of(override, list, take_segment(override));
    bool done = true;
    if (!element)
        return !override->lint->memory_short;
    if (override->path.size == 0)
        done = replace(override, element, option->type != OPTION_GROUP_LIST);
    else if (option->type == OPTION_GROUP_LIST)
        done = apply(override, option->table, element);
    else if (option->type == OPTION_FILE_LIST)
        done = apply_file(override, option, element);
    else
        report(override, "--set: there is nothing in an element of", view_of_string(option->name), "");
    if (list->count > count && override->lint->error_count > errors)
        remove_last(list);
    return done;
}

/* The value, or what is left of the path, into the node of an option. */
static bool apply_option(struct override *override, const struct option *option, struct document_node *node)
{
    if (override->path.size == 0)
        return replace(override, node, is_plain(option->type));
    if (is_plain(option->type)) {
        report(override, "--set: there is nothing in", view_of_string(option->name),
               ", it is a single value");
        return true;
    }
    bool group = option->type == OPTION_GROUP,
         map = option->type == OPTION_MAP || option->type == OPTION_ENUM_MAP;
    if (node->kind != (group || map ? DOCUMENT_MAP : DOCUMENT_LIST) && node->kind != DOCUMENT_NULL)
        return true; /* the wrong kind is reported when it is filled */
    if (group)
        return apply(override, option->table, node);
    if (!map)
        return apply_element(override, option, node);
    struct document_node *entry = child_of(override, node, override->path); /* keys hold dots */
    return entry && replace(override, entry, true);
}

static bool apply(struct override *override, const struct option_table *table, struct document_node *map)
{
    if (map->kind != DOCUMENT_MAP && map->kind != DOCUMENT_NULL)
        return true;
    struct view name = take_segment(override);
    const struct option *option = option_find(table, name);
    if (!option) {
        report_unknown(override, table, name);
        return true;
    }
    unsigned count = map->count, errors = override->lint->error_count;
    struct document_node *node = child_of(override, map, name);
    bool done = node && apply_option(override, option, node);
    if (node && map->count > count && override->lint->error_count > errors)
        remove_last(map);
    return done;
}

bool option_override(const struct option_table *table, struct document_node *root, const char *text,
                     unsigned number, struct lint *lint)
{
    struct option_place place = {"--set", number, 1};
    const char *equals = strchr(text, '=');
    if (!equals || equals == text) {
        lint_report(lint, LINT_ERROR, &place, "--set needs PATH=VALUE, as in --set publish.k=200");
        return true;
    }
    size_t value_size = strlen(equals + 1);
    char *value = arena_take(lint->arena, value_size + 1);
    if (!value) {
        lint->memory_short = true;
        return false;
    }
    memcpy(value, equals + 1, value_size + 1);
    struct override override = {
        .lint = lint,
        .path = {text, (size_t)(equals - text)},
        .value = {value, value_size},
        .path_place = place,
        .value_place = {"--set", number, (unsigned)(equals - text) + 2},
    };
    return apply(&override, table, root);
}
