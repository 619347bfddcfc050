/*
 * What a running process shows of itself: plain numbers at one moment, and how they are written for people and
 * machines. Gathering the numbers is common/health.c's; nothing here knows Kafka, threads or sockets.
 *
 * Names (stages, reasons, phases, topics) are borrowed and live as long as the pipeline.
 */
#ifndef CLICKVEIL_COMMON_STATUS_H
#define CLICKVEIL_COMMON_STATUS_H

#include "common/error.h"
#include "common/metrics.h"
#include "common/stage.h"

#include <stdint.h>
#include <stdio.h>

enum {
    STATUS_GAUGE_NAME_SIZE = 64,
    STATUS_NOTE_SIZE = 512,
    STATUS_REASONS_SIZE = 8192, /* bytes of the reasons for not being ready, with NUL */
};

/* Prometheus, "Exposition formats": text-based format, version 0.0.4. */
#define STATUS_METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct status_counter {
    const char *stage, *reason;
    enum verdict_kind verdict;
    uint64_t count;
};

struct status_lag {
    int32_t partition;
    int64_t records;
    double seconds;
};

struct status_worker {
    const char *phase;
    unsigned partitions;
    double restore_ratio; /* 0 to 1 */
    uint64_t arena_bytes;
};

struct status_side { /* a side input of a stage */
    const char *stage, *topic, *phase;
    unsigned partitions;
    uint64_t records, outputs; /* committed */
    uint64_t transactions_committed, transactions_aborted;
    struct status_lag *lags;
    unsigned lag_count;
};

struct status_followed {
    const char *topic, *phase;
    double bootstrap_ratio; /* 0 to 1 */
    int64_t age_ms;         /* -1: never read to its end */
    int64_t lease_ms;
    bool fresh;
    bool holds; /* work rests although it is fresh; `hold` says why */
    struct followed_hold hold;
    uint64_t records;
    double records_per_second; /* of the first read */
    int64_t eta_ms;            /* of the first read; -1: unknown */
};

struct status_gauge {
    const char *stage;
    char name[STATUS_GAUGE_NAME_SIZE];
    double value;
};

struct status_programme {
    const char *programme;
    const char *reason; /* "kept", or why not */
    uint64_t count;
};

/* A copy of a struct metrics_histogram, or the sum of several. */
struct status_histogram {
    uint64_t buckets[METRICS_BUCKETS_MAX + 1]; /* not cumulative, over metrics_latency_bounds_ms */
    int64_t sum_ms;
};

/* What a stage measured. */
struct status_delay {
    const char *stage, *name;
    struct status_histogram histogram;
};

struct status {
    const char *version, *librdkafka;
    const char *stages;   /* names of this process's stages, commas between */
    const char *instance; /* as configured */
    const char *input_topic;
    int64_t started_ms; /* Unix epoch */
    int64_t now_ms;
    int64_t oldest_choice_ms; /* that a stage has not done everything about (struct stage); 0: none */

    bool ready;
    char reasons[STATUS_REASONS_SIZE]; /* why not, one a line, each ended by a line break */

    char note[STATUS_NOTE_SIZE]; /* what is worth a look though all works, in words; "": nothing */

    struct status_counter *counters;
    unsigned counter_count;
    struct status_lag *lags;
    unsigned lag_count;
    struct status_worker *workers;
    unsigned worker_count;
    struct status_side *sides;
    unsigned side_count;
    struct status_followed *followed;
    unsigned followed_count;
    struct status_gauge *gauges;
    unsigned gauge_count;
    struct status_delay *delays;
    unsigned delay_count;
    struct status_programme *programmes;
    unsigned programme_count;

    /* Sums over the workers, without those of side inputs. */
    uint64_t input_records, replayed_records, output_records, feed_records;
    uint64_t transactions_committed, transactions_aborted, barrier_aborts;
    uint64_t producers_recreated, rebalances;
    struct status_histogram transaction_duration, event_to_commit;

    uint64_t reloads_done, reloads_failed;
    char reload_error[3 * ERROR_TEXT_SIZE]; /* of the last reload; "" when it was done or none was asked */

    uint64_t resident_bytes;
    double cpu_seconds;
};

/* Add one histogram to a sum. Any thread. */
void status_histogram_add(struct status_histogram *sum, const struct metrics_histogram *histogram);

/* Age in business days of the oldest choice that this process may not have done everything about: the latest of its side inputs of
 * topics of choices, of a followed topic's last complete reading, and of what its stages still have to do, up to the last
 * tombstone (common/business_days.h). Any thread. */
int64_t status_opt_out_clock(const struct status *status);

/* Write all metrics as Prometheus text 0.0.4. */
void status_metrics_write(const struct status *status, FILE *out);

/* Write everything but the stages' counters as one JSON object, for /statusz. False: memory was short. */
CLICKVEIL_MUST_CHECK bool status_json_write(const struct status *status, FILE *out);

#endif
