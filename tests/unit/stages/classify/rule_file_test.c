#include "stages/classify/rule_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct mistakes mistakes;

/* Read one file of one row; true: there was one. */
static bool read_one(enum rule_file_kind kind, struct view text, struct rule_row *out_row)
{
    struct rule_file file;
    struct rule_row second;
    memset(&mistakes, 0, sizeof(mistakes));
    rule_file_init(&file, kind, "rules.tsv", text, &mistakes);
    bool found = rule_file_next(&file, out_row);
    if (found)
        assert_false(rule_file_next(&file, &second));
    return found;
}

static void rule_file_reads_rows_in_canonical_form(void **state)
{
    (void)state;
    static const struct {
        enum rule_file_kind kind;
        const char *text, *key;
        enum rule_kind rule;
        unsigned interests;
        const char *why;
    } cases[] = {
        {RULE_FILE_HOSTS, "example.com\t207", "example.com", RULE_INTERESTS, 1, "no line end"},
        {RULE_FILE_HOSTS, "example.com\t207,243\tnote\n", "example.com", RULE_INTERESTS, 2, "note"},
        {RULE_FILE_HOSTS, "example.com\t207\t\r\n", "example.com", RULE_INTERESTS, 1, "CRLF, empty note"},
        {RULE_FILE_HOSTS,
         "\xef\xbb\xbf"
         "example.com\tnone\n",
         "example.com", RULE_NONE, 0, "byte order mark"},
        {RULE_FILE_HOSTS, "# a comment\n\nexample.com\tdeny\n", "example.com", RULE_DENY, 0,
         "comment, empty line"},
        {RULE_FILE_HOSTS, "Example.COM.\tnone\n", "example.com", RULE_NONE, 0, "case and root dot"},
        {RULE_FILE_HOSTS,
         "b\xc3\xbc"
         "cher.example\tnone\n",
         "xn--bcher-kva.example", RULE_NONE, 0, "U-label"},
        {RULE_FILE_HOSTS, "a.github.io\tnone\n", "a.github.io", RULE_NONE, 0, "below a public suffix"},
        {RULE_FILE_HOSTS, "example.com\t65535\n", "example.com", RULE_INTERESTS, 1, "highest identifier"},
        {RULE_FILE_HOSTS, "example.com\t1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16\n", "example.com",
         RULE_INTERESTS, 16, "most interests"},
        {RULE_FILE_APPS, "com.Example.App\t207\n", "com.example.app", RULE_INTERESTS, 1, "case"},
        {RULE_FILE_APPS, "com.example.*\t207\n", "com.example.", RULE_INTERESTS, 1, "prefix"},
        {RULE_FILE_APPS, "Com.Example.A_1-x.*\tdeny\n", "com.example.a_1-x.", RULE_DENY, 0, "longer prefix"},
        {RULE_FILE_APPS, "284882215\tnone\n", "284882215", RULE_NONE, 0, "a number of the App Store"},
        {RULE_FILE_APPS, "x\tnone\n", "x", RULE_NONE, 0, "shortest"},
        {RULE_FILE_APPS, "607\tdeny\n", "607", RULE_DENY, 0, "a row of the taxonomy"},
        {RULE_FILE_HOSTS, "65535\tdeny\tnote\n", "65535", RULE_DENY, 0, "the last row of the taxonomy"},
        {RULE_FILE_APPS, "65536\tdeny\n", "65536", RULE_DENY, 0, "an app, no row"},
        {RULE_FILE_APPS, "io.github.someone.*\tnone\n", "io.github.someone.", RULE_NONE, 0, "one owner"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rule_row row;
        if (!read_one(cases[i].kind, view_of_string(cases[i].text), &row))
            fail_msg("%s: %s", cases[i].why, mistakes.items[0].text);
        if (!view_equal_string((struct view){row.key, row.key_size}, cases[i].key) ||
            row.kind != cases[i].rule || row.interest_count != cases[i].interests)
            fail_msg("%s: '%.*s' kind %d, %u interests", cases[i].why, (int)row.key_size, row.key,
                     (int)row.kind, row.interest_count);
    }
}

static void rule_file_names_the_place_of_each_mistake(void **state)
{
    (void)state;
    static const struct {
        enum rule_file_kind kind;
        const char *text;
        unsigned line, column;
        const char *word;
    } cases[] = {
        {RULE_FILE_HOSTS, "example.com\n", 1, 1, "no tab"},
        {RULE_FILE_HOSTS, "example.com 207\n", 1, 1, "no tab"},
        {RULE_FILE_HOSTS, "example.com\t207\tnote\tmore\n", 1, 22, "three fields"},
        {RULE_FILE_HOSTS, "example.com\t1\t2\t3\t4\t5\t6\t7\t8\t9\n", 1, 17, "three fields"},
        {RULE_FILE_HOSTS, "\t207\n", 1, 1, "no host name"},
        {RULE_FILE_HOSTS, " example.com\t207\n", 1, 1, "no host name"},
        {RULE_FILE_HOSTS, "example..com\t207\n", 1, 1, "no host name"},
        {RULE_FILE_HOSTS, "\n#\ncom\t207\n", 3, 1, "two labels"},
        {RULE_FILE_HOSTS, "*.example.com\t207\n", 1, 1, "star"},
        {RULE_FILE_HOSTS, "https://example.com\t207\n", 1, 1, "URL"},
        {RULE_FILE_HOSTS, "example.com/path\t207\n", 1, 1, "path"},
        {RULE_FILE_HOSTS, "example.com:443\t207\n", 1, 1, "port"},
        {RULE_FILE_HOSTS, "ex%61mple.com\t207\n", 1, 1, "percent"},
        {RULE_FILE_HOSTS, "192.0.2.1\t207\n", 1, 1, "address"},
        {RULE_FILE_HOSTS, "co.uk\t207\n", 1, 1, "public suffix"},
        {RULE_FILE_HOSTS, "github.io\tdeny\n", 1, 1, "public suffix"},
        {RULE_FILE_HOSTS, "Blogspot.com\tnone\n", 1, 1, "public suffix"},
        {RULE_FILE_HOSTS, "example.com\t\n", 1, 13, "no list of interests"},
        {RULE_FILE_HOSTS, "example.com\tNone\n", 1, 13, "did you mean none"},
        {RULE_FILE_HOSTS, "example.com\tDENY\n", 1, 13, "did you mean deny"},
        {RULE_FILE_HOSTS, "example.com\tdenied\n", 1, 13, "no list of interests"},
        {RULE_FILE_HOSTS, "example.com\tIAB1\n", 1, 13, "no list of interests"},
        {RULE_FILE_HOSTS, "example.com\t-207\n", 1, 13, "no list of interests"},
        {RULE_FILE_HOSTS, "example.com\tnone,207\n", 1, 13, "no list of interests"},
        {RULE_FILE_HOSTS, "example.com\t207,none\n", 1, 17, "stand alone"},
        {RULE_FILE_HOSTS, "example.com\t207,,243\n", 1, 17, "no identifier"},
        {RULE_FILE_HOSTS, "example.com\t207,\n", 1, 17, "no identifier"},
        {RULE_FILE_HOSTS, "example.com\t207, 243\n", 1, 17, "no blanks"},
        {RULE_FILE_HOSTS, "example.com\t0\n", 1, 13, "no identifier"},
        {RULE_FILE_HOSTS, "example.com\t0207\n", 1, 13, "no identifier"},
        {RULE_FILE_HOSTS, "example.com\t65536\n", 1, 13, "no identifier"},
        {RULE_FILE_HOSTS, "example.com\t207,207\n", 1, 17, "twice"},
        {RULE_FILE_HOSTS, "example.com\t1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17\n", 1, 52, "more than 16"},
        {RULE_FILE_HOSTS, "example.com\t207\tno\x1bte\n", 1, 19, "0x1b"},
        {RULE_FILE_HOSTS, "example.com\t207\tno\xfcte\n", 1, 0, "not UTF-8"},
        {RULE_FILE_HOSTS,
         "b\xfc"
         "cher.example\t207\n",
         1, 0, "not UTF-8"},
        {RULE_FILE_HOSTS, "607\tnone\n", 1, 1, "address"},
        {RULE_FILE_HOSTS, "607\t207\n", 1, 1, "address"},
        {RULE_FILE_HOSTS, "0\tdeny\n", 1, 1, "address"},
        {RULE_FILE_HOSTS, "607\tdeny\tnote\tmore\n", 1, 15, "three fields"},
        {RULE_FILE_APPS, "\t207\n", 1, 1, "no app ID"},
        {RULE_FILE_APPS, "com.example.app*\t207\n", 1, 1, "star inside"},
        {RULE_FILE_APPS, "com.*.app\t207\n", 1, 1, "star inside"},
        {RULE_FILE_APPS, "*\t207\n", 1, 1, "star inside"},
        {RULE_FILE_APPS, ".*\t207\n", 1, 1, "empty segment"},
        {RULE_FILE_APPS, "com..example\t207\n", 1, 1, "empty segment"},
        {RULE_FILE_APPS, "com.example..*\t207\n", 1, 1, "empty segment"},
        {RULE_FILE_APPS, ".com.example\t207\n", 1, 1, "empty segment"},
        {RULE_FILE_APPS, "com.example.\t207\n", 1, 1, "ends with a dot"},
        {RULE_FILE_APPS, "com.exam ple\t207\n", 1, 1, "character"},
        {RULE_FILE_APPS,
         "com.b\xc3\xbc"
         "cher\t207\n",
         1, 1, "character"},
        {RULE_FILE_APPS, "com.*\t207\n", 1, 1, "different owners"},
        {RULE_FILE_APPS, "uk.co.*\t207\n", 1, 1, "different owners"},
        {RULE_FILE_APPS, "io.github.*\tdeny\n", 1, 1, "different owners"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rule_row row;
        if (read_one(cases[i].kind, view_of_string(cases[i].text), &row))
            fail_msg("'%s' was read", cases[i].text);
        if (mistakes.count != 1 || mistakes.items[0].line != cases[i].line ||
            mistakes.items[0].column != cases[i].column ||
            strstr(mistakes.items[0].text, cases[i].word) == NULL)
            fail_msg("'%s': %u mistakes, %u:%u: %s", cases[i].text, mistakes.count, mistakes.items[0].line,
                     mistakes.items[0].column, mistakes.items[0].text);
    }
}

static void rule_file_reports_key_and_interests_of_one_row_and_reads_on(void **state)
{
    (void)state;
    struct rule_file file;
    struct rule_row row;
    memset(&mistakes, 0, sizeof(mistakes));
    rule_file_init(&file, RULE_FILE_HOSTS, "rules.tsv", VIEW("com\tx\nbad\nexample.com\t207\nco.uk\tnone\n"),
                   &mistakes);
    assert_true(rule_file_next(&file, &row));
    assert_int_equal(row.line, 3);
    assert_int_equal(row.interest_columns[0], 13);
    assert_false(rule_file_next(&file, &row));
    assert_int_equal(mistakes.count, 4);
    assert_int_equal(mistakes.items[3].line, 4);
}

static void rule_file_refuses_nul(void **state)
{
    (void)state;
    struct rule_row row;
    assert_false(read_one(RULE_FILE_HOSTS, VIEW("example.com\0\t207\n"), &row));
    assert_non_null(strstr(mistakes.items[0].text, "0x00"));
    assert_int_equal(mistakes.items[0].column, 12);
}

static void rule_file_line_holds_at_its_bound_and_breaks_one_past(void **state)
{
    (void)state;
    char text[TSV_LINE_SIZE_MAX + 2] = "example.com\t207\t";
    struct rule_row row;
    size_t start = strlen(text);
    memset(text + start, 'n', sizeof(text) - start);
    text[TSV_LINE_SIZE_MAX] = '\n';
    assert_true(read_one(RULE_FILE_HOSTS, (struct view){text, TSV_LINE_SIZE_MAX + 1}, &row));
    text[TSV_LINE_SIZE_MAX] = 'n';
    text[TSV_LINE_SIZE_MAX + 1] = '\n';
    assert_false(read_one(RULE_FILE_HOSTS, (struct view){text, TSV_LINE_SIZE_MAX + 2}, &row));
    assert_non_null(strstr(mistakes.items[0].text, "4097 bytes"));
}

static void rule_file_app_holds_at_its_bound_and_breaks_one_past(void **state)
{
    (void)state;
    char text[RULE_KEY_SIZE_MAX + 16];
    struct rule_row row;
    memset(text, 'a', sizeof(text));
    memcpy(text + RULE_KEY_SIZE_MAX, "\t207", 4);
    assert_true(read_one(RULE_FILE_APPS, (struct view){text, RULE_KEY_SIZE_MAX + 4}, &row));
    assert_int_equal(row.key_size, RULE_KEY_SIZE_MAX);
    memset(text, 'a', sizeof(text));
    memcpy(text + RULE_KEY_SIZE_MAX + 1, "\t207", 4);
    assert_false(read_one(RULE_FILE_APPS, (struct view){text, RULE_KEY_SIZE_MAX + 5}, &row));
    assert_non_null(strstr(mistakes.items[0].text, "255 bytes"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rule_file_reads_rows_in_canonical_form),
        cmocka_unit_test(rule_file_names_the_place_of_each_mistake),
        cmocka_unit_test(rule_file_reports_key_and_interests_of_one_row_and_reads_on),
        cmocka_unit_test(rule_file_refuses_nul),
        cmocka_unit_test(rule_file_line_holds_at_its_bound_and_breaks_one_past),
        cmocka_unit_test(rule_file_app_holds_at_its_bound_and_breaks_one_past),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
