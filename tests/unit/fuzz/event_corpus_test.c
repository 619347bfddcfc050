/* Replays tests/fuzz/corpus/event without a fuzzer. A file's name says what must come of it: `<reason>-<what>` as an
 * operator's event, `<hop>-<reason>-<what>` as a record of that topic. */
#include "tests/fuzz/event_fuzz.c"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define CORPUS "tests/fuzz/corpus/event"

enum { FILE_SIZE_MAX = 128 * 1024 };

static const struct {
    const char *name;
    enum hop hop;
} hops[] = {{"consent_out-", HOP_CONSENT_OUT},
            {"pseudonymize_out-", HOP_PSEUDONYMIZE_OUT},
            {"classify_out-", HOP_CLASSIFY_OUT}};

static enum hop hop_of_file(const char **name)
{
    for (unsigned i = 0; i < sizeof hops / sizeof *hops; i++)
        if (strncmp(*name, hops[i].name, strlen(hops[i].name)) == 0) {
            *name += strlen(hops[i].name);
            return hops[i].hop;
        }
    return HOP_EVENTS;
}

static void check_file(const char *file, struct view value)
{
    const char *wanted = file;
    enum hop hop = hop_of_file(&wanted);
    struct verdict verdict = hop == HOP_EVENTS ? fuzz_event(value) : fuzz_hop(hop, value);
    arena_reset(&fuzz.arena);
    const char *reason = verdict.kind == VERDICT_PASS ? "pass" : event_reasons[verdict.reason].name;
    size_t size = strcspn(wanted, "-");
    if (strlen(reason) != size || strncmp(reason, wanted, size) != 0)
        fail_msg("%s: %s", file, reason);
}

/* Calls visit for each file of the corpus, with a copy whose end a sanitizer guards; returns their number. */
static unsigned each_file(void (*visit)(const char *file, struct view value))
{
    static char buffer[FILE_SIZE_MAX];
    unsigned count = 0;
    DIR *directory = opendir(CORPUS);
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory));) {
        char path[512];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, CORPUS "/%s", entry->d_name);
        FILE *file = fopen(path, "rb");
        assert_non_null(file);
        size_t size = fread(buffer, 1, sizeof buffer, file);
        fclose(file);
        char *copy = test_malloc(size + 1);
        memcpy(copy + 1, buffer, size); /* ends where its memory ends, and begins unaligned */
        visit(entry->d_name, (struct view){copy + 1, size});
        test_free(copy);
        count++;
    }
    closedir(directory);
    return count;
}

static void corpus_gives_what_its_names_say(void **state)
{
    (void)state;
    fuzz_prepare();
    assert_true(each_file(check_file) >= 40);
}

static void bend(const char *file, struct view value)
{
    static const char bytes[] = "\0\x1F \"\\{}[],:0-eun\x7F\x80\xC3\xFF";
    (void)file;
    if (value.size > 2048)
        return;
    char *text = (char *)value.data;
    for (size_t at = 0; at < value.size; at++) {
        char kept = text[at];
        for (size_t i = 0; i < sizeof bytes - 1; i++) {
            text[at] = bytes[i];
            (void)LLVMFuzzerTestOneInput((const uint8_t *)text, value.size);
        }
        text[at] = kept;
        (void)LLVMFuzzerTestOneInput((const uint8_t *)text, at); /* each prefix */
    }
}

/* Every byte of every file replaced by each of those that JSON and UTF-8 turn on: what the target checks must hold. */
static void bent_corpus_never_breaks_a_promise(void **state)
{
    (void)state;
    assert_true(each_file(bend) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(corpus_gives_what_its_names_say),
        cmocka_unit_test(bent_corpus_never_breaks_a_promise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
