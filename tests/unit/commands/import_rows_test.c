#include "commands/import_rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct import_rows *filled(enum import_order order, const char *const *keys, unsigned count)
{
    struct error error = {0};
    struct import_rows *rows = import_rows_new(order, &error);
    assert_non_null(rows);
    for (unsigned i = 0; i < count; i++)
        assert_true(
            import_rows_add(rows, &(struct import_row){view_of_string(keys[i]), i, 7, i + 1}, &error));
    import_rows_sort(rows);
    return rows;
}

static void rows_are_sorted_by_bytes_and_equal_ones_stay_as_they_came(void **state)
{
    (void)state;
    static const char *const keys[] = {"example.org", "example.com",    "a",          "", "example.com",
                                       "example.c",   "example.co\xff", "example-com"};
    static const unsigned order[] = {3, 2, 7, 5, 1, 4, 6, 0};
    struct import_rows *rows = filled(IMPORT_ORDER_BYTES, keys, 8);
    assert_int_equal(import_rows_count(rows), 8);
    for (unsigned i = 0; i < 8; i++) {
        struct import_row row = import_rows_at(rows, i);
        assert_int_equal(row.number, order[i]);
        assert_true(view_equal_string(row.key, keys[order[i]]));
        assert_int_equal(row.line, order[i] + 1);
        assert_int_equal(row.source, 7);
    }
    assert_int_equal(import_rows_find(rows, VIEW("example.com")), 4);
    assert_int_equal(import_rows_find(rows, VIEW("zzz")), 8);
    assert_false(import_rows_same(rows, VIEW("a.b"), VIEW("a-b")));
    import_rows_free(rows);
}

static void rows_in_folded_order_bring_together_what_folds_alike(void **state)
{
    (void)state;
    static const char *const keys[] = {"my-long-name.com", "my.long-name.com", "my-long-nam.com",
                                       "my-long-name.com", "my_long.name.com", "mz.com"};
    struct import_rows *rows = filled(IMPORT_ORDER_FOLDED, keys, 6);
    uint64_t first = import_rows_find(rows, VIEW("my long name com"));
    assert_int_equal(first, 1);
    /* equal ones side by side, so that whoever counts different ones need not look back */
    assert_true(view_equal_string(import_rows_at(rows, 1).key, "my-long-name.com"));
    assert_true(view_equal_string(import_rows_at(rows, 2).key, "my-long-name.com"));
    assert_true(view_equal_string(import_rows_at(rows, 3).key, "my.long-name.com"));
    assert_true(view_equal_string(import_rows_at(rows, 4).key, "my_long.name.com"));
    assert_true(import_rows_same(rows, VIEW("a.b"), VIEW("a b")));
    assert_false(import_rows_same(rows, VIEW("a.b"), VIEW("a bc")));
    import_rows_free(rows);
}

static void rows_hold_keys_of_every_length(void **state)
{
    (void)state;
    struct error error = {0};
    char key[IMPORT_KEY_SIZE_MAX];
    struct import_rows *rows = import_rows_new(IMPORT_ORDER_BYTES, &error);
    memset(key, 'k', sizeof key);
    assert_non_null(rows);
    for (unsigned round = 0; round < 20; round++) { /* more than one growth of both */
        for (unsigned size = IMPORT_KEY_SIZE_MAX + 1; size-- > 0;)
            assert_true(import_rows_add(rows, &(struct import_row){{key, size}, size, 0, round}, &error));
    }
    import_rows_sort(rows);
    for (unsigned i = 0; i < 20 * (IMPORT_KEY_SIZE_MAX + 1); i++) {
        assert_int_equal(import_rows_at(rows, i).key.size, i / 20);
        assert_int_equal(import_rows_at(rows, i).number, i / 20);
        assert_int_equal(import_rows_at(rows, i).line, i % 20);
    }
    import_rows_free(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_sorted_by_bytes_and_equal_ones_stay_as_they_came),
        cmocka_unit_test(rows_in_folded_order_bring_together_what_folds_alike),
        cmocka_unit_test(rows_hold_keys_of_every_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
