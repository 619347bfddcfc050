/*
 * The keeper: what compaction would undo is written again (spec 3, rule 6).
 *
 * The side input of the consent stage on the consent topic. For every committed record, once the table has it:
 * - Does it stand last of its subject and alone decide otherwise than all records together (loose.h)? Then the winner is
 *   appended again, behind it in its partition, whatever partitioner its writer used.
 * - Is it a tombstone? Then the subject's suppression entry is appended, to the same partition, so that a later `in` of
 *   the subject stands behind it; and again when somebody deletes that entry.
 * - Does it say whose place the subject took, and no link in the topic does (common/consent_link.h)? Then the link is appended,
 *   since the subject's next record takes this one's place. A tombstone takes the links to its subject along.
 * - Does it take something away from a subject whose place others took? Then their links are appended again, marked
 *   `take_back`: what was published about them is to be taken back too (rule 9).
 * What the keeper writes comes to it like any other record, and stands alone by then: that ends it. An equal record is not
 * written twice while the first is on its way (`sent`).
 */
#ifndef CLICKVEIL_STAGES_CONSENT_KEEPER_H
#define CLICKVEIL_STAGES_CONSENT_KEEPER_H

#include "common/consent_record.h"
#include "common/stage.h"
#include "stages/consent/ledger.h"

enum { KEEPER_SENT = 1 << 13 };

struct keeper_sent {
    uint64_t tag, digest;
    uint64_t transaction; /* that it was written in */
};

/* What a keeper works with; all of it lives longer. */
struct keeper_setup {
    struct ledger *ledger;
    const struct choice_names *names;
    const struct choice_programmes *programmes; /* with these names */
    const struct subject_key *subject_key;
    const struct subject_key *suppression_key; /* NULL: none that lasts */
    enum identifier_kind line_kind;
    struct view author;
    const char *topic; /* for messages */
    unsigned reader;   /* of the tables, its own */
    bool files;        /* no topic, so nothing vanishes: without a key erasures need none */
};

struct keeper {
    struct keeper_setup setup;
    struct consent_reader *reader;
    struct keeper_sent *sent; /* by tag; a newer one takes the place of an older */
    uint64_t transaction;
};

CLICKVEIL_MUST_CHECK bool keeper_init(struct keeper *keeper, const struct keeper_setup *setup,
                                      struct error *error);
void keeper_release(struct keeper *keeper); /* accepts zeroed memory */

/* Answer one committed record; struct side_input. */
CLICKVEIL_MUST_CHECK bool keeper_process(struct keeper *keeper, const struct followed_record *record,
                                         struct emitter *emitter);
void keeper_end(struct keeper *keeper, bool committed);

#endif
