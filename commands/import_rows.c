/*
 * Design: an entry holds the first eight bytes of its key as a number, so most comparisons of a sort touch the entries
 * alone; the keys lie behind each other. Both grow by realloc, which for pieces of that size moves pages, not bytes.
 * The C library sorts by merging, so equal keys stay as they came; where its second array is not to be had it sorts in
 * place, hence the last comparison, by position.
 */
#include "commands/import_rows.h"

#include <stdlib.h>

struct entry {
    uint64_t prefix;   /* of the key in the order that counts, first byte highest */
    uint32_t key_high; /* offset of the key: these and the 8 bits of key_low */
    uint8_t key_low;
    uint8_t key_size;
    uint16_t number;
    uint32_t line;
    uint32_t source;
};

struct import_rows {
    enum import_order order;
    struct entry *entries;
    uint64_t count, capacity;
    char *keys;
    size_t keys_size, keys_capacity;
};

static bool no_memory(struct error *error)
{
    return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "import the list in parts",
                      "no memory for so many rows");
}

struct import_rows *import_rows_new(enum import_order order, struct error *error)
{
    struct import_rows *rows = calloc(1, sizeof *rows);
    if (rows == NULL)
        (void)no_memory(error);
    else
        rows->order = order;
    return rows;
}

void import_rows_free(struct import_rows *rows)
{
    if (rows == NULL)
        return;
    free(rows->entries);
    free(rows->keys);
    free(rows);
}

static inline unsigned char byte_of(enum import_order order, char byte)
{
    if (order == IMPORT_ORDER_FOLDED && (byte == '-' || byte == '_' || byte == '.' || byte == '+'))
        return ' ';
    return (unsigned char)byte;
}

static uint64_t prefix_of(enum import_order order, struct view key)
{
    uint64_t prefix = 0;
    for (size_t i = 0; i < 8; i++)
        prefix = prefix << 8 | (i < key.size ? byte_of(order, key.data[i]) : 0);
    return prefix;
}

static int compare_keys(enum import_order order, struct view a, struct view b)
{
    size_t shared = a.size < b.size ? a.size : b.size;
    if (order == IMPORT_ORDER_BYTES) {
        int difference = memcmp(a.data, b.data, shared);
        if (difference != 0)
            return difference;
    } else {
        for (size_t i = 0; i < shared; i++) {
            int difference = byte_of(order, a.data[i]) - byte_of(order, b.data[i]);
            if (difference != 0)
                return difference;
        }
    }
    return (a.size > b.size) - (a.size < b.size);
}

static size_t offset_of(const struct entry *entry)
{
    return (size_t)entry->key_high << 8 | entry->key_low;
}

static struct view key_of(const struct import_rows *rows, const struct entry *entry)
{
    return (struct view){rows->keys + offset_of(entry), entry->key_size};
}

bool import_rows_add(struct import_rows *rows, const struct import_row *row, struct error *error)
{
    ensure(row->key.size <= IMPORT_KEY_SIZE_MAX && row->number <= UINT16_MAX);
    if (rows->count == rows->capacity) {
        uint64_t capacity = rows->capacity ? rows->capacity * 2 : 1024;
        struct entry *grown = reallocarray(rows->entries, capacity, sizeof *grown);
        if (grown == NULL)
            return no_memory(error);
        rows->entries = grown;
        rows->capacity = capacity;
    }
    if (rows->keys_capacity - rows->keys_size < IMPORT_KEY_SIZE_MAX) {
        size_t capacity = rows->keys_capacity ? rows->keys_capacity * 2 : 65536;
        char *grown = realloc(rows->keys, capacity);
        if (grown == NULL)
            return no_memory(error);
        rows->keys = grown;
        rows->keys_capacity = capacity;
    }
    if (rows->count == UINT32_MAX || rows->keys_size >> 8 > UINT32_MAX - 1)
        return no_memory(error);
    memcpy(rows->keys + rows->keys_size, row->key.data, row->key.size);
    rows->entries[rows->count++] = (struct entry){
        .prefix = prefix_of(rows->order, row->key),
        .key_high = (uint32_t)(rows->keys_size >> 8),
        .key_low = (uint8_t)rows->keys_size,
        .key_size = (uint8_t)row->key.size,
        .number = (uint16_t)row->number,
        .line = row->line < UINT32_MAX ? (uint32_t)row->line : UINT32_MAX,
        .source = row->source,
    };
    rows->keys_size += row->key.size;
    return true;
}

static int compare_entries(const void *left, const void *right, void *context)
{
    const struct entry *a = left, *b = right;
    const struct import_rows *rows = context;
    if (a->prefix != b->prefix)
        return a->prefix < b->prefix ? -1 : 1;
    int order = compare_keys(rows->order, key_of(rows, a), key_of(rows, b));
    if (order == 0 && rows->order == IMPORT_ORDER_FOLDED)
        order = memcmp(rows->keys + offset_of(a), rows->keys + offset_of(b), a->key_size);
    if (order == 0)
        order = (offset_of(a) > offset_of(b)) - (offset_of(a) < offset_of(b));
    return order;
}

void import_rows_sort(struct import_rows *rows)
{
    if (rows->count > 1)
        qsort_r(rows->entries, rows->count, sizeof *rows->entries, compare_entries, rows);
}

uint64_t import_rows_count(const struct import_rows *rows)
{
    return rows->count;
}

struct import_row import_rows_at(const struct import_rows *rows, uint64_t position)
{
    ensure(position < rows->count);
    const struct entry *entry = &rows->entries[position];
    return (struct import_row){key_of(rows, entry), entry->number, entry->source, entry->line};
}

uint64_t import_rows_find(const struct import_rows *rows, struct view key)
{
    uint64_t prefix = prefix_of(rows->order, key);
    uint64_t begin = 0, end = rows->count;
    while (begin < end) {
        uint64_t middle = begin + (end - begin) / 2;
        const struct entry *entry = &rows->entries[middle];
        bool below = entry->prefix != prefix ? entry->prefix < prefix
                                             : compare_keys(rows->order, key_of(rows, entry), key) < 0;
        if (below)
            begin = middle + 1;
        else
            end = middle;
    }
    return begin;
}

bool import_rows_same(const struct import_rows *rows, struct view a, struct view b)
{
    return compare_keys(rows->order, a, b) == 0;
}
