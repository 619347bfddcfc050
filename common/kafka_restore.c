#include "common/kafka_restore.h"

#include "common/clock.h"
#include "common/kafka_client.h"
#include "common/log.h"
#include "common/stage.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <yyjson.h>

enum {
    READ_BATCH = 1000,
    REQUEST_TIMEOUT_MS = 5000,
    /* How long after its time-out a transaction of an instance that died can be open: brokers look every 10 s. */
    POSITION_WAIT_MORE_MS = 30000,
    RECHECK_MS = 300,
    BEGIN_AGAIN_MS = 500,
    TELL_EVERY_MS = 10000,
    POSITION_SIZE_MAX = 1024,
    POSITION_FORMAT = 1, /* of the state beside it */
};

#define POSITION_KEY VIEW("position")

struct restored_partition {
    struct kafka_restore_partition asked;
    int64_t first, target, read; /* offsets of the changelog's partition */
    int64_t position;            /* next_offset of the last position record; -1: none */
};

struct kafka_restore {
    const struct config *config;
    struct chain *chain;
    const char *topic; /* changelog */
    const char *input_topic;
    rd_kafka_t *client;     /* committed records */
    rd_kafka_t *watermarks; /* read uncommitted */
    rd_kafka_queue_t *queue;
    rd_kafka_message_t **messages;
    struct restored_partition *partitions;
    struct kafka_restore_partition *result;
    int32_t *index; /* by number of a partition: its place in `partitions`, or -1 */
    unsigned count;
    int32_t input_partitions;
    bool reads;                        /* targets are known and the changelog is assigned */
    int64_t begin_ms;                  /* monotonic: when to try that again */
    int64_t wait_until_ms, recheck_ms; /* monotonic; 0: not waiting */
    uint64_t told;                     /* what was done when that was last told, or moved */
    int64_t told_ms;
    _Atomic uint64_t done, total;
};

struct kafka_restore *kafka_restore_new(const struct config *config, struct chain *chain, struct error *error)
{
    struct kafka_restore *restore = calloc(1, sizeof *restore);
    struct kafka_client_spec committed = {.role = KAFKA_ROLE_COMMITTED},
                             watermarks = {.role = KAFKA_ROLE_OFFSETS};
    if (!restore) {
        (void)error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory to restore state");
        return NULL;
    }
    restore->config = config;
    restore->chain = chain;
    restore->topic = config_topic(config, TOPIC_STATE, 0).data;
    restore->input_topic = config_topic(config, config_input_topic(config), 0).data;
    restore->messages = calloc(READ_BATCH, sizeof(rd_kafka_message_t *));
    restore->client = kafka_client_new(config, &committed, error);
    restore->watermarks = restore->client ? kafka_client_new(config, &watermarks, error) : NULL;
    if (!restore->messages || !restore->watermarks) {
        kafka_restore_free(restore);
        return NULL;
    }
    restore->queue = rd_kafka_queue_get_consumer(restore->client);
    return restore;
}

void kafka_restore_free(struct kafka_restore *restore)
{
    if (!restore)
        return;
    if (restore->queue)
        rd_kafka_queue_destroy(restore->queue);
    if (restore->client) {
        rd_kafka_consumer_close(restore->client);
        rd_kafka_destroy(restore->client);
    }
    if (restore->watermarks)
        rd_kafka_destroy(restore->watermarks);
    free(restore->messages);
    free(restore->partitions);
    free(restore->result);
    free(restore->index);
    free(restore);
}

void kafka_restore_serve(struct kafka_restore *restore)
{
    kafka_serve(restore->watermarks);
    rd_kafka_message_t *message = rd_kafka_consumer_poll(restore->client, 0);
    if (message)
        rd_kafka_message_destroy(message);
}

void kafka_restore_cancel(struct kafka_restore *restore)
{
    rd_kafka_assign(restore->client, NULL);
    restore->count = 0;
}

double kafka_restore_ratio(const struct kafka_restore *restore)
{
    /* Records that came after the target was taken count as done and not as asked for. */
    uint64_t done = restore->done, total = restore->total;
    return done < total ? (double)done / (double)total : 1;
}

const struct kafka_restore_partition *kafka_restore_partitions(const struct kafka_restore *restore,
                                                               unsigned *out_count)
{
    *out_count = restore->count;
    return restore->result;
}

/* ---- position records ---- */

bool kafka_restore_position(const struct config *config, int32_t partition, int64_t next_offset,
                            int32_t input_partitions, struct arena *arena, struct output *out_output)
{
    char *text = arena_take(arena, POSITION_SIZE_MAX);
    if (!text)
        return false;
    /* Topic names are [a-zA-Z0-9._-] and stage names are ours: nothing to escape. */
    int size = snprintf(text, POSITION_SIZE_MAX,
                        "{\"v\":%d,\"partition\":%d,\"next_offset\":%lld,\"partitions\":%d,\"input\":\"%s\","
                        "\"stage\":\"%s\",\"format\":%d}",
                        KAFKA_RESTORE_POSITION_VERSION, partition, (long long)next_offset, input_partitions,
                        config_topic(config, config_input_topic(config), 0).data,
                        config->stages[config->first_stage]->name, POSITION_FORMAT);
    ensure(size > 0 && size < POSITION_SIZE_MAX);
    arena_shrink(arena, text, POSITION_SIZE_MAX, (size_t)size);
    *out_output = (struct output){
        .topic = TOPIC_STATE,
        .key = POSITION_KEY,
        .value = {text, (size_t)size},
        .partition = partition,
    };
    return true;
}

static bool refuse_changelog(const struct kafka_restore *restore, struct error *error, const char *what,
                             const char *found, const char *ours)
{
    return error_fail(error, EXIT_STATUS_CONFIGURATION, restore->topic,
                      "go back to it, or end that state (docs/operations.md, Fresh state)",
                      "the state was written for another %s (%s; this configuration: %s)", what, found, ours);
}

static bool check_position(const struct kafka_restore *restore, const char *input, const char *stage,
                           int64_t partitions, struct error *error)
{
    const char *our_stage = restore->config->stages[restore->config->first_stage]->name;
    char found[32], ours[32];
    if (strcmp(input, restore->input_topic) != 0)
        return refuse_changelog(restore, error, "input topic", input, restore->input_topic);
    if (strcmp(stage, our_stage) != 0)
        return refuse_changelog(restore, error, "cut of the chain, from stage", stage, our_stage);
    if (partitions == restore->input_partitions)
        return true;
    snprintf(found, sizeof found, "%lld", (long long)partitions);
    snprintf(ours, sizeof ours, "%d", restore->input_partitions);
    return refuse_changelog(restore, error, "number of input partitions", found, ours);
}

static bool take_position(const struct kafka_restore *restore, struct restored_partition *partition,
                          struct view value, int64_t offset, struct error *error)
{
    yyjson_doc *document = yyjson_read(value.data, value.size, 0);
    yyjson_val *root = document ? yyjson_doc_get_root(document) : NULL;
    yyjson_val *next = yyjson_obj_get(root, "next_offset");
    const char *input = yyjson_get_str(yyjson_obj_get(root, "input"));
    const char *stage = yyjson_get_str(yyjson_obj_get(root, "stage"));
    bool fine = yyjson_get_int(yyjson_obj_get(root, "v")) == KAFKA_RESTORE_POSITION_VERSION &&
                yyjson_get_int(yyjson_obj_get(root, "format")) == POSITION_FORMAT &&
                yyjson_is_int(yyjson_obj_get(root, "partition")) &&
                yyjson_get_sint(yyjson_obj_get(root, "partition")) == partition->asked.partition &&
                yyjson_is_int(next) && input && stage;
    if (fine) {
        fine =
            check_position(restore, input, stage, yyjson_get_sint(yyjson_obj_get(root, "partitions")), error);
        partition->position = fine ? yyjson_get_sint(next) : -1;
    } else {
        error_fail(error, EXIT_STATUS_DATA, NULL,
                   "see how it came there, or begin with fresh state (docs/operations.md, Fresh state)",
                   "a position record can't be read");
        error_at(error, "%s[%d]@%lld", restore->topic, partition->asked.partition, (long long)offset);
    }
    yyjson_doc_free(document);
    return fine;
}

/* ---- reading ---- */

static struct restored_partition *find(struct kafka_restore *restore, int32_t partition)
{
    if (restore->count == 0 || partition < 0 || partition >= restore->input_partitions ||
        restore->index[partition] < 0)
        return NULL;
    return &restore->partitions[restore->index[partition]];
}

static bool take_targets(struct kafka_restore *restore, bool first_time, struct error *error)
{
    int32_t partitions;
    kafka_serve(restore->watermarks);
    if (!kafka_topic_partitions(restore->watermarks, restore->topic, REQUEST_TIMEOUT_MS, &partitions, error))
        return false;
    if (partitions != restore->input_partitions)
        return error_fail(
            error, EXIT_STATUS_CONFIGURATION, restore->topic, "`clickveil topics plan` shows how many",
            "the changelog has %d partitions, the input has %d", partitions, restore->input_partitions);
    int64_t *offsets = calloc((size_t)partitions * 2, sizeof *offsets);
    if (!offsets)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory to restore state");
    bool fine = kafka_end_offsets(restore->watermarks, restore->topic, partitions, REQUEST_TIMEOUT_MS,
                                  offsets, error) &&
                (!first_time || kafka_first_offsets(restore->watermarks, restore->topic, partitions,
                                                    REQUEST_TIMEOUT_MS, offsets + partitions, error));
    uint64_t total = 0;
    for (unsigned i = 0; fine && i < restore->count; i++) {
        struct restored_partition *partition = &restore->partitions[i];
        partition->target = offsets[partition->asked.partition];
        if (first_time)
            partition->first = partition->read = offsets[partitions + partition->asked.partition];
        total += (uint64_t)(partition->target - partition->first);
    }
    free(offsets);
    restore->total = total;
    return fine;
}

static bool assign_changelog(struct kafka_restore *restore, struct error *error)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)restore->count);
    for (unsigned i = 0; i < restore->count; i++)
        rd_kafka_topic_partition_list_add(list, restore->topic, restore->partitions[i].asked.partition)
            ->offset = restore->partitions[i].first;
    rd_kafka_resp_err_t code = rd_kafka_assign(restore->client, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code ? kafka_fail_code(error, code, "reading the changelog") : true;
}

bool kafka_restore_begin(struct kafka_restore *restore, const struct kafka_restore_partition *partitions,
                         unsigned count, int32_t input_partitions, struct error *error)
{
    free(restore->partitions);
    free(restore->result);
    free(restore->index);
    restore->partitions = calloc(count ? count : 1, sizeof *restore->partitions);
    restore->result = calloc(count ? count : 1, sizeof *restore->result);
    restore->index = malloc((size_t)input_partitions * sizeof *restore->index);
    restore->count = 0;
    if (!restore->partitions || !restore->result || !restore->index)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory to restore state");
    memset(restore->index, 0xff, (size_t)input_partitions * sizeof *restore->index);
    restore->count = count;
    restore->input_partitions = input_partitions;
    restore->wait_until_ms = restore->recheck_ms = restore->begin_ms = 0;
    restore->told = 0;
    restore->told_ms = clock_monotonic_ms();
    restore->reads = false;
    restore->done = restore->total = 0;
    for (unsigned i = 0; i < count; i++) {
        ensure(partitions[i].partition >= 0 && partitions[i].partition < input_partitions);
        restore->partitions[i] = (struct restored_partition){.asked = partitions[i], .position = -1};
        restore->index[partitions[i].partition] = (int32_t)i;
    }
    return true;
}

/* A broker that is away while partitions are taken is waited for, like one that is away at any other time. */
static enum kafka_restore_result begin_reading(struct kafka_restore *restore, struct error *error)
{
    if (clock_monotonic_ms() < restore->begin_ms)
        return KAFKA_RESTORE_GOING;
    if (take_targets(restore, true, error) && assign_changelog(restore, error)) {
        restore->reads = true;
        return KAFKA_RESTORE_GOING;
    }
    if (!error->retriable)
        return KAFKA_RESTORE_FAILED;
    error_at(error, "%s", restore->topic);
    log_failure(LOG_LEVEL_WARNING, "restore_delayed", error);
    *error = (struct error){0};
    restore->begin_ms = clock_monotonic_ms() + BEGIN_AGAIN_MS;
    return KAFKA_RESTORE_GOING;
}

static bool take_error(struct kafka_restore *restore, const rd_kafka_message_t *message, struct error *error)
{
    int32_t partitions;
    if (kafka_is_unreachable(message->err))
        return true; /* the library goes on trying */
    if (!kafka_is_topic_unknown(message->err)) {
        (void)kafka_fail_code(error, message->err, "reading the changelog");
        error_at(error, "%s[%d]@%lld", restore->topic, message->partition, (long long)message->offset);
        return false;
    }
    if (kafka_topic_partitions(restore->watermarks, restore->topic, REQUEST_TIMEOUT_MS, &partitions, error) ||
        error->retriable) {
        *error = (struct error){0};
        return true;
    }
    return false;
}

static bool take_message(struct kafka_restore *restore, const rd_kafka_message_t *message,
                         struct error *error)
{
    struct restored_partition *partition = find(restore, message->partition);
    if (!partition)
        return true;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        if (message->offset > partition->read)
            partition->read = message->offset;
        return true;
    }
    if (message->err)
        return take_error(restore, message, error);
    if (message->offset < partition->read)
        return true;
    struct view key = {message->key, message->key_len}, value = {message->payload, message->len};
    bool fine = view_equal(key, POSITION_KEY)
                    ? take_position(restore, partition, value, message->offset, error)
                    : chain_restore(restore->chain, message->partition, key, value, error);
    partition->read = message->offset + 1;
    return fine;
}

static bool read_batch(struct kafka_restore *restore, int timeout_ms, struct error *error)
{
    rd_kafka_message_t *first = rd_kafka_consumer_poll(restore->client, timeout_ms);
    if (!first)
        return true;
    bool fine = take_message(restore, first, error);
    rd_kafka_message_destroy(first);
    ssize_t count = rd_kafka_consume_batch_queue(restore->queue, 0, restore->messages, READ_BATCH);
    for (ssize_t i = 0; i < count; i++) {
        fine = fine && take_message(restore, restore->messages[i], error);
        rd_kafka_message_destroy(restore->messages[i]);
    }
    uint64_t done = 0;
    for (unsigned i = 0; i < restore->count; i++)
        done += (uint64_t)(restore->partitions[i].read - restore->partitions[i].first);
    restore->done = done;
    return fine;
}

/* The first partition that is not read to its target; NULL: none. */
static const struct restored_partition *first_unread(const struct kafka_restore *restore)
{
    for (unsigned i = 0; i < restore->count; i++) {
        if (restore->partitions[i].read < restore->partitions[i].target)
            return &restore->partitions[i];
    }
    return NULL;
}

/* An open transaction, of an instance that died perhaps, hides what stands behind its beginning until it is ended. */
static void tell_unread(struct kafka_restore *restore)
{
    int64_t now_ms = clock_monotonic_ms();
    const struct restored_partition *unread = first_unread(restore);
    if (restore->done != restore->told || !unread) {
        restore->told = restore->done;
        restore->told_ms = now_ms;
        return;
    }
    if (now_ms - restore->told_ms < TELL_EVERY_MS)
        return;
    restore->told_ms = now_ms;
    log_line(LOG_LEVEL_WARNING, "restore_waits",
             "%s[%d]: read to %lld of %lld; the rest is not committed yet, or the broker does not answer",
             restore->topic, unread->asked.partition, (long long)unread->read, (long long)unread->target);
}

static const struct restored_partition *first_behind(const struct kafka_restore *restore)
{
    for (unsigned i = 0; i < restore->count; i++) {
        if (restore->partitions[i].position != restore->partitions[i].asked.committed)
            return &restore->partitions[i];
    }
    return NULL;
}

static bool ask_committed(struct kafka_restore *restore, rd_kafka_t *consumer, struct error *error)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)restore->count);
    for (unsigned i = 0; i < restore->count; i++)
        rd_kafka_topic_partition_list_add(list, restore->input_topic, restore->partitions[i].asked.partition);
    rd_kafka_resp_err_t code = rd_kafka_committed(consumer, list, REQUEST_TIMEOUT_MS);
    for (int i = 0; i < list->cnt && !code; i++) {
        code = list->elems[i].err;
        restore->partitions[i].asked.committed = list->elems[i].offset >= 0 ? list->elems[i].offset : -1;
    }
    rd_kafka_topic_partition_list_destroy(list);
    return code ? kafka_fail_code(error, code, "asking for committed offsets") : true;
}

/* The changelog says something else than the committed offset: an instance that died may have a transaction that is
 * still being ended. Ask both again, until it can't be that any more. */
static enum kafka_restore_result wait_for_position(struct kafka_restore *restore, rd_kafka_t *consumer,
                                                   const struct restored_partition *behind,
                                                   struct error *error)
{
    int64_t now_ms = clock_monotonic_ms();
    if (!restore->wait_until_ms)
        restore->wait_until_ms =
            now_ms + restore->config->runtime.transaction_timeout_ms + POSITION_WAIT_MORE_MS;
    if (now_ms > restore->wait_until_ms) {
        error_fail(error, EXIT_STATUS_UNAVAILABLE, restore->topic,
                   "if the group's offsets were moved by hand, move them back, or begin with fresh state "
                   "(docs/operations.md, Fresh state)",
                   "partition %d: the changelog ends at input offset %lld, the group has committed %lld",
                   behind->asked.partition, (long long)behind->position, (long long)behind->asked.committed);
        return KAFKA_RESTORE_FAILED;
    }
    if (now_ms < restore->recheck_ms)
        return KAFKA_RESTORE_GOING;
    restore->recheck_ms = now_ms + RECHECK_MS;
    log_line(LOG_LEVEL_INFO, "restore_waits",
             "%s[%d]: changelog at input offset %lld, committed %lld; waiting", restore->topic,
             behind->asked.partition, (long long)behind->position, (long long)behind->asked.committed);
    if (ask_committed(restore, consumer, error) && take_targets(restore, false, error))
        return KAFKA_RESTORE_GOING;
    if (!error->retriable)
        return KAFKA_RESTORE_FAILED;
    *error = (struct error){0};
    return KAFKA_RESTORE_GOING;
}

static enum kafka_restore_result finish(struct kafka_restore *restore, struct error *error)
{
    rd_kafka_assign(restore->client, NULL);
    for (unsigned i = 0; i < restore->count; i++) {
        restore->result[i] = restore->partitions[i].asked;
        if (!chain_restored(restore->chain, restore->result[i].partition, error))
            return KAFKA_RESTORE_FAILED;
    }
    return KAFKA_RESTORE_DONE;
}

enum kafka_restore_result kafka_restore_step(struct kafka_restore *restore, rd_kafka_t *consumer,
                                             int timeout_ms, struct error *error)
{
    if (!restore->reads)
        return begin_reading(restore, error);
    if (first_unread(restore) || restore->wait_until_ms) {
        if (!read_batch(restore, timeout_ms, error))
            return KAFKA_RESTORE_FAILED;
        tell_unread(restore);
        if (first_unread(restore))
            return KAFKA_RESTORE_GOING;
    }
    const struct restored_partition *behind = first_behind(restore);
    return behind ? wait_for_position(restore, consumer, behind, error) : finish(restore, error);
}
