/*
 * The present state of a feed, as an advertiser keeps it: the last value of every ID, tombstones applied.
 *
 * One thread. Memory grows with the IDs that were ever seen, 64 bytes for each.
 */
#ifndef CLICKVEIL_COMMON_FEED_STATE_H
#define CLICKVEIL_COMMON_FEED_STATE_H

#include "common/error.h"
#include "common/feed_contract.h"

struct feed_state;

struct feed_state *feed_state_new(struct error *error);
void feed_state_free(struct feed_state *state); /* NULL is fine */

/* What came of a record. */
enum feed_state_result {
    FEED_STATE_FAILED = 0, /* memory is short: *error */
    FEED_STATE_TAKEN,
    FEED_STATE_INVALID, /* *out_reason: it does not go with what was seen of its ID before */
};

/* Take one valid record, in the order of its partition. */
enum feed_state_result feed_state_take(struct feed_state *state, const struct feed_contract_value *value,
                                       enum feed_contract_reason *out_reason, struct error *error);

/* An ID's last record was invalid: its value before is not the state any more. */
void feed_state_drop(struct feed_state *state, const uint8_t id[FEED_CONTRACT_ID_SIZE]);

/* Visit every live ID. */
void feed_state_visit(const struct feed_state *state,
                      void (*visit)(void *context, const struct feed_contract_value *value), void *context);

#endif
