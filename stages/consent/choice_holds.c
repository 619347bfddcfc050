#include "stages/consent/choice_holds.h"

#include "common/error.h"

#include <stdlib.h>

enum { CACHE_LINE = 64 };

struct choice_holds_reader {
    _Alignas(CACHE_LINE) _Atomic uint64_t entered; /* moment; 0: is not looking */
};

bool choice_holds_init(struct choice_holds *holds, unsigned readers)
{
    *holds = (struct choice_holds){
        .readers = aligned_alloc(CACHE_LINE, readers * sizeof *holds->readers),
        .count = readers,
    };
    atomic_init(&holds->now, 1);
    for (unsigned i = 0; holds->readers && i < readers; i++)
        atomic_init(&holds->readers[i].entered, 0);
    return holds->readers;
}

void choice_holds_release(struct choice_holds *holds)
{
    free(holds->readers);
    *holds = (struct choice_holds){0};
}

void choice_holds_enter(struct choice_holds *holds, unsigned reader)
{
    ensure(reader < holds->count);
    uint64_t now;
    do { /* whoever drops something meanwhile either sees us, or we see that it is dropped before we look */
        now = atomic_load(&holds->now);
        atomic_store(&holds->readers[reader].entered, now);
    } while (now != atomic_load(&holds->now));
}

void choice_holds_leave(struct choice_holds *holds, unsigned reader)
{
    ensure(reader < holds->count);
    atomic_store(&holds->readers[reader].entered, 0);
}

uint64_t choice_holds_drop(struct choice_holds *holds)
{
    return atomic_fetch_add(&holds->now, 1);
}

uint64_t choice_holds_earliest(const struct choice_holds *holds)
{
    uint64_t earliest = UINT64_MAX;
    for (unsigned i = 0; i < holds->count; i++) {
        uint64_t entered = atomic_load(&holds->readers[i].entered);
        if (entered && entered < earliest)
            earliest = entered;
    }
    return earliest;
}
