/*
 * Design: every answer is made from one struct status, gathered when it is asked for: nothing is kept between two
 * scrapes, and rendering (common/status.h) is tested without a pipeline.
 */
#include "common/health.h"

#include "common/clock.h"
#include "common/http_server.h"
#include "common/kafka_client.h"
#include "common/kafka_pipeline.h"
#include "common/log.h"
#include "common/stage.h"
#include "common/status.h"
#include "common/version.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { STAGES_TEXT_SIZE = 256 };

struct health {
    struct kafka_pipeline *pipeline;
    struct http_server *server;
    int64_t started_ms;
    char stages[STAGES_TEXT_SIZE];
};

static const char *const follow_phase_names[] = {
    [KAFKA_FOLLOW_CONNECTING] = "connecting",
    [KAFKA_FOLLOW_READING] = "reading",
    [KAFKA_FOLLOW_FOLLOWING] = "following",
    [KAFKA_FOLLOW_FAILED] = "failed",
};

/* ---- gathering ---- */

/* Room for one more in an array that doubles; NULL: memory is short, and the sample is left out. */
static void *grow(void *items, unsigned count, size_t item_size, void **out_item)
{
    *out_item = NULL;
    bool full = count == 0 || (count & (count - 1)) == 0; /* powers of two are where it doubles */
    if (full) {
        void *grown = realloc(items, (count ? (size_t)count * 2 : 1) * item_size);
        if (!grown)
            return items;
        items = grown;
    }
    *out_item = (char *)items + count * item_size;
    return items;
}

static void add_counter(void *context, const char *stage, enum verdict_kind verdict, const char *reason,
                        uint64_t count)
{
    struct status *status = context;
    void *item;
    status->counters = grow(status->counters, status->counter_count, sizeof *status->counters, &item);
    if (!item)
        return;
    status->counter_count++;
    *(struct status_counter *)item =
        (struct status_counter){.stage = stage, .reason = reason, .verdict = verdict, .count = count};
}

static void add_gauge(void *context, const char *stage, const char *name, double value)
{
    struct status *status = context;
    void *item;
    status->gauges = grow(status->gauges, status->gauge_count, sizeof *status->gauges, &item);
    if (!item)
        return;
    status->gauge_count++;
    struct status_gauge *gauge = item;
    *gauge = (struct status_gauge){.stage = stage, .value = value};
    snprintf(gauge->name, sizeof gauge->name, "%s", name);
}

static void add_delay(void *context, const char *stage, const char *name,
                      const struct metrics_histogram *histogram)
{
    struct status *status = context;
    void *item;
    status->delays = grow(status->delays, status->delay_count, sizeof *status->delays, &item);
    if (!item)
        return;
    status->delay_count++;
    struct status_delay *delay = item;
    *delay = (struct status_delay){.stage = stage, .name = name};
    status_histogram_add(&delay->histogram, histogram);
}

struct programme_visit {
    const struct config *config;
    struct status *status;
};

static void add_programme(void *context, unsigned programme, const char *reason, uint64_t count)
{
    const struct programme_visit *visit = context;
    struct status *status = visit->status;
    void *item;
    status->programmes = grow(status->programmes, status->programme_count, sizeof *status->programmes, &item);
    if (!item)
        return;
    status->programme_count++;
    *(struct status_programme *)item =
        (struct status_programme){.programme = config_programme(visit->config, programme)->name.data,
                                  .reason = reason ? reason : "kept",
                                  .count = count};
}

/* By name, since gcc 12 loads an atomic that is used as an index like any other number. */
static int read_number(const _Atomic int *number)
{
    return atomic_load_explicit(number, memory_order_relaxed);
}

static void gather_workers(struct kafka_pipeline *pipeline, struct status *status)
{
    unsigned count = kafka_pipeline_worker_count(pipeline);
    status->workers = calloc(count ? count : 1, sizeof *status->workers);
    status->worker_count = status->workers ? count : 0;
    for (unsigned i = 0; i < count; i++) {
        struct kafka_worker *worker = kafka_pipeline_worker(pipeline, i);
        const struct kafka_worker_stats *stats = kafka_worker_stats(worker);
        status->input_records += metrics_read(&stats->records);
        status->replayed_records += metrics_read(&stats->replayed);
        status->output_records += metrics_read(&stats->outputs);
        status->feed_records += metrics_read(&stats->feed_records);
        status->transactions_committed += metrics_read(&stats->transactions_committed);
        status->transactions_aborted += metrics_read(&stats->transactions_aborted);
        status->barrier_aborts += metrics_read(&stats->aborted_by_barrier);
        status->producers_recreated += metrics_read(&stats->producers_recreated);
        status->rebalances += metrics_read(&stats->rebalances);
        status_histogram_add(&status->transaction_duration, &stats->transaction_ms);
        status_histogram_add(&status->event_to_commit, &stats->latency_ms);
        if (status->workers)
            status->workers[i] = (struct status_worker){
                .phase = kafka_worker_phase_names[read_number(&stats->phase)],
                .partitions = (unsigned)read_number(&stats->assigned),
                .restore_ratio = kafka_worker_restore_ratio(worker),
                .arena_bytes = metrics_read(&stats->arena_bytes),
            };
    }
}

static void gather_followed(struct kafka_pipeline *pipeline, struct status *status)
{
    unsigned count = kafka_pipeline_follower_count(pipeline);
    status->followed = calloc(count ? count : 1, sizeof *status->followed);
    status->followed_count = status->followed ? count : 0;
    for (unsigned i = 0; i < status->followed_count; i++) {
        struct kafka_follow_status follow;
        kafka_follower_status(kafka_pipeline_follower(pipeline, i), &follow);
        status->followed[i] = (struct status_followed){
            .topic = follow.topic,
            .phase = follow_phase_names[follow.phase],
            .bootstrap_ratio = follow.bootstrap_ratio,
            .age_ms = follow.age_ms,
            .lease_ms = follow.lease_ms,
            .fresh = follow.fresh,
            .holds = follow.holds,
            .hold = follow.hold,
            .records = follow.records,
            .records_per_second = follow.records_per_second,
            .eta_ms = follow.eta_ms,
        };
    }
}

/* Copy the lags that `ask` gives: of a side input, or of the chain's own input (side NULL). */
static unsigned copy_lags(struct kafka_pipeline *pipeline, const unsigned *side, struct status_lag **out_lags)
{
    unsigned max =
        side ? kafka_pipeline_side_lag(pipeline, *side, NULL, 0) : kafka_pipeline_lag(pipeline, NULL, 0);
    unsigned count = 0;
    struct kafka_lag *lags = malloc((max + 1) * sizeof *lags);
    *out_lags = malloc((max + 1) * sizeof **out_lags);
    if (lags && *out_lags) {
        count = side ? kafka_pipeline_side_lag(pipeline, *side, lags, max)
                     : kafka_pipeline_lag(pipeline, lags, max);
        count = count < max ? count : max;
        for (unsigned i = 0; i < count; i++)
            (*out_lags)[i] = (struct status_lag){lags[i].partition, lags[i].records, lags[i].seconds};
    }
    free(lags);
    return count;
}

static void gather_sides(struct kafka_pipeline *pipeline, struct status *status)
{
    unsigned count = kafka_pipeline_side_count(pipeline);
    status->sides = calloc(count ? count : 1, sizeof *status->sides);
    status->side_count = status->sides ? count : 0;
    for (unsigned i = 0; i < status->side_count; i++) {
        const struct kafka_worker *worker = kafka_pipeline_side(pipeline, i);
        const struct kafka_worker_stats *stats = kafka_worker_stats(worker);
        struct status_side *side = &status->sides[i];
        *side = (struct status_side){
            .stage = kafka_worker_side_stage(worker)->name,
            .topic = kafka_worker_topic(worker),
            .phase = kafka_worker_phase_names[read_number(&stats->phase)],
            .partitions = (unsigned)read_number(&stats->assigned),
            .records = metrics_read(&stats->records),
            .outputs = metrics_read(&stats->outputs),
            .transactions_committed = metrics_read(&stats->transactions_committed),
            .transactions_aborted = metrics_read(&stats->transactions_aborted),
        };
        side->lag_count = copy_lags(pipeline, &i, &side->lags);
    }
}

/* Of proc(5): /proc/self/statm counts in pages, the second number is what is resident. */
static uint64_t resident_bytes(void)
{
    char text[128] = "", *second;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file)
        return 0;
    bool read = fgets(text, sizeof text, file) != NULL;
    fclose(file);
    if (!read || !(second = strchr(text, ' ')))
        return 0;
    return strtoull(second + 1, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static double cpu_seconds(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0)
        return 0;
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void gather(struct health *health, struct status *status)
{
    struct kafka_pipeline *pipeline = health->pipeline;
    const struct config *config = kafka_pipeline_config(pipeline);
    *status = (struct status){
        .version = CLICKVEIL_VERSION,
        .librdkafka = kafka_library_version(),
        .stages = health->stages,
        .instance = config->instance.data,
        .input_topic = config_topic(config, config_input_topic(config), 0).data,
        .started_ms = health->started_ms,
        .now_ms = clock_unix_ms(),
        .resident_bytes = resident_bytes(),
        .cpu_seconds = cpu_seconds(),
    };
    status->ready = kafka_pipeline_is_ready(pipeline, status->reasons, sizeof status->reasons);
    kafka_pipeline_reloads(pipeline, &status->reloads_done, &status->reloads_failed, status->reload_error,
                           sizeof status->reload_error);
    kafka_pipeline_counters(pipeline, add_counter, status);
    chain_shared_gauges(kafka_pipeline_chain_shared(pipeline), add_gauge, status);
    chain_shared_delays(kafka_pipeline_chain_shared(pipeline), add_delay, status);
    int64_t oldest_ms = chain_shared_oldest_choice_ms(kafka_pipeline_chain_shared(pipeline));
    status->oldest_choice_ms = oldest_ms == INT64_MAX ? 0 : oldest_ms;
    struct programme_visit visit = {config, status};
    chain_shared_programmes(kafka_pipeline_chain_shared(pipeline), add_programme, &visit);
    (void)kafka_pipeline_note(pipeline, status->note, sizeof status->note);
    gather_workers(pipeline, status);
    gather_followed(pipeline, status);
    gather_sides(pipeline, status);
    status->lag_count = copy_lags(pipeline, NULL, &status->lags);
}

static void release(struct status *status)
{
    free(status->counters);
    free(status->gauges);
    free(status->delays);
    free(status->programmes);
    free(status->workers);
    free(status->followed);
    free(status->lags);
    for (unsigned i = 0; i < status->side_count; i++)
        free(status->sides[i].lags);
    free(status->sides);
}

/* ---- answers ---- */

/* Does every thread live? A worker that drained has ended in good order; whoever failed takes the process down. */
static bool write_liveness(struct kafka_pipeline *pipeline, FILE *body)
{
    bool lives = true;
    for (unsigned i = 0; i < kafka_pipeline_worker_count(pipeline); i++) {
        if (read_number(&kafka_worker_stats(kafka_pipeline_worker(pipeline, i))->phase) ==
            KAFKA_WORKER_FAILED) {
            fprintf(body, "worker %u: failed, see the log\n", i);
            lives = false;
        }
    }
    for (unsigned i = 0; i < kafka_pipeline_side_count(pipeline); i++) {
        const struct kafka_worker *side = kafka_pipeline_side(pipeline, i);
        if (read_number(&kafka_worker_stats(side)->phase) == KAFKA_WORKER_FAILED) {
            fprintf(body, "%s: failed, see the log\n", kafka_worker_name(side));
            lives = false;
        }
    }
    for (unsigned i = 0; i < kafka_pipeline_follower_count(pipeline); i++) {
        struct kafka_follow_status status;
        kafka_follower_status(kafka_pipeline_follower(pipeline, i), &status);
        if (status.phase == KAFKA_FOLLOW_FAILED) {
            fprintf(body, "%s: following it failed, see the log\n", status.topic);
            lives = false;
        }
    }
    if (lives)
        fputs("ok\n", body);
    return lives;
}

static unsigned answer_readiness(struct kafka_pipeline *pipeline, FILE *body)
{
    char reasons[STATUS_REASONS_SIZE];
    bool ready = kafka_pipeline_is_ready(pipeline, reasons, sizeof reasons);
    fputs(ready ? "ok\n" : reasons, body);
    return ready ? 200 : 503;
}

static unsigned answer_status(struct health *health, bool metrics, FILE *body, const char **content_type)
{
    struct status *status = malloc(sizeof *status);
    bool written = status != NULL;
    if (!status)
        return 500;
    gather(health, status);
    if (metrics)
        status_metrics_write(status, body);
    else
        written = status_json_write(status, body);
    release(status);
    free(status);
    *content_type = metrics ? STATUS_METRICS_CONTENT_TYPE : "application/json";
    return written ? 200 : 500;
}

static unsigned on_path(void *context, const char *path, FILE *body, const char **content_type)
{
    struct health *health = context;
    if (strcmp(path, "/metrics") == 0)
        return answer_status(health, true, body, content_type);
    if (strcmp(path, "/statusz") == 0)
        return answer_status(health, false, body, content_type);
    if (strcmp(path, "/readyz") == 0)
        return answer_readiness(health->pipeline, body);
    if (strcmp(path, "/livez") == 0)
        return write_liveness(health->pipeline, body) ? 200 : 503;
    return 404;
}

/* ---- life ---- */

static void name_stages(const struct config *config, char text[STAGES_TEXT_SIZE])
{
    size_t used = 0;
    for (unsigned i = config->first_stage; i <= config->last_stage; i++) {
        int size =
            snprintf(text + used, STAGES_TEXT_SIZE - used, "%s%s", used ? "," : "", config->stages[i]->name);
        if (size < 0 || used + (size_t)size >= STAGES_TEXT_SIZE)
            return;
        used += (size_t)size;
    }
}

struct health *health_new(struct kafka_pipeline *pipeline, struct error *error)
{
    const struct config *config = kafka_pipeline_config(pipeline);
    struct health *health = calloc(1, sizeof *health);
    if (!health) {
        (void)error_fail(error, EXIT_STATUS_UNAVAILABLE, "http", "free memory", "no memory for the server");
        return NULL;
    }
    health->pipeline = pipeline;
    health->started_ms = clock_unix_ms();
    name_stages(config, health->stages);
    health->server =
        http_server_new(config->http.address.data, (uint16_t)config->http.port, on_path, health, error);
    if (!health->server) {
        free(health);
        return NULL;
    }
    log_line(LOG_LEVEL_INFO, "http_listening", "metrics and health on %s port %u", config->http.address.data,
             http_server_port(health->server));
    return health;
}

void health_free(struct health *health)
{
    if (!health)
        return;
    http_server_free(health->server);
    free(health);
}
