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
 *   OPTION_DURATION    int64_t, milliseconds; text is a number and ms|s|m|h|d
 *   OPTION_SIZE        int64_t, bytes; text is a number and B|KiB|MiB|GiB
 *   OPTION_RATIO       double, 0 to 1; text is a decimal number or a percentage
 *   OPTION_STRING      struct view (NUL-terminated behind its end); absent when not set and without default
 *   OPTION_PATH        struct view, like a string; a relative path was joined to the folder of the file that names it
 *   OPTION_ENUM        int: the index into choices, which starts with an entry for 0 that nobody can write
 *   OPTION_DATE        int64_t, days since 1970-01-01; OPTION_DATE_UNSET when not set
 *   OPTION_STRING_LIST struct option_list of struct view
 *   OPTION_PATH_LIST   struct option_list of struct view
 *   OPTION_ENUM_LIST   struct option_list of int
 *   OPTION_MAP         struct option_list of struct option_pair (key and value are text), in the order written
 *   OPTION_ENUM_MAP    struct option_list of struct option_enum_pair
 *   OPTION_GROUP       the struct of `table`, nested in place
 *   OPTION_GROUP_LIST  struct option_list of the struct of `table`
 *   OPTION_FILE_LIST   struct option_list of the struct of `table`: a list of files, each holding one such group
 * An OPTION_STRING may also be written as a scalar of another look (a number), it is taken as text.
 */
#ifndef CLICKVEIL_COMMON_OPTION_H
#define CLICKVEIL_COMMON_OPTION_H

#include "common/error.h"
#include "common/view.h"

#include <limits.h>
#include <stdint.h>

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

struct option {
    const char *name;
    enum option_type type;
    size_t offset;            /* offsetof the member */
    const char *default_text; /* as one would write it; NULL: absent, empty, or required */
    bool required;
    const char *minimum, *maximum;    /* as one would write them; NULL: the type's own bounds */
    const char *const *choices;       /* enums: [0] is "" and stands for zero; ends with NULL */
    const struct option_table *table; /* groups */
    size_t place_offset; /* offsetof a struct option_place member of the same struct, or 0: not kept */
    const char *help;    /* what it does, in one or two sentences; no line breaks */
};

/* Checks that need more than one value; `value` is the filled struct. Reports by lint_report. */
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

/* Note a mistake: place may be NULL. `text` says what is wrong and what was probably meant. */
void lint_report(struct lint *lint, enum lint_severity severity, const struct option_place *place,
                 const char *text, ...) __attribute__((format(printf, 4, 5)));

#endif
