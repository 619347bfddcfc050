/*
 * Design: the hash of a host is made from its end to its beginning, that of an app ID from its beginning to its end, so
 * that one pass gives the hashes of every suffix, or prefix, that could be a key. While it runs, each candidate's slot
 * is prefetched: with a million rules the slots lie outside the caches, and the misses then overlap instead of adding
 * up. After that the candidates are looked at, the longest first. The hash's upper half names the bucket, by which the
 * table may have any size and be three quarters full; its lower half is the slot's tag; the key itself is compared only
 * behind an equal tag. A bucket that is full runs over into the next.
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

static inline uint32_t hash_tag(uint64_t hash)
{
    return (uint32_t)hash;
}

/* The first slot of a hash's bucket. */
static inline uint64_t hash_slot(uint64_t hash, uint64_t buckets)
{
    return ((hash >> 32) * buckets >> 32) * RULE_BUCKET_SLOTS;
}

static const struct rule_record *record_at(const struct rule_index *index, uint32_t position)
{
    return (const struct rule_record *)(const void *)(index->records +
                                                      (size_t)position * RULE_RECORD_ALIGNMENT);
}

static const struct rule_record *find(const struct rule_index *index, uint64_t hash, struct view key)
{
    const struct rule_slot *end = index->slots + index->buckets * RULE_BUCKET_SLOTS;
    const struct rule_slot *slot = index->slots + hash_slot(hash, index->buckets);
    uint32_t tag = hash_tag(hash);
    for (;;) {
        if (slot->position == 0)
            return NULL;
        if (slot->tag == tag) {
            const struct rule_record *record = record_at(index, slot->position);
            if (view_equal(rule_record_key(record), key))
                return record;
        }
        if (++slot == end)
            slot = index->slots;
    }
}

static inline void consider(const struct rule_index *index, struct candidate *candidates, unsigned *count,
                            uint64_t hash, size_t size)
{
    hash = hash_finish(hash);
    candidates[*count] = (struct candidate){hash, (uint32_t)size};
    ++*count;
    __builtin_prefetch(&index->slots[hash_slot(hash, index->buckets)]);
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
    if (index->slots == NULL || host.size == 0 || host.size > RULE_KEY_SIZE_MAX)
        return NULL;
    for (unsigned i = host_candidates(index, host, candidates); i-- > 0;) {
        size_t size = candidates[i].size;
        const struct rule_record *record =
            find(index, candidates[i].hash, (struct view){host.data + host.size - size, size});
        if (record != NULL)
            return record;
    }
    return NULL;
}

static const struct rule_record *find_app(const struct rule_index *index, struct view app, unsigned skip)
{
    struct candidate candidates[CANDIDATES_MAX];
    unsigned count = app_candidates(index, app, candidates);
    for (unsigned i = count < skip ? 0 : count - skip; i-- > 0;) {
        const struct rule_record *record =
            find(index, candidates[i].hash, (struct view){app.data, candidates[i].size});
        if (record != NULL)
            return record;
    }
    return NULL;
}

const struct rule_record *rule_index_app(const struct rule_index *index, struct view app)
{
    char lower[RULE_KEY_SIZE_MAX];
    /* an ID that ends with a dot would look like a prefix */
    if (index->slots == NULL || app.size == 0 || app.size > sizeof(lower) || app.data[app.size - 1] == '.')
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
    return index->slots == NULL ? NULL : find_app(index, key, 1); /* the last candidate is the key itself */
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

bool rule_index_has(const struct rule_index *index, bool hosts, struct view key)
{
    return index->slots != NULL && find(index, hosts ? hash_host(key) : hash_app(key), key) != NULL;
}

uint64_t rule_index_buckets(uint64_t rules)
{
    return rules / RULE_BUCKET_FILL + 1;
}

static void insert(struct rule_slot *slots, uint64_t buckets, uint64_t hash, uint32_t position)
{
    ensure(position != 0);
    uint64_t i = hash_slot(hash, buckets);
    while (slots[i].position != 0)
        i = i + 1 < buckets * RULE_BUCKET_SLOTS ? i + 1 : 0;
    slots[i] = (struct rule_slot){hash_tag(hash), position};
}

void rule_index_insert_host(struct rule_slot *slots, uint64_t buckets, struct view key, uint32_t position)
{
    insert(slots, buckets, hash_host(key), position);
}

void rule_index_insert_app(struct rule_slot *slots, uint64_t buckets, struct view key, uint32_t position)
{
    insert(slots, buckets, hash_app(key), position);
}
