/*
 * Runs clickveil over a loaded topic and measures it from outside (make bench).
 *
 *   measure WHAT BOOTSTRAP GROUP=TOPIC... -- PROGRAM ARGUMENT... [-- PROGRAM ARGUMENT...]...
 *           [--beside PROGRAM ARGUMENT...]
 *
 * Starts the programs, waits until every group has committed its topic to the end, notes what that took, and sends
 * SIGTERM. The groups are in processing order and forgotten before the start. The window goes from the moment when the
 * first group's first transaction is seen committed to the one when the last group is through: connecting, loading
 * rules and reading consents lie before it. What was committed before the window is not counted.
 *
 * A program beside them is started before them, to prepare itself, and must stop itself then (SIGSTOP); it goes on when
 * the window begins. How many records a second went through until it ended is `records_per_second_beside`, over
 * `beside_seconds`.
 *
 * CPU seconds are user and system time of all programs (their POSIX CPU clocks), peak RSS is VmHWM. Prints one JSON
 * object.
 */
#include "common/clock.h"

#include <librdkafka/rdkafka.h>

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    GROUPS_MAX = 8,
    PROGRAMS_MAX = 8,
    TIMEOUT_MS = 10000,
    LOOK_EVERY_MS = 50,
    THROUGH_WITHIN_MS = 300000,
    TEXT_SIZE = 256,
};

struct group {
    char name[TEXT_SIZE];
    const char *topic;
    rd_kafka_t *client;
    int partitions;
    int64_t committed, end; /* sums over partitions */
};

struct program {
    char **arguments;
    pid_t pid;
    clockid_t clock;
    double cpu_began_s, cpu_s; /* at the window's ends */
    long rss_kib;
};

struct measure {
    const char *what;
    struct group groups[GROUPS_MAX];
    unsigned group_count;
    struct program programs[PROGRAMS_MAX];
    unsigned program_count;
    struct program beside; /* arguments NULL: none */
};

static struct measure measure;

static void end_programs(int signal_number)
{
    if (measure.beside.pid > 0)
        kill(measure.beside.pid, signal_number);
    for (unsigned i = 0; i < measure.program_count; i++) {
        if (measure.programs[i].pid > 0)
            kill(measure.programs[i].pid, signal_number);
    }
}

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("measure: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    end_programs(SIGKILL);
    exit(1);
}

/* ---- what the broker knows ---- */

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[TEXT_SIZE];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) != RD_KAFKA_CONF_OK)
        die("%s: %s", name, why);
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

static void forget(struct group *group)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(group->client);
    rd_kafka_DeleteGroup_t *old = rd_kafka_DeleteGroup_new(group->name);
    rd_kafka_DeleteGroups(group->client, &old, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, TIMEOUT_MS);
    if (!event)
        die("the broker did not forget group %s", group->name);
    rd_kafka_event_destroy(event);
    rd_kafka_DeleteGroup_destroy(old);
    rd_kafka_queue_destroy(queue);
}

static void open_group(struct group *group, const char *bootstrap, const char *text)
{
    const char *equals = strchr(text, '=');
    if (!equals || (size_t)(equals - text) >= sizeof group->name)
        die("'%s' is not GROUP=TOPIC", text);
    snprintf(group->name, sizeof group->name, "%.*s", (int)(equals - text), text);
    group->topic = equals + 1;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", bootstrap);
    set(conf, "group.id", group->name);
    set(conf, "isolation.level", "read_uncommitted");
    char why[TEXT_SIZE];
    group->client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (!group->client)
        die("%s", why);
    group->partitions = partitions_of(group->client, group->topic);
    forget(group);
}

/* Is the group through? What a transaction leaves last in a partition is its marker, whose place may stay
 * uncommitted. */
static bool look(struct group *group)
{
    rd_kafka_topic_partition_list_t *committed = rd_kafka_topic_partition_list_new(group->partitions);
    for (int i = 0; i < group->partitions; i++)
        rd_kafka_topic_partition_list_add(committed, group->topic, i);
    rd_kafka_topic_partition_list_t *ends = rd_kafka_topic_partition_list_copy(committed);
    for (int i = 0; i < group->partitions; i++)
        ends->elems[i].offset = -1;
    bool through = !rd_kafka_committed(group->client, committed, TIMEOUT_MS) &&
                   !rd_kafka_offsets_for_times(group->client, ends, TIMEOUT_MS);
    group->committed = group->end = 0;
    for (int i = 0; i < group->partitions; i++) {
        int64_t at = committed->elems[i].offset, end = ends->elems[i].offset;
        group->committed += at > 0 ? at : 0;
        group->end += end;
        through = through && !committed->elems[i].err && !ends->elems[i].err && end > 0 && at >= end - 1;
    }
    rd_kafka_topic_partition_list_destroy(committed);
    rd_kafka_topic_partition_list_destroy(ends);
    return through;
}

static bool all_through(void)
{
    bool through = true;
    /* in processing order: what an earlier one wrote before it was through is in the later one's end */
    for (unsigned i = 0; i < measure.group_count && through; i++)
        through = look(&measure.groups[i]);
    return through;
}

/* ---- what the system knows ---- */

static void start(struct program *program)
{
    program->pid = fork();
    if (program->pid == 0) {
        execv(program->arguments[0], program->arguments);
        _exit(127);
    }
    if (program->pid < 0 || clock_getcpuclockid(program->pid, &program->clock))
        die("%s: %s", program->arguments[0], strerror(errno));
}

static double cpu_s(const struct program *program)
{
    struct timespec time = {0};
    clock_gettime(program->clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* It stops itself when it is prepared. */
static void prepare(struct program *program)
{
    int status;
    start(program);
    if (waitpid(program->pid, &status, WUNTRACED) < 0 || !WIFSTOPPED(status)) {
        program->pid = 0;
        die("the program beside did not wait for the window");
    }
}

static long peak_rss_kib(const struct program *program)
{
    char path[64], line[TEXT_SIZE];
    snprintf(path, sizeof path, "/proc/%d/status", (int)program->pid);
    FILE *file = fopen(path, "re");
    long kib = 0;
    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, "VmHWM:", 6) == 0)
            kib = strtol(line + 6, NULL, 10);
    }
    if (file)
        fclose(file);
    return kib;
}

static void all_must_live(void)
{
    for (unsigned i = 0; i < measure.program_count; i++) {
        int status;
        if (waitpid(measure.programs[i].pid, &status, WNOHANG) == 0)
            continue;
        measure.programs[i].pid = 0;
        die("program %u ended by itself, status %d", i + 1,
            WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    }
}

/* Has the program beside ended by now? */
static bool beside_ended(void)
{
    int status;
    if (measure.beside.pid <= 0 || waitpid(measure.beside.pid, &status, WNOHANG) == 0)
        return false;
    measure.beside.pid = 0;
    if (!WIFEXITED(status) || WEXITSTATUS(status))
        die("the program beside failed");
    return true;
}

static void stop_all(void)
{
    end_programs(SIGTERM);
    for (unsigned i = 0; i < measure.program_count; i++) {
        int status;
        if (waitpid(measure.programs[i].pid, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status))
            fprintf(stderr, "measure: program %u did not drain well\n", i + 1);
    }
}

/* ---- measuring ---- */

static void run(void)
{
    if (measure.beside.arguments)
        prepare(&measure.beside);
    int64_t launched_ms = clock_monotonic_ms();
    for (unsigned i = 0; i < measure.program_count; i++)
        start(&measure.programs[i]);
    int64_t began_ms = 0, before = 0, beside_ms = 0, beside_records = 0;
    for (;;) {
        bool through = all_through();
        int64_t now_ms = clock_monotonic_ms();
        for (unsigned i = 0; i < measure.program_count; i++) {
            measure.programs[i].cpu_s = cpu_s(&measure.programs[i]);
            if (!began_ms)
                measure.programs[i].cpu_began_s = measure.programs[i].cpu_s;
        }
        if (!began_ms && measure.groups[0].committed > 0) {
            began_ms = now_ms;
            before = measure.groups[0].committed;
            if (measure.beside.arguments)
                kill(measure.beside.pid, SIGCONT);
        }
        if (beside_ended() || (through && measure.beside.pid > 0)) {
            beside_ms = now_ms - began_ms;
            beside_records = measure.groups[0].committed - before;
        }
        if (through) {
            double seconds = (double)(now_ms - began_ms) / 1000, cpu = 0;
            double records = (double)(measure.groups[0].committed - before);
            long rss_kib = 0;
            for (unsigned i = 0; i < measure.program_count; i++) {
                struct program *program = &measure.programs[i];
                program->rss_kib = peak_rss_kib(program);
                rss_kib = program->rss_kib > rss_kib ? program->rss_kib : rss_kib;
                cpu += program->cpu_s - program->cpu_began_s;
            }
            if (records <= 0)
                die("through before the window began: load more records");
            printf("{\"what\":\"%s\",\"records\":%.0f,\"seconds\":%.3f,\"records_per_second\":%.0f,"
                   "\"cpu_seconds\":%.3f,\"cpu_seconds_per_million\":%.3f,\"peak_rss_mib\":%.1f,"
                   "\"start_seconds\":%.3f,\"start_cpu_seconds\":%.3f,",
                   measure.what, records, seconds, records / seconds, cpu, cpu / records * 1e6,
                   (double)rss_kib / 1024, (double)(began_ms - launched_ms) / 1000,
                   measure.programs[0].cpu_began_s);
            if (beside_ms > 0)
                printf("\"beside_seconds\":%.3f,\"records_per_second_beside\":%.0f,",
                       (double)beside_ms / 1000, (double)beside_records / ((double)beside_ms / 1000));
            printf("\"programs\":[");
            for (unsigned i = 0; i < measure.program_count; i++) {
                const struct program *program = &measure.programs[i];
                printf("%s{\"group\":\"%s\",\"cpu_seconds_per_million\":%.3f,\"peak_rss_mib\":%.1f}",
                       i ? "," : "", measure.groups[i].name,
                       (program->cpu_s - program->cpu_began_s) / records * 1e6,
                       (double)program->rss_kib / 1024);
            }
            printf("]}\n");
            return;
        }
        all_must_live();
        if (now_ms - launched_ms > THROUGH_WITHIN_MS)
            die("not through after %d s", THROUGH_WITHIN_MS / 1000);
        clock_sleep_ms(LOOK_EVERY_MS);
    }
}

int main(int argc, char **argv)
{
    int at = 3;
    if (argc < 6)
        die("see the head of tests/bench/measure.c");
    measure.what = argv[1];
    for (; at < argc && strcmp(argv[at], "--") != 0; at++) {
        if (measure.group_count == GROUPS_MAX)
            die("too many groups");
        open_group(&measure.groups[measure.group_count++], argv[2], argv[at]);
    }
    while (at + 1 < argc) {
        bool beside = strcmp(argv[at], "--beside") == 0;
        if (measure.program_count == PROGRAMS_MAX)
            die("too many programs");
        argv[at++] = NULL;
        if (beside)
            measure.beside.arguments = &argv[at];
        else
            measure.programs[measure.program_count++].arguments = &argv[at];
        while (at < argc && strcmp(argv[at], "--") != 0 && strcmp(argv[at], "--beside") != 0)
            at++;
    }
    if (measure.group_count == 0 || measure.program_count != measure.group_count)
        die("as many programs as groups are needed");
    run();
    stop_all();
    for (unsigned i = 0; i < measure.group_count; i++)
        rd_kafka_destroy(measure.groups[i].client);
    return 0;
}
