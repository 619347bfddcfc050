/*
 * A folder of SquidGuard's kind, such as UT1: a folder for each category, in it `domains` and `urls`.
 *
 * A category's name is its path below the folder, `sports` or `recreation/sports`. Nothing outside is ever opened: a
 * symbolic link is followed only when it names a sibling at the top (UT1's `porn -> adult`), and then only when the
 * mapping has the link's name; every other link is left out and said. What is neither `domains` nor `urls`
 * (`expressions`, `usage`) is not read, and that is said.
 *
 * One thread.
 */
#ifndef CLICKVEIL_COMMANDS_IMPORT_FOLDER_H
#define CLICKVEIL_COMMANDS_IMPORT_FOLDER_H

#include "commands/import_list.h"

enum {
    IMPORT_FOLDER_DEPTH_MAX = 4,       /* of a category's path */
    IMPORT_FOLDER_ENTRIES_MAX = 65536, /* in one folder */
};

/* Read all of it in the order of names. out_newest_s: when the newest of the files was written, Unix epoch s. */
CLICKVEIL_MUST_CHECK bool import_folder_read(struct import *import, const struct import_mapping *mapping,
                                             const char *path, int64_t *out_newest_s, struct error *error);

#endif
