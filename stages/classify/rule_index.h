/*
 * The look-up of rules: from a host or an app ID to the rule that decides, over bytes that lie anywhere.
 *
 * An index is two pieces of memory that are only read: slots, an open hash table of (tag, position) in buckets of one
 * cache line, and records, the rules behind each other. Whoever made them owns them; they may lie on the heap or in a
 * mapped file (rule_image.h), which has them as they stand here: a change of their layout is a new version of that. Keys are in
 * canonical form: a host as common/host.h writes it; an app ID in lower case; an app prefix `com.example.*` as
 * `com.example.` (no app ID ends with a dot, so both kinds live in one index).
 *
 * Deny is settled when an index is made: a rule below a denied key is itself denied. So the longest key that matches
 * decides, and a look-up ends with the first hit.
 *
 * Thread: any; nothing is written.
 */
#ifndef CLICKVEIL_STAGES_CLASSIFY_RULE_INDEX_H
#define CLICKVEIL_STAGES_CLASSIFY_RULE_INDEX_H

#include "common/record.h"
#include "common/view.h"

#include <stdint.h>

enum {
    RULE_KEY_SIZE_MAX = 255,   /* bytes; app IDs are the longest */
    RULE_RECORD_ALIGNMENT = 4, /* bytes; positions count in these, so records may fill 16 GiB */
    RULE_BUCKET_SLOTS = 8,     /* 64 bytes: one cache line where slots begin at one */
    RULE_BUCKET_FILL = 6,      /* slots of a bucket that have a rule, on average and at most */
};

enum rule_kind {
    RULE_UNKNOWN = 0, /* no rule */
    RULE_INTERESTS,
    RULE_NONE,        /* says nothing of interests, and ends inheritance */
    RULE_DENY,        /* the subject is sensitive */
    RULE_UNSUPPORTED, /* had interests, but too few sites and apps stand behind them */
};

/* position 0: empty. */
struct rule_slot {
    uint32_t tag;
    uint32_t position; /* of the record, in units of RULE_RECORD_ALIGNMENT bytes */
};

/* The head of a record; its key follows, and at the next even offset its interests. */
struct rule_record {
    uint8_t kind; /* enum rule_kind */
    uint8_t key_size;
    uint8_t interest_count;
    uint8_t interest_room; /* interests that fit in; the next record is behind them */
};

/* A zeroed index has no rules. */
struct rule_index {
    const struct rule_slot *slots; /* buckets * RULE_BUCKET_SLOTS, at least one empty; NULL: no rules */
    uint64_t buckets;              /* 2^32 at most */
    const unsigned char *records;  /* aligned to RULE_RECORD_ALIGNMENT; the first is at position 1 */
};

static inline struct view rule_record_key(const struct rule_record *record)
{
    return (struct view){(const char *)(record + 1), record->key_size};
}

/* Its interest_count taxonomy identifiers, rising. */
static inline const uint16_t *rule_record_interests(const struct rule_record *record)
{
    return (const uint16_t *)(const void *)((const char *)record + sizeof(*record) + record->key_size +
                                            (record->key_size & 1));
}

/* The rule of a normalised host: its own, else that of the longest name above it. NULL: none. */
const struct rule_record *rule_index_host(const struct rule_index *index, struct view host);

/* The rule of an app ID (upper and lower case are the same): its own, else that of the longest prefix by segments.
 * NULL: none, also for what is no app ID (empty, or longer than RULE_KEY_SIZE_MAX). */
const struct rule_record *rule_index_app(const struct rule_index *index, struct view app);

/* The next rule above a key of the index, which does not count itself: for a host `b.example.com` that of `example.com`
 * and so on; for apps by prefix. For whoever makes an index, to settle deny. NULL: none. */
const struct rule_record *rule_index_above_host(const struct rule_index *index, struct view key);
const struct rule_record *rule_index_above_app(const struct rule_index *index, struct view key);

/* Is there a rule with exactly this key? */
bool rule_index_has(const struct rule_index *index, bool hosts, struct view key);

/* Buckets that so many rules want. */
uint64_t rule_index_buckets(uint64_t rules);

/* Put the record at `position` into a table under construction, with room for it. Its key is not there yet. */
void rule_index_insert_host(struct rule_slot *slots, uint64_t buckets, struct view key, uint32_t position);
void rule_index_insert_app(struct rule_slot *slots, uint64_t buckets, struct view key, uint32_t position);

#endif
