/* The key files that a configuration names: made when missing, checked when there, never overwritten. */
#include "common/key_files.h"

#include "common/ratchet.h"
#include "common/stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct options {
    int64_t other;
    struct view key;
};

static const struct option option_rows[] = {
    {.name = "other", .type = OPTION_INTEGER, .offset = offsetof(struct options, other)},
    {.name = "key", .type = OPTION_PATH, .offset = offsetof(struct options, key)},
    {0},
};
static const struct option keyless_rows[] = {
    {.name = "other", .type = OPTION_INTEGER, .offset = offsetof(struct options, other)}, {0}};
static const struct option_table table = {
    .name = "s", .size = sizeof(struct options), .options = option_rows};
static const struct option_table keyless = {
    .name = "s", .size = sizeof(struct options), .options = keyless_rows};

static struct view key_path(const void *options)
{
    return ((const struct options *)options)->key;
}

static struct ratchet_times times = {.epoch_ms = 86400000, .kept_ms = 86400000};

static struct view key_chain(const struct config *config, const void *options,
                             struct ratchet_times *out_times)
{
    (void)config;
    *out_times = times;
    return key_path(options);
}

static const struct stage consent = {.name = "consent", .options = &keyless};
static const struct stage pseudonymize = {
    .name = "pseudonymize", .options = &table, .subject_key_path = key_path};
static const struct stage classify = {.name = "classify"};
static const struct stage publish = {.name = "publish", .options = &table, .key_chain = key_chain};
static const struct stage *const stages[] = {&consent, &pseudonymize, &classify, &publish, NULL};

struct fixture {
    char folder[64];
    char paths[5][96]; /* pseudonym, publish, public and secret half, named fields */
    struct options options[4];
    void *stage_options[4];
    struct config config;
    char told[1024]; /* "state purpose path\n" of each visit, the folder cut off */
    char ids[8][SECRET_ID_TEXT_SIZE];
    unsigned count;
    const char *wrong; /* words of what is told of a wrong one */
};

static int set_up(void **state)
{
    static const char *const names[] = {"pseudonym.key", "publish.key", "dead.pub", "dead.secret",
                                        "fields.key"};
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    snprintf(fixture->folder, sizeof fixture->folder, "/tmp/clickveil-key-files-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    for (unsigned i = 0; i < 4; i++) {
        snprintf(fixture->paths[i], sizeof fixture->paths[i], "%s/s/%s", fixture->folder, names[i]);
        fixture->stage_options[i] = stages[i]->options ? &fixture->options[i] : NULL;
    }
    fixture->options[1].key = view_of_string(fixture->paths[0]);
    fixture->options[3].key = view_of_string(fixture->paths[1]);
    fixture->config.dead_letters.public_key = view_of_string(fixture->paths[2]);
    fixture->config.stages = stages;
    fixture->config.stage_options = fixture->stage_options;
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    char folder[96];
    for (unsigned i = 0; i < 4; i++)
        unlink(fixture->paths[i]);
    snprintf(folder, sizeof folder, "%s/s", fixture->folder);
    rmdir(folder);
    assert_int_equal(rmdir(fixture->folder), 0);
    free(fixture);
    return 0;
}

static void visit(void *context, const struct key_file *file)
{
    static const char *const states[] = {"?", "made", "found", "elsewhere", "missing", "wrong"};
    struct fixture *fixture = context;
    if (file->state == KEY_FILE_WRONG)
        assert_non_null(strstr(file->error->what, fixture->wrong ? fixture->wrong : "open to others"));
    size_t used = strlen(fixture->told), prefix = strlen(fixture->folder);
    bool inside = strncmp(file->path, fixture->folder, prefix) == 0;
    snprintf(fixture->told + used, sizeof fixture->told - used, "%s %s %s\n", states[file->state],
             secret_purpose_name(file->purpose), inside ? file->path + prefix : file->path);
    snprintf(fixture->ids[fixture->count++], SECRET_ID_TEXT_SIZE, "%s", file->id);
}

static void make(struct fixture *fixture, const char *expected)
{
    struct error error = {0};
    fixture->told[0] = '\0';
    fixture->count = 0;
    if (!key_files_make(&fixture->config, 1000 * times.epoch_ms, visit, fixture, &error))
        fail_msg("%s: %s", error.where, error.what);
    assert_string_equal(fixture->told, expected);
}

static void assert_fails(struct fixture *fixture, const char *words)
{
    struct error error = {0};
    fixture->told[0] = '\0';
    fixture->count = 0;
    assert_false(key_files_make(&fixture->config, 1000 * times.epoch_ms, visit, fixture, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_CONFIGURATION);
    if (!strstr(error.what, words))
        fail_msg("\"%s\" instead of \"...%s...\"", error.what, words);
}

static void missing_keys_are_made_and_good_ones_kept(void **state)
{
    struct fixture *fixture = *state;
    char ids[4][SECRET_ID_TEXT_SIZE];
    make(fixture, "made pseudonym /s/pseudonym.key\n"
                  "made publish /s/publish.key\n"
                  "made dead-letter-secret /s/dead.secret\n"
                  "made dead-letter-public /s/dead.pub\n");
    memcpy(ids, fixture->ids, sizeof ids);
    assert_string_equal(ids[2], ids[3]); /* halves of one pair */
    assert_string_not_equal(ids[0], ids[1]);
    for (unsigned i = 0; i < 4; i++) {
        struct stat status;
        assert_int_equal(stat(fixture->paths[i], &status), 0);
        assert_int_equal(status.st_mode & 07777, 0600);
    }
    make(fixture, "found pseudonym /s/pseudonym.key\n"
                  "found publish /s/publish.key\n"
                  "found dead-letter-public /s/dead.pub\n");
    assert_string_equal(fixture->ids[0], ids[0]);
    assert_string_equal(fixture->ids[1], ids[1]);
    unlink(fixture->paths[1]);
    make(fixture, "found pseudonym /s/pseudonym.key\n"
                  "made publish /s/publish.key\n"
                  "found dead-letter-public /s/dead.pub\n");
    assert_string_not_equal(fixture->ids[1], ids[1]); /* a new key, not the old one again */
}

static void looking_tells_of_each_key_and_makes_none(void **state)
{
    struct fixture *fixture = *state;
    key_files_look(&fixture->config, 1000 * times.epoch_ms, visit, fixture);
    assert_string_equal(fixture->told, "missing pseudonym /s/pseudonym.key\n"
                                       "missing publish /s/publish.key\n"
                                       "missing dead-letter-public /s/dead.pub\n");
    make(fixture, "made pseudonym /s/pseudonym.key\n"
                  "made publish /s/publish.key\n"
                  "made dead-letter-secret /s/dead.secret\n"
                  "made dead-letter-public /s/dead.pub\n");
    assert_int_equal(chmod(fixture->paths[0], 0640), 0);
    fixture->options[3].key = VIEW("fd:3");
    fixture->told[0] = '\0';
    fixture->count = 0;
    key_files_look(&fixture->config, 1000 * times.epoch_ms, visit, fixture);
    assert_string_equal(fixture->told, "wrong pseudonym /s/pseudonym.key\n"
                                       "elsewhere publish fd:3\n"
                                       "found dead-letter-public /s/dead.pub\n");
}

/* What `run` refuses at its start, looking tells too. */
static void a_chain_that_a_start_refuses_is_told_as_wrong(void **state)
{
    struct fixture *fixture = *state;
    char folder[96];
    snprintf(folder, sizeof folder, "%s/s", fixture->folder);
    fixture->options[1].key = fixture->config.dead_letters.public_key = VIEW_ABSENT;
    make(fixture, "made publish /s/publish.key\n"); /* of epoch 999 */
    fixture->told[0] = '\0';
    key_files_look(&fixture->config, 999 * times.epoch_ms, visit, fixture);
    assert_string_equal(fixture->told, "found publish /s/publish.key\n");
    fixture->told[0] = '\0';
    fixture->wrong = "by the clock it is epoch 998";
    key_files_look(&fixture->config, 999 * times.epoch_ms - 1, visit, fixture);
    assert_string_equal(fixture->told, "wrong publish /s/publish.key\n");

    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        /* as a user that owns the file but not its folder */
        if (geteuid() == 0 && (chmod(fixture->folder, 0755) != 0 || chmod(folder, 0755) != 0 ||
                               chown(fixture->paths[1], 65534, 65534) != 0 ||
                               setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0))
            _exit(1);
        if (geteuid() != 65534 && chmod(folder, 0500) != 0)
            _exit(1);
        fixture->told[0] = '\0';
        fixture->wrong = "can't be written to";
        key_files_look(&fixture->config, 1000 * times.epoch_ms, visit, fixture);
        _exit(strcmp(fixture->told, "wrong publish /s/publish.key\n") != 0 ? 2 : 0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(chmod(folder, 0700), 0);
}

static void assert_stays(struct fixture *fixture, struct key_notes *notes, const char *words, const char *why)
{
    struct error error = {0};
    bool stays = key_files_stay(&fixture->config, notes, &error);
    if (stays != !words)
        fail_msg("%s: %s %s", why, error.where, error.what);
    if (!words)
        return;
    assert_int_equal(error.exit_status, EXIT_STATUS_CONFIGURATION);
    if (!strstr(error.what, words))
        fail_msg("\"%s\" instead of \"...%s...\": %s", error.what, words, why);
}

static void advance(const char *path, int32_t epoch)
{
    struct ratchet_advance advance;
    struct error error = {0};
    char lock[128];
    assert_true(ratchet_advance(path, &times, epoch, false, &advance, &error));
    snprintf(lock, sizeof lock, "%s.lock", path);
    unlink(lock);
}

/* Each way in which a file may be found while a process runs; `at` is its path's number. */
static void change_and_put_back(struct fixture *fixture, struct key_notes *notes, unsigned at)
{
    const char *path = fixture->paths[at];
    char kept[128];
    struct error error = {0};
    snprintf(kept, sizeof kept, "%s.kept", path);
    assert_int_equal(chmod(path, 0666), 0);
    assert_stays(fixture, notes, "open to others", path);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(rename(path, kept), 0);
    assert_stays(fixture, notes, "doesn't exist", path);
    assert_int_equal(symlink(kept, path), 0);
    assert_stays(fixture, notes, "symbolic link", path);
    unlink(path);
    assert_int_equal(close(open(path, O_WRONLY | O_CREAT, 0600)), 0);
    assert_stays(fixture, notes, "empty", path);
    unlink(path);
    unlink(fixture->paths[3]); /* else the public half would be the old one again */
    fixture->told[0] = '\0';
    fixture->count = 0;
    assert_true(key_files_make(&fixture->config, 1000 * times.epoch_ms, visit, fixture, &error));
    assert_stays(fixture, notes, at == 1 ? "of another chain" : "holds another key", path);
    assert_int_equal(rename(kept, path), 0);
    assert_stays(fixture, notes, NULL, path);
}

static void a_process_sees_which_of_its_keys_were_changed(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {0};
    struct key_notes notes;
    fixture->config.last_stage = 3;
    assert_false(key_files_note(&fixture->config, &notes, &error));
    assert_non_null(strstr(error.what, "doesn't exist"));
    make(fixture, "made pseudonym /s/pseudonym.key\nmade publish /s/publish.key\n"
                  "made dead-letter-secret /s/dead.secret\nmade dead-letter-public /s/dead.pub\n");
    assert_true(key_files_note(&fixture->config, &notes, &error));
    assert_int_equal(notes.count, 3);
    assert_stays(fixture, &notes, NULL, "nothing was done");
    for (unsigned i = 0; i < 3; i++)
        change_and_put_back(fixture, &notes, i);

    char kept[128];
    snprintf(kept, sizeof kept, "%s.kept", fixture->paths[1]);
    struct secret *link = ratchet_load(fixture->paths[1], &times, &error);
    assert_true(secret_write(link, kept, &error));
    secret_free(link);
    advance(fixture->paths[1], 1001);
    assert_stays(fixture, &notes, NULL, "an advance is no mistake");
    assert_int_equal(rename(kept, fixture->paths[1]), 0);
    assert_stays(fixture, &notes, "stood at epoch 1001 already", "a backup that was put back");

    fixture->config.last_stage = 1;
    assert_true(key_files_note(&fixture->config, &notes, &error));
    assert_int_equal(notes.count, 2);
    unlink(fixture->paths[1]);
    assert_stays(fixture, &notes, NULL, "a stage that runs elsewhere is none of its business");
    fixture->options[1].key = VIEW("fd:3");
    assert_true(key_files_note(&fixture->config, &notes, &error));
    assert_int_equal(notes.count, 1);
}

static void secret_half_may_be_taken_away_and_the_public_half_be_made_again(void **state)
{
    struct fixture *fixture = *state;
    fixture->options[1].key = fixture->options[3].key = VIEW_ABSENT;
    make(fixture, "made dead-letter-secret /s/dead.secret\nmade dead-letter-public /s/dead.pub\n");
    char id[SECRET_ID_TEXT_SIZE];
    memcpy(id, fixture->ids[0], sizeof id);
    unlink(fixture->paths[2]);
    make(fixture, "found dead-letter-secret /s/dead.secret\nmade dead-letter-public /s/dead.pub\n");
    assert_string_equal(fixture->ids[1], id);
    unlink(fixture->paths[3]); /* where it should be: elsewhere */
    make(fixture, "found dead-letter-public /s/dead.pub\n");
}

static void what_is_not_named_or_no_file_is_not_made(void **state)
{
    struct fixture *fixture = *state;
    fixture->options[1].key = VIEW("credential:pseudonym");
    fixture->options[3].key = VIEW("fd:7");
    fixture->config.dead_letters.public_key = VIEW_ABSENT;
    make(fixture, "elsewhere pseudonym credential:pseudonym\nelsewhere publish fd:7\n");
    fixture->options[1].key = fixture->options[3].key = VIEW_ABSENT;
    make(fixture, "");
}

static void wrong_files_are_told_and_left_alone(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {0};
    make(fixture, "made pseudonym /s/pseudonym.key\n"
                  "made publish /s/publish.key\n"
                  "made dead-letter-secret /s/dead.secret\n"
                  "made dead-letter-public /s/dead.pub\n");
    fixture->options[3].key = fixture->options[1].key;
    assert_fails(fixture, "this is a key for `pseudonym`, not for `publish`");
    assert_string_equal(fixture->told, "found pseudonym /s/pseudonym.key\n"); /* what came before is told */
    fixture->options[3].key = view_of_string(fixture->paths[1]);
    assert_int_equal(chmod(fixture->paths[1], 0644), 0);
    assert_fails(fixture, "open to others");
    assert_int_equal(truncate(fixture->paths[1], 0), 0);
    assert_int_equal(chmod(fixture->paths[1], 0600), 0);
    assert_fails(fixture, "empty");
    unlink(fixture->paths[1]);
    assert_int_equal(symlink("/nowhere/at/all", fixture->paths[1]), 0);
    assert_fails(fixture, "symbolic link");

    assert_false(key_file_make(SECRET_PSEUDONYM, fixture->paths[0], visit, fixture, &error));
    assert_non_null(strstr(error.what, "exists already"));
    assert_false(key_file_make(SECRET_DEAD_LETTER_PUBLIC, fixture->paths[2], visit, fixture, &error));
    assert_non_null(strstr(error.what, "exists already"));
    unlink(fixture->paths[2]); /* the secret half alone is enough to refuse a new pair */
    assert_false(key_file_make(SECRET_DEAD_LETTER_PUBLIC, fixture->paths[2], visit, fixture, &error));
    assert_non_null(strstr(error.what, "exists already"));
    assert_int_equal(access(fixture->paths[2], F_OK), -1);
}

static void the_key_of_named_fields_is_one_of_them(void **state)
{
    struct fixture *fixture = *state;
    fixture->options[1].key = fixture->options[3].key = VIEW_ABSENT;
    fixture->config.dead_letters.public_key = VIEW_ABSENT;
    fixture->config.named_fields.key = view_of_string(fixture->paths[0]);
    make(fixture, "made fields /s/pseudonym.key\n");
    make(fixture, "found fields /s/pseudonym.key\n");
    fixture->config.named_fields.key = VIEW("fd:5");
    make(fixture, "elsewhere fields fd:5\n");
}

static void single_keys_are_made_for_each_purpose(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {0};
    assert_true(key_file_make(SECRET_SUPPRESSION, fixture->paths[1], visit, fixture, &error));
    assert_true(key_file_make(SECRET_DEAD_LETTER_PUBLIC, fixture->paths[2], visit, fixture, &error));
    assert_string_equal(fixture->told, "made suppression /s/publish.key\n"
                                       "made dead-letter-secret /s/dead.secret\n"
                                       "made dead-letter-public /s/dead.pub\n");
}

static void secret_half_lies_beside_the_public_one(void **state)
{
    (void)state;
    static const struct {
        const char *public_path, *secret_path;
    } rows[] = {
        {"secrets/dead-letters.pub", "secrets/dead-letters.secret"},
        {"secrets/dead-letters.public", "secrets/dead-letters.secret"},
        {"secrets/dead-letters", "secrets/dead-letters.secret"},
        {"secrets/dead-letters.key", "secrets/dead-letters.key.secret"},
        {"a.pub/key", "a.pub/key.secret"},
        {".pub", ".pub.secret"},
        {"a.secret", "a.secret.secret"},
    };
    struct error error = {0};
    char path[KEY_FILE_PATH_SIZE];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_true(key_file_secret_path(rows[i].public_path, path, &error));
        assert_string_equal(path, rows[i].secret_path);
    }
    static char text[KEY_FILE_PATH_SIZE];
    memset(text, 'x', sizeof text);
    text[KEY_FILE_PATH_SIZE - 8] = '\0';
    assert_true(key_file_secret_path(text, path, &error)); /* with `.secret` and NUL just fits */
    text[KEY_FILE_PATH_SIZE - 8] = 'x';
    text[KEY_FILE_PATH_SIZE - 7] = '\0';
    assert_false(key_file_secret_path(text, path, &error));
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(missing_keys_are_made_and_good_ones_kept),
        CASE(looking_tells_of_each_key_and_makes_none),
        CASE(a_chain_that_a_start_refuses_is_told_as_wrong),
        CASE(a_process_sees_which_of_its_keys_were_changed),
        CASE(secret_half_may_be_taken_away_and_the_public_half_be_made_again),
        CASE(what_is_not_named_or_no_file_is_not_made),
        CASE(wrong_files_are_told_and_left_alone),
        CASE(the_key_of_named_fields_is_one_of_them),
        CASE(single_keys_are_made_for_each_purpose),
        CASE(secret_half_lies_beside_the_public_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
