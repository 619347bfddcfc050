/*
 * clickveil keygen, from its command line to the files: what it prints, and that no key is among it. Runs with a chain of
 * one stage, pseudonymize.
 */
#include "commands/command.h"
#include "common/error.h"
#include "stages/pseudonymize/pseudonymize.h"
#include "stages/registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Stands in front of the library's. */
const struct stage *const registry[] = {&stage_pseudonymize, NULL};

struct fixture {
    char folder[64];
    char out[4096], err[4096];
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    snprintf(fixture->folder, sizeof fixture->folder, "/tmp/clickveil-keygen-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    assert_int_equal(chdir(fixture->folder), 0);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    static const char *const files[] = {"pipeline.yaml",    "programme.yaml",      "secrets/pseudonym.key",
                                        "secrets/dead.pub", "secrets/dead.secret", "one.key",
                                        "two.pub",          "two.secret",          "secrets"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        (void)remove(files[i]);
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(rmdir(fixture->folder), 0); /* nothing else was made */
    free(fixture);
    return 0;
}

static void put(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void get(FILE *file, char text[4096])
{
    rewind(file);
    text[fread(text, 1, 4095, file)] = '\0';
    fclose(file);
}

/* Run the command and keep what it printed. */
static int run(struct fixture *fixture, const char *const *words)
{
    char *argv[12] = {(char *)"keygen"};
    int argc = 1;
    for (; words[argc - 1]; argc++)
        argv[argc] = (char *)words[argc - 1];
    FILE *out = tmpfile(), *err = tmpfile();
    assert_non_null(out);
    assert_non_null(err);
    fflush(NULL);
    int old_out = dup(STDOUT_FILENO), old_err = dup(STDERR_FILENO);
    dup2(fileno(out), STDOUT_FILENO);
    dup2(fileno(err), STDERR_FILENO);
    int status = command_keygen(argc, argv);
    fflush(NULL);
    dup2(old_out, STDOUT_FILENO);
    dup2(old_err, STDERR_FILENO);
    close(old_out);
    close(old_err);
    get(out, fixture->out);
    get(err, fixture->err);
    return status;
}

#define RUN(fixture, ...) run(fixture, (const char *const[]){__VA_ARGS__, NULL})

static void write_config(void)
{
    put("programme.yaml",
        "programme: tmobile\nregime: opt_out\nregions: {US-ME: opt_in}\nbrands: [tmobile]\nfrom: 2021-04-26\n"
        "data: [browse]\nkinds: [interests]\n");
    put("pipeline.yaml", "stages: [pseudonymize]\nprogrammes: [programme.yaml]\nsubscriber: {kind: e164}\n"
                         "pseudonymize: {key: secrets/pseudonym.key}\n"
                         "dead_letters: {public_key: secrets/dead.pub}\n");
}

/* The 64 hex digits behind `key: ` in a key file. */
static void read_key(const char *path, char key[65])
{
    char text[1024] = {0};
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    const char *start = strstr(text, "\nkey: ");
    assert_non_null(start);
    memcpy(key, start + 6, 64);
    key[64] = '\0';
}

static void assert_not_printed(const struct fixture *fixture, const char *path)
{
    char key[65];
    read_key(path, key);
    assert_null(strstr(fixture->out, key));
    assert_null(strstr(fixture->err, key));
}

static void configured_keys_are_made_once(void **state)
{
    struct fixture *fixture = *state;
    struct stat status;
    char first[65], second[65];
    write_config();
    assert_int_equal(RUN(fixture, "--config", "pipeline.yaml"), EXIT_STATUS_DONE);
    assert_non_null(strstr(fixture->out, "made       pseudonym "));
    assert_non_null(strstr(fixture->out, "  secrets/pseudonym.key\n"));
    assert_non_null(strstr(fixture->out, "made       dead-letter-secret "));
    assert_non_null(strstr(fixture->out, "made       dead-letter-public "));
    assert_non_null(strstr(fixture->err, "away from the machines"));
    assert_not_printed(fixture, "secrets/pseudonym.key");
    assert_not_printed(fixture, "secrets/dead.secret");
    assert_int_equal(stat("secrets", &status), 0);
    assert_int_equal(status.st_mode & 07777, 0700);
    read_key("secrets/pseudonym.key", first);

    assert_int_equal(RUN(fixture, "-c", "pipeline.yaml"), EXIT_STATUS_DONE);
    assert_non_null(strstr(fixture->out, "found      pseudonym "));
    assert_null(strstr(fixture->out, "made"));
    assert_string_equal(fixture->err, "");
    read_key("secrets/pseudonym.key", second);
    assert_string_equal(first, second);
}

static void overrides_are_heard(void **state)
{
    struct fixture *fixture = *state;
    write_config();
    assert_int_equal(RUN(fixture, "--config", "pipeline.yaml", "--set", "pseudonymize.key=credential:p",
                         "--set=dead_letters.public_key=two.pub"),
                     EXIT_STATUS_DONE);
    assert_non_null(strstr(fixture->out, "elsewhere  pseudonym "));
    assert_int_equal(access("two.secret", F_OK), 0);
    assert_int_equal(access("secrets", F_OK), -1);
}

static void json_can_be_read_by_a_program(void **state)
{
    struct fixture *fixture = *state;
    write_config();
    assert_int_equal(RUN(fixture, "--config", "pipeline.yaml", "--json"), EXIT_STATUS_DONE);
    assert_int_equal(fixture->out[0], '[');
    assert_non_null(strstr(fixture->out, "\"state\": \"made\""));
    assert_non_null(strstr(fixture->out, "\"purpose\": \"pseudonym\""));
    assert_non_null(strstr(fixture->out, "\"path\": \"secrets/pseudonym.key\""));
    assert_not_printed(fixture, "secrets/pseudonym.key");
}

static void single_keys_are_made(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(RUN(fixture, "--purpose", "suppression", "--output", "one.key"), EXIT_STATUS_DONE);
    assert_non_null(strstr(fixture->out, "made       suppression "));
    assert_int_equal(RUN(fixture, "-p", "dead-letter", "-o", "two.pub"), EXIT_STATUS_DONE);
    assert_int_equal(access("two.secret", F_OK), 0);
    /* A second time: nothing is overwritten. */
    char before[65], after[65];
    read_key("one.key", before);
    assert_int_equal(RUN(fixture, "-p", "pseudonym", "-o", "one.key"), EXIT_STATUS_CONFIGURATION);
    assert_non_null(strstr(fixture->err, "one.key: the file exists already"));
    read_key("one.key", after);
    assert_string_equal(before, after);
}

static void what_cannot_be_done_is_said(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(RUN(fixture, "--config", "nowhere.yaml"), EXIT_STATUS_CONFIGURATION);
    assert_int_equal(RUN(fixture, "-p", "pseudonym", "-o", "/proc/nowhere/key"), EXIT_STATUS_IO);
    assert_non_null(strstr(fixture->err, "can't be made"));
    write_config();
    assert_int_equal(mkdir("secrets", 0700), 0);
    put("secrets/pseudonym.key", "");
    assert_int_equal(chmod("secrets/pseudonym.key", 0600), 0);
    assert_int_equal(RUN(fixture, "--config", "pipeline.yaml"), EXIT_STATUS_CONFIGURATION);
    assert_non_null(strstr(fixture->err, "secrets/pseudonym.key: the key file is empty"));
}

static void a_key_in_the_place_of_a_path_is_not_shown(void **state)
{
    struct fixture *fixture = *state;
    static const char key[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    char option[128];
    snprintf(option, sizeof option, "pseudonymize.key=%s", key);
    write_config();
    assert_int_equal(RUN(fixture, "--config", "pipeline.yaml", "--set", option), EXIT_STATUS_CONFIGURATION);
    assert_non_null(strstr(fixture->err, "looks like a key itself"));
    assert_null(strstr(fixture->err, key));
    assert_string_equal(fixture->out, "");
    assert_int_equal(RUN(fixture, "-p", "pseudonym", "-o", key), EXIT_STATUS_CONFIGURATION);
    assert_non_null(strstr(fixture->err, "a key itself stands where"));
    assert_null(strstr(fixture->err, key));
    assert_int_equal(access(key, F_OK), -1);
}

static void wrong_usage_makes_nothing(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *words[7];
        const char *why;
    } rows[] = {
        {{NULL}, "nothing asked for"},
        {{"--config", "pipeline.yaml", "-p", "publish", "-o", "one.key"}, "both forms at once"},
        {{"-p", "publish", "-o", "one.key"}, "a key of no configuration's epochs"},
        {{"-p", "suppression", "-o", "one.key", "--now", "0"}, "a clock for what goes by none"},
        {{"-c", "pipeline.yaml", "--now", "yesterday"}, "no time"},
        {{"-p", "suppression"}, "no output"},
        {{"-o", "one.key"}, "no purpose"},
        {{"-p", "dead-letter-secret", "-o", "one.key"}, "half a pair"},
        {{"-p", "Publish", "-o", "one.key"}, "no such purpose"},
        {{"-p", "suppression", "-o", "one.key", "--set", "a=b"}, "nothing to override"},
        {{"-p", "suppression", "-o", "one.key", "more"}, "an operand"},
        {{"--key", "00112233"}, "a key on the command line"},
        {{"-p", "suppression", "-o", "fd:3"}, "a file of that name could never be read"},
        {{"-p", "suppression", "-o", "credential:one"}, "nor could one of that name"},
        {{"-p", "dead-letter", "-o", "-"}, "standard output is no place for a key"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *words[8] = {NULL};
        memcpy(words, rows[i].words, sizeof rows[i].words);
        if (run(fixture, words) != EXIT_STATUS_USAGE)
            fail_msg("accepted: %s", rows[i].why);
        assert_string_equal(fixture->out, "");
        assert_int_not_equal(fixture->err[0], 0);
        assert_int_equal(access("one.key", F_OK), -1);
    }
    assert_int_equal(RUN(fixture, "--help"), EXIT_STATUS_DONE);
    assert_non_null(strstr(fixture->out, "usage: clickveil keygen --config FILE"));
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(configured_keys_are_made_once),
        CASE(overrides_are_heard),
        CASE(json_can_be_read_by_a_program),
        CASE(single_keys_are_made),
        CASE(what_cannot_be_done_is_said),
        CASE(wrong_usage_makes_nothing),
        CASE(a_key_in_the_place_of_a_path_is_not_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
