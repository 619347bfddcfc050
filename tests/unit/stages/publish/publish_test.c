#include "tests/unit/stages/publish/rig.h"

#include <sodium.h>
#include <yyjson.h>

/* ---- reading feeds ---- */

/* The interests of a value, "1,22,333". */
static void interests_of(const struct rig_record *record, char *out, size_t out_size)
{
    yyjson_doc *document = yyjson_read(record->value, record->value_size, 0);
    assert_non_null(document);
    yyjson_val *segments = yyjson_ptr_get(yyjson_doc_get_root(document), "/user/data/0/segment");
    assert_true(yyjson_is_arr(segments));
    size_t size = 0;
    size_t index, count;
    yyjson_val *segment;
    out[0] = '\0';
    yyjson_arr_foreach(segments, index, count, segment) size += (size_t)snprintf(
        out + size, out_size - size, "%s%s", index ? "," : "", yyjson_get_str(yyjson_obj_get(segment, "id")));
    yyjson_doc_free(document);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* What stands in a feed: the interests of every record, sorted, "1,2 1,2 7"; tombstones leave nothing. */
static const char *feed_state(const struct rig *rig, unsigned feed)
{
    static char text[4096];
    char sets[64][48];
    unsigned count = 0;
    for (size_t i = 0; i < rig->committed.count; i++) {
        const struct rig_record *record = &rig->committed.items[i];
        if (record->topic != TOPIC_FEED || record->feed != feed || !record->value ||
            !rig_is_last(rig, record))
            continue;
        assert_true(count < 64);
        interests_of(record, sets[count++], sizeof *sets);
    }
    qsort(sets, count, sizeof *sets, by_text);
    size_t size = 0;
    text[0] = '\0';
    for (unsigned i = 0; i < count; i++)
        size += (size_t)snprintf(text + size, sizeof text - size, "%s%s", i ? " " : "", sets[i]);
    return text;
}

static void settle_and_expect(struct rig *rig, unsigned feed, const char *expected)
{
    rig_settle(rig, true);
    assert_string_equal(feed_state(rig, feed), expected);
}

static void start(struct rig *rig)
{
    rig_start(rig);
    rig_assign(rig, 0);
}

static void add(struct rig *rig, unsigned line, uint16_t interest, unsigned events)
{
    for (unsigned i = 0; i < events; i++)
        rig_pass(rig, rig_event(rig, line, interest));
}

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

/* ---- devices ---- */

static void publish_shows_of_a_device_what_it_contributed(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    rig_feed(&rig, "acme", "a", FEED_SUBJECT_DEVICE);
    start(&rig);
    for (unsigned line = 1; line <= 2; line++) {
        rig_pass(&rig, rig_with_device(rig_event(&rig, line, 10), 10 * line));
        rig_pass(&rig, rig_with_device(rig_event(&rig, line, 20), 10 * line + 1));
        rig_pass(&rig, rig_with_device(rig_event(&rig, line, 20), 10 * line));
        rig_pass(&rig, rig_event(&rig, line, 30)); /* no device: counts, but stands on none */
    }
    settle_and_expect(&rig, 0, "10,20 10,20 20 20");
    for (size_t i = 0; i < rig.committed.count; i++)
        assert_true(rig.committed.items[i].topic != TOPIC_FEED ||
                    strstr(rig.committed.items[i].value, "\"atype\":1"));
    rig_release(&rig);
}

static void publish_counts_people_and_not_devices(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    rig_feed(&rig, "acme", "a", FEED_SUBJECT_DEVICE);
    start(&rig);
    for (unsigned device = 0; device < 5; device++)
        rig_pass(&rig, rig_with_device(rig_event(&rig, 1, 10), device));
    settle_and_expect(&rig, 0, "");
    rig_release(&rig);
}

static void publish_shows_a_device_of_two_lines_under_neither(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    rig_feed(&rig, "acme", "a", FEED_SUBJECT_DEVICE);
    rig_feed(&rig, "acme", "b", FEED_SUBJECT_DEVICE);
    start(&rig);
    rig_pass(&rig, rig_with_device(rig_event(&rig, 1, 10), 1));
    rig_pass(&rig, rig_with_device(rig_event(&rig, 2, 10), 2));
    settle_and_expect(&rig, 0, "10 10");
    struct record other = rig_with_device(rig_event(&rig, 3, 10), 1);
    other.programmes = 2; /* even under another programme */
    rig_pass(&rig, other);
    settle_and_expect(&rig, 0, "10");
    assert_string_equal(feed_state(&rig, 1), "");
    /* and a programme that first sees the line later is told */
    struct record later = rig_with_device(rig_event(&rig, 1, 10), 1);
    later.programmes = 2;
    rig_pass(&rig, later);
    settle_and_expect(&rig, 1, "");
    /* the next epoch judges anew */
    rig.now_ms += 7 * RIG_DAY;
    rig_pass(&rig, rig_with_device(rig_event(&rig, 1, 10), 1));
    rig_pass(&rig, rig_with_device(rig_event(&rig, 2, 10), 2));
    settle_and_expect(&rig, 0, "10 10");
    rig_release(&rig);
}

/* The most devices and accounts, and one past; the person's state comes back from the changelog in between. */
static void publish_gives_an_id_to_48_devices_of_a_person(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    rig.options.k = 1;
    rig_feed(&rig, "acme", "a", FEED_SUBJECT_DEVICE);
    rig_feed(&rig, "acme", "b", FEED_SUBJECT_USER);
    start(&rig);
    for (unsigned device = 0; device < 49; device++) {
        struct record record = rig_with_device(rig_event(&rig, 1, (uint16_t)(device < 48 ? 10 : 20)), device);
        record.programmes = 3;
        if (device < 48)
            rig_pass(&rig, record);
        else
            rig_drops(&rig, record, PUBLISH_PERSON_FULL, "a 49th device could not be found when it says no");
        if (device % 5 == 0) {
            rig_settle(&rig, true);
            rig_stop(&rig);
            rig_start(&rig);
            rig_restore(&rig, 0);
        }
    }
    rig_settle(&rig, true);
    unsigned of_devices = 0;
    for (const char *shown = feed_state(&rig, 0); (shown = strstr(shown, "10")); shown += 2)
        of_devices++;
    assert_int_equal(of_devices, 48);
    assert_string_equal(feed_state(&rig, 1), "10");
    rig_pass(&rig, rig_with_device(rig_event(&rig, 1, 10), 47)); /* who is there goes on */
    /* one that another line has too is told by its index, be that ever so high */
    rig_pass(&rig, rig_with_device(rig_event(&rig, 2, 10), 40));
    rig_settle(&rig, true);
    of_devices = 0;
    for (const char *shown = feed_state(&rig, 0); (shown = strstr(shown, "10")); shown += 2)
        of_devices++;
    assert_int_equal(of_devices, 47);
    rig_release(&rig);
}

static void publish_remembers_16_accounts_of_a_person(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    rig.options.k = 1;
    rig_feed(&rig, "acme", "a", FEED_SUBJECT_USER);
    start(&rig);
    for (unsigned account = 0; account < 17; account++) {
        struct record record = rig_with_device(rig_event(&rig, 1, 10), account % 9);
        record.subjects[SUBJECT_ACCOUNT] =
            (struct subject){.present = true, .has_pseudonym = true, .pseudonym = rig_pseudonym(1, account)};
        if (account < 16)
            rig_pass(&rig, record);
        else
            rig_drops(&rig, record, PUBLISH_PERSON_FULL, "a 17th account could not be found when it says no");
    }
    settle_and_expect(&rig, 0, "10");
    rig_release(&rig);
}

static void publish_has_no_id_for_a_limited_device(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    rig.options.k = 1;
    rig_feed(&rig, "acme", "a", FEED_SUBJECT_DEVICE);
    start(&rig);
    struct record record = rig_with_device(rig_event(&rig, 1, 10), 1);
    record.subjects[SUBJECT_DEVICE].limit_ad_tracking = true;
    rig_pass(&rig, record);
    settle_and_expect(&rig, 0, "");
    rig_release(&rig);
}

/* ---- time ---- */

/* Run the clock in steps of a slot with a flush in each, `periods` times 96. */
static void run_slots(struct rig *rig, unsigned slots)
{
    for (unsigned i = 0; i < slots; i++) {
        rig_settle(rig, false);
        rig->now_ms += CALENDAR_SLOT_MS;
    }
}

static void slots_rig(struct rig *rig)
{
    rig_init(rig);
    rig->options.update_every = VIEW("24h");
    rig_feed(rig, "acme", "a", FEED_SUBJECT_USER);
    rig_feed(rig, "best", "a", FEED_SUBJECT_USER);
    start(rig);
}

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

/* How many keys of a feed have a value now. */
static unsigned keys_of_line(const struct rig *rig, unsigned feed)
{
    unsigned count = 0;
    for (size_t i = 0; i < rig->committed.count; i++) {
        const struct rig_record *record = &rig->committed.items[i];
        count +=
            record->topic == TOPIC_FEED && record->feed == feed && record->value && rig_is_last(rig, record);
    }
    return count;
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
    const struct rig_record *record = &rig.committed.items[0];
    assert_true(stage_publish.partitioned->restore(rig.state, 0, (struct view){record->key, record->key_size},
                                                   (struct view){record->value, record->value_size},
                                                   &rig.error));
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
    double people, contributions, ids_live, state_bytes, ratio, retractions, retractions_bytes;
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
    assert_true(sum.retractions == 0 && sum.retractions_bytes > 0);
    stage_publish.partitioned->revoke(rig.state, 0);
    stage_publish.gauges(rig.shared, take_gauge, &sum);
    assert_true(sum.people == 0 && sum.contributions == 0 && sum.ids_live == 0 && sum.state_bytes == 0);
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
        cmocka_unit_test(publish_shows_of_a_device_what_it_contributed),
        cmocka_unit_test(publish_counts_people_and_not_devices),
        cmocka_unit_test(publish_shows_a_device_of_two_lines_under_neither),
        cmocka_unit_test(publish_gives_an_id_to_48_devices_of_a_person),
        cmocka_unit_test(publish_remembers_16_accounts_of_a_person),
        cmocka_unit_test(publish_has_no_id_for_a_limited_device),
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
