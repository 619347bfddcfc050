/* What is published of whom: the record, the interests, the feeds. */
#include "tests/unit/stages/publish/feed_rig.h"

/* ---- the record ---- */

static void publish_writes_an_openrtb_object_that_says_what_spec_6_says(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    rig_feed(&rig, "acme", "a", FEED_SUBJECT_USER);
    start(&rig);
    add(&rig, 1, 700, 1);
    add(&rig, 2, 700, 1);
    add(&rig, 1, 65, 1);
    add(&rig, 2, 65, 1);
    rig_settle(&rig, true);
    assert_int_equal(rig_count(&rig, TOPIC_FEED), 2);
    for (size_t i = 0; i < rig.committed.count; i++) {
        const struct rig_record *record = &rig.committed.items[i];
        if (record->topic != TOPIC_FEED)
            continue;
        /* epoch 2677 is that of 2021-04-22 to 2021-04-29, plus two days */
        char expected[512];
        snprintf(expected, sizeof expected,
                 "{\"v\":1,\"user\":{\"eids\":[{\"source\":\"ads.example\",\"inserter\":\"ads.example\","
                 "\"uids\":[{\"id\":\"%s\",\"atype\":3}]}],\"data\":[{\"name\":\"ads.example\",\"segment\":"
                 "[{\"id\":\"65\"},{\"id\":\"700\"}],\"ext\":{\"segtax\":4}}]},\"ext\":{\"epoch\":2677,"
                 "\"expires\":\"2021-05-01T00:00:00Z\",\"trial\":true}}",
                 record->key);
        assert_string_equal(record->value, expected);
        assert_int_equal(record->key_size, 22);
        assert_int_equal(record->header_count, 0);
        assert_int_equal(record->partition, OUTPUT_PARTITION_BY_KEY);
        assert_true(record->timestamp_ms == rig.now_ms);
    }
    rig_release(&rig);
}

static void publish_says_trial_only_in_a_trial(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    rig.options.trial = false;
    rig_feed(&rig, "acme", "a", FEED_SUBJECT_USER);
    start(&rig);
    add(&rig, 1, 700, 1);
    add(&rig, 2, 700, 1);
    rig_settle(&rig, true);
    assert_int_equal(rig_count(&rig, TOPIC_FEED), 2);
    for (size_t i = 0; i < rig.committed.count; i++)
        assert_true(rig.committed.items[i].topic != TOPIC_FEED ||
                    !strstr(rig.committed.items[i].value, "trial"));
    rig_release(&rig);
}

static void publish_gives_each_feed_and_epoch_its_own_ids(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    rig_feed(&rig, "acme", "a", FEED_SUBJECT_USER);
    rig_feed(&rig, "best", "a", FEED_SUBJECT_USER);
    start(&rig);
    rig.now_ms = INT64_C(1619740800000); /* 2021-04-30: the epoch before lives until the 1st of May */
    for (unsigned line = 0; line < 5; line++) {
        struct record record = rig_event(&rig, line, 700);
        rig_pass(&rig, record);
        record.time_ms -= 2 * RIG_DAY;
        rig_pass(&rig, record);
    }
    rig_settle(&rig, true);
    assert_int_equal(rig_count(&rig, TOPIC_FEED), 20);
    for (size_t i = 0; i < rig.committed.count; i++) {
        for (size_t j = 0; j < i; j++) {
            const struct rig_record *one = &rig.committed.items[i], *other = &rig.committed.items[j];
            assert_false(one->topic == TOPIC_FEED && other->topic == TOPIC_FEED &&
                         !strcmp(one->key, other->key));
        }
    }
    rig_release(&rig);
}

static void publish_writes_records_in_the_order_of_ids(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    rig_feed(&rig, "acme", "a", FEED_SUBJECT_USER);
    rig.options.update_every = VIEW("0");
    start(&rig);
    for (unsigned line = 0; line < 100; line++)
        add(&rig, line, (uint16_t)(line < 2 ? 20 : 10), 1);
    rig_settle(&rig, false);
    size_t before = rig.committed.count;
    for (unsigned line = 2; line < 100; line++)
        add(&rig, line, 20, 1); /* has k people already, so that just these are due */
    rig_settle(&rig, false);
    uint8_t last[16] = {0}, id[16];
    unsigned count = 0;
    for (size_t i = before; i < rig.committed.count; i++) {
        const struct rig_record *record = &rig.committed.items[i];
        if (record->topic != TOPIC_FEED)
            continue;
        assert_int_equal(sodium_base642bin(id, sizeof id, record->key, record->key_size, NULL, NULL, NULL,
                                           sodium_base64_VARIANT_URLSAFE_NO_PADDING),
                         0);
        assert_true(memcmp(last, id, sizeof id) < 0);
        memcpy(last, id, sizeof id);
        count++;
    }
    assert_int_equal(count, 98);
    rig_release(&rig);
}

/* ---- which interests ---- */

struct contribution_case {
    unsigned line;
    uint16_t interest;
    unsigned events;
};

static void publish_caps_and_counts_people(void **state)
{
    (void)state;
    static const struct {
        struct contribution_case events[12]; /* ends with events 0 */
        const char *expected;
        const char *why;
    } cases[] = {
        {{{1, 10, 1}, {2, 10, 1}}, "10 10", "exactly k people"},
        {{{1, 10, 9}, {2, 11, 9}}, "", "one person less than k, however many events"},
        {{{1, 10, 4}, {1, 20, 3}, {1, 30, 2}, {1, 40, 1}, {2, 10, 1}, {2, 20, 1}, {2, 30, 1}},
         "10,20,30 10,20,30",
         "the three with the most events"},
        {{{1, 40, 4}, {1, 30, 3}, {1, 20, 2}, {1, 10, 1}, {2, 40, 1}, {2, 30, 1}, {2, 20, 1}},
         "20,30,40 20,30,40",
         "not the three with the lowest ID, and sorted by ID in the record"},
        {{{1, 10, 1}, {1, 20, 1}, {1, 30, 1}, {1, 40, 1}, {2, 10, 1}, {2, 20, 1}, {2, 30, 1}, {2, 40, 1}},
         "10,20,30 10,20,30",
         "ties go to the lower ID"},
        {{{1, 10, 3}, {1, 20, 2}, {1, 30, 2}, {1, 40, 1}, {2, 40, 1}, {3, 40, 1}},
         "40 40",
         "nothing moves up into the place of an interest below k: 1 has 10, 20, 30 and shows none of them"},
        {{{1, 10, 2}, {1, 20, 2}, {1, 30, 2}, {1, 40, 1}, {2, 40, 1}},
         "",
         "who has an interest outside of the capped set does not count for k"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rig rig;
        rig_init(&rig);
        rig_feed(&rig, "acme", "a", FEED_SUBJECT_USER);
        start(&rig);
        for (const struct contribution_case *event = cases[i].events; event->events; event++)
            add(&rig, event->line, event->interest, event->events);
        rig_settle(&rig, true);
        if (strcmp(feed_state(&rig, 0), cases[i].expected) != 0)
            fail_msg("%s: %s instead of %s", cases[i].why, feed_state(&rig, 0), cases[i].expected);
        rig_release(&rig);
    }
}

static void publish_keeps_what_it_published_until_the_epoch_ends(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    rig_feed(&rig, "acme", "a", FEED_SUBJECT_USER);
    start(&rig);
    for (unsigned line = 1; line <= 2; line++) {
        add(&rig, line, 10, 1);
        add(&rig, line, 20, 1);
    }
    settle_and_expect(&rig, 0, "10,20 10,20");
    for (unsigned line = 1; line <= 2; line++) {
        add(&rig, line, 30, 5);
        add(&rig, line, 40, 9);
        add(&rig, line, 50, 9);
    }
    settle_and_expect(&rig, 0,
                      "10,20,40 10,20,40"); /* one place was left; never more than three over all versions */
    add(&rig, 1, 50, 100);
    settle_and_expect(&rig, 0, "10,20,40 10,20,40");
    rig_release(&rig);
}

static void publish_gives_the_place_of_a_vanished_interest_to_nobody(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    rig.options.interests_max = 1;
    rig_feed(&rig, "acme", "a", FEED_SUBJECT_USER);
    start(&rig);
    for (unsigned line = 1; line <= 3; line++) {
        rig_pass(&rig, rig_with_app(rig_event(&rig, line, 10), EVENT_APP_INSTALL, 100 + line));
        rig_pass(&rig, rig_with_app(rig_event(&rig, line, 10), EVENT_APP_USE, 100 + line));
        add(&rig, line, 20, 1);
    }
    settle_and_expect(&rig, 0, "10 10 10");
    rig_pass(&rig, rig_with_app(rig_event(&rig, 1, 10), EVENT_APP_REMOVE, 101));
    settle_and_expect(&rig, 0, "10 10"); /* a tombstone for 1, and not 20 in the place of 10 */
    rig_pass(&rig, rig_with_app(rig_event(&rig, 2, 10), EVENT_APP_REMOVE, 102));
    settle_and_expect(&rig, 0, ""); /* 3 alone is below k */
    rig_pass(&rig, rig_with_app(rig_event(&rig, 1, 10), EVENT_APP_USE, 101));
    settle_and_expect(&rig, 0, "10 10"); /* it is back */
    rig_release(&rig);
}

static void publish_ends_only_what_the_removed_app_brought(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    rig.options.k = 1;
    rig_feed(&rig, "acme", "a", FEED_SUBJECT_USER);
    start(&rig);
    add(&rig, 1, 10, 1);
    rig_pass(&rig, rig_with_app(rig_event(&rig, 1, 10), EVENT_APP_USE, 7));
    rig_pass(&rig, rig_with_app(rig_event(&rig, 1, 20), EVENT_APP_USE, 7));
    rig_pass(&rig, rig_with_app(rig_event(&rig, 1, 30), EVENT_APP_USE, 8));
    rig_pass(&rig, rig_with_app(rig_event(&rig, 1, 0), EVENT_APP_REMOVE, 7));
    settle_and_expect(&rig, 0, "10,30");
    rig_drops(&rig, rig_with_app(rig_event(&rig, 1, 0), EVENT_APP_REMOVE, 7), PUBLISH_NOTHING_TO_REMOVE,
              "again");
    rig_drops(&rig, rig_with_app(rig_event(&rig, 2, 0), EVENT_APP_REMOVE, 8), PUBLISH_NOTHING_TO_REMOVE,
              "somebody unknown");
    rig_release(&rig);
}

static void publish_adds_up_weights(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    rig.options.k = 1;
    rig.options.interests_max = 1;
    rig_feed(&rig, "acme", "a", FEED_SUBJECT_USER);
    start(&rig);
    add(&rig, 1, 10, 4);
    struct record record = rig_event(&rig, 1, 20);
    record.interests[0].weight = 5;
    rig_pass(&rig, record);
    settle_and_expect(&rig, 0, "20");
    rig_release(&rig);
}

/* ---- programmes and feeds ---- */

static void publish_counts_each_programme_by_itself(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    rig_feed(&rig, "acme", "a", FEED_SUBJECT_USER);
    rig_feed(&rig, "acme", "b", FEED_SUBJECT_USER);
    start(&rig);
    struct record both = rig_event(&rig, 1, 10);
    both.programmes = 3;
    rig_pass(&rig, both);
    rig_pass(&rig, rig_event(&rig, 2, 10)); /* a only */
    rig_settle(&rig, true);
    assert_string_equal(feed_state(&rig, 0), "10 10");
    assert_string_equal(feed_state(&rig, 1), "");
    rig_release(&rig);
}

static void publish_drops_with_a_reason_what_it_cannot_use(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    rig_feed(&rig, "acme", "a", FEED_SUBJECT_USER);
    start(&rig);
    /* epochs begin on Thursdays: 2021-04-22 and -29; the one before ended with the 21st and lives to the 24th */
    rig.now_ms = INT64_C(1619222399999); /* 2021-04-23T23:59:59.999Z */
    struct record record = rig_event(&rig, 1, 10);
    record.time_ms = INT64_C(1619049599999); /* the last millisecond of the epoch before */
    rig_pass(&rig, record);
    rig.now_ms++;
    rig_drops(&rig, record, PUBLISH_EPOCH_OVER, "its life ended a millisecond ago");
    record.time_ms++;
    rig_pass(&rig, record);
    record.time_ms = INT64_C(1619654400000); /* 2021-04-29: begins in five days */
    rig_drops(&rig, record, PUBLISH_EPOCH_AHEAD, "more than a day ahead");
    rig.now_ms = record.time_ms - RIG_DAY;
    rig_pass(&rig, record);
    rig.now_ms--;
    rig_drops(&rig, record, PUBLISH_EPOCH_AHEAD, "a day and a millisecond");

    record.time_ms = INT64_MAX;
    rig_drops(&rig, record, PUBLISH_EPOCH_AHEAD, "the end of all time");
    record.time_ms = INT64_MIN;
    rig_drops(&rig, record, PUBLISH_EPOCH_OVER, "the beginning of all time");

    record = rig_event(&rig, 1, 10);
    record.programmes = 2 | 4;
    rig_drops(&rig, record, PUBLISH_NO_FEED, "programmes without a feed");
    record.programmes = 0;
    rig_drops(&rig, record, PUBLISH_NO_FEED, "no programme at all");
    record = rig_event(&rig, 1, 10);
    record.interest_count = 0;
    rig_drops(&rig, record, PUBLISH_NO_INTEREST, "no interest");
    rig_release(&rig);
}

static void publish_bounds_what_one_person_contributes(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    rig_feed(&rig, "acme", "a", FEED_SUBJECT_USER);
    start(&rig);
    for (unsigned i = 0; i < 254; i++)
        rig_pass(&rig, rig_event(&rig, 1, (uint16_t)(1 + i)));
    struct record two = rig_event(&rig, 1, 1000);
    two.interests[1] = (struct record_interest){1001, 1};
    two.interest_count = 2;
    rig_drops(&rig, two, PUBLISH_PERSON_FULL, "256 would be one too many, and half an event is none");
    rig_pass(&rig, rig_event(&rig, 1, 255)); /* the 255th */
    rig_drops(&rig, rig_event(&rig, 1, 256), PUBLISH_PERSON_FULL, "the 256th");
    rig_pass(&rig, rig_event(&rig, 1, 7));   /* known already */
    rig_pass(&rig, rig_event(&rig, 2, 256)); /* somebody else */
    rig_release(&rig);
}

static void publish_stops_on_what_no_stage_before_may_send(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    rig_feed(&rig, "acme", "a", FEED_SUBJECT_USER);
    start(&rig);
    struct record good = rig_event(&rig, 1, 10);
    struct record kind = good, line = good, type = good, token = good, missing = good;
    kind.kind = RECORD_UNKNOWN;
    line.subjects[SUBJECT_LINE].has_pseudonym = false;
    type.type = EVENT_UNKNOWN;
    token.app_token = 5;
    missing.type = EVENT_APP_USE;
    const struct {
        struct record record;
        const char *why;
    } cases[] = {{kind, "kind of record unknown"},
                 {line, "no pseudonym"},
                 {type, "type of event unknown"},
                 {token, "a browse event of an app"},
                 {missing, "an app event without its app"}};
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        rig.error = (struct error){.what = ""};
        struct verdict verdict = rig_process(&rig, cases[i].record);
        if (verdict.kind != VERDICT_STOP || !rig.error.what[0])
            fail_msg("%s: verdict %d", cases[i].why, (int)verdict.kind);
    }
    assert_int_equal(rig_process_in(&rig, 5, good).kind, VERDICT_STOP); /* not assigned */
    rig_release(&rig);
}

static void publish_stops_when_its_memory_is_full(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    rig.options.people_max = 1000;
    rig_feed(&rig, "acme", "a", FEED_SUBJECT_USER);
    start(&rig);
    for (unsigned line = 0; line < 1000; line++)
        add(&rig, line, 10, 1);
    rig_settle(&rig, false);
    assert_int_equal(rig_process(&rig, rig_event(&rig, 1000, 10)).kind, VERDICT_STOP);
    assert_non_null(strstr(rig.error.what, "publish.people_max"));
    rig_abort(&rig);
    rig_pass(&rig, rig_event(&rig, 999, 10)); /* who is there may go on */
    rig_release(&rig);
}

static void publish_stops_and_asks_for_an_abort_when_the_arena_is_full(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    rig_feed(&rig, "acme", "a", FEED_SUBJECT_USER);
    assert_true(arena_init(&rig.arena, 4096, 16384, &rig.error));
    start(&rig);
    unsigned line = 0;
    while (rig_process(&rig, rig_event(&rig, line, 10)).kind == VERDICT_PASS)
        assert_true(line++ < 1000);
    assert_true(rig.error.abort_transaction);
    assert_true(line > 10);
    rig_abort(&rig);
    add(&rig, 1, 10, 1);
    add(&rig, 2, 10, 1);
    settle_and_expect(&rig, 0, "10 10"); /* nothing of the aborted transaction is left */
    rig_release(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(publish_writes_an_openrtb_object_that_says_what_spec_6_says),
        cmocka_unit_test(publish_says_trial_only_in_a_trial),
        cmocka_unit_test(publish_gives_each_feed_and_epoch_its_own_ids),
        cmocka_unit_test(publish_writes_records_in_the_order_of_ids),
        cmocka_unit_test(publish_caps_and_counts_people),
        cmocka_unit_test(publish_keeps_what_it_published_until_the_epoch_ends),
        cmocka_unit_test(publish_gives_the_place_of_a_vanished_interest_to_nobody),
        cmocka_unit_test(publish_ends_only_what_the_removed_app_brought),
        cmocka_unit_test(publish_adds_up_weights),
        cmocka_unit_test(publish_counts_each_programme_by_itself),
        cmocka_unit_test(publish_drops_with_a_reason_what_it_cannot_use),
        cmocka_unit_test(publish_bounds_what_one_person_contributes),
        cmocka_unit_test(publish_stops_on_what_no_stage_before_may_send),
        cmocka_unit_test(publish_stops_when_its_memory_is_full),
        cmocka_unit_test(publish_stops_and_asks_for_an_abort_when_the_arena_is_full),
    };
    struct error error;
    return process_harden(&error) ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
