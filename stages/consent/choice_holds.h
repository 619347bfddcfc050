/*
 * Who may still be looking at memory that the writer wants back.
 *
 * The writer takes memory out of where readers find it and asks choice_holds_drop for a moment; from when
 * choice_holds_earliest is above that moment, nobody looks at it any more. A reader looks between enter and leave. Both
 * are sequentially consistent: either the writer sees that the reader has entered, or the reader sees what the writer
 * took out.
 */
#ifndef CLICKVEIL_STAGES_CONSENT_CHOICE_HOLDS_H
#define CLICKVEIL_STAGES_CONSENT_CHOICE_HOLDS_H

#include "common/view.h"

#include <stdatomic.h>
#include <stdint.h>

struct choice_holds {
    struct choice_holds_reader *readers;
    unsigned count;
    _Atomic uint64_t now; /* moments so far */
};

/* False: memory is short. */
CLICKVEIL_MUST_CHECK bool choice_holds_init(struct choice_holds *holds, unsigned readers);
void choice_holds_release(struct choice_holds *holds); /* accepts zeroed memory */

void choice_holds_enter(struct choice_holds *holds, unsigned reader);
void choice_holds_leave(struct choice_holds *holds, unsigned reader);

/* The writer. */
uint64_t choice_holds_drop(struct choice_holds *holds);
uint64_t choice_holds_earliest(const struct choice_holds *holds); /* UINT64_MAX: nobody looks */

#endif
