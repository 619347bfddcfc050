/* clickveil consent set: one choice of one subject, written so that nothing older wins. Prints no identifier. */
#include "commands/consent.h"

#include "common/clock.h"
#include "common/json_writer.h"
#include "common/kafka_consent.h"

#include <stdio.h>
#include <stdlib.h>

static struct consent_texts texts;
static const char *effective;
static bool two_step, asked, closed, reset, as_json, dry_run;

static const struct argument arguments[] = {
    CONSENT_ARGUMENTS(texts),
    {.name = "two-step",
     .flag = &two_step,
     .help = "the subscriber's own confirmed act: an `in` after an `out` counts only so"},
    {.name = "asked",
     .flag = &asked,
     .help = "an answer to a new question: counts 12 months after the last `out`"},
    {.name = "closed",
     .flag = &closed,
     .help = "the account is closed: every `in` is void, every `out` stays"},
    {.name = "reset",
     .flag = &reset,
     .help = "forget the subject's interests, and take back what is published"},
    {.name = "effective",
     .value = "TIME",
     .text = &effective,
     .help = "from when an `in` counts, RFC 3339 with zone or epoch milliseconds; now unless given"},
    {.name = "dry-run", .letter = 'n', .flag = &dry_run, .help = "say what would be done, write nothing"},
    {.name = "json", .help = "answer in JSON", .flag = &as_json},
    {0},
};

static const struct argument_table table = {
    .command = "consent set",
    .usage = "--config FILE SUBJECT PROGRAMME=in|out... [OPTION]...",
    .about = "Reads what is stored for SUBJECT (as for consent get), and writes one record that is newer "
             "than all of it, keeps "
             "what is in force for other programmes, and alone says everything. `*` stands for all "
             "programmes that are not "
             "named; `*=out` drops every `in`. The record goes to the partition of the subject's last one.",
    .arguments = arguments,
    .operands_min = 1,
    .operands_max = 1 + CONSENT_CHANGE_CHOICES_MAX,
    .notes = CONSENT_STATUS_NOTE " A change that is refused has exit status 65.",
};

struct setting {
    struct config *config;
    struct consent_subjects *subjects;
    struct consent_subject *subject;
    struct consent_change change;
    struct consent_changed changed;
    enum consent_outcome outcome;
    struct consent_ins ins; /* which of its `in`s will not count */
    int32_t partition;
    int64_t offset;
};

/* PROGRAMME=in|out. 0: fine. */
static int read_choice(struct setting *setting, const char *text)
{
    struct consent_change *change = &setting->change;
    const char *equals = strchr(text, '=');
    bool in = equals && strcmp(equals, "=in") == 0;
    if (!equals || (!in && strcmp(equals, "=out") != 0))
        return argument_wrong(&table, "write choices as PROGRAMME=in or PROGRAMME=out");
    struct view name = {text, (size_t)(equals - text)};
    if (!consent_knows(setting->config, name))
        return argument_wrong(&table, "choice %u names a programme that the configuration does not have",
                              change->count + 1);
    for (unsigned i = 0; i < change->count; i++) {
        if (view_equal(change->choices[i].name, name))
            return argument_wrong(&table, "a programme stands there twice");
    }
    change->choices[change->count++] = (struct consent_choice){name, in};
    return 0;
}

static bool make_change(struct setting *setting, struct error *error)
{
    setting->outcome = consent_change_make(consent_subjects_rules(setting->subjects),
                                           consent_subjects_reader(setting->subjects), &setting->subject->key,
                                           &setting->subject->stored, &setting->change, &setting->changed);
    if (setting->outcome == CONSENT_REFUSED)
        return error_fail(error, EXIT_STATUS_DATA, NULL, "nothing was written", "refused: %s",
                          setting->changed.why);
    const struct choice_record *newest = &setting->subject->stored.newest;
    if (setting->outcome == CONSENT_UNCHANGED && setting->change.has_effective && newest->readable &&
        setting->change.effective_ms < newest->effective_ms)
        return error_fail(error, EXIT_STATUS_DATA, NULL, "leave --effective out, or give a later one",
                          "refused: the record in force takes effect later than that, so it would win");
    return true;
}

/* What the stage will say when the change is in effect. */
static void judge_ins(struct setting *setting)
{
    const struct consent_rules *rules = consent_subjects_rules(setting->subjects);
    if (setting->outcome != CONSENT_UNCHANGED)
        rules->judge->apply(setting->subject->state, &setting->changed.record, rules->names);
    consent_subjects_judge_ins(setting->subjects, &setting->subject->key, &setting->change,
                               setting->subject->state, &setting->ins);
}

static bool write_change(struct setting *setting, struct error *error)
{
    char text[CONSENT_SUBJECT_KEY_SIZE];
    struct kafka_consent *writer = kafka_consent_new(setting->config, CONSENT_TIMEOUT_MS, error);
    if (!writer)
        return false;
    struct kafka_consent_record record = {
        .key = consent_subject_key(setting->subject, text),
        .value = {setting->changed.value, setting->changed.size},
    };
    record.partition = consent_subjects_partition(setting->subjects, setting->subject, record.key,
                                                  kafka_consent_partitions(writer));
    bool fine = kafka_consent_write(writer, &record, 1, error);
    setting->partition = record.partition;
    setting->offset = record.offset;
    kafka_consent_free(writer);
    return fine;
}

static bool set(struct setting *setting, const struct consent_key *key, struct error *error)
{
    setting->subjects = consent_subjects_new(setting->config, false, error);
    if (!setting->subjects)
        return false;
    setting->subject = consent_subjects_add(setting->subjects, key);
    ensure(setting->subject != NULL);
    bool fine = consent_subjects_read(setting->subjects, NULL, NULL, consent_progress(), error);
    consent_progress_end();
    if (!fine || !make_change(setting, error))
        return false;
    judge_ins(setting);
    return dry_run || setting->outcome == CONSENT_UNCHANGED || write_change(setting, error);
}

static int tell(const struct setting *setting)
{
    static const char *const names[CONSENT_OUTCOMES] = {"refused", "unchanged", "new", "changed"};
    bool written = !dry_run && setting->outcome != CONSENT_UNCHANGED;
    if (as_json) {
        char buffer[4096];
        struct json_writer writer;
        json_writer_init(&writer, buffer, sizeof buffer);
        json_writer_open_object(&writer);
        json_writer_member_string(&writer, "outcome", view_of_string(names[setting->outcome]));
        json_writer_member_bool(&writer, "written", written);
        consent_json_ins(&writer, &setting->ins);
        if (written) {
            json_writer_member_integer(&writer, "partition", setting->partition);
            json_writer_member_integer(&writer, "offset", setting->offset);
        }
        if (setting->outcome != CONSENT_UNCHANGED) {
            json_writer_member_integer(&writer, "effective", setting->changed.record.effective_ms);
            json_writer_member_integer(&writer, "seq", setting->changed.record.seq);
        }
        json_writer_close_object(&writer);
        return consent_print_json(&writer);
    }
    if (setting->outcome == CONSENT_UNCHANGED)
        puts("unchanged: it is so already, nothing was written");
    else if (dry_run)
        printf("%s: would be written with seq %lld to partition %d or where its key belongs\n",
               names[setting->outcome], (long long)setting->changed.record.seq, setting->subject->partition);
    else
        printf("%s: committed to partition %d at offset %lld, seq %lld\n", names[setting->outcome],
               setting->partition, (long long)setting->offset, (long long)setting->changed.record.seq);
    consent_print_ins(&setting->ins);
    if (setting->changed.dropped)
        printf("%u `in`s for programmes that this configuration does not know could not be kept\n",
               setting->changed.dropped);
    return fflush(stdout) == 0 ? EXIT_STATUS_DONE : EXIT_STATUS_IO;
}

static int run(struct setting *setting, int count, char **operands)
{
    struct error error = {0};
    struct consent_key key;
    setting->change.two_step = two_step;
    setting->change.asked = asked;
    setting->change.closed = closed;
    setting->change.reset = reset;
    setting->change.has_effective = effective != NULL;
    if (effective && !argument_time(effective, &setting->change.effective_ms))
        return argument_wrong(&table, "--effective is a moment, RFC 3339 with zone or epoch milliseconds");
    if (count < 2 && !closed && !reset)
        return argument_wrong(&table, "give at least one PROGRAMME=in or PROGRAMME=out");
    setting->config = consent_open(&texts, &error);
    if (!setting->config)
        return argument_failure(table.command, &error);
    for (int i = 1; i < count; i++) {
        int wrong = read_choice(setting, operands[i]);
        if (wrong)
            return wrong;
    }
    if (!consent_subject_read(operands[0], setting->config, &key, &error))
        return argument_failure(table.command, &error);
    if (!consent_takes(setting->config, &key))
        return argument_wrong(&table,
                              "consent.subjects does not list subjects of that kind: a choice of one would "
                              "stop every process");
    if (!set(setting, &key, &error))
        return argument_failure(table.command, &error);
    return tell(setting);
}

int consent_set(int argc, char **argv)
{
    int operand;
    enum argument_result parsed = argument_parse(&table, argc, argv, &operand);
    if (parsed != ARGUMENT_GO)
        return parsed == ARGUMENT_HELP ? EXIT_STATUS_DONE : EXIT_STATUS_USAGE;
    if (!texts.config)
        return argument_wrong(&table, "--config is missing");
    struct setting *setting = calloc(1, sizeof *setting);
    ensure(setting != NULL);
    int status = run(setting, argc - operand, argv + operand);
    consent_subjects_free(setting->subjects);
    config_free(setting->config);
    free(setting);
    return status;
}
