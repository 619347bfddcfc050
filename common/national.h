/*
 * The one normal form of all signals, and the rules that decide it.
 *
 * GPC, the US Privacy string and each section of a GPP string say the same kinds of things under different names and at
 * different places. Each is brought into the fields of the national section (GPP section 7, version 2), which has them
 * all: a set of fields for each of the four answers that two bits can give. A field that a section lacks is in none of
 * the sets, which is not the same as answer 0. One table of rules then decides, by the meaning of a field and never by
 * its number (spec 3, "GPP decisions in detail").
 *
 * Each section is decided by itself: a notice in one says nothing about an opt-out in another.
 *
 * Pure; any thread; no allocation.
 */
#ifndef CLICKVEIL_COMMON_NATIONAL_H
#define CLICKVEIL_COMMON_NATIONAL_H

#include "common/signal_reason.h"

#include <stdint.h>

/* The fields, each a bit of a set. */
enum national_field {
    NATIONAL_PROCESSING_NOTICE, /* the states' own: the national section has SharingNotice in its place */
    NATIONAL_SHARING_NOTICE,
    NATIONAL_SALE_NOTICE,
    NATIONAL_SHARING_OPT_OUT_NOTICE,
    NATIONAL_TARGETED_NOTICE,
    NATIONAL_SENSITIVE_NOTICE,
    NATIONAL_LIMIT_USE_NOTICE,
    NATIONAL_SALE,
    NATIONAL_SHARING,
    NATIONAL_TARGETED,
    /* SensitiveDataProcessing 1 to 16 */
    NATIONAL_ORIGIN,      /* 1: racial or ethnic */
    NATIONAL_RELIGION,    /* 2 */
    NATIONAL_HEALTH,      /* 3 */
    NATIONAL_SEXUALITY,   /* 4 */
    NATIONAL_CITIZENSHIP, /* 5 */
    NATIONAL_GENETIC,     /* 6 */
    NATIONAL_BIOMETRIC,   /* 7 */
    NATIONAL_LOCATION,    /* 8: precise */
    NATIONAL_IDENTITY,    /* 9: numbers that a government gave */
    NATIONAL_ACCOUNT,     /* 10: log-in, financial account, card */
    NATIONAL_UNION,       /* 11 */
    NATIONAL_MESSAGES,    /* 12: contents of mail and texts */
    NATIONAL_HEALTH_DATA, /* 13: consumer health data */
    NATIONAL_VICTIM,      /* 14: of crime */
    NATIONAL_NATION,      /* 15: national origin */
    NATIONAL_TRANSGENDER, /* 16: or nonbinary */
    /* KnownChildSensitiveDataConsents 1 to 3 */
    NATIONAL_CHILD_13, /* 1: 13 to 16 */
    NATIONAL_CHILD_0,  /* 2: younger than 13 */
    NATIONAL_CHILD_16, /* 3: 16 to 17 */
    NATIONAL_PERSONAL, /* PersonalDataConsents, the states' AdditionalDataProcessingConsent */
    NATIONAL_COVERED,
    NATIONAL_OPT_OUT_MODE,
    NATIONAL_SERVICE_PROVIDER_MODE,
    NATIONAL_MODE, /* MspaMode of sections 24 to 27: both modes in one */
    NATIONAL_GPC,
    NATIONAL_FIELDS,
};

typedef uint64_t national_set;
#define NATIONAL_SET(field) ((national_set)1 << (field))

enum { NATIONAL_ANSWERS = 4 }; /* 0 to 3: what two bits hold */

/* What one section, or one signal, says. */
struct national {
    national_set answers[NATIONAL_ANSWERS]; /* fields with that answer */
};

enum {
    NATIONAL_ADULT = 18, /* years: from this `under_age` on any answer about a child denies */
};

/* A rule: it objects when a field of `fields` has one of `answers`, and, where `notices` is not empty, one of those has
 * answer 0. */
struct national_rule {
    enum signal_reason reason;
    unsigned answers; /* bit i: answer i */
    national_set fields;
    national_set notices;
    enum {
        NATIONAL_ALWAYS = 0,
        NATIONAL_WHILE_ADULT, /* under_age is NATIONAL_ADULT or more */
        NATIONAL_WHILE_MINOR, /* it is lower */
    } when;
    const char *source; /* who says so */
};

/* In the order of judging; the one whose reason is SIGNAL_NO_REASON ends it. */
extern const struct national_rule national_rules[];

/* Does the rule object, for a programme whose exclude.under_age is `under_age` (0: none)? */
bool national_rule_objects(const struct national_rule *rule, const struct national *said, int64_t under_age);

/* The reason of the first rule that objects; SIGNAL_NO_REASON: none does. */
enum signal_reason national_judge(const struct national *said, int64_t under_age);

#endif
