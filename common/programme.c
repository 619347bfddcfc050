/* The table of a programme's file (spec 9) and the checks that need more than one of its options. */
#include "common/programme.h"

#include "common/lint.h"
#include "common/record.h"

static const char *const regimes[] = {"", "off", "opt_in", "opt_out", NULL};
static const char *const feed_kinds[] = {"", "interests", "groups", "detailed", NULL};
static const char *const data_kinds[] = {"", "browse", "app_use", "app_install", NULL};
static const char *const unknown_ages[] = {"", "allow", "deny", NULL};
static const char *const in_by_subjects[] = {"", "line", "account", NULL};
static const char *const named_fields[] = {"", "advertising_id", "region", "age_band", NULL};

static const struct option exclude_options[] = {
    {.name = "plans",
     .type = OPTION_STRING_LIST,
     .offset = offsetof(struct programme_exclude, plans),
     .default_text = "[business, child]",
     .maximum = "32",
     .help = "Plans whose lines are never part of the programme, as the event's `plan` writes them."},
    {.name = "under_age",
     .type = OPTION_INTEGER,
     .offset = offsetof(struct programme_exclude, under_age),
     .default_text = "18",
     .minimum = "0",
     .maximum = "120",
     .help = "Drops events of people of at most this age in the event's year; 0 excludes nobody by age."},
    {0},
};

static const struct option_table exclude_table = {
    .name = "exclude",
    .summary = "Who is never part of the programme, whatever they chose.",
    .size = sizeof(struct programme_exclude),
    .options = exclude_options,
};

static const struct option programme_options[] = {
    {.name = "programme",
     .type = OPTION_STRING,
     .offset = offsetof(struct programme, name),
     .required = true,
     .judge = option_judge_name,
     .place_offset = offsetof(struct programme, place),
     .help = "Name of the programme, as consent records and feeds name it: `[a-z0-9_-]{1,32}`."},
    {.name = "regime",
     .type = OPTION_ENUM,
     .offset = offsetof(struct programme, regime),
     .required = true,
     .choices = regimes,
     .help = "What holds for who never chose: `opt_out` enrols, `opt_in` does not, `off` lets nobody in."},
    {.name = "regions",
     .type = OPTION_ENUM_MAP,
     .offset = offsetof(struct programme, regions),
     .choices = regimes,
     .judge = option_judge_region,
     .maximum = "1000",
     .help = "Regime by billing region (ISO 3166-2), where it differs from `regime`."},
    {.name = "region_default",
     .type = OPTION_STRING,
     .offset = offsetof(struct programme, region_default),
     .judge = option_judge_region,
     .default_help = "the strictest regime",
     .help = "Region that is assumed where an event has none."},
    {.name = "brands",
     .type = OPTION_STRING_LIST,
     .offset = offsetof(struct programme, brands),
     .required = true,
     .minimum = "1",
     .maximum = "64",
     .help = "Brands whose lines the programme is for, as the event's `brand` writes them."},
    {.name = "from",
     .type = OPTION_DATE,
     .offset = offsetof(struct programme, from_day),
     .default_help = "always",
     .help = "First day of the programme, from midnight in `timezone`."},
    {.name = "until",
     .type = OPTION_DATE,
     .offset = offsetof(struct programme, until_day),
     .default_help = "for ever",
     .help = "First day on which the programme is over, from midnight in `timezone`."},
    {.name = "timezone",
     .type = OPTION_STRING,
     .offset = offsetof(struct programme, timezone),
     .default_text = "UTC",
     .judge = option_judge_timezone,
     .help = "IANA time zone of `from`, `until` and of the year that ages are reckoned in."},
    {.name = "data",
     .type = OPTION_ENUM_LIST,
     .offset = offsetof(struct programme, data),
     .choices = data_kinds,
     .default_text = "[browse, app_use, app_install]",
     .minimum = "1",
     .help = "Events that the programme uses; `app_remove` goes with the apps' events."},
    {.name = "exclude",
     .type = OPTION_GROUP,
     .offset = offsetof(struct programme, exclude),
     .table = &exclude_table,
     .help = "Who is never part of the programme."},
    {.name = "unknown_age",
     .type = OPTION_ENUM,
     .offset = offsetof(struct programme, unknown_age),
     .choices = unknown_ages,
     .default_text = "allow",
     .help = "What a missing birth year means: `allow` takes the person for old enough unless the plan is "
             "`child`."},
    {.name = "kinds",
     .type = OPTION_ENUM_LIST,
     .offset = offsetof(struct programme, kinds),
     .choices = feed_kinds,
     .default_text = "[interests]",
     .minimum = "1",
     .help = "Kinds of feed that may be made of it; `detailed` only under `opt_in`."},
    {.name = "predecessors",
     .type = OPTION_STRING_LIST,
     .offset = offsetof(struct programme, predecessors),
     .judge = option_judge_name,
     .maximum = "8",
     .help = "Programmes whose `out` goes on here; they may be known to this configuration or not."},
    {.name = "in_by",
     .type = OPTION_ENUM_LIST,
     .offset = offsetof(struct programme, in_by),
     .choices = in_by_subjects,
     .default_text = "[line, account]",
     .minimum = "1",
     .help = "Subjects whose `in` counts under `opt_in`; a device never gives one."},
    {.name = "fields",
     .type = OPTION_ENUM_LIST,
     .offset = offsetof(struct programme, fields),
     .choices = named_fields,
     .help = "Named fields that `detailed` feeds of the programme show beside interests. They travel sealed "
             "under `named_fields.key`."},
    {0},
};

static bool has_kind(const struct programme *programme, enum feed_kind kind)
{
    const int *kinds = programme->kinds.items;
    for (unsigned i = 0; i < programme->kinds.count; i++) {
        if (kinds[i] == (int)kind)
            return true;
    }
    return false;
}

static void check_dates(const struct programme *programme, struct lint *lint)
{
    if (programme->from_day != OPTION_DATE_UNSET && programme->until_day != OPTION_DATE_UNSET &&
        programme->from_day >= programme->until_day)
        lint_report(lint, LINT_ERROR, lint_place(lint, &programme->until_day),
                    "until must be after from: the programme has no day (until is exclusive)");
}

/* Spec 6: detailed feeds only under opt_in. A region where people are enrolled unasked would slip through. */
static void check_detailed(const struct programme *programme, struct lint *lint)
{
    if (!has_kind(programme, FEED_KIND_DETAILED)) {
        if (programme->fields.count > 0)
            lint_report(lint, LINT_ERROR, lint_place(lint, &programme->fields),
                        "fields are for detailed feeds; add detailed to kinds, or remove them");
        return;
    }
    if (programme->regime == REGIME_OPT_OUT)
        lint_report(
            lint, LINT_ERROR, lint_place(lint, &programme->kinds),
            "kinds: detailed is allowed only under regime opt_in, and this programme enrols people unasked");
    const struct option_enum_pair *regions = programme->regions.items;
    for (unsigned i = 0; i < programme->regions.count; i++) {
        if (regions[i].value == REGIME_OPT_OUT)
            lint_report(
                lint, LINT_ERROR, &regions[i].place,
                "regions: %s is opt_out, but the programme has detailed feeds, which need opt_in everywhere",
                regions[i].key.data);
    }
}

/* Maine's Internet provider law (35-A M.R.S. 9301) needs an opt-in; spec 9: in every opt_out preset. */
static void check_maine(const struct programme *programme, struct lint *lint)
{
    if (programme->regime != REGIME_OPT_OUT)
        return;
    const struct option_enum_pair *regions = programme->regions.items;
    for (unsigned i = 0; i < programme->regions.count; i++) {
        if (view_equal_string(regions[i].key, "US-ME")) {
            if (regions[i].value == REGIME_OPT_OUT)
                lint_report(lint, LINT_WARNING, &regions[i].place,
                            "Maine's law for Internet providers (35-A M.R.S. 9301) asks for opt_in");
            return;
        }
    }
    lint_report(
        lint, LINT_WARNING, lint_place(lint, &programme->regime),
        "regions lacks US-ME: opt_in; Maine's law for Internet providers (35-A M.R.S. 9301) asks for it");
}

static void check_predecessors(const struct programme *programme, struct lint *lint)
{
    const struct view *names = programme->predecessors.items;
    for (unsigned i = 0; i < programme->predecessors.count; i++) {
        if (view_equal(names[i], programme->name))
            lint_report(lint, LINT_ERROR, lint_place(lint, &names[i]),
                        "predecessors: a programme can't be its own predecessor");
    }
}

static void check_programme(const void *value, struct lint *lint)
{
    const struct programme *programme = value;
    check_dates(programme, lint);
    check_detailed(programme, lint);
    check_maine(programme, lint);
    check_predecessors(programme, lint);
}

unsigned programme_event_types(const struct programme *programme)
{
    unsigned types = 0;
    if (option_list_has(&programme->data, PROGRAMME_DATA_BROWSE))
        types |= 1u << EVENT_BROWSE;
    if (option_list_has(&programme->data, PROGRAMME_DATA_APP_USE))
        types |= 1u << EVENT_APP_USE | 1u << EVENT_APP_REMOVE;
    if (option_list_has(&programme->data, PROGRAMME_DATA_APP_INSTALL))
        types |= 1u << EVENT_APP_INSTALL | 1u << EVENT_APP_REMOVE;
    return types;
}

unsigned programme_named_fields(const struct programme *programme)
{
    const int *fields = programme->fields.items;
    unsigned named = 0;
    for (unsigned i = 0; i < programme->fields.count; i++)
        named |= 1u << fields[i];
    return named;
}

const struct option_table programme_option_table = {
    .name = "programme",
    .summary = "One file each: a named purpose with its regime, brands, dates, exclusions and kinds of feed.",
    .size = sizeof(struct programme),
    .options = programme_options,
    .check = check_programme,
};
