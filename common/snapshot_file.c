/*
 * The file: a fixed part (struct fixed), the head, the partitions, the body. The fixed part is written last: it holds the
 * size and the checksums of the rest.
 *
 * Writing: two buffers, one is filled while the other is on its way to the disk. The file beside the place is locked, so
 * that two processes never write the same; it is not removed when the process dies, the next one starts it anew.
 */
#include "common/snapshot_file.h"

#include "common/file.h"
#include "common/xxhash.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    VERSION = 1,
    BUFFER_SIZE = 2 * SNAPSHOT_PUT_MAX,
    READ_BUFFER_SIZE = 1 << 20,
    PARTITIONS_MAX = 100000,
};

static const char magic[8] = {'C', 'V', 'S', 'N', 'A', 'P', '\r', '\n'};

struct fixed {
    char magic[8];
    uint32_t version, byte_order; /* 1 as this machine writes it */
    uint64_t file_size;
    uint64_t head_hash; /* of this, with zeros here, of the head and of the partitions */
    uint64_t body_hash;
};

_Static_assert(sizeof(struct fixed) == 40 && sizeof(struct snapshot_head) == 376 &&
                   sizeof(struct snapshot_partition) == 56,
               "the file's layout");

static uint64_t hash_head(const struct fixed *fixed, const struct snapshot_head *head,
                          const struct snapshot_partition *partitions)
{
    struct xxhash hash;
    struct fixed blank = *fixed;
    blank.head_hash = 0;
    xxhash_init(&hash);
    xxhash_add(&hash, &blank, sizeof blank);
    xxhash_add(&hash, head, sizeof *head);
    xxhash_add(&hash, partitions, (size_t)head->partitions * sizeof *partitions);
    return xxhash_end(&hash);
}

/* ---- writing ---- */

struct snapshot_writer {
    char path[FILE_PATH_SIZE], beside[FILE_PATH_SIZE + 8];
    struct snapshot_head head;
    struct snapshot_partition *partitions;
    int descriptor;
    char *buffers[2];
    size_t filled; /* of the one that is being filled */
    unsigned filling;
    pthread_t thread;
    bool thread_runs;

    pthread_mutex_t lock; /* what follows */
    pthread_cond_t changed;
    size_t to_write; /* bytes of the other buffer; 0: it is free */
    bool ends, given_up;
    enum snapshot_progress progress;
    struct error failure;
    uint64_t size;
};

static bool write_all(int descriptor, const char *data, size_t size, off_t offset)
{
    while (size > 0) {
        ssize_t done = pwrite(descriptor, data, size, offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        data += done;
        size -= (size_t)done;
        offset += done;
    }
    return true;
}

static bool sync_folder(const char *path)
{
    char folder[FILE_PATH_SIZE];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder] = '\0';
    int descriptor = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0)
        return false;
    bool fine = fsync(descriptor) == 0;
    close(descriptor);
    return fine;
}

static size_t head_size(const struct snapshot_head *head)
{
    return sizeof(struct fixed) + sizeof *head + (size_t)head->partitions * sizeof(struct snapshot_partition);
}

static bool finish_file(struct snapshot_writer *writer, uint64_t body_size, uint64_t body_hash)
{
    struct fixed fixed = {.version = VERSION, .byte_order = 1, .body_hash = body_hash};
    memcpy(fixed.magic, magic, sizeof magic);
    fixed.file_size = head_size(&writer->head) + body_size;
    fixed.head_hash = hash_head(&fixed, &writer->head, writer->partitions);
    writer->size = fixed.file_size;
    return write_all(writer->descriptor, (const char *)&fixed, sizeof fixed, 0) &&
           write_all(writer->descriptor, (const char *)&writer->head, sizeof writer->head, sizeof fixed) &&
           write_all(writer->descriptor, (const char *)writer->partitions,
                     (size_t)writer->head.partitions * sizeof *writer->partitions,
                     sizeof fixed + sizeof writer->head) &&
           fsync(writer->descriptor) == 0 && rename(writer->beside, writer->path) == 0 &&
           sync_folder(writer->path);
}

/* Take the other buffer once it is full. False: there is none any more; *out_whole: all have come. */
static bool next_buffer(struct snapshot_writer *writer, unsigned *out_buffer, size_t *out_size,
                        bool *out_whole)
{
    pthread_mutex_lock(&writer->lock);
    while (!writer->to_write && !writer->ends && !writer->given_up)
        pthread_cond_wait(&writer->changed, &writer->lock);
    bool any = writer->to_write && !writer->given_up;
    *out_buffer = writer->filling ^ 1;
    *out_size = writer->to_write;
    *out_whole = !writer->given_up;
    pthread_mutex_unlock(&writer->lock);
    return any;
}

static void set_progress(struct snapshot_writer *writer, enum snapshot_progress progress)
{
    int reason = errno;
    pthread_mutex_lock(&writer->lock);
    writer->progress = progress;
    if (progress == SNAPSHOT_FAILED)
        error_fail(&writer->failure, EXIT_STATUS_IO, writer->path,
                   "see the disk and the folder's permissions", "the snapshot can't be written: %s",
                   strerror(reason));
    pthread_cond_broadcast(&writer->changed);
    pthread_mutex_unlock(&writer->lock);
}

static void *run_writer(void *context)
{
    struct snapshot_writer *writer = context;
    struct xxhash hash;
    uint64_t done = 0;
    unsigned buffer;
    size_t size;
    bool whole;
    xxhash_init(&hash);
    while (next_buffer(writer, &buffer, &size, &whole)) {
        xxhash_add(&hash, writer->buffers[buffer], size);
        if (!write_all(writer->descriptor, writer->buffers[buffer], size,
                       (off_t)(head_size(&writer->head) + done))) {
            set_progress(writer, SNAPSHOT_FAILED);
            return NULL;
        }
        done += size;
        pthread_mutex_lock(&writer->lock);
        writer->to_write = 0;
        pthread_cond_broadcast(&writer->changed);
        pthread_mutex_unlock(&writer->lock);
    }
    if (whole)
        set_progress(writer,
                     finish_file(writer, done, xxhash_end(&hash)) ? SNAPSHOT_WRITTEN : SNAPSHOT_FAILED);
    return NULL;
}

/* Open the file beside the place, ours alone and empty. */
static bool open_beside(struct snapshot_writer *writer, struct error *error)
{
    struct stat ours, there;
    writer->descriptor = open(writer->beside, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    if (writer->descriptor < 0)
        return error_fail(error, EXIT_STATUS_IO, writer->beside, "see the folder's permissions",
                          "the snapshot can't be written: %s", strerror(errno));
    /* whoever had it locked may have renamed it meanwhile */
    if (flock(writer->descriptor, LOCK_EX | LOCK_NB) != 0 || fstat(writer->descriptor, &ours) != 0 ||
        stat(writer->beside, &there) != 0 || ours.st_ino != there.st_ino || ours.st_dev != there.st_dev)
        return error_fail(error, EXIT_STATUS_IO, writer->beside, "give each process a file of its own",
                          "another process is writing this snapshot");
    if (ftruncate(writer->descriptor, 0) != 0 || fchmod(writer->descriptor, S_IRUSR | S_IWUSR) != 0)
        return error_fail(error, EXIT_STATUS_IO, writer->beside, NULL, "the snapshot can't be written: %s",
                          strerror(errno));
    return true;
}

struct snapshot_writer *snapshot_writer_new(const char *path, const struct snapshot_head *head,
                                            const struct snapshot_partition *partitions, struct error *error)
{
    struct snapshot_writer *writer = calloc(1, sizeof *writer);
    size_t size = (size_t)head->partitions * sizeof *partitions;
    if (writer) {
        writer->descriptor = -1;
        writer->head = *head;
        writer->progress = SNAPSHOT_WRITING;
        pthread_mutex_init(&writer->lock, NULL);
        pthread_cond_init(&writer->changed, NULL);
        writer->partitions = malloc(size + 1);
        writer->buffers[0] = malloc(BUFFER_SIZE);
        writer->buffers[1] = malloc(BUFFER_SIZE);
    }
    if (!writer || !writer->partitions || !writer->buffers[0] || !writer->buffers[1]) {
        error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, NULL, "no memory to write a snapshot");
        snapshot_writer_free(writer);
        return NULL;
    }
    memcpy(writer->partitions, partitions, size);
    snprintf(writer->path, sizeof writer->path, "%s", path);
    snprintf(writer->beside, sizeof writer->beside, "%s.new", path);
    bool fine = open_beside(writer, error);
    if (fine) {
        writer->thread_runs = pthread_create(&writer->thread, NULL, run_writer, writer) == 0;
        fine = writer->thread_runs || error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, NULL, "no thread");
    }
    if (fine)
        return writer;
    snapshot_writer_free(writer);
    return NULL;
}

/* Hand the filled buffer over, when the other one is free. */
static void hand_over_locked(struct snapshot_writer *writer)
{
    writer->to_write = writer->filled;
    writer->filling ^= 1;
    writer->filled = 0;
    pthread_cond_broadcast(&writer->changed);
}

static bool is_free_locked(const struct snapshot_writer *writer)
{
    return writer->to_write == 0 || writer->progress == SNAPSHOT_FAILED;
}

bool snapshot_writer_has_room(struct snapshot_writer *writer)
{
    if (writer->filled <= BUFFER_SIZE - SNAPSHOT_PUT_MAX)
        return true;
    pthread_mutex_lock(&writer->lock);
    bool room = is_free_locked(writer);
    if (room)
        hand_over_locked(writer);
    pthread_mutex_unlock(&writer->lock);
    return room;
}

void snapshot_put(struct snapshot_writer *writer, const void *data, size_t size_bytes)
{
    const char *bytes = data;
    while (size_bytes > 0) {
        if (writer->filled == BUFFER_SIZE) {
            pthread_mutex_lock(&writer->lock);
            while (!is_free_locked(writer))
                pthread_cond_wait(&writer->changed, &writer->lock);
            hand_over_locked(writer);
            pthread_mutex_unlock(&writer->lock);
        }
        size_t part = BUFFER_SIZE - writer->filled < size_bytes ? BUFFER_SIZE - writer->filled : size_bytes;
        memcpy(writer->buffers[writer->filling] + writer->filled, bytes, part);
        writer->filled += part;
        bytes += part;
        size_bytes -= part;
    }
}

void snapshot_writer_end(struct snapshot_writer *writer)
{
    pthread_mutex_lock(&writer->lock);
    while (!is_free_locked(writer))
        pthread_cond_wait(&writer->changed, &writer->lock);
    if (writer->filled > 0)
        hand_over_locked(writer);
    writer->ends = true;
    pthread_cond_broadcast(&writer->changed);
    pthread_mutex_unlock(&writer->lock);
}

enum snapshot_progress snapshot_writer_progress(struct snapshot_writer *writer, uint64_t *out_size_bytes,
                                                struct error *error)
{
    pthread_mutex_lock(&writer->lock);
    enum snapshot_progress progress = writer->progress;
    if (progress == SNAPSHOT_FAILED)
        *error = writer->failure;
    if (progress == SNAPSHOT_WRITTEN)
        *out_size_bytes = writer->size;
    pthread_mutex_unlock(&writer->lock);
    return progress;
}

void snapshot_writer_free(struct snapshot_writer *writer)
{
    if (!writer)
        return;
    if (writer->thread_runs) {
        pthread_mutex_lock(&writer->lock);
        writer->given_up = true;
        pthread_cond_broadcast(&writer->changed);
        pthread_mutex_unlock(&writer->lock);
        pthread_join(writer->thread, NULL);
        if (writer->progress != SNAPSHOT_WRITTEN)
            unlink(writer->beside);
    }
    if (writer->descriptor >= 0)
        close(writer->descriptor);
    pthread_cond_destroy(&writer->changed);
    pthread_mutex_destroy(&writer->lock);
    free(writer->partitions);
    free(writer->buffers[0]);
    free(writer->buffers[1]);
    free(writer);
}

/* ---- reading ---- */

struct snapshot_reader {
    int descriptor;
    struct fixed fixed;
    struct snapshot_head head;
    struct snapshot_partition *partitions;
    struct xxhash hash;
    uint64_t left; /* of the body, not yet read from the file */
    char *buffer;
    size_t at, filled;
    int reason; /* errno of a failure */
};

static bool read_all(struct snapshot_reader *reader, void *out_data, size_t size)
{
    char *data = out_data;
    while (size > 0) {
        ssize_t done = read(reader->descriptor, data, size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            reader->reason = errno;
        if (done <= 0)
            return false;
        data += done;
        size -= (size_t)done;
    }
    return true;
}

static bool unusable(struct error *error, const char *path, const char *why)
{
    return error_fail(error, EXIT_STATUS_DATA, path, NULL, "%s", why);
}

static bool read_head(struct snapshot_reader *reader, const char *path, struct error *error)
{
    struct stat status;
    if (fstat(reader->descriptor, &status) != 0 || !S_ISREG(status.st_mode))
        return unusable(error, path, "it is no regular file");
    if (status.st_uid != geteuid() || status.st_mode & (S_IRWXG | S_IRWXO))
        return unusable(error, path, "it belongs to somebody else, or others may read or write it");
    struct fixed *fixed = &reader->fixed;
    if (!read_all(reader, fixed, sizeof *fixed) || memcmp(fixed->magic, magic, sizeof magic) != 0)
        return unusable(error, path, "it is no snapshot, or was cut");
    if (fixed->version != VERSION || fixed->byte_order != 1)
        return unusable(error, path, "it was written by another version or on another kind of machine");
    if ((uint64_t)status.st_size != fixed->file_size)
        return unusable(error, path, "it was cut, or something was added to it");
    if (!read_all(reader, &reader->head, sizeof reader->head) || reader->head.partitions < 0 ||
        reader->head.partitions > PARTITIONS_MAX || head_size(&reader->head) > fixed->file_size)
        return unusable(error, path, "its head is damaged");
    size_t size = (size_t)reader->head.partitions * sizeof *reader->partitions;
    reader->partitions = malloc(size + 1);
    reader->buffer = malloc(READ_BUFFER_SIZE);
    if (!reader->partitions || !reader->buffer)
        return unusable(error, path, "there is no memory to read it");
    if (!read_all(reader, reader->partitions, size) ||
        hash_head(fixed, &reader->head, reader->partitions) != fixed->head_hash)
        return unusable(error, path, "its head is damaged");
    reader->left = fixed->file_size - head_size(&reader->head);
    xxhash_init(&reader->hash);
    return true;
}

struct snapshot_reader *snapshot_reader_new(const char *path, bool *out_missing, struct error *error)
{
    *out_missing = false;
    struct snapshot_reader *reader = calloc(1, sizeof *reader);
    if (!reader) {
        unusable(error, path, "there is no memory to read it");
        return NULL;
    }
    reader->descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (reader->descriptor < 0) {
        *out_missing = errno == ENOENT;
        error_fail(error, EXIT_STATUS_DATA, path, NULL, "it can't be opened: %s", strerror(errno));
        free(reader);
        return NULL;
    }
    if (read_head(reader, path, error))
        return reader;
    snapshot_reader_free(reader);
    return NULL;
}

const struct snapshot_head *snapshot_reader_head(const struct snapshot_reader *reader)
{
    return &reader->head;
}

const struct snapshot_partition *snapshot_reader_partitions(const struct snapshot_reader *reader)
{
    return reader->partitions;
}

/* Straight from the file, in pieces that are still in the cache when they are hashed. */
static bool get_straight(struct snapshot_reader *reader, char *data, size_t size)
{
    while (size > 0) {
        size_t part = size < READ_BUFFER_SIZE ? size : READ_BUFFER_SIZE;
        if (part > reader->left || !read_all(reader, data, part))
            return false;
        xxhash_add(&reader->hash, data, part);
        reader->left -= part;
        data += part;
        size -= part;
    }
    return true;
}

bool snapshot_get(struct snapshot_reader *reader, void *out_data, size_t size_bytes)
{
    char *data = out_data;
    while (size_bytes > 0) {
        if (reader->at == reader->filled && size_bytes >= READ_BUFFER_SIZE / 4)
            return get_straight(reader, data, size_bytes);
        if (reader->at == reader->filled) {
            size_t more = reader->left < READ_BUFFER_SIZE / 4 ? reader->left : READ_BUFFER_SIZE / 4;
            if (more == 0 || !get_straight(reader, reader->buffer, more))
                return false;
            reader->at = 0;
            reader->filled = more;
        }
        size_t part = reader->filled - reader->at < size_bytes ? reader->filled - reader->at : size_bytes;
        memcpy(data, reader->buffer + reader->at, part);
        reader->at += part;
        data += part;
        size_bytes -= part;
    }
    return true;
}

bool snapshot_reader_end(struct snapshot_reader *reader, struct error *error)
{
    if (reader->reason)
        return error_fail(error, EXIT_STATUS_DATA, NULL, NULL, "it can't be read: %s",
                          strerror(reader->reason));
    if (reader->left || reader->at < reader->filled || xxhash_end(&reader->hash) != reader->fixed.body_hash)
        return unusable(error, NULL, "its content is damaged");
    return true;
}

void snapshot_reader_free(struct snapshot_reader *reader)
{
    if (!reader)
        return;
    if (reader->descriptor >= 0)
        close(reader->descriptor);
    free(reader->partitions);
    free(reader->buffer);
    free(reader);
}
