/*
 * From the tree of a YAML file to structs, by tables.
 *
 * option_fill walks a table and a mapping side by side: each option finds its node or takes its default, each node that
 * no option claims is an unknown key. Whatever is wrong is reported and the member gets its default (or stays zero), so
 * that filling goes on and one run tells all mistakes; the place of such a member is remembered as spoilt, and checks
 * that stumble over it stay silent there. Checks run afterwards (option_check_all), when everything is filled in.
 */
#include "common/option.h"
#include "common/document.h"
#include "common/lint.h"

#include <stdlib.h>

/* One call of option_fill. */
struct fill {
    struct lint *lint;
    const char *default_file;
    const char *path; /* "publish.feeds.0": the group that is being filled; "" at the top */
};

enum { PATH_SIZE = 192 };

size_t option_member_size(const struct option *option)
{
    switch (option->type) {
    case OPTION_BOOL:
        return sizeof(bool);
    case OPTION_INTEGER:
    case OPTION_DURATION:
    case OPTION_SIZE:
    case OPTION_DATE:
        return sizeof(int64_t);
    case OPTION_RATIO:
        return sizeof(double);
    case OPTION_STRING:
    case OPTION_PATH:
        return sizeof(struct view);
    case OPTION_ENUM:
        return sizeof(int);
    case OPTION_GROUP:
        return option->table->size;
    case OPTION_STRING_LIST:
    case OPTION_PATH_LIST:
    case OPTION_ENUM_LIST:
    case OPTION_MAP:
    case OPTION_ENUM_MAP:
    case OPTION_GROUP_LIST:
    case OPTION_FILE_LIST:
        return sizeof(struct option_list);
    case OPTION_NONE:
        break;
    }
    ensure(!"an option without a type");
    return 0;
}

size_t option_element_size(const struct option *option)
{
    switch (option->type) {
    case OPTION_STRING_LIST:
    case OPTION_PATH_LIST:
        return sizeof(struct view);
    case OPTION_ENUM_LIST:
    case OPTION_ENUM_MAP: /* of its values, when parsed alone */
        return sizeof(int);
    case OPTION_MAP:
        return sizeof(struct option_pair);
    case OPTION_GROUP_LIST:
    case OPTION_FILE_LIST:
        return option->table->size;
    default:
        return 0;
    }
}

const struct option *option_find(const struct option_table *table, struct view name)
{
    for (const struct option *option = table->options; option->name; option++) {
        if (view_equal_string(name, option->name))
            return option;
    }
    return NULL;
}

static const char *join(const char *path, const char *name, char out[PATH_SIZE])
{
    snprintf(out, PATH_SIZE, "%s%s%s", path, path[0] ? "." : "", name);
    return out;
}

static const char *kind_name(const struct document_node *node)
{
    switch (node->kind) {
    case DOCUMENT_SCALAR:
        return "a single value";
    case DOCUMENT_LIST:
        return "a list";
    case DOCUMENT_MAP:
        return "a mapping";
    case DOCUMENT_NULL:
        break;
    }
    return "nothing";
}

/* Mark the member so that later checks do not complain about it once more. */
static void note(struct fill *fill, const struct option *option, void *member,
                 const struct document_node *node, bool spoilt)
{
    bool group = option->type == OPTION_GROUP;
    lint_note_place(fill->lint, member, option_member_size(option), group, false, &node->place);
    if (spoilt)
        lint_note_place(fill->lint, member, option_member_size(option), group, true, &node->place);
}

/* False, and reported, unless the node is of that kind. Nothing written counts as an empty list or mapping. */
static bool expect(struct fill *fill, const struct option *option, const struct document_node *node,
                   enum document_kind kind, const char *example)
{
    if (node->spoilt)
        return false;
    if (node->kind == kind || (node->kind == DOCUMENT_NULL && kind != DOCUMENT_SCALAR))
        return true;
    if (node->kind == DOCUMENT_NULL)
        lint_report(fill->lint, LINT_ERROR, &node->place,
                    "'%s' has no value; write one, or leave the line out", option->name);
    else
        lint_report(fill->lint, LINT_ERROR, &node->place, "'%s' must be %s, not %s; write %s", option->name,
                    kind == DOCUMENT_SCALAR ? "a single value"
                    : kind == DOCUMENT_LIST ? "a list"
                                            : "a mapping",
                    kind_name(node), example);
    return false;
}

static bool fill_group(struct fill *fill, const struct option_table *table, struct document_node *node,
                       void *value, const struct option_place *place, bool wanted);

/* One scalar node into `out`. False: reported, or memory is short (lint->memory_short). */
static bool fill_scalar(struct fill *fill, const struct option *option, const struct document_node *node,
                        void *out)
{
    char example[PATH_SIZE], why[LINT_TEXT_SIZE];
    snprintf(example, sizeof example, "%s: VALUE", option->name);
    if (!expect(fill, option, node, DOCUMENT_SCALAR, example))
        return false;
    if (!option_parse_scalar(option, node->text, out, why, sizeof why)) {
        lint_report(fill->lint, LINT_ERROR, &node->place, "%s: %s", option->name, why);
        return false;
    }
    if (option->type == OPTION_PATH || option->type == OPTION_PATH_LIST) {
        const char *file = node->place.file ? node->place.file : fill->default_file;
        const char *path = document_path(node->text, file, fill->lint);
        if (!path)
            return false;
        *(struct view *)out = view_of_string(path);
    }
    return true;
}

/* Room for the elements of a list. */
static bool make_room(struct fill *fill, struct option_list *list, size_t element_size, unsigned count)
{
    list->items = NULL;
    list->count = 0;
    list->set = true;
    if (count == 0)
        return true;
    list->items = arena_take_zeroed(fill->lint->arena, element_size * count);
    if (!list->items)
        fill->lint->memory_short = true;
    return list->items != NULL;
}

static bool check_count(struct fill *fill, const struct option *option, const struct document_node *node)
{
    struct option bound = {.name = option->name, .type = OPTION_INTEGER};
    char why[LINT_TEXT_SIZE];
    int64_t limit = 0;
    if (option->minimum) {
        ensure(option_parse_scalar(&bound, view_of_string(option->minimum), &limit, why, sizeof why));
        if (node->count < limit) {
            lint_report(fill->lint, LINT_ERROR, &node->place, "'%s' needs at least %s, has %u", option->name,
                        option->minimum, node->count);
            return false;
        }
    }
    if (option->maximum) {
        ensure(option_parse_scalar(&bound, view_of_string(option->maximum), &limit, why, sizeof why));
        if (node->count > limit) {
            lint_report(fill->lint, LINT_ERROR, &node->place, "'%s' can have at most %s, has %u",
                        option->name, option->maximum, node->count);
            return false;
        }
    }
    return true;
}

/* Strings, paths and enums: a list of scalars, each but once. A single path may stand without brackets. */
static bool fill_scalar_list(struct fill *fill, const struct option *option, struct document_node *node,
                             struct option_list *list)
{
    char example[PATH_SIZE];
    struct document_node alone, whole;
    if (option->type == OPTION_PATH_LIST && node->kind == DOCUMENT_SCALAR && !node->spoilt) {
        alone = *node;
        alone.next = NULL;
        whole = (struct document_node){
            .kind = DOCUMENT_LIST, .place = node->place, .count = 1, .first = &alone, .last = &alone};
        node = &whole;
    }
    snprintf(example, sizeof example, "%s: [ONE, TWO]", option->name);
    if (!expect(fill, option, node, DOCUMENT_LIST, example) || !check_count(fill, option, node) ||
        !make_room(fill, list, option_element_size(option), node->count))
        return false;
    bool good = true;
    for (struct document_node *child = node->first; child; child = child->next) {
        char *item = (char *)list->items + list->count * option_element_size(option);
        if (!fill_scalar(fill, option, child, item)) {
            good = false;
            continue;
        }
        lint_note_place(fill->lint, item, option_element_size(option), false, false, &child->place);
        list->count++;
        for (struct document_node *other = node->first; other != child; other = other->next) {
            if (other->kind == DOCUMENT_SCALAR && view_equal(other->text, child->text)) {
                char quoted[LINT_QUOTE_SIZE];
                lint_report(fill->lint, LINT_ERROR, &child->place, "%s: %s is in the list twice",
                            option->name, lint_quote(child->text, quoted));
                good = false;
                break;
            }
        }
    }
    return good;
}

/* Whether a key is one that the option allows. Reported when not. Keys that are no plain words are not repeated: a
 * secret may have slipped to the left of the colon. */
static bool judge_key(struct fill *fill, const struct option *option, const struct document_node *child)
{
    char why[LINT_TEXT_SIZE], quoted[LINT_QUOTE_SIZE], suggested[LINT_QUOTE_SIZE + 20];
    if (option->judge && !option->judge(child->key, why, sizeof why)) {
        lint_report(fill->lint, LINT_ERROR, &child->key_place, "%s: %s", option->name, why);
        return false;
    }
    if (!option->choices || option->type != OPTION_MAP)
        return true;
    struct lint_suggestion suggestion = lint_suggest(child->key);
    for (int i = 1; option->choices[i]; i++) {
        if (view_equal_string(child->key, option->choices[i]))
            return true;
        lint_suggest_candidate(&suggestion, view_of_string(option->choices[i]));
    }
    lint_report(fill->lint, LINT_ERROR, &child->key_place, "%s: unknown key %s%s", option->name,
                lint_quote(child->key, quoted), lint_suggestion_text(&suggestion, suggested));
    return false;
}

static bool fill_map(struct fill *fill, const struct option *option, struct document_node *node,
                     struct option_list *list)
{
    char example[PATH_SIZE];
    snprintf(example, sizeof example, "%s: {KEY: VALUE}", option->name);
    bool of_enums = option->type == OPTION_ENUM_MAP;
    size_t size = of_enums ? sizeof(struct option_enum_pair) : sizeof(struct option_pair);
    if (!expect(fill, option, node, DOCUMENT_MAP, example) || !check_count(fill, option, node) ||
        !make_room(fill, list, size, node->count))
        return false;
    bool good = true;
    for (struct document_node *child = node->first; child; child = child->next) {
        void *item = (char *)list->items + list->count * size;
        bool right = judge_key(fill, option, child);
        if (of_enums) {
            struct option_enum_pair *pair = item;
            right = fill_scalar(fill, option, child, &pair->value) && right;
            pair->key = child->key;
            pair->place = child->place;
        } else {
            struct option_pair *pair = item;
            char name[LINT_QUOTE_SIZE], written[PATH_SIZE];
            snprintf(name, sizeof name, "%s", document_key_name(child));
            snprintf(written, sizeof written, "%s: VALUE", name);
            struct option entry = {.name = name, .type = OPTION_STRING};
            right = expect(fill, &entry, child, DOCUMENT_SCALAR, written) && right;
            *pair = (struct option_pair){child->key, child->text, child->place};
        }
        if (right) {
            lint_note_place(fill->lint, item, size, false, false, &child->key_place);
            list->count++;
        }
        good = good && right;
    }
    return good;
}

static struct document_node *read_element_file(struct fill *fill, struct document_node *child)
{
    if (!child->file_read) {
        child->file_read = true;
        const char *path = document_path(child->text, child->place.file, fill->lint);
        child->file = path ? document_read(path, &child->place, fill->lint) : NULL;
    }
    return child->file;
}

bool option_list_has(const struct option_list *list, int value)
{
    for (unsigned i = 0; i < list->count; i++) {
        if (((const int *)list->items)[i] == value)
            return true;
    }
    return false;
}

/* Do two filled elements agree in the option of that name? Absent ones agree with nothing. */
static bool same_member(const struct option_table *table, struct view name, const char *a, const char *b)
{
    const struct option *option = option_find(table, name);
    ensure(option != NULL);
    const void *left = a + option->offset, *right = b + option->offset;
    if (option->type == OPTION_STRING || option->type == OPTION_PATH)
        return !view_is_absent(*(const struct view *)left) &&
               view_equal(*(const struct view *)left, *(const struct view *)right);
    if (option->type == OPTION_ENUM)
        return *(const int *)left != 0 && *(const int *)left == *(const int *)right;
    return memcmp(left, right, option_member_size(option)) == 0;
}

/* One rule of option->unique, such as "advertiser+programme". */
static bool same_members(const struct option_table *table, struct view rule, const char *a, const char *b)
{
    const char *end = rule.data + rule.size;
    for (const char *start = rule.data; start < end;) {
        const char *plus = memchr(start, '+', (size_t)(end - start));
        const char *stop = plus ? plus : end;
        if (!same_member(table, (struct view){start, (size_t)(stop - start)}, a, b))
            return false;
        start = stop + 1;
    }
    return true;
}

static void check_unique_rule(struct fill *fill, const struct option *option, const struct option_list *list,
                              struct view rule)
{
    size_t size = option->table->size, first_size = strcspn(rule.data, "+,");
    const struct option *first = option_find(option->table, (struct view){rule.data, first_size});
    ensure(first != NULL);
    for (unsigned i = 1; i < list->count; i++) {
        const char *item = (const char *)list->items + i * size;
        for (unsigned j = 0; j < i; j++) {
            const char *other = (const char *)list->items + j * size;
            if (!same_members(option->table, rule, other, item))
                continue;
            const struct option_place *place = lint_place(fill->lint, other + first->offset);
            lint_report(fill->lint, LINT_ERROR, lint_place(fill->lint, item + first->offset),
                        "'%s' has two entries with the same %.*s (the other: %s, line %u)", option->name,
                        (int)rule.size, rule.data, place && place->file ? place->file : "?",
                        place ? place->line : 0);
            break;
        }
    }
}

static void check_unique(struct fill *fill, const struct option *option, const struct option_list *list)
{
    for (const char *rule = option->unique; rule && *rule;) {
        size_t size = strcspn(rule, ",");
        check_unique_rule(fill, option, list, (struct view){rule, size});
        rule += size + (rule[size] == ',');
    }
}

/* Groups in place, or in files of their own. */
static bool fill_group_list(struct fill *fill, const struct option *option, struct document_node *node,
                            struct option_list *list)
{
    bool files = option->type == OPTION_FILE_LIST, good = true;
    char path[PATH_SIZE], example[PATH_SIZE];
    snprintf(example, sizeof example, files ? "%s: [FILE]" : "%s: [{KEY: VALUE}]", option->name);
    if (!expect(fill, option, node, DOCUMENT_LIST, example) || !check_count(fill, option, node) ||
        !make_room(fill, list, option->table->size, node->count))
        return false;
    unsigned number = 0;
    for (struct document_node *child = node->first; child; child = child->next, number++) {
        char *item = (char *)list->items + list->count * option->table->size;
        struct option element = {.name = option->name, .type = files ? OPTION_STRING : OPTION_GROUP};
        if (!expect(fill, &element, child, files ? DOCUMENT_SCALAR : DOCUMENT_MAP, example)) {
            good = false;
            continue;
        }
        struct document_node *group = files ? read_element_file(fill, child) : child;
        if (!group) {
            good = false;
            continue;
        }
        snprintf(path, sizeof path, "%s%s%s.%u", fill->path, fill->path[0] ? "." : "", option->name, number);
        struct fill inner = {fill->lint, fill->default_file, path};
        lint_note_place(fill->lint, item, option->table->size, true, false, &group->place);
        list->count++;
        good = fill_group(&inner, option->table, group, item, &group->place, true) && good;
    }
    check_unique(fill, option, list);
    return good;
}

/* The node's value into the member. False: something in it was wrong and is reported. */
static bool fill_node(struct fill *fill, const struct option *option, struct document_node *node,
                      void *member)
{
    char path[PATH_SIZE], example[PATH_SIZE];
    switch (option->type) {
    case OPTION_STRING_LIST:
    case OPTION_PATH_LIST:
    case OPTION_ENUM_LIST:
        return fill_scalar_list(fill, option, node, member);
    case OPTION_MAP:
    case OPTION_ENUM_MAP:
        return fill_map(fill, option, node, member);
    case OPTION_GROUP_LIST:
    case OPTION_FILE_LIST:
        return fill_group_list(fill, option, node, member);
    case OPTION_GROUP: {
        struct fill inner = {fill->lint, fill->default_file, join(fill->path, option->name, path)};
        snprintf(example, sizeof example, "%s: {KEY: VALUE}", option->name);
        if (expect(fill, option, node, DOCUMENT_MAP, example))
            return fill_group(&inner, option->table, node, member, &node->place, true);
        return fill_group(&inner, option->table, NULL, member, &node->place, false) && false;
    }
    default:
        return fill_scalar(fill, option, node, member);
    }
}

/* Default of a member that the configuration does not name. place: where a missing required one is reported. */
static void fill_default(struct fill *fill, const struct option *option, void *member)
{
    if (option->type == OPTION_DATE)
        *(int64_t *)member = OPTION_DATE_UNSET;
    if (!option->default_text)
        return;
    struct view text = view_of_string(option->default_text);
    struct option_place place = {.file = NULL, .line = 1, .column = 1};
    unsigned errors = fill->lint->error_count;
    bool listed = option_element_size(option) != 0;
    if (listed) {
        struct document_node *node = document_parse(text, place, fill->lint);
        if (node && fill_node(fill, option, node, member))
            ((struct option_list *)member)->set = false;
    } else {
        struct document_node node = {.kind = DOCUMENT_SCALAR, .place = place, .text = text};
        ensure(fill_scalar(fill, option, &node, member) || fill->lint->memory_short);
    }
    ensure(fill->lint->error_count == errors); /* a default that its own table refuses is our bug */
}

static void report_missing(struct fill *fill, const struct option *option, const struct option_place *place)
{
    char path[PATH_SIZE];
    lint_report(fill->lint, LINT_ERROR, place, "'%s' is missing; it is required: %s",
                join(fill->path, option->name, path), option->help ? option->help : "");
}

static void fill_absent(struct fill *fill, const struct option *option, void *member,
                        const struct option_place *place, bool wanted)
{
    if (option->type == OPTION_GROUP) {
        char path[PATH_SIZE];
        struct fill inner = {fill->lint, fill->default_file, join(fill->path, option->name, path)};
        (void)fill_group(&inner, option->table, NULL, member, place, wanted && option->required);
        return;
    }
    if (option->required && wanted)
        report_missing(fill, option, place);
    fill_default(fill, option, member);
}

/* A key that no option of the table claims; it may belong to a neighbour. */
static void report_unknown(struct fill *fill, const struct option_table *table,
                           const struct document_node *child)
{
    char suggested[LINT_QUOTE_SIZE + 20], name[LINT_QUOTE_SIZE];
    struct lint_suggestion suggestion = lint_suggest(child->key);
    const char *inside = NULL;
    for (const struct option *option = table->options; option->name; option++) {
        lint_suggest_candidate(&suggestion, view_of_string(option->name));
        if (option->type == OPTION_GROUP && option_find(option->table, child->key))
            inside = option->name;
    }
    lint_suggestion_text(&suggestion, suggested);
    if (inside && !suggested[0])
        snprintf(suggested, sizeof suggested, "; it belongs into '%s'", inside);
    snprintf(name, sizeof name, "%s", document_key_name(child));
    lint_report(fill->lint, LINT_ERROR, &child->key_place, "unknown option '%s'%s%s%s", name,
                fill->path[0] ? " in " : "", fill->path, suggested);
}

static bool fill_group(struct fill *fill, const struct option_table *table, struct document_node *node,
                       void *value, const struct option_place *place, bool wanted)
{
    bool good = true;
    for (const struct option *option = table->options; option->name; option++) {
        char *member = (char *)value + option->offset;
        struct document_node *child = document_child(node, view_of_string(option->name));
        if (!child) {
            fill_absent(fill, option, member, place, wanted);
            continue;
        }
        bool right = fill_node(fill, option, child, member);
        if (!right && option->type != OPTION_GROUP && !option_element_size(option))
            fill_default(fill, option, member);
        note(fill, option, member, child, !right && option->type != OPTION_GROUP);
        if (option->place_offset)
            memcpy((char *)value + option->place_offset, &child->place, sizeof child->place);
        good = good && right;
    }
    for (struct document_node *child = node ? node->first : NULL; child; child = child->next) {
        if (!option_find(table, child->key)) {
            report_unknown(fill, table, child);
            good = false;
        }
    }
    if (table->check && wanted)
        lint_note_check(fill->lint, table, value);
    return good;
}

bool option_fill(const struct option_table *table, struct document_node *node, void *value,
                 const char *default_file, struct lint *lint)
{
    struct fill fill = {lint, default_file, ""};
    struct option_place place = node ? node->place : (struct option_place){.file = default_file};
    if (node) {
        struct option whole = {.name = table->name};
        lint_note_place(lint, value, table->size, true, false, &place);
        if (!expect(&fill, &whole, node, DOCUMENT_MAP, "KEY: VALUE"))
            return !lint->memory_short;
    }
    (void)fill_group(&fill, table, node, value, &place, true);
    return !lint->memory_short;
}

void option_check_all(struct lint *lint)
{
    lint_run_checks(lint);
}

void option_walk(const struct option_table *table, const void *value, option_visit *visit, void *context)
{
    for (const struct option *option = table->options; option->name; option++) {
        const char *member = (const char *)value + option->offset;
        visit(option, member, context);
        if (option->type == OPTION_GROUP) {
            option_walk(option->table, member, visit, context);
        } else if (option->type == OPTION_GROUP_LIST || option->type == OPTION_FILE_LIST) {
            const struct option_list *list = (const void *)member;
            for (unsigned i = 0; i < list->count; i++)
                option_walk(option->table, (const char *)list->items + i * option->table->size, visit,
                            context);
        }
    }
}
