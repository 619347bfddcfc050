/*
 * The consent topic as this process has read it: the table of choices, what is not committed yet, and the ring of recent
 * changes (spec 3, rules 1, 3, 4 and 5).
 *
 * Two views of the topic come in by one thread. The committed view feeds the table. The uncommitted view only adds
 * `out`s, at once, which hold until the committed view has passed their offset: then either the record has come and its
 * `out` stands in the table, or it was aborted. An `in` counts when the committed view brings it.
 *
 * Records that stop the stage: a key that cannot be read (EXIT_STATUS_DATA), an identifier of another kind than
 * configured or a subject that consent.subjects does not list (EXIT_STATUS_CONFIGURATION). consent.ignore acknowledges
 * a bad record by its place: such a key no longer stops, and a value that cannot be read is no longer `out`. A good
 * record at that place counts like any other.
 */
#ifndef CLICKVEIL_STAGES_CONSENT_LEDGER_H
#define CLICKVEIL_STAGES_CONSENT_LEDGER_H

#include "common/recent.h"
#include "common/stage.h"
#include "common/subject.h"
#include "stages/consent/brake.h"
#include "stages/consent/choice_snapshot.h"
#include "stages/consent/choice_table.h"
#include "stages/consent/learnt.h"
#include "stages/consent/loose.h"
#include "stages/consent/moves.h"

struct ledger;

struct ledger_place {
    int32_t partition;
    int64_t offset;
};

enum { LEDGER_AUTHOR_SIZE = 320 };

struct ledger_setup {
    const struct choice_names *names; /* lives as long as the ledger, as does everything here */
    const struct subject_key *subject_key;
    const char *topic; /* name, for messages */
    enum identifier_kind line_kind;
    bool subjects[SUBJECT_KINDS]; /* which may have stored choices */
    uint64_t entries_max;
    uint64_t floor; /* entries below which ledger_complete refuses; a stage has at least 1 */
    unsigned readers;
    const struct ledger_place *ignored;
    unsigned ignored_count;
    struct brake_limits brake;
    const struct subject_key *suppression_key; /* NULL: this process has none that lasts */
    const char
        *author; /* header `clickveil-author` of what this process's workers write, without ".<worker>" */
    bool signals_yield; /* a stored signal yields to a newer, confirmed `in` */
};

/* NULL: memory is short (error says so). */
struct ledger *ledger_new(const struct ledger_setup *setup, struct error *error);
void ledger_free(struct ledger *ledger); /* NULL is fine */

/* ---- the thread that follows the topic ---- */

/* Take one record in. Records of a view that come again are left out. */
CLICKVEIL_MUST_CHECK bool ledger_apply(struct ledger *ledger, const struct followed_record *record,
                                       struct error *error);

/* So many records will come before ledger_complete, about. */
void ledger_begin(struct ledger *ledger, uint64_t records);

/* These come next, and stay where they are until then: their keys are read and hashed together, and their entries fetched
 * while others are applied. */
void ledger_ahead(struct ledger *ledger, const struct followed_record *records, size_t count);

/* The committed view of a partition has reached `offset` (exclusive). */
void ledger_committed_to(struct ledger *ledger, int32_t partition, int64_t offset);

/* The first full read is done. False: nothing was in the topic, or fewer entries than the floor. */
CLICKVEIL_MUST_CHECK bool ledger_complete(struct ledger *ledger, struct error *error);

/* ---- its snapshot (rule 11): everything that the committed view came to, so whatever is added here is added there ---- */

/* What the content depends on: stands for the key and for names, subjects and acknowledged records. */
void ledger_identify(const struct ledger *ledger, struct snapshot_head *out_head);

/* An earlier process had so many entries at that moment, whether its snapshot is of use or not (rule 8). Before the first
 * record. */
void ledger_expect(struct ledger *ledger, uint64_t entries, int64_t made_ms);

/* Begin, go on, end: choice_snapshot.h. Each call of ledger_save writes a slice. */
CLICKVEIL_MUST_CHECK bool ledger_freeze(struct ledger *ledger, struct snapshot_writer *writer,
                                        struct error *error);
CLICKVEIL_MUST_CHECK bool ledger_save(struct ledger *ledger, struct snapshot_writer *writer, bool *out_more,
                                      struct error *error);
void ledger_thaw(struct ledger *ledger);

/* Take a snapshot in, before the first record. False, or it turns out to be damaged: ledger_forget. */
CLICKVEIL_MUST_CHECK bool ledger_restore(struct ledger *ledger, struct snapshot_reader *reader);
CLICKVEIL_MUST_CHECK bool ledger_forget(struct ledger *ledger, struct error *error);

/* ---- any thread ---- */

/* ledger_complete has answered true: decisions may be made. */
bool ledger_is_complete(const struct ledger *ledger);

/* Records that were left out because consent.ignore names them. */
uint64_t ledger_ignored(const struct ledger *ledger);

/* Subjects that were erased, by their hash under the suppression key (rule 6): `out` where choice_state.out says so. For
 * events only when it has entries. */
struct choice_table *ledger_erased(struct ledger *ledger);

/* Who took whose place; which thread may ask what: moves.h. */
struct moves *ledger_moves(struct ledger *ledger);

/* What stands alone in the topic and should not (rule 6). */
struct loose *ledger_loose(struct ledger *ledger);

/* Its tag for what signals taught of a subject, which stands under a key of its own; choice_table_tag for the choices. */
static inline uint64_t ledger_signal_tag(const struct pseudonym *pseudonym)
{
    return ~choice_table_tag(pseudonym);
}

/* For the links to a subject, which stand under keys of their own. */
static inline uint64_t ledger_link_tag(const struct pseudonym *pseudonym)
{
    return choice_table_tag(pseudonym) ^ UINT64_C(0x9e3779b97f4a7c15);
}

/* What signals taught and the topic does not show yet (rule 7). Ask it before the table: what is taken out here is in the
 * table by then. */
struct learnt *ledger_learnt(struct ledger *ledger);

/* Over files, where nobody follows the topic: a signal's record was written. */
CLICKVEIL_MUST_CHECK bool ledger_take_signal(struct ledger *ledger, const struct pseudonym *pseudonym,
                                             int64_t signal_ms, struct error *error);

const struct brake *ledger_brake(const struct ledger *ledger);
struct choice_table *ledger_table(struct ledger *ledger);
const struct recent *ledger_recent(const struct ledger *ledger);

/* Numbers, by static name. */
void ledger_gauges(const struct ledger *ledger, void (*add)(void *context, const char *name, double value),
                   void *context);

#endif
