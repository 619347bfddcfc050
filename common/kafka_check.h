/*
 * Ask the broker whether a configuration can run there: `clickveil check --broker`.
 *
 * Every problem in one run, each with what to do. Nothing is changed.
 */
#ifndef CLICKVEIL_COMMON_KAFKA_CHECK_H
#define CLICKVEIL_COMMON_KAFKA_CHECK_H

#include "common/config.h"
#include "common/error.h"

#include <stdio.h>

struct kafka_check_result {
    unsigned errors, warnings;
    unsigned topics; /* that were looked at */
};

/* Check that a broker answers, that the topics which this process reads or writes are there, have their partitions,
 * cleanup and (feeds) retention, and that transactions may last as long as configured. Writes one line per problem,
 * "broker: error|warning: what; what to do", to `report`. False: the broker can't be asked (exit status 69). */
CLICKVEIL_MUST_CHECK bool kafka_check(const struct config *config, int timeout_ms, FILE *report,
                                      struct kafka_check_result *out_result, struct error *error);

/* Before a followed topic is read: refuse settings of it that its plan forbids (exit status 78), since it would forget what
 * is still of use. A broker that doesn't say how it is set is logged, and believed. Blocks for some time-outs at most. */
CLICKVEIL_MUST_CHECK bool kafka_check_followed(const struct config *config, enum topic_role role,
                                               int timeout_ms, struct error *error);

#endif
