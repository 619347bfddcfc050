/*
 * What rules are made of: for rules.c, which makes them from lists, and rule_image.c, which writes them to a file and reads
 * that.
 */
#ifndef CLICKVEIL_STAGES_CLASSIFY_RULES_INTERNAL_H
#define CLICKVEIL_STAGES_CLASSIFY_RULES_INTERNAL_H

#include "common/mapped_file.h"
#include "stages/classify/rule_index.h"
#include "stages/classify/rules.h"

enum {
    RULES_DIGEST_SIZE = 32, /* bytes; BLAKE2b */
    RULES_FILES_MAX = 2,    /* compiled files that can make rules together: one of hosts, one of apps */
};

/* The rules of a kind. */
struct rule_part {
    struct rule_index index;
    enum rule_file_kind kind;
    const uint32_t *order; /* positions of the records, by byte order of their keys */
    size_t groups_size;    /* bytes */
    uint64_t count;
    unsigned char digest[RULES_DIGEST_SIZE];
    struct rule_bucket *own_buckets; /* on the heap; NULL: in a file */
    unsigned char *own_groups;
    uint32_t *own_order;
};

struct rules {
    struct rule_part hosts;
    struct rule_part apps;
    struct rules_totals totals;
    const struct rules_unsupported *unsupported;
    struct view lists;
    unsigned depth, support; /* that they were made with */
    void *own_unsupported;   /* on the heap, or NULL */
    char *own_lists;
    struct mapped_file *files[RULES_FILES_MAX]; /* NULL: none */
};

static inline const struct rule_record *rule_part_at(const struct rule_part *part, uint32_t position)
{
    return (const struct rule_record *)(const void *)(part->index.groups +
                                                      (size_t)position * RULE_RECORD_ALIGNMENT);
}

/* The digest of a part, worked out from its rules. */
void rules_digest_part(const struct rule_part *part, unsigned char out_digest[RULES_DIGEST_SIZE]);

/* The digest of both parts, from theirs. */
uint64_t rules_digest_of(const struct rules *rules);

#endif
