/* Places of dead letters, and the set of those that were replayed. */
#include "common/dead_letter_marks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void place_is_read_strictly(void **state)
{
    static const struct {
        const char *text;
        bool good;
        int32_t partition;
        int64_t offset;
        const char *why;
    } rows[] = {
        {"0:0", true, 0, 0, "the least"},
        {"3:1234567890123", true, 3, 1234567890123, "an ordinary one"},
        {"2147483647:9223372036854775807", true, INT32_MAX, INT64_MAX, "the largest of both"},
        {"2147483648:0", false, 0, 0, "a partition one past"},
        {"0:9223372036854775808", false, 0, 0, "an offset one past"},
        {"0:18446744073709551616", false, 0, 0, "an offset beyond 64 bits"},
        {"", false, 0, 0, "nothing"},
        {"5", false, 0, 0, "no offset"},
        {"5:", false, 0, 0, "an empty offset"},
        {":5", false, 0, 0, "an empty partition"},
        {"-1:5", false, 0, 0, "a sign"},
        {"1:+5", false, 0, 0, "another sign"},
        {"1: 5", false, 0, 0, "a blank"},
        {"1:5 ", false, 0, 0, "a blank behind"},
        {"01:5", false, 0, 0, "a leading zero"},
        {"1:05", false, 0, 0, "a leading zero of the offset"},
        {"1:5:6", false, 0, 0, "a third number"},
        {"1.5", false, 0, 0, "another mark between"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct dead_letter_place place = {-7, -7};
        bool good = dead_letter_place_read(view_of_string(rows[i].text), &place);
        if (good != rows[i].good)
            fail_msg("%s: %s", rows[i].text, rows[i].why);
        if (good && (place.partition != rows[i].partition || place.offset != rows[i].offset))
            fail_msg("%s: read as something else", rows[i].text);
        if (!good && (place.partition != -7 || place.offset != -7))
            fail_msg("%s: touched although refused", rows[i].text);
    }
    struct dead_letter_place place;
    assert_false(dead_letter_place_read(VIEW_ABSENT, &place));
    assert_false(dead_letter_place_read((struct view){"1:5\0", 4}, &place));
}

static void place_is_written_as_it_is_read(void **state)
{
    char text[DEAD_LETTER_PLACE_TEXT_SIZE];
    struct dead_letter_place place = {INT32_MAX, INT64_MAX}, again;
    (void)state;
    size_t size = dead_letter_place_write(place, text);
    assert_true(dead_letter_place_read((struct view){text, size}, &again));
    assert_true(again.partition == place.partition && again.offset == place.offset);
}

static void add(struct dead_letter_marks *marks, int32_t partition, int64_t offset, struct view header)
{
    struct error error = {0};
    assert_true(dead_letter_marks_add(marks, (struct dead_letter_place){partition, offset}, header, &error));
}

static bool has(struct dead_letter_marks *marks, int32_t partition, int64_t offset)
{
    return dead_letter_marks_has(marks, (struct dead_letter_place){partition, offset});
}

static void marks_know_what_was_replayed_in_any_order(void **state)
{
    struct dead_letter_marks marks = {0};
    char text[DEAD_LETTER_PLACE_TEXT_SIZE];
    (void)state;
    assert_false(has(&marks, 0, 0));
    /* More than one growth of the set; offsets in an order that is none. */
    for (int64_t i = 0; i < 5000; i++) {
        struct dead_letter_place place = {(int32_t)(i % 3), i * 7919 % 10007};
        add(&marks, place.partition, 20000 + i, (struct view){text, dead_letter_place_write(place, text)});
    }
    assert_int_equal(marks.count, 5000);
    for (int64_t i = 0; i < 5000; i++)
        assert_true(has(&marks, (int32_t)(i % 3), i * 7919 % 10007));
    assert_false(has(&marks, 1, 0));
    assert_false(has(&marks, 0, 10007));
    add(&marks, 1, 20000, VIEW("1:0")); /* one more, after it was asked */
    assert_true(has(&marks, 1, 0));
    dead_letter_marks_release(&marks);
    assert_false(has(&marks, 1, 0));
}

static void marker_counts_only_for_an_earlier_record_of_its_own_partition(void **state)
{
    static const struct {
        struct view header;
        const char *why;
    } rows[] = {
        {{"1:4", 3}, "of another partition"},
        {{"0:10", 4}, "about itself"},
        {{"0:11", 4}, "about what comes behind it"},
        {{"0:x", 3}, "unreadable"},
        {{"", 0}, "empty"},
        {{NULL, 0}, "null"},
    };
    struct dead_letter_marks marks = {0};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        add(&marks, 0, 10, rows[i].header);
        if (marks.count)
            fail_msg("%s", rows[i].why);
    }
    add(&marks, 0, 10, VIEW("0:9"));
    assert_true(has(&marks, 0, 9));
    dead_letter_marks_release(&marks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(place_is_read_strictly),
        cmocka_unit_test(place_is_written_as_it_is_read),
        cmocka_unit_test(marks_know_what_was_replayed_in_any_order),
        cmocka_unit_test(marker_counts_only_for_an_earlier_record_of_its_own_partition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
