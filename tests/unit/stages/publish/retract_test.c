/*
 * Opting out reaches back (spec 3, rule 9): what publish does with the retractions that it follows. Retractions are given
 * by hand as the follower gives them; the transactions are the test's.
 */
#include "common/recent.h"
#include "tests/unit/stages/publish/retract_rig.h"

/* ---- who is found ---- */

static void retraction_finds_people_by_line_account_and_device(void **state)
{
    (void)state;
    static const struct {
        enum subject_kind kind;
        unsigned number;
        const char *programme;
        const char *feeds;     /* five people before: 5 5 5 5 */
        const char *changelog; /* ten states before */
        const char *why;
    } cases[] = {
        {SUBJECT_LINE, 1, "a", "4 4 4 5; 3", "9 0", "a line, in its three feeds of the programme"},
        {SUBJECT_LINE, 1, "b", "5 5 5 4; 1", "9 0", "a line, in its one feed of the other"},
        {SUBJECT_ACCOUNT, 0, "a", "2 2 2 5; 9", "7 3", "an account takes all of its lines along"},
        {SUBJECT_ACCOUNT, 1, "b", "5 5 5 3; 2", "8 2", "the other account"},
        {SUBJECT_DEVICE, 2, "a", "4 4 4 5; 3", "9 1", "a device takes its person along, other feeds too"},
        {SUBJECT_LINE, 77, "a", "5 5 5 5; 0", "10 0", "nobody"},
        {SUBJECT_DEVICE, 77, "a", "5 5 5 5; 0", "10 0", "nobody's device"},
        {SUBJECT_LINE, 1, "c", "5 5 5 5; 0", "10 0", "a programme without feeds"},
        {SUBJECT_LINE, 1, "gone", "5 5 5 5; 0", "10 0", "a programme that this process does not know"},
    };
    static const unsigned lines[] = {1, 2, 3, 11, 12};
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rig rig;
        start_with(&rig, "drain", RETRACT_SLOT);
        for (unsigned j = 0; j < 5; j++)
            rig_pass(&rig, event_of(&rig, lines[j]));
        rig_settle(&rig, true);
        assert_string_equal(feeds(&rig), "5 5 5 5; 0");
        assert_string_equal(changelog(&rig), "10 0");
        rig_retract(&rig, cases[i].kind, cases[i].number, cases[i].programme, rig.now_ms);
        rig_settle(&rig, true);
        if (strcmp(feeds(&rig), cases[i].feeds) != 0 || strcmp(changelog(&rig), cases[i].changelog) != 0)
            fail_msg("%s: %s, %s", cases[i].why, feeds(&rig), changelog(&rig));
        size_t written = rig_count(&rig, TOPIC_FEED);
        rig_settle(&rig, true);
        assert_int_equal(rig_count(&rig, TOPIC_FEED), written); /* once */
        rig_release(&rig);
    }
}

/* Whichever it is of all the devices and accounts that a person may have. */
static void retraction_finds_a_person_by_each_of_48_devices_and_16_accounts(void **state)
{
    (void)state;
    for (unsigned number = 0; number < 48 + 16; number++) {
        struct rig rig;
        start_with(&rig, "24h", RETRACT_NOW);
        for (unsigned device = 0; device < 48; device++) {
            struct record record = rig_with_device(rig_event(&rig, 1, 10), 100 + device);
            record.subjects[SUBJECT_ACCOUNT] = (struct subject){
                .present = true, .has_pseudonym = true, .pseudonym = rig_pseudonym(1, 200 + device / 3)};
            rig_pass(&rig, record);
        }
        rig_settle(&rig, false);
        run_slots(&rig, 97);
        assert_string_equal(feeds(&rig), "1 1 48 0; 0");
        if (number % 2) {
            restart(&rig);
            rig_restore(&rig, 0);
        }
        if (number < 48)
            rig_retract(&rig, SUBJECT_DEVICE, 100 + number, "a", rig.now_ms);
        else
            rig_retract(&rig, SUBJECT_ACCOUNT, 200 + number - 48, "a", rig.now_ms);
        rig_settle(&rig, false);
        if (strcmp(feeds(&rig), "0 0 0 0; 50") || strcmp(changelog(&rig), "0 1"))
            fail_msg("subject %u: %s, changelog %s", number, feeds(&rig), changelog(&rig));
        rig_drops(&rig, rig_with_device(rig_event(&rig, 1, 10), 999), PUBLISH_RETRACTED, "with one more");
        rig_release(&rig);
    }
}

static void retraction_finds_a_subject_that_very_many_share(void **state)
{
    (void)state;
    struct rig rig;
    start_with(&rig, "drain", RETRACT_SLOT);
    for (unsigned line = 0; line < 300; line++) {
        struct record record = rig_with_device(rig_event(&rig, line, 10), line % 3 ? 7 : 1000 + line);
        rig_pass(&rig, record);
        if (line == 150)
            rig_settle(&rig, false);
    }
    rig_settle(&rig, true);
    assert_int_equal(live_records(&rig, 0), 300);
    restart(&rig);
    rig_restore(&rig, 0);
    rig_retract(&rig, SUBJECT_DEVICE, 7, "a", rig.now_ms);
    rig_settle(&rig, true);
    assert_int_equal(live_records(&rig, 0), 100);
    rig_release(&rig);
}

/* ---- in a hold ---- */

/* While the brake holds, tombstones are written in their slots and nothing else is; and what waited comes afterwards. */
static void in_a_hold_tombstones_go_on_and_nothing_else_does(void **state)
{
    (void)state;
    static const struct {
        const char *update_every;
        enum retract_when retract;
    } cases[] = {{"24h", RETRACT_SLOT}, {"24h", RETRACT_NOW}, {"1h", RETRACT_SLOT}, {"0", RETRACT_SLOT}};
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rig rig;
        start_with(&rig, cases[i].update_every, cases[i].retract);
        for (unsigned line = 1; line <= 5; line++)
            rig_pass(&rig, event_of(&rig, line));
        rig_settle(&rig, false);
        run_slots(&rig, 100);
        assert_string_equal(feeds(&rig), "5 5 5 5; 0");
        rig_pass(&rig, event_of(&rig, 6)); /* waits for its slot; of "0" it is left open by the hold */
        if (i < 3)
            rig_settle(&rig, false);
        else
            rig_abort(&rig);

        rig.holding = true;
        rig_retract(&rig, SUBJECT_LINE, 1, "a", rig.now_ms);
        run_slots(&rig, 50);
        assert_true(rig_due_ms(&rig) > rig.now_ms); /* it rests between slots */
        rig_flush(&rig, false);
        rig_abort(&rig); /* goes over its slots again */
        run_slots(&rig, 50);
        if (strcmp(feeds(&rig), "4 4 4 5; 3") != 0)
            fail_msg("row %u: %s", i, feeds(&rig));
        rig_retract(&rig, SUBJECT_LINE, 2, "b", rig.now_ms);
        run_slots(&rig, 100);
        if (strcmp(feeds(&rig), "4 4 4 4; 4") != 0)
            fail_msg("row %u: %s", i, feeds(&rig));

        rig.holding = false;
        if (i == 3)
            rig_pass(&rig, event_of(&rig, 6)); /* again, after the abort */
        rig_settle(&rig, false);               /* all slots that were missed are made up */
        if (strcmp(feeds(&rig), "5 5 5 5; 4") != 0)
            fail_msg("row %u: %s", i, feeds(&rig));
        rig_release(&rig);
    }
}

/* A count that came to k by what was committed before shows itself when the hold is over, to everybody. */
static void what_a_hold_kept_back_at_once_is_written_behind_it(void **state)
{
    (void)state;
    struct rig rig;
    start_with(&rig, "0", RETRACT_SLOT);
    rig.options.k = 2;
    restart(&rig);
    rig_assign(&rig, 0);
    assert_true(stage_publish.partitioned->restored(rig.state, 0, &rig.error));
    rig_pass(&rig, event_of(&rig, 1));
    rig_settle(&rig, false);
    assert_string_equal(feeds(&rig), "0 0 0 0; 0");
    rig.holding = true;
    rig_pass(&rig, event_of(&rig, 2));
    rig_settle(&rig, false);
    assert_string_equal(feeds(&rig), "0 0 0 0; 0");
    rig.holding = false;
    rig_settle(&rig, false);
    assert_string_equal(feeds(&rig), "2 2 2 2; 0");
    rig_release(&rig);
}

/* ---- what is dropped ---- */

static void retracted_people_get_nothing_more_in_the_epoch(void **state)
{
    (void)state;
    struct rig rig;
    start_with(&rig, "drain", RETRACT_SLOT);
    int64_t choice_ms = rig.now_ms;
    int64_t epoch_end_ms = (rig.now_ms / (7 * RIG_DAY) + 1) * 7 * RIG_DAY;
    rig_pass(&rig, event_of(&rig, 1));
    rig_pass(&rig, event_of(&rig, 21));
    rig_settle(&rig, true);
    rig_retract(&rig, SUBJECT_LINE, 1, "a", choice_ms);
    rig_retract(&rig, SUBJECT_DEVICE, 21, "a", choice_ms);
    rig_retract(&rig, SUBJECT_ACCOUNT, 3, "a", choice_ms);
    rig_settle(&rig, true);
    assert_string_equal(feeds(&rig), "0 0 0 2; 6");

    rig.now_ms = epoch_end_ms - 1000;
    const struct {
        unsigned line, device, account;
        int64_t time_ms, timestamp_ms;
        bool dropped;
        const char *why;
    } cases[] = {
        {1, 1, 0, choice_ms, choice_ms - 1, true, "an event that waited since before the choice"},
        {1, 1, 0, epoch_end_ms - 1, epoch_end_ms - 1, true, "the last of the epoch"},
        {1, 8, 5, choice_ms, choice_ms, true, "with another device and account"},
        {21, 9, 2, choice_ms, choice_ms, true, "another device of whom a device took along: by its mark"},
        {21, 9, 2, epoch_end_ms + 1, choice_ms, false,
         "but in the next epoch nothing speaks against that device"},
        {31, 31, 3, choice_ms, choice_ms, true, "nobody's state yet, by the account"},
        {32, 21, 2, choice_ms, choice_ms, true, "nobody's state yet, by the device"},
        {31, 31, 4, choice_ms, choice_ms, false, "the same line with another account is nobody's choice"},
        {1, 1, 0, epoch_end_ms + 1, choice_ms, true, "ahead of its time, but it came before the choice"},
        {1, 1, 0, epoch_end_ms + 1, choice_ms + 60000, true, "or a moment after it, as a storm lets through"},
        {1, 1, 0, epoch_end_ms + 1, choice_ms + 60001, false, "the next epoch, after the choice"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct record record = event_of(&rig, cases[i].line);
        record.programmes = 1;
        record.subjects[SUBJECT_DEVICE].pseudonym = rig_pseudonym(2, cases[i].device);
        record.subjects[SUBJECT_ACCOUNT].pseudonym = rig_pseudonym(1, cases[i].account);
        record.time_ms = cases[i].time_ms;
        record.timestamp_ms = cases[i].timestamp_ms;
        if (cases[i].dropped)
            rig_drops(&rig, record, PUBLISH_RETRACTED, cases[i].why);
        else if (rig_process(&rig, record).kind != VERDICT_PASS)
            fail_msg("%s", cases[i].why);
        record = rig_with_app(record, EVENT_APP_REMOVE, 5);
        record.interest_count = 0;
        if (cases[i].dropped)
            rig_drops(&rig, record, PUBLISH_RETRACTED, "a removed app likewise");
    }
    struct record record = event_of(&rig, 1);
    rig_pass(&rig, record); /* kept for programme b, which was not named */
    rig_settle(&rig, true);
    assert_int_equal(live_records(&rig, 1), 1); /* the line that nobody spoke for */
    rig_release(&rig);
}

static void retraction_forgets_what_is_pending(void **state)
{
    (void)state;
    struct rig rig;
    start_with(&rig, "24h", RETRACT_SLOT);
    rig_settle(&rig, false);
    rig_pass(&rig, event_of(&rig, 1)); /* no slot yet */
    rig_settle(&rig, false);
    assert_string_equal(changelog(&rig), "2 0");
    rig_retract(&rig, SUBJECT_LINE, 1, "a", rig.now_ms);
    rig_settle(&rig, false); /* deleted at once: there is nothing to take back in a feed */
    assert_string_equal(changelog(&rig), "1 0");
    rig_retract(&rig, SUBJECT_DEVICE, 1, "b", rig.now_ms);
    rig_settle(&rig, false);
    assert_string_equal(changelog(&rig), "0 1");
    run_slots(&rig, 200);
    assert_int_equal(rig_count(&rig, TOPIC_FEED), 0);
    run_slots(&rig, 96 * 9); /* the mark goes with the epoch */
    assert_string_equal(changelog(&rig), "0 0");
    rig_release(&rig);
}

static void retraction_takes_people_out_of_the_counts(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig); /* k 2 */
    rig_feed(&rig, "acme", "a", FEED_SUBJECT_USER);
    rig_start(&rig);
    rig_assign(&rig, 0);
    for (unsigned line = 0; line < 2; line++)
        rig_pass(&rig, rig_event(&rig, line, 10));
    rig_settle(&rig, true);
    assert_int_equal(live_records(&rig, 0), 2);
    rig_retract(&rig, SUBJECT_LINE, 0, "a", rig.now_ms);
    rig_settle(&rig, true);
    assert_int_equal(live_records(&rig, 0), 0); /* the other one is alone with the interest now */
    rig_pass(&rig, rig_event(&rig, 2, 10));
    rig_settle(&rig, true);
    assert_int_equal(live_records(&rig, 0), 2);
    rig_release(&rig);
}

/* ---- when tombstones are written ---- */

static void retraction_writes_each_tombstone_at_its_own_slot(void **state)
{
    (void)state;
    struct rig rig;
    start_with(&rig, "24h", RETRACT_SLOT);
    rig_settle(&rig, false);
    for (unsigned line = 1; line < 5; line++)
        rig_pass(&rig, event_of(&rig, line));
    run_slots(&rig, 97);
    assert_string_equal(feeds(&rig), "4 4 4 4; 0");
    rig_retract(&rig, SUBJECT_ACCOUNT, 0, "a", rig.now_ms);
    rig_settle(&rig, false);
    run_slots(&rig, 97);
    assert_string_equal(feeds(&rig), "0 0 0 4; 12");
    assert_string_equal(changelog(&rig), "4 4");
    unsigned moments = 0;
    int64_t seen[16] = {0};
    for (size_t i = 0; i < rig.committed.count; i++) {
        const struct rig_record *record = &rig.committed.items[i];
        if (record->topic != TOPIC_FEED || record->value)
            continue;
        bool was_there = false;
        for (size_t j = 0; j < i; j++) {
            const struct rig_record *before = &rig.committed.items[j];
            if (before->topic == TOPIC_FEED && before->feed == record->feed && before->value &&
                !memcmp(before->key, record->key, 22)) {
                was_there = true;
                assert_true((record->timestamp_ms - before->timestamp_ms) % RIG_DAY == 0); /* its own slot */
            }
        }
        assert_true(was_there);
        bool is_new = true;
        for (unsigned j = 0; j < moments; j++)
            is_new = is_new && seen[j] != record->timestamp_ms;
        if (is_new)
            seen[moments++] = record->timestamp_ms;
    }
    assert_true(moments > 3); /* unrelated slots */
    rig_release(&rig);
}

static void retraction_ends_the_ids_of_both_epochs(void **state)
{
    (void)state;
    struct rig rig;
    start_with(&rig, "drain", RETRACT_SLOT);
    rig.now_ms =
        (rig.now_ms / (7 * RIG_DAY) + 1) * 7 * RIG_DAY + RIG_DAY; /* the last epoch lives one day more */
    struct record last = event_of(&rig, 1);
    last.time_ms -= 2 * RIG_DAY;
    last.timestamp_ms -= 2 * RIG_DAY;
    rig_pass(&rig, last);
    rig_pass(&rig, event_of(&rig, 1));
    rig_settle(&rig, true);
    assert_string_equal(feeds(&rig), "2 2 2 2; 0");
    rig_retract(&rig, SUBJECT_LINE, 1, "a", rig.now_ms);
    rig_settle(&rig, true);
    assert_string_equal(feeds(&rig), "0 0 0 2; 6");
    rig_release(&rig);
}

static void retraction_writes_at_once_when_told_so(void **state)
{
    (void)state;
    static const char *const updates[] = {"24h", "drain", "0"};
    for (unsigned i = 0; i < 3; i++) {
        struct rig rig;
        start_with(&rig, updates[i], RETRACT_NOW);
        rig_settle(&rig, false);
        for (unsigned line = 1; line < 4; line++)
            rig_pass(&rig, event_of(&rig, line));
        if (i == 0)
            run_slots(&rig, 97);
        rig_settle(&rig, true);
        assert_string_equal(feeds(&rig), "3 3 3 3; 0");
        rig_pass(&rig, rig_event(&rig, 50, 10)); /* pending, and not anybody's to write now */
        rig_retract(&rig, SUBJECT_DEVICE, 2, "a", rig.now_ms);
        rig_settle(&rig, false);
        if (strcmp(feeds(&rig), i == 2 ? "3 3 2 3; 3" : "2 2 2 3; 3") != 0)
            fail_msg("%s: %s", updates[i], feeds(&rig));
        assert_string_equal(changelog(&rig), "6 1");
        rig_release(&rig);
    }
}

static void retraction_with_update_every_0_is_written_with_the_next_transaction(void **state)
{
    (void)state;
    struct rig rig;
    start_with(&rig, "0", RETRACT_SLOT);
    rig_pass(&rig, event_of(&rig, 1));
    rig_settle(&rig, false);
    rig_retract(&rig, SUBJECT_LINE, 1, "a", rig.now_ms);
    assert_true(rig_due_ms(&rig) <= rig.now_ms + 1000); /* soon, without any event */
    rig_settle(&rig, false);
    assert_string_equal(feeds(&rig), "0 0 0 1; 3");
    rig_release(&rig);
}

static void retraction_with_drain_waits_for_the_drain(void **state)
{
    (void)state;
    struct rig rig;
    start_with(&rig, "drain", RETRACT_SLOT);
    rig_pass(&rig, event_of(&rig, 1));
    rig_settle(&rig, true);
    rig_retract(&rig, SUBJECT_LINE, 1, "a", rig.now_ms);
    rig_settle(&rig, false);
    assert_string_equal(feeds(&rig), "1 1 1 1; 0");
    rig_settle(&rig, true);
    assert_string_equal(feeds(&rig), "0 0 0 1; 3");
    rig_release(&rig);
}

/* ---- the barrier ---- */

static bool stands(struct rig *rig)
{
    return stage_publish.stands(rig->state);
}

static void batch_falls_when_somebody_in_it_says_no(void **state)
{
    (void)state;
    static const struct {
        enum subject_kind kind;
        unsigned number;
        const char *programme;
        bool stands;
        const char *why;
    } cases[] = {
        {SUBJECT_LINE, 1, "a", false, "the line of an event"},
        {SUBJECT_ACCOUNT, 0, "b", false, "its account"},
        {SUBJECT_DEVICE, 1, "a", false, "its device"},
        {SUBJECT_LINE, 40, "a", false, "nobody had an event, but an ID is due"},
        {SUBJECT_DEVICE, 40, "a", false, "by the device"},
        {SUBJECT_LINE, 60, "a", true, "known, but nothing of theirs is written"},
        {SUBJECT_LINE, 99, "a", true, "somebody else"},
        {SUBJECT_LINE, 1, "c", true, "another programme"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rig rig;
        start_with(&rig, "drain", RETRACT_SLOT);
        rig_pass(&rig, event_of(&rig, 60));
        rig_settle(&rig, true);
        rig_pass(&rig, event_of(&rig, 40));
        rig_flush(&rig, false);
        rig_commit(&rig); /* in the state, and not in a feed */
        rig_pass(&rig, event_of(&rig, 1));
        rig_flush(&rig, true);
        assert_true(stands(&rig));
        rig_retract(&rig, cases[i].kind, cases[i].number, cases[i].programme, rig.now_ms);
        if (stands(&rig) != cases[i].stands)
            fail_msg("%s", cases[i].why);
        rig_abort(&rig);
        rig_flush(&rig, true); /* as the worker does: the same again, which now knows */
        assert_true(stands(&rig));
        rig_commit(&rig);
        rig_settle(&rig, true);
        if (cases[i].number == 40) {
            assert_int_equal(live_records(&rig, 0), 1);
            assert_int_equal(tombstones(&rig), 0); /* never written, so nothing to take back */
        }
        rig_release(&rig);
    }
}

static void batch_falls_when_more_changed_than_is_remembered(void **state)
{
    (void)state;
    struct rig rig;
    start_with(&rig, "drain", RETRACT_SLOT);
    rig_pass(&rig, event_of(&rig, 1));
    rig_flush(&rig, true);
    for (unsigned i = 0; i < RECENT_CHANGES; i++)
        rig_retract(&rig, SUBJECT_LINE, 1000 + i % 5, "a", rig.now_ms + i);
    assert_false(stands(&rig));
    rig_abort(&rig);
    rig_pass(&rig, event_of(&rig, 1));
    rig_retract(&rig, SUBJECT_LINE, 2, "a", rig.now_ms);
    rig_pass(&rig, event_of(&rig, 3));
    rig_settle(&rig, true); /* who fell behind reads the whole table, and goes on */
    rig_retract(&rig, SUBJECT_LINE, 3, "a", rig.now_ms);
    rig_settle(&rig, true);
    assert_string_equal(feeds(&rig), "1 1 1 2; 3");
    rig_release(&rig);
}

static void due_record_of_somebody_whose_turn_has_not_come_is_not_written(void **state)
{
    (void)state;
    struct rig rig;
    start_with(&rig, "drain", RETRACT_SLOT);
    enum { PEOPLE = 10500 }; /* more than one transaction takes in */
    for (unsigned line = 0; line < PEOPLE; line++) {
        struct record record = rig_event(&rig, line, 10);
        rig_pass(&rig, record);
        if (line % 1000 == 999) {
            rig_flush(&rig, false);
            rig_commit(&rig);
        }
    }
    rig_settle(&rig, false);
    for (unsigned line = 0; line < PEOPLE; line++)
        rig_retract(&rig, SUBJECT_LINE, line, "a", rig.now_ms);
    assert_true(rig_settle(&rig, true) > 1);
    assert_int_equal(rig_count(&rig, TOPIC_FEED), 0);
    assert_string_equal(changelog(&rig), "0 0");
    rig_release(&rig);
}

static void held_back_record_is_a_tombstone_in_the_same_slot(void **state)
{
    (void)state;
    struct rig rig;
    start_with(&rig, "24h", RETRACT_SLOT);
    enum { PEOPLE = 10500, SLOTS = 24 * 4 }; /* more than one transaction takes in */
    for (unsigned interest = 10; interest <= 11; interest++) {
        for (unsigned line = 0; line < PEOPLE; line++) {
            struct record record = rig_event(&rig, line, interest);
            record.programmes = 1;
            rig_pass(&rig, record);
            if (line % 1000 == 999) {
                rig_flush(&rig, false);
                rig_commit(&rig);
            }
        }
        if (interest == 10)
            run_slots(&rig, SLOTS); /* everybody is published, and has something new afterwards */
    }
    rig_flush(&rig, false);
    rig_commit(&rig);
    assert_int_equal(live_records(&rig, 0), PEOPLE);
    for (unsigned line = 0; line < PEOPLE; line++)
        rig_retract(&rig, SUBJECT_LINE, line, "a", rig.now_ms);
    run_slots(&rig, SLOTS);
    assert_int_equal(live_records(&rig, 0), 0);
    rig_release(&rig);
}

static void retraction_from_a_clock_far_ahead_does_not_end_the_others(void **state)
{
    (void)state;
    struct rig rig;
    start_with(&rig, "drain", RETRACT_SLOT);
    rig_pass(&rig, event_of(&rig, 1));
    rig_pass(&rig, event_of(&rig, 2));
    rig_settle(&rig, true);
    rig_retract(&rig, SUBJECT_LINE, 2, "a", rig.now_ms + 60 * RIG_DAY);
    rig_retract(&rig, SUBJECT_LINE, 1, "a", rig.now_ms);
    rig_settle(&rig, true);
    assert_string_equal(feeds(&rig), "0 0 0 2; 6");
    rig_release(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(retraction_finds_people_by_line_account_and_device),
        cmocka_unit_test(retraction_finds_a_person_by_each_of_48_devices_and_16_accounts),
        cmocka_unit_test(retraction_finds_a_subject_that_very_many_share),
        cmocka_unit_test(in_a_hold_tombstones_go_on_and_nothing_else_does),
        cmocka_unit_test(what_a_hold_kept_back_at_once_is_written_behind_it),
        cmocka_unit_test(retracted_people_get_nothing_more_in_the_epoch),
        cmocka_unit_test(retraction_forgets_what_is_pending),
        cmocka_unit_test(retraction_takes_people_out_of_the_counts),
        cmocka_unit_test(retraction_writes_each_tombstone_at_its_own_slot),
        cmocka_unit_test(retraction_ends_the_ids_of_both_epochs),
        cmocka_unit_test(retraction_writes_at_once_when_told_so),
        cmocka_unit_test(retraction_with_update_every_0_is_written_with_the_next_transaction),
        cmocka_unit_test(retraction_with_drain_waits_for_the_drain),
        cmocka_unit_test(batch_falls_when_somebody_in_it_says_no),
        cmocka_unit_test(batch_falls_when_more_changed_than_is_remembered),
        cmocka_unit_test(due_record_of_somebody_whose_turn_has_not_come_is_not_written),
        cmocka_unit_test(held_back_record_is_a_tombstone_in_the_same_slot),
        cmocka_unit_test(retraction_from_a_clock_far_ahead_does_not_end_the_others),
    };
    struct error error;
    return process_harden(&error) ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
