#include "common/kafka_ends.h"

#include "common/kafka_client.h"

#include <stdlib.h>

enum { MISSING_MAX = 3 };

void kafka_ends_init(struct kafka_ends *ends, const char *topic)
{
    *ends = (struct kafka_ends){.topic = topic};
}

void kafka_ends_release(struct kafka_ends *ends)
{
    free(ends->seen);
    ends->seen = NULL;
}

static const char remedy[] =
    "what was published can't be taken back with it any more: see what happened to it and put it back, or "
    "begin with fresh state (docs/operations.md, Fresh state)";

static bool take_partitions(struct kafka_ends *ends, int32_t partitions, struct error *error)
{
    if (ends->partitions && partitions != ends->partitions)
        return error_fail(error, EXIT_STATUS_CONFIGURATION, ends->topic, remedy,
                          "the number of partitions changed from %d to %d", (int)ends->partitions,
                          (int)partitions);
    if (ends->partitions)
        return true;
    ends->seen = calloc((size_t)partitions, sizeof *ends->seen);
    if (!ends->seen)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for offsets");
    ends->partitions = partitions;
    return true;
}

static bool take_ends(struct kafka_ends *ends, const int64_t *now, struct error *error)
{
    for (int32_t i = 0; i < ends->partitions; i++) {
        if (now[i] < ends->seen[i])
            return error_fail(
                error, EXIT_STATUS_UNAVAILABLE, ends->topic, remedy,
                "partition %d ends at offset %lld, and ended at %lld before: the topic was made "
                "anew or cut",
                (int)i, (long long)now[i], (long long)ends->seen[i]);
        ends->seen[i] = now[i];
    }
    return true;
}

bool kafka_ends_check(struct kafka_ends *ends, rd_kafka_t *client, int timeout_ms, struct error *error)
{
    struct error why = {0};
    int32_t partitions;
    if (!kafka_topic_partitions(client, ends->topic, timeout_ms, &partitions, &why)) {
        bool is_missing = why.exit_status == EXIT_STATUS_CONFIGURATION;
        ends->missing = is_missing ? ends->missing + 1 : 0;
        if (!ends->partitions || ends->missing < MISSING_MAX)
            return true; /* who needs it says so at the start */
        *error = why;
        error_advise(error, "%s", remedy);
        return false;
    }
    ends->missing = 0;
    if (!take_partitions(ends, partitions, error))
        return false;
    int64_t *now = calloc((size_t)partitions, sizeof *now);
    bool fine = !now || !kafka_end_offsets(client, ends->topic, partitions, timeout_ms, now, &why) ||
                take_ends(ends, now, error);
    free(now);
    return fine;
}
