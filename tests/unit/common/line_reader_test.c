#include "common/line_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { LIMIT = 8 };

static char path[] = "/tmp/clickveil-lines-XXXXXX";

static void write_file(struct view content)
{
    memcpy(path + sizeof path - 7, "XXXXXX", 6);
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, content.data, content.size), (ssize_t)content.size);
    close(descriptor);
}

/* Reads all lines as "[text]" each, "[text...]" when cut. */
static void expect(struct view content, const char *wanted, const char *why)
{
    char got[256] = "";
    size_t at = 0;
    struct line_reader reader;
    struct error error = {0};
    write_file(content);
    assert_true(line_reader_open(&reader, path, LIMIT, -1, &error));
    struct line line;
    enum line_result result;
    uint64_t number = 0;
    while ((result = line_reader_next(&reader, &line, &error)) == LINE_READ) {
        assert_non_null(line.text.data);
        assert_int_equal(line.number, number++);
        got[at++] = '[';
        for (size_t i = 0; i < line.text.size; i++)
            got[at++] = line.text.data[i] ? line.text.data[i] : '0';
        at += (size_t)snprintf(got + at, sizeof got - at, "%s]", line.cut ? "..." : "");
    }
    assert_int_equal(result, LINE_END);
    assert_int_equal(line_reader_next(&reader, &line, &error), LINE_END);
    line_reader_close(&reader);
    unlink(path);
    if (strcmp(got, wanted) != 0)
        fail_msg("%s: wanted %s, got %s", why, wanted, got);
}

static void line_reader_hands_on_what_stands_between_newlines(void **state)
{
    (void)state;
    static const struct {
        struct view content;
        const char *lines, *why;
    } cases[] = {
        {VIEW(""), "", "an empty file has no lines"},
        {VIEW("\n"), "[]", "an empty line is a line"},
        {VIEW("a\nb\n"), "[a][b]", "two lines"},
        {VIEW("a\nb"), "[a][b]", "the last one without a newline"},
        {VIEW("a\n\n\nb\n"), "[a][][][b]", "empty lines between"},
        {VIEW("a\r\nb\r\n"), "[a\r][b\r]", "a carriage return is part of the line"},
        {VIEW("a\0b\n\0\n"), "[a0b][0]", "NUL is a byte like others"},
        {VIEW("12345678\nb\n"), "[12345678][b]", "as long as allowed"},
        {VIEW("123456789\nb\n"), "[12345678...][b]", "one more: cut, and the next line is whole"},
        {VIEW("12345678"), "[12345678]", "as long as allowed, without a newline"},
        {VIEW("123456789"), "[12345678...]", "one more, without a newline"},
        {VIEW("123456789\n"), "[12345678...]", "nothing behind a line that was cut"},
        {VIEW("123456789012345678901234567890\n\nb"), "[12345678...][][b]", "much too long"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect(cases[i].content, cases[i].lines, cases[i].why);
}

static void line_reader_stays_in_its_memory_with_lines_across_reads(void **state)
{
    (void)state;
    /* Four megabytes: short lines, so that some cross every edge of the buffer, then one line of three megabytes. */
    size_t size = 4 << 20, shorts = 1 << 20;
    char *content = malloc(size);
    assert_non_null(content);
    uint64_t lines = 0;
    for (size_t i = 0; i < shorts; i++) {
        content[i] = i % 7 == 6 ? '\n' : 'x';
        lines += i % 7 == 6;
    }
    memset(content + shorts, 'y', size - shorts);
    write_file((struct view){content, size});
    struct line_reader reader;
    struct error error = {0};
    struct line line;
    assert_true(line_reader_open(&reader, path, LIMIT, -1, &error));
    for (uint64_t i = 0; i < lines; i++) {
        assert_int_equal(line_reader_next(&reader, &line, &error), LINE_READ);
        assert_int_equal(line.text.size, 6);
        assert_memory_equal(line.text.data, "xxxxxx", 6);
    }
    assert_int_equal(line_reader_next(&reader, &line, &error), LINE_READ);
    assert_true(line.cut);
    assert_int_equal(line.text.size, LIMIT);
    assert_int_equal(line_reader_next(&reader, &line, &error), LINE_END);
    assert_int_equal(reader.bytes, size);
    assert_int_equal(reader.bytes_all, size);
    line_reader_close(&reader);
    unlink(path);
    free(content);
}

static void line_reader_is_woken_while_it_waits_and_keeps_what_it_read(void **state)
{
    (void)state;
    int input[2], wake[2];
    assert_int_equal(pipe(input), 0);
    assert_int_equal(pipe(wake), 0);
    int saved = dup(STDIN_FILENO);
    dup2(input[0], STDIN_FILENO);
    assert_int_equal(write(input[1], "a\nb", 3), 3);
    struct line_reader reader;
    struct error error = {0};
    struct line line;
    assert_true(line_reader_open(&reader, "-", LIMIT, wake[0], &error));
    assert_int_equal(line_reader_next(&reader, &line, &error), LINE_READ);
    assert_int_equal(write(wake[1], "", 1), 1);
    assert_int_equal(line_reader_next(&reader, &line, &error), LINE_WOKEN);
    char byte;
    assert_int_equal(read(wake[0], &byte, 1), 1);
    close(input[1]);
    assert_int_equal(line_reader_next(&reader, &line, &error), LINE_READ);
    assert_true(view_equal_string(line.text, "b"));
    assert_int_equal(line_reader_next(&reader, &line, &error), LINE_END);
    line_reader_close(&reader);
    dup2(saved, STDIN_FILENO);
    close(saved);
    close(input[0]);
    close(wake[0]);
    close(wake[1]);
}

static void line_reader_says_what_it_cannot_read(void **state)
{
    (void)state;
    struct line_reader reader;
    struct error error = {0};
    struct line line;
    assert_false(line_reader_open(&reader, "/nowhere/at/all", LIMIT, -1, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_IO);
    assert_string_equal(error.where, "/nowhere/at/all");
    error = (struct error){0};
    assert_true(line_reader_open(&reader, "/tmp", LIMIT, -1, &error)); /* a folder opens, but has no bytes */
    assert_int_equal(line_reader_next(&reader, &line, &error), LINE_FAILED);
    assert_int_equal(error.exit_status, EXIT_STATUS_IO);
    line_reader_close(&reader);
    line_reader_close(&(struct line_reader){0});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(line_reader_hands_on_what_stands_between_newlines),
        cmocka_unit_test(line_reader_stays_in_its_memory_with_lines_across_reads),
        cmocka_unit_test(line_reader_is_woken_while_it_waits_and_keeps_what_it_read),
        cmocka_unit_test(line_reader_says_what_it_cannot_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
