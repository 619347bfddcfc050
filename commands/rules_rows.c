#include "commands/rules_rows.h"

#include "common/file.h"
#include "stages/classify/rule_load.h"

#include <stdlib.h>

struct pool {
    char *data;
    size_t size, capacity;
};

struct entry {
    uint32_t key;       /* offset in keys */
    uint32_t interests; /* index in interests */
    uint32_t line;
    uint16_t list;
    uint8_t key_size;
    uint8_t kind; /* enum rule_kind */
    uint8_t interest_count;
    uint8_t note_size; /* bytes behind the key */
};

struct rules_rows {
    struct pool entries, keys, interests;
    const struct view *lists;
};

static bool append(struct pool *pool, const void *data, size_t size, struct error *error)
{
    if (size > pool->capacity - pool->size) {
        size_t capacity = pool->capacity == 0 ? 65536 : pool->capacity * 2;
        char *grown = realloc(pool->data, capacity);
        if (grown == NULL)
            return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, NULL,
                              "no memory for the rows of the lists");
        pool->data = grown;
        pool->capacity = capacity;
    }
    if (size > 0)
        memcpy(pool->data + pool->size, data, size);
    pool->size += size;
    return true;
}

static bool add(struct rules_rows *rows, const struct rule_row *row, unsigned list, struct error *error)
{
    struct view note = row->kind == RULE_DENY ? row->note : VIEW("");
    if (note.size > RULES_ROWS_NOTE_SIZE_MAX)
        note.size = RULES_ROWS_NOTE_SIZE_MAX;
    struct entry entry = {
        .key = (uint32_t)rows->keys.size,
        .interests = (uint32_t)(rows->interests.size / sizeof(uint16_t)),
        .line = row->line,
        .list = (uint16_t)list,
        .key_size = (uint8_t)row->key_size,
        .kind = (uint8_t)row->kind,
        .interest_count = (uint8_t)row->interest_count,
        .note_size = (uint8_t)note.size,
    };
    if (rows->keys.size > UINT32_MAX - RULE_KEY_SIZE_MAX - RULES_ROWS_NOTE_SIZE_MAX)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, NULL,
                          "the keys of the lists have more than 4 GiB");
    return append(&rows->keys, row->key, row->key_size, error) &&
           append(&rows->keys, note.data, note.size, error) &&
           append(&rows->interests, row->interests, row->interest_count * sizeof(uint16_t), error) &&
           append(&rows->entries, &entry, sizeof entry, error);
}

static bool read_list(struct rules_rows *rows, enum rule_file_kind kind, unsigned list,
                      struct mistakes *mistakes, struct error *error)
{
    struct rule_file file;
    struct rule_row row;
    struct view bytes;
    bool fine = true;
    if (!file_read(rows->lists[list].data, RULE_LOAD_FILE_BYTES_MAX, &bytes, error))
        return false;
    rule_file_init(&file, kind, rows->lists[list].data, bytes, mistakes);
    while (fine && rule_file_next(&file, &row))
        fine = add(rows, &row, list, error);
    file_free(bytes);
    return fine;
}

static struct view key_of(const struct rules_rows *rows, const struct entry *entry)
{
    return (struct view){rows->keys.data + entry->key, entry->key_size};
}

static int compare_entries(const void *left, const void *right, void *context)
{
    const struct entry *a = left, *b = right;
    int order = view_compare(key_of(context, a), key_of(context, b));
    if (order == 0)
        order = (int)b->kind - (int)a->kind; /* the enum rises from interests by none to deny */
    if (order == 0)
        order = (int)a->list - (int)b->list;
    return order != 0 ? order : (a->line > b->line) - (a->line < b->line);
}

struct rules_rows *rules_rows_new(enum rule_file_kind kind, const struct option_list *paths,
                                  struct mistakes *mistakes, struct error *error)
{
    struct mistakes ignored = {0};
    struct rules_rows *rows = calloc(1, sizeof *rows);
    bool fine = rows != NULL || error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, NULL, "no memory");
    ensure(paths->count <= RULE_LOAD_FILES_MAX);
    if (fine)
        rows->lists = paths->items;
    for (unsigned i = 0; fine && i < paths->count; i++)
        fine = read_list(rows, kind, i, mistakes != NULL ? mistakes : &ignored, error);
    if (!fine) {
        rules_rows_free(rows);
        return NULL;
    }
    if (rows->entries.size > 0)
        qsort_r(rows->entries.data, rules_rows_count(rows), sizeof(struct entry), compare_entries, rows);
    return rows;
}

void rules_rows_free(struct rules_rows *rows)
{
    if (rows == NULL)
        return;
    free(rows->entries.data);
    free(rows->keys.data);
    free(rows->interests.data);
    free(rows);
}

uint64_t rules_rows_count(const struct rules_rows *rows)
{
    return rows->entries.size / sizeof(struct entry);
}

static const struct entry *entry_at(const struct rules_rows *rows, uint64_t at)
{
    return (const struct entry *)(const void *)rows->entries.data + at;
}

struct rules_row rules_rows_at(const struct rules_rows *rows, uint64_t at)
{
    const struct entry *entry = entry_at(rows, at);
    return (struct rules_row){
        .key = key_of(rows, entry),
        .kind = (enum rule_kind)entry->kind,
        .interest_count = entry->interest_count,
        .interests = (const uint16_t *)(const void *)rows->interests.data + entry->interests,
        .list = rows->lists[entry->list].data,
        .line = entry->line,
        .note = {rows->keys.data + entry->key + entry->key_size, entry->note_size},
    };
}

uint64_t rules_rows_find(const struct rules_rows *rows, struct view key)
{
    uint64_t count = rules_rows_count(rows), low = 0, high = count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (view_compare(key_of(rows, entry_at(rows, middle)), key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && view_equal(key_of(rows, entry_at(rows, low)), key) ? low : count;
}
