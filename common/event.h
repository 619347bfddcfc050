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
#include "common/json_reader.h"
#include "common/record.h"
#include "common/stage.h"

struct event_reader;

/* Why an input record, or one of a topic between stages (common/codec.h), is not taken: index into event_reasons. */
enum event_reason {
    EVENT_NOT_JSON = 0,
    EVENT_EMPTY,
    EVENT_TOO_LARGE,
    EVENT_TRUNCATED,
    EVENT_TRAILING_CONTENT,
    EVENT_INVALID_UTF8,
    EVENT_NESTING,
    EVENT_NOT_OBJECT,
    EVENT_DUPLICATE_KEY,
    EVENT_MISSING_FIELD,
    EVENT_FIELD_TYPE,
    EVENT_FIELD_EMPTY,
    EVENT_CONTROL_CHARACTER,
    EVENT_UNKNOWN_TYPE,
    EVENT_TIME_MALFORMED,
    EVENT_TIME_RANGE,
    EVENT_SUBSCRIBER_MALFORMED,
    EVENT_ACCOUNT_MALFORMED,
    EVENT_DEVICE_MALFORMED,
    EVENT_DEVICE_KIND,
    EVENT_WRONG_PARTITION,
    /* Only between stages. */
    EVENT_UNKNOWN_VERSION,
    EVENT_UNKNOWN_KIND,
    EVENT_UNKNOWN_FIELD,
    EVENT_FIELD_VALUE,
    EVENT_ORIGIN_MALFORMED,
    EVENT_PROGRAMME_UNKNOWN, /* the one that drops: no programme of the record is known to this process */
    EVENT_REASONS,
};

/* The reasons of the input pseudo-stage, a table for the chain's books. */
extern const struct reason event_reasons[];
extern const unsigned event_reason_count;

/* What to call a text that is no object with fields; not for JSON_READ. */
enum event_reason event_reason_of_json(enum json_result result);

/* Prepare a reader; memory from the start-up arena. Fails (exit status 78) on a `fields:` map with an unknown name, a
 * name twice, or paths that get in each other's way; error->where is the place of the entry. */
CLICKVEIL_MUST_CHECK bool event_reader_new(const struct config *config, struct arena *arena,
                                           struct event_reader **out_reader, struct error *error);
void event_reader_free(struct event_reader *reader); /* NULL is fine; the arena keeps the memory */

/* Read one input record. PASS: *out_record is filled, its texts live in `arena`; identifiers are canonical, type and
 * time are known, a page visit has url or host and nothing of apps, an app event has app and neither url nor host.
 * REJECT with an enum event_reason otherwise. STOP: the arena is full. No allocation.
 *
 * Checks the record's key (its subscriber, spelt as config.input.events_key says) and, by
 * config.input.events_partitioner and input->partition_count, its partition: `wrong_partition`. Without
 * partition_count (file mode) an absent key is fine, a key may be spelt in any way, and no partition is checked;
 * `trusted` checks neither.
 *
 * Judging the time against the Kafka timestamp and looking at signals is the consent stage's. */
struct verdict event_read(struct event_reader *reader, const struct chain_input *input, struct arena *arena,
                          struct record *out_record);

/* After a REJECT: the field that it was about, by the path that it is read from (the configuration's); absent: the
 * whole record. A page visit without url and host lacks host. Borrows the reader. */
struct view event_rejected_field(const struct event_reader *reader);

#endif
