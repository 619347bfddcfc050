#include "common/file_consent.h"

#include "common/file_record.h"
#include "common/line_reader.h"

#include <inttypes.h>
#include <stdio.h>
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

/* ---- lines ---- */

struct reading {
    struct file_consent *consent;
    struct file_record_reader *records;
    struct positions positions;
    uint64_t taken;
    bool of_export;          /* `clickveil consent export` wrote the file: its first line says so */
    uint64_t export_records; /* since that line */
    bool export_ended;
    bool (*visit)(void *context, const struct followed_record *record, struct error *error);
    void *context;
};

static bool fail_cut(struct error *error)
{
    return error_fail(error, EXIT_STATUS_DATA, NULL, "export again",
                      "the export was cut short, or lines are missing");
}

/* An export ends with the number of its records: without its last lines somebody's `out` would be missing. */
static bool take_export(struct reading *reading, const struct file_record *record, struct error *error)
{
    char ends[48];
    if (view_equal(record->key, VIEW("meta:export"))) {
        reading->of_export = true;
        reading->export_ended = false;
        reading->export_records = 0;
        return true;
    }
    if (!reading->of_export || !view_equal(record->key, VIEW("meta:export-end"))) {
        reading->export_records++;
        return true;
    }
    snprintf(ends, sizeof ends, "{\"records\":%" PRIu64 "}", reading->export_records);
    reading->export_ended = true;
    return view_equal(record->value, view_of_string(ends)) || fail_cut(error);
}

static bool take_line(struct reading *reading, const struct line *line, struct error *error)
{
    struct file_record record;
    if (line->text.size == 0) /* an empty line says nothing */
        return true;
    if (line->cut)
        return error_fail(error, EXIT_STATUS_DATA, NULL, NULL, "is longer than %d bytes",
                          FILE_RECORD_LINE_SIZE_MAX);
    if (!file_record_read(reading->records, line->text, &record, error) ||
        !take_export(reading, &record, error))
        return false;
    struct followed_record followed = {
        .partition = record.partition < 0 ? 0 : (int32_t)record.partition,
        .offset = record.offset < 0 ? (int64_t)line->number : record.offset,
        .timestamp_ms = record.timestamp_ms < 0 ? reading->consent->now_ms : record.timestamp_ms,
        .key = record.key,
        .value = record.value,
        .author = record.author,
        .committed = true,
    };
    if (!advance(&reading->positions, &followed, error) ||
        !reading->visit(reading->context, &followed, error))
        return false;
    reading->taken++;
    return true;
}

static bool keep_line(struct file_consent *consent, struct view text, struct error *error)
{
    size_t needed = consent->kept_size + text.size + 1;
    if (needed > consent->kept_capacity) {
        size_t capacity = needed + needed / 2;
        char *kept = realloc(consent->kept, capacity);
        if (!kept)
            return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "give the choices as a file",
                              "no memory to keep the choices from standard input");
        consent->kept = kept;
        consent->kept_capacity = capacity;
    }
    memcpy(consent->kept + consent->kept_size, text.data, text.size);
    consent->kept[needed - 1] = '\n';
    consent->kept_size = needed;
    return true;
}

static bool fail_at(struct error *error, const char *path, uint64_t line)
{
    if (error && !error->where[0])
        error_at(error, "%s:%" PRIu64, path, line + 1);
    return false;
}

static bool read_lines(struct reading *reading, struct line_reader *lines, struct error *error)
{
    struct file_consent *consent = reading->consent;
    bool keeps = consent->keep && strcmp(consent->path, "-") == 0;
    struct line line;
    enum line_result result;
    while ((result = line_reader_next(lines, &line, error)) == LINE_READ) {
        if (!take_line(reading, &line, error) || (keeps && !keep_line(consent, line.text, error)))
            return fail_at(error, lines->path, line.number);
    }
    if (result == LINE_WOKEN)
        return error_fail(error, EXIT_STATUS_DONE, NULL, NULL, "interrupted before the first event");
    return result == LINE_END;
}

static bool read_kept(struct reading *reading, struct error *error)
{
    const struct file_consent *consent = reading->consent;
    struct line line = {0};
    for (size_t at = 0; at < consent->kept_size; line.number++) {
        const char *begin = consent->kept + at;
        const char *end = memchr(begin, '\n', consent->kept_size - at);
        ensure(end != NULL);
        line.text = (struct view){begin, (size_t)(end - begin)};
        if (!take_line(reading, &line, error))
            return fail_at(error, "standard input", line.number);
        at += line.text.size + 1;
    }
    return true;
}

static bool read_all(struct reading *reading, struct error *error)
{
    struct file_consent *consent = reading->consent;
    if (!consent->path)
        return true;
    reading->records = file_record_reader_new(error);
    if (!reading->records)
        return false;
    struct line_reader lines;
    bool good;
    if (consent->kept) {
        good = read_kept(reading, error);
    } else {
        good = line_reader_open(&lines, consent->path, FILE_RECORD_LINE_SIZE_MAX, consent->wake_descriptor,
                                error);
        if (good) {
            good = read_lines(reading, &lines, error);
            line_reader_close(&lines);
        }
    }
    file_record_reader_free(reading->records);
    if (good && reading->of_export && !reading->export_ended) {
        (void)fail_cut(error);
        error_at(error, "%s", consent->path);
        return false;
    }
    return good;
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

static bool apply_to_all(void *context, const struct followed_record *record, struct error *error)
{
    return apply(context, record, error);
}

bool file_consent_load(struct file_consent *consent, struct chain_shared *shared, uint64_t *out_records,
                       struct error *error)
{
    struct followers followers = {.count = 0};
    struct reading reading = {.consent = consent, .visit = apply_to_all, .context = &followers};
    chain_shared_followed(shared, add_follower, &followers);
    bool good = read_all(&reading, error) && finish(&followers, &reading.positions, error);
    free(reading.positions.next);
    if (good)
        *out_records = reading.taken;
    return good;
}

bool file_consent_visit(struct file_consent *consent,
                        bool (*visit)(void *context, const struct followed_record *record,
                                      struct error *error),
                        void *context, struct error *error)
{
    struct reading reading = {.consent = consent, .visit = visit, .context = context};
    bool good = read_all(&reading, error);
    free(reading.positions.next);
    return good;
}

void file_consent_release(struct file_consent *consent)
{
    free(consent->kept);
    consent->kept = NULL;
    consent->kept_size = consent->kept_capacity = 0;
}

/* Which kinds of subject a stage takes is its own to know; one of the three it does. */
bool file_consent_load_nobody(struct chain_shared *shared, const struct config *config, struct error *error)
{
    const struct view keys[] = {
        config->subscriber.kind == IDENTIFIER_IMSI     ? VIEW("line:999990000000000")
        : config->subscriber.kind == IDENTIFIER_OPAQUE ? VIEW("line:nobody")
                                                       : VIEW("line:9990000000000"),
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
