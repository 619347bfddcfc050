/*
 * One table per module parses, lints and documents its options.
 *
 * A module declares a plain struct and a table of struct option that says for each member its name, type, default,
 * unit, bounds and help. The parser (common/config.h) fills the struct; lint, `check --reference`, help, man page and
 * editor schema read the same table. Values are filled in start-up memory and live until shutdown.
 *
 * C type of the member by option type:
 *   OPTION_BOOL        bool
 *   OPTION_INTEGER     int64_t
 *   OPTION_DURATION    int64_t, milliseconds; text is a whole number and ms|s|m|h|d (0 needs no unit). With `choices`
 *                      also a word, kept as the negative of its index (the first word behind "" is -1)
 *   OPTION_SIZE        int64_t, bytes; text is a number and B|KiB|MiB|GiB
 *   OPTION_RATIO       double, 0 to 1; text is a decimal number or a percentage
 *   OPTION_STRING      struct view (NUL-terminated behind its end); absent when not set and without default
 *   OPTION_PATH        struct view, like a string; a relative path was joined to the folder of the file that names it
 *                      (but credential:NAME and fd:N, sources of keys, stay as they are)
 *   OPTION_ENUM        int: the index into choices, which starts with an entry for 0 that nobody can write
 *   OPTION_DATE        int64_t, days since 1970-01-01; OPTION_DATE_UNSET when not set
 *   OPTION_STRING_LIST struct option_list of struct view
 *   OPTION_PATH_LIST   struct option_list of struct view; a single path may stand without brackets
 *   OPTION_ENUM_LIST   struct option_list of int
 *   OPTION_MAP         struct option_list of struct option_pair (key and value are text), in the order written
 *   OPTION_ENUM_MAP    struct option_list of struct option_enum_pair
 *   OPTION_GROUP       the struct of `table`, nested in place
 *   OPTION_GROUP_LIST  struct option_list of the struct of `table`
 *   OPTION_FILE_LIST   struct option_list of the struct of `table`: a list of files, each holding one such group
 * An OPTION_STRING may also be written as a scalar of another look (a number), it is taken as text. Text is 1 to 4096
 * bytes of UTF-8 without control characters.
 *
 * What an absent group means: a group of the configuration that nobody wrote is filled with its defaults. Only when its
 * option is `required` are the required options in it missed, and its check called.
 */
#ifndef CLICKVEIL_COMMON_OPTION_H
#define CLICKVEIL_COMMON_OPTION_H

#include "common/error.h"
#include "common/view.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>

#define OPTION_DATE_UNSET INT64_MIN

enum option_type {
    OPTION_NONE = 0,
    OPTION_BOOL,
    OPTION_INTEGER,
    OPTION_DURATION,
    OPTION_SIZE,
    OPTION_RATIO,
    OPTION_STRING,
    OPTION_PATH,
    OPTION_ENUM,
    OPTION_DATE,
    OPTION_STRING_LIST,
    OPTION_PATH_LIST,
    OPTION_ENUM_LIST,
    OPTION_MAP,
    OPTION_ENUM_MAP,
    OPTION_GROUP,
    OPTION_GROUP_LIST,
    OPTION_FILE_LIST,
};

/* Place of a value in the configuration, for messages after parsing. */
struct option_place {
    const char *file; /* NULL: from a default; "--set" for the command line */
    unsigned line;    /* from 1 */
    unsigned column;  /* from 1 */
};

struct option_list {
    void *items; /* array of the element type; NULL when empty */
    unsigned count;
    bool set; /* the configuration names it (an empty list that was written is set) */
};

struct option_pair {
    struct view key;
    struct view value;
    struct option_place place;
};

struct option_enum_pair {
    struct view key;
    int value;
    struct option_place place;
};

struct option_table;

/* Collects the mistakes of one lint run. */
struct lint;

/* Look at one text and write into `why` what is wrong with it and what was probably meant, as in "'US-XX' is not a
 * region; did you mean 'US-TX'?". Returns whether it is right. */
typedef bool option_judge(struct view text, char *why, size_t why_size);

struct option {
    const char *name;
    enum option_type type;
    size_t offset;            /* offsetof the member */
    const char *default_text; /* as one would write it; NULL: absent, empty, or required */
    bool required;
    /* As one would write them; NULL: the type's own bounds. Of lists and maps the number of entries, of strings the
     * number of bytes. */
    const char *minimum, *maximum;
    const char *const
        *choices; /* enums: [0] is "" and stands for zero; ends with NULL. OPTION_MAP: the only keys */
    const struct option_table *table; /* groups */
    size_t place_offset; /* offsetof a struct option_place member of the same struct, or 0: not kept */
    const char *help;    /* what it does, in one or two sentences; no line breaks */

    /* The rest is rarely needed. */
    option_judge *judge; /* strings, list elements, keys of maps: more than a type can say */
    const char *
        default_help; /* what the default is where it cannot be written ("the host name"), for the reference */
    /* Group and file lists: options of an element that must differ between any two elements, `+` between the ones that
     * count together, `,` between rules: "advertiser+programme,topic". */
    const char *unique;
};

/* Checks that need more than one value; `value` is the filled struct. Reports by lint_report, at a place from
 * lint_place. Called when the whole configuration is filled in. A member whose own value was wrong has its default (or
 * zero), and what is reported at its place is left out. */
typedef void option_check(const void *value, struct lint *lint);

struct option_table {
    const char *name;             /* of the section, for messages and the reference */
    const char *summary;          /* one sentence */
    size_t size;                  /* of the struct */
    const struct option *options; /* ends with a zeroed entry */
    option_check *check;          /* NULL: none; called once per filled group */
};

enum lint_severity {
    LINT_ERROR = 0,
    LINT_WARNING,
};

/* Note a mistake. A check may give no place (NULL, or one of a default): its group's is taken then. `text` says what
 * is wrong and what was probably meant. */
void lint_report(struct lint *lint, enum lint_severity severity, const struct option_place *place,
                 const char *text, ...) __attribute__((format(printf, 4, 5)));

/* Place of a member of a filled struct, by its address: of its value where the configuration has one, else of the
 * nearest group around it. Elements of lists and maps have places too. While lint runs only. */
const struct option_place *lint_place(const struct lint *lint, const void *member);

/* Judges of common/option_judge.c: a Kafka topic name ([a-zA-Z0-9._-]{1,249}; any two of one configuration must
 * differ), a name of our own ([a-z0-9_-]{1,32}), an ISO 3166-2 region (US-CA) or country (US), an IANA time zone that
 * this system has, a domain name. */
bool option_judge_topic(struct view text, char *why, size_t why_size);
bool option_judge_name(struct view text, char *why, size_t why_size);
bool option_judge_region(struct view text, char *why, size_t why_size);
bool option_judge_timezone(struct view text, char *why, size_t why_size);
bool option_judge_domain(struct view text, char *why, size_t why_size);

/* Where a key comes from: refuses what looks like a key itself, and does not repeat it. */
bool option_judge_key_source(struct view text, char *why, size_t why_size);

/* Is a value in an OPTION_ENUM_LIST? */
bool option_list_has(const struct option_list *list, int value);

struct document_node;

/* Fill `value` (table->size bytes, zeroed) from a mapping; node NULL: all defaults. Everything wrong goes to lint.
 * Memory comes from lint's arena. False only when memory is short. Option paths are relative to the file of the node
 * that names them; those of defaults to the folder of default_file. */
CLICKVEIL_MUST_CHECK bool option_fill(const struct option_table *table, struct document_node *node,
                                      void *value, const char *default_file, struct lint *lint);

/* Call the checks of all tables on what option_fill filled, after it. */
void option_check_all(struct lint *lint);

/* Apply one `path=value` to the tree before it is filled; number counts from 1 and is the line in messages. False
 * only when memory is short. */
CLICKVEIL_MUST_CHECK bool option_override(const struct option_table *table, struct document_node *root,
                                          const char *text, unsigned number, struct lint *lint);

/* Visit every option of a filled struct, groups and their elements included: member is its address. */
typedef void option_visit(const struct option *option, const void *member, void *context);
void option_walk(const struct option_table *table, const void *value, option_visit *visit, void *context);

/* Parse one scalar by the option's type into *out_value (of the member's C type). On failure writes what is wrong and
 * what was probably meant into why. Bounds are checked too. */
CLICKVEIL_MUST_CHECK bool option_parse_scalar(const struct option *option, struct view text, void *out_value,
                                              char *why, size_t why_size);

/* The option of that name, or NULL. */
const struct option *option_find(const struct option_table *table, struct view name);

/* Bytes of the C member and of one element of a list, by type; 0 where there is none. */
size_t option_member_size(const struct option *option);
size_t option_element_size(const struct option *option);

/* Write one table as Markdown: a heading, the summary, a row per option; nested tables follow. */
void option_reference_write(const struct option_table *table, const char *path, FILE *out);

#endif
