#include "stages/classify/list_head.h"

#include "common/utf8.h"

#include <stdlib.h>

enum { NUMBER_SIZE_MAX = 20 };

static struct view trimmed(struct view text)
{
    while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t'))
        text = (struct view){text.data + 1, text.size - 1};
    while (text.size > 0 && strchr(" \t\r", text.data[text.size - 1]) != NULL)
        text.size--;
    return text;
}

/* `# word: value` */
static void note_if(struct view line, const char *word, struct view *value)
{
    size_t size = strlen(word);
    if (!view_is_absent(*value) || line.size <= size || memcmp(line.data, word, size) != 0 ||
        line.data[size] != ':')
        return;
    *value = trimmed((struct view){line.data + size + 1, line.size - size - 1});
}

struct list_head list_head_read(struct view bytes)
{
    struct list_head head = {VIEW_ABSENT, VIEW_ABSENT, VIEW_ABSENT};
    static const char mark[] = "\xef\xbb\xbf";
    if (bytes.size >= 3 && memcmp(bytes.data, mark, 3) == 0)
        bytes = (struct view){bytes.data + 3, bytes.size - 3};
    while (bytes.size > 0 && bytes.data[0] == '#') {
        const char *end = memchr(bytes.data, '\n', bytes.size);
        size_t size = end == NULL ? bytes.size : (size_t)(end - bytes.data);
        struct view line = trimmed((struct view){bytes.data + 1, size - 1});
        note_if(line, "source", &head.source);
        note_if(line, "date", &head.date);
        note_if(line, "licence", &head.licence);
        size += end != NULL;
        bytes = (struct view){bytes.data + size, bytes.size - size};
    }
    return head;
}

/* ---- the table ---- */

static char *put(char *at, struct view text)
{
    bool valid = utf8_valid(text);
    for (size_t i = 0; i < text.size; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        *at++ = (char)(byte < ' ' || byte == 0x7f || (byte >= 0x80 && !valid) ? '?' : byte);
    }
    return at;
}

static char *put_number(char *at, uint64_t number)
{
    char digits[NUMBER_SIZE_MAX];
    unsigned count = 0;
    do
        digits[count++] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    while (count > 0)
        *at++ = digits[--count];
    return at;
}

static struct view base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return view_of_string(slash == NULL ? path : slash + 1);
}

static char *make_line(const struct rule_source *list, uint64_t rows)
{
    struct list_head head = list_head_read(list->bytes);
    struct view kind = list->kind == RULE_FILE_HOSTS ? VIEW("hosts") : VIEW("apps");
    struct view fields[] = {base_name(list->name), VIEW_ABSENT, head.source, head.date, head.licence};
    size_t size = kind.size + NUMBER_SIZE_MAX + 8;
    for (unsigned i = 0; i < 5; i++)
        size += fields[i].size;
    char *line = malloc(size);
    if (line == NULL)
        return NULL;
    char *at = put(line, kind);
    for (unsigned i = 0; i < 5; i++) {
        *at++ = '\t';
        at = i == 1 ? put_number(at, rows) : put(at, fields[i]);
    }
    *at++ = '\n';
    *at = '\0';
    return line;
}

static int compare_lines(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static char *join(char **lines, unsigned count)
{
    size_t size = 1;
    for (unsigned i = 0; i < count; i++)
        size += strlen(lines[i]);
    char *table = malloc(size);
    char *at = table;
    for (unsigned i = 0; table != NULL && i < count; i++) {
        size_t line = strlen(lines[i]);
        memcpy(at, lines[i], line);
        at += line;
    }
    if (table != NULL)
        *at = '\0';
    return table;
}

char *list_head_table(const struct rule_source *lists, const uint64_t *rows, unsigned count)
{
    char *table = NULL;
    bool made = true;
    char **lines = calloc(count + 1, sizeof(*lines));
    if (lines == NULL)
        return NULL;
    for (unsigned i = 0; i < count && made; i++) {
        lines[i] = make_line(&lists[i], rows[i]);
        made = lines[i] != NULL;
    }
    if (made) {
        qsort(lines, count, sizeof(*lines), compare_lines); /* the order of lists says nothing */
        table = join(lines, count);
    }
    for (unsigned i = 0; i < count; i++)
        free(lines[i]);
    free(lines);
    return table;
}
