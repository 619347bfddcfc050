#include "common/retraction.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct arena arena;
static struct retraction_reader reader;
static struct error error;

static int setup(void **state)
{
    (void)state;
    return arena_init(&arena, 1 << 16, 1 << 20, &error) && retraction_reader_init(&reader, &arena, &error)
               ? 0
               : 1;
}

static int teardown(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static struct pseudonym pseudonym(void)
{
    struct pseudonym pseudonym;
    for (unsigned i = 0; i < PSEUDONYM_SIZE; i++)
        pseudonym.bytes[i] = (uint8_t)(0x10 + i);
    return pseudonym;
}

static void retraction_is_written_as_documented_and_comes_back(void **state)
{
    (void)state;
    static const struct {
        enum subject_kind kind;
        const char *programme;
        int64_t time_ms, chosen_ms;
        const char *key, *value;
    } cases[] = {
        {SUBJECT_ACCOUNT, "tmobile", 1619438400000, 1619438399000, "EBESExQVFhcYGRobHB0eHw:tmobile",
         "{\"v\":1,\"subject\":\"account\",\"programme\":\"tmobile\",\"time\":1619438400000,\"chosen\":"
         "1619438399000}"},
        {SUBJECT_LINE, "a", 0, 0, "EBESExQVFhcYGRobHB0eHw:a",
         "{\"v\":1,\"subject\":\"line\",\"programme\":\"a\",\"time\":0,\"chosen\":0}"},
        {SUBJECT_DEVICE, "abcdefghijklmnopqrstuvwxyz012345", RETRACTION_TIME_MAX, RETRACTION_TIME_MAX,
         "EBESExQVFhcYGRobHB0eHw:abcdefghijklmnopqrstuvwxyz012345",
         "{\"v\":1,\"subject\":\"device\",\"programme\":\"abcdefghijklmnopqrstuvwxyz012345\","
         "\"time\":253402300799999,\"chosen\":253402300799999}"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct retraction written = {.kind = cases[i].kind,
                                     .subject = pseudonym(),
                                     .programme = view_of_string(cases[i].programme),
                                     .time_ms = cases[i].time_ms,
                                     .chosen_ms = cases[i].chosen_ms};
        struct output output;
        assert_true(retraction_write(&written, &arena, &output));
        assert_int_equal(output.topic, TOPIC_RETRACTIONS);
        assert_int_equal(output.partition, OUTPUT_PARTITION_BY_KEY);
        assert_int_equal(output.header_count, 0);
        assert_true(view_equal_string(output.key, cases[i].key));
        assert_true(view_equal_string(output.value, cases[i].value));
        struct retraction read;
        const char *what;
        assert_true(retraction_read(&reader, output.key, output.value, &read, &what));
        assert_int_equal(read.kind, written.kind);
        assert_memory_equal(&read.subject, &written.subject, sizeof read.subject);
        assert_true(view_equal(read.programme, written.programme) && read.time_ms == written.time_ms &&
                    read.chosen_ms == written.chosen_ms);
    }
}

#define KEY  "EBESExQVFhcYGRobHB0eHw:tmobile"
#define GOOD "{\"v\":1,\"subject\":\"line\",\"programme\":\"tmobile\",\"time\":5,\"chosen\":5}"

static void retraction_is_read_strictly(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value;
        bool good;
        const char *why;
    } cases[] = {
        {KEY, GOOD, true, "as written"},
        {KEY, " { \"time\":5, \"chosen\":4, \"v\":1, \"programme\":\"tmobile\", \"subject\":\"device\" } ",
         true, "as JSON goes"},
        {NULL, GOOD, false, "no key"},
        {"", GOOD, false, "an empty key"},
        {"EBESExQVFhcYGRobHB0eHw", GOOD, false, "no programme in the key"},
        {"EBESExQVFhcYGRobHB0eHw:", GOOD, false, "an empty programme in the key"},
        {"EBESExQVFhcYGRobHB0eH:tmobile", GOOD, false, "a character less"},
        {"EBESExQVFhcYGRobHB0eHx:tmobile", GOOD, false, "bits left over"},
        {"EBESExQVFhcYGRobHB0eHw-tmobile", GOOD, false, "another separator"},
        {"EBESExQVFhcYGRobHB0eHw:abcdefghijklmnopqrstuvwxyz0123456", GOOD, false, "too long a programme"},
        {"EBESExQVFhcYGRobHB0eHw:sprint", GOOD, false, "another programme than the value's"},
        {KEY, NULL, false, "no value"},
        {KEY, "", false, "an empty value"},
        {KEY, "5", false, "no object"},
        {KEY, "{}", false, "nothing in it"},
        {KEY, GOOD "x", false, "something behind it"},
        {KEY, "{\"v\":2,\"subject\":\"line\",\"programme\":\"tmobile\",\"time\":5,\"chosen\":5}", false,
         "another version"},
        {KEY, "{\"v\":\"1\",\"subject\":\"line\",\"programme\":\"tmobile\",\"time\":5,\"chosen\":5}", false,
         "a version as text"},
        {KEY, "{\"v\":1,\"subject\":\"person\",\"programme\":\"tmobile\",\"time\":5,\"chosen\":5}", false,
         "no such subject"},
        {KEY, "{\"v\":1,\"subject\":0,\"programme\":\"tmobile\",\"time\":5,\"chosen\":5}", false,
         "a subject as number"},
        {KEY, "{\"v\":1,\"programme\":\"tmobile\",\"time\":5,\"chosen\":5}", false, "no subject"},
        {KEY, "{\"v\":1,\"subject\":\"line\",\"time\":5,\"chosen\":5}", false, "no programme"},
        {KEY, "{\"v\":1,\"subject\":\"line\",\"programme\":\"tmobile\",\"chosen\":5}", false, "no time"},
        {KEY, "{\"v\":1,\"subject\":\"line\",\"programme\":\"tmobile\",\"time\":5}", false,
         "not when it was chosen"},
        {KEY, "{\"v\":1,\"subject\":\"line\",\"programme\":\"tmobile\",\"time\":5,\"chosen\":6}", false,
         "read before it was chosen"},
        {KEY, "{\"v\":1,\"subject\":\"line\",\"programme\":\"tmobile\",\"time\":5,\"chosen\":-1}", false,
         "chosen before 1970"},
        {KEY, "{\"v\":1,\"subject\":\"line\",\"programme\":\"tmobile\",\"time\":-1,\"chosen\":0}", false,
         "a time before 1970"},
        {KEY, "{\"v\":1,\"subject\":\"line\",\"programme\":\"tmobile\",\"time\":5.0,\"chosen\":5}", false,
         "no whole number"},
        {KEY,
         "{\"v\":1,\"subject\":\"line\",\"programme\":\"tmobile\",\"time\":253402300799999,\"chosen\":0}",
         true, "the last moment"},
        {KEY,
         "{\"v\":1,\"subject\":\"line\",\"programme\":\"tmobile\",\"time\":253402300800000,\"chosen\":0}",
         false, "one past it"},
        {KEY, "{\"v\":1,\"subject\":\"line\",\"programme\":\"tmobile\",\"time\":5,\"chosen\":5,\"epoch\":7}",
         false, "a field that is none"},
        {KEY, "{\"v\":1,\"v\":1,\"subject\":\"line\",\"programme\":\"tmobile\",\"time\":5,\"chosen\":5}",
         false, "a field twice"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct retraction read;
        const char *what = NULL;
        bool good = retraction_read(&reader, view_of_string(cases[i].key), view_of_string(cases[i].value),
                                    &read, &what);
        if (good != cases[i].good)
            fail_msg("%s", cases[i].why);
        assert_true(good || what);
    }
}

static void retraction_says_when_the_arena_is_full(void **state)
{
    (void)state;
    struct arena small = {0};
    assert_true(arena_init(&small, 4096, 4096, &error));
    struct retraction retraction = {.subject = pseudonym(), .programme = VIEW("tmobile")};
    struct output output;
    unsigned written = 0;
    while (retraction_write(&retraction, &small, &output))
        written++;
    assert_true(written > 5 && written < 100);
    arena_release(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(retraction_is_written_as_documented_and_comes_back),
        cmocka_unit_test(retraction_is_read_strictly),
        cmocka_unit_test(retraction_says_when_the_arena_is_full),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
