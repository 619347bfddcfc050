/*
 * A link: whose place a subject took (moved_from; spec 3, rule 10), as a record of the consent topic under a key of its own.
 *
 * The record that says `moved_from` is replaced by the subject's next one, and compaction takes it; the link stays. It
 * holds no name of the other subject, which may be erased later: its key has that one's hash under the key of suppression
 * entries, its value the other's key in the topic, sealed (docs/consent.md, docs/pseudonyms.md).
 *
 *     moved:<base64url of the hash>:<key of the subject>
 *     {"moved_from": "<base64url, sealed>", "effective": <ms>, "seq": 0, "key_check": "...", "take_back": true}
 */
#ifndef CLICKVEIL_COMMON_CONSENT_LINK_H
#define CLICKVEIL_COMMON_CONSENT_LINK_H

#include "common/arena.h"
#include "common/consent_record.h"
#include "common/subject.h"

/* A subject's key in the topic, canonical: `line:<id>`, `account:<id>`, `device:<kind>:<id>`. key: CHOICE or LINK. Returns the
 * number of bytes, no NUL. */
size_t consent_link_name(const struct consent_key *key, char out_text[SUBJECT_SEALED_TEXT_MAX]);

/* Both ends of a link, sealed, and when the subject moved. */
struct consent_link {
    struct pseudonym from_hash;     /* under the key of suppression entries */
    struct subject_sealed from, to; /* consent_link_name */
    int64_t effective_ms;           /* of the earliest record that says it */
    bool
        take_back; /* what was published about the subject is to be taken back: the other one said `out` since */
};

/* key: of suppression entries. from, to: CHOICE. */
void consent_link_make(const struct subject_key *key, const struct consent_key *from,
                       const struct consent_key *to, int64_t effective_ms, struct consent_link *out_link);

/* Key and value, in the arena. False: it is full. */
CLICKVEIL_MUST_CHECK bool consent_link_write(const struct consent_link *link, const struct subject_key *key,
                                             struct arena *arena, struct view *out_key,
                                             struct view *out_value);

/* Who took the place; false: it was sealed with another key. */
CLICKVEIL_MUST_CHECK bool consent_link_to(const struct consent_link *link, const struct subject_key *key,
                                          enum identifier_kind line_kind, struct consent_key *out_to);

enum consent_link_reading {
    CONSENT_LINK_UNREADABLE = 0,
    CONSENT_LINK_OF_OTHER_KEY, /* key_check says so */
    CONSENT_LINK_READ,
};

/* Read a link's value, which is there. key: that it was read under, LINK. */
enum consent_link_reading consent_link_read(struct consent_reader *reader, const struct consent_key *key,
                                            struct view value, const struct subject_key *suppression,
                                            struct consent_link *out_link, struct consent_key *out_from);

#endif
