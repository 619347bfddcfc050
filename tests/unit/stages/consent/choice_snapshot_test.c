/*
 * The table in a snapshot: as it was at the freeze, whatever happens to it while slices are written.
 */
#include "stages/consent/choice_snapshot.h"

#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { ENTRIES = 200000, ENTRIES_MAX = 1000000 };

static char folder[64], path[96];
static uint64_t seed;

static int set_up(void **unused)
{
    (void)unused;
    seed = 0x9e3779b97f4a7c15u;
    snprintf(folder, sizeof folder, "/tmp/clickveil-table.XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/table", folder);
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    unlink(path);
    rmdir(folder);
    return 0;
}

static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static struct pseudonym pseudonym_of(uint64_t number)
{
    struct pseudonym pseudonym;
    uint64_t halves[2] = {mix(number), mix(~number)};
    memcpy(pseudonym.bytes, halves, sizeof halves);
    return pseudonym;
}

/* Of every kind: common, with something uncommitted, rare. */
static struct choice_state state_of(uint64_t number, unsigned version)
{
    uint64_t bits = mix(number * 16 + version);
    struct choice_state state = {
        .out = bits % 4 == 0 ? 1 : 0,
        .in = bits % 4 == 1 ? 2 : 0,
        .ordered = true,
        .recorded = true,
        .effective_ms = (int64_t)(bits >> 24),
        .seq = (int64_t)number,
    };
    if (bits % 7 == 0) {
        state.pending = CHOICE_STAR;
        state.pending_count = 3;
    }
    if (bits % 5 == 0)
        state.before_until_ms = 77; /* does not fit */
    return state;
}

static void put(struct choice_table *table, uint64_t number, unsigned version)
{
    struct choice_handle entry;
    struct error error = {0};
    struct pseudonym pseudonym = pseudonym_of(number);
    struct choice_state state = state_of(number, version);
    assert_true(choice_table_entry(table, &pseudonym, &entry, &error));
    choice_table_store(table, entry, &state);
}

static struct choice_table *filled(void)
{
    struct choice_table *table = choice_table_new(ENTRIES_MAX, 1);
    for (uint64_t i = 0; i < ENTRIES; i++)
        put(table, i, 0);
    return table;
}

/* Writes a snapshot; between slices `meanwhile` happens. */
static void save(struct choice_table *table, void (*meanwhile)(struct choice_table *table, unsigned slice))
{
    struct error error = {0};
    struct snapshot_head head = {.cluster = "c", .topic = "t"};
    struct snapshot_partition none = {0};
    struct snapshot_writer *writer = snapshot_writer_new(path, &head, &none, &error);
    assert_non_null(writer);
    assert_true(choice_table_freeze(table, &error));
    bool more = true;
    for (unsigned slice = 0; more; slice++) {
        if (meanwhile)
            meanwhile(table, slice);
        assert_true(choice_table_save(table, writer, &more, &error));
    }
    choice_table_thaw(table);
    snapshot_writer_end(writer);
    uint64_t size;
    while (snapshot_writer_progress(writer, &size, &error) == SNAPSHOT_WRITING)
        clock_sleep_ms(1);
    assert_int_equal(snapshot_writer_progress(writer, &size, &error), SNAPSHOT_WRITTEN);
    snapshot_writer_free(writer);
}

static struct choice_table *restored(void)
{
    bool missing;
    struct error error = {0};
    struct choice_table *table = choice_table_new(ENTRIES_MAX, 1);
    struct snapshot_reader *reader = snapshot_reader_new(path, &missing, &error);
    assert_non_null(reader);
    assert_true(choice_table_restore(table, reader));
    assert_true(snapshot_reader_end(reader, &error));
    snapshot_reader_free(reader);
    return table;
}

static void expect_as_at_the_freeze(struct choice_table *table)
{
    assert_int_equal(choice_table_entries(table), ENTRIES);
    struct choice_state found;
    for (uint64_t i = 0; i < ENTRIES; i++) {
        struct pseudonym pseudonym = pseudonym_of(i);
        struct choice_state expected = state_of(i, 0);
        expected.pending = 0; /* is read again */
        expected.pending_count = 0;
        if (!choice_table_find_whole(table, &pseudonym, &found) || !choice_state_equal(&found, &expected))
            fail_msg("entry %u", (unsigned)i);
    }
    for (uint64_t i = ENTRIES; i < 3 * ENTRIES; i++) {
        struct pseudonym pseudonym = pseudonym_of(i);
        assert_false(choice_table_find(table, &pseudonym, &found));
    }
}

static void snapshot_has_everybody_and_nobody_else(void **unused)
{
    (void)unused;
    struct choice_table *table = filled();
    save(table, NULL);
    choice_table_free(table);
    table = restored();
    expect_as_at_the_freeze(table);
    for (uint64_t i = 0; i < 2 * ENTRIES; i++) /* it goes on living */
        put(table, i, 1);
    assert_int_equal(choice_table_entries(table), 2 * ENTRIES);
    choice_table_free(table);
}

static void change(struct choice_table *table, unsigned slice)
{
    for (unsigned i = 0; i < 2000; i++)
        put(table, mix(seed++) % ENTRIES, 1 + slice % 3);
    choice_table_reclaim(table);
}

static void snapshot_has_nothing_of_changes_meanwhile(void **unused)
{
    (void)unused;
    struct choice_table *table = filled();
    save(table, change);
    choice_table_free(table);
    table = restored();
    expect_as_at_the_freeze(table);
    choice_table_free(table);
}

static void change_and_grow(struct choice_table *table, unsigned slice)
{
    change(table, slice);
    for (uint64_t i = 0; i < 8000; i++)
        put(table, ENTRIES + (slice * 8000 + i) % (2 * ENTRIES), 0);
}

static void snapshot_has_nothing_of_entries_that_are_made_meanwhile_and_survives_growth(void **unused)
{
    (void)unused;
    struct choice_table *table = filled();
    uint64_t bytes = choice_table_bytes(table);
    save(table, change_and_grow);
    assert_true(choice_table_bytes(table) > bytes + bytes / 5); /* it did grow */
    choice_table_free(table);
    table = restored();
    expect_as_at_the_freeze(table);
    choice_table_free(table);
}

static void snapshot_can_be_given_up_and_made_again(void **unused)
{
    (void)unused;
    struct error error = {0};
    struct choice_table *table = filled();
    assert_true(choice_table_freeze(table, &error));
    choice_table_thaw(table);
    save(table, NULL);
    choice_table_free(table);
    table = restored();
    expect_as_at_the_freeze(table);
    save(table, NULL); /* of a restored one */
    choice_table_free(table);
    table = restored();
    expect_as_at_the_freeze(table);
    choice_table_free(table);
}

static void table_is_empty_after_a_snapshot_of_no_use(void **unused)
{
    (void)unused;
    bool missing;
    struct error error = {0};
    struct choice_table *table = filled();
    save(table, NULL);
    choice_table_free(table);
    table = choice_table_new(ENTRIES - 1, 1); /* more than it may have */
    struct snapshot_reader *reader = snapshot_reader_new(path, &missing, &error);
    assert_false(choice_table_restore(table, reader));
    snapshot_reader_free(reader);
    assert_true(choice_table_clear(table));
    assert_int_equal(choice_table_entries(table), 0);
    choice_table_free(table);

    table = restored();
    assert_true(choice_table_clear(table));
    assert_int_equal(choice_table_entries(table), 0);
    struct choice_state found;
    for (uint64_t i = 0; i < ENTRIES; i += 100) {
        struct pseudonym pseudonym = pseudonym_of(i);
        assert_false(choice_table_find(table, &pseudonym, &found));
    }
    for (uint64_t i = 0; i < ENTRIES; i++)
        put(table, i, 2);
    assert_int_equal(choice_table_entries(table), ENTRIES);
    choice_table_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(snapshot_has_everybody_and_nobody_else, set_up, tear_down),
        cmocka_unit_test_setup_teardown(snapshot_has_nothing_of_changes_meanwhile, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            snapshot_has_nothing_of_entries_that_are_made_meanwhile_and_survives_growth, set_up, tear_down),
        cmocka_unit_test_setup_teardown(snapshot_can_be_given_up_and_made_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(table_is_empty_after_a_snapshot_of_no_use, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
