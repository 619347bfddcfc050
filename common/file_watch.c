#include "common/file_watch.h"

#include <stdlib.h>
#include <sys/stat.h>

/* What tells one state of a file from another; all zero: it is not there. */
struct stamp {
    uint64_t device, file, size;
    int64_t modified_s, modified_ns, changed_s, changed_ns;
};

struct watched {
    char *path;
    struct stamp seen;   /* the state that was taken as seen */
    struct stamp latest; /* at the last look */
};

struct file_watch {
    struct watched *items;
    size_t count;
    int64_t looked_ms; /* 0: not yet */
    bool changed;
};

static struct stamp look(const char *path)
{
    struct stat status;
    struct stamp stamp = {0};
    if (stat(path, &status) == 0)
        stamp = (struct stamp){.device = (uint64_t)status.st_dev,
                               .file = (uint64_t)status.st_ino,
                               .size = (uint64_t)status.st_size,
                               .modified_s = status.st_mtim.tv_sec,
                               .modified_ns = status.st_mtim.tv_nsec,
                               .changed_s = status.st_ctim.tv_sec,
                               .changed_ns = status.st_ctim.tv_nsec};
    return stamp;
}

static bool same(const struct stamp *a, const struct stamp *b)
{
    return memcmp(a, b, sizeof(*a)) == 0; /* numbers of 8 bytes, nothing between */
}

struct file_watch *file_watch_new(void)
{
    return calloc(1, sizeof(struct file_watch));
}

void file_watch_free(struct file_watch *watch)
{
    if (watch == NULL)
        return;
    for (size_t i = 0; i < watch->count; i++)
        free(watch->items[i].path);
    free(watch->items);
    free(watch);
}

bool file_watch_add(struct file_watch *watch, const char *path)
{
    struct watched *grown = realloc(watch->items, (watch->count + 1) * sizeof(*grown));
    if (grown == NULL)
        return false;
    watch->items = grown;
    char *copy = strdup(path);
    if (copy == NULL)
        return false;
    struct stamp now = look(path);
    watch->items[watch->count++] = (struct watched){.path = copy, .seen = now, .latest = now};
    return true;
}

void file_watch_accept(struct file_watch *watch)
{
    for (size_t i = 0; i < watch->count; i++)
        watch->items[i].seen = watch->items[i].latest = look(watch->items[i].path);
    watch->changed = false;
}

bool file_watch_changed(struct file_watch *watch, int64_t now_ms)
{
    if (watch->changed || (watch->looked_ms != 0 && now_ms - watch->looked_ms < FILE_WATCH_EVERY_MS))
        return watch->changed;
    bool other = false, moving = false;
    watch->looked_ms = now_ms;
    for (size_t i = 0; i < watch->count; i++) {
        struct watched *item = &watch->items[i];
        struct stamp now = look(item->path);
        moving = moving || !same(&now, &item->latest);
        other = other || !same(&now, &item->seen);
        item->latest = now;
    }
    watch->changed = other && !moving;
    return watch->changed;
}
