/*
 * Identifiers end at pseudonymize: events with a canary in every field, known and unknown, nested too, are read, turned
 * into pseudonyms and encoded as the topic behind the stage would get them; and as dead letters, where they can't be
 * read. No canary may be found in either, in no spelling.
 */
#include "common/codec.h"
#include "common/dead_letter.h"
#include "common/event.h"
#include "common/subject.h"
#include "stages/pseudonymize/pseudonymize.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NOW_MS INT64_C(1619438400000) /* 2021-04-26T12:00:00Z */

/* What must not be found, without regard to case. */
static const char *const canaries[] = {
    "14255550142",      "425 555 0142",   "310260123456789", "49015420323751", "6d92078a-8246-4ba4",
    "6d92078a82464ba4", "192.0.2.77",     "canary",          "2001:db8::77",   "NDI1NTU1MDE0M", /* base64 */
    "MTQyNTU1NTAxNDI",  "31343235353535",
};

/* Everything around the fields that decide. %s: type and subject of the event. */
#define EVENT(text)                                                                                       \
    "{" text ",\"time\":1619438400000,\"subscriber\":\"+1 425 555 0142\",\"account\":\"canary-account\"," \
    "\"brand\":\"canary-brand\",\"region\":\"US-CA\",\"plan\":\"canary-plan\",\"birth_year\":1970,"       \
    "\"gpc\":false,\"gpp\":\"canary-gpp\",\"gpp_sid\":\"7\",\"us_privacy\":\"1YNN\","                     \
    "\"ip\":\"192.0.2.77\",\"user_agent\":\"canary-agent\",\"referrer\":\"https://canary.example/\","     \
    "\"imsi\":\"310260123456789\",\"x\":{\"canary\":[{\"msisdn\":\"14255550142\"},\"2001:db8::77\"]}}"

#define MAID "\"device\":{\"kind\":\"maid\",\"id\":\"{6D92078A-8246-4BA4-AE5B-76104861E7DC}\",\"canary\":1}"
#define IMEI "\"device\":{\"kind\":\"imei\",\"id\":\"49-015420-323751-8\"}"

struct fixture {
    char path[64];
    int data[3];
    struct programme programme;
    struct config config;
    struct arena start_up, arena;
    struct event_reader *reader;
    struct codec *codec;
    struct subject_key *key;
    struct dead_letter_writer *dead_letters;
    struct error error;
    void *state;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct error error = {0};
    struct secret *public_half = NULL, *secret_half = NULL;
    assert_non_null(fixture);
    snprintf(fixture->path, sizeof fixture->path, "/tmp/clickveil-canary-%ld", (long)getpid());
    unlink(fixture->path);
    assert_true(secret_pair_new(&public_half, &secret_half, &error));
    assert_true(secret_write(public_half, fixture->path, &error));
    secret_free(public_half);
    secret_free(secret_half);
    for (int i = 0; i < 3; i++)
        fixture->data[i] = PROGRAMME_DATA_BROWSE + i;
    fixture->programme = (struct programme){.name = VIEW("tmobile"), .data = {fixture->data, 3, true}};
    fixture->config = (struct config){
        .programmes = {&fixture->programme, 1, true},
        .subscriber = {.kind = IDENTIFIER_E164},
        .input = {.events_partitioner = EVENTS_PARTITIONER_TRUSTED,
                  .record_bytes_max = 64 * 1024,
                  .future_max_ms = 86400000,
                  .late_max_ms = 2 * 86400000},
        .dead_letters = {.public_key = view_of_string(fixture->path)},
    };
    assert_true(arena_init(&fixture->start_up, 64 * 1024, 8 * 1024 * 1024, &error));
    assert_true(arena_init(&fixture->arena, 64 * 1024, 8 * 1024 * 1024, &error));
    assert_true(event_reader_new(&fixture->config, &fixture->start_up, &fixture->reader, &error));
    assert_true(codec_new(&fixture->config, &fixture->start_up, &fixture->codec, &error));
    assert_true(dead_letter_writer_new(&fixture->config, &fixture->start_up, &fixture->dead_letters, &error));
    fixture->key = subject_key_random(&error);
    assert_non_null(fixture->key);
    fixture->state = calloc(1, stage_pseudonymize.state_size);
    const struct stage_context context = {.config = &fixture->config, .subject_key = fixture->key};
    assert_true(stage_pseudonymize.init(fixture->state, &context, &error));
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    event_reader_free(fixture->reader);
    codec_free(fixture->codec);
    dead_letter_writer_free(fixture->dead_letters);
    subject_key_free(fixture->key);
    arena_release(&fixture->start_up);
    arena_release(&fixture->arena);
    unlink(fixture->path);
    free(fixture->state);
    free(fixture);
    return 0;
}

static bool found(struct view text, const char *canary)
{
    size_t size = strlen(canary);
    for (size_t at = 0; at + size <= text.size; at++)
        if (strncasecmp(text.data + at, canary, size) == 0)
            return true;
    return false;
}

static void assert_clean(struct view text, const char *what)
{
    for (size_t i = 0; i < sizeof canaries / sizeof *canaries; i++)
        if (found(text, canaries[i]))
            fail_msg("%s holds %s", what, canaries[i]);
}

static void assert_output_clean(const struct output *output)
{
    assert_clean(output->key, "the key");
    assert_clean(output->value, "the value");
    for (unsigned i = 0; i < output->header_count; i++)
        assert_clean(output->headers[i].value, output->headers[i].name);
}

static struct chain_input input_of(const char *text)
{
    return (struct chain_input){.partition = 2,
                                .offset = 77,
                                .timestamp_ms = NOW_MS,
                                .key = VIEW("+1 425 555 0142"),
                                .value = view_of_string(text)};
}

static struct record read_event(struct fixture *fixture, const struct chain_input *input)
{
    struct record record = {0};
    struct verdict verdict = event_read(fixture->reader, input, &fixture->arena, &record);
    if (verdict.kind != VERDICT_PASS)
        fail_msg("not read: %s", event_reasons[verdict.reason].name);
    record.programmes = 1;
    return record;
}

static struct verdict pseudonymize(struct fixture *fixture, struct record *record)
{
    struct emitter emitter = {.arena = &fixture->arena, .now_ms = NOW_MS, .error = &fixture->error};
    return stage_pseudonymize.process(fixture->state, record, &emitter);
}

static void what_goes_on_holds_pseudonyms_host_and_app_only(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {EVENT("\"type\":\"browse\",\"url\":\"https://canary:canary@www.shop.example:8443/"
               "canary?q=192.0.2.77#canary\","
               "\"app\":\"canary.app\"," MAID),
         "www.shop.example"},
        {EVENT("\"type\":\"browse\",\"host\":\"www.shop.example\",\"url\":\"/canary\"," IMEI),
         "www.shop.example"},
        {EVENT("\"type\":\"app_use\",\"app\":\"com.example.shop\",\"url\":\"https://canary.example/\"," IMEI),
         "com.example.shop"},
        {EVENT("\"type\":\"app_remove\",\"app\":\"com.example.shop\",\"host\":\"canary.example\"," MAID),
         "com.example.shop"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct chain_input input = input_of(rows[i].text);
        struct record record = read_event(fixture, &input);
        struct output output = {0};
        assert_true(found(input.value, "canary")); /* the hunt works */
        assert_int_equal(pseudonymize(fixture, &record).kind, VERDICT_PASS);
        assert_true(codec_write(fixture->codec, HOP_PSEUDONYMIZE_OUT, &record, &fixture->arena, &output));
        assert_output_clean(&output);
        assert_true(found(output.value, rows[i].expected));
        assert_int_equal(output.key.size, 22); /* the line's pseudonym, base64url */
    }
}

static void dead_letters_show_nothing(void **state)
{
    struct fixture *fixture = *state;
    static const char *const texts[] = {
        EVENT("\"type\":\"canary\"," MAID),
        EVENT("\"type\":\"browse\",\"device\":{\"kind\":\"imei\",\"id\":\"490154203237519\"}"),
        "{\"subscriber\":\"14255550142\",\"url\":\"https://192.0.2.77/canary",
        "canary 14255550142",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct chain_input input = input_of(texts[i]);
        struct record record = {0};
        struct output output = {0};
        struct verdict verdict = event_read(fixture->reader, &input, &fixture->arena, &record);
        assert_int_equal(verdict.kind, VERDICT_REJECT);
        assert_true(dead_letter_write(fixture->dead_letters, &input, "clickstream.events",
                                      event_reasons[verdict.reason].name, 1, NOW_MS, &fixture->arena,
                                      &output));
        assert_output_clean(&output);
    }
}

static void rejects_and_drops_of_the_stage_say_nothing_of_the_value(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *text;
        enum verdict_kind kind;
    } rows[] = {
        {EVENT("\"type\":\"browse\",\"url\":\"https://192.0.2.77/canary\"," MAID), VERDICT_DROP},
        {EVENT("\"type\":\"browse\",\"url\":\"canary://canary/\"," MAID), VERDICT_REJECT},
    };
    for (size_t i = 0; i < 2; i++) {
        struct chain_input input = input_of(rows[i].text);
        struct record record = read_event(fixture, &input);
        struct verdict verdict = pseudonymize(fixture, &record);
        assert_int_equal(verdict.kind, rows[i].kind);
        assert_clean(view_of_string(stage_pseudonymize.reasons[verdict.reason].name), "the reason");
        assert_clean(view_of_string(fixture->error.what), "the error");
    }
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(what_goes_on_holds_pseudonyms_host_and_app_only),
        CASE(dead_letters_show_nothing),
        CASE(rejects_and_drops_of_the_stage_say_nothing_of_the_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
