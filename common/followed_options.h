/*
 * Options of a stage that follows a topic. A stage with `followed` embeds this as the FIRST member of its options
 * struct, so that the runtime, which knows no stage, can read it.
 */
#ifndef CLICKVEIL_COMMON_FOLLOWED_OPTIONS_H
#define CLICKVEIL_COMMON_FOLLOWED_OPTIONS_H

#include "common/view.h"

#include <stdint.h>

struct followed_options {
    int64_t lease_ms;         /* how old the last barrier may be before events pause; 60 s */
    int64_t barrier_every_ms; /* how often the topic is read to its end when nobody asks; a few seconds */
    struct view
        snapshot; /* path of the file that keeps what was read over a restart; absent or empty: none */
    int64_t snapshot_every_ms;
    bool ignores_source; /* don't ask whether its records are complete (common/kafka_source.h) */
};

#endif
