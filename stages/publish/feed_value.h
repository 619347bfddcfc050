/*
 * The value of a feed record: OpenRTB 2.6 objects, so that an ad server can use them as they are (spec 6).
 *
 * One description of its shape serves the encoder, the JSON Schema (docs/feed.schema.json) and the AsyncAPI document
 * (docs/feed.asyncapi.json). There is no user.id, no buyeruid, and no programme, brand or digest: they would narrow
 * people.
 *
 * Pure; any thread.
 */
#ifndef CLICKVEIL_STAGES_PUBLISH_FEED_VALUE_H
#define CLICKVEIL_STAGES_PUBLISH_FEED_VALUE_H

#include "common/arena.h"
#include "common/json_writer.h"
#include "stages/publish/contribution.h"
#include "stages/publish/publish_options.h"

enum { FEED_VALUE_VERSION = 1 };

struct feed_value {
    struct view id; /* text form */
    enum feed_subject subject;
    struct view provider; /* domain */
    struct interest_set interests;
    int32_t epoch;
    int64_t expires_ms; /* end of the epoch's life, Unix epoch ms */
    bool trial;
};

/* Has the table of hops (common/hop.h) a row for all that a value holds, and no others? Members of the value, and of the
 * objects in it. Where not, nothing may be written. */
bool feed_value_is_allowed(void);

/* Write the value: one JSON object without white space, interests sorted by taxonomy ID. Memory from the arena; false:
 * it is full. */
CLICKVEIL_MUST_CHECK bool feed_value_write(const struct feed_value *value, struct arena *arena,
                                           struct view *out_text);

/* Write the JSON Schema (draft 2020-12) of the value; the AsyncAPI 3.0 document of a feed. */
void feed_value_schema_write(struct json_writer *writer);
void feed_value_asyncapi_write(struct json_writer *writer);

#endif
