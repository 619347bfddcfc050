#include "stages/consent/moves.h"

#include <stdlib.h>

enum {
    MOVES_FIRST = 16,
};

static void lock(struct moves *moves)
{
    while (atomic_flag_test_and_set_explicit(&moves->lock, memory_order_acquire))
        ;
}

static void unlock(struct moves *moves)
{
    atomic_flag_clear_explicit(&moves->lock, memory_order_release);
}

void moves_release(struct moves *moves)
{
    for (uint32_t i = 0; i < moves->count; i++)
        free(moves->list[i].sealed);
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

static bool make_room(struct moves *moves)
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
        return false;
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

static struct move *find(const struct moves *moves, const struct pseudonym *from, const struct pseudonym *to)
{
    uint32_t number = moves->count ? moves->by_to[bucket_of(moves, to)] : 0;
    for (; number; number = moves->list[number - 1].next_to) {
        struct move *known = &moves->list[number - 1];
        if (same(&known->from, from) && same(&known->to, to))
            return known;
    }
    return NULL;
}

static bool no_memory(struct error *error)
{
    return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "give the process more memory",
                      "no memory for consent records with moved_from");
}

static bool append(struct moves *moves, const struct move *move, const struct consent_link *link,
                   struct error *error)
{
    uint8_t *sealed = link ? malloc((size_t)link->from.size + link->to.size) : NULL;
    if ((link && !sealed) || !make_room(moves)) {
        free(sealed);
        return no_memory(error);
    }
    struct move *added = &moves->list[moves->count++];
    *added = (struct move){.from = move->from,
                           .to = move->to,
                           .from_erased = move->from_erased,
                           .terms = move->terms,
                           .stored_ms = MOVES_NO_LINK,
                           .partition = move->partition,
                           .sealed = sealed};
    if (link) {
        added->from_size = link->from.size;
        added->to_size = link->to.size;
        memcpy(sealed, link->from.bytes, link->from.size);
        memcpy(sealed + link->from.size, link->to.bytes, link->to.size);
    }
    link_move(moves, moves->count);
    return true;
}

bool moves_add(struct moves *moves, const struct move *move, const struct consent_link *link,
               struct error *error)
{
    bool fine = true;
    if (same(&move->from, &move->to))
        return true;
    lock(moves);
    struct move *known = find(moves, &move->from, &move->to);
    if (!known)
        fine = append(moves, move, link, error);
    else if (move->terms.effective_ms < known->terms.effective_ms)
        known->terms.effective_ms = move->terms.effective_ms;
    unlock(moves);
    atomic_store_explicit(&moves->count_shown, moves->count, memory_order_relaxed);
    return fine;
}

void moves_store(struct moves *moves, const struct pseudonym *from, const struct pseudonym *to,
                 int64_t effective_ms, int32_t partition)
{
    lock(moves);
    struct move *known = find(moves, from, to);
    if (known) {
        known->stored_ms = effective_ms;
        known->partition = partition;
    }
    unlock(moves);
}

void moves_unstore(struct moves *moves, const struct pseudonym *from_erased, const struct pseudonym *to)
{
    lock(moves);
    uint32_t number = moves->count ? moves->by_to[bucket_of(moves, to)] : 0;
    for (; number; number = moves->list[number - 1].next_to) {
        struct move *move = &moves->list[number - 1];
        if (same(&move->to, to) && same(&move->from_erased, from_erased))
            move->stored_ms = MOVES_NO_LINK;
    }
    unlock(moves);
}

bool moves_are_stored(const struct moves *moves, const struct pseudonym *to)
{
    for (const struct move *move = moves_to(moves, to, NULL); move; move = moves_to(moves, to, move)) {
        if (move->stored_ms > move->terms.effective_ms)
            return false;
    }
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

/* ---- the keeper ---- */

/* Numbers as they are found; `seen` has a bit for each move. */
struct found {
    uint32_t *numbers, count, size;
    uint64_t *seen;
};

static bool note(struct found *found, uint32_t number)
{
    uint64_t *word = &found->seen[number / 64], bit = UINT64_C(1) << number % 64;
    if (*word & bit)
        return true;
    if (found->count == found->size) {
        uint32_t size = found->size ? found->size * 2 : 16;
        uint32_t *numbers = realloc(found->numbers, size * sizeof *numbers);
        if (!numbers)
            return false;
        found->numbers = numbers;
        found->size = size;
    }
    *word |= bit;
    found->numbers[found->count++] = number;
    return true;
}

static bool note_from(const struct moves *moves, const struct pseudonym *from, struct found *found)
{
    uint32_t number = moves->by_from[bucket_of(moves, from)];
    for (; number; number = moves->list[number - 1].next_from) {
        if (same(&moves->list[number - 1].from, from) && !note(found, number))
            return false;
    }
    return true;
}

static bool has_from(const struct moves *moves, const struct pseudonym *from)
{
    uint32_t number = moves->by_from[bucket_of(moves, from)];
    while (number && !same(&moves->list[number - 1].from, from))
        number = moves->list[number - 1].next_from;
    return number != 0;
}

bool moves_after(struct moves *moves, const struct pseudonym *from, uint32_t **out_numbers,
                 uint32_t *out_count)
{
    struct found found = {.count = 0};
    bool fine = true;
    lock(moves);
    if (moves->count && has_from(moves, from)) {
        found.seen = calloc(moves->count / 64 + 1, sizeof *found.seen);
        fine = found.seen && note_from(moves, from, &found);
        for (uint32_t i = 0; fine && i < found.count; i++)
            fine = note_from(moves, &moves->list[found.numbers[i] - 1].to, &found);
    }
    unlock(moves);
    free(found.seen);
    if (!fine) {
        free(found.numbers);
        return false;
    }
    *out_numbers = found.numbers;
    *out_count = found.count;
    return true;
}

bool moves_before(struct moves *moves, const struct pseudonym *to, uint32_t **out_numbers,
                  uint32_t *out_count)
{
    uint32_t *numbers = NULL, count = 0;
    lock(moves);
    for (const struct move *move = moves_to(moves, to, NULL); move; move = moves_to(moves, to, move))
        count++;
    if (count)
        numbers = malloc(count * sizeof *numbers);
    bool fine = !count || numbers;
    count = 0;
    for (const struct move *move = moves_to(moves, to, NULL); move && numbers;
         move = moves_to(moves, to, move))
        numbers[count++] = (uint32_t)(move - moves->list) + 1;
    unlock(moves);
    if (fine) {
        *out_numbers = numbers;
        *out_count = count;
    }
    return fine;
}

bool moves_link(struct moves *moves, uint32_t number, struct consent_link *out_link, int32_t *out_partition,
                int64_t *out_stored_ms)
{
    lock(moves);
    ensure(number >= 1 && number <= moves->count);
    const struct move *move = &moves->list[number - 1];
    bool has = move->sealed != NULL;
    if (has) {
        *out_link = (struct consent_link){.from_hash = move->from_erased,
                                          .from.size = move->from_size,
                                          .to.size = move->to_size,
                                          .effective_ms = move->terms.effective_ms};
        memcpy(out_link->from.bytes, move->sealed, move->from_size);
        memcpy(out_link->to.bytes, move->sealed + move->from_size, move->to_size);
        *out_partition = move->partition;
        *out_stored_ms = move->stored_ms;
    }
    unlock(moves);
    return has;
}

/* ---- snapshots ---- */

/* What is written of a move: no byte of it is left to chance. Behind it the sealed subjects. */
struct saved_move {
    struct pseudonym from, to, from_erased;
    int64_t effective_ms, confirmed_ms;
    uint64_t confirmed;
    int64_t stored_ms;
    int32_t partition;
    uint16_t from_size, to_size; /* 0: without a key */
};

void moves_save(const struct moves *moves, struct snapshot_writer *writer)
{
    snapshot_put(writer, &moves->count, sizeof moves->count);
    for (uint32_t i = 0; i < moves->count; i++) {
        const struct move *move = &moves->list[i];
        struct saved_move saved = {.from = move->from,
                                   .to = move->to,
                                   .from_erased = move->from_erased,
                                   .effective_ms = move->terms.effective_ms,
                                   .confirmed_ms = move->terms.confirmed_ms,
                                   .confirmed = move->terms.confirmed,
                                   .stored_ms = move->stored_ms,
                                   .partition = move->partition,
                                   .from_size = move->from_size,
                                   .to_size = move->to_size};
        snapshot_put(writer, &saved, sizeof saved);
        if (move->sealed)
            snapshot_put(writer, move->sealed, (size_t)move->from_size + move->to_size);
    }
}

static bool restore_one(struct moves *moves, struct snapshot_reader *reader)
{
    struct saved_move saved;
    struct consent_link link = {.effective_ms = 0};
    struct error error;
    if (!snapshot_get(reader, &saved, sizeof saved) || saved.from_size > sizeof link.from.bytes ||
        saved.to_size > sizeof link.to.bytes || !saved.from_size != !saved.to_size)
        return false;
    link.from.size = (uint8_t)saved.from_size;
    link.to.size = (uint8_t)saved.to_size;
    if (saved.from_size && (!snapshot_get(reader, link.from.bytes, saved.from_size) ||
                            !snapshot_get(reader, link.to.bytes, saved.to_size)))
        return false;
    struct move move = {
        .from = saved.from,
        .to = saved.to,
        .from_erased = saved.from_erased,
        .terms = {.effective_ms = saved.effective_ms,
                  .confirmed = (choice_set)saved.confirmed,
                  .confirmed_ms = saved.confirmed_ms},
        .partition = saved.partition,
    };
    if (!moves_add(moves, &move, saved.from_size ? &link : NULL, &error))
        return false;
    moves_store(moves, &move.from, &move.to, saved.stored_ms, saved.partition);
    return true;
}

bool moves_restore(struct moves *moves, struct snapshot_reader *reader)
{
    uint32_t count;
    if (!snapshot_get(reader, &count, sizeof count))
        return false;
    for (; count > 0; count--) {
        if (!restore_one(moves, reader))
            return false;
    }
    return true;
}
