/* clickveil run: runs the configured stages, on Kafka or over files. */
#include "commands/argument.h"
#include "commands/argument_value.h"
#include "commands/command.h"
#include "common/clock.h"
#include "common/config.h"
#include "common/file_run.h"
#include "common/kafka_pipeline.h"
#include "common/log.h"
#include "common/rfc3339.h"
#include "common/secret.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yyjson.h>

struct texts {
    const char *config, *input, *consent, *output, *internal, *summary, *now;
    struct argument_list set;
};

static struct texts texts;

static const struct argument arguments[] = {
    {.name = "config", .letter = 'c', .value = "FILE", .text = &texts.config, .help = "the configuration"},
    {.name = "set",
     .letter = 's',
     .value = "PATH=VALUE",
     .list = &texts.set,
     .help = "override an option of the configuration; may come again"},
    {.name = "input",
     .letter = 'i',
     .value = "FILE",
     .text = &texts.input,
     .help = "run over files: events, one JSON object a line; - is standard input. Without it: on Kafka"},
    {.name = "consent",
     .value = "FILE",
     .text = &texts.consent,
     .help = "choices, a record of the consent topic a line; read whole before the first event"},
    {.name = "output",
     .letter = 'o',
     .value = "FILE",
     .text = &texts.output,
     .help = "where feeds and dead letters go, a record a line; - is standard output (the default)"},
    {.name = "internal",
     .value = "FILE",
     .text = &texts.internal,
     .help = "where all other records go: changelogs, topics between stages"},
    {.name = "summary",
     .value = "FILE",
     .text = &texts.summary,
     .help = "write the summary there too, as JSON"},
    {.name = "now",
     .value = "TIME",
     .text = &texts.now,
     .help = "fix the clock, RFC 3339 with zone or epoch milliseconds; events are judged against it"},
    {0},
};

static const struct argument_table table = {
    .command = "run",
    .usage = "--config FILE [--set PATH=VALUE]...\n"
             "--config FILE --input FILE --consent FILE [OPTION]...",
    .about = "Runs the configured stages: on Kafka until a signal comes, or over files, through the same "
             "chain, for "
             "trying a policy, for tests and for backfills. Over files the summary goes to standard error.",
    .arguments = arguments,
    .notes = "Exit status: 0 done, 64 wrong usage, 65 bad input that no dead letter can take, 69 something "
             "needed is "
             "not there, 70 our own bug, 74 an I/O error, 78 bad configuration. The first SIGINT or SIGTERM "
             "ends the "
             "input early and finishes in good order (on Kafka: commits what is open and leaves the group), "
             "a second "
             "one ends at once. Rule files that change are read again, at once by SIGHUP.",
};

/* ---- signals: the first wakes the reader, the second ends the process ---- */

static int wake_pipe[2] = {-1, -1};
static volatile sig_atomic_t signals_seen;

static void take_signal(int number)
{
    int saved = errno;
    if (signals_seen++)
        _exit(128 + number);
    ssize_t written = write(wake_pipe[1], "", 1);
    (void)written; /* a full pipe is readable anyway */
    errno = saved;
}

static bool catch_signals(struct error *error)
{
    if (pipe(wake_pipe) != 0)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, NULL, "no pipe: %s", strerror(errno));
    struct sigaction action = {.sa_handler = take_signal,
                               .sa_flags = SA_RESTART}; /* writes go on; poll never does */
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    action.sa_handler = SIG_IGN; /* a reader that went away is a failed write */
    sigaction(SIGPIPE, &action, NULL);
    return true;
}

/* ---- summary ---- */

static yyjson_mut_doc *summary_of(const struct file_run_result *result, int64_t now_ms)
{
    yyjson_mut_doc *json = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = json ? run_summary_json(&result->summary, json) : NULL;
    char now[RFC3339_TEXT_SIZE];
    rfc3339_write(now_ms, now);
    if (!root || !yyjson_mut_obj_add_uint(json, root, "consent_records", result->consent_records) ||
        !yyjson_mut_obj_add_strncpy(json, root, "now", now, sizeof now) ||
        !yyjson_mut_obj_add_bool(json, root, "interrupted", result->interrupted)) {
        yyjson_mut_doc_free(json);
        return NULL;
    }
    yyjson_mut_doc_set_root(json, root);
    return json;
}

static bool write_summary(const struct file_run_result *result, int64_t now_ms, struct error *error)
{
    yyjson_mut_doc *json = summary_of(result, now_ms);
    if (!json)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for the summary");
    errno = 0;
    FILE *out = strcmp(texts.summary, "-") == 0 ? stdout : fopen(texts.summary, "wbe");
    bool written =
        out && yyjson_mut_write_fp(out, json, YYJSON_WRITE_PRETTY, NULL, NULL) && putc('\n', out) != EOF;
    if (out)
        written &= (out == stdout ? fflush(out) : fclose(out)) == 0;
    yyjson_mut_doc_free(json);
    return written ||
           error_fail(error, EXIT_STATUS_IO, texts.summary, NULL, "the summary can't be written: %s",
                      errno ? strerror(errno) : "a write failed");
}

static void tell(const struct file_run_result *result)
{
    fprintf(stderr, "%llu records of consent, %llu events in %.1f s%s\n\n",
            (unsigned long long)result->consent_records, (unsigned long long)result->summary.in,
            result->seconds, result->interrupted ? "; INTERRUPTED: the rest of the input was not read" : "");
    run_summary_write_text(&result->summary, stderr);
}

/* ---- the run ---- */

static bool run_on_files(const struct config *config, int64_t now_ms, struct error *error)
{
    struct file_run_result *result = calloc(1, sizeof *result);
    if (!result)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for the summary");
    struct file_run run = {
        .input = texts.input,
        .consent = texts.consent,
        .output = texts.output ? texts.output : "-",
        .internal = texts.internal,
        .now_ms = now_ms,
        .progress = isatty(STDERR_FILENO) == 1,
        .wake_descriptor = wake_pipe[0],
    };
    bool done = file_run(config, &run, result, error);
    if (done)
        tell(result);
    done = done && (!texts.summary || write_summary(result, now_ms, error));
    free(result);
    return done;
}

static bool is_stream(const char *path)
{
    return path && strcmp(path, "-") == 0;
}

/* Do two paths name one file? Streams and devices may be named as often as one likes. */
static bool is_same_file(const char *a, const char *b)
{
    if (!a || !b || is_stream(a) || is_stream(b))
        return false;
    struct stat of_a, of_b;
    bool has_a = stat(a, &of_a) == 0, has_b = stat(b, &of_b) == 0;
    if (!has_a && !has_b)
        return strcmp(a, b) == 0;
    return has_a && has_b && S_ISREG(of_a.st_mode) && of_a.st_dev == of_b.st_dev &&
           of_a.st_ino == of_b.st_ino;
}

/* What is written is emptied first: a file that is read too, or written twice, would be lost. */
static int check_files_differ(void)
{
    const struct {
        const char *option, *path;
    } files[] = {{"--config", texts.config}, {"--input", texts.input},       {"--consent", texts.consent},
                 {"--output", texts.output}, {"--internal", texts.internal}, {"--summary", texts.summary}};
    enum { FIRST_WRITTEN = 3, FILES = sizeof files / sizeof files[0] };
    for (unsigned written = FIRST_WRITTEN; written < FILES; written++) {
        for (unsigned other = 0; other < written; other++) {
            if (!is_same_file(files[written].path, files[other].path))
                continue;
            return argument_wrong(&table, "%s and %s name the same file", files[other].option,
                                  files[written].option);
        }
    }
    return EXIT_STATUS_DONE;
}

static int check_usage(int64_t *now_ms)
{
    if (!texts.config)
        return argument_wrong(&table, "--config is missing");
    bool of_files = texts.consent || texts.output || texts.internal || texts.summary || texts.now;
    if (!texts.input && of_files)
        return argument_wrong(&table, "--input is missing; the other file options go with it");
    if (is_stream(texts.input) && is_stream(texts.consent))
        return argument_wrong(&table, "--input and --consent can't both be standard input");
    if (is_stream(texts.summary) && (!texts.output || is_stream(texts.output) || is_stream(texts.internal)))
        return argument_wrong(&table, "--summary can't share standard output with records");
    if (texts.now && !argument_time(texts.now, now_ms))
        return argument_wrong(&table, "--now wants a time such as 2026-11-24T00:00:00Z");
    return check_files_differ();
}

int command_run(int argc, char **argv)
{
    int operand;
    enum argument_result parsed = argument_parse(&table, argc, argv, &operand);
    if (parsed != ARGUMENT_GO)
        return parsed == ARGUMENT_HELP ? EXIT_STATUS_DONE : EXIT_STATUS_USAGE;
    int64_t now_ms = clock_unix_ms();
    int usage = check_usage(&now_ms);
    if (usage)
        return usage;

    if (!texts.input)
        kafka_pipeline_catch_signals();
    struct error error = {0};
    if (!process_harden(&error) || (texts.input && !catch_signals(&error)))
        return argument_failure("run", &error);
    struct config *config = argument_config(texts.config, NULL, &texts.set, &error);
    if (!config)
        return argument_failure("run", &error);
    if (!texts.input) {
        log_init((enum log_format)config->log.format, (enum log_level)config->log.level);
        int status = kafka_pipeline_run(config);
        config_free(config);
        return status;
    }
    bool done = run_on_files(config, now_ms, &error);
    config_free(config);
    return done ? EXIT_STATUS_DONE : argument_failure("run", &error);
}
