#include "stages/consent/moves.h"

#include <stdlib.h>

enum {
    MOVES_FIRST = 16,
};

void moves_release(struct moves *moves)
{
    free(moves->list);
    free(moves->by_from);
    free(moves->by_to);
    memset(moves, 0, sizeof *moves);
}

/* A pseudonym is a hash. */
static uint32_t bucket_of(const struct moves *moves, const struct pseudonym *pseudonym)
{
    uint32_t bits;
    memcpy(&bits, pseudonym->bytes, sizeof bits);
    return bits & (moves->size - 1);
}

static bool same(const struct pseudonym *a, const struct pseudonym *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

static void link_move(struct moves *moves, uint32_t number)
{
    struct move *move = &moves->list[number - 1];
    uint32_t *from = &moves->by_from[bucket_of(moves, &move->from)];
    uint32_t *to = &moves->by_to[bucket_of(moves, &move->to)];
    move->next_from = *from;
    move->next_to = *to;
    *from = *to = number;
}

static bool make_room(struct moves *moves, struct error *error)
{
    if (moves->count < moves->size)
        return true;
    uint32_t size = moves->size ? moves->size * 2 : MOVES_FIRST;
    struct move *list = size > moves->size ? realloc(moves->list, size * sizeof *list) : NULL;
    if (list)
        moves->list = list;
    uint32_t *by_from = calloc(size, sizeof *by_from), *by_to = calloc(size, sizeof *by_to);
    if (!list || !by_from || !by_to) {
        free(by_from);
        free(by_to);
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "give the process more memory",
                          "no memory for consent records with moved_from");
    }
    free(moves->by_from);
    free(moves->by_to);
    moves->by_from = by_from;
    moves->by_to = by_to;
    moves->size = size;
    for (uint32_t number = 1; number <= moves->count; number++)
        link_move(moves, number);
    return true;
}

static void queue(struct moves *moves, uint32_t number)
{
    struct move *move = &moves->list[number - 1];
    if (move->queued)
        return;
    move->queued = true;
    move->next_queued = 0;
    if (moves->queue_last)
        moves->list[moves->queue_last - 1].next_queued = number;
    else
        moves->queue_first = number;
    moves->queue_last = number;
}

bool moves_add(struct moves *moves, const struct move *move, struct error *error)
{
    if (same(&move->from, &move->to))
        return true;
    uint32_t number = moves->count ? moves->by_to[bucket_of(moves, &move->to)] : 0;
    for (; number; number = moves->list[number - 1].next_to) {
        struct move *known = &moves->list[number - 1];
        if (!same(&known->from, &move->from) || !same(&known->to, &move->to))
            continue;
        if (move->terms.effective_ms < known->terms.effective_ms)
            known->terms.effective_ms = move->terms.effective_ms;
        return true;
    }
    if (!make_room(moves, error))
        return false;
    struct move *added = &moves->list[moves->count++];
    *added = (struct move){
        .from = move->from, .to = move->to, .from_erased = move->from_erased, .terms = move->terms};
    link_move(moves, moves->count);
    atomic_store_explicit(&moves->count_shown, moves->count, memory_order_relaxed);
    return true;
}

void moves_confirm(struct moves *moves, const struct pseudonym *to, choice_set names, int64_t effective_ms)
{
    if (!moves->count || !names)
        return;
    for (uint32_t number = moves->by_to[bucket_of(moves, to)]; number;
         number = moves->list[number - 1].next_to) {
        struct move *move = &moves->list[number - 1];
        if (!same(&move->to, to))
            continue;
        move->terms.confirmed |= names;
        if (effective_ms > move->terms.confirmed_ms)
            move->terms.confirmed_ms = effective_ms;
    }
}

const struct move *moves_to(const struct moves *moves, const struct pseudonym *to, const struct move *after)
{
    if (!moves->count)
        return NULL;
    uint32_t number = after ? after->next_to : moves->by_to[bucket_of(moves, to)];
    while (number && !same(&moves->list[number - 1].to, to))
        number = moves->list[number - 1].next_to;
    return number ? &moves->list[number - 1] : NULL;
}

void moves_queue_of(struct moves *moves, const struct pseudonym *from)
{
    if (!moves->count)
        return;
    for (uint32_t number = moves->by_from[bucket_of(moves, from)]; number;
         number = moves->list[number - 1].next_from) {
        if (same(&moves->list[number - 1].from, from))
            queue(moves, number);
    }
}

void moves_queue_to(struct moves *moves, const struct pseudonym *to)
{
    if (!moves->count)
        return;
    for (uint32_t number = moves->by_to[bucket_of(moves, to)]; number;
         number = moves->list[number - 1].next_to) {
        if (same(&moves->list[number - 1].to, to))
            queue(moves, number);
    }
}

void moves_queue_all(struct moves *moves)
{
    for (uint32_t number = 1; number <= moves->count; number++)
        queue(moves, number);
}

static struct move *first_queued(const struct moves *moves)
{
    return moves->queue_first ? &moves->list[moves->queue_first - 1] : NULL;
}

struct move *moves_take(struct moves *moves)
{
    struct move *move = first_queued(moves);
    if (!move)
        return NULL;
    move->queued = false;
    moves->queue_first = move->next_queued;
    if (!moves->queue_first)
        moves->queue_last = 0;
    return move;
}

/* While followers are visited, `queued` means seen, and the queue is walked and not taken from. */
struct move *moves_followers(struct moves *moves, const struct pseudonym *from)
{
    ensure(!moves->queue_first);
    moves_queue_of(moves, from);
    moves->visited = moves->queue_first;
    return first_queued(moves);
}

struct move *moves_next_follower(struct moves *moves)
{
    struct move *move = &moves->list[moves->visited - 1];
    moves_queue_of(moves, &move->to);
    moves->visited = move->next_queued;
    if (moves->visited)
        return &moves->list[moves->visited - 1];
    while (moves_take(moves))
        continue;
    return NULL;
}

/* What is written of a move: no byte of it is left to chance. */
struct saved_move {
    struct pseudonym from, to, from_erased;
    int64_t effective_ms, confirmed_ms;
    uint64_t confirmed;
};

void moves_save(const struct moves *moves, struct snapshot_writer *writer)
{
    snapshot_put(writer, &moves->count, sizeof moves->count);
    for (uint32_t i = 0; i < moves->count; i++) {
        const struct move *move = &moves->list[i];
        struct saved_move saved = {move->from,
                                   move->to,
                                   move->from_erased,
                                   move->terms.effective_ms,
                                   move->terms.confirmed_ms,
                                   move->terms.confirmed};
        snapshot_put(writer, &saved, sizeof saved);
    }
}

bool moves_restore(struct moves *moves, struct snapshot_reader *reader)
{
    uint32_t count;
    struct error error;
    if (!snapshot_get(reader, &count, sizeof count))
        return false;
    for (; count > 0; count--) {
        struct saved_move saved;
        if (!snapshot_get(reader, &saved, sizeof saved))
            return false;
        struct move move = {
            .from = saved.from,
            .to = saved.to,
            .from_erased = saved.from_erased,
            .terms = {.effective_ms = saved.effective_ms,
                      .confirmed = (choice_set)saved.confirmed,
                      .confirmed_ms = saved.confirmed_ms},
        };
        if (!moves_add(moves, &move, &error))
            return false;
    }
    return true;
}
