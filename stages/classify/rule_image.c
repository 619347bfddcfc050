/*
 * Design: a section's checksum covers it and the zeros behind it up to the next, so that no byte of the file is outside all
 * checksums. XXH64 finds damage, not forgers; the operator's own rules need no protection from the operator. Still nothing
 * in the file is believed where a look-up would leave its memory: one pass over buckets and groups sees that every group
 * has the records it says and ends where the next begins, and notes in a bitmap where a record begins; one pass over the
 * order of keys takes each off again. The first runs through memory in its order, and the bitmap is small, so that a million
 * rules are checked in a few hundredths of a second.
 */
#include "stages/classify/rule_image.h"

#include "common/xxhash.h"
#include "stages/classify/rules_internal.h"

#include <sodium.h>
#include <stdlib.h>

enum {
    ALIGNMENT = 64, /* bytes; where sections begin */
    BYTE_ORDER_MARK = 0x01020304,
};

enum section {
    HOST_BUCKETS = 0,
    HOST_GROUPS,
    HOST_ORDER,
    APP_BUCKETS,
    APP_GROUPS,
    APP_ORDER,
    UNSUPPORTED,
    LISTS,
    SECTIONS,
};

static const char *const section_names[SECTIONS] = {
    [HOST_BUCKETS] = "host buckets", [HOST_GROUPS] = "host rules",
    [HOST_ORDER] = "order of hosts", [APP_BUCKETS] = "app buckets",
    [APP_GROUPS] = "app rules",      [APP_ORDER] = "order of apps",
    [UNSUPPORTED] = "unsupported",   [LISTS] = "lists"};

struct section_entry {
    uint64_t offset, size; /* bytes; the section's own, without the zeros behind it */
    uint64_t checksum;     /* XXH64, zeros included */
};

struct head {
    char magic[8];
    uint32_t version;
    uint32_t byte_order;
    uint64_t size; /* of the whole file */
    uint32_t depth, support;
    uint64_t hosts, apps; /* rules */
    uint8_t taxonomy[RULES_DIGEST_SIZE];
    uint8_t hosts_digest[RULES_DIGEST_SIZE], apps_digest[RULES_DIGEST_SIZE];
    struct section_entry sections[SECTIONS];
    uint8_t unused[40];
    uint64_t checksum; /* XXH64 of all before it */
};

_Static_assert(sizeof(struct head) == 384 && sizeof(struct head) % ALIGNMENT == 0, "docs/rule-file.md");
_Static_assert(sizeof(struct rule_bucket) == 8 && sizeof(struct rule_group) == 2 &&
                   sizeof(struct rule_record) == 4,
               "docs/rule-file.md");
_Static_assert(sizeof(struct rules_unsupported) == 8, "docs/rule-file.md");

static const char magic[8] = "CVRULES\n";
static const char advice[] = "compile the lists again with `clickveil rules compile`";

static uint64_t padded(uint64_t size)
{
    return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static uint64_t checksum_of(const void *data, size_t size)
{
    struct xxhash hash;
    xxhash_init(&hash);
    xxhash_add(&hash, data, size);
    return xxhash_end(&hash);
}

bool rule_image_is(struct view bytes)
{
    return bytes.size >= sizeof(magic) && memcmp(bytes.data, magic, sizeof(magic)) == 0;
}

/* What of a taxonomy decides: each row's tier, what it is at any depth, the row above it, and its name. */
static void digest_taxonomy(const struct taxonomy *taxonomy, uint8_t out_digest[RULES_DIGEST_SIZE])
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, RULES_DIGEST_SIZE);
    for (unsigned id = 1; id <= TAXONOMY_ID_MAX; id++) {
        unsigned tier = taxonomy_tier(taxonomy, id), resolved = 0;
        if (tier == 0)
            continue;
        enum taxonomy_status status = taxonomy_resolve(taxonomy, id, TAXONOMY_TIER_MAX, &resolved);
        struct view name = taxonomy_name(taxonomy, id);
        uint32_t numbers[] = {
            id,
            tier,
            (uint32_t)status,
            taxonomy_publishable_parent(taxonomy, id),
            resolved,
            (uint32_t)name.size,
        };
        crypto_generichash_update(&state, (const unsigned char *)numbers, sizeof(numbers));
        crypto_generichash_update(&state, (const unsigned char *)name.data, name.size);
    }
    crypto_generichash_final(&state, out_digest, RULES_DIGEST_SIZE);
}

/* ---- writing ---- */

static void list_sections(const struct rules *rules, struct view out_sections[SECTIONS])
{
    const struct rule_part *parts[] = {&rules->hosts, &rules->apps};
    for (unsigned i = 0; i < 2; i++) {
        const struct rule_part *part = parts[i];
        uint64_t buckets = part->index.buckets == NULL ? 0 : part->index.bucket_count + 1;
        out_sections[3 * i] =
            (struct view){(const char *)part->index.buckets, buckets * sizeof(struct rule_bucket)};
        out_sections[3 * i + 1] = (struct view){(const char *)part->index.groups, part->groups_size};
        out_sections[3 * i + 2] =
            (struct view){(const char *)part->order, part->count * sizeof(*part->order)};
    }
    out_sections[UNSUPPORTED] = (struct view){(const char *)rules->unsupported,
                                              rules->totals.unsupported * sizeof(*rules->unsupported)};
    out_sections[LISTS] = rules->lists;
}

static const char zeros[ALIGNMENT];

bool rule_image_write(const struct rules *rules, const struct taxonomy *taxonomy,
                      bool (*take)(void *context, const void *data, size_t size_bytes, struct error *error),
                      void *context, struct error *error)
{
    struct view sections[SECTIONS];
    struct head head;
    uint64_t offset = sizeof(head);
    memset(&head, 0, sizeof(head));
    memcpy(head.magic, magic, sizeof(magic));
    head.version = RULE_IMAGE_VERSION;
    head.byte_order = BYTE_ORDER_MARK;
    head.depth = rules->depth;
    head.support = rules->support;
    head.hosts = rules->hosts.count;
    head.apps = rules->apps.count;
    digest_taxonomy(taxonomy, head.taxonomy);
    memcpy(head.hosts_digest, rules->hosts.digest, RULES_DIGEST_SIZE);
    memcpy(head.apps_digest, rules->apps.digest, RULES_DIGEST_SIZE);
    list_sections(rules, sections);
    for (unsigned i = 0; i < SECTIONS; i++) {
        struct xxhash hash;
        uint64_t size = sections[i].size;
        xxhash_init(&hash);
        xxhash_add(&hash, sections[i].data, size);
        xxhash_add(&hash, zeros, padded(size) - size);
        head.sections[i] = (struct section_entry){offset, size, xxhash_end(&hash)};
        offset += padded(size);
    }
    head.size = offset;
    head.checksum = checksum_of(&head, offsetof(struct head, checksum));
    if (!take(context, &head, sizeof(head), error))
        return false;
    for (unsigned i = 0; i < SECTIONS; i++) {
        uint64_t size = sections[i].size;
        if ((size > 0 && !take(context, sections[i].data, size, error)) ||
            (padded(size) > size && !take(context, zeros, padded(size) - size, error)))
            return false;
    }
    return true;
}

/* ---- reading: the head ---- */

/* A file that is being read. */
struct image {
    const char *path;
    struct view bytes;
    const struct head *head;
};

static bool refuse(const struct image *image, struct error *error, const char *what)
{
    return error_fail(error, EXIT_STATUS_CONFIGURATION, image->path, advice, "%s", what);
}

static bool check_head(const struct image *image, struct error *error)
{
    const struct head *head = image->head;
    uint64_t offset = sizeof(*head);
    if (!rule_image_is(image->bytes))
        return refuse(image, error, "this is no compiled rule file");
    if (image->bytes.size < sizeof(*head))
        return refuse(image, error, "the compiled rule file is cut off in its head");
    if (head->byte_order != BYTE_ORDER_MARK)
        return refuse(image, error,
                      "the compiled rule file is for machines of another byte order, or damaged");
    if (head->version != RULE_IMAGE_VERSION)
        return error_fail(error, EXIT_STATUS_CONFIGURATION, image->path, advice,
                          "the compiled rule file has version %u; this program reads version %d",
                          (unsigned)head->version, (int)RULE_IMAGE_VERSION);
    if (head->checksum != checksum_of(head, offsetof(struct head, checksum)))
        return refuse(image, error, "the head of the compiled rule file is damaged: its checksum is wrong");
    if (head->size != image->bytes.size)
        return error_fail(
            error, EXIT_STATUS_CONFIGURATION, image->path, advice,
            "the compiled rule file has %zu bytes instead of %llu: it is cut off, or something was "
            "added",
            image->bytes.size, (unsigned long long)head->size);
    for (unsigned i = 0; i < SECTIONS; i++) {
        const struct section_entry *section = &head->sections[i];
        if (offset > head->size || section->offset != offset || section->size > head->size - offset)
            return refuse(image, error,
                          "the sections of the compiled rule file do not lie where they should");
        offset += padded(section->size);
    }
    if (offset != head->size)
        return refuse(image, error, "the sections of the compiled rule file do not fill it");
    return true;
}

static bool check_sections(const struct image *image, struct error *error)
{
    for (unsigned i = 0; i < SECTIONS; i++) {
        const struct section_entry *section = &image->head->sections[i];
        if (checksum_of(image->bytes.data + section->offset, padded(section->size)) != section->checksum)
            return error_fail(error, EXIT_STATUS_CONFIGURATION, image->path, advice,
                              "the compiled rule file is damaged: the checksum of its section `%s` is wrong",
                              section_names[i]);
    }
    return true;
}

static bool check_settings(const struct image *image, const struct taxonomy *taxonomy,
                           const struct rules_settings *settings, struct error *error)
{
    uint8_t digest[RULES_DIGEST_SIZE];
    digest_taxonomy(taxonomy, digest);
    if (memcmp(digest, image->head->taxonomy, sizeof(digest)) != 0)
        return refuse(
            image, error,
            "the rules were compiled for another taxonomy than classify.taxonomy names, or for another "
            "state of it");
    if (settings == NULL)
        return true;
    if (image->head->depth != settings->depth)
        return error_fail(error, EXIT_STATUS_CONFIGURATION, image->path,
                          "set classify.depth to that, or compile again",
                          "the rules were compiled with --depth %u, and classify.depth is %u",
                          (unsigned)image->head->depth, settings->depth);
    if (image->head->support != settings->support)
        return error_fail(error, EXIT_STATUS_CONFIGURATION, image->path,
                          "set classify.support to that, or compile again",
                          "the rules were compiled with --support %u, and classify.support is %u",
                          (unsigned)image->head->support, settings->support);
    return true;
}

/* ---- reading: rules ---- */

static bool record_is_sound(const struct rule_record *record, size_t rest, size_t *out_size, bool *seen)
{
    if (rest < sizeof(*record))
        return false;
    *out_size = rule_record_size(record->key_size, record->interest_room);
    if (*out_size > rest || record->key_size == 0 || record->interest_room > RECORD_INTERESTS_MAX ||
        record->interest_count > record->interest_room || record->kind < RULE_INTERESTS ||
        record->kind > RULE_UNSUPPORTED || (record->kind == RULE_INTERESTS) != (record->interest_count > 0))
        return false;
    unsigned before = 0;
    for (unsigned i = 0; i < record->interest_count; i++) {
        unsigned interest = rule_record_interests(record)[i];
        if (interest <= before)
            return false;
        seen[interest] = true;
        before = interest;
    }
    return true;
}

/* Where in a part's groups each record begins: a bit for every RULE_RECORD_ALIGNMENT bytes. */
static void note_begin(uint64_t *begins, uint64_t position)
{
    begins[position / 64] |= (uint64_t)1 << position % 64;
}

/* A group that begins at `at` and ends at `end`, both in bytes. */
static bool group_is_sound(const struct rule_part *part, size_t at, size_t end, uint64_t *begins,
                           uint64_t *count, bool *seen)
{
    const struct rule_group *group = (const struct rule_group *)(const void *)(part->index.groups + at);
    size_t size;
    if (end - at < RULE_RECORD_ALIGNMENT || group->count == 0 ||
        rule_group_head_size(group->count) > end - at)
        return false;
    at += rule_group_head_size(group->count);
    for (unsigned i = 0; i < group->count; i++, at += size) {
        if (!record_is_sound(rule_part_at(part, (uint32_t)(at / RULE_RECORD_ALIGNMENT)), end - at, &size,
                             seen))
            return false;
        note_begin(begins, at / RULE_RECORD_ALIGNMENT);
    }
    *count += group->count;
    return at == end;
}

static bool groups_are_sound(const struct rule_part *part, uint64_t *begins, bool *seen)
{
    const struct rule_bucket *buckets = part->index.buckets;
    uint64_t count = 0;
    if (buckets[0].position != 0 ||
        (size_t)buckets[part->index.bucket_count].position * RULE_RECORD_ALIGNMENT != part->groups_size)
        return false;
    for (uint64_t i = 0; i < part->index.bucket_count; i++) {
        size_t at = (size_t)buckets[i].position * RULE_RECORD_ALIGNMENT;
        size_t end = (size_t)buckets[i + 1].position * RULE_RECORD_ALIGNMENT;
        if (end < at || end > part->groups_size || (buckets[i].filter == 0) != (end == at) ||
            (end > at && !group_is_sound(part, at, end, begins, &count, seen)))
            return false;
    }
    return count == part->count;
}

/* Every place in the order leads to a record that no other leads to. */
static bool order_is_sound(const struct rule_part *part, uint64_t *begins)
{
    for (uint64_t i = 0; i < part->count; i++) {
        uint32_t position = part->order[i];
        uint64_t bit = (uint64_t)1 << position % 64;
        if (position >= part->groups_size / RULE_RECORD_ALIGNMENT || (begins[position / 64] & bit) == 0)
            return false;
        begins[position / 64] &= ~bit;
    }
    return true;
}

/* False: its sections have sizes that can't be. */
static bool place_part(const struct image *image, struct rule_part *part,
                       const struct section_entry *sections)
{
    const struct section_entry *buckets = sections, *groups = sections + 1, *order = sections + 2;
    if (part->count == 0 || buckets->size % sizeof(struct rule_bucket) != 0 ||
        buckets->size < 2 * sizeof(struct rule_bucket) ||
        buckets->size / sizeof(struct rule_bucket) > UINT32_MAX ||
        groups->size % RULE_RECORD_ALIGNMENT != 0 || groups->size / RULE_RECORD_ALIGNMENT > UINT32_MAX ||
        order->size % sizeof(*part->order) != 0 || order->size / sizeof(*part->order) != part->count)
        return false;
    part->groups_size = groups->size;
    part->order = (const uint32_t *)(const void *)(image->bytes.data + order->offset);
    part->index = (struct rule_index){
        .buckets = (const struct rule_bucket *)(const void *)(image->bytes.data + buckets->offset),
        .bucket_count = buckets->size / sizeof(struct rule_bucket) - 1,
        .groups = (const unsigned char *)image->bytes.data + groups->offset,
    };
    return true;
}

static bool read_part(const struct image *image, struct rule_part *part, enum rule_file_kind kind, bool *seen,
                      struct error *error)
{
    bool hosts = kind == RULE_FILE_HOSTS;
    const struct section_entry *sections = &image->head->sections[hosts ? HOST_BUCKETS : APP_BUCKETS];
    *part = (struct rule_part){.kind = kind};
    memcpy(part->digest, hosts ? image->head->hosts_digest : image->head->apps_digest, RULES_DIGEST_SIZE);
    part->count = hosts ? image->head->hosts : image->head->apps;
    if (part->count == 0 && sections[0].size == 0 && sections[1].size == 0 && sections[2].size == 0)
        return true;
    bool sound = place_part(image, part, sections);
    if (sound) {
        uint64_t *begins = calloc(part->groups_size / RULE_RECORD_ALIGNMENT / 64 + 1, sizeof(*begins));
        if (begins == NULL)
            return error_fail(error, EXIT_STATUS_UNAVAILABLE, image->path, NULL,
                              "no memory to check the compiled rule file");
        sound = groups_are_sound(part, begins, seen) && order_is_sound(part, begins);
        free(begins);
    }
    return sound || error_fail(error, EXIT_STATUS_CONFIGURATION, image->path, advice,
                               "the compiled rule file is damaged: its %s contradict each other",
                               section_names[hosts ? HOST_GROUPS : APP_GROUPS]);
}

static bool read_unsupported(const struct image *image, struct rules *rules, struct error *error)
{
    const struct section_entry *section = &image->head->sections[UNSUPPORTED];
    size_t count = section->size / sizeof(struct rules_unsupported);
    if (section->size % sizeof(struct rules_unsupported) != 0 || count > TAXONOMY_ID_MAX)
        return refuse(image, error,
                      "the compiled rule file is damaged: its section `unsupported` has no end");
    rules->unsupported =
        (const struct rules_unsupported *)(const void *)(image->bytes.data + section->offset);
    rules->totals.unsupported = count;
    return true;
}

/* Nothing comes out that the taxonomy does not let through, whatever the file says. */
static bool check_interests(const struct image *image, const struct taxonomy *taxonomy, const bool *seen,
                            struct error *error)
{
    for (unsigned id = 0; id <= TAXONOMY_ID_MAX; id++) {
        unsigned resolved;
        if (seen[id] &&
            (taxonomy_resolve(taxonomy, id, image->head->depth, &resolved) != TAXONOMY_PUBLISHABLE ||
             resolved != id))
            return error_fail(
                error, EXIT_STATUS_CONFIGURATION, image->path, advice,
                "the compiled rule file has interest %u, which the taxonomy does not let through at "
                "this depth",
                id);
    }
    return true;
}

static bool read_image(const struct image *image, struct rules *rules, const struct taxonomy *taxonomy,
                       const struct rules_settings *settings, bool *seen, struct error *error)
{
    return check_head(image, error) && check_settings(image, taxonomy, settings, error) &&
           check_sections(image, error) && read_part(image, &rules->hosts, RULE_FILE_HOSTS, seen, error) &&
           read_part(image, &rules->apps, RULE_FILE_APPS, seen, error) &&
           check_interests(image, taxonomy, seen, error) && read_unsupported(image, rules, error);
}

/* ---- reading: one file, or two ---- */

static struct view lists_of(const struct image *image)
{
    const struct section_entry *section = &image->head->sections[LISTS];
    return (struct view){image->bytes.data + section->offset, section->size};
}

static void conclude(struct rules *rules, const bool *seen)
{
    rules->totals.hosts = rules->hosts.count;
    rules->totals.apps = rules->apps.count;
    rules->totals.interests = 0;
    for (unsigned id = 0; id <= TAXONOMY_ID_MAX; id++)
        rules->totals.interests += seen[id];
    rules->totals.digest = rules_digest_of(rules);
}

/* The first file has one kind, `second` the other: together they are what one file would be, but that each was guarded by
 * its own backers, which is the stricter way. */
static bool join(struct rules *rules, const struct rules *second, const struct image images[2],
                 struct error *error)
{
    bool hosts = rules->hosts.count > 0;
    if ((hosts && second->hosts.count > 0) || (!hosts && second->apps.count > 0))
        return error_fail(error, EXIT_STATUS_CONFIGURATION, images[1].path,
                          "compile all lists of hosts into one file; one of apps may stand beside it",
                          "both compiled rule files have rules for %s", hosts ? "hosts" : "apps");
    if ((hosts && rules->apps.count > 0) || second->hosts.count + second->apps.count == 0)
        return error_fail(error, EXIT_STATUS_CONFIGURATION, images[1].path,
                          "leave one of them out of classify.rules",
                          "one of the compiled rule files has both kinds of rules already");
    if (memcmp(images[0].head->taxonomy, images[1].head->taxonomy, RULES_DIGEST_SIZE) != 0 ||
        rules->depth != second->depth || rules->support != second->support)
        return error_fail(error, EXIT_STATUS_CONFIGURATION, images[1].path,
                          "compile both with one taxonomy, --depth and --support",
                          "the two compiled rule files were made differently");
    struct view first_lists = lists_of(&images[0]), second_lists = lists_of(&images[1]);
    size_t count = rules->totals.unsupported + second->totals.unsupported;
    struct rules_unsupported *unsupported = calloc(count + 1, sizeof(*unsupported));
    char *lists = malloc(first_lists.size + second_lists.size + 1);
    rules->own_unsupported = unsupported;
    rules->own_lists = lists;
    if (unsupported == NULL || lists == NULL)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, NULL, "no memory for the rules");
    memcpy(unsupported, rules->unsupported, rules->totals.unsupported * sizeof(*unsupported));
    memcpy(unsupported + rules->totals.unsupported, second->unsupported,
           second->totals.unsupported * sizeof(*unsupported));
    memcpy(lists, first_lists.data, first_lists.size);
    memcpy(lists + first_lists.size, second_lists.data, second_lists.size);
    rules->unsupported = unsupported;
    rules->totals.unsupported = count;
    rules->lists = (struct view){lists, first_lists.size + second_lists.size};
    if (hosts)
        rules->apps = second->apps;
    else
        rules->hosts = second->hosts;
    return true;
}

static bool load_one(const char *path, struct image *image, struct rules *rules,
                     struct mapped_file **out_file, const struct taxonomy *taxonomy,
                     const struct rules_settings *settings, bool *seen, struct error *error)
{
    *out_file = mapped_file_new(path, RULE_IMAGE_SIZE_MAX, error);
    if (*out_file == NULL)
        return false;
    *image = (struct image){.path = path, .bytes = mapped_file_bytes(*out_file)};
    image->head = (const struct head *)(const void *)image->bytes.data;
    if (!read_image(image, rules, taxonomy, settings, seen, error))
        return false;
    rules->depth = image->head->depth;
    rules->support = image->head->support;
    rules->lists = lists_of(image);
    return true;
}

struct rules *rule_image_load(const char *const *paths, unsigned count, const struct taxonomy *taxonomy,
                              const struct rules_settings *settings, struct error *error)
{
    struct image images[RULES_FILES_MAX];
    struct rules second = {.totals = {0}};
    struct rules *rules = calloc(1, sizeof(*rules));
    bool *seen = calloc(TAXONOMY_ID_MAX + 1, sizeof(*seen));
    bool success = false;
    ensure(count >= 1);
    if (rules == NULL || seen == NULL)
        error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, NULL, "no memory for the rules");
    else if (count > RULES_FILES_MAX)
        error_fail(
            error, EXIT_STATUS_CONFIGURATION, paths[RULES_FILES_MAX],
            "compile all lists into one file, or those of hosts into one and those of apps into another",
            "%u compiled rule files; %d are the most", count, (int)RULES_FILES_MAX);
    else
        success = load_one(paths[0], &images[0], rules, &rules->files[0], taxonomy, settings, seen, error) &&
                  (count == 1 || (load_one(paths[1], &images[1], &second, &rules->files[1], taxonomy,
                                           settings, seen, error) &&
                                  join(rules, &second, images, error)));
    if (success)
        conclude(rules, seen);
    else {
        rules_free(rules);
        rules = NULL;
    }
    free(seen);
    return rules;
}

/* ---- at leisure ---- */

static bool finds_all(const struct rules *rules, enum rule_file_kind kind)
{
    const struct rule_part *part = kind == RULE_FILE_HOSTS ? &rules->hosts : &rules->apps;
    struct rule_answer rule;
    struct view before = VIEW("");
    for (size_t position = 0; rules_next(rules, kind, &position, &rule);) {
        size_t shared = before.size < rule.key.size ? before.size : rule.key.size;
        int order = memcmp(before.data, rule.key.data, shared);
        if (order > 0 || (order == 0 && before.size >= rule.key.size) ||
            !rule_index_has(&part->index, kind == RULE_FILE_HOSTS, rule.key))
            return false;
        before = rule.key;
    }
    return true;
}

bool rule_image_verify(const struct rules *rules, struct error *error)
{
    unsigned char hosts[RULES_DIGEST_SIZE], apps[RULES_DIGEST_SIZE];
    rules_digest_part(&rules->hosts, hosts);
    rules_digest_part(&rules->apps, apps);
    if (memcmp(hosts, rules->hosts.digest, sizeof(hosts)) != 0 ||
        memcmp(apps, rules->apps.digest, sizeof(apps)) != 0)
        return error_fail(error, EXIT_STATUS_CONFIGURATION, NULL, advice,
                          "the compiled rules have another digest than their file says");
    if (!finds_all(rules, RULE_FILE_HOSTS) || !finds_all(rules, RULE_FILE_APPS))
        return error_fail(error, EXIT_STATUS_CONFIGURATION, NULL, advice,
                          "the compiled rules are not in order: one of them can't be found by its key");
    return true;
}
