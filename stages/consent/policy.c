/*
 * Design. Regions are interned when compiled: one sorted array of all regions that any programme lists, each with the
 * regime of every programme, so an event's region is looked up once for all programmes. Signals are read at most once,
 * and then judged for each programme.
 */
#include "stages/consent/policy.h"

#include "common/region.h"
#include "common/zone.h"
#include "stages/consent/signals.h"

#include <stdlib.h>

/* Regimes that an event may be under where its region says too little. */
struct regimes {
    enum regime strictest;
    enum regime loosest;
};

struct region {
    struct view name;
    struct regimes
        regimes[RECORD_PROGRAMMES_MAX]; /* of the region; strictest == loosest unless it is a country */
    enum regime within[RECORD_PROGRAMMES_MAX]; /* of a region in it that no programme lists */
};

struct policy_programme {
    const struct programme *programme;
    struct zone *zone;
    struct regimes anywhere; /* of all regions, and the programme's own */
    int64_t from_ms, until_ms;
    unsigned event_types; /* bit (1u << enum event_type) */
    choice_set bit, predecessors;
    bool in_by[SUBJECT_KINDS];
    bool has_default; /* region_default is a region */
};

struct brand {
    struct view name;
    programme_set programmes;
};

struct policy {
    struct policy_programme programmes[RECORD_PROGRAMMES_MAX];
    unsigned count;
    struct choice_names names;
    struct brand *brands;
    unsigned brand_count;
    struct region *regions; /* sorted by name */
    unsigned region_count;
};

/* ---- regions ---- */

static int compare_regions(const void *a, const void *b)
{
    return view_compare(((const struct region *)a)->name, ((const struct region *)b)->name);
}

static const struct region *find_region(const struct policy *policy, struct view name)
{
    unsigned low = 0, high = policy->region_count;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        int order = view_compare(name, policy->regions[middle].name);
        if (order == 0)
            return &policy->regions[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* enum regime grows from strict to loose, with zero, which denies, the strictest. */
static void widen(struct regimes *regimes, enum regime regime)
{
    if (regime < regimes->strictest)
        regimes->strictest = regime;
    if (regime > regimes->loosest)
        regimes->loosest = regime;
}

static struct view pair_name(const struct programme *programme, unsigned index)
{
    return ((const struct option_enum_pair *)programme->regions.items)[index].key;
}

static enum regime pair_regime(const struct programme *programme, unsigned index)
{
    return (enum regime)((const struct option_enum_pair *)programme->regions.items)[index].value;
}

static bool listed_regime(const struct programme *programme, struct view name, enum regime *out_regime)
{
    for (unsigned i = 0; i < programme->regions.count; i++) {
        if (view_equal(pair_name(programme, i), name)) {
            *out_regime = pair_regime(programme, i);
            return true;
        }
    }
    return false;
}

/* Of the region itself, else of its country, else the programme's own. */
static enum regime regime_of_region(const struct programme *programme, struct view name)
{
    enum regime regime = (enum regime)programme->regime;
    if (!listed_regime(programme, name, &regime))
        listed_regime(programme, region_country(name), &regime);
    return regime;
}

/* `ME` of `US-ME`: what a source that knows one country only would call it, and Montenegro to everybody else; absent
 * where the two can't be mistaken for each other. */
static struct view bare_subdivision(struct view name)
{
    if (name.size != 2 * REGION_COUNTRY_SIZE + 1)
        return (struct view){0};
    struct view bare = {name.data + REGION_COUNTRY_SIZE + 1, REGION_COUNTRY_SIZE};
    return region_is_valid(bare) ? bare : (struct view){0};
}

static struct regimes regimes_of_region(const struct programme *programme, struct view name)
{
    enum regime regime = regime_of_region(programme, name);
    struct regimes regimes = {regime, regime};
    if (name.size > REGION_COUNTRY_SIZE)
        return regimes;
    for (unsigned i = 0; i < programme->regions.count; i++) {
        struct view listed = pair_name(programme, i);
        if (view_equal(region_country(listed), name) || view_equal(bare_subdivision(listed), name))
            widen(&regimes, pair_regime(programme, i));
    }
    return regimes;
}

static bool add_region(struct policy *policy, struct view name, struct error *error)
{
    for (unsigned i = 0; i < policy->region_count; i++) {
        if (view_equal(policy->regions[i].name, name))
            return true;
    }
    struct region *regions = realloc(policy->regions, (policy->region_count + 1) * sizeof *regions);
    if (!regions)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, NULL,
                          "no memory for the programmes' regions");
    policy->regions = regions;
    regions[policy->region_count++] = (struct region){.name = name};
    return true;
}

static bool compile_regions(struct policy *policy, struct error *error)
{
    for (unsigned i = 0; i < policy->count; i++) {
        const struct programme *programme = policy->programmes[i].programme;
        for (unsigned j = 0; j < programme->regions.count; j++) {
            struct view name = pair_name(programme, j);
            if (!region_is_valid(name))
                return error_fail(error, EXIT_STATUS_CONFIGURATION, programme->name.data,
                                  "write ISO 3166-2, such as US-ME, or a country, such as US",
                                  "`regions` names %.*s, which is no region", (int)name.size, name.data);
            struct view bare = bare_subdivision(name);
            if (!add_region(policy, name, error) || !add_region(policy, region_country(name), error) ||
                (!view_is_absent(bare) && !add_region(policy, bare, error)))
                return false;
            widen(&policy->programmes[i].anywhere, pair_regime(programme, j));
        }
    }
    for (unsigned i = 0; i < policy->region_count; i++) {
        struct region *region = &policy->regions[i];
        for (unsigned j = 0; j < policy->count; j++) {
            region->regimes[j] = regimes_of_region(policy->programmes[j].programme, region->name);
            region->within[j] =
                regime_of_region(policy->programmes[j].programme, region_country(region->name));
        }
    }
    if (policy->region_count > 1)
        qsort(policy->regions, policy->region_count, sizeof *policy->regions, compare_regions);
    return true;
}

/* ---- compiling ---- */

static struct view list_view(const struct option_list *list, unsigned index)
{
    return ((const struct view *)list->items)[index];
}

static bool compile_brands(struct policy *policy, struct error *error)
{
    unsigned max = 0;
    for (unsigned i = 0; i < policy->count; i++)
        max += policy->programmes[i].programme->brands.count;
    policy->brands = calloc(max + 1, sizeof *policy->brands);
    if (!policy->brands)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, NULL, "no memory for the programmes' brands");
    for (unsigned i = 0; i < policy->count; i++) {
        const struct option_list *brands = &policy->programmes[i].programme->brands;
        for (unsigned j = 0; j < brands->count; j++) {
            unsigned at = 0;
            while (at < policy->brand_count && !view_equal(policy->brands[at].name, list_view(brands, j)))
                at++;
            if (at == policy->brand_count)
                policy->brands[policy->brand_count++].name = list_view(brands, j);
            policy->brands[at].programmes |= (programme_set)(1u << i);
        }
    }
    return true;
}

static bool compile_names(struct policy *policy, const struct config *config, struct error *error)
{
    if (!choice_names_compile(config, &policy->names, error))
        return false;
    for (unsigned i = 0; i < policy->count; i++) {
        policy->programmes[i].bit = (choice_set)(1u << i);
        policy->programmes[i].predecessors = policy->names.predecessors[i];
    }
    return true;
}

static bool compile_programme(struct policy_programme *out, const struct programme *programme,
                              struct error *error)
{
    out->programme = programme;
    out->anywhere = (struct regimes){(enum regime)programme->regime, (enum regime)programme->regime};
    out->event_types = programme_event_types(programme);
    out->in_by[SUBJECT_LINE] = option_list_has(&programme->in_by, SUBJECT_LINE + 1);
    out->in_by[SUBJECT_ACCOUNT] = option_list_has(&programme->in_by, SUBJECT_ACCOUNT + 1);
    out->has_default = region_is_valid(programme->region_default);
    if (!view_is_absent(programme->timezone)) {
        out->zone = zone_load(programme->timezone, error);
        if (!out->zone)
            return false;
    }
    out->from_ms = programme->from_day == OPTION_DATE_UNSET
                       ? INT64_MIN
                       : zone_midnight_ms(out->zone, programme->from_day);
    out->until_ms = programme->until_day == OPTION_DATE_UNSET
                        ? INT64_MAX
                        : zone_midnight_ms(out->zone, programme->until_day);
    return true;
}

bool policy_new(const struct config *config, struct policy **out_policy, struct error *error)
{
    struct policy *policy = calloc(1, sizeof *policy);
    if (!policy)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, NULL, "no memory for the programmes");
    ensure(config->programmes.count <= RECORD_PROGRAMMES_MAX);
    bool fine = true;
    for (unsigned i = 0; fine && i < config->programmes.count; i++) {
        policy->count++;
        fine = compile_programme(&policy->programmes[i], config_programme(config, i), error);
    }
    if (!fine || !compile_names(policy, config, error) || !compile_brands(policy, error) ||
        !compile_regions(policy, error)) {
        policy_free(policy);
        return false;
    }
    *out_policy = policy;
    return true;
}

void policy_free(struct policy *policy)
{
    if (!policy)
        return;
    for (unsigned i = 0; i < policy->count; i++)
        zone_free(policy->programmes[i].zone);
    free(policy->brands);
    free(policy->regions);
    free(policy);
}

const struct choice_names *policy_names(const struct policy *policy)
{
    return &policy->names;
}

/* ---- judging ---- */

programme_set policy_brand(const struct policy *policy, struct view brand)
{
    for (unsigned i = 0; i < policy->brand_count; i++) {
        if (view_equal(policy->brands[i].name, brand))
            return policy->brands[i].programmes;
    }
    return 0;
}

static enum consent_reason judge_dates(const struct policy_programme *programme, const struct record *record)
{
    if (record->time_ms < programme->from_ms)
        return CONSENT_BEFORE_START;
    if (record->time_ms >= programme->until_ms)
        return CONSENT_AFTER_END;
    if (!(programme->event_types & 1u << record->type))
        return CONSENT_DATA_NOT_NAMED;
    return CONSENT_NO_REASON;
}

static bool is_capital(char character)
{
    return character >= 'A' && character <= 'Z';
}

/* A source's padding must not let an excluded plan through. */
static struct view without_blanks_around(struct view text)
{
    while (text.size > 0 && (unsigned char)text.data[0] <= ' ')
        text = (struct view){text.data + 1, text.size - 1};
    while (text.size > 0 && (unsigned char)text.data[text.size - 1] <= ' ')
        text.size--;
    return text;
}

static bool is_plan(struct view named, struct view plan)
{
    struct view a = without_blanks_around(named), b = without_blanks_around(plan);
    if (a.size != b.size)
        return false;
    for (size_t i = 0; i < a.size; i++) {
        char x = a.data[i], y = b.data[i];
        x = is_capital(x) ? (char)(x | 0x20) : x;
        y = is_capital(y) ? (char)(y | 0x20) : y;
        if (x != y)
            return false;
    }
    return true;
}

static enum consent_reason judge_age(const struct policy_programme *programme, const struct record *record)
{
    const struct programme *rules = programme->programme;
    if (rules->exclude.under_age <= 0)
        return CONSENT_NO_REASON;
    if (record->birth_year < 0)
        return CONSENT_AGE_UNREADABLE;
    if (record->birth_year == 0) {
        if (!view_is_absent(record->plan) && is_plan(VIEW("child"), record->plan))
            return CONSENT_UNDER_AGE; /* spec 2: unless the plan is `child` */
        return rules->unknown_age == UNKNOWN_AGE_ALLOW ? CONSENT_NO_REASON : CONSENT_AGE_UNKNOWN;
    }
    /* the birthday may still be ahead, so equal counts as under age (spec 2) */
    int64_t age = (int64_t)zone_year(programme->zone, record->time_ms) - record->birth_year;
    if (age > RECORD_AGE_MAX)
        return CONSENT_AGE_UNREADABLE;
    return age <= rules->exclude.under_age ? CONSENT_UNDER_AGE : CONSENT_NO_REASON;
}

static enum consent_reason judge_exclusions(const struct policy_programme *programme,
                                            const struct record *record)
{
    const struct option_list *plans = &programme->programme->exclude.plans;
    for (unsigned i = 0; i < plans->count && !view_is_absent(record->plan); i++) {
        if (is_plan(list_view(plans, i), record->plan))
            return CONSENT_PLAN_EXCLUDED;
    }
    return judge_age(programme, record);
}

/* Tests in their order; how far a programme got is where it was stopped. */
enum test {
    TEST_NONE = 0,
    TEST_DATES,
    TEST_REGIME,
    TEST_EXCLUSIONS,
    TEST_SIGNALS,
    TEST_CHOICES,
};

struct judging {
    const struct policy *policy;
    const struct record *record;
    bool region_known;              /* well-formed */
    const struct region *region;    /* the event's, or its country's; NULL: no programme lists either */
    struct signals_reading signals; /* read when the first programme asks */
};

static const struct region *find_region_or_country(const struct policy *policy, struct view name)
{
    const struct region *region = find_region(policy, name);
    return region ? region : find_region(policy, region_country(name));
}

static struct regimes regimes_of(const struct judging *judging, unsigned index)
{
    const struct policy_programme *programme = &judging->policy->programmes[index];
    struct view name = judging->record->region;
    const struct region *region = judging->region;
    if (view_is_absent(name) && programme->has_default) {
        name = programme->programme->region_default;
        region = find_region_or_country(judging->policy, name);
    } else if (!judging->region_known) {
        return programme->anywhere;
    }
    enum regime regime = (enum regime)programme->programme->regime;
    if (region && region->name.size == name.size)
        return region->regimes[index];
    if (region)
        regime = region->within[index];
    return (struct regimes){regime, regime};
}

/* TCF sections that the event's region asks for; of an unknown one, all that the programme's regions ask for. */
static gpp_set tcf_asked(const struct judging *judging, const struct policy_programme *programme)
{
    struct view region = judging->record->region;
    if (view_is_absent(region) && programme->has_default)
        region = programme->programme->region_default;
    if (region_is_valid(region))
        return gpp_asked_in(region);
    gpp_set asked = 0;
    for (unsigned i = 0; i < programme->programme->regions.count; i++)
        asked |= gpp_asked_in(pair_name(programme->programme, i));
    return asked;
}

static enum consent_reason judge_signals(struct judging *judging, const struct policy_programme *programme)
{
    if (!judging->signals.read)
        signals_read(&judging->record->signals, &judging->signals);
    gpp_set asked = judging->signals.gpp.tcf ? tcf_asked(judging, programme) : 0;
    return signals_judge(&judging->signals, programme->programme->exclude.under_age, asked);
}

/* All tests but the choices; *out_test is the one that denied. */
static enum consent_reason screen_programme(struct judging *judging, unsigned index, enum test *out_test,
                                            struct regimes *out_regimes)
{
    const struct policy_programme *programme = &judging->policy->programmes[index];
    const struct record *record = judging->record;
    *out_test = TEST_DATES;
    enum consent_reason reason = judge_dates(programme, record);
    if (reason != CONSENT_NO_REASON)
        return reason;
    *out_test = TEST_REGIME;
    struct regimes regimes = regimes_of(judging, index);
    if (regimes.strictest != REGIME_OPT_IN && regimes.strictest != REGIME_OPT_OUT)
        return regimes.loosest == regimes.strictest ? CONSENT_REGIME_OFF : CONSENT_REGION_UNKNOWN;
    *out_test = TEST_EXCLUSIONS;
    reason = judge_exclusions(programme, record);
    if (reason != CONSENT_NO_REASON)
        return reason;
    *out_test = TEST_SIGNALS;
    reason = judge_signals(judging, programme);
    *out_regimes = regimes;
    return reason;
}

_Static_assert(CONSENT_REASONS <= UINT8_MAX, "policy_screening.reasons holds a reason in a byte");

static void screen(const struct policy *policy, const struct record *record, programme_set candidates,
                   struct policy_screening *out)
{
    struct judging judging = {
        .policy = policy,
        .record = record,
        .region_known = region_is_valid(record->region),
    };
    if (judging.region_known)
        judging.region = find_region_or_country(policy, record->region);

    *out = (struct policy_screening){.test = TEST_NONE, .reason = CONSENT_BRAND_OF_OTHER_PROGRAMME};
    for (unsigned i = 0; i < policy->count; i++) {
        if (!(candidates & 1u << i)) {
            out->reasons[i] = CONSENT_BRAND_OF_OTHER_PROGRAMME;
            continue;
        }
        enum test test;
        struct regimes regimes;
        enum consent_reason reason = screen_programme(&judging, i, &test, &regimes);
        programme_set bit = (programme_set)(1u << i);
        out->reasons[i] = (uint8_t)reason;
        if (reason == CONSENT_NO_REASON) {
            out->open |= bit;
            out->needs_in |= regimes.strictest == REGIME_OPT_OUT ? 0 : bit;
            out->region_vague |= regimes.strictest == regimes.loosest ? 0 : bit;
        } else if (test > out->test) {
            out->test = test;
            out->reason = reason;
        }
    }
    out->sections_decided = judging.signals.gpp.decided;
    out->sections_ignored = judging.signals.gpp.ignored;
}

void policy_screen(const struct policy *policy, const struct record *record,
                   struct policy_screening *out_screening)
{
    screen(policy, record, policy_brand(policy, record->brand), out_screening);
}

/* Between subjects the strictest wins; `in` comes from line or account as in_by says, never from a device. */
static enum consent_reason judge_choices(const struct policy_programme *programme, bool needs_in,
                                         bool region_vague, int64_t time_ms,
                                         const struct policy_choices *choices)
{
    static const enum consent_reason outs[SUBJECT_KINDS] = {
        [SUBJECT_LINE] = CONSENT_OPTED_OUT_LINE,
        [SUBJECT_ACCOUNT] = CONSENT_OPTED_OUT_ACCOUNT,
        [SUBJECT_DEVICE] = CONSENT_OPTED_OUT_DEVICE,
    };
    bool in = false, later = false;
    for (unsigned i = 0; i < SUBJECT_KINDS; i++) {
        if (!choices->subjects[i])
            continue;
        switch (choice_answer(choices->subjects[i], programme->bit, programme->predecessors, time_ms)) {
        case CHOICE_UNKNOWN:
        case CHOICE_OUT:
            return outs[i];
        case CHOICE_OUT_BY_SIGNAL:
            return CONSENT_OPTED_OUT_SIGNAL;
        case CHOICE_OUT_OF_PREDECESSOR:
            return CONSENT_OPTED_OUT_PREDECESSOR;
        case CHOICE_IN:
            in |= programme->in_by[i];
            break;
        case CHOICE_IN_LATER:
            later |= programme->in_by[i];
            break;
        case CHOICE_NONE:
            break;
        }
    }
    if (in || !needs_in)
        return CONSENT_NO_REASON;
    if (region_vague)
        return CONSENT_REGION_UNKNOWN;
    return later ? CONSENT_OPTED_IN_LATER : CONSENT_NOT_OPTED_IN;
}

programme_set policy_choose(const struct policy *policy, const struct record *record,
                            struct policy_screening *screening, const struct policy_choices *choices,
                            enum consent_reason *out_reason)
{
    programme_set kept = 0;
    enum consent_reason first = CONSENT_NO_REASON;
    for (unsigned i = 0; i < policy->count; i++) {
        programme_set bit = (programme_set)(1u << i);
        if (!(screening->open & bit))
            continue;
        enum consent_reason reason = judge_choices(&policy->programmes[i], screening->needs_in & bit,
                                                   screening->region_vague & bit, record->time_ms, choices);
        screening->reasons[i] = (uint8_t)reason;
        if (reason == CONSENT_NO_REASON)
            kept |= bit;
        else if (first == CONSENT_NO_REASON)
            first = reason;
    }
    if (!kept)
        *out_reason = screening->open ? first : screening->reason;
    return kept;
}

enum consent_reason policy_explain(const struct policy *policy, const struct record *record,
                                   unsigned programme, const struct policy_choices *choices)
{
    ensure(programme < policy->count);
    struct policy_screening screening;
    screen(policy, record, policy_brand(policy, record->brand) & (programme_set)(1u << programme),
           &screening);
    enum consent_reason reason = CONSENT_NO_REASON;
    policy_choose(policy, record, &screening, choices, &reason);
    return reason;
}
