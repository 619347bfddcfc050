#include "stages/consent/choice_entry.h"

#include "common/error.h"

enum {
    PENDING_BITS = 16,
    FLAG_ORDERED = 1 << 16,
    FLAG_TWO_STEP = 1 << 17,
    FLAG_SIGNALLED = 1 << 18,
    FLAG_RECORDED = 1 << 19,
    TIME_SHIFT = 20,  /* pending and flags below */
    UNTIL_SHIFT = 20, /* pending_count below */
};

static uint64_t pack_sets(const struct choice_state *state)
{
    return (uint64_t)state->out | (uint64_t)state->in << 16 | (uint64_t)state->before << 32 |
           (uint64_t)state->withdrawn << 48;
}

static void unpack_sets(uint64_t sets, struct choice_state *state)
{
    state->out = (choice_set)sets;
    state->in = (choice_set)(sets >> 16);
    state->before = (choice_set)(sets >> 32);
    state->withdrawn = (choice_set)(sets >> 48);
}

static uint64_t pack_time(const struct choice_state *state, choice_set pending)
{
    return (uint64_t)state->effective_ms << TIME_SHIFT | (state->ordered ? FLAG_ORDERED : 0) |
           (state->two_step ? FLAG_TWO_STEP : 0) | (state->signalled ? FLAG_SIGNALLED : 0) |
           (state->recorded ? FLAG_RECORDED : 0) | pending;
}

void choice_entry_load(const struct choice_entry *entry, struct choice_state *out_state)
{
    uint64_t time = atomic_load_explicit(&entry->time, memory_order_relaxed);
    uint64_t until = atomic_load_explicit(&entry->until, memory_order_relaxed);
    unpack_sets(atomic_load_explicit(&entry->sets, memory_order_relaxed), out_state);
    out_state->pending = (choice_set)time;
    out_state->ordered = time & FLAG_ORDERED;
    out_state->two_step = time & FLAG_TWO_STEP;
    out_state->signalled = time & FLAG_SIGNALLED;
    out_state->recorded = time & FLAG_RECORDED;
    out_state->effective_ms = (int64_t)(time >> TIME_SHIFT);
    out_state->seq = entry->seq;
    out_state->last_out_ms = entry->last_out_ms;
    out_state->before_until_ms = (int64_t)(until >> UNTIL_SHIFT);
    out_state->pending_count = (uint32_t)until & CHOICE_ENTRY_PENDING_MAX;
}

void choice_entry_store_step(struct choice_entry *entry, const struct choice_state *state, unsigned step)
{
    choice_set pending = (choice_set)atomic_load_explicit(&entry->time, memory_order_relaxed);
    switch (step) {
    case 0:
        entry->seq = state->seq;
        entry->last_out_ms = state->last_out_ms;
        atomic_store_explicit(&entry->until,
                              (uint64_t)state->before_until_ms << UNTIL_SHIFT | state->pending_count,
                              memory_order_relaxed);
        break;
    case 1: /* bits that go stay until the sets are there */
        atomic_store_explicit(&entry->time, pack_time(state, state->pending | pending), memory_order_relaxed);
        break;
    case 2:
        atomic_store_explicit(&entry->sets, pack_sets(state), memory_order_release);
        break;
    default:
        if (pending != state->pending)
            atomic_store_explicit(&entry->time, pack_time(state, state->pending), memory_order_release);
        break;
    }
}

void choice_entry_store(struct choice_entry *entry, const struct choice_state *state)
{
    ensure(state->effective_ms >= 0 && state->effective_ms <= CHOICE_EFFECTIVE_MS_MAX);
    ensure(state->before_until_ms >= 0 && state->before_until_ms <= CHOICE_EFFECTIVE_MS_MAX);
    ensure(state->pending_count <= CHOICE_ENTRY_PENDING_MAX && !(state->in & state->out));
    for (unsigned step = 0; step < CHOICE_ENTRY_STORE_STEPS; step++)
        choice_entry_store_step(entry, state, step);
}

void choice_words_unpack(const struct choice_words *words, struct choice_state *out_state)
{
    *out_state = (struct choice_state){
        .pending = (choice_set)words->time_first,
        .signalled = words->time_first & FLAG_SIGNALLED,
        .recorded = words->time_first & FLAG_RECORDED,
        .effective_ms = (int64_t)(words->time_last >> TIME_SHIFT),
        .before_until_ms = (int64_t)(words->until >> UNTIL_SHIFT),
    };
    unpack_sets(words->sets, out_state);
}
