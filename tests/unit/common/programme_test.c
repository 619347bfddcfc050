/* A programme's file: its table and the checks that need more than one option. */
#include "common/programme.h"
#include "common/record.h"

#include "common/document.h"
#include "common/lint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    struct arena arena;
    struct lint lint;
    struct programme programme;
    char *report;
};

static int setup(void **state)
{
    static struct fixture fixture;
    struct error error;
    fixture = (struct fixture){0};
    assert_true(arena_init(&fixture.arena, 64 * 1024, 1024 * 1024, &error));
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    free(fixture->report);
    arena_release(&fixture->arena);
    return 0;
}

static const char *lint(struct fixture *fixture, const char *yaml)
{
    arena_reset(&fixture->arena);
    lint_init(&fixture->lint, &fixture->arena);
    fixture->programme = (struct programme){0};
    struct document_node *root =
        document_parse(view_of_string(yaml), (struct option_place){"p", 1, 1}, &fixture->lint);
    assert_non_null(root);
    assert_true(option_fill(&programme_option_table, root, &fixture->programme, "p", &fixture->lint));
    option_check_all(&fixture->lint);
    free(fixture->report);
    fixture->report = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&fixture->report, &size);
    lint_write(&fixture->lint, out);
    fclose(out);
    return fixture->report;
}

static void what_a_programme_does_not_say_is_the_careful_answer(void **state)
{
    struct fixture *fixture = *state;
    const struct programme *programme = &fixture->programme;
    assert_string_equal(lint(fixture, "programme: p\nregime: opt_in\nbrands: [b]\n"), "");
    assert_true(view_equal_string(programme->name, "p"));
    assert_int_equal(programme->regime, REGIME_OPT_IN);
    assert_int_equal(programme->regions.count, 0);
    assert_true(view_is_absent(programme->region_default)); /* the strictest regime */
    assert_true(programme->from_day == OPTION_DATE_UNSET && programme->until_day == OPTION_DATE_UNSET);
    assert_true(view_equal_string(programme->timezone, "UTC"));
    assert_int_equal(programme->data.count, 3);
    assert_int_equal(((const int *)programme->data.items)[2], PROGRAMME_DATA_APP_INSTALL);
    assert_int_equal(programme_event_types(programme), 1u << EVENT_BROWSE | 1u << EVENT_APP_USE |
                                                           1u << EVENT_APP_INSTALL | 1u << EVENT_APP_REMOVE);
    assert_int_equal(programme->exclude.under_age, 18);
    assert_int_equal(programme->exclude.plans.count, 2);
    assert_int_equal(programme->unknown_age, UNKNOWN_AGE_ALLOW);
    assert_int_equal(programme->kinds.count, 1);
    assert_int_equal(((const int *)programme->kinds.items)[0], FEED_KIND_INTERESTS);
    assert_int_equal(programme->in_by.count, 2);
    assert_int_equal(((const int *)programme->in_by.items)[1], 2);
    assert_int_equal(programme->predecessors.count, 0);
    assert_string_equal(programme->place.file, "p");
    assert_int_equal(programme->place.column, 12);
}

static void every_field_can_be_said(void **state)
{
    struct fixture *fixture = *state;
    const struct programme *programme = &fixture->programme;
    assert_string_equal(lint(fixture, "programme: plus\n"
                                      "regime: opt_in\n"
                                      "regions: {US-ME: off, US-CA: opt_in}\n"
                                      "region_default: US-NY\n"
                                      "brands: [a, b]\n"
                                      "from: 2021-04-26\n"
                                      "until: 2021-04-27\n"
                                      "timezone: UTC\n"
                                      "data: [app_use]\n"
                                      "exclude: {plans: [], under_age: 0}\n"
                                      "unknown_age: deny\n"
                                      "kinds: [interests, detailed]\n"
                                      "predecessors: [basic, older]\n"
                                      "in_by: [account]\n"
                                      "fields: [region, age_band]\n"),
                        "");
    assert_int_equal(((const struct option_enum_pair *)programme->regions.items)[0].value, REGIME_OFF);
    assert_int_equal(programme->until_day - programme->from_day, 1);
    assert_int_equal(((const int *)programme->data.items)[0], PROGRAMME_DATA_APP_USE);
    assert_int_equal(programme_event_types(programme), 1u << EVENT_APP_USE | 1u << EVENT_APP_REMOVE);
    assert_int_equal(programme->exclude.plans.count, 0);
    assert_true(programme->exclude.plans.set);
    assert_int_equal(programme->exclude.under_age, 0);
    assert_int_equal(programme->unknown_age, UNKNOWN_AGE_DENY);
    assert_int_equal(((const int *)programme->kinds.items)[1], FEED_KIND_DETAILED);
    assert_int_equal(programme->predecessors.count, 2);
    assert_int_equal(((const int *)programme->in_by.items)[0], 2);
    assert_int_equal(programme->fields.count, 2);
}

static void names_have_1_to_32_characters_of_a_small_alphabet(void **state)
{
    struct fixture *fixture = *state;
    assert_string_equal(
        lint(fixture, "programme: abcdefghijklmnopqrstuvwxyz0123-_\nregime: off\nbrands: [b]\n"), "");
    assert_non_null(
        strstr(lint(fixture, "programme: abcdefghijklmnopqrstuvwxyz0123-_x\nregime: off\nbrands: [b]\n"),
               "p:1:12: error: programme: "));
    assert_non_null(strstr(lint(fixture, "programme: T-Mobile\nregime: off\nbrands: [b]\n"), "lower-case"));
    assert_non_null(strstr(lint(fixture, "programme: '*'\nregime: off\nbrands: [b]\n"), "lower-case"));
}

#define OUT "programme: p\nregime: opt_out\nbrands: [b]\n"
#define IN  "programme: p\nregime: opt_in\nbrands: [b]\n"

static void contradictions_are_told_with_their_place(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *yaml, *report, *why;
    } cases[] = {
        {OUT "regions: {US-ME: opt_in}\n", "", "as every opt_out preset"},
        {OUT, "p:2:9: warning: regions lacks US-ME: opt_in", "Maine"},
        {OUT "regions: {US-ME: off}\n", "", "off is stricter than opt_in"},
        {OUT "regions: {US-ME: opt_out}\n", "p:4:18: warning: Maine's law", "Maine enrolled unasked"},
        {IN "from: 2021-04-26\nuntil: 2021-04-26\n", "p:5:8: error: until must be after from",
         "no day at all"},
        {IN "from: 2021-04-26\nuntil: 2021-04-25\n", "p:5:8: error: until must be after from",
         "ends before it begins"},
        {IN "from: 2021-04-26\nuntil: 2021-04-27\n", "", "one day"},
        {IN "until: 2021-04-25\n", "", "no beginning"},
        {OUT "regions: {US-ME: opt_in}\nkinds: [detailed]\n",
         "p:5:8: error: kinds: detailed is allowed only under", "detailed without being asked"},
        {IN "kinds: [detailed]\n", "", "detailed after being asked"},
        {IN "kinds: [detailed]\nregions: {US-CA: opt_out}\n", "p:5:18: error: regions: US-CA is opt_out, but",
         "a region where nobody is asked"},
        {IN "kinds: [detailed]\nfields: [regoin]\n",
         "p:5:10: error: fields: 'regoin' is not one of advertising_id, region, age_band; did you mean "
         "'region'?",
         "a field that there is not"},
        {IN "kinds: [detailed]\nfields: [region, region]\n",
         "p:5:18: error: fields: 'region' is in the list twice", "a field twice"},
        {IN "fields: [region]\n", "p:4:9: error: fields are for detailed feeds",
         "fields that no feed can show"},
        {IN "predecessors: [q, p]\n", "p:4:19: error: predecessors: a programme can't be its own", "itself"},
        {IN "in_by: [device]\n", "p:4:9: error: in_by: 'device' is not one of line, account",
         "a device gives no in"},
        {IN "in_by: []\n", "p:4:8: error: 'in_by' needs at least 1", "nobody could say in"},
        {IN "data: [app_remove]\n", "p:4:8: error: data: 'app_remove' is not one of", "goes with the others"},
        {IN "data: []\n", "p:4:7: error: 'data' needs at least 1", "no data"},
        {IN "exclude: {under_age: 121}\n", "p:4:22: error: under_age: '121' is more than the most, 120",
         "one past"},
        {IN "exclude: {under_age: -1}\n", "p:4:22: error: under_age: '-1' is less than the least, 0",
         "one past"},
        {IN "exclude: {under_age: 120}\n", "", "at the bound"},
        {IN "timezone: Amerika/New_York\n", "p:4:11: error: timezone: 'Amerika/New_York'", "no such zone"},
        {IN "region_default: California\n", "p:4:17: error: region_default: 'California' is not a region",
         "a name"},
        {IN "regions: {CA: opt_out, ca: off}\n",
         "p:4:24: error: regions: 'ca' is not a region by ISO 3166-2, as in US-CA; did you mean 'US-CA'?",
         "lower case"},
        {"programme: p\nregime: opt-out\nbrands: [b]\n",
         "p:2:9: error: regime: 'opt-out' is not one of off, opt_in, opt_out; did you mean 'opt_out'?",
         "a hyphen"},
        {"programme: p\nbrands: [b]\n", "p:1:1: error: 'regime' is missing", "no regime"},
        {"programme: p\nregime: off\n", "p:1:1: error: 'brands' is missing", "no brands"},
        {"programme: p\nregime: off\nbrands: []\n", "p:3:9: error: 'brands' needs at least 1", "no brand"},
        {"regime: off\nbrands: [b]\n", "p:1:1: error: 'programme' is missing", "no name"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *got = lint(fixture, cases[i].yaml);
        if (strncmp(got, cases[i].report, strlen(cases[i].report)) != 0 ||
            fixture->lint.error_count + fixture->lint.warning_count != (cases[i].report[0] ? 1 : 0))
            fail_msg("%s: %s", cases[i].why, got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_a_programme_does_not_say_is_the_careful_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(every_field_can_be_said, setup, teardown),
        cmocka_unit_test_setup_teardown(names_have_1_to_32_characters_of_a_small_alphabet, setup, teardown),
        cmocka_unit_test_setup_teardown(contradictions_are_told_with_their_place, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
