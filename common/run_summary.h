/*
 * What became of a run's input: the sum in = kept + dropped + dead letters, by stage and reason, for people and as JSON
 * (spec 8). Filled from chains' counters, one or many, of file mode or of workers on Kafka.
 *
 * One thread.
 */
#ifndef CLICKVEIL_COMMON_RUN_SUMMARY_H
#define CLICKVEIL_COMMON_RUN_SUMMARY_H

#include "common/chain.h"
#include "common/config.h"
#include "common/error.h"

#include <stdint.h>
#include <stdio.h>

enum {
    RUN_SUMMARY_STAGES_MAX = 17,   /* the input and the stages of a chain */
    RUN_SUMMARY_REASONS_MAX = 192, /* of one stage */
    RUN_SUMMARY_TOPICS_MAX = 256,  /* more are counted together */
    RUN_SUMMARY_NOTE_SIZE = 512,   /* bytes with NUL; longer is cut */
};

struct yyjson_mut_doc;
struct yyjson_mut_val;

struct run_summary_stage {
    const char *name;
    const struct reason *reasons;
    unsigned reason_count;
    uint64_t passed;
    uint64_t dropped[RUN_SUMMARY_REASONS_MAX];
    uint64_t rejected[RUN_SUMMARY_REASONS_MAX];
};

/* What consent decided for one programme; nothing where it does not run. */
struct run_summary_programme {
    uint64_t kept;
    unsigned reason_count;
    const char *reasons[RUN_SUMMARY_REASONS_MAX]; /* static */
    uint64_t denied[RUN_SUMMARY_REASONS_MAX];
};

struct run_summary_topic {
    struct view name;
    uint64_t records;
    uint64_t tombstones; /* of these */
};

struct run_summary {
    const struct config *config;
    unsigned stage_count;
    struct run_summary_stage stages[RUN_SUMMARY_STAGES_MAX]; /* [0] is the input */
    bool by_programme;
    struct run_summary_programme programmes[RECORD_PROGRAMMES_MAX]; /* as in the configuration */
    unsigned topic_count;
    struct run_summary_topic topics[RUN_SUMMARY_TOPICS_MAX];
    uint64_t in, kept, dropped, dead_letters; /* filled in by run_summary_close */
};

/* Prepare for the stages of a configuration, which outlives the summary. Large: keep it off small stacks. */
void run_summary_init(struct run_summary *summary, const struct config *config);

/* Add a counter; a chain_counter_visitor, so chain_counters can call it (context: the summary). Counters of several
 * chains add up. */
void run_summary_count(void *summary, const char *stage, enum verdict_kind verdict, const char *reason,
                       uint64_t count);

/* Add what was decided for a programme; chain_shared_programmes can call it. reason NULL: kept. */
void run_summary_programme(void *summary, unsigned programme, const char *reason, uint64_t count);

/* Count one record that was written to a topic. */
void run_summary_output(struct run_summary *summary, const struct output *output);

/* All counters are in: make the sums. True: they balance. */
CLICKVEIL_MUST_CHECK bool run_summary_close(struct run_summary *summary);

/* Say in words which reason denies more than 90 % of at least 10 inputs: a mistake in the set-up is likely (spec 7).
 * False: none does. */
bool run_summary_note(const struct run_summary *summary, char out_note[RUN_SUMMARY_NOTE_SIZE]);

/* For people: columns, reasons with their help, the sum. */
void run_summary_write_text(const struct run_summary *summary, FILE *out);

/* The summary as an object of `json`, to which the caller may add (names are an interface, spec 8): in, kept, dropped,
 * dead_letters, out, tombstones (of out), stages, programmes (kept, denied by reason), notes. Borrows the summary.
 * NULL: no memory. */
struct yyjson_mut_val *run_summary_json(const struct run_summary *summary, struct yyjson_mut_doc *json);

#endif
