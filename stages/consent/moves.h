/*
 * Which subject took the place of which other (moved_from; spec 3, rule 10), by pseudonym.
 *
 * A subject may come from several others, and several may come from one. Found from both ends by hash. The queue holds
 * the moves whose other subject changed; taking from it ends, since what is copied only ever grows.
 *
 * The thread that follows the consent topic, but for what says another. The keeper, in a thread of its own, asks for the
 * links that it writes: they take turns by a flag, held for a few steps.
 */
#ifndef CLICKVEIL_STAGES_CONSENT_MOVES_H
#define CLICKVEIL_STAGES_CONSENT_MOVES_H

#include "common/consent_link.h"
#include "common/error.h"
#include "common/record.h"
#include "common/snapshot_file.h"
#include "stages/consent/choice.h"

#include <stdatomic.h>

struct move {
    struct pseudonym from, to;
    struct pseudonym
        from_erased; /* the other subject's hash under the suppression key; all zero without one */
    struct choice_move terms;
    int64_t stored_ms; /* `effective` of the link in the topic; MOVES_NO_LINK: there is none */
    int32_t partition; /* where the link stands, or will */
    uint8_t from_size, to_size;
    uint8_t *sealed; /* both subjects (struct consent_link), one behind the other; NULL: without a key */
    uint32_t next_from, next_to, next_queued; /* numbers + 1; 0: none */
    bool queued;
};

#define MOVES_NO_LINK INT64_MAX

struct moves { /* all zero: none */
    atomic_flag
        lock; /* of what both threads use: the list's memory, its numbers, terms.effective_ms, the link */
    struct move *list;
    uint32_t count, size;
    uint32_t *by_from, *by_to; /* buckets of the same number as size, a power of two; numbers + 1 */
    uint32_t queue_first, queue_last, visited;
    _Atomic uint64_t count_shown; /* for gauges; any thread */
};

void moves_release(struct moves *moves); /* accepts zeroed memory */

/* Note a move (from, to, from_erased, terms, partition). Of the same two subjects again: the earlier moment holds, and what
 * was confirmed stays. link: its sealed subjects are copied; NULL without a key. False: memory is short (error says so). */
CLICKVEIL_MUST_CHECK bool moves_add(struct moves *moves, const struct move *move,
                                    const struct consent_link *link, struct error *error);

/* The link of these two stands in the topic, in that partition; or, by its key, does not any more. */
void moves_store(struct moves *moves, const struct pseudonym *from, const struct pseudonym *to,
                 int64_t effective_ms, int32_t partition);
void moves_unstore(struct moves *moves, const struct pseudonym *from_erased, const struct pseudonym *to);

/* Is there a link in the topic, as early as is known, for every move to that subject? */
bool moves_are_stored(const struct moves *moves, const struct pseudonym *to);

/* The subject has confirmed these names since it moved, from effective_ms on. */
void moves_confirm(struct moves *moves, const struct pseudonym *to, choice_set names, int64_t effective_ms);

/* A move to that subject: the first, or the one behind `after`; NULL: no more. */
const struct move *moves_to(const struct moves *moves, const struct pseudonym *to, const struct move *after);

/* Queue the moves from a subject, to one, or all; take one from the queue, NULL when it is empty. */
void moves_queue_of(struct moves *moves, const struct pseudonym *from);
void moves_queue_to(struct moves *moves, const struct pseudonym *to);
void moves_queue_all(struct moves *moves);
struct move *moves_take(struct moves *moves);

/* All that took a subject's place, and theirs, each once, NULL at the end. Uses the queue, which must be empty. */
struct move *moves_followers(struct moves *moves, const struct pseudonym *from);
struct move *moves_next_follower(struct moves *moves);

/* ---- the keeper's thread, which may ask at any time ---- */

/* Numbers of all moves from a subject, and from those who took its place, each once; of all moves to a subject. *out_numbers is
 * the caller's to free, NULL when there are none. False: memory is short. */
CLICKVEIL_MUST_CHECK bool moves_after(struct moves *moves, const struct pseudonym *from,
                                      uint32_t **out_numbers, uint32_t *out_count);
CLICKVEIL_MUST_CHECK bool moves_before(struct moves *moves, const struct pseudonym *to,
                                       uint32_t **out_numbers, uint32_t *out_count);

/* What to write of one. False: it has no sealed subjects. */
CLICKVEIL_MUST_CHECK bool moves_link(struct moves *moves, uint32_t number, struct consent_link *out_link,
                                     int32_t *out_partition, int64_t *out_stored_ms);

/* ---- the follower's thread again ---- */

/* In a snapshot (choice_snapshot.h). Restored into none. */
void moves_save(const struct moves *moves, struct snapshot_writer *writer);
CLICKVEIL_MUST_CHECK bool moves_restore(struct moves *moves, struct snapshot_reader *reader);

#endif
