/* Which part of the chain runs, and whose sections it needs. */
#include "tests/unit/common/config_rig.h"

static void stages_are_a_contiguous_part_of_the_chain_in_its_order(void **state)
{
    struct fixture *fixture = *state;
    static const char sections[] = "programmes: [programmes/tmobile.yaml]\nsubscriber: {kind: e164}\n"
                                   "pseudonymize: {key: k}\nclassify: {hosts: h, apps: a}\n"
                                   "publish: {key: k, provider: a.example, feeds: []}\n";
    static const struct {
        const char *list, *report;
        unsigned first, last;
    } cases[] = {
        {"[consent]", "", 0, 0},
        {"[publish]", "", 3, 3},
        {"[pseudonymize, classify]", "", 1, 2},
        {"[consent, pseudonymize, classify, publish]", "", 0, 3},
        {"[consent, publish]",
         "6:19: error: stages: 'publish' does not follow 'consent'; 'pseudonymize' is between", 0, 0},
        {"[classify, pseudonymize]",
         "6:20: error: stages: 'pseudonymize' comes before 'classify' in the chain", 0, 0},
        {"[publish, consent]", "6:19: error: stages: 'consent' comes before 'publish'", 0, 0},
        {"[consent, pseudonymise]",
         "6:19: error: stages: 'pseudonymise' is not a stage; did you mean 'pseudonymize'?", 0, 0},
        {"[filter]",
         "6:10: error: stages: 'filter' is not a stage (the chain is consent, pseudonymize, classify, "
         "publish)",
         0, 0},
        {"[consent, consent]", "6:19: error: stages: 'consent' is in the list twice", 0, 0},
        {"[]", "6:9: error: 'stages' needs at least 1, has 0", 0, 0},
        {"consent", "6:9: error: 'stages' must be a list, not a single value", 0, 0},
        {"[[consent]]", "6:10: error: 'stages' must be a single value, not a list", 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[1024], place[256];
        snprintf(text, sizeof text, "%sstages: %s\n", sections, cases[i].list);
        struct config *config = load(fixture, text);
        snprintf(place, sizeof place, "pipeline.yaml:%s", cases[i].report);
        if (cases[i].report[0]) {
            assert_null(config);
            if (strncmp(fixture->report, place, strlen(place)) != 0)
                fail_msg("%s: %s", cases[i].list, fixture->report);
            continue;
        }
        if (!config)
            fail_msg("%s: %s", cases[i].list, fixture->report);
        assert_int_equal(config->first_stage, cases[i].first);
        assert_int_equal(config->last_stage, cases[i].last);
        config_free(config);
    }
}

static void without_a_list_all_stages_run_and_need_their_sections(void **state)
{
    struct fixture *fixture = *state;
    assert_null(load(fixture, "programmes: [programmes/tmobile.yaml]\nsubscriber: {kind: e164}\n"));
    assert_reported(fixture,
                    "pipeline.yaml:1:1: error: 'pseudonymize.key' is missing; it is required: A key.");
    assert_reported(fixture, "error: 'classify.hosts' is missing");
    assert_reported(fixture, "error: 'publish.feeds' is missing");
    assert_int_equal(line_count(fixture->report), 6);
}

static void a_section_that_a_stage_lacks_is_missed_where_the_stage_is_named(void **state)
{
    struct fixture *fixture = *state;
    assert_null(load(fixture, "programmes: [programmes/tmobile.yaml]\nsubscriber: {kind: e164}\n"
                              "stages: [consent, pseudonymize]\n"));
    assert_string_equal(fixture->report,
                        "pipeline.yaml:3:19: error: 'pseudonymize.key' is missing; it is required: A key.\n");
}

static void a_section_of_a_stage_that_does_not_run_is_linted_all_the_same(void **state)
{
    struct fixture *fixture = *state;
    report_with(fixture, "publish: {key: k, provider: ads.example, k: many, feeds: []}\n");
    assert_string_equal(fixture->report, "pipeline.yaml:4:45: error: k: 'many' is not a whole number\n");
    report_with(fixture,
                "publish: {key: k, provider: ads.example, feeds: [{advertiser: a, programme: b, kind: "
                "interests, topic: t}]}\n");
    assert_string_equal(fixture->report, "pipeline.yaml:4:77: error: feeds: no such programme\n");
    report_with(fixture, "classify: {}\n");
    assert_int_equal(line_count(fixture->report), 2);
}

static void who_seals_or_opens_named_fields_needs_their_key(void **state)
{
    struct fixture *fixture = *state;
    static const char other[] = "programme: enhanced\nregime: opt_in\nbrands: [b]\nkinds: [detailed]\n"
                                "fields: [region]\n";
    static const char words[] =
        "programmes/other.yaml:5:9: error: programme 'enhanced' names fields, which travel "
        "sealed: name their key in named_fields.key\n";
    static const struct {
        const char *stages, *key;
        bool missed;
    } cases[] = {
        {"[consent, pseudonymize, classify, publish]", "", true},
        {"[pseudonymize]", "", true},
        {"[classify, publish]", "", true},
        {"[consent]", "", false},
        {"[classify]", "", false},
        {"[consent, pseudonymize, classify, publish]", "named_fields: {key: fields.key}\n", false},
        {"[publish]", "named_fields: {key: 'credential:fields'}\n", false},
    };
    write_file(fixture, "programmes/other.yaml", other, sizeof other - 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[1024];
        snprintf(text, sizeof text,
                 "programmes: [programmes/tmobile.yaml, programmes/other.yaml]\nsubscriber: {kind: e164}\n"
                 "pseudonymize: {key: k}\nclassify: {hosts: h, apps: a}\n"
                 "publish: {key: k, provider: a.example, feeds: []}\nstages: %s\n%s",
                 cases[i].stages, cases[i].key);
        struct config *config = load(fixture, text);
        if (!config != cases[i].missed || strcmp(fixture->report, cases[i].missed ? words : "") != 0)
            fail_msg("%s %s: %s", cases[i].stages, cases[i].key, fixture->report);
        config_free(config);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(stages_are_a_contiguous_part_of_the_chain_in_its_order, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(without_a_list_all_stages_run_and_need_their_sections, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_section_that_a_stage_lacks_is_missed_where_the_stage_is_named,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(who_seals_or_opens_named_fields_needs_their_key, setup, teardown),
        cmocka_unit_test_setup_teardown(a_section_of_a_stage_that_does_not_run_is_linted_all_the_same, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
