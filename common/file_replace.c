#include "common/file_replace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool failed(struct file_replace *file, const char *what, struct error *error)
{
    int reason = errno;
    file_replace_give_up(file);
    return error_fail(error, EXIT_STATUS_IO, file->path, NULL, "cannot %s: %s", what, strerror(reason));
}

bool file_replace_begin(struct file_replace *file, const char *path, unsigned mode, struct error *error)
{
    struct stat status;
    memset(file, 0, sizeof(*file));
    file->path = path;
    /* A rename would put a file into the place of /dev/null, or of a link instead of behind it. */
    if (lstat(path, &status) == 0 && !S_ISREG(status.st_mode))
        return error_fail(error, EXIT_STATUS_IO, path, "name a file to be made or replaced",
                          "what stands there is no regular file");
    int size = snprintf(file->beside, sizeof(file->beside), "%s.XXXXXX", path);
    if (size < 0 || (size_t)size >= sizeof(file->beside))
        return error_fail(error, EXIT_STATUS_IO, NULL, NULL, "the path of the output is too long");
    file->descriptor = mkostemp(file->beside, O_CLOEXEC);
    if (file->descriptor < 0)
        return error_fail(error, EXIT_STATUS_IO, path, "check that the folder exists and may be written",
                          "cannot write a file beside it: %s", strerror(errno));
    file->is_open = true;
    mode_t mask = umask(0);
    umask(mask);
    if (fchmod(file->descriptor, mode & ~mask) != 0)
        return failed(file, "set the permissions of the new file", error);
    return true;
}

bool file_replace_write(struct file_replace *file, const void *data, size_t size_bytes, struct error *error)
{
    for (size_t done = 0; done < size_bytes;) {
        ssize_t put = write(file->descriptor, (const char *)data + done, size_bytes - done);
        if (put < 0 && errno != EINTR)
            return failed(file, "write the new file", error);
        done += put > 0 ? (size_t)put : 0;
    }
    file->size_bytes += size_bytes;
    return true;
}

/* The name must come to the disk too. */
static bool sync_folder(const char *path)
{
    char folder[FILE_PATH_SIZE + 16];
    const char *slash = strrchr(path, '/');
    int size = slash == NULL ? snprintf(folder, sizeof(folder), ".")
                             : snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path + 1), path);
    if (size < 0 || (size_t)size >= sizeof(folder))
        return false;
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0)
        return false;
    bool synced = fsync(descriptor) == 0 || errno == EINVAL; /* some file systems know no such thing */
    close(descriptor);
    return synced;
}

bool file_replace_end(struct file_replace *file, struct error *error)
{
    if (fsync(file->descriptor) != 0)
        return failed(file, "bring the new file to the disk", error);
    int closed = close(file->descriptor);
    file->descriptor = -1;
    if (closed != 0)
        return failed(file, "close the new file", error);
    if (rename(file->beside, file->path) != 0)
        return failed(file, "rename the new file to its place", error);
    file->is_open = false;
    if (!sync_folder(file->path))
        return error_fail(error, EXIT_STATUS_IO, file->path, "look whether it is there after a crash",
                          "the new file stands in its place, but its folder can't be brought to the disk");
    return true;
}

void file_replace_give_up(struct file_replace *file)
{
    if (!file->is_open)
        return;
    if (file->descriptor >= 0)
        close(file->descriptor);
    unlink(file->beside);
    file->is_open = false;
}
