/* clickveil rules report: what the rules are and what they would do, with what is wrong with them. */
#include "commands/rules_report.h"

#include "commands/argument_value.h"

#include <stdlib.h>

enum { EXAMPLES_DEFAULT = 10, EXAMPLES_MAX = 10000 };

static const double share_default = 0.5;

static struct {
    struct rules_texts rules;
    const char *names, *traffic, *labels, *leaks, *output, *share, *examples;
    bool app, blocked, json;
} texts;

static const struct argument arguments[] = {
    {.name = "rules",
     .letter = 'r',
     .value = "FILE",
     .list = &texts.rules.hosts,
     .help = "a list of hosts, instead of the lists of a configuration; may come again"},
    {.name = "app-rules", .value = "FILE", .list = &texts.rules.apps, .help = "a list of apps, likewise"},
    RULES_ARGUMENTS(texts.rules),
    {.name = "names",
     .value = "FILE",
     .text = &texts.names,
     .help = "coverage of these, the most visited first: NAME, NAME<TAB>VISITS or RANK,NAME, a line each"},
    {.name = "traffic",
     .letter = 't',
     .value = "FILE",
     .text = &texts.traffic,
     .help = "coverage of these events (in the input format, a line each; - is standard input), and of which "
             "interests one site or app brings too many of the people"},
    {.name = "share",
     .value = "SHARE",
     .text = &texts.share,
     .help = "how much of an interest's people one site or app may bring; classify.support_share by default"},
    {.name = "output",
     .letter = 'o',
     .value = "FILE",
     .text = &texts.output,
     .help = "with --traffic: write a deny list of the interests that are over, for classify.hosts or "
             "classify.apps; it is left out of the rules that are counted with"},
    {.name = "labels",
     .value = "FILE",
     .text = &texts.labels,
     .help = "precision and recall against this rule list, in which every name is right"},
    {.name = "deny",
     .value = "FILE",
     .text = &texts.leaks,
     .help = "which of these names, a line each or a rule list with `deny`, bring interests all the same"},
    {.name = "app", .letter = 'a', .flag = &texts.app, .help = "--names, --labels and --deny are of apps"},
    {.name = "blocked", .flag = &texts.blocked, .help = "name every rule that is denied"},
    {.name = "examples", .value = "N", .text = &texts.examples, .help = "how many of each are shown (10)"},
    {.name = "json", .flag = &texts.json, .help = "answer in JSON, with full lists"},
    {0},
};

static const struct argument_table table = {
    .command = "rules report",
    .usage = "[--rules FILE]... [--app-rules FILE]... [OPTION]...\n--config FILE [OPTION]...",
    .about =
        "Says what the rules are: interests and how many sites and apps back each, what is blocked as "
        "sensitive, "
        "where lists contradict each other. Of given names or events: how many they cover, by rank. Against "
        "given "
        "labels: precision and recall by interest. From given traffic: which interests give a site away.",
    .arguments = arguments,
    .notes = "People are counted as different ones, by a hash under a key of this run that is never written; "
             "the counts "
             "are for the operator and stand in no file that this writes. Exit status: 0 whatever it says; "
             "65 when "
             "--labels is no rule list.",
};

/* ---- what is asked for ---- */

static bool wrong(const char *what)
{
    (void)argument_wrong(&table, "%s", what);
    return false;
}

static bool read_texts(struct report *report)
{
    report->examples = EXAMPLES_DEFAULT;
    report->json = texts.json;
    report->app = texts.app;
    report->blocked = texts.blocked;
    report->names = texts.names;
    report->traffic = texts.traffic;
    report->labels = texts.labels;
    report->leaks = texts.leaks;
    report->output = texts.output;
    if (texts.names != NULL && texts.traffic != NULL)
        return wrong("--names and --traffic are two kinds of traffic: give one");
    if (texts.traffic == NULL && (texts.output != NULL || texts.share != NULL))
        return wrong("--output and --share go with --traffic");
    if (texts.share != NULL && (!argument_share(texts.share, &report->share) || report->share == 0))
        return wrong("--share is a share above 0, such as 0.5 or 50%");
    if (texts.examples != NULL &&
        (!argument_count(texts.examples, &report->examples) || report->examples > EXAMPLES_MAX))
        return wrong("--examples is a number up to 10000");
    return rules_texts_good(&texts.rules, &table);
}

/* ---- */

static bool open_rows(struct report *report, struct error *error)
{
    const struct option_list *lists[2] = {&report->opened.options.hosts, &report->opened.options.apps};
    for (unsigned app = 0; app < 2; app++) {
        report->rows[app] = rules_rows_new(report_kind(app), lists[app], NULL, error);
        if (report->rows[app] == NULL)
            return false;
    }
    return true;
}

static bool write_sections(struct report *report, struct error *error)
{
    if (report->json)
        rules_piece_open(&report->piece, "{");
    bool fine = report_totals(report, error) && report_interests(report, error) &&
                report_sensitive(report, error) && report_conflicts(report, error) &&
                report_coverage(report, error) && report_labels(report, error) &&
                report_leaks(report, error) && report_people(report, error);
    if (fine && report->json)
        rules_piece_close(&report->piece, "}\n");
    return fine;
}

static bool run(struct report *report, struct error *error)
{
    texts.rules.without = texts.output;
    if (!rules_open(&texts.rules, &report->opened, error))
        return false;
    if (texts.share == NULL)
        report->share = report->opened.config != NULL ? report->opened.options.support_share : share_default;
    return open_rows(report, error) && report_read_traffic(report, error) && write_sections(report, error) &&
           rules_flush(error);
}

int rules_report(int argc, char **argv)
{
    int operand;
    enum argument_result parsed = argument_parse(&table, argc, argv, &operand);
    if (parsed != ARGUMENT_GO)
        return parsed == ARGUMENT_HELP ? EXIT_STATUS_DONE : EXIT_STATUS_USAGE;
    struct error error = {0};
    struct report *report = calloc(1, sizeof *report);
    ensure(report != NULL);
    int status = EXIT_STATUS_USAGE;
    if (read_texts(report))
        status = run(report, &error) ? EXIT_STATUS_DONE : argument_failure(table.command, &error);
    rules_people_free(report->people);
    rules_tally_free(report->tally);
    for (unsigned app = 0; app < 2; app++)
        rules_rows_free(report->rows[app]);
    rules_close(&report->opened);
    free(report);
    return status;
}
