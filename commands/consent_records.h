/*
 * The consent topic as lines that lose nothing (docs/consent.md, "Import and export"): what `clickveil consent export` writes
 * as JSON lines, and `consent import` puts into a fresh topic.
 *
 * Every line is a record as files have them (common/file_record.h), with its partition, offset, timestamp and author. The first
 * and the last one are about the export: their key begins with `meta:`, so whoever reads records reads over them, and they stand
 * in a partition of their own, behind the topic's.
 *
 * One thread.
 */
#ifndef CLICKVEIL_COMMANDS_CONSENT_RECORDS_H
#define CLICKVEIL_COMMANDS_CONSENT_RECORDS_H

#include "commands/consent_pace.h"
#include "commands/consent_subjects.h"
#include "common/line_reader.h"

#include <stdio.h>

enum { CONSENT_RECORDS_PARTITIONS_MAX = 100000 };

/* ---- writing ---- */

struct consent_records_writer {
    FILE *out;
    struct view topic;  /* its name */
    int32_t partitions; /* of the topic, known with the first record */
    uint64_t records;
    uint64_t emptied;  /* values that were unreadable and are an empty one in it */
    uint64_t left_out; /* records that name nobody, or whose key can't be written down */
    char *buffer;
};

/* A zeroed struct may be released. */
void consent_records_writer_release(struct consent_records_writer *writer);

/* Append a record; what is about the topic itself, or names nobody, is left out. value: as the topic's reader read it. False: no
 * memory; whether writing worked, ferror(out) says. */
CLICKVEIL_MUST_CHECK bool consent_records_write(struct consent_records_writer *writer,
                                                const struct kafka_scan_record *record,
                                                const struct consent_key *key,
                                                const struct consent_value *value, struct error *error);
/* Does a value that can't be read stand in an export as an empty one, which is as unreadable? Where JSON can't hold it, where
 * nobody would read it for its length, and where it is an object: what was unreadable for its time alone (`effective` far
 * ahead) would be a choice under a later timestamp. */
bool consent_records_empties(struct view value);

/* Behind the last record. partitions: of the topic, should it hold nothing. */
CLICKVEIL_MUST_CHECK bool consent_records_end(struct consent_records_writer *writer, int32_t partitions,
                                              struct error *error);

/* ---- putting into a topic ---- */

/* Is that line the first one of such an export? */
bool consent_records_is_head(struct view line);

struct consent_restore {
    /* What is wanted. */
    const struct config *config;
    const char *path; /* read twice: no pipe */
    bool dry_run;
    bool has_expect; /* announce so many new `in`s first */
    uint64_t expect_in;
    struct consent_pace pace;
    /* What came of it. */
    uint64_t records, subjects, ins; /* ins: records that say `in` */
    uint64_t present, written;       /* there already, and written */
};

/* Check the whole file and the topic, then write. False: error says why; restore->written records are committed, and it goes on
 * there when it is done again. */
CLICKVEIL_MUST_CHECK bool consent_restore(struct consent_restore *restore, struct error *error);

#endif
