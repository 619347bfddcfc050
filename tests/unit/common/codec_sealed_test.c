/* Named fields between stages: to pseudonymize as far as programmes name them, behind it sealed. */
#include "tests/unit/common/codec_rig.h"

#include "common/base64url.h"
#include "common/named_fields.h"

static const int region_field[] = {NAMED_FIELD_REGION}, age_field[] = {NAMED_FIELD_AGE_BAND};

/* tmobile names nothing, sprint the region, enhanced the age band. */
static void open_naming(struct fixture *fixture)
{
    open_codec(fixture, 3);
    fixture->programmes[1].fields = (struct option_list){(void *)region_field, 1, true};
    fixture->programmes[2].fields = (struct option_list){(void *)age_field, 1, true};
}

static bool holds(struct view value, const char *text)
{
    return memmem(value.data, value.size, text, strlen(text)) != NULL;
}

static void fields_go_as_far_as_pseudonymize_where_a_programme_of_the_record_names_them(void **state)
{
    (void)state;
    static const struct {
        programme_set programmes;
        bool region, birth_year;
        const char *why;
    } rows[] = {
        {0x1, false, false, "a programme that names none"},
        {0x2, true, false, "one that names the region"},
        {0x4, false, true, "one that names the age band"},
        {0x7, true, true, "all"},
    };
    struct fixture fixture;
    open_naming(&fixture);
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++)
        for (enum hop hop = HOP_CONSENT_OUT; hop <= HOP_CLASSIFY_OUT; hop++) {
            struct record record = full_event(EVENT_BROWSE), read;
            record.programmes = rows[i].programmes;
            struct output output = write_record(&fixture, hop, &record);
            bool before = hop == HOP_CONSENT_OUT;
            if (holds(output.value, "\"region\":\"US-CA\"") != (before && rows[i].region) ||
                holds(output.value, "\"birth_year\":1980") != (before && rows[i].birth_year) ||
                holds(output.value, "1980") != (before && rows[i].birth_year))
                fail_msg("%s: %.*s", rows[i].why, (int)output.value.size, output.value.data);
            struct chain_input input = input_of(&output);
            assert_int_equal(codec_read(fixture.codec, hop, &input, &fixture.arena, &read).kind,
                             VERDICT_PASS);
            assert_int_equal(!view_is_absent(read.region), before && rows[i].region);
            assert_int_equal(read.birth_year, before && rows[i].birth_year ? 1980 : 0);
            assert_true(!before || !rows[i].region || view_equal_string(read.region, "US-CA"));
        }
    close_codec(&fixture);
}

static void what_is_no_region_or_year_does_not_go_on(void **state)
{
    (void)state;
    struct fixture fixture;
    open_naming(&fixture);
    struct record record = full_event(EVENT_BROWSE);
    record.programmes = 0x7;
    record.region = (struct view)VIEW("California");
    record.birth_year = -1; /* there, but unreadable */
    struct output output = write_record(&fixture, HOP_CONSENT_OUT, &record);
    assert_false(holds(output.value, "region") || holds(output.value, "birth_year"));
    record.region = VIEW_ABSENT;
    record.birth_year = 0;
    output = write_record(&fixture, HOP_CONSENT_OUT, &record);
    assert_false(holds(output.value, "region") || holds(output.value, "birth_year"));
    close_codec(&fixture);
}

/* Boxes of programmes; the first byte of each says whose it is. */
static void add_boxes(struct record *record, programme_set programmes,
                      uint8_t (*boxes)[NAMED_FIELDS_BOX_SIZE])
{
    size_t count = 0;
    for (unsigned i = 0; i < RECORD_PROGRAMMES_MAX; i++)
        if (programmes >> i & 1)
            memset(boxes[count++], (int)(i + 1), NAMED_FIELDS_BOX_SIZE);
    record->sealed = programmes;
    record->boxes = (struct view){(const char *)boxes, count * NAMED_FIELDS_BOX_SIZE};
}

static void boxes_travel_with_the_name_of_their_programme(void **state)
{
    (void)state;
    struct fixture writer, reader;
    uint8_t boxes[3][NAMED_FIELDS_BOX_SIZE];
    open_naming(&writer);
    open_naming(&reader);
    reader.programmes[0].name = (struct view)VIEW("enhanced"); /* another order */
    reader.programmes[2].name = (struct view)VIEW("tmobile");
    for (enum hop hop = HOP_PSEUDONYMIZE_OUT; hop <= HOP_CLASSIFY_OUT; hop++) {
        struct record record = full_event(EVENT_BROWSE), read;
        record.programmes = 0x7;
        add_boxes(&record, 0x6, boxes);
        struct output output = write_record(&writer, hop, &record);
        struct chain_input input = input_of(&output);
        assert_int_equal(codec_read(reader.codec, hop, &input, &reader.arena, &read).kind, VERDICT_PASS);
        assert_int_equal(read.programmes, 0x7);
        assert_int_equal(read.sealed, 0x3);
        assert_int_equal(read.boxes.size, 2 * NAMED_FIELDS_BOX_SIZE);
        assert_int_equal(named_fields_box(&read, 0)[0], 3); /* enhanced was the third */
        assert_int_equal(named_fields_box(&read, 1)[NAMED_FIELDS_BOX_SIZE - 1], 2);
        assert_null(named_fields_box(&read, 2));
    }
    close_codec(&reader);
    close_codec(&writer);
}

static void a_box_goes_where_its_programme_goes(void **state)
{
    (void)state;
    struct fixture fixture, knows_two;
    uint8_t boxes[3][NAMED_FIELDS_BOX_SIZE];
    open_naming(&fixture);
    open_codec(&knows_two, 2);
    struct record record = full_event(EVENT_BROWSE), read;
    record.programmes = 0x5;
    add_boxes(&record, 0x6, boxes); /* sprint's is left over from before */
    struct output output = write_record(&fixture, HOP_CLASSIFY_OUT, &record);
    assert_true(holds(output.value, "\"sealed\":[[\"enhanced\",\"AwMD"));
    assert_false(holds(output.value, "sprint"));
    struct chain_input input = input_of(&output);
    assert_int_equal(codec_read(knows_two.codec, HOP_CLASSIFY_OUT, &input, &knows_two.arena, &read).kind,
                     VERDICT_PASS);
    assert_int_equal(read.programmes, 0x1);
    assert_int_equal(read.sealed, 0);
    assert_null(named_fields_box(&read, 2));
    output = write_record(&fixture, HOP_CONSENT_OUT, &record); /* not yet */
    assert_false(holds(output.value, "sealed"));
    record.sealed = 0x2; /* of a programme that the record is not for: no empty list either */
    output = write_record(&fixture, HOP_CLASSIFY_OUT, &record);
    assert_false(holds(output.value, "sealed"));
    close_codec(&knows_two);
    close_codec(&fixture);
}

/* Fifteen programmes with long names, and a box for each, under a line that needs escapes: the bounds are right. */
static void as_many_boxes_as_programmes_fit(void **state)
{
    (void)state;
    static char names[RECORD_PROGRAMMES_MAX][33];
    static struct programme programmes[RECORD_PROGRAMMES_MAX];
    static uint8_t boxes[RECORD_PROGRAMMES_MAX][NAMED_FIELDS_BOX_SIZE];
    struct fixture fixture;
    struct error error = {0};
    open_codec(&fixture, 3);
    for (unsigned i = 0; i < RECORD_PROGRAMMES_MAX; i++) {
        snprintf(names[i], sizeof names[i], "%032u", i);
        programmes[i] = (struct programme){.name = {names[i], 32}};
    }
    fixture.config.programmes = (struct option_list){programmes, RECORD_PROGRAMMES_MAX, true};
    assert_true(codec_new(&fixture.config, &fixture.startup, &fixture.codec, &error));
    struct record record = full_event(EVENT_APP_USE), read;
    record.programmes = 0x7fff;
    record.interest_count = RECORD_INTERESTS_MAX;
    for (unsigned i = 0; i < RECORD_INTERESTS_MAX; i++)
        record.interests[i] = (struct record_interest){(uint16_t)(65535 - i), 1000};
    add_boxes(&record, 0x7fff, boxes);
    struct output output = write_record(&fixture, HOP_CLASSIFY_OUT, &record);
    struct chain_input input = input_of(&output);
    assert_int_equal(codec_read(fixture.codec, HOP_CLASSIFY_OUT, &input, &fixture.arena, &read).kind,
                     VERDICT_PASS);
    assert_int_equal(read.sealed, 0x7fff);
    assert_memory_equal(read.boxes.data, boxes, sizeof boxes);
    close_codec(&fixture);
}

#define BOX86 "AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw"

static void deviations_are_refused(void **state)
{
    (void)state;
    static const struct {
        enum hop hop;
        const char *member;
        const char *wanted;
        const char *why;
    } rows[] = {
        {HOP_PSEUDONYMIZE_OUT, "\"sealed\":[[\"enhanced\",\"" BOX86 "\"]]", "pass", "as it is written"},
        {HOP_PSEUDONYMIZE_OUT, "\"sealed\":[[\"later\",\"" BOX86 "\"]]", "pass",
         "a programme not known here"},
        {HOP_PSEUDONYMIZE_OUT, "\"sealed\":null", "pass", "null is absent"},
        {HOP_CONSENT_OUT, "\"sealed\":[[\"enhanced\",\"" BOX86 "\"]]", "unknown_field", "too early"},
        {HOP_PSEUDONYMIZE_OUT, "\"sealed\":[]", "field_value", "an empty list"},
        {HOP_PSEUDONYMIZE_OUT, "\"sealed\":\"" BOX86 "\"", "field_type", "no list"},
        {HOP_PSEUDONYMIZE_OUT, "\"sealed\":[\"enhanced\",\"" BOX86 "\"]", "field_type", "no pairs"},
        {HOP_PSEUDONYMIZE_OUT, "\"sealed\":[[\"enhanced\"]]", "field_type", "half a pair"},
        {HOP_PSEUDONYMIZE_OUT, "\"sealed\":[[\"enhanced\",\"" BOX86 "\",1]]", "field_type", "three"},
        {HOP_PSEUDONYMIZE_OUT, "\"sealed\":[[1,\"" BOX86 "\"]]", "field_type", "no name"},
        {HOP_PSEUDONYMIZE_OUT, "\"sealed\":[[[],\"" BOX86 "\"]]", "field_type", "nested"},
        {HOP_PSEUDONYMIZE_OUT, "\"sealed\":[[\"enhanced\",{}]]", "field_type", "no text"},
        {HOP_PSEUDONYMIZE_OUT, "\"sealed\":[[\"enhanced\",\"\"]]", "field_value", "empty"},
        {HOP_PSEUDONYMIZE_OUT, "\"sealed\":[[\"enhanced\",\"" BOX86 "A\"]]", "field_value", "87 characters"},
        {HOP_PSEUDONYMIZE_OUT, "\"sealed\":[[\"enhanced\",\"B" BOX86 "\"]]", "field_value", "87 characters"},
        {HOP_PSEUDONYMIZE_OUT, "\"sealed\":[[\"later\",\"x\"]]", "field_value", "of whichever programme"},
        {HOP_PSEUDONYMIZE_OUT, "\"sealed\":[[\"sprint\",\"" BOX86 "\"]]", "field_value",
         "of a programme that the record is not for"},
        {HOP_PSEUDONYMIZE_OUT, "\"sealed\":[[\"enhanced\",\"" BOX86 "\"],[\"enhanced\",\"" BOX86 "\"]]",
         "field_value", "twice"},
        {HOP_PSEUDONYMIZE_OUT,
         "\"sealed\":[[\"a\",\"" BOX86 "\"],[\"b\",\"" BOX86 "\"],[\"c\",\"" BOX86 "\"],[\"d\",\"" BOX86
         "\"],[\"e\",\"" BOX86 "\"],[\"f\",\"" BOX86 "\"],[\"g\",\"" BOX86 "\"],[\"h\",\"" BOX86
         "\"],[\"i\",\"" BOX86 "\"],[\"j\",\"" BOX86 "\"],[\"k\",\"" BOX86 "\"],[\"l\",\"" BOX86
         "\"],[\"m\",\"" BOX86 "\"],[\"n\",\"" BOX86 "\"],[\"o\",\"" BOX86 "\"],[\"p\",\"" BOX86 "\"]]",
         "field_value", "sixteen"},
        {HOP_CONSENT_OUT, "\"region\":\"US-CA\"", "pass", "a region"},
        {HOP_CONSENT_OUT, "\"region\":\"California\"", "field_value", "no region"},
        {HOP_CONSENT_OUT, "\"region\":\"\"", "field_empty", "empty"},
        {HOP_CONSENT_OUT, "\"region\":7", "field_type", "a number"},
        {HOP_CONSENT_OUT, "\"birth_year\":1", "pass", "the lowest"},
        {HOP_CONSENT_OUT, "\"birth_year\":9999", "pass", "the highest"},
        {HOP_CONSENT_OUT, "\"birth_year\":0", "field_value", "0 is none"},
        {HOP_CONSENT_OUT, "\"birth_year\":10000", "field_value", "one past"},
        {HOP_CONSENT_OUT, "\"birth_year\":\"1980\"", "field_type", "a text"},
        {HOP_PSEUDONYMIZE_OUT, "\"region\":\"US-CA\"", "unknown_field", "only sealed behind pseudonymize"},
        {HOP_PSEUDONYMIZE_OUT, "\"birth_year\":1980", "unknown_field", "the same"},
        {HOP_CLASSIFY_OUT, "\"region\":\"US-CA\"", "unknown_field", "the same"},
    };
    struct fixture fixture;
    open_naming(&fixture);
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct record record = full_event(EVENT_BROWSE), read;
        static char text[4096];
        record.programmes = 0x5;
        if (rows[i].hop == HOP_CONSENT_OUT)
            record.birth_year = 0;
        struct output output = write_record(&fixture, rows[i].hop, &record);
        snprintf(text, sizeof text, "%.*s,%s}", (int)output.value.size - 1, output.value.data,
                 rows[i].member);
        struct chain_input input = {.value = view_of_string(text), .origin = VIEW("3:42")};
        struct verdict verdict = codec_read(fixture.codec, rows[i].hop, &input, &fixture.arena, &read);
        const char *got = verdict.kind == VERDICT_PASS ? "pass" : event_reasons[verdict.reason].name;
        if (strcmp(got, rows[i].wanted) != 0)
            fail_msg("%s: expected %s, got %s: %s", rows[i].why, rows[i].wanted, got, text);
        arena_reset(&fixture.arena);
    }
    close_codec(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_go_as_far_as_pseudonymize_where_a_programme_of_the_record_names_them),
        cmocka_unit_test(what_is_no_region_or_year_does_not_go_on),
        cmocka_unit_test(boxes_travel_with_the_name_of_their_programme),
        cmocka_unit_test(a_box_goes_where_its_programme_goes),
        cmocka_unit_test(as_many_boxes_as_programmes_fit),
        cmocka_unit_test(deviations_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
