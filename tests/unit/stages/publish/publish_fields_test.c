/* Boxes of named fields at publish: an event whose box is missing, or does not open, is published for nobody. */
#include "common/named_fields.h"
#include "tests/unit/stages/publish/rig.h"

static const int region_field[] = {NAMED_FIELD_REGION};

/* Programmes a (nothing named), b and c (the region); feeds of a and b. */
static struct named_fields_key *begin(struct rig *rig)
{
    static const uint8_t bytes[NAMED_FIELDS_KEY_SIZE] = {5};
    rig_init(rig);
    rig_feed(rig, "acme", "a", FEED_SUBJECT_USER);
    rig_feed(rig, "acme", "b", FEED_SUBJECT_USER);
    rig->programmes[1].fields = rig->programmes[2].fields =
        (struct option_list){(void *)region_field, 1, true};
    struct named_fields_key *key = named_fields_key_of_bytes(bytes, &rig->config, &rig->error);
    rig->named_fields_key = key;
    rig_start(rig);
    rig_assign(rig, 0);
    return key;
}

static void seal(const struct named_fields_key *key, struct record *record, unsigned programme, uint8_t *box)
{
    struct named_fields fields = {.there = 1u << NAMED_FIELD_REGION, .region = "US-CA", .region_size = 5};
    named_fields_seal(key, programme, &record->subjects[SUBJECT_LINE].pseudonym, &record->origin, &fields,
                      box);
    record->sealed |= (programme_set)(1u << programme);
    record->boxes = (struct view){(const char *)box, NAMED_FIELDS_BOX_SIZE};
}

static void expect(struct rig *rig, struct record record, enum verdict_kind kind, unsigned reason,
                   const char *why)
{
    struct verdict verdict = rig_process(rig, record);
    if (verdict.kind != kind || (kind != VERDICT_PASS && verdict.reason != reason))
        fail_msg("%s: verdict %d, reason %u", why, (int)verdict.kind, verdict.reason);
}

enum spoil { AS_IT_IS, NO_BOX, BOX_OF_OTHER_PROGRAMME, OTHER_PERSON, OTHER_RECORD, OTHER_KEY, BIT };

static void an_event_without_its_box_is_a_dead_letter(void **state)
{
    (void)state;
    static const struct {
        enum spoil spoil;
        programme_set programmes;
        enum verdict_kind kind;
        unsigned reason;
        const char *why;
    } rows[] = {
        {AS_IT_IS, 0x2, VERDICT_PASS, 0, "the box opens"},
        {AS_IT_IS, 0x3, VERDICT_PASS, 0, "with a programme that names none beside"},
        {NO_BOX, 0x1, VERDICT_PASS, 0, "none is needed"},
        {NO_BOX, 0x4, VERDICT_DROP, PUBLISH_NO_FEED, "nobody would see it"},
        {NO_BOX, 0x5, VERDICT_PASS, 0, "needed for a programme without a feed only"},
        {NO_BOX, 0x2, VERDICT_REJECT, PUBLISH_FIELDS_MISSING, "none is there"},
        {NO_BOX, 0x3, VERDICT_REJECT, PUBLISH_FIELDS_MISSING, "then for none of the programmes"},
        {BOX_OF_OTHER_PROGRAMME, 0x6, VERDICT_REJECT, PUBLISH_FIELDS_MISSING, "it is another programme's"},
        {OTHER_PERSON, 0x2, VERDICT_REJECT, PUBLISH_FIELDS_UNREADABLE, "moved to another person"},
        {OTHER_RECORD, 0x2, VERDICT_REJECT, PUBLISH_FIELDS_UNREADABLE, "moved to another event"},
        {OTHER_KEY, 0x2, VERDICT_REJECT, PUBLISH_FIELDS_UNREADABLE, "sealed with another key"},
        {BIT, 0x2, VERDICT_REJECT, PUBLISH_FIELDS_UNREADABLE, "damaged"},
        {BIT, 0x3, VERDICT_REJECT, PUBLISH_FIELDS_UNREADABLE, "then for none of the programmes"},
    };
    static const uint8_t other_bytes[NAMED_FIELDS_KEY_SIZE] = {6};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct rig rig;
        struct named_fields_key *key = begin(&rig);
        struct named_fields_key *other = named_fields_key_of_bytes(other_bytes, &rig.config, &rig.error);
        uint8_t box[NAMED_FIELDS_BOX_SIZE];
        enum spoil spoil = rows[i].spoil;
        struct record record = rig_event(&rig, 1, 700);
        record.programmes = rows[i].programmes;
        record.origin = (struct origin){3, 42};
        if (spoil != NO_BOX)
            seal(spoil == OTHER_KEY ? other : key, &record, spoil == BOX_OF_OTHER_PROGRAMME ? 2 : 1, box);
        if (spoil == OTHER_PERSON)
            record.subjects[SUBJECT_LINE].pseudonym = rig_pseudonym(0, 2);
        if (spoil == OTHER_RECORD)
            record.origin.offset++;
        if (spoil == BIT)
            box[40] ^= 1;
        expect(&rig, record, rows[i].kind, rows[i].reason, rows[i].why);
        (void)rig_settle(&rig, true);
        size_t written = rig_count(&rig, TOPIC_STATE);
        if (rows[i].kind != VERDICT_PASS && written > 2) /* slot and chain are of no person */
            fail_msg("%s: %zu records of state", rows[i].why, written);
        rig_release(&rig);
        named_fields_key_free(other);
        named_fields_key_free(key);
    }
}

static void without_the_key_nothing_starts(void **state)
{
    (void)state;
    struct rig rig;
    struct named_fields_key *key = begin(&rig);
    void *other = calloc(1, stage_publish.state_size);
    rig.context.named_fields_key = NULL;
    assert_false(stage_publish.init(other, &rig.context, &rig.error));
    assert_int_equal(rig.error.exit_status, EXIT_STATUS_CONFIGURATION);
    assert_non_null(strstr(rig.error.what, "no key for the fields"));
    stage_publish.release(other);
    free(other);
    rig_release(&rig);
    named_fields_key_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_without_its_box_is_a_dead_letter),
        cmocka_unit_test(without_the_key_nothing_starts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
