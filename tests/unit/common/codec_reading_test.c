/* Records between stages are read strictly: each deviation is refused for its own reason. */
#include "tests/unit/common/codec_rig.h"

static const char *reason_name(struct verdict verdict)
{
    return verdict.kind == VERDICT_PASS   ? "pass"
           : verdict.kind == VERDICT_STOP ? "stop"
                                          : event_reasons[verdict.reason].name;
}

/* `value` with the first `from` in it replaced by `to`. */
static const char *replaced(const char *value, const char *from, const char *to)
{
    static char text[4096];
    const char *at = strstr(value, from);
    if (!at)
        fail_msg("the test looks for %s in %s", from, value);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - value), value, to, at + strlen(from));
    return text;
}

enum {
    PAGE_CONSENT,
    PAGE_PSEUDONYMIZE,
    PAGE_CLASSIFY,
    APP_CONSENT,
    APP_PSEUDONYMIZE,
    APP_CLASSIFY,
};
static const struct {
    unsigned golden;
    const char *from, *to;
    const char *wanted;
    const char *why;
} deviations[] = {
    {PAGE_CONSENT, "{", "[", "not_json", "another bracket"},
    {PAGE_CONSENT, "}", "", "truncated", "a brace too few"},
    {PAGE_CONSENT, "\"v\":1", "\"v\":2", "unknown_version", "a later version"},
    {PAGE_CONSENT, "\"v\":1", "\"v\":2,\"new\":true", "unknown_version", "with a field of its own"},
    {PAGE_CONSENT, "\"v\":1", "\"v\":\"1\"", "unknown_version", "a text"},
    {PAGE_CONSENT, "\"v\":1", "\"v\":0", "unknown_version", "no version"},
    {PAGE_CONSENT, "\"v\":1", "\"v\":1.0", "unknown_version", "a fraction"},
    {PAGE_CONSENT, "\"v\":1,", "", "missing_field", "without version"},
    {PAGE_CONSENT, "\"v\":1", "\"v\":1,\"v\":1", "duplicate_key", "twice"},
    {PAGE_CONSENT, "\"v\":1", "\"v\":1,\"new\":true", "unknown_field", "nobody knows it"},
    {PAGE_CONSENT, "\"kind\":\"event\"", "\"kind\":\"Event\"", "unknown_kind", "exact"},
    {PAGE_CONSENT, "\"kind\":\"event\"", "\"kind\":\"retraction\"", "unknown_kind",
     "those have a topic of their own"},
    {PAGE_CONSENT, "\"kind\":\"event\",", "", "missing_field", "without kind"},
    {PAGE_CONSENT, "\"kind\":\"event\"", "\"kind\":1", "field_type", "kind is a text"},
    {PAGE_CONSENT, "\"browse\"", "\"visit\"", "unknown_type", "no such type"},
    {PAGE_CONSENT, "\"browse\"", "\"app_use\"", "unknown_field", "an app event has no url"},
    {PAGE_CONSENT, "\"type\":\"browse\",", "", "missing_field", "without type"},
    {PAGE_CONSENT, "1619438400000", "\"2021-04-26T12:00:00Z\"", "field_type", "integers between stages"},
    {PAGE_CONSENT, "1619438400000", "-1", "field_value", "before 1970"},
    {PAGE_CONSENT, "1619438400000", "253402300799999", "pass", "the last moment"},
    {PAGE_CONSENT, "1619438400000", "253402300800000", "time_range", "one later"},
    {PAGE_CONSENT, "1619438401500", "-1", "pass", "Kafka had no timestamp"},
    {PAGE_CONSENT, "1619438401500", "-2", "field_value", "no timestamp of Kafka"},
    {PAGE_CONSENT, "1619438401500", "9223372036854775808", "field_value", "more than 63 bits"},
    {PAGE_CONSENT, "\"timestamp\":1619438401500,", "", "missing_field", "without timestamp"},
    {PAGE_CONSENT, "\"12025550123\"", "\"+12025550123\"", "subscriber_malformed", "not canonical"},
    {PAGE_CONSENT, "\"12025550123\"", "\"\"", "field_empty", "empty"},
    {PAGE_CONSENT, "\"subscriber\":\"12025550123\",", "", "missing_field", "an event has its line"},
    {PAGE_CONSENT, "\"acc-1\"", "\"acc\\u0000\"", "account_malformed", "NUL"},
    {PAGE_CONSENT, "\"acc-1\"", "7", "field_type", "a number"},
    {PAGE_CONSENT, "\"maid\"", "\"idfa\"", "device_kind", "no such kind"},
    {PAGE_CONSENT, "abcdef01", "ABCDEF01", "device_malformed", "not canonical"},
    {PAGE_CONSENT, "abcdef01-2345-6789-abcd-ef0123456789", "00000000-0000-0000-0000-000000000000",
     "device_malformed", "limit-ad-tracking is no device"},
    {PAGE_CONSENT, "\"kind\":\"maid\",", "", "missing_field", "device without kind"},
    {PAGE_CONSENT, "\"kind\":\"maid\"", "\"kind\":\"maid\",\"model\":\"x\"", "unknown_field",
     "inside device"},
    {PAGE_CONSENT, "{\"kind\":\"maid\"", "[{\"kind\":\"maid\"", "not_json", "broken"},
    {PAGE_CONSENT, "[\"tmobile\",\"enhanced\"]", "[]", "field_value", "kept for no programme"},
    {PAGE_CONSENT, "[\"tmobile\",\"enhanced\"]", "\"tmobile\"", "field_type", "no list"},
    {PAGE_CONSENT, "[\"tmobile\",\"enhanced\"]", "[\"tmobile\",7]", "field_type", "not only names"},
    {PAGE_CONSENT, "[\"tmobile\",\"enhanced\"]", "[[\"tmobile\"]]", "field_type", "nested"},
    {PAGE_CONSENT, "[\"tmobile\",\"enhanced\"]",
     "[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\",\"j\",\"k\",\"l\",\"m\",\"n\",\"tmobile\"]",
     "pass", "fifteen"},
    {PAGE_CONSENT, "[\"tmobile\",\"enhanced\"]",
     "[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\",\"j\",\"k\",\"l\",\"m\",\"n\",\"o\","
     "\"tmobile\"]",
     "field_value", "sixteen"},
    {PAGE_CONSENT, "[\"tmobile\",\"enhanced\"]", "[\"Tmobile\",\"att\"]", "programme_unknown",
     "none is known"},
    {PAGE_CONSENT, ",\"host\":\"shop.example\"", "", "pass", "url is enough here"},
    {PAGE_CONSENT, "\"url\":\"https://shop.example/cart?id=7\",\"host\":\"shop.example\"",
     "\"url\":null,\"host\":null", "missing_field", "neither"},
    {PAGE_CONSENT, "\"host\"", "\"app\":\"a\",\"host\"", "unknown_field", "a page visit has no app"},
    {PAGE_CONSENT, "\"host\"", "\"brand\":\"b\",\"host\"", "unknown_field", "brand ends at consent"},
    {PAGE_CONSENT, "\"host\"", "\"gpc\":false,\"host\"", "unknown_field", "signals end at consent"},
    {PAGE_CONSENT, "\"host\"", "\"pseudonyms\":{},\"host\"", "unknown_field", "too early"},
    {PAGE_CONSENT, "\"host\"", "\"epoch\":1,\"host\"", "unknown_field", "an event has none"},

    {PAGE_PSEUDONYMIZE, "\"host\"", "\"subscriber\":\"12025550123\",\"host\"", "unknown_field", "raw"},
    {PAGE_PSEUDONYMIZE, "\"host\"", "\"url\":\"https://x/\",\"host\"", "unknown_field", "raw"},
    {PAGE_PSEUDONYMIZE, "\"host\"", "\"device\":{\"id\":\"x\"},\"host\"", "unknown_field", "raw"},
    {PAGE_PSEUDONYMIZE, ",\"host\":\"shop.example\"", "", "missing_field", "classify needs it"},
    {PAGE_PSEUDONYMIZE, "\"line\":\"AAECAwQFBgcICQoLDA0ODw\",", "", "missing_field", "an event has its line"},
    {PAGE_PSEUDONYMIZE, "AAECAwQFBgcICQoLDA0ODw", "AAECAwQFBgcICQoLDA0OD", "field_value", "21 characters"},
    {PAGE_PSEUDONYMIZE, "AAECAwQFBgcICQoLDA0ODw", "AAECAwQFBgcICQoLDA0ODwA", "field_value", "23 characters"},
    {PAGE_PSEUDONYMIZE, "AAECAwQFBgcICQoLDA0ODw", "AAECAwQFBgcICQoLDA0ODx", "field_value", "bits left over"},
    {PAGE_PSEUDONYMIZE, "8PHy8_T19vf4-fr7_P3-_w", "8PHy8/T19vf4+fr7/P3+/w", "field_value",
     "not the URL alphabet"},
    {PAGE_PSEUDONYMIZE, "EBESExQVFhcYGRobHB0eHw", "EBESExQVFhcYGRobHB0e==", "field_value", "padding"},
    {PAGE_PSEUDONYMIZE, "\"EBESExQVFhcYGRobHB0eHw\"", "16", "field_type", "a number"},
    {PAGE_PSEUDONYMIZE, "\"device\":", "\"person\":", "unknown_field", "inside pseudonyms"},
    {PAGE_PSEUDONYMIZE, "\"host\"", "\"interests\":[],\"host\"", "unknown_field", "too early"},
    {PAGE_PSEUDONYMIZE, "\"host\"", "\"app_token\":\"0123456789abcdef\",\"host\"", "unknown_field", "no app"},

    {PAGE_CLASSIFY, "\"interests\"", "\"host\":\"shop.example\",\"interests\"", "unknown_field",
     "behind classify no host exists"},
    {PAGE_CLASSIFY, "\"interests\"", "\"app\":\"a\",\"interests\"", "unknown_field", "and no app"},
    {PAGE_CLASSIFY, "[[243,2],[65535,1000]]", "[]", "field_value", "no interest"},
    {PAGE_CLASSIFY, "[[243,2],[65535,1000]]", "{}", "field_type", "no list"},
    {PAGE_CLASSIFY, "[[243,2],[65535,1000]]", "[243,2]", "field_type", "no pairs"},
    {PAGE_CLASSIFY, "[243,2]", "[243]", "field_type", "half a pair"},
    {PAGE_CLASSIFY, "[243,2]", "[243,2,1]", "field_type", "three"},
    {PAGE_CLASSIFY, "[243,2]", "[[243],2]", "field_type", "nested"},
    {PAGE_CLASSIFY, "[243,2]", "[243,\"2\"]", "field_type", "a text"},
    {PAGE_CLASSIFY, "[243,2]", "[243,2.0]", "field_type", "a fraction"},
    {PAGE_CLASSIFY, "[243,2]", "[0,2]", "field_value", "taxonomy IDs begin at 1"},
    {PAGE_CLASSIFY, "[243,2]", "[1,1]", "pass", "the smallest pair"},
    {PAGE_CLASSIFY, "[65535,1000]", "[65536,1000]", "field_value", "one past the largest ID"},
    {PAGE_CLASSIFY, "[243,2]", "[-243,2]", "field_value", "negative"},
    {PAGE_CLASSIFY, "[243,2]", "[243,0]", "field_value", "no weight"},
    {PAGE_CLASSIFY, "[65535,1000]", "[65535,1001]", "field_value", "one past the largest weight"},
    {PAGE_CLASSIFY, "[65535,1000]", "[243,1000]", "field_value", "an interest twice"},
    {PAGE_CLASSIFY, "[65535,1000]",
     "[1,1],[2,1],[3,1],[4,1],[5,1],[6,1],[7,1],[8,1],[9,1],[10,1],[11,1],[12,1],[13,1],[14,1],[15,1]",
     "pass", "sixteen"},
    {PAGE_CLASSIFY, "[65535,1000]",
     "[1,1],[2,1],[3,1],[4,1],[5,1],[6,1],[7,1],[8,1],[9,1],[10,1],[11,1],[12,1],[13,1],[14,1],[15,1],["
     "16,1]",
     "field_value", "seventeen"},
    {PAGE_CLASSIFY, ",\"rules_digest\":\"fedcba9876543210\"", "", "missing_field", "whose rules?"},
    {PAGE_CLASSIFY, "fedcba9876543210", "FEDCBA9876543210", "field_value", "upper case"},
    {PAGE_CLASSIFY, "fedcba9876543210", "fedcba987654321", "field_value", "15 digits"},
    {PAGE_CLASSIFY, "fedcba9876543210", "fedcba98765432100", "field_value", "17 digits"},
    {PAGE_CLASSIFY, "fedcba9876543210", "fedcba987654321g", "field_value", "no digit"},

    {APP_CONSENT, "\"app\":\"com.example.shop\",", "", "missing_field", "app event without app"},
    {APP_CONSENT, "true", "1", "field_type", "preinstalled"},
    {APP_CONSENT, ",\"preinstalled\":true", "", "pass", "not preinstalled"},
    {APP_CONSENT, "\"app\"", "\"app_token\":\"0123456789abcdef\",\"app\"", "unknown_field", "too early"},
    {APP_PSEUDONYMIZE, "\"app_token\"", "\"preinstalled\":true,\"app_token\"", "unknown_field",
     "decided before"},
    {APP_PSEUDONYMIZE, "0123456789abcdef", "0000000000000000", "field_value", "0 means no app"},
    {APP_PSEUDONYMIZE, ",\"app_token\":\"0123456789abcdef\"", "", "missing_field", "app_remove will need it"},
    {APP_PSEUDONYMIZE, "\"app_use\"", "\"browse\"", "unknown_field", "a page visit has no app"},
    {APP_CLASSIFY, "\"app_use\"", "\"browse\"", "unknown_field", "a page visit has no token"},
    {APP_CLASSIFY, "[[243,2],[65535,1000]]", "[]", "field_value", "no interest"},
    {APP_CLASSIFY, "\"app_token\"", "\"preinstalled\":true,\"app_token\"", "unknown_field", "decided before"},
};

static void deviations_are_refused_for_their_own_reason(void **state)
{
    (void)state;
    struct fixture fixture;
    open_codec(&fixture, 3);
    for (unsigned i = 0; i < sizeof deviations / sizeof *deviations; i++) {
        unsigned base = deviations[i].golden;
        struct record record = {.interest_count = 12345};
        struct chain_input input = {
            .value = view_of_string(replaced(golden[base].value, deviations[i].from, deviations[i].to)),
            .origin = view_of_string(golden[base].origin),
        };
        struct verdict verdict = codec_read(fixture.codec, golden[base].hop, &input, &fixture.arena, &record);
        if (strcmp(reason_name(verdict), deviations[i].wanted) != 0)
            fail_msg("%s -> %s (%s): expected %s, got %s", deviations[i].from, deviations[i].to,
                     deviations[i].why, deviations[i].wanted, reason_name(verdict));
        if (verdict.kind == VERDICT_REJECT && strcmp(deviations[i].wanted, "programme_unknown") == 0)
            fail_msg("an unknown programme is intended, no dead letter");
        if (verdict.kind != VERDICT_PASS && record.interest_count != 12345)
            fail_msg("%s: the record was touched although it was refused", deviations[i].why);
    }
    close_codec(&fixture);
}

static void each_topic_refuses_the_records_of_the_others(void **state)
{
    (void)state;
    struct fixture fixture;
    open_codec(&fixture, 3);
    for (unsigned i = 0; i < GOLDEN; i++)
        for (enum hop hop = HOP_CONSENT_OUT; hop <= HOP_CLASSIFY_OUT; hop++) {
            struct record record;
            struct chain_input input = {.value = view_of_string(golden[i].value), .origin = VIEW("3:42")};
            struct verdict verdict = codec_read(fixture.codec, hop, &input, &fixture.arena, &record);
            assert_int_equal(verdict.kind, hop == golden[i].hop ? VERDICT_PASS : VERDICT_REJECT);
        }
    close_codec(&fixture);
}

static void programmes_travel_by_name(void **state)
{
    (void)state;
    struct fixture writer, reader;
    open_codec(&writer, 3);
    open_codec(&reader, 2);
    /* another order, and without `enhanced` */
    reader.programmes[0].name = (struct view)VIEW("sprint");
    reader.programmes[1].name = (struct view)VIEW("tmobile");
    struct record record = full_event(EVENT_BROWSE);
    struct output output = write_record(&writer, HOP_CONSENT_OUT, &record);
    struct chain_input input = input_of(&output);
    assert_int_equal(codec_read(reader.codec, HOP_CONSENT_OUT, &input, &reader.arena, &record).kind,
                     VERDICT_PASS);
    assert_int_equal(record.programmes, 0x2);

    record = full_event(EVENT_BROWSE);
    record.programmes = 0x4; /* enhanced alone */
    output = write_record(&writer, HOP_CONSENT_OUT, &record);
    input = input_of(&output);
    struct verdict verdict = codec_read(reader.codec, HOP_CONSENT_OUT, &input, &reader.arena, &record);
    assert_int_equal(verdict.kind, VERDICT_DROP);
    assert_int_equal(verdict.reason, EVENT_PROGRAMME_UNKNOWN);
    close_codec(&reader);
    close_codec(&writer);
}

static void origin_must_be_readable(void **state)
{
    (void)state;
    static const struct {
        struct view header;
        bool good;
        int32_t partition;
        int64_t offset;
        const char *why;
    } cases[] = {
        {VIEW("0:0"), true, 0, 0, "the first record"},
        {VIEW("2147483647:9223372036854775807"), true, INT32_MAX, INT64_MAX, "the largest numbers"},
        {VIEW("2147483648:0"), false, 0, 0, "one more partition"},
        {VIEW("0:9223372036854775808"), false, 0, 0, "one more offset"},
        {VIEW("0:99999999999999999999"), false, 0, 0, "twenty digits"},
        {VIEW_ABSENT, false, 0, 0, "no header"},
        {VIEW(""), false, 0, 0, "empty"},
        {VIEW("3"), false, 0, 0, "no colon"},
        {VIEW(":42"), false, 0, 0, "no partition"},
        {VIEW("3:"), false, 0, 0, "no offset"},
        {VIEW("-1:42"), false, 0, 0, "negative"},
        {VIEW("+3:42"), false, 0, 0, "a sign"},
        {VIEW("03:42"), false, 0, 0, "leading zero"},
        {VIEW("3:42 "), false, 0, 0, "a space"},
        {VIEW("3:42:1"), false, 0, 0, "another colon"},
        {VIEW("3:4\0"), false, 0, 0, "NUL"},
        {VIEW("0x3:42"), false, 0, 0, "hexadecimal"},
    };
    struct fixture fixture;
    open_codec(&fixture, 3);
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct record record = {0};
        struct chain_input input = {.value = view_of_string(golden[0].value), .origin = cases[i].header};
        struct verdict verdict = codec_read(fixture.codec, golden[0].hop, &input, &fixture.arena, &record);
        if (strcmp(reason_name(verdict), cases[i].good ? "pass" : "origin_malformed") != 0)
            fail_msg("%s: %s", cases[i].why, reason_name(verdict));
        if (cases[i].good) {
            assert_int_equal(record.origin.partition, cases[i].partition);
            assert_int_equal(record.origin.offset, cases[i].offset);
        }
    }
    close_codec(&fixture);
}

static void record_must_lie_under_its_own_key_in_its_partition(void **state)
{
    (void)state;
    static const struct {
        unsigned golden;
        struct view key; /* data NULL: the one that was written */
        bool null_key;
        int beside;
        int32_t partitions;
        const char *wanted;
        const char *why;
    } cases[] = {
        {0, VIEW_ABSENT, false, 0, 8, "pass", "identifier, its partition"},
        {0, VIEW_ABSENT, false, 1, 8, "wrong_partition", "identifier, the one beside it"},
        {0, VIEW("+12025550123"), false, 0, 8, "wrong_partition", "not canonical"},
        {0, VIEW_ABSENT, true, 0, 8, "wrong_partition", "null key"},
        {0, VIEW_ABSENT, true, 0, 0, "pass", "null key where there are no partitions"},
        {0, VIEW_ABSENT, false, 1, 0, "pass", "no partitions to check"},
        {0, VIEW("12025550124"), false, 0, 0, "wrong_partition", "another's key, no partitions to check"},
        {1, VIEW("EBESExQVFhcYGRobHB0eHw"), false, 0, 0, "wrong_partition", "the same behind pseudonymize"},
        {1, VIEW_ABSENT, false, 0, 8, "pass", "pseudonym, its partition"},
        {1, VIEW_ABSENT, false, 3, 8, "wrong_partition", "pseudonym, another partition"},
        {1, VIEW("EBESExQVFhcYGRobHB0eHw"), false, 0, 8, "wrong_partition", "the account's pseudonym"},
        {1, VIEW("12025550123"), false, 0, 8, "wrong_partition", "the identifier"},
        {2, VIEW_ABSENT, false, 0, 3, "pass", "behind classify"},
        {2, VIEW_ABSENT, false, 1, 3, "wrong_partition", "behind classify, the one beside it"},
    };
    struct fixture fixture;
    open_codec(&fixture, 3);
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned base = cases[i].golden;
        struct record record;
        struct chain_input input = {.value = view_of_string(golden[base].value),
                                    .origin = view_of_string(golden[base].origin),
                                    .partition_count = cases[i].partitions};
        struct view key = view_is_absent(cases[i].key) ? view_of_string(golden[base].key) : cases[i].key;
        if (!cases[i].null_key)
            input.key = key;
        input.partition = (partitioner_partition(EVENTS_PARTITIONER_MURMUR2, key, 8) + cases[i].beside) % 8;
        if (cases[i].partitions == 3)
            input.partition =
                (partitioner_partition(EVENTS_PARTITIONER_MURMUR2, key, 3) + cases[i].beside) % 3;
        struct verdict verdict = codec_read(fixture.codec, golden[base].hop, &input, &fixture.arena, &record);
        if (strcmp(reason_name(verdict), cases[i].wanted) != 0)
            fail_msg("%s: expected %s, got %s", cases[i].why, cases[i].wanted, reason_name(verdict));
    }
    close_codec(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deviations_are_refused_for_their_own_reason),
        cmocka_unit_test(each_topic_refuses_the_records_of_the_others),
        cmocka_unit_test(programmes_travel_by_name),
        cmocka_unit_test(origin_must_be_readable),
        cmocka_unit_test(record_must_lie_under_its_own_key_in_its_partition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
