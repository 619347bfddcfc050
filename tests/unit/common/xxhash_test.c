#include "common/xxhash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static uint64_t hash_of(const void *data, size_t size)
{
    struct xxhash hash;
    xxhash_init(&hash);
    xxhash_add(&hash, data, size);
    return xxhash_end(&hash);
}

/* Published by the authors of other implementations; seed 0. */
static void hash_is_the_published_one(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        uint64_t hash;
    } rows[] = {
        {"", 0xef46db3751d8e999u},
        {"a", 0xd24ec4f1a98c6e5bu},
        {"abc", 0x44bc2cf5ad770999u},
        {"xxhash", 0x32dd38952c4bc720u},
        {"Nobody inspects the spammish repetition", 0xfbcea83c8a378bf1u},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (hash_of(rows[i].text, strlen(rows[i].text)) != rows[i].hash)
            fail_msg("\"%s\"", rows[i].text);
    }
}

static void hash_does_not_depend_on_how_it_comes(void **unused)
{
    (void)unused;
    char data[300];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (char)(i * 7);
    for (size_t size = 0; size <= sizeof data; size += 11) {
        for (size_t step = 1; step < 70; step++) {
            struct xxhash hash;
            xxhash_init(&hash);
            for (size_t at = 0; at < size; at += step)
                xxhash_add(&hash, data + at, size - at < step ? size - at : step);
            assert_int_equal(xxhash_end(&hash), hash_of(data, size));
        }
    }
}

static void hash_differs_by_every_single_bit(void **unused)
{
    (void)unused;
    uint8_t data[100] = {0};
    uint64_t whole = hash_of(data, sizeof data);
    for (size_t bit = 0; bit < sizeof data * 8; bit++) {
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_true(hash_of(data, sizeof data) != whole);
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_true(hash_of(data, sizeof data - 1) != whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hash_is_the_published_one),
        cmocka_unit_test(hash_does_not_depend_on_how_it_comes),
        cmocka_unit_test(hash_differs_by_every_single_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
