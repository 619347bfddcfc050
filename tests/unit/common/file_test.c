#include "common/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/clickveil-file-test-XXXXXX";

static const char *path_of(const char *name)
{
    static char path[FILE_PATH_SIZE];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void write_file(const char *name, const char *text, size_t size)
{
    FILE *file = fopen(path_of(name), "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void file_is_read_whole_with_nul_behind_it(void **state)
{
    (void)state;
    struct error error = {0};
    struct view bytes;
    write_file("some", "a\0b", 3);
    assert_true(file_read(path_of("some"), 3, &bytes, &error));
    assert_int_equal(bytes.size, 3);
    assert_memory_equal(bytes.data, "a\0b", 4);
    file_free(bytes);
}

static void file_that_is_empty_is_not_absent(void **state)
{
    (void)state;
    struct error error = {0};
    struct view bytes;
    write_file("empty", "", 0);
    assert_true(file_read(path_of("empty"), 0, &bytes, &error));
    assert_false(view_is_absent(bytes));
    assert_int_equal(bytes.size, 0);
    file_free(bytes);
    file_free(VIEW_ABSENT);
}

static void expect_refusal(const char *path, size_t size_bytes_max, const char *word)
{
    struct error error = {0};
    struct view bytes = VIEW("untouched");
    assert_false(file_read(path, size_bytes_max, &bytes, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_CONFIGURATION);
    assert_non_null(strstr(error.what, word));
    assert_string_equal(error.where, path);
    assert_true(view_equal_string(bytes, "untouched"));
}

static void file_one_byte_too_large_is_refused(void **state)
{
    (void)state;
    write_file("three", "abc", 3);
    expect_refusal(path_of("three"), 2, "more than the 2 allowed");
}

static void file_that_is_none_is_refused(void **state)
{
    (void)state;
    expect_refusal(path_of("missing"), 10, "No such file");
    expect_refusal(folder, 10, "not a regular file");
    assert_int_equal(mkfifo(path_of("pipe"), 0600), 0);
    expect_refusal(path_of("pipe"), 10, "not a regular file"); /* and does not hang */
    expect_refusal("/dev/null", 10, "not a regular file");
}

static void file_of_the_product_is_found_above_the_program(void **state)
{
    (void)state;
    char path[FILE_PATH_SIZE];
    struct error error = {0};
    unsetenv("CLICKVEIL_DATA_DIR");
    assert_true(file_find_data("config/rules/hosts.tsv", path, &error));
    assert_int_equal(access(path, R_OK), 0);
    assert_false(file_find_data("config/rules/no-such-file.tsv", path, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_CONFIGURATION);
}

static void file_of_the_product_is_looked_for_only_where_the_environment_says(void **state)
{
    (void)state;
    char path[FILE_PATH_SIZE] = "untouched";
    struct error error = {0};
    setenv("CLICKVEIL_DATA_DIR", folder, 1);
    assert_false(file_find_data("config/rules/hosts.tsv", path, &error));
    assert_string_equal(path, "untouched");
    write_file("mine.tsv", "", 0);
    assert_true(file_find_data("mine.tsv", path, &error));
    assert_string_equal(path, path_of("mine.tsv"));
    unsetenv("CLICKVEIL_DATA_DIR");
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
    static const char *const names[] = {"some", "empty", "three", "pipe", "mine.tsv"};
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        unlink(path_of(names[i]));
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_is_read_whole_with_nul_behind_it),
        cmocka_unit_test(file_that_is_empty_is_not_absent),
        cmocka_unit_test(file_one_byte_too_large_is_refused),
        cmocka_unit_test(file_that_is_none_is_refused),
        cmocka_unit_test(file_of_the_product_is_found_above_the_program),
        cmocka_unit_test(file_of_the_product_is_looked_for_only_where_the_environment_says),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
