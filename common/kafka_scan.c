/*
 * Design: every partition is assigned at its first offset and done when its position has reached the end that was
 * taken at the start. Behind the last record may stand a marker or a gap of compaction, which have no message: there
 * the end-of-partition event tells the position.
 */
#include "common/kafka_scan.h"

#include "common/clock.h"
#include "common/kafka_client.h"

#include <stdlib.h>

enum { POLL_MS = 100, PROGRESS_EVERY_MS = 500 };

struct scan_partition {
    int64_t first, end, next;
};

struct scanning {
    const struct kafka_scan *scan;
    rd_kafka_t *client;
    struct scan_partition *partitions;
    int32_t count;
    int64_t last_progress_ms, next_report_ms; /* monotonic */
};

/* The scanning client is told last stable offsets, if it reads committed; one that only asks is told high watermarks. */
static bool take_ends(struct scanning *scanning, int64_t *out_ends, struct error *error)
{
    const struct kafka_scan *scan = scanning->scan;
    if (!scan->whole)
        return kafka_end_offsets(scanning->client, scan->topic, scanning->count, scan->timeout_ms, out_ends,
                                 error);
    struct kafka_client_spec spec = {.role = KAFKA_ROLE_OFFSETS};
    rd_kafka_t *client = kafka_client_new(scan->config, &spec, error);
    bool fine =
        client && kafka_end_offsets(client, scan->topic, scanning->count, scan->timeout_ms, out_ends, error);
    if (client)
        rd_kafka_destroy(client);
    return fine;
}

/* What of a partition is wanted. */
static void clip(const struct kafka_scan *scan, int32_t index, struct scan_partition *partition)
{
    const struct kafka_scan_range *range = NULL;
    for (unsigned i = 0; i < scan->range_count && !range; i++)
        range = scan->ranges[i].partition == index ? &scan->ranges[i] : NULL;
    if (scan->range_count == 0)
        return;
    if (!range) {
        partition->first = partition->next = partition->end;
        return;
    }
    if (range->end < partition->end)
        partition->end = range->end;
    if (range->first > partition->first)
        partition->first = range->first;
    if (partition->first > partition->end)
        partition->first = partition->end;
    partition->next = partition->first;
}

static bool take_offsets(struct scanning *scanning, struct error *error)
{
    const struct kafka_scan *scan = scanning->scan;
    int64_t *offsets = calloc((size_t)scanning->count * 2, sizeof *offsets);
    scanning->partitions = calloc((size_t)scanning->count, sizeof *scanning->partitions);
    bool fine = offsets && scanning->partitions;
    if (!fine)
        (void)error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for a topic");
    int64_t *ends = offsets ? offsets + scanning->count : NULL;
    fine = fine &&
           kafka_first_offsets(scanning->client, scan->topic, scanning->count, scan->timeout_ms, offsets,
                               error) &&
           take_ends(scanning, ends, error);
    for (int32_t i = 0; fine && i < scanning->count; i++) {
        scanning->partitions[i] = (struct scan_partition){offsets[i], ends[i], offsets[i]};
        clip(scan, i, &scanning->partitions[i]);
    }
    free(offsets);
    return fine;
}

static bool give_ends(const struct scanning *scanning, struct error *error)
{
    int64_t *ends = scanning->scan->out_ends ? calloc((size_t)scanning->count, sizeof *ends) : NULL;
    if (!scanning->scan->out_ends)
        return true;
    if (!ends)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for a topic");
    for (int32_t i = 0; i < scanning->count; i++)
        ends[i] = scanning->partitions[i].end;
    *scanning->scan->out_ends = ends;
    return true;
}

static bool assign(struct scanning *scanning, struct error *error)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(scanning->count);
    for (int32_t i = 0; i < scanning->count; i++) {
        if (scanning->partitions[i].first < scanning->partitions[i].end)
            rd_kafka_topic_partition_list_add(list, scanning->scan->topic, i)->offset =
                scanning->partitions[i].first;
    }
    rd_kafka_resp_err_t code = rd_kafka_assign(scanning->client, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code ? kafka_fail_code(error, code, "reading the topic") : true;
}

static bool is_done(const struct scanning *scanning)
{
    for (int32_t i = 0; i < scanning->count; i++) {
        if (scanning->partitions[i].next < scanning->partitions[i].end)
            return false;
    }
    return true;
}

static void report(struct scanning *scanning)
{
    int64_t all = 0, read = 0, now_ms = clock_monotonic_ms();
    if (!scanning->scan->progress || now_ms < scanning->next_report_ms)
        return;
    scanning->next_report_ms = now_ms + PROGRESS_EVERY_MS;
    for (int32_t i = 0; i < scanning->count; i++) {
        all += scanning->partitions[i].end - scanning->partitions[i].first;
        read += scanning->partitions[i].next - scanning->partitions[i].first;
    }
    scanning->scan->progress(scanning->scan->context, all ? (double)read / (double)all : 1);
}

struct view kafka_scan_header(const struct kafka_scan_record *record, const char *name)
{
    const void *value;
    size_t size;
    if (!record->all_headers || rd_kafka_header_get_last(record->all_headers, name, &value, &size))
        return VIEW_ABSENT;
    return (struct view){value, size};
}

static bool visit(struct scanning *scanning, const rd_kafka_message_t *message, struct error *error)
{
    rd_kafka_headers_t *headers = NULL;
    bool has_headers = rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR;
    struct kafka_scan_record record = {
        .partition = message->partition,
        .partitions = scanning->count,
        .offset = message->offset,
        .timestamp_ms = kafka_timestamp_ms(message),
        .key = {message->key, message->key_len},
        .value = {message->payload, message->len},
        .headers = has_headers ? (unsigned)rd_kafka_header_cnt(headers) : 0,
        .all_headers = headers,
    };
    record.author = kafka_scan_header(&record, "clickveil-author");
    return scanning->scan->visit(scanning->scan->context, &record, error);
}

static bool take(struct scanning *scanning, const rd_kafka_message_t *message, struct error *error)
{
    struct scan_partition *partition = message->partition >= 0 && message->partition < scanning->count
                                           ? &scanning->partitions[message->partition]
                                           : NULL;
    if (message->err && message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
        return kafka_is_unreachable(message->err) ||
               kafka_fail_code(error, message->err, "reading the topic");
    if (!partition)
        return true;
    bool within = !message->err && message->offset >= partition->next && message->offset < partition->end;
    int64_t next = message->err ? message->offset : message->offset + 1;
    if (within && !visit(scanning, message, error))
        return false;
    if (next > partition->next) {
        partition->next = next < partition->end ? next : partition->end;
        scanning->last_progress_ms = clock_monotonic_ms();
    }
    return true;
}

static bool read_all(struct scanning *scanning, struct error *error)
{
    scanning->last_progress_ms = clock_monotonic_ms();
    while (!is_done(scanning)) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(scanning->client, POLL_MS);
        bool fine = !message || take(scanning, message, error);
        if (message)
            rd_kafka_message_destroy(message);
        if (!fine)
            return false;
        if (clock_monotonic_ms() - scanning->last_progress_ms > scanning->scan->timeout_ms)
            return error_fail(error, EXIT_STATUS_UNAVAILABLE, scanning->scan->topic,
                              scanning->scan->whole
                                  ? "see that the brokers run, and whether a transaction is left open on it"
                                  : "see that the brokers run, then try again",
                              "nothing came for %d seconds although the end is not reached",
                              scanning->scan->timeout_ms / 1000);
        report(scanning);
    }
    return true;
}

/* A topic that was made just now has no leaders for a moment: that passes, and each time they are asked for anew. */
static bool reach_topic(struct scanning *scanning, struct error *error)
{
    const struct kafka_scan *scan = scanning->scan;
    int64_t until_ms = clock_monotonic_ms() + scan->timeout_ms;
    do {
        free(scanning->partitions);
        scanning->partitions = NULL;
        if (!kafka_topic_partitions(scanning->client, scan->topic, scan->timeout_ms, &scanning->count,
                                    error)) {
            if (error->exit_status !=
                EXIT_STATUS_CONFIGURATION) /* the topic is missing: it says how to make it */
                error_advise(error, "see that broker, name and rights are as agreed");
            error->exit_status = EXIT_STATUS_UNAVAILABLE;
        } else if (take_offsets(scanning, error)) {
            return true;
        }
    } while (kafka_may_try_again(until_ms, error));
    return false;
}

/* What stands in the topic is asked of a client that has its own view of where the topic ends. */
static bool scan_topic(struct scanning *scanning, struct error *error)
{
    const struct kafka_scan *scan = scanning->scan;
    struct kafka_client_spec spec = {.role =
                                         scan->uncommitted ? KAFKA_ROLE_UNCOMMITTED : KAFKA_ROLE_COMMITTED};
    scanning->client = kafka_client_new(scan->config, &spec, error);
    if (!scanning->client)
        return false;
    if (!reach_topic(scanning, error))
        return false;
    if (scan->out_partitions)
        *scan->out_partitions = scanning->count;
    return give_ends(scanning, error) && assign(scanning, error) && read_all(scanning, error);
}

bool kafka_scan(const struct kafka_scan *scan, struct error *error)
{
    struct scanning scanning = {.scan = scan};
    bool fine = scan_topic(&scanning, error);
    free(scanning.partitions);
    if (scanning.client) {
        rd_kafka_consumer_close(scanning.client);
        rd_kafka_destroy(scanning.client);
    }
    return fine;
}
