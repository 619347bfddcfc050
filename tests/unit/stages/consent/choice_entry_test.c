/*
 * What fits an entry and comes out as it went in, on random histories and at every bound. A decision reads one word, so
 * there is nothing between two stores to be seen; choice_table_test has threads look.
 */
#include "stages/consent/choice_entry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { NAMES = 3 }; /* the last one's predecessor is the one before it */

static const struct choice_names names = {
    .names = {{"a", 1}, {"b", 1}, {"c", 1}},
    .predecessors = {0, 0, 1 << 1},
    .count = NAMES,
};

static uint64_t seed;

static unsigned random_below(unsigned bound)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)((seed >> 20) % bound);
}

/* One more thing that happens to a subject: a record, committed or not, a decision about those that were not, a signal. */
static void change(struct choice_state *state)
{
    struct choice_record record = {
        .readable = random_below(20) != 0,
        .tombstone = random_below(2),
        .two_step = random_below(2),
        .closed = random_below(15) == 0,
        .effective_ms = random_below(5) * 10,
        .seq = random_below(2),
    };
    for (unsigned bit = 0; bit < 4; bit++) {
        choice_set mask = bit < NAMES ? (choice_set)(1u << bit) : CHOICE_STAR;
        unsigned choice = random_below(5);
        if (choice < 2)
            record.in |= mask;
        else if (choice == 2)
            record.out |= mask;
    }
    switch (random_below(6)) {
    case 0: /* uncommitted */
        state->pending |= choice_record_outs(&record);
        state->pending_count++;
        break;
    case 1: /* decided */
        state->pending = 0;
        state->pending_count = 0;
        break;
    case 2:
        state->signalled |= random_below(20) == 0;
        break;
    default:
        choice_apply(state, &record, &names);
        break;
    }
}

/* Bit by programme, time and regime: allowed. */
static uint64_t allowed(const struct choice_state *state)
{
    uint64_t bits = 0;
    unsigned bit = 0;
    for (unsigned programme = 0; programme < NAMES; programme++) {
        for (int64_t time = 0; time <= 45; time += 5, bit += 2) {
            enum choice_answer answer =
                choice_answer(state, (choice_set)(1u << programme), names.predecessors[programme], time);
            bits |= (uint64_t)(answer == CHOICE_IN) << bit;
            bits |= (uint64_t)(answer >= CHOICE_NONE) << (bit + 1);
        }
    }
    return bits;
}

static void entry_that_fits_keeps_every_field(void **unused)
{
    (void)unused;
    seed = 0x2545f4914f6cdd1du;
    struct choice_shapes shapes;
    assert_true(choice_shapes_init(&shapes));
    unsigned fitted = 0, rare = 0;
    struct choice_state state = {0};
    for (unsigned step = 0; step < 20000; step++) {
        change(&state);
        struct choice_state read;
        uint64_t choices, order;
        if (choice_entry_pack(&shapes, &state, &choices, &order)) {
            assert_false(choice_entry_is_rare(choices));
            choice_entry_unpack(&shapes, choices, order, &read);
            assert_true(choice_state_equal(&read, &state));
            choice_entry_unpack(&shapes, choices, 0, &read); /* as a decision reads it */
            assert_int_equal(allowed(&read), allowed(&state));
            fitted++;
        } else {
            rare++;
        }
        if (step % 8 == 0)
            state = (struct choice_state){0};
    }
    assert_true(fitted > 10000);
    assert_true(rare > 100); /* histories that do not fit did occur */
    choice_shapes_release(&shapes);
}

static void entry_refuses_what_it_has_no_bits_for(void **unused)
{
    (void)unused;
    static const struct {
        const char *why;
        struct choice_state state;
        bool fits;
    } rows[] = {
        {"nothing", {0}, true},
        {"the latest time", {.effective_ms = CHOICE_EFFECTIVE_MS_MAX}, true},
        {"one past it", {.effective_ms = CHOICE_EFFECTIVE_MS_MAX + 1}, false},
        {"before 1970", {.effective_ms = -1}, false},
        {"the largest seq", {.seq = (INT64_C(1) << 47) - 1}, true},
        {"one past it", {.seq = INT64_C(1) << 47}, false},
        {"the smallest seq", {.seq = -(INT64_C(1) << 47)}, true},
        {"one past it", {.seq = -(INT64_C(1) << 47) - 1}, false},
        {"255 uncommitted records", {.pending = 1, .pending_count = 255}, true},
        {"256", {.pending = 1, .pending_count = 256}, false},
        {"earlier `out`s ended by the newest record",
         {.before = 1, .effective_ms = 5, .before_until_ms = 5},
         true},
        {"ended by an older one", {.before = 1, .effective_ms = 6, .before_until_ms = 5}, false},
        {"the newest record is the last `out`", {.out = 1, .effective_ms = 5, .last_out_ms = 5}, true},
        {"it came earlier", {.in = 1, .effective_ms = 5, .last_out_ms = 4}, false},
        {"nobody knows when", {.in = 1, .effective_ms = 5, .last_out_ms = CHOICE_LAST_OUT_UNTIMED}, true},
        {"ended at the beginning of time", {.before = 1, .effective_ms = 6}, true},
    };
    struct choice_shapes shapes;
    assert_true(choice_shapes_init(&shapes));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t choices, order;
        if (choice_entry_pack(&shapes, &rows[i].state, &choices, &order) != rows[i].fits)
            fail_msg("%s", rows[i].why);
    }
    choice_shapes_release(&shapes);
}

static void entry_of_one_shape_too_many_does_not_fit(void **unused)
{
    (void)unused;
    struct choice_shapes shapes;
    assert_true(choice_shapes_init(&shapes));
    uint64_t choices, order, last = 0;
    for (uint32_t i = 1; i < CHOICE_SHAPES_MAX; i++) {
        struct choice_state state = {.out = (choice_set)i}, read;
        assert_true(choice_entry_pack(&shapes, &state, &choices, &order));
        assert_int_equal(choice_entry_shape_number(choices), i);
        choice_entry_unpack(&shapes, choices, order, &read);
        assert_true(choice_state_equal(&read, &state));
        last = choices;
    }
    struct choice_state more = {.in = 1}, known = {.out = 0xffff};
    assert_false(choice_entry_pack(&shapes, &more, &choices, &order));
    assert_true(choice_entry_pack(&shapes, &known, &choices, &order));
    assert_int_equal(choices, last);
    choice_shapes_release(&shapes);
}

/* The uncommitted `out`s are gone, and nothing else. */
static void entry_without_what_is_uncommitted_has_all_the_rest(void **unused)
{
    (void)unused;
    seed = 0x853c49e6748fea9bu;
    struct choice_shapes shapes;
    assert_true(choice_shapes_init(&shapes));
    struct choice_state state = {0};
    unsigned seen = 0;
    for (unsigned step = 0; step < 5000; step++) {
        change(&state);
        uint64_t choices, order;
        if (choice_entry_pack(&shapes, &state, &choices, &order) && state.pending_count) {
            uint32_t number = choice_entry_shape_number(choices);
            shapes.list[number] = choice_shape_committed(shapes.list[number]);
            struct choice_state read, committed = state;
            committed.pending = 0;
            committed.pending_count = 0;
            choice_entry_unpack(&shapes, choices, choice_entry_order_committed(order), &read);
            assert_true(choice_state_equal(&read, &committed));
            choice_shapes_release(&shapes); /* it was made unlike its number */
            assert_true(choice_shapes_init(&shapes));
            seen++;
        }
        if (step % 8 == 0)
            state = (struct choice_state){0};
    }
    assert_true(seen > 300);
    choice_shapes_release(&shapes);
}

static void entry_gives_both_words_as_they_stood_together(void **unused)
{
    (void)unused;
    _Atomic uint64_t first = 0, second = 0;
    uint64_t choices, order;
    for (uint64_t i = 0; i < 100; i++) { /* the stamp goes round */
        choice_entry_store(&first, &second, i << 21, i << 16);
        choice_entry_load(&first, &second, &choices, &order);
        assert_int_equal(choices >> 21, i);
        assert_int_equal(order >> 16, i);
    }
    choice_entry_store(&first, &second, choice_entry_rare(UINT32_MAX), 0);
    choice_entry_load(&first, &second, &choices, &order);
    assert_true(choice_entry_is_rare(choices));
    assert_int_equal(choice_entry_rare_number(choices), UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entry_that_fits_keeps_every_field),
        cmocka_unit_test(entry_refuses_what_it_has_no_bits_for),
        cmocka_unit_test(entry_of_one_shape_too_many_does_not_fit),
        cmocka_unit_test(entry_without_what_is_uncommitted_has_all_the_rest),
        cmocka_unit_test(entry_gives_both_words_as_they_stood_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
