/*
 * What a measurement starts from: topics, and a sample in them (make bench).
 *
 *   load topics BOOTSTRAP PARTITIONS TOPIC...  (a TOPIC that ends in :compact is compacted)
 *   load sample BOOTSTRAP EVENTS-TOPIC CONSENT-TOPIC [events=N] [subscribers=N] [consent-subscribers=N]
 *        [opt-out-percent=N]                      (CONSENT-TOPIC - : no choices)
 *   load choices BOOTSTRAP CONSENT-TOPIC [entries=N]
 *   load opt-outs BOOTSTRAP CONSENT-TOPIC [count=N] [consent-subscribers=N] [rate=N] [wait=1]
 *   load opt-out-lines FILE [count=N] [consent-subscribers=N]
 *   load retractions BOOTSTRAP RETRACTIONS-TOPIC PROGRAMME [count=N]
 *
 * The sample is what `clickveil generate` makes, over the last day. Choices are made for consent-subscribers lines, of
 * which the events' subscribers are the first, so that a table can be larger than those who are seen. Topics hold lz4
 * batches of up to 1 MB, as busy producers write them. `sample` prints {"events","event_bytes","consents","seconds"}.
 * `choices` makes as many records of different subjects, for the consent table alone.
 * `opt-outs` is an import beside a run: so many `out`s of lines and accounts all over consent-subscribers, in no
 * order, `rate` a second (100,000). They are made before anything is sent, and with wait=1 the program stops itself
 * then (SIGSTOP) until somebody lets it go on: what it costs to make them is no part of an import. `opt-out-lines`
 * writes the same to a file, for `clickveil consent import`.
 * `retractions` makes some of subjects that nobody is: a table that is looked into and never answers.
 */
#include "common/clock.h"
#include "common/generate.h"
#include "common/retraction.h"

#include <librdkafka/rdkafka.h>

#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { TIMEOUT_MS = 60000, FULL_POLL_MS = 10, PACE_RECORDS = 1000 };

#define DAY_MS ((int64_t)24 * 3600 * 1000)

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[256];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) != RD_KAFKA_CONF_OK)
        die("%s: %s", name, why);
}

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    (void)client;
    (void)opaque;
    if (message->err)
        die("delivery: %s", rd_kafka_err2str(message->err));
}

static rd_kafka_t *producer(const char *bootstrap)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", bootstrap);
    set(conf, "enable.idempotence", "true");
    set(conf, "partitioner", "murmur2_random");
    set(conf, "compression.codec", "lz4");
    set(conf, "linger.ms", "20");
    set(conf, "batch.size", "1000000");
    set(conf, "delivery.report.only.error", "true");
    set(conf, "queue.buffering.max.kbytes", "131072");
    set(conf, "queue.buffering.max.messages", "1000000");
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    char why[256];
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (!client)
        die("%s", why);
    return client;
}

/* ---- topics ---- */

/* The name may end in `:compact`, as a consent topic must be. */
static rd_kafka_NewTopic_t *new_topic(char *name, int partitions)
{
    char why[256];
    char *colon = strchr(name, ':');
    if (colon)
        *colon++ = '\0';
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(name, partitions, 1, why, sizeof why);
    if (!topic || (colon && (strcmp(colon, "compact") != 0 ||
                             rd_kafka_NewTopic_set_config(topic, "cleanup.policy", colon) != 0)))
        die("%s: %s", name, topic ? "only `compact` may stand behind the colon" : why);
    return topic;
}

static void make_topics(const char *bootstrap, int partitions, char **names, size_t count)
{
    rd_kafka_t *client = producer(bootstrap);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_NewTopic_t **topics = calloc(count, sizeof(*topics));
    for (size_t i = 0; i < count; i++)
        topics[i] = new_topic(names[i], partitions);
    rd_kafka_CreateTopics(client, topics, count, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, TIMEOUT_MS);
    if (!event || rd_kafka_event_error(event))
        die("making topics: %s", event ? rd_kafka_event_error_string(event) : "no answer");
    size_t made;
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &made);
    for (size_t i = 0; i < made; i++) {
        if (rd_kafka_topic_result_error(results[i]))
            die("%s: %s", rd_kafka_topic_result_name(results[i]),
                rd_kafka_topic_result_error_string(results[i]));
    }
    rd_kafka_event_destroy(event);
    rd_kafka_NewTopic_destroy_array(topics, count);
    free(topics);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(client);
}

/* ---- records ---- */

static void put(rd_kafka_t *client, const char *topic, const struct generated *record)
{
    rd_kafka_resp_err_t code;
    while ((code = rd_kafka_producev(
                client, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_KEY(record->key.data, record->key.size),
                RD_KAFKA_V_VALUE((void *)record->value.data, record->value.size),
                RD_KAFKA_V_TIMESTAMP(record->timestamp_ms), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                RD_KAFKA_V_END)) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        rd_kafka_poll(client, FULL_POLL_MS);
    if (code)
        die("produce: %s", rd_kafka_err2str(code));
}

static uint64_t number(int argc, char **argv, const char *name, uint64_t fallback)
{
    size_t size = strlen(name);
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], name, size) == 0 && argv[i][size] == '=')
            return strtoull(argv[i] + size + 1, NULL, 10);
    }
    return fallback;
}

static struct generator *generator_of(const struct generate_options *options)
{
    struct error error = {0};
    struct generator *generator = generator_new(options, &error);
    if (!generator)
        die("%s", error.what);
    return generator;
}

static struct generate_names *names_of(const char *path)
{
    struct error error = {0};
    struct generate_names *names = generate_names_load(path, &error);
    if (!names)
        die("%s", error.what);
    return names;
}

/* ---- an import ---- */

struct choice {
    size_t at; /* the key in `bytes`, and behind it the value */
    uint16_t key_size, value_size;
    int64_t timestamp_ms;
};

struct choices {
    char *bytes;
    size_t size, capacity;
    struct choice *list;
    size_t count, list_capacity;
};

static void *grown(void *memory, size_t size)
{
    void *larger = realloc(memory, size);
    if (!larger)
        die("no memory");
    return larger;
}

static void keep(struct choices *choices, const struct generated *record)
{
    size_t size = record->key.size + record->value.size;
    if (choices->size + size > choices->capacity) {
        choices->capacity = choices->capacity * 2 + size;
        choices->bytes = grown(choices->bytes, choices->capacity);
    }
    if (choices->count == choices->list_capacity) {
        choices->list_capacity = choices->list_capacity * 2 + 1024;
        choices->list = grown(choices->list, choices->list_capacity * sizeof *choices->list);
    }
    memcpy(choices->bytes + choices->size, record->key.data, record->key.size);
    memcpy(choices->bytes + choices->size + record->key.size, record->value.data, record->value.size);
    choices->list[choices->count++] = (struct choice){choices->size, (uint16_t)record->key.size,
                                                      (uint16_t)record->value.size, record->timestamp_ms};
    choices->size += size;
}

/* Fisher and Yates. Those whose events come most often are the first subscribers: in order they would all be out before
 * the import has well begun. */
static void shuffle(struct choices *choices)
{
    uint64_t random = 1;
    for (size_t left = choices->count; left > 1; left--) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407); /* Knuth's MMIX */
        size_t other = (size_t)((random >> 32) % left);
        struct choice last = choices->list[left - 1];
        choices->list[left - 1] = choices->list[other];
        choices->list[other] = last;
    }
}

/* Some more than are needed, all over the subscribers. */
static void make_opt_outs(uint64_t count, uint64_t subscribers, struct choices *out_choices)
{
    struct generate_options options = generate_defaults();
    double share = 1.5 * (double)count / (double)subscribers;
    options.subscribers = subscribers;
    options.opt_out_share = share < 1 ? share : 1;
    options.opt_in_share = 0;
    options.start_ms = clock_unix_ms();
    options.duration_ms = DAY_MS;
    options.brands[0] = VIEW("tmobile");
    options.brand_count = 1;
    struct generate_names *hosts = names_of("config/rules/hosts.tsv");
    struct generate_names *apps = names_of("config/rules/apps.tsv");
    options.hosts = hosts;
    options.apps = apps;
    struct generator *generator = generator_of(&options);
    struct generated record;
    while (generator_next_consent(generator, &record)) {
        /* Not of those who had said yes before: the brake is not what is measured. */
        if (!memmem(record.value.data, record.value.size, "\"in\"", 4))
            keep(out_choices, &record);
    }
    generator_free(generator);
    generate_names_free(hosts);
    generate_names_free(apps);
    if (out_choices->count < count)
        die("there are fewer than %llu choices", (unsigned long long)count);
    shuffle(out_choices);
}

static void load_opt_outs(int argc, char **argv)
{
    uint64_t count = number(argc, argv, "count", 1000000), rate = number(argc, argv, "rate", 100000);
    struct choices choices = {0};
    make_opt_outs(count, number(argc, argv, "consent-subscribers", 6700000), &choices);
    rd_kafka_t *client = producer(argv[0]);
    if (number(argc, argv, "wait", 0))
        raise(SIGSTOP);
    int64_t began_ms = clock_monotonic_ms();
    for (uint64_t i = 0; i < count;) {
        const struct choice *choice = &choices.list[i];
        const char *key = choices.bytes + choice->at;
        struct generated record = {.key = {key, choice->key_size},
                                   .value = {key + choice->key_size, choice->value_size},
                                   .timestamp_ms = choice->timestamp_ms};
        put(client, argv[1], &record);
        if (++i % PACE_RECORDS == 0) {
            int64_t ahead_ms = began_ms + (int64_t)(i * 1000 / rate) - clock_monotonic_ms();
            if (ahead_ms > 0)
                clock_sleep_ms(ahead_ms);
        }
    }
    if (rd_kafka_flush(client, TIMEOUT_MS * 2))
        die("not everything was delivered");
    rd_kafka_destroy(client);
    free(choices.bytes);
    free(choices.list);
}

/* The same as lines, for `clickveil consent import`. */
static void write_opt_outs(int argc, char **argv)
{
    uint64_t count = number(argc, argv, "count", 1000000);
    struct choices choices = {0};
    make_opt_outs(count, number(argc, argv, "consent-subscribers", 6700000), &choices);
    FILE *file = fopen(argv[0], "we");
    if (!file)
        die("%s can't be written", argv[0]);
    for (uint64_t i = 0; i < count; i++) {
        const struct choice *choice = &choices.list[i];
        const char *key = choices.bytes + choice->at;
        fprintf(file, "{\"key\":\"%.*s\",\"value\":%.*s}\n", (int)choice->key_size, key,
                (int)choice->value_size, key + choice->key_size);
    }
    if (fclose(file))
        die("%s can't be written", argv[0]);
    free(choices.bytes);
    free(choices.list);
}

/* ---- retractions ---- */

static void load_retractions(int argc, char **argv)
{
    uint64_t count = number(argc, argv, "count", 400000);
    int64_t now_ms = clock_unix_ms();
    struct arena arena;
    struct error error = {0};
    if (!arena_init(&arena, 4096, 4096, &error))
        die("%s", error.what);
    rd_kafka_t *client = producer(argv[0]);
    for (uint64_t i = 0; i < count; i++) {
        struct retraction retraction = {.kind = SUBJECT_LINE,
                                        .programme = view_of_string(argv[2]),
                                        .time_ms = now_ms,
                                        .chosen_ms = now_ms};
        uint64_t words[2] = {(i + 1) * UINT64_C(0x9e3779b97f4a7c15), i}; /* spread as pseudonyms are */
        struct output output;
        memcpy(retraction.subject.bytes, words, sizeof words);
        if (!retraction_write(&retraction, &arena, &output))
            die("no memory");
        struct generated record = {.key = output.key, .value = output.value, .timestamp_ms = now_ms};
        put(client, argv[1], &record);
        arena_reset(&arena);
    }
    if (rd_kafka_flush(client, TIMEOUT_MS * 2))
        die("not everything was delivered");
    rd_kafka_destroy(client);
    arena_release(&arena);
}

/* ---- the sample ---- */

static void load_sample(int argc, char **argv)
{
    struct generate_options options = generate_defaults();
    options.events = number(argc, argv, "events", 2000000);
    options.subscribers = number(argc, argv, "subscribers", 250000);
    options.opt_out_share = (double)number(argc, argv, "opt-out-percent", 5) / 100;
    options.start_ms = clock_unix_ms() - DAY_MS;
    options.duration_ms = DAY_MS;
    options.brands[0] = VIEW("tmobile");
    options.brands[1] = VIEW("metro");
    options.brands[2] = VIEW("sprint");
    options.brand_count = 3;
    struct generate_names *hosts = names_of("config/rules/hosts.tsv");
    struct generate_names *apps = names_of("config/rules/apps.tsv");
    options.hosts = hosts;
    options.apps = apps;
    int64_t began_ms = clock_monotonic_ms();
    rd_kafka_t *client = producer(argv[0]);
    uint64_t consents = 0, bytes = 0;
    struct generated record;
    struct generate_options all = options;
    all.subscribers = number(argc, argv, "consent-subscribers", options.subscribers);
    struct generator *choices = generator_of(&all);
    bool without = strcmp(argv[2], "-") == 0;
    for (; !without && generator_next_consent(choices, &record); consents++)
        put(client, argv[2], &record);
    struct generator *events = generator_of(&options);
    for (uint64_t i = 0; i < options.events; i++) {
        generator_event(events, i, &record);
        bytes += record.value.size;
        put(client, argv[1], &record);
    }
    if (rd_kafka_flush(client, TIMEOUT_MS * 2))
        die("not everything was delivered");
    rd_kafka_destroy(client);
    printf("{\"events\":%llu,\"event_bytes\":%.0f,\"subscribers\":%llu,\"consents\":%llu,\"seconds\":%.1f}\n",
           (unsigned long long)options.events, (double)bytes / (double)options.events,
           (unsigned long long)options.subscribers, (unsigned long long)consents,
           (double)(clock_monotonic_ms() - began_ms) / 1000);
    generator_free(events);
    generator_free(choices);
    generate_names_free(hosts);
    generate_names_free(apps);
}

/* ---- choices alone ---- */

/* Everybody different, in no order; one in ten is an account. */
static void load_choices(int argc, char **argv)
{
    uint64_t entries = number(argc, argv, "entries", 1000000);
    int64_t began_ms = clock_monotonic_ms(), now_ms = clock_unix_ms();
    rd_kafka_t *client = producer(argv[0]);
    uint64_t bytes = 0;
    for (uint64_t i = 0; i < entries; i++) {
        char key[64], value[128];
        /* No two alike; and 14 digits, since 15 that begin so might be an IMSI. */
        unsigned long long id = i * 7654321 % 100000000000;
        int key_size = i % 10 ? snprintf(key, sizeof key, "line:+999%011llu", id)
                              : snprintf(key, sizeof key, "account:acct-%llu", id);
        int value_size =
            snprintf(value, sizeof value, "{\"choices\":{\"*\":\"%s\"},\"effective\":%lld,\"seq\":%llu}",
                     i % 8 ? "out" : "in", (long long)(now_ms - 1000 - (int64_t)(id % 31536000000)),
                     (unsigned long long)i);
        struct generated record = {
            .key = {key, (size_t)key_size}, .value = {value, (size_t)value_size}, .timestamp_ms = now_ms};
        bytes += record.key.size + record.value.size;
        put(client, argv[1], &record);
    }
    if (rd_kafka_flush(client, TIMEOUT_MS * 2))
        die("not everything was delivered");
    rd_kafka_destroy(client);
    printf("{\"entries\":%llu,\"bytes\":%.0f,\"seconds\":%.1f}\n", (unsigned long long)entries,
           (double)bytes / (double)entries, (double)(clock_monotonic_ms() - began_ms) / 1000);
}

int main(int argc, char **argv)
{
    if (argc >= 5 && strcmp(argv[1], "topics") == 0)
        make_topics(argv[2], (int)strtol(argv[3], NULL, 10), argv + 4, (size_t)argc - 4);
    else if (argc >= 5 && strcmp(argv[1], "sample") == 0)
        load_sample(argc - 2, argv + 2);
    else if (argc >= 4 && strcmp(argv[1], "opt-outs") == 0)
        load_opt_outs(argc - 2, argv + 2);
    else if (argc >= 3 && strcmp(argv[1], "opt-out-lines") == 0)
        write_opt_outs(argc - 2, argv + 2);
    else if (argc >= 5 && strcmp(argv[1], "retractions") == 0)
        load_retractions(argc - 2, argv + 2);
    else if (argc >= 4 && strcmp(argv[1], "choices") == 0)
        load_choices(argc - 2, argv + 2);
    else
        die("see the head of tests/bench/load.c");
    return 0;
}
