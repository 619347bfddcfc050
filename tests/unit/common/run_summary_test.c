#include "common/run_summary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <yyjson.h>

#include <cmocka.h>

static const struct reason first_reasons[] = {{"too_late", "came too late"}, {"said_no", "said \"no\""}};
static const struct reason second_reasons[] = {{"no_interest", "nothing"}, {"too_late", "too late here too"}};
static const struct stage first = {.name = "first", .reasons = first_reasons, .reason_count = 2};
static const struct stage second = {.name = "second", .reasons = second_reasons, .reason_count = 2};
static const struct stage *const stages[] = {&first, &second, NULL};

static const struct config config = {
    .stages = stages,
    .first_stage = 0,
    .last_stage = 1,
    .topics = {.dead_letters = VIEW("dead"), .state = VIEW("state")},
};

static struct run_summary summary;

static void count_a_day(void)
{
    run_summary_init(&summary, &config);
    run_summary_count(&summary, "input", VERDICT_PASS, "", 90);
    run_summary_count(&summary, "input", VERDICT_REJECT, "not_json", 10);
    run_summary_count(&summary, "first", VERDICT_PASS, "", 60);
    run_summary_count(&summary, "first", VERDICT_DROP, "said_no", 25);
    run_summary_count(&summary, "first", VERDICT_DROP, "too_late", 5);
    run_summary_count(&summary, "second", VERDICT_PASS, "", 40);
    run_summary_count(&summary, "second", VERDICT_DROP, "too_late", 2);
    run_summary_count(&summary, "second", VERDICT_DROP, "no_interest", 17);
    run_summary_count(&summary, "second", VERDICT_REJECT, "no_interest", 1);
    run_summary_output(&summary, &(struct output){.topic = TOPIC_DEAD_LETTERS, .value = VIEW("x")});
    run_summary_output(&summary, &(struct output){.topic = TOPIC_STATE, .value = VIEW("x")});
    run_summary_output(&summary, &(struct output){.topic = TOPIC_STATE});
}

static void run_summary_adds_up_to_what_came_in(void **state)
{
    (void)state;
    count_a_day();
    assert_true(run_summary_close(&summary));
    assert_int_equal(summary.in, 100);
    assert_int_equal(summary.kept, 40);
    assert_int_equal(summary.dropped, 49);
    assert_int_equal(summary.dead_letters, 11);
    char note[RUN_SUMMARY_NOTE_SIZE];
    assert_false(run_summary_note(&summary, note));
}

static void run_summary_sees_when_a_record_is_missing(void **state)
{
    (void)state;
    count_a_day();
    run_summary_count(&summary, "input", VERDICT_PASS, "", 1);
    assert_false(run_summary_close(&summary));
}

static void run_summary_adds_the_counters_of_several_workers(void **state)
{
    (void)state;
    count_a_day();
    run_summary_count(&summary, "input", VERDICT_PASS, "", 3);
    run_summary_count(&summary, "first", VERDICT_DROP, "said_no", 3);
    assert_true(run_summary_close(&summary));
    assert_int_equal(summary.in, 103);
    assert_int_equal(summary.dropped, 52);
}

static uint64_t number_at(yyjson_mut_doc *json, const char *pointer)
{
    yyjson_mut_val *value = yyjson_mut_doc_ptr_get(json, pointer);
    if (!value)
        fail_msg("nothing at %s", pointer);
    return yyjson_mut_get_uint(value);
}

static void run_summary_names_every_counter_in_json(void **state)
{
    (void)state;
    count_a_day();
    assert_true(run_summary_close(&summary));
    yyjson_mut_doc *json = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = run_summary_json(&summary, json);
    assert_non_null(root);
    yyjson_mut_doc_set_root(json, root);
    assert_int_equal(number_at(json, "/in"), 100);
    assert_int_equal(number_at(json, "/kept"), 40);
    assert_int_equal(number_at(json, "/dropped/said_no"), 25);
    assert_int_equal(number_at(json, "/dropped/too_late"), 7); /* of two stages */
    assert_int_equal(number_at(json, "/dropped/no_interest"), 17);
    assert_int_equal(number_at(json, "/dead_letters/no_interest"), 1);
    assert_int_equal(number_at(json, "/dead_letters/not_json"), 10);
    assert_int_equal(yyjson_mut_obj_size(yyjson_mut_obj_get(root, "dropped")), 3);
    assert_int_equal(yyjson_mut_obj_size(yyjson_mut_obj_get(root, "dead_letters")), 2);
    assert_int_equal(number_at(json, "/out/dead"), 1);
    assert_int_equal(number_at(json, "/out/state"), 2);
    assert_int_equal(number_at(json, "/tombstones/state"), 1);
    assert_int_equal(number_at(json, "/stages/1/in"), 90);
    assert_int_equal(number_at(json, "/stages/1/dropped/too_late"), 5);
    assert_int_equal(number_at(json, "/stages/2/passed"), 40);
    assert_int_equal(yyjson_mut_arr_size(yyjson_mut_obj_get(root, "notes")), 0);
    yyjson_mut_doc_free(json);
}

static char *text_of(void)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    run_summary_write_text(&summary, out);
    fclose(out);
    return text;
}

static void run_summary_counts_by_programme(void **state)
{
    (void)state;
    struct programme programmes[2] = {{.name = {"basic", 5}}, {.name = {"plus", 4}}};
    struct config two = config;
    two.programmes = (struct option_list){.items = programmes, .count = 2};
    run_summary_init(&summary, &two);
    assert_true(run_summary_close(&summary));
    yyjson_mut_doc *json = yyjson_mut_doc_new(NULL);
    assert_null(
        yyjson_mut_obj_get(run_summary_json(&summary, json), "programmes")); /* nobody decided by programme */

    static const char no[] = "said_no", late[] = "too_late";
    run_summary_programme(&summary, 0, NULL, 7);
    run_summary_programme(&summary, 1, NULL, 0);
    run_summary_programme(&summary, 1, no, 4);
    run_summary_programme(&summary, 1, late, 2);
    run_summary_programme(&summary, 1, no, 1); /* of another worker */
    yyjson_mut_doc_set_root(json, run_summary_json(&summary, json));
    assert_int_equal(number_at(json, "/programmes/basic/kept"), 7);
    assert_int_equal(yyjson_mut_obj_size(yyjson_mut_doc_ptr_get(json, "/programmes/basic/denied")), 0);
    assert_int_equal(number_at(json, "/programmes/plus/kept"), 0);
    assert_int_equal(number_at(json, "/programmes/plus/denied/said_no"), 5);
    assert_int_equal(number_at(json, "/programmes/plus/denied/too_late"), 2);
    yyjson_mut_doc_free(json);
}

static void run_summary_says_in_words_when_one_reason_denies_nearly_all(void **state)
{
    (void)state;
    static const struct {
        uint64_t passed, said_no;
        bool noted;
        const char *why;
    } cases[] = {
        {10, 90, false, "just 90 %"},
        {9, 91, true, "above it"},
        {0, 10, true, "all of ten"},
        {0, 9, false, "too few to say"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        run_summary_init(&summary, &config);
        run_summary_count(&summary, "input", VERDICT_PASS, "", cases[i].passed + cases[i].said_no);
        run_summary_count(&summary, "first", VERDICT_PASS, "", cases[i].passed);
        run_summary_count(&summary, "first", VERDICT_DROP, "said_no", cases[i].said_no);
        run_summary_count(&summary, "second", VERDICT_PASS, "", cases[i].passed);
        assert_true(run_summary_close(&summary));
        char note[RUN_SUMMARY_NOTE_SIZE];
        if (run_summary_note(&summary, note) != cases[i].noted)
            fail_msg("%s", cases[i].why);
        char *text = text_of();
        assert_int_equal(strstr(text, "denies") != NULL, cases[i].noted);
        free(text);
    }
}

static void run_summary_writes_columns_for_people(void **state)
{
    (void)state;
    count_a_day();
    run_summary_count(&summary, "input", VERDICT_PASS, "", 1234567);
    run_summary_count(&summary, "first", VERDICT_DROP, "said_no", 1234567);
    assert_true(run_summary_close(&summary));
    char *text = text_of();
    assert_non_null(strstr(text, "in 1,234,667 = kept 40 + dropped 1,234,616 + dead letters 11\n"));
    assert_non_null(strstr(text, "said \"no\""));
    free(text);
}

static void run_summary_of_nothing_is_all_zeros(void **state)
{
    (void)state;
    run_summary_init(&summary, &config);
    assert_true(run_summary_close(&summary));
    char *text = text_of();
    assert_non_null(strstr(text, "in 0 = kept 0 + dropped 0 + dead letters 0\n"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(run_summary_adds_up_to_what_came_in),
        cmocka_unit_test(run_summary_sees_when_a_record_is_missing),
        cmocka_unit_test(run_summary_adds_the_counters_of_several_workers),
        cmocka_unit_test(run_summary_names_every_counter_in_json),
        cmocka_unit_test(run_summary_counts_by_programme),
        cmocka_unit_test(run_summary_says_in_words_when_one_reason_denies_nearly_all),
        cmocka_unit_test(run_summary_writes_columns_for_people),
        cmocka_unit_test(run_summary_of_nothing_is_all_zeros),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
