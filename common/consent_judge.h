/*
 * What the records of a subject come to, for tools that have records and no event (`clickveil consent`): the consent stage's
 * own logic, lent out through its descriptor, so that a tool never says other than the stage decides.
 *
 * A state is `state_size` bytes of the caller's, aligned as malloc does; all zero is "nothing chosen". Pure; any thread.
 */
#ifndef CLICKVEIL_COMMON_CONSENT_JUDGE_H
#define CLICKVEIL_COMMON_CONSENT_JUDGE_H

#include "common/choice_record.h"

/* What a subject says to one programme. */
enum consent_stand {
    CONSENT_STAND_OUT = 0, /* denies, and an `in` counts only as the subscriber's own confirmed act */
    CONSENT_STAND_NONE,    /* nothing: the programme's regime decides */
    CONSENT_STAND_LATER,   /* `in`, but not yet at that time */
    CONSENT_STAND_IN,
};

struct consent_judge {
    size_t state_size;
    /* May a subject of that kind have stored choices (consent.subjects)? A record of another kind stops every process that
     * reads it. options: the stage's, or NULL: as by default. */
    bool (*takes)(const void *options, enum subject_kind subject);
    /* Take in a committed record, at a higher offset than all before it. */
    void (*apply)(void *state, const struct choice_record *record, const struct choice_names *names);
    /* Take in a stored signal: `out` of everything. */
    void (*signal)(void *state);
    /* What the state says of a name's bit (CHOICE_STAR: of names that nobody mentioned) about an event of that time. *out_why:
     * in words, static. */
    enum consent_stand (*stand)(const void *state, choice_set name, choice_set predecessors, int64_t time_ms,
                                const char **out_why);
    /* The names that have an `in`, and those that have an `out`, in force. */
    void (*sets)(const void *state, choice_set *out_in, choice_set *out_out);
};

#endif
