/*
 * Which subject took the place of which other (moved_from; spec 3, rule 10), by pseudonym.
 *
 * A subject may come from several others, and several may come from one. Found from both ends by hash. The queue holds
 * the moves whose other subject changed; taking from it ends, since what is copied only ever grows.
 *
 * The thread that follows the consent topic only, but for count_shown.
 */
#ifndef CLICKVEIL_STAGES_CONSENT_MOVES_H
#define CLICKVEIL_STAGES_CONSENT_MOVES_H

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
    uint32_t next_from, next_to, next_queued; /* numbers + 1; 0: none */
    bool queued;
};

struct moves { /* all zero: none */
    struct move *list;
    uint32_t count, size;
    uint32_t *by_from, *by_to; /* buckets of the same number as size, a power of two; numbers + 1 */
    uint32_t queue_first, queue_last, visited;
    _Atomic uint64_t count_shown; /* for gauges; any thread */
};

void moves_release(struct moves *moves); /* accepts zeroed memory */

/* Note a move (from, to, from_erased, terms). Of the same two subjects again: the earlier moment holds, and what
 * was confirmed stays. False: memory is short (error says so). */
CLICKVEIL_MUST_CHECK bool moves_add(struct moves *moves, const struct move *move, struct error *error);

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

/* In a snapshot (choice_snapshot.h). Restored into none. */
void moves_save(const struct moves *moves, struct snapshot_writer *writer);
CLICKVEIL_MUST_CHECK bool moves_restore(struct moves *moves, struct snapshot_reader *reader);

#endif
