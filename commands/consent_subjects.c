/*
 * Design. A table by a hash of the canonical key, doubled when it is three quarters full; subjects stand in blocks and do not
 * move. All subjects of the topic are counted by 64 bits of their hash, whether they are kept or not: two of 20 million fall
 * together with a chance of one in a hundred thousand, and it is a count.
 */
#include "commands/consent_subjects.h"

#include "common/clock.h"
#include "common/partitioner.h"
#include "common/programme.h"
#include "stages/registry.h"

#include <sodium.h>
#include <stdlib.h>

enum { BLOCK = 1024, SLOTS_FIRST = 4096, SCAN_TIMEOUT_MS = 15000 };

struct consent_subjects {
    const struct config *config;
    bool all;
    struct choice_names names;
    struct consent_rules rules;
    struct consent_reader *reader;
    uint8_t hash_key[crypto_shorthash_KEYBYTES];
    struct consent_subject **blocks;
    uint64_t count;
    uint64_t *slots; /* index + 1 */
    uint64_t slot_count;
    uint64_t *seen; /* hashes of all subjects with a choice; 0: free */
    uint64_t seen_size, seen_count;
    struct consent_counts counts;

    consent_subjects_visitor *visit;
    void *context;
};

/* ---- life ---- */

static const struct consent_judge *find_judge(void)
{
    for (unsigned i = 0; registry[i]; i++) {
        if (registry[i]->judge)
            return registry[i]->judge;
    }
    return NULL;
}

/* Is nobody enrolled in it without an `in`? */
static bool needs_in(const struct programme *programme)
{
    const struct option_enum_pair *regions = programme->regions.items;
    bool needs = programme->regime != REGIME_OPT_OUT;
    for (unsigned i = 0; i < programme->regions.count; i++)
        needs &= regions[i].value != REGIME_OPT_OUT;
    return needs;
}

struct consent_subjects *consent_subjects_new(const struct config *config, bool all, struct error *error)
{
    struct consent_subjects *subjects = calloc(1, sizeof *subjects);
    if (!subjects || !choice_names_compile(config, &subjects->names, error)) {
        if (!subjects)
            (void)error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for subjects");
        free(subjects);
        return NULL;
    }
    subjects->config = config;
    subjects->all = all;
    randombytes_buf(subjects->hash_key, sizeof subjects->hash_key);
    subjects->rules =
        (struct consent_rules){.judge = find_judge(), .names = &subjects->names, .now_ms = clock_unix_ms()};
    ensure(subjects->rules.judge != NULL);
    for (unsigned i = 0; i < subjects->names.count; i++) {
        if (i >= config->programmes.count || needs_in(config_programme(config, i)))
            subjects->rules.unsaid |= (choice_set)(1u << i);
    }
    subjects->reader = consent_reader_new(&subjects->names, (enum identifier_kind)config->subscriber.kind);
    subjects->slots = calloc(SLOTS_FIRST, sizeof *subjects->slots);
    subjects->slot_count = SLOTS_FIRST;
    subjects->seen = calloc(SLOTS_FIRST, sizeof *subjects->seen);
    subjects->seen_size = SLOTS_FIRST;
    if (!subjects->reader || !subjects->slots || !subjects->seen) {
        consent_subjects_free(subjects);
        (void)error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for subjects");
        return NULL;
    }
    return subjects;
}

void consent_subjects_free(struct consent_subjects *subjects)
{
    if (!subjects)
        return;
    for (uint64_t i = 0; i < subjects->count; i++) {
        struct consent_subject *subject = consent_subjects_at(subjects, i);
        free(subject->newest_key);
        free(subject->value);
        free(subject->state);
    }
    for (uint64_t i = 0; i * BLOCK < subjects->count; i++)
        free(subjects->blocks[i]);
    free(subjects->blocks);
    free(subjects->slots);
    free(subjects->seen);
    consent_reader_free(subjects->reader);
    free(subjects);
}

/* ---- the table ---- */

static uint64_t hash_of(const struct consent_subjects *subjects, const struct consent_key *key)
{
    uint8_t text[SUBJECT_IDENTIFIER_SIZE_MAX + 2], hash[crypto_shorthash_BYTES];
    uint64_t number;
    text[0] = (uint8_t)key->subject;
    text[1] = (uint8_t)key->identifier_kind;
    memcpy(text + 2, key->identifier, key->size);
    crypto_shorthash(hash, text, key->size + 2, subjects->hash_key);
    memcpy(&number, hash, sizeof number);
    return number ? number : 1;
}

static bool is_same(const struct consent_key *a, const struct consent_key *b)
{
    return a->subject == b->subject && a->identifier_kind == b->identifier_kind && a->size == b->size &&
           memcmp(a->identifier, b->identifier, a->size) == 0;
}

struct consent_subject *consent_subjects_at(struct consent_subjects *subjects, uint64_t index)
{
    return &subjects->blocks[index / BLOCK][index % BLOCK];
}

static uint64_t *slot_of(struct consent_subjects *subjects, const struct consent_key *key)
{
    uint64_t mask = subjects->slot_count - 1;
    uint64_t at = hash_of(subjects, key) & mask;
    while (subjects->slots[at] && !is_same(&consent_subjects_at(subjects, subjects->slots[at] - 1)->key, key))
        at = (at + 1) & mask;
    return &subjects->slots[at];
}

struct consent_subject *consent_subjects_find(struct consent_subjects *subjects,
                                              const struct consent_key *key)
{
    uint64_t *slot = slot_of(subjects, key);
    return *slot ? consent_subjects_at(subjects, *slot - 1) : NULL;
}

static bool grow_slots(struct consent_subjects *subjects)
{
    if (subjects->count * 4 < subjects->slot_count * 3)
        return true;
    uint64_t *old = subjects->slots;
    uint64_t *slots = calloc(subjects->slot_count * 2, sizeof *slots);
    if (!slots)
        return false;
    subjects->slots = slots;
    subjects->slot_count *= 2;
    for (uint64_t i = 0; i < subjects->count; i++)
        *slot_of(subjects, &consent_subjects_at(subjects, i)->key) = i + 1;
    free(old);
    return true;
}

static bool grow_blocks(struct consent_subjects *subjects)
{
    if (subjects->count % BLOCK)
        return true;
    uint64_t blocks = subjects->count / BLOCK;
    struct consent_subject **grown = realloc(subjects->blocks, (blocks + 1) * sizeof *grown);
    if (!grown)
        return false;
    subjects->blocks = grown;
    grown[blocks] = calloc(BLOCK, sizeof **grown);
    return grown[blocks] != NULL;
}

struct consent_subject *consent_subjects_add(struct consent_subjects *subjects, const struct consent_key *key)
{
    struct consent_subject *subject = consent_subjects_find(subjects, key);
    if (subject)
        return subject;
    void *state = calloc(1, subjects->rules.judge->state_size);
    if (!state || !grow_slots(subjects) || !grow_blocks(subjects)) {
        free(state);
        return NULL;
    }
    *slot_of(subjects, key) = subjects->count + 1;
    subject = consent_subjects_at(subjects, subjects->count++);
    *subject = (struct consent_subject){.key = *key, .partition = -1, .state = state};
    subject->stored.state = state;
    return subject;
}

uint64_t consent_subjects_count(const struct consent_subjects *subjects)
{
    return subjects->count;
}

/* ---- all subjects, counted ---- */

static void put_seen(uint64_t *seen, uint64_t size, uint64_t hash, uint64_t *count)
{
    uint64_t at = hash & (size - 1);
    while (seen[at] && seen[at] != hash)
        at = (at + 1) & (size - 1);
    *count += !seen[at];
    seen[at] = hash;
}

static bool note_seen(struct consent_subjects *subjects, const struct consent_key *key)
{
    if (subjects->seen_count * 4 >= subjects->seen_size * 3) {
        uint64_t *grown = calloc(subjects->seen_size * 2, sizeof *grown), ignored = 0;
        if (!grown)
            return false;
        for (uint64_t i = 0; i < subjects->seen_size; i++) {
            if (subjects->seen[i])
                put_seen(grown, subjects->seen_size * 2, subjects->seen[i], &ignored);
        }
        free(subjects->seen);
        subjects->seen = grown;
        subjects->seen_size *= 2;
    }
    uint64_t before = subjects->seen_count;
    put_seen(subjects->seen, subjects->seen_size, hash_of(subjects, key), &subjects->seen_count);
    subjects->counts.entries[key->subject] += subjects->seen_count - before;
    return true;
}

uint64_t consent_subjects_entries(const struct consent_subjects *subjects)
{
    return subjects->seen_count;
}

/* ---- records ---- */

static bool no_memory(struct error *error)
{
    return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for what is stored");
}

static bool copy_bytes(struct view bytes, char **out_copy)
{
    char *copy = malloc(bytes.size + 1);
    if (!copy)
        return false;
    if (bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    free(*out_copy);
    *out_copy = copy;
    return true;
}

static bool is_newer(const struct choice_record *record, const struct choice_record *than)
{
    if (!than->readable || record->effective_ms != than->effective_ms)
        return !than->readable || record->effective_ms > than->effective_ms;
    return record->seq >= than->seq;
}

static bool take_choice(struct consent_subjects *subjects, struct consent_subject *subject,
                        const struct kafka_scan_record *record, const struct consent_value *value)
{
    struct consent_stored *stored = &subject->stored;
    subject->records++;
    subjects->rules.judge->apply(subject->state, &value->record, &subjects->names);
    consent_stored_note(stored, &value->record, record->timestamp_ms);
    stored->found = true;
    subject->partition = record->partition;
    subject->offset = record->offset;
    subject->timestamp_ms = record->timestamp_ms;
    subject->newest_key_size = record->key.size;
    if (!copy_bytes(record->key, &subject->newest_key))
        return false;
    if (value->record.tombstone) { /* nothing is left to be newer than */
        stored->newest = (struct choice_record){0};
        stored->value = VIEW_ABSENT;
    } else if (value->record.readable && is_newer(&value->record, &stored->newest)) {
        if (!copy_bytes(record->value, &subject->value))
            return false;
        stored->newest = value->record;
        stored->value = (struct view){subject->value, record->value.size};
    }
    return true;
}

/* Only a key that the two would put elsewhere tells anything; records of our own stand where the subject's last one did. */
static void note_partitioner(struct consent_counts *counts, const struct kafka_scan_record *record)
{
    int32_t murmur2 = partitioner_partition(EVENTS_PARTITIONER_MURMUR2, record->key, record->partitions);
    int32_t crc32 = partitioner_partition(EVENTS_PARTITIONER_CRC32, record->key, record->partitions);
    if (murmur2 == crc32 || !view_is_absent(record->author))
        return;
    counts->by_murmur2 += record->partition == murmur2;
    counts->by_crc32 += record->partition == crc32;
    counts->by_neither += record->partition != murmur2 && record->partition != crc32;
}

static bool take_subject(struct consent_subjects *subjects, const struct kafka_scan_record *record,
                         const struct consent_key *key, struct error *error)
{
    struct consent_counts *counts = &subjects->counts;
    struct consent_value value = {0};
    bool is_signal = key->kind == CONSENT_KEY_SIGNAL;
    struct consent_subject *subject =
        subjects->all ? consent_subjects_add(subjects, key) : consent_subjects_find(subjects, key);
    if ((subjects->all && !subject) || (!is_signal && !note_seen(subjects, key)))
        return no_memory(error);
    if (is_signal) {
        counts->signals++;
        if (subject)
            subject->signalled = true;
    } else {
        note_partitioner(counts, record);
        counts->tombstones += view_is_absent(record->value);
        if (subject || subjects->visit) {
            consent_value_read(subjects->reader, key, record->value, record->timestamp_ms, &value);
            counts->unreadable += !value.record.readable && !value.record.tombstone;
        }
        if (subject && !take_choice(subjects, subject, record, &value))
            return no_memory(error);
    }
    return !subjects->visit || subjects->visit(subjects->context, record, key, subject, &value, error);
}

static bool take_record(void *context, const struct kafka_scan_record *record, struct error *error)
{
    struct consent_subjects *subjects = context;
    struct consent_counts *counts = &subjects->counts;
    struct consent_key key;
    counts->records++;
    counts->partitions = record->partitions;
    if (record->timestamp_ms > (int64_t)counts->newest_ms)
        counts->newest_ms = (uint64_t)record->timestamp_ms;
    consent_key_read(record->key, (enum identifier_kind)subjects->config->subscriber.kind, &key);
    switch (key.kind) {
    case CONSENT_KEY_CHOICE:
    case CONSENT_KEY_SIGNAL:
        return take_subject(subjects, record, &key, error);
    case CONSENT_KEY_WRONG_KIND:
        counts->wrong_kind++;
        break;
    case CONSENT_KEY_HASH:
        counts->hashes++;
        break;
    case CONSENT_KEY_META:
        counts->meta++;
        break;
    case CONSENT_KEY_LIMITED:
        break;
    case CONSENT_KEY_UNREADABLE:
        counts->unreadable_keys++;
        break;
    }
    struct consent_value none = {0};
    return !subjects->visit || subjects->visit(subjects->context, record, &key, NULL, &none, error);
}

bool consent_subjects_read(struct consent_subjects *subjects, consent_subjects_visitor *visit, void *context,
                           void (*progress)(void *context, double ratio), struct error *error)
{
    subjects->visit = visit;
    subjects->context = context;
    struct kafka_scan scan = {
        .config = subjects->config,
        .topic = config_topic(subjects->config, TOPIC_CONSENT, 0).data,
        .timeout_ms = SCAN_TIMEOUT_MS,
        .visit = take_record,
        .context = subjects,
        .progress = progress,
    };
    return kafka_scan(&scan, error);
}

const struct consent_counts *consent_subjects_counts(const struct consent_subjects *subjects)
{
    return &subjects->counts;
}

const struct consent_rules *consent_subjects_rules(const struct consent_subjects *subjects)
{
    return &subjects->rules;
}

struct consent_reader *consent_subjects_reader(struct consent_subjects *subjects)
{
    return subjects->reader;
}

/* ---- where a record goes ---- */

int32_t consent_subjects_partition(const struct consent_subjects *subjects,
                                   const struct consent_subject *subject, struct view key, int32_t partitions)
{
    const struct consent_counts *counts = &subjects->counts;
    if (subject && subject->partition >= 0 && subject->partition < partitions)
        return subject->partition;
    bool is_crc32 = counts->by_crc32 > counts->by_murmur2;
    return partitioner_partition(is_crc32 ? EVENTS_PARTITIONER_CRC32 : EVENTS_PARTITIONER_MURMUR2, key,
                                 partitions);
}

struct view consent_subject_key(const struct consent_subject *subject, char text[CONSENT_SUBJECT_KEY_SIZE])
{
    static const char *const prefixes[SUBJECT_KINDS] = {"line:", "account:", "device:"};
    const struct consent_key *key = &subject->key;
    if (subject->newest_key)
        return (struct view){subject->newest_key, subject->newest_key_size};
    bool is_device = key->subject == SUBJECT_DEVICE;
    int size = snprintf(text, CONSENT_SUBJECT_KEY_SIZE, "%s%s%s%.*s", prefixes[key->subject],
                        is_device ? subject_identifier_kind_name(key->identifier_kind) : "",
                        is_device ? ":" : "", (int)key->size, key->identifier);
    ensure(size > 0 && size < CONSENT_SUBJECT_KEY_SIZE);
    return (struct view){text, (size_t)size};
}
