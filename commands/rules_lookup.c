/*
 * clickveil rules lookup: which rule decides for a name, and which ones lost.
 *
 * Design: the answer comes from the very rules that classify would use. Why it is so comes from the rows of the lists:
 * all that stand on the name or on what lies above it, the longest key first. What a row came to follows from where it
 * stands to the rule that decided.
 */
#include "commands/rules.h"

#include "commands/argument_value.h"
#include "commands/rules_name.h"
#include "commands/rules_print.h"
#include "commands/rules_rows.h"
#include "common/line_reader.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    ROWS_SHOWN_MAX = 256, /* on one name's way up; a chain of hosts has 127 keys at most */
    JSON_SIZE = 262144,   /* bytes; holds ROWS_SHOWN_MAX rows with paths of ordinary length */
    JSON_SIZE_MAX = 1 << 26,
};

static struct {
    struct rules_texts rules;
    struct argument_list lists;
    bool app, json;
} texts;

static const struct argument arguments[] = {
    {.name = "app",
     .letter = 'a',
     .flag = &texts.app,
     .help = "NAME is an app, and so are the lists of --rules"},
    {.name = "rules",
     .letter = 'r',
     .value = "FILE",
     .list = &texts.lists,
     .help = "look up in this list instead of those of a configuration; may come again"},
    RULES_ARGUMENTS(texts.rules),
    {.name = "json", .flag = &texts.json, .help = "answer in JSON, an object a name"},
    {0},
};

static const struct argument_table table = {
    .command = "rules lookup",
    .usage = "[--app] [--rules FILE]... [OPTION]... NAME\n[--app] --config FILE [OPTION]... NAME",
    .about =
        "Says which interests a host, a URL or an app brings, by which rule, and which rules lost, each with "
        "its list and line. NAME - reads names from standard input, a line each, and answers a line each.",
    .arguments = arguments,
    .operands_min = 1,
    .operands_max = 1,
    .notes =
        "The answer is that of classify with the same lists: with their taxonomy, depth and support guard, "
        "and "
        "with every deny settled. reason is exact or inherited where there are interests; else none, deny, "
        "unsupported, no_rule, or why NAME is none: host_malformed, ip_literal, app_malformed. Exit status: "
        "0 "
        "for each of them.",
};

/* What a row came to. */
enum fate {
    FATE_SHORTER = 0, /* a longer key decides */
    FATE_WEAKER,      /* another row says something stronger of the same key */
    FATE_DENIED,      /* what lies above it is denied, or the rows of the taxonomy that it names */
    FATE_WON,
};

static const char *const fate_names[] = {"shorter", "weaker", "denied", "won"};
static const char *const fate_texts[] = {
    "lost: a longer key decides",
    "lost: at the same key deny wins over none, none over interests",
    "lost: what lies above is denied, or its interests are",
    "won",
};

struct shown_row {
    struct rules_row row;
    enum fate fate;
};

struct looking {
    const struct rules_opened *opened;
    struct rules_rows *rows[2]; /* of hosts, of apps */
};

struct found {
    struct view asked; /* as it was given */
    struct view name;  /* normalised; absent: it can't be */
    struct rule_answer answer;
    struct view rule; /* key that decided; absent: none did */
    const char *reason;
    const char *dropped_as; /* reason of the stage; NULL: it passes */
    struct shown_row rows[ROWS_SHOWN_MAX];
    unsigned row_count, category_at; /* from category_at on they deny rows of the taxonomy */
};

/* ---- the rows on the way up ---- */

static void collect_key(const struct looking *looking, bool app, struct view key, struct found *found)
{
    const struct rules_rows *rows = looking->rows[app];
    uint64_t count = rules_rows_count(rows);
    for (uint64_t at = rules_rows_find(rows, key); at < count && found->row_count < ROWS_SHOWN_MAX; at++) {
        struct rules_row row = rules_rows_at(rows, at);
        if (!view_equal(row.key, key))
            break;
        found->rows[found->row_count++].row = row;
    }
}

/* Rows that deny an interest of what was collected, or one above it; of lists of either kind. */
static void collect_categories(const struct looking *looking, struct found *found)
{
    const struct taxonomy *taxonomy = looking->opened->taxonomy;
    unsigned end = found->row_count;
    found->category_at = end;
    for (unsigned i = 0; i < end; i++) {
        const struct rules_row *row = &found->rows[i].row;
        for (unsigned n = 0; view_equal(row->key, found->answer.key) && n < row->interest_count; n++) {
            for (unsigned id = row->interests[n]; id != 0; id = taxonomy_publishable_parent(taxonomy, id)) {
                char key[16];
                snprintf(key, sizeof key, "%u", id);
                for (unsigned app = 0; app < 2; app++)
                    collect_key(looking, app, view_of_string(key), found);
            }
        }
    }
}

/* The next name up: of a host what is behind its first dot; of an app its prefix, as another app below that. */
static struct view name_above(struct view key, char space[RULES_NAME_SIZE_MAX + 1])
{
    if (!texts.app) {
        const char *dot = memchr(key.data, '.', key.size);
        return (struct view){dot + 1, key.size - (size_t)(dot + 1 - key.data)};
    }
    size_t size = key.size - 1; /* also without the dot of a prefix */
    while (size > 0 && key.data[size - 1] != '.')
        size--;
    memmove(space, key.data, size);
    space[size] = '-';
    return (struct view){space, size > 0 ? size + 1 : 0};
}

/* Compiled files have no rows: what they say of each key on the way up, with no line. */
static void collect_compiled(const struct looking *looking, struct found *found)
{
    const struct rules *rules = looking->opened->rules;
    const struct view *paths = looking->opened->options.rules.items;
    struct view name = found->name;
    char space[RULES_NAME_SIZE_MAX + 1];
    while (found->row_count < ROWS_SHOWN_MAX && name.size > 0) {
        struct rule_answer answer = texts.app ? rules_app(rules, name) : rules_host(rules, name);
        if (view_is_absent(answer.key))
            break;
        found->rows[found->row_count++].row = (struct rules_row){
            .key = answer.key,
            .kind = answer.kind,
            .interest_count = answer.kind == RULE_INTERESTS ? answer.interest_count : 0,
            .interests = answer.interests,
            .list = paths[0].data,
        };
        name = name_above(answer.key, space);
    }
    found->category_at = found->row_count;
}

/* The keys that could be those of rules for this name, the longest first. */
static void collect_rows(const struct looking *looking, struct found *found)
{
    struct view name = found->name;
    collect_key(looking, texts.app, name, found);
    if (texts.app) {
        for (size_t size = name.size; size-- > 1;) {
            if (name.data[size - 1] == '.')
                collect_key(looking, texts.app, (struct view){name.data, size}, found);
        }
        return;
    }
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] == '.')
            collect_key(looking, texts.app, (struct view){name.data + i + 1, name.size - i - 1}, found);
    }
}

/* Deny holds for all that lies below, so the shortest key that denies decides, and what is longer is denied by it. */
static struct view key_that_denies(const struct found *found)
{
    struct view key = found->answer.key;
    for (unsigned i = 0; i < found->category_at; i++) {
        if (found->rows[i].row.kind == RULE_DENY)
            key = found->rows[i].row.key;
    }
    return key;
}

static void judge_rows(struct found *found)
{
    enum rule_kind strongest = RULE_UNKNOWN;
    for (unsigned i = 0; i < found->row_count; i++) {
        const struct rules_row *row = &found->rows[i].row;
        if (view_equal(row->key, found->rule) && strongest == RULE_UNKNOWN)
            strongest = row->kind; /* the strongest comes first */
        if (row->key.size > found->rule.size)
            found->rows[i].fate = row->kind == RULE_DENY ? FATE_WON : FATE_DENIED;
        else if (row->key.size < found->rule.size)
            found->rows[i].fate = FATE_SHORTER;
        else
            found->rows[i].fate = row->kind == strongest ? FATE_WON : FATE_WEAKER;
        if (i >= found->category_at)
            found->rows[i].fate = FATE_WON;
        else if (found->rows[i].fate == FATE_WON && row->kind == RULE_INTERESTS &&
                 found->answer.kind == RULE_DENY)
            found->rows[i].fate = FATE_DENIED; /* all its interests are */
    }
}

static void say_reason(struct found *found)
{
    bool exact = view_equal(found->rule, found->name);
    switch (found->answer.kind) {
    case RULE_INTERESTS:
        found->reason = exact ? "exact" : "inherited";
        return;
    case RULE_NONE:
        found->reason = "none";
        found->dropped_as = "no_interest";
        return;
    case RULE_DENY:
        found->reason = "deny";
        found->dropped_as = "interest_denied";
        return;
    case RULE_UNSUPPORTED:
        found->reason = "unsupported";
        found->dropped_as = "interest_unsupported";
        return;
    case RULE_UNKNOWN:
        break;
    }
    found->reason = "no_rule";
    found->dropped_as = "no_interest";
}

/* ---- one name ---- */

static void look_up(const struct looking *looking, struct view name, char space[RULES_NAME_SIZE_MAX],
                    struct found *found)
{
    memset(found, 0, offsetof(struct found, rows));
    found->row_count = 0;
    found->asked = name;
    found->name = rules_name(texts.app, name, space, &found->reason);
    if (view_is_absent(found->name)) {
        found->dropped_as = texts.app ? "no_interest" : found->reason;
        return;
    }
    found->answer = texts.app ? rules_app(looking->opened->rules, found->name)
                              : rules_host(looking->opened->rules, found->name);
    if (looking->opened->options.rules.count > 0)
        collect_compiled(looking, found);
    else {
        collect_rows(looking, found);
        collect_categories(looking, found);
    }
    found->rule = found->answer.kind == RULE_DENY ? key_that_denies(found) : found->answer.key;
    judge_rows(found);
    say_reason(found);
}

/* ---- answers ---- */

static void json_found(struct json_writer *writer, const struct found *found)
{
    bool passes = found->answer.kind == RULE_INTERESTS;
    json_writer_open_object(writer);
    json_writer_member_string(writer, "name", found->asked);
    json_writer_member_string(writer, texts.app ? "app" : "host", found->name);
    rules_json_interests(writer, "interests", found->answer.interests,
                         passes ? found->answer.interest_count : 0);
    rules_json_key(writer, "rule", found->rule);
    json_writer_member_string(writer, "reason", view_of_string(found->reason));
    json_writer_member_string(writer, "dropped_as", view_of_string(found->dropped_as));
    json_writer_name(writer, "rows");
    json_writer_open_array(writer);
    for (unsigned i = 0; i < found->row_count; i++) {
        const struct rules_row *row = &found->rows[i].row;
        json_writer_open_object(writer);
        rules_json_key(writer, "rule", row->key);
        json_writer_member_string(writer, "kind", view_of_string(rules_kind_name(row->kind)));
        rules_json_interests(writer, "interests", row->interests, row->interest_count);
        json_writer_member_string(writer, "list", view_of_string(row->list));
        json_writer_name(writer, "line");
        if (row->line > 0)
            json_writer_unsigned(writer, row->line);
        else
            json_writer_null(writer);
        json_writer_member_bool(writer, "won", found->rows[i].fate == FATE_WON);
        json_writer_member_string(writer, "fate", view_of_string(fate_names[found->rows[i].fate]));
        json_writer_close_object(writer);
    }
    json_writer_close_array(writer);
    json_writer_close_object(writer);
}

static bool print_json(const struct found *found, struct error *error)
{
    struct json_writer writer = {.overflow = true};
    for (size_t size = JSON_SIZE; writer.overflow && size <= JSON_SIZE_MAX; size *= 4) {
        char *buffer = malloc(size);
        if (buffer == NULL)
            return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, NULL, "no memory for the answer");
        json_writer_init(&writer, buffer, size);
        json_found(&writer, found);
        if (!writer.overflow) {
            fwrite(writer.data, 1, writer.size, stdout);
            putchar('\n');
        }
        free(buffer);
    }
    ensure(!writer.overflow);
    return true;
}

static void print_rows(const struct looking *looking, const struct found *found)
{
    for (unsigned i = 0; i < found->row_count; i++) {
        const struct rules_row *row = &found->rows[i].row;
        fputs("    ", stdout);
        rules_print_key(row->key);
        fputs("  ", stdout);
        rules_print_answer(looking->opened->taxonomy, row->kind, row->interests, row->interest_count);
        printf("  %s", row->list);
        if (row->line > 0)
            printf(":%u", row->line);
        printf("  %s\n", fate_texts[found->rows[i].fate]);
    }
}

/* One line, and without `-` the rows below it. */
static void print_text(const struct looking *looking, const struct found *found, bool rows)
{
    rules_print_name(found->asked);
    fputs("  ", stdout);
    if (found->answer.kind == RULE_INTERESTS)
        rules_print_answer(looking->opened->taxonomy, RULE_INTERESTS, found->answer.interests,
                           found->answer.interest_count);
    else
        fputs("no interest", stdout);
    printf(": %s", found->reason);
    if (!view_is_absent(found->rule)) {
        fputs(" by ", stdout);
        rules_print_key(found->rule);
    }
    putchar('\n');
    if (rows)
        print_rows(looking, found);
}

static bool answer(const struct looking *looking, struct view name, bool rows, struct found *found,
                   struct error *error)
{
    char space[RULES_NAME_SIZE_MAX];
    look_up(looking, name, space, found);
    if (texts.json)
        return print_json(found, error);
    print_text(looking, found, rows);
    return true;
}

/* Every line gets one, also one that is empty or far too long: who asks counts along. */
static bool answer_lines(const struct looking *looking, struct found *found, struct error *error)
{
    struct line_reader reader = {0};
    struct line line;
    enum line_result result = LINE_FAILED;
    bool fine = line_reader_open(&reader, "-", RULES_LINE_SIZE_MAX, -1, error);
    while (fine && (result = line_reader_next(&reader, &line, error)) == LINE_READ) {
        struct view name = line.text;
        if (name.size > 0 && name.data[name.size - 1] == '\r')
            name.size--;
        fine = answer(looking, name, false, found, error) && rules_flush(error);
    }
    line_reader_close(&reader);
    return fine && result == LINE_END;
}

static bool run(const char *name, struct rules_opened *opened, struct error *error)
{
    struct looking looking = {.opened = opened};
    struct found *found = malloc(sizeof *found);
    if (found == NULL)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, NULL, "no memory");
    looking.rows[0] = rules_rows_new(RULE_FILE_HOSTS, &opened->options.hosts, NULL, error);
    if (looking.rows[0] != NULL)
        looking.rows[1] = rules_rows_new(RULE_FILE_APPS, &opened->options.apps, NULL, error);
    bool fine = looking.rows[1] != NULL;
    if (fine && strcmp(name, "-") == 0)
        fine = answer_lines(&looking, found, error);
    else if (fine)
        fine = answer(&looking, view_of_string(name), true, found, error) && rules_flush(error);
    rules_rows_free(looking.rows[0]);
    rules_rows_free(looking.rows[1]);
    free(found);
    return fine;
}

int rules_lookup(int argc, char **argv)
{
    int operand;
    enum argument_result parsed = argument_parse(&table, argc, argv, &operand);
    if (parsed != ARGUMENT_GO)
        return parsed == ARGUMENT_HELP ? EXIT_STATUS_DONE : EXIT_STATUS_USAGE;
    *(texts.app ? &texts.rules.apps : &texts.rules.hosts) = texts.lists;
    if (!rules_texts_good(&texts.rules, &table))
        return EXIT_STATUS_USAGE;
    struct error error = {0};
    struct rules_opened *opened = calloc(1, sizeof *opened);
    ensure(opened != NULL);
    bool fine = rules_open(&texts.rules, opened, &error) && run(argv[operand], opened, &error);
    rules_close(opened);
    free(opened);
    return fine ? EXIT_STATUS_DONE : argument_failure(table.command, &error);
}
