/*
 * clickveil consent import: many choices at once, from CSV or JSON lines.
 *
 * Design. The file is read whole, its lines kept in a few bytes each by subject; then the topic is read once, and
 * what is stored is kept for those subjects alone; then each subject's lines are applied in their order to what is
 * stored, which comes to at most one record. Records are written in bounded transactions. An import that ended half
 * way is run again: what is written already is unchanged then.
 */
#include "commands/consent.h"

#include "commands/consent_pace.h"
#include "commands/consent_records.h"
#include "commands/consent_rows.h"
#include "common/arena.h"
#include "common/clock.h"
#include "common/consent_confirmation.h"
#include "common/file_record.h"
#include "common/json_writer.h"
#include "common/kafka_consent.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    NAMES_MAX = 1024,
    SHOWN_MAX = 1000,
    SHOWN_DEFAULT = 20,
    ANNOUNCED_MS = 86400000, /* how long an announcement holds */
    BATCH = KAFKA_CONSENT_RECORDS_MAX,
    BLOCK_SIZE = 1 << 20,
    IDLE_WHYS = 16,
    JSON_SIZE = 4 << 20, /* what is shown, twice at most */
};

static struct consent_texts texts;
static const char *format_text, *expect_text, *show_text, *rate_text;
static bool as_json, dry_run, strict;

static const struct argument arguments[] = {
    CONSENT_ARGUMENTS(texts),
    {.name = "format",
     .value = "csv|jsonl",
     .text = &format_text,
     .help = "how the file is written; by its name or its content unless given"},
    {.name = "dry-run", .letter = 'n', .flag = &dry_run, .help = "say what would change, write nothing"},
    {.name = "strict",
     .flag = &strict,
     .help = "write nothing when a line is malformed or refused, or names a programme that the configuration "
             "does not "
             "have; else such lines are left out, and such names written"},
    {.name = "expect-in",
     .value = "N",
     .text = &expect_text,
     .help = "announce so many new `in`s to the brake first; more of them are refused"},
    CONSENT_PACE_ARGUMENT(rate_text),
    {.name = "show",
     .value = "N",
     .text = &show_text,
     .help = "how many malformed and refused lines are named, 20 unless given, at most 1000"},
    {.name = "json", .help = "answer in JSON", .flag = &as_json},
    {0},
};

static const struct argument_table table = {
    .command = "consent import",
    .usage = "--config FILE FILE|- [OPTION]...",
    .about = "Writes the choices of a file to the consent topic, one record a subject, each newer than what "
             "is stored, as "
             "consent set does. CSV: a header with the columns subject, programme, choice, and of effective, "
             "seq, two_step, "
             "asked, last_out, closed, reset those that there are. JSON lines: records as `clickveil run "
             "--consent` "
             "reads them. What is so already is not written, so an import may be run again at any time. An "
             "export as "
             "JSON lines goes into a fresh topic as it is, every record to its partition, so that all decide "
             "as before.",
    .arguments = arguments,
    .operands_min = 1,
    .operands_max = 1,
    .notes = "Lines are named by their number, from 1, and never by what they hold. " CONSENT_STATUS_NOTE
             " 65 also where lines were malformed or refused and the rest was written.",
};

/* A line that is to be applied. Names by number, shifted by one; the lowest bit: `in`. */
struct wish {
    struct wish *next;
    uint64_t line;
    int64_t effective_ms, seq, last_out_ms;
    bool two_step, asked, closed, reset, has_effective, has_seq, has_last_out;
    uint8_t count;
    uint16_t choices[];
};

struct wishes {
    struct wish *first, *last;
    char *value; /* of the record to write; NULL: none */
    size_t value_size;
};

struct shown {
    uint64_t line;
    const char *why;
    bool refused;
};

/* Why `in`s will not count, or nobody can say so, and what would make them. */
struct idle {
    const char *why, *remedy;
    uint64_t subjects;
    bool is_unknown;
};

struct importing {
    struct config *config;
    struct consent_subjects *subjects;
    struct arena arena;
    struct view names[NAMES_MAX];
    unsigned name_count;
    struct shown shown[SHOWN_MAX];
    unsigned shown_count, shown_max;
    uint64_t lines, malformed, refused_lines;
    uint64_t outcomes[CONSENT_OUTCOMES]; /* subjects */
    uint64_t new_ins, written, dropped, unknown_names;
    uint64_t subjects_wanted;
    struct idle
        idle[IDLE_WHYS]; /* subjects with an `in` that will not count, by reason; the last one: and others */
    uint64_t idle_subjects, unknown_subjects;
    struct shown idle_shown[SHOWN_MAX];
    unsigned idle_shown_count;
    uint64_t unknown_line; /* the first with one */
    uint64_t expect_in;
    bool has_expect;
    struct consent_pace pace;
    struct consent_changed changed;
    struct consent_change change;
    bool restores; /* the file is an export of records, and goes into a topic as it is */
    struct consent_restore restore;
};

static void note_line(struct importing *importing, uint64_t line, const char *why, bool refused)
{
    if (refused)
        importing->refused_lines++;
    else
        importing->malformed++;
    if (importing->shown_count < importing->shown_max)
        importing->shown[importing->shown_count++] = (struct shown){line, why, refused};
}

static bool no_memory(struct error *error)
{
    return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "import the file in parts",
                      "no memory for so many lines");
}

/* ---- reading the file ---- */

static int name_number(struct importing *importing, struct view name, uint64_t line)
{
    for (unsigned i = 0; i < importing->name_count; i++) {
        if (view_equal(importing->names[i], name))
            return (int)i;
    }
    if (importing->name_count == NAMES_MAX ||
        !arena_copy(&importing->arena, name, &importing->names[importing->name_count]))
        return -1;
    if (!consent_knows(importing->config, name) && importing->unknown_names++ == 0)
        importing->unknown_line = line;
    return (int)importing->name_count++;
}

static bool keep_wish(struct importing *importing, const struct consent_row *row, uint64_t line,
                      struct error *error)
{
    const struct consent_change *change = &row->change;
    struct consent_subject *subject = consent_subjects_add(importing->subjects, &row->key);
    struct wish *wish = arena_take_zeroed(&importing->arena, sizeof *wish + change->count * sizeof(uint16_t));
    if (subject && !subject->own)
        subject->own = arena_take_zeroed(&importing->arena, sizeof(struct wishes));
    if (!subject || !wish || !subject->own)
        return no_memory(error);
    wish->line = line;
    wish->effective_ms = change->effective_ms;
    wish->seq = change->seq;
    wish->last_out_ms = change->last_out_ms;
    wish->two_step = change->two_step;
    wish->asked = change->asked;
    wish->closed = change->closed;
    wish->reset = change->reset;
    wish->has_effective = change->has_effective;
    wish->has_seq = change->has_seq;
    wish->has_last_out = change->has_last_out;
    for (unsigned i = 0; i < change->count; i++) {
        int number = name_number(importing, change->choices[i].name, line);
        if (number < 0)
            return error_fail(error, EXIT_STATUS_DATA, NULL, "see whether the columns are right",
                              "the file names more than %d programmes", NAMES_MAX);
        wish->choices[wish->count++] = (uint16_t)(number << 1 | change->choices[i].in);
    }
    struct wishes *wishes = subject->own;
    if (wishes->last)
        wishes->last->next = wish;
    else
        wishes->first = wish;
    wishes->last = wish;
    return true;
}

static void show_reading(const struct line_reader *reader)
{
    if (reader->lines % 16384 || !isatty(STDERR_FILENO))
        return;
    if (reader->bytes_all)
        fprintf(stderr, "\rreading the file: %3.0f %% ",
                100.0 * (double)reader->bytes / (double)reader->bytes_all);
    else
        fprintf(stderr, "\rreading the file: %" PRIu64 " lines ", reader->lines);
}

static bool take_lines(struct importing *importing, struct line_reader *reader, struct consent_rows *rows,
                       struct error *error)
{
    struct line line;
    enum line_result result;
    static struct consent_row row;
    while ((result = line_reader_next(reader, &line, error)) == LINE_READ) {
        const char *why = "";
        bool fatal = false;
        importing->lines++;
        show_reading(reader);
        if (line.number == 0 && consent_records_is_head(line.text))
            return error_fail(error, EXIT_STATUS_USAGE, NULL, NULL,
                              "an export as JSON lines is read twice: give it by the name of a file");
        if (!consent_rows_read(rows, &line, &row, &why, &fatal)) {
            note_line(importing, line.number + 1, why, false);
            if (fatal)
                return error_fail(error, EXIT_STATUS_DATA, "line 1", NULL, "%s", why);
        } else if (!row.skipped && !consent_takes(importing->config, &row.key)) {
            note_line(
                importing, line.number + 1,
                "consent.subjects does not list subjects of that kind: a choice of one would stop every "
                "process",
                true);
        } else if (!row.skipped && !keep_wish(importing, &row, line.number + 1, error)) {
            return false;
        }
    }
    if (result != LINE_END || importing->lines > 0)
        return result == LINE_END;
    return error_fail(error, EXIT_STATUS_DATA, NULL,
                      "see whether it was written to its end; nothing was changed",
                      "nothing is in the file, not even a first line that names columns");
}

static bool read_file(struct importing *importing, const char *path, enum consent_format format,
                      struct error *error)
{
    struct line_reader reader;
    struct consent_rows *rows =
        consent_rows_new((enum identifier_kind)importing->config->subscriber.kind, format, error);
    if (!rows)
        return false;
    bool fine = line_reader_open(&reader, path, CONSENT_VALUE_BYTES_MAX * 2, -1, error);
    if (fine) {
        fine = take_lines(importing, &reader, rows, error);
        line_reader_close(&reader);
    }
    consent_progress_end();
    consent_rows_free(rows);
    return fine;
}

/* ---- what comes of it ---- */

static void take_wish(struct importing *importing, const struct wish *wish)
{
    struct consent_change *change = &importing->change;
    *change = (struct consent_change){
        .two_step = wish->two_step,
        .asked = wish->asked,
        .closed = wish->closed,
        .reset = wish->reset,
        .has_effective = wish->has_effective,
        .effective_ms = wish->effective_ms,
        .has_seq = wish->has_seq,
        .seq = wish->seq,
        .has_last_out = wish->has_last_out,
        .last_out_ms = wish->last_out_ms,
    };
    for (unsigned i = 0; i < wish->count; i++)
        change->choices[change->count++] =
            (struct consent_choice){importing->names[wish->choices[i] >> 1], wish->choices[i] & 1};
}

/* Rows of one subject that say the same but for the programme are one change. */
static const struct wish *gather(struct importing *importing, const struct wish *wish)
{
    struct consent_change *change = &importing->change;
    take_wish(importing, wish);
    const struct wish *next = wish->next;
    for (; next; next = next->next) {
        bool same = next->two_step == wish->two_step && next->asked == wish->asked &&
                    next->closed == wish->closed && next->reset == wish->reset &&
                    next->has_effective == wish->has_effective && next->effective_ms == wish->effective_ms &&
                    next->has_seq == wish->has_seq && next->seq == wish->seq &&
                    next->has_last_out == wish->has_last_out && next->last_out_ms == wish->last_out_ms &&
                    change->count + next->count <= CONSENT_CHANGE_CHOICES_MAX;
        for (unsigned i = 0; same && i < next->count; i++) {
            for (unsigned j = 0; j < change->count; j++)
                same &= !view_equal(change->choices[j].name, importing->names[next->choices[i] >> 1]);
        }
        if (!same)
            break;
        for (unsigned i = 0; i < next->count; i++)
            change->choices[change->count++] =
                (struct consent_choice){importing->names[next->choices[i] >> 1], next->choices[i] & 1};
    }
    return next;
}

/* The record that was made is stored now, as far as the subject's next lines go. */
static bool advance(struct importing *importing, struct consent_subject *subject, struct error *error)
{
    const struct consent_rules *rules = consent_subjects_rules(importing->subjects);
    struct wishes *wishes = subject->own;
    struct consent_changed *changed = &importing->changed;
    char *value = malloc(changed->size + 1);
    if (!value)
        return no_memory(error);
    memcpy(value, changed->value, changed->size);
    free(wishes->value);
    wishes->value = value;
    wishes->value_size = changed->size;
    rules->judge->apply(subject->state, &changed->record, rules->names);
    consent_stored_note(&subject->stored, &changed->record, rules->now_ms);
    subject->stored.found = true;
    subject->stored.newest = changed->record;
    subject->stored.value = (struct view){value, changed->size};
    return true;
}

static void count_ins(struct importing *importing, choice_set before, struct consent_subject *subject)
{
    choice_set after = 0, out;
    consent_subjects_rules(importing->subjects)->judge->sets(subject->state, &after, &out);
    importing->new_ins += (after & (choice_set)~before) != 0;
}

static void note_idle(struct importing *importing, const struct consent_ins *ins, uint64_t line)
{
    unsigned i = 0;
    while (i < IDLE_WHYS - 1 && importing->idle[i].why &&
           (importing->idle[i].why != ins->why || importing->idle[i].remedy != ins->remedy))
        i++;
    if (!importing->idle[i].why)
        importing->idle[i] = (struct idle){ins->why, ins->remedy, 0, ins->idle == 0};
    importing->idle[i].subjects++;
    if (ins->idle)
        importing->idle_subjects++;
    else
        importing->unknown_subjects++;
    if (importing->idle_shown_count < importing->shown_max)
        importing->idle_shown[importing->idle_shown_count++] = (struct shown){line, ins->why, ins->idle > 0};
}

static void put_wanted(struct consent_change *change, struct view name, bool in)
{
    for (unsigned i = 0; i < change->count; i++) {
        if (view_equal(change->choices[i].name, name)) {
            change->choices[i].in = in;
            return;
        }
    }
    if (change->count < CONSENT_CHANGE_CHOICES_MAX)
        change->choices[change->count++] = (struct consent_choice){name, in};
}

/* What the stage will say of the `in`s that the subject's lines come to. */
static void judge_ins(struct importing *importing, const struct consent_subject *subject)
{
    struct consent_change *all = &importing->change;
    struct consent_ins ins;
    uint64_t line = 0;
    *all = (struct consent_change){0};
    for (const struct wish *wish = ((const struct wishes *)subject->own)->first; wish; wish = wish->next) {
        for (unsigned i = 0; !wish->closed && i < wish->count; i++) {
            bool in = wish->choices[i] & 1;
            put_wanted(all, importing->names[wish->choices[i] >> 1], in);
            line = in ? wish->line : line;
        }
        if (wish->closed)
            all->count = 0;
    }
    consent_subjects_judge_ins(importing->subjects, &subject->key, all, subject->state, &ins);
    if (ins.idle + ins.unknown > 0)
        note_idle(importing, &ins, line);
}

static bool decide_subject(struct importing *importing, struct consent_subject *subject, struct error *error)
{
    const struct consent_rules *rules = consent_subjects_rules(importing->subjects);
    const struct wishes *wishes = subject->own;
    enum consent_outcome best = CONSENT_UNCHANGED;
    choice_set before = 0, out;
    bool refused = false;
    rules->judge->sets(subject->state, &before, &out);
    for (const struct wish *wish = wishes->first; wish;) {
        const struct wish *next = gather(importing, wish);
        enum consent_outcome outcome =
            consent_change_make(rules, consent_subjects_reader(importing->subjects), &subject->key,
                                &subject->stored, &importing->change, &importing->changed);
        importing->dropped += importing->changed.dropped;
        if (outcome == CONSENT_REFUSED) {
            note_line(importing, wish->line, importing->changed.why, true);
            refused = true;
        } else if (outcome != CONSENT_UNCHANGED) {
            if (!advance(importing, subject, error))
                return false;
            if (best == CONSENT_UNCHANGED)
                best = outcome;
        }
        wish = next;
    }
    count_ins(importing, before, subject);
    if (!refused)
        judge_ins(importing, subject);
    importing->subjects_wanted++;
    importing->outcomes[refused && best == CONSENT_UNCHANGED ? CONSENT_REFUSED : best]++;
    return true;
}

static bool decide(struct importing *importing, struct error *error)
{
    uint64_t count = consent_subjects_count(importing->subjects);
    for (uint64_t i = 0; i < count; i++) {
        struct consent_subject *subject = consent_subjects_at(importing->subjects, i);
        if (subject->own && !decide_subject(importing, subject, error))
            return false;
    }
    return true;
}

/* ---- writing ---- */

static bool announce(struct importing *importing, struct kafka_consent *writer, struct error *error)
{
    char value[CONSENT_CONFIRMATION_SIZE_MAX];
    int64_t now_ms = clock_unix_ms();
    struct consent_confirmation confirmation = {
        .entries = consent_subjects_entries(importing->subjects) + importing->outcomes[CONSENT_NEW],
        .expect_in = importing->expect_in,
        .at_ms = now_ms,
        .until_ms = now_ms + ANNOUNCED_MS,
    };
    struct kafka_consent_record record = {.key = CONSENT_CONFIRMATION_KEY};
    record.value = (struct view){value, consent_confirmation_write(&confirmation, value)};
    record.partition =
        consent_subjects_partition(importing->subjects, NULL, record.key, kafka_consent_partitions(writer));
    return kafka_consent_write(writer, &record, 1, error);
}

static bool write_batch(struct importing *importing, struct kafka_consent *writer, uint64_t *at,
                        struct error *error)
{
    static struct kafka_consent_record records[BATCH];
    static char keys[BATCH][CONSENT_SUBJECT_KEY_SIZE];
    uint64_t count = consent_subjects_count(importing->subjects);
    unsigned used = 0, used_max = consent_pace_batch(&importing->pace);
    for (; *at < count && used < used_max; ++*at) {
        struct consent_subject *subject = consent_subjects_at(importing->subjects, *at);
        const struct wishes *wishes = subject->own;
        if (!wishes || !wishes->value)
            continue;
        struct kafka_consent_record *record = &records[used];
        *record = (struct kafka_consent_record){.key = consent_subject_key(subject, keys[used]),
                                                .value = {wishes->value, wishes->value_size}};
        record->partition = consent_subjects_partition(importing->subjects, subject, record->key,
                                                       kafka_consent_partitions(writer));
        used++;
    }
    if (used > 0 && !consent_pace_write(&importing->pace, writer, records, used, error))
        return false;
    importing->written += used;
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\rwritten: %" PRIu64 " records ", importing->written);
    return true;
}

static bool write_all(struct importing *importing, struct error *error)
{
    uint64_t records = importing->outcomes[CONSENT_NEW] + importing->outcomes[CONSENT_CHANGED];
    if (records == 0)
        return true;
    struct kafka_consent *writer = kafka_consent_new(importing->config, CONSENT_TIMEOUT_MS, error);
    bool fine = writer && (!importing->has_expect || announce(importing, writer, error));
    if (fine)
        consent_pace_begin(&importing->pace, writer, records);
    for (uint64_t at = 0; fine && at < consent_subjects_count(importing->subjects);)
        fine = write_batch(importing, writer, &at, error);
    consent_progress_end();
    kafka_consent_free(writer);
    if (!fine && error->action[0] == '\0')
        error_advise(error, "%" PRIu64 " records are committed; run it again, it goes on where it ended",
                     importing->written);
    return fine;
}

static bool check(const struct importing *importing, struct error *error)
{
    if (importing->has_expect && importing->new_ins > importing->expect_in)
        return error_fail(error, EXIT_STATUS_DATA, NULL, "nothing was written",
                          "the file brings %" PRIu64 " new `in`s, and %" PRIu64 " were announced",
                          importing->new_ins, importing->expect_in);
    if (strict && importing->malformed + importing->refused_lines > 0)
        return error_fail(error, EXIT_STATUS_DATA, NULL, "nothing was written",
                          "%" PRIu64 " lines are malformed and %" PRIu64
                          " refused, and --strict was asked for",
                          importing->malformed, importing->refused_lines);
    if (strict && importing->unknown_names > 0)
        return error_fail(error, EXIT_STATUS_DATA, NULL, "nothing was written",
                          "%" PRIu64
                          " names of programmes are not in the configuration, the first of them in line "
                          "%" PRIu64 ", and --strict was asked for",
                          importing->unknown_names, importing->unknown_line);
    return true;
}

/* Does a file that can be read twice begin as an export does? */
static bool is_export(const char *path, bool *out_is, struct error *error)
{
    struct line_reader reader = {0};
    struct line line;
    *out_is = false;
    if (strcmp(path, "-") == 0)
        return true;
    bool fine = line_reader_open(&reader, path, CONSENT_VALUE_BYTES_MAX, -1, error);
    if (fine && reader.bytes_all > 0) {
        enum line_result result = line_reader_next(&reader, &line, error);
        fine = result != LINE_FAILED;
        *out_is = result == LINE_READ && consent_records_is_head(line.text);
    }
    line_reader_close(&reader);
    return fine;
}

static bool restore(struct importing *importing, const char *path, struct error *error)
{
    importing->restore = (struct consent_restore){
        .config = importing->config,
        .path = path,
        .dry_run = dry_run,
        .has_expect = importing->has_expect,
        .expect_in = importing->expect_in,
        .pace = importing->pace,
    };
    if (!consent_restore(&importing->restore, error))
        return false;
    uint64_t ins = importing->restore.ins;
    if (!importing->has_expect && ins > 1000 && ins > importing->restore.subjects / 100)
        fprintf(
            stderr,
            "clickveil consent import: warning: %" PRIu64
            " records say `in`: a process that runs already will "
            "hold unless they are announced with --expect-in or confirmed by `clickveil consent confirm`\n",
            ins);
    return true;
}

static bool import(struct importing *importing, const char *path, enum consent_format format,
                   struct error *error)
{
    importing->config = consent_open(&texts, error);
    if (!importing->config)
        return false;
    if (format != CONSENT_FORMAT_CSV && !is_export(path, &importing->restores, error))
        return false;
    if (importing->restores)
        return restore(importing, path, error);
    if (!arena_init(&importing->arena, BLOCK_SIZE, SIZE_MAX / 2, error))
        return false;
    importing->subjects = consent_subjects_new(importing->config, false, error);
    if (!importing->subjects || !read_file(importing, path, format, error))
        return false;
    bool fine = consent_subjects_read(importing->subjects, NULL, NULL, consent_progress(), error);
    consent_progress_end();
    if (!fine || !decide(importing, error) || !check(importing, error))
        return false;
    uint64_t entries = consent_subjects_entries(importing->subjects);
    if (!importing->has_expect && importing->new_ins > 1000 && importing->new_ins > entries / 100)
        fprintf(stderr,
                "clickveil consent import: warning: %" PRIu64
                " new `in`s: running processes will hold unless they are "
                "announced with --expect-in or confirmed by `clickveil consent confirm`\n",
                importing->new_ins);
    return dry_run || write_all(importing, error);
}

/* ---- the answer ---- */

static void print_shown(const struct importing *importing)
{
    for (unsigned i = 0; i < importing->shown_count; i++)
        fprintf(stderr, "line %" PRIu64 ": %s: %s\n", importing->shown[i].line,
                importing->shown[i].refused ? "refused" : "malformed", importing->shown[i].why);
    uint64_t all = importing->malformed + importing->refused_lines;
    if (all > importing->shown_count)
        fprintf(stderr, "and %" PRIu64 " more line%s\n", all - importing->shown_count,
                consent_plural(all - importing->shown_count));
    for (unsigned i = 0; i < importing->idle_shown_count; i++)
        fprintf(stderr, "line %" PRIu64 ": the `in` %s: %s\n", importing->idle_shown[i].line,
                importing->idle_shown[i].refused ? "will not count" : "may not count",
                importing->idle_shown[i].why);
}

static void print_idle(const struct importing *importing)
{
    for (unsigned i = 0; i < IDLE_WHYS && importing->idle[i].why; i++) {
        const struct idle *idle = &importing->idle[i];
        printf("%s of %" PRIu64 " subject%s: %s. What would %s: %s\n",
               idle->is_unknown ? "NOT KNOWN WHETHER IT COUNTS, the `in`" : "WILL NOT COUNT, the `in`",
               idle->subjects, consent_plural(idle->subjects), idle->why,
               idle->is_unknown ? "tell" : "make it count", idle->remedy);
    }
}

static void json_shown(struct json_writer *writer, const struct shown *shown, const char *what)
{
    json_writer_open_object(writer);
    json_writer_member_integer(writer, "line", (int64_t)shown->line);
    json_writer_member_string(writer, "what", view_of_string(what));
    json_writer_member_string(writer, "why", view_of_string(shown->why));
    json_writer_close_object(writer);
}

static void json_idle(struct json_writer *writer, const struct importing *importing)
{
    json_writer_member_integer(writer, "not_counting", (int64_t)importing->idle_subjects);
    json_writer_member_integer(writer, "unknown", (int64_t)importing->unknown_subjects);
    json_writer_name(writer, "ins");
    json_writer_open_array(writer);
    for (unsigned i = 0; i < IDLE_WHYS && importing->idle[i].why; i++) {
        const struct idle *idle = &importing->idle[i];
        json_writer_open_object(writer);
        json_writer_member_string(writer, "what", idle->is_unknown ? VIEW("unknown") : VIEW("not_counting"));
        json_writer_member_integer(writer, "subjects", (int64_t)idle->subjects);
        json_writer_member_string(writer, "why", view_of_string(idle->why));
        json_writer_member_string(writer, "remedy", view_of_string(idle->remedy));
        json_writer_close_object(writer);
    }
    json_writer_close_array(writer);
}

static int tell_restored(const struct consent_restore *restored)
{
    if (as_json) {
        char buffer[1024];
        struct json_writer writer;
        json_writer_init(&writer, buffer, sizeof buffer);
        json_writer_open_object(&writer);
        json_writer_member_bool(&writer, "dry_run", dry_run);
        json_writer_member_integer(&writer, "records", (int64_t)restored->records);
        json_writer_member_integer(&writer, "subjects", (int64_t)restored->subjects);
        json_writer_member_integer(&writer, "ins", (int64_t)restored->ins);
        json_writer_member_integer(&writer, "present", (int64_t)restored->present);
        json_writer_member_integer(&writer, "written", (int64_t)restored->written);
        json_writer_close_object(&writer);
        return consent_print_json(&writer);
    }
    printf("an export: %" PRIu64 " record%s of %" PRIu64 " subject%s, %" PRIu64 " there already; %s %" PRIu64
           "\n",
           restored->records, consent_plural(restored->records), restored->subjects,
           consent_plural(restored->subjects), restored->present,
           dry_run ? "nothing is written, it would be" : "written:",
           dry_run ? restored->records - restored->present : restored->written);
    return fflush(stdout) == 0 ? EXIT_STATUS_DONE : EXIT_STATUS_IO;
}

static int tell(const struct importing *importing)
{
    if (importing->restores)
        return tell_restored(&importing->restore);
    if (as_json) {
        static char buffer[JSON_SIZE];
        struct json_writer writer;
        json_writer_init(&writer, buffer, sizeof buffer);
        json_writer_open_object(&writer);
        json_writer_member_bool(&writer, "dry_run", dry_run);
        json_writer_member_integer(&writer, "lines", (int64_t)importing->lines);
        json_writer_member_integer(&writer, "malformed", (int64_t)importing->malformed);
        json_writer_member_integer(&writer, "refused_lines", (int64_t)importing->refused_lines);
        json_writer_member_integer(&writer, "subjects", (int64_t)importing->subjects_wanted);
        json_writer_member_integer(&writer, "new", (int64_t)importing->outcomes[CONSENT_NEW]);
        json_writer_member_integer(&writer, "changed", (int64_t)importing->outcomes[CONSENT_CHANGED]);
        json_writer_member_integer(&writer, "unchanged", (int64_t)importing->outcomes[CONSENT_UNCHANGED]);
        json_writer_member_integer(&writer, "refused", (int64_t)importing->outcomes[CONSENT_REFUSED]);
        json_writer_member_integer(&writer, "new_ins", (int64_t)importing->new_ins);
        json_writer_member_integer(&writer, "written", (int64_t)importing->written);
        json_writer_member_integer(&writer, "rate", (int64_t)importing->pace.per_second);
        json_idle(&writer, importing);
        json_writer_name(&writer, "shown");
        json_writer_open_array(&writer);
        for (unsigned i = 0; i < importing->shown_count; i++)
            json_shown(&writer, &importing->shown[i], importing->shown[i].refused ? "refused" : "malformed");
        for (unsigned i = 0; i < importing->idle_shown_count; i++)
            json_shown(&writer, &importing->idle_shown[i],
                       importing->idle_shown[i].refused ? "not_counting" : "unknown");
        json_writer_close_array(&writer);
        json_writer_close_object(&writer);
        return consent_print_json(&writer);
    }
    print_shown(importing);
    if (importing->subjects_wanted + importing->malformed + importing->refused_lines == 0)
        puts("nothing was in it: the file has no choice of anybody");
    printf("%" PRIu64 " line%s, %" PRIu64 " subject%s: %" PRIu64 " new, %" PRIu64 " changed, %" PRIu64
           " unchanged, %" PRIu64 " refused; %" PRIu64 " line%s malformed\n",
           importing->lines, consent_plural(importing->lines), importing->subjects_wanted,
           consent_plural(importing->subjects_wanted), importing->outcomes[CONSENT_NEW],
           importing->outcomes[CONSENT_CHANGED], importing->outcomes[CONSENT_UNCHANGED],
           importing->outcomes[CONSENT_REFUSED], importing->malformed, consent_plural(importing->malformed));
    if (importing->unknown_names)
        printf("%" PRIu64 " name%s of programmes not in the configuration, the first in line %" PRIu64
               ": written all the same\n",
               importing->unknown_names, consent_plural(importing->unknown_names), importing->unknown_line);
    uint64_t written = dry_run ? importing->outcomes[CONSENT_NEW] + importing->outcomes[CONSENT_CHANGED]
                               : importing->written;
    printf("%" PRIu64 " new `in`%s; %s %" PRIu64 " record%s\n", importing->new_ins,
           consent_plural(importing->new_ins),
           dry_run ? "nothing is written, it would be" : "written:", written, consent_plural(written));
    print_idle(importing);
    return fflush(stdout) == 0 ? EXIT_STATUS_DONE : EXIT_STATUS_IO;
}

static void release(struct importing *importing)
{
    for (uint64_t i = 0; importing->subjects && i < consent_subjects_count(importing->subjects); i++) {
        struct wishes *wishes = consent_subjects_at(importing->subjects, i)->own;
        free(wishes ? wishes->value : NULL);
    }
    consent_subjects_free(importing->subjects);
    arena_release(&importing->arena);
    config_free(importing->config);
    free(importing);
}

static int read_texts(struct importing *importing, const char *path, enum consent_format *format)
{
    uint64_t show = SHOWN_DEFAULT;
    *format = format_text ? CONSENT_FORMAT_UNKNOWN : consent_format_of(path);
    if (format_text && strcmp(format_text, "csv") == 0)
        *format = CONSENT_FORMAT_CSV;
    else if (format_text && strcmp(format_text, "jsonl") == 0)
        *format = CONSENT_FORMAT_JSONL;
    else if (format_text)
        return argument_wrong(&table, "--format is csv or jsonl");
    if (!consent_pace_read(rate_text, &importing->pace))
        return argument_wrong(&table, "--rate is a whole number of records a second, or 0");
    importing->has_expect = expect_text != NULL;
    if (expect_text && (!argument_count(expect_text, &importing->expect_in) || importing->expect_in == 0))
        return argument_wrong(&table, "--expect-in is a whole number, 1 or more");
    if (show_text && (!argument_count(show_text, &show) || show > SHOWN_MAX))
        return argument_wrong(&table, "--show is a number from 0 to %d", SHOWN_MAX);
    importing->shown_max = (unsigned)show;
    return 0;
}

int consent_import(int argc, char **argv)
{
    int operand;
    struct error error = {0};
    enum consent_format format;
    enum argument_result parsed = argument_parse(&table, argc, argv, &operand);
    if (parsed != ARGUMENT_GO)
        return parsed == ARGUMENT_HELP ? EXIT_STATUS_DONE : EXIT_STATUS_USAGE;
    if (!texts.config)
        return argument_wrong(&table, "--config is missing");
    struct importing *importing = calloc(1, sizeof *importing);
    ensure(importing != NULL);
    int status = read_texts(importing, argv[operand], &format);
    if (status) {
        free(importing);
        return status;
    }
    if (import(importing, argv[operand], format, &error)) {
        status = tell(importing);
        if (status == EXIT_STATUS_DONE && importing->malformed + importing->refused_lines > 0)
            status = EXIT_STATUS_DATA;
    } else {
        print_shown(importing);
        status = argument_failure(table.command, &error);
    }
    release(importing);
    return status;
}
