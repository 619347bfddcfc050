#include "common/config_kafka.h"

#include "common/kafka_property.h"

#include <strings.h>

struct guard {
    const char *name;
    const char *allowed; /* values that say what is set anyway, with commas; NULL: none */
    const char *reason;
};

/* Properties of librdkafka 2.0.2 to 2.8.0; the reference has this table for operators. */
static const struct guard guards[] = {
    /* Exactly once: offsets are committed in the transaction, by us, and nowhere else. */
    {"enable.auto.commit", "false,f,0",
     "offsets are committed inside the transaction; committing them beside it loses or doubles records"},
    {"auto.commit.enable", "false,f,0",
     "offsets are committed inside the transaction; committing them beside it loses or doubles records"},
    {"enable.auto.offset.store", "false,f,0",
     "positions are kept by clickveil; storing them when a record is fetched would skip records after an "
     "abort"},
    {"offset.store.method", "broker", "offsets are committed inside the transaction, never to a file"},
    {"offset.store.path", NULL, "offsets are committed inside the transaction, never to a file"},
    {"isolation.level", "read_committed",
     "reading uncommitted input turns off stable offsets and processes aborted records"},
    {"transactional.id", NULL,
     "it is made of 'pipeline', 'instance' and the worker's number; set 'instance'"},
    {"transaction.timeout.ms", NULL,
     "set 'runtime.transaction_timeout', which the other time-outs are checked against"},
    {"enable.idempotence", "true,t,1", "without it a retry can double records; transactions need it"},
    {"acks", "all,-1", "a record that only some replicas have can be lost; transactions need all"},
    {"request.required.acks", "all,-1",
     "a record that only some replicas have can be lost; transactions need all"},
    {"max.in.flight", "1,2,3,4,5", "with more than 5 requests in flight a retry can change the order"},
    {"max.in.flight.requests.per.connection", "1,2,3,4,5",
     "with more than 5 requests in flight a retry can change the order"},
    {"queuing.strategy", "fifo", "lifo changes the order of records; order is kept per key"},
    {"enable.gapless.guarantee", "false,f,0",
     "it makes one failed record fatal to the producer; clickveil aborts and processes again"},
    {"broker.version.fallback", NULL, "transactions need what the broker really speaks"},
    {"api.version.request", "true,t,1", "transactions need what the broker really speaks"},
    {"test.mock.num.brokers", NULL,
     "the mock broker has no isolation and keeps no offsets; 'clickveil demo' uses it"},

    /* Membership: who owns which partition. */
    {"group.id", NULL,
     "it is made of 'pipeline' and the stages that run, so that all instances share the work; two groups "
     "would "
     "process every event twice"},
    {"group.instance.id", NULL, "set 'runtime.static: true', which makes one per worker"},
    {"partition.assignment.strategy", "range",
     "state is kept per partition under eager assignment; cooperative rebalancing has open bugs in the "
     "library "
     "(issues 4059, 4800, 4636, 4528)"},
    {"group.protocol", "classic",
     "state is kept per partition under the classic protocol's eager assignment"},
    {"group.remote.assignor", NULL,
     "state is kept per partition under the classic protocol's eager assignment"},

    /* Completeness: where reading begins and ends. */
    {"auto.offset.reset", "error",
     "a position that is gone must stop the stage: 'latest' loses records silently, 'earliest' doubles them"},
    {"enable.partition.eof", NULL,
     "clickveil sets it per client; an open transaction would hide opt-outs from it"},
    {"allow.auto.create.topics", "false,f,0",
     "a misspelt consent topic would come into being, empty; 'clickveil topics create' makes topics"},
    {"topic.blacklist", NULL, "a topic that is hidden from the client can't be complete"},

    /* One person in one partition. */
    {"partitioner", "murmur2_random",
     "topics are partitioned as Java's clients do it, so that one person is in one partition"},
    {"msg_order_cmp", NULL, "order is kept per key"},

    /* Memory has a bound. */
    {"queued.max.messages.kbytes", NULL, "set 'runtime.queue_max', which memory is reckoned from"},
    {"queue.buffering.max.kbytes", NULL, "it follows from 'runtime.memory_max'; set that"},
    {"queue.buffering.max.messages", NULL, "it follows from 'runtime.batch_records_max'; set that"},

    /* Who sees records. */
    {"plugin.library.paths", NULL,
     "code that is loaded into the client sees records before consent was asked"},
    {"enable.random.seed", "true,t,1", "predictable randomness is for tests of the library"},
    {"log.queue", "true,t,1",
     "log lines come through clickveil's own log, which is limited and never shows an ID"},
    {"log_cb", NULL, "callbacks are clickveil's own"},
    {NULL, NULL, NULL},
};

/* Two names of one property: the later would silently win. */
static const char *const aliases[][2] = {
    {"bootstrap.servers", "metadata.broker.list"},
    {"message.timeout.ms", "delivery.timeout.ms"},
    {"compression.codec", "compression.type"},
    {"linger.ms", "queue.buffering.max.ms"},
    {"acks", "request.required.acks"},
    {"message.send.max.retries", "retries"},
    {"max.in.flight", "max.in.flight.requests.per.connection"},
    {"sasl.mechanisms", "sasl.mechanism"},
    {"fetch.message.max.bytes", "max.partition.fetch.bytes"},
    {NULL, NULL},
};

bool config_kafka_judge_name(struct view text, char *why, size_t why_size)
{
    bool good = text.size > 0 && text.size <= 64;
    for (size_t i = 0; good && i < text.size; i++) {
        char c = text.data[i];
        good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    }
    if (!good)
        snprintf(why, why_size,
                 "this key is not the name of a librdkafka property; those are lower-case words with dots");
    return good;
}

static const struct option_pair *find(const struct config *config, const char *name)
{
    const struct option_pair *pairs = config->kafka.items;
    for (unsigned i = 0; i < config->kafka.count; i++) {
        if (view_equal_string(pairs[i].key, name))
            return &pairs[i];
    }
    return NULL;
}

static bool is_allowed(const char *allowed, struct view value)
{
    while (allowed && *allowed) {
        size_t size = strcspn(allowed, ",");
        if (value.size == size && strncasecmp(allowed, value.data, size) == 0)
            return true;
        allowed += size + (allowed[size] == ',');
    }
    return false;
}

static void check_guards(const struct config *config, struct lint *lint)
{
    for (const struct guard *guard = guards; guard->name; guard++) {
        const struct option_pair *pair = find(config, guard->name);
        if (!pair || is_allowed(guard->allowed, pair->value))
            continue;
        lint_report(lint, LINT_ERROR, &pair->place, "%s can't be set%s: %s", guard->name,
                    guard->allowed ? " to this value" : "", guard->reason);
    }
}

static bool is_guarded(struct view name)
{
    for (const struct guard *guard = guards; guard->name; guard++) {
        if (view_equal_string(name, guard->name))
            return true;
    }
    return false;
}

/* What is guarded was judged by its guard, and is not given to the library: it would load plugins at once. */
static void check_library(const struct config *config, struct lint *lint)
{
    const struct option_pair *pairs = config->kafka.items;
    for (unsigned i = 0; i < config->kafka.count; i++) {
        char why[LINT_TEXT_SIZE];
        if (!is_guarded(pairs[i].key) &&
            !kafka_property_judge(pairs[i].key.data, pairs[i].value.data, why, sizeof why))
            lint_report(lint, LINT_ERROR, &pairs[i].place, "%s", why);
    }
}

static void check_aliases(const struct config *config, struct lint *lint)
{
    for (unsigned i = 0; aliases[i][0]; i++) {
        const struct option_pair *a = find(config, aliases[i][0]), *b = find(config, aliases[i][1]);
        if (a && b)
            lint_report(lint, LINT_ERROR, lint_place(lint, b > a ? b : a),
                        "'%s' and '%s' are two names of one property; keep one", aliases[i][0],
                        aliases[i][1]);
    }
}

/* A time-out's value, or what holds without it. What is no number is left to the library. */
static int64_t timeout_of(const struct config *config, const char *name, const char *alias, int64_t otherwise,
                          const struct option_pair **out_pair)
{
    struct option integer = {.name = name, .type = OPTION_INTEGER};
    char why[LINT_TEXT_SIZE];
    int64_t value = 0;
    *out_pair = find(config, name);
    if (!*out_pair && alias)
        *out_pair = find(config, alias);
    if (!*out_pair || !option_parse_scalar(&integer, (*out_pair)->value, &value, why, sizeof why))
        return otherwise;
    return value;
}

/* A time-out of a transaction is fatal to its producer, so everything inside one must give up before (KIP-588 is not
 * in the library): socket < message <= transaction < poll interval. */
static void check_timeouts(const struct config *config, struct lint *lint)
{
    const struct option_pair *socket_pair, *message_pair, *poll_pair, *session_pair;
    int64_t transaction = config->runtime.transaction_timeout_ms;
    int64_t socket = timeout_of(config, "socket.timeout.ms", NULL, CONFIG_SOCKET_TIMEOUT_MS, &socket_pair);
    int64_t message =
        timeout_of(config, "message.timeout.ms", "delivery.timeout.ms", transaction, &message_pair);
    int64_t poll = timeout_of(config, "max.poll.interval.ms", NULL, CONFIG_MAX_POLL_INTERVAL_MS, &poll_pair);
    int64_t session =
        timeout_of(config, "session.timeout.ms", NULL, CONFIG_SESSION_TIMEOUT_MS, &session_pair);
    const struct option_place *transaction_place = lint_place(lint, &config->runtime.transaction_timeout_ms);
    if (socket >= message)
        lint_report(lint, LINT_ERROR,
                    socket_pair    ? &socket_pair->place
                    : message_pair ? &message_pair->place
                                   : transaction_place,
                    "socket.timeout.ms (%lld) must be less than message.timeout.ms (%lld), so that a request "
                    "is given "
                    "up before its message is",
                    (long long)socket, (long long)message);
    if (message > transaction)
        lint_report(
            lint, LINT_ERROR, message_pair ? &message_pair->place : transaction_place,
            "message.timeout.ms (%lld) must be at most runtime.transaction_timeout (%lld ms): a message that "
            "outlives its transaction is fatal to the producer",
            (long long)message, (long long)transaction);
    if (transaction >= poll)
        lint_report(lint, LINT_ERROR, poll_pair ? &poll_pair->place : transaction_place,
                    "max.poll.interval.ms (%lld) must be more than runtime.transaction_timeout (%lld ms): a "
                    "worker that "
                    "waits for its commit would be put out of its group",
                    (long long)poll, (long long)transaction);
    if (session > poll)
        lint_report(lint, LINT_ERROR, poll_pair ? &poll_pair->place : &session_pair->place,
                    "max.poll.interval.ms (%lld) must be at least session.timeout.ms (%lld)", (long long)poll,
                    (long long)session);
}

static void check_retries(const struct config *config, struct lint *lint)
{
    const struct option_pair *pair;
    if (timeout_of(config, "message.send.max.retries", "retries", 1, &pair) <= 0 && pair)
        lint_report(lint, LINT_ERROR, &pair->place,
                    "%s must be more than 0: without retries every lost connection aborts a transaction",
                    pair->key.data);
}

static void check_security(const struct config *config, struct lint *lint)
{
    const struct option_pair *verification = find(config, "enable.ssl.certificate.verification");
    const struct option_pair *identification = find(config, "ssl.endpoint.identification.algorithm");
    if (verification && !is_allowed("true,t,1", verification->value))
        lint_report(lint, LINT_WARNING, &verification->place,
                    "without certificate verification anybody on the network can pose as the broker");
    if (identification && is_allowed("none", identification->value))
        lint_report(lint, LINT_WARNING, &identification->place,
                    "without host name verification any holder of a certificate can pose as the broker");
}

void config_kafka_check(const struct config *config, struct lint *lint)
{
    check_guards(config, lint);
    check_library(config, lint);
    check_aliases(config, lint);
    check_timeouts(config, lint);
    check_retries(config, lint);
    check_security(config, lint);
}

void config_kafka_reference_write(FILE *out)
{
    fputs("## `kafka`\n\n"
          "Every property of librdkafka can stand here, except these, which would break a guarantee. A value "
          "in the second "
          "column says what clickveil sets anyway and is accepted.\n\n"
          "| property | accepted | why no other |\n| --- | --- | --- |\n",
          out);
    for (const struct guard *guard = guards; guard->name; guard++) {
        const char *allowed = guard->allowed ? guard->allowed : "";
        size_t size = strcmp(allowed, "false,f,0") == 0 || strcmp(allowed, "true,t,1") == 0
                          ? strcspn(allowed, ",")
                          : strlen(allowed);
        fprintf(out, "| `%s` | ", guard->name);
        for (size_t i = 0; i < size; i += strcspn(allowed + i, ",") + 1)
            fprintf(out, "%s`%.*s`", i ? ", " : "", (int)strcspn(allowed + i, ","), allowed + i);
        fprintf(out, " | %s |\n", guard->reason);
    }
    fprintf(out,
            "\nTime-outs must nest: `socket.timeout.ms` (%d unless set) < `message.timeout.ms` <= "
            "`runtime.transaction_timeout` < `max.poll.interval.ms` (%d unless set), and "
            "`session.timeout.ms` is at most the "
            "last.\n\n",
            CONFIG_SOCKET_TIMEOUT_MS, CONFIG_MAX_POLL_INTERVAL_MS);
}
