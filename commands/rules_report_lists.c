/* What the lists are: interests and who backs them, what is blocked, where lists contradict each other. */
#include "commands/rules_report.h"

#include "commands/rules_set.h"
#include "common/public_suffix.h"

#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

static bool no_memory(struct error *error)
{
    return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, NULL, "no memory for the report");
}

/* ---- totals ---- */

bool report_totals(struct report *report, struct error *error)
{
    const struct rules_totals *totals = rules_totals(report->opened.rules);
    (void)error;
    if (!report->json) {
        printf("rules: %" PRIu64 " of hosts, %" PRIu64 " of apps; %" PRIu64
               " interests can come out; digest %016" PRIx64 "\n",
               totals->hosts, totals->apps, totals->interests, totals->digest);
        return true;
    }
    char digest[17];
    snprintf(digest, sizeof digest, "%016" PRIx64, totals->digest);
    struct json_writer *writer = rules_piece_begin_members(&report->piece);
    json_writer_name(writer, "rules");
    json_writer_open_object(writer);
    json_writer_member_unsigned(writer, "hosts", totals->hosts);
    json_writer_member_unsigned(writer, "apps", totals->apps);
    json_writer_member_unsigned(writer, "interests", totals->interests);
    json_writer_member_unsigned(writer, "unsupported", totals->unsupported);
    json_writer_member_string(writer, "digest", view_of_string(digest));
    json_writer_close_object(writer);
    rules_piece_end_members(&report->piece);
    return true;
}

/* ---- interests ---- */

struct backing {
    uint64_t rules[2], backers;
};

static uint64_t backer_hash(bool app, struct view name, uint16_t interest)
{
    unsigned char bytes[crypto_generichash_BYTES_MIN];
    unsigned char head[3] = {app, (unsigned char)(interest >> 8), (unsigned char)interest};
    uint64_t hash;
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, sizeof bytes);
    crypto_generichash_update(&state, head, sizeof head);
    crypto_generichash_update(&state, (const unsigned char *)name.data, name.size);
    crypto_generichash_final(&state, bytes, sizeof bytes);
    memcpy(&hash, bytes, sizeof hash);
    return hash;
}

static bool count_backers(const struct report *report, struct backing *backings, struct error *error)
{
    struct rules_set set = {0};
    bool fine = true;
    for (unsigned app = 0; app < 2; app++) {
        size_t position = 0;
        struct rule_answer rule;
        while (fine && rules_next(report->opened.rules, report_kind(app), &position, &rule)) {
            struct view name = app ? rule.key : public_suffix_registrable(rule.key);
            for (unsigned i = 0; fine && rule.kind == RULE_INTERESTS && i < rule.interest_count; i++) {
                bool is_new = false;
                fine = rules_set_add(&set, backer_hash(app, name, rule.interests[i]), &is_new, error);
                backings[rule.interests[i]].rules[app]++;
                backings[rule.interests[i]].backers += is_new;
            }
        }
    }
    rules_set_release(&set);
    return fine;
}

static void write_interest(struct report *report, unsigned interest, const struct backing *backing)
{
    struct view name = taxonomy_name(report->opened.taxonomy, interest);
    if (!report->json) {
        printf("    %5u  %-45.*s %7" PRIu64 " %7" PRIu64 " %7" PRIu64 "\n", interest, (int)name.size,
               name.data, backing->rules[0], backing->rules[1], backing->backers);
        return;
    }
    struct json_writer *writer = rules_piece_begin(&report->piece);
    json_writer_open_object(writer);
    json_writer_member_unsigned(writer, "interest", interest);
    json_writer_member_string(writer, "name", name);
    json_writer_member_unsigned(writer, "hosts", backing->rules[0]);
    json_writer_member_unsigned(writer, "apps", backing->rules[1]);
    json_writer_member_unsigned(writer, "backers", backing->backers);
    json_writer_close_object(writer);
    rules_piece_end(&report->piece);
}

static void write_unsupported(struct report *report)
{
    unsigned count;
    const struct rules_unsupported *unsupported = rules_unsupported(report->opened.rules, &count);
    if (report->json)
        rules_piece_open(&report->piece, "\"unsupported\":[");
    else if (count > 0)
        printf("interests that too few sites and apps stand behind: %u\n", count);
    for (unsigned i = 0; i < count; i++) {
        struct view name = taxonomy_name(report->opened.taxonomy, unsupported[i].interest);
        if (!report->json) {
            printf("    %5u  %-45.*s %u backers, ", (unsigned)unsupported[i].interest, (int)name.size,
                   name.data, unsupported[i].backers);
            if (unsupported[i].result == 0)
                puts("dropped");
            else
                printf("counts as %u\n", (unsigned)unsupported[i].result);
            continue;
        }
        struct json_writer *writer = rules_piece_begin(&report->piece);
        json_writer_open_object(writer);
        json_writer_member_unsigned(writer, "interest", unsupported[i].interest);
        json_writer_member_string(writer, "name", name);
        json_writer_member_unsigned(writer, "backers", unsupported[i].backers);
        json_writer_member_unsigned(writer, "counts_as", unsupported[i].result);
        json_writer_close_object(writer);
        rules_piece_end(&report->piece);
    }
    if (report->json)
        rules_piece_close(&report->piece, "]");
}

bool report_interests(struct report *report, struct error *error)
{
    struct backing *backings = calloc(TAXONOMY_ID_MAX + 1, sizeof *backings);
    bool fine = backings != NULL ? count_backers(report, backings, error) : no_memory(error);
    if (fine && report->json)
        rules_piece_open(&report->piece, "\"interests\":[");
    else if (fine)
        printf("%-56s %7s %7s %7s\n", "interests:", "hosts", "apps", "backers");
    for (unsigned interest = 1; fine && interest <= TAXONOMY_ID_MAX; interest++) {
        if (backings[interest].backers > 0)
            write_interest(report, interest, &backings[interest]);
    }
    if (fine && report->json)
        rules_piece_close(&report->piece, "]");
    if (fine)
        write_unsupported(report);
    free(backings);
    return fine;
}

/* ---- what is blocked ---- */

/* Classes of denied rules, by their notes. */
static bool tally_notes(const struct report *report, struct rules_tally *notes, struct error *error)
{
    for (unsigned app = 0; app < 2; app++) {
        for (uint64_t at = 0; at < rules_rows_count(report->rows[app]); at++) {
            struct rules_row row = rules_rows_at(report->rows[app], at);
            uint32_t number;
            if (row.kind == RULE_DENY &&
                !rules_tally_add(notes, false, row.note.size > 0 ? row.note : VIEW("(no note)"), 1, &number,
                                 error))
                return false;
        }
    }
    return true;
}

static void write_notes(struct report *report, const struct rules_tally *notes, const uint32_t *ranked,
                        uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct rules_tally_name note = rules_tally_at(notes, ranked[i]);
        if (!report->json) {
            printf("    %7" PRIu64 "  ", note.count);
            rules_print_name(note.name);
            putchar('\n');
            continue;
        }
        struct json_writer *writer = rules_piece_begin(&report->piece);
        json_writer_open_object(writer);
        json_writer_member_string(writer, "note", note.name);
        json_writer_member_unsigned(writer, "rows", note.count);
        json_writer_close_object(writer);
        rules_piece_end(&report->piece);
    }
}

static bool write_classes(struct report *report, struct error *error)
{
    uint32_t count = 0;
    struct rules_tally *notes = rules_tally_new(error);
    uint32_t *ranked = NULL;
    bool fine = notes != NULL && tally_notes(report, notes, error) &&
                (ranked = rules_tally_ranked(notes, false, &count, error)) != NULL;
    if (fine && report->json)
        rules_piece_open(&report->piece, "\"classes\":[");
    if (fine)
        write_notes(report, notes, ranked, count);
    if (fine && report->json)
        rules_piece_close(&report->piece, "]");
    free(ranked);
    rules_tally_free(notes);
    return fine;
}

static void write_taxonomy(struct report *report)
{
    unsigned count = 0, tier = 0, resolved;
    if (report->json)
        rules_piece_open(&report->piece, "\"taxonomy\":[");
    for (unsigned id = 1; id <= TAXONOMY_ID_MAX; id++) {
        if (taxonomy_resolve(report->opened.taxonomy, id, TAXONOMY_TIER_MAX, &resolved) != TAXONOMY_SENSITIVE)
            continue;
        count++;
        tier = taxonomy_tier(report->opened.taxonomy, id);
        if (report->json)
            json_writer_unsigned(rules_piece_begin(&report->piece), id), rules_piece_end(&report->piece);
        else if (tier == (unsigned)report->opened.options.depth) {
            struct view name = taxonomy_name(report->opened.taxonomy, id);
            printf("    %7u  %.*s\n", id, (int)name.size, name.data);
        }
    }
    if (report->json)
        rules_piece_close(&report->piece, "]");
    else
        printf("  %u rows of the taxonomy are sensitive; those at the tier that is published stand here\n",
               count);
}

static void write_blocked(struct report *report, uint64_t counts[2])
{
    bool listing = report->blocked;
    if (listing && report->json)
        rules_piece_open(&report->piece, "\"blocked\":[");
    for (unsigned app = 0; app < 2; app++) {
        size_t position = 0;
        struct rule_answer rule;
        while (rules_next(report->opened.rules, report_kind(app), &position, &rule)) {
            if (rule.kind != RULE_DENY)
                continue;
            counts[app]++;
            if (listing && report->json) {
                char text[RULE_KEY_SIZE_MAX + 1];
                struct view key = {text, rule.key.size};
                memcpy(text, rule.key.data, rule.key.size);
                if (text[key.size - 1] == '.')
                    text[key.size++] = '*';
                json_writer_string(rules_piece_begin(&report->piece), key);
                rules_piece_end(&report->piece);
            } else if (listing) {
                fputs("    ", stdout);
                rules_print_key(rule.key);
                putchar('\n');
            }
        }
    }
    if (listing && report->json)
        rules_piece_close(&report->piece, "]");
}

bool report_sensitive(struct report *report, struct error *error)
{
    uint64_t counts[2] = {0, 0};
    if (report->json)
        rules_piece_open(&report->piece, "\"sensitive\":{");
    else
        puts("blocked as sensitive, by what the rows say of it:");
    if (!write_classes(report, error))
        return false;
    write_taxonomy(report);
    write_blocked(report, counts);
    if (!report->json) {
        printf("  %" PRIu64 " rules of hosts and %" PRIu64
               " of apps are denied, with all that lies below them\n",
               counts[0], counts[1]);
        return true;
    }
    struct json_writer *writer = rules_piece_begin_members(&report->piece);
    json_writer_member_unsigned(writer, "hosts", counts[0]);
    json_writer_member_unsigned(writer, "apps", counts[1]);
    rules_piece_end_members(&report->piece);
    rules_piece_close(&report->piece, "}");
    return true;
}

/* ---- contradictions ---- */

enum conflict {
    CONFLICT_NONE = 0,
    CONFLICT_DENY,  /* a row denies what another gives interests, or none */
    CONFLICT_EMPTY, /* a row says none of what another gives interests */
    CONFLICT_OTHER, /* rows give different interests; they are joined */
    CONFLICT_ABOVE, /* a row gives interests, and what lies above is denied */
    CONFLICTS,
};

static const char *const conflict_names[] = {"", "deny_wins", "none_wins", "joined", "denied_above"};
static const char *const conflict_texts[] = {
    "",
    "denied by one row, something else in another: deny wins",
    "none in one row, interests in another: none wins",
    "different interests: they are joined",
    "interests below what is denied: they never come out",
};

static bool same_row(const struct rules_row *a, const struct rules_row *b)
{
    return a->kind == b->kind && a->interest_count == b->interest_count &&
           memcmp(a->interests, b->interests, a->interest_count * sizeof *a->interests) == 0;
}

/* Of the rows with one key, from `at` to `end`: the strongest first. */
static enum conflict judge(const struct report *report, bool app, uint64_t at, uint64_t end)
{
    struct rules_row first = rules_rows_at(report->rows[app], at);
    struct rule_answer answer = {.kind = RULE_UNKNOWN};
    for (uint64_t i = at + 1; i < end; i++) {
        struct rules_row row = rules_rows_at(report->rows[app], i);
        if (!same_row(&first, &row) && first.kind != row.kind)
            return first.kind == RULE_DENY ? CONFLICT_DENY : CONFLICT_EMPTY;
        if (!same_row(&first, &row))
            return CONFLICT_OTHER;
    }
    if (first.kind == RULE_INTERESTS && first.key.data[first.key.size - 1] != '.')
        answer = report_answer(report, app, first.key);
    return answer.kind == RULE_DENY ? CONFLICT_ABOVE : CONFLICT_NONE;
}

static void print_conflict(const struct report *report, bool app, uint64_t at, uint64_t end)
{
    fputs("    ", stdout);
    rules_print_key(rules_rows_at(report->rows[app], at).key);
    for (uint64_t i = at; i < end; i++) {
        struct rules_row row = rules_rows_at(report->rows[app], i);
        fputs(i == at ? "  " : "; ", stdout);
        rules_print_answer(report->opened.taxonomy, row.kind, row.interests, row.interest_count);
        printf(" %s:%u", row.list, row.line);
    }
    putchar('\n');
}

enum {
    CONFLICT_ROWS_MAX = 8,                            /* of one key in JSON: a piece has an end */
    CONFLICT_ROW_SIZE_MAX = 6 * FILE_PATH_SIZE + 512, /* a byte of a path may become \u00xx */
};

static_assert((CONFLICT_ROWS_MAX + 1) * CONFLICT_ROW_SIZE_MAX < RULES_PIECE_SIZE,
              "a key with its rows is one piece");

static void json_conflict(struct report *report, enum conflict conflict, bool app, uint64_t at, uint64_t end)
{
    struct json_writer *writer = rules_piece_begin(&report->piece);
    json_writer_open_object(writer);
    rules_json_key(writer, "rule", rules_rows_at(report->rows[app], at).key);
    json_writer_member_string(writer, "conflict", view_of_string(conflict_names[conflict]));
    json_writer_member_unsigned(writer, "row_count", end - at);
    json_writer_name(writer, "rows");
    json_writer_open_array(writer);
    for (uint64_t i = at; i < end && i - at < CONFLICT_ROWS_MAX; i++) {
        struct rules_row row = rules_rows_at(report->rows[app], i);
        json_writer_open_object(writer);
        json_writer_member_string(writer, "list", view_of_string(row.list));
        json_writer_member_unsigned(writer, "line", row.line);
        json_writer_member_string(writer, "kind", view_of_string(rules_kind_name(row.kind)));
        rules_json_interests(writer, "interests", row.interests, row.interest_count);
        json_writer_close_object(writer);
    }
    json_writer_close_array(writer);
    json_writer_close_object(writer);
    rules_piece_end(&report->piece);
}

/* All of one kind; how many there were. With JSON all kinds, in the order of the keys. */
static uint64_t write_conflicts(struct report *report, enum conflict wanted, uint64_t show)
{
    uint64_t found = 0;
    for (unsigned app = 0; app < 2; app++) {
        uint64_t count = rules_rows_count(report->rows[app]);
        for (uint64_t at = 0, end; at < count; at = end) {
            struct view key = rules_rows_at(report->rows[app], at).key;
            for (end = at + 1; end < count && view_equal(rules_rows_at(report->rows[app], end).key, key);)
                end++;
            enum conflict conflict = judge(report, app, at, end);
            if (report->json && conflict != CONFLICT_NONE)
                json_conflict(report, conflict, app, at, end);
            else if (conflict == wanted && found++ < show)
                print_conflict(report, app, at, end);
        }
    }
    return found;
}

bool report_conflicts(struct report *report, struct error *error)
{
    (void)error;
    if (report->json) {
        rules_piece_open(&report->piece, "\"conflicts\":[");
        (void)write_conflicts(report, CONFLICT_NONE, 0);
        rules_piece_close(&report->piece, "]");
        return true;
    }
    if (report->opened.options.rules.count > 0) {
        puts("contradictions: compiled rules have none left; ask their lists");
        return true;
    }
    puts("contradictions within and between lists:");
    for (enum conflict conflict = CONFLICT_DENY; conflict < CONFLICTS; conflict++) {
        uint64_t count = write_conflicts(report, conflict, 0);
        printf("  %" PRIu64 " keys: %s\n", count, conflict_texts[conflict]);
        (void)write_conflicts(report, conflict, report->examples);
    }
    return true;
}
