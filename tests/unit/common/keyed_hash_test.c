/* Every length and lane against libsodium, in the form that this processor runs and in the one that others run. */
#include "common/keyed_hash.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include <cmocka.h>

/* The same source once more, as lesser processors run it. */
static int best;
#define KEYED_HASH_BEST best
#define keyed_hash_init lesser_init
#define keyed_hash_run  lesser_run
void lesser_init(struct keyed_hash *hash, const uint8_t key[KEYED_HASH_KEY_SIZE]);
void lesser_run(const struct keyed_hash *hash, const struct keyed_hash_message *messages, unsigned count,
                struct keyed_hash_output *out_outputs);
#include "common/keyed_hash.c"
#undef keyed_hash_init
#undef keyed_hash_run

struct form {
    int best; /* of the lesser ones: what KEYED_HASH_BEST says */
    void (*init)(struct keyed_hash *hash, const uint8_t key[KEYED_HASH_KEY_SIZE]);
    void (*run)(const struct keyed_hash *hash, const struct keyed_hash_message *messages, unsigned count,
                struct keyed_hash_output *out_outputs);
};

static const struct form forms[] = {
    {0, keyed_hash_init, keyed_hash_run}, {0, lesser_init, lesser_run}, {1, lesser_init, lesser_run}};
enum { FORMS = sizeof forms / sizeof *forms };

static void fill(uint8_t *bytes, size_t size, unsigned seed)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(seed * 131 + i * 29 + (i * i >> 3));
}

static void expect_as_libsodium(const uint8_t *key, const struct keyed_hash_message *message,
                                const struct keyed_hash_output *output)
{
    uint8_t expected[KEYED_HASH_SIZE];
    assert_int_equal(crypto_generichash(expected, sizeof expected, message->bytes, message->size, key,
                                        KEYED_HASH_KEY_SIZE),
                     0);
    assert_memory_equal(output->bytes, expected, sizeof expected);
}

static void every_length_hashes_as_libsodium_does(void **state)
{
    (void)state;
    for (unsigned form = 0; form < FORMS; form++) {
        best = forms[form].best;
        for (unsigned size = 1; size <= KEYED_HASH_MESSAGE_MAX; size++) {
            uint8_t key[KEYED_HASH_KEY_SIZE];
            struct keyed_hash hash;
            struct keyed_hash_message message = {.size = size};
            struct keyed_hash_output output;
            fill(key, sizeof key, size);
            fill(message.bytes, size, size + 1);
            forms[form].init(&hash, key);
            forms[form].run(&hash, &message, 1, &output);
            expect_as_libsodium(key, &message, &output);
        }
    }
}

static void lanes_do_not_see_each_other(void **state)
{
    (void)state;
    static const size_t sizes[][KEYED_HASH_LANES] = {
        {1, 128, 2, 127}, {128, 1, 128, 1}, {33, 33, 33, 33}, {8, 16, 64, 120}};
    uint8_t key[KEYED_HASH_KEY_SIZE];
    fill(key, sizeof key, 7);
    for (unsigned form = 0; form < FORMS; form++) {
        struct keyed_hash hash;
        best = forms[form].best;
        forms[form].init(&hash, key);
        for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            for (unsigned count = 1; count <= KEYED_HASH_LANES; count++) {
                struct keyed_hash_message messages[KEYED_HASH_LANES] = {0};
                struct keyed_hash_output outputs[KEYED_HASH_LANES];
                for (unsigned lane = 0; lane < count; lane++) {
                    messages[lane].size = sizes[i][lane];
                    fill(messages[lane].bytes, sizes[i][lane], lane + i);
                }
                forms[form].run(&hash, messages, count, outputs);
                for (unsigned lane = 0; lane < count; lane++)
                    expect_as_libsodium(key, &messages[lane], &outputs[lane]);
            }
        }
    }
}

static void outputs_beyond_the_count_stay_untouched(void **state)
{
    (void)state;
    uint8_t key[KEYED_HASH_KEY_SIZE] = {0}, untouched[KEYED_HASH_SIZE];
    struct keyed_hash hash;
    struct keyed_hash_message messages[KEYED_HASH_LANES] = {{.size = 1}, {.size = 1}};
    struct keyed_hash_output outputs[KEYED_HASH_LANES];
    memset(untouched, 0xa5, sizeof untouched);
    memset(outputs, 0xa5, sizeof outputs);
    keyed_hash_init(&hash, key);
    keyed_hash_run(&hash, messages, 2, outputs);
    assert_memory_not_equal(outputs[1].bytes, untouched, sizeof untouched);
    assert_memory_equal(outputs[2].bytes, untouched, sizeof untouched);
    assert_memory_equal(outputs[3].bytes, untouched, sizeof untouched);
}

static void another_key_gives_another_hash(void **state)
{
    (void)state;
    struct keyed_hash_message message = {.bytes = "x", .size = 1};
    struct keyed_hash_output first, second;
    uint8_t key[KEYED_HASH_KEY_SIZE] = {0};
    for (unsigned bit = 0; bit < 8 * KEYED_HASH_KEY_SIZE; bit++) {
        struct keyed_hash hash;
        memset(key, 0, sizeof key);
        keyed_hash_init(&hash, key);
        keyed_hash_run(&hash, &message, 1, &first);
        key[bit / 8] = (uint8_t)(1u << bit % 8);
        keyed_hash_init(&hash, key);
        keyed_hash_run(&hash, &message, 1, &second);
        assert_memory_not_equal(first.bytes, second.bytes, sizeof first.bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_length_hashes_as_libsodium_does),
        cmocka_unit_test(lanes_do_not_see_each_other),
        cmocka_unit_test(outputs_beyond_the_count_stay_untouched),
        cmocka_unit_test(another_key_gives_another_hash),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
