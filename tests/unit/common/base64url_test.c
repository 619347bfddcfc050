#include "common/base64url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void values_have_one_spelling(void **state)
{
    (void)state;
    /* RFC 4648, section 10, without padding; the last ones with the URL alphabet (section 5). */
    static const struct {
        struct view bytes;
        const char *text;
    } cases[] = {
        {VIEW(""), ""},
        {VIEW("f"), "Zg"},
        {VIEW("fo"), "Zm8"},
        {VIEW("foo"), "Zm9v"},
        {VIEW("foob"), "Zm9vYg"},
        {VIEW("fooba"), "Zm9vYmE"},
        {VIEW("foobar"), "Zm9vYmFy"},
        {VIEW("\xFB\xFF\xBF"), "-_-_"},
        {VIEW("\0\0\0\0"), "AAAAAA"},
        {VIEW("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0A\x0B\x0C\x0D\x0E\x0F"), "AAECAwQFBgcICQoLDA0ODw"},
        {VIEW("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"), "_____________________w"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[32] = {0};
        uint8_t bytes[32];
        size_t size = cases[i].bytes.size;
        assert_int_equal(BASE64URL_SIZE(size), strlen(cases[i].text));
        base64url_write((const uint8_t *)cases[i].bytes.data, size, text);
        assert_string_equal(text, cases[i].text);
        assert_true(base64url_read(view_of_string(cases[i].text), bytes, size));
        assert_memory_equal(bytes, cases[i].bytes.data, size);
    }
}

static void other_spellings_are_refused(void **state)
{
    (void)state;
    static const struct {
        struct view text;
        size_t size;
        const char *why;
    } cases[] = {
        {VIEW_ABSENT, 0, "absent"},
        {VIEW("Zg=="), 1, "padding"},
        {VIEW("Zh"), 1, "bits left over that are not zero"},
        {VIEW("Zm9"), 2, "two bits left over"},
        {VIEW("Zm8"), 3, "too short"},
        {VIEW("Zm9v"), 2, "too long"},
        {VIEW("A"), 0, "a character for no byte"},
        {VIEW("-/-_"), 3, "slash of the other alphabet"},
        {VIEW("+_-_"), 3, "plus of the other alphabet"},
        {VIEW("Zm 9"), 3, "a space"},
        {VIEW("Zm\n9"), 3, "a line break"},
        {VIEW("Zm\0009"), 3, "NUL"},
        {VIEW("Zm\xC3\xA4"), 3, "a letter of another script"},
        {VIEW("Zm9@"), 3, "below A"},
        {VIEW("Zm9["), 3, "above Z"},
        {VIEW("Zm9`"), 3, "below a"},
        {VIEW("Zm9{"), 3, "above z"},
        {VIEW("Zm9:"), 3, "above 9"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t bytes[4] = {0xEE, 0xEE, 0xEE, 0xEE};
        if (base64url_read(cases[i].text, bytes, cases[i].size))
            fail_msg("%s: accepted", cases[i].why);
        assert_memory_equal(bytes, "\xEE\xEE\xEE\xEE", 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_have_one_spelling),
        cmocka_unit_test(other_spellings_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
