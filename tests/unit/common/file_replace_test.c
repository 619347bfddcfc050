#include "common/file_replace.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/clickveil-replace.XXXXXX";
static char path[64];
static struct error error;

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/file", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder); /* fails when anything was left beside it */
}

static void expect_file(const char *text, unsigned mode)
{
    struct view bytes;
    struct stat status;
    assert_true(file_read(path, 1000, &bytes, &error));
    assert_true(view_equal_string(bytes, text));
    file_free(bytes);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, mode);
}

static unsigned entries(void)
{
    unsigned count = 0;
    DIR *directory = opendir(folder);
    assert_non_null(directory);
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count - 2; /* . and .. */
}

static void file_replace_puts_a_whole_file_into_its_place(void **state)
{
    (void)state;
    struct file_replace file;
    umask(022);
    assert_true(file_replace_begin(&file, path, 0666, &error));
    assert_true(file_replace_write(&file, "one ", 4, &error));
    assert_true(file_replace_write(&file, "two", 3, &error));
    assert_int_equal(file.size_bytes, 7);
    assert_int_equal(access(path, F_OK), -1); /* not before its end */
    assert_true(file_replace_end(&file, &error));
    expect_file("one two", 0644);
    assert_true(file_replace_begin(&file, path, 0444, &error));
    assert_true(file_replace_write(&file, "three", 5, &error));
    expect_file("one two", 0644);
    assert_true(file_replace_end(&file, &error));
    expect_file("three", 0444);
    file_replace_give_up(&file); /* too late, and harmless */
    expect_file("three", 0444);
    assert_int_equal(entries(), 1);
}

static void file_replace_leaves_the_old_file_when_it_is_given_up(void **state)
{
    (void)state;
    struct file_replace file;
    assert_true(file_replace_begin(&file, path, 0644, &error));
    assert_true(file_replace_write(&file, "half", 4, &error));
    assert_int_equal(entries(), 2);
    file_replace_give_up(&file);
    file_replace_give_up(&file);
    expect_file("three", 0444);
    assert_int_equal(entries(), 1);
}

static void file_replace_says_where_it_cannot_write(void **state)
{
    (void)state;
    struct file_replace file;
    char nowhere[128];
    snprintf(nowhere, sizeof(nowhere), "%s/no/folder", folder);
    assert_false(file_replace_begin(&file, nowhere, 0644, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_IO);
    assert_string_equal(error.where, nowhere);
    file_replace_give_up(&file);
    /* a folder comes into its place meanwhile */
    snprintf(nowhere, sizeof(nowhere), "%s/folder", folder);
    assert_true(file_replace_begin(&file, nowhere, 0644, &error));
    assert_int_equal(mkdir(nowhere, 0700), 0);
    assert_false(file_replace_end(&file, &error));
    assert_int_equal(rmdir(nowhere), 0);
    assert_int_equal(entries(), 1);
}

static void file_replace_takes_the_place_of_regular_files_only(void **state)
{
    (void)state;
    struct file_replace file;
    char place[128];
    snprintf(place, sizeof(place), "%s/place", folder);
    for (unsigned i = 0; i < 3; i++) {
        static const char *const why[] = {"a folder", "a link to a file", "a pipe, as a device would be"};
        int made = i == 0 ? mkdir(place, 0700) : i == 1 ? symlink("file", place) : mkfifo(place, 0600);
        assert_int_equal(made, 0);
        error = (struct error){0};
        if (file_replace_begin(&file, place, 0644, &error) || error.exit_status != EXIT_STATUS_IO ||
            strcmp(error.where, place) != 0 || entries() != 2)
            fail_msg("%s", why[i]);
        file_replace_give_up(&file);
        assert_int_equal(remove(place), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_replace_puts_a_whole_file_into_its_place),
        cmocka_unit_test(file_replace_leaves_the_old_file_when_it_is_given_up),
        cmocka_unit_test(file_replace_says_where_it_cannot_write),
        cmocka_unit_test(file_replace_takes_the_place_of_regular_files_only),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
