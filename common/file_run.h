/*
 * The chain over files (spec 7, "Without Kafka too"): for trying a policy, for tests and for backfills.
 *
 * The same stages, verdicts and books as on Kafka: one chain, one input partition, 0 of 1. The consent file is read
 * whole before the first event. Transactions are bounded as on Kafka, and a record stands in the output only when its
 * transaction committed. The end of the input is a slot for everybody. What the lines look like: docs/formats.md.
 *
 * One run at a time in a thread.
 */
#ifndef CLICKVEIL_COMMON_FILE_RUN_H
#define CLICKVEIL_COMMON_FILE_RUN_H

#include "common/config.h"
#include "common/error.h"
#include "common/run_summary.h"

#include <signal.h>
#include <stdint.h>

/* What to run on. Paths may be "-" for the standard streams. */
struct file_run {
    const char *input;    /* events, or records of the topic between stages that the chain begins at */
    const char *consent;  /* NULL: none, an error when a stage follows the consent topic */
    const char *output;   /* feeds and dead letters; overwritten */
    const char *internal; /* all other records; NULL: they are not written */
    int64_t now_ms;       /* Unix epoch: the clock of the whole run */
    bool progress;        /* draw on standard error how far it is */
    int wake_descriptor;  /* readable: stop reading, finish in good order; -1: never */
};

struct file_run_result {
    struct run_summary summary; /* closed, of what was committed */
    uint64_t consent_records;   /* read from the consent file */
    bool interrupted;           /* wake_descriptor ended the input early */
    double seconds;             /* of the events, without start-up and consent */
};

/* Run. False: error says what failed; what was committed before it stands in the output and *out_result is not touched. */
CLICKVEIL_MUST_CHECK bool file_run(const struct config *config, const struct file_run *run,
                                   struct file_run_result *out_result, struct error *error);

#endif
