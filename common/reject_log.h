/*
 * Says where rejected records stand: the first of each stage and reason, then at most one a minute with the number of
 * those in between.
 *
 * Counters say how many dead letters there are, and the dead letters themselves are sealed; whoever fixes the producer
 * needs one of them by partition and offset. A line names the field by its path in the input, never the value.
 *
 * One thread at a time: a chain's.
 */
#ifndef CLICKVEIL_COMMON_REJECT_LOG_H
#define CLICKVEIL_COMMON_REJECT_LOG_H

#include "common/stage.h"
#include "common/view.h"

enum {
    REJECT_LOG_EVERY_MS = 60000,
    REJECT_LOG_REASONS_MAX = 64, /* of all stages of a process; those beyond are not told apart */
    REJECT_LOG_TEXT_SIZE = 512,
};

/* A zeroed struct has seen nothing. */
struct reject_log {
    struct {
        const struct reason *reason; /* static; a reason belongs to one stage */
        int64_t said_ms;
        uint64_t unsaid; /* since then */
    } rows[REJECT_LOG_REASONS_MAX];
};

/* A rejected record. */
struct reject {
    const char *topic;
    int32_t partition;
    int64_t offset;
    bool
        is_line; /* of a file of events: the offset is its line, from 0, and the topic only what the file stands for */
    const char *stage;
    const struct reason *reason; /* static */
    struct view field;           /* path, as the configuration has it; absent: the whole record */
};

/* Note a reject. True: it is to be said now, and *text says it. now_ms: any clock, Unix epoch ms; one that went back
 * says nothing until it has come back to where it was. */
bool reject_log_take(struct reject_log *log, int64_t now_ms, const struct reject *reject,
                     char text[REJECT_LOG_TEXT_SIZE]);

/* The same, and log it as `record_rejected`. */
void reject_log_note(struct reject_log *log, int64_t now_ms, const struct reject *reject);

#endif
