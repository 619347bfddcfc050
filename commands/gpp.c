/* clickveil gpp: decodes a consent string, and says which decision follows and by which rule. */
#include "commands/argument.h"
#include "commands/argument_value.h"
#include "commands/command.h"
#include "commands/gpp_reference.h"
#include "common/gpp_judge.h"
#include "common/json_writer.h"
#include "common/line_reader.h"
#include "common/region.h"
#include "common/us_privacy.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    UNDER_AGE_DEFAULT = 18, /* years */
    UNDER_AGE_MAX = 130,
    JSON_SIZE =
        16 * 1024 * 1024, /* bytes of an answer, taken as they are written: a line of nothing but separators
                                  names the most sections */
    FIELD_WIDTH = 38,
};

struct wish {
    const char *gpp_sid, *under_age_text, *region;
    bool json, us_privacy, fields;
    int64_t under_age;
    gpp_set asked;
};

static struct wish wish = {.under_age = UNDER_AGE_DEFAULT};

static const struct argument arguments[] = {
    {.name = "gpp-sid",
     .letter = 's',
     .value = "LIST",
     .text = &wish.gpp_sid,
     .help = "sections in force, as the event's gpp_sid: 7,8; each must be in the string"},
    {.name = "under-age",
     .letter = 'a',
     .value = "N",
     .text = &wish.under_age_text,
     .help = "the programme's exclude.under_age in years (default 18): from 18 on any answer about a known "
             "child denies"},
    {.name = "region",
     .letter = 'r',
     .value = "REGION",
     .text = &wish.region,
     .help = "the event's region, such as US-CA; a TCF section denies where the region asks for it (the EEA, "
             "GB, CH, CA)"},
    {.name = "us-privacy",
     .flag = &wish.us_privacy,
     .help = "STRING is a US Privacy string, as the event's us_privacy has it"},
    {.name = "json",
     .letter = 'j',
     .flag = &wish.json,
     .help = "answer in JSON: decision, reasons, sections, rules"},
    {.name = "fields",
     .flag = &wish.fields,
     .help = "print every section, field and rule in Markdown, and end"},
    {0},
};

static const struct argument_table table = {
    .command = "gpp",
    .usage = "[OPTION]... STRING\n[OPTION]... -\n--fields",
    .about =
        "Decodes a GPP string (IAB Tech Lab, Global Privacy Platform) into its sections and fields by their "
        "published names, and says what the consent stage decides about an event that carries it, and by "
        "which rule. "
        "With - it reads strings from standard input and answers each line with one line.",
    .arguments = arguments,
    .operands_min = 0,
    .operands_max = 1,
    .notes = "The exit status is 0 whatever the decision. A US Privacy string by itself is no GPP string: an "
             "event's `gpp` "
             "that holds one denies, so it is judged as one only with --us-privacy. docs/signals.md has "
             "every field and rule.",
};

/* ---- judging ---- */

static void judge(struct view text, const struct gpp_watch *watch, struct gpp_verdict *out_verdict)
{
    gpp_judge(PRESENCE_PRESENT, text, wish.gpp_sid ? PRESENCE_PRESENT : PRESENCE_ABSENT,
              view_of_string(wish.gpp_sid), watch, out_verdict);
}

/* The watcher that a pass does not need. */
static void no_section(void *context, const struct gpp_section *section)
{
    (void)context;
    (void)section;
}

static void no_objection(void *context, enum signal_reason reason, const struct gpp_section *section,
                         const struct national_rule *rule)
{
    (void)context;
    (void)reason;
    (void)section;
    (void)rule;
}

/* Is the objection one for this under_age? */
static bool applies(const struct gpp_section *section, const struct national_rule *rule)
{
    return !rule || national_rule_objects(rule, &section->national, wish.under_age);
}

/* ---- names ---- */

static const char *section_name(unsigned id)
{
    static const char *const names[] = {
        [1] = "tcfeuv1", [GPP_SECTION_TCF_EU] = "tcfeuv2", [GPP_SECTION_HEADER] = "header",
        [4] = "signal",  [GPP_SECTION_TCF_CA] = "tcfcav1", [GPP_SECTION_US_PRIVACY] = "uspv1",
    };
    for (unsigned i = 0; gpp_layout_at(i); i++) {
        if (gpp_layout_at(i)->id == id)
            return gpp_layout_at(i)->name;
    }
    return id > 0 && id <= GPP_SECTION_US_PRIVACY ? names[id] : "unknown";
}

static const char *place_name(unsigned id)
{
    for (unsigned i = 0; gpp_layout_at(i); i++) {
        if (gpp_layout_at(i)->id == id)
            return gpp_layout_at(i)->place;
    }
    return id == GPP_SECTION_US_PRIVACY ? "US Privacy" : "not decided";
}

/* What an answer is called, by the field's kind. */
static const char *answer_name(national_set fields, unsigned answer)
{
    static const struct {
        enum national_field last; /* of the fields that are called so */
        const char *names[NATIONAL_ANSWERS];
    } kinds[] = {
        {NATIONAL_LIMIT_USE_NOTICE, {"not applicable", "notice given", "no notice given", "reserved"}},
        {NATIONAL_TARGETED, {"not applicable", "opted out", "did not opt out", "reserved"}},
        {NATIONAL_PERSONAL, {"not applicable", "no consent", "consent", "reserved"}},
        {NATIONAL_COVERED, {"undefined", "yes", "no", "reserved"}},
        {NATIONAL_SERVICE_PROVIDER_MODE, {"not applicable", "yes", "no", "reserved"}},
        {NATIONAL_MODE, {"not applicable", "opt-out option mode", "service provider mode", "reserved"}},
        {NATIONAL_GPC, {"false", "true", "", ""}},
    };
    unsigned kind = 0;
    while (fields >> kinds[kind].last >> 1)
        kind++;
    return kinds[kind].names[answer];
}

/* Slot `index` of a section, its sub-section's behind the core's; NULL behind the last one. */
static const struct gpp_slot *slot_at(const struct gpp_section *section, unsigned index)
{
    const struct gpp_layout *layout = section->layout;
    if (!layout)
        return NULL;
    if (index < layout->slot_count)
        return &layout->slots[index];
    index -= layout->slot_count;
    return layout->sub == GPP_SUB_SENSITIVE && section->has_sub && index < layout->sub_slot_count
               ? &layout->sub_slots[index]
               : NULL;
}

/* Place of a slot in its list, from 1; 0: it is none. */
static unsigned place_in_list(const struct gpp_section *section, unsigned index)
{
    const struct gpp_slot *slot = slot_at(section, index);
    unsigned place = slot->label ? 1 : 0;
    for (unsigned i = index; slot->label && i > 0 && strcmp(slot_at(section, i - 1)->field, slot->field) == 0;
         i--)
        place++;
    return place;
}

static bool has_gpc(const struct gpp_section *section)
{
    return section->layout && section->layout->sub == GPP_SUB_GPC && section->has_sub;
}

/* Did this slot make the rule object? */
static bool blamed(const struct national_rule *rule, const struct gpp_slot *slot, unsigned answer)
{
    return (slot->national & rule->fields) && (rule->answers & 1u << answer);
}

/* ---- rules, as their section has them ---- */

enum { SOURCE_SIZE = 128, NATIONAL = 7 };

/* Is the rule one about a US Privacy string, which has no slots? */
static bool of_us_privacy(const struct gpp_section *section, const struct national_rule *rule)
{
    return rule && section->id == GPP_SECTION_US_PRIVACY;
}

static const char *rule_text(enum signal_reason reason, const struct gpp_section *section,
                             const struct national_rule *rule)
{
    if (!of_us_privacy(section, rule))
        return signal_reasons[reason].help;
    switch (reason) {
    case SIGNAL_GPP_NO_SALE_NOTICE:
        return "US Privacy: no notice was given";
    case SIGNAL_GPP_SALE_CONTRADICTION:
        return "US Privacy: not opted out of sale where the notice does not apply";
    default:
        return "US Privacy: opted out of sale";
    }
}

/* Where the rule comes from: of a state's section, by which table its field is one of the national section's. */
static const char *rule_source(const struct gpp_section *section, const struct national_rule *rule,
                               char text[SOURCE_SIZE])
{
    if (!rule)
        return "docs/signals.md";
    if (of_us_privacy(section, rule))
        return "docs/signals.md; IAB Tech Lab, U.S. Privacy String, version 1";
    if (section->layout && section->id != NATIONAL)
        snprintf(text, SOURCE_SIZE, "docs/gpp-fields.md, section %u read as section 7; %s", section->id,
                 rule->source);
    else
        snprintf(text, SOURCE_SIZE, "%s", rule->source);
    return text;
}

/* The position of a US Privacy string that a rule objects to: the notice, the opt-out, or for `1--Y` the last. */
static unsigned us_privacy_position(const struct gpp_section *section, const struct national_rule *rule)
{
    if (rule->fields & NATIONAL_SET(NATIONAL_SALE_NOTICE))
        return 1;
    return section->text.data[2] == '-' ? 3 : 2;
}

static const char *const us_privacy_fields[] = {"Version", "Notice", "OptOutSale", "LspaCovered"};

/* ---- JSON ---- */

static struct json_writer writer;
static bool seen[SIGNAL_REASONS];

static void write_reason(void *context, enum signal_reason reason, const struct gpp_section *section,
                         const struct national_rule *rule)
{
    (void)context;
    if (seen[reason] || !applies(section, rule))
        return;
    seen[reason] = true;
    json_writer_string(&writer, view_of_string(signal_reasons[reason].name));
}

static void write_us_privacy(struct view text)
{
    json_writer_member_integer(&writer, us_privacy_fields[0], text.data[0] - '0');
    for (unsigned i = 1; i < 4; i++)
        json_writer_member_string(&writer, us_privacy_fields[i], (struct view){text.data + i, 1});
}

static void write_slots(const struct gpp_section *section)
{
    const struct gpp_slot *slot;
    const char *open = NULL;
    for (unsigned i = 0; (slot = slot_at(section, i)); i++) {
        if (open && (!slot->label || strcmp(open, slot->field) != 0)) {
            json_writer_close_array(&writer);
            open = NULL;
        }
        if (slot->label && !open) {
            json_writer_name(&writer, slot->field);
            json_writer_open_array(&writer);
            open = slot->field;
        }
        if (slot->label)
            json_writer_integer(&writer, section->answers[i]);
        else
            json_writer_member_integer(&writer, slot->field, section->answers[i]);
    }
    if (open)
        json_writer_close_array(&writer);
}

static void write_section(void *context, const struct gpp_section *section)
{
    (void)context;
    char id[16];
    snprintf(id, sizeof id, "%u", section->id);
    json_writer_name(&writer, id);
    json_writer_open_object(&writer);
    if (section->id == GPP_SECTION_US_PRIVACY && section->reason == SIGNAL_NO_REASON)
        write_us_privacy(section->text);
    if (section->layout) {
        if (section->header != GPP_HEADER_NONE) {
            json_writer_member_integer(&writer, "SectionID", section->id);
            json_writer_member_integer(&writer, "Version", 1);
            json_writer_name(&writer, "SubSections");
            json_writer_raw(&writer, section->header == GPP_HEADER_CORE_SUB ? VIEW("[0,1]") : VIEW("[0]"));
        }
        json_writer_member_integer(&writer, section->layout->opener, section->layout->version);
        write_slots(section);
    }
    if (has_gpc(section)) {
        json_writer_member_integer(&writer, "SubsectionType", 1);
        json_writer_member_bool(&writer, "Gpc", section->gpc);
    }
    json_writer_close_object(&writer);
}

static void open_rule(enum signal_reason reason, const struct gpp_section *section)
{
    json_writer_open_object(&writer);
    json_writer_member_string(&writer, "reason", view_of_string(signal_reasons[reason].name));
    if (section)
        json_writer_member_integer(&writer, "section", section->id);
}

static void close_rule(enum signal_reason reason, const struct gpp_section *section,
                       const struct national_rule *rule)
{
    char source[SOURCE_SIZE];
    json_writer_member_string(&writer, "rule", view_of_string(rule_text(reason, section, rule)));
    json_writer_member_string(&writer, "source", view_of_string(rule_source(section, rule, source)));
    json_writer_close_object(&writer);
}

static void write_rule(void *context, enum signal_reason reason, const struct gpp_section *section,
                       const struct national_rule *rule)
{
    (void)context;
    if (!applies(section, rule))
        return;
    const struct gpp_slot *slot;
    for (unsigned i = 0; rule && (slot = slot_at(section, i)); i++) {
        if (!blamed(rule, slot, section->answers[i]))
            continue;
        open_rule(reason, section);
        json_writer_member_string(&writer, "field", view_of_string(slot->field));
        if (slot->label) {
            json_writer_member_integer(&writer, "slot", place_in_list(section, i));
            json_writer_member_string(&writer, "label", view_of_string(slot->label));
        }
        json_writer_member_integer(&writer, "value", section->answers[i]);
        close_rule(reason, section, rule);
    }
    if (rule && section->layout && reason != SIGNAL_GPP_GPC)
        return;
    open_rule(reason, section);
    if (reason == SIGNAL_GPP_GPC)
        json_writer_member_string(&writer, "field", VIEW("Gpc"));
    if (of_us_privacy(section, rule)) {
        unsigned at = us_privacy_position(section, rule);
        json_writer_member_string(&writer, "field", view_of_string(us_privacy_fields[at]));
        json_writer_member_string(&writer, "value", (struct view){section->text.data + at, 1});
    }
    close_rule(reason, section, rule);
}

static void write_list(const char *name, struct view text, const struct gpp_watch *watch,
                       enum signal_reason last)
{
    struct gpp_verdict verdict;
    json_writer_name(&writer, name);
    json_writer_open_array(&writer);
    judge(text, watch, &verdict);
    if (last != SIGNAL_NO_REASON)
        watch->objection(NULL, last, NULL, NULL);
    json_writer_close_array(&writer);
}

static void write_json(struct view text)
{
    static const struct gpp_watch reasons = {NULL, no_section, write_reason};
    static const struct gpp_watch sections = {NULL, write_section, no_objection};
    static const struct gpp_watch rules = {NULL, no_section, write_rule};
    memset(seen, 0, sizeof seen);
    struct gpp_verdict verdict;
    judge(text, NULL, &verdict);
    enum signal_reason reason = gpp_verdict_reason(&verdict, wish.under_age, wish.asked);
    enum signal_reason last = reason == SIGNAL_GPP_TCF_UNREADABLE ? reason : SIGNAL_NO_REASON;
    json_writer_open_object(&writer);
    json_writer_member_string(&writer, "decision", reason == SIGNAL_NO_REASON ? VIEW("allow") : VIEW("deny"));
    write_list("reasons", text, &reasons, last);
    json_writer_name(&writer, "sections");
    json_writer_open_object(&writer);
    judge(text, &sections, &verdict);
    json_writer_close_object(&writer);
    write_list("rules", text, &rules, last);
    json_writer_close_object(&writer);
}

static void write_us_privacy_json(struct view text)
{
    struct national said;
    enum signal_reason reason = us_privacy_judge(text);
    json_writer_open_object(&writer);
    json_writer_member_string(&writer, "decision", reason == SIGNAL_NO_REASON ? VIEW("allow") : VIEW("deny"));
    json_writer_name(&writer, "reasons");
    json_writer_open_array(&writer);
    if (reason != SIGNAL_NO_REASON)
        json_writer_string(&writer, view_of_string(signal_reasons[reason].name));
    json_writer_close_array(&writer);
    json_writer_name(&writer, "sections");
    json_writer_open_object(&writer);
    if (us_privacy_read(text, &said) == SIGNAL_NO_REASON) {
        json_writer_name(&writer, "6");
        json_writer_open_object(&writer);
        write_us_privacy(text);
        json_writer_close_object(&writer);
    }
    json_writer_close_object(&writer);
    json_writer_name(&writer, "rules");
    json_writer_open_array(&writer);
    if (reason != SIGNAL_NO_REASON) {
        open_rule(reason, NULL);
        close_rule(reason, NULL, NULL);
    }
    json_writer_close_array(&writer);
    json_writer_close_object(&writer);
}

static bool print_json(struct view text, char *buffer)
{
    json_writer_init(&writer, buffer, JSON_SIZE);
    if (wish.us_privacy)
        write_us_privacy_json(text);
    else
        write_json(text);
    return !writer.overflow && fwrite(buffer, 1, writer.size, stdout) == writer.size && putchar('\n') != EOF;
}

/* ---- text ---- */

static void print_reason_name(void *context, enum signal_reason reason, const struct gpp_section *section,
                              const struct national_rule *rule)
{
    (void)context;
    if (seen[reason] || !applies(section, rule))
        return;
    seen[reason] = true;
    printf(" %s", signal_reasons[reason].name);
}

static void print_slot(const struct gpp_section *section, unsigned index)
{
    const struct gpp_slot *slot = slot_at(section, index);
    unsigned place = place_in_list(section, index), answer = section->answers[index];
    char name[64];
    if (place)
        snprintf(name, sizeof name, "%s %u", slot->field, place);
    else
        snprintf(name, sizeof name, "%s", slot->field);
    printf("  %-*s %u  %s%s%s\n", FIELD_WIDTH, name, answer, answer_name(slot->national, answer),
           slot->label ? ": " : "", slot->label ? slot->label : "");
}

static void print_section(void *context, const struct gpp_section *section)
{
    (void)context;
    printf("section %u, %s: %s\n", section->id, section_name(section->id), place_name(section->id));
    if (section->reason != SIGNAL_NO_REASON)
        printf("  cannot be read: %s\n", signal_reasons[section->reason].help);
    else if (section->id == GPP_SECTION_US_PRIVACY)
        for (unsigned i = 0; i < 4; i++)
            printf("  %-*s %.1s\n", FIELD_WIDTH, us_privacy_fields[i], section->text.data + i);
    if (!section->layout)
        return;
    if (section->header != GPP_HEADER_NONE)
        printf("  %-*s %u\n  %-*s 1\n  %-*s %s\n", FIELD_WIDTH, "SectionID", section->id, FIELD_WIDTH,
               "Version", FIELD_WIDTH, "SubSections", section->header == GPP_HEADER_CORE_SUB ? "0 1" : "0");
    printf("  %-*s %u\n", FIELD_WIDTH, section->layout->opener, section->layout->version);
    for (unsigned i = 0; slot_at(section, i); i++)
        print_slot(section, i);
    if (has_gpc(section))
        printf("  %-*s 1\n  %-*s %u  %s\n", FIELD_WIDTH, "SubsectionType", FIELD_WIDTH, "Gpc", section->gpc,
               section->gpc ? "true" : "false");
}

static void print_rule(void *context, enum signal_reason reason, const struct gpp_section *section,
                       const struct national_rule *rule)
{
    (void)context;
    if (!applies(section, rule))
        return;
    printf("  %s", signal_reasons[reason].name);
    const struct gpp_slot *slot;
    if (section)
        printf(", section %u", section->id);
    for (unsigned i = 0; rule && (slot = slot_at(section, i)); i++) {
        if (!blamed(rule, slot, section->answers[i]))
            continue;
        printf(", %s", slot->field);
        if (slot->label)
            printf(" %u", place_in_list(section, i));
        printf(" = %u", section->answers[i]);
    }
    if (of_us_privacy(section, rule)) {
        unsigned at = us_privacy_position(section, rule);
        printf(", %s = %.1s", us_privacy_fields[at], section->text.data + at);
    }
    char source[SOURCE_SIZE];
    printf(": %s (%s)\n", rule_text(reason, section, rule), rule_source(section, rule, source));
}

/* The decision and its rules, then everything that was read. */
static void print_text(struct view text)
{
    static const struct gpp_watch rules = {NULL, no_section, print_rule};
    static const struct gpp_watch sections = {NULL, print_section, no_objection};
    struct gpp_verdict verdict;
    judge(text, NULL, &verdict);
    enum signal_reason reason = gpp_verdict_reason(&verdict, wish.under_age, wish.asked);
    if (reason == SIGNAL_NO_REASON)
        printf("decision: allow\n  %s\n",
               verdict.decided > 0 ? "no section objects"
                                   : "no section that is decided: the string says nothing, and is ignored");
    else
        puts("decision: deny");
    judge(text, &rules, &verdict);
    if (reason == SIGNAL_GPP_TCF_UNREADABLE)
        print_rule(NULL, reason, NULL, NULL);
    judge(text, &sections, &verdict);
    if (reason == SIGNAL_GPP_TYPE && text.size > 0 && text.data[0] == '1')
        fputs("clickveil gpp: this may be a US Privacy string; --us-privacy judges it as one\n", stderr);
}

/* The decision and the names of the reasons, on one line. */
static void print_line(struct view text)
{
    static const struct gpp_watch names = {NULL, no_section, print_reason_name};
    struct gpp_verdict verdict;
    memset(seen, 0, sizeof seen);
    judge(text, NULL, &verdict);
    enum signal_reason reason = gpp_verdict_reason(&verdict, wish.under_age, wish.asked);
    fputs(reason == SIGNAL_NO_REASON ? "allow" : "deny", stdout);
    judge(text, &names, &verdict);
    if (reason == SIGNAL_GPP_TCF_UNREADABLE)
        print_reason_name(NULL, reason, NULL, NULL);
    putchar('\n');
}

static void print_us_privacy(struct view text, bool line)
{
    enum signal_reason reason = us_privacy_judge(text);
    const char *decision = reason == SIGNAL_NO_REASON ? "allow" : "deny";
    if (line) {
        printf("%s%s%s\n", decision, reason == SIGNAL_NO_REASON ? "" : " ",
               reason == SIGNAL_NO_REASON ? "" : signal_reasons[reason].name);
        return;
    }
    printf("decision: %s\n", decision);
    if (reason != SIGNAL_NO_REASON)
        printf("  %s: %s (docs/signals.md)\n", signal_reasons[reason].name, signal_reasons[reason].help);
    struct gpp_section section = {.id = GPP_SECTION_US_PRIVACY, .text = text};
    section.reason = us_privacy_read(text, &section.national);
    print_section(NULL, &section);
}

/* ---- the command ---- */

static bool answer(struct view text, bool line, char *buffer, struct error *error)
{
    bool printed = true;
    if (wish.json)
        printed = print_json(text, buffer);
    else if (wish.us_privacy)
        print_us_privacy(text, line);
    else if (line)
        print_line(text);
    else
        print_text(text);
    return (printed && !ferror(stdout)) ||
           error_fail(error, EXIT_STATUS_IO, "standard output", NULL, "can't be written");
}

static bool answer_lines(char *buffer, struct error *error)
{
    struct line_reader reader = {0};
    struct line line;
    enum line_result result = LINE_READ;
    bool good = line_reader_open(&reader, "-", GPP_TEXT_SIZE_MAX + 1, -1, error);
    while (good && (result = line_reader_next(&reader, &line, error)) == LINE_READ) {
        /* of a longer line its beginning, one byte too long to be read: it denies (spec 3) */
        good = answer(line.text, true, buffer, error);
    }
    good &= result != LINE_FAILED;
    line_reader_close(&reader);
    return good;
}

static const char *read_wish(void)
{
    uint64_t years = 0;
    if (wish.under_age_text) {
        if (!argument_count(wish.under_age_text, &years) || years > UNDER_AGE_MAX)
            return "--under-age wants a number of years, 0 to 130";
        wish.under_age = (int64_t)years;
    }
    if (wish.region) {
        if (!region_is_valid(view_of_string(wish.region)))
            return "--region wants ISO 3166-2, such as US-CA";
        wish.asked = gpp_asked_in(view_of_string(wish.region));
    }
    if (wish.us_privacy && wish.gpp_sid)
        return "--gpp-sid names sections of a GPP string; a US Privacy string has none";
    return NULL;
}

int command_gpp(int argc, char **argv)
{
    int operand;
    enum argument_result parsed = argument_parse(&table, argc, argv, &operand);
    if (parsed != ARGUMENT_GO)
        return parsed == ARGUMENT_HELP ? EXIT_STATUS_DONE : EXIT_STATUS_USAGE;
    const char *wrong = read_wish();
    if (!wrong && (operand == argc) != wish.fields)
        wrong = wish.fields ? "--fields takes no string"
                            : "a string is missing; - reads them from standard input";
    if (wrong)
        return argument_wrong(&table, "%s", wrong);
    if (wish.fields) {
        gpp_reference_print();
        return fflush(stdout) == 0 && !ferror(stdout) ? EXIT_STATUS_DONE : EXIT_STATUS_IO;
    }
    struct error error = {0};
    char *buffer = malloc(JSON_SIZE);
    bool good = buffer ? true : error_fail(&error, EXIT_STATUS_UNAVAILABLE, NULL, NULL, "no memory");
    if (good)
        good = strcmp(argv[operand], "-") == 0 ? answer_lines(buffer, &error)
                                               : answer(view_of_string(argv[operand]), false, buffer, &error);
    free(buffer);
    if (good && fflush(stdout) != 0)
        good = error_fail(&error, EXIT_STATUS_IO, "standard output", NULL, "can't be written");
    return good ? EXIT_STATUS_DONE : argument_failure("gpp", &error);
}
