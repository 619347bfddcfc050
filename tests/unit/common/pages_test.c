#include "common/pages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void pages_are_zeroed_aligned_and_as_large_as_asked(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 4096, (2 << 20) - 1, 2 << 20, (2 << 20) + 1, 10485760};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        unsigned char *memory = pages_new(sizes[i]);
        assert_non_null(memory);
        assert_int_equal((uintptr_t)memory % (2 << 20), 0);
        for (size_t at = 0; at < sizes[i]; at += 4096)
            assert_int_equal(memory[at], 0);
        memory[0] = memory[sizes[i] - 1] = 0xff; /* both ends are ours */
        pages_free(memory, sizes[i]);
    }
}

static void pages_are_not_shared(void **state)
{
    (void)state;
    unsigned char *a = pages_new(100), *b = pages_new(100);
    assert_true(a && b && a != b);
    a[99] = 1;
    assert_int_equal(b[99], 0);
    pages_free(a, 100);
    b[0] = 1; /* still there */
    pages_free(b, 100);
    pages_free(NULL, 100);
}

static void pages_say_when_memory_is_short(void **state)
{
    (void)state;
    assert_null(pages_new(SIZE_MAX));
    assert_null(pages_new(SIZE_MAX / 2)); /* more than an address space has */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_are_zeroed_aligned_and_as_large_as_asked),
        cmocka_unit_test(pages_are_not_shared),
        cmocka_unit_test(pages_say_when_memory_is_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
