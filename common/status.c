/*
 * Design: /metrics is written metric by metric in the order of metrics_table, since the format wants all samples of a
 * metric together behind one HELP and TYPE. One switch says for each metric where its samples come from.
 */
#include "common/status.h"

#include "common/business_days.h"
#include "common/json_writer.h"
#include "common/metrics_table.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Prometheus text ---- */

struct sample_label {
    const char *name;
    const char *value; /* "": left out, which means the same */
};

enum { LABELS_MAX = 3 };

static void write_label_value(const char *value, FILE *out)
{
    for (; *value; value++) {
        if (*value == '\n') {
            fputs("\\n", out);
            continue;
        }
        if (*value == '"' || *value == '\\')
            fputc('\\', out);
        fputc(*value, out);
    }
}

static void begin_sample(enum metric metric, const char *suffix, const struct sample_label labels[LABELS_MAX],
                         FILE *out)
{
    unsigned written = 0;
    fprintf(out, "%s%s", metrics_table[metric].name, suffix);
    for (unsigned i = 0; labels && i < LABELS_MAX && labels[i].name; i++) {
        if (!labels[i].value[0])
            continue;
        fprintf(out, "%c%s=\"", written++ ? ',' : '{', labels[i].name);
        write_label_value(labels[i].value, out);
        fputc('"', out);
    }
    fputs(written ? "} " : " ", out);
}

static void sample_count(enum metric metric, const struct sample_label labels[LABELS_MAX], uint64_t value,
                         FILE *out)
{
    begin_sample(metric, "", labels, out);
    fprintf(out, "%" PRIu64 "\n", value);
}

static void write_number(double value, FILE *out)
{
    if (isnan(value))
        fputs("NaN\n", out);
    else if (isinf(value))
        fputs(value > 0 ? "+Inf\n" : "-Inf\n", out);
    else
        fprintf(out, "%.15g\n", value);
}

static void sample_number(enum metric metric, const struct sample_label labels[LABELS_MAX], double value,
                          FILE *out)
{
    begin_sample(metric, "", labels, out);
    write_number(value, out);
}

/* labels: the last is free for the bound. */
static void labelled_histogram(enum metric metric, struct sample_label labels[LABELS_MAX],
                               const struct status_histogram *histogram, FILE *out)
{
    uint64_t count = 0;
    unsigned last = 0;
    while (labels[last].name)
        last++;
    ensure(last < LABELS_MAX);
    for (unsigned i = 0; i <= metrics_latency_bound_count; i++) {
        char bound[32] = "+Inf";
        if (i < metrics_latency_bound_count)
            snprintf(bound, sizeof bound, "%.15g", (double)metrics_latency_bounds_ms[i] / 1000);
        count += histogram->buckets[i];
        labels[last] = (struct sample_label){"le", bound};
        begin_sample(metric, "_bucket", labels, out);
        fprintf(out, "%" PRIu64 "\n", count);
    }
    labels[last] = (struct sample_label){NULL, NULL};
    begin_sample(metric, "_sum", labels, out);
    write_number((double)histogram->sum_ms / 1000, out);
    begin_sample(metric, "_count", labels, out);
    fprintf(out, "%" PRIu64 "\n", count);
}

static void histogram(enum metric metric, const struct status_histogram *histogram, FILE *out)
{
    labelled_histogram(metric, (struct sample_label[LABELS_MAX]){{NULL, NULL}}, histogram, out);
}

static void delays(const struct status *status, FILE *out)
{
    for (unsigned i = 0; i < status->delay_count; i++) {
        struct sample_label labels[LABELS_MAX] = {{"stage", status->delays[i].stage},
                                                  {"name", status->delays[i].name}};
        labelled_histogram(METRIC_STAGE_DELAY, labels, &status->delays[i].histogram, out);
    }
}

static void stage_records(const struct status *status, FILE *out)
{
    for (unsigned i = 0; i < status->counter_count; i++) {
        const struct status_counter *counter = &status->counters[i];
        struct sample_label labels[LABELS_MAX] = {{"stage", counter->stage},
                                                  {"verdict", verdict_name(counter->verdict)},
                                                  {"reason", counter->reason ? counter->reason : ""}};
        sample_count(METRIC_RECORDS, labels, counter->count, out);
    }
}

static void lags(enum metric metric, const struct status *status, FILE *out)
{
    for (unsigned i = 0; i < status->lag_count; i++) {
        const struct status_lag *lag = &status->lags[i];
        char partition[16];
        snprintf(partition, sizeof partition, "%" PRId32, lag->partition);
        struct sample_label labels[LABELS_MAX] = {{"topic", status->input_topic}, {"partition", partition}};
        sample_number(metric, labels, metric == METRIC_LAG_RECORDS ? (double)lag->records : lag->seconds,
                      out);
    }
}

static void workers(enum metric metric, const struct status *status, FILE *out)
{
    for (unsigned i = 0; i < status->worker_count; i++) {
        const struct status_worker *worker = &status->workers[i];
        char number[16];
        snprintf(number, sizeof number, "%u", i);
        struct sample_label labels[LABELS_MAX] = {{"worker", number}};
        if (metric == METRIC_WORKER_PHASE) {
            labels[1] = (struct sample_label){"phase", worker->phase};
            sample_count(metric, labels, 1, out);
        } else if (metric == METRIC_WORKER_PARTITIONS) {
            sample_count(metric, labels, worker->partitions, out);
        } else if (metric == METRIC_WORKER_RESTORE_RATIO) {
            sample_number(metric, labels, worker->restore_ratio, out);
        } else {
            sample_count(metric, labels, worker->arena_bytes, out);
        }
    }
}

static void side_lags(enum metric metric, const struct status_side *side, FILE *out)
{
    for (unsigned i = 0; i < side->lag_count; i++) {
        const struct status_lag *lag = &side->lags[i];
        char partition[16];
        snprintf(partition, sizeof partition, "%" PRId32, lag->partition);
        struct sample_label labels[LABELS_MAX] = {
            {"stage", side->stage}, {"topic", side->topic}, {"partition", partition}};
        sample_number(metric, labels, metric == METRIC_SIDE_LAG_RECORDS ? (double)lag->records : lag->seconds,
                      out);
    }
}

static void one_side(enum metric metric, const struct status_side *side, FILE *out)
{
    struct sample_label labels[LABELS_MAX] = {{"stage", side->stage}};
    if (metric == METRIC_SIDE_LAG_RECORDS || metric == METRIC_SIDE_LAG_SECONDS) {
        side_lags(metric, side, out);
    } else if (metric == METRIC_SIDE_PHASE) {
        labels[1] = (struct sample_label){"phase", side->phase};
        sample_count(metric, labels, 1, out);
    } else if (metric == METRIC_SIDE_TRANSACTIONS) {
        labels[1] = (struct sample_label){"result", "committed"};
        sample_count(metric, labels, side->transactions_committed, out);
        labels[1].value = "aborted";
        sample_count(metric, labels, side->transactions_aborted, out);
    } else {
        sample_count(metric, labels,
                     metric == METRIC_SIDE_PARTITIONS ? side->partitions
                     : metric == METRIC_SIDE_RECORDS  ? side->records
                                                      : side->outputs,
                     out);
    }
}

static void one_followed(enum metric metric, const struct status_followed *followed, FILE *out)
{
    struct sample_label labels[LABELS_MAX] = {{"topic", followed->topic}};
    if (metric == METRIC_FOLLOWED_PHASE) {
        labels[1] = (struct sample_label){"phase", followed->phase};
        sample_count(metric, labels, 1, out);
    } else if (metric == METRIC_FOLLOWED_BOOTSTRAP_RATIO) {
        sample_number(metric, labels, followed->bootstrap_ratio, out);
    } else if (metric == METRIC_FOLLOWED_AGE) {
        if (followed->age_ms >= 0)
            sample_number(metric, labels, (double)followed->age_ms / 1000, out);
    } else if (metric == METRIC_FOLLOWED_LEASE) {
        sample_number(metric, labels, (double)followed->lease_ms / 1000, out);
    } else if (metric == METRIC_FOLLOWED_FRESH) {
        sample_count(metric, labels, followed->fresh, out);
    } else if (metric == METRIC_FOLLOWED_HOLDS) {
        sample_count(metric, labels, followed->holds, out);
    } else {
        sample_count(metric, labels, followed->records, out);
    }
}

static void results(enum metric metric, const char *first, uint64_t first_count, const char *second,
                    uint64_t second_count, FILE *out)
{
    sample_count(metric, (struct sample_label[LABELS_MAX]){{"result", first}}, first_count, out);
    sample_count(metric, (struct sample_label[LABELS_MAX]){{"result", second}}, second_count, out);
}

static void build_info(const struct status *status, FILE *out)
{
    struct sample_label labels[LABELS_MAX] = {
        {"version", status->version}, {"librdkafka", status->librdkafka}, {"stages", status->stages}};
    sample_count(METRIC_BUILD_INFO, labels, 1, out);
}

static void gauges(const struct status *status, FILE *out)
{
    for (unsigned i = 0; i < status->gauge_count; i++) {
        struct sample_label labels[LABELS_MAX] = {{"stage", status->gauges[i].stage},
                                                  {"name", status->gauges[i].name}};
        sample_number(METRIC_STAGE_VALUE, labels, status->gauges[i].value, out);
    }
}

static void programmes(const struct status *status, FILE *out)
{
    for (unsigned i = 0; i < status->programme_count; i++) {
        const struct status_programme *programme = &status->programmes[i];
        struct sample_label labels[LABELS_MAX] = {{"programme", programme->programme},
                                                  {"reason", programme->reason}};
        sample_count(METRIC_PROGRAMME_EVENTS, labels, programme->count, out);
    }
}

int64_t status_opt_out_clock(const struct status *status)
{
    double oldest_s = 0;
    for (unsigned i = 0; i < status->side_count; i++) {
        for (unsigned j = 0; j < status->sides[i].lag_count; j++) {
            if (status->sides[i].lags[j].seconds > oldest_s)
                oldest_s = status->sides[i].lags[j].seconds;
        }
    }
    for (unsigned i = 0; i < status->followed_count; i++) {
        if ((double)status->followed[i].age_ms / 1000 > oldest_s)
            oldest_s = (double)status->followed[i].age_ms / 1000;
    }
    int64_t oldest_ms = status->now_ms - (int64_t)(oldest_s * 1000);
    if (status->oldest_choice_ms > 0 && status->oldest_choice_ms < oldest_ms)
        oldest_ms = status->oldest_choice_ms;
    return business_days_between(oldest_ms, status->now_ms);
}

/* What the chain did with records: a number each, or one for each stage and verdict, programme, stage's own value. */
static void samples_of_records(enum metric metric, const struct status *status, FILE *out)
{
    if (metric == METRIC_RECORDS)
        stage_records(status, out);
    else if (metric == METRIC_PROGRAMME_EVENTS)
        programmes(status, out);
    else if (metric == METRIC_STAGE_VALUE)
        gauges(status, out);
    else if (metric == METRIC_STAGE_DELAY)
        delays(status, out);
    else if (metric == METRIC_OPT_OUT_CLOCK)
        sample_count(metric, NULL, (uint64_t)status_opt_out_clock(status), out);
    else
        sample_count(metric, NULL,
                     metric == METRIC_INPUT_RECORDS      ? status->input_records
                     : metric == METRIC_REPLAYED_RECORDS ? status->replayed_records
                     : metric == METRIC_OUTPUT_RECORDS   ? status->output_records
                                                         : status->feed_records,
                     out);
}

static void samples_of_transactions(enum metric metric, const struct status *status, FILE *out)
{
    if (metric == METRIC_TRANSACTIONS)
        results(metric, "committed", status->transactions_committed, "aborted", status->transactions_aborted,
                out);
    else if (metric == METRIC_TRANSACTION_DURATION)
        histogram(metric, &status->transaction_duration, out);
    else if (metric == METRIC_EVENT_TO_COMMIT)
        histogram(metric, &status->event_to_commit, out);
    else
        sample_count(metric, NULL,
                     metric == METRIC_BARRIER_ABORTS        ? status->barrier_aborts
                     : metric == METRIC_PRODUCERS_RECREATED ? status->producers_recreated
                                                            : status->rebalances,
                     out);
}

static void samples_of_process(enum metric metric, const struct status *status, FILE *out)
{
    if (metric == METRIC_BUILD_INFO)
        build_info(status, out);
    else if (metric == METRIC_READY)
        sample_count(metric, NULL, status->ready, out);
    else if (metric == METRIC_RELOADS)
        results(metric, "done", status->reloads_done, "failed", status->reloads_failed, out);
    else if (metric == METRIC_RESIDENT_MEMORY)
        sample_count(metric, NULL, status->resident_bytes, out);
    else
        sample_number(metric, NULL,
                      metric == METRIC_CPU_SECONDS ? status->cpu_seconds : (double)status->started_ms / 1000,
                      out);
}

/* Without a default, so that a metric that is added is missed by the compiler. */
static void samples(enum metric metric, const struct status *status, FILE *out)
{
    switch (metric) {
    case METRIC_BUILD_INFO:
    case METRIC_READY:
    case METRIC_RELOADS:
    case METRIC_RESIDENT_MEMORY:
    case METRIC_CPU_SECONDS:
    case METRIC_START_TIME:
        samples_of_process(metric, status, out);
        break;
    case METRIC_RECORDS:
    case METRIC_INPUT_RECORDS:
    case METRIC_REPLAYED_RECORDS:
    case METRIC_OUTPUT_RECORDS:
    case METRIC_FEED_RECORDS:
    case METRIC_OPT_OUT_CLOCK:
    case METRIC_PROGRAMME_EVENTS:
    case METRIC_STAGE_VALUE:
    case METRIC_STAGE_DELAY:
        samples_of_records(metric, status, out);
        break;
    case METRIC_TRANSACTIONS:
    case METRIC_BARRIER_ABORTS:
    case METRIC_TRANSACTION_DURATION:
    case METRIC_EVENT_TO_COMMIT:
    case METRIC_PRODUCERS_RECREATED:
    case METRIC_REBALANCES:
        samples_of_transactions(metric, status, out);
        break;
    case METRIC_LAG_RECORDS:
    case METRIC_LAG_SECONDS:
        lags(metric, status, out);
        break;
    case METRIC_WORKER_PHASE:
    case METRIC_WORKER_PARTITIONS:
    case METRIC_WORKER_RESTORE_RATIO:
    case METRIC_WORKER_ARENA:
        workers(metric, status, out);
        break;
    case METRIC_SIDE_PHASE:
    case METRIC_SIDE_PARTITIONS:
    case METRIC_SIDE_RECORDS:
    case METRIC_SIDE_OUTPUT_RECORDS:
    case METRIC_SIDE_TRANSACTIONS:
    case METRIC_SIDE_LAG_RECORDS:
    case METRIC_SIDE_LAG_SECONDS:
        for (unsigned i = 0; i < status->side_count; i++)
            one_side(metric, &status->sides[i], out);
        break;
    case METRIC_FOLLOWED_PHASE:
    case METRIC_FOLLOWED_BOOTSTRAP_RATIO:
    case METRIC_FOLLOWED_AGE:
    case METRIC_FOLLOWED_LEASE:
    case METRIC_FOLLOWED_FRESH:
    case METRIC_FOLLOWED_HOLDS:
    case METRIC_FOLLOWED_RECORDS:
        for (unsigned i = 0; i < status->followed_count; i++)
            one_followed(metric, &status->followed[i], out);
        break;
    case METRICS:
        break;
    }
}

void status_histogram_add(struct status_histogram *sum, const struct metrics_histogram *histogram)
{
    for (unsigned i = 0; i <= metrics_latency_bound_count; i++)
        sum->buckets[i] += metrics_read(&histogram->buckets[i]);
    sum->sum_ms += atomic_load_explicit(&histogram->sum_ms, memory_order_relaxed);
}

void status_metrics_write(const struct status *status, FILE *out)
{
    for (unsigned i = 0; i < METRICS; i++) {
        const struct metric_row *row = &metrics_table[i];
        fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", row->name, row->help, row->name,
                metrics_type_name(row->type));
        samples((enum metric)i, status, out);
    }
}

/* ---- JSON ---- */

enum { JSON_FIRST_BYTES = 64 * 1024, JSON_MAX_BYTES = 64 * 1024 * 1024 };

static void member_text(struct json_writer *writer, const char *name, const char *text)
{
    json_writer_member_string(writer, name, view_of_string(text));
}

/* Milliseconds that may be unknown. */
static void member_ms(struct json_writer *writer, const char *name, int64_t value_ms)
{
    json_writer_name(writer, name);
    if (value_ms < 0)
        json_writer_null(writer);
    else
        json_writer_integer(writer, value_ms);
}

static void open_list(struct json_writer *writer, const char *name)
{
    json_writer_name(writer, name);
    json_writer_open_array(writer);
}

static void json_reasons(struct json_writer *writer, const char *reasons)
{
    open_list(writer, "reasons");
    while (*reasons) {
        size_t size = strcspn(reasons, "\n");
        if (size)
            json_writer_string(writer, (struct view){reasons, size});
        reasons += size + (reasons[size] == '\n');
    }
    json_writer_close_array(writer);
}

static void json_workers(struct json_writer *writer, const struct status *status)
{
    open_list(writer, "workers");
    for (unsigned i = 0; i < status->worker_count; i++) {
        const struct status_worker *worker = &status->workers[i];
        json_writer_open_object(writer);
        json_writer_member_integer(writer, "worker", i);
        member_text(writer, "phase", worker->phase);
        json_writer_member_integer(writer, "partitions", worker->partitions);
        json_writer_member_real(writer, "restore_ratio", worker->restore_ratio);
        json_writer_member_unsigned(writer, "arena_bytes", worker->arena_bytes);
        json_writer_close_object(writer);
    }
    json_writer_close_array(writer);
}

static void json_followed(struct json_writer *writer, const struct status *status)
{
    open_list(writer, "followed");
    for (unsigned i = 0; i < status->followed_count; i++) {
        const struct status_followed *followed = &status->followed[i];
        json_writer_open_object(writer);
        member_text(writer, "topic", followed->topic);
        member_text(writer, "phase", followed->phase);
        json_writer_member_bool(writer, "fresh", followed->fresh);
        json_writer_member_bool(writer, "holds", followed->holds);
        if (followed->holds) {
            member_text(writer, "hold", followed->hold.what);
            json_writer_member_unsigned(writer, "hold_found", followed->hold.found);
            json_writer_member_unsigned(writer, "hold_limit", followed->hold.limit);
        }
        member_ms(writer, "age_ms", followed->age_ms);
        json_writer_member_integer(writer, "lease_ms", followed->lease_ms);
        json_writer_member_real(writer, "bootstrap_ratio", followed->bootstrap_ratio);
        json_writer_member_unsigned(writer, "records", followed->records);
        json_writer_member_real(writer, "records_per_second", followed->records_per_second);
        member_ms(writer, "eta_ms", followed->eta_ms);
        json_writer_close_object(writer);
    }
    json_writer_close_array(writer);
}

static void json_lag(struct json_writer *writer, const struct status_lag *list, unsigned count)
{
    open_list(writer, "lag");
    for (unsigned i = 0; i < count; i++) {
        json_writer_open_object(writer);
        json_writer_member_integer(writer, "partition", list[i].partition);
        json_writer_member_integer(writer, "records", list[i].records);
        json_writer_member_real(writer, "seconds", list[i].seconds);
        json_writer_close_object(writer);
    }
    json_writer_close_array(writer);
}

static void json_sides(struct json_writer *writer, const struct status *status)
{
    open_list(writer, "side_inputs");
    for (unsigned i = 0; i < status->side_count; i++) {
        const struct status_side *side = &status->sides[i];
        json_writer_open_object(writer);
        member_text(writer, "stage", side->stage);
        member_text(writer, "topic", side->topic);
        member_text(writer, "phase", side->phase);
        json_writer_member_integer(writer, "partitions", side->partitions);
        json_writer_member_unsigned(writer, "records", side->records);
        json_writer_member_unsigned(writer, "output_records", side->outputs);
        json_writer_member_unsigned(writer, "committed", side->transactions_committed);
        json_writer_member_unsigned(writer, "aborted", side->transactions_aborted);
        json_lag(writer, side->lags, side->lag_count);
        json_writer_close_object(writer);
    }
    json_writer_close_array(writer);
}

/* {"consent": {"entries": 7}, ...}; gauges of one stage follow each other. */
static void json_gauges(struct json_writer *writer, const struct status *status)
{
    json_writer_name(writer, "gauges");
    json_writer_open_object(writer);
    for (unsigned i = 0; i < status->gauge_count; i++) {
        const struct status_gauge *gauge = &status->gauges[i];
        if (i == 0 || strcmp(gauge->stage, status->gauges[i - 1].stage) != 0) {
            if (i)
                json_writer_close_object(writer);
            json_writer_name(writer, gauge->stage);
            json_writer_open_object(writer);
        }
        json_writer_member_real(writer, gauge->name, gauge->value);
    }
    if (status->gauge_count)
        json_writer_close_object(writer);
    json_writer_close_object(writer);
}

static void json_transactions(struct json_writer *writer, const struct status *status)
{
    json_writer_name(writer, "transactions");
    json_writer_open_object(writer);
    json_writer_member_unsigned(writer, "committed", status->transactions_committed);
    json_writer_member_unsigned(writer, "aborted", status->transactions_aborted);
    json_writer_member_unsigned(writer, "barrier_aborts", status->barrier_aborts);
    json_writer_member_unsigned(writer, "producers_recreated", status->producers_recreated);
    json_writer_member_unsigned(writer, "rebalances", status->rebalances);
    json_writer_close_object(writer);
}

static void json_reload(struct json_writer *writer, const struct status *status)
{
    json_writer_name(writer, "reload");
    json_writer_open_object(writer);
    json_writer_member_unsigned(writer, "done", status->reloads_done);
    json_writer_member_unsigned(writer, "failed", status->reloads_failed);
    member_text(writer, "last_error", status->reload_error[0] ? status->reload_error : NULL);
    json_writer_close_object(writer);
}

static void json_status(struct json_writer *writer, const struct status *status)
{
    json_writer_open_object(writer);
    json_writer_member_bool(writer, "ready", status->ready);
    json_reasons(writer, status->reasons);
    open_list(writer, "notes");
    if (status->note[0])
        json_writer_string(writer, view_of_string(status->note));
    json_writer_close_array(writer);
    json_writer_member_integer(writer, "opt_out_clock_business_days", status_opt_out_clock(status));
    member_text(writer, "version", status->version);
    member_text(writer, "librdkafka", status->librdkafka);
    member_text(writer, "stages", status->stages);
    member_text(writer, "instance", status->instance);
    member_text(writer, "input", status->input_topic);
    json_writer_member_integer(writer, "uptime_ms", status->now_ms - status->started_ms);
    json_workers(writer, status);
    json_followed(writer, status);
    json_lag(writer, status->lags, status->lag_count);
    json_sides(writer, status);
    json_transactions(writer, status);
    json_gauges(writer, status);
    json_reload(writer, status);
    json_writer_member_unsigned(writer, "resident_bytes", status->resident_bytes);
    json_writer_close_object(writer);
}

bool status_json_write(const struct status *status, FILE *out)
{
    for (size_t capacity = JSON_FIRST_BYTES; capacity <= JSON_MAX_BYTES; capacity *= 2) {
        struct json_writer writer;
        char *buffer = malloc(capacity);
        if (!buffer)
            return false;
        json_writer_init(&writer, buffer, capacity);
        json_status(&writer, status);
        if (!writer.overflow)
            fprintf(out, "%.*s\n", (int)writer.size, buffer);
        free(buffer);
        if (!writer.overflow)
            return true;
    }
    return false;
}
