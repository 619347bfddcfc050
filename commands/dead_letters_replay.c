/*
 * clickveil dead-letters replay: inputs of dead letters go back to the topic of events, each once.
 *
 * Design. What was replayed is written down by markers in the dead-letter topic itself, in the transaction that puts the
 * event back (common/dead_letter_marks.h), so there is no file to lose, and no order in which letters must be taken: any
 * filters, any number of runs. A round opens the producer, which fences and ends any other replay; reads the topic to its high
 * watermarks, so that no marker is missed; and then goes through the letters that have none. Whatever goes wrong in a way
 * that may pass ends the round, and the next one finds out what was committed.
 *
 * A letter may have been written by anybody who may write to that topic, so what comes of it is an event like any other:
 * judged by the whole chain, with the choices of today.
 */
#include "commands/dead_letters.h"

#include "common/clock.h"
#include "common/kafka_replay.h"
#include "common/kafka_scan.h"
#include "common/partitioner.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <yyjson.h>

enum {
    ATTEMPTS_MAX_DEFAULT = 3,
    RATE_MAX = 1000000,
    BATCH = 1000,              /* letters in a transaction */
    BATCH_SIZE_MAX = 16 << 20, /* bytes in a transaction */
    OPEN_MS_MAX = 1000,        /* how long one stays open */
    WAIT_OPEN_MS = 50,         /* how long one may wait for the rate */
    STEP_MS = 50,              /* of a wait, after which an interrupt is seen */
    ROUNDS_MAX = 6,
    ROUND_PAUSE_MS = 500,
    PROGRESS_MS = 200,
    DAY_MS = 86400000,
};

static struct dead_letters_texts texts;
static struct dead_letters_filter filter;
static const char *secret_text, *rate_text, *attempts_text;
static bool as_json, dry_run, late;

static const struct argument arguments[] = {
    DEAD_LETTERS_ARGUMENTS(texts),
    {.name = "secret-key",
     .letter = 'k',
     .value = "FILE",
     .text = &secret_text,
     .help = DEAD_LETTERS_SECRET_HELP},
    DEAD_LETTERS_FILTER_ARGUMENTS(filter),
    {.name = "dry-run", .letter = 'n', .flag = &dry_run, .help = "say what would be done, write nothing"},
    {.name = "rate",
     .value = "N/s",
     .text = &rate_text,
     .help = "at most so many a second; unless given as fast as it goes"},
    {.name = "attempts-max",
     .value = "N",
     .text = &attempts_text,
     .help = "leave those that have failed so often already, 3 unless given"},
    {.name = "late",
     .flag = &late,
     .help = "let events through whose time is further behind their Kafka timestamp than input.late_max; an "
             "epoch "
             "that is over stays over"},
    {.name = "json", .flag = &as_json, .help = "answer in JSON"},
    {0},
};

static const struct argument_table table = {
    .command = "dead-letters replay",
    .usage = "--config FILE --secret-key FILE [OPTION]...",
    .about = "Puts the inputs of dead letters back on the topic of events, with their key, value and Kafka "
             "timestamp. "
             "There they are judged as any event is, with the choices of today. Each is put back once, "
             "however often "
             "this runs, with whatever filters, and after a crash at any moment; whoever starts a second one "
             "at the same time "
             "ends the first. What fails again becomes a new letter with its attempt counted up. Letters of "
             "topics behind consent are "
             "left alone, since they would go round it.",
    .arguments = arguments,
    .notes = "The first SIGINT or SIGTERM ends after the open transaction, the second at once. Exit status: "
             "0 done or "
             "interrupted, 64 wrong usage, 65 done, but some letters can't be replayed (another key, "
             "damaged, cut, no "
             "payload, another topic), 69 the broker or a topic is not there or another replay has begun, 74 "
             "an I/O error, "
             "78 bad configuration or key, 130 and 143 after a second signal.",
};

/* Why a letter stays where it is. */
enum left {
    LEFT_ATTEMPTS = 0,
    LEFT_TOPIC,
    LEFT_CUT,
    LEFT_NO_PAYLOAD,
    LEFT_OTHER_KEY,
    LEFT_DAMAGED,
    LEFT_PARTITION,
    LEFT_KINDS,
};

static const struct {
    const char *name, *help;
} left_kinds[LEFT_KINDS] = {
    [LEFT_ATTEMPTS] = {"attempts", "failed so often already that --attempts-max leaves them"},
    [LEFT_TOPIC] = {"other_topic",
                    "came from another topic than that of events: putting them back would go round consent"},
    [LEFT_CUT] = {"cut", "were longer than what is kept"},
    [LEFT_NO_PAYLOAD] = {"no_payload", "have no payload, since no public key was configured"},
    [LEFT_OTHER_KEY] = {"other_key", "are sealed to another key than this one"},
    [LEFT_DAMAGED] = {"damaged", "are damaged, or no letters of clickveil"},
    [LEFT_PARTITION] = {"partition", "came from a partition that the topic of events does not have any more"},
};

struct replaying {
    struct config *config;
    struct secret *secret;
    struct arena arena;
    struct view events; /* topic */
    unsigned attempts_max;
    uint64_t rate; /* a second; 0: no bound */

    struct kafka_replay *replay; /* NULL: dry run */
    struct dead_letter_marks marks;
    int64_t *ends;
    int32_t partitions;        /* of the dead-letter topic */
    uint64_t letters, seen;    /* of this round: without a marker, and how many of them are done */
    size_t open_size;          /* bytes in the open transaction */
    int64_t began_ms, next_us; /* monotonic: of all, and when the next letter may go */
    int64_t shown_ms;

    bool interrupted;
    unsigned rounds;
    uint64_t replayed_before; /* before this run */
    uint64_t replayed;        /* by this run, committed; of a dry run: what would be */
    uint64_t not_chosen;
    uint64_t left[LEFT_KINDS];
};

/* ---- signals ---- */

static volatile sig_atomic_t signals_seen;

static void take_signal(int number)
{
    if (signals_seen++)
        _exit(128 + number);
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = take_signal, .sa_flags = SA_RESTART};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static bool is_interrupted(struct replaying *replaying)
{
    replaying->interrupted |= signals_seen > 0;
    return replaying->interrupted;
}

/* ---- progress ---- */

static void show_progress(struct replaying *replaying)
{
    int64_t now_ms = clock_monotonic_ms();
    if (now_ms - replaying->shown_ms < PROGRESS_MS || !isatty(STDERR_FILENO))
        return;
    replaying->shown_ms = now_ms;
    uint64_t open = replaying->replay ? kafka_replay_open_count(replaying->replay) : 0;
    double ratio = replaying->letters ? (double)replaying->seen / (double)replaying->letters : 1;
    char bar[31];
    for (unsigned i = 0; i < sizeof bar - 1; i++)
        bar[i] = (double)i < ratio * (double)(sizeof bar - 1) ? '#' : '.';
    bar[sizeof bar - 1] = '\0';
    fprintf(stderr, "\r\033[K[%s] %3.0f %%  %" PRIu64 " replayed  %.0f/s", bar, 100 * ratio,
            replaying->replayed + open,
            1000.0 * (double)(replaying->replayed + open) / (double)(now_ms - replaying->began_ms + 1));
}

/* ---- transactions ---- */

static bool commit(struct replaying *replaying, struct error *error)
{
    uint64_t count = replaying->replay ? kafka_replay_open_count(replaying->replay) : 0;
    bool doubtful = false;
    if (count == 0)
        return true;
    if (!kafka_replay_commit(replaying->replay, &doubtful, error))
        return false;
    replaying->replayed += count;
    replaying->open_size = 0;
    if (!doubtful)
        return true;
    (void)error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "run it again: it goes on where this one ended",
                     "a request to the broker got no answer");
    error->retriable = true;
    return false;
}

/* Commit what has been open long enough, or is large enough. */
static bool commit_due(struct replaying *replaying, int64_t wait_ms, struct error *error)
{
    struct kafka_replay *replay = replaying->replay;
    if (!replay || kafka_replay_open_count(replay) == 0)
        return true;
    bool due = kafka_replay_open_count(replay) >= BATCH || replaying->open_size >= BATCH_SIZE_MAX ||
               wait_ms >= WAIT_OPEN_MS || clock_monotonic_ms() - kafka_replay_began_ms(replay) >= OPEN_MS_MAX;
    return !due || commit(replaying, error);
}

/* Wait until the rate allows one more. False with interrupted: not any more. */
static bool wait_for_rate(struct replaying *replaying, struct error *error)
{
    int64_t now_ms = clock_monotonic_ms();
    int64_t wait_ms = replaying->rate ? replaying->next_us / 1000 - now_ms : 0;
    if (!commit_due(replaying, wait_ms, error))
        return false;
    while (wait_ms > 0 && !is_interrupted(replaying)) {
        clock_sleep_ms(wait_ms < STEP_MS ? wait_ms : STEP_MS);
        show_progress(replaying);
        now_ms = clock_monotonic_ms();
        wait_ms = replaying->next_us / 1000 - now_ms;
    }
    if (is_interrupted(replaying))
        return false;
    if (replaying->rate) { /* what was missed is not made up for */
        int64_t from = replaying->next_us > (now_ms - STEP_MS) * 1000 ? replaying->next_us : now_ms * 1000;
        replaying->next_us = from + (int64_t)(1000000 / replaying->rate);
    }
    return true;
}

/* ---- letters ---- */

static enum left left_by_state(enum dead_letter_state state)
{
    return state == DEAD_LETTER_NO_PAYLOAD  ? LEFT_NO_PAYLOAD
           : state == DEAD_LETTER_OTHER_KEY ? LEFT_OTHER_KEY
                                            : LEFT_DAMAGED;
}

static bool is_chosen(const struct dead_letter *letter)
{
    return dead_letters_filter_takes(&filter, letter->reason) && letter->failed_ms >= filter.since_ms &&
           letter->failed_ms < filter.until_ms;
}

/* Where events of that key belong by what the input checks; where it checks nothing, where it was. -1: nowhere. */
static int32_t partition_of(const struct replaying *replaying, const struct dead_letter *letter)
{
    int32_t partitions = replaying->replay ? kafka_replay_partitions(replaying->replay) : INT32_MAX;
    enum events_partitioner partitioner =
        (enum events_partitioner)replaying->config->input.events_partitioner;
    int32_t partition = partitioner_partition(partitioner, letter->key.bytes, partitions);
    if (partition >= 0)
        return partition;
    return letter->partition >= 0 && letter->partition < partitions ? letter->partition : -1;
}

/* LEFT_KINDS: it can go. */
static enum left judge(const struct replaying *replaying, const struct dead_letter *letter)
{
    if (!view_equal(letter->topic, replaying->events))
        return LEFT_TOPIC;
    if (letter->attempt >= replaying->attempts_max)
        return LEFT_ATTEMPTS;
    if (letter->key.cut || letter->value.cut)
        return LEFT_CUT;
    return partition_of(replaying, letter) < 0 ? LEFT_PARTITION : LEFT_KINDS;
}

static bool put_back(struct replaying *replaying, struct dead_letter_place place,
                     const struct dead_letter *letter, struct error *error)
{
    int64_t now_ms = clock_unix_ms();
    if (dry_run) {
        replaying->replayed++;
        return true;
    }
    if (!wait_for_rate(replaying, error))
        return false;
    struct kafka_replay_event event = {
        .letter = place,
        .partition = partition_of(replaying, letter),
        .key = letter->key.bytes,
        .value = letter->value.bytes,
        .timestamp_ms = letter->timestamp_ms > 0 ? letter->timestamp_ms : letter->failed_ms,
        .attempts = letter->attempt ? letter->attempt : 1,
        .late = late,
        .marker_ms = now_ms - now_ms % DAY_MS, /* the day, as of letters */
    };
    replaying->open_size += letter->key.bytes.size + letter->value.bytes.size;
    return kafka_replay_send(replaying->replay, &event, error) && commit_due(replaying, 0, error);
}

/* A letter that can't be opened is chosen by its header; when it failed, nobody knows. */
static bool take_sealed(struct replaying *replaying, const struct kafka_scan_record *record,
                        enum dead_letter_state state, struct error *error)
{
    if (state == DEAD_LETTER_FAILED)
        return false;
    *error = (struct error){0};
    if (dead_letters_filter_takes(&filter, kafka_scan_header(record, DEAD_LETTER_HEADER_REASON)))
        replaying->left[left_by_state(state)]++;
    else
        replaying->not_chosen++;
    return true;
}

static bool take_letter(struct replaying *replaying, const struct kafka_scan_record *record,
                        struct error *error)
{
    struct dead_letter letter;
    struct dead_letter_place place = {record->partition, record->offset};
    enum dead_letter_state state =
        dead_letter_try(replaying->secret, record->value, &replaying->arena, &letter, error);
    if (state != DEAD_LETTER_OPENED)
        return take_sealed(replaying, record, state, error);
    if (!is_chosen(&letter)) {
        replaying->not_chosen++;
        return true;
    }
    enum left left = judge(replaying, &letter);
    if (left == LEFT_KINDS)
        return put_back(replaying, place, &letter, error);
    replaying->left[left]++;
    return true;
}

static bool is_letter(const struct kafka_scan_record *record)
{
    return !view_is_absent(kafka_scan_header(record, DEAD_LETTER_HEADER_REASON));
}

/* The second reading: what the first one found, without what it found to be replayed. */
static bool visit_letter(void *context, const struct kafka_scan_record *record, struct error *error)
{
    struct replaying *replaying = context;
    struct dead_letter_place place = {record->partition, record->offset};
    if (is_interrupted(replaying))
        return false;
    if (!is_letter(record) || dead_letter_marks_has(&replaying->marks, place))
        return true;
    replaying->seen++;
    show_progress(replaying);
    bool fine = take_letter(replaying, record, error) && commit_due(replaying, 0, error);
    arena_reset(&replaying->arena);
    return fine;
}

/* The first reading. */
static bool visit_mark(void *context, const struct kafka_scan_record *record, struct error *error)
{
    struct replaying *replaying = context;
    struct dead_letter_place place = {record->partition, record->offset};
    struct view replayed = kafka_scan_header(record, DEAD_LETTER_HEADER_REPLAYED);
    if (is_interrupted(replaying))
        return false;
    replaying->letters += view_is_absent(replayed) && is_letter(record);
    return view_is_absent(replayed) || dead_letter_marks_add(&replaying->marks, place, replayed, error);
}

/* ---- a round ---- */

static bool read_marks(struct replaying *replaying, struct error *error)
{
    struct kafka_scan scan = {
        .config = replaying->config,
        .topic = config_topic(replaying->config, TOPIC_DEAD_LETTERS, 0).data,
        .whole = true, /* behind an open transaction of the pipeline's may stand markers */
        .timeout_ms = DEAD_LETTERS_TIMEOUT_MS,
        .visit = visit_mark,
        .context = replaying,
        .progress = dead_letters_progress(),
        .out_partitions = &replaying->partitions,
        .out_ends = &replaying->ends,
    };
    bool fine = kafka_scan(&scan, error);
    dead_letters_progress_end();
    return fine;
}

static bool read_letters(struct replaying *replaying, struct error *error)
{
    struct kafka_scan_range *ranges = calloc((size_t)replaying->partitions, sizeof *ranges);
    if (!ranges)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for a topic");
    for (int32_t i = 0; i < replaying->partitions; i++)
        ranges[i] = (struct kafka_scan_range){i, 0, replaying->ends[i]};
    struct kafka_scan scan = {
        .config = replaying->config,
        .topic = config_topic(replaying->config, TOPIC_DEAD_LETTERS, 0).data,
        .ranges = ranges,
        .range_count = (unsigned)replaying->partitions,
        .timeout_ms = DEAD_LETTERS_TIMEOUT_MS,
        .visit = visit_letter,
        .context = replaying,
    };
    bool fine = kafka_scan(&scan, error);
    free(ranges);
    /* What is open when somebody interrupts is finished, unless something failed as well. */
    if (fine || (replaying->interrupted && !error->what[0]))
        fine = commit(replaying, error);
    return fine;
}

static bool do_round(struct replaying *replaying, struct error *error)
{
    replaying->letters = replaying->seen = replaying->not_chosen = 0;
    replaying->open_size = 0;
    memset(replaying->left, 0, sizeof replaying->left);
    if (!dry_run) {
        replaying->replay = kafka_replay_new(replaying->config, DEAD_LETTERS_TIMEOUT_MS, error);
        if (!replaying->replay)
            return false;
    }
    bool fine = read_marks(replaying, error);
    if (fine && replaying->rounds == 1)
        replaying->replayed_before = replaying->marks.count;
    if (fine) {
        uint64_t marked =
            replaying->marks.count < replaying->letters ? replaying->marks.count : replaying->letters;
        replaying->letters -= marked;
        fine = read_letters(replaying, error);
    }
    kafka_replay_free(replaying->replay);
    replaying->replay = NULL;
    dead_letter_marks_release(&replaying->marks);
    free(replaying->ends);
    replaying->ends = NULL;
    return fine;
}

static bool do_rounds(struct replaying *replaying, struct error *error)
{
    for (;;) {
        replaying->rounds++;
        if (dry_run)
            replaying->replayed = 0;
        bool fine = do_round(replaying, error);
        if (fine || (replaying->interrupted && !error->what[0]))
            return true;
        if (!error->retriable || replaying->rounds == ROUNDS_MAX || is_interrupted(replaying))
            return false;
        *error = (struct error){0};
        clock_sleep_ms(ROUND_PAUSE_MS);
    }
}

static bool replay_all(struct replaying *replaying, struct error *error)
{
    replaying->config = dead_letters_open(&texts, error);
    if (!replaying->config)
        return false;
    replaying->secret = secret_load(secret_text, SECRET_DEAD_LETTER_SECRET, error);
    if (!replaying->secret || !arena_init(&replaying->arena, 1 << 20, DEAD_LETTERS_ARENA_SIZE_MAX, error))
        return false;
    replaying->events = config_topic(replaying->config, TOPIC_EVENTS, 0);
    replaying->began_ms = clock_monotonic_ms();
    replaying->next_us = replaying->began_ms * 1000;
    bool fine = do_rounds(replaying, error);
    dead_letters_progress_end();
    return fine;
}

/* ---- telling ---- */

static void print_text(const struct replaying *replaying)
{
    printf("%" PRIu64 " letter%s %sreplayed", replaying->replayed, dead_letters_plural(replaying->replayed),
           dry_run ? "would be " : "");
    if (replaying->replayed_before)
        printf(", %" PRIu64 " had been before", replaying->replayed_before);
    puts("");
    if (replaying->not_chosen)
        printf("%" PRIu64 " not chosen by --reason, --since, --until\n", replaying->not_chosen);
    for (unsigned i = 0; i < LEFT_KINDS; i++) {
        if (replaying->left[i])
            printf("%" PRIu64 " left: they %s\n", replaying->left[i], left_kinds[i].help);
    }
    if (replaying->interrupted)
        puts("interrupted; run it again to go on");
}

static bool print_json(const struct replaying *replaying)
{
    yyjson_mut_doc *json = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = yyjson_mut_obj(json);
    yyjson_mut_doc_set_root(json, root);
    yyjson_mut_obj_add_bool(json, root, "dry_run", dry_run);
    yyjson_mut_obj_add_uint(json, root, "replayed", replaying->replayed);
    yyjson_mut_obj_add_uint(json, root, "replayed_before", replaying->replayed_before);
    yyjson_mut_obj_add_uint(json, root, "not_chosen", replaying->not_chosen);
    yyjson_mut_val *left = yyjson_mut_obj_add_obj(json, root, "left");
    for (unsigned i = 0; i < LEFT_KINDS; i++)
        yyjson_mut_obj_add_uint(json, left, left_kinds[i].name, replaying->left[i]);
    yyjson_mut_obj_add_bool(json, root, "interrupted", replaying->interrupted);
    bool printed = yyjson_mut_write_fp(stdout, json, YYJSON_WRITE_PRETTY, NULL, NULL) && putchar('\n') != EOF;
    yyjson_mut_doc_free(json);
    return printed;
}

static int tell(const struct replaying *replaying, int status)
{
    bool printed = true;
    if (as_json)
        printed = print_json(replaying);
    else
        print_text(replaying);
    int io = argument_printed("dead-letters replay", printed);
    if (io != EXIT_STATUS_DONE)
        return io;
    for (unsigned i = LEFT_ATTEMPTS + 1; i < LEFT_KINDS && status == EXIT_STATUS_DONE; i++)
        status = replaying->left[i] ? EXIT_STATUS_DATA : status;
    return status;
}

/* ---- the command line ---- */

static bool read_number(const char *text, const char *unit, uint64_t max, uint64_t *out_number)
{
    char digits[32];
    size_t size = strlen(text), unit_size = strlen(unit);
    if (unit_size && size > unit_size && strcmp(text + size - unit_size, unit) == 0)
        size -= unit_size;
    if (size == 0 || size >= sizeof digits)
        return false;
    snprintf(digits, sizeof digits, "%.*s", (int)size, text);
    return argument_count(digits, out_number) && *out_number >= 1 && *out_number <= max;
}

int dead_letters_replay(int argc, char **argv)
{
    int operand;
    struct error error = {0};
    uint64_t attempts_max = ATTEMPTS_MAX_DEFAULT, rate = 0;
    enum argument_result parsed = argument_parse(&table, argc, argv, &operand);
    if (parsed != ARGUMENT_GO)
        return parsed == ARGUMENT_HELP ? EXIT_STATUS_DONE : EXIT_STATUS_USAGE;
    if (!texts.config)
        return argument_wrong(&table, "--config is missing");
    if (!secret_text)
        return argument_wrong(&table, "--secret-key is missing");
    if (!dead_letters_filter_read(&filter, &table))
        return EXIT_STATUS_USAGE;
    if (attempts_text && !read_number(attempts_text, "", DEAD_LETTER_ATTEMPTS_MAX, &attempts_max))
        return argument_wrong(&table, "--attempts-max wants a number from 1 to %d", DEAD_LETTER_ATTEMPTS_MAX);
    if (rate_text && !read_number(rate_text, "/s", RATE_MAX, &rate))
        return argument_wrong(&table, "--rate wants a number such as 200/s, up to %d/s", RATE_MAX);
    struct replaying *replaying = calloc(1, sizeof *replaying);
    ensure(replaying != NULL);
    replaying->attempts_max = (unsigned)attempts_max;
    replaying->rate = rate;
    catch_signals();
    bool fine = replay_all(replaying, &error);
    int status = fine ? EXIT_STATUS_DONE : argument_failure(table.command, &error);
    /* What was committed before it failed is worth knowing too. */
    if (fine || replaying->replayed)
        status = tell(replaying, status);
    arena_release(&replaying->arena);
    secret_free(replaying->secret);
    config_free(replaying->config);
    free(replaying);
    return status;
}
