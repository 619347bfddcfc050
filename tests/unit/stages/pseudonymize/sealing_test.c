/*
 * What a programme names is taken out of the event, for that programme alone, and leaves the stage sealed.
 */
#include "common/named_fields.h"
#include "common/subject.h"
#include "stages/pseudonymize/pseudonymize.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

enum { ENHANCED, PLUS, BASIC, PACIFIC, BROWSE_ONLY, PROGRAMMES };
enum {
    ID = 1u << NAMED_FIELD_ADVERTISING_ID,
    REGION = 1u << NAMED_FIELD_REGION,
    AGE = 1u << NAMED_FIELD_AGE_BAND
};

#define MAID "6d92078a-8246-4ba4-ae5b-76104861e7dc"

static const int data[] = {PROGRAMME_DATA_BROWSE, PROGRAMME_DATA_APP_USE, PROGRAMME_DATA_APP_INSTALL};
static const int all_fields[] = {NAMED_FIELD_ADVERTISING_ID, NAMED_FIELD_REGION, NAMED_FIELD_AGE_BAND};
static const int region_field[] = {NAMED_FIELD_REGION};
static const int age_field[] = {NAMED_FIELD_AGE_BAND};

#define FIELDS(array)                                                                   \
    {                                                                                   \
        .items = (void *)(array), .count = sizeof(array) / sizeof *(array), .set = true \
    }
static struct programme programmes[PROGRAMMES] = {
    [ENHANCED] = {.name = VIEW("enhanced"), .data = FIELDS(data), .fields = FIELDS(all_fields)},
    [PLUS] = {.name = VIEW("plus"), .data = FIELDS(data), .fields = FIELDS(region_field)},
    [BASIC] = {.name = VIEW("basic"), .data = FIELDS(data)},
    [PACIFIC] = {.name = VIEW("pacific"),
                 .data = FIELDS(data),
                 .fields = FIELDS(age_field),
                 .timezone = VIEW("America/Los_Angeles")},
    [BROWSE_ONLY] = {.name = VIEW("browse"), .data = {(void *)data, 1, true}, .fields = FIELDS(region_field)},
};

struct fixture {
    struct config config;
    struct subject_key *key;
    struct named_fields_key *fields_key;
    struct arena arena;
    struct error error;
    struct emitter emitter;
    void *state;
};

static struct stage_context context_of(struct fixture *fixture)
{
    return (struct stage_context){.config = &fixture->config,
                                  .subject_key = fixture->key,
                                  .named_fields_key = fixture->fields_key,
                                  .workers = 1};
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    static const uint8_t key[SUBJECT_KEY_SIZE] = {1}, fields_key[NAMED_FIELDS_KEY_SIZE] = {2};
    assert_non_null(fixture);
    fixture->config.programmes = (struct option_list){programmes, PROGRAMMES, true};
    fixture->key = subject_key_of_bytes(key, &fixture->error);
    fixture->fields_key = named_fields_key_of_bytes(fields_key, &fixture->config, &fixture->error);
    assert_true(fixture->key && fixture->fields_key);
    assert_true(arena_init(&fixture->arena, 65536, 1 << 20, &fixture->error));
    fixture->emitter = (struct emitter){.arena = &fixture->arena, .error = &fixture->error};
    fixture->state = calloc(1, stage_pseudonymize.state_size);
    struct stage_context context = context_of(fixture);
    assert_true(stage_pseudonymize.init(fixture->state, &context, &fixture->error));
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    stage_pseudonymize.release(fixture->state);
    free(fixture->state);
    subject_key_free(fixture->key);
    named_fields_key_free(fixture->fields_key);
    arena_release(&fixture->arena);
    free(fixture);
    return 0;
}

static struct record event(enum event_type type)
{
    struct record record = {
        .kind = RECORD_EVENT,
        .origin = {3, 44},
        .type = type,
        .time_ms = INT64_C(1619395200000), /* 2021-04-26 */
        .brand = VIEW("brand"),
        .region = VIEW("US-CA"),
        .birth_year = 1980,
        .host = VIEW("www.example.com"),
        .app = VIEW("com.example.news"),
        .programmes = (1u << PROGRAMMES) - 1,
    };
    record.subjects[SUBJECT_LINE] = (struct subject){
        .identifier_kind = IDENTIFIER_E164, .present = true, .identifier = VIEW("14255550142")};
    record.subjects[SUBJECT_DEVICE] =
        (struct subject){.identifier_kind = IDENTIFIER_MAID, .present = true, .identifier = VIEW(MAID)};
    return record;
}

static void pass(struct fixture *fixture, struct record *record)
{
    struct verdict verdict = stage_pseudonymize.process(fixture->state, record, &fixture->emitter);
    if (verdict.kind != VERDICT_PASS)
        fail_msg("verdict %d: %s", (int)verdict.kind, fixture->error.what);
}

static struct named_fields open_box(struct fixture *fixture, const struct record *record, unsigned programme)
{
    struct named_fields fields;
    const uint8_t *box = named_fields_box(record, programme);
    assert_non_null(box);
    assert_true(named_fields_open(fixture->fields_key, programme, &record->subjects[SUBJECT_LINE].pseudonym,
                                  &record->origin, box, &fields));
    return fields;
}

static void each_programme_gets_a_box_with_what_it_names(void **state)
{
    struct fixture *fixture = *state;
    static const unsigned there[PROGRAMMES] = {
        [ENHANCED] = ID | REGION | AGE, [PLUS] = REGION, [PACIFIC] = AGE, [BROWSE_ONLY] = REGION};
    static const uint8_t id[] = {0x6d, 0x92, 0x07, 0x8a, 0x82, 0x46, 0x4b, 0xa4,
                                 0xae, 0x5b, 0x76, 0x10, 0x48, 0x61, 0xe7, 0xdc};
    struct record record = event(EVENT_BROWSE);
    pass(fixture, &record);
    assert_int_equal(record.sealed, 1u << ENHANCED | 1u << PLUS | 1u << PACIFIC | 1u << BROWSE_ONLY);
    assert_int_equal(record.boxes.size, 4 * NAMED_FIELDS_BOX_SIZE);
    assert_null(named_fields_box(&record, BASIC));
    for (unsigned i = 0; i < PROGRAMMES; i++) {
        if (i == BASIC)
            continue;
        struct named_fields fields = open_box(fixture, &record, i);
        assert_int_equal(fields.there, there[i]);
        if (fields.there & ID)
            assert_memory_equal(fields.advertising_id, id, sizeof id);
        if (fields.there & REGION)
            assert_true(view_equal_string((struct view){fields.region, fields.region_size}, "US-CA"));
        if (fields.there & AGE)
            assert_int_equal(fields.age_band, AGE_BAND_35_44);
    }
    assert_true(view_is_absent(record.region)); /* it goes on in boxes only */
    assert_int_equal(record.birth_year, 0);
    assert_null(memmem(record.boxes.data, record.boxes.size, "US-CA", 5));
    assert_null(memmem(record.boxes.data, record.boxes.size, id, 8));
}

static void programmes_that_the_event_is_not_kept_for_get_no_box(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        enum event_type type;
        programme_set programmes, sealed;
        const char *why;
    } rows[] = {
        {EVENT_BROWSE, 1u << ENHANCED | 1u << BASIC, 1u << ENHANCED,
         "consent kept it for one that names fields"},
        {EVENT_BROWSE, 1u << BASIC, 0, "for none that does"},
        {EVENT_APP_USE, 1u << PLUS | 1u << BROWSE_ONLY, 1u << PLUS, "its data leave one out"},
        {EVENT_APP_REMOVE, 1u << PLUS, 1u << PLUS, "any kind of event"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct record record = event(rows[i].type);
        record.programmes = rows[i].programmes;
        pass(fixture, &record);
        if (record.sealed != rows[i].sealed || !record.sealed != view_is_absent(record.boxes))
            fail_msg("sealed %x: %s", record.sealed, rows[i].why);
    }
}

static void what_the_event_does_not_say_is_not_there(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *region;
        int birth_year;
        enum identifier_kind device_kind;
        const char *device;
        bool limited;
        unsigned there;
        const char *why;
    } rows[] = {
        {NULL, 0, IDENTIFIER_UNKNOWN, NULL, false, 0, "nothing: a box all the same"},
        {"US", 1980, IDENTIFIER_MAID, MAID, false, ID | REGION | AGE, "a country is a region"},
        {"California", 1980, IDENTIFIER_MAID, MAID, false, ID | AGE, "no region by ISO 3166-2"},
        {"US-CA", -1, IDENTIFIER_MAID, MAID, false, ID | REGION, "an unreadable year"},
        {"US-CA", 2003, IDENTIFIER_MAID, MAID, false, ID | REGION | AGE, "18 in this year"},
        {"US-CA", 2004, IDENTIFIER_MAID, MAID, false, ID | REGION, "17: no band for children"},
        {"US-CA", 1890, IDENTIFIER_MAID, MAID, false, ID | REGION, "nobody is 131"},
        {"US-CA", 1980, IDENTIFIER_IMEI, "49015420323751", false, REGION | AGE,
         "an IMEI is no advertising ID"},
        {"US-CA", 1980, IDENTIFIER_MAID, NULL, true, REGION | AGE, "limit-ad-tracking"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct record record = event(EVENT_BROWSE);
        record.region = view_of_string(rows[i].region);
        record.birth_year = rows[i].birth_year;
        record.subjects[SUBJECT_DEVICE] = (struct subject){.identifier_kind = rows[i].device_kind,
                                                           .present = rows[i].device || rows[i].limited,
                                                           .limit_ad_tracking = rows[i].limited,
                                                           .identifier = view_of_string(rows[i].device)};
        pass(fixture, &record);
        assert_int_equal(record.boxes.size, 4 * NAMED_FIELDS_BOX_SIZE); /* says nothing of what is in them */
        struct named_fields fields = open_box(fixture, &record, ENHANCED);
        if (fields.there != rows[i].there)
            fail_msg("there %x instead of %x: %s", fields.there, rows[i].there, rows[i].why);
    }
}

/* As the exclusion by age does (spec 2). */
static void ages_are_reckoned_in_the_programmes_time_zone(void **state)
{
    struct fixture *fixture = *state;
    struct record record = event(EVENT_BROWSE);
    record.time_ms = INT64_C(1609477200000); /* 2021-01-01T05:00Z, still 2020 in California */
    record.birth_year = 1996;
    pass(fixture, &record);
    assert_int_equal(open_box(fixture, &record, ENHANCED).age_band, AGE_BAND_25_34);
    assert_int_equal(open_box(fixture, &record, PACIFIC).age_band, AGE_BAND_18_24);
}

static void a_full_arena_stops(void **state)
{
    struct fixture *fixture = *state;
    struct arena small;
    assert_true(arena_init(&small, 4096, 4096, &fixture->error));
    unsigned stopped = 0;
    for (size_t taken = 3600; taken < 4096; taken += 16) {
        arena_reset(&small);
        assert_non_null(arena_take(&small, taken));
        fixture->emitter.arena = &small;
        struct record record =
            event(EVENT_APP_USE); /* an app takes no memory: it is the boxes that do not fit */
        struct verdict verdict = stage_pseudonymize.process(fixture->state, &record, &fixture->emitter);
        assert_true(verdict.kind == VERDICT_PASS || verdict.kind == VERDICT_STOP);
        stopped += verdict.kind == VERDICT_STOP;
    }
    assert_true(stopped > 0 && fixture->error.abort_transaction);
    arena_release(&small);
}

static void without_the_key_nothing_starts(void **state)
{
    struct fixture *fixture = *state;
    struct stage_context context = context_of(fixture);
    void *other = calloc(1, stage_pseudonymize.state_size);
    context.named_fields_key = NULL;
    assert_false(stage_pseudonymize.init(other, &context, &fixture->error));
    assert_int_equal(fixture->error.exit_status, EXIT_STATUS_CONFIGURATION);
    stage_pseudonymize.release(other);
    fixture->config.programmes = (struct option_list){&programmes[BASIC], 1, true};
    assert_true(stage_pseudonymize.init(other, &context, &fixture->error)); /* nobody names any */
    stage_pseudonymize.release(other);
    free(other);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(each_programme_gets_a_box_with_what_it_names),
        CASE(programmes_that_the_event_is_not_kept_for_get_no_box),
        CASE(what_the_event_does_not_say_is_not_there),
        CASE(ages_are_reckoned_in_the_programmes_time_zone),
        CASE(a_full_arena_stops),
        CASE(without_the_key_nothing_starts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
