#include "stages/classify/classify.h"

#include "common/config.h"
#include "stages/classify/rule_image.h"
#include "stages/classify/rule_load.h"
#include "stages/classify/rule_swap.h"
#include "stages/classify/support.h"

#include <stdlib.h>

/* ---- options ---- */

static const struct option classify_options[] = {
    {
        .name = "hosts",
        .type = OPTION_PATH_LIST,
        .offset = offsetof(struct classify_options, hosts),
        .place_offset = offsetof(struct classify_options, hosts_place),
        .help =
            "Rule files for hosts: TSV of host, interests (or `none`, `deny`) and a note. A rule covers what "
            "is "
            "below its host. At the same host deny wins over none, none over interests, also across files.",
    },
    {
        .name = "apps",
        .type = OPTION_PATH_LIST,
        .offset = offsetof(struct classify_options, apps),
        .place_offset = offsetof(struct classify_options, apps_place),
        .help = "Rule files for apps: TSV of package or bundle ID (or a prefix `com.example.*`), interests "
                "(or `none`, "
                "`deny`) and a note.",
    },
    {
        .name = "rules",
        .type = OPTION_PATH_LIST,
        .offset = offsetof(struct classify_options, rules),
        .place_offset = offsetof(struct classify_options, rules_place),
        .help = "What `clickveil rules compile` made of the lists, instead of `hosts` and `apps`: one file, "
                "or one "
                "of hosts and one of apps. It is mapped, not read, and shared by all processes that use it; "
                "`support`, `depth` and `taxonomy` are to be those it was compiled with.",
    },
    {
        .name = "taxonomy",
        .type = OPTION_PATH,
        .offset = offsetof(struct classify_options, taxonomy),
        .place_offset = offsetof(struct classify_options, taxonomy_place),
        .default_help = "the one that the product ships",
        .help = "The taxonomy in which interests are named, with what may be published of it; by default IAB "
                "Audience "
                "Taxonomy 1.1.",
    },
    {
        .name = "support",
        .type = OPTION_INTEGER,
        .offset = offsetof(struct classify_options, support),
        .place_offset = offsetof(struct classify_options, support_place),
        .default_text = "5",
        .minimum = "1",
        .maximum = "1000",
        .help = "Fewest registrable domains and apps behind an interest. One with fewer would give the site "
                "away; it is "
                "rolled up to the row above it where that may be published, else dropped.",
    },
    {
        .name = "support_share",
        .type = OPTION_RATIO,
        .offset = offsetof(struct classify_options, support_share),
        .default_text = "50%",
        .minimum = "1%",
        .help =
            "How much of an interest's people in a sample one site or app may bring, before `clickveil rules "
            "report --traffic` writes the interest into a deny list. A running process does not look at it.",
    },
    {
        .name = "depth",
        .type = OPTION_INTEGER,
        .offset = offsetof(struct classify_options, depth),
        .place_offset = offsetof(struct classify_options, depth_place),
        .default_text = "2",
        .minimum = "2",
        .maximum = "6",
        .help = "Deepest tier of the taxonomy that is published. Deeper rows become their row at this tier.",
    },
    {0},
};

static void check_options(const void *value, struct lint *lint)
{
    const struct classify_options *options = value;
    if (options->hosts.count + options->apps.count + options->rules.count == 0)
        lint_report(lint, LINT_ERROR, NULL,
                    "classify has no rules: name files in classify.hosts, classify.apps or classify.rules");
    if (options->rules.count > RULE_IMAGE_FILES_MAX)
        lint_report(lint, LINT_ERROR, &options->rules_place, "classify.rules has %u files; %d are the most",
                    options->rules.count, (int)RULE_IMAGE_FILES_MAX);
    if (options->hosts.count + options->apps.count > 0 && options->rules.count > 0)
        lint_report(
            lint, LINT_ERROR, &options->rules_place,
            "compiled rules stand alone: compile the lists of classify.hosts and classify.apps into them");
    if (options->hosts.count + options->apps.count > RULE_LOAD_FILES_MAX)
        lint_report(lint, LINT_ERROR, &options->hosts_place, "classify has %u rule files; %d are the most",
                    options->hosts.count + options->apps.count, (int)RULE_LOAD_FILES_MAX);
    if (options->support < RULE_LOAD_SUPPORT_DEFAULT)
        lint_report(lint, LINT_WARNING, &options->support_place,
                    "support below %d: an interest with few sites behind it tells which site was visited",
                    (int)RULE_LOAD_SUPPORT_DEFAULT);
    if (options->depth > RULE_LOAD_DEPTH_DEFAULT)
        lint_report(lint, LINT_WARNING, &options->depth_place,
                    "depth above %d: finer interests make more people unique in a feed; measure it with "
                    "`clickveil audit`",
                    (int)RULE_LOAD_DEPTH_DEFAULT);
}

static const struct option_table option_table = {
    .name = "classify",
    .summary = "Rules that turn hosts and apps into interests.",
    .size = sizeof(struct classify_options),
    .options = classify_options,
    .check = check_options,
};

/* ---- lint: everything that is wrong with the files, each at its line ---- */

/* Where the configuration names the file, for what is wrong with it as a whole. */
static const struct option_place *place_of_file(const struct classify_options *options, const char *file)
{
    const struct option_list *lists[] = {&options->hosts, &options->apps, &options->rules};
    const struct option_place *places[] = {&options->hosts_place, &options->apps_place,
                                           &options->rules_place};
    for (unsigned list = 0; list < 3; list++) {
        const struct view *items = lists[list]->items;
        for (unsigned i = 0; i < lists[list]->count; i++) {
            if (items[i].data == file)
                return places[list];
        }
    }
    return &options->taxonomy_place;
}

static void report_mistakes(const struct classify_options *options, const struct rule_load *load,
                            struct lint *lint)
{
    const struct mistakes *mistakes = &load->mistakes;
    for (unsigned i = 0; i < mistakes->count && i < MISTAKES_MAX; i++) {
        const struct mistake *mistake = &mistakes->items[i];
        struct option_place place = {mistake->file, mistake->line, mistake->column ? mistake->column : 1};
        if (mistake->line == 0)
            lint_report(lint, LINT_ERROR, place_of_file(options, mistake->file), "%s: %s", mistake->file,
                        mistake->text);
        else if (mistake->file ==
                 load->taxonomy_path) /* goes away with the load: the message must carry it */
            lint_report(lint, LINT_ERROR, &options->taxonomy_place, "%s:%u: %s", mistake->file, mistake->line,
                        mistake->text);
        else
            lint_report(lint, LINT_ERROR, &place, "%s", mistake->text);
    }
    if (mistakes->count > MISTAKES_MAX)
        lint_report(lint, LINT_ERROR, NULL, "the rule files have %u more mistakes",
                    mistakes->count - MISTAKES_MAX);
}

static void report_unsupported(const struct classify_options *options, const struct rules *rules,
                               const struct taxonomy *taxonomy, struct lint *lint)
{
    unsigned count;
    const struct rules_unsupported *unsupported = rules_unsupported(rules, &count);
    for (unsigned i = 0; i < count; i++) {
        struct view name = taxonomy_name(taxonomy, unsupported[i].interest);
        if (unsupported[i].result == 0)
            lint_report(lint, LINT_WARNING, &options->support_place,
                        "interest %u (%.*s) has %u sites and apps behind it, fewer than %u: it is dropped",
                        (unsigned)unsupported[i].interest, (int)name.size, name.data, unsupported[i].backers,
                        (unsigned)options->support);
        else
            lint_report(lint, LINT_WARNING, &options->support_place,
                        "interest %u (%.*s) has %u sites and apps behind it, fewer than %u: it counts as %u",
                        (unsigned)unsupported[i].interest, (int)name.size, name.data, unsupported[i].backers,
                        (unsigned)options->support, (unsigned)unsupported[i].result);
    }
}

/* ---- what is sensitive ---- */

/* How many keys of a list that the product ships to deny them bring interests; *out_line has the first of them. */
static unsigned count_let_through(const struct rules *rules, enum rule_file_kind kind, const char *path,
                                  struct view bytes, struct mistakes *mistakes, unsigned *out_line)
{
    struct rule_file file;
    struct rule_row row;
    unsigned count = 0;
    rule_file_init(&file, kind, path, bytes, mistakes);
    while (rule_file_next(&file, &row)) {
        struct view key = {row.key, row.key_size};
        bool is_prefix =
            row.key_size > 0 && row.key[row.key_size - 1] == '.'; /* stands for no app by itself */
        if (row.kind != RULE_DENY || row.category != 0 || is_prefix)
            continue;
        struct rule_answer answer = kind == RULE_FILE_APPS ? rules_app(rules, key) : rules_host(rules, key);
        if (answer.kind == RULE_INTERESTS && count++ == 0)
            *out_line = row.line;
    }
    return count;
}

/* Deny wins over every list, but only where a list that denies is loaded (spec 5). Who loads lists of others alone would
 * sell what they say of a clinic or a church, so the rules are held against the lists that the product ships. */
static void report_sensitive(const struct classify_options *options, const struct rules *rules,
                             struct mistakes *mistakes, struct lint *lint)
{
    static const struct {
        const char *path;
        enum rule_file_kind kind;
        const char *option;
    } shipped[] = {
        {"config/rules/sensitive.tsv", RULE_FILE_HOSTS, "hosts"},
        {"config/rules/sensitive-apps.tsv", RULE_FILE_APPS, "apps"},
    };
    for (unsigned i = 0; i < sizeof(shipped) / sizeof(shipped[0]); i++) {
        const struct option_place *place = options->rules.count > 0            ? &options->rules_place
                                           : shipped[i].kind == RULE_FILE_APPS ? &options->apps_place
                                                                               : &options->hosts_place;
        char path[FILE_PATH_SIZE];
        struct view bytes;
        struct error error = {0};
        unsigned line = 0;
        if (!file_find_data(shipped[i].path, path, &error) ||
            !file_read(path, RULE_LOAD_FILE_BYTES_MAX, &bytes, &error)) {
            lint_report(lint, LINT_WARNING, place,
                        "%s can't be read, so nobody looked whether sensitive %s bring interests",
                        shipped[i].path, shipped[i].option);
            continue;
        }
        unsigned count = count_let_through(rules, shipped[i].kind, path, bytes, mistakes, &line);
        if (count > 0)
            lint_report(lint, LINT_WARNING, place,
                        "%u sensitive %s bring interests, the first stands at %s:%u; name that list in "
                        "classify.%s too, "
                        "or compile it in",
                        count, shipped[i].option, shipped[i].path, line, shipped[i].option);
        file_free(bytes);
    }
}

static bool runs_here(const struct config *config)
{
    for (unsigned i = config->first_stage; i <= config->last_stage; i++) {
        if (config->stages[i] == &stage_classify)
            return true;
    }
    return false;
}

/* A host that runs another part of the chain has the section, but need not have the files. */
static void classify_lint(const struct config *config, const void *section, struct lint *lint)
{
    const struct classify_options *options = section;
    struct taxonomy *taxonomy = NULL;
    struct error error = {0};
    unsigned lists = options->hosts.count + options->apps.count;
    if (!runs_here(config) || lists > RULE_LOAD_FILES_MAX || options->rules.count > RULE_IMAGE_FILES_MAX ||
        (lists > 0) == (options->rules.count > 0)) /* check_options has said it */
        return;
    struct rule_load *load = malloc(sizeof(*load));
    if (load == NULL) {
        lint_report(lint, LINT_ERROR, NULL, "no memory to look at the rule files");
        return;
    }
    struct rules *rules = rule_load(options, load, &taxonomy, &error);
    if (rules != NULL && options->rules.count > 0 && !rule_image_verify(rules, &error))
        lint_report(lint, LINT_ERROR, &options->rules_place, "%s; %s", error.what, error.action);
    else if (rules != NULL) {
        report_unsupported(options, rules, taxonomy, lint);
        report_sensitive(options, rules, &load->mistakes, lint);
    } else if (load->mistakes.count > 0)
        report_mistakes(options, load, lint);
    else
        lint_report(lint, LINT_ERROR, NULL, "%s", error.what);
    taxonomy_free(taxonomy);
    rules_free(rules);
    free(load);
}

/* ---- shared by all workers ---- */

static struct rules *load_rules(const struct stage_context *context, struct error *error)
{
    struct rule_load *load = malloc(sizeof(*load));
    if (load == NULL) {
        error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, NULL, "no memory to load the rules");
        return NULL;
    }
    struct rules *rules = rule_load(context->options, load, NULL, error);
    free(load);
    return rules;
}

static bool classify_shared_init(void *shared, const struct stage_context *context, struct error *error)
{
    struct rules *rules = load_rules(context, error);
    return rules != NULL && rule_swap_init(shared, context->workers, rules, error);
}

static void classify_shared_release(void *shared)
{
    rule_swap_release(shared);
}

/* On any mistake the old rules stay (spec 5). */
static bool classify_reload(void *shared, const struct stage_context *context, struct error *error)
{
    struct rules *rules = load_rules(context, error);
    return rules != NULL && rule_swap_replace(shared, rules, error);
}

static void classify_files(const void *options, void (*add)(void *context, const char *path), void *context)
{
    rule_load_files(options, add, context);
}

static void classify_gauges(const void *shared, void (*add)(void *context, const char *name, double value),
                            void *context)
{
    struct rules_totals totals = rule_swap_totals(shared);
    add(context, "rules", (double)(totals.hosts + totals.apps));
    add(context, "hosts", (double)totals.hosts);
    add(context, "apps", (double)totals.apps);
    add(context, "interests", (double)totals.interests);
    add(context, "interests_unsupported", (double)totals.unsupported);
    add(context, "digest",
        (double)(totals.digest >> 16)); /* its first 48 bits: a double holds them exactly */
}

/* ---- a worker ---- */

struct classify {
    struct rule_swap *swap;
    struct rule_lease *lease; /* of the open transaction; NULL: it has seen no event yet */
    unsigned worker;
};

static bool classify_init(void *state, const struct stage_context *context, struct error *error)
{
    struct classify *classify = state;
    (void)error;
    classify->swap = context->shared;
    classify->worker = context->worker;
    return true;
}

static void classify_end(void *state)
{
    struct classify *classify = state;
    if (classify->lease != NULL)
        rule_swap_give(classify->lease);
    classify->lease = NULL;
}

static struct verdict stop(struct emitter *emitter, const char *what)
{
    error_fail(emitter->error, EXIT_STATUS_BUG, "classify", NULL, "%s", what);
    return (struct verdict){VERDICT_STOP, 0};
}

/* Spec 5: from here on no host and no app ID exists. */
static void forget_target(struct record *record)
{
    record->url = VIEW_ABSENT;
    record->host = VIEW_ABSENT;
    record->app = VIEW_ABSENT;
    record->preinstalled = false;
}

static struct verdict conclude(struct record *record, const struct rules *rules,
                               const struct rule_answer *answer)
{
    forget_target(record);
    switch (answer->kind) {
    case RULE_INTERESTS:
        for (unsigned i = 0; i < answer->interest_count; i++)
            record->interests[i] = (struct record_interest){answer->interests[i], 1};
        record->interest_count = answer->interest_count;
        record->rules_digest = rules_totals(rules)->digest;
        return verdict_pass();
    case RULE_DENY:
        return verdict_drop(CLASSIFY_INTEREST_DENIED);
    case RULE_UNSUPPORTED:
        return verdict_drop(CLASSIFY_INTEREST_UNSUPPORTED);
    case RULE_NONE:
    case RULE_UNKNOWN:
        break;
    }
    return verdict_drop(CLASSIFY_NO_INTEREST); /* spec 5: an event without an interest */
}

static struct verdict classify_event(const struct rules *rules, struct record *record,
                                     struct emitter *emitter)
{
    struct rule_answer answer;
    switch (record->type) {
    case EVENT_BROWSE:
        if (view_is_absent(record->host))
            return verdict_reject(CLASSIFY_TARGET_MISSING);
        answer = rules_host(rules, record->host);
        return conclude(record, rules, &answer);
    case EVENT_APP_REMOVE:
        /* Publish ends by its token what the app brought. What the rules say today does not matter: they may have
         * said something else when it brought it. */
        if (view_is_absent(record->app))
            return verdict_reject(CLASSIFY_TARGET_MISSING);
        forget_target(record);
        record->interest_count = 0;
        record->rules_digest = rules_totals(rules)->digest;
        return verdict_pass();
    case EVENT_APP_USE:
    case EVENT_APP_INSTALL:
        if (view_is_absent(record->app))
            return verdict_reject(CLASSIFY_TARGET_MISSING);
        answer = record->preinstalled ? (struct rule_answer){.kind = RULE_NONE}
                                      /* spec 2: nobody's interest */
                                      : rules_app(rules, record->app);
        return conclude(record, rules, &answer);
    case EVENT_UNKNOWN:
        break;
    }
    return stop(emitter, "an event of unknown type reached the rules");
}

static struct verdict classify_process(void *state, struct record *record, struct emitter *emitter)
{
    struct classify *classify = state;
    if (record->kind != RECORD_EVENT)
        return stop(emitter, "a record of unknown kind reached the rules");
    if (classify->lease == NULL)
        classify->lease = rule_swap_take(classify->swap, classify->worker);
    const struct rules *rules = rule_lease_rules(classify->lease);
    struct verdict verdict = classify_event(rules, record, emitter);
    if (!rules_are_whole(rules)) {
        error_fail(
            emitter->error, EXIT_STATUS_UNAVAILABLE, NULL,
            "replace rule files by renaming (`clickveil rules compile` does), not by writing into them",
            "a rule file is being changed in place, and no copy of it could be kept");
        return (struct verdict){VERDICT_STOP, 0};
    }
    return verdict;
}

static const struct reason reasons[CLASSIFY_REASONS] = {
    [CLASSIFY_NO_INTEREST] = {"no_interest", "no rule gives the host or app an interest, or one says `none`"},
    [CLASSIFY_INTEREST_DENIED] = {"interest_denied", "a rule says `deny`: the subject is sensitive"},
    [CLASSIFY_INTEREST_UNSUPPORTED] =
        {"interest_unsupported", "too few sites and apps stand behind the interests (classify.support)"},
    [CLASSIFY_TARGET_MISSING] = {"target_missing",
                                 "a page visit without a host, or an app event without an app"},
};

const struct stage stage_classify = {
    .name = "classify",
    .summary = "turns hosts and apps into interests by rules, and forgets the hosts and apps",
    .options = &option_table,
    .reasons = reasons,
    .reason_count = CLASSIFY_REASONS,
    .output = TOPIC_CLASSIFY_OUT,
    .lint = classify_lint,
    .shared_size = sizeof(struct rule_swap),
    .shared_init = classify_shared_init,
    .shared_release = classify_shared_release,
    .state_size = sizeof(struct classify),
    .init = classify_init,
    .release = classify_end,
    .process = classify_process,
    .commit = classify_end,
    .abort = classify_end,
    .reload = classify_reload,
    .files = classify_files,
    .gauges = classify_gauges,
};
