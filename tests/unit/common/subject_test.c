/*
 * Canonical forms and pseudonyms. The vectors were computed with Python's hashlib.blake2b from the layout in
 * docs/pseudonyms.md, not with this code; the key of all of them is the bytes 00 to 1f.
 */
#include "common/subject.h"

#include "common/base64url.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

/* A row is either accepted, with its canonical form, or refused: canonical NULL. */
struct spelling {
    const char *text;
    const char *canonical;
    const char *why;
};

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
    static const struct spelling rows[] = {
        {"14255550100", "14255550100", "digits alone"},
        {"+14255550100", "14255550100", "the plus of E.123"},
        {"+1 425 555 0100", "14255550100", "spaces"},
        {"1 425 555 0100", "14255550100", "spaces without plus"},
        {"+1-425-555-0100", "14255550100", "hyphens"},
        {"+1.425.555.0100", "14255550100", "dots"},
        {"+1 (425) 555-0100", "14255550100", "parentheses around the area code"},
        {"+1(425)5550100", "14255550100", "parentheses without spaces"},
        {"1 (425) - 555  0100", "14255550100", "several separators in a row"},
        {"+49 (30) 901820", "4930901820", "parentheses that hold no trunk prefix"},
        {"+44 20 7946 0018", "442079460018", "another country"},
        {"1234567", "1234567", "7 digits, the shortest"},
        {"123456789012345", "123456789012345", "15 digits, the longest of E.164"},
        {"+1 2 3 4 5 6 7 8 9 0 1 2 3 4 5", "123456789012345", "15 digits, spaced"},
        {"+10000000", "10000000", "zeros behind the first digit are digits"},
        {"31026012345678", "31026012345678", "14 digits are no IMSI"},
        {"861064912345678", "861064912345678", "15 digits of China, for machines; no MCC begins with 8"},
        {"900000000000000", "900000000000000", "15 digits with 900, which is no MCC"},
        {"902000000000000", "902000000000000", "or 902"},
        {"998000000000000", "998000000000000", "or 998"},
    };
    CHECK_TABLE(IDENTIFIER_E164, rows);
}

static void e164_refuses_what_is_national_ambiguous_or_no_number(void **state)
{
    (void)state;
    static const struct spelling rows[] = {
        {"04255550100", NULL, "leading 0 is a trunk prefix: national"},
        {"004930901820", NULL, "00 is international only from some countries"},
        {"+004930901820", NULL, "plus and 00"},
        {"01114255550100", NULL, "011 is a way to dial, not a number"},
        {"+44 (0)20 7946 0018", NULL, "(0) mixes national and international"},
        {"+44 (0 )20 7946 0018", NULL, "(0) with a space"},
        {"(425) 555-0100", NULL, "a parenthesis first is the national form of E.123"},
        {"+(1) 425 555 0100", NULL, "plus is followed by a digit"},
        {"123456", NULL, "6 digits, one too few"},
        {"1234567890123456", NULL, "16 digits, one too many"},
        {"310260123456789", NULL, "an IMSI of the USA (MCC 310), no number of the Netherlands (31)"},
        {"+310260123456789", NULL, "with a plus, too: the canonical form has none"},
        {"316 010 123456789", NULL, "spaced: the last MCC of the USA"},
        {"200000000000000", NULL, "the lowest region of E.212"},
        {"799999999999999", NULL, "the highest"},
        {"901280123456789", NULL, "MCC 901, networks of no country"},
        {"999990123456789", NULL, "MCC 999, private networks"},
        {"", NULL, "empty"},
        {"+", NULL, "plus alone"},
        {"++14255550100", NULL, "two plusses"},
        {"1+4255550100", NULL, "plus inside"},
        {" 14255550100", NULL, "space before"},
        {"14255550100 ", NULL, "space behind"},
        {"14255550100\n", NULL, "newline behind"},
        {"+1-425-555-0100-", NULL, "separator behind"},
        {"1\t4255550100", NULL, "a tab is no separator"},
        {"1 (425 555-0100", NULL, "open parenthesis"},
        {"1 425) 555-0100", NULL, "closing parenthesis alone"},
        {"1 ((425)) 555-0100", NULL, "nested parentheses"},
        {"1 () 425 555 0100", NULL, "nothing in the parentheses"},
        {"14255550100x", NULL, "a letter"},
        {"1-800-FLOWERS", NULL, "letters for digits"},
        {"1425555010O", NULL, "the letter O"},
        {"tel:+14255550100", NULL, "a URI"},
        {"+14255550100;ext=5", NULL, "an extension"},
        {"+14255550100 ext 5", NULL, "an extension in words"},
        {"1/425/555/0100", NULL, "slashes"},
        {"1.4255550100e10", NULL, "a floating-point number"},
        {"-14255550100", NULL, "a negative number"},
        {"+1\xc2\xa0"
         "425 555 0100",
         NULL, "a no-break space"},
        {"+1\xe2\x80\x91"
         "4255550100",
         NULL, "a no-break hyphen"},
        {"\xef\xbc\x8b"
         "14255550100",
         NULL, "a full-width plus"},
        {"\xd9\xa1\xd9\xa4\xd9\xa2\xd9\xa5\xd9\xa5\xd9\xa5\xd9\xa5\xd9\xa0\xd9\xa1\xd9\xa0\xd9\xa0", NULL,
         "Arabic-Indic digits"},
        {"1425555010\xef\xbc\x90", NULL, "a full-width digit"},
    };
    CHECK_TABLE(IDENTIFIER_E164, rows);
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
    static const struct spelling rows[] = {
        {"310260123456789", "310260123456789", "15 digits"},
        {"001010123456789", "001010123456789", "the test network 001 starts with 0"},
        {"31026012345678", NULL, "14 digits, one too few"},
        {"3102601234567890", NULL, "16 digits, one too many"},
        {"310-260-123456789", NULL, "hyphens"},
        {"310 260 123456789", NULL, "spaces"},
        {"+10260123456789", NULL, "a plus"},
        {"31026012345678a", NULL, "a letter"},
        {"000000000000000", NULL, "all zeros is nobody's"},
        {"", NULL, "empty"},
        {"31026012345678\xd9\xa1", NULL, "an Arabic-Indic digit"},
        {"310260123456\xef\xbc\x91", NULL, "15 bytes with a full-width digit"},
    };
    CHECK_TABLE(IDENTIFIER_IMSI, rows);
}

static void imei_loses_check_digit_and_software_version(void **state)
{
    (void)state;
    static const struct spelling rows[] = {
        {"49015420323751", "49015420323751", "14 digits: TAC and serial number"},
        {"490154203237518", "49015420323751", "15 digits with the right check digit"},
        {"4901542032375101", "49015420323751", "16 digits: IMEISV"},
        {"4901542032375199", "49015420323751", "another software version, same device"},
        {"49-015420-323751-8", "49015420323751", "hyphens, as phones show it"},
        {"49-015420-323751", "49015420323751", "hyphens without check digit"},
        {"49-015420-323751-01", "49015420323751", "hyphens with software version"},
        {"49 015420 323751 8", "49015420323751", "spaces, as boxes show it"},
        {"35209900176148", "35209900176148", "14 digits"},
        {"352099001761481", "35209900176148", "15 digits"},
        {"000000000000018", "00000000000001", "leading zeros are digits"},
    };
    CHECK_TABLE(IDENTIFIER_IMEI, rows);
}

static void imei_refuses_what_is_none(void **state)
{
    (void)state;
    static const struct spelling rows[] = {
        {"490154203237517", NULL, "15 digits with a wrong check digit"},
        {"490154203237510", NULL, "the spare 0 of the air interface is no check digit"},
        {"940154203237518", NULL, "two digits changed places"},
        {"4901542032375", NULL, "13 digits, one too few"},
        {"49015420323751011", NULL, "17 digits, one too many"},
        {"000000000000000", NULL, "all zeros: a modem without one"},
        {"00000000000000", NULL, "all zeros, 14"},
        {"0000000000000001", NULL, "all zeros with a software version"},
        {"-49015420323751", NULL, "hyphen before"},
        {"49015420323751-", NULL, "hyphen behind"},
        {"49.015420.323751.8", NULL, "dots"},
        {"49015420323751a", NULL, "a letter"},
        {"A0000012345678", NULL, "an MEID has letters"},
        {"", NULL, "empty"},
        {"4901542032375\xd9\xa1", NULL, "an Arabic-Indic digit"},
    };
    CHECK_TABLE(IDENTIFIER_IMEI, rows);
}

#define MAID "6d92078a-8246-4ba4-ae5b-76104861e7dc"

static void maid_is_lower_case_with_hyphens(void **state)
{
    (void)state;
    static const struct spelling rows[] = {
        {MAID, MAID, "canonical already"},
        {"6D92078A-8246-4BA4-AE5B-76104861E7DC", MAID, "upper case, as iOS gives it"},
        {"6d92078A-8246-4bA4-aE5b-76104861e7Dc", MAID, "mixed case"},
        {"{" MAID "}", MAID, "braces"},
        {"{6D92078A-8246-4BA4-AE5B-76104861E7DC}", MAID, "braces and upper case"},
        {"6d92078a82464ba4ae5b76104861e7dc", MAID, "32 hex digits"},
        {"{6D92078A82464BA4AE5B76104861E7DC}", MAID, "32 hex digits in braces"},
        {"00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000001", "not all zeros"},
        {MAID "}", NULL, "a brace behind only"},
        {"{" MAID, NULL, "a brace before only"},
        {"{{" MAID "}}", NULL, "two braces"},
        {"(" MAID ")", NULL, "parentheses"},
        {"urn:uuid:" MAID, NULL, "a URN"},
        {"6d92078a-8246-4ba4-ae5b-76104861e7d", NULL, "one digit too few"},
        {"6d92078a-8246-4ba4-ae5b-76104861e7dc0", NULL, "one digit too many"},
        {"6d92078a82464ba4ae5b76104861e7d", NULL, "31 hex digits"},
        {"6d92078a82464ba4ae5b76104861e7dc0", NULL, "33 hex digits"},
        {"6d92078a-82464ba4-ae5b-76104861e7dc", NULL, "a hyphen is missing"},
        {"6d92078a8-246-4ba4-ae5b-76104861e7dc", NULL, "a hyphen in the wrong place"},
        {"6d92078a-8246-4ba4-ae5b-76104861e7dg", NULL, "no hex digit"},
        {"6d92078a 8246 4ba4 ae5b 76104861e7dc", NULL, "spaces"},
        {" " MAID, NULL, "a space before"},
        {"{}", NULL, "empty braces"},
        {"", NULL, "empty"},
        {"6d92078a-8246-4ba4-ae5b-76104861e\xd9\xa1"
         "c",
         NULL, "36 bytes with an Arabic-Indic digit"},
    };
    CHECK_TABLE(IDENTIFIER_MAID, rows);
}

static void maid_of_zeros_is_limit_ad_tracking_in_every_spelling(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "00000000-0000-0000-0000-000000000000",
        "{00000000-0000-0000-0000-000000000000}",
        "00000000000000000000000000000000",
        "{00000000000000000000000000000000}",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char out[SUBJECT_IDENTIFIER_SIZE_MAX];
        size_t size = 4711;
        assert_int_equal(subject_canonicalise(IDENTIFIER_MAID, view_of_string(rows[i]), out, &size),
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
    const struct spelling rows[] = {
        {"1", "1", "one byte, the shortest"},
        {longest, longest, "128 bytes, the longest"},
        {"K\xc3\xb6nig-7", "K\xc3\xb6nig-7", "UTF-8"},
        {" a ", " a ", "spaces are bytes like any other"},
        {"+14255550100", "+14255550100", "nothing is dropped"},
        {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", "four bytes"},
        {"\xc2\xa0", "\xc2\xa0", "U+00A0, the first behind C1"},
        {"\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf", "U+10FFFF, the last"},
        {"", NULL, "empty"},
        {"a\nb", NULL, "newline"},
        {"\x1f", NULL, "the last C0 control"},
        {"\x7f", NULL, "DEL"},
        {"\xc2\x80", NULL, "the first C1 control"},
        {"\xc2\x9f", NULL, "the last C1 control"},
        {"\xff", NULL, "no UTF-8"},
        {"\x80", NULL, "a continuation byte alone"},
        {"\xc3", NULL, "cut"},
        {"\xe2\x82", NULL, "cut"},
        {"\xc3(", NULL, "no continuation byte"},
        {"\xc0\xb1", NULL, "over-long form of 1"},
        {"\xe0\x80\xb1", NULL, "over-long form in three bytes"},
        {"\xf0\x80\x80\xb1", NULL, "over-long form in four bytes"},
        {"\xed\xa0\x80", NULL, "a surrogate"},
        {"\xf4\x90\x80\x80", NULL, "U+110000, one past the last"},
    };
    CHECK_TABLE(IDENTIFIER_OPAQUE, rows);
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
        {SUBJECT_DEVICE, IDENTIFIER_MAID, VIEW(MAID), "1d41e785ca376362c71212f61b217632"},
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
