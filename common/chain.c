/*
 * Design: one flat array of links, one per stage of this process, each with its state and its books. Books are two
 * sets of counters: `pending` belongs to the open transaction and is plain memory of the worker's thread;
 * `committed` is added to at commit with relaxed atomics, so that metrics may read it at any time. An abort forgets
 * the pending set, and so whatever is counted is exactly what was committed.
 *
 * The input pseudo-stage ("input") is the decoder of events or of the format between stages; its rejects become dead
 * letters like those of any stage.
 */
#include "common/chain_internal.h"

#include "common/codec.h"
#include "common/dead_letter.h"
#include "common/event.h"
#include "common/reject_log.h"

#include <stdatomic.h>
#include <stdlib.h>

struct counter {
    uint64_t pending;
    _Atomic uint64_t committed;
};

/* Counters of one stage: PASS has one, DROP and REJECT one per reason; STOP ends the batch and has none. */
struct books {
    struct counter pass;
    struct counter *drop;
    struct counter *reject;
};

struct link {
    const struct stage *stage;
    void *state;
    struct books books;
};

struct chain {
    struct chain_shared *shared;
    struct arena startup;
    struct arena *arena;
    struct sink sink;
    struct event_reader *reader; /* when the input is topics.events */
    struct codec *codec;
    struct dead_letter_writer *dead_letters;
    const struct chain_input *input; /* of the record in process; for dead letters */
    const char *input_topic;
    enum hop input_hop, output_hop;
    int64_t now_ms;
    chain_observer *observe; /* NULL: nobody looks */
    void *observer;
    bool latched; /* a STOP happened: nothing more until abort */
    unsigned count;
    struct link links[CHAIN_LINKS_MAX];
    struct books input_books;
    struct reject_log rejects;
    const struct side_input *side; /* the chain of a side input: no links, no reader, no codec */
    void *side_state;
};

/* ---- books ---- */

static bool books_init(struct books *books, unsigned reasons, struct arena *arena)
{
    books->drop = arena_take_zeroed(arena, sizeof *books->drop * (reasons ? reasons : 1));
    books->reject = arena_take_zeroed(arena, sizeof *books->reject * (reasons ? reasons : 1));
    return books->drop && books->reject;
}

static void counter_close(struct counter *counter, bool commit)
{
    if (counter->pending == 0)
        return;
    if (commit)
        atomic_fetch_add_explicit(&counter->committed, counter->pending, memory_order_relaxed);
    counter->pending = 0;
}

static void books_close(struct books *books, unsigned reasons, bool commit)
{
    counter_close(&books->pass, commit);
    for (unsigned i = 0; i < reasons; i++) {
        counter_close(&books->drop[i], commit);
        counter_close(&books->reject[i], commit);
    }
}

static void books_visit(const struct books *books, const char *stage, const struct reason *reasons,
                        unsigned reason_count, chain_counter_visitor *visit, void *context)
{
    visit(context, stage, VERDICT_PASS, "",
          atomic_load_explicit(&books->pass.committed, memory_order_relaxed));
    for (unsigned i = 0; i < reason_count; i++) {
        uint64_t dropped = atomic_load_explicit(&books->drop[i].committed, memory_order_relaxed);
        uint64_t rejected = atomic_load_explicit(&books->reject[i].committed, memory_order_relaxed);
        if (dropped)
            visit(context, stage, VERDICT_DROP, reasons[i].name, dropped);
        if (rejected)
            visit(context, stage, VERDICT_REJECT, reasons[i].name, rejected);
    }
}

static void close_all(struct chain *chain, bool commit)
{
    if (chain->side) /* counts nothing */
        return;
    books_close(&chain->input_books, event_reason_count, commit);
    for (unsigned i = 0; i < chain->count; i++)
        books_close(&chain->links[i].books, chain->links[i].stage->reason_count, commit);
}

/* ---- a worker's chain ---- */

static bool init_link(struct chain *chain, unsigned index, unsigned worker, struct error *error)
{
    struct link *link = &chain->links[index];
    link->stage = chain_stage_at(chain->shared->config, index);
    struct stage_context context = chain_context(chain->shared, index);
    context.arena = &chain->startup;
    context.worker = worker;
    link->state = arena_take_zeroed(&chain->startup, link->stage->state_size);
    if (!link->state || !books_init(&link->books, link->stage->reason_count, &chain->startup))
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for stage %s",
                          link->stage->name);
    chain->count = index + 1; /* from here on release() is owed */
    return !link->stage->init || link->stage->init(link->state, &context, error);
}

static bool init_chain(struct chain *chain, unsigned worker, struct error *error)
{
    const struct config *config = chain->shared->config;
    if (!arena_init(&chain->startup, CHAIN_STARTUP_BLOCK_BYTES, CHAIN_STARTUP_BYTES_MAX, error))
        return false;
    if (!books_init(&chain->input_books, event_reason_count, &chain->startup))
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for counters");
    enum topic_role input = config_input_topic(config);
    chain->input_topic = config_topic(config, input, 0).data;
    chain->input_hop = hop_of_topic(input);
    chain->output_hop = hop_of_topic(config_output_topic(config));
    if (input == TOPIC_EVENTS && !event_reader_new(config, &chain->startup, &chain->reader, error))
        return false;
    if (!codec_new(config, &chain->startup, &chain->codec, error) ||
        !dead_letter_writer_new(config, &chain->startup, &chain->dead_letters, error))
        return false;
    for (unsigned i = 0; i < chain->shared->count; i++) {
        if (!init_link(chain, i, worker, error))
            return false;
    }
    return true;
}

struct chain *chain_new(struct chain_shared *shared, unsigned worker, struct arena *arena, struct sink sink,
                        struct error *error)
{
    struct chain *chain = calloc(1, sizeof *chain);
    if (!chain) {
        (void)error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory",
                         "no memory for a worker's chain");
        return NULL;
    }
    chain->shared = shared;
    chain->arena = arena;
    chain->sink = sink;
    if (!init_chain(chain, worker, error)) {
        chain_free(chain);
        return NULL;
    }
    return chain;
}

/* ---- the chain of a side input ---- */

/* Number of the link whose stage has it; CHAIN_LINKS_MAX: there is no such side input. */
static unsigned side_link(const struct config *config, unsigned side)
{
    for (unsigned i = config->first_stage; i <= config->last_stage; i++) {
        if (config->stages[i]->side && side-- == 0)
            return i - config->first_stage;
    }
    return CHAIN_LINKS_MAX;
}

unsigned chain_side_count(const struct config *config)
{
    unsigned count = 0;
    while (side_link(config, count) != CHAIN_LINKS_MAX)
        count++;
    return count;
}

const struct stage *chain_side_stage(const struct config *config, unsigned side)
{
    unsigned link = side_link(config, side);
    ensure(link != CHAIN_LINKS_MAX);
    return chain_stage_at(config, link);
}

static bool init_side(struct chain *chain, unsigned link, struct error *error)
{
    struct stage_context context = chain_context(chain->shared, link);
    const struct stage *stage = chain_stage_at(chain->shared->config, link);
    if (!arena_init(&chain->startup, CHAIN_STARTUP_BLOCK_BYTES, CHAIN_STARTUP_BYTES_MAX, error))
        return false;
    context.arena = &chain->startup;
    void *state = arena_take_zeroed(&chain->startup, stage->side->state_size ? stage->side->state_size : 1);
    if (!state)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory",
                          "no memory for the side input of stage %s", stage->name);
    chain->side = stage->side;
    chain->side_state = state; /* from here on release() is owed */
    return !chain->side->init || chain->side->init(state, &context, error);
}

struct chain *chain_side_new(struct chain_shared *shared, unsigned side, struct arena *arena,
                             struct sink sink, struct error *error)
{
    struct chain *chain = calloc(1, sizeof *chain);
    unsigned link = side_link(shared->config, side);
    ensure(link != CHAIN_LINKS_MAX);
    if (!chain) {
        (void)error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory",
                         "no memory for a worker's chain");
        return NULL;
    }
    chain->shared = shared;
    chain->arena = arena;
    chain->sink = sink;
    if (!init_side(chain, link, error)) {
        chain_free(chain);
        return NULL;
    }
    return chain;
}

void chain_free(struct chain *chain)
{
    if (!chain)
        return;
    if (chain->side && chain->side->release)
        chain->side->release(chain->side_state);
    for (unsigned i = chain->count; i-- > 0;) {
        if (chain->links[i].stage->release)
            chain->links[i].stage->release(chain->links[i].state);
    }
    dead_letter_writer_free(chain->dead_letters);
    codec_free(chain->codec);
    event_reader_free(chain->reader);
    arena_release(&chain->startup);
    free(chain);
}

void chain_observe(struct chain *chain, chain_observer *observe, void *context)
{
    chain->observe = observe;
    chain->observer = context;
}

static void show(struct chain *chain, const char *stage, const struct reason *reasons, unsigned reason_count,
                 struct verdict verdict, const struct record *record)
{
    bool has_reason = verdict.kind == VERDICT_DROP || verdict.kind == VERDICT_REJECT;
    ensure(!has_reason || verdict.reason < reason_count);
    chain->observe(chain->observer, stage, verdict.kind, has_reason ? &reasons[verdict.reason] : NULL,
                   record);
}

void chain_clock(struct chain *chain, int64_t now_ms)
{
    chain->now_ms = now_ms;
}

static struct emitter emitter_at(struct chain *chain, struct error *error)
{
    return (struct emitter){.arena = chain->arena,
                            .now_ms = chain->now_ms,
                            .partition = chain->input ? chain->input->partition : -1,
                            .error = error,
                            .chain = chain};
}

bool emitter_output(struct emitter *emitter, const struct output *output)
{
    struct chain *chain = emitter->chain;
    return chain->sink.send(chain->sink.context, output, emitter->error);
}

static bool arena_is_full(struct error *error)
{
    error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "raise runtime.memory_max",
               "the memory of one transaction is used up");
    if (error)
        error->abort_transaction = true; /* a smaller batch may fit */
    return false;
}

static enum chain_fate stop(struct chain *chain)
{
    chain->latched = true;
    return CHAIN_STOP;
}

static enum chain_fate send_dead_letter(struct chain *chain, const char *reason, struct error *error)
{
    struct output output;
    if (!dead_letter_write(chain->dead_letters, chain->input, chain->input_topic, reason,
                           chain->input->attempts + 1, chain->now_ms, chain->arena, &output)) {
        (void)arena_is_full(error);
        return stop(chain);
    }
    return chain->sink.send(chain->sink.context, &output, error) ? CHAIN_DEAD_LETTER : stop(chain);
}

/* Whoever explains one event wants no log. */
static enum chain_fate reject(struct chain *chain, struct books *books, const char *stage,
                              const struct reason *reason, unsigned index, struct view field,
                              struct error *error)
{
    books->reject[index].pending++;
    struct reject reject = {
        .topic = chain->input_topic,
        .partition = chain->input->partition,
        .offset = chain->input->offset,
        .is_line = chain->shared->files && chain->reader,
        .stage = stage,
        .reason = reason,
        .field = field,
    };
    if (!chain->observe)
        reject_log_note(&chain->rejects, chain->now_ms, &reject);
    return send_dead_letter(chain, reason->name, error);
}

static enum chain_fate send_onwards(struct chain *chain, const struct record *record, struct error *error)
{
    if (chain->output_hop == HOP_UNKNOWN)
        return CHAIN_KEPT;
    struct output output;
    if (!codec_write(chain->codec, chain->output_hop, record, chain->arena, &output)) {
        (void)arena_is_full(error);
        return stop(chain);
    }
    return chain->sink.send(chain->sink.context, &output, error) ? CHAIN_KEPT : stop(chain);
}

/* Who stops must have said why; when it did not, say at least who it was. */
static enum chain_fate stop_unsaid(struct chain *chain, const char *who, struct error *error)
{
    if (error && !error->what[0])
        error_fail(error, EXIT_STATUS_BUG, NULL, "nothing was committed; report this", "%s could not decide",
                   who);
    return stop(chain);
}

static enum chain_fate stopped_by(struct chain *chain, const struct stage *stage, struct error *error)
{
    char who[64];
    snprintf(who, sizeof who, "stage %s", stage->name);
    return stop_unsaid(chain, who, error);
}

static enum chain_fate run_stages(struct chain *chain, struct record *record, struct error *error)
{
    for (unsigned i = 0; i < chain->count; i++) {
        struct link *link = &chain->links[i];
        struct emitter emitter = emitter_at(chain, error);
        struct verdict verdict = link->stage->process(link->state, record, &emitter);
        if (chain->observe)
            show(chain, link->stage->name, link->stage->reasons, link->stage->reason_count, verdict, record);
        if (verdict.kind == VERDICT_PASS) {
            link->books.pass.pending++;
            continue;
        }
        if (verdict.kind == VERDICT_STOP || verdict.kind >= VERDICT_KINDS)
            return stopped_by(chain, link->stage, error);
        ensure(verdict.reason < link->stage->reason_count);
        if (verdict.kind == VERDICT_DROP) {
            link->books.drop[verdict.reason].pending++;
            return CHAIN_DROPPED;
        }
        return reject(chain, &link->books, link->stage->name, &link->stage->reasons[verdict.reason],
                      verdict.reason, VIEW_ABSENT, error);
    }
    return send_onwards(chain, record, error);
}

static struct verdict read_input(struct chain *chain, const struct chain_input *input, struct record *record)
{
    if (chain->reader)
        return event_read(chain->reader, input, chain->arena, record);
    return codec_read(chain->codec, chain->input_hop, input, chain->arena, record);
}

static enum chain_fate process_input(struct chain *chain, const struct chain_input *input,
                                     struct error *error)
{
    struct record record = {0};
    struct verdict verdict = read_input(chain, input, &record);
    if (chain->observe)
        show(chain, "input", event_reasons, event_reason_count, verdict,
             verdict.kind == VERDICT_PASS ? &record : NULL);
    switch (verdict.kind) {
    case VERDICT_PASS:
        chain->input_books.pass.pending++;
        return run_stages(chain, &record, error);
    case VERDICT_DROP:
        ensure(verdict.reason < event_reason_count);
        chain->input_books.drop[verdict.reason].pending++;
        return CHAIN_DROPPED;
    case VERDICT_REJECT:
        ensure(verdict.reason < event_reason_count);
        return reject(chain, &chain->input_books, "input", &event_reasons[verdict.reason], verdict.reason,
                      chain->reader ? event_rejected_field(chain->reader) : VIEW_ABSENT, error);
    case VERDICT_STOP:
    case VERDICT_KINDS:
        break;
    }
    (void)arena_is_full(error);
    return stop(chain);
}

static enum chain_fate process_side(struct chain *chain, const struct chain_input *input, struct error *error)
{
    struct followed_record record = {
        .partition = input->partition,
        .offset = input->offset,
        .timestamp_ms = input->timestamp_ms,
        .key = input->key,
        .value = input->value,
        .author = input->author,
        .committed = true,
    };
    struct emitter emitter = emitter_at(chain, error);
    if (chain->side->process(chain->side_state, &record, &emitter))
        return CHAIN_KEPT;
    return stop_unsaid(chain, "a side input", error);
}

enum chain_fate chain_process(struct chain *chain, const struct chain_input *input, struct error *error)
{
    if (chain->latched) {
        error_fail(error, EXIT_STATUS_BUG, NULL, "abort first", "the chain stopped and was asked to go on");
        return CHAIN_STOP;
    }
    chain->input = input; /* the caller's, who may forget it when we return: a flush has no input */
    enum chain_fate fate =
        chain->side ? process_side(chain, input, error) : process_input(chain, input, error);
    chain->input = NULL;
    return fate;
}

bool chain_flush(struct chain *chain, bool draining, bool holding, bool *out_more, struct error *error)
{
    if (chain->latched)
        return error_fail(error, EXIT_STATUS_BUG, NULL, "abort first",
                          "the chain stopped and was asked to go on");
    bool any_more = false;
    if (chain->side && chain->side->flush) {
        struct emitter emitter = emitter_at(chain, error);
        emitter.draining = draining;
        if (!chain->side->flush(chain->side_state, &emitter, &any_more)) {
            (void)stop_unsaid(chain, "a side input", error);
            return false;
        }
    }
    for (unsigned i = 0; i < chain->count; i++) {
        struct link *link = &chain->links[i];
        if (!link->stage->flush)
            continue;
        struct emitter emitter = emitter_at(chain, error);
        emitter.draining = draining;
        emitter.holding = holding;
        bool more = false;
        if (!link->stage->flush(link->state, &emitter, &more)) {
            (void)stopped_by(chain, link->stage, error);
            return false;
        }
        any_more = any_more || more;
    }
    *out_more = any_more;
    return true;
}

bool chain_stands(struct chain *chain)
{
    for (unsigned i = 0; i < chain->count; i++) {
        const struct stage *stage = chain->links[i].stage;
        if (stage->stands && !stage->stands(chain->links[i].state))
            return false;
    }
    return true;
}

void chain_commit(struct chain *chain)
{
    ensure(!chain->latched);
    for (unsigned i = 0; i < chain->count; i++) {
        if (chain->links[i].stage->commit)
            chain->links[i].stage->commit(chain->links[i].state);
    }
    if (chain->side && chain->side->commit)
        chain->side->commit(chain->side_state);
    close_all(chain, true);
    if (chain->dead_letters)
        dead_letter_transaction_ended(chain->dead_letters);
}

void chain_abort(struct chain *chain)
{
    for (unsigned i = chain->count; i-- > 0;) {
        if (chain->links[i].stage->abort)
            chain->links[i].stage->abort(chain->links[i].state);
    }
    if (chain->side && chain->side->abort)
        chain->side->abort(chain->side_state);
    close_all(chain, false);
    if (chain->dead_letters)
        dead_letter_transaction_ended(chain->dead_letters);
    chain->latched = false;
}

int64_t chain_next_due_ms(const struct chain *chain)
{
    int64_t due_ms = INT64_MAX;
    if (chain->side && chain->side->next_due_ms)
        due_ms = chain->side->next_due_ms(chain->side_state);
    for (unsigned i = 0; i < chain->count; i++) {
        const struct stage *stage = chain->links[i].stage;
        int64_t stage_due_ms = stage->next_due_ms ? stage->next_due_ms(chain->links[i].state) : INT64_MAX;
        due_ms = stage_due_ms < due_ms ? stage_due_ms : due_ms;
    }
    return due_ms;
}

bool chain_waits_for_drain(const struct chain *chain)
{
    for (unsigned i = 0; i < chain->count; i++) {
        const struct stage *stage = chain->links[i].stage;
        if (stage->waits_for_drain && stage->waits_for_drain(chain->links[i].state))
            return true;
    }
    return false;
}

/* ---- state by input partition ---- */

bool chain_is_partitioned(const struct chain *chain)
{
    for (unsigned i = 0; i < chain->count; i++) {
        if (chain->links[i].stage->partitioned)
            return true;
    }
    return false;
}

bool chain_assign(struct chain *chain, int32_t partition, int32_t partitions, struct error *error)
{
    for (unsigned i = 0; i < chain->count; i++) {
        const struct partitioned *hooks = chain->links[i].stage->partitioned;
        if (hooks && !hooks->assign(chain->links[i].state, partition, partitions, error))
            return false;
    }
    return true;
}

bool chain_restore(struct chain *chain, int32_t partition, struct view key, struct view value,
                   struct error *error)
{
    for (unsigned i = 0; i < chain->count; i++) {
        const struct partitioned *hooks = chain->links[i].stage->partitioned;
        if (hooks && !hooks->restore(chain->links[i].state, partition, key, value, error))
            return false;
    }
    return true;
}

bool chain_restored(struct chain *chain, int32_t partition, struct error *error)
{
    for (unsigned i = 0; i < chain->count; i++) {
        const struct partitioned *hooks = chain->links[i].stage->partitioned;
        if (hooks && !hooks->restored(chain->links[i].state, partition, error))
            return false;
    }
    return true;
}

void chain_revoke(struct chain *chain, int32_t partition)
{
    for (unsigned i = 0; i < chain->count; i++) {
        const struct partitioned *hooks = chain->links[i].stage->partitioned;
        if (hooks)
            hooks->revoke(chain->links[i].state, partition);
    }
}

void chain_counters(const struct chain *chain, chain_counter_visitor *visit, void *context)
{
    if (chain->side)
        return;
    books_visit(&chain->input_books, "input", event_reasons, event_reason_count, visit, context);
    for (unsigned i = 0; i < chain->count; i++) {
        const struct stage *stage = chain->links[i].stage;
        books_visit(&chain->links[i].books, stage->name, stage->reasons, stage->reason_count, visit, context);
    }
}
