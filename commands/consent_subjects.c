/*
 * Design. A table by a hash of the canonical key, doubled when it is three quarters full; subjects stand in blocks
 * and do not move. All subjects of the topic are counted by 64 bits of their hash, whether they are kept or not: two
 * of 20 million fall together with a chance of one in a hundred thousand, and it is a count.
 *
 * What records come to is the stage's to say: its book (common/consent_judge.h) reads them along, and tells each
 * subject's state at the end. Whose place a subject took must be in the book, too: where that one was not asked for,
 * it is added, and the topic read again.
 */
#include "commands/consent_subjects.h"

#include "common/clock.h"
#include "common/partitioner.h"
#include "common/programme.h"
#include "common/stage.h"
#include "stages/registry.h"

#include <sodium.h>
#include <stdlib.h>

enum { BLOCK = 1024, SLOTS_FIRST = 4096, SCAN_TIMEOUT_MS = 15000 };

struct consent_subjects {
    const struct config *config;
    bool all;
    struct choice_names names;
    struct choice_programmes programmes;
    struct consent_rules rules;
    struct consent_reader *reader;
    void *book;
    bool again;  /* somebody must be read who was not asked for */
    char *blind; /* why nobody can say who was erased; NULL: it can be said */
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

/* The stage that judges; what it is told by the configuration stands at the same index. */
static unsigned judging_stage(void)
{
    unsigned i = 0;
    while (registry[i] && !registry[i]->judge)
        i++;
    ensure(registry[i] != NULL);
    return i;
}

static bool open_book(struct consent_subjects *subjects, struct error *error)
{
    const struct consent_judge *judge = subjects->rules.judge;
    judge->close(subjects->book);
    subjects->book = judge->open(subjects->config, subjects->config->stage_options[judging_stage()],
                                 &subjects->names, error);
    return subjects->book != NULL;
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
    if (!subjects || !choice_names_compile(config, &subjects->names, error) ||
        !choice_programmes_compile(config, &subjects->programmes, error)) {
        if (!subjects)
            (void)error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for subjects");
        free(subjects);
        return NULL;
    }
    subjects->config = config;
    subjects->all = all;
    randombytes_buf(subjects->hash_key, sizeof subjects->hash_key);
    subjects->rules = (struct consent_rules){
        .judge = registry[judging_stage()]->judge, .names = &subjects->names, .now_ms = clock_unix_ms()};
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
    if (open_book(subjects, error))
        return subjects;
    consent_subjects_free(subjects);
    return NULL;
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
    free(subjects->blind);
    subjects->rules.judge->close(subjects->book);
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

bool consent_subjects_count_entry(struct consent_subjects *subjects, const struct consent_key *key)
{
    return note_seen(subjects, key);
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

static bool take_choice(struct consent_subject *subject, const struct kafka_scan_record *record,
                        const struct consent_value *value)
{
    struct consent_stored *stored = &subject->stored;
    subject->records++;
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

/* Only a key that the two would put elsewhere tells anything; records of our own stand where the subject's last one
 * did. */
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

static struct followed_record followed_of(const struct consent_subjects *subjects,
                                          const struct kafka_scan_record *record)
{
    return (struct followed_record){
        .partition = record->partition,
        .offset = record->offset,
        .timestamp_ms = record->timestamp_ms,
        .now_ms = subjects->rules.now_ms,
        .key = record->key,
        .value = record->value,
        .author = record->author,
        .committed = true,
    };
}

/* The stage's own reading goes along. */
static bool read_along(struct consent_subjects *subjects, const struct kafka_scan_record *record,
                       struct error *error)
{
    const struct followed_record followed = followed_of(subjects, record);
    return subjects->rules.judge->read(subjects->book, &followed, error);
}

/* Whose place a subject took must be read, too. */
static bool follow_from(struct consent_subjects *subjects, const struct consent_key *from)
{
    if (consent_subjects_find(subjects, from))
        return true;
    struct consent_subject *other = consent_subjects_add(subjects, from);
    if (!other)
        return false;
    other->aside = !subjects->all;
    subjects->again |= !subjects->all;
    return true;
}

static bool follow_move(struct consent_subjects *subjects, const struct consent_value *value)
{
    return !value->record.moved || value->moved_from.kind != CONSENT_KEY_CHOICE ||
           follow_from(subjects, &value->moved_from);
}

/* The key of a link, as of the subject that it belongs to. */
static bool take_link(struct consent_subjects *subjects, const struct kafka_scan_record *record,
                      const struct consent_key *key, struct error *error)
{
    const struct followed_record followed = followed_of(subjects, record);
    struct consent_key to = *key, from;
    to.kind = CONSENT_KEY_CHOICE;
    subjects->counts.links++;
    if (!subjects->all && !consent_subjects_find(subjects, &to))
        return true;
    if (subjects->rules.judge->link_from(subjects->book, &followed, key, &from) &&
        !follow_from(subjects, &from))
        return no_memory(error);
    return read_along(subjects, record, error);
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
    counts->signals += is_signal;
    if (!is_signal) {
        note_partitioner(counts, record);
        counts->tombstones += view_is_absent(record->value);
    }
    if (!is_signal && (subject || subjects->visit)) {
        consent_value_read(subjects->reader, key, record->value, record->timestamp_ms, &value);
        if (value.record.merged.present && view_is_absent(record->author))
            value.record.in_is_void = true; /* only clickveil writes that */
        bool is_bad = !value.record.readable && !value.record.tombstone;
        if (is_bad && consent_subjects_is_acknowledged(subjects, record->partition, record->offset)) {
            counts->acknowledged++;
            return true;
        }
        counts->unreadable += is_bad;
    }
    if (subject && (!read_along(subjects, record, error)))
        return false;
    if (subject && !is_signal && (!take_choice(subject, record, &value) || !follow_move(subjects, &value)))
        return no_memory(error);
    if (subject && subject->aside)
        subject = NULL;
    return !subjects->visit || subjects->visit(subjects->context, record, key, subject, &value, error);
}

static bool take_record(void *context, const struct kafka_scan_record *record, struct error *error)
{
    struct consent_subjects *subjects = context;
    struct consent_counts *counts = &subjects->counts;
    struct consent_key key;
    counts->records++;
    if (record->timestamp_ms > (int64_t)counts->newest_ms)
        counts->newest_ms = (uint64_t)record->timestamp_ms;
    consent_key_read(record->key, (enum identifier_kind)subjects->config->subscriber.kind, &key);
    bool is_acknowledged = consent_subjects_is_acknowledged(subjects, record->partition, record->offset);
    switch (key.kind) {
    case CONSENT_KEY_CHOICE:
    case CONSENT_KEY_SIGNAL:
        return take_subject(subjects, record, &key, error);
    case CONSENT_KEY_WRONG_KIND:
        counts->wrong_kind += !is_acknowledged;
        counts->acknowledged += is_acknowledged;
        break;
    case CONSENT_KEY_HASH:
        counts->hashes++;
        if (!read_along(subjects, record, error))
            return false;
        break;
    case CONSENT_KEY_LINK:
        if (!take_link(subjects, record, &key, error))
            return false;
        break;
    case CONSENT_KEY_META:
        counts->meta++;
        break;
    case CONSENT_KEY_LIMITED:
        break;
    case CONSENT_KEY_UNREADABLE:
        counts->unreadable_keys += !is_acknowledged;
        counts->acknowledged += is_acknowledged;
        break;
    }
    struct consent_value none = {0};
    return !subjects->visit || subjects->visit(subjects->context, record, &key, NULL, &none, error);
}

/* Before the topic is read again. */
static bool begin_anew(struct consent_subjects *subjects, struct error *error)
{
    subjects->again = false;
    subjects->counts = (struct consent_counts){0};
    memset(subjects->seen, 0, subjects->seen_size * sizeof *subjects->seen);
    subjects->seen_count = 0;
    for (uint64_t i = 0; i < subjects->count; i++) {
        struct consent_subject *subject = consent_subjects_at(subjects, i);
        free(subject->newest_key);
        free(subject->value);
        *subject = (struct consent_subject){.key = subject->key,
                                            .partition = -1,
                                            .state = subject->state,
                                            .aside = subject->aside,
                                            .own = subject->own};
        subject->stored.state = subject->state;
    }
    return open_book(subjects, error) &&
           (!subjects->visit || subjects->visit(subjects->context, NULL, NULL, NULL, NULL, error));
}

static bool take_states(struct consent_subjects *subjects, struct error *error)
{
    const struct consent_judge *judge = subjects->rules.judge;
    if (!judge->complete(subjects->book, error))
        return false;
    for (uint64_t i = 0; i < subjects->count; i++) {
        struct consent_subject *subject = consent_subjects_at(subjects, i);
        if (!judge->state(subjects->book, &subject->key, subject->state, error))
            return false;
        subject->erased = judge->is_erased(subject->state, &subject->partition);
    }
    const char *blind = judge->blind(subjects->book);
    if (!blind)
        return true;
    size_t size = strlen(blind) + 256;
    subjects->blind = malloc(size);
    if (!subjects->blind)
        return no_memory(error);
    snprintf(subjects->blind, size,
             "it can't be said whether the subject was erased: the topic has suppression entries, and %s",
             blind);
    return true;
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
        .out_partitions = &subjects->counts.partitions,
    };
    do {
        if ((subjects->again && !begin_anew(subjects, error)) || !kafka_scan(&scan, error))
            return false;
    } while (subjects->again);
    return take_states(subjects, error);
}

const char *consent_subjects_key_trouble(const struct consent_subjects *subjects, struct view value)
{
    return subjects->rules.judge->key_trouble(subjects->book, value);
}

bool consent_subjects_is_acknowledged(const struct consent_subjects *subjects, int32_t partition,
                                      int64_t offset)
{
    return subjects->rules.judge->is_acknowledged(subjects->book, partition, offset);
}

/* ---- what the stage decides ---- */

void consent_subjects_answer(const struct consent_subjects *subjects, const struct consent_key *key,
                             const void *state, unsigned programme, int64_t time_ms,
                             struct consent_answer *out_answer)
{
    const struct choice_programmes *programmes = &subjects->programmes;
    programme_set bit = (programme_set)(1u << programme);
    struct consent_verdict verdict;
    subjects->rules.judge->verdict(state, (choice_set)bit, subjects->names.predecessors[programme], time_ms,
                                   &verdict);
    *out_answer = (struct consent_answer){true, false, verdict.stand, verdict.why, verdict.remedy};
    if (verdict.stand == CONSENT_STAND_OUT)
        return;
    if (subjects->blind) {
        *out_answer = (struct consent_answer){
            .why = subjects->blind,
            .remedy = "name the key that they were written under as consent.suppression_key",
        };
        return;
    }
    out_answer->idle = verdict.stand != CONSENT_STAND_NONE && (programmes->opt_in_somewhere & bit) &&
                       !(programmes->in_by[key->subject] & bit);
    if (out_answer->idle) {
        out_answer->why = "opted in, but the programme takes no `in` from such a subject";
        out_answer->remedy = "an `in` of a subject that the programme's in_by lists";
    }
}

/* Is an `in` wanted for the programme, by its name or by `*`? */
static bool wants_in(const struct consent_change *change, struct view name)
{
    bool star = false;
    for (unsigned i = 0; i < change->count; i++) {
        if (view_equal(change->choices[i].name, name))
            return change->choices[i].in;
        star |= change->choices[i].in && view_equal(change->choices[i].name, VIEW("*"));
    }
    return star;
}

void consent_subjects_judge_ins(const struct consent_subjects *subjects, const struct consent_key *key,
                                const struct consent_change *change, const void *state,
                                struct consent_ins *out_ins)
{
    *out_ins = (struct consent_ins){0};
    for (unsigned i = 0; i < subjects->config->programmes.count; i++) {
        struct consent_answer answer;
        if (!wants_in(change, config_programme(subjects->config, i)->name))
            continue;
        out_ins->wanted++;
        consent_subjects_answer(subjects, key, state, i, INT64_MAX, &answer);
        bool is_idle = answer.known && (answer.idle || answer.stand == CONSENT_STAND_OUT);
        out_ins->idle += is_idle;
        out_ins->unknown += !answer.known;
        if ((is_idle || !answer.known) && !out_ins->why) {
            out_ins->why = answer.why;
            out_ins->remedy = answer.remedy;
        }
    }
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
