/*
 * Design: a loop of transactions. Lines go through the chain one by one; what it hands to the sink is kept as a list
 * (its bytes live in the arena) and written when the transaction ends, so that the files hold committed records only,
 * and the same ones wherever the transactions were cut. A transaction ends after batch_records_max lines or when half of
 * the arena is used, as on Kafka.
 *
 * Side inputs answer the consent file once it has been read whole, one stage after the other, each in transactions of its
 * own; then the events come.
 */
#include "common/file_run.h"

#include "common/chain.h"
#include "common/clock.h"
#include "common/dead_letter.h"
#include "common/file_consent.h"
#include "common/file_record.h"
#include "common/line_reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

enum {
    ARENA_BLOCK_BYTES = 1024 * 1024,
    WRITE_BUFFER_BYTES = 1024 * 1024,
    PROGRESS_EVERY = 4096, /* lines between two looks at the clock */
    PROGRESS_MS = 500,
};

struct target {
    FILE *file; /* NULL: not wanted */
    const char *path;
};

struct run {
    const struct config *config;
    const struct file_run *options;
    struct chain_shared *shared;
    struct chain *chain;
    struct chain *side; /* while a side input answers the consent file */
    struct file_consent consent;
    struct arena arena;
    struct line_reader lines;
    struct file_record_reader *records; /* when the input is a topic between stages */
    struct file_record_writer writer;
    struct target output, internal;
    struct output *pending; /* outputs of the open transaction */
    size_t pending_count, pending_room;
    uint64_t in_transaction;
    struct run_summary *summary;
    int64_t started_ms, shown_ms;
    bool interrupted;
};

/* ---- outputs ---- */

static bool keep_output(void *context, const struct output *output, struct error *error)
{
    struct run *run = context;
    if (run->pending_count == run->pending_room) {
        size_t room = run->pending_room ? run->pending_room * 2 : 1024;
        struct output *pending = realloc(run->pending, room * sizeof *pending);
        if (!pending)
            return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory",
                              "no memory for the records of a transaction");
        run->pending = pending;
        run->pending_room = room;
    }
    run->pending[run->pending_count++] = *output;
    return true;
}

static bool write_failed(const struct target *target, struct error *error)
{
    return error_fail(error, EXIT_STATUS_IO, target->path, NULL, "can't be written: %s",
                      errno ? strerror(errno) : "an earlier write failed");
}

static bool write_pending(struct run *run, struct error *error)
{
    errno = 0;
    for (size_t i = 0; i < run->pending_count; i++) {
        const struct output *output = &run->pending[i];
        struct target *target = file_record_is_public(output->topic) ? &run->output : &run->internal;
        if (target->file && !file_record_write(&run->writer, output, target->file, error))
            return false;
        run_summary_output(run->summary, output);
    }
    if (ferror(run->output.file))
        return write_failed(&run->output, error);
    if (run->internal.file && ferror(run->internal.file))
        return write_failed(&run->internal, error);
    return true;
}

static bool open_target(struct target *target, const char *path, struct error *error)
{
    if (!path)
        return true;
    bool standard_output = strcmp(path, "-") == 0;
    *target = (struct target){
        .file = standard_output ? stdout : fopen(path, "wbe"),
        .path = standard_output ? "standard output" : path,
    };
    if (!target->file)
        return write_failed(target, error);
    (void)setvbuf(target->file, NULL, _IOFBF, WRITE_BUFFER_BYTES);
    return true;
}

static bool close_target(struct target *target, struct error *error)
{
    if (!target->file)
        return true;
    bool bad = ferror(target->file) != 0;
    errno = 0;
    bad |= (target->file == stdout ? fflush(stdout) : fclose(target->file)) != 0;
    target->file = NULL;
    return !bad || write_failed(target, error);
}

/* ---- transactions ---- */

static bool end_transaction(struct run *run, bool draining, bool *out_more, struct error *error)
{
    struct chain *chain = run->side ? run->side : run->chain;
    if (!chain_flush(chain, draining, false, out_more, error))
        return false;
    if (!chain_stands(chain))
        return error_fail(error, EXIT_STATUS_BUG, NULL, "report this",
                          "a choice changed after the consent file was read");
    if (!write_pending(run, error))
        return false;
    chain_commit(chain);
    arena_reset(&run->arena);
    run->pending_count = 0;
    run->in_transaction = 0;
    return true;
}

static bool end_transactions(struct run *run, bool draining, struct error *error)
{
    bool more = true;
    while (more) {
        more = false;
        if (!end_transaction(run, draining, &more, error))
            return false;
    }
    return true;
}

static bool is_full(const struct run *run)
{
    return run->in_transaction >= (uint64_t)run->config->runtime.batch_records_max ||
           run->arena.used > (size_t)run->config->runtime.memory_bytes_max / 2;
}

/* ---- input ---- */

/* An event is the line; of a topic between stages the line holds key, value and origin. */
static bool input_of(struct run *run, const struct line *line, struct chain_input *out_input,
                     struct error *error)
{
    *out_input = (struct chain_input){
        .partition = 0,
        .offset = (int64_t)line->number,
        .timestamp_ms = run->options->now_ms,
        .value = line->text,
    };
    if (!run->records)
        return true;
    struct file_record record;
    if (line->cut)
        error_fail(error, EXIT_STATUS_DATA, NULL, NULL, "is longer than %d bytes", FILE_RECORD_LINE_SIZE_MAX);
    if (line->cut || !file_record_read(run->records, line->text, &record, error)) {
        error_at(error, "%s:%" PRIu64, run->lines.path, line->number + 1);
        return false;
    }
    out_input->key = record.key;
    out_input->value = record.value;
    out_input->origin = record.origin;
    return true;
}

static void show_progress(struct run *run, uint64_t lines)
{
    int64_t now_ms = clock_monotonic_ms();
    if (now_ms - run->shown_ms < PROGRESS_MS)
        return;
    run->shown_ms = now_ms;
    double rate = 1000.0 * (double)lines / (double)(now_ms - run->started_ms + 1);
    fprintf(stderr, "\r\033[K");
    if (run->lines.bytes_all)
        fprintf(stderr, "%3.0f %%  ", 100.0 * (double)run->lines.bytes / (double)run->lines.bytes_all);
    fprintf(stderr, "%" PRIu64 " events  %.0f/s", lines, rate);
}

static bool process_lines(struct run *run, struct error *error)
{
    struct line line;
    enum line_result result;
    while ((result = line_reader_next(&run->lines, &line, error)) == LINE_READ) {
        struct chain_input input;
        if (!input_of(run, &line, &input, error) || chain_process(run->chain, &input, error) == CHAIN_STOP)
            return false;
        run->in_transaction++;
        if (is_full(run) && !end_transactions(run, false, error))
            return false;
        if (run->options->progress && line.number % PROGRESS_EVERY == 0)
            show_progress(run, line.number);
    }
    run->interrupted = result == LINE_WOKEN;
    return result != LINE_FAILED && end_transactions(run, true, error);
}

/* ---- side inputs ---- */

static bool answer(void *context, const struct followed_record *record, struct error *error)
{
    struct run *run = context;
    struct chain_input input = {
        .partition = record->partition,
        .offset = record->offset,
        .timestamp_ms = record->timestamp_ms,
        .key = record->key,
        .value = record->value,
        .author = record->author,
    };
    if (chain_process(run->side, &input, error) == CHAIN_STOP)
        return false;
    run->in_transaction++;
    return !is_full(run) || end_transactions(run, false, error);
}

static bool run_sides(struct run *run, struct error *error)
{
    struct sink sink = {run, keep_output};
    bool done = true;
    for (unsigned i = 0; done && i < chain_side_count(run->config); i++) {
        run->side = chain_side_new(run->shared, i, &run->arena, sink, error);
        if (!run->side)
            return false;
        chain_clock(run->side, run->options->now_ms);
        done = file_consent_visit(&run->consent, answer, run, error) && end_transactions(run, true, error);
        if (!done)
            chain_abort(run->side);
        chain_free(run->side);
        run->side = NULL;
    }
    return done;
}

/* ---- life cycle ---- */

static bool open_input(struct run *run, struct error *error)
{
    size_t line_size_max = FILE_RECORD_LINE_SIZE_MAX;
    if (config_input_topic(run->config) == TOPIC_EVENTS) {
        /* One byte more than allowed tells the chain that it is too much; a dead letter keeps what it can hold. */
        size_t allowed = (size_t)run->config->input.record_bytes_max;
        line_size_max =
            (allowed > DEAD_LETTER_PAYLOAD_SIZE_MAX ? allowed : (size_t)DEAD_LETTER_PAYLOAD_SIZE_MAX) + 1;
    } else {
        run->records = file_record_reader_new(error);
        if (!run->records)
            return false;
    }
    return line_reader_open(&run->lines, run->options->input, line_size_max, run->options->wake_descriptor,
                            error);
}

static bool open_chain(struct run *run, uint64_t *out_consent_records, struct error *error)
{
    run->shared = chain_shared_new(run->config, true, error);
    if (!run->shared)
        return false;
    if (!run->options->consent && file_consent_is_wanted(run->shared))
        return error_fail(error, EXIT_STATUS_USAGE, NULL, "give the choices with --consent",
                          "the chain has a stage that decides by choices, and there is no consent file");
    struct sink sink = {run, keep_output};
    run->chain = chain_new(run->shared, 0, &run->arena, sink, error);
    if (!run->chain)
        return false;
    chain_clock(run->chain, run->options->now_ms);
    if (chain_is_partitioned(run->chain) &&
        (!chain_assign(run->chain, 0, 1, error) || !chain_restored(run->chain, 0, error)))
        return false;
    run->consent = (struct file_consent){
        .path = run->options->consent,
        .now_ms = run->options->now_ms,
        .wake_descriptor = run->options->wake_descriptor,
        .keep = chain_side_count(run->config) > 0,
    };
    return file_consent_load(&run->consent, run->shared, out_consent_records, error);
}

static bool run_chain(struct run *run, struct file_run_result *result, struct error *error)
{
    size_t memory = (size_t)run->config->runtime.memory_bytes_max;
    if (!arena_init(&run->arena, ARENA_BLOCK_BYTES, memory, error) || !open_input(run, error) ||
        !open_chain(run, &result->consent_records, error) ||
        !open_target(&run->output, run->options->output, error) ||
        !open_target(&run->internal, run->options->internal, error))
        return false;
    if (!run_sides(run, error))
        return false;
    file_consent_release(&run->consent);
    run->started_ms = run->shown_ms = clock_monotonic_ms();
    bool done = process_lines(run, error);
    if (run->options->progress)
        fputs("\r\033[K", stderr);
    if (!done)
        return false;
    result->seconds = (double)(clock_monotonic_ms() - run->started_ms) / 1000.0;
    result->interrupted = run->interrupted;
    chain_counters(run->chain, run_summary_count, run->summary);
    chain_shared_programmes(run->shared, run_summary_programme, run->summary);
    if (!run_summary_close(run->summary))
        return error_fail(error, EXIT_STATUS_BUG, NULL, "report this",
                          "the books do not balance: %" PRIu64 " in, %" PRIu64 " kept, %" PRIu64
                          " dropped, %" PRIu64 " dead letters",
                          run->summary->in, run->summary->kept, run->summary->dropped,
                          run->summary->dead_letters);
    return true;
}

static bool release(struct run *run, bool done, struct error *error)
{
    if (run->chain && !done)
        chain_abort(run->chain);
    if (run->chain && chain_is_partitioned(run->chain))
        chain_revoke(run->chain, 0);
    chain_free(run->chain);
    chain_shared_free(run->shared);
    line_reader_close(&run->lines);
    file_record_reader_free(run->records);
    file_record_writer_release(&run->writer);
    free(run->pending);
    file_consent_release(&run->consent);
    arena_release(&run->arena);
    /* The first failure is the one to tell. */
    done = close_target(&run->output, done ? error : NULL) && done;
    return close_target(&run->internal, done ? error : NULL) && done;
}

bool file_run(const struct config *config, const struct file_run *options, struct file_run_result *out_result,
              struct error *error)
{
    struct file_run_result *result = calloc(1, sizeof *result);
    if (!result)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for a summary");
    struct run run = {
        .config = config,
        .options = options,
        .writer = {.config = config},
        .summary = &result->summary,
        .lines = {.descriptor = -1},
    };
    run_summary_init(run.summary, config);
    bool done = run_chain(&run, result, error);
    done = release(&run, done, error);
    if (done)
        *out_result = *result;
    free(result);
    return done;
}
