/*
 * What workers do when the broker fails them, by their counters, on the broker inside librdkafka: it starts in no time and
 * fails on request. It has no isolation and keeps no offsets of transactions, so nothing here is about exactly once.
 *
 * Joining a group takes its coordinator three seconds. Every test has a cluster and a pipeline of its own, and all of them
 * are started together.
 */
#include "common/clock.h"
#include "common/kafka_pipeline.h"
#include "common/log.h"
#include "common/stage.h"
#include "common/subject.h"
#include "tests/support/kafka_cluster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <cmocka.h>

enum { PARTITIONS = 2, TRANSACTION_TIMEOUT_MS = 3000, WAIT_MS = 60000 };

enum rig_of {
    RIG_PLAIN = 0,
    RIG_ABORTS,
    RIG_UNKNOWN,
    RIG_DOUBT,
    RIG_FENCED,
    RIG_AWAY,
    RIG_AWAY_AT_END,
    RIG_OPT_OUTS,
    RIG_STORM,
    RIG_STORM_WITH_LULLS,
    RIG_SMALL,
    RIG_TOO_LARGE,
    RIG_REFUSED,
    RIG_LATE_BROKER,
    RIG_NO_TOPIC,
    RIG_SIDE,
    RIG_SIDE_FAILS,
    RIGS,
};

/* ---- a chain of one stage ---- */

struct probe_options {
    atomic_uint piece_bytes; /* memory that each event takes */
    atomic_uint stands_at;   /* a batch of more events than that is touched */
    atomic_uint largest;     /* batch that stood */
    atomic_uint touched;     /* times that one did not */
    atomic_uint processed;   /* events, committed or not */
    atomic_bool silent;      /* no feed record is written */
};

struct probe {
    struct probe_options *options;
    unsigned batch;
};

static bool probe_init(void *state, const struct stage_context *context, struct error *error)
{
    (void)error;
    ((struct probe *)state)->options = (struct probe_options *)context->options;
    return true;
}

static struct verdict probe_process(void *state, struct record *record, struct emitter *emitter)
{
    struct probe *probe = state;
    (void)record;
    size_t size = atomic_load(&probe->options->piece_bytes);
    char *piece = arena_take(emitter->arena, size > 0 ? size : 1);
    if (!piece) {
        error_fail(emitter->error, EXIT_STATUS_UNAVAILABLE, NULL, "raise runtime.memory_max", "no room");
        return (struct verdict){VERDICT_STOP, 0};
    }
    *piece = 'x';
    struct output output = {
        .topic = TOPIC_FEED, .key = {piece, 1}, .value = {piece, 1}, .partition = OUTPUT_PARTITION_BY_KEY};
    probe->batch++;
    atomic_fetch_add(&probe->options->processed, 1);
    if (atomic_load(&probe->options->silent))
        return verdict_pass();
    return emitter_output(emitter, &output) ? verdict_pass() : (struct verdict){VERDICT_STOP, 0};
}

static bool probe_stands(void *state)
{
    struct probe *probe = state;
    if (probe->batch > atomic_load(&probe->options->stands_at)) {
        atomic_fetch_add(&probe->options->touched, 1);
        return false;
    }
    if (probe->batch > atomic_load(&probe->options->largest))
        atomic_store(&probe->options->largest, probe->batch);
    return true;
}

static void probe_end(void *state)
{
    ((struct probe *)state)->batch = 0;
}

static struct view a_feed(const void *options, unsigned feed)
{
    (void)options;
    return feed == 0 ? VIEW("feed") : VIEW_ABSENT;
}

static bool feed_of(const void *options, unsigned feed, struct stage_feed *out_feed)
{
    (void)options;
    (void)out_feed;
    return feed == 0;
}

static const struct stage probe_stage = {
    .name = "probe",
    .feed_topic = a_feed,
    .feed = feed_of,
    .state_size = sizeof(struct probe),
    .init = probe_init,
    .process = probe_process,
    .stands = probe_stands,
    .commit = probe_end,
    .abort = probe_end,
};
static const struct stage *const chain[] = {&probe_stage, NULL};

/* The same with a side input: each record is answered with one, but "bad" can't be. */
struct answering {
    unsigned open, committed;
    unsigned aborts;
};

static bool answer(void *state, const struct followed_record *record, struct emitter *emitter)
{
    struct answering *answering = state;
    if (view_equal(record->value, VIEW("bad")))
        return error_fail(emitter->error, EXIT_STATUS_CONFIGURATION, NULL, "write a better one", "bad");
    char *value = arena_take(emitter->arena, record->value.size);
    struct output output = {.topic = TOPIC_RETRACTIONS, .partition = record->partition};
    if (!value || emitter->partition != record->partition || !record->committed)
        return error_fail(emitter->error, EXIT_STATUS_BUG, NULL, NULL, "no room, or not as promised");
    memcpy(value, record->value.data, record->value.size);
    output.value = (struct view){value, record->value.size};
    answering->open++;
    return emitter_output(emitter, &output);
}

static void answers_committed(void *state)
{
    struct answering *answering = state;
    answering->committed += answering->open;
    answering->open = 0;
}

static void answers_aborted(void *state)
{
    ((struct answering *)state)->open = 0;
    ((struct answering *)state)->aborts++;
}

/* What was committed must be what was answered. */
static void answers_end(void *state)
{
    ensure(((struct answering *)state)->open == 0);
}

static const struct side_input answering_side = {
    .topic = TOPIC_CONSENT,
    .state_size = sizeof(struct answering),
    .release = answers_end,
    .process = answer,
    .commit = answers_committed,
    .abort = answers_aborted,
};
static const struct stage sided_stage = {
    .name = "sided",
    .feed_topic = a_feed,
    .feed = feed_of,
    .writes = TOPIC_RETRACTIONS,
    .state_size = sizeof(struct probe),
    .init = probe_init,
    .process = probe_process,
    .commit = probe_end,
    .abort = probe_end,
    .side = &answering_side,
};
static const struct stage *const sided_chain[] = {&sided_stage, NULL};

/* ---- rigs ---- */

struct rig {
    struct kafka_cluster cluster;
    struct option_pair pairs[4];
    struct probe_options options;
    void *stage_options[2];
    struct config config;
    struct kafka_pipeline *pipeline;
};

static struct rig rigs[RIGS];

static const char an_event[] = "{\"type\":\"browse\",\"time\":1700000000000,\"subscriber\":\"s\",\"brand\":"
                               "\"b\",\"host\":\"h.example\"}";

static struct option_pair pair(const char *name, const char *value)
{
    return (struct option_pair){.key = view_of_string(name), .value = view_of_string(value)};
}

static void configure(struct rig *rig)
{
    rig->pairs[0] = rig->cluster.bootstrap;
    rig->pairs[1] = pair("socket.timeout.ms", "2000");
    rig->pairs[2] = pair("reconnect.backoff.max.ms", "200");
    rig->pairs[3] = pair("fetch.wait.max.ms", "10");
    rig->stage_options[0] = &rig->options;
    atomic_store(&rig->options.stands_at, UINT32_MAX);
    rig->config = (struct config){
        .pipeline = VIEW("test"),
        .instance = VIEW("here"),
        .workers = 1,
        .kafka = {.items = rig->pairs, .count = 4},
        .topics = {.events = VIEW("events"),
                   .dead_letters = VIEW("dead"),
                   .consent = VIEW("consent"),
                   .retractions = VIEW("retractions")},
        .subscriber = {.kind = IDENTIFIER_OPAQUE},
        .input = {.events_partitioner = EVENTS_PARTITIONER_TRUSTED, .record_bytes_max = 65536},
        .runtime = {.commit_interval_ms = 20,
                    .batch_records_max = 10000,
                    .memory_bytes_max = 8 << 20,
                    .queue_bytes_max = 4 << 20,
                    .transaction_timeout_ms = TRANSACTION_TIMEOUT_MS,
                    .shutdown_timeout_ms = 4000},
        .stages = chain,
        .stage_options = rig->stage_options,
    };
}

static const struct kafka_worker_stats *stats_of(const struct rig *rig)
{
    return kafka_worker_stats(kafka_pipeline_worker(rig->pipeline, 0));
}

static bool has_joined(const struct rig *rig)
{
    return stats_of(rig)->assigned == PARTITIONS;
}

static void start(struct rig *rig)
{
    struct error error = {0};
    rig->pipeline = kafka_pipeline_new(&rig->config, &error);
    if (!rig->pipeline)
        fail_msg("%s", error.what);
}

static int set_up(void **state)
{
    (void)state;
    log_init(LOG_FORMAT_TEXT, LOG_LEVEL_NONE); /* what goes wrong here is meant to */
    for (unsigned i = 0; i < RIGS; i++) {
        kafka_cluster_start(&rigs[i].cluster, 1);
        kafka_cluster_topic(&rigs[i].cluster, "dead", 1);
        kafka_cluster_topic(&rigs[i].cluster, "feed", 1);
        kafka_cluster_topic(&rigs[i].cluster, "events", PARTITIONS);
        if (i == RIG_NO_TOPIC) /* this broker makes what it is asked for, unless told otherwise */
            rd_kafka_mock_topic_set_error(rigs[i].cluster.mock, "events",
                                          RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
        configure(&rigs[i]);
        if (i == RIG_SIDE || i == RIG_SIDE_FAILS) {
            kafka_cluster_topic(&rigs[i].cluster, "consent", PARTITIONS);
            kafka_cluster_topic(&rigs[i].cluster, "retractions", PARTITIONS);
            rigs[i].config.stages = sided_chain;
        }
        if (i == RIG_AWAY) /* a transaction stays open long enough to lose its broker */
            rigs[i].config.runtime.commit_interval_ms = 1000;
        if (i == RIG_LATE_BROKER)
            rd_kafka_mock_broker_set_down(rigs[i].cluster.mock, -1);
        start(&rigs[i]);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (unsigned i = 0; i < RIGS; i++) {
        kafka_pipeline_free(rigs[i].pipeline);
        kafka_cluster_stop(&rigs[i].cluster);
    }
    return 0;
}

#define WAIT_FOR(rig, condition)                                \
    do {                                                        \
        int64_t until_ms = clock_monotonic_ms() + WAIT_MS;      \
        while (!(condition) && clock_monotonic_ms() < until_ms) \
            clock_sleep_ms(5);                                  \
        if (!(condition))                                       \
            tell(rig, #condition);                              \
    } while (0)

static void tell(const struct rig *rig, const char *condition)
{
    const struct kafka_worker_stats *stats = stats_of(rig);
    fail_msg(
        "not true in time: %s; %s, records %llu, committed %llu, aborted %llu, touched %llu, recreated %llu",
        condition, kafka_worker_phase_names[stats->phase], (unsigned long long)stats->records,
        (unsigned long long)stats->transactions_committed, (unsigned long long)stats->transactions_aborted,
        (unsigned long long)stats->aborted_by_barrier, (unsigned long long)stats->producers_recreated);
}

static void feed(struct rig *rig, unsigned events)
{
    kafka_cluster_produce(&rig->cluster, "events", 0, an_event, events);
}

static void assert_drains(struct rig *rig)
{
    struct error error = {0};
    if (!kafka_pipeline_stop(rig->pipeline, &error))
        fail_msg("%s", error.what);
    assert_int_equal(stats_of(rig)->phase, KAFKA_WORKER_STOPPED);
}

/* The pipeline has failed: that is heard by whoever looks after it, and said when it is stopped. */
static struct error failure_of(struct rig *rig)
{
    struct error error = {0};
    WAIT_FOR(rig, stats_of(rig)->phase == KAFKA_WORKER_FAILED);
    assert_false(kafka_pipeline_tick(rig->pipeline));
    assert_false(kafka_pipeline_stop(rig->pipeline, &error));
    assert_true(error.what[0]);
    return error;
}

struct sums {
    uint64_t in, kept, dead;
};

static void add(void *context, const char *stage, enum verdict_kind verdict, const char *reason,
                uint64_t count)
{
    struct sums *sums = context;
    (void)reason;
    bool is_input = strcmp(stage, "input") == 0;
    if (is_input)
        sums->in += count;
    if (!is_input && verdict == VERDICT_PASS)
        sums->kept += count;
    if (verdict == VERDICT_REJECT)
        sums->dead += count;
}

static struct sums sums_of(struct rig *rig)
{
    struct sums sums = {0};
    kafka_pipeline_counters(rig->pipeline, add, &sums);
    return sums;
}

/* ---- tests ---- */

static void records_are_committed_and_counted_and_the_drain_is_clean(void **state)
{
    struct rig *rig = &rigs[RIG_PLAIN];
    char text[512];
    (void)state;
    WAIT_FOR(rig, has_joined(rig));
    feed(rig, 300);
    kafka_cluster_produce(&rig->cluster, "events", 1, "no JSON", 20);
    WAIT_FOR(rig, stats_of(rig)->records == 320);
    assert_true(kafka_pipeline_is_ready(rig->pipeline, text, sizeof text));
    struct kafka_worker_position positions[PARTITIONS];
    struct kafka_worker *worker = kafka_pipeline_worker(rig->pipeline, 0);
    assert_int_equal(kafka_worker_positions(worker, NULL, 0), PARTITIONS);
    assert_int_equal(kafka_worker_positions(worker, positions, PARTITIONS), PARTITIONS);
    assert_int_equal(positions[0].next_offset + positions[1].next_offset, 320);
    assert_drains(rig);
    struct sums sums = sums_of(rig);
    assert_int_equal(sums.in, 320);
    assert_int_equal(sums.kept, 300);
    assert_int_equal(sums.dead, 20);
    assert_int_equal(stats_of(rig)->feed_records, 300);
    assert_int_equal(stats_of(rig)->outputs, 320);
    assert_int_equal(stats_of(rig)->transactions_aborted, 0);
    assert_int_equal(stats_of(rig)->producers_recreated, 0);
    assert_true(kafka_cluster_end(&rig->cluster, "dead", 0) >= 20);
}

static void what_was_aborted_is_processed_again_and_counted_once(void **state)
{
    static const struct {
        enum kafka_request request;
        rd_kafka_resp_err_t code;
        const char *why;
    } rows[] = {
        {KAFKA_REQUEST_TXN_OFFSET_COMMIT, RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, "a zombie"},
        {KAFKA_REQUEST_TXN_OFFSET_COMMIT, RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, "a zombie"},
        {KAFKA_REQUEST_ADD_OFFSETS_TO_TXN, RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID, "a broker that forgot"},
    };
    struct rig *rig = &rigs[RIG_ABORTS];
    uint64_t records = 0, aborted = 0;
    (void)state;
    WAIT_FOR(rig, has_joined(rig));
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        kafka_cluster_fault(&rig->cluster, rows[i].request, rows[i].code);
        feed(rig, 50);
        records += 50;
        WAIT_FOR(rig, stats_of(rig)->records == records);
        if (stats_of(rig)->transactions_aborted <= aborted)
            tell(rig, rows[i].why);
        aborted = stats_of(rig)->transactions_aborted;
    }
    assert_drains(rig);
    struct sums sums = sums_of(rig);
    assert_int_equal(sums.in, 150);
    assert_int_equal(sums.kept, 150);
    assert_int_equal(stats_of(rig)->producers_recreated, 0);
}

static void an_unknown_result_recreates_the_producer_and_asks_the_group(void **state)
{
    struct rig *rig = &rigs[RIG_UNKNOWN];
    (void)state;
    WAIT_FOR(rig, has_joined(rig));
    kafka_cluster_fault(&rig->cluster, KAFKA_REQUEST_END_TXN, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE);
    kafka_cluster_faults(&rig->cluster, KAFKA_REQUEST_OFFSET_FETCH, RD_KAFKA_RESP_ERR_NOT_COORDINATOR, 2);
    feed(rig, 50);
    WAIT_FOR(rig, stats_of(rig)->records == 50);
    assert_int_equal(stats_of(rig)->producers_recreated, 1);
    assert_int_equal(stats_of(rig)->transactions_aborted, 1); /* this group has no such offset */
    assert_int_equal(stats_of(rig)->phase, KAFKA_WORKER_RUNNING);
    assert_drains(rig);
    assert_int_equal(sums_of(rig).in, 50);
}

static void a_request_that_was_lost_replaces_the_producer_and_nothing_is_aborted(void **state)
{
    struct rig *rig = &rigs[RIG_DOUBT];
    (void)state;
    WAIT_FOR(rig, has_joined(rig));
    kafka_cluster_fault(&rig->cluster, KAFKA_REQUEST_END_TXN, RD_KAFKA_RESP_ERR__TRANSPORT);
    feed(rig, 50);
    WAIT_FOR(rig, stats_of(rig)->records == 50 && stats_of(rig)->producers_recreated == 1);
    feed(rig, 50);
    WAIT_FOR(rig, stats_of(rig)->records == 100);
    assert_int_equal(stats_of(rig)->transactions_aborted, 0);
    assert_int_equal(stats_of(rig)->producers_recreated, 1);
    assert_drains(rig);
    assert_int_equal(sums_of(rig).in, 100);
}

static void a_fenced_worker_stops_and_says_so(void **state)
{
    struct rig *rig = &rigs[RIG_FENCED];
    (void)state;
    WAIT_FOR(rig, has_joined(rig));
    kafka_cluster_fault(&rig->cluster, KAFKA_REQUEST_END_TXN, RD_KAFKA_RESP_ERR_PRODUCER_FENCED);
    feed(rig, 10);
    struct error error = failure_of(rig);
    assert_int_equal(error.exit_status, EXIT_STATUS_UNAVAILABLE);
    assert_non_null(strstr(error.action, "`instance:`"));
    assert_int_equal(sums_of(rig).in, 0); /* nothing of it counts */
}

static void a_broker_that_goes_away_is_waited_for(void **state)
{
    struct rig *rig = &rigs[RIG_AWAY];
    char text[512];
    (void)state;
    WAIT_FOR(rig, has_joined(rig));
    feed(rig, 50);
    WAIT_FOR(rig, stats_of(rig)->records == 50);
    /* The transaction is open; when it is to be committed, the broker is not there. */
    feed(rig, 50);
    WAIT_FOR(rig, atomic_load(&rig->options.processed) >= 100);
    rd_kafka_mock_broker_set_down(rig->cluster.mock, -1);
    WAIT_FOR(rig, stats_of(rig)->producers_recreated > 0);
    assert_false(kafka_pipeline_is_ready(rig->pipeline, text, sizeof text));
    assert_true(kafka_pipeline_tick(rig->pipeline)); /* it has not failed */
    rd_kafka_mock_broker_set_up(rig->cluster.mock, -1);
    WAIT_FOR(rig, stats_of(rig)->records == 100);
    assert_drains(rig);
    assert_int_equal(sums_of(rig).in, 100);
}

static void a_drain_without_a_broker_ends_in_time(void **state)
{
    struct rig *rig = &rigs[RIG_AWAY_AT_END];
    (void)state;
    WAIT_FOR(rig, has_joined(rig));
    feed(rig, 50);
    WAIT_FOR(rig, stats_of(rig)->records == 50);
    rd_kafka_mock_broker_set_down(rig->cluster.mock, -1);
    int64_t began_ms = clock_monotonic_ms();
    struct error error = {0};
    (void)kafka_pipeline_stop(rig->pipeline, &error);
    assert_true(clock_monotonic_ms() - began_ms <
                rig->config.runtime.shutdown_timeout_ms + 3 * TRANSACTION_TIMEOUT_MS);
    rd_kafka_mock_broker_set_up(rig->cluster.mock, -1);
}

static void touching_choices_make_batches_smaller_until_one_stands(void **state)
{
    struct rig *rig = &rigs[RIG_OPT_OUTS];
    (void)state;
    atomic_store(&rig->options.stands_at, 1); /* as if there were always a choice for one of two */
    WAIT_FOR(rig, has_joined(rig));
    feed(rig, 400);
    WAIT_FOR(rig, stats_of(rig)->records >= 20); /* it goes on, if slowly */
    assert_int_equal(rig->options.largest, 1);
    atomic_store(&rig->options.stands_at, UINT32_MAX); /* the storm is over */
    WAIT_FOR(rig, stats_of(rig)->records == 400);
    assert_true(rig->options.largest > 1);
    assert_drains(rig);
    assert_true(stats_of(rig)->aborted_by_barrier > 0);
    assert_int_equal(stats_of(rig)->aborted_by_barrier, stats_of(rig)->transactions_aborted);
    assert_int_equal(stats_of(rig)->aborted_by_barrier, rig->options.touched);
    assert_int_equal(sums_of(rig).in, 400);
}

static void a_storm_of_choices_stops_no_state_but_every_feed_record(void **state)
{
    struct rig *rig = &rigs[RIG_STORM];
    (void)state;
    atomic_store(&rig->options.silent, true);
    atomic_store(&rig->options.stands_at, 0); /* every batch is touched, however small */
    WAIT_FOR(rig, has_joined(rig));
    feed(rig, 200);
    WAIT_FOR(rig, stats_of(rig)->records == 200);
    uint64_t aborts = stats_of(rig)->aborted_by_barrier;
    assert_int_equal(aborts, 3); /* from then on the barrier stands at the beginning */
    atomic_store(&rig->options.silent, false);
    feed(rig, 10);
    WAIT_FOR(rig, stats_of(rig)->aborted_by_barrier > aborts + 3);
    assert_int_equal(stats_of(rig)->records, 200); /* a feed record must stand, storm or not */
    assert_int_equal(stats_of(rig)->feed_records, 0);
    atomic_store(&rig->options.stands_at, UINT32_MAX);
    WAIT_FOR(rig, stats_of(rig)->records == 210);
    assert_int_equal(stats_of(rig)->feed_records, 10);
    /* Calm: the next touched batch is aborted again. */
    atomic_store(&rig->options.silent, true);
    for (unsigned i = 1; i <= 25; i++) {
        feed(rig, 1);
        WAIT_FOR(rig, stats_of(rig)->records == 210 + i);
    }
    aborts = stats_of(rig)->aborted_by_barrier;
    atomic_store(&rig->options.stands_at, 0);
    feed(rig, 1);
    WAIT_FOR(rig, stats_of(rig)->aborted_by_barrier == aborts + 3);
    WAIT_FOR(rig, stats_of(rig)->records == 236);
    assert_drains(rig);
    assert_int_equal(sums_of(rig).in, 236);
}

/* An import all over the subscribers: smaller batches stand, each larger one after them is touched. */
static void a_storm_that_lets_small_batches_through_is_one_too(void **state)
{
    struct rig *rig = &rigs[RIG_STORM_WITH_LULLS];
    (void)state;
    atomic_store(&rig->options.silent, true);
    atomic_store(&rig->options.stands_at, 150);
    WAIT_FOR(rig, has_joined(rig));
    feed(rig, 4000);
    WAIT_FOR(rig, stats_of(rig)->records == 4000);
    assert_true(stats_of(rig)->aborted_by_barrier > 0);
    assert_true(stats_of(rig)->aborted_by_barrier <= 3);
    assert_drains(rig);
    assert_int_equal(sums_of(rig).in, 4000);
}

static void a_batch_that_memory_is_too_short_for_is_cut(void **state)
{
    struct rig *rig = &rigs[RIG_SMALL];
    (void)state;
    /* Two of them fit in 8 MiB, but the batch only ends when half is used: the third one fails. */
    atomic_store(&rig->options.piece_bytes, 3900 << 10);
    WAIT_FOR(rig, has_joined(rig));
    feed(rig, 30);
    WAIT_FOR(rig, stats_of(rig)->records == 30);
    assert_drains(rig);
    assert_int_equal(sums_of(rig).in, 30);
}

static void a_record_that_can_never_fit_ends_the_worker_and_says_which(void **state)
{
    struct rig *rig = &rigs[RIG_TOO_LARGE];
    (void)state;
    WAIT_FOR(rig, has_joined(rig));
    feed(rig, 3);
    WAIT_FOR(rig, stats_of(rig)->records == 3);
    atomic_store(&rig->options.piece_bytes, 9 << 20);
    feed(rig, 10);
    struct error error = failure_of(rig);
    assert_string_equal(error.where, "events[0]@3");
    assert_non_null(strstr(error.action, "runtime.memory_max"));
    assert_int_equal(stats_of(rig)->records, 3);
}

static void an_output_that_no_topic_takes_ends_the_worker_and_says_where(void **state)
{
    struct rig *rig = &rigs[RIG_REFUSED];
    (void)state;
    WAIT_FOR(rig, has_joined(rig));
    feed(rig, 10);
    WAIT_FOR(rig, stats_of(rig)->records == 10);
    rd_kafka_mock_topic_set_error(rig->cluster.mock, "feed", RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    feed(rig, 10);
    struct error error = failure_of(rig);
    if (!strstr(error.action, "grant"))
        fail_msg("%s: %s; %s", error.where, error.what, error.action);
}

static void a_broker_that_is_not_there_at_the_start_is_waited_for(void **state)
{
    struct rig *rig = &rigs[RIG_LATE_BROKER];
    char text[512];
    (void)state;
    assert_int_equal(stats_of(rig)->phase, KAFKA_WORKER_CONNECTING);
    assert_false(kafka_pipeline_is_ready(rig->pipeline, text, sizeof text));
    assert_non_null(strstr(text, "connecting"));
    assert_true(kafka_pipeline_tick(rig->pipeline));
    rd_kafka_mock_broker_set_up(rig->cluster.mock, -1);
    feed(rig, 10);
    WAIT_FOR(rig, stats_of(rig)->records == 10);
    assert_drains(rig);
}

static void a_topic_that_is_missing_ends_the_start_and_says_how_to_make_it(void **state)
{
    (void)state;
    struct error error = failure_of(&rigs[RIG_NO_TOPIC]);
    assert_int_equal(error.exit_status, EXIT_STATUS_CONFIGURATION);
    assert_non_null(strstr(error.what, "events"));
    assert_non_null(strstr(error.action, "clickveil topics create"));
}

static const struct kafka_worker_stats *side_stats(const struct rig *rig)
{
    return kafka_worker_stats(kafka_pipeline_side(rig->pipeline, 0));
}

static void a_side_input_is_answered_beside_the_events_in_transactions_of_its_own(void **state)
{
    struct rig *rig = &rigs[RIG_SIDE];
    char text[512];
    (void)state;
    assert_int_equal(kafka_pipeline_side_count(rig->pipeline), 1);
    assert_int_equal(kafka_pipeline_side_count(rigs[RIG_PLAIN].pipeline), 0);
    WAIT_FOR(rig, has_joined(rig) && side_stats(rig)->assigned == PARTITIONS);
    WAIT_FOR(rig, kafka_pipeline_is_ready(rig->pipeline, text, sizeof text));
    kafka_cluster_produce(&rig->cluster, "consent", 0, "one", 40);
    kafka_cluster_produce(&rig->cluster, "consent", 1, "two", 2);
    WAIT_FOR(rig, side_stats(rig)->records == 42);
    assert_int_equal(stats_of(rig)->records, 0);
    feed(rig, 30);
    WAIT_FOR(rig, stats_of(rig)->records == 30);
    assert_int_equal(side_stats(rig)->records, 42);
    assert_int_equal(side_stats(rig)->outputs, 42);
    struct kafka_worker_position positions[PARTITIONS];
    assert_int_equal(kafka_worker_positions(kafka_pipeline_side(rig->pipeline, 0), positions, PARTITIONS),
                     PARTITIONS);
    assert_int_equal(positions[0].next_offset + positions[1].next_offset, 42);
    assert_true(kafka_cluster_end(&rig->cluster, "retractions", 0) >= 40);
    assert_true(kafka_cluster_end(&rig->cluster, "retractions", 1) >= 2);

    kafka_cluster_fault(&rig->cluster, KAFKA_REQUEST_TXN_OFFSET_COMMIT, RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION);
    kafka_cluster_produce(&rig->cluster, "consent", 0, "three", 5);
    WAIT_FOR(rig, side_stats(rig)->records == 47);
    assert_int_equal(side_stats(rig)->transactions_aborted, 1);
    assert_drains(rig);
    assert_int_equal(side_stats(rig)->phase, KAFKA_WORKER_STOPPED);
    assert_int_equal(sums_of(rig).in, 30); /* its records are no events */
}

static void a_side_input_that_cannot_go_on_stops_the_process_and_says_why(void **state)
{
    struct rig *rig = &rigs[RIG_SIDE_FAILS];
    (void)state;
    WAIT_FOR(rig, has_joined(rig) && side_stats(rig)->assigned == PARTITIONS);
    kafka_cluster_produce(&rig->cluster, "consent", 1, "bad", 1);
    WAIT_FOR(rig, side_stats(rig)->phase == KAFKA_WORKER_FAILED);
    struct error error = {0};
    assert_false(kafka_pipeline_tick(rig->pipeline));
    assert_false(kafka_pipeline_stop(rig->pipeline, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_CONFIGURATION);
    assert_string_equal(error.where, "consent[1]@0");
    assert_int_equal(stats_of(rig)->phase, KAFKA_WORKER_STOPPED);
}

static void a_side_input_has_names_that_no_worker_has(void **state)
{
    struct config config = rigs[RIG_SIDE].config;
    char group[128], identity[128];
    (void)state;
    kafka_worker_side_group(&config, &sided_stage, group, sizeof group);
    kafka_worker_side_identity(&config, &sided_stage, identity, sizeof identity);
    assert_string_equal(group, "test.sided.side");
    assert_string_equal(identity, "test.sided.here.side");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_side_input_is_answered_beside_the_events_in_transactions_of_its_own),
        cmocka_unit_test(a_side_input_that_cannot_go_on_stops_the_process_and_says_why),
        cmocka_unit_test(a_side_input_has_names_that_no_worker_has),
        cmocka_unit_test(a_broker_that_is_not_there_at_the_start_is_waited_for),
        cmocka_unit_test(a_topic_that_is_missing_ends_the_start_and_says_how_to_make_it),
        cmocka_unit_test(records_are_committed_and_counted_and_the_drain_is_clean),
        cmocka_unit_test(what_was_aborted_is_processed_again_and_counted_once),
        cmocka_unit_test(an_unknown_result_recreates_the_producer_and_asks_the_group),
        cmocka_unit_test(a_request_that_was_lost_replaces_the_producer_and_nothing_is_aborted),
        cmocka_unit_test(a_fenced_worker_stops_and_says_so),
        cmocka_unit_test(a_broker_that_goes_away_is_waited_for),
        cmocka_unit_test(a_drain_without_a_broker_ends_in_time),
        cmocka_unit_test(touching_choices_make_batches_smaller_until_one_stands),
        cmocka_unit_test(a_storm_of_choices_stops_no_state_but_every_feed_record),
        cmocka_unit_test(a_storm_that_lets_small_batches_through_is_one_too),
        cmocka_unit_test(a_batch_that_memory_is_too_short_for_is_cut),
        cmocka_unit_test(a_record_that_can_never_fit_ends_the_worker_and_says_which),
        cmocka_unit_test(an_output_that_no_topic_takes_ends_the_worker_and_says_where),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
