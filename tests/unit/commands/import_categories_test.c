#include "commands/import_categories.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct mistakes mistakes;

static struct import_mapping *read_kind(enum import_mapping_kind kind, const char *text)
{
    struct error error = {0};
    memset(&mistakes, 0, sizeof mistakes);
    return import_mapping_new(kind, "map.tsv", view_of_string(text), &mistakes, &error);
}

static void mapping_names_the_place_of_each_mistake(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned line, column;
        const char *word, *why;
    } cases[] = {
        {"News\n", 1, 1, "two fields", "no tab"},
        {"News 607\n", 1, 1, "two fields", "a space for a tab"},
        {"\tnone\n", 1, 1, "two fields", "no category"},
        {"News\tnone\tnote\tmore\n", 1, 1, "two fields", "four fields"},
        {"News\t\n", 1, 6, "neither", "no interests"},
        {"News\tNone\n", 1, 6, "neither", "case"},
        {"News\tdeny,607\n", 1, 6, "neither", "deny stands alone"},
        {"News\t607,none\n", 1, 10, "neither", "none stands alone"},
        {"News\t607,,581\n", 1, 10, "neither", "an empty one"},
        {"News\t607, 581\n", 1, 10, "neither", "a blank"},
        {"News\t0\n", 1, 6, "neither", "below the lowest"},
        {"News\t65536\n", 1, 6, "neither", "above the highest"},
        {"News\t607,607\n", 1, 10, "twice", "twice"},
        {"News\t1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17\n", 1, 45, "more interests", "one more than fit"},
        {"# head\nNews\t607\n\nNews\tdeny\n", 4, 1, "line 2 already", "the same category again"},
        {"News\t607\001\n", 1, 9, "control character", "a control character"},
        {"Ne\xffws\t607\n", 1, 0, "not UTF-8", "another encoding"},
        {"\xff\xfeN\n", 1, 0, "not UTF-8", "UTF-16"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (read_kind(IMPORT_MAPPING_RULES, cases[i].text) != NULL)
            fail_msg("%s: was read", cases[i].why);
        if (mistakes.count != 1 || mistakes.items[0].line != cases[i].line ||
            mistakes.items[0].column != cases[i].column || !strstr(mistakes.items[0].text, cases[i].word))
            fail_msg("%s: %u mistakes, %u:%u %s", cases[i].why, mistakes.count, mistakes.items[0].line,
                     mistakes.items[0].column, mistakes.items[0].text);
    }
}

static void mapping_is_exact_and_notes_what_was_asked_for(void **state)
{
    (void)state;
    struct view category;
    bool used;
    struct import_mapping *mapping =
        read_kind(IMPORT_MAPPING_RULES,
                  "\xef\xbb\xbf# source: x\nNews\t607,581\ta note\r\nArts, fine\tnone\nSex\tdeny");
    assert_non_null(mapping);
    const struct import_outcome *outcome = import_mapping_find(mapping, VIEW("News"));
    assert_int_equal(outcome->verdict, IMPORT_VERDICT_INTERESTS);
    assert_int_equal(outcome->interest_count, 2);
    assert_int_equal(outcome->interests[0], 607);
    assert_int_equal(import_mapping_find(mapping, VIEW("Sex"))->verdict, IMPORT_VERDICT_DENY);
    assert_null(import_mapping_find(mapping, VIEW("news")));
    assert_null(import_mapping_find(mapping, VIEW("News ")));
    assert_null(import_mapping_find(mapping, VIEW("")));
    assert_true(import_mapping_has(mapping, VIEW("Arts, fine")));
    assert_true(import_mapping_at(mapping, 0, &category, &used) && used);
    assert_true(import_mapping_at(mapping, 1, &category, &used) && !used);
    assert_true(view_equal_string(category, "Arts, fine"));
    assert_false(import_mapping_at(mapping, 3, &category, &used));
    import_mapping_free(mapping);
}

static void mapping_of_a_taxonomy_has_words_of_its_own(void **state)
{
    (void)state;
    struct import_mapping *mapping =
        read_kind(IMPORT_MAPPING_TAXONOMY, "Interest | A\tpublishable\n2\tnone\n3\tdeny\n");
    assert_non_null(mapping);
    assert_int_equal(import_mapping_find(mapping, VIEW("Interest | A"))->verdict, IMPORT_VERDICT_INTERESTS);
    import_mapping_free(mapping);
    static const char *const wrong[] = {"1\t607\n", "1\trefused\n", "1\tPublishable\n", "1\t\n"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_null(read_kind(IMPORT_MAPPING_TAXONOMY, wrong[i]));
        assert_int_equal(mistakes.items[0].column, 3);
    }
    assert_null(read_kind(IMPORT_MAPPING_RULES, "1\tpublishable\n"));
}

static enum import_verdict verdict_of(struct import_categories *categories, const char *text,
                                      unsigned *out_number)
{
    struct error error = {0};
    assert_true(import_categories_take(categories, view_of_string(text), out_number, &error));
    return import_categories_at(categories, *out_number)->outcome.verdict;
}

/* A row with several categories: a deny wins, then what is not known, then none. */
static void categories_of_a_list_come_to_one_outcome(void **state)
{
    (void)state;
    struct error error = {0};
    static const struct {
        const char *text;
        enum import_verdict verdict;
        unsigned interests;
        const char *missing, *why;
    } cases[] = {
        {"", IMPORT_VERDICT_NONE, 0, NULL, "deliberately nothing"},
        {"sport", IMPORT_VERDICT_INTERESTS, 1, NULL, "one"},
        {"sport,games", IMPORT_VERDICT_INTERESTS, 2, NULL, "joined, each interest once"},
        {"sport,mail", IMPORT_VERDICT_NONE, 0, NULL, "none wins over interests"},
        {"mail,sex,sport", IMPORT_VERDICT_DENY, 0, NULL, "deny wins over all"},
        {"sex,unheard", IMPORT_VERDICT_DENY, 0, NULL, "also over what is not known"},
        {"unheard,sex", IMPORT_VERDICT_DENY, 0, NULL, "whatever the order"},
        {"sport,unheard", IMPORT_VERDICT_UNKNOWN, 0, "unheard", "what is not known leaves the row out"},
        {"other,unheard", IMPORT_VERDICT_UNKNOWN, 0, "other", "the first is named"},
        {"sport,", IMPORT_VERDICT_UNKNOWN, 0, "sport,", "an empty one among them"},
        {",", IMPORT_VERDICT_UNKNOWN, 0, ",", "only empty ones"},
        {"arts, fine", IMPORT_VERDICT_INTERESTS, 1, NULL,
         "a name with a comma, which the mapping has as a whole"},
    };
    struct import_mapping *mapping = read_kind(
        IMPORT_MAPPING_RULES, "sport\t607\ngames\t733,607\nmail\tnone\nsex\tdeny\narts, fine\t359\n");
    struct import_categories *categories = import_categories_new(mapping, true, &error);
    assert_non_null(categories);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned number;
        if (verdict_of(categories, cases[i].text, &number) != cases[i].verdict)
            fail_msg("%s", cases[i].why);
        const struct import_category *category = import_categories_at(categories, number);
        if (category->outcome.interest_count != cases[i].interests)
            fail_msg("%s: %u interests", cases[i].why, category->outcome.interest_count);
        if (cases[i].missing &&
            !view_equal_string(import_categories_at(categories, category->missing)->text, cases[i].missing))
            fail_msg("%s: another is missing", cases[i].why);
    }
    import_categories_free(categories);
    import_mapping_free(mapping);
}

static void categories_without_a_mapping_are_words_of_rule_files(void **state)
{
    (void)state;
    struct error error = {0};
    struct import_categories *categories = import_categories_new(NULL, false, &error);
    unsigned number;
    assert_non_null(categories);
    assert_int_equal(verdict_of(categories, "607,733", &number), IMPORT_VERDICT_INTERESTS);
    assert_int_equal(import_categories_at(categories, number)->outcome.interest_count, 2);
    assert_int_equal(verdict_of(categories, "none", &number), IMPORT_VERDICT_NONE);
    assert_int_equal(verdict_of(categories, "deny", &number), IMPORT_VERDICT_DENY);
    static const char *const wrong[] = {"Deny", "News", "607,607", "607,deny", "0", "65536", ""};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (verdict_of(categories, wrong[i], &number) != IMPORT_VERDICT_UNKNOWN)
            fail_msg("%s", wrong[i]);
    }
    import_categories_free(categories);
}

static void categories_have_a_bound(void **state)
{
    (void)state;
    struct error error = {0};
    struct import_categories *categories = import_categories_new(NULL, false, &error);
    unsigned number = 0;
    char text[16];
    assert_non_null(categories);
    for (unsigned i = 0; i < IMPORT_CATEGORIES_MAX; i++) {
        snprintf(text, sizeof text, "c%u", i);
        assert_true(import_categories_take(categories, view_of_string(text), &number, &error));
        assert_int_equal(number, i);
    }
    assert_true(import_categories_take(categories, VIEW("c7"), &number, &error));
    assert_int_equal(number, 7);
    assert_false(import_categories_take(categories, VIEW("one more"), &number, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_DATA);
    assert_int_equal(import_categories_count(categories), IMPORT_CATEGORIES_MAX);
    import_categories_free(categories);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mapping_names_the_place_of_each_mistake),
        cmocka_unit_test(mapping_is_exact_and_notes_what_was_asked_for),
        cmocka_unit_test(mapping_of_a_taxonomy_has_words_of_its_own),
        cmocka_unit_test(categories_of_a_list_come_to_one_outcome),
        cmocka_unit_test(categories_without_a_mapping_are_words_of_rule_files),
        cmocka_unit_test(categories_have_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
