/*
 * `clickveil rules import`: the first byte chooses the format, the rest is the list, and what stands before the first NUL
 * is its mapping. Whatever comes, each row has one fate, and a key that is taken is a host.
 */
#include "commands/import_list.h"
#include "commands/import_taxonomy.h"
#include "common/host.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void read_lines(struct import *import, struct view text)
{
    struct error error = {0};
    struct import_list *list = malloc(sizeof *list);
    uint64_t number = 0;
    bool fine = true;
    ensure(list != NULL);
    import_list_init(list, import, "list", import->format == IMPORT_FORMAT_UT1 ? "category" : NULL);
    while (fine && text.size > 0) {
        const char *end = memchr(text.data, '\n', text.size);
        size_t length = end ? (size_t)(end - text.data) : text.size;
        bool cut = length > IMPORT_LINE_SIZE_MAX;
        /* on the heap, so that one byte too many is seen */
        char *copy = malloc(length + 1);
        ensure(copy != NULL);
        memcpy(copy, text.data, length);
        struct line line = {{copy, cut ? IMPORT_LINE_SIZE_MAX : length}, number++, cut};
        length += end != NULL;
        text = (struct view){text.data + length, text.size - length};
        fine = import_list_take(list, &line, &error);
        free(copy);
    }
    if (fine && import_list_end(list, &error)) {
        uint64_t sum = import_rows_count(import->rows);
        for (unsigned i = 0; i < IMPORT_FATES; i++)
            sum += import->report.fates[i];
        ensure(sum == import->report.read);
    }
    free(list);
}

static void check_rows(const struct import *import)
{
    for (uint64_t i = 0; i < import_rows_count(import->rows); i++) {
        char host[HOST_SIZE_MAX];
        size_t size = 0;
        struct import_row row = import_rows_at(import->rows, i);
        ensure(host_normalise(row.key, host, &size) == HOST_NAME);
        ensure(view_equal(row.key, (struct view){host, size}));
        ensure(import_categories_at(import->categories, row.number)->outcome.verdict !=
               IMPORT_VERDICT_UNKNOWN);
    }
}

static void read_taxonomy(struct view text, struct import_mapping *mapping, struct import_report *report)
{
    struct error error = {0};
    struct import_taxonomy_row row;
    unsigned last = 0;
    struct import_taxonomy *taxonomy = import_taxonomy_new("taxonomy", text, mapping, report, &error);
    (void)import_taxonomy_mapping(text);
    if (taxonomy == NULL)
        return;
    ensure(import_report_adds_up(report));
    for (unsigned i = 0; import_taxonomy_at(taxonomy, i, &row); i++) {
        ensure(row.id > last);
        last = row.id;
    }
    import_taxonomy_free(taxonomy);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static const enum import_format formats[] = {IMPORT_FORMAT_TSV, IMPORT_FORMAT_CSV, IMPORT_FORMAT_OVERRIDE,
                                                 IMPORT_FORMAT_UT1, IMPORT_FORMAT_TAXONOMY};
    static const char *const hosts[] = {"a-b.example", "a.b.example", "github.io", "one-host.example"};
    struct mistakes mistakes = {0};
    struct error error = {0};
    if (size == 0)
        return 0;
    struct view text = {(const char *)data + 1, size - 1};
    struct view rules = VIEW("News\tnone\nSport\t607\nSex\tdeny\ncategory\t1\nInterest\tpublishable\n");
    const char *nul = memchr(text.data, '\0', text.size);
    if (nul != NULL) {
        rules = (struct view){text.data, (size_t)(nul - text.data)};
        text = (struct view){nul + 1, text.size - rules.size - 1};
    }
    struct import import = {.format = formats[data[0] % 5], .category_column = 1};
    import.has_header = data[0] & 0x40;
    import.any_columns = data[0] & 0x80;
    import.report.shown_max = 3;
    bool taxonomy = import.format == IMPORT_FORMAT_TAXONOMY;
    struct import_mapping *mapping = import_mapping_new(
        taxonomy ? IMPORT_MAPPING_TAXONOMY : IMPORT_MAPPING_RULES, "map", rules, &mistakes, &error);
    ensure((mapping == NULL) == (mistakes.count > 0));
    import.categories = import_categories_new(mapping, import.format == IMPORT_FORMAT_OVERRIDE, &error);
    import.rows = import_rows_new(IMPORT_ORDER_BYTES, &error);
    import.hosts = import_rows_new(IMPORT_ORDER_FOLDED, &error);
    ensure(import.categories && import.rows && import.hosts);
    for (unsigned i = 0; i < 4; i++)
        ensure(import_rows_add(import.hosts, &(struct import_row){.key = view_of_string(hosts[i])}, &error));
    import_rows_sort(import.hosts);
    if (taxonomy)
        read_taxonomy(text, mapping, &import.report);
    else
        read_lines(&import, text);
    check_rows(&import);
    import_categories_free(import.categories);
    import_mapping_free(mapping);
    import_rows_free(import.rows);
    import_rows_free(import.hosts);
    import_report_release(&import.report);
    return 0;
}
