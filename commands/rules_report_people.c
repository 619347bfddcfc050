/*
 * Whom an interest gives away: interests of whose people in a sample one site or app brought more than a share, and the deny
 * list that takes them out.
 *
 * The list denies the interest, not the site: of the others, who are few, the interest would say all the more. It is a rule
 * list like any other, for classify.hosts or classify.apps.
 */
#include "commands/rules_report.h"

#include "common/clock.h"
#include "common/file_replace.h"
#include "common/rfc3339.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void write_share(struct report *report, const struct rules_people_share *share, bool over)
{
    struct view name = taxonomy_name(report->opened.taxonomy, share->interest);
    if (!report->json) {
        printf("    %5u  %-45.*s %9" PRIu64 " %8" PRIu64 " %6.1f %%  ", (unsigned)share->interest,
               (int)name.size, name.data, share->people, share->sites,
               100 * report_share(share->top_people, share->people));
        rules_print_name(share->top);
        puts(over ? "  OVER" : "");
        return;
    }
    struct json_writer *writer = rules_piece_begin(&report->piece);
    json_writer_open_object(writer);
    json_writer_member_unsigned(writer, "interest", share->interest);
    json_writer_member_string(writer, "name", name);
    json_writer_member_unsigned(writer, "people", share->people);
    json_writer_member_unsigned(writer, "sites", share->sites);
    json_writer_member_string(writer, share->top_is_app ? "top_app" : "top_site", share->top);
    json_writer_member_unsigned(writer, "top_people", share->top_people);
    json_writer_member_real(writer, "top_share", report_share(share->top_people, share->people));
    json_writer_member_bool(writer, "over", over);
    json_writer_close_object(writer);
    rules_piece_end(&report->piece);
}

static void write_shares(struct report *report, const struct rules_people_share *shares, unsigned count)
{
    unsigned over = 0;
    if (report->json) {
        rules_piece_open(&report->piece, "\"people\":{");
        struct json_writer *writer = rules_piece_begin_members(&report->piece);
        json_writer_member_unsigned(writer, "people", rules_people_count(report->people));
        json_writer_member_real(writer, "share", report->share);
        rules_piece_end_members(&report->piece);
        rules_piece_open(&report->piece, "\"interests\":[");
    } else
        printf("people: %" PRIu64
               " different ones; by interest, and the most that one site or app brought:\n",
               rules_people_count(report->people));
    if (!report->json)
        printf("%-56s %9s %8s %9s\n", "", "people", "sites", "the most");
    for (unsigned i = 0; i < count; i++) {
        bool is_over = rules_people_is_over(&shares[i], report->share);
        over += is_over;
        write_share(report, &shares[i], is_over);
    }
    if (report->json)
        rules_piece_close(&report->piece, "]}");
    else
        printf("  %u interests got more than %g %% of their people from one site or app\n", over,
               100 * report->share);
}

/* ---- the deny list ---- */

__attribute__((format(printf, 3, 4))) static bool put(struct file_replace *file, struct error *error,
                                                      const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    ensure(size >= 0 && (size_t)size < sizeof text);
    return file_replace_write(file, text, (size_t)size, error);
}

/* No count and no site goes into it, only what is denied. */
static bool write_list(const struct report *report, const struct rules_people_share *shares, unsigned count,
                       struct file_replace *file, struct error *error)
{
    char date[RFC3339_TEXT_SIZE + 1];
    rfc3339_write(clock_unix_ms(), date);
    bool fine =
        put(file, error,
            "# source: clickveil rules report --traffic: one site or app brought more than %g %% of these "
            "interests' people\n# date: %.10s\n# licence: the operator's own\n",
            100 * report->share, date);
    for (unsigned i = 0; fine && i < count; i++) {
        if (rules_people_is_over(&shares[i], report->share))
            fine = put(file, error, "%u\tdeny\tone site or app brings too many of its people\n",
                       (unsigned)shares[i].interest);
    }
    /* A list without a row is refused as cut off (rule_load.h); .invalid is nobody's (RFC 6761, 6.4). */
    return fine && put(file, error, "deny-list.clickveil.invalid\tdeny\tnobody's: the list is whole\n");
}

static bool write_deny_list(const struct report *report, const struct rules_people_share *shares,
                            unsigned count, struct error *error)
{
    struct file_replace *file = report->output != NULL ? calloc(1, sizeof *file) : NULL;
    if (report->output == NULL)
        return true;
    ensure(file != NULL);
    bool fine = file_replace_begin(file, report->output, 0644, error) &&
                write_list(report, shares, count, file, error) && file_replace_end(file, error);
    file_replace_give_up(file);
    free(file);
    return fine;
}

bool report_people(struct report *report, struct error *error)
{
    unsigned count = 0;
    if (report->people == NULL)
        return true;
    struct rules_people_share *shares = rules_people_shares(report->people, &count, error);
    if (shares == NULL)
        return false;
    write_shares(report, shares, count);
    bool fine = write_deny_list(report, shares, count, error);
    free(shares);
    return fine;
}
