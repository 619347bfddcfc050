/*
 * Design: the guard looks ten times a second whether the kernel wants the lease back; that it does, shows in F_GETLEASE.
 * The signal that the kernel sends as well is made SIGURG, which is ignored by default, so no handler is needed and none
 * is disturbed. The copy is put over the mapping by one mmap with MAP_FIXED: a reader sees the old page or the new one, with
 * the same bytes. The kernel takes the lease away after lease-break-time, whatever we do; a copy of half a gigabyte takes
 * less than a second.
 */
#include "common/mapped_file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LOOK_MS = 100 };

struct mapped_file {
    void *data;
    size_t size;
    int descriptor; /* with the lease; -1: there is none */
    bool has_guard;
    bool is_closing; /* under lock */
    pthread_t guard;
    pthread_mutex_t lock;
    pthread_cond_t closing;
    atomic_bool shared, broken;
};

static int open_regular(const char *path, size_t size_bytes_max, size_t *out_size, struct error *error)
{
    struct stat status;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (descriptor < 0) {
        error_fail(error, EXIT_STATUS_CONFIGURATION, path, "check the path and its permissions",
                   "cannot open the file: %s", strerror(errno));
        return -1;
    }
    if (fstat(descriptor, &status) != 0)
        error_fail(error, EXIT_STATUS_IO, path, NULL, "cannot look at the file: %s", strerror(errno));
    else if (!S_ISREG(status.st_mode))
        error_fail(error, EXIT_STATUS_CONFIGURATION, path, "name a regular file",
                   "this is not a regular file");
    else if (status.st_size == 0)
        error_fail(error, EXIT_STATUS_CONFIGURATION, path, NULL, "the file is empty");
    else if ((uintmax_t)status.st_size > size_bytes_max)
        error_fail(error, EXIT_STATUS_CONFIGURATION, path, NULL,
                   "the file has %ju bytes, more than the %zu allowed", (uintmax_t)status.st_size,
                   size_bytes_max);
    else {
        *out_size = (size_t)status.st_size;
        return descriptor;
    }
    close(descriptor);
    return -1;
}

/* Is nobody writing it, and will nobody before we were asked? */
static bool take_lease(int descriptor)
{
    return fcntl(descriptor, F_SETSIG, SIGURG) == 0 && fcntl(descriptor, F_SETLEASE, F_RDLCK) == 0;
}

static bool write_all(int descriptor, const char *data, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t put = write(descriptor, data + done, size - done);
        if (put < 0 && errno != EINTR)
            return false;
        done += put > 0 ? (size_t)put : 0;
    }
    return true;
}

static bool read_all(int descriptor, char *data, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t got = pread(descriptor, data + done, size - done, (off_t)done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        done += (size_t)got;
    }
    return true;
}

/* Memory that nobody can write any more, filled with `data`, or from a file where data is NULL. Mapped at `place`, or
 * anywhere when that is NULL. MAP_FAILED: errno. */
static void *map_copy(void *place, const char *data, int source, size_t size)
{
    void *mapped = MAP_FAILED;
    int copy = memfd_create("clickveil-file", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (copy < 0)
        return MAP_FAILED;
    bool filled = false;
    if (data != NULL)
        filled = write_all(copy, data, size);
    else if (ftruncate(copy, (off_t)size) == 0) {
        char *target = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, copy, 0);
        if (target != MAP_FAILED) {
            errno = EIO;
            filled = read_all(source, target, size);
            munmap(target, size);
        }
    }
    if (filled && fcntl(copy, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
        mapped = mmap(place, size, PROT_READ, MAP_SHARED | (place != NULL ? MAP_FIXED : 0), copy, 0);
    int reason = errno;
    close(copy);
    errno = reason;
    return mapped;
}

/* Somebody waits to change the file. That a lease can be given back says that it was held until then: who stood still for
 * longer than the kernel waits has copied what nobody vouches for. */
static void keep_copy(struct mapped_file *file)
{
    if (map_copy(file->data, file->data, -1, file->size) == MAP_FAILED) {
        atomic_store(&file->broken, true); /* the lease stays with us for as long as the kernel lets it */
        return;
    }
    atomic_store(&file->shared, false); /* first: the writer goes on the moment the lease is back */
    if (fcntl(file->descriptor, F_SETLEASE, F_UNLCK) != 0)
        atomic_store(&file->broken, true);
}

static void *guard(void *argument)
{
    struct mapped_file *file = argument;
    pthread_mutex_lock(&file->lock);
    while (!file->is_closing && fcntl(file->descriptor, F_GETLEASE) == F_RDLCK) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += LOOK_MS * 1000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&file->closing, &file->lock, &until);
    }
    bool asked = !file->is_closing;
    pthread_mutex_unlock(&file->lock);
    if (asked)
        keep_copy(file);
    return NULL;
}

static bool start_guard(struct mapped_file *file)
{
    pthread_condattr_t attributes;
    sigset_t all, before;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&file->lock, NULL);
    pthread_cond_init(&file->closing, &attributes);
    pthread_condattr_destroy(&attributes);
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before); /* signals are for the threads that were there */
    file->has_guard = pthread_create(&file->guard, NULL, guard, file) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!file->has_guard) {
        pthread_mutex_destroy(&file->lock);
        pthread_cond_destroy(&file->closing);
    }
    return file->has_guard;
}

/* The file itself, behind a lease and a guard. False: there is nothing mapped and no lease. */
static bool share(struct mapped_file *file, int descriptor)
{
    struct stat status;
    if (!take_lease(descriptor))
        return false;
    /* its length as it is behind the lease */
    if (fstat(descriptor, &status) == 0 && (size_t)status.st_size == file->size) {
        file->data = mmap(NULL, file->size, PROT_READ, MAP_SHARED | MAP_POPULATE, descriptor, 0);
        if (file->data != MAP_FAILED) {
            file->descriptor = descriptor;
            if (start_guard(file)) {
                atomic_store(&file->shared, true);
                return true;
            }
            munmap(file->data, file->size);
        }
    }
    file->data = NULL;
    file->descriptor = -1;
    (void)fcntl(descriptor, F_SETLEASE, F_UNLCK);
    return false;
}

struct mapped_file *mapped_file_new(const char *path, size_t size_bytes_max, struct error *error)
{
    struct mapped_file *file = calloc(1, sizeof(*file));
    if (file == NULL) {
        error_fail(error, EXIT_STATUS_UNAVAILABLE, path, NULL, "no memory to map the file");
        return NULL;
    }
    file->descriptor = -1;
    int descriptor = open_regular(path, size_bytes_max, &file->size, error);
    if (descriptor < 0) {
        free(file);
        return NULL;
    }
    if (share(file, descriptor))
        return file;
    void *copy = map_copy(NULL, NULL, descriptor, file->size);
    if (copy == MAP_FAILED) {
        error_fail(error, errno == ENOMEM || errno == EMFILE ? EXIT_STATUS_UNAVAILABLE : EXIT_STATUS_IO, path,
                   "replace files by renaming, not by writing into them", "cannot copy the file: %s",
                   strerror(errno));
        free(file);
        file = NULL;
    } else
        file->data = copy;
    close(descriptor);
    return file;
}

void mapped_file_free(struct mapped_file *file)
{
    if (file == NULL)
        return;
    if (file->has_guard) {
        pthread_mutex_lock(&file->lock);
        file->is_closing = true;
        pthread_cond_signal(&file->closing);
        pthread_mutex_unlock(&file->lock);
        pthread_join(file->guard, NULL);
        pthread_mutex_destroy(&file->lock);
        pthread_cond_destroy(&file->closing);
    }
    munmap(file->data, file->size);
    if (file->descriptor >= 0)
        close(file->descriptor); /* and with it the lease */
    free(file);
}

struct view mapped_file_bytes(const struct mapped_file *file)
{
    return (struct view){file->data, file->size};
}

bool mapped_file_is_shared(const struct mapped_file *file)
{
    return atomic_load(&file->shared);
}

bool mapped_file_is_whole(const struct mapped_file *file)
{
    return !atomic_load(&file->broken);
}
