#include "commands/gpp_reference.h"

#include "common/gpp_layout.h"

#include <stdio.h>

/* What the national section calls its fields, in the order of enum national_field; those that it lacks in italics. */
static const char *const national_names[NATIONAL_FIELDS] = {
    [NATIONAL_PROCESSING_NOTICE] = "*notice of processing*",
    [NATIONAL_SHARING_NOTICE] = "SharingNotice",
    [NATIONAL_SALE_NOTICE] = "SaleOptOutNotice",
    [NATIONAL_SHARING_OPT_OUT_NOTICE] = "SharingOptOutNotice",
    [NATIONAL_TARGETED_NOTICE] = "TargetedAdvertisingOptOutNotice",
    [NATIONAL_SENSITIVE_NOTICE] = "SensitiveDataProcessingOptOutNotice",
    [NATIONAL_LIMIT_USE_NOTICE] = "SensitiveDataLimitUseNotice",
    [NATIONAL_SALE] = "SaleOptOut",
    [NATIONAL_SHARING] = "SharingOptOut",
    [NATIONAL_TARGETED] = "TargetedAdvertisingOptOut",
    [NATIONAL_ORIGIN] = "SensitiveDataProcessing 1",
    [NATIONAL_RELIGION] = "SensitiveDataProcessing 2",
    [NATIONAL_HEALTH] = "SensitiveDataProcessing 3",
    [NATIONAL_SEXUALITY] = "SensitiveDataProcessing 4",
    [NATIONAL_CITIZENSHIP] = "SensitiveDataProcessing 5",
    [NATIONAL_GENETIC] = "SensitiveDataProcessing 6",
    [NATIONAL_BIOMETRIC] = "SensitiveDataProcessing 7",
    [NATIONAL_LOCATION] = "SensitiveDataProcessing 8",
    [NATIONAL_IDENTITY] = "SensitiveDataProcessing 9",
    [NATIONAL_ACCOUNT] = "SensitiveDataProcessing 10",
    [NATIONAL_UNION] = "SensitiveDataProcessing 11",
    [NATIONAL_MESSAGES] = "SensitiveDataProcessing 12",
    [NATIONAL_HEALTH_DATA] = "SensitiveDataProcessing 13",
    [NATIONAL_VICTIM] = "SensitiveDataProcessing 14",
    [NATIONAL_NATION] = "SensitiveDataProcessing 15",
    [NATIONAL_TRANSGENDER] = "SensitiveDataProcessing 16",
    [NATIONAL_CHILD_13] = "KnownChildSensitiveDataConsents 1",
    [NATIONAL_CHILD_0] = "KnownChildSensitiveDataConsents 2",
    [NATIONAL_CHILD_16] = "KnownChildSensitiveDataConsents 3",
    [NATIONAL_PERSONAL] = "PersonalDataConsents",
    [NATIONAL_COVERED] = "MspaCoveredTransaction",
    [NATIONAL_OPT_OUT_MODE] = "MspaOptOutOptionMode",
    [NATIONAL_SERVICE_PROVIDER_MODE] = "MspaServiceProviderMode",
    [NATIONAL_MODE] = "*both modes in one, MspaMode*",
    [NATIONAL_GPC] = "Gpc",
};

static void print_set(national_set set)
{
    const char *comma = "";
    if (set == ~(national_set)0) {
        fputs("any", stdout);
        return;
    }
    for (unsigned i = 0; i < NATIONAL_FIELDS; i++) {
        if (!(set & NATIONAL_SET(i)))
            continue;
        printf("%s%s", comma, national_names[i]);
        comma = ", ";
    }
}

static void print_rules(void)
{
    static const char *const when[] = {
        [NATIONAL_ALWAYS] = "",
        [NATIONAL_WHILE_ADULT] = ", while `under_age` is 18 or more",
        [NATIONAL_WHILE_MINOR] = ", while `under_age` is lower",
    };
    puts("## Rules\n\n"
         "In this order; the first that objects is the reason. Fields are the national section's.\n\n"
         "| reason | answers | of | source |\n| --- | --- | --- | --- |");
    for (const struct national_rule *rule = national_rules; rule->reason != SIGNAL_NO_REASON; rule++) {
        const char * or = "";
        printf("| `%s` | ", signal_reasons[rule->reason].name);
        for (unsigned i = 0; i < NATIONAL_ANSWERS; i++) {
            if (!(rule->answers & 1u << i))
                continue;
            printf("%s%u", or, i);
            or = " or ";
        }
        fputs(" | ", stdout);
        print_set(rule->fields);
        if (rule->notices) {
            fputs(", while 0 is the answer of ", stdout);
            print_set(rule->notices);
        }
        printf("%s | %s |\n", when[rule->when], rule->source);
    }
}

static void print_slots(const struct gpp_slot *slots, unsigned count)
{
    unsigned place = 0;
    for (unsigned i = 0; i < count; i++) {
        place = slots[i].label && i > 0 && strcmp(slots[i].field, slots[i - 1].field) == 0 ? place + 1 : 1;
        if (slots[i].label)
            printf("| %s %u | %s | ", slots[i].field, place, slots[i].label);
        else
            printf("| %s | | ", slots[i].field);
        print_set(slots[i].national);
        puts(" |");
    }
}

static void print_layout(const struct gpp_layout *layout)
{
    printf("\n### %u, %s: %s%s\n\n", layout->id, layout->name, layout->place,
           layout->id == GPP_SECTION_NATIONAL ? layout->version == 1 ? ", version 1" : ", version 2" : "");
    printf("| field | label | is |\n| --- | --- | --- |\n| %s (6 bits) | %u | |\n", layout->opener,
           layout->version);
    print_slots(layout->slots, layout->slot_count);
    if (layout->sub == GPP_SUB_GPC)
        puts("| *sub-section* SubsectionType | 1 | |\n| *sub-section* Gpc (1 bit) | | Gpc |");
    if (layout->sub == GPP_SUB_SENSITIVE) {
        puts("| *sub-section, untyped* | | |");
        print_slots(layout->sub_slots, layout->sub_slot_count);
    }
}

void gpp_reference_print(void)
{
    puts("# GPP: every section, field and rule\n\n"
         "Made from the tables that strings are decided by (`clickveil gpp --fields`); "
         "[signals.md](signals.md) says how "
         "and why. A field has two bits unless another size stands there. Section 6 is a US Privacy string: "
         "its notice "
         "is SaleOptOutNotice, its opt-out SaleOptOut, Y, N and `-` are 1, 2 and 0.\n");
    print_rules();
    puts("\n## Sections");
    for (unsigned i = 0; gpp_layout_at(i); i++)
        print_layout(gpp_layout_at(i));
}
