/* From a document to the members of a struct: groups, lists, maps, defaults, overrides, and where a mistake is. */
#include "common/document.h"
#include "common/lint.h"
#include "common/option.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const colours[] = {"", "red", "green", "blue", NULL};
static const char *const keys[] = {"", "type", "time", NULL};

struct inner {
    struct view name;
    int64_t number;
    int colour;
};

struct outer {
    struct view first; /* at the same address as the whole */
    int64_t count;
    struct view path;
    double share;
    bool flag;
    int64_t day;
    struct option_list colours, names, map, colour_map, paths, items;
    struct inner inner;
    struct option_place count_place;
};

static unsigned checks;

static void check_inner(const void *value, struct lint *lint)
{
    const struct inner *inner = value;
    checks++;
    if (inner->number == 14)
        lint_report(lint, LINT_ERROR, NULL, "fourteen"); /* at the group */
    if (inner->number == 13)
        lint_report(lint, LINT_ERROR, lint_place(lint, &inner->number), "thirteen");
}

static const struct option inner_options[] = {
    {.name = "name",
     .type = OPTION_STRING,
     .offset = offsetof(struct inner, name),
     .required = true,
     .help = "A name."},
    {.name = "number",
     .type = OPTION_INTEGER,
     .offset = offsetof(struct inner, number),
     .default_text = "13",
     .maximum = "99"},
    {.name = "colour", .type = OPTION_ENUM, .offset = offsetof(struct inner, colour), .choices = colours},
    {0},
};
static const struct option_table inner_table = {.name = "inner",
                                                .summary = "Inside.",
                                                .size = sizeof(struct inner),
                                                .options = inner_options,
                                                .check = check_inner};

static const struct option outer_options[] = {
    {.name = "first",
     .type = OPTION_STRING,
     .offset = offsetof(struct outer, first),
     .help = "First | with a bar."},
    {.name = "count",
     .type = OPTION_INTEGER,
     .offset = offsetof(struct outer, count),
     .default_text = "3",
     .minimum = "1",
     .maximum = "9",
     .place_offset = offsetof(struct outer, count_place),
     .help = "How many."},
    {.name = "path",
     .type = OPTION_PATH,
     .offset = offsetof(struct outer, path),
     .default_text = "rules/x.tsv"},
    {.name = "share", .type = OPTION_RATIO, .offset = offsetof(struct outer, share), .default_text = "10%"},
    {.name = "flag", .type = OPTION_BOOL, .offset = offsetof(struct outer, flag), .default_text = "true"},
    {.name = "day", .type = OPTION_DATE, .offset = offsetof(struct outer, day)},
    {.name = "colours",
     .type = OPTION_ENUM_LIST,
     .offset = offsetof(struct outer, colours),
     .choices = colours,
     .default_text = "[green, blue]",
     .minimum = "1",
     .maximum = "2"},
    {.name = "names",
     .type = OPTION_STRING_LIST,
     .offset = offsetof(struct outer, names),
     .judge = option_judge_name},
    {.name = "map", .type = OPTION_MAP, .offset = offsetof(struct outer, map), .choices = keys},
    {.name = "colour_map",
     .type = OPTION_ENUM_MAP,
     .offset = offsetof(struct outer, colour_map),
     .choices = colours,
     .judge = option_judge_region},
    {.name = "paths", .type = OPTION_PATH_LIST, .offset = offsetof(struct outer, paths)},
    {.name = "items",
     .type = OPTION_GROUP_LIST,
     .offset = offsetof(struct outer, items),
     .table = &inner_table,
     .unique = "name+colour,number"},
    {.name = "inner", .type = OPTION_GROUP, .offset = offsetof(struct outer, inner), .table = &inner_table},
    {0},
};
static const struct option_table outer_table = {
    .name = "outer", .summary = "Outside.", .size = sizeof(struct outer), .options = outer_options};

struct fixture {
    struct arena arena;
    struct lint lint;
    struct outer value;
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

static const char *report(struct fixture *fixture)
{
    size_t bytes = 0;
    free(fixture->report);
    fixture->report = NULL;
    FILE *out = open_memstream(&fixture->report, &bytes);
    lint_write(&fixture->lint, out);
    fclose(out);
    return fixture->report;
}

static const char *fill_set(struct fixture *fixture, const char *yaml, const char *const *overrides)
{
    arena_reset(&fixture->arena);
    lint_init(&fixture->lint, &fixture->arena);
    fixture->value = (struct outer){0};
    checks = 0;
    struct document_node *root =
        document_parse(view_of_string(yaml), (struct option_place){"d/f", 1, 1}, &fixture->lint);
    assert_non_null(root);
    for (unsigned i = 0; overrides && overrides[i]; i++)
        assert_true(option_override(&outer_table, root, overrides[i], i + 1, &fixture->lint));
    assert_true(option_fill(&outer_table, root, &fixture->value, "d/f", &fixture->lint));
    option_check_all(&fixture->lint);
    return report(fixture);
}

static const char *fill(struct fixture *fixture, const char *yaml)
{
    return fill_set(fixture, yaml, NULL);
}

static void defaults_fill_what_nobody_wrote(void **state)
{
    struct fixture *fixture = *state;
    const struct outer *value = &fixture->value;
    assert_string_equal(fill(fixture, "first: x\n"), "");
    assert_true(view_equal_string(value->first, "x"));
    assert_int_equal(value->count, 3);
    assert_true(view_equal_string(value->path, "d/rules/x.tsv"));
    assert_true(value->share > 0.0999 && value->share < 0.1001);
    assert_true(value->flag);
    assert_true(value->day == OPTION_DATE_UNSET);
    assert_int_equal(value->colours.count, 2);
    assert_int_equal(((const int *)value->colours.items)[0], 2);
    assert_false(value->colours.set);
    assert_int_equal(value->names.count, 0);
    assert_null(value->names.items);
    assert_int_equal(value->inner.number, 13);
    assert_true(view_is_absent(value->inner.name));
    assert_int_equal(checks, 0); /* nobody wrote the group, so nothing in it is missed or checked */
    assert_null(value->count_place.file);
}

static void every_type_of_list_is_filled_in_its_order(void **state)
{
    struct fixture *fixture = *state;
    const struct outer *value = &fixture->value;
    assert_string_equal(fill(fixture, "colours: [red]\n"
                                      "names: [a, b]\n"
                                      "map: {time: t.s, type: ''}\n"
                                      "colour_map: {US-ME: red, DE: blue}\n"
                                      "paths: [a, ./b, ../c, /d, credential:e, fd:3]\n"
                                      "items: [{name: x, number: 1}, {name: y, number: 2, colour: blue}]\n"
                                      "inner: {name: z, number: 3}\n"
                                      "count: 5\n"),
                        "");
    assert_true(value->colours.set);
    assert_int_equal(((const int *)value->colours.items)[0], 1);
    assert_true(view_equal_string(((const struct view *)value->names.items)[1], "b"));
    const struct option_pair *map = value->map.items;
    assert_true(view_equal_string(map[0].key, "time") && view_equal_string(map[0].value, "t.s"));
    assert_int_equal(map[1].value.size, 0);
    assert_int_equal(map[0].place.line, 3);
    assert_int_equal(map[0].place.column, 13);
    const struct option_enum_pair *pairs = value->colour_map.items;
    assert_true(view_equal_string(pairs[1].key, "DE"));
    assert_int_equal(pairs[1].value, 3);
    const struct view *paths = value->paths.items;
    static const char *const joined[] = {"d/a", "d/./b", "d/../c", "/d", "credential:e", "fd:3"};
    for (size_t i = 0; i < 6; i++)
        assert_true(view_equal_string(paths[i], joined[i]));
    const struct inner *items = value->items.items;
    assert_int_equal(value->items.count, 2);
    assert_int_equal(items[1].number, 2);
    assert_int_equal(items[1].colour, 3);
    assert_int_equal(value->inner.number, 3);
    assert_int_equal(checks, 3);
    assert_int_equal(value->count_place.line, 8);
    assert_int_equal(value->count_place.column, 8);
}

static void a_single_path_may_stand_without_brackets(void **state)
{
    struct fixture *fixture = *state;
    assert_string_equal(fill(fixture, "paths: rules/hosts.tsv\n"), "");
    assert_int_equal(fixture->value.paths.count, 1);
    assert_true(view_equal_string(((const struct view *)fixture->value.paths.items)[0], "d/rules/hosts.tsv"));
    assert_string_equal(fill(fixture, "paths: ''\n"),
                        "d/f:1:8: error: paths: the text is empty; give a value or leave the line out\n");
}

static void texts_end_with_a_nul(void **state)
{
    struct fixture *fixture = *state;
    assert_string_equal(fill(fixture, "first: abc\nmap: {time: x}\n"), "");
    assert_int_equal(fixture->value.first.data[3], '\0');
    const struct option_pair *map = fixture->value.map.items;
    assert_int_equal(map[0].key.data[4], '\0');
    assert_int_equal(map[0].value.data[1], '\0');
}

static void mistakes_are_told_with_their_place(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *yaml, *report;
    } cases[] = {
        {"cuont: 3\n", "d/f:1:1: error: unknown option 'cuont'; did you mean 'count'?\n"},
        {"number: 3\n", "d/f:1:1: error: unknown option 'number'; it belongs into 'inner'\n"},
        {"x y: 3\n", "d/f:1:1: error: unknown option 'this key'\n"},
        {"inner: {name: a, number: 1, nmae: b}\n",
         "d/f:1:29: error: unknown option 'nmae' in inner; did you mean 'name'?\n"},
        {"count:\n", "d/f:1:7: error: 'count' has no value; write one, or leave the line out\n"},
        {"count: [1]\n", "d/f:1:8: error: 'count' must be a single value, not a list; write count: VALUE\n"},
        {"count: {a: 1}\n",
         "d/f:1:8: error: 'count' must be a single value, not a mapping; write count: VALUE\n"},
        {"colours: red\n",
         "d/f:1:10: error: 'colours' must be a list, not a single value; write colours: [ONE, TWO]\n"},
        {"colours: [red, gren]\n",
         "d/f:1:16: error: colours: 'gren' is not one of red, green, blue; did you mean 'green'?\n"},
        {"colours: [red, red]\n", "d/f:1:16: error: colours: 'red' is in the list twice\n"},
        {"colours: []\n", "d/f:1:10: error: 'colours' needs at least 1, has 0\n"},
        {"colours:\n", "d/f:1:9: error: 'colours' needs at least 1, has 0\n"},
        {"colours: [red, green, blue]\n", "d/f:1:10: error: 'colours' can have at most 2, has 3\n"},
        {"names: [a, [b]]\n",
         "d/f:1:12: error: 'names' must be a single value, not a list; write names: VALUE\n"},
        {"names: [A]\n",
         "d/f:1:9: error: names: 'A' is not a name; those have lower-case letters, digits, _ and -\n"},
        {"map: {tiem: x}\n", "d/f:1:7: error: map: unknown key 'tiem'; did you mean 'time'?\n"},
        {"map: {time: [x]}\n",
         "d/f:1:13: error: 'time' must be a single value, not a list; write time: VALUE\n"},
        {"map: {time: }\n", "d/f:1:13: error: 'time' has no value; write one, or leave the line out\n"},
        {"map: [a]\n", "d/f:1:6: error: 'map' must be a mapping, not a list; write map: {KEY: VALUE}\n"},
        {"colour_map: {US-XX: red}\n",
         "d/f:1:14: error: colour_map: 'US-XX' is not a region by ISO 3166-2, as in US-CA\n"},
        {"colour_map: {US-ME: rot}\n", "d/f:1:21: error: colour_map: 'rot' is not one of red, green, blue\n"},
        {"items: {name: x}\n",
         "d/f:1:8: error: 'items' must be a list, not a mapping; write items: [{KEY: VALUE}]\n"},
        {"items: [x]\n",
         "d/f:1:9: error: 'items' must be a mapping, not a single value; write items: [{KEY: VALUE}]\n"},
        {"items: [{number: 1}]\n", "d/f:1:9: error: 'items.0.name' is missing; it is required: A name.\n"},
        {"items: [{name: a, number: 1}, {name: b, number: 1}]\n",
         "d/f:1:49: error: 'items' has two entries with the same number (the other: d/f, line 1)\n"},
        {"items: [{name: a, colour: red, number: 1},\n {name: a, colour: red, number: 2}]\n",
         "d/f:2:9: error: 'items' has two entries with the same name+colour (the other: d/f, line 1)\n"},
        {"inner: x\n",
         "d/f:1:8: error: 'inner' must be a mapping, not a single value; write inner: {KEY: VALUE}\n"},
        {"inner: {number: 1}\n", "d/f:1:8: error: 'inner.name' is missing; it is required: A name.\n"},
        {"inner: {name: x, number: 13}\n", "d/f:1:26: error: thirteen\n"},
        {"inner: {name: x}\n", "d/f:1:8: error: thirteen\n"}, /* by default: at the group */
        {"inner: {name: x, number: 14}\n", "d/f:1:8: error: fourteen\n"},
        {"inner: {name: x, number: 100}\n",
         "d/f:1:26: error: number: '100' is more than the most, 99\n"}, /* once */
        {"[a]\n", "d/f:1:1: error: 'outer' must be a mapping, not a list; write KEY: VALUE\n"},
        {"just text\n", "d/f:1:1: error: 'outer' must be a mapping, not a single value; write KEY: VALUE\n"},
        {"count: 0\nshare: 2\nflag: no\nday: today\n",
         "d/f:1:8: error: count: '0' is less than the least, 1\n"
         "d/f:2:8: error: share: '2' is above 1; did you mean '2%'?\n"
         "d/f:3:7: error: flag: 'no' is not true or false; did you mean 'false'?\n"
         "d/f:4:6: error: day: 'today' is not a date; write it as in 2021-04-26 (year-month-day)\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(fill(fixture, cases[i].yaml), cases[i].report);
}

static void a_member_with_a_mistake_has_its_default(void **state)
{
    struct fixture *fixture = *state;
    fill(fixture, "count: many\nshare: 7\nday: x\n");
    assert_int_equal(fixture->value.count, 3);
    assert_true(fixture->value.share > 0.0999 && fixture->value.share < 0.1001);
    assert_true(fixture->value.day == OPTION_DATE_UNSET);
}

static void overrides_edit_what_the_file_says(void **state)
{
    struct fixture *fixture = *state;
    const struct outer *value = &fixture->value;
    static const char *const overrides[] = {"count=7",
                                            "first=a: b # c",
                                            "map.time=x=y",
                                            "colours=[blue]",
                                            "names.0=z",
                                            "names.2=appended",
                                            "items.0.number=8",
                                            "items.1={name: new, number: 9}",
                                            "items.2.name=newer",
                                            "inner={name: i, number: 1}",
                                            "inner.number=2",
                                            "colour_map.US-CA=green",
                                            "path=own/path",
                                            "count='9'",
                                            NULL};
    assert_string_equal(
        fill_set(fixture,
                 "count: 5\nnames: [a, b]\nmap: {time: t}\nitems: [{name: old, number: 1}]\n"
                 "colour_map: {US-ME: red}\n",
                 overrides),
        "--set:9:14: error: thirteen\n"); /* the element that has only a name, with the default */
    assert_int_equal(value->count, 9);
    assert_true(view_equal_string(value->first, "a: b # c"));
    const struct option_pair *map = value->map.items;
    assert_int_equal(value->map.count, 1);
    assert_true(view_equal_string(map[0].value, "x=y"));
    assert_int_equal(((const int *)value->colours.items)[0], 3);
    const struct view *names = value->names.items;
    assert_int_equal(value->names.count, 3);
    assert_true(view_equal_string(names[0], "z") && view_equal_string(names[1], "b"));
    assert_true(view_equal_string(names[2], "appended"));
    const struct inner *items = value->items.items;
    assert_int_equal(value->items.count, 3);
    assert_int_equal(items[0].number, 8);
    assert_true(view_equal_string(items[0].name, "old"));
    assert_int_equal(items[1].number, 9);
    assert_true(view_equal_string(items[2].name, "newer"));
    assert_int_equal(value->inner.number, 2);
    assert_int_equal(value->colour_map.count, 2);
    assert_true(view_equal_string(value->path, "own/path")); /* not relative to the file */
}

static void wrong_overrides_are_told_with_their_number_and_column(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *override, *report;
    } cases[] = {
        {"count", "--set:1:1: error: --set needs PATH=VALUE, as in --set publish.k=200\n"},
        {"=5", "--set:1:1: error: --set needs PATH=VALUE, as in --set publish.k=200\n"},
        {"", "--set:1:1: error: --set needs PATH=VALUE, as in --set publish.k=200\n"},
        {"cuont=5", "--set:1:1: error: --set: unknown option 'cuont'; did you mean 'count'?\n"},
        {"inner.nmae=5", "--set:1:1: error: --set: unknown option 'nmae'; did you mean 'name'?\n"},
        {".count=5", "--set:1:1: error: --set: unknown option ''\n"},
        {"count=many", "--set:1:7: error: count: 'many' is not a whole number\n"},
        {"count=", "--set:1:7: error: count: '' is not a whole number\n"},
        {"count.x=5", "--set:1:1: error: --set: there is nothing in 'count', it is a single value\n"},
        {"names.x=5", "--set:1:1: error: --set: lists go by number from 0, and the list ends before 'x'\n"},
        {"names.1=a", "--set:1:1: error: --set: lists go by number from 0, and the list ends before '1'\n"},
        {"names.-1=a", "--set:1:1: error: --set: lists go by number from 0, and the list ends before '-1'\n"},
        {"names.0.x=a", "--set:1:1: error: --set: there is nothing in an element of 'names'\n"},
        {"names=[a", "--set:1:7: error: did not find expected ',' or ']' (while parsing a flow sequence)\n"},
        {"names=a",
         "--set:1:7: error: 'names' must be a list, not a single value; write names: [ONE, TWO]\n"},
        {"map.tmie=a", "--set:1:1: error: map: unknown key 'tmie'; did you mean 'time'?\n"},
        {"first=\xff", "--set:1:7: error: first: the text is not UTF-8\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *const overrides[] = {cases[i].override, NULL};
        const char *got = fill_set(fixture, "count: 1\n", overrides);
        if (strcmp(got, cases[i].report) != 0)
            fail_msg("%s: %s", cases[i].override, got);
    }
}

static void memory_that_is_short_is_noticed_wherever_it_ends(void **state)
{
    struct fixture *fixture = *state;
    static const char yaml[] =
        "count: 5\nnames: [a, b]\nmap: {time: t}\nitems: [{name: x, number: 1}, {nmae: y}]\n"
        "colour_map: {US-ME: red}\npaths: [a]\ninner: {name: z, number: 13}\n";
    unsigned short_runs = 0;
    for (size_t left = 16;; left += 16) {
        struct arena arena = {0};
        struct lint run;
        struct outer value = {0};
        struct error error;
        assert_true(arena_init(&arena, 16384, 16384, &error));
        assert_non_null(arena_take(&arena, 16384 - 64 - left));
        lint_init(&run, &arena);
        struct document_node *root = document_parse(VIEW(yaml), (struct option_place){"d/f", 1, 1}, &run);
        bool whole = root && option_override(&outer_table, root, "items.2={name: q, number: 2}", 1, &run) &&
                     option_fill(&outer_table, root, &value, "d/f", &run);
        option_check_all(&run);
        assert_true(whole || run.memory_short); /* nothing is half filled without saying so */
        bool done = whole && !run.memory_short;
        if (done)
            assert_int_equal(run.error_count, 4); /* nmae, its name, and thirteen twice */
        short_runs += !done;
        arena_release(&arena);
        if (done)
            break;
    }
    assert_true(short_runs > 50);
    assert_string_equal(fill(fixture, "count: 5\n"), "");
}

static void messages_are_sorted_by_file_and_place(void **state)
{
    struct fixture *fixture = *state;
    lint_init(&fixture->lint, &fixture->arena);
    lint_report(&fixture->lint, LINT_ERROR, &(struct option_place){"a", 3, 1}, "third");
    lint_report(&fixture->lint, LINT_ERROR, &(struct option_place){"b", 1, 1}, "fourth");
    lint_report(&fixture->lint, LINT_WARNING, &(struct option_place){"a", 2, 9}, "second");
    lint_report(&fixture->lint, LINT_ERROR, &(struct option_place){"a", 2, 3}, "first");
    lint_report(&fixture->lint, LINT_ERROR, NULL, "last");
    assert_string_equal(report(fixture), "a:2:3: error: first\na:2:9: warning: second\na:3:1: error: third\n"
                                         "b:1:1: error: fourth\nerror: last\n");
    assert_int_equal(fixture->lint.error_count, 4);
    assert_int_equal(fixture->lint.warning_count, 1);
}

static void a_flood_of_messages_has_a_bound(void **state)
{
    struct fixture *fixture = *state;
    lint_init(&fixture->lint, &fixture->arena);
    for (unsigned i = 0; i < LINT_MESSAGES_MAX + 5; i++)
        lint_report(&fixture->lint, LINT_ERROR, &(struct option_place){"a", i + 1, 1}, "x");
    const char *got = report(fixture);
    assert_int_equal(fixture->lint.error_count, LINT_MESSAGES_MAX + 5);
    assert_non_null(strstr(got, "a:1000:1: error: x\n... and 5 more\n"));
    assert_null(strstr(got, "a:1001:"));
}

static void count_visits(const struct option *option, const void *member, void *context)
{
    unsigned *counts = context;
    if (strcmp(option->name, "number") == 0)
        counts[0] += (unsigned)*(const int64_t *)member;
    counts[1]++;
}

static void a_walk_visits_every_member(void **state)
{
    struct fixture *fixture = *state;
    unsigned counts[2] = {0, 0};
    fill(fixture, "items: [{name: a, number: 1}, {name: b, number: 20}]\ninner: {name: c, number: 3}\n");
    option_walk(&outer_table, &fixture->value, count_visits, counts);
    assert_int_equal(counts[0], 24);
    assert_int_equal(counts[1], 13 + 3 * 3);
}

static void the_reference_has_a_row_per_option(void **state)
{
    struct fixture *fixture = *state;
    size_t bytes = 0;
    FILE *out = open_memstream(&fixture->report, &bytes);
    option_reference_write(&outer_table, "outer", out);
    fclose(out);
    static const char *const rows[] = {
        "## `outer`\n\nOutside.\n",
        "| `first` | text |  |  |  | First \\| with a bar. |\n",
        "| `count` | whole number | `3` |  | 1 to 9 | How many. |\n",
        "| `share` | ratio | `10%` | 0 to 1, or % |",
        "| `colours` | list of `red`, `green`, `blue` | `[green, blue]` |  | 1 to 2 entries |",
        "| `map` | mapping to text; keys: `type`, `time` |",
        "## `outer.items[]`\n\nInside.\n",
        "## `outer.inner`\n",
        "| `name` | text | **required** |  |  | A name. |\n",
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!strstr(fixture->report, rows[i]))
            fail_msg("lacks %s:\n%s", rows[i], fixture->report);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(defaults_fill_what_nobody_wrote, setup, teardown),
        cmocka_unit_test_setup_teardown(every_type_of_list_is_filled_in_its_order, setup, teardown),
        cmocka_unit_test_setup_teardown(a_single_path_may_stand_without_brackets, setup, teardown),
        cmocka_unit_test_setup_teardown(texts_end_with_a_nul, setup, teardown),
        cmocka_unit_test_setup_teardown(mistakes_are_told_with_their_place, setup, teardown),
        cmocka_unit_test_setup_teardown(a_member_with_a_mistake_has_its_default, setup, teardown),
        cmocka_unit_test_setup_teardown(overrides_edit_what_the_file_says, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_overrides_are_told_with_their_number_and_column, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(memory_that_is_short_is_noticed_wherever_it_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(messages_are_sorted_by_file_and_place, setup, teardown),
        cmocka_unit_test_setup_teardown(a_flood_of_messages_has_a_bound, setup, teardown),
        cmocka_unit_test_setup_teardown(a_walk_visits_every_member, setup, teardown),
        cmocka_unit_test_setup_teardown(the_reference_has_a_row_per_option, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
