/*
 * One more consent record for a subject, made from what is stored and what is wanted (`clickveil consent set` and
 * `import`).
 *
 * The record that comes out is the newest of its subject and says everything that is in force, so that it alone
 * decides as all records did: compaction may leave nothing else. A wanted `in` after an `out` needs two_step (spec 3,
 * rule 10), and `last_out` is filled then. What comes out is judged before it is believed: behind what is stored, and
 * alone; where a wanted `in` would not count, or something that was out would not be, the change is refused.
 *
 * An older change than the record in force (by `effective`, and `seq` where it has one) is history: its `in`s change
 * nothing, its `out`s count unless the newer record is two_step and answers them (rule 5).
 *
 * Pure: the time comes in. One thread per buffer. No text that comes out of here holds an identifier.
 */
#ifndef CLICKVEIL_COMMON_CONSENT_CHANGE_H
#define CLICKVEIL_COMMON_CONSENT_CHANGE_H

#include "common/consent_judge.h"
#include "common/consent_record.h"

enum {
    CONSENT_CHANGE_CHOICES_MAX = 64, /* names in one change */
    CONSENT_CHANGE_NAMES_MAX = 256,  /* names in a record that is made; more are refused */
    CONSENT_CHANGE_VALUE_MAX = 32768,
};

struct consent_choice {
    struct view name; /* of a programme, or `*` */
    bool in;
};

/* What is wanted. */
struct consent_change {
    struct consent_choice choices[CONSENT_CHANGE_CHOICES_MAX];
    unsigned count;
    bool two_step, asked, closed, reset;
    bool has_effective, has_seq;
    int64_t effective_ms, seq;
    bool has_last_out; /* its author knows of an `out`, whatever is stored */
    int64_t last_out_ms;
};

/* What is stored. */
struct consent_stored {
    bool found;                  /* any record of the subject */
    struct choice_record newest; /* the readable record of the highest order; zeroed: none */
    struct view value;           /* of that, as it stands in the topic; absent: none */
    bool had_out;                /* an `out` was seen, the last at last_out_ms */
    int64_t last_out_ms;
    const void *state; /* the judge's, of all records; zeroed: nothing */
};

/* What it is judged by. */
struct consent_rules {
    const struct consent_judge *judge;
    const struct choice_names *names;
    /* Predecessors for which nobody is enrolled without an `in`: their `out` may go unsaid where a confirmed `in`
     * answers it for the successor, since one record can't hold both (the stage would read the `in` as the
     * predecessor's to deny). */
    choice_set unsaid;
    int64_t now_ms;
};

enum consent_outcome {
    CONSENT_REFUSED = 0, /* *out_why says why */
    CONSENT_UNCHANGED,   /* it is so already, or history */
    CONSENT_NEW,         /* nothing was stored */
    CONSENT_CHANGED,
    CONSENT_OUTCOMES,
};

struct consent_changed {
    char value[CONSENT_CHANGE_VALUE_MAX]; /* of NEW and CHANGED, size bytes of JSON */
    size_t size;
    struct choice_record record; /* that, read */
    const char *why;             /* of REFUSED, static; "" else */
    unsigned dropped;            /* `in`s for programmes that nobody here knows, and that could not be kept */
};

/* key: the subject's. reader: for values of this configuration. */
enum consent_outcome consent_change_make(const struct consent_rules *rules, struct consent_reader *reader,
                                         const struct consent_key *key, const struct consent_stored *stored,
                                         const struct consent_change *change,
                                         struct consent_changed *out_changed);

/* The time of the last `out` that a record speaks of, in the order of the subject's records: note it in `stored`.
 * timestamp_ms: the record's. */
void consent_stored_note(struct consent_stored *stored, const struct choice_record *record,
                         int64_t timestamp_ms);

#endif
