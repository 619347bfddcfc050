/*
 * Dead letters: inputs that could not be processed, kept for the operator and nobody else (spec 7).
 *
 * A record that nobody could read may hold anything, so it is encrypted before it reaches a topic: with a data key that
 * lives for one transaction and is sealed to the operator's public key in each envelope. Stages have the public half
 * only; once a transaction has ended they can't open what they wrote themselves. What stays readable is in the
 * headers: topic of origin, reason, attempt and day. Format, byte by byte: docs/dead-letters.md.
 *
 * Without a public key in the configuration the payload is not kept at all.
 *
 * `clickveil dead-letters replay` puts an input back where it came from (common/kafka_replay.h), with headers that say how
 * often it has failed; which letters were put back is written down beside them (common/dead_letter_marks.h).
 */
#ifndef CLICKVEIL_COMMON_DEAD_LETTER_H
#define CLICKVEIL_COMMON_DEAD_LETTER_H

#include "common/arena.h"
#include "common/chain.h"
#include "common/config.h"
#include "common/output.h"
#include "common/secret.h"

#include <stdint.h>

enum {
    DEAD_LETTER_VERSION = 1,
    DEAD_LETTER_PAYLOAD_SIZE_MAX = 256 * 1024, /* bytes of key and value together; more is cut */
    DEAD_LETTER_ORIGIN_SIZE_MAX = 1024,        /* bytes of the origin header; more is cut */
    DEAD_LETTER_DIGEST_SIZE = 32,              /* BLAKE2b-256 of what was cut */
    DEAD_LETTER_CLASSES = 5,
    DEAD_LETTER_ATTEMPTS_MAX = 999999, /* as a header has it */
};

/* Headers of a dead letter; all values are text. No others are written. */
#define DEAD_LETTER_HEADER_TOPIC   "clickveil-origin-topic"
#define DEAD_LETTER_HEADER_REASON  "clickveil-reason"
#define DEAD_LETTER_HEADER_ATTEMPT "clickveil-attempt" /* decimal, from 1 */
#define DEAD_LETTER_HEADER_DAY     "clickveil-day"     /* UTC date of the failure, YYYY-MM-DD */

/* Headers of an event that was put back: DEAD_LETTER_HEADER_ATTEMPT, how often it has failed, and perhaps this one, after
 * which input.late_max does not go for it. */
#define DEAD_LETTER_HEADER_LATE "clickveil-late"
#define DEAD_LETTER_LATE        VIEW("1")

/* How often an event has failed before, by its header. 0: there is none. What can't be read counts as
 * DEAD_LETTER_ATTEMPTS_MAX, after which nobody puts it back again. */
unsigned dead_letter_attempts_read(struct view header);

/* Writes the dead letters of one chain. One thread. */
struct dead_letter_writer;

/* Prepare a writer; reads the public key that the configuration names. About 265 KiB from the start-up arena, and a
 * locked page. */
CLICKVEIL_MUST_CHECK bool dead_letter_writer_new(const struct config *config, struct arena *start_up,
                                                 struct dead_letter_writer **out_writer, struct error *error);

/* Wipes the data key. NULL is fine. Before the start-up arena is released. */
void dead_letter_writer_free(struct dead_letter_writer *writer);

/* Make a dead letter of an input record: *out_output is ready for the sink, with a null key. origin_topic (at most 249
 * bytes) and reason (at most 64) are borrowed until the transaction has ended; attempt counts from 1; now_ms is the wall
 * clock, Unix epoch. The Kafka timestamp is the start of the UTC day. Memory from arena. False: the arena is full. */
CLICKVEIL_MUST_CHECK bool dead_letter_write(struct dead_letter_writer *writer,
                                            const struct chain_input *input, const char *origin_topic,
                                            const char *reason, unsigned attempt, int64_t now_ms,
                                            struct arena *arena, struct output *out_output);

/* The transaction was committed or aborted: wipe its data key. The next letter makes a new one. */
void dead_letter_transaction_ended(struct dead_letter_writer *writer);

/* One field of the input, as it was kept. */
struct dead_letter_field {
    struct view bytes; /* absent: was null; cut: the first part */
    bool cut;
    uint64_t size;                           /* bytes before the cut */
    uint8_t digest[DEAD_LETTER_DIGEST_SIZE]; /* of all bytes before the cut; only when cut */
};

/* A dead letter, opened. Holds raw data. Views borrow the arena that it was opened into. */
struct dead_letter {
    int32_t partition; /* of the input record */
    int64_t offset;
    int64_t timestamp_ms; /* Kafka's, of the input record */
    int64_t failed_ms;    /* when it became a dead letter, Unix epoch */
    uint32_t attempt;
    struct view topic, reason;
    struct dead_letter_field origin, key, value;
};

enum dead_letter_state {
    DEAD_LETTER_FAILED = 0, /* nobody knows: no memory */
    DEAD_LETTER_OPENED,
    DEAD_LETTER_NO_PAYLOAD, /* none was kept, since no public key was configured */
    DEAD_LETTER_OTHER_KEY,  /* sealed to another key */
    DEAD_LETTER_DAMAGED,    /* or no envelope at all */
};

/* Open the value of a dead letter with the operator's secret key (SECRET_DEAD_LETTER_SECRET). What is not opened has exit
 * status 65, and error says why. Any thread. */
CLICKVEIL_MUST_CHECK enum dead_letter_state dead_letter_try(const struct secret *secret, struct view value,
                                                            struct arena *arena,
                                                            struct dead_letter *out_letter,
                                                            struct error *error);

/* The same for who wants it opened or nothing. */
CLICKVEIL_MUST_CHECK bool dead_letter_open(const struct secret *secret, struct view value,
                                           struct arena *arena, struct dead_letter *out_letter,
                                           struct error *error);

#endif
