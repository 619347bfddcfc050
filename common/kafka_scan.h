/*
 * Read a topic from its beginning to its end as it is now, outside of any group.
 *
 * One thread: the caller's.
 */
#ifndef CLICKVEIL_COMMON_KAFKA_SCAN_H
#define CLICKVEIL_COMMON_KAFKA_SCAN_H

#include "common/config.h"
#include "common/error.h"

struct kafka_scan_record {
    int32_t partition;
    int32_t partitions; /* of the topic */
    int64_t offset;
    int64_t timestamp_ms;
    struct view key, value; /* absent: null; valid during the call */
    struct view author;     /* header clickveil-author, or absent */
    unsigned headers;
    const void *all_headers; /* the library's, for kafka_scan_header */
};

/* The last header of that name, or absent; valid during the call of the visitor. */
struct view kafka_scan_header(const struct kafka_scan_record *record, const char *name);

/* Offsets of one partition: from first, inclusive, to end, exclusive. */
struct kafka_scan_range {
    int32_t partition;
    int64_t first, end;
};

/* False: stop reading; error is set. */
typedef bool kafka_scan_visitor(void *context, const struct kafka_scan_record *record, struct error *error);

struct kafka_scan {
    const struct config *config; /* only its `kafka` properties count */
    const char *topic;
    bool uncommitted; /* read uncommitted: also what open and aborted transactions hold */
    bool whole; /* read committed, but up to the high watermarks: waits for transactions that are open */
    const struct kafka_scan_range *ranges; /* only these, of each partition one at most */
    unsigned range_count;                  /* 0: everything */
    int timeout_ms;                        /* without progress for that long it fails */
    kafka_scan_visitor *visit;
    void *context;
    void (*progress)(void *context, double ratio); /* now and then, 0 to 1; NULL: nobody looks */
    int32_t *out_partitions; /* of the topic, before the first record; NULL: nobody asks */
    int64_t **
        out_ends; /* of each partition, before the first record; to be freed, also when it fails; NULL: nobody asks */
};

/* Read everything below the end offsets taken at the start: the last stable ones, or with `uncommitted` or `whole` the high
 * watermarks. Records of a partition come in order. False: broker or topic is not there (exit status 69), or the
 * visitor stopped. */
CLICKVEIL_MUST_CHECK bool kafka_scan(const struct kafka_scan *scan, struct error *error);

#endif
