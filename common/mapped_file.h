/*
 * A large file that is only read, mapped so that all processes which read it share its pages, and that nobody can change
 * or shorten under the mapping.
 *
 * A mapping shows what is in the file now. Who writes into it would change, behind all checks, what was checked; who cuts
 * it would end the process with SIGBUS. So the mapping has a guard: a read lease of the kernel (fcntl(2), F_SETLEASE). An
 * open for writing or a truncate then waits in the kernel, for up to /proc/sys/fs/lease-break-time (45 s), and meanwhile a
 * thread of ours puts a private copy into the place of the mapping, at the same addresses, and gives the lease back:
 * readers notice nothing. Where no lease can be had (another user's file, some network file systems, somebody writes it at
 * this moment) the file is copied at once, into sealed memory. Renaming or removing the file touches nothing: the
 * mapping holds on to it.
 *
 * Thread: one opens and closes; what is mapped may be read by any.
 */
#ifndef CLICKVEIL_COMMON_MAPPED_FILE_H
#define CLICKVEIL_COMMON_MAPPED_FILE_H

#include "common/error.h"
#include "common/view.h"

struct mapped_file;

/* Map a regular file of 1 to size_bytes_max bytes. NULL: it cannot be used (exit status 78 when it is missing or not such a
 * file, 74 when reading it fails, 69 when memory is short). */
struct mapped_file *mapped_file_new(const char *path, size_t size_bytes_max, struct error *error);
void mapped_file_free(struct mapped_file *file); /* NULL is fine */

/* Its bytes, aligned to a page, until mapped_file_free. */
struct view mapped_file_bytes(const struct mapped_file *file);

/* Does it still show the file itself, shared with other processes, and not a copy of our own? Any thread. */
bool mapped_file_is_shared(const struct mapped_file *file);

/* Is what it shows still what was opened? False when somebody wanted to change the file and there was no memory to keep a
 * copy, or we stood still for longer than the kernel lets a writer wait: then nothing that was read since can be trusted,
 * and what was decided from it must not be committed. Any thread. */
bool mapped_file_is_whole(const struct mapped_file *file);

#endif
