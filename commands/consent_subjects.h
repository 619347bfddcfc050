/*
 * Subjects of the consent topic, as the commands of `clickveil consent` look at them: what is stored for each, put together from
 * all its records.
 *
 * Either all subjects of a topic, or those that were asked for first. Memory: about 500 bytes a subject, and its newest record.
 * One thread.
 */
#ifndef CLICKVEIL_COMMANDS_CONSENT_SUBJECTS_H
#define CLICKVEIL_COMMANDS_CONSENT_SUBJECTS_H

#include "common/config.h"
#include "common/consent_change.h"
#include "common/kafka_scan.h"

struct consent_subject {
    struct consent_key key;
    struct consent_stored stored; /* value and state are the subject's own */
    char *newest_key; /* the bytes of the key of its last record, newest_key_size of them; NULL: none */
    size_t newest_key_size;
    char *value; /* of stored.value */
    void *state;
    int32_t partition; /* of its last record; -1: none */
    int64_t offset, timestamp_ms;
    uint32_t records;
    bool signalled; /* a stored signal, which stands under a key of its own: not in the state */
    void *own;      /* the caller's; not freed here */
};

struct consent_subjects;

/* What is seen of one record, in the order of its partition. subject: NULL for a record of none (hash:, meta:). */
typedef bool consent_subjects_visitor(void *context, const struct kafka_scan_record *record,
                                      const struct consent_key *key, struct consent_subject *subject,
                                      const struct consent_value *value, struct error *error);

struct consent_counts {
    uint64_t records, unreadable_keys, wrong_kind, unreadable, tombstones, signals, hashes, meta;
    uint64_t newest_ms; /* Kafka timestamp */
    uint64_t by_murmur2, by_crc32,
        by_neither;                  /* where operators' records stand; only what tells the two apart */
    uint64_t entries[SUBJECT_KINDS]; /* distinct subjects with a choice */
    int32_t partitions;
};

/* NULL: memory is short, or the configuration's names are too many. `all`: take in every subject of the topic. */
struct consent_subjects *consent_subjects_new(const struct config *config, bool all, struct error *error);
void consent_subjects_free(struct consent_subjects *subjects); /* NULL is fine */

/* The subject of a canonical key, made when it is not there. NULL: memory is short. */
struct consent_subject *consent_subjects_add(struct consent_subjects *subjects,
                                             const struct consent_key *key);
struct consent_subject *consent_subjects_find(struct consent_subjects *subjects,
                                              const struct consent_key *key);

uint64_t consent_subjects_count(const struct consent_subjects *subjects);
/* In the order in which they were added. */
struct consent_subject *consent_subjects_at(struct consent_subjects *subjects, uint64_t index);

/* Read the committed topic to its end. `visit` and `progress` may be NULL. */
CLICKVEIL_MUST_CHECK bool consent_subjects_read(struct consent_subjects *subjects,
                                                consent_subjects_visitor *visit, void *context,
                                                void (*progress)(void *context, double ratio),
                                                struct error *error);

const struct consent_counts *consent_subjects_counts(const struct consent_subjects *subjects);
const struct consent_rules *consent_subjects_rules(const struct consent_subjects *subjects);
struct consent_reader *consent_subjects_reader(struct consent_subjects *subjects);

/* Distinct subjects with a choice, of all that were read (also those that were not asked for). */
uint64_t consent_subjects_entries(const struct consent_subjects *subjects);

/* The partition for a record of that subject: of its last one, else by how others stand in the topic, else murmur2. */
int32_t consent_subjects_partition(const struct consent_subjects *subjects,
                                   const struct consent_subject *subject, struct view key,
                                   int32_t partitions);

/* The key as it is written: that of its last record, else the canonical one, which `text` gets. */
enum { CONSENT_SUBJECT_KEY_SIZE = 160 };
struct view consent_subject_key(const struct consent_subject *subject, char text[CONSENT_SUBJECT_KEY_SIZE]);

#endif
