#include "commands/import_csv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static struct import_csv csv;

/* Fields with `|` between, for comparing. */
static void join(char *out_text, size_t size)
{
    size_t used = 0;
    out_text[0] = '\0';
    for (unsigned i = 0; i < csv.count; i++) {
        assert_true(used + csv.fields[i].size + 2 < size);
        if (i > 0)
            out_text[used++] = '|';
        memcpy(out_text + used, csv.fields[i].data, csv.fields[i].size);
        used += csv.fields[i].size;
        out_text[used] = '\0';
    }
}

static void csv_splits_records_as_rfc_4180_says(void **state)
{
    (void)state;
    static const struct {
        const char *record, *fields, *why;
    } cases[] = {
        {"", "", "an empty record has one empty field"},
        {"a", "a", "one field"},
        {"a,b", "a|b", "two"},
        {"a,", "a|", "the last one empty"},
        {",", "|", "both empty"},
        {"a, b ", "a| b ", "spaces are part of a field (2.4)"},
        {"\"a\",b", "a|b", "in quotes"},
        {"\"a,b\",c", "a,b|c", "a comma in quotes"},
        {"\"a\nb\",c", "a\nb|c", "a line end in quotes (2.6)"},
        {"\"a\"\"b\",c", "a\"b|c", "a doubled quote (2.7)"},
        {"\"\"\"\",c", "\"|c", "nothing but a doubled quote"},
        {"\"\",\"\"", "|", "empty in quotes"},
        {"\"a\"\"\",\"\"\"b\"", "a\"|\"b", "doubled at the edges, in two fields"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        if (import_csv_split(&csv, view_of_string(cases[i].record)) != IMPORT_CSV_WHOLE)
            fail_msg("%s: not split", cases[i].why);
        join(text, sizeof text);
        if (strcmp(text, cases[i].fields) != 0)
            fail_msg("%s: %s", cases[i].why, text);
    }
}

static void csv_tells_open_from_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *record;
        enum import_csv_result result;
        const char *why;
    } cases[] = {
        {"\"a", IMPORT_CSV_OPEN, "never closed"},
        {"\"", IMPORT_CSV_OPEN, "one quote"},
        {"a,\"b\n", IMPORT_CSV_OPEN, "the second field goes on"},
        {"\"a\"\"", IMPORT_CSV_OPEN, "a doubled quote closes nothing"},
        {"a\"b", IMPORT_CSV_WRONG, "a quote inside a plain field (2.5)"},
        {"\"a\"b,c", IMPORT_CSV_WRONG, "text behind a closing quote"},
        {"\"a\" ,c", IMPORT_CSV_WRONG, "a space behind a closing quote"},
        {"a,b\"\"c", IMPORT_CSV_WRONG, "a doubled quote inside a plain field"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (import_csv_split(&csv, view_of_string(cases[i].record)) != cases[i].result)
            fail_msg("%s", cases[i].why);
    }
}

static void csv_has_as_many_fields_as_fit_and_not_one_more(void **state)
{
    (void)state;
    char record[IMPORT_CSV_FIELDS_MAX + 1];
    memset(record, ',', sizeof record);
    assert_int_equal(import_csv_split(&csv, (struct view){record, IMPORT_CSV_FIELDS_MAX - 1}),
                     IMPORT_CSV_WHOLE);
    assert_int_equal(csv.count, IMPORT_CSV_FIELDS_MAX);
    assert_int_equal(import_csv_split(&csv, (struct view){record, IMPORT_CSV_FIELDS_MAX}), IMPORT_CSV_WRONG);
}

/* On the heap, so that a sanitizer sees one byte too many. */
static void csv_holds_the_longest_record_of_quotes(void **state)
{
    (void)state;
    char *record = malloc(IMPORT_CSV_SIZE_MAX);
    memset(record, '"', IMPORT_CSV_SIZE_MAX);
    assert_int_equal(import_csv_split(&csv, (struct view){record, IMPORT_CSV_SIZE_MAX}), IMPORT_CSV_WHOLE);
    assert_int_equal(csv.fields[0].size, IMPORT_CSV_SIZE_MAX / 2 - 1);
    assert_int_equal(import_csv_split(&csv, (struct view){record, IMPORT_CSV_SIZE_MAX - 1}), IMPORT_CSV_OPEN);
    free(record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv_splits_records_as_rfc_4180_says),
        cmocka_unit_test(csv_tells_open_from_wrong),
        cmocka_unit_test(csv_has_as_many_fields_as_fit_and_not_one_more),
        cmocka_unit_test(csv_holds_the_longest_record_of_quotes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
