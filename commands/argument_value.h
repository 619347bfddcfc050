/*
 * What a command line says, as values: number, share, time, configuration. And how a command ends when something failed.
 * One thread.
 */
#ifndef CLICKVEIL_COMMANDS_ARGUMENT_VALUE_H
#define CLICKVEIL_COMMANDS_ARGUMENT_VALUE_H

#include "commands/argument.h"
#include "common/config.h"
#include "common/error.h"
#include "common/view.h"

#include <stdint.h>

/* A whole number: decimal digits, then perhaps k, M or G for 10^3, 10^6 or 10^9. */
CLICKVEIL_MUST_CHECK bool argument_count(const char *text, uint64_t *out_count);

/* A share: 0 to 1, or a percentage such as 20%. */
CLICKVEIL_MUST_CHECK bool argument_share(const char *text, double *out_share);

/* A moment, Unix epoch ms: RFC 3339 with zone, or epoch milliseconds in digits. */
CLICKVEIL_MUST_CHECK bool argument_time(const char *text, int64_t *out_time_ms);

/* Load the configuration that --config names, under what --set overrides. `own` is overridden behind them; NULL: nothing.
 * Mistakes go to standard error. NULL: it has any, or --set is no PATH=VALUE (EXIT_STATUS_USAGE). config_free gives it back. */
struct config *argument_config(const char *path, const char *own, const struct argument_list *set,
                               struct error *error);

/* The same, but what is no mistake is not said: `clickveil check` says it. */
struct config *argument_config_quiet(const char *path, const struct argument_list *set, struct error *error);

/* Print what failed to standard error, "clickveil COMMAND: ..."; gives its exit status. */
int argument_failure(const char *command, const struct error *error);

/* The end of what a command prints: flushes standard output. EXIT_STATUS_DONE; or EXIT_STATUS_IO, said on standard error,
 * when it could not all be written, or when `printed`, what the caller found so far, is false. */
int argument_printed(const char *command, bool printed);

#endif
