/*
 * Numbers that a running pipeline shows: atomic counters and histograms, written by one thread each or by several,
 * read at any time.
 *
 * What exists, its type, unit and help stand in one table (metrics_table), from which /metrics and the reference
 * docs/metrics.md are made. No label ever holds an identifier.
 */
#ifndef CLICKVEIL_COMMON_METRICS_H
#define CLICKVEIL_COMMON_METRICS_H

#include <stdatomic.h>
#include <stdint.h>

enum { METRICS_BUCKETS_MAX = 20 };

/* Bounds in milliseconds, 1 ms to 5 min, and 1 h, 6 h and a day; one bucket more stands for what is above. */
extern const int64_t metrics_latency_bounds_ms[];
extern const unsigned metrics_latency_bound_count;

/* A histogram of milliseconds over metrics_latency_bounds_ms. Zeroed memory is an empty one. */
struct metrics_histogram {
    _Atomic uint64_t buckets[METRICS_BUCKETS_MAX + 1]; /* not cumulative */
    _Atomic uint64_t count;
    _Atomic int64_t sum_ms;
};

/* Note `times` values of value_ms. Any thread. */
void metrics_observe(struct metrics_histogram *histogram, int64_t value_ms, uint64_t times);

static inline void metrics_add(_Atomic uint64_t *counter, uint64_t value)
{
    atomic_fetch_add_explicit(counter, value, memory_order_relaxed);
}

static inline uint64_t metrics_read(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

#endif
