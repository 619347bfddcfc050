/*
 * What the records of a subject come to, for tools that have records and no event (`clickveil consent`): the consent
 * stage's own reading, lent out through its descriptor, so that a tool never says other than the stage decides.
 *
 * A book is the topic as the stage reads it at a start, of some subjects: their choices and stored signals, whose
 * place they took, and who was erased. What a subject's records come to is a state: `state_size` bytes of the
 * caller's, aligned as malloc does; all zero is "nothing chosen". States are pure; a book is its thread's.
 */
#ifndef CLICKVEIL_COMMON_CONSENT_JUDGE_H
#define CLICKVEIL_COMMON_CONSENT_JUDGE_H

#include "common/choice_record.h"
#include "common/consent_record.h"

struct followed_record;

/* What a subject says to one programme. */
enum consent_stand {
    CONSENT_STAND_OUT = 0, /* denies, and an `in` counts only as the subscriber's own confirmed act */
    CONSENT_STAND_NONE,    /* nothing: the programme's regime decides */
    CONSENT_STAND_LATER,   /* `in`, but not yet at that time */
    CONSENT_STAND_IN,
};

/* The same in words, static. */
struct consent_verdict {
    enum consent_stand stand;
    const char *why;
    const char *remedy; /* of OUT: what would make an `in` count; "" else */
};

struct consent_judge {
    /* May a subject of that kind have stored choices (consent.subjects)? A record of another kind stops every
     * process that reads it. options: the stage's, or NULL: as by default. */
    bool (*takes)(const void *options, enum subject_kind subject);

    /* ---- a book ---- */

    /* Open one for that configuration. A key of erased subjects that can't be had is no failure: see `blind`. NULL:
     * memory is short, or options are wrong. */
    void *(*open)(const struct config *config, const void *options, const struct choice_names *names,
                  struct error *error);
    void (*close)(void *book); /* NULL is fine */
    /* Read a committed record of a subject, of its signals, of its links, or of who was erased (`hash:`), in the order of
     * its partition. */
    bool (*read)(void *book, const struct followed_record *record, struct error *error);
    /* Whose place the subject of a link (`moved:`) took. False: nobody can say, which `read` tells. */
    bool (*link_from)(void *book, const struct followed_record *record, const struct consent_key *key,
                      struct consent_key *out_from);
    /* All were read. */
    bool (*complete)(void *book, struct error *error);
    /* Does consent.ignore name that place? What can't be read there counts for nothing. */
    bool (*is_acknowledged)(const void *book, int32_t partition, int64_t offset);
    /* Why nobody can say by this book who was erased, static or the book's; NULL: it can be said. Behind `complete`. */
    const char *(*blind)(const void *book);
    /* Why whom that suppression entry's value erases would not be recognised, as `blind` says it. NULL: it would. */
    const char *(*key_trouble)(const void *book, struct view value);
    /* What a subject's records come to. It may point into the book. Behind `complete`. */
    bool (*state)(void *book, const struct consent_key *key, void *out_state, struct error *error);

    /* ---- a state ---- */

    size_t state_size;
    /* Take in a committed record, at a higher offset than all before it. */
    void (*apply)(void *state, const struct choice_record *record, const struct choice_names *names);
    /* What would be left of the state if compaction took every record of the subject's own key. */
    void (*beside)(const void *state, void *out_state);
    /* What the operator's records say of a name's bit (CHOICE_STAR: of names that nobody mentioned) about an event
     * of that time, and erasures, leaving stored signals out: those stand beside and yield, or not, to an `in` that
     * counts here. */
    enum consent_stand (*stand)(const void *state, choice_set name, choice_set predecessors, int64_t time_ms);
    /* The same with everything, as the stage decides, and why. */
    void (*verdict)(const void *state, choice_set name, choice_set predecessors, int64_t time_ms,
                    struct consent_verdict *out_verdict);
    /* The names that have an `in`, and those that have an `out`, in force; without signals. */
    void (*sets)(const void *state, choice_set *out_in, choice_set *out_out);
    /* Is it erased (a suppression entry is in force, and stands in that partition: only what comes behind it there
     * can end it)? Has it a stored signal? */
    bool (*is_erased)(const void *state, int32_t *out_partition);
    bool (*is_signalled)(const void *state);
};

#endif
