/*
 * The chain: the stages of one worker in order, and the books.
 *
 * A worker feeds it records; the chain lets each stage judge, counts every verdict by stage and reason, turns rejects
 * into dead letters, encodes what leaves the last stage for the topic between stages, and hands outputs to the sink.
 * Counters of an open transaction are kept apart until it commits, so that in = kept + dropped + dead letters holds
 * exactly over every abort and replay.
 *
 * Used by file mode, the Kafka runtime, tests and the demo alike. One thread per chain.
 */
#ifndef CLICKVEIL_COMMON_CHAIN_H
#define CLICKVEIL_COMMON_CHAIN_H

#include "common/arena.h"
#include "common/config.h"
#include "common/output.h"
#include "common/stage.h"

struct chain;

/* State that all workers of a process share: one shared block per stage. */
struct chain_shared;

/* What the input pseudo-stage answers for one raw input record. */
struct chain_input {
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms;
    struct view key;         /* absent: null */
    struct view value;       /* absent: tombstone */
    struct view origin;      /* header of records between stages, or absent */
    struct view author;      /* side inputs: header of records that clickveil wrote, or absent */
    int32_t partition_count; /* of the input topic; 0: unknown (file mode: no partition check) */
    unsigned attempts;       /* events that were replayed: how often they failed before; 0: never */
    bool late;               /* events that were replayed: input.late_max does not go for it */
};

/* Fate of one input record. Zero is stop. */
enum chain_fate {
    CHAIN_STOP = 0,
    CHAIN_KEPT, /* passed the last stage of this process */
    CHAIN_DROPPED,
    CHAIN_DEAD_LETTER,
};

/* Read access to counters, for metrics, summaries and tests. Names are static. Stage "input" is the decoder. */
typedef void chain_counter_visitor(void *context, const char *stage, enum verdict_kind verdict,
                                   const char *reason, uint64_t count);

/* Make the shared state of the configured stages, and load the key of pseudonyms, as far as they need one (a random
 * one where consent runs without pseudonymize: it only compares). The registry of stages stands in config->stages.
 * files: file mode. NULL: error says why. */
struct chain_shared *chain_shared_new(const struct config *config, bool files, struct error *error);
void chain_shared_free(struct chain_shared *shared);

/* The followed topics of the stages in this process: calls visit(context, followed, stage's shared state, stage's
 * options). */
void chain_shared_followed(struct chain_shared *shared,
                           void (*visit)(void *context, const struct followed *followed, void *stage_shared,
                                         const void *options),
                           void *context);

/* Look at every key file as the start did, and ask every stage to reload its rule files. False: a key file is wrong or holds
 * another key, and nothing was reloaded; or at least one stage kept its old files (error says why). */
CLICKVEIL_MUST_CHECK bool chain_shared_reload(struct chain_shared *shared, struct error *error);

/* Has a file that a reload would read changed since the last one, or the start, and come to rest? Never in file mode. */
bool chain_shared_outdated(struct chain_shared *shared, int64_t monotonic_ms);

/* Let every stage look after what is no worker's work; by one thread. False: the process must stop (error says why). */
CLICKVEIL_MUST_CHECK bool chain_shared_tend(struct chain_shared *shared, int64_t now_ms, struct error *error);

/* When the oldest choice was made that a stage of this process has not done everything about, Unix epoch ms;
 * INT64_MAX: none. Any thread. */
int64_t chain_shared_oldest_choice_ms(const struct chain_shared *shared);

/* Gauges of all stages; any thread. */
void chain_shared_gauges(const struct chain_shared *shared,
                         void (*add)(void *context, const char *stage, const char *name, double value),
                         void *context);

/* What was decided for each programme (by its index), and why; reason NULL: kept. Any thread. */
void chain_shared_programmes(const struct chain_shared *shared,
                             void (*visit)(void *context, unsigned programme, const char *reason,
                                           uint64_t count),
                             void *context);

/* Delays that stages measure; any thread. */
void chain_shared_delays(const struct chain_shared *shared,
                         void (*add)(void *context, const char *stage, const char *name,
                                     const struct metrics_histogram *histogram),
                         void *context);

/* A worker's chain. The arena is the worker's (record memory, reset by the worker after commit or abort). */
struct chain *chain_new(struct chain_shared *shared, unsigned worker, struct arena *arena, struct sink sink,
                        struct error *error);
void chain_free(struct chain *chain);

/* The side inputs of the stages in this process, numbered along the chain. */
unsigned chain_side_count(const struct config *config);
const struct stage *chain_side_stage(const struct config *config, unsigned side);

/* The chain of a side input's worker: one stage's side hooks instead of stages. chain_process gives CHAIN_KEPT or
 * CHAIN_STOP; nothing is counted, nothing becomes a dead letter, and no state belongs to partitions. */
struct chain *chain_side_new(struct chain_shared *shared, unsigned side, struct arena *arena,
                             struct sink sink, struct error *error);

/* See every verdict as it is given, before it is counted or acted on: for `explain`, not for the hot path. Stage
 * "input" is the decoder. reason: NULL for PASS and STOP. record: as the stage left it; NULL when the input could not
 * be read. observe NULL: nobody looks. */
typedef void chain_observer(void *context, const char *stage, enum verdict_kind verdict,
                            const struct reason *reason, const struct record *record);
void chain_observe(struct chain *chain, chain_observer *observe, void *context);

/* Set the clock of what follows, Unix epoch ms. */
void chain_clock(struct chain *chain, int64_t now_ms);

/* Run one input record through all stages. CHAIN_STOP: error says why; nothing of the open transaction may commit. */
enum chain_fate chain_process(struct chain *chain, const struct chain_input *input, struct error *error);

/* End of a transaction, in this order: chain_flush, (barrier), chain_stands, chain_commit; or chain_abort at any
 * point. draining, holding: as in struct emitter. *out_more: more is due, open another transaction at once. */
CLICKVEIL_MUST_CHECK bool chain_flush(struct chain *chain, bool draining, bool holding, bool *out_more,
                                      struct error *error);
bool chain_stands(struct chain *chain);
void chain_commit(struct chain *chain);
void chain_abort(struct chain *chain);

/* Earliest due work of any stage, Unix epoch ms; INT64_MAX: none. */
int64_t chain_next_due_ms(const struct chain *chain);

/* Has a stage work that only a drain is the time for? */
bool chain_waits_for_drain(const struct chain *chain);

/* Does a stage of this chain keep state by input partition? Then the changelog is restored before work. */
bool chain_is_partitioned(const struct chain *chain);
CLICKVEIL_MUST_CHECK bool chain_assign(struct chain *chain, int32_t partition, int32_t partitions,
                                       struct error *error);
CLICKVEIL_MUST_CHECK bool chain_restore(struct chain *chain, int32_t partition, struct view key,
                                        struct view value, struct error *error);
CLICKVEIL_MUST_CHECK bool chain_restored(struct chain *chain, int32_t partition, struct error *error);
void chain_revoke(struct chain *chain, int32_t partition);

/* Committed counters of this chain; safe from any thread (relaxed atomics). */
void chain_counters(const struct chain *chain, chain_counter_visitor *visit, void *context);

#endif
