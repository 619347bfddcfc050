#include "commands/import_csv.h"

#include "common/error.h"

/* A field in quotes that starts at record[*at]. */
static enum import_csv_result read_quoted(struct import_csv *csv, struct view record, size_t *at,
                                          size_t *room, struct view *out_field)
{
    size_t start = *at + 1, begin = *room;
    size_t i = start;
    bool doubled = false;
    for (;; i++) {
        if (i == record.size)
            return IMPORT_CSV_OPEN;
        if (record.data[i] == '"') {
            if (i + 1 == record.size || record.data[i + 1] != '"')
                break;
            doubled = true;
            i++;
        }
    }
    *at = i + 1;
    if (*at < record.size && record.data[*at] != ',')
        return IMPORT_CSV_WRONG;
    *out_field = (struct view){record.data + start, i - start};
    if (!doubled)
        return IMPORT_CSV_WHOLE;
    for (size_t j = start; j < i; j++) {
        csv->room[(*room)++] = record.data[j];
        if (record.data[j] == '"')
            j++;
    }
    *out_field = (struct view){csv->room + begin, *room - begin};
    return IMPORT_CSV_WHOLE;
}

enum import_csv_result import_csv_split(struct import_csv *csv, struct view record)
{
    size_t at = 0, room = 0;
    ensure(record.size <= IMPORT_CSV_SIZE_MAX);
    csv->count = 0;
    for (;;) {
        struct view field;
        if (csv->count == IMPORT_CSV_FIELDS_MAX)
            return IMPORT_CSV_WRONG;
        if (at < record.size && record.data[at] == '"') {
            enum import_csv_result result = read_quoted(csv, record, &at, &room, &field);
            if (result != IMPORT_CSV_WHOLE)
                return result;
        } else {
            size_t start = at;
            while (at < record.size && record.data[at] != ',') {
                if (record.data[at] == '"') /* RFC 4180, 2, rule 5 */
                    return IMPORT_CSV_WRONG;
                at++;
            }
            field = (struct view){record.data + start, at - start};
        }
        csv->fields[csv->count++] = field;
        if (at == record.size)
            return IMPORT_CSV_WHOLE;
        at++; /* the comma; what follows it is a field, even an empty one */
    }
}
