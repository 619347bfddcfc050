/*
 * Dead letters: what stands in the open, what only the operator can read, and what is kept of large inputs.
 *
 * The golden envelope was put together with Python (hashlib for the digests, and libsodium through ctypes for the
 * primitives) from docs/dead-letters.md, not with this code; its keys are fixed.
 */
#include "common/dead_letter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CANARY "14255550142"

enum { NOW_DAY = 18743 }; /* 2021-04-26 */
#define NOW_MS ((int64_t)NOW_DAY * 86400000 + 3723004)

struct fixture {
    char folder[64], path[80];
    struct secret *secret;
    struct arena start_up, arena;
    struct config config;
    struct dead_letter_writer *writer;
};

static void must(bool worked, const struct error *error)
{
    if (!worked)
        fail_msg("%s: %s; %s", error->where, error->what, error->action);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct error error = {0};
    struct secret *public_half = NULL;
    assert_non_null(fixture);
    snprintf(fixture->folder, sizeof fixture->folder, "/tmp/clickveil-dead-letter-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    snprintf(fixture->path, sizeof fixture->path, "%s/public", fixture->folder);
    must(secret_pair_new(&public_half, &fixture->secret, &error), &error);
    must(secret_write(public_half, fixture->path, &error), &error);
    secret_free(public_half);
    must(arena_init(&fixture->start_up, 4096, 1 << 20, &error), &error);
    must(arena_init(&fixture->arena, 65536, 8 << 20, &error), &error);
    fixture->config.dead_letters.public_key = view_of_string(fixture->path);
    must(dead_letter_writer_new(&fixture->config, &fixture->start_up, &fixture->writer, &error), &error);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    dead_letter_writer_free(fixture->writer);
    secret_free(fixture->secret);
    arena_release(&fixture->start_up);
    arena_release(&fixture->arena);
    unlink(fixture->path);
    rmdir(fixture->folder);
    free(fixture);
    return 0;
}

static struct chain_input input_of(struct view key, struct view value)
{
    return (struct chain_input){
        .partition = 3, .offset = 1234567890123, .timestamp_ms = NOW_MS - 5000, .key = key, .value = value};
}

static struct output write_letter(struct fixture *fixture, const struct chain_input *input)
{
    struct output output = {0};
    assert_true(dead_letter_write(fixture->writer, input, "clickstream.events", "not_json", 2, NOW_MS,
                                  &fixture->arena, &output));
    return output;
}

static struct dead_letter open_letter(struct fixture *fixture, struct view value)
{
    struct dead_letter letter = {0};
    struct error error = {0};
    must(dead_letter_open(fixture->secret, value, &fixture->arena, &letter, &error), &error);
    return letter;
}

static void assert_view(struct view view, const char *text)
{
    if (!view_equal_string(view, text))
        fail_msg("\"%.*s\" instead of \"%s\"", (int)view.size, view.data ? view.data : "", text);
}

static bool contains(struct view view, const char *text)
{
    return !view_is_absent(view) && memmem(view.data, view.size, text, strlen(text)) != NULL;
}

static void only_topic_reason_attempt_and_day_are_readable(void **state)
{
    struct fixture *fixture = *state;
    struct chain_input input = input_of(VIEW(CANARY), VIEW("{\"subscriber\":\"" CANARY "\""));
    input.origin = VIEW("7:99");
    struct output output = write_letter(fixture, &input);

    assert_int_equal(output.topic, TOPIC_DEAD_LETTERS);
    assert_true(view_is_absent(output.key)); /* a key would tell whose it is, or where it came from */
    assert_int_equal(output.partition, OUTPUT_PARTITION_BY_KEY);
    assert_true(output.timestamp_ms == (int64_t)NOW_DAY * 86400000); /* the day, not the moment */
    assert_int_equal(output.header_count, 4);
    assert_string_equal(output.headers[0].name, "clickveil-origin-topic");
    assert_view(output.headers[0].value, "clickstream.events");
    assert_string_equal(output.headers[1].name, "clickveil-reason");
    assert_view(output.headers[1].value, "not_json");
    assert_string_equal(output.headers[2].name, "clickveil-attempt");
    assert_view(output.headers[2].value, "2");
    assert_string_equal(output.headers[3].name, "clickveil-day");
    assert_view(output.headers[3].value, "2021-04-26");
    assert_false(contains(output.value, CANARY));
    assert_false(contains(output.value, "1234567890123")); /* the offset of the origin */
    assert_false(contains(output.value, "subscriber"));
}

static void secret_key_opens_everything(void **state)
{
    struct fixture *fixture = *state;
    struct chain_input input = input_of(VIEW(CANARY), VIEW("{\"subscriber\":\0\xff"));
    input.origin = VIEW("7:99");
    struct dead_letter letter = open_letter(fixture, write_letter(fixture, &input).value);
    assert_int_equal(letter.partition, 3);
    assert_true(letter.offset == 1234567890123);
    assert_true(letter.timestamp_ms == NOW_MS - 5000);
    assert_true(letter.failed_ms == NOW_MS);
    assert_int_equal(letter.attempt, 2);
    assert_view(letter.topic, "clickstream.events");
    assert_view(letter.reason, "not_json");
    assert_view(letter.origin.bytes, "7:99");
    assert_view(letter.key.bytes, CANARY);
    assert_true(view_equal(letter.value.bytes, input.value));
    assert_false(letter.value.cut);
    assert_int_equal(letter.value.size, input.value.size);
}

static void absent_stays_absent_and_empty_stays_empty(void **state)
{
    struct fixture *fixture = *state;
    struct chain_input input = input_of(VIEW_ABSENT, VIEW(""));
    input.partition = -1;
    input.offset = -1;
    input.timestamp_ms = -1;
    struct dead_letter letter = open_letter(fixture, write_letter(fixture, &input).value);
    assert_true(view_is_absent(letter.key.bytes));
    assert_true(view_is_absent(letter.origin.bytes));
    assert_false(view_is_absent(letter.value.bytes));
    assert_int_equal(letter.value.bytes.size, 0);
    assert_int_equal(letter.partition, -1);
    assert_true(letter.offset == -1 && letter.timestamp_ms == -1);
}

static void payload_is_cut_above_256_kib_with_its_size_and_digest(void **state)
{
    struct fixture *fixture = *state;
    static char large[300 * 1024];
    memset(large, 'v', sizeof large);
    large[sizeof large - 1] = 'e';
    static const struct {
        size_t key_size, value_size, key_kept, value_kept;
        const char *why;
    } rows[] = {
        {0, 262144, 0, 262144, "256 KiB, the most that is kept whole"},
        {0, 262145, 0, 262144, "one byte more"},
        {0, sizeof large, 0, 262144, "far more"},
        {4, 262140, 4, 262140, "key and value together 256 KiB"},
        {4, 262141, 4, 262140, "one byte more with the key"},
        {262144, 0, 262144, 0, "a key of 256 KiB and an empty value"},
        {262144, 1, 262144, 0, "no room for the value"},
        {262145, 5, 262144, 0, "a key that is cut itself"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct chain_input input =
            input_of((struct view){large + sizeof large - rows[i].key_size, rows[i].key_size},
                     (struct view){large + sizeof large - rows[i].value_size, rows[i].value_size});
        struct dead_letter letter = open_letter(fixture, write_letter(fixture, &input).value);
        if (letter.key.bytes.size != rows[i].key_kept || letter.value.bytes.size != rows[i].value_kept ||
            letter.key.size != rows[i].key_size || letter.value.size != rows[i].value_size ||
            letter.key.cut != (rows[i].key_kept < rows[i].key_size) ||
            letter.value.cut != (rows[i].value_kept < rows[i].value_size))
            fail_msg("kept %zu of the key and %zu of the value: %s", letter.key.bytes.size,
                     letter.value.bytes.size, rows[i].why);
        uint8_t digest[DEAD_LETTER_DIGEST_SIZE] = {0};
        if (letter.value.cut)
            crypto_generichash(digest, sizeof digest, (const unsigned char *)input.value.data,
                               input.value.size, NULL, 0);
        assert_memory_equal(letter.value.digest, digest, sizeof digest);
        assert_memory_equal(letter.value.bytes.data, input.value.data, rows[i].value_kept);
        arena_reset(&fixture->arena);
    }
}

static void origin_header_is_cut_above_1_kib(void **state)
{
    struct fixture *fixture = *state;
    char origin[1025];
    memset(origin, 'o', sizeof origin);
    for (size_t size = 1024; size <= 1025; size++) {
        struct chain_input input = input_of(VIEW_ABSENT, VIEW_ABSENT);
        input.origin = (struct view){origin, size};
        struct dead_letter letter = open_letter(fixture, write_letter(fixture, &input).value);
        assert_int_equal(letter.origin.bytes.size, 1024);
        assert_int_equal(letter.origin.cut, size > 1024);
        assert_int_equal(letter.origin.size, size);
    }
}

/* Bytes around the value for the texts of write_letter: numbers, topic, reason, three fields. */
enum { AROUND = 4 + 4 + 8 + 8 + 8 + 4 + (2 + 18) + (2 + 8) + 3 * 5 };

static void sizes_are_padded_to_classes(void **state)
{
    struct fixture *fixture = *state;
    static char payload[262144];
    memset(payload, 'p', sizeof payload);
    static const struct {
        size_t value_size, class_size;
        const char *why;
    } rows[] = {
        {0, 1024, "nothing"},
        {1, 1024, "one byte looks like nothing"},
        {1024 - AROUND, 1024, "the most of the first class"},
        {1024 - AROUND + 1, 4096, "one byte more"},
        {4096 - AROUND, 4096, "the most of the second class"},
        {4096 - AROUND + 1, 16384, "one byte more"},
        {16384 - AROUND, 16384, "the most of the third class"},
        {16384 - AROUND + 1, 65536, "one byte more"},
        {65536 - AROUND, 65536, "the most of the fourth class"},
        {65536 - AROUND + 1, 270336, "one byte more"},
        {262144, 270336, "the largest payload"},
    };
    struct output smallest = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct chain_input input = input_of(VIEW_ABSENT, (struct view){payload, rows[i].value_size});
        struct output output = write_letter(fixture, &input);
        const char *box = memmem(output.value.data, output.value.size, "\"box\":\"", 7);
        assert_non_null(box);
        size_t text_size = (size_t)(output.value.data + output.value.size - box) - 7 - 2;
        if (text_size != ((rows[i].class_size + 16) * 4 + 2) / 3)
            fail_msg("%zu characters: %s", text_size, rows[i].why);
        if (i == 0)
            smallest = output;
        if (i == 1)
            assert_int_equal(output.value.size, smallest.value.size);
    }
}

/* The member's text, up to the next quote. */
static struct view member(struct view value, const char *name)
{
    char start[32];
    int size = snprintf(start, sizeof start, "\"%s\":\"", name);
    const char *found = memmem(value.data, value.size, start, (size_t)size);
    assert_non_null(found);
    found += size;
    const char *end = memchr(found, '"', (size_t)(value.data + value.size - found));
    assert_non_null(end);
    return (struct view){found, (size_t)(end - found)};
}

static void data_key_lives_for_one_transaction(void **state)
{
    struct fixture *fixture = *state;
    struct chain_input input = input_of(VIEW_ABSENT, VIEW("same"));
    struct view first = write_letter(fixture, &input).value;
    struct view second = write_letter(fixture, &input).value;
    dead_letter_transaction_ended(fixture->writer);
    struct view third = write_letter(fixture, &input).value;
    dead_letter_transaction_ended(fixture->writer);
    dead_letter_transaction_ended(fixture->writer); /* a transaction without letters */
    struct view fourth = write_letter(fixture, &input).value;

    assert_true(view_equal(member(first, "seal"), member(second, "seal")));
    assert_false(view_equal(member(first, "nonce"), member(second, "nonce")));
    assert_false(view_equal(member(first, "box"), member(second, "box"))); /* equal inputs look unlike */
    assert_false(view_equal(member(second, "seal"), member(third, "seal")));
    assert_false(view_equal(member(third, "seal"), member(fourth, "seal")));
    struct view letters[] = {first, second, third, fourth};
    for (size_t i = 0; i < 4; i++)
        assert_view(open_letter(fixture, letters[i]).value.bytes, "same");
}

static void without_public_key_no_payload_is_kept(void **state)
{
    struct fixture *fixture = *state;
    struct config config = {0};
    struct dead_letter_writer *writer = NULL;
    struct error error = {0};
    struct output output = {0};
    struct chain_input input = input_of(VIEW(CANARY), VIEW(CANARY));
    must(dead_letter_writer_new(&config, &fixture->start_up, &writer, &error), &error);
    assert_true(dead_letter_write(writer, &input, "clickstream.events", "wrong_partition", 1, NOW_MS,
                                  &fixture->arena, &output));
    assert_view(output.value, "{\"v\":1}");
    assert_true(view_is_absent(output.key));
    assert_int_equal(output.header_count, 4);
    assert_view(output.headers[1].value, "wrong_partition");
    struct dead_letter letter;
    assert_false(dead_letter_open(fixture->secret, output.value, &fixture->arena, &letter, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_DATA);
    assert_non_null(strstr(error.what, "no payload was kept"));
    dead_letter_transaction_ended(writer);
    dead_letter_writer_free(writer);
    dead_letter_writer_free(NULL);
}

static void writer_needs_the_public_half(void **state)
{
    struct fixture *fixture = *state;
    struct config config = {0};
    struct dead_letter_writer *writer = NULL;
    struct error error = {0};
    char path[80];
    snprintf(path, sizeof path, "%s/secret", fixture->folder);
    must(secret_write(fixture->secret, path, &error), &error);
    config.dead_letters.public_key = view_of_string(path);
    assert_false(dead_letter_writer_new(&config, &fixture->start_up, &writer, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_CONFIGURATION);
    assert_non_null(strstr(error.what, "not for `dead-letter-public`"));
    assert_null(writer);
    unlink(path);
    assert_false(dead_letter_writer_new(&config, &fixture->start_up, &writer, &error));
    assert_non_null(strstr(error.what, "doesn't exist"));
}

static void full_arena_is_reported_and_leaves_the_output(void **state)
{
    struct fixture *fixture = *state;
    struct arena small = {0};
    struct error error = {0};
    must(arena_init(&small, 4096, 4096, &error), &error);
    struct chain_input input = input_of(VIEW_ABSENT, VIEW("value"));
    struct output output = {.feed = 4711};
    assert_true(dead_letter_write(fixture->writer, &input, "t", "not_json", 1, NOW_MS, &small, &output));
    assert_true(dead_letter_write(fixture->writer, &input, "t", "not_json", 1, NOW_MS, &small, &output));
    output.feed = 4711;
    assert_false(dead_letter_write(fixture->writer, &input, "t", "not_json", 1, NOW_MS, &small, &output));
    assert_int_equal(output.feed, 4711);
    arena_release(&small);
}

static void only_the_right_secret_key_opens(void **state)
{
    struct fixture *fixture = *state;
    struct secret *public_half = NULL, *other = NULL;
    struct error error = {0};
    struct dead_letter letter;
    struct chain_input input = input_of(VIEW_ABSENT, VIEW("value"));
    struct view value = write_letter(fixture, &input).value;
    must(secret_pair_new(&public_half, &other, &error), &error);
    assert_false(dead_letter_open(other, value, &fixture->arena, &letter, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_DATA);
    assert_non_null(strstr(error.what, "another key"));
    /* The ID forged, so that the wrong key is tried. */
    struct view copy;
    assert_true(arena_copy(&fixture->arena, value, &copy));
    memcpy((char *)member(copy, "key").data, secret_id(other), 16);
    assert_false(dead_letter_open(other, copy, &fixture->arena, &letter, &error));
    assert_non_null(strstr(error.what, "doesn't open"));
    secret_free(public_half);
    secret_free(other);
}

static void changed_envelopes_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct chain_input input = input_of(VIEW_ABSENT, VIEW("value"));
    struct view value = write_letter(fixture, &input).value;
    static const char *const members[] = {"key", "seal", "nonce", "box"};
    struct error error = {0};
    struct dead_letter letter;
    for (size_t i = 0; i < 4; i++) {
        struct view text = member(value, members[i]);
        char *at = (char *)text.data + 5, kept = *at;
        *at = kept == 'a' ? 'b' : 'a';
        if (dead_letter_open(fixture->secret, value, &fixture->arena, &letter, &error))
            fail_msg("opened, though `%s` was changed", members[i]);
        assert_int_equal(error.exit_status, EXIT_STATUS_DATA);
        *at = kept;
    }
    assert_view(open_letter(fixture, value).value.bytes, "value"); /* as it was, it opens */

    static const struct {
        const char *text, *why;
    } rows[] = {
        {"", "empty"},
        {"{", "no JSON"},
        {"[]", "no object"},
        {"{}", "no version"},
        {"{\"v\":\"1\"}", "a version that is no number"},
        {"{\"v\":0}", "version 0"},
        {"{\"v\":2}", "version 2"},
        {"{\"v\":1,\"key\":1,\"box\":\"\"}", "an ID that is no text"},
        {"{\"v\":1,\"key\":\"0011223344556677\"}", "an ID alone"},
        {"{\"v\":1,\"box\":\"AAAA\"}", "a box alone"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (dead_letter_open(fixture->secret, view_of_string(rows[i].text), &fixture->arena, &letter, &error))
            fail_msg("opened: %s", rows[i].why);
        assert_int_equal(error.exit_status, EXIT_STATUS_DATA);
    }
    assert_false(dead_letter_open(fixture->secret, VIEW_ABSENT, &fixture->arena, &letter, &error));
    /* Every proper prefix is damaged. */
    for (size_t size = 0; size < value.size; size += 7)
        assert_false(dead_letter_open(fixture->secret, (struct view){value.data, size}, &fixture->arena,
                                      &letter, &error));
}

#include "tests/unit/common/dead_letter_golden.h"

static void golden_envelope_of_another_implementation_opens(void **state)
{
    struct fixture *fixture = *state;
    uint8_t bytes[SECRET_SIZE];
    struct error error = {0};
    struct dead_letter letter = {0};
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    struct secret *secret = secret_of_bytes(SECRET_DEAD_LETTER_SECRET, bytes, &error);
    assert_non_null(secret);
    assert_string_equal(secret_id(secret), GOLDEN_KEY_ID);
    must(dead_letter_open(secret, VIEW(GOLDEN_ENVELOPE), &fixture->arena, &letter, &error), &error);
    assert_int_equal(letter.partition, 7);
    assert_true(letter.offset == 4242);
    assert_true(letter.timestamp_ms == 1619395200000 && letter.failed_ms == 1619395201234);
    assert_int_equal(letter.attempt, 1);
    assert_view(letter.topic, "clickstream.events");
    assert_view(letter.reason, "not_json");
    assert_true(view_is_absent(letter.origin.bytes));
    assert_view(letter.key.bytes, "14255550100");
    assert_view(letter.value.bytes, "{\"type\":");
    assert_true(letter.value.cut);
    assert_int_equal(letter.value.size, 300000);
    secret_free(secret);
}

static void attempts_are_read_strictly_and_what_is_unreadable_counts_as_the_most(void **state)
{
    static const struct {
        struct view header;
        unsigned attempts;
        const char *why;
    } rows[] = {
        {{NULL, 0}, 0, "no header: it never failed"},
        {{"1", 1}, 1, "once"},
        {{"10", 2}, 10, "two digits"},
        {{"999999", 6}, 999999, "the most"},
        {{"1000000", 7}, DEAD_LETTER_ATTEMPTS_MAX, "one past"},
        {{"0", 1}, DEAD_LETTER_ATTEMPTS_MAX, "nobody writes that"},
        {{"01", 2}, DEAD_LETTER_ATTEMPTS_MAX, "a leading zero"},
        {{"", 0}, DEAD_LETTER_ATTEMPTS_MAX, "empty"},
        {{"-1", 2}, DEAD_LETTER_ATTEMPTS_MAX, "a sign"},
        {{" 1", 2}, DEAD_LETTER_ATTEMPTS_MAX, "a blank"},
        {{"1\0", 2}, DEAD_LETTER_ATTEMPTS_MAX, "NUL"},
        {{"1x", 2}, DEAD_LETTER_ATTEMPTS_MAX, "a letter"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (dead_letter_attempts_read(rows[i].header) != rows[i].attempts)
            fail_msg("%s: %u", rows[i].why, dead_letter_attempts_read(rows[i].header));
    }
}

static void who_tries_to_open_is_told_why_it_stays_shut(void **state)
{
    struct fixture *fixture = *state;
    struct secret *public_half = NULL, *other = NULL;
    struct error error = {0};
    struct chain_input input = input_of(VIEW_ABSENT, VIEW("value"));
    struct view value = write_letter(fixture, &input).value, changed, forged;
    must(secret_pair_new(&public_half, &other, &error), &error);
    assert_true(arena_copy(&fixture->arena, value, &changed));
    ((char *)member(changed, "box").data)[9] ^= 1;
    assert_true(arena_copy(&fixture->arena, value, &forged));
    memcpy((char *)member(forged, "key").data, secret_id(other), 16);
    struct arena small = {0};
    must(arena_init(&small, 4096, 4096, &error), &error);
    assert_non_null(arena_take(&small, 3500));
    const struct {
        const struct secret *secret;
        struct view value;
        struct arena *arena;
        enum dead_letter_state wanted;
        const char *why;
    } rows[] = {
        {fixture->secret, value, &fixture->arena, DEAD_LETTER_OPENED, "its own key"},
        {other, value, &fixture->arena, DEAD_LETTER_OTHER_KEY, "another key"},
        {other, forged, &fixture->arena, DEAD_LETTER_DAMAGED, "another key, whose ID was written over"},
        {fixture->secret, changed, &fixture->arena, DEAD_LETTER_DAMAGED, "a changed box"},
        {fixture->secret, VIEW("{\"v\":1}"), &fixture->arena, DEAD_LETTER_NO_PAYLOAD, "no payload"},
        {fixture->secret, VIEW("{\"v\":2}"), &fixture->arena, DEAD_LETTER_DAMAGED, "a later version"},
        {fixture->secret, VIEW("text"), &fixture->arena, DEAD_LETTER_DAMAGED, "no envelope"},
        {fixture->secret, VIEW_ABSENT, &fixture->arena, DEAD_LETTER_DAMAGED, "no value"},
        {fixture->secret, value, &small, DEAD_LETTER_FAILED, "no memory says nothing of the letter"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct dead_letter letter;
        if (dead_letter_try(rows[i].secret, rows[i].value, rows[i].arena, &letter, &error) != rows[i].wanted)
            fail_msg("%s", rows[i].why);
    }
    arena_release(&small);
    secret_free(public_half);
    secret_free(other);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(only_topic_reason_attempt_and_day_are_readable),
        CASE(secret_key_opens_everything),
        CASE(absent_stays_absent_and_empty_stays_empty),
        CASE(payload_is_cut_above_256_kib_with_its_size_and_digest),
        CASE(origin_header_is_cut_above_1_kib),
        CASE(sizes_are_padded_to_classes),
        CASE(data_key_lives_for_one_transaction),
        CASE(without_public_key_no_payload_is_kept),
        CASE(writer_needs_the_public_half),
        CASE(full_arena_is_reported_and_leaves_the_output),
        CASE(only_the_right_secret_key_opens),
        CASE(changed_envelopes_are_refused),
        CASE(attempts_are_read_strictly_and_what_is_unreadable_counts_as_the_most),
        CASE(who_tries_to_open_is_told_why_it_stays_shut),
        CASE(golden_envelope_of_another_implementation_opens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
