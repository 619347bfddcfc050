/* The subset of YAML that a configuration is written in, and what is said about everything else. */
#include "common/document.h"

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
    char *report;
};

static int setup(void **state)
{
    static struct fixture fixture;
    struct error error;
    fixture = (struct fixture){0};
    assert_true(arena_init(&fixture.arena, 64 * 1024, 256 * 1024 * 1024, &error));
    lint_init(&fixture.lint, &fixture.arena);
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

static struct document_node *parse(struct fixture *fixture, const char *text, size_t size)
{
    arena_reset(&fixture->arena);
    lint_init(&fixture->lint, &fixture->arena);
    struct option_place origin = {"f", 1, 1};
    struct document_node *root = document_parse((struct view){text, size}, origin, &fixture->lint);
    free(fixture->report);
    fixture->report = NULL;
    FILE *out = open_memstream(&fixture->report, &size);
    lint_write(&fixture->lint, out);
    fclose(out);
    return root;
}

static struct document_node *parse_text(struct fixture *fixture, const char *text)
{
    return parse(fixture, text, strlen(text));
}

static void every_value_knows_its_place(void **state)
{
    struct fixture *fixture = *state;
    struct document_node *root =
        parse_text(fixture, "# comment\na: 1\nbé: {c: [x,  'y z'], d: \"q\\u00e9\"}\ne:\n  - f\n  -  g: h\n");
    assert_non_null(root);
    assert_string_equal(fixture->report, "");
    assert_int_equal(root->kind, DOCUMENT_MAP);
    assert_int_equal(root->count, 3);
    assert_int_equal(root->place.line, 2);
    const struct document_node *a = document_child(root, VIEW("a"));
    assert_string_equal(a->text.data, "1");
    assert_int_equal(a->place.line, 2);
    assert_int_equal(a->place.column, 4);
    assert_int_equal(a->key_place.column, 1);
    const struct document_node *b = document_child(root, VIEW("b\xc3\xa9"));
    const struct document_node *c = document_child(b, VIEW("c"));
    assert_int_equal(c->place.line, 3);
    assert_int_equal(c->place.column, 9); /* characters, not bytes */
    assert_int_equal(c->last->place.column, 14);
    assert_string_equal(c->last->text.data, "y z");
    assert_string_equal(document_child(b, VIEW("d"))->text.data, "q\xc3\xa9");
    const struct document_node *e = document_child(root, VIEW("e"));
    assert_int_equal(e->kind, DOCUMENT_LIST);
    assert_int_equal(e->last->place.line, 6);
    assert_int_equal(e->last->place.column, 6);
    assert_null(document_child(root, VIEW("z")));
    assert_null(document_child(e, VIEW("f")));
    assert_null(document_child(NULL, VIEW("f")));
}

static void nothing_written_is_null_and_quotes_make_text(void **state)
{
    struct fixture *fixture = *state;
    struct document_node *root = parse_text(fixture, "a:\nb: ~\nc: null\nd: ''\ne: \"null\"\n");
    assert_int_equal(document_child(root, VIEW("a"))->kind, DOCUMENT_NULL);
    assert_int_equal(document_child(root, VIEW("b"))->kind, DOCUMENT_NULL);
    assert_int_equal(document_child(root, VIEW("c"))->kind, DOCUMENT_NULL);
    assert_int_equal(document_child(root, VIEW("d"))->kind, DOCUMENT_SCALAR);
    assert_int_equal(document_child(root, VIEW("e"))->kind, DOCUMENT_SCALAR);
    static const char *const empty[] = {"", "\n", "# only a comment\n", "---\n", "\xef\xbb\xbf"};
    for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++) {
        root = parse_text(fixture, empty[i]);
        assert_non_null(root);
        assert_int_equal(root->kind, DOCUMENT_NULL);
        assert_string_equal(fixture->report, "");
    }
}

static void what_the_subset_lacks_is_reported_and_the_rest_is_read(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *text, *report, *why;
    } cases[] = {
        {"a: &x 1\nb: 2\n", "f:1:4: error: anchors (&) are not supported", "an anchor"},
        {"a: &x [1]\nb: 2\n", "f:1:4: error: anchors (&)", "an anchor of a list"},
        {"a: &x {c: 1}\nb: 2\n", "f:1:4: error: anchors (&)", "an anchor of a mapping"},
        {"a: *x\nb: 2\n", "f:1:4: error: aliases (*) are not supported", "an alias"},
        {"*x : 1\nb: 2\n", "f:1:1: error: aliases (*)", "an alias as key"},
        {"a: !!str 1\nb: 2\n", "f:1:4: error: tags (!) are not supported", "a tag"},
        {"a: ! 1\nb: 2\n", "f:1:4: error: tags (!)", "a tag without a name"},
        {"a: !x [1]\nb: 2\n", "f:1:4: error: tags (!)", "a tag of a list"},
        {"!x a: 1\nb: 2\n", "f:1:1: error: tags (!)", "a tag of a key"},
        {"<<: {a: 1}\nb: 2\n", "f:1:1: error: merge keys (<<)", "a merge key"},
        {"a: 1\na: 3\nb: 2\n", "f:2:1: error: 'a' is written twice (first in line 1)", "a duplicate key"},
        {"a: 1\nb: 2\na: {x: 1}\n", "f:3:1: error: 'a' is written twice", "a duplicate key of a mapping"},
        {"? [x, [y], {z: 1}]\n: 1\nb: 2\n", "f:1:3: error: a key must be a single word", "a list as key"},
        {"{? {x: 1} : [1], b: 2}\n", "f:1:4: error: a key must be a single word", "a mapping as key"},
        {"a: \"x\\0y\"\nb: 2\n", "f:1:4: error: a NUL in a text", "an escaped NUL"},
        {"%YAML 1.1\n---\nb: 2\n", "error: directives (%) are not supported", "a directive"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct document_node *root = parse_text(fixture, cases[i].text);
        if (!strstr(fixture->report, cases[i].report))
            fail_msg("%s: %s", cases[i].why, fixture->report);
        assert_int_equal(fixture->lint.error_count, 1);
        const struct document_node *b = document_child(root, VIEW("b"));
        if (!b || strcmp(b->text.data, "2") != 0)
            fail_msg("%s: what follows is lost", cases[i].why);
    }
}

static void a_mistake_inside_a_key_does_not_shift_what_follows(void **state)
{
    struct fixture *fixture = *state;
    struct document_node *root = parse_text(fixture, "? [x]\n: {p: &a 1, q: 2}\nb: 2\n");
    assert_int_equal(fixture->lint.error_count, 2); /* the key, and the anchor in its value */
    assert_int_equal(root->count, 1);
    assert_string_equal(document_child(root, VIEW("b"))->text.data, "2");
}

static void broken_yaml_is_reported_with_its_place(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *text, *place, *hint, *why;
    } cases[] = {
        {"a: [1, 2\nb: 2\n", "f:2:2: error: ", "", "an open list"},
        {"a: {b: 1\n", "f:2:1: error: ", "", "an open mapping at the end"},
        {"a: \"x\nb: 2\n", "f:3:1: error: ", "starts in line 1", "an open quote: where it began"},
        {"a:\n\tb: 1\n", "f:2:1: error: ", "indent with spaces", "a tab"},
        {"a: b: c\n", "f:1:5: error: ", "in quotes", "a colon in a text"},
        {"a: 1\n b: 2\n", "f:2:3: error: ", "indentation", "indented too far"},
        {"a: @x\n", "f:1:4: error: ", "in quotes", "a reserved character"},
        {"a\nb: 2\n", "f:2:2: error: ", "", "a key without a colon"},
        {"- a\nb: 2\n", "f:2:1: error: ", "", "a list that goes on as a mapping"},
        {"a: 1\n---\nb: 2\n", "f:2:1: error: a second document", "split", "two documents"},
        {"a: 1\n...\n---\n", "f:3:1: error: a second document", "split", "an empty second document"},
        {"]", "f:1:1: error: ", "", "a stray bracket"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_null(parse_text(fixture, cases[i].text));
        if (strncmp(fixture->report, cases[i].place, strlen(cases[i].place)) != 0 ||
            !strstr(fixture->report, cases[i].hint))
            fail_msg("%s: %s", cases[i].why, fixture->report);
        assert_int_equal(fixture->lint.error_count, 1);
    }
}

static void bytes_that_are_no_text_are_reported_with_their_place(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *text;
        size_t size;
        const char *report, *why;
    } cases[] = {
        {"a: 1\nb: \xff\n", 10, "f:2:4: error: this is not UTF-8", "a byte that UTF-8 never has"},
        {"a: \xc3\n", 5, "f:1:4: error: this is not UTF-8", "cut off"},
        {"a: \xc0\xaf\n", 6, "f:1:4: error: this is not UTF-8", "a long form of a slash"},
        {"a: \xed\xa0\x80\n", 7, "f:1:4: error: this is not UTF-8", "a surrogate"},
        {"a: \xf4\x90\x80\x80\n", 8, "f:1:4: error: this is not UTF-8", "above U+10FFFF"},
        {"\xff\xfe"
         "a\0",
         4, "f:1:1: error: this is not UTF-8", "UTF-16"},
        {"a: \0b\n", 6, "f:1:4: error: a NUL byte", "a NUL"},
        {"\0", 1, "f:1:1: error: a NUL byte", "only a NUL"},
        {"a: \x1b[1m\n", 8, "f:1:4: error: a control character", "an escape sequence"},
        {"a: \x7f\n", 5, "f:1:4: error: a control character", "DEL"},
        {"a: \xc3\xa9\x01\n", 7, "f:1:5: error: a control character", "columns are characters"},
        {"a: \xef\xbb\xbf\n", 7, "f:1:4: error: a byte order mark inside", "a byte order mark in the middle"},
        {"a: \xef\xbf\xbe\n", 7, "f:1:4: error: a control character", "no character"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_null(parse(fixture, cases[i].text, cases[i].size));
        if (strncmp(fixture->report, cases[i].report, strlen(cases[i].report)) != 0)
            fail_msg("%s: %s", cases[i].why, fixture->report);
    }
}

static void nesting_has_a_bound(void **state)
{
    struct fixture *fixture = *state;
    char text[2 * DOCUMENT_DEPTH_MAX + 3];
    memset(text, '[', DOCUMENT_DEPTH_MAX);
    memset(text + DOCUMENT_DEPTH_MAX, ']', DOCUMENT_DEPTH_MAX);
    assert_non_null(parse(fixture, text, 2 * DOCUMENT_DEPTH_MAX));
    assert_string_equal(fixture->report, "");
    memset(text, '[', DOCUMENT_DEPTH_MAX + 1);
    memset(text + DOCUMENT_DEPTH_MAX + 1, ']', DOCUMENT_DEPTH_MAX + 1);
    assert_null(parse(fixture, text, 2 * DOCUMENT_DEPTH_MAX + 2));
    assert_string_equal(fixture->report, "f:1:33: error: nested deeper than 32 levels\n");
    /* Half a megabyte of brackets ends as early. */
    size_t size = 512 * 1024;
    char *many = malloc(size);
    assert_non_null(many);
    memset(many, '[', size);
    assert_null(parse(fixture, many, size));
    assert_non_null(strstr(fixture->report, "nested deeper"));
    for (size_t i = 0; i < size; i += 2)
        memcpy(many + i, "- ", 2);
    assert_null(parse(fixture, many, size));
    assert_non_null(strstr(fixture->report, "nested deeper"));
    free(many);
}

static void the_number_of_values_has_a_bound(void **state)
{
    struct fixture *fixture = *state;
    size_t size = 2 * (size_t)DOCUMENT_NODES_MAX;
    char *text = malloc(size + 2);
    assert_non_null(text);
    for (size_t i = 0; i < size; i += 2)
        memcpy(text + i, i == 0 ? "[x" : ",x", 2);
    text[size - 2] = ']'; /* one element less: the list counts too */
    text[size - 1] = ' ';
    assert_non_null(parse(fixture, text, size));
    memcpy(text + size - 2, ",x]", 3);
    assert_null(parse(fixture, text, size + 1));
    assert_non_null(strstr(fixture->report, "more than 20000 values"));
    free(text);
}

static void files_are_read_up_to_a_bound(void **state)
{
    struct fixture *fixture = *state;
    char path[] = "/tmp/clickveil-document-XXXXXX";
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    char *text = malloc(DOCUMENT_SIZE_MAX + 1);
    assert_non_null(text);
    memset(text, ' ', DOCUMENT_SIZE_MAX + 1);
    memcpy(text, "a: 1\n#", 6);
    assert_int_equal(write(descriptor, text, DOCUMENT_SIZE_MAX), DOCUMENT_SIZE_MAX);
    assert_non_null(document_read(path, NULL, &fixture->lint));
    assert_int_equal(fixture->lint.error_count, 0);
    assert_int_equal(write(descriptor, text, 1), 1);
    assert_null(document_read(path, NULL, &fixture->lint));
    assert_int_equal(fixture->lint.error_count, 1);
    assert_int_equal(ftruncate(descriptor, 10 * 1024 * 1024), 0);
    assert_null(document_read(path, NULL, &fixture->lint));
    assert_int_equal(fixture->lint.error_count, 2);
    free(text);
    close(descriptor);
    assert_int_equal(unlink(path), 0);
    assert_null(document_read(path, NULL, &fixture->lint)); /* gone */
    assert_null(document_read("/", NULL, &fixture->lint));  /* a folder */
    assert_int_equal(fixture->lint.error_count, 4);
    size_t size = 0;
    FILE *out = open_memstream(&fixture->report, &size);
    lint_write(&fixture->lint, out);
    fclose(out);
    assert_non_null(strstr(fixture->report, ": error: larger than 1024 KiB"));
    assert_non_null(strstr(fixture->report, "can't read the file: No such file or directory"));
    assert_non_null(strstr(fixture->report, "/: error: can't read the file: Is a directory"));
}

static void memory_that_is_short_is_noticed_wherever_it_ends(void **state)
{
    (void)state;
    static const char text[] = "a: {b: [1, 2, &x 3], c: d}\na: 2\ne: {f: g}\n";
    bool whole = false;
    for (size_t size_max = 4096; !whole; size_max += 16) {
        struct arena arena = {0};
        struct lint lint;
        struct error error;
        assert_true(arena_init(&arena, 4096, size_max < 8192 ? 4096 : size_max, &error));
        assert_true(arena_take(&arena, 4096 - (size_max - 4096) % 4096 - 64) != NULL);
        lint_init(&lint, &arena);
        struct document_node *root = document_parse(VIEW(text), (struct option_place){"f", 1, 1}, &lint);
        whole = root != NULL && !lint.memory_short;
        assert_true(whole || lint.memory_short);
        arena_release(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_value_knows_its_place, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_written_is_null_and_quotes_make_text, setup, teardown),
        cmocka_unit_test_setup_teardown(what_the_subset_lacks_is_reported_and_the_rest_is_read, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_mistake_inside_a_key_does_not_shift_what_follows, setup, teardown),
        cmocka_unit_test_setup_teardown(broken_yaml_is_reported_with_its_place, setup, teardown),
        cmocka_unit_test_setup_teardown(bytes_that_are_no_text_are_reported_with_their_place, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(nesting_has_a_bound, setup, teardown),
        cmocka_unit_test_setup_teardown(the_number_of_values_has_a_bound, setup, teardown),
        cmocka_unit_test_setup_teardown(files_are_read_up_to_a_bound, setup, teardown),
        cmocka_unit_test(memory_that_is_short_is_noticed_wherever_it_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
