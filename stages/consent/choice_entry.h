/*
 * One subject's choices in two words, for the states that nearly everybody has.
 *
 * All that a decision needs is one word, so a reader sees the old or the new and nothing in between: the time of effect
 * and the number of a shape. A shape is a combination of sets and flags; among millions of subjects there are a few
 * dozen. What only the writer needs (seq, pending_count) is a second word. A state with more to it, such as an `in`
 * that answered an older `out` of another time, a seq of more than 48 bits or a field that only some subjects have, is
 * kept whole elsewhere (choice_rare.h), and the first word is its number.
 *
 * Both words bear the same 4-bit stamp, which changes with every store: that tells a reader who needs both whether they
 * belong together.
 */
#ifndef CLICKVEIL_STAGES_CONSENT_CHOICE_ENTRY_H
#define CLICKVEIL_STAGES_CONSENT_CHOICE_ENTRY_H

#include "stages/consent/choice.h"

#include <stdatomic.h>

enum {
    CHOICE_ENTRY_PENDING_MAX = (1 << 20) - 1, /* largest pending_count of a state */
    CHOICE_SHAPES_MAX = 1 << 16,
};

/* Sets and flags as two words. */
struct choice_shape {
    uint64_t sets;  /* out, in, before, withdrawn: 16 bits each */
    uint64_t flags; /* pending: 16 bits; flags above */
};

/* The shapes that occur, by number. One writer adds; readers follow numbers that they found in entries. */
struct choice_shapes {
    struct choice_shape *list; /* CHOICE_SHAPES_MAX */
    uint32_t count;            /* the writer's, as all below; shape 0 is all zero */
    uint32_t *places;          /* by hash: number + 1 */
};

CLICKVEIL_MUST_CHECK bool choice_shapes_init(struct choice_shapes *shapes); /* false: memory is short */
void choice_shapes_release(struct choice_shapes *shapes);                   /* accepts zeroed memory */

/* Eight entries, as look-ups read them: two cache lines. */
enum { CHOICE_BUCKET_ENTRIES = 8 };
struct choice_bucket {
    _Alignas(64) _Atomic uint64_t tags[CHOICE_BUCKET_ENTRIES]; /* choice_table's; 0: empty. Written last */
    _Atomic uint64_t
        choices[CHOICE_BUCKET_ENTRIES]; /* time of effect and shape, or the number of a rare state */
};

/* And what only the writer needs of them, in pages of memory of their own: look-ups, which do not read it, spread over fewer
 * pages then, and what belongs to a bucket stands in one page, in whole cache lines. */
enum { CHOICE_MARGIN_BUCKETS = 42, CHOICE_MARGIN_BYTES = 4096 };
struct choice_margin {
    _Alignas(
        64) _Atomic uint64_t order[CHOICE_MARGIN_BUCKETS][CHOICE_BUCKET_ENTRIES]; /* seq and pending_count */
    uint32_t bits[CHOICE_MARGIN_BUCKETS][CHOICE_BUCKET_ENTRIES]; /* choice_table's: where the entry belongs */
    uint8_t unused[64];                                          /* zero */
};

_Static_assert(sizeof(struct choice_margin) == CHOICE_MARGIN_BYTES, "a page");

/* The two words of a state, without a stamp. False: it does not fit, or there are too many shapes. The writer only. */
CLICKVEIL_MUST_CHECK bool choice_entry_pack(struct choice_shapes *shapes, const struct choice_state *state,
                                            uint64_t *out_choices, uint64_t *out_order);

/* The first word of a rare state. */
uint64_t choice_entry_rare(uint32_t number);

/* The first word under another number; the stamp stays. */
uint64_t choice_entry_rare_renumbered(uint64_t choices, uint32_t number);

/* Does the first word name a rare state, and which? */
static inline bool choice_entry_is_rare(uint64_t choices)
{
    return choices & 1;
}

/* Do both words say nothing at all, but for their stamp? So does a new entry. */
static inline bool choice_entry_is_empty(uint64_t choices, uint64_t order)
{
    return !(choices & ~(uint64_t)31) && !choice_entry_is_rare(choices) && !(order & ~(uint64_t)15);
}

static inline uint32_t choice_entry_rare_number(uint64_t choices)
{
    return (uint32_t)(choices >> 32);
}

static inline uint32_t choice_entry_shape_number(uint64_t choices)
{
    return (uint32_t)(choices >> 5) & (CHOICE_SHAPES_MAX - 1);
}

/* What the words of a state that is not rare say. `order` 0: seq and pending_count are zero. */
void choice_entry_unpack(const struct choice_shapes *shapes, uint64_t choices, uint64_t order,
                         struct choice_state *out_state);

/* The writer: put both words there under a new stamp. Readers of the first see it before or after. */
void choice_entry_store(_Atomic uint64_t *choices_at, _Atomic uint64_t *order_at, uint64_t choices,
                        uint64_t order);

/* A reader: take both words as they stood together. */
void choice_entry_load(const _Atomic uint64_t *choices_at, const _Atomic uint64_t *order_at,
                       uint64_t *out_choices, uint64_t *out_order);

/* ---- for the snapshot: what is not committed is read again ---- */

/* The second word without its count of uncommitted records. */
uint64_t choice_entry_order_committed(uint64_t order);

/* A shape without uncommitted `out`s. */
struct choice_shape choice_shape_committed(struct choice_shape shape);

/* Add a shape under the next number, whether it is there or not. False: too many. */
CLICKVEIL_MUST_CHECK bool choice_shapes_restore(struct choice_shapes *shapes, struct choice_shape shape);

#endif
