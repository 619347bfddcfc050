/*
 * A snapshot may be reused when it is of this topic (cluster, name, partitions, birth records), when reading on from its
 * offsets comes to what reading the whole topic would (nothing before them was removed that would have taken away: so it
 * must be younger than delete.retention.ms, and the offsets must exist), and when it was made under the same key and
 * settings. Everything else is a reason to read the topic whole, and is said.
 */
#include "common/kafka_keep.h"

#include "common/clock.h"
#include "common/kafka_client.h"
#include "common/kafka_topics.h"
#include "common/log.h"
#include "common/snapshot_file.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    REQUEST_TIMEOUT_MS = 5000,
    BIRTHS_TIMEOUT_MS = 10000,
};

struct kafka_keep {
    const struct config *config;
    const struct followed *followed;
    void *stage_shared;
    const struct followed_options *options;
    const char *topic;
    char cluster[SNAPSHOT_CLUSTER_SIZE];
    struct snapshot_writer *writer; /* NULL: none is being written */
    bool ended;                     /* all is put */
    int64_t next_ms, began_ms;      /* monotonic */
    bool said_no_births;
};

bool kafka_keep_new(const struct config *config, const struct followed *followed, void *stage_shared,
                    const struct followed_options *options, const char *topic, struct kafka_keep **out_keep,
                    struct error *error)
{
    *out_keep = NULL;
    if (!followed->snapshot || options->snapshot.size == 0)
        return true;
    struct kafka_keep *keep = calloc(1, sizeof *keep);
    if (!keep)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for a snapshot");
    *keep = (struct kafka_keep){.config = config,
                                .followed = followed,
                                .stage_shared = stage_shared,
                                .options = options,
                                .topic = topic};
    *out_keep = keep;
    return true;
}

void kafka_keep_free(struct kafka_keep *keep)
{
    if (!keep)
        return;
    snapshot_writer_free(keep->writer);
    free(keep);
}

bool kafka_keep_is_writing(const struct kafka_keep *keep)
{
    return keep && keep->writer;
}

static void fill_head(const struct kafka_keep *keep, int32_t partitions, struct snapshot_head *head)
{
    memset(head, 0, sizeof *head);
    snprintf(head->cluster, sizeof head->cluster, "%s", keep->cluster);
    snprintf(head->topic, sizeof head->topic, "%s", keep->topic);
    head->partitions = partitions;
    keep->followed->snapshot->identify(keep->stage_shared, head);
}

/* ---- reusing ---- */

static bool no(struct error *error, const char *why)
{
    return error_fail(error, EXIT_STATUS_DATA, NULL, NULL, "%s", why);
}

/* Of what it is a snapshot. */
static bool is_of_this(const struct kafka_keep *keep, const struct snapshot_head *found, int32_t partitions,
                       struct error *error)
{
    struct snapshot_head wanted;
    fill_head(keep, partitions, &wanted);
    if (!keep->cluster[0])
        return no(error, "the cluster does not say its ID");
    if (memcmp(found->cluster, wanted.cluster, sizeof wanted.cluster) != 0)
        return no(error, "it is of another cluster");
    if (memcmp(found->topic, wanted.topic, sizeof wanted.topic) != 0)
        return no(error, "it is of another topic");
    if (found->partitions != partitions)
        return no(error, "the topic had another number of partitions");
    if (memcmp(found->key_check, wanted.key_check, sizeof wanted.key_check) != 0)
        return no(error, "it was made with another key of pseudonyms");
    if (memcmp(found->settings_check, wanted.settings_check, sizeof wanted.settings_check) != 0)
        return no(error, "programmes, subjects or acknowledged records were others");
    return true;
}

static bool is_young(const struct kafka_keep *keep, const struct snapshot_head *found, struct error *error)
{
    char value[32] = "";
    struct error ignored = {0};
    struct kafka_topics *topics = kafka_topics_new(keep->config, REQUEST_TIMEOUT_MS, &ignored);
    bool known = topics && kafka_topics_setting(topics, keep->topic, "delete.retention.ms", value,
                                                sizeof value, &ignored);
    kafka_topics_free(topics);
    if (!known)
        return no(error, "the broker does not say the topic's delete.retention.ms");
    int64_t age_ms = clock_unix_ms() - found->made_ms, retention_ms = strtoll(value, NULL, 10);
    if (age_ms < 0)
        return no(error, "it is from the future");
    if (age_ms >= retention_ms)
        return error_fail(error, EXIT_STATUS_DATA, NULL, NULL,
                          "it is too old: %lld s, and tombstones are kept for %lld s",
                          (long long)age_ms / 1000, (long long)retention_ms / 1000);
    return true;
}

static bool has_its_offsets(const struct snapshot_partition *found, int32_t partitions, const int64_t *first,
                            const int64_t *ends, struct error *error)
{
    for (int32_t i = 0; i < partitions; i++) {
        if (found[i].offset < first[i])
            return no(error, "records behind its offsets were deleted");
        if (found[i].offset > ends[i])
            return no(error, "the topic ends before its offsets: it was made anew or cut");
    }
    return true;
}

/* Whether it is used or not: so many choices the topic had when it was made (spec 3, rule 8). What stands against its use may
 * be just what makes the topic smaller. */
static void expect(struct kafka_keep *keep, const struct snapshot_head *found)
{
    struct snapshot_head wanted;
    int64_t now_ms = clock_unix_ms();
    fill_head(keep, found->partitions, &wanted);
    if (keep->cluster[0] && memcmp(found->cluster, wanted.cluster, sizeof wanted.cluster) == 0 &&
        memcmp(found->topic, wanted.topic, sizeof wanted.topic) == 0)
        keep->followed->snapshot->expect(keep->stage_shared, found->entries,
                                         found->made_ms < now_ms ? found->made_ms : now_ms);
}

static bool may_reuse(struct kafka_keep *keep, const struct snapshot_reader *reader,
                      struct kafka_births *births, int32_t partitions, const int64_t *first,
                      const int64_t *ends, struct error *error)
{
    const struct snapshot_head *head = snapshot_reader_head(reader);
    const struct snapshot_partition *found = snapshot_reader_partitions(reader);
    expect(keep, head);
    if (!is_of_this(keep, head, partitions, error) ||
        !has_its_offsets(found, partitions, first, ends, error) || !is_young(keep, head, error))
        return false;
    if (!kafka_births_set(births, found))
        return no(error, "a partition has no birth record");
    return kafka_births_check(births, BIRTHS_TIMEOUT_MS, error);
}

bool kafka_keep_restore(struct kafka_keep *keep, rd_kafka_t *client, struct kafka_births *births,
                        int32_t partitions, const int64_t *first, const int64_t *ends,
                        _Atomic int64_t *positions, struct error *error)
{
    const struct followed_snapshot *snapshot = keep->followed->snapshot;
    struct error why = {0};
    bool missing, touched = false;
    int64_t began_ms = clock_monotonic_ms();
    char *cluster = rd_kafka_clusterid(client, REQUEST_TIMEOUT_MS);
    snprintf(keep->cluster, sizeof keep->cluster, "%s", cluster ? cluster : "");
    if (cluster)
        rd_kafka_mem_free(client, cluster);
    struct snapshot_reader *reader = snapshot_reader_new(keep->options->snapshot.data, &missing, &why);
    bool fine = reader && may_reuse(keep, reader, births, partitions, first, ends, &why);
    if (fine) {
        touched = true;
        fine = snapshot->restore(keep->stage_shared, reader);
        fine = snapshot_reader_end(reader, &why) && (fine || no(&why, "its content can't be used"));
    }
    if (fine) {
        const struct snapshot_head *head = snapshot_reader_head(reader);
        for (int32_t i = 0; i < partitions; i++)
            positions[i] = snapshot_reader_partitions(reader)[i].offset;
        log_line(LOG_LEVEL_INFO, "snapshot_reused", "%s: %llu entries of %lld s ago, in %.1f s", keep->topic,
                 (unsigned long long)head->entries, (long long)(clock_unix_ms() - head->made_ms) / 1000,
                 (double)(clock_monotonic_ms() - began_ms) / 1000);
        keep->next_ms = clock_monotonic_ms() + keep->options->snapshot_every_ms;
    } else {
        kafka_births_forget(births);
        if (missing)
            log_line(LOG_LEVEL_INFO, "snapshot_rebuilt",
                     "%s: there is no snapshot yet, the topic is read whole", keep->topic);
        else
            log_line(LOG_LEVEL_WARNING, "snapshot_rebuilt",
                     "%s: the snapshot is not used: %s; the topic is read whole", keep->topic, why.what);
    }
    snapshot_reader_free(reader);
    return fine || !touched || snapshot->forget(keep->stage_shared, error);
}

/* ---- writing ---- */

static void give_up(struct kafka_keep *keep, const struct error *error)
{
    log_failure(LOG_LEVEL_WARNING, "snapshot_not_written", error);
    keep->followed->snapshot->thaw(keep->stage_shared);
    snapshot_writer_free(keep->writer);
    keep->writer = NULL;
    keep->next_ms = clock_monotonic_ms() + keep->options->snapshot_every_ms;
}

static void begin(struct kafka_keep *keep, struct kafka_births *births, int32_t partitions,
                  const _Atomic int64_t *positions, int64_t known_ms)
{
    struct error error = {0};
    struct snapshot_head head;
    struct snapshot_partition *list = calloc((size_t)partitions + 1, sizeof *list);
    keep->next_ms = clock_monotonic_ms() + keep->options->snapshot_every_ms;
    if (!list)
        return;
    if (!kafka_births_get(births, list)) {
        if (!keep->said_no_births)
            log_line(LOG_LEVEL_WARNING, "snapshot_off",
                     "%s: a partition has no birth record, so no snapshot could be reused; `clickveil topics "
                     "create` writes them to new topics",
                     keep->topic);
        keep->said_no_births = true;
        free(list);
        return;
    }
    for (int32_t i = 0; i < partitions; i++)
        list[i].offset = positions[i];
    fill_head(keep, partitions, &head);
    head.made_ms = known_ms;
    keep->began_ms = clock_monotonic_ms();
    keep->ended = false;
    keep->writer = snapshot_writer_new(keep->options->snapshot.data, &head, list, &error);
    free(list);
    if (!keep->writer)
        log_failure(LOG_LEVEL_WARNING, "snapshot_not_written", &error);
    else if (!keep->followed->snapshot->freeze(keep->stage_shared, keep->writer, &error))
        give_up(keep, &error);
}

static void write_on(struct kafka_keep *keep)
{
    struct error error = {0};
    uint64_t size;
    bool more = true;
    switch (snapshot_writer_progress(keep->writer, &size, &error)) {
    case SNAPSHOT_FAILED:
        give_up(keep, &error);
        return;
    case SNAPSHOT_WRITTEN:
        log_line(LOG_LEVEL_INFO, "snapshot_written", "%s: %.1f MiB in %.1f s", keep->topic,
                 (double)size / (1024 * 1024), (double)(clock_monotonic_ms() - keep->began_ms) / 1000);
        snapshot_writer_free(keep->writer);
        keep->writer = NULL;
        return;
    case SNAPSHOT_WRITING:
        break;
    }
    if (keep->ended || !snapshot_writer_has_room(keep->writer))
        return;
    if (!keep->followed->snapshot->save(keep->stage_shared, keep->writer, &more, &error)) {
        give_up(keep, &error);
    } else if (!more) {
        keep->followed->snapshot->thaw(keep->stage_shared);
        snapshot_writer_end(keep->writer);
        keep->ended = true;
    }
}

void kafka_keep_step(struct kafka_keep *keep, struct kafka_births *births, int32_t partitions,
                     const _Atomic int64_t *positions, int64_t known_ms)
{
    if (keep->writer)
        write_on(keep);
    else if (clock_monotonic_ms() >= keep->next_ms)
        begin(keep, births, partitions, positions, known_ms);
}
