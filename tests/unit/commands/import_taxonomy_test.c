#include "commands/import_taxonomy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Written by the project in the form in which IAB Tech Lab publishes; the rows are invented. */
#define AUDIENCE                                                                                        \
    "\tUnique ID\tParent ID\tCondensed Name (1st, 2nd, Last Tier)\tTier 1\tTier 2\tTier 3\t*Extension " \
    "Notes\r\n"
#define CONTENT                                                                                   \
    "Relational ID System\t\t\tContent Taxonomy v3.1 Tiered Categories\t\t\tExtension\r\nUnique " \
    "ID\tParent\tName\tTier "                                                                     \
    "1\tTier 2\tTier 3\t\r\n"

static struct import_report report;
static struct error error;

static struct import_taxonomy *read_text(const char *text, const char *decisions)
{
    static struct mistakes mistakes;
    static struct import_mapping *mapping;
    import_mapping_free(mapping);
    import_report_release(&report);
    report.shown_max = 20;
    error = (struct error){0};
    mapping =
        import_mapping_new(IMPORT_MAPPING_TAXONOMY, "map.tsv", view_of_string(decisions), &mistakes, &error);
    assert_non_null(mapping);
    struct import_taxonomy *taxonomy =
        import_taxonomy_new("taxonomy.tsv", view_of_string(text), mapping, &report, &error);
    if (taxonomy)
        assert_true(import_report_adds_up(&report));
    return taxonomy;
}

/* All rows as `id/parent/tier/fate/name;`. */
static const char *written(const struct import_taxonomy *taxonomy)
{
    static char text[4096];
    struct import_taxonomy_row row;
    size_t size = 0;
    text[0] = '\0';
    for (unsigned i = 0; import_taxonomy_at(taxonomy, i, &row); i++)
        size += (size_t)snprintf(text + size, sizeof text - size, "%u/%u/%u/%s/%.*s;", row.id, row.parent,
                                 row.tier, import_fate_name(row.fate), (int)row.name.size, row.name.data);
    return text;
}

static void taxonomy_is_read_as_published(void **state)
{
    (void)state;
    static const struct {
        const char *text, *decisions, *rows, *why;
    } cases[] = {
        {AUDIENCE "\t1\t\tInterest\tInterest\t\t\t\r\n\t2\t1\tInterest | Sports\tInterest\tSports\t\t\r\n",
         "Interest\tnone\nInterest | Sports\tpublishable\n", "1/0/1/none/Interest;2/1/2/interests/Sports;",
         "one header line, an empty first column"},
        {CONTENT "2\t1\tSports\tAll\tSports\t\t\r\n1\t\tAll\tAll\t\t\t\r\n", "1\tpublishable\n",
         "1/0/1/interests/All;2/1/2/interests/Sports;", "two header lines, the child before its parent"},
        {CONTENT "1\t\tAll\tAll\r2\t1\tSports\tAll\tSports\r", "All\tnone\n",
         "1/0/1/none/All;2/1/2/none/Sports;", "line ends of CR alone, empty fields at the end left out"},
        {CONTENT "1\t\tA\tA\t\t\t\n2\t1\tX\tA\tX\t\t\n3\t\tB\tB\t\t\t\n4\t3\tX\tB\tX\t\t\n",
         "A\tpublishable\nB\tpublishable\nB | X\tdeny\n",
         "1/0/1/interests/A;2/1/2/interests/X;3/0/1/interests/B;4/3/2/deny/X;",
         "a name twice is told apart by its path"},
        {"\t\t\t\tExtension\nUnique ID\tParent\tTier 1\n1\t\tA\n2\t\tB\t\tSCD\n",
         "A\tpublishable\nB\tpublishable\n", "1/0/1/interests/A;2/0/1/deny/B;",
         "the column of marks stands further right than all that are named"},
        {CONTENT "1\t\tA\tA\t\t\tSCD\n2\t1\tX\tA\tX\t\t\n", "A\tpublishable\nA | X\tpublishable\n",
         "1/0/1/deny/A;2/1/2/deny/X;",
         "what the file marks is denied whatever the mapping says, with all below"},
        {CONTENT "1\t\tA\tA\t\t\t\n2\t1\tX\tA\tX\t\t\n3\t2\tY\tA\tX\tY\t\n",
         "A\tpublishable\nA | X\tdeny\n3\tpublishable\n", "1/0/1/interests/A;2/1/2/deny/X;3/2/3/deny/Y;",
         "nothing below a denied row is published"},
        {CONTENT "1\t\tA\tA\t\t\t\n2\t\tB\tB\t\t\t\n", "1\tdeny\nA\tpublishable\nB\tnone\n2\tdeny\n",
         "1/0/1/deny/A;2/0/1/deny/B;", "an identifier and a path for one row: deny wins"},
        {CONTENT "1\t\tA\tA\t\t\t\n2\t1\tX\tA\tX\t\t\n", "", "1/0/1/unmapped/A;2/1/2/unmapped/X;",
         "what nothing decides on is not published"},
        {CONTENT "JLB\t\tA\tA\t\t\t\n2\tJLB\tX\tA\tX\t\t\n", "A\tpublishable\n", "2/0/2/interests/X;",
         "a row without a number is left out; what is below keeps its tier"},
        {CONTENT "JLB\t\tA\tA\t\t\tSCD\n2\tJLB\tX\tA\tX\t\t\n", "A | X\tpublishable\n", "2/0/2/deny/X;",
         "and its mark holds for what is below"},
        {CONTENT "1\t\tA\t\"A, or B\"\t\t\t\n", "A, or B\tpublishable\n", "1/0/1/interests/A, or B;",
         "a field in quotes, as spreadsheets write it"},
        {CONTENT "1\t\tA\tA\t\t\t\n2\t1\tX\tA\t\t\t\n", "A\tpublishable\n", "1/0/1/interests/A;2/1/1/none/A;",
         "a row on the tier of its parent could be rolled up for ever: refused"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct import_taxonomy *taxonomy = read_text(cases[i].text, cases[i].decisions);
        if (taxonomy == NULL)
            fail_msg("%s: %s", cases[i].why, error.what);
        if (strcmp(written(taxonomy), cases[i].rows) != 0)
            fail_msg("%s: %s", cases[i].why, written(taxonomy));
        import_taxonomy_free(taxonomy);
    }
}

static void taxonomy_counts_each_row_that_is_none(void **state)
{
    (void)state;
    static const struct {
        const char *rows;
        enum import_fault fault;
        unsigned count, line;
        const char *why;
    } cases[] = {
        {"1\t\tA\tA\t\t\t\n1\t\tB\tB\t\t\t\n", IMPORT_FAULT_DUPLICATE, 1, 4, "an identifier twice"},
        {"1\t9\tA\tA\t\t\t\n", IMPORT_FAULT_PARENT, 1, 3, "a parent that is not there"},
        {"1\t9\tA\tA\t\t\t\n2\t1\tB\tA\tB\t\t\n", IMPORT_FAULT_PARENT, 2, 3, "and all below"},
        {"1\t2\tA\tA\t\t\t\n2\t1\tB\tB\t\t\t\n", IMPORT_FAULT_PARENT, 2, 4, "each the parent of the other"},
        {"1\t1\tA\tA\t\t\t\n", IMPORT_FAULT_PARENT, 1, 3, "its own parent"},
        {"\t\tA\tA\t\t\t\n", IMPORT_FAULT_IDENTIFIER, 1, 3, "no identifier"},
        {"1\t\tA\t\t\t\t\n", IMPORT_FAULT_TIER, 1, 3, "no name in a tier"},
        {"1\t\tA\tA\t\t\t\t\t\n", IMPORT_FAULT_COLUMNS, 1, 3, "more columns than the header has"},
        {"1\t\tA\tA\x1b[2J\t\t\t\n", IMPORT_FAULT_CONTROL, 1, 3, "a control character"},
        {"1\t\tA\tA\xe9\t\t\t\n", IMPORT_FAULT_ENCODING, 1, 3, "another encoding"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[1024];
        snprintf(text, sizeof text, "%s%s", CONTENT, cases[i].rows);
        struct import_taxonomy *taxonomy = read_text(text, "A\tpublishable\n");
        if (taxonomy == NULL)
            fail_msg("%s: %s", cases[i].why, error.what);
        if (report.faults[cases[i].fault] != cases[i].count || report.shown[0].place.line != cases[i].line)
            fail_msg("%s: %d, the first in line %d", cases[i].why, (int)report.faults[cases[i].fault],
                     (int)report.shown[0].place.line);
        import_taxonomy_free(taxonomy);
    }
}

static void taxonomy_has_bounds(void **state)
{
    (void)state;
    for (unsigned over = 0; over < 2; over++) { /* levels: the longest chain of parents, and one more */
        char text[4096];
        size_t size = (size_t)snprintf(text, sizeof text, "%s", CONTENT);
        for (unsigned id = IMPORT_TAXONOMY_LEVELS_MAX + over; id > 1; id--)
            size += (size_t)snprintf(text + size, sizeof text - size, "%u\t%u\tA\tA\t\t\t\n", id, id - 1);
        snprintf(text + size, sizeof text - size, "1\t\tA\tA\t\t\t\n");
        struct import_taxonomy *taxonomy = read_text(text, "A\tnone\n");
        assert_non_null(taxonomy);
        assert_int_equal(report.fates[IMPORT_NONE], over ? 1 : IMPORT_TAXONOMY_LEVELS_MAX);
        import_taxonomy_free(taxonomy);
    }
    for (unsigned over = 0; over < 2; over++) { /* a name */
        char text[1024];
        snprintf(text, sizeof text, "%s1\t\tA\t%0*d\t\t\t\n", CONTENT, 120 + (int)over, 0);
        struct import_taxonomy *taxonomy = read_text(text, "1\tnone\n");
        assert_non_null(taxonomy);
        assert_int_equal(report.faults[IMPORT_FAULT_SIZE], over);
        import_taxonomy_free(taxonomy);
    }
    struct import_taxonomy *taxonomy =
        read_text(CONTENT "65535\t\tA\tA\t\t\t\n65536\t\tB\tB\t\t\t\n007\t\tC\tC\t\t\t\n", "");
    assert_non_null(taxonomy);
    assert_int_equal(report.fates[IMPORT_UNNUMBERED], 2);
    import_taxonomy_free(taxonomy);
}

static void what_is_no_taxonomy_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "\n\n",
        "example.com\tNews\n",
        "Unique ID\tParent\tName\n1\t\tA\n",
        "Unique ID\tTier 1\n",
        "Unique ID,Parent,Tier 1\n",
        "Unique ID\tParent\tTier 2\n",
        "\xff\xfeU\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (read_text(texts[i], "") != NULL)
            fail_msg("%zu was read", i);
        assert_int_equal(error.exit_status, EXIT_STATUS_DATA);
    }
}

static void taxonomies_that_the_product_knows_are_recognised(void **state)
{
    (void)state;
    assert_string_equal(import_taxonomy_mapping(VIEW(CONTENT)),
                        "config/rules/mappings/iab-content-taxonomy-3.1.tsv");
    assert_string_equal(
        import_taxonomy_mapping(
            VIEW("\tUnique ID\tParent ID\tCondensed Name (1st, 2nd, Last Tier)\tTier 1\tTier 6\r\n")),
        "config/rules/mappings/iab-audience-taxonomy-1.1.tsv");
    assert_null(import_taxonomy_mapping(VIEW("Unique ID\tParent\tTier 1\n1\t\tA\n")));
    assert_null(import_taxonomy_mapping(VIEW("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(taxonomy_is_read_as_published),
        cmocka_unit_test(taxonomy_counts_each_row_that_is_none),
        cmocka_unit_test(taxonomy_has_bounds),
        cmocka_unit_test(what_is_no_taxonomy_is_refused),
        cmocka_unit_test(taxonomies_that_the_product_knows_are_recognised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
