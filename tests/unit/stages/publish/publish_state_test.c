/* The state of publish over transactions, crashes and restarts, and that equal input gives equal feeds. */
#include "tests/unit/stages/publish/feed_rig.h"

/* ---- life of the state ---- */

static void publish_writes_no_more_than_there_is_memory_for(void **state)
{
    static const char *const updates[] = {"drain", "0"};
    (void)state;
    for (unsigned i = 0; i < sizeof updates / sizeof updates[0]; i++) {
        struct rig rig;
        rig_init(&rig);
        rig.options.update_every = view_of_string(updates[i]);
        rig_feed(&rig, "acme", "a", FEED_SUBJECT_USER);
        assert_true(arena_init(&rig.arena, 4096, 64 << 10, &rig.error));
        start(&rig);
        for (unsigned line = 0; line < 2000; line++) {
            add(&rig, line, 10, 1);
            if (line % 20 == 19)
                (void)rig_settle(&rig, false);
        }
        unsigned transactions = rig_settle(&rig, true);
        if (i == 0)
            assert_true(transactions > 10); /* some dozens of records fit in one */
        assert_int_equal(rig_count(&rig, TOPIC_FEED), 2000);
        rig_release(&rig);
    }
}

static void publish_forgets_an_aborted_transaction(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    rig_feed(&rig, "acme", "a", FEED_SUBJECT_USER);
    start(&rig);
    add(&rig, 1, 10, 1);
    rig_settle(&rig, false);
    add(&rig, 2, 10, 1);
    add(&rig, 1, 20, 5);
    rig_flush(&rig, true);
    rig_abort(&rig);
    settle_and_expect(&rig, 0, "");
    add(&rig, 2, 10, 1);
    settle_and_expect(&rig, 0, "10 10");
    rig_release(&rig);
}

static void publish_goes_on_where_a_crash_left_it(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    rig.options.update_every = VIEW("24h");
    rig_feed(&rig, "acme", "a", FEED_SUBJECT_USER);
    rig_feed(&rig, "acme", "a", FEED_SUBJECT_DEVICE);
    start(&rig);
    for (unsigned line = 0; line < 20; line++)
        rig_pass(&rig, rig_with_device(rig_event(&rig, line, 10), line));
    run_slots(&rig, 97);
    assert_int_equal(rig_count(&rig, TOPIC_FEED), 40);
    rig_pass(&rig, rig_event(&rig, 99, 10)); /* never committed */
    rig_stop(&rig);
    rig_start(&rig);
    rig_restore(&rig, 0);
    run_slots(&rig, 96);
    assert_int_equal(rig_count(&rig, TOPIC_FEED), 40); /* everybody shows what they should */
    for (unsigned line = 0; line < 20; line++)
        add(&rig, line, 20, 9);
    run_slots(&rig, 97);
    assert_int_equal(rig_count(&rig, TOPIC_FEED), 60);
    assert_int_equal(keys_of_line(&rig, 0), 20);
    rig_release(&rig);
}

static void publish_serves_no_slot_early_after_a_restart(void **state)
{
    (void)state;
    struct rig rig;
    slots_rig(&rig);
    for (unsigned line = 0; line < 30; line++)
        add(&rig, line, 10, 1);
    run_slots(&rig, 97);
    for (unsigned line = 0; line < 30; line++)
        add(&rig, line, 20, 1);
    rig_settle(&rig, false);
    size_t before = rig_count(&rig, TOPIC_FEED);
    rig_stop(&rig);
    rig_start(&rig);
    rig_restore(&rig, 0);
    rig_settle(&rig, false);
    assert_int_equal(rig_count(&rig, TOPIC_FEED), before);
    run_slots(&rig, 97);
    assert_int_equal(rig_count(&rig, TOPIC_FEED), before + 60);
    rig_release(&rig);
}

static void publish_makes_up_slots_that_passed_while_it_was_down(void **state)
{
    (void)state;
    struct rig rig;
    slots_rig(&rig);
    rig_settle(&rig, false); /* nobody is there, so nothing is written about slots */
    assert_int_equal(rig.committed.count, 0);
    for (unsigned line = 0; line < 30; line++)
        add(&rig, line, 10, 1);
    rig_settle(&rig, false);
    rig_stop(&rig);
    rig.now_ms += RIG_DAY / 2;
    rig_start(&rig);
    rig_restore(&rig, 0);
    rig_settle(&rig, false);
    size_t made_up = rig_count(&rig, TOPIC_FEED);
    assert_true(made_up > 10 && made_up < 50); /* about half of 60 */
    for (size_t i = 0; i < rig.committed.count; i++)
        assert_true(rig.committed.items[i].topic != TOPIC_FEED ||
                    rig.committed.items[i].timestamp_ms <= rig.now_ms);
    run_slots(&rig, 97);
    assert_int_equal(rig_count(&rig, TOPIC_FEED), 60);
    rig_release(&rig);
}

static void publish_serves_everyone_in_one_slot_when_there_is_but_one(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    rig.options.update_every = VIEW("15m");
    rig_feed(&rig, "acme", "a", FEED_SUBJECT_USER);
    start(&rig);
    for (unsigned line = 0; line < 12000; line++)
        add(&rig, line, 10, 1);
    assert_true(rig_settle(&rig, false) > 1);
    assert_int_equal(rig_count(&rig, TOPIC_FEED), 12000);
    rig.now_ms += CALENDAR_SLOT_MS;
    for (unsigned line = 0; line < 100; line++)
        add(&rig, line, 20, 5);
    rig_settle(&rig, false);
    assert_int_equal(rig_count(&rig, TOPIC_FEED), 12100);
    rig_release(&rig);
}

static void publish_keeps_partitions_apart(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    rig_feed(&rig, "acme", "a", FEED_SUBJECT_USER);
    start(&rig);
    rig_assign(&rig, 3);
    assert_int_equal(rig_process_in(&rig, 0, rig_event(&rig, 1, 10)).kind, VERDICT_PASS);
    assert_int_equal(rig_process_in(&rig, 3, rig_event(&rig, 2, 10)).kind, VERDICT_PASS);
    settle_and_expect(&rig, 0, ""); /* each partition's own count is below k */
    assert_int_equal(rig_process_in(&rig, 3, rig_event(&rig, 3, 10)).kind, VERDICT_PASS);
    settle_and_expect(&rig, 0, "10 10");
    for (size_t i = 0; i < rig.committed.count; i++)
        assert_true(rig.committed.items[i].topic != TOPIC_STATE || rig.committed.items[i].partition == 0 ||
                    rig.committed.items[i].partition == 3);
    stage_publish.partitioned->revoke(rig.state, 3);
    assert_int_equal(rig_process_in(&rig, 3, rig_event(&rig, 2, 10)).kind, VERDICT_STOP);
    rig_restore(&rig, 3);
    assert_int_equal(rig_process_in(&rig, 3, rig_event(&rig, 2, 20)).kind, VERDICT_PASS);
    assert_int_equal(rig_process_in(&rig, 3, rig_event(&rig, 3, 20)).kind, VERDICT_PASS);
    settle_and_expect(&rig, 0, "10,20 10,20");
    rig_release(&rig);
}

static void publish_takes_no_event_before_its_state_is_restored(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    rig_feed(&rig, "acme", "a", FEED_SUBJECT_USER);
    start(&rig);
    add(&rig, 1, 10, 1);
    rig_settle(&rig, false);
    rig_stop(&rig);
    rig_start(&rig);
    rig_assign(&rig, 0);
    for (size_t i = 0; i < rig.committed.count; i++) {
        const struct rig_record *record = &rig.committed.items[i];
        assert_true(
            stage_publish.partitioned->restore(rig.state, 0, (struct view){record->key, record->key_size},
                                               (struct view){record->value, record->value_size}, &rig.error));
    }
    assert_int_equal(rig_process(&rig, rig_event(&rig, 2, 10)).kind, VERDICT_STOP);
    assert_true(stage_publish.partitioned->restored(rig.state, 0, &rig.error));
    rig_pass(&rig, rig_event(&rig, 2, 10));
    rig_release(&rig);
}

static void publish_refuses_a_changelog_that_it_cannot_read(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    rig_feed(&rig, "acme", "a", FEED_SUBJECT_USER);
    start(&rig);
    add(&rig, 1, 10, 1);
    rig_settle(&rig, false);
    struct rig_record record = rig.committed.items[0];
    struct view key = {record.key, record.key_size};
    assert_int_equal(record.topic, TOPIC_STATE);
    rig_assign(&rig, 1);
    const struct {
        struct view key, value;
        const char *why;
    } cases[] = {
        {VIEW_ABSENT, VIEW("x"), "null key"},
        {VIEW(""), VIEW("x"), "empty key"},
        {{record.key, record.key_size - 1}, VIEW("x"), "short key"},
        {VIEW("\1\1"), VIEW("x"), "another version of the key"},
        {VIEW("\2\4"), VIEW("x"), "unknown kind"},
        {key, VIEW(""), "empty value"},
        {key, {record.value, record.value_size - 1}, "short value"},
        {key, {record.value, record.value_size + 1}, "a byte too many"},
        {key, VIEW("\1"), "another version of the value"},
        {VIEW("\2\2"), VIEW("\2"), "short meta"},
        {VIEW("\2\3\1a\0\0\0\0aaaaaaaaaaaaaaaa"), VIEW("\2\0"), "a mark with a byte too many"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (stage_publish.partitioned->restore(rig.state, 1, cases[i].key, cases[i].value, &rig.error))
            fail_msg("%s: taken", cases[i].why);
        assert_non_null(strstr(rig.error.where, "topics.state[1]"));
    }
    assert_true(stage_publish.partitioned->restore(
        rig.state, 1, key, (struct view){record.value, record.value_size}, &rig.error));
    rig_release(&rig);
}

/* ---- the same input gives the same feeds ---- */

/* A made-up stream: number i of it, the same for everybody. */
static struct record stream(const struct rig *rig, unsigned i)
{
    uint64_t random = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
    random ^= random >> 29;
    random *= UINT64_C(0xbf58476d1ce4e5b9);
    random ^= random >> 32;
    struct record record = rig_event(rig, random % 12, (uint16_t)(1 + (random >> 8) % 9));
    record.programmes = (programme_set)(1 + (random >> 16) % 3);
    record.time_ms -= (int64_t)((random >> 20) % 2) * 2 * RIG_DAY;
    if (random >> 24 & 1) /* two devices of one's own, and seldom somebody else's */
        record = rig_with_device(
            record, (unsigned)(random % 12 * 2 + (random >> 26) % 2 + (random >> 44) % 64 / 63 * 3));
    if ((random >> 32) % 3 == 0)
        record = rig_with_app(record, EVENT_APP_USE, 1 + (random >> 36) % 3);
    else if ((random >> 32) % 3 == 1 && (random >> 40) % 4 == 0)
        record = rig_with_app(record, EVENT_APP_REMOVE, 1 + (random >> 36) % 3);
    return record;
}

enum { STREAM = 900 };

/* Run the stream, cut into transactions by `cut`; every `abort_each`th is aborted at some point and done again; every
 * `crash_each`th ends the process. Returns the summary of all last values. */
static char *run_stream(unsigned cut, unsigned abort_each, unsigned crash_each)
{
    struct rig rig;
    rig_init(&rig);
    rig.now_ms = INT64_C(1619740800000); /* 2021-04-30: two epochs live */
    rig_feed(&rig, "acme", "a", FEED_SUBJECT_USER);
    rig_feed(&rig, "acme", "a", FEED_SUBJECT_DEVICE);
    rig_feed(&rig, "best", "b", FEED_SUBJECT_DEVICE);
    start(&rig);
    unsigned transaction = 0;
    for (unsigned from = 0; from < STREAM; transaction++) {
        unsigned size = 1 + transaction * 7 % cut;
        unsigned to = from + size < STREAM ? from + size : STREAM;
        for (unsigned i = from; i < to; i++)
            assert_int_not_equal(rig_process(&rig, stream(&rig, i)).kind, VERDICT_STOP);
        bool flushed = transaction % 2;
        if (flushed)
            rig_flush(&rig, false);
        if (crash_each && transaction % crash_each == crash_each - 1) {
            rig_stop(&rig);
            rig_start(&rig);
            rig_restore(&rig, 0);
            crash_each *= 2; /* or it would never end */
            continue;
        }
        if (abort_each && transaction % abort_each == abort_each - 1) {
            rig_abort(&rig);
            continue;
        }
        if (!flushed)
            rig_flush(&rig, false);
        rig_commit(&rig);
        from = to;
    }
    rig_settle(&rig, true);
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    unsigned records = 0;
    for (unsigned feed = 0; feed < 3; feed++) {
        for (size_t i = 0; i < rig.committed.count;
             i++) { /* written in the order of buckets and IDs: the same for all */
            const struct rig_record *record = &rig.committed.items[i];
            if (record->topic == TOPIC_FEED && record->feed == feed && rig_is_last(&rig, record)) {
                fprintf(out, "%u %s\n", feed, record->value ? record->value : record->key);
                records++;
            }
        }
    }
    fclose(out);
    assert_true(records > 40);
    rig_release(&rig);
    return text;
}

static void publish_has_equal_feeds_however_the_input_is_cut(void **state)
{
    (void)state;
    char *expected = run_stream(STREAM, 0, 0);
    static const struct {
        unsigned cut, abort_each, crash_each;
        const char *why;
    } cases[] = {
        {1, 0, 0, "one event a transaction"},   {50, 0, 0, "some"},
        {50, 2, 0, "every second one aborted"}, {50, 0, 3, "crashes"},
        {9, 3, 5, "aborts and crashes"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = run_stream(cases[i].cut, cases[i].abort_each, cases[i].crash_each);
        if (strcmp(text, expected) != 0)
            fail_msg("%s:\n%s\ninstead of\n%s", cases[i].why, text, expected);
        free(text);
    }
    free(expected);
}

struct gauge_sum {
    double people, contributions, ids_live, state_bytes, ratio, retractions, retractions_bytes, key_epoch;
};

static void take_gauge(void *context, const char *name, double value)
{
    struct gauge_sum *sum = context;
    if (!strcmp(name, "people"))
        sum->people = value;
    else if (!strcmp(name, "contributions"))
        sum->contributions = value;
    else if (!strcmp(name, "ids_live"))
        sum->ids_live = value;
    else if (!strcmp(name, "state_bytes"))
        sum->state_bytes = value;
    else if (!strcmp(name, "people_max_ratio"))
        sum->ratio = value;
    else if (!strcmp(name, "retractions"))
        sum->retractions = value;
    else if (!strcmp(name, "retractions_bytes"))
        sum->retractions_bytes = value;
    else if (!strcmp(name, "key_epoch"))
        sum->key_epoch = value;
    else if (!strcmp(name, "ids_without_key") || !strcmp(name, "key_overdue_seconds"))
        assert_true(value == 0);
    else
        fail_msg("%s", name);
}

static void publish_shows_what_it_holds(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    rig.options.people_max = 1000;
    rig_feed(&rig, "acme", "a", FEED_SUBJECT_USER);
    rig_feed(&rig, "best", "a", FEED_SUBJECT_USER);
    start(&rig);
    for (unsigned line = 0; line < 10; line++)
        add(&rig, line, (uint16_t)(1 + line % 2), 3);
    add(&rig, 0, 99, 1);
    rig_settle(&rig, false);
    struct gauge_sum sum = {0};
    stage_publish.gauges(rig.shared, take_gauge, &sum);
    assert_true(sum.people == 10 && sum.contributions == 11 && sum.ids_live == 20 && sum.ratio == 0.01);
    assert_true(sum.state_bytes > 10 * 96);
    assert_true(sum.retractions == 0 && sum.retractions_bytes > 0 && sum.key_epoch == RIG_FIRST_EPOCH);
    stage_publish.partitioned->revoke(rig.state, 0);
    stage_publish.gauges(rig.shared, take_gauge, &sum);
    assert_true(sum.people == 0 && sum.contributions == 0 && sum.ids_live == 0 && sum.state_bytes == 0);
    rig_release(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(publish_writes_no_more_than_there_is_memory_for),
        cmocka_unit_test(publish_forgets_an_aborted_transaction),
        cmocka_unit_test(publish_goes_on_where_a_crash_left_it),
        cmocka_unit_test(publish_serves_no_slot_early_after_a_restart),
        cmocka_unit_test(publish_makes_up_slots_that_passed_while_it_was_down),
        cmocka_unit_test(publish_serves_everyone_in_one_slot_when_there_is_but_one),
        cmocka_unit_test(publish_keeps_partitions_apart),
        cmocka_unit_test(publish_takes_no_event_before_its_state_is_restored),
        cmocka_unit_test(publish_refuses_a_changelog_that_it_cannot_read),
        cmocka_unit_test(publish_has_equal_feeds_however_the_input_is_cut),
        cmocka_unit_test(publish_shows_what_it_holds),
    };
    struct error error;
    return process_harden(&error) ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
