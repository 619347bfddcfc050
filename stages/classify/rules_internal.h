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
    size_t
        records_size; /* bytes; the first record is at RULE_RECORD_ALIGNMENT, where position 0 would be is nothing */
    uint64_t count;
    unsigned char digest[RULES_DIGEST_SIZE];
    struct rule_slot *slots; /* the index's, on the heap; NULL: in a file */
    unsigned char *records;  /* likewise */
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

/* Bytes of a record with room for so many interests. */
size_t rule_record_size(size_t key_size, unsigned interest_room);

static inline const struct rule_record *rule_part_at(const struct rule_part *part, size_t offset)
{
    return (const struct rule_record *)(const void *)(part->index.records + offset);
}

/* The digest of a part, worked out from its rules. */
void rules_digest_part(const struct rule_part *part, unsigned char out_digest[RULES_DIGEST_SIZE]);

/* The digest of both parts, from theirs. */
uint64_t rules_digest_of(const struct rules *rules);

#endif
