/*
 * What readers can see of an entry while it is written: every reading between every two stores, on random histories.
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

struct position {
    unsigned read[CHOICE_ENTRY_READ_STEPS]; /* stores done before each load; never falling */
};

static bool next_position(struct position *position, unsigned stores)
{
    for (int i = CHOICE_ENTRY_READ_STEPS - 1; i >= 0; i--) {
        if (position->read[i] == stores)
            continue;
        unsigned value = position->read[i] + 1;
        for (; i < CHOICE_ENTRY_READ_STEPS; i++)
            position->read[i] = value;
        return true;
    }
    return false;
}

/* states[0] stands in the entry; the others are stored one after another while it is read. */
static struct choice_state read_between(const struct choice_state *states, const struct position *position)
{
    struct choice_entry entry = {0};
    choice_entry_store(&entry, &states[0]);
    struct choice_words words;
    unsigned stored = 0;
    for (unsigned step = 0; step < CHOICE_ENTRY_READ_STEPS; step++) {
        for (; stored < position->read[step]; stored++)
            choice_entry_store_step(&entry, &states[1 + stored / CHOICE_ENTRY_STORE_STEPS],
                                    stored % CHOICE_ENTRY_STORE_STEPS);
        choice_entry_read_step(&entry, step, &words);
    }
    struct choice_state state;
    choice_words_unpack(&words, &state);
    return state;
}

/* Returns the number of readings that are like none of the states. */
static unsigned try_all_readings(const struct choice_state *states, unsigned count)
{
    uint64_t may = 0;
    for (unsigned i = 0; i < count; i++)
        may |= allowed(&states[i]);
    unsigned mixed = 0;
    struct position position = {{0}};
    do {
        struct choice_state between = read_between(states, &position);
        uint64_t bits = allowed(&between);
        if (bits & ~may)
            fail_msg("stores before the loads: %u %u %u %u", position.read[0], position.read[1],
                     position.read[2], position.read[3]);
        bool known = false;
        for (unsigned i = 0; i < count; i++)
            known |= bits == allowed(&states[i]);
        mixed += !known;
    } while (next_position(&position, (count - 1) * CHOICE_ENTRY_STORE_STEPS));
    return mixed;
}

static void entry_read_between_stores_allows_nothing_new(void **unused)
{
    (void)unused;
    seed = 0x2545f4914f6cdd1du;
    unsigned mixed = 0;
    for (unsigned history = 0; history < 2000; history++) {
        struct choice_state states[2] = {{0}};
        for (unsigned step = 0; step < 6; step++) {
            states[1] = states[0];
            change(&states[1]);
            mixed += try_all_readings(states, 2);
            states[0] = states[1];
        }
    }
    assert_true(mixed > 1000); /* readings that are neither did occur */
}

/* From the uncommitted view's bit to the committed `out`, in two stores or in one: no reading finds neither. */
static void entry_read_while_an_out_is_committed_finds_it(void **unused)
{
    (void)unused;
    seed = 0x853c49e6748fea9bu;
    for (unsigned history = 0; history < 1000; history++) {
        struct choice_state states[3] = {{0}};
        for (unsigned step = random_below(5); step > 0; step--)
            change(&states[0]);
        struct choice_record out = {.readable = true,
                                    .out = random_below(2) ? CHOICE_STAR
                                                           : (choice_set)(1u << random_below(NAMES)),
                                    .effective_ms = 100};
        states[0].pending |= out.out;
        states[0].pending_count++;
        states[1] = states[0];
        choice_apply(&states[1], &out, &names);
        states[2] = states[1];
        states[2].pending = 0;
        states[2].pending_count = 0;
        try_all_readings(states, 3);
        states[1] = states[2];
        try_all_readings(states, 2);
    }
}

static void entry_read_after_a_store_is_what_was_stored(void **unused)
{
    (void)unused;
    seed = 0x9e3779b97f4a7c15u;
    struct choice_state state = {0};
    struct choice_entry entry = {0};
    for (unsigned step = 0; step < 20000; step++) {
        change(&state);
        choice_entry_store(&entry, &state);
        struct choice_state read;
        choice_entry_read(&entry, &read);
        assert_int_equal(allowed(&read), allowed(&state));
        if (step % 50 == 0)
            state = (struct choice_state){0};
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entry_read_between_stores_allows_nothing_new),
        cmocka_unit_test(entry_read_while_an_out_is_committed_finds_it),
        cmocka_unit_test(entry_read_after_a_store_is_what_was_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
