#include "common/file_watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/clickveil-watch.XXXXXX";
static char first[64], second[64], beside[64];

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(first, sizeof(first), "%s/first", folder);
    snprintf(second, sizeof(second), "%s/second", folder);
    snprintf(beside, sizeof(beside), "%s/beside", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(first);
    unlink(second);
    unlink(beside);
    return rmdir(folder);
}

static void put(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static int64_t clock_ms = 1;

/* A look that counts. */
static bool look(struct file_watch *watch)
{
    clock_ms += FILE_WATCH_EVERY_MS;
    return file_watch_changed(watch, clock_ms);
}

static struct file_watch *watch_both(void)
{
    struct file_watch *watch = file_watch_new();
    put(first, "one");
    put(second, "two");
    assert_true(file_watch_add(watch, first));
    assert_true(file_watch_add(watch, second));
    assert_false(look(watch));
    assert_false(look(watch));
    return watch;
}

static void append(void)
{
    put(second, "two and more");
}

static void replace(void)
{
    put(beside, "two");
    assert_int_equal(rename(beside, second), 0);
}

static void away(void)
{
    assert_int_equal(unlink(second), 0);
}

static void link_over(void)
{
    put(beside, "two");
    assert_int_equal(unlink(second), 0);
    assert_int_equal(symlink("beside", second), 0);
}

static void file_watch_sees_each_kind_of_change_at_the_second_look(void **state)
{
    (void)state;
    static const struct {
        void (*change)(void);
        const char *why;
    } cases[] = {
        {append, "written over"},
        {replace, "another file of the same length"},
        {away, "gone"},
        {link_over, "a link to another file"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct file_watch *watch = watch_both();
        cases[i].change();
        if (look(watch) || !look(watch) || !look(watch))
            fail_msg("%s", cases[i].why);
        file_watch_accept(watch);
        if (look(watch) || look(watch))
            fail_msg("still after it was accepted: %s", cases[i].why);
        file_watch_free(watch);
        unlink(second);
    }
}

static void file_watch_waits_until_a_file_has_come_to_rest(void **state)
{
    (void)state;
    static const char *const growing[] = {"a", "ab", "abc", "abcd"};
    struct file_watch *watch = watch_both();
    for (size_t i = 0; i < 4; i++) {
        put(second, growing[i]);
        assert_false(look(watch));
    }
    assert_true(look(watch));
    file_watch_free(watch);
}

static void file_watch_looks_once_in_its_time(void **state)
{
    (void)state;
    struct file_watch *watch = watch_both();
    put(first, "other");
    assert_false(look(watch));
    assert_false(file_watch_changed(watch, clock_ms + FILE_WATCH_EVERY_MS - 1));
    assert_true(file_watch_changed(watch, clock_ms + FILE_WATCH_EVERY_MS));
    file_watch_free(watch);
}

static void file_watch_sees_a_file_that_comes_later(void **state)
{
    (void)state;
    struct file_watch *watch = file_watch_new();
    unlink(first);
    assert_true(file_watch_add(watch, first));
    assert_false(look(watch));
    put(first, "here");
    assert_false(look(watch));
    assert_true(look(watch));
    file_watch_free(watch);
    file_watch_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_watch_sees_each_kind_of_change_at_the_second_look),
        cmocka_unit_test(file_watch_waits_until_a_file_has_come_to_rest),
        cmocka_unit_test(file_watch_looks_once_in_its_time),
        cmocka_unit_test(file_watch_sees_a_file_that_comes_later),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
