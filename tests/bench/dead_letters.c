/*
 * A stream in which every event is a dead letter (make bench): events per second of CPU, without Kafka.
 *
 *   dead_letters CONFIG [events=N]
 *
 * The events are what most are in size, and end in the middle of the object: each is read, refused, sealed under the data key of its
 * transaction and written out, and the data key is sealed once in each transaction. Outputs are counted and thrown away.
 * A transaction ends as a worker's does. Prints one JSON object.
 */
#include "common/arena.h"
#include "common/chain.h"
#include "common/clock.h"
#include "common/secret.h"
#include "stages/registry.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    ARENA_BLOCK_BYTES = 1 << 20, /* as in common/kafka_worker.c */
    EVENT_SIZE = 494,
    ROUNDS = 5,
};

struct counts {
    uint64_t letters, bytes, transactions;
};

__attribute__((noreturn)) static void die(const struct error *error)
{
    char text[ERROR_TEXT_SIZE * 3];
    fprintf(stderr, "dead_letters: %s\n", error_text(error, text, sizeof text));
    exit(error->exit_status ? (int)error->exit_status : 1);
}

static double cpu_now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool take_output(void *context, const struct output *output, struct error *error)
{
    struct counts *counts = context;
    (void)error;
    ensure(output->topic == TOPIC_DEAD_LETTERS);
    counts->letters++;
    counts->bytes += output->value.size;
    return true;
}

/* As an event looks, up to its last byte. */
static void fill(char event[EVENT_SIZE])
{
    static const char head[] =
        "{\"type\":\"browse\",\"time\":1619438400000,\"subscriber\":\"+9990123456789\","
        "\"account\":\"acct-1\",\"brand\":\"tmobile\",\"region\":\"US-CA\",\"url\":\"https://";
    memset(event, 'a', EVENT_SIZE);
    memcpy(event, head, sizeof head - 1);
}

/* CPU seconds of so many events. */
static double run(const struct config *config, struct chain *chain, struct arena *arena, uint64_t events,
                  struct counts *counts)
{
    char event[EVENT_SIZE];
    struct error error = {0};
    uint64_t in_transaction = 0;
    bool more;
    fill(event);
    double began_s = cpu_now_s();
    chain_clock(chain, clock_unix_ms());
    for (uint64_t i = 0; i < events; i++) {
        struct chain_input input = {.partition = 0,
                                    .offset = (int64_t)i,
                                    .timestamp_ms = 1619438400000,
                                    .key = VIEW("+9990123456789"),
                                    .value = {event, EVENT_SIZE},
                                    .partition_count = 1};
        enum chain_fate fate = chain_process(chain, &input, &error);
        if (fate != CHAIN_DEAD_LETTER)
            die(&error);
        bool is_full = ++in_transaction >= (uint64_t)config->runtime.batch_records_max ||
                       arena->used > (size_t)config->runtime.memory_bytes_max / 2;
        if (!is_full && i + 1 < events)
            continue;
        if (!chain_flush(chain, false, false, &more, &error))
            die(&error);
        chain_commit(chain);
        arena_reset(arena);
        counts->transactions++;
        in_transaction = 0;
    }
    return cpu_now_s() - began_s;
}

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

int main(int argc, char **argv)
{
    struct error error = {0};
    struct arena arena = {0};
    struct counts counts = {0};
    double seconds[ROUNDS];
    uint64_t events = 200000;
    if (argc > 2 && strncmp(argv[2], "events=", 7) == 0)
        events = strtoull(argv[2] + 7, NULL, 10);
    if (argc < 2 || events < 1) {
        fputs("dead_letters CONFIG [events=N]\n", stderr);
        return EXIT_STATUS_USAGE;
    }
    if (!process_harden(&error))
        die(&error);
    struct config *config = config_load(argv[1], registry, NULL, 0, stderr, &error);
    if (!config)
        die(&error);
    struct chain_shared *shared = chain_shared_new(config, false, &error);
    if (!shared || !arena_init(&arena, ARENA_BLOCK_BYTES, (size_t)config->runtime.memory_bytes_max, &error))
        die(&error);
    struct chain *chain = chain_new(shared, 0, &arena, (struct sink){&counts, take_output}, &error);
    if (!chain || !chain_assign(chain, 0, 1, &error) || !chain_restored(chain, 0, &error))
        die(&error);
    for (unsigned i = 0; i < ROUNDS; i++)
        seconds[i] = run(config, chain, &arena, events, &counts);
    qsort(seconds, ROUNDS, sizeof *seconds, compare);
    printf("{\"what\":\"dead letters\",\"events\":%llu,\"event_bytes\":%d,\"letter_bytes\":%.0f,"
           "\"transactions\":%llu,\"events_per_core_second\":%.0f}\n",
           (unsigned long long)events, EVENT_SIZE, (double)counts.bytes / (double)counts.letters,
           (unsigned long long)counts.transactions, (double)events / seconds[ROUNDS / 2]);
    chain_free(chain);
    chain_shared_free(shared);
    arena_release(&arena);
    config_free(config);
    return 0;
}
