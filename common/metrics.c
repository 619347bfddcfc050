#include "common/metrics.h"

const int64_t metrics_latency_bounds_ms[] = {1,     2,      5,      10,      20,       50,      100,
                                             200,   500,    1000,   2000,    5000,     10000,   30000,
                                             60000, 120000, 300000, 3600000, 21600000, 86400000};
const unsigned metrics_latency_bound_count =
    sizeof metrics_latency_bounds_ms / sizeof metrics_latency_bounds_ms[0];

_Static_assert(sizeof metrics_latency_bounds_ms / sizeof metrics_latency_bounds_ms[0] <= METRICS_BUCKETS_MAX,
               "a bucket for every bound");

void metrics_observe(struct metrics_histogram *histogram, int64_t value_ms, uint64_t times)
{
    unsigned bucket = 0;
    if (value_ms < 0) /* clocks differ; a sum must not shrink */
        value_ms = 0;
    while (bucket < metrics_latency_bound_count && value_ms > metrics_latency_bounds_ms[bucket])
        bucket++;
    metrics_add(&histogram->buckets[bucket], times);
    metrics_add(&histogram->count, times);
    atomic_fetch_add_explicit(&histogram->sum_ms, value_ms * (int64_t)times, memory_order_relaxed);
}
