/*
 * The file and the memory advance apart. The file may be ahead (another process of the host, or `clickveil keys advance`,
 * was faster), or behind (a backup was put back). Either way both must be links of one chain: the earlier one is walked
 * forward to the later one and compared.
 *
 * Who holds what is noted under the lock that the memory is replaced under, so no worker can come to need a link between
 * the look at the holders and the step that forgets it.
 */
#include "common/ratchet.h"

#include "common/date.h"
#include "common/log.h"
#include "common/rfc3339.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LOOK_EVERY_MS = 1000,
    RETRY_MS = 600000,   /* after something failed */
    WAITING_MS = 600000, /* so long a process that has got no partition yet leaves the keys alone */
    PATH_SIZE = 4096,
};

struct ratchet {
    pthread_mutex_t lock;
    char path[PATH_SIZE];
    struct ratchet_times times;
    char chain[SECRET_ID_TEXT_SIZE];
    struct secret *link; /* replaced under the lock, by the tending thread */
    bool keeps_up;
    unsigned holders;
    bool was_held;    /* by anybody, ever */
    int64_t began_ms; /* the tending thread's: when it came first, and when it will look again */
    int64_t next_ms;
    int32_t held[]; /* by each; RATCHET_NONE: needs nothing */
};

/* ---- time ---- */

int32_t ratchet_epoch(const struct ratchet_times *times, int64_t time_ms)
{
    return (int32_t)date_floor_divide(time_ms - times->origin_ms, times->epoch_ms);
}

int64_t ratchet_epoch_start_ms(const struct ratchet_times *times, int32_t epoch)
{
    return times->origin_ms + (int64_t)epoch * times->epoch_ms;
}

int32_t ratchet_needed(const struct ratchet_times *times, int64_t now_ms)
{
    return ratchet_epoch(times, now_ms - times->kept_ms);
}

bool ratchet_is_ahead(const struct ratchet_times *times, int32_t epoch, int64_t now_ms)
{
    return epoch > ratchet_epoch(times, now_ms);
}

/* ---- links ---- */

void ratchet_step(uint8_t key[RATCHET_KEY_SIZE])
{
    static const char purpose[] = "clickveil publish chain 1";
    const uint8_t size[2] = {0, sizeof purpose - 1};
    crypto_generichash_state hash;
    crypto_generichash_init(&hash, key, RATCHET_KEY_SIZE, RATCHET_KEY_SIZE);
    crypto_generichash_update(&hash, size, sizeof size);
    crypto_generichash_update(&hash, (const uint8_t *)purpose, sizeof purpose - 1);
    crypto_generichash_final(&hash, key, RATCHET_KEY_SIZE);
    sodium_memzero(&hash, sizeof hash);
}

/* The key of a later epoch, or of the link's own. */
static void walk(const struct secret *link, int32_t epoch, uint8_t out_key[RATCHET_KEY_SIZE])
{
    int32_t at = secret_place(link)->epoch;
    ensure(epoch >= at);
    memcpy(out_key, secret_bytes(link), RATCHET_KEY_SIZE);
    for (; at < epoch; at++)
        ratchet_step(out_key);
}

static struct secret *later_link(const struct secret *link, int32_t epoch, struct error *error)
{
    uint8_t *key = secret_memory_new(RATCHET_KEY_SIZE, error);
    if (!key)
        return NULL;
    struct secret_place place = *secret_place(link);
    place.epoch = epoch;
    walk(link, epoch, key);
    struct secret *later = secret_of_link(&place, key, error);
    secret_memory_free(key);
    return later;
}

/* Are both of one chain? */
static bool is_same_chain(const struct secret *one, const struct secret *other)
{
    uint8_t key[RATCHET_KEY_SIZE];
    bool swapped = secret_place(one)->epoch > secret_place(other)->epoch;
    const struct secret *early = swapped ? other : one, *late = swapped ? one : other;
    if (strcmp(secret_place(one)->chain, secret_place(other)->chain) != 0)
        return false;
    walk(early, secret_place(late)->epoch, key);
    bool same = sodium_memcmp(key, secret_bytes(late), RATCHET_KEY_SIZE) == 0;
    sodium_memzero(key, sizeof key);
    return same;
}

/* ---- the file ---- */

struct secret *ratchet_begin(const struct ratchet_times *times, int64_t now_ms, struct error *error)
{
    return secret_first_link(ratchet_epoch(times, now_ms) - 1, times->epoch_ms, times->origin_ms, error);
}

/* Beyond are no moments that can be written, and ways that take for ever to walk. */
static bool is_in_time(const struct secret_place *place)
{
    int64_t first_year_ms = INT64_C(-62167219200000); /* 0000-01-01 */
    return place->epoch >= date_floor_divide(first_year_ms - place->origin_ms, place->epoch_ms) + 1 &&
           place->epoch <= date_floor_divide(RFC3339_YEAR_10000_MS - 1 - place->origin_ms, place->epoch_ms);
}

struct secret *ratchet_load(const char *path, const struct ratchet_times *times, struct error *error)
{
    if (!secret_source_is_key(view_of_string(path)) && secret_source_is_scheme(view_of_string(path))) {
        (void)error_fail(
            error, EXIT_STATUS_CONFIGURATION, path,
            "name a file in a folder of its own that the process may write to (docs/keys.md)",
            "the publish key moves on with the epochs and can't come from a source that is only read");
        return NULL;
    }
    struct secret *link = secret_load(path, SECRET_PUBLISH, error);
    const struct secret_place *place = link ? secret_place(link) : NULL;
    bool fits = link && place->epoch_ms == times->epoch_ms && place->origin_ms == times->origin_ms;
    if (!link || (fits && is_in_time(place)))
        return link;
    if (fits)
        (void)error_fail(error, EXIT_STATUS_CONFIGURATION, path,
                         "put a copy of the file in place that another host has, or begin anew with fresh "
                         "state (docs/keys.md)",
                         "the publish key begins with an epoch outside the years 0 to 9999");
    else
        (void)error_fail(
            error, EXIT_STATUS_CONFIGURATION, path,
            "put `publish.epoch` and `publish.origin` back as they were; or make another key, and start "
            "with fresh state (docs/keys.md)",
            "the publish key was made for epochs of %lld ms from %lld ms, the configuration has %lld ms "
            "from %lld ms",
            (long long)place->epoch_ms, (long long)place->origin_ms, (long long)times->epoch_ms,
            (long long)times->origin_ms);
    secret_free(link);
    return NULL;
}

static bool cannot_lock(const char *path, struct error *error)
{
    return error_fail(error, EXIT_STATUS_IO, path,
                      "the folder must be writable for the user that advances the key",
                      "the lock beside the publish key can't be had: %m");
}

/* Lock out the other processes of this host, until the descriptor is closed. wait: else *out_busy when somebody has the
 * lock. The lock file is nobody's secret and stays. */
static bool take_lock(const char *path, bool wait, bool *out_busy, int *out_descriptor, struct error *error)
{
    char name[PATH_SIZE];
    struct stat key, lock;
    int size = snprintf(name, sizeof name, "%s.lock", path);
    if (size < 0 || (size_t)size >= sizeof name)
        return error_fail(error, EXIT_STATUS_CONFIGURATION, path, "use a shorter path",
                          "the path is too long");
    int descriptor = open(name, O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (descriptor < 0)
        return cannot_lock(path, error);
    /* Root made it on the way of an advance by hand: the stage's user must be able to open it too. */
    bool own = stat(path, &key) != 0 || fstat(descriptor, &lock) != 0 || key.st_uid == lock.st_uid ||
               geteuid() != 0 || fchown(descriptor, key.st_uid, key.st_gid) == 0;
    int failed;
    do
        failed = own ? flock(descriptor, wait ? LOCK_EX : LOCK_EX | LOCK_NB) : -1;
    while (failed && own && errno == EINTR);
    if (failed) {
        bool busy = own && errno == EWOULDBLOCK;
        if (!busy)
            (void)cannot_lock(path, error);
        close(descriptor);
        *out_busy = busy;
        return busy;
    }
    *out_busy = false;
    *out_descriptor = descriptor;
    return true;
}

/* Under the lock. known: the process's own link, which the file's must belong to; NULL: there is none. */
static bool advance_file(const char *path, const struct ratchet_times *times, const struct secret *known,
                         int32_t epoch, bool try_only, struct ratchet_advance *out_advance, bool *out_other,
                         struct error *error)
{
    struct secret *link = ratchet_load(path, times, error);
    if (!link)
        return false;
    struct ratchet_advance advance = {.from = secret_place(link)->epoch, .to = secret_place(link)->epoch};
    memcpy(advance.chain, secret_place(link)->chain, sizeof advance.chain);
    *out_other = known && !is_same_chain(link, known);
    bool done =
        !*out_other ||
        error_fail(error, EXIT_STATUS_CONFIGURATION, path,
                   "put the file of the chain back that the other hosts have, or begin anew with fresh "
                   "state (docs/keys.md)",
                   "the key file holds another chain than the one that this process works with");
    if (done && epoch > advance.from) {
        advance.to = epoch;
        struct secret *later = try_only ? NULL : later_link(link, epoch, error);
        done = try_only || (later && secret_replace(later, path, error));
        secret_free(later);
    } else if (done && !try_only) {
        done = secret_clean(path, error);
    }
    secret_free(link);
    if (done)
        *out_advance = advance;
    return done;
}

bool ratchet_advance(const char *path, const struct ratchet_times *times, int32_t epoch, bool try_only,
                     struct ratchet_advance *out_advance, struct error *error)
{
    int lock = -1;
    bool busy, other;
    if (try_only) /* nothing is written, the lock file neither */
        return advance_file(path, times, NULL, epoch, true, out_advance, &other, error);
    struct secret *link = ratchet_load(path, times, error); /* before a lock file is made beside nothing */
    secret_free(link);
    if (!link || !take_lock(path, true, &busy, &lock, error))
        return false;
    bool done = advance_file(path, times, NULL, epoch, false, out_advance, &other, error);
    close(lock);
    return done;
}

/* ---- a process ---- */

static bool check_folder(const char *path, struct error *error)
{
    char folder[PATH_SIZE];
    const char *slash = strrchr(path, '/');
    int size = slash ? snprintf(folder, sizeof folder, "%.*s", slash == path ? 1 : (int)(slash - path), path)
                     : snprintf(folder, sizeof folder, ".");
    ensure(size > 0 && (size_t)size < sizeof folder);
    if (faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == 0)
        return true;
    return error_fail(
        error, EXIT_STATUS_CONFIGURATION, path,
        "put the key into a state directory of the user that runs this, such as systemd's "
        "StateDirectory=, on a file system that is writable (docs/keys.md)",
        "the folder of the publish key can't be written to, so that keys of dead epochs would stay: "
        "%m");
}

/* Events of epochs without keys are dropped; where that goes for the present one it is no rule, but a mistake, and what was
 * dropped by it would be lost. */
static bool refuse_ahead(const char *path, const struct ratchet_times *times, int32_t first, int64_t now_ms,
                         struct error *error)
{
    if (!ratchet_is_ahead(times, first, now_ms))
        return true;
    return error_fail(
        error, EXIT_STATUS_CONFIGURATION, path,
        "set the clock right; where it is right, put a copy of the file in place that another "
        "host has, or begin anew with fresh state (docs/keys.md)",
        "the publish key makes IDs from epoch %d on, and by the clock it is epoch %d: every event "
        "of today would be dropped",
        (int)first, (int)ratchet_epoch(times, now_ms));
}

struct secret *ratchet_check(const char *path, const struct ratchet_times *times, int64_t now_ms,
                             struct error *error)
{
    struct secret *link = ratchet_load(path, times, error);
    if (link && check_folder(path, error) &&
        (now_ms == RATCHET_NO_CLOCK || refuse_ahead(path, times, secret_place(link)->epoch, now_ms, error)))
        return link;
    secret_free(link);
    return NULL;
}

/* What an advance left that was ended. Whoever has the lock does it himself. */
static bool clean_at_start(const char *path, struct error *error)
{
    int lock = -1;
    bool busy;
    if (!take_lock(path, false, &busy, &lock, error))
        return false;
    bool done = busy || secret_clean(path, error);
    if (!busy)
        close(lock);
    return done;
}

struct ratchet *ratchet_open(const char *path, const struct ratchet_times *times, unsigned holders,
                             bool keeps_up, struct error *error)
{
    struct ratchet *ratchet = calloc(1, sizeof *ratchet + holders * sizeof *ratchet->held);
    if (!ratchet) {
        (void)error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for the keys");
        return NULL;
    }
    pthread_mutex_init(&ratchet->lock, NULL);
    ratchet->times = *times;
    ratchet->holders = holders;
    ratchet->keeps_up = keeps_up;
    for (unsigned i = 0; i < holders; i++)
        ratchet->held[i] = RATCHET_NONE;
    int size = snprintf(ratchet->path, sizeof ratchet->path, "%s", path);
    bool fits = size >= 0 && (size_t)size < sizeof ratchet->path;
    if (!fits)
        (void)error_fail(error, EXIT_STATUS_CONFIGURATION, NULL, "use a shorter path",
                         "the path is too long");
    ratchet->link = fits ? ratchet_load(path, times, error) : NULL;
    if (!ratchet->link || (keeps_up && (!check_folder(path, error) || !clean_at_start(path, error)))) {
        ratchet_free(ratchet);
        return NULL;
    }
    memcpy(ratchet->chain, secret_place(ratchet->link)->chain, sizeof ratchet->chain);
    return ratchet;
}

void ratchet_free(struct ratchet *ratchet)
{
    if (!ratchet)
        return;
    secret_free(ratchet->link);
    pthread_mutex_destroy(&ratchet->lock);
    free(ratchet);
}

const char *ratchet_chain(const struct ratchet *ratchet)
{
    return ratchet->chain;
}

int32_t ratchet_first(struct ratchet *ratchet)
{
    pthread_mutex_lock(&ratchet->lock);
    int32_t first = secret_place(ratchet->link)->epoch;
    pthread_mutex_unlock(&ratchet->lock);
    return first;
}

bool ratchet_key(struct ratchet *ratchet, int32_t epoch, uint8_t out_key[RATCHET_KEY_SIZE])
{
    pthread_mutex_lock(&ratchet->lock);
    bool there = epoch >= secret_place(ratchet->link)->epoch;
    if (there)
        walk(ratchet->link, epoch, out_key);
    pthread_mutex_unlock(&ratchet->lock);
    return there;
}

int32_t ratchet_hold(struct ratchet *ratchet, unsigned holder, int32_t epoch)
{
    ensure(holder < ratchet->holders);
    pthread_mutex_lock(&ratchet->lock);
    int32_t first = secret_place(ratchet->link)->epoch;
    int32_t held = epoch > first ? epoch : first;
    ratchet->held[holder] = held;
    ratchet->was_held = ratchet->was_held || held != RATCHET_NONE;
    pthread_mutex_unlock(&ratchet->lock);
    return held;
}

/* As far as nobody needs what would go. Under the lock. */
static int32_t up_to(const struct ratchet *ratchet, int32_t epoch)
{
    for (unsigned i = 0; i < ratchet->holders; i++)
        epoch = ratchet->held[i] < epoch ? ratchet->held[i] : epoch;
    return epoch;
}

/* Forget the links before `epoch`, or as many of them as nobody came to need meanwhile. */
static bool advance_memory(struct ratchet *ratchet, int32_t epoch, struct error *error)
{
    pthread_mutex_lock(&ratchet->lock);
    epoch = up_to(ratchet, epoch);
    bool done = true;
    if (epoch > secret_place(ratchet->link)->epoch) {
        struct secret *later = later_link(ratchet->link, epoch, error);
        done = later != NULL;
        if (later) {
            secret_free(ratchet->link);
            ratchet->link = later;
        }
    }
    pthread_mutex_unlock(&ratchet->lock);
    return done;
}

static bool advance(struct ratchet *ratchet, int32_t epoch, bool *out_other, struct error *error)
{
    int lock = -1;
    bool busy;
    struct ratchet_advance advanced;
    *out_other = false;
    if (!take_lock(ratchet->path, false, &busy, &lock, error))
        return false;
    if (busy)
        return true; /* somebody is at it; the next look finds it done */
    bool done = advance_file(ratchet->path, &ratchet->times, ratchet->link, epoch, false, &advanced,
                             out_other, error);
    close(lock);
    if (!done || !advance_memory(ratchet, epoch, error))
        return false;
    if (advanced.to > advanced.from)
        log_line(LOG_LEVEL_INFO, "key_advanced",
                 "chain %s: keys of epochs before %d are destroyed, it was at %d", advanced.chain,
                 (int)advanced.to, (int)advanced.from);
    return true;
}

bool ratchet_tend(struct ratchet *ratchet, int64_t now_ms, struct error *error)
{
    /* a clock that was set back must not stop it for long */
    if (!ratchet->keeps_up || (now_ms < ratchet->next_ms && ratchet->next_ms - now_ms <= RETRY_MS))
        return true;
    if (!ratchet->began_ms)
        ratchet->began_ms = now_ms;
    ratchet->next_ms = now_ms + LOOK_EVERY_MS;
    pthread_mutex_lock(&ratchet->lock);
    int32_t first = secret_place(ratchet->link)->epoch;
    int32_t epoch = up_to(ratchet, ratchet_needed(&ratchet->times, now_ms));
    bool waits = !ratchet->was_held && now_ms - ratchet->began_ms < WAITING_MS;
    pthread_mutex_unlock(&ratchet->lock);
    if (!refuse_ahead(ratchet->path, &ratchet->times, first, now_ms, error))
        return false;
    if (waits || epoch <= first)
        return true;
    struct error why = {0};
    bool other;
    if (advance(ratchet, epoch, &other, &why))
        return true;
    if (other) {
        if (error)
            *error = why;
        return false;
    }
    ratchet->next_ms = now_ms + RETRY_MS;
    log_failure(LOG_LEVEL_ERROR, "key_advance_failed", &why);
    return true;
}

int64_t ratchet_overdue_ms(struct ratchet *ratchet, int64_t now_ms)
{
    int32_t first = ratchet_first(ratchet);
    int64_t due_ms = ratchet_epoch_start_ms(&ratchet->times, first + 1) + ratchet->times.kept_ms;
    return now_ms > due_ms ? now_ms - due_ms : 0;
}
