#include "common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool open_regular(const char *path, int *out_descriptor, struct stat *out_status, struct error *error)
{
    /* O_NONBLOCK: opening a pipe that nobody writes must not hang the start */
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (descriptor < 0)
        return error_fail(error, EXIT_STATUS_CONFIGURATION, path, "check the path and its permissions",
                          "cannot open the file: %s", strerror(errno));
    if (fstat(descriptor, out_status) != 0) {
        int reason = errno;
        close(descriptor);
        return error_fail(error, EXIT_STATUS_IO, path, NULL, "cannot look at the file: %s", strerror(reason));
    }
    if (!S_ISREG(out_status->st_mode)) {
        close(descriptor);
        return error_fail(error, EXIT_STATUS_CONFIGURATION, path, "name a regular file",
                          "this is not a regular file");
    }
    *out_descriptor = descriptor;
    return true;
}

/* Read up to size bytes; fewer only at the end of the file. */
static bool read_all(int descriptor, char *data, size_t size, size_t *out_read)
{
    size_t done = 0;
    while (done < size) {
        ssize_t got = read(descriptor, data + done, size - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return false;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    *out_read = done;
    return true;
}

bool file_read(const char *path, size_t size_bytes_max, struct view *out_bytes, struct error *error)
{
    int descriptor;
    struct stat status;
    if (!open_regular(path, &descriptor, &status, error))
        return false;

    bool success = false;
    char *data = NULL;
    size_t size = (size_t)status.st_size;
    size_t done = 0;
    if ((uintmax_t)status.st_size > size_bytes_max) {
        error_fail(error, EXIT_STATUS_CONFIGURATION, path, NULL,
                   "the file has %ju bytes, more than the %zu allowed", (uintmax_t)status.st_size,
                   size_bytes_max);
        goto out;
    }
    data = malloc(size + 1);
    if (data == NULL) {
        error_fail(error, EXIT_STATUS_UNAVAILABLE, path, NULL, "no memory for the file's %zu bytes", size);
        goto out;
    }
    /* one byte more than there should be: a file that grew meanwhile is seen */
    if (!read_all(descriptor, data, size + 1, &done)) {
        error_fail(error, EXIT_STATUS_IO, path, NULL, "cannot read the file: %s", strerror(errno));
        goto out;
    }
    if (done != size) {
        error_fail(error, EXIT_STATUS_IO, path, "replace files by renaming, not by writing into them",
                   "the file changed while it was read");
        goto out;
    }
    data[size] = '\0';
    *out_bytes = (struct view){data, size};
    data = NULL;
    success = true;
out:
    free(data);
    close(descriptor);
    return success;
}

void file_free(struct view bytes)
{
    free((char *)bytes.data);
}

static bool joins_to_file(const char *folder, size_t folder_size, const char *middle, const char *name,
                          char out_path[FILE_PATH_SIZE])
{
    char path[FILE_PATH_SIZE];
    struct stat status;
    int size = snprintf(path, sizeof(path), "%.*s/%s%s", (int)folder_size, folder, middle, name);
    if (size < 0 || (size_t)size >= sizeof(path) || stat(path, &status) != 0 || !S_ISREG(status.st_mode))
        return false;
    memcpy(out_path, path, (size_t)size + 1);
    return true;
}

bool file_find_data(const char *name, char out_path[FILE_PATH_SIZE], struct error *error)
{
    static const char advice[] = "name the file in the configuration, or set CLICKVEIL_DATA_DIR";
    char program[FILE_PATH_SIZE];
    const char *data_dir = getenv("CLICKVEIL_DATA_DIR");
    if (data_dir != NULL) {
        if (joins_to_file(data_dir, strlen(data_dir), "", name, out_path))
            return true;
        return error_fail(error, EXIT_STATUS_CONFIGURATION, name, advice,
                          "this file of the product is not below CLICKVEIL_DATA_DIR");
    }
    ssize_t size = readlink("/proc/self/exe", program, sizeof(program) - 1);
    if (size <= 0)
        return error_fail(error, EXIT_STATUS_CONFIGURATION, name, advice,
                          "cannot tell where this program lies, and so not where its files are");
    program[size] = '\0';
    char *slash = strrchr(program, '/');
    if (joins_to_file(program, (size_t)(slash - program), "../share/clickveil/", name, out_path))
        return true;
    while (slash > program) {
        if (joins_to_file(program, (size_t)(slash - program), "", name, out_path))
            return true;
        *slash = '\0';
        slash = strrchr(program, '/');
    }
    return error_fail(error, EXIT_STATUS_CONFIGURATION, name, advice,
                      "this file of the product was not found beside the program");
}
