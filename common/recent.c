/*
 * A slot is overwritten before `head` says so: the writer puts change n into slot n % size and then sets head to n + 1.
 * So what was read from position p on is what was meant only if head, read after it, is below p + size; the slots'
 * own acquire and release order that.
 */
#include "common/recent.h"

#include <stdlib.h>

bool recent_init(struct recent *recent, uint64_t size)
{
    *recent = (struct recent){.size = size};
    recent->tags = calloc(size, sizeof *recent->tags);
    return recent->tags != NULL;
}

void recent_release(struct recent *recent)
{
    free(recent->tags);
    recent->tags = NULL;
}

void recent_append(struct recent *recent, uint64_t tag)
{
    uint64_t head = atomic_load_explicit(&recent->head, memory_order_relaxed);
    atomic_store_explicit(&recent->tags[head & (recent->size - 1)], tag, memory_order_release);
    atomic_store_explicit(&recent->head, head + 1, memory_order_release);
}

bool recent_any(const struct recent *recent, uint64_t position, bool (*visit)(void *context, uint64_t tag),
                void *context)
{
    uint64_t head = recent_position(recent);
    if (recent_has_lost(recent, position))
        return true;
    for (uint64_t i = position; i != head; i++) {
        if (visit(context, atomic_load_explicit(&recent->tags[i & (recent->size - 1)], memory_order_acquire)))
            return true;
    }
    return recent_has_lost(recent, position);
}
