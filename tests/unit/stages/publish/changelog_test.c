/* The strict reader: it gives back what was written, and takes nothing else. Whole states are tested in
 * partition_test.c. */
#include "stages/publish/changelog.h"
#include "tests/unit/stages/publish/rig.h"

static struct rig rig;
static struct partition_rules rules;
static struct arena arena;
static struct ratchet *ratchet;
static struct partition *partition;
static struct view key, value;

/* One person with everything: an account, devices, a shared one, kept interests, records in both feeds, apps. */
static int setup(void **state)
{
    (void)state;
    rig_init(&rig);
    rig_feed(&rig, "acme", "a", FEED_SUBJECT_USER);
    rig_feed(&rig, "acme", "a", FEED_SUBJECT_DEVICE);
    ratchet = rig_ratchet(&rig);
    rules =
        (struct partition_rules){.calendar = {.epoch_ms = 7 * RIG_DAY, .life_ms = 2 * RIG_DAY, .slots = 96},
                                 .interests_max = 3,
                                 .k = 1,
                                 .memory = {.max = 1 << 24},
                                 .persons_max = 1000};
    if (!arena_init(&arena, 1 << 16, 1 << 20, &rig.error) ||
        !feed_list_init(&rules.feeds, &rig.config, &rig.options, ratchet, 0, &rig.error))
        return 1;
    partition = partition_new(0, &rules, &rig.error);
    for (unsigned i = 0; i < 4; i++) {
        struct record record =
            rig_with_device(rig_event(&rig, i == 3 ? 2 : 1, (uint16_t)(10 + i)), i == 3 ? 0 : i);
        record.subjects[SUBJECT_ACCOUNT] = (struct subject){
            .present = true, .has_pseudonym = true, .pseudonym = rig_pseudonym(1, 5 + i % 2)};
        record.interests[0].weight = (uint16_t)(1 + 120 * i);
        if (i == 2)
            record = rig_with_app(record, EVENT_APP_USE, UINT64_C(0x0123456789abcdef));
        assert_int_equal(partition_add(partition, 0, -3, &record, &arena, &rig.error), PARTITION_CHANGED);
    }
    struct pseudonym line = rig_pseudonym(0, 1);
    uint32_t reference = partition_find(partition, 0, -3, &line);
    assert_true(reference != 0);
    struct person *person = partition_person(partition, reference);
    for (uint32_t id = person->ids; id;) {
        struct interest_set set = {.ids = {10, 11}, .count = 2};
        assert_true(partition_publish(partition, id, &set, &arena, &rig.error));
        id = ((struct live_id *)slab_at(&partition->slab, id))->person_next;
    }
    return changelog_person_key(partition, person, &arena, &key) &&
                   changelog_person_value(partition, person, &arena, &value)
               ? 0
               : 1;
}

static int teardown(void **state)
{
    (void)state;
    partition_free(partition);
    feed_list_release(&rules.feeds);
    ratchet_free(ratchet);
    arena_release(&arena);
    rig_release(&rig);
    return 0;
}

static void changelog_key_is_as_documented(void **state)
{
    (void)state;
    /* docs/formats-state.md */
    struct pseudonym line = rig_pseudonym(0, 1);
    char expected[8 + PSEUDONYM_SIZE] = {2, 1, 1, 'a', -1, -1, -1, -3};
    memcpy(expected + 8, line.bytes, PSEUDONYM_SIZE);
    assert_int_equal(key.size, sizeof expected);
    assert_memory_equal(key.data, expected, sizeof expected);
    struct changelog_key read;
    assert_true(changelog_read_key(key, &read));
    assert_int_equal(read.kind, CHANGELOG_PERSON);
    assert_true(view_equal_string(read.programme, "a") && read.epoch == -3);
    assert_memory_equal(read.line.bytes, line.bytes, PSEUDONYM_SIZE);
    assert_true(changelog_read_key(changelog_meta_key(), &read));
    assert_int_equal(read.kind, CHANGELOG_META);
    struct view mark;
    assert_true(changelog_mark_key(
        partition, partition_person(partition, partition_find(partition, 0, -3, &line)), &arena, &mark));
    expected[1] = 3;
    assert_int_equal(mark.size, sizeof expected);
    assert_memory_equal(mark.data, expected, sizeof expected);
    assert_true(changelog_read_key(mark, &read));
    assert_int_equal(read.kind, CHANGELOG_MARK);
    assert_true(view_equal_string(read.programme, "a") && read.epoch == -3);
    assert_memory_equal(read.line.bytes, line.bytes, PSEUDONYM_SIZE);
}

static void changelog_person_comes_back_whole(void **state)
{
    (void)state;
    struct person_state person = {.programme = 0};
    assert_true(changelog_read_person(value, &rules.feeds, &person));
    assert_true(person.standing == PERSON_STANDS && person.first_s == RIG_NOW / 1000);
    assert_true(person.account_count == 2 && person.device_count == 3 && person.shared_devices == 1);
    struct pseudonym account = rig_pseudonym(1, 6), device = rig_pseudonym(2, 2);
    assert_memory_equal(person.accounts[1].bytes, account.bytes, PSEUDONYM_SIZE);
    assert_memory_equal(person.devices[2].bytes, device.bytes, PSEUDONYM_SIZE);
    assert_true(person.kept.count == 2 && person.kept.ids[0] == 10 && person.kept.ids[1] == 11);
    assert_int_equal(person.published_count, 4); /* the user, and three devices */
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(person.published[i].mask, 3);
    assert_int_equal(person.contribution_count, 3);
    assert_true(person.contributions[1].interest == 11 && person.contributions[1].events == 121);
    assert_true(person.contributions[2].app_token == UINT64_C(0x0123456789abcdef) &&
                person.contributions[2].device == 2 && person.contributions[2].events == 241);
}

static void changelog_refuses_every_cut_and_every_byte_more(void **state)
{
    (void)state;
    struct person_state person = {.programme = 0};
    struct changelog_key read;
    for (size_t size = 0; size < value.size; size++) {
        char *copy = malloc(size ? size : 1); /* its own size, so that ASan sees a byte read too many */
        memcpy(copy, value.data, size);
        if (changelog_read_person((struct view){copy, size}, &rules.feeds, &person))
            fail_msg("%zu of %zu bytes were taken", size, value.size);
        free(copy);
    }
    for (size_t size = 0; size < key.size; size++) {
        char *copy = malloc(size ? size : 1);
        memcpy(copy, key.data, size);
        assert_false(changelog_read_key((struct view){copy, size}, &read));
        free(copy);
    }
    char longer[1024] = {0};
    memcpy(longer, value.data, value.size);
    assert_false(changelog_read_person((struct view){longer, value.size + 1}, &rules.feeds, &person));
    memcpy(longer, key.data, key.size);
    assert_false(changelog_read_key((struct view){longer, key.size + 1}, &read));
    assert_false(changelog_read_person(VIEW_ABSENT, &rules.feeds, &person));
}

/* Whatever stands there: it is refused, or it is a state that holds together. */
static void changelog_survives_any_byte(void **state)
{
    (void)state;
    char *copy = malloc(value.size);
    unsigned taken = 0, refused = 0;
    for (size_t at = 0; at < value.size; at++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            memcpy(copy, value.data, value.size);
            copy[at] = (char)byte;
            struct person_state person = {.programme = 0, .epoch = -3, .line = rig_pseudonym(0, 77)};
            if (!changelog_read_person((struct view){copy, value.size}, &rules.feeds, &person)) {
                refused++;
                continue;
            }
            taken++;
            assert_true(person.device_count <= PERSON_DEVICES_MAX && person.kept.count <= INTERESTS_MAX);
            assert_true(person.account_count <= PERSON_ACCOUNTS_MAX && person.standing <= PERSON_STANDS);
            for (unsigned i = 0; i < person.contribution_count; i++) {
                const struct contribution *entry = &person.contributions[i];
                assert_true(entry->interest && entry->events);
                assert_true(entry->device < person.device_count || entry->device == CONTRIBUTION_NO_DEVICE);
            }
            for (unsigned i = 0; i < person.published_count; i++)
                assert_true(person.published[i].mask && !(person.published[i].mask >> person.kept.count));
        }
    }
    free(copy);
    assert_true(taken > 1000 && refused > 1000); /* pseudonyms may be anything, structure may not */
}

#define HEAD    "\2\0\0\0\0\0"
#define FOUR    "aaaaaaaaaaaaaaa1aaaaaaaaaaaaaaa2aaaaaaaaaaaaaaa3aaaaaaaaaaaaaaa4"
#define EIGHT   FOUR FOUR
#define SIXTEEN EIGHT EIGHT

static void changelog_refuses_what_no_writer_makes(void **state)
{
    (void)state;
    /* version, standing, first event (4), accounts, devices, kept, published (2), contributions */
    static const struct {
        const char *bytes;
        size_t size;
        bool good;
        const char *why;
    } cases[] = {
        {HEAD "\0\0\0\0\0\0", 12, true, "an empty person"},
        {"\2\1\0\0\0\0\0\0\0\0\0\0", 12, true, "one who was retracted"},
        {"\2\2\0\0\0\0\0\0\0\0\0\0", 12, true, "one whose mark stays"},
        {"\1\0\0\0\0\0\0\0\0\0\0\0", 12, false, "another version"},
        {"\2\3\0\0\0\0\0\0\0\0\0\0", 12, false, "an unknown standing"},
        {HEAD "\x11", 7, false, "17 accounts"},
        {HEAD "\0\x31", 8, false, "49 devices"},
        {HEAD "\x10" SIXTEEN "\0\0\0\0\0", 7 + 16 * 16 + 5, true, "16 accounts"},
        {HEAD "\0\x08\x80" EIGHT "\0\0\0\0", 8 + 1 + 8 * 16 + 4, true, "8 devices: one byte of bits"},
        {HEAD "\0\x10\x80\1" SIXTEEN "\0\0\0\0", 8 + 2 + 16 * 16 + 4, true, "16 devices: two"},
        {HEAD "\0\x07\x80" EIGHT "\0\0\0\0", 8 + 1 + 7 * 16 + 4, false, "the bit of an 8th of 7 devices"},
        {HEAD "\0\x30\x80\0\0\0\0\1" SIXTEEN SIXTEEN SIXTEEN "\0\0\0\0", 8 + 6 + 48 * 16 + 4, true,
         "48 devices: six"},
        {HEAD "\0\0\x09", 9, false, "nine kept interests"},
        {HEAD "\0\0\1\0\0\0\0\0", 14, false, "a kept interest 0"},
        {HEAD "\0\0\2\0\5\0\5\0\0\0", 16, false, "the same kept twice"},
        {HEAD "\0\0\0\0\0\1\0\5\x7f\1", 16, true, "one contribution"},
        {HEAD "\0\0\0\0\0\1\0\0\x7f\1", 16, false, "of interest 0"},
        {HEAD "\0\0\0\0\0\1\0\5\0\1", 16, false, "of a device that is not there"},
        {HEAD "\0\0\0\0\0\1\0\5\x7f\0", 16, false, "of no event"},
        {HEAD "\0\0\0\0\0\1\0\5\x7f\x81\0", 17, false, "events with a zero group at the end"},
        {HEAD "\0\0\0\0\0\1\0\5\x7f\xff\xff\xff\xff\x0f", 20, true, "the most events"},
        {HEAD "\0\0\0\0\0\1\0\5\x7f\xff\xff\xff\xff\x1f", 20, false, "more than 32 bits"},
        {HEAD "\0\0\0\0\0\1\0\5\x7f\xff\xff\xff\xff\xff\1", 21, false, "six groups"},
        {HEAD "\0\0\0\0\0\1\0\5\xff\0\0\0\0\0\0\0\0\1", 24, false, "an app token of 0"},
        {HEAD "\0\0\0\0\0\2\0\5\x7f\1\0\5\x7f\1", 20, false, "the same twice"},
        {HEAD "\0\0\0\0\0\2\0\6\x7f\1\0\5\x7f\1", 20, false, "out of order"},
        {HEAD "\0\0\1\0\5\0\1tagg\0\0\0", 20, false, "a record that shows nothing"},
        {HEAD "\0\0\1\0\5\0\1tagg\0\2\0", 20, false, "a record that shows what was not kept"},
        {HEAD "\0\0\1\0\5\0\1tagg\0\1\0", 20, true, "a record of a feed that is gone"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct person_state person = {.programme = 0};
        if (changelog_read_person((struct view){cases[i].bytes, cases[i].size}, &rules.feeds, &person) !=
            cases[i].good)
            fail_msg("%s", cases[i].why);
    }
}

static void changelog_meta_comes_back(void **state)
{
    (void)state;
    static const int64_t slots[] = {0, -1, 1799376, INT64_MAX, INT64_MIN};
    for (unsigned i = 0; i < sizeof slots / sizeof *slots; i++) {
        struct changelog_meta meta = {.slot_done = slots[i]}, read;
        struct view text;
        assert_true(changelog_meta_value(&meta, &arena, &text));
        assert_int_equal(text.size, 9);
        assert_true(changelog_read_meta(text, &read));
        assert_true(read.slot_done == slots[i]);
        assert_false(changelog_read_meta((struct view){text.data, 8}, &read));
    }
    struct changelog_meta read;
    assert_false(changelog_read_meta(VIEW("\1\0\0\0\0\0\0\0\0"), &read));
    assert_true(changelog_read_mark(changelog_mark_value()) && changelog_read_mark(VIEW("\2")));
    assert_false(changelog_read_mark(VIEW("\1")) || changelog_read_mark(VIEW("\2\0")) ||
                 changelog_read_mark(VIEW_ABSENT));
    assert_false(changelog_read_meta(VIEW_ABSENT, &read));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changelog_key_is_as_documented),
        cmocka_unit_test(changelog_person_comes_back_whole),
        cmocka_unit_test(changelog_refuses_every_cut_and_every_byte_more),
        cmocka_unit_test(changelog_survives_any_byte),
        cmocka_unit_test(changelog_refuses_what_no_writer_makes),
        cmocka_unit_test(changelog_meta_comes_back),
    };
    struct error error;
    return process_harden(&error) ? cmocka_run_group_tests(tests, setup, teardown) : 1;
}
