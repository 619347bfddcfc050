/*
 * First word: bit 0 rare; bits 1 to 4 stamp; then, of a common state, 16 bits of shape and 43 of effective_ms, of a rare
 * one its number in the upper half. Second word: 4 bits of stamp, 8 of pending_count, 4 unused, 48 of seq.
 *
 * before_until_ms and last_out_ms are mostly of the same record as effective_ms, so they are flags of the shape.
 */
#include "stages/consent/choice_entry.h"

#include "common/error.h"

#include <stdlib.h>

enum {
    STAMP_SHIFT = 1,
    SHAPE_SHIFT = 5,
    TIME_SHIFT = 21,
    COUNT_SHIFT = 4,
    COUNT_MAX = 255,
    SEQ_SHIFT = 16,
    STAMP_MASK = 15,
    PLACES = CHOICE_SHAPES_MAX * 2,
    FLAG_ORDERED = 1 << 16,
    FLAG_TWO_STEP = 1 << 17,
    FLAG_SIGNALLED = 1 << 18,
    FLAG_RECORDED = 1 << 19,
    FLAG_UNTIL_EFFECTIVE = 1 << 20,    /* before_until_ms = effective_ms; else 0 */
    FLAG_LAST_OUT_EFFECTIVE = 1 << 21, /* last_out_ms = effective_ms; else 0, unless */
    FLAG_LAST_OUT_UNTIMED = 1 << 22,
};

#define PENDING_MASK ((uint64_t)0xffff)

/* ---- shapes ---- */

bool choice_shapes_init(struct choice_shapes *shapes)
{
    *shapes = (struct choice_shapes){
        .list = calloc(CHOICE_SHAPES_MAX, sizeof *shapes->list),
        .places = calloc(PLACES, sizeof *shapes->places),
    };
    return shapes->list && shapes->places && choice_shapes_restore(shapes, (struct choice_shape){0});
}

void choice_shapes_release(struct choice_shapes *shapes)
{
    free(shapes->list);
    free(shapes->places);
    *shapes = (struct choice_shapes){0};
}

static bool same_shape(struct choice_shape a, struct choice_shape b)
{
    return a.sets == b.sets && a.flags == b.flags;
}

/* The place of the shape, or the empty one where it belongs. */
static uint32_t *place_of(const struct choice_shapes *shapes, struct choice_shape shape)
{
    uint64_t hash = (shape.sets ^ shape.flags * 0x9e3779b97f4a7c15u) * 0xbf58476d1ce4e5b9u;
    for (uint32_t place = (uint32_t)(hash >> 40) % PLACES;; place = (place + 1) % PLACES) {
        uint32_t number = shapes->places[place];
        if (!number || same_shape(shapes->list[number - 1], shape))
            return &shapes->places[place];
    }
}

bool choice_shapes_restore(struct choice_shapes *shapes, struct choice_shape shape)
{
    if (shapes->count == CHOICE_SHAPES_MAX)
        return false;
    uint32_t *place = place_of(shapes, shape);
    shapes->list[shapes->count++] = shape;
    if (!*place)
        *place = shapes->count;
    return true;
}

static bool find_shape(struct choice_shapes *shapes, struct choice_shape shape, uint32_t *out_number)
{
    uint32_t *place = place_of(shapes, shape);
    if (!*place && !choice_shapes_restore(shapes, shape))
        return false;
    *out_number = *place - 1;
    return true;
}

struct choice_shape choice_shape_committed(struct choice_shape shape)
{
    shape.flags &= ~PENDING_MASK;
    return shape;
}

static struct choice_shape shape_of(const struct choice_state *state)
{
    return (struct choice_shape){
        .sets = (uint64_t)state->out | (uint64_t)state->in << 16 | (uint64_t)state->before << 32 |
                (uint64_t)state->withdrawn << 48,
        .flags = (uint64_t)state->pending | (state->ordered ? FLAG_ORDERED : 0) |
                 (state->two_step ? FLAG_TWO_STEP : 0) | (state->signalled ? FLAG_SIGNALLED : 0) |
                 (state->recorded ? FLAG_RECORDED : 0) | (state->before_until_ms ? FLAG_UNTIL_EFFECTIVE : 0) |
                 (state->last_out_ms == CHOICE_LAST_OUT_UNTIMED ? FLAG_LAST_OUT_UNTIMED
                  : state->last_out_ms                          ? FLAG_LAST_OUT_EFFECTIVE
                                                                : 0),
    };
}

/* ---- words ---- */

void choice_entry_unpack(const struct choice_shapes *shapes, uint64_t choices, uint64_t order,
                         struct choice_state *out_state)
{
    const struct choice_shape *shape = &shapes->list[choice_entry_shape_number(choices)];
    uint64_t sets = shape->sets, flags = shape->flags;
    int64_t effective_ms = (int64_t)(choices >> TIME_SHIFT);
    *out_state = (struct choice_state){
        .out = (choice_set)sets,
        .in = (choice_set)(sets >> 16),
        .before = (choice_set)(sets >> 32),
        .withdrawn = (choice_set)(sets >> 48),
        .pending = (choice_set)(flags & PENDING_MASK),
        .ordered = flags & FLAG_ORDERED,
        .two_step = flags & FLAG_TWO_STEP,
        .signalled = flags & FLAG_SIGNALLED,
        .recorded = flags & FLAG_RECORDED,
        .effective_ms = effective_ms,
        .seq = (int64_t)order >> SEQ_SHIFT,
        .before_until_ms = flags & FLAG_UNTIL_EFFECTIVE ? effective_ms : 0,
        .last_out_ms = flags & FLAG_LAST_OUT_UNTIMED     ? CHOICE_LAST_OUT_UNTIMED
                       : flags & FLAG_LAST_OUT_EFFECTIVE ? effective_ms
                                                         : 0,
        .pending_count = (uint32_t)(order >> COUNT_SHIFT) & COUNT_MAX,
    };
}

bool choice_entry_pack(struct choice_shapes *shapes, const struct choice_state *state, uint64_t *out_choices,
                       uint64_t *out_order)
{
    struct choice_state again;
    uint32_t shape;
    if (state->pending_count > COUNT_MAX || state->effective_ms < 0 ||
        state->effective_ms > CHOICE_EFFECTIVE_MS_MAX || !find_shape(shapes, shape_of(state), &shape))
        return false;
    uint64_t choices = (uint64_t)state->effective_ms << TIME_SHIFT | (uint64_t)shape << SHAPE_SHIFT;
    uint64_t order = (uint64_t)state->seq << SEQ_SHIFT | (uint64_t)state->pending_count << COUNT_SHIFT;
    choice_entry_unpack(shapes, choices, order, &again);
    if (!choice_state_equal(&again, state))
        return false;
    *out_choices = choices;
    *out_order = order;
    return true;
}

uint64_t choice_entry_rare(uint32_t number)
{
    return (uint64_t)number << 32 | 1;
}

uint64_t choice_entry_rare_renumbered(uint64_t choices, uint32_t number)
{
    return (choices & UINT32_MAX) | (uint64_t)number << 32;
}

uint64_t choice_entry_order_committed(uint64_t order)
{
    return order & ~((uint64_t)COUNT_MAX << COUNT_SHIFT);
}

void choice_entry_store(_Atomic uint64_t *choices_at, _Atomic uint64_t *order_at, uint64_t choices,
                        uint64_t order)
{
    uint64_t stamp = (atomic_load_explicit(order_at, memory_order_relaxed) + 1) & STAMP_MASK;
    atomic_store_explicit(order_at, (order & ~(uint64_t)STAMP_MASK) | stamp, memory_order_release);
    atomic_store_explicit(choices_at,
                          (choices & ~((uint64_t)STAMP_MASK << STAMP_SHIFT)) | stamp << STAMP_SHIFT,
                          memory_order_release);
}

void choice_entry_load(const _Atomic uint64_t *choices_at, const _Atomic uint64_t *order_at,
                       uint64_t *out_choices, uint64_t *out_order)
{
    uint64_t order, again = atomic_load_explicit(order_at, memory_order_acquire), choices;
    do { /* the writer is between its two stores, or has been there */
        order = again;
        choices = atomic_load_explicit(choices_at, memory_order_acquire);
        again = atomic_load_explicit(order_at, memory_order_acquire);
    } while (order != again || (order & STAMP_MASK) != (choices >> STAMP_SHIFT & STAMP_MASK));
    *out_choices = choices;
    *out_order = order;
}
