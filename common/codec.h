/*
 * The format between stages: one JSON object a record, with version and kind, built from the allow-list of its hop
 * (common/hop.h). Documented field by field in docs/formats.md. Read back strictly: an unknown version, kind or field
 * is a reject, and so is an identifier that is not in canonical form, a record under another key than its line, or one
 * in another partition than its key says.
 *
 * Programmes travel by name, since their index belongs to one configuration: a name that this process does not know
 * is left out of the set, so nothing goes through for it; with none left the record is dropped.
 */
#ifndef CLICKVEIL_COMMON_CODEC_H
#define CLICKVEIL_COMMON_CODEC_H

#include "common/arena.h"
#include "common/chain.h"
#include "common/config.h"
#include "common/hop.h"
#include "common/output.h"
#include "common/record.h"
#include "common/stage.h"

enum { CODEC_VERSION = 1 };

/* Header of records between stages: "<partition>:<offset>" of the input record, in decimal. */
#define CODEC_HEADER_ORIGIN "clickveil-origin"

struct codec;

/* Prepare for reading and writing of all hops; memory from the start-up arena. */
CLICKVEIL_MUST_CHECK bool codec_new(const struct config *config, struct arena *arena,
                                    struct codec **out_codec, struct error *error);
void codec_free(struct codec *codec); /* NULL is fine; the arena keeps the memory */

/* Encode what leaves a stage for its topic: key (line identifier before pseudonymize, pseudonym of the line as
 * unpadded base64url, 22 characters, after it), value, origin header. Memory from arena. The record is an event with its
 * line, with the pseudonyms that the hop needs, and was kept for a programme: anything else is our own bug. False: the arena is full. */
CLICKVEIL_MUST_CHECK bool codec_write(struct codec *codec, enum hop hop, const struct record *record,
                                      struct arena *arena, struct output *out_output);

/* Decode one record of a topic between stages. PASS: texts live in arena. REJECT with an enum event_reason; DROP
 * `programme_unknown`; STOP: the arena is full. Key and partition are checked as event_read does (a key may be absent
 * where there is no partition_count). */
struct verdict codec_read(struct codec *codec, enum hop hop, const struct chain_input *input,
                          struct arena *arena, struct record *out_record);

#endif
