/*
 * A process's part of the pipeline on Kafka: followers, workers, and what can be seen of them.
 *
 * No global state: the demo runs four in one process. kafka_pipeline_new starts the threads, kafka_pipeline_stop
 * drains, kafka_pipeline_tick must be called a few times a second by the owner.
 */
#ifndef CLICKVEIL_COMMON_KAFKA_PIPELINE_H
#define CLICKVEIL_COMMON_KAFKA_PIPELINE_H

#include "common/chain.h"
#include "common/config.h"
#include "common/error.h"
#include "common/kafka_follow.h"
#include "common/kafka_worker.h"

#include <stdio.h>

struct kafka_pipeline;

/* Start followers and workers. Broker not there: it waits by itself, not ready. NULL: error says why. */
struct kafka_pipeline *kafka_pipeline_new(const struct config *config, struct error *error);

/* Look after things: failures, lag. False: the pipeline has failed and must be stopped. Owner's thread. */
CLICKVEIL_MUST_CHECK bool kafka_pipeline_tick(struct kafka_pipeline *pipeline);

/* Ask for a drain; returns at once. */
void kafka_pipeline_drain(struct kafka_pipeline *pipeline);

/* Drain and wait. True: everything ended in good order; false: *out_error says what failed first. */
bool kafka_pipeline_stop(struct kafka_pipeline *pipeline, struct error *out_error);
void kafka_pipeline_free(struct kafka_pipeline *pipeline); /* stops when that was not done */

/* How many reloads went well and how many did not, and what was wrong with the last one ("" when it went well). Any
 * thread. */
void kafka_pipeline_reloads(struct kafka_pipeline *pipeline, uint64_t *out_done, uint64_t *out_failed,
                            char *text, size_t text_size);

/* Ready: all followed topics complete and fresh, all workers in their group. When not, *text gets the reasons, one a
 * line. Any thread. */
bool kafka_pipeline_is_ready(struct kafka_pipeline *pipeline, char *text, size_t text_size);

const struct config *kafka_pipeline_config(const struct kafka_pipeline *pipeline);
struct chain_shared *kafka_pipeline_chain_shared(struct kafka_pipeline *pipeline);
unsigned kafka_pipeline_worker_count(const struct kafka_pipeline *pipeline);
struct kafka_worker *kafka_pipeline_worker(struct kafka_pipeline *pipeline, unsigned index);
unsigned kafka_pipeline_follower_count(const struct kafka_pipeline *pipeline);
struct kafka_follower *kafka_pipeline_follower(struct kafka_pipeline *pipeline, unsigned index);

/* Workers of side inputs, one for each stage that has one. */
unsigned kafka_pipeline_side_count(const struct kafka_pipeline *pipeline);
struct kafka_worker *kafka_pipeline_side(struct kafka_pipeline *pipeline, unsigned index);

struct kafka_lag {
    int32_t partition;
    int64_t records; /* end offset minus our committed position (rule 10: not the library's number) */
    double seconds;  /* age of the newest committed record while records > 0, else 0 */
};

/* Lag of the partitions that this process holds, as of the last few seconds: writes at most lags_max (0: none, and the
 * array may be NULL), returns how many there are. Any thread. */
unsigned kafka_pipeline_lag(struct kafka_pipeline *pipeline, struct kafka_lag *out_lags, unsigned lags_max);
unsigned kafka_pipeline_side_lag(struct kafka_pipeline *pipeline, unsigned side, struct kafka_lag *out_lags,
                                 unsigned lags_max);

/* Sum the counters of all workers: calls visit once a counter. Any thread while the pipeline exists. */
void kafka_pipeline_counters(struct kafka_pipeline *pipeline, chain_counter_visitor *visit, void *context);

/* Does one reason deny more than 90 % of the events so far? Then *text says so in words (run_summary_note); else it
 * is "". Any thread while the pipeline exists. */
bool kafka_pipeline_note(struct kafka_pipeline *pipeline, char *text, size_t text_size);

/* Let SIGTERM, SIGINT and SIGHUP mean what they mean to a pipeline, from now on: before the configuration is read, so
 * that none comes too early. Main thread; once a process. */
void kafka_pipeline_catch_signals(void);

/* After kafka_pipeline_catch_signals: run until SIGTERM or SIGINT, with health server and logs; gives the exit status
 * (130 or 143 after a second signal). Main thread; once a process. */
int kafka_pipeline_run(const struct config *config);

#endif
