/*
 * What a followed topic came to, in a file that outlives the process (spec 3, rule 11; docs/formats-state.md).
 *
 * A head says of what it is a snapshot: cluster, topic, offsets and birth record of each partition, and what else the
 * content depends on. The body is the stage's. Both have a checksum. Written beside its place and renamed, so that there
 * is never half of one; mode 0600. Little-endian, an image of memory: read on the machine that wrote it.
 *
 * A writer and a reader belong to one thread each; the writer has a thread of its own for the disk.
 */
#ifndef CLICKVEIL_COMMON_SNAPSHOT_FILE_H
#define CLICKVEIL_COMMON_SNAPSHOT_FILE_H

#include "common/error.h"
#include "common/view.h"

#include <stdint.h>

enum {
    SNAPSHOT_CLUSTER_SIZE = 64,
    SNAPSHOT_TOPIC_SIZE = 256,
    SNAPSHOT_BIRTH_SIZE = 40, /* a UUID with its NUL */
    SNAPSHOT_CHECK_SIZE = 16,
    SNAPSHOT_PUT_MAX = 2 << 20, /* bytes that may be put between two questions for room */
};

struct snapshot_partition {
    int64_t offset;       /* next to be read */
    int64_t birth_offset; /* of its birth record */
    char birth[SNAPSHOT_BIRTH_SIZE];
};

struct snapshot_head {
    char cluster[SNAPSHOT_CLUSTER_SIZE], topic[SNAPSHOT_TOPIC_SIZE]; /* NUL-padded */
    uint8_t key_check[SNAPSHOT_CHECK_SIZE];                          /* stands for the key of pseudonyms */
    uint8_t settings_check[SNAPSHOT_CHECK_SIZE]; /* and for the settings that the content depends on */
    int64_t made_ms;                             /* Unix epoch: everything of before is in it */
    uint64_t entries;
    int32_t partitions;
    int32_t unused;
};

/* ---- writing ---- */

struct snapshot_writer;

/* Begin. NULL: error says why; another process that writes the same file is a reason. */
struct snapshot_writer *snapshot_writer_new(const char *path, const struct snapshot_head *head,
                                            const struct snapshot_partition *partitions, struct error *error);

/* Can SNAPSHOT_PUT_MAX bytes be put without waiting for the disk? */
bool snapshot_writer_has_room(struct snapshot_writer *writer);
void snapshot_put(struct snapshot_writer *writer, const void *data, size_t size_bytes);

/* All is put: the rest happens by itself. */
void snapshot_writer_end(struct snapshot_writer *writer);

enum snapshot_progress {
    SNAPSHOT_FAILED = 0, /* error says why; the old file stays */
    SNAPSHOT_WRITING,
    SNAPSHOT_WRITTEN, /* it stands in its place, on the disk */
};
enum snapshot_progress snapshot_writer_progress(struct snapshot_writer *writer, uint64_t *out_size_bytes,
                                                struct error *error);

/* One that is not written is given up. NULL is fine. */
void snapshot_writer_free(struct snapshot_writer *writer);

/* ---- reading ---- */

struct snapshot_reader;

/* Open a file and check its head. NULL: it cannot be used, error.what says why in a sentence; *out_missing: there is
 * none. */
struct snapshot_reader *snapshot_reader_new(const char *path, bool *out_missing, struct error *error);
const struct snapshot_head *snapshot_reader_head(const struct snapshot_reader *reader);
const struct snapshot_partition *snapshot_reader_partitions(const struct snapshot_reader *reader);

/* Read on. False: the body ends before (or cannot be read). What was read may be used once snapshot_reader_end agrees. */
CLICKVEIL_MUST_CHECK bool snapshot_get(struct snapshot_reader *reader, void *out_data, size_t size_bytes);

/* Was all read, and is it what was written? False: error.what says why. */
CLICKVEIL_MUST_CHECK bool snapshot_reader_end(struct snapshot_reader *reader, struct error *error);
void snapshot_reader_free(struct snapshot_reader *reader); /* NULL is fine */

#endif
