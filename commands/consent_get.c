/* clickveil consent get: what is stored for one subject, and what it comes to. Prints no identifier. */
#include "commands/consent.h"

#include "common/clock.h"
#include "common/json_writer.h"
#include "common/rfc3339.h"

#include <stdio.h>
#include <stdlib.h>

enum { RECORDS_SHOWN_MAX = 100, JSON_SIZE = 256 * 1024 };

struct shown {
    int32_t partition;
    int64_t offset, timestamp_ms;
    bool signal, by_clickveil;
    struct consent_value value;
};

struct getting {
    const struct config *config;
    struct consent_subjects *subjects;
    struct consent_subject *subject;
    struct shown shown[RECORDS_SHOWN_MAX]; /* the last ones */
    uint64_t count;
};

static struct consent_texts texts;
static bool as_json;

static const struct argument arguments[] = {
    CONSENT_ARGUMENTS(texts),
    {.name = "json", .help = "answer in JSON", .flag = &as_json},
    {0},
};

static const struct argument_table table = {
    .command = "consent get",
    .usage = "--config FILE SUBJECT",
    .about = "Reads the committed consent topic to its end and says what stands there for SUBJECT (line:ID, "
             "account:ID, "
             "device:imei:ID, device:maid:ID; - reads it from standard input, which keeps it out of the list "
             "of processes), "
             "what its records come to for each programme as the consent stage decides, and why: stored "
             "signals, and "
             "whether it was erased, are part of it. Regions, exclusions and the choices of "
             "other subjects of "
             "an event come on top: see clickveil explain.",
    .arguments = arguments,
    .operands_min = 1,
    .operands_max = 1,
    .notes = CONSENT_STATUS_NOTE,
};

static bool take(void *context, const struct kafka_scan_record *record, const struct consent_key *key,
                 struct consent_subject *subject, const struct consent_value *value, struct error *error)
{
    struct getting *getting = context;
    (void)error;
    if (!record)
        getting->count = 0;
    if (!subject)
        return true;
    getting->shown[getting->count++ % RECORDS_SHOWN_MAX] = (struct shown){
        .partition = record->partition,
        .offset = record->offset,
        .timestamp_ms = record->timestamp_ms,
        .signal = key->kind == CONSENT_KEY_SIGNAL,
        .by_clickveil = !view_is_absent(record->author),
        .value = *value,
    };
    return true;
}

/* ---- words ---- */

enum { TIME_SIZE = RFC3339_TEXT_SIZE + 1 };

static void time_text(int64_t time_ms, char text[TIME_SIZE])
{
    if (time_ms < 0) {
        snprintf(text, TIME_SIZE, "unknown");
        return;
    }
    rfc3339_write(time_ms, text);
    text[RFC3339_TEXT_SIZE] = '\0';
}

static const char *what_of(const struct shown *shown)
{
    if (shown->signal)
        return "signal";
    if (shown->value.record.tombstone)
        return "tombstone";
    return shown->value.record.readable ? "choice" : "unreadable";
}

/* The names of a set, as in "tmobile, *". */
static void names_text(const struct choice_names *names, choice_set set, char *text, size_t text_size)
{
    size_t used = 0;
    text[0] = '\0';
    for (unsigned i = 0; i <= names->count; i++) {
        choice_set bit = i == names->count ? CHOICE_STAR : (choice_set)(1u << i);
        struct view name = i == names->count ? VIEW("*") : names->names[i];
        if (!(set & bit) || used >= text_size)
            continue;
        int size =
            snprintf(text + used, text_size - used, "%s%.*s", used ? ", " : "", (int)name.size, name.data);
        used += size > 0 ? (size_t)size : 0;
    }
}

static void answer_of(const struct getting *getting, unsigned programme, struct consent_answer *out_answer)
{
    consent_subjects_answer(getting->subjects, &getting->subject->key, getting->subject->state, programme,
                            clock_unix_ms(), out_answer);
}

static const char *stand_name(const struct consent_answer *answer)
{
    static const char *const names[] = {"out", "none", "later", "in"};
    return answer->known ? names[answer->stand] : "unknown";
}

/* Which of the kept records, oldest first. */
static uint64_t shown_count(const struct getting *getting)
{
    return getting->count < RECORDS_SHOWN_MAX ? getting->count : RECORDS_SHOWN_MAX;
}

static const struct shown *shown_at(const struct getting *getting, uint64_t index)
{
    return &getting->shown[(getting->count - shown_count(getting) + index) % RECORDS_SHOWN_MAX];
}

/* ---- as text ---- */

static void print_record(const struct getting *getting, const struct shown *shown)
{
    const struct choice_names *names = consent_subjects_rules(getting->subjects)->names;
    const struct choice_record *record = &shown->value.record;
    char written[TIME_SIZE], effective[TIME_SIZE], set[1024];
    time_text(shown->timestamp_ms, written);
    printf("  partition %d offset %lld, written %s%s: %s", shown->partition, (long long)shown->offset,
           written, shown->by_clickveil ? " by clickveil" : "", what_of(shown));
    if (shown->signal || !record->readable) {
        puts(": `out` of everything");
        return;
    }
    time_text(record->effective_ms, effective);
    names_text(names, record->in, set, sizeof set);
    if (record->in)
        printf(", in: %s", set);
    names_text(names, record->out, set, sizeof set);
    if (record->out)
        printf(", out: %s", set);
    if (shown->value.unknown_names)
        printf(", %u names that this configuration does not know", shown->value.unknown_names);
    printf(", effective %s, seq %lld%s%s%s%s%s%s\n", effective, (long long)record->seq,
           record->two_step ? ", two_step" : "", record->asked ? ", asked" : "",
           record->closed ? ", closed" : "", record->moved ? ", moved_from" : "",
           record->reset ? ", reset" : "", record->in_is_void ? ", an unknown member voids its `in`s" : "");
}

static void print_text(const struct getting *getting)
{
    printf("%s: %llu record%s%s\n", consent_kind_name(&getting->subject->key),
           (unsigned long long)getting->count, consent_plural(getting->count),
           getting->count > RECORDS_SHOWN_MAX ? ", the last of them:" : "");
    for (uint64_t i = 0; i < shown_count(getting); i++)
        print_record(getting, shown_at(getting, i));
    if (getting->subject->erased)
        puts("  a suppression entry: the subject was erased, which is `out` of everything");
    for (unsigned i = 0; i < getting->config->programmes.count; i++) {
        struct consent_answer answer;
        const struct programme *programme = config_programme(getting->config, i);
        answer_of(getting, i, &answer);
        printf("  %.*s: %s (%s)\n", (int)programme->name.size, programme->name.data, stand_name(&answer),
               answer.why);
        if (answer.remedy[0])
            printf("    what would make an `in` count: %s\n", answer.remedy);
    }
}

/* ---- as JSON ---- */

static void json_names(struct json_writer *writer, const struct choice_names *names,
                       const struct choice_record *record)
{
    json_writer_name(writer, "choices");
    json_writer_open_object(writer);
    for (unsigned i = 0; i <= names->count; i++) {
        choice_set bit = i == names->count ? CHOICE_STAR : (choice_set)(1u << i);
        char name[64];
        struct view text = i == names->count ? VIEW("*") : names->names[i];
        snprintf(name, sizeof name, "%.*s", (int)text.size, text.data);
        if ((record->in | record->out) & bit)
            json_writer_member_string(writer, name, record->in & bit ? VIEW("in") : VIEW("out"));
    }
    json_writer_close_object(writer);
}

static void json_record(struct json_writer *writer, const struct getting *getting, const struct shown *shown)
{
    const struct choice_record *record = &shown->value.record;
    json_writer_open_object(writer);
    json_writer_member_integer(writer, "partition", shown->partition);
    json_writer_member_integer(writer, "offset", shown->offset);
    json_writer_member_integer(writer, "timestamp", shown->timestamp_ms);
    json_writer_member_bool(writer, "by_clickveil", shown->by_clickveil);
    json_writer_member_string(writer, "what", view_of_string(what_of(shown)));
    if (record->readable) {
        json_names(writer, consent_subjects_rules(getting->subjects)->names, record);
        json_writer_member_integer(writer, "unknown_names", shown->value.unknown_names);
        json_writer_member_integer(writer, "effective", record->effective_ms);
        json_writer_member_integer(writer, "seq", record->seq);
        json_writer_member_bool(writer, "two_step", record->two_step);
        json_writer_member_bool(writer, "asked", record->asked);
        json_writer_member_bool(writer, "closed", record->closed);
        json_writer_member_bool(writer, "moved_from", record->moved);
        json_writer_member_bool(writer, "reset", record->reset);
        if (record->had_out)
            json_writer_member_integer(writer, "last_out", record->last_out_ms);
    }
    json_writer_close_object(writer);
}

static int print_json(const struct getting *getting)
{
    struct json_writer writer;
    char *buffer = malloc(JSON_SIZE);
    ensure(buffer != NULL);
    json_writer_init(&writer, buffer, JSON_SIZE);
    json_writer_open_object(&writer);
    json_writer_member_string(&writer, "kind", view_of_string(consent_kind_name(&getting->subject->key)));
    json_writer_member_bool(&writer, "found", getting->count > 0);
    const struct consent_judge *judge = consent_subjects_rules(getting->subjects)->judge;
    json_writer_member_bool(&writer, "erased", getting->subject->erased);
    json_writer_member_bool(&writer, "signalled", judge->is_signalled(getting->subject->state));
    json_writer_member_integer(&writer, "records_all", (int64_t)getting->count);
    json_writer_name(&writer, "records");
    json_writer_open_array(&writer);
    for (uint64_t i = 0; i < shown_count(getting); i++)
        json_record(&writer, getting, shown_at(getting, i));
    json_writer_close_array(&writer);
    json_writer_name(&writer, "programmes");
    json_writer_open_object(&writer);
    for (unsigned i = 0; i < getting->config->programmes.count; i++) {
        struct consent_answer answer;
        answer_of(getting, i, &answer);
        json_writer_name(&writer, config_programme(getting->config, i)->name.data);
        json_writer_open_object(&writer);
        json_writer_member_string(&writer, "choice", view_of_string(stand_name(&answer)));
        json_writer_member_string(&writer, "why", view_of_string(answer.why));
        json_writer_member_string(&writer, "remedy", view_of_string(answer.remedy));
        json_writer_close_object(&writer);
    }
    json_writer_close_object(&writer);
    json_writer_close_object(&writer);
    int status = consent_print_json(&writer);
    free(buffer);
    return status;
}

static bool get(struct getting *getting, const char *text, struct error *error)
{
    struct consent_key key;
    if (!consent_subject_read(text, getting->config, &key, error))
        return false;
    getting->subjects = consent_subjects_new(getting->config, false, error);
    if (!getting->subjects)
        return false;
    getting->subject = consent_subjects_add(getting->subjects, &key);
    ensure(getting->subject != NULL);
    bool fine = consent_subjects_read(getting->subjects, take, getting, consent_progress(), error);
    consent_progress_end();
    return fine;
}

int consent_get(int argc, char **argv)
{
    int operand;
    struct error error = {0};
    enum argument_result parsed = argument_parse(&table, argc, argv, &operand);
    if (parsed != ARGUMENT_GO)
        return parsed == ARGUMENT_HELP ? EXIT_STATUS_DONE : EXIT_STATUS_USAGE;
    if (!texts.config)
        return argument_wrong(&table, "--config is missing");
    struct config *config = consent_open(&texts, &error);
    struct getting *getting = calloc(1, sizeof *getting);
    ensure(getting != NULL);
    getting->config = config;
    int status;
    if (!config || !get(getting, argv[operand], &error)) {
        status = argument_failure(table.command, &error);
    } else if (as_json) {
        status = print_json(getting);
    } else {
        print_text(getting);
        status = fflush(stdout) == 0 ? EXIT_STATUS_DONE : EXIT_STATUS_IO;
    }
    consent_subjects_free(getting->subjects);
    free(getting);
    config_free(config);
    return status;
}
