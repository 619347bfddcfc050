#include "common/host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct host_case {
    const char *raw;
    const char *name; /* expected for HOST_NAME; NULL otherwise */
    enum host_result result;
    const char *why;
};

static void expect(struct view raw, bool is_url, const struct host_case *expected)
{
    char host[HOST_SIZE_MAX];
    size_t size = 4711;
    memset(host, '!', sizeof(host));
    enum host_result result = is_url ? host_from_url(raw, host, &size) : host_normalise(raw, host, &size);
    if (result != expected->result)
        fail_msg("'%s': result %d instead of %d: %s", expected->raw, (int)result, (int)expected->result,
                 expected->why);
    if (result != HOST_NAME) {
        assert_int_equal(size, 4711); /* untouched: an address must not get out */
        assert_int_equal(host[0], '!');
        return;
    }
    if (!view_equal_string((struct view){host, size}, expected->name))
        fail_msg("'%s': '%.*s' instead of '%s': %s", expected->raw, (int)size, host, expected->name,
                 expected->why);
}

static void expect_all(const struct host_case *cases, size_t count, bool is_url)
{
    for (size_t i = 0; i < count; i++) {
        size_t size = strlen(cases[i].raw);
        char *exact = test_malloc(size + 1); /* a read behind the end shows under AddressSanitizer */
        memcpy(exact, cases[i].raw, size);
        expect((struct view){exact, size}, is_url, &cases[i]);
        test_free(exact);
    }
}

#define EXPECT_ALL(cases, is_url) expect_all((cases), sizeof(cases) / sizeof((cases)[0]), (is_url))

static const struct host_case names[] = {
    {"example.com", "example.com", HOST_NAME, "as it is"},
    {"Www.EXAMPLE.Com", "www.example.com", HOST_NAME, "case says nothing"},
    {"example.com.", "example.com", HOST_NAME, "one dot at the end is the root"},
    {"example.com:8443", "example.com", HOST_NAME, "port"},
    {"example.com:", "example.com", HOST_NAME, "empty port: the default one"},
    {"example.com:65535", "example.com", HOST_NAME, "highest port"},
    {"example.com:000443", "example.com", HOST_NAME, "zeros before a port"},
    {"example.com.:80", "example.com", HOST_NAME, "root dot and port"},
    {"my_site.example.com", "my_site.example.com", HOST_NAME, "underscores occur in host names"},
    {"r3---sn-4g5e.example.com", "r3---sn-4g5e.example.com", HOST_NAME, "hyphens in third and fourth place"},
    {"-a-.example.com", "-a-.example.com", HOST_NAME, "browsers resolve hyphens at the edge of a label"},
    {"1.2.3.4.example", "1.2.3.4.example", HOST_NAME, "numbers before a name are a name"},
    {"0x7f.example.com", "0x7f.example.com", HOST_NAME, "only the last label makes an address"},
    {"example.0xyz", "example.0xyz", HOST_NAME, "no hexadecimal number"},
    {"%65xample%2Ecom", "example.com", HOST_NAME, "percent-encoded"},
    {"%45XAMPLE.com", "example.com", HOST_NAME, "decoded to upper case"},
    {"xn--bcher-kva.example", "xn--bcher-kva.example", HOST_NAME, "a valid A-label"},
    {"XN--BCHER-KVA.Example", "xn--bcher-kva.example", HOST_NAME, "A-label in upper case"},
    {"b\xc3\xbc"
     "cher.example",
     "xn--bcher-kva.example", HOST_NAME, "U-label"},
    {"B\xc3\x9c"
     "CHER.example",
     "xn--bcher-kva.example", HOST_NAME, "U-label in upper case"},
    {"bu\xcc\x88"
     "cher.example",
     "xn--bcher-kva.example", HOST_NAME, "U-label, not composed"},
    {"b%C3%BCcher.example", "xn--bcher-kva.example", HOST_NAME, "U-label, percent-encoded"},
    {"stra\xc3\x9f"
     "e.example",
     "xn--strae-oqa.example", HOST_NAME, "non-transitional: sharp s stays"},
    {"\xef\xbd\x85xample.com", "example.com", HOST_NAME, "full-width letter"},
    {"example\xe3\x80\x82"
     "com",
     "example.com", HOST_NAME, "ideographic full stop"},
    {"exam\xc2\xadple.com", "example.com", HOST_NAME, "soft hyphen vanishes"},
    {"xn--bcher-kvaa.example", "xn--bcher-kvaa.example", HOST_NAME, "an odd, but valid A-label"},
    {"1.2.0x3.4x", "1.2.0x3.4x", HOST_NAME, "the last label is no number, so it is no address"},
    {"a.b", "a.b", HOST_NAME, "shortest"},
    {"xn--bcher-kva\xc2\xad.example.", "xn--bcher-kva.example", HOST_NAME,
     "a soft hyphen vanishes from an A-label"},
    {"EXAMPLE.COM.:00080", "example.com", HOST_NAME, "case, root dot and port at once"},
    {"example%2ecom%2E", "example.com", HOST_NAME, "an encoded root dot"},
    {"example.com:0", "example.com", HOST_NAME, "lowest port"},
    {"1.2.3.4.in-addr.arpa", "1.2.3.4.in-addr.arpa", HOST_NAME, "an address as labels of a name"},
    {"0x.example.com", "0x.example.com", HOST_NAME, "no number in the last place"},
    {"deadbeef.cafe", "deadbeef.cafe", HOST_NAME, "hexadecimal digits without 0x are letters"},
    {"\xef\xbc\xa5\xef\xbc\xb8"
     "ample\xef\xbc\x8e"
     "com",
     "example.com", HOST_NAME, "full-width capitals and a full-width full stop"},
    {"\xd0\x9f\xd0\xa0\xd0\x98\xd0\x9c\xd0\x95\xd0\xa0.example", "xn--e1afmkfd.example", HOST_NAME,
     "Cyrillic capitals"},
    {"\xe4\xbe\x8b\xe3\x81\x88.example", "xn--r8jz45g.example", HOST_NAME, "Japanese"},
    {"\xd7\x91\xd7\x93.example", "xn--5dbe.example", HOST_NAME, "right to left"},
    {"fa\xc3\x9f.example:443", "xn--fa-hia.example", HOST_NAME, "U-label with a port"},
};

static const struct host_case addresses[] = {
    {"192.0.2.1", NULL, HOST_IP_LITERAL, "four decimals"},
    {"192.0.2.1.", NULL, HOST_IP_LITERAL, "with root dot"},
    {"192.0.2.1:8080", NULL, HOST_IP_LITERAL, "with port"},
    {"3221225985", NULL, HOST_IP_LITERAL, "one decimal"},
    {"0300.0.02.01", NULL, HOST_IP_LITERAL, "octal"},
    {"0xC0.0x0.0X2.0x1", NULL, HOST_IP_LITERAL, "hexadecimal"},
    {"0xc0000201", NULL, HOST_IP_LITERAL, "one hexadecimal"},
    {"192.0.513", NULL, HOST_IP_LITERAL, "three parts"},
    {"192.513", NULL, HOST_IP_LITERAL, "two parts"},
    {"127.1", NULL, HOST_IP_LITERAL, "short form"},
    {"0x", NULL, HOST_IP_LITERAL, "browsers read 0x as 0"},
    {"4294967295", NULL, HOST_IP_LITERAL, "highest"},
    {"0.16777215", NULL, HOST_IP_LITERAL, "highest last of two"},
    {"%31%32%37.1", NULL, HOST_IP_LITERAL, "percent-encoded"},
    {"\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1", NULL, HOST_IP_LITERAL, "full-width digits"},
    {"[2001:db8::1]", NULL, HOST_IP_LITERAL, "IPv6"},
    {"[2001:DB8::1]:443", NULL, HOST_IP_LITERAL, "IPv6 with port"},
    {"[::ffff:192.0.2.1]", NULL, HOST_IP_LITERAL, "IPv4 mapped"},
    {"2001:db8::1", NULL, HOST_IP_LITERAL, "IPv6 without brackets"},
    {"::", NULL, HOST_IP_LITERAL, "shortest IPv6"},
    {"0", NULL, HOST_IP_LITERAL, "lowest, as one number"},
    {"0x7F000001", NULL, HOST_IP_LITERAL, "one hexadecimal in capitals"},
    {"017700000001", NULL, HOST_IP_LITERAL, "one octal"},
    {"0x7f.0.0x0.01", NULL, HOST_IP_LITERAL, "hexadecimal, decimal and octal in one"},
    {"00000000000177.1", NULL, HOST_IP_LITERAL, "octal with more zeros than it needs"},
    {"256", NULL, HOST_IP_LITERAL, "one number may be above 255"},
    {"1.256", NULL, HOST_IP_LITERAL, "and so may the last of two"},
    {"1.2.65535", NULL, HOST_IP_LITERAL, "highest last of three"},
    {"1.2.3.255.", NULL, HOST_IP_LITERAL, "highest last of four, with root dot"},
    {"0x0000000000000000000ffffffff", NULL, HOST_IP_LITERAL, "highest, with zeros in front"},
    {"127\xe3\x80\x82"
     "0\xe3\x80\x82"
     "0\xe3\x80\x82"
     "1",
     NULL, HOST_IP_LITERAL, "ideographic full stops"},
    {"0%787f.1", NULL, HOST_IP_LITERAL, "the x percent-encoded"},
    {"[::1]:", NULL, HOST_IP_LITERAL, "IPv6 with an empty port"},
    {"[::ffff:c000:201]", NULL, HOST_IP_LITERAL, "IPv4 mapped, as groups"},
    {"1:2:3:4:5:6:7:8", NULL, HOST_IP_LITERAL, "IPv6, all groups"},
    {"::1:80", NULL, HOST_IP_LITERAL, "without brackets the last group is no port"},
};

static const struct host_case malformed[] = {
    {"", NULL, HOST_MALFORMED, "empty"},
    {".", NULL, HOST_MALFORMED, "the root"},
    {"..", NULL, HOST_MALFORMED, "empty labels"},
    {"localhost", NULL, HOST_MALFORMED, "single label: no site"},
    {"router.", NULL, HOST_MALFORMED, "single label with root dot"},
    {".example.com", NULL, HOST_MALFORMED, "empty label in front"},
    {"example..com", NULL, HOST_MALFORMED, "empty label inside"},
    {"example.com..", NULL, HOST_MALFORMED, "two dots at the end"},
    {":80", NULL, HOST_MALFORMED, "port only"},
    {"example.com:65536", NULL, HOST_MALFORMED, "port one past the highest"},
    {"example.com:8o", NULL, HOST_MALFORMED, "no number"},
    {"example.com:80:80", NULL, HOST_MALFORMED, "two ports"},
    {"user@example.com", NULL, HOST_MALFORMED, "user information belongs to URLs"},
    {"example.com/path", NULL, HOST_MALFORMED, "a path"},
    {"http://example.com", NULL, HOST_MALFORMED, "a URL"},
    {" example.com", NULL, HOST_MALFORMED, "space"},
    {"exam ple.com", NULL, HOST_MALFORMED, "space inside"},
    {"example.com\n", NULL, HOST_MALFORMED, "line end"},
    {"exam\tple.com", NULL, HOST_MALFORMED, "tab"},
    {"*.example.com", NULL, HOST_MALFORMED, "star"},
    {"exam+ple.com", NULL, HOST_MALFORMED, "no letter, digit, hyphen or underscore"},
    {"example.com%", NULL, HOST_MALFORMED, "half a percent-encoding"},
    {"example.com%4", NULL, HOST_MALFORMED, "cut percent-encoding"},
    {"example%zz.com", NULL, HOST_MALFORMED, "no percent-encoding"},
    {"example.com%00.net", NULL, HOST_MALFORMED, "NUL, encoded"},
    {"example.com%2Fa.net", NULL, HOST_MALFORMED, "slash, encoded"},
    {"a%40example.com", NULL, HOST_MALFORMED, "at sign, encoded"},
    {"example.com%3A80", NULL, HOST_MALFORMED, "colon, encoded"},
    {"%2565xample.com", NULL, HOST_MALFORMED, "encoded twice: decoded once only"},
    {"\xef\xbc\x85"
     "65xample.com",
     NULL, HOST_MALFORMED, "a full-width percent sign is no second way in"},
    {"example\xe2\x84\x80.com", NULL, HOST_MALFORMED, "U+2100 maps to a/c"},
    {"\xff\xfe.com", NULL, HOST_MALFORMED, "no UTF-8"},
    {"b\xc3.example", NULL, HOST_MALFORMED, "cut UTF-8"},
    {"\xc0\xae.example.com", NULL, HOST_MALFORMED, "over-long UTF-8"},
    {"xn--.example", NULL, HOST_MALFORMED, "empty A-label"},
    {"xn--a.example", NULL, HOST_MALFORMED, "A-label that decodes to nothing valid"},
    {"xn--a-ecp.example", NULL, HOST_MALFORMED, "A-label of a disallowed character"},
    {"xn--example-.com", NULL, HOST_MALFORMED, "A-label of ASCII only"},
    {"xn--a-ccb.example", NULL, HOST_MALFORMED, "A-label of a character that is not composed"},
    {"xn--e28h.com", NULL, HOST_MALFORMED, "a symbol: no code point of IDNA 2008"},
    {"\xf0\x9f\x98\x80.com", NULL, HOST_MALFORMED, "a symbol, as U-label"},
    {"xn--\xc3\xbc.example", NULL, HOST_MALFORMED, "both forms in one label"},
    {"256.0.0.1", NULL, HOST_MALFORMED, "part above 255"},
    {"1.2.3.256", NULL, HOST_MALFORMED, "last part above 255"},
    {"1.2.65536", NULL, HOST_MALFORMED, "last of three above 65535"},
    {"0.16777216", NULL, HOST_MALFORMED, "last of two above 2^24-1"},
    {"4294967296", NULL, HOST_MALFORMED, "above 2^32-1"},
    {"99999999999999999999999999", NULL, HOST_MALFORMED, "far above"},
    {"1.2.3.4.5", NULL, HOST_MALFORMED, "five parts"},
    {"example.08", NULL, HOST_MALFORMED, "ends in a number, and no address"},
    {"example.1", NULL, HOST_MALFORMED, "ends in a number, and no address"},
    {"[2001:db8::1", NULL, HOST_MALFORMED, "bracket is not closed"},
    {"[2001:db8::1]x", NULL, HOST_MALFORMED, "something behind the bracket"},
    {"[2001:db8::1]:70000", NULL, HOST_MALFORMED, "port too high"},
    {"[2001:db8::g]", NULL, HOST_MALFORMED, "no hexadecimal digit"},
    {"[fe80::1%25eth0]", NULL, HOST_MALFORMED, "zone"},
    {"[192.0.2.1]", NULL, HOST_MALFORMED, "IPv4 in brackets"},
    {"[]", NULL, HOST_MALFORMED, "nothing in brackets"},
    {"2001:db8::1:::", NULL, HOST_MALFORMED, "two gaps"},
    {"0x100000000", NULL, HOST_MALFORMED, "hexadecimal above 2^32-1"},
    {"040000000000", NULL, HOST_MALFORMED, "octal above 2^32-1"},
    {"256.1", NULL, HOST_MALFORMED, "first of two above 255"},
    {"1.2.3.0x100", NULL, HOST_MALFORMED, "last of four above 255, hexadecimal"},
    {"1.2.3.4..", NULL, HOST_MALFORMED, "two dots at the end of an address"},
    {"1..3.4", NULL, HOST_MALFORMED, "an empty part"},
    {"09", NULL, HOST_MALFORMED, "no octal digit"},
    {"0xg", NULL, HOST_MALFORMED, "no hexadecimal digit, and a single label"},
    {"127.0.0.1:80:", NULL, HOST_MALFORMED, "two ports"},
    {"-1", NULL, HOST_MALFORMED, "a sign makes no number"},
    {"+1.2.3.4", NULL, HOST_MALFORMED, "a sign has no place in a name"},
    {"[::1].", NULL, HOST_MALFORMED, "a dot behind the bracket"},
    {"[1:2:3:4:5:6:7:8:9]", NULL, HOST_MALFORMED, "nine groups"},
    {"[::ffff:0x7f.1]", NULL, HOST_MALFORMED, "odd IPv4 inside of IPv6"},
    {"fe80::1%eth0", NULL, HOST_MALFORMED, "zone without brackets"},
    {"[[::1]]", NULL, HOST_MALFORMED, "two brackets"},
    {"@example.com", NULL, HOST_MALFORMED, "empty user information"},
    {"example.com:-1", NULL, HOST_MALFORMED, "negative port"},
    {"example.com:4294967376", NULL, HOST_MALFORMED, "80 above 2^32"},
    {"example.com: 80", NULL, HOST_MALFORMED, "space in the port"},
    {"example.com#", NULL, HOST_MALFORMED, "a fragment belongs to URLs"},
    {"example.com?", NULL, HOST_MALFORMED, "a query belongs to URLs"},
    {"exa%00mple.com", NULL, HOST_MALFORMED, "NUL inside a label, encoded"},
    {"example.com%2e%2e", NULL, HOST_MALFORMED, "an empty label, encoded"},
    {"example\xe3\x80\x82\xe3\x80\x82"
     "com",
     NULL, HOST_MALFORMED, "an empty label between ideographic full stops"},
    {"a\xc2\xad.\xc2\xad.example", NULL, HOST_MALFORMED, "a label of a soft hyphen alone is empty"},
    {"\xcc\x88"
     "a.example",
     NULL, HOST_MALFORMED, "a combining mark in front"},
    {"a\xe2\x80\x8d"
     "b.example",
     NULL, HOST_MALFORMED, "zero width joiner out of its context (RFC 5892, appendix A.2)"},
    {"a\xd7\x90.example", NULL, HOST_MALFORMED, "both directions in one label (RFC 5893)"},
    {"\xe2\x80\xae"
     "moc.example",
     NULL, HOST_MALFORMED, "an override of direction"},
    {"\xe2\x92\x88"
     "com.example",
     NULL, HOST_MALFORMED, "U+2488 maps to a digit and a full stop"},
};

static const struct host_case urls[] = {
    {"http://example.com", "example.com", HOST_NAME, "shortest"},
    {"https://example.com/", "example.com", HOST_NAME, "slash"},
    {"HTTPS://EXAMPLE.com/Path?q=1#f", "example.com", HOST_NAME, "case, path, query, fragment"},
    {"https://example.com?u=@evil.example", "example.com", HOST_NAME, "the query ends the authority"},
    {"https://example.com#@evil.example", "example.com", HOST_NAME, "the fragment ends the authority"},
    {"https://example.com\\@evil.example", "example.com", HOST_NAME, "a backslash is a slash"},
    {"https:\\\\example.com\\x", "example.com", HOST_NAME, "backslashes as browsers read them"},
    {"https:example.com", "example.com", HOST_NAME, "no slash"},
    {"https:/example.com", "example.com", HOST_NAME, "one slash"},
    {"https:////example.com", "example.com", HOST_NAME, "four slashes"},
    {"https://user:secret@example.com:81/", "example.com", HOST_NAME, "user information and port"},
    {"https://a@b@example.com/", "example.com", HOST_NAME, "the last at sign ends the user information"},
    {"https://@example.com/", "example.com", HOST_NAME, "empty user information"},
    {"https://:@example.com/", "example.com", HOST_NAME, "empty name and password"},
    {"https://[::1]@example.com/", "example.com", HOST_NAME, "an address as user information"},
    {"https://example.com:80@evil.example/", "evil.example", HOST_NAME,
     "a host and port as user information"},
    {"https://a%2Fb@example.com/", "example.com", HOST_NAME, "a slash, encoded, in the user information"},
    {"https://EXAMPLE.com.:443/", "example.com", HOST_NAME, "case, root dot and port"},
    {"http://0300.0.2.1/", NULL, HOST_IP_LITERAL, "octal"},
    {"http://3221225985:80/", NULL, HOST_IP_LITERAL, "one number and a port"},
    {"http://u@%30x7f.1/", NULL, HOST_IP_LITERAL, "odd IPv4, percent-encoded, behind user information"},
    {"https://example.com%40@evil.example/", "evil.example", HOST_NAME, "looks like example.com, is not"},
    {"https://a:b@[2001:db8::1]:8/", NULL, HOST_IP_LITERAL, "IPv6 behind user information"},
    {"https://0x7f.1/", NULL, HOST_IP_LITERAL, "odd IPv4"},
    {" \t https://example.com \r\n", "example.com", HOST_NAME, "white space around it"},
    {"ht\ntp\ts://exam\tp\r\nle.com/", "example.com", HOST_NAME, "tabs and line ends vanish"},
    {"https:/\t/example.com/", "example.com", HOST_NAME, "a tab between the slashes"},
    {"https://a\tb@example.com/", "example.com", HOST_NAME, "a tab in the user information"},
    {"https://b\xc3\xbc"
     "cher.example/\xc3\xbc",
     "xn--bcher-kva.example", HOST_NAME, "U-label"},
};

static const struct host_case bad_urls[] = {
    {"", NULL, HOST_MALFORMED, "empty"},
    {"   ", NULL, HOST_MALFORMED, "white space"},
    {"http", NULL, HOST_MALFORMED, "half a scheme"},
    {"http:", NULL, HOST_MALFORMED, "scheme only"},
    {"https://", NULL, HOST_MALFORMED, "no host"},
    {"https:///", NULL, HOST_MALFORMED, "no host"},
    {"https://?q", NULL, HOST_MALFORMED, "no host before the query"},
    {"https://user@", NULL, HOST_MALFORMED, "user information only"},
    {"https://:80/", NULL, HOST_MALFORMED, "port only"},
    {"example.com/path", NULL, HOST_MALFORMED, "no scheme: browsers would ask relative to what"},
    {"//example.com/", NULL, HOST_MALFORMED, "relative to a scheme"},
    {"ftp://example.com/", NULL, HOST_MALFORMED, "another scheme"},
    {"ws://example.com/", NULL, HOST_MALFORMED, "another scheme"},
    {"httpss://example.com/", NULL, HOST_MALFORMED, "one letter more"},
    {"htt://example.com/", NULL, HOST_MALFORMED, "one letter less"},
    {"hhttp://example.com/", NULL, HOST_MALFORMED, "one letter before"},
    {"ht tp://example.com/", NULL, HOST_MALFORMED, "a space is no tab"},
    {"data:text/html,https://example.com", NULL, HOST_MALFORMED, "no host at all"},
    {"https://exam ple.com/", NULL, HOST_MALFORMED, "space in the host"},
    {"https://example.com:99999/", NULL, HOST_MALFORMED, "port too high"},
    {"https://localhost/", NULL, HOST_MALFORMED, "single label"},
    {"https://example..com/", NULL, HOST_MALFORMED, "empty label"},
    {"https://example.com%2Fpath/", NULL, HOST_MALFORMED, "a slash, encoded, in the host"},
    {"https://user@/", NULL, HOST_MALFORMED, "user information, and a path at once"},
    {"https://256.256.256.256/", NULL, HOST_MALFORMED, "no address, and no name"},
    {"https://[::1/", NULL, HOST_MALFORMED, "bracket is not closed"},
    {"https://example.com:80:81/", NULL, HOST_MALFORMED, "two ports"},
    {"https://exam%20ple.com/", NULL, HOST_MALFORMED, "space, encoded"},
    {"https://https://example.com/", NULL, HOST_MALFORMED, "the host is a single label, https"},
};

static void host_normalises_every_spelling_of_a_name(void **state)
{
    (void)state;
    EXPECT_ALL(names, false);
}

static void host_knows_addresses_in_every_spelling(void **state)
{
    (void)state;
    EXPECT_ALL(addresses, false);
}

static void host_refuses_what_is_no_name(void **state)
{
    (void)state;
    EXPECT_ALL(malformed, false);
}

static void host_is_found_in_urls_as_browsers_find_it(void **state)
{
    (void)state;
    EXPECT_ALL(urls, true);
}

static void host_is_not_found_in_bad_urls(void **state)
{
    (void)state;
    EXPECT_ALL(bad_urls, true);
}

static void host_refuses_absent_and_nul(void **state)
{
    (void)state;
    static const struct host_case none = {"(absent or NUL inside)", NULL, HOST_MALFORMED,
                                          "no bytes, no host"};
    expect(VIEW_ABSENT, false, &none);
    expect(VIEW_ABSENT, true, &none);
    expect(VIEW("example.com\0.net"), false, &none);
    expect(VIEW("https://example.com\0.net/"), true, &none);
    expect(VIEW("2001:db8::1\0"), false, &none);
}

/* A name of `size` bytes: labels of 49 letters, the last as long as needed. */
static struct view name_of(char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        text[i] = i % 50 == 49 && i + 1 < size ? '.' : 'a';
    return (struct view){text, size};
}

static void host_limits_hold_at_the_bound_and_break_one_past(void **state)
{
    (void)state;
    char text[HOST_RAW_SIZE_MAX * 2];
    char host[HOST_SIZE_MAX];
    size_t size;

    assert_int_equal(host_normalise(name_of(text, HOST_SIZE_MAX), host, &size), HOST_NAME);
    assert_int_equal(size, HOST_SIZE_MAX);
    text[HOST_SIZE_MAX] = '.';
    assert_int_equal(host_normalise((struct view){text, HOST_SIZE_MAX + 1}, host, &size), HOST_NAME);
    assert_int_equal(size, HOST_SIZE_MAX);
    text[HOST_SIZE_MAX + 1] = '.';
    assert_int_equal(host_normalise((struct view){text, HOST_SIZE_MAX + 2}, host, &size), HOST_MALFORMED);
    assert_int_equal(host_normalise(name_of(text, HOST_SIZE_MAX + 1), host, &size), HOST_MALFORMED);
    assert_int_equal(host_normalise(name_of(text, HOST_SIZE_MAX + 2), host, &size), HOST_MALFORMED);

    memset(text, 'a', sizeof(text));
    memcpy(text + HOST_LABEL_SIZE_MAX, ".com", 4);
    assert_int_equal(host_normalise((struct view){text, HOST_LABEL_SIZE_MAX + 4}, host, &size), HOST_NAME);
    memcpy(text, "com.", 4);
    memset(text + 4, 'a', 100);
    assert_int_equal(host_normalise((struct view){text, 4 + HOST_LABEL_SIZE_MAX}, host, &size), HOST_NAME);
    assert_int_equal(host_normalise((struct view){text, 4 + HOST_LABEL_SIZE_MAX + 1}, host, &size),
                     HOST_MALFORMED);
    memset(text, 'a', HOST_LABEL_SIZE_MAX + 1);
    memcpy(text + HOST_LABEL_SIZE_MAX + 1, ".com", 4);
    assert_int_equal(host_normalise((struct view){text, HOST_LABEL_SIZE_MAX + 5}, host, &size),
                     HOST_MALFORMED);
}

/* The limits are those of what goes out: A-labels are longer than the U-labels that they stand for. */
static void host_limits_are_those_of_the_a_labels(void **state)
{
    (void)state;
    char text[HOST_RAW_SIZE_MAX];
    char host[HOST_SIZE_MAX];
    size_t size;

    /* `xn--`, so many letters and `-kva` or so: the longest that fits, and one letter more */
    size_t letters = 0;
    for (size_t count = 40; count < 64; count++) {
        memset(text, 'a', count);
        memcpy(text + count, "\xc3\xbc.example", 10);
        if (host_normalise((struct view){text, count + 10}, host, &size) != HOST_NAME)
            break;
        const char *dot = memchr(host, '.', size);
        assert_non_null(dot);
        assert_true(dot - host <= HOST_LABEL_SIZE_MAX);
        letters = count;
    }
    assert_in_range(letters, 52, 57); /* the U-label itself would have had room for 61 */
    memset(text, 'a', letters + 1);
    memcpy(text + letters + 1, "\xc3\xbc.example", 10);
    assert_int_equal(host_normalise((struct view){text, letters + 11}, host, &size), HOST_MALFORMED);

    /* 253 bytes and more in A-labels, out of fewer as written: labels of ten times U+00FC, 20 bytes each */
    size_t labels = 0;
    for (size_t count = 1; count < 40; count++) {
        size_t at = 0;
        for (size_t i = 0; i < count; i++) {
            for (size_t j = 0; j < 10; j++, at += 2)
                memcpy(text + at, "\xc3\xbc", 2);
            text[at++] = '.';
        }
        memcpy(text + at, "example", 7);
        if (host_normalise((struct view){text, at + 7}, host, &size) != HOST_NAME)
            break;
        assert_true(size <= HOST_SIZE_MAX);
        labels = count;
    }
    assert_in_range(labels, 5, 20);
}

static void host_reads_no_more_than_its_raw_limit(void **state)
{
    (void)state;
    char text[HOST_RAW_SIZE_MAX + 64];
    char host[HOST_SIZE_MAX];
    size_t size;
    /* "example.com:000...0443" is as long as you like */
    memset(text, '0', sizeof(text));
    memcpy(text, "example.com:", 12);
    assert_int_equal(host_normalise((struct view){text, HOST_RAW_SIZE_MAX}, host, &size), HOST_NAME);
    assert_int_equal(host_normalise((struct view){text, HOST_RAW_SIZE_MAX + 1}, host, &size), HOST_MALFORMED);
    memset(text, '\t', sizeof(text));
    memcpy(text, "https://example.c", 17);
    memcpy(text + sizeof(text) - 3, "om/", 3);
    assert_int_equal(host_from_url((struct view){text, sizeof(text)}, host, &size), HOST_NAME);
    memset(text + 17, 'a', sizeof(text) - 20);
    text[20] = '\t';
    assert_int_equal(host_from_url((struct view){text, sizeof(text)}, host, &size), HOST_MALFORMED);
}

static void host_is_the_same_when_normalised_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char once[HOST_SIZE_MAX];
        char twice[HOST_SIZE_MAX];
        size_t once_size, twice_size;
        assert_int_equal(host_normalise(view_of_string(names[i].raw), once, &once_size), HOST_NAME);
        assert_int_equal(host_normalise((struct view){once, once_size}, twice, &twice_size), HOST_NAME);
        assert_true(view_equal((struct view){once, once_size}, (struct view){twice, twice_size}));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(host_normalises_every_spelling_of_a_name),
        cmocka_unit_test(host_knows_addresses_in_every_spelling),
        cmocka_unit_test(host_refuses_what_is_no_name),
        cmocka_unit_test(host_is_found_in_urls_as_browsers_find_it),
        cmocka_unit_test(host_is_not_found_in_bad_urls),
        cmocka_unit_test(host_refuses_absent_and_nul),
        cmocka_unit_test(host_limits_hold_at_the_bound_and_break_one_past),
        cmocka_unit_test(host_limits_are_those_of_the_a_labels),
        cmocka_unit_test(host_reads_no_more_than_its_raw_limit),
        cmocka_unit_test(host_is_the_same_when_normalised_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
