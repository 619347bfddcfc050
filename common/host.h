/*
 * Host names in one spelling.
 *
 * A host reaches clickveil out of a URL or a header, in whatever spelling the client chose. Rules are looked up by
 * exact bytes, so every spelling of one host must become the same bytes, and what is no host name must not become
 * one: `deny` for a site would otherwise be got round by an upper-case letter or a percent sign.
 *
 * We read as browsers do (WHATWG URL, host parsing, for the special schemes), and are narrower where they are
 * generous: a name consists of letters, digits, hyphens and underscores in labels of 1 to 63 bytes, 253 in all, and has
 * at least two labels. A single label (`localhost`, `router`, the name of somebody's own machine) is malformed: it
 * belongs to no site, no rule can name it, and it can identify a person.
 *
 * Thread: all functions are pure; any thread. Nothing is allocated unless a label is international.
 */
#ifndef CLICKVEIL_COMMON_HOST_H
#define CLICKVEIL_COMMON_HOST_H

#include "common/view.h"

enum {
    HOST_SIZE_MAX = 253,      /* bytes of a normalised name, without a dot at its end (RFC 1035, 2.3.4) */
    HOST_LABEL_SIZE_MAX = 63, /* bytes of a label (RFC 1035, 2.3.4) */
    HOST_RAW_SIZE_MAX =
        3072, /* bytes as written: 253 characters of four bytes, each percent-encoded, and a port */
};

enum host_result {
    HOST_MALFORMED = 0, /* no host name */
    HOST_NAME,          /* out_host holds it: lower-case ASCII, A-labels, no port, no dot at the end */
    HOST_IP_LITERAL,    /* an IPv4 address in any spelling, or an IPv6 address: says nothing of interests */
};

/* Normalise the host of a URL. Schemes http and https only, in any case; everything else is malformed, also a URL
 * without a scheme. As browsers do: white space around it is cut off, tabs and line ends inside it vanish, a backslash
 * is a slash, any number of slashes may follow the scheme, the last `@` ends the user information. out_host and
 * *out_size are written for HOST_NAME only; no NUL is added. */
CLICKVEIL_MUST_CHECK enum host_result host_from_url(struct view url, char out_host[HOST_SIZE_MAX],
                                                    size_t *out_size);

/* Normalise a host as a header or a log names it: a name or an address, with or without `:port`; IPv6 in brackets, or
 * bare when there is no port. Percent-encoding is decoded once; U-labels become A-labels by UTS 46, non-transitional;
 * A-labels are checked; both with the code points of IDNA 2008 only, so symbols are malformed. User information, white
 * space or a path make it malformed. out_host and *out_size as above. */
CLICKVEIL_MUST_CHECK enum host_result host_normalise(struct view host, char out_host[HOST_SIZE_MAX],
                                                     size_t *out_size);

#endif
