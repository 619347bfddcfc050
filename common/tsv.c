#include "common/tsv.h"

#include "common/utf8.h"

#include <stdint.h>

void tsv_init(struct tsv *tsv, const char *name, struct view bytes, struct mistakes *mistakes)
{
    static const char mark[] = "\xef\xbb\xbf";
    if (bytes.size >= 3 && memcmp(bytes.data, mark, 3) == 0)
        bytes = (struct view){bytes.data + 3, bytes.size - 3};
    *tsv = (struct tsv){.name = name, .rest = bytes, .mistakes = mistakes};
}

static struct view take_line(struct tsv *tsv)
{
    const char *end = memchr(tsv->rest.data, '\n', tsv->rest.size);
    size_t size = end == NULL ? tsv->rest.size : (size_t)(end - tsv->rest.data);
    size_t taken = end == NULL ? size : size + 1;
    struct view line = {tsv->rest.data, size};
    tsv->rest = (struct view){tsv->rest.data + taken, tsv->rest.size - taken};
    tsv->line++;
    if (line.size > 0 && line.data[line.size - 1] == '\r')
        line.size--;
    return line;
}

static bool is_clean(struct tsv *tsv, struct view line)
{
    if (line.size > TSV_LINE_SIZE_MAX) {
        mistakes_add(tsv->mistakes, tsv->name, tsv->line, 0, "the line has %zu bytes; %d are the most",
                     line.size, (int)TSV_LINE_SIZE_MAX);
        return false;
    }
    for (size_t i = 0; i < line.size; i++) {
        unsigned char byte = (unsigned char)line.data[i];
        if ((byte < ' ' && byte != '\t') || byte == 0x7f) {
            mistakes_add(tsv->mistakes, tsv->name, tsv->line, (unsigned)i + 1,
                         "a control character (byte 0x%02x) has no place in a text file", byte);
            return false;
        }
    }
    if (!utf8_valid(line)) {
        mistakes_add(tsv->mistakes, tsv->name, tsv->line, 0, "the line is not UTF-8");
        return false;
    }
    return true;
}

static void split(struct view line, struct tsv_line *out_line)
{
    size_t start = 0;
    out_line->count = 0;
    for (size_t i = 0; i <= line.size; i++) {
        if (i < line.size && line.data[i] != '\t')
            continue;
        if (out_line->count == TSV_FIELDS_MAX) {
            out_line->count++;
            return;
        }
        out_line->fields[out_line->count] = (struct view){line.data + start, i - start};
        out_line->columns[out_line->count] = (unsigned)start + 1;
        out_line->count++;
        start = i + 1;
    }
}

bool tsv_next(struct tsv *tsv, struct tsv_line *out_line)
{
    while (tsv->rest.size > 0) {
        struct view line = take_line(tsv);
        if (line.size == 0 || line.data[0] == '#' || !is_clean(tsv, line))
            continue;
        out_line->number = tsv->line;
        split(line, out_line);
        return true;
    }
    return false;
}

bool tsv_identifier(struct view text, unsigned *out_identifier)
{
    unsigned number = 0;
    if (text.size == 0 || text.size > 5 || text.data[0] == '0')
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        number = number * 10 + (unsigned)(text.data[i] - '0');
    }
    if (number > UINT16_MAX)
        return false;
    *out_identifier = number;
    return true;
}
