/*
 * A file put into the place of another, whole or not at all: written beside it, brought to the disk, renamed. Who reads
 * the old one goes on reading the old one.
 *
 * Thread: one at a time for one struct.
 */
#ifndef CLICKVEIL_COMMON_FILE_REPLACE_H
#define CLICKVEIL_COMMON_FILE_REPLACE_H

#include "common/error.h"
#include "common/file.h"

#include <stdint.h>

/* The caller's storage; a zeroed one may be given up. */
struct file_replace {
    const char *path; /* borrowed */
    char beside[FILE_PATH_SIZE + 16];
    uint64_t size_bytes; /* written so far */
    int descriptor;
    bool is_open;
};

/* Begin. The path names nothing yet, or a regular file, and lives until the end. mode: permissions of the new file, with
 * the umask taken off, which is the process's: no other thread may make a file at that moment. */
CLICKVEIL_MUST_CHECK bool file_replace_begin(struct file_replace *file, const char *path, unsigned mode,
                                             struct error *error);
CLICKVEIL_MUST_CHECK bool file_replace_write(struct file_replace *file, const void *data, size_t size_bytes,
                                             struct error *error);

/* All is written: put it into its place. After false, as after file_replace_give_up, the old file stands as it stood; or
 * the new one stands, and error says that it may be gone after a crash. */
CLICKVEIL_MUST_CHECK bool file_replace_end(struct file_replace *file, struct error *error);
void file_replace_give_up(struct file_replace *file);

#endif
