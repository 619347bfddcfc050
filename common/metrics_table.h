/*
 * What a running process measures: one row per metric. /metrics (common/status.h) and the reference docs/metrics.md
 * are made from it, so that neither can know a metric that the other does not.
 *
 * Names follow Prometheus's conventions: base units, `_total` for counters. No label ever holds an identifier of a
 * person: labels are stages, verdicts, reasons, topics, partitions and numbers of workers.
 */
#ifndef CLICKVEIL_COMMON_METRICS_TABLE_H
#define CLICKVEIL_COMMON_METRICS_TABLE_H

#include <stdio.h>

enum metric_type {
    METRIC_TYPE_NONE = 0,
    METRIC_COUNTER,
    METRIC_GAUGE,
    METRIC_HISTOGRAM,
};

/* In the order in which they are shown. */
enum metric {
    METRIC_BUILD_INFO = 0,
    METRIC_READY,
    METRIC_RECORDS,
    METRIC_INPUT_RECORDS,
    METRIC_REPLAYED_RECORDS,
    METRIC_OUTPUT_RECORDS,
    METRIC_FEED_RECORDS,
    METRIC_OPT_OUT_CLOCK,
    METRIC_LAG_RECORDS,
    METRIC_LAG_SECONDS,
    METRIC_TRANSACTIONS,
    METRIC_BARRIER_ABORTS,
    METRIC_TRANSACTION_DURATION,
    METRIC_EVENT_TO_COMMIT,
    METRIC_PRODUCERS_RECREATED,
    METRIC_REBALANCES,
    METRIC_WORKER_PHASE,
    METRIC_WORKER_PARTITIONS,
    METRIC_WORKER_RESTORE_RATIO,
    METRIC_WORKER_ARENA,
    METRIC_SIDE_PHASE,
    METRIC_SIDE_PARTITIONS,
    METRIC_SIDE_RECORDS,
    METRIC_SIDE_OUTPUT_RECORDS,
    METRIC_SIDE_TRANSACTIONS,
    METRIC_SIDE_LAG_RECORDS,
    METRIC_SIDE_LAG_SECONDS,
    METRIC_FOLLOWED_PHASE,
    METRIC_FOLLOWED_BOOTSTRAP_RATIO,
    METRIC_FOLLOWED_AGE,
    METRIC_FOLLOWED_LEASE,
    METRIC_FOLLOWED_FRESH,
    METRIC_FOLLOWED_HOLDS,
    METRIC_FOLLOWED_RECORDS,
    METRIC_PROGRAMME_EVENTS,
    METRIC_STAGE_VALUE,
    METRIC_STAGE_DELAY,
    METRIC_RELOADS,
    METRIC_RESIDENT_MEMORY,
    METRIC_CPU_SECONDS,
    METRIC_START_TIME,
    METRICS,
};

struct metric_row {
    const char *name;
    enum metric_type type;
    const char *unit;   /* "records", "seconds", ...; "" where it has none */
    const char *labels; /* names with commas between, "" without */
    const char *help;   /* one or two sentences without line breaks */
};

extern const struct metric_row metrics_table[METRICS];

/* "counter", "gauge" or "histogram", as Prometheus calls them. */
const char *metrics_type_name(enum metric_type type);

struct stage;

/* Write the reference as Markdown: the table, and every reason of the stages in `stages` (NULL-terminated) and of the
 * input, which are values of the label `reason`. */
void metrics_reference_write(const struct stage *const *stages, FILE *out);

#endif
