/*
 * Fuzz target: whatever bytes come as a host or a URL, normalising reads nothing that is not theirs, leaves its outputs
 * alone where there is no name, and where there is one it is canonical: letters, digits, hyphens and underscores in labels
 * of 1 to 63 bytes, 253 in all, two labels at least, no address, and the same when it is normalised again. A URL says
 * the same host as its authority. What rules are looked up by stands on that.
 *
 * tests/fuzz/run.sh builds and runs it. The input is the host; it is judged as a URL too, as it is and behind a scheme.
 */
#include "common/error.h"
#include "common/host.h"
#include "common/public_suffix.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A copy that ends where its memory ends, so that a sanitizer sees the first byte too many. */
static struct view own(const char *prefix, const uint8_t *data, size_t size)
{
    size_t prefix_size = strlen(prefix);
    char *copy = malloc(prefix_size + size + (prefix_size + size == 0));
    ensure(copy != NULL);
    memcpy(copy, prefix, prefix_size);
    if (size > 0)
        memcpy(copy + prefix_size, data, size);
    return (struct view){copy, prefix_size + size};
}

static void check_canonical(const char *host, size_t size)
{
    char again[HOST_SIZE_MAX];
    size_t again_size = 0, label = 0, labels = 1;
    ensure(size >= 3 && size <= HOST_SIZE_MAX);
    for (size_t i = 0; i <= size; i++) {
        if (i == size || host[i] == '.') {
            ensure(i > label && i - label <= HOST_LABEL_SIZE_MAX);
            labels += i < size;
            label = i + 1;
            continue;
        }
        char c = host[i];
        ensure((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_');
    }
    ensure(labels >= 2);
    ensure(host_normalise((struct view){host, size}, again, &again_size) == HOST_NAME);
    ensure(again_size == size && memcmp(again, host, size) == 0);
    struct view site = public_suffix_registrable((struct view){host, size});
    ensure(view_is_absent(site) || (site.size <= size && site.data + site.size == host + size));
}

/* The result, with the name in out_host where there is one. */
static enum host_result judge(struct view text, bool is_url, char out_host[HOST_SIZE_MAX], size_t *out_size)
{
    memset(out_host, '!', HOST_SIZE_MAX);
    *out_size = 4711;
    enum host_result result =
        is_url ? host_from_url(text, out_host, out_size) : host_normalise(text, out_host, out_size);
    if (result == HOST_NAME)
        check_canonical(out_host, *out_size);
    else
        ensure(*out_size == 4711 && out_host[0] == '!' && out_host[HOST_SIZE_MAX - 1] == '!');
    free((void *)text.data);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char host[HOST_SIZE_MAX], host_of_url[HOST_SIZE_MAX];
    size_t host_size, url_host_size;
    (void)judge(own("", data, size), true, host_of_url, &url_host_size);
    enum host_result as_host = judge(own("", data, size), false, host, &host_size);
    enum host_result as_url = judge(own("https://", data, size), true, host_of_url, &url_host_size);
    /* IPv6 without brackets is an address in a header, and a name with a bad port in a URL */
    if (as_host == HOST_NAME)
        ensure(as_url == HOST_NAME && url_host_size == host_size &&
               memcmp(host, host_of_url, host_size) == 0);
    return 0;
}
