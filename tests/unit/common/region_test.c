#include "common/region.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void region_is_a_country_or_a_subdivision(void **state)
{
    static const struct {
        const char *text;
        bool valid;
        const char *why;
    } rows[] = {
        {"US", true, "a country"},
        {"US-CA", true, "a state"},
        {"US-DC", true, "the district"},
        {"US-PR", true, "an outlying area"},
        {"DE-BE", true, "of another country"},
        {"FR-2A", true, "digits too"},
        {"MX-AGU", true, "three characters"},
        {"JP-1", true, "one character"},
        {"XX", true, "countries are not looked up"},
        {NULL, false, "absent"},
        {"", false, "empty"},
        {"U", false, "one letter"},
        {"us", false, "lower case"},
        {"Us", false, "lower case"},
        {"U1", false, "a digit in the country"},
        {"US-", false, "nothing behind the hyphen"},
        {"US_CA", false, "no hyphen"},
        {"USCA", false, "no hyphen"},
        {"US-ca", false, "lower case"},
        {"US-XX", false, "no such state"},
        {"US-C", false, "half a state"},
        {"US-CAL", false, "no such state"},
        {"US-06", false, "a state's FIPS code"},
        {"DE-BERL", false, "four characters"},
        {"DE-B ", false, "white space"},
        {" US", false, "white space"},
        {"California", false, "a name"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (region_is_valid(view_of_string(rows[i].text)) != rows[i].valid)
            fail_msg("'%s': %s", rows[i].text ? rows[i].text : "null", rows[i].why);
    }
}

static void region_knows_every_state(void **state)
{
    (void)state;
    unsigned count = 0;
    for (char a = 'A'; a <= 'Z'; a++) {
        for (char b = 'A'; b <= 'Z'; b++)
            count += region_is_us_subdivision((const char[]){a, b});
    }
    assert_int_equal(count, 50 + 1 + 6);
}

static void region_has_a_country(void **state)
{
    (void)state;
    assert_true(view_equal(region_country(VIEW("US-CA")), VIEW("US")));
    assert_true(view_equal(region_country(VIEW("US")), VIEW("US")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(region_is_a_country_or_a_subdivision),
        cmocka_unit_test(region_knows_every_state),
        cmocka_unit_test(region_has_a_country),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
