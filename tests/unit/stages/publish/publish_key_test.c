/*
 * publish and its chain of keys: which epochs it takes, when it lets keys go, and what becomes of a state whose keys are
 * gone, or another chain's. The chain itself is tested in tests/unit/common/ratchet_test.c.
 */
#include "common/ratchet.h"
#include "tests/unit/stages/publish/rig.h"

#define EPOCH (7 * RIG_DAY)

enum { NOW_EPOCH = 2677 }; /* of RIG_NOW, five days into it */

static void set_up(struct rig *rig, int32_t first_epoch)
{
    rig_init(rig);
    rig->first_epoch = first_epoch;
    rig->options.k = 1;
    rig->options.update_every = VIEW("24h");
    rig->options.key_grace_ms = RIG_DAY;
    rig_feed(rig, "acme", "a", FEED_SUBJECT_USER);
}

static int32_t file_epoch(struct rig *rig)
{
    struct ratchet_times times;
    struct view path = publish_options_key_chain(&rig->config, &rig->options, &times);
    struct secret *link = ratchet_load(path.data, &times, &rig->error);
    assert_non_null(link);
    int32_t epoch = secret_place(link)->epoch;
    secret_free(link);
    return epoch;
}

static void pass_days(struct rig *rig, unsigned days)
{
    for (unsigned i = 0; i < days; i++) {
        rig->now_ms += RIG_DAY;
        rig_settle(rig, false);
        rig_tend(rig);
    }
}

static size_t tombstones(const struct rig *rig, enum topic_role topic)
{
    size_t count = 0;
    for (size_t i = 0; i < rig->committed.count; i++)
        count += rig->committed.items[i].topic == topic && !rig->committed.items[i].value;
    return count;
}

static double gauge;
static const char *gauge_name;

static void take_gauge(void *context, const char *name, double value)
{
    (void)context;
    if (!strcmp(name, gauge_name))
        gauge = value;
}

static double gauge_of(const struct rig *rig, const char *name)
{
    gauge = -1;
    gauge_name = name;
    stage_publish.gauges(rig->shared, take_gauge, NULL);
    return gauge;
}

static void publish_drops_events_of_epochs_before_its_keys(void **state)
{
    (void)state;
    for (unsigned files = 0; files < 2; files++) {
        struct rig rig;
        set_up(&rig, NOW_EPOCH);
        rig.options.epoch_ms = EPOCH;
        rig.files = files;
        rig.now_ms = NOW_EPOCH * EPOCH + RIG_DAY; /* the last epoch lives */
        rig_start(&rig);
        rig_assign(&rig, 0);
        struct record late = rig_event(&rig, 1, 10);
        late.time_ms -= 2 * RIG_DAY;
        rig_drops(&rig, late, PUBLISH_EPOCH_OVER, "its epoch lives by the clock, but its keys are gone");
        rig_pass(&rig, rig_event(&rig, 1, 10));
        struct record ahead = rig_event(&rig, 1, 10);
        ahead.time_ms += RIG_DAY;
        rig_pass(&rig, ahead);
        rig_settle(&rig, true);
        rig_release(&rig);
    }
}

static void publish_lets_keys_go_when_the_last_tombstone_is_written(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, NOW_EPOCH - 1);
    rig_start(&rig);
    rig_assign(&rig, 0);
    for (unsigned line = 0; line < 20; line++)
        rig_pass(&rig, rig_event(&rig, line, 10));
    rig_settle(&rig, false);
    rig_tend(&rig);
    assert_int_equal(file_epoch(&rig),
                     NOW_EPOCH); /* four days behind the end of the last one, which nobody is in */
    pass_days(&rig, 1);
    assert_int_equal(rig_count(&rig, TOPIC_FEED), 20);
    rig.now_ms = (NOW_EPOCH + 1) * EPOCH;
    pass_days(&rig, 1);
    assert_int_equal(tombstones(&rig, TOPIC_FEED), 0); /* it lives on for late events */
    pass_days(&rig, 1);
    pass_days(&rig, 1);
    assert_int_equal(tombstones(&rig, TOPIC_FEED), 20);
    assert_int_equal(file_epoch(&rig), NOW_EPOCH); /* grace */
    assert_true(gauge_of(&rig, "key_overdue_seconds") == 0);
    pass_days(&rig, 1);
    assert_int_equal(file_epoch(&rig), NOW_EPOCH + 1);
    assert_true(gauge_of(&rig, "key_epoch") == NOW_EPOCH + 1);
    struct record late = rig_event(&rig, 1, 10);
    late.time_ms = (NOW_EPOCH + 1) * EPOCH - 1;
    rig_drops(&rig, late, PUBLISH_EPOCH_OVER, "its epoch is over");
    rig_pass(&rig, rig_event(&rig, 1, 10)); /* and work goes on with the new epoch's keys */
    pass_days(&rig, 1);
    assert_int_equal(rig_count(&rig, TOPIC_FEED), 41);
    rig_release(&rig);
}

static void publish_keeps_keys_while_it_has_an_id_that_needs_them(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, NOW_EPOCH - 1);
    rig_start(&rig);
    rig_assign(&rig, 0);
    rig_pass(&rig, rig_event(&rig, 1, 10));
    rig_settle(&rig, false);
    pass_days(&rig, 1);
    assert_int_equal(rig_count(&rig, TOPIC_FEED), 1);
    rig.now_ms += 4 * EPOCH; /* nothing ran for a month */
    rig_tend(&rig);
    assert_int_equal(file_epoch(&rig), NOW_EPOCH); /* it had let the last one go, and has an ID of this one */
    assert_true(gauge_of(&rig, "key_overdue_seconds") > 20 * 86400);
    rig_flush(&rig, false);
    rig_abort(&rig);
    rig.now_ms += 1000;
    rig_tend(&rig);
    assert_int_equal(file_epoch(&rig), NOW_EPOCH); /* the tombstone was not committed */
    rig_settle(&rig, false);
    assert_int_equal(tombstones(&rig, TOPIC_FEED), 1);
    rig.now_ms += 1000;
    rig_tend(&rig);
    assert_int_equal(file_epoch(&rig), NOW_EPOCH + 4);
    rig_release(&rig);
}

static void publish_advances_nothing_over_files(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, NOW_EPOCH - 1);
    rig.files = true;
    rig_start(&rig);
    rig_assign(&rig, 0);
    rig_pass(&rig, rig_event(&rig, 1, 10));
    rig_settle(&rig, true);
    rig.now_ms += 10 * EPOCH;
    rig_settle(&rig, true);
    rig_tend(&rig);
    assert_int_equal(file_epoch(&rig), NOW_EPOCH - 1);
    rig_release(&rig);
}

/* The key file of a host that advanced by hand, or took the partition over too late. */
static void move_key(struct rig *rig, int32_t epoch)
{
    struct ratchet_times times;
    struct ratchet_advance done;
    struct view path = publish_options_key_chain(&rig->config, &rig->options, &times);
    assert_true(ratchet_advance(path.data, &times, epoch, false, &done, &rig->error));
    assert_int_equal(done.to, epoch);
}

static void publish_drops_a_state_whose_keys_are_gone(void **state)
{
    (void)state;
    static const struct {
        int64_t later_ms;
        const char *why;
    } cases[] = {{4 * EPOCH, "a month away"}, {RIG_DAY, "by the clock the epoch lives"}};
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rig rig;
        set_up(&rig, NOW_EPOCH - 1);
        rig_start(&rig);
        rig_assign(&rig, 0);
        for (unsigned line = 0; line < 20; line++)
            rig_pass(&rig, rig_event(&rig, line, 10));
        rig_settle(&rig, false);
        pass_days(&rig, 1);
        rig_retract(&rig, SUBJECT_LINE, 19, "a", rig.now_ms); /* retracted, and its tombstone to come */
        rig_settle(&rig, false);
        assert_int_equal(rig_count(&rig, TOPIC_FEED), 20);
        rig_stop(&rig);
        move_key(&rig, NOW_EPOCH + 1);
        rig.now_ms += cases[i].later_ms;
        rig_start(&rig);
        rig_restore(&rig, 0);
        assert_true(gauge_of(&rig, "ids_without_key") == 20);
        pass_days(&rig, 1);
        if (rig_count(&rig, TOPIC_FEED) != 20)
            fail_msg("%s: an ID was made without its key", cases[i].why);
        if (tombstones(&rig, TOPIC_STATE) != 20)
            fail_msg("%s: %zu of 20 states are gone", cases[i].why, tombstones(&rig, TOPIC_STATE));
        assert_true(gauge_of(&rig, "people") == 0);
        rig.now_ms = (NOW_EPOCH + 1) * EPOCH + RIG_DAY + cases[i].later_ms;
        rig_pass(&rig, rig_event(&rig, 1, 10));
        rig_settle(&rig, false);
        pass_days(&rig, 1);
        assert_int_equal(rig_count(&rig, TOPIC_FEED), 21);
        rig_release(&rig);
    }
}

static bool restore_all(struct rig *rig)
{
    rig_assign(rig, 0);
    for (size_t i = 0; i < rig->committed.count; i++) {
        const struct rig_record *record = &rig->committed.items[i];
        struct view value = record->value ? (struct view){record->value, record->value_size} : VIEW_ABSENT;
        if (record->topic == TOPIC_STATE &&
            !stage_publish.partitioned->restore(rig->state, 0, (struct view){record->key, record->key_size},
                                                value, &rig->error))
            return false;
    }
    return stage_publish.partitioned->restored(rig->state, 0, &rig->error);
}

static void put_other_chain(struct rig *rig, int32_t epoch)
{
    struct secret *secret = secret_first_link(epoch, rig->options.epoch_ms, 0, &rig->error);
    assert_non_null(secret);
    unlink(rig->key_path);
    assert_true(secret_write(secret, rig->key_path, &rig->error));
    secret_free(secret);
}

static void publish_refuses_a_state_of_another_chain(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, NOW_EPOCH - 1);
    rig_start(&rig);
    rig_assign(&rig, 0);
    rig_pass(&rig, rig_event(&rig, 1, 10));
    rig_flush(&rig, false);
    rig_abort(&rig); /* what the changelog says of the chain is written again */
    rig_pass(&rig, rig_event(&rig, 1, 10));
    rig_settle(&rig, false);
    rig_stop(&rig);

    put_other_chain(&rig, NOW_EPOCH - 1);
    rig_start(&rig);
    assert_false(restore_all(&rig));
    assert_int_equal(rig.error.exit_status, EXIT_STATUS_CONFIGURATION);
    assert_non_null(strstr(rig.error.what, "keys of another chain"));
    assert_string_equal(rig.error.where, "topics.state[0]");
    rig_stop(&rig);

    /* Its own again: the state is as it was, and ends. */
    unlink(rig.key_path);
    rig_start(&rig);
    assert_true(restore_all(&rig));
    rig.now_ms += 4 * EPOCH;
    rig_settle(&rig, false);
    assert_true(gauge_of(&rig, "people") == 0);
    rig_stop(&rig);

    /* An empty state is nobody's, and the next chain's with its first person. */
    put_other_chain(&rig, NOW_EPOCH + 3);
    rig_start(&rig);
    assert_true(restore_all(&rig));
    rig_pass(&rig, rig_event(&rig, 1, 10));
    rig_settle(&rig, false);
    rig_stop(&rig);
    rig_start(&rig);
    assert_true(restore_all(&rig));
    rig_release(&rig);
}

static void publish_refuses_a_state_of_no_chain(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, NOW_EPOCH - 1);
    rig_start(&rig);
    rig_assign(&rig, 0);
    rig_pass(&rig, rig_event(&rig, 1, 10));
    rig_settle(&rig, false);
    rig_stop(&rig);
    unsigned left_out = 0;
    for (size_t i = 0; i < rig.committed.count; i++) {
        struct rig_record *record = &rig.committed.items[i];
        if (record->topic == TOPIC_STATE && record->key_size == 2 && record->key[1] == 4) {
            record->topic = TOPIC_NONE; /* as the version before wrote it */
            left_out++;
        }
    }
    assert_int_equal(left_out, 1);
    rig_start(&rig);
    assert_false(restore_all(&rig));
    assert_int_equal(rig.error.exit_status, EXIT_STATUS_CONFIGURATION);
    rig_release(&rig);
}

static void publish_gives_an_id_other_slots_in_another_epoch(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, NOW_EPOCH - 1);
    rig_start(&rig);
    rig_assign(&rig, 0);
    unsigned same = 0;
    int64_t slots[2][100];
    for (unsigned epoch = 0; epoch < 2; epoch++) {
        for (unsigned line = 0; line < 100; line++)
            rig_pass(&rig, rig_event(&rig, line, 10));
        rig_settle(&rig, false);
        size_t before = rig_count(&rig, TOPIC_FEED);
        for (unsigned slot = 0; slot < 96; slot++) {
            rig.now_ms += CALENDAR_SLOT_MS;
            rig_settle(&rig, false);
        }
        size_t count = 0;
        for (size_t i = 0; i < rig.committed.count; i++) {
            const struct rig_record *record = &rig.committed.items[i];
            if (record->topic == TOPIC_FEED && count++ >= before && count - before <= 100)
                slots[epoch][count - before - 1] = record->timestamp_ms % RIG_DAY;
        }
        assert_int_equal(count - before, 100);
        rig.now_ms += EPOCH + 2 * RIG_DAY;
        rig_settle(&rig, false);
    }
    /* Records come in the order of slots, so two equal sequences would mean that everybody kept the slot. */
    for (unsigned i = 0; i < 100; i++)
        same += slots[0][i] == slots[1][i];
    assert_true(same < 50);
    rig_release(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(publish_drops_events_of_epochs_before_its_keys),
        cmocka_unit_test(publish_lets_keys_go_when_the_last_tombstone_is_written),
        cmocka_unit_test(publish_keeps_keys_while_it_has_an_id_that_needs_them),
        cmocka_unit_test(publish_advances_nothing_over_files),
        cmocka_unit_test(publish_drops_a_state_whose_keys_are_gone),
        cmocka_unit_test(publish_refuses_a_state_of_another_chain),
        cmocka_unit_test(publish_refuses_a_state_of_no_chain),
        cmocka_unit_test(publish_gives_an_id_other_slots_in_another_epoch),
    };
    struct error error;
    return process_harden(&error) ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
