/*
 * Design: rows of all files are read into a list of small entries; sorted by key and strength, equal keys meet and the
 * strongest stays. From the sorted list the index is laid out (rule_index.h): one pass counts what each group will have, one
 * puts it there. Then each question that needs the whole is asked of the index itself: is something above this key denied,
 * and who backs which interest. Last comes the digest over the records in the order of their keys: equal rules have equal
 * digests, however they were spread over files.
 *
 * Ten million rules are ordinary, so an entry has the first bytes of its key with it: most comparisons of the sort need no
 * second look into memory.
 */
#include "common/public_suffix.h"
#include "stages/classify/list_head.h"
#include "stages/classify/rules_internal.h"
#include "stages/classify/support.h"

#include <sodium.h>
#include <stdlib.h>

/* Bytes that grow while rules are read. */
struct pool {
    char *data;
    size_t size;
    size_t capacity;
};

struct entry {
    uint64_t start;     /* the first 8 bytes of the key, big endian, zeros behind a shorter one */
    uint32_t key;       /* offset in keys */
    uint32_t interests; /* index in interests */
    uint32_t line;
    uint16_t source; /* index in sources */
    uint8_t key_size;
    uint8_t kind; /* enum rule_kind */
    uint8_t interest_count;
};

/* One index under construction. */
struct build {
    enum rule_file_kind kind;
    struct pool entries;   /* struct entry */
    struct pool keys;      /* bytes */
    struct pool interests; /* uint16_t */
};

static bool no_memory(struct error *error)
{
    return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL,
                      "give the process more memory, or load fewer rules", "no memory for the rules");
}

/* ---- reading ---- */

static bool pool_append(struct pool *pool, const void *data, size_t size, struct error *error)
{
    if (size == 0)
        return true;
    if (size > pool->capacity - pool->size) {
        size_t capacity = pool->capacity == 0 ? 65536 : pool->capacity * 2;
        char *grown = capacity > UINT32_MAX ? NULL : realloc(pool->data, capacity); /* offsets have 32 bits */
        if (grown == NULL)
            return no_memory(error);
        pool->data = grown;
        pool->capacity = capacity;
    }
    memcpy(pool->data + pool->size, data, size);
    pool->size += size;
    return true;
}

static void build_release(struct build *build)
{
    free(build->entries.data);
    free(build->keys.data);
    free(build->interests.data);
}

static uint64_t build_count(const struct build *build)
{
    return build->entries.size / sizeof(struct entry);
}

/* A key of one file and a row of the taxonomy meet here. False: reported. */
static bool resolve_interest(const struct taxonomy *taxonomy, unsigned depth, const struct rule_row *row,
                             unsigned i, const char *name, struct mistakes *mistakes, uint16_t *out_interest)
{
    unsigned id = row->interests[i];
    unsigned resolved;
    struct view label = taxonomy_name(taxonomy, id);
    switch (taxonomy_resolve(taxonomy, id, depth, &resolved)) {
    case TAXONOMY_PUBLISHABLE:
        *out_interest = (uint16_t)resolved;
        return true;
    case TAXONOMY_UNKNOWN:
        mistakes_add(mistakes, name, row->line, row->interest_columns[i], "the taxonomy has no row %u", id);
        break;
    case TAXONOMY_REFUSED:
        mistakes_add(mistakes, name, row->line, row->interest_columns[i],
                     "row %u of the taxonomy is no interest (only rows below Interest are, and not the root)",
                     id);
        break;
    case TAXONOMY_SENSITIVE:
        mistakes_add(mistakes, name, row->line, row->interest_columns[i],
                     "row %u of the taxonomy (%.*s) is sensitive and never published: write deny", id,
                     (int)label.size, label.data);
        break;
    }
    return false;
}

static bool resolve_interests(const struct taxonomy *taxonomy, unsigned depth, const struct rule_row *row,
                              const char *name, struct mistakes *mistakes,
                              uint16_t out_interests[RECORD_INTERESTS_MAX])
{
    bool success = true;
    for (unsigned i = 0; i < row->interest_count; i++) {
        if (!resolve_interest(taxonomy, depth, row, i, name, mistakes, &out_interests[i]))
            success = false;
    }
    return success;
}

static uint64_t key_start(const char *key, size_t size)
{
    uint64_t start = 0;
    for (size_t i = 0; i < sizeof(start); i++)
        start = start << 8 | (i < size ? (unsigned char)key[i] : 0);
    return start;
}

/* Rows of the taxonomy that a list denies, as what they would be published as. */
struct denied {
    uint64_t lines; /* that said so */
    unsigned count;
    bool rows[TAXONOMY_ID_MAX + 1];
};

/* One that is never published needs no deny, and may have one. */
static void deny_category(struct denied *denied, const struct taxonomy *taxonomy, unsigned depth,
                          const struct rule_row *row, const char *name, struct mistakes *mistakes)
{
    unsigned resolved;
    denied->lines++;
    switch (taxonomy_resolve(taxonomy, row->category, depth, &resolved)) {
    case TAXONOMY_PUBLISHABLE:
        denied->count += !denied->rows[resolved];
        denied->rows[resolved] = true;
        break;
    case TAXONOMY_UNKNOWN:
        mistakes_add(mistakes, name, row->line, 1, "the taxonomy has no row %u", row->category);
        break;
    case TAXONOMY_REFUSED:
    case TAXONOMY_SENSITIVE:
        break;
    }
}

static bool read_source(struct build *build, struct denied *denied, const struct taxonomy *taxonomy,
                        const struct rule_source *sources, unsigned source, unsigned depth,
                        struct mistakes *mistakes, struct error *error)
{
    struct rule_file file;
    struct rule_row row;
    uint16_t interests[RECORD_INTERESTS_MAX];
    rule_file_init(&file, sources[source].kind, sources[source].name, sources[source].bytes, mistakes);
    while (rule_file_next(&file, &row)) {
        if (row.category != 0) {
            deny_category(denied, taxonomy, depth, &row, sources[source].name, mistakes);
            continue;
        }
        if (!resolve_interests(taxonomy, depth, &row, sources[source].name, mistakes, interests))
            continue;
        struct entry entry = {
            .start = key_start(row.key, row.key_size),
            .key = (uint32_t)build->keys.size,
            .interests = (uint32_t)(build->interests.size / sizeof(interests[0])),
            .line = row.line,
            .source = (uint16_t)source,
            .key_size = (uint8_t)row.key_size,
            .kind = (uint8_t)row.kind,
            .interest_count = (uint8_t)row.interest_count,
        };
        if (!pool_append(&build->keys, row.key, row.key_size, error) ||
            !pool_append(&build->interests, interests, row.interest_count * sizeof(interests[0]), error) ||
            !pool_append(&build->entries, &entry, sizeof(entry), error))
            return false;
    }
    return true;
}

/* ---- merging ---- */

static int compare_keys(const struct entry *a, const struct entry *b, const char *keys)
{
    if (a->start != b->start) /* keys have no byte of zero */
        return a->start < b->start ? -1 : 1;
    size_t shared = a->key_size < b->key_size ? a->key_size : b->key_size;
    int order = memcmp(keys + a->key, keys + b->key, shared);
    return order != 0 ? order : (int)a->key_size - (int)b->key_size;
}

/* By key, and the strongest first: deny over none over interests (spec 9); the enum rises in that order. */
static int compare_entries(const void *left, const void *right, void *keys)
{
    const struct entry *a = left;
    const struct entry *b = right;
    int order = compare_keys(a, b, keys);
    if (order == 0)
        order = (int)b->kind - (int)a->kind;
    if (order == 0)
        order = a->source != b->source ? (int)a->source - (int)b->source
                                       : (a->line > b->line) - (a->line < b->line);
    return order;
}

/* Add an identifier to a rising list, once. False: the list is full. */
static bool interest_insert(uint16_t *interests, unsigned *count, uint16_t interest)
{
    unsigned at = 0;
    while (at < *count && interests[at] < interest)
        at++;
    if (at < *count && interests[at] == interest)
        return true;
    if (*count == RECORD_INTERESTS_MAX)
        return false;
    memmove(interests + at + 1, interests + at, (*count - at) * sizeof(*interests));
    interests[at] = interest;
    ++*count;
    return true;
}

/* Entries with one key: the first decides, and where that is interests, all of them are joined. */
struct merged {
    const struct entry *first;
    uint64_t entries;
    unsigned interest_count;
    uint16_t interests[RECORD_INTERESTS_MAX];
};

static void merge(const struct build *build, uint64_t at, const struct rule_source *sources,
                  struct mistakes *mistakes, struct merged *out_merged)
{
    const struct entry *entries = (const struct entry *)(const void *)build->entries.data;
    const uint16_t *interests = (const uint16_t *)(const void *)build->interests.data;
    uint64_t count = build_count(build);
    const struct entry *first = &entries[at];
    uint64_t end = at;
    out_merged->first = first;
    out_merged->interest_count = 0;
    for (; end < count && compare_keys(first, &entries[end], build->keys.data) == 0; end++) {
        if (first->kind != RULE_INTERESTS)
            continue;
        for (unsigned i = 0; i < entries[end].interest_count; i++) {
            if (interest_insert(out_merged->interests, &out_merged->interest_count,
                                interests[entries[end].interests + i]))
                continue;
            mistakes_add(mistakes, sources[entries[end].source].name, entries[end].line, 1,
                         "together with what other lines say of this key these are more than %d interests",
                         (int)RECORD_INTERESTS_MAX);
            break;
        }
    }
    out_merged->entries = end - at;
}

/* ---- laying out ---- */

/* A record of rules under construction. */
static struct rule_record *record_at(const struct rule_part *part, uint32_t position)
{
    return (struct rule_record *)(void *)(part->own_groups + (size_t)position * RULE_RECORD_ALIGNMENT);
}

static uint16_t *record_interests(struct rule_record *record)
{
    return (uint16_t *)(uintptr_t)rule_record_interests(record);
}

/* Have only `count` interests from now on; what stood behind them goes. */
static void record_shorten(struct rule_record *record, unsigned count)
{
    memset(record_interests(record) + count, 0, (record->interest_room - count) * sizeof(uint16_t));
    record->interest_count = (uint8_t)count;
}

/* What is known of each rule before it is laid out, in the order of keys. */
struct plan {
    uint64_t *hashes;
    uint32_t *sizes; /* of records, in units of RULE_RECORD_ALIGNMENT */
    uint64_t count;
    uint16_t *counts; /* of each bucket: records, and then those that are laid out */
};

static void plan_release(struct plan *plan)
{
    free(plan->hashes);
    free(plan->sizes);
    free(plan->counts);
}

/* Merge once for the sizes, and count what comes into each bucket. */
static bool plan_make(struct plan *plan, struct rule_part *part, const struct build *build,
                      const struct rule_source *sources, struct mistakes *mistakes, struct error *error)
{
    uint64_t entries = build_count(build);
    plan->hashes = calloc(entries, sizeof(*plan->hashes));
    plan->sizes = calloc(entries, sizeof(*plan->sizes));
    if (plan->hashes == NULL || plan->sizes == NULL)
        return no_memory(error);
    for (uint64_t i = 0; i < entries; plan->count++) {
        struct merged merged;
        merge(build, i, sources, mistakes, &merged);
        struct view key = {build->keys.data + merged.first->key, merged.first->key_size};
        plan->hashes[plan->count] = rule_hash(part->kind == RULE_FILE_HOSTS, key);
        plan->sizes[plan->count] =
            (uint32_t)(rule_record_size(key.size, merged.interest_count) / RULE_RECORD_ALIGNMENT);
        i += merged.entries;
    }
    uint64_t buckets = rule_index_buckets(plan->count);
    plan->counts = calloc(buckets, sizeof(*plan->counts));
    part->own_buckets = calloc(buckets + 1, sizeof(*part->own_buckets));
    part->own_order = calloc(plan->count, sizeof(*part->own_order));
    if (plan->counts == NULL || part->own_buckets == NULL || part->own_order == NULL)
        return no_memory(error);
    part->index.bucket_count = buckets;
    return true;
}

/* Give every group its place; its records come behind its head, each where the one before ends. */
static bool place_groups(struct rule_part *part, struct plan *plan, struct error *error)
{
    struct rule_bucket *buckets = part->own_buckets;
    uint64_t at = 0;
    for (uint64_t i = 0; i < plan->count; i++) { /* sizes first, in `position` */
        uint64_t bucket = rule_hash_bucket(plan->hashes[i], part->index.bucket_count);
        ensure(plan->counts[bucket] < RULE_GROUP_RULES_MAX);
        plan->counts[bucket]++;
        buckets[bucket].position += plan->sizes[i];
        buckets[bucket].filter |= rule_hash_filter(plan->hashes[i]);
    }
    for (uint64_t bucket = 0; bucket <= part->index.bucket_count; bucket++) {
        uint64_t size = buckets[bucket].position;
        if (bucket < part->index.bucket_count && plan->counts[bucket] > 0)
            size += rule_group_head_size(plan->counts[bucket]) / RULE_RECORD_ALIGNMENT;
        buckets[bucket].position = (uint32_t)at;
        at += size;
    }
    part->groups_size = at * RULE_RECORD_ALIGNMENT;
    part->own_groups = at > UINT32_MAX ? NULL : calloc(at, RULE_RECORD_ALIGNMENT);
    if (part->own_groups == NULL)
        return no_memory(error);
    for (uint64_t bucket = 0; bucket < part->index.bucket_count; bucket++) {
        if (plan->counts[bucket] > 0)
            ((struct rule_group *)(void *)record_at(part, buckets[bucket].position))->count =
                plan->counts[bucket];
    }
    memset(plan->counts, 0, part->index.bucket_count * sizeof(*plan->counts)); /* from now on: laid out */
    return true;
}

/* The position of the next record in a group. Records come in the order of keys, so those before it have their sizes. */
static uint32_t next_place(const struct rule_part *part, struct rule_group *group, uint32_t position,
                           unsigned before)
{
    position += (uint32_t)(rule_group_head_size(group->count) / RULE_RECORD_ALIGNMENT);
    for (unsigned i = 0; i < before; i++) {
        const struct rule_record *record = record_at(part, position);
        position +=
            (uint32_t)(rule_record_size(record->key_size, record->interest_room) / RULE_RECORD_ALIGNMENT);
    }
    return position;
}

static void lay_out(struct rule_part *part, struct plan *plan, struct view key, const struct merged *merged)
{
    uint64_t hash = plan->hashes[part->count];
    uint64_t bucket = rule_hash_bucket(hash, part->index.bucket_count);
    uint32_t position = part->own_buckets[bucket].position;
    struct rule_group *group = (struct rule_group *)(void *)record_at(part, position);
    unsigned before = plan->counts[bucket]++;
    group->tags[before] = rule_hash_tag(hash);
    position = next_place(part, group, position, before);
    struct rule_record *record = record_at(part, position);
    *record = (struct rule_record){
        .kind = merged->first->kind,
        .key_size = (uint8_t)key.size,
        .interest_count = (uint8_t)merged->interest_count,
        .interest_room = (uint8_t)merged->interest_count,
    };
    memcpy(record + 1, key.data, key.size);
    memcpy(record_interests(record), merged->interests,
           merged->interest_count * sizeof(merged->interests[0]));
    part->own_order[part->count++] = position;
}

static bool part_fill(struct rule_part *part, struct plan *plan, const struct build *build,
                      const struct rule_source *sources, struct mistakes *mistakes, struct error *error)
{
    struct mistakes *known = calloc(1, sizeof(*known)); /* what merging finds was noted when it was planned */
    bool success = known != NULL ? plan_make(plan, part, build, sources, mistakes, error) &&
                                       place_groups(part, plan, error)
                                 : no_memory(error);
    for (uint64_t i = 0; success && i < build_count(build);) {
        struct merged merged;
        merge(build, i, sources, known, &merged);
        lay_out(part, plan, (struct view){build->keys.data + merged.first->key, merged.first->key_size},
                &merged);
        i += merged.entries;
    }
    free(known);
    return success;
}

static bool part_make(struct rule_part *part, struct build *build, const struct rule_source *sources,
                      struct mistakes *mistakes, struct error *error)
{
    struct plan plan = {.count = 0};
    uint64_t count = build_count(build);
    part->kind = build->kind;
    if (count == 0)
        return true;
    qsort_r(build->entries.data, count, sizeof(struct entry), compare_entries, build->keys.data);
    bool success = part_fill(part, &plan, build, sources, mistakes, error);
    plan_release(&plan);
    part->order = part->own_order;
    if (success) {
        part->index.buckets = part->own_buckets;
        part->index.groups = part->own_groups;
    }
    return success;
}

/* ---- questions to the whole ---- */

/* Goes through the records of a part in the order in which they lie. A zeroed one begins. */
struct walk {
    uint64_t bucket;
    unsigned left;
    size_t at; /* bytes */
};

static struct rule_record *walk_next(const struct rule_part *part, struct walk *walk)
{
    while (walk->left == 0) {
        if (walk->bucket >= part->index.bucket_count)
            return NULL;
        const struct rule_bucket *bucket = &part->own_buckets[walk->bucket++];
        if (bucket->filter == 0)
            continue;
        const struct rule_group *group = (const struct rule_group *)(void *)record_at(part, bucket->position);
        walk->left = group->count;
        walk->at = (size_t)bucket->position * RULE_RECORD_ALIGNMENT + rule_group_head_size(group->count);
    }
    struct rule_record *record = (struct rule_record *)(void *)(part->own_groups + walk->at);
    walk->at += rule_record_size(record->key_size, record->interest_room);
    walk->left--;
    return record;
}

/* Is the rule of a key above denied? Then so is this one: no list gets round a deny by going deeper. */
static bool is_denied_above(const struct rule_part *part, const struct rule_record *record)
{
    for (;;) {
        struct view key = rule_record_key(record);
        record = part->kind == RULE_FILE_HOSTS ? rule_index_above_host(&part->index, key)
                                               : rule_index_above_app(&part->index, key);
        if (record == NULL)
            return false;
        if (record->kind == RULE_DENY)
            return true;
    }
}

static void settle_denies(struct rule_part *part)
{
    struct walk walk = {.bucket = 0};
    for (struct rule_record *record; (record = walk_next(part, &walk)) != NULL;) {
        if (record->kind != RULE_DENY && is_denied_above(part, record)) {
            record->kind = RULE_DENY;
            record_shorten(record, 0);
        }
    }
}

/* Is the row denied, or one that it lies below? */
static bool is_denied_row(const struct denied *denied, const struct taxonomy *taxonomy, unsigned interest)
{
    for (; interest != 0; interest = taxonomy_publishable_parent(taxonomy, interest)) {
        if (denied->rows[interest])
            return true;
    }
    return false;
}

/* Before the support guard counts: what is denied backs nothing, also not what lies above it. */
static void strike_denied(struct rule_part *part, const struct denied *denied,
                          const struct taxonomy *taxonomy)
{
    struct walk walk = {.bucket = 0};
    for (struct rule_record *record; denied->count > 0 && (record = walk_next(part, &walk)) != NULL;) {
        uint16_t *interests = record_interests(record);
        unsigned kept = 0;
        if (record->kind != RULE_INTERESTS)
            continue;
        for (unsigned i = 0; i < record->interest_count; i++) {
            if (!is_denied_row(denied, taxonomy, interests[i]))
                interests[kept++] = interests[i];
        }
        record_shorten(record, kept);
        if (kept == 0)
            record->kind = RULE_DENY;
    }
}

/* Who stands behind a rule: the registrable domain of a host, or the app. */
static uint64_t backer_of(const struct rule_part *part, const struct rule_record *record)
{
    struct view name = rule_record_key(record);
    unsigned char kind = (unsigned char)part->kind;
    unsigned char hash[crypto_generichash_BYTES_MIN];
    uint64_t backer;
    crypto_generichash_state state;
    if (part->kind == RULE_FILE_HOSTS)
        name = public_suffix_registrable(name);
    ensure(!view_is_absent(name)); /* rules on public suffixes were refused */
    crypto_generichash_init(&state, NULL, 0, sizeof(hash));
    crypto_generichash_update(&state, &kind, 1);
    crypto_generichash_update(&state, (const unsigned char *)name.data, name.size);
    crypto_generichash_final(&state, hash, sizeof(hash));
    memcpy(&backer, hash, sizeof(backer));
    return backer;
}

/* Has it an interest that has not enough backers yet? Finding out who backs is what costs most of loading. */
static bool needs_backer(const struct support *support, const struct rule_record *record)
{
    for (unsigned i = 0; i < record->interest_count; i++) {
        if (!support_is_enough(support, rule_record_interests(record)[i]))
            return true;
    }
    return false;
}

static bool count_backers(const struct rule_part *part, struct support *support)
{
    struct walk walk = {.bucket = 0};
    for (const struct rule_record *record; (record = walk_next(part, &walk)) != NULL;) {
        if (!needs_backer(support, record))
            continue;
        uint64_t backer = backer_of(part, record);
        for (unsigned i = 0; i < record->interest_count; i++) {
            if (!support_add(support, rule_record_interests(record)[i], backer))
                return false;
        }
    }
    return true;
}

/* Write down what the guard made of each rule's interests, and mark in `seen` what can come out. */
static void apply_support(struct rule_part *part, const struct support *support, bool *seen)
{
    struct walk walk = {.bucket = 0};
    for (struct rule_record *record; (record = walk_next(part, &walk)) != NULL;) {
        uint16_t kept[RECORD_INTERESTS_MAX];
        unsigned count = 0;
        if (record->kind != RULE_INTERESTS)
            continue;
        for (unsigned i = 0; i < record->interest_count; i++) {
            unsigned result = support_result(support, rule_record_interests(record)[i]);
            /* no more than there were before, so there is room */
            if (result != 0 && interest_insert(kept, &count, (uint16_t)result))
                seen[result] = true;
        }
        memcpy(record_interests(record), kept, count * sizeof(kept[0]));
        record_shorten(record, count);
        if (count == 0)
            record->kind = RULE_UNSUPPORTED;
    }
}

static bool list_unsupported(struct rules *rules, const struct support *support)
{
    struct rules_unsupported *list;
    unsigned count = 0;
    for (unsigned id = 1; id <= TAXONOMY_ID_MAX; id++)
        count += support_backers(support, id) > 0 && support_result(support, id) != id;
    list = calloc(count + 1, sizeof(*list));
    rules->unsupported = rules->own_unsupported = list;
    if (list == NULL)
        return false;
    for (unsigned id = 1; id <= TAXONOMY_ID_MAX; id++) {
        unsigned result = support_result(support, id);
        if (support_backers(support, id) == 0 || result == id)
            continue;
        list[rules->totals.unsupported++] =
            (struct rules_unsupported){(uint16_t)id, (uint16_t)result, support_backers(support, id)};
    }
    return true;
}

static bool guard_support(struct rules *rules, const struct taxonomy *taxonomy, unsigned least,
                          struct error *error)
{
    bool success = false;
    bool *seen = calloc(TAXONOMY_ID_MAX + 1, sizeof(*seen));
    struct support *support = support_new(least);
    if (seen != NULL && support != NULL && count_backers(&rules->hosts, support) &&
        count_backers(&rules->apps, support) && support_decide(support, taxonomy) &&
        list_unsupported(rules, support)) {
        apply_support(&rules->hosts, support, seen);
        apply_support(&rules->apps, support, seen);
        for (unsigned id = 1; id <= TAXONOMY_ID_MAX; id++)
            rules->totals.interests += seen[id];
        success = true;
    }
    support_free(support);
    free(seen);
    return success || no_memory(error);
}

/* ---- life ---- */

static bool read_sources(struct build *hosts, struct build *apps, struct denied *denied,
                         const struct taxonomy *taxonomy, const struct rule_source *sources,
                         unsigned source_count, unsigned depth, uint64_t *out_rows, struct mistakes *mistakes,
                         struct error *error)
{
    for (unsigned i = 0; i < source_count; i++) {
        struct build *build = sources[i].kind == RULE_FILE_HOSTS ? hosts : apps;
        uint64_t before = build_count(build) + denied->lines;
        if (!read_source(build, denied, taxonomy, sources, i, depth, mistakes, error))
            return false;
        out_rows[i] = build_count(build) + denied->lines - before;
    }
    if (mistakes->count > 0)
        return mistakes_fail(mistakes, error);
    if (build_count(hosts) + build_count(apps) == 0)
        return error_fail(error, EXIT_STATUS_CONFIGURATION, source_count > 0 ? sources[0].name : NULL,
                          "write rules into the files that classify.hosts and classify.apps name",
                          "there is no rule at all");
    return true;
}

static bool rules_make(struct rules *rules, struct build *hosts, struct build *apps,
                       const struct denied *denied, const struct taxonomy *taxonomy,
                       const struct rule_source *sources, const struct rules_settings *settings,
                       struct mistakes *mistakes, struct error *error)
{
    if (!part_make(&rules->hosts, hosts, sources, mistakes, error) ||
        !part_make(&rules->apps, apps, sources, mistakes, error))
        return false;
    if (mistakes->count > 0)
        return mistakes_fail(mistakes, error);
    settle_denies(&rules->hosts);
    settle_denies(&rules->apps);
    strike_denied(&rules->hosts, denied, taxonomy);
    strike_denied(&rules->apps, denied, taxonomy);
    rules->depth = settings->depth;
    rules->support = settings->support;
    if (!guard_support(rules, taxonomy, settings->support, error))
        return false;
    rules_digest_part(&rules->hosts, rules->hosts.digest);
    rules_digest_part(&rules->apps, rules->apps.digest);
    rules->totals.hosts = rules->hosts.count;
    rules->totals.apps = rules->apps.count;
    rules->totals.digest = rules_digest_of(rules);
    return true;
}

static bool note_lists(struct rules *rules, const struct rule_source *sources, unsigned source_count,
                       const uint64_t *rows, struct error *error)
{
    rules->own_lists = list_head_table(sources, rows, source_count);
    if (rules->own_lists == NULL)
        return no_memory(error);
    rules->lists = view_of_string(rules->own_lists);
    return true;
}

struct rules *rules_new(const struct taxonomy *taxonomy, const struct rule_source *sources,
                        unsigned source_count, const struct rules_settings *settings,
                        struct mistakes *mistakes, struct error *error)
{
    struct build hosts = {.kind = RULE_FILE_HOSTS};
    struct build apps = {.kind = RULE_FILE_APPS};
    struct rules *rules = calloc(1, sizeof(*rules));
    struct denied *denied = calloc(1, sizeof(*denied));
    uint64_t *rows = calloc(source_count + 1, sizeof(*rows));
    ensure(source_count <= UINT16_MAX);
    if (rules == NULL || denied == NULL || rows == NULL)
        no_memory(error);
    if (rules == NULL || denied == NULL || rows == NULL ||
        !read_sources(&hosts, &apps, denied, taxonomy, sources, source_count, settings->depth, rows, mistakes,
                      error) ||
        !rules_make(rules, &hosts, &apps, denied, taxonomy, sources, settings, mistakes, error) ||
        !note_lists(rules, sources, source_count, rows, error)) {
        rules_free(rules);
        rules = NULL;
    }
    free(denied);
    free(rows);
    build_release(&hosts);
    build_release(&apps);
    return rules;
}

static void part_release(struct rule_part *part)
{
    free(part->own_buckets);
    free(part->own_groups);
    free(part->own_order);
}

void rules_free(struct rules *rules)
{
    if (rules == NULL)
        return;
    part_release(&rules->hosts);
    part_release(&rules->apps);
    free(rules->own_unsupported);
    free(rules->own_lists);
    for (unsigned i = 0; i < RULES_FILES_MAX; i++)
        mapped_file_free(rules->files[i]);
    free(rules);
}

static struct rule_answer answer(const struct rule_record *record)
{
    if (record == NULL)
        return (struct rule_answer){.kind = RULE_UNKNOWN};
    return (struct rule_answer){
        .kind = (enum rule_kind)record->kind,
        .interest_count = record->interest_count,
        .interests = rule_record_interests(record),
        .key = rule_record_key(record),
    };
}

struct rule_answer rules_host(const struct rules *rules, struct view host)
{
    return answer(rule_index_host(&rules->hosts.index, host));
}

struct rule_answer rules_app(const struct rules *rules, struct view app)
{
    return answer(rule_index_app(&rules->apps.index, app));
}

const struct rules_totals *rules_totals(const struct rules *rules)
{
    return &rules->totals;
}

const struct rules_unsupported *rules_unsupported(const struct rules *rules, unsigned *out_count)
{
    *out_count = (unsigned)rules->totals.unsupported;
    return rules->unsupported;
}

bool rules_next(const struct rules *rules, enum rule_file_kind kind, size_t *position,
                struct rule_answer *out_rule)
{
    const struct rule_part *part = kind == RULE_FILE_HOSTS ? &rules->hosts : &rules->apps;
    if (*position >= part->count)
        return false;
    *out_rule = answer(rule_part_at(part, part->order[(*position)++]));
    return true;
}

struct view rules_lists(const struct rules *rules)
{
    return rules->lists;
}

bool rules_are_whole(const struct rules *rules)
{
    bool whole = true;
    for (unsigned i = 0; i < RULES_FILES_MAX; i++)
        whole = whole && (rules->files[i] == NULL || mapped_file_is_whole(rules->files[i]));
    return whole;
}
