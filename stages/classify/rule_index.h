/*
 * The look-up of rules: from a host or an app ID to the rule that decides, over bytes that lie anywhere.
 *
 * An index is two pieces of memory that are only read. Buckets: by the hash of a key, where the group of rules with that
 * hash lies, and a filter of 32 bits that says of most other keys that they are not in it. Groups: behind each other, each
 * a few rules with their keys and interests, headed by a tag for each. So a look-up waits for memory twice, and the first
 * time only for the buckets, which are small enough for the caches; for a key that is not there mostly once. Whoever made
 * them owns them; they may lie on the heap or in a mapped file (rule_image.h), which has them as they stand here: a change of
 * their layout is a new version of that. Keys are in canonical form: a host as common/host.h writes it; an app ID in lower
 * case; an app prefix `com.example.*` as `com.example.` (no app ID ends with a dot, so both kinds live in one index).
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
    RULE_RECORD_ALIGNMENT = 4, /* bytes; positions count in these, so groups may fill 16 GiB */
    RULE_GROUP_RULES = 4,      /* on average */
    RULE_GROUP_RULES_MAX = UINT16_MAX,
};

enum rule_kind {
    RULE_UNKNOWN = 0, /* no rule */
    RULE_INTERESTS,
    RULE_NONE,        /* says nothing of interests, and ends inheritance */
    RULE_DENY,        /* the subject is sensitive */
    RULE_UNSUPPORTED, /* had interests, but too few sites and apps stand behind them */
};

struct rule_bucket {
    uint32_t
        position; /* of its group, in units of RULE_RECORD_ALIGNMENT bytes; the group ends where the next begins */
    uint32_t filter; /* rule_hash_filter of each of its rules; 0: it has none, and no group */
};

/* The head of a group; its records follow, at the next multiple of RULE_RECORD_ALIGNMENT. */
struct rule_group {
    uint16_t count;  /* of its records, 1 at least */
    uint16_t tags[]; /* rule_hash_tag of each */
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
    const struct rule_bucket
        *buckets;                /* bucket_count and one more, where the last group ends; NULL: no rules */
    uint64_t bucket_count;       /* below 2^32 */
    const unsigned char *groups; /* aligned to RULE_RECORD_ALIGNMENT */
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

/* Bytes of a record with room for so many interests. */
static inline size_t rule_record_size(size_t key_size, unsigned interest_room)
{
    size_t size = sizeof(struct rule_record) + key_size + (key_size & 1) + 2 * (size_t)interest_room;
    return (size + RULE_RECORD_ALIGNMENT - 1) / RULE_RECORD_ALIGNMENT * RULE_RECORD_ALIGNMENT;
}

/* Bytes of a group's head. */
static inline size_t rule_group_head_size(unsigned count)
{
    size_t size = sizeof(struct rule_group) + count * sizeof(uint16_t);
    return (size + RULE_RECORD_ALIGNMENT - 1) / RULE_RECORD_ALIGNMENT * RULE_RECORD_ALIGNMENT;
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

/* ---- for whoever lays an index out ---- */

/* Buckets for so many rules. */
static inline uint64_t rule_index_buckets(uint64_t rules)
{
    return rules / RULE_GROUP_RULES + 1;
}

uint64_t rule_hash(bool hosts, struct view key);

static inline uint64_t rule_hash_bucket(uint64_t hash, uint64_t bucket_count)
{
    return (hash >> 32) * bucket_count >> 32;
}

static inline uint16_t rule_hash_tag(uint64_t hash)
{
    return (uint16_t)hash;
}

static inline uint32_t rule_hash_filter(uint64_t hash)
{
    return (uint32_t)1 << (hash >> 16 & 31) | (uint32_t)1 << (hash >> 21 & 31);
}

#endif
