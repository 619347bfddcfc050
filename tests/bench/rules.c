/*
 * Compiled rules by their number, beside a hash table of the same rules in memory: `rules [RULES]...` (1,000,000 and
 * 10,000,000).
 *
 * A line of JSON for each number: seconds to compile (lists in memory to a file on the disk; CPU time), bytes a rule, the
 * milliseconds from a file to rules that can be asked (median of STARTS), and the nanoseconds of a look-up, for the
 * compiled rules and for the table in turns, over the same hosts. These are as Zipf has them: the host of rank r is asked
 * for as often as 1/r says. Four in five are known, through a rule of their registrable domain that they stand below; the
 * others have no rule. Each look-up waits for the one before, as in a worker. `mean_ns` is the mean over all batches,
 * `worst_ns` that of the slowest batch.
 *
 * The table is what one would write first: open addressing over hashes and pointers, half full at most, each key and its
 * answer on the heap; the whole host is looked up, then what stands behind each dot.
 */
#include "common/file_replace.h"
#include "stages/classify/rule_image.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { LOOKUPS = 10000000, BATCH = 100000, NAME_SIZE = 64, STARTS = 9 };

static uint64_t seed = 1;

static uint64_t dice(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u; /* Knuth's MMIX */
    return seed >> 32;
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static double cpu_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* As long as host names are: 17 to 21 bytes for a million of them. */
static int write_name(char *text, unsigned number)
{
    static const char *const ends[] = {"com", "co.uk", "net"};
    return snprintf(text, NAME_SIZE, "site-%08x.%s", number * 2654435761u, ends[number % 3]);
}

/* ---- the table beside it ---- */

struct entry {
    uint64_t hash;
    const char *key; /* NULL: empty */
    uint16_t interest;
};

struct table {
    struct entry *entries;
    uint64_t mask;
};

static uint64_t hash_of(const char *key, size_t size)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (unsigned char)key[i]) * 0x100000001b3u;
    return hash;
}

static const struct entry *table_find(const struct table *table, const char *key, size_t size)
{
    uint64_t hash = hash_of(key, size);
    for (uint64_t i = hash & table->mask; table->entries[i].key != NULL; i = (i + 1) & table->mask) {
        const struct entry *entry = &table->entries[i];
        if (entry->hash == hash && strncmp(entry->key, key, size) == 0 && entry->key[size] == '\0')
            return entry;
    }
    return NULL;
}

static void table_make(struct table *table, unsigned count)
{
    uint64_t size = 4;
    while (size < 2 * (uint64_t)count)
        size *= 2;
    *table = (struct table){.entries = calloc(size, sizeof(struct entry)), .mask = size - 1};
    ensure(table->entries != NULL);
    for (unsigned number = 0; number < count; number++) {
        char name[NAME_SIZE];
        uint64_t hash = hash_of(name, (size_t)write_name(name, number)), i = hash & table->mask;
        while (table->entries[i].key != NULL)
            i = (i + 1) & table->mask;
        table->entries[i] = (struct entry){hash, strdup(name), number % 7 ? 207 : 243};
        ensure(table->entries[i].key != NULL);
    }
}

static void table_free(struct table *table)
{
    for (uint64_t i = 0; i <= table->mask; i++)
        free((char *)table->entries[i].key);
    free(table->entries);
}

static unsigned table_host(const struct table *table, struct view host)
{
    const struct entry *entry = table_find(table, host.data, host.size);
    for (size_t i = 0; entry == NULL && i < host.size; i++) {
        if (host.data[i] == '.')
            entry = table_find(table, host.data + i + 1, host.size - i - 1);
    }
    return entry == NULL ? 0 : entry->interest;
}

/* ---- compiling ---- */

struct compiled {
    char path[64];
    double compile_s, compile_cpu_s, start_ms, bytes_a_rule;
};

static bool put(void *context, const void *data, size_t size_bytes, struct error *error)
{
    return file_replace_write(context, data, size_bytes, error);
}

static char *write_list(unsigned count, size_t *out_size)
{
    char *list = malloc((size_t)count * NAME_SIZE);
    size_t size = 0;
    ensure(list != NULL);
    for (unsigned number = 0; number < count; number++) {
        size += (size_t)write_name(list + size, number);
        memcpy(list + size, number % 7 ? "\t207\n" : "\t243\n", 5);
        size += 5;
    }
    *out_size = size;
    return list;
}

static void compile(struct compiled *compiled, const struct taxonomy *taxonomy, unsigned count)
{
    static struct mistakes mistakes;
    struct error error = {0};
    struct file_replace file;
    struct rules_settings settings = {2, 5};
    size_t size;
    char *list = write_list(count, &size);
    struct rule_source source = {RULE_FILE_HOSTS, "list", {list, size}};
    double start_s = now_s(), start_cpu_s = cpu_s();
    struct rules *rules = rules_new(taxonomy, &source, 1, &settings, &mistakes, &error);
    ensure(rules != NULL);
    ensure(file_replace_begin(&file, compiled->path, 0600, &error));
    ensure(rule_image_write(rules, taxonomy, put, &file, &error));
    ensure(file_replace_end(&file, &error));
    compiled->compile_s = now_s() - start_s;
    compiled->compile_cpu_s = cpu_s() - start_cpu_s;
    compiled->bytes_a_rule = (double)file.size_bytes / count;
    ensure(rules_totals(rules)->hosts == count);
    rules_free(rules);
    free(list);
}

static int compare(const void *a, const void *b)
{
    return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

static struct rules *start(struct compiled *compiled, const struct taxonomy *taxonomy)
{
    const char *paths[] = {compiled->path};
    struct rules_settings settings = {2, 5};
    struct error error = {0};
    struct rules *rules = NULL;
    double took_ms[STARTS];
    for (unsigned i = 0; i < STARTS; i++) {
        rules_free(rules);
        double start_s = now_s();
        rules = rule_image_load(paths, 1, taxonomy, &settings, &error);
        took_ms[i] = (now_s() - start_s) * 1e3;
        ensure(rules != NULL);
    }
    qsort(took_ms, STARTS, sizeof(took_ms[0]), compare);
    compiled->start_ms = took_ms[STARTS / 2];
    return rules;
}

/* ---- looking up ---- */

struct times {
    double sum_s, worst_s;
};

static void add_time(struct times *times, double elapsed_s)
{
    times->sum_s += elapsed_s;
    times->worst_s = elapsed_s > times->worst_s ? elapsed_s : times->worst_s;
}

static void write_hosts(char (*names)[NAME_SIZE], uint8_t *sizes, unsigned count)
{
    static const char *const below[] = {"www.", "m.", "cdn.images.", "api."};
    for (unsigned i = 0; i < BATCH; i++) {
        const char *label = below[dice() % 4];
        size_t size = strlen(label);
        double share = (double)dice() / 4294967296.0;
        memcpy(names[i], label, size);
        if (dice() % 5 == 0)
            size += (size_t)snprintf(names[i] + size, NAME_SIZE - size, "other-%08x.com", (unsigned)dice());
        else /* the rank of a Zipf law with exponent 1 grows like count^share */
            size += (size_t)write_name(names[i] + size, (unsigned)pow(count, share) % count);
        sizes[i] = (uint8_t)size;
    }
}

/* A look-up is one thread's work: without the time in which others had the processor. */
static double thread_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static unsigned ask_rules(const struct rules *rules, char (*names)[NAME_SIZE], const uint8_t *sizes,
                          struct times *times)
{
    unsigned found = 0;
    uint64_t before = 0;
    double start_s = thread_s();
    for (unsigned i = 0; i < BATCH; i++) {
        /* less 0, but only known when the look-up before is done */
        struct rule_answer answer =
            rules_host(rules, (struct view){names[i], sizes[i] - (size_t)(before >> 8)});
        before = answer.interest_count;
        found += answer.interest_count > 0 ? answer.interests[0] : 0;
    }
    add_time(times, thread_s() - start_s);
    return found;
}

static unsigned ask_table(const struct table *table, char (*names)[NAME_SIZE], const uint8_t *sizes,
                          struct times *times)
{
    unsigned found = 0;
    uint64_t before = 0;
    double start_s = thread_s();
    for (unsigned i = 0; i < BATCH; i++) {
        unsigned interest = table_host(table, (struct view){names[i], sizes[i] - (size_t)(before >> 16)});
        before = interest;
        found += interest;
    }
    add_time(times, thread_s() - start_s);
    return found;
}

static void measure(const struct rules *rules, unsigned count, struct times *out_rules,
                    struct times *out_table)
{
    struct table table;
    char(*names)[NAME_SIZE] = calloc(BATCH, sizeof(*names));
    uint8_t *sizes = calloc(BATCH, 1);
    ensure(names != NULL && sizes != NULL);
    table_make(&table, count);
    for (unsigned batch = 0; batch < LOOKUPS / BATCH; batch++) {
        unsigned first, second;
        write_hosts(names, sizes, count);
        if (batch % 2 == 0) { /* whoever is second finds the names in the caches */
            first = ask_rules(rules, names, sizes, out_rules);
            second = ask_table(&table, names, sizes, out_table);
        } else {
            second = ask_table(&table, names, sizes, out_table);
            first = ask_rules(rules, names, sizes, out_rules);
        }
        ensure(first == second && first > BATCH / 100 * 75 * 207u);
    }
    table_free(&table);
    free(names);
    free(sizes);
}

int main(int argc, char **argv)
{
    static const char *const defaults[] = {"1000000", "10000000"};
    static struct mistakes mistakes;
    struct error error = {0};
    struct taxonomy *taxonomy =
        taxonomy_new("taxonomy",
                     VIEW("206\t0\t1\trefused\tInterest\n207\t206\t2\tpublishable\tA\n"
                          "243\t206\t2\tpublishable\tB\n"),
                     &mistakes, &error);
    ensure(taxonomy != NULL);
    unsigned rounds = argc > 1 ? (unsigned)argc - 1 : 2;
    for (unsigned i = 0; i < rounds; i++) {
        unsigned count = (unsigned)strtoul(argc > 1 ? argv[i + 1] : defaults[i], NULL, 10);
        struct compiled compiled = {.path = "clickveil-rules.XXXXXX"};
        struct times by_rules = {0}, by_table = {0};
        if (count < 100 || count > 20000000) {
            fputs("usage: rules [RULES]..., 100 to 20000000\n", stderr);
            return EXIT_STATUS_USAGE;
        }
        const char *folder = getenv("TMPDIR");
        snprintf(compiled.path, sizeof(compiled.path), "%.30s/clickveil-rules.XXXXXX",
                 folder == NULL ? "/tmp" : folder);
        int descriptor = mkstemp(compiled.path);
        ensure(descriptor >= 0);
        close(descriptor);
        compile(&compiled, taxonomy, count);
        struct rules *rules = start(&compiled, taxonomy);
        unlink(compiled.path);
        measure(rules, count, &by_rules, &by_table);
        double mean_ns = by_rules.sum_s / LOOKUPS * 1e9, table_ns = by_table.sum_s / LOOKUPS * 1e9;
        printf("{\"what\": \"rules %u\", \"compile_s\": %.2f, \"compile_cpu_s\": %.2f, "
               "\"bytes_a_rule\": %.1f, \"start_ms\": %.1f, \"mean_ns\": %.0f, \"worst_ns\": %.0f, "
               "\"table_mean_ns\": %.0f, \"table_worst_ns\": %.0f, \"ratio\": %.2f}\n",
               count, compiled.compile_s, compiled.compile_cpu_s, compiled.bytes_a_rule, compiled.start_ms,
               mean_ns, by_rules.worst_s / BATCH * 1e9, table_ns, by_table.worst_s / BATCH * 1e9,
               table_ns / mean_ns);
        fflush(stdout);
        rules_free(rules);
    }
    taxonomy_free(taxonomy);
    return EXIT_STATUS_DONE;
}
