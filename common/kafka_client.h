/*
 * Handles of librdkafka, made one way: the operator's properties first, then those that the guarantees need.
 *
 * Which property may not be set is config.c's business (it refuses with the reason); this module sets them. Every
 * handle's log lines go to common/log.h. Source of the rules: the library's CONFIGURATION.md,
 * and architecture 2.
 */
#ifndef CLICKVEIL_COMMON_KAFKA_CLIENT_H
#define CLICKVEIL_COMMON_KAFKA_CLIENT_H

#include "common/config.h"
#include "common/error.h"

#include <librdkafka/rdkafka.h>

enum kafka_role {
    KAFKA_ROLE_NONE = 0,
    KAFKA_ROLE_WORKER,         /* group consumer of the chain's input */
    KAFKA_ROLE_SIDE_INPUT,     /* group consumer of what a stage reads beside the chain */
    KAFKA_ROLE_COMMITTED,      /* follower, read committed */
    KAFKA_ROLE_UNCOMMITTED,    /* follower, read uncommitted */
    KAFKA_ROLE_OFFSETS,        /* only asks: read uncommitted, so that end offsets are high watermarks */
    KAFKA_ROLE_GLANCE,         /* reads single records here and there, read uncommitted */
    KAFKA_ROLE_PRODUCER,       /* transactional producer */
    KAFKA_ROLE_PLAIN_PRODUCER, /* writes single records outside of transactions */
};

enum { KAFKA_SIDE_PREFETCH_MIB = 4 };

struct kafka_client_spec {
    enum kafka_role role;
    const char *identity; /* group.id of a worker or side input, transactional.id of a producer; else NULL */
    const char *member;   /* group.instance.id with static membership, else NULL */
    bool offline;         /* connect nowhere and log nothing: only the properties are of interest */
    void *opaque;         /* for the callbacks */
    void (*rebalance)(rd_kafka_t *, rd_kafka_resp_err_t, rd_kafka_topic_partition_list_t *, void *opaque);
    void (*delivery)(rd_kafka_t *, const rd_kafka_message_t *, void *opaque);
    bool receipts; /* of a producer: `delivery` hears of what was delivered too, with its offset */
    const struct kafka_listener *listener; /* lives as long as the client; NULL: none */
};

/* Hears of every request (by Kafka's number) that ended without an answer: its connection was lost, or time was up. Called
 * by the library's own threads; may not call the library. */
struct kafka_listener {
    void (*unanswered)(int16_t request, void *opaque);
    void *opaque;
};

/* NULL: a property is not known or out of bounds (exit status 78). Connects in the background. Its log lines and errors
 * come when it is polled: a consumer by consuming, a producer and KAFKA_ROLE_OFFSETS by kafka_serve. */
rd_kafka_t *kafka_client_new(const struct config *config, const struct kafka_client_spec *spec,
                             struct error *error);

/* Let what a producer or a KAFKA_ROLE_OFFSETS handle has to say be said, now and then. Never a consumer: it would lose
 * messages. */
void kafka_serve(rd_kafka_t *client);

/* Turn an error of the library into ours; takes `failure` (may not be NULL). `doing` says what was tried. */
bool kafka_fail(struct error *error, rd_kafka_error_t *failure, const char *doing);
bool kafka_fail_code(struct error *error, rd_kafka_resp_err_t code, const char *doing);

/* Once a transaction has failed for whatever reason, the library throws away what it has not sent, and that is what delivery
 * reports say. Give the reason instead: code is a report's, of a transaction that is open; *out_code and `error` (its text) are filled in and true is given where
 * code is such a one and the library knows why. */
bool kafka_purged_because(rd_kafka_t *producer, rd_kafka_resp_err_t code, rd_kafka_resp_err_t *out_code,
                          struct error *error);

/* Version of the library that runs, such as 2.0.2. */
const char *kafka_library_version(void);

/* Is the broker simply not there (so that waiting is right)? */
bool kafka_is_unreachable(rd_kafka_resp_err_t code);

/* A consumer's error that says that the client could not read what stands in a partition; the library goes on behind it,
 * so whoever ignores it loses records. */
bool kafka_skips_records(rd_kafka_resp_err_t code);

/* A consumer's error that says that its topic or partition is not there. A broker that has just started says so too:
 * kafka_topic_partitions knows. */
bool kafka_is_topic_unknown(rd_kafka_resp_err_t code);

/* Number of partitions of a topic. 0 with false: it does not exist or can't be asked; error->retriable tells
 * unreachable (wait) from missing (create it). Blocks up to timeout_ms. */
CLICKVEIL_MUST_CHECK bool kafka_topic_partitions(rd_kafka_t *client, const char *topic, int timeout_ms,
                                                 int32_t *out_partitions, struct error *error);

/* For whoever gives up by a time (until_ms, monotonic), such as a command: may what failed be tried again? Then a moment has
 * passed and *error is empty. Not where trying again does not help, or time is up. */
CLICKVEIL_MUST_CHECK bool kafka_may_try_again(int64_t until_ms, struct error *error);

/* End offsets of partitions 0..partitions-1 in one request per broker: high watermarks on an UNCOMMITTED or
 * OFFSETS handle, last stable offsets on any other (architecture 2). Blocks up to timeout_ms. */
CLICKVEIL_MUST_CHECK bool kafka_end_offsets(rd_kafka_t *client, const char *topic, int32_t partitions,
                                            int timeout_ms, int64_t *out_offsets, struct error *error);

/* First offsets that still exist. */
CLICKVEIL_MUST_CHECK bool kafka_first_offsets(rd_kafka_t *client, const char *topic, int32_t partitions,
                                              int timeout_ms, int64_t *out_offsets, struct error *error);

/* When a record was written, by its own account or the broker's; -1: it doesn't say, or names no moment of the years 1970
 * to 9999 (a producer may write any number there). */
int64_t kafka_timestamp_ms(const rd_kafka_message_t *message);

/* Are all topics that this process writes or reads there? Names each that is missing and how to make it. */
CLICKVEIL_MUST_CHECK bool kafka_preflight(rd_kafka_t *client, const struct config *config, int timeout_ms,
                                          struct error *error);

/* Properties and time-outs that the library itself refuses, without a connection: used by `clickveil check`. */
CLICKVEIL_MUST_CHECK bool kafka_check_properties(const struct config *config, struct error *error);

#endif
