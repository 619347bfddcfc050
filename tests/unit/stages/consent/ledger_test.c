/*
 * The ledger as the follower and its snapshot see it: records shown ahead come to the same, and so does a restart from a
 * snapshot.
 */
#include "stages/consent/ledger.h"

#include "common/clock.h"
#include "common/snapshot_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { LINES = 400, RECORDS = 3000, BATCH = 100 };

static struct subject_key *key;
static struct error error;

static const struct choice_names names = {.names = {{"basic", 5}, {"enhanced", 8}}, .count = 2};

static struct ledger_setup setup_of(void)
{
    return (struct ledger_setup){
        .names = &names,
        .subject_key = key,
        .topic = "subscriber.consent",
        .line_kind = IDENTIFIER_OPAQUE,
        .subjects = {true, true, false},
        .entries_max = 100000,
        .floor = 1,
        .readers = 1,
        .brake = {.ins_min = 1000000, .share = 1, .window_ms = 1000},
    };
}

static struct ledger *made(void)
{
    struct ledger_setup setup = setup_of();
    struct ledger *ledger = ledger_new(&setup, &error);
    assert_non_null(ledger);
    return ledger;
}

static int set_up(void **unused)
{
    (void)unused;
    static const uint8_t bytes[SUBJECT_KEY_SIZE] = {7};
    key = subject_key_of_bytes(bytes, &error);
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    subject_key_free(key);
    return 0;
}

struct sample {
    char keys[RECORDS][40], values[RECORDS][160];
    struct followed_record records[RECORDS];
};

static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* Of all kinds: choices, signals, records about the topic, moves, tombstones, values that cannot be read. */
static void write_record(struct sample *sample, unsigned i)
{
    uint64_t random = mix(i);
    unsigned line = (unsigned)(random % LINES);
    char *name = sample->keys[i], *value = sample->values[i];
    snprintf(name, sizeof sample->keys[i], "%s%u",
             random >> 20 & 7   ? "line:"
             : random >> 23 & 1 ? "signal:line:"
                                : "account:",
             line);
    snprintf(value, sizeof sample->values[i], "{\"choices\":{\"%s\":\"%s\"},\"effective\":%u,\"seq\":%u%s}",
             random >> 32 & 1 ? "*" : "basic", random >> 33 & 1 ? "out" : "in",
             (unsigned)(random >> 40 & 1023), i,
             random >> 50 & 7   ? ""
             : random >> 53 & 1 ? ",\"two_step\":true"
                                : ",\"moved_from\":\"line:7\"");
    sample->records[i] = (struct followed_record){.partition = (int32_t)(i % 3),
                                                  .offset = i / 3,
                                                  .timestamp_ms = 1000000,
                                                  .key = view_of_string(name),
                                                  .value = view_of_string(value),
                                                  .committed = true};
    if ((random >> 56) % 16 == 0)
        sample->records[i].value = (struct view){0};
    if ((random >> 56) % 16 == 1)
        sample->records[i].value = VIEW("{");
    if ((random >> 56) % 32 == 2)
        sample->records[i].key = VIEW("meta:birth:x");
}

static struct sample *sampled(void)
{
    struct sample *sample = calloc(1, sizeof *sample);
    for (unsigned i = 0; i < RECORDS; i++)
        write_record(sample, i);
    return sample;
}

static void apply(struct ledger *ledger, const struct sample *sample, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        if (!ledger_apply(ledger, &sample->records[i], &error))
            fail_msg("%s", error.what);
    }
}

static void expect_same(struct ledger *a, struct ledger *b)
{
    assert_int_equal(choice_table_entries(ledger_table(a)), choice_table_entries(ledger_table(b)));
    for (unsigned i = 0; i < 2 * LINES; i++) {
        char text[16];
        struct pseudonym pseudonym;
        struct choice_state of_a, of_b;
        snprintf(text, sizeof text, "%u", i / 2);
        subject_pseudonym(key, i % 2 ? SUBJECT_LINE : SUBJECT_ACCOUNT, IDENTIFIER_OPAQUE,
                          view_of_string(text), &pseudonym);
        bool in_a = choice_table_find_whole(ledger_table(a), &pseudonym, &of_a);
        assert_int_equal(in_a, choice_table_find_whole(ledger_table(b), &pseudonym, &of_b));
        if (in_a && !choice_state_equal(&of_a, &of_b))
            fail_msg("subject %u", i);
    }
}

static void records_that_were_seen_ahead_come_to_the_same(void **unused)
{
    (void)unused;
    struct sample *sample = sampled();
    struct ledger *ledger = made(), *ahead = made();
    apply(ledger, sample, 0, RECORDS);
    ledger_begin(ahead, RECORDS);
    for (unsigned i = 0; i < RECORDS; i += BATCH) {
        ledger_ahead(ahead, sample->records + i, BATCH);
        /* some do not come after all, or come first */
        unsigned skip = i / BATCH % 4 == 1 ? 10 : 0;
        apply(ahead, sample, i, i + BATCH - skip);
        apply(ahead, sample, i + BATCH - skip, i + BATCH);
    }
    assert_true(ledger_complete(ledger, &error));
    assert_true(ledger_complete(ahead, &error));
    expect_same(ledger, ahead);
    ledger_free(ledger);
    ledger_free(ahead);
    free(sample);
}

static void record_that_was_not_seen_ahead_is_taken_all_the_same(void **unused)
{
    (void)unused;
    struct sample *sample = sampled();
    struct ledger *ledger = made(), *ahead = made();
    apply(ledger, sample, 0, BATCH);
    ledger_ahead(ahead, sample->records + 50, BATCH); /* others */
    apply(ahead, sample, 0, BATCH);
    expect_same(ledger, ahead);
    ledger_free(ledger);
    ledger_free(ahead);
    free(sample);
}

static void ledger_from_a_snapshot_comes_to_the_same(void **unused)
{
    (void)unused;
    char path[] = "/tmp/clickveil-ledger.XXXXXX";
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    close(descriptor);
    struct sample *sample = sampled();
    struct ledger *whole = made(), *early = made(), *late = made();
    apply(whole, sample, 0, RECORDS);

    struct snapshot_head head = {.cluster = "c", .topic = "t"};
    struct snapshot_partition none = {0};
    apply(early, sample, 0, RECORDS / 2);
    struct snapshot_writer *writer = snapshot_writer_new(path, &head, &none, &error);
    assert_non_null(writer);
    assert_true(ledger_freeze(early, writer, &error));
    unsigned at = RECORDS / 2;
    for (bool more = true; more; at += 20) {
        apply(early, sample, at, at + 20);
        assert_true(ledger_save(early, writer, &more, &error));
    }
    ledger_thaw(early);
    snapshot_writer_end(writer);
    uint64_t size;
    while (snapshot_writer_progress(writer, &size, &error) == SNAPSHOT_WRITING)
        clock_sleep_ms(1);
    snapshot_writer_free(writer);

    bool missing;
    struct snapshot_reader *reader = snapshot_reader_new(path, &missing, &error);
    assert_non_null(reader);
    assert_true(ledger_restore(late, reader));
    assert_true(snapshot_reader_end(reader, &error));
    snapshot_reader_free(reader);
    apply(late, sample, RECORDS / 2, RECORDS);
    assert_true(ledger_complete(whole, &error));
    assert_true(ledger_complete(late, &error));
    expect_same(whole, late);

    assert_true(ledger_forget(late, &error));
    assert_int_equal(choice_table_entries(ledger_table(late)), 0);
    ledger_free(whole);
    ledger_free(early);
    ledger_free(late);
    free(sample);
    unlink(path);
}

static void snapshot_is_told_apart_by_all_that_its_content_depends_on(void **unused)
{
    (void)unused;
    static const uint8_t bytes[SUBJECT_KEY_SIZE] = {8};
    static const struct choice_names fewer = {.names = {{"basic", 5}}, .count = 1};
    static const struct choice_names turned = {.names = {{"enhanced", 8}, {"basic", 5}}, .count = 2};
    static const struct choice_names heirs = {
        .names = {{"basic", 5}, {"enhanced", 8}}, .predecessors = {0, 1}, .count = 2};
    static const struct ledger_place place = {.partition = 1, .offset = 2};
    struct subject_key *other = subject_key_of_bytes(bytes, &error);
    struct ledger_setup setups[9];
    for (unsigned i = 0; i < 9; i++)
        setups[i] = setup_of();
    setups[1].names = &fewer;
    setups[2].names = &turned;
    setups[3].names = &heirs;
    setups[4].line_kind = IDENTIFIER_E164;
    setups[5].subjects[SUBJECT_DEVICE] = true;
    setups[6].ignored = &place;
    setups[6].ignored_count = 1;
    setups[7].signals_yield = true;
    setups[8].subject_key = other;
    struct snapshot_head heads[9] = {0};
    for (unsigned i = 0; i < 9; i++) {
        struct ledger *ledger = ledger_new(&setups[i], &error);
        ledger_identify(ledger, &heads[i]);
        ledger_free(ledger);
        for (unsigned j = 0; j < i; j++) {
            bool settings = !memcmp(heads[i].settings_check, heads[j].settings_check, SNAPSHOT_CHECK_SIZE);
            bool keys = !memcmp(heads[i].key_check, heads[j].key_check, SNAPSHOT_CHECK_SIZE);
            assert_int_equal(keys, i < 8);
            assert_int_equal(settings, i == 8 && j == 0);
        }
    }
    subject_key_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_that_were_seen_ahead_come_to_the_same),
        cmocka_unit_test(record_that_was_not_seen_ahead_is_taken_all_the_same),
        cmocka_unit_test(ledger_from_a_snapshot_comes_to_the_same),
        cmocka_unit_test(snapshot_is_told_apart_by_all_that_its_content_depends_on),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
