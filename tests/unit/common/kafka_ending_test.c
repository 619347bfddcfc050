/* A process ends in time, whatever it waits for: each case is a process of its own. */
#include "common/kafka_ending.h"
#include "common/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { LONG_MS = 600000, STATUS = 69, BY_ITSELF = 3 };

static void wait_for_ever(void)
{
    for (;;)
        pause();
}

static void hangs(void)
{
    kafka_ending_set(20, STATUS, "the test");
    wait_for_ever();
}

static void hangs_in_its_second_step(void)
{
    kafka_ending_set(LONG_MS, STATUS, "the first step");
    kafka_ending_set(20, STATUS + 1, "the second step");
    wait_for_ever();
}

static void has_no_time_at_all(void)
{
    kafka_ending_set(0, STATUS, "the test");
    wait_for_ever();
}

static void hangs_after_it_was_released_and_set_again(void)
{
    kafka_ending_set(LONG_MS, STATUS, "the test");
    kafka_ending_release();
    kafka_ending_set(20, STATUS + 1, "the test");
    wait_for_ever();
}

static void is_given_more_time(void)
{
    kafka_ending_set(20, STATUS, "the test");
    kafka_ending_set(LONG_MS, STATUS, "the test");
    usleep(200000); /* longer than it had at first */
    _exit(BY_ITSELF);
}

static void is_released(void)
{
    kafka_ending_set(20, STATUS, "the test");
    kafka_ending_release();
    kafka_ending_release();
    usleep(200000);
    _exit(BY_ITSELF);
}

static void never_set_one(void)
{
    kafka_ending_release();
    _exit(BY_ITSELF);
}

static void it_ends_with_its_status_only_when_the_time_is_over(void **state)
{
    (void)state;
    static const struct {
        void (*body)(void);
        int status;
        const char *why;
    } cases[] = {
        {hangs, STATUS, "it hangs"},
        {hangs_in_its_second_step, STATUS + 1, "the newest deadline counts, when it is earlier"},
        {has_no_time_at_all, STATUS, "zero is now"},
        {hangs_after_it_was_released_and_set_again, STATUS + 1, "released is not for ever"},
        {is_given_more_time, BY_ITSELF, "the newest deadline counts, when it is later"},
        {is_released, BY_ITSELF, "what was released does not end it"},
        {never_set_one, BY_ITSELF, "nothing to release"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        int status;
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            log_init(LOG_FORMAT_TEXT, LOG_LEVEL_NONE);
            cases[i].body();
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != cases[i].status)
            fail_msg("%s: %d", cases[i].why, status);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_ends_with_its_status_only_when_the_time_is_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
