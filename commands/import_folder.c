#include "commands/import_folder.h"

#include "common/file.h"
#include "common/mistakes.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct walk {
    struct import *import;
    const struct import_mapping *mapping;
    const char *root;
    int64_t newest_s;
    uint64_t files;
};

struct entries {
    char **names;
    unsigned count;
};

static void entries_release(struct entries *entries)
{
    for (unsigned i = 0; i < entries->count; i++)
        free(entries->names[i]);
    free(entries->names);
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static bool list_folder(const char *path, struct entries *entries, struct error *error)
{
    struct dirent *entry;
    DIR *folder = opendir(path);
    if (folder == NULL)
        return error_fail(error, EXIT_STATUS_IO, path,
                          errno == ENOTDIR ? "name the folder in which the categories are; unpack a tar first"
                                           : NULL,
                          "can't be read as a folder: %s", strerror(errno));
    bool fine = true;
    while (fine && (errno = 0, entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (entries->count == IMPORT_FOLDER_ENTRIES_MAX) {
            fine = error_fail(error, EXIT_STATUS_DATA, path, NULL, "more than %d entries in one folder",
                              (int)IMPORT_FOLDER_ENTRIES_MAX);
            break;
        }
        if (entries->names == NULL)
            entries->names = calloc(IMPORT_FOLDER_ENTRIES_MAX, sizeof *entries->names);
        ensure(entries->names != NULL);
        entries->names[entries->count] = strdup(entry->d_name);
        ensure(entries->names[entries->count] != NULL);
        entries->count++;
    }
    if (fine && errno != 0) /* else the end would look the same, and what is missing like what is not there */
        fine = error_fail(error, EXIT_STATUS_IO, path, NULL, "can't be read to its end: %s", strerror(errno));
    closedir(folder);
    if (entries->count > 1)
        qsort(entries->names, entries->count, sizeof *entries->names, compare_names);
    return fine;
}

static bool joined(char out_path[FILE_PATH_SIZE], const char *folder, const char *name)
{
    int size = snprintf(out_path, FILE_PATH_SIZE, "%s%s%s", folder, folder[0] ? "/" : "", name);
    return size > 0 && size < FILE_PATH_SIZE;
}

static void note(struct walk *walk, const char *folder, const char *name, const char *why)
{
    char path[FILE_PATH_SIZE], shown[MISTAKE_SHOWN_MAX + 4];
    if (!joined(path, folder, name))
        snprintf(path, sizeof path, "%.200s", name);
    import_report_note(&walk->import->report, "%s: %s", mistakes_show(view_of_string(path), shown), why);
}

static bool is_list(const char *name)
{
    return strcmp(name, "domains") == 0 || strcmp(name, "urls") == 0;
}

/* One file of a category. `below`: where it lies, which for a link is not the category. */
static bool read_list(struct walk *walk, const char *below, const char *category, const char *name,
                      struct error *error)
{
    char inside[FILE_PATH_SIZE], path[FILE_PATH_SIZE], shown_name[FILE_PATH_SIZE];
    struct stat status;
    if (!joined(inside, below, name) || !joined(path, walk->root, inside) ||
        !joined(shown_name, category, name))
        return error_fail(error, EXIT_STATUS_IO, NULL, NULL, "a path in the folder is too long");
    if (lstat(path, &status) != 0)
        return error_fail(error, EXIT_STATUS_IO, path, NULL, "can't be read: %s", strerror(errno));
    if (!S_ISREG(status.st_mode)) {
        note(walk, category, name,
             S_ISLNK(status.st_mode) ? "a symbolic link, not followed" : "no regular file");
        return true;
    }
    if (status.st_mtim.tv_sec > walk->newest_s)
        walk->newest_s = status.st_mtim.tv_sec;
    walk->files++;
    return import_list_read(walk->import, path, shown_name, category, error);
}

/* What lies in a folder. `category`: its name as the mapping has it; `below`: its path. Empty at the top. */
static bool read_folder(struct walk *walk, const char *below, const char *category, unsigned depth,
                        struct error *error);

/* A link at the top that names a folder beside it is a second name of that category. */
static bool read_link(struct walk *walk, const char *category, unsigned depth, const char *name,
                      struct error *error)
{
    char path[FILE_PATH_SIZE], target[FILE_PATH_SIZE], beside[FILE_PATH_SIZE];
    struct stat status;
    ssize_t size = -1;
    if (depth == 0 && joined(path, walk->root, name))
        size = readlink(path, target, sizeof target - 1);
    while (size > 1 && target[size - 1] == '/')
        size--;
    target[size > 0 ? size : 0] = '\0';
    const char *plain = strncmp(target, "./", 2) == 0 ? target + 2 : target;
    if (size <= 0 || plain[0] == '\0' || strchr(plain, '/') || strcmp(plain, "..") == 0 ||
        strcmp(plain, ".") == 0 || !joined(beside, walk->root, plain) || lstat(beside, &status) != 0 ||
        !S_ISDIR(status.st_mode)) {
        note(walk, category, name, "a symbolic link that is not to a folder beside it, not followed");
        return true;
    }
    if (!walk->mapping || !import_mapping_has(walk->mapping, view_of_string(name))) {
        note(walk, category, name, "a second name of a category, which the mapping lacks");
        return true;
    }
    return read_folder(walk, plain, name, 1, error);
}

static bool read_entry(struct walk *walk, const char *below, const char *category, unsigned depth,
                       const char *name, bool *out_any, struct error *error)
{
    char inside[FILE_PATH_SIZE], path[FILE_PATH_SIZE], inner[FILE_PATH_SIZE];
    struct stat status;
    if (!joined(inside, below, name) || !joined(path, walk->root, inside) || !joined(inner, category, name))
        return error_fail(error, EXIT_STATUS_IO, NULL, NULL, "a path in the folder is too long");
    if (lstat(path, &status) != 0)
        return error_fail(error, EXIT_STATUS_IO, path, NULL, "can't be read: %s", strerror(errno));
    if (depth > 0 && is_list(name)) {
        *out_any = true;
        return read_list(walk, below, category, name, error);
    }
    if (S_ISLNK(status.st_mode))
        return read_link(walk, category, depth, name, error);
    if (S_ISDIR(status.st_mode) && depth < IMPORT_FOLDER_DEPTH_MAX) {
        *out_any = true;
        return read_folder(walk, inside, inner, depth + 1, error);
    }
    note(walk, category, name,
         S_ISDIR(status.st_mode)            ? "lies too deep, not read"
         : strcmp(name, "expressions") == 0 ? "patterns, not read: rules are on hosts"
         : depth == 0 && is_list(name)      ? "not read: it stands beside the categories, and so has none"
                                            : "not read");
    return true;
}

static bool read_folder(struct walk *walk, const char *below, const char *category, unsigned depth,
                        struct error *error)
{
    char path[FILE_PATH_SIZE];
    struct entries entries = {0};
    bool any = false;
    if (!joined(path, walk->root, below))
        return error_fail(error, EXIT_STATUS_IO, NULL, NULL, "a path in the folder is too long");
    bool fine = list_folder(below[0] ? path : walk->root, &entries, error);
    for (unsigned i = 0; fine && i < entries.count; i++)
        fine = read_entry(walk, below, category, depth, entries.names[i], &any, error);
    if (fine && depth > 0 && !any)
        note(walk, category, "", "has neither domains nor urls");
    entries_release(&entries);
    return fine;
}

bool import_folder_read(struct import *import, const struct import_mapping *mapping, const char *path,
                        int64_t *out_newest_s, struct error *error)
{
    struct walk walk = {.import = import, .mapping = mapping, .root = path};
    if (!read_folder(&walk, "", "", 0, error))
        return false;
    if (walk.files == 0)
        return error_fail(error, EXIT_STATUS_DATA, path, "name the folder in which the categories are",
                          "no folder in it has a file domains or urls");
    *out_newest_s = walk.newest_s;
    return true;
}
