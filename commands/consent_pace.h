/*
 * How fast an import writes. Choices that come faster than a pipeline takes them in keep its events waiting
 * (docs/consent.md, "How fast an import writes"), so that while one runs they are written at a pace.
 *
 * A batch is written when the one before it has used up its time, and between them no transaction is open. What was held
 * up, by a broker that was away, is not made up for: the pace is never exceeded by more than a batch.
 *
 * One thread.
 */
#ifndef CLICKVEIL_COMMANDS_CONSENT_PACE_H
#define CLICKVEIL_COMMANDS_CONSENT_PACE_H

#include "common/kafka_consent.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    CONSENT_PACE_DEFAULT = 30000, /* records a second */
    CONSENT_PACE_MAX = 10000000,
};

struct consent_pace {
    bool is_given;       /* by --rate; else it depends on whether a pipeline runs */
    uint64_t per_second; /* records; 0: as fast as they can be written */
    int64_t next_ms;     /* when the next batch may be written; monotonic; 0: at once */
};

#define CONSENT_PACE_ARGUMENT(rate_text)                                                                   \
    {                                                                                                      \
        .name = "rate", .value = "N", .text = &(rate_text),                                                \
        .help = "write N records a second, 0 for as fast as it goes; 30000 unless given, while a process " \
                "of the pipeline runs, else 0"                                                             \
    }

/* Read the text of --rate; NULL: it was not given. False: it is no such number. */
CLICKVEIL_MUST_CHECK bool consent_pace_read(const char *text, struct consent_pace *out_pace);

/* Without --rate ask whether a process of the pipeline runs. Says on standard error what so many records will take. */
void consent_pace_begin(struct consent_pace *pace, struct kafka_consent *writer, uint64_t records);

/* How many records a transaction may have: 1 to KAFKA_CONSENT_RECORDS_MAX. */
unsigned consent_pace_batch(const struct consent_pace *pace);

/* How long to wait before the next batch, in milliseconds; 0: it may be written. */
int64_t consent_pace_wait_ms(const struct consent_pace *pace, int64_t now_ms);

/* A batch of so many records is written from now on. */
void consent_pace_note(struct consent_pace *pace, unsigned records, int64_t now_ms);

/* Wait as long as it must, then kafka_consent_write. */
CLICKVEIL_MUST_CHECK bool consent_pace_write(struct consent_pace *pace, struct kafka_consent *writer,
                                             struct kafka_consent_record *records, unsigned count,
                                             struct error *error);

#endif
