/*
 * The chain alone, without Kafka: events per second of CPU, allocations, memory (make bench).
 *
 *   chain CONFIG [events=N] [subscribers=N] [consent-subscribers=N] [opt-out-percent=N] [commit=N]
 *         [passes=N]
 *
 * Events lie ready in memory, outputs are counted and thrown away; a transaction ends after `commit` records or when it
 * has half of its memory, as in a worker. Every pass is the whole sample. The first finds no person known ("cold"); in
 * the others everybody is known, so that what they allocate is what the hot path allocates ("warm").
 *
 * Allocations are counted by standing in front of the C library's: every malloc, calloc, realloc and the aligned ones,
 * of this project and of all libraries. Prints one JSON object.
 */
#include "common/chain.h"
#include "common/arena.h"
#include "common/clock.h"
#include "common/generate.h"
#include "common/partitioner.h"
#include "common/secret.h"
#include "stages/registry.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum {
    PARTITIONS = 4,
    ARENA_BLOCK_BYTES = 1 << 20, /* as in common/kafka_worker.c */
    PASSES_MAX = 16,
    FOLLOWED_MAX = 4,
};

#define DAY_MS ((int64_t)24 * 3600 * 1000)

/* ---- counting allocations ---- */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COUNTS_ALLOCATIONS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define COUNTS_ALLOCATIONS 0
#endif
#endif
#ifndef COUNTS_ALLOCATIONS
#define COUNTS_ALLOCATIONS 1
#endif

static uint64_t allocations; /* this program has one thread */

#if COUNTS_ALLOCATIONS
/* glibc's own names of the functions that the ones below stand in front of. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size)
{
    allocations++;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    allocations++;
    return __libc_calloc(count, size);
}

void *realloc(void *block, size_t size)
{
    allocations++;
    return __libc_realloc(block, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    allocations++;
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **out_block, size_t alignment, size_t size)
{
    allocations++;
    *out_block = __libc_memalign(alignment, size);
    return *out_block ? 0 : ENOMEM;
}
#endif

/* ---- the sample ---- */

struct event {
    struct view key, value;
    int64_t timestamp_ms;
    int32_t partition;
};

struct bench {
    struct generate_options options;
    uint64_t consent_subscribers, commit_every;
    unsigned passes;
    struct generate_names *hosts, *apps;
    struct event *events;
    uint64_t bytes;
    uint64_t consents;

    struct config *config;
    struct chain_shared *shared;
    struct arena arena;
    struct chain *chain;
    uint64_t outputs, output_bytes;
    int64_t offsets[PARTITIONS];
};

struct pass {
    double cpu_s;
    uint64_t kept, transactions, outputs, output_bytes;
    uint64_t allocations_process, allocations_end; /* in chain_process; in flush, commit and reset */
    uint64_t memory;                               /* growth of the heap, bytes */
};

__attribute__((noreturn)) static void die(const struct error *error)
{
    char text[ERROR_TEXT_SIZE * 3];
    fprintf(stderr, "chain: %s\n", error_text(error, text, sizeof text));
    exit(error->exit_status ? (int)error->exit_status : 1);
}

static uint64_t heap_bytes(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static double cpu_now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void make_events(struct bench *bench, struct error *error)
{
    struct generator *generator = generator_new(&bench->options, error);
    uint64_t count = bench->options.events;
    bench->events = calloc(count, sizeof *bench->events);
    size_t room = 0, used = 0;
    char *block = NULL;
    if (!generator || !bench->events)
        die(error);
    for (uint64_t i = 0; i < count; i++) {
        struct generated event;
        generator_event(generator, i, &event);
        size_t size = event.key.size + event.value.size;
        if (room - used < size) {
            room = 16 << 20; /* blocks are never freed: they live as long as the program */
            used = 0;
            block = malloc(room);
            ensure(block != NULL);
        }
        char *key = memcpy(block + used, event.key.data, event.key.size);
        char *value = memcpy(key + event.key.size, event.value.data, event.value.size);
        used += size;
        bench->bytes += event.value.size;
        bench->events[i] = (struct event){
            .key = {key, event.key.size},
            .value = {value, event.value.size},
            .timestamp_ms = event.timestamp_ms,
            .partition = partitioner_partition(EVENTS_PARTITIONER_MURMUR2, event.key, PARTITIONS),
        };
    }
    generator_free(generator);
}

struct followers {
    unsigned count;
    struct {
        const struct followed *followed;
        void *shared;
    } items[FOLLOWED_MAX];
};

static void add_follower(void *context, const struct followed *followed, void *stage_shared,
                         const void *options)
{
    struct followers *followers = context;
    (void)options;
    ensure(followers->count < FOLLOWED_MAX);
    followers->items[followers->count].followed = followed;
    followers->items[followers->count++].shared = stage_shared;
}

/* Give the consent stage its topic, as the follower of a worker would. */
static void follow_consents(struct bench *bench, const struct followed *followed, void *shared,
                            struct error *error)
{
    struct generate_options options = bench->options;
    options.subscribers = bench->consent_subscribers;
    struct generator *generator = generator_new(&options, error);
    if (!generator)
        die(error);
    struct generated consent;
    while (generator_next_consent(generator, &consent)) {
        struct followed_record record = {
            .offset = (int64_t)bench->consents++,
            .timestamp_ms = consent.timestamp_ms,
            .key = consent.key,
            .value = consent.value,
            .author = VIEW_ABSENT,
            .committed = true,
        };
        if (!followed->apply(shared, &record, error))
            die(error);
    }
    generator_free(generator);
    followed->committed_to(shared, 0, (int64_t)bench->consents);
    if (!followed->complete(shared, error))
        die(error);
}

/* Every followed topic is read whole before the first event; those beside consent are empty here. */
static void follow(struct bench *bench, struct error *error)
{
    struct followers followers = {0};
    chain_shared_followed(bench->shared, add_follower, &followers);
    for (unsigned i = 0; i < followers.count; i++) {
        const struct followed *followed = followers.items[i].followed;
        if (followed->topic == TOPIC_CONSENT)
            follow_consents(bench, followed, followers.items[i].shared, error);
        else if (!followed->complete(followers.items[i].shared, error))
            die(error);
    }
}

/* ---- running ---- */

static bool take_output(void *context, const struct output *output, struct error *error)
{
    struct bench *bench = context;
    (void)error;
    bench->outputs++;
    bench->output_bytes += output->key.size + output->value.size;
    return true;
}

static void end_transaction(struct bench *bench, struct error *error)
{
    bool more = false;
    chain_clock(bench->chain, clock_unix_ms());
    if (!chain_flush(bench->chain, false, false, &more, error))
        die(error);
    ensure(chain_stands(bench->chain));
    chain_commit(bench->chain);
    arena_reset(&bench->arena);
    chain_clock(bench->chain, clock_unix_ms());
}

static struct pass run_pass(struct bench *bench, struct error *error)
{
    struct pass pass = {0};
    size_t arena_full = (size_t)bench->config->runtime.memory_bytes_max / 2;
    uint64_t outputs_before = bench->outputs, bytes_before = bench->output_bytes;
    uint64_t memory_before = heap_bytes(), allocations_before = allocations;
    uint64_t count = bench->options.events, in_transaction = 0;
    double began_s = cpu_now_s();
    for (uint64_t i = 0; i < count; i++) {
        const struct event *event = &bench->events[i];
        struct chain_input input = {
            .partition = event->partition,
            .offset = bench->offsets[event->partition]++,
            .timestamp_ms = event->timestamp_ms,
            .key = event->key,
            .value = event->value,
            .origin = VIEW_ABSENT,
            .partition_count = PARTITIONS,
        };
        enum chain_fate fate = chain_process(bench->chain, &input, error);
        if (fate == CHAIN_STOP)
            die(error);
        pass.kept += fate == CHAIN_KEPT;
        if (++in_transaction < bench->commit_every && bench->arena.used < arena_full && i + 1 < count)
            continue;
        pass.allocations_process += allocations - allocations_before;
        allocations_before = allocations;
        end_transaction(bench, error);
        pass.allocations_end += allocations - allocations_before;
        allocations_before = allocations;
        pass.transactions++;
        in_transaction = 0;
    }
    pass.cpu_s = cpu_now_s() - began_s;
    pass.outputs = bench->outputs - outputs_before;
    pass.output_bytes = bench->output_bytes - bytes_before;
    pass.memory = heap_bytes() - memory_before;
    return pass;
}

static void open_chain(struct bench *bench, struct error *error)
{
    bench->shared = chain_shared_new(bench->config, false, error);
    struct sink sink = {bench, take_output};
    if (!bench->shared ||
        !arena_init(&bench->arena, ARENA_BLOCK_BYTES, (size_t)bench->config->runtime.memory_bytes_max, error))
        die(error);
    bench->chain = chain_new(bench->shared, 0, &bench->arena, sink, error);
    if (!bench->chain)
        die(error);
    chain_clock(bench->chain, clock_unix_ms());
    for (int32_t i = 0; i < PARTITIONS; i++) {
        if (!chain_assign(bench->chain, i, PARTITIONS, error) || !chain_restored(bench->chain, i, error))
            die(error);
    }
}

/* What stages say of themselves, as in /metrics. */
struct gauges {
    double people, state_bytes, consent_entries, consent_bytes;
};

static void note_gauge(void *context, const char *stage, const char *name, double value)
{
    struct gauges *gauges = context;
    const struct {
        const char *name;
        double *value;
    } wanted[] = {{"people", &gauges->people},
                  {"state_bytes", &gauges->state_bytes},
                  {"consent_table_entries", &gauges->consent_entries},
                  {"consent_table_bytes", &gauges->consent_bytes}};
    (void)stage;
    for (unsigned i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        if (strcmp(name, wanted[i].name) == 0)
            *wanted[i].value = value;
    }
}

static double ratio(double part, double whole)
{
    return whole > 0 ? part / whole : 0;
}

static void print_pass(const struct bench *bench, const char *name, const struct pass *pass, double times)
{
    double events = (double)bench->options.events * times;
    printf(
        ",\"%s\":{\"cpu_seconds\":%.3f,\"events_per_cpu_second\":%.0f,\"kept_share\":%.4f,"
        "\"transactions\":%llu,\"outputs_per_event\":%.4f,\"output_bytes\":%.1f,"
        "\"allocations_hot_path\":%llu,\"allocations_hot_path_per_event\":%.6f,\"allocations_commit\":%llu,"
        "\"heap_growth_bytes\":%llu}",
        name, pass->cpu_s, events / pass->cpu_s, (double)pass->kept / events,
        (unsigned long long)pass->transactions, (double)pass->outputs / events,
        pass->outputs ? (double)pass->output_bytes / (double)pass->outputs : 0,
        (unsigned long long)pass->allocations_process, (double)pass->allocations_process / events,
        (unsigned long long)pass->allocations_end, (unsigned long long)pass->memory);
}

static void report(const struct bench *bench, const struct pass *cold, const struct pass *warm,
                   const struct gauges *gauges)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"what\":\"chain alone\",\"events\":%llu,\"event_bytes\":%.0f,\"subscribers\":%llu,"
           "\"consents\":%llu,\"commit_every\":%llu,\"allocations_counted\":%s",
           (unsigned long long)bench->options.events, (double)bench->bytes / (double)bench->options.events,
           (unsigned long long)bench->options.subscribers, (unsigned long long)bench->consents,
           (unsigned long long)bench->commit_every, COUNTS_ALLOCATIONS ? "true" : "false");
    print_pass(bench, "cold", cold, 1);
    if (bench->passes > 1)
        print_pass(bench, "warm", warm, bench->passes - 1);
    printf(",\"people\":%.0f,\"state_bytes_per_person\":%.0f,\"consent_bytes_per_entry\":%.0f,"
           "\"peak_rss_mib\":%.1f}\n",
           gauges->people, ratio(gauges->state_bytes, gauges->people),
           ratio(gauges->consent_bytes, gauges->consent_entries), (double)usage.ru_maxrss / 1024);
}

/* ---- options ---- */

static uint64_t number(int argc, char **argv, const char *name, uint64_t fallback)
{
    size_t size = strlen(name);
    for (int i = 2; i < argc; i++) {
        if (strncmp(argv[i], name, size) == 0 && argv[i][size] == '=')
            return strtoull(argv[i] + size + 1, NULL, 10);
    }
    return fallback;
}

static void read_options(struct bench *bench, int argc, char **argv, struct error *error)
{
    bench->options = generate_defaults();
    bench->options.events = number(argc, argv, "events", 500000);
    bench->options.subscribers = number(argc, argv, "subscribers", 100000);
    bench->options.opt_out_share = (double)number(argc, argv, "opt-out-percent", 5) / 100;
    bench->consent_subscribers = number(argc, argv, "consent-subscribers", bench->options.subscribers);
    bench->commit_every = number(argc, argv, "commit", 30000);
    bench->passes = (unsigned)number(argc, argv, "passes", 3);
    bench->hosts = generate_names_load("config/rules/hosts.tsv", error);
    bench->apps = bench->hosts ? generate_names_load("config/rules/apps.tsv", error) : NULL;
    if (!bench->apps)
        die(error);
    if (bench->passes < 1 || bench->passes > PASSES_MAX || bench->options.events < 1)
        (void)error_fail(error, EXIT_STATUS_USAGE, NULL, "see the head of tests/bench/chain.c",
                         "wrong option");
    if (error->what[0])
        die(error);
    bench->options.hosts = bench->hosts;
    bench->options.apps = bench->apps;
    bench->options.brands[0] = VIEW("tmobile");
    bench->options.brands[1] = VIEW("metro");
    bench->options.brands[2] = VIEW("sprint");
    bench->options.brand_count = 3;
    bench->options.duration_ms = DAY_MS;
    bench->options.start_ms = clock_unix_ms() - DAY_MS;
}

static void add_pass(struct pass *sum, const struct pass *pass)
{
    sum->cpu_s += pass->cpu_s;
    sum->kept += pass->kept;
    sum->transactions += pass->transactions;
    sum->outputs += pass->outputs;
    sum->output_bytes += pass->output_bytes;
    sum->allocations_process += pass->allocations_process;
    sum->allocations_end += pass->allocations_end;
    sum->memory += pass->memory;
}

int main(int argc, char **argv)
{
    static struct bench bench;
    struct error error = {0};
    if (argc < 2) {
        fputs("chain: see the head of tests/bench/chain.c\n", stderr);
        return EXIT_STATUS_USAGE;
    }
    if (!process_harden(&error))
        die(&error);
    bench.config = config_load(argv[1], registry, NULL, 0, stderr, &error);
    if (!bench.config)
        die(&error);
    read_options(&bench, argc, argv, &error);
    open_chain(&bench, &error);
    follow(&bench, &error);
    make_events(&bench, &error);
    struct pass cold = run_pass(&bench, &error), warm = {0};
    for (unsigned i = 1; i < bench.passes; i++) {
        struct pass pass = run_pass(&bench, &error);
        add_pass(&warm, &pass);
    }
    struct gauges gauges = {0};
    chain_shared_gauges(bench.shared, note_gauge, &gauges);
    report(&bench, &cold, &warm, &gauges);
    chain_free(bench.chain);
    chain_shared_free(bench.shared);
    arena_release(&bench.arena);
    config_free(bench.config);
    return EXIT_STATUS_DONE;
}
