/*
 * clickveil dead-letters list: how many there are, and of what kind, by what stands in the open.
 *
 * Headers can be written by whoever may write to the topic, so only what looks as ours do is printed: an escape sequence for
 * somebody's terminal, or an identifier, is none of it.
 */
#include "commands/dead_letters.h"

#include "common/kafka_scan.h"
#include "common/rfc3339.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <yyjson.h>

enum {
    GROUPS_MAX = 4096,
    TOPIC_SIZE = 250,
    REASON_SIZE = 65,
    DAY_SIZE = 11,
    DAY_MS = 86400000,
    LETTERS_ROOM = 4096,
};

static struct dead_letters_texts texts;
static struct dead_letters_filter filter;
static bool as_json, show_all;

static const struct argument arguments[] = {
    DEAD_LETTERS_ARGUMENTS(texts),
    DEAD_LETTERS_FILTER_ARGUMENTS(filter),
    {.name = "all",
     .letter = 'a',
     .flag = &show_all,
     .help = "also each one, with its place: PARTITION:OFFSET"},
    {.name = "json", .flag = &as_json, .help = "answer in JSON"},
    {0},
};

static const struct argument_table table = {
    .command = "dead-letters list",
    .usage = "--config FILE [OPTION]...",
    .about = "Reads the committed dead letters and counts them by topic of origin, reason, attempt and day, "
             "and how "
             "many of them were replayed. Needs no secret key. Of the time of a failure only the day (UTC) "
             "stands in "
             "the open: --since and --until take every day that they touch.",
    .arguments = arguments,
    .notes = "Exit status: 0 done, 64 wrong usage, 69 the broker or the topic is not there, 74 an I/O error, "
             "78 bad "
             "configuration.",
};

/* What letters have in common; "?": unreadable. */
struct group {
    char topic[TOPIC_SIZE], reason[REASON_SIZE], day[DAY_SIZE];
    unsigned attempt; /* 0: unreadable */
    uint64_t count, replayed;
};

struct letter {
    struct dead_letter_place place;
    unsigned group;
};

struct listing {
    struct group *groups;
    unsigned group_count;
    struct letter *letters;
    size_t count, room;
    uint64_t replayed, foreign; /* foreign: records that are neither letters nor markers */
    struct dead_letter_marks marks;
};

/* ---- headers ---- */

static void take_text(struct view header, const char *others, char *out_text, size_t size)
{
    bool good = !view_is_absent(header) && header.size > 0 && header.size < size;
    for (size_t i = 0; good && i < header.size; i++)
        good = isalnum((unsigned char)header.data[i]) || (header.data[i] && strchr(others, header.data[i]));
    snprintf(out_text, size, "%.*s", good ? (int)header.size : 1, good ? header.data : "?");
}

static int64_t day_ms(const char *day)
{
    char moment[RFC3339_TEXT_SIZE + 1];
    int64_t time_ms;
    snprintf(moment, sizeof moment, "%.10sT00:00:00Z", day);
    return rfc3339_read(view_of_string(moment), &time_ms) ? time_ms : -1;
}

static void read_headers(const struct kafka_scan_record *record, struct group *out_group)
{
    *out_group = (struct group){0};
    take_text(kafka_scan_header(record, DEAD_LETTER_HEADER_TOPIC), "._-", out_group->topic, TOPIC_SIZE);
    take_text(kafka_scan_header(record, DEAD_LETTER_HEADER_REASON), "_", out_group->reason, REASON_SIZE);
    take_text(kafka_scan_header(record, DEAD_LETTER_HEADER_DAY), "-", out_group->day, DAY_SIZE);
    if (day_ms(out_group->day) < 0)
        snprintf(out_group->day, DAY_SIZE, "?");
    unsigned attempt = dead_letter_attempts_read(kafka_scan_header(record, DEAD_LETTER_HEADER_ATTEMPT));
    out_group->attempt = attempt == DEAD_LETTER_ATTEMPTS_MAX ? 0 : attempt;
}

/* A day that can't be read may be any. */
static bool is_wanted(const struct group *group)
{
    int64_t from_ms = day_ms(group->day);
    return dead_letters_filter_takes(&filter, view_of_string(group->reason)) &&
           (from_ms < 0 || (from_ms < filter.until_ms && from_ms + DAY_MS > filter.since_ms));
}

static bool is_same(const struct group *a, const struct group *b)
{
    return a->attempt == b->attempt && strcmp(a->day, b->day) == 0 && strcmp(a->reason, b->reason) == 0 &&
           strcmp(a->topic, b->topic) == 0;
}

/* Headers that somebody forged may differ in every record: behind the last group, which is for them, come no others. */
static unsigned group_of(struct listing *listing, const struct group *wanted)
{
    for (unsigned i = listing->group_count; i-- > 0;) {
        if (is_same(&listing->groups[i], wanted))
            return i;
    }
    if (listing->group_count == GROUPS_MAX)
        return GROUPS_MAX - 1;
    struct group *group = &listing->groups[listing->group_count];
    *group = *wanted;
    if (listing->group_count == GROUPS_MAX - 1)
        *group = (struct group){.topic = "?", .reason = "?", .day = "?"};
    return listing->group_count++;
}

static bool take(void *context, const struct kafka_scan_record *record, struct error *error)
{
    struct listing *listing = context;
    struct dead_letter_place place = {record->partition, record->offset};
    struct view replayed = kafka_scan_header(record, DEAD_LETTER_HEADER_REPLAYED);
    struct group wanted;
    if (!view_is_absent(replayed))
        return dead_letter_marks_add(&listing->marks, place, replayed, error);
    if (view_is_absent(kafka_scan_header(record, DEAD_LETTER_HEADER_REASON))) {
        listing->foreign++;
        return true;
    }
    read_headers(record, &wanted);
    if (!is_wanted(&wanted))
        return true;
    if (listing->count == listing->room) {
        size_t room = listing->room ? listing->room * 2 : LETTERS_ROOM;
        struct letter *letters = realloc(listing->letters, room * sizeof *letters);
        if (!letters)
            return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "list fewer: --since, --until, --reason",
                              "no memory for so many letters");
        listing->letters = letters;
        listing->room = room;
    }
    listing->letters[listing->count++] = (struct letter){place, group_of(listing, &wanted)};
    return true;
}

static bool read_topic(struct listing *listing, struct error *error)
{
    listing->groups = calloc(GROUPS_MAX, sizeof *listing->groups);
    struct config *config = listing->groups ? dead_letters_open(&texts, error) : NULL;
    if (!listing->groups)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for a list");
    if (!config)
        return false;
    struct kafka_scan scan = {
        .config = config,
        .topic = config_topic(config, TOPIC_DEAD_LETTERS, 0).data,
        .timeout_ms = DEAD_LETTERS_TIMEOUT_MS,
        .visit = take,
        .context = listing,
        .progress = dead_letters_progress(),
    };
    bool fine = kafka_scan(&scan, error);
    dead_letters_progress_end();
    config_free(config);
    for (size_t i = 0; fine && i < listing->count; i++) {
        struct group *group = &listing->groups[listing->letters[i].group];
        bool replayed = dead_letter_marks_has(&listing->marks, listing->letters[i].place);
        group->count++;
        group->replayed += replayed;
        listing->replayed += replayed;
    }
    return fine;
}

/* ---- telling ---- */

static int compare(const void *left, const void *right)
{
    const struct group *a = *(const struct group *const *)left, *b = *(const struct group *const *)right;
    int order = strcmp(a->day, b->day);
    order = order ? order : strcmp(a->topic, b->topic);
    order = order ? order : strcmp(a->reason, b->reason);
    return order ? order : (a->attempt > b->attempt) - (a->attempt < b->attempt);
}

static const struct group **sort(const struct listing *listing)
{
    const struct group **sorted = calloc(listing->group_count + 1, sizeof *sorted);
    ensure(sorted != NULL);
    for (unsigned i = 0; i < listing->group_count; i++)
        sorted[i] = &listing->groups[i];
    qsort(sorted, listing->group_count, sizeof *sorted, compare);
    return sorted;
}

static void print_attempt(unsigned attempt)
{
    if (attempt)
        printf("%7u", attempt);
    else
        printf("%7s", "?");
}

static void print_all(struct listing *listing)
{
    printf("%-20s  %-10s  %7s  %-24s  %-8s  %s\n", "PLACE", "DAY", "ATTEMPT", "REASON", "REPLAYED", "TOPIC");
    for (size_t i = 0; i < listing->count; i++) {
        const struct letter *letter = &listing->letters[i];
        const struct group *group = &listing->groups[letter->group];
        char place[DEAD_LETTER_PLACE_TEXT_SIZE];
        dead_letter_place_write(letter->place, place);
        printf("%-20s  %-10s  ", place, group->day);
        print_attempt(group->attempt);
        printf("  %-24s  %-8s  %s\n", group->reason,
               dead_letter_marks_has(&listing->marks, letter->place) ? "yes" : "no", group->topic);
    }
    puts("");
}

static void print_text(struct listing *listing)
{
    const struct group **sorted = sort(listing);
    if (show_all && listing->count)
        print_all(listing);
    if (listing->count)
        printf("%10s  %10s  %-10s  %7s  %-24s  %s\n", "LETTERS", "REPLAYED", "DAY", "ATTEMPT", "REASON",
               "TOPIC");
    for (unsigned i = 0; i < listing->group_count; i++) {
        printf("%10" PRIu64 "  %10" PRIu64 "  %-10s  ", sorted[i]->count, sorted[i]->replayed,
               sorted[i]->day);
        print_attempt(sorted[i]->attempt);
        printf("  %-24s  %s\n", sorted[i]->reason, sorted[i]->topic);
    }
    printf("%zu dead letter%s, %" PRIu64 " of them replayed\n", listing->count,
           dead_letters_plural(listing->count), listing->replayed);
    if (listing->foreign)
        printf("%" PRIu64 " record%s there %s not clickveil's\n", listing->foreign,
               dead_letters_plural(listing->foreign), listing->foreign == 1 ? "is" : "are");
    free(sorted);
}

static void add_group(yyjson_mut_doc *json, yyjson_mut_val *entry, const struct group *group)
{
    yyjson_mut_obj_add_str(json, entry, "topic", group->topic);
    yyjson_mut_obj_add_str(json, entry, "reason", group->reason);
    if (group->attempt)
        yyjson_mut_obj_add_uint(json, entry, "attempt", group->attempt);
    else
        yyjson_mut_obj_add_null(json, entry, "attempt");
    yyjson_mut_obj_add_str(json, entry, "day", group->day);
}

static bool print_json(struct listing *listing)
{
    const struct group **sorted = sort(listing);
    yyjson_mut_doc *json = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = yyjson_mut_obj(json);
    yyjson_mut_doc_set_root(json, root);
    yyjson_mut_obj_add_uint(json, root, "letters", listing->count);
    yyjson_mut_obj_add_uint(json, root, "replayed", listing->replayed);
    yyjson_mut_obj_add_uint(json, root, "foreign", listing->foreign);
    yyjson_mut_val *groups = yyjson_mut_obj_add_arr(json, root, "groups");
    for (unsigned i = 0; i < listing->group_count; i++) {
        yyjson_mut_val *entry = yyjson_mut_arr_add_obj(json, groups);
        add_group(json, entry, sorted[i]);
        yyjson_mut_obj_add_uint(json, entry, "letters", sorted[i]->count);
        yyjson_mut_obj_add_uint(json, entry, "replayed", sorted[i]->replayed);
    }
    yyjson_mut_val *all = show_all ? yyjson_mut_obj_add_arr(json, root, "all") : NULL;
    for (size_t i = 0; all && i < listing->count; i++) {
        yyjson_mut_val *entry = yyjson_mut_arr_add_obj(json, all);
        char place[DEAD_LETTER_PLACE_TEXT_SIZE];
        dead_letter_place_write(listing->letters[i].place, place);
        yyjson_mut_obj_add_strcpy(json, entry, "place", place);
        add_group(json, entry, &listing->groups[listing->letters[i].group]);
        yyjson_mut_obj_add_bool(json, entry, "replayed",
                                dead_letter_marks_has(&listing->marks, listing->letters[i].place));
    }
    bool printed = yyjson_mut_write_fp(stdout, json, YYJSON_WRITE_PRETTY, NULL, NULL) && putchar('\n') != EOF;
    yyjson_mut_doc_free(json);
    free(sorted);
    return printed;
}

int dead_letters_list(int argc, char **argv)
{
    int operand;
    struct error error = {0};
    enum argument_result parsed = argument_parse(&table, argc, argv, &operand);
    if (parsed != ARGUMENT_GO)
        return parsed == ARGUMENT_HELP ? EXIT_STATUS_DONE : EXIT_STATUS_USAGE;
    if (!texts.config)
        return argument_wrong(&table, "--config is missing");
    if (!dead_letters_filter_read(&filter, &table))
        return EXIT_STATUS_USAGE;
    struct listing listing = {0};
    int status = EXIT_STATUS_DONE;
    if (!read_topic(&listing, &error))
        status = argument_failure(table.command, &error);
    bool printed = true;
    if (status == EXIT_STATUS_DONE && as_json)
        printed = print_json(&listing);
    else if (status == EXIT_STATUS_DONE)
        print_text(&listing);
    if (status == EXIT_STATUS_DONE)
        status = argument_printed(table.command, printed);
    dead_letter_marks_release(&listing.marks);
    free(listing.letters);
    free(listing.groups);
    return status;
}
