/*
 * clickveil dead-letters: what an operator does with inputs that could not be processed. Each subcommand has a file of its
 * own.
 */
#include "commands/dead_letters.h"

#include "commands/command.h"
#include "commands/subcommand.h"
#include "common/event.h"
#include "common/kafka_scan.h"
#include "common/lint.h"
#include "common/log.h"
#include "common/rfc3339.h"
#include "common/secret.h"
#include "stages/registry.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

struct config *dead_letters_open(const struct dead_letters_texts *texts, struct error *error)
{
    if (!process_harden(error))
        return NULL;
    struct config *config = argument_config_quiet(texts->config, &texts->set, error);
    if (config)
        log_init(LOG_FORMAT_TEXT, LOG_LEVEL_NONE); /* what fails is said once, by us */
    return config;
}

/* ---- which ones ---- */

/* A date is its first moment. */
static bool read_time(const char *text, int64_t *out_time_ms)
{
    char moment[RFC3339_TEXT_SIZE + 1];
    if (strlen(text) != 10 || text[4] != '-')
        return argument_time(text, out_time_ms);
    snprintf(moment, sizeof moment, "%sT00:00:00Z", text);
    return argument_time(moment, out_time_ms);
}

/* Every reason that there is, one behind the other; or only which of them is nearest to a word. */
static bool each_reason(struct view word, struct lint_suggestion *suggestion, FILE *out)
{
    bool known = false;
    const char *between = "";
    for (unsigned i = 0; i == 0 || registry[i - 1]; i++) {
        const struct reason *reasons = i ? registry[i - 1]->reasons : event_reasons;
        unsigned count = i ? registry[i - 1]->reason_count : event_reason_count;
        for (unsigned k = 0; k < count; k++) {
            if (!reasons[k].name)
                continue;
            known |= view_equal_string(word, reasons[k].name);
            if (suggestion)
                lint_suggest_candidate(suggestion, view_of_string(reasons[k].name));
            if (out)
                fprintf(out, "%s%s", between, reasons[k].name);
            between = ", ";
        }
    }
    return known;
}

/* One that is mistyped chooses nothing, which looks as if all were well. */
static bool check_reasons(const struct dead_letters_filter *filter, const struct argument_table *table)
{
    for (unsigned i = 0; i < filter->reasons.count; i++) {
        struct view word = view_of_string(filter->reasons.texts[i]);
        struct lint_suggestion suggestion = lint_suggest(word);
        char quoted[LINT_QUOTE_SIZE], suggested[LINT_QUOTE_SIZE + 20];
        if (each_reason(word, &suggestion, NULL))
            continue;
        (void)argument_wrong(table, "--reason: there is no reason %s%s", lint_quote(word, quoted),
                             lint_suggestion_text(&suggestion, suggested));
        fputs("Reasons are: ", stderr);
        (void)each_reason(word, NULL, stderr);
        fputs("\n", stderr);
        return false;
    }
    return true;
}

bool dead_letters_filter_read(struct dead_letters_filter *filter, const struct argument_table *table)
{
    filter->since_ms = INT64_MIN;
    filter->until_ms = INT64_MAX;
    if (filter->since && !read_time(filter->since, &filter->since_ms)) {
        (void)argument_wrong(table, "--since wants a time such as 2026-11-24 or 2026-11-24T08:00:00Z");
        return false;
    }
    if (filter->until && !read_time(filter->until, &filter->until_ms)) {
        (void)argument_wrong(table, "--until wants a time such as 2026-11-24 or 2026-11-24T08:00:00Z");
        return false;
    }
    if (filter->until_ms <= filter->since_ms) {
        (void)argument_wrong(table,
                             "--until must be later than --since: it is the first moment that is not meant");
        return false;
    }
    return check_reasons(filter, table);
}

bool dead_letters_filter_takes(const struct dead_letters_filter *filter, struct view reason)
{
    bool takes = filter->reasons.count == 0;
    for (unsigned i = 0; i < filter->reasons.count; i++)
        takes |= view_equal_string(reason, filter->reasons.texts[i]);
    return takes;
}

/* ---- one ---- */

struct fetching {
    struct arena *arena;
    bool found, is_letter;
    struct view value;
};

static bool take(void *context, const struct kafka_scan_record *record, struct error *error)
{
    struct fetching *fetching = context;
    fetching->found = true;
    fetching->is_letter = !view_is_absent(kafka_scan_header(record, DEAD_LETTER_HEADER_REASON));
    return arena_copy(fetching->arena, record->value, &fetching->value) ||
           error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, NULL, "the letter is too large for any of ours");
}

bool dead_letters_fetch(const struct config *config, const struct secret *secret,
                        struct dead_letter_place place, struct arena *arena, struct dead_letter *out_letter,
                        struct error *error)
{
    struct fetching fetching = {.arena = arena};
    struct kafka_scan_range range = {place.partition, place.offset, place.offset + 1};
    struct kafka_scan scan = {
        .config = config,
        .topic = config_topic(config, TOPIC_DEAD_LETTERS, 0).data,
        .ranges = &range,
        .range_count = 1,
        .timeout_ms = DEAD_LETTERS_TIMEOUT_MS,
        .visit = take,
        .context = &fetching,
    };
    if (!kafka_scan(&scan, error))
        return false;
    bool fine = fetching.found || error_fail(error, EXIT_STATUS_DATA, NULL,
                                             "`clickveil dead-letters list --all` shows which there are",
                                             "no committed record stands there");
    fine = fine && (fetching.is_letter ||
                    error_fail(error, EXIT_STATUS_DATA, NULL, NULL, "what stands there is no letter"));
    fine = fine && dead_letter_open(secret, fetching.value, arena, out_letter, error);
    if (!fine)
        error_at(error, "%s[%" PRId32 "]@%" PRId64, scan.topic, place.partition, place.offset);
    return fine;
}

static void show_progress(void *context, double ratio)
{
    (void)context;
    fprintf(stderr, "\rreading the dead letters: %3.0f %% ", ratio * 100);
}

void (*dead_letters_progress(void))(void *context, double ratio)
{
    return isatty(STDERR_FILENO) ? show_progress : NULL;
}

void dead_letters_progress_end(void)
{
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
}

/* ---- which subcommand ---- */

static const struct command subcommands[] = {
    {"list", "how many there are, by topic, reason, attempt and day; without the secret key",
     dead_letters_list},
    {"show", "opens one, with the secret key", dead_letters_show},
    {"replay", "puts their inputs back on the topic of events, each once", dead_letters_replay},
    {NULL, NULL, NULL},
};

int command_dead_letters(int argc, char **argv)
{
    return subcommand_run("dead-letters", subcommands, argc, argv);
}
