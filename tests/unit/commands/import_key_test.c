#include "commands/import_key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void key_becomes_the_host_of_a_rule_file(void **state)
{
    (void)state;
    static const struct {
        const char *text, *host, *why;
    } cases[] = {
        {"example.com", "example.com", "as it is"},
        {"Example.COM.", "example.com", "case and the root's dot"},
        {".example.com", "example.com", "squidGuard's dot in front"},
        {"example.com:8080", "example.com", "a port"},
        {"example.com/", "example.com", "a slash is no path"},
        {"http://example.com", "example.com", "a URL"},
        {"HTTPS://www.Example.com/", "www.example.com", "a URL with a slash, in capitals"},
        {"b\xc3\xbc"
         "cher.example",
         "xn--bcher-kva.example", "a U-label"},
        {"a.github.io", "a.github.io", "below a public suffix"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char host[HOST_SIZE_MAX];
        size_t size;
        enum import_fault fault;
        const char *why = "a path";
        if (import_key_read(view_of_string(cases[i].text), host, &size, &fault, &why) != IMPORT_KEY_HOST)
            fail_msg("%s: %s", cases[i].why, why);
        if (!view_equal_string((struct view){host, size}, cases[i].host))
            fail_msg("%s: %.*s", cases[i].why, (int)size, host);
    }
}

static void key_that_is_a_path_is_never_made_its_host(void **state)
{
    (void)state;
    static const char *const paths[] = {"example.com/a", "example.com/?q",        "example.com?q",
                                        "example.com#f", "http://example.com/a/", "example.com//",
                                        "example.com\\a"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        char host[HOST_SIZE_MAX] = "untouched";
        size_t size;
        enum import_fault fault;
        const char *why;
        if (import_key_read(view_of_string(paths[i]), host, &size, &fault, &why) != IMPORT_KEY_PATH)
            fail_msg("%s", paths[i]);
        assert_string_equal(host, "untouched");
    }
}

static void key_that_no_rule_can_stand_on_is_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum import_fault fault;
        const char *why;
    } cases[] = {
        {"", IMPORT_FAULT_HOST, "empty"},
        {"localhost", IMPORT_FAULT_HOST, "a single label"},
        {"com", IMPORT_FAULT_HOST, "a top-level domain"},
        {"*.example.com", IMPORT_FAULT_HOST, "a star"},
        {"example..com", IMPORT_FAULT_HOST, "an empty label"},
        {"..example.com", IMPORT_FAULT_HOST, "two dots in front"},
        {"ex ample.com", IMPORT_FAULT_HOST, "a space inside"},
        {"user@example.com", IMPORT_FAULT_HOST, "a mail address"},
        {"ftp://example.com", IMPORT_FAULT_HOST, "another scheme"},
        {"http://", IMPORT_FAULT_HOST, "a scheme and no more"},
        {"http:///example.com", IMPORT_FAULT_HOST, "no host in the URL"},
        {"../../etc/passwd", IMPORT_FAULT_HOST, "a way out of a folder"},
        {"192.0.2.1", IMPORT_FAULT_ADDRESS, "IPv4"},
        {"192.0.2.1/a", IMPORT_FAULT_ADDRESS, "IPv4 with a path"},
        {"0xC0000201", IMPORT_FAULT_ADDRESS, "IPv4 in one number"},
        {"[2001:db8::1]", IMPORT_FAULT_ADDRESS, "IPv6"},
        {"co.uk", IMPORT_FAULT_SUFFIX, "a public suffix"},
        {"github.io", IMPORT_FAULT_SUFFIX, "a private public suffix"},
        {".blogspot.com", IMPORT_FAULT_SUFFIX, "with a dot in front"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char host[HOST_SIZE_MAX];
        size_t size;
        enum import_fault fault = IMPORT_FAULT_NONE;
        const char *why = NULL;
        if (import_key_read(view_of_string(cases[i].text), host, &size, &fault, &why) != IMPORT_KEY_WRONG ||
            fault != cases[i].fault)
            fail_msg("%s: %s", cases[i].why, import_fault_name(fault));
        assert_non_null(why);
    }
}

static void text_that_is_no_text_is_seen(void **state)
{
    (void)state;
    static const struct {
        struct view text;
        enum import_fault fault;
    } cases[] = {
        {{"a\tb", 3}, IMPORT_FAULT_NONE},
        {{"\xc3\xbc", 2}, IMPORT_FAULT_NONE},
        {{"", 0}, IMPORT_FAULT_NONE},
        {{"a\0b", 3}, IMPORT_FAULT_CONTROL},
        {{"a\x1b[2J", 5}, IMPORT_FAULT_CONTROL},
        {{"a\x7f", 2}, IMPORT_FAULT_CONTROL},
        {{"a\rb", 3}, IMPORT_FAULT_CONTROL},
        {{"\xfc", 1}, IMPORT_FAULT_ENCODING},
        {{"\xc0\xaf", 2}, IMPORT_FAULT_ENCODING},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum import_fault fault = IMPORT_FAULT_NONE;
        const char *why;
        assert_int_equal(import_text_clean(cases[i].text, &fault, &why), cases[i].fault == IMPORT_FAULT_NONE);
        assert_int_equal(fault, cases[i].fault);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(key_becomes_the_host_of_a_rule_file),
        cmocka_unit_test(key_that_is_a_path_is_never_made_its_host),
        cmocka_unit_test(key_that_no_rule_can_stand_on_is_told_apart),
        cmocka_unit_test(text_that_is_no_text_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
