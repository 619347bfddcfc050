/*
 * Subjects of the consent topic, as the commands of `clickveil consent` look at them: what is stored for each, put
 * together from all its records.
 *
 * Either all subjects of a topic, or those that were asked for first. Memory: about 500 bytes a subject, and its
 * newest record. One thread.
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
    bool erased;       /* a suppression entry is in force */
    int32_t partition; /* of its last record, or of the suppression entry that is in force; -1: none */
    int64_t offset, timestamp_ms;
    uint32_t records;
    bool aside; /* nobody asked for it: another one took its place, so it was read too */
    void *own;  /* the caller's; not freed here */
};

struct consent_subjects;

/* What is seen of one record, in the order of its partition. subject: NULL for a record of none (hash:, meta:).
 * record NULL: the topic is read once more, since somebody in it took another one's place; what was seen before
 * counts no longer. */
typedef bool consent_subjects_visitor(void *context, const struct kafka_scan_record *record,
                                      const struct consent_key *key, struct consent_subject *subject,
                                      const struct consent_value *value, struct error *error);

struct consent_counts {
    uint64_t records, unreadable_keys, wrong_kind, unreadable, tombstones, signals, hashes, links, meta;
    uint64_t acknowledged; /* bad ones that consent.ignore names: they count for nothing */
    uint64_t newest_ms;    /* Kafka timestamp */
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

/* Read the committed topic to its end, once more for each step from a subject to the one whose place it took.
 * `visit` and `progress` may be NULL. */
CLICKVEIL_MUST_CHECK bool consent_subjects_read(struct consent_subjects *subjects,
                                                consent_subjects_visitor *visit, void *context,
                                                void (*progress)(void *context, double ratio),
                                                struct error *error);

const struct consent_counts *consent_subjects_counts(const struct consent_subjects *subjects);
const struct consent_rules *consent_subjects_rules(const struct consent_subjects *subjects);
struct consent_reader *consent_subjects_reader(struct consent_subjects *subjects);

/* What a subject's records, or those and a change, say to a programme of the configuration, as the stage decides. */
struct consent_answer {
    bool
        known; /* false: whether the subject was erased can't be said, and `why` says why; then stand is OUT */
    bool idle; /* an `in` that the programme does not take from such a subject (in_by) */
    enum consent_stand stand;
    const char *why, *remedy; /* remedy: what would make an `in` count; "" where nothing is wrong */
};
/* state: the subject's, or one that a change came to. */
void consent_subjects_answer(const struct consent_subjects *subjects, const struct consent_key *key,
                             const void *state, unsigned programme, int64_t time_ms,
                             struct consent_answer *out_answer);

/* The `in`s of a change for programmes of the configuration, judged when all are in effect: how many will not count,
 * and how many nobody can say it of. why, remedy: of the first of them, and NULL with none. */
struct consent_ins {
    unsigned wanted, idle, unknown;
    const char *why, *remedy;
};
void consent_subjects_judge_ins(const struct consent_subjects *subjects, const struct consent_key *key,
                                const struct consent_change *change, const void *state,
                                struct consent_ins *out_ins);

/* Why the stage would not recognise who was erased by that suppression entry of another topic: it was written under another
 * key, or ours is not here. NULL: it would. */
const char *consent_subjects_key_trouble(const struct consent_subjects *subjects, struct view value);

/* Does consent.ignore name that place? */
bool consent_subjects_is_acknowledged(const struct consent_subjects *subjects, int32_t partition,
                                      int64_t offset);

/* Distinct subjects with a choice, of all that were read (also those that were not asked for). */
uint64_t consent_subjects_entries(const struct consent_subjects *subjects);

/* Count a subject that will have a choice. False: memory is short. */
CLICKVEIL_MUST_CHECK bool consent_subjects_count_entry(struct consent_subjects *subjects,
                                                       const struct consent_key *key);

/* The partition for a record of that subject: its own, else by how others stand in the topic, else murmur2. */
int32_t consent_subjects_partition(const struct consent_subjects *subjects,
                                   const struct consent_subject *subject, struct view key,
                                   int32_t partitions);

/* The key as it is written: that of its last record, else the canonical one, which `text` gets. */
enum { CONSENT_SUBJECT_KEY_SIZE = 160 };
struct view consent_subject_key(const struct consent_subject *subject, char text[CONSENT_SUBJECT_KEY_SIZE]);

#endif
