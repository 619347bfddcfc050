/*
 * Boxes of named fields. The vectors were computed in Python from docs/named-fields.md, with hashlib.blake2b and an
 * XChaCha20-Poly1305 of its own, not with this code; the key is the bytes 00 to 1f, the line e164 14255550100 under the
 * same bytes as key of pseudonyms (docs/pseudonyms.md), the input record 3:42.
 */
#include "common/named_fields.h"

#include "common/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ALL = 1u << NAMED_FIELD_ADVERTISING_ID | 1u << NAMED_FIELD_REGION | 1u << NAMED_FIELD_AGE_BAND };
enum { ENHANCED, PLUS, BASIC, PROGRAMMES };

static const int all_fields[] = {NAMED_FIELD_ADVERTISING_ID, NAMED_FIELD_REGION, NAMED_FIELD_AGE_BAND};
static const int region_field[] = {NAMED_FIELD_REGION};
static struct programme programmes[PROGRAMMES] = {
    [ENHANCED] = {.name = VIEW("att-enhanced"), .fields = {(void *)all_fields, 3, true}},
    [PLUS] = {.name = VIEW("verizon-custom-experience-plus"), .fields = {(void *)region_field, 1, true}},
    [BASIC] = {.name = VIEW("att-basic")},
};
static const struct config config = {.programmes = {programmes, PROGRAMMES, true}};
static const struct origin origin = {3, 42};
static const struct pseudonym line = {
    {0xb6, 0xf5, 0x53, 0xcd, 0x0e, 0x2c, 0x88, 0xd0, 0xe2, 0x06, 0xce, 0xde, 0x2b, 0x0d, 0x88, 0x24}};

static struct named_fields_key *key_of(uint8_t first)
{
    uint8_t bytes[NAMED_FIELDS_KEY_SIZE];
    struct error error = {0};
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(first + i);
    struct named_fields_key *key = named_fields_key_of_bytes(bytes, &config, &error);
    assert_non_null(key);
    return key;
}

static struct named_fields everything(void)
{
    return (struct named_fields){
        .there = ALL,
        .advertising_id = {0x6d, 0x92, 0x07, 0x8a, 0x82, 0x46, 0x4b, 0xa4, 0xae, 0x5b, 0x76, 0x10, 0x48, 0x61,
                           0xe7, 0xdc},
        .region = "US-CA",
        .region_size = 5,
        .age_band = AGE_BAND_35_44,
    };
}

static void boxes_are_the_published_vectors(void **state)
{
    (void)state;
    static const struct {
        unsigned programme, there;
        const char *hex;
    } rows[] = {
        {ENHANCED, ALL,
         "6bbf21354edbf7a4df336c0e24f963302172aa30a0d9240e2505d86e794d370e4d19d63da8264140ad4a903193b0e0f81eb"
         "f"
         "dffcac4ac9f71ef5e3f621426d0c"},
        {ENHANCED, 0,
         "07b4d9b7e92cc5119cf84436eed6e48b69340de1973e3113b3efacf5760a9d4f3d1ae3bcd0b732d2415780c3bec0b5b1f37"
         "7"
         "f391e92d0108af5cda9c02076d06"},
        {PLUS, ALL, /* the others are not named */
         "feeec7345c6d271613803da69a418ca3c55aadd4dd2c2a2b1d8ce2ce4c77792cea3f7b2e4671e75a27962335f14bac4f95e"
         "5"
         "869b1eb954ec8d85e5af423ad25d"},
    };
    struct named_fields_key *key = key_of(0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct named_fields fields = everything();
        uint8_t box[NAMED_FIELDS_BOX_SIZE];
        char hex[2 * sizeof box + 1];
        fields.there = rows[i].there;
        named_fields_seal(key, rows[i].programme, &line, &origin, &fields, box);
        sodium_bin2hex(hex, sizeof hex, box, sizeof box);
        assert_string_equal(hex, rows[i].hex);
    }
    named_fields_key_free(key);
}

static void what_was_sealed_is_opened(void **state)
{
    (void)state;
    struct named_fields_key *key = key_of(0);
    for (unsigned there = 0; there <= ALL; there += 2) {
        struct named_fields fields = everything(), opened;
        uint8_t box[NAMED_FIELDS_BOX_SIZE];
        fields.there = there;
        named_fields_seal(key, ENHANCED, &line, &origin, &fields, box);
        assert_true(named_fields_open(key, ENHANCED, &line, &origin, box, &opened));
        assert_int_equal(opened.there, there);
        if (there & 1u << NAMED_FIELD_ADVERTISING_ID)
            assert_memory_equal(opened.advertising_id, fields.advertising_id, sizeof fields.advertising_id);
        if (there & 1u << NAMED_FIELD_REGION)
            assert_true(view_equal_string((struct view){opened.region, opened.region_size}, "US-CA"));
        if (there & 1u << NAMED_FIELD_AGE_BAND)
            assert_int_equal(opened.age_band, AGE_BAND_35_44);
    }
    static const char *const regions[] = {"US", "DE-BY", "FR-ARA", "US-NY"};
    for (unsigned i = 0; i < sizeof regions / sizeof *regions; i++) {
        struct named_fields fields = {.there = 1u << NAMED_FIELD_REGION,
                                      .region_size = (uint8_t)strlen(regions[i])},
                            opened;
        uint8_t box[NAMED_FIELDS_BOX_SIZE];
        memcpy(fields.region, regions[i], fields.region_size);
        named_fields_seal(key, PLUS, &line, &origin, &fields, box);
        assert_true(named_fields_open(key, PLUS, &line, &origin, box, &opened));
        assert_true(view_equal_string((struct view){opened.region, opened.region_size}, regions[i]));
    }
    named_fields_key_free(key);
}

static void a_box_opens_for_its_person_record_and_programme_only(void **state)
{
    (void)state;
    static const struct {
        unsigned programme;
        uint8_t line_change;
        struct origin origin;
        const char *why;
    } rows[] = {
        {ENHANCED, 1, {3, 42}, "another person"},
        {ENHANCED, 0, {4, 42}, "another partition"},
        {ENHANCED, 0, {3, 43}, "another record of the same person"},
        {PLUS, 0, {3, 42}, "another programme"},
    };
    struct named_fields_key *key = key_of(0), *other_key = key_of(1);
    struct named_fields fields = everything(), opened = {.there = 4711};
    uint8_t box[NAMED_FIELDS_BOX_SIZE];
    named_fields_seal(key, ENHANCED, &line, &origin, &fields, box);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct pseudonym who = line;
        who.bytes[15] ^= rows[i].line_change;
        if (named_fields_open(key, rows[i].programme, &who, &rows[i].origin, box, &opened))
            fail_msg("opened for %s", rows[i].why);
    }
    assert_false(named_fields_open(other_key, ENHANCED, &line, &origin, box, &opened));
    for (unsigned bit = 0; bit < 8 * sizeof box; bit++) {
        box[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(named_fields_open(key, ENHANCED, &line, &origin, box, &opened));
        box[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_int_equal(opened.there, 4711); /* untouched */
    assert_true(named_fields_open(key, ENHANCED, &line, &origin, box, &opened));
    named_fields_key_free(other_key);
    named_fields_key_free(key);
}

/* A programme of the same name under which fewer are named here than where it was sealed. */
static void only_what_the_programme_names_here_is_given(void **state)
{
    (void)state;
    struct error error = {0};
    uint8_t bytes[NAMED_FIELDS_KEY_SIZE];
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    struct programme fewer = programmes[ENHANCED];
    fewer.fields = programmes[PLUS].fields;
    struct config there = {.programmes = {&fewer, 1, true}};
    struct named_fields_key *key = key_of(0), *key_there = named_fields_key_of_bytes(bytes, &there, &error);
    struct named_fields fields = everything(), opened;
    uint8_t box[NAMED_FIELDS_BOX_SIZE];
    named_fields_seal(key, ENHANCED, &line, &origin, &fields, box);
    assert_true(named_fields_open(key_there, 0, &line, &origin, box, &opened));
    assert_int_equal(opened.there, 1u << NAMED_FIELD_REGION);
    named_fields_key_free(key_there);
    named_fields_key_free(key);
}

static void the_same_is_the_same_bytes_and_nothing_else_is(void **state)
{
    (void)state;
    struct named_fields_key *key = key_of(0);
    struct named_fields fields = everything(), other = everything();
    uint8_t boxes[6][NAMED_FIELDS_BOX_SIZE];
    other.age_band = AGE_BAND_65_UP;
    struct pseudonym somebody = {{1}};
    struct origin later = {3, 43};
    named_fields_seal(key, ENHANCED, &line, &origin, &fields, boxes[0]);
    named_fields_seal(key, ENHANCED, &line, &origin, &other, boxes[1]);
    named_fields_seal(key, ENHANCED, &somebody, &origin, &fields, boxes[2]);
    named_fields_seal(key, ENHANCED, &line, &later, &fields, boxes[3]);
    named_fields_seal(key, PLUS, &line, &origin, &fields, boxes[4]);
    named_fields_seal(key, ENHANCED, &line, &origin, &fields, boxes[5]);
    assert_memory_equal(boxes[5], boxes[0], NAMED_FIELDS_BOX_SIZE);
    for (unsigned i = 0; i < 5; i++)
        for (unsigned j = 0; j < i; j++) /* nonces: the first 24 bytes */
            assert_memory_not_equal(boxes[i], boxes[j], 24);
    named_fields_key_free(key);
}

static void ages_have_bands_from_18_on(void **state)
{
    (void)state;
    static const struct {
        int64_t age;
        enum age_band band;
    } rows[] = {
        {INT64_MIN, AGE_BAND_UNKNOWN}, {-1, AGE_BAND_UNKNOWN},   {17, AGE_BAND_UNKNOWN},
        {18, AGE_BAND_18_24},          {24, AGE_BAND_18_24},     {25, AGE_BAND_25_34},
        {34, AGE_BAND_25_34},          {35, AGE_BAND_35_44},     {44, AGE_BAND_35_44},
        {45, AGE_BAND_45_54},          {54, AGE_BAND_45_54},     {55, AGE_BAND_55_64},
        {64, AGE_BAND_55_64},          {65, AGE_BAND_65_UP},     {130, AGE_BAND_65_UP},
        {131, AGE_BAND_UNKNOWN},       {2021, AGE_BAND_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(named_fields_age_band(rows[i].age), rows[i].band);
}

static void programmes_that_name_fields_are_found(void **state)
{
    (void)state;
    assert_int_equal(named_fields_programmes(&config), 1u << ENHANCED | 1u << PLUS);
    assert_int_equal(named_fields_of(&config, 1u << ENHANCED), ALL);
    assert_int_equal(named_fields_of(&config, 1u << PLUS | 1u << BASIC), 1u << NAMED_FIELD_REGION);
    assert_int_equal(named_fields_of(&config, 1u << BASIC), 0);
    assert_int_equal(named_fields_of(&config, 0), 0);
}

static void boxes_of_a_record_are_found_by_programme(void **state)
{
    (void)state;
    static const uint8_t boxes[2][NAMED_FIELDS_BOX_SIZE];
    const struct record record = {.sealed = 1u << 3 | 1u << 14, .boxes = {(const char *)boxes, sizeof boxes}};
    for (unsigned i = 0; i < RECORD_PROGRAMMES_MAX; i++) {
        const uint8_t *box = named_fields_box(&record, i);
        assert_true(box == (i == 3 ? boxes[0] : i == 14 ? boxes[1] : NULL));
    }
}

static void the_key_file_is_of_a_purpose_of_its_own(void **state)
{
    (void)state;
    char path[64];
    struct error error = {0};
    snprintf(path, sizeof path, "/tmp/clickveil-fields-%ld", (long)getpid());
    for (unsigned good = 0; good < 2; good++) {
        struct secret *secret = secret_random(good ? SECRET_FIELDS : SECRET_PSEUDONYM, &error);
        unlink(path);
        assert_true(secret_write(secret, path, &error));
        secret_free(secret);
        struct named_fields_key *key = named_fields_key_load(path, &config, &error);
        assert_int_equal(key != NULL, good);
        if (!good) {
            assert_int_equal(error.exit_status, EXIT_STATUS_CONFIGURATION);
            assert_non_null(strstr(error.what, "a key for `pseudonym`, not for `fields`"));
        }
        named_fields_key_free(key);
    }
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(boxes_are_the_published_vectors),
        cmocka_unit_test(what_was_sealed_is_opened),
        cmocka_unit_test(a_box_opens_for_its_person_record_and_programme_only),
        cmocka_unit_test(only_what_the_programme_names_here_is_given),
        cmocka_unit_test(the_same_is_the_same_bytes_and_nothing_else_is),
        cmocka_unit_test(ages_have_bands_from_18_on),
        cmocka_unit_test(programmes_that_name_fields_are_found),
        cmocka_unit_test(boxes_of_a_record_are_found_by_programme),
        cmocka_unit_test(the_key_file_is_of_a_purpose_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
