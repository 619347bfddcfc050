/*
 * A brake on the dangerous direction only (spec 3, rule 8).
 *
 * A broken export or a mistaken script can turn a population to `in` within minutes, or cut the topic short, and every
 * event that is let through then can't be taken back. So the pipeline holds when new `in`s within the window exceed
 * max(ins_min, share of the entries), or when the table is more than that share below its last size, until somebody says
 * that it is meant. Opt-outs pass through here by nobody's leave: they are in the table before this is asked.
 *
 * What says so is a record `meta:confirm` (common/consent_confirmation.h). It holds the number of entries that its author
 * saw, so that it releases every holder that it covers and none that has read much more, or much less, than was looked at.
 *
 * A table that is read for the first time, with no last size to compare with, is exempt: everything in it is new.
 *
 * brake_hold and brake_numbers: any thread. All else: the one thread that follows the topic.
 */
#ifndef CLICKVEIL_STAGES_CONSENT_BRAKE_H
#define CLICKVEIL_STAGES_CONSENT_BRAKE_H

#include "common/consent_confirmation.h"
#include "common/view.h"

#include <stdatomic.h>
#include <stdint.h>

enum {
    BRAKE_SLICES = 64, /* of the window: an `in` leaves it within a 64th of its length */
    BRAKE_PAST = 9216, /* slices since the snapshot that are told apart: a day, with a window of 10 minutes */
};

enum brake_hold {
    BRAKE_RELEASED = 0,
    BRAKE_HOLDS_INS,    /* more new `in`s than anybody has announced or confirmed */
    BRAKE_HOLDS_SHRUNK, /* fewer entries than there were */
    BRAKE_HOLDS,
};

struct brake_limits {
    uint64_t ins_min; /* new `in`s within the window that are always allowed */
    double share; /* of the entries, 0 to 1; more `in`s than that, or fewer entries by more than that, hold */
    int64_t window_ms;
};

struct brake_numbers {
    enum brake_hold hold;
    uint64_t ins;             /* new, within the window; while it holds because of them: with all since */
    uint64_t limit;           /* of them */
    uint64_t last_size, size; /* BRAKE_HOLDS_SHRUNK: entries before and when it began to hold */
};

struct brake {
    struct brake_limits limits;
    bool is_exempt;            /* the first bootstrap is under way */
    bool is_following;         /* the first full read is done */
    int64_t now_ms;            /* never goes back */
    uint32_t past[BRAKE_PAST]; /* new `in`s of the first full read, by their own time since last_ms */
    uint64_t slices[BRAKE_SLICES], ins;
    uint64_t held_ins;  /* new ones, of the window that made it hold and since */
    int64_t slice;      /* number of the newest one */
    uint64_t last_size; /* 0: none is known */
    int64_t last_ms;
    uint64_t allowance; /* `in`s that were announced and have not come yet */
    int64_t allowance_until_ms;
    struct consent_confirmation confirmed; /* the last one; all zero: none */
    int64_t confirmed_ms;
    _Atomic int hold;
    _Atomic uint64_t shown_ins, shown_limit, shown_last_size, shown_size;
};

void brake_init(struct brake *brake, const struct brake_limits *limits);

/* The table's size at that moment in an earlier process, out of its snapshot: what is read now is no first bootstrap. Before
 * the first record. */
void brake_expect(struct brake *brake, uint64_t last_size, int64_t last_ms);

/* A committed record brought an `in` to a subject that had none there. timestamp_ms: the record's, now_ms: when it was read
 * (0: not known); entries: of the table. */
void brake_note_in(struct brake *brake, int64_t timestamp_ms, int64_t now_ms, uint64_t entries);

/* The first full read is done. */
void brake_complete(struct brake *brake, uint64_t entries);

/* A committed `meta:confirm` record. */
void brake_confirm(struct brake *brake, const struct consent_confirmation *confirmation, int64_t timestamp_ms,
                   int64_t now_ms, uint64_t entries);

enum brake_hold brake_hold(const struct brake *brake);
void brake_numbers(const struct brake *brake, struct brake_numbers *out_numbers);

/* How many new `in`s within the window are let through at that number of entries. Pure. */
uint64_t brake_limit(const struct brake_limits *limits, uint64_t entries);

#endif
