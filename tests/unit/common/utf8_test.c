#include "common/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void characters_have_the_size_of_rfc_3629(void **state)
{
    (void)state;
    static const struct {
        struct view text;
        size_t size;
        const char *why;
    } cases[] = {
        {VIEW("\0"), 1, "U+0000"},
        {VIEW("\x7F"), 1, "U+007F"},
        {VIEW("\xC2\x80"), 2, "U+0080, the first of two bytes"},
        {VIEW("\xDF\xBF"), 2, "U+07FF, the last"},
        {VIEW("\xE0\xA0\x80"), 3, "U+0800, the first of three"},
        {VIEW("\xED\x9F\xBF"), 3, "U+D7FF, before the surrogates"},
        {VIEW("\xEE\x80\x80"), 3, "U+E000, behind them"},
        {VIEW("\xEF\xBF\xBF"), 3, "U+FFFF, the last"},
        {VIEW("\xF0\x90\x80\x80"), 4, "U+10000, the first of four"},
        {VIEW("\xF4\x8F\xBF\xBF"), 4, "U+10FFFF, the last of all"},
        {VIEW("a\xFF"), 1, "what follows does not matter"},
        {VIEW(""), 0, "nothing"},
        {VIEW("\x80"), 0, "continuation first"},
        {VIEW("\xC0\x80"), 0, "over-long NUL"},
        {VIEW("\xC1\xBF"), 0, "over-long U+007F"},
        {VIEW("\xC2"), 0, "cut off"},
        {VIEW("\xC2\x41"), 0, "no continuation"},
        {VIEW("\xE0\x9F\xBF"), 0, "over-long U+07FF"},
        {VIEW("\xE0\xA0"), 0, "cut off"},
        {VIEW("\xE0\xA0\xC0"), 0, "bad third byte"},
        {VIEW("\xED\xA0\x80"), 0, "U+D800, a surrogate"},
        {VIEW("\xED\xBF\xBF"), 0, "U+DFFF, a surrogate"},
        {VIEW("\xF0\x8F\xBF\xBF"), 0, "over-long U+FFFF"},
        {VIEW("\xF0\x90\x80"), 0, "cut off"},
        {VIEW("\xF0\x90\x80\x41"), 0, "bad fourth byte"},
        {VIEW("\xF4\x90\x80\x80"), 0, "U+110000"},
        {VIEW("\xF5\x80\x80\x80"), 0, "no such first byte"},
        {VIEW("\xFE"), 0, "no such byte"},
        {VIEW("\xFF"), 0, "no such byte"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++)
        if (utf8_character_size(cases[i].text.data, cases[i].text.size) != cases[i].size)
            fail_msg("%s", cases[i].why);
}

static void texts_are_valid_as_a_whole(void **state)
{
    (void)state;
    assert_true(utf8_valid((struct view)VIEW("")));
    assert_true(utf8_valid((struct view)VIEW("K\xC3\xB6nig \xE2\x82\xAC \xF0\x9F\x98\x80")));
    assert_false(utf8_valid((struct view)VIEW("K\xC3\xB6nig \xE2\x82")));
    assert_false(utf8_valid((struct view)VIEW("\xC3\xB6\xB6")));
    assert_false(utf8_valid((struct view)VIEW_ABSENT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters_have_the_size_of_rfc_3629),
        cmocka_unit_test(texts_are_valid_as_a_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
