/* Whose choice is not done with: from the choice until the last tombstone stands, or nothing of the person is published. */
#include "tests/unit/stages/publish/rig.h"

#define HOUR_MS INT64_C(3600000)

static void start(struct rig *rig, const char *update_every, enum retract_when retract)
{
    rig_init(rig);
    rig->options.k = 1;
    rig->options.update_every = view_of_string(update_every);
    rig->options.retract = (int)retract;
    rig_feed(rig, "acme", "a", FEED_SUBJECT_USER);
    rig_feed(rig, "best", "a", FEED_SUBJECT_USER);
    rig_start(rig);
    rig_assign(rig, 0);
    assert_true(stage_publish.partitioned->restored(rig->state, 0, &rig->error));
}

static void run_slots(struct rig *rig, unsigned slots)
{
    for (unsigned i = 0; i < slots; i++) {
        rig->now_ms += CALENDAR_SLOT_MS;
        rig_settle(rig, false);
    }
}

static int64_t oldest_ms(const struct rig *rig)
{
    return stage_publish.oldest_choice_ms(rig->shared);
}

static int64_t day_ms(int64_t time_ms)
{
    return time_ms - time_ms % RIG_DAY;
}

static unsigned tombstones(const struct rig *rig)
{
    unsigned count = 0;
    for (size_t i = 0; i < rig->committed.count; i++)
        count += rig->committed.items[i].topic == TOPIC_FEED && !rig->committed.items[i].value;
    return count;
}

/* Four people in the feeds. */
static void publish_four(struct rig *rig)
{
    for (unsigned line = 0; line < 4; line++)
        rig_pass(rig, rig_event(rig, line, 10));
    run_slots(rig, 97);
    assert_true(oldest_ms(rig) == INT64_MAX);
}

static void choice_waits_until_its_last_tombstone(void **state)
{
    (void)state;
    struct rig rig;
    start(&rig, "24h", RETRACT_SLOT);
    publish_four(&rig);
    int64_t first_ms = rig.now_ms - 3 * RIG_DAY, second_ms = rig.now_ms - RIG_DAY;
    rig_retract_chosen(&rig, SUBJECT_LINE, 1, "a", rig.now_ms, first_ms);
    rig_retract_chosen(&rig, SUBJECT_LINE, 2, "a", rig.now_ms, second_ms);
    rig_retract_chosen(&rig, SUBJECT_LINE, 99, "a", rig.now_ms,
                       first_ms - RIG_DAY); /* nobody knows that one */
    rig_settle(&rig, false);
    for (unsigned slot = 0; slot < 97; slot++) {
        int64_t now_ms = oldest_ms(&rig);
        if (tombstones(&rig) < 2)
            assert_true(now_ms == day_ms(first_ms)); /* each of the two has two tombstones to come */
        assert_true(now_ms == day_ms(first_ms) || now_ms == day_ms(second_ms) || now_ms == INT64_MAX);
        assert_int_equal(now_ms == INT64_MAX, tombstones(&rig) == 4);
        run_slots(&rig, 1);
    }
    assert_int_equal(tombstones(&rig), 4);
    assert_true(oldest_ms(&rig) == INT64_MAX);
    rig_release(&rig);
}

static void choice_waits_over_an_abort_and_a_restart(void **state)
{
    (void)state;
    struct rig rig;
    start(&rig, "drain", RETRACT_SLOT);
    for (unsigned line = 0; line < 4; line++)
        rig_pass(&rig, rig_event(&rig, line, 10));
    rig_settle(&rig, true);
    int64_t chosen_ms = rig.now_ms - 2 * RIG_DAY;
    rig_retract_chosen(&rig, SUBJECT_LINE, 1, "a", rig.now_ms, chosen_ms);
    rig_flush(&rig, false);
    rig_abort(&rig);
    rig_settle(&rig, false);
    assert_true(oldest_ms(&rig) == day_ms(chosen_ms));
    rig_flush(&rig, true); /* its tombstones */
    rig_abort(&rig);
    rig_settle(&rig, false);
    assert_true(oldest_ms(&rig) == day_ms(chosen_ms));
    rig_stop(&rig);
    rig_start(&rig);
    rig_restore(&rig, 0);
    rig_retract_chosen(&rig, SUBJECT_LINE, 1, "a", rig.now_ms, chosen_ms); /* the topic is read again */
    rig_settle(&rig, false);
    assert_true(oldest_ms(&rig) == day_ms(chosen_ms));
    rig_settle(&rig, true);
    assert_int_equal(tombstones(&rig), 2);
    assert_true(oldest_ms(&rig) == INT64_MAX);
    rig_release(&rig);
}

static void choice_that_leaves_nothing_published_waits_for_nothing(void **state)
{
    (void)state;
    struct rig rig;
    start(&rig, "24h", RETRACT_SLOT);
    rig_settle(&rig, false);
    rig_pass(&rig, rig_event(&rig, 1, 10));
    rig_retract_chosen(&rig, SUBJECT_LINE, 1, "a", rig.now_ms, rig.now_ms - RIG_DAY);
    rig_settle(&rig, false); /* before its slot */
    assert_true(oldest_ms(&rig) == INT64_MAX);
    rig_release(&rig);
    start(&rig, "24h", RETRACT_NOW);
    publish_four(&rig);
    rig_retract_chosen(&rig, SUBJECT_LINE, 1, "a", rig.now_ms, rig.now_ms - RIG_DAY);
    rig_settle(&rig, false);
    assert_int_equal(tombstones(&rig), 2);
    assert_true(oldest_ms(&rig) == INT64_MAX);
    rig_release(&rig);
}

static void choice_that_is_not_taken_in_yet_waits_too(void **state)
{
    (void)state;
    struct rig rig;
    start(&rig, "24h", RETRACT_SLOT);
    publish_four(&rig);
    int64_t flushed_ms = rig.now_ms;
    rig.now_ms += 5 * RIG_DAY; /* nothing is committed while consent holds */
    rig_retract(&rig, SUBJECT_LINE, 1, "a", flushed_ms + HOUR_MS);
    assert_true(oldest_ms(&rig) == flushed_ms);
    rig_release(&rig);
}

static void choice_counts_as_ninety_days_old_at_most(void **state)
{
    (void)state;
    struct rig rig;
    start(&rig, "24h", RETRACT_SLOT);
    publish_four(&rig);
    rig_retract_chosen(&rig, SUBJECT_LINE, 1, "a", rig.now_ms, 0);
    rig_settle(&rig, false);
    assert_true(oldest_ms(&rig) == day_ms(rig.now_ms) - 90 * RIG_DAY);
    rig_release(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(choice_waits_until_its_last_tombstone),
        cmocka_unit_test(choice_waits_over_an_abort_and_a_restart),
        cmocka_unit_test(choice_that_leaves_nothing_published_waits_for_nothing),
        cmocka_unit_test(choice_that_is_not_taken_in_yet_waits_too),
        cmocka_unit_test(choice_counts_as_ninety_days_old_at_most),
    };
    struct error error;
    return process_harden(&error) ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
