/*
 * Is the state topic still the one that was written to? The client library has no topic IDs, but an end never goes back,
 * whatever is deleted or compacted: one that does is of a topic that was made anew, or that lost records with its leader. What
 * workers know is then more than whoever takes over could read back.
 *
 * One thread.
 */
#ifndef CLICKVEIL_COMMON_KAFKA_ENDS_H
#define CLICKVEIL_COMMON_KAFKA_ENDS_H

#include "common/error.h"

#include <librdkafka/rdkafka.h>

struct kafka_ends {
    const char *topic;
    int32_t partitions; /* 0: never seen yet */
    int64_t *seen;      /* the highest end of each */
    unsigned missing;   /* how often in a row the broker said that there is no such topic */
};

/* `topic` lives longer. */
void kafka_ends_init(struct kafka_ends *ends, const char *topic);
void kafka_ends_release(struct kafka_ends *ends); /* accepts zeroed memory */

/* Ask for the ends, by a client of KAFKA_ROLE_OFFSETS. False: since it was seen last the topic was deleted (so the broker must
 * say several times in a row), made anew or cut, or has another number of partitions (error says what). Without an answer
 * it is asked another time. Blocks for some time-outs at most. */
CLICKVEIL_MUST_CHECK bool kafka_ends_check(struct kafka_ends *ends, rd_kafka_t *client, int timeout_ms,
                                           struct error *error);

#endif
