/*
 * Files that are looked at now and then: has one been changed or replaced since they were read?
 *
 * By what the file system says of each path (its file, length and times), so it works on any file system, through links
 * that are switched over, and for files that are missing at first. A change counts when two looks in a row saw the same:
 * who is still writing is not disturbed.
 *
 * Thread: one at a time.
 */
#ifndef CLICKVEIL_COMMON_FILE_WATCH_H
#define CLICKVEIL_COMMON_FILE_WATCH_H

#include "common/error.h"

#include <stdint.h>

enum { FILE_WATCH_EVERY_MS = 1000 }; /* between two looks that count */

struct file_watch;

struct file_watch *file_watch_new(void);        /* NULL: memory is short */
void file_watch_free(struct file_watch *watch); /* NULL is fine */

/* Look after one more file, from the state that it is in now. The path is copied. False: memory is short. */
CLICKVEIL_MUST_CHECK bool file_watch_add(struct file_watch *watch, const char *path);

/* Take every file's state as seen. Before the files are read: what changes while they are read is a change. */
void file_watch_accept(struct file_watch *watch);

/* Has any changed since its state was taken as seen, and come to rest? May be asked at any time; looks once in
 * FILE_WATCH_EVERY_MS. now_ms: a clock that does not jump. True until file_watch_accept. */
bool file_watch_changed(struct file_watch *watch, int64_t now_ms);

#endif
