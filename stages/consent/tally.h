/*
 * What was decided for each programme, and why: an event may pass for several at once, and each has its own reason.
 *
 * A worker counts in a transaction of its own; what commits is added to what all workers share.
 */
#ifndef CLICKVEIL_STAGES_CONSENT_TALLY_H
#define CLICKVEIL_STAGES_CONSENT_TALLY_H

#include "common/record.h"
#include "stages/consent/policy.h"
#include "stages/consent/reason.h"

#include <stdatomic.h>

/* By programme and reason; CONSENT_NO_REASON is kept. All zero: nothing yet. */
struct tally {
    uint32_t counts[RECORD_PROGRAMMES_MAX][CONSENT_REASONS];
};

struct tally_shared {
    _Atomic uint64_t counts[RECORD_PROGRAMMES_MAX][CONSENT_REASONS];
};

/* Count one event that policy_screen, and policy_choose where a programme was open, have decided. */
void tally_count(struct tally *tally, unsigned programmes, const struct policy_screening *screening);

/* The transaction committed: add, and begin again. Any worker. */
void tally_commit(struct tally *tally, unsigned programmes, struct tally_shared *shared);

/* Calls visit(context, programme, reason, count) for all that was counted; reason NULL: kept. Any thread. */
void tally_visit(const struct tally_shared *shared, unsigned programmes,
                 void (*visit)(void *context, unsigned programme, const char *reason, uint64_t count),
                 void *context);

#endif
