/*
 * clickveil rules diff: what new rules would change.
 *
 * Design: both sets of rules are walked side by side in the order of their keys. For each rule that is in one set only the
 * answer of the other set for its key is shown too, since a key that goes away falls back to what lies above it. With
 * traffic, both sets are asked for every name that was visited.
 */
#include "commands/rules.h"

#include "commands/argument_value.h"
#include "commands/rules_print.h"
#include "commands/rules_tally.h"
#include "commands/rules_traffic.h"

#include <inttypes.h>
#include <stdlib.h>

enum { EXAMPLES_DEFAULT = 10, EXAMPLES_MAX = 10000 };

static struct {
    struct rules_texts rules;
    const char *traffic, *names, *examples;
    bool app, json;
} texts;

static const struct argument arguments[] = {
    {.name = "app",
     .letter = 'a',
     .flag = &texts.app,
     .help = "OLD and NEW are lists of apps, and so are names"},
    {.name = "traffic",
     .value = "FILE",
     .text = &texts.traffic,
     .help = "events in the input format: how much of them would change"},
    {.name = "names",
     .value = "FILE",
     .text = &texts.names,
     .help = "the same of a list of names: NAME, NAME<TAB>VISITS or RANK,NAME, a line each"},
    {.name = "examples",
     .value = "N",
     .text = &texts.examples,
     .help = "how many of each are shown as text (10)"},
    RULES_ARGUMENTS(texts.rules),
    {.name = "json", .flag = &texts.json, .help = "answer in JSON: all that is new, gone or moved"},
    {0},
};

static const struct argument_table table = {
    .command = "rules diff",
    .usage = "[--app] [OPTION]... OLD NEW",
    .about =
        "Says what changes when NEW takes the place of OLD: rules that are new, gone or moved (say something "
        "else), and the share of given traffic that they touch. OLD and NEW are rule lists, or "
        "configurations "
        "(*.yaml, *.yml) with all the rules that they name.",
    .arguments = arguments,
    .operands_min = 2,
    .operands_max = 2,
    .notes =
        "Lists are compared as they are written: their support guard is off unless --support turns it on. "
        "--config only says how events of --traffic are to be read. Exit status: 0, also when they differ.",
};

enum change { CHANGE_NONE = 0, CHANGE_NEW, CHANGE_GONE, CHANGE_MOVED, CHANGES };

static const char *const change_names[] = {"same", "new", "gone", "moved"};
static const char *const change_openings[] = {"", "\"new\":[", "\"gone\":[", "\"moved\":["};

struct difference {
    struct view key;
    struct rule_answer from, to;
};

struct touched {
    uint64_t names, visits;
    uint64_t touched_names, touched_visits;
    uint64_t gained, lost, other; /* visits that get an interest, lose all, or get others */
};

struct diff {
    struct rules_opened old, new;
    uint64_t counts[CHANGES];
    uint64_t examples;
    struct rules_piece piece;
};

static bool same_answer(const struct rule_answer *a, const struct rule_answer *b)
{
    if (a->kind != b->kind)
        return false;
    return a->kind != RULE_INTERESTS ||
           (a->interest_count == b->interest_count &&
            memcmp(a->interests, b->interests, a->interest_count * sizeof *a->interests) == 0);
}

/* ---- side by side ---- */

struct walk {
    const struct rules *rules;
    enum rule_file_kind kind;
    size_t position;
    bool more;
    struct rule_answer rule;
};

static void step(struct walk *walk)
{
    walk->more = rules_next(walk->rules, walk->kind, &walk->position, &walk->rule);
}

/* What rules say of a key that they do not have. */
static struct rule_answer answer_of(const struct rules *rules, enum rule_file_kind kind, struct view key)
{
    if (kind == RULE_FILE_HOSTS)
        return rules_host(rules, key);
    if (key.data[key.size - 1] != '.')
        return rules_app(rules, key);
    /* of a prefix: what is said of an app below it that nobody named */
    char app[RULE_KEY_SIZE_MAX + 1];
    memcpy(app, key.data, key.size);
    app[key.size] = '-';
    return key.size < RULE_KEY_SIZE_MAX ? rules_app(rules, (struct view){app, key.size + 1})
                                        : (struct rule_answer){.kind = RULE_UNKNOWN};
}

typedef void diff_visitor(struct diff *diff, enum change change, const struct difference *difference);

static void walk_kind(struct diff *diff, enum rule_file_kind kind, diff_visitor *visitor)
{
    struct walk old = {.rules = diff->old.rules, .kind = kind},
                new = {.rules = diff->new.rules, .kind = kind};
    step(&old);
    step(&new);
    while (old.more || new.more) {
        int order = !old.more ? 1 : !new.more ? -1 : view_compare(old.rule.key, new.rule.key);
        struct difference difference = {
            .key = order > 0 ? new.rule.key : old.rule.key,
            .from = order > 0 ? answer_of(old.rules, kind, new.rule.key) : old.rule,
            .to = order < 0 ? answer_of(new.rules, kind, old.rule.key) : new.rule,
        };
        if (order != 0 || !same_answer(&old.rule, &new.rule))
            visitor(diff, order > 0 ? CHANGE_NEW : order < 0 ? CHANGE_GONE : CHANGE_MOVED, &difference);
        if (order <= 0)
            step(&old);
        if (order >= 0)
            step(&new);
    }
}

static void walk_all(struct diff *diff, diff_visitor *visitor)
{
    walk_kind(diff, RULE_FILE_HOSTS, visitor);
    walk_kind(diff, RULE_FILE_APPS, visitor);
}

static void count_change(struct diff *diff, enum change change, const struct difference *difference)
{
    (void)difference;
    diff->counts[change]++;
}

/* ---- traffic ---- */

static bool take_visit(void *context, const struct rules_visit *visit, struct error *error)
{
    uint32_t number;
    return view_is_absent(visit->name) ||
           rules_tally_add(context, visit->app, visit->name, visit->count, &number, error);
}

static bool read_traffic(struct diff *diff, struct rules_tally *tally, struct error *error)
{
    struct rules_traffic_counts counts;
    struct rules_input input = {0};
    (void)diff;
    if (texts.names != NULL)
        return rules_traffic_names(texts.names, texts.app, take_visit, tally, &counts, error);
    bool fine = rules_input_open(&texts.rules, &input, error) &&
                rules_traffic_events(input.config, texts.traffic, take_visit, tally, &counts, error);
    rules_input_close(&input);
    return fine;
}

static void touch(const struct diff *diff, const struct rules_tally_name *name, struct touched *touched,
                  bool *out_touched)
{
    struct rule_answer from =
        name->app ? rules_app(diff->old.rules, name->name) : rules_host(diff->old.rules, name->name);
    struct rule_answer to =
        name->app ? rules_app(diff->new.rules, name->name) : rules_host(diff->new.rules, name->name);
    touched->names++;
    touched->visits += name->count;
    *out_touched = !same_answer(&from, &to);
    if (!*out_touched)
        return;
    touched->touched_names++;
    touched->touched_visits += name->count;
    if (from.kind != RULE_INTERESTS && to.kind == RULE_INTERESTS)
        touched->gained += name->count;
    else if (from.kind == RULE_INTERESTS && to.kind != RULE_INTERESTS)
        touched->lost += name->count;
    else
        touched->other += name->count;
}

static double share(uint64_t part, uint64_t whole)
{
    return whole == 0 ? 0 : (double)part / (double)whole;
}

static void print_difference(const struct diff *diff, const struct difference *difference)
{
    fputs("    ", stdout);
    rules_print_key(difference->key);
    fputs("  ", stdout);
    rules_print_answer(diff->old.taxonomy, difference->from.kind, difference->from.interests,
                       difference->from.interest_count);
    fputs(" -> ", stdout);
    rules_print_answer(diff->new.taxonomy, difference->to.kind, difference->to.interests,
                       difference->to.interest_count);
    putchar('\n');
}

/* The most visited of those that change. */
static void print_touched_names(const struct diff *diff, const struct rules_tally *tally,
                                const uint32_t *ranked, uint32_t count)
{
    uint64_t shown = 0;
    for (uint32_t i = 0; i < count && shown < diff->examples; i++) {
        struct rules_tally_name name = rules_tally_at(tally, ranked[i]);
        struct touched ignored = {0};
        bool is_touched;
        touch(diff, &name, &ignored, &is_touched);
        if (!is_touched)
            continue;
        struct difference difference = {
            .key = name.name,
            .from = name.app ? rules_app(diff->old.rules, name.name) : rules_host(diff->old.rules, name.name),
            .to = name.app ? rules_app(diff->new.rules, name.name) : rules_host(diff->new.rules, name.name),
        };
        printf("    %" PRIu64, name.count);
        print_difference(diff, &difference);
        shown++;
    }
}

static void print_traffic(struct diff *diff, const struct touched *touched)
{
    if (!texts.json) {
        printf("traffic: %.2f %% of %" PRIu64 " visits, %" PRIu64 " of %" PRIu64
               " names; visits that get an interest %" PRIu64 ", lose all %" PRIu64 ", get others %" PRIu64
               "\n",
               100 * share(touched->touched_visits, touched->visits), touched->visits, touched->touched_names,
               touched->names, touched->gained, touched->lost, touched->other);
        return;
    }
    struct json_writer *writer = rules_piece_begin_members(&diff->piece);
    json_writer_name(writer, "traffic");
    json_writer_open_object(writer);
    json_writer_member_unsigned(writer, "visits", touched->visits);
    json_writer_member_unsigned(writer, "names", touched->names);
    json_writer_member_unsigned(writer, "touched_visits", touched->touched_visits);
    json_writer_member_unsigned(writer, "touched_names", touched->touched_names);
    json_writer_member_real(writer, "touched_share", share(touched->touched_visits, touched->visits));
    json_writer_member_unsigned(writer, "gained", touched->gained);
    json_writer_member_unsigned(writer, "lost", touched->lost);
    json_writer_member_unsigned(writer, "other", touched->other);
    json_writer_close_object(writer);
    rules_piece_end_members(&diff->piece);
}

static bool rank_and_print(struct diff *diff, const struct rules_tally *tally, struct error *error)
{
    struct touched touched = {0};
    for (uint32_t i = 0; i < rules_tally_names(tally); i++) {
        struct rules_tally_name name = rules_tally_at(tally, i);
        bool ignored;
        touch(diff, &name, &touched, &ignored);
    }
    print_traffic(diff, &touched);
    for (unsigned app = 0; app < 2 && !texts.json; app++) {
        uint32_t count;
        uint32_t *ranked = rules_tally_ranked(tally, app, &count, error);
        if (ranked == NULL)
            return false;
        print_touched_names(diff, tally, ranked, count);
        free(ranked);
    }
    return true;
}

static bool weigh_traffic(struct diff *diff, struct error *error)
{
    if (texts.traffic == NULL && texts.names == NULL)
        return true;
    struct rules_tally *tally = rules_tally_new(error);
    bool fine = tally != NULL && read_traffic(diff, tally, error) && rank_and_print(diff, tally, error);
    rules_tally_free(tally);
    return fine;
}

/* ---- what differs ---- */

/* What the visitors below are about: one list after the other. */
static enum change wanted;
static uint64_t shown;

static void write_element(struct diff *diff, enum change change, const struct difference *difference)
{
    if (change != wanted)
        return;
    struct json_writer *writer = rules_piece_begin(&diff->piece);
    json_writer_open_object(writer);
    rules_json_key(writer, "rule", difference->key);
    rules_json_answer(writer, "from", &difference->from);
    rules_json_answer(writer, "to", &difference->to);
    json_writer_close_object(writer);
    rules_piece_end(&diff->piece);
}

static void print_example(struct diff *diff, enum change change, const struct difference *difference)
{
    if (change == wanted && shown++ < diff->examples)
        print_difference(diff, difference);
}

static void digest_text(const struct rules *rules, char text[17])
{
    snprintf(text, 17, "%016" PRIx64, rules_totals(rules)->digest);
}

static bool print_json(struct diff *diff, struct error *error)
{
    char digests[2][17];
    digest_text(diff->old.rules, digests[0]);
    digest_text(diff->new.rules, digests[1]);
    rules_piece_open(&diff->piece, "{");
    struct json_writer *writer = rules_piece_begin_members(&diff->piece);
    json_writer_member_string(writer, "old_digest", view_of_string(digests[0]));
    json_writer_member_string(writer, "new_digest", view_of_string(digests[1]));
    rules_piece_end_members(&diff->piece);
    for (wanted = CHANGE_NEW; wanted < CHANGES; wanted++) {
        rules_piece_open(&diff->piece, change_openings[wanted]);
        walk_all(diff, write_element);
        rules_piece_close(&diff->piece, "]");
    }
    if (!weigh_traffic(diff, error))
        return false;
    rules_piece_close(&diff->piece, "}\n");
    return true;
}

static bool print_text(struct diff *diff, struct error *error)
{
    walk_all(diff, count_change);
    for (wanted = CHANGE_NEW; wanted < CHANGES; wanted++) {
        printf("%s: %" PRIu64 "\n", change_names[wanted], diff->counts[wanted]);
        shown = 0;
        walk_all(diff, print_example);
        if (diff->counts[wanted] > diff->examples)
            printf("    ... and %" PRIu64 " more\n", diff->counts[wanted] - diff->examples);
    }
    return weigh_traffic(diff, error);
}

/* ---- opening ---- */

static bool is_configuration(const char *path)
{
    size_t size = strlen(path);
    return (size > 5 && strcmp(path + size - 5, ".yaml") == 0) ||
           (size > 4 && strcmp(path + size - 4, ".yml") == 0);
}

static bool open_side(const char *path, struct rules_opened *opened, struct error *error)
{
    struct rules_texts side = {
        .taxonomy = texts.rules.taxonomy, .depth = texts.rules.depth, .support = texts.rules.support};
    if (is_configuration(path)) {
        side = (struct rules_texts){.config = path, .set = texts.rules.set};
        return rules_open(&side, opened, error);
    }
    struct argument_list *list = texts.app ? &side.apps : &side.hosts;
    list->texts[list->count++] = path;
    side.support_default = 1; /* what the lists say is compared, not what one of them alone would bring */
    return rules_open(&side, opened, error);
}

static bool run(struct diff *diff, char **operands, struct error *error)
{
    if (!open_side(operands[0], &diff->old, error) || !open_side(operands[1], &diff->new, error))
        return false;
    return (texts.json ? print_json(diff, error) : print_text(diff, error)) && rules_flush(error);
}

int rules_diff(int argc, char **argv)
{
    int operand;
    enum argument_result parsed = argument_parse(&table, argc, argv, &operand);
    uint64_t examples = EXAMPLES_DEFAULT;
    if (parsed != ARGUMENT_GO)
        return parsed == ARGUMENT_HELP ? EXIT_STATUS_DONE : EXIT_STATUS_USAGE;
    if (texts.traffic != NULL && texts.names != NULL)
        return argument_wrong(&table, "--traffic and --names are two kinds of traffic: give one");
    if (texts.examples != NULL && (!argument_count(texts.examples, &examples) || examples > EXAMPLES_MAX))
        return argument_wrong(&table, "--examples is a number up to %d", (int)EXAMPLES_MAX);
    if (!rules_numbers_good(&texts.rules, &table))
        return EXIT_STATUS_USAGE;
    struct error error = {0};
    struct diff *diff = calloc(1, sizeof *diff);
    ensure(diff != NULL);
    diff->examples = examples;
    bool fine = run(diff, argv + operand, &error);
    rules_close(&diff->old);
    rules_close(&diff->new);
    free(diff);
    return fine ? EXIT_STATUS_DONE : argument_failure(table.command, &error);
}
