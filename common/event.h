/*
 * An event as the operator writes it: one JSON object (spec 2) -> struct record.
 *
 * The operator's own field names come from config.input.fields (dotted paths). Only named fields are read; everything
 * else is ignored and never forwarded. Strict: a required field that is missing or of a wrong type, a duplicate key,
 * invalid UTF-8, NUL in a text, nesting deeper than 16 or a record over the limit is a reason of its own.
 */
#ifndef CLICKVEIL_COMMON_EVENT_H
#define CLICKVEIL_COMMON_EVENT_H

#include "common/arena.h"
#include "common/chain.h"
#include "common/config.h"
#include "common/record.h"
#include "common/stage.h"

struct event_reader;

/* Reasons of the input pseudo-stage (also those of the codec between stages), a table for the chain's books. */
extern const struct reason event_reasons[];
extern const unsigned event_reason_count;

/* Prepare a reader; memory from the start-up arena. */
CLICKVEIL_MUST_CHECK bool event_reader_new(const struct config *config, struct arena *arena,
                                           struct event_reader **out_reader, struct error *error);
void event_reader_free(struct event_reader *reader);

/* Read one input record. PASS: *out_record is filled, its texts live in `arena`. REJECT with a reason otherwise.
 * STOP: the arena is full. Checks the record's key (equal to its subscriber in canonical form) and, by
 * config.input.events_partitioner and input->partition_count, its partition: `wrong_partition`. No allocation. */
struct verdict event_read(struct event_reader *reader, const struct chain_input *input, struct arena *arena,
                          struct record *out_record);

#endif
