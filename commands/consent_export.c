/*
 * clickveil consent export: the newest state of every subject, so that an import of it changes nothing. This is the
 * operator's own input given back to it: the one subcommand whose output holds identifiers, as its help says.
 */
#include "commands/consent.h"

#include "commands/consent_records.h"
#include "commands/consent_rows.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <yyjson.h>

static struct consent_texts texts;
static const char *format_text, *output_text;

static const struct argument arguments[] = {
    CONSENT_ARGUMENTS(texts),
    {.name = "output",
     .letter = 'o',
     .value = "FILE",
     .text = &output_text,
     .help = "where it goes; standard output unless given"},
    {.name = "format",
     .value = "csv|jsonl",
     .text = &format_text,
     .help = "how it is written; by the name of --output unless given, else csv"},
    {0},
};

static const struct argument_table table = {
    .command = "consent export",
    .usage = "--config FILE [--output FILE] [--format csv|jsonl]",
    .about =
        "Reads the committed consent topic to its end and writes it. As CSV: what is in force for every "
        "subject, "
        "which consent import takes into a topic in use. As JSON lines: every record as it stands, with "
        "erasures, "
        "stored signals and all history, which consent import puts into a fresh topic so that everything is "
        "decided as before, and `clickveil run --consent` reads. THE OUTPUT HOLDS IDENTIFIERS: those of the "
        "topic.",
    .arguments = arguments,
    .notes = CONSENT_STATUS_NOTE " But the output, which is the topic's content.",
};

struct exporting {
    struct config *config;
    struct consent_subjects *subjects;
    FILE *out;
    bool csv;
    uint64_t subjects_written, names_left_out;
    struct consent_records_writer records;
};

typedef void choice_visitor(void *context, struct view name, bool in);

static bool is_plain(struct view name)
{
    bool plain = name.size > 0 && name.size <= 128;
    for (size_t i = 0; plain && i < name.size; i++)
        plain = name.data[i] > 0x20 && name.data[i] < 0x7f && name.data[i] != '"' && name.data[i] != '\\';
    return plain;
}

/* What is in force for the names that are known, then what the newest record says of others. */
static void visit_choices(struct exporting *exporting, const struct consent_subject *subject,
                          choice_visitor *visit, void *context)
{
    const struct consent_rules *rules = consent_subjects_rules(exporting->subjects);
    choice_set in = 0, out = 0;
    rules->judge->sets(subject->state, &in, &out);
    for (unsigned i = 0; i <= rules->names->count; i++) {
        choice_set bit = i == rules->names->count ? CHOICE_STAR : (choice_set)(1u << i);
        if ((in | out) & bit)
            visit(context, i == rules->names->count ? VIEW("*") : rules->names->names[i], !(out & bit));
    }
    if (view_is_absent(subject->stored.value))
        return;
    yyjson_doc *document =
        yyjson_read(subject->stored.value.data, subject->stored.value.size, YYJSON_READ_NOFLAG);
    size_t index, count;
    yyjson_val *name, *choice;
    yyjson_obj_foreach(yyjson_obj_get(yyjson_doc_get_root(document), "choices"), index, count, name, choice)
    {
        struct view text = {yyjson_get_str(name), yyjson_get_len(name)};
        if (choice_names_bit(rules->names, text))
            continue;
        if (is_plain(text))
            visit(context, text, yyjson_equals_str(choice, "in"));
        else
            exporting->names_left_out++;
    }
    yyjson_doc_free(document);
}

static int64_t effective_of(const struct consent_subject *subject)
{
    if (subject->stored.newest.readable)
        return subject->stored.newest.effective_ms;
    return subject->timestamp_ms < 0 ? 0 : subject->timestamp_ms;
}

/* ---- CSV ---- */

struct csv_row {
    struct exporting *exporting;
    const struct consent_subject *subject;
    struct view key;
};

static void put_csv(FILE *out, struct view text)
{
    bool quoted = false;
    for (size_t i = 0; i < text.size; i++)
        quoted |= strchr(",\"", text.data[i]) != NULL || text.data[i] == ' ';
    if (quoted)
        putc('"', out);
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '"')
            putc('"', out);
        putc(text.data[i], out);
    }
    if (quoted)
        putc('"', out);
}

/* Times in milliseconds, so that nothing is lost. */
static void put_csv_row(void *context, struct view name, bool in)
{
    const struct csv_row *row = context;
    const struct choice_record *newest = &row->subject->stored.newest;
    FILE *out = row->exporting->out;
    put_csv(out, row->key);
    putc(',', out);
    put_csv(out, name);
    fprintf(out, ",%s,%" PRId64 ",%" PRId64 ",%s,%s,", in ? "in" : "out", effective_of(row->subject),
            newest->readable ? newest->seq : 0, newest->two_step ? "true" : "", newest->asked ? "true" : "");
    if (newest->had_out)
        fprintf(out, "%" PRId64, newest->last_out_ms);
    fprintf(out, ",%s\n", newest->closed ? "true" : "");
}

/* ---- JSON lines: records as they stand ---- */

static bool put_record(void *context, const struct kafka_scan_record *record, const struct consent_key *key,
                       struct consent_subject *subject, const struct consent_value *value,
                       struct error *error)
{
    struct exporting *exporting = context;
    (void)subject;
    return consent_records_write(&exporting->records, record, key, value, error);
}

static void write_states(struct exporting *exporting)
{
    fputs("subject,programme,choice,effective,seq,two_step,asked,last_out,closed\n", exporting->out);
    for (uint64_t i = 0; i < consent_subjects_count(exporting->subjects); i++) {
        const struct consent_subject *subject = consent_subjects_at(exporting->subjects, i);
        char text[CONSENT_SUBJECT_KEY_SIZE];
        struct view key = consent_subject_key(subject, text);
        if (!subject->stored.found) /* only a signal, which is not the operator's */
            continue;
        struct csv_row row = {exporting, subject, key};
        visit_choices(exporting, subject, put_csv_row, &row);
        exporting->subjects_written++;
    }
}

static bool open_output(struct exporting *exporting, struct error *error)
{
    exporting->out = output_text && strcmp(output_text, "-") != 0 ? fopen(output_text, "wxe") : stdout;
    return exporting->out ||
           error_fail(error, EXIT_STATUS_IO, output_text, "name a file that is not there yet",
                      "can't be made: %s", strerror(errno));
}

/* Records go out as they are read, states when all were. */
static bool export(struct exporting *exporting, struct error *error)
{
    exporting->config = consent_open(&texts, error);
    if (!exporting->config)
        return false;
    exporting->subjects = consent_subjects_new(exporting->config, exporting->csv, error);
    if (!exporting->subjects || (!exporting->csv && !open_output(exporting, error)))
        return false;
    exporting->records.out = exporting->out;
    exporting->records.topic = config_topic(exporting->config, TOPIC_CONSENT, 0);
    bool fine = consent_subjects_read(exporting->subjects, exporting->csv ? NULL : put_record, exporting,
                                      consent_progress(), error);
    consent_progress_end();
    if (!fine || (exporting->csv && !open_output(exporting, error)))
        return false;
    if (exporting->csv)
        write_states(exporting);
    else
        fine = consent_records_end(&exporting->records,
                                   consent_subjects_counts(exporting->subjects)->partitions, error);
    if (fine && (fflush(exporting->out) != 0 || ferror(exporting->out)))
        return error_fail(error, EXIT_STATUS_IO, output_text, NULL, "can't be written: %s", strerror(errno));
    return fine;
}

static void tell_states(const struct exporting *exporting, const struct consent_counts *counts)
{
    fprintf(stderr,
            "%" PRIu64 " subject%s; not in it, since CSV holds what is in force: history, %" PRIu64
            " record%s of stored signals, %" PRIu64 " of moves and %" PRIu64
            " of erased subjects. All of it, to move a topic: --format jsonl\n",
            exporting->subjects_written, consent_plural(exporting->subjects_written), counts->signals,
            consent_plural(counts->signals), counts->links, counts->hashes);
    if (exporting->names_left_out)
        fprintf(stderr, "%" PRIu64 " names of programmes were left out: they have blanks or quotes\n",
                exporting->names_left_out);
}

static void tell_records(const struct exporting *exporting, const struct consent_counts *counts)
{
    fprintf(stderr, "%" PRIu64 " record%s of %" PRIu64 " subject%s\n", exporting->records.records,
            consent_plural(exporting->records.records), consent_subjects_entries(exporting->subjects),
            consent_plural(consent_subjects_entries(exporting->subjects)));
    if (counts->acknowledged)
        fprintf(stderr, "%" PRIu64 " that consent.ignore names count for nothing, and are not in it\n",
                counts->acknowledged);
    if (exporting->records.emptied)
        fprintf(stderr, "%" PRIu64 " values that can't be read are empty in it, which is as unreadable\n",
                exporting->records.emptied);
}

/* What stands in the topic and not in the output. */
static int tell(const struct exporting *exporting)
{
    const struct consent_counts *counts = consent_subjects_counts(exporting->subjects);
    if (exporting->csv)
        tell_states(exporting, counts);
    else
        tell_records(exporting, counts);
    if (counts->unreadable_keys + counts->wrong_kind == 0)
        return EXIT_STATUS_DONE;
    fprintf(stderr,
            "%" PRIu64 " records have a key that can't be read, %" PRIu64
            " an identifier of another kind than subscriber.kind: they are not in it\n",
            counts->unreadable_keys, counts->wrong_kind);
    return EXIT_STATUS_DATA;
}

int consent_export(int argc, char **argv)
{
    int operand;
    struct error error = {0};
    enum argument_result parsed = argument_parse(&table, argc, argv, &operand);
    if (parsed != ARGUMENT_GO)
        return parsed == ARGUMENT_HELP ? EXIT_STATUS_DONE : EXIT_STATUS_USAGE;
    if (!texts.config)
        return argument_wrong(&table, "--config is missing");
    if (format_text && strcmp(format_text, "csv") != 0 && strcmp(format_text, "jsonl") != 0)
        return argument_wrong(&table, "--format is csv or jsonl");
    struct exporting *exporting = calloc(1, sizeof *exporting);
    ensure(exporting != NULL);
    exporting->csv = format_text ? strcmp(format_text, "csv") == 0
                                 : !output_text || consent_format_of(output_text) != CONSENT_FORMAT_JSONL;
    int status = export(exporting, &error) ? EXIT_STATUS_DONE : argument_failure(table.command, &error);
    if (status == EXIT_STATUS_DONE)
        status = tell(exporting);
    if (exporting->out && exporting->out != stdout && fclose(exporting->out) != 0)
        status = EXIT_STATUS_IO;
    exporting->records.out = NULL;
    consent_records_writer_release(&exporting->records);
    consent_subjects_free(exporting->subjects);
    config_free(exporting->config);
    free(exporting);
    return status;
}
