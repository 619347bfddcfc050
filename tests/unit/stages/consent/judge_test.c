/* The stage's reading as tools may ask it (common/consent_judge.h): books, and states that a change is judged by. */
#include "stages/consent/judge.h"

#include "common/base64url.h"
#include "common/key_files.h"
#include "common/stage.h"
#include "stages/consent/consent_setup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NOW_MS       INT64_C(1800000000000)
#define DAY_MS       INT64_C(86400000)

#define ANN "line:+12025550143"
#define BOB "line:+12025550144"

static const struct choice_names names = {
    .names = {VIEW("basic"), VIEW("plus"), VIEW("old")},
    .predecessors = {0, 1u << 2, 0},
    .count = 3,
};

struct rig {
    struct config config;
    struct consent_options options;
    struct subject_key *key;
    char directory[128], path[160], hash[2][64], hash_value[128];
    void *book;
    void *state;
    struct consent_reader *reader;
    int64_t offset;
};

static void ignore_file(void *context, const struct key_file *file)
{
    (void)context;
    (void)file;
}

static struct consent_key key_of(const char *text)
{
    struct consent_key key;
    consent_key_read(view_of_string(text), IDENTIFIER_E164, &key);
    return key;
}

/* What the keeper writes of an erased subject. */
static void make_hash(const struct rig *rig, const char *subject, char *text)
{
    struct consent_key key = key_of(subject);
    struct pseudonym suppression;
    subject_pseudonym(rig->key, key.subject, key.identifier_kind, (struct view){key.identifier, key.size},
                      &suppression);
    memcpy(text, "hash:", 5);
    base64url_write(suppression.bytes, PSEUDONYM_SIZE, text + 5);
    text[5 + BASE64URL_SIZE(PSEUDONYM_SIZE)] = '\0';
}

static void open_book(struct rig *rig)
{
    struct error error = {0};
    consent_judge.close(rig->book);
    rig->book = consent_judge.open(&rig->config, &rig->options, &names, &error);
    assert_non_null(rig->book);
    rig->offset = 0;
}

static int begin(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);
    const char *build = getenv("CLICKVEIL_BUILD");
    struct error error = {0};
    char check[SUBJECT_KEY_CHECK_SIZE];
    rig->config.subscriber.kind = IDENTIFIER_E164;
    snprintf(rig->directory, sizeof rig->directory, "%s/judge.XXXXXX", build ? build : "/tmp");
    assert_non_null(mkdtemp(rig->directory));
    snprintf(rig->path, sizeof rig->path, "%s/suppression.key", rig->directory);
    assert_true(key_file_make(SECRET_SUPPRESSION, rig->path, ignore_file, NULL, &error));
    rig->key = subject_key_load_suppression(rig->path, &error);
    assert_non_null(rig->key);
    rig->options.suppression_key = view_of_string(rig->path);
    subject_key_check(rig->key, check);
    snprintf(rig->hash_value, sizeof rig->hash_value,
             "{\"choices\":{\"*\":\"out\"},\"effective\":1,\"seq\":0,\"key_check\":\"%s\"}", check);
    make_hash(rig, ANN, rig->hash[0]);
    make_hash(rig, BOB, rig->hash[1]);
    rig->reader = consent_reader_new(&names, IDENTIFIER_E164);
    rig->state = calloc(3, consent_judge.state_size);
    open_book(rig);
    *state = rig;
    return 0;
}

static int end(void **state)
{
    struct rig *rig = *state;
    consent_judge.close(rig->book);
    consent_reader_free(rig->reader);
    subject_key_free(rig->key);
    unlink(rig->path);
    rmdir(rig->directory);
    free(rig->state);
    free(rig);
    return 0;
}

/* A record as "key value"; "hash" stands for a suppression entry of that subject, no value for a tombstone. */
static void read_one(struct rig *rig, const char *subject, const char *value)
{
    struct error error = {0};
    char key[128];
    snprintf(key, sizeof key, "%s", subject);
    if (value && strcmp(value, "hash") == 0) {
        snprintf(key, sizeof key, "%s", rig->hash[strcmp(subject, BOB) == 0]);
        value = rig->hash_value;
    } else if (value && strncmp(value, "signal", 6) == 0) {
        snprintf(key, sizeof key, "signal:%s", subject);
        value += 6;
    }
    struct followed_record record = {
        .partition = 0,
        .offset = rig->offset++,
        .timestamp_ms = NOW_MS,
        .now_ms = NOW_MS,
        .key = view_of_string(key),
        .value = value ? view_of_string(value) : VIEW_ABSENT,
        .committed = true,
    };
    if (!consent_judge.read(rig->book, &record, &error))
        fail_msg("%s %s: %s", key, value ? value : "tombstone", error.what);
}

static void *state_of(struct rig *rig, const char *subject, unsigned number)
{
    struct error error = {0};
    struct consent_key key = key_of(subject);
    void *state = (char *)rig->state + number * consent_judge.state_size;
    assert_true(consent_judge.complete(rig->book, &error));
    assert_true(consent_judge.state(rig->book, &key, state, &error));
    return state;
}

#define IN(name)    "{\"choices\":{\"" name "\":\"in\"},\"effective\":1700000000000,\"seq\":1}"
#define TWO_STEP_MS INT64_C(1750000000000)
#define IN_TWO_STEP(name) \
    "{\"choices\":{\"" name "\":\"in\"},\"effective\":1750000000000,\"seq\":1,\"two_step\":true}"
#define OUT(name)   "{\"choices\":{\"" name "\":\"out\"},\"effective\":1700000000000,\"seq\":1}"
#define SIGNAL      "signal{\"choices\":{\"*\":\"out\"},\"effective\":1720000000000,\"seq\":0}"
#define SIGNAL_LATE "signal{\"choices\":{\"*\":\"out\"},\"effective\":1790000000000,\"seq\":0}"
#define MOVED       "{\"choices\":{},\"effective\":1710000000000,\"seq\":1,\"moved_from\":\"" BOB "\"}"

static const struct {
    const char *why;
    const char *of[5]; /* ANN's records, or after "bob" BOB's */
    bool yield;
    enum consent_stand stand;
    const char *said, *remedy; /* parts of it */
} book_cases[] = {
    {"nothing", {NULL}, false, CONSENT_STAND_NONE, "nothing chosen", ""},
    {"an in", {IN("basic")}, false, CONSENT_STAND_IN, "opted in", ""},
    {"an out", {OUT("basic")}, false, CONSENT_STAND_OUT, "opted out", "two_step"},
    {"erased, the tombstone long gone", {"hash"}, false, CONSENT_STAND_OUT, "erased", "two_step"},
    {"an in behind an erasure", {"hash", IN("basic")}, false, CONSENT_STAND_OUT, "erased", "two_step"},
    {"a confirmed in ends it", {"hash", IN_TWO_STEP("basic")}, false, CONSENT_STAND_IN, "opted in", ""},
    {"but for what it names",
     {"hash", IN_TWO_STEP("plus")},
     false,
     CONSENT_STAND_OUT,
     "opted out",
     "two_step"},
    {"erased again", {"hash", IN_TWO_STEP("basic"), "hash"}, false, CONSENT_STAND_OUT, "erased", "two_step"},
    {"an older out behind an erasure that took an `in`",
     {IN_TWO_STEP("*"), "hash", OUT("basic")},
     false,
     CONSENT_STAND_OUT,
     "erased",
     "two_step"},
    {"somebody else is erased", {"bob", "hash"}, false, CONSENT_STAND_NONE, "nothing chosen", ""},
    {"a signal", {SIGNAL}, false, CONSENT_STAND_OUT, "by a stored signal", "consent.signals.yield"},
    {"a signal yields to nothing unless told",
     {SIGNAL, IN_TWO_STEP("basic")},
     false,
     CONSENT_STAND_OUT,
     "by a stored signal",
     "consent.signals.yield"},
    {"to an in that is not confirmed not at all",
     {SIGNAL, IN("basic")},
     true,
     CONSENT_STAND_OUT,
     "by a stored signal",
     "two_step"},
    {"it yields to a newer, confirmed one",
     {SIGNAL, IN_TWO_STEP("basic")},
     true,
     CONSENT_STAND_IN,
     "opted in",
     ""},
    {"not to an older one",
     {SIGNAL_LATE, IN_TWO_STEP("basic")},
     true,
     CONSENT_STAND_OUT,
     "by a stored signal",
     "newer than the signal"},
    {"a signal without a time",
     {"signalnonsense", IN_TWO_STEP("basic")},
     true,
     CONSENT_STAND_OUT,
     "by a stored signal",
     "no time"},
    {"who took the place of nobody known",
     {IN("basic"), MOVED},
     false,
     CONSENT_STAND_NONE,
     "nothing chosen",
     ""},
    {"who took the place of somebody that is out",
     {MOVED, "bob", OUT("basic")},
     false,
     CONSENT_STAND_OUT,
     "opted out",
     "two_step"},
    {"and confirmed it since",
     {MOVED, IN_TWO_STEP("basic"), "bob", OUT("basic")},
     false,
     CONSENT_STAND_IN,
     "opted in",
     ""},
    {"who took the place of somebody erased",
     {MOVED, "bob", "hash", IN("basic")},
     false,
     CONSENT_STAND_OUT,
     "opted out",
     "two_step"},
    {"an `in` of a predecessor was taken back",
     {IN("plus")},
     false,
     CONSENT_STAND_NONE,
     "nothing chosen",
     ""},
};

static void a_book_says_what_the_stage_decides_and_why(void **state)
{
    struct rig *rig = *state;
    for (size_t i = 0; i < COUNT(book_cases); i++) {
        struct consent_verdict verdict;
        const char *subject = ANN;
        rig->options.signals.yield = book_cases[i].yield;
        open_book(rig);
        for (size_t j = 0; j < 5 && book_cases[i].of[j]; j++) {
            if (strcmp(book_cases[i].of[j], "bob") == 0)
                subject = BOB;
            else
                read_one(rig, subject, book_cases[i].of[j]);
        }
        consent_judge.verdict(state_of(rig, ANN, 0), 1, 0, INT64_MAX, &verdict);
        if (verdict.stand != book_cases[i].stand || !strstr(verdict.why, book_cases[i].said) ||
            !strstr(verdict.remedy, book_cases[i].remedy) ||
            (book_cases[i].remedy[0] == '\0') != (verdict.remedy[0] == '\0'))
            fail_msg("%s: %d, %s; %s", book_cases[i].why, verdict.stand, verdict.why, verdict.remedy);
        assert_null(consent_judge.blind(rig->book));
    }
}

static void a_book_without_the_key_says_that_it_is_blind(void **state)
{
    struct rig *rig = *state;
    char foreign[] = "{\"choices\":{\"*\":\"out\"},\"effective\":1,\"seq\":0,\"key_check\":\"AAAAAAAAAAA\"}";
    static const struct view places[] = {VIEW("0:0")};
    struct error error = {0};
    struct followed_record record = {
        .key = view_of_string(rig->hash[0]), .timestamp_ms = NOW_MS, .committed = true};

    record.value = view_of_string(foreign);
    assert_true(consent_judge.read(rig->book, &record, &error));
    assert_true(consent_judge.complete(rig->book, &error));
    assert_non_null(consent_judge.blind(rig->book));
    assert_non_null(strstr(consent_judge.blind(rig->book), "another key"));

    rig->options.ignore.items = (void *)(uintptr_t)places;
    rig->options.ignore.count = 1;
    open_book(rig);
    assert_true(consent_judge.read(rig->book, &record, &error));
    assert_null(consent_judge.blind(rig->book)); /* acknowledged */
    rig->options.ignore.count = 0;

    rig->options.suppression_key = VIEW_ABSENT;
    open_book(rig);
    record.value = view_of_string(rig->hash_value);
    assert_null(consent_judge.blind(rig->book));
    assert_true(consent_judge.read(rig->book, &record, &error));
    assert_non_null(strstr(consent_judge.blind(rig->book), "no key"));

    rig->options.suppression_key = VIEW("nowhere/suppression.key");
    open_book(rig);
    assert_true(consent_judge.read(rig->book, &record, &error));
    assert_non_null(strstr(consent_judge.blind(rig->book), "nowhere/suppression.key"));
}

/* A change is judged on a state before it is written: it must come to what the stage comes to when it has read it,
 * now and for what came before a confirmed `in`. */
static void expect_same(struct rig *rig, int64_t time_ms, size_t seed, const char *last)
{
    const char *applied = rig->state, *read = applied + consent_judge.state_size;
    for (unsigned i = 0; i < names.count; i++) {
        struct consent_verdict a, b;
        consent_judge.verdict(applied, (choice_set)(1u << i), names.predecessors[i], time_ms, &a);
        consent_judge.verdict(read, (choice_set)(1u << i), names.predecessors[i], time_ms, &b);
        if (a.stand != b.stand)
            fail_msg("seed %zu, %s, name %u, at %lld: applied %d (%s), read %d (%s)", seed, last, i,
                     (long long)time_ms, a.stand, a.why, b.stand, b.why);
    }
}

static void one_more_record_on_a_state_is_one_more_record_in_the_topic(void **state)
{
    static const char *const values[] = {
        IN("basic"),  IN_TWO_STEP("basic"),
        OUT("basic"), OUT("*"),
        IN("*"),      IN_TWO_STEP("*"),
        OUT("old"),   IN("old"),
        SIGNAL,       SIGNAL_LATE,
        "hash",       "nonsense",
        NULL,         MOVED,
        IN("plus"),   IN_TWO_STEP("plus"),
    };
    struct rig *rig = *state;
    for (size_t seed = 0; seed < 400; seed++) {
        uint64_t random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
        const char *last = NULL;
        for (int pass = 0; pass < 2; pass++) {
            uint64_t bits = random;
            rig->options.signals.yield = seed & 1;
            open_book(rig);
            for (unsigned i = 0; i < 4; i++) {
                bits = bits * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
                const char *value = values[(bits >> 40) % COUNT(values)],
                           *subject = (bits >> 60) & 1 ? BOB : ANN;
                if (strcmp(subject, BOB) == 0 && value && strstr(value, "moved_from"))
                    value = OUT("plus");
                read_one(rig, subject, value);
            }
            bits = bits * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            last = values[(bits >> 40) % 8];
            if (pass == 1)
                read_one(rig, ANN, last);
            (void)state_of(rig, ANN, (unsigned)pass);
            if (pass == 0) { /* what it points to ends with the book */
                struct consent_value value;
                struct consent_key key = key_of(ANN);
                consent_value_read(rig->reader, &key, view_of_string(last), NOW_MS, &value);
                consent_judge.apply(rig->state, &value.record, &names);
            }
        }
        expect_same(rig, NOW_MS, seed, last);
        expect_same(rig, TWO_STEP_MS - 1, seed, last);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_book_says_what_the_stage_decides_and_why, begin, end),
        cmocka_unit_test_setup_teardown(a_book_without_the_key_says_that_it_is_blind, begin, end),
        cmocka_unit_test_setup_teardown(one_more_record_on_a_state_is_one_more_record_in_the_topic, begin,
                                        end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
