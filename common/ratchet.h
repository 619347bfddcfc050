/*
 * A chain of keys that only goes forward: one link for each epoch, and from a link follow the later ones, never an
 * earlier one. Whoever has the link of an epoch makes the IDs of that epoch and of all behind it; what was made with links
 * that are gone, nobody can make again (spec 6, IDs).
 *
 *     C(e + 1) = BLAKE2b (key C(e), output 32 bytes, message field("clickveil publish chain 1"))
 *
 * docs/feed-ids.md specifies every byte. There is no root: the first link is random, and nothing stands before it.
 *
 * The key file of the purpose publish is the chain's state: it holds one link, with its epoch, and moves on. All processes
 * of a host share it; each takes the link that it needs into memory at its start. When an epoch is over and its last
 * tombstone is written, the file is replaced by that of a later link, under a lock on `FILE.lock`, and the old one
 * destroyed (secret_replace). A process forgets its own old link as soon as none of its workers holds an ID of an epoch
 * that needs it; so what one process has destroyed on disk another one may still have in memory, and go on with.
 *
 * Any thread, unless said otherwise.
 */
#ifndef CLICKVEIL_COMMON_RATCHET_H
#define CLICKVEIL_COMMON_RATCHET_H

#include "common/secret.h"

enum { RATCHET_KEY_SIZE = SECRET_SIZE };

/* No epoch is needed. */
#define RATCHET_NONE INT32_MAX

/* In the place of the time, where it does not count. */
#define RATCHET_NO_CLOCK INT64_MIN

/* How epochs lie in time, and how long their links are kept. */
struct ratchet_times {
    int64_t epoch_ms;  /* length */
    int64_t origin_ms; /* Unix epoch ms of a boundary */
    int64_t kept_ms;   /* behind an epoch's end: its life, the slots of its tombstones, and a grace */
};

/* The epoch of a moment, of the years 0 to 9999, and an epoch's first moment. Pure. */
int32_t ratchet_epoch(const struct ratchet_times *times, int64_t time_ms);
int64_t ratchet_epoch_start_ms(const struct ratchet_times *times, int32_t epoch);

/* The first epoch whose link is still needed, by the clock alone. Pure. */
int32_t ratchet_needed(const struct ratchet_times *times, int64_t now_ms);

/* Does a chain that begins with `epoch` lie ahead of the clock, so that not even the present epoch's IDs can be made? Then
 * either the clock is wrong, or one that was advanced the chain. Pure. */
bool ratchet_is_ahead(const struct ratchet_times *times, int32_t epoch, int64_t now_ms);

/* The next link, in place. Pure. */
void ratchet_step(uint8_t key[RATCHET_KEY_SIZE]);

/* A new chain for a new key file. Its first link is that of the epoch before now's: late events of that one may come
 * yet. NULL: error says why. */
struct secret *ratchet_begin(const struct ratchet_times *times, int64_t now_ms, struct error *error);

/* Read a chain's file, as secret_load; it must be a path, and of epochs like these. NULL: error says why (78). */
struct secret *ratchet_load(const char *path, const struct ratchet_times *times, struct error *error);

/* Read a chain's file as a process on Kafka does that keeps it up: its folder must be writable, and the chain must not lie
 * ahead of the clock; RATCHET_NO_CLOCK: whatever the time is. Changes nothing. NULL: error says why (78). */
struct secret *ratchet_check(const char *path, const struct ratchet_times *times, int64_t now_ms,
                             struct error *error);

/* What an advance came to. */
struct ratchet_advance {
    char chain[SECRET_ID_TEXT_SIZE];
    int32_t from, to; /* the file's epoch before and after; equal: nothing to do */
};

/* Replace the file's link by that of `epoch`, unless it is as far already, and destroy what an earlier advance left. Waits
 * for the lock. try_only: only say what would be done, and change nothing. False: error says why. */
CLICKVEIL_MUST_CHECK bool ratchet_advance(const char *path, const struct ratchet_times *times, int32_t epoch,
                                          bool try_only, struct ratchet_advance *out_advance,
                                          struct error *error);

/* ---- in a process that runs ---- */

struct ratchet;

/* Open the chain for `holders` workers. keeps_up: it is going to advance, so the file's folder must be writable. The path
 * and the times are copied. NULL: error says why. */
struct ratchet *ratchet_open(const char *path, const struct ratchet_times *times, unsigned holders,
                             bool keeps_up, struct error *error);

/* Label of the chain, 16 hex digits, until ratchet_free; the first epoch that can be made now. */
const char *ratchet_chain(const struct ratchet *ratchet);
int32_t ratchet_first(struct ratchet *ratchet);

/* The link of an epoch; the caller wipes it. False: it is gone. */
CLICKVEIL_MUST_CHECK bool ratchet_key(struct ratchet *ratchet, int32_t epoch,
                                      uint8_t out_key[RATCHET_KEY_SIZE]);

/* A worker says which links it needs from now on: that of `epoch` and later ones; RATCHET_NONE: none. Returns the first
 * that it gets, which is later than it asked for where that is gone. */
int32_t ratchet_hold(struct ratchet *ratchet, unsigned holder, int32_t epoch);

/* Advance when it is time: file and memory, as far as the clock says and no holder needs what would be destroyed. To be
 * called every now and then, by one thread that may wait for a disk; the first time before any event is taken in. What fails
 * is logged and tried again later. False: the process must stop, since the file holds another chain, or the chain lies ahead
 * of the clock: every event would be dropped (78). */
CLICKVEIL_MUST_CHECK bool ratchet_tend(struct ratchet *ratchet, int64_t now_ms, struct error *error);

/* By how much an advance is overdue, by the clock: 0 when it is not. Milliseconds. */
int64_t ratchet_overdue_ms(struct ratchet *ratchet, int64_t now_ms);

/* Wipe and free. NULL is fine. */
void ratchet_free(struct ratchet *ratchet);

#endif
