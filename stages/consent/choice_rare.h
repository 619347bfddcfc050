/*
 * States of subjects that do not fit an entry (choice_entry.h), whole, by number.
 *
 * One writer. A state never changes under its number: the writer puts the new one elsewhere, puts its number into the
 * entry and then drops the old number, which is used again when no reader can still be looking at it (choice_holds.h).
 */
#ifndef CLICKVEIL_STAGES_CONSENT_CHOICE_RARE_H
#define CLICKVEIL_STAGES_CONSENT_CHOICE_RARE_H

#include "stages/consent/choice.h"
#include "stages/consent/choice_holds.h"

enum {
    CHOICE_RARE_CHUNK = 1 << 12, /* states that memory is taken for at once */
    CHOICE_RARE_CHUNKS = 1 << 20,
};

struct choice_rare_slot;

struct choice_rare {
    struct choice_rare_slot **chunks; /* CHOICE_RARE_CHUNKS, made as needed */
    struct choice_holds *holds;
    uint32_t made, used; /* the writer's, as all below: numbers with memory; numbers in entries */
    uint32_t free_first;
    uint32_t dropped_first, dropped_last; /* in the order in which they were dropped */
    bool keeps_dropped;                   /* a snapshot is being written, which may need them */
};

/* False: memory is short. `holds` lives longer. */
CLICKVEIL_MUST_CHECK bool choice_rare_init(struct choice_rare *rare, struct choice_holds *holds);
void choice_rare_release(struct choice_rare *rare); /* accepts zeroed memory */

/* ---- the writer ---- */

/* Keep a state; its number, never 0. False: memory is short, or 2^32 of them. */
CLICKVEIL_MUST_CHECK bool choice_rare_put(struct choice_rare *rare, const struct choice_state *state,
                                          uint32_t *out_number);

/* The number is in no entry any more. */
void choice_rare_drop(struct choice_rare *rare, uint32_t number);

/* Take back dropped numbers that nobody can be looking at. Cheap when there are none. */
void choice_rare_reclaim(struct choice_rare *rare);

uint64_t choice_rare_bytes(const struct choice_rare *rare); /* of memory, about */

/* ---- readers, while they hold ---- */

/* The state of a number that was found in an entry. */
const struct choice_state *choice_rare_at(const struct choice_rare *rare, uint32_t number);

#endif
