/*
 * What a live ID's slot asks for, and those that are due in the order in which they are written.
 *
 * Records of a slot are written in the order of their IDs, which are keyed hashes and unrelated to anything (spec 6),
 * at most DUE_MAX in a transaction. A list keeps the first so many of all that it is offered; the rest asks again in
 * the next transaction, for a record that shows what it should is not due.
 *
 * One thread at a time.
 */
#ifndef CLICKVEIL_STAGES_PUBLISH_DUE_H
#define CLICKVEIL_STAGES_PUBLISH_DUE_H

#include "stages/publish/partition.h"

enum { DUE_MAX = 10000 }; /* architecture 4, rule 12 */

enum due_action {
    DUE_NOTHING = 0,
    DUE_RECORD,        /* the set is another one than the record shows */
    DUE_TOMBSTONE,     /* the set became empty */
    DUE_END_TOMBSTONE, /* the epoch's life is over or the person said no, and there is a record */
    DUE_END,           /* the same, and there is none */
};

/* What is due for an ID at this moment. *out_set: what its record should show, of DUE_RECORD. */
enum due_action due_look(const struct partition *partition, const struct live_id *id, int64_t now_ms,
                         struct interest_set *out_set);

struct due {
    uint8_t id[FEED_ID_SIZE];
    struct partition *partition;
    uint32_t reference; /* of the live ID */
};

/* A zeroed struct may be released. */
struct due_list {
    struct due *items; /* DUE_MAX; a heap with the last one on top until it is sorted */
    unsigned count, max;
    bool left_out; /* more were offered than it may hold */
};

CLICKVEIL_MUST_CHECK bool due_list_init(struct due_list *list, struct error *error);

/* Empty the list; it holds at most `max` from now on, 1 to DUE_MAX. */
void due_list_reset(struct due_list *list, unsigned max);

/* Offer one; the list keeps it if it is among the first. */
void due_list_offer(struct due_list *list, const struct due *due);

/* Bring the list into the order of IDs. */
void due_list_sort(struct due_list *list);

void due_list_release(struct due_list *list);

#endif
