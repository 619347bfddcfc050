/*
 * Why a signal objects: one stable code for each. The consent stage has them all among its own reasons, under the same
 * names (stages/consent/reason.h).
 *
 * One list makes the enum, the names and the stage's table. Codes are an interface: a later version adds, and does not
 * rename.
 */
#ifndef CLICKVEIL_COMMON_SIGNAL_REASON_H
#define CLICKVEIL_COMMON_SIGNAL_REASON_H

#include "common/stage.h"

/* X(identifier, name, help) for each, in the order in which the consent stage lists them. */
/* clang-format off */
#define SIGNAL_REASON_LIST(X) \
    X(GPC, "gpc", "Global Privacy Control is on") \
    X(GPC_UNREADABLE, "gpc_unreadable", "`gpc` is neither a boolean nor 0 or 1") \
    X(US_PRIVACY_UNREADABLE, "us_privacy_unreadable", "`us_privacy` is not a text") \
    X(US_PRIVACY_EMPTY, "us_privacy_empty", "`us_privacy` is an empty text") \
    X(US_PRIVACY_WHITE_SPACE, "us_privacy_white_space", "`us_privacy` has white space in it") \
    X(US_PRIVACY_LENGTH, "us_privacy_length", "`us_privacy` is not 4 characters long") \
    X(US_PRIVACY_VERSION, "us_privacy_version", "`us_privacy` is of another version than 1") \
    X(US_PRIVACY_LOWER_CASE, "us_privacy_lower_case", "`us_privacy` has lower-case letters") \
    X(US_PRIVACY_MALFORMED, "us_privacy_malformed", "`us_privacy` has another character than Y, N and -") \
    X(US_PRIVACY_NO_NOTICE, "us_privacy_no_notice", "`us_privacy` says that no notice was given") \
    X(US_PRIVACY_OPT_OUT, "us_privacy_opt_out", "`us_privacy` says that the person opted out") \
    X(US_PRIVACY_CONTRADICTION, "us_privacy_contradiction", "`us_privacy` says not opted out where notice does not apply") \
    X(GPP_UNREADABLE, "gpp_unreadable", "`gpp` is not a text") \
    X(GPP_EMPTY, "gpp_empty", "`gpp` is an empty text") \
    X(GPP_WHITE_SPACE, "gpp_white_space", "`gpp` has white space in it") \
    X(GPP_CHARACTER, "gpp_character", "`gpp` has a character that is neither URL-safe base64 nor a separator") \
    X(GPP_TYPE, "gpp_type", "`gpp` does not begin as a GPP string does, with type 3") \
    X(GPP_VERSION, "gpp_version", "the GPP header is of another version than 1") \
    X(GPP_HEADER, "gpp_header", "the GPP header, or the range of section IDs in it, cannot be read") \
    X(GPP_SECTION_COUNT, "gpp_section_count", "the GPP string has more or fewer sections than its header names") \
    X(GPP_SECTION_RESERVED, "gpp_section_reserved", "the GPP header names section 3, which is the header itself") \
    X(GPP_SECTION_EMPTY, "gpp_section_empty", "a GPP section or sub-section is empty") \
    X(GPP_SECTION_VERSION, "gpp_section_version", "a GPP section is of a version that is not published") \
    X(GPP_NATIONAL_VERSION, "gpp_national_version", "the GPP national section says version 1 and has the length of version 2") \
    X(GPP_MSPA_VERSION, "gpp_mspa_version", "a GPP section names a version of the MSPA that is not known") \
    X(GPP_TOO_SHORT, "gpp_too_short", "a GPP section or sub-section is shorter than its fields") \
    X(GPP_TOO_LONG, "gpp_too_long", "a GPP section or sub-section is longer than its fields and their padding, or the string than any event") \
    X(GPP_PADDING, "gpp_padding", "there are ones where a GPP header or section is padded") \
    X(GPP_SECTION_HEADER, "gpp_section_header", "a GPP section has a header of its own that cannot be read or is not true") \
    X(GPP_SUB_SECTION_UNKNOWN, "gpp_sub_section_unknown", "a GPP section has a sub-section that is not published for it") \
    X(GPP_SUB_SECTION_TWICE, "gpp_sub_section_twice", "a GPP section has a sub-section twice") \
    X(GPP_SECTION_UNKNOWN, "gpp_section_unknown", "a GPP section above 27 that `gpp_sid` names, or beside which there is none to decide by") \
    X(GPP_TCF_UNREADABLE, "gpp_tcf_unreadable", "a TCF section of the GPP string that the region asks for, and that is not decoded") \
    X(GPP_SID_UNREADABLE, "gpp_sid_unreadable", "`gpp_sid` is neither a text nor integers") \
    X(GPP_SID_EMPTY, "gpp_sid_empty", "`gpp_sid` is empty") \
    X(GPP_SID_MALFORMED, "gpp_sid_malformed", "`gpp_sid` is no list of section IDs") \
    X(GPP_SID_TWICE, "gpp_sid_twice", "`gpp_sid` names a section twice") \
    X(GPP_SID_MISSING, "gpp_sid_missing", "`gpp_sid` names a section that the GPP string does not have") \
    X(GPP_VALUE_RESERVED, "gpp_value_reserved", "a GPP field of two bits has the value 3, which has no meaning") \
    X(GPP_GPC, "gpp_gpc", "a GPP section says that Global Privacy Control is on") \
    X(GPP_SALE_OPT_OUT, "gpp_sale_opt_out", "GPP: opted out of the sale of personal data") \
    X(GPP_SHARING_OPT_OUT, "gpp_sharing_opt_out", "GPP: opted out of the sharing of personal data") \
    X(GPP_TARGETED_OPT_OUT, "gpp_targeted_opt_out", "GPP: opted out of targeted advertising") \
    X(GPP_NO_PROCESSING_NOTICE, "gpp_no_processing_notice", "GPP: no notice of the processing was given") \
    X(GPP_NO_SHARING_NOTICE, "gpp_no_sharing_notice", "GPP: no notice of the sharing was given") \
    X(GPP_NO_SALE_NOTICE, "gpp_no_sale_notice", "GPP: no notice of the opt-out from sale was given") \
    X(GPP_NO_SHARING_OPT_OUT_NOTICE, "gpp_no_sharing_opt_out_notice", "GPP: no notice of the opt-out from sharing was given") \
    X(GPP_NO_TARGETED_NOTICE, "gpp_no_targeted_notice", "GPP: no notice of the opt-out from targeted advertising was given") \
    X(GPP_NO_SENSITIVE_NOTICE, "gpp_no_sensitive_notice", "GPP: no notice of the opt-out from processing sensitive data was given") \
    X(GPP_NO_LIMIT_USE_NOTICE, "gpp_no_limit_use_notice", "GPP: no notice of the limit to the use of sensitive data was given") \
    X(GPP_SALE_CONTRADICTION, "gpp_sale_contradiction", "GPP: not opted out of sale where the notice does not apply") \
    X(GPP_SHARING_CONTRADICTION, "gpp_sharing_contradiction", "GPP: not opted out of sharing where a notice does not apply") \
    X(GPP_TARGETED_CONTRADICTION, "gpp_targeted_contradiction", "GPP: not opted out of targeted advertising where the notice does not apply") \
    X(GPP_GENETIC, "gpp_genetic", "GPP: genetic data is in play, with or without consent") \
    X(GPP_BIOMETRIC, "gpp_biometric", "GPP: biometric data is in play, with or without consent") \
    X(GPP_GOVERNMENT_ID, "gpp_government_id", "GPP: numbers of identity papers are in play, with or without consent") \
    X(GPP_ACCOUNT_LOGIN, "gpp_account_login", "GPP: log-ins or financial accounts are in play, with or without consent") \
    X(GPP_MESSAGE_CONTENT, "gpp_message_content", "GPP: contents of messages are in play, with or without consent") \
    X(GPP_VICTIM_OF_CRIME, "gpp_victim_of_crime", "GPP: status as a victim of crime is in play, with or without consent") \
    X(GPP_TRANSGENDER, "gpp_transgender", "GPP: status as transgender or nonbinary is in play, with or without consent") \
    X(GPP_SENSITIVE_REFUSED, "gpp_sensitive_refused", "GPP: no consent to other sensitive data") \
    X(GPP_SENSITIVE_CONTRADICTION, "gpp_sensitive_contradiction", "GPP: consent to sensitive data where the notice does not apply") \
    X(GPP_KNOWN_CHILD, "gpp_known_child", "GPP: a known child, of an age that the programme does not take") \
    X(GPP_PERSONAL_DATA_REFUSED, "gpp_personal_data_refused", "GPP: no consent to personal data for another purpose") \
    X(GPP_MSPA_COVERED_UNDEFINED, "gpp_mspa_covered_undefined", "GPP: MspaCoveredTransaction is 0, which has no meaning") \
    X(GPP_SERVICE_PROVIDER_MODE, "gpp_service_provider_mode", "GPP: service provider mode of the MSPA is on")
/* clang-format on */

enum signal_reason {
    SIGNAL_NO_REASON = 0, /* nothing objects */
#define SIGNAL_REASON_ID(id, name, help) SIGNAL_##id,
    SIGNAL_REASON_LIST(SIGNAL_REASON_ID)
#undef SIGNAL_REASON_ID
        SIGNAL_REASONS,
};

extern const struct reason signal_reasons[SIGNAL_REASONS];

#endif
