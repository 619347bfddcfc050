#include "common/status.h"

#include "common/business_days.h"
#include "common/metrics_table.h"

#include <ctype.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <yyjson.h>

#include <cmocka.h>

static struct status_counter counters[] = {
    {"input", "not_json", VERDICT_REJECT, 3},
    {"consent", "", VERDICT_PASS, 18446744073709551615u},
    {"consent", "choice_out", VERDICT_DROP, 40},
};
static struct status_lag lags[] = {{0, 12, 1.5}, {31, 0, 0}};
static struct status_worker workers[] = {
    {"running", 16, 1, 4096},
    {"restoring", 16, 0.25, 0},
};
static struct status_lag side_lags[] = {{5, 2, 0.5}};
static struct status_side sides[] = {
    {"consent", "subscriber.consent", "running", 8, 21, 3, 4, 1, side_lags, 1},
    {"pseudonymize", "subscriber.consent", "joining", 0, 0, 0, 0, 0, NULL, 0},
};
static struct status_followed followed[] = {
    {"subscriber.consent", "following", 1, 1250, 60000, true, true, {"the brake", 1001, 1000}, 77, 0, -1},
    {"clickveil.retractions", "reading", 0.5, -1, 60000, false, false, {0}, 9, 1000, 3000},
};
static struct status_programme programmes[] = {
    {"tmobile", "kept", 40},
    {"tmobile", "gpc", 2},
};
static struct status_delay delays[] = {
    {"publish", "choice_to_last_tombstone", {.buckets = {0, 4}, .sum_ms = 7}}};

static struct status_gauge gauges[] = {
    {"consent", "entries", 7},
    {"consent", "ratio", NAN},
    {"publish", "people", 3},
};

static struct status *an_example(void)
{
    static struct status status;
    status = (struct status){
        .version = "1.2.3",
        .librdkafka = "2.0.2",
        .stages = "consent,pseudonymize",
        .instance = "stage-0",
        .input_topic = "clickstream.events",
        .started_ms = 1700000000123,
        .now_ms = 1700000060123,
        .ready = false,
        .reasons = "clickveil.retractions: first read at 50.0 %\nworker 1: restoring\n",
        .counters = counters,
        .counter_count = 3,
        .lags = lags,
        .lag_count = 2,
        .workers = workers,
        .worker_count = 2,
        .sides = sides,
        .side_count = 2,
        .followed = followed,
        .followed_count = 2,
        .gauges = gauges,
        .gauge_count = 3,
        .delays = delays,
        .delay_count = 1,
        .programmes = programmes,
        .programme_count = 2,
        .input_records = 1000,
        .replayed_records = 5,
        .output_records = 700,
        .feed_records = 70,
        .transactions_committed = 90,
        .transactions_aborted = 4,
        .barrier_aborts = 2,
        .producers_recreated = 1,
        .rebalances = 6,
        .reloads_done = 2,
        .reloads_failed = 1,
        .reload_error = "hosts.tsv:7: not an interest",
        .resident_bytes = 123456789,
        .cpu_seconds = 2.25,
    };
    status.transaction_duration.buckets[0] = 2;
    status.transaction_duration.buckets[4] = 3;
    status.transaction_duration.buckets[metrics_latency_bound_count] = 1;
    status.transaction_duration.sum_ms = 400500;
    return &status;
}

static char *written(const struct status *status, bool json)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (json)
        assert_true(status_json_write(status, out));
    else
        status_metrics_write(status, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static bool has_line(const char *text, const char *line)
{
    size_t size = strlen(line);
    for (const char *found = text; (found = strstr(found, line)); found++) {
        if ((found == text || found[-1] == '\n') && found[size] == '\n')
            return true;
    }
    return false;
}

static void assert_lines(const char *text, const char *const *lines)
{
    for (; *lines; lines++) {
        if (!has_line(text, *lines))
            fail_msg("this line is missing: %s\n%s", *lines, text);
    }
}

static void metrics_show_every_number(void **state)
{
    (void)state;
    char *text = written(an_example(), false);
    assert_lines(
        text,
        (const char *const[]){
            "clickveil_build_info{version=\"1.2.3\",librdkafka=\"2.0.2\",stages=\"consent,pseudonymize\"} 1",
            "clickveil_ready 0",
            "clickveil_stage_records_total{stage=\"input\",verdict=\"reject\",reason=\"not_json\"} 3",
            "clickveil_stage_records_total{stage=\"consent\",verdict=\"pass\"} 18446744073709551615",
            "clickveil_stage_records_total{stage=\"consent\",verdict=\"drop\",reason=\"choice_out\"} 40",
            "clickveil_input_records_total 1000",
            "clickveil_replayed_records_total 5",
            "clickveil_output_records_total 700",
            "clickveil_feed_records_total 70",
            "clickveil_lag_records{topic=\"clickstream.events\",partition=\"0\"} 12",
            "clickveil_lag_records{topic=\"clickstream.events\",partition=\"31\"} 0",
            "clickveil_lag_seconds{topic=\"clickstream.events\",partition=\"0\"} 1.5",
            "clickveil_transactions_total{result=\"committed\"} 90",
            "clickveil_transactions_total{result=\"aborted\"} 4",
            "clickveil_barrier_aborts_total 2",
            "clickveil_producers_recreated_total 1",
            "clickveil_rebalances_total 6",
            "clickveil_worker_phase{worker=\"0\",phase=\"running\"} 1",
            "clickveil_worker_phase{worker=\"1\",phase=\"restoring\"} 1",
            "clickveil_worker_partitions{worker=\"0\"} 16",
            "clickveil_worker_restore_ratio{worker=\"1\"} 0.25",
            "clickveil_worker_arena_bytes{worker=\"0\"} 4096",
            "clickveil_side_phase{stage=\"consent\",phase=\"running\"} 1",
            "clickveil_side_phase{stage=\"pseudonymize\",phase=\"joining\"} 1",
            "clickveil_side_partitions{stage=\"consent\"} 8",
            "clickveil_side_records_total{stage=\"consent\"} 21",
            "clickveil_side_output_records_total{stage=\"consent\"} 3",
            "clickveil_side_transactions_total{stage=\"consent\",result=\"committed\"} 4",
            "clickveil_side_transactions_total{stage=\"consent\",result=\"aborted\"} 1",
            "clickveil_side_lag_records{stage=\"consent\",topic=\"subscriber.consent\",partition=\"5\"} 2",
            "clickveil_side_lag_seconds{stage=\"consent\",topic=\"subscriber.consent\",partition=\"5\"} 0.5",
            "clickveil_followed_phase{topic=\"clickveil.retractions\",phase=\"reading\"} 1",
            "clickveil_followed_bootstrap_ratio{topic=\"clickveil.retractions\"} 0.5",
            "clickveil_followed_age_seconds{topic=\"subscriber.consent\"} 1.25",
            "clickveil_followed_lease_seconds{topic=\"subscriber.consent\"} 60",
            "clickveil_followed_fresh{topic=\"subscriber.consent\"} 1",
            "clickveil_followed_fresh{topic=\"clickveil.retractions\"} 0",
            "clickveil_followed_holds{topic=\"subscriber.consent\"} 1",
            "clickveil_followed_holds{topic=\"clickveil.retractions\"} 0",
            "clickveil_followed_records_total{topic=\"subscriber.consent\"} 77",
            "clickveil_stage_value{stage=\"consent\",name=\"entries\"} 7",
            "clickveil_stage_value{stage=\"consent\",name=\"ratio\"} NaN",
            "clickveil_stage_value{stage=\"publish\",name=\"people\"} 3",
            "clickveil_reloads_total{result=\"done\"} 2",
            "clickveil_reloads_total{result=\"failed\"} 1",
            "process_resident_memory_bytes 123456789",
            "process_cpu_seconds_total 2.25",
            "process_start_time_seconds 1700000000.123",
            "clickveil_programme_events_total{programme=\"tmobile\",reason=\"kept\"} 40",
            "clickveil_programme_events_total{programme=\"tmobile\",reason=\"gpc\"} 2",
            NULL,
        });
    free(text);
}

static void metrics_leave_out_an_age_that_is_not_known(void **state)
{
    (void)state;
    char *text = written(an_example(), false);
    assert_null(strstr(text, "clickveil_followed_age_seconds{topic=\"clickveil.retractions\"}"));
    free(text);
}

static void metrics_histogram_is_cumulative_in_seconds_from_1_ms_to_a_day(void **state)
{
    (void)state;
    char *text = written(an_example(), false);
    assert_lines(text, (const char *const[]){
                           "clickveil_transaction_duration_seconds_bucket{le=\"0.001\"} 2",
                           "clickveil_transaction_duration_seconds_bucket{le=\"0.01\"} 2",
                           "clickveil_transaction_duration_seconds_bucket{le=\"0.02\"} 5",
                           "clickveil_transaction_duration_seconds_bucket{le=\"86400\"} 5",
                           "clickveil_transaction_duration_seconds_bucket{le=\"+Inf\"} 6",
                           "clickveil_transaction_duration_seconds_sum 400.5",
                           "clickveil_transaction_duration_seconds_count 6",
                           "clickveil_event_to_commit_seconds_count 0",
                           "clickveil_stage_delay_seconds_bucket{stage=\"publish\",name=\"choice_to_last_"
                           "tombstone\",le=\"0.001\"} 0",
                           "clickveil_stage_delay_seconds_bucket{stage=\"publish\",name=\"choice_to_last_"
                           "tombstone\",le=\"0.002\"} 4",
                           "clickveil_stage_delay_seconds_sum{stage=\"publish\",name=\"choice_to_last_"
                           "tombstone\"} 0.007",
                           "clickveil_stage_delay_seconds_count{stage=\"publish\",name=\"choice_to_last_"
                           "tombstone\"} 4",
                           NULL,
                       });
    free(text);
}

static void metrics_escape_what_would_end_a_label(void **state)
{
    (void)state;
    struct status *status = an_example();
    status->version = "a\"b\\c\nd";
    char *text = written(status, false);
    assert_non_null(strstr(text, "{version=\"a\\\"b\\\\c\\nd\","));
    free(text);
}

/* The grammar of Prometheus's exposition format 0.0.4, as far as we write it: HELP and TYPE once per metric and before
 * its samples, names and labels of the allowed characters, a number at the end. */
static void assert_sample(const char *line, const char *metric)
{
    size_t name_size = strlen(metric);
    assert_memory_equal(line, metric, name_size);
    const char *rest = line + name_size;
    static const char *const suffixes[] = {"_bucket", "_sum", "_count"};
    for (unsigned i = 0; i < 3; i++) {
        if (strncmp(rest, suffixes[i], strlen(suffixes[i])) == 0)
            rest += strlen(suffixes[i]);
    }
    if (*rest == '{') {
        do {
            rest++;
            assert_true(islower((unsigned char)*rest));
            rest += strspn(rest, "abcdefghijklmnopqrstuvwxyz_");
            assert_memory_equal(rest, "=\"", 2);
            for (rest += 2; *rest != '"'; rest++) {
                assert_true(*rest && *rest != '\n');
                rest += *rest == '\\';
            }
            rest++;
        } while (*rest == ',');
        assert_int_equal(*rest++, '}');
    }
    assert_int_equal(*rest++, ' ');
    char *end;
    (void)strtod(rest, &end);
    assert_true(end != rest && *end == '\n');
}

static void metrics_keep_to_the_format(void **state)
{
    (void)state;
    char *text = written(an_example(), false);
    const char *line = text;
    for (unsigned i = 0; i < METRICS; i++) {
        char head[1024];
        snprintf(head, sizeof head, "# HELP %s %s\n# TYPE %s %s\n", metrics_table[i].name,
                 metrics_table[i].help, metrics_table[i].name, metrics_type_name(metrics_table[i].type));
        assert_int_equal(strncmp(line, head, strlen(head)), 0);
        line += strlen(head);
        while (*line && *line != '#') {
            assert_sample(line, metrics_table[i].name);
            line = strchr(line, '\n') + 1;
        }
    }
    assert_int_equal(*line, '\0');
    free(text);
}

static void metrics_have_samples_of_every_row(void **state)
{
    (void)state;
    char *text = written(an_example(), false);
    for (unsigned i = 0; i < METRICS; i++) {
        char brace[160], space[160], suffix[160];
        snprintf(brace, sizeof brace, "\n%s{", metrics_table[i].name);
        snprintf(space, sizeof space, "\n%s ", metrics_table[i].name);
        snprintf(suffix, sizeof suffix, "\n%s_count ", metrics_table[i].name);
        char labelled[160];
        snprintf(labelled, sizeof labelled, "\n%s_count{", metrics_table[i].name);
        if (!strstr(text, brace) && !strstr(text, space) && !strstr(text, suffix) && !strstr(text, labelled))
            fail_msg("nothing is shown of %s", metrics_table[i].name);
    }
    free(text);
}

static void metrics_show_just_what_there_is_before_anything_started(void **state)
{
    (void)state;
    struct status empty = {.version = "1", .librdkafka = "2", .stages = "consent", .input_topic = "t"};
    char *text = written(&empty, false);
    assert_lines(text, (const char *const[]){"clickveil_input_records_total 0", "clickveil_ready 0", NULL});
    assert_null(strstr(text, "clickveil_lag_records{"));
    free(text);
}

static void rows_follow_prometheus_conventions(void **state)
{
    (void)state;
    for (unsigned i = 0; i < METRICS; i++) {
        const struct metric_row *row = &metrics_table[i];
        assert_non_null(row->name);
        assert_int_not_equal(row->type, METRIC_TYPE_NONE);
        assert_int_equal(strspn(row->name, "abcdefghijklmnopqrstuvwxyz_"), strlen(row->name));
        size_t size = strlen(row->name);
        bool total = size > 6 && strcmp(row->name + size - 6, "_total") == 0;
        assert_int_equal(total, row->type == METRIC_COUNTER);
        assert_true(row->help[0] && row->help[strlen(row->help) - 1] == '.');
        assert_null(strpbrk(row->help, "\n|\\"));
        for (unsigned j = 0; j < i; j++)
            assert_string_not_equal(row->name, metrics_table[j].name);
        if (row->type == METRIC_HISTOGRAM || strcmp(row->unit, "seconds") == 0)
            assert_non_null(strstr(row->name, "_seconds"));
        if (strcmp(row->unit, "bytes") == 0)
            assert_non_null(strstr(row->name, "_bytes"));
    }
}

static void histograms_of_workers_add_up(void **state)
{
    (void)state;
    struct metrics_histogram one = {0}, two = {0};
    metrics_observe(&one, 1, 2);
    metrics_observe(&one, 2, 1);
    metrics_observe(&two, 86400000, 1);
    metrics_observe(&two, 86400001, 1);
    metrics_observe(&two, -5, 1); /* a record from the future took no time */
    struct status_histogram sum = {0};
    status_histogram_add(&sum, &one);
    status_histogram_add(&sum, &two);
    assert_int_equal(sum.buckets[0], 3);
    assert_int_equal(sum.buckets[1], 1);
    assert_int_equal(sum.buckets[metrics_latency_bound_count - 1], 1);
    assert_int_equal(sum.buckets[metrics_latency_bound_count], 1);
    assert_int_equal(sum.sum_ms, 172800005);
}

static yyjson_val *at(yyjson_val *root, const char *pointer)
{
    yyjson_val *value = yyjson_ptr_get(root, pointer);
    if (!value)
        fail_msg("there is no %s", pointer);
    return value;
}

static void json_shows_state_and_reasons(void **state)
{
    (void)state;
    char *text = written(an_example(), true);
    yyjson_doc *doc = yyjson_read(text, strlen(text), 0);
    assert_non_null(doc);
    yyjson_val *root = yyjson_doc_get_root(doc);
    assert_true(yyjson_is_false(at(root, "/ready")));
    assert_int_equal(yyjson_arr_size(at(root, "/reasons")), 2);
    assert_string_equal(yyjson_get_str(at(root, "/reasons/1")), "worker 1: restoring");
    assert_string_equal(yyjson_get_str(at(root, "/side_inputs/1/stage")), "pseudonymize");
    assert_int_equal(yyjson_get_int(at(root, "/side_inputs/0/records")), 21);
    assert_int_equal(yyjson_get_int(at(root, "/side_inputs/0/output_records")), 3);
    assert_int_equal(yyjson_get_int(at(root, "/side_inputs/0/lag/0/records")), 2);
    assert_string_equal(yyjson_get_str(at(root, "/version")), "1.2.3");
    assert_string_equal(yyjson_get_str(at(root, "/librdkafka")), "2.0.2");
    assert_int_equal(yyjson_get_sint(at(root, "/uptime_ms")), 60000);
    assert_string_equal(yyjson_get_str(at(root, "/workers/1/phase")), "restoring");
    assert_int_equal(yyjson_get_sint(at(root, "/workers/0/partitions")), 16);
    assert_true(yyjson_get_real(at(root, "/workers/1/restore_ratio")) == 0.25);
    assert_string_equal(yyjson_get_str(at(root, "/followed/0/topic")), "subscriber.consent");
    assert_int_equal(yyjson_get_sint(at(root, "/followed/0/age_ms")), 1250);
    assert_true(yyjson_is_null(at(root, "/followed/0/eta_ms")));
    assert_true(yyjson_is_null(at(root, "/followed/1/age_ms")));
    assert_int_equal(yyjson_get_sint(at(root, "/followed/1/eta_ms")), 3000);
    assert_int_equal(yyjson_get_sint(at(root, "/lag/0/records")), 12);
    assert_int_equal(yyjson_get_sint(at(root, "/transactions/barrier_aborts")), 2);
    assert_int_equal((int)yyjson_get_num(at(root, "/gauges/consent/entries")), 7);
    assert_true(yyjson_is_null(at(root, "/gauges/consent/ratio")));
    assert_int_equal((int)yyjson_get_num(at(root, "/gauges/publish/people")), 3);
    assert_string_equal(yyjson_get_str(at(root, "/reload/last_error")), "hosts.tsv:7: not an interest");
    yyjson_doc_free(doc);
    free(text);
}

static void json_of_a_ready_process_has_no_reasons(void **state)
{
    (void)state;
    struct status *status = an_example();
    status->ready = true;
    status->reasons[0] = '\0';
    status->reload_error[0] = '\0';
    status->gauge_count = 0;
    char *text = written(status, true);
    yyjson_doc *doc = yyjson_read(text, strlen(text), 0);
    yyjson_val *root = yyjson_doc_get_root(doc);
    assert_true(yyjson_is_true(at(root, "/ready")));
    assert_int_equal(yyjson_arr_size(at(root, "/reasons")), 0);
    assert_true(yyjson_is_null(at(root, "/reload/last_error")));
    assert_int_equal(yyjson_obj_size(at(root, "/gauges")), 0);
    yyjson_doc_free(doc);
    free(text);
}

static void json_grows_with_the_partitions(void **state)
{
    (void)state;
    enum { MANY = 20000 };
    struct status *status = an_example();
    status->lags = calloc(MANY, sizeof *status->lags);
    status->lag_count = MANY;
    for (int i = 0; i < MANY; i++)
        status->lags[i] = (struct status_lag){i, 1234567, 0.125};
    char *text = written(status, true);
    yyjson_doc *doc = yyjson_read(text, strlen(text), 0);
    assert_non_null(doc);
    assert_int_equal(yyjson_arr_size(at(yyjson_doc_get_root(doc), "/lag")), MANY);
    yyjson_doc_free(doc);
    free(text);
    free(status->lags);
}

static void reference_names_every_metric_and_every_reason(void **state)
{
    (void)state;
    static const struct reason reasons[] = {{"choice_out", "someone said no"}};
    static const struct stage stage = {.name = "example", .reasons = reasons, .reason_count = 1};
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    metrics_reference_write((const struct stage *const[]){&stage, NULL}, out);
    fclose(out);
    for (unsigned i = 0; i < METRICS; i++) {
        char cell[160];
        snprintf(cell, sizeof cell, "| `%s` | %s |", metrics_table[i].name,
                 metrics_type_name(metrics_table[i].type));
        assert_non_null(strstr(text, cell));
    }
    assert_true(has_line(text, "| `example` | `choice_out` | someone said no |"));
    assert_non_null(strstr(text, "| `input` | `not_json` |"));
    free(text);
}

static void clock_of_opt_outs_takes_the_oldest_of_all_that_is_left_to_do(void **state)
{
    (void)state;
    enum { DAY_MS = 86400000 };
    const int64_t now_ms = INT64_C(1700481600000); /* a Monday, 2023-11-20T12:00:00Z */
    struct status_lag lag[] = {{.partition = 0, .records = 1, .seconds = 0}};
    struct status_side side[] = {{.stage = "pseudonymize", .lags = lag, .lag_count = 1}};
    struct status_followed followed_topic[] = {{.topic = "t", .age_ms = 0}};
    struct status status = {
        .now_ms = now_ms, .sides = side, .side_count = 1, .followed = followed_topic, .followed_count = 1};
    assert_int_equal(status_opt_out_clock(&status), 0);
    followed_topic[0].age_ms = DAY_MS; /* since Sunday */
    assert_int_equal(status_opt_out_clock(&status), 1);
    lag[0].seconds = 4 * 86400; /* since Thursday */
    assert_int_equal(status_opt_out_clock(&status), 2);
    status.oldest_choice_ms = now_ms - 3 * DAY_MS; /* tombstones to come since Friday */
    assert_int_equal(status_opt_out_clock(&status), 2);
    status.oldest_choice_ms = now_ms - 7 * DAY_MS; /* since Monday a week ago */
    assert_int_equal(status_opt_out_clock(&status), 5);
    status.oldest_choice_ms = now_ms - 22 * DAY_MS; /* one day too many */
    assert_int_equal(status_opt_out_clock(&status), BUSINESS_DAYS_OPT_OUT_MAX + 1);
    status.oldest_choice_ms = 0;
    assert_int_equal(status_opt_out_clock(&status), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metrics_show_every_number),
        cmocka_unit_test(metrics_leave_out_an_age_that_is_not_known),
        cmocka_unit_test(metrics_histogram_is_cumulative_in_seconds_from_1_ms_to_a_day),
        cmocka_unit_test(metrics_escape_what_would_end_a_label),
        cmocka_unit_test(metrics_keep_to_the_format),
        cmocka_unit_test(metrics_have_samples_of_every_row),
        cmocka_unit_test(metrics_show_just_what_there_is_before_anything_started),
        cmocka_unit_test(rows_follow_prometheus_conventions),
        cmocka_unit_test(histograms_of_workers_add_up),
        cmocka_unit_test(json_shows_state_and_reasons),
        cmocka_unit_test(json_of_a_ready_process_has_no_reasons),
        cmocka_unit_test(json_grows_with_the_partitions),
        cmocka_unit_test(clock_of_opt_outs_takes_the_oldest_of_all_that_is_left_to_do),
        cmocka_unit_test(reference_names_every_metric_and_every_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
