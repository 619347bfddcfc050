/*
 * Design. The file is read twice: the first time everything is checked (that it is whole, and that the topic is fresh, or holds
 * its beginning because an earlier attempt ended half way), so that nothing is written of a file that can't be written whole;
 * the second time it is written, partition by partition in the order of the lines, in bounded transactions.
 *
 * A record goes to the partition of its number: an erasure stands under another key than its subject and decides by what stands
 * behind it in its partition, and nobody can tell whose it is. So the topic must have as many partitions.
 *
 * What the topic holds already is compared by 64 bits of a hash of each record, in the order of its partition.
 */
#include "commands/consent_records.h"

#include "commands/consent.h"
#include "common/arena.h"
#include "common/clock.h"
#include "common/consent_confirmation.h"
#include "common/file_record.h"
#include "common/json_writer.h"
#include "common/kafka_consent.h"
#include "common/kafka_topics.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <yyjson.h>

enum { BATCH = KAFKA_CONSENT_RECORDS_MAX, BLOCK_SIZE = 1 << 20, ANNOUNCED_MS = 86400000, SCAN_MS = 15000 };

/* What the topic holds of one partition, and how far the file has been compared with it. */
struct there {
    uint64_t *hashes;
    size_t count, capacity, next;
};

struct restoring {
    struct consent_restore *restore;
    enum identifier_kind line_kind;
    struct choice_names names;
    struct consent_reader *reader;
    struct consent_subjects *subjects; /* to count distinct ones */
    struct file_record_reader *records;
    struct arena arena;
    uint8_t hash_key[crypto_shorthash_KEYBYTES];
    struct there *there;
    int32_t partitions;           /* of the topic */
    bool keeps_timestamps;        /* the topic does; else records bear the time at which they are written */
    int32_t file_partitions;      /* of the export; 0: its first line has not come */
    uint64_t announced;           /* by its last line; UINT64_MAX: that has not come */
    struct kafka_consent *writer; /* NULL: the first time through */
    struct kafka_consent_record *batch;
    unsigned batched;
};

static bool no_memory(struct error *error)
{
    return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for so many records");
}

static bool bad(struct error *error, const char *what)
{
    return error_fail(error, EXIT_STATUS_DATA, NULL, NULL, "%s", what);
}

/* ---- records, compared ---- */

/* An object however it is spaced, since files need not keep that. */
static uint64_t hash_of(const struct restoring *restoring, struct view key, struct view value,
                        bool has_author)
{
    yyjson_doc *document =
        view_is_absent(value) ? NULL : yyjson_read(value.data, value.size, YYJSON_READ_NUMBER_AS_RAW);
    size_t size = 0;
    char *text = yyjson_is_obj(yyjson_doc_get_root(document)) ? yyjson_write(document, 0, &size) : NULL;
    struct view bytes = text ? (struct view){text, size} : value;
    uint8_t hashes[3][crypto_shorthash_BYTES];
    uint64_t number;
    crypto_shorthash(hashes[0], (const uint8_t *)key.data, key.size, restoring->hash_key);
    crypto_shorthash(hashes[1], (const uint8_t *)(bytes.data ? bytes.data : ""), bytes.size,
                     restoring->hash_key);
    memset(hashes[2], 0, sizeof hashes[2]);
    hashes[2][0] = has_author;
    hashes[2][1] = view_is_absent(value);
    crypto_shorthash((uint8_t *)&number, hashes[0], sizeof hashes, restoring->hash_key);
    free(text);
    yyjson_doc_free(document);
    return number;
}

static bool is_restored(enum consent_key_kind kind)
{
    return kind != CONSENT_KEY_META && kind != CONSENT_KEY_LIMITED;
}

static bool take_there(void *context, const struct kafka_scan_record *record, struct error *error)
{
    struct restoring *restoring = context;
    struct consent_key key;
    if (!restoring->there)
        restoring->there = calloc((size_t)record->partitions, sizeof *restoring->there);
    if (!restoring->there)
        return no_memory(error);
    consent_key_read(record->key, restoring->line_kind, &key);
    if (!is_restored(key.kind))
        return true;
    struct there *there = &restoring->there[record->partition];
    if (there->count == there->capacity) {
        size_t capacity = there->capacity ? there->capacity * 2 : 1024;
        uint64_t *hashes = realloc(there->hashes, capacity * sizeof *hashes);
        if (!hashes)
            return no_memory(error);
        there->hashes = hashes;
        there->capacity = capacity;
    }
    struct consent_value read = {.record = {.readable = true}};
    struct view value = record->value;
    if (key.kind == CONSENT_KEY_CHOICE)
        consent_value_read(restoring->reader, &key, value, record->timestamp_ms, &read);
    if (!view_is_absent(value) && !read.record.readable && consent_records_empties(value))
        value = VIEW(""); /* as it was exported */
    there->hashes[there->count++] = hash_of(restoring, record->key, value, !view_is_absent(record->author));
    return true;
}

/* Is the record there already? False with an error: something else is. */
static bool compare(struct restoring *restoring, const struct file_record *record, bool *out_present,
                    struct error *error)
{
    struct there *there = restoring->there ? &restoring->there[record->partition] : NULL;
    *out_present = there && there->next < there->count;
    if (!*out_present)
        return true;
    if (there->hashes[there->next++] ==
        hash_of(restoring, record->key, record->value, !view_is_absent(record->author)))
        return true;
    return error_fail(
        error, EXIT_STATUS_DATA, NULL,
        "an export goes into a fresh topic: `clickveil topics create` makes one (topics.consent names "
        "it); to bring choices into a topic in use, import them as CSV",
        "the topic holds other records than the export");
}

/* ---- writing ---- */

static bool write_batch(struct restoring *restoring, struct error *error)
{
    if (restoring->batched == 0)
        return true;
    if (!consent_pace_write(&restoring->restore->pace, restoring->writer, restoring->batch,
                            restoring->batched, error))
        return false;
    restoring->restore->written += restoring->batched;
    restoring->batched = 0;
    arena_reset(&restoring->arena);
    return true;
}

static bool add_to_batch(struct restoring *restoring, const struct file_record *record, struct error *error)
{
    struct kafka_consent_record *kept = &restoring->batch[restoring->batched];
    *kept = (struct kafka_consent_record){
        .partition = (int32_t)record->partition,
        .value = VIEW_ABSENT,
        .timestamp_ms = record->timestamp_ms < 0 ? 0 : record->timestamp_ms,
        .is_foreign = view_is_absent(record->author),
    };
    if (!arena_copy(&restoring->arena, record->key, &kept->key) ||
        (!view_is_absent(record->value) && !arena_copy(&restoring->arena, record->value, &kept->value)))
        return no_memory(error);
    restoring->batched++;
    return restoring->batched < consent_pace_batch(&restoring->restore->pace) ||
           write_batch(restoring, error);
}

static bool announce(struct restoring *restoring, struct error *error)
{
    char value[CONSENT_CONFIRMATION_SIZE_MAX];
    int64_t now_ms = clock_unix_ms();
    struct consent_confirmation confirmation = {
        .entries = restoring->restore->subjects,
        .expect_in = restoring->restore->expect_in,
        .at_ms = now_ms,
        .until_ms = now_ms + ANNOUNCED_MS,
    };
    struct kafka_consent_record record = {.key = CONSENT_CONFIRMATION_KEY};
    record.value = (struct view){value, consent_confirmation_write(&confirmation, value)};
    return kafka_consent_write(restoring->writer, &record, 1, error);
}

/* ---- lines ---- */

static bool take_meta(struct restoring *restoring, const struct file_record *record, struct error *error)
{
    yyjson_doc *document = view_is_absent(record->value)
                               ? NULL
                               : yyjson_read(record->value.data, record->value.size, YYJSON_READ_NOFLAG);
    yyjson_val *root = yyjson_doc_get_root(document), *records = yyjson_obj_get(root, "records");
    uint64_t partitions = yyjson_get_uint(yyjson_obj_get(root, "partitions"));
    uint64_t format = yyjson_get_uint(yyjson_obj_get(root, "format"));
    bool is_end = yyjson_is_uint(records) && view_equal(record->key, VIEW("meta:export-end"));
    if (is_end)
        restoring->announced = yyjson_get_uint(records);
    else if (!restoring->file_partitions && partitions <= CONSENT_RECORDS_PARTITIONS_MAX)
        restoring->file_partitions = (int32_t)partitions;
    yyjson_doc_free(document);
    if (is_end)
        return true;
    if (format != 1 || !restoring->file_partitions)
        return bad(error, "this is no export that this version can read");
    if (restoring->partitions == restoring->file_partitions)
        return true;
    return error_fail(
        error, EXIT_STATUS_CONFIGURATION, NULL,
        "make a topic with as many (`clickveil topics create --partitions N`): what was erased stands "
        "under keys that nobody can tell the partition of",
        "the export is of a topic with %d partitions, and this topic has %d", restoring->file_partitions,
        restoring->partitions);
}

/* The stage would not start on a topic with it, or take who was erased, or moved, for somebody else. */
static bool is_of_our_key(const struct restoring *restoring, const struct file_record *record,
                          struct error *error)
{
    const char *trouble = view_is_absent(record->value)
                              ? NULL
                              : consent_subjects_key_trouble(restoring->subjects, record->value);
    return !trouble ||
           error_fail(error, EXIT_STATUS_CONFIGURATION, NULL,
                      "name the key of the pipeline that the export is of as "
                      "consent.suppression_key (it is derived from "
                      "pseudonymize.key where that one names none); nothing was written",
                      "erased subjects, or who took whose place, would not be recognised: %s", trouble);
}

/* All that a timestamp decides is whether `effective` is too far ahead of it. What was unreadable for that is empty in an
 * export; what was not may be under a timestamp that is earlier. */
static bool is_as_readable_now(struct restoring *restoring, const struct file_record *record,
                               const struct consent_key *key, bool is_readable, struct error *error)
{
    struct consent_value value;
    if (restoring->keeps_timestamps || !is_readable)
        return true;
    consent_value_read(restoring->reader, key, record->value, clock_unix_ms(), &value);
    return value.record.readable ||
           error_fail(
               error, EXIT_STATUS_CONFIGURATION, NULL,
               "alter it to message.timestamp.type=CreateTime until the import is done; nothing was written",
               "its `effective` is more than a day ahead, and the topic does not keep the timestamp "
               "under which it could be read");
}

static bool count_record(struct restoring *restoring, const struct file_record *record,
                         const struct consent_key *key, struct error *error)
{
    struct consent_value value;
    restoring->restore->records++;
    if (key->kind == CONSENT_KEY_HASH || key->kind == CONSENT_KEY_LINK)
        return is_of_our_key(restoring, record, error);
    if (key->kind != CONSENT_KEY_CHOICE)
        return true;
    consent_value_read(restoring->reader, key, record->value, record->timestamp_ms, &value);
    if (!is_as_readable_now(restoring, record, key, value.record.readable, error))
        return false;
    restoring->restore->ins += value.record.readable && value.record.in;
    return consent_subjects_count_entry(restoring->subjects, key) || no_memory(error);
}

static bool take_record(struct restoring *restoring, const struct file_record *record, struct error *error)
{
    struct consent_key key;
    bool present;
    if (restoring->announced != UINT64_MAX)
        return bad(error, "something follows the last line of an export");
    consent_key_read(record->key, restoring->line_kind, &key);
    if (key.kind == CONSENT_KEY_WRONG_KIND)
        return bad(error, "the subject is of another kind than subscriber.kind says");
    if (key.kind == CONSENT_KEY_UNREADABLE || !is_restored(key.kind))
        return bad(error, "a key that no export has");
    if (record->partition < 0 || record->partition >= restoring->file_partitions)
        return bad(error, "it has no partition, or one that the topic had not");
    if (!compare(restoring, record, &present, error))
        return false;
    if (restoring->writer)
        return present || add_to_batch(restoring, record, error);
    restoring->restore->present += present;
    return count_record(restoring, record, &key, error);
}

static bool take_line(struct restoring *restoring, const struct line *line, struct error *error)
{
    struct file_record record;
    if (line->text.size == 0)
        return true;
    if (line->cut)
        return bad(error, "the line is too long");
    if (!file_record_read(restoring->records, line->text, &record, error))
        return false;
    if (!view_is_absent(record.key) && record.key.size >= 11 &&
        memcmp(record.key.data, "meta:export", 11) == 0)
        return take_meta(restoring, &record, error);
    return take_record(restoring, &record, error);
}

static bool read_file(struct restoring *restoring, struct error *error)
{
    struct line_reader lines = {0};
    struct line line;
    enum line_result result = LINE_FAILED;
    bool fine = line_reader_open(&lines, restoring->restore->path, FILE_RECORD_LINE_SIZE_MAX, -1, error);
    while (fine && (result = line_reader_next(&lines, &line, error)) == LINE_READ) {
        fine = take_line(restoring, &line, error);
        if (!fine && !error->where[0])
            error_at(error, "%s:%" PRIu64, restoring->restore->path, line.number + 1);
    }
    line_reader_close(&lines);
    if (!fine || result != LINE_END)
        return false;
    return restoring->announced == restoring->restore->records ||
           error_fail(error, EXIT_STATUS_DATA, restoring->restore->path, "nothing was written; export again",
                      "the export was cut short, or lines are missing");
}

/* ---- all of it ---- */

/* A broker that does not say is taken for one that stamps records itself. */
static bool ask_timestamps(struct restoring *restoring, const char *topic, struct error *error)
{
    char type[TOPIC_PLAN_VALUE_SIZE] = "";
    struct error unknown = {0};
    struct kafka_topics *topics = kafka_topics_new(restoring->restore->config, CONSENT_TIMEOUT_MS, error);
    if (!topics)
        return false;
    restoring->keeps_timestamps =
        kafka_topics_setting(topics, topic, "message.timestamp.type", type, sizeof type, &unknown) &&
        strcmp(type, "CreateTime") == 0;
    kafka_topics_free(topics);
    return true;
}

static bool check(struct restoring *restoring, struct error *error)
{
    struct consent_restore *restore = restoring->restore;
    struct kafka_scan scan = {
        .config = restore->config,
        .topic = config_topic(restore->config, TOPIC_CONSENT, 0).data,
        .timeout_ms = SCAN_MS,
        .visit = take_there,
        .context = restoring,
        .progress = consent_progress(),
        .out_partitions = &restoring->partitions,
    };
    bool fine = kafka_scan(&scan, error);
    consent_progress_end();
    if (!fine || !ask_timestamps(restoring, scan.topic, error) || !read_file(restoring, error))
        return false;
    restore->subjects = consent_subjects_entries(restoring->subjects);
    for (int32_t i = 0; restoring->there && i < restoring->partitions; i++) {
        if (restoring->there[i].next < restoring->there[i].count)
            return error_fail(error, EXIT_STATUS_DATA, scan.topic,
                              "an export goes into a fresh topic; nothing was written",
                              "the topic holds records that the export has not");
        restoring->there[i].next = 0;
    }
    return true;
}

static bool write_all(struct restoring *restoring, struct error *error)
{
    struct consent_restore *restore = restoring->restore;
    if (restore->present == restore->records)
        return true;
    restoring->writer = kafka_consent_new(restore->config, CONSENT_TIMEOUT_MS, error);
    restoring->announced = UINT64_MAX;
    restoring->file_partitions = 0;
    bool fine = restoring->writer && (!restore->has_expect || announce(restoring, error));
    if (fine)
        consent_pace_begin(&restore->pace, restoring->writer, restore->records - restore->present);
    fine = fine && read_file(restoring, error) && write_batch(restoring, error);
    if (!fine && error->action[0] == '\0')
        error_advise(error, "%" PRIu64 " records are committed; run it again, it goes on where it ended",
                     restore->written);
    kafka_consent_free(restoring->writer);
    return fine;
}

static bool prepare(struct restoring *restoring, struct error *error)
{
    restoring->line_kind = (enum identifier_kind)restoring->restore->config->subscriber.kind;
    randombytes_buf(restoring->hash_key, sizeof restoring->hash_key);
    if (!choice_names_compile(restoring->restore->config, &restoring->names, error) ||
        !arena_init(&restoring->arena, BLOCK_SIZE, SIZE_MAX / 2, error))
        return false;
    restoring->subjects = consent_subjects_new(restoring->restore->config, false, error);
    if (!restoring->subjects)
        return false;
    restoring->reader = consent_reader_new(&restoring->names, restoring->line_kind);
    restoring->batch = calloc(BATCH, sizeof *restoring->batch);
    restoring->records = file_record_reader_new(error);
    if (!restoring->records)
        return false;
    return (restoring->reader && restoring->batch) || no_memory(error);
}

bool consent_restore(struct consent_restore *restore, struct error *error)
{
    struct restoring restoring = {.restore = restore, .announced = UINT64_MAX};
    bool fine = prepare(&restoring, error) && check(&restoring, error) &&
                (restore->dry_run || write_all(&restoring, error));
    for (int32_t i = 0; restoring.there && i < restoring.partitions; i++)
        free(restoring.there[i].hashes);
    free(restoring.there);
    free(restoring.batch);
    file_record_reader_free(restoring.records);
    consent_reader_free(restoring.reader);
    consent_subjects_free(restoring.subjects);
    arena_release(&restoring.arena);
    return fine;
}

bool consent_records_is_head(struct view line)
{
    yyjson_doc *document = yyjson_read(line.data, line.size, YYJSON_READ_NOFLAG);
    bool is = yyjson_equals_str(yyjson_obj_get(yyjson_doc_get_root(document), "key"), "meta:export");
    yyjson_doc_free(document);
    return is;
}
