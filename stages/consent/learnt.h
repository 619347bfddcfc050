/*
 * What signals have taught and the consent topic does not show yet (spec 3, rule 7): in force for every worker of the
 * process from the moment that one of them has seen the signal.
 *
 * A subject stands here until the table holds its signal: the committed view of the topic has brought the record, or one
 * of a signal that is not older. Where signals yield to newer `in`s (signals.yield) an older one is not as good, so the
 * time of the newest is kept. An event with the signal makes it be written, once: in the event's transaction, so that
 * after a crash either the record is there or the event is read again. After an abort it stays in force, and the next
 * event with the signal (the same one again, at the latest) writes it.
 *
 * Workers add and ask, the follower removes; no locks: sets of eight tags that share a cache line.
 */
#ifndef CLICKVEIL_STAGES_CONSENT_LEARNT_H
#define CLICKVEIL_STAGES_CONSENT_LEARNT_H

#include "common/view.h"

#include <stdatomic.h>
#include <stdint.h>

enum {
    LEARNT_SETS = 1 << 15,
    LEARNT_WAYS = 8,
};

struct learnt {
    _Atomic uint64_t *tags;  /* LEARNT_SETS * LEARNT_WAYS; 0: free */
    _Atomic uint64_t *notes; /* of each: learnt.c */
    _Atomic uint64_t count;
};

CLICKVEIL_MUST_CHECK bool learnt_init(struct learnt *learnt); /* false: memory is short */
void learnt_release(struct learnt *learnt);                   /* accepts zeroed memory */

enum learnt_answer {
    LEARNT_FULL = 0, /* no room: nothing may be committed that relies on it */
    LEARNT_WRITE, /* in force now; the caller writes the record in its open transaction and ends with learnt_close */
    LEARNT_KNOWN, /* in force, and written by somebody */
};

/* A signal was seen of that subject, at *signal_ms (0 to 2^60; always 0 where no signal yields). One that is newer than
 * what is known by more than slack_ms is written too. *signal_ms becomes the time to write and *out_slot the place, of
 * LEARNT_WRITE. Any thread. */
enum learnt_answer learnt_add(struct learnt *learnt, uint64_t tag, int64_t slack_ms, int64_t *signal_ms,
                              uint32_t *out_slot);

/* The transaction that wrote it has ended. */
void learnt_close(struct learnt *learnt, uint32_t slot, bool committed);

/* The table holds a signal of shown_ms (0: one that never yields): what is newer stays. The follower. */
void learnt_remove(struct learnt *learnt, uint64_t tag, int64_t shown_ms);

bool learnt_find(const struct learnt *learnt, uint64_t tag);

/* Has that signal been learnt, and not shown yet? Cheap while there is none. */
static inline bool learnt_has(const struct learnt *learnt, uint64_t tag)
{
    return atomic_load_explicit(&learnt->count, memory_order_acquire) > 0 && learnt_find(learnt, tag);
}

#endif
