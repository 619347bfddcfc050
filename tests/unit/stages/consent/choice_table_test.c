#include "stages/consent/choice_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>

/* A pseudonym by number, spread over all bits like a hash (the finaliser of SplitMix64). */
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

static struct choice_handle entry_of(struct choice_table *table, uint64_t number)
{
    struct pseudonym pseudonym = pseudonym_of(number);
    struct choice_handle entry = {0};
    struct error error = {0};
    if (!choice_table_entry(table, &pseudonym, &entry, &error))
        fail_msg("%s", error.what);
    return entry;
}

static bool find(struct choice_table *table, uint64_t number, struct choice_state *out_state)
{
    struct pseudonym pseudonym = pseudonym_of(number);
    choice_table_prefetch(table, &pseudonym);
    return choice_table_find(table, &pseudonym, out_state);
}

static void table_keeps_every_field_to_its_bounds(void **unused)
{
    (void)unused;
    static const struct choice_state states[] = {
        {0},
        {.out = 0xffff,
         .before = 0xffff,
         .withdrawn = 0xffff,
         .pending = 0xffff,
         .ordered = true,
         .two_step = true,
         .signalled = true,
         .recorded = true,
         .effective_ms = CHOICE_EFFECTIVE_MS_MAX,
         .seq = INT64_MAX,
         .before_until_ms = CHOICE_EFFECTIVE_MS_MAX,
         .last_out_ms = CHOICE_EFFECTIVE_MS_MAX,
         .pending_count = (1u << 20) - 1},
        {.in = 0xffff, .seq = INT64_MIN, .effective_ms = 1},
        {.out = 1,
         .in = 2,
         .before = 4,
         .withdrawn = 8,
         .pending = 16,
         .two_step = true,
         .before_until_ms = 1,
         .pending_count = 1},
        {.in = CHOICE_STAR, .ordered = true, .recorded = true},
    };
    struct choice_table *table = choice_table_new(10, 1);
    assert_non_null(table);
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        const struct choice_state *in = &states[i];
        struct choice_handle entry = entry_of(table, 1);
        choice_table_store(table, entry, in);
        struct choice_state out;
        memset(&out, 0xa5, sizeof out);
        choice_table_load(table, entry, &out);
        assert_int_equal(out.out, in->out);
        assert_int_equal(out.in, in->in);
        assert_int_equal(out.before, in->before);
        assert_int_equal(out.withdrawn, in->withdrawn);
        assert_int_equal(out.pending, in->pending);
        assert_int_equal(out.ordered, in->ordered);
        assert_int_equal(out.two_step, in->two_step);
        assert_int_equal(out.signalled, in->signalled);
        assert_int_equal(out.recorded, in->recorded);
        assert_int_equal(out.effective_ms, in->effective_ms);
        assert_int_equal(out.seq, in->seq);
        assert_int_equal(out.before_until_ms, in->before_until_ms);
        assert_int_equal(out.pending_count, in->pending_count);

        choice_table_hold(table, 0);
        memset(&out, 0xa5, sizeof out);
        assert_true(find(table, 1, &out));
        choice_table_yield(table, 0);
        assert_int_equal(out.out, in->out);
        assert_int_equal(out.in, in->in);
        assert_int_equal(out.before, in->before);
        assert_int_equal(out.withdrawn, in->withdrawn);
        assert_int_equal(out.pending, in->pending);
        assert_int_equal(out.signalled, in->signalled);
        assert_int_equal(out.effective_ms, in->effective_ms);
        assert_int_equal(out.before_until_ms, in->before_until_ms);

        struct pseudonym pseudonym = pseudonym_of(1);
        choice_table_hold(table, 0);
        assert_true(choice_table_find_whole(table, &pseudonym, &out));
        choice_table_yield(table, 0);
        assert_true(choice_state_equal(&out, in));
    }
    assert_int_equal(choice_table_entries(table), 1);
    choice_table_free(table);
}

static void table_finds_everybody_in_it_and_nobody_else(void **unused)
{
    (void)unused;
    enum { COUNT = 300000 };
    struct choice_table *table = choice_table_new(COUNT, 1);
    for (uint64_t i = 0; i < COUNT; i++) {
        struct choice_handle entry = entry_of(table, i);
        assert_int_equal(choice_table_entries(table), i + 1);
        struct choice_state state = {.effective_ms = (int64_t)i};
        choice_table_store(table, entry, &state);
    }
    assert_int_equal(choice_table_entries(table), COUNT);
    choice_table_hold(table, 0);
    for (uint64_t i = 0; i < COUNT; i++) {
        struct choice_state state;
        assert_true(find(table, i, &state));
        assert_int_equal(state.effective_ms, i);
        choice_table_load(table, entry_of(table, i), &state);
        assert_int_equal(state.effective_ms, i);
        assert_int_equal(choice_table_entries(table), COUNT);
    }
    struct choice_state untouched = {.effective_ms = 4711};
    for (uint64_t i = COUNT; i < 2 * COUNT; i++)
        assert_false(find(table, i, &untouched));
    assert_int_equal(untouched.effective_ms, 4711);
    choice_table_yield(table, 0);
    choice_table_free(table);
}

/* From 3 million on: before, the last chunk of entries, which is taken whole, counts for much. */
static void table_stays_below_40_bytes_an_entry(void **unused)
{
    (void)unused;
    enum { COUNT = 4500000, FROM = 3000000 };
    struct choice_table *table = choice_table_new(COUNT, 1);
    for (uint64_t i = 0; i < COUNT; i++) {
        entry_of(table, i);
        if (i >= FROM && i % 10000 == 0 && choice_table_bytes(table) > 40 * i)
            fail_msg("%.1f bytes at %u entries", (double)choice_table_bytes(table) / (double)i, (unsigned)i);
    }
    choice_table_free(table);
}

/* Those that share the place or the bits of the entry are told apart. */
static void table_gives_back_what_was_expected_and_did_not_come(void **unused)
{
    (void)unused;
    enum { ENTRIES = 200000 };
    struct choice_table *table = choice_table_new(10 * ENTRIES, 1);
    struct choice_state state;
    assert_non_null(table);
    choice_table_expect(table, 8 * ENTRIES);
    for (uint64_t i = 0; i < ENTRIES; i++)
        choice_table_store(table, entry_of(table, i), &(struct choice_state){.seq = (int64_t)i});
    assert_true(choice_table_bytes(table) > 60 * ENTRIES);
    choice_table_fit(table);
    assert_true(choice_table_bytes(table) < 40 * ENTRIES);
    assert_int_equal(choice_table_entries(table), ENTRIES);
    choice_table_hold(table, 0);
    for (uint64_t i = 0; i < ENTRIES; i++) {
        struct pseudonym pseudonym = pseudonym_of(i);
        assert_true(choice_table_find_whole(table, &pseudonym, &state));
        assert_int_equal(state.seq, i);
    }
    assert_false(find(table, ENTRIES, &state));
    choice_table_yield(table, 0);
    choice_table_free(table);
}

static void table_tells_colliding_subjects_apart(void **unused)
{
    (void)unused;
    struct choice_table *table = choice_table_new(100000, 1);
    struct error error = {0};
    struct pseudonym twins[64];
    for (unsigned i = 0; i < 64; i++) {
        twins[i] = pseudonym_of(1);
        twins[i].bytes[i < 32 ? 8 : 0] ^= (uint8_t)(1 + i);
        memset(twins[i].bytes, i < 32 ? 0xff : twins[i].bytes[0], 4); /* the last place: into the tail */
        struct choice_handle entry;
        assert_true(choice_table_entry(table, &twins[i], &entry, &error));
        struct choice_state state = {.effective_ms = i};
        choice_table_store(table, entry, &state);
    }
    for (uint64_t i = 0; i < 20000; i++) /* grow around them */
        entry_of(table, 1000 + i);
    choice_table_hold(table, 0);
    for (unsigned i = 0; i < 64; i++) {
        struct choice_state state;
        assert_true(choice_table_find(table, &twins[i], &state));
        assert_int_equal(state.effective_ms, i);
    }
    choice_table_yield(table, 0);
    choice_table_free(table);
}

static void table_says_when_it_is_full(void **unused)
{
    (void)unused;
    struct choice_table *table = choice_table_new(3, 1);
    for (uint64_t i = 0; i < 3; i++)
        entry_of(table, i);
    struct pseudonym fourth = pseudonym_of(3);
    struct choice_handle entry = {.bucket = 4711};
    struct error error = {0};
    assert_false(choice_table_entry(table, &fourth, &entry, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_CONFIGURATION);
    assert_non_null(strstr(error.action, "entries_max"));
    assert_int_equal(entry.bucket, 4711);
    entry_of(table, 2); /* who is in stays in */
    assert_int_equal(choice_table_entries(table), 3);
    choice_table_free(table);
}

static void table_keeps_what_a_reader_holds_over_growth(void **unused)
{
    (void)unused;
    struct choice_table *table = choice_table_new(100000, 2);
    entry_of(table, 0);
    choice_table_hold(table, 1);
    for (uint64_t i = 1; i < 20000; i++)
        entry_of(table, i);
    struct choice_state state = {.out = 1, .recorded = true};
    choice_table_store(table, entry_of(table, 0), &state);
    struct choice_state seen;
    assert_true(find(table, 0, &seen)); /* a change after the hold */
    assert_int_equal(seen.out, 1);

    uint64_t before = choice_table_bytes(table);
    choice_table_reclaim(table);
    assert_int_equal(choice_table_bytes(table), before);
    choice_table_yield(table, 1);
    choice_table_reclaim(table);
    assert_true(choice_table_bytes(table) < before);

    choice_table_hold(table, 1);
    assert_true(find(table, 19999, &seen));
    choice_table_yield(table, 1);
    choice_table_free(table);
}

/* ---- one writer, many readers ---- */

#if defined(__SANITIZE_THREAD__)
enum { GROWTH = 10000, ROUNDS = 20000 };
#else
enum { GROWTH = 30000, ROUNDS = 1000000 };
#endif
enum { THREADS = 2 };

struct race {
    struct choice_table *table;
    _Atomic uint64_t inserted; /* numbers below are in */
    _Atomic unsigned ready;
    atomic_bool done;
};

struct racer {
    struct race *race;
    unsigned number;
    uint64_t looks;
};

static void run_race(struct race *race, void *(*reader)(void *), void (*writer)(struct race *race))
{
    pthread_t threads[THREADS];
    struct racer racers[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        racers[i] = (struct racer){.race = race, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, reader, &racers[i]), 0);
    }
    while (atomic_load(&race->ready) < THREADS)
        continue;
    writer(race);
    atomic_store(&race->done, true);
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(racers[i].looks > 0);
    }
    choice_table_free(race->table);
}

static void *read_growing(void *context)
{
    struct racer *racer = context;
    struct race *race = racer->race;
    uint64_t step = racer->number;
    do {
        uint64_t inserted = atomic_load(&race->inserted);
        choice_table_hold(race->table, racer->number);
        for (unsigned i = 0; i < 20; i++) {
            struct choice_state state;
            uint64_t number = mix(step++) % inserted;
            ensure(find(race->table, number, &state));
            ensure(state.effective_ms == 0 || state.effective_ms == (int64_t)number);
            racer->looks++;
        }
        choice_table_yield(race->table, racer->number);
        if (racer->looks == 20)
            atomic_fetch_add(&race->ready, 1);
    } while (!atomic_load(&race->done));
    return NULL;
}

static void write_growing(struct race *race)
{
    for (uint64_t i = 1; i < GROWTH; i++) {
        struct choice_state state = {.effective_ms = (int64_t)i};
        choice_table_store(race->table, entry_of(race->table, i), &state);
        atomic_store(&race->inserted, i + 1);
        choice_table_reclaim(race->table);
    }
}

/* Subjects that all belong at the same place, in random order: each new one moves half of the others up, under the
 * readers' eyes. */
static struct pseudonym crowded(uint64_t number)
{
    struct pseudonym pseudonym = pseudonym_of(number);
    pseudonym.bytes[2] = pseudonym.bytes[3] = 0;
    return pseudonym;
}

enum { CROWD = 400 }; /* fits behind one place */

static void *read_crowd(void *context)
{
    struct racer *racer = context;
    struct race *race = racer->race;
    uint64_t step = racer->number;
    choice_table_hold(race->table, racer->number);
    do {
        struct choice_state state;
        uint64_t number = mix(step++) % atomic_load(&race->inserted);
        struct pseudonym pseudonym = crowded(number);
        ensure(choice_table_find(race->table, &pseudonym, &state));
        ensure(state.effective_ms == (int64_t)number);
        if (racer->looks++ == 0)
            atomic_fetch_add(&race->ready, 1);
    } while (!atomic_load(&race->done));
    choice_table_yield(race->table, racer->number);
    return NULL;
}

static void write_crowd(struct race *race)
{
    for (uint64_t i = atomic_load(&race->inserted); i < CROWD; i++) {
        struct pseudonym pseudonym = crowded(i);
        struct choice_handle entry;
        struct error error = {0};
        assert_true(choice_table_entry(race->table, &pseudonym, &entry, &error));
        struct choice_state state = {.effective_ms = (int64_t)i};
        choice_table_store(race->table, entry, &state);
        atomic_store(&race->inserted, i + 1);
    }
}

static void table_readers_find_everybody_while_words_move_up(void **unused)
{
    (void)unused;
    for (unsigned round = 0; round < ROUNDS / 10000; round++) {
        struct race race = {.table = choice_table_new(CROWD, THREADS)};
        struct pseudonym pseudonym = crowded(0);
        struct choice_handle entry;
        struct error error = {0};
        assert_true(choice_table_entry(race.table, &pseudonym, &entry, &error));
        atomic_store(&race.inserted, 1);
        run_race(&race, read_crowd, write_crowd);
    }
}

static void table_readers_find_everybody_who_was_in_before_their_hold(void **unused)
{
    (void)unused;
    struct race race = {.table = choice_table_new(GROWTH, THREADS), .inserted = 1};
    entry_of(race.table, 0);
    run_race(&race, read_growing, write_growing);
}

/* A reader never sees an `in` take effect earlier than the record that gave it, whether a state fits its entry or is a
 * rare one, which are used again under its eyes. */
static void *read_changing(void *context)
{
    struct racer *racer = context;
    struct race *race = racer->race;
    const struct pseudonym zero = pseudonym_of(0);
    choice_table_hold(race->table, racer->number);
    do {
        struct choice_state state;
        ensure(find(race->table, 0, &state));
        ensure((state.in & state.out) == 0);
        /* `withdrawn` tells in this test which record the sets are of */
        ensure(state.effective_ms == state.withdrawn);
        ensure(state.before_until_ms == 0 || state.before_until_ms == state.withdrawn + 1);
        ensure(choice_table_find_whole(race->table, &zero, &state));
        ensure(state.effective_ms == state.withdrawn && state.seq == 3 * state.effective_ms);
        if (racer->looks % 64 == 0) {
            choice_table_yield(race->table, racer->number);
            choice_table_hold(race->table, racer->number);
        }
        if (racer->looks++ == 0)
            atomic_fetch_add(&race->ready, 1);
    } while (!atomic_load(&race->done));
    choice_table_yield(race->table, racer->number);
    return NULL;
}

/* As many as `withdrawn` has numbers for: a reader that was put to sleep in the middle may miss any number of them. */
enum { CHANGES = UINT16_MAX };

static void write_changing(struct race *race)
{
    struct choice_handle entry = entry_of(race->table, 0);
    for (unsigned round = 1; round <= CHANGES; round++) {
        struct choice_state state = {
            .in = round % 2,
            .out = round % 2 ^ 1,
            .withdrawn = (choice_set)round,
            .effective_ms = round,
            .seq = 3 * (int64_t)round,
            .before_until_ms = round % 3 == 1 ? round + 1 : 0, /* does not fit */
        };
        choice_table_store(race->table, entry, &state);
        if (round % 8 == 0)
            choice_table_reclaim(race->table);
    }
}

static void table_readers_see_no_in_before_its_time(void **unused)
{
    (void)unused;
    struct race race = {.table = choice_table_new(10, THREADS)};
    entry_of(race.table, 0);
    run_race(&race, read_changing, write_changing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_keeps_every_field_to_its_bounds),
        cmocka_unit_test(table_finds_everybody_in_it_and_nobody_else),
        cmocka_unit_test(table_stays_below_40_bytes_an_entry),
        cmocka_unit_test(table_gives_back_what_was_expected_and_did_not_come),
        cmocka_unit_test(table_tells_colliding_subjects_apart),
        cmocka_unit_test(table_says_when_it_is_full),
        cmocka_unit_test(table_keeps_what_a_reader_holds_over_growth),
        cmocka_unit_test(table_readers_find_everybody_who_was_in_before_their_hold),
        cmocka_unit_test(table_readers_find_everybody_while_words_move_up),
        cmocka_unit_test(table_readers_see_no_in_before_its_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
