/*
 * The state of persons as records of the changelog (topics.state).
 *
 * A key names a person (programme, epoch, line's pseudonym), the mark of one, or one of the partition's own records, `meta` and the chain's; a
 * value is the whole state of that person, so that the last record of a key is enough. Binary, versioned; docs/formats-state.md specifies
 * every byte. Read strictly: what this version did not write stops the restore.
 *
 * Pure; any thread.
 */
#ifndef CLICKVEIL_STAGES_PUBLISH_CHANGELOG_H
#define CLICKVEIL_STAGES_PUBLISH_CHANGELOG_H

#include "stages/publish/partition.h"

enum { CHANGELOG_VERSION = 2 };

/* What a key names. Zero is unreadable. */
enum changelog_kind {
    CHANGELOG_UNREADABLE = 0,
    CHANGELOG_PERSON,
    CHANGELOG_META,
    CHANGELOG_MARK,  /* that a person was retracted; outlives the person's state */
    CHANGELOG_CHAIN, /* whose keys the IDs of the partition's people were made with */
};

struct changelog_key {
    enum changelog_kind kind;
    struct view programme; /* CHANGELOG_PERSON, CHANGELOG_MARK: its name; borrows the key */
    int32_t epoch;
    struct pseudonym line;
};

/* What the partition as a whole remembers. */
struct changelog_meta {
    int64_t slot_done; /* number of the last slot that was served (calendar_slot) */
};

/* Key of a person; of a person's mark; of the meta record. Memory from the arena; false: it is full. */
CLICKVEIL_MUST_CHECK bool changelog_person_key(const struct partition *partition, const struct person *person,
                                               struct arena *arena, struct view *out_key);
CLICKVEIL_MUST_CHECK bool changelog_mark_key(const struct partition *partition, const struct person *person,
                                             struct arena *arena, struct view *out_key);
struct view changelog_meta_key(void);  /* static */
struct view changelog_chain_key(void); /* static */

/* Value of a person, of the meta record, of a mark (static). */
CLICKVEIL_MUST_CHECK bool changelog_person_value(const struct partition *partition,
                                                 const struct person *person, struct arena *arena,
                                                 struct view *out_value);
CLICKVEIL_MUST_CHECK bool changelog_meta_value(const struct changelog_meta *meta, struct arena *arena,
                                               struct view *out_value);
struct view changelog_mark_value(void);

/* Value of the chain record. Memory from the arena; false: it is full. */
CLICKVEIL_MUST_CHECK bool changelog_chain_value(const uint8_t chain[PARTITION_CHAIN_SIZE],
                                                struct arena *arena, struct view *out_value);

/* Read a key. False: unreadable. */
CLICKVEIL_MUST_CHECK bool changelog_read_key(struct view key, struct changelog_key *out_key);

/* Read a person's value into *out_state, whose programme, epoch and line the caller has set: entries of feeds that the
 * programme does not have any more are left out. False: unreadable, *out_state is of no use. */
CLICKVEIL_MUST_CHECK bool changelog_read_person(struct view value, const struct feed_list *feeds,
                                                struct person_state *out_state);
CLICKVEIL_MUST_CHECK bool changelog_read_mark(struct view value);
CLICKVEIL_MUST_CHECK bool changelog_read_chain(struct view value, uint8_t out_chain[PARTITION_CHAIN_SIZE]);
CLICKVEIL_MUST_CHECK bool changelog_read_meta(struct view value, struct changelog_meta *out_meta);

#endif
