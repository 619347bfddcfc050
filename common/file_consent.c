#include "common/file_consent.h"

#include "common/file_record.h"
#include "common/line_reader.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
    FOLLOWERS_MAX = 16,
    PARTITIONS_MAX = 100000,
};

struct follower {
    const struct followed *followed;
    void *shared;
};

struct followers {
    struct follower items[FOLLOWERS_MAX];
    unsigned count;
};

/* How far the partitions have been read: offsets must rise, for the order of records decides between choices. */
struct positions {
    int64_t *next; /* by partition; 0: nothing of it yet */
    size_t count;
};

static void add_follower(void *context, const struct followed *followed, void *stage_shared,
                         const void *options)
{
    struct followers *followers = context;
    (void)options;
    ensure(followers->count < FOLLOWERS_MAX);
    followers->items[followers->count++] = (struct follower){followed, stage_shared};
}

bool file_consent_is_wanted(struct chain_shared *shared)
{
    struct followers followers = {.count = 0};
    chain_shared_followed(shared, add_follower, &followers);
    for (unsigned i = 0; i < followers.count; i++)
        if (followers.items[i].followed->topic == TOPIC_CONSENT)
            return true;
    return false;
}

static bool advance(struct positions *positions, const struct followed_record *record, struct error *error)
{
    size_t partition = (size_t)record->partition;
    if (partition >= PARTITIONS_MAX)
        return error_fail(error, EXIT_STATUS_DATA, NULL, NULL, "`partition` is above %d", PARTITIONS_MAX - 1);
    if (partition >= positions->count) {
        int64_t *next = realloc(positions->next, (partition + 1) * sizeof *next);
        if (!next)
            return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory",
                              "no memory for partitions");
        memset(next + positions->count, 0, (partition + 1 - positions->count) * sizeof *next);
        positions->next = next;
        positions->count = partition + 1;
    }
    if (record->offset < positions->next[partition])
        return error_fail(error, EXIT_STATUS_DATA, NULL, "sort the lines of a partition by offset",
                          "`offset` is not above that of the line before it in partition %" PRId32,
                          record->partition);
    positions->next[partition] = record->offset + 1;
    return true;
}

static bool apply(const struct followers *followers, const struct followed_record *record,
                  struct error *error)
{
    for (unsigned i = 0; i < followers->count; i++) {
        const struct follower *follower = &followers->items[i];
        if (follower->followed->topic == TOPIC_CONSENT &&
            !follower->followed->apply(follower->shared, record, error))
            return false;
    }
    return true;
}

static bool take_line(const struct followers *followers, struct file_record_reader *records,
                      const struct line *line, int64_t now_ms, struct positions *positions,
                      struct error *error)
{
    struct file_record record;
    if (line->cut)
        return error_fail(error, EXIT_STATUS_DATA, NULL, NULL, "is longer than %d bytes",
                          FILE_RECORD_LINE_SIZE_MAX);
    if (!file_record_read(records, line->text, &record, error))
        return false;
    struct followed_record followed = {
        .partition = record.partition < 0 ? 0 : (int32_t)record.partition,
        .offset = record.offset < 0 ? (int64_t)line->number : record.offset,
        .timestamp_ms = record.timestamp_ms < 0 ? now_ms : record.timestamp_ms,
        .key = record.key,
        .value = record.value,
        .author = record.author,
        .committed = true,
    };
    return advance(positions, &followed, error) && apply(followers, &followed, error);
}

static bool read_lines(const struct followers *followers, struct line_reader *lines, int64_t now_ms,
                       struct positions *positions, uint64_t *out_records, struct error *error)
{
    struct file_record_reader *records = file_record_reader_new(error);
    if (!records)
        return false;
    struct line line;
    enum line_result result;
    bool good = true;
    while (good && (result = line_reader_next(lines, &line, error)) == LINE_READ) {
        if (line.text.size == 0) /* an empty line says nothing */
            continue;
        good = take_line(followers, records, &line, now_ms, positions, error);
        if (!good && error && !error->where[0])
            error_at(error, "%s:%" PRIu64, lines->path, line.number + 1);
        *out_records += good;
    }
    file_record_reader_free(records);
    if (good && result == LINE_WOKEN)
        return error_fail(error, EXIT_STATUS_DONE, NULL, NULL, "interrupted before the first event");
    return good && result == LINE_END;
}

static bool finish(const struct followers *followers, const struct positions *positions, struct error *error)
{
    for (unsigned i = 0; i < followers->count; i++) {
        const struct followed *followed = followers->items[i].followed;
        void *shared = followers->items[i].shared;
        if (followed->topic == TOPIC_CONSENT && followed->committed_to) {
            for (size_t p = 0; p < positions->count; p++)
                if (positions->next[p])
                    followed->committed_to(shared, (int32_t)p, positions->next[p]);
        }
        if (followed->complete && !followed->complete(shared, error))
            return false;
    }
    return true;
}

bool file_consent_load(struct chain_shared *shared, const char *path, int64_t now_ms, int wake_descriptor,
                       uint64_t *out_records, struct error *error)
{
    struct followers followers = {.count = 0};
    struct positions positions = {0};
    uint64_t records = 0;
    chain_shared_followed(shared, add_follower, &followers);
    bool good = true;
    if (path) {
        struct line_reader lines;
        good = line_reader_open(&lines, path, FILE_RECORD_LINE_SIZE_MAX, wake_descriptor, error);
        if (good) {
            good = read_lines(&followers, &lines, now_ms, &positions, &records, error);
            line_reader_close(&lines);
        }
    }
    good = good && finish(&followers, &positions, error);
    free(positions.next);
    if (good)
        *out_records = records;
    return good;
}

/* Which kinds of subject a stage takes is its own to know; one of the three it does. */
bool file_consent_load_nobody(struct chain_shared *shared, const struct config *config, struct error *error)
{
    const struct view keys[] = {
        config->subscriber.kind == IDENTIFIER_IMSI     ? VIEW("line:999990000000000")
        : config->subscriber.kind == IDENTIFIER_OPAQUE ? VIEW("line:nobody")
                                                       : VIEW("line:999000000000000"),
        VIEW("account:nobody"),
        VIEW("device:maid:ffffffff-ffff-4fff-bfff-ffffffffffff"),
    };
    struct followers followers = {.count = 0};
    struct positions positions = {0};
    chain_shared_followed(shared, add_follower, &followers);
    bool taken = false;
    for (unsigned i = 0; i < sizeof keys / sizeof keys[0] && !taken; i++) {
        struct followed_record record = {
            .key = keys[i],
            .value = VIEW("{\"choices\":{\"*\":\"out\"},\"effective\":0,\"seq\":1}"),
            .committed = true,
        };
        taken = apply(&followers, &record, error);
    }
    return taken && finish(&followers, &positions, error);
}
