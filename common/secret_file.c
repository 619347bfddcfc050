/*
 * Key files, written and replaced.
 *
 * A key that moves on (common/ratchet.h) replaces its file, and the old key must be gone from the disk. The order is such
 * that a crash at any point leaves one whole key under the file's name, and no old key under no name:
 *
 *   1. what an earlier crash left is overwritten and removed    FILE.new, FILE.old
 *   2. the new key is written to FILE.new, and synced
 *   3. the old file gets a second name, FILE.old
 *   4. FILE.new becomes FILE in one step, the folder is synced
 *   5. the old file's bytes are overwritten and synced, FILE.old is removed, the folder is synced
 *
 * After a crash between 3 and 4 both names are of one file, which is then the only one with a key in force: it is told by
 * its inode, and only loses the name. Where a file system knows no second names the old file is overwritten by its open
 * descriptor alone, and a crash between 4 and 5 leaves its bytes among the free blocks.
 */
#include "common/secret_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Make the folders above `path`, each with mode 0700, and open the last one. */
static int open_parent(const char *path, struct error *error)
{
    char folder[SECRET_PATH_SIZE];
    int size = snprintf(folder, sizeof folder, "%s", path);
    if (size < 0 || (size_t)size >= sizeof folder) {
        (void)error_fail(error, EXIT_STATUS_CONFIGURATION, NULL, "use a shorter path",
                         "the path is too long");
        return -1;
    }
    char *last = strrchr(folder, '/');
    if (last)
        last[last == folder] = '\0'; /* the root keeps its slash */
    else
        snprintf(folder, sizeof folder, ".");
    for (char *slash = strchr(folder + 1, '/');; slash = strchr(slash + 1, '/')) {
        if (slash)
            *slash = '\0';
        if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
            (void)error_fail(error, EXIT_STATUS_IO, folder, NULL, "the folder can't be made: %m");
            return -1;
        }
        if (!slash)
            break;
        *slash = '/';
    }
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0)
        (void)error_fail(error, EXIT_STATUS_IO, folder, NULL, "the folder can't be opened: %m");
    return descriptor;
}

static bool write_all(int descriptor, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t written = write(descriptor, text, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        text += written;
        size -= (size_t)written;
    }
    return true;
}

/* Make the file and write it. The one whose place it will take is `like`; NULL: there is none. */
static bool write_new_file(int folder, const char *name, const char *path, const struct stat *like,
                           const char *text, size_t size, struct error *error)
{
    int descriptor = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (descriptor < 0 && errno == EEXIST)
        return error_fail(error, EXIT_STATUS_CONFIGURATION, path,
                          "a key that is overwritten is lost for ever: move the file away first",
                          "the file exists already");
    if (descriptor < 0)
        return error_fail(error, EXIT_STATUS_IO, path, NULL, "the key file can't be made: %m");
    /* Who advances a key as root must not take it away from the user that runs the stage. */
    bool owned = !like || (fchown(descriptor, like->st_uid, like->st_gid) == 0 || like->st_uid == geteuid());
    bool written =
        owned && fchmod(descriptor, 0600) == 0 && write_all(descriptor, text, size) && fsync(descriptor) == 0;
    if (!written)
        (void)error_fail(error, EXIT_STATUS_IO, path, NULL, "the key file can't be written: %m");
    if (close(descriptor) != 0 && written)
        written = error_fail(error, EXIT_STATUS_IO, path, NULL, "the key file can't be written: %m");
    if (written && fsync(folder) != 0)
        written = error_fail(error, EXIT_STATUS_IO, path, NULL, "the key file's folder can't be synced: %m");
    return written;
}

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool secret_write(const struct secret *secret, const char *path, struct error *error)
{
    char *text = secret_memory_new(SECRET_FILE_SIZE_MAX, error);
    if (!text)
        return false;
    struct stat status;
    int folder = open_parent(path, error);
    const char *name = name_of(path);
    bool was_there = folder >= 0 && fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
    bool written =
        folder >= 0 && write_new_file(folder, name, path, NULL, text, secret_render(secret, text), error);
    if (folder >= 0 && !written && !was_there)
        (void)unlinkat(folder, name, 0);
    if (folder >= 0)
        close(folder);
    secret_memory_free(text);
    return written;
}

/* ---- replacing ---- */

/* A key file that is there, and the names beside it. */
struct replaced {
    int folder;
    const char *path; /* for messages */
    char name[NAME_MAX + 1], new_name[NAME_MAX + 1], old_name[NAME_MAX + 1];
    struct stat status;
};

static bool open_replaced(const char *path, struct replaced *replaced, struct error *error)
{
    const char *name = name_of(path);
    *replaced = (struct replaced){.folder = -1, .path = path};
    int size = snprintf(replaced->name, sizeof replaced->name, "%s", name);
    if (size <= 0 || (size_t)size > sizeof replaced->name - sizeof ".new")
        return error_fail(error, EXIT_STATUS_CONFIGURATION, path, "use a shorter name",
                          "the name of the key file is too long");
    snprintf(replaced->new_name, sizeof replaced->new_name, "%.*s.new", size, name);
    snprintf(replaced->old_name, sizeof replaced->old_name, "%.*s.old", size, name);
    replaced->folder = open_parent(path, error);
    if (replaced->folder < 0)
        return false;
    if (fstatat(replaced->folder, name, &replaced->status, AT_SYMLINK_NOFOLLOW) == 0)
        return true;
    (void)error_fail(error, EXIT_STATUS_CONFIGURATION, path, NULL, "the key file can't be examined: %m");
    close(replaced->folder);
    return false;
}

/* With bytes that tell nothing; that is all that a file system lets one do (docs/keys.md, on its limits). */
static bool overwrite(int descriptor)
{
    struct stat status;
    char noise[SECRET_FILE_SIZE_MAX];
    if (fstat(descriptor, &status) != 0 || lseek(descriptor, 0, SEEK_SET) != 0)
        return false;
    for (off_t left = status.st_size; left > 0; left -= (off_t)sizeof noise) {
        randombytes_buf(noise, sizeof noise);
        if (!write_all(descriptor, noise, left < (off_t)sizeof noise ? (size_t)left : sizeof noise))
            return false;
    }
    return fsync(descriptor) == 0;
}

static int open_to_overwrite(int folder, const char *name)
{
    int descriptor = openat(folder, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    if (descriptor < 0 && errno == EACCES && fchmodat(folder, name, 0600, 0) == 0) /* one of mode 0400 */
        descriptor = openat(folder, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    return descriptor;
}

/* Overwrite what stands under that name beside the key file, and take the name away. Another name of the key file
 * itself, as an ended replacement may have left it, only loses the name. */
static bool destroy(const struct replaced *replaced, const char *name, struct error *error)
{
    struct stat status;
    if (fstatat(replaced->folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT || error_fail(error, EXIT_STATUS_IO, replaced->path, NULL,
                                             "an old key beside it can't be examined: %m");
    bool same = status.st_dev == replaced->status.st_dev && status.st_ino == replaced->status.st_ino;
    bool done = true;
    if (!same && S_ISREG(status.st_mode)) {
        int descriptor = open_to_overwrite(replaced->folder, name);
        done = descriptor >= 0 && overwrite(descriptor);
        if (descriptor >= 0)
            close(descriptor);
    }
    done = done && unlinkat(replaced->folder, name, 0) == 0 && fsync(replaced->folder) == 0;
    if (!done) {
        (void)error_fail(error, EXIT_STATUS_IO, replaced->path, NULL, "an old key can't be destroyed: %m");
        error_advise(error, "the folder of the key must be writable; %s is still there", name);
    }
    return done;
}

static bool clean(const struct replaced *replaced, struct error *error)
{
    return destroy(replaced, replaced->new_name, error) && destroy(replaced, replaced->old_name, error);
}

bool secret_clean(const char *path, struct error *error)
{
    struct replaced replaced;
    if (!open_replaced(path, &replaced, error))
        return false;
    bool cleaned = clean(&replaced, error);
    close(replaced.folder);
    return cleaned;
}

/* The old file keeps a name until its bytes are overwritten, so that whoever comes after a crash finds it. */
static bool take_place(const struct replaced *replaced, struct error *error)
{
    int folder = replaced->folder;
    bool linked = linkat(folder, replaced->name, folder, replaced->old_name, 0) == 0;
    if (!linked && errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS)
        return error_fail(error, EXIT_STATUS_IO, replaced->path, NULL, "the key file can't be linked: %m");
    int old = open_to_overwrite(folder, replaced->name);
    bool done = old >= 0 && renameat(folder, replaced->new_name, folder, replaced->name) == 0;
    if (!done)
        (void)error_fail(error, EXIT_STATUS_IO, replaced->path, NULL, "the key file can't be replaced: %m");
    else if (fsync(folder) != 0 || !overwrite(old))
        done =
            error_fail(error, EXIT_STATUS_IO, replaced->path, NULL, "the old key can't be overwritten: %m");
    if (old >= 0)
        close(old);
    if (linked && done && (unlinkat(folder, replaced->old_name, 0) != 0 || fsync(folder) != 0))
        done = error_fail(error, EXIT_STATUS_IO, replaced->path, NULL,
                          "the old key's name can't be taken away: %m");
    return done;
}

bool secret_replace(const struct secret *secret, const char *path, struct error *error)
{
    struct replaced replaced;
    char *text = secret_memory_new(SECRET_FILE_SIZE_MAX, error);
    bool opened = text && open_replaced(path, &replaced, error);
    bool done = opened && clean(&replaced, error) &&
                write_new_file(replaced.folder, replaced.new_name, path, &replaced.status, text,
                               secret_render(secret, text), error) &&
                take_place(&replaced, error);
    if (opened && !done) {
        struct error ignored = {0}; /* the first failure says why */
        if (fstatat(replaced.folder, replaced.name, &replaced.status, AT_SYMLINK_NOFOLLOW) == 0)
            (void)clean(&replaced, &ignored);
    }
    if (opened)
        close(replaced.folder);
    secret_memory_free(text);
    return done;
}
