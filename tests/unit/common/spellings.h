/*
 * Spellings of identifiers, by kind: each row is accepted, with its canonical form, or refused (canonical NULL), and says why.
 * One table for the canonicaliser's own test and for the test that events and consent keys go through it.
 */
#ifndef CLICKVEIL_TESTS_UNIT_COMMON_SPELLINGS_H
#define CLICKVEIL_TESTS_UNIT_COMMON_SPELLINGS_H

#include <stddef.h>

struct spelling {
    const char *text;
    const char *canonical;
    const char *why;
};

#define SPELLED_MAID "6d92078a-8246-4ba4-ae5b-76104861e7dc"

static const struct spelling e164_spellings[] = {
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

static const struct spelling e164_refusals[] = {
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

static const struct spelling imsi_spellings[] = {
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

static const struct spelling imei_spellings[] = {
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

static const struct spelling imei_refusals[] = {
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

static const struct spelling maid_spellings[] = {
    {SPELLED_MAID, SPELLED_MAID, "canonical already"},
    {"6D92078A-8246-4BA4-AE5B-76104861E7DC", SPELLED_MAID, "upper case, as iOS gives it"},
    {"6d92078A-8246-4bA4-aE5b-76104861e7Dc", SPELLED_MAID, "mixed case"},
    {"{" SPELLED_MAID "}", SPELLED_MAID, "braces"},
    {"{6D92078A-8246-4BA4-AE5B-76104861E7DC}", SPELLED_MAID, "braces and upper case"},
    {"6d92078a82464ba4ae5b76104861e7dc", SPELLED_MAID, "32 hex digits"},
    {"{6D92078A82464BA4AE5B76104861E7DC}", SPELLED_MAID, "32 hex digits in braces"},
    {"00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000001", "not all zeros"},
    {SPELLED_MAID "}", NULL, "a brace behind only"},
    {"{" SPELLED_MAID, NULL, "a brace before only"},
    {"{{" SPELLED_MAID "}}", NULL, "two braces"},
    {"(" SPELLED_MAID ")", NULL, "parentheses"},
    {"urn:uuid:" SPELLED_MAID, NULL, "a URN"},
    {"6d92078a-8246-4ba4-ae5b-76104861e7d", NULL, "one digit too few"},
    {"6d92078a-8246-4ba4-ae5b-76104861e7dc0", NULL, "one digit too many"},
    {"6d92078a82464ba4ae5b76104861e7d", NULL, "31 hex digits"},
    {"6d92078a82464ba4ae5b76104861e7dc0", NULL, "33 hex digits"},
    {"6d92078a-82464ba4-ae5b-76104861e7dc", NULL, "a hyphen is missing"},
    {"6d92078a8-246-4ba4-ae5b-76104861e7dc", NULL, "a hyphen in the wrong place"},
    {"6d92078a-8246-4ba4-ae5b-76104861e7dg", NULL, "no hex digit"},
    {"6d92078a 8246 4ba4 ae5b 76104861e7dc", NULL, "spaces"},
    {" " SPELLED_MAID, NULL, "a space before"},
    {"{}", NULL, "empty braces"},
    {"", NULL, "empty"},
    {"6d92078a-8246-4ba4-ae5b-76104861e\xd9\xa1"
     "c",
     NULL, "36 bytes with an Arabic-Indic digit"},
};

/* Limit-ad-tracking: no identifier at all. */
static const char *const maid_zeros[] = {
    "00000000-0000-0000-0000-000000000000",
    "{00000000-0000-0000-0000-000000000000}",
    "00000000000000000000000000000000",
    "{00000000000000000000000000000000}",
};

static const struct spelling opaque_spellings[] = {
    {"1", "1", "one byte, the shortest"},
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

#endif
