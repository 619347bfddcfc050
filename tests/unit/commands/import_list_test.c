#include "commands/import_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* One list, read from memory. */
struct rig {
    struct import import;
    struct import_mapping *mapping;
    struct mistakes mistakes;
    struct error error;
};

static void rig_release(struct rig *rig)
{
    import_categories_free(rig->import.categories);
    import_mapping_free(rig->mapping);
    import_rows_free(rig->import.rows);
    import_rows_free(rig->import.hosts);
    import_report_release(&rig->import.report);
    free(rig);
}

static struct rig *rig_new(enum import_format format)
{
    struct rig *rig = calloc(1, sizeof *rig);
    assert_non_null(rig);
    rig->mapping =
        import_mapping_new(IMPORT_MAPPING_RULES, "map.tsv", VIEW("News\tnone\nSport\t607\nSex\tdeny\n"),
                           &rig->mistakes, &rig->error);
    rig->import.format = format;
    rig->import.category_column = 1;
    rig->import.report.shown_max = 100;
    rig->import.categories =
        import_categories_new(rig->mapping, format == IMPORT_FORMAT_OVERRIDE, &rig->error);
    rig->import.rows = import_rows_new(IMPORT_ORDER_BYTES, &rig->error);
    assert_true(rig->mapping && rig->import.categories && rig->import.rows);
    return rig;
}

/* False: the whole file is of no use. */
static bool rig_read(struct rig *rig, struct view text, const char *category)
{
    struct import_list *list = malloc(sizeof *list);
    uint64_t number = 0;
    assert_non_null(list);
    import_list_init(list, &rig->import, "list", category);
    bool fine = true;
    while (fine && text.size > 0) {
        const char *end = memchr(text.data, '\n', text.size);
        size_t size = end ? (size_t)(end - text.data) : text.size;
        bool cut = size > IMPORT_LINE_SIZE_MAX;
        struct line line = {{text.data, cut ? IMPORT_LINE_SIZE_MAX : size}, number++, cut};
        size += end != NULL;
        text = (struct view){text.data + size, text.size - size};
        fine = import_list_take(list, &line, &rig->error);
    }
    fine = fine && import_list_end(list, &rig->error);
    free(list);
    if (fine) { /* what is not counted yet waits to be merged */
        uint64_t sum = import_rows_count(rig->import.rows);
        for (unsigned i = 0; i < IMPORT_FATES; i++)
            sum += rig->import.report.fates[i];
        assert_int_equal(sum, rig->import.report.read);
    }
    return fine;
}

struct outcome {
    enum import_format format;
    const char *text;
    uint64_t rows;           /* taken */
    enum import_fault fault; /* of the row that is malformed */
    uint64_t line;           /* where it stands */
    const char *why;
};

static void each_fault_is_found_at_its_line_and_costs_no_other(void **state)
{
    (void)state;
    static const struct outcome cases[] = {
        {IMPORT_FORMAT_TSV, "a.example\tNews\nb.example\n", 1, IMPORT_FAULT_COLUMNS, 2, "one column"},
        {IMPORT_FORMAT_TSV, "a.example\tNews\tx\nb.example\tNews\n", 1, IMPORT_FAULT_COLUMNS, 1,
         "three columns"},
        {IMPORT_FORMAT_TSV, "a.example\t\nb.example\tNews\n", 1, IMPORT_FAULT_CATEGORY, 1, "no category"},
        {IMPORT_FORMAT_TSV, "#\n\na\tNews\nb.example\tNews\n", 1, IMPORT_FAULT_HOST, 3,
         "no host, behind lines of no row"},
        {IMPORT_FORMAT_TSV, "a.example\tNews\n\x1f\x8b\x08\nb.example\tNews", 2, IMPORT_FAULT_CONTROL, 2,
         "binary"},
        {IMPORT_FORMAT_TSV, "a.example\tNe\xffws\nb.example\tNews\n", 1, IMPORT_FAULT_ENCODING, 1, "Latin-1"},
        {IMPORT_FORMAT_TSV, "10.0.0.1\tNews\nb.example\tNews\n", 1, IMPORT_FAULT_ADDRESS, 1, "an address"},
        {IMPORT_FORMAT_TSV, "co.uk\tNews\nb.co.uk\tNews\n", 1, IMPORT_FAULT_SUFFIX, 1, "a public suffix"},
        {IMPORT_FORMAT_CSV, "\"a.example\",News\nb.example,Ne\"ws\nc.example,\"News\"\n", 2,
         IMPORT_FAULT_QUOTES, 2, "a quote inside"},
        {IMPORT_FORMAT_CSV, "a.example,\"News\nb.example,News\nc.example,News\n", 2, IMPORT_FAULT_QUOTES, 1,
         "a quote that is never closed costs its line alone"},
        {IMPORT_FORMAT_CSV, "a.example,News\n\"b.example,News\n", 1, IMPORT_FAULT_QUOTES, 2,
         "the same in the last line"},
        {IMPORT_FORMAT_CSV, "a.example,News,x\nb.example,News\n", 1, IMPORT_FAULT_COLUMNS, 1,
         "three columns"},
        {IMPORT_FORMAT_CSV, "a.example;News\nb.example,News\n", 1, IMPORT_FAULT_COLUMNS, 1,
         "another separator"},
        {IMPORT_FORMAT_CSV, "\"a.exa\nmple\",News\nb.example,News\n", 1, IMPORT_FAULT_QUOTES, 1,
         "a line end inside a key"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rig *rig = rig_new(cases[i].format);
        const struct import_report *report = &rig->import.report;
        if (!rig_read(rig, view_of_string(cases[i].text), NULL))
            fail_msg("%s: %s", cases[i].why, rig->error.what);
        if (import_rows_count(rig->import.rows) != cases[i].rows || report->fates[IMPORT_MALFORMED] != 1)
            fail_msg("%s: %d rows, %d malformed", cases[i].why, (int)import_rows_count(rig->import.rows),
                     (int)report->fates[IMPORT_MALFORMED]);
        if (report->shown[0].fault != cases[i].fault || report->shown[0].place.line != cases[i].line)
            fail_msg("%s: %s in line %d", cases[i].why, import_fault_name(report->shown[0].fault),
                     (int)report->shown[0].place.line);
        rig_release(rig);
    }
}

static void lines_that_hold_no_row_are_no_fault(void **state)
{
    (void)state;
    struct rig *rig = rig_new(IMPORT_FORMAT_CSV);
    rig->import.has_header = true;
    assert_true(rig_read(
        rig,
        VIEW("\xef\xbb\xbf# source: somebody\r\n#date: 2026-01-02\r\n# licence:CC0\r\n\r\nhost,category\r\n"
             "# source: not the head any more\r\na.example,News\r\n"),
        NULL));
    assert_int_equal(rig->import.report.read, 1);
    assert_int_equal(rig->import.report.lines, 7);
    assert_string_equal(rig->import.source, "somebody");
    assert_string_equal(rig->import.date, "2026-01-02");
    assert_string_equal(rig->import.licence, "CC0");
    assert_int_equal(import_rows_count(rig->import.rows), 1);
    rig_release(rig);
}

static void columns_are_chosen_and_others_may_stand_beside(void **state)
{
    (void)state;
    struct rig *rig = rig_new(IMPORT_FORMAT_CSV);
    rig->import.key_column = 2;
    rig->import.category_column = 0;
    rig->import.any_columns = true;
    assert_true(rig_read(rig, VIEW("News,\"1,\n2\",a.example,x\nNews,1\nSport,,b.example\n"), NULL));
    assert_int_equal(import_rows_count(rig->import.rows), 2);
    assert_int_equal(rig->import.report.faults[IMPORT_FAULT_COLUMNS], 1);
    assert_int_equal(rig->import.report.shown[0].place.line, 3); /* the first record goes over two lines */
    rig_release(rig);
}

/* As many lines as a record may have are one record; with one more the first is malformed, the others stand alone. */
static void a_record_in_quotes_has_a_bound(void **state)
{
    (void)state;
    char text[64 * 1024];
    for (unsigned lines = IMPORT_CSV_LINES_MAX; lines <= IMPORT_CSV_LINES_MAX + 1; lines++) {
        struct rig *rig = rig_new(IMPORT_FORMAT_CSV);
        rig->import.any_columns = true;
        size_t size = (size_t)snprintf(text, sizeof text, "a.example,News,\"x\n");
        for (unsigned i = 2; i < lines; i++)
            size += (size_t)snprintf(text + size, sizeof text - size, "b%u.example,News\n", i);
        size += (size_t)snprintf(text + size, sizeof text - size, "y\"\nc.example,News\n");
        assert_true(rig_read(rig, (struct view){text, size}, NULL));
        bool fits = lines == IMPORT_CSV_LINES_MAX;
        assert_int_equal(rig->import.report.read, fits ? 2 : lines + 1);
        assert_int_equal(import_rows_count(rig->import.rows), fits ? 2 : lines - 1);
        assert_int_equal(rig->import.report.faults[IMPORT_FAULT_QUOTES], fits ? 0 : 2);
        rig_release(rig);
    }
    /* a record of too many bytes, likewise */
    struct rig *rig = rig_new(IMPORT_FORMAT_CSV);
    size_t size = 0;
    for (unsigned i = 0; i < 5; i++) {
        memset(text + size, 'x', IMPORT_LINE_SIZE_MAX);
        text[size] = i == 0 ? '"' : 'x';
        text[size + IMPORT_LINE_SIZE_MAX] = '\n';
        size += IMPORT_LINE_SIZE_MAX + 1;
    }
    memcpy(text + size, "a.example,News\n", 15);
    assert_true(rig_read(rig, (struct view){text, size + 15}, NULL));
    assert_int_equal(rig->import.report.read, 6);
    assert_int_equal(import_rows_count(rig->import.rows), 1);
    rig_release(rig);
}

static void a_line_has_a_bound(void **state)
{
    (void)state;
    static char text[2 * IMPORT_LINE_SIZE_MAX];
    for (unsigned over = 0; over < 2; over++) {
        struct rig *rig = rig_new(IMPORT_FORMAT_TSV);
        size_t size = IMPORT_LINE_SIZE_MAX + over;
        memset(text, 'x', size);
        memcpy(text, "a.example\t", 10);
        text[size] = '\n';
        memcpy(text + size + 1, "b.example\tNews", 14);
        assert_true(rig_read(rig, (struct view){text, size + 15}, NULL));
        assert_int_equal(rig->import.report.faults[IMPORT_FAULT_SIZE], over);
        assert_int_equal(rig->import.report.fates[IMPORT_UNMAPPED], 1 - over);
        assert_int_equal(import_rows_count(rig->import.rows), 1);
        rig_release(rig);
    }
}

static void a_file_in_utf_16_is_refused_as_a_whole(void **state)
{
    (void)state;
    static const struct view texts[] = {{"\xff\xfe"
                                         "a\0.\0b\0\t\0N\0\n\0",
                                         14},
                                        {"\xfe\xff"
                                         "\0a\0.\0b\0\n",
                                         10}};
    for (unsigned i = 0; i < 2; i++) {
        struct rig *rig = rig_new(IMPORT_FORMAT_TSV);
        assert_false(rig_read(rig, texts[i], NULL));
        assert_int_equal(rig->error.exit_status, EXIT_STATUS_DATA);
        assert_non_null(strstr(rig->error.action, "iconv"));
        rig_release(rig);
    }
}

static void a_folded_key_is_unfolded_only_when_one_host_can_be_meant(void **state)
{
    (void)state;
    static const char *const hosts[] = {"a-b.example",      "a.b.example", "one-host.example",
                                        "one-host.example", "github.io",   "plain.example"};
    static const struct {
        const char *text;
        enum import_fate fate; /* INTERESTS: taken */
        const char *key, *why;
    } cases[] = {
        {"one host example\tSport", IMPORT_INTERESTS, "one-host.example",
         "one host, though twice in the list"},
        {"One Host Example\tSport", IMPORT_INTERESTS, "one-host.example", "case"},
        {"plain example\t", IMPORT_INTERESTS, "plain.example", "an empty entry"},
        {"plain example", IMPORT_INTERESTS, "plain.example", "an empty entry without its tab"},
        {"plain.example\tSport", IMPORT_INTERESTS, "plain.example", "a key that is not folded"},
        {"a b example\tSport", IMPORT_AMBIGUOUS, NULL, "two hosts"},
        {"a b example\t", IMPORT_AMBIGUOUS, NULL, "two hosts, and nothing for both: still not guessed"},
        {"other example\tSport", IMPORT_UNMATCHED, NULL, "no host"},
        {"one host exampl\tSport", IMPORT_UNMATCHED, NULL, "the beginning of a host"},
        {"one  host example\tSport", IMPORT_UNMATCHED, NULL, "two spaces"},
        {"plain example\tOther", IMPORT_UNMAPPED, NULL, "a category that the mapping lacks"},
        {"github io\tSport", IMPORT_MALFORMED, NULL, "a public suffix"},
        {"\tSport", IMPORT_MALFORMED, NULL, "no key"},
        {"../etc\tSport", IMPORT_MALFORMED, NULL, "a path"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rig *rig = rig_new(IMPORT_FORMAT_OVERRIDE);
        rig->import.hosts = import_rows_new(IMPORT_ORDER_FOLDED, &rig->error);
        for (size_t j = 0; j < sizeof hosts / sizeof *hosts; j++)
            assert_true(import_rows_add(rig->import.hosts,
                                        &(struct import_row){.key = view_of_string(hosts[j])}, &rig->error));
        import_rows_sort(rig->import.hosts);
        assert_true(rig_read(rig, view_of_string(cases[i].text), NULL));
        if (cases[i].key == NULL) {
            if (rig->import.report.fates[cases[i].fate] != 1)
                fail_msg("%s", cases[i].why);
        } else if (import_rows_count(rig->import.rows) != 1 ||
                   !view_equal_string(import_rows_at(rig->import.rows, 0).key, cases[i].key)) {
            fail_msg("%s", cases[i].why);
        }
        assert_int_equal(rig->import.report.candidates, cases[i].fate == IMPORT_AMBIGUOUS ? 2 : 0);
        rig_release(rig);
    }
}

static void a_line_of_a_category_file_is_a_key_alone(void **state)
{
    (void)state;
    struct rig *rig = rig_new(IMPORT_FORMAT_UT1);
    assert_true(
        rig_read(rig, VIEW("a.example\n b.example \n# c.example\nd.example\tx\ne.example/x\n"), "Sport"));
    assert_int_equal(import_rows_count(rig->import.rows), 2);
    assert_int_equal(rig->import.report.fates[IMPORT_MALFORMED], 1);
    assert_int_equal(rig->import.report.fates[IMPORT_PATH], 1);
    rig_release(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_fault_is_found_at_its_line_and_costs_no_other),
        cmocka_unit_test(lines_that_hold_no_row_are_no_fault),
        cmocka_unit_test(columns_are_chosen_and_others_may_stand_beside),
        cmocka_unit_test(a_record_in_quotes_has_a_bound),
        cmocka_unit_test(a_line_has_a_bound),
        cmocka_unit_test(a_file_in_utf_16_is_refused_as_a_whole),
        cmocka_unit_test(a_folded_key_is_unfolded_only_when_one_host_can_be_meant),
        cmocka_unit_test(a_line_of_a_category_file_is_a_key_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
