/*
 * The choices of every subject that has any, found by pseudonym: one writer, readers without locks (architecture 2).
 *
 * The writer is the thread that follows the consent topic. A reader is a worker: it holds the table from its first
 * look-up in a transaction to the transaction's end and sees from then on at least everything that was written before
 * the hold. What is written later may be seen or not; the barrier (recent.h) catches it.
 *
 * About 50 bytes an entry: 40 for the choices, and a slot of 8 at 64 to 80 % load.
 */
#ifndef CLICKVEIL_STAGES_CONSENT_CHOICE_TABLE_H
#define CLICKVEIL_STAGES_CONSENT_CHOICE_TABLE_H

#include "common/error.h"
#include "common/record.h"
#include "stages/consent/choice.h"

struct choice_table;
struct choice_slots;

/* A table for at most entries_max entries (up to 2^32 - 2) and so many readers, numbered from 0. NULL: memory is
 * short. */
struct choice_table *choice_table_new(uint64_t entries_max, unsigned readers);
void choice_table_free(struct choice_table *table); /* no reader may hold it; NULL is fine */

/* ---- the writer ---- */

/* The entry of a subject, made when there is none. False: the table is full or memory is short (error says so). */
CLICKVEIL_MUST_CHECK bool choice_table_entry(struct choice_table *table, const struct pseudonym *pseudonym,
                                             uint32_t *out_entry, struct error *error);

/* What stands in an entry, and the putting of something else there: readers see the old or the new, or in between
 * what allows nothing that neither of them does (choice_entry.h). */
void choice_table_load(const struct choice_table *table, uint32_t entry, struct choice_state *out_state);
void choice_table_store(struct choice_table *table, uint32_t entry, const struct choice_state *state);

/* Free what growth left behind and no reader holds any more. Cheap when there is nothing. */
void choice_table_reclaim(struct choice_table *table);

/* ---- readers ---- */

/* Hold the table as it is now. Until choice_table_yield, which a reader must call once per hold. */
const struct choice_slots *choice_table_hold(struct choice_table *table, unsigned reader);
void choice_table_yield(struct choice_table *table, unsigned reader);

/* Bring the place of a subject near, and then what it points to, so that look-ups of several subjects wait together:
 * the first for all of them, the second for all, then choice_table_find. */
void choice_table_prefetch_place(const struct choice_slots *slots, const struct pseudonym *pseudonym);
void choice_table_prefetch_entry(const struct choice_table *table, const struct choice_slots *slots,
                                 const struct pseudonym *pseudonym);

/* What the subject chose. False: no entry; *out_state is left. Fields that only the writer needs (seq, ordered,
 * two_step, pending_count) are not filled in. */
bool choice_table_find(const struct choice_table *table, const struct choice_slots *slots,
                       const struct pseudonym *pseudonym, struct choice_state *out_state);

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
