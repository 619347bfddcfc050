#include "common/kafka_pipeline.h"

#include "common/clock.h"
#include "common/health.h"
#include "common/kafka_begin.h"
#include "common/kafka_client.h"
#include "common/kafka_ending.h"
#include "common/kafka_ends.h"
#include "common/log.h"
#include "common/run_summary.h"
#include "common/stage.h"
#include "common/topic_plan.h"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    WORKERS_MAX = 256,
    SIDES_MAX = 16,
    LAG_EVERY_MS = 5000,
    LAG_TIMEOUT_MS = 1000,
    BEGIN_TIMEOUT_MS = 1000,
    BEGIN_EVERY_MS = 300,
    BEGIN_PATIENCE_MS = 60000, /* with a broker that is there but does not tell all that is asked */
    SILENCE_MS = 30000,        /* of the broker: then the process is not ready */
    TICK_MS = 100,
    PROGRESS_EVERY_MS = 2000,
    NOTE_FIRST_MS = 30000,   /* how often it is looked at */
    NOTE_EVERY_MS = 3600000, /* how often it is said */
    LEAVING_MS = 20000,      /* workers and side inputs, beyond their drains: an abort, a last rebalance */
    CLEANUP_MS = 10000,      /* what is left when all has been left in good order */
};

struct lag_list { /* of the workers of one input */
    struct kafka_lag *items;
    unsigned count, capacity;
};

struct kafka_pipeline {
    const struct config *config;
    struct chain_shared *chain_shared;
    struct kafka_follower *followers[KAFKA_FOLLOWERS_MAX];
    unsigned follower_count;
    struct kafka_worker *workers[WORKERS_MAX];
    unsigned worker_count;
    struct kafka_worker *sides[SIDES_MAX]; /* of side inputs, as far as they were started */
    atomic_uint side_count;
    int64_t begin_ms, begin_until_ms; /* when to try again to begin with the next one; when it is enough */
    atomic_bool stop, failed;
    atomic_bool
        side_stop; /* later: the drain's last transaction may wait for what a side input has to answer */
    bool joined;
    struct error failure; /* the first one */

    rd_kafka_t
        *offsets; /* for lag: a handle of its own, since a broker answers a connection in order (rule 13) */
    struct kafka_ends state_ends;
    int64_t next_lag_ms, next_progress_ms, next_note_ms, next_state_ms;
    _Atomic int64_t silent_since_ms; /* the broker did not answer a question for lag since then; 0: it did */
    pthread_mutex_t lag_lock;
    struct lag_list lags, side_lags[SIDES_MAX];

    pthread_mutex_t reload_lock;
    uint64_t reloads_done, reloads_failed;
    char reload_error[3 * ERROR_TEXT_SIZE]; /* of the last reload */
};

/* ---- start ---- */

struct follow_visit {
    struct kafka_pipeline *pipeline;
    struct error *error;
    bool fine;
};

static void start_follower(void *context, const struct followed *followed, void *stage_shared,
                           const void *stage_options)
{
    struct follow_visit *visit = context;
    struct kafka_pipeline *pipeline = visit->pipeline;
    if (!visit->fine)
        return;
    ensure(pipeline->follower_count < KAFKA_FOLLOWERS_MAX);
    struct kafka_follower *follower =
        kafka_follower_new(pipeline->config, followed, stage_shared, stage_options, visit->error);
    visit->fine = follower != NULL;
    if (follower)
        pipeline->followers[pipeline->follower_count++] = follower;
}

/* What a process may take, said once at the start. */
static void log_bounds(const struct config *config)
{
    const struct config_runtime *runtime = &config->runtime;
    long long transaction_mib = (long long)(runtime->memory_bytes_max >> 20),
              prefetch_mib = (long long)(runtime->queue_bytes_max >> 20);
    log_line(LOG_LEVEL_INFO, "memory_bounds",
             "%lld workers, each at most %lld MiB for a transaction, %lld MiB for the producer's queue and "
             "%lld MiB "
             "for the prefetch; %u side inputs, likewise, with a prefetch of at most %d MiB; the tables of "
             "the stages "
             "have bounds of their own",
             (long long)config->workers, transaction_mib, transaction_mib, prefetch_mib,
             chain_side_count(config), KAFKA_SIDE_PREFETCH_MIB);
}

static struct kafka_worker *start_worker(struct kafka_pipeline *pipeline, bool is_side, unsigned index,
                                         struct error *error)
{
    struct kafka_worker_spec spec = {
        .config = pipeline->config,
        .chain_shared = pipeline->chain_shared,
        .followers = pipeline->followers,
        .follower_count = pipeline->follower_count,
        .is_side = is_side,
        .index = index,
        .stop = is_side ? &pipeline->side_stop : &pipeline->stop,
        .failed = &pipeline->failed,
    };
    return kafka_worker_new(&spec, error);
}

static bool start_workers(struct kafka_pipeline *pipeline, struct error *error)
{
    unsigned workers = (unsigned)pipeline->config->workers;
    ensure(workers >= 1 && workers <= WORKERS_MAX);
    for (unsigned i = 0; i < workers; i++) {
        struct kafka_worker *worker = start_worker(pipeline, false, i, error);
        if (!worker)
            return false;
        pipeline->workers[pipeline->worker_count++] = worker;
    }
    return true;
}

/* Where the next side input begins may have to be asked first (common/kafka_begin.h). True: it may start. */
static bool begin_side(struct kafka_pipeline *pipeline, const struct stage *stage)
{
    struct error why = {0};
    int64_t now_ms = clock_monotonic_ms();
    if (now_ms < pipeline->begin_ms)
        return false;
    if (kafka_begin_side(pipeline->config, stage, BEGIN_TIMEOUT_MS, &why))
        return true;
    if (!pipeline->begin_until_ms)
        pipeline->begin_until_ms = now_ms + BEGIN_PATIENCE_MS;
    if (clock_monotonic_ms() >= pipeline->begin_until_ms) {
        log_failure(LOG_LEVEL_WARNING, "side_input_begin_unknown", &why);
        return true;
    }
    pipeline->begin_ms = clock_monotonic_ms() + BEGIN_EVERY_MS;
    return false;
}

static bool start_sides(struct kafka_pipeline *pipeline, struct error *error)
{
    unsigned sides = chain_side_count(pipeline->config);
    ensure(sides <= SIDES_MAX);
    while (pipeline->side_count < sides) {
        unsigned next = pipeline->side_count;
        if (!begin_side(pipeline, chain_side_stage(pipeline->config, next)))
            return true; /* a later tick tries again */
        pipeline->sides[next] = start_worker(pipeline, true, next, error);
        if (!pipeline->sides[next])
            return false;
        pipeline->begin_until_ms = 0;
        pipeline->side_count++;
    }
    return true;
}

static bool start(struct kafka_pipeline *pipeline, struct error *error)
{
    struct kafka_client_spec offsets = {.role = KAFKA_ROLE_OFFSETS};
    pipeline->chain_shared = chain_shared_new(pipeline->config, false, error);
    if (!pipeline->chain_shared)
        return false;
    pipeline->offsets = kafka_client_new(pipeline->config, &offsets, error);
    if (!pipeline->offsets)
        return false;
    struct follow_visit visit = {pipeline, error, true};
    chain_shared_followed(pipeline->chain_shared, start_follower, &visit);
    return visit.fine && chain_shared_tend(pipeline->chain_shared, clock_unix_ms(), error) &&
           start_workers(pipeline, error) && start_sides(pipeline, error);
}

struct kafka_pipeline *kafka_pipeline_new(const struct config *config, struct error *error)
{
    struct kafka_pipeline *pipeline = calloc(1, sizeof *pipeline);
    if (!pipeline) {
        (void)error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for the pipeline");
        return NULL;
    }
    pipeline->config = config;
    kafka_ends_init(&pipeline->state_ends, config_topic(config, TOPIC_STATE, 0).data);
    pthread_mutex_init(&pipeline->lag_lock, NULL);
    pthread_mutex_init(&pipeline->reload_lock, NULL);
    log_bounds(config);
    if (!start(pipeline, error)) {
        kafka_pipeline_free(pipeline);
        return NULL;
    }
    return pipeline;
}

/* ---- looking after it ---- */

static unsigned held_positions(struct kafka_worker *const *workers, unsigned worker_count,
                               struct kafka_worker_position **out_positions)
{
    unsigned room = 0, count = 0;
    for (unsigned i = 0; i < worker_count; i++)
        room += kafka_worker_positions(workers[i], NULL, 0);
    struct kafka_worker_position *all = malloc((room + 1) * sizeof *all);
    for (unsigned i = 0; all && i < worker_count && count < room; i++) {
        unsigned held = kafka_worker_positions(workers[i], all + count, room - count);
        count += held < room - count ? held : room - count; /* a rebalance may have come between */
    }
    *out_positions = all;
    return count;
}

static void set_lags(struct kafka_pipeline *pipeline, struct lag_list *list,
                     const struct kafka_worker_position *positions, unsigned count, const int64_t *ends,
                     int32_t partitions)
{
    int64_t now_ms = clock_unix_ms();
    pthread_mutex_lock(&pipeline->lag_lock);
    if (count > list->capacity) {
        struct kafka_lag *grown = realloc(list->items, count * sizeof *grown);
        if (!grown)
            count = list->capacity;
        else
            list->items = grown, list->capacity = count;
    }
    list->count = 0;
    for (unsigned i = 0; i < count; i++) {
        if (positions[i].partition >= partitions)
            continue;
        int64_t records = ends[positions[i].partition] - positions[i].next_offset;
        double seconds = records > 0 && positions[i].last_timestamp_ms > 0
                             ? (double)(now_ms - positions[i].last_timestamp_ms) / 1000
                             : 0;
        list->items[list->count++] = (struct kafka_lag){
            .partition = positions[i].partition,
            .records = records > 0 ? records : 0,
            .seconds = seconds > 0 ? seconds : 0,
        };
    }
    pthread_mutex_unlock(&pipeline->lag_lock);
}

/* Of the workers that share one input. False: the broker did not answer. An old number stays then; the workers report
 * what is wrong. */
static bool measure_lags(struct kafka_pipeline *pipeline, struct kafka_worker *const *workers, unsigned count,
                         struct lag_list *list)
{
    const char *topic = kafka_worker_topic(workers[0]);
    struct kafka_worker_position *positions;
    unsigned held = held_positions(workers, count, &positions);
    int32_t partitions;
    struct error ignored = {0};
    bool answered = kafka_topic_partitions(pipeline->offsets, topic, LAG_TIMEOUT_MS, &partitions, &ignored);
    int64_t *ends = answered ? calloc((size_t)partitions, sizeof *ends) : NULL;
    if (ends && (held == 0 ||
                 kafka_end_offsets(pipeline->offsets, topic, partitions, LAG_TIMEOUT_MS, ends, &ignored)))
        set_lags(pipeline, list, positions, held, ends, partitions);
    free(ends);
    free(positions);
    return answered;
}

static void measure_lag(struct kafka_pipeline *pipeline)
{
    if (clock_monotonic_ms() < pipeline->next_lag_ms)
        return;
    pipeline->next_lag_ms = clock_monotonic_ms() + LAG_EVERY_MS;
    kafka_serve(pipeline->offsets);
    bool answered = measure_lags(pipeline, pipeline->workers, pipeline->worker_count, &pipeline->lags);
    for (unsigned i = 0; answered && i < pipeline->side_count; i++)
        answered = measure_lags(pipeline, &pipeline->sides[i], 1, &pipeline->side_lags[i]);
    if (answered)
        atomic_store(&pipeline->silent_since_ms, 0);
    else if (!atomic_load(&pipeline->silent_since_ms))
        atomic_store(&pipeline->silent_since_ms, clock_monotonic_ms());
}

static void show_progress(struct kafka_pipeline *pipeline)
{
    if (clock_monotonic_ms() < pipeline->next_progress_ms)
        return;
    pipeline->next_progress_ms = clock_monotonic_ms() + PROGRESS_EVERY_MS;
    for (unsigned i = 0; i < pipeline->follower_count; i++) {
        struct kafka_follow_status status;
        kafka_follower_status(pipeline->followers[i], &status);
        if (status.phase == KAFKA_FOLLOW_READING)
            log_line(LOG_LEVEL_INFO, "followed_topic_progress", "%s: %.1f %%, %.0f records/s, %lld s to go",
                     status.topic, status.bootstrap_ratio * 100, status.records_per_second,
                     (long long)(status.eta_ms < 0 ? 0 : status.eta_ms / 1000));
    }
    for (unsigned i = 0; i < pipeline->worker_count; i++) {
        if (kafka_worker_stats(pipeline->workers[i])->phase == KAFKA_WORKER_RESTORING)
            log_line(LOG_LEVEL_INFO, "restore_progress", "worker %u: %.1f %% of its state", i,
                     kafka_worker_restore_ratio(pipeline->workers[i]) * 100);
    }
}

/* A configuration that denies nearly everybody works, and looks like a quiet day (spec 7). */
static void say_note(struct kafka_pipeline *pipeline)
{
    char note[RUN_SUMMARY_NOTE_SIZE];
    int64_t now_ms = clock_monotonic_ms();
    if (pipeline->next_note_ms == 0)
        pipeline->next_note_ms = now_ms + NOTE_FIRST_MS;
    if (now_ms < pipeline->next_note_ms)
        return;
    bool said = kafka_pipeline_note(pipeline, note, sizeof note);
    if (said)
        log_line(LOG_LEVEL_WARNING, "reason_dominates", "%s", note);
    pipeline->next_note_ms = now_ms + (said ? NOTE_EVERY_MS : NOTE_FIRST_MS);
}

/* Workers read the state topic only when they take partitions: whether it is still the same one is asked here. */
static bool check_state(struct kafka_pipeline *pipeline, struct error *error)
{
    int64_t now_ms = clock_monotonic_ms();
    if (now_ms < pipeline->next_state_ms || !topic_plan_writes(pipeline->config, TOPIC_STATE))
        return true;
    pipeline->next_state_ms = now_ms + LAG_EVERY_MS;
    return kafka_ends_check(&pipeline->state_ends, pipeline->offsets, LAG_TIMEOUT_MS, error);
}

bool kafka_pipeline_tick(struct kafka_pipeline *pipeline)
{
    struct error error = {0};
    for (unsigned i = 0; i < pipeline->follower_count; i++) {
        if (kafka_follower_failure(pipeline->followers[i], &error)) {
            if (!pipeline->failure.what[0])
                pipeline->failure = error;
            atomic_store(&pipeline->failed, true);
        }
    }
    if (!atomic_load(&pipeline->failed) &&
        !(start_sides(pipeline, &error) && check_state(pipeline, &error) &&
          chain_shared_tend(pipeline->chain_shared, clock_unix_ms(), &error))) {
        if (!pipeline->failure.what[0])
            pipeline->failure = error;
        atomic_store(&pipeline->failed, true);
    }
    if (atomic_load(&pipeline->failed))
        return false;
    measure_lag(pipeline);
    show_progress(pipeline);
    say_note(pipeline);
    return true;
}

void kafka_pipeline_drain(struct kafka_pipeline *pipeline)
{
    atomic_store(&pipeline->stop, true);
}

static void join(struct kafka_pipeline *pipeline, struct kafka_worker *worker)
{
    struct error error = {0};
    if (!kafka_worker_join(worker, &error) && !pipeline->failure.what[0])
        pipeline->failure = error;
}

bool kafka_pipeline_stop(struct kafka_pipeline *pipeline, struct error *out_error)
{
    kafka_pipeline_drain(pipeline);
    for (unsigned i = 0; i < pipeline->worker_count; i++)
        join(pipeline, pipeline->workers[i]);
    atomic_store(&pipeline->side_stop, true);
    for (unsigned i = 0; i < pipeline->side_count; i++)
        join(pipeline, pipeline->sides[i]);
    pipeline->joined = true;
    if (!pipeline->failure.what[0])
        return true;
    *out_error = pipeline->failure;
    return false;
}

void kafka_pipeline_free(struct kafka_pipeline *pipeline)
{
    if (!pipeline)
        return;
    struct error ignored = {0};
    if (!pipeline->joined)
        (void)kafka_pipeline_stop(pipeline, &ignored);
    for (unsigned i = 0; i < pipeline->worker_count; i++)
        kafka_worker_free(pipeline->workers[i]);
    for (unsigned i = 0; i < pipeline->side_count; i++) {
        kafka_worker_free(pipeline->sides[i]);
        free(pipeline->side_lags[i].items);
    }
    for (unsigned i = 0; i < pipeline->follower_count; i++)
        kafka_follower_free(pipeline->followers[i]);
    if (pipeline->offsets)
        rd_kafka_destroy(pipeline->offsets);
    chain_shared_free(pipeline->chain_shared);
    pthread_mutex_destroy(&pipeline->lag_lock);
    pthread_mutex_destroy(&pipeline->reload_lock);
    kafka_ends_release(&pipeline->state_ends);
    free(pipeline->lags.items);
    free(pipeline);
}

static bool reload(struct kafka_pipeline *pipeline, struct error *error)
{
    struct error why = {0};
    bool done = chain_shared_reload(pipeline->chain_shared, &why);
    pthread_mutex_lock(&pipeline->reload_lock);
    if (done)
        pipeline->reloads_done++;
    else
        pipeline->reloads_failed++;
    pipeline->reload_error[0] = '\0';
    if (!done)
        error_text(&why, pipeline->reload_error, sizeof pipeline->reload_error);
    pthread_mutex_unlock(&pipeline->reload_lock);
    if (!done)
        *error = why;
    return done;
}

void kafka_pipeline_reloads(struct kafka_pipeline *pipeline, uint64_t *out_done, uint64_t *out_failed,
                            char *text, size_t text_size)
{
    pthread_mutex_lock(&pipeline->reload_lock);
    *out_done = pipeline->reloads_done;
    *out_failed = pipeline->reloads_failed;
    snprintf(text, text_size, "%s", pipeline->reload_error);
    pthread_mutex_unlock(&pipeline->reload_lock);
}

/* ---- seeing it ---- */

static size_t append(char *text, size_t text_size, size_t used, const char *line)
{
    int size = used < text_size ? snprintf(text + used, text_size - used, "%s\n", line) : 0;
    return used + (size > 0 ? (size_t)size : 0);
}

static void follower_reason(const struct kafka_follow_status *status, char *line, size_t line_size)
{
    if (status->hidden_in) {
        snprintf(line, line_size, "%s: a transaction that is open in %s hides what stands behind it from %s",
                 status->topic, status->hidden_in, status->waits_for);
        return;
    }
    if (status->waits_for) {
        snprintf(line, line_size, "%s: %s has not answered all that it reads", status->topic,
                 status->waits_for);
        return;
    }
    switch (status->phase) {
    case KAFKA_FOLLOW_CONNECTING:
        snprintf(line, line_size, "%s: not read yet, the broker was not reached", status->topic);
        break;
    case KAFKA_FOLLOW_READING:
        snprintf(line, line_size, "%s: first read at %.1f %%", status->topic, status->bootstrap_ratio * 100);
        break;
    case KAFKA_FOLLOW_FAILED:
        snprintf(line, line_size, "%s: failed, see the log", status->topic);
        break;
    case KAFKA_FOLLOW_FOLLOWING:
        snprintf(line, line_size, "%s: last read to its end %lld ms ago, the lease is %lld ms", status->topic,
                 (long long)status->age_ms, (long long)status->lease_ms);
        break;
    }
}

/* Why a worker in this phase does not work, for people. */
static void worker_reason(struct kafka_worker *worker, enum kafka_worker_phase phase, char *line,
                          size_t line_size)
{
    static const char *const words[KAFKA_WORKER_PHASES] = {
        [KAFKA_WORKER_CONNECTING] = ": its producer is not open yet",
        [KAFKA_WORKER_WAITING] = ": of the followed topics one is not read whole, or not fresh",
        [KAFKA_WORKER_JOINING] = ": the group has not assigned partitions yet",
        [KAFKA_WORKER_PAUSED] = ": a followed topic is older than its lease, or holds",
        [KAFKA_WORKER_RECOVERING] = ": its producer is made anew",
        [KAFKA_WORKER_FAILED] = ", see the log",
    };
    if (phase == KAFKA_WORKER_RESTORING)
        snprintf(line, line_size, "%s: restoring: %.1f %% of its state is read back",
                 kafka_worker_name(worker), kafka_worker_restore_ratio(worker) * 100);
    else
        snprintf(line, line_size, "%s: %s%s", kafka_worker_name(worker), kafka_worker_phase_names[phase],
                 words[phase] ? words[phase] : "");
}

bool kafka_pipeline_is_ready(struct kafka_pipeline *pipeline, char *text, size_t text_size)
{
    size_t used = 0;
    char line[512];
    text[0] = '\0';
    for (unsigned i = 0; i < pipeline->follower_count; i++) {
        struct kafka_follow_status status;
        kafka_follower_status(pipeline->followers[i], &status);
        if (status.holds) {
            snprintf(line, sizeof line, "%s: %s (%llu, the limit is %llu)", status.topic, status.hold.what,
                     (unsigned long long)status.hold.found, (unsigned long long)status.hold.limit);
            used = append(text, text_size, used, line);
        }
        if (status.fresh)
            continue;
        follower_reason(&status, line, sizeof line);
        used = append(text, text_size, used, line);
    }
    for (unsigned i = 0; i < pipeline->worker_count + pipeline->side_count; i++) {
        struct kafka_worker *worker =
            i < pipeline->worker_count ? pipeline->workers[i] : pipeline->sides[i - pipeline->worker_count];
        const struct kafka_worker_stats *stats = kafka_worker_stats(worker);
        int phase = stats->phase;
        if (phase == KAFKA_WORKER_RUNNING || (phase == KAFKA_WORKER_JOINING && stats->rebalances > 0))
            continue;
        worker_reason(worker, phase, line, sizeof line);
        used = append(text, text_size, used, line);
    }
    unsigned started = pipeline->side_count; /* once: it grows meanwhile */
    if (started < chain_side_count(pipeline->config)) {
        snprintf(line, sizeof line, "side input of %s: asking where it begins",
                 chain_side_stage(pipeline->config, started)->name);
        used = append(text, text_size, used, line);
    }
    int64_t since_ms = atomic_load(&pipeline->silent_since_ms);
    int64_t silent_ms = since_ms ? clock_monotonic_ms() - since_ms : 0;
    if (silent_ms > SILENCE_MS) {
        snprintf(line, sizeof line, "the broker has not answered for %lld s", (long long)silent_ms / 1000);
        used = append(text, text_size, used, line);
    }
    if (atomic_load(&pipeline->failed))
        used = append(text, text_size, used, "failed, see the log");
    else if (atomic_load(&pipeline->stop))
        used = append(text, text_size, used, "draining");
    return used == 0;
}

const struct config *kafka_pipeline_config(const struct kafka_pipeline *pipeline)
{
    return pipeline->config;
}

struct chain_shared *kafka_pipeline_chain_shared(struct kafka_pipeline *pipeline)
{
    return pipeline->chain_shared;
}

unsigned kafka_pipeline_worker_count(const struct kafka_pipeline *pipeline)
{
    return pipeline->worker_count;
}

struct kafka_worker *kafka_pipeline_worker(struct kafka_pipeline *pipeline, unsigned index)
{
    ensure(index < pipeline->worker_count);
    return pipeline->workers[index];
}

unsigned kafka_pipeline_follower_count(const struct kafka_pipeline *pipeline)
{
    return pipeline->follower_count;
}

struct kafka_follower *kafka_pipeline_follower(struct kafka_pipeline *pipeline, unsigned index)
{
    ensure(index < pipeline->follower_count);
    return pipeline->followers[index];
}

unsigned kafka_pipeline_side_count(const struct kafka_pipeline *pipeline)
{
    return pipeline->side_count;
}

struct kafka_worker *kafka_pipeline_side(struct kafka_pipeline *pipeline, unsigned index)
{
    ensure(index < pipeline->side_count);
    return pipeline->sides[index];
}

static unsigned copy_lags(struct kafka_pipeline *pipeline, const struct lag_list *list,
                          struct kafka_lag *out_lags, unsigned lags_max)
{
    pthread_mutex_lock(&pipeline->lag_lock);
    unsigned count = list->count;
    unsigned copied = count < lags_max ? count : lags_max;
    if (copied)
        memcpy(out_lags, list->items, copied * sizeof *out_lags);
    pthread_mutex_unlock(&pipeline->lag_lock);
    return count;
}

unsigned kafka_pipeline_lag(struct kafka_pipeline *pipeline, struct kafka_lag *out_lags, unsigned lags_max)
{
    return copy_lags(pipeline, &pipeline->lags, out_lags, lags_max);
}

unsigned kafka_pipeline_side_lag(struct kafka_pipeline *pipeline, unsigned side, struct kafka_lag *out_lags,
                                 unsigned lags_max)
{
    ensure(side < SIDES_MAX);
    return copy_lags(pipeline, &pipeline->side_lags[side], out_lags, lags_max);
}

/* Counters of one name from several workers are summed before they are shown. */
enum { COUNTERS_MAX = 1024 };

struct counter_sum {
    const char *stage, *reason;
    enum verdict_kind verdict;
    uint64_t count;
};

struct counter_sums {
    struct counter_sum items[COUNTERS_MAX];
    unsigned count;
};

static void add_counter(void *context, const char *stage, enum verdict_kind verdict, const char *reason,
                        uint64_t count)
{
    struct counter_sums *sums = context;
    for (unsigned i = 0; i < sums->count; i++) {
        struct counter_sum *sum = &sums->items[i];
        if (sum->verdict == verdict && strcmp(sum->stage, stage) == 0 && strcmp(sum->reason, reason) == 0) {
            sum->count += count;
            return;
        }
    }
    ensure(sums->count < COUNTERS_MAX);
    sums->items[sums->count++] = (struct counter_sum){stage, reason, verdict, count};
}

void kafka_pipeline_counters(struct kafka_pipeline *pipeline, chain_counter_visitor *visit, void *context)
{
    struct counter_sums *sums = calloc(1, sizeof *sums);
    if (!sums)
        return;
    for (unsigned i = 0; i < pipeline->worker_count; i++)
        chain_counters(kafka_worker_chain(pipeline->workers[i]), add_counter, sums);
    for (unsigned i = 0; i < sums->count; i++)
        visit(context, sums->items[i].stage, sums->items[i].verdict, sums->items[i].reason,
              sums->items[i].count);
    free(sums);
}

bool kafka_pipeline_note(struct kafka_pipeline *pipeline, char *text, size_t text_size)
{
    char note[RUN_SUMMARY_NOTE_SIZE];
    struct run_summary *summary = malloc(sizeof *summary);
    text[0] = '\0';
    if (!summary)
        return false;
    run_summary_init(summary, pipeline->config);
    kafka_pipeline_counters(pipeline, run_summary_count, summary);
    bool balanced = run_summary_close(summary);
    (void)balanced; /* counters are written meanwhile: sums that are nearly even will do */
    bool denies = run_summary_note(summary, note);
    if (denies)
        snprintf(text, text_size, "%s", note);
    free(summary);
    return denies;
}

/* ---- a whole process ---- */

static volatile sig_atomic_t signals_seen;
static volatile sig_atomic_t reload_asked;

static void on_signal(int number)
{
    if (number == SIGHUP)
        reload_asked = 1;
    else if (++signals_seen > 1)
        _exit(128 + number); /* a second one does not wait for the drain */
}

void kafka_pipeline_catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static void mind_reload(struct kafka_pipeline *pipeline)
{
    if (!reload_asked && !chain_shared_outdated(pipeline->chain_shared, clock_monotonic_ms()))
        return;
    reload_asked = 0;
    struct error error = {0};
    if (reload(pipeline, &error))
        log_line(LOG_LEVEL_INFO, "rules_reloaded",
                 "rule files were read again; key files are what they were");
    else
        log_failure(LOG_LEVEL_ERROR, "rules_not_reloaded", &error);
}

/* Workers drain for shutdown_timeout at most, and side inputs after them. */
static int64_t leaving_ms(const struct config *config)
{
    return 2 * config->runtime.shutdown_timeout_ms + LEAVING_MS;
}

/* A dozen clients of the library have some fifty threads. With an arena for nearly each of them, as the C library has
 * by itself, whatever was received and freed in one stays there and is of no use to the others: 388 MiB at the peak
 * of the bench instead of 211, for the same speed. The environment (MALLOC_ARENA_MAX, GLIBC_TUNABLES) goes before. */
static void bound_arenas(const struct config *config)
{
    if (!getenv("MALLOC_ARENA_MAX") && !getenv("GLIBC_TUNABLES"))
        (void)mallopt(M_ARENA_MAX, (int)(config->workers + chain_side_count(config)) + 1);
}

int kafka_pipeline_run(const struct config *config)
{
    bound_arenas(config);
    struct error error = {0};
    struct kafka_pipeline *pipeline = kafka_pipeline_new(config, &error);
    if (!pipeline) {
        log_failure(LOG_LEVEL_ERROR, "start_failed", &error);
        return error.exit_status;
    }
    struct health *health = NULL;
    if (config->http.enabled) {
        health = health_new(pipeline, &error);
        if (!health) {
            log_failure(LOG_LEVEL_ERROR, "start_failed", &error);
            kafka_pipeline_free(pipeline);
            return error.exit_status;
        }
    }
    while (!signals_seen && kafka_pipeline_tick(pipeline)) {
        mind_reload(pipeline);
        clock_sleep_ms(TICK_MS);
    }
    if (signals_seen)
        log_line(LOG_LEVEL_INFO, "draining", "finishing the open transactions and leaving the group");
    kafka_ending_set(leaving_ms(config), EXIT_STATUS_UNAVAILABLE, "leaving the group");
    bool fine = kafka_pipeline_stop(pipeline, &error);
    char note[RUN_SUMMARY_NOTE_SIZE];
    if (fine && kafka_pipeline_note(pipeline, note, sizeof note))
        log_line(LOG_LEVEL_WARNING, "reason_dominates", "%s", note);
    if (!fine)
        log_failure(LOG_LEVEL_ERROR, "stopped", &error);
    else
        log_line(LOG_LEVEL_INFO, "stopped", "the group is left in good order");
    kafka_ending_set(CLEANUP_MS, fine ? EXIT_STATUS_DONE : (int)error.exit_status, "cleaning up");
    health_free(health);
    /* What failed is left to the end of the process: to destroy a consumer whose topic was deleted can take for ever
     * (librdkafka issue 4362). */
    if (fine)
        kafka_pipeline_free(pipeline);
    kafka_ending_release();
    return fine ? EXIT_STATUS_DONE : (int)error.exit_status;
}
