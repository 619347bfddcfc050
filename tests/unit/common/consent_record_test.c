#include "common/consent_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* ---- keys ---- */

struct key_case {
    const char *key;
    enum identifier_kind line_kind;
    enum consent_key_kind kind;
    const char *identifier; /* canonical, where the kind is CHOICE or SIGNAL */
    enum subject_kind subject;
    const char *why;
};

static const struct key_case keys[] = {
    {"line:+14155550100", IDENTIFIER_E164, CONSENT_KEY_CHOICE, "14155550100", SUBJECT_LINE, "E.164"},
    {"line:14155550100", IDENTIFIER_E164, CONSENT_KEY_CHOICE, "14155550100", SUBJECT_LINE,
     "the same without plus"},
    {"line:310260123456789", IDENTIFIER_IMSI, CONSENT_KEY_CHOICE, "310260123456789", SUBJECT_LINE, "IMSI"},
    {"line:any thing:else", IDENTIFIER_OPAQUE, CONSENT_KEY_CHOICE, "any thing:else", SUBJECT_LINE,
     "opaque, colons too"},
    {"account:A-1", IDENTIFIER_E164, CONSENT_KEY_CHOICE, "A-1", SUBJECT_ACCOUNT, "accounts are opaque"},
    {"device:imei:490154203237518", IDENTIFIER_E164, CONSENT_KEY_CHOICE, "49015420323751", SUBJECT_DEVICE,
     "IMEI without its check digit"},
    {"device:maid:38400000-8CF0-11BD-B23E-10B96E40000D", IDENTIFIER_E164, CONSENT_KEY_CHOICE,
     "38400000-8cf0-11bd-b23e-10b96e40000d", SUBJECT_DEVICE, "MAID in lower case"},
    {"signal:line:+14155550100", IDENTIFIER_E164, CONSENT_KEY_SIGNAL, "14155550100", SUBJECT_LINE,
     "of a later version"},
    {"signal:account:A-1", IDENTIFIER_E164, CONSENT_KEY_SIGNAL, "A-1", SUBJECT_ACCOUNT, "of a later version"},
    {"signal:device:imei:490154203237518", IDENTIFIER_E164, CONSENT_KEY_SIGNAL, "49015420323751",
     SUBJECT_DEVICE, "of a later version"},
    {"hash:0a1b", IDENTIFIER_E164, CONSENT_KEY_HASH, NULL, 0, "of a later version"},
    {"moved:0gm2WFUFshVg8mafdzZYMQ:line:14155550100", IDENTIFIER_E164, CONSENT_KEY_LINK, "14155550100",
     SUBJECT_LINE, "whose place a line took"},
    {"moved:0gm2WFUFshVg8mafdzZYMQ:account:a:b", IDENTIFIER_E164, CONSENT_KEY_LINK, "a:b", SUBJECT_ACCOUNT,
     "an account, colons too"},
    {"moved:0gm2WFUFshVg8mafdzZYMQ:line:14155550100", IDENTIFIER_IMSI, CONSENT_KEY_WRONG_KIND, NULL, 0,
     "a number where IMSIs are declared"},
    {"meta:birth:3f1c", IDENTIFIER_E164, CONSENT_KEY_META, NULL, 0, "about the topic"},
    {"device:maid:00000000-0000-0000-0000-000000000000", IDENTIFIER_E164, CONSENT_KEY_LIMITED, NULL, 0,
     "limit-ad-tracking: no device"},

    {NULL, IDENTIFIER_E164, CONSENT_KEY_UNREADABLE, NULL, 0, "no key"},
    {"", IDENTIFIER_E164, CONSENT_KEY_UNREADABLE, NULL, 0, "empty"},
    {"line:", IDENTIFIER_E164, CONSENT_KEY_UNREADABLE, NULL, 0, "no identifier"},
    {"line:", IDENTIFIER_OPAQUE, CONSENT_KEY_UNREADABLE, NULL, 0, "no identifier, opaque"},
    {"line", IDENTIFIER_E164, CONSENT_KEY_UNREADABLE, NULL, 0, "no colon"},
    {"14155550100", IDENTIFIER_E164, CONSENT_KEY_UNREADABLE, NULL, 0, "no kind of subject"},
    {"Line:14155550100", IDENTIFIER_E164, CONSENT_KEY_UNREADABLE, NULL, 0, "kinds are lower case"},
    {" line:14155550100", IDENTIFIER_E164, CONSENT_KEY_UNREADABLE, NULL, 0, "nothing is trimmed"},
    {"line:abc", IDENTIFIER_E164, CONSENT_KEY_UNREADABLE, NULL, 0, "no number"},
    {"line:123456", IDENTIFIER_E164, CONSENT_KEY_UNREADABLE, NULL, 0, "one digit too few"},
    {"line:1234567890123456", IDENTIFIER_E164, CONSENT_KEY_UNREADABLE, NULL, 0,
     "one digit too many for either"},
    {"line:14155550100", IDENTIFIER_IMSI, CONSENT_KEY_WRONG_KIND, NULL, 0,
     "a number where IMSIs are declared"},
    {"line:310260123456789", IDENTIFIER_E164, CONSENT_KEY_WRONG_KIND, NULL, 0,
     "an IMSI where numbers are declared"},
    {"signal:line:14155550100", IDENTIFIER_IMSI, CONSENT_KEY_WRONG_KIND, NULL, 0,
     "the same in a signal's key"},
    {"line:x", IDENTIFIER_UNKNOWN, CONSENT_KEY_UNREADABLE, NULL, 0, "no kind declared"},
    {"account:", IDENTIFIER_E164, CONSENT_KEY_UNREADABLE, NULL, 0, "no identifier"},
    {"account:a\nb", IDENTIFIER_E164, CONSENT_KEY_UNREADABLE, NULL, 0, "control character"},
    {"device:", IDENTIFIER_E164, CONSENT_KEY_UNREADABLE, NULL, 0, "no kind of device"},
    {"device:490154203237518", IDENTIFIER_E164, CONSENT_KEY_UNREADABLE, NULL, 0, "no kind of device"},
    {"device:mac:0011", IDENTIFIER_E164, CONSENT_KEY_UNREADABLE, NULL, 0, "an unknown kind of device"},
    {"device:imei:12", IDENTIFIER_E164, CONSENT_KEY_UNREADABLE, NULL, 0, "no IMEI"},
    {"device:imei:38400000-8cf0-11bd-b23e-10b96e40000d", IDENTIFIER_E164, CONSENT_KEY_WRONG_KIND, NULL, 0,
     "a MAID under imei"},
    {"device:maid:490154203237518", IDENTIFIER_E164, CONSENT_KEY_WRONG_KIND, NULL, 0, "an IMEI under maid"},
    {"signal:", IDENTIFIER_E164, CONSENT_KEY_UNREADABLE, NULL, 0, "a signal of nobody"},
    {"signal:hash:0a", IDENTIFIER_E164, CONSENT_KEY_UNREADABLE, NULL, 0, "no subject"},
    {"hash:", IDENTIFIER_E164, CONSENT_KEY_UNREADABLE, NULL, 0, "no hash"},
    {"moved:", IDENTIFIER_E164, CONSENT_KEY_UNREADABLE, NULL, 0, "a link of nobody"},
    {"moved:0gm2WFUFshVg8mafdzZYMQ", IDENTIFIER_E164, CONSENT_KEY_UNREADABLE, NULL, 0, "no subject"},
    {"moved:0gm2WFUFshVg8mafdzZYMQ:", IDENTIFIER_E164, CONSENT_KEY_UNREADABLE, NULL, 0, "no subject"},
    {"moved:0gm2WFUFshVg8mafdzZYMQ:line:x", IDENTIFIER_E164, CONSENT_KEY_UNREADABLE, NULL, 0, "no number"},
    {"moved:gm2WFUFshVg8mafdzZYMQ:line:14155550100", IDENTIFIER_E164, CONSENT_KEY_UNREADABLE, NULL, 0,
     "a hash that is one short"},
    {"moved:0gm2WFUFshVg8mafdzZYMQA:line:14155550100", IDENTIFIER_E164, CONSENT_KEY_UNREADABLE, NULL, 0,
     "a hash that is one longer"},
    {"moved:line:14155550100", IDENTIFIER_E164, CONSENT_KEY_UNREADABLE, NULL, 0, "no hash"},
    {"moved:0gm2WFUFshVg8mafdzZYMQ:device:maid:00000000-0000-0000-0000-000000000000", IDENTIFIER_E164,
     CONSENT_KEY_UNREADABLE, NULL, 0, "no device took a place"},
    {"moved:0gm2WFUFshVg8mafdzZYMQ:signal:line:14155550100", IDENTIFIER_E164, CONSENT_KEY_UNREADABLE, NULL, 0,
     "a signal is no subject"},
    {"signal:moved:0gm2WFUFshVg8mafdzZYMQ:line:14155550100", IDENTIFIER_E164, CONSENT_KEY_UNREADABLE, NULL, 0,
     "nor is a link"},
    {"suppress:line:1", IDENTIFIER_E164, CONSENT_KEY_UNREADABLE, NULL, 0,
     "a kind that nobody knows might be an out"},
};

static void consent_keys_are_read_or_stop(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct key_case *row = &keys[i];
        struct consent_key key;
        consent_key_read(view_of_string(row->key), row->line_kind, &key);
        if (key.kind != row->kind)
            fail_msg("'%s': kind %d instead of %d: %s", row->key ? row->key : "null", (int)key.kind,
                     (int)row->kind, row->why);
        if (!row->identifier)
            continue;
        if (key.subject != row->subject ||
            !view_equal_string((struct view){key.identifier, key.size}, row->identifier))
            fail_msg("'%s': '%.*s' instead of '%s': %s", row->key, (int)key.size, key.identifier,
                     row->identifier, row->why);
    }
}

/* ---- values ---- */

static const struct choice_names names = {
    .names = {{"basic", 5}, {"enhanced", 8}},
    .count = 2,
};

enum {
    BASIC = 1,
    ENHANCED = 2,
    IN_VOID = 1,
    TWO_STEP = 2,
    ASKED = 4,
    CLOSED = 8,
    MOVED = 16,
    HAD_OUT = 32,
    RESET = 64,
    TIMESTAMP_MS = 1000000,
    DAY_MS = 86400000,
};

struct value_case {
    const char *value;
    bool readable;
    choice_set in, out;
    unsigned flags;
    int64_t effective_ms, seq;
    const char *why;
};

static const struct value_case values[] = {
    {"{\"choices\": {\"*\": \"out\", \"enhanced\": \"in\"}, \"effective\": 1000, \"seq\": 7}", true, ENHANCED,
     CHOICE_STAR, 0, 1000, 7, "as spec 2 writes it"},
    {"{\"seq\":7,\"effective\":\"1970-01-01T00:00:01Z\",\"choices\":{}}", true, 0, 0, 0, 1000, 7,
     "RFC 3339; any order of members; no choice"},
    {"{\"choices\":{},\"effective\":\"1970-01-01T02:00:01+02:00\",\"seq\":-9223372036854775808}", true, 0, 0,
     0, 1000, INT64_MIN, "a zone; the smallest seq"},
    {"{\"choices\":{},\"effective\":-1,\"seq\":9223372036854775807}", true, 0, 0, 0, 0, INT64_MAX,
     "before 1970 counts as 1970; the largest seq"},
    {"{\"choices\":{\"\\u002a\":\"o\\u0075t\"},\"effective\":1,\"seq\":0}", true, 0, CHOICE_STAR, 0, 1, 0,
     "escapes mean what they stand for"},
    {"{\"choices\":{\"other\":\"in\",\"basic\":\"out\"},\"effective\":1,\"seq\":0}", true, 0, BASIC, 0, 1, 0,
     "a programme that nobody knows is ignored"},
    {"{\"choices\":{\"*\":\"in\"},\"effective\":1,\"seq\":0,\"two_step\":true}", true, CHOICE_STAR, 0,
     TWO_STEP, 1, 0, "two_step"},
    {"{\"choices\":{\"*\":\"in\"},\"effective\":1,\"seq\":0,\"two_step\":false,\"asked\":true,\"closed\":"
     "true}",
     true, CHOICE_STAR, 0, ASKED | CLOSED, 1, 0, "asked, closed"},
    {"{\"choices\":{},\"effective\":1,\"seq\":0,\"two_step\":null,\"asked\":null,\"closed\":null,\"last_"
     "out\":null,"
     "\"moved_from\":null,\"reset\":null}",
     true, 0, 0, 0, 1, 0, "null is absent"},
    {"{\"choices\":{},\"effective\":1,\"seq\":0,\"last_out\":\"1970-01-01T00:00:00Z\"}", true, 0, 0, HAD_OUT,
     1, 0, "last_out"},
    {"{\"choices\":{},\"effective\":1,\"seq\":0,\"moved_from\":\"line:+14155550100\",\"reset\":true}", true,
     0, 0, MOVED | RESET, 1, 0, "moved_from; reset is no choice"},
    {"{\"choices\":{},\"effective\":1,\"seq\":0,\"moved_from\":\"14155550101\"}", true, 0, 0, MOVED, 1, 0,
     "moved_from as an identifier of the record's own kind"},
    {"{\"choices\":{},\"effective\":1,\"seq\":0,\"moved_from\":\"account:A-1\"}", true, 0, 0, MOVED, 1, 0,
     "from a subject of another kind"},
    {"{\"choices\":{},\"effective\":1,\"seq\":0,\"moved_from\":\"device:maid:00000000-0000-0000-0000-"
     "000000000000\"}",
     true, 0, 0, MOVED, 1, 0, "from no device: nothing to copy"},
    {"{\"choices\":{\"basic\":\"in\"},\"effective\":1,\"seq\":0,\"two-step\":true}", true, BASIC, 0, IN_VOID,
     1, 0, "a misspelt member: its `in` must not count"},
    {"{\"choices\":{},\"effective\":1,\"seq\":0,\"Two_Step\":true,\"x\":[{}]}", true, 0, 0, IN_VOID, 1, 0,
     "members are case-sensitive"},

    {"", false, 0, 0, 0, 0, 0, "empty"},
    {"out", false, 0, 0, 0, 0, 0, "not JSON"},
    {"\"out\"", false, 0, 0, 0, 0, 0, "not an object"},
    {"[]", false, 0, 0, 0, 0, 0, "not an object"},
    {"null", false, 0, 0, 0, 0, 0, "JSON null is a value, and not an object"},
    {"{}", false, 0, 0, 0, 0, 0, "nothing in it"},
    {"{\"choices\":{},\"effective\":1,\"seq\":0", false, 0, 0, 0, 0, 0, "truncated"},
    {"{\"choices\":{},\"effective\":1,\"seq\":0}}", false, 0, 0, 0, 0, 0, "over-long"},
    {"{\"choices\":{},\"effective\":1,\"seq\":0,}", false, 0, 0, 0, 0, 0, "trailing comma"},
    {"{\"choices\":{},\"effective\":1,\"seq\":0} // note", false, 0, 0, 0, 0, 0, "comment"},
    {"\xef\xbb\xbf{\"choices\":{},\"effective\":1,\"seq\":0}", false, 0, 0, 0, 0, 0, "byte order mark"},
    {"{\"choices\":{\"\xff\":\"in\"},\"effective\":1,\"seq\":0}", false, 0, 0, 0, 0, 0, "not UTF-8"},
    {"{\"effective\":1,\"seq\":0}", false, 0, 0, 0, 0, 0, "no choices"},
    {"{\"choices\":null,\"effective\":1,\"seq\":0}", false, 0, 0, 0, 0, 0, "choices null"},
    {"{\"choices\":[\"out\"],\"effective\":1,\"seq\":0}", false, 0, 0, 0, 0, 0, "choices no object"},
    {"{\"choices\":{\"*\":\"Out\"},\"effective\":1,\"seq\":0}", false, 0, 0, 0, 0, 0,
     "choices are lower case"},
    {"{\"choices\":{\"*\":\"in \"},\"effective\":1,\"seq\":0}", false, 0, 0, 0, 0, 0, "nothing is trimmed"},
    {"{\"choices\":{\"*\":true},\"effective\":1,\"seq\":0}", false, 0, 0, 0, 0, 0, "a choice is a word"},
    {"{\"choices\":{\"*\":null},\"effective\":1,\"seq\":0}", false, 0, 0, 0, 0, 0, "a choice is a word"},
    {"{\"choices\":{\"other\":\"maybe\"},\"effective\":1,\"seq\":0}", false, 0, 0, 0, 0, 0,
     "not even of a programme that nobody knows"},
    {"{\"choices\":{\"*\":\"in\",\"*\":\"out\"},\"effective\":1,\"seq\":0}", false, 0, 0, 0, 0, 0,
     "contradiction"},
    {"{\"choices\":{\"basic\":\"in\",\"b\\u0061sic\":\"in\"},\"effective\":1,\"seq\":0}", false, 0, 0, 0, 0,
     0, "a name twice, one of them written with an escape"},
    {"{\"choices\":{},\"choices\":{},\"effective\":1,\"seq\":0}", false, 0, 0, 0, 0, 0, "a member twice"},
    {"{\"choices\":{},\"effective\":1,\"effective\":1,\"seq\":0}", false, 0, 0, 0, 0, 0, "a member twice"},
    {"{\"choices\":{},\"effective\":1,\"seq\":0,\"two_step\":true,\"two_step\":true}", false, 0, 0, 0, 0, 0,
     "a member twice"},
    {"{\"choices\":{},\"seq\":0}", false, 0, 0, 0, 0, 0, "no effective"},
    {"{\"choices\":{},\"effective\":null,\"seq\":0}", false, 0, 0, 0, 0, 0, "effective null is missing"},
    {"{\"choices\":{},\"effective\":\"\",\"seq\":0}", false, 0, 0, 0, 0, 0, "effective empty"},
    {"{\"choices\":{},\"effective\":\"1\",\"seq\":0}", false, 0, 0, 0, 0, 0, "a number in a text is no time"},
    {"{\"choices\":{},\"effective\":\"1970-01-01\",\"seq\":0}", false, 0, 0, 0, 0, 0, "a date is no time"},
    {"{\"choices\":{},\"effective\":\"1970-01-01T00:00:00\",\"seq\":0}", false, 0, 0, 0, 0, 0, "no zone"},
    {"{\"choices\":{},\"effective\":1.0,\"seq\":0}", false, 0, 0, 0, 0, 0, "no fractions of milliseconds"},
    {"{\"choices\":{},\"effective\":1e3,\"seq\":0}", false, 0, 0, 0, 0, 0, "no exponents"},
    {"{\"choices\":{},\"effective\":18446744073709551615,\"seq\":0}", false, 0, 0, 0, 0, 0,
     "beyond 64 bits signed"},
    {"{\"choices\":{},\"effective\":1}", false, 0, 0, 0, 0, 0, "no seq"},
    {"{\"choices\":{},\"effective\":1,\"seq\":\"1\"}", false, 0, 0, 0, 0, 0, "seq is an integer"},
    {"{\"choices\":{},\"effective\":1,\"seq\":1.0}", false, 0, 0, 0, 0, 0, "seq is an integer"},
    {"{\"choices\":{},\"effective\":1,\"seq\":9223372036854775808}", false, 0, 0, 0, 0, 0,
     "seq of 64 bits, signed"},
    {"{\"choices\":{},\"effective\":1,\"seq\":0,\"two_step\":\"true\"}", false, 0, 0, 0, 0, 0,
     "two_step is a boolean"},
    {"{\"choices\":{},\"effective\":1,\"seq\":0,\"two_step\":1}", false, 0, 0, 0, 0, 0,
     "two_step is a boolean"},
    {"{\"choices\":{},\"effective\":1,\"seq\":0,\"asked\":0}", false, 0, 0, 0, 0, 0, "asked is a boolean"},
    {"{\"choices\":{},\"effective\":1,\"seq\":0,\"closed\":\"no\"}", false, 0, 0, 0, 0, 0,
     "closed is a boolean"},
    {"{\"choices\":{},\"effective\":1,\"seq\":0,\"reset\":\"\"}", false, 0, 0, 0, 0, 0, "reset is a boolean"},
    {"{\"choices\":{},\"effective\":1,\"seq\":0,\"moved_from\":true}", false, 0, 0, 0, 0, 0,
     "moved_from names a subject"},
    {"{\"choices\":{},\"effective\":1,\"seq\":0,\"moved_from\":\"\"}", false, 0, 0, 0, 0, 0,
     "moved_from names a subject"},
    {"{\"choices\":{},\"effective\":1,\"seq\":0,\"moved_from\":\"line:x\"}", false, 0, 0, 0, 0, 0,
     "there are `out`s, and nobody knows whose"},
    {"{\"choices\":{},\"effective\":1,\"seq\":0,\"moved_from\":\"signal:line:14155550101\"}", false, 0, 0, 0,
     0, 0, "a signal is no subject"},
    {"{\"choices\":{},\"effective\":1,\"seq\":0,\"moved_from\":{\"line\":\"14155550101\"}}", false, 0, 0, 0,
     0, 0, "moved_from is a text"},
    {"{\"choices\":{},\"effective\":1,\"seq\":0,\"last_out\":true}", false, 0, 0, 0, 0, 0,
     "last_out is a time"},
};

static struct consent_value read_whole(struct view text, int64_t timestamp_ms)
{
    struct consent_reader *reader = consent_reader_new(&names, IDENTIFIER_E164);
    assert_non_null(reader);
    struct consent_key key;
    consent_key_read(VIEW("line:14155550100"), IDENTIFIER_E164, &key);
    struct consent_value value;
    memset(&value, 0xff, sizeof value);
    char *exact = test_malloc(text.size + 1); /* a read behind the end shows under AddressSanitizer */
    if (text.size > 0)
        memcpy(exact, text.data, text.size);
    struct view copy = {text.data ? exact : NULL, text.size};
    consent_value_read(reader, &key, copy, timestamp_ms, &value);
    test_free(exact);
    consent_reader_free(reader);
    return value;
}

static struct choice_record read_value(struct view text, int64_t timestamp_ms, unsigned *out_unknown_names)
{
    struct consent_value value = read_whole(text, timestamp_ms);
    *out_unknown_names = value.unknown_names;
    return value.record;
}

static unsigned flags_of(const struct choice_record *record)
{
    return (record->in_is_void ? IN_VOID : 0u) | (record->two_step ? TWO_STEP : 0u) |
           (record->asked ? ASKED : 0u) | (record->closed ? CLOSED : 0u) | (record->moved ? MOVED : 0u) |
           (record->had_out ? HAD_OUT : 0u) | (record->reset ? RESET : 0u);
}

static void consent_values_are_read_or_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        const struct value_case *row = &values[i];
        unsigned unknown_names;
        struct choice_record record = read_value(view_of_string(row->value), TIMESTAMP_MS, &unknown_names);
        bool right = record.readable == row->readable && record.in == row->in && record.out == row->out &&
                     flags_of(&record) == row->flags && record.effective_ms == row->effective_ms &&
                     record.seq == row->seq && !record.tombstone;
        if (!right)
            fail_msg("%s: readable %d, in %x, out %x, flags %x, effective %lld, seq %lld: %s", row->value,
                     record.readable, record.in, record.out, flags_of(&record),
                     (long long)record.effective_ms, (long long)record.seq, row->why);
        if (!row->readable) /* nothing of half a record counts but that it is `out` */
            assert_int_equal(choice_record_outs(&record), CHOICE_STAR);
    }
}

static void consent_value_absent_is_a_tombstone(void **state)
{
    (void)state;
    unsigned unknown_names = 99;
    struct choice_record record = read_value(VIEW_ABSENT, TIMESTAMP_MS, &unknown_names);
    assert_true(record.tombstone);
    assert_false(record.readable);
    assert_int_equal(unknown_names, 0);
}

static void consent_effective_may_be_a_day_ahead_and_no_more(void **state)
{
    (void)state;
    static const struct {
        long long effective_ms, timestamp_ms;
        bool readable;
        const char *why;
    } cases[] = {
        {TIMESTAMP_MS + DAY_MS, TIMESTAMP_MS, true, "a day to the millisecond"},
        {TIMESTAMP_MS + DAY_MS + 1, TIMESTAMP_MS, false, "a millisecond more"},
        {0, TIMESTAMP_MS, true, "any time in the past"},
        {DAY_MS, -1, false, "a record without a timestamp says nothing about when"},
        {CHOICE_EFFECTIVE_MS_MAX, INT64_MAX, true, "the last moment that is kept"},
        {CHOICE_EFFECTIVE_MS_MAX + 1, INT64_MAX, false, "one millisecond after it"},
        {INT64_MAX, INT64_MAX, false, "the end of time"},
        {INT64_MIN, INT64_MIN, false, "its beginning counts as 1970, which is later than the timestamp"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[200];
        int size = snprintf(text, sizeof text, "{\"choices\":{\"*\":\"in\"},\"effective\":%lld,\"seq\":0}",
                            cases[i].effective_ms);
        unsigned unknown_names;
        struct choice_record record =
            read_value((struct view){text, (size_t)size}, cases[i].timestamp_ms, &unknown_names);
        if (record.readable != cases[i].readable)
            fail_msg("effective %lld, timestamp %lld: %s", cases[i].effective_ms, cases[i].timestamp_ms,
                     cases[i].why);
    }
}

static void consent_moved_from_is_read_as_a_key_or_as_an_identifier_of_the_same_kind(void **state)
{
    (void)state;
    static const struct {
        const char *from;
        enum consent_key_kind kind;
        enum subject_kind subject;
        const char *identifier;
    } cases[] = {
        {"line:+1 415 555 0101", CONSENT_KEY_CHOICE, SUBJECT_LINE, "14155550101"},
        {"+1 415 555 0101", CONSENT_KEY_CHOICE, SUBJECT_LINE, "14155550101"},
        {"account:14155550101", CONSENT_KEY_CHOICE, SUBJECT_ACCOUNT, "14155550101"},
        {"device:imei:490154203237518", CONSENT_KEY_CHOICE, SUBJECT_DEVICE, "49015420323751"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[200];
        int size =
            snprintf(text, sizeof text, "{\"choices\":{},\"effective\":1,\"seq\":0,\"moved_from\":\"%s\"}",
                     cases[i].from);
        struct consent_value value = read_whole((struct view){text, (size_t)size}, TIMESTAMP_MS);
        assert_true(value.record.readable && value.record.moved);
        assert_int_equal(value.moved_from.kind, cases[i].kind);
        assert_int_equal(value.moved_from.subject, cases[i].subject);
        assert_true(view_equal_string((struct view){value.moved_from.identifier, value.moved_from.size},
                                      cases[i].identifier));
    }
}

static void consent_last_out_is_kept(void **state)
{
    (void)state;
    unsigned unknown_names;
    struct choice_record record = read_value(
        VIEW("{\"choices\":{},\"effective\":9000,\"seq\":0,\"last_out\":\"1970-01-01T00:00:07Z\"}"),
        TIMESTAMP_MS, &unknown_names);
    assert_true(record.had_out);
    assert_int_equal(record.last_out_ms, 7000);
}

static void consent_unknown_programmes_are_counted(void **state)
{
    (void)state;
    unsigned unknown_names;
    read_value(VIEW("{\"choices\":{\"a\":\"in\",\"b\":\"out\",\"*\":\"in\"},\"effective\":1,\"seq\":0}"),
               TIMESTAMP_MS, &unknown_names);
    assert_int_equal(unknown_names, 2);
}

static void consent_values_are_bounded(void **state)
{
    (void)state;
    static const char head[] = "{\"choices\":{\"*\":\"in\"},\"effective\":1,\"seq\":0}";
    char *text = test_malloc(CONSENT_VALUE_BYTES_MAX + 1);
    memset(text, ' ', CONSENT_VALUE_BYTES_MAX + 1);
    memcpy(text, head, sizeof head - 1);
    unsigned unknown_names;
    struct view value = {text, CONSENT_VALUE_BYTES_MAX};
    assert_true(read_value(value, TIMESTAMP_MS, &unknown_names).readable);
    value.size++;
    assert_false(read_value(value, TIMESTAMP_MS, &unknown_names).readable);

    /* as many values as fit, and nested as deep: the memory for reading suffices or the record is unreadable */
    static const char *const fillers[] = {"0,", "\"\",", "[],", "[", "{\"\":", "{},"};
    for (size_t i = 0; i < sizeof fillers / sizeof *fillers; i++) {
        size_t size = 0;
        text[size++] = '[';
        while (size + strlen(fillers[i]) <= CONSENT_VALUE_BYTES_MAX) {
            memcpy(text + size, fillers[i], strlen(fillers[i]));
            size += strlen(fillers[i]);
        }
        assert_false(read_value((struct view){text, size}, TIMESTAMP_MS, &unknown_names).readable);
    }
    test_free(text);
}

static void consent_names_in_one_record_are_bounded(void **state)
{
    (void)state;
    for (unsigned count = CONSENT_CHOICES_MAX; count <= CONSENT_CHOICES_MAX + 1; count++) {
        char *text = test_malloc(CONSENT_VALUE_BYTES_MAX);
        size_t size =
            (size_t)snprintf(text, CONSENT_VALUE_BYTES_MAX, "{\"effective\":1,\"seq\":0,\"choices\":{");
        for (unsigned i = 0; i < count; i++)
            size += (size_t)snprintf(text + size, CONSENT_VALUE_BYTES_MAX - size, "%s\"p%u\":\"in\"",
                                     i == 0 ? "" : ",", i);
        size += (size_t)snprintf(text + size, CONSENT_VALUE_BYTES_MAX - size, "}}");
        unsigned unknown_names;
        assert_int_equal(read_value((struct view){text, size}, TIMESTAMP_MS, &unknown_names).readable,
                         count == CONSENT_CHOICES_MAX);
        test_free(text);
    }
}

/* What clickveil wrote again may have twice as much. */
static void merged_values_have_bounds_of_their_own(void **state)
{
    static const char merged[] = ",\"merged\":{\"before\":[],\"withdrawn\":[],\"until\":0,\"last_out\":0}}";
    static const struct {
        unsigned names;
        size_t size; /* filled up with blanks; 0: as it is */
        bool merged, readable;
    } rows[] = {
        {1, CONSENT_VALUE_BYTES_MAX + 1, false, false}, {1, CONSENT_VALUE_BYTES_MAX + 1, true, true},
        {1, CONSENT_MERGED_BYTES_MAX, true, true},      {1, CONSENT_MERGED_BYTES_MAX + 1, true, false},
        {CONSENT_CHOICES_MAX + 1, 0, false, false},     {CONSENT_CHOICES_MAX + 1, 0, true, true},
        {CONSENT_MERGED_CHOICES_MAX, 0, true, true},    {CONSENT_MERGED_CHOICES_MAX + 1, 0, true, false},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *text = test_malloc(CONSENT_MERGED_BYTES_MAX + 2);
        size_t size =
            (size_t)snprintf(text, CONSENT_MERGED_BYTES_MAX, "{\"effective\":1,\"seq\":0,\"choices\":{");
        for (unsigned j = 0; j < rows[i].names; j++)
            size += (size_t)snprintf(text + size, CONSENT_MERGED_BYTES_MAX - size, "%s\"p%u\":\"in\"",
                                     j == 0 ? "" : ",", j);
        size += (size_t)snprintf(text + size, CONSENT_MERGED_BYTES_MAX - size, "}%s",
                                 rows[i].merged ? merged : "}");
        if (rows[i].size) {
            memset(text + size, ' ', rows[i].size - size);
            size = rows[i].size;
        }
        unsigned unknown_names;
        if (read_value((struct view){text, size}, TIMESTAMP_MS, &unknown_names).readable != rows[i].readable)
            fail_msg("row %u", i);
        test_free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(consent_keys_are_read_or_stop),
        cmocka_unit_test(consent_values_are_read_or_out),
        cmocka_unit_test(consent_value_absent_is_a_tombstone),
        cmocka_unit_test(consent_effective_may_be_a_day_ahead_and_no_more),
        cmocka_unit_test(consent_moved_from_is_read_as_a_key_or_as_an_identifier_of_the_same_kind),
        cmocka_unit_test(consent_last_out_is_kept),
        cmocka_unit_test(consent_unknown_programmes_are_counted),
        cmocka_unit_test(consent_values_are_bounded),
        cmocka_unit_test(consent_names_in_one_record_are_bounded),
        cmocka_unit_test(merged_values_have_bounds_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
