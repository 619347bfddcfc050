#include "commands/rules_traffic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct error error;
static char seen[4096];

static bool note(void *context, const struct rules_visit *visit, struct error *failure)
{
    size_t size = strlen(seen);
    (void)context;
    (void)failure;
    snprintf(seen + size, sizeof seen - size, "%s%.*s %llu", size > 0 ? "; " : "",
             visit->reason ? (int)strlen(visit->reason) : (int)visit->name.size,
             visit->reason ? visit->reason : visit->name.data, (unsigned long long)visit->count);
    return true;
}

static bool stop(void *context, const struct rules_visit *visit, struct error *failure)
{
    (void)visit;
    ++*(unsigned *)context;
    return error_fail(failure, EXIT_STATUS_UNAVAILABLE, NULL, NULL, "no more");
}

/* What the visitor saw of a file with that content. */
static const char *names(const char *text, size_t size, bool app, struct rules_traffic_counts *out_counts)
{
    char path[] = "/tmp/rules_traffic_test.XXXXXX";
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0 && write(descriptor, text, size) == (ssize_t)size && close(descriptor) == 0);
    seen[0] = '\0';
    assert_true(rules_traffic_names(path, app, note, NULL, out_counts, &error));
    unlink(path);
    return seen;
}

static void names_are_read_in_each_form(void **state)
{
    (void)state;
    static const struct {
        const char *text, *wanted;
        bool app;
        const char *why;
    } cases[] = {
        {"example.com\nExample.ORG.\n", "example.com 1; example.org 1", false,
         "one a line, in their one spelling"},
        {"example.com\t17\n", "example.com 17", false, "with visits"},
        {"1,example.com\n2,example.org\n", "example.com 1; example.org 1", false, "with ranks"},
        {"# comment\n\nexample.com", "example.com 1", false, "comment, empty line, no end"},
        {"\xef\xbb\xbf"
         "example.com\r\n",
         "example.com 1", false, "byte order mark, CRLF"},
        {" example.com \n", "example.com 1", false, "blanks around"},
        {"http://user@www.example.com:80/a,b\n", "", false, "a comma and no rank"},
        {"https://www.example.com/a\n", "www.example.com 1", false, "a URL"},
        {"192.0.2.1\nlocalhost\n", "ip_literal 1; host_malformed 1", false, "no names of sites"},
        {"Com.Example.App\t3\n", "com.example.app 3", true, "an app"},
        {"com.example.\n", "app_malformed 1", true, "a prefix is no app"},
        {"example.com\t0\nexample.com\tmany\nexample.com\t-1\n", "", false, "no visits"},
        {"example.com\t\n", "example.com 1", false, "nothing behind the tab"},
        {"example.com\t999999999999999999\nexample.com\t1000000000000000000\n",
         "example.com 999999999999999999", false, "the most visits, and one more digit"},
        {"first,example.com\n,example.com\n", "", false, "no ranks"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rules_traffic_counts counts;
        const char *got = names(cases[i].text, strlen(cases[i].text), cases[i].app, &counts);
        if (strcmp(got, cases[i].wanted) != 0)
            fail_msg("%s: '%s'", cases[i].why, got);
    }
}

static void names_that_are_none_are_counted(void **state)
{
    (void)state;
    struct rules_traffic_counts counts;
    static char text[40000];
    memset(text, 'a', sizeof text);
    memcpy(text, "a\0b.example\nexample.com\t2\nx\ty\n", 31); /* a NUL in a host makes it malformed */
    (void)names(text, sizeof text, false, &counts);
    assert_string_equal(seen, "host_malformed 1; example.com 2");
    assert_int_equal(counts.lines, 4);
    assert_int_equal(counts.visits, 3);
    assert_int_equal(counts.unreadable, 2); /* no visits; longer than any line may be */
}

static void names_stop_with_the_visitor(void **state)
{
    (void)state;
    struct rules_traffic_counts counts;
    char path[] = "/tmp/rules_traffic_test.XXXXXX";
    unsigned calls = 0;
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0 && write(descriptor, "a.example\nb.example\n", 20) == 20 &&
                close(descriptor) == 0);
    assert_false(rules_traffic_names(path, false, stop, &calls, &counts, &error));
    assert_int_equal(calls, 1);
    assert_int_equal(error.exit_status, EXIT_STATUS_UNAVAILABLE);
    unlink(path);
    assert_false(rules_traffic_names(path, false, stop, &calls, &counts, &error)); /* it is gone */
    assert_int_equal(error.exit_status, EXIT_STATUS_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_read_in_each_form),
        cmocka_unit_test(names_that_are_none_are_counted),
        cmocka_unit_test(names_stop_with_the_visitor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
