#include "common/kafka_client.h"

#include "common/clock.h"
#include "common/config_kafka.h"
#include "common/kafka_property.h"
#include "common/log.h"
#include "common/rfc3339.h"
#include "common/topic_plan.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>

struct property {
    const char *name;
    const char *value;
};

/* What an operator may change stands in the `_defaults`, set before his properties; what the guarantees need stands in
 * the others, set after them. Lint has refused what would contradict the latter. */
static const struct property common_defaults[] = {
    {"socket.nagle.disable", "true"}, /* rule 11 */
    {"log.connection.close", "false"},
    {"socket.timeout.ms", "8000"}, /* CONFIG_SOCKET_TIMEOUT_MS, which lint nests (rule 6) */
    {NULL, NULL},
};

static const struct property consumer_defaults[] = {
    {"fetch.wait.max.ms", "100"},
    {"topic.metadata.refresh.interval.ms", "30000"},
    {NULL, NULL},
};

static const struct property producer_defaults[] = {
    {"compression.codec", "lz4"},
    {"linger.ms", "5"},
    {NULL, NULL},
};

/* Architecture 4: rules 2, 7, 8, 11. The consumer never commits by itself, begins where we say, and says when it has
 * reached the end of a partition (markers behind the last record have no message of their own). */
static const struct property consumer_properties[] = {
    {"enable.auto.commit", "false"},
    {"enable.auto.offset.store", "false"},
    {"auto.offset.reset", "error"},
    {"enable.partition.eof", "true"},
    {"partition.assignment.strategy", "range"}, /* eager: issues 4059, 4800, 4636, 4528 */
    {"log.queue", "true"},
    {NULL, NULL},
};

static const struct property producer_properties[] = {
    {"enable.idempotence", "true"},
    {"partitioner", "murmur2_random"}, /* rule 9 */
    {"delivery.report.only.error", "true"},
    {"log.queue", "true"},
    {NULL, NULL},
};

enum {
    /* Outputs of a transaction besides one or two a record: due slots, changelog, positions. A full queue only waits. */
    QUEUE_MESSAGES_SPARE = 65536,
    GROUP_SIZE = 256,
    SAID_MS = 30000,
    AGAIN_MS = 100,
    QUEUE_KBYTES_MAX = 2097151, /* the library's own bound of queued.max.messages.kbytes */
};

_Static_assert(CONFIG_SOCKET_TIMEOUT_MS == 8000, "lint and the client agree");

/* ---- what the library says ---- */

/* A process has a dozen clients, and each says the same of a broker that is away with every try to reach it, but for the
 * time it took, which stands in brackets at the end. Was this said in the last half minute? */
static bool was_said(const char *text)
{
    static struct {
        uint64_t hash;
        int64_t at_ms;
    } said[64];
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    const char *end = strstr(text, " (after ");
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (const char *c = text; *c && c != end; c++)
        hash = (hash ^ (unsigned char)*c) * 1099511628211u;
    int64_t now_ms = clock_monotonic_ms();
    pthread_mutex_lock(&lock);
    bool known = said[hash % 64].hash == hash && now_ms - said[hash % 64].at_ms < SAID_MS;
    if (!known) {
        said[hash % 64].hash = hash;
        said[hash % 64].at_ms = now_ms;
    }
    pthread_mutex_unlock(&lock);
    return known;
}

static void on_log(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
    (void)client;
    /* Connections that fail come as errors too. */
    if (strcmp(facility, "FAIL") == 0)
        level = LOG_DEBUG;
    enum log_level ours = level <= LOG_ERR       ? LOG_LEVEL_ERROR
                          : level <= LOG_WARNING ? LOG_LEVEL_WARNING
                          : level <= LOG_INFO    ? LOG_LEVEL_INFO
                                                 : LOG_LEVEL_DEBUG;
    log_line(ours, "kafka_client", "%s: %s", facility, text);
}

static void on_log_nothing(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
    (void)client;
    (void)level;
    (void)facility;
    (void)text;
}

/* Who waits for a broker says so; here stands why it can't be reached, and what nobody else hears. */
static void on_error(rd_kafka_t *client, int code, const char *reason, void *opaque)
{
    (void)client;
    (void)opaque;
    if (code == RD_KAFKA_RESP_ERR__FATAL)
        return; /* the library logs it, and the next call gives it to whoever decides */
    if (kafka_is_unreachable(code) && was_said(reason))
        return;
    log_line(kafka_is_unreachable(code) ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR, "kafka_error", "%s: %s",
             rd_kafka_err2name(code), reason);
}

static bool set_property(rd_kafka_conf_t *conf, const char *name, const char *value, struct error *error)
{
    char why[ERROR_TEXT_SIZE];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) == RD_KAFKA_CONF_OK)
        return true;
    /* The library's own text can repeat the value, which may be a password. */
    if (kafka_property_judge(name, value, why, sizeof why))
        snprintf(why, sizeof why, "librdkafka does not take '%s' here", name);
    return error_fail(error, EXIT_STATUS_CONFIGURATION, "kafka", NULL, "%s", why);
}

static bool set_all(rd_kafka_conf_t *conf, const struct property *properties, struct error *error)
{
    for (; properties->name; properties++) {
        if (!set_property(conf, properties->name, properties->value, error))
            return false;
    }
    return true;
}

static bool is_producer(enum kafka_role role)
{
    return role == KAFKA_ROLE_PRODUCER || role == KAFKA_ROLE_PLAIN_PRODUCER;
}

static bool is_for_other_role(const char *name, enum kafka_role role)
{
    static const char *const producer_only[] = {"linger.ms",
                                                "queue.buffering.max.kbytes",
                                                "message.timeout.ms",
                                                "delivery.timeout.ms",
                                                "batch.size",
                                                "batch.num.messages",
                                                "compression.codec",
                                                "compression.type",
                                                "compression.level",
                                                "acks",
                                                "request.required.acks",
                                                "queue.buffering.max.messages",
                                                "queue.buffering.max.ms",
                                                "transaction.timeout.ms",
                                                "retries",
                                                "message.send.max.retries",
                                                "request.timeout.ms",
                                                "sticky.partitioning.linger.ms",
                                                NULL};
    static const char *const consumer_prefixes[] = {
        "fetch.",     "queued.",    "session.timeout.",     "max.poll.",
        "heartbeat.", "check.crcs", "max.partition.fetch.", NULL};
    if (!is_producer(role)) {
        for (unsigned i = 0; producer_only[i]; i++) {
            if (strcmp(name, producer_only[i]) == 0)
                return true;
        }
        return false;
    }
    for (unsigned i = 0; consumer_prefixes[i]; i++) {
        if (strncmp(name, consumer_prefixes[i], strlen(consumer_prefixes[i])) == 0)
            return true;
    }
    return false;
}

static bool names_brokers(const char *name)
{
    return strcmp(name, "bootstrap.servers") == 0 || strcmp(name, "metadata.broker.list") == 0;
}

static bool set_operator_properties(rd_kafka_conf_t *conf, const struct config *config,
                                    const struct kafka_client_spec *spec, struct error *error)
{
    const struct option_pair *pairs = config->kafka.items;
    for (unsigned i = 0; i < config->kafka.count; i++) {
        if (spec->offline && names_brokers(pairs[i].key.data))
            continue;
        if (is_for_other_role(pairs[i].key.data, spec->role) ||
            set_property(conf, pairs[i].key.data, pairs[i].value.data, error))
            continue;
        const struct option_place *place = &pairs[i].place;
        error_at(error, "%s:%u:%u", place->file, place->line, place->column);
        return false;
    }
    return true;
}

static bool set_number(rd_kafka_conf_t *conf, const char *name, int64_t value, struct error *error)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)value);
    return set_property(conf, name, text, error);
}

static bool set_worker(rd_kafka_conf_t *conf, const struct config *config,
                       const struct kafka_client_spec *spec, struct error *error)
{
    int64_t queue_kbytes = config->runtime.queue_bytes_max / 1024;
    if (queue_kbytes > QUEUE_KBYTES_MAX)
        queue_kbytes = QUEUE_KBYTES_MAX;
    if (!set_property(conf, "group.id", spec->identity, error) ||
        !set_property(conf, "isolation.level", "read_committed", error) ||
        !set_number(conf, "queued.max.messages.kbytes", queue_kbytes, error))
        return false;
    if (spec->member && !set_property(conf, "group.instance.id", spec->member, error))
        return false;
    rd_kafka_conf_set_rebalance_cb(conf, spec->rebalance);
    return true;
}

/* Others wait for its position: an empty answer says that a partition's end is reached. What it reads is small records, and
 * the library keeps some 300 bytes for each beside its content, of up to 100,000 a partition unless told. */
static bool set_side_input(rd_kafka_conf_t *conf, const struct config *config,
                           const struct kafka_client_spec *spec, struct error *error)
{
    return set_worker(conf, config, spec, error) && set_property(conf, "fetch.wait.max.ms", "20", error) &&
           set_property(conf, "queued.min.messages", "10000", error) &&
           set_number(conf, "queued.max.messages.kbytes", KAFKA_SIDE_PREFETCH_MIB * 1024, error);
}

/* Assigning partitions needs a group's name, though nothing joins or commits under it: one that an access rule for the
 * prefix of the pipeline's name covers. */
static bool set_follower(rd_kafka_conf_t *conf, const struct config *config, enum kafka_role role,
                         struct error *error)
{
    char group[GROUP_SIZE];
    snprintf(group, sizeof group, "%s.none", config->pipeline.data);
    return set_property(conf, "group.id", group, error) &&
           set_property(conf, "isolation.level",
                        role == KAFKA_ROLE_COMMITTED ? "read_committed" : "read_uncommitted", error) &&
           set_property(conf, "queued.max.messages.kbytes", "16384", error) &&
           (role != KAFKA_ROLE_GLANCE || (set_property(conf, "fetch.message.max.bytes", "1024", error) &&
                                          set_property(conf, "queued.min.messages", "1", error))) &&
           /* The end of a partition is told by an empty answer, and barriers wait for it; yet each asks the broker again.
            * With 20 the followers took 8 % of the throughput, and a storm of choices was no faster (make bench). */
           set_property(conf, "fetch.wait.max.ms", "50", error);
}

static bool set_producer(rd_kafka_conf_t *conf, const struct config *config,
                         const struct kafka_client_spec *spec, struct error *error)
{
    if (!set_property(conf, "transactional.id", spec->identity, error) ||
        !set_number(conf, "transaction.timeout.ms", config->runtime.transaction_timeout_ms, error) ||
        !set_number(conf, "queue.buffering.max.kbytes", config->runtime.memory_bytes_max / 1024 + 1, error) ||
        !set_number(conf, "queue.buffering.max.messages",
                    config->runtime.batch_records_max * 2 + QUEUE_MESSAGES_SPARE, error) ||
        (spec->receipts && !set_property(conf, "delivery.report.only.error", "false", error)))
        return false;
    rd_kafka_conf_set_dr_msg_cb(conf, spec->delivery);
    return true;
}

static bool set_role(rd_kafka_conf_t *conf, const struct config *config, const struct kafka_client_spec *spec,
                     struct error *error)
{
    bool producer = is_producer(spec->role);
    if (!set_all(conf, common_defaults, error) ||
        !set_all(conf, producer ? producer_defaults : consumer_defaults, error) ||
        /* Rule 6: at most the transaction's time-out, which lint also asks of the operator's. */
        (producer &&
         !set_number(conf, "message.timeout.ms", config->runtime.transaction_timeout_ms, error)) ||
        !set_operator_properties(conf, config, spec, error) ||
        !set_all(conf, producer ? producer_properties : consumer_properties, error))
        return false;
    switch (spec->role) {
    case KAFKA_ROLE_WORKER:
        return set_worker(conf, config, spec, error);
    case KAFKA_ROLE_SIDE_INPUT:
        return set_side_input(conf, config, spec, error);
    case KAFKA_ROLE_COMMITTED:
    case KAFKA_ROLE_UNCOMMITTED:
    case KAFKA_ROLE_OFFSETS:
    case KAFKA_ROLE_GLANCE:
        return set_follower(conf, config, spec->role, error);
    case KAFKA_ROLE_PRODUCER:
        return set_producer(conf, config, spec, error);
    case KAFKA_ROLE_PLAIN_PRODUCER:
        rd_kafka_conf_set_dr_msg_cb(conf, spec->delivery);
        return true;
    case KAFKA_ROLE_NONE:
        break;
    }
    ensure(!"a role");
    return false;
}

/* ---- requests without an answer ---- */

#define INTERCEPTOR "clickveil"

static rd_kafka_resp_err_t on_response(rd_kafka_t *client, int descriptor, const char *broker,
                                       int32_t broker_id, int16_t request, int16_t version,
                                       int32_t correlation, size_t size, int64_t rtt,
                                       rd_kafka_resp_err_t error, void *opaque)
{
    (void)client;
    (void)descriptor;
    (void)broker;
    (void)broker_id;
    (void)version;
    (void)correlation;
    (void)size;
    (void)rtt;
    const struct kafka_listener *listener = opaque;
    if (error)
        listener->unanswered(request, listener->opaque);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t on_new(rd_kafka_t *client, const rd_kafka_conf_t *conf, void *opaque, char *why,
                                  size_t why_size)
{
    (void)conf;
    (void)why;
    (void)why_size;
    return rd_kafka_interceptor_add_on_response_received(client, INTERCEPTOR, on_response, opaque);
}

rd_kafka_t *kafka_client_new(const struct config *config, const struct kafka_client_spec *spec,
                             struct error *error)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (!set_role(conf, config, spec, error)) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    rd_kafka_conf_set_opaque(conf, spec->opaque);
    rd_kafka_conf_set_log_cb(conf, spec->offline ? on_log_nothing : on_log);
    rd_kafka_conf_set_error_cb(conf, on_error);
    if (spec->listener)
        rd_kafka_conf_interceptor_add_on_new(conf, INTERCEPTOR, on_new, (void *)spec->listener);
    char why[ERROR_TEXT_SIZE] = "";
    rd_kafka_t *client =
        rd_kafka_new(is_producer(spec->role) ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (!client) {
        rd_kafka_conf_destroy(conf);
        (void)error_fail(error, EXIT_STATUS_CONFIGURATION, "kafka", "correct the properties under `kafka:`",
                         "librdkafka does not start: %s", why);
        return NULL;
    }
    /* Log lines are written by the threads that poll, so that a slow reader of our log never holds up the library's own
     * (rule 11). */
    rd_kafka_set_log_queue(client, NULL);
    /* Everything of a consumer arrives in one queue, rebalances too. */
    if (!is_producer(spec->role) && spec->role != KAFKA_ROLE_OFFSETS)
        rd_kafka_poll_set_consumer(client);
    return client;
}

void kafka_serve(rd_kafka_t *client)
{
    rd_kafka_poll(client, 0);
}

const char *kafka_library_version(void)
{
    return rd_kafka_version_str();
}

bool kafka_is_unreachable(rd_kafka_resp_err_t code)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__WAIT_COORD:
    case RD_KAFKA_RESP_ERR__WAIT_CACHE:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
        return true;
    default:
        return false;
    }
}

bool kafka_skips_records(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__BAD_MSG || code == RD_KAFKA_RESP_ERR__BAD_COMPRESSION ||
           code == RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED || code == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE ||
           code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
}

bool kafka_is_topic_unknown(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
           code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
}

/* What passes by itself, besides a broker that is not there: leaders that have just changed, and offsets of a transaction
 * that is still being ended. */
static bool passes(rd_kafka_resp_err_t code)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR__IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR:
    case RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT:
        return true;
    default:
        return kafka_is_unreachable(code);
    }
}

bool kafka_fail_code(struct error *error, rd_kafka_resp_err_t code, const char *doing)
{
    error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, NULL, "%s: %s (%s)", doing, rd_kafka_err2str(code),
               rd_kafka_err2name(code));
    if (error)
        error->retriable = passes(code);
    return false;
}

bool kafka_fail(struct error *error, rd_kafka_error_t *failure, const char *doing)
{
    error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, NULL, "%s: %s (%s)", doing,
               rd_kafka_error_string(failure), rd_kafka_error_name(failure));
    if (error) {
        error->retriable = rd_kafka_error_is_retriable(failure);
        error->abort_transaction = rd_kafka_error_txn_requires_abort(failure);
        error->fatal = rd_kafka_error_is_fatal(failure);
    }
    rd_kafka_error_destroy(failure);
    return false;
}

bool kafka_may_try_again(int64_t until_ms, struct error *error)
{
    if (!error->retriable || clock_monotonic_ms() + AGAIN_MS >= until_ms)
        return false;
    clock_sleep_ms(AGAIN_MS);
    *error = (struct error){0};
    return true;
}

/* Asked by beginning a transaction, which is refused while one is open, and then with the reason for which that one has
 * failed. */
bool kafka_purged_because(rd_kafka_t *producer, rd_kafka_resp_err_t code, rd_kafka_resp_err_t *out_code,
                          struct error *error)
{
    if (code != RD_KAFKA_RESP_ERR__PURGE_QUEUE && code != RD_KAFKA_RESP_ERR__PURGE_INFLIGHT)
        return false;
    rd_kafka_error_t *failure = rd_kafka_begin_transaction(producer);
    if (!failure || rd_kafka_error_code(failure) == RD_KAFKA_RESP_ERR__STATE) {
        ensure(failure != NULL); /* none was open */
        rd_kafka_error_destroy(failure);
        return false;
    }
    *out_code = rd_kafka_error_code(failure);
    (void)kafka_fail(error, failure, "writing in a transaction");
    return true;
}

static bool topic_missing(struct error *error, const char *topic)
{
    return error_fail(error, EXIT_STATUS_CONFIGURATION, NULL,
                      "create it, `clickveil topics create --config FILE` makes every topic that is needed",
                      "the topic %s does not exist", topic);
}

bool kafka_topic_partitions(rd_kafka_t *client, const char *topic, int timeout_ms, int32_t *out_partitions,
                            struct error *error)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(client, topic, NULL);
    if (!handle)
        return kafka_fail_code(error, rd_kafka_last_error(), "asking for a topic");
    rd_kafka_resp_err_t code = rd_kafka_metadata(client, 0, handle, &metadata, timeout_ms);
    rd_kafka_topic_destroy(handle);
    if (code)
        return kafka_fail_code(error, code, "asking the broker for its topics");
    bool found = metadata->topic_cnt == 1 && metadata->topics[0].err == RD_KAFKA_RESP_ERR_NO_ERROR &&
                 metadata->topics[0].partition_cnt > 0;
    rd_kafka_resp_err_t why = metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR_NO_ERROR;
    int32_t partitions = found ? metadata->topics[0].partition_cnt : 0;
    rd_kafka_metadata_destroy(metadata);
    if (found) {
        *out_partitions = partitions;
        return true;
    }
    if (why != RD_KAFKA_RESP_ERR_NO_ERROR && why != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        return kafka_fail_code(error, why, topic);
    return topic_missing(error, topic);
}

static rd_kafka_resp_err_t ask_offsets(rd_kafka_t *client, const char *topic, int32_t partitions,
                                       int64_t when, int timeout_ms, int64_t *out_offsets)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    for (int32_t i = 0; i < partitions; i++)
        rd_kafka_topic_partition_list_add(list, topic, i)->offset = when;
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(client, list, timeout_ms);
    for (int i = 0; i < list->cnt && !code; i++)
        code = list->elems[i].err;
    /* A negative offset without an error is an answer that never came. */
    for (int i = 0; i < list->cnt && !code; i++)
        code = list->elems[i].offset < 0 ? RD_KAFKA_RESP_ERR__TIMED_OUT : RD_KAFKA_RESP_ERR_NO_ERROR;
    for (int i = 0; i < list->cnt && !code; i++)
        out_offsets[list->elems[i].partition] = list->elems[i].offset;
    rd_kafka_topic_partition_list_destroy(list);
    return code;
}

/* A broker that has just started does not know all its partitions yet; the library remembers what it said for a quarter of
 * an hour and answers from that. Whether a topic is there, only fresh metadata say, and they renew its memory. */
static bool offsets_by_time(rd_kafka_t *client, const char *topic, int32_t partitions, int64_t when,
                            int timeout_ms, int64_t *out_offsets, struct error *error)
{
    int32_t now;
    rd_kafka_resp_err_t code = ask_offsets(client, topic, partitions, when, timeout_ms, out_offsets);
    if (kafka_is_topic_unknown(code)) {
        if (!kafka_topic_partitions(client, topic, timeout_ms, &now, error))
            return false;
        code = ask_offsets(client, topic, partitions, when, timeout_ms, out_offsets);
    }
    if (!code)
        return true;
    (void)kafka_fail_code(error, code, "asking for end offsets");
    if (error && kafka_is_topic_unknown(code))
        error->retriable = true;
    return false;
}

bool kafka_end_offsets(rd_kafka_t *client, const char *topic, int32_t partitions, int timeout_ms,
                       int64_t *out_offsets, struct error *error)
{
    return offsets_by_time(client, topic, partitions, -1, timeout_ms, out_offsets, error);
}

bool kafka_first_offsets(rd_kafka_t *client, const char *topic, int32_t partitions, int timeout_ms,
                         int64_t *out_offsets, struct error *error)
{
    return offsets_by_time(client, topic, partitions, -2, timeout_ms, out_offsets, error);
}

int64_t kafka_timestamp_ms(const rd_kafka_message_t *message)
{
    rd_kafka_timestamp_type_t type;
    int64_t time_ms = rd_kafka_message_timestamp(message, &type);
    return time_ms >= 0 && time_ms < RFC3339_YEAR_10000_MS ? time_ms : -1;
}

bool kafka_preflight(rd_kafka_t *client, const struct config *config, int timeout_ms, struct error *error)
{
    int32_t partitions;
    for (enum topic_role role = TOPIC_EVENTS; role < TOPIC_FEED; role++) {
        struct view name = config_topic(config, role, 0);
        if ((topic_plan_reads(config, role) || topic_plan_writes(config, role)) &&
            !kafka_topic_partitions(client, name.data, timeout_ms, &partitions, error))
            return false;
    }
    if (config_output_topic(config) != TOPIC_NONE)
        return true;
    for (unsigned feed = 0;; feed++) {
        struct view name = config_topic(config, TOPIC_FEED, feed);
        if (view_is_absent(name))
            return true;
        if (!kafka_topic_partitions(client, name.data, timeout_ms, &partitions, error))
            return false;
    }
}

bool kafka_check_properties(const struct config *config, struct error *error)
{
    static const struct kafka_client_spec specs[] = {
        {.role = KAFKA_ROLE_WORKER, .identity = "check", .offline = true},
        {.role = KAFKA_ROLE_PRODUCER, .identity = "check", .offline = true},
    };
    for (unsigned i = 0; i < sizeof specs / sizeof specs[0]; i++) {
        rd_kafka_t *client = kafka_client_new(config, &specs[i], error);
        if (!client)
            return false;
        rd_kafka_destroy(client);
    }
    return true;
}
