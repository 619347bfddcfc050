#include "common/mapped_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { SIZE = 3 * 65536 + 17 };

static char folder[] = "/tmp/clickveil-mapped.XXXXXX";
static char path[64];
static char content[SIZE];

static int make_folder(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SIZE; i++)
        content[i] = (char)(i * 31 + i / 251);
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/file", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static void write_file(const char *data, size_t size)
{
    unlink(path);
    int descriptor = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, data, size), size);
    close(descriptor);
}

static struct mapped_file *map(void)
{
    struct error error = {0};
    struct mapped_file *file = mapped_file_new(path, SIZE, &error);
    if (file == NULL)
        fail_msg("%s", error.what);
    return file;
}

static void expect_content(const struct mapped_file *file)
{
    struct view bytes = mapped_file_bytes(file);
    assert_int_equal(bytes.size, SIZE);
    assert_memory_equal(bytes.data, content, SIZE);
}

static void mapped_file_shows_the_file_and_shares_it(void **state)
{
    (void)state;
    write_file(content, SIZE);
    struct mapped_file *file = map(), *again = map();
    expect_content(file);
    expect_content(again);
    assert_true(mapped_file_is_shared(file));
    assert_true(mapped_file_is_shared(again));
    mapped_file_free(file);
    expect_content(again);
    mapped_file_free(again);
    mapped_file_free(NULL);
}

static void mapped_file_refuses_what_it_cannot_map(void **state)
{
    (void)state;
    struct error error = {0};
    assert_null(mapped_file_new("/nowhere/at/all", SIZE, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_CONFIGURATION);
    assert_null(mapped_file_new(folder, SIZE, &error));
    assert_non_null(strstr(error.what, "regular"));
    write_file("", 0);
    assert_null(mapped_file_new(path, SIZE, &error));
    assert_non_null(strstr(error.what, "empty"));
    write_file(content, SIZE);
    assert_null(mapped_file_new(path, SIZE - 1, &error));
    assert_string_equal(error.where, path);
    write_file(content, 1);
    struct mapped_file *file = mapped_file_new(path, 1, &error);
    assert_non_null(file);
    mapped_file_free(file);
}

/* Another process does it, as an operator would. */
static void in_a_child(void (*act)(void))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        act();
        _exit(errno == 0 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void cut(void)
{
    errno = 0;
    (void)!truncate(path, 10);
}

static void overwrite(void)
{
    static const char other[65536] = "other";
    errno = 0;
    int descriptor = open(path, O_WRONLY | O_TRUNC);
    if (descriptor >= 0 && write(descriptor, other, sizeof(other)) > 0)
        errno = 0;
    close(descriptor);
}

static void flip(void)
{
    errno = 0;
    int descriptor = open(path, O_WRONLY);
    (void)!pwrite(descriptor, "\xff\xff\xff\xff", 4, 4096);
    close(descriptor);
}

static void mapped_file_shows_what_it_showed_whatever_is_done_to_the_file(void **state)
{
    (void)state;
    static const struct {
        void (*act)(void);
        const char *why;
    } cases[] = {
        {cut, "truncated: a read behind the new end would be SIGBUS"},
        {overwrite, "written over, as cp does"},
        {flip, "changed in the middle"},
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        write_file(content, SIZE);
        struct mapped_file *file = map();
        const char *before = mapped_file_bytes(file).data;
        assert_true(mapped_file_is_shared(file));
        in_a_child(cases[i].act);
        expect_content(file);
        assert_ptr_equal(mapped_file_bytes(file).data, before); /* readers hold pointers */
        assert_false(mapped_file_is_shared(file));
        assert_true(mapped_file_is_whole(file));
        mapped_file_free(file);
    }
}

/* The lease that the guard holds, taken away as the kernel does when nobody answered a writer for its time. */
static void take_lease_away(void)
{
    struct stat wanted, status;
    bool taken = false;
    assert_int_equal(stat(path, &wanted), 0);
    for (int descriptor = 3; descriptor < 256 && !taken; descriptor++)
        taken = fstat(descriptor, &status) == 0 && status.st_ino == wanted.st_ino &&
                status.st_dev == wanted.st_dev && fcntl(descriptor, F_SETLEASE, F_UNLCK) == 0;
    assert_true(taken);
}

static void mapped_file_trusts_no_copy_that_was_made_without_a_lease(void **state)
{
    (void)state;
    write_file(content, SIZE);
    struct mapped_file *file = map();
    assert_true(mapped_file_is_shared(file));
    assert_true(mapped_file_is_whole(file));
    take_lease_away();
    while (mapped_file_is_whole(file)) /* until the guard has looked; a good copy would be whole for ever */
        sched_yield();
    assert_false(mapped_file_is_shared(file));
    mapped_file_free(file);
}

static void mapped_file_lets_go_of_the_file_when_it_is_freed(void **state)
{
    (void)state;
    write_file(content, SIZE);
    mapped_file_free(map());
    in_a_child(cut); /* would wait 45 seconds for a lease */
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_size, 10);
}

static void mapped_file_copies_what_somebody_is_writing(void **state)
{
    (void)state;
    write_file(content, SIZE);
    int writer = open(path, O_WRONLY);
    struct mapped_file *file = map();
    assert_false(mapped_file_is_shared(file));
    assert_int_equal(pwrite(writer, "\xff\xff\xff\xff", 4, 4096), 4);
    assert_int_equal(ftruncate(writer, 5), 0);
    close(writer);
    expect_content(file);
    assert_true(mapped_file_is_whole(file));
    mapped_file_free(file);
}

static void mapped_file_holds_on_to_what_was_renamed_away(void **state)
{
    (void)state;
    write_file(content, SIZE);
    struct mapped_file *file = map();
    write_file("new", 3); /* another file of that name */
    expect_content(file);
    assert_true(mapped_file_is_shared(file));
    mapped_file_free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mapped_file_shows_the_file_and_shares_it),
        cmocka_unit_test(mapped_file_refuses_what_it_cannot_map),
        cmocka_unit_test(mapped_file_shows_what_it_showed_whatever_is_done_to_the_file),
        cmocka_unit_test(mapped_file_trusts_no_copy_that_was_made_without_a_lease),
        cmocka_unit_test(mapped_file_lets_go_of_the_file_when_it_is_freed),
        cmocka_unit_test(mapped_file_copies_what_somebody_is_writing),
        cmocka_unit_test(mapped_file_holds_on_to_what_was_renamed_away),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
