/*
 * Design. `in`s are counted by when they were read, in slices of the window, since a record's own timestamp is its
 * producer's word: one that is backdated must not count as long past. When a process comes back the time of reading says
 * nothing: what came since its snapshot is counted by its own time, partition by partition as it is read, and looked at when
 * all of it is there. So a restart releases nothing that a running process would hold, and what is old is not new because it
 * is read again.
 *
 * Partitions are read side by side, so a confirmation may be read before `in`s that were written before it. Those, by their
 * timestamp, are covered too, for the length of a window.
 */
#include "stages/consent/brake.h"

void brake_init(struct brake *brake, const struct brake_limits *limits)
{
    *brake = (struct brake){.limits = *limits, .is_exempt = true};
    if (brake->limits.window_ms < BRAKE_SLICES)
        brake->limits.window_ms = BRAKE_SLICES; /* a slice has a length */
}

void brake_expect(struct brake *brake, uint64_t last_size, int64_t last_ms)
{
    brake->is_exempt = false;
    brake->last_size = last_size;
    brake->last_ms = last_ms;
}

uint64_t brake_limit(const struct brake_limits *limits, uint64_t entries)
{
    uint64_t share = (uint64_t)((double)entries * limits->share);
    return share > limits->ins_min ? share : limits->ins_min;
}

/* ---- the window ---- */

static void advance(struct brake *brake, int64_t now_ms)
{
    if (now_ms > brake->now_ms)
        brake->now_ms = now_ms;
    int64_t slice = brake->now_ms / (brake->limits.window_ms / BRAKE_SLICES);
    for (int64_t gone = brake->slice + 1; gone <= slice && brake->ins > 0; gone++) {
        uint64_t *counts = &brake->slices[gone % BRAKE_SLICES];
        brake->ins -= *counts;
        *counts = 0;
    }
    brake->slice = slice;
}

static void forget_ins(struct brake *brake)
{
    memset(brake->slices, 0, sizeof brake->slices);
    brake->ins = 0;
}

static void show(struct brake *brake, uint64_t entries)
{
    uint64_t ins = brake_hold(brake) == BRAKE_HOLDS_INS ? brake->held_ins : brake->ins;
    atomic_store_explicit(&brake->shown_ins, ins, memory_order_relaxed);
    atomic_store_explicit(&brake->shown_limit, brake_limit(&brake->limits, entries), memory_order_relaxed);
}

static void set_hold(struct brake *brake, enum brake_hold hold)
{
    atomic_store_explicit(&brake->hold, (int)hold, memory_order_release);
}

/* ---- what a confirmation covers ---- */

/* Not much more than its author saw. */
static bool covers_more(const struct brake *brake, const struct consent_confirmation *confirmation,
                        uint64_t entries)
{
    return entries <= confirmation->entries ||
           entries - confirmation->entries <= brake_limit(&brake->limits, confirmation->entries);
}

/* Not less than its author saw, but for the share that holds nobody. */
static bool covers_less(const struct brake *brake, const struct consent_confirmation *confirmation,
                        uint64_t entries)
{
    return (double)entries >= (double)confirmation->entries * (1 - brake->limits.share);
}

static bool is_confirmed(const struct brake *brake, int64_t timestamp_ms, uint64_t entries)
{
    return brake->confirmed_ms > 0 && timestamp_ms >= 0 && timestamp_ms <= brake->confirmed_ms &&
           brake->now_ms - brake->confirmed_ms <= brake->limits.window_ms &&
           covers_more(brake, &brake->confirmed, entries);
}

/* ---- the follower's thread ---- */

static int64_t slice_ms(const struct brake *brake)
{
    return brake->limits.window_ms / BRAKE_SLICES;
}

/* What was written before the snapshot is in it, or was; with it nothing is new. */
static void note_past(struct brake *brake, int64_t timestamp_ms)
{
    if (timestamp_ms <= brake->last_ms)
        return;
    int64_t slice = (timestamp_ms - brake->last_ms) / slice_ms(brake);
    uint32_t *count = &brake->past[slice < BRAKE_PAST ? slice : BRAKE_PAST - 1];
    if (*count < UINT32_MAX)
        ++*count;
}

/* The most `in`s of any one window since the snapshot, or since a confirmation that covers what was there then. */
static uint64_t most_of_past(const struct brake *brake, uint64_t entries)
{
    int64_t first = 0;
    uint64_t sum = 0, most = 0;
    if (brake->confirmed_ms > brake->last_ms && covers_more(brake, &brake->confirmed, entries))
        first = (brake->confirmed_ms - brake->last_ms) / slice_ms(brake) + 1;
    for (int64_t i = first; i < BRAKE_PAST; i++) {
        sum += brake->past[i];
        if (i - first >= BRAKE_SLICES)
            sum -= brake->past[i - BRAKE_SLICES];
        if (sum > most)
            most = sum;
    }
    return most;
}

static void judge_past(struct brake *brake, uint64_t entries)
{
    uint64_t most = most_of_past(brake, entries);
    uint64_t announced = most < brake->allowance ? most : brake->allowance;
    brake->allowance -= announced;
    if (most - announced <= brake_limit(&brake->limits, entries))
        return;
    brake->held_ins = most;
    set_hold(brake, BRAKE_HOLDS_INS);
}

void brake_note_in(struct brake *brake, int64_t timestamp_ms, int64_t now_ms, uint64_t entries)
{
    if (brake->is_exempt)
        return;
    if (!brake->is_following) {
        note_past(brake, timestamp_ms);
        return;
    }
    advance(brake, now_ms > 0 ? now_ms : timestamp_ms);
    if (is_confirmed(brake, timestamp_ms, entries))
        return;
    if (brake->allowance > 0 && brake->now_ms <= brake->allowance_until_ms) {
        brake->allowance--;
        return;
    }
    brake->slices[brake->slice % BRAKE_SLICES]++;
    brake->ins++;
    if (brake_hold(brake) == BRAKE_HOLDS_INS) {
        brake->held_ins++;
    } else if (brake->ins > brake_limit(&brake->limits, entries) && brake_hold(brake) == BRAKE_RELEASED) {
        brake->held_ins = brake->ins;
        set_hold(brake, BRAKE_HOLDS_INS);
    }
    show(brake, entries);
}

void brake_complete(struct brake *brake, uint64_t entries)
{
    const struct consent_confirmation *confirmed = &brake->confirmed;
    brake->is_exempt = false;
    brake->is_following = true;
    judge_past(brake, entries);
    show(brake, entries);
    bool has_shrunk = (double)entries < (double)brake->last_size * (1 - brake->limits.share);
    bool is_meant = brake->confirmed_ms > brake->last_ms && covers_more(brake, confirmed, entries) &&
                    covers_less(brake, confirmed, entries);
    if (!has_shrunk || is_meant)
        return;
    atomic_store_explicit(&brake->shown_last_size, brake->last_size, memory_order_relaxed);
    atomic_store_explicit(&brake->shown_size, entries, memory_order_relaxed);
    set_hold(brake, BRAKE_HOLDS_SHRUNK);
}

/* An announcement lets that many `in`s through, those that came before it among them. */
static void announce(struct brake *brake, const struct consent_confirmation *confirmation, uint64_t entries)
{
    if (brake->now_ms > confirmation->until_ms)
        return;
    bool holds = brake_hold(brake) == BRAKE_HOLDS_INS;
    uint64_t came = holds ? brake->held_ins : brake->ins;
    brake->allowance = came < confirmation->expect_in ? confirmation->expect_in - came : 0;
    brake->allowance_until_ms = confirmation->until_ms;
    uint64_t unannounced = came < confirmation->expect_in ? 0 : came - confirmation->expect_in;
    if (unannounced > brake_limit(&brake->limits, entries))
        return;
    forget_ins(brake);
    if (holds)
        set_hold(brake, BRAKE_RELEASED);
}

static void confirm(struct brake *brake, const struct consent_confirmation *confirmation, uint64_t entries)
{
    bool has_shrunk = brake_hold(brake) == BRAKE_HOLDS_SHRUNK;
    if (!covers_more(brake, confirmation, entries) ||
        (has_shrunk && !covers_less(brake, confirmation, entries)))
        return;
    forget_ins(brake);
    set_hold(brake, BRAKE_RELEASED);
}

void brake_confirm(struct brake *brake, const struct consent_confirmation *confirmation, int64_t timestamp_ms,
                   int64_t now_ms, uint64_t entries)
{
    advance(brake, now_ms > 0 ? now_ms : timestamp_ms);
    if (confirmation->expect_in > 0) {
        announce(brake, confirmation, entries);
    } else {
        brake->confirmed = *confirmation;
        brake->confirmed_ms = timestamp_ms < brake->now_ms ? timestamp_ms : brake->now_ms;
        confirm(brake, confirmation, entries);
    }
    show(brake, entries);
}

/* ---- any thread ---- */

enum brake_hold brake_hold(const struct brake *brake)
{
    return (enum brake_hold)atomic_load_explicit(&brake->hold, memory_order_acquire);
}

void brake_numbers(const struct brake *brake, struct brake_numbers *out_numbers)
{
    *out_numbers = (struct brake_numbers){
        .hold = brake_hold(brake),
        .ins = atomic_load_explicit(&brake->shown_ins, memory_order_relaxed),
        .limit = atomic_load_explicit(&brake->shown_limit, memory_order_relaxed),
        .last_size = atomic_load_explicit(&brake->shown_last_size, memory_order_relaxed),
        .size = atomic_load_explicit(&brake->shown_size, memory_order_relaxed),
    };
}
