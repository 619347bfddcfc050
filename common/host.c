/*
 * Design: one pass over plain bytes does all for nearly every host there is: it lowers the case, checks labels and
 * lengths, and notices what it cannot judge (a percent sign, a byte above ASCII, an A-label). Only then the slow path
 * decodes, asks libidn2 for the whole name, and sends the answer through the same pass, so that nothing gets out
 * which the pass did not check: full-width digits that turn out to be an address, a decoded slash, an empty label.
 *
 * Source: WHATWG URL Standard, sections 3.5 (host parsing: percent-decode, domain to ASCII, forbidden code points,
 * "ends in a number", IPv4 parser) and 4.4 (basic URL parser); UTS 46 non-transitional; RFC 1035 for the lengths.
 */
#include "common/host.h"

#include <arpa/inet.h>
#include <idn2.h>
#include <stdint.h>

enum scan {
    SCAN_MALFORMED = 0,
    SCAN_PLAIN,   /* whole, and every byte checked */
    SCAN_A_LABEL, /* the same, but with an A-label, which only libidn2 can judge */
    SCAN_FOREIGN, /* not read to the end: a byte above ASCII or a percent sign */
};

/* What a byte becomes in a normalised name; 0: it has no place in one. */
static inline char plain_byte(unsigned char byte)
{
    if (byte >= 'a' && byte <= 'z')
        return (char)byte;
    if (byte >= 'A' && byte <= 'Z')
        return (char)(byte | 0x20);
    if ((byte >= '0' && byte <= '9') || byte == '-' || byte == '.' || byte == '_')
        return (char)byte;
    return 0;
}

static bool starts_a_label(const char *label, size_t size)
{
    return size >= 4 && memcmp(label, "xn--", 4) == 0;
}

/* Lower the case and check labels and lengths. out_name and *out_size hold the name for PLAIN and A_LABEL. */
static enum scan scan_name(struct view raw, char out_name[HOST_SIZE_MAX + 1], size_t *out_size)
{
    bool a_label = false;
    size_t label = 0; /* start of the label that is being read */
    size_t size = 0;

    for (size_t i = 0; i < raw.size; i++) {
        unsigned char byte = (unsigned char)raw.data[i];
        char plain = plain_byte(byte);
        if (plain == 0)
            return byte >= 0x80 || byte == '%' ? SCAN_FOREIGN : SCAN_MALFORMED;
        if (size > HOST_SIZE_MAX)
            return SCAN_MALFORMED; /* room is for the longest name and a dot behind it */
        if (plain == '.') {
            if (size == label || size - label > HOST_LABEL_SIZE_MAX)
                return SCAN_MALFORMED;
            a_label = a_label || starts_a_label(out_name + label, size - label);
            label = size + 1;
        }
        out_name[size++] = plain;
    }
    if (size > 0 && label == size)
        size--; /* one dot at the end is the root */
    else if (size == label || size - label > HOST_LABEL_SIZE_MAX)
        return SCAN_MALFORMED;
    else
        a_label = a_label || starts_a_label(out_name + label, size - label);
    if (size == 0 || size > HOST_SIZE_MAX)
        return SCAN_MALFORMED;
    *out_size = size;
    return a_label ? SCAN_A_LABEL : SCAN_PLAIN;
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* WHATWG "IPv4 number parser": decimal, 0 octal, 0x hexadecimal. Saturates: too large is larger than any limit. */
static bool parse_ipv4_number(const char *text, size_t size, uint64_t *out_number)
{
    unsigned base = 10;
    uint64_t number = 0;
    if (size == 0)
        return false;
    if (size >= 2 && text[0] == '0' && text[1] == 'x') {
        base = 16;
        text += 2;
        size -= 2;
    } else if (size >= 2 && text[0] == '0') {
        base = 8;
        text++;
        size--;
    }
    for (size_t i = 0; i < size; i++) {
        unsigned digit;
        if (is_digit(text[i]))
            digit = (unsigned)(text[i] - '0');
        else if (text[i] >= 'a' && text[i] <= 'f')
            digit = (unsigned)(text[i] - 'a') + 10;
        else
            return false;
        if (digit >= base)
            return false;
        if (number <= UINT32_MAX)
            number = number * base + digit;
    }
    *out_number = number;
    return true;
}

/* Does the last label look like a number? Then the name is an address or nothing (WHATWG "ends in a number"). */
static bool ends_in_number(const char *name, size_t size)
{
    size_t start = size;
    uint64_t number;
    bool digits = true;
    while (start > 0 && name[start - 1] != '.')
        start--;
    for (size_t i = start; i < size && digits; i++)
        digits = is_digit(name[i]);
    return digits || parse_ipv4_number(name + start, size - start, &number);
}

/* WHATWG "IPv4 parser": one to four numbers, of which the last fills what is left. */
static bool is_ipv4(const char *name, size_t size)
{
    uint64_t number = 0;
    unsigned count = 0;
    size_t start = 0;
    for (size_t i = 0; i <= size; i++) {
        if (i < size && name[i] != '.')
            continue;
        if (count > 0 && number > 255)
            return false; /* only the last may be larger */
        if (++count > 4 || !parse_ipv4_number(name + start, i - start, &number))
            return false;
        start = i + 1;
    }
    return number < (uint64_t)1 << (8 * (5 - count));
}

/* The last step for every name: address, single label, or a name for the rules. */
static enum host_result finish_name(const char *name, size_t size, char out_host[HOST_SIZE_MAX],
                                    size_t *out_size)
{
    if (ends_in_number(name, size))
        return is_ipv4(name, size) ? HOST_IP_LITERAL : HOST_MALFORMED;
    if (memchr(name, '.', size) == NULL)
        return HOST_MALFORMED;
    memcpy(out_host, name, size);
    *out_size = size;
    return HOST_NAME;
}

static int hex_value(char byte)
{
    if (is_digit(byte))
        return byte - '0';
    byte = (char)(byte | 0x20);
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* Percent-decode once, as browsers do: what is still a percent sign then has no place in a name. A NUL inside, or an
 * ASCII byte that no name has, is malformed here already, since libidn2 takes a NUL-terminated string. */
static bool decode_percent(struct view raw, char out_text[HOST_RAW_SIZE_MAX + 1])
{
    size_t size = 0;
    for (size_t i = 0; i < raw.size; i++) {
        char byte = raw.data[i];
        if (byte == '%' && i + 2 < raw.size && hex_value(raw.data[i + 1]) >= 0 &&
            hex_value(raw.data[i + 2]) >= 0) {
            byte = (char)(hex_value(raw.data[i + 1]) << 4 | hex_value(raw.data[i + 2]));
            i += 2;
        }
        if ((unsigned char)byte < 0x80 && plain_byte((unsigned char)byte) == 0)
            return false;
        out_text[size++] = byte;
    }
    out_text[size] = '\0';
    return true;
}

/* libidn2 maps by UTS 46, encodes U-labels and checks A-labels by decoding and encoding them again. */
static enum host_result normalise_international(struct view raw, char out_host[HOST_SIZE_MAX],
                                                size_t *out_size)
{
    char text[HOST_RAW_SIZE_MAX + 1];
    char name[HOST_SIZE_MAX + 1];
    size_t size;
    char *ascii = NULL;

    if (!decode_percent(raw, text))
        return HOST_MALFORMED;
    enum scan scan = scan_name(view_of_string(text), name, &size);
    if (scan == SCAN_FOREIGN || scan == SCAN_A_LABEL) {
        if (idn2_to_ascii_8z(text, &ascii, IDN2_NONTRANSITIONAL) != IDN2_OK)
            return HOST_MALFORMED;
        scan = scan_name(view_of_string(ascii), name, &size);
        idn2_free(ascii);
    }
    /* FOREIGN again is what mapped to a percent sign, such as U+FF05: no second decoding. */
    if (scan != SCAN_PLAIN && scan != SCAN_A_LABEL)
        return HOST_MALFORMED;
    return finish_name(name, size, out_host, out_size);
}

static enum host_result normalise_name(struct view raw, char out_host[HOST_SIZE_MAX], size_t *out_size)
{
    char name[HOST_SIZE_MAX + 1];
    size_t size;
    switch (scan_name(raw, name, &size)) {
    case SCAN_PLAIN:
        return finish_name(name, size, out_host, out_size);
    case SCAN_A_LABEL:
    case SCAN_FOREIGN:
        return normalise_international(raw, out_host, out_size);
    case SCAN_MALFORMED:
        break;
    }
    return HOST_MALFORMED;
}

/* An IPv6 address without brackets; a zone (`%eth0`) is not allowed, as in browsers. */
static enum host_result judge_ipv6(struct view address)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr ignored;
    if (address.size == 0 || address.size >= sizeof(text) || memchr(address.data, '\0', address.size) != NULL)
        return HOST_MALFORMED;
    memcpy(text, address.data, address.size);
    text[address.size] = '\0';
    return inet_pton(AF_INET6, text, &ignored) == 1 ? HOST_IP_LITERAL : HOST_MALFORMED;
}

/* What may follow a host: nothing, or a colon and a port of 0 to 65535 (none at all counts as the default one). */
static bool is_port(struct view rest)
{
    unsigned port = 0;
    if (rest.size == 0)
        return true;
    if (rest.data[0] != ':')
        return false;
    for (size_t i = 1; i < rest.size; i++) {
        if (!is_digit(rest.data[i]))
            return false;
        port = port * 10 + (unsigned)(rest.data[i] - '0');
        if (port > 65535)
            return false;
    }
    return true;
}

static enum host_result normalise_host_and_port(struct view raw, char out_host[HOST_SIZE_MAX],
                                                size_t *out_size)
{
    const char *end = NULL;
    if (raw.size == 0 || raw.size > HOST_RAW_SIZE_MAX)
        return HOST_MALFORMED;
    if (raw.data[0] == '[') {
        end = memchr(raw.data, ']', raw.size);
        if (end == NULL || !is_port((struct view){end + 1, (size_t)(raw.data + raw.size - end - 1)}))
            return HOST_MALFORMED;
        return judge_ipv6((struct view){raw.data + 1, (size_t)(end - raw.data - 1)});
    }
    end = memchr(raw.data, ':', raw.size);
    if (end == NULL)
        return normalise_name(raw, out_host, out_size);
    struct view name = {raw.data, (size_t)(end - raw.data)};
    if (!is_port((struct view){end, raw.size - name.size}))
        return HOST_MALFORMED;
    return normalise_name(name, out_host, out_size);
}

enum host_result host_normalise(struct view host, char out_host[HOST_SIZE_MAX], size_t *out_size)
{
    if (view_is_absent(host))
        return HOST_MALFORMED;
    if (judge_ipv6(host) == HOST_IP_LITERAL)
        return HOST_IP_LITERAL;
    return normalise_host_and_port(host, out_host, out_size);
}

/* Browsers drop tabs and line ends wherever they stand in a URL. */
static bool is_dropped(char byte)
{
    return byte == '\t' || byte == '\n' || byte == '\r';
}

static struct view trim(struct view url)
{
    while (url.size > 0 && (unsigned char)url.data[0] <= ' ')
        url = (struct view){url.data + 1, url.size - 1};
    while (url.size > 0 && (unsigned char)url.data[url.size - 1] <= ' ')
        url.size--;
    return url;
}

static bool is_slash(char byte)
{
    return byte == '/' || byte == '\\';
}

/* Index behind `http:` or `https:` and all slashes that follow; 0: another scheme, or none. */
static size_t skip_scheme(struct view url)
{
    static const char scheme[] = "https";
    size_t matched = 0;
    size_t i = 0;
    for (; i < url.size; i++) {
        char byte = url.data[i];
        if (is_dropped(byte))
            continue;
        if (byte == ':')
            break;
        if (matched == sizeof(scheme) - 1 || plain_byte((unsigned char)byte) != scheme[matched])
            return 0;
        matched++;
    }
    if (i == url.size || matched < 4)
        return 0;
    do
        i++;
    while (i < url.size && (is_slash(url.data[i]) || is_dropped(url.data[i])));
    return i;
}

enum host_result host_from_url(struct view url, char out_host[HOST_SIZE_MAX], size_t *out_size)
{
    char cleaned[HOST_RAW_SIZE_MAX];
    size_t size = 0;
    bool dropped = false;

    url = trim(url);
    size_t start = skip_scheme(url);
    if (start == 0)
        return HOST_MALFORMED;
    size_t end = start;
    for (; end < url.size; end++) {
        char byte = url.data[end];
        if (is_slash(byte) || byte == '?' || byte == '#')
            break;
        if (byte == '@') {
            start = end + 1;
            dropped = false;
        }
        dropped = dropped || is_dropped(byte);
    }
    struct view raw = {url.data + start, end - start};
    if (!dropped)
        return normalise_host_and_port(raw, out_host, out_size);
    for (size_t i = 0; i < raw.size; i++) {
        if (is_dropped(raw.data[i]))
            continue;
        if (size == sizeof(cleaned))
            return HOST_MALFORMED;
        cleaned[size++] = raw.data[i];
    }
    return normalise_host_and_port((struct view){cleaned, size}, out_host, out_size);
}
