/* What the rules do to given names: coverage by rank, quality against labels, leaks against a deny list. */
#include "commands/rules_report.h"

#include "commands/rules_name.h"
#include "common/line_reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

const char *const report_reasons[4] = {"host_malformed", "ip_literal", "app_malformed", "preinstalled"};

/* ---- reading ---- */

static bool take_visit(void *context, const struct rules_visit *visit, struct error *error)
{
    struct report *report = context;
    uint32_t number;
    if (view_is_absent(visit->name)) {
        for (unsigned i = 0; i < 4; i++)
            report->unnamed[i] += strcmp(visit->reason, report_reasons[i]) == 0 ? visit->count : 0;
        return true;
    }
    if (!rules_tally_add(report->tally, visit->app, visit->name, visit->count, &number, error))
        return false;
    if (view_is_absent(visit->person))
        return true;
    struct rule_answer answer = report_answer(report, visit->app, visit->name);
    unsigned interests = answer.kind == RULE_INTERESTS ? answer.interest_count : 0;
    return rules_people_add(report->people, visit->app, visit->name, visit->person, answer.interests,
                            interests, error);
}

static bool read_events(struct report *report, struct error *error)
{
    struct rules_input input = {0};
    struct rules_texts none = {0};
    const struct config *config = report->opened.config;
    if (config == NULL) { /* the lists were given by hand */
        if (!rules_input_open(&none, &input, error))
            return false;
        config = input.config;
    }
    report->people = rules_people_new(error);
    bool fine = report->people != NULL &&
                rules_traffic_events(config, report->traffic, take_visit, report, &report->counts, error);
    rules_input_close(&input);
    return fine;
}

bool report_read_traffic(struct report *report, struct error *error)
{
    if (report->traffic == NULL && report->names == NULL)
        return true;
    report->tally = rules_tally_new(error);
    if (report->tally == NULL)
        return false;
    if (report->names != NULL)
        return rules_traffic_names(report->names, report->app, take_visit, report, &report->counts, error);
    return read_events(report, error);
}

/* ---- coverage ---- */

enum { CLASSES = RULE_UNSUPPORTED + 1 };

struct coverage {
    uint64_t names[CLASSES], visits[CLASSES]; /* by enum rule_kind; unknown is 0 */
    uint64_t all_names, all_visits;
};

static void json_class(struct json_writer *writer, const struct coverage *coverage, enum rule_kind kind)
{
    json_writer_name(writer, rules_kind_name(kind));
    json_writer_open_object(writer);
    json_writer_member_unsigned(writer, "names", coverage->names[kind]);
    json_writer_member_unsigned(writer, "visits", coverage->visits[kind]);
    json_writer_member_real(writer, "names_share", report_share(coverage->names[kind], coverage->all_names));
    json_writer_member_real(writer, "visits_share",
                            report_share(coverage->visits[kind], coverage->all_visits));
    json_writer_close_object(writer);
}

static double percent(const struct coverage *coverage, enum rule_kind kind, bool visits)
{
    return 100 * (visits ? report_share(coverage->visits[kind], coverage->all_visits)
                         : report_share(coverage->names[kind], coverage->all_names));
}

static void write_rank(struct report *report, uint64_t top, const struct coverage *coverage)
{
    if (report->json) {
        struct json_writer *writer = rules_piece_begin(&report->piece);
        json_writer_open_object(writer);
        json_writer_member_unsigned(writer, "top", top);
        json_writer_member_unsigned(writer, "names", coverage->all_names);
        json_writer_member_unsigned(writer, "visits", coverage->all_visits);
        for (enum rule_kind kind = RULE_UNKNOWN; (unsigned)kind < CLASSES; kind++)
            json_class(writer, coverage, kind);
        json_writer_close_object(writer);
        rules_piece_end(&report->piece);
        return;
    }
    /* where every name was named once, both are the same */
    unsigned lines = coverage->all_visits == coverage->all_names ? 1 : 2;
    for (unsigned visits = 0; visits < lines; visits++)
        printf("    top %-9" PRIu64 " %-8s %10" PRIu64 " %10.1f %10.1f %10.1f %12.1f %10.1f\n", top,
               visits ? "visits" : "names", visits ? coverage->all_visits : coverage->all_names,
               percent(coverage, RULE_INTERESTS, visits), percent(coverage, RULE_NONE, visits),
               percent(coverage, RULE_DENY, visits), percent(coverage, RULE_UNSUPPORTED, visits),
               percent(coverage, RULE_UNKNOWN, visits));
}

/* After the 100th, the 1,000th and so on, and after the last. */
static void write_ranks(struct report *report, bool app, const uint32_t *ranked, uint32_t count)
{
    struct coverage coverage = {.all_names = 0};
    uint64_t next = 100;
    for (uint32_t i = 0; i < count; i++) {
        struct rules_tally_name name = rules_tally_at(report->tally, ranked[i]);
        enum rule_kind kind = report_answer(report, app, name.name).kind;
        coverage.names[kind]++;
        coverage.visits[kind] += name.count;
        coverage.all_names++;
        coverage.all_visits += name.count;
        if (i + 1 != next && i + 1 != count)
            continue;
        write_rank(report, i + 1, &coverage);
        next *= 10;
    }
}

/* The most visited names that no rule knows: where a rule more would help most. */
static void write_unknown(struct report *report, bool app, const uint32_t *ranked, uint32_t count)
{
    uint64_t shown = 0;
    for (uint32_t i = 0; i < count && shown < report->examples; i++) {
        struct rules_tally_name name = rules_tally_at(report->tally, ranked[i]);
        if (report_answer(report, app, name.name).kind != RULE_UNKNOWN)
            continue;
        shown++;
        if (!report->json) {
            printf("    unknown %10" PRIu64 "  ", name.count);
            rules_print_name(name.name);
            putchar('\n');
            continue;
        }
        struct json_writer *writer = rules_piece_begin(&report->piece);
        json_writer_open_object(writer);
        json_writer_member_string(writer, "name", name.name);
        json_writer_member_unsigned(writer, "visits", name.count);
        json_writer_close_object(writer);
        rules_piece_end(&report->piece);
    }
}

static bool write_coverage(struct report *report, bool app, struct error *error)
{
    uint32_t count;
    uint32_t *ranked = rules_tally_ranked(report->tally, app, &count, error);
    if (ranked == NULL)
        return false;
    if (report->json)
        rules_piece_open(&report->piece, app ? "\"apps\":[" : "\"hosts\":[");
    else if (count > 0)
        printf("%-26s %10s %10s %10s %10s %12s %10s\n", app ? "coverage of apps, %" : "coverage of hosts, %",
               "all", "interests", "none", "deny", "unsupported", "unknown");
    write_ranks(report, app, ranked, count);
    if (report->json) {
        rules_piece_close(&report->piece, "]");
        rules_piece_open(&report->piece, app ? "\"unknown_apps\":[" : "\"unknown_hosts\":[");
    }
    write_unknown(report, app, ranked, count);
    if (report->json)
        rules_piece_close(&report->piece, "]");
    free(ranked);
    return true;
}

static void write_counts(struct report *report)
{
    const struct rules_traffic_counts *counts = &report->counts;
    if (!report->json) {
        printf("read: %" PRIu64 " lines, %" PRIu64 " visits, %" PRIu64 " unreadable, %" PRIu64
               " removals of apps",
               counts->lines, counts->visits, counts->unreadable, counts->removals);
        for (unsigned i = 0; i < 4; i++)
            printf(", %" PRIu64 " %s", report->unnamed[i], report_reasons[i]);
        putchar('\n');
        return;
    }
    struct json_writer *writer = rules_piece_begin_members(&report->piece);
    json_writer_member_unsigned(writer, "lines", counts->lines);
    json_writer_member_unsigned(writer, "visits", counts->visits);
    json_writer_member_unsigned(writer, "unreadable", counts->unreadable);
    json_writer_member_unsigned(writer, "removals", counts->removals);
    json_writer_name(writer, "unnamed");
    json_writer_open_object(writer);
    for (unsigned i = 0; i < 4; i++)
        json_writer_member_unsigned(writer, report_reasons[i], report->unnamed[i]);
    json_writer_close_object(writer);
    rules_piece_end_members(&report->piece);
}

bool report_coverage(struct report *report, struct error *error)
{
    if (report->tally == NULL)
        return true;
    if (report->json)
        rules_piece_open(&report->piece, "\"coverage\":{");
    write_counts(report);
    if (!write_coverage(report, false, error) || !write_coverage(report, true, error))
        return false;
    if (report->json)
        rules_piece_close(&report->piece, "}");
    return true;
}

/* ---- quality ---- */

struct quality {
    uint64_t labelled, given, right; /* by interest: names that should have it, that have it, both */
};

struct labels {
    struct quality *interests; /* TAXONOMY_ID_MAX + 1 */
    uint64_t names, skipped, unknown_interests, leaked;
};

static bool has(const uint16_t *interests, unsigned count, unsigned interest)
{
    for (unsigned i = 0; i < count; i++) {
        if (interests[i] == interest)
            return true;
    }
    return false;
}

/* The label's interests as they would be published, each once. */
static unsigned resolve(const struct report *report, const struct rules_row *row, struct labels *labels,
                        uint16_t out_interests[RECORD_INTERESTS_MAX])
{
    unsigned count = 0, resolved;
    for (unsigned i = 0; i < row->interest_count; i++) {
        if (taxonomy_resolve(report->opened.taxonomy, row->interests[i],
                             (unsigned)report->opened.options.depth, &resolved) != TAXONOMY_PUBLISHABLE)
            labels->unknown_interests++;
        else if (!has(out_interests, count, resolved))
            out_interests[count++] = (uint16_t)resolved;
    }
    return count;
}

static void judge_label(const struct report *report, const struct rules_row *row, struct labels *labels)
{
    uint16_t wanted[RECORD_INTERESTS_MAX];
    if (row->key.data[row->key.size - 1] == '.') { /* a prefix is no app */
        labels->skipped++;
        return;
    }
    unsigned wanted_count = resolve(report, row, labels, wanted);
    struct rule_answer answer = report_answer(report, report->app, row->key);
    unsigned given_count = answer.kind == RULE_INTERESTS ? answer.interest_count : 0;
    labels->names++;
    labels->leaked += row->kind == RULE_DENY && given_count > 0;
    for (unsigned i = 0; i < wanted_count; i++) {
        labels->interests[wanted[i]].labelled++;
        labels->interests[wanted[i]].right += has(answer.interests, given_count, wanted[i]);
    }
    for (unsigned i = 0; i < given_count; i++)
        labels->interests[answer.interests[i]].given++;
}

static void json_ratio(struct json_writer *writer, const char *name, uint64_t part, uint64_t whole)
{
    json_writer_name(writer, name);
    if (whole == 0)
        json_writer_null(writer); /* nothing to judge by is no zero */
    else
        json_writer_real(writer, report_share(part, whole));
}

static void print_ratio(uint64_t part, uint64_t whole)
{
    if (whole == 0)
        printf(" %9s", "-");
    else
        printf(" %9.1f", 100 * report_share(part, whole));
}

static void write_quality(struct report *report, unsigned interest, const struct quality *quality)
{
    struct view name = interest == 0 ? VIEW("all") : taxonomy_name(report->opened.taxonomy, interest);
    if (!report->json) {
        printf("    %5u  %-45.*s %8" PRIu64 " %8" PRIu64, interest, (int)name.size, name.data,
               quality->labelled, quality->given);
        print_ratio(quality->right, quality->given);
        print_ratio(quality->right, quality->labelled);
        putchar('\n');
        return;
    }
    struct json_writer *writer = rules_piece_begin(&report->piece);
    json_writer_open_object(writer);
    json_writer_member_unsigned(writer, "interest", interest);
    json_writer_member_string(writer, "name", name);
    json_writer_member_unsigned(writer, "labelled", quality->labelled);
    json_writer_member_unsigned(writer, "given", quality->given);
    json_writer_member_unsigned(writer, "right", quality->right);
    json_ratio(writer, "precision", quality->right, quality->given);
    json_ratio(writer, "recall", quality->right, quality->labelled);
    json_writer_close_object(writer);
    rules_piece_end(&report->piece);
}

static void write_labels(struct report *report, const struct labels *labels)
{
    struct quality all = {0};
    if (report->json) {
        rules_piece_open(&report->piece, "\"labels\":{");
        struct json_writer *writer = rules_piece_begin_members(&report->piece);
        json_writer_member_unsigned(writer, "names", labels->names);
        json_writer_member_unsigned(writer, "skipped", labels->skipped);
        json_writer_member_unsigned(writer, "unpublishable", labels->unknown_interests);
        json_writer_member_unsigned(writer, "denied_but_given", labels->leaked);
        rules_piece_end_members(&report->piece);
        rules_piece_open(&report->piece, "\"interests\":[");
    } else
        printf("against %" PRIu64 " labels (%" PRIu64 " prefixes skipped, %" PRIu64
               " interests that can't be published, %" PRIu64
               " denied there but given here):\n%-56s %8s %8s %9s %9s\n",
               labels->names, labels->skipped, labels->unknown_interests, labels->leaked, "", "labelled",
               "given", "precision", "recall");
    for (unsigned interest = 1; interest <= TAXONOMY_ID_MAX; interest++) {
        const struct quality *quality = &labels->interests[interest];
        all.labelled += quality->labelled;
        all.given += quality->given;
        all.right += quality->right;
        if (quality->labelled + quality->given > 0)
            write_quality(report, interest, quality);
    }
    write_quality(report, 0, &all);
    if (report->json)
        rules_piece_close(&report->piece, "]}");
}

bool report_labels(struct report *report, struct error *error)
{
    if (report->labels == NULL)
        return true;
    struct view path = view_of_string(report->labels);
    struct option_list paths = {.items = &path, .count = 1};
    struct mistakes mistakes = {0};
    struct labels labels = {.interests = calloc(TAXONOMY_ID_MAX + 1, sizeof *labels.interests)};
    struct rules_rows *rows = rules_rows_new(report_kind(report->app), &paths, &mistakes, error);
    bool fine = rows != NULL && labels.interests != NULL;
    if (fine && mistakes.count > 0) {
        fine = mistakes_fail(&mistakes, error);
        error->exit_status = EXIT_STATUS_DATA; /* an input, no configuration */
    }
    for (uint64_t at = 0; fine && at < rules_rows_count(rows); at++) {
        struct rules_row row = rules_rows_at(rows, at);
        judge_label(report, &row, &labels);
    }
    if (fine)
        write_labels(report, &labels);
    rules_rows_free(rows);
    free(labels.interests);
    return fine;
}

/* ---- leaks ---- */

static void write_leak(struct report *report, struct view name, const struct rule_answer *answer,
                       uint64_t found)
{
    if (report->json) {
        struct json_writer *writer = rules_piece_begin(&report->piece);
        json_writer_open_object(writer);
        rules_json_key(writer, "name", name);
        rules_json_key(writer, "rule", answer->key);
        rules_json_interests(writer, "interests", answer->interests, answer->interest_count);
        json_writer_close_object(writer);
        rules_piece_end(&report->piece);
    } else if (found <= report->examples) {
        fputs("    ", stdout);
        rules_print_key(name);
        fputs("  ", stdout);
        rules_print_answer(report->opened.taxonomy, answer->kind, answer->interests, answer->interest_count);
        fputs(" by ", stdout);
        rules_print_key(answer->key);
        putchar('\n');
    }
}

/* A name a line; what stands behind a tab is `deny` or another reason not to look. */
static bool read_denied(struct report *report, struct rules_tally *denied, uint64_t *out_unreadable,
                        struct error *error)
{
    struct line_reader lines = {0};
    struct line line;
    enum line_result result = LINE_FAILED;
    uint64_t unreadable = 0;
    bool fine = line_reader_open(&lines, report->leaks, RULES_LINE_SIZE_MAX, -1, error);
    while (fine && (result = line_reader_next(&lines, &line, error)) == LINE_READ) {
        char space[RULES_NAME_SIZE_MAX];
        const char *reason;
        uint32_t number;
        struct view text = line.text;
        if (text.size > 0 && text.data[text.size - 1] == '\r')
            text.size--;
        if (text.size == 0 || text.data[0] == '#')
            continue;
        const char *tab = memchr(text.data, '\t', text.size);
        if (tab != NULL) {
            struct view says = {tab + 1, text.size - (size_t)(tab + 1 - text.data)};
            if (says.size < 4 || memcmp(says.data, "deny", 4) != 0)
                continue; /* a list of rules: only what it denies */
            text.size = (size_t)(tab - text.data);
        }
        struct view name = line.cut ? VIEW_ABSENT : rules_name(report->app, text, space, &reason);
        unreadable += view_is_absent(name);
        fine = view_is_absent(name) || rules_tally_add(denied, report->app, name, 1, &number, error);
    }
    line_reader_close(&lines);
    *out_unreadable = unreadable;
    return fine && result == LINE_END;
}

/* Does a name of the list lie above? */
static bool lies_below(const struct report *report, const struct rules_tally *denied, struct view key)
{
    uint32_t number;
    if (report->app)
        return false;
    for (size_t i = 0; i < key.size; i++) {
        if (key.data[i] == '.' &&
            rules_tally_find(denied, false, (struct view){key.data + i + 1, key.size - i - 1}, &number))
            return true;
    }
    return false;
}

/* What the rules say of the names themselves, and the rules that stand below them. */
static uint64_t write_leaks(struct report *report, const struct rules_tally *denied)
{
    uint64_t found = 0;
    size_t position = 0;
    struct rule_answer rule;
    uint32_t number;
    for (uint32_t i = 0; i < rules_tally_names(denied); i++) {
        struct view name = rules_tally_at(denied, i).name;
        struct rule_answer answer = report_answer(report, report->app, name);
        if (answer.kind == RULE_INTERESTS)
            write_leak(report, name, &answer, ++found);
    }
    while (rules_next(report->opened.rules, report_kind(report->app), &position, &rule)) {
        if (rule.kind == RULE_INTERESTS && !rules_tally_find(denied, report->app, rule.key, &number) &&
            lies_below(report, denied, rule.key))
            write_leak(report, rule.key, &rule, ++found);
    }
    return found;
}

bool report_leaks(struct report *report, struct error *error)
{
    uint64_t unreadable = 0;
    if (report->leaks == NULL)
        return true;
    struct rules_tally *denied = rules_tally_new(error);
    bool fine = denied != NULL && read_denied(report, denied, &unreadable, error);
    if (fine && report->json)
        rules_piece_open(&report->piece, "\"leaks\":[");
    else if (fine)
        printf("leaks against %" PRIu32 " names that should bring nothing (%" PRIu64 " lines are none):\n",
               rules_tally_names(denied), unreadable);
    uint64_t found = fine ? write_leaks(report, denied) : 0;
    if (fine && report->json)
        rules_piece_close(&report->piece, "]");
    else if (fine)
        printf("  %" PRIu64 " leaks\n", found);
    rules_tally_free(denied);
    return fine;
}
