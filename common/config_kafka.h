/*
 * Which librdkafka properties an operator may pass through.
 *
 * Any may, except those that would break a promise of spec.md: exactly once, completeness, order, memory bounds. Each of
 * these is refused with its reason, or accepted where it says what clickveil sets anyway. The time-outs of the library
 * must nest. Whether a property exists and takes its value is the library's business (common/kafka_property.h).
 *
 * No value of the `kafka:` section is ever repeated in a message, since it may be a password; numbers of time-outs are.
 */
#ifndef CLICKVEIL_COMMON_CONFIG_KAFKA_H
#define CLICKVEIL_COMMON_CONFIG_KAFKA_H

#include "common/config.h"
#include "common/lint.h"

/* What holds where the operator says nothing; common/kafka_client.c sets them. */
enum {
    CONFIG_SOCKET_TIMEOUT_MS = 8000,
    CONFIG_MAX_POLL_INTERVAL_MS = 300000,
    CONFIG_SESSION_TIMEOUT_MS = 45000,
};

/* Report everything that is wrong in config->kafka. */
void config_kafka_check(const struct config *config, struct lint *lint);

/* Write the table of refused properties as Markdown. */
void config_kafka_reference_write(FILE *out);

/* Is the text a property's name: lower-case letters, digits, dots, `_` and `-`? An option_judge that never repeats it. */
bool config_kafka_judge_name(struct view text, char *why, size_t why_size);

#endif
