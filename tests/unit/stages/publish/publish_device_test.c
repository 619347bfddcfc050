/* Devices and accounts of a person, and what is shown of them. */
#include "tests/unit/stages/publish/feed_rig.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(publish_shows_of_a_device_what_it_contributed),
        cmocka_unit_test(publish_counts_people_and_not_devices),
        cmocka_unit_test(publish_shows_a_device_of_two_lines_under_neither),
        cmocka_unit_test(publish_gives_an_id_to_48_devices_of_a_person),
        cmocka_unit_test(publish_remembers_16_accounts_of_a_person),
        cmocka_unit_test(publish_has_no_id_for_a_limited_device),
    };
    struct error error;
    return process_harden(&error) ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
