/*
 * The published layouts.
 *
 * Source: the IAB Tech Lab's Global Privacy Platform repository, Sections/, each section's technical specification,
 * as of 17 December 2025; compared with the official encoders (iabgpp-es 3.2.0, iabgpp-java of April 2026). Where
 * these differ, docs/signals.md says so and what is done.
 *
 * The table is (section, slot, published label, national field). A national field is the national section's slot of the
 * same meaning, whatever its number: Utah's slot 3 is the national 4, Oregon's 5 the national 16. Prebid's published
 * normalisation of sections 8 to 12 agrees, where it exists, except that it leaves out union membership in California's
 * slot 4.
 *
 * Known children. The national section tells ages apart; most states do not, and their slot then stands for both
 * younger than 13 and 13 to 16, so that any answer denies, as Prebid normalises it. Connecticut tells them apart, but
 * Prebid normalises even consent of 13 to 16 into "younger than 13: no consent", which denies; sections with the same
 * slots (Montana, Oregon, Delaware, New Hampshire, New Jersey) follow that. Florida names ages as the national
 * section does.
 */
#include "common/gpp_layout.h"

#include <stddef.h>

#define SET(field) NATIONAL_SET(NATIONAL_##field)
#define FIELD(field, national)       \
    {                                \
        (field), NULL, SET(national) \
    }
#define SLOT(field, label, sets) \
    {                            \
        (field), (label), (sets) \
    }

/* Of any age below 16, as far as can be told. */
#define CHILD_ANY (SET(CHILD_0) | SET(CHILD_13))
#define KNOWN_CHILD(field)       \
    {                            \
        (field), NULL, CHILD_ANY \
    }

static const struct gpp_slot national_1[] = {
    FIELD("SharingNotice", SHARING_NOTICE),
    FIELD("SaleOptOutNotice", SALE_NOTICE),
    FIELD("SharingOptOutNotice", SHARING_OPT_OUT_NOTICE),
    FIELD("TargetedAdvertisingOptOutNotice", TARGETED_NOTICE),
    FIELD("SensitiveDataProcessingOptOutNotice", SENSITIVE_NOTICE),
    FIELD("SensitiveDataLimitUseNotice", LIMIT_USE_NOTICE),
    FIELD("SaleOptOut", SALE),
    FIELD("SharingOptOut", SHARING),
    FIELD("TargetedAdvertisingOptOut", TARGETED),
    SLOT("SensitiveDataProcessing", "Racial or Ethnic Origin", SET(ORIGIN)),
    SLOT("SensitiveDataProcessing", "Religious or Philosophical Beliefs", SET(RELIGION)),
    SLOT("SensitiveDataProcessing", "Health", SET(HEALTH)),
    SLOT("SensitiveDataProcessing", "Sex Life, Sexual Orientation, or Sexuality", SET(SEXUALITY)),
    SLOT("SensitiveDataProcessing", "Citizenship or Immigration Status", SET(CITIZENSHIP)),
    SLOT("SensitiveDataProcessing", "Genetic Data for Unique Identification", SET(GENETIC)),
    SLOT("SensitiveDataProcessing", "Biometric Data for Unique Identification", SET(BIOMETRIC)),
    SLOT("SensitiveDataProcessing", "Precise Geolocation Data", SET(LOCATION)),
    SLOT("SensitiveDataProcessing",
         "Social Security, Driver's License, State Identification, or Passport Number", SET(IDENTITY)),
    SLOT("SensitiveDataProcessing", "Account Log-In, Financial Account, or Card Number with Credentials",
         SET(ACCOUNT)),
    SLOT("SensitiveDataProcessing", "Union Membership", SET(UNION)),
    SLOT("SensitiveDataProcessing", "Contents of Mail, Email, and Text Messages", SET(MESSAGES)),
    SLOT("KnownChildSensitiveDataConsents", "13 to 16", SET(CHILD_13)),
    SLOT("KnownChildSensitiveDataConsents", "Younger than 13", SET(CHILD_0)),
    FIELD("PersonalDataConsents", PERSONAL),
    FIELD("MspaCoveredTransaction", COVERED),
    FIELD("MspaOptOutOptionMode", OPT_OUT_MODE),
    FIELD("MspaServiceProviderMode", SERVICE_PROVIDER_MODE),
};

static const struct gpp_slot national_2[] = {
    FIELD("SharingNotice", SHARING_NOTICE),
    FIELD("SaleOptOutNotice", SALE_NOTICE),
    FIELD("SharingOptOutNotice", SHARING_OPT_OUT_NOTICE),
    FIELD("TargetedAdvertisingOptOutNotice", TARGETED_NOTICE),
    FIELD("SensitiveDataProcessingOptOutNotice", SENSITIVE_NOTICE),
    FIELD("SensitiveDataLimitUseNotice", LIMIT_USE_NOTICE),
    FIELD("SaleOptOut", SALE),
    FIELD("SharingOptOut", SHARING),
    FIELD("TargetedAdvertisingOptOut", TARGETED),
    SLOT("SensitiveDataProcessing", "Racial or Ethnic Origin", SET(ORIGIN)),
    SLOT("SensitiveDataProcessing", "Religious or Philosophical Beliefs", SET(RELIGION)),
    SLOT("SensitiveDataProcessing", "Health", SET(HEALTH)),
    SLOT("SensitiveDataProcessing", "Sex Life, Sexual Orientation, or Sexuality", SET(SEXUALITY)),
    SLOT("SensitiveDataProcessing", "Citizenship or Immigration Status", SET(CITIZENSHIP)),
    SLOT("SensitiveDataProcessing", "Genetic Data for Unique Identification", SET(GENETIC)),
    SLOT("SensitiveDataProcessing", "Biometric Data for Unique Identification", SET(BIOMETRIC)),
    SLOT("SensitiveDataProcessing", "Precise Geolocation Data", SET(LOCATION)),
    SLOT("SensitiveDataProcessing",
         "Social Security, Driver's License, State Identification, or Passport Number", SET(IDENTITY)),
    SLOT("SensitiveDataProcessing", "Account Log-In, Financial Account, or Card Number with Credentials",
         SET(ACCOUNT)),
    SLOT("SensitiveDataProcessing", "Union Membership", SET(UNION)),
    SLOT("SensitiveDataProcessing", "Contents of Mail, Email, and Text Messages", SET(MESSAGES)),
    SLOT("SensitiveDataProcessing", "Consumer Health Data", SET(HEALTH_DATA)),
    SLOT("SensitiveDataProcessing", "Status as a Victim of Crime", SET(VICTIM)),
    SLOT("SensitiveDataProcessing", "National Origin", SET(NATION)),
    SLOT("SensitiveDataProcessing", "Status as Transgender or Nonbinary", SET(TRANSGENDER)),
    SLOT("KnownChildSensitiveDataConsents", "13 to 16", SET(CHILD_13)),
    SLOT("KnownChildSensitiveDataConsents", "Younger than 13", SET(CHILD_0)),
    SLOT("KnownChildSensitiveDataConsents", "16 to 17", SET(CHILD_16)),
    FIELD("PersonalDataConsents", PERSONAL),
    FIELD("MspaCoveredTransaction", COVERED),
    FIELD("MspaOptOutOptionMode", OPT_OUT_MODE),
    FIELD("MspaServiceProviderMode", SERVICE_PROVIDER_MODE),
};

static const struct gpp_slot california[] = {
    FIELD("SaleOptOutNotice", SALE_NOTICE),
    FIELD("SharingOptOutNotice", SHARING_OPT_OUT_NOTICE),
    FIELD("SensitiveDataLimitUseNotice", LIMIT_USE_NOTICE),
    FIELD("SaleOptOut", SALE),
    FIELD("SharingOptOut", SHARING),
    SLOT("SensitiveDataProcessing",
         "Social Security, Driver's License, State Identification, or Passport Number", SET(IDENTITY)),
    SLOT("SensitiveDataProcessing", "Account Log-In, Financial Account, or Card Number with Credentials",
         SET(ACCOUNT)),
    SLOT("SensitiveDataProcessing", "Precise Geolocation Data", SET(LOCATION)),
    SLOT("SensitiveDataProcessing",
         "Racial or Ethnic Origin, Religious or Philosophical Beliefs, or Union Membership",
         SET(ORIGIN) | SET(RELIGION) | SET(UNION)),
    SLOT("SensitiveDataProcessing", "Contents of Mail, Email, and Text Messages", SET(MESSAGES)),
    SLOT("SensitiveDataProcessing", "Genetic Data", SET(GENETIC)),
    SLOT("SensitiveDataProcessing", "Biometric Information for Unique Identification", SET(BIOMETRIC)),
    SLOT("SensitiveDataProcessing", "Health", SET(HEALTH)),
    SLOT("SensitiveDataProcessing", "Sex Life or Sexual Orientation", SET(SEXUALITY)),
    SLOT("KnownChildSensitiveDataConsents", "Sale, younger than 16", CHILD_ANY),
    SLOT("KnownChildSensitiveDataConsents", "Sharing, younger than 16", CHILD_ANY),
    FIELD("PersonalDataConsents", PERSONAL),
    FIELD("MspaCoveredTransaction", COVERED),
    FIELD("MspaOptOutOptionMode", OPT_OUT_MODE),
    FIELD("MspaServiceProviderMode", SERVICE_PROVIDER_MODE),
};

static const struct gpp_slot virginia[] = {
    FIELD("SharingNotice", SHARING_NOTICE),
    FIELD("SaleOptOutNotice", SALE_NOTICE),
    FIELD("TargetedAdvertisingOptOutNotice", TARGETED_NOTICE),
    FIELD("SaleOptOut", SALE),
    FIELD("TargetedAdvertisingOptOut", TARGETED),
    SLOT("SensitiveDataProcessing", "Racial or Ethnic Origin", SET(ORIGIN)),
    SLOT("SensitiveDataProcessing", "Religious Beliefs", SET(RELIGION)),
    SLOT("SensitiveDataProcessing", "Mental or Physical Health Diagnosis", SET(HEALTH)),
    SLOT("SensitiveDataProcessing", "Sexual Orientation", SET(SEXUALITY)),
    SLOT("SensitiveDataProcessing", "Citizenship or Immigration Status", SET(CITIZENSHIP)),
    SLOT("SensitiveDataProcessing", "Genetic Data for Unique Identification", SET(GENETIC)),
    SLOT("SensitiveDataProcessing", "Biometric Data for Unique Identification", SET(BIOMETRIC)),
    SLOT("SensitiveDataProcessing", "Precise Geolocation Data", SET(LOCATION)),
    KNOWN_CHILD("KnownChildSensitiveDataConsents"),
    FIELD("MspaCoveredTransaction", COVERED),
    FIELD("MspaOptOutOptionMode", OPT_OUT_MODE),
    FIELD("MspaServiceProviderMode", SERVICE_PROVIDER_MODE),
};

static const struct gpp_slot colorado[] = {
    FIELD("SharingNotice", SHARING_NOTICE),
    FIELD("SaleOptOutNotice", SALE_NOTICE),
    FIELD("TargetedAdvertisingOptOutNotice", TARGETED_NOTICE),
    FIELD("SaleOptOut", SALE),
    FIELD("TargetedAdvertisingOptOut", TARGETED),
    SLOT("SensitiveDataProcessing", "Racial or Ethnic Origin", SET(ORIGIN)),
    SLOT("SensitiveDataProcessing", "Religious Beliefs", SET(RELIGION)),
    SLOT("SensitiveDataProcessing", "Mental or Physical Health Condition or Diagnosis", SET(HEALTH)),
    SLOT("SensitiveDataProcessing", "Sex Life or Sexual Orientation", SET(SEXUALITY)),
    SLOT("SensitiveDataProcessing", "Citizenship or Citizenship Status", SET(CITIZENSHIP)),
    SLOT("SensitiveDataProcessing", "Genetic Data that May Be Processed for Unique Identification",
         SET(GENETIC)),
    SLOT("SensitiveDataProcessing", "Biometric Data that May Be Processed for Unique Identification",
         SET(BIOMETRIC)),
    KNOWN_CHILD("KnownChildSensitiveDataConsents"),
    FIELD("MspaCoveredTransaction", COVERED),
    FIELD("MspaOptOutOptionMode", OPT_OUT_MODE),
    FIELD("MspaServiceProviderMode", SERVICE_PROVIDER_MODE),
};

static const struct gpp_slot utah[] = {
    FIELD("SharingNotice", SHARING_NOTICE),
    FIELD("SaleOptOutNotice", SALE_NOTICE),
    FIELD("TargetedAdvertisingOptOutNotice", TARGETED_NOTICE),
    FIELD("SensitiveDataProcessingOptOutNotice", SENSITIVE_NOTICE),
    FIELD("SaleOptOut", SALE),
    FIELD("TargetedAdvertisingOptOut", TARGETED),
    SLOT("SensitiveDataProcessing", "Racial or Ethnic Origin", SET(ORIGIN)),
    SLOT("SensitiveDataProcessing", "Religious Beliefs", SET(RELIGION)),
    SLOT("SensitiveDataProcessing", "Sexual Orientation", SET(SEXUALITY)),
    SLOT("SensitiveDataProcessing", "Citizenship or Immigration Status", SET(CITIZENSHIP)),
    SLOT("SensitiveDataProcessing", "Medical History, Health Condition, Treatment or Diagnosis", SET(HEALTH)),
    SLOT("SensitiveDataProcessing", "Genetic Data for Identification", SET(GENETIC)),
    SLOT("SensitiveDataProcessing", "Biometric Data for Identification", SET(BIOMETRIC)),
    SLOT("SensitiveDataProcessing", "Specific Geolocation Data", SET(LOCATION)),
    KNOWN_CHILD("KnownChildSensitiveDataConsents"),
    FIELD("MspaCoveredTransaction", COVERED),
    FIELD("MspaOptOutOptionMode", OPT_OUT_MODE),
    FIELD("MspaServiceProviderMode", SERVICE_PROVIDER_MODE),
};

static const struct gpp_slot connecticut[] = {
    FIELD("SharingNotice", SHARING_NOTICE),
    FIELD("SaleOptOutNotice", SALE_NOTICE),
    FIELD("TargetedAdvertisingOptOutNotice", TARGETED_NOTICE),
    FIELD("SaleOptOut", SALE),
    FIELD("TargetedAdvertisingOptOut", TARGETED),
    SLOT("SensitiveDataProcessing", "Racial or Ethnic Origin", SET(ORIGIN)),
    SLOT("SensitiveDataProcessing", "Religious Beliefs", SET(RELIGION)),
    SLOT("SensitiveDataProcessing", "Mental or Physical Health Condition or Diagnosis", SET(HEALTH)),
    SLOT("SensitiveDataProcessing", "Sex Life or Sexual Orientation", SET(SEXUALITY)),
    SLOT("SensitiveDataProcessing", "Citizenship or Immigration Status", SET(CITIZENSHIP)),
    SLOT("SensitiveDataProcessing", "Genetic Data that May Be Processed for Unique Identification",
         SET(GENETIC)),
    SLOT("SensitiveDataProcessing", "Biometric Data that May Be Processed for Unique Identification",
         SET(BIOMETRIC)),
    SLOT("SensitiveDataProcessing", "Precise Geolocation Data", SET(LOCATION)),
    SLOT("KnownChildSensitiveDataConsents", "Known Child", SET(CHILD_0)),
    SLOT("KnownChildSensitiveDataConsents", "Sale, 13 to 16", CHILD_ANY),
    SLOT("KnownChildSensitiveDataConsents", "Targeted Advertising, 13 to 16", CHILD_ANY),
    FIELD("MspaCoveredTransaction", COVERED),
    FIELD("MspaOptOutOptionMode", OPT_OUT_MODE),
    FIELD("MspaServiceProviderMode", SERVICE_PROVIDER_MODE),
};

static const struct gpp_slot florida[] = {
    FIELD("ProcessingNotice", PROCESSING_NOTICE),
    FIELD("SaleOptOutNotice", SALE_NOTICE),
    FIELD("TargetedAdvertisingOptOutNotice", TARGETED_NOTICE),
    FIELD("SaleOptOut", SALE),
    FIELD("TargetedAdvertisingOptOut", TARGETED),
    SLOT("SensitiveDataProcessing", "Racial or Ethnic Origin", SET(ORIGIN)),
    SLOT("SensitiveDataProcessing", "Religious Beliefs", SET(RELIGION)),
    SLOT("SensitiveDataProcessing", "Mental or Physical Health Diagnosis", SET(HEALTH)),
    SLOT("SensitiveDataProcessing", "Sexual Orientation", SET(SEXUALITY)),
    SLOT("SensitiveDataProcessing", "Citizenship or Immigration Status", SET(CITIZENSHIP)),
    SLOT("SensitiveDataProcessing", "Genetic Data for Unique Identification", SET(GENETIC)),
    SLOT("SensitiveDataProcessing", "Biometric Data for Unique Identification", SET(BIOMETRIC)),
    SLOT("SensitiveDataProcessing", "Precise Geolocation Data", SET(LOCATION)),
    SLOT("KnownChildSensitiveDataConsents", "Younger than 13", SET(CHILD_0)),
    SLOT("KnownChildSensitiveDataConsents", "13 to 16", SET(CHILD_13)),
    SLOT("KnownChildSensitiveDataConsents", "16 to 18", SET(CHILD_16)),
    FIELD("AdditionalDataProcessingConsent", PERSONAL),
    FIELD("MspaCoveredTransaction", COVERED),
    FIELD("MspaOptOutOptionMode", OPT_OUT_MODE),
    FIELD("MspaServiceProviderMode", SERVICE_PROVIDER_MODE),
};

static const struct gpp_slot montana[] = {
    FIELD("SharingNotice", PROCESSING_NOTICE),
    FIELD("SaleOptOutNotice", SALE_NOTICE),
    FIELD("TargetedAdvertisingOptOutNotice", TARGETED_NOTICE),
    FIELD("SaleOptOut", SALE),
    FIELD("TargetedAdvertisingOptOut", TARGETED),
    SLOT("SensitiveDataProcessing", "Racial or Ethnic Origin", SET(ORIGIN)),
    SLOT("SensitiveDataProcessing", "Religious Beliefs", SET(RELIGION)),
    SLOT("SensitiveDataProcessing", "Mental or Physical Health Condition or Diagnosis", SET(HEALTH)),
    SLOT("SensitiveDataProcessing", "Sex Life or Sexual Orientation", SET(SEXUALITY)),
    SLOT("SensitiveDataProcessing", "Citizenship or Immigration Status", SET(CITIZENSHIP)),
    SLOT("SensitiveDataProcessing", "Genetic Data that May Be Processed for Unique Identification",
         SET(GENETIC)),
    SLOT("SensitiveDataProcessing", "Biometric Data that May Be Processed for Unique Identification",
         SET(BIOMETRIC)),
    SLOT("SensitiveDataProcessing", "Precise Geolocation Data", SET(LOCATION)),
    SLOT("KnownChildSensitiveDataConsents", "Known Child", SET(CHILD_0)),
    SLOT("KnownChildSensitiveDataConsents", "Sale, 13 to 16", CHILD_ANY),
    SLOT("KnownChildSensitiveDataConsents", "Targeted Advertising, 13 to 16", CHILD_ANY),
    FIELD("AdditionalDataProcessingConsent", PERSONAL),
    FIELD("MspaCoveredTransaction", COVERED),
    FIELD("MspaOptOutOptionMode", OPT_OUT_MODE),
    FIELD("MspaServiceProviderMode", SERVICE_PROVIDER_MODE),
};

static const struct gpp_slot oregon[] = {
    FIELD("ProcessingNotice", PROCESSING_NOTICE),
    FIELD("SaleOptOutNotice", SALE_NOTICE),
    FIELD("TargetedAdvertisingOptOutNotice", TARGETED_NOTICE),
    FIELD("SaleOptOut", SALE),
    FIELD("TargetedAdvertisingOptOut", TARGETED),
    SLOT("SensitiveDataProcessing", "Racial or Ethnic Origin", SET(ORIGIN)),
    SLOT("SensitiveDataProcessing", "Religious Beliefs", SET(RELIGION)),
    SLOT("SensitiveDataProcessing", "Mental or Physical Condition or Diagnosis", SET(HEALTH)),
    SLOT("SensitiveDataProcessing", "Sexual Orientation", SET(SEXUALITY)),
    SLOT("SensitiveDataProcessing", "Status as Transgender or Nonbinary", SET(TRANSGENDER)),
    SLOT("SensitiveDataProcessing", "Citizenship or Immigration Status", SET(CITIZENSHIP)),
    SLOT("SensitiveDataProcessing", "National Origin", SET(NATION)),
    SLOT("SensitiveDataProcessing", "Status as Victim of a Crime", SET(VICTIM)),
    SLOT("SensitiveDataProcessing", "Genetic Data", SET(GENETIC)),
    SLOT("SensitiveDataProcessing", "Biometric Data", SET(BIOMETRIC)),
    SLOT("SensitiveDataProcessing", "Precise Geolocation Data", SET(LOCATION)),
    SLOT("KnownChildSensitiveDataConsents", "Known Child", SET(CHILD_0)),
    SLOT("KnownChildSensitiveDataConsents", "Sale, 13 to 16", CHILD_ANY),
    SLOT("KnownChildSensitiveDataConsents", "Targeted Advertising, 13 to 16", CHILD_ANY),
    FIELD("AdditionalDataProcessingConsent", PERSONAL),
    FIELD("MspaCoveredTransaction", COVERED),
    FIELD("MspaOptOutOptionMode", OPT_OUT_MODE),
    FIELD("MspaServiceProviderMode", SERVICE_PROVIDER_MODE),
};

static const struct gpp_slot texas[] = {
    FIELD("ProcessingNotice", PROCESSING_NOTICE),
    FIELD("SaleOptOutNotice", SALE_NOTICE),
    FIELD("TargetedAdvertisingOptOutNotice", TARGETED_NOTICE),
    FIELD("SaleOptOut", SALE),
    FIELD("TargetedAdvertisingOptOut", TARGETED),
    SLOT("SensitiveDataProcessing", "Racial or Ethnic Origin", SET(ORIGIN)),
    SLOT("SensitiveDataProcessing", "Religious Beliefs", SET(RELIGION)),
    SLOT("SensitiveDataProcessing", "Mental or Physical Health Diagnosis", SET(HEALTH)),
    SLOT("SensitiveDataProcessing", "Sexuality", SET(SEXUALITY)),
    SLOT("SensitiveDataProcessing", "Citizenship or Immigration Status", SET(CITIZENSHIP)),
    SLOT("SensitiveDataProcessing", "Genetic Data that May Be Processed for Unique Identification",
         SET(GENETIC)),
    SLOT("SensitiveDataProcessing", "Biometric Data that May Be Processed for Unique Identification",
         SET(BIOMETRIC)),
    SLOT("SensitiveDataProcessing", "Precise Geolocation Data", SET(LOCATION)),
    KNOWN_CHILD("KnownChildSensitiveDataConsents"),
    FIELD("AdditionalDataProcessingConsent", PERSONAL),
    FIELD("MspaCoveredTransaction", COVERED),
    FIELD("MspaOptOutOptionMode", OPT_OUT_MODE),
    FIELD("MspaServiceProviderMode", SERVICE_PROVIDER_MODE),
};

static const struct gpp_slot delaware[] = {
    FIELD("ProcessingNotice", PROCESSING_NOTICE),
    FIELD("SaleOptOutNotice", SALE_NOTICE),
    FIELD("TargetedAdvertisingOptOutNotice", TARGETED_NOTICE),
    FIELD("SaleOptOut", SALE),
    FIELD("TargetedAdvertisingOptOut", TARGETED),
    SLOT("SensitiveDataProcessing", "Racial or Ethnic Origin", SET(ORIGIN)),
    SLOT("SensitiveDataProcessing", "Religious Beliefs", SET(RELIGION)),
    SLOT("SensitiveDataProcessing", "Mental or Physical Health Condition or Diagnosis (Including Pregnancy)",
         SET(HEALTH)),
    SLOT("SensitiveDataProcessing", "Sex Life or Sexual Orientation", SET(SEXUALITY)),
    SLOT("SensitiveDataProcessing", "Citizenship or Immigration Status", SET(CITIZENSHIP)),
    SLOT("SensitiveDataProcessing", "Genetic Data", SET(GENETIC)),
    SLOT("SensitiveDataProcessing", "Biometric Data", SET(BIOMETRIC)),
    SLOT("SensitiveDataProcessing", "Precise Geolocation Data", SET(LOCATION)),
    SLOT("SensitiveDataProcessing", "Status as Transgender or Nonbinary", SET(TRANSGENDER)),
    SLOT("KnownChildSensitiveDataConsents", "Known Child", SET(CHILD_0)),
    SLOT("KnownChildSensitiveDataConsents", "Sale, 13 to 16", CHILD_ANY),
    SLOT("KnownChildSensitiveDataConsents", "Targeted Advertising, 13 to 16", CHILD_ANY),
    SLOT("KnownChildSensitiveDataConsents", "Sale, 16 to 18", SET(CHILD_16)),
    SLOT("KnownChildSensitiveDataConsents", "Targeted Advertising, 16 to 18", SET(CHILD_16)),
    FIELD("AdditionalDataProcessingConsent", PERSONAL),
    FIELD("MspaCoveredTransaction", COVERED),
    FIELD("MspaOptOutOptionMode", OPT_OUT_MODE),
    FIELD("MspaServiceProviderMode", SERVICE_PROVIDER_MODE),
};

static const struct gpp_slot iowa[] = {
    FIELD("ProcessingNotice", PROCESSING_NOTICE),
    FIELD("SaleOptOutNotice", SALE_NOTICE),
    FIELD("TargetedAdvertisingOptOutNotice", TARGETED_NOTICE),
    FIELD("SensitiveDataOptOutNotice", SENSITIVE_NOTICE),
    FIELD("SaleOptOut", SALE),
    FIELD("TargetedAdvertisingOptOut", TARGETED),
    SLOT("SensitiveDataProcessing", "Racial or Ethnic Origin", SET(ORIGIN)),
    SLOT("SensitiveDataProcessing", "Religious Beliefs", SET(RELIGION)),
    SLOT("SensitiveDataProcessing", "Mental or Physical Health Diagnosis", SET(HEALTH)),
    SLOT("SensitiveDataProcessing", "Sexual Orientation", SET(SEXUALITY)),
    SLOT("SensitiveDataProcessing", "Citizenship or Citizenship Status", SET(CITIZENSHIP)),
    SLOT("SensitiveDataProcessing", "Genetic Data that May Be Processed for Unique Identification",
         SET(GENETIC)),
    SLOT("SensitiveDataProcessing", "Biometric Data that May Be Processed for Unique Identification",
         SET(BIOMETRIC)),
    SLOT("SensitiveDataProcessing", "Precise Geolocation Data", SET(LOCATION)),
    KNOWN_CHILD("KnownChildSensitiveDataConsents"),
    FIELD("MspaCoveredTransaction", COVERED),
    FIELD("MspaOptOutOptionMode", OPT_OUT_MODE),
    FIELD("MspaServiceProviderMode", SERVICE_PROVIDER_MODE),
};

static const struct gpp_slot nebraska[] = {
    FIELD("ProcessingNotice", PROCESSING_NOTICE),
    FIELD("SaleOptOutNotice", SALE_NOTICE),
    FIELD("TargetedAdvertisingOptOutNotice", TARGETED_NOTICE),
    FIELD("SaleOptOut", SALE),
    FIELD("TargetedAdvertisingOptOut", TARGETED),
    SLOT("SensitiveDataProcessing", "Racial or Ethnic Origin", SET(ORIGIN)),
    SLOT("SensitiveDataProcessing", "Religious Beliefs", SET(RELIGION)),
    SLOT("SensitiveDataProcessing", "Mental or Physical Health Diagnosis", SET(HEALTH)),
    SLOT("SensitiveDataProcessing", "Sexual Orientation", SET(SEXUALITY)),
    SLOT("SensitiveDataProcessing", "Citizenship or Immigration Status", SET(CITIZENSHIP)),
    SLOT("SensitiveDataProcessing", "Genetic Data for Unique Identification", SET(GENETIC)),
    SLOT("SensitiveDataProcessing", "Biometric Data for Unique Identification", SET(BIOMETRIC)),
    SLOT("SensitiveDataProcessing", "Precise Geolocation Data", SET(LOCATION)),
    KNOWN_CHILD("KnownChildSensitiveDataConsents"),
    FIELD("AdditionalDataProcessingConsent", PERSONAL),
    FIELD("MspaCoveredTransaction", COVERED),
    FIELD("MspaOptOutOptionMode", OPT_OUT_MODE),
    FIELD("MspaServiceProviderMode", SERVICE_PROVIDER_MODE),
};

static const struct gpp_slot new_hampshire[] = {
    FIELD("ProcessingNotice", PROCESSING_NOTICE),
    FIELD("SaleOptOutNotice", SALE_NOTICE),
    FIELD("TargetedAdvertisingOptOutNotice", TARGETED_NOTICE),
    FIELD("SaleOptOut", SALE),
    FIELD("TargetedAdvertisingOptOut", TARGETED),
    SLOT("SensitiveDataProcessing", "Racial or Ethnic Origin", SET(ORIGIN)),
    SLOT("SensitiveDataProcessing", "Religious Beliefs", SET(RELIGION)),
    SLOT("SensitiveDataProcessing", "Mental or Physical Health Condition or Diagnosis", SET(HEALTH)),
    SLOT("SensitiveDataProcessing", "Sex Life or Sexual Orientation", SET(SEXUALITY)),
    SLOT("SensitiveDataProcessing", "Citizenship or Immigration Status", SET(CITIZENSHIP)),
    SLOT("SensitiveDataProcessing", "Genetic Data for Unique Identification", SET(GENETIC)),
    SLOT("SensitiveDataProcessing", "Biometric Data for Unique Identification", SET(BIOMETRIC)),
    SLOT("SensitiveDataProcessing", "Precise Geolocation Data", SET(LOCATION)),
    SLOT("KnownChildSensitiveDataConsents", "Known Child", SET(CHILD_0)),
    SLOT("KnownChildSensitiveDataConsents", "Sale, 13 to 16", CHILD_ANY),
    SLOT("KnownChildSensitiveDataConsents", "Targeted Advertising, 13 to 16", CHILD_ANY),
    FIELD("AdditionalDataProcessingConsent", PERSONAL),
    FIELD("MspaCoveredTransaction", COVERED),
    FIELD("MspaOptOutOptionMode", OPT_OUT_MODE),
    FIELD("MspaServiceProviderMode", SERVICE_PROVIDER_MODE),
};

static const struct gpp_slot new_jersey[] = {
    FIELD("ProcessingNotice", PROCESSING_NOTICE),
    FIELD("SaleOptOutNotice", SALE_NOTICE),
    FIELD("TargetedAdvertisingOptOutNotice", TARGETED_NOTICE),
    FIELD("SaleOptOut", SALE),
    FIELD("TargetedAdvertisingOptOut", TARGETED),
    SLOT("SensitiveDataProcessing", "Racial or Ethnic Origin", SET(ORIGIN)),
    SLOT("SensitiveDataProcessing", "Religious Beliefs", SET(RELIGION)),
    SLOT("SensitiveDataProcessing", "Mental or Physical Health Condition, Treatment, or Diagnosis",
         SET(HEALTH)),
    SLOT("SensitiveDataProcessing", "Sex Life or Sexual Orientation", SET(SEXUALITY)),
    SLOT("SensitiveDataProcessing", "Citizenship or Immigration Status", SET(CITIZENSHIP)),
    SLOT("SensitiveDataProcessing", "Genetic Data for Unique Identification", SET(GENETIC)),
    SLOT("SensitiveDataProcessing", "Biometric Data for Unique Identification", SET(BIOMETRIC)),
    SLOT("SensitiveDataProcessing", "Precise Geolocation Data", SET(LOCATION)),
    SLOT("SensitiveDataProcessing", "Status as Transgender or Nonbinary", SET(TRANSGENDER)),
    SLOT("SensitiveDataProcessing", "Financial Information with Credentials", SET(ACCOUNT)),
    SLOT("KnownChildSensitiveDataConsents", "Known Child", SET(CHILD_0)),
    SLOT("KnownChildSensitiveDataConsents", "Sale, 13 to 16", CHILD_ANY),
    SLOT("KnownChildSensitiveDataConsents", "Targeted Advertising, 13 to 16", CHILD_ANY),
    SLOT("KnownChildSensitiveDataConsents", "Sale, 16 to 17", SET(CHILD_16)),
    SLOT("KnownChildSensitiveDataConsents", "Targeted Advertising, 16 to 17", SET(CHILD_16)),
    FIELD("AdditionalDataProcessingConsent", PERSONAL),
    FIELD("MspaCoveredTransaction", COVERED),
    FIELD("MspaOptOutOptionMode", OPT_OUT_MODE),
    FIELD("MspaServiceProviderMode", SERVICE_PROVIDER_MODE),
};

static const struct gpp_slot tennessee[] = {
    FIELD("ProcessingNotice", PROCESSING_NOTICE),
    FIELD("SaleOptOutNotice", SALE_NOTICE),
    FIELD("TargetedAdvertisingOptOutNotice", TARGETED_NOTICE),
    FIELD("SaleOptOut", SALE),
    FIELD("TargetedAdvertisingOptOut", TARGETED),
    SLOT("SensitiveDataProcessing", "Racial or Ethnic Origin", SET(ORIGIN)),
    SLOT("SensitiveDataProcessing", "Religious Beliefs", SET(RELIGION)),
    SLOT("SensitiveDataProcessing", "Mental or Physical Health Diagnosis", SET(HEALTH)),
    SLOT("SensitiveDataProcessing", "Sexual Orientation", SET(SEXUALITY)),
    SLOT("SensitiveDataProcessing", "Citizenship or Immigration Status", SET(CITIZENSHIP)),
    SLOT("SensitiveDataProcessing", "Genetic Data that May Be Processed for Unique Identification",
         SET(GENETIC)),
    SLOT("SensitiveDataProcessing", "Biometric Data that May Be Processed for Unique Identification",
         SET(BIOMETRIC)),
    SLOT("SensitiveDataProcessing", "Precise Geolocation Data", SET(LOCATION)),
    KNOWN_CHILD("KnownChildSensitiveDataConsents"),
    FIELD("AdditionalDataProcessingConsent", PERSONAL),
    FIELD("MspaCoveredTransaction", COVERED),
    FIELD("MspaOptOutOptionMode", OPT_OUT_MODE),
    FIELD("MspaServiceProviderMode", SERVICE_PROVIDER_MODE),
};

static const struct gpp_slot minnesota[] = {
    FIELD("ProcessingNotice", PROCESSING_NOTICE),
    FIELD("SaleOptOutNotice", SALE_NOTICE),
    FIELD("TargetedAdvertisingOptOutNotice", TARGETED_NOTICE),
    FIELD("SaleOptOut", SALE),
    FIELD("TargetedAdvertisingOptOut", TARGETED),
    SLOT("SensitiveDataProcessing", "Racial or Ethnic Origin", SET(ORIGIN)),
    SLOT("SensitiveDataProcessing", "Religious Beliefs", SET(RELIGION)),
    SLOT("SensitiveDataProcessing", "Mental or Physical Health Condition or Diagnosis", SET(HEALTH)),
    SLOT("SensitiveDataProcessing", "Sexual Orientation", SET(SEXUALITY)),
    SLOT("SensitiveDataProcessing", "Citizenship or Immigration Status", SET(CITIZENSHIP)),
    SLOT("SensitiveDataProcessing", "Genetic Data for Unique Identification", SET(GENETIC)),
    SLOT("SensitiveDataProcessing", "Biometric Data for Unique Identification", SET(BIOMETRIC)),
    SLOT("SensitiveDataProcessing", "Specific Geolocation Data", SET(LOCATION)),
    KNOWN_CHILD("KnownChildSensitiveDataConsents"),
    FIELD("AdditionalDataProcessingConsent", PERSONAL),
    FIELD("MspaCoveredTransaction", COVERED),
    FIELD("MspaOptOutOptionMode", OPT_OUT_MODE),
    FIELD("MspaServiceProviderMode", SERVICE_PROVIDER_MODE),
};

static const struct gpp_slot maryland[] = {
    FIELD("MspaCoveredTransaction", COVERED),
    FIELD("MspaMode", MODE),
    FIELD("ProcessingNotice", PROCESSING_NOTICE),
    FIELD("SaleOptOutNotice", SALE_NOTICE),
    FIELD("TargetedAdvertisingOptOutNotice", TARGETED_NOTICE),
    FIELD("SaleOptOut", SALE),
    FIELD("TargetedAdvertisingOptOut", TARGETED),
    FIELD("AdditionalDataProcessingConsent", PERSONAL),
};

static const struct gpp_slot mspa_first[] = {
    FIELD("MspaCoveredTransaction", COVERED),
    FIELD("MspaMode", MODE),
    FIELD("ProcessingNotice", PROCESSING_NOTICE),
    FIELD("SaleOptOutNotice", SALE_NOTICE),
    FIELD("TargetedAdvertisingOptOutNotice", TARGETED_NOTICE),
    FIELD("SaleOptOut", SALE),
    FIELD("TargetedAdvertisingOptOut", TARGETED),
    KNOWN_CHILD("KnownChildSensitiveDataConsents"),
    FIELD("AdditionalDataProcessingConsent", PERSONAL),
};

static const struct gpp_slot indiana_sensitive[] = {
    SLOT("SensitiveDataProcessing", "Racial or Ethnic Origin", SET(ORIGIN)),
    SLOT("SensitiveDataProcessing", "Religious Beliefs", SET(RELIGION)),
    SLOT("SensitiveDataProcessing", "Mental or Physical Health Condition or Diagnosis", SET(HEALTH)),
    SLOT("SensitiveDataProcessing", "Sexual Orientation", SET(SEXUALITY)),
    SLOT("SensitiveDataProcessing", "Citizenship or Immigration Status", SET(CITIZENSHIP)),
    SLOT("SensitiveDataProcessing", "Genetic Data for Unique Identification", SET(GENETIC)),
    SLOT("SensitiveDataProcessing", "Biometric Data for Unique Identification", SET(BIOMETRIC)),
    SLOT("SensitiveDataProcessing", "Precise Geolocation Data", SET(LOCATION)),
};

static const struct gpp_slot kentucky_sensitive[] = {
    SLOT("SensitiveDataProcessing", "Racial or Ethnic Origin", SET(ORIGIN)),
    SLOT("SensitiveDataProcessing", "Religious Beliefs", SET(RELIGION)),
    SLOT("SensitiveDataProcessing", "Mental or Physical Health Diagnosis", SET(HEALTH)),
    SLOT("SensitiveDataProcessing", "Sexual Orientation", SET(SEXUALITY)),
    SLOT("SensitiveDataProcessing", "Citizenship or Immigration Status", SET(CITIZENSHIP)),
    SLOT("SensitiveDataProcessing", "Genetic Data for Unique Identification", SET(GENETIC)),
    SLOT("SensitiveDataProcessing", "Biometric Data for Unique Identification", SET(BIOMETRIC)),
    SLOT("SensitiveDataProcessing", "Precise Geolocation Data", SET(LOCATION)),
};

static const struct gpp_slot rhode_island_sensitive[] = {
    SLOT("SensitiveDataProcessing", "Racial or Ethnic Origin", SET(ORIGIN)),
    SLOT("SensitiveDataProcessing", "Religious Beliefs", SET(RELIGION)),
    SLOT("SensitiveDataProcessing", "Mental or Physical Health Condition or Diagnosis", SET(HEALTH)),
    SLOT("SensitiveDataProcessing", "Sex Life or Sexual Orientation", SET(SEXUALITY)),
    SLOT("SensitiveDataProcessing", "Citizenship or Immigration Status", SET(CITIZENSHIP)),
    SLOT("SensitiveDataProcessing", "Genetic Data for Unique Identification", SET(GENETIC)),
    SLOT("SensitiveDataProcessing", "Biometric Data for Unique Identification", SET(BIOMETRIC)),
    SLOT("SensitiveDataProcessing", "Precise Geolocation Data", SET(LOCATION)),
};

#define SLOTS(list) (list), sizeof(list) / sizeof((list)[0])
#define NO_SUB      GPP_SUB_NONE, NULL, 0
#define GPC_SUB     GPP_SUB_GPC, NULL, 0

static const struct gpp_layout layouts[] = {
    {7, 1, "usnat", "US national", "Version", SLOTS(national_1), GPC_SUB},
    {7, 2, "usnat", "US national", "Version", SLOTS(national_2), GPC_SUB},
    {8, 1, "usca", "California", "Version", SLOTS(california), GPC_SUB},
    {9, 1, "usva", "Virginia", "Version", SLOTS(virginia), NO_SUB},
    {10, 1, "usco", "Colorado", "Version", SLOTS(colorado), GPC_SUB},
    {11, 1, "usut", "Utah", "Version", SLOTS(utah), NO_SUB},
    {12, 1, "usct", "Connecticut", "Version", SLOTS(connecticut), GPC_SUB},
    {13, 1, "usfl", "Florida", "Version", SLOTS(florida), NO_SUB},
    {14, 1, "usmt", "Montana", "Version", SLOTS(montana), GPC_SUB},
    {15, 1, "usor", "Oregon", "Version", SLOTS(oregon), GPC_SUB},
    {16, 1, "ustx", "Texas", "Version", SLOTS(texas), GPC_SUB},
    {17, 1, "usde", "Delaware", "Version", SLOTS(delaware), GPC_SUB},
    {18, 1, "usia", "Iowa", "Version", SLOTS(iowa), GPC_SUB},
    {19, 1, "usne", "Nebraska", "Version", SLOTS(nebraska), GPC_SUB},
    {20, 1, "usnh", "New Hampshire", "Version", SLOTS(new_hampshire), GPC_SUB},
    {21, 1, "usnj", "New Jersey", "Version", SLOTS(new_jersey), GPC_SUB},
    {22, 1, "ustn", "Tennessee", "Version", SLOTS(tennessee), GPC_SUB},
    {23, 1, "usmn", "Minnesota", "Version", SLOTS(minnesota), GPC_SUB},
    {24, 1, "usmd", "Maryland", "MspaVersion", SLOTS(maryland), GPC_SUB},
    {25, 1, "usin", "Indiana", "MspaVersion", SLOTS(mspa_first), GPP_SUB_SENSITIVE, SLOTS(indiana_sensitive)},
    {26, 1, "usky", "Kentucky", "MspaVersion", SLOTS(mspa_first), GPP_SUB_SENSITIVE,
     SLOTS(kentucky_sensitive)},
    {27, 1, "usri", "Rhode Island", "MspaVersion", SLOTS(mspa_first), GPP_SUB_SENSITIVE,
     SLOTS(rhode_island_sensitive)},
};

enum { LAYOUTS = sizeof layouts / sizeof layouts[0] };

const struct gpp_layout *gpp_layout_at(unsigned index)
{
    return index < LAYOUTS ? &layouts[index] : NULL;
}

const struct gpp_layout *gpp_layout_find(unsigned id, unsigned version)
{
    if (id < GPP_SECTION_NATIONAL || id > GPP_SECTION_LAST)
        return NULL;
    const struct gpp_layout *layout = &layouts[id - GPP_SECTION_NATIONAL + (id > GPP_SECTION_NATIONAL)];
    if (id == GPP_SECTION_NATIONAL && version == 2)
        layout++;
    return layout->version == version ? layout : NULL;
}
