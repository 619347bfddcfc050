/* The plain reader says what the JSON reader says, of all that it takes; and it takes only what is plain. The other reader is
 * asked by putting a space in front of the same value: that is the same JSON, and not plain. */
#include "common/consent_plain.h"
#include "common/consent_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct choice_names names = {
    .names = {{"basic", 5}, {"enhanced", 8}},
    .count = 2,
};

static struct consent_reader *reader;

/* Memory of exactly its size, so that a read behind it shows under AddressSanitizer. */
static struct consent_value read_by_json(struct view value, char *memory)
{
    struct consent_key key;
    struct consent_value out;
    consent_key_read(VIEW("line:14155550100"), IDENTIFIER_E164, &key);
    memory[0] = ' ';
    memcpy(memory + 1, value.data, value.size);
    consent_value_read(reader, &key, (struct view){memory, value.size + 1}, INT64_MAX, &out);
    return out;
}

static bool same(const struct choice_record *a, const struct choice_record *b)
{
    return a->readable == b->readable && a->tombstone == b->tombstone && a->two_step == b->two_step &&
           a->asked == b->asked && a->closed == b->closed && a->moved == b->moved && a->reset == b->reset &&
           a->had_out == b->had_out && a->in_is_void == b->in_is_void && a->in == b->in && a->out == b->out &&
           a->effective_ms == b->effective_ms && a->seq == b->seq && a->last_out_ms == b->last_out_ms &&
           a->merged.present == b->merged.present;
}

/* Is it plain? If so, both say the same. */
static bool is_plain_and_the_same(struct view value)
{
    struct choice_record record;
    unsigned unknown_names;
    char *exact = test_malloc(value.size + 1), *spaced = test_malloc(value.size + 1);
    memcpy(exact, value.data, value.size);
    bool plain = consent_plain_read((struct view){exact, value.size}, &names, &record, &unknown_names);
    if (plain) {
        struct consent_value other = read_by_json(value, spaced);
        if (!same(&record, &other.record) || unknown_names != other.unknown_names)
            fail_msg("'%.*s': the readers differ", (int)value.size, value.data);
    }
    test_free(exact);
    test_free(spaced);
    return plain;
}

#define ALL_MEMBERS                                                                                          \
    "{\"choices\":{\"*\":\"in\"},\"effective\":1,\"seq\":1,\"two_step\":true,\"asked\":true,\"last_out\":5," \
    "\"closed\":true,\"reset\":true}"

static const char *const plain[] = {
    "{\"choices\":{\"*\":\"out\"},\"effective\":1700000000000,\"seq\":7}",
    "{\"choices\":{\"*\":\"in\"},\"effective\":0,\"seq\":0}",
    "{\"choices\":{},\"effective\":1,\"seq\":1}",
    "{\"choices\":{\"basic\":\"in\",\"enhanced\":\"out\"},\"effective\":8796093022207,\"seq\":1}",
    "{\"choices\":{\"*\":\"out\",\"basic\":\"in\",\"enhanced\":\"in\"},\"effective\":1,\"seq\":1}",
    "{\"choices\":{\"other\":\"in\",\"and another\":\"out\",\"\":\"out\"},\"effective\":1,\"seq\":1}",
    "{\"choices\":{\"other\":\"in\",\"other\":\"out\"},\"effective\":1,\"seq\":1}",
    "{\"choices\":{\"*\":\"out\"},\"effective\":1,\"seq\":999999999999999999}",
    "{\"choices\":{\"*\":\"out\"},\"effective\":\"2023-10-01T00:00:00Z\",\"seq\":1}",
    "{\"choices\":{\"*\":\"out\"},\"effective\":\"2023-10-01T00:00:00.5+02:00\",\"seq\":1}",
    "{\"choices\":{\"*\":\"in\"},\"effective\":1,\"seq\":1,\"two_step\":true}",
    "{\"choices\":{\"*\":\"in\"},\"effective\":1,\"seq\":1,\"asked\":true}",
    "{\"choices\":{\"*\":\"in\"},\"effective\":1,\"seq\":1,\"last_out\":5}",
    "{\"choices\":{},\"effective\":1,\"seq\":1,\"closed\":true}",
    "{\"choices\":{},\"effective\":1,\"seq\":1,\"reset\":true}",
    ALL_MEMBERS,
    "{\"choices\":{\"*\":\"in\"},\"effective\":1,\"seq\":1,\"last_out\":\"2023-10-01T00:00:00Z\"}",
};

static void consent_plain_values_are_read_as_json_reads_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        if (!is_plain_and_the_same(view_of_string(plain[i])))
            fail_msg("%s: is plain", plain[i]);
    }
}

static void consent_plain_fields_are_those_of_the_value(void **state)
{
    (void)state;
    struct choice_record record;
    unsigned unknown_names;
    assert_true(
        consent_plain_read(VIEW("{\"choices\":{\"*\":\"out\",\"x\":\"in\",\"basic\":\"in\"},\"effective\":"
                                "1234,\"seq\":56,\"two_step\":"
                                "true,\"asked\":true,\"last_out\":78,\"closed\":true,\"reset\":true}"),
                           &names, &record, &unknown_names));
    assert_true(record.readable && record.two_step && record.asked && record.had_out && record.closed &&
                record.reset);
    assert_int_equal(record.out, CHOICE_STAR);
    assert_int_equal(record.in, 1);
    assert_int_equal(unknown_names, 1);
    assert_int_equal(record.effective_ms, 1234);
    assert_int_equal(record.seq, 56);
    assert_int_equal(record.last_out_ms, 78);
    assert_false(record.tombstone || record.moved || record.in_is_void || record.merged.present);
}

static const struct {
    const char *value, *why;
} not_plain[] = {
    {"", "empty"},
    {"{", "cut"},
    {"{}", "nothing in it"},
    {" {\"choices\":{},\"effective\":1,\"seq\":1}", "a space in front"},
    {"{\"choices\":{},\"effective\":1,\"seq\":1} ", "a space behind"},
    {"{\"choices\":{},\"effective\":1,\"seq\":1}}", "one brace more"},
    {"{\"choices\":{},\"effective\":1,\"seq\":1", "one brace less"},
    {"{\"choices\": {},\"effective\":1,\"seq\":1}", "a space within"},
    {"{\"choices\":{,\"*\":\"out\"},\"effective\":1,\"seq\":1}", "a comma too many"},
    {"{\"choices\":{\"*\":\"out\",},\"effective\":1,\"seq\":1}", "a comma too many"},
    {"{\"choices\":{\"*\":\"out\"\"basic\":\"in\"},\"effective\":1,\"seq\":1}", "a comma too few"},
    {"{\"choices\":{\"*\":\"out\",\"*\":\"out\"},\"effective\":1,\"seq\":1}", "a name twice"},
    {"{\"choices\":{\"*\":\"out\",\"*\":\"in\"},\"effective\":1,\"seq\":1}", "a contradiction"},
    {"{\"choices\":{\"*\":\"Out\"},\"effective\":1,\"seq\":1}", "no choice"},
    {"{\"choices\":{\"*\":\"inn\"},\"effective\":1,\"seq\":1}", "no choice"},
    {"{\"choices\":{\"*\":true},\"effective\":1,\"seq\":1}", "no word"},
    {"{\"choices\":{\"b\\u0061sic\":\"in\"},\"effective\":1,\"seq\":1}", "an escape"},
    {"{\"choices\":{\"caf\xc3\xa9\":\"in\"},\"effective\":1,\"seq\":1}", "beyond ASCII"},
    {"{\"choices\":{\"\xff\":\"in\"},\"effective\":1,\"seq\":1}", "not UTF-8"},
    {"{\"choices\":{\"a\nb\":\"in\"},\"effective\":1,\"seq\":1}", "a control character"},
    {"{\"choices\":{\"*", "cut in a name"},
    {"{\"effective\":1,\"seq\":1,\"choices\":{}}", "another order"},
    {"{\"choices\":{},\"effective\":01,\"seq\":1}", "a zero in front"},
    {"{\"choices\":{},\"effective\":00,\"seq\":1}", "a zero in front"},
    {"{\"choices\":{},\"effective\":-1,\"seq\":1}", "a sign"},
    {"{\"choices\":{},\"effective\":+1,\"seq\":1}", "a sign"},
    {"{\"choices\":{},\"effective\":1.0,\"seq\":1}", "a fraction"},
    {"{\"choices\":{},\"effective\":1e3,\"seq\":1}", "an exponent"},
    {"{\"choices\":{},\"effective\":,\"seq\":1}", "no number"},
    {"{\"choices\":{},\"effective\":null,\"seq\":1}", "null"},
    {"{\"choices\":{},\"effective\":8796093022208,\"seq\":1}", "a millisecond after the last moment"},
    {"{\"choices\":{},\"effective\":\"1969-12-31T23:59:59Z\",\"seq\":1}", "before 1970"},
    {"{\"choices\":{},\"effective\":\"yesterday\",\"seq\":1}", "no time"},
    {"{\"choices\":{},\"effective\":\"2023-10-01T00:00:00Z,\"seq\":1}", "a quote too few"},
    {"{\"choices\":{},\"effective\":1,\"seq\":1000000000000000000}", "one digit more than is sure to fit"},
    {"{\"choices\":{},\"effective\":1,\"seq\":-1}", "a sign"},
    {"{\"choices\":{},\"effective\":1,\"seq\":\"1\"}", "a text"},
    {"{\"choices\":{},\"effective\":1,\"seq\":1,\"two_step\":false}", "false, which commands do not write"},
    {"{\"choices\":{},\"effective\":1,\"seq\":1,\"two_step\":null}", "null"},
    {"{\"choices\":{},\"effective\":1,\"seq\":1,\"two_step\":true,\"two_step\":true}", "a member twice"},
    {"{\"choices\":{},\"effective\":1,\"seq\":1,\"asked\":true,\"two_step\":true}", "another order"},
    {"{\"choices\":{},\"effective\":1,\"seq\":1,\"last_out\":}", "no number"},
    {"{\"choices\":{},\"effective\":1,\"seq\":1,\"moved_from\":\"line:14155550101\"}", "moved"},
    {"{\"choices\":{},\"effective\":1,\"seq\":1,\"x\":1}", "an unknown member"},
    {"{\"choices\":{},\"effective\":1,\"seq\":1,}", "a comma too many"},
};

static void consent_values_that_are_not_plain_are_left(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof not_plain / sizeof *not_plain; i++) {
        struct choice_record record;
        unsigned unknown_names = 99;
        memset(&record, 0xa5, sizeof record);
        struct choice_record untouched = record;
        if (consent_plain_read(view_of_string(not_plain[i].value), &names, &record, &unknown_names))
            fail_msg("%s: %s", not_plain[i].value, not_plain[i].why);
        assert_memory_equal(&record, &untouched, sizeof record);
        assert_int_equal(unknown_names, 99);
    }
    struct choice_record record;
    unsigned unknown_names;
    assert_false(consent_plain_read(VIEW_ABSENT, &names, &record, &unknown_names));
}

static void consent_plain_values_are_bounded(void **state)
{
    (void)state;
    static const char head[] = "{\"choices\":{\"", tail[] = "\":\"in\"},\"effective\":1,\"seq\":1}";
    for (unsigned more = 0; more < 2; more++) {
        char value[CONSENT_PLAIN_BYTES_MAX + 2];
        size_t size = CONSENT_PLAIN_BYTES_MAX + more, fixed = sizeof head + sizeof tail - 2;
        memcpy(value, head, sizeof head - 1);
        memset(value + sizeof head - 1, 'x', size - fixed);
        memcpy(value + size - (sizeof tail - 1), tail, sizeof tail - 1);
        assert_int_equal(is_plain_and_the_same((struct view){value, size}), more == 0);
    }
}

static uint64_t random_word(void)
{
    static uint64_t seed = 0x9e3779b97f4a7c15u;
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed >> 11;
}

/* Bytes that mean something in JSON come more often than others. */
static char random_byte(void)
{
    static const char telling[] = "\"\\{}:,0123456789-+.eE ntfasu*inoutbc\x01\x7f\x80\xff";
    return random_word() % 8 ? telling[random_word() % (sizeof telling - 1)] : (char)random_word();
}

/* One to three bytes changed, left out, put in, or a piece of another value in their place. */
static size_t mutate(char *value, size_t size, size_t size_max)
{
    for (uint64_t left = 1 + random_word() % 3; left > 0 && size > 0; left--) {
        size_t at = random_word() % size;
        switch (random_word() % 4) {
        case 0:
            value[at] = random_byte();
            break;
        case 1:
            memmove(value + at, value + at + 1, --size - at);
            break;
        case 2:
            if (size == size_max)
                break;
            memmove(value + at + 1, value + at, size++ - at);
            value[at] = random_byte();
            break;
        default: {
            struct view other = view_of_string(plain[random_word() % (sizeof plain / sizeof *plain)]);
            size_t from = random_word() % other.size, count = 1 + random_word() % 24;
            for (size_t i = 0; i < count && from + i < other.size && at + i < size; i++)
                value[at + i] = other.data[from + i];
        }
        }
    }
    return size;
}

static void consent_mutated_values_are_plain_only_where_json_agrees(void **state)
{
    (void)state;
    enum { ROUNDS = 200000, SIZE_MAX_MUTATED = 300 };
    unsigned taken = 0;
    for (unsigned i = 0; i < ROUNDS; i++) {
        char value[SIZE_MAX_MUTATED];
        struct view from = view_of_string(plain[random_word() % (sizeof plain / sizeof *plain)]);
        memcpy(value, from.data, from.size);
        taken += is_plain_and_the_same((struct view){value, mutate(value, from.size, sizeof value)});
    }
    assert_in_range(taken, ROUNDS / 100, ROUNDS / 2); /* else it says little */
}

static int open_reader(void **state)
{
    (void)state;
    reader = consent_reader_new(&names, IDENTIFIER_E164);
    return reader ? 0 : -1;
}

static int close_reader(void **state)
{
    (void)state;
    consent_reader_free(reader);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(consent_plain_values_are_read_as_json_reads_them),
        cmocka_unit_test(consent_plain_fields_are_those_of_the_value),
        cmocka_unit_test(consent_values_that_are_not_plain_are_left),
        cmocka_unit_test(consent_plain_values_are_bounded),
        cmocka_unit_test(consent_mutated_values_are_plain_only_where_json_agrees),
    };
    return cmocka_run_group_tests(tests, open_reader, close_reader);
}
