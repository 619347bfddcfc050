/*
 * A retraction as a record of topics.retractions: a choice that turned to `out`, for one subject and one programme, on its
 * way to everything that was published (spec 3, rule 9).
 *
 *     key    <pseudonym of the subject, base64url, 22 characters>:<programme>
 *     value  {"v":1,"subject":"account","programme":"tmobile","time":1619438400000,"chosen":1619438399000}
 *
 * The topic is compacted, so it keeps the newest retraction of each pair. `time` is when the choice was read; the epoch that
 * a retraction ends with is the one that this moment lies in. It is reckoned by publish and nowhere else: only publish
 * knows how long its epochs are, so processes cannot disagree. `chosen` decides nothing: from that moment on it is measured
 * how long the choice took to work.
 *
 * Reading is strict. A reader belongs to one thread.
 */
#ifndef CLICKVEIL_COMMON_RETRACTION_H
#define CLICKVEIL_COMMON_RETRACTION_H

#include "common/arena.h"
#include "common/json_reader.h"
#include "common/output.h"
#include "common/record.h"

enum {
    RETRACTION_VERSION = 1,
    RETRACTION_VALUE_SIZE_MAX = 512,
};

/* The longest epoch that publish.epoch allows; an epoch lives on no longer than that behind its end. */
#define RETRACTION_EPOCH_MS_MAX (INT64_C(30) * 86400000)

/* Latest `time`: the last millisecond of the year 9999. */
#define RETRACTION_TIME_MAX INT64_C(253402300799999)

struct retraction {
    enum subject_kind kind;
    struct pseudonym subject;
    struct view programme; /* its name; borrowed */
    int64_t time_ms;       /* Unix epoch, 0 to RETRACTION_TIME_MAX */
    int64_t chosen_ms;     /* Kafka timestamp of the consent record, 0 to time_ms */
};

/* Encode one. Memory from the arena. False: it is full. */
CLICKVEIL_MUST_CHECK bool retraction_write(const struct retraction *retraction, struct arena *arena,
                                           struct output *out_output);

/* Zeroed memory is fine until init; its memory is the start-up arena's. */
struct retraction_reader {
    struct json_shape *shape;
    struct json_reader json;
};

CLICKVEIL_MUST_CHECK bool retraction_reader_init(struct retraction_reader *reader, struct arena *arena,
                                                 struct error *error);

/* Decode one. The programme borrows the key. False: *out_what says what is wrong with it (static, no value). */
CLICKVEIL_MUST_CHECK bool retraction_read(struct retraction_reader *reader, struct view key,
                                          struct view value, struct retraction *out_retraction,
                                          const char **out_what);

#endif
