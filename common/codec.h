/*
 * The format between stages: one JSON object a record, with version and kind, built from the allow-list of its hop
 * (common/hop.h). Documented in docs/formats.md. Read back strictly: an unknown version, kind or field is a reject.
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

struct codec;

CLICKVEIL_MUST_CHECK bool codec_new(const struct config *config, struct arena *arena,
                                    struct codec **out_codec, struct error *error);
void codec_free(struct codec *codec);

/* Encode what leaves a stage for its topic: key (line identifier before pseudonymize, pseudonym of the line as
 * unpadded base64url after it), value, origin header. Memory from arena. False: the arena is full. */
CLICKVEIL_MUST_CHECK bool codec_write(struct codec *codec, enum hop hop, const struct record *record,
                                      struct arena *arena, struct output *out_output);

/* Decode one record of a topic between stages. PASS, REJECT with a reason of event_reasons, or STOP (arena full). */
struct verdict codec_read(struct codec *codec, enum hop hop, const struct chain_input *input,
                          struct arena *arena, struct record *out_record);

#endif
