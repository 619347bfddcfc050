/*
 * The chain of keys: what follows from what, what is destroyed and when, and that an advance may be ended at any call of
 * the system without a key being lost or an old one left. For that, the calls that change files are this program's own: they
 * count, and end the process at the one that was asked for.
 */
#include "common/ratchet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define DAY   INT64_C(86400000)
#define EPOCH (7 * DAY)

static const struct ratchet_times times = {.epoch_ms = EPOCH, .kept_ms = 4 * DAY};

/* ---- calls of the system that may be the last ---- */

static int calls_left; /* 0: no end */
static bool behind;    /* the last call is made, too */
static bool full;      /* the disk is: nothing can be written */

static void maybe_end(bool before)
{
    if (calls_left == 0)
        return;
    if (calls_left == 1 && before != behind)
        raise(SIGKILL);
    if (!before)
        calls_left--;
}

#define CALL(name, ...)                                 \
    do {                                                \
        maybe_end(true);                                \
        long result = syscall(SYS_##name, __VA_ARGS__); \
        maybe_end(false);                               \
        return (int)result;                             \
    } while (0)

int fsync(int descriptor)
{
    CALL(fsync, descriptor);
}

int linkat(int from, const char *name, int to, const char *new_name, int flags)
{
    CALL(linkat, from, name, to, new_name, flags);
}

int renameat(int from, const char *name, int to, const char *new_name)
{
    CALL(renameat2, from, name, to, new_name, 0);
}

int unlinkat(int folder, const char *name, int flags)
{
    CALL(unlinkat, folder, name, flags);
}

int fchown(int descriptor, uid_t user, gid_t group)
{
    CALL(fchown, descriptor, user, group);
}

ssize_t write(int descriptor, const void *bytes, size_t size)
{
    maybe_end(true);
    if (full && descriptor > STDERR_FILENO) {
        errno = ENOSPC;
        return -1;
    }
    /* half of it, as a disk may; whoever writes goes on */
    ssize_t written = syscall(SYS_write, descriptor, bytes, size > 64 && calls_left ? size / 2 : size);
    maybe_end(false);
    return written;
}

/* ---- a key file ---- */

struct fixture {
    char folder[64];
    char path[96];
    uint8_t first[RATCHET_KEY_SIZE]; /* link of epoch 100 */
};

static void put_link(const char *path, int32_t epoch, const uint8_t key[RATCHET_KEY_SIZE])
{
    struct error error = {0};
    struct secret_place place = {.chain = "00112233445566ff", .epoch = epoch, .epoch_ms = EPOCH};
    struct secret *secret = secret_of_link(&place, key, &error);
    assert_non_null(secret);
    unlink(path);
    if (!secret_write(secret, path, &error))
        fail_msg("%s", error.what);
    secret_free(secret);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    snprintf(fixture->folder, sizeof fixture->folder, "/tmp/clickveil-ratchet-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    snprintf(fixture->path, sizeof fixture->path, "%s/publish.key", fixture->folder);
    for (unsigned i = 0; i < sizeof fixture->first; i++)
        fixture->first[i] = (uint8_t)(3 * i + 1);
    put_link(fixture->path, 100, fixture->first);
    *state = fixture;
    return 0;
}

static void remove_files(const char *folder)
{
    DIR *entries = opendir(folder);
    assert_non_null(entries);
    for (struct dirent *entry; (entry = readdir(entries));) {
        char path[400];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        (void)unlink(path);
    }
    closedir(entries);
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    remove_files(fixture->folder);
    assert_int_equal(rmdir(fixture->folder), 0);
    free(fixture);
    return 0;
}

static void link_of(const struct fixture *fixture, int32_t epoch, uint8_t out_key[RATCHET_KEY_SIZE])
{
    memcpy(out_key, fixture->first, RATCHET_KEY_SIZE);
    for (int32_t at = 100; at < epoch; at++)
        ratchet_step(out_key);
}

/* The file must hold the link of that epoch. */
static void assert_file_at(const struct fixture *fixture, int32_t epoch)
{
    struct error error = {0};
    uint8_t key[RATCHET_KEY_SIZE];
    struct secret *secret = ratchet_load(fixture->path, &times, &error);
    if (!secret)
        fail_msg("%s", error.what);
    assert_int_equal(secret_place(secret)->epoch, epoch);
    assert_string_equal(secret_place(secret)->chain, "00112233445566ff");
    link_of(fixture, epoch, key);
    assert_memory_equal(secret_bytes(secret), key, sizeof key);
    secret_free(secret);
}

/* Is the key anywhere in the folder, in hex or in bytes? */
static bool is_on_disk(const struct fixture *fixture, const uint8_t key[RATCHET_KEY_SIZE])
{
    char hex[2 * RATCHET_KEY_SIZE + 1], bytes[4096];
    sodium_bin2hex(hex, sizeof hex, key, RATCHET_KEY_SIZE);
    bool found = false;
    DIR *entries = opendir(fixture->folder);
    assert_non_null(entries);
    for (struct dirent *entry; (entry = readdir(entries));) {
        char path[400];
        snprintf(path, sizeof path, "%s/%s", fixture->folder, entry->d_name);
        FILE *file = entry->d_name[0] == '.' ? NULL : fopen(path, "re");
        if (!file)
            continue;
        size_t size = fread(bytes, 1, sizeof bytes, file);
        fclose(file);
        found =
            found || memmem(bytes, size, hex, sizeof hex - 1) || memmem(bytes, size, key, RATCHET_KEY_SIZE);
    }
    closedir(entries);
    return found;
}

static unsigned files_in(const char *folder)
{
    unsigned count = 0;
    DIR *entries = opendir(folder);
    for (struct dirent *entry; (entry = readdir(entries));)
        count += entry->d_name[0] != '.';
    closedir(entries);
    return count;
}

/* ---- the chain ---- */

static void epochs_are_needed_until_their_time_is_up(void **state)
{
    (void)state;
    static const struct {
        int64_t now_ms;
        int32_t needed;
        const char *why;
    } cases[] = {
        {100 * EPOCH, 99, "the last epoch is just over"},
        {100 * EPOCH + 4 * DAY - 1, 99, "the last millisecond of its time"},
        {100 * EPOCH + 4 * DAY, 100, "it is up"},
        {101 * EPOCH - 1, 100, "an epoch runs"},
        {-1, -1, "before the Unix epoch"},
        {-EPOCH, -2, "a boundary before it"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (ratchet_needed(&times, cases[i].now_ms) != cases[i].needed)
            fail_msg("%s: %d", cases[i].why, ratchet_needed(&times, cases[i].now_ms));
    }
    struct ratchet_times moved = {.epoch_ms = DAY, .origin_ms = 10 * DAY};
    assert_int_equal(ratchet_epoch(&moved, 9 * DAY), -1);
    assert_true(ratchet_epoch_start_ms(&moved, -1) == 9 * DAY);
}

static void a_new_chain_begins_with_the_last_epoch_and_is_random(void **state)
{
    (void)state;
    struct error error = {0};
    struct secret *one = ratchet_begin(&times, 100 * EPOCH + DAY, &error);
    struct secret *two = ratchet_begin(&times, 100 * EPOCH + DAY, &error);
    assert_non_null(one);
    assert_non_null(two);
    assert_int_equal(secret_place(one)->epoch, 99); /* its late events may come yet */
    assert_true(secret_place(one)->epoch_ms == EPOCH && secret_place(one)->origin_ms == 0);
    assert_string_not_equal(secret_place(one)->chain, secret_place(two)->chain);
    assert_memory_not_equal(secret_bytes(one), secret_bytes(two), SECRET_SIZE);
    secret_free(one);
    secret_free(two);
}

/* ---- what is refused ---- */

static void assert_refused(const char *path, const struct ratchet_times *of, const char *words,
                           const char *why)
{
    struct error error = {0};
    struct secret *secret = ratchet_load(path, of, &error);
    if (secret)
        fail_msg("accepted: %s", why);
    if (error.exit_status != EXIT_STATUS_CONFIGURATION || !strstr(error.what, words) || !error.action[0])
        fail_msg("%s: status %d, \"%s\", advice \"%s\"", why, error.exit_status, error.what, error.action);
}

static void put_text(const char *path, const char *text)
{
    unlink(path);
    int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(descriptor >= 0);
    assert_int_equal(syscall(SYS_write, descriptor, text, strlen(text)), (long)strlen(text));
    close(descriptor);
}

/* The text with a check line that fits. */
static void put_checked(const char *path, const char *text)
{
    unsigned char digest[16];
    char whole[1024], hex[33];
    crypto_generichash(digest, sizeof digest, (const unsigned char *)text, strlen(text), NULL, 0);
    sodium_bin2hex(hex, sizeof hex, digest, sizeof digest);
    snprintf(whole, sizeof whole, "%scheck: %s\n", text, hex);
    put_text(path, whole);
}

static void keys_of_no_chain_or_of_other_epochs_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct ratchet_times longer = {.epoch_ms = 2 * EPOCH}, moved = {.epoch_ms = EPOCH, .origin_ms = DAY};
    assert_refused(fixture->path, &longer, "epochs of 604800000 ms", "publish.epoch was changed");
    assert_refused(fixture->path, &moved, "from 86400000 ms", "publish.origin was changed");
    assert_refused("credential:publish", &times, "only read", "a credential can't be replaced");
    assert_refused("fd:3", &times, "only read", "a descriptor can't be replaced");
#define HEAD "clickveil-key: 1\npurpose: publish\nid: 0123456789abcdef\n"
#define KEY  "key: 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
    static const struct {
        const char *text, *words, *why;
    } cases[] = {
        {HEAD KEY, "stands in no chain", "of the version before"},
        {HEAD "chain: 00112233445566ff\n" KEY, "ends too early", "no epoch"},
        {HEAD "chain: 00112233445566ff\nepoch: 1\n" KEY, "ends too early", "no length"},
        {HEAD "chain: 00112233445566ff\nepoch: 1\nepoch_ms: 604800000\n" KEY, "ends too early", "no origin"},
        {HEAD "chain: 00112233445566f\nepoch: 1\nepoch_ms: 604800000\norigin_ms: 0\n" KEY, "place",
         "a short label"},
        {HEAD "chain: 00112233445566FF\nepoch: 1\nepoch_ms: 604800000\norigin_ms: 0\n" KEY, "place",
         "capitals"},
        {HEAD "chain: 00112233445566ff\nepoch: \nepoch_ms: 604800000\norigin_ms: 0\n" KEY, "place",
         "no number"},
        {HEAD "chain: 00112233445566ff\nepoch: 01\nepoch_ms: 604800000\norigin_ms: 0\n" KEY, "place",
         "two spellings"},
        {HEAD "chain: 00112233445566ff\nepoch: -0\nepoch_ms: 604800000\norigin_ms: 0\n" KEY, "place",
         "minus nothing"},
        {HEAD "chain: 00112233445566ff\nepoch: 2147483648\nepoch_ms: 604800000\norigin_ms: 0\n" KEY, "place",
         "one past the last epoch"},
        {HEAD "chain: 00112233445566ff\nepoch: 99999999999999999999\nepoch_ms: 604800000\norigin_ms: 0\n" KEY,
         "place", "20 digits"},
        {HEAD "chain: 00112233445566ff\nepoch: 1\nepoch_ms: 0\norigin_ms: 0\n" KEY, "place",
         "epochs of no length"},
        {HEAD "chain: 00112233445566ff\nepoch: 1\nepoch_ms: 604800000\norigin_ms: 0\n" KEY,
         "don't fit together", "everything good but the ID"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_checked(fixture->path, cases[i].text);
        assert_refused(fixture->path, &times, cases[i].words, cases[i].why);
    }
    static const int32_t nowhere[] = {INT32_MIN, -102793, 415992 + 3000, INT32_MAX};
    for (unsigned i = 0; i < sizeof nowhere / sizeof *nowhere; i++) {
        put_link(fixture->path, nowhere[i], fixture->first);
        assert_refused(fixture->path, &times, "outside the years 0 to 9999", "an epoch in no year");
    }
    put_text(fixture->path, "");
    assert_refused(fixture->path, &times, "empty", "empty");
    unlink(fixture->path);
    assert_refused(fixture->path, &times, "doesn't exist", "missing");
}

static void a_folder_that_cannot_be_written_is_refused_where_keys_must_move_on(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {0};
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        /* as a user that owns the file but not the folder */
        if (geteuid() == 0 &&
            (chown(fixture->path, 65534, 65534) != 0 || setresgid(65534, 65534, 65534) != 0 ||
             chmod(fixture->folder, 0755) != 0 || setresuid(65534, 65534, 65534) != 0))
            _exit(1);
        if (geteuid() != 65534 && chmod(fixture->folder, 0500) != 0)
            _exit(1);
        struct ratchet *reads = ratchet_open(fixture->path, &times, 1, false, &error);
        if (!reads)
            _exit(2);
        ratchet_free(reads);
        if (ratchet_open(fixture->path, &times, 1, true, &error))
            _exit(3);
        _exit(strstr(error.what, "can't be written to") && strstr(error.action, "StateDirectory")
                  ? error.exit_status
                  : 4);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(chmod(fixture->folder, 0700), 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), EXIT_STATUS_CONFIGURATION);
}

/* ---- advancing the file ---- */

static bool advance(const struct fixture *fixture, int32_t epoch, bool try_only, struct ratchet_advance *out)
{
    struct error error = {0};
    if (ratchet_advance(fixture->path, &times, epoch, try_only, out, &error))
        return true;
    snprintf((char *)out, sizeof *out, "%.20s", error.what);
    return false;
}

static void an_advance_replaces_the_link_and_leaves_no_old_one(void **state)
{
    struct fixture *fixture = *state;
    struct ratchet_advance done;
    assert_true(is_on_disk(fixture, fixture->first)); /* what is looked for can be found */
    assert_true(advance(fixture, 103, true, &done));
    assert_int_equal(done.from, 100);
    assert_int_equal(done.to, 103);
    assert_int_equal(files_in(fixture->folder), 1); /* a try leaves nothing, and changes nothing */
    assert_file_at(fixture, 100);
    assert_true(advance(fixture, 103, false, &done));
    assert_string_equal(done.chain, "00112233445566ff");
    assert_file_at(fixture, 103);
    for (int32_t epoch = 100; epoch < 103; epoch++) {
        uint8_t key[RATCHET_KEY_SIZE];
        link_of(fixture, epoch, key);
        assert_false(is_on_disk(fixture, key));
    }
    assert_int_equal(files_in(fixture->folder), 2);   /* and the lock */
    assert_true(advance(fixture, 102, false, &done)); /* never back */
    assert_true(done.from == 103 && done.to == 103);
    assert_file_at(fixture, 103);
    struct stat status;
    assert_int_equal(stat(fixture->path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
}

static void in_steps_or_at_once_it_comes_to_the_same(void **state)
{
    struct fixture *fixture = *state;
    struct ratchet_advance done;
    for (int32_t epoch = 101; epoch <= 110; epoch++)
        assert_true(advance(fixture, epoch, false, &done));
    assert_file_at(fixture, 110); /* which reckons it at once: so do hosts that were away */
}

static void who_advances_as_root_leaves_the_key_to_its_owner(void **state)
{
    struct fixture *fixture = *state;
    struct ratchet_advance done;
    struct stat status;
    if (geteuid() != 0)
        skip();
    /* a key that another user owns is refused, even by root: nobody's mistake is made worse */
    assert_int_equal(chown(fixture->path, 4711, 4711), 0);
    assert_false(advance(fixture, 101, false, &done));
    assert_int_equal(stat(fixture->path, &status), 0);
    assert_int_equal(status.st_uid, 4711);
    assert_int_equal(chown(fixture->path, 0, 4711), 0);
    assert_true(advance(fixture, 101, false, &done));
    assert_int_equal(stat(fixture->path, &status), 0);
    assert_true(status.st_uid == 0 && status.st_gid == 4711);
}

/* Advance in a child that is ended at its n-th call. True: it was; else it was done before. */
static bool ended_at(const struct fixture *fixture, int32_t epoch, int call, bool after)
{
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct ratchet_advance done;
        calls_left = call;
        behind = after;
        _exit(advance(fixture, epoch, false, &done) ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    return WIFSIGNALED(status);
}

/* An advance that is ended anywhere, and then the one behind it, ended here or there too. */
static void an_advance_may_be_ended_at_any_call(void **state)
{
    struct fixture *fixture = *state;
    unsigned ended = 0, with_old = 0;
    for (int first = 1, more = 1; more; first++) {
        more = 0;
        for (int second = 0; second <= 40; second += second ? 8 : 1) {
            for (int after = 0; after < 2; after++) {
                remove_files(fixture->folder);
                put_link(fixture->path, 100, fixture->first);
                if (!ended_at(fixture, 103, first, after))
                    continue;
                more = 1;
                ended++;
                struct error error = {0};
                struct secret *secret =
                    ratchet_load(fixture->path, &times, &error); /* one whole key, always */
                if (!secret)
                    fail_msg("ended at call %d: %s", first, error.what);
                int32_t at = secret_place(secret)->epoch;
                secret_free(secret);
                assert_true(at == 100 || at == 103);
                assert_file_at(fixture, at);
                with_old += at == 103 && is_on_disk(fixture, fixture->first);
                if (second)
                    (void)ended_at(fixture, 103, second, after);
                struct ratchet_advance done;
                assert_true(advance(fixture, 103, false, &done));
                assert_file_at(fixture, 103);
                for (int32_t epoch = 100; epoch < 103; epoch++) {
                    uint8_t key[RATCHET_KEY_SIZE];
                    link_of(fixture, epoch, key);
                    if (is_on_disk(fixture, key))
                        fail_msg("the link of %d is left, ended at calls %d and %d", epoch, first, second);
                }
                assert_int_equal(files_in(fixture->folder), 2);
            }
        }
    }
    assert_true(ended > 50);
    assert_true(with_old > 0); /* the case was there in which only the second name leads to the old key */
}

static void a_full_disk_leaves_the_old_key(void **state)
{
    struct fixture *fixture = *state;
    struct ratchet_advance done;
    full = true;
    bool advanced = advance(fixture, 103, false, &done);
    full = false;
    assert_false(advanced);
    assert_file_at(fixture, 100);
    assert_true(advance(fixture, 103, false, &done));
    assert_file_at(fixture, 103);
    assert_int_equal(files_in(fixture->folder), 2);
}

/* ---- a process that runs ---- */

static struct ratchet *open_chain(const struct fixture *fixture, unsigned holders)
{
    struct error error = {0};
    struct ratchet *ratchet = ratchet_open(fixture->path, &times, holders, true, &error);
    if (!ratchet)
        fail_msg("%s", error.what);
    return ratchet;
}

static void tend(struct ratchet *ratchet, int64_t now_ms)
{
    struct error error = {0};
    if (!ratchet_tend(ratchet, now_ms, &error))
        fail_msg("%s", error.what);
}

static bool makes(struct ratchet *ratchet, int32_t epoch)
{
    uint8_t key[RATCHET_KEY_SIZE];
    return ratchet_key(ratchet, epoch, key);
}

static void a_process_makes_its_own_epochs_and_later_ones(void **state)
{
    struct fixture *fixture = *state;
    struct ratchet *ratchet = open_chain(fixture, 1);
    uint8_t key[RATCHET_KEY_SIZE], expected[RATCHET_KEY_SIZE];
    assert_string_equal(ratchet_chain(ratchet), "00112233445566ff");
    for (int32_t epoch = 100; epoch < 140; epoch++) {
        assert_true(ratchet_key(ratchet, epoch, key));
        link_of(fixture, epoch, expected);
        assert_memory_equal(key, expected, sizeof key);
    }
    memset(key, 0, sizeof key);
    assert_false(ratchet_key(ratchet, 99, key));
    assert_true(sodium_is_zero(key, sizeof key));
    ratchet_free(ratchet);
    ratchet_free(NULL);
}

static void keys_stay_while_anybody_holds_them(void **state)
{
    struct fixture *fixture = *state;
    struct ratchet *ratchet = open_chain(fixture, 3);
    int64_t now_ms = 103 * EPOCH; /* by the clock 102 is the first that is needed */
    assert_int_equal(ratchet_hold(ratchet, 0, INT32_MIN), 100);
    assert_int_equal(ratchet_hold(ratchet, 1, 101), 101);
    tend(ratchet, now_ms);
    assert_true(makes(ratchet, 100)); /* the first worker still has an ID of it */
    assert_file_at(fixture, 100);
    assert_true(ratchet_overdue_ms(ratchet, now_ms) == 2 * EPOCH - 4 * DAY);
    assert_int_equal(ratchet_hold(ratchet, 0, 104), 104);
    tend(ratchet, now_ms += 1000);
    assert_false(makes(ratchet, 100));
    assert_true(makes(ratchet, 101));
    assert_file_at(fixture, 101);
    assert_int_equal(ratchet_hold(ratchet, 1, RATCHET_NONE), RATCHET_NONE);
    tend(ratchet, now_ms += 1000);
    assert_file_at(fixture, 102); /* not beyond what the clock says */
    assert_true(makes(ratchet, 102) && !makes(ratchet, 101));
    assert_int_equal(ratchet_hold(ratchet, 1, INT32_MIN), 102); /* what is gone nobody gets */
    assert_true(ratchet_overdue_ms(ratchet, now_ms) == 0);
    assert_false(is_on_disk(fixture, fixture->first));
    ratchet_free(ratchet);
}

static void a_process_without_partitions_waits_before_it_destroys(void **state)
{
    struct fixture *fixture = *state;
    struct ratchet *ratchet = open_chain(fixture, 1);
    int64_t now_ms = 130 * EPOCH;
    tend(ratchet, now_ms);
    tend(ratchet, now_ms + 599000);
    assert_file_at(fixture, 100); /* its partitions, and what they need, may come yet */
    tend(ratchet, now_ms + 600000);
    assert_file_at(fixture, 129);
    ratchet_free(ratchet);
}

static void processes_of_a_host_share_the_file(void **state)
{
    struct fixture *fixture = *state;
    struct ratchet *one = open_chain(fixture, 1), *two = open_chain(fixture, 1);
    assert_int_equal(ratchet_hold(one, 0, 102), 102);
    assert_int_equal(ratchet_hold(two, 0, INT32_MIN), 100);
    tend(one, 103 * EPOCH);
    assert_file_at(fixture, 102);
    assert_true(makes(two, 100)); /* goes on with what it has */
    assert_int_equal(ratchet_hold(two, 0, 103), 103);
    tend(two, 103 * EPOCH);
    assert_false(makes(two, 101));
    assert_true(makes(two, 102));
    assert_file_at(fixture, 102);
    ratchet_free(two);
    ratchet_free(one);
}

static void who_has_the_lock_is_not_waited_for(void **state)
{
    struct fixture *fixture = *state;
    char path[128];
    struct ratchet *ratchet = open_chain(fixture, 1);
    snprintf(path, sizeof path, "%s.lock", fixture->path);
    int lock = open(path, O_RDONLY);
    assert_true(lock >= 0);
    assert_int_equal(flock(lock, LOCK_EX), 0);
    ratchet_hold(ratchet, 0, 110);
    tend(ratchet, 103 * EPOCH);
    assert_file_at(fixture, 100);
    close(lock);
    tend(ratchet, 103 * EPOCH + 1000);
    assert_file_at(fixture, 102);
    ratchet_free(ratchet);
}

static void a_file_that_changed_under_a_process(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {0};
    uint8_t other[RATCHET_KEY_SIZE] = {9};
    struct ratchet *ratchet = open_chain(fixture, 1);
    ratchet_hold(ratchet, 0, 110);
    int64_t now_ms = 103 * EPOCH;
    unlink(fixture->path); /* gone: it is said, tried again later, and work goes on */
    tend(ratchet, now_ms);
    assert_true(makes(ratchet, 100));
    put_link(fixture->path, 100, fixture->first);
    assert_int_equal(chmod(fixture->path, 0644), 0);
    tend(ratchet, now_ms += 600001);
    assert_true(makes(ratchet, 100));
    put_link(fixture->path, 100, other); /* another chain, under the same label */
    assert_false(ratchet_tend(ratchet, now_ms += 600001, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_CONFIGURATION);
    assert_non_null(strstr(error.what, "another chain"));
    put_link(fixture->path, 101, other);
    assert_false(ratchet_tend(ratchet, now_ms += 600001, &error));
    /* A backup was put back: it is of this chain, and is destroyed again. */
    put_link(fixture->path, 100, fixture->first);
    tend(ratchet, now_ms += 600001);
    assert_file_at(fixture, 102);
    put_link(fixture->path, 100, fixture->first);
    assert_int_equal(ratchet_hold(ratchet, 0, 110), 110);
    tend(ratchet, 104 * EPOCH);
    assert_file_at(fixture, 103);
    ratchet_free(ratchet);
}

static void a_chain_ahead_of_the_clock_stops_the_process(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        int64_t now_ms;
        bool works;
        const char *why;
    } cases[] = {
        {100 * EPOCH, true, "its first epoch begins this moment"},
        {100 * EPOCH - 1, false, "and a millisecond ago it had not"},
        {101 * EPOCH - 1, true, "the end of its first epoch"},
        {99 * EPOCH, false, "an epoch ago"},
        {0, false, "a clock that was never set"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error error = {0};
        struct ratchet *ratchet = open_chain(fixture, 1);
        bool works = ratchet_tend(ratchet, cases[i].now_ms, &error);
        if (works != cases[i].works)
            fail_msg("%s", cases[i].why);
        assert_int_equal(ratchet_is_ahead(&times, 100, cases[i].now_ms), !works);
        if (!works) {
            assert_int_equal(error.exit_status, EXIT_STATUS_CONFIGURATION);
            assert_non_null(strstr(error.what, "epoch 100 on, and by the clock"));
            assert_non_null(strstr(error.action, "another host"));
        }
        ratchet_free(ratchet);
    }
    /* under way, too: a clock that ran ahead had the keys destroyed, and was set right */
    struct error error = {0};
    struct ratchet *ratchet = open_chain(fixture, 1);
    assert_int_equal(ratchet_hold(ratchet, 0, 130), 130);
    tend(ratchet, 120 * EPOCH);
    assert_file_at(fixture, 119);
    assert_false(ratchet_tend(ratchet, 101 * EPOCH, &error));
    ratchet_free(ratchet);
}

static void what_an_ended_advance_left_goes_at_the_next_start(void **state)
{
    struct fixture *fixture = *state;
    char old[128];
    snprintf(old, sizeof old, "%s.old", fixture->path);
    uint8_t key[RATCHET_KEY_SIZE];
    link_of(fixture, 103, key);
    put_link(old, 100, fixture->first);
    put_link(fixture->path, 103, key);
    assert_true(is_on_disk(fixture, fixture->first));
    ratchet_free(open_chain(fixture, 1));
    assert_false(is_on_disk(fixture, fixture->first));
    assert_file_at(fixture, 103);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(epochs_are_needed_until_their_time_is_up),
        CASE(a_new_chain_begins_with_the_last_epoch_and_is_random),
        CASE(keys_of_no_chain_or_of_other_epochs_are_refused),
        CASE(a_folder_that_cannot_be_written_is_refused_where_keys_must_move_on),
        CASE(an_advance_replaces_the_link_and_leaves_no_old_one),
        CASE(in_steps_or_at_once_it_comes_to_the_same),
        CASE(who_advances_as_root_leaves_the_key_to_its_owner),
        CASE(an_advance_may_be_ended_at_any_call),
        CASE(a_full_disk_leaves_the_old_key),
        CASE(a_process_makes_its_own_epochs_and_later_ones),
        CASE(keys_stay_while_anybody_holds_them),
        CASE(a_process_without_partitions_waits_before_it_destroys),
        CASE(processes_of_a_host_share_the_file),
        CASE(who_has_the_lock_is_not_waited_for),
        CASE(a_file_that_changed_under_a_process),
        CASE(a_chain_ahead_of_the_clock_stops_the_process),
        CASE(what_an_ended_advance_left_goes_at_the_next_start),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
