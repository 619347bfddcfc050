#include "common/gpp_judge.h"

#include "common/region.h"

/* Sections that are decided. */
#define US_SECTIONS \
    ((GPP_SET(GPP_SECTION_LAST) | (GPP_SET(GPP_SECTION_LAST) - 1)) & ~(GPP_SET(GPP_SECTION_US_PRIVACY) - 1))

/* ---- gpp_sid ---- */

struct section_ids {
    gpp_set named;
    bool above; /* one above 27 */
};

/* One decimal number, without sign or leading zeros, or -1. */
static enum signal_reason read_id(struct view *rest, struct section_ids *ids)
{
    static const struct view minus_one = {"-1", 2};
    struct view text = *rest;
    size_t size = 0;
    while (size < text.size && text.data[size] != ',')
        size++;
    *rest = size < text.size ? (struct view){text.data + size + 1, text.size - size - 1} : VIEW_ABSENT;
    text.size = size;
    if (view_equal(text, minus_one))
        return SIGNAL_NO_REASON; /* OpenRTB: no section applies */
    if (size == 0 || (size > 1 && text.data[0] == '0'))
        return SIGNAL_GPP_SID_MALFORMED;
    unsigned id = 0;
    for (size_t i = 0; i < size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return SIGNAL_GPP_SID_MALFORMED;
        id = id * 10 + (unsigned)(text.data[i] - '0');
        if (id > GPP_SECTION_ID_MAX)
            return SIGNAL_GPP_SID_MALFORMED;
    }
    gpp_set named = id <= GPP_SECTION_LAST ? GPP_SET(id) & ~GPP_SET(0) : 0; /* 0 names nothing (spec 3) */
    if (ids->named & named)
        return SIGNAL_GPP_SID_TWICE;
    ids->named |= named;
    ids->above |= id > GPP_SECTION_LAST;
    return SIGNAL_NO_REASON;
}

static enum signal_reason read_ids(enum presence presence, struct view text, struct section_ids *ids)
{
    if (presence == PRESENCE_ABSENT)
        return SIGNAL_NO_REASON;
    if (presence != PRESENCE_PRESENT)
        return SIGNAL_GPP_SID_UNREADABLE;
    if (text.size == 0)
        return SIGNAL_GPP_SID_EMPTY;
    enum signal_reason reason = SIGNAL_NO_REASON;
    while (reason == SIGNAL_NO_REASON && !view_is_absent(text))
        reason = read_id(&text, ids);
    return reason;
}

/* ---- judging ---- */

struct judging {
    const struct gpp_watch *watch;
    struct gpp_verdict verdict;
    gpp_set present;
    bool above; /* a section above 27 is there */
};

static void object(struct judging *judging, enum signal_reason reason, const struct gpp_section *section)
{
    if (reason == SIGNAL_NO_REASON)
        return;
    if (judging->verdict.adult == SIGNAL_NO_REASON)
        judging->verdict.adult = reason;
    if (judging->verdict.minor == SIGNAL_NO_REASON)
        judging->verdict.minor = reason;
    if (judging->watch)
        judging->watch->objection(judging->watch->context, reason, section, NULL);
}

static void judge_national(struct judging *judging, const struct gpp_section *section)
{
    struct gpp_verdict *verdict = &judging->verdict;
    enum signal_reason adult = national_judge(&section->national, NATIONAL_ADULT), minor = adult;
    /* only rules about children differ, and the minor's object less */
    if (adult == SIGNAL_GPP_KNOWN_CHILD)
        minor = national_judge(&section->national, 0);
    if (verdict->adult == SIGNAL_NO_REASON)
        verdict->adult = adult;
    if (verdict->minor == SIGNAL_NO_REASON)
        verdict->minor = minor;
    if (!judging->watch)
        return;
    for (const struct national_rule *rule = national_rules; rule->reason != SIGNAL_NO_REASON; rule++) {
        if (national_rule_objects(rule, &section->national,
                                  rule->when == NATIONAL_WHILE_MINOR ? 0 : NATIONAL_ADULT))
            judging->watch->objection(judging->watch->context, rule->reason, section, rule);
    }
}

static void judge_section(struct judging *judging, const struct gpp_section *section)
{
    bool decided = section->id >= GPP_SECTION_US_PRIVACY && section->id <= GPP_SECTION_LAST;
    if (section->id > GPP_SECTION_LAST)
        judging->above = true;
    else
        judging->present |= GPP_SET(section->id);
    if (section->id == GPP_SECTION_TCF_EU || section->id == GPP_SECTION_TCF_CA)
        judging->verdict.tcf |= GPP_SET(section->id);
    judging->verdict.decided += decided;
    judging->verdict.ignored += !decided;
    if (judging->watch)
        judging->watch->section(judging->watch->context, section);
    object(judging, section->reason, section);
    if (decided && section->reason == SIGNAL_NO_REASON)
        judge_national(judging, section);
}

/* Is there an objection that no programme gets past? */
static bool denied(const struct judging *judging)
{
    return judging->verdict.minor != SIGNAL_NO_REASON;
}

static void judge_string(struct judging *judging, enum presence presence, struct view text)
{
    if (presence == PRESENCE_ABSENT)
        return;
    if (presence != PRESENCE_PRESENT) {
        object(judging, SIGNAL_GPP_UNREADABLE, NULL);
        return;
    }
    struct gpp_reader reader;
    struct gpp_section section;
    (void)gpp_open(&reader, text);
    while ((judging->watch || !denied(judging)) && gpp_next(&reader, &section))
        judge_section(judging, &section);
    object(judging, reader.reason, NULL);
}

void gpp_judge(enum presence gpp_presence, struct view gpp, enum presence sid_presence, struct view sid,
               const struct gpp_watch *watch, struct gpp_verdict *out_verdict)
{
    struct judging judging = {.watch = watch};
    struct section_ids ids = {0};
    judge_string(&judging, gpp_presence, gpp);
    if (watch || !denied(&judging)) {
        object(&judging, read_ids(sid_presence, sid, &ids), NULL);
        if ((ids.named & ~judging.present) || (ids.above && !judging.above))
            object(&judging, SIGNAL_GPP_SID_MISSING, NULL);
        if (judging.above && (ids.above || !(judging.present & US_SECTIONS)))
            object(&judging, SIGNAL_GPP_SECTION_UNKNOWN, NULL);
    }
    *out_verdict = judging.verdict;
}

enum signal_reason gpp_verdict_reason(const struct gpp_verdict *verdict, int64_t under_age, gpp_set asked)
{
    enum signal_reason reason = under_age >= NATIONAL_ADULT ? verdict->adult : verdict->minor;
    if (reason == SIGNAL_NO_REASON && (verdict->tcf & asked))
        return SIGNAL_GPP_TCF_UNREADABLE; /* spec 3: presence without a readable consent */
    return reason;
}

/* ---- regions ---- */

gpp_set gpp_asked_in(struct view region)
{
    /* IAB Europe, TCF policies: the EEA, the United Kingdom and Switzerland */
    static const char europe[] =
        "AT BE BG CH CY CZ DE DK EE ES FI FR GB GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT "
        "RO SE SI SK ";
    if (!region_is_valid(region))
        return 0;
    struct view country = region_country(region);
    if (view_equal(country, VIEW("CA")))
        return GPP_SET(GPP_SECTION_TCF_CA);
    for (size_t i = 0; i + REGION_COUNTRY_SIZE < sizeof europe; i += REGION_COUNTRY_SIZE + 1) {
        if (memcmp(europe + i, country.data, REGION_COUNTRY_SIZE) == 0)
            return GPP_SET(GPP_SECTION_TCF_EU);
    }
    return 0;
}
