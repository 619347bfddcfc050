/*
 * Design: the hash of a host is made from its end to its beginning, that of an app ID from its beginning to its end, so
 * that one pass gives the hashes of every suffix, or prefix, that could be a key. While it runs, each candidate's bucket is
 * prefetched, so that the misses overlap instead of adding up; then the filters are asked, and what passes has its group
 * prefetched. After that these few candidates are looked at, the longest first.
 * The hash's upper half names the bucket, so there may be any number of them; the lower half has two bits of five for the
 * filter and sixteen for the tag. Behind an equal tag the key itself is compared.
 *
 * Rules come from the operator and not from the outside, so nobody can plant collisions in the table; a hash without a
 * secret keeps a compiled table the same everywhere.
 */
#include "stages/classify/rule_index.h"

#include "common/error.h"

enum { CANDIDATES_MAX = RULE_KEY_SIZE_MAX }; /* no key has more dots than bytes, whatever it looks like */

/* A key that might be in the index: its hash, and its bytes as a size from the end (hosts) or beginning (apps). */
struct candidate {
    uint64_t hash;
    const unsigned char *group; /* where it may be; set behind the filter */
    uint32_t size;
};

static const uint64_t hash_start = 0x9e3779b97f4a7c15u;

/* FNV-1a's step with a denser factor (64-bit fraction of the golden ratio is the start, this one is Murmur's). */
static inline uint64_t hash_byte(uint64_t hash, char byte)
{
    return (hash ^ (unsigned char)byte) * 0xc6a4a7935bd1e995u;
}

/* Spread every bit over all (the last steps of MurmurHash3, Austin Appleby, public domain). */
static inline uint64_t hash_finish(uint64_t hash)
{
    hash ^= hash >> 33;
    hash *= 0xff51afd7ed558ccdu;
    hash ^= hash >> 33;
    hash *= 0xc4ceb9fe1a85ec53u;
    return hash ^ hash >> 33;
}

/* The record of a candidate in its group; NULL: it is not there. */
static const struct rule_record *search(const struct candidate *candidate, struct view key)
{
    const unsigned char *at = candidate->group;
    uint16_t tag = rule_hash_tag(candidate->hash);
    const struct rule_group *group = (const struct rule_group *)(const void *)at;
    unsigned count = group->count, passed = 0;
    at += rule_group_head_size(count);
    for (unsigned i = 0; i < count; i++) {
        if (group->tags[i] != tag)
            continue;
        const struct rule_record *record = (const struct rule_record *)(const void *)at;
        for (; passed < i; passed++) {
            at += rule_record_size(record->key_size, record->interest_room);
            record = (const struct rule_record *)(const void *)at;
        }
        if (view_equal(rule_record_key(record), key))
            return record;
    }
    return NULL;
}

/* The group that may have a key of that hash, on its way from memory; NULL: none has it. */
static inline const unsigned char *group_of(const struct rule_index *index, uint64_t hash)
{
    const struct rule_bucket *bucket = &index->buckets[rule_hash_bucket(hash, index->bucket_count)];
    uint32_t filter = rule_hash_filter(hash);
    if ((bucket->filter & filter) != filter)
        return NULL;
    const unsigned char *group = index->groups + (size_t)bucket->position * RULE_RECORD_ALIGNMENT;
    __builtin_prefetch(group);
    __builtin_prefetch(group + 64); /* it is rarely longer than two cache lines */
    return group;
}

/* Keep only candidates whose group may have them, with that. Returns how many. */
static unsigned pass_filter(const struct rule_index *index, struct candidate *candidates, unsigned count)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < count; i++) {
        struct candidate candidate = candidates[i];
        candidate.group = group_of(index, candidate.hash);
        candidates[kept] = candidate;
        kept += candidate.group != NULL;
    }
    return kept;
}

static inline void consider(const struct rule_index *index, struct candidate *candidates, unsigned *count,
                            uint64_t hash, size_t size)
{
    hash = hash_finish(hash);
    candidates[*count] = (struct candidate){.hash = hash, .size = (uint32_t)size};
    ++*count;
    __builtin_prefetch(&index->buckets[rule_hash_bucket(hash, index->bucket_count)]);
}

/* The suffixes of a host that begin at a label; a single label can't be a key (common/host.h). Shortest first. */
static unsigned host_candidates(const struct rule_index *index, struct view host,
                                struct candidate candidates[CANDIDATES_MAX])
{
    uint64_t hash = hash_start;
    unsigned count = 0;
    bool dotted = false;
    for (size_t i = host.size; i-- > 0;) {
        char byte = host.data[i];
        if (byte == '.') {
            if (dotted)
                consider(index, candidates, &count, hash, host.size - i - 1);
            dotted = true;
        }
        hash = hash_byte(hash, byte);
    }
    if (dotted)
        consider(index, candidates, &count, hash, host.size);
    return count;
}

/* The prefixes of an app ID that end with a dot, and the whole. Shortest first. */
static unsigned app_candidates(const struct rule_index *index, struct view app,
                               struct candidate candidates[CANDIDATES_MAX])
{
    uint64_t hash = hash_start;
    unsigned count = 0;
    for (size_t i = 0; i < app.size; i++) {
        hash = hash_byte(hash, app.data[i]);
        if (app.data[i] == '.' || i + 1 == app.size)
            consider(index, candidates, &count, hash, i + 1);
    }
    return count;
}

const struct rule_record *rule_index_host(const struct rule_index *index, struct view host)
{
    struct candidate candidates[CANDIDATES_MAX];
    if (index->buckets == NULL || host.size == 0 || host.size > RULE_KEY_SIZE_MAX)
        return NULL;
    for (unsigned i = pass_filter(index, candidates, host_candidates(index, host, candidates)); i-- > 0;) {
        size_t size = candidates[i].size;
        const struct rule_record *record =
            search(&candidates[i], (struct view){host.data + host.size - size, size});
        if (record != NULL)
            return record;
    }
    return NULL;
}

static const struct rule_record *find_app(const struct rule_index *index, struct view app, unsigned skip)
{
    struct candidate candidates[CANDIDATES_MAX];
    unsigned count = app_candidates(index, app, candidates);
    for (unsigned i = pass_filter(index, candidates, count < skip ? 0 : count - skip); i-- > 0;) {
        const struct rule_record *record =
            search(&candidates[i], (struct view){app.data, candidates[i].size});
        if (record != NULL)
            return record;
    }
    return NULL;
}

const struct rule_record *rule_index_app(const struct rule_index *index, struct view app)
{
    char lower[RULE_KEY_SIZE_MAX];
    /* an ID that ends with a dot would look like a prefix */
    if (index->buckets == NULL || app.size == 0 || app.size > sizeof(lower) || app.data[app.size - 1] == '.')
        return NULL;
    for (size_t i = 0; i < app.size; i++) {
        char byte = app.data[i];
        lower[i] = (char)(byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte);
    }
    return find_app(index, (struct view){lower, app.size}, 0);
}

const struct rule_record *rule_index_above_host(const struct rule_index *index, struct view key)
{
    const char *dot = memchr(key.data, '.', key.size);
    if (dot == NULL)
        return NULL;
    size_t skipped = (size_t)(dot + 1 - key.data);
    return rule_index_host(index, (struct view){key.data + skipped, key.size - skipped});
}

const struct rule_record *rule_index_above_app(const struct rule_index *index, struct view key)
{
    return index->buckets == NULL ? NULL : find_app(index, key, 1); /* the last candidate is the key itself */
}

static uint64_t hash_host(struct view key)
{
    uint64_t hash = hash_start;
    for (size_t i = key.size; i-- > 0;)
        hash = hash_byte(hash, key.data[i]);
    return hash_finish(hash);
}

static uint64_t hash_app(struct view key)
{
    uint64_t hash = hash_start;
    for (size_t i = 0; i < key.size; i++)
        hash = hash_byte(hash, key.data[i]);
    return hash_finish(hash);
}

uint64_t rule_hash(bool hosts, struct view key)
{
    return hosts ? hash_host(key) : hash_app(key);
}

bool rule_index_has(const struct rule_index *index, bool hosts, struct view key)
{
    struct candidate candidate = {.hash = rule_hash(hosts, key), .size = (uint32_t)key.size};
    if (index->buckets == NULL)
        return false;
    candidate.group = group_of(index, candidate.hash);
    return candidate.group != NULL && search(&candidate, key) != NULL;
}
