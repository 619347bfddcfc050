/*
 * What the integration tests do with a broker besides running clickveil.
 *
 *   kafka_tool create BOOTSTRAP TOPIC:PARTITIONS[:key=value[,key=value]...]... (a list: compact+delete)
 *   kafka_tool delete BOOTSTRAP TOPIC...
 *   kafka_tool produce BOOTSTRAP TOPIC FILE [events|records|keyed] [txn=ID] [hold] [timestamp=MS] [rate=N]
 *           [header=NAME:VALUE]...
 *       events: a line is a value, its key the member "subscriber"; records: a line is {"key":...,"value":...},
 *       value an object, a string (as its bytes) or null; keyed: key, tab, value, all bytes as they are. txn: in one
 *       transaction; hold: print "open" when all is sent, wait for a line on standard input, then commit ("commit") or
 *       abort (anything else, or end of file). rate: so many records a second.
 *   kafka_tool dump BOOTSTRAP TOPIC [committed|uncommitted]
 *       the topic to its end, a line each: {"partition","offset","timestamp","key","value","headers"}, bytes that are
 *       no UTF-8 as {"hex":...}
 *   kafka_tool ends BOOTSTRAP TOPIC [committed|uncommitted]      partition and end offset, a line each
 *   kafka_tool group BOOTSTRAP TOPIC GROUP                       partition and committed offset, a line each
 *   kafka_tool commit BOOTSTRAP TOPIC GROUP PARTITION:OFFSET...  moves a group that has no members
 *   kafka_tool members BOOTSTRAP                                 groups and what their members say of themselves
 */
#include <librdkafka/rdkafka.h>

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <yyjson.h>

enum { TIMEOUT_MS = 30000 };

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("kafka_tool: ", stderr);
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

static const char *argument(int argc, char **argv, const char *name)
{
    size_t size = strlen(name);
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], name, size) == 0 && argv[i][size] == '=')
            return argv[i] + size + 1;
    }
    return NULL;
}

static bool has(int argc, char **argv, const char *word)
{
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], word) == 0)
            return true;
    }
    return false;
}

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    (void)client;
    if (message->err)
        die("delivery: %s", rd_kafka_err2str(message->err));
    ++*(unsigned long *)opaque;
}

struct line {
    const char *key, *value;
    size_t key_size, value_size;
    char *owned;
    yyjson_doc *document;
};

static bool split_keyed(const char *text, size_t size, struct line *out)
{
    const char *tab = memchr(text, '\t', size);
    if (!tab)
        return false;
    *out = (struct line){.key = text,
                         .key_size = (size_t)(tab - text),
                         .value = tab + 1,
                         .value_size = size - (size_t)(tab - text) - 1};
    return true;
}

static bool split(char *text, size_t size, bool records, struct line *out)
{
    *out = (struct line){.document = yyjson_read(text, size, 0)};
    yyjson_val *root = yyjson_doc_get_root(out->document);
    yyjson_val *key = yyjson_obj_get(root, records ? "key" : "subscriber");
    out->key = yyjson_get_str(key);
    out->key_size = yyjson_get_len(key);
    if (!records) {
        out->value = text;
        out->value_size = size;
        return true;
    }
    yyjson_val *value = yyjson_obj_get(root, "value");
    if (yyjson_is_null(value) || !value)
        return root != NULL;
    if (yyjson_is_str(value)) {
        out->value = yyjson_get_str(value);
        out->value_size = yyjson_get_len(value);
        return true;
    }
    out->value = out->owned = yyjson_val_write(value, 0, &out->value_size);
    return out->owned != NULL;
}

static void check(rd_kafka_error_t *failure, const char *doing)
{
    if (failure)
        die("%s: %s", doing, rd_kafka_error_string(failure));
}

static void end_transaction(rd_kafka_t *client, bool hold)
{
    bool commit = true;
    if (hold) {
        char answer[32] = "";
        puts("open");
        fflush(stdout);
        commit = fgets(answer, sizeof answer, stdin) && strncmp(answer, "commit", 6) == 0;
    }
    check(commit ? rd_kafka_commit_transaction(client, TIMEOUT_MS)
                 : rd_kafka_abort_transaction(client, TIMEOUT_MS),
          "ending the transaction");
}

static void pace(unsigned long sent, long rate, const struct timespec *began)
{
    if (rate <= 0 || sent % 50)
        return;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    double passed = (double)(now.tv_sec - began->tv_sec) + (double)(now.tv_nsec - began->tv_nsec) / 1e9;
    double ahead = (double)sent / (double)rate - passed;
    if (ahead > 0)
        nanosleep(&(struct timespec){(time_t)ahead, (long)((ahead - (double)(time_t)ahead) * 1e9)}, NULL);
}

static rd_kafka_headers_t *headers_of(int argc, char **argv)
{
    rd_kafka_headers_t *headers = NULL;
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "header=", 7) != 0)
            continue;
        const char *name = argv[i] + 7, *colon = strchr(name, ':');
        if (!colon)
            die("header=NAME:VALUE");
        headers = headers ? headers : rd_kafka_headers_new(4);
        rd_kafka_header_add(headers, name, colon - name, colon + 1, -1);
    }
    return headers;
}

static int produce(int argc, char **argv)
{
    unsigned long delivered = 0, sent = 0;
    const char *transaction = argument(argc, argv, "txn"), *timestamp = argument(argc, argv, "timestamp");
    const char *rate = argument(argc, argv, "rate");
    rd_kafka_headers_t *headers = headers_of(argc, argv);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", argv[0]);
    set(conf, "partitioner", "murmur2_random");
    set(conf, "compression.codec", "lz4");
    set(conf, "linger.ms", "5");
    set(conf, "queue.buffering.max.messages", "1000000");
    if (transaction) {
        set(conf, "transactional.id", transaction);
        set(conf, "transaction.timeout.ms", "600000");
    } else {
        /* in their order and once each, also when the broker restarts meanwhile */
        set(conf, "enable.idempotence", "true");
    }
    rd_kafka_conf_set_opaque(conf, &delivered);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    char why[256];
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (!client)
        die("%s", why);
    if (transaction) {
        check(rd_kafka_init_transactions(client, TIMEOUT_MS), "init");
        check(rd_kafka_begin_transaction(client), "begin");
    }
    FILE *file = strcmp(argv[2], "-") == 0 ? stdin : fopen(argv[2], "r");
    if (!file)
        die("%s: %s", argv[2], strerror(errno));
    struct timespec began;
    clock_gettime(CLOCK_MONOTONIC, &began);
    char *text = NULL;
    size_t capacity = 0;
    ssize_t size;
    while ((size = getline(&text, &capacity, file)) > 0) {
        if (text[size - 1] == '\n')
            size--;
        struct line line;
        if (has(argc, argv, "keyed") ? !split_keyed(text, (size_t)size, &line)
                                     : !split(text, (size_t)size, has(argc, argv, "records"), &line))
            die("line %lu is not a record", sent + 1);
        rd_kafka_resp_err_t code;
        rd_kafka_headers_t *copy = headers ? rd_kafka_headers_copy(headers) : NULL;
        while ((code = rd_kafka_producev(client, RD_KAFKA_V_TOPIC(argv[1]),
                                         RD_KAFKA_V_KEY(line.key, line.key_size),
                                         RD_KAFKA_V_VALUE((void *)line.value, line.value_size),
                                         RD_KAFKA_V_TIMESTAMP(timestamp ? strtoll(timestamp, NULL, 10) : 0),
                                         RD_KAFKA_V_HEADERS(copy), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                         RD_KAFKA_V_END)) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
            rd_kafka_poll(client, 10);
        if (code)
            die("produce: %s", rd_kafka_err2str(code));
        free(line.owned);
        yyjson_doc_free(line.document);
        pace(++sent, rate ? strtol(rate, NULL, 10) : 0, &began);
        rd_kafka_poll(client, 0);
    }
    rd_kafka_flush(client, TIMEOUT_MS * 4);
    if (delivered != sent)
        die("%lu of %lu delivered", delivered, sent);
    if (transaction)
        end_transaction(client, has(argc, argv, "hold"));
    free(text);
    if (headers)
        rd_kafka_headers_destroy(headers);
    rd_kafka_destroy(client);
    printf("%lu\n", sent);
    return 0;
}

/* ---- topics ---- */

static rd_kafka_t *admin(const char *bootstrap)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", bootstrap);
    char why[256];
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (!client)
        die("%s", why);
    return client;
}

static rd_kafka_NewTopic_t *new_topic(char *text)
{
    char why[256], *rest = NULL;
    const char *name = strtok_r(text, ":", &rest), *partitions = strtok_r(NULL, ":", &rest);
    if (!name || !partitions)
        die("TOPIC:PARTITIONS[:key=value,...]");
    rd_kafka_NewTopic_t *topic =
        rd_kafka_NewTopic_new(name, (int)strtol(partitions, NULL, 10), 1, why, sizeof why);
    if (!topic)
        die("%s: %s", name, why);
    for (char *pair = strtok_r(NULL, ",", &rest); pair; pair = strtok_r(NULL, ",", &rest)) {
        char *equals = strchr(pair, '=');
        if (!equals)
            die("%s: no value", pair);
        *equals = '\0';
        for (char *plus = strchr(equals + 1, '+'); plus; plus = strchr(plus, '+'))
            *plus = ','; /* of a list */
        rd_kafka_NewTopic_set_config(topic, pair, equals + 1);
    }
    return topic;
}

static int change_topics(int argc, char **argv, bool create)
{
    enum { TOPICS_MAX = 64 };
    rd_kafka_NewTopic_t *created[TOPICS_MAX];
    rd_kafka_DeleteTopic_t *deleted[TOPICS_MAX];
    size_t count = (size_t)argc - 1, answered;
    if (count > TOPICS_MAX)
        die("at most %d topics", TOPICS_MAX);
    rd_kafka_t *client = admin(argv[0]);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    for (size_t i = 0; i < count; i++) {
        if (create)
            created[i] = new_topic(argv[i + 1]);
        else
            deleted[i] = rd_kafka_DeleteTopic_new(argv[i + 1]);
    }
    if (create)
        rd_kafka_CreateTopics(client, created, count, NULL, queue);
    else
        rd_kafka_DeleteTopics(client, deleted, count, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, TIMEOUT_MS);
    if (!event || rd_kafka_event_error(event))
        die("topics: %s", event ? rd_kafka_event_error_string(event) : "no answer");
    const rd_kafka_topic_result_t **results =
        create ? rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &answered)
               : rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &answered);
    for (size_t i = 0; i < answered; i++) {
        if (rd_kafka_topic_result_error(results[i]))
            die("%s: %s", rd_kafka_topic_result_name(results[i]),
                rd_kafka_topic_result_error_string(results[i]));
    }
    rd_kafka_event_destroy(event);
    if (create)
        rd_kafka_NewTopic_destroy_array(created, count);
    else
        rd_kafka_DeleteTopic_destroy_array(deleted, count);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(client);
    return 0;
}

/* ---- reading ---- */

static rd_kafka_t *consumer(const char *bootstrap, const char *group, bool uncommitted)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", bootstrap);
    set(conf, "group.id", group);
    set(conf, "enable.auto.commit", "false");
    set(conf, "enable.partition.eof", "true");
    set(conf, "isolation.level", uncommitted ? "read_uncommitted" : "read_committed");
    char why[256];
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (!client)
        die("%s", why);
    rd_kafka_poll_set_consumer(client);
    return client;
}

static int partitions_of(rd_kafka_t *client, const char *topic)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(client, topic, NULL);
    rd_kafka_resp_err_t code = rd_kafka_metadata(client, 0, handle, &metadata, TIMEOUT_MS);
    rd_kafka_topic_destroy(handle);
    if (code || metadata->topic_cnt != 1 || metadata->topics[0].err)
        die("no topic %s", topic);
    int count = metadata->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(metadata);
    return count;
}

static void put(yyjson_mut_doc *document, yyjson_mut_val *object, const char *name, const void *bytes,
                size_t size)
{
    if (!bytes) {
        yyjson_mut_obj_add_null(document, object, name);
        return;
    }
    yyjson_mut_val *text = yyjson_mut_strncpy(document, bytes, size);
    yyjson_mut_val *key = yyjson_mut_strcpy(document, name);
    char *probe = yyjson_mut_val_write(text, 0, NULL);
    if (!probe) { /* not UTF-8 */
        char *hex = malloc(size * 2 + 1);
        for (size_t i = 0; i < size; i++)
            snprintf(hex + i * 2, 3, "%02x", ((const unsigned char *)bytes)[i]);
        text = yyjson_mut_obj(document);
        yyjson_mut_obj_add_strcpy(document, text, "hex", size ? hex : "");
        free(hex);
    }
    free(probe);
    yyjson_mut_obj_add(object, key, text);
}

static void print_message(const rd_kafka_message_t *message)
{
    rd_kafka_timestamp_type_t type;
    rd_kafka_headers_t *headers;
    yyjson_mut_doc *document = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = yyjson_mut_obj(document);
    yyjson_mut_doc_set_root(document, root);
    yyjson_mut_obj_add_int(document, root, "partition", message->partition);
    yyjson_mut_obj_add_int(document, root, "offset", message->offset);
    yyjson_mut_obj_add_int(document, root, "timestamp", rd_kafka_message_timestamp(message, &type));
    put(document, root, "key", message->key, message->key_len);
    put(document, root, "value", message->payload, message->len);
    yyjson_mut_val *all = yyjson_mut_obj_add_obj(document, root, "headers");
    if (!rd_kafka_message_headers(message, &headers)) {
        const char *name;
        const void *value;
        size_t size;
        for (size_t i = 0; !rd_kafka_header_get_all(headers, i, &name, &value, &size); i++)
            put(document, all, name, value, size);
    }
    char *text = yyjson_mut_write(document, 0, NULL);
    if (!text)
        die("a record can't be written");
    puts(text);
    free(text);
    yyjson_mut_doc_free(document);
}

static int dump(int argc, char **argv)
{
    rd_kafka_t *client = consumer(argv[0], "kafka-tool", has(argc, argv, "uncommitted"));
    int count = partitions_of(client, argv[1]), at_end = 0;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(count);
    for (int i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(list, argv[1], i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_assign(client, list);
    rd_kafka_topic_partition_list_destroy(list);
    while (at_end < count) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(client, TIMEOUT_MS);
        if (!message)
            die("%s did not end", argv[1]);
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
            at_end++;
        else if (message->err)
            die("%s", rd_kafka_message_errstr(message));
        else
            print_message(message);
        rd_kafka_message_destroy(message);
    }
    rd_kafka_consumer_close(client);
    rd_kafka_destroy(client);
    return 0;
}

static int ends(int argc, char **argv)
{
    rd_kafka_t *client = consumer(argv[0], "kafka-tool", has(argc, argv, "uncommitted"));
    int count = partitions_of(client, argv[1]);
    for (int i = 0; i < count; i++) {
        int64_t low, high;
        rd_kafka_resp_err_t code =
            rd_kafka_query_watermark_offsets(client, argv[1], i, &low, &high, TIMEOUT_MS);
        if (code)
            die("%s", rd_kafka_err2str(code));
        printf("%d %lld\n", i, (long long)high);
    }
    rd_kafka_destroy(client);
    return 0;
}

static int group(int argc, char **argv)
{
    (void)argc;
    rd_kafka_t *client = consumer(argv[0], argv[2], false);
    int count = partitions_of(client, argv[1]);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(count);
    for (int i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(list, argv[1], i);
    time_t until = time(NULL) + TIMEOUT_MS / 1000;
    rd_kafka_resp_err_t code;
    do /* a broker that has just started is not the coordinator of anything */
        code = rd_kafka_committed(client, list, TIMEOUT_MS);
    while ((code == RD_KAFKA_RESP_ERR_NOT_COORDINATOR ||
            code == RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE ||
            code == RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS) &&
           time(NULL) < until && rd_kafka_poll(client, 100) >= 0);
    if (code)
        die("%s", rd_kafka_err2str(code));
    for (int i = 0; i < list->cnt; i++)
        printf("%d %lld\n", list->elems[i].partition, (long long)list->elems[i].offset);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(client);
    return 0;
}

static int commit(int argc, char **argv)
{
    rd_kafka_t *client = consumer(argv[0], argv[2], false);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(argc - 3);
    for (int i = 3; i < argc; i++) {
        char *colon;
        long partition = strtol(argv[i], &colon, 10);
        if (*colon != ':')
            die("PARTITION:OFFSET");
        rd_kafka_topic_partition_list_add(list, argv[1], (int32_t)partition)->offset =
            strtoll(colon + 1, NULL, 10);
    }
    rd_kafka_resp_err_t code = rd_kafka_commit(client, list, 0);
    if (code)
        die("%s", rd_kafka_err2str(code));
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(client);
    return 0;
}

static void put_named(yyjson_mut_doc *document, yyjson_mut_val *object, const char *name, const char *text)
{
    put(document, object, name, text, text ? strlen(text) : 0);
}

static int members(int argc, char **argv)
{
    (void)argc;
    rd_kafka_t *client = consumer(argv[0], "kafka-tool", false);
    const struct rd_kafka_group_list *groups;
    rd_kafka_resp_err_t code = rd_kafka_list_groups(client, NULL, &groups, TIMEOUT_MS);
    if (code)
        die("%s", rd_kafka_err2str(code));
    for (int i = 0; i < groups->group_cnt; i++) {
        const struct rd_kafka_group_info *info = &groups->groups[i];
        for (int j = 0; j < info->member_cnt; j++) {
            const struct rd_kafka_group_member_info *member = &info->members[j];
            yyjson_mut_doc *document = yyjson_mut_doc_new(NULL);
            yyjson_mut_val *root = yyjson_mut_obj(document);
            yyjson_mut_doc_set_root(document, root);
            put_named(document, root, "group", info->group);
            put_named(document, root, "state", info->state);
            put_named(document, root, "member", member->member_id);
            put_named(document, root, "client", member->client_id);
            put_named(document, root, "host", member->client_host);
            put(document, root, "metadata", member->member_metadata, (size_t)member->member_metadata_size);
            put(document, root, "assignment", member->member_assignment,
                (size_t)member->member_assignment_size);
            char *text = yyjson_mut_write(document, 0, NULL);
            if (!text)
                die("a member can't be written");
            puts(text);
            free(text);
            yyjson_mut_doc_free(document);
        }
    }
    rd_kafka_group_list_destroy(groups);
    rd_kafka_destroy(client);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc >= 4 && (strcmp(argv[1], "create") == 0 || strcmp(argv[1], "delete") == 0))
        return change_topics(argc - 2, argv + 2, argv[1][0] == 'c');
    if (argc >= 6 && strcmp(argv[1], "commit") == 0)
        return commit(argc - 2, argv + 2);
    if (argc >= 3 && strcmp(argv[1], "members") == 0)
        return members(argc - 2, argv + 2);
    if (argc >= 5 && strcmp(argv[1], "produce") == 0)
        return produce(argc - 2, argv + 2);
    if (argc >= 4 && strcmp(argv[1], "dump") == 0)
        return dump(argc - 2, argv + 2);
    if (argc >= 4 && strcmp(argv[1], "ends") == 0)
        return ends(argc - 2, argv + 2);
    if (argc >= 5 && strcmp(argv[1], "group") == 0)
        return group(argc - 2, argv + 2);
    die("see the head of tests/integration/kafka_tool.c");
}
