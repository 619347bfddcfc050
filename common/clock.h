/*
 * The clock, for the parts that run stages; stages themselves are handed the time (common/stage.h).
 * Any thread.
 */
#ifndef CLICKVEIL_COMMON_CLOCK_H
#define CLICKVEIL_COMMON_CLOCK_H

#include <stdint.h>

int64_t clock_unix_ms(void);      /* milliseconds since the Unix epoch, UTC */
int64_t clock_monotonic_ms(void); /* milliseconds that never jump; only differences mean something */
void clock_sleep_ms(int64_t duration_ms);

#endif
