#include "common/hop.h"

#include <string.h>

enum {
    EVENTS = 1u << HOP_EVENTS,
    CONSENT = 1u << HOP_CONSENT_OUT,
    PSEUDONYMIZE = 1u << HOP_PSEUDONYMIZE_OUT,
    CLASSIFY = 1u << HOP_CLASSIFY_OUT,
    FEED = 1u << HOP_FEED,
    BETWEEN = CONSENT | PSEUDONYMIZE | CLASSIFY,
    AFTER_PSEUDONYMIZE = PSEUDONYMIZE | CLASSIFY,
    ALL = EVENTS | BETWEEN,
};

const struct hop_field hop_fields[] = {
    {"v", BETWEEN | FEED, false, "version of the format, 1"},
    {"kind", BETWEEN, false, "`event`"},
    {"type", ALL, false, "`browse`, `app_use`, `app_install` or `app_remove`"},
    {"time", ALL, false, "when it happened; between stages in milliseconds since the Unix epoch"},
    {"timestamp", BETWEEN, false, "Kafka timestamp of the input record, milliseconds since the Unix epoch"},
    {"subscriber", EVENTS | CONSENT, true, "the line; canonical behind consent"},
    {"account", EVENTS | CONSENT, true, "the bill that the line is on"},
    {"device.kind", EVENTS | CONSENT, false, "`imei` or `maid`"},
    {"device.id", EVENTS | CONSENT, true, "the handset or its advertising ID; canonical behind consent"},
    {"brand", EVENTS, false, "brand that the line is sold under"},
    /* Behind consent they are only what a programme names, on their way to where they are sealed (spec 4). */
    {"region", EVENTS | CONSENT, false,
     "billing state, ISO 3166-2; behind consent only where a programme names it"},
    {"plan", EVENTS, false, "tariff class: business, child, ..."},
    {"birth_year", EVENTS | CONSENT, false,
     "year of birth of the subscriber; behind consent only where a programme names `age_band`"},
    /* Spec 4: path and query end at pseudonymize, which takes the host out of them. */
    {"url", EVENTS | CONSENT, true, "the page"},
    {"host", EVENTS | CONSENT | PSEUDONYMIZE, false, "host of the page; normalised behind pseudonymize"},
    /* Spec 5: behind classify no host and no app exists. */
    {"app", EVENTS | CONSENT | PSEUDONYMIZE, false, "package or bundle ID"},
    {"preinstalled", EVENTS | CONSENT, false, "the app came with the handset; pseudonymize drops those"},
    {"gpc", EVENTS, false, "Global Privacy Control"},
    {"gpp", EVENTS, false, "Global Privacy Platform string"},
    {"gpp_sid", EVENTS, false, "GPP sections in force"},
    {"us_privacy", EVENTS, false, "US Privacy string"},
    {"programmes", BETWEEN, false, "names of the programmes that the record was kept for"},
    {"pseudonyms.line", AFTER_PSEUDONYMIZE, false, "keyed code of the line"},
    {"pseudonyms.account", AFTER_PSEUDONYMIZE, false, "keyed code of the account"},
    {"pseudonyms.device", AFTER_PSEUDONYMIZE, false, "keyed code of the device"},
    {"app_token", AFTER_PSEUDONYMIZE, false, "keyed hash of line and app, so that app_remove finds the app"},
    {"sealed", AFTER_PSEUDONYMIZE, false,
     "pairs of programme and the fields that it names, sealed for publish (docs/named-fields.md)"},
    {"interests", CLASSIFY, false, "pairs of taxonomy ID and weight"},
    {"rules_digest", CLASSIFY, false, "digest of the rules that classified it"},
    /* Spec 6: what an advertiser sees. The encoder of feeds has its own structure; these are its roots. */
    {"user.eids", FEED, false, "the encoded ID"},
    {"user.data", FEED, false, "the interests"},
    {"ext.epoch", FEED, false, "number of the epoch"},
    {"ext.expires", FEED, false, "end of the ID's life"},
    {"ext.trial", FEED, false, "written with lowered privacy settings"},
    {0},
};

bool hop_carries(enum hop hop, const char *field)
{
    if (hop <= HOP_UNKNOWN || hop >= HOPS)
        return false;
    for (const struct hop_field *entry = hop_fields; entry->name; entry++)
        if (strcmp(entry->name, field) == 0)
            return entry->hops & 1u << hop;
    return false;
}

enum hop hop_of_topic(enum topic_role topic)
{
    switch (topic) {
    case TOPIC_EVENTS:
        return HOP_EVENTS;
    case TOPIC_CONSENT_OUT:
        return HOP_CONSENT_OUT;
    case TOPIC_PSEUDONYMIZE_OUT:
        return HOP_PSEUDONYMIZE_OUT;
    case TOPIC_CLASSIFY_OUT:
        return HOP_CLASSIFY_OUT;
    case TOPIC_FEED:
        return HOP_FEED;
    case TOPIC_NONE:
    case TOPIC_CONSENT:
    case TOPIC_STATE:
    case TOPIC_RETRACTIONS:
    case TOPIC_DEAD_LETTERS:
    case TOPIC_ROLES:
        break;
    }
    return HOP_UNKNOWN;
}
