/*
 * What `advertiser check` found in a feed: counts, and the records that do not keep the contract.
 *
 * No ID is ever printed: records are named by partition and offset, or by line.
 */
#ifndef CLICKVEIL_COMMANDS_FEED_REPORT_H
#define CLICKVEIL_COMMANDS_FEED_REPORT_H

#include "common/feed_contract.h"
#include "common/feed_state.h"

#include <stdio.h>

enum {
    FEED_REPORT_INVALID_MAX = 100, /* that are named; all are counted */
    FEED_REPORT_EPOCHS_MAX = 32,   /* that are counted one by one */
    FEED_REPORT_INTERESTS = 752,   /* above the highest ID of an interest */
};

struct feed_report_place {
    int32_t partition; /* -1: of a file, offset is the line */
    int64_t offset;
    enum feed_contract_reason reason;
};

struct feed_report {
    const char *view; /* "committed", "uncommitted" or "file" */
    struct feed_state *state;
    uint64_t records, tombstones, invalid;
    uint64_t reasons[FEED_CONTRACT_REASONS];
    struct feed_report_place places[FEED_REPORT_INVALID_MAX];
    unsigned place_count;

    /* Filled by feed_report_finish. */
    uint64_t live, expired, devices;
    uint64_t interests[FEED_REPORT_INTERESTS]; /* live IDs that have it */
    struct {
        int32_t epoch;
        uint64_t ids;
    } epochs[FEED_REPORT_EPOCHS_MAX];
    unsigned epoch_count;
    uint64_t other_epochs; /* live IDs of epochs beyond those */
    int64_t now_ms;
};

CLICKVEIL_MUST_CHECK bool feed_report_init(struct feed_report *report, const char *view, struct error *error);
void feed_report_release(struct feed_report *report); /* accepts zeroed memory */

/* Judge one record and take it into the state. False: memory is short. */
CLICKVEIL_MUST_CHECK bool feed_report_take(struct feed_report *report,
                                           const struct feed_contract_record *record, int64_t offset,
                                           struct error *error);

/* Count what is live now. */
void feed_report_finish(struct feed_report *report, int64_t now_ms);

void feed_report_print(const struct feed_report *report, const char *topic, FILE *out);

struct json_writer;
void feed_report_json(const struct feed_report *report, struct json_writer *writer);

#endif
