/* What hops between stages carry, as records to write and to read. */
#ifndef CLICKVEIL_TESTS_UNIT_COMMON_CODEC_RIG_H
#define CLICKVEIL_TESTS_UNIT_COMMON_CODEC_RIG_H

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

static inline void open_codec(struct fixture *fixture, unsigned programmes)
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

static inline void close_codec(struct fixture *fixture)
{
    codec_free(fixture->codec);
    arena_release(&fixture->arena);
    arena_release(&fixture->startup);
}

/* A subject with everything filled in, whatever the hop: the codec must choose. */
static inline struct subject subject_of(enum identifier_kind kind, const char *identifier, uint8_t first)
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
static inline struct record full_event(enum event_type type)
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

static inline struct output write_record(struct fixture *fixture, enum hop hop, const struct record *record)
{
    struct output output = {0};
    assert_true(codec_write(fixture->codec, hop, record, &fixture->arena, &output));
    return output;
}

static inline struct chain_input input_of(const struct output *output)
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

enum sample { PAGE, APP, SAMPLES };

static inline struct record sample_of(enum sample sample)
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

#endif
