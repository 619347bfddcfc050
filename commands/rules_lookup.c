/*
 * clickveil rules lookup: which rule decides for a name, and which ones lost.
 *
 * Design: the answer comes from the very rules that classify would use. Why it is so comes from the rows of the lists:
 * all that stand on the name or on what lies above it, the longest key first. What a row came to follows from where it
 * stands to the rule that decided.
 */
#include "commands/rules.h"

#include "commands/argument_value.h"
#include "commands/rules_rows.h"
#include "common/host.h"
#include "common/json_writer.h"
#include "common/line_reader.h"

#include <stdlib.h>

enum {
    NAME_SIZE_MAX = 16384, /* bytes; longer than any URL that a browser keeps */
    ROWS_SHOWN_MAX = 256,  /* on one name's way up; a chain of hosts has 127 keys at most */
    JSON_SIZE = 262144,    /* bytes; holds ROWS_SHOWN_MAX rows with paths of ordinary length */
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
    FATE_DENIED,      /* what lies above it is denied */
    FATE_WON,
};

static const char *const fate_names[] = {"shorter", "weaker", "denied", "won"};
static const char *const fate_texts[] = {
    "lost: a longer key decides",
    "lost: at the same key deny wins over none, none over interests",
    "lost: what lies above is denied",
    "won",
};

struct shown_row {
    struct rules_row row;
    enum fate fate;
};

struct looking {
    const struct rules_opened *opened;
    struct rules_rows *rows;
};

struct found {
    struct view asked; /* as it was given */
    struct view name;  /* normalised; absent: it can't be */
    struct rule_answer answer;
    struct view rule; /* key that decided; absent: none did */
    const char *reason;
    const char *dropped_as; /* reason of the stage; NULL: it passes */
    struct shown_row rows[ROWS_SHOWN_MAX];
    unsigned row_count;
};

/* ---- the rows on the way up ---- */

static void collect_key(const struct looking *looking, struct view key, struct found *found)
{
    uint64_t count = rules_rows_count(looking->rows);
    for (uint64_t at = rules_rows_find(looking->rows, key); at < count && found->row_count < ROWS_SHOWN_MAX;
         at++) {
        struct rules_row row = rules_rows_at(looking->rows, at);
        if (!view_equal(row.key, key))
            break;
        found->rows[found->row_count++].row = row;
    }
}

/* The keys that could be those of rules for this name, the longest first. */
static void collect_rows(const struct looking *looking, struct found *found)
{
    struct view name = found->name;
    collect_key(looking, name, found);
    if (texts.app) {
        for (size_t size = name.size; size-- > 1;) {
            if (name.data[size - 1] == '.')
                collect_key(looking, (struct view){name.data, size}, found);
        }
        return;
    }
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] == '.')
            collect_key(looking, (struct view){name.data + i + 1, name.size - i - 1}, found);
    }
}

/* Deny holds for all that lies below, so the shortest key that denies decides, and what is longer is denied by it. */
static struct view key_that_denies(const struct found *found)
{
    struct view key = found->answer.key;
    for (unsigned i = 0; i < found->row_count; i++) {
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

/* Is there a scheme in front? Then it is a URL. */
static bool is_url(struct view name)
{
    return memmem(name.data, name.size, "://", 3) != NULL;
}

/* The name in one spelling, in `space`. Absent: *out_reason says why not. */
static struct view normalise_host(struct view name, char space[HOST_SIZE_MAX], const char **out_reason)
{
    size_t size;
    enum host_result result =
        is_url(name) ? host_from_url(name, space, &size) : host_normalise(name, space, &size);
    switch (result) {
    case HOST_NAME:
        return (struct view){space, size};
    case HOST_IP_LITERAL:
        *out_reason = "ip_literal";
        return VIEW_ABSENT;
    case HOST_MALFORMED:
        break;
    }
    *out_reason = "host_malformed";
    return VIEW_ABSENT;
}

static struct view normalise_app(struct view name, char space[RULE_KEY_SIZE_MAX], const char **out_reason)
{
    bool good = name.size > 0 && name.size <= RULE_KEY_SIZE_MAX && name.data[name.size - 1] != '.';
    for (size_t i = 0; good && i < name.size; i++) {
        char byte = name.data[i];
        good = byte > ' ' && byte <= '~';
        space[i] = (char)(byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte);
    }
    if (!good)
        *out_reason = "app_malformed";
    return good ? (struct view){space, name.size} : VIEW_ABSENT;
}

static void look_up(const struct looking *looking, struct view name, char space[RULE_KEY_SIZE_MAX],
                    struct found *found)
{
    memset(found, 0, offsetof(struct found, rows));
    found->row_count = 0;
    found->asked = name;
    found->name =
        texts.app ? normalise_app(name, space, &found->reason) : normalise_host(name, space, &found->reason);
    if (view_is_absent(found->name)) {
        found->dropped_as = texts.app ? "no_interest" : found->reason;
        return;
    }
    found->answer = texts.app ? rules_app(looking->opened->rules, found->name)
                              : rules_host(looking->opened->rules, found->name);
    collect_rows(looking, found);
    found->rule = found->answer.kind == RULE_DENY ? key_that_denies(found) : found->answer.key;
    judge_rows(found);
    say_reason(found);
}

/* ---- answers ---- */

static const char *kind_name(enum rule_kind kind)
{
    switch (kind) {
    case RULE_INTERESTS:
        return "interests";
    case RULE_NONE:
        return "none";
    case RULE_DENY:
        return "deny";
    case RULE_UNSUPPORTED:
        return "unsupported";
    case RULE_UNKNOWN:
        break;
    }
    return "unknown";
}

static void json_interests(struct json_writer *writer, const uint16_t *interests, unsigned count)
{
    json_writer_name(writer, "interests");
    json_writer_open_array(writer);
    for (unsigned i = 0; i < count; i++)
        json_writer_unsigned(writer, interests[i]);
    json_writer_close_array(writer);
}

static void json_key(struct json_writer *writer, const char *name, struct view key)
{
    char text[RULE_KEY_SIZE_MAX + 1];
    size_t size = key.size;
    if (!view_is_absent(key)) {
        memcpy(text, key.data, size);
        if (size > 0 && text[size - 1] == '.')
            text[size++] = '*';
        key = (struct view){text, size};
    }
    json_writer_member_string(writer, name, key);
}

static void json_found(struct json_writer *writer, const struct found *found)
{
    bool passes = found->answer.kind == RULE_INTERESTS;
    json_writer_open_object(writer);
    json_writer_member_string(writer, "name", found->asked);
    json_writer_member_string(writer, texts.app ? "app" : "host", found->name);
    json_interests(writer, found->answer.interests, passes ? found->answer.interest_count : 0);
    json_key(writer, "rule", found->rule);
    json_writer_member_string(writer, "reason", view_of_string(found->reason));
    json_writer_member_string(writer, "dropped_as", view_of_string(found->dropped_as));
    json_writer_name(writer, "rows");
    json_writer_open_array(writer);
    for (unsigned i = 0; i < found->row_count; i++) {
        const struct rules_row *row = &found->rows[i].row;
        json_writer_open_object(writer);
        json_key(writer, "rule", row->key);
        json_writer_member_string(writer, "kind", view_of_string(kind_name(row->kind)));
        json_interests(writer, row->interests, row->interest_count);
        json_writer_member_string(writer, "list", view_of_string(row->list));
        json_writer_member_unsigned(writer, "line", row->line);
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

static void print_interests(const struct taxonomy *taxonomy, const uint16_t *interests, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct view name = taxonomy_name(taxonomy, interests[i]);
        printf("%s%u %.*s", i > 0 ? ", " : "", (unsigned)interests[i], (int)name.size, name.data);
    }
}

static void print_rows(const struct looking *looking, const struct found *found)
{
    for (unsigned i = 0; i < found->row_count; i++) {
        const struct rules_row *row = &found->rows[i].row;
        fputs("    ", stdout);
        rules_print_key(stdout, row->key);
        fputs("  ", stdout);
        if (row->kind == RULE_INTERESTS)
            print_interests(looking->opened->taxonomy, row->interests, row->interest_count);
        else
            fputs(kind_name(row->kind), stdout);
        printf("  %s:%u  %s\n", row->list, row->line, fate_texts[found->rows[i].fate]);
    }
}

/* One line, and without `-` the rows below it. */
static void print_text(const struct looking *looking, const struct found *found, bool rows)
{
    rules_print_name(stdout, found->asked);
    fputs("  ", stdout);
    if (found->answer.kind == RULE_INTERESTS)
        print_interests(looking->opened->taxonomy, found->answer.interests, found->answer.interest_count);
    else
        fputs("no interest", stdout);
    printf(": %s", found->reason);
    if (!view_is_absent(found->rule)) {
        fputs(" by ", stdout);
        rules_print_key(stdout, found->rule);
    }
    putchar('\n');
    if (rows)
        print_rows(looking, found);
}

static bool answer(const struct looking *looking, struct view name, bool rows, struct found *found,
                   struct error *error)
{
    char space[RULE_KEY_SIZE_MAX];
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
    bool fine = line_reader_open(&reader, "-", NAME_SIZE_MAX, -1, error);
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
    const struct option_list *paths = texts.app ? &opened->options.apps : &opened->options.hosts;
    looking.rows = rules_rows_new(texts.app ? RULE_FILE_APPS : RULE_FILE_HOSTS, paths, error);
    bool fine = looking.rows != NULL;
    if (fine && strcmp(name, "-") == 0)
        fine = answer_lines(&looking, found, error);
    else if (fine)
        fine = answer(&looking, view_of_string(name), true, found, error) && rules_flush(error);
    rules_rows_free(looking.rows);
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
