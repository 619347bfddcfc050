/*
 * Who said no, as publish has read it from topics.retractions: (subject, programme) -> the moment of the newest choice.
 *
 * Shared by the workers of a process. One writer, the thread that follows the topic; any number of lock-free readers,
 * each of which holds the table for a transaction or a part of one (what is written later may be seen or not; the ring
 * says what). An entry is of use as long as anything can live that its choice is about (retraction_table_ends_ms); those
 * that are over are left behind when the table is copied.
 *
 * Bounded: more than entries_max live ones stop the writer.
 */
#ifndef CLICKVEIL_STAGES_PUBLISH_RETRACTION_TABLE_H
#define CLICKVEIL_STAGES_PUBLISH_RETRACTION_TABLE_H

#include "common/error.h"
#include "common/recent.h"
#include "common/record.h"

struct retraction_table;
struct retraction_slots;

#define RETRACTION_NEVER INT64_C(-1)

/* readers: numbers 0 to readers-1 hold. NULL: memory is short. */
struct retraction_table *retraction_table_new(uint64_t entries_max, unsigned readers);
void retraction_table_free(struct retraction_table *table); /* NULL is fine; nobody holds */

/* ---- the writer ---- */

/* Take in a choice that was read at that moment (Unix epoch ms, 0 to RETRACTION_TIME_MAX of common/retraction.h), and was
 * made at chosen_ms, 0 to time_ms. An older one than is known changes nothing; a newer one is in the table before its tag is
 * in the ring. over_ms: entries of moments before it are over. False: the table is full (error says so). */
CLICKVEIL_MUST_CHECK bool retraction_table_put(struct retraction_table *table,
                                               const struct pseudonym *subject, unsigned programme,
                                               int64_t time_ms, int64_t chosen_ms, int64_t over_ms,
                                               struct error *error);

/* ---- readers ---- */

/* Take hold of the table as it is now, in the place of an earlier hold; let go of it. */
const struct retraction_slots *retraction_table_hold(struct retraction_table *table, unsigned reader);
void retraction_table_yield(struct retraction_table *table, unsigned reader);

/* Start the look-up of a subject. */
void retraction_slots_prefetch(const struct retraction_slots *slots, const struct pseudonym *subject);

/* Programmes that the subject has a retraction for, over or not. */
programme_set retraction_slots_programmes(const struct retraction_slots *slots,
                                          const struct pseudonym *subject);

/* Moment of the subject's retraction for one programme, or RETRACTION_NEVER. */
int64_t retraction_slots_find(const struct retraction_slots *slots, const struct pseudonym *subject,
                              unsigned programme);

/* When that choice was made, as measuring needs it: up to 1 part in 64 of the time to its reading later. Only of what was
 * found. */
int64_t retraction_slots_chosen(const struct retraction_slots *slots, const struct pseudonym *subject,
                                unsigned programme);

/* The subject of a tag in the ring. False: it is not in what is held (it was over). */
bool retraction_slots_tagged(const struct retraction_slots *slots, uint64_t tag,
                             struct pseudonym *out_subject);

/* From 1, and another one after each growth: how far a walk came says nothing of a table of another number. */
uint64_t retraction_slots_number(const struct retraction_slots *slots);

/* Walk all subjects: start with *cursor = 0; false: no more. One with several programmes may come several times. */
bool retraction_slots_next(const struct retraction_slots *slots, uint64_t *cursor,
                           struct pseudonym *out_subject);

/* Changes, by retraction_tag of the subject; any thread. */
const struct recent *retraction_table_recent(const struct retraction_table *table);
uint64_t retraction_tag(const struct pseudonym *subject);

/* Entries and bytes; any thread. */
uint64_t retraction_table_entries(const struct retraction_table *table);
uint64_t retraction_table_bytes(const struct retraction_table *table);

#endif
