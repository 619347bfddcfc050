/* When it is published: an ID's slot, epochs, drains. */
#include "tests/unit/stages/publish/feed_rig.h"

static void publish_writes_an_id_in_its_own_slot_only(void **state)
{
    (void)state;
    struct rig rig;
    slots_rig(&rig);
    rig_settle(&rig, false);
    for (unsigned line = 0; line < 30; line++)
        add(&rig, line, 10, 1);
    run_slots(&rig, 97); /* the slot in which they came was served before them */
    assert_int_equal(rig_count(&rig, TOPIC_FEED), 60);
    for (unsigned line = 0; line < 30; line++)
        add(&rig, line, 20, 1);
    run_slots(&rig, 96);
    assert_int_equal(rig_count(&rig, TOPIC_FEED), 120);
    unsigned slots_used[96] = {0}, differing = 0;
    for (size_t i = 0; i < rig.committed.count; i++) {
        const struct rig_record *record = &rig.committed.items[i];
        if (record->topic != TOPIC_FEED)
            continue;
        assert_true(record->timestamp_ms % CALENDAR_SLOT_MS == 0);
        slots_used[record->timestamp_ms / CALENDAR_SLOT_MS % 96]++;
        const struct rig_record *last = rig_last(&rig, TOPIC_FEED, record->feed, record->key, 22);
        assert_true((last->timestamp_ms - record->timestamp_ms) % RIG_DAY == 0); /* the same slot every day */
        differing += last != record;
    }
    assert_int_equal(differing, 60);
    unsigned used = 0;
    for (unsigned i = 0; i < 96; i++)
        used += slots_used[i] > 0;
    assert_true(used > 30); /* 60 IDs in 96 slots */
    rig_release(&rig);
}

static void publish_writes_nothing_when_nothing_changed(void **state)
{
    (void)state;
    struct rig rig;
    slots_rig(&rig);
    add(&rig, 1, 10, 1);
    add(&rig, 2, 10, 1);
    run_slots(&rig, 97);
    assert_int_equal(rig_count(&rig, TOPIC_FEED), 4);
    add(&rig, 1, 10, 5); /* more of the same */
    run_slots(&rig, 96);
    assert_int_equal(rig_count(&rig, TOPIC_FEED), 4);
    rig_release(&rig);
}

static void publish_makes_up_missed_slots_in_order(void **state)
{
    (void)state;
    struct rig rig;
    slots_rig(&rig);
    rig_settle(&rig, false);
    for (unsigned line = 0; line < 30; line++)
        add(&rig, line, 10, 1);
    rig_settle(&rig, false);
    size_t before = rig_count(&rig, TOPIC_FEED);
    rig.now_ms += 3 * RIG_DAY + 5 * CALENDAR_SLOT_MS; /* nobody was there for days */
    rig_settle(&rig, false);
    assert_int_equal(before, 0);
    assert_int_equal(rig_count(&rig, TOPIC_FEED), 60);
    int64_t last_ms = 0;
    for (size_t i = 0; i < rig.committed.count; i++) {
        const struct rig_record *record = &rig.committed.items[i];
        if (record->topic != TOPIC_FEED)
            continue;
        assert_true(record->timestamp_ms >= last_ms);
        assert_true(record->timestamp_ms >
                    rig.now_ms - RIG_DAY - CALENDAR_SLOT_MS); /* one period back at most */
        last_ms = record->timestamp_ms;
    }
    rig_release(&rig);
}

static void publish_says_when_the_next_slot_is(void **state)
{
    (void)state;
    struct rig rig;
    slots_rig(&rig);
    rig.now_ms = RIG_NOW + 1;
    rig_settle(&rig, false);
    assert_true(stage_publish.next_due_ms(rig.state) == RIG_NOW + CALENDAR_SLOT_MS);
    stage_publish.partitioned->revoke(rig.state, 0);
    assert_true(stage_publish.next_due_ms(rig.state) == INT64_MAX);
    rig_release(&rig);
}

static void publish_ends_ids_behind_their_epochs_life(void **state)
{
    (void)state;
    struct rig rig;
    slots_rig(&rig);
    for (unsigned line = 0; line < 10; line++)
        add(&rig, line, 10, 1);
    add(&rig, 10, 99, 1); /* never published: below k */
    run_slots(&rig, 97);
    assert_int_equal(rig_count(&rig, TOPIC_FEED), 20);
    while (rig.now_ms < INT64_C(1619827200000)) /* 2021-05-01: the end of its life */
        run_slots(&rig, 1);
    assert_int_equal(rig_count(&rig, TOPIC_FEED), 20);
    run_slots(&rig, 96);
    assert_int_equal(rig_count(&rig, TOPIC_FEED), 40);
    assert_string_equal(feed_state(&rig, 0), "");
    size_t people = 0, persons_left = 0;
    for (size_t i = 0; i < rig.committed.count; i++) {
        const struct rig_record *record = &rig.committed.items[i];
        bool is_person = record->topic == TOPIC_STATE && record->key_size > 2;
        people += is_person;
        persons_left += is_person && rig_is_last(&rig, record) && record->value;
        assert_true(record->topic != TOPIC_FEED || !record->value ||
                    record->timestamp_ms < INT64_C(1619827200000));
    }
    assert_true(people >= 11);
    assert_int_equal(persons_left, 0); /* the changelog forgot them with the last tombstone */
    rig_release(&rig);
}

static void publish_never_has_three_ids_of_a_person(void **state)
{
    (void)state;
    static const struct {
        int64_t epoch_ms;
        const char *update_every;
    } cases[] = {
        {7 * RIG_DAY, "24h"}, {3 * RIG_DAY, "24h"}, {2 * RIG_DAY, "24h"}, {RIG_DAY, "24h"}, {RIG_DAY, "6h"}};
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rig rig;
        rig_init(&rig);
        rig.options.k = 1;
        rig.options.epoch_ms = cases[i].epoch_ms;
        rig.options.update_every = view_of_string(cases[i].update_every);
        rig_feed(&rig, "acme", "a", FEED_SUBJECT_USER);
        start(&rig);
        unsigned most = 0;
        for (unsigned slot = 0; slot < 96 * 16; slot++) {
            for (int days = -2; days <= 1; days++) { /* as late and as early as events may be */
                struct record record = rig_event(&rig, 1, 10);
                record.time_ms += days * RIG_DAY;
                assert_int_not_equal(rig_process(&rig, record).kind, VERDICT_STOP);
            }
            run_slots(&rig, 1);
            unsigned keys = keys_of_line(&rig, 0);
            most = keys > most ? keys : most;
        }
        assert_int_equal(most, 2);
        rig_release(&rig);
    }
}

static void publish_writes_with_every_transaction_when_told_so(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    rig.options.update_every = VIEW("0");
    rig_feed(&rig, "acme", "a", FEED_SUBJECT_USER);
    start(&rig);
    add(&rig, 1, 10, 1);
    rig_settle(&rig, false);
    assert_string_equal(feed_state(&rig, 0), "");
    add(&rig, 2, 10, 1); /* 1 was not touched, but now there are two */
    rig_settle(&rig, false);
    assert_string_equal(feed_state(&rig, 0), "10 10");
    add(&rig, 1, 20, 1);
    rig_settle(&rig, false);
    assert_string_equal(feed_state(&rig, 0), "10 10");
    add(&rig, 2, 20, 1);
    rig_settle(&rig, false);
    assert_string_equal(feed_state(&rig, 0), "10,20 10,20");
    int64_t due_ms = stage_publish.next_due_ms(rig.state);
    assert_true(due_ms == INT64_C(1619827200000)); /* the end of the epoch's life */
    rig.now_ms = due_ms;
    rig_settle(&rig, false);
    assert_string_equal(feed_state(&rig, 0), "");
    assert_true(stage_publish.next_due_ms(rig.state) == INT64_MAX);
    rig_release(&rig);
}

static void publish_writes_only_at_the_drain_when_told_so(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    rig_feed(&rig, "acme", "a", FEED_SUBJECT_USER);
    start(&rig);
    add(&rig, 1, 10, 1);
    add(&rig, 2, 10, 1);
    rig_settle(&rig, false);
    assert_int_equal(rig_count(&rig, TOPIC_FEED), 0);
    assert_true(stage_publish.next_due_ms(rig.state) == INT64_MAX);
    settle_and_expect(&rig, 0, "10 10");
    rig_release(&rig);
}

static void publish_does_not_write_at_the_end_of_a_process_with_slots(void **state)
{
    (void)state;
    struct rig rig;
    slots_rig(&rig);
    rig_settle(&rig, false);
    for (unsigned line = 0; line < 30; line++)
        add(&rig, line, 10, 1);
    rig_settle(&rig, true);
    assert_int_equal(rig_count(&rig, TOPIC_FEED), 0);
    rig_release(&rig);
}

static void publish_serves_everyone_at_the_end_of_a_file(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    rig.files = true;
    rig.options.update_every = VIEW("24h");
    rig_feed(&rig, "acme", "a", FEED_SUBJECT_USER);
    start(&rig);
    for (unsigned line = 0; line < 30; line++)
        add(&rig, line, 10, 1);
    rig_settle(&rig, false);
    assert_int_equal(rig_count(&rig, TOPIC_FEED), 0);
    assert_true(stage_publish.next_due_ms(rig.state) == INT64_MAX);
    rig_settle(&rig, true);
    assert_int_equal(rig_count(&rig, TOPIC_FEED), 30);
    rig_release(&rig);
}

static void publish_writes_a_bounded_number_of_records_a_transaction(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    rig_feed(&rig, "acme", "a", FEED_SUBJECT_USER);
    start(&rig);
    for (unsigned line = 0; line < 25000; line++) {
        add(&rig, line, 10, 1);
        if (line % 5000 == 4999) {
            rig_flush(&rig, false);
            rig_commit(&rig);
        }
    }
    for (unsigned transaction = 0;; transaction++) {
        size_t before = rig_count(&rig, TOPIC_FEED);
        bool more = rig_flush(&rig, true);
        if (transaction == 1) { /* what an abort throws away is written later */
            rig_abort(&rig);
            continue;
        }
        rig_commit(&rig);
        size_t written = rig_count(&rig, TOPIC_FEED) - before;
        assert_true(written <= 10000);
        assert_true(!more || written > 0);
        if (!more)
            break;
        assert_true(transaction < 10);
    }
    assert_int_equal(rig_count(&rig, TOPIC_FEED), 25000);
    rig_release(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(publish_writes_an_id_in_its_own_slot_only),
        cmocka_unit_test(publish_writes_nothing_when_nothing_changed),
        cmocka_unit_test(publish_makes_up_missed_slots_in_order),
        cmocka_unit_test(publish_says_when_the_next_slot_is),
        cmocka_unit_test(publish_ends_ids_behind_their_epochs_life),
        cmocka_unit_test(publish_never_has_three_ids_of_a_person),
        cmocka_unit_test(publish_writes_with_every_transaction_when_told_so),
        cmocka_unit_test(publish_writes_only_at_the_drain_when_told_so),
        cmocka_unit_test(publish_does_not_write_at_the_end_of_a_process_with_slots),
        cmocka_unit_test(publish_serves_everyone_at_the_end_of_a_file),
        cmocka_unit_test(publish_writes_a_bounded_number_of_records_a_transaction),
    };
    struct error error;
    return process_harden(&error) ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
