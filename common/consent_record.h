/*
 * A record of the consent topic, as bytes -> whose choice it is, and what it says (spec 2, and 3 rule 5).
 *
 * The key decides how bad a bad record is: a value that cannot be read is `out` for the subject that the key names,
 * a key that cannot be read stops the stage, since nobody knows whose `out` it might be.
 *
 * Decided here, where the text of the format is silent:
 * - `choices`, `effective` and `seq` must be there; null counts as missing for those and as absent for the others.
 * - a duplicate member anywhere that is read, a wrong type, a choice that is neither `in` nor `out`: unreadable.
 * - a member that is not named in the format may change the meaning of an `in` (a later version wrote it, or somebody
 *   misspelt two_step): the record's `in`s do not count, its `out`s do.
 * - a programme that nobody knows is ignored and counted.
 * - effective before 1970 counts as 1970; more than a day after the record's Kafka timestamp is unreadable.
 * - `moved_from` names the other subject as a key does (`line:<id>`), or by its identifier alone when it is of the same
 *   kind. One that cannot be read makes the record unreadable: there are `out`s, and nobody knows whose.
 */
#ifndef CLICKVEIL_COMMON_CONSENT_RECORD_H
#define CLICKVEIL_COMMON_CONSENT_RECORD_H

#include "common/choice_record.h"
#include "common/record.h"
#include "common/subject.h"

enum {
    CONSENT_VALUE_BYTES_MAX = 65536, /* longer is unreadable */
    CONSENT_CHOICES_MAX = 1000,      /* names in one record; more is unreadable */
    /* of a record with `merged`, to which each pipeline on the topic may have added its own names */
    CONSENT_MERGED_BYTES_MAX = 2 * CONSENT_VALUE_BYTES_MAX,
    CONSENT_MERGED_CHOICES_MAX = 2 * CONSENT_CHOICES_MAX,
};

enum consent_key_kind {
    CONSENT_KEY_UNREADABLE = 0, /* stops the stage: bad data */
    CONSENT_KEY_WRONG_KIND, /* an identifier of another kind than was declared: stops, bad configuration */
    CONSENT_KEY_CHOICE,     /* line:, account:, device: */
    CONSENT_KEY_SIGNAL,     /* signal:..., what a signal taught: `out` of that subject */
    CONSENT_KEY_HASH,       /* hash:..., the `out` of an erased subject; matches nothing yet */
    CONSENT_KEY_LINK,       /* moved:..., whose place a subject took (common/consent_link.h) */
    CONSENT_KEY_META,       /* meta:..., about the topic itself */
    CONSENT_KEY_LIMITED,    /* device:maid: of all zeros: names no device */
};

struct consent_key {
    enum consent_key_kind kind;
    enum subject_kind subject; /* of CHOICE, SIGNAL, LIMITED and WRONG_KIND; of LINK who took the place */
    enum identifier_kind identifier_kind;
    size_t size;
    char identifier[SUBJECT_IDENTIFIER_SIZE_MAX]; /* canonical, size bytes */
    struct pseudonym from; /* of LINK: whose place it is, hashed under the suppression key */
};

/* Read a key; an absent one is unreadable. line_kind: the configured subscriber kind. Any thread. */
void consent_key_read(struct view key, enum identifier_kind line_kind, struct consent_key *out_key);

/* Memory for reading values, about 2 MiB, and what values are read by; one thread at a time. */
struct consent_reader;
struct consent_reader *consent_reader_new(const struct choice_names *names, /* borrowed */
                                          enum identifier_kind line_kind);  /* NULL: memory is short */
void consent_reader_free(struct consent_reader *reader);                    /* NULL is fine */

struct consent_value {
    struct choice_record record;   /* what cannot be read has readable == false */
    unsigned unknown_names;        /* names in `choices` that nobody knows */
    struct consent_key moved_from; /* of a record that moved: the other subject, of kind CHOICE or LIMITED */
};

/* Read a value; absent is a tombstone. key: of the record, CHOICE. timestamp_ms: the record's, Unix epoch. Always fills
 * *out_value, moved_from only when record.moved. */
void consent_value_read(struct consent_reader *reader, const struct consent_key *key, struct view value,
                        int64_t timestamp_ms, struct consent_value *out_value);

/* What a record says that these names can't hold: it goes on as it is when the record is written again (rule 6). */
enum consent_unknown {
    CONSENT_UNKNOWN_OUT, /* `out` of a name that nobody knows */
    CONSENT_UNKNOWN_IN,
    CONSENT_UNKNOWN_BEFORE,    /* such a name in merged.before */
    CONSENT_UNKNOWN_WITHDRAWN, /* in merged.withdrawn */
};
typedef void consent_unknown_visitor(void *context, enum consent_unknown what, struct view text);

/* Visit them; of a value that can't be read nothing. The views end with the call. */
void consent_value_unknown(struct consent_reader *reader, struct view value, consent_unknown_visitor *visit,
                           void *context);

/* `key_check` of a suppression entry, NUL-terminated. False: there is none that fits. */
CLICKVEIL_MUST_CHECK bool consent_value_key_check(struct consent_reader *reader, struct view value,
                                                  char *out_check, size_t check_size);

/* The members of a link's value, as texts and numbers (common/consent_link.h reads it whole): moved_from into `text`, which
 * *out_from views. False: it is no such object. */
CLICKVEIL_MUST_CHECK bool consent_value_link(struct consent_reader *reader, struct view value, char *text,
                                             size_t text_size, struct view *out_from,
                                             int64_t *out_effective_ms, bool *out_take_back);

enum identifier_kind consent_reader_line_kind(const struct consent_reader *reader);

#endif
