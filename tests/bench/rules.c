/*
 * How long a look-up of a host takes, by the number of rules: `rules [RULES]...` (1,000, 100,000 and 1,000,000).
 *
 * Each look-up waits for the one before, as in a worker. "uniform" asks for every rule equally often, so nearly each
 * look-up misses the caches twice: the worst there is. "popular" asks by Zipf's law, as people browse. Three in ten
 * hosts have no rule, half of the others stand below theirs (`www.`). Prints one line of JSON per number of rules.
 */
#include "stages/classify/rules.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { QUERIES = 1000000, NAME_SIZE = 64 };

static uint64_t seed = 1;

static unsigned dice(unsigned sides)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u; /* Knuth's MMIX */
    return (unsigned)(seed >> 32) % sides;
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int write_name(char *text, unsigned number)
{
    static const char *const ends[] = {"com", "co.uk", "example.net"};
    return snprintf(text, NAME_SIZE, "site-%x-%u.%s", number * 2654435761u, number, ends[number % 3]);
}

static struct rules *make(unsigned count)
{
    static struct mistakes mistakes;
    struct error error = {0};
    struct taxonomy *taxonomy =
        taxonomy_new("taxonomy",
                     VIEW("206\t0\t1\trefused\tInterest\n207\t206\t2\tpublishable\tA\n"
                          "243\t206\t2\tpublishable\tB\n"),
                     &mistakes, &error);
    char *list = malloc((size_t)count * (NAME_SIZE + 8));
    ensure(taxonomy != NULL && list != NULL);
    size_t size = 0;
    for (unsigned i = 0; i < count; i++) {
        size += (size_t)write_name(list + size, i);
        memcpy(list + size, i % 7 ? "\t207\n" : "\t243\n", 5);
        size += 5;
    }
    struct rule_source source = {RULE_FILE_HOSTS, "list", {list, size}};
    struct rules_settings settings = {2, 5};
    struct rules *rules = rules_new(taxonomy, &source, 1, &settings, &mistakes, &error);
    ensure(rules != NULL);
    free(list);
    taxonomy_free(taxonomy);
    return rules;
}

static double measure_ns(const struct rules *rules, unsigned count, bool popular, char (*names)[NAME_SIZE])
{
    for (unsigned i = 0; i < QUERIES; i++) {
        unsigned number =
            popular ? (unsigned)pow(count, dice(1u << 30) / (double)(1u << 30)) % count : dice(count);
        unsigned kind = dice(10);
        memcpy(names[i], "www.", 4);
        if (kind < 3)
            snprintf(names[i], NAME_SIZE, "cdn.no-rule-%u.com", dice(1u << 30));
        else
            write_name(names[i] + (kind < 6 ? 4 : 0), number);
    }
    unsigned found = 0;
    uint64_t previous = 0;
    double start_s = now_s();
    for (unsigned i = 0; i < QUERIES; i++) {
        struct view host = view_of_string(names[i]);
        host.size -= (size_t)(previous >> 8); /* 0, but only known when the look-up before is done */
        struct rule_answer answer = rules_host(rules, host);
        previous = answer.interest_count;
        found += answer.kind == RULE_INTERESTS;
    }
    double elapsed_s = now_s() - start_s;
    ensure(found > QUERIES / 10 * 6 && found < QUERIES / 10 * 8);
    return elapsed_s / QUERIES * 1e9;
}

int main(int argc, char **argv)
{
    static const char *const defaults[] = {"1000", "100000", "1000000"};
    char(*names)[NAME_SIZE] = calloc(QUERIES, sizeof(*names));
    ensure(names != NULL);
    unsigned rounds = argc > 1 ? (unsigned)argc - 1 : 3;
    for (unsigned i = 0; i < rounds; i++) {
        unsigned count = (unsigned)strtoul(argc > 1 ? argv[i + 1] : defaults[i], NULL, 10);
        if (count < 100 || count > 20000000) {
            fputs("usage: rules [RULES]..., 100 to 20000000\n", stderr);
            return EXIT_STATUS_USAGE;
        }
        double start_s = now_s();
        struct rules *rules = make(count);
        double load_s = now_s() - start_s;
        double uniform_ns = measure_ns(rules, count, false, names);
        double popular_ns = measure_ns(rules, count, true, names);
        printf("{\"rules\": %u, \"load_s\": %.2f, \"uniform_ns\": %.0f, \"popular_ns\": %.0f}\n", count,
               load_s, uniform_ns, popular_ns);
        rules_free(rules);
    }
    free(names);
    return EXIT_STATUS_DONE;
}
