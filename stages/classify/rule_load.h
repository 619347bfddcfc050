/*
 * From the options of classify to rules in memory: finds the files, reads lists or maps what was compiled from them, and
 * gathers what is wrong with any of them.
 *
 * Thread: one at a time per struct rule_load.
 */
#ifndef CLICKVEIL_STAGES_CLASSIFY_RULE_LOAD_H
#define CLICKVEIL_STAGES_CLASSIFY_RULE_LOAD_H

#include "common/file.h"
#include "common/option.h"
#include "stages/classify/rules.h"

enum {
    RULE_LOAD_FILES_MAX = 64,                      /* host lists and app lists together */
    RULE_LOAD_FILE_BYTES_MAX = 1024 * 1024 * 1024, /* of one list; 10 million rules take a third of it */
    RULE_LOAD_TAXONOMY_BYTES_MAX = 16 * 1024 * 1024,
    RULE_LOAD_DEPTH_LEAST =
        2, /* a tier; the options of classify and of `clickveil rules` have the same bounds */
    RULE_LOAD_DEPTH_MOST = 6,
    RULE_LOAD_DEPTH_DEFAULT = 2,
    RULE_LOAD_SUPPORT_DEFAULT = 5, /* registrable domains and apps; 1 to SUPPORT_LEAST_MAX */
};

/* The section `classify` of the configuration. */
struct classify_options {
    struct option_list hosts; /* views: paths of host lists */
    struct option_list apps;  /* views: paths of app lists */
    struct option_list rules; /* views: paths of compiled files; instead of lists */
    struct view taxonomy;     /* path; absent: the one that the product ships */
    int64_t support;
    int64_t depth;        /* 0, with compiled files: both as these were compiled */
    double support_share; /* `rules report` reads it; 0 to 1 */
    struct option_place hosts_place, apps_place, rules_place, taxonomy_place, support_place, depth_place;
};

/* A load and what was wrong with it. Holds no memory of its own: nothing to release. */
struct rule_load {
    char taxonomy_path[FILE_PATH_SIZE]; /* the one that was read; mistakes may point at it */
    struct mistakes mistakes;
};

/* Load everything. The paths in options outlive `load`. Where out_taxonomy is not NULL it gets the taxonomy, the
 * caller's to free, for the names. NULL: *load has every mistake in the files, and *error (exit status 78 for
 * mistakes) the first and how many more there are. */
struct rules *rule_load(const struct classify_options *options, struct rule_load *load,
                        struct taxonomy **out_taxonomy, struct error *error);

/* Call add(context, path) for each file that rule_load would read. */
void rule_load_files(const struct classify_options *options, void (*add)(void *context, const char *path),
                     void *context);

#endif
