/*
 * What a chain hands to its sink: one record for one topic.
 */
#ifndef CLICKVEIL_COMMON_OUTPUT_H
#define CLICKVEIL_COMMON_OUTPUT_H

#include "common/error.h"
#include "common/view.h"

#include <stdint.h>

enum {
    OUTPUT_HEADERS_MAX = 5,
    OUTPUT_PARTITION_BY_KEY = -1, /* murmur2 of the key, as Java clients partition; null key: round robin */
};

/* The topics of a pipeline, by role; their names stand in the configuration (config.topics, feeds). */
enum topic_role {
    TOPIC_NONE = 0,
    TOPIC_EVENTS,
    TOPIC_CONSENT,
    TOPIC_CONSENT_OUT,
    TOPIC_PSEUDONYMIZE_OUT,
    TOPIC_CLASSIFY_OUT,
    TOPIC_STATE, /* changelog of publish */
    TOPIC_RETRACTIONS,
    TOPIC_DEAD_LETTERS,
    TOPIC_FEED, /* output.feed says which */
    TOPIC_ROLES,
};

struct output_header {
    const char *name; /* static storage */
    struct view value;
};

/* One record for a topic. Views borrow the worker's arena and live until the transaction ended. */
struct output {
    enum topic_role topic;
    unsigned feed;        /* index in publish.feeds when topic is TOPIC_FEED */
    struct view key;      /* absent: null key */
    struct view value;    /* absent: tombstone */
    int32_t partition;    /* >= 0, or OUTPUT_PARTITION_BY_KEY */
    int64_t timestamp_ms; /* Unix epoch; 0: the moment it is sent */
    struct output_header headers[OUTPUT_HEADERS_MAX];
    unsigned header_count;
};

/* Where outputs go: a Kafka transaction, a file, a test. Takes none of the memory. False: the transaction can't go
 * on (error says why). */
struct sink {
    void *context;
    bool (*send)(void *context, const struct output *output, struct error *error);
};

#endif
