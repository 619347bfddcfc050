#include "common/feed_contract.h"

#include "common/feed_state.h"
#include "stages/publish/feed_value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define ID      "CanXKwBP87pKcg66-Tr5PA"
#define SEGMENT "{\"id\":\"368\"},{\"id\":\"422\"}"

enum { PARTITIONS = 4, ID_PARTITION = 2 };

/* The parts of a value, so that each row below changes one. */
#define EID_OF(source, inserter, id, atype) \
    "{\"source\":" source ",\"inserter\":" inserter ",\"uids\":[{\"id\":" id ",\"atype\":" atype "}]}"
#define EID                      EID_OF("\"ads.example\"", "\"ads.example\"", "\"" ID "\"", "3")
#define DATA_OF(name, list, tax) "{\"name\":" name ",\"segment\":" list ",\"ext\":{\"segtax\":" tax "}}"
#define DATA                     DATA_OF("\"ads.example\"", "[" SEGMENT "]", "4")
#define EXT                      "{\"epoch\":2968,\"expires\":\"2026-11-28T00:00:00Z\"}"
#define VALUE_OF(v, eids, data, ext) \
    "{\"v\":" v ",\"user\":{\"eids\":" eids ",\"data\":" data "},\"ext\":" ext "}"
#define VALUE          VALUE_OF("1", "[" EID "]", "[" DATA "]", EXT)
#define SEGMENTS(list) VALUE_OF("1", "[" EID "]", "[" DATA_OF("\"ads.example\"", list, "4") "]", EXT)

static bool judge(const char *key, const char *value, struct feed_contract_value *out_value,
                  enum feed_contract_reason *out_reason)
{
    struct feed_contract_record record = {.key = view_of_string(key), .value = view_of_string(value)};
    return feed_contract_read(&record, out_value, out_reason);
}

static void a_value_of_the_contract_is_read(void **state)
{
    (void)state;
    struct feed_contract_value value;
    enum feed_contract_reason reason;
    assert_true(judge(ID, VALUE, &value, &reason));
    assert_false(value.tombstone);
    assert_int_equal(value.atype, 3);
    assert_int_equal(value.epoch, 2968);
    assert_int_equal(value.expires_ms, 1795824000000);
    assert_int_equal(value.interest_count, 2);
    assert_int_equal(value.interests[0], 368);
    assert_int_equal(value.interests[1], 422);
    assert_int_equal(value.id[0], 0x09);
}

static void a_null_value_is_a_tombstone(void **state)
{
    (void)state;
    struct feed_contract_value value;
    enum feed_contract_reason reason;
    assert_true(judge(ID, NULL, &value, &reason));
    assert_true(value.tombstone);
}

static void what_keeps_the_contract_is_valid(void **state)
{
    static const struct {
        const char *value, *why;
    } rows[] = {
        {VALUE, "the example"},
        {VALUE_OF("1", "[" EID_OF("\"ads.example\"", "\"ads.example\"", "\"" ID "\"", "1") "]", "[" DATA "]",
                  EXT),
         "an ID of a device"},
        {SEGMENTS("[{\"id\":\"207\"}]"), "the first interest"},
        {SEGMENTS("[{\"id\":\"751\"}]"), "the last interest"},
        {SEGMENTS(
             "[{\"id\":\"207\"},{\"id\":\"208\"},{\"id\":\"209\"},{\"id\":\"210\"},{\"id\":\"211\"},{\"id\":"
             "\"212\"},{\"id\":\"213\"},{\"id\":\"214\"}]"),
         "eight"},
        {VALUE_OF("1", "[" EID "]", "[" DATA "]", "{\"expires\":\"2026-11-28T00:00:00Z\",\"epoch\":-1}"),
         "another order of members; epochs before the origin"},
        {" " VALUE "\n", "white space"},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct feed_contract_value value;
        enum feed_contract_reason reason;
        if (!judge(ID, rows[i].value, &value, &reason))
            fail_msg("%s: %s", rows[i].why, feed_contract_reasons[reason].name);
    }
}

static void what_does_not_has_its_reason(void **state)
{
    static const struct {
        const char *value;
        enum feed_contract_reason reason;
        const char *why;
    } rows[] = {
        {"", FEED_CONTRACT_NOT_JSON, "empty"},
        {"[]", FEED_CONTRACT_NOT_JSON, "no object"},
        {VALUE VALUE, FEED_CONTRACT_NOT_JSON, "two objects"},
        {"{\"v\":1,", FEED_CONTRACT_NOT_JSON, "truncated"},
        {"{}", FEED_CONTRACT_MEMBER_MISSING, "nothing in it"},
        {"{\"v\":1,\"user\":{\"eids\":[" EID "],\"data\":[" DATA "]}}", FEED_CONTRACT_MEMBER_MISSING,
         "no ext"},
        {"{\"v\":1,\"v\":1,\"user\":{\"eids\":[" EID "],\"data\":[" DATA "]},\"ext\":" EXT "}",
         FEED_CONTRACT_MEMBER_UNKNOWN, "a member twice"},
        {"{\"v\":1,\"brand\":\"x\",\"user\":{\"eids\":[" EID "],\"data\":[" DATA "]},\"ext\":" EXT "}",
         FEED_CONTRACT_MEMBER_UNKNOWN, "a member too many in the root"},
        {"{\"v\":1,\"user\":{\"id\":\"x\",\"eids\":[" EID "],\"data\":[" DATA "]},\"ext\":" EXT "}",
         FEED_CONTRACT_MEMBER_UNKNOWN, "user.id"},
        {"{\"v\":1,\"user\":{\"buyeruid\":\"x\",\"eids\":[" EID "],\"data\":[" DATA "]},\"ext\":" EXT "}",
         FEED_CONTRACT_MEMBER_UNKNOWN, "user.buyeruid"},
        {VALUE_OF("2", "[" EID "]", "[" DATA "]", EXT), FEED_CONTRACT_WRONG_VERSION, "another version"},
        {VALUE_OF("1.0", "[" EID "]", "[" DATA "]", EXT), FEED_CONTRACT_WRONG_VERSION, "not an integer"},
        {VALUE_OF("\"1\"", "[" EID "]", "[" DATA "]", EXT), FEED_CONTRACT_WRONG_VERSION, "text"},
        {VALUE_OF("1", "[]", "[" DATA "]", EXT), FEED_CONTRACT_ONE, "no eid"},
        {VALUE_OF("1", "[" EID "," EID "]", "[" DATA "]", EXT), FEED_CONTRACT_ONE, "two eids"},
        {VALUE_OF("1", "[" EID "]", "[" DATA "," DATA "]", EXT), FEED_CONTRACT_ONE, "two data"},
        {VALUE_OF("1", EID, "[" DATA "]", EXT), FEED_CONTRACT_MEMBER_MISSING, "eids is no array"},
        {VALUE_OF("1", "[3]", "[" DATA "]", EXT), FEED_CONTRACT_MEMBER_MISSING, "an eid is no object"},
        {VALUE_OF("1", "[" EID_OF("\"ads.example\"", "\"other.example\"", "\"" ID "\"", "3") "]",
                  "[" DATA "]", EXT),
         FEED_CONTRACT_PROVIDER, "inserted by another"},
        {VALUE_OF("1", "[" EID_OF("\"ads\"", "\"ads\"", "\"" ID "\"", "3") "]", "[" DATA "]", EXT),
         FEED_CONTRACT_PROVIDER, "no domain"},
        {VALUE_OF("1", "[" EID "]", "[" DATA_OF("\"other.example\"", "[" SEGMENT "]", "4") "]", EXT),
         FEED_CONTRACT_PROVIDER, "data of another"},
        {VALUE_OF("1", "[" EID_OF("null", "null", "\"" ID "\"", "3") "]", "[" DATA "]", EXT),
         FEED_CONTRACT_PROVIDER, "null"},
        {VALUE_OF("1",
                  "[" EID_OF("\"ads.example\"", "\"ads.example\"", "\"RTvCuBuQbaNgiRWrj5wgyw\"", "3") "]",
                  "[" DATA "]", EXT),
         FEED_CONTRACT_ID, "another ID than the key"},
        {VALUE_OF("1", "[" EID_OF("\"ads.example\"", "\"ads.example\"", "\"" ID "\"", "2") "]", "[" DATA "]",
                  EXT),
         FEED_CONTRACT_ATYPE, "an atype that is not ours"},
        {VALUE_OF("1", "[" EID_OF("\"ads.example\"", "\"ads.example\"", "\"" ID "\"", "\"3\"") "]",
                  "[" DATA "]", EXT),
         FEED_CONTRACT_ATYPE, "text"},
        {VALUE_OF("1", "[" EID "]", "[" DATA_OF("\"ads.example\"", "[" SEGMENT "]", "7") "]", EXT),
         FEED_CONTRACT_WRONG_SEGTAX, "the content taxonomy"},
        {SEGMENTS("[]"), FEED_CONTRACT_SEGMENT_COUNT, "none: that is a tombstone"},
        {SEGMENTS(
             "[{\"id\":\"207\"},{\"id\":\"208\"},{\"id\":\"209\"},{\"id\":\"210\"},{\"id\":\"211\"},{\"id\":"
             "\"212\"},{\"id\":\"213\"},{\"id\":\"214\"},{\"id\":\"215\"}]"),
         FEED_CONTRACT_SEGMENT_COUNT, "nine"},
        {SEGMENTS("[{\"id\":\"206\"}]"), FEED_CONTRACT_SEGMENT_UNKNOWN, "the root Interest"},
        {SEGMENTS("[{\"id\":\"3\"}]"), FEED_CONTRACT_SEGMENT_UNKNOWN, "Demographic"},
        {SEGMENTS("[{\"id\":\"752\"}]"), FEED_CONTRACT_SEGMENT_UNKNOWN, "one past the last"},
        {SEGMENTS("[{\"id\":\"1000\"}]"), FEED_CONTRACT_SEGMENT_UNKNOWN, "Purchase Intent"},
        {SEGMENTS("[{\"id\":\"349\"}]"), FEED_CONTRACT_SEGMENT_UNKNOWN, "a number that no row has"},
        {SEGMENTS("[{\"id\":\"0368\"}]"), FEED_CONTRACT_SEGMENT_UNKNOWN, "a leading zero"},
        {SEGMENTS("[{\"id\":\"65904\"}]"), FEED_CONTRACT_SEGMENT_UNKNOWN, "368 beyond 16 bits"},
        {SEGMENTS("[{\"id\":\"\"}]"), FEED_CONTRACT_SEGMENT_UNKNOWN, "empty"},
        {SEGMENTS("[{\"id\":368}]"), FEED_CONTRACT_SEGMENT_UNKNOWN, "a number"},
        {SEGMENTS("[{\"id\":\"368\",\"name\":\"x\"}]"), FEED_CONTRACT_MEMBER_UNKNOWN, "a name"},
        {SEGMENTS("[{\"id\":\"422\"},{\"id\":\"368\"}]"), FEED_CONTRACT_SEGMENT_ORDER, "not sorted"},
        {SEGMENTS("[{\"id\":\"368\"},{\"id\":\"368\"}]"), FEED_CONTRACT_SEGMENT_ORDER, "twice"},
        {VALUE_OF("1", "[" EID "]", "[" DATA "]",
                  "{\"epoch\":2968,\"expires\":\"2026-11-28T00:00:00Z\",\"trial\":true}"),
         FEED_CONTRACT_TRIAL, "a trial"},
        {VALUE_OF("1", "[" EID "]", "[" DATA "]",
                  "{\"epoch\":2968,\"expires\":\"2026-11-28T00:00:00Z\",\"trial\":false}"),
         FEED_CONTRACT_TRIAL, "trial is never there"},
        {VALUE_OF("1", "[" EID "]", "[" DATA "]",
                  "{\"epoch\":2968,\"expires\":\"2026-11-28T00:00:00Z\",\"digest\":\"x\"}"),
         FEED_CONTRACT_MEMBER_UNKNOWN, "a digest would narrow people"},
        {VALUE_OF("1", "[" EID "]", "[" DATA "]", "{\"epoch\":1.5,\"expires\":\"2026-11-28T00:00:00Z\"}"),
         FEED_CONTRACT_EPOCH, "half an epoch"},
        {VALUE_OF("1", "[" EID "]", "[" DATA "]",
                  "{\"epoch\":2147483648,\"expires\":\"2026-11-28T00:00:00Z\"}"),
         FEED_CONTRACT_EPOCH, "beyond 32 bits"},
        {VALUE_OF("1", "[" EID "]", "[" DATA "]",
                  "{\"epoch\":2968,\"expires\":\"2026-11-28T00:00:00+00:00\"}"),
         FEED_CONTRACT_EXPIRES, "another zone"},
        {VALUE_OF("1", "[" EID "]", "[" DATA "]", "{\"epoch\":2968,\"expires\":\"2026-11-31T00:00:00Z\"}"),
         FEED_CONTRACT_EXPIRES, "a day that November does not have"},
        {VALUE_OF("1", "[" EID "]", "[" DATA "]", "{\"epoch\":2968,\"expires\":1795824000000}"),
         FEED_CONTRACT_EXPIRES, "a number"},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct feed_contract_value value;
        enum feed_contract_reason reason;
        if (judge(ID, rows[i].value, &value, &reason))
            fail_msg("%s is taken", rows[i].why);
        if (reason != rows[i].reason)
            fail_msg("%s: %s", rows[i].why, feed_contract_reasons[reason].name);
    }
}

static void a_key_is_an_id(void **state)
{
    static const struct {
        const char *key, *why;
    } rows[] = {
        {NULL, "null"},
        {"", "empty"},
        {"CanXKwBP87pKcg66-Tr5P", "21 characters"},
        {"CanXKwBP87pKcg66-Tr5PAA", "23 characters"},
        {"CanXKwBP87pKcg66+Tr5PA", "the other base64"},
        {"CanXKwBP87pKcg66-Tr5PB", "bits behind the 16 bytes"},
        {"CanXKwBP87pKcg66-Tr5P=", "padding"},
        {"CanXKwBP87pKcg66 Tr5PA", "a space"},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct feed_contract_value value;
        enum feed_contract_reason reason;
        if (judge(rows[i].key, NULL, &value, &reason) || reason != FEED_CONTRACT_KEY)
            fail_msg("%s", rows[i].why);
    }
}

static void what_surrounds_a_value_counts_too(void **state)
{
    static char large[FEED_CONTRACT_VALUE_SIZE_MAX + 2];
    static const struct {
        int32_t partition;
        int64_t timestamp_ms;
        unsigned headers;
        bool valid;
        enum feed_contract_reason reason;
        const char *why;
    } rows[] = {
        {ID_PARTITION, 1795823999999, 0, true, 0, "the last moment of its life"},
        {ID_PARTITION, 1795824000000, 0, false, FEED_CONTRACT_EXPIRED, "its life is over"},
        {ID_PARTITION + 1, 1, 0, false, FEED_CONTRACT_PARTITION, "not where murmur2 puts it"},
        {ID_PARTITION, 1, 1, false, FEED_CONTRACT_HEADERS, "headers could tell of the input"},
    };
    (void)state;
    struct feed_contract_value value;
    enum feed_contract_reason reason = 0;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct feed_contract_record record = {.key = VIEW(ID),
                                              .value = VIEW(VALUE),
                                              .partition = rows[i].partition,
                                              .partitions = PARTITIONS,
                                              .timestamp_ms = rows[i].timestamp_ms,
                                              .headers = rows[i].headers};
        bool valid = feed_contract_read(&record, &value, &reason);
        if (valid != rows[i].valid || (!valid && reason != rows[i].reason))
            fail_msg("%s", rows[i].why);
    }
    memset(large, ' ', sizeof large);
    memcpy(large, VALUE, sizeof VALUE - 1);
    struct feed_contract_record record = {.key = VIEW(ID), .value = {large, FEED_CONTRACT_VALUE_SIZE_MAX}};
    assert_true(feed_contract_read(&record, &value, &reason));
    record.value.size++;
    assert_false(feed_contract_read(&record, &value, &reason));
    assert_int_equal(reason, FEED_CONTRACT_TOO_LARGE);
}

static void the_encoder_keeps_it(void **state)
{
    (void)state;
    struct error error = {0};
    struct arena arena = {0};
    assert_true(arena_init(&arena, 1 << 16, 1 << 20, &error));
    struct feed_value written = {
        .id = VIEW(ID),
        .subject = FEED_SUBJECT_DEVICE,
        .provider = VIEW("ads.example"),
        .interests = {.ids = {422, 207, 751}, .count = 3},
        .epoch = 2968,
        .expires_ms = 1795824000000,
    };
    struct view text;
    assert_true(feed_value_write(&written, &arena, &text));
    struct feed_contract_record record = {.key = VIEW(ID), .value = text};
    struct feed_contract_value value;
    enum feed_contract_reason reason;
    assert_true(feed_contract_read(&record, &value, &reason));
    assert_int_equal(value.atype, 1);
    assert_int_equal(value.interest_count, 3);
    assert_int_equal(value.interests[0], 207);
    assert_int_equal(value.expires_ms, written.expires_ms);
    written.trial = true;
    assert_true(feed_value_write(&written, &arena, &record.value));
    assert_false(feed_contract_read(&record, &value, &reason));
    assert_int_equal(reason, FEED_CONTRACT_TRIAL);
    arena_release(&arena);
}

static void every_reason_says_what_it_means(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FEED_CONTRACT_REASONS; i++) {
        assert_non_null(feed_contract_reasons[i].name);
        assert_non_null(feed_contract_reasons[i].help);
        for (unsigned j = 0; j < i; j++)
            assert_string_not_equal(feed_contract_reasons[i].name, feed_contract_reasons[j].name);
    }
}

/* ---- the state of a feed ---- */

static struct feed_contract_value value_of(uint32_t id, int32_t epoch, uint16_t interest)
{
    struct feed_contract_value value = {.atype = 3,
                                        .epoch = epoch,
                                        .expires_ms = epoch * INT64_C(1000),
                                        .interests = {interest},
                                        .interest_count = 1};
    memcpy(value.id, &id, sizeof id);
    return value;
}

static enum feed_state_result take(struct feed_state *feed, struct feed_contract_value value,
                                   enum feed_contract_reason *out_reason)
{
    struct error error = {0};
    return feed_state_take(feed, &value, out_reason, &error);
}

static void count(void *context, const struct feed_contract_value *value)
{
    unsigned *sums = context;
    sums[0]++;
    sums[1] += value->interests[0];
}

static void assert_live(const struct feed_state *feed, unsigned ids, unsigned interests)
{
    unsigned sums[2] = {0, 0};
    feed_state_visit(feed, count, sums);
    assert_int_equal(sums[0], ids);
    assert_int_equal(sums[1], interests);
}

static void the_last_value_of_an_id_counts(void **state)
{
    (void)state;
    struct error error = {0};
    enum feed_contract_reason reason;
    struct feed_state *feed = feed_state_new(&error);
    assert_live(feed, 0, 0);
    assert_int_equal(take(feed, value_of(1, 5, 300), &reason), FEED_STATE_TAKEN);
    assert_int_equal(take(feed, value_of(1, 5, 301), &reason), FEED_STATE_TAKEN);
    assert_int_equal(take(feed, value_of(2, 6, 400), &reason), FEED_STATE_TAKEN);
    assert_live(feed, 2, 701);
    feed_state_free(feed);
}

static void a_tombstone_ends_an_id(void **state)
{
    (void)state;
    struct error error = {0};
    enum feed_contract_reason reason;
    struct feed_state *feed = feed_state_new(&error);
    struct feed_contract_value tombstone = value_of(1, 0, 0);
    tombstone.tombstone = true;
    assert_int_equal(take(feed, tombstone, &reason), FEED_STATE_TAKEN); /* of an ID that compaction removed */
    assert_live(feed, 0, 0);
    assert_int_equal(take(feed, value_of(1, 5, 300), &reason), FEED_STATE_TAKEN);
    assert_int_equal(take(feed, tombstone, &reason), FEED_STATE_TAKEN);
    assert_live(feed, 0, 0);
    assert_int_equal(take(feed, value_of(1, 5, 302), &reason), FEED_STATE_TAKEN); /* interests came back */
    assert_live(feed, 1, 302);
    feed_state_free(feed);
}

static void an_id_belongs_to_one_epoch(void **state)
{
    (void)state;
    struct error error = {0};
    enum feed_contract_reason reason;
    struct feed_state *feed = feed_state_new(&error);
    struct feed_contract_value tombstone = value_of(1, 0, 0), device = value_of(2, 5, 300);
    tombstone.tombstone = true;
    assert_int_equal(take(feed, value_of(1, 5, 300), &reason), FEED_STATE_TAKEN);
    assert_int_equal(take(feed, tombstone, &reason), FEED_STATE_TAKEN);
    assert_int_equal(take(feed, value_of(1, 6, 300), &reason), FEED_STATE_INVALID);
    assert_int_equal(reason, FEED_CONTRACT_ID_CHANGED);
    assert_live(feed, 0, 0);
    assert_int_equal(take(feed, value_of(2, 5, 300), &reason), FEED_STATE_TAKEN);
    device.atype = 1;
    assert_int_equal(take(feed, device, &reason), FEED_STATE_INVALID);
    assert_live(feed, 0, 0);
    feed_state_free(feed);
}

static void an_id_whose_last_record_is_invalid_is_not_live(void **state)
{
    (void)state;
    struct error error = {0};
    enum feed_contract_reason reason;
    struct feed_state *feed = feed_state_new(&error);
    struct feed_contract_value value = value_of(1, 5, 300), unknown = value_of(9, 5, 300);
    assert_int_equal(take(feed, value, &reason), FEED_STATE_TAKEN);
    feed_state_drop(feed, value.id);
    feed_state_drop(feed, unknown.id);
    assert_live(feed, 0, 0);
    feed_state_free(feed);
}

static void many_ids_are_kept_apart(void **state)
{
    (void)state;
    enum { MANY = 5000 };
    struct error error = {0};
    enum feed_contract_reason reason;
    struct feed_state *feed = feed_state_new(&error);
    for (uint32_t i = 0; i < MANY; i++)
        assert_int_equal(take(feed, value_of(i * 4096, 5, 1), &reason), FEED_STATE_TAKEN); /* same low bits */
    for (uint32_t i = 0; i < MANY; i++)
        assert_int_equal(take(feed, value_of(i * 4096, 5, 2), &reason), FEED_STATE_TAKEN);
    assert_live(feed, MANY, 2 * MANY);
    feed_state_free(feed);
    feed_state_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_of_the_contract_is_read),
        cmocka_unit_test(a_null_value_is_a_tombstone),
        cmocka_unit_test(what_keeps_the_contract_is_valid),
        cmocka_unit_test(what_does_not_has_its_reason),
        cmocka_unit_test(a_key_is_an_id),
        cmocka_unit_test(what_surrounds_a_value_counts_too),
        cmocka_unit_test(the_encoder_keeps_it),
        cmocka_unit_test(every_reason_says_what_it_means),
        cmocka_unit_test(the_last_value_of_an_id_counts),
        cmocka_unit_test(a_tombstone_ends_an_id),
        cmocka_unit_test(an_id_belongs_to_one_epoch),
        cmocka_unit_test(an_id_whose_last_record_is_invalid_is_not_live),
        cmocka_unit_test(many_ids_are_kept_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
