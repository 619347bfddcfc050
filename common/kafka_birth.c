#include "common/kafka_birth.h"

#include "common/clock.h"
#include "common/kafka_client.h"
#include "common/kafka_scan.h"

#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#define PREFIX "meta:birth:"

enum {
    PREFIX_SIZE = sizeof PREFIX - 1,
    UUID_SIZE = 36,
    POLL_MS = 100,
};

struct birth {
    int64_t offset;
    char uuid[SNAPSHOT_BIRTH_SIZE]; /* empty: none is known */
};

struct kafka_births {
    const struct config *config;
    const char *topic;
    int32_t partitions;
    pthread_mutex_t lock; /* what follows */
    struct birth *list;
    pthread_mutex_t asking;
    rd_kafka_t *client; /* made when first needed; `asking` */
};

struct kafka_births *kafka_births_new(const struct config *config, const char *topic, int32_t partitions)
{
    struct kafka_births *births = calloc(1, sizeof *births);
    if (!births)
        return NULL;
    *births = (struct kafka_births){.config = config, .topic = topic, .partitions = partitions};
    pthread_mutex_init(&births->lock, NULL);
    pthread_mutex_init(&births->asking, NULL);
    births->list = calloc((size_t)partitions + 1, sizeof *births->list);
    if (births->list)
        return births;
    kafka_births_free(births);
    return NULL;
}

void kafka_births_free(struct kafka_births *births)
{
    if (!births)
        return;
    if (births->client) {
        rd_kafka_consumer_close(births->client);
        rd_kafka_destroy(births->client);
    }
    pthread_mutex_destroy(&births->lock);
    pthread_mutex_destroy(&births->asking);
    free(births->list);
    free(births);
}

/* ---- knowing ---- */

static bool is_birth(struct view key, struct view author)
{
    return !view_is_absent(author) && key.size == PREFIX_SIZE + UUID_SIZE &&
           memcmp(key.data, PREFIX, PREFIX_SIZE) == 0;
}

static bool is_uuid(const struct birth *birth, struct view key)
{
    return memcmp(birth->uuid, key.data + PREFIX_SIZE, UUID_SIZE) == 0;
}

static bool fail_other(const struct kafka_births *births, int32_t partition, struct error *error)
{
    error_fail(
        error, EXIT_STATUS_UNAVAILABLE, NULL,
        "its choices can't be trusted to be complete any more: see what happened to it and put them back "
        "(`clickveil consent import`, or what fills it), then start again",
        "the topic was made anew: the birth record of partition %d is another", (int)partition);
    error_at(error, "%s", births->topic);
    return false;
}

bool kafka_births_note(struct kafka_births *births, int32_t partition, int64_t offset, struct view key,
                       struct view author, struct error *error)
{
    if (!is_birth(key, author) || partition >= births->partitions)
        return true;
    bool fine = true;
    pthread_mutex_lock(&births->lock);
    struct birth *birth = &births->list[partition];
    if (birth->uuid[0] && !is_uuid(birth, key)) {
        fine = fail_other(births, partition, error);
    } else {
        memcpy(birth->uuid, key.data + PREFIX_SIZE, UUID_SIZE);
        birth->offset = offset;
    }
    pthread_mutex_unlock(&births->lock);
    return fine;
}

bool kafka_births_get(struct kafka_births *births, struct snapshot_partition *partitions)
{
    bool all = true;
    pthread_mutex_lock(&births->lock);
    for (int32_t i = 0; i < births->partitions; i++) {
        const struct birth *birth = &births->list[i];
        partitions[i].birth_offset = birth->offset;
        memcpy(partitions[i].birth, birth->uuid, sizeof birth->uuid);
        all &= birth->uuid[0] != '\0';
    }
    pthread_mutex_unlock(&births->lock);
    return all;
}

bool kafka_births_set(struct kafka_births *births, const struct snapshot_partition *partitions)
{
    bool all = true;
    pthread_mutex_lock(&births->lock);
    for (int32_t i = 0; i < births->partitions; i++) {
        struct birth *birth = &births->list[i];
        *birth = (struct birth){.offset = partitions[i].birth_offset};
        memcpy(birth->uuid, partitions[i].birth, UUID_SIZE);
        all &= birth->uuid[0] != '\0';
    }
    pthread_mutex_unlock(&births->lock);
    return all;
}

void kafka_births_forget(struct kafka_births *births)
{
    pthread_mutex_lock(&births->lock);
    memset(births->list, 0, (size_t)births->partitions * sizeof *births->list);
    pthread_mutex_unlock(&births->lock);
}

/* ---- asking ---- */

struct question {
    struct kafka_births *births;
    struct birth *expected; /* of each partition; no uuid: not asked, or answered */
    int32_t left;
};

static bool fail_gone(const struct kafka_births *births, int32_t partition, struct error *error)
{
    error_fail(
        error, EXIT_STATUS_UNAVAILABLE, NULL,
        "its choices can't be trusted to be complete any more: see what happened to it and put them back "
        "(`clickveil consent import`, or what fills it), then start again",
        "the birth record of partition %d is not there any more: the topic was made anew or cut",
        (int)partition);
    error_at(error, "%s", births->topic);
    return false;
}

static bool take_answer(struct question *question, const rd_kafka_message_t *message, struct error *error)
{
    const struct kafka_births *births = question->births;
    if (message->partition < 0 || message->partition >= births->partitions)
        return true;
    struct birth *expected = &question->expected[message->partition];
    if (!expected->uuid[0])
        return true; /* records behind it */
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF ||
        message->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE ||
        message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET || kafka_is_topic_unknown(message->err))
        return fail_gone(births, message->partition, error);
    if (message->err)
        return true; /* it goes on trying */
    struct view key = {message->key, message->key_len};
    if (message->offset != expected->offset || key.size != PREFIX_SIZE + UUID_SIZE ||
        memcmp(key.data, PREFIX, PREFIX_SIZE) != 0)
        return fail_gone(births, message->partition, error);
    if (!is_uuid(expected, key))
        return fail_other(births, message->partition, error);
    expected->uuid[0] = '\0';
    question->left--;
    return true;
}

static bool ask(struct question *question, int timeout_ms, struct error *error)
{
    struct kafka_births *births = question->births;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(births->partitions);
    for (int32_t i = 0; i < births->partitions; i++) {
        if (question->expected[i].uuid[0])
            rd_kafka_topic_partition_list_add(list, births->topic, i)->offset = question->expected[i].offset;
    }
    rd_kafka_resp_err_t code = rd_kafka_assign(births->client, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code)
        return kafka_fail_code(error, code, "reading birth records");
    int64_t until_ms = clock_monotonic_ms() + timeout_ms;
    bool fine = true;
    while (fine && question->left > 0 && clock_monotonic_ms() < until_ms) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(births->client, POLL_MS);
        if (!message)
            continue;
        fine = take_answer(question, message, error);
        rd_kafka_message_destroy(message);
    }
    rd_kafka_assign(births->client, NULL);
    return fine && (question->left == 0 ||
                    kafka_fail_code(error, RD_KAFKA_RESP_ERR__TIMED_OUT, "reading birth records"));
}

bool kafka_births_check(struct kafka_births *births, int timeout_ms, struct error *error)
{
    size_t size = (size_t)births->partitions * sizeof(struct birth);
    struct question question = {.births = births, .expected = malloc(size + 1)};
    if (!question.expected)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, NULL, "no memory to read birth records");
    pthread_mutex_lock(&births->lock);
    memcpy(question.expected, births->list, size);
    pthread_mutex_unlock(&births->lock);
    for (int32_t i = 0; i < births->partitions; i++)
        question.left += question.expected[i].uuid[0] != '\0';
    bool fine = true;
    pthread_mutex_lock(&births->asking);
    if (question.left > 0 && !births->client) {
        struct kafka_client_spec spec = {.role = KAFKA_ROLE_GLANCE};
        births->client = kafka_client_new(births->config, &spec, error);
        fine = births->client != NULL;
    }
    if (fine && question.left > 0)
        fine = ask(&question, timeout_ms, error);
    pthread_mutex_unlock(&births->asking);
    free(question.expected);
    return fine;
}

/* ---- writing ---- */

/* RFC 9562, version 4. */
static void make_uuid(char out_text[UUID_SIZE + 1])
{
    uint8_t bytes[16];
    randombytes_buf(bytes, sizeof bytes);
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    char *at = out_text;
    for (unsigned i = 0; i < sizeof bytes; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *at++ = '-';
        at += snprintf(at, 3, "%02x", bytes[i]);
    }
}

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    (void)client;
    (void)opaque;
    if (message->err)
        *(rd_kafka_resp_err_t *)message->_private = message->err;
}

/* has: partitions that have one; NULL: none has. */
static bool write_births(const struct config *config, const char *topic, int32_t partitions, const bool *has,
                         int timeout_ms, struct error *error)
{
    struct kafka_client_spec spec = {.role = KAFKA_ROLE_PLAIN_PRODUCER, .delivery = on_delivery};
    rd_kafka_t *client = kafka_client_new(config, &spec, error);
    if (!client)
        return false;
    char key[PREFIX_SIZE + UUID_SIZE + 1] = PREFIX;
    make_uuid(key + PREFIX_SIZE);
    rd_kafka_resp_err_t failure = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (int32_t i = 0; !failure && i < partitions; i++) {
        if (has && has[i])
            continue;
        rd_kafka_resp_err_t code =
            rd_kafka_producev(client, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(i),
                              RD_KAFKA_V_KEY(key, PREFIX_SIZE + UUID_SIZE), RD_KAFKA_V_VALUE((void *)"{}", 2),
                              RD_KAFKA_V_HEADER("clickveil-author", "topics", 6), RD_KAFKA_V_OPAQUE(&failure),
                              RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
        failure = code ? code : failure;
    }
    rd_kafka_resp_err_t flushed = rd_kafka_flush(client, timeout_ms);
    failure = failure ? failure : flushed;
    if (flushed)
        rd_kafka_purge(client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_flush(client, timeout_ms);
    rd_kafka_destroy(client);
    return !failure || kafka_fail_code(error, failure, "writing birth records");
}

bool kafka_births_write(const struct config *config, const char *topic, int32_t partitions, int timeout_ms,
                        struct error *error)
{
    return write_births(config, topic, partitions, NULL, timeout_ms, error);
}

struct search {
    bool *has; /* of each partition */
    int32_t partitions, left;
    void (*progress)(void *context, double ratio);
};

/* False, without an error: all are found. */
static bool look_for_birth(void *context, const struct kafka_scan_record *record, struct error *error)
{
    struct search *search = context;
    (void)error;
    if (record->partition < search->partitions && !search->has[record->partition] &&
        is_birth(record->key, record->author)) {
        search->has[record->partition] = true;
        search->left--;
    }
    return search->left > 0;
}

static void pass_progress(void *context, double ratio)
{
    const struct search *search = context;
    search->progress(NULL, ratio);
}

bool kafka_births_complete(const struct config *config, const char *topic, int32_t partitions, int timeout_ms,
                           void (*progress)(void *context, double ratio), int32_t *out_written,
                           struct error *error)
{
    struct search search = {.has = calloc((size_t)partitions + 1, sizeof *search.has),
                            .partitions = partitions,
                            .left = partitions,
                            .progress = progress};
    if (!search.has)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory",
                          "no memory to look for birth records");
    const struct kafka_scan scan = {.config = config,
                                    .topic = topic,
                                    .timeout_ms = timeout_ms,
                                    .visit = look_for_birth,
                                    .context = &search,
                                    .progress = progress ? pass_progress : NULL};
    bool fine = kafka_scan(&scan, error) || search.left == 0;
    if (fine && search.left > 0)
        fine = write_births(config, topic, partitions, search.has, timeout_ms, error);
    free(search.has);
    if (fine)
        *out_written = search.left;
    return fine;
}
