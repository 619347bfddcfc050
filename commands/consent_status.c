/*
 * clickveil consent status and confirm: how the consent topic and a running process stand, and releasing the brake.
 *
 * Of a running process the answer of its /statusz is asked, where `http` is configured; nobody there is no failure.
 */
#include "commands/consent.h"

#include "common/clock.h"
#include "common/consent_confirmation.h"
#include "common/http_get.h"
#include "common/json_writer.h"
#include "common/kafka_consent.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <yyjson.h>

enum { HTTP_TIMEOUT_MS = 3000, JSON_SIZE = 16384, HOLD_SIZE = 512, REASONS_SIZE = 4096 };

static struct consent_texts texts;
static bool as_json, dry_run;
static const char *entries_text;

/* What the topic says. */
struct standing {
    struct config *config;
    struct consent_subjects *subjects;
    struct consent_confirmation confirmed;
    bool has_confirmed;
    int64_t now_ms;

    /* And a running process. */
    bool has_process;
    char why_not[ERROR_TEXT_SIZE];
    bool ready, fresh, holds;
    char hold[HOLD_SIZE];
    char reasons[REASONS_SIZE]; /* why it is not ready, a line each */
    int64_t age_ms, lease_ms;   /* -1: unknown */
    int64_t lag_records;
    double entries, match_ratio, brake_ins, brake_limit; /* NaN: unknown */
};

static bool take(void *context, const struct kafka_scan_record *record, const struct consent_key *key,
                 struct consent_subject *subject, const struct consent_value *value, struct error *error)
{
    struct standing *standing = context;
    (void)subject;
    (void)value;
    (void)error;
    if (record && key->kind == CONSENT_KEY_META && view_equal(record->key, CONSENT_CONFIRMATION_KEY) &&
        consent_confirmation_read(record->value, &standing->confirmed))
        standing->has_confirmed = true;
    return true;
}

static bool read_topic(struct standing *standing, struct error *error)
{
    standing->now_ms = clock_unix_ms();
    standing->config = consent_open(&texts, error);
    if (!standing->config)
        return false;
    standing->subjects = consent_subjects_new(standing->config, false, error);
    bool fine = standing->subjects &&
                consent_subjects_read(standing->subjects, take, standing, consent_progress(), error);
    consent_progress_end();
    return fine;
}

static const char *entry_word(uint64_t count)
{
    return count == 1 ? "entry" : "entries";
}

/* ---- a running process ---- */

static double number_of(yyjson_val *object, const char *name)
{
    yyjson_val *value = yyjson_obj_get(object, name);
    return yyjson_is_num(value) ? yyjson_get_num(value) : NAN;
}

static void take_statusz(struct standing *standing, yyjson_val *root)
{
    size_t index, count;
    yyjson_val *item;
    struct view topic = config_topic(standing->config, TOPIC_CONSENT, 0);
    standing->ready = yyjson_is_true(yyjson_obj_get(root, "ready"));
    yyjson_arr_foreach(yyjson_obj_get(root, "followed"), index, count, item)
    {
        if (!yyjson_equals_strn(yyjson_obj_get(item, "topic"), topic.data, topic.size))
            continue;
        const char *hold = yyjson_get_str(yyjson_obj_get(item, "hold"));
        yyjson_val *age = yyjson_obj_get(item, "age_ms");
        standing->has_process = true;
        standing->fresh = yyjson_is_true(yyjson_obj_get(item, "fresh"));
        standing->holds = yyjson_is_true(yyjson_obj_get(item, "holds"));
        standing->age_ms = yyjson_is_int(age) ? yyjson_get_sint(age) : -1;
        standing->lease_ms = yyjson_get_sint(yyjson_obj_get(item, "lease_ms"));
        snprintf(standing->hold, sizeof standing->hold, "%s", hold ? hold : "");
    }
    size_t used = 0;
    yyjson_arr_foreach(yyjson_obj_get(root, "reasons"), index, count, item)
    {
        int size = snprintf(standing->reasons + used, REASONS_SIZE - used, "    %s\n", yyjson_get_str(item));
        used += size > 0 && used + (size_t)size < REASONS_SIZE ? (size_t)size : 0;
    }
    yyjson_arr_foreach(yyjson_obj_get(root, "lag"), index, count, item)
    {
        standing->lag_records += yyjson_get_sint(yyjson_obj_get(item, "records"));
    }
    yyjson_val *gauges = yyjson_obj_get(yyjson_obj_get(root, "gauges"), "consent");
    standing->entries = number_of(gauges, "consent_entries");
    standing->match_ratio = number_of(gauges, "consent_match_ratio");
    standing->brake_ins = number_of(gauges, "consent_brake_ins");
    standing->brake_limit = number_of(gauges, "consent_brake_limit");
}

static void ask_process(struct standing *standing)
{
    const struct config_http *http = &standing->config->http;
    char *body = NULL;
    struct error why = {0};
    if (!http->enabled) {
        snprintf(standing->why_not, sizeof standing->why_not, "http is not enabled in this configuration");
        return;
    }
    if (!http_get(http->address.data, (uint16_t)http->port, "/statusz", HTTP_TIMEOUT_MS, &body, &why)) {
        snprintf(standing->why_not, sizeof standing->why_not, "%.200s: %.200s", why.where, why.what);
        return;
    }
    yyjson_doc *document = yyjson_read(body, strlen(body), YYJSON_READ_ALLOW_INF_AND_NAN);
    take_statusz(standing, yyjson_doc_get_root(document));
    yyjson_doc_free(document);
    free(body);
    if (!standing->has_process)
        snprintf(standing->why_not, sizeof standing->why_not, "the process there does not follow this topic");
}

/* ---- status ---- */

static void print_process(const struct standing *standing)
{
    if (!standing->has_process) {
        printf("running process:     not seen (%s)\n", standing->why_not);
        return;
    }
    printf("running process:     %s\n%s", standing->ready ? "ready" : "not ready:", standing->reasons);
    if (standing->age_ms < 0)
        printf("  topic:             not read to its end yet\n");
    else
        printf("  topic:             read to its end %.1f s ago, the lease is %.0f s%s\n",
               (double)standing->age_ms / 1000, (double)standing->lease_ms / 1000,
               standing->fresh ? "" : ": EVENTS REST");
    printf("  brake:             %s%s\n", standing->holds ? "HOLDS: " : "released", standing->hold);
    if (!isnan(standing->brake_ins))
        printf("  new `in`s:         %.0f of at most %.0f in the window\n", standing->brake_ins,
               standing->brake_limit);
    if (!isnan(standing->entries))
        printf("  entries:           %.0f\n", standing->entries);
    if (!isnan(standing->match_ratio))
        printf("  events that match: %.2f %%%s\n", standing->match_ratio * 100,
               standing->match_ratio < 0.001
                   ? ": next to none; are lines written the same way in events and choices?"
                   : "");
    printf("  lag of events:     %lld record%s\n", (long long)standing->lag_records,
           consent_plural((uint64_t)standing->lag_records));
}

static void print_status(const struct standing *standing)
{
    const struct consent_counts *counts = consent_subjects_counts(standing->subjects);
    printf("topic:               %s, partitions %d, records committed %llu\n",
           config_topic(standing->config, TOPIC_CONSENT, 0).data, counts->partitions,
           (unsigned long long)counts->records);
    printf("entries:             %llu (line %llu, account %llu, device %llu)\n",
           (unsigned long long)consent_subjects_entries(standing->subjects),
           (unsigned long long)counts->entries[SUBJECT_LINE],
           (unsigned long long)counts->entries[SUBJECT_ACCOUNT],
           (unsigned long long)counts->entries[SUBJECT_DEVICE]);
    printf("other records:       signals %llu, erased %llu, moves %llu, about the topic %llu\n",
           (unsigned long long)counts->signals, (unsigned long long)counts->hashes,
           (unsigned long long)counts->links, (unsigned long long)counts->meta);
    printf("count as `out`:      unreadable %llu, tombstones %llu\n", (unsigned long long)counts->unreadable,
           (unsigned long long)counts->tombstones);
    if (counts->unreadable_keys || counts->wrong_kind)
        printf("STOP A START:        keys that can't be read %llu, of another kind %llu\n",
               (unsigned long long)counts->unreadable_keys, (unsigned long long)counts->wrong_kind);
    if (counts->acknowledged)
        printf("acknowledged:        %llu (consent.ignore names them; they count for nothing)\n",
               (unsigned long long)counts->acknowledged);
    if (counts->newest_ms)
        printf("newest record:       %.0f s ago\n",
               (double)(standing->now_ms - (int64_t)counts->newest_ms) / 1000);
    if (standing->has_confirmed)
        printf("last confirmation:   %.0f s ago, of %llu %s%s\n",
               (double)(standing->now_ms - standing->confirmed.at_ms) / 1000,
               (unsigned long long)standing->confirmed.entries, entry_word(standing->confirmed.entries),
               standing->confirmed.expect_in ? ", an announcement of `in`s" : "");
    print_process(standing);
}

static void json_process(struct json_writer *writer, const struct standing *standing)
{
    json_writer_name(writer, "process");
    if (!standing->has_process) {
        json_writer_null(writer);
        json_writer_member_string(writer, "process_not_seen", view_of_string(standing->why_not));
        return;
    }
    json_writer_open_object(writer);
    json_writer_member_bool(writer, "ready", standing->ready);
    json_writer_member_bool(writer, "fresh", standing->fresh);
    json_writer_member_integer(writer, "age_ms", standing->age_ms);
    json_writer_member_integer(writer, "lease_ms", standing->lease_ms);
    json_writer_member_bool(writer, "brake", standing->holds);
    json_writer_member_string(writer, "brake_why", view_of_string(standing->hold));
    json_writer_member_real(writer, "brake_ins", standing->brake_ins);
    json_writer_member_real(writer, "brake_limit", standing->brake_limit);
    json_writer_member_real(writer, "entries", standing->entries);
    json_writer_member_real(writer, "match_ratio", standing->match_ratio);
    json_writer_member_integer(writer, "lag_records", standing->lag_records);
    json_writer_close_object(writer);
}

static int json_status(const struct standing *standing)
{
    const struct consent_counts *counts = consent_subjects_counts(standing->subjects);
    char buffer[JSON_SIZE];
    struct json_writer writer;
    json_writer_init(&writer, buffer, sizeof buffer);
    json_writer_open_object(&writer);
    json_writer_member_string(&writer, "topic", config_topic(standing->config, TOPIC_CONSENT, 0));
    json_writer_member_integer(&writer, "partitions", counts->partitions);
    json_writer_member_unsigned(&writer, "records", counts->records);
    json_writer_member_unsigned(&writer, "entries", consent_subjects_entries(standing->subjects));
    json_writer_name(&writer, "by_kind");
    json_writer_open_object(&writer);
    json_writer_member_unsigned(&writer, "line", counts->entries[SUBJECT_LINE]);
    json_writer_member_unsigned(&writer, "account", counts->entries[SUBJECT_ACCOUNT]);
    json_writer_member_unsigned(&writer, "device", counts->entries[SUBJECT_DEVICE]);
    json_writer_close_object(&writer);
    json_writer_member_unsigned(&writer, "signals", counts->signals);
    json_writer_member_unsigned(&writer, "erased", counts->hashes);
    json_writer_member_unsigned(&writer, "moves", counts->links);
    json_writer_member_unsigned(&writer, "unreadable", counts->unreadable);
    json_writer_member_unsigned(&writer, "tombstones", counts->tombstones);
    json_writer_member_unsigned(&writer, "unreadable_keys", counts->unreadable_keys);
    json_writer_member_unsigned(&writer, "wrong_kind", counts->wrong_kind);
    json_writer_member_unsigned(&writer, "acknowledged", counts->acknowledged);
    json_writer_member_unsigned(&writer, "newest", counts->newest_ms);
    if (standing->has_confirmed) {
        json_writer_name(&writer, "confirmed");
        json_writer_open_object(&writer);
        json_writer_member_unsigned(&writer, "entries", standing->confirmed.entries);
        json_writer_member_unsigned(&writer, "expect_in", standing->confirmed.expect_in);
        json_writer_member_integer(&writer, "at", standing->confirmed.at_ms);
        json_writer_close_object(&writer);
    }
    json_process(&writer, standing);
    json_writer_close_object(&writer);
    return consent_print_json(&writer);
}

static const struct argument status_arguments[] = {
    CONSENT_ARGUMENTS(texts),
    {.name = "json", .help = "answer in JSON", .flag = &as_json},
    {0},
};

static const struct argument_table status_table = {
    .command = "consent status",
    .usage = "--config FILE [--json]",
    .about = "Reads the committed consent topic to its end and says how many choices it has and how old they "
             "are; asks a "
             "running process, where `http` is configured, for its brake, lease, lag and the share of events "
             "that match an "
             "entry.",
    .arguments = status_arguments,
    .notes = CONSENT_STATUS_NOTE,
};

static void release(struct standing *standing)
{
    consent_subjects_free(standing->subjects);
    config_free(standing->config);
}

int consent_status(int argc, char **argv)
{
    int operand;
    struct error error = {0};
    enum argument_result parsed = argument_parse(&status_table, argc, argv, &operand);
    if (parsed != ARGUMENT_GO)
        return parsed == ARGUMENT_HELP ? EXIT_STATUS_DONE : EXIT_STATUS_USAGE;
    if (!texts.config)
        return argument_wrong(&status_table, "--config is missing");
    struct standing standing = {.age_ms = -1, .lease_ms = -1};
    standing.entries = standing.match_ratio = standing.brake_ins = standing.brake_limit = NAN;
    int status;
    if (!read_topic(&standing, &error)) {
        status = argument_failure(status_table.command, &error);
    } else {
        ask_process(&standing);
        status = EXIT_STATUS_DONE;
        if (as_json)
            status = json_status(&standing);
        else
            print_status(&standing);
        if (fflush(stdout) != 0)
            status = EXIT_STATUS_IO;
    }
    release(&standing);
    return status;
}

/* ---- confirm ---- */

static const struct argument confirm_arguments[] = {
    CONSENT_ARGUMENTS(texts),
    {.name = "entries",
     .value = "N",
     .text = &entries_text,
     .help = "how many entries there should be; another number, by more than 1 %, is refused"},
    {.name = "dry-run",
     .letter = 'n',
     .flag = &dry_run,
     .help = "say what would be confirmed, write nothing"},
    {.name = "json", .help = "answer in JSON", .flag = &as_json},
    {0},
};

static const struct argument_table confirm_table = {
    .command = "consent confirm",
    .usage = "--config FILE [--entries N]",
    .about = "Says that what stands in the consent topic is meant: counts its entries and writes "
             "meta:confirm with the number, "
             "which releases the brake of every process whose table is about as large. Look at who wrote the "
             "new choices "
             "first.",
    .arguments = confirm_arguments,
    .notes = CONSENT_STATUS_NOTE,
};

static bool confirm(struct standing *standing, uint64_t wanted, struct kafka_consent_record *record,
                    struct error *error)
{
    char value[CONSENT_CONFIRMATION_SIZE_MAX];
    uint64_t entries = consent_subjects_entries(standing->subjects);
    double apart = fabs((double)entries - (double)wanted);
    if (entries_text && apart > (double)wanted / 100)
        return error_fail(error, EXIT_STATUS_DATA, NULL, "nothing was written; look at what the topic holds",
                          "the topic has %llu %s, and not %llu", (unsigned long long)entries,
                          entry_word(entries), (unsigned long long)wanted);
    if (dry_run)
        return true;
    struct consent_confirmation confirmation = {.entries = entries, .at_ms = standing->now_ms};
    struct kafka_consent *writer = kafka_consent_new(standing->config, CONSENT_TIMEOUT_MS, error);
    if (!writer)
        return false;
    record->key = CONSENT_CONFIRMATION_KEY;
    record->value = (struct view){value, consent_confirmation_write(&confirmation, value)};
    record->partition =
        consent_subjects_partition(standing->subjects, NULL, record->key, kafka_consent_partitions(writer));
    bool fine = kafka_consent_write(writer, record, 1, error);
    kafka_consent_free(writer);
    return fine;
}

static int tell_confirmed(const struct standing *standing, const struct kafka_consent_record *record)
{
    uint64_t entries = consent_subjects_entries(standing->subjects);
    if (as_json) {
        char buffer[512];
        struct json_writer writer;
        json_writer_init(&writer, buffer, sizeof buffer);
        json_writer_open_object(&writer);
        json_writer_member_unsigned(&writer, "entries", entries);
        json_writer_member_bool(&writer, "written", !dry_run);
        if (!dry_run) {
            json_writer_member_integer(&writer, "partition", record->partition);
            json_writer_member_integer(&writer, "offset", record->offset);
        }
        json_writer_close_object(&writer);
        return consent_print_json(&writer);
    }
    if (dry_run)
        printf("%llu %s would be confirmed\n", (unsigned long long)entries, entry_word(entries));
    else
        printf("%llu %s confirmed: committed to partition %d at offset %lld\n", (unsigned long long)entries,
               entry_word(entries), record->partition, (long long)record->offset);
    return fflush(stdout) == 0 ? EXIT_STATUS_DONE : EXIT_STATUS_IO;
}

int consent_confirm(int argc, char **argv)
{
    int operand;
    uint64_t wanted = 0;
    struct error error = {0};
    enum argument_result parsed = argument_parse(&confirm_table, argc, argv, &operand);
    if (parsed != ARGUMENT_GO)
        return parsed == ARGUMENT_HELP ? EXIT_STATUS_DONE : EXIT_STATUS_USAGE;
    if (!texts.config)
        return argument_wrong(&confirm_table, "--config is missing");
    if (entries_text && !argument_count(entries_text, &wanted))
        return argument_wrong(&confirm_table, "--entries is a whole number");
    struct standing standing = {0};
    struct kafka_consent_record record = {0};
    int status = read_topic(&standing, &error) && confirm(&standing, wanted, &record, &error)
                     ? tell_confirmed(&standing, &record)
                     : argument_failure(confirm_table.command, &error);
    release(&standing);
    return status;
}
