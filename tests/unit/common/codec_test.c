#include "common/codec.h"

#include "common/event.h"
#include "common/partitioner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define NOON_MS INT64_C(1619438400000) /* 2021-04-26T12:00:00Z */

struct fixture {
    struct programme programmes[3];
    struct config config;
    struct arena startup, arena;
    struct codec *codec;
};

static void open_codec(struct fixture *fixture, unsigned programmes)
{
    struct error error = {0};
    *fixture = (struct fixture){
        .programmes = {{.name = VIEW("tmobile")}, {.name = VIEW("sprint")}, {.name = VIEW("enhanced")}}};
    fixture->config = (struct config){
        .programmes = {.items = fixture->programmes, .count = programmes, .set = true},
        .subscriber = {.kind = IDENTIFIER_E164},
        .input = {.events_partitioner = EVENTS_PARTITIONER_MURMUR2, .record_bytes_max = 64 * 1024},
    };
    assert_true(arena_init(&fixture->startup, 64 * 1024, 4 * 1024 * 1024, &error));
    assert_true(arena_init(&fixture->arena, 64 * 1024, 2 * 1024 * 1024, &error));
    assert_true(codec_new(&fixture->config, &fixture->startup, &fixture->codec, &error));
}

static void close_codec(struct fixture *fixture)
{
    codec_free(fixture->codec);
    arena_release(&fixture->arena);
    arena_release(&fixture->startup);
}

/* A subject with everything filled in, whatever the hop: the codec must choose. */
static struct subject subject_of(enum identifier_kind kind, const char *identifier, uint8_t first)
{
    struct subject subject = {.identifier_kind = kind,
                              .present = true,
                              .has_pseudonym = true,
                              .identifier = view_of_string(identifier)};
    for (unsigned i = 0; i < PSEUDONYM_SIZE; i++)
        subject.pseudonym.bytes[i] = (uint8_t)(first + i);
    return subject;
}

/* A record in which every field is set, also those that no hop may carry. */
static struct record full_event(enum event_type type)
{
    return (struct record){
        .kind = RECORD_EVENT,
        .origin = {3, 42},
        .timestamp_ms = NOON_MS + 1500,
        .subjects = {subject_of(IDENTIFIER_E164, "12025550123", 0x00),
                     subject_of(IDENTIFIER_OPAQUE, "acc-1", 0x10),
                     subject_of(IDENTIFIER_MAID, "abcdef01-2345-6789-abcd-ef0123456789", 0xF0)},
        .type = type,
        .time_ms = NOON_MS,
        .brand = VIEW("metro"),
        .region = VIEW("US-CA"),
        .plan = VIEW("consumer"),
        .birth_year = 1980,
        .url = VIEW("https://shop.example/cart?id=7"),
        .host = VIEW("shop.example"),
        .app = VIEW("com.example.shop"),
        .preinstalled = true,
        .signals = {GPC_FALSE, PRESENCE_PRESENT, PRESENCE_PRESENT, PRESENCE_PRESENT, VIEW("DBAA"), VIEW("7"),
                    VIEW("1YNN")},
        .programmes = 0x5, /* tmobile, enhanced */
        .app_token = 0x0123456789abcdefu,
        .interests = {{243, 2}, {65535, 1000}},
        .interest_count = 2,
        .rules_digest = 0xfedcba9876543210u,
    };
}

static struct output write_record(struct fixture *fixture, enum hop hop, const struct record *record)
{
    struct output output = {0};
    assert_true(codec_write(fixture->codec, hop, record, &fixture->arena, &output));
    return output;
}

static struct chain_input input_of(const struct output *output)
{
    assert_int_equal(output->header_count, 1);
    assert_string_equal(output->headers[0].name, "clickveil-origin");
    return (struct chain_input){
        .partition = 1,
        .offset = 1000,
        .timestamp_ms = NOON_MS + 60000,
        .key = output->key,
        .value = output->value,
        .origin = output->headers[0].value,
    };
}

/* ---- golden records ---- */

enum sample { PAGE, APP, SAMPLES };

static struct record sample_of(enum sample sample)
{
    return full_event(sample == PAGE ? EVENT_BROWSE : EVENT_APP_USE);
}

#define EVENT_HEAD(type) \
    "{\"v\":1,\"kind\":\"event\",\"type\":\"" type "\",\"time\":1619438400000,\"timestamp\":1619438401500,"
#define IDENTIFIERS                                         \
    "\"subscriber\":\"12025550123\",\"account\":\"acc-1\"," \
    "\"device\":{\"kind\":\"maid\",\"id\":\"abcdef01-2345-6789-abcd-ef0123456789\"},"
#define PSEUDONYMS                                                                                \
    "\"pseudonyms\":{\"line\":\"AAECAwQFBgcICQoLDA0ODw\",\"account\":\"EBESExQVFhcYGRobHB0eHw\"," \
    "\"device\":\"8PHy8_T19vf4-fr7_P3-_w\"},"
#define PROGRAMMES "\"programmes\":[\"tmobile\",\"enhanced\"],"

static const struct {
    enum sample sample;
    enum hop hop;
    enum topic_role topic;
    const char *key;
    const char *origin;
    const char *value;
} golden[] = {
    {PAGE, HOP_CONSENT_OUT, TOPIC_CONSENT_OUT, "12025550123", "3:42",
     EVENT_HEAD("browse") IDENTIFIERS PROGRAMMES
     "\"url\":\"https://shop.example/cart?id=7\",\"host\":\"shop.example\"}"},
    {PAGE, HOP_PSEUDONYMIZE_OUT, TOPIC_PSEUDONYMIZE_OUT, "AAECAwQFBgcICQoLDA0ODw", "3:42",
     EVENT_HEAD("browse") PSEUDONYMS PROGRAMMES "\"host\":\"shop.example\"}"},
    {PAGE, HOP_CLASSIFY_OUT, TOPIC_CLASSIFY_OUT, "AAECAwQFBgcICQoLDA0ODw", "3:42",
     EVENT_HEAD("browse") PSEUDONYMS PROGRAMMES
     "\"interests\":[[243,2],[65535,1000]],\"rules_digest\":\"fedcba9876543210\"}"},
    {APP, HOP_CONSENT_OUT, TOPIC_CONSENT_OUT, "12025550123", "3:42",
     EVENT_HEAD("app_use") IDENTIFIERS PROGRAMMES "\"app\":\"com.example.shop\",\"preinstalled\":true}"},
    {APP, HOP_PSEUDONYMIZE_OUT, TOPIC_PSEUDONYMIZE_OUT, "AAECAwQFBgcICQoLDA0ODw", "3:42",
     EVENT_HEAD("app_use") PSEUDONYMS PROGRAMMES
     "\"app\":\"com.example.shop\",\"app_token\":\"0123456789abcdef\"}"},
    {APP, HOP_CLASSIFY_OUT, TOPIC_CLASSIFY_OUT, "AAECAwQFBgcICQoLDA0ODw", "3:42",
     EVENT_HEAD("app_use") PSEUDONYMS PROGRAMMES
     "\"app_token\":\"0123456789abcdef\",\"interests\":[[243,2],[65535,1000]],"
     "\"rules_digest\":\"fedcba9876543210\"}"},
};
enum { GOLDEN = sizeof golden / sizeof *golden };

static void records_are_written_by_the_table_of_hops(void **state)
{
    (void)state;
    struct fixture fixture;
    open_codec(&fixture, 3);
    for (unsigned i = 0; i < GOLDEN; i++) {
        struct record record = sample_of(golden[i].sample);
        struct output output = write_record(&fixture, golden[i].hop, &record);
        if (!view_equal_string(output.value, golden[i].value))
            fail_msg("wrote %.*s\ninstead of %s", (int)output.value.size, output.value.data, golden[i].value);
        assert_int_equal(output.topic, golden[i].topic);
        assert_int_equal(output.partition, OUTPUT_PARTITION_BY_KEY);
        assert_int_equal(output.timestamp_ms, 0);
        assert_true(view_equal_string(output.key, golden[i].key));
        assert_int_equal(output.header_count, 1);
        assert_true(view_equal_string(output.headers[0].value, golden[i].origin));
    }
    close_codec(&fixture);
}

static void documentation_shows_what_is_written(void **state)
{
    (void)state;
    FILE *file = fopen("docs/formats.md", "r");
    assert_non_null(file);
    static char text[128 * 1024];
    size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    assert_true(size > 0 && size < sizeof text - 1);
    text[size] = '\0';
    for (unsigned i = 0; i < GOLDEN; i++)
        if (!strstr(text, golden[i].value))
            fail_msg("docs/formats.md lacks the example %s", golden[i].value);
    for (unsigned i = 0; i < event_reason_count; i++) {
        char line[512];
        snprintf(line, sizeof line, "\n| `%s` | %s |\n", event_reasons[i].name, event_reasons[i].help);
        if (!strstr(text, line))
            fail_msg("docs/formats.md lacks the line:%s", line);
    }
}

static void assert_subject(const struct subject *read, const struct subject *written, enum hop hop)
{
    assert_int_equal(read->present, written->present);
    if (!written->present)
        return;
    if (hop == HOP_CONSENT_OUT) {
        assert_true(view_equal(read->identifier, written->identifier));
        assert_int_equal(read->identifier_kind, written->identifier_kind);
        assert_false(read->has_pseudonym);
    } else {
        assert_true(view_is_absent(read->identifier));
        assert_true(read->has_pseudonym);
        assert_memory_equal(read->pseudonym.bytes, written->pseudonym.bytes, PSEUDONYM_SIZE);
    }
}

static void what_was_written_is_read_back(void **state)
{
    (void)state;
    struct fixture fixture;
    open_codec(&fixture, 3);
    for (unsigned i = 0; i < GOLDEN; i++) {
        struct record written = sample_of(golden[i].sample), read = {0};
        enum hop hop = golden[i].hop;
        struct output output = write_record(&fixture, hop, &written);
        struct chain_input input = input_of(&output);
        struct verdict verdict = codec_read(fixture.codec, hop, &input, &fixture.arena, &read);
        if (verdict.kind != VERDICT_PASS)
            fail_msg("refused as %s: %s", event_reasons[verdict.reason].name, golden[i].value);
        assert_int_equal(read.kind, written.kind);
        assert_int_equal(read.origin.partition, written.origin.partition);
        assert_int_equal(read.origin.offset, written.origin.offset);
        assert_int_equal(read.timestamp_ms, written.timestamp_ms); /* the input's, not that of this topic */
        assert_int_equal(read.time_ms, written.time_ms);
        assert_int_equal(read.programmes, written.programmes);
        for (unsigned kind = 0; kind < SUBJECT_KINDS; kind++)
            assert_subject(&read.subjects[kind], &written.subjects[kind], hop);
        /* what no hop carries is absent, not unreadable */
        assert_true(view_is_absent(read.brand) && view_is_absent(read.region) && view_is_absent(read.plan));
        assert_int_equal(read.birth_year, 0);
        assert_int_equal(read.signals.gpc, GPC_ABSENT);
        assert_int_equal(read.signals.gpp_presence, PRESENCE_ABSENT);
        assert_int_equal(read.signals.gpp_sid_presence, PRESENCE_ABSENT);
        assert_int_equal(read.signals.us_privacy_presence, PRESENCE_ABSENT);
        bool page = written.type == EVENT_BROWSE;
        assert_int_equal(read.type, written.type);
        assert_int_equal(!view_is_absent(read.url), page && hop == HOP_CONSENT_OUT);
        assert_int_equal(!view_is_absent(read.host), page && hop != HOP_CLASSIFY_OUT);
        assert_int_equal(!view_is_absent(read.app), !page && hop != HOP_CLASSIFY_OUT);
        assert_int_equal(read.preinstalled, !page && hop == HOP_CONSENT_OUT);
        assert_int_equal(read.app_token, !page && hop != HOP_CONSENT_OUT ? written.app_token : 0);
        assert_int_equal(read.interest_count, hop == HOP_CLASSIFY_OUT ? 2 : 0);
        assert_int_equal(read.rules_digest, hop == HOP_CLASSIFY_OUT ? written.rules_digest : 0);
        for (unsigned j = 0; j < read.interest_count; j++) {
            assert_int_equal(read.interests[j].taxonomy_id, written.interests[j].taxonomy_id);
            assert_int_equal(read.interests[j].weight, written.interests[j].weight);
        }
    }
    close_codec(&fixture);
}

/* Plant canaries in everything that must not travel, write at every hop, and look for them in every byte. */
static void nothing_that_a_hop_must_not_carry_is_written(void **state)
{
    (void)state;
    static const struct {
        const char *canary;
        enum hop last; /* the last hop that may carry it */
    } canaries[] = {
        {"12025550123", HOP_CONSENT_OUT},
        {"acc-1", HOP_CONSENT_OUT},
        {"abcdef01-2345", HOP_CONSENT_OUT},
        {"cart", HOP_CONSENT_OUT},
        {"shop.example", HOP_PSEUDONYMIZE_OUT},
        {"com.example.shop", HOP_PSEUDONYMIZE_OUT},
        {"metro", HOP_EVENTS},
        {"US-CA", HOP_EVENTS},
        {"consumer", HOP_EVENTS},
        {"1980", HOP_EVENTS},
        {"DBAA", HOP_EVENTS},
        {"1YNN", HOP_EVENTS},
    };
    struct fixture fixture;
    open_codec(&fixture, 3);
    for (unsigned sample = PAGE; sample <= APP; sample++)
        for (enum hop hop = HOP_CONSENT_OUT; hop <= HOP_CLASSIFY_OUT; hop++) {
            struct record record = sample_of((enum sample)sample);
            struct output output = write_record(&fixture, hop, &record);
            for (unsigned i = 0; i < sizeof canaries / sizeof *canaries; i++) {
                bool found =
                    memmem(output.value.data, output.value.size, canaries[i].canary,
                           strlen(canaries[i].canary)) ||
                    memmem(output.key.data, output.key.size, canaries[i].canary, strlen(canaries[i].canary));
                if (found && hop > canaries[i].last)
                    fail_msg("%s is in hop %d", canaries[i].canary, (int)hop);
            }
        }
    close_codec(&fixture);
}

static void optional_parts_are_left_out(void **state)
{
    (void)state;
    struct fixture fixture;
    open_codec(&fixture, 3);
    struct record record = full_event(EVENT_APP_REMOVE);
    record.subjects[SUBJECT_ACCOUNT] = (struct subject){0};
    record.subjects[SUBJECT_DEVICE].present = false; /* limit-ad-tracking */
    record.preinstalled = false;
    record.interest_count = 0;
    struct output output = write_record(&fixture, HOP_CONSENT_OUT, &record);
    assert_true(view_equal_string(output.value,
                                  EVENT_HEAD("app_remove") "\"subscriber\":\"12025550123\"," PROGRAMMES
                                                           "\"app\":\"com.example.shop\"}"));
    output = write_record(&fixture, HOP_CLASSIFY_OUT, &record);
    assert_true(view_equal_string(
        output.value,
        EVENT_HEAD("app_remove") "\"pseudonyms\":{\"line\":\"AAECAwQFBgcICQoLDA0ODw\"}," PROGRAMMES
                                 "\"app_token\":\"0123456789abcdef\",\"interests\":[],"
                                 "\"rules_digest\":\"fedcba9876543210\"}"));
    struct chain_input input = input_of(&output);
    assert_int_equal(codec_read(fixture.codec, HOP_CLASSIFY_OUT, &input, &fixture.arena, &record).kind,
                     VERDICT_PASS);
    close_codec(&fixture);
}

static void awkward_texts_survive(void **state)
{
    (void)state;
    struct fixture fixture;
    open_codec(&fixture, 3);
    static char url[60 * 1024];
    memset(url, '"', sizeof url);
    struct record record = full_event(EVENT_BROWSE), read = {0};
    record.subjects[SUBJECT_ACCOUNT].identifier = (struct view)VIEW("K\xC3\xB6nig \"7\" \\ 8");
    record.url = (struct view){url, 32 * 1024}; /* escaped it is twice as long, just within the bound */
    record.host = VIEW_ABSENT;
    struct output output = write_record(&fixture, HOP_CONSENT_OUT, &record);
    struct chain_input input = input_of(&output);
    assert_int_equal(codec_read(fixture.codec, HOP_CONSENT_OUT, &input, &fixture.arena, &read).kind,
                     VERDICT_PASS);
    assert_true(view_equal(read.url, record.url));
    assert_true(view_is_absent(read.host));
    assert_true(
        view_equal(read.subjects[SUBJECT_ACCOUNT].identifier, record.subjects[SUBJECT_ACCOUNT].identifier));
    record.url.size = sizeof url;
    output = write_record(&fixture, HOP_CONSENT_OUT, &record);
    input = input_of(&output);
    struct verdict verdict = codec_read(fixture.codec, HOP_CONSENT_OUT, &input, &fixture.arena, &read);
    assert_int_equal(verdict.kind, VERDICT_REJECT);
    assert_int_equal(verdict.reason, EVENT_TOO_LARGE);
    close_codec(&fixture);
}

/* ---- strict reading ---- */

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

static void deviations_are_refused_for_their_own_reason(void **state)
{
    (void)state;
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
    } cases[] = {
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
        {PAGE_PSEUDONYMIZE, "\"line\":\"AAECAwQFBgcICQoLDA0ODw\",", "", "missing_field",
         "an event has its line"},
        {PAGE_PSEUDONYMIZE, "AAECAwQFBgcICQoLDA0ODw", "AAECAwQFBgcICQoLDA0OD", "field_value",
         "21 characters"},
        {PAGE_PSEUDONYMIZE, "AAECAwQFBgcICQoLDA0ODw", "AAECAwQFBgcICQoLDA0ODwA", "field_value",
         "23 characters"},
        {PAGE_PSEUDONYMIZE, "AAECAwQFBgcICQoLDA0ODw", "AAECAwQFBgcICQoLDA0ODx", "field_value",
         "bits left over"},
        {PAGE_PSEUDONYMIZE, "8PHy8_T19vf4-fr7_P3-_w", "8PHy8/T19vf4+fr7/P3+/w", "field_value",
         "not the URL alphabet"},
        {PAGE_PSEUDONYMIZE, "EBESExQVFhcYGRobHB0eHw", "EBESExQVFhcYGRobHB0e==", "field_value", "padding"},
        {PAGE_PSEUDONYMIZE, "\"EBESExQVFhcYGRobHB0eHw\"", "16", "field_type", "a number"},
        {PAGE_PSEUDONYMIZE, "\"device\":", "\"person\":", "unknown_field", "inside pseudonyms"},
        {PAGE_PSEUDONYMIZE, "\"host\"", "\"interests\":[],\"host\"", "unknown_field", "too early"},
        {PAGE_PSEUDONYMIZE, "\"host\"", "\"app_token\":\"0123456789abcdef\",\"host\"", "unknown_field",
         "no app"},

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
        {APP_PSEUDONYMIZE, ",\"app_token\":\"0123456789abcdef\"", "", "missing_field",
         "app_remove will need it"},
        {APP_PSEUDONYMIZE, "\"app_use\"", "\"browse\"", "unknown_field", "a page visit has no app"},
        {APP_CLASSIFY, "\"app_use\"", "\"browse\"", "unknown_field", "a page visit has no token"},
        {APP_CLASSIFY, "[[243,2],[65535,1000]]", "[]", "field_value", "no interest"},
        {APP_CLASSIFY, "\"app_token\"", "\"preinstalled\":true,\"app_token\"", "unknown_field",
         "decided before"},
    };
    struct fixture fixture;
    open_codec(&fixture, 3);
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned base = cases[i].golden;
        struct record record = {.interest_count = 12345};
        struct chain_input input = {
            .value = view_of_string(replaced(golden[base].value, cases[i].from, cases[i].to)),
            .origin = view_of_string(golden[base].origin),
        };
        struct verdict verdict = codec_read(fixture.codec, golden[base].hop, &input, &fixture.arena, &record);
        if (strcmp(reason_name(verdict), cases[i].wanted) != 0)
            fail_msg("%s -> %s (%s): expected %s, got %s", cases[i].from, cases[i].to, cases[i].why,
                     cases[i].wanted, reason_name(verdict));
        if (verdict.kind == VERDICT_REJECT && strcmp(cases[i].wanted, "programme_unknown") == 0)
            fail_msg("an unknown programme is intended, no dead letter");
        if (verdict.kind != VERDICT_PASS && record.interest_count != 12345)
            fail_msg("%s: the record was touched although it was refused", cases[i].why);
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

/* ---- memory ---- */

static void full_arena_is_said_not_guessed(void **state)
{
    (void)state;
    struct fixture fixture;
    open_codec(&fixture, 3);
    struct arena small;
    struct error error = {0};
    struct record record = full_event(EVENT_BROWSE);
    unsigned refused = 0, written = 0;
    /* take more and more away beforehand, so that each of the pieces is the one that does not fit */
    for (size_t taken = 0; taken < 4096; taken += 16) {
        struct output output = {.feed = 77};
        assert_true(arena_init(&small, 4096, 4096, &error));
        assert_non_null(arena_take(&small, taken));
        if (codec_write(fixture.codec, HOP_CONSENT_OUT, &record, &small, &output)) {
            written++;
            assert_int_equal(output.topic, TOPIC_CONSENT_OUT);
        } else {
            refused++;
            assert_int_equal(output.feed, 77);
        }
        arena_release(&small);
    }
    assert_true(refused > 0 && written > 0);

    while (arena_take(&fixture.arena, 4096))
        ;
    while (arena_take(&fixture.arena, 1))
        ;
    struct chain_input input = {.value = view_of_string(golden[0].value), .origin = VIEW("3:42")};
    assert_int_equal(codec_read(fixture.codec, golden[0].hop, &input, &fixture.arena, &record).kind,
                     VERDICT_STOP);
    close_codec(&fixture);
}

/* ---- our own bugs end the process, and nothing is written ---- */

static void assert_bug(void (*spoil)(struct record *record), enum hop hop)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct fixture fixture;
        struct record record = full_event(EVENT_BROWSE);
        struct output output;
        (void)!freopen("/dev/null", "w", stderr);
        open_codec(&fixture, 3);
        spoil(&record);
        _exit(codec_write(fixture.codec, hop, &record, &fixture.arena, &output) ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), EXIT_STATUS_BUG);
}

static void of_no_kind(struct record *record)
{
    record->kind = RECORD_UNKNOWN;
}

static void of_no_type(struct record *record)
{
    record->type = EVENT_UNKNOWN;
}

static void for_no_programme(struct record *record)
{
    record->programmes = 0;
}

static void without_line(struct record *record)
{
    record->subjects[SUBJECT_LINE].present = false;
}

static void without_pseudonym(struct record *record)
{
    record->subjects[SUBJECT_LINE].has_pseudonym = false;
}

static void without_pseudonym_of_account(struct record *record)
{
    record->subjects[SUBJECT_ACCOUNT].has_pseudonym = false;
}

static void nothing(struct record *record)
{
    (void)record;
}

static void unfit_records_are_never_written(void **state)
{
    (void)state;
    assert_bug(of_no_kind, HOP_CONSENT_OUT);
    assert_bug(of_no_type, HOP_CONSENT_OUT);
    assert_bug(for_no_programme, HOP_CONSENT_OUT);
    assert_bug(without_line, HOP_CONSENT_OUT);
    assert_bug(without_pseudonym, HOP_PSEUDONYMIZE_OUT);
    assert_bug(without_pseudonym_of_account, HOP_CLASSIFY_OUT);
    assert_bug(nothing, HOP_UNKNOWN);
    assert_bug(nothing, HOP_EVENTS);
    assert_bug(nothing, HOP_FEED);
    assert_bug(nothing, HOPS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_written_by_the_table_of_hops),
        cmocka_unit_test(documentation_shows_what_is_written),
        cmocka_unit_test(what_was_written_is_read_back),
        cmocka_unit_test(nothing_that_a_hop_must_not_carry_is_written),
        cmocka_unit_test(optional_parts_are_left_out),
        cmocka_unit_test(awkward_texts_survive),
        cmocka_unit_test(deviations_are_refused_for_their_own_reason),
        cmocka_unit_test(each_topic_refuses_the_records_of_the_others),
        cmocka_unit_test(programmes_travel_by_name),
        cmocka_unit_test(origin_must_be_readable),
        cmocka_unit_test(record_must_lie_under_its_own_key_in_its_partition),
        cmocka_unit_test(full_arena_is_said_not_guessed),
        cmocka_unit_test(unfit_records_are_never_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
