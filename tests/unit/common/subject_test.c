/*
 * Canonical forms and pseudonyms. The vectors were computed with Python's hashlib.blake2b from the layout in
 * docs/pseudonyms.md, not with this code; the key of all of them is the bytes 00 to 1f.
 */
#include "common/subject.h"

#include "common/base64url.h"
#include "tests/unit/common/spellings.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

static void check_one(enum identifier_kind kind, struct view text, const char *canonical, const char *why)
{
    char out[SUBJECT_IDENTIFIER_SIZE_MAX];
    memset(out, '~', sizeof out);
    size_t size = 4711;
    enum subject_canonical result = subject_canonicalise(kind, text, out, &size);
    if (!canonical) {
        if (result != SUBJECT_MALFORMED || size != 4711 || out[0] != '~')
            fail_msg("accepted, or output touched, though: %s", why);
        return;
    }
    if (result != SUBJECT_CANONICAL || size != strlen(canonical) || memcmp(out, canonical, size) != 0)
        fail_msg("result %d, \"%.*s\" instead of \"%s\": %s", result,
                 result == SUBJECT_CANONICAL ? (int)size : 0, out, canonical, why);
}

static void check_table(enum identifier_kind kind, const struct spelling *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check_one(kind, view_of_string(rows[i].text), rows[i].canonical, rows[i].why);
}

#define CHECK_TABLE(kind, rows) check_table(kind, rows, sizeof(rows) / sizeof *(rows))

static void e164_has_one_form_for_every_spelling(void **state)
{
    (void)state;
    CHECK_TABLE(IDENTIFIER_E164, e164_spellings);
}

static void e164_refuses_what_is_national_ambiguous_or_no_number(void **state)
{
    (void)state;
    CHECK_TABLE(IDENTIFIER_E164, e164_refusals);
    check_one(IDENTIFIER_E164,
              (struct view){"1425555\0"
                            "100",
                            11},
              NULL, "NUL inside");
    check_one(IDENTIFIER_E164, VIEW_ABSENT, NULL, "absent");
    char spaced[130];
    memset(spaced, ' ', sizeof spaced);
    memcpy(spaced, "+1425555", 8);
    spaced[127] = spaced[128] = '0';
    check_one(IDENTIFIER_E164, (struct view){spaced, 128}, "14255550", "128 bytes, the longest text");
    check_one(IDENTIFIER_E164, (struct view){spaced, 129}, NULL, "129 bytes, one too many");
}

static void imsi_is_fifteen_digits(void **state)
{
    (void)state;
    CHECK_TABLE(IDENTIFIER_IMSI, imsi_spellings);
}

static void imei_loses_check_digit_and_software_version(void **state)
{
    (void)state;
    CHECK_TABLE(IDENTIFIER_IMEI, imei_spellings);
}

static void imei_refuses_what_is_none(void **state)
{
    (void)state;
    CHECK_TABLE(IDENTIFIER_IMEI, imei_refusals);
}

static void maid_is_lower_case_with_hyphens(void **state)
{
    (void)state;
    CHECK_TABLE(IDENTIFIER_MAID, maid_spellings);
}

static void maid_of_zeros_is_limit_ad_tracking_in_every_spelling(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof maid_zeros / sizeof *maid_zeros; i++) {
        char out[SUBJECT_IDENTIFIER_SIZE_MAX];
        size_t size = 4711;
        assert_int_equal(subject_canonicalise(IDENTIFIER_MAID, view_of_string(maid_zeros[i]), out, &size),
                         SUBJECT_LIMITED);
        assert_int_equal(size, 4711);
    }
}

static void opaque_is_taken_as_it_is(void **state)
{
    (void)state;
    char longest[SUBJECT_IDENTIFIER_SIZE_MAX + 2];
    memset(longest, 'x', sizeof longest);
    longest[SUBJECT_IDENTIFIER_SIZE_MAX] = '\0';
    CHECK_TABLE(IDENTIFIER_OPAQUE, opaque_spellings);
    check_one(IDENTIFIER_OPAQUE, view_of_string(longest), longest, "128 bytes, the longest");
    longest[SUBJECT_IDENTIFIER_SIZE_MAX] = 'x';
    check_one(IDENTIFIER_OPAQUE, (struct view){longest, SUBJECT_IDENTIFIER_SIZE_MAX + 1}, NULL,
              "129 bytes, one too many");
    check_one(IDENTIFIER_OPAQUE, (struct view){"a\0b", 3}, NULL, "NUL inside");
    check_one(IDENTIFIER_OPAQUE, VIEW_ABSENT, NULL, "absent");
}

static void unknown_kind_has_no_identifiers(void **state)
{
    (void)state;
    check_one(IDENTIFIER_UNKNOWN, VIEW("14255550100"), NULL, "kind zero");
    check_one((enum identifier_kind)99, VIEW("14255550100"), NULL, "kind out of range");
    assert_string_equal(subject_identifier_kind_name(IDENTIFIER_UNKNOWN), "unknown");
    assert_string_equal(subject_identifier_kind_name(IDENTIFIER_MAID), "maid");
}

/* ---- pseudonyms ---- */

static struct subject_key *vector_key(void)
{
    uint8_t bytes[SUBJECT_KEY_SIZE];
    struct error error = {0};
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    struct subject_key *key = subject_key_of_bytes(bytes, &error);
    if (!key)
        fail_msg("%s; %s", error.what, error.action);
    return key;
}

static const char *hex(const struct pseudonym *pseudonym)
{
    static char text[2 * PSEUDONYM_SIZE + 1];
    for (unsigned i = 0; i < PSEUDONYM_SIZE; i++)
        snprintf(text + (size_t)2 * i, 3, "%02x", pseudonym->bytes[i]);
    return text;
}

#define X16 "xxxxxxxxxxxxxxxx"

static void pseudonyms_are_the_published_vectors(void **state)
{
    (void)state;
    static const struct {
        enum subject_kind kind;
        enum identifier_kind identifier_kind;
        struct view identifier;
        const char *hex;
    } rows[] = {
        {SUBJECT_LINE, IDENTIFIER_E164, VIEW("14255550100"), "b6f553cd0e2c88d0e206cede2b0d8824"},
        {SUBJECT_LINE, IDENTIFIER_IMSI, VIEW("310260123456789"), "38e0f9aaa7601dbe6b3efdaec0968fa0"},
        {SUBJECT_LINE, IDENTIFIER_OPAQUE, VIEW("1"), "3911c389d3d626ffffd2f7e670446756"},
        {SUBJECT_ACCOUNT, IDENTIFIER_OPAQUE, VIEW("1"), "e9af7f08afbe29d4aa57680046c57730"},
        {SUBJECT_DEVICE, IDENTIFIER_OPAQUE, VIEW("1"), "ec5a2fc2321fd0212ba7f5af6308dd63"},
        {SUBJECT_DEVICE, IDENTIFIER_IMEI, VIEW("49015420323751"), "489a7b1af57ed33c220f4174a6c7d756"},
        {SUBJECT_DEVICE, IDENTIFIER_MAID, VIEW(SPELLED_MAID), "1d41e785ca376362c71212f61b217632"},
        {SUBJECT_ACCOUNT, IDENTIFIER_OPAQUE, VIEW("K\xc3\xb6nig-7"), "a4be2de13187b5260f3d5199ef7e8957"},
        {SUBJECT_LINE, IDENTIFIER_OPAQUE, VIEW(X16 X16 X16 X16 X16 X16 X16 X16),
         "6177a0e5d35eb72b2b939f9fc987590a"},
    };
    struct subject_key *key = vector_key();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct pseudonym pseudonym;
        subject_pseudonym(key, rows[i].kind, rows[i].identifier_kind, rows[i].identifier, &pseudonym);
        assert_string_equal(hex(&pseudonym), rows[i].hex);
    }
    subject_key_free(key);
}

static void pseudonyms_depend_on_the_key(void **state)
{
    (void)state;
    struct error error = {0};
    struct subject_key *keys[3] = {vector_key(), subject_key_random(&error), subject_key_random(&error)};
    struct pseudonym pseudonyms[3];
    for (unsigned i = 0; i < 3; i++) {
        assert_non_null(keys[i]);
        subject_pseudonym(keys[i], SUBJECT_LINE, IDENTIFIER_E164, VIEW("14255550100"), &pseudonyms[i]);
        subject_key_free(keys[i]);
    }
    assert_memory_not_equal(&pseudonyms[0], &pseudonyms[1], PSEUDONYM_SIZE);
    assert_memory_not_equal(&pseudonyms[1], &pseudonyms[2], PSEUDONYM_SIZE);
    subject_key_free(NULL);
}

/* docs/pseudonyms.md, "Suppression entries"; worked out with Python's hashlib. */
/* docs/pseudonyms.md; computed in Python, with an XSalsa20-Poly1305 of its own */
static void sealed_texts_are_as_documented(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sealed;
    } cases[] = {
        {"line:14155550101", "nr5Giifik-iUlH-Y0noHBC0YlmAtQYHNOEuY0fgBJPmu4fY2jX7Guv_L4he2fkhtgMkSVPXHIfU"},
        {"account:K\xc3\xb6nig-7",
         "zByaSsEDe7_szBBVjZAGngBFaMPE_obSvvXXq1vHVVcbd6GQ-gH-Zg3bVNjuneFvmKSBvwpetuA"},
        {"device:imei:49015420323751", "8DHiDA3fNxSRr3TdRr8Hjv6fDT5DGFm9P0YxNgbwA-XFP72vSVLndvNDB1f-"
                                       "UnOGIQEHeFOyqrxUj3C5xmhmSHID"},
    };
    struct error error = {0};
    struct subject_key *key = vector_key();
    struct subject_key *suppression = subject_key_derive_suppression(key, &error);
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct subject_sealed sealed;
        char text[BASE64URL_SIZE(sizeof sealed.bytes) + 1], opened[SUBJECT_SEALED_TEXT_MAX];
        size_t size;
        subject_key_seal(suppression, view_of_string(cases[i].text), &sealed);
        base64url_write(sealed.bytes, sealed.size, text);
        text[BASE64URL_SIZE((size_t)sealed.size)] = '\0';
        assert_string_equal(text, cases[i].sealed);
        assert_true(subject_key_unseal(suppression, &sealed, opened, &size));
        assert_true(view_equal_string((struct view){opened, size}, cases[i].text));
        assert_false(subject_key_unseal(key, &sealed, opened, &size)); /* another key */
        for (unsigned bit = 0; bit < sealed.size * 8u; bit++) {
            sealed.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_false(subject_key_unseal(suppression, &sealed, opened, &size));
            sealed.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        sealed.size--;
        assert_false(subject_key_unseal(suppression, &sealed, opened, &size));
        sealed.size = SUBJECT_SEALED_EXTRA; /* of no text */
        assert_false(subject_key_unseal(suppression, &sealed, opened, &size));
    }
    subject_key_free(suppression);
    subject_key_free(key);
}

static void derived_keys_are_as_documented(void **state)
{
    (void)state;
    struct error error = {0};
    char check[SUBJECT_KEY_CHECK_SIZE];
    struct subject_key *key = vector_key();
    struct subject_key *suppression = subject_key_derive_suppression(key, &error);
    struct subject_key *table = subject_key_derive_table(suppression, &error);
    assert_non_null(table);
    subject_key_check(suppression, check);
    assert_string_equal(check, "cRv6tPR6trc");
    subject_key_check(table, check);
    assert_string_equal(check, "lM0y3Vq48ZI");
    subject_key_free(table);
    subject_key_free(suppression);
    subject_key_free(key);
}

static void record_gets_the_pseudonyms_that_it_lacks(void **state)
{
    (void)state;
    struct subject_key *key = vector_key();
    struct record record = {.kind = RECORD_EVENT};
    record.subjects[SUBJECT_LINE] = (struct subject){
        .identifier_kind = IDENTIFIER_E164, .present = true, .identifier = VIEW("14255550100")};
    record.subjects[SUBJECT_ACCOUNT] = (struct subject){.identifier_kind = IDENTIFIER_OPAQUE,
                                                        .present = true,
                                                        .has_pseudonym = true,
                                                        .identifier = VIEW("1"),
                                                        .pseudonym = {{7}}};
    record.subjects[SUBJECT_DEVICE] =
        (struct subject){.identifier_kind = IDENTIFIER_MAID, .present = true, .limit_ad_tracking = true};
    subject_hash_record(key, &record);
    assert_true(record.subjects[SUBJECT_LINE].has_pseudonym);
    assert_string_equal(hex(&record.subjects[SUBJECT_LINE].pseudonym), "b6f553cd0e2c88d0e206cede2b0d8824");
    assert_int_equal(record.subjects[SUBJECT_ACCOUNT].pseudonym.bytes[0], 7); /* computed once */
    assert_false(record.subjects[SUBJECT_DEVICE].has_pseudonym);              /* no ID, no pseudonym */

    struct record nobody = {.kind = RECORD_EVENT};
    nobody.subjects[SUBJECT_LINE] =
        (struct subject){.identifier_kind = IDENTIFIER_E164, .identifier = VIEW("14255550100")};
    subject_hash_record(key, &nobody);
    assert_false(nobody.subjects[SUBJECT_LINE].has_pseudonym); /* not present */
    subject_key_free(key);
}

/* Short messages and long ones are hashed by different code: the edge of a block must not show. */
static void hashes_are_one_function_over_all_lengths(void **state)
{
    (void)state;
    uint8_t bytes[SUBJECT_KEY_SIZE], expected[PSEUDONYM_SIZE];
    char text[SUBJECT_IDENTIFIER_SIZE_MAX], message[256];
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    memset(text, 'y', sizeof text);
    struct subject_key *key = vector_key();
    for (size_t size = 1; size <= sizeof text; size++) {
        int length =
            snprintf(message, sizeof message, "\014pseudonym/v1\007account\006opaque%.*s", (int)size, text);
        assert_int_equal(crypto_generichash(expected, sizeof expected, (const uint8_t *)message,
                                            (size_t)length, bytes, sizeof bytes),
                         0);
        struct subject account = {
            .present = true, .identifier_kind = IDENTIFIER_OPAQUE, .identifier = {text, size}};
        struct record record = {.subjects = {[SUBJECT_LINE] = account, [SUBJECT_ACCOUNT] = account}};
        subject_hash_record(key, &record);
        assert_memory_equal(record.subjects[SUBJECT_ACCOUNT].pseudonym.bytes, expected, sizeof expected);
        struct pseudonym single;
        subject_pseudonym(key, SUBJECT_ACCOUNT, IDENTIFIER_OPAQUE, account.identifier, &single);
        assert_memory_equal(single.bytes, expected, sizeof expected);
    }
    for (size_t size = 0; size <= sizeof text; size++) {
        struct pseudonym line = {{1, 2, 3}};
        crypto_generichash_state hash;
        assert_int_equal(crypto_generichash_init(&hash, bytes, sizeof bytes, sizeof expected), 0);
        (void)crypto_generichash_update(&hash, (const uint8_t *)"\014app-token/v1", 13);
        (void)crypto_generichash_update(&hash, line.bytes, sizeof line.bytes);
        (void)crypto_generichash_update(&hash, (const uint8_t *)text, size);
        (void)crypto_generichash_final(&hash, expected, sizeof expected);
        uint64_t token = 0;
        for (unsigned i = 0; i < sizeof token; i++)
            token = token << 8 | expected[i];
        assert_true(subject_app_token(key, &line, (struct view){text, size}) == token);
    }
    subject_key_free(key);
}

static void app_tokens_are_the_published_vectors(void **state)
{
    (void)state;
    struct subject_key *key = vector_key();
    struct pseudonym line, other;
    char app[300];
    memset(app, 'a', sizeof app);
    subject_pseudonym(key, SUBJECT_LINE, IDENTIFIER_E164, VIEW("14255550100"), &line);
    subject_pseudonym(key, SUBJECT_LINE, IDENTIFIER_E164, VIEW("14255550101"), &other);
    assert_true(subject_app_token(key, &line, VIEW("com.example.news")) == 0x5e0c555f90e9cec3);
    assert_true(subject_app_token(key, &line, VIEW("com.Example.NEWS")) == 0x5e0c555f90e9cec3);
    assert_true(subject_app_token(key, &line, VIEW("com.example.new")) != 0x5e0c555f90e9cec3);
    assert_true(subject_app_token(key, &line, VIEW("")) == 0x7ef863d27d98885b);
    assert_true(subject_app_token(key, &line, (struct view){app, sizeof app}) == 0xd8336fd8c4e4ad45);
    assert_true(subject_app_token(key, &other, VIEW("com.example.news")) != 0x5e0c555f90e9cec3);
    subject_key_free(key);
}

/* Long ones among them are hashed by themselves. */
static void pseudonyms_of_several_are_those_of_each(void **unused)
{
    (void)unused;
    static const uint8_t bytes[SUBJECT_KEY_SIZE] = {3};
    struct error error = {0};
    struct subject_key *key = subject_key_of_bytes(bytes, &error);
    char longest[SUBJECT_IDENTIFIER_SIZE_MAX];
    memset(longest, 'x', sizeof longest);
    const struct subject_name names[SUBJECTS_AT_ONCE] = {
        {SUBJECT_LINE, IDENTIFIER_E164, VIEW("9991234567")},
        {SUBJECT_ACCOUNT, IDENTIFIER_OPAQUE, {longest, sizeof longest}},
        {SUBJECT_ACCOUNT, IDENTIFIER_OPAQUE, VIEW("a")},
        {SUBJECT_DEVICE, IDENTIFIER_IMEI, VIEW("12345678901234")},
    };
    for (unsigned count = 0; count <= SUBJECTS_AT_ONCE; count++) {
        struct pseudonym together[SUBJECTS_AT_ONCE], alone;
        subject_pseudonyms(key, names, count, together);
        for (unsigned i = 0; i < count; i++) {
            subject_pseudonym(key, names[i].kind, names[i].identifier_kind, names[i].identifier, &alone);
            assert_memory_equal(together[i].bytes, alone.bytes, sizeof alone.bytes);
        }
    }
    subject_key_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pseudonyms_of_several_are_those_of_each),
        cmocka_unit_test(e164_has_one_form_for_every_spelling),
        cmocka_unit_test(e164_refuses_what_is_national_ambiguous_or_no_number),
        cmocka_unit_test(imsi_is_fifteen_digits),
        cmocka_unit_test(imei_loses_check_digit_and_software_version),
        cmocka_unit_test(imei_refuses_what_is_none),
        cmocka_unit_test(maid_is_lower_case_with_hyphens),
        cmocka_unit_test(maid_of_zeros_is_limit_ad_tracking_in_every_spelling),
        cmocka_unit_test(opaque_is_taken_as_it_is),
        cmocka_unit_test(unknown_kind_has_no_identifiers),
        cmocka_unit_test(pseudonyms_are_the_published_vectors),
        cmocka_unit_test(pseudonyms_depend_on_the_key),
        cmocka_unit_test(sealed_texts_are_as_documented),
        cmocka_unit_test(derived_keys_are_as_documented),
        cmocka_unit_test(record_gets_the_pseudonyms_that_it_lacks),
        cmocka_unit_test(hashes_are_one_function_over_all_lengths),
        cmocka_unit_test(app_tokens_are_the_published_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
