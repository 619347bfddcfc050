/*
 * Reading goes source -> descriptor -> checks on the open descriptor (never on the name, which could change between
 * check and use) -> locked buffer -> strict parse -> locked key. The buffer is as well protected as the key, since it
 * holds the same digits. No byte of a file's content goes into an error text.
 *
 * Memory: sodium_malloc gives pages of their own with guard pages, sodium_mlock locks them and keeps them out of core
 * files. Its result is checked, since a key that can be swapped out is on a disk. MADV_DONTFORK keeps the pages out of
 * children: a child that touches them faults, instead of working with a key of zeros as MADV_WIPEONFORK would give.
 */
#include "common/secret_internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    ID_SIZE = 8,
    CHECK_SIZE = 16,
    FD_MIN = 3, /* below are the standard streams */
    FD_MAX = 65535,
    NUMBER_DIGITS_MAX = 19,
    KEY_BASE64URL_SIZE = 43, /* of SECRET_SIZE bytes, without padding */
};

struct secret {
    uint8_t bytes[SECRET_SIZE];
    char id[SECRET_ID_TEXT_SIZE];
    enum secret_purpose purpose;
    struct secret_place place; /* SECRET_PUBLISH */
};

static const char *const purpose_names[SECRET_PURPOSES] = {
    [SECRET_PSEUDONYM] = "pseudonym",
    [SECRET_PUBLISH] = "publish",
    [SECRET_SUPPRESSION] = "suppression",
    [SECRET_DEAD_LETTER_PUBLIC] = "dead-letter-public",
    [SECRET_DEAD_LETTER_SECRET] = "dead-letter-secret",
    [SECRET_FIELDS] = "fields",
};

const char *secret_purpose_name(enum secret_purpose purpose)
{
    ensure(purpose > SECRET_UNKNOWN && purpose < SECRET_PURPOSES);
    return purpose_names[purpose];
}

enum secret_purpose secret_purpose_of(struct view name)
{
    for (unsigned purpose = SECRET_UNKNOWN + 1; purpose < SECRET_PURPOSES; purpose++)
        if (view_equal_string(name, purpose_names[purpose]))
            return (enum secret_purpose)purpose;
    return SECRET_UNKNOWN;
}

/* ---- memory ---- */

static bool advise_pages(void *memory, size_t size, int advice)
{
    uintptr_t page_size = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t first = (uintptr_t)memory / page_size * page_size;
    uintptr_t end = ((uintptr_t)memory + size + page_size - 1) / page_size * page_size;
    return madvise((void *)first, end - first, advice) == 0;
}

void *secret_memory_new(size_t size, struct error *error)
{
    if (sodium_init() < 0) {
        (void)error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "check the system's random source",
                         "libsodium can't be initialised");
        return NULL;
    }
    void *memory = sodium_malloc(size);
    if (!memory) {
        (void)error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for a key");
        return NULL;
    }
    if (sodium_mlock(memory, size) != 0) {
        (void)error_fail(
            error, EXIT_STATUS_CONFIGURATION, NULL,
            "raise the limit: `ulimit -l 256`, LimitMEMLOCK=256K in the systemd unit, or `--ulimit "
            "memlock=262144` for a container",
            "memory for a key can't be locked (RLIMIT_MEMLOCK): %m");
        sodium_free(memory);
        return NULL;
    }
    if (!advise_pages(memory, size, MADV_DONTFORK) || !advise_pages(memory, size, MADV_DONTDUMP)) {
        (void)error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL,
                         "use a kernel with MADV_DONTFORK and MADV_DONTDUMP",
                         "memory for a key can't be protected: %m");
        sodium_free(memory);
        return NULL;
    }
    memset(memory, 0, size);
    return memory;
}

void secret_memory_free(void *memory)
{
    sodium_free(memory);
}

bool process_harden(struct error *error)
{
    if (sodium_init() < 0)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "check the system's random source",
                          "libsodium can't be initialised");
    struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "let the process lower its own core limit",
                          "core files can't be switched off: %m");
    return true;
}

/* ---- the text form ---- */

/* ID of a key: first 8 bytes of BLAKE2b-128 over length-prefixed tags and the key, or for a pair its public half. */
static bool fill_id(struct secret *secret)
{
    unsigned char digest[crypto_generichash_BYTES_MIN];
    uint8_t public_bytes[SECRET_SIZE];
    const uint8_t *bytes = secret->bytes;
    const char *scope = purpose_names[secret->purpose];
    crypto_generichash_state state;

    if (secret->purpose == SECRET_DEAD_LETTER_SECRET) {
        if (crypto_scalarmult_base(public_bytes, secret->bytes) != 0)
            return false;
        bytes = public_bytes;
    }
    if (secret->purpose == SECRET_DEAD_LETTER_SECRET || secret->purpose == SECRET_DEAD_LETTER_PUBLIC)
        scope = "dead-letter";
    unsigned char scope_size = (unsigned char)strlen(scope);
    int failed = crypto_generichash_init(&state, NULL, 0, sizeof digest);
    failed |= crypto_generichash_update(&state, (const unsigned char *)"\011key-id/v1", 10);
    failed |= crypto_generichash_update(&state, &scope_size, 1);
    failed |= crypto_generichash_update(&state, (const unsigned char *)scope, scope_size);
    failed |= crypto_generichash_update(&state, bytes, SECRET_SIZE);
    failed |= crypto_generichash_final(&state, digest, sizeof digest);
    ensure(failed == 0);
    sodium_bin2hex(secret->id, sizeof secret->id, digest, ID_SIZE);
    return true;
}

static void check_text(const char *text, size_t size, char out_check[2 * CHECK_SIZE + 1])
{
    unsigned char digest[CHECK_SIZE];
    int failed = crypto_generichash(digest, sizeof digest, (const unsigned char *)text, size, NULL, 0);
    ensure(failed == 0);
    sodium_bin2hex(out_check, 2 * CHECK_SIZE + 1, digest, sizeof digest);
}

/* Take the line that starts with `name` off the text. */
static bool take_line(struct view *text, const char *name, struct view *out_value)
{
    size_t name_size = strlen(name);
    const char *end = memchr(text->data, '\n', text->size);
    if (!end || (size_t)(end - text->data) < name_size || memcmp(text->data, name, name_size) != 0)
        return false;
    *out_value = (struct view){text->data + name_size, (size_t)(end - text->data) - name_size};
    text->size -= (size_t)(end + 1 - text->data);
    text->data = end + 1;
    return true;
}

/* How a file comes back whose key is lost: by what a new key would cost (docs/keys.md). */
static const char *const rescues[SECRET_PURPOSES] = {
    [SECRET_PSEUDONYM] =
        "put a copy in place that another host or an offline backup has, or make another key "
        "and start with fresh state (docs/keys.md)",
    [SECRET_PUBLISH] =
        "put a copy in place that another host has, or begin anew with fresh state; of this key "
        "there are no backups (docs/keys.md)",
    [SECRET_SUPPRESSION] = "put a copy in place that another host or an offline backup has: with another key "
                           "erased subjects are not known again (docs/keys.md)",
    [SECRET_DEAD_LETTER_PUBLIC] = "put a copy in place that another host has, or make it again of the secret "
                                  "half (docs/keys.md)",
    [SECRET_DEAD_LETTER_SECRET] = "put a copy in place that an offline backup has: nothing else opens its "
                                  "letters (docs/keys.md)",
    [SECRET_FIELDS] = "put a copy in place that another host or an offline backup has, or make another key "
                      "for all hosts at once (docs/keys.md)",
};

static bool damaged(struct error *error, const char *place, enum secret_purpose purpose, const char *how)
{
    return error_fail(error, EXIT_STATUS_CONFIGURATION, place, rescues[purpose],
                      "the key file is damaged: %s", how);
}

/* The command line that makes such a key: both halves of a pair at once, and a chain by the epochs of a configuration. */
static void advise_keygen(struct error *error, enum secret_purpose purpose)
{
    bool pair = purpose == SECRET_DEAD_LETTER_PUBLIC || purpose == SECRET_DEAD_LETTER_SECRET;
    if (purpose == SECRET_PUBLISH)
        error_advise(error, "name a file made by `clickveil keygen --config FILE`");
    else
        error_advise(error,
                     "name a file made by `clickveil keygen --config FILE`, or by `clickveil keygen "
                     "--purpose %s --output FILE`",
                     pair ? "dead-letter" : purpose_names[purpose]);
}

/* A decimal number as render writes it: no sign but `-`, no leading zero. */
static bool read_number(struct view text, int64_t *out_number)
{
    bool negative = text.size > 0 && text.data[0] == '-';
    size_t at = negative, digits = text.size - at;
    uint64_t number = 0;
    if (digits < 1 || digits > NUMBER_DIGITS_MAX || (text.data[at] == '0' && text.size > 1))
        return false;
    for (; at < text.size; at++) {
        if (text.data[at] < '0' || text.data[at] > '9')
            return false;
        number = number * 10 + (uint64_t)(text.data[at] - '0');
    }
    if (number > INT64_MAX)
        return false;
    *out_number = negative ? -(int64_t)number : (int64_t)number;
    return true;
}

static bool is_label(struct view text)
{
    bool good = text.size == SECRET_ID_TEXT_SIZE - 1;
    for (size_t i = 0; good && i < text.size; i++)
        good = (text.data[i] >= '0' && text.data[i] <= '9') || (text.data[i] >= 'a' && text.data[i] <= 'f');
    return good;
}

/* The lines of a publish key that say where it stands. */
static bool parse_place(struct view *rest, const char *place_name, struct secret_place *out_place,
                        struct error *error)
{
    struct view chain, epoch, epoch_ms, origin_ms;
    struct secret_place place = {.epoch = 0};
    int64_t number;
    if (!take_line(rest, "chain: ", &chain))
        return error_fail(
            error, EXIT_STATUS_CONFIGURATION, place_name,
            "move it away, make another one with `clickveil keygen --config FILE`, and start with "
            "fresh state (docs/keys.md)",
            "the publish key stands in no chain: it is of a version whose keys linked all epochs, "
            "or cut off");
    if (!take_line(rest, "epoch: ", &epoch) || !take_line(rest, "epoch_ms: ", &epoch_ms) ||
        !take_line(rest, "origin_ms: ", &origin_ms))
        return damaged(error, place_name, SECRET_PUBLISH, "it ends too early");
    if (!is_label(chain) || !read_number(epoch, &number) || number < INT32_MIN || number > INT32_MAX ||
        !read_number(epoch_ms, &place.epoch_ms) || place.epoch_ms <= 0 ||
        !read_number(origin_ms, &place.origin_ms))
        return damaged(error, place_name, SECRET_PUBLISH, "its place in the chain can't be read");
    place.epoch = (int32_t)number;
    memcpy(place.chain, chain.data, chain.size);
    *out_place = place;
    return true;
}

static bool parse(struct view text, enum secret_purpose purpose, const char *place, struct secret *out_secret,
                  struct error *error)
{
    struct view rest = text, version, name, id, key, check;
    size_t size;

    if (!take_line(&rest, "clickveil-key: ", &version))
        return error_fail(error, EXIT_STATUS_CONFIGURATION, place,
                          "make one with `clickveil keygen --config FILE`",
                          "this is no key file of clickveil");
    if (!view_equal_string(version, "1"))
        return error_fail(error, EXIT_STATUS_CONFIGURATION, place,
                          "use the version of clickveil that made it",
                          "the key file has a version that this program doesn't know");
    if (!take_line(&rest, "purpose: ", &name) || secret_purpose_of(name) == SECRET_UNKNOWN)
        return damaged(error, place, purpose, "its line `purpose` is missing or unknown");
    if (secret_purpose_of(name) != purpose) {
        (void)error_fail(error, EXIT_STATUS_CONFIGURATION, place, NULL,
                         "this is a key for `%s`, not for `%s`", purpose_names[secret_purpose_of(name)],
                         purpose_names[purpose]);
        advise_keygen(error, purpose);
        return false;
    }
    if (!take_line(&rest, "id: ", &id))
        return damaged(error, place, purpose, "it ends too early");
    if (purpose == SECRET_PUBLISH && !parse_place(&rest, place, &out_secret->place, error))
        return false;
    if (!take_line(&rest, "key: ", &key))
        return damaged(error, place, purpose, "it ends too early");
    const char *checked_end = rest.data;
    if (!take_line(&rest, "check: ", &check))
        return damaged(error, place, purpose, "it ends too early");
    if (rest.size != 0)
        return damaged(error, place, purpose, "something stands behind its last line");
    char expected[2 * CHECK_SIZE + 1];
    check_text(text.data, (size_t)(checked_end - text.data), expected);
    if (!view_equal_string(check, expected))
        return damaged(error, place, purpose, "its check value doesn't fit its content");
    out_secret->purpose = purpose;
    if (key.size != 2 * (size_t)SECRET_SIZE ||
        sodium_hex2bin(out_secret->bytes, SECRET_SIZE, key.data, key.size, NULL, &size, NULL) != 0 ||
        size != SECRET_SIZE || sodium_is_zero(out_secret->bytes, SECRET_SIZE) || !fill_id(out_secret) ||
        !view_equal_string(id, out_secret->id))
        return damaged(error, place, purpose, "its key and its ID don't fit together");
    return true;
}

static int render_place(const struct secret *secret, char *text, size_t size)
{
    if (secret->purpose != SECRET_PUBLISH)
        return 0;
    return snprintf(text, size, "chain: %s\nepoch: %d\nepoch_ms: %lld\norigin_ms: %lld\n",
                    secret->place.chain, (int)secret->place.epoch, (long long)secret->place.epoch_ms,
                    (long long)secret->place.origin_ms);
}

size_t secret_render(const struct secret *secret, char text[SECRET_FILE_SIZE_MAX])
{
    char check[2 * CHECK_SIZE + 1];
    size_t size = 0;
    int more = snprintf(text, SECRET_FILE_SIZE_MAX, "clickveil-key: 1\npurpose: %s\nid: %s\n",
                        purpose_names[secret->purpose], secret->id);
    ensure(more > 0);
    size += (size_t)more;
    more = render_place(secret, text + size, SECRET_FILE_SIZE_MAX - size);
    ensure(more >= 0);
    size += (size_t)more;
    ensure(size + sizeof "key: \n" + 2 * SECRET_SIZE + sizeof "check: \n" + sizeof check <=
           SECRET_FILE_SIZE_MAX);
    /* The digits go nowhere but into locked memory: printf would leave them in buffers of its own. */
    memcpy(text + size, "key: ", 5);
    sodium_bin2hex(text + size + 5, 2 * SECRET_SIZE + 1, secret->bytes, SECRET_SIZE);
    size += 5 + 2 * SECRET_SIZE;
    text[size++] = '\n';
    check_text(text, size, check);
    more = snprintf(text + size, SECRET_FILE_SIZE_MAX - size, "check: %s\n", check);
    ensure(more > 0);
    return size + (size_t)more;
}

/* ---- sources ---- */

struct source {
    int descriptor;
    bool inherited;
    bool credential;
    char place[SECRET_PATH_SIZE]; /* for messages */
};

static const char credential_scheme[] = "credential:";
static const char descriptor_scheme[] = "fd:";

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static bool view_starts_with(struct view view, const char *start)
{
    return view.size >= strlen(start) && memcmp(view.data, start, strlen(start)) == 0;
}

bool secret_source_is_scheme(struct view source)
{
    return view_starts_with(source, credential_scheme) || view_starts_with(source, descriptor_scheme);
}

static bool is_base64url(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* All 32 bytes are of this form, but for one in a thousand without a digit; few names of files are. */
static bool is_base64url_key(struct view run)
{
    bool lower = false, upper = false, digit = false;
    for (size_t i = 0; i < run.size; i++) {
        char c = run.data[i];
        lower |= c >= 'a' && c <= 'z';
        upper |= c >= 'A' && c <= 'Z';
        digit |= c >= '0' && c <= '9';
    }
    return run.size == KEY_BASE64URL_SIZE && lower && upper && digit;
}

bool secret_source_is_key(struct view source)
{
    static const char first_line[] = "clickveil-key:";
    size_t hex = 0, base64url = 0;
    if (source.size == 0)
        return false;
    for (size_t i = 0; i <= source.size; i++) {
        char c = i < source.size ? source.data[i] : '/';
        bool is_hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        hex = is_hex ? hex + 1 : 0;
        if (c == '\n' || c == '\r' || hex >= 2 * (size_t)SECRET_SIZE)
            return true;
        if (is_base64url(c)) {
            base64url++;
            continue;
        }
        if (is_base64url_key((struct view){source.data + i - base64url, base64url}))
            return true;
        base64url = 0;
    }
    return memmem(source.data, source.size, first_line, sizeof first_line - 1) != NULL;
}

bool secret_refuse_key(const char *place, struct error *error)
{
    return error_fail(error, EXIT_STATUS_CONFIGURATION, place,
                      "name the file that has the key, credential:NAME or fd:N; what was given is known to "
                      "others now (`ps` shows it, a shell remembers it): make another key",
                      "a key itself stands where the name of its file belongs");
}

static bool open_inherited(const char *number, struct source *source, struct error *error)
{
    char *end = NULL;
    errno = 0;
    long descriptor = number[0] >= '0' && number[0] <= '9' ? strtol(number, &end, 10) : -1;
    if (!end || *end || errno || descriptor < FD_MIN || descriptor > FD_MAX)
        return error_fail(error, EXIT_STATUS_CONFIGURATION, source->place, "write fd:3 for descriptor 3",
                          "this names no inherited descriptor (3 to %d)", FD_MAX);
    struct stat status;
    if (fstat((int)descriptor, &status) != 0)
        return error_fail(error, EXIT_STATUS_CONFIGURATION, source->place,
                          "open it in the process that starts this one, as in `clickveil run 3<key`",
                          "descriptor %ld isn't open", descriptor);
    if (!S_ISREG(status.st_mode) && !S_ISFIFO(status.st_mode))
        return error_fail(error, EXIT_STATUS_CONFIGURATION, source->place, "pass a file or a pipe",
                          "descriptor %ld is neither a file nor a pipe", descriptor);
    source->descriptor = (int)descriptor;
    source->inherited = true;
    return true;
}

static bool open_path(const char *path, struct source *source, struct error *error)
{
    /* O_NONBLOCK: a pipe in the key's place must not hold the start up; it is refused afterwards. */
    source->descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (source->descriptor >= 0)
        return true;
    if (errno == ENOENT)
        return error_fail(error, EXIT_STATUS_CONFIGURATION, source->place,
                          "make what is missing with `clickveil keygen --config FILE`",
                          "the key file doesn't exist");
    if (errno == ELOOP)
        return error_fail(error, EXIT_STATUS_CONFIGURATION, source->place,
                          "name the file itself, or pass the key as credential:NAME or fd:N",
                          "the key file is a symbolic link");
    return error_fail(error, EXIT_STATUS_CONFIGURATION, source->place, "let the user that runs this read it",
                      "the key file can't be opened: %m");
}

static bool open_credential(const char *name, struct source *source, struct error *error)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY"); /* systemd.exec(5), LoadCredential= */
    if (!name[0] || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return error_fail(
            error, EXIT_STATUS_CONFIGURATION, source->place,
            "write credential:NAME with the name from LoadCredential=", "this names no credential");
    if (!folder || folder[0] != '/')
        return error_fail(error, EXIT_STATUS_CONFIGURATION, source->place,
                          "put LoadCredential=NAME:/path into the systemd unit",
                          "there are no credentials: CREDENTIALS_DIRECTORY is not set");
    char path[SECRET_PATH_SIZE];
    int size = snprintf(path, sizeof path, "%s/%s", folder, name);
    if (size < 0 || (size_t)size >= sizeof path)
        return error_fail(error, EXIT_STATUS_CONFIGURATION, source->place, "use a shorter name",
                          "the credential's path is too long");
    source->credential = true;
    return open_path(path, source, error);
}

static bool open_source(const char *text, struct source *source, struct error *error)
{
    *source = (struct source){.descriptor = -1};
    if (secret_source_is_key(view_of_string(text)))
        return secret_refuse_key("key", error);
    snprintf(source->place, sizeof source->place, "%s", text);
    if (!text[0])
        return error_fail(error, EXIT_STATUS_CONFIGURATION, "key", "write a path, credential:NAME or fd:N",
                          "no key is named");
    if (starts_with(text, descriptor_scheme))
        return open_inherited(text + strlen(descriptor_scheme), source, error);
    if (starts_with(text, credential_scheme))
        return open_credential(text + strlen(credential_scheme), source, error);
    return open_path(text, source, error);
}

/* Whose file it is and who else may read or write it. */
static bool check_file(const struct source *source, enum secret_purpose purpose, struct error *error)
{
    struct stat status;
    if (source->inherited)
        return true;
    if (fstat(source->descriptor, &status) != 0)
        return error_fail(error, EXIT_STATUS_CONFIGURATION, source->place, NULL,
                          "the key file can't be examined: %m");
    if (!S_ISREG(status.st_mode))
        return error_fail(error, EXIT_STATUS_CONFIGURATION, source->place, "name the key file itself",
                          S_ISDIR(status.st_mode) ? "this is a directory, not a key file"
                                                  : "this is not a regular file");
    if (status.st_uid != geteuid() && status.st_uid != 0) {
        (void)error_fail(error, EXIT_STATUS_CONFIGURATION, source->place, NULL,
                         "the key file belongs to user %u, not to the user that runs this (%u) or root",
                         (unsigned)status.st_uid, (unsigned)geteuid());
        /* Root would take it away from the user whose stages work with it. */
        if (geteuid() == 0)
            error_advise(error, "run it as user %u, whose key it is, as in `sudo -u '#%u' clickveil`",
                         (unsigned)status.st_uid, (unsigned)status.st_uid);
        else
            error_advise(error,
                         "run it as user %u, whose key it is; or, if nobody else works with it, "
                         "`chown %u` the file",
                         (unsigned)status.st_uid, (unsigned)geteuid());
        return false;
    }
    /* A credential that systemd gives to User= by an ACL stays root's and shows the ACL's mask as group bits. */
    mode_t forbidden = purpose == SECRET_DEAD_LETTER_PUBLIC       ? S_IWGRP | S_IWOTH
                       : source->credential && status.st_uid == 0 ? S_IWGRP | S_IXGRP | S_IRWXO
                                                                  : S_IRWXG | S_IRWXO;
    if (status.st_mode & forbidden) {
        (void)error_fail(error, EXIT_STATUS_CONFIGURATION, source->place, NULL,
                         "the key file is open to others than its owner (mode %04o)",
                         (unsigned)(status.st_mode & 07777));
        error_advise(error, "chmod %s %s; if others could read it, make a new key",
                     purpose == SECRET_DEAD_LETTER_PUBLIC ? "go-w" : "600", source->place);
        return false;
    }
    return true;
}

/* Read all, at most SECRET_FILE_SIZE_MAX bytes, into locked memory. */
static bool read_source(const struct source *source, enum secret_purpose purpose, char *text,
                        size_t *out_size, struct error *error)
{
    size_t size = 0;
    while (size <= SECRET_FILE_SIZE_MAX) {
        ssize_t got = read(source->descriptor, text + size, SECRET_FILE_SIZE_MAX + 1 - size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_fail(error, EXIT_STATUS_CONFIGURATION, source->place, NULL,
                              "the key file can't be read: %m");
        if (got == 0)
            break;
        size += (size_t)got;
    }
    if (size == 0) {
        (void)error_fail(error, EXIT_STATUS_CONFIGURATION, source->place, NULL, "the key file is empty");
        error_advise(
            error,
            "if it never held a key, remove it and `clickveil keygen --config FILE` makes one; else %s",
            rescues[purpose]);
        return false;
    }
    if (size > SECRET_FILE_SIZE_MAX)
        return error_fail(
            error, EXIT_STATUS_CONFIGURATION, source->place, "name a file made by `clickveil keygen`",
            "this is no key file of clickveil: it has more than %d bytes", SECRET_FILE_SIZE_MAX);
    *out_size = size;
    return true;
}

/* ---- life ---- */

static struct secret *secret_new(enum secret_purpose purpose, struct error *error)
{
    ensure(purpose > SECRET_UNKNOWN && purpose < SECRET_PURPOSES);
    struct secret *secret = secret_memory_new(sizeof *secret, error);
    if (secret)
        secret->purpose = purpose;
    return secret;
}

/* From here on nobody writes to it. */
static struct secret *sealed(struct secret *secret, struct error *error)
{
    if (sodium_mprotect_readonly(secret) == 0)
        return secret;
    (void)error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, NULL, "memory for a key can't be protected: %m");
    secret_free(secret);
    return NULL;
}

struct secret *secret_load(const char *source_text, enum secret_purpose purpose, struct error *error)
{
    struct source source;
    size_t size = 0;

    if (!open_source(source_text, &source, error))
        return NULL;
    char *text = secret_memory_new(SECRET_FILE_SIZE_MAX + 1, error);
    struct secret *secret = text ? secret_new(purpose, error) : NULL;
    bool loaded = secret && check_file(&source, purpose, error) &&
                  read_source(&source, purpose, text, &size, error) &&
                  parse((struct view){text, size}, purpose, source.place, secret, error);
    close(source.descriptor);
    secret_memory_free(text);
    if (!loaded) {
        secret_free(secret);
        return NULL;
    }
    return sealed(secret, error);
}

struct secret *secret_of_bytes(enum secret_purpose purpose, const uint8_t bytes[SECRET_SIZE],
                               struct error *error)
{
    ensure(purpose != SECRET_PUBLISH);
    struct secret *secret = secret_new(purpose, error);
    if (!secret)
        return NULL;
    memcpy(secret->bytes, bytes, SECRET_SIZE);
    ensure(fill_id(secret));
    return sealed(secret, error);
}

struct secret *secret_random(enum secret_purpose purpose, struct error *error)
{
    ensure(purpose == SECRET_PSEUDONYM || purpose == SECRET_SUPPRESSION || purpose == SECRET_FIELDS);
    struct secret *secret = secret_new(purpose, error);
    if (!secret)
        return NULL;
    randombytes_buf(secret->bytes, SECRET_SIZE);
    ensure(fill_id(secret));
    return sealed(secret, error);
}

struct secret *secret_of_link(const struct secret_place *place, const uint8_t bytes[SECRET_SIZE],
                              struct error *error)
{
    ensure(place->epoch_ms > 0 && is_label(view_of_string(place->chain)));
    struct secret *secret = secret_new(SECRET_PUBLISH, error);
    if (!secret)
        return NULL;
    memcpy(secret->bytes, bytes, SECRET_SIZE);
    secret->place = *place;
    ensure(fill_id(secret));
    return sealed(secret, error);
}

struct secret *secret_first_link(int32_t epoch, int64_t epoch_ms, int64_t origin_ms, struct error *error)
{
    ensure(epoch_ms > 0);
    struct secret *secret = secret_new(SECRET_PUBLISH, error);
    if (!secret)
        return NULL;
    unsigned char label[ID_SIZE];
    randombytes_buf(secret->bytes, SECRET_SIZE);
    randombytes_buf(label, sizeof label);
    secret->place = (struct secret_place){.epoch = epoch, .epoch_ms = epoch_ms, .origin_ms = origin_ms};
    sodium_bin2hex(secret->place.chain, sizeof secret->place.chain, label, sizeof label);
    ensure(fill_id(secret));
    return sealed(secret, error);
}

struct secret *secret_public_half(const struct secret *secret, struct error *error)
{
    ensure(secret->purpose == SECRET_DEAD_LETTER_SECRET);
    uint8_t bytes[SECRET_SIZE];
    int failed = crypto_scalarmult_base(bytes, secret->bytes);
    ensure(failed == 0);
    return secret_of_bytes(SECRET_DEAD_LETTER_PUBLIC, bytes, error);
}

bool secret_pair_new(struct secret **out_public, struct secret **out_secret, struct error *error)
{
    struct secret *half = secret_new(SECRET_DEAD_LETTER_SECRET, error);
    if (!half)
        return false;
    randombytes_buf(half->bytes,
                    SECRET_SIZE); /* as crypto_box_keypair makes one: any 32 bytes, clamped in use */
    ensure(fill_id(half));
    half = sealed(half, error);
    struct secret *public_half = half ? secret_public_half(half, error) : NULL;
    if (!public_half) {
        secret_free(half);
        return false;
    }
    *out_public = public_half;
    *out_secret = half;
    return true;
}

const uint8_t *secret_bytes(const struct secret *secret)
{
    return secret->bytes;
}

const char *secret_id(const struct secret *secret)
{
    return secret->id;
}

enum secret_purpose secret_purpose(const struct secret *secret)
{
    return secret->purpose;
}

const struct secret_place *secret_place(const struct secret *secret)
{
    ensure(secret->purpose == SECRET_PUBLISH);
    return &secret->place;
}

void secret_free(struct secret *secret)
{
    secret_memory_free(secret);
}
