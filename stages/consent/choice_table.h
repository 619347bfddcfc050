/*
 * The choices of every subject that has any, found by pseudonym: one writer, readers without locks (architecture 2).
 *
 * The writer is the thread that follows the consent topic. A reader is a worker: it holds the table from its first
 * look-up in a transaction to the transaction's end and sees at least everything that was written before the hold. What
 * is written later may be seen or not; the barrier (common/recent.h) catches it.
 *
 * 34 to 39 bytes an entry, as full as the table happens to be, and 80 more for each of the few subjects with a history
 * that does not fit (choice_entry.h). It grows a sixteenth at a time: for a moment that part stands there twice, until
 * no open transaction can be looking at the old one.
 */
#ifndef CLICKVEIL_STAGES_CONSENT_CHOICE_TABLE_H
#define CLICKVEIL_STAGES_CONSENT_CHOICE_TABLE_H

#include "common/error.h"
#include "common/record.h"
#include "stages/consent/choice.h"

struct choice_table;

/* A table for at most entries_max entries (up to 2^32 - 2) and so many readers, numbered from 0. NULL: memory is
 * short. */
struct choice_table *choice_table_new(uint64_t entries_max, unsigned readers);
void choice_table_free(struct choice_table *table); /* no reader may hold it; NULL is fine */

/* ---- the writer ---- */

/* An entry, good until the next call of choice_table_entry. */
struct choice_handle {
    uint32_t segment, index;
    uint64_t bucket;
};

/* The entry of a subject, made when there is none. False: the table is full or memory is short (error says so). */
CLICKVEIL_MUST_CHECK bool choice_table_entry(struct choice_table *table, const struct pseudonym *pseudonym,
                                             struct choice_handle *out_entry, struct error *error);

/* What stands in an entry (false: nothing, it is all zero), and the putting of something else there: readers see the old or
 * the new. */
bool choice_table_load(const struct choice_table *table, struct choice_handle entry,
                       struct choice_state *out_state);
void choice_table_store(struct choice_table *table, struct choice_handle entry,
                        const struct choice_state *state);

/* So many entries are expected in all (0: nobody knows): it grows in fewer steps then, and
 * may be larger than it need be. */
void choice_table_expect(struct choice_table *table, uint64_t entries);

/* Nothing more is expected: what memory was taken for and did not come is given back. */
void choice_table_fit(struct choice_table *table);

enum { CHOICE_APPROACH_MAX = 8 };

/* Bring near where the entries of so many subjects stand, up to CHOICE_APPROACH_MAX: the first step. */
void choice_table_approach(const struct choice_table *table, const struct pseudonym *const *pseudonyms,
                           unsigned count);

/* The second step, a little later and one by one: what choice_table_entry and the two above need. */
void choice_table_prefetch_entry(const struct choice_table *table, const struct pseudonym *pseudonym);

/* Free what growth and changes left behind and no reader holds any more. Cheap when there is nothing. */
void choice_table_reclaim(struct choice_table *table);

/* ---- readers ---- */

/* Hold the table. Until choice_table_yield, which a reader must call once per hold. */
void choice_table_hold(struct choice_table *table, unsigned reader);
void choice_table_yield(struct choice_table *table, unsigned reader);

/* Bring what a look-up reads near, so that look-ups of several subjects wait for memory together. */
void choice_table_prefetch(const struct choice_table *table, const struct pseudonym *pseudonym);

/* What the subject chose. False: no entry; *out_state is left. Of most subjects, seq and pending_count, which no decision
 * needs, are not filled in: choice_table_find_whole does that. */
bool choice_table_find(const struct choice_table *table, const struct pseudonym *pseudonym,
                       struct choice_state *out_state);

/* The same with every field, as they stood together. Waits while the writer is between two stores. */
bool choice_table_find_whole(const struct choice_table *table, const struct pseudonym *pseudonym,
                             struct choice_state *out_state);

/* ---- anybody ---- */

uint64_t choice_table_entries(const struct choice_table *table);
uint64_t choice_table_bytes(const struct choice_table *table); /* of memory, about */

/* 64 bits of a pseudonym that stand for a subject in rings and batches, where a chance match costs an abort. */
static inline uint64_t choice_table_tag(const struct pseudonym *pseudonym)
{
    uint64_t tag;
    memcpy(&tag, pseudonym->bytes + 8, sizeof tag);
    return tag;
}

#endif
