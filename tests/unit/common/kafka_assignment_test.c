/* What is said when a group was to go on where nothing stands any more. */
#include "common/kafka_assignment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void gap_says_what_happened_and_how_to_go_on(void **state)
{
    (void)state;
    static const struct {
        int64_t next, first, end;
        bool is_choices;
        const char *what, *action;
        const char *why;
    } cases[] = {
        {120, 0, 7, false,
         "the group was to go on at offset 120 and the topic ends at 7: it was deleted and made anew, or cut",
         "`kafka-consumer-groups.sh --delete-offsets --group g --topic t` lets them begin with the first "
         "record",
         "a topic that is shorter than it was"},
        {120, 0, 7, true,
         "the group was to go on at offset 120 and the topic ends at 7: it was deleted and made anew, or cut",
         "put the choices back into the topic (`clickveil consent import`, or what fills it) and stop all "
         "processes; then `kafka-consumer-groups.sh --delete-offsets --group g --topic t` lets it be read "
         "from its beginning",
         "of choices: they come first"},
        {12, 40, 90, false,
         "the group was to go on at offset 12 and the first record that is left is 40: those before it were "
         "deleted before they were processed",
         "`kafka-consumer-groups.sh --reset-offsets --to-offset 40 --execute --group g --topic t:3` goes on "
         "behind the loss",
         "retention was too short"},
        {12, 40, 90, true, "those before it were deleted before they were processed",
         "lets it be read from its beginning", "choices are never passed over"},
        {12, 40, 11, false, "the topic ends at 11: it was deleted and made anew, or cut", "--to-offset 40",
         "both, which no broker says"},
        {7, 0, 7, false, "offset 7, where the group was to go on, is not there any more", "--delete-offsets",
         "its end is where one goes on: by now it grew again"},
        {5, -1, -1, false, "offset 5, where the group was to go on, is not there any more",
         "--delete-offsets", "the broker can't be asked"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct kafka_gap gap = {.topic = "t",
                                .group = "g",
                                .partition = 3,
                                .next = cases[i].next,
                                .first = cases[i].first,
                                .end = cases[i].end,
                                .is_choices = cases[i].is_choices};
        struct error error = {0};
        assert_false(kafka_gap_fail(&gap, &error));
        assert_int_equal(error.exit_status, EXIT_STATUS_UNAVAILABLE);
        assert_string_equal(error.where, "t[3]");
        if (!strstr(error.what, cases[i].what) || !strstr(error.action, cases[i].action))
            fail_msg("%s: %s; %s", cases[i].why, error.what, error.action);
        assert_false(kafka_gap_fail(&gap, NULL));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gap_says_what_happened_and_how_to_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
