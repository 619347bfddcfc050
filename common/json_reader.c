/*
 * Design.
 *
 * yyjson parses the text in place, in the reader's own buffer; its allocator is a bump over one block that is as large
 * as yyjson can need for the largest text, so growing is a no-op and nothing is ever freed.
 *
 * A shape is a tree by path parts: the root has one entry per first name, an entry is either a wanted field (slot) or
 * an inner object (node). Each node is an open hash table, at most a quarter full, keyed by a word made of a name's
 * length and its first and last eight bytes; a key that nobody asked for mostly meets an empty place at once. Which
 * entries were met is kept by serial number, which is how a duplicate shows, also when the first value was null.
 */
#include "common/json_reader.h"

#include "common/utf8.h"

#include <assert.h>
#include <endian.h>
#include <limits.h>
#include <yyjson.h>

enum {
    ENTRIES_MAX = JSON_SLOTS_MAX * JSON_PATH_PARTS_MAX,
    PADDING = 16, /* yyjson wants 4; name words are loaded 8 bytes at a time */
};

static_assert(PADDING >= YYJSON_PADDING_SIZE, "yyjson's padding fits");

struct node;

struct entry {
    struct view name; /* data NULL: empty place */
    uint64_t word;
    struct node *node; /* NULL: a wanted field */
    unsigned slot;
    unsigned serial;
};

struct node {
    unsigned shift; /* 64 - log2(places) */
    unsigned places;
    struct entry *table;
};

struct json_shape {
    struct node root;
    bool closed;
    unsigned entry_count;
};

/* ---- names ---- */

static uint64_t load_word(const char *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return le64toh(word); /* the first byte lowest, whatever the machine */
}

/* Tells names apart by length and their first and last eight bytes; what is equal is then compared in full. Eight
 * bytes may be read at name.data, whatever its size. */
static uint64_t name_word(struct view name)
{
    uint64_t head = load_word(name.data);
    if (name.size < 8)
        return (name.size ? head << (64 - 8 * name.size) : 0) ^ name.size;
    uint64_t tail = load_word(name.data + name.size - 8);
    return head ^ (tail << 29 | tail >> 35) ^ name.size << 5;
}

/* Up to 16 bytes are seen whole by their first and last eight; in names below eight bytes the word is the name. */
static bool same_name(struct view a, struct view b)
{
    if (a.size != b.size)
        return false;
    if (a.size < 8)
        return true;
    return load_word(a.data) == load_word(b.data) &&
           load_word(a.data + a.size - 8) == load_word(b.data + b.size - 8) &&
           (a.size <= 16 || memcmp(a.data, b.data, a.size) == 0);
}

static unsigned place_of(const struct node *node, uint64_t word)
{
    return (unsigned)(word * UINT64_C(0x9E3779B97F4A7C15) >> node->shift);
}

static struct entry *node_find(const struct node *node, struct view name)
{
    uint64_t word = name_word(name);
    unsigned place = place_of(node, word);
    for (;; place = (place + 1) & (node->places - 1)) {
        struct entry *entry = &node->table[place];
        if (view_is_absent(entry->name))
            return NULL;
        if (entry->word == word && same_name(entry->name, name))
            return entry;
    }
}

/* ---- shapes ---- */

static bool no_memory(struct error *error)
{
    return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for a JSON reader");
}

static bool bad_path(struct view path, const char *why, struct error *error)
{
    return error_fail(error, EXIT_STATUS_CONFIGURATION, NULL, NULL, "path `%.*s`: %s",
                      (int)(path.size > JSON_PATH_SIZE_MAX ? JSON_PATH_SIZE_MAX : path.size),
                      path.data ? path.data : "", why);
}

static bool node_init(struct node *node, unsigned names_max, struct arena *arena)
{
    unsigned bits = 3;
    while ((1u << bits) < names_max * 4)
        bits++;
    node->places = 1u << bits;
    node->shift = 64 - bits;
    node->table = arena_take_zeroed(arena, node->places * sizeof *node->table);
    return node->table != NULL;
}

/* Finds or makes the entry of a name; NULL: no memory. */
static struct entry *node_add(struct json_shape *shape, struct node *node, struct view name,
                              struct arena *arena)
{
    char *copy = arena_take_zeroed(arena, name.size + 8);
    if (!copy)
        return NULL;
    memcpy(copy, name.data, name.size);
    name.data = copy;
    struct entry *entry = node_find(node, name);
    if (entry)
        return entry;
    uint64_t word = name_word(name);
    unsigned place = place_of(node, word);
    while (!view_is_absent(node->table[place].name))
        place = (place + 1) & (node->places - 1);
    entry = &node->table[place];
    *entry =
        (struct entry){.name = name, .word = word, .slot = JSON_SLOTS_MAX, .serial = shape->entry_count++};
    return entry;
}

static bool shape_add(struct json_shape *shape, const struct json_field *field, unsigned count,
                      struct arena *arena, struct error *error)
{
    ensure(field->slot < JSON_SLOTS_MAX);
    struct view path = field->path;
    if (view_is_absent(path) || path.size > JSON_PATH_SIZE_MAX)
        return bad_path(path, "not 1 to 256 bytes long", error);
    struct node *node = &shape->root;
    size_t start = 0;
    for (unsigned part = 0; part < JSON_PATH_PARTS_MAX; part++) {
        size_t end = start;
        while (end < path.size && path.data[end] != '.')
            end++;
        if (end == start)
            return bad_path(path, "a name in it is empty", error);
        bool last = end == path.size;
        struct entry *entry = node_add(shape, node, (struct view){path.data + start, end - start}, arena);
        if (!entry)
            return no_memory(error);
        bool taken = entry->slot != JSON_SLOTS_MAX || (last && entry->node);
        if (taken)
            return bad_path(path, "another field is read from it, from above or from below it", error);
        if (last) {
            entry->slot = field->slot;
            return true;
        }
        if (!entry->node) {
            entry->node = arena_take_zeroed(arena, sizeof *entry->node);
            if (!entry->node || !node_init(entry->node, count, arena))
                return no_memory(error);
        }
        node = entry->node;
        start = end + 1;
    }
    return bad_path(path, "more than 8 names", error);
}

bool json_shape_new(const struct json_field *fields, unsigned count, bool closed, struct arena *arena,
                    struct json_shape **out_shape, struct error *error)
{
    ensure(count <= JSON_SLOTS_MAX);
    struct json_shape *shape = arena_take_zeroed(arena, sizeof *shape);
    if (!shape || !node_init(&shape->root, count, arena))
        return no_memory(error);
    shape->closed = closed;
    for (unsigned i = 0; i < count; i++)
        if (!shape_add(shape, &fields[i], count, arena, error))
            return false;
    ensure(shape->entry_count <= ENTRIES_MAX);
    *out_shape = shape;
    return true;
}

/* ---- parsing ---- */

bool json_reader_init(struct json_reader *reader, size_t text_size_max, struct arena *arena,
                      struct error *error)
{
    ensure(text_size_max > 0 && text_size_max <= INT_MAX);
    struct json_reader fresh = {.text_size_max = text_size_max};
    fresh.memory_size = yyjson_read_max_memory_usage(text_size_max, YYJSON_READ_INSITU);
    fresh.text = arena_take(arena, text_size_max + PADDING);
    fresh.memory = arena_take(arena, fresh.memory_size);
    if (!fresh.text || !fresh.memory)
        return no_memory(error);
    *reader = fresh;
    return true;
}

/* yyjson holds one block at a time: the values of the one document, growing. */
static void *bump_malloc(void *context, size_t size)
{
    struct json_reader *reader = context;
    return size <= reader->memory_size ? reader->memory : NULL;
}

static void *bump_realloc(void *context, void *block, size_t old_size, size_t size)
{
    struct json_reader *reader = context;
    (void)old_size;
    ensure(block == reader->memory);
    return size <= reader->memory_size ? block : NULL;
}

static void bump_free(void *context, void *block)
{
    (void)context, (void)block;
}

/* How deep brackets nest in a text that is no JSON, so that a flood of them is called by its name. */
static bool brackets_nest_too_deep(struct view text)
{
    unsigned depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.size; i++) {
        char byte = text.data[i];
        if (in_string) {
            if (byte == '\\')
                i++;
            else
                in_string = byte != '"';
        } else if (byte == '"') {
            in_string = true;
        } else if (byte == '{' || byte == '[') {
            if (++depth > JSON_NESTING_MAX)
                return true;
        } else if ((byte == '}' || byte == ']') && depth > 0) {
            depth--;
        }
    }
    return false;
}

static enum json_result fault_of(struct view text, const yyjson_read_err *fault)
{
    if (!utf8_valid(text))
        return JSON_INVALID_UTF8;
    if (brackets_nest_too_deep(text))
        return JSON_NESTING;
    switch (fault->code) {
    case YYJSON_READ_ERROR_EMPTY_CONTENT:
        return JSON_EMPTY;
    case YYJSON_READ_ERROR_UNEXPECTED_END:
        return JSON_TRUNCATED;
    case YYJSON_READ_ERROR_UNEXPECTED_CONTENT:
        return JSON_TRAILING;
    case YYJSON_READ_ERROR_MEMORY_ALLOCATION:
        return JSON_TOO_LARGE;
    default:
        return JSON_NOT_JSON;
    }
}

/* Values lie one behind the other, a container's `next` behind all that is in it: depth needs no recursion. */
static bool nests_too_deep(const yyjson_val *container, unsigned depth)
{
    const yyjson_val *ends[JSON_NESTING_MAX + 1];
    const yyjson_val *value = container;
    const yyjson_val *stop = unsafe_yyjson_get_next((yyjson_val *)container);
    unsigned first = depth;
    while (value < stop) {
        while (depth > first && value >= ends[depth - 1])
            depth--;
        if (!unsafe_yyjson_is_ctn((yyjson_val *)value)) {
            value++;
            continue;
        }
        if (depth == JSON_NESTING_MAX)
            return true;
        ends[depth++] = unsafe_yyjson_get_next((yyjson_val *)value);
        value++;
    }
    return false;
}

struct walk {
    struct json_reader *reader;
    const struct json_shape *shape;
    uint64_t met[(ENTRIES_MAX + 63) / 64]; /* by serial of entry */
};

static bool met_before(struct walk *walk, unsigned serial)
{
    uint64_t bit = UINT64_C(1) << (serial & 63);
    uint64_t *word = &walk->met[serial >> 6];
    bool before = *word & bit;
    *word |= bit;
    return before;
}

/* Recursion is as deep as the configured paths: JSON_PATH_PARTS_MAX. */
static enum json_result walk_object(struct walk *walk, const struct node *node, yyjson_val *object)
{
    size_t pairs = unsafe_yyjson_get_len(object);
    yyjson_val *key = unsafe_yyjson_get_first(object);
    for (; pairs > 0; pairs--) {
        yyjson_val *value = key + 1;
        struct view name = {unsafe_yyjson_get_str(key), unsafe_yyjson_get_len(key)};
        key = unsafe_yyjson_get_next(value);
        const struct entry *entry = node_find(node, name);
        if (node == &walk->shape->root && unsafe_yyjson_is_ctn(value) && nests_too_deep(value, 1))
            return JSON_NESTING;
        if (!entry) {
            if (walk->shape->closed)
                return JSON_UNKNOWN_KEY;
            continue;
        }
        if (met_before(walk, entry->serial))
            return JSON_DUPLICATE_KEY;
        if (unsafe_yyjson_is_null(value))
            continue;
        if (!entry->node) {
            walk->reader->values[entry->slot] = value;
            continue;
        }
        if (!unsafe_yyjson_is_obj(value))
            return JSON_PATH_TYPE;
        enum json_result result = walk_object(walk, entry->node, value);
        if (result != JSON_READ)
            return result;
    }
    return JSON_READ;
}

enum json_result json_reader_read(struct json_reader *reader, const struct json_shape *shape,
                                  struct view text)
{
    memset(reader->values, 0, sizeof reader->values);
    if (view_is_absent(text) || text.size == 0)
        return JSON_EMPTY;
    if (text.size > reader->text_size_max)
        return JSON_TOO_LARGE;
    memcpy(reader->text, text.data, text.size);
    memset(reader->text + text.size, 0, PADDING);
    const yyjson_alc allocator = {bump_malloc, bump_realloc, bump_free, reader};
    yyjson_read_err fault;
    yyjson_doc *document = yyjson_read_opts(reader->text, text.size, YYJSON_READ_INSITU, &allocator, &fault);
    if (!document)
        return fault_of(text, &fault);
    yyjson_val *root = yyjson_doc_get_root(document);
    if (!unsafe_yyjson_is_obj(root))
        return nests_too_deep(root, 0) ? JSON_NESTING : JSON_NOT_OBJECT;
    struct walk walk = {.reader = reader, .shape = shape};
    return walk_object(&walk, &shape->root, root);
}
