/* A reader of events of its own, and what is expected of it. */
#ifndef CLICKVEIL_TESTS_UNIT_COMMON_EVENT_RIG_H
#define CLICKVEIL_TESTS_UNIT_COMMON_EVENT_RIG_H

#include "common/event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* 2021-04-26T12:00:00Z, the day on which the T-Mobile programme began */
#define NOON_MS INT64_C(1619438400000)

/* A good event, and pieces of one */
#define HEAD "{\"type\":\"browse\",\"time\":1,\"subscriber\":\"s\",\"brand\":\"b\""
#define GOOD HEAD ",\"host\":\"h\"}"

struct fixture {
    struct config config;
    struct arena startup, arena;
    struct event_reader *reader;
};

static inline struct config config_of(int kind, int partitioner)
{
    return (struct config){
        .subscriber = {.kind = kind},
        .input = {.events_partitioner = partitioner,
                  .events_key = EVENTS_KEY_PLUS,
                  .record_bytes_max = 64 * 1024},
    };
}

static inline void open_reader(struct fixture *fixture, struct config config)
{
    struct error error = {0};
    *fixture = (struct fixture){.config = config};
    assert_true(arena_init(&fixture->startup, 64 * 1024, 4 * 1024 * 1024, &error));
    assert_true(arena_init(&fixture->arena, 64 * 1024, 1024 * 1024, &error));
    if (!event_reader_new(&fixture->config, &fixture->startup, &fixture->reader, &error))
        fail_msg("%s", error.what);
}

static inline void close_reader(struct fixture *fixture)
{
    event_reader_free(fixture->reader);
    arena_release(&fixture->arena);
    arena_release(&fixture->startup);
}

static inline struct chain_input input_of(struct view value)
{
    return (struct chain_input){.partition = 3, .offset = 42, .timestamp_ms = NOON_MS, .value = value};
}

static inline const char *reason_name(struct verdict verdict)
{
    return verdict.kind == VERDICT_PASS   ? "pass"
           : verdict.kind == VERDICT_STOP ? "stop"
                                          : event_reasons[verdict.reason].name;
}

static inline void expect(struct fixture *fixture, struct chain_input input, const char *wanted,
                          const char *why)
{
    struct record record = {.birth_year = 1234};
    struct verdict verdict = event_read(fixture->reader, &input, &fixture->arena, &record);
    if (strcmp(reason_name(verdict), wanted) != 0)
        fail_msg("%s: expected %s, got %s", why, wanted, reason_name(verdict));
    if (verdict.kind != VERDICT_PASS && (record.birth_year != 1234 || record.kind != RECORD_UNKNOWN))
        fail_msg("%s: the record was touched although it was refused", why);
    arena_reset(&fixture->arena);
}

static inline struct record read_good(struct fixture *fixture, const char *value)
{
    struct record record;
    struct chain_input input = input_of(view_of_string(value));
    struct verdict verdict = event_read(fixture->reader, &input, &fixture->arena, &record);
    if (verdict.kind != VERDICT_PASS)
        fail_msg("refused as %s: %s", reason_name(verdict), value);
    return record;
}

/* A view as a string that tells absent from empty. */
static inline const char *text_of(struct view view)
{
    static char text[256];
    if (view_is_absent(view))
        return "(absent)";
    snprintf(text, sizeof text, "%.*s", (int)view.size, view.data);
    return text;
}

#endif
