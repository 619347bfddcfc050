#include "stages/consent/consent_options.h"

#include "common/config.h"
#include "stages/consent/choice.h"

static const char *const subject_names[] = {"", "line", "account", "device", NULL};

static const char *const stored_names[] = {"", "gpc", NULL};

static const struct option signals_options[] = {
    {.name = "store",
     .type = OPTION_ENUM_LIST,
     .offset = offsetof(struct consent_signals_options, store),
     .default_text = "[gpc]",
     .minimum = "0",
     .maximum = "1",
     .choices = stored_names,
     .help = "Signals that are stored as the line's and the device's `out` of everything, for events that "
             "come without one. "
             "Other signals judge the event that carries them."},
    {.name = "yield",
     .type = OPTION_BOOL,
     .offset = offsetof(struct consent_signals_options, yield),
     .default_text = "false",
     .help = "Whether a stored signal yields to an `in` of the same subject that is newer and marked "
             "`two_step`, for the "
             "programmes that it names. Each subject with a stored signal takes more memory then."},
    {0},
};

static const struct option_table signals_table = {
    .name = "signals",
    .summary = "What becomes of signals beyond the event that carries them.",
    .size = sizeof(struct consent_signals_options),
    .options = signals_options,
};

static const struct option consent_option_list[] = {
    {.name = "subjects",
     .type = OPTION_ENUM_LIST,
     .offset = offsetof(struct consent_options, subjects),
     .default_text = "[line, account]",
     .minimum = "1",
     .maximum = "3",
     .choices = subject_names,
     .help = "Subjects that every event must carry, because a choice may be stored for them; an event "
             "without one is "
             "dropped, and a stored choice of a subject that is not listed stops the stage."},
    {.name = "lease",
     .type = OPTION_DURATION,
     .offset = offsetof(struct consent_options, followed.lease_ms),
     .default_text = "60s",
     .minimum = "1s",
     .maximum = "1h",
     .help = "How old the last complete reading of the consent topic may be; events pause when it is older."},
    {.name = "barrier_every",
     .type = OPTION_DURATION,
     .offset = offsetof(struct consent_options, followed.barrier_every_ms),
     .default_text = "5s",
     .minimum = "100ms",
     .maximum = "10m",
     .help = "How often the consent topic is read to its end when no transaction asks for it. Must be "
             "shorter than "
             "lease."},
    {.name = "snapshot",
     .type = OPTION_PATH,
     .offset = offsetof(struct consent_options, followed.snapshot),
     .help =
         "File that keeps the table of choices over a restart, so that only what came since is read. It "
         "holds "
         "pseudonyms and is its owner's alone; each process needs one of its own. Without it the topic is "
         "read whole "
         "at every start."},
    {.name = "snapshot_every",
     .type = OPTION_DURATION,
     .offset = offsetof(struct consent_options, followed.snapshot_every_ms),
     .default_text = "30m",
     .minimum = "1s",
     .maximum = "24h",
     .help = "How often the snapshot is written anew. It is of use only until the topic's "
             "delete.retention.ms is over, "
             "and what came since it has to be read again."},
    {.name = "floor",
     .type = OPTION_INTEGER,
     .offset = offsetof(struct consent_options, floor),
     .default_text = "1",
     .minimum = "1",
     .maximum = "1000000000",
     .help = "Subjects with a stored choice below which the stage does not start: an empty or half topic "
             "looks like "
             "nobody ever opted out."},
    {.name = "entries_max",
     .type = OPTION_INTEGER,
     .offset = offsetof(struct consent_options, entries_max),
     .default_text = "100000000",
     .minimum = "1",
     .maximum = "4000000000",
     .help = "Subjects with a stored choice that are kept in memory at most, 33 to 39 bytes each; more stops "
             "the stage."},
    {.name = "suppression_key",
     .type = OPTION_PATH,
     .offset = offsetof(struct consent_options, suppression_key),
     .judge = option_judge_key_source,
     .help = "File of the key that erased subjects are remembered by; made by `clickveil keygen`, and never "
             "to be changed. "
             "Without it the key is made from pseudonymize.key, in processes that have that one."},
    {.name = "ignore",
     .type = OPTION_STRING_LIST,
     .offset = offsetof(struct consent_options, ignore),
     .maximum = "1000",
     .help = "Bad consent records that you acknowledge, each as `partition:offset`, so that they no longer "
             "stop the "
             "stage or count as `out`. A record there that can be read counts all the same."},
    {.name = "signals",
     .type = OPTION_GROUP,
     .offset = offsetof(struct consent_options, signals),
     .table = &signals_table,
     .help = "What becomes of signals beyond the event that carries them."},
    {.name = "brake_ins",
     .type = OPTION_INTEGER,
     .offset = offsetof(struct consent_options, brake_ins),
     .default_text = "1000",
     .minimum = "1",
     .maximum = "1000000000",
     .help = "New `in`s within brake_window that are always let through. The pipeline holds when there are "
             "more, and more "
             "than brake_share of the entries, until `clickveil consent confirm`."},
    {.name = "brake_share",
     .type = OPTION_RATIO,
     .offset = offsetof(struct consent_options, brake_share),
     .default_text = "1%",
     .minimum = "0",
     .maximum = "50%",
     .help = "Share of the stored choices: the pipeline holds on more new `in`s than that within "
             "brake_window (and than "
             "brake_ins), and on a table that is smaller than its last size by more than that."},
    {.name = "brake_window",
     .type = OPTION_DURATION,
     .offset = offsetof(struct consent_options, brake_window_ms),
     .default_text = "10m",
     .minimum = "1m",
     .maximum = "1d",
     .help = "How long new `in`s are counted together for brake_ins and brake_share."},
    {0},
};

static bool take_number(struct view *rest, int64_t max, int64_t *out_number)
{
    int64_t number = 0;
    size_t size = 0;
    while (size < rest->size && rest->data[size] >= '0' && rest->data[size] <= '9') {
        int digit = rest->data[size++] - '0';
        if (number > (max - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    rest->data += size;
    rest->size -= size;
    *out_number = number;
    return size > 0;
}

bool consent_options_place(struct view text, struct ledger_place *out_place)
{
    int64_t partition, offset;
    if (!take_number(&text, INT32_MAX, &partition) || text.size == 0 || *text.data != ':')
        return false;
    text.data++;
    text.size--;
    if (!take_number(&text, INT64_MAX, &offset) || text.size > 0)
        return false;
    *out_place = (struct ledger_place){.partition = (int32_t)partition, .offset = offset};
    return true;
}

static void check_options(const void *value, struct lint *lint)
{
    const struct consent_options *options = value;
    if (options->followed.barrier_every_ms >= options->followed.lease_ms)
        lint_report(lint, LINT_ERROR, lint_place(lint, &options->followed.barrier_every_ms),
                    "barrier_every must be shorter than lease");
    const struct view *places = options->ignore.items;
    for (unsigned i = 0; i < options->ignore.count; i++) {
        struct ledger_place place;
        if (!consent_options_place(places[i], &place))
            lint_report(
                lint, LINT_ERROR, NULL,
                "consent.ignore[%u] is no place of a record; write partition:offset, such as \"0:4711\"", i);
    }
}

const struct option_table consent_option_table = {
    .name = "consent",
    .summary = "Keeps events of people who may be in a programme and did not say no.",
    .size = sizeof(struct consent_options),
    .options = consent_option_list,
    .check = check_options,
};

/* ---- against the rest of the configuration ---- */

static bool needs_in(const struct programme *programme)
{
    const struct option_enum_pair *regions = programme->regions.items;
    bool needs = programme->regime == REGIME_OPT_IN;
    for (unsigned i = 0; i < programme->regions.count; i++)
        needs |= regions[i].value == REGIME_OPT_IN;
    return needs;
}

static void lint_in_by(const struct programme *programme, const struct consent_options *options,
                       struct lint *lint)
{
    bool found = false;
    for (int subject = SUBJECT_LINE + 1; subject <= SUBJECT_ACCOUNT + 1; subject++)
        found |= option_list_has(&programme->in_by, subject) && option_list_has(&options->subjects, subject);
    if (!found && needs_in(programme))
        lint_report(lint, LINT_ERROR, lint_place(lint, &options->subjects),
                    "'subjects' has none of the subjects of 'in_by' of programme '%.*s', so nobody could "
                    "ever say `in`",
                    (int)programme->name.size, programme->name.data);
}

/* Distinct names of programmes and predecessors need a bit each. */
static unsigned add_name(struct view names[CHOICE_NAMES_MAX], unsigned count, struct view name)
{
    for (unsigned i = 0; i < count && i < CHOICE_NAMES_MAX; i++) {
        if (view_equal(names[i], name))
            return count;
    }
    if (count < CHOICE_NAMES_MAX)
        names[count] = name;
    return count + 1;
}

static void lint_names(const struct config *config, struct lint *lint)
{
    struct view names[CHOICE_NAMES_MAX];
    unsigned count = 0;
    for (unsigned i = 0; i < config->programmes.count; i++)
        count = add_name(names, count, config_programme(config, i)->name);
    for (unsigned i = 0; i < config->programmes.count; i++) {
        const struct option_list *predecessors = &config_programme(config, i)->predecessors;
        for (unsigned j = 0; j < predecessors->count; j++) {
            count = add_name(names, count, ((const struct view *)predecessors->items)[j]);
            if (count <= CHOICE_NAMES_MAX)
                continue;
            lint_report(lint, LINT_ERROR, lint_place(lint, &((const struct view *)predecessors->items)[j]),
                        "programmes and their predecessors have more than %d names together; split the "
                        "programmes over "
                        "two configurations",
                        CHOICE_NAMES_MAX);
            return;
        }
    }
}

static void lint_suppression_key(const struct config *config, const struct consent_options *options,
                                 struct lint *lint)
{
    bool found = !view_is_absent(options->suppression_key);
    for (unsigned i = 0; config->stages && config->stages[i]; i++) {
        const struct stage *stage = config->stages[i];
        found |= stage->subject_key_path && config->stage_options[i] &&
                 !view_is_absent(stage->subject_key_path(config->stage_options[i]));
    }
    if (!found)
        lint_report(lint, LINT_WARNING, lint_place(lint, &options->suppression_key),
                    "no key that lasts: name a file as 'suppression_key' (`clickveil keygen --config` makes "
                    "it), else "
                    "the first erasure stops the stage, since nothing could remember the `out` by");
}

void consent_options_lint(const struct config *config, const void *value, struct lint *lint)
{
    const struct consent_options *options = value;
    if (option_list_has(&options->subjects, SUBJECT_DEVICE + 1))
        lint_report(
            lint, LINT_WARNING, lint_place(lint, &options->subjects),
            "with `device` in 'subjects', all events of handsets that limit ad tracking are dropped: their "
            "advertising ID is all zeros, so no choice of the device can be looked up");
    for (unsigned i = 0; i < config->programmes.count; i++)
        lint_in_by(config_programme(config, i), options, lint);
    lint_names(config, lint);
    lint_suppression_key(config, options, lint);
}
