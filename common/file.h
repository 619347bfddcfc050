/*
 * Whole files, for what is read at start: rules, taxonomies, schemas.
 *
 * Thread: any.
 */
#ifndef CLICKVEIL_COMMON_FILE_H
#define CLICKVEIL_COMMON_FILE_H

#include "common/error.h"
#include "common/view.h"

enum { FILE_PATH_SIZE = 4096 }; /* bytes of a path with its NUL (PATH_MAX of Linux) */

/* Read a regular file of at most size_bytes_max bytes onto the heap. *out_bytes is never absent (an empty file gives an
 * empty view), a NUL stands behind its end; the caller frees it with file_free. Fails with exit status 78 when the file
 * cannot be there for us (missing, no permission, no regular file, too large), with 74 when reading it fails or when
 * it changed its length meanwhile. */
CLICKVEIL_MUST_CHECK bool file_read(const char *path, size_t size_bytes_max, struct view *out_bytes,
                                    struct error *error);

/* Free what file_read gave; an absent view is fine. */
void file_free(struct view bytes);

/* Find a file that the product ships, by its name below the data directory ("config/rules/x.tsv"). Looked for below
 * $CLICKVEIL_DATA_DIR when that is set, and nowhere else then; else below ../share/clickveil beside the program (as
 * `make install` lays it), else below each folder above the program (a clone, in which build/ holds it). Never below
 * the working directory, which may be anybody's. Fails with exit status 78. */
CLICKVEIL_MUST_CHECK bool file_find_data(const char *name, char out_path[FILE_PATH_SIZE],
                                         struct error *error);

#endif
