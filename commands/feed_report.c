#include "commands/feed_report.h"

#include "common/json_writer.h"

#include <inttypes.h>
#include <stdlib.h>

enum { PRINTED_MAX = 20 };

bool feed_report_init(struct feed_report *report, const char *view, struct error *error)
{
    *report = (struct feed_report){.view = view, .state = feed_state_new(error)};
    return report->state != NULL;
}

void feed_report_release(struct feed_report *report)
{
    feed_state_free(report->state);
    report->state = NULL;
}

/* ---- taking ---- */

static void note_invalid(struct feed_report *report, const struct feed_contract_record *record,
                         int64_t offset, enum feed_contract_reason reason)
{
    uint8_t id[FEED_CONTRACT_ID_SIZE];
    report->invalid++;
    report->reasons[reason]++;
    if (report->place_count < FEED_REPORT_INVALID_MAX)
        report->places[report->place_count++] = (struct feed_report_place){record->partition, offset, reason};
    if (feed_contract_id(record->key, id))
        feed_state_drop(report->state, id);
}

bool feed_report_take(struct feed_report *report, const struct feed_contract_record *record, int64_t offset,
                      struct error *error)
{
    struct feed_contract_value value;
    enum feed_contract_reason reason;
    report->records++;
    if (!feed_contract_read(record, &value, &reason)) {
        note_invalid(report, record, offset, reason);
        return true;
    }
    report->tombstones += value.tombstone;
    switch (feed_state_take(report->state, &value, &reason, error)) {
    case FEED_STATE_TAKEN:
        return true;
    case FEED_STATE_INVALID:
        note_invalid(report, record, offset, reason);
        return true;
    case FEED_STATE_FAILED:
        break;
    }
    return false;
}

static void count_epoch(struct feed_report *report, int32_t epoch)
{
    for (unsigned i = 0; i < report->epoch_count; i++) {
        if (report->epochs[i].epoch == epoch) {
            report->epochs[i].ids++;
            return;
        }
    }
    if (report->epoch_count == FEED_REPORT_EPOCHS_MAX) {
        report->other_epochs++;
        return;
    }
    report->epochs[report->epoch_count].epoch = epoch;
    report->epochs[report->epoch_count++].ids = 1;
}

/* A record must not be used once it has expired, tombstone or not (docs of the contract, `expires`). */
static void count_live(void *context, const struct feed_contract_value *value)
{
    struct feed_report *report = context;
    if (value->expires_ms <= report->now_ms) {
        report->expired++;
        return;
    }
    report->live++;
    report->devices += value->atype == 1;
    count_epoch(report, value->epoch);
    for (unsigned i = 0; i < value->interest_count; i++)
        report->interests[value->interests[i]]++;
}

void feed_report_finish(struct feed_report *report, int64_t now_ms)
{
    report->now_ms = now_ms;
    feed_state_visit(report->state, count_live, report);
}

/* ---- the interests, most frequent first ---- */

struct ranked {
    uint64_t ids;
    unsigned interest;
};

static int by_frequency(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;
    if (a->ids != b->ids)
        return a->ids < b->ids ? 1 : -1;
    return a->interest < b->interest ? -1 : 1;
}

static unsigned rank(const struct feed_report *report, struct ranked ranking[FEED_REPORT_INTERESTS])
{
    unsigned count = 0;
    for (unsigned i = 0; i < FEED_REPORT_INTERESTS; i++) {
        if (report->interests[i])
            ranking[count++] = (struct ranked){report->interests[i], i};
    }
    qsort(ranking, count, sizeof *ranking, by_frequency);
    return count;
}

/* ---- text ---- */

static void print_place(const struct feed_report_place *place, const char *topic, FILE *out)
{
    const struct reason *reason = &feed_contract_reasons[place->reason];
    if (place->partition < 0)
        fprintf(out, "  line %" PRId64 ": %s: %s\n", place->offset, reason->name, reason->help);
    else
        fprintf(out, "  %s[%d]@%" PRId64 ": %s: %s\n", topic, place->partition, place->offset, reason->name,
                reason->help);
}

static void print_interests(const struct feed_report *report, FILE *out)
{
    struct ranked ranking[FEED_REPORT_INTERESTS];
    unsigned count = rank(report, ranking);
    fprintf(out, "  interests %12u", count);
    for (unsigned i = 0; i < count && i < PRINTED_MAX; i++)
        fprintf(out, "%s%u: %" PRIu64, i ? ", " : "  ", ranking[i].interest, ranking[i].ids);
    fputs(count > PRINTED_MAX ? ", ...\n" : "\n", out);
}

void feed_report_print(const struct feed_report *report, const char *topic, FILE *out)
{
    fprintf(out, "%s (%s)\n", topic, report->view);
    fprintf(out, "  records   %12" PRIu64 "\n", report->records);
    fprintf(out, "  tombstones%12" PRIu64 "\n", report->tombstones);
    fprintf(out, "  live IDs  %12" PRIu64 "  %" PRIu64 " of devices, %" PRIu64 " of people\n", report->live,
            report->devices, report->live - report->devices);
    if (report->expired)
        fprintf(out,
                "  expired   %12" PRIu64 "  not to be used any more; their tombstones are still to come\n",
                report->expired);
    for (unsigned i = 0; i < report->epoch_count; i++)
        fprintf(out, "  epoch %-4d%12" PRIu64 "\n", report->epochs[i].epoch, report->epochs[i].ids);
    print_interests(report, out);
    fprintf(out, "  invalid   %12" PRIu64, report->invalid);
    for (unsigned i = 0; i < FEED_CONTRACT_REASONS; i++) {
        if (report->reasons[i])
            fprintf(out, "  %s: %" PRIu64, feed_contract_reasons[i].name, report->reasons[i]);
    }
    fputc('\n', out);
    for (unsigned i = 0; i < report->place_count && i < PRINTED_MAX; i++)
        print_place(&report->places[i], topic, out);
    if (report->invalid > PRINTED_MAX)
        fprintf(out, "  and %" PRIu64 " more\n", report->invalid - PRINTED_MAX);
}

/* ---- JSON ---- */

static void member_count(struct json_writer *writer, const char *name, uint64_t count)
{
    json_writer_name(writer, name);
    json_writer_unsigned(writer, count);
}

static void member_numbered(struct json_writer *writer, int64_t number, uint64_t count)
{
    char name[24];
    snprintf(name, sizeof name, "%" PRId64, number);
    member_count(writer, name, count);
}

static void json_places(const struct feed_report *report, struct json_writer *writer)
{
    json_writer_name(writer, "invalid_records");
    json_writer_open_array(writer);
    for (unsigned i = 0; i < report->place_count; i++) {
        const struct feed_report_place *place = &report->places[i];
        json_writer_open_object(writer);
        if (place->partition >= 0)
            json_writer_member_integer(writer, "partition", place->partition);
        json_writer_member_integer(writer, place->partition >= 0 ? "offset" : "line", place->offset);
        json_writer_member_string(writer, "reason",
                                  view_of_string(feed_contract_reasons[place->reason].name));
        json_writer_close_object(writer);
    }
    json_writer_close_array(writer);
}

void feed_report_json(const struct feed_report *report, struct json_writer *writer)
{
    json_writer_open_object(writer);
    json_writer_member_string(writer, "view", view_of_string(report->view));
    member_count(writer, "records", report->records);
    member_count(writer, "tombstones", report->tombstones);
    member_count(writer, "live", report->live);
    member_count(writer, "devices", report->devices);
    member_count(writer, "expired", report->expired);
    json_writer_name(writer, "epochs");
    json_writer_open_object(writer);
    for (unsigned i = 0; i < report->epoch_count; i++)
        member_numbered(writer, report->epochs[i].epoch, report->epochs[i].ids);
    json_writer_close_object(writer);
    json_writer_name(writer, "interests");
    json_writer_open_object(writer);
    for (unsigned i = 0; i < FEED_REPORT_INTERESTS; i++) {
        if (report->interests[i])
            member_numbered(writer, i, report->interests[i]);
    }
    json_writer_close_object(writer);
    json_writer_name(writer, "invalid");
    json_writer_open_object(writer);
    for (unsigned i = 0; i < FEED_CONTRACT_REASONS; i++) {
        if (report->reasons[i])
            member_count(writer, feed_contract_reasons[i].name, report->reasons[i]);
    }
    json_writer_close_object(writer);
    json_places(report, writer);
    json_writer_close_object(writer);
}
