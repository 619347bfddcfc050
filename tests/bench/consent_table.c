/*
 * The table of choices alone: what an entry costs in resident memory, and what the look-up of three subjects costs once
 * they are hashed.
 *
 *   consent_table [ENTRIES [LOOKUPS]]        20000000 and 2000000 unless given; prints one JSON object
 *
 * Subjects are random, so every look-up waits for memory. Looked up as the stage does it: three buckets are fetched,
 * then all are read. CPU time of the thread; resident memory as the system says, before and after.
 */
#include "common/pages.h"
#include "stages/consent/choice_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { POOL = 4096, SUBJECTS = 3 };

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now); /* others share the machine */
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static double resident_bytes(void)
{
    char line[256];
    FILE *file = fopen("/proc/self/statm", "r"); /* pages: size, resident, ... */
    ensure(file && fgets(line, sizeof line, file));
    fclose(file);
    const char *resident = strchr(line, ' ');
    return resident ? (double)strtoull(resident, NULL, 10) * (double)sysconf(_SC_PAGESIZE) : 0;
}

/* The finaliser of SplitMix64. */
static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static struct pseudonym pseudonym_of(uint64_t number)
{
    struct pseudonym pseudonym;
    uint64_t halves[2] = {mix(number), mix(~number)};
    memcpy(pseudonym.bytes, halves, sizeof halves);
    return pseudonym;
}

static void approach(const struct choice_table *table, uint64_t from)
{
    struct pseudonym pseudonyms[CHOICE_APPROACH_MAX];
    const struct pseudonym *list[CHOICE_APPROACH_MAX];
    for (unsigned i = 0; i < CHOICE_APPROACH_MAX; i++) {
        pseudonyms[i] = pseudonym_of(from + i);
        list[i] = &pseudonyms[i];
    }
    choice_table_approach(table, list, CHOICE_APPROACH_MAX);
}

/* One in eight is `in`; all have a time and a seq of their own. */
static void fill(struct choice_table *table, uint64_t entries)
{
    struct error error = {0};
    for (uint64_t i = 0; i < entries; i++) {
        struct pseudonym pseudonym = pseudonym_of(i);
        if (i % CHOICE_APPROACH_MAX == 0)
            approach(table, i + CHOICE_APPROACH_MAX);
        choice_table_prefetch_entry(table, &pseudonym);
        struct choice_state state = {
            .in = i % 8 == 0,
            .out = i % 8 ? CHOICE_STAR : 0,
            .ordered = true,
            .recorded = true,
            .effective_ms = INT64_C(1700000000000) + (int64_t)i,
            .seq = (int64_t)i,
        };
        struct choice_handle entry;
        ensure(choice_table_entry(table, &pseudonym, &entry, &error));
        choice_table_store(table, entry, &state);
    }
}

static double look_up(struct choice_table *table, uint64_t entries, uint64_t lookups, unsigned percent_in)
{
    static struct pseudonym pool[POOL][SUBJECTS];
    uint64_t seed = 1, found = 0, done = 0;
    int64_t spent = 0;
    choice_table_hold(table, 0);
    while (done < lookups) {
        for (unsigned i = 0; i < POOL; i++) {
            for (unsigned j = 0; j < SUBJECTS; j++) {
                uint64_t number = mix(seed++) % entries;
                pool[i][j] = pseudonym_of(mix(seed++) % 100 < percent_in ? number : number + entries);
            }
        }
        int64_t began = now_ns();
        for (unsigned i = 0; i < POOL; i++) {
            for (unsigned j = 0; j < SUBJECTS; j++)
                choice_table_prefetch(table, &pool[i][j]);
            for (unsigned j = 0; j < SUBJECTS; j++) {
                struct choice_state state;
                found += choice_table_find(table, &pool[i][j], &state) && (state.out | state.in);
            }
        }
        spent += now_ns() - began;
        done += POOL;
    }
    choice_table_yield(table, 0);
    ensure(percent_in < 100 || found == done * SUBJECTS);
    return (double)spent / (double)done;
}

/* What one wait for memory costs on this machine at this moment: each place is known when the one before was read. */
static double memory_ns(uint64_t size_bytes)
{
    enum { STEPS = 1000000, LINE = 8 };
    uint64_t lines = size_bytes / (LINE * sizeof(uint64_t)), at = 0;
    uint64_t *memory = pages_new(size_bytes);
    ensure(memory);
    for (uint64_t i = 0; i < lines; i++)
        memory[i * LINE] = mix(i);
    int64_t began = now_ns();
    for (unsigned i = 0; i < STEPS; i++)
        at = memory[at % lines * LINE] + i;
    double took = (double)(now_ns() - began);
    ensure(at != 1);
    pages_free(memory, size_bytes);
    return took / STEPS;
}

int main(int argc, char **argv)
{
    uint64_t entries = argc > 1 ? strtoull(argv[1], NULL, 10) : 20000000;
    uint64_t lookups = argc > 2 ? strtoull(argv[2], NULL, 10) : 2000000;
    ensure(entries > 0 && lookups > 0);
    double before = resident_bytes();
    struct choice_table *table = choice_table_new(entries, 1);
    ensure(table);
    int64_t began = now_ns();
    fill(table, entries);
    double fill_ns = (double)(now_ns() - began) / (double)entries;
    choice_table_reclaim(table);
    double resident = resident_bytes() - before;
    double memory = memory_ns(choice_table_bytes(table));
    double few = look_up(table, entries, lookups, 5), all = look_up(table, entries, lookups, 100);
    printf("{\"what\":\"consent "
           "table\",\"entries\":%llu,\"bytes_per_entry\":%.1f,\"resident_bytes_per_entry\":%.1f,"
           "\"fill_ns\":%.0f,\"memory_ns\":%.0f,\"look_up_3_ns\":{\"5_percent_in_table\":%.0f,\"all_in_"
           "table\":%.0f}}\n",
           (unsigned long long)entries, (double)choice_table_bytes(table) / (double)entries,
           resident / (double)entries, fill_ns, memory, few, all);
    choice_table_free(table);
    return 0;
}
