/*
 * The side input: which consent records become retractions, of whom, for which programmes, and when.
 */
#include "stages/pseudonymize/retract.h"

#include "common/config.h"
#include "common/retraction.h"
#include "common/secret.h"
#include "common/subject.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define NOW INT64_C(1619438400000) /* 2021-04-26T12:00:00Z */
#define DAY INT64_C(86400000)

enum { RETRACTIONS_MAX = 64 };

struct fixture {
    int in_by[2];
    struct programme programmes[3]; /* basic: opt_out; enhanced: opt_in; later: opt_out, follows basic */
    struct view predecessors[1];
    struct config config;
    struct subject_key *key;
    struct arena arena;
    struct retraction_reader reader;
    struct error error;
    struct emitter emitter;
    void *state;
    bool files;
    struct retraction retractions[RETRACTIONS_MAX];
    char names[RETRACTIONS_MAX][40];
    unsigned count;
};

static struct fixture *fixture;

/* The chain's part, played by the test: what is emitted is read back as publish reads it. */
bool emitter_output(struct emitter *emitter, const struct output *output)
{
    struct fixture *of = emitter->chain;
    const char *what;
    assert_int_equal(output->topic, TOPIC_RETRACTIONS);
    assert_true(of->count < RETRACTIONS_MAX);
    struct retraction *read = &of->retractions[of->count];
    if (!retraction_read(&of->reader, output->key, output->value, read, &what))
        fail_msg("%s", what);
    snprintf(of->names[of->count++], sizeof *of->names, "%.*s", (int)read->programme.size,
             read->programme.data);
    return true;
}

static void start(bool files)
{
    static const char *const names[] = {"basic", "enhanced", "later"};
    uint8_t key[SUBJECT_KEY_SIZE] = {1};
    fixture = calloc(1, sizeof *fixture);
    fixture->files = files;
    fixture->in_by[0] = 1 + SUBJECT_LINE;
    fixture->in_by[1] = 1 + SUBJECT_ACCOUNT;
    fixture->predecessors[0] = VIEW("basic");
    for (unsigned i = 0; i < 3; i++)
        fixture->programmes[i] =
            (struct programme){.name = view_of_string(names[i]),
                               .regime = i == 1 ? REGIME_OPT_IN : REGIME_OPT_OUT,
                               .in_by = {.items = fixture->in_by, .count = 2, .set = true}};
    fixture->programmes[2].predecessors = (struct option_list){.items = fixture->predecessors, .count = 1};
    fixture->config.programmes = (struct option_list){.items = fixture->programmes, .count = 3, .set = true};
    fixture->config.subscriber.kind = IDENTIFIER_E164;
    fixture->config.input.future_max_ms = DAY;
    fixture->key = subject_key_of_bytes(key, &fixture->error);
    assert_true(arena_init(&fixture->arena, 65536, 1 << 22, &fixture->error));
    assert_true(retraction_reader_init(&fixture->reader, &fixture->arena, &fixture->error));
    fixture->emitter =
        (struct emitter){.arena = &fixture->arena, .error = &fixture->error, .now_ms = NOW, .chain = fixture};
    fixture->state = calloc(1, pseudonymize_retract.state_size);
    struct stage_context context = {.config = &fixture->config,
                                    .arena = &fixture->arena,
                                    .subject_key = fixture->key,
                                    .workers = 1,
                                    .files = files};
    if (!pseudonymize_retract.init(fixture->state, &context, &fixture->error))
        fail_msg("%s", fixture->error.what);
}

static void stop(void)
{
    pseudonymize_retract.release(fixture->state);
    free(fixture->state);
    subject_key_free(fixture->key);
    arena_release(&fixture->arena);
    free(fixture);
}

static void give_by(const char *author, const char *key, const char *value, int64_t timestamp_ms)
{
    struct followed_record record = {.key = view_of_string(key),
                                     .value = view_of_string(value),
                                     .author = view_of_string(author),
                                     .timestamp_ms = timestamp_ms,
                                     .committed = true};
    if (!pseudonymize_retract.process(fixture->state, &record, &fixture->emitter))
        fail_msg("%s", fixture->error.what);
}

static void give(const char *key, const char *value, int64_t timestamp_ms)
{
    give_by(NULL, key, value, timestamp_ms);
}

static const char *programmes(void)
{
    static char text[256];
    size_t size = 0;
    text[0] = '\0';
    for (unsigned i = 0; i < fixture->count; i++)
        size += (size_t)snprintf(text + size, sizeof text - size, "%s%s", i ? " " : "", fixture->names[i]);
    return text;
}

#define LINE                     "line:12025550123"
#define SAYS(choices)            "{\"choices\":{" choices "},\"effective\":1619430000000,\"seq\":1}"
#define LINK(more)               "{\"moved_from\":\"AAAA\",\"effective\":1,\"seq\":0,\"key_check\":\"AAAAAAAAAAA\"" more "}"
#define SAYS_MORE(choices, more) "{\"choices\":{" choices "},\"effective\":1619430000000,\"seq\":1," more "}"

static void every_record_that_takes_something_back_becomes_a_retraction(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value, *programmes, *why;
    } cases[] = {
        {LINE, SAYS("\"*\":\"out\""), "basic enhanced later", "out of everything"},
        {LINE, SAYS("\"basic\":\"out\",\"enhanced\":\"in\""), "basic later", "by name, and who follows it"},
        {LINE, SAYS("\"*\":\"out\",\"enhanced\":\"in\""), "basic later", "the own name wins over *"},
        {LINE, SAYS("\"enhanced\":\"in\""), "", "an in takes nothing back"},
        {LINE, SAYS("\"basic\":\"in\""), "enhanced", "an in that is not there any more"},
        {"account:a-1", SAYS("\"*\":\"out\""), "basic enhanced later", "an account"},
        {"device:maid:abcdef01-2345-6789-abcd-ef0123456789", SAYS("\"*\":\"out\""), "basic enhanced later",
         "a device"},
        {LINE, NULL, "basic enhanced later", "a tombstone is erasure"},
        {LINE, "{", "basic enhanced later", "a value that cannot be read"},
        {LINE, SAYS_MORE("\"enhanced\":\"in\"", "\"reset\":true"), "basic enhanced later",
         "a reset is no out"},
        {"signal:" LINE, SAYS("\"*\":\"out\""), "basic enhanced later", "what a signal taught"},
        {"hash:AAECAwQFBgcICQoLDA0ODw", SAYS("\"*\":\"out\""), "", "nobody whom a pseudonym stands for"},
        {"moved:AAECAwQFBgcICQoLDA0ODw:" LINE, LINK(",\"take_back\":true"), "basic enhanced later",
         "whose place the subject took says out"},
        {"moved:AAECAwQFBgcICQoLDA0ODw:" LINE, LINK(""), "", "a link by itself: the move has been answered"},
        {"moved:AAECAwQFBgcICQoLDA0ODw:" LINE, NULL, "", "a link that is deleted"},
        {"moved:AAECAwQFBgcICQoLDA0ODw:" LINE, "{", "basic enhanced later", "a link that cannot be read"},
        {"moved:AAECAwQFBgcICQoLDA0ODw:line:canary", LINK(",\"take_back\":true"), "", "a link of nobody"},
        {"meta:birth:1", "{}", "", "about the topic"},
        {"device:maid:00000000-0000-0000-0000-000000000000", SAYS("\"*\":\"out\""), "", "no device"},
        {"line:canary", SAYS("\"*\":\"out\""), "",
         "a key that cannot be read stops consent, and is nobody's here"},
        {NULL, SAYS("\"*\":\"out\""), "", "no key"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        start(false);
        give(cases[i].key, cases[i].value, NOW);
        if (strcmp(programmes(), cases[i].programmes) != 0)
            fail_msg("%s: %s", cases[i].why, programmes());
        stop();
    }
}

static void what_all_records_come_to_is_believed_of_clickveil_alone(void **state)
{
    (void)state;
    static const char *const merged = SAYS_MORE(
        "\"enhanced\":\"in\"",
        "\"two_step\":true,\"merged\":{\"before\":[],\"withdrawn\":[\"basic\"],\"until\":0,\"last_out\":0}");
    static const struct {
        const char *author, *programmes, *why;
    } cases[] = {
        {"clickveil.host.1", "later", "an `in` to the predecessor was taken back; this one counts"},
        {NULL, "enhanced", "anybody's: its `in` is void, and what it calls taken back was not"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        start(false);
        give_by(cases[i].author, LINE, merged, NOW);
        if (strcmp(programmes(), cases[i].programmes) != 0)
            fail_msg("%s: %s", cases[i].why, programmes());
        stop();
    }
}

static void retraction_has_the_pseudonym_that_events_have(void **state)
{
    (void)state;
    start(false);
    give(LINE, SAYS("\"basic\":\"out\""), NOW);
    struct pseudonym expected;
    subject_pseudonym(fixture->key, SUBJECT_LINE, IDENTIFIER_E164, VIEW("12025550123"), &expected);
    assert_memory_equal(&fixture->retractions[0].subject, &expected, sizeof expected);
    assert_int_equal(fixture->retractions[0].kind, SUBJECT_LINE);
    give("device:maid:ABCDEF01-2345-6789-ABCD-EF0123456789", SAYS("\"basic\":\"out\""), NOW);
    subject_pseudonym(fixture->key, SUBJECT_DEVICE, IDENTIFIER_MAID,
                      VIEW("abcdef01-2345-6789-abcd-ef0123456789"), &expected);
    assert_memory_equal(&fixture->retractions[fixture->count - 1].subject, &expected, sizeof expected);
    assert_int_equal(fixture->retractions[fixture->count - 1].kind, SUBJECT_DEVICE);
    stop();
}

static void moment_is_that_of_reading_whatever_the_stamp_says(void **state)
{
    (void)state;
    static const struct {
        int64_t timestamp_ms, moment_ms, chosen_ms;
        const char *why;
    } cases[] = {
        {NOW, NOW, NOW, "now"},
        {NOW - 1, NOW, NOW - 1, "just before"},
        {NOW - 8 * DAY, NOW, NOW - 8 * DAY, "an epoch ago, kept by a mirror"},
        {NOW - 61 * DAY, NOW, NOW - 61 * DAY, "older than the longest epoch and its life"},
        {0, NOW, 0, "a producer without a clock"},
        {-1, NOW, NOW, "without a timestamp"},
        {NOW + 1, NOW + 1, NOW + 1, "ahead of our clock, which may be slow"},
        {NOW + DAY, NOW + DAY, NOW + DAY, "as far ahead as anything may be"},
        {NOW + DAY + 1, NOW + DAY, NOW + DAY, "and one past it"},
        {INT64_MAX, NOW + DAY, NOW + DAY, "a retraction ends at some time"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        start(false);
        give(LINE, NULL, cases[i].timestamp_ms);
        if (fixture->count != 3 || fixture->retractions[0].time_ms != cases[i].moment_ms ||
            fixture->retractions[0].chosen_ms != cases[i].chosen_ms)
            fail_msg("%s", cases[i].why);
        stop();
    }
}

static void file_gives_what_is_out_in_the_end(void **state)
{
    (void)state;
    start(true);
    give(LINE, SAYS("\"*\":\"out\""), NOW);
    give("line:12025550124", SAYS("\"basic\":\"out\""), NOW);
    give("line:12025550125", SAYS("\"*\":\"out\""), NOW - 100 * DAY); /* however old */
    give(LINE, SAYS_MORE("\"*\":\"in\"", "\"two_step\":true"), NOW + 1);
    give("line:12025550124", SAYS("\"enhanced\":\"in\""), NOW);
    give("account:a-1", SAYS_MORE("\"enhanced\":\"in\"", "\"reset\":true"), NOW); /* nothing was published */
    bool more = false;
    assert_int_equal(fixture->count, 0);
    assert_true(pseudonymize_retract.flush(fixture->state, &fixture->emitter, &more));
    assert_int_equal(fixture->count, 0); /* the file is not at its end */
    fixture->emitter.draining = true;
    assert_true(pseudonymize_retract.flush(fixture->state, &fixture->emitter, &more));
    assert_false(more);
    unsigned of_basic = 0, of_all = 0;
    struct pseudonym partly, whole;
    subject_pseudonym(fixture->key, SUBJECT_LINE, IDENTIFIER_E164, VIEW("12025550124"), &partly);
    subject_pseudonym(fixture->key, SUBJECT_LINE, IDENTIFIER_E164, VIEW("12025550125"), &whole);
    for (unsigned i = 0; i < fixture->count; i++) {
        of_basic += !memcmp(&fixture->retractions[i].subject, &partly, sizeof partly);
        of_all += !memcmp(&fixture->retractions[i].subject, &whole, sizeof whole);
    }
    assert_int_equal(of_basic, 2); /* basic, and later, which follows it */
    assert_int_equal(of_all, 3);
    assert_int_equal(fixture->count, 5); /* nobody else */
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_record_that_takes_something_back_becomes_a_retraction),
        cmocka_unit_test(what_all_records_come_to_is_believed_of_clickveil_alone),
        cmocka_unit_test(retraction_has_the_pseudonym_that_events_have),
        cmocka_unit_test(moment_is_that_of_reading_whatever_the_stamp_says),
        cmocka_unit_test(file_gives_what_is_out_in_the_end),
    };
    struct error error;
    return process_harden(&error) ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
