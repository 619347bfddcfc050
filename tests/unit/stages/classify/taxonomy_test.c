#include "stages/classify/taxonomy.h"

#include "common/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct mistakes mistakes;
static struct error error;

static struct taxonomy *read_text(const char *text)
{
    memset(&mistakes, 0, sizeof(mistakes));
    memset(&error, 0, sizeof(error));
    return taxonomy_new("taxonomy.tsv", view_of_string(text), &mistakes, &error);
}

static const char small[] = "# a comment\n"
                            "1\t0\t1\trefused\tDemographic\n"
                            "206\t0\t1\trefused\tInterest\n"
                            "2\t1\t2\trefused\t-\n"
                            "207\t206\t2\tpublishable\tAcademic Interests\n"
                            "215\t207\t3\tpublishable\tLife Sciences\n"
                            "216\t215\t4\tpublishable\tAnimals\n"
                            "219\t215\t4\tsensitive\tMedicine\n"
                            "220\t219\t5\tpublishable\tBelow a sensitive row\n";

static void taxonomy_rolls_up_to_the_depth(void **state)
{
    (void)state;
    static const struct {
        unsigned id, depth;
        enum taxonomy_status status;
        unsigned result;
        const char *why;
    } cases[] = {
        {207, 2, TAXONOMY_PUBLISHABLE, 207, "stands at the depth"},
        {215, 2, TAXONOMY_PUBLISHABLE, 207, "one below it"},
        {216, 2, TAXONOMY_PUBLISHABLE, 207, "two below it"},
        {216, 3, TAXONOMY_PUBLISHABLE, 215, "one below a deeper depth"},
        {216, 4, TAXONOMY_PUBLISHABLE, 216, "stands at a deeper depth"},
        {207, 4, TAXONOMY_PUBLISHABLE, 207, "above the depth: coarser is fine"},
        {219, 2, TAXONOMY_SENSITIVE, 0, "sensitive, though the row above is not"},
        {219, 4, TAXONOMY_SENSITIVE, 0, "sensitive"},
        {220, 2, TAXONOMY_SENSITIVE, 0, "a sensitive row on the way"},
        {206, 2, TAXONOMY_REFUSED, 0, "the root"},
        {2, 2, TAXONOMY_REFUSED, 0, "Demographic"},
        {3, 2, TAXONOMY_UNKNOWN, 0, "no such row"},
        {0, 2, TAXONOMY_UNKNOWN, 0, "zero"},
        {65535, 2, TAXONOMY_UNKNOWN, 0, "the last possible, not there"},
        {65536, 2, TAXONOMY_UNKNOWN, 0, "one past the last possible"},
    };
    struct taxonomy *taxonomy = read_text(small);
    assert_non_null(taxonomy);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unsigned result = 0;
        enum taxonomy_status status = taxonomy_resolve(taxonomy, cases[i].id, cases[i].depth, &result);
        if (status != cases[i].status || result != cases[i].result)
            fail_msg("%u at %u: status %d, result %u: %s", cases[i].id, cases[i].depth, (int)status, result,
                     cases[i].why);
    }
    taxonomy_free(taxonomy);
}

static void taxonomy_knows_parents_tiers_and_names(void **state)
{
    (void)state;
    struct taxonomy *taxonomy = read_text(small);
    assert_non_null(taxonomy);
    assert_int_equal(taxonomy_publishable_parent(taxonomy, 215), 207);
    assert_int_equal(taxonomy_publishable_parent(taxonomy, 207), 0); /* the root may not be published */
    assert_int_equal(taxonomy_publishable_parent(taxonomy, 220), 0); /* nor a sensitive row */
    assert_int_equal(taxonomy_publishable_parent(taxonomy, 206), 0);
    assert_int_equal(taxonomy_publishable_parent(taxonomy, 65536), 0);
    assert_int_equal(taxonomy_tier(taxonomy, 216), 4);
    assert_int_equal(taxonomy_tier(taxonomy, 3), 0);
    assert_true(view_equal_string(taxonomy_name(taxonomy, 207), "Academic Interests"));
    assert_true(view_is_absent(taxonomy_name(taxonomy, 3)));
    taxonomy_free(taxonomy);
}

static void taxonomy_row_without_a_parent_is_published_from_its_own_tier_on(void **state)
{
    (void)state;
    unsigned id = 0;
    struct taxonomy *taxonomy = read_text("324\t0\t2\tpublishable\tMovies\n325\t324\t3\tpublishable\tx\n");
    assert_non_null(taxonomy);
    assert_int_equal(taxonomy_resolve(taxonomy, 325, 2, &id), TAXONOMY_PUBLISHABLE);
    assert_int_equal(id, 324);
    assert_int_equal(taxonomy_resolve(taxonomy, 325, 1, &id), TAXONOMY_REFUSED);
    assert_int_equal(taxonomy_resolve(taxonomy, 324, 1, &id), TAXONOMY_REFUSED);
    assert_int_equal(taxonomy_publishable_parent(taxonomy, 324), 0);
    taxonomy_free(taxonomy);
}

static void taxonomy_names_the_place_of_each_mistake(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned line, column;
        const char *word;
    } cases[] = {
        {"", 0, 0, "no rows"},
        {"# only a comment\n", 0, 0, "no rows"},
        {"1\t0\t1\trefused\n", 1, 0, "five fields"},
        {"1\t0\t1\trefused\tx\ty\n", 1, 0, "five fields"},
        {"0\t0\t1\trefused\tx\n", 1, 1, "no identifier"},
        {"65536\t0\t1\trefused\tx\n", 1, 1, "no identifier"},
        {"01\t0\t1\trefused\tx\n", 1, 1, "no identifier"},
        {"1\t\t1\trefused\tx\n", 1, 3, "neither"},
        {"1\t-1\t1\trefused\tx\n", 1, 3, "neither"},
        {"1\t0\t0\trefused\tx\n", 1, 5, "no tier"},
        {"1\t0\t11\trefused\tx\n", 1, 5, "no tier"},
        {"1\t0\t1\tPublishable\tx\n", 1, 7, "none of publishable"},
        {"1\t0\t1\t\tx\n", 1, 7, "none of publishable"},
        {"1\t0\t1\trefused\t\n", 1, 15, "a name of"},
        {"1\t0\t1\trefused\tx\n1\t0\t1\trefused\tx\n", 2, 1, "line 1 already"},
        {"2\t1\t2\trefused\tx\n", 1, 0, "not there"},
        {"1\t0\t1\trefused\tx\n2\t1\t1\tpublishable\tx\n", 2, 0, "parent has tier 1"},
        {"1\t0\t3\trefused\tx\n2\t1\t2\tpublishable\tx\n", 2, 0, "parent has tier 3"},
        {"1\t1\t1\tpublishable\tx\n", 1, 0, "parent has tier 1"},
        {"1\t2\t3\tpublishable\tx\n2\t1\t4\tpublishable\tx\n", 1, 0, "parent has tier 4"},
        {"1\t0\t1\trefused\tx\001y\n", 1, 16, "control character"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_null(read_text(cases[i].text));
        if (mistakes.count != 1 || mistakes.items[0].line != cases[i].line ||
            mistakes.items[0].column != cases[i].column ||
            strstr(mistakes.items[0].text, cases[i].word) == NULL)
            fail_msg("case %zu: %u mistakes, %u:%u: %s", i, mistakes.count, mistakes.items[0].line,
                     mistakes.items[0].column, mistakes.items[0].text);
    }
}

static void taxonomy_reports_all_mistakes_in_one_run(void **state)
{
    (void)state;
    assert_null(read_text("x\t0\t1\trefused\tx\ny\t0\t1\trefused\tx\n3\t0\t1\tgood\tx\n"));
    assert_int_equal(mistakes.count, 3);
}

static void taxonomy_name_holds_at_its_bound_and_breaks_one_past(void **state)
{
    (void)state;
    char text[TAXONOMY_NAME_SIZE_MAX + 32] = "1\t0\t1\trefused\t";
    size_t start = strlen(text);
    memset(text + start, 'n', TAXONOMY_NAME_SIZE_MAX);
    text[start + TAXONOMY_NAME_SIZE_MAX] = '\0';
    struct taxonomy *taxonomy = read_text(text);
    assert_non_null(taxonomy);
    taxonomy_free(taxonomy);
    text[start + TAXONOMY_NAME_SIZE_MAX] = 'n';
    text[start + TAXONOMY_NAME_SIZE_MAX + 1] = '\0';
    assert_null(read_text(text));
}

static void taxonomy_that_the_product_ships_loads(void **state)
{
    (void)state;
    char path[FILE_PATH_SIZE];
    struct view bytes;
    unsigned result;
    assert_true(file_find_data("config/rules/audience-taxonomy-1.1.tsv", path, &error));
    assert_true(file_read(path, 1 << 20, &bytes, &error));
    memset(&mistakes, 0, sizeof(mistakes));
    struct taxonomy *taxonomy = taxonomy_new(path, bytes, &mistakes, &error);
    file_free(bytes);
    if (taxonomy == NULL)
        fail_msg("line %u: %s", mistakes.items[0].line, mistakes.items[0].text);
    assert_int_equal(taxonomy_resolve(taxonomy, 216, 2, &result), TAXONOMY_PUBLISHABLE);
    assert_int_equal(result, 207);
    assert_int_equal(taxonomy_resolve(taxonomy, 10, 2, &result), TAXONOMY_REFUSED);    /* Demographic */
    assert_int_equal(taxonomy_resolve(taxonomy, 219, 2, &result), TAXONOMY_SENSITIVE); /* medicine */
    taxonomy_free(taxonomy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(taxonomy_rolls_up_to_the_depth),
        cmocka_unit_test(taxonomy_knows_parents_tiers_and_names),
        cmocka_unit_test(taxonomy_row_without_a_parent_is_published_from_its_own_tier_on),
        cmocka_unit_test(taxonomy_names_the_place_of_each_mistake),
        cmocka_unit_test(taxonomy_reports_all_mistakes_in_one_run),
        cmocka_unit_test(taxonomy_name_holds_at_its_bound_and_breaks_one_past),
        cmocka_unit_test(taxonomy_that_the_product_ships_loads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
