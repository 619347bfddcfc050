/*
 * Bare clients on librdkafka that do no work, to compare clickveil with (make bench).
 *
 *   bare_client consume BOOTSTRAP TOPIC                   read all records
 *   bare_client forward BOOTSTRAP TOPIC OUTPUT KEPT% exactly once: forward KEPT % of the records, cut to 100 bytes,
 *                                                         a transaction every 100 ms
 *
 * Prints one JSON object: records, seconds, CPU seconds (user and system), peak RSS.
 */
#include <librdkafka/rdkafka.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { BATCH = 512, TIMEOUT_MS = 30000, CUT_BYTES = 100, COMMIT_MS = 100, NUDGE_MS = 20 };

__attribute__((noreturn)) static void die(const char *what)
{
    fprintf(stderr, "bare_client: %s\n", what);
    exit(1);
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[256];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) != RD_KAFKA_CONF_OK)
        die(why);
}

static double seconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static rd_kafka_t *client_of(rd_kafka_type_t type, rd_kafka_conf_t *conf)
{
    char why[256];
    rd_kafka_t *client = rd_kafka_new(type, conf, why, sizeof why);
    if (!client)
        die(why);
    return client;
}

static rd_kafka_t *consumer(const char *bootstrap)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", bootstrap);
    set(conf, "group.id", "bare-client");
    set(conf, "enable.auto.commit", "false");
    set(conf, "enable.partition.eof", "true");
    set(conf, "socket.nagle.disable", "true");
    rd_kafka_t *client = client_of(RD_KAFKA_CONSUMER, conf);
    rd_kafka_poll_set_consumer(client);
    return client;
}

static rd_kafka_t *producer(const char *bootstrap)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", bootstrap);
    set(conf, "transactional.id", "bare-client");
    set(conf, "compression.codec", "lz4");
    set(conf, "linger.ms", "5");
    set(conf, "socket.nagle.disable", "true");
    set(conf, "queue.buffering.max.messages", "2000000");
    rd_kafka_t *client = client_of(RD_KAFKA_PRODUCER, conf);
    rd_kafka_error_t *failure = rd_kafka_init_transactions(client, TIMEOUT_MS);
    if (failure)
        die(rd_kafka_error_string(failure));
    return client;
}

static int assign_all(rd_kafka_t *client, const char *topic)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(client, topic, NULL);
    if (rd_kafka_metadata(client, 0, handle, &metadata, TIMEOUT_MS))
        die("no metadata");
    rd_kafka_topic_destroy(handle);
    int count = metadata->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(count);
    for (int i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(list, topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_assign(client, list);
    rd_kafka_topic_partition_list_destroy(list);
    return count;
}

/* The library's consumer rests up to a second when its queue was full; a request to the leader wakes it. */
static void nudge(rd_kafka_t *client, rd_kafka_queue_t *queue, const char *topic)
{
    static double last;
    double now = seconds(CLOCK_MONOTONIC);
    int64_t low, high;
    if (rd_kafka_queue_length(queue) > 10000 || now - last < NUDGE_MS / 1000.0)
        return;
    last = now;
    rd_kafka_query_watermark_offsets(client, topic, 0, &low, &high, 100);
}

static void commit(rd_kafka_t *client, rd_kafka_t *from, const rd_kafka_topic_partition_list_t *positions)
{
    rd_kafka_consumer_group_metadata_t *group = rd_kafka_consumer_group_metadata(from);
    rd_kafka_error_t *failure = rd_kafka_send_offsets_to_transaction(client, positions, group, TIMEOUT_MS);
    if (!failure)
        failure = rd_kafka_commit_transaction(client, TIMEOUT_MS);
    if (failure)
        die(rd_kafka_error_string(failure));
    rd_kafka_consumer_group_metadata_destroy(group);
}

struct forward {
    rd_kafka_t *client;
    rd_kafka_topic_t *topic;
    unsigned kept_percent;
    bool open;
    double began;
    rd_kafka_topic_partition_list_t *positions;
};

static void forward_message(struct forward *forward, const rd_kafka_message_t *message, unsigned long number)
{
    if (!forward->open) {
        rd_kafka_error_t *failure = rd_kafka_begin_transaction(forward->client);
        if (failure)
            die(rd_kafka_error_string(failure));
        forward->open = true;
        forward->began = seconds(CLOCK_MONOTONIC);
    }
    forward->positions->elems[message->partition].offset = message->offset + 1;
    if (number * 61 % 100 >= forward->kept_percent)
        return;
    size_t size = message->len < CUT_BYTES ? message->len : CUT_BYTES;
    while (rd_kafka_produce(forward->topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, message->payload,
                            size, message->key, message->key_len, NULL) != 0) {
        if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            die(rd_kafka_err2str(rd_kafka_last_error()));
        rd_kafka_poll(forward->client, 10);
    }
}

static void report(const char *mode, unsigned long records, double began, double cpu_began)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double took = seconds(CLOCK_MONOTONIC) - began;
    double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu_began;
    printf(
        "{\"what\":\"%s\",\"records\":%lu,\"seconds\":%.3f,\"records_per_second\":%.0f,\"cpu_seconds\":%.3f,"
        "\"cpu_seconds_per_million\":%.3f,\"peak_rss_mib\":%.1f}\n",
        mode, records, took, (double)records / took, cpu, cpu / (double)records * 1e6,
        (double)usage.ru_maxrss / 1024);
}

static void run(const char *bootstrap, const char *topic, struct forward *forward)
{
    static rd_kafka_message_t *messages[BATCH];
    rd_kafka_t *client = consumer(bootstrap);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(client);
    double began = seconds(CLOCK_MONOTONIC), cpu_began = seconds(CLOCK_PROCESS_CPUTIME_ID);
    int partitions = assign_all(client, topic), at_end = 0;
    unsigned long records = 0;
    for (int i = 0; forward && i < partitions; i++)
        rd_kafka_topic_partition_list_add(forward->positions, topic, i)->offset = RD_KAFKA_OFFSET_INVALID;
    while (at_end < partitions) {
        ssize_t count = rd_kafka_consume_batch_queue(queue, 10, messages, BATCH);
        for (ssize_t i = 0; i < count; i++) {
            if (messages[i]->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
                at_end++;
            else if (messages[i]->err)
                die(rd_kafka_message_errstr(messages[i]));
            else if (forward)
                forward_message(forward, messages[i], records++);
            else
                records++;
            rd_kafka_message_destroy(messages[i]);
        }
        if (at_end < partitions)
            nudge(client, queue, topic);
        if (forward && forward->open &&
            (at_end == partitions || seconds(CLOCK_MONOTONIC) - forward->began > COMMIT_MS / 1000.0)) {
            commit(forward->client, client, forward->positions);
            forward->open = false;
        }
    }
    report(forward ? "bare forward, exactly once" : "bare consume", records, began, cpu_began);
    rd_kafka_queue_destroy(queue);
    rd_kafka_consumer_close(client);
    rd_kafka_destroy(client);
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "consume") == 0) {
        run(argv[2], argv[3], NULL);
        return 0;
    }
    if (argc != 6 || strcmp(argv[1], "forward") != 0)
        die("see the head of tests/bench/bare_client.c");
    struct forward forward = {
        .client = producer(argv[2]),
        .kept_percent = (unsigned)strtoul(argv[5], NULL, 10),
        .positions = rd_kafka_topic_partition_list_new(8),
    };
    forward.topic = rd_kafka_topic_new(forward.client, argv[4], NULL);
    run(argv[2], argv[3], &forward);
    rd_kafka_topic_partition_list_destroy(forward.positions);
    rd_kafka_topic_destroy(forward.topic);
    rd_kafka_destroy(forward.client);
    return 0;
}
