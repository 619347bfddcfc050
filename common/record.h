/*
 * The record that travels the chain: one event of a subscriber. (A choice that turned to `out` goes beside it, by a topic of its
 * own that nothing holds up: common/retraction.h.)
 *
 * It is a struct with room for everything that any hop needs; which of its fields a hop may carry on is the table of
 * hops in common/hop.h, and a codec writes by that table only (allow-list, never by deleting). All views borrow
 * memory that lives until the transaction ends (the worker's arena).
 *
 * The value zero of every enum here means "unknown" and never lets anything through.
 */
#ifndef CLICKVEIL_COMMON_RECORD_H
#define CLICKVEIL_COMMON_RECORD_H

#include "common/view.h"

#include <stdint.h>

enum {
    PSEUDONYM_SIZE = 16,       /* bytes: 128 bits (spec 4) */
    RECORD_INTERESTS_MAX = 16, /* interests that one event can yield */
    RECORD_AGE_MAX = 130,      /* years; nobody was older, so such a birth year says nothing */
    RECORD_PROGRAMMES_MAX =
        15, /* programmes of one configuration: bits of programme_set; `*` is the 16th choice */
};

enum record_kind {
    RECORD_UNKNOWN = 0,
    RECORD_EVENT,
};

enum event_type {
    EVENT_UNKNOWN = 0,
    EVENT_BROWSE,
    EVENT_APP_USE,
    EVENT_APP_INSTALL,
    EVENT_APP_REMOVE,
};

enum { EVENT_TYPES = EVENT_APP_REMOVE + 1 };

/* The three subjects that a choice can belong to; index of record.subjects. */
enum subject_kind {
    SUBJECT_LINE = 0,
    SUBJECT_ACCOUNT,
    SUBJECT_DEVICE,
    SUBJECT_KINDS,
};

/* How an identifier is written; decides its canonical form (common/subject.h). */
enum identifier_kind {
    IDENTIFIER_UNKNOWN = 0,
    IDENTIFIER_E164,
    IDENTIFIER_IMSI,
    IDENTIFIER_OPAQUE,
    IDENTIFIER_IMEI,
    IDENTIFIER_MAID,
};

/* A keyed, fixed-length code that stands for a subject inside the pipeline. */
struct pseudonym {
    uint8_t bytes[PSEUDONYM_SIZE];
};

/* One subject of a record. Before pseudonymize: canonical identifier, pseudonym filled in by whoever needs it first.
 * After: pseudonym only. */
struct subject {
    enum identifier_kind identifier_kind;
    bool present;           /* the record names this subject */
    bool has_pseudonym;     /* `pseudonym` is filled in */
    bool limit_ad_tracking; /* device: the advertising ID was all zeros, so there is no device ID (spec 2) */
    struct view identifier; /* canonical bytes (common/subject.h); absent after pseudonymize */
    struct pseudonym pseudonym;
};

/* Where in topics.events the record came from; travels to publish in a header. */
struct origin {
    int32_t partition; /* >= 0 */
    int64_t offset;    /* >= 0; in file mode the line number from 0 */
};

/* A field that is absent is not a field that is unknown (spec 3). */
enum presence {
    PRESENCE_UNREADABLE = 0, /* there, but of a wrong type: deny */
    PRESENCE_ABSENT,         /* no such field, or null */
    PRESENCE_PRESENT,        /* text stands in the view (it may be empty or undecodable: deny) */
};

enum gpc_signal {
    GPC_UNREADABLE = 0, /* there, but neither a boolean nor 0/1 */
    GPC_ABSENT,
    GPC_FALSE,
    GPC_TRUE,
};

struct signals {
    enum gpc_signal gpc;
    enum presence gpp_presence;
    enum presence gpp_sid_presence;
    enum presence us_privacy_presence;
    struct view gpp;        /* raw text */
    struct view gpp_sid;    /* raw text of a string; a number or list of numbers as "7,8" */
    struct view us_privacy; /* raw text */
};

/* A set of programmes: bit i is the programme of index i in the configuration's list. */
typedef uint16_t programme_set;

/* How an interest came in: its taxonomy ID and a weight in events. */
struct record_interest {
    uint16_t taxonomy_id; /* 1 to 65535; IAB Audience Taxonomy 1.1 goes to about 1,700 */
    uint16_t weight;      /* 1 to 1000 */
};

struct record {
    enum record_kind kind;
    struct origin origin;
    int64_t timestamp_ms; /* Kafka timestamp of the input record, Unix epoch; --now in file mode */
    bool late;            /* replayed with --late: input.late_max does not go for it */
    struct subject subjects[SUBJECT_KINDS];

    /* The event, as read (common/event.h); gone after consent unless the table of hops says otherwise. */
    enum event_type type;
    int64_t time_ms;    /* of the event; Unix epoch */
    struct view brand;  /* required */
    struct view region; /* ISO 3166-2, or absent */
    struct view plan;   /* or absent */
    int birth_year;     /* 0: absent; -1: there, but unreadable (counts as under age); see RECORD_AGE_MAX */
    struct view url;    /* raw, or absent */
    struct view host;   /* raw up to pseudonymize, normalised (common/host.h) after it, or absent */
    struct view app;    /* package or bundle ID, or absent */
    bool preinstalled;
    struct signals signals;

    /* Filled in on the way. */
    programme_set programmes; /* the programmes that this record was kept for */
    bool by_programme;        /* consent judged it programme by programme; then, by their index: */
    uint8_t programme_reasons[RECORD_PROGRAMMES_MAX]; /* of consent's reasons; 0: kept. For explain */
    uint64_t app_token; /* keyed hash of (line, app): lets app_remove end what that app brought; 0: no app */
    struct record_interest interests[RECORD_INTERESTS_MAX];
    unsigned interest_count;
    uint64_t rules_digest; /* first 8 bytes, big endian, of the digest of the rules that classified it */
    programme_set sealed;  /* programmes whose named fields stand in `boxes` (common/named_fields.h) */
    struct view boxes;     /* a box of NAMED_FIELDS_BOX_SIZE bytes for each, in the order of their indexes */
};

#endif
