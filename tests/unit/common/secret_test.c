/*
 * Key files: what is made, what is refused and with which words, and how a key lies in memory. The golden file was
 * made with Python's hashlib from docs/pseudonyms.md.
 */
#include "common/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MLOCK_IS_REPLACED 1 /* the sanitizer's does nothing */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define MLOCK_IS_REPLACED 1
#endif
#endif

#define GOLDEN_KEY "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define GOLDEN                                                                     \
    "clickveil-key: 1\npurpose: pseudonym\nid: f6b02572a85711b5\nkey: " GOLDEN_KEY \
    "\ncheck: 8d3df567107f5b4ec5220e6dd28dffd8\n"

struct fixture {
    char folder[64];
    char path[128];
    mode_t old_umask;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    snprintf(fixture->folder, sizeof fixture->folder, "/tmp/clickveil-secret-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    snprintf(fixture->path, sizeof fixture->path, "%s/key", fixture->folder);
    fixture->old_umask = umask(022);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    umask(fixture->old_umask);
    unsetenv("CREDENTIALS_DIRECTORY");
    unlink(fixture->path);
    assert_int_equal(rmdir(fixture->folder), 0); /* nothing was left beside it */
    free(fixture);
    return 0;
}

static void put_file(const char *path, const char *text, size_t size, mode_t mode)
{
    unlink(path);
    int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, text, size), (ssize_t)size);
    assert_int_equal(fchmod(descriptor, mode), 0);
    close(descriptor);
}

static void put_golden(const char *path, mode_t mode)
{
    put_file(path, GOLDEN, strlen(GOLDEN), mode);
}

/* Loading must fail with status 78 and these words, and must not show the key. */
static void assert_refused(const char *source, enum secret_purpose purpose, const char *words,
                           const char *why)
{
    struct error error = {0};
    struct secret *secret = secret_load(source, purpose, &error);
    if (secret)
        fail_msg("accepted: %s", why);
    if (error.exit_status != EXIT_STATUS_CONFIGURATION)
        fail_msg("status %d: %s", error.exit_status, why);
    if (!strstr(error.what, words))
        fail_msg("\"%s\" instead of \"...%s...\": %s", error.what, words, why);
    if (!error.where[0] || strstr(error.what, "0001020304") || strstr(error.action, "0001020304"))
        fail_msg("no place, or a key in the message: %s", why);
}

static void assert_accepted(const char *source, const char *why)
{
    struct error error = {0};
    struct secret *secret = secret_load(source, SECRET_PSEUDONYM, &error);
    if (!secret)
        fail_msg("%s: %s", error.what, why);
    assert_string_equal(secret_id(secret), "f6b02572a85711b5");
    secret_free(secret);
}

static void golden_file_is_read(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {0};
    put_golden(fixture->path, 0600);
    struct secret *secret = secret_load(fixture->path, SECRET_PSEUDONYM, &error);
    assert_non_null(secret);
    for (unsigned i = 0; i < SECRET_SIZE; i++)
        assert_int_equal(secret_bytes(secret)[i], i);
    assert_string_equal(secret_id(secret), "f6b02572a85711b5");
    assert_int_equal(secret_purpose(secret), SECRET_PSEUDONYM);
    secret_free(secret);
    secret_free(NULL);
}

static void golden_file_is_written(void **state)
{
    struct fixture *fixture = *state;
    uint8_t bytes[SECRET_SIZE];
    struct error error = {0};
    char text[SECRET_FILE_SIZE_MAX + 1] = {0};
    for (unsigned i = 0; i < SECRET_SIZE; i++)
        bytes[i] = (uint8_t)i;
    struct secret *secret = secret_of_bytes(SECRET_PSEUDONYM, bytes, &error);
    assert_non_null(secret);
    assert_true(secret_write(secret, fixture->path, &error));
    int descriptor = open(fixture->path, O_RDONLY);
    assert_int_equal(read(descriptor, text, sizeof text - 1), (ssize_t)strlen(GOLDEN));
    close(descriptor);
    assert_string_equal(text, GOLDEN);
    secret_free(secret);
}

static void every_purpose_is_read_as_itself_only(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {0};
    for (unsigned made = SECRET_UNKNOWN + 1; made < SECRET_PURPOSES; made++) {
        struct secret *secret = NULL, *other = NULL;
        if (made == SECRET_DEAD_LETTER_PUBLIC)
            assert_true(secret_pair_new(&secret, &other, &error));
        else if (made == SECRET_DEAD_LETTER_SECRET)
            assert_true(secret_pair_new(&other, &secret, &error));
        else if (made == SECRET_PUBLISH)
            secret = secret_first_link(-3, 86400000, 0, &error);
        else
            secret = secret_random((enum secret_purpose)made, &error);
        assert_non_null(secret);
        assert_true(secret_write(secret, fixture->path, &error));
        for (unsigned wanted = SECRET_UNKNOWN + 1; wanted < SECRET_PURPOSES; wanted++) {
            if (wanted != made) {
                assert_refused(fixture->path, (enum secret_purpose)wanted, "this is a key for",
                               "other purpose");
                continue;
            }
            struct secret *again = secret_load(fixture->path, (enum secret_purpose)wanted, &error);
            assert_non_null(again);
            assert_memory_equal(secret_bytes(again), secret_bytes(secret), SECRET_SIZE);
            assert_string_equal(secret_id(again), secret_id(secret));
            secret_free(again);
        }
        secret_free(secret);
        secret_free(other);
        unlink(fixture->path);
    }
}

static void halves_of_a_pair_share_their_id(void **state)
{
    (void)state;
    struct error error = {0};
    struct secret *public_half = NULL, *secret = NULL;
    assert_true(secret_pair_new(&public_half, &secret, &error));
    assert_string_equal(secret_id(public_half), secret_id(secret));
    assert_memory_not_equal(secret_bytes(public_half), secret_bytes(secret), SECRET_SIZE);
    struct secret *derived = secret_public_half(secret, &error);
    assert_non_null(derived);
    assert_memory_equal(secret_bytes(derived), secret_bytes(public_half), SECRET_SIZE);
    secret_free(derived);
    secret_free(public_half);
    secret_free(secret);
}

static void keys_are_random_and_ids_differ_by_purpose(void **state)
{
    (void)state;
    struct error error = {0};
    struct secret *one = secret_random(SECRET_PSEUDONYM, &error),
                  *two = secret_random(SECRET_PSEUDONYM, &error);
    assert_non_null(one);
    assert_non_null(two);
    assert_memory_not_equal(secret_bytes(one), secret_bytes(two), SECRET_SIZE);
    assert_string_not_equal(secret_id(one), secret_id(two));
    struct secret *same = secret_of_bytes(SECRET_SUPPRESSION, secret_bytes(one), &error);
    assert_string_not_equal(secret_id(one), secret_id(same)); /* the ID says what the key is for, too */
    secret_free(one);
    secret_free(two);
    secret_free(same);
}

static void damaged_files_are_refused(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *text, *words, *why;
    } rows[] = {
        {"", "empty", "empty"},
        {"\n", "no key file", "an empty line"},
        {GOLDEN_KEY "\n", "no key file", "a bare key"},
        {"-----BEGIN PRIVATE KEY-----\n", "no key file", "another program's key"},
        {"clickveil-key: 1", "no key file", "no end of line"},
        {"clickveil-key: 2\n", "version", "a later version"},
        {"clickveil-key: 1\n", "damaged", "one line"},
        {"clickveil-key: 1\npurpose: \n", "damaged", "no purpose"},
        {"clickveil-key: 1\npurpose: pseudonyms\n", "damaged", "an unknown purpose"},
        {"clickveil-key: 1\npurpose: publish\n", "not for `pseudonym`", "another purpose"},
        {GOLDEN "x", "behind its last line", "one byte too many"},
        {GOLDEN GOLDEN, "behind its last line", "two keys"},
        {GOLDEN "\n", "behind its last line", "an empty line behind"},
        {"\n" GOLDEN, "no key file", "an empty line before"},
        {"clickveil-key: 1\npurpose: pseudonym\nkey: " GOLDEN_KEY "\n", "ends too early", "no ID"},
        {"clickveil-key: 1\r\npurpose: pseudonym\r\n", "version", "line ends of another system"},
        /* Right check values, made with Python, over wrong content. */
        {"clickveil-key: 1\npurpose: pseudonym\nid: f6b02572a85711b6\nkey: " GOLDEN_KEY
         "\ncheck: 9dcaa7632021269ba5b064547571f64c\n",
         "don't fit together", "an ID that isn't the key's"},
        {"clickveil-key: 1\npurpose: pseudonym\nid: f6b02572a85711b5\nkey: 00010203\ncheck: "
         "bb89c1c0d6540000ee59034672e4faee\n",
         "don't fit together", "a key of 4 bytes"},
        {"clickveil-key: 1\npurpose: pseudonym\nid: 00523115fccc25ea\nkey: " GOLDEN_KEY
         "20\ncheck: 9355ab2684df88dfde4a9c00ec02abb0\n",
         "don't fit together", "a key of 33 bytes"},
        {"clickveil-key: 1\npurpose: pseudonym\nid: 38adec6a9bf6d02e\nkey: "
         "0000000000000000000000000000000000000000000000000000000000000000\ncheck: "
         "a4c5ddd56dcd8f280cb7056179635f7b\n",
         "don't fit together", "a key of zeros"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        put_file(fixture->path, rows[i].text, strlen(rows[i].text), 0600);
        assert_refused(fixture->path, SECRET_PSEUDONYM, rows[i].words, rows[i].why);
    }
}

static void cut_or_changed_files_are_refused_at_every_byte(void **state)
{
    struct fixture *fixture = *state;
    char text[sizeof GOLDEN];
    for (size_t size = 0; size < strlen(GOLDEN); size++) {
        put_file(fixture->path, GOLDEN, size, 0600);
        assert_refused(fixture->path, SECRET_PSEUDONYM, "key file", "cut");
    }
    for (size_t i = 0; i < strlen(GOLDEN); i++) {
        memcpy(text, GOLDEN, sizeof GOLDEN);
        text[i] ^= 1;
        put_file(fixture->path, text, strlen(GOLDEN), 0600);
        assert_refused(fixture->path, SECRET_PSEUDONYM, "", "one bit changed");
    }
}

static void long_files_are_refused(void **state)
{
    struct fixture *fixture = *state;
    char text[SECRET_FILE_SIZE_MAX + 1];
    memset(text, 'x', sizeof text);
    memcpy(text, GOLDEN, strlen(GOLDEN));
    put_file(fixture->path, text, SECRET_FILE_SIZE_MAX, 0600);
    assert_refused(fixture->path, SECRET_PSEUDONYM, "behind its last line",
                   "1024 bytes, the most that is read");
    put_file(fixture->path, text, SECRET_FILE_SIZE_MAX + 1, 0600);
    assert_refused(fixture->path, SECRET_PSEUDONYM, "more than 1024 bytes", "1025 bytes");
}

static void only_the_owner_may_read(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        mode_t mode;
        bool secret_accepted, public_accepted;
        const char *why;
    } rows[] = {
        {0600, true, true, "as keygen makes it"},
        {0400, true, true, "read-only"},
        {0700, true, true, "executable for its owner harms nobody"},
        {0640, false, true, "group may read"},
        {0604, false, true, "others may read"},
        {0644, false, true, "everybody may read"},
        {0620, false, false, "group may write: replace it"},
        {0602, false, false, "others may write"},
        {0610, false, true, "group may execute"},
        {0601, false, true, "others may execute"},
        {0666, false, false, "everybody may do everything"},
    };
    struct error error = {0};
    struct secret *public_half = NULL, *secret_half = NULL;
    assert_true(secret_pair_new(&public_half, &secret_half, &error));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        put_golden(fixture->path, rows[i].mode);
        if (rows[i].secret_accepted)
            assert_accepted(fixture->path, rows[i].why);
        else
            assert_refused(fixture->path, SECRET_PSEUDONYM, "open to others", rows[i].why);
        unlink(fixture->path);
        assert_true(secret_write(public_half, fixture->path, &error));
        assert_int_equal(chmod(fixture->path, rows[i].mode), 0);
        struct secret *again = secret_load(fixture->path, SECRET_DEAD_LETTER_PUBLIC, &error);
        if ((again != NULL) != rows[i].public_accepted)
            fail_msg("public key: %s", rows[i].why);
        secret_free(again);
    }
    secret_free(public_half);
    secret_free(secret_half);
}

static void other_owners_are_refused(void **state)
{
    struct fixture *fixture = *state;
    if (geteuid() != 0)
        skip(); /* only root can give a file away */
    put_golden(fixture->path, 0600);
    assert_int_equal(chown(fixture->path, 12345, (gid_t)-1), 0);
    assert_refused(fixture->path, SECRET_PSEUDONYM, "belongs to user 12345", "another user's file");
    struct error error = {0};
    assert_null(secret_load(fixture->path, SECRET_PSEUDONYM, &error));
    /* root that took it would lock out the user whose stages work with it */
    assert_non_null(strstr(error.action, "run it as user 12345"));
    assert_null(strstr(error.action, "chown"));
}

static void a_key_in_the_place_of_a_path_is_refused_and_not_shown(void **state)
{
    (void)state;
    static const struct {
        const char *source, *why;
    } keys[] = {
        {GOLDEN_KEY, "the digits"},
        {"/etc/clickveil/" GOLDEN_KEY, "behind the folder of a configuration"},
        {"fd:" GOLDEN_KEY, "as a descriptor"},
        {"credential:" GOLDEN_KEY ".key", "as a credential"},
        {"000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F", "in capitals"},
        {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20", "a digit more"},
        {GOLDEN, "the whole file, as $(cat FILE) gives it"},
        {"clickveil-key: 1", "its first line"},
        {"a\nb", "two lines"},
        {"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", "base64url"},
        {"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "padded"},
        {"secrets/AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", "below a folder"},
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct error error = {0};
        char text[3 * ERROR_TEXT_SIZE];
        if (!secret_source_is_key(view_of_string(keys[i].source)))
            fail_msg("no key: %s", keys[i].why);
        assert_refused(keys[i].source, SECRET_PSEUDONYM, "a key itself stands where", keys[i].why);
        assert_null(secret_load(keys[i].source, SECRET_PSEUDONYM, &error));
        error_text(&error, text, sizeof text);
        if (strstr(text, "0001020304") || strstr(text, "AAECAwQF") || strstr(text, "101112"))
            fail_msg("shown: %s", keys[i].why);
    }
    static const char *const paths[] = {
        "",
        "secrets/publish.key",
        "/etc/clickveil/secrets/pseudonym-of-the-second-cluster-in-Dallas-2026.key",
        "/var/lib/kubelet/pods/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0/volumes/Keys/pseudonym",
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1", /* a digit less */
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh",                      /* a character less */
        "the-key-of-pseudonyms-of-this-one-pipeline1",                     /* 43, and no capitals */
        "credential:publish",
        "fd:3",
    };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (secret_source_is_key(view_of_string(paths[i])))
            fail_msg("taken for a key: %s", paths[i]);
}

static void advice_fits_the_purpose(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        enum secret_purpose purpose;
        const char *rescue, *not_rescue, *makes;
    } rows[] = {
        {SECRET_PSEUDONYM, "fresh state", "erased", "keygen --purpose pseudonym --output FILE"},
        {SECRET_PUBLISH, "another host has", "offline", "keygen --config FILE"},
        {SECRET_SUPPRESSION, "offline backup", "make another", "keygen --purpose suppression --output FILE"},
        {SECRET_DEAD_LETTER_PUBLIC, "secret half", "backup", "keygen --purpose dead-letter --output FILE"},
        {SECRET_DEAD_LETTER_SECRET, "offline backup", "make another",
         "keygen --purpose dead-letter --output FILE"},
        {SECRET_FIELDS, "all hosts at once", "fresh state", "keygen --purpose fields --output FILE"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct error error = {0};
        char text[128];
        int size = snprintf(text, sizeof text, "clickveil-key: 1\npurpose: %s\n",
                            secret_purpose_name(rows[i].purpose));
        put_file(fixture->path, text, (size_t)size, 0600);
        assert_null(secret_load(fixture->path, rows[i].purpose, &error));
        if (!strstr(error.action, rows[i].rescue) || strstr(error.action, rows[i].not_rescue))
            fail_msg("%s: %s", secret_purpose_name(rows[i].purpose), error.action);
        put_file(fixture->path, "", 0, 0600);
        assert_null(secret_load(fixture->path, rows[i].purpose, &error));
        if (!strstr(error.action, rows[i].rescue) || !strstr(error.action, "never held a key"))
            fail_msg("empty, %s: %s", secret_purpose_name(rows[i].purpose), error.action);
        put_file(fixture->path, "clickveil-key: 1\npurpose: fields\n", 34, 0600);
        if (rows[i].purpose == SECRET_FIELDS)
            put_file(fixture->path, "clickveil-key: 1\npurpose: publish\n", 35, 0600);
        assert_null(secret_load(fixture->path, rows[i].purpose, &error));
        if (!strstr(error.action, rows[i].makes) || strstr(error.action, "--purpose publish"))
            fail_msg("of another purpose, %s: %s", secret_purpose_name(rows[i].purpose), error.action);
    }
}

static void what_is_no_file_is_refused(void **state)
{
    struct fixture *fixture = *state;
    char link[160], other[160];
    snprintf(link, sizeof link, "%s/link", fixture->folder);
    snprintf(other, sizeof other, "%s/none", fixture->folder);
    put_golden(fixture->path, 0600);
    assert_int_equal(symlink(fixture->path, link), 0);
    assert_refused(link, SECRET_PSEUDONYM, "symbolic link", "a link to a good key");
    unlink(link);
    assert_int_equal(symlink(other, link), 0);
    assert_refused(link, SECRET_PSEUDONYM, "symbolic link", "a dangling link");
    unlink(link);
    assert_refused(fixture->folder, SECRET_PSEUDONYM, "directory", "a directory");
    assert_refused(other, SECRET_PSEUDONYM, "doesn't exist", "nothing");
    assert_refused("", SECRET_PSEUDONYM, "no key is named", "an empty path");
    snprintf(other, sizeof other, "%s/below", fixture->path);
    assert_refused(other, SECRET_PSEUDONYM, "can't be opened", "below a file");
    assert_int_equal(mkfifo(link, 0600), 0);
    assert_refused(link, SECRET_PSEUDONYM, "not a regular file",
                   "a pipe nobody writes to doesn't hold up the start");
    unlink(link);
    assert_refused("/dev/null", SECRET_PSEUDONYM, "not a regular file", "a device");
}

static void credentials_come_from_their_folder(void **state)
{
    struct fixture *fixture = *state;
    put_golden(fixture->path, 0400);
    assert_refused("credential:key", SECRET_PSEUDONYM, "CREDENTIALS_DIRECTORY is not set",
                   "not under systemd");
    setenv("CREDENTIALS_DIRECTORY", "relative", 1);
    assert_refused("credential:key", SECRET_PSEUDONYM, "CREDENTIALS_DIRECTORY is not set",
                   "a relative folder");
    setenv("CREDENTIALS_DIRECTORY", fixture->folder, 1);
    assert_accepted("credential:key", "in the folder");
    static const struct {
        const char *source, *words, *why;
    } rows[] = {
        {"credential:", "names no credential", "no name"},
        {"credential:.", "names no credential", "the folder"},
        {"credential:..", "names no credential", "above it"},
        {"credential:../key", "names no credential", "a path out of it"},
        {"credential:/etc/passwd", "names no credential", "an absolute path"},
        {"credential:other", "doesn't exist", "a name that isn't there"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_refused(rows[i].source, SECRET_PSEUDONYM, rows[i].words, rows[i].why);
    put_golden(fixture->path, 0644);
    assert_refused("credential:key", SECRET_PSEUDONYM, "open to others", "others may read it");
    put_golden(fixture->path, 0440);
    if (geteuid() == 0) /* root's file: systemd's ACL shows as the group's r */
        assert_accepted("credential:key", "r of an ACL");
    else
        assert_refused("credential:key", SECRET_PSEUDONYM, "open to others", "not root's file");
}

static void keys_come_from_inherited_descriptors(void **state)
{
    struct fixture *fixture = *state;
    char source[32];
    int ends[2];
    put_golden(fixture->path, 0644); /* the opener answers for it */
    int descriptor = open(fixture->path, O_RDONLY);
    snprintf(source, sizeof source, "fd:%d", descriptor);
    assert_accepted(source, "a file");
    assert_int_equal(fcntl(descriptor, F_GETFD), -1); /* closed */
    assert_refused(source, SECRET_PSEUDONYM, "isn't open", "it serves once");

    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], GOLDEN, strlen(GOLDEN)), (ssize_t)strlen(GOLDEN));
    close(ends[1]);
    snprintf(source, sizeof source, "fd:%d", ends[0]);
    assert_accepted(source, "a pipe");

    assert_int_equal(pipe(ends), 0);
    close(ends[1]);
    snprintf(source, sizeof source, "fd:%d", ends[0]);
    assert_refused(source, SECRET_PSEUDONYM, "empty", "a pipe with nothing in it");

    descriptor = open("/dev/null", O_RDONLY);
    snprintf(source, sizeof source, "fd:%d", descriptor);
    assert_refused(source, SECRET_PSEUDONYM, "neither a file nor a pipe", "a device");
    close(descriptor);
    static const struct {
        const char *source, *why;
    } rows[] = {
        {"fd:", "no number"}, {"fd:2", "a standard stream"},     {"fd:-1", "negative"},
        {"fd:x", "a letter"}, {"fd:3x", "a letter behind"},      {"fd: 3", "a space"},
        {"fd:+3", "a sign"},  {"fd:65536", "one past the most"}, {"fd:99999999999999999999", "out of range"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_refused(rows[i].source, SECRET_PSEUDONYM, "names no inherited descriptor", rows[i].why);
}

static void schemes_are_told_from_paths(void **state)
{
    (void)state;
    assert_true(secret_source_is_scheme(VIEW("credential:key")));
    assert_true(secret_source_is_scheme(VIEW("fd:3")));
    assert_false(secret_source_is_scheme(VIEW("secrets/fd:3")));
    assert_false(secret_source_is_scheme(VIEW("fd")));
    assert_false(secret_source_is_scheme((struct view){"fd:3", 2}));
    assert_false(secret_source_is_scheme(VIEW("")));
    assert_false(secret_source_is_scheme(VIEW_ABSENT));
    assert_int_equal(secret_purpose_of(VIEW("publish")), SECRET_PUBLISH);
    assert_int_equal(secret_purpose_of(VIEW("Publish")), SECRET_UNKNOWN);
    assert_int_equal(secret_purpose_of(VIEW("")), SECRET_UNKNOWN);
    assert_int_equal(secret_purpose_of(VIEW_ABSENT), SECRET_UNKNOWN);
    assert_string_equal(secret_purpose_name(SECRET_DEAD_LETTER_SECRET), "dead-letter-secret");
}

static mode_t mode_of(const char *path)
{
    struct stat status;
    assert_int_equal(lstat(path, &status), 0);
    return status.st_mode & 07777;
}

static void written_files_are_private_whatever_the_umask(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {0};
    char deep[200], middle[160], upper[128];
    snprintf(upper, sizeof upper, "%s/a", fixture->folder);
    snprintf(middle, sizeof middle, "%s/b", upper);
    snprintf(deep, sizeof deep, "%s/key", middle);
    static const mode_t masks[] = {0, 022, 0377};
    struct secret *secret = secret_random(SECRET_SUPPRESSION, &error);
    assert_non_null(secret);
    for (size_t i = 0; i < 3; i++) {
        umask(masks[i]);
        assert_true(secret_write(secret, fixture->path, &error));
        assert_int_equal(mode_of(fixture->path), 0600);
        unlink(fixture->path);
    }
    umask(0);
    assert_true(secret_write(secret, deep, &error));
    assert_int_equal(mode_of(deep), 0600);
    assert_int_equal(mode_of(upper), 0700);
    assert_int_equal(mode_of(middle), 0700);
    secret_free(secret);
    unlink(deep);
    rmdir(middle);
    rmdir(upper);
}

static void existing_files_are_never_overwritten(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {0};
    char link[160];
    struct secret *secret = secret_random(SECRET_SUPPRESSION, &error);
    put_golden(fixture->path, 0600);
    assert_false(secret_write(secret, fixture->path, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_CONFIGURATION);
    assert_non_null(strstr(error.what, "exists already"));
    assert_accepted(fixture->path, "untouched");
    unlink(fixture->path);
    snprintf(link, sizeof link, "%s/link", fixture->folder);
    assert_int_equal(symlink(fixture->path, link), 0);
    assert_false(secret_write(secret, link, &error)); /* not through a dangling link either */
    assert_int_equal(access(fixture->path, F_OK), -1);
    unlink(link);
    assert_false(secret_write(secret, fixture->folder, &error));
    secret_free(secret);
}

static void unwritable_places_are_reported(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {0};
    char path[4200];
    struct secret *secret = secret_random(SECRET_SUPPRESSION, &error);
    put_golden(fixture->path, 0600);
    snprintf(path, sizeof path, "%s/below/key", fixture->path);
    assert_false(secret_write(secret, path, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_IO);
    memset(path, 'x', sizeof path);
    path[sizeof path - 1] = '\0';
    assert_false(secret_write(secret, path, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_CONFIGURATION);
    secret_free(secret);
}

/* The flags of /proc/self/smaps and the permissions for the page at that address. */
static void page_flags(const void *address, char permissions[5], char flags[256])
{
    char line[512];
    bool inside = false;
    FILE *maps = fopen("/proc/self/smaps", "re");
    assert_non_null(maps);
    flags[0] = '\0';
    while (fgets(line, sizeof line, maps)) {
        char *end = NULL;
        uintptr_t first = strtoul(line, &end, 16);
        if (*end == '-') {
            uintptr_t last = strtoul(end + 1, &end, 16);
            inside = (uintptr_t)address >= first && (uintptr_t)address < last;
            if (inside)
                memcpy(permissions, end + 1, 4);
        } else if (inside && strncmp(line, "VmFlags:", 8) == 0) {
            snprintf(flags, 256, "%.250s", line + 8); /* " rd mr ... \n" */
            break;
        }
    }
    fclose(maps);
    permissions[4] = '\0';
}

static void keys_lie_in_pages_that_are_locked_read_only_and_kept_to_the_process(void **state)
{
    (void)state;
    struct error error = {0};
    char permissions[5] = "", flags[256];
    struct secret *secret = secret_random(SECRET_PSEUDONYM, &error);
    assert_non_null(secret);
    page_flags(secret_bytes(secret), permissions, flags);
    assert_string_equal(permissions, "r--p");
    if (flags[0] == '\0')
        skip();                             /* this kernel doesn't show them */
    assert_non_null(strstr(flags, " dd ")); /* not in core files */
    assert_non_null(strstr(flags, " dc ")); /* not in children */
#ifndef MLOCK_IS_REPLACED
    assert_non_null(strstr(flags, " lo ")); /* never swapped out */
#endif
    secret_free(secret);

    void *memory = secret_memory_new(32, &error);
    assert_non_null(memory);
    page_flags(memory, permissions, flags);
    assert_string_equal(permissions, "rw-p");
    assert_non_null(strstr(flags, " dd "));
    secret_memory_free(memory);
    secret_memory_free(NULL);
}

/* Run in a child, so that limits and users of this process stay as they are. */
static int status_of_child(int (*run)(void))
{
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(run());
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int load_without_locked_memory(void)
{
    struct error error = {0};
    struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_MEMLOCK, &none) != 0 || (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0))
        return 1;
    if (secret_random(SECRET_PSEUDONYM, &error))
        return 2;
    if (!strstr(error.what, "RLIMIT_MEMLOCK") || !strstr(error.action, "ulimit -l"))
        return 3;
    return error.exit_status;
}

static void memory_that_cannot_be_locked_is_an_error_that_says_what_to_do(void **state)
{
    (void)state;
#ifdef MLOCK_IS_REPLACED
    skip();
#endif
    assert_int_equal(status_of_child(load_without_locked_memory), EXIT_STATUS_CONFIGURATION);
}

static int harden_child(void)
{
    struct error error = {0};
    struct rlimit limit = {1, 1};
    if (!process_harden(&error) || !process_harden(&error))
        return 1;
    if (getrlimit(RLIMIT_CORE, &limit) != 0 || limit.rlim_cur != 0 || limit.rlim_max != 0)
        return 2;
    return prctl(PR_GET_DUMPABLE) == 0 ? 0 : 3;
}

static void hardened_process_leaves_no_core(void **state)
{
    (void)state;
    assert_int_equal(status_of_child(harden_child), 0);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(golden_file_is_read),
        CASE(golden_file_is_written),
        CASE(every_purpose_is_read_as_itself_only),
        CASE(halves_of_a_pair_share_their_id),
        CASE(keys_are_random_and_ids_differ_by_purpose),
        CASE(damaged_files_are_refused),
        CASE(cut_or_changed_files_are_refused_at_every_byte),
        CASE(long_files_are_refused),
        CASE(only_the_owner_may_read),
        CASE(other_owners_are_refused),
        CASE(a_key_in_the_place_of_a_path_is_refused_and_not_shown),
        CASE(advice_fits_the_purpose),
        CASE(what_is_no_file_is_refused),
        CASE(credentials_come_from_their_folder),
        CASE(keys_come_from_inherited_descriptors),
        CASE(schemes_are_told_from_paths),
        CASE(written_files_are_private_whatever_the_umask),
        CASE(existing_files_are_never_overwritten),
        CASE(unwritable_places_are_reported),
        CASE(keys_lie_in_pages_that_are_locked_read_only_and_kept_to_the_process),
        CASE(memory_that_cannot_be_locked_is_an_error_that_says_what_to_do),
        CASE(hardened_process_leaves_no_core),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
