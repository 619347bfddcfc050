/*
 * Design. The loop is: poll (rebalances happen inside), see whether work is allowed (producer open, state restored,
 * followed topics fresh), process (kafka_worker_poll.c), and end the transaction when its time, its memory or a due slot
 * says so (kafka_worker_commit.c). Nothing in the loop waits for long, so that the group is answered and a drain is heard.
 */
#include "common/kafka_worker_internal.h"

#include "common/clock.h"
#include "common/kafka_client.h"
#include "common/log.h"
#include "common/stage.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    POLL_MS = 100,
    RESTORE_STEP_MS = 20,
    REQUEST_TIMEOUT_MS = 5000,
    ARENA_BLOCK_BYTES = 1 << 20,
    DEFERRED_FIRST = 1024,
    IDLE_COMMIT_MS = 1000,
    CONNECT_TRIES = 3,
};

const char *const kafka_worker_phase_names[KAFKA_WORKER_PHASES] = {
    "connecting", "waiting",    "joining",  "restoring", "running",
    "paused",     "recovering", "draining", "stopped",   "failed",
};

bool kafka_worker_is_stopping(const struct kafka_worker *worker)
{
    return atomic_load_explicit(worker->spec.stop, memory_order_relaxed) ||
           atomic_load_explicit(worker->spec.failed, memory_order_relaxed);
}

bool kafka_worker_gives_up(struct kafka_worker *worker)
{
    if (atomic_load(worker->spec.failed))
        return true;
    if (!atomic_load(worker->spec.stop))
        return false;
    if (!worker->drain_until_ms)
        worker->drain_until_ms = clock_monotonic_ms() + worker->config->runtime.shutdown_timeout_ms;
    if (clock_monotonic_ms() >= worker->drain_until_ms)
        return true;
    /* Between two assignments there is nothing to drain yet, which is not the same as nothing to drain. */
    return worker->assignment.count == 0 && !(worker->rejoining && chain_waits_for_drain(worker->chain));
}

void kafka_worker_enter(struct kafka_worker *worker, enum kafka_worker_phase phase)
{
    atomic_store_explicit(&worker->stats.phase, phase, memory_order_relaxed);
}

void kafka_worker_group(const struct config *config, char *text, size_t text_size)
{
    snprintf(text, text_size, "%s.%s", config->pipeline.data, config->stages[config->first_stage]->name);
}

void kafka_worker_identity(const struct config *config, unsigned index, char *text, size_t text_size)
{
    snprintf(text, text_size, "%s.%s.%s.%u", config->pipeline.data, config->stages[config->first_stage]->name,
             config->instance.data, index);
}

void kafka_worker_side_group(const struct config *config, const struct stage *stage, char *text,
                             size_t text_size)
{
    snprintf(text, text_size, "%s.%s.side", config->pipeline.data, stage->name);
}

void kafka_worker_side_identity(const struct config *config, const struct stage *stage, char *text,
                                size_t text_size)
{
    snprintf(text, text_size, "%s.%s.%s.side", config->pipeline.data, stage->name, config->instance.data);
}

/* ---- outputs of the chain ---- */

static bool defer(struct kafka_worker *worker, const struct output *output, struct error *error)
{
    if (worker->deferred_count == worker->deferred_capacity) {
        size_t capacity = worker->deferred_capacity ? worker->deferred_capacity * 2 : DEFERRED_FIRST;
        struct output *grown = realloc(worker->deferred, capacity * sizeof *grown);
        if (!grown)
            return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory",
                              "no memory for feed records");
        worker->deferred = grown;
        worker->deferred_capacity = capacity;
    }
    worker->deferred[worker->deferred_count++] = *output;
    return true;
}

static bool send_output(void *context, const struct output *output, struct error *error)
{
    struct kafka_worker *worker = context;
    worker->batch_outputs++;
    if (output->topic == TOPIC_STATE) {
        struct kafka_assigned *item = kafka_assignment_find(&worker->assignment, output->partition);
        ensure(item != NULL); /* state of a partition that is not ours must never be written */
        item->state_touched = true;
    }
    /* An advertiser may read uncommitted: nothing about a person leaves before the barrier (spec 3, rule 3). */
    if (output->topic == TOPIC_FEED)
        return defer(worker, output, error);
    return kafka_transaction_send(worker->transaction, output, error);
}

/* ---- the loop ---- */

static int poll_timeout_ms(const struct kafka_worker *worker)
{
    int64_t wait_ms = POLL_MS, now_ms = clock_unix_ms();
    bool rests = worker->assignment.paused && !(worker->holding && kafka_worker_is_fresh(worker));
    if (worker->restoring)
        return 0;
    if (!kafka_worker_is_mended(worker))
        return KAFKA_WORKER_WAIT_STEP_MS;
    bool is_open = kafka_transaction_is_open(worker->transaction);
    int64_t due_ms = rests ? INT64_MAX : worker->more_due ? now_ms : chain_next_due_ms(worker->chain);
    int64_t left_ms = is_open ? worker->began_ms + kafka_worker_transaction_ms(worker) - clock_monotonic_ms()
                      : due_ms == INT64_MAX ? wait_ms
                                            : due_ms - now_ms;
    wait_ms = left_ms < wait_ms ? left_ms : wait_ms;
    return wait_ms > 0 ? (int)wait_ms : 0;
}

static bool step_restore(struct kafka_worker *worker, struct error *error)
{
    kafka_worker_enter(worker, KAFKA_WORKER_RESTORING);
    switch (kafka_restore_step(worker->restore, worker->consumer, RESTORE_STEP_MS, error)) {
    case KAFKA_RESTORE_GOING:
        return true;
    case KAFKA_RESTORE_DONE:
        break;
    case KAFKA_RESTORE_FAILED:
        return false;
    }
    worker->restoring = false;
    unsigned count;
    const struct kafka_restore_partition *partitions = kafka_restore_partitions(worker->restore, &count);
    bool moved = false;
    for (unsigned i = 0; i < count; i++) {
        struct kafka_assigned *item = kafka_assignment_find(&worker->assignment, partitions[i].partition);
        ensure(item != NULL);
        if (partitions[i].committed >= 0 && partitions[i].committed != item->committed) {
            item->committed = partitions[i].committed;
            item->has_commit = true;
            moved = true;
        }
    }
    return !moved || kafka_worker_rewind(worker, error);
}

/* Pause or resume by the freshness of the followed topics. An open transaction is given up: its choices may be old, or
 * nobody has confirmed them. While one holds, events rest; what was published is taken back (spec 3, rules 8 and 9). */
static bool mind_freshness(struct kafka_worker *worker, bool *out_may_work, struct error *error)
{
    *out_may_work = false;
    if (worker->assignment.count == 0)
        return true;
    bool is_fresh = kafka_worker_is_fresh(worker), holds = kafka_worker_holds(worker);
    if ((!is_fresh || (holds && !worker->holding)) && kafka_transaction_is_open(worker->transaction)) {
        if (!kafka_worker_abort(worker, false, error))
            return false;
        if (!kafka_worker_is_mended(worker))
            return true;
    }
    if (worker->missed && !kafka_transaction_is_open(worker->transaction) &&
        !kafka_worker_rewind(worker, error))
        return false;
    if (!kafka_assignment_pause(&worker->assignment, worker->consumer, !is_fresh || holds, error))
        return false;
    worker->more_due = worker->more_due || (worker->holding && !holds); /* what rested */
    worker->holding = holds;
    kafka_worker_enter(worker, is_fresh && !holds ? KAFKA_WORKER_RUNNING : KAFKA_WORKER_PAUSED);
    *out_may_work = is_fresh;
    return true;
}

/* Others wait for a side input's position (common/kafka_source.h): it is told as soon as there is nothing more to read. */
static bool has_rested(const struct kafka_worker *worker)
{
    return worker->side_stage || clock_monotonic_ms() - worker->ended_ms >= IDLE_COMMIT_MS;
}

static bool has_read_all(const struct kafka_worker *worker)
{
    return worker->side_stage && kafka_assignment_at_end(&worker->assignment);
}

/* Behind the last record of an idle topic stands the marker of its transaction. The position behind it is committed
 * once, so that the group's lag reaches zero (architecture 4, rule 2). */
static bool must_tell_position(const struct kafka_worker *worker)
{
    return !kafka_transaction_is_open(worker->transaction) && has_rested(worker) &&
           kafka_assignment_has_moved(&worker->assignment) && kafka_assignment_at_end(&worker->assignment);
}

/* Is there work that no record brings? An open transaction does it when it ends, which is soon. */
static bool is_due(const struct kafka_worker *worker)
{
    return worker->more_due || chain_next_due_ms(worker->chain) <= clock_unix_ms() ||
           must_tell_position(worker);
}

/* Partitions are held, state is there, followed topics are fresh. */
static bool work(struct kafka_worker *worker, struct error *error)
{
    bool is_open = kafka_transaction_is_open(worker->transaction);
    bool must_end =
        is_open && (worker->missed || has_read_all(worker) ||
                    clock_monotonic_ms() - worker->began_ms >= kafka_worker_transaction_ms(worker));
    /* All that was polled is processed, unless something was missed. */
    if (!worker->missed && !worker->holding && (is_open ? must_end : has_rested(worker)))
        kafka_assignment_advance(&worker->assignment, worker->consumer);
    if (!must_end && (is_open || !is_due(worker)))
        return true;
    unsigned moves = worker->moves;
    if (!kafka_worker_begin_transaction(worker, error))
        return false;
    return worker->moves != moves || kafka_worker_end_transaction(worker, false, error);
}

static bool mend(struct kafka_worker *worker, struct error *error)
{
    if (!kafka_worker_mend(worker, error))
        return false;
    if (kafka_worker_is_mended(worker) && worker->assignment.count == 0)
        kafka_worker_enter(worker, KAFKA_WORKER_JOINING);
    return true;
}

static bool step(struct kafka_worker *worker, struct error *error)
{
    if (!kafka_worker_poll(worker, poll_timeout_ms(worker), error))
        return false;
    if (!kafka_worker_is_mended(worker))
        return mend(worker, error);
    if (worker->restoring)
        return step_restore(worker, error);
    bool may_work;
    return mind_freshness(worker, &may_work, error) && (!may_work || work(worker, error));
}

/* Before the group is joined nothing comes from the consumer but what it says of its connections. */
static void hear(struct kafka_worker *worker)
{
    rd_kafka_message_t *message = rd_kafka_consumer_poll(worker->consumer, 0);
    if (message)
        rd_kafka_message_destroy(message);
    kafka_worker_serve(worker);
}

static bool wait_for_followed(struct kafka_worker *worker)
{
    kafka_worker_enter(worker, KAFKA_WORKER_WAITING);
    while (!kafka_worker_is_stopping(worker) && !kafka_worker_is_fresh(worker)) {
        hear(worker);
        clock_sleep_ms(KAFKA_WORKER_WAIT_STEP_MS);
    }
    return !kafka_worker_is_stopping(worker);
}

static bool drain_once(struct kafka_worker *worker, bool *out_again, struct error *error)
{
    unsigned moves = worker->moves;
    if (!kafka_worker_begin_transaction(worker, error))
        return false;
    if (worker->moves == moves && !kafka_worker_end_transaction(worker, true, error))
        return false;
    *out_again = worker->more_due || worker->moves != moves;
    return true;
}

/* In a hold a drain is the slot of what takes back, as any other is (spec 3, rules 8 and 9); what is open has events. */
static bool mind_hold(struct kafka_worker *worker, struct error *error)
{
    bool holds = kafka_worker_holds(worker);
    if (holds && !worker->holding && kafka_transaction_is_open(worker->transaction) &&
        !kafka_worker_abort(worker, false, error))
        return false;
    worker->holding = holds;
    return true;
}

/* Finish what is open, write what a drain is the slot of, and leave. Nothing more is taken in. When that did not work at
 * once, the group is heard too: it may have taken the partitions back, or the state must be restored first. */
static bool drain(struct kafka_worker *worker, struct error *error)
{
    kafka_worker_enter(worker, KAFKA_WORKER_DRAINING);
    if (!kafka_worker_is_fresh(worker) || (worker->restoring && !chain_waits_for_drain(worker->chain)))
        return true; /* nothing is open */
    if (!kafka_assignment_pause(&worker->assignment, worker->consumer, true, error))
        return false;
    bool again = true;
    while (again && !kafka_worker_gives_up(worker) && kafka_worker_is_fresh(worker)) {
        if (kafka_worker_is_mended(worker) && !mind_hold(worker, error))
            return false;
        bool fine = !kafka_worker_is_mended(worker) ? kafka_worker_mend(worker, error)
                    : worker->restoring             ? step_restore(worker, error)
                    : worker->assignment.count == 0 ? true
                                                    : drain_once(worker, &again, error);
        if (!fine ||
            (again && !worker->more_due && !kafka_worker_poll(worker, poll_timeout_ms(worker), error)))
            return false;
        kafka_worker_enter(worker, KAFKA_WORKER_DRAINING);
    }
    if (again && (worker->assignment.count > 0 || worker->rejoining))
        log_line(LOG_LEVEL_WARNING, "drain_unfinished",
                 "%s: not everything could be committed; it is done by whoever takes its partitions over",
                 worker->name);
    return true;
}

static void wait_to_connect(struct kafka_worker *worker, int64_t wait_ms)
{
    for (int64_t waited = 0; waited < wait_ms && !kafka_worker_is_stopping(worker);
         waited += KAFKA_WORKER_WAIT_STEP_MS) {
        hear(worker);
        clock_sleep_ms(KAFKA_WORKER_WAIT_STEP_MS);
    }
}

/* Wait for the broker as long as it takes. Everything else that is wrong with the topics ends the start, but one that is
 * missing is asked for a few times: a broker may not have heard yet that it was just made. */
static bool reach_topics(struct kafka_worker *worker, int32_t *out_partitions, struct error *error)
{
    const char *topic = kafka_worker_topic(worker);
    int64_t backoff_ms = KAFKA_WORKER_BACKOFF_FIRST_MS;
    unsigned refused = 0;
    while (!kafka_worker_is_stopping(worker) &&
           (!kafka_preflight(worker->offsets, worker->config, REQUEST_TIMEOUT_MS, error) ||
            !kafka_topic_partitions(worker->offsets, topic, REQUEST_TIMEOUT_MS, out_partitions, error))) {
        if (!error->retriable && ++refused > CONNECT_TRIES)
            return false;
        if (error->retriable) {
            error_at(error, "%s", worker->name);
            error_advise(error, "waiting for the broker");
            log_failure(LOG_LEVEL_WARNING, "broker_unreachable", error);
        }
        wait_to_connect(worker, backoff_ms);
        backoff_ms =
            backoff_ms * 2 > KAFKA_WORKER_BACKOFF_MAX_MS ? KAFKA_WORKER_BACKOFF_MAX_MS : backoff_ms * 2;
    }
    *error = (struct error){0};
    return true;
}

static bool take_memory(struct kafka_worker *worker, int32_t partitions, struct error *error)
{
    const char *topic = kafka_worker_topic(worker);
    if (!kafka_assignment_init(&worker->assignment, topic, partitions, error))
        return false;
    pthread_mutex_lock(&worker->positions_lock);
    worker->positions = calloc((size_t)partitions, sizeof *worker->positions);
    pthread_mutex_unlock(&worker->positions_lock);
    return worker->positions ||
           error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for positions");
}

static bool connect_and_open(struct kafka_worker *worker, struct error *error)
{
    int32_t partitions = 0;
    if (!reach_topics(worker, &partitions, error))
        return false;
    if (kafka_worker_is_stopping(worker))
        return true;
    if (!take_memory(worker, partitions, error))
        return false;
    while (!kafka_worker_is_stopping(worker) && !worker->ready) {
        if (!kafka_worker_mend(worker, error))
            return false;
        if (!worker->ready)
            wait_to_connect(worker, KAFKA_WORKER_WAIT_STEP_MS);
    }
    return true;
}

static bool run(struct kafka_worker *worker, struct error *error)
{
    /* init_transactions before subscribe, the first full read before both matter (rules 1 and 2). */
    if (!connect_and_open(worker, error))
        return false;
    if (kafka_worker_is_stopping(worker) || !wait_for_followed(worker))
        return true;
    if (!kafka_worker_subscribe(worker, error))
        return false;
    while (!kafka_worker_is_stopping(worker)) {
        *error = (struct error){0};
        if (!step(worker, error))
            return false;
    }
    return atomic_load(worker->spec.failed) || drain(worker, error);
}

static void *run_thread(void *context)
{
    struct kafka_worker *worker = context;
    struct error error = {0};
    bool fine = run(worker, &error);
    if (!fine) {
        log_failure(LOG_LEVEL_ERROR, "worker_failed", &error);
        worker->failure = error;
        atomic_store(worker->spec.failed, true);
    }
    worker->assign_failed = false;
    if (kafka_transaction_is_open(worker->transaction)) {
        struct error ignored = {0};
        (void)kafka_transaction_abort(worker->transaction, &ignored);
    }
    rd_kafka_consumer_close(worker->consumer); /* takes the partitions back in a last rebalance */
    if (fine && worker->assign_failed) {
        log_failure(LOG_LEVEL_ERROR, "worker_failed", &worker->failure);
        fine = false;
    }
    kafka_worker_enter(worker, fine ? KAFKA_WORKER_STOPPED : KAFKA_WORKER_FAILED);
    return NULL;
}

/* ---- life ---- */

/* Whose records it takes, and by which names it is known. */
static void take_part(struct kafka_worker *worker)
{
    const struct config *config = worker->config;
    if (!worker->spec.is_side) {
        worker->input = config_input_topic(config);
        kafka_worker_identity(config, worker->spec.index, worker->identity, sizeof worker->identity);
        kafka_worker_group(config, worker->group, sizeof worker->group);
        snprintf(worker->name, sizeof worker->name, "worker %u", worker->spec.index);
        return;
    }
    const struct stage *stage = worker->side_stage = chain_side_stage(config, worker->spec.index);
    worker->input = stage->side->topic;
    kafka_worker_side_identity(config, stage, worker->identity, sizeof worker->identity);
    kafka_worker_side_group(config, stage, worker->group, sizeof worker->group);
    snprintf(worker->name, sizeof worker->name, "side input of %s", stage->name);
    for (unsigned i = 0; stage->side->behind_followed && i < worker->spec.follower_count; i++) {
        if (kafka_follower_role(worker->spec.followers[i]) == worker->input)
            worker->table = worker->spec.followers[i];
    }
}

static bool make_chain(struct kafka_worker *worker, struct error *error)
{
    struct sink sink = {worker, send_output};
    struct chain_shared *shared = worker->spec.chain_shared;
    worker->chain = worker->spec.is_side
                        ? chain_side_new(shared, worker->spec.index, &worker->arena, sink, error)
                        : chain_new(shared, worker->spec.index, &worker->arena, sink, error);
    return worker->chain != NULL;
}

static bool init(struct kafka_worker *worker, struct error *error)
{
    const struct config *config = worker->config;
    take_part(worker);
    struct kafka_client_spec consumer = {
        .role = worker->side_stage ? KAFKA_ROLE_SIDE_INPUT : KAFKA_ROLE_WORKER,
        .identity = worker->group,
        .member = config->runtime.static_membership ? worker->identity : NULL,
        .opaque = worker,
        .rebalance = kafka_worker_on_rebalance,
    };
    struct kafka_client_spec offsets = {.role = KAFKA_ROLE_OFFSETS};
    if (!arena_init(&worker->arena, ARENA_BLOCK_BYTES, (size_t)config->runtime.memory_bytes_max, error))
        return false;
    if (!make_chain(worker, error))
        return false;
    worker->consumer = kafka_client_new(config, &consumer, error);
    worker->offsets = worker->consumer ? kafka_client_new(config, &offsets, error) : NULL;
    if (!worker->offsets)
        return false;
    worker->queue = rd_kafka_queue_get_consumer(worker->consumer);
    if (chain_is_partitioned(worker->chain)) {
        worker->restore = kafka_restore_new(config, worker->chain, error);
        if (!worker->restore)
            return false;
    }
    worker->runs = pthread_create(&worker->thread, NULL, run_thread, worker) == 0;
    if (worker->runs) /* for those who look at the process; at most 15 bytes */
        pthread_setname_np(worker->thread, worker->side_stage ? "side_input" : "worker");
    return worker->runs ||
           error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "raise the limit of threads", "no thread");
}

struct kafka_worker *kafka_worker_new(const struct kafka_worker_spec *spec, struct error *error)
{
    struct kafka_worker *worker = calloc(1, sizeof *worker);
    if (!worker) {
        (void)error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for a worker");
        return NULL;
    }
    worker->spec = *spec;
    worker->config = spec->config;
    worker->batch_max = worker->batch_ceiling = (uint64_t)spec->config->runtime.batch_records_max;
    worker->backoff_ms = KAFKA_WORKER_BACKOFF_FIRST_MS;
    pthread_mutex_init(&worker->positions_lock, NULL);
    if (!init(worker, error)) {
        kafka_worker_free(worker);
        return NULL;
    }
    return worker;
}

bool kafka_worker_join(struct kafka_worker *worker, struct error *out_error)
{
    if (worker->runs)
        pthread_join(worker->thread, NULL);
    worker->runs = false;
    if (worker->stats.phase != KAFKA_WORKER_FAILED)
        return true;
    *out_error = worker->failure;
    return false;
}

void kafka_worker_free(struct kafka_worker *worker)
{
    if (!worker)
        return;
    ensure(!worker->runs);
    kafka_restore_free(worker->restore);
    kafka_transaction_free(worker->transaction);
    kafka_worker_drop_metadata(worker);
    if (worker->queue)
        rd_kafka_queue_destroy(worker->queue);
    if (worker->consumer)
        rd_kafka_destroy(worker->consumer);
    if (worker->offsets)
        rd_kafka_destroy(worker->offsets);
    kafka_assignment_release(&worker->assignment);
    chain_free(worker->chain);
    arena_release(&worker->arena);
    free(worker->deferred);
    free(worker->positions);
    pthread_mutex_destroy(&worker->positions_lock);
    free(worker);
}

const struct kafka_worker_stats *kafka_worker_stats(const struct kafka_worker *worker)
{
    return &worker->stats;
}

const struct chain *kafka_worker_chain(const struct kafka_worker *worker)
{
    return worker->chain;
}

const char *kafka_worker_name(const struct kafka_worker *worker)
{
    return worker->name;
}

const char *kafka_worker_topic(const struct kafka_worker *worker)
{
    return config_topic(worker->config, worker->input, 0).data;
}

const struct stage *kafka_worker_side_stage(const struct kafka_worker *worker)
{
    return worker->side_stage;
}

double kafka_worker_restore_ratio(const struct kafka_worker *worker)
{
    return worker->restore ? kafka_restore_ratio(worker->restore) : 1;
}

unsigned kafka_worker_positions(struct kafka_worker *worker, struct kafka_worker_position *out_positions,
                                unsigned positions_max)
{
    pthread_mutex_lock(&worker->positions_lock);
    unsigned count = worker->position_count;
    unsigned copied = count < positions_max ? count : positions_max;
    if (copied)
        memcpy(out_positions, worker->positions, copied * sizeof *out_positions);
    pthread_mutex_unlock(&worker->positions_lock);
    return count;
}
