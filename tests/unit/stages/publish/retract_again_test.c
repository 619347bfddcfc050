/*
 * Retractions over time (spec 3, rule 9): after an abort, a crash and a second telling, without an event, over epochs; and
 * how long a choice took.
 */
#include "common/metrics.h"
#include "tests/unit/stages/publish/retract_rig.h"

static void retraction_survives_abort_crash_and_a_second_telling(void **state)
{
    (void)state;
    static const struct {
        bool abort_first, crash_before, crash_between, crash_after;
        const char *why;
    } cases[] = {
        {false, false, false, false, "nothing happens"},
        {true, false, false, false, "an abort while it is taken in"},
        {false, true, false, false, "a crash before it is taken in"},
        {false, false, true, false, "a crash between two tombstones of one person"},
        {false, false, false, true, "a crash behind the last one"},
        {true, true, true, true, "all of it"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rig rig;
        start_with(&rig, "24h", RETRACT_SLOT);
        rig_settle(&rig, false);
        for (unsigned line = 1; line < 5; line++)
            rig_pass(&rig, event_of(&rig, line));
        run_slots(&rig, 97);
        int64_t choice_ms = rig.now_ms;
        for (unsigned time = 0; time < 3; time++) {
            bool crash = time == 0   ? cases[i].crash_before
                         : time == 1 ? cases[i].crash_between
                                     : cases[i].crash_after;
            if (crash)
                restart(&rig);
            /* the whole topic again, at each start */
            if (time == 0 || crash) {
                rig_retract(&rig, SUBJECT_LINE, 1, "a", choice_ms);
                rig_retract(&rig, SUBJECT_ACCOUNT, 0, "b", choice_ms);
                rig_retract(&rig, SUBJECT_DEVICE, 4, "a", choice_ms);
            }
            if (crash)
                rig_restore(&rig, 0);
            if (cases[i].abort_first) {
                rig_flush(&rig, false);
                rig_abort(&rig);
            }
            run_slots(&rig, 45);
        }
        if (strcmp(feeds(&rig), "2 2 2 0; 10") != 0 || strcmp(changelog(&rig), "2 5") != 0)
            fail_msg("%s: %s, %s", cases[i].why, feeds(&rig), changelog(&rig));
        /* and the mark still speaks */
        restart(&rig);
        rig_restore(&rig, 0);
        struct record record = event_of(&rig, 4);
        record.programmes = 1;
        record.subjects[SUBJECT_DEVICE].pseudonym = rig_pseudonym(2, 99);
        record.time_ms = choice_ms;
        rig_drops(&rig, record, PUBLISH_RETRACTED, "the device took the person along");
        rig_release(&rig);
    }
}

static void retraction_is_due_without_any_event(void **state)
{
    (void)state;
    struct rig rig;
    start_with(&rig, "drain", RETRACT_SLOT);
    assert_true(rig_due_ms(&rig) == INT64_MAX);
    rig_pass(&rig, event_of(&rig, 1));
    rig_settle(&rig, true);
    assert_true(rig_due_ms(&rig) == INT64_MAX);
    rig_retract(&rig, SUBJECT_LINE, 1, "a", rig.now_ms);
    assert_true(rig_due_ms(&rig) <= rig.now_ms + 1000);
    rig_settle(&rig, false);
    assert_true(rig_due_ms(&rig) == INT64_MAX);
    rig_retract(&rig, SUBJECT_LINE, 1, "a", rig.now_ms - 1); /* older: nothing new */
    assert_true(rig_due_ms(&rig) == INT64_MAX);
    rig_assign(&rig, 1); /* a partition that has met none of the table */
    assert_true(rig_due_ms(&rig) <= rig.now_ms);
    rig_settle(&rig, false);
    assert_true(rig_due_ms(&rig) == INT64_MAX);
    rig_release(&rig);
}

struct delays {
    uint64_t last_event, last_tombstone; /* how often */
    int64_t last_event_ms, last_tombstone_ms;
};

static void take_delay(void *context, const char *name, const struct metrics_histogram *histogram)
{
    struct delays *delays = context;
    uint64_t count = atomic_load(&histogram->count);
    if (!strcmp(name, "choice_to_last_event")) {
        delays->last_event = count;
        delays->last_event_ms = atomic_load(&histogram->sum_ms);
    } else if (!strcmp(name, "choice_to_last_tombstone")) {
        delays->last_tombstone = count;
        delays->last_tombstone_ms = atomic_load(&histogram->sum_ms);
    } else {
        fail_msg("%s", name);
    }
}

static void retraction_is_measured_from_the_choice_to_what_was_committed(void **state)
{
    (void)state;
    struct rig rig;
    struct delays delays;
    start_with(&rig, "drain", RETRACT_SLOT);
    rig_pass(&rig, event_of(&rig, 1));
    rig_pass(&rig, event_of(&rig, 2));
    rig_settle(&rig, true);
    rig_pass(&rig, event_of(&rig, 3)); /* not in a feed yet */
    rig_settle(&rig, false);
    int64_t choice_ms = rig.now_ms;
    rig_retract(&rig, SUBJECT_ACCOUNT, 0, "a", choice_ms);
    rig.now_ms += 300;
    rig_flush(&rig, false);
    rig_abort(&rig); /* counts for nothing */
    rig.now_ms += 100;
    rig_settle(&rig, false);
    stage_publish.delays(rig.shared, take_delay, &delays);
    assert_true(delays.last_event == 3 && delays.last_event_ms == 3 * 400);
    assert_true(delays.last_tombstone == 0);
    rig.now_ms += 600;
    rig_settle(&rig, true);
    stage_publish.delays(rig.shared, take_delay, &delays);
    assert_true(delays.last_event == 3);
    assert_true(delays.last_tombstone == 2 && delays.last_tombstone_ms == 2 * 1000); /* once for three IDs */
    rig_release(&rig);
}

static void retraction_ends_with_its_epoch(void **state)
{
    (void)state;
    struct rig rig;
    start_with(&rig, "drain", RETRACT_SLOT);
    int64_t choice_ms = rig.now_ms;
    rig_retract(&rig, SUBJECT_LINE, 1, "a", choice_ms);
    rig.now_ms += 7 * RIG_DAY;
    struct record record = event_of(&rig, 1);
    record.programmes = 1;
    rig_pass(&rig, record); /* let through again by consent */
    rig_settle(&rig, true);
    assert_int_equal(live_records(&rig, 0), 1);
    restart(&rig);
    rig_retract(&rig, SUBJECT_LINE, 1, "a", choice_ms);
    rig_restore(&rig, 0);
    rig_settle(&rig, true);
    assert_int_equal(live_records(&rig, 0), 1);
    rig_retract(&rig, SUBJECT_LINE, 1, "a", rig.now_ms); /* and no again */
    rig_settle(&rig, true);
    assert_int_equal(live_records(&rig, 0), 0);
    rig_release(&rig);
}

static void retraction_that_cannot_be_read_stops(void **state)
{
    (void)state;
    struct rig rig;
    start_with(&rig, "drain", RETRACT_SLOT);
    struct followed_record record = {
        .partition = 3, .offset = 14, .key = VIEW("x"), .value = VIEW("{}"), .committed = true};
    assert_false(stage_publish.followed->apply(rig.shared, &record, &rig.error));
    assert_non_null(strstr(rig.error.where, "[3]@14"));
    record.value = VIEW_ABSENT;
    assert_true(
        stage_publish.followed->apply(rig.shared, &record, &rig.error)); /* a tombstone takes nothing back */
    assert_true(stage_publish.followed->complete(rig.shared, &rig.error)); /* nobody need have said no */
    rig_release(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(retraction_survives_abort_crash_and_a_second_telling),
        cmocka_unit_test(retraction_is_due_without_any_event),
        cmocka_unit_test(retraction_is_measured_from_the_choice_to_what_was_committed),
        cmocka_unit_test(retraction_ends_with_its_epoch),
        cmocka_unit_test(retraction_that_cannot_be_read_stops),
    };
    struct error error;
    return process_harden(&error) ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
