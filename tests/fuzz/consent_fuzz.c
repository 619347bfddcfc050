/*
 * Fuzz target: whatever bytes come as a record of the consent topic, reading it touches nothing that is not its own, and
 * what cannot be read never says `in` (spec 3, rule 5).
 *
 * tests/fuzz/run.sh builds and runs it. The input is the key up to the first newline, and the value behind it; without a
 * newline there is no value: a tombstone. The first byte of the key says which kind of subscriber was declared: its two
 * lowest bits.
 */
#include "common/consent_link.h"
#include "common/consent_record.h"
#include "common/error.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TIMESTAMP_MS INT64_C(1700000000000)

static const struct choice_names names = {
    .names = {{"basic", 5}, {"enhanced", 8}, {"sprint", 6}},
    .predecessors = {4},
    .count = 3,
};

static struct view own(const uint8_t *data, size_t size)
{
    char *copy = malloc(size > 0 ? size : 1);
    ensure(copy != NULL);
    if (size > 0)
        memcpy(copy, data, size);
    return (struct view){copy, size};
}

/* A key that names a subject does so in canonical form. */
static void check_key(const struct consent_key *key)
{
    if (key->kind != CONSENT_KEY_CHOICE && key->kind != CONSENT_KEY_SIGNAL && key->kind != CONSENT_KEY_LINK)
        return;
    char canonical[SUBJECT_IDENTIFIER_SIZE_MAX];
    size_t size = 0;
    ensure(key->subject < SUBJECT_KINDS && key->size > 0 && key->size <= sizeof key->identifier);
    struct view identifier = {key->identifier, key->size};
    ensure(subject_canonicalise(key->identifier_kind, identifier, canonical, &size) == SUBJECT_CANONICAL);
    ensure(view_equal(identifier, (struct view){canonical, size}));
}

static void check_record(const struct consent_value *value, bool tombstone)
{
    const struct choice_record *record = &value->record;
    const choice_set all = (choice_set)(CHOICE_STAR | ((1u << names.count) - 1));
    ensure(!(record->in & record->out) && !((record->in | record->out) & ~all));
    ensure(record->tombstone == tombstone);
    ensure(record->effective_ms >= 0 && record->effective_ms <= CHOICE_EFFECTIVE_MS_MAX);
    ensure(record->last_out_ms >= 0 && record->last_out_ms <= CHOICE_EFFECTIVE_MS_MAX);
    ensure(record->had_out || record->last_out_ms == 0);
    ensure(record->effective_ms <= TIMESTAMP_MS + INT64_C(24) * 60 * 60 * 1000);
    if (!record->readable || record->moved)
        ensure(choice_record_outs(record) & CHOICE_STAR); /* `out` of everything */
    if (!record->readable)
        ensure(record->in == 0 && !record->two_step);
    if (record->moved) {
        ensure(value->moved_from.kind == CONSENT_KEY_CHOICE || value->moved_from.kind == CONSENT_KEY_LIMITED);
        check_key(&value->moved_from);
    }
}

/* A link that can be read is written again as one that says the same. */
static void check_link(struct consent_reader *reader, const struct consent_key *key, struct view value)
{
    static const uint8_t bytes[SUBJECT_KEY_SIZE] = {1};
    static struct subject_key *suppression;
    struct error error;
    struct consent_link link, again;
    struct consent_key from, to;
    if (!suppression)
        suppression = subject_key_of_bytes(bytes, &error);
    ensure(suppression != NULL);
    if (view_is_absent(value) ||
        consent_link_read(reader, key, value, suppression, &link, &from) != CONSENT_LINK_READ)
        return;
    check_key(&from);
    ensure(consent_link_to(&link, suppression, consent_reader_line_kind(reader), &to));
    consent_link_make(suppression, &from, &to, link.effective_ms, &again);
    ensure(memcmp(&again.from_hash, &key->from, sizeof again.from_hash) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum identifier_kind kinds[] = {IDENTIFIER_OPAQUE, IDENTIFIER_E164, IDENTIFIER_IMSI,
                                                 IDENTIFIER_E164};
    static struct consent_reader *readers[4];
    if (size == 0)
        return 0;
    unsigned kind = data[0] & 3u;
    if (!readers[kind])
        readers[kind] = consent_reader_new(&names, kinds[kind]);
    ensure(readers[kind] != NULL);
    data++, size--;
    const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;
    size_t key_size = end ? (size_t)(end - data) : size;
    struct view key_text = own(data, key_size);
    struct view value_text = end ? own(end + 1, size - key_size - 1) : VIEW_ABSENT;

    struct consent_key key;
    struct consent_value value;
    consent_key_read(key_text, kinds[kind], &key);
    check_key(&key);
    if (key.kind == CONSENT_KEY_LINK)
        check_link(readers[kind], &key, value_text);
    if (key.kind != CONSENT_KEY_CHOICE) /* what a value says is asked of choices only: give it a subject */
        consent_key_read(VIEW("account:A-1"), kinds[kind], &key);
    consent_value_read(readers[kind], &key, value_text, TIMESTAMP_MS, &value);
    check_record(&value, view_is_absent(value_text));
    free((void *)key_text.data);
    free((void *)value_text.data);
    return 0;
}
